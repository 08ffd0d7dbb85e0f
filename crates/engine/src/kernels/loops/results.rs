//! What becomes of a block: it is stored, or combined along its rows or across them. Nothing here computes the block.

use super::super::real::{Real, Reducer};
use super::super::stream;
use super::super::traffic::Traffic;
use super::{Piece, Scratch, Tile};
use crate::term::Combine;

/// What a reduction reads: a block, that which it may be multiplied by, and how many rows make an element.
#[derive(Clone, Copy)]
struct Sources<T> {
    from: *const T,
    with: *const T,
    each: usize,
}

impl<T> Sources<T> {
    /// So many elements further, within the blocks.
    fn moved(self, by: usize) -> Self {
        Self {
            from: self.from.wrapping_add(by),
            with: self.with.wrapping_add(by),
            each: self.each,
        }
    }
}

impl<T: Real> Tile<'_, T> {
    /// Stores and combines the values of a piece.
    ///
    /// # Safety
    /// They are there, and the tile is nobody else's.
    #[inline]
    pub(super) unsafe fn output(&self, piece: Piece, scratch: &mut Scratch<T>) {
        let Scratch {
            addresses,
            totals,
            traffic,
            ..
        } = scratch;
        let output = &self.ready.nest.output;
        let reducers = output.reductions.iter().zip(&self.ready.reducers);
        for ((reduced, reducer), total) in reducers.zip(totals) {
            let target = self.address(reduced.place);
            let each = reduced.rows_per_element;
            let from = addresses[reduced.value].cast_const();
            let with = reduced.with.map_or(from, |with| addresses[with]);
            let from = Sources { from, with, each };
            // SAFETY: the block holds the piece; the target an element for each of these rows, or where they are
            // combined across, for each of their columns.
            unsafe {
                if !output.across && each == 1 && piece.width == self.inner() {
                    let target = target.wrapping_add(piece.row);
                    reducer(from.from, from.with, piece.width, piece.rows, target);
                } else if output.across {
                    let products = reduced.with.is_some();
                    self.across(piece, *reducer, (from, products), target);
                } else {
                    self.along(piece, *reducer, from, target, total);
                }
                traffic.turn();
            }
        }
        // SAFETY: what is on its way lies in the other half of the staging.
        unsafe { traffic.finish() };
        let flat = self.flat(piece);
        for (store, sent) in output.stores.iter().zip(&self.ready.sent) {
            let from = addresses[store.value];
            if store.of_row {
                // SAFETY: blocks are rows, of which the target has an element each.
                unsafe { *self.address(store.place).wrapping_add(piece.row) = *from };
                continue;
            }
            let to = self.address(store.place).wrapping_add(flat);
            let size = piece.rows * piece.width;
            // A piece of whole rows is stored as one.
            let (rows, width) = if piece.width == self.inner() {
                (1, size)
            } else {
                (piece.rows, piece.width)
            };
            for row in 0..rows {
                // SAFETY: stores are dense over the nest; a block is never stored over itself, and what is written past the
                // caches is read by no statement.
                unsafe {
                    let (from, to) = (from.add(row * width), to.add(row * self.inner()));
                    if *sent && Traffic::takes(to, size) {
                        traffic.store(from, to, size);
                    } else if store.streams {
                        stream::copy(from, to, width);
                    } else {
                        std::ptr::copy(from, to, width);
                    }
                }
            }
        }
    }

    /// Combines a piece's rows into the rows of a target, `each` of them into one.
    unsafe fn across(
        &self,
        piece: Piece,
        reducer: Reducer<T>,
        (from, products): (Sources<T>, bool),
        target: *mut T,
    ) {
        let each = from.each;
        let mut element = piece.row / each;
        let mut before = piece.row - element * each;
        let mut turn = 0;
        while turn < piece.rows {
            let mut rows = (each - before).min(piece.rows - turn);
            // SAFETY: the caller's promise.
            unsafe {
                let mut from = from.moved(turn * piece.width);
                let to = target.wrapping_add(element * self.inner() + piece.column);
                turn += rows;
                if before == 0 && products {
                    std::slice::from_raw_parts_mut(to, piece.width).fill(T::ZERO);
                } else if before == 0 {
                    std::ptr::copy_nonoverlapping(from.from, to, piece.width);
                    from = from.moved(piece.width);
                    rows -= 1;
                }
                reducer(from.from, from.with, piece.width, rows, to);
            }
            element += 1;
            before = 0;
        }
    }

    /// Combines a piece's rows into elements, `each` of them into one, which other pieces may go on with.
    unsafe fn along(
        &self,
        piece: Piece,
        reducer: Reducer<T>,
        from: Sources<T>,
        target: *mut T,
        total: &mut Accumulator,
    ) {
        let each = from.each;
        let whole = piece.column + piece.width == self.inner();
        for turn in 0..piece.rows {
            let row = piece.row + turn;
            // SAFETY: the caller's promise.
            unsafe {
                let from = from.moved(turn * piece.width);
                let mut part = T::ZERO;
                reducer(from.from, from.with, piece.width, 1, &raw mut part);
                total.push(part.to_f64());
                if whole && (each == 1 || (row + 1).is_multiple_of(each)) {
                    let element = if each == 1 { row } else { row / each };
                    *target.wrapping_add(element) = T::from_f64(total.take());
                }
            }
        }
    }
}

/// Combines the parts of one element in double precision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Accumulator {
    combine: Combine,
    value: f64,
}

impl Accumulator {
    pub(super) fn new(combine: Combine) -> Self {
        let mut accumulator = Self {
            combine,
            value: 0.0,
        };
        accumulator.take();
        accumulator
    }

    fn push(&mut self, part: f64) {
        self.value = match self.combine {
            Combine::Sum => self.value + part,
            Combine::Product => self.value * part,
            Combine::Maximum => self.value.max(part),
            Combine::Minimum => self.value.min(part),
        };
    }

    /// The value; starts anew.
    fn take(&mut self) -> f64 {
        let start = match self.combine {
            Combine::Sum => 0.0,
            Combine::Product => 1.0,
            Combine::Maximum => f64::NEG_INFINITY,
            Combine::Minimum => f64::INFINITY,
        };
        std::mem::replace(&mut self.value, start)
    }
}
