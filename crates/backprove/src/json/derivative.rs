//! A derivative of another order as one JSON object. The layout is that of a gradient; what is of second order is taken by a
//! pair of variables.

use backprove_calculus::{Derivative, Equation, Order, Partial, Tensor};
use backprove_typeset::compose::{Letters, index};
use backprove_typeset::latex;
use serde_json::{Value, json};

use super::{SCHEMA, drawn, shape, steps, typeset};
use crate::derivative::{DerivativeVerification, PartialCheck};
use crate::report::{Names, names};
use crate::text;

/// One object with the inputs, the forward equations, and for each result its forms and its steps.
pub fn derivative(derivative: &Derivative, verification: &DerivativeVerification) -> Value {
    let tensor = |tensor: &Tensor| json!({ "name": tensor.name(), "shape": shape(tensor) });
    let equation = |equation: &Equation| json!({ "name": equation.target.name(), "text": text::equation(equation) });
    let forward = derivative.definitions();
    let stage = &derivative.stage;
    let inputs = forward.inputs.iter().chain(&stage.tangents).map(tensor);
    let inputs: Vec<Value> = inputs.collect();
    let outcomes = derivative.outcomes();
    let checked: Vec<(&Partial, &PartialCheck)> =
        stage.partials.iter().zip(&verification.partials).collect();
    let names = names(derivative);
    let mut results = Vec::new();
    for (outcome, check) in outcomes.iter().zip(&verification.outcomes) {
        let found = checked
            .iter()
            .find(|(partial, _)| std::ptr::eq(*partial, outcome.partial));
        if let Some((partial, steps)) = found {
            let wrt: Vec<&str> = outcome.wrt.iter().map(|own| own.name()).collect();
            let mut object = result(partial, steps, &names);
            object["wrt"] = match (derivative.order, &wrt[..]) {
                (Order::Jacobian | Order::Hvp, [name]) => json!(name),
                _ => json!(wrt),
            };
            object["verified"] = json!(check.holds() && steps.holds());
            let errors = check.all().map(|check| check.error);
            object["error"] = json!(errors.fold(0.0, f64::max));
            results.push(object);
        }
    }
    let between = checked.iter().filter(|(partial, _)| {
        let mut outcomes = outcomes.iter();
        !outcomes.any(|outcome| std::ptr::eq(*partial, outcome.partial))
    });
    let between = between.map(|(partial, steps)| {
        let mut object = result(partial, steps, &names);
        object["absorbed"] = json!(partial.absorbed);
        object
    });
    let introduced = derivative.gradient.iter().flat_map(|own| &own.introduced);
    let introduced = introduced.chain(&stage.introduced).map(equation);
    let gradient = derivative
        .gradient
        .as_ref()
        .zip(verification.gradient.as_ref());
    json!({
        "schema": SCHEMA,
        "order": derivative.order.name(),
        "inputs": inputs,
        "equations": forward.equations.iter().map(equation).collect::<Vec<_>>(),
        "where": introduced.collect::<Vec<_>>(),
        "output": forward.output().map(|equation| equation.target.name()),
        "verified": verification.holds(),
        "gradient": gradient.map(|(gradient, check)| super::derivation(gradient, check)),
        "intermediates": between.collect::<Vec<_>>(),
        "results": results,
    })
}

fn result(partial: &Partial, check: &PartialCheck, names: &Names) -> Value {
    let mut letters = Letters::default();
    letters.reserve(&partial.indices());
    let mut all = Vec::new();
    for (contribution, checks) in partial.contributions.iter().zip(&check.locals) {
        let indices = contribution.local.start.free_indices();
        all.extend(steps(&contribution.local, checks, &indices, &letters));
    }
    all.extend(steps(&partial.chain, &check.chain, &[], &letters));
    let formula = index::expression(partial.result(), &mut letters);
    let kronecker = partial.kronecker.as_ref().map(ToString::to_string);
    json!({
        "name": partial.target.name(),
        "shape": shape(&partial.target),
        "matrix": partial.matrix.as_deref().map(backprove_syntax::format_expression),
        "kronecker": kronecker,
        "index": text::by_index(&partial.equation()),
        "latex": latex::formula(&formula),
        "equation": typeset(&partial.equation(), names),
        "mathml": drawn(&partial.equation(), names),
        "steps": all,
    })
}
