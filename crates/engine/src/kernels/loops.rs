//! Runs loop nests block by block: each value of a block is computed by one kernel over elements that stay in
//! the nearest cache. Nothing here chooses what is computed or in which order.

use std::ops::Range;

use super::program::{Action, Instruction, Program};
use super::real::{Real, Reducer};
use super::run::{Aligned, Memory};
use super::stream;
use crate::memory::ALIGNMENT;
use crate::nest::{Access, Nest, Place, Rows};
use crate::term::Combine;

/// Elements of a block.
pub(crate) const BLOCK: usize = 512;

/// Elements from one register to the next: not a power of two, so that those of one instruction do not compete for
/// the same lines of the cache.
const REGISTER: usize = BLOCK + ALIGNMENT;

/// A nest with its kernels looked up.
#[derive(Debug)]
pub(crate) struct Ready<T> {
    nest: Nest,
    program: Program<T>,
    /// For each reduction what combines the rows of a block.
    reducers: Vec<Reducer<T>>,
}

/// The registers and addresses that one thread works with.
#[derive(Debug)]
pub(crate) struct Scratch<T> {
    registers: Aligned<T>,
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
            arguments = arguments.max(ready.program.most_arguments());
        }
        Self {
            registers: Aligned::new(registers * REGISTER),
            addresses: vec![std::ptr::null_mut(); values],
            arguments: vec![0.0; arguments],
            totals: vec![Accumulator::new(Combine::Sum); totals],
        }
    }

    /// How many bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.registers.elements())
            + size_of_val(&*self.addresses)
            + size_of_val(&*self.arguments)
    }
}

impl<T: Real> Ready<T> {
    /// Looks the kernels up.
    pub(crate) fn new(nest: Nest) -> Self {
        let program = Program::new(&nest);
        let reductions = nest.output.reductions.iter();
        let reducers = reductions
            .map(|reduced| T::reducer(reduced.combine, nest.output.across))
            .collect();
        Self {
            nest,
            program,
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
        if self.nest.output.stores.iter().any(|store| store.streams) {
            stream::finish();
        }
    }
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
        let program = &self.ready.program;
        let first = Piece {
            row: self.rows.start,
            rows: 1,
            column: self.columns.start,
            width: BLOCK.min(self.rows.len() * inner),
        };
        // SAFETY: values that are the same everywhere are those of the first piece.
        unsafe { self.execute(&program.fixed, first, scratch) };
        let reductions = &self.ready.nest.output.reductions;
        for (total, reduced) in scratch.totals.iter_mut().zip(reductions) {
            *total = Accumulator::new(reduced.combine);
        }
        let together = (BLOCK / inner).max(1);
        let instructions = if together > 1 {
            &program.rows
        } else {
            &program.row
        };
        for row in self.rows.clone().step_by(together) {
            let rows = together.min(self.rows.end - row);
            for column in self.columns.clone().step_by(BLOCK) {
                let width = BLOCK.min(self.columns.end - column);
                let piece = Piece {
                    row,
                    rows,
                    column,
                    width,
                };
                // SAFETY: the piece lies within the tile.
                unsafe {
                    self.execute(instructions, piece, scratch);
                    self.output(piece, &scratch.addresses, &mut scratch.totals);
                }
            }
        }
    }

    /// Computes values for a piece.
    unsafe fn execute(
        &self,
        instructions: &[Instruction<T>],
        piece: Piece,
        scratch: &mut Scratch<T>,
    ) {
        let Scratch {
            registers,
            addresses,
            arguments,
            ..
        } = scratch;
        let registers = registers.elements_mut().as_mut_ptr();
        let flat = self.flat(piece);
        for instruction in instructions {
            let step = &self.ready.nest.values[instruction.value];
            // Operations may write to an array at once.
            let mut result = match step.direct {
                Some(target) => self.address(target).wrapping_add(flat),
                None => registers.wrapping_add(step.register * REGISTER),
            };
            let part = if instruction.scalar {
                Piece {
                    rows: 1,
                    width: 1,
                    ..piece
                }
            } else {
                piece
            };
            let size = part.rows * part.width;
            // SAFETY: registers hold a block each; places were laid out for these extents.
            unsafe {
                match &instruction.action {
                    Action::Constant(value) => *result = *value,
                    Action::Load => {
                        let from = self.load(&step.access, part, result, addresses);
                        if instruction.spread {
                            *result = *from;
                        } else {
                            result = from;
                        }
                    }
                    Action::Coordinate(axis) => self.coordinates(*axis, part, result),
                    Action::Kernel(kernel, [a, b, c]) => {
                        kernel(addresses[*a], addresses[*b], addresses[*c], result, size);
                    }
                    Action::Table(function, list) => {
                        let arguments = &mut arguments[..list.len()];
                        for element in 0..size {
                            for (argument, (value, scalar)) in arguments.iter_mut().zip(list) {
                                let at = if *scalar { 0 } else { element };
                                *argument = (*addresses[*value].add(at)).to_f64();
                            }
                            *result.add(element) = T::from_f64(function(arguments));
                        }
                    }
                }
                if instruction.spread {
                    let size = piece.rows * piece.width;
                    std::slice::from_raw_parts_mut(result, size).fill(*result);
                }
            }
            addresses[instruction.value] = result;
        }
    }

