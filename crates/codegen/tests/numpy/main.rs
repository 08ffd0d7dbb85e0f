//! Emitted modules are run by Python and compared with the reference evaluator, forward and backward, at random inputs
//! of distinct sizes; each also compares itself with central differences.

mod orders;
mod programs;

use std::path::Path;
use std::sync::Arc;

use backprove_calculus::reference::{Array, Environment, Sizes, evaluate_program};
use backprove_calculus::{
    Dim, Expr, Fact, FunctionName, Gradient, Node, Number, Program, Tensor, derivation, elaborate,
};
use backprove_codegen::{Options, numpy};
use programs::{CASES, Case, LINEAR, SOFTMAX_CROSS_ENTROPY};
use serde_json::{Value, json};
use xtask::python::Python;

/// Those of the test of emitted JAX: there is one environment for both.
const PACKAGES: &[&str] = &["jax==0.7.2", "numpy==2.3.5", "scipy==1.16.3"];

/// How far a number may be from the reference, relative to the largest of its array where that is above one.
const TOLERANCE: f64 = 1e-10;

fn program(text: &str) -> Program {
    let parsed = backprove_syntax::parse(text);
    assert_eq!(parsed.diagnostics, [], "{text}");
    let elaborated = elaborate(&parsed.program);
    assert_eq!(elaborated.diagnostics, [], "{text}");
    elaborated.program
}

fn gradient(text: &str, wrt: &[&str]) -> Gradient {
    let program = program(text);
    let wrt: Vec<Tensor> = if wrt.is_empty() {
        let inputs = program.inputs.iter();
        inputs
            .filter(|input| !input.is_constant())
            .cloned()
            .collect()
    } else {
        wrt.iter()
            .map(|name| program.tensor(name).unwrap().clone())
            .collect()
    };
    derivation::gradient(&program, &wrt, None).unwrap()
}

/// Numbers that follow from a seed.
struct Draw(u64);

impl Draw {
    fn bits(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.bits() as f64 / (1_u64 << 31) as f64
    }

    fn tensor(&mut self, tensor: &Tensor, sizes: &Sizes) -> Array<f64> {
        let shape = sizes.shape(tensor).unwrap();
        let count: usize = shape.iter().product();
        let mut data: Vec<f64> = (0..count).map(|_| self.uniform(-1.5, 1.5)).collect();
        for fact in tensor.facts() {
            for value in &mut data {
                *value = match fact {
                    Fact::Labels(classes) => {
                        (self.bits() as usize % sizes.get(classes).unwrap()) as f64
                    }
                    Fact::Positive | Fact::Probability => self.uniform(0.2, 1.8),
                    Fact::Unit => self.uniform(0.1, 0.9),
                    Fact::Signs => value.signum(),
                    _ => *value,
                };
            }
            if let (Fact::Symmetric | Fact::PositiveDefinite, [n, _]) = (fact, &shape[..]) {
                for row in 0..*n {
                    for column in 0..row {
                        data[column * n + row] = data[row * n + column];
                    }
                    // Enough on the diagonal makes all eigenvalues positive.
                    data[row * n + row] += 2.0 * *n as f64;
                }
            }
            if *fact == Fact::Probability {
                for row in data.chunks_mut(*shape.last().unwrap()) {
                    let total: f64 = row.iter().sum();
                    for value in row {
                        *value /= total;
                    }
                }
            }
        }
        Array::new(shape, data)
    }
}

fn sizes(gradient: &Gradient) -> Sizes {
    let mut sizes = Sizes::default();
    let mut next = 2;
    for tensor in &gradient.program().inputs {
        for dim in tensor.dims() {
            if let Dim::Symbol(name) = dim
                && sizes.get(dim).is_none()
            {
                sizes.set(name, next);
                next += 1;
            }
        }
    }
    sizes
}

/// The n-th derivative of sin(rate x), for every abstract function: the n-th declared one has the rate n.
fn concrete(expr: &Expr, functions: &[Arc<str>]) -> Expr {
    let expr = expr.map_children(|child| concrete(child, functions));
    let Node::Call(callee, arguments) = expr.node() else {
        return expr;
    };
    let FunctionName::Abstract(name) = &callee.function else {
        return expr;
    };
    let rate = functions.iter().position(|own| own == name).unwrap() as i64 + 1;
    let order = callee.derivatives.len() as i64;
    let turn = Number::Real(order as f64 * std::f64::consts::FRAC_PI_2);
    let phase = Expr::addition([
        Expr::product([Expr::integer(rate), arguments[0].clone()]),
        Expr::number(turn),
    ]);
    Expr::product([
        Expr::integer(rate.pow(order as u32)),
        Expr::apply("sin", vec![phase]),
    ])
}

fn given(tensor: &Tensor, array: &Array<f64>) -> Value {
    let labels = tensor
        .facts()
        .iter()
        .any(|fact| matches!(fact, Fact::Labels(_)));
    json!({ "shape": array.shape(), "data": array.data(), "labels": labels })
}

