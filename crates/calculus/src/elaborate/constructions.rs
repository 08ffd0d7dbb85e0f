//! The tensor functions that are constructions of index notation: deltas, diagonals, other orders of axes, Einstein sums.

use std::collections::HashMap;

use backprove_syntax::tree::{Argument, Expression, ExpressionKind};
use backprove_syntax::{Diagnostic, Span};

use super::definitions::{Arrangement, Built};
use super::scope::{Elaborator, Local};
use super::subscript::labels;
use super::value::{Value, matrix_product, nameless, without_axis};
use crate::expr::{Expr, Node};
use crate::index::{Dim, Index};
use crate::shape;

impl Elaborator<'_> {
    /// The constructions that take any number of arguments; `None` if `built` is not one of them.
    #[allow(clippy::option_option)]
    pub(super) fn lower_variadic(
        &mut self,
        built: Built,
        arguments: &[Argument],
        span: Span,
    ) -> Option<Option<Value>> {
        match built {
            Built::EinsteinSum => Some(self.lower_einstein_sum(arguments, span)),
            Built::Arrange(Arrangement::Reshape) if arguments.len() > 2 => {
                let sizes = arguments[1..].iter().map(|argument| argument.value.clone());
                let shape = Expression {
                    kind: ExpressionKind::Tuple(sizes.collect()),
                    span,
                };
                let bound = [Some(arguments[0].value.clone()), Some(shape)];
                let arrangement = Arrangement::Reshape;
                Some(self.lower_arrangement(arrangement, "reshape", &bound, span))
            }
            Built::Transpose if arguments.len() > 2 => {
                let axes = arguments[1..].iter().map(|argument| argument.value.clone());
                let order = Expression {
                    kind: ExpressionKind::Tuple(axes.collect()),
                    span,
                };
                Some(self.lower_transpose_by(&arguments[0].value, &order))
            }
            _ => None,
        }
    }

    /// The constructions with named parameters, bound in the order of the table.
    pub(super) fn lower_built(
        &mut self,
        built: Built,
        name: &str,
        bound: &[Option<Expression>],
        span: Span,
    ) -> Option<Value> {
        let option = |position: usize| bound.get(position).and_then(Option::as_ref);
        match built {
            Built::Arrange(arrangement) => {
                return self.lower_arrangement(arrangement, name, bound, span);
            }
            Built::Eye => return self.lower_eye(option(0)?, option(1)),
            Built::Full => return self.lower_full(option(0)?, option(1)?),
            Built::Delta => return self.lower_delta(option(0)?, option(1)?, span),
            Built::EinsteinSum => return None,
            _ => {}
        }
        let value = self.lower(option(0)?)?;
        match built {
            Built::Sum => self.reduce_axes(None, value, option(1), option(2)),
            Built::Reduce(reduction) => {
                self.reduce_axes(Some(reduction), value, option(1), option(2))
            }
            Built::Count => {
                let axes = self.axes(&value, option(1))?;
                let dims = value.dims();
                let count = Expr::product(axes.iter().map(|axis| Expr::extent(&dims[*axis])));
                Some(Value::scalar(count))
            }
            Built::Length => match value.dims().first() {
                Some(dim) => Some(Value::scalar(Expr::extent(dim))),
                None => self.wrong_rank(name, &value, "a tensor with an axis", span),
            },
            Built::Dot | Built::DotOfAll | Built::Inner | Built::Outer => {
                let other = self.lower(option(1)?)?;
                self.lower_product_of_two(built, name, &value, &other, span)
            }
            Built::Transpose => self.reordered(&value, option(1)),
            Built::SwapAxes => self.lower_swap_axes(&value, option(1)?, option(2)?),
            Built::Diagonal => self.lower_diagonal(name, value, option(1)?, span),
            Built::Trace => self.lower_trace(name, &value, span),
            Built::Matrix(function) => self.lower_matrix_function(function, value, span),
            Built::Triangle(mask, upper) => self.lower_triangle(mask, upper, value, span),
            Built::MatrixPower => self.lower_matrix_power(value, option(1)?, span),
            Built::FullLike => {
                let fill = self.lower_scalar(option(1)?, "the filling value")?;
                let indices = value.dims().iter().map(nameless).collect();
                Some(Value {
                    indices,
                    body: fill,
                })
            }
            Built::OneHot => self.lower_one_hot(&value, option(0)?, option(1)?),
            Built::ExpandAxis => self.lower_expand_axis(value, option(1)?),
            Built::SqueezeAxis => self.lower_squeeze_axis(value, option(1)?),
            Built::Eye | Built::Full | Built::Delta | Built::EinsteinSum | Built::Arrange(_) => {
                None
            }
        }
    }

    /// `X.transpose(1, 0)`. To PyTorch `transpose(0, 1)` exchanges axes that NumPy leaves in place.
    fn lower_transpose_by(&mut self, tree: &Expression, order: &Expression) -> Option<Value> {
        let value = self.lower(tree)?;
        let reordered = self.reordered(&value, Some(order))?;
        if reordered.indices != value.indices {
            return Some(reordered);
        }
        let message = "this order leaves every axis in its place";
        self.fail(
            Diagnostic::error("ambiguous", message)
                .label(order.span, "given here")
                .help("exchange two axes with `swapaxes(X, 0, 1)` or `X.T`"),
        )
    }

    pub(super) fn wrong_rank<T>(
        &mut self,
        name: &str,
        value: &Value,
        wanted: &str,
        span: Span,
    ) -> Option<T> {
        let shape = value.described();
        let message = format!("`{name}` takes {wanted}, and this is {shape}");
        self.fail(Diagnostic::error("wrong-rank", message).label(span, shape))
    }

    fn misfit<T>(&mut self, name: &str, left: &Value, right: &Value, span: Span) -> Option<T> {
        let (a, b) = (left.described(), right.described());
        let message = format!("the arguments of `{name}` are {a} and {b}, which do not fit");
        self.fail(Diagnostic::error("shape-mismatch", message).label(span, format!("{a} and {b}")))
    }

    fn lower_product_of_two(
        &mut self,
        built: Built,
        name: &str,
        left: &Value,
        right: &Value,
        span: Span,
    ) -> Option<Value> {
        match (built, left.rank(), right.rank()) {
            (Built::Outer, 1, 1) => Some(Value {
                indices: vec![left.indices[0].clone(), right.indices[0].clone()],
                body: Expr::product([left.body.clone(), right.body.clone()]),
            }),
            (Built::Outer, ..) => {
                let wrong = if left.rank() == 1 { right } else { left };
                self.wrong_rank(name, wrong, "vectors", span)
            }
            (Built::DotOfAll, ..) => {
                if left.dims() != right.dims() {
                    return self.misfit(name, left, right, span);
                }
                let other = right.at(&left.indices);
                let body = Expr::sum(&left.indices, Expr::product([left.body.clone(), other]));
                Some(Value::scalar(body))
            }
            (_, 0, _) | (_, _, 0) => {
                let wide = if left.rank() == 0 { right } else { left };
                Some(Value {
                    indices: wide.indices.clone(),
                    body: Expr::product([left.body.clone(), right.body.clone()]),
                })
            }
            (Built::Dot, 1 | 2, 1 | 2) => match matrix_product(left, right) {
                Some(value) => Some(value),
                None => self.misfit(name, left, right, span),
            },
            (Built::Inner, 1 | 2, 1 | 2) => match matrix_product(left, &right.clone().transposed())
            {
                Some(value) => Some(value),
                None => self.misfit(name, left, right, span),
            },
            _ => self.not_yet(&format!("`{name}` of more than two axes"), span),
        }
    }

    fn reordered(&mut self, value: &Value, axes: Option<&Expression>) -> Option<Value> {
        let Some(tree) = axes.filter(|tree| tree.kind != ExpressionKind::None) else {
            return Some(value.clone().transposed());
        };
        let (ExpressionKind::Tuple(entries) | ExpressionKind::List(entries)) = &tree.kind else {
            let report = Diagnostic::error("bad-option", "the order of axes is a tuple")
                .label(tree.span, "given here");
            return self.fail(report);
        };
        let mut order = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some(number) = self.constant_integer(entry) else {
                let report = Diagnostic::error("bad-option", "an axis is a whole number")
                    .label(entry.span, "given here");
                return self.fail(report);
            };
            order.push(self.axis(number, value.rank(), entry.span)?);
        }
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if sorted != (0..value.rank()).collect::<Vec<_>>() {
            let message = format!("the order must name each of the {} axes once", value.rank());
            return self
                .fail(Diagnostic::error("bad-option", message).label(tree.span, "given here"));
        }
        Some(value.permuted(&order))
    }

    fn lower_swap_axes(
        &mut self,
        value: &Value,
        first: &Expression,
        second: &Expression,
    ) -> Option<Value> {
        let mut places = Vec::new();
        for tree in [first, second] {
            let Some(number) = self.constant_integer(tree) else {
                let report = Diagnostic::error("bad-option", "an axis is a whole number")
                    .label(tree.span, "given here");
                return self.fail(report);
            };
            places.push(self.axis(number, value.rank(), tree.span)?);
        }
        let mut swapped = value.clone();
        swapped.indices.swap(places[0], places[1]);
        Some(swapped)
    }

    /// The diagonal of a matrix, or the matrix with a vector on its diagonal, `offset` places above the main one.
    fn lower_diagonal(
        &mut self,
        name: &str,
        value: Value,
        offset: &Expression,
        span: Span,
    ) -> Option<Value> {
        let Some(offset) = self.constant_integer(offset) else {
            let report = Diagnostic::error("bad-option", "a diagonal is named by a whole number")
                .label(offset.span, "given here");
            return self.fail(report);
        };
        if offset != 0 && matches!(value.rank(), 1 | 2) {
            return match value.beside_diagonal(offset) {
                Some(value) => Some(value),
                None => self.wrong_rank(name, &value, "a vector or a square matrix", span),
            };
        }
        match value.indices.as_slice() {
            [only] => {
                let column = only.fresh();
                Some(Value {
                    indices: vec![only.clone(), column.clone()],
                    body: Expr::product([value.body, Expr::delta(only, &column)]),
                })
            }
            [row, column] if row.extent() == column.extent() => Some(Value {
                indices: vec![row.clone()],
                body: value.at(&[row.clone(), row.clone()]),
            }),
            _ => self.wrong_rank(name, &value, "a vector or a square matrix", span),
        }
    }

    fn lower_trace(&mut self, name: &str, value: &Value, span: Span) -> Option<Value> {
        match value.indices.as_slice() {
            [row, column] if row.extent() == column.extent() => {
                let body = value.at(&[row.clone(), row.clone()]);
                Some(Value::scalar(Expr::sum(std::slice::from_ref(row), body)))
            }
            _ => self.wrong_rank(name, value, "a square matrix", span),
        }
    }

    fn lower_eye(&mut self, size: &Expression, columns: Option<&Expression>) -> Option<Value> {
        let rows = self.extent_of(size)?;
        if let Some(columns) = columns.filter(|tree| tree.kind != ExpressionKind::None) {
            let columns = self.extent_of(columns)?;
            let (row, column) = (nameless(&rows), nameless(&columns));
            return Some(Value {
                body: Expr::indicator(&row, Expr::position(&column)),
                indices: vec![row, column],
            });
        }
        let (row, column) = (nameless(&rows), nameless(&rows));
        Some(Value {
            body: Expr::delta(&row, &column),
            indices: vec![row, column],
        })
    }

    fn lower_full(&mut self, shape: &Expression, fill: &Expression) -> Option<Value> {
        let body = self.lower_scalar(fill, "the filling value")?;
        let shape = match self.local_of(shape) {
            Some(Local::Option(option)) => option,
            _ => shape.clone(),
        };
        let entries = match &shape.kind {
            ExpressionKind::Tuple(entries) | ExpressionKind::List(entries) => entries.clone(),
            ExpressionKind::Attribute(of, name) if name.text == "shape" => {
                let indices = self.lower(of)?.dims().iter().map(nameless).collect();
                return Some(Value { indices, body });
            }
            _ => vec![shape],
        };
        let mut indices = Vec::with_capacity(entries.len());
        for entry in &entries {
            indices.push(nameless(&self.extent_of(entry)?));
        }
        Some(Value { indices, body })
    }

    /// `delta(i, j)` between two indices in scope.
    fn lower_delta(
        &mut self,
        first: &Expression,
        second: &Expression,
        span: Span,
    ) -> Option<Value> {
        let mut places = Vec::new();
        for tree in [first, second] {
            let place = match &tree.kind {
                ExpressionKind::Name(name) => self.binder(name),
                _ => None,
            };
            let Some(place) = place else {
                let report =
                    Diagnostic::error("delta-of-indices", "`delta` takes two indices in scope")
                        .label(tree.span, "this is no index here");
                return self.fail(report);
            };
            places.push(place);
        }
        self.lower_delta_between(places[0], places[1], span)
    }

    pub(super) fn lower_delta_between(
        &mut self,
        left: usize,
        right: usize,
        span: Span,
    ) -> Option<Value> {
        let pair = (
            self.binders[left].stand_in.clone(),
            self.binders[right].stand_in.clone(),
        );
        if let Some((extent, _)) = self.binders[left].extent.clone() {
            self.note_extent(right, &extent, span)?;
        } else if let Some((extent, _)) = self.binders[right].extent.clone() {
            self.note_extent(left, &extent, span)?;
        }
        self.paired.push(pair.clone());
        Some(Value::scalar(Expr::delta(&pair.0, &pair.1)))
    }

    fn lower_one_hot(
        &mut self,
        values: &Value,
        tree: &Expression,
        size: &Expression,
    ) -> Option<Value> {
        let extent = self.extent_of(size)?;
        if let Node::Access(tensor, _) = values.body.node() {
            if let Some(classes) = labels(tensor).filter(|classes| **classes != extent) {
                let message = format!(
                    "`{}` holds labels below {classes}, not below {extent}",
                    tensor.name()
                );
                return self.fail(
                    Diagnostic::error("label-range", message).label(size.span, "given here"),
                );
            }
        } else {
            return self.not_yet("`one_hot` of a computed value", tree.span);
        }
        let position = nameless(&extent);
        let body = Expr::indicator(&position, values.body.clone());
        let mut indices = values.indices.clone();
        indices.push(position);
        Some(Value { indices, body })
    }

    fn lower_expand_axis(&mut self, mut value: Value, axis: &Expression) -> Option<Value> {
        let Some(number) = self.constant_integer(axis) else {
            let report = Diagnostic::error("bad-option", "an axis is a whole number")
                .label(axis.span, "given here");
            return self.fail(report);
        };
        let place = self.axis(number, value.rank() + 1, axis.span)?;
        value.indices.insert(place, nameless(&Dim::Literal(1)));
        Some(value)
    }

    fn lower_squeeze_axis(&mut self, value: Value, axis: &Expression) -> Option<Value> {
        let one = |index: &Index| *index.extent() == Dim::Literal(1);
        let axes = if axis.kind == ExpressionKind::None {
            (0..value.rank())
                .filter(|axis| one(&value.indices[*axis]))
                .collect()
        } else {
            self.axes(&value, Some(axis))?
        };
        let mut indices = Vec::new();
        let mut body = value.body;
        for (place, index) in value.indices.iter().enumerate() {
            if !axes.contains(&place) {
                indices.push(index.clone());
            } else if one(index) {
                body = without_axis(body, index);
            } else {
                let message = format!("axis {place} has extent {}, not 1", index.extent());
                return self.fail(
                    Diagnostic::error("axis-extent", message).label(axis.span, "named here"),
                );
            }
        }
        Some(Value { indices, body })
    }

    /// `einsum("ij,jk->ik", A, B)`.
    fn lower_einstein_sum(&mut self, arguments: &[Argument], span: Span) -> Option<Value> {
        let Some((
            Expression {
                kind: ExpressionKind::String(text),
                span: place,
            },
            operands,
        )) = arguments
            .split_first()
            .map(|(first, rest)| (&first.value, rest))
        else {
            let message = "`einsum` begins with its subscripts, such as \"sm,nm->sn\"";
            return self.fail(Diagnostic::error("einsum", message).label(span, "here"));
        };
        let place = *place;
        let wrong = |message: String| {
            Diagnostic::error("einsum", message).label(place, "in these subscripts")
        };
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let mut values = Vec::with_capacity(operands.len());
        for operand in operands {
            values.push(self.lower(&operand.value)?);
        }
        let (text, batch) = with_letters_for_dots(&text, &values);
        let (inputs, output) = match text.split_once("->") {
            Some((inputs, output)) => (inputs, Some(output)),
            None => (text.as_str(), None),
        };
        if let Some(bad) = text
            .replace("->", "")
            .chars()
            .find(|c| !c.is_ascii_alphabetic() && *c != ',')
        {
            return self.fail(wrong(format!("`{bad}` is no letter")));
        }
        let inputs: Vec<&str> = inputs.split(',').collect();
        if inputs.len() != operands.len() {
            let message = format!(
                "{} operands are named and {} given",
                inputs.len(),
                operands.len()
            );
            return self.fail(wrong(message));
        }
        let mut known: Vec<(char, Index)> = Vec::new();
        let mut factors = Vec::new();
        for (letters, (operand, value)) in inputs.iter().zip(operands.iter().zip(values)) {
            if letters.len() != value.rank() {
                let shape = shape::described(&value.dims());
                let message = format!(
                    "`{letters}` names {} axes, and the operand is {shape}",
                    letters.len()
                );
                return self.fail(wrong(message).label(operand.value.span, shape));
            }
            let mut map = HashMap::new();
            for (letter, index) in letters.chars().zip(&value.indices) {
                match known.iter().find(|(other, _)| *other == letter) {
                    Some((_, common)) if common.extent() == index.extent() => {
                        map.insert(index.clone(), common.clone());
                    }
                    Some((_, common)) => {
                        let message = format!(
                            "`{letter}` runs over {} and over {}",
                            common.extent(),
                            index.extent()
                        );
                        let report = wrong(message)
                            .label(operand.value.span, format!("here over {}", index.extent()));
                        return self.fail(report);
                    }
                    None => known.push((letter, index.clone())),
                }
            }
            factors.push(value.body.substitute(&map));
        }
        let implicit = || {
            let mut once: Vec<char> = known
                .iter()
                .map(|(letter, _)| *letter)
                .filter(|letter| !batch.contains(*letter))
                .filter(|letter| inputs.concat().matches(*letter).count() == 1)
                .collect();
            once.sort_unstable();
            batch.chars().chain(once).collect::<String>()
        };
        let output = output.map_or_else(implicit, str::to_owned);
        let mut indices = Vec::new();
        for letter in output.chars() {
            let Some((_, index)) = known.iter().find(|(other, _)| *other == letter) else {
                return self.fail(wrong(format!("`{letter}` of the result is on no operand")));
            };
            if indices.contains(index) {
                return self.fail(wrong(format!("`{letter}` occurs twice in the result")));
            }
            indices.push(index.clone());
        }
        let bound: Vec<Index> = known
            .iter()
            .map(|(_, index)| index.clone())
            .filter(|index| !indices.contains(index))
            .collect();
        let body = Expr::sum(&bound, Expr::product(factors));
        Some(Value { indices, body })
    }
}

