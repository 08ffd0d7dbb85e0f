//! Equations as assignments of Python: how each is written, what it reads, and the lines of a function's body. Nothing here
//! chooses what is computed.

use std::collections::HashSet;
use std::fmt::Write;

use backprove_calculus::{Dim, Equation, Node, Tensor};
use backprove_syntax::Diagnostic;
use backprove_syntax::format_expression;
use backprove_syntax::tree::{Argument, BinaryOperator, Expression, ExpressionKind, Name};

use super::kernels::{Kernel, Operand, Recognised};
use super::python::WIDTH;
use super::spelling::{Library, positional};
use super::torch::{OVER_TEXT, SCALED_TEXT};
use super::writer::{Part, Writer, described, shape_text, unwritten};
use super::{identifier, matrix, python};
use crate::formula::{Formula, reads_back};
use crate::{mentions, stable};

/// An equation in Python.
#[derive(Clone)]
pub(super) struct Definition {
    pub target: Tensor,
    /// All that the line defines, in order, where that is more than the target.
    pub targets: Vec<Option<Tensor>>,
    /// Whether another line defines it, which is what it reads.
    pub is_beside: bool,
    pub value: Expression,
    /// Whether the value may share its memory with another array.
    pub is_view: bool,
    /// Whether the value is an operator's that can take the place of its first argument.
    goes_over: bool,
    /// What is worked out first.
    pub parts: Vec<Part>,
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
    let derived = recognised.derived.get(name).unwrap_or(equation);
    let formula = Formula::of(derived, readable(writer, derived));
    let mut beside = recognised.beside.iter();
    if let Some((_, line)) = beside.find(|(target, _)| *target == equation.target) {
        return Ok(Definition::beside(&equation.target, line, formula));
    }
    let kernel = recognised.kernels.get(name);
    let (value, is_view) = if let Some(kernel) = kernel {
        (applied(writer, kernel)?, false)
    } else {
        let value = value(writer, equation)?;
        let is_view = python::is_view(&value);
        let is_scaled = recognised.is_for_torch && is_scaled_product(writer, equation, &value);
        let value = writer.spelled_value(&value, equation.target.rank())?;
        let value = if is_scaled {
            scaled_in_place(value)
        } else {
            value
        };
        (value, is_view)
    };
    let targets = kernel.map(|own| own.targets.clone());
    let mut parts = std::mem::take(&mut writer.parts);
    for part in &mut parts {
        part.tree = writer.spelled(&part.tree, part.is_at)?;
    }
    Ok(Definition {
        target: equation.target.clone(),
        targets: targets.unwrap_or_default(),
        is_beside: false,
        value,
        is_view,
        goes_over: kernel.is_some_and(|own| own.goes_over),
        parts,
        reads: std::mem::take(&mut writer.reads),
        sizes: std::mem::take(&mut writer.sizes),
        formula,
    })
}

impl Definition {
    /// What the line of another definition defines as well.
    pub(super) fn beside(target: &Tensor, line: &str, formula: Formula) -> Self {
        Self {
            target: target.clone(),
            targets: Vec::new(),
            is_beside: true,
            value: python::name(target.name()),
            is_view: false,
            goes_over: false,
            parts: Vec::new(),
            reads: HashSet::from([line.to_owned()]),
            sizes: HashSet::new(),
            formula,
        }
    }

    /// The same with its value in the place of its first argument, where that is nobody else's: just worked out, or one of
    /// those that are `spent`.
    pub(super) fn over(&self, spent: &[&Self], writer: &mut Writer) -> Option<Self> {
        let ExpressionKind::Call {
            function,
            arguments,
        } = &self.value.kind
        else {
            return None;
        };
        let (first, others) = arguments.split_first()?;
        let is_own = match &first.value.kind {
            ExpressionKind::Binary(..) => true,
            ExpressionKind::Name(word) => {
                let is_read_again =
                    |other: &Argument| mentions(&format_expression(&other.value), word);
                let fits = |own: &&Self| {
                    writer.names.get(own.target.name()) == Some(word)
                        && own.target.dims() == self.target.dims()
                        && !own.is_view
                };
                spent.iter().any(fits) && !others.iter().any(is_read_again)
            }
            _ => false,
        };
        if !self.goes_over || !is_own {
            return None;
        }
        writer.define("_over", || OVER_TEXT.to_owned());
        let operator = python::name(&function.text);
        let arguments = arguments.iter().map(|argument| argument.value.clone());
        Some(Self {
            value: python::call("_over", std::iter::once(operator).chain(arguments)),
            ..self.clone()
        })
    }

