//! Training: epochs of mini-batches, validation, and the best model kept. Must never hold a derivative or an update:
//! a step is one plan of a program.

mod loops;
mod options;

use std::borrow::Cow;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

pub use options::Options;

use crate::Error;
use crate::data::{Dataset, Scaler, stratified_split};
use crate::model::Model;
use crate::network::Network;
use crate::optim::Step;
use crate::parameters::first_values;
use loops::{End, Loop};

/// What a trained network came from.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The best model by accuracy on the validation part, then by loss; without such a part, the last.
    pub model: Model,
    /// One entry for each finished epoch.
    pub history: Vec<Epoch>,
    /// The epoch whose model was kept, counted from one; none where no epoch was finished.
    pub best_epoch: Option<usize>,
    /// Whether it was stopped before the last epoch.
    pub interrupted: bool,
    /// Why it ended before the last epoch where numbers stopped being finite: what became of which number, and a proposal.
    pub diverged: Option<String>,
    /// The program of a step and the derivation behind it.
    pub step: Step,
    /// How many samples were learned from.
    pub training_samples: usize,
    /// How many samples were held out to choose the best model.
    pub validation_samples: usize,
    /// How long it took.
    pub timing: Timing,
}

/// Seconds on the clock, which no other result depends on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Timing {
    /// Derivation, planning and first values.
    pub preparation: f64,
    /// The training steps alone.
    pub steps: f64,
    /// Everything, validation included.
    pub total: f64,
    /// Samples that steps went through.
    pub samples: u64,
}

impl Timing {
    /// Samples in a second of training steps.
    pub fn rate(&self) -> f64 {
        if self.steps > 0.0 {
            self.samples as f64 / self.steps
        } else {
            0.0
        }
    }
}

/// What one epoch brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Epoch {
    /// On the training part, while the parameters changed from batch to batch.
    pub training: Measure,
    /// On the validation part, after the epoch.
    pub validation: Option<Measure>,
}

/// How well a part was predicted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// The mean loss of a sample.
    pub loss: f64,
    /// The share of samples predicted right.
    pub accuracy: f64,
}

/// What happens while a network is trained.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A step is done.
    Step {
        /// The epoch, counted from one.
        epoch: usize,
        /// The samples of this epoch that were gone through.
        samples: usize,
        /// The loss of its batch.
        loss: f64,
    },
    /// An epoch is done.
    Epoch {
        /// The epoch, counted from one.
        epoch: usize,
        /// What it brought.
        result: &'a Epoch,
        /// Whether its model is the best so far.
        best: bool,
    },
}

/// Trains `network` on `data`, which are split into a training and a validation part here; the scaling is fitted on
/// the training part. The same options give the same bytes on any number of threads.
///
/// `observe` is told what happens. Once `stop` is set, training ends before the next step and the best model so far is
/// kept; so it is where the loss or a parameter stops being finite in a later epoch, see [`Outcome::diverged`]. Fails
/// where that happens in the first epoch, and where options, network and data do not fit.
///
/// ```
/// use std::sync::atomic::AtomicBool;
/// use backprove_nn::{data::{digits, stratified_split}, network::Network, train::{Options, train}};
///
/// let split = stratified_split(&digits()?, 0.2, 42)?;
/// let network = Network::mlp(1, "elu")?;
/// let options = Options { hidden: vec![16], batch: 16, epochs: 5, ..Options::default() };
/// let outcome = train(&network, &split.train, &options, &mut |_| (), &AtomicBool::new(false))?;
/// let test = outcome.model.evaluate(&split.held_out, 1)?;
/// assert!(test.confusion.accuracy() > 0.8);
/// # Ok::<(), backprove_nn::Error>(())
/// ```
pub fn train(
    network: &Network,
    data: &Dataset,
    options: &Options,
    observe: &mut dyn FnMut(Event<'_>),
    stop: &AtomicBool,
) -> Result<Outcome, Error> {
    let start = Instant::now();
    options.check()?;
    if data.class_count() < 2 {
        return Err(Error::argument(format!(
            "{} has one class only, so there is nothing to learn",
            data.name()
        )));
    }
    let (training, mut validation) = if options.validation > 0.0 {
        let split = stratified_split(data, options.validation, options.seed)?;
        (Cow::Owned(split.train), Some(split.held_out))
    } else {
        (Cow::Borrowed(data), None)
    };
    let scaler = Scaler::fitting(&training);
    if let Some(validation) = &mut validation {
        scaler.apply(validation)?;
    }
    let sizes = network.sizes(data.feature_shape(), data.class_count(), &options.hidden)?;
    let step = Step::new(network, options.optimiser, options.learning_rate)?;
    let first = first_values(network, &sizes, options.seed)?;
    let mut model = Model {
        network: network.clone(),
        sizes,
        values: first,
        scaler,
        class_names: data.class_names().to_vec(),
        feature_shape: data.feature_shape().to_vec(),
        feature_names: data.about().feature_names.clone(),
    };
    let mut epochs = Loop::new(&model, &step, &training, validation.as_ref(), options)?;
    let preparation = start.elapsed().as_secs_f64();
    let end = epochs.run(observe, stop)?;
    let (history, best_epoch, mut timing, best) = epochs.finish();
    let interrupted = matches!(end, End::Stopped);
    let diverged = match end {
        End::Diverged(why) if best_epoch.is_none() => return Err(Error::argument(why)),
        End::Diverged(why) => Some(why),
        End::Complete | End::Stopped => None,
    };
    model.values = best;
    timing.preparation = preparation;
    timing.total = start.elapsed().as_secs_f64();
    Ok(Outcome {
        model,
        history,
        best_epoch,
        interrupted,
        diverged,
        step,
        training_samples: training.len(),
        validation_samples: validation.map_or(0, |part| part.len()),
        timing,
    })
}
