//! The tensor functions that arrange elements anew: other shapes, parts put together, triangles, shifts. All of them
//! are affine positions, or comparisons of positions.

use std::collections::HashMap;

use backprove_syntax::tree::{Expression, ExpressionKind};
use backprove_syntax::{Diagnostic, Span};

use super::definitions::Arrangement;
use super::positions::at_position;
use super::scope::{Elaborator, Local};
use super::value::{Value, nameless};
use crate::affine::Affine;
use crate::expr::Expr;
use crate::index::{Dim, Index};
use crate::shape;
use crate::size::Size;

impl Elaborator<'_> {
    /// An arrangement, its arguments bound in the order of the table.
    pub(super) fn lower_arrangement(
        &mut self,
        arrangement: Arrangement,
        name: &str,
        bound: &[Option<Expression>],
        span: Span,
    ) -> Option<Value> {
        let option = |position: usize| bound.get(position).and_then(Option::as_ref);
        let first = option(0)?;
        match arrangement {
            Arrangement::Stack => {
                let value = self.lower(first)?;
                return self.with_first_axis_at(value, option(1)?);
            }
            Arrangement::Concatenate => return self.lower_concatenate(first, option(1)?, span),
            Arrangement::Range => {
                let index = nameless(&self.extent_of(first)?);
                let body = Expr::position(&index);
                let indices = vec![index];
                return Some(Value { indices, body });
            }
            _ => {}
        }
        let value = self.lower(first)?;
        match arrangement {
            Arrangement::Reshape => self.lower_reshape(&value, option(1)?, span),
            Arrangement::Flatten => self.flattened(&value, span),
            Arrangement::Kronecker => {
                let other = self.lower(option(1)?)?;
                self.lower_kronecker(name, &value, &other, span)
            }
            Arrangement::Lower | Arrangement::Upper => {
                self.one_triangle(arrangement, name, value, option(1)?, span)
            }
            Arrangement::CumulativeSum => self.lower_cumulative_sum(&value, option(1)?, span),
            Arrangement::Repeat | Arrangement::Tile => {
                let count = self.extent_of(option(1)?)?;
                self.lower_repeat(arrangement, value, &count, option(2), span)
            }
            Arrangement::Flip => self.lower_flip(value, option(1)?),
            Arrangement::Roll => self.lower_roll(&value, option(1)?, option(2)?, span),
            Arrangement::Convolve => {
                let kernel = self.lower(option(1)?)?;
                self.lower_convolve(name, &value, &kernel, option(2)?, span)
            }
            Arrangement::Stack | Arrangement::Concatenate | Arrangement::Range => None,
        }
    }

    /// A list as a tensor: its items along a new first axis.
    pub(super) fn lower_list(&mut self, items: &[Expression], span: Span) -> Option<Value> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.lower(item)?);
        }
        let Some(indices) = values.first().map(|value| value.indices.clone()) else {
            let message = "an empty list is no tensor";
            return self.fail(Diagnostic::error("no-value", message).label(span, "written here"));
        };
        let row = nameless(&Dim::Literal(values.len()));
        let mut terms = Vec::with_capacity(values.len());
        for (position, value) in values.iter().enumerate() {
            if value.dims() != values[0].dims() {
                return self.uneven(&values[0], value, items[position].span);
            }
            let at = Expr::indicator(&row, Expr::integer(position as i64));
            terms.push(Expr::product([value.at(&indices), at]));
        }
        Some(Value {
            indices: std::iter::once(row).chain(indices).collect(),
            body: Expr::addition(terms),
        })
    }

    fn uneven<T>(&mut self, first: &Value, other: &Value, span: Span) -> Option<T> {
        let (a, b) = (first.described(), other.described());
        let message = format!("what is put together is {a} first and {b} here");
        self.fail(Diagnostic::error("shape-mismatch", message).label(span, b))
    }

    /// `[body for index in range(bound)]`: the bodies along a new first axis.
    pub(super) fn lower_comprehension(
        &mut self,
        body: &Expression,
        index: &backprove_syntax::tree::Name,
        bound: &Expression,
    ) -> Option<Value> {
        self.check_index_name(index)?;
        let extent = self.extent_of(bound)?;
        self.bind(&index.text, index.span, Some((extent, bound.span)), false);
        if let Some(binder) = self.binders.last_mut() {
            binder.running = true;
        }
        let value = self.lower(body);
        let closed = self.close(1, value.is_none());
        let (value, closed) = (value?, closed?);
        let map: HashMap<Index, Index> = closed.iter().cloned().collect();
        let first = closed.into_iter().map(|(_, index)| index);
        Some(Value {
            body: value.body.substitute(&map),
            indices: first.chain(value.indices).collect(),
        })
    }

    fn with_first_axis_at(&mut self, mut value: Value, axis: &Expression) -> Option<Value> {
        let number = self.whole_option(axis)?;
        let place = self.axis(number, value.rank(), axis.span)?;
        value.indices[..=place].rotate_left(1);
        Some(value)
    }

    fn whole_option(&mut self, tree: &Expression) -> Option<i64> {
        match self.constant_integer(tree) {
            Some(number) => Some(number),
            None => self.fail(
                Diagnostic::error("bad-option", "this is a whole number")
                    .label(tree.span, "given here"),
            ),
        }
    }

    /// Parts one after the other along an axis. Each is zero outside its own place, so their sum is the whole.
    fn lower_concatenate(
        &mut self,
        parts: &Expression,
        axis: &Expression,
        span: Span,
    ) -> Option<Value> {
        let (ExpressionKind::Tuple(items) | ExpressionKind::List(items)) = &parts.kind else {
            let message = "`concatenate` takes a list of tensors";
            let report = Diagnostic::error("bad-option", message).label(parts.span, "given here");
            return self.fail(report);
        };
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.lower(item)?);
        }
        let number = self.whole_option(axis)?;
        let Some(first) = values.first() else {
            let message = "`concatenate` needs at least one tensor";
            return self.fail(Diagnostic::error("no-value", message).label(span, "called here"));
        };
        let place = self.axis(number, first.rank(), axis.span)?;
        let others = |value: &Value| {
            let mut dims = value.dims();
            (dims.len() > place).then(|| dims.remove(place));
            dims
        };
        let mut total = Size::integer(0);
        for (value, item) in values.iter().zip(items) {
            if value.rank() != first.rank() || others(value) != others(first) {
                return self.uneven(&values[0], value, item.span);
            }
            total = total.plus(&Size::of(value.indices[place].extent()));
        }
        let whole = nameless(&total.dim()?);
        let mut indices = values[0].indices.clone();
        let mut offset = Size::integer(0);
        let mut terms = Vec::with_capacity(values.len());
        for value in &values {
            let own = value.indices[place].clone();
            indices[place] = own.clone();
            let position = Affine::index(&whole).minus(&Affine::constant(offset.clone()));
            terms.push(at_position(&value.at(&indices), &own, &position));
            offset = offset.plus(&Size::of(own.extent()));
        }
        indices[place] = whole;
        Some(Value {
            indices,
            body: Expr::addition(terms),
        })
    }

    fn lower_reshape(&mut self, value: &Value, sizes: &Expression, span: Span) -> Option<Value> {
        let sizes = match self.local_of(sizes) {
            Some(Local::Option(option)) => option,
            _ => sizes.clone(),
        };
        let mut dims = Vec::new();
        let mut open = None;
        match &sizes.kind {
            ExpressionKind::Attribute(of, name) if name.text == "shape" => {
                dims = self.lower(of)?.dims();
            }
            kind => {
                let entries = match kind {
                    ExpressionKind::Tuple(entries) | ExpressionKind::List(entries) => {
                        entries.as_slice()
                    }
                    _ => std::slice::from_ref(&sizes),
                };
                for entry in entries {
                    if self.constant_integer(entry) == Some(-1) && open.is_none() {
                        open = Some(dims.len());
                        dims.push(Dim::Literal(1));
                    } else {
                        dims.push(self.extent_of(entry)?);
                    }
                }
            }
        }
        let count = |dims: &[Dim]| {
            let sizes = dims.iter().map(Size::of);
            sizes.fold(Size::integer(1), |count, size| count.times(&size))
        };
        let before = count(&value.dims());
        if let Some(place) = open {
            let rest = before.divided(&count(&dims)).and_then(|size| size.dim());
            let Some(rest) = rest else {
                return self.unequal_count(value, &before, &count(&dims), span);
            };
            dims[place] = rest;
        }
        match value.reshaped(&dims) {
            Some(reshaped) => Some(reshaped),
            None => self.unequal_count(value, &before, &count(&dims), span),
        }
    }

    fn unequal_count<T>(
        &mut self,
        value: &Value,
        before: &Size,
        after: &Size,
        span: Span,
    ) -> Option<T> {
        let shape = value.described();
        let message = format!(
            "this is {shape}, {before} elements, which are not known to be {after} or a multiple of it"
        );
        self.fail(Diagnostic::error("shape-mismatch", message).label(span, "arranged anew here"))
    }

    fn flattened(&mut self, value: &Value, span: Span) -> Option<Value> {
        let sizes = value.dims();
        let sizes = sizes.iter().map(Size::of);
        let count = sizes.fold(Size::integer(1), |count, size| count.times(&size));
        let flat = count.dim().and_then(|count| value.reshaped(&[count]));
        match flat {
            Some(flat) => Some(flat),
            None => self.unequal_count(value, &count, &count, span),
        }
    }

    fn lower_kronecker(
        &mut self,
        name: &str,
        left: &Value,
        right: &Value,
        span: Span,
    ) -> Option<Value> {
        if left.rank() != right.rank() || left.rank() == 0 {
            let (a, b) = (left.described(), right.described());
            let message = format!("`{name}` takes two tensors of the same rank, not {a} and {b}");
            let report = Diagnostic::error("wrong-rank", message);
            return self.fail(report.label(span, "called here"));
        }
        let mut indices = Vec::new();
        let mut dims = Vec::new();
        for (a, b) in left.indices.iter().zip(&right.indices) {
            indices.extend([a.clone(), b.clone()]);
            dims.push(Size::of(a.extent()).times(&Size::of(b.extent())).dim()?);
        }
        let body = Expr::product([left.body.clone(), right.body.clone()]);
        Value { indices, body }.reshaped(&dims)
    }

    fn one_triangle(
        &mut self,
        arrangement: Arrangement,
        name: &str,
        value: Value,
        offset: &Expression,
        span: Span,
    ) -> Option<Value> {
        let offset = self.whole_option(offset)?;
        let [.., row, column] = value.indices.as_slice() else {
            let shape = value.described();
            let message = format!("`{name}` takes a matrix, and this is {shape}");
            return self.fail(Diagnostic::error("wrong-rank", message).label(span, shape));
        };
        let relation = if arrangement == Arrangement::Lower {
            "greater_equal"
        } else {
            "less_equal"
        };
        let diagonal = Expr::addition([Expr::position(row), Expr::integer(offset)]);
        let inside = Expr::apply(relation, vec![diagonal, Expr::position(column)]);
        let body = Expr::product([value.body.clone(), inside]);
        Some(value.with_body(body))
    }

    /// The axis that an option names; for `None` the only axis, or that of the flattened tensor.
    fn one_axis(&mut self, value: &Value, axis: &Expression, span: Span) -> Option<(Value, usize)> {
        let is_none = axis.kind == ExpressionKind::None;
        if is_none && value.rank() != 1 {
            return Some((self.flattened(value, span)?, 0));
        }
        if is_none {
            return Some((value.clone(), 0));
        }
        let number = self.whole_option(axis)?;
        let place = self.axis(number, value.rank(), axis.span)?;
        Some((value.clone(), place))
    }

    fn lower_cumulative_sum(
        &mut self,
        value: &Value,
        axis: &Expression,
        span: Span,
    ) -> Option<Value> {
        let (mut value, place) = self.one_axis(value, axis, span)?;
        let summed = value.indices[place].clone();
        let index = nameless(summed.extent());
        let order = [Expr::position(&summed), Expr::position(&index)];
        let before = Expr::apply("less_equal", order.to_vec());
        let body = Expr::product([value.body.clone(), before]);
        value.indices[place] = index;
        Some(value.with_body(Expr::sum(&[summed], body)))
    }

    fn lower_repeat(
        &mut self,
        arrangement: Arrangement,
        value: Value,
        count: &Dim,
        axis: Option<&Expression>,
        span: Span,
    ) -> Option<Value> {
        let (mut value, place) = match axis {
            Some(axis) => self.one_axis(&value, axis, span)?,
            None if value.rank() > 0 => {
                let last = value.rank() - 1;
                (value, last)
            }
            None => return self.wrong_shape("a scalar cannot be repeated", span),
        };
        let mut dims = value.dims();
        dims[place] = Size::of(&dims[place]).times(&Size::of(count)).dim()?;
        let copies = nameless(count);
        let after = usize::from(arrangement == Arrangement::Repeat);
        value.indices.insert(place + after, copies);
        value.reshaped(&dims)
    }

    fn wrong_shape<T>(&mut self, message: &str, span: Span) -> Option<T> {
        self.fail(Diagnostic::error("wrong-rank", message).label(span, "called here"))
    }

    fn lower_flip(&mut self, mut value: Value, axis: &Expression) -> Option<Value> {
        let axes = self.axes(&value, Some(axis))?;
        for place in axes {
            let old = value.indices[place].clone();
            let new = old.fresh();
            let last = Size::of(old.extent()).minus(&Size::integer(1));
            let position = Affine::constant(last).minus(&Affine::index(&new));
            value.body = at_position(&value.body, &old, &position);
            value.indices[place] = new;
        }
        Some(value)
    }

    fn lower_roll(
        &mut self,
        value: &Value,
        shift: &Expression,
        axis: &Expression,
        span: Span,
    ) -> Option<Value> {
        let shift = self.whole_option(shift)?;
        let (mut value, place) = self.one_axis(value, axis, span)?;
        let old = value.indices[place].clone();
        let extent = Size::of(old.extent());
        let shift = extent
            .as_integer()
            .map_or(shift, |extent| shift.rem_euclid(extent.max(1)));
        if !extent.is_at_least(shift.abs()) {
            let message =
                format!("a shift by {shift} may go round an axis of {extent} more than once");
            return self.wrong_shape(&message, span);
        }
        let new = old.fresh();
        let moved = Affine::index(&new).minus(&Affine::constant(Size::integer(shift)));
        let round = Affine::constant(extent.times(&Size::integer(shift.signum())));
        let mut terms = vec![at_position(&value.body, &old, &moved)];
        if shift != 0 {
            terms.push(at_position(
                &value.body.freshen(),
                &old,
                &moved.plus(&round),
            ));
        }
        value.indices[place] = new;
        Some(value.with_body(Expr::addition(terms)))
    }

    /// NumPy's `convolve`: the sum of `a[i - u] * v[u]`, of which `mode` says where `i` begins and ends.
    fn lower_convolve(
        &mut self,
        name: &str,
        value: &Value,
        kernel: &Value,
        mode: &Expression,
        span: Span,
    ) -> Option<Value> {
        let ([a], [v]) = (value.indices.as_slice(), kernel.indices.as_slice()) else {
            let shapes = [
                shape::described(&value.dims()),
                shape::described(&kernel.dims()),
            ];
            let message = format!("`{name}` takes two vectors, not {}", shapes.join(" and "));
            return self.wrong_shape(&message, span);
        };
        let (long, short) = (Size::of(a.extent()), Size::of(v.extent()));
        let one = Size::integer(1);
        let (first, length) = match &mode.kind {
            ExpressionKind::String(mode) if mode == "full" => {
                (Size::integer(0), long.plus(&short).minus(&one))
            }
            ExpressionKind::String(mode) if mode == "valid" => {
                (short.minus(&one), long.minus(&short).plus(&one))
            }
            ExpressionKind::String(mode) if mode == "same" && long.minus(&short).is_at_least(0) => {
                (short.minus(&one).floor_quotient(&Size::integer(2))?, long)
            }
            _ => {
                let message = "`mode` is \"full\", \"valid\", or \"same\" where the first is known to be the longer";
                let report = Diagnostic::error("bad-option", message);
                return self.fail(report.label(mode.span, "given here"));
            }
        };
        let Some(length) = length.dim() else {
            return self.wrong_shape("the second vector is longer than the first", span);
        };
        let index = nameless(&length);
        let position = Affine::index(&index)
            .plus(&Affine::constant(first))
            .minus(&Affine::index(v));
        let element = at_position(&value.body, a, &position);
        let body = Expr::sum(
            std::slice::from_ref(v),
            Expr::product([element, kernel.body.clone()]),
        );
        Some(Value {
            indices: vec![index],
            body,
        })
    }
}
