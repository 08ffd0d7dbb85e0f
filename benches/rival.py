"""PyTorch's side of the benchmarks: answers one line on standard output for each line on standard input.

`step COUNT` runs training steps of 784-512-256-10 and answers with the seconds of each.
`fashion FOLDER SEED` trains one hidden layer of 128 on Fashion-MNIST and answers with accuracy, seconds and samples.
"""

import gzip
import pathlib
import sys
import time

import numpy as np
import torch
from torch import nn

torch.set_num_threads(int(sys.argv[1]))


class StepBench:
    """One training step: batch 128, float32, ReLU, softmax cross-entropy, SGD."""

    def __init__(self):
        torch.manual_seed(42)
        self.model = nn.Sequential(
            nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
        )
        self.optimiser = torch.optim.SGD(self.model.parameters(), lr=0.01)
        self.loss = nn.CrossEntropyLoss()
        self.x = torch.randn(128, 784)
        self.t = torch.randint(0, 10, (128,))

    def run(self, count):
        seconds = []
        for _ in range(count):
            start = time.perf_counter()
            self.optimiser.zero_grad()
            self.loss(self.model(self.x), self.t).backward()
            self.optimiser.step()
            seconds.append(time.perf_counter() - start)
        return seconds


def idx(path, header):
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def part(folder, name):
    pixels = idx(folder / f"{name}-images-idx3-ubyte.gz", 16).reshape(-1, 784)
    labels = idx(folder / f"{name}-labels-idx1-ubyte.gz", 8)
    return torch.tensor(pixels, dtype=torch.float32) / 255, torch.tensor(labels, dtype=torch.int64)


def fashion(folder, seed):
    """Ten epochs of SGD with rate 0.1 and batches of 128; the validation part is left out, as on the other side."""
    torch.manual_seed(seed)
    x, t = part(folder, "train")
    test_x, test_t = part(folder, "t10k")
    model = nn.Sequential(nn.Linear(784, 128), nn.ELU(), nn.Linear(128, 10))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = nn.CrossEntropyLoss()
    start = time.perf_counter()
    for _ in range(10):
        order = torch.randperm(len(x))
        for batch in order.split(128):
            optimiser.zero_grad()
            loss(model(x[batch]), t[batch]).backward()
            optimiser.step()
    seconds = time.perf_counter() - start
    with torch.no_grad():
        accuracy = (model(test_x).argmax(1) == test_t).double().mean().item()
    return [accuracy, seconds, 10 * len(x)]


bench = None
for line in sys.stdin:
    command, *arguments = line.split()
    if command == "step":
        bench = bench or StepBench()
        answer = bench.run(int(arguments[0]))
    else:
        answer = fashion(pathlib.Path(arguments[0]), int(arguments[1]))
    print(*answer, flush=True)
