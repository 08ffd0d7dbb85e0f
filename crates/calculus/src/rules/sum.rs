//! The laws of sums.

use super::{Level, Rule, delta};
use crate::affine::Affine;
use crate::canonical;
use crate::expr::{Expr, Fact, Node};
use crate::index::Index;

/// Free indices that a parenthesis may have and still be one factor of a matrix form.
const MATRIX_RANK: usize = 2;

/// The laws in the order in which they are tried.
pub static RULES: &[Rule] = &[
    Rule {
        name: "distribute",
        title: "multiply out",
        statement: "sum[p](f[p] * (g[p] + h[p])) = sum[p](f[p] * g[p] + f[p] * h[p])",
        level: Level::Bookkeeping,
        apply: |expr, _| distribute(expr),
    },
    Rule {
        name: "split-sum",
        title: "split the sum",
        statement: "sum[p](f[p] + g[p]) = sum[p](f[p]) + sum[p](g[p])",
        level: Level::Bookkeeping,
        apply: |expr, _| split(expr),
    },
    Rule {
        name: "sum-of-constant",
        title: "a sum of equal terms",
        statement: "sum[p](c) = P * c",
        level: Level::Bookkeeping,
        apply: |expr, _| unused_index(expr),
    },
    Rule {
        name: "unit-sum",
        title: "a row sums to one",
        statement: "sum[p](T[i, p]) = 1, where T is one-hot or a probability; sum[p](p == i) = 1 within the extent",
        level: Level::Working,
        apply: |expr, _| unit_sum(expr),
    },
    Rule {
        name: "factor-out-of-sum",
        title: "constant factor out of the sum",
        statement: "sum[p](c * f[p]) = c * sum[p](f[p])",
        level: Level::Bookkeeping,
        apply: |expr, _| pull_out(expr),
    },
    Rule {
        name: "merge-sums",
        title: "one sum",
        statement: "sum[p](a[p] * c[p]) + sum[q](b[q] * c[q]) = sum[p]((a[p] + b[p]) * c[p])",
        level: Level::Bookkeeping,
        apply: |expr, _| merge(expr),
    },
];

fn sum_parts(expr: &Expr) -> Option<(&[Index], &Expr)> {
    match expr.node() {
        Node::Sum(indices, body) => Some((indices, body)),
        _ => None,
    }
}

/// Multiplies out under a sum, where a delta within the parenthesis waits to be contracted, or the
/// parenthesis has more free indices than a factor of a matrix form may have, and its terms do not.
fn distribute(expr: &Expr) -> Option<Expr> {
    let (indices, body) = sum_parts(expr)?;
    let factors = body.factors();
    if factors.len() < 2 {
        return None;
    }
    let unwieldy = |factor: &Expr| {
        let product_of_smaller = |term: &Expr| term.factors().iter().all(is_handy);
        factor.free_indices().len() > MATRIX_RANK && factor.terms().iter().all(product_of_smaller)
    };
    let position = factors.iter().position(|factor| {
        let contractible = |term: &Expr| delta::has_contractible(term, indices);
        matches!(factor.node(), Node::Add(_))
            && (factor.terms().iter().any(contractible) || unwieldy(factor))
    })?;
    let terms = factors[position].terms();
    let others = |term: &Expr| {
        Expr::product(factors.iter().enumerate().map(|(other, factor)| {
            if other == position {
                term.clone()
            } else {
                factor.freshen()
            }
        }))
    };
    Some(Expr::sum(indices, Expr::addition(terms.iter().map(others))))
}

/// Whether a factor, or each factor of a sum, has no more free indices than a factor of a matrix form may have.
fn is_handy(part: &Expr) -> bool {
    let small = |part: &Expr| part.free_indices().len() <= MATRIX_RANK;
    match part.node() {
        Node::Sum(_, body) => small(part) || body.factors().iter().all(small),
        _ => small(part),
    }
}

/// Splits a sum over an addition, where one of the terms has a delta to be contracted.
fn split(expr: &Expr) -> Option<Expr> {
    let (indices, body) = sum_parts(expr)?;
    let Node::Add(terms) = body.node() else {
        return None;
    };
    let useful = body.free_indices().len() > MATRIX_RANK
        || terms.iter().any(|term| {
            delta::has_contractible(term, indices)
                || indices.iter().any(|index| !term.depends_on(index))
        });
    useful.then(|| {
        Expr::addition(
            terms
                .iter()
                .map(|term| Expr::sum(indices, term.clone()).freshen()),
        )
    })
}

/// Turns the sum over an index that does not occur into its extent, never into nothing.
pub fn unused_index(expr: &Expr) -> Option<Expr> {
    let (indices, body) = sum_parts(expr)?;
    let (used, unused): (Vec<Index>, Vec<Index>) = indices
        .iter()
        .cloned()
        .partition(|index| body.depends_on(index));
    if unused.is_empty() {
        return None;
    }
    let extents = unused.iter().map(|index| Expr::extent(index.extent()));
    Some(Expr::product(
        extents.chain([Expr::sum(&used, body.clone())]),
    ))
}

fn unit_sum(expr: &Expr) -> Option<Expr> {
    let (indices, body) = sum_parts(expr)?;
    let [index] = indices else {
        return None;
    };
    let one = match body.node() {
        Node::Access(tensor, at) => {
            let (last, others) = at.split_last()?;
            let sums_to_one = tensor
                .facts()
                .iter()
                .any(|fact| matches!(fact, Fact::Probability | Fact::OneHot));
            sums_to_one && last == index && !others.contains(index)
        }
        Node::Indicator(position, value) => {
            let inside = || Affine::of(value).is_some_and(|value| value.is_within(index.extent()));
            position == index && !value.depends_on(index) && (is_label(value, index) || inside())
        }
        _ => false,
    };
    one.then(Expr::one)
}

