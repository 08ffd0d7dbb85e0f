"""Compiled functions on arrays: values, derivatives, layouts, precisions, threads, and what is said of misuse."""

import threading

import backprove as bp
import numpy as np
import pytest
from scipy.sparse import csr_array

LAYER = {"X": "S M", "W": "N M", "b": "N"}


@pytest.fixture(scope="module")
def layer():
    return bp.compile("Y = X @ W.T + b", **LAYER)


def arrays(seed=0, dtype=np.float64):
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape).astype(dtype) for shape in [(5, 3), (4, 3), (4,)]]


def differences(function, at, step=1e-6):
    """The gradient of a scalar function by central differences."""
    gradient = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        ends = []
        for sign in (1, -1):
            moved = at.copy()
            moved[place] += sign * step
            ends.append(function(moved))
        gradient[place] = (ends[0] - ends[1]) / (2 * step)
    return gradient


def test_the_value(layer):
    X, W, b = arrays()
    np.testing.assert_allclose(layer(X, W, b), X @ W.T + b, rtol=1e-14)
    np.testing.assert_allclose(layer(b=b, W=W, X=X), X @ W.T + b, rtol=1e-14)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-14)])
def test_both_precisions(layer, dtype, tolerance):
    X, W, b = arrays(dtype=dtype)
    value = layer(X, W, b)
    assert value.dtype == dtype
    np.testing.assert_allclose(value, X @ W.T + b, rtol=tolerance, atol=tolerance)


def test_mixed_precisions_and_integers_are_numpys(layer):
    X, W, b = arrays()
    assert layer(X.astype(np.float32), W, b).dtype == np.float64
    assert layer(X.astype(np.float32), W.astype(np.float16), b.astype(np.float32)).dtype == np.float32
    assert layer([[1, 2, 3]], [[1, 0, 0]], [1]).tolist() == [[2.0]]
    scaled = bp.compile("Y = c * X", X="N", c="")
    assert scaled(np.ones(2, np.float32), 2.0).dtype == np.float32


def test_gradients_against_differences():
    loss = bp.compile("L = mean(log(1 + exp(-y * (X @ w))))", X="S M", w="M", y="S: constant")
    random = np.random.default_rng(1)
    X, w, y = random.standard_normal((7, 3)), random.standard_normal(3), np.sign(random.standard_normal(7))
    value, gradients = loss.value_and_gradient(X, w, y)
    np.testing.assert_allclose(value, np.mean(np.log1p(np.exp(-y * (X @ w)))), rtol=1e-12)
    np.testing.assert_allclose(gradients["w"], differences(lambda w: loss(X, w, y), w), atol=1e-8)
    np.testing.assert_allclose(gradients["X"], differences(lambda X: loss(X, w, y), X), atol=1e-8)
    assert set(gradients) == {"X", "w"}
    assert set(loss.gradient(X, w, y, wrt="w")) == {"w"}


def test_products_with_jacobians(layer):
    X, W, b = arrays()
    cotangent = np.random.default_rng(3).standard_normal((5, 4))
    gradients = layer.vjp(cotangent, X, W, b)
    jacobians = layer.jacobian(X, W, b)
    for name, at in zip("XWb", (X, W, b), strict=True):
        assert jacobians[name].shape == (5, 4, *at.shape)
        np.testing.assert_allclose(gradients[name], np.tensordot(cotangent, jacobians[name], 2), rtol=1e-12)
    tangents = {"X": np.ones((5, 3)), "b": np.ones(4)}
    expected = sum(np.tensordot(jacobians[name], tangent, tangent.ndim) for name, tangent in tangents.items())
    np.testing.assert_allclose(layer.jvp(tangents, X, W, b), expected, rtol=1e-12)


def test_hessians():
    loss = bp.compile("L = sum(log(1 + exp(X @ w))) + sum(w**4) + v @ w", X="S M: constant", w="M", v="M")
    random = np.random.default_rng(2)
    X, w, v = random.standard_normal((6, 3)), random.standard_normal(3), random.standard_normal(3)
    H = loss.hessian(X, w, v, wrt="w")
    dense = np.stack([differences(lambda w, k=k: loss.gradient(X, w, v, wrt="w")["w"][k], w) for k in range(3)])
    np.testing.assert_allclose(H.dense(), dense, atol=1e-7)
    np.testing.assert_allclose(H.diag(), np.diag(H.dense()), rtol=1e-12)
    np.testing.assert_allclose(H @ v, H.dense() @ v, rtol=1e-12)
    np.testing.assert_allclose(v @ H, H.dense() @ v, rtol=1e-12)
    np.testing.assert_allclose(H @ H.solve(v), v, rtol=1e-9)
    blocks = loss.hessian(X, w, v)
    assert np.array_equal(blocks.dense()["v", "w"], np.eye(3))
    product = blocks @ {"w": v, "v": w}
    np.testing.assert_allclose(product["v"], v, rtol=1e-12)


