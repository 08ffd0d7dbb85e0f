//! Large matrix products for AVX-512: both operands are packed into panels that the innermost loop reads from one end to
//! the other (Goto and van de Geijn 2008; Van Zee and van de Geijn 2015). Nothing here decides what is large, or
//! splits work between threads.
//!
//! A block of [`ROWS`] rows and up to three vectors of columns of the target is summed in registers: 24 multiply-adds for
//! 11 loads, which leaves room where two threads share a core. Vectors of a right panel that has left the nearest cache are
//! read at 16 bytes a cycle; wider, lower blocks would need more, and narrower, higher ones more loads.

use super::product::{Call, Finished};
use super::transpose::transpose;
use crate::product::PANEL_ROWS as ROWS;

/// Vectors of columns beside them.
const VECTORS: usize = 3;

/// Depth of a panel: sums are read and written once for each, so more is better until panels leave the cache that is
/// nearest but one.
const DEPTH: usize = 384;

/// The same where the left operand is packed as a whole: then that cache holds panels of the right one alone.
const SHARED_DEPTH: usize = 512;

/// Rows whose panels stay in the cache that is nearest but one.
const NEAR_ROWS: usize = 512;

/// Panels of the right operand that are used for some rows before the next rows, where the left operand is packed as a
/// whole, and these rows: few, for they come from far and should not drive out the panels of the right operand.
const GROUP: usize = 4;
#[cfg(target_arch = "x86_64")]
const TOGETHER: usize = 16;

/// So many rows are done before anybody is told.
#[cfg(target_arch = "x86_64")]
const CHUNK: usize = 64;

/// A left operand whose rows lie side by side is read as it lies where fewer columns than these would use its panels: packing is then dearer
/// than rows that do not lie in one line.
#[cfg(target_arch = "x86_64")]
const FEW_COLUMNS: usize = 192;

/// Rows so far apart, in bytes, would drive each other out of the nearest cache.
#[cfg(target_arch = "x86_64")]
const SAME_PLACE: usize = 4096;

/// So far ahead, in elements, the panel of the left operand is fetched into the nearest cache.
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 256;

