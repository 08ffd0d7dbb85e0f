//! Inverses, determinants and Cholesky factors with plain loops, on values beside their derivatives, so that the
//! derivative comes from the elimination itself and from no formula. It must stay plain: it judges the rules.

use std::cmp::Ordering;

use super::Scalar;
use super::dual::Dual;
use super::scalar::identity;
use crate::functions::{Body, find};

/// The smallest pivot, relative to the greatest element, with which double precision can still tell anything.
const SINGULAR: f64 = 1e-9;

/// A matrix of values beside their derivatives, in row-major order.
#[derive(Debug)]
pub(super) struct Dense<T> {
    columns: usize,
    elements: Vec<Dual<T>>,
    /// The seed for opaque values.
    seed: u64,
}

/// What elimination found.
struct Eliminated<T> {
    determinant: Dual<T>,
    inverse: Vec<Dual<T>>,
}

fn plus<T: Scalar>(a: Dual<T>, b: Dual<T>) -> Dual<T> {
    (a.0.plus(b.0), a.1.plus(b.1))
}

fn minus<T: Scalar>(a: Dual<T>, b: Dual<T>) -> Dual<T> {
    let opposite = T::whole(-1);
    plus(a, (b.0.times(opposite), b.1.times(opposite)))
}

fn times<T: Scalar>(a: Dual<T>, b: Dual<T>) -> Dual<T> {
    (a.0.times(b.0), a.0.times(b.1).plus(a.1.times(b.0)))
}

fn reciprocal<T: Scalar>(a: Dual<T>, seed: u64) -> Option<Dual<T>> {
    let value = a.0.power(T::whole(-1), seed)?;
    let slope = value.times(value).times(T::whole(-1));
    Some((value, slope.times(a.1)))
}

/// A value of the table's function `name`, opaque in the field as it is everywhere else.
fn function<T: Scalar>(name: &str, seed: u64, of: T) -> Option<T> {
    match find(name)?.body {
        Body::Primitive { value, .. } => Some(T::function(value, identity(name, seed), &[of])),
        Body::Defined { .. } => None,
    }
}

impl<T: Scalar> Dense<T> {
    pub(super) fn new(columns: usize, elements: Vec<Dual<T>>, seed: u64) -> Self {
        Self {
            columns,
            elements,
            seed,
        }
    }

    /// A single number.
    pub(super) fn number(value: Dual<T>) -> Self {
        Self::new(1, vec![value], 0)
    }

    /// The element at a row and a column; of a number, the number.
    pub(super) fn element(&self, at: &[usize]) -> Dual<T> {
        let place = at.iter().fold(0, |place, at| place * self.columns + at);
        self.elements[place]
    }

    fn at(&self, row: usize, column: usize) -> Dual<T> {
        self.elements[row * self.columns + column]
    }

    fn is_square(&self) -> bool {
        self.elements.len() == self.columns * self.columns
    }

    /// Gauss and Jordan's elimination with the greatest pivot of each column; `None` for a singular matrix.
    fn eliminated(&self) -> Option<Eliminated<T>> {
        if !self.is_square() {
            return None;
        }
        let size = self.columns;
        let mut left = self.elements.clone();
        let unit = |place: usize| place / size == place % size;
        let mut right: Vec<Dual<T>> = (0..size * size)
            .map(|place| (if unit(place) { T::ONE } else { T::ZERO }, T::ZERO))
            .collect();
        let mut determinant = (T::ONE, T::ZERO);
        let magnitude = |value: Dual<T>| value.0.to_f64().abs();
        let greatest = left.iter().copied().map(magnitude).fold(0.0, f64::max);
        for column in 0..size {
            let pivot = (column..size).max_by(|a, b| {
                let (a, b) = (left[a * size + column], left[b * size + column]);
                magnitude(a).total_cmp(&magnitude(b))
            })?;
            // In the field the representatives' magnitudes say only whether the pivot is zero.
            let size_of_pivot = magnitude(left[pivot * size + column]);
            if size_of_pivot == 0.0 || T::IS_ROUNDED && size_of_pivot < SINGULAR * greatest {
                return None;
            }
            if pivot != column {
                for k in 0..size {
                    left.swap(pivot * size + k, column * size + k);
                    right.swap(pivot * size + k, column * size + k);
                }
                determinant = minus((T::ZERO, T::ZERO), determinant);
            }
            determinant = times(determinant, left[column * size + column]);
            let inverse = reciprocal(left[column * size + column], self.seed)?;
            for k in 0..size {
                left[column * size + k] = times(left[column * size + k], inverse);
                right[column * size + k] = times(right[column * size + k], inverse);
            }
            for row in (0..size).filter(|row| *row != column) {
                let factor = left[row * size + column];
                for k in 0..size {
                    let (from_left, from_right) =
                        (left[column * size + k], right[column * size + k]);
                    left[row * size + k] = minus(left[row * size + k], times(factor, from_left));
                    right[row * size + k] = minus(right[row * size + k], times(factor, from_right));
                }
            }
        }
        Some(Eliminated {
            determinant,
            inverse: right,
        })
    }

    pub(super) fn inverse(&self) -> Option<Self> {
        let inverse = self.eliminated()?.inverse;
        Some(Self::new(self.columns, inverse, self.seed))
    }

