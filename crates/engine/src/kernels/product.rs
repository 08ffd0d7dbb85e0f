//! Matrix products of one tile, through `faer` on the calling thread. Nothing here splits work.

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

/// Runs the rows `from..to` of a product with all its loops.
///
/// # Safety
/// `arena` holds every element that the plan laid out, and nobody else writes what these rows touch.
pub(crate) unsafe fn run<T: Real>(product: &Product, arena: *mut T, from: usize, to: usize) {
    let mut shape = product.shape;
    let mut offsets = [
        product.left.offset,
        product.right.offset,
        product.target.offset,
    ];
    let mut restricted = None;
    if let Some((at, scale)) = product.rows {
        let (from, to) = (from * scale, to * scale);
        if at == product.loops.len() {
            shape[0] = to - from;
            offsets[0] += from * product.left.strides[0];
            offsets[2] += from * product.target.strides[0];
        } else {
            restricted = Some((at, from, to));
        }
    }
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
    shape: [usize; 3],
    restricted: Option<(usize, usize, usize)>,
    factor: T,
}

impl<T: Real> Around<'_, T> {
    unsafe fn run(&self, depth: usize, offsets: [usize; 3], adds: bool) {
        let Some(outer) = self.product.loops.get(depth) else {
            let strides = |strides: [usize; 2]| strides.map(|stride| stride as isize);
            let [left, right, target] = offsets;
            // SAFETY: the offsets lie in the arena, since the plan was laid out for these extents.
            unsafe {
                T::multiply(Call {
                    shape: self.shape,
                    left: (self.arena.add(left), strides(self.product.left.strides)),
                    right: (self.arena.add(right), strides(self.product.right.strides)),
                    target: (self.arena.add(target), strides(self.product.target.strides)),
                    factor: self.factor,
                    adds,
                });
            }
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
}
