//! The loop over epochs and batches. Must never compute: it fills the inputs of plans, runs them, and reads what
//! they left. No step allocates.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use backprove_engine::Plan;

use super::{Epoch, Event, Measure, Options, Timing};
use crate::Error;
use crate::data::{BatchOrder, Dataset, Scaler};
use crate::evaluation::{Evaluator, best};
use crate::model::Model;
use crate::optim::Step;

/// How a run ended.
pub(super) enum End {
    /// All epochs were gone through.
    Complete,
    /// It was asked to stop.
    Stopped,
    /// Numbers stopped being finite, as this sentence says.
    Diverged(String),
}

/// A part of an epoch, or how the run ended in it.
type Passed<T> = Result<T, End>;

/// A training run between two steps.
pub(super) struct Loop<'a> {
    /// The samples as they came, and how they are scaled on their way into a plan: a scaled copy of all would take longer.
    training: &'a Dataset,
    scaler: &'a Scaler,
    options: &'a Options,
    /// The plan of a full batch, or of all samples where they are fewer.
    full: Plan<f32>,
    /// The plan of the last batch, where it is smaller.
    rest: Option<Plan<f32>>,
    names: Names,
    /// Inputs that steps change: what moves from one plan to the other.
    carried: Vec<String>,
    batch: usize,
    labels: Vec<u32>,
    validation: Option<Validation<'a>>,
    history: Vec<Epoch>,
    best: Option<(usize, Measure)>,
    values: Vec<Vec<f32>>,
    timing: Timing,
}

struct Names {
    features: String,
    labels: String,
    scores: String,
    loss: String,
    parameters: Vec<String>,
}

struct Validation<'a> {
    data: &'a Dataset,
    evaluator: Evaluator,
    predicted: Vec<u32>,
}

impl<'a> Loop<'a> {
    pub(super) fn new(
        model: &'a Model,
        step: &Step,
        training: &'a Dataset,
        validation: Option<&'a Dataset>,
        options: &'a Options,
    ) -> Result<Self, Error> {
        let network = model.network();
        let batch = options.batch.min(training.len());
        let left = training.len() % batch;
        let names = Names {
            features: network.features().name().to_owned(),
            labels: network.labels().name().to_owned(),
            scores: network.scores().to_owned(),
            loss: network.loss().to_owned(),
            parameters: network
                .parameters()
                .iter()
                .map(|tensor| tensor.name().to_owned())
                .collect(),
        };
        let plan = |rows: usize| -> Result<Plan<f32>, Error> {
            let sizes = network.sizes_with(model.sizes(), rows);
            let outputs = [names.scores.as_str(), names.loss.as_str()];
            let updates: Vec<(&str, &str)> = step
                .updates()
                .iter()
                .map(|(input, equation)| (input.as_str(), equation.as_str()))
                .collect();
            let mut plan =
                Plan::compile_for(step.program(), &sizes, &outputs, &updates, options.threads)?;
            for (name, value) in step.numbers() {
                plan.set(name, &[*value])?;
            }
            for (name, values) in names.parameters.iter().zip(model.values()) {
                plan.set(name, values)?;
            }
            for (name, _) in step.states() {
                plan.input_mut(name)?.fill(0.0);
            }
            Ok(plan)
        };
        let validation = validation.map(|data| -> Result<Validation, Error> {
            Ok(Validation {
                data,
                evaluator: Evaluator::new(
                    network,
                    model.sizes(),
                    data.len(),
                    true,
                    options.threads,
                )?,
                predicted: Vec::with_capacity(data.len()),
            })
        });
        Ok(Self {
            full: plan(batch)?,
            rest: (left > 0).then(|| plan(left)).transpose()?,
            training,
            scaler: &model.scaler,
            options,
            carried: step
                .updates()
                .iter()
                .map(|(input, _)| input.clone())
                .collect(),
            batch,
            labels: vec![0; batch],
            validation: validation.transpose()?,
            history: Vec::with_capacity(options.epochs),
            best: None,
            values: model.values().to_vec(),
            timing: Timing::default(),
            names,
        })
    }

