"""Emitted code as importable modules. The code is the library's; here it is only executed."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from types import ModuleType
from typing import Any

from ._derivation import Derivation, derive
from ._function import Function, UndeclaredFunction


def arranged(
    names: Sequence[str], given: Sequence[str], inputs: Sequence[Any], named: dict[str, Any], kept: Any
) -> list[Any]:
    """The values of all `names` in order: those `given` from the arguments of a call, the others by `kept`."""
    if not named and len(inputs) == len(names) == len(given):
        return list(inputs)
    if len(inputs) > len(given):
        raise TypeError(f"{len(inputs)} arguments are passed, but there are {len(given)} inputs: {', '.join(given)}")
    values = dict(zip(given, inputs, strict=False))
    for name, value in named.items():
        if name not in given or name in values:
            raise TypeError(f"`{name}` is passed twice or no input; the inputs are {', '.join(given)}")
        values[name] = value
    missing = [name for name in given if name not in values]
    if missing:
        raise TypeError(f"`{missing[0]}` is missing; the inputs are {', '.join(given)}")
    return [values[name] if name in values else kept(name) for name in names]


def emitted(
    target: str, source: str | Function | UndeclaredFunction, wrt: str | Sequence[str] | None, shapes: dict[str, Any]
) -> tuple[str, Derivation, dict[str, Any]]:
    """The emitted code for `target`, the derivation behind it, and the arrays that a traced function holds.

    Raises `SourceError` where the derivation could not be verified: what was not found right does not run.
    """
    if isinstance(source, UndeclaredFunction):
        source, shapes = source.declare(**shapes), {}
    derivation = derive(source, wrt=wrt, **shapes)
    code = derivation.emit(target)
    constants = dict(source._constants) if isinstance(source, Function) else {}
    return code, derivation, constants


@cache
def loaded(target: str, code: str) -> ModuleType:
    """Emitted code as a module: the same for the same code, so that copies share what is known of it."""
    name = f"backprove_{target}_{sha256(code.encode()).hexdigest()[:16]}"
    module = ModuleType(name)
    filename = f"<{name}>"
    # What compiles functions looks their module up; tracebacks show its lines.
    sys.modules[name] = module
    linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
    exec(compile(code, filename, "exec"), module.__dict__)
    return module
