//! Index expressions as text of the language: `sum[i](dY[i, k] * X[i, l])`. Letters are chosen here,
//! once, for every printer. Layout for readers belongs to `typeset`.

use std::collections::HashMap;
use std::sync::Arc;

use backprove_syntax::tree::{
    BinaryOperator, Expression, ExpressionKind, IndexDeclaration, Name, Subscript,
};

use crate::expr::{Expr, FunctionName, Node, Reduction, Tensor};
use crate::functions::Notation;
use crate::index::{Dim, Index};
use crate::matrix::{negative, number};
use crate::number::Number;
use crate::program::Equation;
use crate::size::{Part, Size};
use crate::subscripts::{needs_extent, reading};

/// The letters that stand in when a wish is taken.
const SPARE: [&str; 20] = [
    "i", "j", "k", "l", "m", "n", "p", "q", "r", "s", "t", "u", "v", "a", "b", "c", "d", "f", "g",
    "h",
];

/// The letter of every index of an expression: its wish where that is free, else a spare one.
#[derive(Debug, Clone, Default)]
pub struct Letters(HashMap<Index, String>);

impl Letters {
    /// Letters for `free`, in order, and for every index that occurs in `expr`. Binders that do not
    /// enclose each other may share a letter.
    pub fn of(expr: &Expr, free: &[Index]) -> Self {
        let mut letters = Self::default();
        // An index that is called like a tensor beside it could not be read back.
        let mut taken = Vec::new();
        expr.visit(&mut |part| {
            if let Node::Access(tensor, _) = part.node() {
                taken.push(tensor.name().to_owned());
            }
        });
        for index in free.iter().chain(&expr.free_indices()) {
            letters.assign(index, &mut taken);
        }
        letters.visit(expr, &mut taken);
        letters
    }

    /// The letter of `index`; its wish where it has none here.
    pub fn get<'a>(&'a self, index: &'a Index) -> &'a str {
        self.0.get(index).map_or(index.letter(), String::as_str)
    }

    fn assign(&mut self, index: &Index, taken: &mut Vec<String>) {
        if self.0.contains_key(index) {
            return;
        }
        let numbered = (1..).map(|number| format!("i{number}"));
        let wishes = std::iter::once(index.letter())
            .chain(SPARE)
            .map(str::to_owned);
        let letter = wishes
            .chain(numbered)
            .find(|letter| !taken.contains(letter))
            .unwrap_or_default();
        taken.push(letter.clone());
        self.0.insert(index.clone(), letter);
    }

    fn visit(&mut self, expr: &Expr, taken: &mut Vec<String>) {
        let depth = taken.len();
        if let Node::Sum(bound, _) | Node::Reduce(_, bound, _) = expr.node() {
            for index in bound {
                self.assign(index, taken);
            }
        }
        if let Node::Matrix(_, operand, _) = expr.node() {
            self.assign(&operand.rows, taken);
            self.assign(&operand.columns, taken);
        }
        for child in expr.children() {
            self.visit(child, taken);
        }
        taken.truncate(depth);
    }
}

/// The expression in index notation, as a syntax tree.
///
/// ```
/// use backprove_calculus::{Dim, Expr, Index, Tensor, notation};
/// let x = Tensor::new("x", vec![Dim::symbol("N")]);
/// let i = Index::new("i", Dim::symbol("N"));
/// let sum = Expr::sum(&[i.clone()], Expr::access(&x, &[i]));
/// let tree = notation::index_form(&sum, &notation::Letters::of(&sum, &[]));
/// assert_eq!(backprove_syntax::format_expression(&tree), "sum[i](x[i])");
/// ```
pub fn index_form(expr: &Expr, letters: &Letters) -> Expression {
    written(expr, &Names::of(letters))
}

/// The indices on the left of an equation, with their extents where its right side does not show them.
pub fn left_side(equation: &Equation, letters: &Letters) -> Vec<IndexDeclaration> {
    let indices = equation.indices.iter();
    indices
        .map(|index| {
            let mut declaration = declared(index, &equation.body, letters);
            if !equation.body.depends_on(index) {
                declaration.extent = Some(extent(index.extent()));
            }
            declaration
        })
        .collect()
}

fn declared(index: &Index, body: &Expr, letters: &Letters) -> IndexDeclaration {
    IndexDeclaration {
        extent: needs_extent(index, body).then(|| extent(index.extent())),
        ..IndexDeclaration::made(letters.get(index))
    }
}

