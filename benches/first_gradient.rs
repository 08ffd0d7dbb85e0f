//! How long does it take from text to the first gradient of 784-512-256-10? Reading, deriving (without verification), planning and one
//! run, each time in a new process that has done nothing before, beside `jax.jit` in such a process, its imports not counted.

use std::error::Error;
use std::process::Command;
use std::time::Instant;

use backprove::Problem;
use backprove::planning::Subject;
use xtask::report::Report;
use xtask::rival::Rival;
use xtask::statistics::median;

const THREADS: usize = 2;
/// Times as fast as `jax.jit`, and seconds at most.
const GOALS: (f64, f64) = (100.0, 5e-3);
const PARTS: [&str; 4] = ["reading", "deriving", "planning", "first run"];
/// Processes of ours in a round, of which the median counts: one takes a hundredth of the rival's.
const PROCESSES: usize = 5;
/// The argument that asks for one cold gradient.
const COLD: &str = "--cold";
const TEXT: &str = "X[S, D]
t[S]: labels(C)
W1[H1, D]; b1[H1]
W2[H2, H1]; b2[H2]
W3[C, H2]; b3[C]

Z1 = linear(X, W1, b1)
A1 = relu(Z1)
Z2 = linear(A1, W2, b2)
A2 = relu(Z2)
Z3 = linear(A2, W3, b3)
L = cross_entropy(Z3, t)
";

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|argument| argument == COLD) {
        let parts = cold()?.map(|seconds| seconds.to_string());
        println!("{}", parts.join(" "));
        return Ok(());
    }
    let Some(mut report) = Report::of("first-gradient") else {
        return Ok(());
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut parts = PARTS.map(|_| Vec::new());
    for _ in 0..report.choose(5, 15) {
        let mut sums = Vec::new();
        for _ in 0..PROCESSES {
            let own = Command::new(std::env::current_exe()?).arg(COLD).output()?;
            let own = String::from_utf8(own.stdout)?;
            let own = own.split_whitespace().map(str::parse);
            let own: Vec<f64> = own.collect::<Result<_, _>>()?;
            sums.push(own.iter().sum());
            for (part, seconds) in parts.iter_mut().zip(own) {
                part.push(seconds);
            }
        }
        ours.push(median(&sums));
        let mut rival = Rival::python("first_gradient.py", THREADS, &[])?;
        theirs.extend(rival.ask("gradient")?);
    }
    let case = format!("784-512-256-10, {THREADS} threads");
    report.compare(&case, "jax.jit", [&ours, &theirs], Some(GOALS.0));
    report.limit(&case, "the limit", &ours, GOALS.1);
    let parts = PARTS.iter().zip(&parts);
    let parts = parts.map(|(name, seconds)| format!("{name} {:.2} ms", 1e3 * median(seconds)));
    report.note(format!("Ours: {}.", parts.collect::<Vec<_>>().join(", ")));
    report.finish()
}

/// The seconds of each part.
fn cold() -> Result<[f64; 4], Box<dyn Error>> {
    let mut start = Instant::now();
    let mut lap = || {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut start, now))
            .as_secs_f64()
    };
    let problem = Problem::read(TEXT)?;
    let reading = lap();
    let parameters = ["W1", "b1", "W2", "b2", "W3", "b3"];
    let gradient = problem.gradient(&parameters, None)?;
    let deriving = lap();
    let subject = Subject::gradient(&gradient);
    let sizes = [("S", 128), ("D", 784), ("H1", 512), ("H2", 256), ("C", 10)];
    let sizes = sizes.map(|(name, size)| (name.to_owned(), size));
    let sizes = subject.bind(&sizes).map_err(|wrong| wrong.message)?;
    let plan = subject.plan::<f32>(&sizes, THREADS);
    let mut plan = plan.map_err(|wrong| wrong.message)?;
    let planning = lap();
    for name in ["X", "W1", "W2", "W3"] {
        plan.input_mut(name)?.fill(0.01);
    }
    plan.run();
    let derivation = gradient.derivation("W1").ok_or("no derivation")?;
    let first = plan.get(derivation.gradient.name())?[0];
    let running = lap();
    if first.is_finite() {
        Ok([reading, deriving, planning, running])
    } else {
        Err("the gradient is no number".into())
    }
}
