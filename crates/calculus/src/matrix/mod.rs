//! Matrix form: from one element in index notation back to NumPy notation for the whole.
//!
//! A product of factors with at most two free indices each is a graph with indices as nodes and
//! factors as edges. `structure` reduces that graph (series: matrix product; parallel: element-wise
//! product; leaf: row sum; disconnected: outer or scalar product); `emit` writes the result with the
//! axes that the variable has, so that each transpose is forced.
//!
//! Nothing here may decide what is equal: [`recover`]'s caller accepts a form only if it lowers back to the same
//! index expression.

mod emit;
mod structure;

use backprove_syntax::tree::{Expression, ExpressionKind, UnaryOperator};

use crate::expr::Expr;
use crate::index::Index;
use crate::number::Number;

/// The matrix form of `body` with the axes `indices`, or `None` where it has none.
pub fn recover(body: &Expr, indices: &[Index]) -> Option<Expression> {
    let form = structure::form(body)?;
    emit::whole(&form, indices)
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
