"""Derivations as objects: results, steps, texts, and what is said of mistakes."""

import backprove as bp
import pytest


@pytest.fixture(scope="module")
def layer():
    return bp.derive("Y = X @ W.T + b", X="S M", W="N M", b="N")


def test_the_first_three_results_come_out(layer):
    assert layer.matrix == {"X": "dY @ W", "W": "dY.T @ X", "b": "sum(dY, axis=0)"}
    assert layer.shape == {"X": ("S", "M"), "W": ("N", "M"), "b": ("N",)}
    assert layer.verified and all(result.verified for result in layer)


def test_an_element_wise_activation_comes_out():
    assert bp.derive("Y = h(X)", X="S M", h="elementwise")["X"].matrix == "dY * h'(X)"


def test_results_and_steps_are_iterable(layer):
    assert [result.wrt for result in layer] == ["X", "W", "b"]
    assert len(layer.steps) == sum(len(result.steps) for result in layer)
    reasons = [step.reason for step in layer["W"].steps]
    assert "delta contraction" in reasons
    assert all(step.verified in ("field", "float") for step in layer.steps)


def test_it_shows_itself(layer):
    html = layer._repr_html_()
    assert "<math" in html and "<html" not in html
    assert "\\begin{aligned}" in layer._repr_latex_()
    assert "delta contraction" in str(layer)
    assert "dW = dY.T @ X" in repr(layer)
    assert layer.report("latex").startswith("\\documentclass")
    assert layer["W"]._repr_latex_().startswith("$")
    assert layer["W"]._repr_html_().startswith("<math") and "=</mo>" in layer["W"].mathml


def test_other_orders():
    hessian = bp.derive("L = sum((X @ w - y)**2)", X="S M", w="M", y="S", wrt="w", order="hessian")
    assert hessian["w", "w"].matrix == "2 * (X.T @ X)"
    jacobian = bp.derive("Y = A @ x", A="N M", x="M", wrt="x", order="jacobian")
    assert jacobian["x"].matrix == "A"


def test_a_mistake_is_drawn_at_its_place():
    with pytest.raises(bp.SourceError, match="shape-mismatch") as caught:
        bp.derive("Y = X @ W", X="S M", W="N M")
    text = str(caught.value)
    assert "program:1:5" in text and "the sizes only fit `X @ W.T`" in text
    assert isinstance(caught.value, ValueError)


def test_what_cannot_be_derived_is_refused():
    with pytest.raises(bp.RefusedError):
        bp.derive("Y = pinv(X)", X="S M")


@pytest.mark.parametrize(
    ("shapes", "error"),
    [
        ({"X": 3}, TypeError),
        ({"X": "S M", "W": "N M", "b": "N", "not a name": "S"}, ValueError),
    ],
)
def test_wrong_shapes_are_refused(shapes, error):
    with pytest.raises(error):
        bp.derive("Y = X @ W.T + b", **shapes)


def test_unknown_names_are_said(layer):
    with pytest.raises(KeyError, match="there is 'X', 'W', 'b'"):
        layer["Q"]
    with pytest.raises(bp.SourceError, match="`Q` is not a tensor of the program"):
        bp.derive("Y = X + 1", X="S", wrt="Q")
    with pytest.raises(ValueError, match="order"):
        bp.derive("Y = X + 1", X="S", order="third")
