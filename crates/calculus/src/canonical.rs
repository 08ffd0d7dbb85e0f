//! Equality up to the names of bound indices and the order of factors and terms. It lives here and
//! nowhere else. The search has a budget; beyond it expressions count as different, never as equal.

mod search;

use std::collections::HashMap;

use crate::affine::Affine;
use crate::expr::{Expr, Node, Operand};
use crate::index::Index;
use crate::rules;

use search::Search;

/// Terms to which an expression is multiplied out before comparison is given up.
const MOST_TERMS: usize = 96;

/// Whether `left` and `right` are the same up to bound names and order.
///
/// ```
/// use backprove_calculus::{canonical, Dim, Expr, Index, Tensor};
/// let x = Tensor::new("x", vec![Dim::symbol("N")]);
/// let sum = |letter| {
///     let index = Index::new(letter, Dim::symbol("N"));
///     Expr::sum(&[index.clone()], Expr::access(&x, &[index]))
/// };
/// assert!(canonical::alike(&sum("i"), &sum("j")));
/// ```
pub fn alike(left: &Expr, right: &Expr) -> bool {
    left == right || matches(left, right, &[]).is_some()
}

/// Whether `left` and `right` are equal once multiplied out: sums drawn outward, deltas contracted,
/// like terms collected.
pub fn equal(left: &Expr, right: &Expr) -> bool {
    alike(left, right)
        || match (multiplied_out(left), multiplied_out(right)) {
            (Some(left), Some(right)) => alike(&left, &right),
            _ => false,
        }
}

/// Finds values for the `variables` (free indices of `pattern`) under which `pattern` is
/// [`alike`] `target`.
pub fn matches(
    pattern: &Expr,
    target: &Expr,
    variables: &[Index],
) -> Option<HashMap<Index, Index>> {
    // Renaming indices never changes a signature.
    if pattern.signature() != target.signature() {
        return None;
    }
    let mut search = Search::new(variables, [pattern, target]);
    search.solve(pattern, target).then(|| search.bindings())
}

/// As [`matches`], for a pattern whose factors may be only some of the target's: returns the
/// bindings and the factors of the target that are left over. A factor `b^-1` of the pattern may be
/// taken from a factor `b^-2` of the target.
pub fn matches_factors(
    pattern: &Expr,
    target: &Expr,
    variables: &[Index],
) -> Option<(HashMap<Index, Index>, Vec<Expr>)> {
    let pattern_factors = pattern.factors();
    let target_factors = target.factors();
    let occurs = |factor: &Expr| {
        let signature = factor.base().signature();
        target_factors
            .iter()
            .any(|other| other.base().signature() == signature)
    };
    if !pattern_factors.iter().all(occurs) {
        return None;
    }
    let mut search = Search::new(variables, [pattern, target]);
    let mut left_over = None;
    take_factors(
        &mut search,
        &pattern_factors,
        &target_factors,
        &mut left_over,
    )
    .then(|| (search.bindings(), left_over.unwrap_or_default()))
}

/// As [`matches`], for an addition whose terms may be only some of the target's: returns the bindings and the
/// terms of the target that are left over.
pub fn matches_terms(
    pattern: &Expr,
    target: &Expr,
    variables: &[Index],
) -> Option<(HashMap<Index, Index>, Vec<Expr>)> {
    let mut search = Search::new(variables, [pattern, target]);
    let mut left_over = None;
    take_terms(
        &mut search,
        &pattern.terms(),
        &target.terms(),
        &mut left_over,
    )
    .then(|| (search.bindings(), left_over.unwrap_or_default()))
}

fn take_terms(
    search: &mut Search,
    pattern: &[Expr],
    target: &[Expr],
    left_over: &mut Option<Vec<Expr>>,
) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        *left_over = Some(target.to_vec());
        return true;
    };
    for position in 0..target.len() {
        if first.signature() != target[position].signature() {
            continue;
        }
        let mark = search.mark();
        if search.solve(first, &target[position]) {
            let mut others = target.to_vec();
            others.remove(position);
            if take_terms(search, rest, &others, left_over) {
                return true;
            }
        }
        search.restore(mark);
    }
    false
}

fn take_factors(
    search: &mut Search,
    pattern: &[Expr],
    target: &[Expr],
    left_over: &mut Option<Vec<Expr>>,
) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        *left_over = Some(target.to_vec());
        return true;
    };
    let (base, exponent) = first.split_power();
    for position in 0..target.len() {
        if base.signature() != target[position].base().signature() {
            continue;
        }
        let (target_base, target_exponent) = target[position].split_power();
        let remaining = Expr::addition([target_exponent.clone(), exponent.negate()]);
        let divides = remaining.is_zero() || takes_from(&exponent, &target_exponent);
        if !divides {
            continue;
        }
        let mark = search.mark();
        if search.solve(&base, &target_base) {
            let mut others = target.to_vec();
            if remaining.is_zero() {
                others.remove(position);
            } else {
                others[position] = target_base.power(remaining);
            }
            if take_factors(search, rest, &others, left_over) {
                return true;
            }
        }
        search.restore(mark);
    }
    false
}

