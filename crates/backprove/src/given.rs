//! Numbers that a user gives for the inputs of a program, and what gradients are at them: beside central differences, the
//! only judge here. Where numbers are missing they are drawn; nothing is derived.

use std::collections::HashMap;

use backprove_calculus::check::{GradientClaim, context, difference, sides_at};
use backprove_calculus::expr::Node;
use backprove_calculus::reference::{Array, Sizes, Unevaluated};
use backprove_calculus::sample::size_sets;
use backprove_calculus::{Derivation, Dim, Equation, Fact, Gradient, Index, Program, Tensor};
use backprove_syntax::Diagnostic;
use serde_json::Value;

/// Arrays and sizes by name.
///
/// ```
/// use backprove::Problem;
/// use backprove::given::{Numbers, check_at};
/// let problem = Problem::read("X[S, M]; W[N, M]\nY = X @ W.T")?;
/// let gradient = problem.gradient(&["W"], None)?;
/// let numbers = Numbers::read(r#"{"X": [[1, 2, 3], [4, 5, 6]], "N": 4}"#).unwrap();
/// let [check] = &check_at(&gradient, &numbers, 0).unwrap()[..] else { panic!() };
/// assert!(check.holds());
/// // The sizes that meet in the program disagree.
/// let numbers = Numbers::read(r#"{"X": [[1, 2]], "W": [[1, 2, 3]]}"#).unwrap();
/// assert!(check_at(&gradient, &numbers, 0).is_err());
/// # Ok::<(), backprove::Diagnosed>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers(Vec<(String, Array<f64>)>);

/// What a gradient is at given numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct PointCheck {
    /// The greatest error, relative to the greatest element where that is above one; nothing where a side has no value.
    pub error: Result<f64, Unevaluated>,
    /// The element that differs most, if that is more than rounding: where, by differences, and as derived or claimed.
    pub mismatch: Option<(Vec<usize>, f64, f64)>,
    /// All sizes, as `S=3, M=4`.
    pub sizes: String,
    /// The inputs whose numbers were drawn.
    pub drawn: Vec<String>,
}

impl PointCheck {
    /// Whether both sides have values, and agree.
    pub fn holds(&self) -> bool {
        self.error.is_ok() && self.mismatch.is_none()
    }

    /// What was found, as a sentence.
    pub fn sentence(&self, gradient: &str) -> String {
        match (&self.error, &self.mismatch) {
            (Err(Unevaluated::Undefined), _) => format!(
                "At these numbers the program is not smooth or has no value: differences say nothing about {gradient}."
            ),
            (Err(reason), _) => format!("At these numbers {gradient} has no value: {reason}."),
            (Ok(_), Some((element, expected, found))) => {
                let place = subscript(element);
                format!(
                    "At these numbers {gradient}{place} is {expected:.10} by differences of the program, not {found:.10}."
                )
            }
            (Ok(error), None) => format!(
                "At these numbers {gradient} agrees with differences of the program; the greatest scaled error is {error:.1e}."
            ),
        }
    }
}

/// Elements that the plain evaluator is asked for at most.
const MOST_WORK: f64 = 2e9;

impl Numbers {
    /// Reads a JSON object: nested lists of numbers by the names of tensors, and integers by the names of sizes.
    ///
    /// # Errors
    /// Where the text is no such object, or a list is ragged.
    pub fn read(text: &str) -> Result<Self, Diagnostic> {
        let wrong = |message: String| {
            Diagnostic::error("unreadable-numbers", message).help(
                r#"numbers are a JSON object with nested lists by name, such as {"X": [[1, 2], [3, 4]], "b": [0.5, -1]}"#,
            )
        };
        let value: Value = serde_json::from_str(text)
            .map_err(|error| wrong(format!("the numbers are no JSON: {error}")))?;
        let Value::Object(entries) = value else {
            return Err(wrong("the numbers have no names".to_owned()));
        };
        let array = |(name, value): (String, Value)| {
            let mut shape = Vec::new();
            let mut data = Vec::new();
            match nested(&value, 0, &mut shape, &mut data) {
                Ok(()) => Ok((name, Array::new(shape, data))),
                Err(reason) => Err(wrong(format!("`{name}`: {reason}"))),
            }
        };
        let arrays = entries.into_iter().map(array);
        Ok(Self(arrays.collect::<Result<_, _>>()?))
    }

