"""scikit-learn estimators whose training steps are derived programs, run by the engine.

>>> from sklearn.datasets import load_digits
>>> from sklearn.model_selection import train_test_split
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> from backprove.sklearn import MLPClassifier
>>> X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
>>> model = make_pipeline(StandardScaler(), MLPClassifier((64,), max_iter=30, random_state=0)).fit(X, y)
>>> bool(model.score(X_test, y_test) > 0.95)
True
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

from ._estimator import Perceptron, takes_steps

__all__ = ["MLPClassifier", "MLPRegressor"]


class MLPClassifier(ClassifierMixin, Perceptron):
    """A multi-layer perceptron classifier with the parameters, attributes and behaviour of scikit-learn's.

    It minimises the cross-entropy (of a softmax for several classes, of logistic outputs for two, and for several labels) plus
    `alpha / 2` times the sum of the squared weights by the number of samples of the batch. `activation` is `identity`, `logistic`, `tanh`, `relu`,
    or any other element-wise function of the language, such as `elu` or `gelu`. `n_threads` is how many threads compute; results do not depend on it.
    """

    def _read_targets(self, y, first: bool, incremental: bool):
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind == "multilabel-indicator":
            if first:
                self.classes_, self._multilabel = unique_labels(y), True
            y = y.toarray() if issparse(y) else y
            return np.ascontiguousarray(y, self._targets_dtype(y)), "logistic"
        y = column_or_1d(y, warn=True)
        if first and not hasattr(self, "_all_classes"):
            self.classes_ = np.unique(y)
        elif first:
            self.classes_ = self._all_classes
        if first:
            self._multilabel = False
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"`y` has the classes {unknown.tolist()}, which are not among {self.classes_.tolist()}")
        if not (first or incremental) and len(np.unique(y)) < len(self.classes_):
            raise ValueError(
                f"with `warm_start`, `y` must have the classes of the call before, {self.classes_.tolist()}, but has "
                f"{np.unique(y).tolist()}"
            )
        places = np.searchsorted(self.classes_, y)
        if len(self.classes_) <= 2:
            return places.reshape(-1, 1).astype(float), "logistic"
        return places.astype(np.int64), "softmax"

    @staticmethod
    def _targets_dtype(y):
        return np.float32 if np.asarray(y).dtype == np.float32 else np.float64

    def fit(self, X, y, sample_weight=None):
        """Trains the network on `X` (samples × features) and the labels `y`, each sample counting as much as `sample_weight` says (samples).

        `loss_curve_` has one loss for each epoch, `coefs_` and `intercepts_` the parameters.
        """
        self.__dict__.pop("_all_classes", None)
        return super().fit(X, y, sample_weight)

    @available_if(takes_steps)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """One epoch on `X` and `y`; the first call needs all `classes`, where `y` does not have them all."""
        if not hasattr(self, "coefs_"):
            if classes is not None:
                self._all_classes = unique_labels(classes)
            else:
                self.__dict__.pop("_all_classes", None)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"`classes` is {classes!r}, but an earlier call had {self.classes_.tolist()}")
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X):
        """The most probable class of each sample."""
        return self._classes_of(self._predicted(X))

    def _classes_of(self, probabilities):
        if self._multilabel:
            return (probabilities > 0.5).astype(int)
        if self._loss == "logistic":
            return self.classes_[
                (probabilities[:, 0] > 0.5).astype(int)
                if len(self.classes_) == 2
                else np.zeros(len(probabilities), int)
            ]
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_proba(self, X):
        """The probability of each class for each sample, in the order of `classes_`."""
        probabilities = self._predicted(X)
        if self._loss == "logistic" and not self._multilabel:
            return np.hstack([1 - probabilities, probabilities])
        return probabilities

    def predict_log_proba(self, X):
        """The logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _default_score(self, X, targets, weights) -> float:
        predicted = self._classes_of(self._outputs(X))
        if self._multilabel:
            return float(np.average((predicted == targets).all(axis=1), weights=weights))
        true = targets if targets.ndim == 1 else targets[:, 0].astype(int)
        return float(np.average(predicted == self.classes_[true], weights=weights))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, Perceptron):
    """A multi-layer perceptron regressor with the parameters, attributes and behaviour of scikit-learn's.

    It minimises half the squared error of a sample, summed over outputs, plus the penalty of `MLPClassifier`; with `loss="poisson"` half
    the Poisson deviance, the prediction then being the exponential of the network's output.
    """

    def __init__(
        self,
        loss="squared_error",
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
        super().__init__(
            hidden_layer_sizes,
            activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            n_threads=n_threads,
        )
        self.loss = loss

    def _read_targets(self, y, first: bool, incremental: bool):
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if first:
            self._one_output = y.ndim == 1
        y = y.astype(np.float64) if y.dtype.kind not in "f" else y
        if not np.isfinite(y).all():
            raise ValueError("`y` holds values that are not finite")
        if self.loss not in ("squared_error", "poisson"):
            raise ValueError(f"`loss` must be one of squared_error, poisson, but is {self.loss!r}")
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError("`y` holds values below 0, which the loss `poisson` has no meaning for")
        return y.reshape(len(y), -1), "poisson" if self.loss == "poisson" else "squared"

    @available_if(takes_steps)
    def partial_fit(self, X, y, sample_weight=None):
        """One epoch on `X` and `y`."""
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X):
        """The value of each sample: samples, or samples × outputs where `y` had several."""
        values = self._predicted(X)
        return values[:, 0] if self._one_output else values

    def _default_score(self, X, targets, weights) -> float:
        from sklearn.metrics import r2_score

        return float(r2_score(targets, self._outputs(X), sample_weight=weights))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
