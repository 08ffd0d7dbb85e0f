//! Elements at affine positions: what stands there, and zero outside the extent. Nothing here reports.

use std::collections::HashMap;

use super::value::{Value, nameless};
use crate::affine::Affine;
use crate::expr::{Expr, Node};
use crate::index::{Dim, Index};
use crate::size::Size;

/// `body` with `index` at `position`: zero where that lies outside the extent of `index`.
pub(super) fn at_position(body: &Expr, index: &Index, position: &Affine) -> Expr {
    if let [(other, coefficient)] = position.terms.as_slice()
        && coefficient.as_integer() == Some(1)
        && position.constant.as_integer() == Some(0)
        && other.extent() == index.extent()
    {
        return body.substitute(&HashMap::from([(index.clone(), other.clone())]));
    }
    if position.is_within(index.extent())
        && let Some(moved) = moved(body, index, position)
    {
        return moved;
    }
    // The axis may be read at several positions: each binder needs an index of its own.
    let own = index.fresh();
    let body = body.substitute(&HashMap::from([(index.clone(), own.clone())]));
    let at = Expr::indicator(&own, position.expr());
    // An element that is at a position along another axis already stays under one sum.
    summed_with(&body, std::slice::from_ref(&own), at)
}

/// `sum[indices](body * factor)`, under one sign where the body is a sum itself.
fn summed_with(body: &Expr, indices: &[Index], factor: Expr) -> Expr {
    let (mut bound, inner) = match body.node() {
        Node::Sum(bound, inner) => (bound.clone(), inner.clone()),
        _ => (Vec::new(), body.clone()),
    };
    bound.extend_from_slice(indices);
    Expr::sum(&bound, Expr::product([inner, factor]))
}

/// `body` with `index` at `position`, which lies within its extent: the position goes down to the elements of tensors.
fn moved(expr: &Expr, index: &Index, position: &Affine) -> Option<Expr> {
    if !expr.depends_on(index) {
        return Some(expr.clone());
    }
    match expr.node() {
        Node::Access(_, at) => {
            let element = Expr::product([expr.clone(), Expr::indicator(index, position.expr())]);
            let alone = at.iter().filter(|own| *own == index).count() == 1;
            alone.then(|| Expr::sum(std::slice::from_ref(index), element).freshen())
        }
        Node::Position(_) => Some(position.expr()),
        Node::Delta(left, right) => {
            let other = if left == index { right } else { left };
            Some(Expr::indicator(other, position.expr()))
        }
        Node::Indicator(own, value) if own == index => {
            let equation = Affine::of(value)?.minus(position);
            let mut others = equation.terms.iter().map(|(other, _)| other);
            let (other, solved) =
                others.find_map(|other| Some((other, equation.solved_for(other)?)))?;
            Some(Expr::indicator(other, solved.expr()))
        }
        Node::Derivative(..) => None,
        _ => {
            let mut complete = true;
            let moved = expr.map_children(|child| {
                moved(child, index, position).unwrap_or_else(|| {
                    complete = false;
                    child.clone()
                })
            });
            complete.then_some(moved)
        }
    }
}

/// The position along axes of these extents that are laid out one after the other in row-major order.
pub(super) fn row_major(indices: &[Index]) -> Affine {
    let zero = Affine::constant(Size::integer(0));
    indices.iter().fold(zero, |position, index| {
        let extent = Size::of(index.extent());
        position.scaled(&extent).plus(&Affine::index(index))
    })
}

impl Value {
    /// The diagonal of a square matrix that lies `offset` places above the main one, or the matrix that a vector makes
    /// there; `None` for other shapes.
    pub(super) fn beside_diagonal(&self, offset: i64) -> Option<Self> {
        let step = Size::integer(offset.abs());
        // Above the main diagonal the column is ahead of the row, below it the row of the column.
        let (ahead_row, ahead_column) = if offset > 0 {
            (Size::integer(0), step.clone())
        } else {
            (step.clone(), Size::integer(0))
        };
        let at = |index: &Index, ahead: &Size| {
            Affine::index(index).plus(&Affine::constant(ahead.clone()))
        };
        match self.indices.as_slice() {
            [only] => {
                let extent = Size::of(only.extent()).plus(&step).dim()?;
                let (row, column) = (nameless(&extent), nameless(&extent));
                let on_row = Expr::indicator(&row, at(only, &ahead_row).expr());
                let on_column = Expr::indicator(&column, at(only, &ahead_column).expr());
                let body = Expr::product([self.body.clone(), on_row, on_column]);
                Some(Self {
                    indices: vec![row, column],
                    body: Expr::sum(std::slice::from_ref(only), body),
                })
            }
            [row, column] if row.extent() == column.extent() => {
                let extent = Size::of(row.extent()).minus(&step).dim()?;
                let index = nameless(&extent);
                let body = at_position(&self.body, row, &at(&index, &ahead_row));
                Some(Self {
                    body: at_position(&body, column, &at(&index, &ahead_column)),
                    indices: vec![index],
                })
            }
            _ => None,
        }
    }

    /// The elements in the same row-major order on axes of other extents; `None` where the numbers of elements are not
    /// known to be equal.
    pub(super) fn reshaped(&self, dims: &[Dim]) -> Option<Self> {
        let indices: Vec<Index> = dims.iter().map(nameless).collect();
        let count = |indices: &[Index]| {
            let extents = indices.iter().map(|index| Size::of(index.extent()));
            extents.fold(Size::integer(1), |count, extent| count.times(&extent))
        };
        if count(&self.indices) != count(&indices) {
            return None;
        }
        let mut body = self.body.clone();
        let (mut old, mut new) = (self.indices.as_slice(), indices.as_slice());
        while let Some((from, to)) = next_group(old, new) {
            body = regrouped(body, &old[..from], &new[..to]);
            (old, new) = (&old[from..], &new[to..]);
        }
        // What is left has extent one.
        for index in old {
            body = super::value::without_axis(body, index);
        }
        Some(Self { indices, body })
    }
}

/// How many of the first axes on each side hold the same number of elements together, the fewest that do.
fn next_group(old: &[Index], new: &[Index]) -> Option<(usize, usize)> {
    let products = |indices: &[Index]| {
        let mut product = Size::integer(1);
        let mut products = Vec::with_capacity(indices.len());
        for index in indices {
            product = product.times(&Size::of(index.extent()));
            products.push(product.clone());
        }
        products
    };
    let (left, right) = (products(old), products(new));
    let pairs = (0..left.len()).flat_map(|from| (0..right.len()).map(move |to| (from, to)));
    let mut equal: Vec<(usize, usize)> = pairs
        .filter(|(from, to)| left[*from] == right[*to])
        .map(|(from, to)| (from + 1, to + 1))
        .collect();
    equal.sort_by_key(|(from, to)| from + to);
    equal.first().copied()
}

/// The elements of the axes `old` on the axes `new`.
fn regrouped(body: Expr, old: &[Index], new: &[Index]) -> Expr {
    let target = row_major(new);
    let [only] = old else {
        let Some((last, others)) = old.split_last() else {
            return body;
        };
        // The last axis runs fastest: its position is what the others leave over.
        let size = Size::of(last.extent());
        let rest = target.minus(&row_major(others).scaled(&size));
        let chosen = Expr::indicator(last, rest.expr());
        return summed_with(&body, old, chosen);
    };
    at_position(&body, only, &target)
}
