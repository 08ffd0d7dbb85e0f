//! What the parts of the printer share: names, sizes, the functions that the module needs. Nothing here decides how an
//! equation is written.

use std::collections::HashSet;

use backprove_calculus::functions;
use backprove_calculus::{Callee, Dim, FunctionName, Program, Tensor, notation};
use backprove_syntax::Diagnostic;
use backprove_syntax::tree::{Expression, ExpressionKind};

use super::python;
use super::spelling::{Library, table_function};
use crate::functions::primed;
use crate::names::Names;

/// Words that Python keeps for itself, and names that the module uses.
const RESERVED: &[&str] = &[
    "False",
    "None",
    "True",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "__name__",
    "__debug__",
    "np",
    "special",
    "torch",
    "jax",
    "jnp",
    "math",
    "functools",
    "forward",
    "gradient",
    "backward",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "function",
    "Derived",
    "ctx",
    "inputs",
    "output",
    "root",
    "kept",
    "needed",
    "_at",
    "_forward",
    "_backward",
    "_softmax",
    "_log_softmax",
    "_logsumexp",
    "_over",
    "_scaled",
    "_taken",
    "_draw",
    "_largest_error",
];

/// What parts that are positions are called.
pub(super) const POSITIONS: &str = "at";

/// No identifiers but those that no name may have.
fn reserved() -> Names {
    let private = functions::table().map(|function| format!("_{}", function.name));
    let words = RESERVED.iter().map(|word| (*word).to_owned());
    Names::without(words.chain(private))
}

/// A part of an equation that is worked out before it.
#[derive(Clone)]
pub(super) struct Part {
    pub name: String,
    pub tree: Expression,
    /// Its axes.
    pub dims: Vec<Dim>,
    /// Whether its values are positions, which are whole numbers.
    pub is_at: bool,
}

/// The state while a module is written.
pub(super) struct Writer<'a> {
    /// The forward definitions and the gradients.
    pub program: &'a Program,
    pub names: Names,
    /// The library whose words the module is written in.
    pub library: Library,
    /// The identifiers of sizes.
    pub size_names: HashSet<String>,
    /// The functions that the module may define for itself, in the order in which they are first asked for: the name in
    /// the language and the text.
    pub private: Vec<(&'static str, String)>,
    /// What the current equation reads.
    pub reads: HashSet<String>,
    /// The sizes that the current equation mentions.
    pub sizes: HashSet<String>,
    /// Parts of the current equation that are worked out first.
    pub parts: Vec<Part>,
    /// All parts so far.
    known_parts: Vec<Part>,
    /// The arguments of the function of the table whose definition is being written.
    pub arguments: &'static [&'static str],
}

impl<'a> Writer<'a> {
    pub(super) fn new(program: &'a Program, library: Library) -> Self {
        Self {
            program,
            names: reserved(),
            library,
            size_names: HashSet::new(),
            private: Vec::new(),
            reads: HashSet::new(),
            sizes: HashSet::new(),
            parts: Vec::new(),
            known_parts: Vec::new(),
            arguments: &[],
        }
    }

    /// A tensor by its name in code.
    pub(super) fn tensor(&mut self, name: &str) -> Option<Expression> {
        let identifier = self.names.get(name)?.to_owned();
        self.reads.insert(name.to_owned());
        Some(python::name(identifier))
    }

    /// The tensor that an identifier stands for.
    pub(super) fn tensor_of(&self, identifier: &str) -> Option<&'a Tensor> {
        let targets = self.program.equations.iter().map(|own| &own.target);
        let mut tensors = self.program.inputs.iter().chain(targets);
        tensors.find(|tensor| self.names.get(tensor.name()) == Some(identifier))
    }

    /// Whether a tree is one number, of Python's own or a tensor without axes.
    pub(super) fn is_scalar(&self, tree: &Expression) -> bool {
        match &tree.kind {
            ExpressionKind::Name(word) => {
                self.is_number(tree) || self.tensor_of(word).is_some_and(|own| own.rank() == 0)
            }
            ExpressionKind::Unary(_, inner) => self.is_scalar(inner),
            ExpressionKind::Binary(_, left, right) => self.is_scalar(left) && self.is_scalar(right),
            _ => self.is_number(tree),
        }
    }

    /// Notes that the identifier of `symbol` stands for a size.
    pub(super) fn note_size(&mut self, symbol: &str) {
        self.size_names
            .extend(self.names.get(symbol).map(str::to_owned));
    }

    /// A part of the current equation under a name of its own, the same wherever it stands.
    pub(super) fn part(&mut self, wish: &str, tree: Expression, dims: Vec<Dim>) -> Expression {
        let is_it = |part: &&Part| part.tree == tree && part.dims == dims;
        let part = if let Some(part) = self.known_parts.iter().find(is_it) {
            part.clone()
        } else {
            let wishes = (1..).map(|count| match count {
                1 => wish.to_owned(),
                count => format!("{wish}{count}"),
            });
            let free = wishes.into_iter().find(|wish| !self.names.is_taken(wish));
            let part = Part {
                name: self.names.fresh(free.as_deref().unwrap_or(wish)),
                tree,
                dims,
                is_at: wish == POSITIONS,
            };
            self.known_parts.push(part.clone());
            part
        };
        let name = python::name(&part.name);
        if !self.parts.iter().any(|own| own.name == part.name) {
            self.parts.push(part);
        }
        name
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

    /// Gives the module a function of its own.
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
            FunctionName::Known(function) => Ok(table_function(function, arguments)),
        }
    }
}

/// What cannot be written.
pub(super) fn unwritten(what: &str) -> Diagnostic {
    Diagnostic::error(
        "not-emitted",
        format!("{what} cannot be written in this library"),
    )
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