    /// The sizes that the arrays have, with others where nothing is said.
    fn sizes(&self, gradient: &Gradient) -> Result<Sizes, Diagnostic> {
        let wrong = |message: String| Diagnostic::error("unfit-numbers", message);
        let tensors: Vec<&Tensor> = inputs(gradient).collect();
        let [mut sizes, _] = size_sets(&gradient.source);
        let mut known: HashMap<String, (usize, String)> = HashMap::new();
        let mut bind = |size: &str, extent: usize, by: &str| match known.get(size) {
            Some((other, first)) if *other != extent => Err(wrong(format!(
                "{size} is {other} by `{first}`, but {extent} by `{by}`"
            ))),
            _ => {
                known.insert(size.to_owned(), (extent, by.to_owned()));
                Ok(())
            }
        };
        for (name, array) in &self.0 {
            let Some(tensor) = tensors.iter().find(|tensor| tensor.name() == name) else {
                let is_size = sizes.iter().any(|(size, _)| size == name);
                let extent = array.data().first().copied().unwrap_or(0.0);
                if is_size && array.shape().is_empty() && extent >= 1.0 && extent.fract() == 0.0 {
                    bind(name, extent as usize, name)?;
                    continue;
                }
                if is_size {
                    return Err(wrong(format!("the size {name} is an integer above 0")));
                }
                let names: Vec<&str> = tensors.iter().map(|tensor| tensor.name()).collect();
                let message = format!("`{name}` is no input of the program");
                return Err(wrong(message).help(format!("its inputs are {}", names.join(", "))));
            };
            let dims = tensor.dims();
            if dims.len() != array.shape().len() {
                let axes = match array.shape().len() {
                    0 => "are a single one".to_owned(),
                    1 => "have one axis".to_owned(),
                    axes => format!("have {axes} axes"),
                };
                let shape = crate::shape(dims);
                return Err(wrong(format!(
                    "`{name}` is {shape}, but its numbers {axes}"
                )));
            }
            for (dim, extent) in dims.iter().zip(array.shape()) {
                if let Dim::Symbol(size) = dim {
                    bind(size, *extent, name)?;
                }
            }
        }
        for (size, (extent, _)) in &known {
            sizes.set(size, *extent);
        }
        for (name, array) in &self.0 {
            let Some(tensor) = tensors.iter().find(|tensor| tensor.name() == name) else {
                continue;
            };
            if sizes.shape(tensor).as_deref() != Some(array.shape()) {
                return Err(wrong(format!(
                    "`{name}` is {}, but its numbers are {}",
                    crate::shape(tensor.dims()),
                    array
                        .shape()
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join("×")
                )));
            }
            for fact in tensor.facts() {
                if let Some(reason) = broken(fact, array, &sizes) {
                    return Err(wrong(format!("`{name}` {reason}")));
                }
            }
        }
        Ok(sizes)
    }
}

/// `[1, 2]` behind the name of an array; nothing behind a number's.
pub(crate) fn subscript(element: &[usize]) -> String {
    if element.is_empty() {
        String::new()
    } else {
        format!("{element:?}")
    }
}

/// The inputs of a program, and the cotangent.
fn inputs(gradient: &Gradient) -> impl Iterator<Item = &Tensor> {
    gradient.source.inputs.iter().chain(&gradient.seed)
}

/// The elements of nested lists, and the extents of their axes.
fn nested(
    value: &Value,
    axis: usize,
    shape: &mut Vec<usize>,
    data: &mut Vec<f64>,
) -> Result<(), String> {
    let Value::Array(items) = value else {
        let number = value.as_f64().filter(|_| axis == shape.len());
        data.push(number.ok_or("numbers and lists stand side by side, or something is no number")?);
        return Ok(());
    };
    if items.is_empty() {
        return Err("a list is empty".to_owned());
    }
    if axis == shape.len() && data.is_empty() {
        shape.push(items.len());
    }
    match shape.get(axis) {
        Some(extent) if *extent == items.len() => (),
        Some(extent) => {
            let length = items.len();
            return Err(format!(
                "lists of axis {axis} have {extent} and {length} elements"
            ));
        }
        None => return Err("numbers and lists stand side by side".to_owned()),
    }
    items
        .iter()
        .try_for_each(|item| nested(item, axis + 1, shape, data))
}

