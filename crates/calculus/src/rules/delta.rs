//! The laws of Kronecker's delta, and of indicators at affine positions.

use std::collections::HashMap;

use super::{Level, Rule};
use crate::affine::Affine;
use crate::expr::{Expr, Node};
use crate::index::Index;

/// The laws in the order in which they are tried.
pub static RULES: &[Rule] = &[
    Rule {
        name: "delta-contraction",
        title: "delta contraction",
        statement: "sum[p](delta(l, p) * f[p]) = f[l]",
        level: Level::Working,
        apply: |expr, _| contract(expr),
    },
    Rule {
        name: "solve-position",
        title: "solved for the summed index; zero outside its extent",
        statement: "sum[i](f[i] * (l == i + u)) = sum[i](f[i] * (i == l - u)) = f[l - u]",
        level: Level::Working,
        apply: |expr, _| solve(expr),
    },
];

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

/// Solves an indicator `[l == i + u]` for a summed index whose coefficient is 1 or -1. The range of that index stays the
/// guard: where the solution lies outside, the sum has no term. Other coefficients are kept, and scattered.
fn solve(expr: &Expr) -> Option<Expr> {
    let Node::Sum(indices, body) = expr.node() else {
        return None;
    };
    let mut factors = body.factors();
    let (position, index, solved) = solvable(&factors, indices)?;
    factors[position] = Expr::indicator(&index, solved.expr());
    Some(Expr::sum(indices, Expr::product(factors)))
}

/// The position of an indicator on an index that is not `bound`, and what it makes of one that is.
fn solvable(factors: &[Expr], bound: &[Index]) -> Option<(usize, Index, Affine)> {
    let fixed = |index: &Index| {
        factors
            .iter()
            .any(|factor| matches!(factor.node(), Node::Indicator(own, _) if own == index))
    };
    factors.iter().enumerate().find_map(|(position, factor)| {
        let Node::Indicator(index, value) = factor.node() else {
            return None;
        };
        if bound.contains(index) {
            return None;
        }
        let equation = Affine::of(value)?.minus(&Affine::index(index));
        bound
            .iter()
            .filter(|other| !fixed(other))
            .find_map(|other| {
                let solved = equation.solved_for(other)?;
                Some((position, other.clone(), solved))
            })
    })
}

/// Whether `expr` holds, as a factor, a delta on one of `bound`, or an indicator that one of them solves.
pub fn has_contractible(expr: &Expr, bound: &[Index]) -> bool {
    let factors = expr.factors();
    contractible(&factors, bound).is_some() || solvable(&factors, bound).is_some()
}
