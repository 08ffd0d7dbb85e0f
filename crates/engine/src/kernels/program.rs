//! What computes each value of a block, settled when a plan is made: where a value lies, which kernel computes it, and
//! how often. What is the same everywhere is computed once for a tile, and what only changes from row to row once for a
//! row, where a block is a piece of one; kernels take such values as scalars. Nothing here runs.

use super::real::{Kernel, Real, Reducer};
use super::reductions::Reduction;
use crate::block::Value;
use crate::memory::{Home, Place};
use crate::nest::{Nest, Varies};

/// How a value of the block comes about, or a part of that.
#[derive(Debug)]
pub(super) enum Action<T> {
    /// It lies in a dense array, or is to be written there: at the block's own place.
    Dense,
    /// It lies in the tile of a large product.
    Near,
    /// It lies in an array, a piece of a row side by side, or one element.
    Line,
    /// It is gathered from an array.
    Gather,
    Coordinate(usize),
    Kernel(Kernel<T>, [usize; 3]),
    /// The block, which is a row, is combined into one element, or the products of two.
    Combine(Reducer<T>, [usize; 2]),
    /// A function that has no kernel, its arguments, and which of them are scalars.
    Table(fn(&[f64]) -> f64, Vec<(usize, bool)>),
    /// Its first element, which is there, is spread over the block: over the register, or in place.
    Spread(Option<usize>),
}

/// One step of a program.
#[derive(Debug)]
pub(super) struct Instruction<T> {
    pub value: usize,
    pub action: Action<T>,
    /// One element is computed instead of a block of them.
    pub scalar: bool,
}

/// Where the elements of a value start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    /// One of those below, or the number of a lent input after them: small plans look up many of these.
    pub home: usize,
    pub offset: usize,
    /// For an array that a thread holds a strip of: elements of one row of a tile.
    pub row: usize,
}

impl Source {
    pub(super) const REGISTERS: usize = 0;
    pub(super) const CONSTANTS: usize = 1;
    pub(super) const ARENA: usize = 2;
    pub(super) const LOCALS: usize = 3;
    pub(super) const LENT: usize = 4;

    fn array(place: Place) -> Self {
        let (home, row) = match place.home {
            Home::Arena => (Self::ARENA, 0),
            Home::Strip(row) => (Self::LOCALS, row),
            Home::Tile => (Self::LOCALS, 0),
            Home::Lent(number) => (Self::LENT + number, 0),
        };
        Self {
            home,
            offset: place.offset,
            row,
        }
    }
}

/// The instructions of a nest.
#[derive(Debug)]
pub(super) struct Program<T> {
    /// For each value where it lies; what is the same everywhere is there already, unless an instruction computes it.
    pub sources: Vec<Source>,
    pub constants: Vec<T>,
    /// Before the first block.
    pub fixed: Vec<Instruction<T>>,
    /// Before the first piece of a row, where blocks are pieces of one row.
    pub by_row: Vec<Instruction<T>>,
    /// For blocks that are pieces of one row, or rows.
    pub row: Vec<Instruction<T>>,
    /// For blocks of several rows.
    pub rows: Vec<Instruction<T>>,
}

impl<T: Real> Program<T> {
    /// Looks the kernels up, for registers that are so many elements apart.
    pub(super) fn new(nest: &Nest, register: usize) -> Self {
        let maker = Maker::new(nest, register);
        let mut constants = Vec::new();
        let source = |step: &crate::nest::Step| match &step.value {
            Value::Constant(value) => {
                constants.push(T::from_f64(value.0));
                Source {
                    home: Source::CONSTANTS,
                    offset: constants.len() - 1,
                    row: 0,
                }
            }
            Value::Load(..) => Source::array(step.access.place),
            _ => step.direct.map_or(
                Source {
                    home: Source::REGISTERS,
                    offset: step.register * register,
                    row: 0,
                },
                Source::array,
            ),
        };
        let sources = nest.values.iter().map(source).collect();
        let fixed = maker.hoisted(&|varies| varies == Varies::Never);
        // Row by row, what changes from row to row is computed among the others, which it may need.
        let ahead_of_row = |varies| varies != Varies::Everywhere && !nest.by_row;
        let lasting = maker.hoisted(&|varies| varies == Varies::Never || ahead_of_row(varies));
        let all = 0..nest.values.len();
        let chosen = |choose: &dyn Fn(&usize) -> bool| -> Vec<usize> {
            all.clone().filter(|value| choose(value)).collect()
        };
        let never = |varies| varies == Varies::Never;
        let in_row = |varies| varies != Varies::Everywhere;
        Self {
            sources,
            constants,
            fixed: maker.list(&chosen(&|value| fixed[*value]), &never, false),
            by_row: maker.list(
                &chosen(&|value| lasting[*value] && !fixed[*value]),
                &in_row,
                true,
            ),
            row: maker.list(&chosen(&|value| !lasting[*value]), &in_row, true),
            rows: if nest.by_row {
                Vec::new()
            } else {
                maker.list(&chosen(&|value| !fixed[*value]), &never, false)
            },
        }
    }

    /// How many kernels a block takes.
    pub(super) fn kernels(&self) -> usize {
        let kernel = |one: &&Instruction<T>| matches!(one.action, Action::Kernel(..));
        let count = |list: &[Instruction<T>]| list.iter().filter(kernel).count();
        count(&self.rows).max(count(&self.row))
    }

