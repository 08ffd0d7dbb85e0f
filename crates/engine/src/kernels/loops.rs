//! Runs loop nests block by block: each value of a block is computed by one kernel over elements that stay in
//! the nearest cache. Nothing here chooses what is computed or in which order.

use std::collections::BTreeSet;
use std::ops::Range;

use super::aligned::Aligned;
use super::product::Part;
use super::program::{Action, Instruction, Program, Source};
use super::real::{Real, Reducer};
use super::reductions::Reduction;
use super::run::Memory;
use super::stream;
use super::traffic::Traffic;
use crate::block::Value;
use crate::memory::{ALIGNMENT, Home, Place};
use crate::nest::{Nest, Rows, Step, Store, Varies};
use crate::term::{ArrayId, Combine};

mod gather;
mod results;

use results::Accumulator;

/// Bytes of a block.
const BLOCK: usize = 4096;

/// Elements of a block.
const fn block<T>() -> usize {
    BLOCK / size_of::<T>()
}

/// Bytes of an array that is far: no core holds several of them near.
const FAR: usize = 256 << 10;

/// Narrower pieces of rows are gathered, several at once.
const LEAST_PIECE: usize = 64;

/// A nest with its kernels looked up.
#[derive(Debug)]
pub(crate) struct Ready<T> {
    nest: Nest,
    /// The extents of all axes but the last, taken as one, and of the last.
    extents: [usize; 2],
    program: Program<T>,
    /// Elements of a block, at most, and from one register to the next.
    block: usize,
    register: usize,
    /// For each reduction what combines the rows of a block.
    reducers: Vec<Reducer<T>>,
    /// For each store whether it is sent while the next block is computed.
    sent: Vec<bool>,
    /// Whether anything is written past the caches.
    streams: bool,
    /// What is asked for before it is read: values whose rows come next, or whose blocks do.
    ahead: Vec<usize>,
    /// Whether it is their next blocks.
    blocks: bool,
}

/// The registers and addresses that one thread works with.
#[derive(Debug)]
pub(crate) struct Scratch<T> {
    registers: Aligned<T>,
    /// For each value where it starts: where its array does, and where the present block's elements are.
    sources: Vec<*mut T>,
    addresses: Vec<*mut T>,
    arguments: Vec<f64>,
    totals: Vec<Accumulator>,
    /// Blocks that are sent to memory, by turns the first and the second half.
    staging: Aligned<T>,
    second: bool,
    traffic: Traffic<T>,
}

// SAFETY: the addresses are only meaningful during a call of `run`, which sets them anew.
unsafe impl<T: Send> Send for Scratch<T> {}

impl<T: Real> Scratch<T> {
    /// Room for every nest in `nests`.
    pub(crate) fn new<'a>(nests: impl Iterator<Item = &'a Ready<T>>) -> Self {
        let (mut registers, mut values, mut arguments, mut totals) = (0, 0, 0, 0);
        let mut sent = 0;
        for ready in nests {
            registers = registers.max(ready.nest.registers * ready.register);
            values = values.max(ready.nest.values.len());
            totals = totals.max(ready.reducers.len());
            sent = sent.max(2 * ready.sent.iter().filter(|sent| **sent).count() * ready.register);
            arguments = arguments.max(ready.program.most_arguments());
        }
        Self {
            registers: Aligned::new(registers),
            sources: vec![std::ptr::null_mut(); values],
            addresses: vec![std::ptr::null_mut(); values],
            arguments: vec![0.0; arguments],
            totals: vec![Accumulator::new(Combine::Sum); totals],
            staging: Aligned::new(sent),
            second: false,
            traffic: Traffic::new(),
        }
    }

    /// How many bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.registers.elements())
            + size_of_val(self.staging.elements())
            + size_of_val(&*self.sources)
            + size_of_val(&*self.addresses)
            + size_of_val(&*self.arguments)
    }
}

impl<T> Ready<T> {
    /// Whether anything is written past the caches.
    pub(crate) fn streams(&self) -> bool {
        self.streams
    }
}

