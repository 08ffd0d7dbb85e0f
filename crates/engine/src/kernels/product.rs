//! Matrix products of one tile on the calling thread: which kernel runs it, or `faer`. Nothing here splits work.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};

use super::packed::{self, Room, USED};
use super::real::Real;
use super::run::Memory;
use super::small::Small;
use super::transpose::transpose;
use crate::memory::Place;
use crate::product::{PANEL_ROWS, Product};

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
    /// What it is added to, which may be the target: the first element and the strides.
    pub start: Option<(*const T, [isize; 2])>,
}

/// Runs one product, which is added to its target or to nothing.
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
    let accumulate = if call.start.is_some() {
        Accum::Add
    } else {
        Accum::Replace
    };
    matmul(target, accumulate, left, right, call.factor, Par::Seq);
}

/// Is told which rows and columns of a product's target are done, as they are: each once.
pub(crate) type Finished<'a> = &'a mut dyn FnMut(Range<usize>, Range<usize>);

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

/// Elements of scratch space that so many rows of a product need for operands that are laid out anew.
pub(crate) fn scratch_size(product: &Product, strip: usize) -> usize {
    if product.is_small() {
        return product.shape[1] * product.shape[2];
    }
    if product.turns() {
        let [rows, columns, depth] = product.shape;
        return rows * (columns + depth);
    }
    let rows = match product.rows {
        Some(scale) => strip * scale,
        None => product.shape[0],
    };
    let [_, columns, depth] = product.shape;
    let mut size = 0;
    if product.packs() {
        let (shared, near) = (product.packed.is_some(), product.is_near());
        size = packed::scratch_size([rows, columns, depth], shared, near);
    }
    if product.transposes_left() {
        size = size.max(rows * depth.min(CALL_DEPTH));
    }
    size
}

/// A left operand that is packed as a whole, for the tiles of a product that share it.
#[derive(Debug)]
pub(crate) struct Packing {
    pub from: Place,
    /// The strides along rows and depth.
    pub strides: [usize; 2],
    pub rows: usize,
    pub depth: usize,
    pub to: Place,
}

/// Packs the panels `from..to`.
///
/// # Safety
/// As for [`run`].
pub(crate) unsafe fn pack<T: Real>(
    packing: &Packing,
    memory: Memory<'_, T>,
    panels: &Range<usize>,
) {
    let Some(packed) = T::packed() else { return };
    let address = |place: Place| memory.address(place, 0);
    let strides = packing.strides.map(|stride| stride as isize);
    let last = packing.rows.min(panels.end * PANEL_ROWS);
    let extents = [panels.start * PANEL_ROWS, last, packing.depth];
    let to = (
        address(packing.to),
        packing.rows.next_multiple_of(PANEL_ROWS),
    );
    // SAFETY: the caller's promise, and the machine was asked.
    unsafe { (packed.panels)(address(packing.from), strides, extents, to) };
}

/// Runs a part of a product with all its loops. A product that has none says which rows and columns of the whole target
/// are done, while they are near.
///
/// # Safety
/// `memory` holds every element that the plan laid out, `scratch` as many as [`scratch_size`] says, and nobody
/// else writes what these rows and columns touch.
pub(crate) unsafe fn run<T: Real>(
    product: &Product,
    memory: Memory<'_, T>,
    scratch: *mut T,
    part: &Part,
    finished: Finished<'_>,
) {
    let first = part.rows.start;
    let address = |place: Place| memory.address(place, first);
    let mut shape = product.shape;
    let mut from = Addresses {
        left: address(product.left.place).cast_const(),
        right: address(product.right.place).cast_const(),
        target: address(product.target.place),
    };
    // What is near is no part of a matrix.
    let step = |stride: usize| if product.is_near() { 0 } else { stride };
    let [below, beside] = product.target.strides.map(step);
    if let Some(scale) = product.rows {
        let start = first * scale;
        shape[0] = part.rows.len() * scale;
        from = from.moved(start, [product.left.strides[0], 0, below]);
    }
    let columns = part.columns.start..part.columns.end.min(shape[1]);
    shape[1] = columns.len();
    from = from.moved(columns.start, [0, product.right.strides[1], beside]);
    let scalars = product.factor.scalars.iter();
    // SAFETY: scalars lie in the arena.
    let scalars = scalars.map(|at| unsafe { (*memory.arena.add(*at)).to_f64() });
    let factor = scalars.product::<f64>() * product.factor.number;
    let mut used = [std::ptr::null(); USED];
    for (used, at) in used.iter_mut().zip(&product.used) {
        let before = first * product.target.strides[0] + columns.start;
        *used = memory.arena.wrapping_add(at + before).cast_const();
    }
    let start = product.start.map(|start| {
        let [down, beside] = start.strides;
        let before = first * product.rows.unwrap_or(0) * down + columns.start * beside;
        let vector = address(start.place).wrapping_add(before).cast_const();
        (vector, [down as isize, beside as isize])
    });
    let around = Around {
        product,
        used,
        start,
        scratch,
        left: product
            .packed
            .map(|(place, rows)| (address(place).cast_const(), rows, first)),
        shape,
        factor: T::from_f64(factor),
    };
    let (batch, turns) = &product.batch;
    if batch.is_empty() {
        let (above, before) = (first * product.rows.unwrap_or(1), columns.start);
        let moved = |range: Range<usize>, by: usize| range.start + by..range.end + by;
        // SAFETY: the caller's promise.
        unsafe {
            around.run(0, from, product.adds, &mut |rows, columns| {
                finished(moved(rows, above), moved(columns, before));
            });
        }
        return;
    }
    for turn in first * turns..part.rows.end * turns {
        let mut rest = turn;
        let mut from = from;
        for outer in batch.iter().rev() {
            from = from.moved(rest % outer.extent, outer.strides);
            rest /= outer.extent;
        }
        // SAFETY: the caller's promise.
        unsafe { around.run(0, from, product.adds, &mut |_, _| {}) };
    }
}

