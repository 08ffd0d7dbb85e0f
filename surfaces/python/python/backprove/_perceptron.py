"""The programs that the estimators of `sklearn` run, as texts: objectives, predictions, and solvers' updates.

Only definitions stand here; their gradients are derived, and what runs is the native library's. scikit-learn is not imported.
"""

from __future__ import annotations

from functools import lru_cache

from ._function import Function, compile
from ._native import SourceError, Training
from ._source import problem

# scikit-learn's names of activations; every other name is a function of the language.
_ACTIVATIONS = {"identity": "{}", "logistic": "sigmoid({})"}
# The loss of each sample, and what the scores mean.
_LOSSES = {
    "softmax": ("ell[s] = logsumexp[c]({z}[s, c]) - {z}[s, t[s]]", "softmax({z}, axis=1)"),
    # -(y log p + (1 - y) log(1 - p)) of the logistic p of z, without overflow.
    "logistic": ("ell = sum(softplus({z}) - Y * {z}, axis=1)", "sigmoid({z})"),
    "squared": ("ell = sum(({z} - Y)**2, axis=1) / 2", "1 * {z}"),
    # Half the deviance, of the mean exp(z).
    "poisson": ("ell = sum(where(Y > 0, Y * log(Y), 0) - Y * {z} - Y + exp({z}), axis=1)", "exp({z})"),
}


@lru_cache(maxsize=32)
def is_activation(name: object) -> bool:
    """Whether it names a function that is applied element by element."""
    if not isinstance(name, str) or not name.isidentifier():
        return False
    try:
        output = problem(f"Y = {_ACTIVATIONS.get(name, name + '({})').format('X')}", {"X": "S N"}).output
    except SourceError:
        return False
    return output is not None and output[1] == ["S", "N"]


def layers(count: int) -> tuple[list[str], list[str]]:
    """The names of the weights and of the biases."""
    return [f"W{layer + 1}" for layer in range(count)], [f"b{layer + 1}" for layer in range(count)]


def declared(count: int) -> dict[str, str]:
    """The shapes of weights and biases: weights are input × output, as in scikit-learn."""
    shapes = {}
    for layer, (weight, bias) in enumerate(zip(*layers(count), strict=True)):
        shapes[weight], shapes[bias] = f"D{layer}, D{layer + 1}", f"D{layer + 1}"
    return shapes


def _scores(count: int, activation: str) -> tuple[str, str]:
    """The definitions from X to the scores, and the scores' name."""
    lines, values = [], "X"
    form = _ACTIVATIONS.get(activation, f"{activation}({{}})")
    for layer in range(1, count + 1):
        lines.append(f"Z{layer} = {values} @ W{layer} + b{layer}")
        if layer < count:
            lines.append(f"A{layer} = {form.format(f'Z{layer}')}" if form != "{}" else "")
            values = f"A{layer}" if form != "{}" else f"Z{layer}"
    return "\n".join(filter(None, lines)), f"Z{count}"


def _inputs(count: int) -> str:
    return "\n".join(["X[S, D0]: constant", *(f"{name}[{shape}]" for name, shape in declared(count).items())])


def target(loss: str) -> str:
    """The name of the input with the targets."""
    return "t" if loss == "softmax" else "Y"


def _objective(count: int, activation: str, loss: str, weighted: bool) -> str:
    definitions, z = _scores(count, activation)
    target = f"t[S]: labels(D{count})" if loss == "softmax" else f"Y[S, D{count}]: constant"
    squares = " + ".join(f"sum({weight}**2)" for weight in layers(count)[0])
    declared, total, losses = ("w[S]: constant\n", "sum(w)", "w * ell") if weighted else ("", "S", "ell")
    return (
        f"{_inputs(count)}\n{target}\nalpha[]: constant\n{declared}{definitions}\n{_LOSSES[loss][0].format(z=z)}\n"
        f"L = (sum({losses}) + alpha * ({squares}) / 2) / {total}"
    )


@lru_cache(maxsize=32)
def prediction(count: int, activation: str, loss: str, threads: int) -> Function:
    definitions, z = _scores(count, activation)
    return compile(f"{_inputs(count)}\n{definitions}\nP = {_LOSSES[loss][1].format(z=z)}", threads=threads)


@lru_cache(maxsize=32)
def gradients(count: int, activation: str, loss: str, weighted: bool, threads: int) -> Function:
    return compile(_objective(count, activation, loss, weighted), threads=threads)


@lru_cache(maxsize=32)
def training(count: int, activation: str, loss: str, weighted: bool, solver: str, nesterov: bool) -> Training:
    text, pairs, _ = updates(count, solver, nesterov)
    return problem(_objective(count, activation, loss, weighted), {}).training(list(declared(count)), text, pairs)


def updates(count: int, solver: str, nesterov: bool) -> tuple[str, list[tuple[str, str]], list[str]]:
    """The text of a solver's updates, which input takes which definition, and the names of its state."""
    declarations, lines, pairs, states = ["lr[]; mu[]; beta1[]; beta2[]; epsilon[]; step[]"], [], [], []
    if solver == "adam":
        # Kingma and Ba (2015), section 2: the corrections of both moments in the rate.
        lines.append("rate = lr * sqrt(1 - beta2**step) / (1 - beta1**step)\nstep_next = step + 1")
        pairs.append(("step", "step_next"))
    for name, shape in declared(count).items():
        declarations.append(f"{name}[{shape}]; d{name}[{shape}]")
        if solver == "adam":
            declarations.append(f"m_{name}[{shape}]; v_{name}[{shape}]")
            lines.append(
                f"m_{name}_next = beta1 * m_{name} + (1 - beta1) * d{name}\n"
                f"v_{name}_next = beta2 * v_{name} + (1 - beta2) * d{name}**2\n"
                f"{name}_next = {name} - rate * m_{name}_next / (sqrt(v_{name}_next) + epsilon)"
            )
            own = [f"m_{name}", f"v_{name}"]
        else:
            declarations.append(f"v_{name}[{shape}]")
            change = f"mu * v_{name}_next - lr * d{name}" if nesterov else f"v_{name}_next"
            lines.append(f"v_{name}_next = mu * v_{name} - lr * d{name}\n{name}_next = {name} + {change}")
            own = [f"v_{name}"]
        states += own
        pairs += [(state, f"{state}_next") for state in [*own, name]]
    return "\n".join(declarations + lines), pairs, states
