//! Steps over batches of samples: what training runs for each epoch, without Python between two steps. How a step updates its
//! inputs is part of the program; nothing is computed here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backprove::engine::{Error, Plan};
use backprove::planning::Subject;
use numpy::{PyArrayMethods as _, PyReadonlyArray1};
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt as _;
use pyo3::types::PyDict;

use crate::arrays::{self, Argument, Number};
use crate::error;

/// How long steps run before Python may say that it was interrupted.
const PATIENCE: Duration = Duration::from_millis(100);

/// Plans that are kept for the next stepper of the same sizes, as cross-validation wants them.
const KEPT: usize = 4;

/// A program of training steps, for any sizes.
#[pyclass(frozen, module = "backprove._native")]
pub struct Training {
    subject: Arc<Subject>,
    single: Arc<Shelf<f32>>,
    double: Arc<Shelf<f64>>,
}

/// Plans that no stepper has, the one put there last at the end.
struct Shelf<T: Number>(Mutex<Vec<(Sized, Plan<T>)>>);

/// What a plan was made for: all sizes and the number of threads.
type Sized = (Vec<(String, usize)>, usize);

impl<T: Number> Shelf<T> {
    fn locked(&self) -> MutexGuard<'_, Vec<(Sized, Plan<T>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, wanted: &Sized) -> Option<Plan<T>> {
        let mut plans = self.locked();
        let place = plans.iter().rposition(|(sized, _)| sized == wanted)?;
        Some(plans.remove(place).1)
    }

    fn put(&self, sized: Sized, plan: Plan<T>) {
        let mut plans = self.locked();
        if plans.len() == KEPT {
            plans.remove(0);
        }
        plans.push((sized, plan));
    }
}

/// A program whose inputs change from step to step, with their present values.
#[pyclass(frozen, module = "backprove._native")]
pub struct Stepper {
    state: Mutex<State>,
}

enum State {
    Single(Steps<f32>),
    Double(Steps<f64>),
}

/// The plans for batches of different sizes. The values of what is updated are in the plan that ran last.
struct Steps<T: Number> {
    subject: Arc<Subject>,
    shelf: Arc<Shelf<T>>,
    threads: usize,
    /// All sizes but the number of samples.
    sizes: Vec<(String, usize)>,
    /// The size that counts samples.
    samples: String,
    plans: HashMap<usize, Plan<T>>,
    last: Option<usize>,
    /// The values of inputs that are not samples, until the first plan takes them.
    values: HashMap<String, Vec<T>>,
}

/// An array with one row for each sample.
enum Rows<'a, T> {
    Numbers(&'a [T]),
    Labels(&'a [u32]),
}

impl<T: Number> Steps<T> {
    fn sized(&self, samples: usize) -> Sized {
        let all = self.sizes.iter().cloned();
        let all = all.chain([(self.samples.clone(), samples)]).collect();
        (all, self.threads)
    }

    /// The plan for so many samples, with the present values.
    fn plan(&mut self, samples: usize) -> PyResult<&mut Plan<T>> {
        if !self.plans.contains_key(&samples) {
            let wanted = self.sized(samples);
            let mut plan = if let Some(plan) = self.shelf.take(&wanted) {
                plan
            } else {
                let all = self.subject.bind(&wanted.0);
                let all = all.map_err(|wrong| error::unfit(&wrong))?;
                let plan = self.subject.plan::<T>(&all, self.threads);
                plan.map_err(|wrong| error::unfit(&wrong))?
            };
            for (name, values) in &self.values {
                plan.set(name, values)
                    .map_err(|wrong| error::engine(&wrong))?;
            }
            self.plans.insert(samples, plan);
        }
        if let Some(last) = self.last
            && last != samples
        {
            let both = self.plans.get_disjoint_mut([&last, &samples]);
            if let [Some(from), Some(to)] = both {
                for (name, _) in self.subject.updates() {
                    from.get(name)
                        .and_then(|values| to.set(name, values))
                        .map_err(|wrong| error::engine(&wrong))?;
                }
            }
        }
        self.last = Some(samples);
        let missing = || PyValueError::new_err("the plan is missing");
        self.plans.get_mut(&samples).ok_or_else(missing)
    }

    /// One step for each batch of `order`: the sum of the losses, each as often as its batch has samples.
    fn epoch(
        &mut self,
        rows: &[(String, Rows<'_, T>)],
        count: usize,
        order: &[i64],
        batch: usize,
    ) -> PyResult<f64> {
        let loss = self.subject.outputs()[0].clone();
        let mut total = 0.0;
        let mut asked = Instant::now();
        let mut labels = Vec::with_capacity(batch);
        for samples in order.chunks(batch) {
            let plan = self.plan(samples.len())?;
            let fail = |wrong: Error| error::engine(&wrong);
            for (name, rows) in rows {
                match rows {
                    Rows::Numbers(values) => {
                        let width = values.len() / count;
                        let copy = |place: usize, row: &mut [T]| {
                            let from = samples[place] as usize * width;
                            row.copy_from_slice(&values[from..from + width]);
                        };
                        plan.fill_rows(name, copy).map_err(fail)?;
                    }
                    Rows::Labels(values) => {
                        labels.clear();
                        labels.extend(samples.iter().map(|sample| values[*sample as usize]));
                        plan.set_labels(name, &labels).map_err(fail)?;
                    }
                }
            }
            plan.run();
            let value = plan.get(&loss).map_err(fail)?[0].to_f64();
            total += value * samples.len() as f64;
            if asked.elapsed() > PATIENCE {
                #[expect(
                    clippy::redundant_closure_for_method_calls,
                    reason = "the method alone is not general enough in its lifetime"
                )]
                Python::attach(|py| py.check_signals())?;
                asked = Instant::now();
            }
        }
        Ok(total)
    }

    fn run(
        &mut self,
        py: Python<'_>,
        arrays: &Bound<'_, PyDict>,
        order: &[i64],
        batch: usize,
    ) -> PyResult<f64> {
        let inputs = self.subject.inputs().to_vec();
        let mut numbers = Vec::new();
        let mut labels = Vec::new();
        let mut count = None;
        for (name, array) in arrays {
            let name: String = name.extract()?;
            let input = inputs.iter().find(|input| input.name() == name);
            let input = input.ok_or_else(|| PyKeyError::new_err(name.clone()))?;
            let array = Argument::of(&name, &array)?;
            let length = array.array().len()?;
            if *count.get_or_insert(length) != length {
                let message =
                    format!("`{name}` has {length} samples, but others have a different number");
                return Err(PyValueError::new_err(message));
            }
            if arrays::is_labels(input) {
                labels.push((name.clone(), arrays::labels(&name, array.array())?));
            } else {
                numbers.push((name, arrays::contiguous::<T>(&array)?.readonly()));
            }
        }
        let count = count.unwrap_or(0);
        let known = |sample: &i64| usize::try_from(*sample).is_ok_and(|sample| sample < count);
        if batch == 0 || !order.iter().all(known) {
            let message = format!("a batch needs samples, each below {count}");
            return Err(PyValueError::new_err(message));
        }
        let mut rows = Vec::with_capacity(numbers.len() + labels.len());
        for (name, values) in &numbers {
            rows.push((name.clone(), Rows::Numbers(values.as_slice()?)));
        }
        for (name, values) in &labels {
            rows.push((name.clone(), Rows::Labels(values)));
        }
        py.detach(|| self.epoch(&rows, count, order, batch))
    }

    fn set(&mut self, name: &str, array: &Bound<'_, PyAny>) -> PyResult<()> {
        let array = arrays::contiguous::<T>(&Argument::of(name, array)?)?;
        let values = array.readonly();
        let values = values.as_slice()?;
        for plan in self.plans.values_mut() {
            plan.set(name, values)
                .map_err(|wrong| error::engine(&wrong))?;
        }
        self.values.insert(name.to_owned(), values.to_vec());
        Ok(())
    }

    fn get<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let plan = self.last.and_then(|last| self.plans.get(&last));
        let values = if let Some(plan) = plan {
            plan.get(name).map_err(|wrong| error::engine(&wrong))?
        } else {
            let values = self.values.get(name);
            values.ok_or_else(|| PyKeyError::new_err(name.to_owned()))?
        };
        Ok(numpy::PyArray1::from_slice(py, values).into_any())
    }
}

