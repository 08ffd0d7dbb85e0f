//! What can be planned of a program, at which sizes, and how long it takes. How a plan is made and run is the engine's
//! business; what is said of it, the reports'.

mod shapes;

use std::collections::HashMap;
use std::time::Duration;

use backprove_calculus::reference::Sizes;
use backprove_calculus::sample::{Region, floats, size_sets};
use backprove_calculus::{Derivative, Dim, Equation, Fact, Gradient, Program, Tensor};
use backprove_engine::{Peak, Plan, Real, Timing};
use backprove_nn::network::Network;
use backprove_nn::optim::Step;
use backprove_syntax::Diagnostic;

use crate::{Diagnosed, Problem};

/// A program and what is wanted of it.
///
/// ```
/// use backprove::Problem;
/// use backprove::planning::Subject;
/// let problem = Problem::read("X[S, M]; W[N, M]; b[N]\nY = X @ W.T + b")?;
/// let subject = Subject::gradient(&problem.gradient(&["W"], None)?);
/// assert_eq!(subject.sizes(), ["S", "M", "N"]);
/// let sizes = subject.bind(&[("S".into(), 4), ("M".into(), 3), ("N".into(), 2)]).unwrap();
/// let plan = subject.plan::<f32>(&sizes, 1).unwrap();
/// // Y and the gradient are products of 4 * 2 * 3 multiplications and additions each; sums of the first begin with b.
/// assert_eq!(plan.report().operations(), 2 * (2 * 4 * 2 * 3));
/// # Ok::<(), backprove::Diagnosed>(())
/// ```
#[derive(Debug, Clone)]
pub struct Subject {
    program: Program,
    outputs: Vec<String>,
    updates: Vec<(String, String)>,
    /// Inputs with values of their own, such as a learning rate.
    numbers: Vec<(String, f64)>,
    /// Inputs that begin at zero.
    zeros: Vec<String>,
}

impl Subject {
    /// The last definition.
    pub fn forward(program: &Program) -> Self {
        let output = program.output();
        let output = output.map(|equation| equation.target.name().to_owned());
        Self::of(program.clone(), output.into_iter().collect())
    }

    /// The last definition and the gradients that were asked for.
    pub fn gradient(gradient: &Gradient) -> Self {
        let mut subject = Self::forward(&gradient.forward);
        subject.program = gradient.program();
        for variable in &gradient.wrt {
            let derivation = gradient.derivation(variable.name());
            let name = derivation.map(|derivation| derivation.gradient.name());
            let computed = name.filter(|name| subject.program.equation(name).is_some());
            subject.outputs.extend(computed.map(str::to_owned));
        }
        subject
    }

    /// A derivative of another order.
    pub fn derivative(derivative: &Derivative) -> Self {
        let outcomes = derivative.outcomes();
        let names = outcomes
            .iter()
            .map(|outcome| outcome.partial.target.name().to_owned());
        Self::of(derivative.program(), names.collect())
    }

    /// A training step: the loss, the scores and the updates of all parameters.
    pub fn step(network: &Network, step: &Step) -> Self {
        let outputs = vec![network.scores().to_owned(), network.loss().to_owned()];
        let numbers = step.numbers().iter();
        Self {
            updates: step.updates().to_vec(),
            numbers: numbers
                .map(|(name, value)| (name.clone(), f64::from(*value)))
                .collect(),
            zeros: step.states().iter().map(|(name, _)| name.clone()).collect(),
            ..Self::of(step.program().clone(), outputs)
        }
    }

