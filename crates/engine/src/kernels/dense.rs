//! Functions of whole matrices, in double precision whatever the precision of the plan, by `faer`'s decompositions on the
//! calling thread. One matrix is one task, so that the results do not depend on threads.

use std::cmp::Ordering;

use backprove_calculus::functions::MatrixValue;
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::lu::partial_pivoting::factor::{lu_in_place, lu_in_place_scratch};
use faer::linalg::lu::partial_pivoting::inverse::{inverse, inverse_scratch};
use faer::{Mat, Par};

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
    let mut workspace = Workspace::new(dense.value, dense.rows);
    let mut matrix = vec![0.0; size];
    for number in 0..dense.count {
        for (place, element) in matrix.iter_mut().enumerate() {
            // SAFETY: the layout gave the operand so many elements from its offset on.
            *element = unsafe { (*arena.add(dense.operand + number * size + place)).to_f64() };
        }
        let values = workspace.values(dense.value, &matrix, dense.columns);
        for place in 0..result {
            let value = values.get(place).copied().unwrap_or(f64::NAN);
            // SAFETY: as above, for the target.
            unsafe {
                *arena.add(dense.target + number * result + place) = T::from_f64(value);
            }
        }
    }
}

/// What the decompositions of matrices of one size need.
struct Workspace {
    stack: MemBuffer,
    order: Vec<usize>,
    back: Vec<usize>,
}

impl Workspace {
    fn new(value: MatrixValue, size: usize) -> Self {
        let factor =
            || lu_in_place_scratch::<usize, f64>(size, size, Par::Seq, faer::Spec::default());
        let request = match value {
            MatrixValue::Inverse => factor().or(inverse_scratch::<usize, f64>(size, Par::Seq)),
            MatrixValue::Determinant
            | MatrixValue::LogDeterminant
            | MatrixValue::SignDeterminant => factor(),
            MatrixValue::Cholesky => {
                cholesky_in_place_scratch::<f64>(size, Par::Seq, faer::Spec::default())
            }
            MatrixValue::LowerPart | MatrixValue::HalfLowerPart => StackReq::EMPTY,
        };
        Self {
            stack: MemBuffer::new(request),
            order: vec![0; size],
            back: vec![0; size],
        }
    }

    /// The elements of the result, row by row; none where the function is not defined.
    fn values(&mut self, value: MatrixValue, matrix: &[f64], size: usize) -> Vec<f64> {
        match value {
            MatrixValue::Inverse => self.inverse(matrix, size).unwrap_or_default(),
            MatrixValue::Determinant => {
                let (pivots, sign) = self.pivots(matrix, size);
                vec![sign * pivots.iter().product::<f64>()]
            }
            MatrixValue::LogDeterminant => {
                let pivots = self.pivots(matrix, size).0.into_iter();
                vec![pivots.map(|pivot| pivot.abs().ln()).sum()]
            }
            MatrixValue::SignDeterminant => {
                let (pivots, sign) = self.pivots(matrix, size);
                let signs = pivots
                    .iter()
                    .map(|pivot| if *pivot == 0.0 { 0.0 } else { pivot.signum() });
                vec![sign * signs.product::<f64>()]
            }
            MatrixValue::Cholesky => self.cholesky(matrix, size).unwrap_or_default(),
            MatrixValue::LowerPart => lower(matrix, size, 1.0),
            MatrixValue::HalfLowerPart => lower(matrix, size, 0.5),
        }
    }

    /// Both triangular factors in one matrix, with partial pivoting, and the sign of the order of rows.
    fn factors(&mut self, matrix: &[f64], size: usize) -> (Mat<f64>, f64) {
        let mut factors = Mat::from_fn(size, size, |row, column| matrix[row * size + column]);
        let (info, _) = lu_in_place(
            factors.as_mut(),
            &mut self.order,
            &mut self.back,
            Par::Seq,
            MemStack::new(&mut self.stack),
            faer::Spec::default(),
        );
        let even = info.transposition_count.is_multiple_of(2);
        (factors, if even { 1.0 } else { -1.0 })
    }

    /// The pivots of the elimination, and the sign of the order of rows. Behind a pivot of zero all are zero.
    fn pivots(&mut self, matrix: &[f64], size: usize) -> (Vec<f64>, f64) {
        let (factors, sign) = self.factors(matrix, size);
        let mut singular = false;
        let pivots = (0..size).map(|place| {
            let pivot = factors[(place, place)];
            singular |= pivot == 0.0;
            if singular { 0.0 } else { pivot }
        });
        (pivots.collect(), sign)
    }

    fn inverse(&mut self, matrix: &[f64], size: usize) -> Option<Vec<f64>> {
        let (factors, _) = self.factors(matrix, size);
        if (0..size).any(|place| factors[(place, place)] == 0.0) {
            return None;
        }
        let order = faer::perm::PermRef::new_checked(&self.order, &self.back, size);
        let mut result = Mat::zeros(size, size);
        inverse(
            result.as_mut(),
            factors.as_ref(),
            factors.as_ref(),
            order,
            Par::Seq,
            MemStack::new(&mut self.stack),
        );
        Some(row_by_row(&result))
    }

    /// The Cholesky factor of the symmetric part.
    fn cholesky(&mut self, matrix: &[f64], size: usize) -> Option<Vec<f64>> {
        let mut factor = Mat::from_fn(size, size, |row, column| {
            let both = matrix[row * size + column] + matrix[column * size + row];
            both / 2.0
        });
        let factored = cholesky_in_place(
            factor.as_mut(),
            faer::linalg::cholesky::llt::factor::LltRegularization::default(),
            Par::Seq,
            MemStack::new(&mut self.stack),
            faer::Spec::default(),
        );
        factored.ok()?;
        Some(lower(&row_by_row(&factor), size, 1.0))
    }
}

fn row_by_row(matrix: &Mat<f64>) -> Vec<f64> {
    let rows = 0..matrix.nrows();
    rows.flat_map(|row| (0..matrix.ncols()).map(move |column| matrix[(row, column)]))
        .collect()
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
