//! Programs as they were read. What is asked of one is answered by the library.

use backprove::calculus::derivation::Order;
use backprove::calculus::reference::Sizes;
use backprove::calculus::sample::{Region, floats};
use backprove::calculus::{Fact, Tensor};
use backprove::diagnostics::Source;
use backprove::given::Numbers;
use backprove::planning::Subject;
use backprove::{DerivativeVerification, Diagnosed, Verification, claim};
use numpy::{PyArray1, PyArrayMethods as _};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::is_labels;
use crate::compiled::Compiled;
use crate::derivation::{Derivation, Derived};
use crate::error;
use crate::stepper::Training;

/// A tensor as Python sees it: its name, its extents, and what was declared of it.
type Declared = (String, Vec<String>, Vec<String>);

/// A program, read from declarations and definitions. It is pickled as its text.
#[pyclass(frozen, module = "backprove._native")]
pub struct Problem {
    read: backprove::Problem,
    source: Source,
    parts: Vec<(String, String)>,
}

impl Problem {
    fn fail(&self, diagnosed: &Diagnosed) -> PyErr {
        error::diagnosed(diagnosed, &self.source)
    }

    fn derive_gradient(
        &self,
        wrt: &[String],
        cotangent: Option<&str>,
    ) -> PyResult<backprove::calculus::Gradient> {
        let wrt: Vec<&str> = wrt.iter().map(String::as_str).collect();
        let gradient = self.read.gradient(&wrt, cotangent);
        gradient.map_err(|diagnosed| self.fail(&diagnosed))
    }

    fn derive_order(
        &self,
        wrt: &[String],
        order: Order,
    ) -> PyResult<backprove::calculus::Derivative> {
        let wrt: Vec<&str> = wrt.iter().map(String::as_str).collect();
        let derivative = self.read.derivative(&wrt, order);
        derivative.map_err(|diagnosed| self.fail(&diagnosed))
    }
}

#[pymethods]
impl Problem {
    /// Reads parts of a text, each under the name by which messages call it.
    #[new]
    fn new(parts: Vec<(String, String)>) -> PyResult<Self> {
        let mut source = Source::default();
        for (name, text) in &parts {
            source.push(name, text);
        }
        match backprove::Problem::read(source.text()) {
            Ok(read) => Ok(Self {
                read,
                source,
                parts,
            }),
            Err(diagnosed) => Err(error::diagnosed(&diagnosed, &source)),
        }
    }

    fn __getnewargs__(&self) -> (&[(String, String)],) {
        (&self.parts,)
    }

