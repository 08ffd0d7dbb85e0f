//! Programs as modules of Rust: matrices are `faer`'s, vectors slices, more axes an array that the module defines. `element`
//! and `sums` write the equations, `self_test` the comparison with central differences. This file puts the functions together.

mod element;
mod prelude;
mod self_test;
mod sums;
mod text;
mod writer;

use std::collections::HashSet;
use std::fmt::Write;

use backprove_calculus::functions;
use backprove_calculus::{Dim, Equation, Gradient, Tensor};
use backprove_syntax::Diagnostic;

use crate::Options;
use crate::formula::{Formula, reads_back};
use crate::functions::{highest_order, primed};
use crate::names::Names;
use element::holds_labels;
use text::{laid, mentions};
use writer::{Writer, unwritten};

/// Rust's keywords, and names that the module uses.
const RESERVED: &[&str] = &[
    "Self",
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "faer",
    "false",
    "final",
    "fn",
    "for",
    "forward",
    "gen",
    "gradient",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "f64",
    "usize",
    "isize",
    "Mat",
    "MatRef",
    "Gradient",
    "Vec",
    "Option",
    "None",
    "Some",
    "Draw",
    "draw",
    "low",
    "high",
    "loss",
    "central",
    "assert_close",
    "derived",
    "step",
    "i",
    "j",
    "k",
];

/// A module of Rust that needs `faer` and nothing else and defines `forward` and `gradient`.
///
/// Both take what they read: the abstract functions as callables (`h`, `h_prime`), then tensors in order of declaration,
/// matrices as `MatRef`, vectors as slices; `gradient` takes the cotangent last where the output is not a scalar, and
/// returns a struct with a field for each variable. A test in the module compares its gradients with central differences.
pub fn rust(gradient: &Gradient, options: &Options) -> Result<String, Diagnostic> {
    let program = gradient.program();
    let table = functions::table().map(|function| function.name);
    let reserved = RESERVED.iter().chain(prelude::NAMES).copied().chain(table);
    let names = Names::without(reserved.map(str::to_owned));
    let mut writer = Writer::new(&program, names);
    let callables = name_all(&mut writer, gradient);
    let mut tensors = program.inputs.iter().chain(&gradient.wrt);
    if tensors.any(|tensor| tensor.rank() > 2) {
        writer.define("Array", prelude::ARRAY);
    }
    let mut definitions = Vec::new();
    for equation in &program.equations {
        definitions.push(define(&mut writer, equation)?);
    }
    let module = Module {
        gradient,
        definitions,
        callables,
    };
    let (forward, given) = module.forward(&mut writer)?;
    let (derived, read) = module.derived(&mut writer)?;
    let test = self_test::self_test(&mut writer, gradient, &module.callables, &given, &read)?;
    Ok(module.text(&writer, options, &[&forward, &derived], &test))
}

/// Gives every tensor, size and function its identifier; returns the abstract functions, each with its derivatives.
fn name_all(writer: &mut Writer, gradient: &Gradient) -> Vec<(String, usize)> {
    let program = writer.program;
    let targets = program.equations.iter().map(|equation| &equation.target);
    for tensor in program.inputs.iter().chain(targets) {
        writer.names.add(tensor.name(), tensor.name());
        let labels = tensor.facts().iter().filter_map(element::classes);
        for dim in tensor.dims().iter().chain(labels) {
            for symbol in dim.symbols() {
                writer.names.add(&symbol, &symbol);
            }
        }
    }
    let mut callables = Vec::new();
    for name in &gradient.forward.functions {
        for order in 0..=highest_order(program, name) {
            let wish = format!("{name}{}", "_prime".repeat(order));
            writer.names.add(&primed(name, order), &wish);
            callables.push((primed(name, order), order));
        }
    }
    callables
}

/// An equation in Rust.
struct Definition {
    target: Tensor,
    value: String,
    /// What is worked out first: name and value.
    parts: Vec<(String, String)>,
    reads: HashSet<String>,
    sizes: HashSet<String>,
    formula: Formula,
}

fn define(writer: &mut Writer, equation: &Equation) -> Result<Definition, Diagnostic> {
    writer.begin();
    let mut value = writer.array(&equation.body, &equation.indices)?;
    // A part that is the whole needs no name of its own.
    if writer.parts.last().is_some_and(|(name, _)| *name == value)
        && let Some((_, whole)) = writer.parts.pop()
    {
        value = whole;
    }
    let matrix = equation.matrix.as_deref();
    let matrix = matrix.filter(|tree| reads_back(tree, equation, writer.program));
    Ok(Definition {
        target: equation.target.clone(),
        value,
        parts: std::mem::take(&mut writer.parts),
        reads: std::mem::take(&mut writer.reads),
        sizes: std::mem::take(&mut writer.sizes),
        formula: Formula::of(equation, matrix),
    })
}

