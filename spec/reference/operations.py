"""The expected values of spec/samples, computed by NumPy in float64.

    python3 spec/reference/operations.py > spec/reference/operations.lua

It reads the cases from the samples themselves (cases.lua prints them), so that only the formulas
are written twice: here, and in neap.
"""

import json
import subprocess

import numpy as np
from scipy.special import logsumexp, softmax as scipy_softmax

np.seterr(all="ignore")

KINDS = {"number": np.float64, "index": np.int64, "bool": np.bool_}


def axes(axis):
    return tuple(axis) if isinstance(axis, list) else axis


def cast(x, dtype):
    if dtype == "bool":
        return x != 0
    if dtype.startswith(("int", "uint")):
        # Saturating, and not-a-number is zero.
        limits = np.iinfo(dtype)
        x = np.nan_to_num(np.trunc(x.astype(np.float64)), nan=0, posinf=limits.max, neginf=limits.min)
        return np.clip(x, limits.min, limits.max).astype(np.int64)
    return x.astype(np.float64)


def full(shape, value, dtype="float32"):
    kind = np.bool_ if dtype == "bool" else np.int64 if "int" in dtype else np.float64
    return np.full(shape, value, kind)


def reduction(function, empty=None):
    def reduce(x, axis=None, keepdims=False):
        axis = axes(axis)
        if axis == ():
            return function(x[..., None], axis=-1)
        shape = np.sum(x, axis=axis, keepdims=keepdims).shape
        if x.size == 0:
            return np.full(shape, empty if np.prod(shape) else 0.0)
        return function(x, axis=axis, keepdims=keepdims)

    return reduce


def matmul(a, b, transpose_a=False, transpose_b=False):
    a = np.swapaxes(a, -1, -2) if transpose_a else a
    b = np.swapaxes(b, -1, -2) if transpose_b else b
    return np.matmul(a, b)


def squeeze(x, axis=None):
    return np.squeeze(x, axes(axis))


def slice_(x, begin, size):
    stops = [n if s == -1 else b + s for b, s, n in zip(begin, size, x.shape)]
    return x[tuple(slice(b, e) for b, e in zip(begin, stops))]


def strided_slice(x, begin, stop, strides):
    # What is false in Lua is no bound.
    def bound(value):
        return None if value is False else value

    return x[tuple(slice(bound(b), bound(e), s) for b, e, s in zip(begin, stop, strides))]


def pad(x, paddings, mode="constant", constant_value=0):
    extra = {"constant_values": constant_value} if mode == "constant" else {}
    return np.pad(x, paddings, mode, **extra) if paddings else x


def gather(params, indices, axis=0, batch_dims=0):
    if batch_dims == 0:
        return np.take(params, indices, axis=axis)
    return np.stack([gather(p, i, axis - 1, batch_dims - 1) for p, i in zip(params, indices)])


def one_hot(indices, depth, on_value=1, off_value=0, axis=-1):
    hot = np.where(indices[..., None] == np.arange(depth), float(on_value), float(off_value))
    return np.moveaxis(hot, -1, axis)


def softmax(x, axis=-1):
    return scipy_softmax(x, axis=axis) if x.size else x


def log_softmax(x, axis=-1):
    # SciPy's own loses bits where one logit is far above the others.
    if not x.size:
        return x
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def cross_entropy(labels, logits, axis=-1):
    if not logits.size:
        return np.zeros(np.delete(logits.shape, axis))
    return -(labels * log_softmax(logits, axis)).sum(axis=axis)


def sparse_cross_entropy(labels, logits):
    hot = labels[..., None] == np.arange(logits.shape[-1])
    return -np.where(hot, log_softmax(logits), 0).sum(axis=-1)


OPERATIONS = {
    "identity": lambda x: x,
    "stop_gradient": lambda x: x,
    "cast": cast,
    "negative": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "square": np.square,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "sigmoid": lambda x: np.where(x < 0, np.exp(x) / (1 + np.exp(x)), 1 / (1 + np.exp(-x))),
    "tanh": np.tanh,
    "softplus": lambda x: np.logaddexp(0, x),
    "leaky_relu": lambda x, alpha=0.2: np.where(x > 0, x, alpha * x),
    "relu": lambda x: np.maximum(x, 0),
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "floor_divide": np.floor_divide,
    "mod": np.mod,
    "pow": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "equal": np.equal,
    "less": np.less,
    "greater": np.greater,
    "where": np.where,
    "reduce_sum": reduction(np.sum, 0.0),
    "reduce_mean": reduction(np.mean, np.nan),
    "reduce_max": reduction(np.max, -np.inf),
    "reduce_min": reduction(np.min, np.inf),
    "reduce_prod": reduction(np.prod, 1.0),
    "reduce_logsumexp": reduction(logsumexp, -np.inf),
    "argmax": lambda x, axis=0: np.argmax(x, axis=axis) if x.size else np.zeros(0, np.int64),
    "matmul": matmul,
    "tensordot": lambda a, b, axes: np.tensordot(a, b, axes),
    "transpose": lambda x, perm=None: np.transpose(x, perm),
    "reshape": lambda x, shape: np.reshape(x, shape),
    "shape": lambda x: np.array(x.shape, np.int64),
    "expand_dims": lambda x, axis: np.expand_dims(x, axis),
    "squeeze": squeeze,
    "broadcast_to": lambda x, shape: np.broadcast_to(x, shape),
    "concat": lambda *x, axis: np.concatenate(x, axis=axis),
    "slice": lambda x, begin, size: slice_(x, begin, size),
    "strided_slice": strided_slice,
    "pad": pad,
    "roll": lambda x, shift, axis: np.roll(x, shift, axis),
    "gather": gather,
    "one_hot": one_hot,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "softmax_cross_entropy_with_logits": cross_entropy,
    "sparse_softmax_cross_entropy_with_logits": sparse_cross_entropy,
    "zeros": lambda shape, dtype="float32": full(shape, 0, dtype),
    "ones": lambda shape, dtype="float32": full(shape, 1, dtype),
    "fill": lambda dims, value: full(dims, float(value)),
    "zeros_like": np.zeros_like,
    "ones_like": np.ones_like,
}


def number(value):
    if isinstance(value, bool):
        return str(value).lower()
    if value != value:
        return "nan"
    if value in (np.inf, -np.inf):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, float) and value == int(value) and abs(value) < 2**53:
        return str(int(value))
    return repr(value)


def main():
    listed = subprocess.run(["lua5.4", "spec/reference/cases.lua"], check=True, capture_output=True)
    print("-- Made by operations.py with NumPy. Each row: a shape, then the elements.")
    print("-- luacheck: ignore 631")
    print("local inf <const>, nan <const> = math.huge, 0 / 0")
    print("return {")
    before = None
    for case in json.loads(listed.stdout):
        if case["op"] != before:
            print("  }," if before else "", end="\n" if before else "")
            before = case["op"]
            print(f"  {before} = {{")
        arrays = [
            np.array(i["values"], KINDS[i["kind"]]).reshape(i["shape"]) for i in case["inputs"]
        ]
        result = np.asarray(OPERATIONS[before](*arrays, **dict(case["with"])))
        shape = ", ".join(map(str, result.shape))
        values = ", ".join(map(number, result.ravel().tolist()))
        print(f"    {{ {{ {shape} }}, {{ {values} }} }},")
    print("  },\n}")


if __name__ == "__main__":
    main()
