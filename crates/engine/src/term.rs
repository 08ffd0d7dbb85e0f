//! Scalar terms over iteration axes, and statements: the loop nests that an equation becomes.
//! Nothing here knows about the calculus' expressions, memory or kernels.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use backprove_calculus::{Function, MatrixFunction};

/// One axis of an iteration space. Within a statement the axes are numbered `0..extents.len()`;
/// while an equation is being lowered they are numbered across the whole program.
pub(crate) type Axis = usize;

/// An array of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ArrayId(pub usize);

/// Where an array comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Declared by the program.
    Input,
    /// The target of an equation.
    Equation,
    /// Made by the lowering.
    Temporary,
}

/// A dense row-major array of the plan.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    pub name: String,
    pub shape: Vec<usize>,
    pub origin: Origin,
    /// For labels: one more than the greatest.
    pub classes: Option<usize>,
}

impl Array {
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Row-major strides.
    pub(crate) fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.shape.len()];
        for axis in (1..self.shape.len()).rev() {
            strides[axis - 1] = strides[axis] * self.shape[axis];
        }
        strides
    }
}

/// Where an axis of an array is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Position {
    Axis(Axis),
    Literal(usize),
    /// Along two axes: the first in steps of so many.
    Split(Axis, Axis, usize),
    /// At a computed position: zero is read outside the extent.
    Computed(Box<Term>),
}

/// A double compared by its bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Constant(pub f64);

impl PartialEq for Constant {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Constant {}

impl Hash for Constant {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// Functions of one argument that have a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unary {
    /// e to the power x.
    Exp,
    /// e to the power x, less one.
    Expm1,
    /// The natural logarithm.
    Log,
    /// The natural logarithm of one more than x.
    Log1p,
    /// The hyperbolic tangent.
    Tanh,
    /// The logistic function.
    Sigmoid,
    /// The error function.
    Erf,
    /// The square root.
    Sqrt,
    /// The absolute value.
    Abs,
    /// The square.
    Square,
    /// One divided by x.
    Reciprocal,
}

impl Unary {
    /// Whether it takes many instructions.
    pub(crate) fn is_costly(self) -> bool {
        !matches!(
            self,
            Self::Sqrt | Self::Abs | Self::Square | Self::Reciprocal
        )
    }
}

/// Functions of two arguments that have a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binary {
    Divide,
    Maximum,
    Minimum,
    Power,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
}

/// One element as a function of the iteration axes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Term {
    Constant(Constant),
    Load(ArrayId, Vec<Position>),
    /// The position along an axis, as a number.
    Coordinate(Axis),
    Add(Arc<[Term]>),
    Multiply(Arc<[Term]>),
    Unary(Unary, Arc<Term>),
    Binary(Binary, Arc<(Term, Term)>),
    /// The second where the first is not zero, else the third.
    Select(Arc<(Term, Term, Term)>),
    /// A function that only the table can evaluate, one element at a time.
    Table(&'static Function, Arc<[Term]>),
}

impl Term {
    pub(crate) const ZERO: Self = Self::Constant(Constant(0.0));
    pub(crate) const ONE: Self = Self::Constant(Constant(1.0));

    pub(crate) fn constant(value: f64) -> Self {
        Self::Constant(Constant(value))
    }

    pub(crate) fn as_constant(&self) -> Option<f64> {
        match self {
            Self::Constant(value) => Some(value.0),
            _ => None,
        }
    }

    pub(crate) fn unary(operation: Unary, argument: Self) -> Self {
        Self::Unary(operation, Arc::new(argument))
    }

    pub(crate) fn binary(operation: Binary, left: Self, right: Self) -> Self {
        Self::Binary(operation, Arc::new((left, right)))
    }

    /// A flat addition with constants folded.
    pub(crate) fn add(terms: impl IntoIterator<Item = Self>) -> Self {
        let mut constant = 0.0;
        let mut rest = Vec::new();
        for term in terms {
            match term {
                Self::Constant(value) => constant += value.0,
                Self::Add(inner) => {
                    for part in inner.iter() {
                        match part {
                            Self::Constant(value) => constant += value.0,
                            _ => rest.push(part.clone()),
                        }
                    }
                }
                _ => rest.push(term),
            }
        }
        if constant != 0.0 {
            rest.push(Self::constant(constant));
        }
        match rest.len() {
            0 => Self::ZERO,
            1 => rest.swap_remove(0),
            _ => Self::Add(rest.into()),
        }
    }

