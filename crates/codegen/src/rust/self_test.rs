//! The end of a module of Rust: a test that compares its gradients with central differences. It draws inputs that respect
//! what is known about them. Nothing here knows a gradient.

use std::collections::HashSet;
use std::fmt::Write;

use backprove_calculus::{Fact, Gradient, Tensor};
use backprove_syntax::Diagnostic;

use super::element::{classes, holds_labels};
use super::text::laid;
use super::writer::Writer;
use super::{Parameters, borrowed, identifier, opening};
use crate::sampling::{is_restricted, sizes};

const DRAW: &str = "    /// Numbers that follow from a seed.
    struct Draw(u64);

    impl Draw {
        fn uniform(&mut self, low: f64, high: f64) -> f64 {
            let scaled = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = scaled.wrapping_add(1);
            low + (high - low) * ((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
        }
";

const BELOW: &str = "
        fn below(&mut self, count: usize) -> usize {
            self.uniform(0.0, count as f64) as usize
        }
";

const CENTRAL: &str = "
    fn central(function: impl Fn(f64) -> f64) -> f64 {
        (function(1e-5) - function(-1e-5)) / 2e-5
    }

    fn assert_close(name: &str, found: f64, expected: f64) {
        let error = (found - expected).abs() / (1.0 + expected.abs());
        assert!(error <= 1e-6, \"{name}: {found} instead of {expected}\");
    }

    #[test]
    fn gradient_agrees_with_central_differences() {
";

/// The text of the test.
pub(super) fn self_test(
    writer: &mut Writer,
    gradient: &Gradient,
    callables: &[(String, usize)],
    forward: &Parameters,
    derived: &Parameters,
) -> Result<String, Diagnostic> {
    let is_restricted = is_restricted(&gradient.forward);
    let mut lines = vec!["let mut draw = Draw(1);".to_owned()];
    let used: Vec<&Tensor> = gradient
        .forward
        .inputs
        .iter()
        .chain(&gradient.seed)
        .filter(|tensor| {
            forward.tensors.contains(tensor)
                || derived.tensors.contains(tensor)
                || Some(*tensor) == gradient.seed.as_ref()
        })
        .collect();
    let mut seen = HashSet::new();
    let labels = used
        .iter()
        .flat_map(|tensor| tensor.facts().iter().filter_map(classes));
    let dims = used.iter().flat_map(|tensor| tensor.dims()).chain(labels);
    let symbols: Vec<_> = dims
        .flat_map(backprove_calculus::Dim::symbols)
        .filter(|symbol| seen.insert(symbol.clone()))
        .collect();
    let values = sizes(&gradient.forward, &symbols);
    let mut drawn = Vec::new();
    for tensor in &used {
        drawn.extend(draw(writer, tensor, is_restricted)?);
    }
    // Where all is known about the inputs there is no range to choose.
    let restricted = drawn.iter().any(|line| super::mentions(line, "low"));
    for (symbol, value) in symbols.iter().zip(&values) {
        let name = identifier(writer, symbol)?;
        if drawn.iter().any(|line| super::mentions(line, &name)) {
            lines.push(format!("let {name} = {value};"));
        }
    }
    let depth = if restricted { 12 } else { 8 };
    lines.extend(drawn.iter().map(|line| {
        if line.contains('\n') {
            return line.clone();
        }
        let (before, value) = line.split_once(" = ").unwrap_or(("", line));
        let value = value.trim_end_matches(';');
        unindented(&laid(depth, &format!("{before} = "), value, ";"), depth)
    }));
    let mut loss = Vec::new();
    for tensor in forward.tensors.iter().chain(
        gradient
            .seed
            .iter()
            .filter(|seed| !forward.tensors.contains(seed)),
    ) {
        loss.push(tensor.clone());
    }
    let call =
        |writer: &Writer, function: &str, tensors: &[Tensor]| -> Result<String, Diagnostic> {
            let given = tensors.iter().map(|tensor| reference(writer, tensor));
            Ok(format!(
                "{function}({})",
                given.collect::<Result<Vec<_>, _>>()?.join(", ")
            ))
        };
    let of_loss = call(writer, "loss", &loss)?;
    if restricted {
        lines.push(format!("if !{of_loss}.is_finite() {{\n    continue;\n}}"));
    }
    let stand_ins = |parameters: &Parameters| -> Vec<String> {
        let used = callables.iter().filter(|(name, _)| {
            writer
                .names
                .get(name)
                .is_some_and(|own| parameters.callables.iter().any(|other| other == own))
        });
        used.map(|(name, order)| stand_in(gradient, name, *order))
            .collect()
    };
    let mut given = stand_ins(derived);
    for tensor in &derived.tensors {
        given.push(reference(writer, tensor)?);
    }
    let derivative = format!("gradient({})", given.join(", "));
    let depth = if restricted { 12 } else { 8 };
    lines.push(unindented(
        &laid(depth, "let derived = ", &derivative, ";"),
        depth,
    ));
    for variable in gradient
        .wrt
        .iter()
        .filter(|variable| gradient.forward.inputs.contains(variable))
    {
        let name = identifier(writer, variable.name())?;
        if !forward.tensors.contains(variable) {
            continue;
        }
        let depth = depth + [4, 8, 12][variable.rank().min(2)];
        let of_loss = unindented(&laid(depth, "", &of_loss, ""), depth);
        lines.push(compared(&name, variable.rank(), &of_loss));
    }
    if restricted {
        lines.push("return;".to_owned());
    }
    let mut text = format!("#[cfg(test)]\nmod tests {{\n    use super::*;\n\n{DRAW}");
    if lines.iter().any(|line| line.contains("draw.below(")) {
        text.push_str(BELOW);
    }
    text.push_str("    }\n\n");
    let mut forwarded = stand_ins(forward);
    for tensor in &forward.tensors {
        forwarded.push(identifier(writer, tensor.name())?);
    }
    text.push_str(&scalar(writer, gradient, &loss, &forwarded.join(", "))?);
    text.push_str(CENTRAL);
    let mut depth = 8;
    if restricted {
        // Somewhere in these ranges the program is defined.
        text.push_str("        let ranges = [(0.5, 1.5), (0.1, 0.9), (1.0, 3.0), (-1.0, 1.0)];\n");
        text.push_str("        for (low, high) in ranges.repeat(5) {\n");
        depth = 12;
        let first = lines.remove(0);
        text.insert_str(
            text.rfind("        let ranges").unwrap_or(text.len()),
            &format!("        {first}\n"),
        );
    }
    for line in lines.iter().flat_map(|line| line.lines()) {
        let _ = writeln!(text, "{:depth$}{line}", "");
    }
    if restricted {
        text.push_str("        }\n        panic!(\"the program is undefined at all inputs that were drawn\");\n");
    }
    text.push_str("    }\n}\n");
    Ok(text)
}

/// Lines without so many spaces in front.
fn unindented(text: &str, depth: usize) -> String {
    let lines = text.lines().map(|line| line.get(depth..).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// A derivative of sin(k x) for the k-th abstract function.
fn stand_in(gradient: &Gradient, name: &str, order: usize) -> String {
    let base = name.trim_end_matches('\'');
    let place = gradient
        .forward
        .functions
        .iter()
        .position(|own| **own == *base);
    let rate = place.unwrap_or(0) + 1;
    let wave = if order.is_multiple_of(2) {
        "sin"
    } else {
        "cos"
    };
    let sign = if order % 4 < 2 { "" } else { "-" };
    if rate == 1 && sign.is_empty() {
        return format!("f64::{wave}");
    }
    let factor = rate.pow(order as u32);
    format!("|x: f64| {sign}{factor}.0 * ({rate}.0 * x).{wave}()")
}

/// The scalar that is differentiated, as a function.
fn scalar(
    writer: &Writer,
    gradient: &Gradient,
    loss: &[Tensor],
    forwarded: &str,
) -> Result<String, Diagnostic> {
    let mut list = Vec::new();
    for tensor in loss {
        list.push(format!(
            "{}: {}",
            identifier(writer, tensor.name())?,
            borrowed(tensor)
        ));
    }
    let mut text = String::new();
    if list.len() > 7 {
        text.push_str("    #[allow(clippy::too_many_arguments)]\n");
    }
    text.push_str(&opening(4, "fn loss", &list, "f64"));
    let seed = match &gradient.seed {
        Some(seed) => Some((identifier(writer, seed.name())?, seed.rank())),
        None => None,
    };
    let called = laid(8, "let output = ", &format!("forward({forwarded})"), ";");
    let body = match seed {
        None => laid(8, "", &format!("forward({forwarded})"), "") + "\n",
        Some((seed, 0)) => format!("        {seed} * forward({forwarded})\n"),
        Some((seed, 1)) => {
            format!("{called}\n        output.iter().zip({seed}).map(|(y, d)| y * d).sum()\n")
        }
        Some((seed, 2)) => format!(
            "{called}\n        \
             let mut total = 0.0;\n        \
             for i in 0..output.nrows() {{\n            \
             for j in 0..output.ncols() {{\n                \
             total += output[(i, j)] * {seed}[(i, j)];\n            \
             }}\n        \
             }}\n        \
             total\n"
        ),
        Some((seed, _)) => format!(
            "{called}\n        \
             let pairs = output.values.iter().zip(&{seed}.values);\n        \
             pairs.map(|(y, d)| y * d).sum()\n"
        ),
    };
    text.push_str(&body);
    text.push_str("    }\n");
    Ok(text)
}

/// How an input is handed on.
fn reference(writer: &Writer, tensor: &Tensor) -> Result<String, Diagnostic> {
    let name = identifier(writer, tensor.name())?;
    Ok(match tensor.rank() {
        0 => name,
        2 => format!("{name}.as_ref()"),
        _ => format!("&{name}"),
    })
}

/// The lines that compare the gradient by one input.
fn compared(name: &str, rank: usize, loss: &str) -> String {
    let indented = |text: String| format!("    {}\n", text.replace('\n', "\n    "));
    let moved = |place: &str| {
        format!(
            "let slope = central(|step| {{\n    let mut {name} = {name}.clone();\n    {name}{place} += step;\n{}}});",
            indented(loss.to_owned())
        )
    };
    match rank {
        0 => format!(
            "let slope = central(|step| {{\n    let {name} = {name} + step;\n{}}});\nassert_close(\"{name}\", derived.{name}, slope);",
            indented(loss.to_owned())
        ),
        1 => format!(
            "for i in 0..{name}.len() {{\n{}    assert_close(\"{name}\", derived.{name}[i], slope);\n}}",
            indented(moved("[i]"))
        ),
        2 => format!(
            "for i in 0..{name}.nrows() {{\n    for j in 0..{name}.ncols() {{\n{}        assert_close(\"{name}\", derived.{name}[(i, j)], slope);\n    }}\n}}",
            indented(indented(moved("[(i, j)]")).trim_end().to_owned())
        ),
        _ => format!(
            "for i in 0..{name}.values.len() {{\n{}    assert_close(\"{name}\", derived.{name}.values[i], slope);\n}}",
            indented(moved(".values[i]"))
        ),
    }
}

/// The lines that draw one input.
fn draw(writer: &mut Writer, tensor: &Tensor, restricted: bool) -> Result<Vec<String>, Diagnostic> {
    let name = identifier(writer, tensor.name())?;
    let sizes: Vec<String> = tensor.dims().iter().map(|dim| writer.size(dim)).collect();
    let mut element = if restricted {
        "draw.uniform(low, high)"
    } else {
        "draw.uniform(-1.0, 1.0)"
    }
    .to_owned();
    let mut after = None;
    let square = sizes.first().cloned().unwrap_or_default();
    for fact in tensor.facts() {
        match fact {
            Fact::Labels(classes) => element = format!("draw.below({})", writer.size(classes)),
            Fact::Positive => "draw.uniform(0.5, 1.5)".clone_into(&mut element),
            Fact::Unit => "draw.uniform(0.1, 0.9)".clone_into(&mut element),
            Fact::Signs => "draw.uniform(-1.0, 1.0).signum()".clone_into(&mut element),
            Fact::Small => "draw.uniform(-0.3, 0.3)".clone_into(&mut element),
            Fact::Large => "draw.uniform(3.0, 6.0)".clone_into(&mut element),
            Fact::Probability => {
                "draw.uniform(0.5, 1.5)".clone_into(&mut element);
                after = match sizes.as_slice() {
                    [rows, columns] => Some(format!(
                        "Mat::from_fn({rows}, {columns}, |i, j| {name}[(i, j)] / {name}.row(i).sum())"
                    )),
                    [_] => Some(format!(
                        "{{\n    let total: f64 = {name}.iter().sum();\n    {name}.iter().map(|x| x / total).collect::<Vec<f64>>()\n}}"
                    )),
                    _ => None,
                };
            }
            Fact::OneHot => {
                after = match sizes.as_slice() {
                    [rows, columns] => Some(format!(
                        "Mat::from_fn({rows}, {columns}, |i, j| f64::from(j == i % {columns}))"
                    )),
                    _ => None,
                };
            }
            _ if sizes.len() != 2 => {}
            Fact::Symmetric => {
                after = Some(format!(
                    "Mat::from_fn({square}, {square}, |i, j| {name}[(i, j)] + {name}[(j, i)])"
                ));
            }
            Fact::PositiveDefinite => {
                after = Some(format!(
                    "&{name} * {name}.transpose() + Mat::<f64>::identity({square}, {square})"
                ));
            }
            Fact::Diagonal => {
                after = Some(format!(
                    "Mat::from_fn({square}, {square}, |i, j| if i == j {{ {name}[(i, j)] }} else {{ 0.0 }})"
                ));
            }
            Fact::Orthogonal => after = Some(format!("{name}.qr().compute_Q()")),
            Fact::Lower => {
                after = Some(format!(
                    "Mat::from_fn({square}, {square}, |i, j| if i >= j {{ {name}[(i, j)] }} else {{ 0.0 }})"
                ));
            }
            Fact::Invertible => {
                after = Some(format!(
                    "{name} + 3.0 * Mat::<f64>::identity({square}, {square})"
                ));
            }
            Fact::Constant => {}
        }
    }
    let kind = if holds_labels(tensor) { "usize" } else { "f64" };
    let value = match sizes.as_slice() {
        [] => element,
        [count] => format!("(0..{count}).map(|_| {element}).collect()"),
        [rows, columns] => format!("Mat::from_fn({rows}, {columns}, |_, _| {element})"),
        several => format!("Array::from_fn([{}], |_| {element})", several.join(", ")),
    };
    let typed = match sizes.len() {
        1 => format!("{name}: Vec<{kind}>"),
        _ => name.clone(),
    };
    let mut lines = vec![format!("let {typed} = {value};")];
    if let Some(after) = after {
        if !super::mentions(&after, &name) {
            lines.clear();
        }
        lines.push(format!("let {name} = {after};"));
    }
    Ok(lines)
}
