//! Matrix notation for operators between vectors: diagonals as `diag`, what stands between two matrices as a product of
//! three. Everything else is written by `matrix`.

use std::sync::Arc;

use backprove_syntax::tree::{BinaryOperator, Expression, ExpressionKind, Subscript};

use super::{Operator, Term};
use crate::expr::{Expr, Node};
use crate::index::Index;
use crate::matrix;

fn recover(body: &Expr, indices: &[Index]) -> Option<Expression> {
    matrix::recover(body, indices).map(Arc::unwrap_or_clone)
}

/// The matrix form of `body` with the axes `indices`, with diagonals written as such; `None` where it has none.
pub fn matrix(body: &Expr, indices: &[Index]) -> Option<Expression> {
    let [row, column] = indices else {
        return recover(body, indices);
    };
    let has_delta = body.any(&mut |part| {
        matches!(part.node(), Node::Delta(left, right) if [left, right].iter().all(|index| [row, column].contains(index)))
    });
    if !has_delta {
        return recover(body, indices).map(sandwiched);
    }
    let operator = Operator::of(
        body,
        std::slice::from_ref(row),
        std::slice::from_ref(column),
    );
    let (diagonals, others): (Vec<&Term>, Vec<&Term>) =
        operator.terms.iter().partition(|term| term.is_diagonal());
    let to_row = [(column.clone(), row.clone())].into_iter().collect();
    let vector = Expr::addition(diagonals.iter().map(|term| {
        let cores = term.blocks.iter().map(super::Block::core);
        Expr::product([term.scale.clone()].into_iter().chain(cores)).substitute(&to_row)
    }));
    let rest = Expr::addition(others.iter().map(|term| term.body()));
    let diagonal = |vector: &Expr| {
        if vector.depends_on(row) {
            let vector = recover(vector, std::slice::from_ref(row))?;
            Some(Expression::call("diag", [vector]))
        } else {
            recover(
                &Expr::product([vector.clone(), Expr::delta(row, column)]),
                indices,
            )
        }
    };
    let full = |rest: &Expr| recover(rest, indices).map(sandwiched);
    let subtract = |left, right| Expression::binary(BinaryOperator::Subtract, left, right);
    if rest.is_zero() {
        return diagonal(&vector);
    }
    if is_negative(&rest) {
        return Some(subtract(diagonal(&vector)?, full(&negated(&rest))?));
    }
    if is_negative(&vector) {
        return Some(subtract(full(&rest)?, diagonal(&negated(&vector))?));
    }
    Some(Expression::binary(
        BinaryOperator::Add,
        diagonal(&vector)?,
        full(&rest)?,
    ))
}

/// Whether every term has a minus in front.
pub(super) fn is_negative(expr: &Expr) -> bool {
    let terms = expr.terms();
    terms
        .iter()
        .all(|term| term.split_coefficient().0.is_negative())
}

pub(super) fn negated(expr: &Expr) -> Expr {
    Expr::addition(expr.terms().iter().map(Expr::negate))
}

/// Writes `A @ (s[:, None] * B)` as `A @ diag(s) @ B`, as a person does.
pub(super) fn sandwiched(tree: Expression) -> Expression {
    let kind = match tree.kind {
        ExpressionKind::Binary(BinaryOperator::MatrixMultiply, left, right) => {
            let (left, right) = (sandwiched(*left), sandwiched(*right));
            return match scaled_rows(&right) {
                Some((vector, matrix)) => {
                    let diagonal = Expression::call("diag", [vector]);
                    let first = Expression::binary(BinaryOperator::MatrixMultiply, left, diagonal);
                    Expression::binary(BinaryOperator::MatrixMultiply, first, matrix)
                }
                None => Expression::binary(BinaryOperator::MatrixMultiply, left, right),
            };
        }
        ExpressionKind::Binary(operator, left, right) => {
            let (left, right) = (sandwiched(*left), sandwiched(*right));
            return Expression::binary(operator, left, right);
        }
        ExpressionKind::Unary(operator, inner) => {
            ExpressionKind::Unary(operator, Box::new(sandwiched(*inner)))
        }
        other => other,
    };
    Expression::made(kind)
}

/// `s / t` and `B` of `s[:, None] * B / t[:, None]`.
fn scaled_rows(tree: &Expression) -> Option<(Expression, Expression)> {
    let mut parts = Parts::default();
    parts.take(tree, false);
    if parts.vectors.is_empty() && parts.divisors.is_empty() || !parts.divided.is_empty() {
        return None;
    }
    let multiply = |left, right| Expression::binary(BinaryOperator::Multiply, left, right);
    let vector = parts.vectors.into_iter().reduce(multiply);
    let vector = match parts.divisors.into_iter().reduce(multiply) {
        Some(divisor) => {
            let above = vector.unwrap_or_else(|| Expression::integer(1));
            Expression::binary(BinaryOperator::Divide, above, divisor)
        }
        None => vector?,
    };
    let matrix = parts.others.into_iter().reduce(multiply)?;
    Some((vector, matrix))
}

/// The factors of a product: those over the rows alone and all others, and what divides.
#[derive(Default)]
struct Parts {
    vectors: Vec<Expression>,
    divisors: Vec<Expression>,
    others: Vec<Expression>,
    divided: Vec<Expression>,
}

impl Parts {
    fn take(&mut self, tree: &Expression, below: bool) {
        match &tree.kind {
            ExpressionKind::Binary(BinaryOperator::Multiply, left, right) => {
                self.take(left, below);
                self.take(right, below);
            }
            ExpressionKind::Binary(BinaryOperator::Divide, left, right) => {
                self.take(left, below);
                self.take(right, !below);
            }
            _ => {
                let (whole, list) = match (over_rows(tree), below) {
                    (Some(vector), false) => (vector, &mut self.vectors),
                    (Some(vector), true) => (vector, &mut self.divisors),
                    (None, false) => (tree.clone(), &mut self.others),
                    (None, true) => (tree.clone(), &mut self.divided),
                };
                list.push(whole);
            }
        }
    }
}

/// `s` of `s[:, None]`, and a power of it.
fn over_rows(tree: &Expression) -> Option<Expression> {
    match &tree.kind {
        ExpressionKind::Subscript(base, entries) => match &entries[..] {
            [
                Subscript::Slice {
                    start: None,
                    stop: None,
                    step: None,
                },
                Subscript::NewAxis,
            ] => Some((**base).clone()),
            _ => None,
        },
        ExpressionKind::Binary(BinaryOperator::Power, base, exponent) => {
            let base = over_rows(base)?;
            Some(Expression::binary(
                BinaryOperator::Power,
                base,
                (**exponent).clone(),
            ))
        }
        _ => None,
    }
}
