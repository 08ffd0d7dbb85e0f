"""NumPy's functions that the language lacks, written with those that it has; and what is said of those that it will not have.

Each stands here for what NumPy says of it. There are no derivatives here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ._native import RefusedError


def _log_of_sum(a, b):
    from ._trace import call

    # log(exp(a) + exp(b)), without overflow.
    return a + call("softplus", (b - a,), {})


def _average(a, axis=None, weights=None, *, keepdims=False):
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    weighted = np.sum(a * weights, axis=axis, keepdims=keepdims)
    return weighted / np.sum(weights + 0 * a, axis=axis, keepdims=keepdims)


def _range(a, axis=None, *, keepdims=False):
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def _differences(a, n=1, axis=-1):
    for _ in range(n):
        axis = axis if axis >= 0 else axis + a.ndim
        before = (slice(None),) * axis
        a = a[(*before, slice(1, None))] - a[(*before, slice(None, -1))]
    return a


def _moved(a, source, destination):
    rank = a.ndim
    sources, destinations = (
        [axis % rank for axis in (axes if isinstance(axes, (tuple, list)) else (axes,))]
        for axes in (source, destination)
    )
    order = [axis for axis in range(rank) if axis not in sources]
    for target, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(target, axis)
    return np.transpose(a, tuple(order))


def _tensordot(a, b, axes=2):
    ranks = [np.ndim(a), np.ndim(b)]
    if isinstance(axes, int):
        axes = (list(range(ranks[0] - axes, ranks[0])), list(range(axes)))
    pairs = [[axis % rank for axis in np.atleast_1d(own)] for own, rank in zip(axes, ranks, strict=True)]
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    left = [next(letters) for _ in range(ranks[0])]
    right = [next(letters) for _ in range(ranks[1])]
    for one, other in zip(*pairs, strict=True):
        right[other] = left[one]
    kept = [letter for letter in left + right if (letter in left) != (letter in right)]
    return np.einsum(f"{''.join(left)},{''.join(right)}->{''.join(kept)}", a, b)


class _SignAndLogarithm(NamedTuple):
    sign: Any
    logabsdet: Any


def _slogdet(a):
    from ._trace import call

    return _SignAndLogarithm(*(call("np.linalg.slogdet", (a,), {})[place] for place in (0, 1)))


def _eye(N, M=None):
    from ._trace import call

    return call("np.eye", (N,) if M is None else (N, M), {})


def _chained(arrays, *, out=None):
    result = arrays[0]
    for array in arrays[1:]:
        result = result @ array
    return result


def _side_by_side(arrays):
    return np.concatenate(arrays, axis=0 if arrays[0].ndim == 1 else 1)


def _one_below_another(arrays):
    rows = [array[None, :] if array.ndim == 1 else array for array in arrays]
    return np.concatenate(rows, axis=0)


def _broadcast(array, shape):
    from ._trace import call

    return array + call("np.zeros", (shape,), {})


REWRITTEN: dict[str, Callable[..., Any]] = {
    "log2": lambda x: np.log(x) / math.log(2),
    "log10": lambda x: np.log(x) / math.log(10),
    "exp2": lambda x: np.exp(math.log(2) * x),
    "logaddexp": _log_of_sum,
    "hypot": lambda a, b: np.sqrt(a**2 + b**2),
    "arcsinh": lambda x: np.log(x + np.sqrt(x**2 + 1)),
    "arccosh": lambda x: np.log(x + np.sqrt(x**2 - 1)),
    "arctanh": lambda x: np.log((1 + x) / (1 - x)) / 2,
    "deg2rad": lambda x: x * (math.pi / 180),
    "radians": lambda x: x * (math.pi / 180),
    "rad2deg": lambda x: x * (180 / math.pi),
    "degrees": lambda x: x * (180 / math.pi),
    "fmax": np.maximum,
    "fmin": np.minimum,
    "heaviside": lambda x, middle: np.where(x > 0, 1, np.where(x < 0, 0, middle)),
    # Conditions are one where they hold and zero elsewhere.
    "logical_and": lambda a, b: a * b,
    "logical_or": lambda a, b: np.maximum(a, b),
    "logical_not": lambda a: 1 - a,
    "bitwise_and": lambda a, b: a * b,
    "bitwise_or": lambda a, b: np.maximum(a, b),
    "invert": lambda a: 1 - a,
    "average": _average,
    "ptp": _range,
    "diff": _differences,
    "moveaxis": _moved,
    "tensordot": _tensordot,
    "multi_dot": _chained,
    "slogdet": _slogdet,
    "eye": _eye,
    "hstack": _side_by_side,
    "vstack": _one_below_another,
    "broadcast_to": _broadcast,
    "copy": lambda x, order="K": x,
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.ndim,
    "size": lambda x: x.size,
}

_ORDER = "which element it is jumps where values meet; find it outside, and pass what it gives as a constant input"
_ROUND = "its derivative is zero wherever it has one; pass its result as a constant input"
_REMEDIES = {
    **dict.fromkeys(
        ("argmax", "argmin", "argsort", "sort", "partition", "median", "quantile", "percentile", "unique"), _ORDER
    ),
    **dict.fromkeys(("floor", "ceil", "round", "rint", "trunc", "fix", "around", "floor_divide", "remainder"), _ROUND),
    "arctan2": "`np.arctan(y / x)` is the same for `x` above 0",
    "cbrt": "`x ** (1 / 3)` is the same for `x` above 0",
    "cross": "write its three elements, with `np.stack`",
    "lstsq": "`np.linalg.solve(A.T @ A, A.T @ b)` solves the normal equations",
    "take_along_axis": "`P[np.arange(P.shape[0], like=P), t]` takes one element of each row, where `t` is declared `labels(C)`",
    "nansum": "`np.sum(np.where(known, X, 0))`, with an input `known` that is 1 or 0, leaves elements out",
    "nanmean": "`np.sum(np.where(known, X, 0)) / np.sum(known)`, with an input `known` that is 1 or 0, leaves elements out",
}


def refuse(name: str, reason: str | None = None, remedy: str | None = None) -> RefusedError:
    """What is said of a NumPy function without a rule, at the line that calls it."""
    short = name.rsplit(".", 1)[-1]
    remedy = remedy or _REMEDIES.get(
        short, "write it with functions that the reference lists, or pass its result as a constant input"
    )
    return RefusedError(f"`{name}` cannot be derived: {reason + '; ' if reason else ''}{remedy}")
