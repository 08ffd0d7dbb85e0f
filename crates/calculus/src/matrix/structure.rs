//! The structure of an index expression as a graph that is reduced to element-wise operations and
//! contractions of pairs. No orientation is decided here: that is forced later, by the axes.

use crate::canonical;
use crate::expr::{Callee, Expr, Node, Reduction};
use crate::functions::{MatrixFunction, Transposition};
use crate::index::Index;

/// An expression whose contractions are pairwise; its axes are a set, not yet a list.
#[derive(Debug, Clone)]
pub(super) enum Form {
    /// A number, an extent, an access, a delta or an indicator.
    Leaf(Expr),
    /// An addition, element by element.
    Add(Vec<Form>),
    /// A product, element by element.
    Multiply(Vec<Form>),
    /// A power, element by element.
    Power(Box<Form>, Box<Form>),
    /// A function, element by element.
    Call(Callee, Vec<Form>),
    /// The sum over an index that only these two share.
    Contract(Box<Form>, Index, Box<Form>),
    /// The sum over an index.
    SumOver(Index, Box<Form>),
    /// The sum over an index, divided by its extent.
    MeanOver(Index, Box<Form>),
    /// Another reduction over an index.
    ReduceOver(Reduction, Index, Box<Form>),
    /// A function of a whole matrix: an edge between the indices of its element.
    Matrix(Box<MatrixForm>),
}

/// A function of a whole matrix.
#[derive(Debug, Clone)]
pub(super) struct MatrixForm {
    pub(super) function: &'static MatrixFunction,
    pub(super) operand: Form,
    /// The row and the column within the operand.
    pub(super) inner: [Index; 2],
    pub(super) at: Vec<Index>,
    /// Whether the result is equal to its transpose.
    pub(super) symmetric: bool,
}

impl Form {
    /// The indices on which it depends, in order of first occurrence.
    pub(super) fn axes(&self) -> Vec<Index> {
        let union = |forms: &[Form]| {
            let mut axes: Vec<Index> = Vec::new();
            for index in forms.iter().flat_map(Form::axes) {
                if !axes.contains(&index) {
                    axes.push(index);
                }
            }
            axes
        };
        match self {
            Self::Leaf(expr) => expr.free_indices(),
            Self::Add(forms) | Self::Multiply(forms) | Self::Call(_, forms) => union(forms),
            Self::Power(base, exponent) => union(&[(**base).clone(), (**exponent).clone()]),
            Self::Contract(left, index, right) => {
                let mut axes = union(&[(**left).clone(), (**right).clone()]);
                axes.retain(|axis| axis != index);
                axes
            }
            Self::Matrix(matrix) => {
                let mut axes = matrix.at.clone();
                axes.dedup();
                axes
            }
            Self::SumOver(index, form)
            | Self::MeanOver(index, form)
            | Self::ReduceOver(_, index, form) => {
                let mut axes = form.axes();
                axes.retain(|axis| axis != index);
                axes
            }
        }
    }
}

/// The structure of `expr`, or `None` where some sum does not reduce.
pub(super) fn form(expr: &Expr) -> Option<Form> {
    match expr.node() {
        Node::Number(_) | Node::Extent(_) | Node::Access(..) | Node::Delta(..) => {
            Some(Form::Leaf(expr.clone()))
        }
        Node::Position(_) | Node::Indicator(..) => Some(Form::Leaf(expr.clone())),
        Node::Add(terms) => Some(Form::Add(terms.iter().map(form).collect::<Option<_>>()?)),
        Node::Power(base, exponent) => Some(Form::Power(
            Box::new(form(base)?),
            Box::new(form(exponent)?),
        )),
        Node::Call(callee, arguments) => Some(Form::Call(
            callee.clone(),
            arguments.iter().map(form).collect::<Option<_>>()?,
        )),
        Node::Reduce(reduction, indices, body) => {
            let mut reduced = form(body)?;
            for index in indices.iter().rev() {
                reduced = Form::ReduceOver(*reduction, index.clone(), Box::new(reduced));
            }
            Some(reduced)
        }
        Node::Product(factors) => network(&[], factors),
        Node::Sum(indices, body) => network(indices, &body.factors()),
        Node::Matrix(function, operand, at) => {
            let inner = [operand.rows.clone(), operand.columns.clone()];
            let form = form(&operand.body)?;
            // A batch of matrices has no notation of its own.
            if form.axes().iter().any(|axis| !inner.contains(axis)) {
                return None;
            }
            Some(Form::Matrix(Box::new(MatrixForm {
                function,
                operand: form,
                inner,
                at: at.clone(),
                symmetric: function.transposition == Transposition::Transposed
                    && canonical::is_symmetric(operand),
            })))
        }
        Node::Derivative(..) => None,
    }
}