    /// A flat product with constants folded; one that is zero makes the product zero.
    pub(crate) fn multiply(factors: impl IntoIterator<Item = Self>) -> Self {
        let mut constant = 1.0;
        let mut rest = Vec::new();
        for factor in factors {
            match factor {
                Self::Constant(value) => constant *= value.0,
                Self::Multiply(inner) => {
                    for part in inner.iter() {
                        match part {
                            Self::Constant(value) => constant *= value.0,
                            _ => rest.push(part.clone()),
                        }
                    }
                }
                _ => rest.push(factor),
            }
        }
        if constant == 0.0 {
            return Self::ZERO;
        }
        #[expect(clippy::float_cmp, reason = "exactly one is the unit")]
        if constant != 1.0 {
            rest.insert(0, Self::constant(constant));
        }
        match rest.len() {
            0 => Self::ONE,
            1 => rest.swap_remove(0),
            _ => Self::Multiply(rest.into()),
        }
    }

    /// The factors of a product; the term itself otherwise.
    pub(crate) fn factors(&self) -> &[Self] {
        match self {
            Self::Multiply(factors) => factors,
            _ => std::slice::from_ref(self),
        }
    }

    /// Calls `visit` with each direct part, computed positions included.
    pub(crate) fn each_part<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        match self {
            Self::Constant(_) | Self::Coordinate(_) => {}
            Self::Load(_, positions) => {
                for position in positions {
                    if let Position::Computed(term) = position {
                        visit(term);
                    }
                }
            }
            Self::Add(parts) | Self::Multiply(parts) | Self::Table(_, parts) => {
                parts.iter().for_each(visit);
            }
            Self::Unary(_, argument) => visit(argument),
            Self::Binary(_, pair) => {
                visit(&pair.0);
                visit(&pair.1);
            }
            Self::Select(triple) => {
                visit(&triple.0);
                visit(&triple.1);
                visit(&triple.2);
            }
        }
    }

    /// Calls `visit` with this term and everything in it, outermost first.
    pub(crate) fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        visit(self);
        self.each_part(&mut |part| part.walk(visit));
    }

    /// The axes that it depends on, in order of first occurrence.
    pub(crate) fn axes(&self) -> Vec<Axis> {
        let mut axes = Vec::new();
        self.walk(&mut |term| {
            let mut push = |axis: Axis| {
                if !axes.contains(&axis) {
                    axes.push(axis);
                }
            };
            match term {
                Self::Coordinate(axis) => push(*axis),
                Self::Load(_, positions) => {
                    for position in positions {
                        match position {
                            Position::Axis(axis) => push(*axis),
                            Position::Split(outer, inner, _) => {
                                push(*outer);
                                push(*inner);
                            }
                            Position::Literal(_) | Position::Computed(_) => {}
                        }
                    }
                }
                _ => {}
            }
        });
        axes
    }

    /// The arrays that it reads.
    pub(crate) fn arrays(&self) -> BTreeSet<ArrayId> {
        let mut arrays = BTreeSet::new();
        self.walk(&mut |term| {
            if let Self::Load(array, _) = term {
                arrays.insert(*array);
            }
        });
        arrays
    }

    /// The same term with other parts: `load` makes the loads, `coordinate` the coordinates.
    pub(crate) fn rebuild(
        &self,
        load: &mut dyn FnMut(ArrayId, Vec<Position>) -> Self,
        position: &dyn Fn(Axis) -> Position,
    ) -> Self {
        match self {
            Self::Constant(_) => self.clone(),
            Self::Coordinate(axis) => position(*axis).value(),
            Self::Load(array, positions) => {
                let positions = positions
                    .iter()
                    .map(|entry| match entry {
                        Position::Axis(axis) => position(*axis),
                        // Nothing is rewritten once positions are split.
                        Position::Literal(_) | Position::Split(..) => entry.clone(),
                        Position::Computed(term) => {
                            Position::Computed(Box::new(term.rebuild(load, position)))
                        }
                    })
                    .collect();
                load(*array, positions)
            }
            Self::Add(parts) => Self::add(
                parts
                    .iter()
                    .map(|part| part.rebuild(load, position))
                    .collect::<Vec<_>>(),
            ),
            Self::Multiply(parts) => Self::multiply(
                parts
                    .iter()
                    .map(|part| part.rebuild(load, position))
                    .collect::<Vec<_>>(),
            ),
            Self::Table(function, parts) => Self::Table(
                function,
                parts
                    .iter()
                    .map(|part| part.rebuild(load, position))
                    .collect(),
            ),
            Self::Unary(operation, argument) => {
                Self::unary(*operation, argument.rebuild(load, position))
            }
            Self::Binary(operation, pair) => Self::binary(
                *operation,
                pair.0.rebuild(load, position),
                pair.1.rebuild(load, position),
            ),
            Self::Select(triple) => Self::Select(Arc::new((
                triple.0.rebuild(load, position),
                triple.1.rebuild(load, position),
                triple.2.rebuild(load, position),
            ))),
        }
    }

    /// The same term at other positions.
    pub(crate) fn at(&self, position: &dyn Fn(Axis) -> Position) -> Self {
        self.rebuild(&mut Self::Load, position)
    }

    /// The same term with the parts of additions and products in an order that does not depend on
    /// how the axes are numbered: equal terms with renamed axes get the same order, ties apart.
    pub(crate) fn sorted(&self) -> Self {
        let mut sorted = self.with_parts(&mut Self::sorted);
        if let Self::Add(parts) | Self::Multiply(parts) = &mut sorted {
            let mut order = parts.to_vec();
            order.sort_by_key(Self::blind_hash);
            *parts = order.into();
        }
        sorted
    }

    /// The same operation on other parts; what is computed in positions stays.
    pub(crate) fn with_parts(&self, part: &mut dyn FnMut(&Self) -> Self) -> Self {
        match self {
            Self::Constant(_) | Self::Coordinate(_) | Self::Load(..) => self.clone(),
            Self::Add(parts) => Self::Add(parts.iter().map(part).collect()),
            Self::Multiply(parts) => Self::Multiply(parts.iter().map(part).collect()),
            Self::Table(function, parts) => Self::Table(function, parts.iter().map(part).collect()),
            Self::Unary(operation, argument) => Self::unary(*operation, part(argument)),
            Self::Binary(operation, pair) => Self::binary(*operation, part(&pair.0), part(&pair.1)),
            Self::Select(triple) => {
                Self::Select((part(&triple.0), part(&triple.1), part(&triple.2)).into())
            }
        }
    }

    /// A hash that ignores which axes occur. The hasher has fixed keys: the order it gives is the same in every run.
    fn blind_hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash_blindly(&mut hasher);
        hasher.finish()
    }

    fn hash_blindly(&self, hasher: &mut DefaultHasher) {
        std::mem::discriminant(self).hash(hasher);
        match self {
            Self::Constant(value) => value.hash(hasher),
            Self::Load(array, positions) => {
                array.hash(hasher);
                positions.len().hash(hasher);
            }
            Self::Unary(operation, _) => operation.hash(hasher),
            Self::Binary(operation, _) => operation.hash(hasher),
            Self::Table(function, _) => function.hash(hasher),
            _ => {}
        }
        self.each_part(&mut |part| part.hash_blindly(hasher));
    }

    /// About how many cheap operations an element costs.
    pub(crate) fn weight(&self) -> usize {
        let own = match self {
            Self::Constant(_) | Self::Load(..) | Self::Coordinate(_) => 0,
            Self::Add(parts) | Self::Multiply(parts) => parts.len() - 1,
            Self::Unary(Unary::Abs | Unary::Square, _) | Self::Select(_) => 1,
            Self::Binary(Binary::Divide, _) | Self::Unary(Unary::Reciprocal | Unary::Sqrt, _) => 4,
            Self::Unary(..) => 10,
            Self::Binary(Binary::Power, _) | Self::Table(..) => 40,
            Self::Binary(..) => 1,
        };
        let mut total = own;
        self.each_part(&mut |part| total += part.weight());
        total
    }
}

