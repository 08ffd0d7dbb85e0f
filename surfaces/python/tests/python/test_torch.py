"""The derived backward pass in PyTorch: its own checks, and everything that is done with modules."""

import copy
import os
import pickle
import socket
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import backprove as bp  # noqa: E402
from torch import nn  # noqa: E402

LAYER = ("Y = gelu(X @ W.T + b)", {"X": "S M", "W": "N M", "b": "N"})
CASES = {
    "layer": (LAYER[0], LAYER[1], [(3, 4), (5, 4), (5,)]),
    "softmax": ("P = softmax(X, axis=1)", {"X": "S C"}, [(3, 4)]),
    "layer norm": (
        "m = mean(X, axis=1, keepdims=True)\nv = mean((X - m)**2, axis=1, keepdims=True)\nY = (X - m) / sqrt(v + 1e-5) * g + b",
        {"X": "S N", "g": "N", "b": "N"},
        [(3, 5), (5,), (5,)],
    ),
    "attention": (
        "A = softmax(Q @ K.T / sqrt(D), axis=1)\nY = A @ V",
        {"Q": "S D", "K": "T D", "V": "T D"},
        [(3, 4), (5, 4), (5, 4)],
    ),
    "loss": ("L = mean((tanh(X @ w) - y)**2)", {"X": "S M", "w": "M", "y": "S"}, [(4, 3), (3,), (4,)]),
    "inverse": ("L = logdet(A @ A.T + B) + trace(inv(B))", {"A": "N N", "B": "N N: spd"}, None),
}


def inputs(shapes, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype).requires_grad_() for shape in shapes]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[2]])
def test_gradcheck_and_gradgradcheck(name):
    source, shapes, extents = CASES[name]
    module = bp.torch(source, **shapes)
    values = inputs(extents)
    assert torch.autograd.gradcheck(module, values)
    assert torch.autograd.gradgradcheck(module, values)


def test_functions_of_matrices():
    source, shapes, _ = CASES["inverse"]
    module = bp.torch(source, **shapes)
    (A,) = inputs([(3, 3)])
    B = (A @ A.T + 3 * torch.eye(3, dtype=A.dtype)).detach().requires_grad_()
    assert torch.autograd.gradcheck(module, (A, B))


def test_it_agrees_with_pytorchs_own_gradients():
    module = bp.torch(LAYER[0], **LAYER[1])
    values = inputs([(3, 4), (5, 4), (5,)])
    cotangent = torch.randn(3, 5, dtype=torch.float64)
    own = torch.autograd.grad(module(*values), values, cotangent)
    theirs = torch.autograd.grad(torch.nn.functional.gelu(values[0] @ values[1].T + values[2]), values, cotangent)
    for left, right in zip(own, theirs, strict=True):
        torch.testing.assert_close(left, right)


def test_parameters_are_parameters():
    torch.manual_seed(0)
    module = bp.torch(LAYER[0], {"W": torch.randn(5, 4), "b": np.zeros(5, np.float32)}, **LAYER[1])
    assert [name for name, _ in module.named_parameters()] == ["W", "b"]
    optimiser = torch.optim.Adam(module.parameters(), lr=0.1)
    x, losses = torch.randn(64, 4), []
    target = torch.nn.functional.gelu(x @ torch.randn(5, 4).T)
    for _ in range(100):
        optimiser.zero_grad()
        loss = ((module(x) - target) ** 2).mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10
    again = bp.torch(LAYER[0], {"W": torch.zeros(5, 4), "b": torch.zeros(5)}, **LAYER[1])
    again.load_state_dict(module.state_dict())
    torch.testing.assert_close(again(x), module(x))
    assert "dW = " in repr(module) and "import backprove" not in module.code


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_precisions_stay(dtype):
    module = bp.torch(*[CASES["layer norm"][0]], **CASES["layer norm"][1])
    values = inputs(CASES["layer norm"][2], dtype)
    value = module(*values)
    assert value.dtype == dtype
    assert all(gradient.dtype == dtype for gradient in torch.autograd.grad(value.sum(), values))


