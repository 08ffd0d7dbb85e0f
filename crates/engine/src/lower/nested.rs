//! Sums within sums: a factor of a sum that is itself a sum over the same terms opens up, so that the order of all contractions
//! is chosen at once. Nothing here orders or computes.

use std::collections::HashMap;

use backprove_calculus::{Expr, Index, Node};

use crate::contract::EXHAUSTIVE;

/// The sum over `indices` of the product of `factors` with its inner sums opened up: `sum[l](t[l] * sum[p](W[p] * U[p, l]))`
/// becomes `sum[l, p](t[l] * W[p] * U[p, l])`, which need not have `U`'s products with itself or a Hessian's block written
/// out before the vector is applied. Sums that share no index with the outer one stay as they are: they are computed once
/// either way.
pub(super) fn flattened(indices: &[Index], factors: Vec<Expr>) -> (Vec<Index>, Vec<Expr>) {
    let mut indices = indices.to_vec();
    let mut factors = factors;
    let mut place = 0;
    while let Some(factor) = factors.get(place) {
        let Some((inner, parts)) = opened(factor, &indices) else {
            place += 1;
            continue;
        };
        // Beyond this, not every order is tried: what the program wrote may be the better one.
        if factors.len() - 1 + parts.len() > EXHAUSTIVE {
            place += 1;
            continue;
        }
        indices.extend(inner);
        factors.splice(place..=place, parts);
    }
    (indices, factors)
}

/// The indices and factors of an inner sum, where it depends on the outer one. Its indices are new: the same sum may occur
/// twice in a product.
fn opened(factor: &Expr, outer: &[Index]) -> Option<(Vec<Index>, Vec<Expr>)> {
    let Node::Sum(indices, body) = factor.node() else {
        return None;
    };
    let Node::Product(_) = body.node() else {
        return None;
    };
    if !outer.iter().any(|index| factor.depends_on(index)) {
        return None;
    }
    let fresh: Vec<Index> = indices.iter().map(Index::fresh).collect();
    let map: HashMap<Index, Index> = indices.iter().cloned().zip(fresh.clone()).collect();
    match body.substitute(&map).node() {
        Node::Product(parts) => Some((fresh, parts.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use backprove_calculus::{Dim, Tensor};

    use super::*;

    #[test]
    fn a_sum_that_occurs_twice_gets_two_sets_of_indices() {
        let dim = Dim::symbol("N");
        let a = Tensor::new("A", vec![dim.clone(), dim.clone()]);
        let b = Tensor::new("b", vec![dim.clone()]);
        let (i, j) = (Index::new("i", dim.clone()), Index::new("j", dim));
        let product = Expr::product([
            Expr::access(&a, &[i.clone(), j.clone()]),
            Expr::access(&b, std::slice::from_ref(&j)),
        ]);
        let inner = Expr::sum(&[j], product);
        let (indices, factors) = flattened(&[i], vec![inner.clone(), inner.clone()]);
        assert_eq!((indices.len(), factors.len()), (3, 4));
        assert_ne!(indices[1], indices[2]);
        let apart = Index::new("k", Dim::symbol("K"));
        let (indices, factors) = flattened(&[apart], vec![inner]);
        assert_eq!((indices.len(), factors.len()), (1, 1));
    }
}
