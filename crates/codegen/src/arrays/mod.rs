//! Programs as modules for Python's array libraries.
//!
//! `matrix` writes what has a matrix form, `index` (with `product` and `contraction`) everything else, `self_test` the
//! comparison at the end of the module. This file puts the functions together: which definitions each of them needs, in
//! which order.

mod autograd;
mod contraction;
mod cotangent;
mod definition;
mod differentiable;
mod fused;
mod index;
mod jax;
mod kept;
mod kernels;
mod linalg;
mod matrix;
mod numpy;
mod order;
mod patterns;
mod positions;
mod product;
mod python;
mod self_test;
mod spelling;
mod torch;
mod writer;

use std::fmt::Write;

use backprove_calculus::{Fact, Gradient, Program, Tensor};
use backprove_syntax::Diagnostic;

use crate::Options;
use crate::formula::Formula;
use crate::functions::{highest_order, primed};
use crate::mentions;
use definition::{Definition, body, define, needed};
pub use differentiable::{jax, torch};
use kernels::Recognised;
pub use order::{jax_derivative, numpy_derivative, torch_derivative};
use spelling::Library;
use writer::{Writer, described};

/// A self-contained module that imports only NumPy (and SciPy's special functions where it needs one) and defines
/// `forward` and `gradient`.
///
/// Both take the abstract functions as callables (`h`, `h_prime`), then the declared tensors in order of declaration;
/// `gradient` takes the cotangent last where the output is not a scalar, and returns a dict from the name of each
/// variable to an array of its shape. Run as a program, the module compares its gradients with central differences.
pub fn numpy(gradient: &Gradient, options: &Options) -> Result<String, Diagnostic> {
    let program = gradient.program();
    let mut writer = Writer::new(&program, Library::Numpy);
    let (module, orders) = Module::of(&mut writer, gradient, &Recognised::default())?;
    let forward = module.forward(&mut writer)?;
    let backward = module.gradient(&mut writer, gradient)?;
    let test = self_test::self_test(&mut writer, gradient, &orders);
    Ok(module.text(&writer, options, &forward, &backward, &test))
}

/// Gives every tensor, size and function its identifier; returns the highest derivative of each abstract function.
fn name_all(writer: &mut Writer, primal: &Program) -> Vec<usize> {
    let program = writer.program;
    let targets = program.equations.iter().map(|equation| &equation.target);
    for tensor in program.inputs.iter().chain(targets) {
        writer.names.add(tensor.name(), tensor.name());
        let labels = tensor.facts().iter().filter_map(|fact| match fact {
            Fact::Labels(classes) => Some(classes),
            _ => None,
        });
        for dim in tensor.dims().iter().chain(labels) {
            for symbol in dim.symbols() {
                writer.names.add(&symbol, &symbol);
                writer.note_size(&symbol);
            }
        }
    }
    let mut orders = Vec::new();
    for name in &primal.functions {
        let highest = highest_order(program, name);
        for order in 0..=highest {
            let wish = format!("{name}{}", "_prime".repeat(order));
            writer.names.add(&primed(name, order), &wish);
        }
        orders.push(highest);
    }
    orders
}

/// The parameters that abstract functions are.
fn callables(writer: &Writer, primal: &Program, orders: &[usize]) -> Vec<String> {
    let functions = primal.functions.iter().zip(orders);
    functions
        .flat_map(|(name, highest)| (0..=*highest).map(move |order| primed(name, order)))
        .filter_map(|name| writer.names.get(&name).map(str::to_owned))
        .collect()
}

fn nothing() -> Diagnostic {
    Diagnostic::error("nothing-to-emit", "the program defines nothing")
}

/// All that the functions of the module are made of.
struct Module<'a> {
    /// The program whose last definition is differentiated.
    primal: &'a Program,
    definitions: Vec<Definition>,
    functions: Vec<String>,
}

impl<'p> Module<'p> {
    /// What a module of gradients defines, everything named; with the highest derivative of each abstract function.
    fn of(
        writer: &mut Writer,
        gradient: &'p Gradient,
        recognised: &Recognised,
    ) -> Result<(Self, Vec<usize>), Diagnostic> {
        let primal = &gradient.forward;
        let orders = name_all(writer, primal);
        for (tensor, _) in &recognised.beside {
            writer.names.add(tensor.name(), tensor.name());
        }
        let equations = writer.program.equations.iter();
        let definitions = equations.map(|equation| define(writer, equation, recognised));
        let mut definitions = definitions.collect::<Result<Vec<_>, _>>()?;
        for (tensor, line) in recognised.beside.iter().rev() {
            if writer.program.tensor(tensor.name()).is_none() {
                let formula = Formula::Matrix(String::new());
                let beside = Definition::beside(tensor, line, formula);
                definitions.insert(primal.equations.len(), beside);
            }
        }
        let module = Self {
            primal,
            definitions,
            functions: callables(writer, primal, &orders),
        };
        Ok((module, orders))
    }
}

