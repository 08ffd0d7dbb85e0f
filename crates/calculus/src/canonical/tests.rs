//! Tests of equality up to bound names and order.

use super::*;
use crate::expr::Tensor;
use crate::index::Dim;

fn tensor(name: &str, rank: usize) -> Tensor {
    Tensor::new(name, vec![Dim::symbol("N"); rank])
}

fn index() -> Index {
    Index::new("i", Dim::symbol("N"))
}

fn sum(index: &Index, factors: Vec<Expr>) -> Expr {
    Expr::sum(std::slice::from_ref(index), Expr::product(factors))
}

fn at(tensor: &Tensor, indices: &[&Index]) -> Expr {
    let indices: Vec<Index> = indices.iter().map(|index| (*index).clone()).collect();
    Expr::access(tensor, &indices)
}

#[test]
fn order_and_names_do_not_matter() {
    let (a, b) = (tensor("A", 2), tensor("B", 2));
    let (i, j, p, q) = (index(), index(), index(), index());
    let left = sum(&p, vec![at(&a, &[&i, &p]), at(&b, &[&p, &j])]);
    let right = sum(&q, vec![at(&b, &[&q, &j]), at(&a, &[&i, &q])]);
    assert!(alike(&left, &right));
    let transposed = sum(&q, vec![at(&b, &[&j, &q]), at(&a, &[&i, &q])]);
    assert!(!alike(&left, &transposed));
}

#[test]
fn a_product_of_sums_does_not_capture() {
    let x = tensor("x", 1);
    let p = index();
    let total = sum(&p, vec![at(&x, &[&p])]);
    let square = Expr::product([total.clone(), total]);
    let sum_of_squares = sum(&p, vec![at(&x, &[&p]).power(Expr::integer(2))]);
    assert!(!equal(&square, &sum_of_squares));
}

#[test]
fn nested_and_flat_sums_are_equal() {
    let (a, x) = (tensor("A", 2), tensor("x", 1));
    let (i, p, q) = (index(), index(), index());
    let inner = sum(&q, vec![at(&a, &[&p, &q]), at(&x, &[&q])]);
    let nested = sum(&p, vec![at(&a, &[&i, &p]), inner]);
    let factors = vec![at(&a, &[&i, &p]), at(&a, &[&p, &q]), at(&x, &[&q])];
    let flat = Expr::sum(&[p, q], Expr::product(factors));
    assert!(!alike(&nested, &flat));
    assert!(equal(&nested, &flat));
}

#[test]
fn long_sums_are_compared_on_a_small_stack() {
    let compared = std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(|| {
            let terms = |reversed: bool| {
                let (p, x) = (index(), tensor("x", 1));
                let term = |power: i64| at(&x, &[&p]).power(Expr::integer(power));
                let mut terms: Vec<Expr> = (2..800).map(term).collect();
                if reversed {
                    terms.reverse();
                }
                Expr::sum(std::slice::from_ref(&p), Expr::addition(terms))
            };
            alike(&terms(false), &terms(true))
        })
        .map(std::thread::JoinHandle::join);
    assert!(matches!(compared, Ok(Ok(true))));
}
