"""Functions that run on arrays, with all their derivatives. What runs is the native library's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pickle import PicklingError
from typing import TYPE_CHECKING, Any

from . import _native
from ._hessian import Hessian
from ._source import names, problem
from ._trace import shapes_of, trace

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ._derivation import Derivation

Variables = str | Sequence[str] | None


def _threads(count: int | None) -> int:
    if count is None:
        return min(2, os.cpu_count() or 1)
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"the number of threads must be at least 1, not {count!r}")
    return count


class Function(_native.Callable):
    """A program that runs on NumPy arrays: its value, and derivatives of it that were derived, not approximated.

    A call gives the value: the last definition. Arguments are arrays, or anything that NumPy can read (`__array_interface__`, `__array__`, DLPack), in order of declaration
    or by name; sizes that no array has, such as a number of classes, by name. It computes in float32 where all arrays are
    float32 (or narrower), else in float64. The first call with new shapes makes a plan; later ones run it, without the
    interpreter's lock. Arguments are never written to.

    >>> import numpy as np, backprove as bp
    >>> f = bp.compile("Y = X @ W.T + b", X="S M", W="N M", b="N")
    >>> X, W, b = np.ones((2, 3)), np.ones((4, 3)), np.zeros(4)
    >>> f(X, W, b).shape
    (2, 4)
    >>> f.vjp(np.ones((2, 4)), X, W, b)["b"]
    array([2., 2., 2., 2.])
    >>> f(X, np.ones((4, 5)), b)
    Traceback (most recent call last):
    ...
    ValueError: the size `M` is 3 by axis 1 of `X`, but 5 by axis 1 of `W`; `X` is S×M, `W` is N×M
    """

    def __init__(
        self, read: _native.Problem, threads: int, python: Callable | None = None, constants: Mapping | None = None
    ):
        self._problem, self._threads, self._constants = read, threads, dict(constants or {})
        self._compiled: dict[tuple[str, tuple[str, ...]], _native.Compiled] = {}
        output = read.output
        if output is None:
            raise ValueError("the program defines nothing; add a definition, such as `Y = X @ W.T + b`")
        self._output = output
        self._value = self._plan_of("value", ())
        self._bind(self._value, self._constants or None)
        if python is not None:
            self.__wrapped__ = python
            self.__name__, self.__doc__ = python.__name__, python.__doc__

    def __reduce__(self) -> tuple[Any, ...]:
        # As the program, which is all that runs; the Python function that was traced stays where it is.
        known = {key: self.__dict__[key] for key in ("__name__", "__doc__") if key in self.__dict__}
        return Function, (self._problem, self._threads, None, self._constants), known

    def __deepcopy__(self, _memo: dict) -> Function:
        # As Python's own functions: nothing that a caller could see ever changes.
        return self

    def _plan_of(self, what: str, wrt: Variables) -> _native.Compiled:
        key = (what, tuple(names(wrt)))
        try:
            return self._compiled[key]
        except KeyError:
            compiled = self._problem.compile(what, list(key[1]), self._threads)
            return self._compiled.setdefault(key, compiled)

    def _run(
        self, what: str, wrt: Variables, args: tuple[Any, ...], kwargs: Mapping[str, Any], **further: Any
    ) -> tuple[Any, ...]:
        return self._plan_of(what, wrt)(*args, **kwargs, **self._constants, **further)

    @property
    def source(self) -> str:
        """The program."""
        return self._problem.source

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the arguments, in order."""
        return tuple(name for name, _, _ in self._problem.inputs if name not in self._constants)

    @property
    def sizes(self) -> tuple[str, ...]:
        """The sizes that shapes decide."""
        return tuple(self._value.sizes)

    def variables(self, wrt: Variables = None) -> list[str]:
        """The names in `wrt`, or all inputs that are neither constant nor labels."""
        if wrt is not None:
            chosen = names(wrt)
            if not chosen:
                raise ValueError(f"`wrt` names no variable; the inputs are {', '.join(self.inputs)}")
            return chosen
        constant = ("constant", "labels")
        return [name for name, _, facts in self._problem.inputs if not any(fact.startswith(constant) for fact in facts)]

    def gradient(self, *args: ArrayLike, wrt: Variables = None, **kwargs: ArrayLike) -> dict[str, NDArray[Any]]:
        """The gradients of a scalar, by name, each of the shape of its variable."""
        return self.value_and_gradient(*args, wrt=wrt, **kwargs)[1]

    def value_and_gradient(
        self, *args: ArrayLike, wrt: Variables = None, **kwargs: ArrayLike
    ) -> tuple[Any, dict[str, NDArray[Any]]]:
        """The value of a scalar and its gradients, computed together."""
        name, dims, _ = self._output
        if dims:
            raise ValueError(
                f"`{name}` is {'×'.join(dims)}, not a scalar: `vjp(cotangent, ...)` takes its gradient by a loss, "
                "`jacobian(...)` all of it"
            )
        wrt = self.variables(wrt)
        value, *gradients = self._run("gradient", wrt, args, kwargs)
        return value, dict(zip(wrt, gradients, strict=True))

    def vjp(
        self, cotangent: ArrayLike, /, *args: ArrayLike, wrt: Variables = None, **kwargs: ArrayLike
    ) -> dict[str, NDArray[Any]]:
        """The gradients of a loss, by name, given the loss's gradient by the value (its `cotangent`, of the value's shape)."""
        wrt = self.variables(wrt)
        if not self._output[1]:
            import numpy as np

            scale = np.asarray(cotangent)
            return {name: gradient * scale for name, gradient in self.gradient(*args, wrt=wrt, **kwargs).items()}
        name = self._plan_of("gradient", wrt).inputs[-1]
        _value, *gradients = self._run("gradient", wrt, args, kwargs, **{name: cotangent})
        return dict(zip(wrt, gradients, strict=True))

    def jvp(self, tangents: Mapping[str, ArrayLike], /, *args: ArrayLike, **kwargs: ArrayLike) -> NDArray[Any]:
        """The derivative of the value along `tangents`: one array for each variable that moves."""
        wrt = self._moving(tangents)
        names = self._plan_of("jvp", wrt).inputs[-len(wrt) :]
        try:
            return self._run("jvp", wrt, args, kwargs, **dict(zip(names, tangents.values(), strict=True)))[0]
        except ValueError:
            self._fit(tangents, args, kwargs, "tangent")
            raise

    def jacobian(self, *args: ArrayLike, wrt: Variables = None, **kwargs: ArrayLike) -> dict[str, NDArray[Any]]:
        """The Jacobians, by name, each of the value's shape followed by its variable's."""
        wrt = self.variables(wrt)
        return dict(zip(wrt, self._run("jacobian", wrt, args, kwargs), strict=True))

    def hessian(self, *args: ArrayLike, wrt: Variables = None, **kwargs: ArrayLike) -> Hessian:
        """The Hessian of a scalar at a point: an operator that is only written out on request."""
        name, dims, _ = self._output
        if dims:
            raise ValueError(
                f"`{name}` is {'×'.join(dims)}, not a scalar: a Hessian is of a scalar, `jacobian(...)` takes every value"
            )
        return Hessian(self, self.variables(wrt), args, kwargs)

    def derive(self, wrt: Variables = None, order: str = "gradient") -> Derivation:
        """The derivation, step by step; see `backprove.derive`."""
        from ._derivation import Derivation

        return Derivation(self._problem.derive(order, names(wrt)), self._problem.inputs)

    def plan(
        self,
        order: str = "value",
        wrt: Variables = None,
        *,
        dtype: str = "float32",
        measure: bool = False,
        **sizes: int,
    ) -> str:
        """What runs at given sizes: kernels, operations, bytes and the arena; with `measure` also how long each takes.

        `order` is `value`, `gradient`, `jvp`, `jacobian`, `hvp`, `hessian` or `diagonal`.
        """
        import numpy as np

        double = {"float32": False, "float64": True}.get(np.dtype(dtype).name)
        if double is None:
            raise ValueError(f"plans are in float32 or float64, not {np.dtype(dtype).name}")
        wrt = () if order == "value" else self.variables(wrt)
        return self._plan_of(order, wrt).plan(list(sizes.items()), double, measure, 100)

    def _shape_of(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[int, ...]:
        """The shape of one argument of a call."""
        import numpy as np

        place = self.inputs.index(name)
        return np.shape(args[place] if place < len(args) else kwargs[name])

    def _fit(self, given: Mapping[str, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], what: str) -> None:
        """Fails where an array that belongs to a variable has not its shape."""
        import numpy as np

        for name, value in given.items():
            if np.shape(value) != (own := self._shape_of(name, args, kwargs)):
                raise ValueError(
                    f"the {what} for `{name}` has the shape {np.shape(value)}, but `{name}` has the shape {own}"
                )

    def _moving(self, tangents: Mapping[str, Any]) -> list[str]:
        if not isinstance(tangents, Mapping) or not tangents:
            raise TypeError("tangents are a mapping from the name of a variable to an array of its shape")
        unknown = [name for name in tangents if name not in self.inputs]
        if unknown:
            raise ValueError(f"{', '.join(map(repr, unknown))} is no input; the inputs are {', '.join(self.inputs)}")
        return list(tangents)

    def __repr__(self) -> str:
        return f"<Function of {', '.join(self.inputs)}:\n{self.source}>"


def found_as(module: str, name: str) -> object:
    """What a module, by its name, has under a dotted name, or none."""
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


class UndeclaredFunction:
    """A Python function whose arguments' shapes are not declared: it is traced anew for each set of shapes.

    `declare(X="S M", ...)` makes a `Function` of it with symbolic sizes, which is what derivations are about.
    """

    def __init__(self, python: Callable, threads: int):
        self.__wrapped__, self._threads = python, threads
        self.__name__, self.__doc__, self.__module__ = python.__name__, python.__doc__, python.__module__
        self._known: dict = {}

    def __reduce__(self) -> str | tuple[Any, ...]:
        # It needs the Python function, and functions are pickled by their names.
        python = self.__wrapped__
        found = found_as(python.__module__, python.__qualname__)
        if found is self:
            return python.__qualname__
        if found is python:
            return UndeclaredFunction, (python, self._threads)
        raise PicklingError(
            f"`{python.__qualname__}` is traced anew for each set of shapes, and `{python.__module__}` has no function of this "
            "name: define it there, or pickle what `declare(...)` makes of it"
        )

    def __deepcopy__(self, _memo: dict) -> UndeclaredFunction:
        return self

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the arguments, in order."""
        import inspect

        return tuple(inspect.signature(self.__wrapped__).parameters)

    def declare(self, **shapes: str | Sequence[object]) -> Function:
        """The function for arguments of these shapes."""
        declared = shapes_of(self.__wrapped__, shapes)
        if declared is None:
            raise TypeError(
                f'the shapes of all arguments are needed, such as `{self.__name__}.declare(X="S M")` or `X: "S M"` in the definition'
            )
        source, constants = trace(self.__wrapped__, declared)
        return Function(problem(source, {}), self._threads, self.__wrapped__, constants)

    def derive(self, wrt: Variables = None, order: str = "gradient", **shapes: str | Sequence[object]) -> Derivation:
        """The derivation for arguments of the given shapes."""
        return self.declare(**shapes).derive(wrt, order)

    def _for(self, args, kwargs) -> Function:
        import inspect

        import numpy as np

        bound = inspect.signature(self.__wrapped__).bind(*args, **kwargs)
        shapes = {name: np.shape(value) for name, value in bound.arguments.items()}
        key = tuple(shapes.items())
        if key not in self._known:
            self._known[key] = self.declare(**shapes)
        return self._known[key]

    def __call__(self, *args, **kwargs):
        return self._for(args, kwargs)(*args, **kwargs)

    def gradient(self, *args, wrt=None, **kwargs):
        return self._for(args, kwargs).gradient(*args, wrt=wrt, **kwargs)

    def value_and_gradient(self, *args, wrt=None, **kwargs):
        return self._for(args, kwargs).value_and_gradient(*args, wrt=wrt, **kwargs)

    def vjp(self, cotangent, /, *args, wrt=None, **kwargs):
        return self._for(args, kwargs).vjp(cotangent, *args, wrt=wrt, **kwargs)

    def jvp(self, tangents, /, *args, **kwargs):
        return self._for(args, kwargs).jvp(tangents, *args, **kwargs)

    def jacobian(self, *args, wrt=None, **kwargs):
        return self._for(args, kwargs).jacobian(*args, wrt=wrt, **kwargs)

    def hessian(self, *args, wrt=None, **kwargs):
        return self._for(args, kwargs).hessian(*args, wrt=wrt, **kwargs)

    def __repr__(self) -> str:
        return f"<UndeclaredFunction {self.__name__}>"


def compile(source: str, /, *, threads: int | None = None, **shapes: str | Sequence[object]) -> Function:
    """A program as a function of NumPy arrays; `shapes` declare its tensors as for `derive`.

    >>> import numpy as np, backprove as bp
    >>> f = bp.compile("L = sum(w**2) + c * w[0]", w="N", c="")
    >>> f.gradient(np.array([1.0, 2.0]), 3.0)["w"]
    array([5., 4.])
    """
    return Function(problem(source, shapes), _threads(threads))


def function(python: Callable | None = None, /, *, threads: int | None = None, **shapes: str | Sequence[object]) -> Any:
    """Makes a `Function` of an ordinary NumPy-style function, by running it once on values that note what is done with them.

    The arguments' shapes are texts as for `derive`: passed here, or as annotations. Local variables name the program's
    definitions. Without shapes the function still runs, traced anew for each set of shapes; `declare` gives it shapes later.

    >>> import numpy as np, backprove as bp
    >>> @bp.function(X="S M", w="M", y="S: constant")
    ... def loss(X, w, y):
    ...     error = X @ w - y
    ...     return np.mean(error**2)
    >>> loss.derive(wrt="w")
    <Derivation, verified:
      derror = 2 * error / S
      dw = X.T @ derror>
    >>> float(loss(np.eye(2), np.ones(2), np.zeros(2)))
    1.0
    """
    if python is None:
        return lambda python: function(python, threads=threads, **shapes)
    if not callable(python) or not hasattr(python, "__code__"):
        raise TypeError(f"a Python function is needed, not {python!r}")
    undeclared = UndeclaredFunction(python, _threads(threads))
    return undeclared if shapes_of(python, shapes) is None else undeclared.declare(**shapes)
