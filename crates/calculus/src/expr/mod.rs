//! Scalar-valued index notation: the one representation that is derived, checked and lowered.
//!
//! ```text
//! e = number | extent | position(i) | X[i, k] | delta(i, k) | [i == e] | sum[i, …](e) | max[i, …](e)
//!   | e * e … | e + e … | e ** e | f(e, …) | inv[r, c](e)[i, k] | d e / d X[i, k]
//! ```
//!
//! Constructors absorb associativity, the units 0 and 1, and nothing else: the order of factors and terms stays as the
//! author wrote it, so that results read naturally; equality up to order and bound names lives in
//! `canonical`. Every binder holds an [`Index`] of its own, so nothing here can capture.

mod hash;
mod walk;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::affine::Affine;
use crate::functions::{Function, MatrixFunction};
use crate::index::{Dim, Index};
use crate::number::Number;
use crate::size::Size;
use hash::Mixer;

pub use crate::tensor::{Cotangent, Fact, Tensor};

/// A function that is applied to scalars.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Callee {
    /// Which function.
    pub function: FunctionName,
    /// By which of its arguments it is differentiated, in order; empty for the function itself.
    /// `h'` is `[0]`, `h''` is `[0, 0]`.
    pub derivatives: Vec<usize>,
}

/// A function of the table, or one that is only declared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FunctionName {
    /// An entry of the table.
    Known(&'static Function),
    /// `h: elementwise`.
    Abstract(Arc<str>),
}

impl Callee {
    /// The function `function` of the table, not differentiated.
    pub fn known(function: &'static Function) -> Self {
        Self {
            function: FunctionName::Known(function),
            derivatives: Vec::new(),
        }
    }

    /// An abstract function, not differentiated.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self {
            function: FunctionName::Abstract(name.into()),
            derivatives: Vec::new(),
        }
    }

    /// The name of the function, without primes.
    pub fn name(&self) -> &str {
        match &self.function {
            FunctionName::Known(function) => function.name,
            FunctionName::Abstract(name) => name,
        }
    }
}

/// The square matrix that a dense function is applied to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operand {
    /// The row of an element; bound in `body`.
    pub rows: Index,
    /// The column of an element; bound in `body`.
    pub columns: Index,
    /// One element. It may mention further indices: then there is one matrix for each of their values.
    pub body: Expr,
}

/// How a reduction other than a sum combines its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// The greatest element.
    Maximum,
    /// The least element.
    Minimum,
    /// The product of the elements.
    Product,
}

/// An expression in index notation. Cheap to clone; equality is exact (same binders, same order).
#[derive(Clone)]
pub struct Expr(Arc<Cell>);

struct Cell {
    node: Node,
    hash: u64,
    signature: u64,
}

/// The kinds of expressions. Build them with the constructors of [`Expr`], which keep the invariants:
/// no product within a product, no addition within an addition, no empty sum.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Node {
    /// A number.
    Number(Number),
    /// The extent of an axis, as a number.
    Extent(Dim),
    /// The value of an index, from zero, as a number.
    Position(Index),
    /// One element of a tensor.
    Access(Tensor, Vec<Index>),
    /// One where the indices agree, zero elsewhere.
    Delta(Index, Index),
    /// One where the index equals the value (a label, or a literal position), zero elsewhere.
    Indicator(Index, Expr),
    /// The sum over the indices.
    Sum(Vec<Index>, Expr),
    /// Another reduction over the indices.
    Reduce(Reduction, Vec<Index>, Expr),
    /// A product of two or more factors.
    Product(Vec<Expr>),
    /// An addition of two or more terms.
    Add(Vec<Expr>),
    /// A power.
    Power(Expr, Expr),
    /// A function applied to scalars.
    Call(Callee, Vec<Expr>),
    /// One element of a dense function of a square matrix: its row and its column, or nothing where the result is a number.
    Matrix(&'static MatrixFunction, Operand, Vec<Index>),
    /// A derivative by one element of a tensor that is yet to be worked out.
    Derivative(Expr, Tensor, Vec<Index>),
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.hash == other.0.hash && self.0.node == other.0.node)
    }
}

impl Eq for Expr {}

impl Hash for Expr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash.hash(state);
    }
}

