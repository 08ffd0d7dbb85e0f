//! Sums along rows and what needs them on the same row, which run in one loop where rows are long: values beside plain loops, what is
//! one loop and what is not.

use std::collections::HashMap;

use backprove_engine::{KernelReport, Plan};

use super::oracle::{agrees, program};

/// A layer norm with the gradient of half the square of what it gives, written out.
const NORM: &str = "X[S, M]; g[M]; b[M]
m = mean(X, axis=1, keepdims=True)
v = mean((X - m)**2, axis=1, keepdims=True)
r = 1 / sqrt(v + 0.001)
H = (X - m) * r
Y = H * g + b
dg = sum(Y * H, axis=0)
db = sum(Y, axis=0)
D = Y * g
dX = (D - mean(D, axis=1, keepdims=True) - H * mean(D * H, axis=1, keepdims=True)) * r";

/// The kernels that run over all elements of a matrix of this shape.
fn passes(text: &str, outputs: &[&str], sizes: &[(&str, usize)]) -> Vec<KernelReport> {
    let known: HashMap<String, usize> = sizes
        .iter()
        .map(|(name, size)| ((*name).to_owned(), *size))
        .collect();
    let plan = Plan::<f32>::compile(&program(text), &known, outputs, &[]).unwrap();
    let volume: usize = sizes.iter().map(|(_, size)| size).product();
    let groups = plan.report().stages.iter().flat_map(|stage| &stage.groups);
    let kernels = groups.flat_map(|group| group.kernels.iter().cloned());
    let large = |kernel: &KernelReport| kernel.shape.iter().product::<usize>() == volume;
    kernels.filter(large).collect()
}

#[test]
fn long_rows_agree_with_plain_loops() {
    let outputs = ["Y", "v", "dX", "dg", "db"];
    let shapes = [
        (300, 63),
        (300, 64),
        (1, 600),
        (3, 513),
        (33, 1024),
        (256, 700),
        (7, 4096),
        (5, 4099),
        // Results that are written past the caches.
        (1100, 1024),
    ];
    for (rows, width) in shapes {
        agrees(NORM, &[("S", rows), ("M", width)], &outputs);
    }
    let softmax = "Z[B, S, M]; t[B, S]: labels(M); G[B, S, M]
m = max(Z, axis=2, keepdims=True)
E = exp(Z - m)
c = sum(E, axis=2, keepdims=True)
P = E / c
L[b, s] = log(c[b, s, 0]) + m[b, s, 0] - sum[j](where(j == t[b, s], Z[b, s, j], 0))
D = P * (G - sum(G * P, axis=2, keepdims=True))
N = min(D, axis=2)
Q[b, s] = prod[j](1 + D[b, s, j] + G[b, s, j] / 8)";
    for sizes in [[2, 3, 520], [4, 40, 600], [3, 70, 65], [1, 1, 2000]] {
        let sizes: Vec<(&str, usize)> = ["B", "S", "M"].into_iter().zip(sizes).collect();
        agrees(softmax, &sizes, &["P", "L", "D", "N", "Q"]);
        agrees(softmax, &sizes, &["D"]);
    }
}

#[test]
fn a_layer_norm_passes_over_its_rows_once() {
    let sizes = [("S", 256), ("M", 1024)];
    let kernels = passes(NORM, &["Y", "dX", "dg", "db"], &sizes);
    assert_eq!(kernels.len(), 1, "{kernels:?}");
    for target in ["Y", "dX"] {
        assert!(kernels[0].targets.iter().any(|one| one == target));
    }
}

#[test]
fn what_reads_other_rows_runs_later() {
    // The next row's sum, the sums of columns along a row, and columns as rows.
    let text = "X[S, S]; G[S, S]
s[i] = sum[j](X[i, j] * G[i, j])
A[i, j] = X[i, j] - s[i]
q[i] = sum[j](A[i, j]**2)
B[i, j] = A[i, j] * s[S - 1 - i]
C[i, j] = B[i, j] + s[j] * q[i]
D[i, j] = C[j, i] - A[S - 1 - i, j]
e[i] = sum[j](D[i, j] * C[i, S - 1 - j])
F[i, j] = D[i, j] / (1 + e[i]**2)";
    for size in [64, 513] {
        agrees(text, &[("S", size)], &["A", "B", "C", "D", "F", "e"]);
        agrees(text, &[("S", size)], &["F"]);
    }
    // Within a sample, whose rows a tile has all; the result may take the place of what is read.
    let text = "X[B, S, M]; w[S]
s[b, i] = sum[j](X[b, i, j]**2)
A[b, i, j] = X[b, i, j] * w[i] - s[b, i]
c[b, i] = s[b, S - 1 - i] + w[i]
q[b, i] = sum[j](A[b, S - 1 - i, j]**2) + c[b, i]
C[b, i, j] = (A[b, i, j] - A[b, i, 0] * q[b, i]) / (1 + q[b, i]**2)
e[b, i] = sum[j](C[b, i, j]) * q[b, S - 1 - i]
D[b, i, j] = C[b, i, j] * e[b, i]";
    for sizes in [[4, 40, 64], [20, 64, 600], [16, 2, 1024]] {
        let sizes: Vec<(&str, usize)> = ["B", "S", "M"].into_iter().zip(sizes).collect();
        agrees(text, &sizes, &["A", "C", "q", "D"]);
        agrees(text, &sizes, &["D"]);
    }
}
