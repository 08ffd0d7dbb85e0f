//! The `torch.autograd.Function` of a module: the derived backward pass as PyTorch runs it, line by line. What is not asked
//! for is not worked out, and what nothing reads any more is let go. Nothing here knows a derivative.

use std::collections::HashSet;
use std::fmt::Write;

use backprove_calculus::{Dim, Node, Tensor};
use backprove_syntax::Diagnostic;

use super::definition::{Definition, sizes};
use super::differentiable::{Passes, tuple};
use super::writer::Writer;
use super::{gradient_docstring, identifier};
use crate::mentions;

/// What lets the saved tensors go.
const TAKEN_TEXT: &str = r#"def _taken(ctx):
    """The saved tensors; each goes with its last reader, unless it is needed again."""
    saved = ctx.saved_tensors
    if not torch.compiler.is_compiling() and hasattr(ctx, "maybe_clear_saved_tensors"):
        ctx.maybe_clear_saved_tensors()
    return saved
"#;

/// Text one level further in.
fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("    {line}\n"),
    });
    lines.collect()
}

/// The class and the function that applies it.
pub(super) fn function(passes: &Passes<'_>, writer: &mut Writer) -> Result<String, Diagnostic> {
    let mut text = format!(
        "class Derived(torch.autograd.Function):\n    \"\"\"forward() with its derived backward pass.\"\"\"\n\n    \
         generate_vmap_rule = True\n    forward = staticmethod({})\n\n",
        passes.saving()
    );
    text.push_str(&context(passes, writer)?);
    text.push_str(&backward(passes, writer)?);
    text.push_str("\n\n");
    let first = if passes.saved.is_empty() { "" } else { "[0]" };
    text.push_str(&passes.function(writer, "Derived.apply", first)?);
    Ok(text)
}

/// What is kept for the backward pass: to be differentiated again, what was saved is worked out from the arguments.
fn kept(passes: &Passes<'_>, writer: &Writer) -> Result<Vec<String>, Diagnostic> {
    let read = Passes::names(writer, passes.read.iter().copied())?;
    if passes.saved.is_empty() {
        return Ok(read);
    }
    let mut kept = Passes::names(writer, &passes.gradient.forward.inputs)?;
    let others = read.into_iter().filter(|name| !kept.contains(name));
    let others: Vec<String> = others.collect();
    kept.extend(others);
    Ok(kept)
}

fn context(passes: &Passes<'_>, writer: &Writer) -> Result<String, Diagnostic> {
    let saved = Passes::names(writer, passes.saved.iter().map(|own| &own.target))?;
    let kept = kept(passes, writer)?;
    let functions = &passes.module.functions;
    // What is not kept needs no name.
    let named = |name: String| {
        if kept.contains(&name) || functions.contains(&name) {
            name
        } else {
            "_".to_owned()
        }
    };
    let arguments: Vec<String> = passes.arguments(writer)?.into_iter().map(named).collect();
    let output = named(identifier(writer, passes.output.target.name())?);
    let mut text = String::from("    @staticmethod\n    def setup_context(ctx, inputs, output):\n");
    if arguments.iter().any(|name| name != "_") {
        let _ = writeln!(text, "        {} = inputs", tuple(&arguments));
    }
    if !saved.is_empty() {
        let saved = saved.join(", ");
        let _ = writeln!(text, "        {output}, {saved} = output");
        let _ = writeln!(text, "        ctx.mark_non_differentiable({saved})");
    } else if output != "_" {
        let _ = writeln!(text, "        {output} = output");
    }
    text.push_str("        ctx.set_materialize_grads(False)\n");
    if !functions.is_empty() {
        let _ = writeln!(text, "        ctx.functions = {}", tuple(functions));
    }
    let _ = writeln!(text, "        ctx.save_for_backward({})\n", kept.join(", "));
    Ok(text)
}