    /// The diagonals of the Hessians by each variable and itself, named by the Hessians; no Hessian is written out.
    ///
    /// ```
    /// use backprove::Problem;
    /// use backprove::calculus::Order;
    /// use backprove::planning::Subject;
    /// let problem = Problem::read("A[N, N]; x[N]\nq = x @ A @ x")?;
    /// let diagonal = Subject::diagonal(&problem.derivative(&["x"], Order::Hessian)?);
    /// let mut plan = diagonal.plan::<f64>(&diagonal.bind(&[("N".into(), 2)]).unwrap(), 1).unwrap();
    /// plan.set("A", &[1.0, 2.0, 3.0, 4.0]).unwrap();
    /// plan.run();
    /// assert_eq!(plan.get(&diagonal.outputs()[0]).unwrap(), &[2.0, 8.0]);
    /// # Ok::<(), backprove::Diagnosed>(())
    /// ```
    pub fn diagonal(derivative: &Derivative) -> Self {
        let mut program = derivative.program();
        let mut outputs = Vec::new();
        for outcome in derivative.outcomes() {
            let [first, second] = outcome.wrt[..] else {
                continue;
            };
            if first != second {
                continue;
            }
            let partial = outcome.partial;
            let opposite = partial
                .columns
                .iter()
                .cloned()
                .zip(partial.rows.iter().cloned());
            let body = partial.result().substitute(&opposite.collect());
            let name = program.free_name(partial.target.name());
            program.equations.push(Equation {
                target: Tensor::new(name.clone(), first.dims().to_vec()),
                indices: partial.rows.clone(),
                body,
                matrix: None,
            });
            outputs.push(name);
        }
        Self::of(program, outputs)
    }

    /// The loss, and updates of inputs that are computed from the gradients: `text` declares what it needs of the program, the
    /// gradients by their names, and anything of its own; `updates` pairs an input with the definition whose value it takes.
    /// Fails where the text is wrong.
    pub fn updated(
        gradient: &Gradient,
        text: &str,
        updates: Vec<(String, String)>,
    ) -> Result<Self, Diagnosed> {
        let mut subject = Self::forward(&gradient.forward);
        subject.program = gradient.program();
        let further = Problem::read(text)?;
        let further = further.program();
        let new = further.inputs.iter();
        let new = new.filter(|tensor| subject.program.tensor(tensor.name()).is_none());
        let new: Vec<Tensor> = new.cloned().collect();
        subject.program.inputs.extend(new);
        subject
            .program
            .equations
            .extend(further.equations.iter().cloned());
        subject.updates = updates;
        Ok(subject)
    }

    /// What the program takes, in order of declaration.
    pub fn inputs(&self) -> &[Tensor] {
        &self.program.inputs
    }

    /// The names of what it computes: the value first, then what was derived, in the order in which it was asked for.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// Pairs of an input and the definition whose value it takes at the end of a run.
    pub fn updates(&self) -> &[(String, String)] {
        &self.updates
    }

    fn of(program: Program, outputs: Vec<String>) -> Self {
        Self {
            program,
            outputs,
            updates: Vec::new(),
            numbers: Vec::new(),
            zeros: Vec::new(),
        }
    }

    /// The names of the sizes that the program leaves open, in the order in which they occur.
    pub fn sizes(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut add = |name: &str| {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        };
        for tensor in &self.program.inputs {
            let symbols = tensor.dims().iter().flat_map(Dim::symbols);
            symbols.for_each(|symbol| add(&symbol));
        }
        // What no input has, such as the number of classes, comes last.
        let [all, _] = size_sets(&self.program);
        all.iter().for_each(|(name, _)| add(name));
        names
    }

    /// The sizes that the inputs' shapes and `given` ones say. Fails as [`Self::bind`], and where shapes do not fit the
    /// declarations or each other.
    pub fn bind_shapes(
        &self,
        shapes: &[(&str, &[usize])],
        given: &[(String, usize)],
    ) -> Result<HashMap<String, usize>, Diagnostic> {
        let tensors = shapes.iter().filter_map(|(name, shape)| {
            let tensor = self
                .program
                .inputs
                .iter()
                .find(|tensor| tensor.name() == *name)?;
            Some((tensor, *shape))
        });
        let found = shapes::sizes(&tensors.collect::<Vec<_>>())?;
        let mut all = given.to_vec();
        all.extend(found);
        self.bind(&all)
    }

