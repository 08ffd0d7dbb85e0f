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


def differences(python, at, step=1e-6):
    return np.array([(python(at + move) - python(at - move)) / (2 * step) for move in step * np.eye(len(at))])


@pytest.mark.parametrize(
    "python",
    [
        lambda x: np.sum(np.log2(x**2) + np.log10(x**2) + np.exp2(x)),
        lambda x: np.sum(np.logaddexp(x, 0) + np.logaddexp(900.0, x)),
        lambda x: np.sum(np.hypot(x, 1.0) + np.arcsinh(x) + np.arctanh(x / 3) + np.arccosh(x**2 + 2)),
        lambda x: np.sum(np.deg2rad(x) ** 2 + np.rad2deg(x) ** 2),
        lambda x: np.sum(np.where((x > 0) & (x < 1) | (x < -1), x**2, 0) + np.where(~(x > 0), x**3, 0)),
        lambda x: (
            np.sum(np.where(np.logical_and(x > 0, x < 1), x**2, 0)) + np.sum(np.fmax(x, 0.5) * np.heaviside(x, 0.5))
        ),
        lambda x: np.average(x**2, weights=np.array([1.0, 2.0, 3.0, 4.0])) + np.average(x**2) + np.ptp(x),
        lambda x: np.sum(np.diff(x, n=2) ** 2) + np.sum(np.diff(np.outer(x, x), axis=0) ** 2),
        lambda x: np.sum(np.hstack([x, 2 * x]) ** 2) + np.sum(np.vstack([x, 2 * x])[1] ** 3),
        lambda x: np.sum(np.broadcast_to(x, (3, 4)) ** 2) + np.sum(x[[0, 2]] ** 2) + np.sum(x[np.array([1, 1])]),
        lambda x: np.sum(np.moveaxis(x[:, None, None] * np.ones((4, 2, 3)), 0, -1)[0, 1] ** 2),
        lambda x: np.sum(np.tensordot(np.outer(x, x), x, axes=1) ** 2) + np.tensordot(x, x, axes=([0], [0])),
        lambda x: np.linalg.slogdet(np.outer(x, x) + np.eye(len(x))).logabsdet,
        lambda x: (lambda sign, log: sign * log)(*np.linalg.slogdet(np.outer(x, x) + np.eye(4))),
        lambda x: sum(element**2 for element in x) / x.size + np.sum(x) / x.ndim + np.sum(x) / len(x),
        lambda x: np.sum((np.outer(x, x) - np.eye(x.shape[0])) ** 2) + np.sum((x - np.zeros(x.shape)) ** 2),
        lambda x: np.sum(x.astype(float).copy() ** 2, dtype=float) + np.linalg.multi_dot([x, np.outer(x, x), x]),
    ],
)
def test_functions_that_are_written_with_others(python):
    at = np.array([0.3, -1.2, 2.0, 0.7])
    function = bp.function(python)
    np.testing.assert_allclose(function(at), python(at), rtol=1e-12)
    np.testing.assert_allclose(function.gradient(at)["x"], differences(python, at), rtol=1e-6, atol=1e-7)
    assert function.derive(x="4").verified


def test_shapes_are_unpacked():
    @bp.function(X="S M")
    def scaled(X):
        rows, columns = X.shape
        assert len(X.T.shape) == X.ndim == np.ndim(X) == 2
        return np.sum((X - np.eye(rows, columns, like=X)) ** 2) / rows / columns

    X = np.random.default_rng(0).standard_normal((3, 4))
    np.testing.assert_allclose(scaled(X), np.sum((X - np.eye(3, 4)) ** 2) / 12)
    assert scaled.derive().verified


def test_labels_choose_elements_of_rows():
    @bp.function(P="S C", t="S: labels(C)")
    def loss(P, t):
        return -np.mean(np.log(P[np.arange(P.shape[0], like=P), t]))

    P, t = np.array([[0.25, 0.75], [0.5, 0.5]]), np.array([1, 0])
    np.testing.assert_allclose(loss(P, t), -np.mean(np.log([0.75, 0.5])))


@pytest.mark.parametrize(
    ("python", "error", "message"),
    [
        (lambda X: np.median(X), bp.RefusedError, "`np.median` cannot be derived: .* constant input"),
        (lambda X: np.sort(X), bp.RefusedError, "`np.sort` cannot be derived"),
        (lambda X: np.linalg.svd(X)[1], bp.RefusedError, "`np.linalg.svd` cannot be derived: .* write what you need"),
        (lambda X: np.fft.fft(X), bp.RefusedError, r"`np.fft.fft` cannot be derived"),
        (lambda X: np.floor(X), bp.RefusedError, "derivative is zero wherever it has one"),
        (lambda X: X % 2, bp.RefusedError, "`np.remainder` cannot be derived"),
        (lambda X: X[X > 0], bp.RefusedError, r"`np.where\(condition, X, 0\)`"),
        (lambda X: np.nansum(X), bp.RefusedError, "known"),
        (lambda X: np.sum(X - np.eye(X.shape[0])), TypeError, r"`np.eye\(X.shape\[0\], like=X\)`"),
        (lambda X: np.sum(np.array(X)), TypeError, "no numbers yet"),
        (lambda X: [row for row in X], TypeError, "cannot be gone through"),
        (lambda X: np.add(X, 1, out=np.ones((2, 2))), TypeError, "`out=` cannot be traced"),
        (lambda X: X.real, AttributeError, "these methods: .*clip"),
        (lambda X: X.__setitem__(0, 1.0), TypeError, "cannot be replaced"),
        (lambda X: X.astype(int), TypeError, "real numbers"),
    ],
)
def test_what_cannot_be_traced_is_said_at_its_line(python, error, message):
    with pytest.raises(error, match=message) as caught:
        bp.function(python, X="S M")
    assert any(frame.frame.code.raw is python.__code__ for frame in caught.traceback)
