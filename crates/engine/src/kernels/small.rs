//! Products of matrices that lie in the nearest cache as they are: nothing is packed, and a call costs no more than its
//! multiplications. Larger products are packed, or `faer`'s. Nothing here decides what is small.

use super::product::Call;

/// Rows of the target whose sums are held in registers at once.
const MOST_ROWS: usize = 12;

/// A product whose right operand and target have their columns side by side.
pub(crate) type Small<T> = unsafe fn(&Call<T>);

macro_rules! small {
    ($name:ident, $block:ident, $type:ty, $lanes:literal, $mask:ty, $zero:ident, $load:ident, $all:ident, $fused:ident, $times:ident, $store:ident) => {
        /// The product, block of rows by block of rows and two vectors of columns at a time.
        ///
        /// # Safety
        /// As for [`super::real::sealed::Precision::multiply`], on a machine with AVX-512; the columns of the right
        /// operand and of the target are side by side.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        pub(crate) unsafe fn $name(call: &Call<$type>) {
            let [rows, columns, _] = call.shape;
            let blocks = rows.div_ceil(MOST_ROWS);
            for block in 0..blocks {
                let (from, to) = (rows * block / blocks, rows * (block + 1) / blocks);
                for column in (0..columns).step_by(2 * $lanes) {
                    let width = columns - column;
                    // SAFETY: the caller's promise.
                    unsafe {
                        match to - from {
                            1 => $block::<1>(call, from, column, width),
                            2 => $block::<2>(call, from, column, width),
                            3 => $block::<3>(call, from, column, width),
                            4 => $block::<4>(call, from, column, width),
                            5 => $block::<5>(call, from, column, width),
                            6 => $block::<6>(call, from, column, width),
                            7 => $block::<7>(call, from, column, width),
                            8 => $block::<8>(call, from, column, width),
                            9 => $block::<9>(call, from, column, width),
                            10 => $block::<10>(call, from, column, width),
                            11 => $block::<11>(call, from, column, width),
                            _ => $block::<MOST_ROWS>(call, from, column, width),
                        }
                    }
                }
            }
        }

        /// So many rows from `row` on, and at most `width` columns from `column` on.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        unsafe fn $block<const ROWS: usize>(
            call: &Call<$type>,
            row: usize,
            column: usize,
            width: usize,
        ) {
            use std::arch::x86_64::{$all, $fused, $load, $store, $times, $zero};
            let mask = |width: usize| -> $mask {
                if width >= $lanes {
                    <$mask>::MAX
                } else {
                    ((1_u32 << width) - 1) as $mask
                }
            };
            let masks = [mask(width), mask(width.saturating_sub($lanes))];
            let (left, [down, inwards]) = call.left;
            let (right, [deeper, _]) = call.right;
            let (target, [below, _]) = call.target;
            let mut sums = [[$zero(); 2]; ROWS];
            // SAFETY (all here): the masks keep out what lies beyond the columns; the rest is the caller's promise.
            unsafe {
                let left = left.offset(row as isize * down);
                let right = right.add(column);
                for depth in 0..call.shape[2] as isize {
                    let line = right.offset(depth * deeper);
                    let first = $load(masks[0], line);
                    let second = $load(masks[1], line.wrapping_add($lanes));
                    let left = left.offset(depth * inwards);
                    for (place, [low, high]) in sums.iter_mut().enumerate() {
                        let factor = $all(*left.offset(place as isize * down));
                        *low = $fused(factor, first, *low);
                        *high = $fused(factor, second, *high);
                    }
                }
                let scale = $all(call.factor);
                for (place, sums) in sums.into_iter().enumerate() {
                    let line = target.offset((row + place) as isize * below).add(column);
                    for (half, sum) in sums.into_iter().enumerate() {
                        let (mask, line) = (masks[half], line.wrapping_add(half * $lanes));
                        let sum = if call.adds {
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

small!(
    single,
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
