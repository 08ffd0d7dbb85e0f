//! Slices under NumPy's rules, and subscripts that are affine in indices.

use backprove_syntax::tree::{Expression, Subscript};
use backprove_syntax::{Diagnostic, Span};

use super::positions::at_position;
use super::scope::Elaborator;
use super::value::nameless;
use crate::affine::Affine;
use crate::expr::Expr;
use crate::index::{Dim, Index};
use crate::size::Size;

impl Elaborator<'_> {
    /// One element along `axis` at the value of `tree`, which mentions indices: zero outside the extent.
    pub(super) fn access_affine(
        &mut self,
        body: &Expr,
        axis: &Index,
        tree: &Expression,
    ) -> Option<Expr> {
        let position = self.affine(tree)?;
        if self.runs_in_python(&position) && !position.is_within(axis.extent()) {
            return self.outside(axis, tree.span);
        }
        Some(at_position(body, axis, &position))
    }

    /// The value of `tree` as a sum of indices with whole coefficients.
    fn affine(&mut self, tree: &Expression) -> Option<Affine> {
        let value = self.lower_scalar(tree, "a position")?;
        if let Some(affine) = Affine::of(&value) {
            return Some(affine);
        }
        let message = "a position is a sum of indices with whole coefficients";
        self.fail(
            Diagnostic::error("not-affine", message)
                .label(tree.span, "this is none")
                .help("such as `x[i + u]`, `x[2 * i + u - 1]`, `x[N - 1 - i]`"),
        )
    }

    /// Whether a position mentions the running name of a comprehension: there NumPy knows no zeros outside.
    fn runs_in_python(&self, position: &Affine) -> bool {
        position.terms.iter().any(|(index, _)| {
            let mut binders = self.binders.iter();
            binders.any(|binder| binder.running && binder.stand_in == *index)
        })
    }

    fn outside<T>(&mut self, axis: &Index, span: Span) -> Option<T> {
        let extent = axis.extent();
        let message = format!("this is not known to lie within an axis of {extent}");
        self.fail(
            Diagnostic::error("out-of-range", message)
                .label(span, "reaches outside for some sizes")
                .help("declare sizes that leave room, such as `x[N + 2]`"),
        )
    }

    /// `start:stop:step` along `axis`: the new axis and what stands there.
    pub(super) fn sliced(
        &mut self,
        body: &Expr,
        axis: &Index,
        entry: &Subscript,
        span: Span,
    ) -> Option<(Index, Expr)> {
        let Subscript::Slice { start, stop, step } = entry else {
            return None;
        };
        let step = match step {
            None => 1,
            Some(tree) => match self.constant_integer(tree) {
                Some(step) if step != 0 => step,
                _ => {
                    let message = "the step of a slice is a whole number other than zero";
                    return self.fail(
                        Diagnostic::error("bad-option", message).label(tree.span, "given here"),
                    );
                }
            },
        };
        let extent = Size::of(axis.extent());
        let number = |value: i64| Affine::constant(Size::integer(value));
        let whole = Affine::constant(extent.clone());
        let end = |own: &mut Self, tree: &Option<Expression>, default: Affine| match tree {
            None => Some(default),
            Some(tree) => own.slice_end(tree, &extent),
        };
        let (first, last) = if step > 0 {
            let first = end(self, start, number(0))?;
            (first, end(self, stop, whole)?)
        } else {
            let first = end(self, start, whole.minus(&number(1)))?;
            (first, end(self, stop, number(-1))?)
        };
        let reach = if step > 0 {
            last.minus(&first)
        } else {
            first.minus(&last)
        };
        let stride = step.abs();
        let length = reach
            .constant
            .plus(&Size::integer(stride - 1))
            .floor_quotient(&Size::integer(stride));
        let length = length
            .filter(|_| reach.terms.is_empty())
            .and_then(|length| length.dim())
            .filter(|length| *length != Dim::Literal(0));
        let Some(length) = length else {
            let message = "this slice has no length that is known to be at least 1";
            return self.fail(Diagnostic::error("empty-slice", message).label(span, "sliced here"));
        };
        let new = nameless(&length);
        let position = first.plus(&Affine::index(&new).scaled(&Size::integer(step)));
        if !position.is_within(axis.extent()) {
            return self.outside(axis, span);
        }
        let element = at_position(body, axis, &position);
        Some((new, element))
    }

    /// An end of a slice; a negative number counts from the end of the axis, and one beyond a known end stops there.
    fn slice_end(&mut self, tree: &Expression, extent: &Size) -> Option<Affine> {
        if let Some(number) = self.constant_integer(tree) {
            let mut position = Size::integer(number);
            if number < 0 {
                position = position.plus(extent);
            }
            if let (Some(value), Some(most)) = (position.as_integer(), extent.as_integer()) {
                position = Size::integer(value.clamp(0, most));
            }
            return Some(Affine::constant(position));
        }
        self.affine(tree)
    }
}
