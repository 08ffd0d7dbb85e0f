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

use backprove::calculus::functions::{Body, table};
use backprove::calculus::library;
use pyo3::prelude::*;

/// A function of the language: its name, its arguments, what it is in words, and its definition or derivatives.
type Row = (
    &'static str,
    Vec<&'static str>,
    &'static str,
    Vec<&'static str>,
);

/// The functions of the language, in order.
#[pyfunction]
fn functions() -> Vec<Row> {
    let row = |function: &'static backprove::calculus::Function| {
        let formulas = match function.body {
            Body::Primitive { derivatives, .. } => {
                let known = derivatives.iter();
                known.map(|one| one.unwrap_or("none")).collect()
            }
            Body::Defined { definition, .. } => vec![definition],
        };
        let arguments = function.arguments.to_vec();
        (function.name, arguments, function.prose, formulas)
    };
    table().map(row).collect()
}

/// The names of the modules of the standard library.
#[pyfunction]
fn modules() -> Vec<&'static str> {
    library::names().collect()
}

/// The module `backprove._native`.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::compiled::{Callable, Compiled};
    #[pymodule_export]
    use super::derivation::Derivation;
    #[pymodule_export]
    use super::error::{RefusedError, SourceError};
    #[pymodule_export]
    use super::problem::Problem;
    #[pymodule_export]
    use super::stepper::{Stepper, Training};
    #[pymodule_export]
    use super::{functions, modules};
}
