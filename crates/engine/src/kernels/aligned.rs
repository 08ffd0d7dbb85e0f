//! Memory that starts at an aligned address, on large pages where it is large. Nothing here knows what lies in it.

use std::alloc::{Layout, alloc_zeroed};

use super::real::Real;
use crate::memory::ALIGNMENT;

/// Elements that start at an aligned address.
#[derive(Debug)]
pub(super) struct Aligned<T> {
    memory: Vec<T>,
    /// Where the first aligned element is.
    start: usize,
    size: usize,
}

/// The bytes of a large page. Each page that is written for the first time interrupts the program: a first step spends more
/// time on 4,096 bytes a time than on its products.
const LARGE_PAGE: usize = 2 << 20;

/// The bytes of a usual page.
const SMALL_PAGE: usize = 4096;

impl<T: Real> Aligned<T> {
    /// So many elements, all zero.
    pub(super) fn new(size: usize) -> Self {
        let memory = vec![T::ZERO; size + ALIGNMENT];
        Self::starting(memory, size, ALIGNMENT)
    }

    /// The same; nothing where the system does not give the memory.
    pub(super) fn ask(size: usize) -> Option<Self> {
        let page = LARGE_PAGE / size_of::<T>();
        // The last page, if less than half of it would be used, stays small.
        let large = size.checked_add(page / 2)? / page * page;
        let alignment = if large > 0 { page } else { ALIGNMENT };
        let count = size.max(large).checked_add(alignment)?;
        let layout = Layout::array::<T>(count).ok()?;
        // SAFETY: the layout is not empty. A slice of so many elements has the same layout, and zero bytes are zero in
        // both precisions.
        let memory = unsafe {
            let memory = alloc_zeroed(layout);
            if memory.is_null() {
                return None;
            }
            Box::from_raw(std::ptr::slice_from_raw_parts_mut(
                memory.cast::<T>(),
                count,
            ))
        };
        let mut aligned = Self::starting(memory.into_vec(), size, alignment);
        if large > 0 {
            let start = aligned.start;
            on_large_pages(&mut aligned.memory[start..start + large]);
        }
        Some(aligned)
    }

    /// The first `size` elements from a multiple of `alignment` elements on; the memory has so many more.
    fn starting(memory: Vec<T>, size: usize, alignment: usize) -> Self {
        let start = memory.as_ptr().align_offset(alignment * size_of::<T>());
        Self {
            start: start.min(alignment),
            memory,
            size,
        }
    }

    /// All of them.
    pub(super) fn elements(&self) -> &[T] {
        &self.memory[self.start..self.start + self.size]
    }

    /// All of them, to be written.
    pub(super) fn elements_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.start..self.start + self.size]
    }
}

/// Bytes that a new plan has prepared at most: a plan that nobody runs should not take the memory of a large one.
const PREPARED: usize = 64 << 20;

/// Pages that the system would otherwise give one by one, each when it is first written.
pub(crate) struct Pages {
    start: usize,
    bytes: usize,
}

impl Pages {
    /// Those of some elements; none where they are many.
    pub(super) fn of<T>(elements: &[T]) -> Self {
        let bytes = size_of_val(elements);
        Self {
            start: elements.as_ptr().addr(),
            bytes: if bytes <= PREPARED { bytes } else { 0 },
        }
    }

    /// Has the system give them now. What they hold stays, also while others write to them.
    #[cfg(target_os = "linux")]
    pub(super) fn prepare(&self) {
        // The system's pages are no smaller, and where they are greater this is refused.
        let first = self.start.next_multiple_of(SMALL_PAGE);
        let end = (self.start + self.bytes) / SMALL_PAGE * SMALL_PAGE;
        if first < end {
            // SAFETY: giving pages changes no byte of any memory, whoever it belongs to by now. A refusal changes nothing.
            unsafe {
                libc::madvise(
                    first as *mut libc::c_void,
                    end - first,
                    libc::MADV_POPULATE_WRITE,
                );
            }
        }
    }

    /// Elsewhere they come when they are written.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn prepare(&self) {}
}

/// Asks for large pages.
#[cfg(target_os = "linux")]
fn on_large_pages<T>(elements: &mut [T]) {
    // SAFETY: the bytes belong to the slice, and the advice leaves what they hold. A refusal changes nothing.
    unsafe {
        libc::madvise(
            elements.as_mut_ptr().cast(),
            size_of_val(elements),
            libc::MADV_HUGEPAGE,
        );
    }
}

/// Elsewhere the system decides.
#[cfg(not(target_os = "linux"))]
fn on_large_pages<T>(_: &mut [T]) {}
