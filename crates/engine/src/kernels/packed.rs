//! Large matrix products for AVX-512: both operands are packed into panels that the innermost loop reads from one end to
//! the other (Goto and van de Geijn 2008; Van Zee and van de Geijn 2015). Nothing here decides what is large, or
//! splits work between threads.
//!
//! A block of [`ROWS`] rows and up to three vectors of columns of the target is summed in registers: 24 multiply-adds for
//! 11 loads, which leaves room where two threads share a core. Vectors of a right panel that has left the nearest cache are
//! read at 16 bytes a cycle; wider, lower blocks would need more, and narrower, higher ones more loads.

use super::product::Call;
use super::transpose::transpose;

/// Rows of the target whose sums are held in registers at once.
const ROWS: usize = 8;

/// Vectors of columns beside them.
const VECTORS: usize = 3;

/// Depth of a panel: target elements are read and written once for each, so more is better until panels leave the
/// cache that is nearest but one.
const DEPTH: usize = 384;

/// Rows whose panels stay in the cache that is nearest but one.
const NEAR_ROWS: usize = 512;

/// So far ahead, in elements, the panel of the left operand is fetched into the nearest cache.
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 256;

/// A product whose target has its columns side by side; each operand's elements are side by side along one of its axes.
/// It packs into scratch space of [`scratch_size`].
pub(crate) type Packed<T> = unsafe fn(&Call<T>, *mut T);

/// Elements of scratch space for a product of this shape.
pub(crate) fn scratch_size([rows, _, depth]: [usize; 3]) -> usize {
    let widest = VECTORS * 16;
    let rows = rows.min(NEAR_ROWS).next_multiple_of(ROWS);
    (rows + widest) * depth.min(DEPTH)
}

