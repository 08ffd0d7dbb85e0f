//! The command line: names, values and help texts. It must never do anything.

use std::path::PathBuf;

use backprove::calculus;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::planning::arguments::{PLAN, Plan};
use crate::training::arguments::{EVALUATE, Evaluate, PREDICT, Predict, TRAIN, Train};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "backprove",
    version,
    about = "Derives gradients that you can read, trust and run",
    long_about = "Derives gradients that you can read, trust and run.\n\n\
        Write the forward definition of a layer, a loss or any tensor expression, as on paper or as in \
        NumPy. Backprove derives its gradients step by step, verifies every step and the result \
        numerically, and prints them as text, LaTeX, Markdown, HTML or JSON, or as code.",
    after_help = "Run `backprove help COMMAND` for the options of a command, with examples.",
    max_term_width = 100
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Whether to use colours; `auto` does on a terminal, unless `NO_COLOR` is set
    #[arg(
        long,
        value_enum,
        default_value_t,
        global = true,
        value_name = "WHEN",
        display_order = 100
    )]
    pub color: Color,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Derive gradients and print the derivation
    #[command(after_help = DERIVE)]
    Derive(Derive),
    /// Verify every step and result, or test your own formulas
    #[command(after_help = CHECK)]
    Check(Check),
    /// Print self-contained code for a program and its gradients
    #[command(after_help = EMIT)]
    Emit(Emit),
    /// Print how a program runs at given sizes: kernels, operations, memory, times
    #[command(after_help = PLAN)]
    Plan(Plan),
    /// Train a network, on built-in data if none are named
    #[command(after_help = TRAIN)]
    Train(Train),
    /// Print the classes that a trained model predicts
    #[command(after_help = PREDICT)]
    Predict(Predict),
    /// Say how well a trained model predicts labelled data
    #[command(after_help = EVALUATE)]
    Evaluate(Evaluate),
}

const DERIVE: &str = "\
Examples:
  A linear layer, its sizes given beside it; only the gradient by W:
    backprove derive 'Y = X @ W.T + b' --where 'X[S,M]; W[N,M]; b[N]' --wrt W

  A pasted line of NumPy, as a page for the browser:
    backprove derive 'np.mean((y - X @ w)**2)' \\
      --where 'X[S,M]; w[M]; y[S]: constant' --output page.html

Where the result Y is not a scalar, L stands for any scalar loss that depends
on it; the gradient of L by Y is written dL/dY, and dY in code.

Exit status: 0 success, 1 a check failed, 2 a mistake in the input,
3 cannot be derived.";

const CHECK: &str = "\
Examples:
  Verify all gradients of a program in a file:
    backprove check layer.bp

  Is my own formula right? If not, see the first element that differs:
    backprove check 'Y = X @ W.T + b' --where 'X[S,M]; W[N,M]; b[N]' \\
      --claim 'dL/dX = dY @ W.T'

  At my own numbers, here {\"X\": [[1, 2], [3, 4]]}; others are drawn at random:
    backprove check layer.bp --at numbers.json

Exit status: 0 all right, 1 a check or a claim failed, 2 a mistake in the
input, 3 cannot be derived.";

const EMIT: &str = "\
Examples:
  A NumPy module with forward() and gradient():
    backprove emit numpy 'Y = X @ W.T + b' --where 'X[S,M]; W[N,M]; b[N]'

  A PyTorch module with an autograd.Function, or a JAX module with a custom_vjp:
    backprove emit torch 'Y = X @ W.T + b' --where 'X[S,M]; W[N,M]; b[N]'
    backprove emit jax 'Y = X @ W.T + b' --where 'X[S,M]; W[N,M]; b[N]'

  A Rust module over faer's matrices and slices, with a test:
    backprove emit rust 'Y = X @ W.T + b' --where 'X[S,M]; W[N,M]; b[N]'

  The same for a program in a file, written to a module that Python can import:
    backprove emit numpy layer.bp --output layer.py

Exit status: 0 success, 2 a mistake in the input, 3 cannot be derived.";

/// The program that a command is about.
#[derive(Debug, Args)]
pub struct Program {
    /// The program: a path that ends in .bp, - for standard input, or the text itself in quotes
    #[arg(allow_hyphen_values = true)]
    pub source: String,

    /// Declarations to put before the program, such as 'X[S,M]; W[N,M]'
    #[arg(
        long = "where",
        value_name = "DECLARATIONS",
        allow_hyphen_values = true
    )]
    pub declarations: Option<String>,

    /// Tensors to differentiate by, such as W,b; if left out, every input that is not constant
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub wrt: Vec<String>,

    /// A declared tensor that holds the gradient of the loss by the output
    #[arg(long, value_name = "NAME")]
    pub cotangent: Option<String>,
}