/// What is written for each index: its letter, or the position that it stands for.
#[derive(Clone)]
struct Names<'a> {
    letters: &'a Letters,
    positions: Vec<(Index, Expression)>,
}

impl<'a> Names<'a> {
    fn of(letters: &'a Letters) -> Self {
        Self {
            letters,
            positions: Vec::new(),
        }
    }

    fn index(&self, index: &Index) -> Expression {
        let mut positions = self.positions.iter();
        let position = positions.find(|(own, _)| own == index);
        position.map_or_else(
            || Expression::name(self.letters.get(index)),
            |(_, position)| position.clone(),
        )
    }

    fn element(&self, tensor: &Tensor, at: &[Index]) -> Expression {
        let name = Expression::name(tensor.name());
        if at.is_empty() {
            return name;
        }
        let items = at.iter().map(|at| Subscript::At(self.index(at)));
        Expression::made(ExpressionKind::Subscript(Box::new(name), items.collect()))
    }
}

fn written(expr: &Expr, names: &Names) -> Expression {
    let below = |part: &Expr| written(part, names);
    match expr.node() {
        Node::Number(value) => number(*value),
        Node::Extent(dim) => extent(dim),
        Node::Position(position) => names.index(position),
        Node::Access(tensor, at) => names.element(tensor, at),
        Node::Delta(left, right) => {
            Expression::call("delta", [names.index(left), names.index(right)])
        }
        Node::Indicator(position, value) => {
            Expression::binary(BinaryOperator::Equal, names.index(position), below(value))
        }
        Node::Sum(bound, body) => sum(bound, body, names),
        Node::Reduce(kind, bound, body) => {
            let name = match kind {
                Reduction::Maximum => "max",
                Reduction::Minimum => "min",
                Reduction::Product => "prod",
            };
            reduction(name, bound, body, names)
        }
        Node::Product(_) | Node::Power(..) => product(expr, names),
        Node::Add(_) => addition(expr, names),
        Node::Call(callee, arguments) => {
            let arguments: Vec<Expression> = arguments.iter().map(below).collect();
            if let (FunctionName::Known(function), [left, right]) =
                (&callee.function, &arguments[..])
                && let Notation::Relation(sign) = function.notation
                && callee.derivatives.is_empty()
            {
                return Expression::binary(relation(sign), left.clone(), right.clone());
            }
            let primes = "'".repeat(callee.derivatives.len());
            Expression::call(&format!("{}{primes}", callee.name()), arguments)
        }
        Node::Matrix(function, operand, at) => {
            let indices = [operand.rows.clone(), operand.columns.clone()];
            let whole = match crate::matrix::recover(&operand.body, &indices) {
                Some(matrix) => Expression::call(function.name, [Arc::unwrap_or_clone(matrix)]),
                None => reduction(function.name, &indices, &operand.body, names),
            };
            if at.is_empty() {
                return whole;
            }
            let items = at.iter().map(|at| Subscript::At(names.index(at)));
            Expression::made(ExpressionKind::Subscript(Box::new(whole), items.collect()))
        }
        Node::Derivative(body, tensor, at) => {
            Expression::call("d", [below(body), names.element(tensor, at)])
        }
    }
}

/// A sum; what reads as an element at a position is written as one.
fn sum(bound: &[Index], body: &Expr, names: &Names) -> Expression {
    let Some(reading) = reading(bound, body) else {
        return reduction("sum", bound, body, names);
    };
    let mut inner = names.clone();
    for (index, position) in &reading.at {
        let position = written(position, names);
        inner.positions.push((index.clone(), position));
    }
    if reading.bound.is_empty() {
        return written(&reading.body, &inner);
    }
    let declared = reading.bound.iter().map(|index| {
        // Where an index stands only in positions that were read, nothing shows its extent.
        let mut declaration = declared(index, body, names.letters);
        if !reading.body.depends_on(index) {
            declaration.extent = Some(extent(index.extent()));
        }
        declaration
    });
    Expression::made(ExpressionKind::Reduction {
        function: Name::made("sum"),
        indices: declared.collect(),
        body: Box::new(written(&reading.body, &inner)),
    })
}

