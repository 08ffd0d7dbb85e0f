//! An expression made ready for evaluation: names resolved to places, indices to slots, equal parts shared.
//! Nothing is simplified here; every loop of the expression stays a loop, but for those of long sums (`eliminate`).

use std::collections::HashMap;

use super::eliminate::fixed;
use super::scalar::identity;
use super::{Differentiation, Environment, Scalar, Unevaluated};
use crate::affine::Affine;
use crate::expr::{Callee, Expr, FunctionName, Node, Operand, Reduction, Tensor};
use crate::functions::{self, Body, MatrixValue, Notation};
use crate::index::{Dim, Index};
use crate::number::Number;
use crate::size::Size;

/// The most arguments that a function may have.
pub(super) const ARGUMENTS: usize = 4;

/// Larger tables of kept values are not worth their memory.
const KEPT: usize = 1 << 10;

/// Where an element stands: for each index its slot and how far apart its values stand.
pub(super) type Place = Vec<(usize, usize)>;

/// The loops of a binder.
#[derive(Debug, Default)]
pub(super) struct Loops {
    /// The slot and the extent of each index that runs.
    pub(super) running: Vec<(usize, usize)>,
    /// The slot and the extent of each index that an indicator fixes, and at what, in the order in which they depend
    /// on each other.
    pub(super) fixed: Vec<(usize, usize, Linear)>,
}

/// A value that is affine in indices: a constant, and slots with their coefficients.
#[derive(Debug)]
pub(super) struct Linear {
    pub(super) constant: i64,
    pub(super) terms: Vec<(usize, i64)>,
}

/// One operation; numbers that refer to others are positions in [`Form::entries`].
#[derive(Debug)]
pub(super) enum Operation<T> {
    Constant(T),
    Read {
        array: usize,
        place: Place,
    },
    Delta(usize, usize),
    /// The value of an index.
    Position(usize),
    Indicator(usize, usize),
    Sum(Loops, usize),
    Reduce(Reduction, Loops, usize),
    /// Deltas and indicators first: where one is zero, the rest is not worked out.
    Product {
        guards: Vec<usize>,
        factors: Vec<usize>,
    },
    Add(Vec<usize>),
    Power(usize, usize),
    /// A root of the given degree.
    Root(usize, i64),
    Call {
        value: fn(&[f64]) -> f64,
        kind: Kind,
        identity: u64,
        arguments: Vec<usize>,
        /// The local derivatives, where dual numbers need them.
        partials: Vec<Option<usize>>,
    },
    Abstract {
        identity: u64,
        derivatives: Vec<usize>,
        arguments: Vec<usize>,
    },
    /// A dense function of the matrix that `body` gives for all rows and columns.
    Matrix {
        value: MatrixValue,
        loops: Loops,
        /// The extent of the columns.
        columns: usize,
        body: usize,
        /// The slots of the element's row and column.
        at: Vec<usize>,
    },
    Derivative {
        body: usize,
        array: usize,
        place: Place,
    },
}

/// How a function of the table acts on numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Function,
    Relation,
    Choice,
}

#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) operation: Operation<T>,
    /// Where values are kept that enclosing loops would otherwise work out again: an offset, and the place
    /// of the free indices from there.
    pub(super) kept: Option<(usize, Place)>,
    /// The slots of its free indices, one bit each.
    pub(super) free: u128,
    /// The arrays that it reads, one bit each.
    pub(super) reads: u128,
}

/// A whole expression.
#[derive(Debug)]
pub(super) struct Form<T> {
    pub(super) entries: Vec<Entry<T>>,
    pub(super) root: usize,
    /// The free indices: their slots, which are the first ones, and their extents.
    pub(super) outer: Vec<usize>,
    /// How many slots there are.
    pub(super) slots: usize,
    /// How many values are kept.
    pub(super) kept: usize,
    /// The seed for opaque powers.
    pub(super) seed: u64,
    pub(super) differentiation: Differentiation,
}

