//! A network: a program, and the part that each of its tensors plays in training. Must never run anything.

use std::collections::HashMap;

use backprove_calculus::{Dim, Fact, Program, Tensor, elaborate_text};

use crate::Error;
use crate::module::mlp;

mod facts;

/// The extents of a program's symbolic sizes.
pub type Sizes = HashMap<String, usize>;

/// A program that classifies samples and says how well.
///
/// The parts are told from the declarations. The labels are the input with the fact `labels(C)`; the features the input
/// that shares their axis of samples; all other inputs are parameters. The last definition, a scalar, is the
/// loss; the scores are the last definition of shape samples × classes that does not depend on the labels, and
/// the class with the highest score is the predicted one. A parameter has no facts: no step would keep them.
///
/// ```
/// use backprove_nn::network::Network;
/// let network = Network::mlp(1, "tanh")?;
/// let names: Vec<&str> = network.parameters().iter().map(|tensor| tensor.name()).collect();
/// assert_eq!(names, ["W1", "b1", "W2", "b2"]);
/// assert_eq!((network.scores(), network.loss()), ("Z2", "L"));
/// # Ok::<(), backprove_nn::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Network {
    text: String,
    program: Program,
    features: Tensor,
    labels: Tensor,
    samples: String,
    classes: Dim,
    parameters: Vec<Tensor>,
    scores: String,
    loss: String,
}

impl Network {
    /// The multi-layer perceptron of [`mlp`].
    pub fn mlp(hidden: usize, activation: &str) -> Result<Self, Error> {
        Self::read(&mlp(hidden, activation)?)
    }

    /// Reads a program. Fails where the text is wrong, or where a part that training needs is missing.
    pub fn read(text: &str) -> Result<Self, Error> {
        Self::of(text, read(text)?)
    }

    /// A network of a program that was read from `text`.
    pub fn of(text: &str, program: Program) -> Result<Self, Error> {
        if let Some(name) = program.functions.first() {
            return Err(Error::argument(format!(
                "`{name}` is only declared as element-wise: training needs a function that is known"
            )));
        }
        let (labels, classes) = labels_of(&program)?;
        let samples = match labels.dims() {
            [Dim::Symbol(samples)] => samples.to_string(),
            _ => {
                return Err(Error::argument(format!(
                    "the labels `{}` need one axis with a symbolic size, such as `{0}[S]: labels({classes})`",
                    labels.name()
                )));
            }
        };
        let features = features_of(&program, &labels)?;
        let parameters = parameters_of(&program, &labels, &features)?;
        for parameter in &parameters {
            facts::check(text, parameter)?;
        }
        let loss = match program.output() {
            Some(output) if output.target.rank() == 0 => output.target.name().to_owned(),
            Some(output) => {
                let name = output.target.name();
                return Err(Error::argument(format!(
                    "the last definition, `{name}`, must be the loss, a scalar; add one, such as `L = cross_entropy({name}, {})`",
                    labels.name()
                )));
            }
            None => return Err(Error::argument("the program defines nothing")),
        };
        let scores = scores_of(&program, &labels, &classes)?;
        Ok(Self {
            text: text.to_owned(),
            program,
            features,
            labels,
            samples,
            classes,
            parameters,
            scores,
            loss,
        })
    }

    /// The text that the program was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The input that holds the features, samples first.
    pub fn features(&self) -> &Tensor {
        &self.features
    }

    /// The input that holds the true classes.
    pub fn labels(&self) -> &Tensor {
        &self.labels
    }

    /// The inputs that are trained, in order of declaration.
    pub fn parameters(&self) -> &[Tensor] {
        &self.parameters
    }

    /// The name of the definition that holds a score for each sample and class.
    pub fn scores(&self) -> &str {
        &self.scores
    }

    /// The name of the loss.
    pub fn loss(&self) -> &str {
        &self.loss
    }

