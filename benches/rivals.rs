//! Who derives twelve textbook cases rightly, and how does it print? Backprove beside `SymPy` and `tensorgrad` in one run:
//! right or wrong by value against finite differences of the primal, the printed form, and the time.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use backprove::calculus::reference::{Array, Environment, Sizes, evaluate_program};
use backprove::calculus::sample::{self, Region};
use backprove::calculus::{Derivation, Tensor};
use backprove::{Problem, Verification, text};
use serde_json::{Map, Value, json};
use xtask::report::Report;
use xtask::rival::Rival;

/// Name, program, variable. The rivals' spellings stand in `rivals/textbook.py`.
const CASES: &[(&str, &str, &str)] = &[
    ("bilinear form", "a @ X @ b", "X"),
    ("quadratic form", "x @ A @ x", "x"),
    ("least squares", "np.sum((D @ w - y)**2)", "w"),
    ("trace of congruence", "np.trace(X.T @ B @ X)", "X"),
    ("log-determinant", "np.linalg.slogdet(Q)[1]", "Q"),
    ("trace of inverse", "np.trace(A @ np.linalg.inv(Q))", "Q"),
    ("Frobenius norm", "np.sqrt(np.sum(X**2))", "X"),
    (
        "logistic regression",
        "np.sum(np.log(1 + np.exp(D @ w)) - y * (D @ w))",
        "w",
    ),
    (
        "softmax expectation",
        "(np.exp(x) / np.sum(np.exp(x))) @ r",
        "x",
    ),
    (
        "cross-entropy",
        "-np.sum(t * (x - np.log(np.sum(np.exp(x)))))",
        "x",
    ),
    ("two layers", "np.sum((np.tanh(D @ U) @ V - Y)**2)", "U"),
    ("linear layer", "np.sum(G * (D @ W))", "W"),
];

/// All inputs of all cases.
const DECLARATIONS: &str = "a[M]; b[N]; x[M]; w[N]; y[S]; t[M]: prob; r[M]; X[M, N]; A[M, M]; B[M, M]; Q[M, M]: spd; \
    D[S, N]; Y[S, M]; G[S, M]; U[N, H]; V[H, M]; W[N, M]";

fn main() -> Result<(), Box<dyn Error>> {
    let Some(mut report) = Report::of("rivals") else {
        return Ok(());
    };
    let sizes = Sizes::new([("M", 4), ("N", 3), ("S", 5), ("H", 2)]);
    let mut expected = Map::new();
    let mut inputs = Map::new();
    let mut ours = Vec::new();
    for (name, source, variable) in CASES {
        let used = used_declarations(source);
        let problem = Problem::read(&format!("{used}\n{source}"))?;
        let gradient = problem.gradient(&[variable], None)?;
        let right = Verification::of(&gradient, 0).holds();
        let time = (0..9)
            .map(|_| {
                let start = Instant::now();
                let derived = problem.gradient(&[variable], None);
                let elapsed = start.elapsed().as_secs_f64();
                drop(derived);
                elapsed
            })
            .fold(f64::INFINITY, f64::min);
        let derivation = gradient.derivation(variable).ok_or("no derivation")?;
        let mut environment = Environment::new(sizes.clone(), 1);
        for input in &gradient.forward.inputs {
            let array = value_of(input, &sizes)?;
            inputs.insert(input.name().to_owned(), nested(array.shape(), array.data()));
            environment.set(input, array);
        }
        let mut environment = environment.with_program(Arc::new(gradient.program()));
        evaluate_program(&mut environment).map_err(|why| format!("{name}: {why:?}"))?;
        let found = environment
            .array(derivation.gradient.name())
            .ok_or("no gradient")?;
        expected.insert((*name).to_owned(), nested(found.shape(), found.data()));
        let computed = gradient.derivations.iter().filter(|one| !one.absorbed);
        let equations = gradient.introduced.iter().cloned();
        let printed: Vec<String> = equations
            .chain(computed.map(Derivation::equation))
            .map(|equation| text::equation(&equation))
            .collect();
        ours.push((right, time, printed.join("; ")));
    }
    // What no case of ours mentions, the rivals still declare.
    let all = Problem::read(&format!("{DECLARATIONS}\nsum(x)"))?;
    for input in &all.program().inputs {
        if !inputs.contains_key(input.name()) {
            let array = value_of(input, &sizes)?;
            inputs.insert(input.name().to_owned(), nested(array.shape(), array.data()));
        }
    }
    let given = json!({"inputs": inputs, "expected": expected}).to_string();
    let answers = Rival::python("textbook.py", 1, &[])?.say(&given)?;
    let answers: Value = serde_json::from_str(&answers)?;
    for ((name, source, variable), (right, time, printed)) in CASES.iter().zip(&ours) {
        let status = if *right { "right" } else { "wrong" };
        let mut table = format!(
            "### {name}\n\n`{source}` by `{variable}`\n\n| | by value | ms | printed |\n| --- | --- | --- | --- |\n\
             | Backprove | {status} | {:.2} | `{printed}` |",
            time * 1e3
        );
        for rival in ["SymPy", "tensorgrad"] {
            let answer = &answers[rival][name];
            let printed = answer["printed"]
                .as_str()
                .unwrap_or("")
                .replace(['\n', '|'], " ");
            let status = answer["status"].as_str().unwrap_or("did not run");
            let theirs = answer["seconds"].as_f64();
            let shown = theirs.map_or(String::new(), |time| format!("{:.2}", time * 1e3));
            write!(
                table,
                "\n| {rival} | {status} | {shown} | `{}` |",
                shortened(&printed)
            )?;
            if let Some(theirs) = theirs.filter(|_| report.quick()) {
                report.compare(name, rival, [&[*time], &[theirs]], None);
            }
        }
        report.note(table);
    }
    for rival in ["SymPy", "tensorgrad"] {
        if let Some(error) = answers[rival]["error"].as_str() {
            report.note(format!("{rival} did not run: {error}"));
        }
    }
    report.finish()
}

/// A text cut to what a table can show.
fn shortened(text: &str) -> String {
    const MOST: usize = 170;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The declarations of the names that stand in `source`.
fn used_declarations(source: &str) -> String {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    let used: Vec<&str> = source.split(|character| !is_name(character)).collect();
    let declared = DECLARATIONS.split("; ").map(str::trim);
    let kept = declared.filter(|one| {
        let name = one.split('[').next();
        name.is_some_and(|name| used.contains(&name))
    });
    kept.collect::<Vec<_>>().join("; ")
}

/// The same name has the same values in every case: they follow from it.
fn value_of(tensor: &Tensor, sizes: &Sizes) -> Result<Array<f64>, Box<dyn Error>> {
    let seed = tensor.name().bytes().map(u64::from).sum();
    sample::floats(tensor, sizes, seed, Region::Signed).ok_or_else(|| "no value".into())
}

/// A list of lists, as Python knows them.
fn nested(shape: &[usize], data: &[f64]) -> Value {
    match shape {
        [] => json!(data[0]),
        [_] => json!(data),
        [rows, rest @ ..] => {
            let size = data.len() / (*rows).max(1);
            let parts = data.chunks(size.max(1)).map(|part| nested(rest, part));
            Value::Array(parts.collect())
        }
    }
}
