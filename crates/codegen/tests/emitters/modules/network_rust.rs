//! A program and its gradients, derived by Backprove.
//!
//! ```text
//! X  S × D
//! W1  H × D
//! b1  H
//! W2  C × H
//! t  S, integers below C
//!
//! A = tanh(X @ W1.T + b1)
//! Z = A @ W2.T
//! U = logsumexp(Z, axis=1)
//! L = mean[s](U[s] - Z[s, t[s]])
//! ```

// The letters are those of the formulas.
#![allow(non_snake_case)]

use faer::{Mat, MatRef};

/// The logarithm of a sum of exponentials, shifted by the greatest so that nothing overflows.
fn log_sum_exp(count: usize, exponent: impl Fn(usize) -> f64) -> f64 {
    let largest = (0..count).map(&exponent).fold(f64::NEG_INFINITY, f64::max);
    let shifted = (0..count).map(|place| (exponent(place) - largest).exp());
    largest + shifted.sum::<f64>().ln()
}

/// The vector with `element` of each position.
fn vector(count: usize, element: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..count).map(element).collect()
}

/// The sum of `term` over all positions.
fn sum(count: usize, term: impl Fn(usize) -> f64) -> f64 {
    (0..count).map(term).sum()
}

/// `L`, a scalar.
pub fn forward(
    X: MatRef<'_, f64>,
    W1: MatRef<'_, f64>,
    b1: &[f64],
    W2: MatRef<'_, f64>,
    t: &[usize],
) -> f64 {
    let S = X.nrows();
    let H = W1.nrows();
    let C = W2.nrows();
    let part = X * W1.transpose();
    let A = Mat::from_fn(S, H, |l, m| (part[(l, m)] + b1[m]).tanh()); // S × H
    let Z = &A * W2.transpose(); // S × C
    let U = vector(S, |l| log_sum_exp(C, |p| Z[(l, p)])); // S
    sum(S, |s| U[s] - Z[(s, t[s])]) / S as f64
}

/// The gradients of `L`.
#[derive(Debug, Clone)]
pub struct Gradient {
    /// dL/dW1, H × D.
    pub W1: Mat<f64>,
    /// dL/db1, H.
    pub b1: Vec<f64>,
    /// dL/dW2, C × H.
    pub W2: Mat<f64>,
}

/// The gradients of `L`.
///
/// ```text
/// dL/dW1 = (dA * (1 - A ** 2)).T @ X
/// dL/db1 = sum(dA * (1 - A ** 2), axis=0)
/// dL/dW2 = dZ.T @ A
/// ```
pub fn gradient(
    X: MatRef<'_, f64>,
    W1: MatRef<'_, f64>,
    b1: &[f64],
    W2: MatRef<'_, f64>,
    t: &[usize],
) -> Gradient {
    let S = X.nrows();
    let H = W1.nrows();
    let C = W2.nrows();
    let part = X * W1.transpose();
    let A = Mat::from_fn(S, H, |l, m| (part[(l, m)] + b1[m]).tanh()); // S × H
    let Z = &A * W2.transpose(); // S × C
    let T = Mat::from_fn(S, C, |s, p| f64::from(p == t[s])); // S × C
    let part2 = vector(S, |l| log_sum_exp(C, |p| Z[(l, p)]));
    let P = Mat::from_fn(S, C, |l, p| (Z[(l, p)] - part2[l]).exp()); // S × C
    let dZ = Mat::from_fn(S, C, |l, m| (P[(l, m)] - T[(l, m)]) / S as f64); // S × C
    let dA = &dZ * W2; // S × H
    let part3 = Mat::from_fn(H, S, |l, m| dA[(m, l)] * (1.0 - A[(m, l)].powi(2)));
    let dW1 = &part3 * X; // H × D
    let db1 = vector(H, |l| sum(S, |m| dA[(m, l)] * (1.0 - A[(m, l)].powi(2)))); // H
    let dW2 = dZ.transpose() * &A; // C × H
    Gradient {
        W1: dW1,
        b1: db1,
        W2: dW2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that follow from a seed.
    struct Draw(u64);

    impl Draw {
        fn uniform(&mut self, low: f64, high: f64) -> f64 {
            let scaled = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = scaled.wrapping_add(1);
            low + (high - low) * ((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
        }

        fn below(&mut self, count: usize) -> usize {
            self.uniform(0.0, count as f64) as usize
        }
    }

    fn loss(
        X: MatRef<'_, f64>,
        W1: MatRef<'_, f64>,
        b1: &[f64],
        W2: MatRef<'_, f64>,
        t: &[usize],
    ) -> f64 {
        forward(X, W1, b1, W2, t)
    }

    fn central(function: impl Fn(f64) -> f64) -> f64 {
        (function(1e-5) - function(-1e-5)) / 2e-5
    }

    fn assert_close(name: &str, found: f64, expected: f64) {
        let error = (found - expected).abs() / (1.0 + expected.abs());
        assert!(error <= 1e-6, "{name}: {found} instead of {expected}");
    }

    #[test]
    fn gradient_agrees_with_central_differences() {
        let mut draw = Draw(1);
        let S = 2;
        let D = 3;
        let H = 4;
        let C = 5;
        let X = Mat::from_fn(S, D, |_, _| draw.uniform(-1.0, 1.0));
        let W1 = Mat::from_fn(H, D, |_, _| draw.uniform(-1.0, 1.0));
        let b1: Vec<f64> = (0..H).map(|_| draw.uniform(-1.0, 1.0)).collect();
        let W2 = Mat::from_fn(C, H, |_, _| draw.uniform(-1.0, 1.0));
        let t: Vec<usize> = (0..S).map(|_| draw.below(C)).collect();
        let derived = gradient(X.as_ref(), W1.as_ref(), &b1, W2.as_ref(), &t);
        for i in 0..W1.nrows() {
            for j in 0..W1.ncols() {
                let slope = central(|step| {
                    let mut W1 = W1.clone();
                    W1[(i, j)] += step;
                    loss(X.as_ref(), W1.as_ref(), &b1, W2.as_ref(), &t)
                });
                assert_close("W1", derived.W1[(i, j)], slope);
            }
        }
        for i in 0..b1.len() {
            let slope = central(|step| {
                let mut b1 = b1.clone();
                b1[i] += step;
                loss(X.as_ref(), W1.as_ref(), &b1, W2.as_ref(), &t)
            });
            assert_close("b1", derived.b1[i], slope);
        }
        for i in 0..W2.nrows() {
            for j in 0..W2.ncols() {
                let slope = central(|step| {
                    let mut W2 = W2.clone();
                    W2[(i, j)] += step;
                    loss(X.as_ref(), W1.as_ref(), &b1, W2.as_ref(), &t)
                });
                assert_close("W2", derived.W2[(i, j)], slope);
            }
        }
    }
}
