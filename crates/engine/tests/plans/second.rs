//! Hessian-vector products on plans: right, and never with the Hessian, or a block of it, written out.

use std::collections::HashMap;
use std::fmt::Write as _;

use backprove_calculus::derivation::{Order, derivative};
use backprove_calculus::{Program, Tensor};
use backprove_engine::{Plan, Report, Role};

use super::oracle::{compare, program};

/// A loss, by what it is differentiated twice, and how its sizes grow.
struct Case {
    name: &'static str,
    text: String,
    wrt: &'static [&'static str],
    sizes: fn(usize) -> Vec<(&'static str, usize)>,
}

fn cases() -> Vec<Case> {
    let case = |name, text: &str, wrt, sizes| Case {
        name,
        text: text.to_owned(),
        wrt,
        sizes,
    };
    let mut deep = "x[N]; t[N]: prob".to_owned();
    for layer in 1..=10 {
        let _ = write!(deep, "; W{layer}[N, N]");
    }
    let mut before = "x".to_owned();
    for layer in 1..10 {
        let _ = write!(deep, "\nH{layer} = relu(W{layer} @ {before})");
        before = format!("H{layer}");
    }
    let _ = write!(deep, "\nZ = W10 @ {before}\nL = logsumexp(Z) - sum(t * Z)");
    vec![
        case(
            "logistic regression",
            "X[S, M]; y[S]: constant; w[M]\nz = X @ w\nL = sum(softplus(z) - y * z)",
            &["w"],
            |n| vec![("S", 2 * n), ("M", n)],
        ),
        case(
            "softmax regression",
            "X[S, M]; t[S]: labels(C); W[C, M]; b[C]\nL = cross_entropy(X @ W.T + b, t)",
            &["W", "b"],
            |n| vec![("S", 2 * n), ("M", n), ("C", 10)],
        ),
        case(
            "factorisation",
            "U[A, K]; V[B, K]; T[A, B]: constant\nL = sum((U @ V.T - T)**2)",
            &["U", "V"],
            |n| vec![("A", 2 * n), ("B", n), ("K", 5)],
        ),
        case(
            "weighted factorisation",
            "U[A, K]; V[B, K]; T[A, B]: constant; Q[A, B]: constant\nL = sum(Q * (U @ V.T - T)**2)",
            &["U", "V"],
            |n| vec![("A", 2 * n), ("B", n), ("K", 5)],
        ),
        case("a layer of ten", &deep, &["W1"], |n| vec![("N", n)]),
        case(
            "a network",
            "X[S, M]; t[S]: labels(C); W1[H, M]; W2[C, H]
Z1 = X @ W1.T
H1 = gelu(Z1)
L = cross_entropy(H1 @ W2.T, t)",
            &["W1", "W2"],
            |n| vec![("S", n), ("M", 2 * n), ("H", n), ("C", 10)],
        ),
    ]
}

/// The program of the product, and the names of its results.
fn product(case: &Case) -> (Program, Vec<String>) {
    let program = program(&case.text);
    let wrt: Vec<Tensor> = case
        .wrt
        .iter()
        .map(|name| program.tensor(name).unwrap().clone())
        .collect();
    let derived = derivative(&program, &wrt, Order::Hvp).unwrap();
    let outcomes = derived.outcomes();
    let names = outcomes
        .iter()
        .map(|outcome| outcome.partial.target.name().to_owned());
    let names = names.collect();
    (derived.program(), names)
}

fn report(program: &Program, names: &[String], sizes: &[(&str, usize)]) -> Report {
    let sizes: HashMap<String, usize> = sizes
        .iter()
        .map(|(name, size)| ((*name).to_owned(), *size))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let plan = Plan::<f64>::compile(program, &sizes, &names, &[]).unwrap();
    plan.report().clone()
}

/// Bytes of the inputs.
fn given(report: &Report) -> u64 {
    let inputs = report.arena.arrays.iter();
    let inputs = inputs.filter(|array| array.role == Role::Input);
    inputs.map(|array| array.bytes).sum()
}

#[test]
fn products_with_vectors_are_right() {
    for case in cases() {
        let (program, names) = product(&case);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        compare(&program, case.name, &(case.sizes)(4), &names, &[]);
    }
}

/// The plan of a case, as text.
fn described(case: &Case) -> String {
    let (program, names) = product(case);
    report(&program, &names, &(case.sizes)(32)).to_string()
}

#[test]
fn a_plan_does_not_depend_on_what_else_runs() {
    // Indices are numbered across threads, and each table of hashes has a key of its own: neither may reach a plan.
    let expected: Vec<String> = cases().iter().map(described).collect();
    std::thread::scope(|scope| {
        for first in 0..4 {
            let expected = &expected;
            scope.spawn(move || {
                let cases = cases();
                for turn in 0..2 * cases.len() {
                    let number = (first + turn) % cases.len();
                    let (case, expected) = (&cases[number], &expected[number]);
                    assert_eq!(described(case), *expected, "{}", case.name);
                }
            });
        }
    });
}

#[test]
fn no_hessian_is_written_out() {
    for case in cases() {
        let (program, names) = product(&case);
        let small = report(&program, &names, &(case.sizes)(32));
        let large = report(&program, &names, &(case.sizes)(128));
        for report in [&small, &large] {
            // A sum over two sizes of the variables that is kept for a third would be a block of the Hessian.
            let arrays = report.arena.arrays.iter();
            let inputs = arrays.clone().filter(|array| array.role == Role::Input);
            let most = inputs.map(|array| array.bytes).max().unwrap();
            for array in arrays {
                assert!(
                    array.bytes <= most,
                    "{}: {}\n{report}",
                    case.name,
                    array.name
                );
                assert!(
                    array.shape.len() <= 2,
                    "{}: {}\n{report}",
                    case.name,
                    array.name
                );
            }
        }
        // The arena is a small multiple of what is given; with a Hessian it would be its square.
        for report in [&small, &large] {
            assert!(
                report.arena.bytes <= 3 * given(report),
                "{}\n{report}",
                case.name
            );
        }
        // Each variable meets each sample a few times: four times the sizes are at most 64 times the work.
        let most = 68 * small.operations();
        assert!(large.operations() <= most, "{}\n{large}", case.name);
    }
}
