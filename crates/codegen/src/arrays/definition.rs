//! Equations as assignments of Python: how each is written, what it reads, and the lines of a function's body. Nothing here
//! chooses what is computed.

use std::collections::HashSet;
use std::fmt::Write;

use backprove_calculus::{Dim, Equation, Node, Tensor};
use backprove_syntax::Diagnostic;
use backprove_syntax::tree::Expression;

use super::kernels::{Kernel, Operand, Recognised};
use super::writer::{Writer, described, shape_text};
use super::{identifier, matrix, python};
use crate::formula::{Formula, reads_back};
use crate::stable;

/// An equation in Python.
pub(super) struct Definition {
    pub target: Tensor,
    pub value: Expression,
    /// Whether the value may share its memory with another array.
    pub is_view: bool,
    /// What is worked out first: name, value, axes.
    pub parts: Vec<(String, Expression, Vec<Dim>)>,
    pub reads: HashSet<String>,
    pub sizes: HashSet<String>,
    /// The right side in the language.
    pub formula: Formula,
}

/// An equation as its own right side says, or by an operator of the library.
pub(super) fn define(
    writer: &mut Writer,
    equation: &Equation,
    recognised: &Recognised,
) -> Result<Definition, Diagnostic> {
    clear(writer);
    let name = equation.target.name();
    let (value, is_view) = match recognised.kernels.get(name) {
        Some(kernel) => (applied(writer, kernel)?, false),
        None => {
            let value = value(writer, equation)?;
            let is_view = python::is_view(&value);
            (
                writer.spelled_value(&value, equation.target.rank())?,
                is_view,
            )
        }
    };
    let derived = recognised.derived.get(name).unwrap_or(equation);
    let formula = Formula::of(derived, readable(writer, derived));
    let mut parts = std::mem::take(&mut writer.parts);
    for (_, part, _) in &mut parts {
        *part = writer.spelled(part, false)?;
    }
    Ok(Definition {
        target: equation.target.clone(),
        value,
        is_view,
        parts,
        reads: std::mem::take(&mut writer.reads),
        sizes: std::mem::take(&mut writer.sizes),
        formula,
    })
}

/// An operator applied to its operands.
fn applied(writer: &mut Writer, kernel: &Kernel) -> Result<Expression, Diagnostic> {
    let mut arguments = Vec::with_capacity(kernel.operands.len());
    for operand in &kernel.operands {
        arguments.push(match operand {
            Operand::Array(equation) => {
                let value = value(writer, equation)?;
                writer.spelled(&value, false)?
            }
            Operand::TypeOf(tensor) => {
                python::name(format!("{}.dtype", identifier(writer, tensor.name())?))
            }
            Operand::Text(text) => python::name(text),
        });
    }
    Ok(python::call(&kernel.operator, arguments))
}

/// The matrix form where it means what the equation says.
fn readable<'e>(writer: &Writer, equation: &'e Equation) -> Option<&'e Expression> {
    let matrix = equation.matrix.as_ref();
    matrix.filter(|tree| reads_back(tree, equation, writer.program))
}

/// The right side in NumPy's words, from the matrix form where that will do.
fn value(writer: &mut Writer, equation: &Equation) -> Result<Expression, Diagnostic> {
    // A constant is written as an array of its own, and what overflows in another form than it was written.
    let is_constant = matches!(equation.body.node(), Node::Number(_));
    if let Some(tree) = readable(writer, equation)
        && !is_constant
        && !(matrix::exponentiates(tree) && stable::occurs(&equation.body))
    {
        let before = (
            writer.parts.len(),
            writer.reads.clone(),
            writer.sizes.clone(),
        );
        if let Some(value) = writer.matrix(tree) {
            return Ok(python::as_real(value));
        }
        writer.parts.truncate(before.0);
        (writer.reads, writer.sizes) = (before.1, before.2);
    }
    Ok(python::as_real(writer.index_form(equation)?))
}

fn clear(writer: &mut Writer) {
    writer.parts.clear();
    writer.reads.clear();
    writer.sizes.clear();
}

/// The definitions on which `targets` depend, in order.
pub(super) fn needed<'d, 'n>(
    definitions: &'d [Definition],
    targets: impl IntoIterator<Item = &'n str>,
) -> Vec<&'d Definition> {
    let mut wanted: HashSet<String> = targets.into_iter().map(str::to_owned).collect();
    let mut needed = Vec::new();
    for definition in definitions.iter().rev() {
        if wanted.contains(definition.target.name()) {
            wanted.extend(definition.reads.iter().cloned());
            needed.push(definition);
        }
    }
    needed.reverse();
    needed
}

/// The lines of a function: sizes from shapes, then the definitions.
pub(super) fn body(
    writer: &Writer,
    definitions: &[&Definition],
    inputs: &[Tensor],
) -> Result<String, Diagnostic> {
    let mentioned = definitions.iter().flat_map(|definition| &definition.sizes);
    let mut text = sizes(writer, mentioned.cloned().collect(), inputs)?;
    for definition in definitions {
        for (name, value, dims) in &definition.parts {
            text.push_str(&python::assignment(
                name,
                value,
                &shape_text(dims, &writer.names),
            ));
        }
        let name = identifier(writer, definition.target.name())?;
        let shape = described(&definition.target, &writer.names);
        text.push_str(&python::assignment(&name, &definition.value, &shape));
    }
    Ok(text)
}

/// The lines that read `wanted` sizes from the shapes of the inputs.
fn sizes(
    writer: &Writer,
    mut wanted: HashSet<String>,
    inputs: &[Tensor],
) -> Result<String, Diagnostic> {
    let mut text = String::new();
    for input in inputs {
        let tensor = identifier(writer, input.name())?;
        let mut found: Vec<(usize, String)> = Vec::new();
        for (axis, dim) in input.dims().iter().enumerate() {
            if let Dim::Symbol(symbol) = dim
                && wanted.remove(&**symbol)
            {
                found.push((axis, identifier(writer, symbol)?));
            }
        }
        if found.len() == input.rank() && found.len() > 1 {
            let names: Vec<String> = found.into_iter().map(|(_, name)| name).collect();
            let _ = writeln!(text, "    {} = {tensor}.shape", names.join(", "));
            continue;
        }
        for (axis, name) in found {
            let _ = writeln!(text, "    {name} = {tensor}.shape[{axis}]");
        }
    }
    match wanted.into_iter().min() {
        None => Ok(text),
        Some(size) => {
            let message = format!("the size `{size}` is not the extent of any argument");
            Err(Diagnostic::error("unknown-size", message)
                .help(format!("declare a tensor with an axis of extent `{size}`")))
        }
    }
}
