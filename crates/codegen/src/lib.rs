//! Derived programs as code for other libraries.
//!
//! A printer of code reads equations and writes them down; it must never contain a derivative, and it never
//! decides what is equal: every derivative arrives as an equation of a [`Gradient`](backprove_calculus::Gradient).
//!
//! ```
//! use backprove_calculus::derivation::gradient;
//! use backprove_codegen::{Options, numpy};
//!
//! let parsed = backprove_syntax::parse("X[S, M]; W[N, M]; b[N]\nY = X @ W.T + b");
//! let program = backprove_calculus::elaborate(&parsed.program).program;
//! let gradient = gradient(&program, &program.inputs, None).unwrap();
//! let module = numpy(&gradient, &Options::default()).unwrap();
//! assert!(module.contains("    dW = dY.T @ X  # (N, M)\n"));
//! ```

mod arrays;
mod formula;
mod functions;
mod names;
mod rust;
mod sampling;
mod stable;

pub use arrays::{jax, jax_derivative, numpy, numpy_derivative, torch, torch_derivative};
pub use rust::rust;

/// What may be chosen about emitted code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The first line of the module's docstring; where it is empty, one that says what the module is.
    pub title: String,
}

/// Whether `word` stands in the code, not as the end of a longer one.
pub(crate) fn mentions(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(place, _)| {
        let before = code[..place].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.')
    })
}
