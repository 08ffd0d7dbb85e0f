//! Functions and powers as terms: which kernel a function of the table has. Nothing here knows indices.

use backprove_calculus::functions::{Body, expand, expand_stable};
use backprove_calculus::{Callee, Expr, FunctionName};

use crate::error::Error;
use crate::term::{Binary, Term, Unary};

/// One where both are equal, zero elsewhere.
pub(crate) fn equal(left: &Term, right: &Term) -> Term {
    if left == right {
        return Term::ONE;
    }
    Term::binary(Binary::Equal, left.clone(), right.clone())
}

/// A power; small whole and half exponents become products and roots.
pub(crate) fn power(base: Term, exponent: Term) -> Term {
    let Some(value) = exponent.as_constant() else {
        return Term::binary(Binary::Power, base, exponent);
    };
    if let Some(number) = base.as_constant() {
        // Quotients are rounded as quotients elsewhere: equal numbers must be found equal.
        return Term::constant(if value < 0.0 {
            1.0 / number.powf(-value)
        } else {
            number.powf(value)
        });
    }
    let positive = |base: Term, value: f64| -> Option<Term> {
        Some(match value {
            0.5 => Term::unary(Unary::Sqrt, base),
            1.0 => base,
            1.5 => Term::multiply([base.clone(), Term::unary(Unary::Sqrt, base)]),
            2.0 => Term::unary(Unary::Square, base),
            3.0 => Term::multiply([Term::unary(Unary::Square, base.clone()), base]),
            4.0 => Term::unary(Unary::Square, Term::unary(Unary::Square, base)),
            _ => return None,
        })
    };
    if value == 0.0 {
        return Term::ONE;
    }
    if value > 0.0 {
        if let Some(term) = positive(base.clone(), value) {
            return term;
        }
    } else if let Some(term) = positive(base.clone(), -value) {
        return Term::unary(Unary::Reciprocal, term);
    }
    Term::binary(Binary::Power, base, exponent)
}

/// What a defined function means, in its stable form where there is one; `None` for what has a kernel.
pub(crate) fn definition(callee: &Callee, arguments: &[Expr]) -> Option<Expr> {
    let FunctionName::Known(function) = callee.function else {
        return None;
    };
    if !callee.derivatives.is_empty() || matches!(function.name, "relu" | "square" | "reciprocal") {
        return None;
    }
    expand_stable(function, arguments).or_else(|| expand(function, arguments))
}

/// A function applied to arguments that are lowered already.
pub(crate) fn call(callee: &Callee, arguments: Vec<Term>) -> Result<Term, Error> {
    let name = callee.name();
    let FunctionName::Known(function) = &callee.function else {
        return Err(Error::new(format!(
            "the function `{name}` is abstract: it has no values"
        )));
    };
    if !callee.derivatives.is_empty() {
        return Err(Error::new(format!(
            "the derivative of `{name}` is not worked out"
        )));
    }
    let unary = match name {
        "exp" => Some(Unary::Exp),
        "expm1" => Some(Unary::Expm1),
        "log" => Some(Unary::Log),
        "log1p" => Some(Unary::Log1p),
        "tanh" => Some(Unary::Tanh),
        "sigmoid" => Some(Unary::Sigmoid),
        "erf" => Some(Unary::Erf),
        "sqrt" => Some(Unary::Sqrt),
        "abs" => Some(Unary::Abs),
        "square" => Some(Unary::Square),
        "reciprocal" => Some(Unary::Reciprocal),
        _ => None,
    };
    if let (Some(unary), [argument]) = (unary, arguments.as_slice()) {
        return Ok(Term::unary(unary, argument.clone()));
    }
    let pair = |operation, left: &Term, right: &Term| {
        Ok(Term::binary(operation, left.clone(), right.clone()))
    };
    match (name, arguments.as_slice()) {
        ("relu", [x]) => pair(Binary::Maximum, x, &Term::ZERO),
        ("elu", [x]) => {
            let below = Term::unary(Unary::Expm1, x.clone());
            let above = Term::binary(Binary::Greater, x.clone(), Term::ZERO);
            Ok(Term::Select((above, x.clone(), below).into()))
        }
        ("softplus", [x]) => {
            let magnitude = Term::unary(Unary::Abs, x.clone());
            let power = Term::multiply([Term::constant(-1.0), magnitude]);
            let rest = Term::unary(Unary::Log1p, Term::unary(Unary::Exp, power));
            let above = Term::binary(Binary::Maximum, x.clone(), Term::ZERO);
            Ok(Term::add([above, rest]))
        }
        ("maximum", [x, y]) => pair(Binary::Maximum, x, y),
        ("minimum", [x, y]) => pair(Binary::Minimum, x, y),
        ("greater", [x, y]) => pair(Binary::Greater, x, y),
        ("greater_equal", [x, y]) => pair(Binary::GreaterEqual, x, y),
        ("less", [x, y]) => pair(Binary::Greater, y, x),
        ("less_equal", [x, y]) => pair(Binary::GreaterEqual, y, x),
        ("equal", [x, y]) => pair(Binary::Equal, x, y),
        ("not_equal", [x, y]) => pair(Binary::NotEqual, x, y),
        ("where", [condition, yes, no]) => Ok(Term::Select(
            (condition.clone(), yes.clone(), no.clone()).into(),
        )),
        _ => match function.body {
            Body::Primitive { .. } => Ok(Term::Table(function, arguments.into())),
            Body::Defined { .. } => Err(Error::new(format!(
                "the function `{name}` cannot be written out for {} arguments",
                arguments.len()
            ))),
        },
    }
}