    /// The determinant; that of a singular matrix is refused, for its derivative is written with the inverse.
    pub(super) fn determinant(&self) -> Option<Dual<T>> {
        Some(self.eliminated()?.determinant)
    }

    /// The logarithm of the determinant's magnitude: opaque in the field, where a number has no magnitude.
    pub(super) fn log_determinant(&self) -> Option<Dual<T>> {
        let determinant = self.eliminated()?.determinant;
        let magnitude = function("abs", self.seed, determinant.0)?;
        let value = function("log", self.seed, magnitude)?;
        let slope = reciprocal(determinant, self.seed)?.0;
        Some((value, slope.times(determinant.1)))
    }

    pub(super) fn sign_determinant(&self) -> Option<Dual<T>> {
        let determinant = self.eliminated()?.determinant;
        Some((function("sign", self.seed, determinant.0)?, T::ZERO))
    }

    /// The Cholesky factor of the symmetric part, column by column.
    pub(super) fn cholesky(&self) -> Option<Self> {
        if !self.is_square() {
            return None;
        }
        let size = self.columns;
        let half = T::whole(2).power(T::whole(-1), self.seed)?;
        let symmetric = |i: usize, j: usize| {
            let both = plus(self.at(i, j), self.at(j, i));
            (both.0.times(half), both.1.times(half))
        };
        let mut factor = vec![(T::ZERO, T::ZERO); size * size];
        for j in 0..size {
            let products = |factor: &[Dual<T>], i: usize| {
                (0..j)
                    .map(|k| times(factor[i * size + k], factor[j * size + k]))
                    .fold((T::ZERO, T::ZERO), plus)
            };
            let square = minus(symmetric(j, j), products(&factor, j));
            if T::IS_ROUNDED && square.0.to_f64() <= SINGULAR {
                return None;
            }
            let root = square.0.root(2, self.seed);
            let slope = T::whole(2).times(root).power(T::whole(-1), self.seed)?;
            let root = (root, slope.times(square.1));
            factor[j * size + j] = root;
            let inverse = reciprocal(root, self.seed)?;
            for i in j + 1..size {
                let rest = minus(symmetric(i, j), products(&factor, i));
                factor[i * size + j] = times(rest, inverse);
            }
        }
        Some(Self::new(size, factor, self.seed))
    }

    /// Zeros above the diagonal, and what stands on it times `diagonal`.
    pub(super) fn lower_part(self, diagonal: T) -> Self {
        let columns = self.columns;
        let kept =
            |(place, value): (usize, Dual<T>)| match (place / columns).cmp(&(place % columns)) {
                Ordering::Less => (T::ZERO, T::ZERO),
                Ordering::Equal => (value.0.times(diagonal), value.1.times(diagonal)),
                Ordering::Greater => value,
            };
        let elements = self.elements.into_iter().enumerate().map(kept).collect();
        Self::new(columns, elements, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Field;

    fn dense<T: Scalar>(size: usize, values: &[i64]) -> Dense<T> {
        let elements = values.iter().map(|value| (T::whole(*value), T::ZERO));
        Dense::new(size, elements.collect(), 0)
    }

    #[test]
    fn an_inverse_in_the_field_is_exact() {
        let values = [0, 2, 1, 1, 1, 0, 3, 0, 1];
        let matrix = dense::<Field>(3, &values);
        let inverse = matrix.inverse().unwrap();
        for i in 0..3 {
            for j in 0..3 {
                let products = (0..3).map(|k| times(matrix.at(i, k), inverse.at(k, j)));
                let sum = products.fold((Field::ZERO, Field::ZERO), plus).0;
                assert_eq!(sum, Field::whole(i64::from(i == j)));
            }
        }
    }

    #[test]
    fn a_determinant_changes_its_sign_with_the_rows() {
        let determinant = |values: &[i64]| dense::<f64>(2, values).determinant().unwrap().0;
        assert!((determinant(&[1, 2, 3, 4]) + 2.0).abs() < 1e-12);
        assert!((determinant(&[3, 4, 1, 2]) - 2.0).abs() < 1e-12);
        let logarithm = dense::<f64>(2, &[1, 2, 3, 4]).log_determinant().unwrap().0;
        assert!((logarithm - 2.0_f64.ln()).abs() < 1e-12);
        let sign = dense::<f64>(2, &[1, 2, 3, 4]).sign_determinant().unwrap().0;
        assert!((sign + 1.0).abs() < 1e-12);
    }

    #[test]
    fn singular_and_indefinite_matrices_have_no_value() {
        assert!(dense::<f64>(2, &[1, 2, 2, 4]).inverse().is_none());
        assert!(dense::<Field>(2, &[1, 2, 2, 4]).inverse().is_none());
        assert!(dense::<f64>(2, &[1, 2, 2, 1]).cholesky().is_none());
    }

    #[test]
    fn a_cholesky_factor_squares_to_the_symmetric_part() {
        let matrix = dense::<f64>(3, &[4, 0, 2, 2, 5, 1, 0, 1, 6]);
        let factor = matrix.cholesky().unwrap();
        for i in 0..3 {
            for j in 0..3 {
                let products = (0..3).map(|k| factor.at(i, k).0 * factor.at(j, k).0);
                let expected = f64::midpoint(matrix.at(i, j).0, matrix.at(j, i).0);
                assert!((products.sum::<f64>() - expected).abs() < 1e-12);
            }
        }
    }
}
