//! From array operations to a library's own words.
//!
//! The lowering writes one tree for all array libraries: operations that they share under NumPy's names (`np.sum`), functions
//! of the table as `table.gelu`, functions of a matrix as `matrix.inv`, those below by their constants. Each library has
//! one file, which says how it writes an operation. Nothing here knows what is computed.

use backprove_calculus::Function;
use backprove_calculus::functions::{self, Body, MatrixFunction, Spellings};
use backprove_syntax::tree::{
    Argument, BinaryOperator, Expression, ExpressionKind, Name, Subscript,
};
use backprove_syntax::{Diagnostic, format_expression};

use super::python;
use super::writer::{Writer, filled, unwritten};
use crate::formula::short_number;
use crate::functions::first_sentence;

/// `exp(x) / sum(exp(x))` along axes.
pub(super) const SOFTMAX: &str = "along.softmax";
/// The logarithm of that.
pub(super) const LOG_SOFTMAX: &str = "along.log_softmax";
/// `log(sum(exp(x)))` along axes.
pub(super) const LOG_SUM_EXP: &str = "along.logsumexp";
/// The elements at positions along an axis, and zeros outside it.
pub(super) const AT: &str = "along.at";

const TABLE: &str = "table.";
const MATRIX: &str = "matrix.";

/// The array libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Library {
    Numpy,
    Torch,
    Jax,
}

impl Library {
    /// Its name in sentences.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Numpy => "NumPy",
            Self::Torch => "PyTorch",
            Self::Jax => "JAX",
        }
    }

    /// The module under which its functions stand.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Numpy => "np",
            Self::Torch => "torch",
            Self::Jax => "jnp",
        }
    }

    fn spelling(self, spellings: &Spellings) -> &'static str {
        match self {
            Self::Numpy => spellings.numpy,
            Self::Torch => spellings.torch,
            Self::Jax => spellings.jax,
        }
    }
}

/// A function of the table applied to arguments.
pub(super) fn table_function(function: &Function, arguments: Vec<Expression>) -> Expression {
    let is_choice = function.name == "where";
    let values = arguments.into_iter().enumerate();
    let arguments = values.map(|(place, argument)| match (is_choice, place) {
        (true, 0) => argument,
        (true, _) => python::as_real(argument),
        (false, _) => python::as_numbers(argument),
    });
    python::call(&format!("{TABLE}{}", function.name), arguments)
}

/// A function of the table applied to matrices in the last two axes of an array.
pub(super) fn matrix_function(function: &MatrixFunction, argument: Expression) -> Expression {
    let name = format!("{MATRIX}{}", function.name);
    python::call(&name, [python::as_numbers(argument)])
}

pub(super) fn is_table_function(name: &str) -> bool {
    name.starts_with(TABLE)
}

pub(super) fn is_matrix_function(name: &str) -> bool {
    name.starts_with(MATRIX)
}

/// The value of a keyword.
pub(super) fn keyword<'t>(arguments: &'t [Argument], name: &str) -> Option<&'t Expression> {
    let mut named = arguments.iter().filter_map(|argument| {
        let keyword = argument.keyword.as_ref()?;
        Some((keyword.text.as_str(), &argument.value))
    });
    named.find_map(|(own, value)| (own == name).then_some(value))
}

/// An argument by name, in a call that is being put together.
pub(super) fn named(name: &str, value: Expression) -> Argument {
    Argument {
        keyword: Some(Name::made(name)),
        value,
    }
}

/// An argument by position.
pub(super) fn positional(value: Expression) -> Argument {
    Argument {
        keyword: None,
        value,
    }
}

/// `function(arguments)`.
pub(super) fn called(function: &str, arguments: Vec<Argument>) -> Expression {
    Expression::made(ExpressionKind::Call {
        function: Name::made(function),
        arguments,
    })
}

/// A shape as a tuple, where it is the only size as well.
pub(super) fn shape_tuple(shape: Expression) -> Expression {
    match shape.kind {
        ExpressionKind::Tuple(_) => shape,
        _ => python::tuple(vec![shape]),
    }
}

