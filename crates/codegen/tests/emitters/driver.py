"""Runs emitted modules of a library that differentiates by itself: reads them as JSON, writes what is wrong with each.

Each is compared with the emitted NumPy; compares itself with the library's own derivative; is differentiated twice; runs in
single precision and over a batch.
"""

import contextlib
import io
import json
import sys
import traceback
import warnings

import numpy as np

warnings.simplefilter("error")


class Torch:
    """What the checks need of PyTorch."""

    def __init__(self):
        import torch

        torch.set_num_threads(1)
        self.torch, self.single, self.sin = torch, torch.float32, torch.sin

    def array(self, x):
        return self.torch.as_tensor(np.array(x))

    def gradients(self, function, arguments, places, cotangent):
        arguments = [x.detach().clone() for x in arguments]
        variables = [arguments[place].requires_grad_() for place in places]
        value = function(*arguments)
        results = self.torch.autograd.grad(
            value, variables, cotangent.to(value.dtype), materialize_grads=True
        )
        return value, results

    def checked(self, module, callables, arguments, places, cotangent, is_general):
        torch = self.torch
        function = lambda *given: module["function"](*callables, *given)
        gradients = lambda given, cotangent: self.gradients(function, given, places, cotangent)
        single = [x.to(self.single) if x.is_floating_point() else x for x in arguments]
        results = {
            "double precision": gradients(arguments, cotangent),
            "forward() alone": (module["forward"](*callables, *arguments), ()),
        }
        output, found = gradients(single, cotangent)
        wrong = [f"single precision: there is {x.dtype}" for x in (output, *found) if x.dtype != self.single]

        def pulled(*given):
            of = lambda *variables: function(*replaced(given, places, variables))
            return torch.func.vjp(of, *[given[place] for place in places])[1](cotangent)

        batch = torch.func.vmap(pulled)(*[torch.stack([x, x]) for x in arguments])
        results["over a batch"] = function(*arguments), [x[1] for x in batch]
        # On the device without memory a tensor made anywhere else is an error.
        gradients([x.to("meta") for x in arguments], cotangent.to("meta"))
        arguments = [x.detach().clone() for x in arguments]
        for place in places:
            arguments[place].requires_grad_()
        torch.autograd.gradcheck(function, arguments, rtol=1e-4)
        torch.autograd.gradgradcheck(function, arguments, rtol=1e-3, atol=1e-4)
        return results, wrong


class Jax:
    """What the checks need of JAX. Compiling is what takes long: all of a program is compiled once."""

    def __init__(self):
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_disable_most_optimizations", True)
        import jax.numpy as jnp

        self.jax, self.jnp, self.single, self.sin, self.turn = jax, jnp, jnp.float32, jnp.sin, 0

    def array(self, x):
        return self.jnp.asarray(x)

    def gradients(self, function, arguments, places, cotangent):
        of = lambda *variables: function(*replaced(arguments, places, variables))
        value, pull = self.jax.vjp(of, *[arguments[place] for place in places])
        return value, pull(cotangent.astype(value.dtype))

    def checked(self, module, callables, arguments, places, cotangent, is_general):
        jax, jnp = self.jax, self.jnp
        # Each fourth is differentiated twice: most of the time would go into that. What is known of a symmetric matrix
        # holds at symmetric matrices, not for each element by itself.
        self.turn += 1
        function = lambda *given: module["function"](*callables, *given)
        primal = lambda *given: module["forward"](*callables, *given)

        def second(of, given, cotangent):
            """The derivative of a sum over all gradients."""
            total = lambda *variables: sum(
                jnp.sum(x * jnp.cos(jnp.arange(x.size, dtype=x.dtype)).reshape(x.shape))
                for x in self.gradients(of, replaced(given, places, variables), places, cotangent)[1]
            )
            return jax.grad(total, tuple(range(len(places))))(*[given[place] for place in places])

        def everything(given, cotangent):
            batch = [jnp.stack([x, x]) for x in given]
            return {
                "double precision": self.gradients(function, given, places, cotangent),
                "over a batch": (
                    primal(*given),
                    [x[1] for x in jax.vmap(lambda *one: self.gradients(function, one, places, cotangent)[1])(*batch)],
                ),
                "twice": (second(function, given, cotangent), second(primal, given, cotangent)) if is_general and self.turn % 4 == 0 else ((), ()),
            }

        results = jax.jit(everything)(arguments, cotangent)
        ours, theirs = results.pop("twice")
        wrong = [f"differentiated twice there is {d}" for d in map(differs, ours, theirs) if d]
        single = [x.astype(self.single) if x.dtype == float else x for x in arguments]
        gradients = lambda given, cotangent: self.gradients(function, given, places, cotangent)
        output, gradients = jax.eval_shape(gradients, single, cotangent)
        wrong += [f"single precision: there is {x.dtype}" for x in (output, *gradients) if x.dtype != self.single]
        return results, wrong


