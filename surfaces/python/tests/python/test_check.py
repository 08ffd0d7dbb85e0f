"""Checks of somebody's own backward pass."""

import backprove as bp
import numpy as np
import pytest


@pytest.fixture(scope="module")
def layer():
    return bp.compile("Y = X @ W.T + b", X="S M", W="N M", b="N")


def test_a_right_one_passes(layer):
    result = bp.check(layer, lambda dY, X, W, b: (dY @ W, dY.T @ X, dY.sum(axis=0)))
    assert result and max(result.errors.values()) < 1e-12


def test_the_bias_without_the_sum_is_caught(layer):
    result = bp.check(layer, lambda dY, X, W, b: {"dX": dY @ W, "dW": dY.T @ X, "db": dY})
    assert not result
    assert "db has the shape" in str(result) and "Derived: db = sum(dY, axis=0)" in str(result)


def test_the_first_differing_element_is_shown(layer):
    def backward(dout, X, W, b):
        dW = dout.T @ X
        dW[1, 2] += 0.5
        return dout @ W, dW, dout.sum(axis=0)

    result = bp.check(layer, backward)
    assert not result and "dW[1, 2] is" in str(result) and "Derived: dW = dY.T @ X" in str(result)


def test_given_values_are_used(layer):
    seen = {}

    def backward(dY, X, W, b):
        seen.update(X=X, dY=dY)
        return dY @ W, dY.T @ X, dY.sum(axis=0)

    X, dY = np.array([[1.0, 2.0]]), np.array([[1.0, 1.0, 1.0]])
    assert bp.check(layer, backward, at={"X": X, "dY": dY, "N": 3})
    np.testing.assert_array_equal(seen["X"], X)
    np.testing.assert_array_equal(seen["dY"], dY)


def test_scalars_and_single_precision():
    loss = bp.compile("L = mean((X @ w - y)**2)", X="S M: constant", w="M", y="S: constant")

    def backward(X, w, y):
        return 2 * X.T @ (X @ w - y) / len(y)

    assert bp.check(loss, backward, wrt="w")
    single = {"w": np.ones(3, np.float32), "X": np.ones((5, 3), np.float32), "y": np.ones(5, np.float32)}
    assert bp.check(loss, backward, wrt="w", at=single)
    assert not bp.check(loss, lambda X, w, y: X.T @ (X @ w - y), wrt="w")


def test_not_a_number_is_wrong(layer):
    result = bp.check(layer, lambda dY, X, W, b: (dY @ W * np.nan, dY.T @ X, dY.sum(axis=0)))
    assert not result


def test_formulas(layer):
    assert bp.check(layer, "dL/dW = (X.T @ dY).T")
    assert not bp.check(layer, "dL/db = dL/dY")


def test_formulas_at_numbers(layer):
    at = {"X": np.array([[1.0, 2.0], [3.0, 4.0]]), "N": 3}
    right = bp.check(layer, "dL/dW = dL/dY.T @ X", at=at)
    assert right and "At these numbers dL/dW agrees" in str(right)
    wrong = bp.check(layer, "dL/dW = 2 * dL/dY.T @ X", at=at)
    assert not wrong and "At these numbers dL/dW[" in str(wrong)
    with pytest.raises(ValueError, match="`V` is no input"):
        bp.check(layer, "dL/dW = dL/dY.T @ X", at={"V": 1.0})


def test_misuse(layer):
    with pytest.raises(ValueError, match="returned 2 gradients, but there are 3 variables"):
        bp.check(layer, lambda dY, X, W, b: (X, W))
    with pytest.raises(ValueError, match="'Q'"):
        bp.check(layer, lambda dY, X, W, b: {"Q": X})
    with pytest.raises(TypeError):
        bp.check(layer, 3)


def test_a_hint_says_what_would_make_it_right(layer):
    def claimed(**changes):
        return lambda dY, X, W, b: (
            {"X": dY @ W, "W": dY.T @ X, "b": dY.sum(axis=0)}
            | {name: change(dY, X) for name, change in changes.items()}
        )

    for change, hint in [
        (lambda dY, X: X.T @ dY, "Its transpose is right. Derived: dW = dY.T @ X"),
        (lambda dY, X: -dY.T @ X, "With the other sign it is right."),
        (lambda dY, X: 4 * dY.T @ X, "Times 0.25 it is right."),
        (lambda dY, X: (dY.T @ X)[None], "Summed over axis 0 it is right."),
        (lambda dY, X: (dY.T @ X).ravel(), "Its elements are right in another shape."),
    ]:
        result = bp.check(layer, claimed(W=change))
        assert not result and hint in str(result), str(result)
    # A transpose of a square matrix has the right shape.
    assert "Its transpose is right" in str(bp.check(layer, claimed(W=lambda dY, X: X.T @ dY), at={"M": 3, "N": 3}))
    assert "right. Derived" not in str(bp.check(layer, claimed(W=lambda dY, X: np.sin(dY.T @ X))))


def test_what_is_changed_in_place_is_found_and_undone(layer):
    def backward(dY, X, W, b):
        gradients = dY @ W, dY.T @ X, dY.sum(axis=0)
        X *= 2
        dY[1, 0] = 7
        return gradients

    X = np.ones((2, 3))
    result = bp.check(layer, backward, at={"X": X})
    assert not result and (X == 1).all()
    assert "changes its argument X in place, first X[0, 0] from 1 to 2" in str(result)
    assert "changes its argument dY in place, first dY[1, 0]" in str(result)


@pytest.mark.parametrize(("dtype", "right"), [("float32", True), ("int64", False), ("complex128", False), ("O", False)])
def test_dtypes_of_gradients(layer, dtype, right):
    result = bp.check(layer, lambda dY, X, W, b: tuple(g.astype(dtype) for g in (dY @ W, dY.T @ X, dY.sum(axis=0))))
    assert bool(result) is right
    if dtype in ("complex128", "O"):
        assert f"dX has the dtype {np.dtype(dtype)}" in str(result)
    assert ("in single precision" in str(result)) is (dtype == "float32")


def test_functions_of_python_are_checked_too():
    def forward(x, y):
        return np.sum(np.sin(x) * y)

    def backward(x, y):
        return np.cos(x) * y, np.sin(x)

    assert bp.check(forward, backward, x="N", y="N")
    assert bp.check(bp.function(forward), backward, at={"x": np.ones(3), "y": np.zeros(3)})
    assert not bp.check(forward, lambda x, y: (np.cos(x), np.sin(x)), x="N", y="N")
    assert bp.check(bp.compile("L = sum(x * y)", x="N", y="N"), lambda x, y: [y, x])


def test_what_is_missing_or_unknown_is_said(layer):
    with pytest.raises(ValueError, match="returned None"):
        bp.check(layer, lambda dY, X, W, b: None)
    with pytest.raises(ValueError, match="`at` has 'Q', but there are X, W, b"):
        bp.check(layer, lambda dY, X, W, b: (X, W, b), at={"Q": np.ones(3)})
    with pytest.raises(TypeError, match="`at` is a mapping"):
        bp.check(layer, lambda dY, X, W, b: (X, W, b), at=[1])
    some = bp.check(layer, lambda dY, X, W, b: {"X": dY @ W, "W": None})
    assert some and "Nothing was claimed of dW, db." in str(some)
