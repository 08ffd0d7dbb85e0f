"""Hessians at a point, as operators. Their products, diagonals and elements are derived programs."""

from __future__ import annotations

import math
from collections.abc import Mapping


class Hessian:
    """The Hessian of a scalar at a point.

    `H @ v` is a Hessian-vector product that never writes the Hessian out, `H @ V` one for each column of V; `diag()` computes its diagonal alone; `dense()` writes
    it out. With one variable, vectors are arrays of its shape and `dense()` has that shape twice; with several they are
    dictionaries, and `dense()` is one by pairs of names.

    >>> import numpy as np, backprove as bp
    >>> f = bp.compile("q = x @ A @ x / 2", A="N N: constant", x="N")
    >>> H = f.hessian(np.array([[2.0, 1.0], [1.0, 3.0]]), np.zeros(2))
    >>> H @ np.array([1.0, 0.0])
    array([2., 1.])
    >>> H.diag()
    array([2., 3.])
    >>> H.solve(np.array([3.0, 4.0]))
    array([1., 1.])
    """

    # NumPy leaves `array @ H` to this class.
    __array_ufunc__ = None

    def __init__(self, function, wrt: list[str], args: tuple, kwargs: dict):
        self._function, self._wrt, self._args, self._kwargs = function, wrt, args, kwargs
        self._dense = None

    def _run(self, what: str, **further) -> tuple:
        return self._function._run(what, self._wrt, self._args, self._kwargs, **further)

    def _alone(self, values):
        return values[0] if len(self._wrt) == 1 else dict(zip(self._wrt, values, strict=True))

    def _by_name(self, vector) -> dict:
        """A vector as one array for each variable."""
        if len(self._wrt) == 1 and not isinstance(vector, Mapping):
            vector = {self._wrt[0]: vector}
        if not isinstance(vector, Mapping) or set(vector) != set(self._wrt):
            raise TypeError(
                f"vectors for the Hessian by {', '.join(self._wrt)} are one array for each, in a dictionary"
            )
        return {name: vector[name] for name in self._wrt}

    def _own_shape(self, name: str) -> tuple[int, ...]:
        return self._function._shape_of(name, self._args, self._kwargs)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what it multiplies, twice; with several variables the number of their elements, twice."""
        own = [self._own_shape(name) for name in self._wrt]
        return own[0] * 2 if len(own) == 1 else (sum(math.prod(shape) for shape in own),) * 2

    def __matmul__(self, vector):
        return self._product(vector, -1)

    def __rmatmul__(self, vector):
        # The Hessian is symmetric.
        return self._product(vector, 0)

    def _product(self, vector, axis: int):
        """The product with a vector, or with several that lie along one axis."""
        import numpy as np

        parts = self._by_name(vector)
        if len(self._wrt) == 1 and np.ndim(part := parts[self._wrt[0]]) == len(self._own_shape(self._wrt[0])) + 1:
            columns = [self._product(column, axis) for column in np.moveaxis(np.asarray(part), axis, 0)]
            return np.stack(columns, axis=axis)
        self._function._fit(parts, self._args, self._kwargs, "vector")
        tangents = self._function._plan_of("hvp", self._wrt).inputs[-len(self._wrt) :]
        return self._alone(self._run("hvp", **dict(zip(tangents, parts.values(), strict=True))))

    def diag(self):
        """The diagonal, in the shape of the variable."""
        return self._alone(self._run("diagonal"))

    def dense(self):
        """All elements: an array of the variable's shape twice."""
        if self._dense is None:
            blocks = self._run("hessian")
            if len(self._wrt) == 1:
                self._dense = blocks[0]
            else:
                pairs = [(first, second) for first in self._wrt for second in self._wrt]
                self._dense = dict(zip(pairs, blocks, strict=True))
        return self._dense

    def __array__(self, dtype=None, copy=None):
        import numpy as np

        if len(self._wrt) > 1:
            raise TypeError("a Hessian by several variables is no single array; `dense()` has one for each pair")
        return np.array(self.dense(), dtype=dtype)

    def solve(self, vector, *, iterative: bool = False):
        """The `x` for which `H @ x` is `vector`, by a factorisation of the written-out Hessian.

        With `iterative`, the Hessian is never written out: MINRES (Paige and Saunders, 1975) multiplies it by vectors until the
        residual is small beside them; this needs SciPy. Raises `numpy.linalg.LinAlgError` where the Hessian is singular, or where
        the iteration does not get there.
        """
        import numpy as np

        parts = [np.asarray(part) for part in self._by_name(vector).values()]
        ends = np.cumsum([part.size for part in parts])[:-1]

        def apart(flat):
            pieces = zip(np.split(flat, ends), parts, strict=True)
            return self._alone([piece.reshape(part.shape) for piece, part in pieces])

        right = np.concatenate([part.ravel() for part in parts])
        if not iterative:
            return apart(np.linalg.solve(self._matrix([part.shape for part in parts]), right))
        from scipy.sparse.linalg import LinearOperator, minres

        def product(flat):
            result = self @ apart(flat)
            return np.concatenate([np.ravel(value) for value in self._by_name(result).values()])

        operator = LinearOperator((right.size, right.size), product, dtype=right.dtype)
        precision = np.finfo(np.result_type(right, np.float32)).eps
        solution, _ = minres(operator, right, rtol=precision, maxiter=10 * right.size)
        residual = np.linalg.norm(product(solution) - right)
        if not residual <= np.sqrt(precision) * np.linalg.norm(right):
            raise np.linalg.LinAlgError(
                f"the iteration stopped with a residual of {residual:.2g}: the Hessian is singular or badly conditioned"
            )
        return apart(solution)

    def _matrix(self, shapes: list[tuple[int, ...]]):
        """All elements as one matrix, by variables of these shapes."""
        import numpy as np

        dense = self.dense()
        blocks = dense if isinstance(dense, dict) else {(self._wrt[0], self._wrt[0]): dense}
        for name, shape in zip(self._wrt, shapes, strict=True):
            own = blocks[name, name].shape[: blocks[name, name].ndim // 2]
            if own != shape:
                raise ValueError(f"the vector for `{name}` has the shape {shape}, but `{name}` has the shape {own}")
        sizes = [int(np.prod(shape)) for shape in shapes]
        own = iter(blocks.values())
        return np.block([[next(own).reshape(m, n) for n in sizes] for m in sizes])

    def __repr__(self) -> str:
        return f"<Hessian by {', '.join(self._wrt)}>"
