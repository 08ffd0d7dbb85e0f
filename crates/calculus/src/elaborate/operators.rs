//! Operators under NumPy's rules, and what to say where shapes do not fit.

use backprove_syntax::tree::{BinaryOperator, Expression, ExpressionKind};
use backprove_syntax::{Diagnostic, Span};

use super::scope::Elaborator;
use super::suggestion;
use super::value::{Mismatch, Value, broadcast, matrix_product};
use crate::affine::{Affine, size_expr};
use crate::expr::{Callee, Expr};
use crate::functions;
use crate::index::Dim;
use crate::shape;

/// The operator as it is written.
fn symbol(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::Add => "+",
        BinaryOperator::Subtract => "-",
        BinaryOperator::Multiply => "*",
        BinaryOperator::Divide => "/",
        BinaryOperator::FloorDivide => "//",
        BinaryOperator::MatrixMultiply => "@",
        BinaryOperator::Power => "**",
        BinaryOperator::Less => "<",
        BinaryOperator::LessEqual => "<=",
        BinaryOperator::Greater => ">",
        BinaryOperator::GreaterEqual => ">=",
        BinaryOperator::Equal => "==",
        BinaryOperator::NotEqual => "!=",
    }
}

/// The function of the table that a comparison is.
fn comparison(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::Less => "less",
        BinaryOperator::LessEqual => "less_equal",
        BinaryOperator::GreaterEqual => "greater_equal",
        BinaryOperator::Equal => "equal",
        BinaryOperator::NotEqual => "not_equal",
        _ => "greater",
    }
}

