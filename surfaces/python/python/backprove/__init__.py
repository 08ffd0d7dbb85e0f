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

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._checking import Check, check
from ._derivation import Derivation, Result, Step, derive
from ._function import Function, compile, function
from ._hessian import Hessian
from ._native import RefusedError, SourceError

if TYPE_CHECKING:
    from . import nn, sklearn
    from ._jax import DerivedFunction
    from ._torch import DerivedModule

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
    "jax",
    "nn",
    "sklearn",
    "torch",
]

__version__ = "0.1.0"


def torch(
    source: str | Function,
    /,
    parameters: Mapping[str, Any] | None = None,
    wrt: str | Sequence[str] | None = None,
    **shapes: str | Sequence[object],
) -> DerivedModule:
    """A PyTorch module whose backward pass is the derived program.

    It takes the inputs as tensors, in order of declaration or by name, and runs the emitted PyTorch (`.code`), on whatever device and
    in whatever precision they are. `parameters` are first values by name; they become parameters of the module, which then takes
    the other inputs. Gradients can be differentiated again; `torch.compile`, `torch.func` and data-parallel training work.

    >>> import torch, backprove as bp  # doctest: +SKIP
    >>> layer = bp.torch("Y = X @ W.T + b", {"W": torch.randn(4, 3), "b": torch.zeros(4)}, X="S M", W="N M", b="N")  # doctest: +SKIP
    >>> layer(torch.randn(2, 3)).sum().backward()  # doctest: +SKIP
    """
    from ._torch import torch_module

    return torch_module(source, parameters, wrt, **shapes)


def jax(
    source: str | Function, /, wrt: str | Sequence[str] | None = None, **shapes: str | Sequence[object]
) -> DerivedFunction:
    """A JAX function whose gradients are the derived program, by `jax.custom_vjp`; `jit`, `vmap` and `grad` work on it.

    It takes the inputs in order of declaration or by name; `.code` is the emitted JAX that runs.

    >>> import jax, jax.numpy as jnp, backprove as bp  # doctest: +SKIP
    >>> loss = bp.jax("L = mean((X @ w - y)**2)", X="S M", w="M", y="S")  # doctest: +SKIP
    >>> jax.grad(loss, argnums=1)(jnp.eye(2), jnp.ones(2), jnp.zeros(2))  # doctest: +SKIP
    """
    from ._jax import jax_function

    return jax_function(source, wrt, **shapes)


def __getattr__(name: str):
    if name in ("nn", "sklearn"):
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
