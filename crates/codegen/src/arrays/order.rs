//! Modules for derivatives of other orders than the gradient. Results are dense arrays, which is what their callers ask for;
//! the work in them keeps deltas, diagonals and cores apart.

use std::fmt::Write;

use backprove_calculus::{Derivative, Equation, Order, Outcome, Tensor, matrix};
use backprove_syntax::{Diagnostic, format_expression};

use super::definition::{Definition, body, define, needed};
use super::kernels::Recognised;
use super::self_test::{draw, inputs, run, stand_ins};
use super::{Module, callables, identifier, name_all, python, returned_dict};
use crate::Options;
use crate::arrays::spelling::Library;
use crate::arrays::writer::{Writer, described, unwritten};
use crate::formula::Formula;

/// A self-contained module that imports only NumPy (and SciPy's special functions where it needs one) and defines
/// `forward` and, by the order, `jacobian`, `jvp`, `hessian` or `hvp`.
///
/// `jacobian` returns a dict from the name of each variable to an array with the axes of the output and then those of
/// the variable; `hessian` one from each pair of names to an array with the axes of both. `jvp` and `hvp` take a tangent
/// `t_NAME` for each variable as last arguments; `jvp` returns an array of the output's shape, `hvp` a dict from each
/// name to an array of its shape. Run as a program, the module compares its results with central differences.
pub fn numpy_derivative(derivative: &Derivative, options: &Options) -> Result<String, Diagnostic> {
    emit(derivative, options, Library::Numpy)
}

/// A self-contained module that imports only PyTorch and defines what that of [`numpy_derivative`] defines, of tensors. Run as a
/// program, it compares its results with those of `torch.func`.
pub fn torch_derivative(derivative: &Derivative, options: &Options) -> Result<String, Diagnostic> {
    emit(derivative, options, Library::Torch)
}

/// A self-contained module that imports only JAX and defines what that of [`numpy_derivative`] defines, of JAX's arrays. Run as a
/// program, it compares its results with JAX's own.
pub fn jax_derivative(derivative: &Derivative, options: &Options) -> Result<String, Diagnostic> {
    emit(derivative, options, Library::Jax)
}

fn emit(
    derivative: &Derivative,
    options: &Options,
    library: Library,
) -> Result<String, Diagnostic> {
    let is_definition = |tensor: &&Tensor| derivative.forward.equation(tensor.name()).is_some();
    if let Some(tensor) = derivative.wrt.iter().find(is_definition)
        && matches!(derivative.order, Order::Jvp | Order::Hvp)
    {
        let name = tensor.name();
        return Err(unwritten(&format!("a tangent of the definition `{name}`")));
    }
    let program = derivative.program();
    let mut writer = Writer::new(&program, library);
    let orders = name_all(&mut writer, &derivative.forward);
    let count = derivative.stage.differentiated.equations.len();
    let plain = Recognised::default();
    let mut definitions = Vec::new();
    for (place, equation) in program.equations.iter().enumerate() {
        // What is printed as `diag(s)` between two matrices is worked out as a scaling of rows.
        let worked_out = Equation {
            matrix: matrix::recover(&equation.body, &equation.indices),
            ..equation.clone()
        };
        if place < count {
            definitions.push(define(&mut writer, equation, &plain)?);
            continue;
        }
        let mut definition = define(&mut writer, &worked_out, &plain)?;
        if let Some(printed) = &equation.matrix {
            definition.formula = Formula::Matrix(format_expression(printed));
        }
        definitions.push(definition);
    }
    let module = Module {
        primal: derivative.definitions(),
        definitions,
        functions: callables(&writer, &derivative.forward, &orders),
    };
    let forward = module.forward(&mut writer)?;
    let derived = function(&module, &writer, derivative)?;
    let test = match library {
        Library::Numpy => self_test(&mut writer, derivative, &orders),
        Library::Torch | Library::Jax => against_library(&mut writer, derivative, &orders),
    };
    Ok(module.text(&writer, options, &forward, &derived, &test))
}

