//! The laws of functions: their derivatives from the table, and names for what reappears.

use super::{Level, Rule, Scope, algebra};
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

/// A name that occurs only once, written out again.
pub static WRITTEN_OUT: Rule = Rule {
    name: "written-out",
    title: "written out",
    statement: "Z[i] = (right side of Z)[i]",
    level: Level::Working,
    apply: written_out,
};

/// Puts the right side of a definition in the place of its name.
fn written_out(expr: &Expr, scope: &Scope) -> Option<Expr> {
    let Node::Access(tensor, at) = expr.node() else {
        return None;
    };
    let mut definitions = scope.written_out.iter();
    definitions
        .find(|equation| equation.target == *tensor)
        .map(|equation| equation.at(at))
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

/// The expression with the name of `equation` in the place of its right side, which is the whole or some factors.
pub(crate) fn by_name(expr: &Expr, equation: &Equation) -> Option<Expr> {
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
    match (equation.body.node(), expr.node()) {
        // A root reappears in other powers.
        (Node::Power(base, exponent), Node::Power(other, power)) => {
            let times = algebra::times(exponent, power)?;
            let map = canonical::matches(base, other, &equation.indices)?;
            return Some(access(&map)?.power(Expr::integer(times)));
        }
        // A sum of terms reappears among others.
        (Node::Add(_), Node::Add(_)) => {
            let (map, mut terms) =
                canonical::matches_terms(&equation.body, expr, &equation.indices)?;
            let before = expr.terms();
            let position = common_start(&before, &terms);
            terms.insert(position, access(&map)?);
            return Some(Expr::addition(terms));
        }
        // A quotient such as softmax reappears among other factors.
        (Node::Product(_), Node::Product(_)) => {}
        _ => return None,
    }
    let (map, mut factors) = canonical::matches_factors(&equation.body, expr, &equation.indices)?;
    // The name stands where the first factor of the quotient stood.
    let position = common_start(&expr.factors(), &factors);
    factors.insert(position, access(&map)?);
    Some(Expr::product(factors))
}

fn common_start(left: &[Expr], right: &[Expr]) -> usize {
    let pairs = left.iter().zip(right);
    pairs.take_while(|(old, new)| old == new).count()
}
