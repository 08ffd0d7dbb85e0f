//! The end of a module: a comparison of its gradients with central differences, or with those of a library that
//! differentiates by itself. It draws inputs that respect what is
//! known about them. Nothing here knows a gradient.

use std::collections::HashSet;
use std::fmt::Write;

use backprove_calculus::{Dim, Fact, Gradient, Program, Tensor};

use super::spelling::Library;
use super::writer::Writer;
use crate::sampling::{is_restricted, sizes};

/// The text of the comparison and of what runs it.
pub(super) fn self_test(writer: &mut Writer, gradient: &Gradient, orders: &[usize]) -> String {
    let (mut text, restricted) = draw(writer, &gradient.forward);
    text.push_str("\n\n");
    text.push_str(&largest_error(gradient, orders, restricted));
    text.push_str(&run(1e-6));
    text
}

/// The text of a comparison with automatic differentiation of `forward`.
pub(super) fn against_library(
    writer: &mut Writer,
    gradient: &Gradient,
    orders: &[usize],
) -> String {
    let (mut text, restricted) = draw(writer, &gradient.forward);
    let is_torch = writer.library == Library::Torch;
    let prefix = writer.library.prefix();
    let (functions, head) = stand_ins(orders, prefix);
    let convert = if is_torch {
        "torch.as_tensor"
    } else {
        "jnp.asarray"
    };
    let _ = write!(
        text,
        "\n\ndef _largest_error(rng):\n    \
         \"\"\"The largest scaled difference of backward() from automatic differentiation.\"\"\"\n{functions}"
    );
    let drawn = |range: &str| {
        format!("inputs = {{name: {convert}(x) for name, x in _draw(rng{range}).items()}}\n")
    };
    let (evaluated, all) = match (is_torch, head.is_empty()) {
        (true, _) => ("function", "torch.all(torch.isfinite("),
        (false, true) => ("jax.jit(function)", "np.all(np.isfinite("),
        (false, false) => ("function", "np.all(np.isfinite("),
    };
    if restricted {
        // Somewhere in these ranges the program is defined.
        let _ = write!(
            text,
            "    for low, high in 20 * [(0.5, 1.5), (0.1, 0.9), (1.0, 3.0), (-1.0, 1.0)]:\n        \
             {}        if {all}{evaluated}({head}*inputs.values()))):\n            break\n",
            drawn(", low, high")
        );
    } else {
        text.push_str("    ");
        text.push_str(&drawn(""));
    }
    let variables = gradient.wrt.iter();
    let is_input = |tensor: &&Tensor| gradient.forward.inputs.contains(tensor);
    let names: Vec<String> = variables
        .filter(is_input)
        .map(|tensor| format!("\"{}\"", tensor.name()))
        .collect();
    let _ = writeln!(text, "    names = [{}]", names.join(", "));
    let values = if is_torch {
        format!(
            "    variables = [inputs[name].requires_grad_() for name in names]\n    \
             outputs = forward({head}*inputs.values()), function({head}*inputs.values())\n    \
             cotangent = torch.as_tensor(rng.standard_normal(outputs[0].shape))\n    \
             expected, found = (\n        \
             torch.autograd.grad(y, variables, cotangent, materialize_grads=True)\n        \
             for y in outputs\n    )\n"
        )
    } else {
        format!(
            "    variables = [inputs[name] for name in names]\n\n    \
             def replaced(variables):\n        \
             return (inputs | dict(zip(names, variables))).values()\n\n    \
             def primal(*variables):\n        \
             return forward({head}*replaced(variables))\n\n    \
             def derived(*variables):\n        \
             return function({head}*replaced(variables))\n\n    \
             @jax.jit\n    \
             def gradients(variables, cotangent):\n        \
             return [jax.vjp(of, *variables)[1](cotangent) for of in (primal, derived)]\n\n    \
             shape = jax.eval_shape(primal, *variables).shape\n    \
             expected, found = gradients(variables, jnp.asarray(rng.standard_normal(shape)))\n"
        )
    };
    text.push_str(&values);
    let worst = if is_torch {
        "errors.append(torch.max(torch.abs(ours - theirs) / (1.0 + torch.abs(theirs))))\n    \
         return float(torch.max(torch.stack(errors)).detach())"
    } else {
        "errors.append(np.max(np.abs(ours - theirs) / (1.0 + np.abs(theirs))))\n    \
         return np.max(errors)"
    };
    let _ = write!(
        text,
        "    errors = []\n    \
         for ours, theirs in zip(found, expected):\n        \
         assert ours.shape == theirs.shape and ours.dtype == theirs.dtype\n        \
         {worst}\n\n\n\
         if __name__ == \"__main__\":\n    import numpy as np\n\n    "
    );
    if !is_torch {
        text.push_str("jax.config.update(\"jax_enable_x64\", True)\n    ");
    }
    text.push_str(
        "error = _largest_error(np.random.default_rng(0))\n    \
         print(f\"largest error against automatic differentiation: {error:.1e}\")\n    \
         raise SystemExit(not error <= 1e-9)\n",
    );
    text
}