impl Expr {
    fn new(node: Node) -> Self {
        let mut hasher = Mixer::default();
        node.hash(&mut hasher);
        let hash = hasher.finish();
        let signature = signature(&node);
        Self(Arc::new(Cell {
            node,
            hash,
            signature,
        }))
    }

    /// A hash that does not see the names of indices nor the order of factors and terms: expressions
    /// that differ only in these have the same one.
    pub fn signature(&self) -> u64 {
        self.0.signature
    }

    /// What it is.
    pub fn node(&self) -> &Node {
        &self.0.node
    }

    /// A number.
    pub fn number(value: Number) -> Self {
        Self::new(Node::Number(value))
    }

    /// A whole number.
    pub fn integer(value: i64) -> Self {
        Self::number(Number::integer(value))
    }

    /// Zero.
    pub fn zero() -> Self {
        Self::integer(0)
    }

    /// One.
    pub fn one() -> Self {
        Self::integer(1)
    }

    /// The extent `dim` as a number.
    pub fn extent(dim: &Dim) -> Self {
        match dim {
            Dim::Literal(size) => Self::integer(*size as i64),
            Dim::Symbol(_) => Self::extent_node(dim.clone()),
            Dim::Computed(size) => crate::affine::size_expr(size),
        }
    }

    /// The extent as one node: of a symbol, or of a quotient.
    pub(crate) fn extent_node(dim: Dim) -> Self {
        Self::new(Node::Extent(dim))
    }

    /// The value of `index` as a number.
    pub fn position(index: &Index) -> Self {
        Self::new(Node::Position(index.clone()))
    }

    /// `tensor[indices]`.
    pub fn access(tensor: &Tensor, indices: &[Index]) -> Self {
        debug_assert_eq!(tensor.rank(), indices.len(), "one index for each axis");
        Self::new(Node::Access(tensor.clone(), indices.to_vec()))
    }

    /// Kronecker's delta; one where both indices are the same variable.
    pub fn delta(left: &Index, right: &Index) -> Self {
        if left == right {
            Self::one()
        } else {
            Self::new(Node::Delta(left.clone(), right.clone()))
        }
    }

    /// One where `index` equals `value`; Kronecker's delta where the value is an index of the same extent.
    pub fn indicator(index: &Index, value: Self) -> Self {
        if let Node::Position(other) = value.node()
            && other.extent() == index.extent()
        {
            return Self::delta(index, other);
        }
        if value.depends_on(index)
            && let Some(affine) = Affine::of(&value)
            && affine.coefficient(index).as_integer() == Some(1)
        {
            // The index cancels: the equation is one between the others.
            let rest = affine.minus(&Affine::index(index));
            if rest.terms.is_empty()
                && let Some(constant) = rest.constant.as_integer()
            {
                return if constant == 0 {
                    Self::one()
                } else {
                    Self::zero()
                };
            }
            let mut others = rest.terms.iter().map(|(other, _)| other);
            if let Some((other, solved)) =
                others.find_map(|other| Some((other, rest.solved_for(other)?)))
            {
                return Self::indicator(other, solved.expr());
            }
        }
        Self::new(Node::Indicator(index.clone(), value))
    }

    /// The sum over `indices`, which need not occur in `body`. Sums of sums are merged.
    pub fn sum(indices: &[Index], body: Self) -> Self {
        if indices.is_empty() || body.is_zero() {
            return body;
        }
        if let Node::Sum(inner, innermost) = body.node() {
            let all: Vec<Index> = indices.iter().chain(inner).cloned().collect();
            return Self::new(Node::Sum(all, innermost.clone()));
        }
        Self::new(Node::Sum(indices.to_vec(), body))
    }

    /// Another reduction over `indices`.
    pub fn reduce(reduction: Reduction, indices: &[Index], body: Self) -> Self {
        if indices.is_empty() {
            return body;
        }
        Self::new(Node::Reduce(reduction, indices.to_vec(), body))
    }

