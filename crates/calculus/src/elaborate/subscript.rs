//! Subscripts: indices, literal positions, labels, full slices and new axes.

use std::collections::HashMap;

use backprove_syntax::tree::{Expression, ExpressionKind, Subscript};
use backprove_syntax::{Diagnostic, Span};

use super::scope::{Elaborator, Local};
use super::value::{Value, nameless, without_axis};
use crate::affine::Affine;
use crate::expr::{Expr, Fact, Node, Tensor};
use crate::index::{Dim, Index};

/// A subscripted value while its axes are consumed from the left.
struct Accessed {
    remaining: std::vec::IntoIter<Index>,
    indices: Vec<Index>,
    body: Expr,
    /// Axes of which one position is taken, and which.
    picked: Vec<(Index, Expr)>,
    /// An axis that `arange` runs along, until the labels beside it are read.
    running: Option<(Index, Span)>,
}

impl Elaborator<'_> {
    pub(super) fn lower_subscript(
        &mut self,
        tree: &Expression,
        base: &Expression,
        subscripts: &[Subscript],
    ) -> Option<Value> {
        if let ExpressionKind::Attribute(of, name) = &base.kind
            && name.text == "shape"
        {
            return self.lower_shape_entry(of, subscripts, tree.span);
        }
        let value = self.lower_base(base, subscripts)?;
        let consumed = subscripts
            .iter()
            .filter(|entry| matches!(entry, Subscript::At(_) | Subscript::Slice { .. }))
            .count();
        let ellipses = subscripts
            .iter()
            .filter(|entry| matches!(entry, Subscript::Ellipsis))
            .count();
        self.check_count(tree, base, &value, subscripts, consumed, ellipses)?;
        let mut skipped = value.rank().saturating_sub(consumed);
        let mut accessed = Accessed {
            remaining: value.indices.into_iter(),
            indices: Vec::new(),
            body: value.body,
            picked: Vec::new(),
            running: None,
        };
        let positions = subscripts
            .iter()
            .filter(|entry| matches!(entry, Subscript::At(at) if !self.is_index(at)))
            .count();
        let mut complete = Some(());
        for entry in subscripts {
            match entry {
                Subscript::NewAxis => accessed.indices.push(nameless(&Dim::Literal(1))),
                Subscript::Ellipsis => {
                    let kept: Vec<Index> = accessed.remaining.by_ref().take(skipped).collect();
                    accessed.indices.extend(kept);
                    skipped = 0;
                }
                Subscript::Slice {
                    start: None,
                    stop: None,
                    step: None,
                } => accessed.indices.extend(accessed.remaining.next()),
                Subscript::Slice { .. } => {
                    let axis = accessed.remaining.next()?;
                    match self.sliced(&accessed.body, &axis, entry, tree.span) {
                        Some((index, body)) => {
                            accessed.indices.push(index);
                            accessed.body = body;
                        }
                        None => complete = None,
                    }
                }
                Subscript::At(position) => {
                    if self
                        .access_at(&mut accessed, position, base, positions > 1)
                        .is_none()
                    {
                        complete = None;
                    }
                }
            }
        }
        complete?;
        if let Some((_, span)) = accessed.running {
            return self.not_yet("`arange` as a subscript without labels beside it", span);
        }
        accessed.indices.extend(accessed.remaining);
        let (bound, positions): (Vec<Index>, Vec<Expr>) = accessed.picked.into_iter().unzip();
        let chosen = bound
            .iter()
            .zip(positions)
            .map(|(axis, at)| Expr::indicator(axis, at));
        let factors = std::iter::once(accessed.body).chain(chosen);
        Some(Value {
            indices: accessed.indices,
            body: Expr::sum(&bound, Expr::product(factors)),
        })
    }

    /// The value that is subscripted; a subscript on a function is the form `sum[k](…)` gone wrong.
    fn lower_base(&mut self, base: &Expression, subscripts: &[Subscript]) -> Option<Value> {
        if let ExpressionKind::Name(name) = &base.kind
            && self.local(name).is_none()
            && self.tensor(name).is_none()
        {
            if self.is_size(name) {
                let message = format!("`{name}` is a size; it has no elements");
                return self.fail(
                    Diagnostic::error("size-as-tensor", message)
                        .label(base.span, "subscripted here"),
                );
            }
            if self.binder(name).is_none() && !self.is_callable(name) && !subscripts.is_empty() {
                return self.unknown_name(name, base.span);
            }
        }
        self.lower(base)
    }

    /// Whether `tree` is the running name of a comprehension: then rows are NumPy's.
    fn is_running(&self, tree: &Expression) -> bool {
        self.index_among(tree)
            .is_some_and(|place| self.binders[place].running)
    }

    fn is_index(&self, tree: &Expression) -> bool {
        self.index_among(tree).is_some()
    }

    fn check_count(
        &mut self,
        tree: &Expression,
        base: &Expression,
        value: &Value,
        subscripts: &[Subscript],
        consumed: usize,
        ellipses: usize,
    ) -> Option<()> {
        if ellipses > 1 {
            let message = "a subscript has at most one `...`";
            return self
                .fail(Diagnostic::error("subscript-count", message).label(tree.span, "more here"));
        }
        // Whole rows, such as `X[0]`, are NumPy's; in index notation every axis has its index.
        let by_index = subscripts.iter().any(
            |entry| matches!(entry, Subscript::At(at) if self.is_index(at) && !self.is_running(at)),
        );
        let rank = value.rank();
        if consumed > rank || (by_index && consumed < rank && ellipses == 0) {
            let name = super::suggestion::named(base).unwrap_or_else(|| "this".to_owned());
            let shape = value.described();
            let axes = if rank == 1 { "axis" } else { "axes" };
            let message =
                format!("{name} is {shape}: {rank} {axes}, but {consumed} in the subscript");
            return self.fail(
                Diagnostic::error("subscript-count", message)
                    .label(tree.span, format!("{consumed} for {rank}")),
            );
        }
        Some(())
    }

    fn access_at(
        &mut self,
        accessed: &mut Accessed,
        position: &Expression,
        base: &Expression,
        several: bool,
    ) -> Option<()> {
        let axis = accessed.remaining.next()?;
        if let ExpressionKind::Name(name) = &position.kind
            && let Some(binder) = self.binder(name)
        {
            let known = &self.binders[binder];
            let other = known
                .extent
                .as_ref()
                .is_some_and(|(extent, _)| extent != axis.extent());
            if known.declared && other {
                accessed.body = self.access_affine(&accessed.body, &axis, position)?;
                return Some(());
            }
            let stand_in = known.stand_in.clone();
            self.note_extent(binder, axis.extent(), position.span)?;
            accessed.body = accessed.body.substitute(&HashMap::from([(axis, stand_in)]));
            return Some(());
        }
        if let Some(number) = self.constant_integer(position) {
            return self.access_literal(accessed, axis, number, position.span);
        }
        if let ExpressionKind::Name(name) = &position.kind
            && self.means_nothing(name)
        {
            return self.unbound_index(name, position.span);
        }
        if self.mentions_index_as_number(position) {
            accessed.body = self.access_affine(&accessed.body, &axis, position)?;
            return Some(());
        }
        if self.runs_along(position, &axis) && accessed.running.is_none() {
            accessed.running = Some((axis, position.span));
            return Some(());
        }
        let at = self.lower(position)?;
        if let Some((running, span)) = accessed.running.take() {
            // `Z[arange(S), t]`: NumPy pairs both, so that the rows run with the labels.
            match at.indices.as_slice() {
                [row] if row.extent() == running.extent() => {
                    let rows = HashMap::from([(running, row.clone())]);
                    accessed.body = accessed.body.substitute(&rows);
                }
                _ => return self.not_yet("`arange` beside what are no labels of its rows", span),
            }
        } else if several && at.rank() > 0 {
            // NumPy pairs the positions of several arrays; that is another thing than both in turn.
            return self.not_yet("a subscript with several arrays", position.span);
        }
        self.access_labels(accessed, &axis, &at, position, base)
    }

    fn unbound_index<T>(&mut self, name: &str, span: Span) -> Option<T> {
        if self.failed.contains(name) {
            return None;
        }
        let message = format!("the index `{name}` is bound nowhere");
        self.fail(
            Diagnostic::error("unbound-index", message)
                .label(span, "used here")
                .help(format!(
                    "put it on the left, or sum over it: `sum[{name}](…)`"
                )),
        )
    }

    /// Whether `tree` is `arange(n)` over the whole of `axis`.
    fn runs_along(&mut self, tree: &Expression, axis: &Index) -> bool {
        let ExpressionKind::Call {
            function,
            arguments,
        } = &tree.kind
        else {
            return false;
        };
        let Some((_, "arange" | "range")) = super::libraries::split(&function.text) else {
            return false;
        };
        match arguments.as_slice() {
            [only] if only.keyword.is_none() => {
                self.extent_of(&only.value).as_ref() == Some(axis.extent())
            }
            _ => false,
        }
    }

    fn access_literal(
        &mut self,
        accessed: &mut Accessed,
        axis: Index,
        number: i64,
        span: Span,
    ) -> Option<()> {
        let position = match axis.extent() {
            Dim::Literal(size) => {
                let size = *size as i64;
                if number >= size || number < -size {
                    let message = format!("position {number} is outside an axis of {size}");
                    let last = size - 1;
                    return self.fail(
                        Diagnostic::error("out-of-range", message)
                            .label(span, format!("positions are 0 to {last}")),
                    );
                }
                Expr::integer(if number < 0 { number + size } else { number })
            }
            extent @ (Dim::Symbol(_) | Dim::Computed(_)) if number < 0 => {
                Expr::addition([Expr::extent(extent), Expr::integer(number)])
            }
            Dim::Symbol(_) | Dim::Computed(_) => Expr::integer(number),
        };
        if *axis.extent() == Dim::Literal(1) {
            accessed.body = without_axis(accessed.body.clone(), &axis);
        } else {
            accessed.picked.push((axis, position));
        }
        Some(())
    }

    /// A subscript that is a value: labels, or a position in terms of sizes.
    fn access_labels(
        &mut self,
        accessed: &mut Accessed,
        axis: &Index,
        at: &Value,
        position: &Expression,
        base: &Expression,
    ) -> Option<()> {
        let of_sizes = at.rank() == 0
            && !at
                .body
                .any(&mut |part| matches!(part.node(), Node::Access(..)));
        if of_sizes {
            self.check_position(axis, &at.body, position.span)?;
        } else {
            self.check_labels(axis, at, position, base)?;
        }
        accessed.indices.extend(at.indices.iter().cloned());
        accessed.picked.push((axis.clone(), at.body.clone()));
        Some(())
    }

    /// A position in terms of sizes must lie inside for all of them: `N - 1` on an axis of N.
    fn check_position(&mut self, axis: &Index, at: &Expr, span: Span) -> Option<()> {
        let extent = axis.extent();
        let inside = match at.node() {
            Node::Add(terms) => match terms.as_slice() {
                [size, offset] => {
                    let below = matches!(offset.node(), Node::Number(number) if number.is_negative() && number.as_integer().is_some());
                    below && *size == Expr::extent(extent)
                }
                _ => false,
            },
            Node::Number(number) => number.as_integer().is_some_and(|at| {
                at >= 0 && matches!(extent, Dim::Literal(size) if (at as usize) < *size)
            }),
            _ => false,
        };
        if inside {
            return Some(());
        }
        let message = format!("this position is not known to lie on an axis of {extent}");
        self.fail(
            Diagnostic::error("out-of-range", message)
                .label(span, "used as a position")
                .help("count from the end with a negative number, such as `[-1]`"),
        )
    }

    fn check_labels(
        &mut self,
        axis: &Index,
        at: &Value,
        position: &Expression,
        base: &Expression,
    ) -> Option<()> {
        let extent = axis.extent();
        let accessed = super::suggestion::named(base).unwrap_or_else(|| "a tensor".to_owned());
        let Node::Access(tensor, _) = at.body.node() else {
            return self.not_yet("a computed subscript", position.span);
        };
        let classes = labels(tensor).cloned();
        let name = tensor.name();
        match classes {
            Some(classes) if classes == *extent => Some(()),
            Some(classes) => {
                let message = format!(
                    "`{name}` holds labels below {classes}, but this axis of {accessed} has {extent}"
                );
                self.fail(
                    Diagnostic::error("label-range", message)
                        .label(position.span, "used as a position"),
                )
            }
            None => {
                let message = format!(
                    "`{name}` is used as a position in {accessed}, but it does not hold labels"
                );
                let shape: Vec<String> = tensor.dims().iter().map(Dim::to_string).collect();
                let help = format!("declare `{name}[{}]: labels({extent})`", shape.join(", "));
                self.fail(
                    Diagnostic::error("not-labels", message)
                        .label(position.span, "used as a position")
                        .help(help),
                )
            }
        }
    }

    /// The position of the index that `tree` names.
    pub(super) fn index_among(&self, tree: &Expression) -> Option<usize> {
        match &tree.kind {
            ExpressionKind::Name(name) => self.binder(name),
            _ => None,
        }
    }

    /// `i == 0`, `i == t[s]`, `i == j`: one where it holds, zero elsewhere.
    pub(super) fn lower_index_equality(
        &mut self,
        place: usize,
        other: &Expression,
        span: Span,
    ) -> Option<Value> {
        let stand_in = self.binders[place].stand_in.clone();
        if let Some(second) = self.index_among(other) {
            let extent = |place: usize| self.binders[place].extent.as_ref().map(|(dim, _)| dim);
            if let (Some(left), Some(right)) = (extent(place), extent(second))
                && left != right
            {
                let other = Expr::position(&self.binders[second].stand_in);
                return Some(Value::scalar(Expr::indicator(&stand_in, other)));
            }
            return self.lower_delta_between(place, second, span);
        }
        let value = self.lower_scalar(other, "what an index equals")?;
        let of_sizes = Affine::of(&value).is_some()
            || !value.any(&mut |part| matches!(part.node(), Node::Access(..)));
        if !of_sizes {
            let Some(classes) = labels_of(&value).cloned() else {
                let message = "an index is compared with what holds no labels";
                let report = Diagnostic::error("not-labels", message)
                    .label(other.span, "these are no labels")
                    .help("declare them with `: labels(C)`");
                return self.fail(report);
            };
            self.note_extent(place, &classes, other.span)?;
        }
        Some(Value::scalar(Expr::indicator(&stand_in, value)))
    }

    /// Whether an index occurs in `tree` outside subscripts, as a number.
    fn mentions_index_as_number(&self, tree: &Expression) -> bool {
        match &tree.kind {
            ExpressionKind::Name(name) => self.binder(name).is_some(),
            ExpressionKind::Unary(_, operand) => self.mentions_index_as_number(operand),
            ExpressionKind::Binary(_, left, right) => {
                self.mentions_index_as_number(left) || self.mentions_index_as_number(right)
            }
            _ => false,
        }
    }

    /// `X.shape[1]`.
    fn lower_shape_entry(
        &mut self,
        of: &Expression,
        subscripts: &[Subscript],
        span: Span,
    ) -> Option<Value> {
        let value = self.lower(of)?;
        let [Subscript::At(entry)] = subscripts else {
            return self.not_yet("a part of a shape", span);
        };
        let Some(number) = self.constant_integer(entry) else {
            let message = "an entry of `shape` is named by a number";
            return self.fail(
                Diagnostic::error("no-value", message).label(entry.span, "write a number here"),
            );
        };
        let axis = self.axis(number, value.rank(), entry.span)?;
        Some(Value::scalar(Expr::extent(&value.dims()[axis])))
    }

    /// The axis that `number` names, counted from the end where negative.
    pub(super) fn axis(&mut self, number: i64, rank: usize, span: Span) -> Option<usize> {
        let counted = if number < 0 {
            number + rank as i64
        } else {
            number
        };
        if let Ok(axis) = usize::try_from(counted)
            && axis < rank
        {
            return Some(axis);
        }
        let what = match rank {
            0 => "a scalar has no axes".to_owned(),
            1 => "a vector has only axis 0".to_owned(),
            _ => format!("the axes are 0 to {}", rank - 1),
        };
        let message = format!("there is no axis {number}: {what}");
        self.fail(Diagnostic::error("axis-out-of-range", message).label(span, "named here"))
    }

    /// The extent that a size expression names.
    pub(super) fn extent_of(&mut self, tree: &Expression) -> Option<Dim> {
        if let ExpressionKind::Name(name) = &tree.kind
            && self.local(name).is_none()
            && self.is_size(name)
        {
            return Some(Dim::symbol(name));
        }
        if let Some(Local::Option(option)) = self.local_of(tree) {
            return self.extent_of(&option);
        }
        if let Some(number) = self.constant_integer(tree) {
            if let Ok(size) = usize::try_from(number)
                && size > 0
            {
                return Some(Dim::Literal(size));
            }
            let message = format!("a size is at least 1, not {number}");
            return self
                .fail(Diagnostic::error("bad-size", message).label(tree.span, "used as a size"));
        }
        let value = self.lower_scalar(tree, "a size")?;
        let size = Affine::of(&value).filter(|size| size.terms.is_empty());
        let dim = size.and_then(|size| size.constant.dim());
        match dim.filter(|dim| *dim != Dim::Literal(0)) {
            Some(dim) => Some(dim),
            None => self.not_a_size(tree),
        }
    }

    fn not_a_size<T>(&mut self, tree: &Expression) -> Option<T> {
        let message = "a size is a whole number of at least 1, a symbol, or worked out from these";
        self.fail(Diagnostic::error("bad-size", message).label(tree.span, "used as a size"))
    }

    /// The parameter that `tree` names, if it is one.
    pub(super) fn local_of(&self, tree: &Expression) -> Option<Local> {
        match &tree.kind {
            ExpressionKind::Name(name) => self.local(name).cloned(),
            _ => None,
        }
    }
}

/// Below what the labels are that `value` is an element of; `None` if it holds no labels.
pub(super) fn labels_of(value: &Expr) -> Option<&Dim> {
    let Node::Access(tensor, _) = value.node() else {
        return None;
    };
    labels(tensor)
}

/// Below what the labels are that `tensor` holds.
pub(super) fn labels(tensor: &Tensor) -> Option<&Dim> {
    tensor.facts().iter().find_map(|fact| match fact {
        Fact::Labels(classes) => Some(classes),
        _ => None,
    })
}