/// Whether `b^part` can be split off `b^whole` leaving an exponent of the same sign.
fn takes_from(part: &Expr, whole: &Expr) -> bool {
    match (part.node(), whole.node()) {
        (Node::Number(part), Node::Number(whole)) => {
            let (part, whole) = (part.to_f64(), whole.to_f64());
            part * whole > 0.0 && part.abs() < whole.abs()
        }
        _ => false,
    }
}

/// Whether the matrix is [`alike`] its transpose.
pub fn is_symmetric(operand: &Operand) -> bool {
    let turned = HashMap::from([
        (operand.rows.clone(), operand.columns.clone()),
        (operand.columns.clone(), operand.rows.clone()),
    ]);
    alike(&operand.body, &operand.body.substitute(&turned))
}

/// The expression as a sum of products: sums drawn outward, deltas contracted, products multiplied
/// out, like factors and terms collected. `None` beyond the budget.
pub fn multiplied_out(expr: &Expr) -> Option<Expr> {
    let parts: Option<Vec<Expr>> = expr.children().map(multiplied_out).collect();
    let expr = expr.with_children(parts?);
    let expr = match expr.node() {
        Node::Product(_) => {
            let mut terms = vec![(Vec::<Index>::new(), Vec::<Expr>::new())];
            for factor in expr.factors() {
                let mut next = Vec::new();
                for (indices, factors) in &terms {
                    for term in factor.terms() {
                        // Every copy of a factor gets binders of its own, or two copies would share them.
                        let (own, body) = match term.freshen().node() {
                            Node::Sum(own, body) => (own.clone(), body.clone()),
                            _ => (Vec::new(), term.freshen()),
                        };
                        let mut factors = factors.clone();
                        factors.extend(body.factors());
                        next.push(([indices.clone(), own].concat(), factors));
                    }
                }
                terms = next;
                if terms.len() > MOST_TERMS {
                    return None;
                }
            }
            Expr::addition(terms.into_iter().map(|(indices, factors)| {
                let product = rules::algebra::collect_powers(&Expr::product(factors));
                reduce_sum(&Expr::sum(&indices, product))
            }))
        }
        Node::Sum(indices, body) if matches!(body.node(), Node::Add(_)) => Expr::addition(
            body.terms()
                .into_iter()
                .map(|term| reduce_sum(&Expr::sum(indices, term).freshen())),
        ),
        Node::Sum(..) => reduce_sum(&expr),
        // Powers of the factors may simplify in their turn.
        Node::Power(..) => match rules::algebra::simplify_power(&expr) {
            Some(simpler) => return multiplied_out(&simpler),
            None => expr,
        },
        _ => expr,
    };
    match expr.node() {
        Node::Add(_) => Some(rules::algebra::collect_terms(&expr).unwrap_or(expr)),
        _ => Some(expr),
    }
}

/// Contracts the deltas of a sum and turns unused indices into extents.
fn reduce_sum(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    while let Some(next) = same_position(&expr) {
        expr = next;
    }
    while let Some(next) = rules::delta::contract(&expr).or_else(|| rules::sum::unused_index(&expr))
    {
        expr = next;
    }
    // The number and the factors without a bound index stay inside: only so are two forms alike.
    let Node::Product(factors) = expr.node() else {
        return expr;
    };
    let sums = factors
        .iter()
        .filter(|factor| matches!(factor.node(), Node::Sum(..)));
    let indices: Vec<Index> = sums.clone().flat_map(binder).collect();
    if indices.is_empty() {
        return expr;
    }
    let bodies = factors.iter().map(|factor| match factor.node() {
        Node::Sum(_, body) => body.clone(),
        _ => factor.clone(),
    });
    Expr::sum(
        &indices,
        rules::algebra::collect_powers(&Expr::product(bodies)),
    )
}

/// Two summed indices that stand at the same position are one.
fn same_position(expr: &Expr) -> Option<Expr> {
    let Node::Sum(indices, body) = expr.node() else {
        return None;
    };
    let factors = body.factors();
    let positions: Vec<(usize, &Index, Affine)> = factors
        .iter()
        .enumerate()
        .filter_map(|(place, factor)| match factor.node() {
            Node::Indicator(index, value) if indices.contains(index) => {
                Some((place, index, Affine::of(value)?))
            }
            _ => None,
        })
        .collect();
    for (later, (place, second, position)) in positions.iter().enumerate() {
        for (_, first, other) in &positions[..later] {
            let apart = position.minus(other);
            let same = apart.terms.is_empty() && apart.constant.as_integer() == Some(0);
            if !same || first == second || first.extent() != second.extent() {
                continue;
            }
            let map = HashMap::from([((*second).clone(), (*first).clone())]);
            let rest = factors.iter().enumerate().filter(|(own, _)| own != place);
            let rest = rest.map(|(_, factor)| factor.substitute(&map));
            let bound: Vec<Index> = indices
                .iter()
                .filter(|own| own != second)
                .cloned()
                .collect();
            return Some(Expr::sum(&bound, Expr::product(rest)));
        }
    }
    None
}

fn binder(expr: &Expr) -> Vec<Index> {
    match expr.node() {
        Node::Sum(indices, _) => indices.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
