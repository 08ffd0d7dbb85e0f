"""From a Python function to a program: the function runs once on values that note what is done with them.

Calls of NumPy's functions become the same calls in the language, which means by them what NumPy means.
"""

from __future__ import annotations

import inspect
import keyword
import math
import numbers
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ._source import declaration

Shape = str | Sequence[object]

_INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "true_divide": "/", "power": "**", "float_power": "**",
    "matmul": "@", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
}  # fmt: skip
# Functions that SciPy and others offer as ufuncs, under the language's names.
_OWN = {"erf": "erf", "expit": "sigmoid", "log_ndtr": "log_ndtr", "conjugate": "", "positive": ""}


class Traced:
    """A value of a program that is being traced.

    It stands for an array whose numbers are not known: arithmetic, NumPy's functions and the usual methods work, and what needs
    the numbers themselves (`if`, `len`, `float`) does not.
    """

    __array_priority__ = 1000

    def __init__(self, form: str, parts: tuple[Traced, ...] = (), name: str | None = None, constant=None):
        self._form, self._parts, self._name, self._constant = form, parts, name, constant

    # NumPy's protocols

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        name = ufunc.__name__
        if method == "reduce" and name in ("add", "multiply", "maximum", "minimum"):
            reduction = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}[name]
            kept = {key: value for key, value in options.items() if value is not None and key in ("axis", "keepdims")}
            return _call(reduction, inputs, kept)
        if method != "__call__" or options:
            raise TypeError(
                f"`numpy.{name}` with {method if method != '__call__' else ', '.join(options)} cannot be traced"
            )
        if name in _INFIX:
            return _infix(_INFIX[name], *inputs)
        if name == "negative":
            return -_traced(inputs[0])
        return _call(_OWN.get(name, f"np.{name}"), inputs, {})

    def __array_function__(self, function, types, args, kwargs):
        module = function.__module__ or "numpy"
        name = "np.linalg." if module.startswith("numpy.linalg") else "np."
        return _call(name + function.__name__, args, kwargs)

    def __array__(self, *_args, **_kwargs):
        raise TypeError(
            "a traced value has no numbers yet; NumPy's functions may be called with it, `numpy.array` may not"
        )

    # Operators

    def __neg__(self):
        return _made("-{}", self)

    def __pos__(self):
        return self

    def __abs__(self):
        return _call("abs", (self,), {})

    def __bool__(self):
        raise TypeError(
            "whether a traced value is true is not known; `numpy.where(condition, a, b)` chooses between two values"
        )

    def __len__(self):
        raise TypeError("the length of a traced value is not known; `X.shape[0]` stands for it")

    def __float__(self):
        raise TypeError("the number behind a traced value is not known yet")

    __int__ = __index__ = __complex__ = __float__

    def __iter__(self):
        raise TypeError("a traced value cannot be gone through; write it for whole arrays, or with `numpy.einsum`")

    def __getitem__(self, key):
        keys = key if isinstance(key, tuple) else (key,)
        forms, parts = zip(*(_subscript(key) for key in keys), strict=True)
        return _made("{}[" + ", ".join(forms) + "]", self, *(part for some in parts for part in some))

    __hash__ = object.__hash__

    # Methods of arrays

    @property
    def T(self):  # noqa: N802 (NumPy's name)
        return _made("{}.T", self)

    @property
    def shape(self):
        return _Shape(self)

    def transpose(self, *axes):
        return _call("np.transpose", (self, *([axes[0] if len(axes) == 1 else axes] if axes else [])), {})

    def reshape(self, *shape):
        return _call("np.reshape", (self, shape[0] if len(shape) == 1 else shape), {})

    def __getattr__(self, name):
        if name in _METHODS:
            return lambda *args, **options: _call(f"np.{name}", (self, *args), options)
        raise AttributeError(f"a traced value has no attribute {name!r}")

    def __repr__(self):
        return f"<traced {self._name or _text(self, {})}>"


_METHODS = frozenset(
    "sum mean max min prod std var cumsum dot trace swapaxes clip diagonal round ravel flatten squeeze repeat".split()
)


class _Shape:
    """The sizes of a traced value."""

    def __init__(self, of: Traced):
        self._of = of

    def __getitem__(self, axis):
        if not isinstance(axis, numbers.Integral):
            raise TypeError("the sizes of a traced value are taken one by one, as in `X.shape[0]`")
        return _made(f"{{}}.shape[{int(axis)}]", self._of)

    def __iter__(self):
        raise TypeError("the number of axes is not known here; write `X.shape[0]`")


def _operator(symbol):
    def forward(self, other):
        return _infix(symbol, self, other)

    def backward(self, other):
        return _infix(symbol, other, self)

    return forward, backward


for _name, _symbol in {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "matmul": "@"}.items():
    _forward, _backward = _operator(_symbol)
    setattr(Traced, f"__{_name}__", _forward)
    setattr(Traced, f"__r{_name}__", _backward)
for _name, _symbol in {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}.items():
    setattr(Traced, f"__{_name}__", _operator(_symbol)[0])


def _made(form: str, *parts: Traced) -> Traced:
    return Traced(form, tuple(parts))


def _infix(symbol: str, left, right) -> Traced:
    return _made(f"({{}} {symbol} {{}})", _traced(left), _traced(right))


def _traced(value) -> Traced:
    form, parts = _argument(value)
    return parts[0] if form == "{}" else Traced(form, parts)


def _call(name: str, args, kwargs) -> Traced:
    forms: list[str] = []
    parts: list[Traced] = []
    for key, value in [(None, value) for value in args] + list(kwargs.items()):
        form, own = _argument(value)
        forms.append(form if key is None else f"{key}={form}")
        parts += own
    return Traced(f"{name}({', '.join(forms)})", tuple(parts))


