//! Plans against the calculus' plain evaluator: written programs that cover each kind of statement.

use std::collections::HashMap;
use std::fmt::Write as _;

use backprove_calculus::derivation::{Order, derivative};
use backprove_engine::Plan;

use crate::oracle::{agrees, agrees_after_update, compare, program};

#[test]
fn a_linear_layer() {
    agrees(
        "X[S, M]; W[N, M]; b[N]\nY = X @ W.T + b",
        &[("S", 5), ("M", 7), ("N", 3)],
        &["Y"],
    );
}

#[test]
fn products_in_every_layout() {
    let sizes = [("I", 33), ("J", 20), ("K", 17)];
    for text in [
        "A[I, K]; B[K, J]\nY = A @ B",
        "A[K, I]; B[K, J]\nY = A.T @ B",
        "A[I, K]; B[J, K]\nY = A @ B.T",
        "A[K, I]; B[J, K]\nY = A.T @ B.T",
        "A[K, I]; B[J, K]\nY[j, i] = sum[k](A[k, i] * B[j, k])",
        "A[I, K]; B[J, K]\nY = 2 * (A @ B.T) * 3",
    ] {
        agrees(text, &sizes, &["Y"]);
    }
}

#[test]
fn small_products_of_all_widths() {
    for size in [8, 31, 40, 64, 90] {
        let sizes = [("I", size + 3), ("J", size), ("K", size)];
        for text in [
            "A[I, K]; B[K, J]\nY = A @ B",
            "A[K, I]; B[K, J]\nY = A.T @ B",
            "A[I, K]; B[J, K]\nY = A @ B.T",
            "A[K, I]; B[J, K]\nY = A.T @ B.T",
            "A[I, K]; B[K, J]; C[J, J]\nY = (A @ B * 2) @ (C * C)",
        ] {
            agrees(text, &sizes, &["Y"]);
        }
    }
}

/// Few rows by many columns whose places of the depth lie side by side: too many for a small product as it lies.
#[test]
fn products_of_few_rows() {
    for (rows, columns, depth) in [(10, 200, 128), (1, 300, 70), (15, 333, 51), (12, 170, 1300)] {
        let sizes = [("I", rows), ("J", columns), ("K", depth)];
        for text in [
            "A[K, I]; B[J, K]\nY[i, j] = sum[k](A[k, i] * B[j, k])",
            "A[I, K]; B[J, K]\nY = A @ B.T * 2",
            "A[K, I]; B[J, K]; c[I]\nY[i, j] = c[i] + sum[k](A[k, i] * B[j, k])",
            "A[I, K]; B[J, K]; b[J]\nY = A @ B.T + b",
            "A[J, K]; B[K, I]; b[I]\nY = logsumexp(A @ B + b, axis=1)",
        ] {
            agrees(text, &sizes, &["Y"]);
        }
    }
}

/// A small product is added to a bias along its rows or columns in one kernel, also where the bias changes afterwards.
#[test]
fn small_products_start_with_biases() {
    let text = "A[I, K]; B[J, K]; C[I, K]; b[J]; c[I]
Y = A @ B.T + b
Z[i, j] = c[i] + sum[k](C[i, k] * B[j, k])
V = tanh(C @ A.T + c)
L = logsumexp(V @ A)
d = b - 0.1 * sum(Y, axis=0)";
    for (rows, columns, depth) in [
        (20, 10, 33),
        (33, 50, 20),
        (1, 40, 8),
        (40, 1, 8),
        (6, 3, 1),
    ] {
        let sizes = [("I", rows), ("J", columns), ("K", depth)];
        agrees(text, &sizes, &["Y", "Z", "L"]);
        agrees_after_update(text, &sizes, &["L"], &[("b", "d")]);
    }
    let sizes = [("I", 20), ("J", 10), ("K", 33)].map(|(name, size)| (name.to_owned(), size));
    let plan = Plan::<f32>::compile(&program(text), &HashMap::from(sizes), &["Y", "Z", "L"], &[]);
    let described = plan.expect("the program has a plan").describe();
    for start in ["Y[i, j] = b[j] + sum[k](", "Z[i, j] = c[i] + sum[k]("] {
        assert!(described.contains(start), "{described}");
    }
}

