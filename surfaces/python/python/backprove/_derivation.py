"""Derivations: what was derived, as objects that show themselves. Their text and mathematics are the library's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _native
from ._source import names, problem

if TYPE_CHECKING:
    from ._function import Function


@dataclass(frozen=True, repr=False)
class Step:
    """One rewrite of a derivation."""

    rule: str
    """The name of the rule."""
    reason: str
    """Why it may be done, in words."""
    level: str
    """How much a reader cares: `headline`, `working` or `bookkeeping`."""
    text: str
    """The equation as text."""
    latex: str
    """The equation in LaTeX."""
    verified: str
    """How it was found right: `field` (modulo 2^61 - 1) or `float`; else `failed` or `unverified`."""

    def __str__(self) -> str:
        return f"{self.text}   {self.reason}"

    def __repr__(self) -> str:
        return f"<Step, {self.verified}: {self}>"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex} \\qquad \\text{{{self.reason}}}$"


@dataclass(frozen=True, repr=False)
class Result:
    """The derivative by one variable (by a pair of them for a Hessian)."""

    wrt: str | tuple[str, ...]
    """By what."""
    name: str
    """What it is called in code: `dW`."""
    shape: tuple[str, ...]
    """Its sizes: those of the variable for a gradient."""
    matrix: str | None
    """The result in matrix notation, or none where it has no such form."""
    index: str
    """The result in index notation, complete with its left side."""
    latex: str
    """The right side of one element in LaTeX."""
    equation: str
    """The result in LaTeX, in matrix notation where it has one, else of one element."""
    mathml: str
    """The same in MathML, which needs no script to be drawn."""
    verified: bool
    """Whether every step and the result were found right."""
    steps: tuple[Step, ...]
    """The steps from the chain rule to the result."""

    def __str__(self) -> str:
        return self.index if self.matrix is None else f"{self.name} = {self.matrix}"

    def _repr_html_(self) -> str:
        return self.mathml

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.equation}$"

    def __repr__(self) -> str:
        mark = "verified" if self.verified else "not verified"
        return f"<Result, {mark}, {len(self.steps)} steps: {self}>"


class Derivation:
    """What `derive` returns: a mapping from each variable to its result, which shows itself.

    In a terminal, `print` shows the report; in Jupyter a cell shows it typeset. Iterating gives the results.

    >>> import backprove as bp
    >>> layer = bp.derive("Y = X @ W.T + b", X="S M", W="N M", b="N")
    >>> [result.matrix for result in layer]
    ['dY @ W', 'dY.T @ X', 'sum(dY, axis=0)']
    >>> layer.shape["W"], layer.verified
    (('N', 'M'), True)
    >>> layer["b"].steps[0].reason
    'definition'
    """

    def __init__(self, native: _native.Derivation, inputs: Sequence[tuple[str, list[str], list[str]]]):
        self._native, self._inputs = native, inputs
        self._data = json.loads(native.json())
        self._results, self._between = {}, []
        for data in self._data["results"]:
            if not data.get("requested", True):
                # A gradient on the way, which others mention.
                formula = data["index"] if data["matrix"] is None else f"{data['name']} = {data['matrix']}"
                self._between.append(formula)
                continue
            wrt = data["wrt"]
            result = Result(
                wrt=wrt if isinstance(wrt, str) else tuple(wrt),
                name=data["name"],
                shape=tuple(data["shape"]),
                matrix=data["matrix"],
                index=data["index"],
                latex=data["latex"],
                equation=data["equation"],
                mathml=data["mathml"],
                verified=data["verified"],
                steps=tuple(Step(**{key: step[key] for key in Step.__dataclass_fields__}) for step in data["steps"]),
            )
            self._results[result.wrt] = result

    def __reduce__(self) -> tuple[Any, ...]:
        # What it was made from: it is derived again where it is read.
        return Derivation, (self._native, self._inputs)

    def __deepcopy__(self, _memo: dict) -> Derivation:
        return self

    @property
    def results(self) -> tuple[Result, ...]:
        """The results in the order of the variables."""
        return tuple(self._results.values())

    @property
    def verified(self) -> bool:
        """Whether every step and every result was found right."""
        return self._native.verified

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of all results, one after the other."""
        return tuple(step for result in self for step in result.steps)

    @property
    def matrix(self) -> dict[str | tuple[str, ...], str | None]:
        """Each result in matrix notation."""
        return {result.wrt: result.matrix for result in self}

    @property
    def index(self) -> dict[str | tuple[str, ...], str]:
        """Each result in index notation."""
        return {result.wrt: result.index for result in self}

    @property
    def shape(self) -> dict[str | tuple[str, ...], tuple[str, ...]]:
        """Each result's sizes."""
        return {result.wrt: result.shape for result in self}

    @property
    def latex(self) -> dict[str | tuple[str, ...], str]:
        """Each result's right side in LaTeX."""
        return {result.wrt: result.latex for result in self}

    def __iter__(self) -> Iterator[Result]:
        return iter(self._results.values())

    def __len__(self) -> int:
        return len(self._results)

    def __getitem__(self, wrt: str | tuple[str, ...]) -> Result:
        try:
            return self._results[wrt]
        except KeyError:
            known = ", ".join(map(repr, self._results))
            raise KeyError(f"nothing was derived by {wrt!r}; there is {known}") from None

    def report(self, format: str = "text", detail: str = "working", columns: int = 100) -> str:
        """The derivation as a report: `text`, `latex`, `markdown` or `html`; `headline`, `working` or `all` of it."""
        return self._native.report(format, detail, columns)

    def emit(self, target: str = "numpy") -> str:
        """The derived program as code of its own, without Backprove: `numpy`, `torch`, `jax` or `rust`.

        Raises `RefusedError` where something was not verified, or cannot be written in that language.
        """
        return self._native.emit(target)

    def to_dict(self) -> dict:
        """All of it as data, as `backprove derive --format json` prints it."""
        return json.loads(self._native.json())

    def __repr__(self) -> str:
        mark = "verified" if self.verified else "not verified"
        lines = "".join(f"\n  {line}" for line in [*self._between, *self])
        return f"<Derivation, {mark}:{lines}>"

    def __str__(self) -> str:
        columns = min(shutil.get_terminal_size((100, 24)).columns, 100)
        return self.report(columns=columns).rstrip()

    def _repr_html_(self) -> str:
        return self._native.report("fragment", "working", 100)

    def _repr_latex_(self) -> str:
        rows = " \\\\\n".join(result.equation.replace(" = ", " &= ", 1) for result in self)
        return f"$$\n\\begin{{aligned}}\n{rows}\n\\end{{aligned}}\n$$"

    def _repr_markdown_(self) -> str:
        return self.report("markdown")


