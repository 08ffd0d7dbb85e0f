"""PyTorch's and NumPy's side of the benchmark `elementwise`: answers one line on standard output for each line on standard input.

`check SIDE FUNCTION COUNT` answers with the sum of the function over that many numbers, `time SIDE FUNCTION COUNT REPEATS` with the seconds
of each run, in single precision, into memory that is there already.
"""

import sys
import time

import numpy as np
import torch

torch.set_num_threads(int(sys.argv[1]))


def runs(side, function, count):
    """What runs the function once, and its result."""
    x = np.sin(np.arange(count) * 0.7).astype(np.float32) * 4
    if function == "log1p":
        x **= 2
    if side == "numpy":
        to = np.empty_like(x)
        if function == "sigmoid":

            def run():
                np.negative(x, out=to)
                np.exp(to, out=to)
                np.add(to, 1, out=to)
                np.divide(1, to, out=to)

        else:
            run = lambda: getattr(np, function)(x, out=to)
        return run, to
    x = torch.tensor(x)
    to = torch.empty_like(x)
    if function == "gelu":
        return lambda: torch._C._nn.gelu(x, out=to), to
    return lambda: getattr(torch, function)(x, out=to), to


cases = {}
for line in sys.stdin:
    command, *words = line.split()
    key = tuple(words[:3])
    if key not in cases:
        cases[key] = runs(words[0], words[1], int(words[2]))
    run, to = cases[key]
    answer = []
    if command == "check":
        run()
        answer.append(float(np.asarray(to, dtype=np.float64).sum()))
    else:
        for _ in range(int(words[3])):
            start = time.perf_counter()
            run()
            answer.append(time.perf_counter() - start)
    print(*answer, flush=True)
