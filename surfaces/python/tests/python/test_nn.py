"""The course's modules, checked as a course checks them: finite differences with a relative error below 1e-5."""

import numpy as np
import pytest
from backprove import nn


def relative_error(left, right):
    return np.max(np.abs(left - right) / np.maximum(1e-8, np.abs(left) + np.abs(right)))


def differences(function, at, dout, step=1e-5):
    gradient = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        old = at[place]
        at[place] = old + step
        above = function().copy()
        at[place] = old - step
        below = function().copy()
        at[place] = old
        gradient[place] = np.sum((above - below) * dout) / (2 * step)
    return gradient


def test_linear():
    random = np.random.default_rng(0)
    layer = nn.LinearModule(5, 4, input_layer=True, seed=0)
    x, dout = random.standard_normal((7, 5)), random.standard_normal((7, 4))
    layer.forward(x)
    dx = layer.backward(dout)
    assert layer.params["weight"].shape == (4, 5) and not layer.params["bias"].any()
    assert relative_error(dx, differences(lambda: layer.forward(x), x, dout)) < 1e-5
    for name, value in layer.params.items():
        assert layer.grads[name].shape == value.shape
        assert relative_error(layer.grads[name], differences(lambda: layer.forward(x), value, dout)) < 1e-5


def test_kaiming():
    for first, variance in ((True, 1.0), (False, 2.0)):
        weight = nn.LinearModule(400, 500, input_layer=first, seed=1).params["weight"]
        assert abs(weight.var() * 400 / variance - 1) < 0.02 and abs(weight.mean()) < 1e-3


@pytest.mark.parametrize(
    "module",
    [
        nn.ReLUModule(),
        nn.ELUModule(alpha=1.3),
        nn.SigmoidModule(),
        nn.TanhModule(),
        nn.GELUModule(),
        nn.SoftMaxModule(),
    ],
    ids=lambda module: type(module).__name__,
)
def test_activations(module):
    random = np.random.default_rng(2)
    x, dout = random.standard_normal((6, 5)), random.standard_normal((6, 5))
    # Away from the kinks, where differences see both sides.
    x[np.abs(x) < 1e-2] = 0.5
    module.forward(x)
    dx = module.backward(dout)
    assert relative_error(dx, differences(lambda: module.forward(x), x, dout)) < 1e-5


def test_elu_is_elu_and_does_not_overflow():
    x = np.array([[-1000.0, -1.0, 0.0, 2.0, 1000.0]])
    np.testing.assert_allclose(nn.ELUModule(2.0).forward(x), np.where(x > 0, x, 2.0 * np.expm1(np.minimum(x, 0))))


def test_softmax_does_not_overflow():
    value = nn.SoftMaxModule().forward(np.array([[1000.0, 0.0]]))
    np.testing.assert_allclose(value, [[1.0, 0.0]])


def test_cross_entropy_after_softmax():
    random = np.random.default_rng(3)
    scores, labels = random.standard_normal((6, 5)), random.integers(0, 5, 6)
    softmax, loss = nn.SoftMaxModule(), nn.CrossEntropyModule()
    probabilities = softmax.forward(scores)
    value = loss.forward(probabilities, labels)
    np.testing.assert_allclose(value, -np.mean(np.log(probabilities[np.arange(6), labels])))
    np.testing.assert_allclose(loss.forward(probabilities, np.eye(5)[labels]), value)
    dscores = softmax.backward(loss.backward(probabilities, labels))
    np.testing.assert_allclose(dscores, (probabilities - np.eye(5)[labels]) / 6, atol=1e-12)


def test_a_network_learns():
    random = np.random.default_rng(4)
    x = random.standard_normal((64, 2))
    labels = (x[:, 0] * x[:, 1] > 0).astype(int)
    network = nn.SequentialModule(
        nn.LinearModule(2, 16, True, seed=0), nn.ELUModule(), nn.LinearModule(16, 2, seed=1), nn.SoftMaxModule()
    )
    loss = nn.CrossEntropyModule()
    losses = []
    for _ in range(200):
        probabilities = network.forward(x)
        losses.append(loss.forward(probabilities, labels))
        network.backward(loss.backward(probabilities, labels))
        for module in network.modules:
            for name, gradient in module.grads.items():
                module.params[name] -= 0.5 * gradient
    assert losses[-1] < losses[0] / 3


def test_the_cache():
    layer = nn.LinearModule(2, 2)
    with pytest.raises(RuntimeError, match="needs a `forward`"):
        layer.backward(np.ones((1, 2)))
    layer.forward(np.ones((1, 2)))
    layer.clear_cache()
    with pytest.raises(RuntimeError):
        layer.backward(np.ones((1, 2)))