def derive(
    source: str | Function,
    /,
    wrt: str | Sequence[str] | None = None,
    order: str = "gradient",
    cotangent: str | None = None,
    **shapes: str | Sequence[object],
) -> Derivation:
    """Derives the derivative of a program, step by step, and verifies every step.

    `source` is the program's text; `shapes` declare its tensors: `X="S M"`, a fact after a colon (`y="S: constant"`,
    `A="N N: symmetric"`, `t="S: labels(C)"`), `c=""` for a scalar, `h="elementwise"` for an abstract function. `wrt` names the
    variables, all that are not constant without it. `order` is `gradient`, `vjp`, `jvp`, `jacobian`, `hessian` or `hvp`.

    A gradient has the shape of what it is taken by. Where the last definition is no scalar, gradients are those of an abstract
    scalar L of it, and `dY` is its gradient by Y.

    Raises `SourceError` with the place, the reason and a proposal where the text has a mistake, and `RefusedError` where it is
    right but cannot be derived.

    >>> import backprove as bp
    >>> bp.derive("L = sum((X @ w - y)**2)", X="S M", w="M", y="S", wrt="w", order="hessian")["w", "w"].matrix
    '2 * (X.T @ X)'
    """
    from ._function import Function

    read = source._problem if isinstance(source, Function) else problem(source, shapes)
    return Derivation(read.derive(order, names(wrt), cotangent), read.inputs)
