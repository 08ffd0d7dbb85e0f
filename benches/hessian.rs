//! How fast is a Hessian on the engine? Logistic regression, matrix factorisation with and without weights, and a network of ten
//! layers with respect to the first, in double precision on two threads, against `jax.jit` of `jax.hessian` and `torch.func.hessian`;
//! results are compared before anything is timed, and both sides run in turn.

mod rival;

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::time::Instant;

use backprove::Problem;
use backprove::calculus::derivation::Order;
use backprove::engine::Plan;

const THREADS: usize = 2;
const ROUNDS: usize = 3;
const RUNS: usize = 5;
const FACTORS: usize = 5;
const LAYERS: usize = 10;
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
    // Tests of all targets only want to know that it builds; `cargo bench` says so.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let mut rival = rival::Rival::start("hessian.py", THREADS)?;
    println!(
        "{:<16} {:>5} {:>12} {:>12} {:>12} {:>8} {:>8}",
        "case", "n", "ours ms", "JAX ms", "torch ms", "JAX/ours", "torch/ours"
    );
    for (name, sizes) in CASES {
        for &n in *sizes {
            measure(name, n, &mut rival)?;
        }
    }
    Ok(())
}

fn measure(name: &str, n: usize, rival: &mut rival::Rival) -> Result<(), Box<dyn Error>> {
    let case = case(name, n)?;
    let problem = Problem::read(&case.source)?;
    let derivative = problem.derivative(&[case.variable], Order::Hessian)?;
    let result = derivative.outcomes()[0].partial.target.name().to_owned();
    let mut plan =
        Plan::<f64>::compile(&derivative.program(), &case.sizes, &[&result], &[])?.threads(THREADS);
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
        plan.set(input, &numbers)?;
    }
    plan.run();
    let own: f64 = plan
        .get(&result)?
        .iter()
        .zip(0..)
        .map(|(value, place)| value * f64::from(place).cos())
        .sum();
    let (mut ours, mut jax, mut torch) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for _ in 0..RUNS {
            let start = Instant::now();
            plan.run();
            ours.push(start.elapsed().as_secs_f64());
        }
        let answer = rival.ask(&format!("{name} {n}"))?;
        for (side, times) in answer.chunks(RUNS + 1).zip([&mut jax, &mut torch]) {
            if (side[0] - own).abs() > ROUNDING * own.abs().max(1.0) {
                return Err(format!("{name} {n}: {own} is not {}", side[0]).into());
            }
            times.extend(&side[1..]);
        }
    }
    let (ours, jax) = (median(&mut ours), median(&mut jax));
    print!("{name:<16} {n:>5} {:>12.4} {:>12.4}", ours * 1e3, jax * 1e3);
    if torch.is_empty() {
        println!(" {:>12} {:>8.2} {:>8}", "-", jax / ours, "-");
    } else {
        let torch = median(&mut torch);
        println!(
            " {:>12.4} {:>8.2} {:>8.2}",
            torch * 1e3,
            jax / ours,
            torch / ours
        );
    }
    Ok(())
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
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