impl Elaborator<'_> {
    pub(super) fn lower_binary(
        &mut self,
        tree: &Expression,
        operator: BinaryOperator,
        left: &Expression,
        right: &Expression,
    ) -> Option<Value> {
        if operator == BinaryOperator::Equal
            && let Some(place) = self.index_among(left).or(self.index_among(right))
        {
            let other = if self.index_among(left) == Some(place) {
                right
            } else {
                left
            };
            return self.lower_index_equality(place, other, tree.span);
        }
        let left_value = self.lower(left);
        let right_value = self.lower(right);
        let (left_value, right_value) = (left_value?, right_value?);
        if operator == BinaryOperator::MatrixMultiply {
            return match matrix_product(&left_value, &right_value) {
                Some(value) => Some(value),
                None => self.product_misfit(tree, (left, &left_value), (right, &right_value)),
            };
        }
        let values = [left_value, right_value];
        let (indices, bodies) = match broadcast(&values) {
            Ok(common) => common,
            Err(mismatch) => {
                let [left_value, right_value] = &values;
                return self.element_misfit(
                    tree,
                    operator,
                    (left, left_value),
                    (right, right_value),
                    &mismatch,
                );
            }
        };
        let body = self.combine(tree, operator, bodies)?;
        Some(Value { indices, body })
    }

    fn combine(
        &mut self,
        tree: &Expression,
        operator: BinaryOperator,
        bodies: Vec<Expr>,
    ) -> Option<Expr> {
        let [left, right] = <[Expr; 2]>::try_from(bodies).ok()?;
        Some(match operator {
            BinaryOperator::Add => Expr::addition([left, right]),
            BinaryOperator::Subtract => Expr::addition([left, right.negate()]),
            BinaryOperator::Multiply | BinaryOperator::MatrixMultiply => {
                Expr::product([left, right])
            }
            BinaryOperator::Divide => Expr::product([left, right.reciprocal()]),
            BinaryOperator::Power => left.power(right),
            BinaryOperator::FloorDivide => return self.floor_quotient(tree, &left, &right),
            _ => {
                let name = comparison(operator);
                let Some(function) = functions::find(name) else {
                    return self
                        .not_yet(&format!("the comparison `{}`", symbol(operator)), tree.span);
                };
                Expr::call(Callee::known(function), vec![left, right])
            }
        })
    }

    /// `//` between sizes; of anything else it has no derivative worth the name.
    fn floor_quotient(&mut self, tree: &Expression, left: &Expr, right: &Expr) -> Option<Expr> {
        let sizes = [left, right].map(|side| Affine::of(side).filter(|side| side.terms.is_empty()));
        let [Some(left), Some(right)] = sizes else {
            let message = "`//` divides sizes, and this is none";
            let report = Diagnostic::error("floor-division", message)
                .label(tree.span, "divided here")
                .help("write `/` for the quotient of numbers");
            return self.fail(report);
        };
        if let Some(quotient) = left.constant.floor_quotient(&right.constant) {
            return Some(size_expr(&quotient));
        }
        let message = format!("`{}` is not known to be at least 1", right.constant);
        self.fail(Diagnostic::error("floor-division", message).label(tree.span, "divides here"))
    }

    /// `@` between shapes that do not fit: says why, and which transposition fits.
    fn product_misfit<T>(
        &mut self,
        tree: &Expression,
        (left, left_value): (&Expression, &Value),
        (right, right_value): (&Expression, &Value),
    ) -> Option<T> {
        let (a, b) = (left_value.dims(), right_value.dims());
        if a.is_empty() || b.is_empty() {
            return self.product_of_scalar(tree, (left, &a), (right, &b));
        }
        let (left_name, right_name) = named_pair(left, right);
        let inner = &a[a.len() - 1];
        let outer = &b[b.len().saturating_sub(2)];
        let reason = if inner == outer {
            "the leading axes do not broadcast".to_owned()
        } else {
            format!("{inner} meets {outer}")
        };
        let message = format!(
            "{left_name} is {} and {right_name} is {}; in `@`, {reason}",
            shape::described(&a),
            shape::described(&b)
        );
        let mut report = Diagnostic::error("shape-mismatch", message)
            .label(left.span, shape::described(&a))
            .label(right.span, shape::described(&b));
        let right_turned = (b.len() == 2)
            .then(|| shape::matrix_product(&a, &shape::transposed(&b)))
            .flatten();
        let left_turned = (a.len() == 2)
            .then(|| shape::matrix_product(&shape::transposed(&a), &b))
            .flatten();
        let swapped = shape::matrix_product(&b, &a);
        let text = |tree: &Expression| backprove_syntax::format_expression(tree);
        report = match (left_turned, right_turned) {
            (None, Some(_)) => transposing(
                report,
                (left, right),
                (BinaryOperator::MatrixMultiply, false),
            ),
            (Some(_), None) => transposing(
                report,
                (left, right),
                (BinaryOperator::MatrixMultiply, true),
            ),
            (Some(of_left), Some(of_right)) => {
                let product =
                    |a, b| text(&Expression::binary(BinaryOperator::MatrixMultiply, a, b));
                report.help(format!(
                    "transpose one side: `{}` is {}, `{}` is {}",
                    product(turned(left), right.clone()),
                    shape::described(&of_left),
                    product(left.clone(), turned(right)),
                    shape::described(&of_right)
                ))
            }
            (None, None) if swapped.is_some() => {
                let other =
                    Expression::binary(BinaryOperator::MatrixMultiply, right.clone(), left.clone());
                let written = text(&other);
                report.help_edit(
                    format!("the other order fits: `{written}`"),
                    tree.span,
                    parenthesised(tree, left, right, written),
                )
            }
            (None, None) => report,
        };
        self.fail(report)
    }

    fn product_of_scalar<T>(
        &mut self,
        tree: &Expression,
        (left, a): (&Expression, &[Dim]),
        (right, b): (&Expression, &[Dim]),
    ) -> Option<T> {
        let scalar = if a.is_empty() { left } else { right };
        let name = suggestion::named(scalar).unwrap_or_else(|| "this".to_owned());
        let message = format!("`@` multiplies tensors, and {name} is a scalar");
        let product = Expression::binary(BinaryOperator::Multiply, left.clone(), right.clone());
        let written = backprove_syntax::format_expression(&product);
        let report = Diagnostic::error("shape-mismatch", message)
            .label(left.span, shape::described(a))
            .label(right.span, shape::described(b))
            .help_edit(
                format!("scale with `*`: `{written}`"),
                tree.span,
                parenthesised(tree, left, right, written),
            );
        self.fail(report)
    }

    /// An element-wise operation between shapes that do not fit.
    fn element_misfit<T>(
        &mut self,
        tree: &Expression,
        operator: BinaryOperator,
        (left, left_value): (&Expression, &Value),
        (right, right_value): (&Expression, &Value),
        mismatch: &Mismatch,
    ) -> Option<T> {
        let (a, b) = (left_value.dims(), right_value.dims());
        let (left_name, right_name) = named_pair(left, right);
        let message = format!(
            "{left_name} is {} and {right_name} is {}; in `{}`, {} meets {}",
            shape::described(&a),
            shape::described(&b),
            symbol(operator),
            mismatch.left,
            mismatch.right
        );
        let report = Diagnostic::error("shape-mismatch", message)
            .label(left.span, shape::described(&a))
            .label(right.span, shape::described(&b));
        let report = element_help(report, tree, operator, (left, &a), (right, &b));
        self.fail(report)
    }
}

