"""Gradients you can read, trust and run.

Derive, compile, check:

>>> import backprove as bp
>>> layer = bp.derive("Y = X @ W.T + b", X="S M", W="N M", b="N")
>>> layer["W"].matrix
'dY.T @ X'
>>> layer.verified
True
>>> loss = bp.compile("L = mean((X @ w - y)**2)", X="S M", w="M", y="S: constant")
>>> float(loss([[1.0, 2.0]], [3.0, 4.0], [10.0]))
1.0
>>> loss.gradient([[1.0, 2.0]], [3.0, 4.0], [10.0], wrt="w")["w"]
array([2., 4.])

Nothing heavy is imported before it is used: NumPy by the first array, PyTorch, JAX and scikit-learn by `torch`, `jax` and
`sklearn`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._checking import Check, check
from ._derivation import Derivation, Result, Step, derive
from ._function import Function, compile, function
from ._hessian import Hessian
from ._native import RefusedError, SourceError

if TYPE_CHECKING:
    from . import nn, sklearn

__all__ = [
    "Check",
    "Derivation",
    "Function",
    "Hessian",
    "RefusedError",
    "Result",
    "SourceError",
    "Step",
    "check",
    "compile",
    "derive",
    "function",
    "nn",
    "sklearn",
]

__version__ = "0.1.0"


def __getattr__(name: str):
    if name in ("nn", "sklearn"):
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