/// Why an array is not what was declared of it, if it is not.
fn broken(fact: &Fact, array: &Array<f64>, sizes: &Sizes) -> Option<String> {
    let data = array.data();
    let last = array.shape().last().copied().unwrap_or(1).max(1);
    let rows = || data.chunks(last);
    let at = |row: usize, column: usize| data[row * last + column];
    let every = |holds: &dyn Fn(usize, usize) -> bool| {
        (0..last).all(|row| (0..last).all(|column| holds(row, column)))
    };
    let near = |value: f64, wanted: f64| (value - wanted).abs() <= 1e-9 * wanted.abs().max(1.0);
    let (holds, reason) = match fact {
        Fact::Symmetric | Fact::PositiveDefinite => (
            every(&|row, column| near(at(row, column), at(column, row))),
            "is declared symmetric, but its numbers are not",
        ),
        Fact::Diagonal => (
            every(&|row, column| row == column || at(row, column) == 0.0),
            "is declared diagonal, but has other elements",
        ),
        Fact::Lower => (
            every(&|row, column| row >= column || at(row, column) == 0.0),
            "is declared lower triangular, but has elements above the diagonal",
        ),
        Fact::Orthogonal => (
            every(&|row, column| {
                let sum: f64 = (0..last).map(|k| at(k, row) * at(k, column)).sum();
                near(sum, if row == column { 1.0 } else { 0.0 })
            }),
            "is declared orthogonal, but its transpose is not its inverse",
        ),
        Fact::Positive => (
            data.iter().all(|value| *value > 0.0),
            "is declared positive, but has elements that are not",
        ),
        Fact::Unit => (
            data.iter().all(|value| *value > 0.0 && *value < 1.0),
            "lies between 0 and 1 by its declaration, but not by its numbers",
        ),
        Fact::Signs => (
            data.iter().all(|value| near(value.abs(), 1.0)),
            "holds signs by its declaration, but other numbers than -1 and 1",
        ),
        Fact::Probability => (
            rows().all(|row| near(row.iter().sum(), 1.0) && row.iter().all(|value| *value >= 0.0)),
            "holds probabilities by its declaration, but a row is negative or does not sum to 1",
        ),
        Fact::OneHot => (
            rows().all(|row| {
                let ones = row.iter().filter(|value| near(**value, 1.0)).count();
                ones == 1 && row.iter().filter(|value| **value == 0.0).count() + 1 == row.len()
            }),
            "is declared one-hot, but a row is not",
        ),
        Fact::Labels(classes) => {
            let most = sizes.get(classes).unwrap_or(0) as f64;
            let known = |value: &f64| value.fract() == 0.0 && (0.0..most).contains(value);
            if let Some(value) = data.iter().find(|value| !known(value)) {
                return Some(format!(
                    "holds labels from 0 to {}, but {value}",
                    most - 1.0
                ));
            }
            return None;
        }
        Fact::Invertible | Fact::Constant | Fact::Small | Fact::Large => return None,
    };
    (!holds).then(|| reason.to_owned())
}

/// Checks each gradient at the given numbers.
///
/// # Errors
/// Where a name or shape is not the program's, or a declared fact does not hold.
pub fn check_at(
    gradient: &Gradient,
    numbers: &Numbers,
    seed: u64,
) -> Result<Vec<PointCheck>, Diagnostic> {
    let derived = context(gradient);
    let derivations = gradient.derivations.iter();
    derivations
        .map(|derivation| {
            let target = &derivation.gradient;
            at(gradient, derivation, (&derived, target), numbers, seed)
        })
        .collect()
}

/// Checks a gradient by one variable: `target`, a name of the program `derived` over what the derivation mentions.
pub(crate) fn at(
    gradient: &Gradient,
    derivation: &Derivation,
    (derived, target): (&Program, &Tensor),
    numbers: &Numbers,
    seed: u64,
) -> Result<PointCheck, Diagnostic> {
    let sizes = numbers.sizes(gradient)?;
    let variable = &derivation.variable;
    let primal = gradient.primal(variable);
    let elements = volume(variable.dims(), &sizes);
    let arrays = inputs(gradient).map(|tensor| volume(tensor.dims(), &sizes));
    let terms = primal.equations.iter().map(|own| terms(own, &sizes));
    let work = 4.0 * elements * arrays.chain(terms).sum::<f64>();
    if work > MOST_WORK {
        let name = variable.name();
        let message = format!(
            "differences by each of the {elements} elements of `{name}` would take {work:.0e} operations"
        );
        let diagnostic = Diagnostic::error("too-many-numbers", message);
        return Err(
            diagnostic.help("give smaller arrays: a few samples and features show the same")
        );
    }
    let given: Vec<(&str, Array<f64>)> = numbers
        .0
        .iter()
        .map(|(name, array)| (name.as_str(), array.clone()))
        .collect();
    let claim = GradientClaim {
        primal,
        variable,
        cotangent: gradient.seed.as_ref(),
        derived,
        gradient: target,
    };
    let is_given = |name: &str| given.iter().any(|(own, _)| *own == name);
    let drawn = inputs(gradient)
        .map(Tensor::name)
        .filter(|name| !is_given(name));
    let drawn = drawn.map(str::to_owned).collect();
    let (error, mismatch) = match sides_at(claim, &sizes, &given, seed) {
        Err(reason) => (Err(reason), None),
        Ok([found, expected]) => {
            let (error, element, differs) = difference(&found, &expected);
            let values = expected.get(&element).zip(found.get(&element));
            let mismatch = values.filter(|_| differs);
            let mismatch = mismatch.map(|(expected, found)| (element, expected, found));
            (Ok(error), mismatch)
        }
    };
    Ok(PointCheck {
        error,
        mismatch,
        sizes: sizes.to_string(),
        drawn,
    })
}

/// The elements of an array. Sizes may be absurd, so no integer holds their product.
fn volume<'a>(dims: impl IntoIterator<Item = &'a Dim>, sizes: &Sizes) -> f64 {
    let extents = dims
        .into_iter()
        .map(|dim| sizes.get(dim).unwrap_or(1) as f64);
    extents.product()
}

/// How many terms the plain evaluator adds up for a definition, about.
fn terms(equation: &Equation, sizes: &Sizes) -> f64 {
    let mut summed = 1.0_f64;
    equation.body.visit(&mut |part| {
        if let Node::Sum(indices, _) = part.node() {
            summed = summed.max(volume(indices.iter().map(Index::extent), sizes));
        }
    });
    volume(equation.target.dims(), sizes) * summed
}
