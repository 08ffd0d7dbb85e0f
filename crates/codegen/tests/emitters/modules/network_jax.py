"""A program and its gradients, derived by Backprove.

    X  (S, D)
    W1  (H, D)
    b1  (H,)
    W2  (C, H)
    t  (S,), integers below C

    A = tanh(X @ W1.T + b1)
    Z = A @ W2.T
    U = logsumexp(Z, axis=1)
    L = mean[s](U[s] - Z[s, t[s]])
"""

import jax
import jax.numpy as jnp


def forward(X, W1, b1, W2, t):
    """Return L, a scalar."""
    return _forward(X, W1, b1, W2, t)[0]


def _forward(X, W1, b1, W2, t):
    """Return L, then what the backward pass reads: X, W2, t, A, Z."""
    S = X.shape[0]
    A = jnp.tanh(X @ W1.T + b1)  # (S, H)
    Z = A @ W2.T  # (S, C)
    U = jax.nn.logsumexp(Z, axis=1)  # (S,)
    L = jnp.mean(U - Z[jnp.arange(S), t])  # scalar
    return L, (X, W2, t, A, Z)


def backward(X, W2, t, A, Z, dL):
    """Return the gradients of L, each times dL.

    dL/dW1 = (dA * (1 - A ** 2)).T @ X
    dL/db1 = sum(dA * (1 - A ** 2), axis=0)
    dL/dW2 = dZ.T @ A
    """
    S = X.shape[0]
    C = W2.shape[0]
    T = jax.nn.one_hot(t, C, dtype=X.dtype)  # (S, C)
    P = jax.nn.softmax(Z, axis=1)  # (S, C)
    dZ = dL * (P - T) / S  # (S, C)
    dA = dZ @ W2  # (S, H)
    dW1 = (dA * (1 - A ** 2)).T @ X  # (H, D)
    db1 = jnp.sum(dA * (1 - A ** 2), axis=0)  # (H,)
    dW2 = dZ.T @ A  # (C, H)
    return dW1, db1, dW2


@jax.custom_vjp
def function(X, W1, b1, W2, t):
    """Return L, a scalar; its gradients are those of backward()."""
    return forward(X, W1, b1, W2, t)


def _backward(kept, dL):
    dW1, db1, dW2 = backward(*map(jnp.asarray, kept), dL)
    return None, dW1, db1, dW2, None


function.defvjp(_forward, _backward)


def _draw(rng):
    """Random inputs of small, distinct sizes."""
    S, D, H, C = 2, 3, 4, 5
    return {
        "X": rng.standard_normal((S, D)),
        "W1": rng.standard_normal((H, D)),
        "b1": rng.standard_normal(H),
        "W2": rng.standard_normal((C, H)),
        "t": rng.integers(C, size=S),
    }


def _largest_error(rng):
    """The largest scaled difference of backward() from automatic differentiation."""
    inputs = {name: jnp.asarray(x) for name, x in _draw(rng).items()}
    names = ["W1", "b1", "W2"]
    variables = [inputs[name] for name in names]

    def replaced(variables):
        return (inputs | dict(zip(names, variables))).values()

    def primal(*variables):
        return forward(*replaced(variables))

    def derived(*variables):
        return function(*replaced(variables))

    @jax.jit
    def gradients(variables, cotangent):
        return [jax.vjp(of, *variables)[1](cotangent) for of in (primal, derived)]

    shape = jax.eval_shape(primal, *variables).shape
    expected, found = gradients(variables, jnp.asarray(rng.standard_normal(shape)))
    errors = []
    for ours, theirs in zip(found, expected):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        errors.append(np.max(np.abs(ours - theirs) / (1.0 + np.abs(theirs))))
    return np.max(errors)


if __name__ == "__main__":
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    error = _largest_error(np.random.default_rng(0))
    print(f"largest error against automatic differentiation: {error:.1e}")
    raise SystemExit(not error <= 1e-9)
