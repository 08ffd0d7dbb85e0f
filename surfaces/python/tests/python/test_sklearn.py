"""The estimators among scikit-learn's own checks, and beside its own perceptrons."""

import pickle
import signal
import threading
import warnings

import numpy as np
import pytest
from backprove.sklearn import MLPClassifier, MLPRegressor
from scipy.sparse import csc_array, csr_matrix
from sklearn import neural_network
from sklearn.datasets import load_diabetes, load_digits, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks([MLPClassifier(), MLPRegressor()])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, random_state=0, stratify=y)


def test_it_learns_as_scikit_learns_does(digits):
    X, X_test, y, y_test = digits
    scores = {}
    for package in (neural_network.MLPClassifier, MLPClassifier):
        models = [package((32,), max_iter=20, random_state=seed).fit(X, y) for seed in range(5)]
        scores[package] = np.mean([model.score(X_test, y_test) for model in models])
    assert abs(np.subtract(*scores.values())) < 0.01, scores


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": "sgd", "learning_rate_init": 0.1},
        {"solver": "sgd", "momentum": 0.0},
        {"solver": "lbfgs", "max_iter": 5},
    ],
)
def test_the_same_steps_as_scikit_learn(digits, options):
    """From the same parameters and without shuffling, the losses are scikit-learn's to rounding."""
    X, _, y, _ = digits
    options = {
        "hidden_layer_sizes": (8,),
        "activation": "tanh",
        "max_iter": 5,
        "shuffle": False,
        "random_state": 0,
        "alpha": 0.01,
    } | options
    ours, theirs = MLPClassifier(**options).fit(X, y), neural_network.MLPClassifier(**options).fit(X, y)
    if options.get("solver") == "lbfgs":
        np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-6)
    else:
        # scikit-learn adds the penalty per batch just as the objective here does.
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    for own, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_shuffled_steps_are_scikit_learns_too(digits, solver):
    X, _, y, _ = digits
    options = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 3, "solver": solver}
    ours, theirs = MLPClassifier(**options).fit(X, y), neural_network.MLPClassifier(**options).fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)


def test_sparse_samples_are_read_as_dense_ones_are(digits, monkeypatch):
    from backprove import _estimator

    X, X_test, y, _ = digits
    options = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0, "batch_size": 50}
    dense = MLPClassifier(**options).fit(X, y)
    # Two batches at a time.
    monkeypatch.setattr(_estimator, "_WRITTEN_OUT", 2 * 50 * X.shape[1] * 8)
    for matrix in (csr_matrix, csc_array):
        sparse = MLPClassifier(**options).fit(matrix(X), y)
        np.testing.assert_array_equal(sparse.coefs_[0], dense.coefs_[0])
        np.testing.assert_allclose(sparse.predict_proba(matrix(X_test)), dense.predict_proba(X_test), rtol=1e-12)
    early = MLPClassifier(early_stopping=True, **options).fit(csr_matrix(X), y)
    assert len(early.validation_scores_) == 3
    whole = MLPRegressor(solver="lbfgs", max_iter=5, random_state=0).fit(csr_matrix(X), y)
    assert whole.predict(csr_matrix(X_test)).shape == (len(X_test),)


def test_plans_go_from_one_fit_to_the_next_without_a_trace(digits):
    X, _, y, _ = digits
    options = {"hidden_layer_sizes": (9,), "max_iter": 3, "random_state": 5}
    first = MLPClassifier(**options).fit(X, y)
    MLPClassifier(**options | {"random_state": 6}).fit(-X, y)
    np.testing.assert_array_equal(MLPClassifier(**options).fit(X, y).coefs_[0], first.coefs_[0])


def test_warm_starts_need_the_same_classes(digits):
    X, _, y, _ = digits
    model = MLPClassifier((4,), max_iter=2, warm_start=True, random_state=0).fit(X, y)
    loss = model.loss_
    assert model.fit(X, y).loss_ < loss and model.n_iter_ == 2 and len(model.loss_curve_) == 4
    with pytest.raises(ValueError, match="the classes of the call before"):
        model.fit(X[y < 5], y[y < 5])


