//! How sums with indicators are read: `sum[p](x[p] * [p == i + u])` is the element `x[i + u]`, zero outside the
//! extent. For those who print and run; nothing here changes an expression.

use crate::affine::Affine;
use crate::expr::{Expr, Node};
use crate::index::Index;
use crate::number::Number;

/// A sum as it is read: some of its indices stand for positions.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The indices that stand for positions, each with its position.
    pub at: Vec<(Index, Expr)>,
    /// The indices that are summed.
    pub bound: Vec<Index>,
    /// What is summed, without the indicators that fix positions.
    pub body: Expr,
}

/// Reads the sum of `body` over `indices`; `None` where no index stands for a position.
///
/// ```
/// use backprove_calculus::{Dim, Expr, Index, Tensor, subscripts};
/// let x = Tensor::new("x", vec![Dim::symbol("N")]);
/// let p = Index::new("p", Dim::symbol("N"));
/// let [i, u] = ["i", "u"].map(|letter| Index::new(letter, Dim::symbol("U")));
/// let position = Expr::addition([Expr::position(&i), Expr::position(&u)]);
/// let element = Expr::access(&x, &[p.clone()]);
/// let body = Expr::product([element.clone(), Expr::indicator(&p, position.clone())]);
/// let reading = subscripts::reading(&[p.clone()], &body).unwrap();
/// assert_eq!(reading.at, [(p, position)]);
/// assert_eq!(reading.body, element);
/// ```
pub fn reading(indices: &[Index], body: &Expr) -> Option<Reading> {
    let mut factors = body.factors();
    let mut bound = indices.to_vec();
    let mut at: Vec<(Index, Expr)> = Vec::new();
    let mut place = 0;
    while let Some(factor) = factors.get(place) {
        if let Some((index, position)) = position_of(factor, &factors, place, &bound, &at) {
            factors.remove(place);
            bound.retain(|own| *own != index);
            at.push((index, position));
            place = 0;
        } else {
            place += 1;
        }
    }
    (!at.is_empty()).then(|| Reading {
        at,
        bound,
        body: Expr::product(factors),
    })
}

/// The index that the factor at `place` fixes, where all else that depends on it is elements of tensors: these are zero
/// outside, so nothing is lost when the indicator goes.
fn position_of(
    factor: &Expr,
    factors: &[Expr],
    place: usize,
    bound: &[Index],
    at: &[(Index, Expr)],
) -> Option<(Index, Expr)> {
    let Node::Indicator(index, position) = factor.node() else {
        return None;
    };
    let is_readable = matches!(position.node(), Node::Access(..)) || Affine::of(position).is_some();
    let entangled = |other: &Index| {
        position.depends_on(other) || at.iter().any(|(_, position)| position.depends_on(other))
    };
    if !bound.contains(index)
        || !is_readable
        || entangled(index)
        || at.iter().any(|(other, _)| position.depends_on(other))
    {
        return None;
    }
    let mut elements = 0;
    for (other, part) in factors.iter().enumerate() {
        if other == place || !part.depends_on(index) {
            continue;
        }
        if !is_element(part) {
            return None;
        }
        elements += 1;
    }
    (elements > 0).then(|| (index.clone(), position.clone()))
}

/// Whether this is an element of a tensor, or a positive power of one: zero where the element is.
fn is_element(factor: &Expr) -> bool {
    let (base, exponent) = factor.split_power();
    let positive = matches!(exponent.node(), Node::Number(value) if is_natural(*value));
    positive && matches!(base.node(), Node::Access(..))
}

fn is_natural(value: Number) -> bool {
    value.as_integer().is_some_and(|value| value > 0)
}

/// Whether the extent of `index` cannot be seen from how `body` uses it: no element of a tensor stands at it, or one
/// whose axis is longer or shorter.
pub fn needs_extent(index: &Index, body: &Expr) -> bool {
    let mut positions = false;
    let mut known = false;
    let mut otherwise = false;
    body.visit(&mut |part| match part.node() {
        Node::Access(_, at) if at.contains(index) => known = true,
        Node::Delta(left, right) if left == index || right == index => known = true,
        Node::Position(own) if own == index => positions = true,
        Node::Indicator(own, value) if own == index => {
            positions = true;
            known |= matches!(value.node(), Node::Access(..));
            otherwise |= matches!(value.node(), Node::Position(_));
        }
        Node::Indicator(_, value) if matches!(value.node(), Node::Position(at) if at == index) => {
            otherwise = true;
        }
        _ => {}
    });
    (positions && !known) || otherwise
}
