//! The command line of `train`, `predict` and `evaluate`. It must never do anything.

use std::path::PathBuf;

use backprove::nn::optim::Optimiser;
use clap::{Args, ValueEnum};

/// Examples of `train`.
pub const TRAIN: &str = "\
Examples:
  The built-in network on the built-in digits:
    backprove train

  Fashion-MNIST, with two hidden layers and Adam:
    backprove train --data fashion-mnist/ --hidden 256,64 --optimizer adam

  Your own network (an input with labels, a loss as the last definition):
    backprove train model.bp --data flowers.csv --label species

The folder of a run holds model.safetensors and model.bp (the model),
report.html, metrics.json and timing.json. Ctrl-C ends the run and keeps the
best model so far.";

/// Examples of `predict`.
pub const PREDICT: &str = "\
Example:
    backprove predict backprove-run unknown.csv

It prints the class of each sample on a line of its own. Where the table that the
model was trained on names its columns, those of this one are found by their names.";

/// Examples of `evaluate`.
pub const EVALUATE: &str = "\
Example:
    backprove evaluate backprove-run fashion-mnist/";

/// Options of `train`.
#[derive(Debug, Args)]
pub struct Train {
    /// The network: a path that ends in `.bp`, `-` for standard input, or the text itself; if left out, a multi-layer
    /// perceptron
    pub model: Option<String>,

    /// The data: a folder or file of MNIST's or CIFAR-10's format, or a table; if left out, the built-in digits
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,

    /// The column of a table that holds the class; if left out, `label`, `class`, `target` or the last
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<String>,

    /// The units of each hidden layer, such as 256,64, or `none`; if left out, 128,64; with MODEL, its open sizes in order
    #[arg(long, value_name = "SIZES", value_parser = hidden)]
    pub hidden: Option<Hidden>,

    /// The activation between layers
    #[arg(
        long,
        value_name = "FUNCTION",
        default_value = "relu",
        conflicts_with = "model"
    )]
    pub activation: String,

    /// How parameters follow their gradients
    #[arg(long, value_enum, default_value_t)]
    pub optimizer: Optimizer,

    /// The learning rate; if left out, 0.1 for sgd, 0.05 for momentum, 0.003 for adam
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub lr: Option<f64>,

    /// How many samples a step looks at
    #[arg(long, value_name = "SAMPLES", default_value_t = 32)]
    pub batch: usize,

    /// How often all samples are gone through
    #[arg(long, value_name = "COUNT", default_value_t = 40)]
    pub epochs: usize,

    /// The number that decides all that is random; the same seed gives the same files
    #[arg(long, default_value_t = crate::arguments::SEED)]
    pub seed: u64,

    /// How many threads work; results do not depend on it [default: one for each core]
    #[arg(long, value_name = "COUNT")]
    pub threads: Option<usize>,

    /// The share of the data that is kept for the test, where the data have no test part; the same share of each class
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    pub test: f64,

    /// The share of the rest by which the best epoch is chosen; 0 keeps the last epoch
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    pub validation: f64,

    /// The folder to write to; if left out, backprove-run, or backprove-run-2 and so on where it holds a run
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Write over a run that the folder holds
    #[arg(long, requires = "out")]
    pub overwrite: bool,
}

/// Options of `predict`.
#[derive(Debug, Args)]
pub struct Predict {
    /// The model: the folder of a run, or its model.safetensors
    pub model: PathBuf,

    /// The samples, with or without labels
    pub data: PathBuf,

    /// The file to write instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// How many threads work [default: one for each core]
    #[arg(long, value_name = "COUNT")]
    pub threads: Option<usize>,
}

/// Options of `evaluate`.
#[derive(Debug, Args)]
pub struct Evaluate {
    /// The model: the folder of a run, or its model.safetensors
    pub model: PathBuf,

    /// The labelled samples; of data with a test part, that part
    pub data: PathBuf,

    /// The column of a table that holds the class; if left out, `label`, `class`, `target` or the last
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<String>,

    /// How many threads work [default: one for each core]
    #[arg(long, value_name = "COUNT")]
    pub threads: Option<usize>,
}

/// The value of `--optimizer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Optimizer {
    /// Stochastic gradient descent
    Sgd,
    /// Heavy-ball momentum, 0.9
    Momentum,
    /// Adam, with 0.9 and 0.999
    #[default]
    Adam,
}

impl From<Optimizer> for Optimiser {
    fn from(optimizer: Optimizer) -> Self {
        match optimizer {
            Optimizer::Sgd => Self::Sgd,
            Optimizer::Momentum => Self::Momentum,
            Optimizer::Adam => Self::Adam,
        }
    }
}

/// The value of `--hidden`.
#[derive(Debug, Clone, Default)]
pub struct Hidden(pub Vec<usize>);

fn hidden(text: &str) -> Result<Hidden, String> {
    if text.trim() == "none" {
        return Ok(Hidden::default());
    }
    let size = |part: &str| {
        let size = part.trim().parse::<usize>();
        size.ok().filter(|size| *size > 0).ok_or_else(|| {
            format!("`{part}` is no number of units; write such as `128,64`, or `none`")
        })
    };
    text.split(',')
        .map(size)
        .collect::<Result<_, _>>()
        .map(Hidden)
}
