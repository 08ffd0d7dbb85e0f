//! How fast is a Hessian on the engine? Logistic regression, matrix factorisation with and without weights, and a network of ten
//! layers with respect to the first, in double precision on two threads, against `jax.jit` of `jax.hessian` and `torch.func.hessian`;
//! results are compared before anything is timed, and both sides run in turn. Where the Hessian is a delta times a core, the core
//! alone is timed as well: it is all that a product with a vector, or a solve, needs.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::time::Instant;

use backprove::Problem;
use backprove::calculus::derivation::{Derivative, Order};
use backprove::calculus::{Equation, Expr, Index, Node, Program, Tensor};
use backprove::engine::Plan;
use xtask::report::Report;
use xtask::rival::Rival;
use xtask::statistics::median;

const THREADS: usize = 2;
const ROUNDS: usize = 5;
const RUNS: usize = 5;
const FACTORS: usize = 5;
const LAYERS: usize = 10;
/// The name of a Hessian without its deltas.
const CORE: &str = "core";
/// Relative difference of checksums that is put down to rounding.
const ROUNDING: f64 = 1e-6;

const CASES: &[(&str, &[usize])] = &[
    ("logistic", &[50, 100, 200, 500, 1000]),
    ("factorisation", &[50, 100, 200]),
    ("weighted", &[50, 100, 200]),
    ("network", &[10, 16, 32, 64]),
];

/// An input: its name, how many values it has, the offset and the scale of its numbers.
type Input = (String, usize, f64, f64);

struct Case {
    source: String,
    variable: &'static str,
    sizes: HashMap<String, usize>,
    inputs: Vec<Input>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(mut report) = Report::of("hessian") else {
        return Ok(());
    };
    let mut rival = Rival::python("hessian.py", THREADS, &[])?;
    for (name, sizes) in CASES {
        // The small half has to do where time is short.
        let count = report.choose(sizes.len().div_ceil(2), sizes.len());
        for &n in &sizes[..count] {
            measure(name, n, &mut rival, &mut report)?;
        }
    }
    report.finish()
}

fn measure(
    name: &str,
    n: usize,
    rival: &mut Rival,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    let case = case(name, n)?;
    let problem = Problem::read(&case.source)?;
    let derivative = problem.derivative(&[case.variable], Order::Hessian)?;
    let result = derivative.outcomes()[0].partial.target.name().to_owned();
    let mut plan = plan(&derivative.program(), &case, &result)?;
    plan.run();
    let values = plan.get(&result)?.iter().zip(0..);
    let own: f64 = values
        .map(|(value, place)| value * f64::from(place).cos())
        .sum();
    let mut core = match core(&derivative) {
        Some(program) => Some(self::plan(&program, &case, CORE)?),
        None => None,
    };
    let (mut ours, mut cores) = (Vec::new(), Vec::new());
    let (mut jax, mut torch) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let runs: Vec<f64> = (0..RUNS).map(|_| seconds(&mut plan)).collect();
        ours.push(median(&runs));
        if let Some(core) = &mut core {
            let runs: Vec<f64> = (0..RUNS).map(|_| seconds(core)).collect();
            cores.push(median(&runs));
        }
        let answer = rival.ask(&format!("{name} {n}"))?;
        for (side, times) in answer.chunks(RUNS + 1).zip([&mut jax, &mut torch]) {
            if (side[0] - own).abs() > ROUNDING * own.abs().max(1.0) {
                return Err(format!("{name} {n}: {own} is not {}", side[0]).into());
            }
            times.push(median(&side[1..]));
        }
    }
    let case = format!("{name} n = {n}");
    for (times, what) in [(&ours, &case), (&cores, &format!("{case}, core"))] {
        for (theirs, rival) in [(&jax, "jax.hessian"), (&torch, "torch.func.hessian")] {
            if !times.is_empty() && !theirs.is_empty() {
                report.compare(what, rival, [times, theirs], None);
            }
        }
    }
    Ok(())
}