/// The one change that makes an element-wise operation fit, if there is one.
fn element_help(
    report: Diagnostic,
    tree: &Expression,
    operator: BinaryOperator,
    (left, a): (&Expression, &[Dim]),
    (right, b): (&Expression, &[Dim]),
) -> Diagnostic {
    if operator == BinaryOperator::Multiply {
        let candidates = [
            (left.clone(), right.clone(), shape::matrix_product(a, b)),
            (
                left.clone(),
                right.clone().transpose(),
                (b.len() == 2)
                    .then(|| shape::matrix_product(a, &shape::transposed(b)))
                    .flatten(),
            ),
        ];
        for (first, second, fits) in candidates {
            if let Some(dims) = fits {
                let product = Expression::binary(BinaryOperator::MatrixMultiply, first, second);
                let written = backprove_syntax::format_expression(&product);
                return report.help_edit(
                    format!(
                        "`*` is element-wise; the matrix product `{written}` fits and is {}",
                        shape::described(&dims)
                    ),
                    tree.span,
                    parenthesised(tree, left, right, written),
                );
            }
        }
    }
    // A vector along the first axis of a matrix needs a new axis behind it.
    for (vector, extent, other) in [(right, b, a), (left, a, b)] {
        if let ([only], [first, _]) = (extent, other)
            && only == first
            && suggestion::takes_postfix(vector)
        {
            let written = backprove_syntax::format_expression(vector);
            let end = Span::new(vector.span.end, vector.span.end);
            return report.help_edit(
                format!("align {only} with the rows: `{written}[:, None]`"),
                end,
                "[:, None]",
            );
        }
    }
    let fits = |a: &[Dim], b: &[Dim]| shape::broadcast(a, b).is_some();
    match (
        a.len() == 2 && fits(&shape::transposed(a), b),
        b.len() == 2 && fits(a, &shape::transposed(b)),
    ) {
        (_, true) => transposing(report, (left, right), (operator, false)),
        (true, false) => transposing(report, (left, right), (operator, true)),
        (false, false) => report,
    }
}

/// Proposes the transpose of one operand: the left one if `of_left`.
fn transposing(
    report: Diagnostic,
    (left, right): (&Expression, &Expression),
    (operator, of_left): (BinaryOperator, bool),
) -> Diagnostic {
    let operand = if of_left { left } else { right };
    let turned = turned(operand);
    let (first, second) = if of_left {
        (turned.clone(), right.clone())
    } else {
        (left.clone(), turned.clone())
    };
    let whole = backprove_syntax::format_expression(&Expression::binary(operator, first, second));
    let message = format!("the sizes only fit `{whole}`");
    let removed = matches!(operand.kind, ExpressionKind::Transpose(_));
    if !removed && suggestion::takes_postfix(operand) {
        let end = Span::new(operand.span.end, operand.span.end);
        report.help_edit(message, end, ".T")
    } else {
        report.help_edit(
            message,
            operand.span,
            backprove_syntax::format_expression(&turned),
        )
    }
}

/// The transpose; one too many is taken away, not transposed again.
fn turned(tree: &Expression) -> Expression {
    match &tree.kind {
        ExpressionKind::Transpose(inner) => (**inner).clone(),
        _ => tree.clone().transpose(),
    }
}

/// A replacement for `tree`, in parentheses where the original has them.
fn parenthesised(tree: &Expression, left: &Expression, right: &Expression, text: String) -> String {
    if tree.span == left.span.to(right.span) {
        text
    } else {
        format!("({text})")
    }
}

fn named_pair(left: &Expression, right: &Expression) -> (String, String) {
    (
        suggestion::named(left).unwrap_or_else(|| "the left side".to_owned()),
        suggestion::named(right).unwrap_or_else(|| "the right side".to_owned()),
    )
}
