//! Matrix products of one tile, through `faer` on the calling thread. Nothing here splits work.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};

use super::real::Real;
use crate::nest::Product;

/// One product of plain matrices.
pub struct Call<T> {
    /// Rows, columns, depth.
    pub shape: [usize; 3],
    /// The first element of the left operand and its strides.
    pub left: (*const T, [isize; 2]),
    /// The first element of the right operand and its strides.
    pub right: (*const T, [isize; 2]),
    /// The first element of the target and its strides.
    pub target: (*mut T, [isize; 2]),
    /// What the product is multiplied by.
    pub factor: T,
    /// Whether it is added to the target.
    pub adds: bool,
}

/// Runs one product.
///
/// # Safety
/// As for [`super::real::sealed::Precision::multiply`].
pub(crate) unsafe fn multiply<T: ComplexField>(call: Call<T>) {
    let [rows, columns, depth] = call.shape;
    // SAFETY: the caller promises that all elements are valid and the target's are ours alone.
    let (left, right, target) = unsafe {
        (
            MatRef::from_raw_parts(call.left.0, rows, depth, call.left.1[0], call.left.1[1]),
            MatRef::from_raw_parts(
                call.right.0,
                depth,
                columns,
                call.right.1[0],
                call.right.1[1],
            ),
            MatMut::from_raw_parts_mut(
                call.target.0,
                rows,
                columns,
                call.target.1[0],
                call.target.1[1],
            ),
        )
    };
    let accumulate = if call.adds {
        Accum::Add
    } else {
        Accum::Replace
    };
    matmul(target, accumulate, left, right, call.factor, Par::Seq);
}

/// The part of a product that a task computes.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub rows: Range<usize>,
    /// Columns of the product itself; all of them where it has loops around it.
    pub columns: Range<usize>,
}

/// Columns of one call: more of them, packed, leave the nearest cache but one (measured in `benches/README.md`).
const CALL_COLUMNS: usize = 512;

/// Depth of one call where the left operand is laid out anew.
const CALL_DEPTH: usize = 512;

/// Elements of the square blocks in which an operand is transposed: a cache line of single precision.
const SQUARE: usize = 16;

/// Elements of scratch space that a part of a product needs for its left operand.
pub(crate) fn scratch_size(product: &Product, part: &Part) -> usize {
    if !product.transposes_left() {
        return 0;
    }
    let rows = match product.rows {
        Some((at, scale)) if at == product.loops.len() => part.rows.len() * scale,
        _ => product.shape[0],
    };
    rows * product.shape[2].min(CALL_DEPTH)
}

/// Runs a part of a product with all its loops.
///
/// # Safety
/// `arena` holds every element that the plan laid out, `scratch` as many as [`scratch_size`] says, and nobody
/// else writes what these rows and columns touch.
pub(crate) unsafe fn run<T: Real>(product: &Product, arena: *mut T, scratch: *mut T, part: &Part) {
    let mut shape = product.shape;
    let mut offsets = [
        product.left.offset,
        product.right.offset,
        product.target.offset,
    ];
    let mut restricted = None;
    if let Some((at, scale)) = product.rows {
        let (from, to) = (part.rows.start * scale, part.rows.end * scale);
        if at == product.loops.len() {
            shape[0] = to - from;
            offsets[0] += from * product.left.strides[0];
            offsets[2] += from * product.target.strides[0];
        } else {
            restricted = Some((at, from, to));
        }
    }
    let columns = part.columns.start..part.columns.end.min(shape[1]);
    shape[1] = columns.len();
    offsets[1] += columns.start * product.right.strides[1];
    offsets[2] += columns.start * product.target.strides[1];
    let factor = product.accumulate.as_ref().map_or(1.0, |factor| {
        let scalars = factor.scalars.iter();
        // SAFETY: scalars lie in the arena.
        let product: f64 = scalars
            .map(|at| unsafe { (*arena.add(*at)).to_f64() })
            .product();
        product * factor.number
    });
    let around = Around {
        product,
        arena,
        scratch,
        shape,
        restricted,
        factor: T::from_f64(factor),
    };
    // SAFETY: the caller's promise.
    unsafe { around.run(0, offsets, product.accumulate.is_some()) };
}

