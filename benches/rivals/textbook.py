"""SymPy and tensorgrad on the twelve cases: reads inputs and expected gradients, writes what each rival answers.

Each case is written as a user of that library would write it. The gradient is judged by its value; the time is that of
building and differentiating, the best of three.
"""

import json
import sys
import time

import numpy as np

M, N, S, H = 4, 3, 5, 2


def sympy_cases():
    import sympy as sp
    from sympy import Determinant, Inverse, Lambda, MatrixSymbol, OneMatrix, Trace, exp, log, sqrt, tanh

    m, n, s, h, d = sp.symbols("m n s h", positive=True, integer=True) + (sp.Dummy("d"),)
    vector = lambda name, size: MatrixSymbol(name, size, 1)
    a, b, x, w, y, t, r = (vector(*p) for p in [("a", m), ("b", n), ("x", m), ("w", n), ("y", s), ("t", m), ("r", m)])
    X, A, B = MatrixSymbol("X", m, n), MatrixSymbol("A", m, m), MatrixSymbol("B", m, m)
    Q, D, Y, G = (MatrixSymbol(*p) for p in [("Q", m, m), ("D", s, n), ("Y", s, m), ("G", s, m)])
    U, V, W = MatrixSymbol("U", n, h), MatrixSymbol("V", h, m), MatrixSymbol("W", n, m)
    each = lambda f, z: z.applyfunc(Lambda(d, f(d)))
    ones = lambda size: OneMatrix(size, 1)

    def logistic():
        z = D * w
        return ones(s).T * each(lambda u: log(1 + exp(u)), z) - y.T * z

    def entropy():
        e = each(exp, x)
        return -(t.T * x)[0, 0] + (ones(m).T * t)[0, 0] * log((ones(m).T * e)[0, 0])

    def softmax():
        e = each(exp, x)
        return (r.T * e)[0, 0] / (ones(m).T * e)[0, 0]

    def network():
        e = each(tanh, D * U) * V - Y
        return Trace(e.T * e)

    cases = {
        "bilinear form": (lambda: a.T * X * b, X),
        "quadratic form": (lambda: x.T * A * x, x),
        "least squares": (lambda: (D * w - y).T * (D * w - y), w),
        "trace of congruence": (lambda: Trace(X.T * B * X), X),
        "log-determinant": (lambda: log(Determinant(Q)), Q),
        "trace of inverse": (lambda: Trace(A * Inverse(Q)), Q),
        "Frobenius norm": (lambda: sqrt(Trace(X.T * X)), X),
        "logistic regression": (logistic, w),
        "softmax expectation": (softmax, x),
        "cross-entropy": (entropy, x),
        "two layers": (network, U),
        "linear layer": (lambda: Trace(G.T * (D * W)), W),
    }
    sizes = {m: M, n: N, s: S, h: H}
    symbols = [a, b, x, w, y, t, r, X, A, B, Q, D, Y, G, U, V, W]

    def value(result, inputs):
        at = result.subs(sizes)
        arguments = [symbol.subs(sizes) for symbol in symbols]
        arrays = [np.asarray(inputs[symbol.name]).reshape(symbol.subs(sizes).shape) for symbol in symbols]
        return sp.lambdify(arguments, at.doit(), "numpy")(*arrays)

    def derive(case):
        expression, variable = case
        return expression().diff(variable)

    return cases, derive, value, str


def tensorgrad_cases():
    import sympy as sp
    import tensorgrad.functions as F
    import torch
    from tensorgrad import Variable
    from tensorgrad.extras.evaluate import evaluate

    m, n, s, h = sp.symbols("m n s h")
    a, b, x, w, y, t, r = (
        Variable(name, size) for name, size in [("a", m), ("b", n), ("x", m), ("w", n), ("y", s), ("t", m), ("r", m)]
    )
    X, D, Y, G = Variable("X", m, n), Variable("D", s, n), Variable("Y", s, m), Variable("G", s, m)
    A, B, Q = (Variable(name, m=m, k=m) for name in "ABQ")
    U, V, W = Variable("U", n, h), Variable("V", h, m), Variable("W", n, m)

    def network():
        return F.frobenius2(F.tanh(D @ U) @ V - Y)

    def logistic():
        z = D @ w
        return F.sum(F.log(F.exp(z) + 1) - y * z)

    cases = {
        "bilinear form": (lambda: a @ X @ b, X),
        "quadratic form": (lambda: x @ A @ x.rename(m="k"), x),
        "least squares": (lambda: F.frobenius2(D @ w - y), w),
        "trace of congruence": (lambda: (X @ B) @ X.rename(m="k"), X),
        "log-determinant": (lambda: F.log(F.det(Q)), Q),
        "trace of inverse": (lambda: A @ F.inverse(Q).rename(m="k", k="m"), Q),
        "Frobenius norm": (lambda: F.sqrt(F.frobenius2(X)), X),
        "logistic regression": (logistic, w),
        "softmax expectation": (lambda: F.softmax(x, dim="m") @ r, x),
        "cross-entropy": (lambda: F.cross_entropy(x, t, dim="m"), x),
        "two layers": (network, U),
        "linear layer": (lambda: F.sum(G * (D @ W)), W),
    }
    variables = [a, b, x, w, y, t, r, X, D, Y, G, A, B, Q, U, V, W]
    originals = {}

    def derive(case):
        expression, variable = case
        result = expression().grad(variable).full_simplify()
        originals[id(result)] = variable
        return result

    def value(result, inputs):
        values = {
            v: torch.tensor(inputs[v.name], dtype=torch.float64, names=tuple(v.edges)) for v in variables
        }
        found = evaluate(result, values, {m: M, n: N, s: S, h: H})
        # The edges of the gradient are the variable's, with primes.
        order = [
            next(name for name in found.names if name.strip("_'") == edge or name.startswith(edge))
            for edge in originals[id(result)].edges
        ]
        return found.align_to(*order).rename(None).numpy()

    def printed(result):
        from tensorgrad.extras.to_index import to_index

        return str(to_index(result))

    return cases, derive, value, printed


def judged(rival, inputs, expected):
    cases, derive, value, printed = rival()
    answers = {}
    for name, case in cases.items():
        try:
            times = []
            for _ in range(3):
                start = time.perf_counter()
                result = derive(case)
                times.append(time.perf_counter() - start)
        except Exception as wrong:
            answers[name] = {"status": "raises", "printed": f"{type(wrong).__name__}: {wrong}"[:300], "seconds": None}
            continue
        try:
            text = printed(result)
        except Exception as wrong:
            text = f"not printed: {type(wrong).__name__}: {wrong}"
        answer = {"printed": text, "seconds": min(times)}
        try:
            found = np.asarray(value(result, inputs), dtype=float)
            wanted = np.asarray(expected[name], dtype=float)
            same = found.size == wanted.size and np.allclose(found.reshape(wanted.shape), wanted, rtol=1e-6, atol=1e-8)
            answer["status"] = "right" if same else "wrong"
        except Exception as wrong:
            answer["status"] = "cannot be evaluated"
            answer["printed"] += f" ({type(wrong).__name__}: {wrong})"[:200]
        answers[name] = answer
    return answers


def main():
    given = json.loads(sys.stdin.readline())
    answers = {}
    for name, rival in [("SymPy", sympy_cases), ("tensorgrad", tensorgrad_cases)]:
        try:
            answers[name] = judged(rival, given["inputs"], given["expected"])
        except Exception as wrong:
            answers[name] = {"error": f"{type(wrong).__name__}: {wrong}"}
    print(json.dumps(answers), flush=True)


main()