def test_compiled():
    module = bp.torch(LAYER[0], **LAYER[1])
    values = inputs([(3, 4), (5, 4), (5,)])
    # The graph is captured whole; which machine code follows is the back end's business.
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    own = torch.autograd.grad(compiled(*values).sum(), values)
    plain = torch.autograd.grad(module(*values).sum(), values)
    for left, right in zip(own, plain, strict=True):
        torch.testing.assert_close(left, right)
    loss = bp.torch("L = cross_entropy(Z, t)", Z="S C", t="S: labels(C)")
    (Z,), t = inputs([(4, 3)]), torch.tensor([0, 2, 1, 1])
    own = torch.autograd.grad(torch.compile(loss, fullgraph=True, backend="aot_eager")(Z, t), (Z,))
    torch.testing.assert_close(own, torch.autograd.grad(loss(Z, t), (Z,)))


def test_functional_transforms():
    module = bp.torch(CASES["loss"][0], **CASES["loss"][1])
    X, w, y = (value.detach() for value in inputs(CASES["loss"][2]))
    gradient = torch.func.grad(module, argnums=1)
    torch.testing.assert_close(gradient(X, w, y), torch.func.grad(lambda w: ((torch.tanh(X @ w) - y) ** 2).mean())(w))
    many = torch.stack([w, 2 * w, 3 * w])
    each = torch.func.vmap(gradient, in_dims=(None, 0, None))(X, many, y)
    for row, own in zip(each, many, strict=True):
        torch.testing.assert_close(row, gradient(X, own, y))
    hessian = torch.func.jacrev(gradient, argnums=1)(X, w, y)
    torch.testing.assert_close(hessian, hessian.T)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[2]])
def test_forward_mode(name):
    source, shapes, extents = CASES[name]
    module = bp.torch(source, **shapes)
    values = inputs(extents)
    assert torch.autograd.gradcheck(module, values, check_forward_ad=True)
    values = tuple(value.detach() for value in values)
    every = tuple(range(len(values)))
    forward, backward = (
        transform(module, argnums=every)(*values) for transform in (torch.func.jacfwd, torch.func.jacrev)
    )
    for left, right in zip(forward, backward, strict=True):
        torch.testing.assert_close(left, right)
    hessian = torch.func.hessian(lambda x: module(x, *values[1:]).sum())(values[0])
    rows = values[0].numel()
    torch.testing.assert_close(hessian.reshape(rows, rows), hessian.reshape(rows, rows).T)


def test_distributed_data_parallel():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.distributed.init_process_group("gloo", rank=0, world_size=1)
    try:
        module = bp.torch(LAYER[0], {"W": torch.randn(5, 4), "b": torch.zeros(5)}, **LAYER[1])
        parallel = torch.nn.parallel.DistributedDataParallel(module)
        x = torch.randn(3, 4)
        parallel(x).sum().backward()
        own = torch.autograd.grad(module(x).sum(), list(module.parameters()))
        for parameter, gradient in zip(module.parameters(), own, strict=True):
            torch.testing.assert_close(parameter.grad, gradient)
    finally:
        torch.distributed.destroy_process_group()


def test_labels_and_traced_functions():
    loss = bp.torch("L = cross_entropy(Z, t)", Z="S C", t="S: labels(C)")
    (Z,), t = inputs([(4, 3)]), torch.tensor([0, 2, 1, 1])
    torch.testing.assert_close(loss(Z, t), torch.nn.functional.cross_entropy(Z, t))
    assert torch.autograd.gradcheck(lambda Z: loss(Z, t), (Z,))

    mask = np.array([1.0, 0.0, 2.0])

    @bp.function(X="S 3")
    def masked(X):
        return np.sum(np.tanh(X) * mask)

    module = bp.torch(masked)
    (X,) = inputs([(4, 3)])
    assert torch.autograd.gradcheck(module, (X,))


def test_pytorchs_own_operators_are_found():
    expected = {
        "layer": "torch.ops.aten.gelu_backward",
        "softmax": "torch.ops.aten._softmax_backward_data",
        "layer norm": "torch.ops.aten.native_layer_norm_backward",
        "attention": "torch.ops.aten._softmax_backward_data",
        "loss": "torch.ops.aten.tanh_backward",
    }
    for name, operator in expected.items():
        assert operator in bp.torch(CASES[name][0], **CASES[name][1]).code
    code = bp.torch("L = cross_entropy(Z, t)", Z="S C", t="S: labels(C)").code
    assert "torch.nn.functional.cross_entropy(Z, t)" in code and "scatter_add_(" in code


