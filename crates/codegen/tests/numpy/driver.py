"""Runs emitted modules: reads programs and inputs as JSON, writes what they return.

Each module is executed twice: as a module, to call its functions, and as a program, for its comparison with central
differences.
"""

import contextlib
import io
import json
import sys
import traceback

import numpy as np


def argument(given):
    if "rate" in given:
        rate, order = given["rate"], given["order"]
        return lambda x: rate**order * np.sin(rate * x + order * np.pi / 2)
    values = np.array(given["data"], dtype=int if given["labels"] else float)
    # A scalar is passed as a number, not as an array.
    return values.reshape(given["shape"]) if given["shape"] else values.item()


def returned(value):
    array = np.asarray(value)
    if array.dtype != float:
        raise TypeError(f"returned {array.dtype}, not float")
    return {"shape": array.shape, "data": array.ravel().tolist()}


def run(program):
    source = compile(program["source"], program["name"], "exec")
    module = {"__name__": "emitted"}
    exec(source, module)
    arguments = [argument(given) for given in program["arguments"]]
    before = json.dumps([np.asarray(a).tolist() for a in arguments if not callable(a)])
    result = {"forward": returned(module["forward"](*arguments))}
    cotangent = [argument(given) for given in program["cotangent"]]
    gradients = module["gradient"](*arguments, *cotangent)
    result["gradient"] = {name: returned(value) for name, value in gradients.items()}
    arrays = [a for a in (*arguments, *cotangent) if isinstance(a, np.ndarray)]
    for name, value in gradients.items():
        if not isinstance(value, np.ndarray):
            raise TypeError(f"the gradient by {name} is no array")
        others = [other for own, other in gradients.items() if own != name]
        if any(np.shares_memory(value, other) for other in arrays + others):
            raise RuntimeError(f"the gradient by {name} shares memory")
    if before != json.dumps([np.asarray(a).tolist() for a in arguments if not callable(a)]):
        raise RuntimeError("the inputs were changed")
    if program["self_test"]:
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(source, {"__name__": "__main__"})
        except SystemExit as end:
            if end.code:
                raise RuntimeError(printed.getvalue()) from end
    return result


def guarded(program):
    try:
        return run(program)
    except Exception:
        return {"error": traceback.format_exc()}


# Strictly finite: JSON knows neither infinities nor what is not a number.
json.dump([guarded(program) for program in json.load(sys.stdin)], sys.stdout, allow_nan=False)