    /// The sizes by name. Fails where one is missing, and for a name that the program does not have or that has two values.
    pub fn bind(&self, given: &[(String, usize)]) -> Result<HashMap<String, usize>, Diagnostic> {
        let names = self.sizes();
        let mut sizes: HashMap<String, usize> = HashMap::new();
        for (name, value) in given {
            if !names.contains(name) {
                let message = format!("the program has no size `{name}`");
                let diagnostic = Diagnostic::error("unknown-size", message);
                return Err(diagnostic.help(match &names[..] {
                    [] => "all its sizes are numbers already".to_owned(),
                    names => format!("its sizes are {}", names.join(", ")),
                }));
            }
            if let Some(known) = sizes.insert(name.clone(), *value)
                && known != *value
            {
                let message =
                    format!("the size `{name}` is given twice, as {known} and as {value}");
                return Err(Diagnostic::error("size-given-twice", message));
            }
        }
        let missing = names.iter().filter(|name| !sizes.contains_key(*name));
        let missing: Vec<&str> = missing.map(String::as_str).collect();
        if missing.is_empty() {
            return self.positive(sizes);
        }
        let message = match &missing[..] {
            [name] => format!("the size `{name}` has no value"),
            names => format!("the sizes `{}` have no values", names.join("`, `")),
        };
        let all = names.iter().zip(PROPOSED.iter().cycle());
        let proposal = all.map(|(name, proposed)| {
            let value = sizes.get(name).unwrap_or(proposed);
            format!("{name}={value}")
        });
        let proposal = proposal.collect::<Vec<_>>().join(",");
        Err(Diagnostic::error("missing-size", message).help(format!(
            "a plan is made for given sizes: `--sizes {proposal}`"
        )))
    }

    /// The sizes, if what is worked out from them has room.
    fn positive(
        &self,
        sizes: HashMap<String, usize>,
    ) -> Result<HashMap<String, usize>, Diagnostic> {
        let targets = self
            .program
            .equations
            .iter()
            .map(|equation| &equation.target);
        let tensors = self.program.inputs.iter().chain(targets);
        for dim in tensors.flat_map(Tensor::dims) {
            let value = dim.value(&|name| sizes.get(name).copied());
            if value.is_some_and(|value| value > 0) {
                continue;
            }
            let of: Vec<String> = dim
                .symbols()
                .iter()
                .map(|name| format!("{name}={}", sizes.get(&**name).copied().unwrap_or_default()))
                .collect();
            let message = format!("the size `{dim}` is below 1 at {}", of.join(", "));
            return Err(Diagnostic::error("size-below-one", message));
        }
        Ok(sizes)
    }

    /// Plans it for `threads` threads.
    pub fn plan<T: Real>(
        &self,
        sizes: &HashMap<String, usize>,
        threads: usize,
    ) -> Result<Plan<T>, Diagnostic> {
        let outputs: Vec<&str> = self.outputs.iter().map(String::as_str).collect();
        let updates = self.updates.iter();
        let updates: Vec<(&str, &str)> = updates
            .map(|(input, equation)| (input.as_str(), equation.as_str()))
            .collect();
        Plan::compile_for(&self.program, sizes, &outputs, &updates, threads)
            .map_err(|error| refused(&error))
    }

    /// Runs a plan of it on random inputs that are true to the declared facts, until the time is known well.
    pub fn measure<T: Real>(
        &self,
        plan: &mut Plan<T>,
        sizes: &HashMap<String, usize>,
        seed: u64,
    ) -> Result<Measured, Diagnostic> {
        let inputs = self.random_inputs::<T>(sizes, seed)?;
        for (name, values) in &inputs {
            plan.set(name, values).map_err(|error| refused(&error))?;
        }
        let mut runs: Vec<Timing> = Vec::new();
        let mut spent = Duration::ZERO;
        let mut warm = false;
        while runs.len() < FEWEST || (spent < ENOUGH && runs.len() < MOST) {
            // Every run starts from the same values: a hundred steps at random weights would run away.
            for (input, _) in &self.updates {
                if let Some((_, values)) = inputs.iter().find(|(name, _)| name == input) {
                    plan.set(input, values).map_err(|error| refused(&error))?;
                }
            }
            let timing = plan.run_timed();
            if warm {
                spent += timing.total;
                runs.push(timing);
            }
            warm = true;
        }
        Ok(Measured::of(&runs, Peak::measure::<T>()))
    }

