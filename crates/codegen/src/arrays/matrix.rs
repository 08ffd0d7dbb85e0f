//! Matrix notation as Python. The language follows NumPy, so most of a tree stays as it is; what is not known to mean
//! the same in NumPy gives `None`, and the equation is written from its index form instead.

use backprove_calculus::functions::{self, Notation};
use backprove_syntax::tree::{
    Argument, BinaryOperator, Expression, ExpressionKind, Name, Subscript, UnaryOperator,
};

use super::python;
use super::spelling::{
    LOG_SOFTMAX, LOG_SUM_EXP, Library, SOFTMAX, matrix_function, table_function,
};
use super::writer::Writer;

/// Prefixes of libraries whose functions of the names below mean what ours mean.
const PREFIXES: &[&str] = &[
    "np",
    "numpy",
    "jnp",
    "jax.numpy",
    "np.linalg",
    "numpy.linalg",
    "jnp.linalg",
    "math",
    "jax.nn",
    "torch",
    "torch.nn.functional",
    "F",
];

/// Functions that a library of that prefix has under other conventions than ours.
const OWN_WAYS: &[&str] = &["gelu", "var", "std", "norm", "max", "min"];

/// The libraries that have ways of their own.
const WITH_WAYS: &[&str] = &["jax.nn", "torch", "torch.nn.functional", "F"];

