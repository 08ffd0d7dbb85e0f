"""The second witness: emitted modules beside JAX's own derivatives of what was pasted, in double precision.

Reads problems with their inputs as JSON and writes, for each, how far the emitted derivative and the textbook's form are
from JAX's. Where the source is not Python, JAX differentiates the emitted forward function instead.
"""

import json
import re
import sys

import jax

jax.config.update("jax_enable_x64", True)
# Each program runs once: compiling it well would take longer than running it.
jax.config.update("jax_disable_most_optimizations", True)

import jax.numpy as jnp
import numpy as np
import scipy.special

NAMES = {
    "np": jnp, "numpy": jnp, "jnp": jnp, "jax": jax, "erf": jax.scipy.special.erf,
    "exp": jnp.exp, "log": jnp.log, "sqrt": jnp.sqrt, "tanh": jnp.tanh, "sin": jnp.sin, "cos": jnp.cos,
    "sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu, "silu": jax.nn.silu, "softplus": jax.nn.softplus,
    "softmax": jax.nn.softmax, "log_softmax": jax.nn.log_softmax, "outer": jnp.outer, "diag": jnp.diag,
    "sum": jnp.sum, "mean": jnp.mean, "trace": jnp.trace, "stop_gradient": jax.lax.stop_gradient,
    "one_hot": jax.nn.one_hot,
}
# What stands for infinity, which is no number of JSON.
WORST = 1e300
TEXTBOOK = {
    "np": np, "erf": scipy.special.erf, "one_hot": lambda labels, count: np.eye(count)[labels],
}


def array(given):
    values = np.array(given["data"], dtype=int if given["labels"] else float)
    return values.reshape(given["shape"]) if given["shape"] else values.item()


def pasted(problem, values):
    """The source as Python: all lines but the last bind names."""
    names = {**NAMES, **problem["sizes"], **values}
    lines = [line for line in problem["source"].split("\n") if line.strip()]
    for line in lines[:-1]:
        exec(line, names)
    last = re.sub(r"^[A-Za-z_]\w* = ", "", lines[-1])
    return eval(last, names)


def traced(problem):
    """The emitted forward function over JAX's arrays."""
    source = problem["module"].replace("import numpy as np", "import jax.numpy as np")
    source = source.replace("from scipy import special", "from jax.scipy import special")
    module = {"__name__": "traced"}
    exec(compile(source, problem["name"], "exec"), module)
    return lambda values: module["forward"](*[values[name] for name in problem["inputs"]])


def primal(problem, values):
    """A function of the variables, as it was pasted if that is Python, and whether it was."""
    try:
        jax.eval_shape(lambda: jnp.asarray(pasted(problem, values)))
        return (lambda values: pasted(problem, values)), "pasted"
    except Exception:
        return traced(problem), "emitted"


def derivatives(problem, function, values):
    """The value, and its derivative by each variable (for mixed derivatives by the pair), from JAX."""
    wrt = problem["wrt"]

    def of(*arguments):
        return jnp.asarray(function({**values, **dict(zip(wrt, arguments))}))

    def gradient(*arguments):
        value, pull = jax.vjp(of, *arguments)
        cotangent = jnp.asarray(values[problem["cotangent"]]) if problem["cotangent"] else jnp.ones_like(value)
        return value, pull(cotangent)

    at = [jnp.asarray(values[name], dtype=float) for name in wrt]
    places = tuple(range(len(wrt)))
    order = problem["order"]
    if order == "gradient":
        value, pulled = jax.jit(gradient)(*at)
        return value, dict(zip(wrt, pulled))
    value = jax.jit(of)(*at)
    if order == "jacobian":
        return value, dict(zip(wrt, jax.jit(jax.jacobian(of, places))(*at)))
    blocks = jax.jit(jax.hessian(of, places))(*at)
    if order == "mixed":
        return value, {",".join(wrt): blocks[0][1]}
    return value, {name: blocks[place][place] for place, name in enumerate(wrt)}


def emitted(problem, values):
    module = {"__name__": "emitted"}
    exec(compile(problem["module"], problem["name"], "exec"), module)
    arguments = [values[name] for name in problem["inputs"]]
    forward = module["forward"](*arguments)
    order = problem["order"]
    if order == "gradient":
        if problem["cotangent"]:
            arguments.append(values[problem["cotangent"]])
        return forward, module["gradient"](*arguments)
    if order == "jacobian":
        return forward, module["jacobian"](*arguments)
    blocks = module["hessian"](*arguments)
    if order == "mixed":
        wrt = problem["wrt"]
        return forward, {",".join(wrt): blocks[tuple(wrt)]}
    return forward, {name: blocks[(name, name)] for name in problem["wrt"]}


def error(found, expected):
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    if found.shape != expected.shape:
        return WORST
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    worst = float(np.max(np.abs(found - expected), initial=0.0)) / scale
    return worst if np.isfinite(worst) else WORST


def finite(values):
    return all(np.all(np.isfinite(np.asarray(value, dtype=float))) for value in values)


def judge(problem):
    why = "no point at which all is finite"
    for inputs in problem["points"]:
        values = {name: array(given) for name, given in inputs.items()}
        with np.errstate(all="ignore"):
            forward, ours = emitted(problem, values)
            function, source = primal(problem, values)
            primal_value, expected = derivatives(problem, function, values)
            if not finite([forward, *ours.values(), *expected.values()]):
                continue
            result = {
                "source": source,
                "forward": error(forward, primal_value),
                "ours": max(error(ours[name], expected[name]) for name in expected),
            }
            try:
                closed = {
                    name: eval(text, {**TEXTBOOK, **{key: np.asarray(value) for key, value in values.items()}})
                    for name, text in problem["closed"].items()
                }
                result["textbook"] = max((error(closed[name], expected[name]) for name in closed), default=None)
            except Exception as wrong:
                result["unread"] = f"{type(wrong).__name__}: {wrong}"
            return result
    return {"error": why}


def main():
    answers = []
    for problem in json.load(sys.stdin):
        try:
            answer = judge(problem)
        except Exception as wrong:
            answer = {"error": f"{type(wrong).__name__}: {wrong}"}
        answers.append({"name": problem["name"], **answer})
    json.dump(answers, sys.stdout)


main()