/// The subscripts of an `einsum` with letters in the place of `...`, and these letters. The last of the axes that the dots
/// stand for are the same for all operands.
fn with_letters_for_dots(text: &str, values: &[Value]) -> (String, String) {
    const DOTS: &str = "...";
    let inputs = text.split("->").next().unwrap_or(text);
    let free: Vec<char> = ('A'..='Z')
        .filter(|letter| !text.contains(*letter))
        .collect();
    let hidden = |letters: &str, value: &Value| {
        let named = letters.replace(DOTS, "").len();
        let count = value.rank().saturating_sub(named).min(free.len());
        if letters.contains(DOTS) { count } else { 0 }
    };
    let parts = inputs.split(',').zip(values);
    let most = parts
        .clone()
        .map(|(letters, value)| hidden(letters, value))
        .max();
    let batch: String = free.iter().take(most.unwrap_or(0)).collect();
    let mut written: Vec<String> = Vec::new();
    for (position, letters) in inputs.split(',').enumerate() {
        let count = values
            .get(position)
            .map_or(0, |value| hidden(letters, value));
        let own = &batch[batch.len().saturating_sub(count)..];
        written.push(letters.replace(DOTS, own));
    }
    let mut expanded = written.join(",");
    if let Some((_, output)) = text.split_once("->") {
        expanded.push_str("->");
        expanded.push_str(&output.replace(DOTS, &batch));
    }
    (expanded, batch)
}
