//! Expressions to values: which part of the elaborator answers for which kind of tree. Reports only what
//! belongs to no part in particular.

use backprove_syntax::tree::{Argument, Expression, ExpressionKind, Name, UnaryOperator};
use backprove_syntax::{Diagnostic, Span};

use super::scope::{Elaborator, Local};
use super::value::Value;
use crate::expr::Expr;
use crate::index::Dim;
use crate::number::Number;

/// The constants of the language.
pub(super) fn constant(name: &str) -> Option<f64> {
    Some(match name {
        "pi" => std::f64::consts::PI,
        "e" => std::f64::consts::E,
        "inf" => f64::INFINITY,
        _ => return None,
    })
}

impl Elaborator<'_> {
    /// The value of an expression; `None` after a report.
    pub(super) fn lower(&mut self, tree: &Expression) -> Option<Value> {
        if let Some(part) = super::linalg::part_of_pair(tree) {
            return self.lower(&part);
        }
        match &tree.kind {
            ExpressionKind::Number(text) => self.lower_number(text, tree.span),
            ExpressionKind::Name(name) => self.lower_name(name, tree.span),
            ExpressionKind::Differential { of, by } => self.lower_differential(of, by, tree.span),
            ExpressionKind::Unary(operator, operand) => {
                let value = self.lower(operand)?;
                Some(match operator {
                    UnaryOperator::Plus => value,
                    UnaryOperator::Negate => {
                        let body = value.body.negate();
                        value.with_body(body)
                    }
                })
            }
            ExpressionKind::Binary(operator, left, right) => {
                self.lower_binary(tree, *operator, left, right)
            }
            ExpressionKind::Transpose(operand) => Some(self.lower(operand)?.transposed()),
            ExpressionKind::Prime(operand) => self.lower_prime(operand, tree.span),
            ExpressionKind::Subscript(base, subscripts) => {
                self.lower_subscript(tree, base, subscripts)
            }
            ExpressionKind::Call {
                function,
                arguments,
            } => self.lower_call(function, arguments, tree.span),
            ExpressionKind::Method {
                receiver,
                method,
                arguments,
            } => self.lower_method(receiver, method, arguments, tree.span),
            ExpressionKind::Attribute(base, name) => self.lower_attribute(base, name, tree.span),
            ExpressionKind::Reduction {
                function,
                indices,
                body,
            } => self.lower_index_reduction(function, indices, body, tree.span),
            ExpressionKind::Comprehension { body, index, bound } => {
                self.lower_comprehension(body, index, bound)
            }
            ExpressionKind::List(items) => self.lower_list(items, tree.span),
            ExpressionKind::String(_) | ExpressionKind::None | ExpressionKind::Tuple(_) => {
                self.no_value(tree)
            }
        }
    }

    /// The value of an expression that must have no axes.
    pub(super) fn lower_scalar(&mut self, tree: &Expression, what: &str) -> Option<Expr> {
        let value = self.lower(tree)?;
        if value.rank() == 0 {
            return Some(value.body);
        }
        let shape = value.described();
        let message = format!("{what} must be a scalar, and this is {shape}");
        self.fail(Diagnostic::error("not-a-scalar", message).label(tree.span, shape))
    }

    fn lower_number(&mut self, text: &str, span: Span) -> Option<Value> {
        let Some(number) = Number::parse(text) else {
            let message = format!("`{text}` is not a number");
            return self.fail(Diagnostic::error("number", message).label(span, "written here"));
        };
        // The nearest double would silently be another number.
        let value = number.to_f64();
        let instead = if value.is_infinite() {
            Some(("more", "the largest is about 1.8e308", "inf", "infinity"))
        } else if value == 0.0 && !number.is_exact() && !is_written_zero(text) {
            Some(("less", "the smallest is about 4.9e-324", "0", "zero"))
        } else {
            None
        };
        let Some((amount, bound, word, name)) = instead else {
            return Some(Value::scalar(Expr::number(number)));
        };
        let message = format!("`{text}` is {amount} than double precision holds");
        self.fail(
            Diagnostic::error("number-out-of-range", message)
                .label(span, bound)
                .help_edit(format!("write `{word}` where {name} is meant"), span, word),
        )
    }

    fn no_value<T>(&mut self, tree: &Expression) -> Option<T> {
        let what = match &tree.kind {
            ExpressionKind::String(_) => "a string",
            ExpressionKind::None => "`None`",
            _ => "a tuple",
        };
        let message = format!("{what} has no value here");
        self.fail(
            Diagnostic::error("no-value", message)
                .label(tree.span, "a number or a tensor is expected"),
        )
    }

    fn lower_name(&mut self, name: &str, span: Span) -> Option<Value> {
        match self.local(name).cloned() {
            Some(Local::Value(value)) => return Some(value.fresh()),
            Some(Local::Option(option)) => return self.lower(&option),
            None => {}
        }
        if let Some(place) = self.binder(name) {
            let stand_in = &self.binders[place].stand_in;
            return Some(Value::scalar(Expr::position(stand_in)));
        }
        if let Some(tensor) = self.tensor(name) {
            return Some(Value::of(&tensor));
        }
        if self.is_size(name) {
            return Some(Value::scalar(Expr::extent(&Dim::symbol(name))));
        }
        if let Some(value) = constant(name) {
            return Some(Value::scalar(Expr::number(Number::Real(value))));
        }
        if self.is_callable(name) && !self.failed.contains(name) {
            return self.function_without_arguments(name, span);
        }
        self.unknown_name(name, span)
    }

    fn function_without_arguments<T>(&mut self, name: &str, span: Span) -> Option<T> {
        let message = format!("`{name}` is a function; it needs an argument");
        self.fail(
            Diagnostic::error("function-as-value", message)
                .label(span, "used as a value")
                .help(format!("apply it: `{name}(X)`")),
        )
    }

    fn lower_differential(&mut self, of: &str, by: &str, span: Span) -> Option<Value> {
        if let Some(tensor) = (self.differentials)(of, by) {
            return Some(Value::of(&tensor));
        }
        let message = format!("`d{of}/d{by}` is not known here");
        self.fail(Diagnostic::error("unknown-derivative", message).label(span, "used here"))
    }

    fn lower_prime(&mut self, operand: &Expression, span: Span) -> Option<Value> {
        if let ExpressionKind::Name(name) = &operand.kind
            && self.local(name).is_none()
            && self.tensor(name).is_none()
            && self.is_callable(name)
        {
            return self.function_without_arguments(&format!("{name}'"), span);
        }
        Some(self.lower(operand)?.transposed())
    }

    fn lower_attribute(&mut self, base: &Expression, name: &Name, span: Span) -> Option<Value> {
        if let ExpressionKind::Name(library) = &base.kind
            && self.tensor(library).is_none()
            && let Some(value) = constant(&name.text)
            && super::libraries::is_library(library)
        {
            return Some(Value::scalar(Expr::number(Number::Real(value))));
        }
        match name.text.as_str() {
            "T" | "mT" => Some(self.lower(base)?.transposed()),
            "size" => {
                let dims = self.lower(base)?.dims();
                Some(Value::scalar(Expr::product(dims.iter().map(Expr::extent))))
            }
            "ndim" => {
                let rank = self.lower(base)?.rank();
                Some(Value::scalar(Expr::integer(rank as i64)))
            }
            "shape" => {
                let message = "`shape` is several sizes; name one of them";
                self.fail(
                    Diagnostic::error("no-value", message)
                        .label(span, "used as a value")
                        .help("write `.shape[0]`"),
                )
            }
            other => {
                let message = format!("tensors have no attribute `{other}`");
                let mut report =
                    Diagnostic::error("unknown-attribute", message).label(name.span, "used here");
                let known = ["T", "shape", "size", "ndim"];
                if let Some(near) = super::suggestion::nearest(other, known.into_iter()) {
                    report = report.help_edit(format!("did you mean `{near}`?"), name.span, near);
                }
                self.fail(report)
            }
        }
    }

    /// Whether `name` is neither a value nor a function.
    pub(super) fn means_nothing(&self, name: &str) -> bool {
        !self.has_value(name) && self.binder(name).is_none() && !self.is_callable(name)
    }

    fn unknown_method(&mut self, method: &Name) -> Option<Value> {
        let name = &method.text;
        let message = format!("tensors have no method `{name}`");
        let mut report =
            Diagnostic::error("unknown-method", message).label(method.span, "called here");
        let candidates = self.callable_names(super::libraries::Library::Torch);
        if let Some(near) = super::suggestion::nearest(name, candidates.iter().map(String::as_str))
        {
            report = report.help_edit(format!("did you mean `{near}`?"), method.span, near);
        }
        self.fail(report)
    }

    /// Whether `name` stands for a number or a tensor.
    pub(super) fn has_value(&self, name: &str) -> bool {
        self.local(name).is_some()
            || self.tensor(name).is_some()
            || self.is_size(name)
            || constant(name).is_some()
    }

    fn lower_method(
        &mut self,
        receiver: &Expression,
        method: &Name,
        arguments: &[Argument],
        span: Span,
    ) -> Option<Value> {
        if let ExpressionKind::Name(word) = &receiver.kind
            && self.tensor(word).is_none()
            && self.local(word).is_none()
            && super::libraries::is_library(word)
        {
            let function = Name {
                text: format!("{word}.{}", method.text),
                span: receiver.span.to(method.span),
            };
            return self.lower_call(&function, arguments, span);
        }
        if let ExpressionKind::Name(name) = &receiver.kind
            && !self.has_value(name)
        {
            // What the method is called on comes first.
            return self.lower_name(name, receiver.span);
        }
        let (function, all) = super::calls::method_as_call(receiver, method, arguments);
        if self.called_path_is_unknown(&function.text) {
            return self.unknown_method(method);
        }
        self.lower_call(&function, &all, span)
    }
}

/// Whether all digits of a decimal literal are zero.
fn is_written_zero(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    !mantissa.contains(|digit: char| digit.is_ascii_digit() && digit != '0')
}
