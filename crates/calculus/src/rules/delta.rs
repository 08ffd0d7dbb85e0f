//! The laws of Kronecker's delta.

use std::collections::HashMap;

use super::{Level, Rule};
use crate::expr::{Expr, Node};
use crate::index::Index;

/// The laws in the order in which they are tried.
pub static RULES: &[Rule] = &[Rule {
    name: "delta-contraction",
    title: "delta contraction",
    statement: "sum[p](delta(l, p) * f[p]) = f[l]",
    level: Level::Working,
    apply: |expr, _| contract(expr),
}];

/// Contracts every delta that stands as a factor under a sum over one of its indices.
pub fn contract(expr: &Expr) -> Option<Expr> {
    let Node::Sum(indices, body) = expr.node() else {
        return None;
    };
    let mut bound = indices.clone();
    let mut factors = body.factors();
    let mut contracted = false;
    while let Some((position, from, to)) = contractible(&factors, &bound) {
        factors.remove(position);
        let map = HashMap::from([(from.clone(), to)]);
        factors = factors
            .iter()
            .map(|factor| factor.substitute(&map))
            .collect();
        bound.retain(|index| *index != from);
        contracted = true;
    }
    contracted.then(|| Expr::sum(&bound, Expr::product(factors)))
}

/// The position of a delta among the factors, the bound index that it fixes, and to what.
fn contractible(factors: &[Expr], bound: &[Index]) -> Option<(usize, Index, Index)> {
    factors.iter().enumerate().find_map(|(position, factor)| {
        let Node::Delta(left, right) = factor.node() else {
            return None;
        };
        // Where both are bound, the left one stays: it is the variable's own index.
        if bound.contains(right) {
            Some((position, right.clone(), left.clone()))
        } else if bound.contains(left) {
            Some((position, left.clone(), right.clone()))
        } else {
            None
        }
    })
}

/// Whether `expr` holds, as a factor, a delta on one of `bound`.
pub fn has_contractible(expr: &Expr, bound: &[Index]) -> bool {
    contractible(&expr.factors(), bound).is_some()
}
