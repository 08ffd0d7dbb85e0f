//! How fast are the element-wise kernels? Functions beside PyTorch's and NumPy's; each vector function at each level of instruction sets over a block that
//! stays in the nearest cache, and whole bodies as plans run them, block by block: 10^9 elements a second, one thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::time::Instant;

use backprove::Problem;
use backprove::engine::functions::{Function, Level, apply};
use backprove::engine::{Plan, Real};
use xtask::report::Report;
use xtask::rival::Rival;
use xtask::turns::Side;

/// The functions and their names.
const FUNCTIONS: [(Function, &str); 9] = [
    (Function::Exp, "exp"),
    (Function::Expm1, "expm1"),
    (Function::Log, "log"),
    (Function::Log1p, "log1p"),
    (Function::Tanh, "tanh"),
    (Function::Sigmoid, "sigmoid"),
    (Function::Erf, "erf"),
    (Function::Sqrt, "sqrt"),
    (Function::Reciprocal, "reciprocal"),
];

/// Bodies as plans run them: a name and a problem with the output `Z`.
const BODIES: [(&str, &str); 7] = [
    ("copy", "X[S, M]\nZ = X + 1"),
    ("bias, relu", "X[S, M]; b[M]\nZ = relu(X + b)"),
    ("bias, tanh", "X[S, M]; b[M]\nZ = tanh(X + b)"),
    ("bias, gelu", "X[S, M]; b[M]\nZ = gelu(X + b)"),
    ("softmax", "X[S, M]\nZ = softmax(X)"),
    ("layer norm", "X[S, M]; g[M]; b[M]\nZ = layer_norm(X, g, b)"),
    (
        "Adam update",
        "W[S, M]; G[S, M]; A[S, M]; V[S, M]\n\
        Z = W - 0.001 * (0.9 * A + 0.1 * G) / (np.sqrt(0.999 * V + 0.001 * G**2) + 1e-8)",
    ),
];

/// Rows and columns of the bodies' arrays: in the nearest cache, in the next, and beyond.
const SHAPES: [[usize; 2]; 4] = [[32, 10], [32, 64], [128, 512], [1_024, 2_048]];

/// Functions beside the rivals': the name in the language and there, and the rivals that have it.
const COMPARED: [(&str, &[(&str, &str)]); 5] = [
    ("exp", BOTH),
    ("log1p", BOTH),
    ("tanh", BOTH),
    ("sigmoid", BOTH),
    ("gelu", &[("torch", "PyTorch")]),
];
const BOTH: &[(&str, &str)] = &[("torch", "PyTorch"), ("numpy", "NumPy")];
/// Numbers that they are compared on: in a cache, and beyond.
const COUNTS: [usize; 2] = [1 << 14, 1 << 20];

fn main() -> Result<(), Box<dyn Error>> {
    let Some(mut report) = Report::of("elementwise") else {
        return Ok(());
    };
    compare(&mut report)?;
    if !report.quick() {
        report.note(format!("```text\n{}```", rates()?));
    }
    report.finish()
}

/// Whole functions beside the rivals', one thread.
fn compare(report: &mut Report) -> Result<(), Box<dyn Error>> {
    let rival = RefCell::new(Rival::python("elementwise.py", 1, &[])?);
    for (function, rivals) in COMPARED {
        for count in COUNTS {
            let name = format!("{function} of {count}");
            if !report.wants(&name) {
                continue;
            }
            let problem = Problem::read(&format!("X[S]\nZ = {function}(X)"))?;
            let sizes = HashMap::from([("S".to_owned(), count)]);
            let plan = Plan::<f32>::compile(problem.program(), &sizes, &["Z"], &[])?;
            let mut plan = plan.threads(1);
            for (place, slot) in plan.input_mut("X")?.iter_mut().enumerate() {
                let number = 4.0 * ((place as f64 * 0.7).sin() as f32);
                // The logarithm has no values below −1.
                *slot = if function == "log1p" {
                    number * number
                } else {
                    number
                };
            }
            plan.run();
            let ours: f64 = plan.get("Z")?.iter().map(|value| f64::from(*value)).sum();
            let repeats = (1 << 24) / count;
            let run = || {
                let run = |_| {
                    let start = Instant::now();
                    plan.run();
                    start.elapsed().as_secs_f64()
                };
                Ok((0..repeats).map(run).collect())
            };
            let mut sides = vec![Side::new("ours", None, run)];
            for (side, title) in rivals {
                let rival = &rival;
                let theirs = rival
                    .borrow_mut()
                    .ask(&format!("check {side} {function} {count}"))?[0];
                if (ours - theirs).abs() > 1e-5 * count as f64 {
                    return Err(format!("{name}, {title}: {ours} is not {theirs}").into());
                }
                let command = format!("time {side} {function} {count} {repeats}");
                sides.push(Side::new(*title, None, move || {
                    rival.borrow_mut().ask(&command)
                }));
            }
            let rounds = report.choose(7, 20);
            report.measure(&name, sides, rounds)?;
        }
    }
    Ok(())
}

