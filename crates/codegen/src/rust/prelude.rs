//! Functions that an emitted module may define for itself, as text. They are values only: no derivative stands here.

use backprove_calculus::functions::MatrixValue;

pub(super) const ARRAY: &str = r"/// An array of more than two axes, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Array<const R: usize> {
    /// The extent of each axis.
    pub shape: [usize; R],
    /// The elements, the last axis varying fastest.
    pub values: Vec<f64>,
}

impl<const R: usize> Array<R> {
    /// The array with `element` of each position.
    pub fn from_fn(shape: [usize; R], mut element: impl FnMut([usize; R]) -> f64) -> Self {
        let count = shape.iter().product();
        let values = (0..count).map(|place| {
            let (mut at, mut rest) = ([0; R], place);
            for (position, size) in at.iter_mut().zip(shape).rev() {
                *position = rest % size;
                rest /= size;
            }
            element(at)
        });
        let values = values.collect();
        Self { shape, values }
    }
}

impl<const R: usize> std::ops::Index<[usize; R]> for Array<R> {
    type Output = f64;

    fn index(&self, at: [usize; R]) -> &f64 {
        let axes = at.iter().zip(&self.shape);
        &self.values[axes.fold(0, |place, (position, size)| place * size + position)]
    }
}
";

pub(super) const POSITION: &str = r"/// A position within an axis, if it is one.
fn position(at: isize, size: usize) -> Option<usize> {
    usize::try_from(at).ok().filter(|at| *at < size)
}
";

pub(super) const VECTOR: &str = r"/// The vector with `element` of each position.
fn vector(count: usize, element: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..count).map(element).collect()
}
";

pub(super) const SUM: &str = r"/// The sum of `term` over all positions.
fn sum(count: usize, term: impl Fn(usize) -> f64) -> f64 {
    (0..count).map(term).sum()
}
";

pub(super) const PRODUCT: &str = r"/// The product of `factor` over all positions.
fn product(count: usize, factor: impl Fn(usize) -> f64) -> f64 {
    (0..count).map(factor).product()
}
";

pub(super) const MAXIMUM: &str = r"/// The greatest `element` of all positions.
fn maximum(count: usize, element: impl Fn(usize) -> f64) -> f64 {
    (0..count).map(element).fold(f64::NEG_INFINITY, f64::max)
}
";

pub(super) const MINIMUM: &str = r"/// The least `element` of all positions.
fn minimum(count: usize, element: impl Fn(usize) -> f64) -> f64 {
    (0..count).map(element).fold(f64::INFINITY, f64::min)
}
";

pub(super) const LOG_SUM_EXP: &str = r"/// The logarithm of a sum of exponentials, shifted by the greatest so that nothing overflows.
fn log_sum_exp(count: usize, exponent: impl Fn(usize) -> f64) -> f64 {
    let largest = (0..count).map(&exponent).fold(f64::NEG_INFINITY, f64::max);
    let shifted = (0..count).map(|place| (exponent(place) - largest).exp());
    largest + shifted.sum::<f64>().ln()
}
";

const SIGN: &str = r"/// The sign: minus one, zero or one.
fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}
";

const ERF: &str = r"/// The error function, by a series of positive terms (Abramowitz and Stegun, 7.1.6).
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > f64::EPSILON / 4.0 * sum.abs() {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}
";

const ELU: &str = r"/// The exponential linear unit.
fn elu(x: f64) -> f64 {
    if x > 0.0 { x } else { x.exp_m1() }
}
";

const SIGMOID: &str = r"/// The logistic function; no exponential overflows.
fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    let numerator = if x < 0.0 { e } else { 1.0 };
    numerator / (1.0 + e)
}
";

const SOFTPLUS: &str = r"/// The logarithm of one plus the exponential, which does not overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
";

const INVERSE: &str = r"/// The inverse of a square matrix.
fn inverse(a: MatRef<'_, f64>) -> Mat<f64> {
    a.partial_piv_lu().inverse()
}
";

const DETERMINANT: &str = r"/// The determinant of a square matrix.
fn determinant(a: MatRef<'_, f64>) -> f64 {
    a.determinant()
}
";

const LOG_DETERMINANT: &str = r"/// The logarithm of the determinant's magnitude.
fn log_determinant(a: MatRef<'_, f64>) -> f64 {
    let factors = a.partial_piv_lu();
    (0..a.nrows()).map(|i| factors.U()[(i, i)].abs().ln()).sum()
}
";

const SIGN_DETERMINANT: &str = r"/// The sign of the determinant.
fn sign_determinant(a: MatRef<'_, f64>) -> f64 {
    a.determinant().signum()
}
";

const CHOLESKY: &str = r#"/// The lower triangular factor of the symmetric part, which must be positive definite.
fn cholesky(a: MatRef<'_, f64>) -> Mat<f64> {
    let symmetric = (a + a.transpose()) / 2.0;
    let factor = symmetric.llt(faer::Side::Lower);
    let factor = factor.expect("the matrix is positive definite");
    factor.L().to_owned()
}
"#;

const LOWER_PART: &str = r"/// The matrix with zeros above the diagonal.
fn lower_part(a: MatRef<'_, f64>) -> Mat<f64> {
    let element = |i, j| if i >= j { a[(i, j)] } else { 0.0 };
    Mat::from_fn(a.nrows(), a.ncols(), element)
}
";

const HALF_LOWER_PART: &str = r"/// The matrix with zeros above the diagonal and half of what stands on it.
fn half_lower_part(a: MatRef<'_, f64>) -> Mat<f64> {
    Mat::from_fn(a.nrows(), a.ncols(), |i, j| match i.cmp(&j) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => a[(i, j)] / 2.0,
        std::cmp::Ordering::Greater => a[(i, j)],
    })
}
";

/// The names of all of them.
pub(super) const NAMES: &[&str] = &[
    "Array",
    "position",
    "vector",
    "sum",
    "product",
    "maximum",
    "minimum",
    "log_sum_exp",
    "inverse",
    "determinant",
    "log_determinant",
    "sign_determinant",
    "cholesky",
    "lower_part",
    "half_lower_part",
];

/// A function of a matrix: its name and its text.
pub(super) fn of_matrix(value: MatrixValue) -> (&'static str, &'static str) {
    match value {
        MatrixValue::Inverse => ("inverse", INVERSE),
        MatrixValue::Determinant => ("determinant", DETERMINANT),
        MatrixValue::LogDeterminant => ("log_determinant", LOG_DETERMINANT),
        MatrixValue::SignDeterminant => ("sign_determinant", SIGN_DETERMINANT),
        MatrixValue::Cholesky => ("cholesky", CHOLESKY),
        MatrixValue::LowerPart => ("lower_part", LOWER_PART),
        MatrixValue::HalfLowerPart => ("half_lower_part", HALF_LOWER_PART),
    }
}

/// A primitive that Rust's own numbers have no method for.
pub(super) fn of_numbers(name: &str) -> Option<&'static str> {
    match name {
        "sign" => Some(SIGN),
        "erf" => Some(ERF),
        "elu" => Some(ELU),
        "sigmoid" => Some(SIGMOID),
        "softplus" => Some(SOFTPLUS),
        _ => None,
    }
}