def test_what_is_changed_in_place_is_nobody_elses():
    loss = bp.torch("L = cross_entropy(Z, t)", Z="S C", t="S: labels(C)")
    (Z,), t = inputs([(4, 3)]), torch.tensor([0, 2, 1, 1])
    before, value = Z.detach().clone(), loss(Z, t)
    (own,) = torch.autograd.grad(value, (Z,), retain_graph=True)
    torch.testing.assert_close(Z.detach(), before)
    # Several cotangents at once, without a graph of the gradients; labels that are batched alone.
    (many,) = torch.autograd.grad(value, (Z,), torch.tensor([1.0, -2.0], dtype=Z.dtype), is_grads_batched=True)
    torch.testing.assert_close(many, torch.stack([own, -2 * own]))
    labels = torch.stack([t, 2 - t])
    gradient = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(Z.detach(), labels)
    torch.testing.assert_close(gradient[0], own)
    (summed,) = torch.autograd.grad(torch.func.vmap(loss, in_dims=(None, 0))(Z, labels).sum(), (Z,))
    torch.testing.assert_close(summed, gradient.sum(0))


def test_only_gradients_that_are_asked_for():
    module = bp.torch(LAYER[0], **LAYER[1])
    X, W, b = inputs([(3, 4), (5, 4), (5,)])
    all_of_them = torch.autograd.grad(module(X, W, b).sum(), (X, W, b))
    own = torch.autograd.grad(module(X.detach(), W, b.detach()).sum(), (W,))
    torch.testing.assert_close(own[0], all_of_them[1])
    norm = bp.torch(CASES["layer norm"][0], **CASES["layer norm"][1])
    X, g, b = inputs(CASES["layer norm"][2])
    all_of_them = torch.autograd.grad(norm(X, g, b).square().sum(), (X, g, b))
    (own,) = torch.autograd.grad(norm(X.detach(), g, b.detach()).square().sum(), (g,))
    torch.testing.assert_close(own, all_of_them[1])


def test_misuse():
    with pytest.raises(ValueError, match="'Q' is no input"):
        bp.torch(LAYER[0], {"Q": torch.zeros(1)}, **LAYER[1])
    module = bp.torch(LAYER[0], **LAYER[1])
    with pytest.raises(TypeError, match="`b` is missing"):
        module(torch.zeros(3, 4), torch.zeros(5, 4))


def test_copies_and_pickles(tmp_path):
    module = bp.torch(LAYER[0], {"W": torch.randn(5, 4), "b": torch.zeros(5)}, **LAYER[1])
    x = torch.randn(3, 4)
    torch.save(module, tmp_path / "whole.pt")
    again = [
        copy.copy(module),
        copy.deepcopy(module),
        pickle.loads(pickle.dumps(module)),
        torch.load(tmp_path / "whole.pt", weights_only=False),
        copy.deepcopy(nn.Sequential(module, nn.Tanh()))[0],
        torch.optim.swa_utils.AveragedModel(module).module,
    ]
    own = torch.autograd.grad(module(x).square().sum(), list(module.parameters()))
    for other in again:
        torch.testing.assert_close(other(x), module(x))
        gradients = torch.autograd.grad(other(x).square().sum(), list(other.parameters()))
        for gradient, expected in zip(gradients, own, strict=True):
            torch.testing.assert_close(gradient, expected)
        assert other.code == module.code and repr(other) == repr(module)
    # All but the shallow copy have parameters of their own.
    with torch.no_grad():
        module.W.zero_()
    assert [bool(other.W.any()) for other in again] == [False] + [True] * (len(again) - 1)


def test_another_process():
    module = bp.torch(LAYER[0], {"W": torch.randn(5, 4), "b": torch.zeros(5)}, **LAYER[1])
    script = """
import pickle, sys
module, x = pickle.load(sys.stdin.buffer)
module(x).sum().backward()
sys.stdout.buffer.write(pickle.dumps((module(x).detach(), module.W.grad)))
"""
    x = torch.randn(3, 4)
    said = subprocess.run(
        [sys.executable, "-c", script], input=pickle.dumps((module, x)), capture_output=True, check=True
    )
    value, gradient = pickle.loads(said.stdout)
    torch.testing.assert_close(value, module(x))
    torch.testing.assert_close(gradient, torch.autograd.grad(module(x).sum(), module.W)[0])


def test_copies_of_what_traced_functions_hold():
    mask = np.array([1.0, 0.0, 2.0])
    module = bp.torch(bp.function(lambda X: np.sum(np.tanh(X) * mask), X="S 3"))
    (X,) = inputs([(4, 3)])
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        torch.testing.assert_close(other(X), module(X))
        assert torch.autograd.gradcheck(other, (X,))