impl<T: Real> Ready<T> {
    /// Looks the kernels up.
    pub(crate) fn new(mut nest: Nest) -> Self {
        let inner = nest.extents.last().map_or(1, |inner| *inner);
        for step in &mut nest.values {
            step.past &= goes_past::<T>(step, inner);
        }
        let block = if nest.by_row { inner } else { block::<T>() };
        // Not a power of two, so that the registers of one instruction do not compete for the same lines of the cache.
        let register = block.next_multiple_of(ALIGNMENT) + ALIGNMENT;
        let program = Program::new(&nest, register);
        let reductions = nest.output.reductions.iter();
        let reducers = reductions
            .map(|reduced| {
                let what = match reduced.with {
                    Some(_) => Reduction::Products,
                    None => Reduction::Elements(reduced.combine),
                };
                T::reducer(what, nest.output.across)
            })
            .collect();
        let value = |store: &Store| &nest.values[store.value];
        let sent = |store: &Store| {
            // What is computed anew for each block, and by one kernel.
            store.streams
                && !nest.tiled
                && value(store).varies == Varies::Everywhere
                && matches!(value(store).value, Value::Operation(..))
                && value(store).direct.is_none()
        };
        let sent = nest.output.stores.iter().map(sent).collect();
        let streams = nest.output.stores.iter().any(|store| store.streams)
            || nest.values.iter().any(|step| step.past);
        let outer = nest
            .extents
            .split_last()
            .map_or(&[][..], |(_, outer)| outer);
        Self {
            extents: [outer.iter().product(), inner],
            block,
            register,
            nest,
            program,
            reducers,
            sent,
            streams,
            ahead: Vec::new(),
            blocks: false,
        }
    }

    /// Has the loop ask for the rows of a large array that are read next, if it reads one that is not among `known`.
    pub(crate) fn ask_ahead(&mut self, known: &mut BTreeSet<ArrayId>) {
        let shared =
            |step: &Step| step.access.dense && !matches!(step.access.place.home, Home::Strip(_));
        for (number, step) in self.nest.values.iter().enumerate() {
            if let Value::Load(array, _) = &step.value
                && shared(step)
                && matches!(self.nest.rows, Rows::Outer(_))
                && known.insert(*array)
            {
                self.ahead.push(number);
                return;
            }
        }
    }

    /// Has the loop ask for the next block of what it reads from afar and of what it writes there, while it computes one: a pass over
    /// memory and several over what is near would take turns otherwise.
    pub(crate) fn ask_for_blocks(&mut self) {
        let nest = &self.nest;
        let size = self.extents[0] * self.extents[1] * size_of::<T>();
        if size < FAR || self.program.kernels() < 2 {
            return;
        }
        let loads = |step: &Step| matches!(step.value, Value::Load(..)) && step.access.dense;
        let far = |(_, step): &(usize, &Step)| match step.direct {
            Some(_) if step.past => false,
            // What is written over is read already.
            Some(place) => {
                let over = |other: &Step| loads(other) && other.access.place == place;
                !nest.values.iter().any(over)
            }
            None => loads(step),
        };
        let values = nest.values.iter().enumerate();
        self.ahead = values.filter(far).map(|(number, _)| number).collect();
        self.blocks = true;
    }

    /// Runs some rows; where tiles have columns of their own, some columns of them. Those that are `ahead` rows further, if
    /// any, come next.
    ///
    /// # Safety
    /// `memory` holds every element that the plan laid out, and nobody else writes what these rows touch.
    pub(crate) unsafe fn run(
        &self,
        memory: Memory<'_, T>,
        part: &Part,
        ahead: usize,
        scratch: &mut Scratch<T>,
    ) {
        let Range {
            start: from,
            end: to,
        } = part.rows;
        let [all_rows, inner] = self.extents;
        let (mut rows, mut columns) = (0..all_rows, 0..inner);
        match self.nest.rows {
            Rows::One => {}
            Rows::Outer(each) => rows = from * each..to * each,
            Rows::Inner(each) => columns = from * each..to * each,
        }
        if self.nest.tiled {
            columns = part.columns.clone();
        }
        let ahead = match self.nest.rows {
            Rows::Outer(each) => ahead * each * inner,
            Rows::One | Rows::Inner(_) => 0,
        };
        let tile = Tile {
            ready: self,
            ahead,
            memory,
            rows,
            columns,
            first: from,
            registers: scratch.registers.elements_mut().as_mut_ptr(),
        };
        tile.place(scratch);
        // SAFETY: the caller's promise.
        unsafe {
            tile.run(scratch);
            scratch.traffic.finish();
        }
    }
}

