//! Modules for libraries that differentiate by themselves: the derived backward pass beside the forward one, and a function
//! that ties the two, so that the library uses it instead of its own. Nothing here knows a derivative.

use std::collections::HashSet;
use std::fmt::Write;

use backprove_calculus::{Dim, Gradient, Tensor};
use backprove_syntax::Diagnostic;

use super::autograd;
use super::cotangent::Seeded;
use super::definition::{Definition, body, needed};
use super::kept;
use super::kernels::{self, Recognised};
use super::python;
use super::self_test;
use super::spelling::Library;
use super::writer::{Writer, described};
use super::{Module, identifier, with_article};
use crate::Options;

/// A self-contained module that imports only PyTorch and defines `forward`, the `torch.autograd.Function` of it and its
/// derived backward pass (`Derived`), and `function`, which applies that.
///
/// `forward` takes the abstract functions as callables (`h`, `h_prime`), then the declared tensors in order of
/// declaration, and returns the output. `function` takes and returns the same, and its gradients are the derived ones; it
/// can be differentiated twice. Run as a program, the module compares itself with automatic differentiation of `forward`.
pub fn torch(gradient: &Gradient, options: &Options) -> Result<String, Diagnostic> {
    emit(gradient, options, Library::Torch)
}

/// A self-contained module that imports only JAX and defines `forward` as [`torch`] does, `backward`, and `function`, a
/// `jax.custom_vjp` of both. `backward` takes what it reads, then the cotangent, and returns a tuple of the gradients.
pub fn jax(gradient: &Gradient, options: &Options) -> Result<String, Diagnostic> {
    emit(gradient, options, Library::Jax)
}

fn emit(gradient: &Gradient, options: &Options, library: Library) -> Result<String, Diagnostic> {
    let mut seeded = Seeded::of(gradient);
    let seed = seeded.seed.clone();
    let gradient = match library {
        Library::Torch => kept::named(gradient, &mut seeded),
        // What JAX compiles it shares itself.
        _ => gradient.clone(),
    };
    let recognised = match library {
        Library::Torch => kernels::recognised(&gradient, seeded),
        // What JAX compiles needs no operators.
        _ => Recognised {
            program: seeded.program,
            derived: seeded.derived,
            ..Recognised::default()
        },
    };
    let mut writer = Writer::new(&recognised.program, library);
    let (module, orders) = Module::of(&mut writer, &gradient, &recognised)?;
    let passes = Passes::of(&module, &gradient, seed, library)?;
    let forward = passes.forward(&writer)?;
    let derived = match library {
        Library::Torch => autograd::function(&passes, &mut writer)?,
        _ => passes.backward(&writer)? + "\n\n" + &passes.jax(&writer)?,
    };
    let test = self_test::against_library(&mut writer, &gradient, &orders);
    Ok(module.text(&writer, options, &forward, &derived, &test))
}

/// Which definitions belong to which pass.
pub(super) struct Passes<'m> {
    pub module: &'m Module<'m>,
    pub gradient: &'m Gradient,
    /// The cotangent of the output.
    pub seed: Tensor,
    pub output: &'m Definition,
    /// What the forward pass works out.
    forward: Vec<&'m Definition>,
    /// What it hands to the backward pass beside the output.
    pub saved: Vec<&'m Definition>,
    /// What the backward pass works out.
    pub backward: Vec<&'m Definition>,
    /// What the backward pass reads: inputs, the output, what is saved.
    pub read: Vec<&'m Tensor>,
    /// By variable: its gradient, if it is not the cotangent.
    pub results: Vec<(&'m Tensor, Option<&'m Definition>)>,
}

