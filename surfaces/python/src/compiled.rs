//! Functions that run on arrays: one plan for each set of shapes and each precision, made when it is first needed. Arguments
//! are checked here; what runs was settled by the library.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use backprove::calculus::Tensor;
use backprove::engine::Plan;
use backprove::planning::Subject;
use backprove::report;
use backprove::syntax::Diagnostic;
use backprove::typeset::document::terminal;
use numpy::{
    PyArray1, PyArrayDyn, PyArrayMethods as _, PyUntypedArray, PyUntypedArrayMethods as _,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

use crate::arrays::{self, Argument, Number, Precision};
use crate::error;

/// Plans that are kept for each precision; of more, the one that was not used for the longest time goes.
const MOST_PLANS: usize = 16;

/// Elements of an array from which on a call reads them where they lie; to copy fewer takes less time than to lend them.
const LENT: usize = 4096;

/// A function of arrays.
#[pyclass(frozen, module = "backprove._native")]
pub struct Compiled {
    subject: Subject,
    threads: usize,
    single: Plans<f32>,
    double: Plans<f64>,
}

/// What calling a `Function` does: the value of its program, without a step through Python.
#[pyclass(frozen, subclass, module = "backprove._native")]
pub struct Callable {
    bound: PyOnceLock<(Py<Compiled>, Option<Py<PyDict>>)>,
}

#[pymethods]
impl Callable {
    /// A subclass binds what it calls when it knows it.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self {
            bound: PyOnceLock::new(),
        }
    }

    /// Settles what is called, and arguments by name that every call has.
    #[pyo3(signature = (compiled, constants=None))]
    fn _bind(
        &self,
        py: Python<'_>,
        compiled: Py<Compiled>,
        constants: Option<Py<PyDict>>,
    ) -> PyResult<()> {
        let bound = self.bound.set(py, (compiled, constants));
        bound.map_err(|_| PyTypeError::new_err("the function is bound already"))
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let unbound = || PyTypeError::new_err("the function is not bound to a program");
        let (compiled, constants) = self.bound.get(py).ok_or_else(unbound)?;
        let compiled = compiled.get();
        let Some(constants) = constants else {
            return compiled.value(py, args, kwargs);
        };
        let all = constants.bind(py).copy()?;
        if let Some(kwargs) = kwargs {
            all.update(kwargs.as_mapping())?;
        }
        compiled.value(py, args, Some(&all))
    }
}

/// Plans that nobody runs at the moment, the one used last at the end.
type Plans<T> = Mutex<Vec<Ready<T>>>;

/// A plan and the shapes that it is for.
struct Ready<T: Number> {
    shapes: Vec<Vec<usize>>,
    sizes: Vec<(String, usize)>,
    /// For each input, whether anything that was asked for depends on it.
    held: Vec<bool>,
    plan: Plan<T>,
}

/// What a call passes, in order of declaration.
struct Call<'py> {
    arguments: Vec<Argument<'py>>,
    sizes: Vec<(String, usize)>,
    precision: Precision,
}

impl<'py> Call<'py> {
    fn of(
        inputs: &[Tensor],
        arguments: impl Iterator<Item = Bound<'py, PyAny>>,
        sizes: Vec<(String, usize)>,
    ) -> PyResult<Self> {
        let mut call = Self {
            arguments: Vec::with_capacity(inputs.len()),
            sizes,
            precision: Precision::Any,
        };
        for (input, argument) in inputs.iter().zip(arguments) {
            let argument = Argument::of(input.name(), &argument)?;
            call.precision = call.precision.max(argument.precision());
            call.arguments.push(argument);
        }
        Ok(call)
    }
}

trait Kept: Number {
    fn plans(compiled: &Compiled) -> &Plans<Self>;
}

impl Kept for f32 {
    fn plans(compiled: &Compiled) -> &Plans<Self> {
        &compiled.single
    }
}

impl Kept for f64 {
    fn plans(compiled: &Compiled) -> &Plans<Self> {
        &compiled.double
    }
}

impl Compiled {
    pub fn new(subject: Subject, threads: usize) -> Self {
        Self {
            subject,
            threads,
            single: Mutex::default(),
            double: Mutex::default(),
        }
    }

