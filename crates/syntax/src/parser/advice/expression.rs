//! Advice about mistakes inside expressions. Never decides what a mistake is.

use super::super::{Parser, Reported};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::tree::{BinaryOperator, Expression, ExpressionKind, Name, UnaryOperator};

impl Parser<'_> {
    pub(in crate::parser) fn chained_comparison(&mut self, first: Span) -> Reported {
        let second = self.peek(0).span;
        self.report(
            Diagnostic::error("chained-comparison", "comparisons do not chain")
                .label(second, "second comparison")
                .label(first, "first comparison")
                .help("multiply two comparisons, each in parentheses"),
        )
    }

    /// Two operands side by side, and the operator that is meant.
    pub(in crate::parser) fn missing_operator(
        &mut self,
        left: &Expression,
        right: &Expression,
    ) -> BinaryOperator {
        let gap = Span::new(left.span.end, right.span.start);
        let is_number = |side: &Expression| matches!(side.kind, ExpressionKind::Number(_));
        let (operator, help) = if is_number(left) || is_number(right) {
            (BinaryOperator::Multiply, "write `*` for the product")
        } else {
            (
                BinaryOperator::MatrixMultiply,
                "write `@` for the matrix product, or `*` for the element-wise one",
            )
        };
        let message = format!(
            "an operator is missing between `{}` and `{}`",
            self.excerpt(left.span),
            self.excerpt(right.span)
        );
        self.report(
            Diagnostic::error("missing-operator", message)
                .label(left.span.to(right.span), "two expressions side by side")
                .help_edit(help, gap, format!(" {} ", operator.text())),
        );
        operator
    }

    /// Whether this exponent is a `T` that stands for nothing else.
    pub(in crate::parser) fn is_power_of_t(&self, exponent: &Expression) -> bool {
        match &exponent.kind {
            ExpressionKind::Name(name) => {
                name == "T" && !self.known.contains("T") && !self.sizes.contains("T")
            }
            ExpressionKind::Unary(UnaryOperator::Negate, inner) => {
                matches!(inner.kind, ExpressionKind::Name(_)) && self.is_power_of_t(inner)
            }
            _ => false,
        }
    }

    pub(in crate::parser) fn power_of_t(&mut self, base: &Expression, exponent: &Expression) {
        let label = Span::new(base.span.end, exponent.span.end);
        let whole = base.span.to(exponent.span);
        let text = base.span.of(self.source);
        let report = Diagnostic::error("power-of-t", "a power of `T` is not a transpose");
        let report = report.label(label, "power of `T`");
        let report = if matches!(exponent.kind, ExpressionKind::Unary(..)) {
            let inner = text
                .strip_prefix('(')
                .and_then(|inner| inner.strip_suffix(')'))
                .filter(|inner| !inner.contains(['(', ')']))
                .unwrap_or(text);
            let inverse = format!("inv({inner}).T");
            report.help_edit("write the inverse, transposed", whole, inverse)
        } else {
            let message = format!("write `{}.T`", self.excerpt(base.span));
            report.help_edit(message, label, ".T")
        };
        self.report(report);
    }

    pub(in crate::parser) fn second_body(&mut self, function: &Name) -> Reported {
        let span = self.peek(0).span;
        let message = format!("`{}` over indices takes one expression", function.text);
        self.report(
            Diagnostic::error("reduction-body", message).label(span, "a second one follows"),
        )
    }

    pub(in crate::parser) fn second_bound(&mut self) -> Reported {
        let span = self.peek(0).span;
        self.report(
            Diagnostic::error("range-bound", "`range` takes one bound and starts at 0")
                .label(span, "a second bound follows")
                .help("shift the index inside the expression"),
        )
    }

    pub(in crate::parser) fn bare_comprehension(&mut self, body: Span) -> Reported {
        let span = self.peek(0).span;
        self.report(
            Diagnostic::error(
                "bare-comprehension",
                "`for` needs square brackets around it",
            )
            .label(span, "here")
            .label(body, "this is what is repeated")
            .help("write `stack([EXPR for i in range(n)])`"),
        )
    }

    pub(in crate::parser) fn claim_without_equals(&mut self) -> Reported {
        if self.is_reported() {
            return Reported;
        }
        let token = self.peek(0);
        let place = self.place(token);
        self.report(
            Diagnostic::error("claim-without-equals", "a claim is written `LEFT = RIGHT`")
                .label(place, "expected `=` here")
                .help("write, for example, `dL/dW = dY.T @ X`"),
        )
    }
}