/// The widest fields of a struct that stand on one line.
const FIELDS: usize = 18;

/// What a function takes: the callables, then the tensors.
struct Parameters {
    callables: Vec<String>,
    tensors: Vec<Tensor>,
}

struct Module<'a> {
    gradient: &'a Gradient,
    definitions: Vec<Definition>,
    callables: Vec<(String, usize)>,
}

impl Module<'_> {
    fn text(&self, writer: &Writer, options: &Options, functions: &[&str], test: &str) -> String {
        let mut used = functions.join("\n");
        let mut private = String::new();
        // A function is used by what follows it, or by another one that was asked for later.
        for (name, text) in writer.private.iter().rev() {
            if mentions(&used, name) {
                used.push_str(text);
                private.insert_str(0, &format!("\n{text}"));
            }
        }
        let mut text = self.head(writer, options);
        if used.contains(".max(") && used.contains(".min(") {
            text.push_str(
                "// `clamp` panics where its bounds cross.\n#![allow(clippy::manual_clamp)]\n\n",
            );
        }
        if mentions(&used, "inverse") && used.contains(".inverse()") {
            text.push_str("use faer::linalg::solvers::DenseSolveCore;\n");
        }
        match (mentions(&used, "Mat"), mentions(&used, "MatRef")) {
            (true, true) => text.push_str("use faer::{Mat, MatRef};\n"),
            (true, false) => text.push_str("use faer::Mat;\n"),
            (false, true) => text.push_str("use faer::MatRef;\n"),
            (false, false) => {}
        }
        let test = if mentions(test, "Mat") && !mentions(&used, "Mat") {
            test.replacen(
                "    use super::*;\n",
                "    use faer::Mat;\n\n    use super::*;\n",
                1,
            )
        } else {
            test.to_owned()
        };
        // Without an import the head's own empty line is there already.
        let body = format!("{private}\n{}\n{test}", functions.join("\n"));
        let body = if text.ends_with("\n\n") {
            body.trim_start()
        } else {
            &body
        };
        text.push_str(body);
        text
    }

    fn head(&self, writer: &Writer, options: &Options) -> String {
        let title = if options.title.is_empty() {
            "A program and its gradients, derived by Backprove."
        } else {
            options.title.as_str()
        };
        let mut text = format!("//! {title}\n//!\n//! ```text\n");
        for tensor in &self.gradient.forward.inputs {
            let labels = tensor.facts().iter().find_map(element::classes);
            let labels = labels.map(|classes| format!(", integers below {classes}"));
            let (shape, labels) = (shape_text(writer, tensor), labels.unwrap_or_default());
            let _ = writeln!(text, "//! {}  {shape}{labels}", tensor.name());
        }
        text.push_str("//!\n");
        for definition in self.primal() {
            let _ = writeln!(
                text,
                "//! {}",
                definition.formula.text(definition.target.name())
            );
        }
        text.push_str(
            "//! ```\n\n// The letters are those of the formulas.\n#![allow(non_snake_case)]\n\n",
        );
        text
    }

    fn primal(&self) -> &[Definition] {
        &self.definitions[..self.gradient.forward.equations.len()]
    }

    /// The definitions on which `targets` depend, in order.
    fn needed(&self, targets: &[&str]) -> Vec<&Definition> {
        let mut wanted: HashSet<&str> = targets.iter().copied().collect();
        let mut needed = Vec::new();
        for definition in self.definitions.iter().rev() {
            if wanted.contains(definition.target.name()) {
                wanted.extend(definition.reads.iter().map(String::as_str));
                needed.push(definition);
            }
        }
        needed.reverse();
        needed
    }

    /// What definitions read of the inputs, and the lines that read sizes from shapes.
    fn parameters(
        &self,
        writer: &Writer,
        definitions: &[&Definition],
        always: &[Tensor],
    ) -> Result<(Parameters, String), Diagnostic> {
        let reads = |tensor: &Tensor| {
            always.contains(tensor)
                || definitions
                    .iter()
                    .any(|definition| definition.reads.contains(tensor.name()))
        };
        let inputs = &self.gradient.forward.inputs;
        let all: Vec<&Tensor> = inputs.iter().chain(&self.gradient.seed).collect();
        let body: Vec<&str> = definitions
            .iter()
            .flat_map(|own| own.parts.iter().map(|(_, part)| part).chain([&own.value]))
            .map(String::as_str)
            .collect();
        let mut sizes: Vec<&String> = definitions.iter().flat_map(|own| &own.sizes).collect();
        sizes.sort();
        sizes.dedup();
        let mut chosen: Vec<bool> = all.iter().map(|tensor| reads(tensor)).collect();
        let mut lines = Vec::new();
        for size in sizes {
            let own = identifier(writer, size)?;
            // What is written as a product of matrices needs no size.
            if !body.iter().any(|text| mentions(text, &own)) {
                continue;
            }
            let axis = |tensor: &Tensor| {
                let mut dims = tensor.dims().iter();
                dims.position(|dim| matches!(dim, Dim::Symbol(own) if **own == **size))
            };
            let has = |place: &usize| axis(all[*place]).is_some();
            let place = (0..all.len()).filter(|place| chosen[*place]).find(has);
            let place = place.or_else(|| (0..all.len()).find(has)).ok_or_else(|| {
                let message = format!("the size `{size}` is not the extent of any argument");
                Diagnostic::error("unknown-size", message)
                    .help(format!("declare a tensor with an axis of extent `{size}`"))
            })?;
            chosen[place] = true;
            let tensor = all[place];
            let name = identifier(writer, tensor.name())?;
            let value = match (tensor.rank(), axis(tensor)) {
                (1, _) => format!("{name}.len()"),
                (2, Some(0)) => format!("{name}.nrows()"),
                (2, _) => format!("{name}.ncols()"),
                (_, axis) => format!("{name}.shape[{}]", axis.unwrap_or_default()),
            };
            lines.push((place, axis(tensor), format!("    let {own} = {value};\n")));
        }
        lines.sort();
        let tensors = all.iter().zip(&chosen).filter(|(_, chosen)| **chosen);
        let mut callables = Vec::new();
        for (name, _) in &self.callables {
            let name = identifier(writer, name)?;
            if body.iter().any(|text| mentions(text, &name)) {
                callables.push(name);
            }
        }
        let parameters = Parameters {
            callables,
            tensors: tensors.map(|(tensor, _)| (*tensor).clone()).collect(),
        };
        let lines = lines.into_iter().map(|(.., line)| line);
        Ok((parameters, lines.collect()))
    }

    fn forward(&self, writer: &mut Writer) -> Result<(String, Parameters), Diagnostic> {
        let output = self
            .primal()
            .last()
            .ok_or_else(|| Diagnostic::error("nothing-to-emit", "the program defines nothing"))?;
        let needed = self.needed(&[output.target.name()]);
        let (parameters, sizes) = self.parameters(writer, &needed, &[])?;
        let shape = shape_text(writer, &output.target);
        let name = output.target.name();
        let mut text = format!("/// `{name}`, {shape}.\n");
        text.push_str(&signature(
            writer,
            "forward",
            &parameters,
            &owned(&output.target),
        )?);
        text.push_str(&sizes);
        for definition in &needed[..needed.len() - 1] {
            text.push_str(&line(writer, definition)?);
        }
        text.push_str(&parts(output));
        let _ = writeln!(text, "{}\n}}", laid(4, "", &output.value, ""));
        Ok((text, parameters))
    }

    fn derived(&self, writer: &mut Writer) -> Result<(String, Parameters), Diagnostic> {
        let gradient = self.gradient;
        let mut fields = String::new();
        let mut docs = String::new();
        let mut entries = Vec::new();
        let mut targets = Vec::new();
        let mut always = Vec::new();
        for variable in &gradient.wrt {
            let loss = &gradient.loss;
            let field = identifier(writer, variable.name())?;
            let left = format!("d{loss}/d{}", variable.name());
            let shape = shape_text(writer, variable);
            let _ = writeln!(fields, "    /// d{loss}/d{}, {shape}.", variable.name());
            let _ = writeln!(fields, "    pub {field}: {},", owned(variable));
            let derivation = gradient.derivation(variable.name());
            let found = derivation.and_then(|derivation| {
                let name = derivation.gradient.name();
                self.definitions
                    .iter()
                    .find(|own| own.target.name() == name)
            });
            let value = match (found, &gradient.seed) {
                (Some(definition), _) => {
                    targets.push(definition.target.name());
                    let _ = writeln!(docs, "/// {}", definition.formula.text(&left));
                    identifier(writer, definition.target.name())?
                }
                // The output itself: its gradient is the cotangent.
                (None, Some(seed)) => {
                    always.push(seed.clone());
                    let name = identifier(writer, seed.name())?;
                    match seed.rank() {
                        0 => name,
                        1 => format!("{name}.to_vec()"),
                        2 => format!("{name}.to_owned()"),
                        _ => format!("{name}.clone()"),
                    }
                }
                (None, None) => "1.0".to_owned(),
            };
            entries.push(format!("{field}: {value}"));
        }
        let needed = self.needed(&targets);
        let (parameters, sizes) = self.parameters(writer, &needed, &always)?;
        let of = match &gradient.seed {
            Some(seed) => format!(
                "of a scalar {} whose derivative by the output is `{}`",
                gradient.loss,
                seed.name()
            ),
            None => format!("of `{}`", gradient.loss),
        };
        let mut text = format!(
            "/// The gradients {of}.\n#[derive(Debug, Clone)]\npub struct Gradient {{\n{fields}}}\n\n\
             /// The gradients {of}.\n///\n/// ```text\n{docs}/// ```\n"
        );
        text.push_str(&signature(writer, "gradient", &parameters, "Gradient")?);
        text.push_str(&sizes);
        for definition in needed {
            text.push_str(&line(writer, definition)?);
        }
        let line = entries.join(", ");
        let _ = if line.chars().count() <= FIELDS {
            write!(text, "    Gradient {{ {line} }}\n}}\n")
        } else {
            let lines = entries.join(",\n        ");
            write!(text, "    Gradient {{\n        {lines},\n    }}\n}}\n")
        };
        Ok((text, parameters))
    }
}

