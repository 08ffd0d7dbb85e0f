//! The command line of `plan`. It must never do anything.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::arguments::{Format, Order, SEED};
use crate::training::arguments::Optimizer;

/// Examples of `plan`.
pub const PLAN: &str = "\
Examples:
  A linear layer with its gradients, planned for given sizes:
    backprove plan 'Y = X @ W.T + b' --where 'X[S,M]; W[N,M]; b[N]' \\
      --sizes S=128,M=784,N=512

  A training step of a multi-layer perceptron, run and timed, with a picture:
    backprove plan --mlp 784-512-256-10 --batch 128 --time --svg plan.svg

  A Hessian-vector product:
    backprove plan 'mean((X @ w - y)**2)' --where 'X[S,M]; w[M]; y[S]' \\
      --wrt w --order hvp --sizes S=1000,M=500

A plan's operations, bytes and peak memory are known before anything runs; only
--time runs it.

Exit status: 0 success, 2 a mistake in the input, 3 cannot be derived or planned.";

/// Options of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The program: a path that ends in .bp, - for standard input, or the text itself in quotes
    #[arg(
        allow_hyphen_values = true,
        required_unless_present = "mlp",
        conflicts_with = "mlp"
    )]
    pub source: Option<String>,

    /// Declarations to put before the program, such as 'X[S,M]; W[N,M]'
    #[arg(
        long = "where",
        value_name = "DECLARATIONS",
        allow_hyphen_values = true,
        conflicts_with = "mlp"
    )]
    pub declarations: Option<String>,

    /// The sizes, such as S=128,M=784
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = size, conflicts_with = "mlp")]
    pub sizes: Vec<(String, usize)>,

    /// Tensors to differentiate by, such as W,b; if left out, every input that is not constant
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        conflicts_with = "mlp"
    )]
    pub wrt: Vec<String>,

    /// A declared tensor that holds the gradient of the loss by the output
    #[arg(long, value_name = "NAME", conflicts_with = "mlp")]
    pub cotangent: Option<String>,

    /// Which derivative to compute beside the program
    #[arg(long, value_enum, default_value_t, conflicts_with_all = ["mlp", "forward"])]
    pub order: Order,

    /// Plan the program alone, without any derivative
    #[arg(long, conflicts_with_all = ["wrt", "cotangent", "optimizer"])]
    pub forward: bool,

    /// Plan a training step of a multi-layer perceptron for classification: its features, hidden units and classes, such
    /// as 784-512-256-10
    #[arg(long, value_name = "LAYERS", value_parser = layers)]
    pub mlp: Option<Layers>,

    /// The activation between the layers of --mlp
    #[arg(
        long,
        value_name = "FUNCTION",
        default_value = "relu",
        conflicts_with = "source"
    )]
    pub activation: String,

    /// How many samples a step of --mlp looks at
    #[arg(long, value_name = "SAMPLES", default_value = "32", value_parser = count, conflicts_with = "source")]
    pub batch: usize,

    /// How the step of a network updates its parameters; SOURCE is then read as in `train` [default for --mlp: sgd]
    #[arg(long, value_enum, conflicts_with_all = ["wrt", "cotangent", "order"])]
    pub optimizer: Option<Optimizer>,

    /// The precision of all numbers
    #[arg(long, value_enum, default_value_t)]
    pub precision: Precision,

    /// How many threads work; results do not depend on it [default: one for each core]
    #[arg(long, value_name = "COUNT", value_parser = count)]
    pub threads: Option<usize>,

    /// Run the plan on random inputs, and print the time of each kernel
    #[arg(long)]
    pub time: bool,

    /// Where the random inputs of --time start
    #[arg(long, default_value_t = SEED, requires = "time")]
    pub seed: u64,

    /// Draw the plan: an SVG file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,

    /// How to print it; if left out, as the file name of --output says, else text
    #[arg(long, value_enum)]
    pub format: Option<Format>,

    /// The file to write instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The value of `--precision`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Precision {
    /// Single precision
    #[default]
    F32,
    /// Double precision
    F64,
}

/// The value of `--mlp`.
#[derive(Debug, Clone)]
pub struct Layers {
    /// Features of a sample.
    pub features: usize,
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Classes.
    pub classes: usize,
}

fn layers(text: &str) -> Result<Layers, String> {
    let units = text.split('-').map(count).collect::<Result<Vec<_>, _>>()?;
    match &units[..] {
        [features, hidden @ .., classes] => Ok(Layers {
            features: *features,
            hidden: hidden.to_vec(),
            classes: *classes,
        }),
        _ => Err("name at least the features and the classes, such as `784-10`".to_owned()),
    }
}

fn size(text: &str) -> Result<(String, usize), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(format!(
            "`{text}` is no size; write a name and a number, such as `S=128`"
        ));
    };
    Ok((name.trim().to_owned(), count(value)?))
}

/// A whole number from 1 on.
fn count(text: &str) -> Result<usize, String> {
    let value = text.trim().parse::<usize>();
    let value = value.ok().filter(|value| *value > 0);
    value.ok_or_else(|| format!("`{text}` is not a whole number from 1 on"))
}
