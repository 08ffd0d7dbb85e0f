"""Layers in the style of classical courses: `forward` keeps what `backward` needs, and `backward` is the derived gradient.

Every module works on NumPy arrays with one sample in each row, keeps its parameters in `params` and their gradients in `grads`,
and computes in the precision of its parameters (float64 by default, so that finite differences can check it).

>>> import numpy as np
>>> from backprove import nn
>>> layer, loss = nn.LinearModule(3, 2, seed=0), nn.CrossEntropyModule()
>>> softmax = nn.SoftMaxModule()
>>> probabilities = softmax.forward(layer.forward(np.ones((4, 3))))
>>> value = loss.forward(probabilities, np.array([0, 1, 1, 0]))
>>> dx = layer.backward(softmax.backward(loss.backward(probabilities, np.array([0, 1, 1, 0]))))
>>> dx.shape, layer.grads["weight"].shape, layer.grads["bias"].shape
((4, 3), (2, 3), (2,))
"""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import cache

import numpy as np

from ._function import Function, compile

__all__ = [
    "CrossEntropyModule",
    "ELUModule",
    "GELUModule",
    "LinearModule",
    "Module",
    "ReLUModule",
    "SequentialModule",
    "SigmoidModule",
    "SoftMaxModule",
    "TanhModule",
]


@cache
def _compiled(source: str, *shapes: tuple[str, str]) -> Function:
    return compile(source, threads=None, **dict(shapes))


class Module:
    """What all modules have: `params`, `grads` and a cache from the last `forward` on."""

    def __init__(self):
        self.params: MutableMapping[str, np.ndarray] = {}
        self.grads: MutableMapping[str, np.ndarray] = {}
        self._cache = None

    def forward(self, x):
        """The value for a batch `x`, one sample in each row."""
        raise NotImplementedError

    def backward(self, dout):
        """The gradient by the last `forward`'s input, given the gradient `dout` by its value; sets `grads`."""
        raise NotImplementedError

    def clear_cache(self):
        """Forgets what the last `forward` kept."""
        self._cache = None

    def _keep(self, x):
        # A copy: the caller may go on to write into `x`.
        self._cache = np.array(x)

    def _kept(self):
        if self._cache is None:
            raise RuntimeError(f"`{type(self).__name__}.backward` needs a `forward` before it")
        return self._cache

    def __call__(self, *arrays):
        return self.forward(*arrays)


class LinearModule(Module):
    """`Y = X W^T + b` with `weight` W of shape out × in and `bias` b of `out_features` zeros.

    The weight is drawn by Kaiming's rule (He et al. 2015, equation 10): with variance 2/in, or 1/in for an `input_layer`, before which there is
    no activation that halves the variance. `backward` sets `grads["weight"]` (out × in) and `grads["bias"]` (out).

    >>> import numpy as np
    >>> from backprove.nn import LinearModule
    >>> layer = LinearModule(784, 128, input_layer=True)
    >>> layer.params["weight"].shape, layer.forward(np.zeros((2, 784))).shape
    ((128, 784), (2, 128))
    """

    def __init__(self, in_features: int, out_features: int, input_layer: bool = False, *, seed=None, dtype=np.float64):
        super().__init__()
        if in_features < 1 or out_features < 1:
            raise ValueError(
                f"a layer needs features, but has {in_features} of them before it and {out_features} after it"
            )
        deviation = np.sqrt((1.0 if input_layer else 2.0) / in_features)
        weight = np.random.default_rng(seed).normal(0.0, deviation, (out_features, in_features))
        self.params = {"weight": weight.astype(dtype), "bias": np.zeros(out_features, dtype)}
        self.grads = {name: np.zeros_like(value) for name, value in self.params.items()}

    _function = staticmethod(lambda: _compiled("Y = X @ W.T + b", ("X", "S M"), ("W", "N M"), ("b", "N")))

    def forward(self, x):
        value = self._function()(x, self.params["weight"], self.params["bias"])
        self._keep(x)
        return value

    def backward(self, dout):
        gradients = self._function().vjp(dout, self._kept(), self.params["weight"], self.params["bias"])
        self.grads["weight"], self.grads["bias"] = gradients["W"], gradients["b"]
        return gradients["X"]


