//! Modules for libraries that differentiate by themselves: the derived backward pass beside the forward one, and a function
//! that ties the two, so that the library uses it instead of its own. Nothing here knows a derivative.

use std::collections::HashSet;
use std::fmt::Write;

use backprove_calculus::{Dim, Gradient, Tensor};
use backprove_syntax::Diagnostic;

use super::cotangent::Seeded;
use super::definition::{Definition, body, needed, sizes};
use super::kernels::{self, Recognised};
use super::self_test;
use super::spelling::Library;
use super::writer::{Writer, described};
use super::{Module, identifier, with_article};
use crate::{Options, mentions};

/// A self-contained module that imports only PyTorch and defines `forward`, `backward`, the `torch.autograd.Function`
/// that ties them (`Derived`), and `function`, which applies it.
///
/// `forward` takes the abstract functions as callables (`h`, `h_prime`), then the declared tensors in order of
/// declaration, and returns the output, in a tuple with what `backward` reads of the forward pass where that is
/// something. `backward` takes what it reads, then the cotangent, and returns a tuple of the gradients. `function` takes what `forward` takes and returns the output; it can be differentiated twice. Run as
/// a program, the module compares itself with automatic differentiation.
pub fn torch(gradient: &Gradient, options: &Options) -> Result<String, Diagnostic> {
    emit(gradient, options, Library::Torch)
}

/// A self-contained module that imports only JAX and defines `forward` and `backward` as [`torch`] does, and
/// `function`, a `jax.custom_vjp` of both.
pub fn jax(gradient: &Gradient, options: &Options) -> Result<String, Diagnostic> {
    emit(gradient, options, Library::Jax)
}

fn emit(gradient: &Gradient, options: &Options, library: Library) -> Result<String, Diagnostic> {
    let seeded = Seeded::of(gradient);
    let seed = seeded.seed.clone();
    let recognised = match library {
        Library::Torch => kernels::recognised(gradient, seeded),
        // What JAX compiles needs no operators.
        _ => Recognised {
            program: seeded.program,
            derived: seeded.derived,
            ..Recognised::default()
        },
    };
    let mut writer = Writer::new(&recognised.program, library);
    let (module, orders) = Module::of(&mut writer, gradient, &recognised)?;
    let passes = Passes::of(&module, gradient, seed)?;
    let forward = passes.forward(&writer)?;
    let mut derived = passes.backward(&writer)?;
    derived.push_str("\n\n");
    derived.push_str(&match library {
        Library::Torch => passes.torch(&writer)?,
        _ => passes.jax(&writer)?,
    });
    let is_alone = passes.saved.is_empty();
    let test = self_test::against_library(&mut writer, gradient, &orders, is_alone);
    Ok(module.text(&writer, options, &forward, &derived, &test))
}

/// Which definitions belong to which pass.
struct Passes<'m> {
    module: &'m Module<'m>,
    gradient: &'m Gradient,
    /// The cotangent of the output.
    seed: Tensor,
    output: &'m Definition,
    /// What the forward pass works out.
    forward: Vec<&'m Definition>,
    /// What it hands to the backward pass beside the output.
    saved: Vec<&'m Definition>,
    /// What the backward pass works out.
    backward: Vec<&'m Definition>,
    /// What the backward pass reads: inputs, the output, what is saved.
    read: Vec<&'m Tensor>,
    /// By variable: its gradient, if it is not the cotangent.
    results: Vec<(&'m Tensor, Option<&'m Definition>)>,
}

impl<'m> Passes<'m> {
    fn of(
        module: &'m Module<'m>,
        gradient: &'m Gradient,
        seed: Tensor,
    ) -> Result<Self, Diagnostic> {
        let primal = module.forward_definitions();
        let output = primal.last().ok_or_else(super::nothing)?;
        let forward = needed(primal, [output.target.name()]);
        let results = module.results(gradient);
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
    fn names<'t>(
        writer: &Writer,
        tensors: impl IntoIterator<Item = &'t Tensor>,
    ) -> Result<Vec<String>, Diagnostic> {
        let names = tensors.into_iter();
        names
            .map(|tensor| identifier(writer, tensor.name()))
            .collect()
    }