impl<'m> Passes<'m> {
    fn of(
        module: &'m Module<'m>,
        gradient: &'m Gradient,
        seed: Tensor,
        library: Library,
    ) -> Result<Self, Diagnostic> {
        let primal = module.forward_definitions();
        let output = primal.last().ok_or_else(super::nothing)?;
        let forward = needed(primal, [output.target.name()]);
        let mut results = module.results(gradient);
        if library == Library::Torch {
            // PyTorch asks for gradients of arguments only.
            results.retain(|(variable, _)| gradient.forward.inputs.contains(variable));
        }
        let targets = results.iter().filter_map(|(_, found)| *found);
        let mut wanted: HashSet<&str> = targets.map(|own| own.target.name()).collect();
        let (mut backward, mut saved) = (Vec::new(), Vec::new());
        let mut reads_output = false;
        let is_forward = |own: &Definition| {
            let is_line_of = |line: &&Definition| own.reads.contains(line.target.name());
            forward.iter().any(|line| std::ptr::eq(*line, own))
                || own.is_beside && forward.iter().any(is_line_of)
        };
        for definition in module.definitions.iter().rev() {
            if !wanted.contains(definition.target.name()) {
                continue;
            }
            if std::ptr::eq(definition, output) {
                reads_output = true;
            } else if is_forward(definition) {
                saved.push(definition);
            } else {
                wanted.extend(definition.reads.iter().map(String::as_str));
                backward.push(definition);
            }
        }
        saved.reverse();
        backward.reverse();
        let inputs = gradient.forward.inputs.iter();
        let mut read: Vec<&Tensor> = inputs
            .clone()
            .filter(|input| wanted.contains(input.name()))
            .collect();
        let sizes = backward.iter().flat_map(|definition| &definition.sizes);
        for size in sizes {
            let has = |tensor: &&Tensor| {
                let dims = tensor.dims().iter();
                dims.into_iter()
                    .any(|dim| matches!(dim, Dim::Symbol(own) if **own == **size))
            };
            let known = read.iter().copied().chain([&seed]);
            let saved = saved.iter().map(|definition| &definition.target);
            if !known.chain(saved).any(|tensor| has(&tensor)) {
                read.extend(inputs.clone().find(has));
            }
        }
        let place = |tensor: &&Tensor| inputs.clone().position(|input| input == *tensor);
        read.sort_by_key(place);
        read.extend(reads_output.then_some(&output.target));
        read.extend(saved.iter().map(|definition| &definition.target));
        Ok(Self {
            module,
            gradient,
            seed,
            output,
            forward,
            saved,
            backward,
            read,
            results,
        })
    }