/// Rows are counted along several axes that no operand walks as one, and nothing is left of the others.
#[test]
fn last_axes_of_one_element() {
    let sizes = [("N", 17), ("M", 33), ("C", 1)];
    for text in [
        "A[N, M, C]; B[M, N, C]\nY = A.transpose(1, 0, 2) + B",
        "x[N, C]\nY = eye(N)[:, :, None] * x[:, None, :]",
        "x[N, C]\nY[i, j, k, l] = delta(i, k) * delta(j, l) * x[i, j]",
        "x[N, C]\nY[i, k, j] = delta(i, k) * x[i, j]\nq[i, j] = sum[k](Y[i, k, j] * Y[k, i, j])",
        "A[C, N, M]; B[C, M, N]\nY[c, i, j] = A[c, i, j] + B[c, j, i]",
    ] {
        agrees(text, &sizes, &["Y"]);
    }
}

#[test]
fn a_hessian_of_many_layers() {
    let mut text = "x[N]; t[N]".to_owned();
    let mut before = "x".to_owned();
    for layer in 1..=4 {
        let _ = write!(text, "; W{layer}[N, N]");
    }
    for layer in 1..=4 {
        let _ = write!(text, "\nH{layer} = tanh(W{layer} @ {before})");
        before = format!("H{layer}");
    }
    text.push_str("\nL = sum(t * H4)");
    let first = program(&text);
    let wrt = [first.tensor("W1").unwrap().clone()];
    let derived = derivative(&first, &wrt, Order::Hessian).unwrap();
    let name = derived.outcomes()[0].partial.target.name().to_owned();
    for size in [3, 9, 20] {
        compare(
            &derived.program(),
            "a Hessian",
            &[("N", size)],
            &[&name],
            &[],
        );
    }
}

#[test]
fn large_products_in_every_layout() {
    // Past the sizes at which a product gets tiles of its own, columns of one call and a deep left operand.
    for (rows, columns, depth) in [(150, 530, 130), (70, 40, 1100), (2060, 33, 40)] {
        let sizes = [("I", rows), ("J", columns), ("K", depth)];
        for text in [
            "A[I, K]; B[K, J]\nY = A @ B",
            "A[K, I]; B[K, J]\nY = A.T @ B",
            "A[I, K]; B[J, K]\nY = A @ B.T",
            "A[K, I]; B[J, K]\nY = A.T @ B.T",
        ] {
            agrees(text, &sizes, &["Y"]);
        }
    }
    // Rows of the product that are two axes of its target.
    agrees(
        "A[L, K]; B[L, I, J]\nY[i, j, k] = sum[l](A[l, k] * B[l, i, j])",
        &[("L", 40), ("K", 40), ("I", 41), ("J", 42)],
        &["Y"],
    );
    agrees_after_update(
        "W[N, M]; X[S, M]; D[S, N]; r[]\nV = W - r * (D.T @ X)",
        &[("N", 140), ("M", 90), ("S", 600)],
        &[],
        &[("W", "V")],
    );
}

#[test]
fn batched_and_many_axed_products() {
    let sizes = [("B", 4), ("I", 6), ("J", 5), ("K", 7), ("L", 3)];
    for text in [
        "A[B, I, K]; C[B, K, J]\nY = A @ C",
        "A[I, B, K]; C[K, B, J]\nY[b, j, i] = sum[k](A[i, b, k] * C[k, b, j])",
        "A[I, K, L]; C[L, K, J]\nY[i, j] = sum[k, l](A[i, k, l] * C[l, k, j])",
        "A[I, L, K]; C[K, J]\nY[i, l, j] = sum[k](A[i, l, k] * C[k, j])",
        "A[I, L, K]; C[K, J]\nY[l, j, i] = sum[k](A[i, l, k] * C[k, j])",
        "A[I, K]; C[J, K]; D[L, K]\nY[i, j, l] = sum[k](A[i, k] * C[j, k] * D[l, k])",
    ] {
        agrees(text, &sizes, &["Y"]);
    }
}