/// The labels in `np.eye(C)[t]`, and the number of classes.
fn one_hot<'t>(base: &'t Expression, entries: &'t [Subscript]) -> Option<[&'t Expression; 2]> {
    let ExpressionKind::Call {
        function,
        arguments,
    } = &base.kind
    else {
        return None;
    };
    match (arguments.as_slice(), entries) {
        ([size], [Subscript::At(labels)]) if function.text == "np.eye" => {
            Some([labels, &size.value])
        }
        _ => None,
    }
}

impl Writer<'_> {
    /// The value of an equation in the library's words; an array without axes where it is a number.
    pub(super) fn spelled_value(
        &mut self,
        tree: &Expression,
        rank: usize,
    ) -> Result<Expression, Diagnostic> {
        let value = self.spelled(tree, false)?;
        if rank > 0 || !self.is_number(tree) {
            return Ok(value);
        }
        Ok(match self.library {
            Library::Numpy => value,
            Library::Torch => self.torch_tensor(value, tree),
            Library::Jax => self.jax_scalar(value),
        })
    }

    /// The tree in the library's words. `at` tells that its values are positions, which are whole numbers.
    pub(super) fn spelled(
        &mut self,
        tree: &Expression,
        at: bool,
    ) -> Result<Expression, Diagnostic> {
        let kind = match &tree.kind {
            ExpressionKind::Name(word) => return Ok(self.constant(word, tree)),
            ExpressionKind::Number(text) => ExpressionKind::Number(short_number(text)),
            ExpressionKind::Unary(operator, inner) => {
                ExpressionKind::Unary(*operator, Box::new(self.spelled(inner, at)?))
            }
            ExpressionKind::Binary(operator, left, right) => {
                if self.library == Library::Torch
                    && *operator == BinaryOperator::Add
                    && let Some([x, w, b]) = self.affine(left, right)
                {
                    let (x, w, b) = (
                        self.spelled(x, at)?,
                        self.spelled(w, at)?,
                        self.spelled(b, at)?,
                    );
                    return Ok(python::call("torch.nn.functional.linear", [x, w, b]));
                }
                let at = at || python::is_comparison(*operator);
                if *operator == BinaryOperator::Multiply && self.library != Library::Numpy {
                    // A truth value times a number of Python's own would get a type of its own.
                    let real = |own: &Expression, other: &Expression| {
                        let is_alone = python::is_truth(own) && self.is_number(other);
                        is_alone.then(|| python::as_numbers(own.clone()))
                    };
                    let (first, second) = (real(left, right), real(right, left));
                    if first.is_some() || second.is_some() {
                        let left = first.unwrap_or_else(|| (**left).clone());
                        let right = second.unwrap_or_else(|| (**right).clone());
                        return self.spelled(&Expression::binary(*operator, left, right), at);
                    }
                }
                let (left, right) = (self.spelled(left, at)?, self.spelled(right, at)?);
                ExpressionKind::Binary(*operator, Box::new(left), Box::new(right))
            }
            ExpressionKind::Transpose(inner) => {
                ExpressionKind::Transpose(Box::new(self.spelled(inner, at)?))
            }
            ExpressionKind::Subscript(base, entries) => {
                if self.library != Library::Numpy
                    && let Some([labels, size]) = one_hot(base, entries)
                {
                    let (labels, size) = (self.spelled(labels, true)?, self.spelled(size, true)?);
                    return Ok(match self.library {
                        Library::Torch => self.torch_one_hot(labels, size),
                        _ => self.jax_one_hot(labels, size),
                    });
                }
                let base = self.spelled(base, at)?;
                let entries = entries.iter().map(|entry| self.spelled_entry(entry));
                let entries = entries.collect::<Result<_, _>>()?;
                ExpressionKind::Subscript(Box::new(base), entries)
            }
            ExpressionKind::Attribute(of, name) => {
                ExpressionKind::Attribute(Box::new(self.spelled(of, at)?), name.clone())
            }
            ExpressionKind::Tuple(items) => {
                let items = items.iter().map(|item| self.spelled(item, at));
                ExpressionKind::Tuple(items.collect::<Result<_, _>>()?)
            }
            // Only NumPy changes arrays in place, so that only there a copy is one.
            ExpressionKind::Method {
                receiver, method, ..
            } if method.text == "copy" => {
                let receiver = self.spelled(receiver, at)?;
                return Ok(match self.library {
                    Library::Numpy => python::copied(receiver),
                    Library::Torch | Library::Jax => receiver,
                });
            }
            ExpressionKind::Call {
                function,
                arguments,
            } => return self.spelled_call(&function.text, arguments, at),
            _ => return Ok(tree.clone()),
        };
        Ok(Expression::made(kind))
    }

    fn spelled_entry(&mut self, entry: &Subscript) -> Result<Subscript, Diagnostic> {
        let mut bound = |tree: &Option<Expression>| match tree {
            Some(tree) => self.spelled(tree, true).map(Some),
            None => Ok(None),
        };
        Ok(match entry {
            Subscript::Slice { start, stop, step } => Subscript::Slice {
                start: bound(start)?,
                stop: bound(stop)?,
                step: bound(step)?,
            },
            Subscript::At(at) => Subscript::At(self.spelled(at, true)?),
            other => other.clone(),
        })
    }

    fn constant(&self, word: &str, tree: &Expression) -> Expression {
        let Some(constant) = word.strip_prefix("np.") else {
            return tree.clone();
        };
        python::name(match self.library {
            Library::Numpy => word.to_owned(),
            // PyTorch's own are no functions of its namespace in all versions.
            Library::Torch => format!("math.{constant}"),
            Library::Jax => format!("jnp.{constant}"),
        })
    }

    fn spelled_call(
        &mut self,
        name: &str,
        arguments: &[Argument],
        at: bool,
    ) -> Result<Expression, Diagnostic> {
        if let Some(name) = name.strip_prefix(TABLE) {
            let function = functions::find(name).ok_or_else(|| unwritten(name))?;
            return self.spelled_function(function, arguments);
        }
        if let Some(name) = name.strip_prefix(MATRIX) {
            let function = functions::matrix(name).ok_or_else(|| unwritten(name))?;
            let template = self.library.spelling(&function.spellings);
            let arguments = self.spelled_values(arguments)?;
            let body = || filled(template, &["a".to_owned()]);
            return Ok(self.written(
                template,
                function.name,
                function.prose,
                &["a"],
                arguments,
                body,
            ));
        }
        match self.library {
            Library::Numpy => self.numpy(name, arguments),
            Library::Torch => self.torch(name, arguments, at),
            Library::Jax => self.jax(name, arguments, at),
        }
    }

    fn spelled_values(&mut self, arguments: &[Argument]) -> Result<Vec<Expression>, Diagnostic> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.spelled(&argument.value, false)?);
        }
        Ok(values)
    }

    /// The arguments as they are, each in the library's words.
    pub(super) fn spelled_arguments(
        &mut self,
        arguments: &[Argument],
        at: bool,
    ) -> Result<Vec<Argument>, Diagnostic> {
        let spelled = arguments.iter().map(|argument| {
            Ok(Argument {
                keyword: argument.keyword.clone(),
                value: self.spelled(&argument.value, at)?,
            })
        });
        spelled.collect()
    }

    /// A function of the table; written out by its definition where the library has none.
    pub(super) fn spelled_function(
        &mut self,
        function: &'static Function,
        arguments: &[Argument],
    ) -> Result<Expression, Diagnostic> {
        if self.library != Library::Numpy
            && let Some(number) = self.of_numbers(function, arguments)?
        {
            return Ok(number);
        }
        if self.library == Library::Torch
            && let Some(chosen) = self.torch_function(function, arguments)?
        {
            return Ok(chosen);
        }
        let template = self.library.spelling(&function.spellings);
        let parameters = function.arguments;
        let values = self.spelled_values(arguments)?;
        if !template.is_empty() {
            let own = parameters.iter().map(|argument| (*argument).to_owned());
            let body = || filled(template, &own.collect::<Vec<_>>());
            return Ok(self.written(
                template,
                function.name,
                function.prose,
                parameters,
                values,
                body,
            ));
        }
        let title = self.library.title();
        let missing = || {
            let message = format!("`{}` has no form in {title}", function.name);
            Diagnostic::error("no-spelling", message)
        };
        let Body::Defined { definition, stable } = function.body else {
            return Err(missing());
        };
        let text = stable.unwrap_or(definition);
        let tree = backprove_syntax::parse_expression(text)
            .0
            .ok_or_else(missing)?;
        let outside = std::mem::replace(&mut self.arguments, parameters);
        let body = self.matrix(&tree).ok_or_else(missing);
        let body = body.and_then(|body| self.spelled(&python::as_numbers(body), false));
        self.arguments = outside;
        let body = format_expression(&body?);
        let name = self.private_function(function.name, function.prose, parameters, &body);
        Ok(python::call(&name, values))
    }

    /// A function of plain numbers only, by Python's own.
    fn of_numbers(
        &mut self,
        function: &'static Function,
        arguments: &[Argument],
    ) -> Result<Option<Expression>, Diagnostic> {
        if !arguments
            .iter()
            .all(|argument| self.is_number(&argument.value))
        {
            return Ok(None);
        }
        let own = match function.name {
            "arcsin" => "asin",
            "arccos" => "acos",
            "arctan" => "atan",
            "abs" => "fabs",
            name @ ("exp" | "log" | "log1p" | "expm1" | "sqrt" | "erf" | "sin" | "cos" | "tan"
            | "sinh" | "cosh" | "tanh") => name,
            _ => return Ok(None),
        };
        let values = self.spelled_values(arguments)?;
        Ok(Some(python::call(&format!("math.{own}"), values)))
    }

    /// A template with its arguments; by a function of the module's own where it repeats one of them.
    fn written(
        &mut self,
        template: &str,
        name: &'static str,
        prose: &str,
        parameters: &[&str],
        arguments: Vec<Expression>,
        body: impl FnOnce() -> String,
    ) -> Expression {
        let repeats = |place: usize| template.matches(&format!("{{{place}}}")).count() > 1;
        if (0..arguments.len()).any(repeats) {
            let name = self.private_function(name, prose, parameters, &body());
            return python::call(&name, arguments);
        }
        let texts: Vec<String> = arguments.iter().map(format_expression).collect();
        python::name(filled(template, &texts))
    }

    fn private_function(
        &mut self,
        function: &'static str,
        prose: &str,
        parameters: &[&str],
        body: &str,
    ) -> String {
        let name = format!("_{function}");
        self.define(function, || {
            format!(
                "def {name}({}):\n    \"\"\"{}\"\"\"\n    return {body}\n",
                parameters.join(", "),
                first_sentence(prose)
            )
        });
        name
    }

    /// Whether a tree is a number of Python's own and no array: made of numbers and sizes only.
    pub(super) fn is_number(&self, tree: &Expression) -> bool {
        match &tree.kind {
            ExpressionKind::Number(_) => true,
            ExpressionKind::Name(word) => {
                word.starts_with("np.")
                    || (self.arguments.is_empty() && self.size_names.contains(word))
            }
            ExpressionKind::Unary(_, inner) => self.is_number(inner),
            ExpressionKind::Binary(_, left, right) => self.is_number(left) && self.is_number(right),
            ExpressionKind::Subscript(base, _) => {
                matches!(&base.kind, ExpressionKind::Attribute(_, name) if name.text == "shape")
            }
            ExpressionKind::Call {
                function,
                arguments,
            } => {
                is_table_function(&function.text)
                    && arguments
                        .iter()
                        .all(|argument| self.is_number(&argument.value))
            }
            _ => false,
        }
    }

    /// The array whose type and device new arrays get: an argument that holds real numbers.
    pub(super) fn like(&mut self) -> Option<Expression> {
        if let Some(argument) = self.arguments.first() {
            return Some(python::name(*argument));
        }
        let mut inputs = self.program.inputs.iter();
        let input = inputs.find(|input| !python::holds_labels(input))?;
        self.tensor(input.name())
    }
}