fn reduction(name: &str, bound: &[Index], body: &Expr, names: &Names) -> Expression {
    let declared = bound
        .iter()
        .map(|index| declared(index, body, names.letters));
    Expression::made(ExpressionKind::Reduction {
        function: Name::made(name),
        indices: declared.collect(),
        body: Box::new(written(body, names)),
    })
}

/// The operator of a relation's sign.
pub fn relation(sign: &str) -> BinaryOperator {
    match sign {
        ">" => BinaryOperator::Greater,
        ">=" | "≥" => BinaryOperator::GreaterEqual,
        "<" => BinaryOperator::Less,
        "<=" | "≤" => BinaryOperator::LessEqual,
        "=" | "==" => BinaryOperator::Equal,
        _ => BinaryOperator::NotEqual,
    }
}

/// An extent as text of the language: `N - U + 1`.
pub fn extent(dim: &Dim) -> Expression {
    size(&Size::of(dim))
}

fn size(size: &Size) -> Expression {
    let mut total: Option<Expression> = None;
    for (coefficient, parts) in size.terms() {
        let factors = parts.iter().map(|part| match part {
            Part::Symbol(name) => Expression::name(&**name),
            Part::Quotient(above, below) => Expression::binary(
                BinaryOperator::FloorDivide,
                self::size(above),
                self::size(below),
            ),
        });
        let magnitude = i64::try_from(coefficient.unsigned_abs()).unwrap_or(i64::MAX);
        let number = (magnitude != 1 || parts.is_empty()).then(|| Expression::integer(magnitude));
        let multiply = |left, right| Expression::binary(BinaryOperator::Multiply, left, right);
        let Some(term) = number.into_iter().chain(factors).reduce(multiply) else {
            continue;
        };
        total = Some(match total {
            None if coefficient < 0 => negative(term),
            None => term,
            Some(sum) if coefficient < 0 => Expression::binary(BinaryOperator::Subtract, sum, term),
            Some(sum) => Expression::binary(BinaryOperator::Add, sum, term),
        });
    }
    total.unwrap_or_else(|| Expression::integer(0))
}

fn addition(expr: &Expr, names: &Names) -> Expression {
    let mut total: Option<Expression> = None;
    for term in expr.written_terms() {
        let is_negative = term.split_coefficient().0.is_negative();
        total = Some(match total {
            None => written(&term, names),
            Some(sum) if is_negative => {
                let positive = written(&term.negate(), names);
                Expression::binary(BinaryOperator::Subtract, sum, positive)
            }
            Some(sum) => Expression::binary(BinaryOperator::Add, sum, written(&term, names)),
        });
    }
    total.unwrap_or_else(|| Expression::integer(0))
}

/// A product with its sign in front and its negative powers below a division.
fn product(expr: &Expr, names: &Names) -> Expression {
    let (coefficient, rest) = expr.split_coefficient();
    let is_negative = coefficient.is_negative();
    let magnitude = if is_negative {
        coefficient.negate()
    } else {
        coefficient
    };
    let mut above = Vec::new();
    let mut below = Vec::new();
    match magnitude {
        Number::Rational(ratio) if *ratio.numer() == 1 && *ratio.denom() != 1 => {
            below.push(Expression::integer(*ratio.denom()));
        }
        one if one.is_one() => {}
        other => above.push(number(other)),
    }
    for factor in rest.factors().into_iter().filter(|factor| !factor.is_one()) {
        let (base, exponent) = factor.split_power();
        let (value, _) = exponent.split_coefficient();
        if value.is_negative() {
            below.push(power(&base, &exponent.negate(), names));
        } else {
            above.push(power(&base, &exponent, names));
        }
    }
    let multiply = |factors: Vec<Expression>| {
        let multiply = |left, right| Expression::binary(BinaryOperator::Multiply, left, right);
        factors.into_iter().reduce(multiply)
    };
    let mut tree = multiply(above).unwrap_or_else(|| Expression::integer(1));
    if let Some(below) = multiply(below) {
        tree = Expression::binary(BinaryOperator::Divide, tree, below);
    }
    if is_negative { negative(tree) } else { tree }
}

fn power(base: &Expr, exponent: &Expr, names: &Names) -> Expression {
    let tree = written(base, names);
    match exponent.node() {
        Node::Number(value) if value.is_one() => tree,
        Node::Number(value) if *value == Number::ratio(1, 2) => Expression::call("sqrt", [tree]),
        _ => Expression::binary(BinaryOperator::Power, tree, written(exponent, names)),
    }
}
