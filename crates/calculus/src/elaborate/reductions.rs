//! Reductions: over axes, as `sum(X, axis=0)`, and over indices, as `sum[k](X[i, k])`.

use std::collections::HashMap;

use backprove_syntax::tree::{Expression, ExpressionKind, IndexDeclaration, Name};
use backprove_syntax::{Diagnostic, Span};

use super::scope::Elaborator;
use super::suggestion;
use super::value::{Value, nameless};
use crate::expr::{Callee, Expr, Reduction};
use crate::functions;
use crate::index::{Dim, Index};

impl Elaborator<'_> {
    /// The axes that an `axis` option names, in order; all of them for `None`.
    pub(super) fn axes(&mut self, value: &Value, tree: Option<&Expression>) -> Option<Vec<usize>> {
        let Some(tree) = tree else {
            return Some((0..value.rank()).collect());
        };
        if let Some(super::scope::Local::Option(option)) = self.local_of(tree) {
            return self.axes(value, Some(&option));
        }
        let entries = match &tree.kind {
            ExpressionKind::None => return Some((0..value.rank()).collect()),
            ExpressionKind::Tuple(entries) | ExpressionKind::List(entries) => entries.as_slice(),
            _ => std::slice::from_ref(tree),
        };
        let mut axes = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some(number) = self.constant_integer(entry) else {
                let report = Diagnostic::error(
                    "bad-option",
                    "an axis is a whole number, a tuple of them, or `None`",
                )
                .label(entry.span, "given here");
                return self.fail(report);
            };
            let axis = self.axis(number, value.rank(), entry.span)?;
            if axes.contains(&axis) {
                let message = format!("axis {axis} is named twice");
                return self.fail(
                    Diagnostic::error("axis-twice", message).label(entry.span, "again here"),
                );
            }
            axes.push(axis);
        }
        axes.sort_unstable();
        Some(axes)
    }

    /// A reduction over axes: `None` for a sum.
    pub(super) fn reduce_axes(
        &mut self,
        reduction: Option<Reduction>,
        value: Value,
        axis: Option<&Expression>,
        keep: Option<&Expression>,
    ) -> Option<Value> {
        let axes = self.axes(&value, axis)?;
        let keep = match keep {
            Some(tree) => self.constant_truth(tree)?,
            None => false,
        };
        let bound: Vec<Index> = axes
            .iter()
            .map(|axis| value.indices[*axis].clone())
            .collect();
        let body = match reduction {
            None => Expr::sum(&bound, value.body),
            Some(reduction) => Expr::reduce(reduction, &bound, value.body),
        };
        let indices = value
            .indices
            .into_iter()
            .filter_map(|index| match (bound.contains(&index), keep) {
                (false, _) => Some(index),
                (true, true) => Some(nameless(&Dim::Literal(1))),
                (true, false) => None,
            })
            .collect();
        Some(Value { indices, body })
    }

    /// `sum[k, l](body)`.
    pub(super) fn lower_index_reduction(
        &mut self,
        function: &Name,
        declared: &[IndexDeclaration],
        body: &Expression,
        span: Span,
    ) -> Option<Value> {
        for (position, index) in declared.iter().map(|index| &index.name).enumerate() {
            self.check_index_name(index)?;
            if declared[..position]
                .iter()
                .any(|other| other.name.text == index.text)
            {
                let message = format!("the index `{}` is bound twice", index.text);
                return self.fail(
                    Diagnostic::error("index-twice", message).label(index.span, "again here"),
                );
            }
            if let Some(place) = self.binder(&index.text) {
                let message = format!("the index `{}` is in use already", index.text);
                let report = Diagnostic::error("index-twice", message)
                    .label(index.span, "bound again here")
                    .label(self.binders[place].span, "bound here")
                    .help("choose another letter for one of them");
                return self.fail(report);
            }
        }
        let mut extents = Vec::with_capacity(declared.len());
        for index in declared {
            extents.push(match &index.extent {
                Some(tree) => Some((self.extent_of(tree)?, tree.span)),
                None => None,
            });
        }
        for (index, extent) in declared.iter().zip(extents) {
            self.bind(&index.name.text, index.name.span, extent, false);
        }
        let value = self.lower(body);
        let closed = self.close(declared.len(), value.is_none());
        let (value, closed) = (value?, closed?);
        let map: HashMap<Index, Index> = closed.iter().cloned().collect();
        let bound: Vec<Index> = closed.into_iter().map(|(_, index)| index).collect();
        let reduced = value.body.substitute(&map);
        if functions::matrix(&function.text).is_some() && bound.len() == 2 && value.rank() == 0 {
            let matrix = Value {
                indices: bound,
                body: reduced,
            };
            return self.lower_matrix_function(&function.text, matrix, span);
        }
        let body = match function.text.as_str() {
            "sum" => Expr::sum(&bound, reduced),
            "max" => Expr::reduce(Reduction::Maximum, &bound, reduced),
            "min" => Expr::reduce(Reduction::Minimum, &bound, reduced),
            "prod" => Expr::reduce(Reduction::Product, &bound, reduced),
            "mean" => {
                let count = Expr::product(bound.iter().map(|index| Expr::extent(index.extent())));
                Expr::product([Expr::sum(&bound, reduced), count.reciprocal()])
            }
            "logsumexp" => match (functions::find("exp"), functions::find("log")) {
                (Some(exp), Some(log)) => {
                    let exponential = Expr::call(Callee::known(exp), vec![reduced]);
                    Expr::call(Callee::known(log), vec![Expr::sum(&bound, exponential)])
                }
                _ => return self.not_yet("`logsumexp` over indices", span),
            },
            other => {
                let message = format!("`{other}` does not reduce over indices");
                let known = ["sum", "mean", "max", "min", "prod", "logsumexp"];
                let mut report = Diagnostic::error("unknown-reduction", message)
                    .label(function.span, "used here");
                if let Some(near) = suggestion::nearest(other, known.into_iter()) {
                    report =
                        report.help_edit(format!("did you mean `{near}`?"), function.span, near);
                }
                return self.fail(report);
            }
        };
        Some(value.with_body(body))
    }

    /// Reports an index that is called like a tensor, a size or a function.
    pub(super) fn check_index_name(&mut self, index: &Name) -> Option<()> {
        if !self.frames.is_empty() {
            return Some(());
        }
        let name = &index.text;
        let what = if self.tensor(name).is_some() {
            "a tensor"
        } else if self.is_size(name) {
            "a size"
        } else if self.is_function(name) {
            "a function"
        } else {
            return Some(());
        };
        let message = format!("`{name}` is {what}, so it cannot be an index here");
        let report = Diagnostic::error("name-clash", message)
            .label(index.span, "used as an index")
            .help("choose another letter for the index");
        self.fail(report)
    }
}