    /// Its line, after what is worked out first and is not `known` yet.
    pub(super) fn line(
        &self,
        writer: &Writer,
        known: &mut HashSet<String>,
    ) -> Result<String, Diagnostic> {
        let mut text = String::new();
        if self.is_beside {
            return Ok(text);
        }
        for part in &self.parts {
            if !known.insert(part.name.clone()) {
                continue;
            }
            let shape = shape_text(&part.dims, &writer.names);
            text.push_str(&python::assignment(&part.name, &part.tree, &shape));
        }
        let name = self.left(writer)?;
        text.push_str(&python::assignment(&name, &self.value, &self.shape(writer)));
        Ok(text)
    }

    /// Its line where it is worked out under a condition only, and `None` else.
    pub(super) fn line_if(
        &self,
        writer: &Writer,
        known: &HashSet<String>,
        condition: &str,
    ) -> Result<String, Diagnostic> {
        let name = self.left(writer)?;
        let value = format_expression(&self.value);
        let shape = self.shape(writer);
        let line = format!("    {name} = {value} if {condition} else None");
        let is_short = self.parts.iter().all(|part| known.contains(&part.name));
        if is_short && line.chars().count() + shape.chars().count() + 4 <= WIDTH {
            return Ok(format!("{line}  # {shape}\n"));
        }
        let mut text = format!("    {name} = None\n    if {condition}:\n");
        // What is worked out here is not known elsewhere.
        for line in self.line(writer, &mut known.clone())?.lines() {
            let _ = writeln!(text, "    {line}");
        }
        Ok(text)
    }

    /// The shape of what its line defines, for a comment.
    fn shape(&self, writer: &Writer) -> String {
        let targets = self.targets.iter().flatten();
        let shapes: Vec<String> = targets.map(|own| described(own, &writer.names)).collect();
        match shapes.as_slice() {
            [] => described(&self.target, &writer.names),
            shapes => shapes.join(", "),
        }
    }

    /// What stands on the left of its line.
    fn left(&self, writer: &Writer) -> Result<String, Diagnostic> {
        if self.targets.is_empty() {
            return identifier(writer, self.target.name());
        }
        let targets = self.targets.iter().map(|target| match target {
            Some(target) => identifier(writer, target.name()),
            None => Ok("_".to_owned()),
        });
        Ok(targets.collect::<Result<Vec<_>, _>>()?.join(", "))
    }
}

/// An operator applied to its operands.
fn applied(writer: &mut Writer, kernel: &Kernel) -> Result<Expression, Diagnostic> {
    let operands = kernel.operands.iter();
    let arguments = operands.map(|operand| argument(writer, operand));
    let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
    match kernel.operator.strip_prefix('.') {
        Some(operator) => Ok(method(operator, arguments)),
        None => Ok(python::call(&kernel.operator, arguments)),
    }
}

fn argument(writer: &mut Writer, operand: &Operand) -> Result<Expression, Diagnostic> {
    let tensor = |writer: &mut Writer, tensor: &Tensor| {
        let found = writer.tensor(tensor.name());
        found.ok_or_else(|| unwritten(&format!("`{}`", tensor.name())))
    };
    Ok(match operand {
        Operand::Array(equation) => {
            let value = value(writer, equation)?;
            writer.spelled(&value, false)?
        }
        Operand::Tensor(own) => tensor(writer, own)?,
        Operand::Scaled(own, scale) => {
            let (own, scale) = (tensor(writer, own)?, argument(writer, scale)?);
            writer.define("_scaled", || SCALED_TEXT.to_owned());
            python::call("_scaled", [own, scale])
        }
        Operand::Shape(dims) => {
            let sizes = dims.iter().map(|dim| writer.size(dim));
            python::tuple(sizes.collect())
        }
        Operand::TypeOf(tensor) => {
            python::name(format!("{}.dtype", identifier(writer, tensor.name())?))
        }
        Operand::Text(text) => python::name(text),
    })
}