    fn random_inputs<T: Real>(
        &self,
        sizes: &HashMap<String, usize>,
        seed: u64,
    ) -> Result<Vec<(String, Vec<T>)>, Diagnostic> {
        let known = Sizes::new(sizes.iter().map(|(name, size)| (name.as_str(), *size)));
        let mut inputs = Vec::new();
        for tensor in &self.program.inputs {
            let name = tensor.name();
            let unknown = || {
                let message = format!("a size of `{name}` has no value");
                Diagnostic::error("missing-size", message)
            };
            let number = self.numbers.iter().find(|(own, _)| own == name);
            let values: Vec<T> = if let Some((_, value)) = number {
                vec![T::from_f64(*value)]
            } else if self.zeros.iter().any(|own| own == name) {
                let shape = known.shape(tensor).ok_or_else(unknown)?;
                vec![T::from_f64(0.0); shape.iter().product()]
            } else {
                let array = floats(tensor, &known, seed, Region::Signed).ok_or_else(unknown)?;
                // Sums over the last axis stay at the size of one: greater ones saturate activations, and derivatives that are
                // next to zero are subnormal numbers, with which processors are slow.
                let free = tensor.facts().iter().all(|fact| *fact == Fact::Constant);
                let scale = match array.shape() {
                    [_, .., last] if free => 1.0 / (*last as f64).sqrt(),
                    _ => 1.0,
                };
                let values = array.data().iter();
                values.map(|value| T::from_f64(scale * value)).collect()
            };
            inputs.push((name.to_owned(), values));
        }
        Ok(inputs)
    }
}

/// Sizes that are proposed where none are given.
const PROPOSED: [usize; 4] = [128, 64, 32, 10];

/// Runs that are timed at least, and at most.
const FEWEST: usize = 10;
const MOST: usize = 1_000;

/// Time after which no more runs are needed.
const ENOUGH: Duration = Duration::from_millis(500);

fn refused(error: &backprove_engine::Error) -> Diagnostic {
    Diagnostic::error("not-plannable", error.to_string())
}

/// How long a plan takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// How many runs were timed.
    pub runs: usize,
    /// The least time of each stage and kernel, and of a run as a whole: what others do on the same cores adds to the rest.
    pub timing: Timing,
    /// The median of the runs.
    pub median: Duration,
    /// The most that one core can do.
    pub peak: Peak,
}

impl Measured {
    fn of(runs: &[Timing], peak: Peak) -> Self {
        let least = |figure: &dyn Fn(&Timing) -> Duration| {
            let all = runs.iter().map(figure);
            all.min().unwrap_or_default()
        };
        let first = runs.first();
        let stages = first.map_or(0, |run| run.stages.len());
        let kernels = first.map_or(0, |run| run.kernels.len());
        let mut totals: Vec<Duration> = runs.iter().map(|run| run.total).collect();
        totals.sort_unstable();
        Self {
            runs: runs.len(),
            timing: Timing {
                total: least(&|run| run.total),
                stages: (0..stages)
                    .map(|stage| least(&|run| run.stages[stage]))
                    .collect(),
                kernels: (0..kernels)
                    .map(|kernel| least(&|run| run.kernels[kernel]))
                    .collect(),
            },
            median: totals.get(totals.len() / 2).copied().unwrap_or_default(),
            peak,
        }
    }
}
