//! Sums that need fewer passes than their loops together would take: those with an index that an indicator fixes, and
//! long sums of products, one index at a time. A chain of many factors has one loop for every index between them, and all
//! loops at once would be run through as often as their extents multiplied. Nothing but the distributive law is used, and
//! nothing here looks at what the factors are: an index is summed over the factors that have it, in the order in which
//! the tables stay smallest. Short sums stay the loops that they are.

use super::form::{Builder, Loops, Operation};
use super::{Differentiation, Scalar, Unevaluated};
use crate::affine::Affine;
use crate::expr::{Expr, Node};
use crate::index::Index;

/// The fewest passes of the loops together for which tables are worth while.
const PASSES: usize = 512;

/// The most elements of such a table.
const TABLE: usize = 1 << 16;

/// What is left when the indices are eliminated, its free slots, and the arrays that it reads.
type Eliminated<T> = (Operation<T>, u128, u128);

impl<T: Scalar> Builder<'_, T> {
    /// A sum of a product over `indices`, none of which an indicator fixes, index by index; `None` where plain loops do.
    pub(super) fn eliminate(
        &mut self,
        indices: &[Index],
        body: &Expr,
    ) -> Result<Option<Eliminated<T>>, Unevaluated> {
        let extent = |index: &Index| self.environment.sizes().get(index.extent());
        let passes: usize = indices.iter().filter_map(extent).product();
        if indices.len() < 3 || passes < PASSES {
            return Ok(None);
        }
        match body.node() {
            Node::Product(factors) => self.index_by_index(indices, factors).map(Some),
            // Dual numbers are added part by part: the derivative of each pass is the same in either order.
            Node::Derivative(inner, tensor, at)
                if self.environment.differentiation() == Differentiation::Duals
                    && matches!(inner.node(), Node::Product(_))
                    && !at.iter().any(|index| indices.contains(index)) =>
            {
                let sum = Expr::sum(indices, inner.clone());
                self.derivative(&sum, tensor, at).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn index_by_index(
        &mut self,
        indices: &[Index],
        factors: &[Expr],
    ) -> Result<Eliminated<T>, Unevaluated> {
        let outside = self.scope;
        let mut bound = self.bind(indices)?;
        for slot in &bound {
            self.scope |= 1 << slot;
        }
        let factors = self.all(factors);
        self.scope = outside;
        let mut factors = factors?;
        while let Some(position) = self.cheapest(&bound, &factors) {
            let slot = bound.remove(position);
            let entries = &self.entries;
            let (own, rest): (Vec<usize>, Vec<usize>) = factors
                .into_iter()
                .partition(|factor| entries[*factor].free >> slot & 1 == 1);
            let (operation, free, reads) = self.multiply(own);
            let product = self.enter(operation, free, reads);
            let loops = Loops {
                running: vec![(slot, self.slots[slot].1)],
                fixed: Vec::new(),
            };
            let sum = self.enter(Operation::Sum(loops, product), free & !(1 << slot), reads);
            self.keep(sum, TABLE);
            factors = rest;
            factors.push(sum);
        }
        Ok(self.multiply(factors))
    }

    /// The position of the index whose factors together have the fewest elements.
    fn cheapest(&self, bound: &[usize], factors: &[usize]) -> Option<usize> {
        let elements = |slot: usize| {
            let own = factors
                .iter()
                .map(|factor| self.entries[*factor].free)
                .filter(|free| free >> slot & 1 == 1)
                .fold(0, |together, free| together | free);
            let extents = self.slots.iter().enumerate();
            extents
                .filter(|(other, _)| own >> other & 1 == 1)
                .fold(1_usize, |count, (_, (_, extent))| {
                    count.saturating_mul(*extent)
                })
        };
        (0..bound.len()).min_by_key(|position| elements(bound[*position]))
    }
}

/// The bound indices that the indicators among the factors of a sum fix, each with its value: only one pass of such a
/// loop is not zero.
pub(super) fn fixed(indices: &[Index], body: &Expr) -> Vec<(Index, Affine)> {
    let mut fixed: Vec<(Index, Affine)> = Vec::new();
    for factor in body.factors() {
        let Node::Indicator(index, value) = factor.node() else {
            continue;
        };
        let Some(value) = Affine::of(value) else {
            continue;
        };
        let equation = value.minus(&Affine::index(index));
        let solved = indices.iter().find_map(|bound| {
            let used = |(own, value): &(Index, Affine)| {
                own == bound || value.terms.iter().any(|(other, _)| other == bound)
            };
            if fixed.iter().any(used) {
                return None;
            }
            Some((bound.clone(), equation.solved_for(bound)?))
        });
        fixed.extend(solved);
    }
    fixed
}
