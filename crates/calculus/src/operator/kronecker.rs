//! Operators between matrices as sums of Kronecker products. `vec` is row-major, so that the first factor of a product
//! acts on the first axes.

use std::fmt;

use backprove_syntax::format_expression;
use backprove_syntax::tree::{BinaryOperator, Expression, ExpressionKind, UnaryOperator};

use super::print::{is_negative, matrix, negated};
use super::{Operator, Term};
use crate::canonical;
use crate::derivation::Partial;
use crate::elaborate::elaborate_expression;
use crate::expr::{Expr, Tensor};
use crate::index::Index;
use crate::program::Program;

/// A sum of Kronecker products of matrices, as the matrix of an operator between row-major vectors.
#[derive(Debug, Clone)]
pub struct Kronecker {
    /// The terms: whether each is subtracted, and its factors.
    pub terms: Vec<(bool, Vec<Expression>)>,
}

/// The operator with the elements `body` as a sum of Kronecker products; `None` where it is not one, and for operators
/// between vectors, which are matrices already.
pub fn kronecker(body: &Expr, rows: &[Index], columns: &[Index]) -> Option<Kronecker> {
    if rows.len() < 2 || rows.len() != columns.len() {
        return None;
    }
    let operator = Operator::of(body, rows, columns);
    let terms = operator
        .terms
        .iter()
        .map(|term| product(term, rows, columns));
    let terms: Vec<_> = terms.collect::<Option<_>>()?;
    (!terms.is_empty()).then_some(Kronecker { terms })
}

fn product(term: &Term, rows: &[Index], columns: &[Index]) -> Option<(bool, Vec<Expression>)> {
    let pairs: Vec<[Index; 2]> = rows
        .iter()
        .zip(columns)
        .map(|(row, column)| [row.clone(), column.clone()])
        .collect();
    let mut cores: Vec<Expr> = vec![Expr::one(); pairs.len()];
    for block in &term.blocks {
        let within = |pair: &[Index; 2]| block.axes.iter().all(|axis| pair.contains(axis));
        let place = pairs.iter().position(within)?;
        cores[place] = Expr::product([cores[place].clone(), block.body.clone()]);
    }
    let is_negative = is_negative(&term.scale);
    let scale = if is_negative {
        negated(&term.scale)
    } else {
        term.scale.clone()
    };
    // The number stands in the last factor that is more than an identity.
    let is_identity = |core: &Expr| matches!(core.node(), crate::expr::Node::Delta(..));
    let place = cores.iter().rposition(|core| !is_identity(core));
    let place = place.unwrap_or(cores.len() - 1);
    cores[place] = Expr::product([scale, cores[place].clone()]);
    let factors = cores
        .iter()
        .zip(&pairs)
        .map(|(core, pair)| matrix(core, pair));
    Some((is_negative, factors.collect::<Option<_>>()?))
}

impl Kronecker {
    /// The sum as one tree of calls of `kron`.
    pub fn tree(&self) -> Expression {
        let mut total: Option<Expression> = None;
        for (is_negative, factors) in &self.terms {
            let factors = factors.iter().cloned();
            let product = factors
                .reduce(|left, right| Expression::call("kron", [left, right]))
                .unwrap_or_else(|| Expression::integer(1));
            total = Some(match total {
                None if *is_negative => {
                    let negate = ExpressionKind::Unary(UnaryOperator::Negate, Box::new(product));
                    Expression::made(negate)
                }
                None => product,
                Some(sum) => {
                    let operator = if *is_negative {
                        BinaryOperator::Subtract
                    } else {
                        BinaryOperator::Add
                    };
                    Expression::binary(operator, sum, product)
                }
            });
        }
        total.unwrap_or_else(|| Expression::integer(0))
    }

    /// Whether the products, read over the names of `program` and `extra`, are the result of `partial`.
    pub(crate) fn lowers_to(&self, program: &Program, extra: &[Tensor], partial: &Partial) -> bool {
        let term = |(is_negative, factors): &(bool, Vec<Expression>)| {
            let mut product = vec![Expr::integer(if *is_negative { -1 } else { 1 })];
            for (factor, (row, column)) in factors
                .iter()
                .zip(partial.rows.iter().zip(&partial.columns))
            {
                let value = elaborate_expression(factor, program, extra, &|_, _| None).ok()?;
                let [first, second] = &value.indices[..] else {
                    return None;
                };
                if first.extent() != row.extent() || second.extent() != column.extent() {
                    return None;
                }
                let map = [
                    (first.clone(), row.clone()),
                    (second.clone(), column.clone()),
                ];
                product.push(value.body.freshen().substitute(&map.into_iter().collect()));
            }
            Some(Expr::product(product))
        };
        let terms: Option<Vec<Expr>> = self.terms.iter().map(term).collect();
        terms.is_some_and(|terms| canonical::equal(&Expr::addition(terms), partial.result()))
    }
}

impl fmt::Display for Kronecker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_expression(&self.tree()))
    }
}
