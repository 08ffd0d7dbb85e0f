"""Copies and pickles of what users hold: the same results, in another process too."""

import copy
import pickle
import subprocess
import sys

import backprove as bp
import numpy as np
import pytest
from backprove import nn

LAYER = ("Y = gelu(X @ W.T + b)", {"X": "S M", "W": "N M", "b": "N"})
MASK = np.array([1.0, 0.0, 2.0])


@bp.function(X="S 3")
def masked(X):
    """The sum of what the mask lets through."""
    return np.sum(np.tanh(X) * MASK)


@bp.function
def undeclared(X, w):
    return np.sum(np.tanh(X @ w))


def plain(x):
    return np.sum(x**2)


traced_elsewhere = bp.function(plain)


def copies(value):
    yield copy.copy(value)
    yield copy.deepcopy(value)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.loads(pickle.dumps(value, protocol))


def arrays(*shapes, seed=0):
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize(
    "options", [{}, {"wrt": "W", "cotangent": "G"}, {"order": "jacobian"}, {"order": "jvp", "wrt": ["W"]}]
)
def test_derivations(options):
    derivation = bp.derive(LAYER[0], **options, **LAYER[1], G="S N")
    for again in copies(derivation):
        assert str(again) == str(derivation) and again.to_dict() == derivation.to_dict()
        assert again.results == derivation.results and again.verified
        assert again.emit("numpy") == derivation.emit("numpy")


def test_results_and_checks():
    layer = bp.derive(LAYER[0], **LAYER[1])
    check = bp.check(bp.compile(LAYER[0], **LAYER[1]), "dL/db = dL/dY")
    for again in copies((layer["W"], layer["W"].steps[0], check)):
        assert again == (layer["W"], layer["W"].steps[0], check)


def test_compiled_functions():
    layer = bp.compile(LAYER[0], threads=1, **LAYER[1])
    X, W, b, dY = arrays((3, 4), (5, 4), (5,), (3, 5))
    value, gradients = layer(X, W, b), layer.vjp(dY, X, W, b)
    for again in copies(layer):
        np.testing.assert_array_equal(again(X, W, b), value)
        assert again.source == layer.source and again._threads == 1
        for name, gradient in again.vjp(dY, X, W, b).items():
            np.testing.assert_array_equal(gradient, gradients[name])
    # What is refused is drawn as before.
    said = []
    for function in (layer, pickle.loads(pickle.dumps(layer))):
        with pytest.raises(bp.SourceError) as caught:
            function.derive(wrt="Q")
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_hessians():
    energy = bp.compile("q = sum(tanh(A @ x)**2)", A="M N: constant", x="N")
    hessian = energy.hessian(*arrays((4, 3), (3,)))
    for again in copies(hessian):
        np.testing.assert_array_equal(again.dense(), hessian.dense())
        np.testing.assert_array_equal(again @ np.ones(3), hessian @ np.ones(3))


def test_traced_functions():
    (X,) = arrays((4, 3))
    for again in copies(masked):
        assert again(X) == masked(X) and again.inputs == ("X",)
        assert again.__name__ == "masked" and again.__doc__ == masked.__doc__
    # With shapes, where it was defined does not matter: it is the program that is kept.
    local = bp.function(lambda x: np.sum(x**2), x="N")
    assert pickle.loads(pickle.dumps(local))(np.ones(3)) == 3.0


def test_functions_without_shapes():
    X, w = arrays((4, 3), (3,))
    for again in copies(undeclared):
        assert again(X, w) == undeclared(X, w)
    for again in copies(traced_elsewhere):
        assert again(w) == plain(w)
    local = bp.function(lambda x: np.sum(x**2))
    assert copy.deepcopy(local)(w) == plain(w)
    with pytest.raises(pickle.PicklingError, match="pickle what `declare"):
        pickle.dumps(local)
    assert pickle.loads(pickle.dumps(local.declare(x="N")))(w) == plain(w)


def test_modules_of_courses():
    network = nn.SequentialModule(nn.LinearModule(4, 3, seed=1), nn.ELUModule(0.5), nn.LinearModule(3, 2, seed=2))
    x, dout = arrays((5, 4), (5, 2))
    value = network.forward(x)
    for again in list(copies(network))[1:]:
        np.testing.assert_array_equal(again.backward(dout), network.backward(dout))
        np.testing.assert_array_equal(again.grads["2.weight"], network.grads["2.weight"])
        # A copy has parameters of its own.
        again.params["0.weight"] = again.params["0.weight"] * 0
        assert np.any(again.forward(x) != value)
        np.testing.assert_array_equal(network.forward(x), value)


def test_another_process(tmp_path):
    (X,) = arrays((4, 3))
    path = tmp_path / "kept.pickle"
    path.write_bytes(pickle.dumps((masked, bp.derive(*LAYER[:1], **LAYER[1]), X)))
    script = (
        "import pickle, sys; f, d, X = pickle.load(open(sys.argv[1], 'rb')); print(repr(float(f(X))), d['W'].matrix)"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert said.stdout.split(maxsplit=1)[0] == repr(float(masked(X)))
    assert said.stdout.split(maxsplit=1)[1].strip() == bp.derive(*LAYER[:1], **LAYER[1])["W"].matrix