    fn call<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Call<'py>> {
        let inputs = self.subject.inputs();
        if args.len() > inputs.len() {
            return Err(PyTypeError::new_err(format!(
                "{} arrays are passed, but the function takes {}: {}",
                args.len(),
                inputs.len(),
                names(inputs),
            )));
        }
        if kwargs.is_none_or(PyDictMethods::is_empty) && args.len() == inputs.len() {
            return Call::of(inputs, args.iter(), Vec::new());
        }
        let mut sizes = Vec::new();
        let mut named: Vec<Option<Bound<'py, PyAny>>> = vec![None; inputs.len()];
        for (slot, argument) in named.iter_mut().zip(args) {
            *slot = Some(argument);
        }
        for (name, value) in kwargs.into_iter().flat_map(PyDictMethods::iter) {
            let name: String = name.extract()?;
            let place = inputs.iter().position(|input| input.name() == name);
            if let Some(place) = place {
                if named[place].replace(value).is_some() {
                    return Err(PyTypeError::new_err(format!("`{name}` is passed twice")));
                }
            } else if self.subject.sizes().contains(&name) {
                let size = value.extract().map_err(|_| {
                    PyTypeError::new_err(format!("the size `{name}` is a number of elements"))
                })?;
                sizes.push((name, size));
            } else {
                return Err(PyTypeError::new_err(format!(
                    "`{name}` is neither an input nor a size; the inputs are {}",
                    names(inputs)
                )));
            }
        }
        let mut arguments = Vec::with_capacity(inputs.len());
        for (input, argument) in inputs.iter().zip(named) {
            let missing = || PyTypeError::new_err(format!("`{}` is missing", input.name()));
            arguments.push(argument.ok_or_else(missing)?);
        }
        Call::of(inputs, arguments.into_iter(), sizes)
    }

    /// The first of all results.
    fn value<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut results = self.results(py, args, kwargs)?;
        Ok(results.swap_remove(0))
    }

    fn results<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let call = self.call(args, kwargs)?;
        match call.precision {
            Precision::Single => self.run::<f32>(py, &call),
            Precision::Double | Precision::Any => self.run::<f64>(py, &call),
        }
    }

    fn run<'py, T: Kept>(
        &self,
        py: Python<'py>,
        call: &Call<'py>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let inputs = self.subject.inputs();
        let mut given: Vec<Given<'py, T>> = Vec::with_capacity(inputs.len());
        for (input, argument) in inputs.iter().zip(&call.arguments) {
            given.push(if arrays::is_labels(input) {
                let array = argument.array();
                let shape = array.cast::<PyUntypedArray>().map_err(PyErr::from)?;
                let labels = arrays::labels(input.name(), array)?;
                Given::Labels(labels, shape.shape().to_vec())
            } else {
                Given::Numbers(arrays::contiguous(argument)?)
            });
        }
        let mut ready = self.ready(&given, &call.sizes)?;
        let mut lent = Vec::new();
        for ((input, given), held) in inputs.iter().zip(&given).zip(&ready.held) {
            match given {
                _ if !held => {}
                Given::Numbers(array) if array.len() >= LENT => {
                    lent.push((input.name(), array.readonly()));
                }
                Given::Numbers(array) => {
                    // A copy of few elements costs less than to keep account of who reads the array.
                    let set = ready.plan.set(input.name(), &array.to_vec()?);
                    set.map_err(|wrong| error::engine(&wrong))?;
                }
                Given::Labels(labels, _) => {
                    let set = ready.plan.set_labels(input.name(), labels);
                    set.map_err(|wrong| error::engine(&wrong))?;
                }
            }
        }
        let mut numbers = Vec::with_capacity(lent.len());
        for (name, array) in &lent {
            numbers.push((*name, array.as_slice()?));
        }
        let run = py.detach(|| ready.plan.run_with(&numbers));
        run.map_err(|wrong| error::engine(&wrong))?;
        let results = self.subject.outputs().iter();
        let results = results.map(|name| result(py, &ready.plan, name));
        let results = results.collect::<PyResult<Vec<_>>>()?;
        let mut plans = T::plans(self)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if plans.len() == MOST_PLANS {
            plans.remove(0);
        }
        plans.push(ready);
        Ok(results)
    }

    /// A plan for these shapes that nobody else runs.
    fn ready<T: Kept>(
        &self,
        given: &[Given<'_, T>],
        sizes: &[(String, usize)],
    ) -> PyResult<Ready<T>> {
        {
            let mut plans = T::plans(self)
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let fits = |ready: &Ready<T>| {
                ready.sizes == sizes
                    && ready
                        .shapes
                        .iter()
                        .zip(given)
                        .all(|(shape, given)| shape == given.shape())
            };
            if let Some(place) = plans.iter().rposition(fits) {
                return Ok(plans.remove(place));
            }
        }
        let shapes: Vec<(&str, &[usize])> = self
            .subject
            .inputs()
            .iter()
            .zip(given)
            .map(|(input, given)| (input.name(), given.shape()))
            .collect();
        let all = self.subject.bind_shapes(&shapes, sizes);
        let all = all.map_err(|diagnostic| error::unfit(&diagnostic))?;
        let plan = self.subject.plan(&all, self.threads);
        let plan = plan.map_err(|diagnostic| error::unfit(&diagnostic))?;
        Ok(Ready {
            shapes: shapes.iter().map(|(_, shape)| shape.to_vec()).collect(),
            sizes: sizes.to_vec(),
            held: shapes
                .iter()
                .map(|(name, _)| plan.shape(name).is_ok())
                .collect(),
            plan,
        })
    }
}