    /// Runs all epochs, and says how it ended. The parameters are kept only where they and the losses are finite.
    pub(super) fn run(
        &mut self,
        observe: &mut dyn FnMut(Event<'_>),
        stop: &AtomicBool,
    ) -> Result<End, Error> {
        let mut order = BatchOrder::new(self.training.len(), self.batch, self.options.seed)?;
        for epoch in 1..=self.options.epochs {
            order.shuffle(epoch as u32 - 1);
            let training = match self.epoch(epoch, &order, observe, stop)? {
                Ok(training) => training,
                Err(end) => {
                    if matches!(end, End::Stopped) && self.best.is_none() {
                        self.keep()?;
                    }
                    return Ok(end);
                }
            };
            let validation = match self.validate(epoch)? {
                Ok(validation) => validation,
                Err(end) => return Ok(end),
            };
            let result = Epoch {
                training,
                validation,
            };
            // Without a validation part the last model is kept.
            let better = match (validation, &self.best) {
                (Some(new), Some((_, old))) => {
                    new.accuracy > old.accuracy
                        || (new.accuracy >= old.accuracy && new.loss < old.loss)
                }
                _ => true,
            };
            if better {
                self.best = Some((epoch, validation.unwrap_or(training)));
                self.keep()?;
            }
            self.history.push(result);
            observe(Event::Epoch {
                epoch,
                result: &result,
                best: better,
            });
        }
        Ok(End::Complete)
    }

    /// The history, the best epoch, the timing and the best parameters.
    pub(super) fn finish(self) -> (Vec<Epoch>, Option<usize>, Timing, Vec<Vec<f32>>) {
        let best = self.best.map(|(epoch, _)| epoch);
        (self.history, best, self.timing, self.values)
    }

    /// The steps of one epoch.
    fn epoch(
        &mut self,
        epoch: usize,
        order: &BatchOrder,
        observe: &mut dyn FnMut(Event<'_>),
        stop: &AtomicBool,
    ) -> Result<Passed<Measure>, Error> {
        let (mut loss, mut right, mut done) = (0.0, 0, 0);
        for samples in order.batches() {
            if stop.load(Ordering::Relaxed) {
                return Ok(Err(End::Stopped));
            }
            let start = Instant::now();
            let (batch_loss, batch_right) = self.step(samples)?;
            self.timing.steps += start.elapsed().as_secs_f64();
            self.timing.samples += samples.len() as u64;
            if !batch_loss.is_finite() {
                return Ok(Err(self.diverged("loss", batch_loss, epoch)));
            }
            loss += batch_loss * samples.len() as f64;
            right += batch_right;
            done += samples.len();
            observe(Event::Step {
                epoch,
                samples: done,
                loss: batch_loss,
            });
        }
        Ok(Ok(Measure {
            loss: loss / done as f64,
            accuracy: right as f64 / done as f64,
        }))
    }

    /// One step on a batch: its loss, and how many samples were predicted right before the update.
    fn step(&mut self, samples: &[u32]) -> Result<(f64, usize), Error> {
        let labels = &mut self.labels[..samples.len()];
        let plan = match &mut self.rest {
            Some(rest) if samples.len() < self.batch => {
                carry(&self.carried, &self.full, rest)?;
                rest
            }
            _ => &mut self.full,
        };
        let (training, scaler) = (self.training, self.scaler);
        plan.fill_rows(&self.names.features, |place, row| {
            scaler.scale(training.row(samples[place] as usize), row);
        })?;
        for (label, sample) in labels.iter_mut().zip(samples) {
            *label = training.labels()[*sample as usize];
        }
        plan.set_labels(&self.names.labels, labels)?;
        plan.run();
        let loss = f64::from(plan.get(&self.names.loss)?[0]);
        let scores = plan.get(&self.names.scores)?;
        let right = scores
            .chunks_exact(scores.len() / samples.len())
            .zip(labels.iter())
            .filter(|(scores, label)| best(scores) == **label)
            .count();
        if let Some(rest) = &self.rest
            && samples.len() < self.batch
        {
            carry(&self.carried, rest, &mut self.full)?;
        }
        Ok((loss, right))
    }

    /// What the parameters make of the validation part, where there is one. The last step of an epoch may have left
    /// parameters that no loss has seen yet.
    fn validate(&mut self, epoch: usize) -> Result<Passed<Option<Measure>>, Error> {
        for name in &self.names.parameters {
            let wild = self.full.get(name)?.iter().find(|value| !value.is_finite());
            if let Some(value) = wild {
                let what = format!("parameter `{name}`");
                return Ok(Err(self.diverged(&what, f64::from(*value), epoch)));
            }
        }
        let Some(validation) = &mut self.validation else {
            return Ok(Ok(None));
        };
        for (place, name) in self.names.parameters.iter().enumerate() {
            validation.evaluator.set_one(place, self.full.get(name)?)?;
        }
        let (features, labels) = (validation.data.features(), validation.data.labels());
        let predicted = &mut validation.predicted;
        let found = validation
            .evaluator
            .run(features, Some(labels), predicted)?;
        if !found.loss.is_finite() {
            let what = "loss of the validation part";
            return Ok(Err(self.diverged(what, found.loss, epoch)));
        }
        if found.undecided.is_some() {
            let what = "highest score of a validation sample";
            return Ok(Err(self.diverged(what, f64::NAN, epoch)));
        }
        let pairs = predicted.iter().zip(labels);
        let right = pairs
            .filter(|(predicted, label)| predicted == label)
            .count();
        Ok(Ok(Some(Measure {
            loss: found.loss,
            accuracy: right as f64 / labels.len() as f64,
        })))
    }

    /// Copies the parameters as they are now.
    fn keep(&mut self) -> Result<(), Error> {
        for (name, values) in self.names.parameters.iter().zip(&mut self.values) {
            values.copy_from_slice(self.full.get(name)?);
        }
        Ok(())
    }

    fn diverged(&self, what: &str, value: f64, epoch: usize) -> End {
        let rate = self.options.learning_rate;
        // In single precision a tenth is printed with few digits.
        let smaller = (rate / 10.0) as f32;
        End::Diverged(format!(
            "the {what} became {value} in epoch {epoch}, with learning rate {rate}; a smaller one, such as {smaller}, usually helps"
        ))
    }
}

/// Copies what steps change from one plan to another.
fn carry(names: &[String], from: &Plan<f32>, to: &mut Plan<f32>) -> Result<(), Error> {
    for name in names {
        to.set(name, from.get(name)?)?;
    }
    Ok(())
}