/// Products whose target has its columns side by side; each operand's elements are side by side along one of its axes.
#[derive(Clone, Copy)]
pub struct Packed<T> {
    /// Packs into scratch space of [`scratch_size`], and says which rows and columns of the target are done while they
    /// are near.
    pub(crate) product: unsafe fn(&Call<T>, Room<T>, Finished<'_>),
    /// Packs rows of a left operand as a whole: where they start, how far apart rows and columns are, the first row, the
    /// one behind the last and the depth, and where the panels of all of so many rows are to be.
    pub(crate) panels: Panels<T>,
}

/// See [`Packed::panels`].
type Panels<T> = unsafe fn(*const T, [isize; 2], [usize; 3], (*mut T, usize));

/// What a product works with.
#[derive(Clone, Copy)]
pub(crate) struct Room<T> {
    pub scratch: *mut T,
    /// The left operand, where it is packed as a whole: its panels, of how many rows, and which of them is the first.
    pub left: Option<(*const T, usize, usize)>,
    /// Whether the target is no matrix, but what is done of it is left side by side at its address until it was said.
    pub near: bool,
    /// Arrays as large as the whole target that are used on what is done: where each starts for these rows and columns, or
    /// nowhere. They are fetched before.
    pub used: [*const T; USED],
}

/// So many arrays are fetched at most.
pub(crate) const USED: usize = 2;

/// Elements of scratch space for a product of this shape.
pub(crate) fn scratch_size([rows, columns, depth]: [usize; 3], shared: bool, near: bool) -> usize {
    let panel = VECTORS * 16;
    if !shared {
        let rows = rows.min(NEAR_ROWS).next_multiple_of(ROWS);
        return (rows + panel) * depth.min(DEPTH);
    }
    let group = columns.next_multiple_of(16).min(GROUP * panel);
    let sums = if near && depth > SHARED_DEPTH {
        rows
    } else {
        0
    };
    group * (depth.min(SHARED_DEPTH) + sums)
}

/// The parts of a length, none above `most` and all about equal.
#[cfg(target_arch = "x86_64")]
fn parts(length: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = length.div_ceil(most);
    (0..count).map(move |part| (length * part / count, length * (part + 1) / count))
}

/// The lanes of a vector that hold so many elements.
#[cfg(target_arch = "x86_64")]
macro_rules! mask {
    ($mask:ty, $lanes:literal, $width:expr) => {{
        let width: usize = $width;
        if width >= $lanes {
            <$mask>::MAX
        } else {
            ((1_u32 << width) - 1) as $mask
        }
    }};
}

#[cfg(target_arch = "x86_64")]
mod panels;
#[cfg(target_arch = "x86_64")]
use panels::{
    double_along, double_panels, double_whole, single_along, single_panels, single_whole,
};

macro_rules! packed {
    ($name:ident, $product:ident, $slice:ident, $whole:ident, $panels:ident, $along:ident, $block:ident, $type:ty, $lanes:literal, $mask:ty, $zero:ident, $load:ident, $all:ident, $fused:ident, $times:ident, $store:ident) => {
        /// The products of this precision, for a machine with AVX-512.
        #[cfg(target_arch = "x86_64")]
        pub(crate) const $name: Packed<$type> = Packed {
            product: $product,
            panels: $whole,
        };

        /// The product, packed panel by packed panel.
        ///
        /// # Safety
        /// As for [`super::real::sealed::Precision::multiply`], on a machine with AVX-512; `room` holds what it says, and
        /// strides are as [`Packed`] says. Where the target is near, nothing is added to it.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        unsafe fn $product(call: &Call<$type>, room: Room<$type>, finished: Finished<'_>) {
            let [rows, columns, depth] = call.shape;
            let (left, [down, inwards]) = call.left;
            let (most_rows, slab, group) = match room.left {
                Some(_) => (rows, depth, GROUP * VECTORS * $lanes),
                None => (NEAR_ROWS, DEPTH, VECTORS * $lanes),
            };
            let apart = down.unsigned_abs() * size_of::<$type>();
            let direct = room.left.is_none()
                && inwards == 1
                && columns <= FEW_COLUMNS
                && !apart.is_multiple_of(SAME_PLACE);
            for (top, bottom) in parts(rows, most_rows) {
                for (from, to) in parts(depth, slab) {
                    let mut panels = room.left;
                    // Of an operand that is read as it lies only rows that fill no panel are packed.
                    let first = if direct {
                        top + (bottom - top) / ROWS * ROWS
                    } else {
                        top
                    };
                    if panels.is_none() {
                        // SAFETY: the scratch space has room for the panels of these rows and a group of the right ones.
                        unsafe {
                            let own = room.scratch.add(group * (to - from));
                            let left = left.offset(first as isize * down + from as isize * inwards);
                            $panels(left, [down, inwards], [bottom - first, to - from], own);
                            panels = Some((own.cast_const(), 0, 0));
                        }
                    }
                    for column in (0..columns).step_by(group) {
                        let slice = Slice {
                            rows: (top, bottom),
                            columns: (column, columns.min(column + group)),
                            depth: (from, to),
                            packed: first,
                        };
                        // SAFETY: the slice lies within the shape.
                        unsafe { $slice(call, room, panels, slice, finished) };
                    }
                }
            }
        }

        /// A group of columns of the product.
        ///
        /// # Safety
        /// As for the product, of which it is a part; the panels are those of its rows and depth.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        unsafe fn $slice(
            call: &Call<$type>,
            room: Room<$type>,
            panels: Option<(*const $type, usize, usize)>,
            slice: Slice,
            finished: Finished<'_>,
        ) {
            let (top, bottom) = slice.rows;
            let (column, last_column) = slice.columns;
            let (right, [deeper, across]) = call.right;
            let (target, [below, _]) = call.target;
            let Some((panels, all_rows, first_row)) = panels else {
                return;
            };
            let width = last_column - column;
            let slab = slice.depth.1 - slice.depth.0;
            let most = if room.left.is_some() {
                SHARED_DEPTH
            } else {
                DEPTH
            };
            let chunk = if room.left.is_some() {
                CHUNK
            } else {
                NEAR_ROWS
            };
            let room_for_right = width.next_multiple_of($lanes) * slab.min(most);
            // SAFETY (all here): the panels of the right operand, and sums that are not done, fit into the scratch space;
            // all else lies within the shape.
            unsafe {
                let sums = room.scratch.add(room_for_right);
                for (start, end) in parts(slab, most) {
                    let deep = end - start;
                    let before = slice.depth.0 + start;
                    let done = slice.depth.0 + end == call.shape[2];
                    let left = panels.add(start * all_rows + first_row * deep);
                    let from = column as isize * across + before as isize * deeper;
                    let from = right.offset(from);
                    if across == 1 {
                        $along(from, deeper, [width, deep], room.scratch);
                    } else {
                        for stripe in (0..width).step_by(VECTORS * $lanes) {
                            let from = from.offset(stripe as isize * across);
                            let to = room.scratch.add(stripe * deep);
                            let own = (width - stripe).min(VECTORS * $lanes);
                            let all = own.next_multiple_of($lanes);
                            if own < all {
                                to.write_bytes(0, all * deep);
                            }
                            transpose(from, across as usize, deep, own, to, all);
                        }
                    }
                    for first in (top..bottom).step_by(chunk) {
                        let last = bottom.min(first + chunk);
                        let stripes = (0..width).step_by(VECTORS * $lanes);
                        let parts = (first..last).step_by(TOGETHER);
                        let parts =
                            parts.flat_map(|part| stripes.clone().map(move |at| (part, at)));
                        for (part, stripe) in parts {
                            let own = (width - stripe).min(VECTORS * $lanes);
                            for row in (part..last.min(part + TOGETHER)).step_by(ROWS) {
                                let far = row as isize * below;
                                let (mut to, mut to_below) =
                                    (target.offset(far).add(column + stripe), below);
                                let (mut from, mut from_below) = (to.cast_const(), below);
                                if room.near {
                                    from = sums.add((row - top) * width + stripe).cast_const();
                                    from_below = width as isize;
                                    to = from.cast_mut();
                                    to_below = from_below;
                                    if done {
                                        to = target.add((row - first) * width + stripe);
                                    }
                                }
                                let mut ahead = [(std::ptr::null(), 0); USED];
                                ahead[0] = (from, from_below);
                                if done && room.near {
                                    for (ahead, used) in ahead.iter_mut().zip(room.used) {
                                        if !used.is_null() {
                                            let used = used.wrapping_offset(far);
                                            *ahead = (used.wrapping_add(column + stripe), below);
                                        }
                                    }
                                }
                                let direct = row < slice.packed;
                                let down = call.left.1[0];
                                let left = if direct {
                                    call.left.0.offset(row as isize * down).add(before)
                                } else {
                                    left.add((row - slice.packed) * deep)
                                };
                                let block = Block {
                                    ahead,
                                    deep,
                                    left,
                                    down,
                                    right: room.scratch.add(stripe * deep).cast_const(),
                                    target: (to, to_below),
                                    before: (from, from_below),
                                    size: [(last - row).min(ROWS), own],
                                    factor: call.factor,
                                    adds: call.start.is_some() || before > 0,
                                };
                                match (own.div_ceil($lanes), direct) {
                                    (1, false) => $block::<1, false>(&block),
                                    (2, false) => $block::<2, false>(&block),
                                    (_, false) => $block::<VECTORS, false>(&block),
                                    (1, true) => $block::<1, true>(&block),
                                    (2, true) => $block::<2, true>(&block),
                                    (_, true) => $block::<VECTORS, true>(&block),
                                }
                            }
                        }
                        if done {
                            finished(first..last, column..last_column);
                        }
                    }
                }
            }
        }

