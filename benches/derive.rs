//! How long does deriving take? In process, warm, without verification, which is timed apart: every problem of the
//! corpus, an attention block, a network of 12 layers, and networks of 10, 100 and 1,000 layers. Goals: each problem
//! below 5 ms, their median below 1 ms, the block and the network below 50 ms, cost linear in the number of layers.

#[expect(dead_code, reason = "the textbook's forms are for the tests")]
#[path = "../crates/backprove/tests/problems/catalogue.rs"]
mod catalogue;

use std::error::Error;
use std::fmt::Write as _;
use std::time::Instant;

use backprove::calculus::derivation::{Order, derivative};
use backprove::{Problem, Verification};
use catalogue::Entry;
use xtask::report::Report;

const REPEATS: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(mut report) = Report::of("derive") else {
        return Ok(());
    };
    let mut text = String::new();
    corpus(&mut text)?;
    large(&mut text)?;
    layers(&mut text)?;
    if report.quick() {
        print!("{text}");
    }
    report.note(format!("```text\n{text}```"));
    report.finish()
}

/// The median and the best of several runs in milliseconds, after one to warm up: on a machine that is shared the best says
/// what the work takes, the median what its neighbours do.
fn time<T>(repeats: usize, mut run: impl FnMut() -> T) -> (f64, f64) {
    run();
    let mut times: Vec<f64> = (0..repeats)
        .map(|_| {
            let start = Instant::now();
            let result = run();
            let elapsed = start.elapsed().as_secs_f64() * 1e3;
            drop(result);
            elapsed
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[repeats / 2], times[0])
}

/// Derives without looking at the result; whether there is one.
fn derive(entry: &Entry, problem: &Problem) -> bool {
    let order = match entry.order.as_str() {
        "gradient" => {
            return problem
                .gradient(&entry.variables(), entry.cotangent.as_deref())
                .is_ok();
        }
        "jacobian" => Order::Jacobian,
        _ => Order::Hessian,
    };
    let program = problem.program();
    let wrt = entry.wrt.iter().filter_map(|name| program.tensor(name));
    let wrt: Vec<_> = wrt.cloned().collect();
    derivative(program, &wrt, order).is_ok()
}

struct Row {
    name: String,
    median: f64,
    best: f64,
    verified: Option<f64>,
}

fn corpus(text: &mut String) -> Result<(), Box<dyn Error>> {
    let mut rows = Vec::new();
    for entry in catalogue::all() {
        let Ok(problem) = entry.read() else { continue };
        if !derive(&entry, &problem) {
            continue;
        }
        let (median, best) = time(REPEATS, || derive(&entry, &problem));
        let gradient = problem.gradient(&entry.variables(), entry.cotangent.as_deref());
        let gradient = gradient.ok().filter(|_| entry.order == "gradient");
        rows.push(Row {
            name: format!("{}/{}", entry.topic, entry.name),
            median,
            best,
            verified: gradient.map(|gradient| time(1, || Verification::of(&gradient, 0)).1),
        });
    }
    let count = rows.len();
    writeln!(
        text,
        "deriving {count} problems, milliseconds (of {REPEATS} runs), verification apart:"
    )?;
    for (what, of) in [
        ("median", (|row| row.median) as fn(&Row) -> f64),
        ("best", |row| row.best),
    ] {
        rows.sort_by(|a, b| of(b).total_cmp(&of(a)));
        let above = |limit: f64| rows.iter().filter(|row| of(row) > limit).count();
        writeln!(
            text,
            "  {what:>6} runs: half below {:.2}, 90 % below {:.2}, greatest {:.2}; {} above 1 ms, {} above 5 ms",
            of(&rows[count / 2]),
            of(&rows[count / 10]),
            of(&rows[0]),
            above(1.0),
            above(5.0)
        )?;
    }
    writeln!(text, "  the slowest:      best   median   verify")?;
    for row in rows.iter().take(20) {
        let verified = row
            .verified
            .map_or(String::new(), |time| format!("{time:.1}"));
        writeln!(
            text,
            "  {:20.2} {:8.2} {verified:>8}  {}",
            row.best, row.median, row.name
        )?;
    }
    rows.retain(|row| row.verified.is_some());
    rows.sort_by(|a, b| {
        b.verified
            .partial_cmp(&a.verified)
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    writeln!(text, "  the slowest to verify:")?;
    for row in rows.iter().take(6) {
        writeln!(
            text,
            "  {:20.1}  {}",
            row.verified.unwrap_or_default(),
            row.name
        )?;
    }
    Ok(())
}

/// The programs that are larger than a problem.
fn large(text: &mut String) -> Result<(), Box<dyn Error>> {
    let block = "X[S, M]; A[M, D]; B[M, D]; C[M, E]; U[E, M]; g[M]; h[M]; V[M, H]; W[H, M]\n\
        Q = X @ A\nK = X @ B\nV1 = X @ C\nZ = Q @ K.T / sqrt(D)\nP = softmax(Z, axis=1)\nO = P @ V1\nR = X + O @ U\n\
        m = mean(R, axis=1, keepdims=True)\nc = R - m\ns = sqrt(mean(c**2, axis=1, keepdims=True) + 1e-5)\n\
        N = g * c / s + h\nF = gelu(N @ V)\nY = R + F @ W";
    for (name, source) in [
        (
            "an attention block with layer norm and feed-forward part",
            block.to_owned(),
        ),
        ("a network of 12 layers", network(12)),
    ] {
        let problem = Problem::read(&source)?;
        let gradient = problem.gradient(&[], None)?;
        let (median, best) = time(REPEATS, || problem.gradient(&[], None));
        let (_, verified) = time(1, || Verification::of(&gradient, 0));
        writeln!(
            text,
            "{name}: best {best:.2} ms, median {median:.2} ms; verify {verified:.0} ms"
        )?;
    }
    Ok(())
}

/// `depth` layers of tangents under squared error.
fn network(depth: usize) -> String {
    let mut text = "X[S, M]; T[S, M]\n".to_owned();
    for layer in 1..=depth {
        let _ = writeln!(text, "W{layer}[M, M]; b{layer}[M]");
    }
    let mut before = "X".to_owned();
    for layer in 1..=depth {
        let _ = writeln!(text, "A{layer} = tanh({before} @ W{layer}.T + b{layer})");
        before = format!("A{layer}");
    }
    let _ = write!(text, "L = sum(({before} - T)**2)");
    text
}

fn layers(text: &mut String) -> Result<(), Box<dyn Error>> {
    for depth in [10, 100, 1000] {
        let problem = Problem::read(&network(depth))?;
        let repeats = if depth > 100 { 2 } else { 5 };
        let (_, best) = time(repeats, || problem.gradient(&[], None));
        writeln!(
            text,
            "{depth} layers: best {best:.1} ms, {:.3} ms a layer",
            best / depth as f64
        )?;
    }
    Ok(())
}