#[test]
fn rows_in_strips() {
    // Too large for one strip: what only the next statement reads is held for a few rows at a time.
    let attention = "
Q[B, H, S, D]; K[B, H, T, D]; V[B, H, T, D]
Z[b, h, s, t] = sum[d](Q[b, h, s, d] * K[b, h, t, d]) / sqrt(D)
P = softmax(Z, axis=3)
O[b, h, s, d] = sum[t](P[b, h, s, t] * V[b, h, t, d])
U[b, h, t, d] = sum[s](P[b, h, s, t] * O[b, h, s, d])";
    let sizes = [("B", 3), ("H", 7), ("S", 60), ("T", 50), ("D", 8)];
    agrees(attention, &sizes, &["O", "U"]);
    let norm = "
X[S, D]; g[D]
R = X - mean(X, axis=1, keepdims=True)
v = mean(R**2, axis=1, keepdims=True)
Y = R / sqrt(v + 0.01) * g
dg = sum[s](Y[s, :] * X[s, :])
m = max(Y, axis=1)";
    agrees(norm, &[("S", 301), ("D", 110)], &["Y", "dg", "m"]);
    agrees(norm, &[("S", 301), ("D", 110)], &["dg"]);
    // Sums over rows are taken strip by strip, and added up.
    agrees(norm, &[("S", 512), ("D", 300)], &["Y", "dg"]);
    let layers = "
X[S, D]; W[H, D]; U[C, H]
A = tanh(X @ W.T)
Y = tanh(A @ U.T)
p = sum(Y * Y, axis=1)";
    agrees(layers, &[("S", 2100), ("D", 5), ("H", 9), ("C", 4)], &["p"]);
}

#[test]
fn results_sent_past_the_caches() {
    // Too large for any cache, with rows that fill whole lines and rows that do not.
    for (rows, columns) in [(1_400, 1_024), (1_100, 1_301)] {
        let text = "X[S, D]; G[S, D]\nR = X - mean(X, axis=1, keepdims=True)\nY = R * G\n\
            r = sum(Y, axis=1)\nc = sum(Y, axis=0)";
        let sizes = HashMap::from([("S".to_owned(), rows), ("D".to_owned(), columns)]);
        let wanted = ["Y", "r", "c"];
        let plan = Plan::<f64>::compile(&program(text), &sizes, &wanted, &[]).unwrap();
        let mut plan = plan.threads(2);
        let number = |place: usize| (place * 7919 % 1009) as f64 / 504.5 - 1.0;
        let x: Vec<f64> = (0..rows * columns).map(number).collect();
        let g: Vec<f64> = (0..rows * columns).map(|place| number(place + 3)).collect();
        plan.set("X", &x).unwrap();
        plan.set("G", &g).unwrap();
        plan.run();
        let (mut by_row, mut by_column) = (Vec::new(), vec![0.0; columns]);
        let found = plan.get("Y").unwrap().chunks_exact(columns);
        for ((x, g), found) in x.chunks(columns).zip(g.chunks(columns)).zip(found) {
            let mean = x.iter().sum::<f64>() / columns as f64;
            let row: Vec<f64> = x.iter().zip(g).map(|(x, g)| (x - mean) * g).collect();
            assert!(
                row.iter()
                    .zip(found)
                    .all(|(y, found)| (y - found).abs() < 1e-12)
            );
            by_column
                .iter_mut()
                .zip(&row)
                .for_each(|(sum, y)| *sum += y);
            by_row.push(row.iter().sum::<f64>());
        }
        for (name, expected) in [("r", by_row), ("c", by_column)] {
            let found = plan.get(name).unwrap().iter().zip(&expected);
            assert!(
                found
                    .into_iter()
                    .all(|(found, sum)| (found - sum).abs() < 1e-9),
                "{name}"
            );
        }
    }
}

#[test]
fn loops_shared_with_reductions() {
    // The reduction alone would run along its own axis; together with the first statement it would not.
    let text = "
x[K]; A[I, K, K]
Y[k, i: I] = tanh(18 * x[k])
t[k] = sum[i](A[i, k, k])";
    agrees(text, &[("K", 2), ("I", 3)], &["Y", "t"]);
    let text = "
X[S, D]; y[S]
R[s, d] = X[s, d] - y[s]
q = sum[s, d](R[s, d]**2)
m[s] = max[d](R[s, d])
c[d] = sum[s](R[s, d])";
    agrees(text, &[("S", 37), ("D", 700)], &["R", "q", "m", "c"]);
    agrees(text, &[("S", 37), ("D", 9)], &["q", "m", "c"]);
}

