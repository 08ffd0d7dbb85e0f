"""From what users pass to the parts of a program's text. Nothing is parsed here beyond `"S M: facts"`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ._native import Problem


def declaration(name: str, shape: str | Sequence[object]) -> str:
    """The declaration of a tensor.

    `shape` is its sizes with spaces or commas between them, and facts after a colon; or a sequence of sizes.

    >>> declaration("X", "S M")
    'X[S, M]'
    >>> declaration("t", "S: labels(C)")
    't[S]: labels(C)'
    >>> declaration("c", "")
    'c[]'
    >>> declaration("W", (10, "M"))
    'W[10, M]'
    >>> declaration("h", "elementwise")
    'h: elementwise'
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"{name!r} is no name of a tensor")
    if not isinstance(shape, str):
        if not isinstance(shape, Sequence):
            raise TypeError(f"the shape of `{name}` is text such as 'S M' or a sequence of sizes, not {shape!r}")
        return f"{name}[{', '.join(str(size) for size in shape)}]"
    sizes, colon, facts = shape.partition(":")
    if sizes.strip() == "elementwise" and not colon:
        return f"{name}: elementwise"
    dims = ", ".join(sizes.replace(",", " ").split())
    return f"{name}[{dims}]{': ' + facts.strip() if facts.strip() else ''}"


def problem(source: object, shapes: Mapping[str, str | Sequence[object]]) -> Problem:
    """The program of `source` with declarations before it."""
    if not isinstance(source, str):
        raise TypeError(f"a program is text or a function made by `backprove.function`, not {type(source).__name__}")
    parts = []
    if shapes:
        parts.append(("shapes", "; ".join(declaration(name, shape) for name, shape in shapes.items())))
    return Problem([*parts, ("program", source)])


def names(wrt: str | Sequence[str] | None) -> list[str]:
    """The names in `wrt`: one, several with commas between them, or a sequence."""
    if wrt is None:
        return []
    if isinstance(wrt, str):
        wrt = wrt.split(",")
    if not isinstance(wrt, Sequence) or not all(isinstance(name, str) for name in wrt):
        raise TypeError(f"`wrt` is the name of a variable or several names, not {wrt!r}")
    return [name.strip() for name in wrt]