        /// A block of the target.
        ///
        /// # Safety
        /// The panels are whole, and the block lies within the target.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        unsafe fn $block<const WIDE: usize, const DIRECT: bool>(block: &Block<$type>) {
            use std::arch::x86_64::{
                _MM_HINT_T0, _mm_prefetch, $all, $fused, $load, $store, $times, $zero,
            };
            /// Places of the depth between two looks at what is fetched.
            const TURN: usize = 4;
            let [rows, width] = block.size;
            let (mut left, mut right) = (block.left, block.right);
            let mut sums = [[$zero(); WIDE]; ROWS];
            // SAFETY (all here): the panels hold `deep` places; fetching reaches nothing; the masks keep out what lies
            // beyond the columns.
            unsafe {
                let mut place = || {
                    let mut vectors = [$zero(); WIDE];
                    for (number, vector) in vectors.iter_mut().enumerate() {
                        *vector = $load(<$mask>::MAX, right.add(number * $lanes));
                    }
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let factor = $all(*if DIRECT {
                            left.offset(row as isize * block.down)
                        } else {
                            left.add(row)
                        });
                        for (sum, vector) in sums.iter_mut().zip(vectors) {
                            *sum = $fused(factor, vector, *sum);
                        }
                    }
                    left = left.add(if DIRECT { 1 } else { ROWS });
                    right = right.add(WIDE * $lanes);
                    left
                };
                // The target's lines are asked for one by one while the first sums are under way: more at once would hold up
                // the panels. A turn holds little beside what it computes: where another thread runs on the same core, the
                // processor takes in half as many instructions, and each of them counts.
                let mut turns = block.deep / TURN;
                let mut next = block.left;
                for part in 0..=USED * ROWS {
                    let (mut line, mut count, mut step) = (block.left, turns, 0);
                    if let Some((first, below)) = block.ahead.get(part / ROWS) {
                        line = first.wrapping_offset((part % ROWS) as isize * below);
                        count = if first.is_null() { 0 } else { turns.min(WIDE) };
                        step = $lanes;
                    }
                    turns -= count;
                    for _ in 0..count {
                        let asked = if DIRECT { 0 } else { ROWS * TURN };
                        for line in (0..asked * size_of::<$type>()).step_by(64) {
                            let at = next.wrapping_add(AHEAD).cast::<i8>().wrapping_add(line);
                            _mm_prefetch::<_MM_HINT_T0>(at);
                        }
                        _mm_prefetch::<_MM_HINT_T0>(line.cast());
                        line = line.wrapping_add(step);
                        place();
                        place();
                        place();
                        next = place();
                    }
                }
                for _ in 0..block.deep % TURN {
                    place();
                }
                let scale = $all(block.factor);
                for (row, sums) in sums.into_iter().enumerate() {
                    if row == rows {
                        break;
                    }
                    let line = block.target.0.offset(row as isize * block.target.1);
                    let before = block.before.0.offset(row as isize * block.before.1);
                    for (number, sum) in sums.into_iter().enumerate() {
                        let start = number * $lanes;
                        let mask = mask!($mask, $lanes, width - start);
                        let (line, before) = (line.add(start), before.add(start));
                        let sum = if block.adds {
                            $fused(scale, sum, $load(mask, before))
                        } else {
                            $times(scale, sum)
                        };
                        $store(line, mask, sum);
                    }
                }
            }
        }
    };
}