impl Writer<'_> {
    /// A tree of the language as Python.
    pub(super) fn matrix(&mut self, tree: &Expression) -> Option<Expression> {
        match &tree.kind {
            ExpressionKind::Number(text) => Some(number(text)),
            ExpressionKind::Name(word) => self.word(word),
            ExpressionKind::Unary(UnaryOperator::Plus, inner) => self.matrix(inner),
            ExpressionKind::Unary(UnaryOperator::Negate, inner) => {
                Some(python::negative(python::as_numbers(self.matrix(inner)?)))
            }
            ExpressionKind::Binary(operator, left, right) => {
                if *operator == BinaryOperator::MatrixMultiply
                    && let Some(solution) = self.solution(left, right)
                {
                    return Some(solution);
                }
                let (left, right) = (self.matrix(left)?, self.matrix(right)?);
                Some(python::binary(*operator, left, right))
            }
            ExpressionKind::Transpose(inner) | ExpressionKind::Prime(inner) => {
                Some(self.matrix(inner)?.transpose())
            }
            ExpressionKind::Subscript(base, entries) => {
                let base = self.matrix(base)?;
                let entries = entries
                    .iter()
                    .map(|entry| self.entry(entry))
                    .collect::<Option<_>>()?;
                Some(python::subscript(base, entries))
            }
            ExpressionKind::Attribute(of, name) if name.text == "shape" => {
                let of = Box::new(self.matrix(of)?);
                Some(Expression::made(ExpressionKind::Attribute(
                    of,
                    name.clone(),
                )))
            }
            ExpressionKind::Tuple(items) => {
                let items = items.iter().map(|item| self.matrix(item));
                Some(python::tuple(items.collect::<Option<_>>()?))
            }
            ExpressionKind::Call {
                function,
                arguments,
            } => self.called(&function.text, arguments),
            ExpressionKind::Method {
                receiver,
                method,
                arguments,
            } => {
                let first = Argument {
                    keyword: None,
                    value: (**receiver).clone(),
                };
                let all: Vec<Argument> = std::iter::once(first)
                    .chain(arguments.iter().cloned())
                    .collect();
                self.called(&method.text, &all)
            }
            _ => None,
        }
    }

    fn word(&mut self, word: &str) -> Option<Expression> {
        if self.arguments.contains(&word) {
            return Some(python::name(word));
        }
        if self.arguments.is_empty() {
            if self.program.tensor(word).is_some() {
                return self.tensor(word);
            }
            if self.names.get(word).is_some() {
                return Some(self.size(&backprove_calculus::Dim::symbol(word)));
            }
        }
        python::constant(word)
    }

    fn entry(&mut self, entry: &Subscript) -> Option<Subscript> {
        let library = self.library;
        let mut bound = |tree: &Option<Expression>| match tree {
            Some(tree) => self.matrix(tree).map(Some),
            None => Some(None),
        };
        match entry {
            Subscript::At(at) => Some(Subscript::At(self.matrix(at)?)),
            // PyTorch goes through no axis backwards.
            Subscript::Slice {
                step: Some(step), ..
            } if library == Library::Torch
                && matches!(step.kind, ExpressionKind::Unary(UnaryOperator::Negate, _)) =>
            {
                None
            }
            Subscript::Slice { start, stop, step } => Some(Subscript::Slice {
                start: bound(start)?,
                stop: bound(stop)?,
                step: bound(step)?,
            }),
            other => Some(other.clone()),
        }
    }

    fn called(&mut self, path: &str, arguments: &[Argument]) -> Option<Expression> {
        let name = path.trim_end_matches('\'');
        let order = path.len() - name.len();
        let is_declared = |own: &std::sync::Arc<str>| &**own == name;
        if self.arguments.is_empty() && self.program.functions.iter().any(is_declared) {
            let values = self.positional(arguments)?;
            return self.abstract_function(name, order, values);
        }
        if order > 0 {
            return None;
        }
        let name = match name.rsplit_once('.') {
            None => name,
            Some((prefix, name)) => {
                if !PREFIXES.contains(&prefix)
                    || (WITH_WAYS.contains(&prefix) && OWN_WAYS.contains(&name))
                {
                    return None;
                }
                name
            }
        };
        let with_dim = arguments
            .iter()
            .any(|argument| keyword(argument) == Some("dim"));
        if with_dim && OWN_WAYS.contains(&name) {
            return None;
        }
        match name {
            "sum" | "mean" | "max" | "min" | "prod" | "var" | "std" => self.reduction(
                &format!("np.{name}"),
                arguments,
                &["axis", "keepdims", "ddof"],
            ),
            "norm" => self.norm(arguments),
            "softmax" | "log_softmax" | "logsumexp" => self.along_axis(name, arguments),
            "one_hot" => match &self.positional(arguments)?[..] {
                [labels, size] => Some(python::subscript(
                    python::call("np.eye", [size.clone()]),
                    vec![Subscript::At(labels.clone())],
                )),
                _ => None,
            },
            "einsum" => self.einstein_sum(arguments),
            "ones" | "zeros" | "eye" | "trace" | "diag" | "triu" => self.plain(name, arguments, 1),
            "outer" | "matmul" | "dot" | "vdot" | "inner" => self.plain(name, arguments, 2),
            "swapaxes" => self.plain(name, arguments, 3),
            "solve" => self.plain("linalg.solve", arguments, 2),
            _ if functions::matrix(name).is_some() => {
                match (functions::matrix(name)?, &self.positional(arguments)?[..]) {
                    (function, [argument]) => Some(matrix_function(function, argument.clone())),
                    _ => None,
                }
            }
            _ => self.elementwise(name, arguments),
        }
    }

    fn elementwise(&mut self, name: &str, arguments: &[Argument]) -> Option<Expression> {
        let function = functions::find(name)?;
        let values = self.positional(arguments)?;
        if values.len() != function.arguments.len() {
            return None;
        }
        if let (Notation::Relation(sign), [left, right]) = (function.notation, &values[..]) {
            let operator = backprove_calculus::notation::relation(sign);
            return Some(python::binary(operator, left.clone(), right.clone()));
        }
        Some(table_function(function, values))
    }

    fn plain(&mut self, name: &str, arguments: &[Argument], count: usize) -> Option<Expression> {
        let values = self.positional(arguments)?;
        let values: Vec<Expression> = values.into_iter().map(python::as_numbers).collect();
        (values.len() == count).then(|| python::call(&format!("np.{name}"), values))
    }

    fn positional(&mut self, arguments: &[Argument]) -> Option<Vec<Expression>> {
        arguments
            .iter()
            .map(|argument| match argument.keyword {
                None => self.matrix(&argument.value),
                Some(_) => None,
            })
            .collect()
    }

    /// A reduction: the array by position, the options by keyword.
    fn reduction(
        &mut self,
        function: &str,
        arguments: &[Argument],
        options: &[&str],
    ) -> Option<Expression> {
        let (first, rest) = arguments.split_first()?;
        if first.keyword.is_some() || rest.len() > options.len() {
            return None;
        }
        let value = python::as_numbers(self.matrix(&first.value)?);
        let mut keywords = Vec::new();
        for (place, argument) in rest.iter().enumerate() {
            // By position there is only the axis.
            let keyword = match keyword(argument) {
                None if place == 0 => "axis",
                Some(keyword) if options.contains(&keyword) => keyword,
                _ => return None,
            };
            keywords.push((keyword, self.option(&argument.value)?));
        }
        Some(Expression::call_with(function, [value], keywords))
    }

    /// The value of an option: a number, a tuple of numbers, a truth value or `None`.
    fn option(&mut self, tree: &Expression) -> Option<Expression> {
        match &tree.kind {
            ExpressionKind::Name(word) if word == "True" || word == "False" => Some(tree.clone()),
            ExpressionKind::None => Some(tree.clone()),
            _ => self.matrix(tree),
        }
    }

    fn norm(&mut self, arguments: &[Argument]) -> Option<Expression> {
        let rest = arguments.get(1..)?;
        let single = |argument: &Argument| {
            !matches!(argument.value.kind, ExpressionKind::Tuple(_))
                && matches!(keyword(argument), Some("axis" | "keepdims"))
        };
        if !rest.iter().all(single) {
            return None;
        }
        self.reduction("np.linalg.norm", arguments, &["axis", "keepdims"])
    }

    fn along_axis(&mut self, name: &str, arguments: &[Argument]) -> Option<Expression> {
        let (function, options): (_, &[&str]) = match name {
            "softmax" => (SOFTMAX, &["axis"]),
            "log_softmax" => (LOG_SOFTMAX, &["axis"]),
            _ => (LOG_SUM_EXP, &["axis", "keepdims"]),
        };
        let mut arguments = arguments.to_vec();
        if function != LOG_SUM_EXP && arguments.len() == 1 {
            arguments.push(Argument {
                keyword: Some(Name::made("axis")),
                value: Expression::integer(-1),
            });
        }
        self.reduction(function, &arguments, options)
    }

    fn einstein_sum(&mut self, arguments: &[Argument]) -> Option<Expression> {
        let (first, rest) = arguments.split_first()?;
        let ExpressionKind::String(_) = first.value.kind else {
            return None;
        };
        let operands = self.positional(rest)?;
        let operands = operands.into_iter().map(python::as_numbers);
        let all = std::iter::once(first.value.clone()).chain(operands);
        Some(python::call("np.einsum", all))
    }
}

