//! The networks that the benchmarks train, on our side: multi-layer perceptrons with softmax cross-entropy and plain gradient descent,
//! with made-up samples. Must never measure anything.

#![allow(dead_code, reason = "each benchmark uses its part")]

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;

use backprove::engine::Plan;
use backprove::nn::network::{Network, Sizes};
use backprove::nn::optim::{Optimiser, Step};
use backprove::nn::parameters::first_values;

/// The rate of descent on all sides.
pub const RATE: f32 = 0.01;

/// A network and the samples of one step.
#[derive(Debug, Clone, Copy)]
pub struct Perceptron {
    pub name: &'static str,
    /// Features, hidden widths, classes.
    pub widths: &'static [usize],
    pub activation: &'static str,
    pub batch: usize,
}

pub const TINY: Perceptron = Perceptron {
    name: "tiny",
    widths: &[64, 32, 10],
    activation: "tanh",
    batch: 32,
};
pub const MIDDLE: Perceptron = Perceptron {
    name: "middle",
    widths: &[784, 512, 256, 10],
    activation: "relu",
    batch: 128,
};
pub const LARGE: Perceptron = Perceptron {
    name: "large",
    widths: &[1024, 2048, 2048, 10],
    activation: "gelu",
    batch: 512,
};

impl Perceptron {
    fn network(&self) -> Result<(Network, Sizes), Box<dyn Error>> {
        let [features, hidden @ .., classes] = self.widths else {
            return Err("a network has features and classes".into());
        };
        let network = Network::mlp(hidden.len(), self.activation)?;
        let sizes = network.sizes(&[*features], *classes, hidden)?;
        Ok((network, sizes))
    }

    /// Weights and bias of each layer.
    pub fn first_values(&self) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
        let (network, sizes) = self.network()?;
        Ok(first_values(&network, &sizes, 42)?)
    }

    pub fn samples(&self) -> Vec<f32> {
        let count = self.batch * self.widths[0];
        (0..count).map(|place| (place as f32 * 1.7).sin()).collect()
    }

    pub fn labels(&self) -> Vec<u32> {
        let classes = self.widths[self.widths.len() - 1];
        let label = |sample| (sample * 7 % classes) as u32;
        (0..self.batch).map(label).collect()
    }

    /// The engine's plan of a step, with everything set. Its loss is `L`, its weights `W1`, `W2`, ….
    pub fn plan(&self, threads: usize) -> Result<Plan<f32>, Box<dyn Error>> {
        let (network, mut sizes) = self.network()?;
        let values = first_values(&network, &sizes, 42)?;
        let step = Step::new(&network, Optimiser::Sgd, f64::from(RATE))?;
        sizes.insert("S".to_owned(), self.batch);
        let updates = step.updates().iter();
        let updates: Vec<_> = updates
            .map(|(input, name)| (input.as_str(), name.as_str()))
            .collect();
        let plan = Plan::compile(step.program(), &sizes, &[network.loss()], &updates)?;
        let mut plan = plan.threads(threads);
        for (tensor, values) in network.parameters().iter().zip(&values) {
            plan.set(tensor.name(), values)?;
        }
        for (name, value) in step.numbers() {
            plan.set(name, &[*value])?;
        }
        plan.set("X", &self.samples())?;
        plan.set_labels("t", &self.labels())?;
        Ok(plan)
    }

    /// Operations of the products of a step: two for each weight and sample forward, and for each of the two gradients, of which the
    /// samples need none.
    pub fn operations(&self) -> f64 {
        let products = self.widths.windows(2).enumerate();
        let products =
            products.map(|(layer, pair)| pair[0] * pair[1] * if layer == 0 { 2 } else { 3 });
        2.0 * (self.batch * products.sum::<usize>()) as f64
    }

    /// The command that gives a rival this network, through a file.
    pub fn load(&self, side: &str) -> Result<String, Box<dyn Error>> {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.bin", self.name));
        let mut out = std::io::BufWriter::new(std::fs::File::create(&file)?);
        let labels = self.labels().into_iter().map(|label| label as f32);
        let numbers = self.samples().into_iter().chain(labels);
        for number in numbers.chain(self.first_values()?.concat()) {
            out.write_all(&number.to_le_bytes())?;
        }
        out.flush()?;
        let widths: Vec<String> = self.widths.iter().map(usize::to_string).collect();
        let file = file.display();
        let Self {
            activation, batch, ..
        } = self;
        Ok(format!(
            "load {side} {file} {activation} {batch} {RATE} {}",
            widths.join(" ")
        ))
    }
}