impl Module<'_> {
    /// The whole module: only those private functions that are used, and only what they need imported.
    fn text(
        &self,
        writer: &Writer,
        options: &Options,
        forward: &str,
        derived: &str,
        test: &str,
    ) -> String {
        let mut used = format!("{forward}\n\n{derived}");
        let mut private = String::new();
        // A function is used by what follows it, or by another one that was asked for later.
        for (_, function) in writer.private.iter().rev() {
            let name = function.trim_start_matches("def ");
            let name = name.split('(').next().unwrap_or_default();
            if mentions(&used, &format!("{name}(")) {
                used.push_str(function);
                private.insert_str(0, &format!("\n\n{function}"));
            }
        }
        let mut text = self.head(writer, options);
        let imports: &[(&str, &str)] = match writer.library {
            Library::Numpy => &[
                ("", "import numpy as np\n"),
                ("special.", "from scipy import special\n"),
            ],
            Library::Torch => &[("math.", "import math\n\n"), ("", "import torch\n")],
            Library::Jax => &[
                ("functools.", "import functools\n\n"),
                ("math.", "import math\n\n"),
                ("", "import jax\nimport jax.numpy as jnp\n"),
            ],
        };
        let imports = imports.iter().filter(|(word, _)| mentions(&used, word));
        let imports: String = imports.map(|(_, import)| *import).collect();
        text.push_str(&imports.replace("\n\nimport math", "\nimport math"));
        text.push_str(&private);
        let _ = write!(text, "\n\n{forward}\n\n{derived}\n{test}");
        text
    }

    fn head(&self, writer: &Writer, options: &Options) -> String {
        let title = if options.title.is_empty() {
            "A program and its gradients, derived by Backprove."
        } else {
            options.title.as_str()
        };
        let mut text = format!("\"\"\"{title}\n\n");
        if !self.functions.is_empty() {
            let names = self.functions.join(", ");
            let _ = writeln!(
                text,
                "    {names}  element-wise functions and their derivatives"
            );
        }
        for tensor in &self.primal.inputs {
            let shape = described(tensor, &writer.names);
            let labels = tensor.facts().iter().find_map(|fact| match fact {
                Fact::Labels(classes) => Some(format!(", integers below {classes}")),
                _ => None,
            });
            let labels = labels.unwrap_or_default();
            let _ = writeln!(text, "    {}  {shape}{labels}", tensor.name());
        }
        text.push('\n');
        for definition in self.forward_definitions() {
            let formula = definition.formula.text(definition.target.name());
            text.push_str(&python::line(&formula));
        }
        text.push_str("\"\"\"\n\n");
        text.replace('\\', "\\\\")
    }

    fn forward_definitions(&self) -> &[Definition] {
        &self.definitions[..self.primal.equations.len()]
    }

    fn forward(&self, writer: &mut Writer) -> Result<String, Diagnostic> {
        let definitions = self.forward_definitions();
        let output = definitions.last().ok_or_else(nothing)?;
        let inputs = &self.primal.inputs;
        let needed = needed(definitions, [output.target.name()]);
        let mut text = self.signature(writer, "forward", inputs);
        let shape = described(&output.target, &writer.names);
        let name = identifier(writer, output.target.name())?;
        let _ = writeln!(
            text,
            "    \"\"\"Return {}, {}.\"\"\"",
            name,
            with_article(&shape)
        );
        text.push_str(&body(writer, &needed, inputs)?);
        let _ = writeln!(text, "    return {name}");
        Ok(text)
    }

    /// By variable: what is returned for it, and the formula.
    fn results<'g>(&self, gradient: &'g Gradient) -> Vec<(&'g Tensor, Option<&Definition>)> {
        let found = |variable: &Tensor| {
            let derivation = gradient.derivation(variable.name())?;
            let name = derivation.gradient.name();
            let mut definitions = self.definitions.iter();
            definitions.find(|own| own.target.name() == name)
        };
        let variables = gradient.wrt.iter();
        variables
            .map(|variable| (variable, found(variable)))
            .collect()
    }

    fn gradient(&self, writer: &mut Writer, gradient: &Gradient) -> Result<String, Diagnostic> {
        let mut inputs = gradient.forward.inputs.clone();
        inputs.extend(gradient.seed.clone());
        let results = self.results(gradient);
        let targets = results
            .iter()
            .filter_map(|(_, found)| found.map(|own| own.target.name()));
        let needed = needed(&self.definitions, targets);

        let mut text = self.signature(writer, "gradient", &inputs);
        text.push_str(&gradient_docstring(gradient, None, &[], &results));
        text.push_str(&body(writer, &needed, &inputs)?);
        let mut entries = Vec::new();
        for (variable, found) in &results {
            entries.push((
                format!("\"{}\"", variable.name()),
                returned(writer, gradient, variable, *found)?,
            ));
        }
        text.push_str(&returned_dict(&entries));
        Ok(text)
    }

    /// The line that opens a function.
    fn signature(&self, writer: &Writer, name: &str, inputs: &[Tensor]) -> String {
        let tensors = inputs
            .iter()
            .filter_map(|input| writer.names.get(input.name()));
        let functions = self.functions.iter().map(String::as_str);
        let parameters: Vec<&str> = functions.chain(tensors).collect();
        let line = format!("def {name}({}):\n", parameters.join(", "));
        if line.chars().count() <= 89 {
            return line;
        }
        let mut text = format!("def {name}(\n");
        for parameter in parameters {
            let _ = writeln!(text, "    {parameter},");
        }
        text.push_str("):\n");
        text
    }
}