    /// The product: flattened, exact numbers multiplied into one in front, zero absorbing. Reals such as π stay
    /// factors of their own, or `sqrt(2 / pi)` would become a decimal.
    pub fn product(factors: impl IntoIterator<Item = Self>) -> Self {
        let mut coefficient = Number::ONE;
        let mut rest = Vec::new();
        for factor in factors {
            match factor.node() {
                Node::Number(value) if value.is_exact() => coefficient = coefficient.times(*value),
                Node::Product(inner) => {
                    for part in inner {
                        match part.node() {
                            Node::Number(value) if value.is_exact() => {
                                coefficient = coefficient.times(*value);
                            }
                            _ => rest.push(part.clone()),
                        }
                    }
                }
                _ => rest.push(factor),
            }
        }
        if coefficient.is_zero() {
            return Self::zero();
        }
        if !coefficient.is_one() {
            rest.insert(0, Self::number(coefficient));
        }
        match rest.len() {
            0 => Self::one(),
            1 => rest.swap_remove(0),
            _ => Self::new(Node::Product(rest)),
        }
    }

    /// The addition: flattened, zeros dropped, numbers added into one where the first stood.
    pub fn addition(terms: impl IntoIterator<Item = Self>) -> Self {
        let mut flat: Vec<Self> = Vec::new();
        let mut number: Option<(usize, Number)> = None;
        let mut push = |term: &Self| match term.node() {
            Node::Number(value) => {
                let position = number.map_or(flat.len(), |(position, _)| position);
                let total = number.map_or(*value, |(_, total)| total.plus(*value));
                number = Some((position, total));
            }
            _ => flat.push(term.clone()),
        };
        for term in terms {
            match term.node() {
                Node::Add(inner) => inner.iter().for_each(&mut push),
                _ => push(&term),
            }
        }
        if let Some((position, total)) = number
            && !total.is_zero()
        {
            flat.insert(position, Self::number(total));
        }
        match flat.len() {
            0 => Self::zero(),
            1 => flat.swap_remove(0),
            _ => Self::new(Node::Add(flat)),
        }
    }

    /// `-self`.
    #[must_use]
    pub fn negate(&self) -> Self {
        Self::product([Self::number(Number::MINUS_ONE), self.clone()])
    }

    /// `self ** exponent`; exact powers of numbers are worked out.
    #[must_use]
    pub fn power(&self, exponent: Self) -> Self {
        if exponent.is_one() {
            return self.clone();
        }
        if exponent.is_zero() {
            return Self::one();
        }
        if let (Node::Number(base), Node::Number(exponent)) = (self.node(), exponent.node())
            && let Some(value) = base.power(*exponent)
        {
            return Self::number(value);
        }
        Self::new(Node::Power(self.clone(), exponent))
    }

    /// `1 / self`.
    #[must_use]
    pub fn reciprocal(&self) -> Self {
        self.power(Self::number(Number::MINUS_ONE))
    }

    /// A function applied to its arguments.
    pub fn call(callee: Callee, arguments: Vec<Self>) -> Self {
        Self::new(Node::Call(callee, arguments))
    }

    /// The function `name` of the table applied to its arguments.
    ///
    /// # Panics
    /// If the table has no such function: the name must be a literal of ours, never a user's.
    pub fn apply(name: &str, arguments: Vec<Self>) -> Self {
        let function = crate::functions::find(name);
        Self::call(
            Callee::known(function.expect("a function of the table")),
            arguments,
        )
    }

    /// `function(operand)[at]`.
    pub fn matrix(function: &'static MatrixFunction, operand: Operand, at: &[Index]) -> Self {
        debug_assert_eq!(function.rank, at.len(), "one index for each axis");
        Self::new(Node::Matrix(function, operand, at.to_vec()))
    }

    /// `d self / d tensor[indices]`, not worked out.
    #[must_use]
    pub fn derivative(&self, tensor: &Tensor, indices: &[Index]) -> Self {
        Self::new(Node::Derivative(
            self.clone(),
            tensor.clone(),
            indices.to_vec(),
        ))
    }

    /// Whether it is the number zero.
    pub fn is_zero(&self) -> bool {
        matches!(self.node(), Node::Number(value) if value.is_zero())
    }

    /// Whether it is the number one.
    pub fn is_one(&self) -> bool {
        matches!(self.node(), Node::Number(value) if value.is_one())
    }
}

