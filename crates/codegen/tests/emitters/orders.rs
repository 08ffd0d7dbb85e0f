//! Derivatives of other orders in the corpus, for libraries that differentiate by themselves: each module compares itself with
//! what its library makes of the forward program.

use backprove_calculus::Derivative;
use backprove_codegen::{Options, jax_derivative, torch_derivative};
use backprove_syntax::Diagnostic;
use serde_json::{Value, json};
use xtask::python::Python;

use crate::{corpus, target, torch_environment};

type Emitter = fn(&Derivative, &Options) -> Result<String, Diagnostic>;

/// Runs modules as programs; answers with what each said that did not end well.
const DRIVER: &str = "\
import contextlib, io, json, sys, traceback
answers = []
for source in json.load(sys.stdin):
    said, wrong = io.StringIO(), ''
    try:
        with contextlib.redirect_stdout(said):
            exec(compile(source, 'emitted', 'exec'), {'__name__': '__main__'})
    except SystemExit as end:
        wrong = end.code and said.getvalue()
    except Exception:
        wrong = traceback.format_exc(limit=-4)
    answers.append(wrong or '')
print(json.dumps(answers))
";

fn run(python: &Python, emitter: Emitter) {
    let derivatives = corpus::derivatives();
    let emitted = derivatives.iter().map(|(name, derivative)| {
        let module = emitter(derivative, &Options::default());
        json!(module.unwrap_or_else(|why| panic!("{name}: {why:?}")))
    });
    let modules: Vec<Value> = emitted.collect();
    let output = python.run(DRIVER, &Value::from(modules.clone()).to_string());
    let output = output.unwrap_or_else(|why| panic!("{why}"));
    let answers: Vec<String> = serde_json::from_str(&output).expect("a list of texts");
    assert_eq!(answers.len(), derivatives.len());
    let wrong: Vec<String> = derivatives
        .iter()
        .zip(&answers)
        .zip(&modules)
        .filter(|((_, answer), _)| !answer.is_empty())
        .map(|(((name, _), answer), module)| {
            format!("{name}: {answer}\n{}", module.as_str().unwrap_or_default())
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn torch_of_other_orders() {
    match torch_environment() {
        Some(python) => run(&python, torch_derivative),
        None => eprintln!("PyTorch is not installed: set BACKPROVE_TORCH=1 to have it installed"),
    }
}

#[test]
fn jax_of_other_orders() {
    let python = Python::with_packages(target(), "jax", crate::JAX);
    run(
        &python.unwrap_or_else(|why| panic!("{why}")),
        jax_derivative,
    );
}
