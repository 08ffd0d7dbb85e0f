"""PyTorch's and JAX's side of the benchmark `step`: answers one line on standard output for each line on standard input.

`load SIDE FILE ACTIVATION BATCH RATE WIDTH...` takes a network with its samples, little-endian single precision: samples, labels, then
weights (outputs x inputs) and bias of each layer. `losses SIDE COUNT` takes steps and answers with the loss before each; `time SIDE
COUNT` takes steps and answers with the seconds of each, or with their mean where calls return before they are done.
"""

import os
import sys
import time

THREADS = int(sys.argv[1])
# Before any library makes its threads: JAX has no other way to have fewer than cores.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-THREADS:])

import numpy as np


class Network:
    def __init__(self, file, activation, batch, rate, *widths):
        self.activation, self.batch, self.rate = activation, int(batch), float(rate)
        self.widths = [int(width) for width in widths]
        numbers = np.fromfile(file, "<f4")
        place = 0

        def take(*shape):
            nonlocal place
            count = int(np.prod(shape))
            place += count
            return numbers[place - count : place].reshape(shape)

        self.samples = take(self.batch, self.widths[0])
        self.labels = take(self.batch).astype(np.int64)
        pairs = zip(self.widths, self.widths[1:])
        self.layers = [(take(outputs, inputs), take(outputs)) for inputs, outputs in pairs]


class Eager:
    """PyTorch's modules and its optimiser."""

    def __init__(self, network):
        import torch
        from torch import nn

        torch.set_num_threads(THREADS)
        activation = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU}[network.activation]
        modules = []
        for weights, bias in network.layers:
            linear = nn.Linear(weights.shape[1], weights.shape[0])
            with torch.no_grad():
                linear.weight.copy_(torch.tensor(weights))
                linear.bias.copy_(torch.tensor(bias))
            modules += [linear, activation()]
        self.model = nn.Sequential(*modules[:-1])
        self.loss = nn.CrossEntropyLoss()
        self.samples = torch.tensor(network.samples)
        self.labels = torch.tensor(network.labels)
        self.rate = network.rate
        self.optimiser = torch.optim.SGD(self.model.parameters(), lr=network.rate)

    def step(self):
        self.optimiser.zero_grad()
        loss = self.loss(self.model(self.samples), self.labels)
        loss.backward()
        self.optimiser.step()
        return loss

    def losses(self, count):
        return [self.step().item() for _ in range(count)]

    def seconds(self, count):
        seconds = []
        for _ in range(count):
            start = time.perf_counter()
            self.step()
            seconds.append(time.perf_counter() - start)
        return seconds


class Foreach(Eager):
    """The same modules, and the update without an optimiser's bookkeeping."""

    def __init__(self, network):
        super().__init__(network)
        self.parameters = list(self.model.parameters())

    def step(self):
        import torch

        loss = self.loss(self.model(self.samples), self.labels)
        gradients = torch.autograd.grad(loss, self.parameters)
        with torch.no_grad():
            torch._foreach_add_(self.parameters, gradients, alpha=-self.rate)
        return loss


class Jit:
    """A step under `jax.jit`, its parameters donated; calls follow each other without waiting."""

    def __init__(self, network):
        import jax
        import jax.numpy as jnp

        activation = {
            "tanh": jnp.tanh,
            "relu": jax.nn.relu,
            "gelu": lambda x: jax.nn.gelu(x, approximate=False),
        }[network.activation]
        # Inputs x outputs, as JAX's own libraries keep weights.
        self.parameters = [(jnp.asarray(weights.T), jnp.asarray(bias)) for weights, bias in network.layers]
        self.samples, self.labels = jnp.asarray(network.samples), jnp.asarray(network.labels)

        def loss(parameters, samples, labels):
            values = samples
            for number, (weights, bias) in enumerate(parameters):
                values = values @ weights + bias
                if number + 1 < len(parameters):
                    values = activation(values)
            scores = jax.nn.log_softmax(values)
            return -jnp.mean(jnp.take_along_axis(scores, labels[:, None], axis=1))

        def step(parameters, samples, labels):
            value, gradients = jax.value_and_grad(loss)(parameters, samples, labels)
            updated = jax.tree.map(lambda value, gradient: value - network.rate * gradient, parameters, gradients)
            return updated, value

        self.jitted = jax.jit(step, donate_argnums=0)
        self.prepare(jax, step)

    def prepare(self, jax, step):
        pass

    def losses(self, count):
        losses = []
        for _ in range(count):
            self.parameters, loss = self.jitted(self.parameters, self.samples, self.labels)
            losses.append(float(loss))
        return losses

    def seconds(self, count):
        start = time.perf_counter()
        for _ in range(count):
            self.parameters, loss = self.jitted(self.parameters, self.samples, self.labels)
        loss.block_until_ready()
        return [(time.perf_counter() - start) / count]


class Loop(Jit):
    """The same step inside a compiled loop."""

    def prepare(self, jax, step):
        def loop(count, parameters, samples, labels):
            body = lambda _, state: step(state[0], samples, labels)
            return jax.lax.fori_loop(0, count, body, (parameters, 0.0))

        self.looped = jax.jit(loop, donate_argnums=1)

    def seconds(self, count):
        start = time.perf_counter()
        self.parameters, loss = self.looped(count, self.parameters, self.samples, self.labels)
        loss.block_until_ready()
        return [(time.perf_counter() - start) / count]


KINDS = {"eager": Eager, "foreach": Foreach, "jit": Jit, "loop": Loop}
sides = {}
for line in sys.stdin:
    command, side, *words = line.split()
    answer = []
    if command == "load":
        sides[side] = KINDS[side](Network(*words))
    elif command == "losses":
        answer = sides[side].losses(int(words[0]))
    else:
        answer = sides[side].seconds(int(words[0]))
    print(*answer, flush=True)