/// Options of `derive`.
#[derive(Debug, Args)]
pub struct Derive {
    /// The program.
    #[command(flatten)]
    pub program: Program,

    /// Which derivative to take
    #[arg(long, value_enum, default_value_t)]
    pub order: Order,

    /// How to print it; if left out, as the file name of --output says, else text
    #[arg(long, value_enum)]
    pub format: Option<Format>,

    /// How much to show
    #[arg(long, value_enum, default_value_t)]
    pub detail: Detail,

    /// The file to write instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The program.
    #[command(flatten)]
    pub program: Program,

    /// Which derivative to verify
    #[arg(long, value_enum, default_value_t)]
    pub order: Order,

    /// A formula to test, such as 'dL/db = dY.sum(axis=0)'; may be given several times
    #[arg(long = "claim", value_name = "CLAIM", allow_hyphen_values = true)]
    pub claims: Vec<String>,

    /// Check at these numbers instead of random ones: a JSON file with nested lists by name; what is missing is drawn at random
    #[arg(long, value_name = "FILE")]
    pub at: Option<PathBuf>,

    /// Where the random numbers of the checks start; the same seed gives the same report
    #[arg(long, default_value_t = SEED, allow_negative_numbers = true)]
    pub seed: u64,

    /// The file to write instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The seed where none is given.
pub const SEED: u64 = 42;

/// Options of `emit`.
#[derive(Debug, Args)]
pub struct Emit {
    /// The library or language that the code is for
    #[arg(value_enum)]
    pub target: Target,

    /// The program.
    #[command(flatten)]
    pub program: Program,

    /// Which derivative to compute
    #[arg(long, value_enum, default_value_t)]
    pub order: Order,

    /// The file to write instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Which derivative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Order {
    /// The gradient of the loss by each variable
    #[default]
    Gradient,
    /// The vector-Jacobian product: the same, given the gradient by the output
    Vjp,
    /// The Jacobian-vector product: the derivative along tangents `t_NAME` of the variables
    Jvp,
    /// The Jacobian: every element of the result by every element of each variable
    Jacobian,
    /// The Hessian of a scalar, by each pair of variables
    Hessian,
    /// The Hessian-vector product: the gradient's derivative along tangents `t_NAME`
    Hvp,
}

impl Order {
    /// The order of the calculus; `None` for the gradient.
    pub fn beyond_gradient(self) -> Option<calculus::Order> {
        match self {
            Self::Gradient | Self::Vjp => None,
            Self::Jvp => Some(calculus::Order::Jvp),
            Self::Jacobian => Some(calculus::Order::Jacobian),
            Self::Hessian => Some(calculus::Order::Hessian),
            Self::Hvp => Some(calculus::Order::Hvp),
        }
    }
}

/// How a derivation is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned text for the terminal
    Text,
    /// A LaTeX file
    Latex,
    /// Markdown with formulas between dollar signs
    Markdown,
    /// One page for the browser that needs no network
    Html,
    /// One object for other programs
    Json,
}

/// How much of a derivation is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Detail {
    /// What one would say aloud
    Headline,
    /// What one would write on paper
    #[default]
    Working,
    /// Every step, with how it was verified
    All,
}

/// What code is printed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// Python with NumPy
    Numpy,
    /// Python with PyTorch
    Torch,
    /// Python with JAX
    Jax,
    /// Rust with faer
    Rust,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}
