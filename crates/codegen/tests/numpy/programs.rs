//! Programs whose emitted code is run: a name, the text, and by what is differentiated where that is not everything.

pub struct Case {
    pub name: &'static str,
    pub text: &'static str,
    /// Empty: every tensor that is not constant.
    pub wrt: &'static [&'static str],
}

const fn case(name: &'static str, text: &'static str) -> Case {
    Case {
        name,
        text,
        wrt: &[],
    }
}

pub const LINEAR: &str = "X[S, M]; W[N, M]; b[N]\nY = X @ W.T + b";
pub const SOFTMAX_CROSS_ENTROPY: &str =
    "Z[S, C]; t[S]: labels(C)\nU = logsumexp(Z, axis=1)\nL = mean[s](U[s] - Z[s, t[s]])";

pub const CASES: &[Case] = &[
    // Layers.
    case("linear", LINEAR),
    case(
        "linear by index",
        "X[S, M]; W[N, M]; b[N]\nY[s, n] = sum[m](X[s, m] * W[n, m]) + b[n]",
    ),
    case("module", "X[S, M]; W[N, M]; b[N]\nY = linear(X, W, b)"),
    case(
        "two layers",
        "X[S, D]; W1[H, D]; b1[H]; W2[C, H]; b2[C]; t[S]: labels(C)\n\
         A = relu(linear(X, W1, b1))\nZ = linear(A, W2, b2)\nL = cross_entropy(Z, t)",
    ),
    case(
        "two layers with h",
        "h: elementwise; X[S, D]; W1[H, D]; W2[C, H]\nA = h(X @ W1.T)\nY = A @ W2.T",
    ),
    case("bilinear", "x[N]; A[N, N]\nq = x @ A @ x"),
    case("trace", "A[N, M]; X[M, N]\nL = trace(A @ X)"),
    case(
        "chain of products",
        "A[I, J]; B[J, K]; C[K, L]\nY = A @ B @ C",
    ),
    case(
        "attention by steps",
        "Q[S, D]; K[T, D]; V[T, E]\nZ = Q @ K.T / sqrt(D)\nP = softmax(Z, axis=1)\nY = P @ V",
    ),
    case(
        "layer norm",
        "X[S, M]; g[M]; b[M]\nu = mean(X, axis=1, keepdims=True)\nv = var(X, axis=1, keepdims=True)\nY = g * (X - u) / sqrt(v + 1e-5) + b",
    ),
    // Activations.
    case("relu", "X[S, M]\nY = relu(X)"),
    case("leaky relu", "X[S, M]\nY = leaky_relu(X)"),
    case("elu", "X[S, M]\nY = elu(X)"),
    case("selu", "x[N]\nY = selu(x)"),
    case("tanh", "X[S, M]\nY = tanh(X)"),
    case("sigmoid", "X[S, M]\nY = sigmoid(X)"),
    case("softplus", "X[S, M]\nY = softplus(X)"),
    case("log sigmoid", "x[N]\nY = log_sigmoid(x)"),
    case("gelu", "X[S, M]\nY = gelu(X)"),
    case("gelu of a product", "X[S, M]; W[N, M]\nY = gelu(X @ W.T)"),
    case("gelu tanh", "X[S, M]\nY = gelu_tanh(X)"),
    case("silu", "X[S, M]\nY = silu(X)"),
    case("erf", "x[N]\nY = erf(x)"),
    case("abstract", "h: elementwise; X[S, M]\nY = h(X)"),
    case(
        "two abstract functions",
        "h: elementwise; g: elementwise; x[N]\nY = h(g(x) * x)",
    ),
    case(
        "derivative of an abstract function",
        "h: elementwise; x[N]\nY = x * h'(x)",
    ),
    case("clip", "x[N]\nY = clip(x, -1, 1)"),
    case(
        "trigonometric",
        "x[N]\nY = sin(x) * cos(x) + arctan(x) + tan(x / 3)",
    ),
    case("hyperbolic", "x[N]\nY = sinh(x) + cosh(x)"),
    case("arcsin", "x[N]: unit\nY = arcsin(x) * arccos(x)"),
    // Losses.
    case(
        "mean squared error",
        "X[S, M]; w[M]; y[S]: constant; lam[]\nL = np.mean((y - X @ w)**2) + lam * np.sum(w**2)",
    ),
    case(
        "mean squared error of matrices",
        "Y[S, N]; T[S, N]: constant\nL = mean_squared_error(Y, T)",
    ),
    case("softmax cross-entropy", SOFTMAX_CROSS_ENTROPY),
    case(
        "cross-entropy with one-hot",
        "Z[S, C]; t[S]: labels(C)\nT = one_hot(t, C)\nL = -sum(T * log_softmax(Z, axis=1)) / S",
    ),
    case(
        "cross-entropy with probabilities",
        "Z[S, C]; Q[S, C]: prob, constant\nP = softmax(Z, axis=1)\nL = -sum(Q * log(P))",
    ),
    case(
        "logistic regression",
        "X[S, M]; w[M]; y[S]: signs, constant\nL = mean(log1p(exp(-y * (X @ w))))",
    ),
    case("absolute", "x[N]; y[N]\nL = sum(abs(x - y))"),
    case("norm", "x[N]\nL = norm(x)"),
    case(
        "huber",
        "r[N]\nL = sum(where(abs(r) < 1, r**2 / 2, abs(r) - 0.5))",
    ),
    case(
        "hinge",
        "X[S, M]; w[M]; y[S]: signs, constant\nL = mean(maximum(0, 1 - y * (X @ w)))",
    ),
    case(
        "matrix factorisation",
        "A[N, M]: constant; U[N, K]; V[M, K]\nL = sum((A - U @ V.T)**2)",
    ),
    // Linear algebra.
    case("determinant", "X[N, N]: spd\nL = det(X) + log(det(X))"),
    case(
        "log-determinant",
        "X[N, N]: spd; A[N, N]\nL = np.linalg.slogdet(X @ X)[1] + sum(A * X)",
    ),
    case("inverse", "X[N, N]: spd\nY = inv(X)"),
    case("system", "A[N, N]: spd; b[N]; c[N]\nL = c @ solve(A, b)"),
    case(
        "systems",
        "A[N, N]: spd; B[N, M]\nY = np.linalg.solve(A, B)",
    ),
    case(
        "congruence",
        "A[N, N]: symmetric; X[M, N]; C[M, M]: spd\nL = trace(inv(X.T @ C @ X) @ A)",
    ),
    case(
        "gaussian",
        "S[N, N]: spd; mu[N]; x[N]\nL = 0.5 * (x - mu) @ inv(S) @ (x - mu) + 0.5 * logdet(S)",
    ),
    case(
        "design",
        "c[N]; A[M, N]; w[M]: positive\nL = trace(inv(A.T @ diag(w) @ A)) + sum(c)",
    ),
    case(
        "cholesky",
        "A[N, N]: spd; G[N, N]\nL = sum(G * cholesky(A))",
    ),
    case(
        "triangles",
        "X[N, N]; G[N, N]\nL = sum(G * tril(X)**2) + sum(triu(X))",
    ),
    case(
        "batched inverse",
        "A[S, N, N]\nB = einsum('sij,skj->sik', A, A) + eye(N)\nL = sum(inv(B) ** 2)",
    ),
    case("norm of order one", "x[N]\nL = np.linalg.norm(x, 1)**2"),
    // Softmax and its like.
    case("softmax", "X[S, M]\nP = softmax(X, axis=1)"),
    case("softmax of a vector", "x[N]\np = softmax(x)"),
    case(
        "softmax along the first axis",
        "X[S, M]\nP = softmax(X, axis=0)",
    ),
    case(
        "softmax by hand",
        "X[S, M]\nP = exp(X) / sum(exp(X), axis=1, keepdims=True)",
    ),
    case(
        "softmax by index",
        "X[S, M]\nP[i, j] = exp(X[i, j]) / sum[k](exp(X[i, k]))",
    ),
    case(
        "softmax of a sum by index",
        "X[S, M]; b[M]\nP[i, j] = exp(X[i, j] + b[j]) / sum[k](exp(X[i, k] + b[k]))",
    ),
    case("log softmax", "X[S, M]\nQ = log_softmax(X, axis=1)"),
    case("log-sum-exp", "X[S, M]\nL = logsumexp(X)"),
    case(
        "log-sum-exp by hand",
        "X[S, M]\nu = np.log(np.sum(np.exp(X), axis=0))",
    ),
    case(
        "log-sum-exp by index",
        "X[S, M]; w[M]\nu[s] = log(sum[m](exp(X[s, m] * w[m])))",
    ),
    // Index notation without a matrix form, rank 3 and more.
    case("batched product", "A[B, I, J]; C[B, J, K]\nY = A @ C"),
    case(
        "trilinear",
        "A[I, J, K]; x[I]; y[J]; z[K]\nL = sum[i, j, k](A[i, j, k] * x[i] * y[j] * z[k])",
    ),
    case(
        "tensor product",
        "A[I, J, K]; B[K, L]\nY[l, i, j] = sum[k](A[i, j, k] * B[k, l])",
    ),
    case(
        "multi-head scores",
        "Q[B, H, S, D]; K[B, H, T, D]\nY[b, h, s, t] = sum[d](Q[b, h, s, d] * K[b, h, t, d]) / sqrt(D)",
    ),
    case(
        "einsum",
        "X[S, M]; W[N, M]; v[N]\nY = einsum(\"sm,nm,n->s\", X, W, v)",
    ),
    case(
        "distances",
        "X[S, M]; Z[T, M]\nY[s, t] = sum[m]((X[s, m] - Z[t, m])**2)",
    ),
    case(
        "nested sums",
        "X[S, M]; W[M, N]\nL = sum[s](exp(sum[m](X[s, m] * sum[n](W[m, n]**2))))",
    ),
    case("diagonal", "A[N, N]; x[N]\nY[i] = A[i, i] * x[i]"),
    case(
        "diagonal of rank three",
        "A[N, N, M]\nY[m, i] = A[i, i, m]**2",
    ),
    case("diagonal matrix", "x[N]\nY = diag(x)"),
    case("delta", "A[N, N]; c[]\nY[i, j] = A[i, j] - c * delta(i, j)"),
    case(
        "transposed by index",
        "X[S, M, N]\nY[n, s, m] = X[s, m, n]**2",
    ),
    case(
        "product over an index",
        "X[S, M]: positive, constant; w[S]\nY[s] = w[s] * prod[m](X[s, m])",
    ),
    case("cube", "X[S, M]; w[M]\nY = (X @ w)**3"),
    // Broadcasting.
    case(
        "column and row",
        "a[S]; b[M]\nY = a[:, None] * b + a[:, None]",
    ),
    case("broadcast on the left", "X[S, M]; c[]\nY = c * X + c**2"),
    case("axis of one", "X[S, 1]; W[1, N]\nY = X * W"),
    case(
        "keepdims",
        "X[S, M]\nY = X - mean(X, axis=0, keepdims=True)",
    ),
    case("constant gradient", "X[S, M]\nL = sum(X)"),
    case("mean over all", "X[S, M, N]\nL = mean(X)"),
    case("scalars", "a[]; b[]\nL = a * exp(b) + 2 * a"),
    case("not used", "X[S, M]; W[N, M]; c[]\nL = sum(X**2)"),
    case("sum passes through", "X[S, M]; Z[S, M]\nY = X + Z"),
    case("transpose passes through", "X[S, M]\nY = X.T"),
    case("difference", "X[S, M]; Z[S, M]\nY = X - Z"),
    // Choices and labels.
    case("where", "X[S, M]; Z[S, M]\nY = where(X > Z, X**2, 3 * Z)"),
    case(
        "comparison as a number",
        "X[S, M]\nY = X * (X > 0) + (X <= 0.5)",
    ),
    case(
        "count of positive",
        "X[S, M]\nL = sum(X * X) / (1 + sum(X > 0))",
    ),
    case(
        "greatest in a row",
        "X[S, M]: constant; w[S]\nL = sum(w * max(X, axis=1) + w * min(X, axis=1))",
    ),
    case(
        "labels pick columns",
        "Z[S, C]; t[S]: labels(C)\nY[s] = Z[s, t[s]]**2",
    ),
    case("embedding", "E[C, D]; t[S]: labels(C); w[D]\nY = E[t] * w"),
    case(
        "embedding by index",
        "E[C, D]; t[S]: labels(C)\nY[s, d] = tanh(E[t[s], d])",
    ),
    case("literal position", "X[S, M]\nL = X[0, 1] * sum(X[-1])"),
    // Names.
    case(
        "names of the module",
        "np[S]; forward[S]; gradient[S]; special[S]; _softmax[S]\nforward_ = np + forward * gradient\nY = softmax(forward_) * sigmoid(special) * _softmax",
    ),
    case(
        "sizes named like functions",
        "x[len]; y[sum]\nY = x[:, None] * y",
    ),
    case("greek", "θ[N]; σ[]\nL = sum(θ**2) / σ**2"),
    case(
        "torch",
        "X[S, M]\nY = F.softmax(X, dim=-1) + torch.sigmoid(X).sum(dim=1, keepdim=True)",
    ),
    case("torch variance", "X[S, M]\nv = torch.var(X, dim=1)"),
    // Softmaxes inside other things, written out.
    case(
        "attention written out",
        "A[S, T]; V[T, D]\nY[s, d] = sum[t](exp(A[s, t]) / sum[r](exp(A[s, r])) * V[t, d])",
    ),
    case(
        "weighted mean written out",
        "u[N]; v[N]\nL = sum(exp(u) * v) / sum(exp(u))",
    ),
    case(
        "logarithm of a quotient",
        "Z[S, C]; t[S]: labels(C)\nL = -mean[s](log(exp(Z[s, t[s]]) / sum[c](exp(Z[s, c]))))",
    ),
    case(
        "logarithm of a softmax written out",
        "X[S, M]; G[S, M]: constant\nL = sum(G * np.log(np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)))",
    ),
    case(
        "probability of the label written out",
        "Z[S, C]; t[S]: labels(C)\nY[s] = exp(Z[s, t[s]]) / sum[c](exp(Z[s, c]))",
    ),
    // Shapes.
    case("absent axis", "b[N]; X[S, M]\nY[s, n] = b[n]**2 + X[s, 0]"),
    case(
        "only a row",
        "b[N]; X[S, M]: constant\nY[s, n, m] = b[n] + 0 * X[s, m]",
    ),
    case(
        "literal sizes",
        "K[O, 3, 2]; x[3, 2]\nY[o] = sum[i, j](K[o, i, j] * x[i, j])",
    ),
    case(
        "two axes at once",
        "X[S, M, N]\nY = X.sum(axis=(0, 2)) + X.mean(axis=(0, 2))",
    ),
    case(
        "permuted",
        "X[S, M, N]\nY = np.transpose(X, (2, 0, 1)) * 2 + swapaxes(swapaxes(X, 0, 2), 1, 2)",
    ),
    case("prime as transpose", "X[S, M]; Z[S, N]\nY = X' @ Z"),
    case("four axes", "X[B, H, S, T]\nP = softmax(X, axis=2)"),
    case(
        "powers",
        "x[N]: positive; p[]: positive\nY = 2**x + x**p + x**-1 + x**0.5",
    ),
    case("identity", "A[N, N]; c[]\nY = A @ A + c * eye(N)"),
    case("ones", "X[S, M]\nL = ones(S) @ X @ ones(M)"),
    case("nothing is left", "X[S, M]; Z[S, M]\nY = X - X + 2 * Z"),
    case("comparison is the output", "X[S, M]; c[]\nY = X > c"),
    case(
        "minus a comparison",
        "X[S, M]\nY = X - (X > 0) * (X < 1) - -(X > 2)",
    ),
    case("symmetric", "x[N]; A[N, N]: symmetric\nL = x @ A @ x"),
    case(
        "positive definite",
        "x[N]; A[N, N]: spd, constant\nL = sqrt(x @ A @ x)",
    ),
    case(
        "unit and signs",
        "p[N]: unit; y[N]: signs, constant\nL = -sum(log(p) * (y + 1) / 2 + log(1 - p) * (1 - y) / 2)",
    ),
    case(
        "names of the derivative",
        "h: elementwise; h_prime[N]; part[N]; X[N, M]\nY = h(h_prime) * sum(X * sum(X**2, axis=0), axis=1) * part",
    ),
    Case {
        name: "only one variable",
        text: LINEAR,
        wrt: &["W"],
    },
    Case {
        name: "an intermediate and the output",
        text: "X[S, M]; W[N, M]\nZ = X @ W.T\nY = tanh(Z)",
        wrt: &["Z", "Y", "W"],
    },
];
