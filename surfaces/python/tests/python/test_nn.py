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


def test_labels_in_columns_are_labels():
    random = np.random.default_rng(6)
    probabilities, labels = random.dirichlet(np.ones(5), 6), random.integers(0, 5, 6)
    loss = nn.CrossEntropyModule()
    assert loss(probabilities, labels[:, None]) == loss(probabilities, labels) == loss(probabilities, np.eye(5)[labels])
    np.testing.assert_array_equal(loss.backward(probabilities, labels[:, None]), loss.backward(probabilities, labels))
    with pytest.raises(ValueError, match=r"the labels have the shape \(6, 3\)"):
        loss(probabilities, np.eye(5)[labels][:, :3])


def test_the_cache_is_of_its_own():
    random = np.random.default_rng(7)
    for module in (nn.LinearModule(5, 4, seed=0), nn.ELUModule(), nn.SoftMaxModule()):
        x = random.standard_normal((6, 5))
        dout = np.ones_like(module.forward(x))
        dx = module.backward(dout)
        module.forward(x)
        x[:] = 0
        np.testing.assert_array_equal(module.backward(dout), dx)
        with pytest.raises((ValueError, TypeError)):
            module.forward(np.full((2, 5), "a"))
        np.testing.assert_array_equal(module.backward(dout), dx)


def test_parameters_of_a_network_can_be_replaced():
    network = nn.SequentialModule(nn.LinearModule(2, 3, seed=0), nn.TanhModule(), nn.LinearModule(3, 1, seed=1))
    assert list(network.params) == ["0.weight", "0.bias", "2.weight", "2.bias"] and len(network.params) == 4
    for name in network.params:
        network.params[name] = np.zeros_like(network.params[name])
    assert not network.forward(np.ones((4, 2))).any()
    network.backward(np.ones((4, 1)))
    assert network.grads["2.bias"].tolist() == [4.0]
    with pytest.raises(KeyError):
        network.params["7.weight"]
    with pytest.raises(ValueError, match="a layer needs features"):
        nn.LinearModule(0, 3)
