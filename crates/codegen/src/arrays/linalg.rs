//! Functions of matrices as Python: in NumPy's spelling, and a product with an inverse as the solution of a system of
//! equations, which is the stable form of it. No derivative is known here.

use backprove_calculus::functions::{self, MatrixFunction, MatrixValue};
use backprove_calculus::{Index, Operand, elaborate_expression};
use backprove_syntax::Diagnostic;
use backprove_syntax::tree::{Expression, ExpressionKind};

use super::index::{Array, diagonal};
use super::python;
use super::spelling::matrix_function;
use super::writer::Writer;

impl Writer<'_> {
    /// A function of a matrix in index notation.
    pub(super) fn matrix_element(
        &mut self,
        function: &'static MatrixFunction,
        operand: &Operand,
        at: &[Index],
    ) -> Result<Array, Diagnostic> {
        let inner = [operand.rows.clone(), operand.columns.clone()];
        let array = self.array(&operand.body, &inner, true)?;
        // The matrices stand in the last two axes.
        let mut axes = array.axes.clone();
        axes.retain(|axis| !inner.contains(axis));
        let batch = axes.len();
        axes.extend(inner);
        let matrices = self.full(array, &axes);
        let tree = matrix_function(function, matrices);
        axes.truncate(batch);
        axes.extend(at.iter().cloned());
        diagonal(tree, &axes)
    }

    /// `inv(A) @ b` as the solution of `A @ x = b`; `None` where the left side is no inverse of a single matrix.
    pub(super) fn solution(&mut self, left: &Expression, right: &Expression) -> Option<Expression> {
        let (matrix, is_turned) = match &left.kind {
            ExpressionKind::Transpose(inner) => (inverted(inner)?, true),
            // A product associates to the left: `inv(A) @ B @ C` is `(inv(A) @ B) @ C`.
            _ => (inverted(left)?, false),
        };
        let value = elaborate_expression(matrix, self.program, &[], &|_, _| None).ok()?;
        if value.rank() != 2 || !self.arguments.is_empty() {
            return None;
        }
        let matrix = self.matrix(matrix)?;
        let matrix = if is_turned {
            matrix.transpose()
        } else {
            matrix
        };
        let right = python::as_numbers(self.matrix(right)?);
        Some(python::call("np.linalg.solve", [matrix, right]))
    }
}

/// What is inverted in `inv(A)`.
fn inverted(tree: &Expression) -> Option<&Expression> {
    let ExpressionKind::Call {
        function,
        arguments,
    } = &tree.kind
    else {
        return None;
    };
    let name = function.text.rsplit('.').next()?;
    let is_inverse = functions::matrix(name)?.value == MatrixValue::Inverse;
    match arguments.as_slice() {
        [only] if is_inverse && only.keyword.is_none() => Some(&only.value),
        _ => None,
    }
}
