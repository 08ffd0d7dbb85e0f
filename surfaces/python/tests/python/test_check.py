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


def test_misuse(layer):
    with pytest.raises(ValueError, match="returned 2 gradients, but there are 3 variables"):
        bp.check(layer, lambda dY, X, W, b: (X, W))
    with pytest.raises(ValueError, match="'Q'"):
        bp.check(layer, lambda dY, X, W, b: {"Q": X})
    with pytest.raises(TypeError):
        bp.check(layer, 3)
