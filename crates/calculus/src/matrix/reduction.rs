//! Sums, means and other reductions in NumPy notation. Which axes the result has is decided by the caller.

use backprove_syntax::tree::{Expression, ExpressionKind};

use super::emit::{exact, fewer_transposes, matrix_product, whole};
use super::structure::Form;
use crate::expr::{Expr, Node, Reduction};
use crate::index::Index;

/// The name of a reduction, its index, and what it reduces.
fn reduction(form: &Form) -> Option<(&'static str, &Index, &Form)> {
    Some(match form {
        Form::SumOver(index, inner) => ("sum", index, inner),
        Form::MeanOver(index, inner) => ("mean", index, inner),
        Form::ReduceOver(reduction, index, inner) => {
            let name = match reduction {
                Reduction::Maximum => "max",
                Reduction::Minimum => "min",
                Reduction::Product => "prod",
            };
            (name, index, inner)
        }
        _ => return None,
    })
}

/// A reduction of everything below that reduces in the same way, as one call; with `keep`, the reduced axes
/// stay behind the others.
pub(super) fn reduced(form: &Form, want: &[Index], keep: bool) -> Option<Expression> {
    let (name, index, mut inner) = reduction(form)?;
    let mut indices = vec![index.clone()];
    while let Some((same, index, innermost)) = reduction(inner)
        && same == name
    {
        indices.push(index.clone());
        inner = innermost;
    }
    if name == "sum" && want.is_empty() {
        if let Form::Leaf(expr) = inner
            && let Node::Access(tensor, at) = expr.node()
            && let ([first, second], [only]) = (&at[..], &indices[..])
            && first == only
            && second == only
        {
            return Some(Expression::call("trace", [Expression::name(tensor.name())]));
        }
        if let Form::Matrix(matrix) = inner
            && let ([first, second], [only]) = (&matrix.at[..], &indices[..])
            && first == only
            && second == only
        {
            let operand = whole(&matrix.operand, &matrix.inner)?;
            let call = Expression::call(matrix.function.name, [operand]);
            return Some(Expression::call("trace", [call]));
        }
        if let ([index], Form::Power(base, exponent)) = (&indices[..], inner)
            && let Form::Leaf(exponent) = &**exponent
            && *exponent == Expr::integer(2)
            && let Form::Leaf(_) = **base
            && let Some(product) = dot(base, base, index)
        {
            return Some(product);
        }
        if let ([index], Form::Multiply(factors)) = (&indices[..], inner)
            && let [left, right] = &factors[..]
            && let Some(product) = dot(left, right, index)
        {
            return Some(product);
        }
    }
    let mut best = None;
    for axes in placements(want, &indices) {
        if keep && !axes.starts_with(want) {
            continue;
        }
        let Some(tree) = exact(inner, &axes) else {
            continue;
        };
        let positions: Vec<i64> = (0..axes.len() as i64)
            .filter(|position| indices.contains(&axes[*position as usize]))
            .collect();
        let axis = if let [position] = positions[..] {
            Expression::integer(position)
        } else {
            let positions = positions.into_iter().map(Expression::integer);
            Expression::made(ExpressionKind::Tuple(positions.collect()))
        };
        let keepdims = ("keepdims", Expression::name("True"));
        let written = match (want.len(), keep) {
            (0, _) => Expression::call(name, [tree]),
            (_, true) => Expression::call_with(name, [tree], [("axis", axis), keepdims]),
            (_, false) => Expression::call_with(name, [tree], [("axis", axis)]),
        };
        best = fewer_transposes(best, Some(written));
    }
    best
}

/// All ways to put `indices` among the axes, whose order stays.
fn placements(want: &[Index], indices: &[Index]) -> Vec<Vec<Index>> {
    let mut all = vec![want.to_vec()];
    for index in indices {
        let positions = |axes: &Vec<Index>| {
            let axes = axes.clone();
            (0..=axes.len()).map(move |position| {
                let mut axes = axes.clone();
                axes.insert(position, index.clone());
                axes
            })
        };
        all = all.iter().flat_map(positions).collect();
    }
    all
}

/// The product of two vectors over `index`; a vector that is a product with a matrix may stand as a row.
fn dot(left: &Form, right: &Form, index: &Index) -> Option<Expression> {
    let axis = std::slice::from_ref(index);
    if left.axes() != axis || right.axes() != axis {
        return None;
    }
    let product = |row: &Form, column: &Form| {
        let row = if let Form::Contract(first, inner, second) = row {
            let (vector, matrix) = if first.axes().len() == 1 {
                (first, second)
            } else {
                (second, first)
            };
            let vector = exact(vector, std::slice::from_ref(inner))?;
            let matrix = exact(matrix, &[inner.clone(), index.clone()])?;
            matrix_product(vector, matrix, false)
        } else {
            exact(row, axis)?
        };
        Some(matrix_product(row, exact(column, axis)?, false))
    };
    fewer_transposes(product(left, right), product(right, left))
}