/// An argument that a plan can take.
enum Given<'py, T: Number> {
    Numbers(Bound<'py, PyArrayDyn<T>>),
    Labels(Vec<u32>, Vec<usize>),
}

impl<T: Number> Given<'_, T> {
    fn shape(&self) -> &[usize] {
        match self {
            Self::Numbers(array) => array.shape(),
            Self::Labels(_, shape) => shape,
        }
    }
}

#[pymethods]
impl Compiled {
    /// The inputs in the order of the arguments.
    #[getter]
    fn inputs(&self) -> Vec<String> {
        let inputs = self.subject.inputs().iter();
        inputs.map(|input| input.name().to_owned()).collect()
    }

    /// What a call returns, in order.
    #[getter]
    fn outputs(&self) -> Vec<String> {
        self.subject.outputs().to_vec()
    }

    /// The sizes that the declarations leave open.
    #[getter]
    fn sizes(&self) -> Vec<String> {
        self.subject.sizes()
    }

    /// Runs it: one result for each output.
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.results(py, args, kwargs)?)
    }

    /// What runs at given sizes, as text; `measured` runs it on random inputs and gives times.
    fn plan(
        &self,
        py: Python<'_>,
        sizes: Vec<(String, usize)>,
        double: bool,
        measured: bool,
        columns: usize,
    ) -> PyResult<String> {
        py.detach(|| {
            let all = self
                .subject
                .bind(&sizes)
                .map_err(|wrong| error::unfit(&wrong))?;
            if double {
                self.planned::<f64>(&all, measured, columns)
            } else {
                self.planned::<f32>(&all, measured, columns)
            }
        })
    }
}

impl Compiled {
    fn planned<T: Number>(
        &self,
        sizes: &HashMap<String, usize>,
        measured: bool,
        columns: usize,
    ) -> PyResult<String> {
        let unfit = |wrong: Diagnostic| error::unfit(&wrong);
        let mut plan = self.subject.plan::<T>(sizes, self.threads).map_err(unfit)?;
        let times = if measured {
            Some(self.subject.measure(&mut plan, sizes, 0).map_err(unfit)?)
        } else {
            None
        };
        let document = report::plan(plan.report(), self.threads, times.as_ref());
        Ok(terminal::print(
            &document,
            terminal::Options::plain(columns),
        ))
    }
}

/// An output of a plan as an array of its own, or as a number where it is a scalar.
fn result<'py, T: Number>(
    py: Python<'py>,
    plan: &Plan<T>,
    name: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let fail = |wrong| error::engine(&wrong);
    let values = PyArray1::from_slice(py, plan.get(name).map_err(fail)?);
    match plan.shape(name).map_err(fail)? {
        [] => values.as_any().get_item(0),
        [_] => Ok(values.into_any()),
        shape => Ok(values.reshape(shape)?.into_any()),
    }
}

fn names(inputs: &[Tensor]) -> String {
    let names: Vec<&str> = inputs.iter().map(Tensor::name).collect();
    names.join(", ")
}
