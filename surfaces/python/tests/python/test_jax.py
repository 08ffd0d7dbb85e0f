"""The derived backward pass in JAX: its own checks, and its transformations."""

import copy
import pickle

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed")
jnp = jax.numpy
jax.config.update("jax_enable_x64", True)

import backprove as bp  # noqa: E402
from jax.test_util import check_grads  # noqa: E402

CASES = {
    "layer": ("Y = gelu(X @ W.T + b)", {"X": "S M", "W": "N M", "b": "N"}, [(3, 4), (5, 4), (5,)]),
    "softmax": ("P = softmax(X, axis=1)", {"X": "S C"}, [(3, 4)]),
    "loss": ("L = mean((tanh(X @ w) - y)**2)", {"X": "S M", "w": "M", "y": "S"}, [(4, 3), (3,), (4,)]),
}


def inputs(shapes, seed=0):
    random = np.random.default_rng(seed)
    return [jnp.asarray(random.standard_normal(shape)) for shape in shapes]


@pytest.mark.parametrize("name", CASES)
def test_check_grads(name):
    source, shapes, extents = CASES[name]
    check_grads(bp.jax(source, **shapes), inputs(extents), order=1, modes=["rev"])


@pytest.mark.parametrize("name", CASES)
def test_second_order(name):
    source, shapes, extents = CASES[name]
    check_grads(bp.jax(source, **shapes), inputs(extents), order=2, modes=["rev"])


def test_jit_and_vmap():
    source, shapes, extents = CASES["loss"]
    loss = bp.jax(source, **shapes)
    X, w, y = inputs(extents)
    gradient = jax.jit(jax.grad(loss, argnums=1))
    expected = jax.grad(lambda w: jnp.mean((jnp.tanh(X @ w) - y) ** 2))(w)
    np.testing.assert_allclose(gradient(X, w, y), expected, rtol=1e-10)
    many = jnp.stack([w, 2 * w])
    each = jax.vmap(gradient, in_axes=(None, 0, None))(X, many, y)
    np.testing.assert_allclose(each[0], expected, rtol=1e-10)
    np.testing.assert_allclose(jax.jit(loss)(X, w, y), jnp.mean((jnp.tanh(X @ w) - y) ** 2), rtol=1e-12)


def test_labels():
    loss = bp.jax("L = cross_entropy(Z, t)", Z="S C", t="S: labels(C)")
    (Z,), t = inputs([(4, 3)]), jnp.array([0, 2, 1, 1])
    expected = jax.grad(lambda Z: -jnp.mean(jax.nn.log_softmax(Z)[jnp.arange(4), t]))(Z)
    np.testing.assert_allclose(jax.grad(loss)(Z, t), expected, rtol=1e-10)


def test_copies_and_pickles():
    source, shapes, extents = CASES["loss"]
    loss = bp.jax(source, **shapes)
    values = inputs(extents)
    for other in (copy.copy(loss), copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert other.code == loss.code and repr(other) == repr(loss) and other.__name__ == loss.__name__
        gradient = jax.jit(jax.grad(other, argnums=1))(*values)
        np.testing.assert_allclose(gradient, jax.grad(loss, argnums=1)(*values), rtol=1e-10)


def test_by_name_and_misuse():
    source, shapes, extents = CASES["layer"]
    layer = bp.jax(source, **shapes)
    X, W, b = inputs(extents)
    np.testing.assert_allclose(layer(X, b=b, W=W), layer(X, W, b))
    assert "import backprove" not in layer.code and layer.derivation.verified
    with pytest.raises(TypeError, match="`b` is missing"):
        layer(X, W)