/// The keyword of an argument as NumPy has it.
fn keyword(argument: &Argument) -> Option<&str> {
    let keyword = argument.keyword.as_ref()?;
    Some(match keyword.text.as_str() {
        "dim" => "axis",
        "keepdim" => "keepdims",
        other => other,
    })
}

/// A number as Python reads it: no zeros in front.
fn number(text: &str) -> Expression {
    let digits = text.trim_start_matches('0');
    let whole = digits.starts_with(|c: char| c.is_ascii_digit());
    let text = if whole { digits } else { text };
    let all_zeros = !text.is_empty() && text.chars().all(|c| c == '0');
    Expression::made(ExpressionKind::Number(if all_zeros {
        "0".to_owned()
    } else {
        text.to_owned()
    }))
}

/// Whether a function is called whose name ends with `exp`.
pub(super) fn exponentiates(tree: &Expression) -> bool {
    let in_all = |arguments: &[Argument]| arguments.iter().any(|a| exponentiates(&a.value));
    match &tree.kind {
        ExpressionKind::Unary(_, inner)
        | ExpressionKind::Transpose(inner)
        | ExpressionKind::Prime(inner)
        | ExpressionKind::Attribute(inner, _)
        | ExpressionKind::Subscript(inner, _) => exponentiates(inner),
        ExpressionKind::Binary(_, left, right) => exponentiates(left) || exponentiates(right),
        ExpressionKind::Call {
            function,
            arguments,
        } => function.text.rsplit('.').next() == Some("exp") || in_all(arguments),
        ExpressionKind::Method {
            receiver,
            method,
            arguments,
        } => method.text == "exp" || exponentiates(receiver) || in_all(arguments),
        ExpressionKind::Tuple(items) | ExpressionKind::List(items) => {
            items.iter().any(exponentiates)
        }
        _ => false,
    }
}