/// What runs the comparison.
pub(super) fn run(tolerance: f64) -> String {
    format!(
        "\n\nif __name__ == \"__main__\":\n    \
         error = _largest_error(np.random.default_rng(0))\n    \
         print(f\"largest error against central differences: {{error:.1e}}\")\n    \
         raise SystemExit(not error <= {tolerance:e})\n",
    )
}

/// The function that draws inputs, and whether it is given a range.
pub(super) fn draw(writer: &mut Writer, program: &Program) -> (String, bool) {
    let restricted = is_restricted(program);
    let mut text = String::from("\ndef _draw(rng");
    text.push_str(if restricted {
        ", low, high):\n"
    } else {
        "):\n"
    });
    text.push_str("    \"\"\"Random inputs of small, distinct sizes.\"\"\"\n");
    let mut dims: Vec<&Dim> = Vec::new();
    for tensor in &program.inputs {
        dims.extend(tensor.dims());
        dims.extend(tensor.facts().iter().filter_map(|fact| match fact {
            Fact::Labels(classes) => Some(classes),
            _ => None,
        }));
    }
    let mut seen = HashSet::new();
    let names: Vec<_> = dims
        .into_iter()
        .flat_map(Dim::symbols)
        .filter(|symbol| seen.insert(symbol.clone()))
        .collect();
    let symbols: Vec<String> = names
        .iter()
        .cloned()
        .map(|symbol| backprove_syntax::format_expression(&writer.size(&Dim::Symbol(symbol))))
        .collect();
    if !symbols.is_empty() {
        let values: Vec<String> = sizes(program, &names);
        let _ = writeln!(text, "    {} = {}", symbols.join(", "), values.join(", "));
    }
    text.push_str("    return {\n");
    for tensor in &program.inputs {
        let _ = writeln!(
            text,
            "        \"{}\": {},",
            tensor.name(),
            drawn(writer, tensor, restricted)
        );
    }
    text.push_str("    }\n");
    (text, restricted)
}

/// The abstract functions of the comparison: the first line of its body, and how they are handed on.
pub(super) fn stand_ins(orders: &[usize], prefix: &str) -> (String, String) {
    let mut callables = Vec::new();
    for (place, order) in orders.iter().enumerate() {
        let rate = place + 1;
        for derivative in 0..=*order {
            // Derivatives of sin(k x): k cos(k x), -k^2 sin(k x), and so on.
            let wave = if derivative % 2 == 0 { "sin" } else { "cos" };
            let sign = if derivative % 4 < 2 { "" } else { "-" };
            let factor = rate.pow(derivative as u32);
            callables.push(if rate == 1 && sign.is_empty() {
                format!("{prefix}.{wave}")
            } else {
                format!("lambda x: {sign}{factor} * {prefix}.{wave}({rate} * x)")
            });
        }
    }
    if callables.is_empty() {
        return (String::new(), String::new());
    }
    let line = format!("    functions = [{}]\n", callables.join(", "));
    (line, "*functions, ".to_owned())
}

/// The lines that draw inputs at which the program is defined.
pub(super) fn inputs(head: &str, restricted: bool) -> String {
    if !restricted {
        return "    inputs = _draw(rng)\n".to_owned();
    }
    // Somewhere in these ranges the program is defined.
    format!(
        "    for low, high in 20 * [(0.5, 1.5), (0.1, 0.9), (1.0, 3.0), (-1.0, 1.0)]:\n        \
         inputs = _draw(rng, low, high)\n        \
         with np.errstate(all=\"ignore\"):\n            \
         output = forward({head}*inputs.values())\n        \
         if np.all(np.isfinite(output)):\n            \
         break\n"
    )
}

