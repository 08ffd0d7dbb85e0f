//! Lays a matrix out anew, rows for columns, through registers. Nothing here computes.

use super::elementwise::Level;

/// Elements of the square blocks: a cache line of single precision.
const SQUARE: usize = 16;

/// Writes the matrix whose rows lie side by side in `from`, its columns `stride` apart, row by row to `to`, the rows
/// `width` apart.
///
/// # Safety
/// `from` holds `columns` runs of `rows` elements, `to` has room for as many, and nobody else writes them meanwhile.
pub(crate) unsafe fn transpose<T: Copy + Default>(
    from: *const T,
    stride: usize,
    rows: usize,
    columns: usize,
    to: *mut T,
    width: usize,
) {
    let mut done = (0, 0);
    #[cfg(target_arch = "x86_64")]
    if Level::detect() >= Level::Avx2 {
        // SAFETY (both): the caller's promise; the elements are moved as they are, and the instructions were detected.
        if size_of::<T>() == size_of::<f32>() {
            done = (rows / 8 * 8, columns / 8 * 8);
            unsafe { eights(from.cast(), stride, done, to.cast(), width) };
        } else if size_of::<T>() == size_of::<f64>() {
            done = (rows / 2 * 2, columns / 4 * 4);
            unsafe { fours(from.cast(), stride, done, to.cast(), width) };
        }
    }
    let rest = [(0..done.0, done.1..columns), (done.0..rows, 0..columns)];
    for (down, across) in rest {
        for first in across.clone().step_by(SQUARE) {
            for row in down.clone().step_by(SQUARE) {
                let size = [SQUARE.min(down.end - row), SQUARE.min(across.end - first)];
                // SAFETY: the block lies within what the caller promises.
                unsafe {
                    let from = from.add(first * stride + row);
                    block(from, stride, to.add(row * width + first), width, size);
                }
            }
        }
    }
}

unsafe fn block<T: Copy + Default>(
    from: *const T,
    stride: usize,
    to: *mut T,
    width: usize,
    [down, across]: [usize; 2],
) {
    let mut square = [[T::default(); SQUARE]; SQUARE];
    // SAFETY: the caller's promise.
    unsafe {
        for column in 0..across {
            let mut element = from.add(column * stride);
            for line in &mut square[..down] {
                line[column] = *element;
                element = element.add(1);
            }
        }
        for (row, line) in square.iter().enumerate().take(down) {
            std::ptr::copy_nonoverlapping(line.as_ptr(), to.add(row * width), across);
        }
    }
}

/// All squares of eight rows and columns of single precision.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
unsafe fn eights(
    from: *const f32,
    stride: usize,
    (rows, columns): (usize, usize),
    to: *mut f32,
    width: usize,
) {
    for first in (0..columns).step_by(8) {
        for row in (0..rows).step_by(8) {
            // SAFETY: the caller promises so many rows and columns.
            unsafe {
                let from = from.add(first * stride + row);
                eight(from, stride, to.add(row * width + first), width);
            }
        }
    }
}

/// Eight rows and columns of single precision: four columns after the other, of rows that lie four apart side by side; then pairs, and
/// pairs of pairs. Loads put the halves together, so that only sixteen instructions move elements within registers.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx")]
unsafe fn eight(from: *const f32, stride: usize, to: *mut f32, width: usize) {
    use std::arch::x86_64::{
        _mm_loadu_ps, _mm256_castps128_ps256, _mm256_insertf128_ps, _mm256_shuffle_ps,
        _mm256_storeu_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };
    for half in [0, 4] {
        let line = |place: usize| {
            // SAFETY: the caller promises eight runs of eight elements.
            unsafe {
                let low = _mm_loadu_ps(from.add(place * stride + half));
                let high = _mm_loadu_ps(from.add((place + 4) * stride + half));
                _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(low), high)
            }
        };
        let (first, second, third, fourth) = (line(0), line(1), line(2), line(3));
        let pairs = [
            (
                _mm256_unpacklo_ps(first, second),
                _mm256_unpacklo_ps(third, fourth),
            ),
            (
                _mm256_unpackhi_ps(first, second),
                _mm256_unpackhi_ps(third, fourth),
            ),
        ];
        for (place, (low, high)) in pairs.into_iter().enumerate() {
            let to = to.wrapping_add((half + 2 * place) * width);
            // SAFETY: the caller promises as many of the target.
            unsafe {
                _mm256_storeu_ps(to, _mm256_shuffle_ps::<0b01_00_01_00>(low, high));
                let odd = _mm256_shuffle_ps::<0b11_10_11_10>(low, high);
                _mm256_storeu_ps(to.add(width), odd);
            }
        }
    }
}

/// All pairs of rows and fours of columns of double precision.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
unsafe fn fours(
    from: *const f64,
    stride: usize,
    (rows, columns): (usize, usize),
    to: *mut f64,
    width: usize,
) {
    use std::arch::x86_64::{
        _mm_loadu_pd, _mm256_castpd128_pd256, _mm256_insertf128_pd, _mm256_storeu_pd,
        _mm256_unpackhi_pd, _mm256_unpacklo_pd,
    };
    for first in (0..columns).step_by(4) {
        for row in (0..rows).step_by(2) {
            let from = from.wrapping_add(first * stride + row);
            let line = |place: usize| {
                // SAFETY: the caller promises so many rows and columns.
                unsafe {
                    let low = _mm_loadu_pd(from.add(place * stride));
                    let high = _mm_loadu_pd(from.add((place + 2) * stride));
                    _mm256_insertf128_pd::<1>(_mm256_castpd128_pd256(low), high)
                }
            };
            let (even, odd) = (line(0), line(1));
            let to = to.wrapping_add(row * width + first);
            // SAFETY: as above, of the target.
            unsafe {
                _mm256_storeu_pd(to, _mm256_unpacklo_pd(even, odd));
                _mm256_storeu_pd(to.add(width), _mm256_unpackhi_pd(even, odd));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::transpose;

    fn transposes<T: Copy + Default + PartialEq + std::fmt::Debug>(number: fn(usize) -> T) {
        for (rows, columns, stride) in [
            (16, 16, 16),
            (37, 50, 41),
            (3, 100, 3),
            (64, 7, 70),
            (8, 24, 9),
        ] {
            let from: Vec<T> = (0..columns * stride).map(number).collect();
            let width = columns + 3;
            let mut to = vec![T::default(); rows * width];
            // SAFETY: both have the sizes that the call names.
            unsafe { transpose(from.as_ptr(), stride, rows, columns, to.as_mut_ptr(), width) };
            for row in 0..rows {
                for column in 0..columns {
                    assert_eq!(to[row * width + column], from[column * stride + row]);
                }
            }
        }
    }

    #[test]
    fn rows_become_columns_in_both_precisions() {
        transposes(|place| place as f32);
        transposes(|place| place as f64);
    }
}