    /// The callables and the declared tensors: what `forward` takes.
    fn arguments(&self, writer: &Writer) -> Result<Vec<String>, Diagnostic> {
        let mut arguments = self.module.functions.clone();
        arguments.extend(Self::names(writer, &self.gradient.forward.inputs)?);
        Ok(arguments)
    }

    /// The output and what is saved: what `forward` returns.
    fn returned(&self, writer: &Writer) -> Result<String, Diagnostic> {
        let saved = self.saved.iter().map(|definition| &definition.target);
        let names = Self::names(writer, std::iter::once(&self.output.target).chain(saved))?;
        Ok(names.join(", "))
    }

    fn forward(&self, writer: &Writer) -> Result<String, Diagnostic> {
        let inputs = &self.gradient.forward.inputs;
        let mut text = self.module.signature(writer, "forward", inputs);
        let shape = with_article(&described(&self.output.target, &writer.names));
        let name = identifier(writer, self.output.target.name())?;
        let saved = Self::names(writer, self.saved.iter().map(|own| &own.target))?;
        let also = match saved.as_slice() {
            [] => String::new(),
            saved => format!(", then what backward() reads: {}", saved.join(", ")),
        };
        let _ = writeln!(text, "    \"\"\"Return {name}, {shape}{also}.\"\"\"");
        text.push_str(&body(writer, &self.forward, inputs)?);
        let _ = writeln!(text, "    return {}", self.returned(writer)?);
        Ok(text)
    }

    fn backward(&self, writer: &Writer) -> Result<String, Diagnostic> {
        let read = self.read.iter().copied().chain([&self.seed]);
        let inputs: Vec<Tensor> = read.cloned().collect();
        let is_torch = writer.library == Library::Torch;
        let count = self.gradient.forward.inputs.len();
        let lines = if is_torch {
            self.economical(writer)?
        } else {
            let lines = self.backward.iter().map(|own| own.line(writer));
            lines.collect::<Result<String, _>>()?
        };
        let option = format!("needed={count} * (True,)");
        let option = mentions(&lines, "needed[").then_some(option.as_str());
        let module = self.module;
        let mut text = module.signature_with(writer, "backward", &inputs, option);
        text.push_str(&super::gradient_docstring(
            self.gradient,
            Some(&self.seed),
            &self.results,
        ));
        if option.is_some() {
            // The docstring goes on.
            let end = text.trim_end().trim_end_matches('"').trim_end().len();
            text.truncate(end);
            text.push_str(
                "\n\n    Only those are worked out that `needed` asks for, by the places of the tensors.\n    \"\"\"\n",
            );
        }
        text.push_str(&sizes(writer, &self.backward, &inputs)?);
        text.push_str(&lines);
        let mut entries = Vec::new();
        for (_, found) in &self.results {
            let of = found.map_or(&self.seed, |own| &own.target);
            entries.push(identifier(writer, of.name())?);
        }
        let _ = writeln!(text, "    return {}", tuple(&entries));
        Ok(text)
    }