fn backward(passes: &Passes<'_>, writer: &mut Writer) -> Result<String, Diagnostic> {
    let seed = identifier(writer, passes.seed.name())?;
    let kept = kept(passes, writer)?;
    let functions = &passes.module.functions;
    let arguments = passes.arguments(writer)?;
    let ignored = if passes.saved.is_empty() { "" } else { ", *_" };
    let mut text = format!("    @staticmethod\n    def backward(ctx, {seed}{ignored}):\n");
    let asked = passes.module.results(passes.gradient);
    text.push_str(&indented(&gradient_docstring(
        passes.gradient,
        Some(&passes.seed),
        &within(passes, writer, &asked),
        &asked,
    )));
    let nothing = vec!["None".to_owned(); arguments.len()];
    let _ = write!(
        text,
        "        if {seed} is None:\n            return {}\n",
        tuple(&nothing)
    );
    let lines = lines(passes, writer)?;
    if mentions(&lines, "needed[") {
        let _ = match functions.len() {
            0 => writeln!(text, "        needed = ctx.needs_input_grad"),
            count => writeln!(text, "        needed = ctx.needs_input_grad[{count}:]"),
        };
    }
    if !functions.is_empty() {
        let differentiated = !again(passes, writer)?.is_empty();
        let read = functions.iter().map(|name| {
            let is_read = differentiated || mentions(&lines, &format!("{name}("));
            if is_read {
                name.clone()
            } else {
                "_".to_owned()
            }
        });
        let read: Vec<String> = read.collect();
        let _ = writeln!(text, "        {} = ctx.functions", tuple(&read));
    }
    if passes.saved.iter().any(|own| is_large(&own.target)) {
        writer.define("_taken", || TAKEN_TEXT.to_owned());
        let _ = writeln!(text, "        {} = _taken(ctx)", tuple(&kept));
    } else if !kept.is_empty() {
        let _ = writeln!(text, "        {} = ctx.saved_tensors", tuple(&kept));
    }
    let again = again(passes, writer)?;
    if !again.is_empty() {
        let _ = write!(
            text,
            "        if torch.is_grad_enabled():\n            \
             # To be differentiated again, what was saved must be part of the graph.\n            \
             _, {} = _forward({})\n",
            again.join(", "),
            arguments.join(", ")
        );
    }
    let read = passes.read.iter().copied().chain([&passes.seed]);
    let inputs: Vec<Tensor> = read.cloned().collect();
    text.push_str(&indented(&sizes(writer, &passes.backward, &inputs)?));
    text.push_str(&indented(&lines));
    let mut entries = vec!["None".to_owned(); functions.len()];
    for input in &passes.gradient.forward.inputs {
        let mut results = passes.results.iter();
        let found = results.find(|(own, _)| *own == input);
        entries.push(match found.and_then(|(_, found)| *found) {
            Some(own) => identifier(writer, own.target.name())?,
            None => "None".to_owned(),
        });
    }
    let _ = writeln!(text, "        return {}", tuple(&entries));
    Ok(text)
}

/// The names of what was saved and must be worked out again to be differentiated, or none.
fn again(passes: &Passes<'_>, writer: &Writer) -> Result<Vec<String>, Diagnostic> {
    // What an operator gives beside its result, its derivative takes as it is.
    let names = passes.saved.iter().map(|own| {
        if own.is_beside {
            Ok("_".to_owned())
        } else {
            identifier(writer, own.target.name())
        }
    });
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let is_empty = names.iter().all(|name| name == "_");
    Ok(if is_empty { Vec::new() } else { names })
}

/// The gradients that formulas mention and no line works out, as an operator has them within.
fn within<'m>(
    passes: &Passes<'m>,
    writer: &Writer,
    asked: &[(&Tensor, Option<&'m Definition>)],
) -> Vec<&'m Definition> {
    let results: Vec<&Definition> = asked.iter().filter_map(|(_, found)| *found).collect();
    let is_written = |own: &Definition| {
        let mut lines = passes.backward.iter().chain(&results);
        lines.any(|line| line.target == own.target)
    };
    let mention = |own: &Definition, mentioned: &mut HashSet<String>| {
        let Some(equation) = writer.program.equation(own.target.name()) else {
            return;
        };
        equation.body.visit(&mut |part| {
            if let Node::Access(tensor, _) = part.node() {
                mentioned.insert(tensor.name().to_owned());
            }
        });
    };
    let mut mentioned = HashSet::new();
    for own in &results {
        mention(own, &mut mentioned);
    }
    let derived = &passes.module.definitions[passes.gradient.forward.equations.len()..];
    let mut found: Vec<&Definition> = Vec::new();
    for own in derived.iter().rev().filter(|own| !is_written(own)) {
        if mentioned.contains(own.target.name()) {
            mention(own, &mut mentioned);
            found.push(own);
        }
    }
    found.reverse();
    found
}

