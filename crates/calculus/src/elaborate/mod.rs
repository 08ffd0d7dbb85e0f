//! From the syntax tree to index notation. Every shape error arises here, and every report is in the user's own
//! symbols. Nothing here differentiates or simplifies.

mod arrangements;
mod calls;
mod constructions;
mod conventions;
mod definitions;
mod expression;
mod intermediates;
mod letters;
mod libraries;
mod linalg;
pub(crate) mod modules;
mod operators;
mod positions;
mod reductions;
mod scope;
mod slices;
mod statements;
mod subscript;
mod substitution;
mod suggestion;
mod value;
mod wording;

use std::borrow::Cow;

use backprove_syntax::Diagnostic;
use backprove_syntax::tree::{self, Definition, Expression};

use crate::expr::Tensor;
use crate::program::Program;
use scope::Elaborator;

pub use value::Value;

/// A program in index notation, as far as the text could be understood, and what is wrong with the text.
#[derive(Debug, Clone)]
pub struct Elaborated {
    /// The program; complete only where there are no diagnostics.
    pub program: Program,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
}

/// Elaborates a text.
///
/// ```
/// let text = "X[S, M]; W[N, M]; b[N]\nY = X @ W.T + b";
/// let parsed = backprove_syntax::parse(text);
/// let elaborated = backprove_calculus::elaborate(&parsed.program);
/// assert_eq!(elaborated.diagnostics, []);
/// let output = elaborated.program.output().unwrap();
/// assert_eq!(output.target.name(), "Y");
/// assert_eq!(output.indices[0].letter(), "i");
/// ```
pub fn elaborate(program: &tree::Program) -> Elaborated {
    let none = |_: &str, _: &str| None;
    let mut elaborator = Elaborator::new(Cow::Owned(Program::default()), &[], &none);
    elaborator.run(program);
    let mut program = elaborator.program.clone().into_owned();
    for equation in &mut program.equations {
        let value = Value {
            indices: equation.indices.clone(),
            body: equation.body.clone(),
        };
        let value = letters::lettered(&value, &|name| elaborator.is_taken(name));
        equation.indices = value.indices;
        equation.body = value.body;
    }
    Elaborated {
        program,
        diagnostics: elaborator.diagnostics,
    }
}

/// Reads and elaborates a text. Where it cannot be read, the program is empty and the diagnostics are the parser's.
///
/// ```
/// let elaborated = backprove_calculus::elaborate_text("X[S, M]; W[N, M]\nY = X @ W");
/// assert!(!elaborated.diagnostics.is_empty());
/// ```
pub fn elaborate_text(text: &str) -> Elaborated {
    let parsed = backprove_syntax::parse(text);
    if parsed.diagnostics.is_empty() {
        elaborate(&parsed.program)
    } else {
        Elaborated {
            program: Program::default(),
            diagnostics: parsed.diagnostics,
        }
    }
}

/// The value of an expression over the tensors of `program` and `extra`; `differential` finds the tensor that `dA/dB`
/// stands for. Used to read a matrix form back.
///
/// ```
/// use backprove_calculus::{elaborate, elaborate_expression};
/// let parsed = backprove_syntax::parse("X[S, M]; W[N, M]\nY = X @ W.T");
/// let program = elaborate(&parsed.program).program;
/// let (form, _) = backprove_syntax::parse_expression("X.T @ Y");
/// let value = elaborate_expression(&form.unwrap(), &program, &[], &|_, _| None).unwrap();
/// assert_eq!(value.indices.len(), 2);
/// ```
pub fn elaborate_expression(
    expression: &Expression,
    program: &Program,
    extra: &[Tensor],
    differential: &dyn Fn(&str, &str) -> Option<Tensor>,
) -> Result<Value, Vec<Diagnostic>> {
    let mut elaborator = Elaborator::new(Cow::Borrowed(program), extra, differential);
    let value = elaborator.lower(expression);
    finished(&elaborator, value)
}

/// The value of a definition, in matrix or in index notation, over the tensors of `program` and `extra`. Used to read
/// a printed index form back.
pub fn elaborate_definition(
    definition: &Definition,
    program: &Program,
    extra: &[Tensor],
    differential: &dyn Fn(&str, &str) -> Option<Tensor>,
) -> Result<Value, Vec<Diagnostic>> {
    let mut elaborator = Elaborator::new(Cow::Borrowed(program), extra, differential);
    let value = match &definition.indices {
        None => elaborator.lower(&definition.value),
        Some(indices) => elaborator.lower_by_index(indices, &definition.value),
    };
    finished(&elaborator, value)
}

fn finished(elaborator: &Elaborator, value: Option<Value>) -> Result<Value, Vec<Diagnostic>> {
    match value {
        Some(value) if elaborator.diagnostics.is_empty() => {
            Ok(letters::lettered(&value, &|name| elaborator.is_taken(name)))
        }
        _ => Err(elaborator.diagnostics.clone()),
    }
}
