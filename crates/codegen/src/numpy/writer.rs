//! What the parts of the printer share: names, sizes, the functions that the module needs. Nothing here decides how an
//! equation is written.

use std::collections::HashSet;

use backprove_calculus::functions::{self, Body};
use backprove_calculus::{
    Callee, Dim, Expr, Function, FunctionName, Node, Program, Tensor, notation,
};
use backprove_syntax::tree::{Expression, ExpressionKind};
use backprove_syntax::{Diagnostic, format_expression};

use super::names::Names;
use super::python;

/// The state while a module is written.
pub(super) struct Writer<'a> {
    /// The forward definitions and the gradients.
    pub program: &'a Program,
    pub names: Names,
    /// The functions that the module may define for itself, in the order in which they are first asked for: the name in
    /// the language and the text.
    pub private: Vec<(&'static str, String)>,
    /// What the current equation reads.
    pub reads: HashSet<String>,
    /// The sizes that the current equation mentions.
    pub sizes: HashSet<String>,
    /// Parts of the current equation that are worked out first: name, value, axes.
    pub parts: Vec<(String, Expression, Vec<Dim>)>,
    /// The arguments of the function of the table whose definition is being written.
    pub arguments: &'static [&'static str],
    /// How many parts have got a name.
    part_count: usize,
}

const SOFTMAX: &str = r#"def _softmax(x, axis):
    """The softmax along an axis, shifted by the maximum so that nothing overflows."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)
"#;

const LOG_SOFTMAX: &str = r#"def _log_softmax(x, axis):
    """The logarithm of the softmax along an axis, shifted by the maximum."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
"#;

const LOG_SUM_EXP: &str = r#"def _logsumexp(x, axis=None, keepdims=False):
    """The logarithm of the sum of exponentials, shifted by the maximum."""
    largest = np.max(x, axis=axis, keepdims=True)
    total = np.sum(np.exp(x - largest), axis=axis, keepdims=True)
    result = largest + np.log(total)
    return result if keepdims else np.squeeze(result, axis=axis)
"#;

impl<'a> Writer<'a> {
    pub(super) fn new(program: &'a Program) -> Self {
        Self {
            program,
            names: Names::new(),
            private: Vec::new(),
            reads: HashSet::new(),
            sizes: HashSet::new(),
            parts: Vec::new(),
            arguments: &[],
            part_count: 0,
        }
    }

    /// A tensor by its name in code.
    pub(super) fn tensor(&mut self, name: &str) -> Option<Expression> {
        let identifier = self.names.get(name)?.to_owned();
        self.reads.insert(name.to_owned());
        Some(python::name(identifier))
    }

    /// A name for a part of an equation.
    pub(super) fn part_name(&mut self) -> String {
        self.part_count += 1;
        match self.part_count {
            1 => self.names.fresh("part"),
            count => self.names.fresh(&format!("part{count}")),
        }
    }

    /// A size as an expression.
    pub(super) fn size(&mut self, dim: &Dim) -> Expression {
        match dim {
            Dim::Literal(size) => Expression::integer(*size as i64),
            Dim::Symbol(symbol) => {
                self.sizes.insert(symbol.to_string());
                python::name(self.names.get(symbol).unwrap_or(symbol))
            }
            Dim::Computed(_) => self.computed(&notation::extent(dim)),
        }
    }

    /// A size that is worked out from others, its symbols by their identifiers.
    fn computed(&mut self, tree: &Expression) -> Expression {
        match &tree.kind {
            ExpressionKind::Name(symbol) => self.size(&Dim::symbol(symbol)),
            ExpressionKind::Binary(operator, left, right) => {
                let (left, right) = (self.computed(left), self.computed(right));
                Expression::binary(*operator, left, right)
            }
            ExpressionKind::Unary(operator, operand) => {
                let operand = Box::new(self.computed(operand));
                Expression::made(ExpressionKind::Unary(*operator, operand))
            }
            _ => tree.clone(),
        }
    }

    /// A shape as the argument of a constructor: a tuple, or the only size.
    pub(super) fn shape(&mut self, dims: &[Dim]) -> Expression {
        let mut sizes: Vec<Expression> = dims.iter().map(|dim| self.size(dim)).collect();
        if sizes.len() == 1 {
            sizes.swap_remove(0)
        } else {
            python::tuple(sizes)
        }
    }

