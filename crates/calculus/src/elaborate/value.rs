//! Values during elaboration: an expression with one free index for each axis. Nothing here reports.

use std::collections::HashMap;

use crate::expr::{Expr, Tensor};
use crate::index::{Dim, Index};
use crate::shape;

/// A tensor-valued expression: one free index for each axis, in order.
#[derive(Debug, Clone)]
pub struct Value {
    /// The indices of the axes, all distinct.
    pub indices: Vec<Index>,
    /// One element. It may mention further free indices where it stands inside a reduction over indices.
    pub body: Expr,
}

/// An index whose letter is chosen when the equation is complete.
pub(super) fn nameless(extent: &Dim) -> Index {
    Index::new("", extent.clone())
}

/// Two axes that do not fit each other: which operands, and their extents.
pub(super) struct Mismatch {
    pub left: Dim,
    pub right: Dim,
}

impl Value {
    /// A value without axes.
    pub fn scalar(body: Expr) -> Self {
        Self {
            indices: Vec::new(),
            body,
        }
    }

    /// All elements of a tensor.
    pub fn of(tensor: &Tensor) -> Self {
        let indices: Vec<Index> = tensor.dims().iter().map(nameless).collect();
        let body = Expr::access(tensor, &indices);
        Self { indices, body }
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.indices.len()
    }

    /// The extents of the axes.
    pub fn dims(&self) -> Vec<Dim> {
        self.indices
            .iter()
            .map(|index| index.extent().clone())
            .collect()
    }

    /// The shape for a person.
    pub(super) fn described(&self) -> String {
        shape::described(&self.dims())
    }

    /// The same value with new indices everywhere, for a second use.
    #[must_use]
    pub(super) fn fresh(&self) -> Self {
        let indices: Vec<Index> = self.indices.iter().map(Index::fresh).collect();
        Self {
            body: self.at(&indices).freshen(),
            indices,
        }
    }

    /// One element at the given indices.
    pub(super) fn at(&self, indices: &[Index]) -> Expr {
        let map: HashMap<Index, Index> = self
            .indices
            .iter()
            .cloned()
            .zip(indices.iter().cloned())
            .collect();
        self.body.substitute(&map)
    }

    /// The same axes with another element.
    #[must_use]
    pub(super) fn with_body(self, body: Expr) -> Self {
        Self { body, ..self }
    }

    /// The axes in another order: axis `n` of the result is axis `order[n]` of this value.
    #[must_use]
    pub(super) fn permuted(&self, order: &[usize]) -> Self {
        Self {
            indices: order
                .iter()
                .map(|axis| self.indices[*axis].clone())
                .collect(),
            body: self.body.clone(),
        }
    }

    /// The axes in reverse order.
    #[must_use]
    pub(super) fn transposed(mut self) -> Self {
        self.indices.reverse();
        self
    }
}

/// An element of an axis of extent one: summed over its only position.
pub(super) fn without_axis(body: Expr, index: &Index) -> Expr {
    if body.depends_on(index) {
        Expr::sum(std::slice::from_ref(index), body)
    } else {
        body
    }
}

/// Brings values to common axes under NumPy's rules: the axes, and one element of each value.
pub(super) fn broadcast(values: &[Value]) -> Result<(Vec<Index>, Vec<Expr>), Mismatch> {
    let rank = values.iter().map(Value::rank).max().unwrap_or(0);
    let mut bodies: Vec<Expr> = values.iter().map(|value| value.body.clone()).collect();
    let mut axes = Vec::with_capacity(rank);
    for axis in 0..rank {
        let place = |value: &Value| {
            (axis + value.rank())
                .checked_sub(rank)
                .map(|at| value.indices[at].clone())
        };
        let present: Vec<(usize, Index)> = values
            .iter()
            .enumerate()
            .filter_map(|(position, value)| place(value).map(|index| (position, index)))
            .collect();
        let wide = present
            .iter()
            .find(|(_, index)| *index.extent() != Dim::Literal(1));
        let Some((_, chosen)) = wide.or(present.first()).cloned() else {
            continue;
        };
        for (position, index) in &present {
            if index.extent() == chosen.extent() {
                let map = HashMap::from([(index.clone(), chosen.clone())]);
                bodies[*position] = bodies[*position].substitute(&map);
            } else if *index.extent() == Dim::Literal(1) {
                bodies[*position] = without_axis(bodies[*position].clone(), index);
            } else {
                return Err(Mismatch {
                    left: chosen.extent().clone(),
                    right: index.extent().clone(),
                });
            }
        }
        axes.push(chosen);
    }
    Ok((axes, bodies))
}

/// The matrix product under NumPy's rules, or `None` where the shapes do not fit.
pub(super) fn matrix_product(left: &Value, right: &Value) -> Option<Value> {
    shape::matrix_product(&left.dims(), &right.dims())?;
    let (left_rank, right_rank) = (left.rank(), right.rank());
    let contracted = left.indices.last()?.clone();
    let right_contracted = right.indices[right_rank.saturating_sub(2)].clone();
    let right_body = right
        .body
        .substitute(&HashMap::from([(right_contracted, contracted.clone())]));
    let batch = |value: &Value, body: &Expr| Value {
        indices: value.indices[..value.rank().saturating_sub(2)].to_vec(),
        body: body.clone(),
    };
    let batches = [batch(left, &left.body), batch(right, &right_body)];
    let (mut indices, bodies) = broadcast(&batches).ok()?;
    if left_rank > 1 {
        indices.push(left.indices[left_rank - 2].clone());
    }
    if right_rank > 1 {
        indices.push(right.indices[right_rank - 1].clone());
    }
    // A chain of products is one sum over all its inner indices, as on paper.
    let mut bound = Vec::new();
    let mut factors = Vec::new();
    for (position, body) in bodies.into_iter().enumerate() {
        if position == 1 {
            bound.push(contracted.clone());
        }
        if let crate::expr::Node::Sum(inner, innermost) = body.node() {
            bound.extend(inner.iter().cloned());
            factors.push(innermost.clone());
        } else {
            factors.push(body);
        }
    }
    let body = Expr::sum(&bound, Expr::product(factors));
    Some(Value { indices, body })
}