fn largest_error(gradient: &Gradient, orders: &[usize], restricted: bool) -> String {
    let (functions, head) = stand_ins(orders, "np");
    let mut text = String::from(
        "def _largest_error(rng):\n    \"\"\"The largest scaled difference of gradient() from central differences.\"\"\"\n",
    );
    text.push_str(&functions);
    text.push_str(&inputs(&head, restricted));
    if gradient.seed.is_some() {
        if !restricted {
            let _ = writeln!(text, "    output = forward({head}*inputs.values())");
        }
        let _ = write!(
            text,
            "    cotangent = rng.standard_normal(output.shape)\n    \
             derived = gradient({head}*inputs.values(), cotangent)\n\n    \
             def loss():\n        \
             return np.sum(cotangent * forward({head}*inputs.values()))\n\n"
        );
    } else {
        let _ = write!(
            text,
            "    derived = gradient({head}*inputs.values())\n\n    \
             def loss():\n        \
             return forward({head}*inputs.values())\n\n"
        );
    }
    let is_input = |tensor: &Tensor| gradient.forward.inputs.contains(tensor);
    text.push_str("    errors = [0.0]\n");
    text.push_str(if gradient.wrt.iter().all(is_input) {
        "    for name in derived:\n"
    } else {
        // What is defined cannot be moved by itself.
        "    for name in [name for name in derived if name in inputs]:\n"
    });
    text.push_str(
        "        x, step = inputs[name], 1e-5\n        \
         difference = np.empty_like(x)\n        \
         for at in np.ndindex(x.shape):\n            \
         value = x[at]\n            \
         x[at] = value + step\n            \
         above = loss()\n            \
         x[at] = value - step\n            \
         below = loss()\n            \
         x[at] = value\n            \
         difference[at] = (above - below) / (2 * step)\n        \
         scale = 1.0 + np.abs(difference)\n        \
         assert derived[name].shape == x.shape, name\n        \
         errors.append(np.max(np.abs(derived[name] - difference) / scale))\n    \
         return np.max(errors)\n",
    );
    text
}

fn shape(writer: &mut Writer, dims: &[Dim]) -> String {
    let sizes: Vec<String> = dims
        .iter()
        .map(|dim| backprove_syntax::format_expression(&writer.size(dim)))
        .collect();
    match &sizes[..] {
        [only] => only.clone(),
        _ => format!("({})", sizes.join(", ")),
    }
}

/// The draw of one input.
fn drawn(writer: &mut Writer, tensor: &Tensor, restricted: bool) -> String {
    let dims = tensor.dims();
    let all = shape(writer, dims);
    let last = dims.last().map_or_else(
        || "1".to_owned(),
        |dim| shape(writer, std::slice::from_ref(dim)),
    );
    let lead = shape(writer, &dims[..dims.len().saturating_sub(1)]);
    let plain = if restricted {
        format!("rng.uniform(low, high, {all})")
    } else {
        format!("rng.standard_normal({all})")
    };
    for fact in tensor.facts() {
        let text = match fact {
            Fact::Labels(classes) => {
                let classes = shape(writer, std::slice::from_ref(classes));
                format!("rng.integers({classes}, size={all})")
            }
            Fact::Positive => format!("rng.uniform(0.5, 1.5, {all})"),
            Fact::Unit => format!("rng.uniform(0.1, 0.9, {all})"),
            Fact::Signs => format!("rng.choice([-1.0, 1.0], {all})"),
            Fact::Probability => format!("rng.dirichlet(np.ones({last}), {lead})"),
            Fact::OneHot => format!("np.eye({last})[rng.integers({last}, size={lead})]"),
            Fact::Symmetric => {
                format!("(root := {plain}) + {}", turned("root", dims))
            }
            Fact::PositiveDefinite => {
                format!(
                    "(root := {plain}) @ {} + np.eye({last})",
                    turned("root", dims)
                )
            }
            Fact::Diagonal => format!("{plain} * np.eye({last})"),
            Fact::Orthogonal => format!("np.linalg.qr({plain})[0]"),
            Fact::Lower => format!("np.tril({plain})"),
            Fact::Invertible => format!("{plain} + 3 * np.eye({last})"),
            Fact::Small => format!("rng.uniform(-0.3, 0.3, {all})"),
            Fact::Large => format!("rng.uniform(3.0, 6.0, {all})"),
            Fact::Constant => continue,
        };
        return as_array(text, dims);
    }
    as_array(plain, dims)
}

/// The matrices in the last two axes, turned.
fn turned(name: &str, dims: &[Dim]) -> String {
    match dims.len() {
        2 => format!("{name}.T"),
        _ => format!("np.swapaxes({name}, -1, -2)"),
    }
}

/// A scalar is drawn as an array without axes, so that it can be moved in place.
fn as_array(text: String, dims: &[Dim]) -> String {
    if dims.is_empty() {
        format!("np.array({text})")
    } else {
        text
    }
}