    /// The sizes for data of one shape and number of classes, all but the number of samples. Sizes that are still
    /// open take the numbers in `hidden`, in order of declaration. Fails where the data do not fit the program, and
    /// where `hidden` has too few numbers or too many.
    pub fn sizes(
        &self,
        feature_shape: &[usize],
        classes: usize,
        hidden: &[usize],
    ) -> Result<Sizes, Error> {
        let mut sizes = Sizes::new();
        bind(&mut sizes, &self.classes, classes, "classes in the data")?;
        self.bind_features(&mut sizes, feature_shape)?;
        let mut rest = hidden.iter();
        for tensor in &self.parameters {
            for dim in tensor.dims() {
                let Dim::Symbol(symbol) = dim else { continue };
                if sizes.contains_key(&**symbol) {
                    continue;
                }
                match rest.next() {
                    Some(0) => {
                        return Err(Error::argument(format!(
                            "the hidden size {symbol} of `{}` must be at least 1",
                            tensor.name()
                        )));
                    }
                    Some(&size) => sizes.insert(symbol.to_string(), size),
                    None => {
                        return Err(Error::argument(format!(
                            "the size {symbol} of `{}` is open, and {} were given; name one for each open size",
                            tensor.name(),
                            counted(hidden.len(), "hidden size")
                        )));
                    }
                };
            }
        }
        match rest.len() {
            0 => Ok(sizes),
            more => Err(Error::argument(format!(
                "{} were given, but {} more than the program has open sizes",
                counted(hidden.len(), "hidden size"),
                more
            ))),
        }
    }

    /// The sizes that trained parameters have. Fails where one is missing or two disagree.
    pub(crate) fn sizes_of_parameters<'a>(
        &self,
        shape: impl Fn(&str) -> Option<&'a [usize]>,
        feature_shape: &[usize],
        classes: usize,
    ) -> Result<Sizes, Error> {
        let mut sizes = Sizes::new();
        bind(&mut sizes, &self.classes, classes, "class names")?;
        self.bind_features(&mut sizes, feature_shape)?;
        for tensor in &self.parameters {
            let name = tensor.name();
            let shape = shape(name).unwrap_or_default();
            if shape.len() != tensor.rank() {
                return Err(Error::argument(format!(
                    "the program's parameter `{name}` has {} axes, the stored one {}",
                    tensor.rank(),
                    shape.len()
                )));
            }
            for (dim, &extent) in tensor.dims().iter().zip(shape) {
                bind(&mut sizes, dim, extent, &format!("stored in `{name}`"))?;
            }
        }
        Ok(sizes)
    }

    fn bind_features(&self, sizes: &mut Sizes, shape: &[usize]) -> Result<(), Error> {
        let name = self.features.name();
        let axes = &self.features.dims()[1..];
        let flat = [shape.iter().product()];
        let shape = match axes {
            [_] => &flat[..],
            _ if axes.len() == shape.len() => shape,
            _ => {
                return Err(Error::argument(format!(
                    "a sample of `{name}` has {} axes, but the data have the shape {shape:?}",
                    axes.len()
                )));
            }
        };
        for (dim, &extent) in axes.iter().zip(shape) {
            bind(sizes, dim, extent, "features in the data")?;
        }
        Ok(())
    }

    /// `sizes` for a batch of `rows` samples.
    pub(crate) fn sizes_with(&self, sizes: &Sizes, rows: usize) -> Sizes {
        let mut sizes = sizes.clone();
        sizes.insert(self.samples.clone(), rows);
        sizes
    }
}

/// Reads a text of the language; what is wrong with it becomes one error that names the line.
pub(crate) fn read(text: &str) -> Result<Program, Error> {
    let elaborated = elaborate_text(text);
    match elaborated.diagnostics.into_iter().next() {
        None => Ok(elaborated.program),
        Some(first) => Err(Error::program(text, first)),
    }
}

/// The elements of a tensor of these extents; nothing where a size is open.
pub(crate) fn shape_of(tensor: &Tensor, sizes: &Sizes) -> Result<Vec<usize>, Error> {
    let extent = |dim: &Dim| {
        dim.value(&|symbol| sizes.get(symbol).copied())
            .ok_or_else(|| {
                Error::argument(format!(
                    "the size {dim} of `{}` is not known",
                    tensor.name()
                ))
            })
    };
    tensor.dims().iter().map(extent).collect()
}