    /// A function of the table that keeps its arguments on one axis apart from the others.
    pub(super) fn along(&mut self, function: &'static str) -> &'static str {
        let (name, text) = match function {
            "softmax" => ("_softmax", SOFTMAX),
            "log_softmax" => ("_log_softmax", LOG_SOFTMAX),
            _ => ("_logsumexp", LOG_SUM_EXP),
        };
        self.define(name, || text.to_owned());
        name
    }

    pub(super) fn define(&mut self, name: &'static str, text: impl FnOnce() -> String) {
        if !self.private.iter().any(|(own, _)| *own == name) {
            self.private.push((name, text()));
        }
    }

    /// An abstract function or one of its derivatives.
    pub(super) fn abstract_function(
        &self,
        name: &str,
        order: usize,
        arguments: Vec<Expression>,
    ) -> Option<Expression> {
        let identifier = self.names.get(&primed(name, order))?;
        Some(python::call(identifier, arguments))
    }

    /// A function of the table applied to arguments; written out by its definition where NumPy has none.
    pub(super) fn function(
        &mut self,
        function: &'static Function,
        arguments: Vec<Expression>,
    ) -> Result<Expression, Diagnostic> {
        let template = function.spellings.numpy;
        if template.is_empty() {
            return self.by_definition(function, arguments);
        }
        let is_choice = function.name == "where";
        let arguments: Vec<Expression> = arguments
            .into_iter()
            .enumerate()
            .map(|(place, argument)| match (is_choice, place) {
                (true, 0) => argument,
                (true, _) => python::as_real(argument),
                (false, _) => python::as_numbers(argument),
            })
            .collect();
        let repeats = |place: usize| template.matches(&format!("{{{place}}}")).count() > 1;
        if (0..arguments.len()).any(repeats) {
            let own = function
                .arguments
                .iter()
                .map(|argument| (*argument).to_owned());
            let body = filled(template, &own.collect::<Vec<_>>());
            let name = self.private_function(function, &body);
            return Ok(python::call(&name, arguments));
        }
        let texts: Vec<String> = arguments.iter().map(format_expression).collect();
        Ok(python::name(filled(template, &texts)))
    }

    fn by_definition(
        &mut self,
        function: &'static Function,
        arguments: Vec<Expression>,
    ) -> Result<Expression, Diagnostic> {
        let missing = || {
            let message = format!("`{}` has no form in NumPy", function.name);
            Diagnostic::error("no-spelling", message)
        };
        let Body::Defined { definition, stable } = function.body else {
            return Err(missing());
        };
        let text = stable.unwrap_or(definition);
        let tree = backprove_syntax::parse_expression(text)
            .0
            .ok_or_else(missing)?;
        let outside = std::mem::replace(&mut self.arguments, function.arguments);
        let body = self.matrix(&tree);
        self.arguments = outside;
        let body = format_expression(&body.ok_or_else(missing)?);
        let name = self.private_function(function, &body);
        Ok(python::call(
            &name,
            arguments.into_iter().map(python::as_numbers),
        ))
    }

    fn private_function(&mut self, function: &'static Function, body: &str) -> String {
        let name = format!("_{}", function.name);
        let parameters = function.arguments.join(", ");
        self.define(function.name, || {
            format!(
                "def {name}({parameters}):\n    \"\"\"{}\"\"\"\n    return {body}\n",
                first_sentence(function.prose)
            )
        });
        name
    }

    /// A call in index notation. Derivatives of functions of the table are written out by the table.
    pub(super) fn callee(
        &mut self,
        callee: &Callee,
        arguments: Vec<Expression>,
    ) -> Result<Expression, Diagnostic> {
        match &callee.function {
            FunctionName::Abstract(name) => self
                .abstract_function(name, callee.derivatives.len(), arguments)
                .ok_or_else(|| unwritten(&format!("`{}`", primed(name, callee.derivatives.len())))),
            FunctionName::Known(function) => self.function(function, arguments),
        }
    }
}

/// The derivative of a function of the table as the table has it.
pub(super) fn worked_out(callee: &Callee, arguments: &[Expr]) -> Option<Expr> {
    let (FunctionName::Known(function), [position]) = (&callee.function, &callee.derivatives[..])
    else {
        return None;
    };
    let result = Expr::call(Callee::known(function), arguments.to_vec());
    functions::derivative(function, *position, arguments, &result)
}

/// `h` with its primes.
pub(super) fn primed(name: &str, order: usize) -> String {
    format!("{name}{}", "'".repeat(order))
}

/// The highest derivative of the abstract function `name` in the program.
pub(super) fn highest_order(program: &Program, name: &str) -> usize {
    let mut highest = 1;
    for equation in &program.equations {
        equation.body.visit(&mut |part| {
            if let Node::Call(callee, _) = part.node()
                && matches!(&callee.function, FunctionName::Abstract(own) if &**own == name)
            {
                highest = highest.max(callee.derivatives.len());
            }
        });
    }
    highest
}

/// What cannot be written.
pub(super) fn unwritten(what: &str) -> Diagnostic {
    Diagnostic::error("not-emitted", format!("{what} cannot be written in NumPy"))
}

/// The shape of a tensor for a comment.
pub(super) fn described(tensor: &Tensor, names: &Names) -> String {
    shape_text(tensor.dims(), names)
}

/// A shape as Python prints it.
pub(super) fn shape_text(dims: &[Dim], names: &Names) -> String {
    let size = |dim: &Dim| match dim {
        Dim::Literal(size) => size.to_string(),
        Dim::Symbol(symbol) => names.get(symbol).unwrap_or(symbol).to_owned(),
        Dim::Computed(size) => size.to_string(),
    };
    match dims {
        [] => "scalar".to_owned(),
        [only] => format!("({},)", size(only)),
        _ => format!("({})", dims.iter().map(size).collect::<Vec<_>>().join(", ")),
    }
}

pub(super) fn filled(template: &str, arguments: &[String]) -> String {
    let mut text = template.to_owned();
    for (place, argument) in arguments.iter().enumerate() {
        text = text.replace(&format!("{{{place}}}"), argument);
    }
    text
}

pub(super) fn first_sentence(prose: &str) -> String {
    let end = prose.find(". ").map_or(prose.len(), |end| end + 1);
    prose[..end]
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
