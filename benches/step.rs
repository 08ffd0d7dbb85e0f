//! Is a training step as fast as PyTorch's? 784-512-256-10, batch 128, f32, ReLU, softmax cross-entropy, SGD, two
//! threads; rounds of both sides in turn, and the ratio of the medians.

mod rival;

use std::error::Error;
use std::time::Instant;

use backprove::engine::Plan;
use backprove::nn::network::Network;
use backprove::nn::optim::{Optimiser, Step};
use backprove::nn::parameters::first_values;

const THREADS: usize = 2;
const ROUNDS: usize = 30;
const STEPS: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    // Tests of all targets only want to know that it builds; `cargo bench` says so.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let mut plan = plan()?;
    let mut rival = rival::Rival::start("rival.py", THREADS)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let own: Vec<f64> = (0..STEPS)
            .map(|_| {
                let start = Instant::now();
                plan.run();
                start.elapsed().as_secs_f64()
            })
            .collect();
        let other = rival.ask(&format!("step {STEPS}"))?;
        // The first round warms up.
        if round > 0 {
            ours.extend(own);
            theirs.extend(other);
        }
    }
    let (ours, theirs) = (Summary::of(ours), Summary::of(theirs));
    println!(
        "a training step of 784-512-256-10, batch 128, {THREADS} threads, {ROUNDS} rounds of {STEPS}:"
    );
    println!(
        "  backprove  median {:.3} ms, best {:.3} ms",
        ours.median, ours.best
    );
    println!(
        "  PyTorch    median {:.3} ms, best {:.3} ms",
        theirs.median, theirs.best
    );
    println!(
        "  PyTorch / backprove: {:.2} (medians), {:.2} (best)",
        theirs.median / ours.median,
        theirs.best / ours.best
    );
    Ok(())
}

/// A step with random samples.
fn plan() -> Result<Plan<f32>, Box<dyn Error>> {
    let network = Network::mlp(2, "relu")?;
    let step = Step::new(&network, Optimiser::Sgd, 0.01)?;
    let mut sizes = network.sizes(&[784], 10, &[512, 256])?;
    let values = first_values(&network, &sizes, 42)?;
    sizes.insert("S".to_owned(), 128);
    let updates: Vec<(&str, &str)> = step
        .updates()
        .iter()
        .map(|(input, equation)| (input.as_str(), equation.as_str()))
        .collect();
    let plan = Plan::compile(step.program(), &sizes, &[network.loss()], &updates)?;
    let mut plan = plan.threads(THREADS);
    for (tensor, values) in network.parameters().iter().zip(&values) {
        plan.set(tensor.name(), values)?;
    }
    for (name, value) in step.numbers() {
        plan.set(name, &[*value])?;
    }
    for (place, feature) in plan.input_mut("X")?.iter_mut().enumerate() {
        *feature = (place as f32 * 1.7).sin();
    }
    let labels: Vec<u32> = (0..128).map(|sample| sample * 7 % 10).collect();
    plan.set_labels("t", &labels)?;
    Ok(plan)
}

/// Milliseconds.
struct Summary {
    median: f64,
    best: f64,
}

impl Summary {
    fn of(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        Self {
            median: 1e3 * seconds[seconds.len() / 2],
            best: 1e3 * seconds[0],
        }
    }
}