fn function(
    module: &Module<'_>,
    writer: &Writer<'_>,
    derivative: &Derivative,
) -> Result<String, Diagnostic> {
    let mut inputs = derivative.forward.inputs.clone();
    inputs.extend(derivative.stage.tangents.iter().cloned());
    let outcomes = derivative.outcomes();
    let mut results: Vec<(&Outcome<'_>, &Definition)> = Vec::new();
    for outcome in &outcomes {
        let name = outcome.partial.target.name();
        let mut definitions = module.definitions.iter();
        let found = definitions.find(|own| own.target.name() == name);
        results.push((
            outcome,
            found.ok_or_else(|| unwritten(&format!("`{name}`")))?,
        ));
    }
    let targets = results.iter().map(|(_, own)| own.target.name());
    let needed = needed(&module.definitions, targets);
    let mut text = module.signature(writer, derivative.order.name(), &inputs);
    text.push_str(&docstring(writer, derivative, &results));
    text.push_str(&body(writer, &needed, &inputs)?);
    let mut entries = Vec::new();
    for (outcome, definition) in &results {
        let name = identifier(writer, definition.target.name())?;
        let value = match (definition.target.rank(), definition.is_view) {
            // Tensors are not changed by those who get them.
            _ if writer.library != Library::Numpy => name,
            (0, _) => format!("np.array({name}, dtype=float)"),
            (_, true) => format!("{name}.copy()"),
            (_, false) => name,
        };
        entries.push((key(derivative.order, outcome), value));
    }
    if derivative.order == Order::Jvp {
        let value = entries.first().map_or("None", |(_, value)| value);
        let _ = writeln!(text, "    return {value}");
    } else {
        text.push_str(&returned_dict(&entries));
    }
    Ok(text)
}

/// `"W"`, or `("W", "b")` for a pair.
fn key(order: Order, outcome: &Outcome<'_>) -> String {
    let names: Vec<String> = outcome
        .wrt
        .iter()
        .map(|tensor| format!("\"{}\"", tensor.name()))
        .collect();
    match order {
        Order::Hessian => format!("({})", names.join(", ")),
        _ => names.join(", "),
    }
}

fn docstring(
    writer: &Writer<'_>,
    derivative: &Derivative,
    results: &[(&Outcome<'_>, &Definition)],
) -> String {
    let output = derivative.forward.output();
    let output = output.map_or("", |equation| equation.target.name());
    let names = |tensors: &[Tensor]| {
        let names: Vec<&str> = tensors.iter().map(Tensor::name).collect();
        names.join(", ")
    };
    let tangents = names(&derivative.stage.tangents);
    let first = match derivative.order {
        Order::Jacobian => format!(
            "Return the Jacobians of {output}: a dict from the name of each variable to an array\n    with the axes of {output}, then those of the variable."
        ),
        Order::Hessian => format!(
            "Return the second derivatives of {output}: a dict from pairs of names to arrays\n    with the axes of the first variable, then those of the second."
        ),
        Order::Jvp => format!(
            "Return the derivative of {output} along {tangents}: an array of the shape of {output}."
        ),
        Order::Hvp => format!(
            "Return the derivative of the gradient of {output} along {tangents}: a dict from the name\n    of each variable to an array of its shape."
        ),
    };
    let mut text = format!("    \"\"\"{first}\n\n");
    for (_, definition) in results {
        let shape = described(&definition.target, &writer.names);
        let formula = definition.formula.text(definition.target.name());
        text.push_str(&python::line(&format!("{formula}  # {shape}")));
    }
    text.push_str("    \"\"\"\n");
    text.replace('\\', "\\\\")
}

const SLOPES: &str = r#"

def _slopes(function, x):
    """Central differences of function() by each element of x, from two steps."""
    result = np.empty(np.shape(function()) + x.shape)
    for at in np.ndindex(x.shape):
        value, slopes = x[at], []
        for step in (2e-4, 1e-4):
            x[at] = value + step
            above = np.array(function(), dtype=float)
            x[at] = value - step
            slopes.append((above - function()) / (2 * step))
        x[at] = value
        result[(...,) + at] = (4 * slopes[1] - slopes[0]) / 3
    return result
"#;

/// The variables that are arguments, as Python's strings.
fn variables(derivative: &Derivative) -> Vec<String> {
    let is_input = |tensor: &&Tensor| derivative.forward.inputs.contains(tensor);
    let variables = derivative.wrt.iter().filter(is_input);
    variables
        .map(|tensor| format!("\"{}\"", tensor.name()))
        .collect()
}

/// The comparison with derivatives that the library takes of `forward`.
fn against_library(writer: &mut Writer<'_>, derivative: &Derivative, orders: &[usize]) -> String {
    let (mut text, restricted) = draw(writer, &derivative.forward);
    let (functions, head) = stand_ins(orders, writer.library.prefix());
    let (module, convert, title) = match writer.library {
        Library::Torch => ("torch.func", "torch.as_tensor", "torch.func"),
        _ => ("jax", "jnp.asarray", "JAX"),
    };
    let order = derivative.order;
    let function = order.name();
    let _ = write!(
        text,
        "\n\ndef _largest_error(rng):\n    \
         \"\"\"The largest scaled difference of {function}() from what {title} derives.\"\"\"\n{functions}{}\n",
        converted(convert, &head, restricted)
    );
    let _ = write!(
        text,
        "    names = [{}]\n    variables = tuple(inputs[name] for name in names)\n\n    \
         def primal(*variables):\n        \
         return forward({head}*(inputs | dict(zip(names, variables))).values())\n\n",
        variables(derivative).join(", ")
    );
    let call = |more: &str| format!("{function}({head}*inputs.values(){more})");
    let places = "places = tuple(range(len(names)))";
    let tangents = format!(
        "    tangents = tuple({convert}(rng.standard_normal(x.shape)) for x in variables)\n"
    );
    let along = call(", *tangents");
    let compared = match order {
        Order::Jacobian => format!(
            "    {places}\n    derived = {}\n    \
             expected = {module}.jacrev(primal, places)(*variables)\n    \
             pairs = [(derived[a], x) for a, x in zip(names, expected)]\n",
            call("")
        ),
        Order::Hessian => format!(
            "    {places}\n    derived = {}\n    \
             expected = {module}.hessian(primal, places)(*variables)\n    \
             pairs = [\n        \
             (derived[a, b], x)\n        \
             for a, row in zip(names, expected)\n        \
             for b, x in zip(names, row)\n    \
             ]\n",
            call("")
        ),
        Order::Jvp => format!(
            "{tangents}    _, expected = {module}.jvp(primal, variables, tangents)\n    \
             pairs = [({along}, expected)]\n"
        ),
        Order::Hvp => format!(
            "    {places}\n{tangents}    derived = {along}\n    \
             gradients = {module}.grad(primal, places)\n    \
             _, expected = {module}.jvp(gradients, variables, tangents)\n    \
             pairs = [(derived[a], x) for a, x in zip(names, expected)]\n"
        ),
    };
    text.push_str(&compared);
    let largest = match writer.library {
        Library::Torch => {
            "scaled = torch.abs(found - expected) / (1.0 + torch.abs(expected))\n        \
             errors.append(float(torch.max(scaled)))"
        }
        _ => "errors.append(np.max(np.abs(found - expected) / (1.0 + np.abs(expected))))",
    };
    let _ = write!(
        text,
        "    errors = [0.0]\n    \
         for found, expected in pairs:\n        \
         assert found.shape == expected.shape and found.dtype == expected.dtype\n        \
         {largest}\n    \
         return max(errors)\n\n\n\
         if __name__ == \"__main__\":\n    import numpy as np\n\n    "
    );
    if writer.library == Library::Jax {
        text.push_str("jax.config.update(\"jax_enable_x64\", True)\n    ");
    }
    let _ = write!(
        text,
        "error = _largest_error(np.random.default_rng(0))\n    \
         print(f\"largest error against automatic differentiation: {{error:.1e}}\")\n    \
         raise SystemExit(not error <= 1e-9)\n"
    );
    text
}

/// The lines that draw inputs, at which the program is defined, as the library's own arrays.
fn converted(convert: &str, head: &str, restricted: bool) -> String {
    let drawn = |range: &str| {
        format!("inputs = {{name: {convert}(x) for name, x in _draw(rng{range}).items()}}\n")
    };
    if !restricted {
        return format!("    {}", drawn(""));
    }
    // Somewhere in these ranges the program is defined.
    format!(
        "    for low, high in 20 * [(0.5, 1.5), (0.1, 0.9), (1.0, 3.0), (-1.0, 1.0)]:\n        \
         {}        if np.all(np.isfinite(np.asarray(forward({head}*inputs.values())))):\n            break\n",
        drawn(", low, high")
    )
}

fn self_test(writer: &mut Writer<'_>, derivative: &Derivative, orders: &[usize]) -> String {
    let (mut text, restricted) = draw(writer, &derivative.forward);
    text.push_str(SLOPES);
    let (functions, head) = stand_ins(orders, "np");
    let order = derivative.order;
    let function = order.name();
    let _ = write!(
        text,
        "\n\ndef _largest_error(rng):\n    \"\"\"The largest scaled difference of {function}() from central differences.\"\"\"\n{functions}{}\n    \
         def primal():\n        return forward({head}*inputs.values())\n\n",
        inputs(&head, restricted)
    );
    let names = variables(derivative);
    // What is defined cannot be moved by itself.
    let _ = writeln!(text, "    names = [{}]", names.join(", "));
    let call = |more: &str| format!("{function}({head}*inputs.values(){more})");
    let first = "_slopes(primal, inputs[a])";
    let second = "_slopes(slopes(a), inputs[b])";
    let slopes = "    def slopes(name):\n        return lambda: _slopes(primal, inputs[name])\n\n";
    let tangents = names
        .iter()
        .map(|name| format!("{name}: rng.standard_normal(inputs[{name}].shape)"));
    let tangents: Vec<String> = tangents.collect();
    let tangents = format!("    tangents = {{{}}}\n", tangents.join(", "));
    let compared = match order {
        Order::Jacobian => format!(
            "    derived = {}\n    pairs = [(derived[a], {first}) for a in names]\n",
            call("")
        ),
        Order::Hessian => format!(
            "{slopes}    derived = {}\n    \
             pairs = [\n        (derived[a, b], {second}) for a in names for b in names\n    ]\n",
            call("")
        ),
        Order::Jvp => format!(
            "{tangents}    derived = {}\n    \
             along = [np.tensordot({first}, tangents[a], inputs[a].ndim) for a in names]\n    \
             pairs = [(derived, sum(along))]\n",
            call(", *tangents.values()")
        ),
        Order::Hvp => format!(
            "{slopes}{tangents}    derived = {}\n    pairs = []\n    for a in names:\n        \
             along = [np.tensordot({second}, tangents[b], inputs[b].ndim) for b in names]\n        \
             pairs.append((derived[a], sum(along)))\n",
            call(", *tangents.values()")
        ),
    };
    text.push_str(&compared);
    text.push_str(
        "    errors = [0.0]\n    \
         for found, expected in pairs:\n        \
         assert np.shape(found) == np.shape(expected)\n        \
         errors.append(np.max(np.abs(found - expected) / (1.0 + np.abs(expected))))\n    \
         return np.max(errors)\n",
    );
    // Second differences divide by the square of the step.
    let tolerance = match order {
        Order::Jacobian | Order::Jvp => 1e-6,
        Order::Hessian | Order::Hvp => 1e-5,
    };
    text.push_str(&run(tolerance));
    text
}
