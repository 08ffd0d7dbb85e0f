//! Runs loop nests block by block: each value of a block is computed by one kernel over elements that stay in
//! the nearest cache. Nothing here chooses what is computed or in which order.

use std::ops::Range;

use super::real::{Kernel, Real, Reducer};
use super::run::Memory;
use crate::block::{Operation, Value};
use crate::nest::{Access, Nest, Place, Rows};
use crate::term::Combine;

/// Elements of a block.
pub(crate) const BLOCK: usize = 512;

/// A nest with its kernels looked up.
#[derive(Debug)]
pub(crate) struct Ready<T> {
    nest: Nest,
    steps: Vec<Action<T>>,
    /// For each reduction what combines a block into an element, and what combines two blocks.
    reducers: Vec<(Reducer<T>, Kernel<T>)>,
}

#[derive(Debug)]
enum Action<T> {
    /// Filled before the first block.
    Fixed,
    Load,
    Coordinate(usize),
    Kernel(Kernel<T>, [usize; 3]),
    Table(fn(&[f64]) -> f64, Vec<usize>),
}

/// The registers and addresses that one thread works with.
#[derive(Debug)]
pub(crate) struct Scratch<T> {
    registers: Vec<T>,
    addresses: Vec<*mut T>,
    arguments: Vec<f64>,
    totals: Vec<Accumulator>,
}

// SAFETY: the addresses are only meaningful during a call of `run`, which sets them anew.
unsafe impl<T: Send> Send for Scratch<T> {}

impl<T: Real> Scratch<T> {
    /// Room for every nest in `nests`.
    pub(crate) fn new<'a>(nests: impl Iterator<Item = &'a Ready<T>>) -> Self {
        let (mut registers, mut values, mut arguments, mut totals) = (0, 0, 0, 0);
        for ready in nests {
            registers = registers.max(ready.nest.registers);
            values = values.max(ready.nest.values.len());
            totals = totals.max(ready.reducers.len());
            for step in &ready.steps {
                if let Action::Table(_, list) = step {
                    arguments = arguments.max(list.len());
                }
            }
        }
        Self {
            registers: vec![T::ZERO; registers * BLOCK],
            addresses: vec![std::ptr::null_mut(); values],
            arguments: vec![0.0; arguments],
            totals: vec![Accumulator::new(Combine::Sum); totals],
        }
    }

    /// How many bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.registers)
            + size_of_val(&*self.addresses)
            + size_of_val(&*self.arguments)
    }
}

impl<T: Real> Ready<T> {
    /// Looks the kernels up.
    pub(crate) fn new(nest: Nest) -> Self {
        let steps = nest
            .values
            .iter()
            .map(|step| match &step.value {
                value if value.is_fixed() => Action::Fixed,
                Value::Constant(_) | Value::Load(..) => Action::Load,
                Value::Coordinate(axis) => Action::Coordinate(*axis),
                Value::Operation(operation, arguments) => action(*operation, arguments),
            })
            .collect();
        let reductions = nest.output.reductions.iter();
        let reducers = reductions
            .map(|reduced| (T::reducer(reduced.combine), T::combiner(reduced.combine)))
            .collect();
        Self {
            nest,
            steps,
            reducers,
        }
    }

    /// Runs the rows `from..to`.
    ///
    /// # Safety
    /// `memory` holds every element that the plan laid out, and nobody else writes what these rows touch.
    pub(crate) unsafe fn run(
        &self,
        memory: Memory<T>,
        from: usize,
        to: usize,
        scratch: &mut Scratch<T>,
    ) {
        let (from, to) = (from / self.nest.unit, to / self.nest.unit);
        let count = self.nest.extents.len();
        let mut rows = 0..self.nest.extents[..count - 1].iter().product();
        let mut columns = 0..self.nest.extents[count - 1];
        match self.nest.rows {
            Rows::One => {}
            Rows::Outer(each) => rows = from * each..to * each,
            Rows::Inner(each) => columns = from * each..to * each,
        }
        let tile = Tile {
            ready: self,
            memory,
            rows,
            columns,
            first: from,
        };
        // SAFETY: the caller's promise.
        unsafe { tile.run(scratch) };
    }
}

fn action<T: Real>(operation: Operation, arguments: &[usize]) -> Action<T> {
    if let Some(kernel) = T::kernel(operation) {
        let mut three = [arguments[0]; 3];
        three[..arguments.len()].copy_from_slice(arguments);
        return Action::Kernel(kernel, three);
    }
    Action::Table(super::elementwise::scalar(operation), arguments.to_vec())
}

