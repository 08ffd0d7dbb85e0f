//! Modules for derivatives of other orders: each compares itself with central differences, and returns what the contract
//! says, in the shapes that it says.

use std::path::Path;

use backprove_calculus::derivation::{self, Order};
use backprove_calculus::{Derivative, Tensor};
use backprove_codegen::{Options, numpy_derivative};
use serde_json::{Value, json};
use xtask::python::Python;

use crate::{PACKAGES, program};

const DRIVER: &str = "\
import json, sys
import numpy as np
answers = []
for source in json.load(sys.stdin):
    module = {'__name__': 'module'}
    exec(source, module)
    rng = np.random.default_rng(1)
    try:
        error = float(module['_largest_error'](rng))
    except Exception as why:
        answers.append({'failed': repr(why)})
        continue
    answers.append({'error': error})
print(json.dumps(answers))
";

const NETWORK: &str = "X[S, D]: constant; W1[H, D]; b1[H]; W2[C, H]; t[S]: labels(C)\n\
    A = tanh(X @ W1.T + b1)\nZ = A @ W2.T\nL = cross_entropy(Z, t)";

const CASES: &[(Order, &str)] = &[
    (Order::Hessian, "x[N]; A[N, N]\nL = x @ A @ x"),
    (Order::Hessian, "x[N]\nL = log(sum(exp(x)))"),
    (Order::Hessian, "X[N, M]; Y[M, K]\nL = sum(exp(X @ Y))"),
    (Order::Hessian, "x[3]\nL = x[0] * x[1]"),
    (
        Order::Hessian,
        "A[M, N]: constant; b[M]: constant; x[N]\nL = -sum(log(b - A @ x))",
    ),
    (
        Order::Hessian,
        "X[S, M]; w[M]; y[S]: constant\nL = sum(softplus(X @ w) - y * (X @ w))",
    ),
    (
        Order::Hessian,
        "Z[S, C]; T[S, C]: prob\nL = -sum(T * log(softmax(Z, axis=1)))",
    ),
    (
        Order::Hessian,
        "U[N, K]; V[M, K]; T[N, M]: constant\nL = sum((U @ V.T - T)**2)",
    ),
    (
        Order::Hessian,
        "A[M, M]; B[N, N]; X[M, N]\nL = 0.5 * sum((A @ X + X @ B)**2)",
    ),
    (
        Order::Hessian,
        "h: elementwise; x[N]; c[]\nL = c * sum(h(x) * h(c * x))",
    ),
    (Order::Hessian, NETWORK),
    (Order::Hvp, NETWORK),
    (Order::Jvp, NETWORK),
    (Order::Jvp, "X[S, M]; W[N, M]; b[N]\nY = tanh(X @ W.T + b)"),
    (Order::Jacobian, "x[M]\ny = x / sqrt(x @ x)"),
    (Order::Jacobian, "A[M, N]; x[N]\ny = A @ exp(x)"),
    (Order::Jacobian, "X[S, C]\nY = softmax(X, axis=1)"),
    (Order::Jacobian, "A[M, N]; X[N, K]; B[K, L]\nY = A @ X @ B"),
    (Order::Jacobian, "X[M, N]\nY = X.T"),
    (Order::Jacobian, "x[N]; c[]\nL = c * sum(x)"),
];

fn derivative(order: Order, text: &str) -> Derivative {
    let program = program(text);
    let inputs = program.inputs.iter().filter(|input| !input.is_constant());
    let wrt: Vec<Tensor> = inputs.cloned().collect();
    derivation::derivative(&program, &wrt, order).unwrap()
}

#[test]
fn modules_agree_with_central_differences() {
    let modules: Vec<Value> = CASES
        .iter()
        .map(|(order, text)| {
            let module = numpy_derivative(&derivative(*order, text), &Options::default());
            json!(module.unwrap_or_else(|why| panic!("{text}: {why:?}")))
        })
        .collect();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python = Python::with_packages(target, "jax", PACKAGES).unwrap();
    let output = python.run(DRIVER, &Value::from(modules.clone()).to_string());
    let answers: Vec<Value> = serde_json::from_str(&output.unwrap()).unwrap();
    assert_eq!(answers.len(), CASES.len());
    for (((order, text), answer), module) in CASES.iter().zip(&answers).zip(&modules) {
        let error = answer["error"].as_f64().unwrap_or(f64::INFINITY);
        assert!(
            error < 1e-5,
            "{order:?} of {text}: {answer}\n{}",
            module.as_str().unwrap()
        );
    }
}

#[test]
fn signatures_follow_the_contract() {
    let expect = |order, text: &str, lines: &[&str]| {
        let module = numpy_derivative(&derivative(order, text), &Options::default()).unwrap();
        for line in lines {
            assert!(module.contains(line), "{line} is not in\n{module}");
        }
    };
    expect(
        Order::Jacobian,
        "A[M, N]; x[N]\ny = A @ x",
        &[
            "def jacobian(A, x):",
            "return {\"A\": dy_dA, \"x\": dy_dx.copy()}",
        ],
    );
    expect(
        Order::Hessian,
        "x[N]; A[N, N]: constant\nL = x @ A @ x",
        &["def hessian(x, A):", "return {(\"x\", \"x\"): d2L_dx_dx}"],
    );
    expect(
        Order::Jvp,
        "X[S, M]; W[N, M]\nY = X @ W.T",
        &["def jvp(X, W, t_X, t_W):", "return t_Y"],
    );
    expect(
        Order::Hvp,
        "X[S, M]: constant; w[M]\nL = sum((X @ w)**2)",
        &["def hvp(X, w, t_w):", "return {\"w\": t_dw}"],
    );
}

/// A tangent of a definition has no place among the arguments of a forward program.
#[test]
fn a_tangent_of_a_definition_is_refused() {
    let program = program("X[S, M]; W[N, M]\nZ = X @ W.T\nY = tanh(Z)");
    let wrt = [program.tensor("Z").unwrap().clone()];
    let derivative = derivation::derivative(&program, &wrt, Order::Jvp).unwrap();
    let refused = numpy_derivative(&derivative, &Options::default()).unwrap_err();
    assert_eq!(refused.slug, "not-emitted");
}
