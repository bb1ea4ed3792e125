"""The loss and weights of a two-layer network after 100 steps, computed by NumPy in float64.

    python3 spec/reference/training.py > spec/reference/training.lua

Inputs and first weights are numbers of helper.lua's generator, the same bits in Lua and here. The
gradients are written by hand, the optimizers as TensorFlow documents them.
"""

import numpy as np

N, D, H, C = 32, 12, 24, 5  # batch, inputs, hidden units, classes
STEPS = 100


def bits(seed, count):
    with np.errstate(over="ignore"):
        z = np.uint64(seed) * np.uint64(0xD1342543DE82EF95)
        z = z + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return (z ^ (z >> np.uint64(31))) >> np.uint64(40)


def uniform(seed, shape, low, high):
    flat = low + (high - low) * (bits(seed, int(np.prod(shape))).astype(np.float64) / 2**24)
    return flat.astype(np.float32).astype(np.float64).reshape(shape)


X = uniform(1, (N, D), -1, 1)
LABELS = (bits(2, N) % np.uint64(C)).astype(np.int64)


def weights():
    return [uniform(3, (D, H), -0.5, 0.5), np.zeros(H), uniform(4, (H, C), -0.5, 0.5), np.zeros(C)]


def loss_and_gradients(w1, b1, w2, b2):
    hidden = np.tanh(X @ w1 + b1)
    logits = hidden @ w2 + b2
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_p[np.arange(N), LABELS].mean()
    dlogits = np.exp(log_p)
    dlogits[np.arange(N), LABELS] -= 1
    dlogits /= N
    dhidden = dlogits @ w2.T * (1 - hidden**2)
    return loss, [X.T @ dhidden, dhidden.sum(axis=0), hidden.T @ dlogits, dlogits.sum(axis=0)]


def gradient_descent(w, g, slots, step):
    return w - 0.1 * g, slots


def momentum(w, g, slots, step):
    m = 0.9 * slots[0] + g
    return w - 0.05 * m, (m,)


def adam(w, g, slots, step):
    m = 0.9 * slots[0] + 0.1 * g
    v = 0.999 * slots[1] + 0.001 * g * g
    rate = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    return w - rate * m / (np.sqrt(v) + 1e-8), (m, v)


def train(optimizer):
    parameters = weights()
    slots = [(np.zeros_like(w), np.zeros_like(w)) for w in parameters]
    first = None
    for step in range(1, STEPS + 1):
        loss, gradients = loss_and_gradients(*parameters)
        first = loss if first is None else first
        for i, g in enumerate(gradients):
            parameters[i], slots[i] = optimizer(parameters[i], g, slots[i], step)
    return first, loss_and_gradients(*parameters)[0], parameters


def main():
    print("-- Made by training.py with NumPy: losses before and after, and the four parameters.")
    print("-- luacheck: ignore 631")
    print("return {")
    for optimizer in (gradient_descent, momentum, adam):
        first, last, parameters = train(optimizer)
        print(f"  {optimizer.__name__} = {{")
        print(f"    first = {first!r},\n    last = {last!r},".replace("np.float64(", "").replace(")", ""))
        for w in parameters:
            print("    { " + ", ".join(map(repr, w.ravel().tolist())) + " },")
        print("  },")
    print("}")


if __name__ == "__main__":
    main()
