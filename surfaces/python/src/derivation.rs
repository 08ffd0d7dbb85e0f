//! Derivations as Python sees them: reports in every format, and data. Their text is the library's.

use backprove::calculus::{Derivative, Gradient};
use backprove::typeset::document::{Document, html, latex, markdown, terminal};
use backprove::{DerivativeVerification, Detail, Verification, codegen, json, report};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::RefusedError;
use crate::problem::Problem;

/// What was derived, and how it was verified.
pub enum Derived {
    /// Gradients, or their contraction with a cotangent.
    Gradient(Box<(Gradient, Verification)>),
    /// Another order.
    Other(Box<(Derivative, DerivativeVerification)>),
}

/// The arguments of `Problem.derive`: the order, the variables, the cotangent's name and the seed.
pub type Question = (String, Vec<String>, Option<String>, u64);

/// A derivation that was verified. It is pickled as the problem and what was asked of it, and derived again when it is read.
#[pyclass(frozen, module = "backprove._native")]
pub struct Derivation {
    derived: Derived,
    problem: Py<Problem>,
    question: Question,
}

impl Derivation {
    pub fn new(derived: Derived, problem: Py<Problem>, question: Question) -> Self {
        Self {
            derived,
            problem,
            question,
        }
    }

    fn document(&self, detail: &str) -> PyResult<Document> {
        let detail = match detail {
            "headline" => Detail::Headline,
            "working" => Detail::Working,
            "all" => Detail::All,
            _ => {
                return Err(PyValueError::new_err(format!(
                    "the detail `{detail}` is none of headline, working, all"
                )));
            }
        };
        Ok(match &self.derived {
            Derived::Gradient(both) => report::derivation(&both.0, &both.1, detail),
            Derived::Other(both) => report::derivative(&both.0, &both.1, detail),
        })
    }
}

#[pymethods]
impl Derivation {
    /// Whether every step and every result was found right.
    #[getter]
    fn verified(&self) -> bool {
        match &self.derived {
            Derived::Gradient(both) => both.1.holds(),
            Derived::Other(both) => both.1.holds(),
        }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Question)> {
        let derive = self.problem.bind(py).getattr("derive")?;
        Ok((derive, self.question.clone()))
    }

    /// Nothing changes it: a copy of it is itself.
    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }

    /// All of it as JSON.
    fn json(&self) -> String {
        let value = match &self.derived {
            Derived::Gradient(both) => json::derivation(&both.0, &both.1),
            Derived::Other(both) => json::derivative(&both.0, &both.1),
        };
        value.to_string()
    }

    /// The program as code of its own in another language. What was not found right is not emitted.
    fn emit(&self, target: &str) -> PyResult<String> {
        if !self.verified() {
            return Err(RefusedError::new_err(
                "not everything could be verified, so that no code is emitted",
            ));
        }
        let style = codegen::Options::default();
        let code = match (&self.derived, target) {
            (Derived::Gradient(both), "numpy") => codegen::numpy(&both.0, &style),
            (Derived::Gradient(both), "torch") => codegen::torch(&both.0, &style),
            (Derived::Gradient(both), "jax") => codegen::jax(&both.0, &style),
            (Derived::Gradient(both), "rust") => codegen::rust(&both.0, &style),
            (Derived::Other(both), "numpy") => codegen::numpy_derivative(&both.0, &style),
            (Derived::Other(both), "torch") => codegen::torch_derivative(&both.0, &style),
            (Derived::Other(both), "jax") => codegen::jax_derivative(&both.0, &style),
            (Derived::Other(_), "rust") => {
                return Err(RefusedError::new_err(
                    "`rust` is emitted for gradients alone; `numpy`, `torch` and `jax` for every order",
                ));
            }
            _ => {
                return Err(PyValueError::new_err(format!(
                    "the target `{target}` is none of numpy, torch, jax, rust"
                )));
            }
        };
        code.map_err(|diagnostic| RefusedError::new_err(diagnostic.message))
    }

    /// The report as text, LaTeX, Markdown or HTML.
    fn report(&self, format: &str, detail: &str, columns: usize) -> PyResult<String> {
        let document = self.document(detail)?;
        Ok(match format {
            "text" => terminal::print(&document, terminal::Options::plain(columns)),
            "latex" => latex::print(&document),
            "markdown" => markdown::print(&document),
            "html" => html::print(&document),
            // A part of somebody else's page.
            "fragment" => html::fragment(&document),
            _ => {
                return Err(PyValueError::new_err(format!(
                    "the format `{format}` is none of text, latex, markdown, html"
                )));
            }
        })
    }
}
