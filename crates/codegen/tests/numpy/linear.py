"""A program and its gradients, derived by Backprove.

    X  (S, M)
    W  (N, M)
    b  (N,)

    Y = X @ W.T + b
"""

import numpy as np


def forward(X, W, b):
    """Return Y, of shape (S, N)."""
    Y = X @ W.T + b  # (S, N)
    return Y


def gradient(X, W, b, dY):
    """Return the gradients of a scalar L for dY = dL/dY.

    dL/dX = dY @ W
    dL/dW = dY.T @ X
    dL/db = sum(dY, axis=0)
    """
    dX = dY @ W  # (S, M)
    dW = dY.T @ X  # (N, M)
    db = np.sum(dY, axis=0)  # (N,)
    return {"X": dX, "W": dW, "b": db}


def _draw(rng):
    """Random inputs of small, distinct sizes."""
    S, M, N = 2, 3, 4
    return {
        "X": rng.standard_normal((S, M)),
        "W": rng.standard_normal((N, M)),
        "b": rng.standard_normal(N),
    }


def _largest_error(rng):
    """The largest scaled difference of gradient() from central differences."""
    inputs = _draw(rng)
    output = forward(*inputs.values())
    cotangent = rng.standard_normal(output.shape)
    derived = gradient(*inputs.values(), cotangent)

    def loss():
        return np.sum(cotangent * forward(*inputs.values()))

    errors = [0.0]
    for name in derived:
        x, step = inputs[name], 1e-5
        difference = np.empty_like(x)
        for at in np.ndindex(x.shape):
            value = x[at]
            x[at] = value + step
            above = loss()
            x[at] = value - step
            below = loss()
            x[at] = value
            difference[at] = (above - below) / (2 * step)
        scale = 1.0 + np.abs(difference)
        assert derived[name].shape == x.shape, name
        errors.append(np.max(np.abs(derived[name] - difference) / scale))
    return np.max(errors)


if __name__ == "__main__":
    error = _largest_error(np.random.default_rng(0))
    print(f"largest error against central differences: {error:.1e}")
    raise SystemExit(not error <= 1e-6)
