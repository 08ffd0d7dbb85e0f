//! Gradients you can read, trust and run.
//!
//! ```
//! use backprove::{Detail, Problem, Verification, report};
//! use backprove::typeset::document::terminal;
//!
//! let problem = Problem::read("X[S, M]; W[N, M]; b[N]\nY = X @ W.T + b")?;
//! let gradient = problem.gradient(&["b"], None)?;
//! let verification = Verification::of(&gradient, 0);
//! assert!(verification.holds());
//! let page = report::derivation(&gradient, &verification, Detail::Working);
//! let text = terminal::print(&page, terminal::Options::plain(80));
//! assert!(text.contains("∂L/∂b = 1ᵀ ∂L/∂Y"));
//! # Ok::<(), backprove::Diagnosed>(())
//! ```
//!
//! This crate puts the others together: it reads problems, has them derived and checked, and
//! assembles reports. It must not contain mathematics, layout or numerics of its own.

mod derivative;
mod problem;
mod verification;

pub mod claim;
pub mod diagnostics;
pub mod given;
pub mod json;
pub mod planning;
pub mod report;
pub mod text;
pub mod training;

pub use backprove_calculus as calculus;
pub use backprove_codegen as codegen;
pub use backprove_engine as engine;
pub use backprove_nn as nn;
pub use backprove_syntax as syntax;
pub use backprove_typeset as typeset;

pub use derivative::{DerivativeVerification, OutcomeCheck, PartialCheck};
pub use problem::{Diagnosed, Problem};
pub use report::Detail;
pub use verification::{Counts, DerivationCheck, Verification};

/// A shape as one reads it aloud: `S×N`, and `scalar` where there are no axes.
pub fn shape(dims: &[calculus::Dim]) -> String {
    if dims.is_empty() {
        return "scalar".to_owned();
    }
    let extents: Vec<String> = dims.iter().map(ToString::to_string).collect();
    extents.join("×")
}
