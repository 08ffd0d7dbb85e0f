//! The second witness: for every problem that is right, the emitted NumPy beside JAX's derivative of the same source. One
//! Python process for all of them. Truth remains finite differences; a difference here is still a failure.

use std::fmt::Write as _;
use std::path::Path;

use backprove::calculus::sample::{self, Region};
use backprove::calculus::{Fact, Program, Tensor};
use backprove::codegen::{Options, numpy};
use serde_json::{Map, Value, json};
use xtask::python::Python;

use crate::catalogue::{self, Entry};

const PACKAGES: &[&str] = &["jax==0.7.2", "numpy==2.3.5", "scipy==1.16.3"];

/// How far a number may be from JAX's, relative to the largest of its array where that is above one.
const TOLERANCE: f64 = 1e-9;

/// Points that are offered; the first at which everything is finite is used.
const POINTS: usize = 12;

/// The problem for Python, if it can be derived and emitted.
fn prepared(entry: &Entry) -> Option<Value> {
    let problem = entry.read().ok()?;
    if entry.order != "gradient" || !problem.program().functions.is_empty() {
        return None;
    }
    let wrt = entry.variables();
    let gradient = problem.gradient(&wrt, entry.cotangent.as_deref()).ok()?;
    let module = numpy(&gradient, &Options::default()).ok()?;
    let mut given = gradient.forward.inputs.clone();
    let inputs: Vec<&str> = given.iter().map(Tensor::name).collect();
    let inputs = json!(inputs);
    given.extend(gradient.seed.clone());
    let wrt: Vec<&str> = gradient.wrt.iter().map(Tensor::name).collect();
    Some(json!({
        "name": entry.name,
        "order": entry.order,
        "source": entry.source,
        "module": module,
        "inputs": inputs,
        "wrt": wrt,
        "cotangent": gradient.seed.as_ref().map(Tensor::name),
        "sizes": sizes(&gradient.forward),
        "points": points(&gradient.forward, &given),
        "closed": entry.closed.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
    }))
}

fn sizes(program: &Program) -> Map<String, Value> {
    let [sizes, _] = sample::size_sets(program);
    let pairs = sizes.iter();
    pairs
        .map(|(name, size)| (name.to_owned(), json!(size)))
        .collect()
}

fn points(program: &Program, given: &[Tensor]) -> Vec<Value> {
    let [sizes, _] = sample::size_sets(program);
    let point = |attempt: usize| {
        let region = Region::of_attempt(attempt);
        let mut values = Map::new();
        for (place, tensor) in given.iter().enumerate() {
            let seed = (attempt * 97 + place) as u64;
            let array = sample::floats(tensor, &sizes, seed, region)?;
            let labels = tensor
                .facts()
                .iter()
                .any(|fact| matches!(fact, Fact::Labels(_)));
            let value = json!({"shape": array.shape(), "data": array.data(), "labels": labels});
            values.insert(tensor.name().to_owned(), value);
        }
        Some(Value::Object(values))
    };
    (0..POINTS).filter_map(point).collect()
}

fn number(answer: &Value, key: &str) -> Option<f64> {
    answer.get(key).and_then(Value::as_f64)
}

#[test]
fn emitted_code_agrees_with_jax() {
    let problems: Vec<Value> = catalogue::all().iter().filter_map(prepared).collect();
    assert!(
        problems.len() > 200,
        "only {} could be emitted",
        problems.len()
    );
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let target = target.parent().expect("it is within the target folder");
    let python =
        Python::with_packages(target, "jax", PACKAGES).unwrap_or_else(|why| panic!("{why}"));
    let input = Value::from(problems.clone()).to_string();
    let output = python.run(include_str!("witness.py"), &input);
    let output = output.unwrap_or_else(|why| panic!("{why}"));
    let answers: Vec<Value> = serde_json::from_str(&output).expect("a list of answers");
    assert_eq!(answers.len(), problems.len());
    let mut table = String::new();
    let mut failures = String::new();
    for answer in &answers {
        let name = answer["name"].as_str().unwrap_or_default();
        if let Some(error) = answer["error"].as_str() {
            let _ = writeln!(failures, "{name}: {error}");
            let _ = writeln!(table, "| {name} | | {error} | |");
            continue;
        }
        for key in ["forward", "ours", "textbook"] {
            let is_close = number(answer, key).is_none_or(|error| error <= TOLERANCE);
            if !is_close {
                let _ = writeln!(failures, "{name}: {key} differs by {}", answer[key]);
            }
        }
        if let Some(reason) = answer["unread"].as_str() {
            let _ = writeln!(
                failures,
                "{name}: the textbook's form is not NumPy: {reason}"
            );
        }
        let shown = |key| number(answer, key).map_or(String::new(), |error| format!("{error:.0e}"));
        let _ = writeln!(
            table,
            "| {name} | {} | {} | {} |",
            answer["source"].as_str().unwrap_or_default(),
            shown("ours"),
            shown("textbook")
        );
    }
    if std::env::var_os("BLESS").is_some() {
        let text = format!(
            "# Beside JAX\n\nWritten by `BLESS=1 cargo test -p backprove --test problems`: the emitted NumPy beside JAX's \
             derivative, in double precision.\nThe primal is the pasted source where that is Python, else the emitted \
             forward function. Errors are relative to the largest element where that is above one.\n\n\
             | problem | primal | emitted | textbook |\n| --- | --- | --- | --- |\n{table}"
        );
        std::fs::write(catalogue::folder().join("WITNESS.md"), text).expect("writable");
    }
    assert!(failures.is_empty(), "{failures}");
}
