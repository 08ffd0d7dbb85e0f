//! A trained network with all that its use needs. Must never train.

use std::path::Path;

use serde_json::json;

use crate::Error;
use crate::checkpoint::Checkpoint;
use crate::data::{Dataset, Scaler};
use crate::evaluation::{Evaluation, Evaluator};
use crate::network::{Network, Sizes};

/// The file of a model inside the folder of a run.
pub const FILE: &str = "model.safetensors";

/// What the checkpoint's entry `format` says.
const FORMAT: &str = "backprove model 1";

const SHIFT: &str = "scaler.shift";
const FACTOR: &str = "scaler.factor";

/// A network, its parameters, and how its data were read.
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) network: Network,
    pub(crate) sizes: Sizes,
    pub(crate) values: Vec<Vec<f32>>,
    pub(crate) scaler: Scaler,
    pub(crate) class_names: Vec<String>,
    pub(crate) feature_shape: Vec<usize>,
    pub(crate) feature_names: Vec<String>,
}

impl Model {
    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The extents of the program's symbolic sizes, all but the number of samples.
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// The values of the parameters, row-major, in the network's order.
    pub fn values(&self) -> &[Vec<f32>] {
        &self.values
    }

    /// How many numbers are trained.
    pub fn parameter_count(&self) -> usize {
        self.values.iter().map(Vec::len).sum()
    }

    /// The classes' names.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The number of features of a sample.
    pub fn feature_count(&self) -> usize {
        self.feature_shape.iter().product()
    }

    /// The features' names, in order; empty where the data had none.
    pub fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    /// The classes of unscaled samples, row-major. Fails where the scores of one are not finite.
    pub fn predict(&self, features: &[f32], threads: usize) -> Result<Vec<u32>, Error> {
        let mut features = features.to_vec();
        self.scaler.apply_to_rows(&mut features)?;
        let rows = features.len() / self.feature_count();
        let mut evaluator = Evaluator::new(&self.network, &self.sizes, rows, false, threads)?;
        evaluator.set(&self.values)?;
        evaluator.predict(&features)
    }

    /// The loss and the confusion matrix on unscaled data. Fails where their classes or features are others.
    pub fn evaluate(&self, data: &Dataset, threads: usize) -> Result<Evaluation, Error> {
        if data.class_names() != self.class_names {
            return Err(Error::argument(format!(
                "{} has the classes {}, but the model knows {}",
                data.name(),
                data.class_names().join(", "),
                self.class_names.join(", ")
            )));
        }
        let names = &data.about().feature_names;
        if !names.is_empty() && !self.feature_names.is_empty() && *names != self.feature_names {
            return Err(Error::argument(format!(
                "{} has the features {}, but the model takes {}",
                data.name(),
                names.join(", "),
                self.feature_names.join(", ")
            )));
        }
        let mut data = data.clone();
        self.scaler.apply(&mut data)?;
        let mut evaluator = Evaluator::new(&self.network, &self.sizes, data.len(), true, threads)?;
        evaluator.set(&self.values)?;
        evaluator.evaluate(&data)
    }

    /// The model as a checkpoint: parameters, scaling, the program's text and the class names.
    pub fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let mut checkpoint = Checkpoint::default();
        for (tensor, values) in self.network.parameters().iter().zip(&self.values) {
            let shape = crate::network::shape_of(tensor, &self.sizes)?;
            checkpoint.insert(tensor.name(), &shape, values.clone())?;
        }
        for (name, values) in [(SHIFT, self.scaler.shift()), (FACTOR, self.scaler.factor())] {
            checkpoint.insert(name, &[values.len()], values.to_vec())?;
        }
        checkpoint.set_text("format", FORMAT);
        checkpoint.set_text("program", self.network.text());
        checkpoint.set_text("class_names", json!(self.class_names).to_string());
        checkpoint.set_text("feature_shape", json!(self.feature_shape).to_string());
        if !self.feature_names.is_empty() {
            checkpoint.set_text("feature_names", json!(self.feature_names).to_string());
        }
        Ok(checkpoint)
    }

    /// Reads a model from its file, or from the folder of a run.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let file = if path.is_dir() {
            path.join(FILE)
        } else {
            path.to_owned()
        };
        let checkpoint = Checkpoint::load(&file)?;
        Self::of(&checkpoint).map_err(|error| Error::about(&file, &error))
    }

    /// The model in a checkpoint.
    pub fn of(checkpoint: &Checkpoint) -> Result<Self, Error> {
        let text = |name: &str| {
            checkpoint.text(name).ok_or_else(|| {
                Error::argument(format!(
                    "the metadata hold no `{name}`; the file was not written by `backprove train`"
                ))
            })
        };
        let unreadable =
            |name: &str| Error::argument(format!("the metadata's `{name}` cannot be read"));
        let format = text("format")?;
        if format != FORMAT {
            return Err(Error::argument(format!(
                "the format is `{format}`, but `{FORMAT}` was expected"
            )));
        }
        let class_names: Vec<String> =
            serde_json::from_str(text("class_names")?).map_err(|_| unreadable("class_names"))?;
        let feature_shape: Vec<usize> = serde_json::from_str(text("feature_shape")?)
            .map_err(|_| unreadable("feature_shape"))?;
        // Models from data without names, and those of earlier versions, have none.
        let feature_names: Vec<String> = match checkpoint.text("feature_names") {
            Some(names) => serde_json::from_str(names).map_err(|_| unreadable("feature_names"))?,
            None => Vec::new(),
        };
        let network = Network::read(text("program")?)?;
        let values = |name: &str| match checkpoint.tensor(name) {
            Some(tensor) => Ok(tensor.values().to_vec()),
            None => Err(Error::argument(format!("there is no tensor `{name}`"))),
        };
        let scaler = Scaler::from_parts(values(SHIFT)?, values(FACTOR)?)?;
        let features = feature_shape
            .iter()
            .try_fold(1_usize, |count, &extent| count.checked_mul(extent));
        if features != Some(scaler.shift().len()) {
            return Err(Error::argument(format!(
                "the scaling of {} features does not fit samples of shape {feature_shape:?}",
                scaler.shift().len()
            )));
        }
        if !(feature_names.is_empty() || features == Some(feature_names.len())) {
            return Err(Error::argument(format!(
                "the {} names of features do not fit samples of shape {feature_shape:?}",
                feature_names.len()
            )));
        }
        let shape = |name: &str| Some(checkpoint.tensor(name)?.shape());
        let sizes = network.sizes_of_parameters(shape, &feature_shape, class_names.len())?;
        let parameters = network.parameters().iter();
        Ok(Self {
            values: parameters
                .map(|tensor| values(tensor.name()))
                .collect::<Result<_, _>>()?,
            network,
            sizes,
            scaler,
            class_names,
            feature_shape,
            feature_names,
        })
    }
}
