"""JAX functions whose gradients are derived. What runs is the emitted JAX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._derivation import Derivation
from ._emitted import arranged, emitted, loaded
from ._function import Function, UndeclaredFunction


class DerivedFunction:
    """A function of JAX arrays whose gradients are the derived ones; see `backprove.jax`."""

    derivation: Derivation
    """The derivation behind the gradients."""
    code: str
    """The emitted code that runs: a module of its own, without Backprove."""

    def __init__(self, code: str, derivation: Derivation, names: Sequence[str], constants: Mapping[str, Any]):
        module = loaded("jax", code)
        self.derivation, self.code = derivation, code
        self._function, self._names, self._constants = module.function, tuple(names), dict(constants)
        self._given = tuple(name for name in names if name not in constants)
        self.__name__, self.__doc__ = module.function.__name__, module.function.__doc__

    def __reduce__(self) -> tuple[Any, ...]:
        return DerivedFunction, (self.code, self.derivation, self._names, self._constants)

    def __deepcopy__(self, _memo: dict) -> DerivedFunction:
        # Nothing of it changes, and JAX knows by it what was compiled already.
        return self

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        return self._function(*arranged(self._names, self._given, inputs, named, self._constants.__getitem__))

    def __repr__(self) -> str:
        return f"<DerivedFunction of {', '.join(self._given)}: {'; '.join(map(str, self.derivation))}>"


def jax_function(
    source: str | Function | UndeclaredFunction,
    /,
    wrt: str | Sequence[str] | None = None,
    **shapes: str | Sequence[object],
) -> DerivedFunction:
    """What `backprove.jax` does."""
    code, derivation, constants = emitted("jax", source, wrt, shapes)
    return DerivedFunction(code, derivation, [name for name, _, _ in derivation._inputs], constants)
