"""The Python package and scikit-learn for the benchmark `package`: answers one line on standard output for each line on standard input.

`call` answers with the seconds of one call of a function of three small operations. `import` answers with the seconds that the import
of the package adds to a new interpreter. `fit PACKAGE DATA PRECISION SEED`, PACKAGE being `backprove` or `sklearn`, trains a perceptron
on `digits` (64-100-10, 60 epochs) or `fashion` (784-128-10, 5 epochs), both with scikit-learn's defaults otherwise, and answers with the accuracy on
the test part and the seconds of `fit`.
"""

import importlib
import subprocess
import sys
import time
import warnings

import numpy as np
from fashion_data import FOLDER, part

THREADS = int(sys.argv[1])
CALLS = 20_000
EPOCHS = {"digits": 60, "fashion": 5}
HIDDEN = {"digits": 100, "fashion": 128}


def call():
    import backprove

    function = backprove.compile("Y = tanh(X * w + b)", X="N", w="N", b="N", threads=1)
    arrays = [np.full(8, value, np.float32) for value in (0.5, 2.0, -1.0)]
    assert np.allclose(function(*arrays), 0.0)
    start = time.perf_counter()
    for _ in range(CALLS):
        function(*arrays)
    return [(time.perf_counter() - start) / CALLS]


def import_time():
    def run(program):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        return time.perf_counter() - start

    return [run("import backprove") - run("pass")]


def data(name):
    if name == "fashion":
        return part(FOLDER, "train"), part(FOLDER, "t10k")
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, t = load_digits(return_X_y=True)
    x, x_test, t, t_test = train_test_split(x / 16, t, random_state=0, stratify=t, test_size=0.25)
    return (x, t), (x_test, t_test)


parts = {}


def fit(package, name, precision, seed):
    from threadpoolctl import threadpool_limits

    module = {"backprove": "backprove.sklearn", "sklearn": "sklearn.neural_network"}[package]
    classifier = importlib.import_module(module).MLPClassifier
    if (name, precision) not in parts:
        (x, t), (x_test, t_test) = data(name)
        parts.clear()
        parts[name, precision] = (x.astype(precision), t), (x_test.astype(precision), t_test)
    train, test = parts[name, precision]
    epochs = EPOCHS[name]
    # No tolerance: both sides go through all epochs.
    model = classifier((HIDDEN[name],), max_iter=epochs, random_state=int(seed), tol=0, n_iter_no_change=epochs + 1)
    with threadpool_limits(THREADS), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The threads of the side that ran before wait for work, awake, for some milliseconds.
        time.sleep(0.1)
        start = time.perf_counter()
        model.fit(*train)
        seconds = time.perf_counter() - start
    return [model.score(*test), seconds]


for line in sys.stdin:
    what, *arguments = line.split()
    print(*{"call": call, "import": import_time, "fit": fit}[what](*arguments), flush=True)
