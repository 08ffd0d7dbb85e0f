//! The derivation as one JSON object, for other programs.

mod derivative;
mod plan;

use backprove_calculus::check::IdentityCheck;
use backprove_calculus::{Chain, Derivation, Equation, Gradient, Index, Level, Tensor};
use backprove_typeset::compose::{Letters, index};
use backprove_typeset::formula::{Formula, Operator};
use backprove_typeset::{latex, mathml, unicode};
use serde_json::{Value, json};

use crate::report::{Names, line};
use crate::verification::{DerivationCheck, Verification};
use crate::{report, text};

pub use derivative::derivative;
pub use plan::{PLAN_SCHEMA, plan};

/// The version of the object's layout.
pub const SCHEMA: &str = "backprove/derivation/1";

/// One object with the inputs, the forward equations, and for each variable its result and its steps.
pub fn derivation(gradient: &Gradient, verification: &Verification) -> Value {
    let tensor = |tensor: &Tensor| json!({ "name": tensor.name(), "shape": shape(tensor) });
    let equation = |equation: &Equation| json!({ "name": equation.target.name(), "text": text::equation(equation) });
    let forward = &gradient.forward;
    let inputs: Vec<Value> = forward
        .inputs
        .iter()
        .chain(&gradient.seed)
        .map(tensor)
        .collect();
    let checked = gradient.derivations.iter().zip(&verification.derivations);
    let names = Names::of(gradient);
    let result = |(derivation, check)| result(gradient, derivation, check, &names);
    json!({
        "schema": SCHEMA,
        "inputs": inputs,
        "equations": forward.equations.iter().map(equation).collect::<Vec<_>>(),
        "where": gradient.introduced.iter().map(equation).collect::<Vec<_>>(),
        "output": forward.output().map(|equation| equation.target.name()),
        "verified": verification.holds(),
        "results": checked.map(result).collect::<Vec<_>>(),
    })
}

fn shape(tensor: &Tensor) -> Vec<String> {
    tensor.dims().iter().map(ToString::to_string).collect()
}

fn result(
    gradient: &Gradient,
    derivation: &Derivation,
    check: &DerivationCheck,
    names: &Names,
) -> Value {
    let mut letters = Letters::default();
    letters.reserve(&derivation.indices);
    let mut steps = Vec::new();
    for (contribution, checks) in derivation.contributions.iter().zip(&check.locals) {
        let indices = &contribution.equation.indices;
        steps.extend(self::steps(&contribution.local, checks, indices, &letters));
    }
    steps.extend(self::steps(&derivation.chain, &check.chain, &[], &letters));
    let equation = derivation.equation();
    let formula = index::expression(derivation.result(), &mut letters);
    json!({
        "wrt": derivation.variable.name(),
        "requested": gradient.wrt.contains(&derivation.variable),
        "name": derivation.gradient.name(),
        "shape": shape(&derivation.variable),
        "matrix": derivation.matrix.as_deref().map(backprove_syntax::format_expression),
        "index": text::by_index(&equation),
        "constrained": derivation.constrained.as_ref().map(|constrained| json!({
            "matrix": backprove_syntax::format_expression(&constrained.matrix),
            "convention": constrained.convention,
        })),
        "latex": latex::formula(&formula),
        "equation": typeset(&equation, names),
        "mathml": drawn(&equation, names),
        "verified": check.holds(),
        "error": check.result.error,
        "certificate": certificate(check),
        "steps": steps,
    })
}

/// The equation in LaTeX, in matrix notation where it has one.
fn typeset(equation: &Equation, names: &Names) -> String {
    let line = line(equation, names);
    let left = line.left.as_ref().map(latex::formula).unwrap_or_default();
    format!("{left} = {}", latex::formula(&line.right))
}

/// The same equation in MathML.
fn drawn(equation: &Equation, names: &Names) -> String {
    let line = line(equation, names);
    let left = line.left.unwrap_or(Formula::Row(Vec::new()));
    mathml::cell(&left.infix(Operator::Equal, line.right))
}

/// The random identity test behind a result: where, how often, how well, and in which numbers.
fn certificate(check: &DerivationCheck) -> Value {
    let steps = || check.chain.iter().chain(check.locals.iter().flatten());
    let count = |name: &str| {
        steps()
            .filter(|step| report::verdict(&step.verdict) == name)
            .count()
    };
    let result = &check.result;
    json!({
        "sizes": result.sizes.each_ref().map(ToString::to_string),
        "trials": steps().map(|step| step.trials).sum::<usize>() + result.trials,
        "resamples": steps().map(|step| step.resamples).sum::<usize>() + result.resamples,
        "greatest_error": steps().map(|step| step.error).fold(result.error, f64::max),
        "field": count("field"),
        "float": count("float"),
        "failed": count("failed") + count("unverified"),
    })
}

fn steps(
    chain: &Chain,
    checks: &[IdentityCheck],
    indices: &[Index],
    letters: &Letters,
) -> Vec<Value> {
    let mut letters = letters.clone();
    letters.reserve(indices);
    let steps = chain.steps.iter().zip(checks).map(|(step, check)| {
        let before = index::expression(&step.before, &mut letters.clone());
        let after = index::expression(&step.after, &mut letters.clone());
        json!({
            "rule": step.rule.name,
            "reason": step.rule.title,
            "level": match step.level() {
                Level::Headline => "headline",
                Level::Working => "working",
                Level::Bookkeeping => "bookkeeping",
            },
            "latex": format!("{} = {}", latex::formula(&before), latex::formula(&after)),
            "text": format!("{} = {}", unicode::formula(&before), unicode::formula(&after)),
            "verified": report::verdict(&check.verdict),
        })
    });
    steps.collect()
}
