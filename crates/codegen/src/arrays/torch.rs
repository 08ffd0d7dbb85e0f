//! PyTorch's words for array operations. New tensors get the type and the device of an argument, so that the code runs
//! in any precision and anywhere; all operations can be differentiated again.

use backprove_calculus::Function;
use backprove_syntax::Diagnostic;
use backprove_syntax::tree::{Argument, BinaryOperator, Expression, ExpressionKind, Name};

use super::python;
use super::spelling::{
    AT, LOG_SOFTMAX, LOG_SUM_EXP, SOFTMAX, called, keyword, named, positional, shape_tuple,
};
use super::writer::{Writer, unwritten};

const SOFTMAX_TEXT: &str = r#"def _softmax(x, dim):
    """The softmax along several axes."""
    return torch.exp(x - torch.logsumexp(x, dim=dim, keepdim=True))
"#;

const LOG_SOFTMAX_TEXT: &str = r#"def _log_softmax(x, dim):
    """The logarithm of the softmax along several axes."""
    return x - torch.logsumexp(x, dim=dim, keepdim=True)
"#;

const AT_TEXT: &str = r#"def _at(x, positions, dim):
    """The elements at positions along an axis, and zeros outside it."""
    inside = (positions >= 0) & (positions < x.shape[dim])
    taken = x[(slice(None),) * dim + (torch.where(inside, positions, 0),)]
    inside = inside.reshape(inside.shape + (1,) * (x.ndim - dim - 1))
    return torch.where(inside, taken, 0.0)
"#;

/// What goes through memory once instead of twice where it may.
pub(super) const SCALED_TEXT: &str = r#"def _scaled(x, scale):
    """scale * x in place of x, unless that is to be differentiated again."""
    if torch.is_grad_enabled():
        return scale * x
    try:
        return x.mul_(scale)
    except RuntimeError:
        # In one tensor there is no room for a batch of numbers.
        return scale * x
"#;

/// What an operator works out takes the place of its first argument where it may.
pub(super) const OVER_TEXT: &str = r#"def _over(operator, x, *others):
    """operator(x, *others) in place of x, unless that is to be differentiated again."""
    if torch.is_grad_enabled():
        return operator(x, *others)
    try:
        return operator(x, *others, grad_input=x)
    except RuntimeError:
        # In one tensor there is no room for a batch of results.
        return operator(x, *others)
"#;

/// PyTorch's names of options.
fn option(name: &str) -> &str {
    match name {
        "axis" => "dim",
        "keepdims" => "keepdim",
        "ddof" => "correction",
        other => other,
    }
}

/// `receiver.method(arguments)`.
fn method(receiver: Expression, method: &str, arguments: Vec<Expression>) -> Expression {
    Expression::made(ExpressionKind::Method {
        receiver: Box::new(receiver),
        method: Name::made(method),
        arguments: arguments.into_iter().map(positional).collect(),
    })
}

fn attribute(of: Expression, name: &str) -> Expression {
    Expression::made(ExpressionKind::Attribute(Box::new(of), Name::made(name)))
}