/// A number of things, in words.
fn counted(count: usize, thing: &str) -> String {
    match count {
        0 => format!("no {thing}s"),
        1 => format!("1 {thing}"),
        _ => format!("{count} {thing}s"),
    }
}

fn bind(sizes: &mut Sizes, dim: &Dim, extent: usize, what: &str) -> Result<(), Error> {
    let known = match dim {
        Dim::Literal(known) => *known,
        Dim::Symbol(symbol) => *sizes.entry(symbol.to_string()).or_insert(extent),
        // What follows from other sizes is worked out once these are known.
        Dim::Computed(size) => {
            let value = size.value(&|symbol| sizes.get(symbol).copied());
            value
                .and_then(|value| usize::try_from(value).ok())
                .unwrap_or(extent)
        }
    };
    if known == extent {
        return Ok(());
    }
    let name = match dim {
        Dim::Literal(_) => String::new(),
        Dim::Symbol(_) | Dim::Computed(_) => format!(" for {dim}"),
    };
    Err(Error::argument(format!(
        "the program has {known}{name}, but there are {extent} {what}"
    )))
}

fn labels_of(program: &Program) -> Result<(Tensor, Dim), Error> {
    let mut found = program.inputs.iter().filter_map(|tensor| {
        tensor.facts().iter().find_map(|fact| match fact {
            Fact::Labels(classes) => Some((tensor.clone(), classes.clone())),
            _ => None,
        })
    });
    match (found.next(), found.next()) {
        (Some(labels), None) => Ok(labels),
        (None, _) => Err(Error::argument(
            "no input holds labels; declare one, such as `t[S]: labels(C)`",
        )),
        (Some((first, _)), Some((second, _))) => Err(Error::argument(format!(
            "both `{}` and `{}` hold labels, but the data have one label for each sample",
            first.name(),
            second.name()
        ))),
    }
}

fn features_of(program: &Program, labels: &Tensor) -> Result<Tensor, Error> {
    let samples = &labels.dims()[0];
    let mut found = program.inputs.iter().filter(|tensor| {
        *tensor != labels && tensor.rank() >= 2 && tensor.dims().first() == Some(samples)
    });
    match (found.next(), found.next()) {
        (Some(features), None) => Ok(features.clone()),
        (None, _) => Err(Error::argument(format!(
            "no input holds the features of {samples} samples; declare one, such as `X[{samples}, D]`"
        ))),
        (Some(first), Some(second)) => Err(Error::argument(format!(
            "both `{}` and `{}` have {samples} samples, but the data have one row of features for each",
            first.name(),
            second.name()
        ))),
    }
}

fn parameters_of(
    program: &Program,
    labels: &Tensor,
    features: &Tensor,
) -> Result<Vec<Tensor>, Error> {
    let samples = &labels.dims()[0];
    let rest = program
        .inputs
        .iter()
        .filter(|tensor| *tensor != labels && *tensor != features);
    let parameters: Vec<Tensor> = rest.cloned().collect();
    for tensor in &parameters {
        let name = tensor.name();
        if tensor.is_constant() {
            return Err(Error::argument(format!(
                "`{name}` is constant, but the data hold no values for it; write its value into the program"
            )));
        }
        if tensor.dims().contains(samples) {
            return Err(Error::argument(format!(
                "the parameter `{name}` has {samples}, the number of samples, as an extent, which changes from batch to batch"
            )));
        }
    }
    if parameters.is_empty() {
        return Err(Error::argument("the program has no parameters to train"));
    }
    Ok(parameters)
}

fn scores_of(program: &Program, labels: &Tensor, classes: &Dim) -> Result<String, Error> {
    let shape = [labels.dims()[0].clone(), classes.clone()];
    let mut tainted = vec![labels.clone()];
    let mut scores = None;
    for equation in &program.equations {
        if tainted.iter().any(|tensor| equation.body.mentions(tensor)) {
            tainted.push(equation.target.clone());
        } else if equation.target.dims() == shape {
            scores = Some(equation.target.name().to_owned());
        }
    }
    scores.ok_or_else(|| {
        Error::argument(format!(
            "no definition of shape {}×{classes} holds the scores of the classes; name one before the loss",
            shape[0]
        ))
    })
}