/// Whether `value` is a label that always lies within the extent of `index`.
fn is_label(value: &Expr, index: &Index) -> bool {
    match value.node() {
        Node::Access(tensor, _) => tensor
            .facts()
            .contains(&Fact::Labels(index.extent().clone())),
        _ => false,
    }
}

/// The expression with constant factors drawn out of its sum and the parts of the sum that share no index separated.
pub fn separated(expr: &Expr) -> Option<Expr> {
    let mut found = pull_out(expr)?;
    while let Some(next) = pull_out(&found) {
        found = next;
    }
    Some(found)
}

fn pull_out(expr: &Expr) -> Option<Expr> {
    let (indices, body) = sum_parts(expr)?;
    let (inside, mut outside): (Vec<Expr>, Vec<Expr>) = body
        .factors()
        .into_iter()
        .partition(|factor| indices.iter().any(|index| factor.depends_on(index)));
    if outside.is_empty() {
        return separate(indices, body);
    }
    outside.push(Expr::sum(indices, Expr::product(inside)));
    Some(Expr::product(outside))
}

/// Separates a sum whose factors fall into parts that share no bound index.
fn separate(indices: &[Index], body: &Expr) -> Option<Expr> {
    let factors = body.factors();
    let first = indices.first()?;
    let mut connected = vec![first.clone()];
    let mut taken = vec![false; factors.len()];
    while let Some(position) = factors.iter().enumerate().position(|(position, factor)| {
        !taken[position] && connected.iter().any(|index| factor.depends_on(index))
    }) {
        taken[position] = true;
        for index in indices {
            if factors[position].depends_on(index) && !connected.contains(index) {
                connected.push(index.clone());
            }
        }
    }
    if connected.len() == indices.len() {
        return None;
    }
    let rest: Vec<Index> = indices
        .iter()
        .filter(|index| !connected.contains(index))
        .cloned()
        .collect();
    let part = |wanted: bool| {
        let chosen = factors
            .iter()
            .zip(&taken)
            .filter(move |(_, taken)| **taken == wanted);
        Expr::product(chosen.map(|(factor, _)| factor.clone()))
    };
    Some(Expr::product([
        Expr::sum(&connected, part(true)),
        Expr::sum(&rest, part(false)),
    ]))
}

/// Brings two sums that share a factor under one sign: `A x + A^T x = (A + A^T) x`.
fn merge(expr: &Expr) -> Option<Expr> {
    let Node::Add(terms) = expr.node() else {
        return None;
    };
    for first in 0..terms.len() {
        for second in first + 1..terms.len() {
            if let Some(merged) = merge_pair(&terms[first], &terms[second]) {
                let mut terms = terms.clone();
                terms[first] = merged;
                terms.remove(second);
                return Some(Expr::addition(terms));
            }
        }
    }
    None
}

/// The sum in a term, with everything that stands before it.
fn coefficient_and_sum(term: &Expr) -> Option<(Expr, Vec<Index>, Vec<Expr>)> {
    let mut factors = term.factors();
    let position = factors
        .iter()
        .position(|factor| matches!(factor.node(), Node::Sum(..)))?;
    let sum = factors.remove(position);
    let (indices, body) = sum_parts(&sum)?;
    Some((Expr::product(factors), indices.to_vec(), body.factors()))
}

fn merge_pair(left: &Expr, right: &Expr) -> Option<Expr> {
    let (left_front, left_indices, left_factors) = coefficient_and_sum(left)?;
    let (right_front, right_indices, right_factors) = coefficient_and_sum(right)?;
    if left_indices.len() != right_indices.len() {
        return None;
    }
    let (left_number, left_front) = left_front.split_coefficient();
    let (right_number, right_front) = right_front.split_coefficient();
    if !canonical::alike(&left_front, &right_front) {
        return None;
    }
    for (i, shared) in left_factors.iter().enumerate() {
        // A shared number or a factor without the bound indices says nothing about their meaning.
        if !left_indices.iter().all(|index| shared.depends_on(index)) {
            continue;
        }
        for (j, candidate) in right_factors.iter().enumerate() {
            let Some(map) = canonical::matches(candidate, shared, &right_indices) else {
                continue;
            };
            if !right_indices
                .iter()
                .all(|index| map.get(index).is_some_and(|to| left_indices.contains(to)))
            {
                continue;
            }
            let rest = |factors: &[Expr], without: usize, number| {
                let others = factors.iter().enumerate().filter(|(at, _)| *at != without);
                Expr::product(
                    [Expr::number(number)]
                        .into_iter()
                        .chain(others.map(|(_, factor)| factor.clone())),
                )
            };
            // A common number stays in front of the sum.
            let common = if left_number == right_number {
                left_number
            } else {
                crate::Number::ONE
            };
            let own = |number| {
                if left_number == right_number {
                    crate::Number::ONE
                } else {
                    number
                }
            };
            let a = rest(&left_factors, i, own(left_number));
            let b = rest(&right_factors, j, own(right_number)).substitute(&map);
            // Three free indices would be beyond any matrix form.
            let both = Expr::addition([a, b]);
            if both.free_indices().len() > MATRIX_RANK {
                continue;
            }
            let inner = Expr::product([both, shared.clone()]);
            return Some(Expr::product([
                Expr::number(common),
                left_front,
                Expr::sum(&left_indices, inner),
            ]));
        }
    }
    None
}
