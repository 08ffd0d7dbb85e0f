//! From equations in index notation to statements: nested reductions become temporaries over their free
//! indices, equal ones are computed once across the whole program, and sums of products are contracted
//! pair by pair. Nothing here decides how a statement runs or where an array lies.

mod dense;
mod nested;

use std::collections::HashMap;

use backprove_calculus::affine::Affine;
use backprove_calculus::{Dim, Equation, Expr, Fact, Index, Node, Program, Reduction, Tensor};

use crate::apply::{call, definition, equal, power};
use crate::contract::{self, Tree};
use crate::error::Error;
use crate::stabilise::Stabiliser;
use crate::term::{Array, ArrayId, Axis, Combine, Origin, Position, Start, Statement, Term};

/// A program as statements in the order of dependence.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub arrays: Vec<Array>,
    pub statements: Vec<Statement>,
    pub names: HashMap<String, ArrayId>,
}

/// Lowers all equations of `program` at the given sizes.
pub(crate) fn lower(program: &Program, sizes: &HashMap<String, usize>) -> Result<Lowered, Error> {
    let mut lowering = Lowering {
        sizes,
        arrays: Vec::new(),
        statements: Vec::new(),
        names: HashMap::new(),
        environment: HashMap::new(),
        extents: Vec::new(),
        known: HashMap::new(),
        dense: Vec::new(),
    };
    for tensor in &program.inputs {
        lowering.input(tensor)?;
    }
    let stabiliser = Stabiliser::new(program);
    for equation in &program.equations {
        lowering.equation(equation, &stabiliser.stabilise(&equation.body))?;
    }
    Ok(Lowered {
        arrays: lowering.arrays,
        statements: lowering.statements,
        names: lowering.names,
    })
}

/// What a factor of a sum says about a bound axis.
enum Known {
    /// It takes this position only.
    Position(Axis, Position),
    /// The factor is one.
    One,
    /// The factor is zero everywhere.
    Zero,
    Nothing,
}

/// What identifies a statement up to the names of its axes.
type Key = (Vec<usize>, usize, Combine, Term);

struct Lowering<'a> {
    sizes: &'a HashMap<String, usize>,
    arrays: Vec<Array>,
    statements: Vec<Statement>,
    names: HashMap<String, ArrayId>,
    /// Where each index in scope is read.
    environment: HashMap<Index, Position>,
    /// The extent of each axis; axes are numbered from the outermost scope inwards.
    extents: Vec<usize>,
    /// The statements made so far: the array, and for each of its axes which free axis of the key it is.
    known: HashMap<Key, (ArrayId, Vec<usize>)>,
    /// The functions of matrices so far.
    dense: Vec<dense::Known>,
}