impl Writer<'_> {
    /// An operation in PyTorch.
    pub(super) fn torch(
        &mut self,
        name: &str,
        arguments: &[Argument],
        at: bool,
    ) -> Result<Expression, Diagnostic> {
        let is_number = arguments
            .get(1)
            .is_some_and(|second| self.is_number(&second.value));
        let along_several = matches!(keyword(arguments, "axis"), Some(axis) if matches!(axis.kind, ExpressionKind::Tuple(_)));
        let at = at || name == AT;
        let is_mask = name == "np.where" && python::is_mask(arguments);
        let source = arguments;
        let mut arguments = self.spelled_arguments(arguments, at)?;
        for argument in &mut arguments {
            if let Some(keyword) = &mut argument.keyword {
                keyword.text = option(&keyword.text).to_owned();
            }
        }
        let mut values = arguments.iter().map(|argument| argument.value.clone());
        let mut next = || values.next().ok_or_else(|| unwritten(name));
        match name {
            "np.sum" | "np.mean" | "np.diag" | "np.trace" | "np.triu" | "np.tril" | "np.outer"
            | "np.matmul" | "np.inner" | "np.swapaxes" | "np.linalg.solve" => {
                Ok(called(&name.replacen("np", "torch", 1), arguments))
            }
            "np.max" => Ok(called("torch.amax", arguments)),
            "np.min" => Ok(called("torch.amin", arguments)),
            "np.dot" => Ok(called("torch.matmul", arguments)),
            "np.transpose" => Ok(called("torch.permute", arguments)),
            "np.vdot" => {
                let product = Expression::binary(BinaryOperator::Multiply, next()?, next()?);
                Ok(python::call("torch.sum", [product]))
            }
            "np.linalg.norm" => Ok(called("torch.linalg.vector_norm", arguments)),
            "np.var" | "np.std" => {
                if keyword(&arguments, "correction").is_none() {
                    arguments.push(named("correction", Expression::integer(0)));
                }
                Ok(called(&name.replacen("np", "torch", 1), arguments))
            }
            "np.prod" => Ok(product(arguments)),
            "np.einsum" => {
                arguments.retain(|argument| argument.keyword.is_none());
                Ok(called("torch.einsum", arguments))
            }
            "np.zeros" | "np.ones" => {
                let shape = next()?;
                let word = name.trim_start_matches("np.");
                Ok(match self.like() {
                    Some(like) => method(like, &format!("new_{word}"), vec![shape]),
                    None => python::call(&format!("torch.{word}"), [shape]),
                })
            }
            "np.full" => {
                let (shape, value) = (shape_tuple(next()?), next()?);
                if is_number {
                    return Ok(self.torch_full(shape, value));
                }
                Ok(method(value, "expand", vec![shape]))
            }
            "np.broadcast_to" => {
                let (value, shape) = (next()?, shape_tuple(next()?));
                Ok(method(value, "expand", vec![shape]))
            }
            "np.eye" => {
                let size = positional(next()?);
                Ok(self.torch_made("torch.eye", size, true))
            }
            "np.arange" => {
                let size = positional(next()?);
                Ok(self.torch_made("torch.arange", size, !at))
            }
            "np.take" => {
                // Positions are whole numbers.
                let positions = source.get(1).ok_or_else(|| unwritten(name))?;
                let positions = self.spelled(&positions.value, true)?;
                python::taken(next()?, positions, keyword(source, "axis"))
                    .ok_or_else(|| unwritten(name))
            }
            "np.where" if is_mask => {
                let mask = next()?;
                Ok(self.torch_numbers(mask))
            }
            "np.where" => Ok(called("torch.where", arguments)),
            SOFTMAX | LOG_SOFTMAX if along_several => {
                let (own, text) = match name {
                    SOFTMAX => ("_softmax", SOFTMAX_TEXT),
                    _ => ("_log_softmax", LOG_SOFTMAX_TEXT),
                };
                self.define(own, || text.to_owned());
                Ok(called(own, arguments))
            }
            SOFTMAX => Ok(called("torch.softmax", arguments)),
            LOG_SOFTMAX => Ok(called("torch.log_softmax", arguments)),
            LOG_SUM_EXP if keyword(&arguments, "dim").is_none() => {
                let all = method(next()?, "flatten", Vec::new());
                let dim = ("dim", Expression::integer(0));
                Ok(Expression::call_with("torch.logsumexp", [all], [dim]))
            }
            LOG_SUM_EXP => Ok(called("torch.logsumexp", arguments)),
            AT => {
                self.define("_at", || AT_TEXT.to_owned());
                Ok(called("_at", arguments))
            }
            _ if name.starts_with("np.") => Err(unwritten(name)),
            _ => {
                // An abstract function: it is given tensors.
                let mut values = Vec::new();
                for (argument, neutral) in arguments.into_iter().zip(source) {
                    values.push(self.torch_tensor(argument.value, &neutral.value));
                }
                Ok(python::call(name, values))
            }
        }
    }

    /// The operands of `x @ w.T + b`, where `w` is a matrix and `b` a vector.
    pub(super) fn affine<'t>(
        &self,
        left: &'t Expression,
        right: &'t Expression,
    ) -> Option<[&'t Expression; 3]> {
        let rank = |tree: &Expression| match &tree.kind {
            ExpressionKind::Name(word) => {
                self.tensor_of(word).map(backprove_calculus::Tensor::rank)
            }
            _ => None,
        };
        let ExpressionKind::Binary(BinaryOperator::MatrixMultiply, x, turned) = &left.kind else {
            return None;
        };
        let ExpressionKind::Transpose(w) = &turned.kind else {
            return None;
        };
        (rank(w) == Some(2) && rank(right) == Some(1)).then_some([&**x, &**w, right])
    }

    /// Functions of the table whose form depends on which arguments are numbers.
    pub(super) fn torch_function(
        &mut self,
        function: &'static Function,
        arguments: &[Argument],
    ) -> Result<Option<Expression>, Diagnostic> {
        let numbers: Vec<bool> = arguments
            .iter()
            .map(|argument| self.is_number(&argument.value))
            .collect();
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.spelled(&argument.value, false)?);
        }
        match (function.name, values.as_mut_slice(), numbers.as_slice()) {
            ("maximum" | "minimum", [left, right], [false, true] | [true, false]) => {
                let option = if function.name == "maximum" {
                    "min"
                } else {
                    "max"
                };
                let (tensor, number) = if numbers[0] {
                    (right, left)
                } else {
                    (left, right)
                };
                let bound = [(option, number.clone())];
                let clamped = Expression::call_with("torch.clamp", [tensor.clone()], bound);
                Ok(Some(clamped))
            }
            ("where", [condition, chosen, _], [_, both @ ..]) => {
                if !python::is_truth(&arguments[0].value) {
                    let zero = Expression::integer(0);
                    *condition =
                        Expression::binary(BinaryOperator::NotEqual, condition.clone(), zero);
                }
                if both == [true, true] {
                    *chosen = self.torch_full(python::tuple(Vec::new()), chosen.clone());
                }
                Ok(Some(python::call("torch.where", values)))
            }
            ("clip", [_, low, high], [false, bounds @ ..]) if bounds[0] != bounds[1] => {
                let number = if bounds[0] { low } else { high };
                *number = self.torch_full(python::tuple(Vec::new()), number.clone());
                Ok(Some(python::call("torch.clip", values)))
            }
            _ if numbers.iter().all(|number| *number) => {
                let tensors = arguments.iter().map(|argument| {
                    let shape = python::tuple(Vec::new());
                    positional(python::call("np.full", [shape, argument.value.clone()]))
                });
                let tensors: Vec<Argument> = tensors.collect();
                self.spelled_function(function, &tensors).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A tensor for a number; a tensor stays what it is.
    pub(super) fn torch_tensor(&mut self, value: Expression, neutral: &Expression) -> Expression {
        if self.is_number(neutral) {
            self.torch_full(python::tuple(Vec::new()), value)
        } else {
            value
        }
    }

    fn torch_full(&mut self, shape: Expression, value: Expression) -> Expression {
        match self.like() {
            Some(like) => method(like, "new_full", vec![shape, value]),
            None => python::call("torch.full", [shape, value]),
        }
    }

    /// Ones and zeros for truth values.
    fn torch_numbers(&mut self, mask: Expression) -> Expression {
        let kind = match self.like() {
            Some(like) => attribute(like, "dtype"),
            None => python::call("torch.get_default_dtype", []),
        };
        method(mask, "to", vec![kind])
    }

    pub(super) fn torch_one_hot(&mut self, labels: Expression, size: Expression) -> Expression {
        let mask = python::call("torch.nn.functional.one_hot", [labels, size]);
        self.torch_numbers(mask)
    }

    fn torch_made(&mut self, function: &str, size: Argument, is_real: bool) -> Expression {
        let mut arguments = vec![size];
        if let Some(like) = self.like() {
            if is_real {
                arguments.push(named("dtype", attribute(like.clone(), "dtype")));
            }
            arguments.push(named("device", attribute(like, "device")));
        }
        called(function, arguments)
    }
}

/// A product along several axes: one after the other, from the last.
fn product(arguments: Vec<Argument>) -> Expression {
    let Some(ExpressionKind::Tuple(axes)) = keyword(&arguments, "dim").map(|dim| &dim.kind) else {
        return called("torch.prod", arguments);
    };
    let axes = axes.clone();
    let keepdim = keyword(&arguments, "keepdim").cloned();
    let first = arguments.into_iter().next().map(|first| first.value);
    axes.into_iter().rev().fold(
        first.unwrap_or_else(|| python::tuple(Vec::new())),
        |tree, axis| {
            let mut arguments = vec![positional(tree), named("dim", axis)];
            arguments.extend(keepdim.clone().map(|keep| named("keepdim", keep)));
            called("torch.prod", arguments)
        },
    )
}