struct Around<'a, T> {
    product: &'a Product,
    arena: *mut T,
    scratch: *mut T,
    shape: [usize; 3],
    restricted: Option<(usize, usize, usize)>,
    factor: T,
}

impl<T: Real> Around<'_, T> {
    unsafe fn run(&self, depth: usize, offsets: [usize; 3], adds: bool) {
        let Some(outer) = self.product.loops.get(depth) else {
            // SAFETY: the caller's promise.
            unsafe { self.matrices(offsets, adds) };
            return;
        };
        let range = match self.restricted {
            Some((at, from, to)) if at == depth => from..to,
            _ => 0..outer.extent,
        };
        for turn in range {
            let mut moved = offsets;
            for (offset, stride) in moved.iter_mut().zip(outer.strides) {
                *offset += turn * stride;
            }
            let adds = adds || (outer.adds && turn > 0);
            // SAFETY: as above.
            unsafe { self.run(depth + 1, moved, adds) };
        }
    }

    /// One product of plain matrices, block of columns by block of columns.
    unsafe fn matrices(&self, [left, right, target]: [usize; 3], adds: bool) {
        let product = self.product;
        let [rows, columns, depth] = self.shape;
        let strides = |strides: [usize; 2]| strides.map(|stride| stride as isize);
        let (left_strides, right_strides, target_strides) = (
            strides(product.left.strides),
            strides(product.right.strides),
            strides(product.target.strides),
        );
        let transposes = product.transposes_left();
        let deep = if transposes { CALL_DEPTH } else { depth };
        for start in (0..depth).step_by(deep) {
            let depth = deep.min(depth - start);
            // SAFETY (all here): the offsets lie in the arena, since the plan was laid out for these extents.
            let mut from = unsafe { self.arena.add(left + start * product.left.strides[1]) };
            let mut from_strides = left_strides;
            if transposes {
                unsafe { transpose(from, left_strides[1], rows, depth, self.scratch) };
                from = self.scratch;
                from_strides = [depth as isize, 1];
            }
            let right = right + start * product.right.strides[0];
            for column in (0..columns).step_by(CALL_COLUMNS) {
                let right = right + column * product.right.strides[1];
                let target = target + column * product.target.strides[1];
                unsafe {
                    T::multiply(Call {
                        shape: [rows, CALL_COLUMNS.min(columns - column), depth],
                        left: (from, from_strides),
                        right: (self.arena.add(right), right_strides),
                        target: (self.arena.add(target), target_strides),
                        factor: self.factor,
                        adds: adds || start > 0,
                    });
                }
            }
        }
    }
}

/// Writes the matrix whose rows lie side by side in `from`, its columns `stride` apart, row by row to `to`.
unsafe fn transpose<T: Real>(from: *const T, stride: isize, rows: usize, depth: usize, to: *mut T) {
    for first in (0..depth).step_by(SQUARE) {
        let deep = SQUARE.min(depth - first);
        for row in (0..rows).step_by(SQUARE) {
            let high = SQUARE.min(rows - row);
            let mut square = [[T::ZERO; SQUARE]; SQUARE];
            // SAFETY: both hold `rows * depth` elements, the caller promises.
            unsafe {
                for inner in 0..deep {
                    let mut element = from.offset((first + inner) as isize * stride).add(row);
                    for line in &mut square[..high] {
                        line[inner] = *element;
                        element = element.add(1);
                    }
                }
                for (outer, line) in square.iter().enumerate().take(high) {
                    let to = to.add((row + outer) * depth + first);
                    std::ptr::copy_nonoverlapping(line.as_ptr(), to, deep);
                }
            }
        }
    }
}