/// A program with random inputs for the driver, and the environment in which the reference has all results.
fn prepared(case: &Case, seed: u64) -> (Value, Gradient, Environment<f64>) {
    let gradient = gradient(case.text, case.wrt);
    let source = numpy(&gradient, &Options::default()).unwrap();
    let mut draw = Draw(seed);
    let mut program = gradient.program();
    let functions = program.functions.clone();
    let mut highest = vec![1; functions.len()];
    for equation in &mut program.equations {
        equation.body.visit(&mut |part| {
            if let Node::Call(callee, _) = part.node()
                && let FunctionName::Abstract(name) = &callee.function
            {
                let place = functions.iter().position(|own| own == name).unwrap();
                highest[place] = callee.derivatives.len().max(highest[place]);
            }
        });
        equation.body = concrete(&equation.body, &functions);
    }
    let mut environment = Environment::new(sizes(&gradient), seed);
    let mut arguments = Vec::new();
    for (place, highest) in highest.iter().enumerate() {
        arguments.extend((0..=*highest).map(|order| json!({ "rate": place + 1, "order": order })));
    }
    for input in &gradient.forward.inputs {
        let array = draw.tensor(input, environment.sizes());
        arguments.push(given(input, &array));
        environment.set(input, array);
    }
    let mut cotangent = Vec::new();
    if let Some(seed) = &gradient.seed {
        let array = draw.tensor(seed, environment.sizes());
        cotangent.push(given(seed, &array));
        environment.set(seed, array);
    }
    let mut environment = environment.with_program(Arc::new(program));
    evaluate_program(&mut environment).unwrap_or_else(|why| panic!("{}: {why:?}", case.name));
    let value = json!({
        "name": case.name,
        "source": source,
        "arguments": arguments,
        "cotangent": cotangent,
        "self_test": true,
    });
    (value, gradient, environment)
}

fn run(programs: &[Value]) -> Vec<Value> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python =
        Python::with_packages(target, "jax", PACKAGES).unwrap_or_else(|why| panic!("{why}"));
    let output = python.run(
        include_str!("driver.py"),
        &Value::from(programs).to_string(),
    );
    serde_json::from_str(&output.unwrap_or_else(|why| panic!("{why}"))).unwrap()
}

/// What differs between a returned array and the expected one.
fn difference(found: &Value, expected: &Array<f64>) -> Option<String> {
    if found["shape"] != json!(expected.shape()) {
        return Some(format!(
            "shape {} instead of {:?}",
            found["shape"],
            expected.shape()
        ));
    }
    let scale = expected
        .data()
        .iter()
        .fold(1.0_f64, |scale, value| scale.max(value.abs()));
    let data = found["data"].as_array().unwrap();
    assert_eq!(data.len(), expected.data().len());
    data.iter()
        .zip(expected.data())
        .find_map(|(found, expected)| {
            let found = found.as_f64().unwrap();
            let close = (found - expected).abs() <= TOLERANCE * scale;
            (!close).then(|| format!("{found} instead of {expected}"))
        })
}

/// What the dict must hold under the name of each variable.
fn expected(gradient: &Gradient, variable: &Tensor, environment: &Environment<f64>) -> Array<f64> {
    let name = match (gradient.derivation(variable.name()), &gradient.seed) {
        (Some(derivation), _) => derivation.gradient.name().to_owned(),
        (None, Some(seed)) => seed.name().to_owned(),
        (None, None) => return Array::new(Vec::new(), vec![1.0]),
    };
    environment.array(&name).unwrap().clone()
}