def test_only_solvers_that_take_steps_can_go_on(digits):
    assert hasattr(MLPClassifier(), "partial_fit") and hasattr(MLPRegressor(), "partial_fit")
    assert not hasattr(MLPClassifier(solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "foo"}, "element-wise function .* 'foo'"),
        ({"activation": "sum"}, "'sum'"),
        ({"activation": "relu(X) + relu"}, "`activation` must be"),
        ({"shuffle": "yes"}, "`shuffle` must be true or false"),
        ({"solver": "newton"}, "`solver` must be one of adam, sgd, lbfgs, but is 'newton'"),
        ({"beta_1": 1.0}, "`beta_1` must be below 1"),
    ],
)
def test_parameters_that_mean_nothing_are_said(digits, options, message):
    X, _, y, _ = digits
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**options).fit(X, y)


def test_what_is_printed(digits, capsys):
    X, _, y, _ = digits
    options = {"tol": 10, "n_iter_no_change": 2, "max_iter": 20, "random_state": 0, "verbose": True}
    MLPClassifier((4,), **options).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines[:4]] == [f"Iteration {number}" for number in range(1, 5)]
    assert lines[4].endswith("2 iterations in a row: training stops.") and len(lines) == 5
    MLPClassifier((4,), solver="sgd", learning_rate="adaptive", early_stopping=True, **options).fit(X, y)
    said = capsys.readouterr().out
    assert "Validation score: 0." in said and "the learning rate is now 0.0002" in said


def test_an_interrupted_training_keeps_what_it_learned(digits):
    X, _, y, _ = digits
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.warns(UserWarning, match="interrupted"):
        model = MLPClassifier((64,), max_iter=10**6, tol=0, n_iter_no_change=10**6, random_state=0).fit(X, y)
    timer.join()
    assert 0 < model.n_iter_ < 10**6 and model.score(X, y) > 0.5


def test_regression_beside_scikit_learn():
    X, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    options = {"hidden_layer_sizes": (16,), "max_iter": 30, "shuffle": False, "random_state": 0}
    ours, theirs = MLPRegressor(**options).fit(X, y), neural_network.MLPRegressor(**options).fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", ["several classes", "two classes", "numbers", "counts"])
def test_weights_and_losses_as_in_scikit_learn(digits, kind, solver):
    X, _, y, _ = digits
    weights = np.random.default_rng(0).uniform(0, 3, len(y))
    options = {"hidden_layer_sizes": (8,), "activation": "tanh", "max_iter": 4, "shuffle": False, "random_state": 0}
    options |= {"solver": solver, "alpha": 0.01}
    if kind.endswith("classes"):
        packages = MLPClassifier, neural_network.MLPClassifier
        y = y if kind == "several classes" else y % 2
    else:
        packages = MLPRegressor, neural_network.MLPRegressor
        options["loss"] = "squared_error" if kind == "numbers" else "poisson"
        y = y - 4.5 if kind == "numbers" else y.astype(float)
    ours, theirs = (package(**options).fit(X, y, weights) for package in packages)
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-8)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6)
    assert not np.allclose(ours.loss_, packages[0](**options).fit(X, y).loss_)


def test_weights_that_mean_nothing_are_refused(digits):
    X, _, y, _ = digits
    with pytest.raises(ValueError, match="whole batch"):
        MLPClassifier((4,), batch_size=50, shuffle=False).fit(X, y, (np.arange(len(y)) >= 50).astype(float))
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        MLPClassifier((4,)).fit(X, y, -np.ones(len(y)))
    with pytest.raises(ValueError, match="below 0"):
        MLPRegressor(loss="poisson").fit(X, y - 4.5)
    with pytest.raises(ValueError, match="early_stopping"):
        MLPClassifier((4,), early_stopping=True).partial_fit(X, y)


def test_early_stopping_weighs_the_validation_part(digits):
    X, _, y, _ = digits
    wrong = np.arange(len(y)) % 3 == 0
    y = np.where(wrong, (y + 1) % 10, y)
    options = {"early_stopping": True, "max_iter": 15, "learning_rate_init": 0.01, "random_state": 0}
    # A sample that counts nothing neither teaches nor tests.
    assert MLPClassifier((32,), **options).fit(X, y, ~wrong).best_validation_score_ > 0.9
    assert MLPClassifier((32,), **options).fit(X, y).best_validation_score_ < 0.8