impl Position {
    /// The position as a number.
    pub(crate) fn value(&self) -> Term {
        match self {
            Self::Axis(axis) => Term::Coordinate(*axis),
            Self::Literal(value) => Term::constant(*value as f64),
            Self::Split(outer, inner, size) => {
                let first =
                    Term::multiply([Term::constant(*size as f64), Term::Coordinate(*outer)]);
                Term::add([first, Term::Coordinate(*inner)])
            }
            Self::Computed(term) => (**term).clone(),
        }
    }
}

/// How a statement combines the elements along its reduced axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Combine {
    Sum,
    Maximum,
    Minimum,
    Product,
}

/// `target[0, 1, …] = combine over the further axes of body`.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub target: ArrayId,
    /// The extents of all axes, those of the target first.
    pub extents: Vec<usize>,
    /// How many axes the target has.
    pub rank: usize,
    /// What the axes from `rank` on are combined by; unused if there are none.
    pub combine: Combine,
    pub body: Term,
    /// For a function of whole matrices, which: the body is a plain load of the operand, whose last two axes they are.
    pub dense: Option<&'static MatrixFunction>,
    /// For a matrix product: the scalar by which it is multiplied.
    pub scale: Term,
    /// For a matrix product: what it is added to.
    pub start: Start,
}