#[test]
fn emitted_modules_agree_with_the_reference() {
    let prepared: Vec<_> = (0_u64..)
        .zip(CASES)
        .map(|(seed, case)| prepared(case, seed))
        .collect();
    let programs: Vec<Value> = prepared
        .iter()
        .map(|(program, ..)| program.clone())
        .collect();
    let results = run(&programs);
    assert_eq!(results.len(), CASES.len());
    let mut failures = Vec::new();
    for ((case, (program, gradient, environment)), result) in
        CASES.iter().zip(&prepared).zip(&results)
    {
        let mut fail = |what: String| {
            failures.push(format!(
                "{}: {what}\n{}",
                case.name,
                program["source"].as_str().unwrap()
            ));
        };
        if let Some(error) = result["error"].as_str() {
            fail(error.to_owned());
            continue;
        }
        let output = gradient.forward.output().unwrap().target.name();
        if let Some(what) = difference(&result["forward"], environment.array(output).unwrap()) {
            fail(format!("forward: {what}"));
        }
        let names: Vec<&String> = result["gradient"].as_object().unwrap().keys().collect();
        assert_eq!(names.len(), gradient.wrt.len(), "{}: {names:?}", case.name);
        for variable in &gradient.wrt {
            let expected = expected(gradient, variable, environment);
            if let Some(what) = difference(&result["gradient"][variable.name()], &expected) {
                fail(format!("{}: {what}", variable.name()));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        CASES.len(),
        failures.join("\n")
    );
}

/// Where exponentials overflow the reference is not finite, but adding a constant to every element shows what is right.
#[test]
fn what_the_user_wrote_out_is_stable() {
    let texts = [
        (
            "softmax by hand",
            "X[S, M]\nP = np.exp(X) / np.sum(np.exp(X), axis=1, keepdims=True)",
            0.0,
        ),
        (
            "softmax by index",
            "X[S, M]\nP[i, j] = exp(X[i, j]) / sum[k](exp(X[i, k]))",
            0.0,
        ),
        (
            "log-sum-exp by hand",
            "X[S, M]\nu = log(sum(exp(X), axis=1))",
            1000.0,
        ),
        (
            "log-sum-exp by index",
            "X[S, M]\nu[s] = log(sum[m](exp(X[s, m])))",
            1000.0,
        ),
        ("log softmax", "X[S, M]\nQ = log_softmax(X, axis=1)", 0.0),
        (
            "attention written out",
            "X[S, M]; V[M, D]: constant\nY[s, d] = sum[m](exp(X[s, m]) / sum[r](exp(X[s, r])) * V[m, d])",
            0.0,
        ),
        (
            "weighted mean written out",
            "X[N]; v[N]: constant\nL = sum(exp(X) * v) / sum(exp(X))",
            0.0,
        ),
        (
            "logarithm of a quotient",
            "X[S, M]; t[S]: labels(M)\nL = -mean[s](log(exp(X[s, t[s]]) / sum[c](exp(X[s, c]))))",
            0.0,
        ),
        (
            "loss",
            "X[S, M]; t[S]: labels(M)\nL = cross_entropy(X, t)",
            0.0,
        ),
    ];
    let mut programs = Vec::new();
    let mut expectations = Vec::new();
    for (name, text, shift) in texts {
        let (mut program, gradient, environment) = prepared(
            &Case {
                name,
                text,
                wrt: &[],
            },
            7,
        );
        let output = gradient.forward.output().unwrap().target.name().to_owned();
        let mut forward = environment.array(&output).unwrap().clone();
        for value in forward.data_mut() {
            *value += shift;
        }
        expectations.push((
            name,
            forward,
            expected(&gradient, &gradient.wrt[0], &environment),
        ));
        for value in program["arguments"][0]["data"].as_array_mut().unwrap() {
            *value = json!(value.as_f64().unwrap() + 1000.0);
        }
        programs.push(program);
    }
    for (result, (name, forward, gradient)) in run(&programs).iter().zip(expectations) {
        assert_eq!(result["error"], Value::Null, "{name}: {}", result["error"]);
        // Adding 1000 costs three digits of the sixteen.
        assert_eq!(difference(&result["forward"], &forward), None, "{name}");
        assert_eq!(
            difference(&result["gradient"]["X"], &gradient),
            None,
            "{name}"
        );
    }
}

fn snapshot(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/numpy")
        .join(file);
    let module = numpy(&gradient(text, &[]), &Options::default()).unwrap();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &module).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        module, kept,
        "{file} is out of date: run with BLESS=1, then read it"
    );
}

#[test]
fn the_linear_layer_reads_well() {
    snapshot("linear.py", LINEAR);
}

#[test]
fn softmax_cross_entropy_reads_well() {
    snapshot("softmax_cross_entropy.py", SOFTMAX_CROSS_ENTROPY);
}

#[test]
fn a_title_is_the_first_line() {
    let options = Options {
        title: "The linear layer.".to_owned(),
    };
    let module = numpy(&gradient(LINEAR, &[]), &options).unwrap();
    assert!(module.starts_with("\"\"\"The linear layer.\n"));
}

#[test]
fn a_declared_cotangent_comes_last() {
    let program = program("G[S, N]; X[S, M]; W[N, M]\nY = X @ W.T");
    let cotangent = program.tensor("G").unwrap();
    let wrt = [program.tensor("W").unwrap().clone()];
    let gradient = derivation::gradient(&program, &wrt, Some(cotangent)).unwrap();
    let module = numpy(&gradient, &Options::default()).unwrap();
    assert!(module.contains("def forward(X, W):"), "{module}");
    assert!(module.contains("def gradient(X, W, G):"), "{module}");
    assert!(module.contains("    dW = G.T @ X  # (N, M)\n"), "{module}");
}

#[test]
fn a_size_that_no_argument_has_is_reported() {
    let gradient = gradient("t[S]: labels(C); x[S]\nY = one_hot(t, C) * x[:, None]", &[]);
    let diagnostic = numpy(&gradient, &Options::default()).unwrap_err();
    assert_eq!(diagnostic.slug, "unknown-size");
    assert_eq!(
        diagnostic.message,
        "the size `C` is not the extent of any argument"
    );
}

#[test]
fn a_product_with_an_inverse_is_written_as_a_system_of_equations() {
    let text = "A[N, N]: invertible; b[N]; c[N]\nL = c @ solve(A, b)";
    let source = numpy(&gradient(text, &["b"]), &Options::default()).unwrap();
    assert!(source.contains("np.linalg.solve(A.T, c)"), "{source}");
}
