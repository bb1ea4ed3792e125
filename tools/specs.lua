-- Runs busted under this interpreter, whichever Lua the `busted` command belongs to; the options
-- are busted's. A busted that `make deps` had to take from LuaRocks is in build/rocks.
local rocks = "build/rocks/share/lua/5.4/"
package.path = ("%s;%s?.lua;%s?/init.lua"):format(package.path, rocks, rocks)
package.cpath = package.cpath .. ";build/rocks/lib/lua/5.4/?.so"
assert(_VERSION == "Lua 5.4", "the specs are for Lua 5.4")
require "busted.runner" { standalone = false }
