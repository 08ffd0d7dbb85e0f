//! What does the Python package cost, and how fast are its estimators? A call of a small function beside the same plan run from Rust, the
//! time of its import, the emitted PyTorch beside PyTorch's own derivative, and `MLPClassifier.fit` beside scikit-learn's on the digits and on
//! Fashion-MNIST.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use backprove::Problem;
use backprove::planning::Subject;
use xtask::report::{Report, Unit};
use xtask::rival::Rival;

const THREADS: usize = 2;
const FOLDER: &str = "/usr/share/datasets/fashion-mnist";
/// Seconds that a call from Python may add, and that the import may take.
const LIMITS: (f64, f64) = (2e-6, 0.1);
/// Times as fast as scikit-learn, and how far the mean accuracy may be from its.
const FIT: (f64, f64) = (3.0, 0.005);
/// The largest scaled difference of gradients in single precision.
const DIFFERENCE: f64 = 1e-4;
/// Runs of the plan that are timed at once.
const RUNS: u32 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(mut report) = Report::of("package") else {
        return Ok(());
    };
    if !Path::new(FOLDER).exists() {
        return Err(format!("{FOLDER} is missing: `apt install dataset-fashion-mnist`").into());
    }
    let mut python = Rival::python("package.py", THREADS, &[])?;
    if report.wants("call") {
        let mut added = Vec::new();
        for _ in 0..report.choose(5, 21) {
            let call = python.ask("call")?[0];
            added.push(call - in_rust()?);
        }
        report.limit("call, more than in Rust", "the limit", &added, LIMITS.0);
    }
    if report.wants("import") {
        let rounds = report.choose(5, 21);
        let times = (0..rounds).map(|_| Ok(python.ask("import")?[0]));
        let times = times.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        report.limit("import", "the limit", &times, LIMITS.1);
    }
    let cases = ["layer-norm", "cross-entropy", "gelu-mlp", "attention"];
    if cases
        .iter()
        .any(|case| report.wants(&format!("torch {case}")))
    {
        let mut torch = Rival::python("emitted.py", THREADS, &[])?;
        for case in cases {
            if report.wants(&format!("torch {case}")) {
                emitted(&mut report, &mut torch, case)?;
            }
        }
    }
    let seeds = report.choose(1, 5);
    for (data, turns) in [("digits", 5), ("fashion", 3)] {
        for precision in ["float64", "float32"] {
            let case = format!("{data} {precision}");
            if report.wants(&case) {
                let rounds = seeds * report.choose(1, turns);
                fit(&mut report, &mut python, (data, precision), seeds, rounds)?;
            }
        }
    }
    report.finish()
}

/// A function by the emitted PyTorch and by PyTorch's own derivative: seconds of both passes and of the backward pass alone,
/// and bytes.
fn emitted(report: &mut Report, torch: &mut Rival, case: &str) -> Result<(), Box<dyn Error>> {
    let mut sides = vec![("ours", ""), ("theirs", "PyTorch's autograd")];
    if case == "layer-norm" {
        sides.push(("formula", "autograd of the formula"));
    }
    let mut bytes = Vec::new();
    for (side, _) in &sides {
        let [error, kept, peak] = torch.ask(&format!("compare {side} {case}"))?[..] else {
            return Err("three numbers are the answer".into());
        };
        if error > DIFFERENCE {
            return Err(format!("{case}: the gradients of {side} differ by {error}").into());
        }
        bytes.push([kept, peak]);
    }
    let names: Vec<&str> = sides.iter().map(|(side, _)| *side).collect();
    let question = format!("run {} {case}", names.join(","));
    let mut seconds = vec![Vec::new(); 2 * sides.len()];
    for _ in 0..report.choose(5, 21) {
        for (times, time) in seconds.iter_mut().zip(torch.ask(&question)?) {
            times.push(time);
        }
    }
    for (place, (_, rival)) in sides.iter().enumerate().skip(1) {
        for (pass, what) in ["both passes", "backward"].into_iter().enumerate() {
            let name = format!("torch {case}, {what}, {THREADS} threads");
            let times = [&seconds[pass][..], &seconds[2 * place + pass][..]];
            report.compare(&name, rival, times, Some(1.0));
        }
        let [ours, theirs] = [bytes[0], bytes[place]];
        let name = format!("torch {case}, most memory at once");
        report.memory(&name, rival, [ours[1], theirs[1]], 1.0);
        report.note(format!(
            "torch {case}: {:.2} MB are kept between the passes, by {rival} {:.2} MB.",
            ours[0] * 1e-6,
            theirs[0] * 1e-6
        ));
    }
    Ok(())
}

/// Fits in turn, with so many seeds one after the other: their mean accuracy, and the seconds of each round.
fn fit(
    report: &mut Report,
    python: &mut Rival,
    (data, precision): (&str, &str),
    seeds: usize,
    rounds: usize,
) -> Result<(), Box<dyn Error>> {
    let mut accuracies = [0.0; 2];
    let mut seconds = [const { Vec::new() }; 2];
    // The first fit of a process imports and starts threads.
    for package in ["backprove", "sklearn"] {
        python.ask(&format!("fit {package} {data} {precision} 0"))?;
    }
    for round in 0..rounds {
        let seed = round % seeds;
        for (side, package) in ["backprove", "sklearn"].into_iter().enumerate() {
            let answer = python.ask(&format!("fit {package} {data} {precision} {seed}"))?;
            accuracies[side] += answer[0] / rounds as f64;
            seconds[side].push(answer[1]);
        }
    }
    let case = format!("{data} {precision}, {THREADS} threads");
    let name = "scikit-learn";
    report.compare(&case, name, [&seconds[0], &seconds[1]], Some(FIT.0));
    let goal = 1.0 - FIT.1 / accuracies[1];
    let case = format!("{data} {precision}, test accuracy, mean of {seeds} seeds");
    report.share(
        &case,
        name,
        Unit::Plain,
        accuracies,
        (goal * 1e4).round() / 1e4,
    );
    Ok(())
}

/// The seconds of one run of the plan behind the call, its inputs set and its output read.
fn in_rust() -> Result<f64, Box<dyn Error>> {
    let problem = Problem::read("X[N]; w[N]; b[N]\nY = tanh(X * w + b)")?;
    let subject = Subject::forward(problem.program());
    let sizes = subject.bind(&[("N".to_owned(), 8)]);
    let sizes = sizes.map_err(|wrong| wrong.message)?;
    let mut plan = subject
        .plan::<f32>(&sizes, 1)
        .map_err(|wrong| wrong.message)?;
    let mut sum = 0.0;
    let start = Instant::now();
    for _ in 0..RUNS {
        plan.set("X", &[0.5; 8])?;
        plan.set("w", &[2.0; 8])?;
        plan.set("b", &[-1.0; 8])?;
        plan.run();
        sum += plan.get("Y")?[0];
    }
    let seconds = start.elapsed().as_secs_f64();
    if sum.abs() > 1e-3 {
        return Err("the plan's value is wrong".into());
    }
    Ok(seconds / f64::from(RUNS))
}