def test_hessians_are_solved_with_and_without_being_written_out():
    loss = bp.compile("L = sum(log(1 + exp(X @ W + b))) + sum(W**4) + sum(b**2)", X="S M: constant", W="M K", b="K")
    random = np.random.default_rng(4)
    X, W, b, V = (random.standard_normal(shape) for shape in ((9, 3), (3, 2), 2, (3, 2)))
    one = loss.hessian(X, W, b, wrt="W")
    np.testing.assert_allclose(one @ one.solve(V), V, rtol=1e-9)
    np.testing.assert_allclose(one.solve(V, iterative=True), one.solve(V), rtol=1e-6)
    both, right = loss.hessian(X, W, b), {"W": V, "b": b}
    for iterative in (False, True):
        product = both @ both.solve(right, iterative=iterative)
        for name, part in right.items():
            np.testing.assert_allclose(product[name], part, rtol=1e-6)
    with pytest.raises(TypeError, match="W, b"):
        both.solve({"W": V})
    with pytest.raises(ValueError, match="`W` has the shape"):
        one.solve(V.T)
    flat = bp.compile("L = (v @ x)**2", v="N: constant", x="N").hessian(b, b)
    for iterative in (False, True):
        with pytest.raises(np.linalg.LinAlgError):
            flat.solve(np.array([-b[1], b[0]]), iterative=iterative)


def test_layouts_are_read_and_never_written(layer):
    X, W, b = arrays()
    expected = layer(X, W, b)
    padded = np.zeros((10, 6))
    padded[::2, ::2] = X
    unaligned = np.frombuffer(b"\0" + X.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(5, 3)
    swapped = X.astype(X.dtype.newbyteorder())
    read_only = X.copy()
    read_only.flags.writeable = False
    for own in (np.asfortranarray(X), padded[::2, ::2], X[::-1][::-1], unaligned, swapped, read_only, X.tolist()):
        before = np.array(own, copy=True)
        np.testing.assert_array_equal(layer(own, W, b), expected)
        np.testing.assert_array_equal(own, before)


def test_large_arrays_are_read_as_they_are_now(layer):
    rng = np.random.default_rng(3)
    X, W, b = rng.normal(size=(90, 70)), rng.normal(size=(80, 70)), rng.normal(size=80)
    for own in (X, np.asfortranarray(X), np.ascontiguousarray(X[::-1])[::-1], X.astype(np.float32), X.tolist()):
        np.testing.assert_allclose(layer(own, W, b), X @ W.T + b, rtol=1e-4, atol=1e-4)
    X[0], W[1] = 1.0, 2.0
    result = layer(X, W, b)
    np.testing.assert_allclose(result, X @ W.T + b, rtol=1e-12, atol=1e-12)
    X[:] = 0
    np.testing.assert_allclose(layer(X, W, b), np.broadcast_to(b, (90, 80)), atol=1e-12)
    assert result[0, 1] != b[1]


def test_results_are_the_callers_own(layer):
    X, W, b = arrays()
    first = layer(X, W, b)
    kept = first.copy()
    layer(2 * X, W, b)
    np.testing.assert_array_equal(first, kept)
    first[:] = 0
    np.testing.assert_array_equal(layer(X, W, b), kept)


class Foreign:
    """Something that speaks one of NumPy's or DLPack's protocols and nothing else."""

    def __init__(self, array, protocol):
        self._array = array
        if protocol == "interface":
            self.__array_interface__ = array.__array_interface__


class OnlyDlpack:
    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


def test_foreign_arrays(layer):
    X, W, b = arrays()
    expected = layer(X, W, b)
    np.testing.assert_array_equal(layer(Foreign(X, "interface"), OnlyDlpack(W), b), expected)


def test_threads_share_a_function(layer):
    wanted = {seed: np.matmul(arrays(seed)[0], arrays(seed)[1].T) + arrays(seed)[2] for seed in range(4)}
    wrong = []

    def work(seed):
        for _ in range(200):
            if not np.allclose(layer(*arrays(seed)), wanted[seed], rtol=1e-13):
                wrong.append(seed)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in wanted]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_labels_and_sizes_by_name():
    loss = bp.compile("L = cross_entropy(Z, t)", Z="S C", t="S: labels(C)")
    Z, t = np.random.default_rng(0).standard_normal((4, 3)), np.array([0, 2, 1, 1])
    expected = np.mean(np.log(np.exp(Z).sum(axis=1)) - Z[np.arange(4), t])
    np.testing.assert_allclose(loss(Z, t), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="label 3"):
        loss(Z, np.array([0, 3, 1, 1]))
    with pytest.raises(ValueError, match="label -1"):
        loss(Z, np.array([0, -1, 1, 1]))
    with pytest.raises(TypeError, match="integers"):
        loss(Z, t.astype(float))
    hot = bp.compile("Y = one_hot(t, C)", t="S: labels(C)")
    assert hot(t, C=3).tolist() == np.eye(3)[t].tolist()
    with pytest.raises(ValueError, match="the size `C` has no value"):
        hot(t)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"W": np.ones((4, 5))}, ValueError, "the size `M` is 3 by axis 1 of `X`, but 5 by axis 1 of `W`"),
        ({"b": np.ones(7)}, ValueError, "the size `N` is 4 by axis 0 of `W`, but 7 by axis 0 of `b`"),
        ({"X": np.ones(3)}, ValueError, r"`X` has 2 axes \(S×M\), but the array has the shape \(3,\)"),
        ({"X": np.ones((5, 3), complex)}, TypeError, "complex128"),
        ({"X": np.array([["a", "b", "c"]])}, TypeError, "real numbers"),
        ({"Q": np.ones(3)}, TypeError, "`Q` is neither an input nor a size"),
    ],
)
def test_misuse_is_said(layer, change, error, message):
    X, W, b = arrays()
    with pytest.raises(error, match=message):
        layer(**({"X": X, "W": W, "b": b} | change))


