//! The laws of functions: their derivatives from the table, and names for what reappears.

use super::{Level, Rule, Scope};
use crate::canonical;
use crate::expr::{Expr, FunctionName, Node};
use crate::functions;
use crate::index::Index;
use crate::program::Equation;

/// The derivative of a function of the table, where it was left as `h'(x)`.
pub static FUNCTION_DERIVATIVE: Rule = Rule {
    name: "function-derivative",
    title: "derivative of the function",
    statement: "h'(x) = the table's derivative of h",
    level: Level::Working,
    apply: |expr, _| known_derivative(expr),
};

/// A right side that reappears, written by its name.
pub static NAMED_RESULT: Rule = Rule {
    name: "named-result",
    title: "by its name",
    statement: "(right side of Y)[i] = Y[i]",
    level: Level::Working,
    apply: named_result,
};

fn known_derivative(expr: &Expr) -> Option<Expr> {
    let Node::Call(callee, arguments) = expr.node() else {
        return None;
    };
    let (FunctionName::Known(function), [position]) = (&callee.function, &callee.derivatives[..])
    else {
        return None;
    };
    let result = Expr::call(crate::Callee::known(function), arguments.clone());
    functions::derivative(function, *position, arguments, &result)
}

/// Writes a named result where its right side reappears.
fn named_result(expr: &Expr, scope: &Scope) -> Option<Expr> {
    scope.named.iter().find_map(|equation| {
        worth_a_name(&equation.body)
            .then(|| by_name(expr, equation))
            .flatten()
    })
}

/// Whether a right side is more than a rearrangement of other tensors.
fn worth_a_name(body: &Expr) -> bool {
    body.any(&mut |part| {
        matches!(
            part.node(),
            Node::Call(..)
                | Node::Power(..)
                | Node::Sum(..)
                | Node::Reduce(..)
                | Node::Indicator(..)
                | Node::Matrix(..)
        )
    })
}

fn by_name(expr: &Expr, equation: &Equation) -> Option<Expr> {
    let access = |map: &std::collections::HashMap<Index, Index>| {
        let indices: Option<Vec<Index>> = equation
            .indices
            .iter()
            .map(|index| map.get(index).cloned())
            .collect();
        Some(Expr::access(&equation.target, &indices?))
    };
    if let Some(map) = canonical::matches(&equation.body, expr, &equation.indices) {
        return access(&map);
    }
    // A quotient such as softmax reappears among other factors.
    let (Node::Product(_), Node::Product(_)) = (equation.body.node(), expr.node()) else {
        return None;
    };
    let (map, mut factors) = canonical::matches_factors(&equation.body, expr, &equation.indices)?;
    // The name stands where the first factor of the quotient stood.
    let before = expr.factors();
    let position = before
        .iter()
        .zip(&factors)
        .take_while(|(old, new)| old == new)
        .count();
    factors.insert(position, access(&map)?);
    Some(Expr::product(factors))
}