def _argument(value) -> tuple[str, tuple[Traced, ...]]:
    """A value as text, with places for the traced values in it."""
    if isinstance(value, Traced):
        return "{}", (value,)
    if isinstance(value, (bool, str)) or value is None:
        return repr(value), ()
    if isinstance(value, numbers.Integral):
        return _signed(str(int(value))), ()
    if isinstance(value, numbers.Real):
        value = float(value)
        if math.isnan(value):
            raise TypeError("a program has no constant that is not a number")
        if math.isinf(value):
            return _signed("-inf" if value < 0 else "inf"), ()
        return _signed(repr(value)), ()
    if isinstance(value, (tuple, list)):
        forms, parts = zip(*map(_argument, value), strict=True) if value else ((), ())
        text = ", ".join(forms)
        if isinstance(value, list):
            text = f"[{text}]"
        else:
            text = f"({text},)" if len(value) == 1 else f"({text})"
        return text, tuple(part for some in parts for part in some)
    if hasattr(value, "__array__") and getattr(value, "ndim", None) == 0:
        return _argument(value.item())
    if hasattr(value, "__array__"):
        return "{}", (Traced("", constant=value),)
    raise TypeError(f"{value!r} cannot stand in a program")


def _signed(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _subscript(key) -> tuple[str, tuple[Traced, ...]]:
    if isinstance(key, slice):
        ends = [("", ()) if end is None else _argument(end) for end in (key.start, key.stop)]
        if key.step is not None:
            ends.append(_argument(key.step))
        return ":".join(form.strip("()") for form, _ in ends), tuple(part for _, parts in ends for part in parts)
    if key is Ellipsis:
        return "...", ()
    form, parts = _argument(key)
    return form.strip("()") if not parts else form, parts


def _text(value: Traced, names: Mapping[int, str], top: bool = False) -> str:
    if not top and id(value) in names:
        return names[id(value)]
    if value._name is not None:
        return value._name
    return value._form.format(*(_text(part, names) for part in value._parts))


def shapes_of(python: Callable, given: Mapping[str, Shape]) -> dict[str, Shape] | None:
    """The declared shapes of a function's arguments, from `given` and from annotations that are texts; none unless all are known."""
    shapes: dict[str, Shape] = {}
    for name, parameter in inspect.signature(python).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"`*{name}` cannot be traced: every argument needs a name")
        annotation = parameter.annotation
        if name in given:
            shapes[name] = given[name]
        elif isinstance(annotation, str):
            # With `from __future__ import annotations` a text is quoted once more.
            shapes[name] = annotation.strip("'\"")
        elif parameter.default is parameter.empty:
            return None
    unknown = set(given) - set(inspect.signature(python).parameters)
    if unknown:
        raise TypeError(f"`{python.__name__}` has no argument {', '.join(sorted(unknown))}")
    return shapes


def trace(python: Callable, shapes: Mapping[str, Shape]) -> tuple[str, dict[str, Any]]:
    """The program of a function, and the arrays that stand in it as constants. Its local variables name the definitions."""
    parameters = {name: Traced("", name=name) for name in shapes}
    local: dict[str, object] = {}

    def watch(frame, event, _argument):
        if event == "return" and frame.f_code is python.__code__:
            local.update(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        result = python(**parameters)
    finally:
        sys.setprofile(before)
    if not isinstance(result, Traced):
        raise TypeError(
            f"`{python.__name__}` must return one array that depends on its arguments, not {type(result).__name__}"
        )

    order: list[Traced] = []
    uses: dict[int, int] = {}
    stack = [(result, False)]
    while stack:
        value, done = stack.pop()
        if done:
            order.append(value)
            continue
        uses[id(value)] = uses.get(id(value), 0) + 1
        if uses[id(value)] > 1 or value._name is not None:
            continue
        stack.append((value, True))
        stack.extend((part, False) for part in reversed(value._parts))

    taken = set(shapes) | {word for shape in shapes.values() for word in str(shape).replace(",", " ").split()}
    lines = [declaration(name, shape) for name, shape in shapes.items()]
    constants = {}
    for value in order:
        if value._constant is not None:
            import numpy as np

            array = np.array(value._constant)
            value._name = _free("constant", taken)
            taken.add(value._name)
            constants[value._name] = array
            lines.append(f"{declaration(value._name, array.shape)}: constant")
    wished = {id(value): name for name, value in local.items() if isinstance(value, Traced) and value._name is None}
    names: dict[int, str] = {}
    # What is asked for its sizes needs a name.
    shaped = {id(part) for parent in order if parent._form.startswith("{}.shape") for part in parent._parts}
    for value in order:
        if value._constant is not None:
            continue
        wish = wished.get(id(value))
        if (
            value is not result
            and wish is None
            and not (uses[id(value)] > 1 and value._parts)
            and id(value) not in shaped
        ):
            continue
        text = _text(value, names, top=True)
        if value is result and wish is None:
            lines.append(text)
            continue
        name = _free(wish or "v", taken)
        taken.add(name)
        lines.append(f"{name} = {text}")
        names[id(value)] = name
    if result._name is not None:
        lines.append(result._name)
    return "\n".join(lines), constants


def _free(wish: str, taken: set[str]) -> str:
    if wish not in taken and not keyword.iskeyword(wish) and not wish.startswith("_"):
        return wish
    stem = wish.strip("_") or "v"
    return next(name for count in range(1, sys.maxsize) if (name := f"{stem}_{count}") not in taken)