    /// Elements before a piece in an array that is dense over the nest.
    fn flat(&self, piece: Piece) -> usize {
        piece.row * self.inner() + piece.column
    }

    /// The address that an array would have if it held all rows.
    fn address(&self, place: Place) -> *mut T {
        self.memory.address(place, self.first)
    }

    /// Elements of the last axis, whatever the tile's share is.
    fn inner(&self) -> usize {
        self.ready.nest.extents.last().copied().unwrap_or(1)
    }

    unsafe fn output(&self, piece: Piece, addresses: &[*mut T], totals: &mut [Accumulator]) {
        let flat = self.flat(piece);
        let output = &self.ready.nest.output;
        for store in &output.stores {
            let to = self.address(store.place).wrapping_add(flat);
            let (from, size) = (addresses[store.value], piece.rows * piece.width);
            // SAFETY: stores are dense over the nest; a block is never stored over itself, and what is written past the
            // caches is read by no statement.
            unsafe {
                if store.streams {
                    stream::copy(from, to, size);
                } else {
                    std::ptr::copy(from, to, size);
                }
            }
        }
        let reducers = output.reductions.iter().zip(&self.ready.reducers);
        for ((reduced, reducer), total) in reducers.zip(totals) {
            let target = self.address(reduced.place);
            let each = reduced.rows_per_element;
            let from = addresses[reduced.value];
            let whole = piece.column + piece.width == self.inner();
            // SAFETY: the block holds the piece; the target an element for each of these rows, or where they are
            // combined across, for each of their columns.
            unsafe {
                if !output.across && each == 1 && piece.width == self.inner() {
                    reducer(
                        from,
                        piece.width,
                        piece.rows,
                        target.wrapping_add(piece.row),
                    );
                    continue;
                }
                if output.across {
                    let mut turn = 0;
                    while turn < piece.rows {
                        let row = piece.row + turn;
                        let mut rows = (each - row % each).min(piece.rows - turn);
                        let mut from = from.add(turn * piece.width);
                        let to = target.wrapping_add(row / each * self.inner() + piece.column);
                        turn += rows;
                        if row.is_multiple_of(each) {
                            std::ptr::copy_nonoverlapping(from, to, piece.width);
                            from = from.add(piece.width);
                            rows -= 1;
                        }
                        reducer(from, piece.width, rows, to);
                    }
                    continue;
                }
                for turn in 0..piece.rows {
                    let row = piece.row + turn;
                    let from = from.add(turn * piece.width);
                    let mut part = T::ZERO;
                    reducer(from, piece.width, 1, &raw mut part);
                    total.push(part.to_f64());
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
                    return base.wrapping_add(self.flat(piece));
                }
                if piece.rows == 1 && (stride == 1 || piece.width == 1) {
                    let offset = self.row_offset(access, piece.row) + piece.column * stride;
                    return base.wrapping_add(offset);
                }
            }
            // Rows that are all the same are copied from the first, twice as many each time.
            let outer = &access.strides[..count - 1];
            let same = access.computed.is_empty() && outer.iter().all(|stride| *stride == 0);
            let rows = if same { 1 } else { piece.rows };
            for turn in 0..rows {
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
                    repeat(*from, to, piece.width);
                } else if stride == 1 {
                    std::ptr::copy_nonoverlapping(from, to, piece.width);
                } else {
                    for element in 0..piece.width {
                        *to.add(element) = *from.add(element * stride);
                    }
                }
            }
            let size = piece.rows * piece.width;
            let mut filled = rows * piece.width;
            while filled < size {
                let more = filled.min(size - filled);
                std::ptr::copy_nonoverlapping(register, register.add(filled), more);
                filled += more;
            }
        }
        register
    }

    /// The offset of a row of the last axis.
    fn row_offset(&self, access: &Access, row: usize) -> usize {
        let extents = &self.ready.nest.extents;
        let outer = extents.len() - 1;
        if outer == 1 {
            return row * access.strides[0];
        }
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

/// Elements that are written at once.
const WIDE: usize = 8;

/// Fills so many elements of a register, and some of those after them: a later row writes those anew, and the last
/// one has room behind it.
unsafe fn repeat<T: Real>(value: T, to: *mut T, width: usize) {
    const { assert!(WIDE <= REGISTER - BLOCK) };
    for column in (0..width).step_by(WIDE) {
        // SAFETY: registers are longer than blocks by more than is written too much.
        let block = unsafe { to.add(column).cast::<[T; WIDE]>() };
        // SAFETY: as above.
        unsafe { block.write_unaligned([value; WIDE]) };
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
