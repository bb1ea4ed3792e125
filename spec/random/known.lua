--- Seeds of random graphs that are known to fail: none.
return {}