    /// The identifiers of tensors.
    pub(super) fn names<'t>(
        writer: &Writer,
        tensors: impl IntoIterator<Item = &'t Tensor>,
    ) -> Result<Vec<String>, Diagnostic> {
        let names = tensors.into_iter();
        names
            .map(|tensor| identifier(writer, tensor.name()))
            .collect()
    }

    /// The callables and the declared tensors: what `forward` takes.
    pub(super) fn arguments(&self, writer: &Writer) -> Result<Vec<String>, Diagnostic> {
        let mut arguments = self.module.functions.clone();
        arguments.extend(Self::names(writer, &self.gradient.forward.inputs)?);
        Ok(arguments)
    }

    /// What the function that works out the output and what is saved returns beside the output.
    fn beside(&self, writer: &Writer) -> Result<Vec<String>, Diagnostic> {
        match writer.library {
            // What JAX keeps, the function returns.
            Library::Jax => Self::names(writer, self.read.iter().copied()),
            _ => Self::names(writer, self.saved.iter().map(|own| &own.target)),
        }
    }

    /// The function that works out the output and what is saved.
    pub(super) fn saving(&self) -> &'static str {
        if self.saved.is_empty() {
            "forward"
        } else {
            "_forward"
        }
    }

    /// `forward`, and where something is saved the function that returns that as well.
    fn forward(&self, writer: &Writer) -> Result<String, Diagnostic> {
        let inputs = &self.gradient.forward.inputs;
        let shape = with_article(&described(&self.output.target, &writer.names));
        let name = identifier(writer, self.output.target.name())?;
        let body = body(writer, &self.forward, inputs)?;
        let mut text = self.module.signature(writer, "forward", inputs);
        let _ = writeln!(text, "    \"\"\"Return {name}, {shape}.\"\"\"");
        if self.saved.is_empty() {
            let _ = writeln!(text, "{body}    return {name}");
            return Ok(text);
        }
        text.push_str(&called("return _forward", &self.arguments(writer)?, "[0]"));
        text.push_str("\n\n");
        text.push_str(&self.module.signature(writer, "_forward", inputs));
        let beside = self.beside(writer)?;
        let _ = writeln!(
            text,
            "    \"\"\"Return {name}, then what the backward pass reads: {}.\"\"\"",
            beside.join(", ")
        );
        let beside = match writer.library {
            Library::Jax => parenthesised(&beside),
            _ => beside.join(", "),
        };
        let _ = writeln!(text, "{body}    return {name}, {beside}");
        Ok(text)
    }

    fn backward(&self, writer: &Writer) -> Result<String, Diagnostic> {
        let read = self.read.iter().copied().chain([&self.seed]);
        let inputs: Vec<Tensor> = read.cloned().collect();
        let mut text = self.module.signature(writer, "backward", &inputs);
        text.push_str(&super::gradient_docstring(
            self.gradient,
            Some(&self.seed),
            &[],
            &self.results,
        ));
        text.push_str(&body(writer, &self.backward, &inputs)?);
        let mut entries = Vec::new();
        for (_, found) in &self.results {
            let of = found.map_or(&self.seed, |own| &own.target);
            entries.push(identifier(writer, of.name())?);
        }
        let _ = writeln!(text, "    return {}", tuple(&entries));
        Ok(text)
    }

    /// What stands for each argument of `function` in the tuple of its gradients: `None` where nothing was asked for.
    fn gradients(&self, writer: &Writer) -> Result<[Vec<String>; 2], Diagnostic> {
        let mut names = Vec::new();
        for (variable, found) in &self.results {
            let is_input = self.gradient.forward.inputs.contains(variable);
            names.push(match found {
                Some(own) if is_input => identifier(writer, own.target.name())?,
                _ => "_".to_owned(),
            });
        }
        let mut entries = Vec::new();
        for input in &self.gradient.forward.inputs {
            let place = self.results.iter().position(|(own, _)| *own == input);
            entries.push(match place {
                None => "None".to_owned(),
                Some(place) => names[place].clone(),
            });
        }
        Ok([names, entries])
    }

    /// `function`, which takes what `forward` takes and returns the result of a call.
    pub(super) fn function(
        &self,
        writer: &Writer,
        callee: &str,
        rest: &str,
    ) -> Result<String, Diagnostic> {
        let inputs = &self.gradient.forward.inputs;
        let shape = with_article(&described(&self.output.target, &writer.names));
        let name = identifier(writer, self.output.target.name())?;
        let mut text = self.module.signature(writer, "function", inputs);
        let _ = writeln!(
            text,
            "    \"\"\"Return {name}, {shape}; its gradients are those of backward().\"\"\""
        );
        text.push_str(&called(
            &format!("return {callee}"),
            &self.arguments(writer)?,
            rest,
        ));
        Ok(text)
    }

    fn jax(&self, writer: &Writer) -> Result<String, Diagnostic> {
        let cotangent = identifier(writer, self.seed.name())?;
        let count = self.module.functions.len();
        let mut text = if count == 0 {
            "@jax.custom_vjp\n".to_owned()
        } else {
            let places: Vec<String> = (0..count).map(|place| place.to_string()).collect();
            let places = parenthesised(&places);
            format!("@functools.partial(jax.custom_vjp, nondiff_argnums={places})\n")
        };
        text.push_str(&self.function(writer, "forward", "")?);
        if self.saved.is_empty() {
            let inputs = &self.gradient.forward.inputs;
            let output = identifier(writer, self.output.target.name())?;
            let _ = write!(
                text,
                "\n\n{}{}    return {output}, {}\n",
                self.module.signature(writer, "_forward", inputs),
                called(&format!("{output} = forward"), &self.arguments(writer)?, ""),
                parenthesised(&self.beside(writer)?),
            );
        }
        let mut functions = self.module.functions.join(", ");
        if !functions.is_empty() {
            functions.push_str(", ");
        }
        let [names, entries] = self.gradients(writer)?;
        // What JAX keeps may come back as literals, which lack operators that arrays have.
        let _ = write!(
            text,
            "\n\ndef _backward({functions}kept, {cotangent}):\n    {} = backward({functions}*map(jnp.asarray, kept), {cotangent})\n    return {}\n\n\n\
             function.defvjp(_forward, _backward)\n",
            tuple(&names),
            tuple(&entries),
        );
        Ok(text)
    }
}

/// `head(arguments)rest` as a line of a function's body, over several where it would be too long.
fn called(head: &str, arguments: &[String], rest: &str) -> String {
    let line = format!("    {head}({}){rest}\n", arguments.join(", "));
    if line.chars().count() <= python::WIDTH + 1 {
        return line;
    }
    let mut text = format!("    {head}(\n");
    for argument in arguments {
        let _ = writeln!(text, "        {argument},");
    }
    let _ = writeln!(text, "    ){rest}");
    text
}

/// `a, b`, or `(a,)` for a single one.
pub(super) fn tuple(entries: &[String]) -> String {
    match entries {
        [] => "()".to_owned(),
        [only] => format!("({only},)"),
        several => several.join(", "),
    }
}

/// The same in parentheses.
fn parenthesised(entries: &[String]) -> String {
    match entries {
        [] | [_] => tuple(entries),
        several => format!("({})", several.join(", ")),
    }
}
