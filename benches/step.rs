//! How near is a training step to the hardware? Three networks, forward, backward and update in single precision: the engine's plan
//! beside the step written by hand, in rounds of both sides in turn, after losses and weights were found equal.

mod by_hand;

use std::error::Error;
use std::time::Instant;

use backprove::engine::Plan;
use backprove::nn::network::Network;
use backprove::nn::optim::{Optimiser, Step};
use backprove::nn::parameters::first_values;
use by_hand::{Activation, ByHand};

/// The rate of descent on all sides.
const RATE: f32 = 0.01;
/// Steps after which the sides are compared.
const COMPARED: usize = 5;
/// Relative difference that is put down to rounding.
const ROUNDING: f32 = 1e-3;

/// A network to train: features, hidden widths, classes.
struct Case {
    name: &'static str,
    widths: &'static [usize],
    activation: (&'static str, Activation),
    batch: usize,
    threads: usize,
    rounds: usize,
    steps: usize,
}

const CASES: &[Case] = &[
    Case {
        name: "tiny",
        widths: &[64, 32, 10],
        activation: ("tanh", Activation::Tanh),
        batch: 32,
        threads: 1,
        rounds: 40,
        steps: 1000,
    },
    Case {
        name: "tiny",
        widths: &[64, 32, 10],
        activation: ("tanh", Activation::Tanh),
        batch: 32,
        threads: 2,
        rounds: 40,
        steps: 1000,
    },
    Case {
        name: "middle",
        widths: &[784, 512, 256, 10],
        activation: ("relu", Activation::Relu),
        batch: 128,
        threads: 1,
        rounds: 30,
        steps: 20,
    },
    Case {
        name: "middle",
        widths: &[784, 512, 256, 10],
        activation: ("relu", Activation::Relu),
        batch: 128,
        threads: 2,
        rounds: 30,
        steps: 20,
    },
    Case {
        name: "large",
        widths: &[1024, 2048, 2048, 10],
        activation: ("gelu", Activation::Gelu),
        batch: 512,
        threads: 1,
        rounds: 10,
        steps: 1,
    },
    Case {
        name: "large",
        widths: &[1024, 2048, 2048, 10],
        activation: ("gelu", Activation::Gelu),
        batch: 512,
        threads: 2,
        rounds: 10,
        steps: 2,
    },
];

fn main() -> Result<(), Box<dyn Error>> {
    // Tests of all targets only want to know that it builds; `cargo bench` says so.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    for case in CASES {
        if wanted.as_ref().is_none_or(|wanted| wanted == case.name) {
            case.measure()?;
        }
    }
    Ok(())
}

impl Case {
    fn measure(&self) -> Result<(), Box<dyn Error>> {
        let (mut plan, mut by_hand) = self.sides()?;
        self.compare(&mut plan, &mut by_hand)?;
        let (mut ours, mut theirs) = (Vec::<Vec<f64>>::new(), Vec::<Vec<f64>>::new());
        for _ in 0..self.rounds {
            ours.push((0..self.steps).map(|_| seconds(&mut plan)).collect());
            theirs.push(by_hand.run(self.steps));
        }
        let mut ratios: Vec<f64> = ours
            .iter()
            .zip(&theirs)
            .map(|(ours, theirs)| median(theirs) / median(ours))
            .collect();
        ratios.sort_by(f64::total_cmp);
        let (ours, theirs): (Vec<f64>, Vec<f64>) = (ours.concat(), theirs.concat());
        let best = |seconds: &[f64]| seconds.iter().copied().fold(f64::INFINITY, f64::min);
        println!(
            "{:6} {} threads: ours {:9.2} µs (best {:9.2}), by hand {:9.2} µs (best {:9.2}), ratio {:.3} (best {:.3})",
            self.name,
            self.threads,
            1e6 * median(&ours),
            1e6 * best(&ours),
            1e6 * median(&theirs),
            1e6 * best(&theirs),
            ratios[ratios.len() / 2],
            best(&theirs) / best(&ours),
        );
        Ok(())
    }

    /// Both sides, with the same first values, samples and labels.
    fn sides(&self) -> Result<(Plan<f32>, ByHand), Box<dyn Error>> {
        let [features, hidden @ .., classes] = self.widths else {
            return Err("a network has features and classes".into());
        };
        let network = Network::mlp(hidden.len(), self.activation.0)?;
        let step = Step::new(&network, Optimiser::Sgd, f64::from(RATE))?;
        let mut sizes = network.sizes(&[*features], *classes, hidden)?;
        let values = first_values(&network, &sizes, 42)?;
        sizes.insert("S".to_owned(), self.batch);
        let updates = step.updates().iter();
        let updates: Vec<_> = updates
            .map(|(input, name)| (input.as_str(), name.as_str()))
            .collect();
        let plan = Plan::compile(step.program(), &sizes, &[network.loss()], &updates)?;
        let mut plan = plan.threads(self.threads);
        let threads = self.threads;
        let mut by_hand = ByHand::new(self.widths, self.activation.1, self.batch, RATE, threads)?;
        for (tensor, values) in network.parameters().iter().zip(&values) {
            plan.set(tensor.name(), values)?;
        }
        for (number, layer) in values.chunks(2).enumerate() {
            by_hand.set_layer(number, &layer[0], &layer[1]);
        }
        for (name, value) in step.numbers() {
            plan.set(name, &[*value])?;
        }
        let samples: Vec<f32> = (0..self.batch * features)
            .map(|place| (place as f32 * 1.7).sin())
            .collect();
        let labels: Vec<u32> = (0..self.batch)
            .map(|sample| (sample * 7 % classes) as u32)
            .collect();
        plan.set("X", &samples)?;
        plan.set_labels("t", &labels)?;
        by_hand.set_samples(&samples, &labels);
        Ok((plan, by_hand))
    }

    /// Fails where losses or weights differ after a few steps.
    fn compare(&self, plan: &mut Plan<f32>, by_hand: &mut ByHand) -> Result<(), Box<dyn Error>> {
        for number in 0..COMPARED {
            plan.run();
            by_hand.run(1);
            let (ours, theirs) = (plan.get("L")?[0], by_hand.loss());
            if (ours - theirs).abs() > ROUNDING * theirs.abs() {
                return Err(format!("{}: loss {number}: {ours} is not {theirs}", self.name).into());
            }
        }
        for layer in 0..self.widths.len() - 1 {
            let name = format!("W{}", layer + 1);
            let (ours, theirs) = (plan.get(&name)?, by_hand.weights(layer));
            let scale = theirs
                .iter()
                .fold(0.0_f32, |most, value| most.max(value.abs()));
            for (ours, theirs) in ours.iter().zip(&theirs) {
                if (ours - theirs).abs() > ROUNDING * scale {
                    return Err(format!("{}: {name}: {ours} is not {theirs}", self.name).into());
                }
            }
        }
        Ok(())
    }
}

fn seconds(plan: &mut Plan<f32>) -> f64 {
    let start = Instant::now();
    plan.run();
    start.elapsed().as_secs_f64()
}

fn median(seconds: &[f64]) -> f64 {
    let mut seconds = seconds.to_vec();
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