/// The lines of what is worked out before a definition.
fn parts(definition: &Definition) -> String {
    let lines = definition.parts.iter().map(|(name, value)| {
        let line = laid(4, &format!("let {name} = "), value, ";");
        line + "\n"
    });
    lines.collect()
}

/// The lines of a definition.
fn line(writer: &Writer, definition: &Definition) -> Result<String, Diagnostic> {
    let name = identifier(writer, definition.target.name())?;
    let shape = shape_text(writer, &definition.target);
    let mut text = parts(definition);
    let kind = if definition.target.rank() == 0 {
        ": f64"
    } else {
        ""
    };
    let before = format!("let {name}{kind} = ");
    let _ = writeln!(
        text,
        "{} // {shape}",
        laid(4, &before, &definition.value, ";")
    );
    Ok(text)
}

fn signature(
    writer: &Writer,
    name: &str,
    parameters: &Parameters,
    returned: &str,
) -> Result<String, Diagnostic> {
    let mut list = Vec::new();
    for callable in &parameters.callables {
        list.push(format!("{callable}: impl Fn(f64) -> f64"));
    }
    for tensor in &parameters.tensors {
        list.push(format!(
            "{}: {}",
            identifier(writer, tensor.name())?,
            borrowed(tensor)
        ));
    }
    let mut text = String::new();
    if list.len() > 7 {
        text.push_str(
            "#[allow(clippy::too_many_arguments)] // One for each letter of the formula.\n",
        );
    }
    Ok(text + &opening(0, &format!("pub fn {name}"), &list, returned))
}

