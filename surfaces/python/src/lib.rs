//! The native part of the Python package: derivations, compiled functions and training steps as classes. It turns Python's
//! values into the library's and back; it must never hold mathematics, and what needs no speed is written in Python.

#![expect(
    clippy::needless_pass_by_value,
    reason = "what comes from Python is converted into values of its own"
)]

mod arrays;
mod compiled;
mod derivation;
mod error;
mod problem;
mod stepper;

use pyo3::prelude::*;

/// The module `backprove._native`.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::compiled::Compiled;
    #[pymodule_export]
    use super::derivation::Derivation;
    #[pymodule_export]
    use super::error::{RefusedError, SourceError};
    #[pymodule_export]
    use super::problem::Problem;
    #[pymodule_export]
    use super::stepper::Stepper;
}
