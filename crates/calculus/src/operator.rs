//! Structured operators: derivatives with several axes on each side as sums of products of deltas, diagonals and
//! cores. They are split, printed and applied to vectors here, and never written out element by element. No rule is
//! applied here: what is printed is accepted only if it lowers back to the same index expression.

mod kronecker;
mod print;
mod terms;

use std::collections::HashMap;

use crate::expr::{Expr, Node, Tensor};
use crate::index::Index;
use crate::rules;

pub use kronecker::{Kronecker, kronecker};
pub use print::matrix;

/// A linear operator: from tensors over the columns to tensors over the rows, as a sum of structured terms.
///
/// ```
/// use backprove_calculus::operator::Operator;
/// use backprove_calculus::{Dim, Expr, Index, Tensor};
/// let n = Dim::symbol("N");
/// let [i, k] = ["i", "k"].map(|letter| Index::new(letter, n.clone()));
/// let [p, v] = ["p", "v"].map(|name| Tensor::new(name, vec![n.clone()]));
/// let at = |tensor, index: &Index| Expr::access(tensor, &[index.clone()]);
/// let diagonal = Expr::product([Expr::delta(&i, &k), at(&p, &i)]);
/// let rank_one = Expr::product([Expr::integer(-1), at(&p, &i), at(&p, &k)]);
/// let body = Expr::addition([diagonal, rank_one]);
/// let operator = Operator::of(&body, &[i.clone()], &[k]);
/// assert!(operator.terms[0].is_diagonal());
/// assert_eq!(operator.terms[1].blocks.len(), 2);
/// // Applied to a vector, nothing of the size N × N remains.
/// let product = operator.apply(&v);
/// let matrix = backprove_calculus::matrix::recover(&product, &[i]).unwrap();
/// assert_eq!(backprove_syntax::format_expression(&matrix), "p * v - (p @ v) * p");
/// ```
#[derive(Debug, Clone)]
pub struct Operator {
    /// One index for each axis of the output.
    pub rows: Vec<Index>,
    /// One index for each axis of the input.
    pub columns: Vec<Index>,
    /// What it is the sum of.
    pub terms: Vec<Term>,
}

/// A product of blocks that share no index.
#[derive(Debug, Clone)]
pub struct Term {
    /// What depends on no axis.
    pub scale: Expr,
    /// The blocks: each is connected, and no axis belongs to two of them.
    pub blocks: Vec<Block>,
}

/// A factor of a term that cannot be split further.
#[derive(Debug, Clone)]
pub struct Block {
    /// The rows and columns on which it depends.
    pub axes: Vec<Index>,
    /// One element of it.
    pub body: Expr,
}

impl Operator {
    /// The operator with the elements `body`.
    pub fn of(body: &Expr, rows: &[Index], columns: &[Index]) -> Self {
        let axes = [rows, columns].concat();
        Self {
            rows: rows.to_vec(),
            columns: columns.to_vec(),
            terms: terms::split(body, &axes),
        }
    }

    /// One element, all terms together: what has to be worked out only where all of it is wanted at once.
    pub fn body(&self) -> Expr {
        Expr::addition(self.terms.iter().map(Term::body))
    }

    /// One element of the operator applied to `vector`, which has the axes of the columns: a contraction of each block
    /// with it, without the operator itself.
    pub fn apply(&self, vector: &Tensor) -> Expr {
        Expr::addition(self.terms.iter().map(|term| {
            let fresh: Vec<Index> = self.columns.iter().map(Index::fresh).collect();
            let pairs = self.columns.iter().cloned().zip(fresh.iter().cloned());
            let map: HashMap<Index, Index> = pairs.collect();
            let body = term.body().freshen().substitute(&map);
            let product = Expr::product([body, Expr::access(vector, &fresh)]);
            let mut applied = Expr::sum(&fresh, product);
            while let Some(next) =
                rules::delta::contract(&applied).or_else(|| rules::sum::unused_index(&applied))
            {
                applied = next;
            }
            rules::sum::separated(&applied).unwrap_or(applied)
        }))
    }
}

impl Term {
    /// One element of it.
    pub fn body(&self) -> Expr {
        let blocks = self.blocks.iter().map(|block| block.body.clone());
        Expr::product([self.scale.clone()].into_iter().chain(blocks))
    }

    /// Whether it is zero off the diagonal of some row and column.
    pub fn is_diagonal(&self) -> bool {
        self.blocks.iter().any(|block| block.delta().is_some())
    }
}

impl Block {
    /// The two axes that are equal wherever the block is not zero, if it has a delta of them.
    pub fn delta(&self) -> Option<(Index, Index)> {
        self.body
            .factors()
            .iter()
            .find_map(|factor| match factor.node() {
                Node::Delta(left, right) => Some((left.clone(), right.clone())),
                _ => None,
            })
    }

    /// What stands beside the deltas.
    pub fn core(&self) -> Expr {
        let factors = self.body.factors().into_iter();
        Expr::product(factors.filter(|factor| !matches!(factor.node(), Node::Delta(..))))
    }
}