/// The line that opens a function, or a line for each parameter.
fn opening(indent: usize, name: &str, parameters: &[String], returned: &str) -> String {
    let line = format!(
        "{:indent$}{name}({}) -> {returned} {{\n",
        "",
        parameters.join(", ")
    );
    if line.chars().count() <= 101 {
        return line;
    }
    let mut text = format!("{:indent$}{name}(\n", "");
    for parameter in parameters {
        let _ = writeln!(text, "{:indent$}    {parameter},", "");
    }
    text + &format!("{:indent$}) -> {returned} {{\n", "")
}

fn identifier(writer: &Writer, name: &str) -> Result<String, Diagnostic> {
    let found = writer.names.get(name);
    found
        .map(str::to_owned)
        .ok_or_else(|| unwritten(&format!("`{name}`")))
}

/// The type of an argument.
fn borrowed(tensor: &Tensor) -> String {
    let element = if holds_labels(tensor) { "usize" } else { "f64" };
    match tensor.rank() {
        0 => element.to_owned(),
        1 => format!("&[{element}]"),
        2 => format!("MatRef<'_, {element}>"),
        rank => format!("&Array<{rank}>"),
    }
}

/// The type of a result.
fn owned(tensor: &Tensor) -> String {
    match tensor.rank() {
        0 => "f64".to_owned(),
        1 => "Vec<f64>".to_owned(),
        2 => "Mat<f64>".to_owned(),
        rank => format!("Array<{rank}>"),
    }
}

fn shape_text(writer: &Writer, tensor: &Tensor) -> String {
    let size = |dim: &Dim| match dim {
        Dim::Symbol(symbol) => writer.names.get(symbol).unwrap_or(symbol).to_owned(),
        other => other.to_string(),
    };
    match tensor.dims() {
        [] => "a scalar".to_owned(),
        dims => dims.iter().map(size).collect::<Vec<_>>().join(" × "),
    }
}
