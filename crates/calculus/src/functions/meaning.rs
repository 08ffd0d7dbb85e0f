//! What the table's texts mean: definitions and derivatives as expressions, instantiated with arguments.
//! Only scalar expressions are read here; tensors, shapes and reductions belong to `elaborate`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use backprove_syntax::parse_expression;
use backprove_syntax::tree::{BinaryOperator, Expression, ExpressionKind, UnaryOperator};

use super::{Body, Function, find};
use crate::expr::{Callee, Expr};
use crate::number::Number;

/// The definition of a defined function with `arguments` in place of its own; `None` for a primitive.
///
/// ```
/// use backprove_calculus::expr::{Expr, Tensor};
/// use backprove_calculus::functions::{expand, find};
/// let x = Expr::access(&Tensor::new("x", vec![]), &[]);
/// let silu = expand(find("silu").unwrap(), &[x.clone()]).unwrap();
/// assert_eq!(silu, Expr::product([x.clone(), Expr::apply("sigmoid", vec![x])]));
/// ```
pub fn expand(function: &'static Function, arguments: &[Expr]) -> Option<Expr> {
    match function.body {
        Body::Defined { definition, .. } => instantiate(definition, function, arguments, None),
        Body::Primitive { .. } => None,
    }
}

/// The form of a defined function that is stable in floating point, where the table has one.
pub fn expand_stable(function: &'static Function, arguments: &[Expr]) -> Option<Expr> {
    match function.body {
        Body::Defined { stable, .. } => instantiate(stable?, function, arguments, None),
        Body::Primitive { .. } => None,
    }
}

/// The derivative of a primitive by the argument at `position`, where `result` is the call itself.
///
/// `None` for a defined function, whose definition is to be differentiated, and for a primitive that
/// has no derivative in that argument.
///
/// ```
/// use backprove_calculus::expr::{Expr, Tensor};
/// use backprove_calculus::functions::{derivative, find};
/// let x = Expr::access(&Tensor::new("x", vec![]), &[]);
/// let y = Expr::apply("exp", vec![x.clone()]);
/// assert_eq!(derivative(find("exp").unwrap(), 0, &[x], &y), Some(y));
/// ```
pub fn derivative(
    function: &'static Function,
    position: usize,
    arguments: &[Expr],
    result: &Expr,
) -> Option<Expr> {
    match function.body {
        Body::Primitive { derivatives, .. } => {
            let text = (*derivatives.get(position)?)?;
            instantiate(text, function, arguments, Some(result))
        }
        Body::Defined { .. } => None,
    }
}

/// One of the function's equal forms, with `arguments` in place of its own.
pub(super) fn form(text: &'static str, function: &Function, arguments: &[Expr]) -> Option<Expr> {
    instantiate(text, function, arguments, None)
}

fn instantiate(
    text: &'static str,
    function: &Function,
    arguments: &[Expr],
    result: Option<&Expr>,
) -> Option<Expr> {
    if arguments.len() != function.arguments.len() {
        return None;
    }
    let tree = parsed(text)?;
    scalar(&tree, &|name| {
        let position = function.arguments.iter().position(|own| *own == name);
        match position {
            Some(position) => arguments.get(position).cloned(),
            None if name == "y" => result.cloned(),
            None => None,
        }
    })
}

/// Each text of the tables is parsed once.
pub(crate) fn parsed(text: &'static str) -> Option<Arc<Expression>> {
    static PARSED: LazyLock<Mutex<HashMap<&'static str, Arc<Expression>>>> =
        LazyLock::new(Mutex::default);
    let mut cache = PARSED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(tree) = cache.get(text) {
        return Some(Arc::clone(tree));
    }
    let tree = Arc::new(parse_expression(text).0?);
    cache.insert(text, Arc::clone(&tree));
    Some(tree)
}

/// Reads a scalar expression: numbers, arithmetic, comparisons, functions of the table, `pi`, `e`, and
/// the names that `names` knows. `None` for anything else.
pub fn scalar(tree: &Expression, names: &dyn Fn(&str) -> Option<Expr>) -> Option<Expr> {
    match &tree.kind {
        ExpressionKind::Number(text) => Number::parse(text).map(Expr::number),
        // A name may stand for an expression with binders, and may occur twice.
        ExpressionKind::Name(name) => names(name)
            .map(|value| value.freshen())
            .or_else(|| constant(name)),
        ExpressionKind::Unary(UnaryOperator::Plus, value) => scalar(value, names),
        ExpressionKind::Unary(UnaryOperator::Negate, value) => Some(scalar(value, names)?.negate()),
        ExpressionKind::Binary(operator, left, right) => {
            binary(*operator, scalar(left, names)?, scalar(right, names)?)
        }
        ExpressionKind::Call {
            function,
            arguments,
        } => {
            let callee = find(&function.text)?;
            let values: Option<Vec<Expr>> = arguments
                .iter()
                .map(|argument| match argument.keyword {
                    None => scalar(&argument.value, names),
                    Some(_) => None,
                })
                .collect();
            let values = values?;
            if values.len() != callee.arguments.len() {
                return None;
            }
            Some(match (callee.name, values.as_slice()) {
                ("sqrt", [value]) => value.power(Expr::number(Number::ratio(1, 2))),
                _ => Expr::call(Callee::known(callee), values),
            })
        }
        _ => None,
    }
}

fn constant(name: &str) -> Option<Expr> {
    let value = match name {
        "pi" => std::f64::consts::PI,
        "e" => std::f64::consts::E,
        _ => return None,
    };
    Some(Expr::number(Number::Real(value)))
}

fn binary(operator: BinaryOperator, left: Expr, right: Expr) -> Option<Expr> {
    let relation = match operator {
        BinaryOperator::Add => return Some(Expr::addition([left, right])),
        BinaryOperator::Subtract => return Some(Expr::addition([left, right.negate()])),
        BinaryOperator::Multiply => return Some(Expr::product([left, right])),
        BinaryOperator::Divide => return Some(Expr::product([left, right.reciprocal()])),
        BinaryOperator::Power => return Some(left.power(right)),
        BinaryOperator::MatrixMultiply | BinaryOperator::FloorDivide => return None,
        BinaryOperator::Less => "less",
        BinaryOperator::LessEqual => "less_equal",
        BinaryOperator::Greater => "greater",
        BinaryOperator::GreaterEqual => "greater_equal",
        BinaryOperator::Equal => "equal",
        BinaryOperator::NotEqual => "not_equal",
    };
    find(relation).map(|function| Expr::call(Callee::known(function), vec![left, right]))
}
