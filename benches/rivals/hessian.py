"""JAX's and PyTorch's side of the Hessian benchmark: answers one line on standard output for each line on standard input.

`CASE N` evaluates the Hessian of a case at size N, in double precision, and answers with a checksum and the seconds of the
runs of `jax.jit(jax.hessian)`, then a checksum and the seconds of `torch.func.hessian` (none where N is above its limit).
"""

import os
import sys
import time

THREADS = int(sys.argv[1])
os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if THREADS > 1 else 'false'} intra_op_parallelism_threads={THREADS}"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np
try:
    import torch
except ImportError:
    torch = None

jax.config.update("jax_enable_x64", True)
if torch:
    torch.set_num_threads(THREADS)
RUNS = 5
FACTORS = 5
LAYERS = 10
# Beyond these sizes one evaluation of torch.func.hessian takes many seconds or all memory.
TORCH_LIMIT = {"logistic": 500, "factorisation": 50, "weighted": 50, "network": 32}


def values(shape, offset, scale):
    """The same numbers as on the other side."""
    count = int(np.prod(shape))
    return scale * np.sin(np.arange(count) * 0.7 + offset).reshape(shape)


def case(name, n, library):
    """A function of the variable, and the variable."""
    give = jnp.asarray if library is jnp else torch.from_numpy
    if name == "logistic":
        x = give(values((2 * n, n), 1.0, 1.0))
        y = give(np.sign(values((2 * n,), 2.0, 1.0)))
        softplus = jax.nn.softplus if library is jnp else torch.nn.functional.softplus
        return lambda w: softplus(-y * (x @ w)).sum(), give(values((n,), 3.0, 0.1))
    if name in ("factorisation", "weighted"):
        v = give(values((n, FACTORS), 1.0, 1.0))
        t = give(values((n, n), 2.0, 1.0))
        weights = give(values((n, n), 4.0, 1.0)) if name == "weighted" else 1.0
        return lambda u: (weights * (u @ v.T - t) ** 2).sum(), give(values((n, FACTORS), 3.0, 1.0))
    x = give(values((n,), 1.0, 1.0))
    weights = [give(values((n, n), 2.0 + layer, 2.0 / n**0.5)) for layer in range(LAYERS)]
    target = give(np.eye(n)[1])
    relu = jax.nn.relu if library is jnp else torch.relu

    def loss(first):
        hidden = relu(first @ x)
        for weight in weights[1:-1]:
            hidden = relu(weight @ hidden)
        z = weights[-1] @ hidden
        total = jax.scipy.special.logsumexp(z) if library is jnp else torch.logsumexp(z, 0)
        return total - (target * z).sum()

    return loss, weights[0]


def checksum(hessian):
    flat = np.asarray(hessian).reshape(-1)
    return float((flat * np.cos(np.arange(flat.size))).sum())


for line in sys.stdin:
    name, size = line.split()
    n = int(size)
    loss, variable = case(name, n, jnp)
    hessian = jax.jit(jax.hessian(loss))
    answer = [checksum(hessian(variable).block_until_ready())]
    for _ in range(RUNS):
        start = time.perf_counter()
        hessian(variable).block_until_ready()
        answer.append(time.perf_counter() - start)
    if torch and n <= TORCH_LIMIT[name]:
        loss, variable = case(name, n, torch)
        answer.append(checksum(torch.func.hessian(loss)(variable)))
        for _ in range(RUNS):
            start = time.perf_counter()
            torch.func.hessian(loss)(variable)
            answer.append(time.perf_counter() - start)
    print(*answer, flush=True)
