//! Splitting an expression into the terms of an operator: additions are multiplied out only as far as they hold deltas or
//! join what would else be separate.

use super::{Block, Term};
use crate::expr::{Expr, Node};
use crate::index::Index;
use crate::rules;

/// Axes that a factor may have and stay whole.
const MATRIX_RANK: usize = 2;

/// Terms beyond which nothing more is multiplied out.
const MOST_TERMS: usize = 32;

/// The terms of `body` over `axes`.
pub(super) fn split(body: &Expr, axes: &[Index]) -> Vec<Term> {
    let mut open = vec![body.clone()];
    let mut terms = Vec::new();
    while !open.is_empty() {
        let expr = open.remove(0);
        let room = open.len() + terms.len() < MOST_TERMS;
        match opened(&expr, axes).filter(|_| room) {
            Some(parts) => {
                open.splice(0..0, parts);
            }
            None if expr.is_zero() => {}
            None => terms.push(term(&expr, axes)),
        }
    }
    terms
}

/// The additions that `expr` is once it is multiplied out at one place; `None` where it stays whole.
fn opened(expr: &Expr, axes: &[Index]) -> Option<Vec<Expr>> {
    match expr.node() {
        Node::Add(terms) => Some(terms.clone()),
        Node::Product(factors) => distributed(factors, axes),
        Node::Sum(bound, body) => {
            let contracted =
                rules::delta::contract(expr).or_else(|| rules::sum::unused_index(expr));
            if let Some(contracted) = contracted {
                return Some(vec![contracted]);
            }
            let parts = match body.node() {
                Node::Add(terms) if has_structure(body, axes) => terms.clone(),
                Node::Product(factors) => distributed(factors, axes)?,
                _ => return None,
            };
            let parts = parts.into_iter();
            Some(parts.map(|part| Expr::sum(bound, part).freshen()).collect())
        }
        _ => None,
    }
}

/// The product multiplied out over the first parenthesis that has structure.
fn distributed(factors: &[Expr], axes: &[Index]) -> Option<Vec<Expr>> {
    let position = factors.iter().position(|factor| {
        matches!(factor.node(), Node::Add(_) | Node::Sum(..)) && has_structure(factor, axes)
    })?;
    let around = |part: &Expr| {
        Expr::product(factors.iter().enumerate().map(|(other, factor)| {
            if other == position {
                part.clone()
            } else {
                factor.freshen()
            }
        }))
    };
    let parts = opened(&factors[position], axes)?;
    Some(parts.iter().map(around).collect())
}

/// Whether a parenthesis holds a delta of two axes, or has more axes than a matrix.
fn has_structure(expr: &Expr, axes: &[Index]) -> bool {
    let own = expr.free_indices();
    own.iter().filter(|index| axes.contains(index)).count() > MATRIX_RANK
        || expr.any(&mut |part| match part.node() {
            Node::Delta(left, right) => axes.contains(left) || axes.contains(right),
            _ => false,
        })
}

/// A term: factors that share an index, bound or not, belong to one block.
fn term(expr: &Expr, axes: &[Index]) -> Term {
    let mut bound: Vec<Index> = Vec::new();
    let mut factors: Vec<Expr> = Vec::new();
    for factor in expr.factors() {
        match factor.node() {
            // A sum at the top may fall apart; one further inside stays as it was written.
            Node::Sum(indices, body) => {
                bound.extend(indices.iter().cloned());
                factors.extend(body.factors());
            }
            _ => factors.push(factor),
        }
    }
    let mut parts: Vec<(Vec<Index>, Vec<Expr>)> = Vec::new();
    for factor in factors {
        let mut own = factor.free_indices();
        let mut joined = Vec::new();
        let (touching, apart): (Vec<_>, Vec<_>) = parts
            .into_iter()
            .partition(|(indices, _)| indices.iter().any(|index| own.contains(index)));
        for (indices, factors) in touching {
            own.extend(indices);
            joined.extend(factors);
        }
        joined.push(factor);
        parts = apart;
        parts.push((own, joined));
    }
    let mut scale = Vec::new();
    let mut blocks = Vec::new();
    for (indices, factors) in parts {
        let inner = bound.iter().filter(|index| indices.contains(index));
        let inner: Vec<Index> = inner.cloned().collect();
        let body = Expr::sum(&inner, Expr::product(factors));
        let own = axes.iter().filter(|axis| indices.contains(axis));
        let own: Vec<Index> = own.cloned().collect();
        if own.is_empty() {
            scale.push(body);
        } else {
            blocks.push(Block { axes: own, body });
        }
    }
    // The order of the axes is the order in which blocks are read.
    let first = |block: &Block| axes.iter().position(|axis| block.axes.contains(axis));
    blocks.sort_by_key(first);
    Term {
        scale: rules::algebra::collect_powers(&Expr::product(scale)),
        blocks,
    }
}
