//! Linear algebra: dense functions of square matrices, pairs of results such as `slogdet`'s, matrix powers. The functions
//! themselves are declared in `functions`; no derivative is known here.

use backprove_syntax::tree::{Argument, Expression, ExpressionKind, Name, Subscript};
use backprove_syntax::{Diagnostic, Span};

use super::libraries;
use super::scope::Elaborator;
use super::value::{Value, matrix_product};
use crate::expr::{Expr, Operand};
use crate::functions::{self, MatrixFunction, Transposition};

/// The greatest power of a matrix that is written out.
const GREATEST_POWER: i64 = 16;

/// What has no rule here: why, and what can be written instead.
pub(super) fn refusal(name: &str) -> Option<(&'static str, &'static str)> {
    const SPECTRAL: &str =
        "a decomposition is not unique and not smooth where values coincide; it has no rule here";
    Some(match name {
        "slogdet" => (
            "`slogdet` gives two results at once",
            "take one of them: `slogdet(X)[1]` is the log-determinant, `slogdet(X)[0]` the sign",
        ),
        "pinv" => (
            "the pseudoinverse jumps where the rank changes; it has no rule here",
            "for independent columns write `inv(X.T @ X) @ X.T`, for independent rows `X.T @ inv(X @ X.T)`",
        ),
        "eig" | "eigh" | "eigvals" | "eigvalsh" | "svd" | "svdvals" | "qr" => (
            SPECTRAL,
            "write what you need of it with `inv`, `det`, `logdet`, `trace` or `cholesky`",
        ),
        "lstsq" => (
            "a least-squares solution by decomposition has no rule here",
            "for independent columns write `solve(A.T @ A, A.T @ b)`",
        ),
        _ => return None,
    })
}

/// `slogdet(X)[1]`, `slogdet(X).logabsdet` and the like as a call of the function that gives this result alone.
pub(super) fn part_of_pair(tree: &Expression) -> Option<Expression> {
    let (pair, second) = match &tree.kind {
        ExpressionKind::Subscript(pair, entries) => match entries.as_slice() {
            [Subscript::At(at)] => match &at.kind {
                ExpressionKind::Number(text) if text == "0" => (pair, false),
                ExpressionKind::Number(text) if text == "1" => (pair, true),
                _ => return None,
            },
            _ => return None,
        },
        ExpressionKind::Attribute(pair, name) => match name.text.as_str() {
            "sign" => (pair, false),
            "logabsdet" => (pair, true),
            _ => return None,
        },
        _ => return None,
    };
    let (function, arguments) = call_of(pair)?;
    let (_, "slogdet") = libraries::split(&function.text)? else {
        return None;
    };
    let ours = if second { "logdet" } else { "signdet" };
    Some(Expression {
        kind: ExpressionKind::Call {
            function: Name {
                text: ours.to_owned(),
                span: function.span,
            },
            arguments,
        },
        span: tree.span,
    })
}

/// A call, written as one or as a method.
fn call_of(tree: &Expression) -> Option<(Name, Vec<Argument>)> {
    match &tree.kind {
        ExpressionKind::Call {
            function,
            arguments,
        } => Some((function.clone(), arguments.clone())),
        ExpressionKind::Method {
            receiver,
            method,
            arguments,
        } => Some(match &receiver.kind {
            ExpressionKind::Name(word) if libraries::is_library(word) => {
                let text = format!("{word}.{}", method.text);
                let span = method.span;
                (Name { text, span }, arguments.clone())
            }
            _ => super::calls::method_as_call(receiver, method, arguments),
        }),
        _ => None,
    }
}

impl Elaborator<'_> {
    /// A dense function of the matrices in the last two axes.
    pub(super) fn lower_matrix_function(
        &mut self,
        name: &str,
        value: Value,
        span: Span,
    ) -> Option<Value> {
        let function = functions::matrix(name)?;
        let (batch, rows, columns) = match value.indices.as_slice() {
            [batch @ .., rows, columns] if rows.extent() == columns.extent() => {
                (batch.to_vec(), rows.clone(), columns.clone())
            }
            _ => {
                let shape = value.described();
                let message = format!("`{name}` takes a square matrix, and this is {shape}");
                return self.fail(Diagnostic::error("not-square", message).label(span, shape));
            }
        };
        let operand = Operand {
            rows,
            columns,
            body: value.body,
        };
        Some(applied(function, operand, batch))
    }

    /// A triangle of the matrices in the last two axes: each element times the mask's, which is the triangle of ones.
    pub(super) fn lower_triangle(
        &mut self,
        mask: &str,
        upper: bool,
        value: Value,
        span: Span,
    ) -> Option<Value> {
        let [.., row, column] = value.indices.as_slice() else {
            return self.wrong_rank(mask, &value, "a matrix", span);
        };
        let (row, column) = if upper { (column, row) } else { (row, column) };
        let ones = Operand {
            rows: row.fresh(),
            columns: column.fresh(),
            body: Expr::one(),
        };
        let mask = Expr::matrix(
            functions::matrix(mask)?,
            ones,
            &[row.clone(), column.clone()],
        );
        let body = Expr::product([mask, value.body.clone()]);
        Some(value.with_body(body))
    }

    /// `matrix_power(X, n)` with a number `n` that is written out.
    pub(super) fn lower_matrix_power(
        &mut self,
        value: Value,
        exponent: &Expression,
        span: Span,
    ) -> Option<Value> {
        let Some(count) = self.constant_integer(exponent) else {
            let message = "the power of a matrix is a whole number that is written out";
            return self
                .fail(Diagnostic::error("bad-option", message).label(exponent.span, "given here"));
        };
        if count.abs() > GREATEST_POWER || count == 0 {
            let message = format!(
                "powers of a matrix go from 1 to {GREATEST_POWER} and from -1 to -{GREATEST_POWER}"
            );
            return self
                .fail(Diagnostic::error("bad-option", message).label(exponent.span, "given here"));
        }
        let [.., rows, columns] = value.indices.as_slice() else {
            return self.lower_matrix_function("inv", value, span);
        };
        // What is no square matrix is reported as it is for an inverse.
        if count < 0 || rows.extent() != columns.extent() {
            let inverse = self.lower_matrix_function("inv", value, span)?;
            return power(&inverse, -count);
        }
        power(&value, count)
    }
}

fn power(value: &Value, count: i64) -> Option<Value> {
    (1..count).try_fold(value.clone(), |product, _| {
        matrix_product(&product, &value.fresh())
    })
}

/// `function(operand)` with one axis for each of its own; an inverse of a transpose becomes the transpose of an inverse.
fn applied(
    function: &'static MatrixFunction,
    operand: Operand,
    batch: Vec<crate::index::Index>,
) -> Value {
    let own: Vec<_> = match function.rank {
        0 => Vec::new(),
        _ => vec![operand.rows.fresh(), operand.columns.fresh()],
    };
    let first = operand
        .body
        .free_indices()
        .into_iter()
        .find(|index| [&operand.rows, &operand.columns].contains(&index));
    let turned = first.as_ref() == Some(&operand.columns);
    let mut at = own.clone();
    let operand = match function.transposition {
        Transposition::Transposed if turned => {
            at.reverse();
            operand.transposed()
        }
        Transposition::Unchanged | Transposition::Symmetrising if turned => operand.transposed(),
        _ => operand,
    };
    Value {
        indices: batch.into_iter().chain(own).collect(),
        body: Expr::matrix(function, operand, &at),
    }
}
