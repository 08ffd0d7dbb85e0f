//! Functions that reappear in gradients under another form and deserve their name: the softmax in
//! the derivative of a log-sum-exp, the one-hot rows of labels. Only definitions are read here;
//! no derivative is known.

use backprove_syntax::tree::Expression;
use std::sync::Arc;

use crate::expr::{Expr, Fact, Node, Tensor};
use crate::index::Index;
use crate::program::Equation;

/// Equations, each with the letter it would like, that may be recognised in derivatives of `body`.
pub fn of(body: &Expr) -> Vec<(&'static str, Equation)> {
    let mut found = Vec::new();
    body.visit(&mut |part| {
        let candidate = softmax(part)
            .map(|equation| ("P", equation))
            .or_else(|| one_hot(part).map(|equation| ("T", equation)));
        found.extend(candidate);
    });
    found
}

/// `exp(u[q]) / sum[q](exp(u[q]))`, where the sum occurs.
fn softmax(part: &Expr) -> Option<Equation> {
    let Node::Sum(bound, body) = part.node() else {
        return None;
    };
    let ([bound], Node::Call(callee, arguments)) = (&bound[..], body.node()) else {
        return None;
    };
    if callee.name() != "exp" || !callee.derivatives.is_empty() {
        return None;
    }
    let argument = &arguments[0];
    let mut indices = part.free_indices();
    let mut matrix = None;
    match argument.node() {
        Node::Access(tensor, at) => {
            indices.clone_from(at);
            let axis = at.iter().position(|index| index == bound)?;
            let name = Expression::name(tensor.name());
            matrix = Some(if tensor.rank() == 1 {
                Expression::call("softmax", [name])
            } else {
                Expression::call_with(
                    "softmax",
                    [name],
                    [("axis", Expression::integer(axis as i64))],
                )
            });
        }
        _ => indices.push(bound.clone()),
    }
    if indices.iter().filter(|index| *index == bound).count() != 1 {
        return None;
    }
    let quotient = Expr::product([body.clone(), part.freshen().reciprocal()]);
    let facts = if indices.last() == Some(bound) {
        vec![Fact::Probability]
    } else {
        Vec::new()
    };
    Some(equation(&indices, &quotient, facts, matrix.map(Arc::new)))
}

/// `[c == t[s]]`, for labels t.
fn one_hot(part: &Expr) -> Option<Equation> {
    let Node::Indicator(class, value) = part.node() else {
        return None;
    };
    let Node::Access(labels, at) = value.node() else {
        return None;
    };
    let is_labels = labels
        .facts()
        .iter()
        .any(|fact| matches!(fact, Fact::Labels(_)));
    if !is_labels || at.contains(class) {
        return None;
    }
    let indices: Vec<Index> = at.iter().chain([class]).cloned().collect();
    let count = crate::notation::extent(class.extent());
    let matrix = Expression::call("one_hot", [Expression::name(labels.name()), count]);
    Some(equation(
        &indices,
        part,
        vec![Fact::OneHot],
        Some(Arc::new(matrix)),
    ))
}

/// The body over fresh indices, under no name yet.
pub(crate) fn equation(
    indices: &[Index],
    body: &Expr,
    facts: Vec<Fact>,
    matrix: Option<Arc<Expression>>,
) -> Equation {
    let fresh: Vec<Index> = indices.iter().map(Index::fresh).collect();
    let map = indices.iter().cloned().zip(fresh.iter().cloned()).collect();
    let dims = indices.iter().map(|index| index.extent().clone()).collect();
    Equation {
        target: Tensor::with_facts("", dims, facts),
        indices: fresh,
        body: body.freshen().substitute(&map),
        matrix,
    }
}
