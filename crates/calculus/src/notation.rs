//! Index expressions as text of the language: `sum[i](dY[i, k] * X[i, l])`. Letters are chosen here,
//! once, for every printer. Layout for readers belongs to `typeset`.

use std::collections::HashMap;

use backprove_syntax::tree::{BinaryOperator, Expression, ExpressionKind, Name, Subscript};

use crate::expr::{Expr, FunctionName, Node, Reduction};
use crate::functions::Notation;
use crate::index::Index;
use crate::matrix::{negative, number};
use crate::number::Number;

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
        let mut taken = Vec::new();
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
    let below = |part: &Expr| index_form(part, letters);
    let index = |index: &Index| Expression::name(letters.get(index));
    let reduction = |name: &str, bound: &[Index], body: &Expr| {
        Expression::made(ExpressionKind::Reduction {
            function: Name::made(name),
            indices: bound
                .iter()
                .map(|index| Name::made(letters.get(index)))
                .collect(),
            body: Box::new(below(body)),
        })
    };
    match expr.node() {
        Node::Number(value) => number(*value),
        Node::Extent(dim) => Expression::name(dim.to_string()),
        Node::Access(tensor, at) if at.is_empty() => Expression::name(tensor.name()),
        Node::Access(tensor, at) => {
            let items = at.iter().map(|at| Subscript::At(index(at))).collect();
            let base = Box::new(Expression::name(tensor.name()));
            Expression::made(ExpressionKind::Subscript(base, items))
        }
        Node::Delta(left, right) => Expression::call("delta", [index(left), index(right)]),
        Node::Indicator(position, value) => {
            Expression::binary(BinaryOperator::Equal, index(position), below(value))
        }
        Node::Sum(bound, body) => reduction("sum", bound, body),
        Node::Reduce(kind, bound, body) => {
            let name = match kind {
                Reduction::Maximum => "max",
                Reduction::Minimum => "min",
                Reduction::Product => "prod",
            };
            reduction(name, bound, body)
        }
        Node::Product(_) | Node::Power(..) => product(expr, letters),
        Node::Add(_) => addition(expr, letters),
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
        Node::Derivative(body, tensor, at) => {
            let items = at.iter().map(|at| Subscript::At(index(at))).collect();
            let base = Box::new(Expression::name(tensor.name()));
            let by = if at.is_empty() {
                *base
            } else {
                Expression::made(ExpressionKind::Subscript(base, items))
            };
            Expression::call("d", [below(body), by])
        }
    }
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

fn addition(expr: &Expr, letters: &Letters) -> Expression {
    let mut total: Option<Expression> = None;
    for term in expr.written_terms() {
        let is_negative = term.split_coefficient().0.is_negative();
        total = Some(match total {
            None => index_form(&term, letters),
            Some(sum) if is_negative => {
                let positive = index_form(&term.negate(), letters);
                Expression::binary(BinaryOperator::Subtract, sum, positive)
            }
            Some(sum) => Expression::binary(BinaryOperator::Add, sum, index_form(&term, letters)),
        });
    }
    total.unwrap_or_else(|| Expression::integer(0))
}

/// A product with its sign in front and its negative powers below a division.
fn product(expr: &Expr, letters: &Letters) -> Expression {
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
            below.push(power(&base, &exponent.negate(), letters));
        } else {
            above.push(power(&base, &exponent, letters));
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

fn power(base: &Expr, exponent: &Expr, letters: &Letters) -> Expression {
    let tree = index_form(base, letters);
    match exponent.node() {
        Node::Number(value) if value.is_one() => tree,
        Node::Number(value) if *value == Number::ratio(1, 2) => Expression::call("sqrt", [tree]),
        _ => Expression::binary(BinaryOperator::Power, tree, index_form(exponent, letters)),
    }
}
