//! The laws that connect equations: the chain rule across names, and substituting back.

use super::{Level, Rule, Scope};
use crate::expr::{Expr, Node};

/// The chain rule across equations: a sum over all elements of everything that uses the variable.
pub static CHAIN_RULE: Rule = Rule {
    name: "chain-rule",
    title: "chain rule",
    statement: "dL/dW[k, l] = sum[i, j](dL/dY[i, j] * dY[i, j]/dW[k, l])",
    level: Level::Headline,
    apply: chain_rule,
};

/// Puts a local derivative that was worked out beside into its place.
pub static LOCAL_DERIVATIVE: Rule = Rule {
    name: "local-derivative",
    title: "the local derivative, put back",
    statement: "dY[i, j]/dW[k, l] = what was found",
    level: Level::Headline,
    apply: local_derivative,
};

/// Replaces a cotangent by what was found for it, where that makes the whole simpler.
pub static COTANGENT: Rule = Rule {
    name: "cotangent",
    title: "the cotangent, put in",
    statement: "dL/dY[i, j] = what was found",
    level: Level::Working,
    apply: cotangent,
};

fn chain_rule(expr: &Expr, scope: &Scope) -> Option<Expr> {
    let Node::Access(_, at) = expr.node() else {
        return None;
    };
    let variable = scope.variable.as_ref()?;
    let terms = scope.users.iter().map(|user| {
        let local = Expr::access(&user.target, &user.indices).derivative(variable, at);
        match &user.cotangent {
            Some(cotangent) => Expr::sum(
                &user.indices,
                Expr::product([Expr::access(cotangent, &user.indices), local]),
            ),
            None => local,
        }
    });
    Some(Expr::addition(terms))
}

fn local_derivative(expr: &Expr, scope: &Scope) -> Option<Expr> {
    let found = scope
        .locals
        .iter()
        .find(|(derivative, _)| derivative == expr);
    found.map(|(_, result)| result.freshen())
}

fn cotangent(expr: &Expr, scope: &Scope) -> Option<Expr> {
    let Node::Access(tensor, at) = expr.node() else {
        return None;
    };
    let mut found = scope.cotangents.iter();
    found
        .find(|equation| equation.target == *tensor)
        .map(|equation| equation.at(at))
}