def replaced(arguments, places, variables):
    arguments = list(arguments)
    for place, variable in zip(places, variables):
        arguments[place] = variable
    return arguments


def value(given):
    array = np.array(given["data"], dtype=int if given["labels"] else float)
    return array.reshape(given["shape"])


def callables(orders, sin):
    return [
        lambda x, rate=rate, order=order: rate**order * sin(rate * x + order * np.pi / 2)
        for rate, highest in enumerate(orders, 1)
        for order in range(highest + 1)
    ]


def differs(found, expected):
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return f"the shape {found.shape} instead of {expected.shape}"
    scale = max(1.0, np.max(np.abs(expected), initial=0.0))
    error = np.max(np.abs(found - expected), initial=0.0) / scale
    return None if error <= 1e-9 else f"an error of {error:.1e}"


def expectation(program):
    """The first point at which NumPy's module is finite, with its results."""
    numpy = {"__name__": "emitted"}
    exec(compile(program["numpy"], "numpy", "exec"), numpy)
    functions = callables(program["orders"], np.sin)
    for point in program["points"]:
        arguments = [value(point[name]) for name in program["inputs"]]
        # A scalar is passed as a number.
        given = [x if x.ndim else x.item() for x in arguments]
        cotangent = program["cotangent"] and value(point[program["cotangent"]])
        with np.errstate(all="ignore"):
            forward = numpy["forward"](*functions, *given)
            last = [] if cotangent is None else [cotangent]
            gradients = numpy["gradient"](*functions, *given, *last)
        if all(np.all(np.isfinite(x)) for x in (forward, *gradients.values())):
            return arguments, cotangent, forward, gradients
    raise RuntimeError("NumPy's module is finite nowhere")


def checks(library, program, wrong):
    arguments, cotangent, forward, gradients = expectation(program)
    source = compile(program["module"], "emitted", "exec")
    module = {"__name__": "emitted"}
    exec(source, module)
    functions = callables(program["orders"], library.sin)
    arguments = [library.array(x) for x in arguments]
    names = [name for name in program["wrt"] if name in program["inputs"]]
    places = [program["inputs"].index(name) for name in names]
    if cotangent is None:
        cotangent = np.ones(np.shape(forward))
    results, found_wrong = library.checked(
        module, functions, arguments, places, library.array(cotangent), program["is_general"]
    )
    wrong += found_wrong
    for what, (output, found) in results.items():
        pairs = [("output", output, forward)]
        pairs += [(name, result, gradients[name]) for name, result in zip(names, found)]
        for name, result, expected in pairs:
            result = result.detach() if hasattr(result, "detach") else result
            difference = differs(result, expected)
            if difference:
                wrong.append(f"{what}: {name} has {difference}")
    # Each second of JAX's own comparisons: they are compiled as well.
    if getattr(library, "turn", 0) % 2:
        return
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(source, {"__name__": "__main__"})
    except SystemExit as end:
        if end.code:
            wrong.append(f"the comparison of its own: {printed.getvalue()}")


def answered(library, program):
    wrong = []
    try:
        checks(library, program, wrong)
    except Exception:
        wrong.append(traceback.format_exc(limit=-4))
    return wrong


given = json.load(sys.stdin)
library = {"torch": Torch, "jax": Jax}[given["library"]]()
json.dump([answered(library, program) for program in given["programs"]], sys.stdout)
