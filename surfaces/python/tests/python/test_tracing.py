"""Python functions as programs: what NumPy does with numbers, the trace does with names."""

import backprove as bp
import numpy as np
import pytest


def value(function, **arrays):
    """The traced function's value, which must be the Python function's."""
    traced = function(**arrays)
    np.testing.assert_allclose(traced, function.__wrapped__(**arrays), rtol=1e-12, atol=1e-12)
    return traced


X = np.random.default_rng(0).standard_normal((4, 3))
w = np.random.default_rng(1).standard_normal(3)

FUNCTIONS = [
    lambda X, w: np.mean((X @ w) ** 2),
    lambda X, w: np.tanh(X) * w - X / (1 + w**2),
    lambda X, w: np.exp(X - X.max(axis=1, keepdims=True)).sum(axis=1),
    lambda X, w: np.where(X > 0, X, 0.1 * X) + np.maximum(X, w),
    lambda X, w: np.einsum("sm,m->s", X, w),
    lambda X, w: np.sqrt(np.var(X, axis=0) + 1e-5) + np.std(X, axis=0, ddof=1),
    lambda X, w: 2 - w + (-w) * abs(w) ** 0.5,
    lambda X, w: np.outer(w, w) + np.diag(w),
    lambda X, w: np.linalg.inv(X.T @ X + np.eye(3)) @ w,
    lambda X, w: np.log(np.linalg.det(X.T @ X)) + np.trace(X.T @ X),
    lambda X, w: X[:, 0] + X[1:3, 2].sum() + w[-1],
    lambda X, w: X[:, None, :].sum(axis=2),
    lambda X, w: np.add.reduce(X, axis=0) + np.dot(w, w),
    lambda X, w: np.concatenate([X, X], axis=0).mean(axis=1),
    lambda X, w: X.reshape(12) ** 2,
    lambda X, w: X.mean() * X.shape[0] / X.shape[1],
    lambda X, w: np.clip(X, -0.5, 0.5).T @ X,
]


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_it_means_what_numpy_means(number):
    value(bp.function(FUNCTIONS[number]), X=X, w=w)


def test_local_variables_name_the_definitions():
    @bp.function(X="S M", w="M", y="S: constant")
    def loss(X, w, y):
        scores = X @ w
        error = scores - y
        return np.mean(error**2)

    assert loss.source.splitlines()[3:5] == ["scores = (X @ w)", "error = (scores - y)"]
    derivation = loss.derive(wrt="w")
    assert derivation.verified
    y = np.ones(4)
    np.testing.assert_allclose(loss.gradient(X, w, y, wrt="w")["w"], 2 * X.T @ (X @ w - y) / 4, rtol=1e-12)


def test_annotations_declare_shapes():
    @bp.function
    def total(x: "N", c: ""):  # noqa: F722, F821 (shapes, not types)
        return c * np.sum(x)

    assert total.gradient(w, 2.0)["x"].tolist() == [2.0] * 3


def test_shared_values_are_computed_once():
    @bp.function(x="N")
    def twice(x):
        return (lambda e: e / e.sum())(np.exp(x))

    assert twice.source.count("exp") == 1


def test_undeclared_functions_get_shapes_later():
    @bp.function
    def layer(X, W, b):
        return X @ W.T + b

    W, b = np.ones((2, 3)), np.zeros(2)
    np.testing.assert_allclose(layer(X, W, b), X @ W.T)
    np.testing.assert_allclose(layer(X[:2], W, b), X[:2] @ W.T)
    assert layer.derive(X="S M", W="N M", b="N")["W"].matrix == "dY.T @ X"
    with pytest.raises(TypeError, match="shapes of all arguments"):
        layer.derive(X="S M")


def test_arrays_in_the_function_are_constants():
    mask = np.array([1.0, 0.0, 2.0])
    masked = bp.function(lambda X: np.sum(X * mask) ** 2, X="S 3")
    np.testing.assert_allclose(masked.gradient(X)["X"], 2 * np.sum(X * mask) * np.broadcast_to(mask, X.shape))
    assert masked.inputs == ("X",)


def test_it_differentiates_in_every_way():
    @bp.function(A="N N", x="N")
    def quadratic(A, x):
        return x @ A @ x

    A, x = np.arange(9.0).reshape(3, 3), np.ones(3)
    np.testing.assert_allclose(quadratic.gradient(A, x)["x"], (A + A.T) @ x)
    np.testing.assert_allclose(quadratic.hessian(A, x, wrt="x").dense(), A + A.T)
    np.testing.assert_allclose(quadratic.jvp({"x": x}, A, x), x @ (A + A.T) @ x)
    assert "product" in quadratic.plan("gradient", N=8) or "loop" in quadratic.plan("gradient", N=8)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda X: X if X.sum() > 0 else -X, "numpy.where"),
        (lambda X: float(X.sum()) * X, "not known"),
        (lambda X: sum(row for row in X), "einsum"),
        (lambda X: 1.0, "must return one array"),
        (lambda X: np.array(X), "no numbers yet"),
    ],
)
def test_what_cannot_be_traced_is_said(function, message):
    with pytest.raises(TypeError, match=message):
        bp.function(function).declare(X="S M")


def test_what_the_language_does_not_know_is_refused():
    with pytest.raises(bp.SourceError):
        bp.function(lambda X: np.sort(X)).declare(X="S M")
