//! Functions of whole matrices, in double precision whatever the precision of the plan: elimination and Cholesky's
//! factorisation with plain loops over rows. One matrix is one task, so that the results do not depend on threads.

use std::cmp::Ordering;

use backprove_calculus::functions::MatrixValue;

use super::real::Real;

/// A function of a batch of matrices, each row-major and behind the one before.
#[derive(Debug)]
pub(crate) struct Dense {
    pub value: MatrixValue,
    /// How many matrices there are.
    pub count: usize,
    pub rows: usize,
    pub columns: usize,
    /// Where the first matrix begins, and where the first result goes.
    pub operand: usize,
    pub target: usize,
}

/// Works the function out. Where it is not defined, the result is not a number.
///
/// # Safety
/// `arena` holds every element that the plan laid out, and nobody else writes the operand or touches the target.
pub(crate) unsafe fn run<T: Real>(dense: &Dense, arena: *mut T) {
    let size = dense.rows * dense.columns;
    let scalar = matches!(
        dense.value,
        MatrixValue::Determinant | MatrixValue::LogDeterminant | MatrixValue::SignDeterminant
    );
    let result = if scalar { 1 } else { size };
    let mut matrix = vec![0.0; size];
    for number in 0..dense.count {
        for (place, element) in matrix.iter_mut().enumerate() {
            // SAFETY: the layout gave the operand so many elements from its offset on.
            *element = unsafe { (*arena.add(dense.operand + number * size + place)).to_f64() };
        }
        let values = values(dense.value, &mut matrix, dense.columns);
        for place in 0..result {
            let value = values.get(place).copied().unwrap_or(f64::NAN);
            // SAFETY: as above, for the target.
            unsafe {
                *arena.add(dense.target + number * result + place) = T::from_f64(value);
            }
        }
    }
}

/// The elements of the result; none where the function is not defined. The matrix is used up.
fn values(value: MatrixValue, matrix: &mut [f64], size: usize) -> Vec<f64> {
    match value {
        MatrixValue::Inverse => inverse(matrix, size).unwrap_or_default(),
        MatrixValue::Determinant => {
            let (pivots, sign) = pivots(matrix, size);
            vec![sign * pivots.iter().product::<f64>()]
        }
        MatrixValue::LogDeterminant => {
            let logarithms = pivots(matrix, size)
                .0
                .into_iter()
                .map(|pivot| pivot.abs().ln());
            vec![logarithms.sum()]
        }
        MatrixValue::SignDeterminant => {
            let (pivots, sign) = pivots(matrix, size);
            let signs = pivots
                .iter()
                .map(|pivot| if *pivot == 0.0 { 0.0 } else { pivot.signum() });
            vec![sign * signs.product::<f64>()]
        }
        MatrixValue::Cholesky => cholesky(matrix, size).unwrap_or_default(),
        MatrixValue::LowerPart => lower(matrix, size, 1.0),
        MatrixValue::HalfLowerPart => lower(matrix, size, 0.5),
    }
}

/// Brings the row with the greatest element of the column, from the diagonal on, to the diagonal; says whether rows
/// changed places.
fn pivot(matrix: &mut [f64], size: usize, column: usize) -> Option<usize> {
    let magnitude = |row: usize| matrix[row * size + column].abs();
    let chosen = (column..size).fold(column, |best, row| {
        if magnitude(row) > magnitude(best) {
            row
        } else {
            best
        }
    });
    if chosen == column {
        return None;
    }
    swap_rows(matrix, size, column, chosen);
    Some(chosen)
}

fn swap_rows(matrix: &mut [f64], size: usize, first: usize, second: usize) {
    let (head, tail) = matrix.split_at_mut(second * size);
    head[first * size..(first + 1) * size].swap_with_slice(&mut tail[..size]);
}

/// `target -= factor * source` for two rows, of which `source` is the row number `from`.
fn subtract(matrix: &mut [f64], size: usize, from: usize, to: usize, factor: f64) {
    let (source, target) = if from < to {
        let (head, tail) = matrix.split_at_mut(to * size);
        (&head[from * size..(from + 1) * size], &mut tail[..size])
    } else {
        let (head, tail) = matrix.split_at_mut(from * size);
        (&tail[..size], &mut head[to * size..(to + 1) * size])
    };
    for (target, source) in target.iter_mut().zip(source) {
        *target -= factor * source;
    }
}

/// The pivots of Gauss's elimination, and the sign of the order of rows. Behind a pivot of zero all are zero.
fn pivots(matrix: &mut [f64], size: usize) -> (Vec<f64>, f64) {
    let mut sign = 1.0;
    let mut pivots = vec![0.0; size];
    for column in 0..size {
        if pivot(matrix, size, column).is_some() {
            sign = -sign;
        }
        let diagonal = matrix[column * size + column];
        if diagonal == 0.0 {
            break;
        }
        pivots[column] = diagonal;
        for row in column + 1..size {
            let factor = matrix[row * size + column] / diagonal;
            subtract(matrix, size, column, row, factor);
        }
    }
    (pivots, sign)
}

/// Gauss and Jordan's elimination beside the identity.
fn inverse(matrix: &mut [f64], size: usize) -> Option<Vec<f64>> {
    let mut result = vec![0.0; size * size];
    for place in 0..size {
        result[place * size + place] = 1.0;
    }
    for column in 0..size {
        if let Some(chosen) = pivot(matrix, size, column) {
            swap_rows(&mut result, size, column, chosen);
        }
        let diagonal = matrix[column * size + column];
        if diagonal == 0.0 {
            return None;
        }
        for array in [&mut *matrix, &mut result] {
            for element in &mut array[column * size..(column + 1) * size] {
                *element /= diagonal;
            }
        }
        for row in (0..size).filter(|row| *row != column) {
            let factor = matrix[row * size + column];
            subtract(matrix, size, column, row, factor);
            subtract(&mut result, size, column, row, factor);
        }
    }
    Some(result)
}

/// The Cholesky factor of the symmetric part, row by row.
fn cholesky(matrix: &[f64], size: usize) -> Option<Vec<f64>> {
    let mut factor = vec![0.0; size * size];
    for row in 0..size {
        for column in 0..=row {
            let (upper, lower) = (&factor[column * size..], &factor[row * size..]);
            let products = upper[..column].iter().zip(&lower[..column]);
            let known: f64 = products.map(|(a, b)| a * b).sum();
            let both = matrix[row * size + column] + matrix[column * size + row];
            let rest = both / 2.0 - known;
            factor[row * size + column] = if row > column {
                rest / factor[column * size + column]
            } else if rest > 0.0 {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    Some(factor)
}

/// Zeros above the diagonal, and what stands on it times `diagonal`.
fn lower(matrix: &[f64], columns: usize, diagonal: f64) -> Vec<f64> {
    let kept = |(place, value): (usize, &f64)| match (place / columns).cmp(&(place % columns)) {
        Ordering::Less => 0.0,
        Ordering::Equal => diagonal * value,
        Ordering::Greater => *value,
    };
    matrix.iter().enumerate().map(kept).collect()
}