impl Training {
    pub fn new(subject: Subject) -> Self {
        Self {
            subject: Arc::new(subject),
            single: Arc::new(Shelf(Mutex::default())),
            double: Arc::new(Shelf(Mutex::default())),
        }
    }
}

#[pymethods]
impl Training {
    /// Steps at the given sizes and for any number of `samples`.
    fn stepper(
        &self,
        sizes: Vec<(String, usize)>,
        samples: String,
        threads: usize,
        double: bool,
    ) -> Stepper {
        let subject = Arc::clone(&self.subject);
        let state = if double {
            let shelf = Arc::clone(&self.double);
            State::Double(Steps::new(subject, shelf, threads, sizes, samples))
        } else {
            let shelf = Arc::clone(&self.single);
            State::Single(Steps::new(subject, shelf, threads, sizes, samples))
        };
        Stepper {
            state: Mutex::new(state),
        }
    }
}

impl Stepper {
    /// The state, once no other thread has it; meanwhile that thread may ask Python for a signal.
    fn locked(&self, py: Python<'_>) -> MutexGuard<'_, State> {
        let state = self.state.lock_py_attached(py);
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Number> Steps<T> {
    fn new(
        subject: Arc<Subject>,
        shelf: Arc<Shelf<T>>,
        threads: usize,
        sizes: Vec<(String, usize)>,
        samples: String,
    ) -> Self {
        Self {
            subject,
            shelf,
            threads,
            sizes,
            samples,
            plans: HashMap::new(),
            last: None,
            values: HashMap::new(),
        }
    }
}

impl<T: Number> Drop for Steps<T> {
    fn drop(&mut self) {
        for (samples, plan) in std::mem::take(&mut self.plans) {
            self.shelf.put(self.sized(samples), plan);
        }
    }
}

#[pymethods]
impl Stepper {
    /// One step for each batch of the samples in `order`: the sum of the losses, each as often as its batch has samples.
    /// `arrays` has one row for each sample.
    fn epoch(
        &self,
        py: Python<'_>,
        arrays: &Bound<'_, PyDict>,
        order: PyReadonlyArray1<'_, i64>,
        batch: usize,
    ) -> PyResult<f64> {
        let order = order.as_slice()?;
        let mut state = self.locked(py);
        match &mut *state {
            State::Single(steps) => steps.run(py, arrays, order, batch),
            State::Double(steps) => steps.run(py, arrays, order, batch),
        }
    }

    /// Gives an input that is no sample a value.
    fn set(&self, py: Python<'_>, name: &str, array: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut state = self.locked(py);
        match &mut *state {
            State::Single(steps) => steps.set(name, array),
            State::Double(steps) => steps.set(name, array),
        }
    }

    /// The present value of an input that is no sample, flat.
    fn get<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let state = self.locked(py);
        match &*state {
            State::Single(steps) => steps.get(py, name),
            State::Double(steps) => steps.get(py, name),
        }
    }
}
