//! Matrix form: from one element in index notation back to NumPy notation for the whole.
//!
//! A product of factors with at most two free indices each is a graph with indices as nodes and
//! factors as edges. `structure` reduces that graph (series: matrix product; parallel: element-wise
//! product; leaf: row sum; disconnected: outer or scalar product); `emit` writes the result with the
//! axes that the variable has, so that each transpose is forced.
//!
//! A form is accepted only if it [`lowers_to`] the same index expression; what is equal is decided
//! in `canonical`.

mod emit;
mod multiplication;
mod reduction;
mod structure;

use backprove_syntax::tree::{Expression, ExpressionKind, UnaryOperator};
use std::sync::Arc;

use crate::canonical;
use crate::elaborate::elaborate_expression;
use crate::expr::{Expr, Tensor};
use crate::index::Index;
use crate::number::Number;
use crate::program::Program;

/// The matrix form of `body` with the axes `indices`, or `None` where it has none.
pub fn recover(body: &Expr, indices: &[Index]) -> Option<Arc<Expression>> {
    let form = structure::form(body)?;
    emit::whole(&form, indices).map(Arc::new)
}

/// Whether `tree`, read over the tensors of `program` and `extra`, is `body` with the axes `indices`.
pub fn lowers_to(
    tree: &Expression,
    program: &Program,
    extra: &[Tensor],
    body: &Expr,
    indices: &[Index],
) -> bool {
    let Ok(value) = elaborate_expression(tree, program, extra, &|_, _| None) else {
        return false;
    };
    let pairs = value.indices.iter().zip(indices);
    let same_shape = value.indices.len() == indices.len()
        && pairs
            .clone()
            .all(|(own, wanted)| own.extent() == wanted.extent());
    let map = pairs
        .map(|(own, wanted)| (own.clone(), wanted.clone()))
        .collect();
    same_shape && canonical::equal(&value.body.substitute(&map), body)
}

/// A number in the language: an integer, a short decimal, or a quotient.
pub fn number(value: Number) -> Expression {
    let magnitude = if value.is_negative() {
        value.negate()
    } else {
        value
    };
    let tree = match magnitude {
        Number::Rational(ratio) => rational(*ratio.numer(), *ratio.denom()),
        Number::Real(real) if real.is_infinite() => Expression::name("inf"),
        Number::Real(std::f64::consts::PI) => Expression::name("pi"),
        Number::Real(std::f64::consts::E) => Expression::name("e"),
        Number::Real(real) => Expression::made(ExpressionKind::Number(format!("{real:?}"))),
    };
    if value.is_negative() {
        negative(tree)
    } else {
        tree
    }
}

fn rational(numerator: i64, denominator: i64) -> Expression {
    use backprove_syntax::tree::BinaryOperator::Divide;
    if denominator == 1 {
        return Expression::integer(numerator);
    }
    let decimal = format!("{}", numerator as f64 / denominator as f64);
    if decimal.len() <= 8 && Number::parse(&decimal) == Some(Number::ratio(numerator, denominator))
    {
        return Expression::made(ExpressionKind::Number(decimal));
    }
    Expression::binary(
        Divide,
        Expression::integer(numerator),
        Expression::integer(denominator),
    )
}

/// `-tree`.
pub(crate) fn negative(tree: Expression) -> Expression {
    Expression::made(ExpressionKind::Unary(UnaryOperator::Negate, Box::new(tree)))
}