pub(super) struct Builder<'a, T> {
    pub(super) environment: &'a Environment<T>,
    pub(super) entries: Vec<Entry<T>>,
    /// The index of each slot and its extent.
    pub(super) slots: Vec<(Index, usize)>,
    /// The slots of the indices that are bound or given here.
    pub(super) scope: u128,
    kept: usize,
    /// Whether local derivatives are needed: within a derivative that dual numbers work out.
    dual: bool,
    known: [HashMap<Expr, usize>; 2],
}

impl<T: Scalar> Form<T> {
    pub(super) fn new(
        expr: &Expr,
        indices: &[Index],
        environment: &Environment<T>,
    ) -> Result<Self, Unevaluated> {
        let mut builder = Builder {
            environment,
            entries: Vec::new(),
            slots: Vec::new(),
            scope: 0,
            kept: 0,
            dual: false,
            known: [HashMap::new(), HashMap::new()],
        };
        for index in indices {
            let slot = builder.open(index)?;
            builder.scope |= 1 << slot;
        }
        let outer: Vec<usize> = builder.slots.iter().map(|(_, extent)| *extent).collect();
        if outer.len() != indices.len() {
            return Err(Unevaluated::Unsupported("a repeated free index"));
        }
        let root = builder.build(expr)?;
        Ok(Self {
            root,
            outer,
            slots: builder.slots.len(),
            kept: builder.kept,
            entries: builder.entries,
            seed: environment.seed(),
            differentiation: environment.differentiation(),
        })
    }
}

