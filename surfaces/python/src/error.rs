//! What is wrong, as Python's exceptions: diagnostics drawn as in the terminal. Nothing is decided here.

use backprove::diagnostics::{Source, draw};
use backprove::syntax::Diagnostic;
use backprove::{Diagnosed, engine};
use pyo3::PyErr;
use pyo3::exceptions::PyValueError;

pyo3::create_exception!(
    backprove,
    SourceError,
    PyValueError,
    "A text that has a mistake, with the place, the reason and a proposal."
);
pyo3::create_exception!(
    backprove,
    RefusedError,
    SourceError,
    "A text that is right, with which what was asked for cannot be done."
);

/// Columns to which diagnostics are drawn: a traceback has no width of its own.
const COLUMNS: usize = 100;

/// The exception for a diagnosed text, whose parts bear the names under which the user passed them.
pub fn diagnosed(diagnosed: &Diagnosed, source: &Source) -> PyErr {
    let own;
    let source = if diagnosed.source == source.text() {
        source
    } else {
        own = Source::named("claim", diagnosed.source.as_str());
        &own
    };
    // What the command line calls an option is an argument here.
    let mut diagnostics = diagnosed.diagnostics.clone();
    for help in diagnostics.iter_mut().filter_map(|one| one.help.as_mut()) {
        help.message = help
            .message
            .replace("--order jacobian", "order=\"jacobian\"");
    }
    let text = draw(&diagnostics, source, COLUMNS, false);
    // The class of the exception stands before its text.
    let text = format!("\n{}", text.trim_end());
    if diagnosed.refused {
        RefusedError::new_err(text)
    } else {
        SourceError::new_err(text)
    }
}

/// The exception for arguments that do not fit a program.
pub fn unfit(diagnostic: &Diagnostic) -> PyErr {
    let mut text = diagnostic.message.clone();
    let help = match diagnostic.slug {
        "missing-size" => Some("pass it by name, such as `C=10`: no input has it as an axis"),
        "size-below-one" => Some("an array without elements leaves nothing to compute"),
        _ => diagnostic.help.as_ref().map(|help| help.message.as_str()),
    };
    if let Some(help) = help {
        text = format!("{text}; {help}");
    }
    PyValueError::new_err(text)
}

/// The exception for what the engine refuses.
pub fn engine(error: &engine::Error) -> PyErr {
    PyValueError::new_err(error.to_string())
}
