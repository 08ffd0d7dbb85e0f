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
from functools import cache
from typing import Any

from ._native import RefusedError, SourceError
from ._source import declaration, problem

Shape = str | Sequence[object]

_CONDITIONS = frozenset(f"({{}} {symbol} {{}})" for symbol in ("<", "<=", ">", ">=", "==", "!="))

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

    def __init__(
        self, form: str, parts: tuple[Traced, ...] = (), name: str | None = None, constant=None, declared: str = ""
    ):
        self._form, self._parts, self._name, self._constant, self._declared = form, parts, name, constant, declared
        self._known_dims: list[str] | None = None

    # NumPy's protocols

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        name = ufunc.__name__
        if method == "reduce" and name in ("add", "multiply", "maximum", "minimum"):
            reduction = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}[name]
            kept = {key: value for key, value in options.items() if value is not None and key in ("axis", "keepdims")}
            return call(reduction, inputs, kept)
        options = {key: value for key, value in options.items() if key != "dtype" or not _is_real(value)}
        if method != "__call__" or options:
            what = method if method != "__call__" else ", ".join(f"{key}=" for key in options)
            raise TypeError(f"`np.{name}` with `{what}` cannot be traced; call it with its arguments alone")
        if name in _INFIX:
            return _infix(_INFIX[name], *inputs)
        if name == "negative":
            return -_traced(inputs[0])
        return _named(_OWN.get(name, f"np.{name}"), inputs, {})

    def __array_function__(self, function, types, args, kwargs):
        module = function.__module__ or "numpy"
        name = module.replace("numpy", "np", 1) if module.startswith(("numpy.linalg", "numpy.fft")) else "np"
        # How it is computed is not what it means, and what is left out is not said.
        kept = {
            key: value
            for key, value in kwargs.items()
            if key not in ("optimize", "order", "device")
            and (key != "dtype" or not _is_real(value))
            and (value is not None or key == "axis")
            and (key, value) != ("k", 0)
        }
        return _named(f"{name}.{function.__name__}", args, kept)

    def __array__(self, *_args, **_kwargs):
        raise TypeError(
            "a traced value has no numbers yet: NumPy's functions may be called with it, `np.array` may not, and sizes that are "
            "letters make arrays with `like`, as in `np.arange(X.shape[0], like=X)`"
        )

    # Operators

    def __neg__(self):
        return _made("-{}", self)

    def __pos__(self):
        return self

    def __abs__(self):
        return call("abs", (self,), {})

    def __bool__(self):
        raise TypeError(
            "whether a traced value is true is not known; `numpy.where(condition, a, b)` chooses between two values"
        )

    def __len__(self):
        if not (length := self.shape[:1]) or isinstance(length[0], Traced):
            raise TypeError("the length of a traced value is not known; `X.shape[0]` stands for it")
        return length[0]

    def __float__(self):
        raise TypeError("the number behind a traced value is not known yet")

    __int__ = __complex__ = __float__

    def __index__(self):
        raise TypeError(
            "this size is a letter, not a number yet; NumPy makes arrays of it with `like`, as in `np.eye(X.shape[0], like=X)`"
        )

    def __iter__(self):
        if not (length := self.shape[:1]) or isinstance(length[0], Traced):
            raise TypeError("a traced value cannot be gone through; write it for whole arrays, or with `np.einsum`")
        return (self[place] for place in range(length[0]))

    def __setitem__(self, key, value):
        raise TypeError(
            "elements of a traced value cannot be replaced; `np.where(condition, new, old)` and `np.concatenate` make a new one"
        )

    def __and__(self, other):
        return self * other

    def __or__(self, other):
        return call("np.maximum", (self, other), {})

    __rand__, __ror__ = __and__, __or__

    def __invert__(self):
        return 1 - self

    def __mod__(self, _other):
        raise _refused("np.remainder")

    def __floordiv__(self, _other):
        raise _refused("np.floor_divide")

    __rmod__, __rfloordiv__ = __mod__, __floordiv__

    def __getitem__(self, key):
        chosen = _chosen(key)
        if chosen is not None:
            return call("np.stack", ([self[place] for place in chosen],), {})
        keys = key if isinstance(key, tuple) else (key,)
        if any(isinstance(one, Traced) and one._form in _CONDITIONS for one in keys):
            raise RefusedError(
                "how many elements a condition chooses is not known; `np.where(condition, X, 0)` keeps the others as zeros"
            )
        forms, parts = zip(*(_subscript(key) for key in keys), strict=True)
        return _made("{}[" + ", ".join(forms) + "]", self, *(part for some in parts for part in some))

    __hash__ = object.__hash__

    # Methods of arrays

    @property
    def T(self):  # noqa: N802 (NumPy's name)
        return _made("{}.T", self)

    @property
    def shape(self):
        """The sizes: numbers where they are known, else values that stand for them."""
        return tuple(int(dim) if dim.isdigit() else Traced(f"({dim})" if " " in dim else dim) for dim in _dims(self))

    @property
    def ndim(self):
        return len(_dims(self))

    @property
    def size(self):
        return math.prod(self.shape)

    def astype(self, dtype, *_args, **_options):
        if not _is_real(dtype):
            raise TypeError(f"a traced value holds real numbers, and cannot become {dtype!r}")
        return self

    def copy(self, *_args):
        return self

    def transpose(self, *axes):
        return call("np.transpose", (self, *([axes[0] if len(axes) == 1 else axes] if axes else [])), {})

    def reshape(self, *shape):
        return call("np.reshape", (self, shape[0] if len(shape) == 1 else shape), {})

    def __getattr__(self, name):
        if name in _METHODS:
            return lambda *args, **options: _named(f"np.{name}", (self, *args), options)
        raise AttributeError(
            f"a traced value has no attribute {name!r}; it has NumPy's functions, and these methods: {', '.join(sorted(_METHODS))}"
        )

    def __repr__(self):
        return f"<traced {self._name or _text(self, {})}>"