/// The docstring of a function of gradients; `by` is the cotangent of a scalar, where there is one. What stands `before` is
/// mentioned by the formulas of the results.
fn gradient_docstring(
    gradient: &Gradient,
    by: Option<&Tensor>,
    before: &[&Definition],
    results: &[(&Tensor, Option<&Definition>)],
) -> String {
    let loss = &gradient.loss;
    let mut text = match (&gradient.seed, by) {
        (Some(seed), _) => {
            let output = gradient.forward.output();
            let output = output.map_or("", |equation| equation.target.name());
            format!(
                "    \"\"\"Return the gradients of a scalar {loss} for {} = d{loss}/d{output}.\n\n",
                seed.name()
            )
        }
        (None, Some(by)) => format!(
            "    \"\"\"Return the gradients of {loss}, each times {}.\n\n",
            by.name()
        ),
        (None, None) => format!("    \"\"\"Return the gradients of {loss}.\n\n"),
    };
    for own in before {
        text.push_str(&python::line(&own.formula.text(own.target.name())));
    }
    for (variable, found) in results {
        if let Some(definition) = found {
            let left = format!("d{loss}/d{}", variable.name());
            text.push_str(&python::line(&definition.formula.text(&left)));
        }
    }
    text.push_str("    \"\"\"\n");
    text.replace('\\', "\\\\")
}

/// What stands for a variable in the returned dict: an array of its own, that shares no memory with another.
fn returned(
    writer: &Writer,
    gradient: &Gradient,
    variable: &Tensor,
    found: Option<&Definition>,
) -> Result<String, Diagnostic> {
    let Some(definition) = found else {
        // The output itself: its gradient is the cotangent.
        return match &gradient.seed {
            Some(seed) => Ok(format!("{}.copy()", identifier(writer, seed.name())?)),
            None => Ok("np.array(1.0)".to_owned()),
        };
    };
    let name = identifier(writer, definition.target.name())?;
    Ok(match (variable.rank(), definition.is_view) {
        (0, _) => format!("np.array({name}, dtype=float)"),
        (_, true) => format!("{name}.copy()"),
        (_, false) => name,
    })
}

/// The line that returns a dict, or one line for each entry.
fn returned_dict(entries: &[(String, String)]) -> String {
    let pairs = entries
        .iter()
        .map(|(name, value)| format!("{name}: {value}"));
    let line = pairs.collect::<Vec<_>>().join(", ");
    if line.chars().count() <= 74 {
        return format!("    return {{{line}}}\n");
    }
    let mut text = String::from("    return {\n");
    for (name, value) in entries {
        let _ = writeln!(text, "        {name}: {value},");
    }
    text.push_str("    }\n");
    text
}

fn with_article(shape: &str) -> String {
    if shape == "scalar" {
        "a scalar".to_owned()
    } else {
        format!("of shape {shape}")
    }
}

fn identifier(writer: &Writer, name: &str) -> Result<String, Diagnostic> {
    let found = writer.names.get(name);
    found
        .map(str::to_owned)
        .ok_or_else(|| writer::unwritten(&format!("`{name}`")))
}
