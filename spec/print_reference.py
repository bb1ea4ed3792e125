"""Writes print_reference.txt: arrays and the text that NumPy's str() makes of them.

Run with NumPy 2.3 or later (earlier ones choose scientific notation by one bound for all
dtypes):

    python3 spec/print_reference.py > spec/print_reference.txt

A record is a line `= dtype dims...`, a line of the elements' bits in hexadecimal, which are
repeated until the array is full, and the lines of the text, each after `|`.
"""

import numpy as np

BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
DTYPES = "float32 float64 float16 int8 int16 int32 int64 uint8 bool".split()
rng = np.random.default_rng(20)


def record(values, shape):
    """Prints one case: `values` repeated until `shape` is full."""
    values = np.atleast_1d(values)
    array = np.resize(values, shape)
    bits = values.view(BITS[values.dtype.itemsize])
    print("=", values.dtype.name, *shape)
    print(*(f"{b:x}" for b in bits))
    for line in str(array).split("\n"):
        print("|" + line)


def random_values(dtype, count):
    if dtype == "bool":
        return rng.integers(0, 2, count).astype(bool)
    if "int" in dtype:
        info = np.iinfo(dtype)
        top = min(int(rng.choice([10, 100, 2**62])), info.max)
        return rng.integers(max(info.min, -top), top, count, dtype=dtype, endpoint=True)
    kind = rng.integers(7)
    if kind == 0:
        values = rng.normal(size=count)
    elif kind == 1:
        values = rng.integers(-5, 6, count).astype(float)
    elif kind == 2:
        values = rng.integers(-50, 51, count) / 8
    elif kind == 3:
        values = rng.normal(size=count) * 10.0 ** rng.integers(-12, 12, count)
    elif kind == 4:
        values = rng.random(count) * 10.0 ** rng.integers(-3, 9)
    elif kind == 5:
        values = np.exp(2 * rng.normal(size=count))
    else:
        size = np.dtype(dtype).itemsize
        values = rng.integers(0, 256, (count, size), dtype=np.uint8)
        return values.view(dtype).reshape(count)
    values = values.astype(dtype)
    if rng.integers(4) == 0:
        values[rng.integers(count)] = rng.choice([np.nan, np.inf, -np.inf, -0.0])
    return values


def main():
    np.seterr(all="ignore")
    record(np.array([2, -1], np.float32), (2,))
    edges = [0.0, -0.0, 1, 1e-4, 9.99e-5, 999.5, 1000, 999999.9, 1e6, 1e8, 1e16, 1 / 3,
             2.0**-6, 2.0**-44, 5e-324, 1e-45, 6e-8, 1e100, 1e300, np.nan, np.inf, -np.inf]
    for dtype in ["float32", "float64", "float16"]:
        for edge in edges:
            value = np.array([edge]).astype(dtype)
            record(value, ())
            record(value, (1,))
        record(np.array([1, 1000, 1001]).astype(dtype), (3,))
        record(np.array([np.nan, -np.inf]).astype(dtype), (2, 1))
        record(np.array([1.5, -np.inf, np.nan]).astype(dtype), (3,))
        record(np.array([1e-7, -np.inf, np.nan]).astype(dtype), (3,))
    for dtype in DTYPES:
        for shape in [(0,), (0, 3), (3, 0), (2, 0, 4)]:
            record(np.zeros(1, dtype), shape)
        for _ in range(20):
            rank = int(rng.integers(0, 5))
            shape = tuple(int(n) for n in rng.choice([1, 1, 2, 3], rank))
            record(random_values(dtype, int(np.prod(shape))), shape)
        for shape in [(1001,), (7, 143), (6, 167), (1001, 1), (2, 3, 200), (40, 40),
                      (2, 1, 7, 80)]:
            record(random_values(dtype, 13), shape)
        record(random_values(dtype, 11), (3, 29))
    record(random_values("int8", 13), (1000,))
    record(random_values("float32", 3), (10, 10, 10))


main()
