//! Copies past the caches, for what is so large that nothing finds it there later: the memory's lines are not read before
//! they are written over. Nothing here decides what is large.

#[cfg(target_arch = "x86_64")]
use super::elementwise::Level;

/// Copies `count` elements. [`finish`] must follow before another thread reads them.
///
/// # Safety
/// Both addresses hold as many elements, those of `to` are nobody else's, and the two do not overlap.
pub(crate) unsafe fn copy<T: Copy>(from: *const T, to: *mut T, count: usize) {
    #[cfg(target_arch = "x86_64")]
    if Level::detect() >= Level::Avx2 {
        let head = to.align_offset(LINE).min(count);
        let lines = (count - head) * size_of::<T>() / LINE;
        let tail = head + lines * LINE / size_of::<T>();
        // SAFETY: the caller's promise; whole lines start at an aligned address, and the instructions were detected.
        unsafe {
            std::ptr::copy_nonoverlapping(from, to, head);
            std::ptr::copy_nonoverlapping(from.add(tail), to.add(tail), count - tail);
            let (from, to) = (from.add(head).cast(), to.add(head).cast());
            if Level::detect() >= Level::Avx512 {
                copy_whole_lines(from, to, lines);
            } else {
                copy_lines(from, to, lines);
            }
        }
        return;
    }
    // SAFETY: the caller's promise.
    unsafe { std::ptr::copy_nonoverlapping(from, to, count) };
}

/// Asks for the lines of elements that are read later: they come into the nearest cache but one.
pub(crate) fn fetch<T>(from: *const T, count: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..count * size_of::<T>() / LINE {
        let line = from.cast::<i8>().wrapping_add(line * LINE);
        // SAFETY: asking for a line never faults, wherever it lies.
        unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(line) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (from, count);
}

/// Bytes of a line of the caches.
pub(super) const LINE: usize = 64;

/// Writes one whole line.
///
/// # Safety
/// The target is a line of memory, nobody else's, and the machine has AVX-512. [`finish`] must follow as after [`copy`].
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn write_line<T, const COUNT: usize>(line: &[T; COUNT], to: *mut T) {
    use std::arch::x86_64::{_mm512_loadu_ps, _mm512_stream_ps};
    const { assert!(COUNT * size_of::<T>() == LINE) };
    // SAFETY: the line's size is checked; the caller promises the rest.
    unsafe { _mm512_stream_ps(to.cast(), _mm512_loadu_ps(line.as_ptr().cast())) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
unsafe fn copy_lines(from: *const f32, to: *mut f32, lines: usize) {
    use std::arch::x86_64::{_mm256_loadu_ps, _mm256_stream_ps};
    for half in 0..2 * lines {
        // SAFETY: the caller promises so many lines, the target's aligned.
        unsafe { _mm256_stream_ps(to.add(8 * half), _mm256_loadu_ps(from.add(8 * half))) };
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn copy_whole_lines(from: *const f32, to: *mut f32, lines: usize) {
    use std::arch::x86_64::{_mm512_loadu_ps, _mm512_stream_ps};
    for line in 0..lines {
        // SAFETY: the caller promises so many lines, the target's aligned.
        unsafe { _mm512_stream_ps(to.add(16 * line), _mm512_loadu_ps(from.add(16 * line))) };
    }
}

/// Orders the copies before whatever follows.
pub(crate) fn finish() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this architecture has the instruction.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

#[cfg(test)]
mod tests {
    use super::{copy, finish};

    #[test]
    fn every_element_arrives_and_no_other_changes() {
        let from: Vec<f32> = (0..200).map(|place| place as f32 + 1.0).collect();
        for (start, count) in [(0, 200), (1, 5), (3, 100), (16, 64), (7, 193)] {
            let mut to = vec![0.0; 202];
            // SAFETY: both hold so many elements.
            unsafe { copy(from.as_ptr(), to.as_mut_ptr().add(start), count) };
            finish();
            assert_eq!(to[start..start + count], from[..count]);
            assert!(
                to[..start]
                    .iter()
                    .chain(&to[start + count..])
                    .all(|value| *value == 0.0)
            );
        }
    }
}
