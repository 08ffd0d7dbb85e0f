"""A program and its gradients, derived by Backprove.

    Z  (S, C)
    t  (S,), integers below C

    U = logsumexp(Z, axis=1)
    L = mean[s](U[s] - Z[s, t[s]])
"""

import numpy as np


def _logsumexp(x, axis=None, keepdims=False):
    """The logarithm of the sum of exponentials, shifted by the maximum."""
    largest = np.max(x, axis=axis, keepdims=True)
    total = np.sum(np.exp(x - largest), axis=axis, keepdims=True)
    result = largest + np.log(total)
    return result if keepdims else np.squeeze(result, axis=axis)


def _softmax(x, axis):
    """The softmax along an axis, shifted by the maximum so that nothing overflows."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def forward(Z, t):
    """Return L, a scalar."""
    S = Z.shape[0]
    U = _logsumexp(Z, axis=1)  # (S,)
    L = np.mean(U - Z[np.arange(S), t])  # scalar
    return L


def gradient(Z, t):
    """Return the gradients of L.

    dL/dZ = (P - T) / S
    """
    S, C = Z.shape
    T = np.eye(C)[t]  # (S, C)
    P = _softmax(Z, axis=1)  # (S, C)
    dZ = (P - T) / S  # (S, C)
    return {"Z": dZ}


def _draw(rng):
    """Random inputs of small, distinct sizes."""
    S, C = 2, 3
    return {
        "Z": rng.standard_normal((S, C)),
        "t": rng.integers(C, size=S),
    }


def _largest_error(rng):
    """The largest scaled difference of gradient() from central differences."""
    inputs = _draw(rng)
    derived = gradient(*inputs.values())

    def loss():
        return forward(*inputs.values())

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