    /// The most arguments of a function that has no kernel.
    pub(super) fn most_arguments(&self) -> usize {
        let all = self.fixed.iter().chain(&self.row).chain(&self.rows);
        let arguments = all.map(|instruction| match &instruction.action {
            Action::Table(_, arguments) => arguments.len(),
            _ => 0,
        });
        arguments.max().unwrap_or(0)
    }
}

struct Maker<'a> {
    nest: &'a Nest,
    register: usize,
    /// Values of which all elements are read, by whoever takes no scalars.
    whole: Vec<bool>,
}

impl<'a> Maker<'a> {
    fn new(nest: &'a Nest, register: usize) -> Self {
        let output = &nest.output;
        let stored = output.stores.iter().filter(|store| !store.of_row);
        let stored = stored.map(|store| store.value);
        let reduced = output.reductions.iter();
        let reduced = reduced.flat_map(crate::nest::Reduced::values);
        let positions = nest.values.iter().flat_map(|step| &step.access.computed);
        let positions = positions.map(|(value, ..)| *value);
        let direct = |step: &crate::nest::Step| step.direct.is_some();
        let mut whole: Vec<bool> = nest.values.iter().map(direct).collect();
        let combined = nest
            .values
            .iter()
            .filter(|step| matches!(step.value, Value::Combined(..)));
        let combined = combined.flat_map(|step| step.value.arguments());
        for value in stored.chain(reduced).chain(positions).chain(combined) {
            whole[value] = true;
        }
        Self {
            nest,
            register,
            whole,
        }
    }

    /// The values that are computed ahead of the blocks: those that vary so. What is written to an array at once is
    /// computed where that is done, and what depends on it after it.
    fn hoisted(&self, ahead: &dyn Fn(Varies) -> bool) -> Vec<bool> {
        let mut hoisted: Vec<bool> = Vec::new();
        for step in &self.nest.values {
            let mut arguments = step.value.arguments().into_iter();
            let before = arguments.all(|argument| hoisted[argument]);
            hoisted.push(ahead(step.varies) && step.direct.is_none() && before);
        }
        hoisted
    }

    /// The instructions of some values, where those that vary so are scalars and blocks are pieces of a row or not.
    fn list<T: Real>(
        &self,
        values: &[usize],
        scalars: &dyn Fn(Varies) -> bool,
        pieces: bool,
    ) -> Vec<Instruction<T>> {
        let mut list = Vec::new();
        for value in values.iter().copied() {
            let step = &self.nest.values[value];
            if !step.needed {
                continue;
            }
            let scalar = scalars(step.varies);
            let mut push = |action| {
                list.push(Instruction {
                    value,
                    action,
                    scalar,
                });
            };
            let own = step.register * self.register;
            let mut spread = None;
            match &step.value {
                Value::Constant(_) => spread = Some(own),
                Value::Load(..) if step.varies == Varies::Never => spread = Some(own),
                Value::Load(..) => {
                    let access = &step.access;
                    let plain = access.computed.is_empty();
                    let side_by_side = scalar || access.strides.last() == Some(&1);
                    if access.place.home == Home::Tile {
                        push(Action::Near);
                    } else if plain && access.dense && !scalar {
                        push(Action::Dense);
                    } else if plain && pieces && side_by_side {
                        push(Action::Line);
                        spread = Some(own);
                    } else {
                        push(Action::Gather);
                    }
                }
                Value::Coordinate(axis) => push(Action::Coordinate(*axis)),
                Value::Operation(..) => {
                    if step.direct.is_some() {
                        push(Action::Dense);
                    }
                    let is_scalar = |argument: usize| {
                        !scalar
                            && scalars(self.nest.values[argument].varies)
                            && !self.whole[argument]
                    };
                    push(operation(&step.value, &is_scalar, step.past));
                }
                Value::Combined(combine, arguments) => {
                    let what = match **arguments {
                        [_] => Reduction::Elements(*combine),
                        _ => Reduction::Products,
                    };
                    let two = [arguments[0], arguments[arguments.len() - 1]];
                    push(Action::Combine(T::reducer(what, false), two));
                }
            }
            if scalar && self.whole[value] {
                push(Action::Spread(spread));
            }
        }
        list
    }
}

fn operation<T: Real>(value: &Value, is_scalar: &dyn Fn(usize) -> bool, past: bool) -> Action<T> {
    let Value::Operation(operation, arguments) = value else {
        return Action::Gather;
    };
    let mut three = [arguments[0]; 3];
    let mut scalars = [false; 3];
    for (place, argument) in arguments.iter().take(3).enumerate() {
        three[place] = *argument;
        scalars[place] = is_scalar(*argument);
    }
    let by_line = past.then(|| T::kernel_past(*operation, scalars)).flatten();
    if let Some(kernel) = by_line.or_else(|| T::kernel(*operation, scalars)) {
        return Action::Kernel(kernel, three);
    }
    let arguments = arguments.iter();
    let arguments = arguments.map(|argument| (*argument, is_scalar(*argument)));
    Action::Table(super::elementwise::scalar(*operation), arguments.collect())
}