fn plan(program: &Program, case: &Case, output: &str) -> Result<Plan<f64>, Box<dyn Error>> {
    let mut plan = Plan::<f64>::compile(program, &case.sizes, &[output], &[])?.threads(THREADS);
    for (input, count, offset, scale) in &case.inputs {
        let numbers = (0..*count).map(|place| scale * (place as f64 * 0.7 + offset).sin());
        let mut numbers: Vec<f64> = numbers.collect();
        match input.as_str() {
            "y" => numbers.iter_mut().for_each(|value| *value = value.signum()),
            "t" => (0..)
                .zip(&mut numbers)
                .for_each(|(place, value)| *value = f64::from(place == 1)),
            _ => {}
        }
        // A Hessian may not need an input that the loss has.
        if plan.input_mut(input).is_ok() {
            plan.set(input, &numbers)?;
        }
    }
    Ok(plan)
}

fn seconds(plan: &mut Plan<f64>) -> f64 {
    let start = Instant::now();
    plan.run();
    start.elapsed().as_secs_f64()
}

/// What is left of the Hessian when its deltas are taken away, as the last equation of a program; `None` where it has none.
fn core(derivative: &Derivative) -> Option<Program> {
    let partial = derivative.outcomes()[0].partial;
    let mut indices: Vec<Index> = partial.indices();
    let mut map = HashMap::new();
    let mut rest = Vec::new();
    for factor in partial.result().factors() {
        if let Node::Delta(left, right) = factor.node() {
            indices.retain(|index| index != right);
            map.insert(right.clone(), left.clone());
        } else {
            rest.push(factor);
        }
    }
    if map.is_empty() {
        return None;
    }
    let body = Expr::product(rest).substitute(&map);
    indices.retain(|index| body.depends_on(index));
    let dims = indices.iter().map(|index| index.extent().clone()).collect();
    let mut program = derivative.program();
    program.equations.push(Equation {
        target: Tensor::new(CORE, dims),
        indices,
        body,
        matrix: None,
    });
    Some(program)
}

fn case(name: &str, n: usize) -> Result<Case, Box<dyn Error>> {
    let input =
        |name: &str, count: usize, offset: f64, scale: f64| (name.to_owned(), count, offset, scale);
    Ok(match name {
        "logistic" => Case {
            source: "X[S, M]; y[S]: signs; w[M]\nsum(softplus(-y * (X @ w)))".to_owned(),
            variable: "w",
            sizes: HashMap::from([("S".to_owned(), 2 * n), ("M".to_owned(), n)]),
            inputs: vec![
                input("X", 2 * n * n, 1.0, 1.0),
                input("y", 2 * n, 2.0, 1.0),
                input("w", n, 3.0, 0.1),
            ],
        },
        "factorisation" | "weighted" => {
            let weighted = name == "weighted";
            let weights = if weighted { "W[A, B]; " } else { "" };
            let factor = if weighted { "W * " } else { "" };
            let mut inputs = vec![
                input("U", n * FACTORS, 3.0, 1.0),
                input("V", n * FACTORS, 1.0, 1.0),
                input("T", n * n, 2.0, 1.0),
            ];
            if weighted {
                inputs.push(input("W", n * n, 4.0, 1.0));
            }
            Case {
                source: format!(
                    "U[A, K]; V[B, K]; T[A, B]; {weights}\nsum({factor}(U @ V.T - T)**2)"
                ),
                variable: "U",
                sizes: HashMap::from([
                    ("A".to_owned(), n),
                    ("B".to_owned(), n),
                    ("K".to_owned(), FACTORS),
                ]),
                inputs,
            }
        }
        _ => {
            let mut source = "x[N]; t[N]: prob".to_owned();
            let mut inputs = vec![input("x", n, 1.0, 1.0), input("t", n, 0.0, 1.0)];
            for (layer, offset) in (1..=LAYERS).zip(0_u8..) {
                write!(source, "; W{layer}[N, N]")?;
                inputs.push(input(
                    &format!("W{layer}"),
                    n * n,
                    2.0 + f64::from(offset),
                    2.0 / (n as f64).sqrt(),
                ));
            }
            let mut hidden = "x".to_owned();
            for layer in 1..LAYERS {
                write!(source, "\nH{layer} = relu(W{layer} @ {hidden})")?;
                hidden = format!("H{layer}");
            }
            write!(
                source,
                "\nZ = W{LAYERS} @ {hidden}\nlogsumexp(Z) - sum(t * Z)"
            )?;
            Case {
                source,
                variable: "W1",
                sizes: HashMap::from([("N".to_owned(), n)]),
                inputs,
            }
        }
    })
}
