//! Products of matrices that lie in the nearest cache as they are: nothing is packed, and a call costs no more than its
//! multiplications. Larger products are packed, or `faer`'s. Nothing here decides what is small.

use std::ops::Range;

use super::product::Call;

/// Rows of the target whose sums are held in registers at once, where its columns fill blocks of two vectors, and where they are
/// taken three vectors at a time or one.
const MOST_ROWS: usize = 12;
const FEWER_ROWS: usize = 8;

/// A product whose right operand and target have their columns side by side.
pub(crate) type Small<T> = unsafe fn(&Call<T>);

macro_rules! small {
    ($name:ident, $some:ident, $block:ident, $type:ty, $lanes:literal, $mask:ty, $zero:ident, $load:ident, $all:ident, $fused:ident, $times:ident, $store:ident) => {
        /// The product, block of rows by block of rows and up to three vectors of columns at a time: with an odd number of vectors,
        /// three first, so that none is computed in vain.
        ///
        /// # Safety
        /// As for [`super::real::sealed::Precision::multiply`], on a machine with AVX-512; the columns of the right
        /// operand and of the target are side by side, and so are those of what is added to, if there are several.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        pub(crate) unsafe fn $name(call: &Call<$type>) {
            let [rows, columns, _] = call.shape;
            let vectors = columns.div_ceil($lanes);
            let first = match vectors {
                1 => 1,
                _ => 2 + vectors % 2,
            };
            let most = if first == 3 { FEWER_ROWS } else { MOST_ROWS };
            let blocks = rows.div_ceil(most);
            let border = |block: usize| rows * block / blocks;
            // The columns that are taken together stay in the nearest cache for all rows.
            for block in 0..blocks {
                let rows = border(block)..border(block + 1);
                // SAFETY (all here): the caller's promise.
                match first {
                    1 => unsafe { $some::<1>(call, rows, 0) },
                    2 => unsafe { $some::<2>(call, rows, 0) },
                    _ => unsafe { $some::<3>(call, rows, 0) },
                }
            }
            for column in (first * $lanes..columns).step_by(2 * $lanes) {
                for block in 0..blocks {
                    unsafe { $some::<2>(call, border(block)..border(block + 1), column) };
                }
            }
        }

        /// Some rows, and so many vectors of columns from `column` on.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        unsafe fn $some<const VECTORS: usize>(
            call: &Call<$type>,
            rows: Range<usize>,
            column: usize,
        ) {
            let from = rows.start;
            // SAFETY: the caller's promise.
            unsafe {
                match rows.len() {
                    1 => $block::<1, VECTORS>(call, from, column),
                    2 => $block::<2, VECTORS>(call, from, column),
                    3 => $block::<3, VECTORS>(call, from, column),
                    4 => $block::<4, VECTORS>(call, from, column),
                    5 => $block::<5, VECTORS>(call, from, column),
                    6 => $block::<6, VECTORS>(call, from, column),
                    7 => $block::<7, VECTORS>(call, from, column),
                    FEWER_ROWS => $block::<FEWER_ROWS, VECTORS>(call, from, column),
                    9 => $block::<9, VECTORS>(call, from, column),
                    10 => $block::<10, VECTORS>(call, from, column),
                    11 => $block::<11, VECTORS>(call, from, column),
                    _ => $block::<MOST_ROWS, VECTORS>(call, from, column),
                }
            }
        }

        /// So many rows from `row` on, and so many vectors of columns from `column` on.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        unsafe fn $block<const ROWS: usize, const VECTORS: usize>(
            call: &Call<$type>,
            row: usize,
            column: usize,
        ) {
            use std::arch::x86_64::{$all, $fused, $load, $store, $times, $zero};
            let mask = |width: usize| -> $mask {
                if width >= $lanes {
                    <$mask>::MAX
                } else {
                    ((1_u32 << width) - 1) as $mask
                }
            };
            let masks: [$mask; VECTORS] = std::array::from_fn(|vector| {
                mask((call.shape[1] - column).saturating_sub(vector * $lanes))
            });
            let (left, [down, inwards]) = call.left;
            let (right, [deeper, _]) = call.right;
            let (target, [below, _]) = call.target;
            let mut sums = [[$zero(); VECTORS]; ROWS];
            // SAFETY (all here): the masks keep out what lies beyond the columns; the rest is the caller's promise.
            unsafe {
                let left = left.offset(row as isize * down);
                let right = right.add(column);
                for depth in 0..call.shape[2] as isize {
                    let line = right.offset(depth * deeper);
                    let mut vectors = [$zero(); VECTORS];
                    for (place, vector) in vectors.iter_mut().enumerate() {
                        *vector = $load(masks[place], line.wrapping_add(place * $lanes));
                    }
                    let left = left.offset(depth * inwards);
                    for (place, sums) in sums.iter_mut().enumerate() {
                        let factor = $all(*left.offset(place as isize * down));
                        for (sum, vector) in sums.iter_mut().zip(vectors) {
                            *sum = $fused(factor, vector, *sum);
                        }
                    }
                }
                let scale = $all(call.factor);
                for (place, sums) in sums.into_iter().enumerate() {
                    let line = target.offset((row + place) as isize * below).add(column);
                    for (vector, sum) in sums.into_iter().enumerate() {
                        let (mask, line) = (masks[vector], line.wrapping_add(vector * $lanes));
                        let sum = match call.start {
                            None => $times(scale, sum),
                            // One element for the whole row.
                            Some((start, [down, 0])) => {
                                let start = start.offset((row + place) as isize * down);
                                $fused(scale, sum, $all(*start))
                            }
                            Some((start, [down, _])) => {
                                let start = start.offset((row + place) as isize * down);
                                let start = start.wrapping_add(column + vector * $lanes);
                                $fused(scale, sum, $load(mask, start))
                            }
                        };
                        $store(line, mask, sum);
                    }
                }
            }
        }
    };
}

small!(
    single,
    single_rows,
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
small!(
    double,
    double_rows,
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
