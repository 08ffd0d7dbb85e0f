//! Terms as programs for the block interpreter: a list of operations on values, each a block of
//! elements, equal values computed once, each given a register. Nothing here knows strides or memory.

use std::collections::{BTreeMap, HashMap};

use backprove_calculus::Function;

use crate::term::{ArrayId, Axis, Binary, Combine, Constant, Position, Term, Unary};

/// What the interpreter can do with blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Add,
    Subtract,
    Multiply,
    /// `a * b + c`
    MultiplyAdd,
    /// `c - a * b`
    MultiplySubtract,
    /// `a / b + c`
    DivideAdd,
    Unary(Unary),
    Binary(Binary),
    Select,
    Table(&'static Function),
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Constant(Constant),
    /// An array at positions; a computed position is another value.
    Load(ArrayId, Vec<Place>),
    Coordinate(Axis),
    Operation(Operation, Vec<usize>),
    /// The elements of a value along a row combined, or the products of two values' elements summed.
    Combined(Combine, Vec<usize>),
}

/// Where an axis of an array is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Axis(Axis),
    Literal(usize),
    /// Along two axes: the first in steps of so many.
    Split(Axis, Axis, usize),
    /// At the value with this number.
    Value(usize),
}

/// A program: values in the order in which they are computed.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub values: Vec<Value>,
    /// The values that are stored or reduced, in the order of the statements.
    pub results: Vec<usize>,
    known: HashMap<Value, usize>,
    /// Arrays whose elements at the program's own axes are values already.
    stored: BTreeMap<ArrayId, usize>,
}

impl Block {
    /// Adds a statement's body. Loads of `target` at its own axes by later statements are served from the register.
    pub(crate) fn push(&mut self, target: ArrayId, body: &Term) {
        let value = self.value(body);
        self.serve(target, value);
    }

    /// The same for a statement that combines its body along each row: later statements are served what that gives.
    pub(crate) fn push_combined(&mut self, target: ArrayId, combine: Combine, body: &Term) {
        let value = self.value(body);
        let value = self.insert(Value::Combined(combine, vec![value]));
        self.serve(target, value);
    }

    fn serve(&mut self, target: ArrayId, value: usize) {
        self.results.push(value);
        self.stored.insert(target, value);
    }

    fn insert(&mut self, value: Value) -> usize {
        if let Some(known) = self.known.get(&value) {
            return *known;
        }
        self.values.push(value.clone());
        let number = self.values.len() - 1;
        self.known.insert(value, number);
        number
    }

    fn operation(&mut self, operation: Operation, arguments: &[usize]) -> usize {
        self.insert(Value::Operation(operation, arguments.to_vec()))
    }

    fn value(&mut self, term: &Term) -> usize {
        match term {
            Term::Constant(value) => self.insert(Value::Constant(*value)),
            Term::Coordinate(axis) => self.insert(Value::Coordinate(*axis)),
            Term::Load(array, positions) => {
                if let Some(stored) = self.stored.get(array) {
                    return *stored;
                }
                let places = positions
                    .iter()
                    .map(|position| match position {
                        Position::Axis(axis) => Place::Axis(*axis),
                        Position::Literal(value) => Place::Literal(*value),
                        Position::Split(outer, inner, size) => Place::Split(*outer, *inner, *size),
                        Position::Computed(term) => Place::Value(self.value(term)),
                    })
                    .collect();
                self.insert(Value::Load(*array, places))
            }
            Term::Add(parts) => self.addition(parts),
            Term::Multiply(parts) => self.product(parts),
            Term::Unary(operation, argument) => {
                let argument = self.value(argument);
                self.operation(Operation::Unary(*operation), &[argument])
            }
            Term::Binary(operation, pair) => {
                let arguments = [self.value(&pair.0), self.value(&pair.1)];
                self.operation(Operation::Binary(*operation), &arguments)
            }
            Term::Select(triple) => {
                let (condition, yes, no) = &**triple;
                let arguments = [condition, yes, no].map(|part| self.value(part));
                self.operation(Operation::Select, &arguments)
            }
            Term::Table(function, parts) => {
                let arguments: Vec<usize> = parts.iter().map(|part| self.value(part)).collect();
                self.operation(Operation::Table(function), &arguments)
            }
        }
    }