_METHODS = frozenset(
    "sum mean max min prod std var cumsum dot trace swapaxes clip diagonal round ravel flatten squeeze repeat".split()
)


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


def call(name: str, args, kwargs) -> Traced:
    """A call of a function of the language, by its name there."""
    forms: list[str] = []
    parts: list[Traced] = []
    for key, value in [(None, value) for value in args] + list(kwargs.items()):
        form, own = _argument(value)
        forms.append(form if key is None else f"{key}={form}")
        parts += own
    return Traced(f"{name}({', '.join(forms)})", tuple(parts))


def _named(name: str, args, kwargs):
    """A call of a NumPy function: as the language knows it, or written with others."""
    from ._rewritten import REWRITTEN

    rewritten = REWRITTEN.get(name.rsplit(".", 1)[-1])
    if rewritten is not None:
        return rewritten(*args, **kwargs)
    reason = _lacking(name)
    if reason is not None:
        raise _refused(name, *reason)
    return call(name, args, kwargs)


@cache
def _lacking(name: str) -> tuple[str, str] | None:
    """Why the language has no such function, and what it proposes; both may be empty. None where it has it."""
    try:
        problem(f"y = {name}(x)", {"x": "N"})
    except SourceError as error:
        said = str(error)
        short = name.rsplit(".", 1)[-1]
        if "error[refused]: " in said:
            reason = said.split("error[refused]: ")[1].split("\n")[0]
            return reason, said.split("help: ")[1].split("\n")[0] if "help: " in said else ""
        if f"`{short}` is not available yet" in said or "error[unknown-" in said:
            return "", ""
    return None


def _refused(name: str, reason: str = "", remedy: str = "") -> RefusedError:
    from ._rewritten import refuse

    return refuse(name, reason, remedy)


def _is_real(dtype) -> bool:
    import numpy as np

    return dtype is None or np.dtype(dtype).kind == "f"


def _chosen(key) -> list[int] | None:
    """The places that a list or an array of constants chooses."""
    if not isinstance(key, list) and not (hasattr(key, "dtype") and getattr(key, "ndim", 0) == 1):
        return None
    import numpy as np

    places = np.asarray(key)
    if places.dtype.kind == "b":
        return [int(place) for place in np.flatnonzero(places)]
    return [int(place) for place in places] if places.dtype.kind in "iu" else None


def _dims(value: Traced) -> list[str]:
    """The sizes of a value, as the language finds them from those of its parts."""
    if value._known_dims is None:
        if value._constant is not None:
            value._known_dims = [str(extent) for extent in value._constant.shape]
        else:
            shapes, names = [], []
            for number, part in enumerate(value._parts):
                names.append(part._name or f"part_{number}")
                shapes.append(part._declared or declaration(names[-1], _dims(part)))
            text = value._declared or "; ".join(dict.fromkeys(shapes))
            definition = f"shaped = {value._form.format(*names) if value._parts else value._name or value._form}"
            output = problem(f"{text}\n{definition}", {}).output
            value._known_dims = [] if output is None else output[1]
    return value._known_dims


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
    parameters = {name: Traced("", name=name, declared=declaration(name, shape)) for name, shape in shapes.items()}
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
    wished = {id(value): name for name, value in local.items() if isinstance(value, Traced) and value._parts}
    names: dict[int, str] = {}
    for value in order:
        if value._constant is not None:
            continue
        wish = wished.get(id(value))
        if value is not result and wish is None and not (uses[id(value)] > 1 and value._parts):
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
