//! Lays operands of large products out in panels. Nothing here multiplies.

use super::{GROUP, ROWS, SHARED_DEPTH, VECTORS, parts};
use crate::kernels::transpose::transpose;

/// So many vectors of rows are packed for each place of the depth: fewer would come again, more be written too far apart.
const TOGETHER_PACKED: usize = 4;

/// So many lines ahead, what is packed as it lies is fetched: each is on a page of its own.
const LINES_AHEAD: isize = 24;

macro_rules! panels {
    ($whole:ident, $panels:ident, $along:ident, $type:ty, $lanes:literal, $mask:ty, $load:ident, $store:ident) => {
        /// Packs rows of a left operand as a whole, as `Packed` says.
        ///
        /// # Safety
        /// All elements are valid, and `to` has room for all rows.
        #[target_feature(enable = "avx512f")]
        pub(super) unsafe fn $whole(
            from: *const $type,
            [down, inwards]: [isize; 2],
            [first, last, depth]: [usize; 3],
            (to, all_rows): (*mut $type, usize),
        ) {
            for (start, end) in parts(depth, SHARED_DEPTH) {
                let offset = first as isize * down + start as isize * inwards;
                let deep = end - start;
                // SAFETY: the caller's promise.
                unsafe {
                    let to = to.add(start * all_rows + first * deep);
                    $panels(
                        from.offset(offset),
                        [down, inwards],
                        [last - first, deep],
                        to,
                    );
                }
            }
        }

        /// Packs the left operand: panels of `ROWS` rows, in each the rows of a column side by side.
        ///
        /// # Safety
        /// All elements are valid, and `to` has room for whole panels.
        #[target_feature(enable = "avx512f")]
        pub(super) unsafe fn $panels(
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
                for group in (0..rows).step_by(TOGETHER_PACKED * $lanes) {
                    let to = to.add(group * deep);
                    // One vector of rows; its last panel may not be there.
                    let vector = |place: usize, row: usize, width: usize| {
                        let from = from.offset(place as isize * inwards).add(group + row);
                        let ahead = from.wrapping_offset(LINES_AHEAD * inwards);
                        _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
                        let vector = $load(mask!($mask, $lanes, width), from);
                        for part in (0..$lanes).step_by(ROWS) {
                            if part < width {
                                let panel = to.add((row + part) * deep + place * ROWS);
                                let eight = (0xFF_u16 << part) as $mask;
                                $store(panel.wrapping_sub(part), eight, vector);
                            }
                        }
                    };
                    // Where all are there, no mask is worked out.
                    if rows - group >= TOGETHER_PACKED * $lanes {
                        for place in 0..deep {
                            for row in 0..TOGETHER_PACKED {
                                vector(place, row * $lanes, $lanes);
                            }
                        }
                        continue;
                    }
                    for place in 0..deep {
                        for row in (0..rows - group).step_by($lanes) {
                            vector(place, row, rows - group - row);
                        }
                    }
                }
            }
        }

        /// Packs lines whose elements lie side by side, `far` apart, into panels one behind the other, with zeros up to whole
        /// vectors.
        ///
        /// # Safety
        /// All elements are valid, and `to` has room for so many lines of whole vectors.
        #[target_feature(enable = "avx512f")]
        pub(super) unsafe fn $along(
            from: *const $type,
            far: isize,
            [width, lines]: [usize; 2],
            to: *mut $type,
        ) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch, $load, $store};
            let ahead = if width > VECTORS * $lanes {
                LINES_AHEAD / GROUP as isize
            } else {
                LINES_AHEAD
            };
            // One vector, of which so many elements are there.
            let vector = |from: *const $type, to: *mut $type, place: usize, width: usize| {
                // SAFETY: the mask keeps out what lies beyond the width, and fetching reaches nothing; the rest is the
                // caller's promise.
                unsafe {
                    let from = from.add(place);
                    _mm_prefetch::<_MM_HINT_T0>(from.wrapping_offset(ahead * far).cast());
                    let vector = $load(mask!($mask, $lanes, width), from);
                    $store(to.add(place), <$mask>::MAX, vector);
                }
            };
            let last = width / (VECTORS * $lanes) * VECTORS * $lanes;
            for line in 0..lines {
                let from = from.wrapping_offset(line as isize * far);
                // Where a panel is whole, no mask is worked out.
                for stripe in (0..last).step_by(VECTORS * $lanes) {
                    let to = to.wrapping_add(stripe * lines + line * VECTORS * $lanes);
                    for number in 0..VECTORS {
                        vector(from.wrapping_add(stripe), to, number * $lanes, $lanes);
                    }
                }
                let all = (width - last).next_multiple_of($lanes);
                let to = to.wrapping_add(last * lines + line * all);
                for place in (0..width - last).step_by($lanes) {
                    vector(from.wrapping_add(last), to, place, width - last - place);
                }
            }
        }
    };
}

panels!(
    single_whole,
    single_panels,
    single_along,
    f32,
    16,
    u16,
    _mm512_maskz_loadu_ps,
    _mm512_mask_storeu_ps
);
panels!(
    double_whole,
    double_panels,
    double_along,
    f64,
    8,
    u8,
    _mm512_maskz_loadu_pd,
    _mm512_mask_storeu_pd
);