/// What a matrix product is added to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Start {
    Zero,
    /// What the target's place held before.
    Before,
    /// A vector, the load of which says along which axis of the target it lies.
    Vector(Term),
}

impl Statement {
    /// Whether it is element-wise: no reduced axis.
    pub(crate) fn is_map(&self) -> bool {
        self.rank == self.extents.len() && self.dense.is_none()
    }

    /// The arrays that it reads, but for what it adds to.
    pub(crate) fn reads(&self) -> BTreeSet<ArrayId> {
        let mut arrays = self.body.arrays();
        arrays.extend(self.scale.arrays());
        if let Start::Vector(vector) = &self.start {
            arrays.extend(vector.arrays());
        }
        arrays
    }

    /// The number of elements of its iteration space.
    pub(crate) fn volume(&self) -> usize {
        self.extents.iter().product()
    }

    /// Whether every load of `array` in it is at the target's own axes, in order.
    pub(crate) fn reads_in_place(&self, array: ArrayId) -> bool {
        let mut in_place = true;
        self.body.walk(&mut |term| {
            if let Term::Load(loaded, positions) = term
                && *loaded == array
            {
                in_place &= positions.len() == self.rank
                    && positions
                        .iter()
                        .enumerate()
                        .all(|(axis, position)| *position == Position::Axis(axis));
            }
        });
        in_place
    }

    /// Whether every load of `array` in it is at its own axes, all of them and in order.
    pub(crate) fn reads_element_by_element(&self, array: ArrayId) -> bool {
        let whole = self.extents.len();
        !self.reads().contains(&array) || self.common_axes(array, whole) == whole
    }

    /// Whether it reads its operands at rows that are counted along two axes.
    pub(crate) fn splits_rows(&self) -> bool {
        let mut splits = false;
        self.body.walk(&mut |term| {
            if let Term::Load(_, positions) = term {
                let split = |position: &Position| matches!(position, Position::Split(..));
                splits |= positions.iter().any(split);
            }
        });
        splits
    }

    /// How many of the target's leading axes every load of `array` in it has as its first positions.
    pub(crate) fn common_rows(&self, array: ArrayId) -> usize {
        self.common_axes(array, self.rank)
    }

    fn common_axes(&self, array: ArrayId, most: usize) -> usize {
        let mut common = most;
        let mut visit = |term: &Term| {
            if let Term::Load(loaded, positions) = term
                && *loaded == array
            {
                let own = positions
                    .iter()
                    .enumerate()
                    .take_while(|(axis, position)| **position == Position::Axis(*axis));
                common = common.min(own.count());
            }
        };
        self.body.walk(&mut visit);
        if let Start::Vector(vector) = &self.start {
            vector.walk(&mut visit);
        }
        common
    }
}