/// Whether a value is a product of matrices times or by a number of Python's own.
fn is_scaled_product(writer: &Writer, equation: &Equation, value: &Expression) -> bool {
    use BinaryOperator::{Divide, MatrixMultiply, Multiply};
    let ExpressionKind::Binary(operator @ (Multiply | Divide), left, right) = &value.kind else {
        return false;
    };
    let is_product =
        |tree: &Expression| matches!(tree.kind, ExpressionKind::Binary(MatrixMultiply, ..));
    let numbers_last = is_product(left) && writer.is_number(right);
    let numbers_first = *operator == Multiply && writer.is_number(left) && is_product(right);
    equation.target.rank() > 1 && (numbers_last || numbers_first)
}

/// `(x @ y).mul_(number)`. The product is nobody else's, and its derivative needs only its factors.
fn scaled_in_place(value: Expression) -> Expression {
    use BinaryOperator::{Divide, MatrixMultiply};
    let ExpressionKind::Binary(operator, left, right) = value.kind else {
        return value;
    };
    let method = if operator == Divide { "div_" } else { "mul_" };
    let (product, number) = match left.kind {
        ExpressionKind::Binary(MatrixMultiply, ..) => (left, *right),
        _ => (right, *left),
    };
    Expression::made(ExpressionKind::Method {
        receiver: product,
        method: Name::made(method),
        arguments: vec![positional(number)],
    })
}

/// A method of the first argument. What was just multiplied or divided is nobody else's and needed for no derivative: it
/// is changed in place.
fn method(operator: &str, mut arguments: Vec<Expression>) -> Expression {
    use BinaryOperator::{Divide, Multiply};
    let receiver = arguments.remove(0);
    let is_fresh = match &receiver.kind {
        ExpressionKind::Binary(operator, ..) => matches!(operator, Multiply | Divide),
        ExpressionKind::Call { function, .. } => function.text == "_scaled",
        _ => false,
    };
    let operator = if is_fresh {
        format!("{operator}_")
    } else {
        operator.to_owned()
    };
    Expression::made(ExpressionKind::Method {
        receiver: Box::new(receiver),
        method: Name::made(operator.as_str()),
        arguments: arguments.into_iter().map(positional).collect(),
    })
}

/// The matrix form where it means what the equation says.
fn readable<'e>(writer: &Writer, equation: &'e Equation) -> Option<&'e Expression> {
    let matrix = equation.matrix.as_deref();
    matrix.filter(|tree| reads_back(tree, equation, writer.program))
}

/// The right side in NumPy's words, from the matrix form where that will do.
fn value(writer: &mut Writer, equation: &Equation) -> Result<Expression, Diagnostic> {
    let value = written(writer, equation)?;
    Ok(match writer.library {
        // Each operation goes through memory.
        Library::Torch => python::scalars_first(&value, &|tree| writer.is_scalar(tree)),
        _ => value,
    })
}

fn written(writer: &mut Writer, equation: &Equation) -> Result<Expression, Diagnostic> {
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
    let mut text = sizes(writer, definitions, inputs)?;
    let mut known = HashSet::new();
    for definition in definitions {
        text.push_str(&definition.line(writer, &mut known)?);
    }
    Ok(text)
}

/// The lines that read the sizes that definitions mention from the shapes of the inputs.
pub(super) fn sizes(
    writer: &Writer,
    definitions: &[&Definition],
    inputs: &[Tensor],
) -> Result<String, Diagnostic> {
    let mentioned = definitions.iter().flat_map(|definition| &definition.sizes);
    let mut wanted: HashSet<String> = mentioned.cloned().collect();
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
