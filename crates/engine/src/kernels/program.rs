//! What computes each value of a block, looked up when a plan is made. What is the same everywhere is computed once
//! for a tile, and what only changes from row to row once for a row, where a block is a piece of one; kernels take
//! such values as scalars. Nothing here runs.

use super::real::{Kernel, Real};
use crate::block::{self, Value};
use crate::nest::Nest;

/// What computes a value.
#[derive(Debug)]
pub(super) enum Action<T> {
    Constant(T),
    Load,
    Coordinate(usize),
    Kernel(Kernel<T>, [usize; 3]),
    /// A function that has no kernel, its arguments, and which of them are scalars.
    Table(fn(&[f64]) -> f64, Vec<(usize, bool)>),
}

/// How one value is computed.
#[derive(Debug)]
pub(super) struct Instruction<T> {
    pub value: usize,
    pub action: Action<T>,
    /// One element is computed instead of a block of them.
    pub scalar: bool,
    /// That element is then spread over the block.
    pub spread: bool,
}

/// The instructions of a nest.
#[derive(Debug)]
pub(super) struct Program<T> {
    /// Before the first block.
    pub fixed: Vec<Instruction<T>>,
    /// For blocks that are pieces of one row.
    pub row: Vec<Instruction<T>>,
    /// For blocks of several rows.
    pub rows: Vec<Instruction<T>>,
}

impl<T: Real> Program<T> {
    /// Looks the kernels up.
    pub(super) fn new(nest: &Nest) -> Self {
        let values: Vec<Value> = nest.values.iter().map(|step| step.value.clone()).collect();
        let fixed = block::fixed(&values);
        let by_row = by_row(nest, &fixed);
        // Where all elements are read, by whoever takes no scalars.
        let mut whole = vec![false; values.len()];
        let output = &nest.output;
        let stored = output.stores.iter().map(|store| store.value);
        let reduced = output.reductions.iter().map(|reduced| reduced.value);
        let positions = nest.values.iter().flat_map(|step| &step.access.computed);
        for value in stored
            .chain(reduced)
            .chain(positions.map(|(value, ..)| *value))
        {
            whole[value] = true;
        }
        for (value, step) in nest.values.iter().enumerate() {
            whole[value] |= step.direct.is_some();
        }
        // What is written to an array at once is computed where that is done, and what depends on it after it.
        let mut hoisted: Vec<bool> = Vec::new();
        for (value, step) in nest.values.iter().enumerate() {
            let mut arguments = step.value.arguments().into_iter();
            let before = arguments.all(|argument| hoisted[argument]);
            hoisted.push(fixed[value] && step.direct.is_none() && before);
        }
        let instruction = |value: usize, scalars: &[bool]| Instruction {
            value,
            action: action(&values[value], &|argument| {
                !scalars[value] && scalars[argument] && !whole[argument]
            }),
            scalar: scalars[value],
            spread: scalars[value] && whole[value],
        };
        let list = |scalars: &[bool], hoist: bool| {
            let chosen = (0..values.len()).filter(|value| hoisted[*value] == hoist);
            chosen.map(|value| instruction(value, scalars)).collect()
        };
        Self {
            fixed: list(&fixed, true),
            row: list(&by_row, false),
            rows: list(&fixed, false),
        }
    }

    /// The most arguments of a function that has no kernel.
    pub(super) fn most_arguments(&self) -> usize {
        let all = self.fixed.iter().chain(&self.rows);
        let arguments = all.map(|instruction| match &instruction.action {
            Action::Table(_, arguments) => arguments.len(),
            _ => 0,
        });
        arguments.max().unwrap_or(0)
    }
}

/// For each value whether it is the same for all elements of a row.
fn by_row(nest: &Nest, fixed: &[bool]) -> Vec<bool> {
    let last = nest.extents.len() - 1;
    let mut by_row: Vec<bool> = Vec::new();
    for (step, fixed) in nest.values.iter().zip(fixed) {
        let access = &step.access;
        let same = match &step.value {
            Value::Constant(_) => true,
            Value::Coordinate(axis) => *axis != last,
            Value::Load(..) => {
                let mut positions = access.computed.iter();
                *fixed || access.strides[last] == 0 && positions.all(|(value, ..)| by_row[*value])
            }
            Value::Operation(_, arguments) => arguments.iter().all(|argument| by_row[*argument]),
        };
        by_row.push(same);
    }
    by_row
}

fn action<T: Real>(value: &Value, is_scalar: &dyn Fn(usize) -> bool) -> Action<T> {
    match value {
        Value::Constant(value) => Action::Constant(T::from_f64(value.0)),
        Value::Load(..) => Action::Load,
        Value::Coordinate(axis) => Action::Coordinate(*axis),
        Value::Operation(operation, arguments) => {
            let mut three = [arguments[0]; 3];
            let mut scalars = [false; 3];
            for (place, argument) in arguments.iter().take(3).enumerate() {
                three[place] = *argument;
                scalars[place] = is_scalar(*argument);
            }
            if let Some(kernel) = T::kernel(*operation, scalars) {
                return Action::Kernel(kernel, three);
            }
            let arguments = arguments.iter();
            let arguments = arguments.map(|argument| (*argument, is_scalar(*argument)));
            Action::Table(super::elementwise::scalar(*operation), arguments.collect())
        }
    }
}