def test_wrong_numbers_of_arguments(layer):
    X, W, b = arrays()
    with pytest.raises(TypeError, match="`b` is missing"):
        layer(X, W)
    with pytest.raises(TypeError, match="4 arrays are passed, but the function takes 3"):
        layer(X, W, b, b)
    with pytest.raises(TypeError, match="passed twice"):
        layer(X, W, b, X=X)
    with pytest.raises(ValueError, match="not a scalar"):
        layer.gradient(X, W, b)


def test_literal_sizes_are_held_to():
    function = bp.compile("y = K @ x", K=(2, 3), x=(3,))
    with pytest.raises(ValueError, match="axis 0 of `x` has 4 elements, but it was declared to have 3"):
        function(np.ones((2, 3)), np.ones(4))


def test_plans_are_shown(layer):
    text = layer.plan("gradient", S=8, M=4, N=2)
    assert "Arena" in text and "product" in text
    with pytest.raises(ValueError, match="sizes"):
        layer.plan()


def test_masked_elements_are_no_numbers(layer):
    X, W, b = arrays()
    with pytest.raises(ValueError, match=r"`X` has masked elements; .*`X.filled\(0\)`"):
        layer(np.ma.masked_array(X, mask=X > 0), W, b)
    np.testing.assert_array_equal(layer(np.ma.masked_array(X), W, b), layer(X, W, b))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (None, "`b` is None"),
        (object(), "`b` is of the class object"),
        (csr_array(np.ones((1, 4))), r"csr_array, which is no array of real numbers; `b.toarray\(\)` is one"),
    ],
)
def test_what_is_no_array_is_said(layer, argument, message):
    X, W, _ = arrays()
    with pytest.raises(TypeError, match=message):
        layer(X, W, argument)


def test_wide_numbers_are_rounded(layer):
    X, W, b = arrays()
    np.testing.assert_array_equal(layer(X.astype(np.longdouble), W, b), layer(X, W, b))
    assert layer(X.astype(np.longdouble), W, b).dtype == np.float64


def test_sizes_without_elements_are_refused(layer):
    X, W, b = arrays()
    with pytest.raises(ValueError, match="`S` is below 1 at S=0; an array without elements leaves nothing"):
        layer(X[:0], W, b)
    with pytest.raises(TypeError, match="the size `S` is a number"):
        layer(X, W, b, S="five")


def test_which_variables_is_said(layer):
    X, W, b = arrays()
    cotangent = np.ones((5, 4))
    with pytest.raises(ValueError, match="`wrt` names no variable; the inputs are X, W, b"):
        layer.vjp(cotangent, X, W, b, wrt=[])
    with pytest.raises(TypeError, match="`wrt` is the name of a variable"):
        layer.vjp(cotangent, X, W, b, wrt=3)
    with pytest.raises(ValueError, match="the tangent for `X` has the shape"):
        layer.jvp({"X": W}, X, W, b)
    with pytest.raises(ValueError, match="`Y` is S×N, not a scalar: a Hessian"):
        layer.hessian(X, W, b)
    with pytest.raises(bp.SourceError, match='order="jacobian"') as refused:
        layer.derive(order="hessian")
    assert "--order" not in str(refused.value)


def test_hessians_are_arrays_where_arrays_are_asked_for():
    loss = bp.compile("L = sum((X @ w)**4) + sum(b**2)", X="S M: constant", w="M", b="K")
    random = np.random.default_rng(5)
    X, w, b, V = (random.standard_normal(shape) for shape in ((4, 3), 3, 2, (3, 5)))
    H = loss.hessian(X, w, b, wrt="w")
    np.testing.assert_allclose(H @ V, H.dense() @ V, rtol=1e-12)
    np.testing.assert_allclose(V.T @ H, V.T @ H.dense(), rtol=1e-12)
    np.testing.assert_array_equal(np.asarray(H), H.dense())
    assert H.shape == (3, 3) and np.asarray(H, dtype=np.float32).dtype == np.float32
    both = loss.hessian(X, w, b)
    assert both.shape == (5, 5)
    with pytest.raises(TypeError, match="one for each pair"):
        np.asarray(both)
    with pytest.raises(ValueError, match=r"the vector for `w` has the shape \(4,\), but `w` has the shape \(3,\)"):
        H @ np.ones(4)