#[test]
fn chains_and_bilinear_forms() {
    let sizes = [("I", 6), ("J", 50), ("K", 7), ("L", 9)];
    for text in [
        "A[I, J]; B[J, K]; C[K, L]\nY = A @ B @ C",
        "A[I, J]; B[J, K]; x[K]\nY = A @ B @ x",
        "x[I]; A[I, J]; y[J]\nY = x @ A @ y",
        "A[I, I]; X[I, J]\nY = sum(X * (A @ X))",
        "A[I, J]; B[J, I]\nY = trace(A @ B)",
        "A[I, J]; B[I, J]; C[I, J]\nY[j, i] = sum[k](A[i, k] * B[i, k] * C[i, j])",
    ] {
        agrees(text, &sizes, &["Y"]);
    }
}

#[test]
fn reductions_along_every_axis() {
    let sizes = [("I", 40), ("J", 30), ("K", 3)];
    for text in [
        "X[I, J]\nY = sum(X)",
        "X[I, J]\nY = X.sum(axis=0)",
        "X[I, J]\nY = X.sum(axis=1)",
        "X[I, J]\nY = max(X, axis=0)",
        "X[I, J]\nY = min(X, axis=1)",
        "X[I, J, K]\nY = X.sum(axis=1)",
        "X[I, J, K]\nY = X.sum(axis=(0, 2))",
        "X[I, J, K]\nY = max(X, axis=2)",
        "X[I, K]\nY = prod(X, axis=1)",
        "X[I, J]\nY = mean(exp(X) * X, axis=1)",
        "X[I, J]; v[J]; u[I]\nY[j] = sum[i](X[i, j] * u[i] + v[j])",
        "X[I, J]\nY = var(X, axis=0)",
    ] {
        agrees(text, &sizes, &["Y"]);
    }
}

#[test]
fn long_axes_and_blocks() {
    let sizes = [("I", 3), ("J", 1700), ("K", 2)];
    for text in [
        "X[I, J]; b[J]\nY = X + b",
        "X[I, J]; b[I]\nY[i, j] = X[i, j] * b[i]",
        "X[I, J]\nY = sum(X * X, axis=1)",
        "X[J, I]\nY = sum(X * X, axis=0)",
        "X[I, J]\nY = X.T",
        "X[J]\nY = sum(exp(X))",
        "X[J]\nY[i, j] = X[i] * delta(i, j) + 1",
        "X[J, K, I]; b[K]\nY[j, k, i] = X[j, k, i] - b[k]",
    ] {
        agrees(text, &sizes, &["Y"]);
    }
}

#[test]
fn functions_of_the_table() {
    let sizes = [("I", 9), ("J", 11)];
    for function in backprove_calculus::functions::table() {
        let arguments = function.arguments.len();
        let list = ["X", "Z", "V"][..arguments].join(", ");
        let facts = |argument: usize| match function.domain[argument] {
            backprove_calculus::functions::Domain::Positive => ": positive",
            backprove_calculus::functions::Domain::Unit => ": unit",
            _ => "",
        };
        let declarations: Vec<String> = (0..arguments)
            .map(|argument| format!("{}[I, J]{}", ["X", "Z", "V"][argument], facts(argument)))
            .collect();
        let text = format!("{}\nY = {}({list})", declarations.join("; "), function.name);
        agrees(&text, &sizes, &["Y"]);
    }
}

#[test]
fn deltas_labels_and_literals() {
    let sizes = [("S", 12), ("C", 5), ("I", 6)];
    for text in [
        "X[I, I]\nY[i] = X[i, i]",
        "X[I, I]\nY = trace(X)",
        "x[I]\nY[i, j] = x[i] * delta(i, j)",
        "X[I, I]\nY[i, j] = sum[k](X[i, k] * delta(k, j))",
        "X[S, C]; t[S]: labels(C)\nY[s] = X[s, t[s]]",
        "X[S, C]; t[S]: labels(C)\nY = X - one_hot(t, C)",
        "X[S, I]\nY = X[:, 2]",
        "X[S, C]; W[C, I]; t[S]: labels(C)\nY = one_hot(t, C) @ W",
    ] {
        agrees(text, &sizes, &["Y"]);
    }
}