def test_several_labels_and_two_classes():
    X, Y = make_multilabel_classification(200, 10, n_classes=4, random_state=0)
    model = MLPClassifier((16,), max_iter=50, random_state=0).fit(X, Y)
    assert model.predict(X).shape == Y.shape and model.predict_proba(X).shape == Y.shape
    again = MLPClassifier((16,), max_iter=50, random_state=0).fit(X, csr_matrix(Y))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    two = MLPClassifier((8,), max_iter=50, random_state=0).fit(X, np.array(["no", "yes"])[Y[:, 0]])
    np.testing.assert_allclose(two.predict_proba(X).sum(axis=1), 1)
    assert set(two.predict(X)) <= {"no", "yes"}


def test_pipelines_cross_validation_and_pickling(digits):
    X, X_test, y, _ = digits
    pipeline = make_pipeline(
        StandardScaler(), MLPClassifier((32,), max_iter=15, learning_rate_init=0.01, random_state=0)
    )
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.9
    pipeline.fit(X, y)
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.predict_proba(X_test), pipeline.predict_proba(X_test))


def test_partial_fit_goes_on_where_it_was(digits):
    X, _, y, _ = digits
    options = {"hidden_layer_sizes": (8,), "shuffle": False, "random_state": 0}
    whole = MLPClassifier(max_iter=4, **options).fit(X, y)
    parts = MLPClassifier(**options)
    for _ in range(2):
        parts.partial_fit(X, y, classes=np.arange(10))
    parts = pickle.loads(pickle.dumps(parts))
    for _ in range(2):
        parts.partial_fit(X, y)
    np.testing.assert_allclose(parts.loss_curve_, whole.loss_curve_, rtol=1e-12)


def test_early_stopping_keeps_the_best(digits):
    X, X_test, y, y_test = digits
    model = MLPClassifier(
        (32,), early_stopping=True, n_iter_no_change=3, max_iter=100, learning_rate_init=0.01, random_state=0
    ).fit(X, y)
    assert model.n_iter_ < 100 and len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_) > 0.9
    assert model.score(X_test, y_test) > 0.9


def test_precisions_and_threads(digits):
    X, X_test, y, _ = digits
    single = MLPClassifier((8,), max_iter=3, random_state=0).fit(X.astype(np.float32), y)
    assert single.coefs_[0].dtype == np.float32 and single.predict_proba(X_test.astype(np.float32)).dtype == np.float32
    one, two = (MLPClassifier((64,), max_iter=3, random_state=0, n_threads=count).fit(X, y) for count in (1, 2))
    for own, other in zip(one.coefs_, two.coefs_, strict=True):
        np.testing.assert_array_equal(own, other)


def test_what_does_not_converge_is_said(digits):
    X, _, y, _ = digits
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning, match="max_iter"):
            MLPClassifier((4,), max_iter=2).fit(X, y)
    with pytest.raises(ValueError, match=r"not finite|no longer finite|became"):
        MLPRegressor(hidden_layer_sizes=(4,), solver="sgd", learning_rate_init=1e6, max_iter=50).fit(X, 1e6 * y)


@pytest.mark.parametrize(
    "wrong", [{"solver": "newton"}, {"alpha": -1}, {"hidden_layer_sizes": (0,)}, {"max_iter": 0}, {"batch_size": -5}]
)
def test_wrong_parameters_are_refused(digits, wrong):
    X, _, y, _ = digits
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MLPClassifier(**wrong).fit(X, y)


def test_other_activations_of_the_language(digits):
    X, X_test, y, y_test = digits
    assert (
        MLPClassifier((32,), activation="gelu", max_iter=20, learning_rate_init=0.01, random_state=0)
        .fit(X, y)
        .score(X_test, y_test)
        > 0.9
    )
    with pytest.raises(ValueError, match="swoosh"):
        MLPClassifier(activation="swoosh").fit(X, y)
