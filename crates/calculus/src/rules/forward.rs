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

/// Opens a sum within a sum that meets a vector, so that the vector is contracted first.
pub static NESTED_SUMS: Rule = Rule {
    name: "nested-sums",
    title: "one sum over both",
    statement: "sum[l](sum[s](a[s, l]) * v[l]) = sum[l, s](a[s, l] * v[l])",
    level: Level::Bookkeeping,
    apply: nested_sums,
};

fn nested_sums(expr: &Expr, _: &Scope) -> Option<Expr> {
    let Node::Sum(bound, body) = expr.node() else {
        return None;
    };
    let factors = body.factors();
    let is_vector =
        |factor: &Expr| matches!(&factor.free_indices()[..], [only] if bound.contains(only));
    let is_matrix = |factor: &Expr| {
        matches!(factor.node(), Node::Sum(..))
            && factor.free_indices().len() > 1
            && bound.iter().any(|index| factor.depends_on(index))
    };
    if !factors.iter().any(is_vector) {
        return None;
    }
    let position = factors.iter().position(is_matrix)?;
    let opened = factors[position].freshen();
    let Node::Sum(inner, innermost) = opened.node() else {
        return None;
    };
    let parts = factors.iter().enumerate().map(|(place, factor)| {
        if place == position {
            innermost.clone()
        } else {
            factor.clone()
        }
    });
    Some(Expr::sum(
        &[bound, &inner[..]].concat(),
        Expr::product(parts),
    ))
}

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
