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

import torch


def _scaled(x, scale):
    """scale * x in place of x, unless that is to be differentiated again."""
    if torch.is_grad_enabled():
        return scale * x
    try:
        return x.mul_(scale)
    except RuntimeError:
        # In one tensor there is no room for a batch of numbers.
        return scale * x


def _over(operator, x, *others):
    """operator(x, *others) in place of x, unless that is to be differentiated again."""
    if torch.is_grad_enabled():
        return operator(x, *others)
    try:
        return operator(x, *others, grad_input=x)
    except RuntimeError:
        # In one tensor there is no room for a batch of results.
        return operator(x, *others)


def _taken(ctx):
    """The saved tensors; each goes with its last reader, unless it is needed again."""
    saved = ctx.saved_tensors
    if not torch.compiler.is_compiling() and hasattr(ctx, "maybe_clear_saved_tensors"):
        ctx.maybe_clear_saved_tensors()
    return saved


def forward(X, W1, b1, W2, t):
    """Return L, a scalar."""
    return _forward(X, W1, b1, W2, t)[0]


def _forward(X, W1, b1, W2, t):
    """Return L, then what the backward pass reads: A, Z."""
    A = torch.tanh(torch.nn.functional.linear(X, W1, b1))  # (S, H)
    Z = A @ W2.T  # (S, C)
    L = torch.nn.functional.cross_entropy(Z, t)  # scalar
    return L, A, Z


class Derived(torch.autograd.Function):
    """forward() with its derived backward pass."""

    generate_vmap_rule = True
    forward = staticmethod(_forward)

    @staticmethod
    def setup_context(ctx, inputs, output):
        X, W1, b1, W2, t = inputs
        _, A, Z = output
        ctx.mark_non_differentiable(A, Z)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(X, W1, b1, W2, t, A, Z)

    @staticmethod
    def backward(ctx, dL, *_):
        """Return the gradients of L, each times dL.

        dL/dW1 = (dA * (1 - A ** 2)).T @ X
        dL/db1 = sum(dA * (1 - A ** 2), axis=0)
        dL/dW2 = dZ.T @ A
        """
        if dL is None:
            return None, None, None, None, None
        needed = ctx.needs_input_grad
        X, W1, b1, W2, t, A, Z = _taken(ctx)
        if torch.is_grad_enabled():
            # To be differentiated again, what was saved must be part of the graph.
            _, A, Z = _forward(X, W1, b1, W2, t)
        S = X.shape[0]
        P = torch.softmax(Z, dim=1)  # (S, C)
        del Z
        # dZ: (S, C)
        dZ = _scaled(P, dL / S).scatter_add_(1, t[:, None], (-(dL / S)).expand((S, 1)))
        del P
        dW2 = dZ.T @ A if needed[3] else None  # (C, H)
        dA = dZ @ W2  # (S, H)
        del dZ
        d_tanh = _over(torch.ops.aten.tanh_backward, dA, A)  # (S, H)
        del A, dA
        dW1 = d_tanh.T @ X if needed[1] else None  # (H, D)
        db1 = torch.sum(d_tanh, dim=0) if needed[2] else None  # (H,)
        return None, dW1, db1, dW2, None


def function(X, W1, b1, W2, t):
    """Return L, a scalar; its gradients are those of backward()."""
    return Derived.apply(X, W1, b1, W2, t)[0]


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
    inputs = {name: torch.as_tensor(x) for name, x in _draw(rng).items()}
    names = ["W1", "b1", "W2"]
    variables = [inputs[name].requires_grad_() for name in names]
    outputs = forward(*inputs.values()), function(*inputs.values())
    cotangent = torch.as_tensor(rng.standard_normal(outputs[0].shape))
    expected, found = (
        torch.autograd.grad(y, variables, cotangent, materialize_grads=True)
        for y in outputs
    )
    errors = []
    for ours, theirs in zip(found, expected):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        errors.append(torch.max(torch.abs(ours - theirs) / (1.0 + torch.abs(theirs))))
    return float(torch.max(torch.stack(errors)).detach())


if __name__ == "__main__":
    import numpy as np

    error = _largest_error(np.random.default_rng(0))
    print(f"largest error against automatic differentiation: {error:.1e}")
    raise SystemExit(not error <= 1e-9)