    /// The lines of the backward pass for a library that runs them one by one: what is returned comes as soon as that lets
    /// something go, only where it is asked for, and what nothing reads any more goes.
    fn economical(&self, writer: &Writer) -> Result<String, Diagnostic> {
        let is_read = |own: &Definition| {
            let mut others = self.backward.iter();
            others.any(|other| other.reads.contains(own.target.name()))
        };
        let result = |own: &Definition| {
            let mut results = self.results.iter();
            let (variable, _) =
                results.find(|(_, found)| found.is_some_and(|found| found.target == own.target))?;
            Some(*variable)
        };
        let mut open = self.backward.clone();
        let mut order: Vec<&Definition> = Vec::new();
        while !open.is_empty() {
            let is_ready = |own: &&Definition| {
                !open
                    .iter()
                    .any(|other| own.reads.contains(other.target.name()))
            };
            // A result that reads what could go afterwards.
            let is_next = |own: &&Definition| {
                let frees = |other: &&Definition| {
                    own.reads.contains(other.target.name()) && result(other).is_none()
                };
                result(own).is_some() && !is_read(own) && order.iter().any(frees)
            };
            let mut ready = open.iter().copied();
            let place = ready.position(|own| is_ready(&own) && is_next(&own));
            order.push(open.remove(place.unwrap_or(0)));
        }
        let mut text = String::new();
        for (place, own) in order.iter().enumerate() {
            let rest = &order[place + 1..];
            let inputs = &self.gradient.forward.inputs;
            let variable = result(own).filter(|_| {
                !own.is_beside && own.targets.is_empty() && !is_read(own) && self.results.len() > 1
            });
            let argument = variable.and_then(|own| inputs.iter().position(|input| input == own));
            match argument {
                Some(argument) => {
                    text.push_str(&own.line_if(writer, &format!("needed[{argument}]"))?);
                }
                None => text.push_str(&own.line(writer)?),
            }
            let is_done = |name: &str| !rest.iter().any(|other| other.reads.contains(name));
            let done = order[..place].iter().filter(|other| {
                let name = other.target.name();
                own.reads.contains(name) && is_done(name) && result(other).is_none()
            });
            let done: Vec<&Tensor> = done.map(|other| &other.target).collect();
            let done = Self::names(writer, done.into_iter().filter(|own| own.rank() > 1))?;
            if !done.is_empty() && !rest.is_empty() {
                let _ = writeln!(text, "    del {}", done.join(", "));
            }
        }
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

    /// The sentence of `function`.
    fn promise(&self, writer: &Writer) -> Result<String, Diagnostic> {
        let shape = with_article(&described(&self.output.target, &writer.names));
        let name = identifier(writer, self.output.target.name())?;
        Ok(format!(
            "    \"\"\"Return {name}, {shape}; its gradients are those of backward().\"\"\"\n"
        ))
    }

    fn torch(&self, writer: &Writer) -> Result<String, Diagnostic> {
        let cotangent = identifier(writer, self.seed.name())?;
        let arguments = self.arguments(writer)?;
        let inputs = Self::names(writer, &self.gradient.forward.inputs)?;
        let (all, returned) = (arguments.join(", "), self.returned(writer)?);
        let output = identifier(writer, self.output.target.name())?;
        let saved = Self::names(writer, self.saved.iter().map(|own| &own.target))?;
        let read = Self::names(writer, self.read.iter().copied())?;
        let functions = self.module.functions.join(", ");
        // To be differentiated again, what was saved is worked out from the arguments.
        let kept = if saved.is_empty() {
            read.clone()
        } else {
            let mut kept = inputs.clone();
            kept.extend(read.iter().filter(|name| !inputs.contains(name)).cloned());
            kept
        };
        let mut text = format!(
            "class Derived(torch.autograd.Function):\n    \"\"\"forward() with backward() as its derivative.\"\"\"\n\n    \
             generate_vmap_rule = True\n\n    \
             @staticmethod\n    def forward({all}):\n        return forward({all})\n\n    \
             @staticmethod\n    def setup_context(ctx, inputs, output):\n        "
        );
        let _ = writeln!(text, "{} = inputs", tuple(&arguments));
        if !saved.is_empty() {
            let _ = writeln!(text, "        {returned} = output");
            let _ = writeln!(
                text,
                "        ctx.mark_non_differentiable({})",
                saved.join(", ")
            );
        } else if kept.contains(&output) {
            let _ = writeln!(text, "        {output} = output");
        }
        text.push_str("        ctx.set_materialize_grads(False)\n");
        if !functions.is_empty() {
            let _ = writeln!(
                text,
                "        ctx.functions = {}",
                tuple(&self.module.functions)
            );
        }
        let _ = writeln!(text, "        ctx.save_for_backward({})\n", kept.join(", "));
        let ignored = if saved.is_empty() { "" } else { ", *_" };
        let nothing = vec!["None".to_owned(); arguments.len()];
        let _ = write!(
            text,
            "    @staticmethod\n    def backward(ctx, {cotangent}{ignored}):\n        \
             if {cotangent} is None:\n            return {}\n",
            tuple(&nothing)
        );
        if !functions.is_empty() {
            let names = tuple(&self.module.functions);
            let _ = writeln!(text, "        {names} = ctx.functions");
        }
        if !kept.is_empty() {
            let _ = writeln!(text, "        {} = ctx.saved_tensors", tuple(&kept));
        }
        // What an operator gives beside its result, its derivative takes as it is.
        let again: Vec<String> = self
            .saved
            .iter()
            .zip(&saved)
            .map(|(own, name)| {
                if own.is_beside {
                    "_".to_owned()
                } else {
                    name.clone()
                }
            })
            .collect();
        if again.iter().any(|name| name != "_") {
            let _ = write!(
                text,
                "        if torch.is_grad_enabled():\n            \
                 # To be differentiated again, what was saved must be part of the graph.\n            \
                 _, {} = forward({all})\n",
                again.join(", ")
            );
        }
        let [names, entries] = self.gradients(writer)?;
        let mut given = self.module.functions.clone();
        given.extend(read);
        given.push(cotangent.clone());
        if self.economical(writer)?.contains("needed[") {
            given.push(match self.module.functions.len() {
                0 => "ctx.needs_input_grad".to_owned(),
                count => format!("ctx.needs_input_grad[{count}:]"),
            });
        }
        let mut all_entries = vec!["None".to_owned(); self.module.functions.len()];
        all_entries.extend(entries);
        let _ = write!(
            text,
            "        {} = backward({})\n        return {}\n\n\n\
             def function({all}):\n{}    return Derived.apply({all}){}\n",
            tuple(&names),
            given.join(", "),
            tuple(&all_entries),
            self.promise(writer)?,
            if saved.is_empty() { "" } else { "[0]" },
        );
        Ok(text)
    }

    fn jax(&self, writer: &Writer) -> Result<String, Diagnostic> {
        let cotangent = identifier(writer, self.seed.name())?;
        let all = self.arguments(writer)?.join(", ");
        let count = self.module.functions.len();
        let mut text = if count == 0 {
            "@jax.custom_vjp\n".to_owned()
        } else {
            let places: Vec<String> = (0..count).map(|place| place.to_string()).collect();
            let places = parenthesised(&places);
            format!("@functools.partial(jax.custom_vjp, nondiff_argnums={places})\n")
        };
        let first = if self.saved.is_empty() { "" } else { "[0]" };
        let output = identifier(writer, self.output.target.name())?;
        let read = Self::names(writer, self.read.iter().copied())?;
        let mut functions = self.module.functions.join(", ");
        if !functions.is_empty() {
            functions.push_str(", ");
        }
        let [names, entries] = self.gradients(writer)?;
        // What JAX keeps may come back as literals, which lack operators that arrays have.
        let _ = write!(
            text,
            "def function({all}):\n{}    return forward({all}){first}\n\n\n\
             def _forward({all}):\n    {} = forward({all})\n    return {output}, {}\n\n\n\
             def _backward({functions}kept, {cotangent}):\n    {} = backward({functions}*map(jnp.asarray, kept), {cotangent})\n    return {}\n\n\n\
             function.defvjp(_forward, _backward)\n",
            self.promise(writer)?,
            self.returned(writer)?,
            parenthesised(&read),
            tuple(&names),
            tuple(&entries),
        );
        Ok(text)
    }
}

/// `a, b`, or `(a,)` for a single one.
fn tuple(entries: &[String]) -> String {
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