/// A part of a product.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Slice {
    rows: (usize, usize),
    columns: (usize, usize),
    depth: (usize, usize),
    /// The first row of which the left operand is packed; those before it are read as they lie.
    packed: usize,
}

/// A block of the target and the panels that it is the product of.
#[cfg(target_arch = "x86_64")]
struct Block<T> {
    /// What is fetched meanwhile, row by row; nothing where it is null.
    ahead: [(*const T, isize); USED],
    deep: usize,
    left: *const T,
    /// Where the left operand is read as it lies, how far apart its rows are.
    down: isize,
    right: *const T,
    /// Where it starts, and the stride of its rows.
    target: (*mut T, isize),
    /// The same of what it is added to.
    before: (*const T, isize),
    /// Rows and columns that are there.
    size: [usize; 2],
    factor: T,
    adds: bool,
}

packed!(
    SINGLE,
    single_product,
    single_slice,
    single_whole,
    single_panels,
    single_along,
    single_block,
    f32,
    16,
    u16,
    _mm512_setzero_ps,
    _mm512_maskz_loadu_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_mul_ps,
    _mm512_mask_storeu_ps
);
packed!(
    DOUBLE,
    double_product,
    double_slice,
    double_whole,
    double_panels,
    double_along,
    double_block,
    f64,
    8,
    u8,
    _mm512_setzero_pd,
    _mm512_maskz_loadu_pd,
    _mm512_set1_pd,
    _mm512_fmadd_pd,
    _mm512_mul_pd,
    _mm512_mask_storeu_pd
);

#[cfg(test)]
mod tests;