    /// Plain terms first, then products are added or subtracted, and quotients added, in one operation each.
    fn addition(&mut self, parts: &[Term]) -> usize {
        let negated = |part: &Term| match part {
            Term::Multiply(factors) if factors[0] == Term::constant(-1.0) => {
                Some(Term::multiply(factors[1..].to_vec()))
            }
            _ => None,
        };
        let simple = |part: &Term| !matches!(part, Term::Multiply(_));
        let start = parts.iter().position(simple);
        let start = start.or_else(|| parts.iter().position(|part| negated(part).is_none()));
        let start = start.unwrap_or(0);
        let mut sum = self.value(&parts[start]);
        for (place, part) in parts.iter().enumerate() {
            if place == start {
                continue;
            }
            let (positive, subtract) = match negated(part) {
                Some(positive) => (positive, true),
                None => (part.clone(), false),
            };
            let divides = |factor: &Term| matches!(factor, Term::Unary(Unary::Reciprocal, _));
            if let Term::Multiply(factors) = &positive
                && !factors.iter().any(divides)
            {
                // The one along most axes stays for the addition.
                let axes = |place: &usize| factors[*place].axes().len();
                let last = (0..factors.len()).max_by_key(axes).unwrap_or(0);
                let mut others = factors.to_vec();
                let last = others.remove(last);
                let left = self.product(&others);
                let right = self.value(&last);
                let operation = if subtract {
                    Operation::MultiplySubtract
                } else {
                    Operation::MultiplyAdd
                };
                sum = self.operation(operation, &[left, right, sum]);
                continue;
            }
            if let Term::Multiply(factors) = &positive
                && !subtract
                && let (Some(above), Some(below)) = self.fraction(factors)
            {
                sum = self.operation(Operation::DivideAdd, &[above, below, sum]);
                continue;
            }
            let value = self.value(&positive);
            let operation = if subtract {
                Operation::Subtract
            } else {
                Operation::Add
            };
            sum = self.operation(operation, &[sum, value]);
        }
        sum
    }

    /// A product; where what divides runs along fewer axes than the last two factors, it divides before the last of them: whoever
    /// sums the product then multiplies by that one himself.
    fn product(&mut self, factors: &[Term]) -> usize {
        let axes = |factor: &Term| factor.axes().len();
        let (divisors, mut others): (Vec<Term>, Vec<Term>) = factors
            .iter()
            .cloned()
            .partition(|factor| matches!(factor, Term::Unary(Unary::Reciprocal, _)));
        others.sort_by_key(axes);
        let most = divisors.iter().map(axes).max();
        if let Some(most) = most
            && let [.., next, last] = &others[..]
            && axes(next) > most
        {
            let last = self.value(last);
            others.pop();
            others.extend(divisors);
            let before = self.product(&others);
            return self.operation(Operation::Multiply, &[before, last]);
        }
        match self.fraction(factors) {
            (Some(above), Some(below)) => {
                self.operation(Operation::Binary(Binary::Divide), &[above, below])
            }
            (Some(above), None) => above,
            (None, Some(below)) => self.operation(Operation::Unary(Unary::Reciprocal), &[below]),
            (None, None) => self.value(&Term::ONE),
        }
    }

    /// The product of the factors that multiply, and that of what the others divide by. Factors along few axes are multiplied first,
    /// since there are fewer of them to multiply.
    fn fraction(&mut self, factors: &[Term]) -> (Option<usize>, Option<usize>) {
        let (mut above, mut below) = (None, None);
        let mut sorted: Vec<&Term> = factors.iter().collect();
        sorted.sort_by_key(|factor| factor.axes().len());
        for factor in sorted {
            let (term, side) = match factor {
                Term::Unary(Unary::Reciprocal, argument) => (&**argument, &mut below),
                _ => (factor, &mut above),
            };
            let value = self.value(term);
            *side = Some(match *side {
                Some(before) => self.operation(Operation::Multiply, &[before, value]),
                None => value,
            });
        }
        (above, below)
    }

    /// A register for each value, shared where lives do not overlap, and how many there are. What outlasts a block and
    /// results keep theirs throughout.
    pub(crate) fn registers(&self, lasting: &[bool]) -> (Vec<usize>, usize) {
        let mut last = vec![0; self.values.len()];
        for (number, value) in self.values.iter().enumerate() {
            for argument in value.arguments() {
                last[argument] = number;
            }
        }
        for (number, lasting) in lasting.iter().enumerate() {
            if *lasting || self.results.contains(&number) {
                last[number] = usize::MAX;
            }
        }
        let mut free: Vec<usize> = Vec::new();
        let mut count = 0;
        let mut registers: Vec<usize> = Vec::new();
        for (number, lasting) in lasting.iter().enumerate() {
            // What is computed before the first block shares its register with nobody.
            let shared = if *lasting { None } else { free.pop() };
            let register = shared.unwrap_or_else(|| {
                count += 1;
                count - 1
            });
            registers.push(register);
            for earlier in 0..number {
                // Freed only after this value has its own: no operation writes over its arguments.
                if last[earlier] == number {
                    free.push(registers[earlier]);
                }
            }
        }
        (registers, count)
    }
}

impl Value {
    /// The values that it is computed from.
    pub(crate) fn arguments(&self) -> Vec<usize> {
        match self {
            Self::Constant(_) | Self::Coordinate(_) => Vec::new(),
            Self::Load(_, places) => places
                .iter()
                .filter_map(|place| match place {
                    Place::Value(value) => Some(*value),
                    _ => None,
                })
                .collect(),
            Self::Operation(_, arguments) | Self::Combined(_, arguments) => arguments.clone(),
        }
    }
}