/// Reduces the graph of a product under a sum.
fn network(bound: &[Index], factors: &[Expr]) -> Option<Form> {
    let mut bound = bound.to_vec();
    let mut edges = Vec::with_capacity(factors.len());
    for factor in factors {
        match factor.node() {
            // A sum over what reaches further than two indices is no edge: its factors belong to this graph.
            Node::Sum(inner, body) if factor.free_indices().len() > 2 => {
                bound.extend(inner.iter().cloned());
                for factor in body.factors() {
                    edges.push(form(&factor)?);
                }
            }
            _ => edges.push(form(factor)?),
        }
    }
    loop {
        merge_parallel(&mut edges, &bound);
        if bound.is_empty() {
            break;
        }
        let position = next_index(&edges, &bound)?;
        let index = bound.remove(position);
        eliminate(&mut edges, &index)?;
    }
    Some(if edges.len() == 1 {
        edges.swap_remove(0)
    } else {
        Form::Multiply(edges)
    })
}

/// Brings edges with the same axes together, and vectors on a bound index with three or more edges into a
/// matrix there. Edges with no bound index wait for the end.
fn merge_parallel(edges: &mut Vec<Form>, bound: &[Index]) {
    let mut merged: Vec<(Vec<Index>, Vec<Form>)> = Vec::new();
    for edge in edges.drain(..) {
        let axes = edge.axes();
        let touches = axes.iter().any(|axis| bound.contains(axis));
        let same = |other: &[Index]| {
            other.len() == axes.len() && axes.iter().all(|axis| other.contains(axis))
        };
        match merged.iter_mut().find(|(other, _)| touches && same(other)) {
            Some((_, forms)) => forms.push(edge),
            None => merged.push((axes, vec![edge])),
        }
    }
    for index in bound {
        let touching: Vec<usize> = (0..merged.len())
            .filter(|position| merged[*position].0.contains(index))
            .collect();
        if touching.len() < 3 {
            continue;
        }
        let vector = touching
            .iter()
            .copied()
            .find(|position| merged[*position].0.len() == 1);
        let matrix = touching
            .iter()
            .copied()
            .rev()
            .find(|position| merged[*position].0.len() == 2);
        if let (Some(vector), Some(matrix)) = (vector, matrix) {
            let forms = merged[vector].1.clone();
            merged[matrix].1.splice(0..0, forms);
            merged.remove(vector);
        }
    }
    *edges = merged
        .into_iter()
        .map(|(_, mut forms)| {
            if forms.len() == 1 {
                forms.swap_remove(0)
            } else {
                Form::Multiply(forms)
            }
        })
        .collect();
}

/// The bound index to be eliminated next: beside a vector first (it costs least), then in order.
fn next_index(edges: &[Form], bound: &[Index]) -> Option<usize> {
    let rank = |index: &Index| {
        let touching: Vec<usize> = edges
            .iter()
            .map(Form::axes)
            .filter(|axes| axes.contains(index))
            .map(|axes| axes.len())
            .collect();
        match touching[..] {
            [a, b] if a.min(b) == 1 => Some(0),
            [a, b] if a <= 2 && b <= 2 => Some(1),
            [_] => Some(2),
            _ => None,
        }
    };
    let ranked = bound
        .iter()
        .enumerate()
        .filter_map(|(position, index)| rank(index).map(|rank| (rank, position)));
    ranked.min().map(|(_, position)| position)
}

fn eliminate(edges: &mut Vec<Form>, index: &Index) -> Option<()> {
    let touching: Vec<usize> = (0..edges.len())
        .filter(|position| edges[*position].axes().contains(index))
        .collect();
    let reduced = match touching[..] {
        [only] => Form::SumOver(index.clone(), Box::new(edges.remove(only))),
        [first, second] => {
            let right = edges.remove(second);
            let left = edges.remove(first);
            Form::Contract(Box::new(left), index.clone(), Box::new(right))
        }
        _ => return None,
    };
    let position = touching[0].min(edges.len());
    edges.insert(position, reduced);
    Some(())
}
