"""Checks of the user's own backward pass against the derivation. What is right was derived; here it is only compared."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._derivation import derive
from ._function import Function, UndeclaredFunction, compile
from ._function import function as traced

# The scaled error up to which a backward pass in double precision counts as right; in single precision, which keeps seven
# digits, the second.
_TOLERANCE = {8: 1e-8, 4: 1e-3}


@dataclass(frozen=True)
class Check:
    """What a check found: true where the claim is right. Printing it says why not."""

    holds: bool
    """Whether every gradient is right."""
    message: str
    """What was found, in sentences."""
    errors: dict[str, float]
    """The greatest scaled error of each gradient: the difference by one plus the derived value."""

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        return self.message


def check(
    function: str | Function | UndeclaredFunction | Callable[..., Any],
    claim: str | Callable[..., Any],
    at: Mapping[str, Any] | None = None,
    *,
    wrt: str | Sequence[str] | None = None,
    seed: int = 0,
    tolerance: float | None = None,
    **shapes: str | Sequence[object],
) -> Check:
    """Checks a claim about the gradients of `function`: a `Function`, a program's text, or a NumPy function, with `shapes`.

    `claim` is either a formula, such as `"dL/db = dL/dY"`, or the user's own backward pass as a Python function. It is called by
    name where its parameters are names of the program (`dY` or `dout` for the cotangent), else with the cotangent first (where
    the value is no scalar) and then the inputs in order. It returns one gradient, a tuple in the order of `wrt`, or a dictionary
    by name (`"W"` or `"dW"`).

    `at` holds arrays (and sizes) by name; inputs that are missing are drawn at random. Arrays of float32 allow a scaled error of
    1e-3, of float64 1e-8, or `tolerance`. The backward pass gets copies; what it changes in place is found.

    >>> import backprove as bp
    >>> layer = bp.compile("Y = X @ W.T + b", X="S M", W="N M", b="N")
    >>> def backward(dY, X, W, b):
    ...     return {"X": dY @ W, "W": dY.T @ X, "b": dY}
    >>> print(bp.check(layer, backward, at={"X": [[1.0, 2.0], [3.0, 4.0]]}))
    dX is right: the greatest scaled error is 0.0e+00.
    dW is right: the greatest scaled error is 0.0e+00.
    db has the shape (2, 3), but b has the shape (3,). Summed over axis 0 it is right. Derived: db = sum(dY, axis=0).
    >>> print(bp.check(layer, "dL/db = dL/dY"))
    `dL/db = dL/dY` is wrong.
    The shape is wrong: dL/dY is S×N, but b has N entries.
    Summed over s it is right: dL/db = sum(dL/dY, axis=0).
    Derived: dL/db = sum(dY, axis=0)
    """
    if isinstance(function, str):
        function = compile(function, threads=None, **shapes)
    if at is not None and not isinstance(at, Mapping):
        raise TypeError(f"`at` is a mapping from names to arrays, not {type(at).__name__}")
    if callable(function) and not isinstance(function, (Function, UndeclaredFunction)):
        function = traced(function)
    if isinstance(function, UndeclaredFunction):
        known = {name: _shape(value) for name, value in (at or {}).items() if name in function.parameters}
        function = function.declare(**known | shapes)
    if not isinstance(function, Function):
        raise TypeError(f"a Function or a program's text is needed, not {type(function).__name__}")
    if isinstance(claim, str):
        claim, holds, sentences = function._problem.claim(claim, None, seed, _json(at) if at else None)
        lines = [f"`{claim}` is {'right' if holds else 'wrong'}.", *sentences]
        return Check(holds, "\n".join(lines), {})
    if not callable(claim):
        raise TypeError("a claim is a formula as text, or a function that returns gradients")
    return _backward(function, claim, dict(at or {}), function.variables(wrt), seed, tolerance)


def _json(at: Mapping[str, Any]) -> str:
    import numpy as np

    return json.dumps({name: np.asarray(values).tolist() for name, values in at.items()}, allow_nan=False)


def _backward(
    function: Function, claim: Callable, at: dict, wrt: list[str], seed: int, tolerance: float | None
) -> Check:
    import numpy as np

    _known(function, at)
    values = _inputs(function, at, seed)
    value = np.asarray(function(**values["inputs"], **values["sizes"]))
    arguments = dict(values["inputs"])
    name, dims, _facts = function._output
    cotangent = None
    if dims:
        known = [at[key] for key in (f"d{name}", "dout") if key in at]
        drawn = np.random.default_rng(seed).standard_normal(value.shape).astype(value.dtype)
        cotangent = np.asarray(known[0]) if known else drawn
        derived = function.vjp(cotangent, wrt=wrt, **arguments, **values["sizes"])
    else:
        derived = function.gradient(wrt=wrt, **arguments, **values["sizes"])
    # The claim may write into what it gets.
    lent = {key: np.array(array) for key, array in arguments.items()}
    lent_cotangent = None if cotangent is None else np.array(cotangent)
    claimed = _claimed(_called(claim, lent, name, lent_cotangent), wrt)
    formulas = derive(function, wrt=wrt)
    lines, errors, holds = [], {}, True
    for variable in wrt:
        if variable not in claimed:
            continue
        own, right = np.asarray(claimed[variable]), np.asarray(derived[variable])
        formula = f"Derived: {formulas[variable]}."
        if own.dtype.kind not in "fiu":
            holds = False
            lines.append(f"d{variable} has the dtype {own.dtype}, but a gradient holds real numbers. {formula}")
            continue
        if own.shape != right.shape:
            holds = False
            lines.append(
                f"d{variable} has the shape {own.shape}, but {variable} has the shape {right.shape}.{_hint(own, right)} {formula}"
            )
            continue
        errors[variable] = error = float(np.max(np.abs(own - right) / (1 + np.abs(right)), initial=0.0))
        size = min(own.dtype.itemsize if own.dtype.kind == "f" else 8, right.dtype.itemsize)
        allowed = _TOLERANCE.get(size, _TOLERANCE[4]) if tolerance is None else tolerance
        if error <= allowed:
            single = ", in single precision" if size < right.dtype.itemsize else ""
            lines.append(f"d{variable} is right{single}: the greatest scaled error is {error:.1e}.")
            continue
        holds = False
        differs = ~(np.abs(own - right) / (1 + np.abs(right)) <= allowed)
        place = tuple(int(axis) for axis in np.argwhere(differs)[0])
        where = f"d{variable}{list(place)}" if place else f"d{variable}"
        lines.append(
            f"{where} is {float(own[place]):.6g}, but should be {float(right[place]):.6g}: the first of {int(differs.sum())} "
            f"elements of {own.size} that differ.{_hint(own, right)} {formula}"
        )
    given = {key: (np.asarray(arguments[key]), after) for key, after in lent.items()}
    if cotangent is not None and lent_cotangent is not None:
        given[f"d{name}"] = cotangent, lent_cotangent
    for key, (before, after) in given.items():
        if not np.array_equal(before, after, equal_nan=before.dtype.kind == "f"):
            holds = False
            place = tuple(int(axis) for axis in np.argwhere(before != after)[0])
            lines.append(
                f"The backward pass changes its argument {key} in place, first {key}{list(place) if place else ''} from "
                f"{before[place]:.6g} to {after[place]:.6g}; whoever passed it still needs it."
            )
    missing = [variable for variable in wrt if variable not in claimed]
    if missing:
        lines.append(f"Nothing was claimed of {', '.join('d' + variable for variable in missing)}.")
    if len(missing) == len(wrt):
        raise ValueError(f"the backward pass returned no gradient by {', '.join(wrt)}")
    return Check(holds, "\n".join(lines), errors)


def _hint(own, right) -> str:
    """What would make a wrong gradient right, where that is simple."""
    import numpy as np

    def same(left):
        return left.shape == right.shape and np.allclose(left, right, rtol=1e-3, atol=1e-6)

    if not np.isfinite(own).all():
        return ""
    if own.ndim == 2 and same(own.T):
        return " Its transpose is right."
    if own.ndim > right.ndim:
        for axis in range(own.ndim):
            if same(own.sum(axis=axis)):
                return f" Summed over axis {axis} it is right."
    if own.size == right.size and same(own.reshape(right.shape)):
        return " Its elements are right in another shape."
    if own.shape == right.shape:
        greatest = np.unravel_index(np.argmax(np.abs(right)), right.shape) if right.size else ()
        if own[greatest] and same(own * (factor := right[greatest] / own[greatest])):
            return (
                " With the other sign it is right." if np.isclose(factor, -1) else f" Times {factor:.6g} it is right."
            )
    return ""


def _shape(value) -> tuple[int, ...]:
    import numpy as np

    return np.shape(value)


def _known(function: Function, at: Mapping[str, Any]) -> None:
    """Fails for a name that the function does not have."""
    output = function._output[0]
    names = [*function.inputs, *function.sizes, *([f"d{output}", "dout"] if function._output[1] else [])]
    unknown = [repr(name) for name in at if name not in names]
    if unknown:
        raise ValueError(f"`at` has {', '.join(unknown)}, but there are {', '.join(names)}")


def _inputs(function: Function, at: dict, seed: int) -> dict:
    """Arrays for all inputs, and the sizes that no input has."""
    import numpy as np

    declared = function._problem.inputs
    known = {name: np.asarray(at[name]) for name, _, _ in declared if name in at}
    known = {
        name: array.astype(float) if array.dtype.kind in "iu" and not _is_labels(declared, name) else array
        for name, array in known.items()
    }
    sizes = {size: int(at[size]) for size in function.sizes if size in at}
    for name, dims, _ in declared:
        if name in known:
            sizes.update(
                {dim: extent for dim, extent in zip(dims, known[name].shape, strict=False) if dim.isidentifier()}
            )
    # Different sizes, so that no transposed product fits.
    free = (extent for extent in range(3, 10**6) if extent not in sizes.values())
    unknown = {size: next(free) for size in function.sizes if size not in sizes}
    sizes |= unknown
    drawn = function._problem.draw(list(sizes.items()), seed)
    inputs = {}
    single = bool(known) and all(array.dtype == np.float32 for array in known.values() if array.dtype.kind == "f")
    for name, _, _ in declared:
        inputs[name] = known.get(name)
        if inputs[name] is None:
            values = drawn[name]
            inputs[name] = values.astype(np.float32) if single and values.dtype.kind == "f" else values
    axes = {dim for _, dims, _ in declared for dim in dims}
    return {"inputs": inputs, "sizes": {size: extent for size, extent in sizes.items() if size not in axes}}


def _is_labels(declared, name: str) -> bool:
    return any(own == name and any(fact.startswith("labels") for fact in facts) for own, _, facts in declared)


def _called(claim: Callable, arguments: dict, output: str, cotangent):
    by_name = dict(arguments)
    if cotangent is not None:
        by_name |= {f"d{output}": cotangent, "dout": cotangent, "grad_output": cotangent}
    try:
        parameters = list(inspect.signature(claim).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [
        parameter
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    if plain and len(plain) == len(parameters) and all(parameter.name in by_name for parameter in plain):
        return claim(**{parameter.name: by_name[parameter.name] for parameter in plain})
    first = () if cotangent is None else (cotangent,)
    return claim(*first, *arguments.values())


def _claimed(result, wrt: list[str]) -> dict:
    if result is None:
        raise ValueError("the backward pass returned None; a `return` may be missing")
    if isinstance(result, list) and len(wrt) > 1 and all(hasattr(one, "shape") or one is None for one in result):
        result = tuple(result)
    if isinstance(result, Mapping):
        unknown = [key for key in result if key not in wrt and str(key).removeprefix("d") not in wrt]
        if unknown:
            raise ValueError(
                f"the backward pass returned {', '.join(map(repr, unknown))}, but the variables are {', '.join(wrt)}"
            )
        pairs = ((variable, result.get(variable, result.get(f"d{variable}"))) for variable in wrt)
        return {variable: gradient for variable, gradient in pairs if gradient is not None}
    if isinstance(result, tuple):
        if len(result) != len(wrt):
            raise ValueError(
                f"the backward pass returned {len(result)} gradients, but there are {len(wrt)} variables: {', '.join(wrt)}"
            )
        return {variable: gradient for variable, gradient in zip(wrt, result, strict=True) if gradient is not None}
    if len(wrt) != 1:
        raise ValueError(
            f"the backward pass returned one gradient, but there are {len(wrt)} variables: {', '.join(wrt)}"
        )
    return {wrt[0]: result}