#[test]
fn softmax_and_its_relatives() {
    let sizes = [("S", 12), ("C", 5)];
    for text in [
        "X[S, C]\nY = softmax(X, axis=1)",
        "X[S, C]\nY = log_softmax(X, axis=1)",
        "X[S, C]\nY = logsumexp(X, axis=1)",
        "X[S, C]; t[S]: labels(C)\nP = softmax(X, axis=1)\nY = -mean(log(P[s, t[s]] for s))",
    ]
    .iter()
    .take(3)
    {
        agrees(text, &sizes, &["Y"]);
    }
}

#[test]
fn updates_take_equations_once() {
    let program = program("x[M]; y[M]\nu = x + y");
    let sizes = HashMap::from([("M".to_owned(), 3)]);
    let refusal = |updates| {
        let plan = Plan::<f32>::compile(&program, &sizes, &["u"], updates);
        plan.err().map(|error| error.to_string())
    };
    let input = "`x` is to take the value of `y`, which is an input and not an equation";
    assert_eq!(refusal(&[("x", "y")]).as_deref(), Some(input));
    let twice = refusal(&[("x", "u"), ("x", "u")]);
    assert_eq!(twice.as_deref(), Some("`x` is updated twice"));
    assert_eq!(refusal(&[("x", "u"), ("y", "u")]), None);
}

#[test]
fn updates_replace_inputs() {
    let sizes = [("S", 20), ("M", 7), ("N", 6)];
    agrees_after_update(
        "X[S, M]; W[N, M]; r[]\nZ = X @ W.T\nG = Z.T @ X\nV = W - r * G",
        &sizes,
        &["Z", "G"],
        &[("W", "V")],
    );
    agrees_after_update(
        "X[S, M]; W[N, M]; U[N, M]\nG = (X @ W.T).T @ X\nV = 0.9 * U + G\nQ = W - 0.1 * V\nR = sum(W * U)",
        &sizes,
        &["R"],
        &[("W", "Q"), ("U", "V")],
    );
    agrees_after_update("A[M, M]\nB = A @ A.T", &sizes, &[], &[("A", "B")]);
    agrees_after_update("A[M, M]\nB = A + A.T", &sizes, &["B"], &[("A", "B")]);
    agrees_after_update(
        "x[M]; y[M]\nu = x + y\nv = x * y",
        &sizes,
        &[],
        &[("x", "u"), ("y", "v")],
    );
    // Sums in the same loop as the update read what was there before it.
    agrees_after_update(
        "W[N, M]; G[N, M]\nV = W - 0.1 * G\ns[n] = sum[m](W[n, m])\nq[n] = sum[m](W[n, m]**2)\np[n] = sum[m](W[n, m] * G[n, m])",
        &[("M", 70), ("N", 30)],
        &["s", "q", "p"],
        &[("W", "V")],
    );
}

#[test]
fn sums_of_products_within_loops() {
    let text = "
X[S, D]; Y[S, D]; g[D]; r[S]
A[s, d] = X[s, d] - r[s]
n[s] = sum[d](A[s, d]**2)
c[s] = sum[d](A[s, d] * Y[s, d] * g[d] / r[s])
u[d] = sum[s](A[s, d] * Y[s, d] / r[s])
v[d] = sum[s](A[s, d]**2)
t = sum[s, d](A[s, d] * Y[s, d])";
    // Several rows to a block, a row, pieces of one; strips of many rows.
    for sizes in [[37, 9], [20, 1024], [5, 2500], [600, 400]] {
        let sizes = [("S", sizes[0]), ("D", sizes[1])];
        agrees(text, &sizes, &["A", "n", "c", "u", "v", "t"]);
        agrees(text, &sizes, &["n", "u"]);
    }
}

#[test]
fn functions_of_matrices() {
    let sizes = &[("N", 5), ("M", 3), ("S", 4)];
    agrees(
        "A[N, N]; b[N]\nB = A @ A.T + eye(N)\nL = logdet(B) + det(B)\nx = inv(B) @ b\nC = cholesky(B)\ns = signdet(A)",
        sizes,
        &["L", "x", "C", "s"],
    );
    agrees(
        "A[N, M]\nG = inv(A.T @ A)\nT = tril(A @ G @ A.T) + inv(A.T @ A + eye(M)).T[0, 1]",
        sizes,
        &["G", "T"],
    );
    agrees(
        "A[S, M, M]\nB = einsum('sij,skj->sik', A, A) + eye(M)\nY = inv(B)\nd = det(B)",
        sizes,
        &["Y", "d"],
    );
}
