"""JAX's side of the benchmark `first-gradient`: prints the seconds from definition to first gradient of 784-512-256-10 under `jax.jit`, in
a process that has done nothing before; imports are not counted."""

import os
import sys
import time

# Before JAX makes its threads: it has no other way to have fewer than cores.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-int(sys.argv[1]):])

import jax
import jax.numpy as jnp
import numpy as np

WIDTHS, BATCH = [784, 512, 256, 10], 128

for _ in sys.stdin:
    start = time.perf_counter()
    shapes = list(zip(WIDTHS, WIDTHS[1:]))
    parameters = [(np.full(shape, 0.01, np.float32), np.zeros(shape[1], np.float32)) for shape in shapes]
    samples, labels = np.ones((BATCH, WIDTHS[0]), np.float32), np.zeros((BATCH, 1), np.int32)

    def loss(parameters, samples, labels):
        values = samples
        for number, (weights, bias) in enumerate(parameters):
            values = values @ weights + bias
            if number + 1 < len(parameters):
                values = jax.nn.relu(values)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(values), labels, axis=1))

    jax.block_until_ready(jax.jit(jax.value_and_grad(loss))(parameters, samples, labels))
    print(time.perf_counter() - start, flush=True)