    /// Nothing changes it: a copy of it is itself.
    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }

    /// The whole text.
    #[getter]
    fn source(&self) -> &str {
        self.source.text()
    }

    /// The inputs in order of declaration.
    #[getter]
    fn inputs(&self) -> Vec<Declared> {
        self.read.program().inputs.iter().map(declared).collect()
    }

    /// The last definition.
    #[getter]
    fn output(&self) -> Option<Declared> {
        let output = self.read.program().output();
        output.map(|equation| declared(&equation.target))
    }

    /// Derives and verifies.
    #[pyo3(signature = (order, wrt, cotangent=None, seed=0))]
    fn derive(
        slf: &Bound<'_, Self>,
        order: String,
        wrt: Vec<String>,
        cotangent: Option<String>,
        seed: u64,
    ) -> PyResult<Derivation> {
        let problem = slf.get();
        let derived = slf.py().detach(|| -> PyResult<Derived> {
            Ok(match beyond_gradient(&order)? {
                None => {
                    let gradient = problem.derive_gradient(&wrt, cotangent.as_deref())?;
                    let verification = Verification::of(&gradient, seed);
                    Derived::Gradient(Box::new((gradient, verification)))
                }
                Some(order) => {
                    let derivative = problem.derive_order(&wrt, order)?;
                    let verification = DerivativeVerification::of(&derivative, seed);
                    Derived::Other(Box::new((derivative, verification)))
                }
            })
        })?;
        let question = (order, wrt, cotangent, seed);
        Ok(Derivation::new(derived, slf.clone().unbind(), question))
    }

    /// Compiles the value alone, or with a derivative: `value`, `gradient`, `jvp`, `jacobian`, `hvp`, `hessian`, `diagonal`.
    fn compile(
        &self,
        py: Python<'_>,
        what: &str,
        wrt: Vec<String>,
        threads: usize,
    ) -> PyResult<Compiled> {
        let subject = py.detach(|| -> PyResult<Subject> {
            Ok(match what {
                "value" => Subject::forward(self.read.program()),
                "diagonal" => Subject::diagonal(&self.derive_order(&wrt, Order::Hessian)?),
                _ => match beyond_gradient(what)? {
                    None => Subject::gradient(&self.derive_gradient(&wrt, None)?),
                    Some(order) => Subject::derivative(&self.derive_order(&wrt, order)?),
                },
            })
        })?;
        Ok(Compiled::new(subject, threads))
    }

    /// Derives the gradients by `wrt` for steps that update inputs as `text` says.
    fn training(
        &self,
        py: Python<'_>,
        wrt: Vec<String>,
        text: &str,
        updates: Vec<(String, String)>,
    ) -> PyResult<Training> {
        let subject = py.detach(|| {
            let gradient = self.derive_gradient(&wrt, None)?;
            Subject::updated(&gradient, text, updates)
                .map_err(|diagnosed| error::diagnosed(&diagnosed, &Source::named("updates", text)))
        })?;
        Ok(Training::new(subject))
    }

    /// Arrays for all inputs at given sizes, drawn at random and true to what was declared of them.
    fn draw<'py>(
        &self,
        py: Python<'py>,
        sizes: Vec<(String, usize)>,
        seed: u64,
    ) -> PyResult<Bound<'py, PyDict>> {
        let known = Sizes::new(sizes.iter().map(|(name, size)| (name.as_str(), *size)));
        let arrays = PyDict::new(py);
        for tensor in &self.read.program().inputs {
            let array = floats(tensor, &known, seed, Region::Signed).ok_or_else(|| {
                PyValueError::new_err(format!("a size of `{}` has no value", tensor.name()))
            })?;
            let values = PyArray1::from_slice(py, array.data()).reshape(array.shape())?;
            if is_labels(tensor) {
                let whole = values.call_method1("astype", ("int64",))?;
                arrays.set_item(tensor.name(), whole)?;
            } else {
                arrays.set_item(tensor.name(), values)?;
            }
        }
        Ok(arrays)
    }

    /// Whether a claim such as `dL/dW = dY.T @ X` is right, in what words, and what was derived instead; `at` holds numbers as JSON.
    #[pyo3(signature = (claim, cotangent, seed, at=None))]
    fn claim(
        &self,
        py: Python<'_>,
        claim: &str,
        cotangent: Option<&str>,
        seed: u64,
        at: Option<&str>,
    ) -> PyResult<(String, bool, Vec<String>)> {
        let numbers = at.map(Numbers::read).transpose();
        let numbers = numbers.map_err(|wrong| error::unfit(&wrong))?;
        let answer =
            py.detach(|| claim::answer(&self.read, claim, cotangent, numbers.as_ref(), seed));
        let answer = answer.map_err(|diagnosed| self.fail(&diagnosed))?;
        Ok((answer.claim, answer.holds, answer.sentences))
    }
}

fn declared(tensor: &Tensor) -> Declared {
    let dims = tensor.dims().iter().map(ToString::to_string).collect();
    let facts = tensor.facts().iter().map(|fact| match fact {
        Fact::Labels(classes) => format!("labels({classes})"),
        fact => format!("{fact:?}").to_lowercase(),
    });
    (tensor.name().to_owned(), dims, facts.collect())
}

/// The order, where it is neither the gradient nor its contraction with a cotangent.
fn beyond_gradient(order: &str) -> PyResult<Option<Order>> {
    if ["gradient", "vjp"].contains(&order) {
        return Ok(None);
    }
    let found = Order::ALL.into_iter().find(|known| known.name() == order);
    found.map(Some).ok_or_else(|| {
        PyValueError::new_err(format!(
            "the order `{order}` is none of gradient, vjp, jvp, jacobian, hessian, hvp"
        ))
    })
}