/// Where the operands and the target of a product start.
#[derive(Clone, Copy)]
struct Addresses<T> {
    left: *const T,
    right: *const T,
    target: *mut T,
}

impl<T> Addresses<T> {
    /// So many steps further; what is added up never leaves the arrays that the plan laid out when it is used.
    fn moved(self, steps: usize, [left, right, target]: [usize; 3]) -> Self {
        Self {
            left: self.left.wrapping_add(steps * left),
            right: self.right.wrapping_add(steps * right),
            target: self.target.wrapping_add(steps * target),
        }
    }
}

struct Around<'a, T> {
    product: &'a Product,
    scratch: *mut T,
    /// The left operand, packed as a whole: where it starts, its rows, and the first of them.
    left: Option<(*const T, usize, usize)>,
    /// Where what is used on the target starts.
    used: [*const T; USED],
    /// What is added to, if not the target.
    start: Option<(*const T, [isize; 2])>,
    shape: [usize; 3],
    factor: T,
}

impl<T: Real> Around<'_, T> {
    unsafe fn run(&self, depth: usize, from: Addresses<T>, adds: bool, finished: Finished<'_>) {
        let Some(outer) = self.product.loops.get(depth) else {
            // SAFETY: the caller's promise.
            unsafe { self.matrices(from, adds, finished) };
            return;
        };
        for turn in 0..outer.extent {
            let adds = adds || (outer.adds && turn > 0);
            // SAFETY: as above.
            unsafe { self.run(depth + 1, from.moved(turn, outer.strides), adds, finished) };
        }
    }

    /// What a packed product works with.
    fn room(&self) -> Room<T> {
        Room {
            scratch: self.scratch,
            left: self.left,
            near: self.product.is_near(),
            used: self.used,
        }
    }

    /// One product of plain matrices with its sides swapped, for which [`Product::turns`] holds.
    ///
    /// # Safety
    /// As for [`run`], on a machine that has the kernel for small products.
    unsafe fn turned(&self, from: Addresses<T>, multiply: Small<T>) {
        let [rows, columns, depth] = self.shape;
        let product = self.product;
        let [down, inwards] = product.left.strides;
        let result = self.scratch.wrapping_add(rows * depth);
        let mut right = (from.left, [inwards as isize, 1]);
        if down != 1 {
            // SAFETY: the scratch space was made for these extents.
            unsafe { transpose(from.left, down, depth, rows, self.scratch, rows) };
            right = (self.scratch.cast_const(), [rows as isize, 1]);
        }
        let call = Call {
            shape: [columns, rows, depth],
            left: (from.right, [product.right.strides[1] as isize, 1]),
            right,
            target: (result, [rows as isize, 1]),
            factor: self.factor,
            start: self
                .start
                .map(|(start, [down, beside])| (start, [beside, down])),
        };
        let below = product.target.strides[0];
        // SAFETY: the addresses lie in arrays that the plan laid out for these extents, or in the scratch space.
        unsafe {
            multiply(&call);
            transpose(result, rows, rows, columns, from.target, below);
        }
    }

    /// One product of plain matrices, block of columns by block of columns.
    unsafe fn matrices(&self, from: Addresses<T>, adds: bool, finished: Finished<'_>) {
        let product = self.product;
        let [rows, columns, depth] = self.shape;
        let strides = |strides: [usize; 2]| strides.map(|stride| stride as isize);
        let (left_strides, right_strides, target_strides) = (
            strides(product.left.strides),
            strides(product.right.strides),
            strides(product.target.strides),
        );
        let before = |adds: bool| adds.then_some((from.target.cast_const(), target_strides));
        if product.is_small()
            && let Some(multiply) = T::small()
        {
            let mut right = (from.right, right_strides);
            if right_strides[1] != 1 {
                let far = product.right.strides[1];
                // SAFETY: the scratch space was made for these extents.
                unsafe { transpose(from.right, far, depth, columns, self.scratch, columns) };
                right = (self.scratch.cast_const(), [columns as isize, 1]);
            }
            let call = Call {
                shape: self.shape,
                left: (from.left, left_strides),
                right,
                target: (from.target, target_strides),
                factor: self.factor,
                start: self.start.or(before(adds)),
            };
            // SAFETY: the addresses lie in arrays that the plan laid out for these extents; the columns of both are
            // side by side, and the machine was asked.
            unsafe { multiply(&call) };
            finished(0..rows, 0..columns);
            return;
        }
        if product.turns()
            && !adds
            && let Some(multiply) = T::small()
        {
            // SAFETY: as above; the scratch space holds the left operand and the result, both laid out anew.
            unsafe { self.turned(from, multiply) };
            finished(0..rows, 0..columns);
            return;
        }
        let adds = adds || self.start.is_some();
        if let Some(start) = self.start {
            // SAFETY: the addresses lie in arrays that the plan laid out for these extents.
            unsafe { spread(start, (from.target, target_strides), [rows, columns]) };
        }
        if product.packs()
            && let Some(packed) = T::packed()
        {
            let call = Call {
                shape: self.shape,
                left: (from.left, left_strides),
                right: (from.right, right_strides),
                target: (from.target, target_strides),
                factor: self.factor,
                start: before(adds),
            };
            // SAFETY: as above; the scratch space was made for it.
            unsafe { (packed.product)(&call, self.room(), finished) };
            return;
        }
        let transposes = product.transposes_left();
        let deep = if transposes { CALL_DEPTH } else { depth };
        for start in (0..depth).step_by(deep) {
            let depth = deep.min(depth - start);
            let inwards = [product.left.strides[1], product.right.strides[0], 0];
            let from = from.moved(start, inwards);
            let mut left = (from.left, left_strides);
            if transposes {
                // SAFETY: the scratch space was made for these extents.
                unsafe {
                    transpose(
                        from.left,
                        product.left.strides[1],
                        rows,
                        depth,
                        self.scratch,
                        depth,
                    );
                };
                left = (self.scratch.cast_const(), [depth as isize, 1]);
            }
            for column in (0..columns).step_by(CALL_COLUMNS) {
                let across = [0, product.right.strides[1], product.target.strides[1]];
                let from = from.moved(column, across);
                let width = CALL_COLUMNS.min(columns - column);
                // SAFETY: the addresses lie in arrays that the plan laid out for these extents.
                unsafe {
                    T::multiply(Call {
                        shape: [rows, width, depth],
                        left,
                        right: (from.right, right_strides),
                        target: (from.target, target_strides),
                        factor: self.factor,
                        start: (adds || start > 0)
                            .then_some((from.target.cast_const(), target_strides)),
                    });
                }
                if start + depth == self.shape[2] {
                    finished(0..rows, column..column + width);
                }
            }
        }
    }
}

/// Has each element of the target be one of what is added to.
///
/// # Safety
/// The target has so many rows and columns, and what is added to as many as its strides reach.
unsafe fn spread<T: Copy>(
    (from, [down, beside]): (*const T, [isize; 2]),
    (to, [below, across]): (*mut T, [isize; 2]),
    [rows, columns]: [usize; 2],
) {
    for row in 0..rows as isize {
        let (from, to) = (
            from.wrapping_offset(row * down),
            to.wrapping_offset(row * below),
        );
        // SAFETY (all here): the caller's promise.
        match (beside, across) {
            (1, 1) => unsafe { std::ptr::copy_nonoverlapping(from, to, columns) },
            (0, 1) => unsafe { std::slice::from_raw_parts_mut(to, columns).fill(*from) },
            _ => {
                for column in 0..columns as isize {
                    unsafe { *to.offset(column * across) = *from.offset(column * beside) };
                }
            }
        }
    }
}
