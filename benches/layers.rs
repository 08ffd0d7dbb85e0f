//! How fast are attention, layer norm and a cross-entropy over many classes, forward and backward in single precision on two threads?
//! Beside PyTorch, its fused attention included, and `jax.jit`; results are compared before anything is timed.

use std::cell::RefCell;
use std::error::Error;
use std::time::Instant;

use backprove::Problem;
use backprove::engine::Plan;
use backprove::planning::Subject;
use xtask::report::Report;
use xtask::rival::Rival;
use xtask::turns::Side;

const THREADS: usize = 2;
const GOAL: f64 = 1.2;
/// Difference of checksums, by the norm, that is put down to rounding.
const ROUNDING: f64 = 1e-3;

struct Case {
    name: &'static str,
    source: &'static str,
    wrt: &'static [&'static str],
    /// The gradient by the output, where it is given.
    cotangent: Option<&'static str>,
    sizes: &'static [(&'static str, usize)],
    /// The inputs in the order of the offsets of their numbers.
    inputs: &'static [&'static str],
    rivals: &'static [(&'static str, &'static str)],
}

const CASES: [Case; 3] = [
    Case {
        name: "attention",
        source: "Q[B, H, S, D]; K[B, H, S, D]; V[B, H, S, D]; G[B, H, S, D]\n\
            Z[b, h, s, t] = sum[d](Q[b, h, s, d] * K[b, h, t, d]) / sqrt(D)\n\
            P = softmax(Z, axis=3)\n\
            O[b, h, s, e] = sum[t](P[b, h, s, t] * V[b, h, t, e])",
        wrt: &["Q", "K", "V"],
        cotangent: Some("G"),
        sizes: &[("B", 8), ("H", 8), ("S", 256), ("D", 64)],
        inputs: &["Q", "K", "V", "G"],
        rivals: &[
            ("torch", "PyTorch's fused attention"),
            ("plain", "PyTorch"),
            ("jax", "jax.jit"),
        ],
    },
    Case {
        name: "layer-norm",
        source: "X[S, M]; g[M]; b[M]; G[S, M]\nY = layer_norm(X, g, b)",
        wrt: &["X", "g", "b"],
        cotangent: Some("G"),
        sizes: &[("S", 2048), ("M", 1024)],
        inputs: &["X", "g", "b", "G"],
        rivals: &[("torch", "PyTorch"), ("jax", "jax.jit")],
    },
    Case {
        name: "cross-entropy",
        source: "Z[S, C]; t[S]: labels(C)\nL = cross_entropy(Z, t)",
        wrt: &["Z"],
        cotangent: None,
        sizes: &[("S", 256), ("C", 32000)],
        inputs: &["Z"],
        rivals: &[("torch", "PyTorch"), ("jax", "jax.jit")],
    },
];

fn main() -> Result<(), Box<dyn Error>> {
    let Some(mut report) = Report::of("layers") else {
        return Ok(());
    };
    for case in &CASES {
        if report.wants(case.name) {
            case.measure(&mut report)?;
        }
    }
    report.finish()
}

impl Case {
    fn measure(&self, report: &mut Report) -> Result<(), Box<dyn Error>> {
        let (mut plan, results) = self.plan()?;
        plan.run();
        let ours = results.iter().map(|name| Ok(checksum(plan.get(name)?)));
        let ours = ours.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        let torch = RefCell::new(Rival::python("layers.py", THREADS, &[])?);
        let jax = RefCell::new(Rival::python("layers.py", THREADS, &[])?);
        let count = 5;
        let run = || Ok((0..count).map(|_| seconds(&mut plan)).collect());
        let mut sides = vec![Side::new("ours", None, run)];
        for (side, title) in self.rivals {
            let name = self.name;
            let rival = if *side == "jax" { &jax } else { &torch };
            let theirs = rival.borrow_mut().ask(&format!("check {side} {name}"))?;
            for ((result, (sum, norm)), theirs) in results.iter().zip(&ours).zip(theirs.chunks(2)) {
                if (sum - theirs[0]).abs().max((norm - theirs[1]).abs()) > ROUNDING * norm {
                    let message =
                        format!("{name}, {title}: {result}: {sum}, {norm} is not {theirs:?}");
                    return Err(message.into());
                }
            }
            let command = format!("time {side} {name} {count}");
            let run = move || rival.borrow_mut().ask(&command);
            sides.push(Side::new(*title, Some(GOAL), run));
        }
        let rounds = report.choose(7, 30);
        report.measure(&format!("{} {THREADS} threads", self.name), sides, rounds)
    }

    /// The plan with its inputs, and the names of the output and the gradients.
    fn plan(&self) -> Result<(Plan<f32>, Vec<String>), Box<dyn Error>> {
        let problem = Problem::read(self.source)?;
        let gradient = problem.gradient(self.wrt, self.cotangent)?;
        let sizes: Vec<_> = self
            .sizes
            .iter()
            .map(|(name, size)| ((*name).to_owned(), *size))
            .collect();
        let subject = Subject::gradient(&gradient);
        let sizes = subject.bind(&sizes).map_err(|wrong| wrong.message)?;
        let plan = subject.plan::<f32>(&sizes, THREADS);
        let mut plan = plan.map_err(|wrong| wrong.message)?;
        for (input, offset) in self.inputs.iter().zip(0_u8..) {
            let numbers = plan.input_mut(input)?.iter_mut().enumerate();
            for (place, slot) in numbers {
                *slot = (place as f64 * 0.7 + f64::from(offset)).sin() as f32;
            }
        }
        if self.cotangent.is_none() {
            let labels: Vec<u32> = (0..256).map(|sample| sample * 7919 % 32000).collect();
            plan.set_labels("t", &labels)?;
        }
        let output = gradient.forward.output().ok_or("no output")?;
        let mut results = vec![output.target.name().to_owned()];
        for variable in self.wrt {
            let derivation = gradient.derivation(variable).ok_or("no derivation")?;
            results.push(derivation.gradient.name().to_owned());
        }
        Ok((plan, results))
    }
}

fn checksum(values: &[f32]) -> (f64, f64) {
    let terms = values.iter().enumerate();
    let sum = terms
        .map(|(place, value)| f64::from(*value) * (place as f64).cos())
        .sum();
    let squares: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
    (sum, squares.sqrt())
}

fn seconds(plan: &mut Plan<f32>) -> f64 {
    let start = Instant::now();
    plan.run();
    start.elapsed().as_secs_f64()
}