impl Lowering<'_> {
    fn extent(&self, dim: &Dim) -> Result<usize, Error> {
        let size = dim
            .value(&|name| self.sizes.get(name).copied())
            .ok_or_else(|| Error::new(format!("the size `{dim}` has no value")))?;
        if size == 0 {
            return Err(Error::new(format!("the size `{dim}` is zero")));
        }
        Ok(size)
    }

    fn new_axis(&mut self, index: &Index) -> Result<Axis, Error> {
        let extent = self.extent(index.extent())?;
        self.extents.push(extent);
        let axis = self.extents.len() - 1;
        self.environment.insert(index.clone(), Position::Axis(axis));
        Ok(axis)
    }

    /// How many elements the axes span: a double, since nothing has bounded the extents yet.
    fn volume(&self, axes: &[Axis]) -> f64 {
        axes.iter().map(|axis| self.extents[*axis] as f64).product()
    }

    fn position(&self, index: &Index) -> Result<Position, Error> {
        let position = self.environment.get(index);
        position
            .cloned()
            .ok_or_else(|| Error::new(format!("the index `{}` is not bound", index.letter())))
    }

    fn array(&mut self, name: String, shape: Vec<usize>, origin: Origin) -> ArrayId {
        self.arrays.push(Array {
            name,
            shape,
            origin,
            classes: None,
        });
        ArrayId(self.arrays.len() - 1)
    }

    fn input(&mut self, tensor: &Tensor) -> Result<(), Error> {
        let shape: Result<Vec<_>, _> = tensor.dims().iter().map(|dim| self.extent(dim)).collect();
        let id = self.array(tensor.name().to_owned(), shape?, Origin::Input);
        for fact in tensor.facts() {
            if let Fact::Labels(dim) = fact {
                self.arrays[id.0].classes = Some(self.extent(dim)?);
            }
        }
        self.names.insert(tensor.name().to_owned(), id);
        Ok(())
    }

    fn equation(&mut self, equation: &Equation, body: &Expr) -> Result<(), Error> {
        let axes: Result<Vec<Axis>, Error> = equation
            .indices
            .iter()
            .map(|index| self.new_axis(index))
            .collect();
        let axes = axes?;
        let name = equation.target.name().to_owned();
        let term = self.term(body)?;
        // A temporary that is exactly the target becomes the target.
        if let Term::Load(array, positions) = &term
            && self.arrays[array.0].origin == Origin::Temporary
            && positions.len() == axes.len()
            && positions
                .iter()
                .zip(&axes)
                .all(|(position, axis)| *position == Position::Axis(*axis))
        {
            let array = *array;
            self.arrays[array.0].name.clone_from(&name);
            self.arrays[array.0].origin = Origin::Equation;
            self.names.insert(name, array);
            return Ok(());
        }
        let extents: Vec<usize> = axes.iter().map(|axis| self.extents[*axis]).collect();
        let target = self.array(name.clone(), extents.clone(), Origin::Equation);
        let local = |axis: Axis| {
            let place = axes.iter().position(|candidate| *candidate == axis);
            Position::Axis(place.unwrap_or(axis))
        };
        self.statements.push(Statement {
            target,
            rank: extents.len(),
            extents,
            combine: Combine::Sum,
            body: term.at(&local),
            dense: None,
            scale: Term::ONE,
            start: Start::Zero,
        });
        self.names.insert(name, target);
        Ok(())
    }

    fn term(&mut self, expr: &Expr) -> Result<Term, Error> {
        match expr.node() {
            Node::Number(value) => Ok(Term::constant(value.to_f64())),
            Node::Extent(dim) => Ok(Term::constant(self.extent(dim)? as f64)),
            Node::Access(tensor, indices) => self.access(tensor, indices),
            Node::Position(index) => Ok(self.position(index)?.value()),
            Node::Delta(left, right) => {
                let (left, right) = (self.position(left)?, self.position(right)?);
                Ok(equal(&left.value(), &right.value()))
            }
            Node::Indicator(index, value) => {
                let position = self.position(index)?;
                let value = self.term(value)?;
                Ok(equal(&position.value(), &value))
            }
            Node::Sum(indices, body) => self.sum(indices, body),
            Node::Reduce(reduction, indices, body) => self.reduce(*reduction, indices, body),
            Node::Product(parts) => {
                let parts: Result<Vec<_>, _> = parts.iter().map(|part| self.term(part)).collect();
                Ok(Term::multiply(parts?))
            }
            Node::Add(parts) => {
                let parts: Result<Vec<_>, _> = parts.iter().map(|part| self.term(part)).collect();
                Ok(Term::add(parts?))
            }
            Node::Power(base, exponent) => {
                let (base, exponent) = (self.term(base)?, self.term(exponent)?);
                Ok(power(base, exponent))
            }
            Node::Call(callee, arguments) => {
                if let Some(meaning) = definition(callee, arguments) {
                    return self.term(&meaning);
                }
                let arguments: Result<Vec<_>, _> = arguments
                    .iter()
                    .map(|argument| self.term(argument))
                    .collect();
                call(callee, arguments?)
            }
            Node::Matrix(function, operand, at) => self.matrix_function(function, operand, at),
            Node::Derivative(..) => Err(Error::new(
                "a derivative that is not worked out cannot be planned",
            )),
        }
    }

    fn access(&mut self, tensor: &Tensor, indices: &[Index]) -> Result<Term, Error> {
        let array = *self
            .names
            .get(tensor.name())
            .ok_or_else(|| Error::new(format!("`{}` is not defined", tensor.name())))?;
        let positions: Result<Vec<_>, _> =
            indices.iter().map(|index| self.position(index)).collect();
        let positions = positions?;
        for (axis, position) in positions.iter().enumerate() {
            let extent = self.arrays[array.0].shape[axis];
            let fits = match position {
                Position::Axis(axis) => self.extents[*axis] <= extent,
                Position::Literal(value) => *value < extent,
                Position::Computed(_) | Position::Split(..) => true,
            };
            if !fits {
                let name = tensor.name();
                return Err(Error::new(format!(
                    "an index of `{name}` runs beyond its axis {axis} of extent {extent}"
                )));
            }
        }
        Ok(Term::Load(array, positions))
    }

    fn reduce(
        &mut self,
        reduction: Reduction,
        indices: &[Index],
        body: &Expr,
    ) -> Result<Term, Error> {
        let mut bound = Vec::new();
        for index in indices {
            bound.push(self.new_axis(index)?);
        }
        let term = self.term(body)?;
        let occurring = term.axes();
        let (used, unused): (Vec<Axis>, Vec<Axis>) =
            bound.into_iter().partition(|axis| occurring.contains(axis));
        let combine = match reduction {
            Reduction::Maximum => Combine::Maximum,
            Reduction::Minimum => Combine::Minimum,
            Reduction::Product => Combine::Product,
        };
        let reduced = if used.is_empty() {
            term
        } else {
            self.hoist(&term, combine, &used)
        };
        if combine == Combine::Product {
            return Ok(power(reduced, Term::constant(self.volume(&unused))));
        }
        Ok(reduced)
    }

    fn sum(&mut self, indices: &[Index], body: &Expr) -> Result<Term, Error> {
        if let Node::Add(terms) = body.node()
            && terms.iter().any(contracts)
        {
            let sums: Result<Vec<_>, _> =
                terms.iter().map(|term| self.sum(indices, term)).collect();
            return Ok(Term::add(sums?));
        }
        let factors: Vec<Expr> = match body.node() {
            Node::Product(parts) => parts.clone(),
            _ => vec![body.clone()],
        };
        let (indices, mut factors) = nested::flattened(indices, factors);
        let mut bound = Vec::new();
        for index in &indices {
            bound.push(self.new_axis(index)?);
        }
        if !self.contract_positions(&indices, &mut bound, &mut factors)? {
            return Ok(Term::ZERO);
        }
        let mut terms = Vec::new();
        for factor in &factors {
            terms.extend_from_slice(self.term(factor)?.factors());
        }
        let occurring: Vec<Axis> = terms.iter().flat_map(Term::axes).collect();
        let (bound, absent): (Vec<Axis>, Vec<Axis>) =
            bound.into_iter().partition(|axis| occurring.contains(axis));
        let (inner, mut outer): (Vec<Term>, Vec<Term>) = terms
            .into_iter()
            .partition(|term| term.axes().iter().any(|axis| bound.contains(axis)));
        if !inner.is_empty() {
            let sets: Vec<Vec<Axis>> = inner.iter().map(Term::axes).collect();
            let tree = contract::order(&sets, &bound, &self.extents);
            outer.push(self.contract(&tree, &inner, &bound, &[]));
        }
        outer.push(Term::constant(self.volume(&absent)));
        Ok(Term::multiply(outer))
    }

    /// Works off deltas and indicators on bound axes: such an axis takes one known value.
    /// False if the sum is zero.
    fn contract_positions(
        &mut self,
        indices: &[Index],
        bound: &mut Vec<Axis>,
        factors: &mut Vec<Expr>,
    ) -> Result<bool, Error> {
        let mut place = 0;
        while let Some(factor) = factors.get(place).cloned() {
            match self.known_position(&factor, bound)? {
                Known::Nothing => place += 1,
                Known::One => {
                    factors.remove(place);
                }
                Known::Zero => return Ok(false),
                Known::Position(axis, position) => {
                    factors.remove(place);
                    bound.retain(|candidate| *candidate != axis);
                    for index in indices {
                        if self.environment.get(index) == Some(&Position::Axis(axis)) {
                            self.environment.insert(index.clone(), position.clone());
                        }
                    }
                }
            }
        }
        Ok(true)
    }

    /// What a factor says about the position of a bound axis.
    fn known_position(&mut self, factor: &Expr, bound: &[Axis]) -> Result<Known, Error> {
        match factor.node() {
            Node::Delta(left, right) => {
                let (left, right) = (self.position(left)?, self.position(right)?);
                if left == right {
                    return Ok(Known::One);
                }
                for (from, to) in [(&left, &right), (&right, &left)] {
                    if let (Position::Axis(axis), Position::Axis(other)) = (from, to)
                        && bound.contains(axis)
                        && self.extents[*other] <= self.extents[*axis]
                    {
                        return Ok(Known::Position(*axis, to.clone()));
                    }
                }
                Ok(Known::Nothing)
            }
            Node::Indicator(index, value) => {
                // A gather needs no guard where the position never leaves the axis.
                let within = Affine::of(value).is_some_and(|value| value.is_within(index.extent()));
                let (position, value) = (self.position(index)?, self.term(value)?);
                let Position::Axis(axis) = position else {
                    return Ok(Known::Nothing);
                };
                if !bound.contains(&axis) || value.axes().contains(&axis) {
                    return Ok(Known::Nothing);
                }
                let extent = self.extents[axis];
                Ok(match &value {
                    Term::Constant(number) => {
                        let whole = number.0 as usize;
                        #[expect(clippy::float_cmp, reason = "whole numbers are exact")]
                        if whole as f64 == number.0 && whole < extent {
                            Known::Position(axis, Position::Literal(whole))
                        } else {
                            Known::Zero
                        }
                    }
                    _ if within => Known::Position(axis, Position::Computed(Box::new(value))),
                    Term::Load(array, _)
                        if self.arrays[array.0]
                            .classes
                            .is_some_and(|classes| classes <= extent) =>
                    {
                        Known::Position(axis, Position::Computed(Box::new(value)))
                    }
                    _ => Known::Nothing,
                })
            }
            _ => Ok(Known::Nothing),
        }
    }

    /// Contracts `operands` in the order of `tree`; sums over every bound axis that is not in `outside`.
    fn contract(
        &mut self,
        tree: &Tree,
        operands: &[Term],
        bound: &[Axis],
        outside: &[Axis],
    ) -> Term {
        let closed = |axes: &[Axis]| -> Vec<Axis> {
            axes.iter()
                .copied()
                .filter(|axis| bound.contains(axis) && !outside.contains(axis))
                .collect()
        };
        match tree {
            Tree::Leaf(place) => {
                let term = operands[*place].clone();
                let summed = closed(&term.axes());
                if summed.is_empty() {
                    return term;
                }
                self.hoist(&term, Combine::Sum, &summed)
            }
            Tree::Pair(left, right) => {
                let axes = |tree: &Tree| -> Vec<Axis> {
                    let leaves = tree.leaves();
                    leaves
                        .iter()
                        .flat_map(|leaf| operands[*leaf].axes())
                        .chain(outside.iter().copied())
                        .collect()
                };
                let first = self.contract(left, operands, bound, &axes(right));
                let second = self.contract(right, operands, bound, &axes(left));
                let product = Term::multiply([first.clone(), second.clone()]);
                let summed = closed(&product.axes());
                if summed.is_empty() {
                    return product;
                }
                let (left, right) = (first.axes(), second.axes());
                let is_product = left.iter().any(|axis| !right.contains(axis))
                    && right.iter().any(|axis| !left.contains(axis));
                if is_product {
                    let (first, second) = (self.materialise(first), self.materialise(second));
                    let product = Term::multiply([first, second]);
                    return self.hoist(&product, Combine::Sum, &summed);
                }
                self.hoist(&product, Combine::Sum, &summed)
            }
        }
    }

    /// The term as an operand of a matrix product: a plain load at distinct axes.
    fn materialise(&mut self, term: Term) -> Term {
        if let Term::Load(_, positions) = &term {
            let distinct = positions.iter().enumerate().all(|(place, position)| {
                matches!(position, Position::Axis(_)) && !positions[..place].contains(position)
            });
            if distinct {
                return term;
            }
        }
        self.hoist(&term, Combine::Sum, &[])
    }

    /// Computes `term`, combined over the axes `bound`, into an array and reads that. An equal statement
    /// that is known already is read instead.
    fn hoist(&mut self, term: &Term, combine: Combine, bound: &[Axis]) -> Term {
        let term = term.sorted();
        let occurring = term.axes();
        let (reduced, free): (Vec<Axis>, Vec<Axis>) =
            occurring.iter().partition(|axis| bound.contains(axis));
        let number = |free: &[Axis], term: &Term| -> Term {
            term.at(&|axis| {
                let mut numbered = free.iter().chain(&reduced);
                let place = numbered.position(|candidate| *candidate == axis);
                Position::Axis(place.unwrap_or(axis))
            })
        };
        let extents = |free: &[Axis]| -> Vec<usize> {
            free.iter()
                .chain(&reduced)
                .map(|axis| self.extents[*axis])
                .collect()
        };
        let key = (extents(&free), free.len(), combine, number(&free, &term));
        if let Some((array, order)) = self.known.get(&key) {
            let positions = order.iter().map(|place| Position::Axis(free[*place]));
            return Term::Load(*array, positions.collect());
        }
        let layout = layout(&term, &free, bound.is_empty());
        let statement_extents = extents(&layout);
        let shape = statement_extents[..layout.len()].to_vec();
        let name = format!("t{}", self.arrays.len());
        let target = self.array(name, shape, Origin::Temporary);
        self.statements.push(Statement {
            target,
            rank: layout.len(),
            extents: statement_extents,
            combine,
            body: number(&layout, &term),
            dense: None,
            scale: Term::ONE,
            start: Start::Zero,
        });
        let order = layout
            .iter()
            .filter_map(|axis| free.iter().position(|candidate| candidate == axis))
            .collect();
        self.known.insert(key, (target, order));
        Term::Load(target, layout.into_iter().map(Position::Axis).collect())
    }
}

