//! The settings of a training run. Nothing here trains.

use crate::Error;
use crate::optim::Optimiser;

/// More threads than this are refused as a mistake.
const MOST_THREADS: usize = 1024;

/// The settings of a training run.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The extents of sizes that neither the data nor the program fix, such as the widths of hidden layers.
    pub hidden: Vec<usize>,
    /// How parameters follow their gradients.
    pub optimiser: Optimiser,
    /// How far they go in one step.
    pub learning_rate: f64,
    /// How many samples a step looks at. The last batch of an epoch may be smaller.
    pub batch: usize,
    /// How often all samples are gone through.
    pub epochs: usize,
    /// The number that decides first values, the order of samples and the validation part.
    pub seed: u64,
    /// How many threads work; results do not depend on it.
    pub threads: usize,
    /// The share of samples held out to choose the best model; 0 keeps the last model.
    pub validation: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hidden: Vec::new(),
            optimiser: Optimiser::default(),
            learning_rate: Optimiser::default().usual_rate(),
            batch: 128,
            epochs: 10,
            seed: 42,
            threads: 2,
            validation: 0.1,
        }
    }
}

impl Options {
    /// Fails where a setting makes no sense by itself.
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |message: String| Err(Error::argument(message));
        if !(self.learning_rate.is_finite() && self.learning_rate >= 0.0) {
            return wrong(format!(
                "the learning rate must be a number from 0 upwards, but is {}",
                self.learning_rate
            ));
        }
        if self.batch == 0 {
            return wrong("a batch needs at least one sample, but its size is 0".to_owned());
        }
        if self.epochs == 0 || u32::try_from(self.epochs).is_err() {
            return wrong(format!(
                "the number of epochs must lie between 1 and {}, but is {}",
                u32::MAX,
                self.epochs
            ));
        }
        if self.threads == 0 || self.threads > MOST_THREADS {
            return wrong(format!(
                "the number of threads must lie between 1 and {MOST_THREADS}, but is {}",
                self.threads
            ));
        }
        if !(0.0..1.0).contains(&self.validation) {
            return wrong(format!(
                "the validation part must be a share from 0 to below 1, but is {}",
                self.validation
            ));
        }
        Ok(())
    }
}