struct Tile<'a, T> {
    ready: &'a Ready<T>,
    memory: Memory<T>,
    /// Over all axes but the last, taken as one.
    rows: Range<usize>,
    /// Of the last axis.
    columns: Range<usize>,
    /// The first of the rows that tiles are made of.
    first: usize,
}

/// Consecutive elements of the nest: whole rows of the last axis, or a piece of one.
#[derive(Clone, Copy)]
struct Piece {
    row: usize,
    rows: usize,
    column: usize,
    /// Elements of each row.
    width: usize,
}

impl<T: Real> Tile<'_, T> {
    unsafe fn run(&self, scratch: &mut Scratch<T>) {
        let inner = self.columns.len();
        let registers = scratch.registers.as_mut_ptr();
        for (place, step) in self.ready.nest.values.iter().enumerate() {
            // SAFETY: the scratch holds a block for each register.
            let register = unsafe { registers.add(step.register * BLOCK) };
            scratch.addresses[place] = register;
            let value = match &step.value {
                Value::Constant(value) => T::from_f64(value.0),
                // SAFETY: the plan laid it out.
                value if value.is_fixed() => unsafe { *self.address(step.access.place) },
                _ => continue,
            };
            // SAFETY: as above.
            unsafe { std::slice::from_raw_parts_mut(register, BLOCK) }.fill(value);
        }
        let reductions = &self.ready.nest.output.reductions;
        for (total, reduced) in scratch.totals.iter_mut().zip(reductions) {
            *total = Accumulator::new(reduced.combine);
        }
        if inner >= BLOCK {
            for row in self.rows.clone() {
                for column in self.columns.clone().step_by(BLOCK) {
                    let width = BLOCK.min(self.columns.end - column);
                    let piece = Piece {
                        row,
                        rows: 1,
                        column,
                        width,
                    };
                    // SAFETY: the piece lies within the tile.
                    unsafe { self.piece(piece, scratch) };
                }
            }
            return;
        }
        let together = BLOCK / inner;
        for row in self.rows.clone().step_by(together) {
            let piece = Piece {
                row,
                rows: together.min(self.rows.end - row),
                column: self.columns.start,
                width: inner,
            };
            // SAFETY: the piece lies within the tile.
            unsafe { self.piece(piece, scratch) };
        }
    }

    unsafe fn piece(&self, piece: Piece, scratch: &mut Scratch<T>) {
        let nest = &self.ready.nest;
        let size = piece.rows * piece.width;
        let flat = piece.row * self.inner() + piece.column;
        let registers = scratch.registers.as_mut_ptr();
        for (place, (step, action)) in nest.values.iter().zip(&self.ready.steps).enumerate() {
            // SAFETY (this and below): registers hold a block each; offsets were laid out for these extents.
            let mut result = unsafe { registers.add(step.register * BLOCK) };
            match action {
                Action::Fixed => {}
                Action::Load => {
                    scratch.addresses[place] =
                        unsafe { self.load(&step.access, piece, flat, result, &scratch.addresses) };
                }
                Action::Coordinate(axis) => unsafe { self.coordinates(*axis, piece, result) },
                Action::Kernel(kernel, [a, b, c]) => {
                    if let Some(target) = step.direct {
                        result = self.address(target).wrapping_add(flat);
                        scratch.addresses[place] = result;
                    }
                    let addresses = &scratch.addresses;
                    unsafe { kernel(addresses[*a], addresses[*b], addresses[*c], result, size) };
                }
                Action::Table(function, list) => {
                    if let Some(target) = step.direct {
                        result = self.address(target).wrapping_add(flat);
                        scratch.addresses[place] = result;
                    }
                    let arguments = &mut scratch.arguments[..list.len()];
                    for element in 0..size {
                        for (argument, value) in arguments.iter_mut().zip(list) {
                            *argument =
                                unsafe { (*scratch.addresses[*value].add(element)).to_f64() };
                        }
                        unsafe { *result.add(element) = T::from_f64(function(arguments)) };
                    }
                }
            }
        }
        // SAFETY: as above.
        unsafe { self.output(piece, flat, &scratch.addresses, &mut scratch.totals) };
    }

    /// The address that an array would have if it held all rows.
    fn address(&self, place: Place) -> *mut T {
        self.memory.address(place, self.first)
    }

    /// Elements of the last axis, whatever the tile's share is.
    fn inner(&self) -> usize {
        self.ready.nest.extents.last().copied().unwrap_or(1)
    }

    unsafe fn output(
        &self,
        piece: Piece,
        flat: usize,
        addresses: &[*mut T],
        totals: &mut [Accumulator],
    ) {
        let output = &self.ready.nest.output;
        for store in &output.stores {
            let to = self.address(store.place).wrapping_add(flat);
            // SAFETY: stores are dense over the nest; a block is never stored over itself.
            unsafe { std::ptr::copy(addresses[store.value], to, piece.rows * piece.width) };
        }
        let reducers = output.reductions.iter().zip(&self.ready.reducers);
        for ((reduced, (reducer, combiner)), total) in reducers.zip(totals) {
            let target = self.address(reduced.place);
            let each = reduced.rows_per_element;
            for turn in 0..piece.rows {
                let row = piece.row + turn;
                // SAFETY: the block holds the piece; the target an element for each of these rows, or where they are
                // combined across, for each of their columns.
                unsafe {
                    let from = addresses[reduced.value].add(turn * piece.width);
                    if output.across {
                        let to = target.wrapping_add(row / each * self.inner() + piece.column);
                        if row.is_multiple_of(each) {
                            std::ptr::copy_nonoverlapping(from, to, piece.width);
                        } else {
                            combiner(to, from, from, to, piece.width);
                        }
                        continue;
                    }
                    total.push(reducer(from, piece.width).to_f64());
                    let whole = piece.column + piece.width == self.inner();
                    if whole && (row + 1).is_multiple_of(each) {
                        *target.wrapping_add(row / each) = T::from_f64(total.take());
                    }
                }
            }
        }
    }

    /// The address of a load's elements: in place where they lie side by side, else gathered in `register`.
    unsafe fn load(
        &self,
        access: &Access,
        piece: Piece,
        flat: usize,
        register: *mut T,
        addresses: &[*mut T],
    ) -> *mut T {
        let count = self.ready.nest.extents.len();
        let base = self.address(access.place);
        let stride = access.strides[count - 1];
        // SAFETY: the plan was laid out for these extents; computed positions are compared with theirs.
        unsafe {
            if access.computed.is_empty() {
                if access.dense && (piece.rows == 1 || piece.width == self.inner()) {
                    return base.wrapping_add(flat);
                }
                if piece.rows == 1 && stride == 1 {
                    let offset = self.row_offset(access, piece.row) + piece.column;
                    return base.wrapping_add(offset);
                }
            }
            for turn in 0..piece.rows {
                let offset = self.row_offset(access, piece.row + turn) + piece.column * stride;
                let to = register.add(turn * piece.width);
                let from = base.wrapping_add(offset);
                if !access.computed.is_empty() {
                    for element in 0..piece.width {
                        let mut moved = element * stride;
                        let mut inside = true;
                        for (value, stride, extent) in &access.computed {
                            let at = *addresses[*value].add(turn * piece.width + element);
                            let at = at.to_f64();
                            let whole = at as usize;
                            #[expect(clippy::float_cmp, reason = "a position is a whole number")]
                            let valid = whole as f64 == at && whole < *extent;
                            inside &= valid;
                            moved += if valid { whole * stride } else { 0 };
                        }
                        *to.add(element) = if inside { *from.add(moved) } else { T::ZERO };
                    }
                } else if stride == 0 {
                    std::slice::from_raw_parts_mut(to, piece.width).fill(*from);
                } else if stride == 1 {
                    std::ptr::copy_nonoverlapping(from, to, piece.width);
                } else {
                    for element in 0..piece.width {
                        *to.add(element) = *from.add(element * stride);
                    }
                }
            }
        }
        register
    }

    /// The offset of a row of the last axis.
    fn row_offset(&self, access: &Access, row: usize) -> usize {
        let extents = &self.ready.nest.extents;
        let outer = extents.len() - 1;
        let mut rest = row;
        let mut offset = 0;
        for axis in (1..outer).rev() {
            offset += rest % extents[axis] * access.strides[axis];
            rest /= extents[axis];
        }
        if outer > 0 {
            offset += rest * access.strides[0];
        }
        offset
    }

    unsafe fn coordinates(&self, axis: usize, piece: Piece, register: *mut T) {
        let extents = &self.ready.nest.extents;
        let last = extents.len() - 1;
        for turn in 0..piece.rows {
            // SAFETY: a register holds the piece.
            let to = unsafe { register.add(turn * piece.width) };
            let to = unsafe { std::slice::from_raw_parts_mut(to, piece.width) };
            if axis == last {
                T::count_from(piece.column, to);
            } else {
                let below: usize = extents[axis + 1..last].iter().product();
                let coordinate = (piece.row + turn) / below % extents[axis];
                to.fill(T::from_f64(coordinate as f64));
            }
        }
    }
}

/// Combines the parts of one element in double precision.
#[derive(Debug, Clone, Copy)]
struct Accumulator {
    combine: Combine,
    value: f64,
}

impl Accumulator {
    fn new(combine: Combine) -> Self {
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