/// The order of a temporary's axes: from the outermost scope inwards, so that what an equation asks
/// for is laid out as the target is; an element-wise temporary follows its largest operand instead.
fn layout(term: &Term, free: &[Axis], element_wise: bool) -> Vec<Axis> {
    let mut layout = free.to_vec();
    layout.sort_unstable();
    if !element_wise {
        return layout;
    }
    let mut natural: Vec<Axis> = Vec::new();
    term.walk(&mut |part| {
        if let Term::Load(_, positions) = part {
            let axes: Vec<Axis> = positions
                .iter()
                .filter_map(|position| match position {
                    Position::Axis(axis) => Some(*axis),
                    _ => None,
                })
                .collect();
            if axes.len() > natural.len() {
                natural = axes;
            }
        }
    });
    let mut seen = Vec::new();
    natural.retain(|axis| {
        let fresh = free.contains(axis) && !seen.contains(axis);
        seen.push(*axis);
        fresh
    });
    layout.retain(|axis| !natural.contains(axis));
    layout.extend(natural);
    layout
}

/// Whether a product spans more indices than any of its factors: summing it is a contraction.
fn contracts(expr: &Expr) -> bool {
    let Node::Product(factors) = expr.node() else {
        return false;
    };
    let all = expr.free_indices();
    factors
        .iter()
        .all(|factor| factor.free_indices().len() < all.len())
}
