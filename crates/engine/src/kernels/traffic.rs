//! Lines on their way to and from memory while kernels compute: a few after each kernel, so that neither waits for the
//! other. Nothing here decides what is written or read.

use super::stream;

/// Bytes of a line of the caches.
const LINE: usize = 64;
/// Lines that are sent, and lines that are asked for, after a kernel: no more than the processor has places for.
const TURN: usize = 16;

/// What is on its way.
#[derive(Debug)]
pub(super) struct Traffic<T> {
    /// Finished blocks that are written past the caches: from, to, and how many elements.
    stores: Vec<(*const T, *mut T, usize)>,
    /// What is read later: from, and how many elements.
    fetches: Vec<(*const T, usize)>,
}

impl<T: Copy> Traffic<T> {
    pub(super) fn new() -> Self {
        Self {
            stores: Vec::new(),
            fetches: Vec::new(),
        }
    }

    /// Whether elements can be sent line by line to an address.
    pub(super) fn takes(to: *const T, count: usize) -> bool {
        to.addr().is_multiple_of(LINE) && (count * size_of::<T>()).is_multiple_of(LINE)
    }

    /// Sends elements there, while others compute.
    pub(super) fn store(&mut self, from: *const T, to: *mut T, count: usize) {
        self.stores.push((from, to, count));
    }

    /// Asks for elements that lie there, while others compute. What was asked for before and is not under way is forgotten.
    pub(super) fn fetch(&mut self, from: *const T, count: usize) {
        self.fetches.push((from, count));
    }

    /// Some lines of each. Small plans have none, and call this after each of many small kernels.
    ///
    /// # Safety
    /// What is stored still lies where it lay, and its target is nobody else's.
    #[inline]
    pub(super) unsafe fn turn(&mut self) {
        if !self.stores.is_empty() || !self.fetches.is_empty() {
            // SAFETY: the caller's promise.
            unsafe { self.send() };
        }
    }

    #[inline(never)]
    unsafe fn send(&mut self) {
        let most = TURN * LINE / size_of::<T>();
        if let Some((from, to, count)) = self.stores.last_mut() {
            let now = most.min(*count);
            // SAFETY: the caller's promise.
            unsafe { stream::copy(*from, *to, now) };
            (*from, *to) = (from.wrapping_add(now), to.wrapping_add(now));
            *count -= now;
            if *count == 0 {
                self.stores.pop();
            }
        }
        let mut most = most;
        while let Some((from, count)) = self.fetches.last_mut()
            && most > 0
        {
            let now = most.min(*count);
            stream::fetch(*from, now);
            *from = from.wrapping_add(now);
            *count -= now;
            most -= now;
            if *count == 0 {
                self.fetches.pop();
            }
        }
    }

    /// Sends what remains, and forgets what was asked for.
    ///
    /// # Safety
    /// What is stored still lies where it lay, and its target is nobody else's.
    pub(super) unsafe fn finish(&mut self) {
        while let Some((from, to, count)) = self.stores.pop() {
            // SAFETY: the caller's promise.
            unsafe { stream::copy(from, to, count) };
        }
        self.fetches.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Traffic;
    use crate::kernels::stream;

    #[test]
    fn what_is_sent_arrives_in_turns() {
        let from: Vec<f32> = (0..1024).map(|place| place as f32 + 1.0).collect();
        let mut to = vec![0.0_f32; 1024 + 16];
        let start = to.as_ptr().align_offset(64);
        let first = to.as_mut_ptr().wrapping_add(start);
        assert!(Traffic::takes(first, 1024));
        assert!(!Traffic::takes(first.wrapping_add(1), 1024));
        assert!(!Traffic::takes(first, 1020));
        let mut traffic = Traffic::new();
        traffic.fetch(from.as_ptr(), 1024);
        traffic.store(from.as_ptr(), first, 1024);
        // SAFETY (both): both hold so many elements.
        unsafe { traffic.turn() };
        stream::finish();
        let arrived = to[start..].iter().take_while(|value| **value != 0.0);
        let arrived = arrived.count();
        assert!(0 < arrived && arrived < 1024);
        unsafe { traffic.finish() };
        stream::finish();
        assert_eq!(to[start..start + 1024], from);
    }
}
