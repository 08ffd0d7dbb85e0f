"""Hessians at a point, as operators. Their products, diagonals and elements are derived programs."""

from __future__ import annotations

from collections.abc import Mapping


class Hessian:
    """The Hessian of a scalar at a point.

    `H @ v` is a Hessian-vector product that never writes the Hessian out; `diag()` computes its diagonal alone; `dense()` writes
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

    def __matmul__(self, vector):
        if len(self._wrt) == 1 and not isinstance(vector, Mapping):
            vector = {self._wrt[0]: vector}
        if not isinstance(vector, Mapping) or set(vector) != set(self._wrt):
            raise TypeError(
                f"the Hessian by {', '.join(self._wrt)} is multiplied by one array for each of them, in a dictionary"
            )
        tangents = self._function._plan_of("hvp", self._wrt).inputs[-len(self._wrt) :]
        along = {tangent: vector[name] for tangent, name in zip(tangents, self._wrt, strict=True)}
        return self._alone(self._run("hvp", **along))

    # The Hessian is symmetric.
    __rmatmul__ = __matmul__

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

    def solve(self, vector):
        """The `x` for which `H @ x` is `vector`, by a factorisation of the written-out Hessian.

        Raises `numpy.linalg.LinAlgError` where the Hessian is singular.
        """
        import numpy as np

        if len(self._wrt) == 1 and not isinstance(vector, Mapping):
            right = np.asarray(vector)
            matrix = np.asarray(self.dense()).reshape(right.size, right.size)
            return np.linalg.solve(matrix, right.ravel()).reshape(right.shape)
        parts = [np.asarray(vector[name]) for name in self._wrt]
        sizes = [part.size for part in parts]
        rows = [
            [np.asarray(self.dense()[first, second]).reshape(m, n) for second, n in zip(self._wrt, sizes, strict=True)]
            for first, m in zip(self._wrt, sizes, strict=True)
        ]
        solution = np.linalg.solve(np.block(rows), np.concatenate([part.ravel() for part in parts]))
        ends = np.cumsum(sizes)[:-1]
        pieces = zip(self._wrt, np.split(solution, ends), parts, strict=True)
        return {name: piece.reshape(part.shape) for name, piece, part in pieces}

    def __repr__(self) -> str:
        return f"<Hessian by {', '.join(self._wrt)}>"