impl<T: Scalar> Builder<'_, T> {
    /// The slot of `index`, a new one where it has none.
    fn open(&mut self, index: &Index) -> Result<usize, Unevaluated> {
        if let Some(slot) = self.slots.iter().position(|(own, _)| own == index) {
            return Ok(slot);
        }
        let extent = self.environment.sizes().get(index.extent());
        let extent = extent.ok_or_else(|| Unevaluated::Unknown(index.extent().to_string()))?;
        if self.slots.len() == 128 {
            return Err(Unevaluated::Unsupported("more than 128 indices"));
        }
        self.slots.push((index.clone(), extent));
        Ok(self.slots.len() - 1)
    }

    /// The slot of an index that has a value here.
    fn slot(&self, index: &Index) -> Result<usize, Unevaluated> {
        let slot = self.slots.iter().position(|(own, _)| own == index);
        slot.filter(|slot| self.scope >> slot & 1 == 1)
            .ok_or_else(|| Unevaluated::Unknown(index.letter().to_owned()))
    }

    fn build(&mut self, expr: &Expr) -> Result<usize, Unevaluated> {
        let known = self.known[usize::from(self.dual)].get(expr);
        if let Some(entry) = known {
            let entry = *entry;
            self.keep(entry, KEPT);
            return Ok(entry);
        }
        let (operation, free, reads) = self.operation(expr)?;
        let entry = self.enter(operation, free, reads);
        if free != self.scope {
            self.keep(entry, KEPT);
        }
        self.known[usize::from(self.dual)].insert(expr.clone(), entry);
        Ok(entry)
    }

    pub(super) fn enter(&mut self, operation: Operation<T>, free: u128, reads: u128) -> usize {
        self.entries.push(Entry {
            operation,
            kept: None,
            free,
            reads,
        });
        self.entries.len() - 1
    }

    /// Keeps the values of `entry`, `most` at most, where they cost more than a look-up.
    pub(super) fn keep(&mut self, entry: usize, most: usize) {
        let Entry {
            operation,
            kept,
            free,
            ..
        } = &mut self.entries[entry];
        let dear = matches!(
            operation,
            Operation::Sum(..)
                | Operation::Reduce(..)
                | Operation::Power(..)
                | Operation::Root(..)
                | Operation::Call { .. }
                | Operation::Abstract { .. }
                | Operation::Matrix { .. }
                | Operation::Derivative { .. }
        );
        if !dear || kept.is_some() {
            return;
        }
        let mut place = Place::new();
        let mut count = 1_usize;
        for (slot, (_, extent)) in self.slots.iter().enumerate() {
            if *free >> slot & 1 == 1 {
                place.push((slot, count));
                count = count.saturating_mul(*extent);
            }
        }
        if count <= most {
            *kept = Some((self.kept, place));
            self.kept += count;
        }
    }

    /// The operation, its free slots and the arrays it reads.
    fn operation(&mut self, expr: &Expr) -> Result<(Operation<T>, u128, u128), Unevaluated> {
        Ok(match expr.node() {
            Node::Number(value) => (Operation::Constant(T::number(*value)), 0, 0),
            Node::Extent(dim) => {
                let size = self.environment.sizes().get(dim);
                let size = size.ok_or_else(|| Unevaluated::Unknown(dim.to_string()))?;
                (Operation::Constant(T::whole(size as i64)), 0, 0)
            }
            Node::Access(tensor, indices) => {
                let (array, place, free) = self.element(tensor, indices)?;
                (Operation::Read { array, place }, free, 1 << array)
            }
            Node::Position(index) => {
                let slot = self.slot(index)?;
                (Operation::Position(slot), 1 << slot, 0)
            }
            Node::Delta(left, right) => {
                let (left, right) = (self.slot(left)?, self.slot(right)?);
                (Operation::Delta(left, right), 1 << left | 1 << right, 0)
            }
            Node::Indicator(index, value) => {
                let slot = self.slot(index)?;
                let value = self.build(value)?;
                let (free, reads) = self.union(&[value]);
                (Operation::Indicator(slot, value), free | 1 << slot, reads)
            }
            Node::Sum(indices, body) => {
                let fixed = fixed(indices, body);
                if fixed.is_empty()
                    && let Some(eliminated) = self.eliminate(indices, body)?
                {
                    return Ok(eliminated);
                }
                let (loops, body, free) = self.binder(indices, &fixed, body)?;
                (Operation::Sum(loops, body), free, self.entries[body].reads)
            }
            Node::Reduce(reduction, indices, body) => {
                let (loops, body, free) = self.binder(indices, &[], body)?;
                let reads = self.entries[body].reads;
                (Operation::Reduce(*reduction, loops, body), free, reads)
            }
            Node::Product(parts) => {
                let parts = self.all(parts)?;
                self.multiply(parts)
            }
            Node::Add(parts) => {
                let parts = self.all(parts)?;
                let (free, reads) = self.union(&parts);
                (Operation::Add(parts), free, reads)
            }
            Node::Power(base, exponent) => {
                if let Node::Number(Number::Rational(ratio)) = exponent.node()
                    && !ratio.is_integer()
                {
                    return self.rational_power(base, *ratio.numer(), *ratio.denom());
                }
                let (base, exponent) = (self.build(base)?, self.build(exponent)?);
                let (free, reads) = self.union(&[base, exponent]);
                (Operation::Power(base, exponent), free, reads)
            }
            Node::Call(callee, arguments) => return self.call(expr, callee, arguments),
            Node::Matrix(function, operand, at) => self.matrix(function.value, operand, at)?,
            Node::Derivative(body, tensor, indices) => self.derivative(body, tensor, indices)?,
        })
    }

    /// The product of entries.
    pub(super) fn multiply(&self, parts: Vec<usize>) -> (Operation<T>, u128, u128) {
        let (free, reads) = self.union(&parts);
        let (guards, factors) = parts.into_iter().partition(|part| {
            let operation = &self.entries[*part].operation;
            matches!(operation, Operation::Delta(..) | Operation::Indicator(..))
        });
        (Operation::Product { guards, factors }, free, reads)
    }

    fn matrix(
        &mut self,
        value: MatrixValue,
        operand: &Operand,
        at: &[Index],
    ) -> Result<(Operation<T>, u128, u128), Unevaluated> {
        let indices = [operand.rows.clone(), operand.columns.clone()];
        let (loops, body, free) = self.binder(&indices, &[], &operand.body)?;
        let [_, (_, columns)] = loops.running[..] else {
            return Err(Unevaluated::Unsupported("a matrix without rows or columns"));
        };
        let at: Vec<usize> = at
            .iter()
            .map(|index| self.slot(index))
            .collect::<Result<_, _>>()?;
        let free = at.iter().fold(free, |free, slot| free | 1 << slot);
        let reads = self.entries[body].reads;
        let operation = Operation::Matrix {
            value,
            loops,
            columns,
            body,
            at,
        };
        Ok((operation, free, reads))
    }

    /// A power of a root, so that all powers of one base are rational in its root.
    fn rational_power(
        &mut self,
        base: &Expr,
        numerator: i64,
        degree: i64,
    ) -> Result<(Operation<T>, u128, u128), Unevaluated> {
        if numerator == 1 {
            let base = self.build(base)?;
            let (free, reads) = self.union(&[base]);
            return Ok((Operation::Root(base, degree), free, reads));
        }
        let root = self.build(&base.power(Expr::number(Number::ratio(1, degree))))?;
        let exponent = self.build(&Expr::integer(numerator))?;
        let (free, reads) = self.union(&[root]);
        Ok((Operation::Power(root, exponent), free, reads))
    }

    pub(super) fn derivative(
        &mut self,
        body: &Expr,
        tensor: &Tensor,
        indices: &[Index],
    ) -> Result<(Operation<T>, u128, u128), Unevaluated> {
        let (array, place, free) = self.element(tensor, indices)?;
        let defined = self.defined(body, tensor);
        let duals = self.environment.differentiation() == Differentiation::Duals;
        if duals && self.dual {
            return Err(Unevaluated::Unsupported("a derivative of a derivative"));
        }
        self.dual = duals;
        let body = self.build(defined.as_ref().unwrap_or(body));
        self.dual = false;
        let body = body?;
        let (inner, reads) = self.union(&[body]);
        let operation = Operation::Derivative { body, array, place };
        Ok((operation, free | inner, reads | 1 << array))
    }

    /// The right side of the equation that defines `body`, where `body` is an element of a defined tensor
    /// other than `tensor`.
    fn defined(&self, body: &Expr, tensor: &Tensor) -> Option<Expr> {
        let Node::Access(target, indices) = body.node() else {
            return None;
        };
        let program = self.environment.program()?;
        let equation = program.equation(target.name())?;
        (target != tensor).then(|| equation.at(indices))
    }

    fn call(
        &mut self,
        expr: &Expr,
        callee: &Callee,
        arguments: &[Expr],
    ) -> Result<(Operation<T>, u128, u128), Unevaluated> {
        if arguments.len() > ARGUMENTS {
            return Err(Unevaluated::Unsupported("a function of many arguments"));
        }
        let seed = self.environment.seed();
        let function = match &callee.function {
            FunctionName::Abstract(name) => {
                let arguments = self.all(arguments)?;
                let (free, reads) = self.union(&arguments);
                let operation = Operation::Abstract {
                    identity: identity(name, seed),
                    derivatives: callee.derivatives.clone(),
                    arguments,
                };
                return Ok((operation, free, reads));
            }
            FunctionName::Known(function) => *function,
        };
        match (callee.derivatives.as_slice(), &function.body) {
            ([], Body::Primitive { value, .. }) => {
                let places = self.all(arguments)?;
                let (free, mut reads) = self.union(&places);
                let mut partials = Vec::new();
                if self.dual {
                    for position in 0..arguments.len() {
                        // The local derivative may mention this very call: without duals, so that it is built only once.
                        self.dual = false;
                        let partial = functions::derivative(function, position, arguments, expr);
                        let place = partial.map(|partial| self.build(&partial)).transpose();
                        self.dual = true;
                        let place = place?;
                        reads |= place.map_or(0, |place| self.entries[place].reads);
                        partials.push(place);
                    }
                }
                let operation = Operation::Call {
                    value: *value,
                    kind: match function.notation {
                        Notation::Relation(_) => Kind::Relation,
                        Notation::Cases => Kind::Choice,
                        _ => Kind::Function,
                    },
                    identity: identity(function.name, seed),
                    arguments: places,
                    partials,
                };
                Ok((operation, free, reads))
            }
            ([], Body::Defined { .. }) => {
                let expanded = functions::expand(function, arguments);
                let expanded = expanded.ok_or(Unevaluated::Unsupported("a definition"))?;
                self.operation(&expanded)
            }
            ([position], Body::Primitive { .. }) => {
                let result = Expr::call(Callee::known(function), arguments.to_vec());
                let partial = functions::derivative(function, *position, arguments, &result);
                let partial = partial.ok_or(Unevaluated::Unsupported("a missing derivative"))?;
                self.operation(&partial)
            }
            _ => Err(Unevaluated::Unsupported("a higher derivative by name")),
        }
    }

    fn binder(
        &mut self,
        indices: &[Index],
        fixed: &[(Index, Affine)],
        body: &Expr,
    ) -> Result<(Loops, usize, u128), Unevaluated> {
        let outside = self.scope;
        let mut loops = Loops::default();
        let slots = self.bind(indices)?;
        let bound = slots.iter().fold(0, |bound, slot| bound | 1_u128 << slot);
        for (index, slot) in indices.iter().zip(slots) {
            if fixed.iter().all(|(own, _)| own != index) {
                loops.running.push((slot, self.slots[slot].1));
            }
        }
        self.scope = outside | bound;
        for (index, value) in fixed {
            let slot = self.slot(index)?;
            let value = self.linear(value)?;
            loops.fixed.push((slot, self.slots[slot].1, value));
        }
        let body = self.build(body);
        self.scope = outside;
        let body = body?;
        Ok((loops, body, self.entries[body].free & !bound))
    }

    /// The slots of indices that a binder introduces here.
    pub(super) fn bind(&mut self, indices: &[Index]) -> Result<Vec<usize>, Unevaluated> {
        let mut slots = Vec::with_capacity(indices.len());
        for index in indices {
            let slot = self.open(index)?;
            if self.scope >> slot & 1 == 1 || slots.contains(&slot) {
                return Err(Unevaluated::Unsupported("an index that is bound twice"));
            }
            slots.push(slot);
        }
        Ok(slots)
    }

    fn linear(&self, affine: &Affine) -> Result<Linear, Unevaluated> {
        let sizes = self.environment.sizes();
        let number = |size: &Size| {
            let symbol = |name: &str| sizes.get(&Dim::symbol(name));
            let value = size.value(&symbol);
            value.ok_or_else(|| Unevaluated::Unknown(size.to_string()))
        };
        let mut terms = Vec::with_capacity(affine.terms.len());
        for (index, coefficient) in &affine.terms {
            terms.push((self.slot(index)?, number(coefficient)?));
        }
        Ok(Linear {
            constant: number(&affine.constant)?,
            terms,
        })
    }

    fn element(
        &self,
        tensor: &Tensor,
        indices: &[Index],
    ) -> Result<(usize, Place, u128), Unevaluated> {
        let unknown = || Unevaluated::Unknown(tensor.name().to_owned());
        let position = self.environment.position(tensor.name());
        let position = position.filter(|position| *position < 128);
        let position = position.ok_or_else(unknown)?;
        let array = self.environment.array(tensor.name()).ok_or_else(unknown)?;
        if array.shape().len() != indices.len() {
            return Err(unknown());
        }
        let mut place = Place::with_capacity(indices.len());
        let mut free = 0;
        let axes = array.shape().iter().zip(array.strides());
        for (index, (extent, stride)) in indices.iter().zip(axes) {
            let slot = self.slot(index)?;
            if self.slots[slot].1 > *extent {
                return Err(unknown());
            }
            place.push((slot, stride));
            free |= 1 << slot;
        }
        Ok((position, place, free))
    }

    pub(super) fn all(&mut self, parts: &[Expr]) -> Result<Vec<usize>, Unevaluated> {
        parts.iter().map(|part| self.build(part)).collect()
    }

    /// The free slots and the arrays of several entries together.
    fn union(&self, parts: &[usize]) -> (u128, u128) {
        parts.iter().fold((0, 0), |(free, reads), part| {
            let entry = &self.entries[*part];
            (free | entry.free, reads | entry.reads)
        })
    }
}