/// Whether a kernel can write a value's rows past the caches: whole lines of the arena.
fn goes_past<T: Real>(step: &Step, inner: usize) -> bool {
    let whole = |count: usize| (count * size_of::<T>()).is_multiple_of(stream::LINE);
    let starts = |place: Place| place.home == Home::Arena && whole(place.offset);
    let kernel = |operation| T::kernel_past(operation, [false; 3]).is_some();
    whole(inner)
        && step.direct.is_some_and(starts)
        && matches!(step.value, Value::Operation(operation, _) if kernel(operation))
}

struct Tile<'a, T> {
    ready: &'a Ready<T>,
    memory: Memory<'a, T>,
    /// Over all axes but the last, taken as one.
    rows: Range<usize>,
    /// Of the last axis.
    columns: Range<usize>,
    /// The first of the rows that tiles are made of.
    first: usize,
    registers: *mut T,
    /// So many elements further, in what is dense over the nest, lies what is read next; zero if nothing is.
    ahead: usize,
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
    /// Sets the addresses of all values to where they start.
    fn place(&self, scratch: &mut Scratch<T>) {
        let program = &self.ready.program;
        // In the order of `Source`'s homes. Nothing is written to constants: no instruction computes one in place.
        let homes: [_; Source::LENT] = [
            self.registers,
            program.constants.as_ptr().cast_mut(),
            self.memory.arena,
            self.memory.locals,
        ];
        let places = scratch.sources.iter_mut().zip(&mut scratch.addresses);
        for (source, (start, address)) in program.sources.iter().zip(places) {
            let home = match homes.get(source.home) {
                Some(home) => *home,
                None => self.memory.lent[source.home - Source::LENT],
            };
            let held = home.wrapping_add(source.offset);
            *start = held.wrapping_sub(self.first * source.row);
            *address = *start;
        }
    }

    unsafe fn run(&self, scratch: &mut Scratch<T>) {
        let inner = self.columns.len();
        let Ready { program, block, .. } = self.ready;
        let block = *block;
        let first = Piece {
            row: self.rows.start,
            rows: 1,
            column: self.columns.start,
            width: block.min(self.rows.len() * inner),
        };
        if !program.fixed.is_empty() {
            // SAFETY: values that are the same everywhere are those of the first piece.
            unsafe { self.execute(&program.fixed, first, scratch) };
        }
        let reductions = &self.ready.nest.output.reductions;
        for (total, reduced) in scratch.totals.iter_mut().zip(reductions) {
            *total = Accumulator::new(reduced.combine);
        }
        let pieces = inner > block / 2 || (inner < self.inner() && inner >= LEAST_PIECE);
        if pieces {
            for row in self.rows.clone() {
                let piece = |column| Piece {
                    row,
                    rows: 1,
                    column,
                    width: block.min(self.columns.end - column),
                };
                // SAFETY (both): the pieces lie within the tile.
                unsafe { self.execute(&program.by_row, piece(self.columns.start), scratch) };
                for column in self.columns.clone().step_by(block) {
                    unsafe { self.block(&program.row, piece(column), scratch) };
                }
            }
            return;
        }
        let together = if self.rows.len() * inner <= block {
            // Small plans need no division.
            self.rows.len()
        } else {
            (block / inner).max(1)
        };
        let mut row = self.rows.start;
        while row < self.rows.end {
            let piece = Piece {
                row,
                rows: together.min(self.rows.end - row),
                column: self.columns.start,
                width: inner,
            };
            // SAFETY: the piece lies within the tile.
            unsafe { self.block(&program.rows, piece, scratch) };
            row += together;
        }
    }

    /// Computes the values of a piece and what becomes of them.
    unsafe fn block(
        &self,
        instructions: &[Instruction<T>],
        piece: Piece,
        scratch: &mut Scratch<T>,
    ) {
        if self.ready.streams || self.ready.blocks || self.ahead > 0 {
            self.stage(piece, scratch);
        }
        // SAFETY: the caller's promise.
        unsafe {
            self.execute(instructions, piece, scratch);
            self.output(piece, scratch);
        }
    }

    /// Gives values that are sent to memory their places for this block, and asks for what is read later.
    fn stage(&self, piece: Piece, scratch: &mut Scratch<T>) {
        let ready = self.ready;
        let stores = ready.nest.output.stores.iter().zip(&ready.sent);
        let half = usize::from(scratch.second) * scratch.staging.elements().len() / 2;
        let staging = scratch.staging.elements_mut().as_mut_ptr();
        let sent = stores.filter(|(_, sent)| **sent);
        for (number, (store, _)) in sent.enumerate() {
            scratch.addresses[store.value] = staging.wrapping_add(half + number * ready.register);
        }
        scratch.second = !scratch.second;
        let size = piece.rows * piece.width;
        let ahead = if ready.blocks { size } else { self.ahead };
        if ahead > 0 {
            for value in &ready.ahead {
                let from = scratch.sources[*value].wrapping_add(self.flat(piece) + ahead);
                scratch.traffic.fetch(from, size);
            }
        }
    }

    /// Computes values for a piece.
    #[inline]
    unsafe fn execute(
        &self,
        instructions: &[Instruction<T>],
        piece: Piece,
        scratch: &mut Scratch<T>,
    ) {
        let sources = scratch.sources.as_ptr();
        let addresses = scratch.addresses.as_mut_ptr();
        let flat = self.flat(piece);
        let block = piece.rows * piece.width;
        let scattered = piece.rows > 1 && piece.width < self.inner();
        for instruction in instructions {
            let value = instruction.value;
            let size = if instruction.scalar { 1 } else { block };
            // SAFETY: there are addresses for all values; registers hold a block each; places were laid out for these
            // extents.
            unsafe {
                let address = addresses.add(value);
                match &instruction.action {
                    Action::Kernel(kernel, [a, b, c]) => {
                        kernel(
                            *addresses.add(*a),
                            *addresses.add(*b),
                            *addresses.add(*c),
                            *address,
                            size,
                        );
                        scratch.traffic.turn();
                    }
                    Action::Combine(reducer, [a, b]) => {
                        reducer(*addresses.add(*a), *addresses.add(*b), block, 1, *address);
                        scratch.traffic.turn();
                    }
                    Action::Dense if !scattered => {
                        *address = (*sources.add(value)).wrapping_add(flat);
                    }
                    Action::Near => {
                        let (row, column) = (
                            piece.row - self.rows.start,
                            piece.column - self.columns.start,
                        );
                        let offset = row * self.columns.len() + column;
                        *address = (*sources.add(value)).wrapping_add(offset);
                    }
                    Action::Line => {
                        let access = &self.ready.nest.values[value].access;
                        let stride = access.strides.last().copied().unwrap_or(0);
                        let offset = self.row_offset(access, piece.row) + piece.column * stride;
                        *address = (*sources.add(value)).wrapping_add(offset);
                    }
                    Action::Spread(register) => {
                        let first = **address;
                        if let Some(register) = register {
                            *address = self.registers.wrapping_add(*register);
                        }
                        std::slice::from_raw_parts_mut(*address, block).fill(first);
                    }
                    _ => self.gather(instruction, piece, scratch),
                }
            }
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
        self.ready.extents[1]
    }
}