/// Whether it matters when a tensor goes.
fn is_large(tensor: &Tensor) -> bool {
    let dims = tensor.dims().iter();
    dims.filter(|dim| **dim != Dim::Literal(1)).count() > 1
}

/// The lines of the backward pass: what is returned comes as soon as that lets something go, and only where it is asked
/// for.
fn lines(passes: &Passes<'_>, writer: &mut Writer) -> Result<String, Diagnostic> {
    let result = |own: &Definition| {
        let mut results = passes.results.iter();
        let (variable, _) =
            results.find(|(_, found)| found.is_some_and(|found| found.target == own.target))?;
        Some(*variable)
    };
    let is_read = |own: &Definition| {
        let mut others = passes.backward.iter();
        others.any(|other| other.reads.contains(own.target.name()))
    };
    let order = order(passes, &|own| result(own).is_some() && !is_read(own));
    let inputs = &passes.gradient.forward.inputs;
    let (mut text, mut known) = (String::new(), HashSet::new());
    for (place, own) in order.iter().enumerate() {
        let rest = &order[place + 1..];
        let variable = result(own).filter(|_| {
            !own.is_beside && own.targets.is_empty() && !is_read(own) && passes.results.len() > 1
        });
        let argument = variable.and_then(|own| inputs.iter().position(|input| input == own));
        // What this line is the last to read, of what stands above or was saved.
        let is_done = |other: &&&Definition| {
            let name = other.target.name();
            own.reads.contains(name)
                && !rest.iter().any(|later| later.reads.contains(name))
                && result(other).is_none()
        };
        let spent: Vec<&Definition> = order[..place].iter().filter(is_done).copied().collect();
        let over = own.over(&spent, writer);
        let line = over.as_ref().unwrap_or(own);
        match argument {
            Some(argument) => {
                text.push_str(&line.line_if(writer, &known, &format!("needed[{argument}]"))?);
            }
            None => text.push_str(&line.line(writer, &mut known)?),
        }
        let done = passes.saved.iter().filter(is_done).copied().chain(spent);
        let done = done.map(|other| &other.target).filter(|own| is_large(own));
        let done = Passes::names(writer, done)?;
        if !done.is_empty() && !rest.is_empty() {
            let _ = writeln!(text, "    del {}", done.join(", "));
        }
    }
    Ok(text)
}

/// The definitions of the backward pass in the order in which they are worked out; `is_last` tells which of them are
/// returned and read by no other: of these, those that read what is held only for the pass come as soon as they can.
fn order<'m>(passes: &Passes<'m>, is_last: &dyn Fn(&Definition) -> bool) -> Vec<&'m Definition> {
    let mut open = passes.backward.clone();
    let mut order: Vec<&Definition> = Vec::new();
    while !open.is_empty() {
        let is_ready = |own: &&Definition| {
            !open
                .iter()
                .any(|other| own.reads.contains(other.target.name()))
        };
        let frees = |own: &Definition| {
            let saved = passes
                .saved
                .iter()
                .copied()
                .filter(|own| is_large(&own.target));
            let above = order.iter().copied().filter(|other| !is_last(other));
            let mut held = saved.chain(above);
            held.any(|held| own.reads.contains(held.target.name()))
        };
        let mut ready = open.iter().copied();
        let place = ready.position(|own| is_ready(&own) && is_last(own) && frees(own));
        order.push(open.remove(place.unwrap_or(0)));
    }
    order
}