/// The rates of the functions and of whole bodies.
fn rates() -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    for name in ["f32", "f64"] {
        let levels: Vec<String> = Level::available()
            .iter()
            .map(|l| format!("{l:?}"))
            .collect();
        writeln!(
            text,
            "{name}, 10^9 elements a second in the nearest cache: {}",
            levels.join(", ")
        )?;
        for (function, label) in FUNCTIONS {
            let rates = Level::available().into_iter().map(|level| match name {
                "f32" => rate::<f32>(function, level, 0.0, 0.008),
                _ => rate::<f64>(function, level, 0.0, 0.008),
            });
            let rates: Vec<String> = rates.map(|rate| format!("{rate:6.2}")).collect();
            writeln!(text, "  {label:12}{}", rates.join(""))?;
        }
    }
    writeln!(
        text,
        "plans in f32, 10^9 elements a second (and nanoseconds a run): shapes {SHAPES:?}"
    )?;
    for (label, source) in BODIES {
        let mut line = format!("  {label:12}");
        for shape in SHAPES {
            let seconds = body(source, shape)?;
            let elements = (shape[0] * shape[1]) as f64;
            let rate = elements / seconds / 1e9;
            write!(line, "{rate:8.3} ({:9.0})", seconds * 1e9)?;
        }
        writeln!(text, "{line}")?;
    }
    Ok(text)
}

/// The seconds of the fastest of some runs.
fn fastest(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    run();
    let once = start.elapsed().as_secs_f64();
    let turns = (2e-4 / once).clamp(1.0, 1e5) as usize;
    let rounds = (0.1 / (once * turns as f64)).clamp(5.0, 200.0) as usize;
    let round = |_| {
        let start = Instant::now();
        for _ in 0..turns {
            run();
        }
        start.elapsed().as_secs_f64() / turns as f64
    };
    (0..rounds).map(round).fold(f64::INFINITY, f64::min)
}

/// 10^9 elements a second of a function over 512 numbers.
fn rate<T: Real + std::ops::AddAssign>(function: Function, level: Level, first: T, step: T) -> f64 {
    let mut x = first;
    let mut from = [first; 512];
    for slot in &mut from {
        x += step;
        *slot = x;
    }
    let mut to = [first; 512];
    let seconds = fastest(|| {
        apply(function, level, &from, &mut to);
        std::hint::black_box(&mut to);
    });
    512.0 / seconds / 1e9
}

/// Seconds of a run of a problem's plan.
fn body(text: &str, [rows, columns]: [usize; 2]) -> Result<f64, Box<dyn Error>> {
    let problem = Problem::read(text).map_err(|error| format!("{error:?}"))?;
    let sizes = HashMap::from([("S".to_owned(), rows), ("M".to_owned(), columns)]);
    let plan = Plan::<f32>::compile(problem.program(), &sizes, &["Z"], &[])?;
    let mut plan = plan.threads(1);
    for tensor in &problem.program().inputs {
        for (place, slot) in plan.input_mut(tensor.name())?.iter_mut().enumerate() {
            *slot = (place % 97) as f32 / 50.0;
        }
    }
    Ok(fastest(|| plan.run()))
}