class _ElementwiseModule(Module):
    _source = ""

    def _parameters(self) -> dict[str, float]:
        return {}

    def _function(self) -> Function:
        return _compiled(self._source, ("X", "S N"), *((name, ": constant") for name in self._parameters()))

    def _flat(self, x):
        # Activations take batches of any shape, such as pictures.
        x = np.asarray(x)
        return x.reshape(len(x), -1) if x.ndim > 1 else x.reshape(-1, 1)

    def forward(self, x):
        value = self._function()(self._flat(x), **self._parameters()).reshape(np.shape(x))
        self._keep(x)
        return value

    def backward(self, dout):
        x = self._kept()
        gradients = self._function().vjp(self._flat(dout), self._flat(x), wrt="X", **self._parameters())
        return gradients["X"].reshape(np.shape(x))


class ReLUModule(_ElementwiseModule):
    """`max(x, 0)`, with the derivative 0 at 0."""

    _source = "Y = relu(X)"


class ELUModule(_ElementwiseModule):
    """`x` where it is positive, else `alpha (exp(x) - 1)`."""

    _source = "Y = where(X > 0, X, alpha * expm1(minimum(X, 0)))"

    def __init__(self, alpha: float = 1.0):
        super().__init__()
        self.alpha = float(alpha)

    def _parameters(self):
        return {"alpha": self.alpha}


class SigmoidModule(_ElementwiseModule):
    """`1 / (1 + exp(-x))`."""

    _source = "Y = sigmoid(X)"


class TanhModule(_ElementwiseModule):
    """`tanh(x)`."""

    _source = "Y = tanh(X)"


class GELUModule(_ElementwiseModule):
    """`x Φ(x)`, with the distribution function Φ of the normal distribution."""

    _source = "Y = gelu(X)"


class SoftMaxModule(Module):
    """`exp(x) / sum(exp(x))` over each row, in the form that does not overflow."""

    _function = staticmethod(lambda: _compiled("Y = softmax(X, axis=1)", ("X", "S N")))

    def forward(self, x):
        value = self._function()(x)
        self._keep(x)
        return value

    def backward(self, dout):
        return self._function().vjp(dout, self._kept())["X"]


class CrossEntropyModule(Module):
    """The mean of `-log p` of the true classes, for probabilities `x` (one row for each sample) and labels `y`.

    `y` holds the number of each sample's class, or one row for each sample with a one at its class.
    """

    _function = staticmethod(lambda: _compiled("L = -sum[s](log(P[s, t[s]])) / S", ("P", "S C"), ("t", "S: labels(C)")))

    @staticmethod
    def _labels(x, y):
        y = np.asarray(y)
        if y.ndim < 2:
            return y
        if y.shape == (len(y), 1):
            return y[:, 0]
        if y.shape != np.shape(x):
            raise ValueError(
                f"the labels have the shape {y.shape}, but there are probabilities of the shape {np.shape(x)}"
            )
        return y.argmax(axis=1)

    def forward(self, x, y):
        return self._function()(x, self._labels(x, y))

    def backward(self, x, y):
        """The gradient by the probabilities `x`."""
        return self._function().gradient(x, self._labels(x, y), wrt="P")["P"]


class _Joined(MutableMapping):
    """The dictionaries of several modules as one, a module's number before each name; what is replaced here is replaced there."""

    def __init__(self, modules: list[Module], kind: str):
        self._modules, self._kind = modules, kind

    @property
    def _dictionaries(self) -> list[MutableMapping]:
        return [getattr(module, self._kind) for module in self._modules]

    def _place(self, name: str) -> tuple[MutableMapping, str]:
        number, _, own = name.partition(".")
        if number.isdigit() and int(number) < len(self._dictionaries):
            return self._dictionaries[int(number)], own
        raise KeyError(name)

    def __getitem__(self, name):
        dictionary, own = self._place(name)
        return dictionary[own]

    def __setitem__(self, name, value):
        dictionary, own = self._place(name)
        dictionary[own] = value

    def __delitem__(self, name):
        dictionary, own = self._place(name)
        del dictionary[own]

    def __iter__(self):
        return (f"{number}.{name}" for number, dictionary in enumerate(self._dictionaries) for name in dictionary)

    def __len__(self):
        return sum(map(len, self._dictionaries))

    def __repr__(self):
        return repr(dict(self))


class SequentialModule(Module):
    """Modules one after the other; `params` and `grads` are theirs, with the module's number before the name."""

    def __init__(self, *modules: Module):
        self.modules = list(modules)
        self.params = _Joined(self.modules, "params")
        self.grads = _Joined(self.modules, "grads")

    def forward(self, x):
        for module in self.modules:
            x = module.forward(x)
        return x

    def backward(self, dout):
        for module in reversed(self.modules):
            dout = module.backward(dout)
        return dout

    def clear_cache(self):
        for module in self.modules:
            module.clear_cache()
