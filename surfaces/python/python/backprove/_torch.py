"""PyTorch modules whose backward pass is derived. What runs is the emitted PyTorch, on whatever device its tensors are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.autograd import forward_ad

from ._derivation import Derivation
from ._emitted import arranged, emitted, loaded
from ._function import Function, UndeclaredFunction


class DerivedModule(nn.Module):
    """A function of tensors whose gradients are the derived ones; see `backprove.torch`."""

    derivation: Derivation
    """The derivation behind the backward pass."""
    code: str
    """The emitted code that runs: a module of its own, without Backprove."""

    def __init__(
        self,
        code: str,
        derivation: Derivation,
        names: Sequence[str],
        parameters: Mapping[str, Any],
        constants: Mapping[str, Any],
    ):
        super().__init__()
        unknown = [name for name in parameters if name not in names]
        if unknown:
            raise ValueError(f"{', '.join(map(repr, unknown))} is no input; the inputs are {', '.join(names)}")
        self.derivation, self.code, self._names = derivation, code, tuple(names)
        self._load()
        for name, value in parameters.items():
            value = value.detach().clone() if isinstance(value, torch.Tensor) else torch.tensor(np.asarray(value))
            self.register_parameter(name, nn.Parameter(value))
        for name, value in constants.items():
            self.register_buffer(name, torch.as_tensor(value), persistent=False)
        self._given = tuple(name for name in names if name not in parameters and name not in constants)

    def _load(self) -> None:
        """Makes functions of the code."""
        module = loaded("torch", self.code)
        self._function, self._differentiable = module.function, _with_tangents(module)

    def __getstate__(self) -> dict[str, Any]:
        # The code stays, what was made of it is made again.
        return {key: value for key, value in self.__dict__.items() if key not in ("_function", "_differentiable")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._load()

    def forward(self, *inputs: torch.Tensor, **named: torch.Tensor) -> torch.Tensor:
        values = arranged(self._names, self._given, inputs, named, self.__getattr__)
        # `torch.compile` takes no function with a forward mode of its own.
        return self._function(*values) if torch.compiler.is_compiling() else self._differentiable(*values)

    def extra_repr(self) -> str:
        return "; ".join(map(str, self.derivation))


@cache
def _with_tangents(module: Any) -> Callable[..., torch.Tensor]:
    """The function of an emitted module, with forward mode."""
    derived = module.Derived
    # PyTorch asks for it at each call; what is kept is not worked out again.
    derived.forward.__signature__ = inspect.signature(derived.forward)

    class Dual(derived):  # type: ignore[misc, valid-type]
        """The emitted function with the derivative along tangents."""

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
            derived.setup_context(ctx, inputs, output)
            ctx.save_for_forward(*inputs)
            ctx.beside = len(output) - 1 if isinstance(output, tuple) else 0

        @staticmethod
        def jvp(ctx: Any, *tangents: torch.Tensor | None) -> Any:
            """PyTorch allows no forward mode within another: but the gradient is linear in the cotangent, and the
            derivative of that by the cotangent is the derivative along the tangents."""
            inputs = ctx.saved_tensors
            moving = [place for place, tangent in enumerate(tangents) if tangent is not None]

            def value(*moved: torch.Tensor) -> torch.Tensor:
                values = list(inputs)
                for place, own in zip(moving, moved, strict=True):
                    values[place] = own
                return module.forward(*values)

            output, pull = torch.func.vjp(value, *(inputs[place] for place in moving))
            _, push = torch.func.vjp(pull, torch.zeros_like(output))
            (along,) = push(tuple(tangents[place] for place in moving))
            return (along, *[None] * ctx.beside) if ctx.beside else along

    class Plain(torch.autograd.Function):
        """The same where nothing else looks on: what backward reads is kept without being an output, and PyTorch calls what sets a
        context in `forward` with less ado."""

        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> torch.Tensor:
            output = derived.forward(*inputs)
            derived.setup_context(ctx, inputs, output)
            return _first(output)

        backward = staticmethod(derived.backward)

    # `Function.apply` itself asks again what `applied` asks, and looks for a context of its own that sets.
    apply = super(torch.autograd.Function, Plain).apply

    def applied(*values: torch.Tensor) -> torch.Tensor:
        if torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0:
            return _first(Dual.apply(*values))
        return apply(*values)

    return applied


def _first(output: Any) -> torch.Tensor:
    """The value among what an emitted `forward` returns beside it."""
    return output[0] if isinstance(output, tuple) else output


def torch_module(
    source: str | Function | UndeclaredFunction,
    /,
    parameters: Mapping[str, Any] | None = None,
    wrt: str | Sequence[str] | None = None,
    **shapes: str | Sequence[object],
) -> DerivedModule:
    """What `backprove.torch` does."""
    code, derivation, constants = emitted("torch", source, wrt, shapes)
    return DerivedModule(code, derivation, [name for name, _, _ in derivation._inputs], parameters or {}, constants)
