//! The shape check that a reader can follow: the factors of a matrix formula, each with its sizes.
//! The sizes are the calculus' own; nothing here decides what fits.

use backprove_calculus::{Dim, Program, elaborate_expression};
use backprove_syntax::tree::{Argument, BinaryOperator, Expression, ExpressionKind};

use super::{Scope, matrix};
use crate::formula::Formula;

/// A factor and its sizes.
pub type Factor = (Formula, Vec<Dim>);

/// The factors of the outermost product that are not scalars; none where a size is not known.
pub fn factors(form: &Expression, scope: &Scope, program: &Program) -> Option<Vec<Factor>> {
    let mut found = Vec::new();
    collect(form, scope, program, &mut found)?;
    Some(found)
}

fn collect(
    form: &Expression,
    scope: &Scope,
    program: &Program,
    found: &mut Vec<Factor>,
) -> Option<()> {
    use BinaryOperator::{MatrixMultiply, Multiply};
    match &form.kind {
        ExpressionKind::Binary(MatrixMultiply | Multiply, left, right) => {
            collect(left, scope, program, found)?;
            collect(right, scope, program, found)
        }
        // A number beside or below changes no shape.
        ExpressionKind::Binary(BinaryOperator::Divide, left, right)
            if sizes(right, program).is_some_and(|sizes| sizes.is_empty()) =>
        {
            collect(left, scope, program, found)
        }
        ExpressionKind::Unary(_, operand) => collect(operand, scope, program, found),
        ExpressionKind::Call {
            function,
            arguments,
        } if function.text == "outer" => arguments
            .iter()
            .try_for_each(|argument| collect(&argument.value, scope, program, found).ok_or(()))
            .ok(),
        // A sum over one axis is printed as a product with the vector of ones.
        ExpressionKind::Call {
            function,
            arguments,
        } if function.text == "sum" => {
            let (operand, first) = summed(arguments)?;
            let sizes = self::sizes(operand, program)?;
            let [rows, columns] = sizes.as_slice() else {
                return None;
            };
            if first {
                let ones = Formula::ones().transposed();
                found.push((ones, vec![Dim::Literal(1), rows.clone()]));
            }
            collect(operand, scope, program, found)?;
            if !first {
                found.push((Formula::ones(), vec![columns.clone()]));
            }
            Some(())
        }
        _ => {
            let factor = (matrix::expression(form, scope), sizes(form, program)?);
            if !factor.1.is_empty() && !found.contains(&factor) {
                found.push(factor);
            }
            Some(())
        }
    }
}

/// The operand of `sum(operand, axis=…)`, and whether its first axis is summed over.
fn summed(arguments: &[Argument]) -> Option<(&Expression, bool)> {
    let [operand, axis] = arguments else {
        return None;
    };
    match &axis.value.kind {
        ExpressionKind::Number(axis) => Some((&operand.value, axis == "0")),
        _ => None,
    }
}

fn sizes(form: &Expression, program: &Program) -> Option<Vec<Dim>> {
    let value = elaborate_expression(form, program, &[], &|_, _| None).ok()?;
    let extents = value.indices.iter();
    Some(extents.map(|index| index.extent().clone()).collect())
}
