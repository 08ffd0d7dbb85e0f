"""The emitted PyTorch beside PyTorch's own derivative, for the benchmark `package`: answers one line on standard output for each line on
standard input.

`compare SIDE CASE` answers with the largest scaled difference of that side's gradients from ours, the bytes that the forward pass keeps for the
backward pass beside its arguments and the result, and the most bytes that are allocated at once in both passes. `run SIDES CASE` answers with the
seconds of both passes and of the backward pass alone, for each side; the sides run in turn, and of each the medians count. A side is `ours`,
`theirs` (as users of PyTorch write it) or `formula` (as the problem writes it).
"""

import ctypes
import random
import statistics
import sys
import time

import backprove
import torch
import torch.nn.functional as F

THREADS = int(sys.argv[1])
PASSES = 9

# Memory that was freed stays with the process, where the C library lets itself be told so. Otherwise chance decides, for one side or the other, that
# thousands of pages are given back and asked for again, which takes longer than what is compared.
if hasattr(libc := ctypes.CDLL(None), "mallopt"):
    most_mapped, trim_threshold = -4, -1
    libc.mallopt(most_mapped, 0)
    libc.mallopt(trim_threshold, 2**31 - 1)

torch.set_num_threads(THREADS)


def attention(Q, K, V):
    return torch.softmax(Q @ K.transpose(-1, -2) / 8, dim=-1) @ V


def perceptron(X, W1, b1, W2, b2):
    return F.linear(F.gelu(F.linear(X, W1, b1)), W2, b2)


def layer_norm(X, g, b):
    m = X.mean(dim=1, keepdim=True)
    v = ((X - m) ** 2).mean(dim=1, keepdim=True)
    return (X - m) / torch.sqrt(v + 1e-5) * g + b


# Text, shapes, extents (labels where there is a number of classes), PyTorch's own.
CASES = {
    "layer-norm": (
        "m = mean(X, axis=1, keepdims=True)\nv = mean((X - m)**2, axis=1, keepdims=True)\nY = (X - m) / sqrt(v + 1e-5) * g + b",
        {"X": "S N", "g": "N", "b": "N"},
        [(2048, 1024), (1024,), (1024,)],
        lambda X, g, b: F.layer_norm(X, g.shape, g, b),
    ),
    "cross-entropy": ("L = cross_entropy(Z, t)", {"Z": "S C", "t": "S: labels(C)"}, [(256, 32000), 32000], F.cross_entropy),
    "gelu-mlp": (
        "Y = gelu(X @ W1.T + b1) @ W2.T + b2",
        {"X": "S M", "W1": "H M", "b1": "H", "W2": "N H", "b2": "N"},
        [(512, 512), (2048, 512), (2048,), (512, 2048), (512,)],
        perceptron,
    ),
    "attention": (
        "A = softmax(Q @ swapaxes(K, 1, 2) / 8, axis=2)\nY = A @ V",
        {"Q": "B S D", "K": "B T D", "V": "B T D"},
        [(64, 256, 64)] * 3,
        attention,
    ),
}
made = {}


def case(name):
    """The functions of both sides, the arguments, those that gradients are taken by, and the cotangent."""
    if name not in made:
        made.clear()
        text, shapes, extents, theirs = CASES[name]
        torch.manual_seed(0)
        samples = extents[0][0]
        draw = lambda shape: torch.randint(shape, (samples,)) if isinstance(shape, int) else torch.randn(shape, requires_grad=True)
        arguments = [draw(shape) for shape in extents]
        variables = [x for x in arguments if x.requires_grad]
        functions = {"ours": backprove.torch(text, **shapes), "theirs": theirs, "formula": layer_norm}
        made[name] = functions, arguments, variables, torch.randn_like(theirs(*arguments))
    return made[name]


def gradients(name, side):
    functions, arguments, variables, cotangent = case(name)
    return torch.autograd.grad(functions[side](*arguments), variables, cotangent)


def kept(name, side):
    functions, arguments, _, _ = case(name)
    seen = {x.data_ptr() for x in arguments}
    sizes = []

    def pack(x):
        if x.data_ptr() not in seen:
            seen.add(x.data_ptr())
            sizes.append(x.numel() * x.element_size())
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        functions[side](*arguments)
    return sum(sizes)


def peak(name, side):
    gradients(name, side)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        gradients(name, side)
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


def compare(side, name):
    pairs = zip(gradients(name, "ours"), gradients(name, side), strict=True)
    error = max(((x - y).abs() / (1 + y.abs())).max().item() for x, y in pairs)
    return [error, kept(name, side), peak(name, side)]


def run(sides, name):
    functions, arguments, variables, cotangent = case(name)
    sides = sides.split(",")
    seconds = {side: ([], []) for side in sides}
    for _ in range(PASSES):
        for side in random.sample(sides, len(sides)):
            start = time.perf_counter()
            value = functions[side](*arguments)
            between = time.perf_counter()
            torch.autograd.grad(value, variables, cotangent)
            end = time.perf_counter()
            del value
            seconds[side][0].append(end - start)
            seconds[side][1].append(end - between)
    return [statistics.median(times) for side in sides for times in seconds[side]]


for line in sys.stdin:
    what, *arguments = line.split()
    print(*{"compare": compare, "run": run}[what](*arguments), flush=True)