/// A hash of the equation `affine == 0` that sees neither names, nor order, nor a sign in front of the whole.
fn equation_signature(affine: &Affine) -> u64 {
    let signed = |sign: i64| {
        let part = |extent: Option<&Dim>, coefficient: &Size| {
            let mut hasher = Mixer::default();
            (extent, coefficient.times(&Size::integer(sign))).hash(&mut hasher);
            hasher.finish()
        };
        let terms = affine.terms.iter();
        terms.fold(
            part(None, &affine.constant),
            |total, (index, coefficient)| {
                total.wrapping_add(part(Some(index.extent()), coefficient))
            },
        )
    };
    signed(1) ^ signed(-1)
}

fn signature(node: &Node) -> u64 {
    let mut hasher = Mixer::default();
    std::mem::discriminant(node).hash(&mut hasher);
    let unordered = |parts: &[Expr]| {
        parts
            .iter()
            .fold(0_u64, |total, part| total.wrapping_add(part.signature()))
    };
    let extents = |indices: &[Index]| {
        indices.iter().fold(0_u64, |total, index| {
            let mut hasher = Mixer::default();
            index.extent().hash(&mut hasher);
            total.wrapping_add(hasher.finish())
        })
    };
    match node {
        Node::Number(value) => value.hash(&mut hasher),
        Node::Extent(dim) => dim.hash(&mut hasher),
        Node::Access(tensor, _) => tensor.hash(&mut hasher),
        Node::Delta(left, right) => extents(&[left.clone(), right.clone()]).hash(&mut hasher),
        Node::Position(index) => index.extent().hash(&mut hasher),
        Node::Indicator(index, value) => match Affine::of(value) {
            // Whichever index stands on the left, it is the same equation.
            Some(affine) => {
                equation_signature(&affine.minus(&Affine::index(index))).hash(&mut hasher);
            }
            None => (index.extent(), value.signature()).hash(&mut hasher),
        },
        Node::Sum(indices, body) | Node::Reduce(_, indices, body) => {
            (extents(indices), body.signature()).hash(&mut hasher);
        }
        Node::Product(parts) | Node::Add(parts) => unordered(parts).hash(&mut hasher),
        Node::Power(base, exponent) => {
            (base.signature(), exponent.signature()).hash(&mut hasher);
        }
        Node::Call(callee, parts) => {
            callee.hash(&mut hasher);
            for part in parts {
                part.signature().hash(&mut hasher);
            }
        }
        Node::Matrix(function, operand, _) => {
            let extent = operand.rows.extent();
            (function, extent, operand.body.signature()).hash(&mut hasher);
        }
        Node::Derivative(body, tensor, _) => (body.signature(), tensor).hash(&mut hasher),
    }
    hasher.finish()
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Expr], between: &str| {
            f.write_str("(")?;
            for (position, part) in parts.iter().enumerate() {
                if position > 0 {
                    f.write_str(between)?;
                }
                write!(f, "{part:?}")?;
            }
            f.write_str(")")
        };
        match self.node() {
            Node::Number(value) => write!(f, "{value}"),
            Node::Extent(dim) => write!(f, "|{dim}|"),
            Node::Position(index) => write!(f, "{index:?}"),
            Node::Access(tensor, indices) => write!(f, "{tensor:?}{indices:?}"),
            Node::Delta(left, right) => write!(f, "δ({left:?}, {right:?})"),
            Node::Indicator(index, value) => write!(f, "[{index:?} == {value:?}]"),
            Node::Sum(indices, body) => write!(f, "Σ{indices:?}({body:?})"),
            Node::Reduce(reduction, indices, body) => {
                write!(f, "{reduction:?}{indices:?}({body:?})")
            }
            Node::Product(parts) => list(f, parts, " * "),
            Node::Add(parts) => list(f, parts, " + "),
            Node::Power(base, exponent) => write!(f, "{base:?}^{exponent:?}"),
            Node::Call(callee, parts) => {
                write!(
                    f,
                    "{}{}",
                    callee.name(),
                    "'".repeat(callee.derivatives.len())
                )?;
                list(f, parts, ", ")
            }
            Node::Matrix(function, operand, at) => {
                let Operand {
                    rows,
                    columns,
                    body,
                } = operand;
                write!(f, "{function:?}[{rows:?}, {columns:?}]({body:?}){at:?}")
            }
            Node::Derivative(body, tensor, indices) => {
                write!(f, "d({body:?})/d{tensor:?}{indices:?}")
            }
        }
    }
}