/// So many lines ahead, what is packed as it lies is fetched: each is on a page of its own.
#[cfg(target_arch = "x86_64")]
const LINES_AHEAD: isize = 24;

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
macro_rules! packed {
    ($name:ident, $panels:ident, $along:ident, $block:ident, $type:ty, $lanes:literal, $mask:ty, $zero:ident, $load:ident, $all:ident, $fused:ident, $times:ident, $store:ident) => {
        /// The product, packed panel by packed panel.
        ///
        /// # Safety
        /// As for [`super::real::sealed::Precision::multiply`], on a machine with AVX-512; `scratch` holds as many
        /// elements as [`scratch_size`] says, and strides are as [`Packed`] says.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        pub(crate) unsafe fn $name(call: &Call<$type>, scratch: *mut $type) {
            let [rows, columns, depth] = call.shape;
            let (left, [down, inwards]) = call.left;
            let (right, [deeper, across]) = call.right;
            let (target, [below, _]) = call.target;
            let right_panel = scratch;
            for (top, bottom) in parts(rows, NEAR_ROWS) {
                for (start, end) in parts(depth, DEPTH) {
                    let deep = end - start;
                    let rows = bottom - top;
                    // SAFETY (all here): the right panel and those of the left fit into the scratch space; all else lies
                    // within the shape.
                    unsafe {
                        let left_panels = scratch.add(deep * VECTORS * $lanes);
                        let left = left.offset(top as isize * down + start as isize * inwards);
                        $panels(left, [down, inwards], [rows, deep], left_panels);
                        for column in (0..columns).step_by(VECTORS * $lanes) {
                            let width = (columns - column).min(VECTORS * $lanes);
                            let vectors = width.div_ceil($lanes);
                            let room = vectors * $lanes;
                            let from =
                                right.offset(start as isize * deeper + column as isize * across);
                            if across == 1 {
                                $along(from, deeper, [width, deep], right_panel, room);
                            } else {
                                if width < room {
                                    right_panel.write_bytes(0, room * deep);
                                }
                                transpose(from, across as usize, deep, width, right_panel, room);
                            }
                            for row in (0..rows).step_by(ROWS) {
                                let panel = left_panels.add(row * deep).cast_const();
                                let below_top = (top + row) as isize * below;
                                let block = Block {
                                    deep,
                                    left: panel,
                                    right: right_panel.cast_const(),
                                    target: target.offset(below_top).add(column),
                                    below,
                                    size: [(rows - row).min(ROWS), width],
                                    factor: call.factor,
                                    adds: call.adds || start > 0,
                                };
                                match vectors {
                                    1 => $block::<1>(&block),
                                    2 => $block::<2>(&block),
                                    _ => $block::<VECTORS>(&block),
                                }
                            }
                        }
                    }
                }
            }
        }

        /// Packs the left operand: panels of [`ROWS`] rows, in each the rows of a column side by side.
        ///
        /// # Safety
        /// All elements are valid, and `to` has room for whole panels.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        unsafe fn $panels(
            from: *const $type,
            [down, inwards]: [isize; 2],
            [rows, deep]: [usize; 2],
            to: *mut $type,
        ) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch, $load, $store};
            // SAFETY (all here): the caller's promise; fetching reaches nothing, and masks keep out what lies beyond the rows.
            unsafe {
                let last = rows / ROWS * ROWS;
                if last < rows {
                    to.add(last * deep).write_bytes(0, ROWS * deep);
                }
                if down != 1 {
                    for row in (0..rows).step_by(ROWS) {
                        let from = from.offset(row as isize * down);
                        let count = ROWS.min(rows - row);
                        transpose(from, down as usize, deep, count, to.add(row * deep), ROWS);
                    }
                    return;
                }
                // Some lines of the cache at a time: fewer would come again for each, more would be written too far apart.
                for group in (0..rows).step_by(4 * $lanes) {
                    for place in 0..deep {
                        let from = from.offset(place as isize * inwards);
                        for row in (group..rows.min(group + 4 * $lanes)).step_by($lanes) {
                            let from = from.add(row);
                            let ahead = from.wrapping_offset(LINES_AHEAD * inwards);
                            _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
                            let vector = $load(mask!($mask, $lanes, rows - row), from);
                            for part in (0..$lanes).step_by(ROWS) {
                                if row + part >= rows {
                                    break;
                                }
                                let panel = to.add((row + part) * deep + place * ROWS);
                                let eight = (0xFF_u16 << part) as $mask;
                                $store(panel.wrapping_sub(part), eight, vector);
                            }
                        }
                    }
                }
            }
        }

        /// Packs lines whose elements lie side by side, `far` apart, with zeros up to `room`.
        ///
        /// # Safety
        /// All elements are valid, and `to` has room for so many lines of `room` elements.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        unsafe fn $along(
            from: *const $type,
            far: isize,
            [width, lines]: [usize; 2],
            to: *mut $type,
            room: usize,
        ) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch, $load, $store};
            for line in 0..lines {
                for place in (0..room).step_by($lanes) {
                    let mask = mask!($mask, $lanes, width - place);
                    // SAFETY: the mask keeps out what lies beyond the width, and fetching reaches nothing; the rest is the
                    // caller's promise.
                    unsafe {
                        let from = from.offset(line as isize * far).add(place);
                        _mm_prefetch::<_MM_HINT_T0>(from.wrapping_offset(LINES_AHEAD * far).cast());
                        $store(to.add(line * room + place), <$mask>::MAX, $load(mask, from));
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
        unsafe fn $block<const WIDE: usize>(block: &Block<$type>) {
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
                        let factor = $all(*left.add(row));
                        for (sum, vector) in sums.iter_mut().zip(vectors) {
                            *sum = $fused(factor, vector, *sum);
                        }
                    }
                    left = left.add(ROWS);
                    right = right.add(WIDE * $lanes);
                    left
                };
                // The target's lines are asked for row by row while the first sums are under way: all at once they would
                // hold up the panels.
                let turns = block.deep / TURN;
                let mut ahead = block.target.cast_const();
                let mut next = block.left;
                for (count, step) in [(turns.min(ROWS), block.below), (turns - turns.min(ROWS), 0)]
                {
                    for _ in 0..count {
                        for line in (0..ROWS * TURN * size_of::<$type>()).step_by(64) {
                            let at = next.wrapping_add(AHEAD).cast::<i8>().wrapping_add(line);
                            _mm_prefetch::<_MM_HINT_T0>(at);
                        }
                        for number in 0..WIDE {
                            let at = ahead.wrapping_add(number * $lanes);
                            _mm_prefetch::<_MM_HINT_T0>(at.cast());
                        }
                        ahead = ahead.wrapping_offset(step);
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
                    let line = block.target.offset(row as isize * block.below);
                    for (number, sum) in sums.into_iter().enumerate() {
                        let start = number * $lanes;
                        let (mask, line) = (mask!($mask, $lanes, width - start), line.add(start));
                        let sum = if block.adds {
                            $fused(scale, sum, $load(mask, line))
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

/// A block of the target and the panels that it is the product of.
#[cfg(target_arch = "x86_64")]
struct Block<T> {
    deep: usize,
    left: *const T,
    right: *const T,
    target: *mut T,
    /// The stride of the target's rows.
    below: isize,
    /// Rows and columns that are there.
    size: [usize; 2],
    factor: T,
    adds: bool,
}

packed!(
    single,
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
    double,
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
mod tests {
    use faer::traits::ComplexField;

    use super::scratch_size;
    use crate::kernels::product::{Call, multiply};
    use crate::kernels::real::Real;

    /// Reproducible numbers below a bound.
    struct Source(u64);

    impl Source {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % bound
        }

        fn values<T: Real>(&mut self, count: usize) -> Vec<T> {
            let value = |_| T::from_f64(self.below(2001) as f64 / 1000.0 - 1.0);
            (0..count).map(value).collect()
        }
    }

    /// Strides of a matrix with gaps, rows or columns side by side, and the elements that it takes.
    fn strides(shape: [usize; 2], gap: usize, turned: bool) -> ([isize; 2], usize) {
        let [rows, columns] = shape;
        if turned {
            ([1, (rows + gap) as isize], (rows + gap) * columns)
        } else {
            ([(columns + gap) as isize, 1], (columns + gap) * rows)
        }
    }

    /// Compares with plain loops in double precision and with `faer`; what lies between the target's rows and behind the
    /// scratch space stays.
    fn agrees<T: Real + ComplexField>(shape: [usize; 3], source: &mut Source, tolerance: f64) {
        let Some(packed) = T::packed() else { return };
        let [rows, columns, depth] = shape;
        let (left_strides, size) = strides([rows, depth], source.below(9), source.below(2) == 1);
        let left: Vec<T> = source.values(size);
        let (right_strides, size) =
            strides([depth, columns], source.below(9), source.below(2) == 1);
        let right: Vec<T> = source.values(size);
        let (target_strides, size) = strides([rows, columns], source.below(9), false);
        let before: Vec<T> = source.values(size);
        let mut own = before.clone();
        let mut other = before.clone();
        let guard = T::from_f64(7.0);
        let mut scratch = vec![guard; scratch_size(shape) + 64];
        let factor = [1.0, -0.5][source.below(2)];
        let adds = source.below(2) == 1;
        let call = |target: &mut [T]| Call {
            shape,
            left: (left.as_ptr(), left_strides),
            right: (right.as_ptr(), right_strides),
            target: (target.as_mut_ptr(), target_strides),
            factor: T::from_f64(factor),
            adds,
        };
        // SAFETY: all matrices have the sizes that the call names, and the machine was asked.
        unsafe {
            packed(&call(&mut own), scratch.as_mut_ptr());
            multiply(call(&mut other));
        }
        assert!(
            scratch[scratch_size(shape)..]
                .iter()
                .all(|value| *value == guard)
        );
        let at = |values: &[T], strides: [isize; 2], row: usize, column: usize| {
            values[row * strides[0] as usize + column * strides[1] as usize].to_f64()
        };
        let width = target_strides[0] as usize;
        for (place, found) in own.iter().enumerate() {
            let (row, column) = (place / width, place % width);
            if column >= columns {
                assert!(
                    *found == before[place],
                    "{shape:?}: written beside the target"
                );
                continue;
            }
            let product = |inner| {
                at(&left, left_strides, row, inner) * at(&right, right_strides, inner, column)
            };
            let sum: f64 = (0..depth).map(product).sum();
            let start = if adds { before[place].to_f64() } else { 0.0 };
            let expected = start + factor * sum;
            for found in [found.to_f64(), other[place].to_f64()] {
                assert!(
                    (found - expected).abs() <= tolerance,
                    "{shape:?}: {found} instead of {expected} at {row}, {column}"
                );
            }
        }
    }

    #[test]
    fn shapes_strides_and_edges_agree_with_plain_loops() {
        let mut source = Source(3);
        let mut shapes = vec![
            [1, 1, 1],
            [8, 48, 384],
            [9, 49, 385],
            [520, 17, 5],
            [1030, 50, 30],
            [16, 130, 1100],
        ];
        let most = [70, 150, 800];
        shapes.extend((0..40).map(|_| most.map(|most| 1 + source.below(most))));
        for shape in shapes {
            agrees::<f32>(shape, &mut source, 2e-4);
            agrees::<f64>(shape, &mut source, 1e-12);
        }
    }
}
