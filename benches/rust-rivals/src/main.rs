//! Candle's and Burn's side of the benchmarks: answers one line on standard output for each line on standard input.
//!
//! `load SIDE FILE ACTIVATION BATCH RATE WIDTH…` takes a network with its samples; `losses SIDE COUNT` takes steps and answers with the
//! loss before each; `time SIDE COUNT` takes steps and answers with the seconds of each.

mod burn;
mod candle;

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead as _, Write as _};
use std::time::Instant;

/// A side's training step.
trait Step {
    /// Takes one step and returns the loss before it.
    fn step(&mut self) -> Result<f32, Box<dyn Error>>;
}

/// A linear layer's weights, outputs × inputs, and its bias.
struct Layer {
    inputs: usize,
    outputs: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

/// A network to train, its samples and its labels.
struct Network {
    activation: String,
    batch: usize,
    rate: f64,
    features: usize,
    samples: Vec<f32>,
    labels: Vec<u32>,
    layers: Vec<Layer>,
}

impl Network {
    /// The file holds little-endian single precision: samples, labels, then weights and bias of each layer.
    fn load(words: &[&str]) -> Result<Self, Box<dyn Error>> {
        let [file, activation, batch, rate, widths @ ..] = words else {
            return Err("load needs a file, an activation, a batch, a rate and widths".into());
        };
        let widths = widths.iter().map(|width| width.parse());
        let widths = widths.collect::<Result<Vec<usize>, _>>()?;
        let batch: usize = batch.parse()?;
        let bytes = std::fs::read(file)?;
        let mut numbers = bytes
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        let mut take = |count: usize| -> Vec<f32> { numbers.by_ref().take(count).collect() };
        let samples = take(batch * widths[0]);
        let labels = take(batch).into_iter().map(|label| label as u32).collect();
        let layers = widths.windows(2).map(|pair| Layer {
            inputs: pair[0],
            outputs: pair[1],
            weights: take(pair[0] * pair[1]),
            bias: take(pair[1]),
        });
        Ok(Self {
            activation: (*activation).to_owned(),
            batch,
            rate: rate.parse()?,
            features: widths[0],
            layers: layers.collect(),
            samples,
            labels,
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut sides: HashMap<String, Box<dyn Step>> = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [command, side, rest @ ..] = words.as_slice() else {
            return Err("a command and a side are needed".into());
        };
        let mut answer = Vec::new();
        if *command == "load" {
            let network = Network::load(rest)?;
            let step: Box<dyn Step> = match *side {
                "candle" => Box::new(candle::Candle::new(&network)?),
                _ => Box::new(burn::Burn::new(&network)),
            };
            sides.insert((*side).to_owned(), step);
        } else {
            let step = sides.get_mut(*side).ok_or("no network is loaded")?;
            let count = rest.first().ok_or("a count is needed")?.parse::<usize>()?;
            for _ in 0..count {
                let start = Instant::now();
                let loss = step.step()?;
                answer.push(match *command {
                    "losses" => f64::from(loss),
                    _ => start.elapsed().as_secs_f64(),
                });
            }
        }
        let answer: Vec<String> = answer.iter().map(f64::to_string).collect();
        println!("{}", answer.join(" "));
        std::io::stdout().flush()?;
    }
    Ok(())
}
