//! The chain rule in the direction of the computation: from the variables to the outputs. It connects equations and knows
//! no derivative; which intermediates lie between is decided in `derivation`.

use super::{Level, Rule, Scope};
use crate::expr::{Expr, Node};

/// The chain rule over everything through which an equation depends on the variables.
pub static FORWARD_CHAIN_RULE: Rule = Rule {
    name: "forward-chain-rule",
    title: "chain rule",
    statement: "d Y[i] = sum[j](dY[i]/dZ[j] * d Z[j])",
    level: Level::Headline,
    apply: forward_chain_rule,
};

/// Puts the derivative of an intermediate into its place.
pub static INTERMEDIATE: Rule = Rule {
    name: "intermediate",
    title: "the derivative of the intermediate, put in",
    statement: "d Z[j] = what was found",
    level: Level::Working,
    apply: intermediate,
};

fn forward_chain_rule(expr: &Expr, scope: &Scope) -> Option<Expr> {
    let Node::Access(derived, at) = expr.node() else {
        return None;
    };
    let equation = scope.current.as_ref()?;
    // Only the derivative of this equation: that of an intermediate is a name here.
    let rank = equation.indices.len();
    if scope.derived.as_ref() != Some(derived) || at.get(..rank)? != equation.indices {
        return None;
    }
    let element = Expr::access(&equation.target, &equation.indices);
    let terms = scope.sources.iter().map(|source| {
        let local = element.derivative(&source.tensor, &source.indices);
        match &source.derivative {
            Some(derivative) => {
                let inner = [&source.indices[..], &at[rank..]].concat();
                let product = Expr::product([local, Expr::access(derivative, &inner)]);
                Expr::sum(&source.indices, product)
            }
            None => local,
        }
    });
    Some(Expr::addition(terms))
}

fn intermediate(expr: &Expr, scope: &Scope) -> Option<Expr> {
    let Node::Access(tensor, at) = expr.node() else {
        return None;
    };
    let mut found = scope.intermediates.iter();
    found
        .find(|equation| equation.target == *tensor)
        .map(|equation| equation.at(at))
}
