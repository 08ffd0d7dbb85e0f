"""PyTorch's and JAX's side of the benchmark `layers`: answers one line on standard output for each line on standard input.

`check SIDE CASE` answers with a checksum and the norm of each result, `time SIDE CASE COUNT` with the seconds of each run, forward and
backward with a given cotangent, in single precision.
"""

import os
import sys
import time

THREADS = int(sys.argv[1])
# Before any library makes its threads: JAX has no other way to have fewer than cores.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-THREADS:])

import numpy as np


def numbers(offset, *shape):
    """The same numbers as on the other side."""
    return np.sin(np.arange(int(np.prod(shape))) * 0.7 + offset).astype(np.float32).reshape(shape)


def inputs(case):
    """The differentiable inputs, then the others."""
    if case == "attention":
        shape = (8, 8, 256, 64)
        return [numbers(offset, *shape) for offset in (0, 1, 2)], [numbers(3, *shape)]
    if case == "layer-norm":
        return [numbers(0, 2048, 1024), numbers(1, 1024), numbers(2, 1024)], [numbers(3, 2048, 1024)]
    return [numbers(0, 256, 32000)], [np.arange(256) * 7919 % 32000]


class Torch:
    def __init__(self, case, fused):
        import torch
        import torch.nn.functional as F

        torch.set_num_threads(THREADS)
        wrt, rest = inputs(case)
        self.wrt = [torch.tensor(array, requires_grad=True) for array in wrt]
        rest = [torch.tensor(array) for array in rest]
        if case == "attention" and fused:
            self.forward = lambda: F.scaled_dot_product_attention(*self.wrt)
        elif case == "attention":

            def plain():
                q, k, v = self.wrt
                return torch.softmax(q @ k.transpose(-1, -2) / 64**0.5, -1) @ v

            self.forward = plain
        elif case == "layer-norm":
            self.forward = lambda: F.layer_norm(self.wrt[0], (1024,), *self.wrt[1:])
        else:
            self.forward = lambda: F.cross_entropy(self.wrt[0], rest[0])
        self.cotangent = None if case == "cross-entropy" else rest[0]
        self.grad = torch.autograd.grad

    def run(self):
        output = self.forward()
        return [output.detach(), *self.grad(output, self.wrt, self.cotangent)]

    def arrays(self):
        return [array.numpy() for array in self.run()]


class Jax:
    def __init__(self, case):
        import jax
        import jax.numpy as jnp

        wrt, rest = inputs(case)
        self.arguments = [[jnp.asarray(array) for array in part] for part in (wrt, rest)]

        def attention(q, k, v):
            return jax.nn.softmax(q @ jnp.swapaxes(k, -1, -2) / 64**0.5) @ v

        def layer_norm(x, g, b):
            centred = x - x.mean(-1, keepdims=True)
            return g * centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) + b

        def both(wrt, rest):
            if case == "cross-entropy":
                labels = rest[0][:, None]
                loss = lambda z: -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), labels, 1))
                value, gradient = jax.value_and_grad(loss)(*wrt)
                return [value, gradient]
            function = attention if case == "attention" else layer_norm
            output, backward = jax.vjp(function, *wrt)
            return [output, *backward(rest[0])]

        self.jitted = jax.jit(both)
        self.wait = jax.block_until_ready

    def run(self):
        return self.wait(self.jitted(*self.arguments))

    def arrays(self):
        return [np.asarray(array) for array in self.run()]


KINDS = {"torch": lambda case: Torch(case, True), "plain": lambda case: Torch(case, False), "jax": Jax}
sides = {}
for line in sys.stdin:
    command, side, case, *count = line.split()
    if (side, case) not in sides:
        sides[side, case] = KINDS[side](case)
    answer = []
    if command == "check":
        for array in sides[side, case].arrays():
            flat = array.astype(np.float64).ravel()
            answer += [flat @ np.cos(np.arange(flat.size)), np.linalg.norm(flat)]
    else:
        for _ in range(int(count[0])):
            start = time.perf_counter()
            sides[side, case].run()
            answer.append(time.perf_counter() - start)
    print(*answer, flush=True)
