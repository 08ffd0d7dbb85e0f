"""What both estimators of `sklearn` share: their parameters, training and prediction.

The steps are derived programs that the engine runs; here stand scikit-learn's rules about them, such as when training stops.
"""

from __future__ import annotations

import warnings
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from . import _perceptron
from ._function import _threads

# Bytes of sparse rows that are written out at a time.
_WRITTEN_OUT = 1 << 25


class Perceptron(BaseEstimator):
    """What both estimators share: parameters, training and prediction."""

    coefs_: list[NDArray[Any]]
    intercepts_: list[NDArray[Any]]
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    best_loss_: float | None
    _state: dict[str, NDArray[Any]]
    _stepper: tuple[tuple[object, ...], Any] | None

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        n_threads=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.n_threads = n_threads

    # What the two estimators have of their own

    def _read_targets(self, y, first: bool, incremental: bool):
        """The targets as numbers, and the loss; sets what describes the targets when it is the `first` time."""
        raise NotImplementedError

    def _default_score(self, X, targets, weights) -> float:
        """The score that early stopping goes by."""
        raise NotImplementedError

    # Fitting

    def fit(self, X, y, sample_weight=None):
        """Trains the network on `X` (samples × features) and `y`, each sample counting as much as `sample_weight` says (samples).

        `loss_curve_` has one loss for each epoch, `coefs_` and `intercepts_` the parameters.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    def _fit(self, X, y, weights, incremental: bool):
        self._check()
        if incremental and self.early_stopping:
            raise ValueError("`partial_fit` sees no validation part, so that `early_stopping` cannot be used with it")
        first = not hasattr(self, "coefs_") or not (incremental or self.warm_start)
        X, y = validate_data(
            self,
            X,
            y,
            reset=first,
            multi_output=True,
            dtype=(np.float64, np.float32),
            accept_sparse="csr",
            y_numeric=False,
        )
        if weights is not None:
            weights = _check_sample_weight(weights, X, dtype=X.dtype, ensure_non_negative=True)
        targets, loss = self._read_targets(y, first, incremental)
        random = getattr(self, "_random_state", None)
        if first or random is None:
            random = self._random_state = check_random_state(self.random_state)
        if first:
            outputs = targets.shape[1] if targets.ndim == 2 else len(self.classes_)
            self._begin(X, outputs, loss, random)
        self.n_iter_ = 0
        count = len(self.coefs_)
        # What is kept of an earlier run belongs to its precision.
        self.coefs_ = [coef.astype(X.dtype, copy=False) for coef in self.coefs_]
        self.intercepts_ = [intercept.astype(X.dtype, copy=False) for intercept in self.intercepts_]
        if self.solver == "lbfgs":
            self._fit_whole(X, targets, weights, loss, count)
        else:
            self._fit_steps(X, targets, weights, loss, count, random, incremental, first)
        if not all(np.isfinite(value).all() for value in self.coefs_ + self.intercepts_):
            raise ValueError(
                "the weights are no longer finite; scaled features or a smaller `learning_rate_init` usually help"
            )
        return self

    def _begin(self, X, outputs: int, loss: str, random):
        hidden = self.hidden_layer_sizes
        hidden = [hidden] if isinstance(hidden, Integral) else list(hidden)
        units = [X.shape[1], *hidden, outputs]
        self.n_layers_, self.n_outputs_ = len(units), outputs
        self.out_activation_ = {"squared": "identity", "poisson": "exp"}.get(loss, loss)
        self._loss = loss
        self.t_ = 0
        self.loss_curve_, self._no_improvement = [], 0
        self.best_loss_, self.validation_scores_, self.best_validation_score_ = np.inf, None, None
        if self.early_stopping:
            self.validation_scores_, self.best_validation_score_, self.best_loss_ = [], -np.inf, None
        self._state, self._stepper = {}, None
        self.coefs_, self.intercepts_ = [], []
        # Glorot and Bengio (2010), equation 16; a third of the variance for the logistic function, as scikit-learn draws it.
        factor = 2.0 if self.activation == "logistic" else 6.0
        for fan_in, fan_out in pairwise(units):
            bound = np.sqrt(factor / (fan_in + fan_out))
            self.coefs_.append(random.uniform(-bound, bound, (fan_in, fan_out)).astype(X.dtype))
            self.intercepts_.append(random.uniform(-bound, bound, fan_out).astype(X.dtype))

    def _fit_whole(self, X, targets, weights, loss: str, count: int):
        from scipy.optimize import minimize

        gradients = _perceptron.gradients(count, self.activation, loss, weights is not None, self._thread_count())
        X = X.toarray() if issparse(X) else X
        names = list(_perceptron.declared(count))
        shapes = [value.shape for pair in zip(self.coefs_, self.intercepts_, strict=True) for value in pair]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]

        def unpacked(flat):
            return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=True)]

        given = {_perceptron.target(loss): targets} | ({} if weights is None else {"w": weights})

        def objective(flat):
            values = dict(zip(names, unpacked(flat.astype(X.dtype, copy=False)), strict=True))
            value, derived = gradients.value_and_gradient(X=X, alpha=float(self.alpha), **given, **values)
            return float(value), np.concatenate([derived[name].ravel() for name in names]).astype(float)

        start = [value.ravel() for pair in zip(self.coefs_, self.intercepts_, strict=True) for value in pair]
        options = {"maxfun": self.max_fun, "maxiter": self.max_iter, "gtol": self.tol}
        found = minimize(objective, np.concatenate(start).astype(float), jac=True, method="L-BFGS-B", options=options)
        values = [value.astype(X.dtype) for value in unpacked(found.x)]
        self.coefs_, self.intercepts_ = values[0::2], values[1::2]
        self.loss_, self.n_iter_ = float(found.fun), int(found.nit)
        self.loss_curve_.append(self.loss_)
        if found.status == 1:
            warnings.warn(
                f"L-BFGS did not converge in {self.n_iter_} iterations; more of them (`max_iter`) may help",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _fit_steps(self, X, targets, weights, loss: str, count: int, random, incremental: bool, first: bool):
        given = {"X": X, _perceptron.target(loss): targets} | ({} if weights is None else {"w": weights})
        held = {}
        if self.early_stopping:
            one = loss in ("softmax", "logistic") and (targets.ndim == 1 or targets.shape[1] == 1)
            parts = train_test_split(
                *given.values(),
                random_state=random,
                test_size=self.validation_fraction,
                stratify=targets if one else None,
            )
            given, held = dict(zip(given, parts[::2], strict=True)), dict(zip(given, parts[1::2], strict=True))
            if held["X"].shape[0] < 2:
                raise ValueError(
                    "the validation part has fewer than two samples; a greater `validation_fraction` helps"
                )
        arrays = {name: values if issparse(values) else np.ascontiguousarray(values) for name, values in given.items()}
        samples = arrays["X"].shape[0]
        batch = min(200, samples) if self.batch_size == "auto" else min(int(self.batch_size), samples)
        if self.batch_size != "auto" and self.batch_size > samples:
            warnings.warn(f"`batch_size` {self.batch_size} is above the number of samples, {samples}", stacklevel=4)
        stepper = self._prepared(X.dtype, loss, weights is not None, count, continued=incremental or not first)
        rate = (
            float(self.learning_rate_init)
            if first or not incremental
            else getattr(self, "_rate", self.learning_rate_init)
        )
        best = None
        scores = self.validation_scores_ if self.validation_scores_ is not None else []
        self._no_improvement = 0 if not incremental else self._no_improvement
        order = np.arange(samples, dtype=np.int64)
        self._rate = None
        for _ in range(1 if incremental else self.max_iter):
            if rate != self._rate:
                stepper.set("lr", np.array([rate], X.dtype))
                self._rate = rate
            if self.shuffle:
                random.shuffle(order)
            if weights is not None and not np.add.reduceat(arrays["w"][order], np.arange(0, samples, batch)).all():
                raise ValueError(
                    "the `sample_weight` of a whole batch is zero; leave such samples out, or enlarge `batch_size`"
                )
            try:
                self.loss_ = _epoch(stepper, arrays, order, batch) / samples
            except KeyboardInterrupt:
                # As in scikit-learn, what was learned so far is kept.
                warnings.warn("training was interrupted", stacklevel=4)
                break
            self.t_ += samples
            self.n_iter_ += 1
            self.loss_curve_.append(self.loss_)
            if self.verbose:
                print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
            if not np.isfinite(self.loss_):
                raise ValueError(
                    f"the loss became {self.loss_} in iteration {self.n_iter_}; scaled features or a smaller `learning_rate_init` usually help"
                )
            held_out = None
            if held:
                self._collect(stepper, count)
                held_out = self._default_score(held["X"], held[_perceptron.target(loss)], held.get("w"))
                scores.append(held_out)
                if self.verbose:
                    print(f"Validation score: {held_out:f}")
            if self._improved(held_out) and held_out is not None:
                best = [value.copy() for value in self.coefs_], [value.copy() for value in self.intercepts_]
            if self.learning_rate == "invscaling" and self.solver == "sgd":
                rate = self.learning_rate_init / (self.t_ + 1) ** self.power_t
            if incremental or self._no_improvement <= self.n_iter_no_change:
                continue
            slower = self.learning_rate == "adaptive" and self.solver == "sgd" and rate > 1e-6
            if self.verbose:
                what = "Validation score" if held else "Training loss"
                then = f"the learning rate is now {rate / 5:g}" if slower else "training stops"
                print(
                    f"{what} did not improve by more than tol={self.tol:g} in {self.n_iter_no_change} iterations in a row: {then}."
                )
            if not slower:
                break
            rate, self._no_improvement = rate / 5, 0
        else:
            if not incremental:
                message = f"training did not converge in {self.max_iter} iterations; more of them (`max_iter`) may help"
                warnings.warn(message, ConvergenceWarning, stacklevel=4)
        self._rate = rate
        self._collect(stepper, count)
        if best is not None:
            self.coefs_, self.intercepts_ = best

    def _prepared(self, dtype, loss: str, weighted: bool, count: int, continued: bool):
        """The stepper with the present parameters and state."""
        nesterov = self.nesterovs_momentum and self.momentum > 0
        states, names = _perceptron.updates(count, self.solver, nesterov)[2], _perceptron.declared(count)
        what = (count, self.activation, loss, weighted, self.solver, nesterov)
        key = (*what, np.dtype(dtype).name, self._thread_count())
        known = getattr(self, "_stepper", None)
        if known is None or known[0] != key:
            units = [coef.shape[0] for coef in self.coefs_] + [self.coefs_[-1].shape[1]]
            sizes = [(f"D{layer}", int(unit)) for layer, unit in enumerate(units)]
            double = np.dtype(dtype) == np.float64
            known = key, _perceptron.training(*what).stepper(sizes, "S", self._thread_count(), double)
            self._stepper = known
        stepper = known[1]
        state = self._state if continued else {}
        values = dict(
            zip(
                names,
                [value for pair in zip(self.coefs_, self.intercepts_, strict=True) for value in pair],
                strict=True,
            )
        )
        shapes = dict(values)
        for name in states:
            values[name] = state.get(name, np.zeros(shapes[name.split("_", 1)[1]].size, dtype))
        numbers = {
            "alpha": self.alpha, "lr": self.learning_rate_init, "mu": self.momentum, "beta1": self.beta_1,
            "beta2": self.beta_2, "epsilon": self.epsilon, "step": state.get("step", [1.0])[0],
        }  # fmt: skip
        used = {"adam": ("alpha", "lr", "beta1", "beta2", "epsilon", "step"), "sgd": ("alpha", "lr", "mu")}[self.solver]
        values |= {name: np.array([numbers[name]], dtype) for name in used}
        for name, value in values.items():
            stepper.set(name, np.asarray(value, dtype))
        self._states = states + (["step"] if self.solver == "adam" else [])
        return stepper

    def _collect(self, stepper, count: int):
        """Takes the parameters and the solver's state from the stepper."""
        weights, biases = _perceptron.layers(count)
        self.coefs_ = [stepper.get(name).reshape(coef.shape) for name, coef in zip(weights, self.coefs_, strict=True)]
        self.intercepts_ = [stepper.get(name) for name in biases]
        self._state = {name: stepper.get(name) for name in self._states}

    def _improved(self, held_out) -> bool:
        """Counts epochs without improvement by `tol`; whether this one is the best so far."""
        if held_out is not None:
            self._no_improvement = 0 if held_out >= self.best_validation_score_ + self.tol else self._no_improvement + 1
            better = held_out > self.best_validation_score_
            self.best_validation_score_ = max(held_out, self.best_validation_score_)
            return better
        best = np.inf if self.best_loss_ is None else self.best_loss_
        self._no_improvement = 0 if self.loss_ <= best - self.tol else self._no_improvement + 1
        better = self.loss_ < best
        if not self.early_stopping:
            self.best_loss_ = min(self.loss_, best)
        return better

    def _predicted(self, X):
        """Probabilities, or values for a regressor: samples × outputs."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=(np.float64, np.float32), accept_sparse="csr")
        return self._outputs(X)

    def _outputs(self, X):
        if issparse(X):
            rows = _rows(X)
            parts = [self._outputs(X[start : start + rows].toarray()) for start in range(0, X.shape[0], rows)]
            return np.concatenate(parts)
        count = len(self.coefs_)
        function = _perceptron.prediction(count, self.activation, self._loss, self._thread_count())
        values = [value for pair in zip(self.coefs_, self.intercepts_, strict=True) for value in pair]
        parameters = {
            name: value.astype(X.dtype, copy=False)
            for name, value in zip(_perceptron.declared(count), values, strict=True)
        }
        return function(X=X, **parameters)

    def _thread_count(self) -> int:
        return _threads(self.n_threads)

    def _check(self):
        """Raises for parameters that make no sense by themselves."""
        hidden = self.hidden_layer_sizes
        hidden = [hidden] if isinstance(hidden, Integral) else list(hidden)
        if not all(isinstance(size, Integral) and size > 0 for size in hidden):
            raise ValueError(f"`hidden_layer_sizes` must be numbers above 0, but is {self.hidden_layer_sizes!r}")
        if not _perceptron.is_activation(self.activation):
            raise ValueError(
                f"`activation` must be identity, logistic, or an element-wise function of the language such as relu, tanh, elu "
                f"and gelu, but is {self.activation!r}"
            )
        for name in ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise ValueError(f"`{name}` must be true or false, but is {getattr(self, name)!r}")
        choices = {"solver": ("adam", "sgd", "lbfgs"), "learning_rate": ("constant", "invscaling", "adaptive")}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"`{name}` must be one of {', '.join(known)}, but is {getattr(self, name)!r}")
        least = {
            "alpha": (Real, 0, True), "learning_rate_init": (Real, 0, False), "max_iter": (Integral, 0, False),
            "power_t": (Real, 0, True), "tol": (Real, 0, True), "momentum": (Real, 0, True), "beta_1": (Real, 0, True),
            "beta_2": (Real, 0, True), "epsilon": (Real, 0, False), "n_iter_no_change": (Real, 0, False),
            "validation_fraction": (Real, 0, False), "max_fun": (Integral, 0, False),
        }  # fmt: skip
        for name, (kind, bound, inclusive) in least.items():
            value = getattr(self, name)
            if not isinstance(value, kind) or value < bound or (value == bound and not inclusive):
                raise ValueError(f"`{name}` must be {'at least' if inclusive else 'above'} {bound}, but is {value!r}")
        for name in ("momentum", "beta_1", "beta_2", "validation_fraction"):
            above = getattr(self, name) > 1 if name == "momentum" else getattr(self, name) >= 1
            if above:
                raise ValueError(f"`{name}` must be below 1, but is {getattr(self, name)!r}")
        if self.batch_size != "auto" and not (isinstance(self.batch_size, Integral) and self.batch_size > 0):
            raise ValueError(f"`batch_size` must be 'auto' or a number above 0, but is {self.batch_size!r}")

    def __getstate__(self):
        # Plans belong to a process; they are made again when they are needed.
        return super().__getstate__() | ({"_stepper": None} if hasattr(self, "_stepper") else {})

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coefs_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def takes_steps(estimator) -> bool:
    """Whether a solver takes steps, so that they can be taken one epoch at a time."""
    return estimator.solver in ("adam", "sgd")


def _rows(X) -> int:
    """How many rows of a sparse matrix are written out at a time."""
    return max(1, _WRITTEN_OUT // (X.shape[1] * X.dtype.itemsize))


def _epoch(stepper, arrays: dict, order, batch: int) -> float:
    """One epoch; the rows of a sparse matrix are written out for some batches at a time."""
    X = arrays["X"]
    if not issparse(X):
        return stepper.epoch(arrays, order, batch)
    total, rows = 0.0, max(1, _rows(X) // batch) * batch
    for start in range(0, len(order), rows):
        own = order[start : start + rows]
        part = {name: values[own] for name, values in arrays.items()} | {"X": X[own].toarray()}
        total += stepper.epoch(part, np.arange(len(own), dtype=np.int64), batch)
    return total
