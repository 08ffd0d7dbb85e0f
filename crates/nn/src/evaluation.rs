//! Networks applied to samples. Must never change a parameter.

use backprove_engine::Plan;

use crate::Error;
use crate::data::Dataset;
use crate::metrics::Confusion;
use crate::network::{Network, Sizes};

/// The samples of one pass, so that the memory does not grow with the data.
const BLOCK: usize = 256;

/// What a network makes of labelled samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The mean loss of a sample.
    pub loss: f64,
    /// True and predicted classes.
    pub confusion: Confusion,
}

/// What one pass over samples found besides the classes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// The mean loss, where it was asked for.
    pub(crate) loss: f64,
    /// The first sample without a highest score, counted from zero.
    pub(crate) undecided: Option<usize>,
}

impl Found {
    /// Fails where a class would be made up: a comparison with NaN is never true.
    fn decided(self) -> Result<Self, Error> {
        match self.undecided {
            None => Ok(self),
            Some(sample) => Err(Error::argument(format!(
                "the scores of sample {} are not finite, so no class is the most likely; either the model's training \
                 went astray (train it again, with a smaller learning rate), or the sample's numbers are too large for it",
                sample + 1
            ))),
        }
    }
}

/// Plans that run a network forward: one for blocks of samples, one for those left over.
#[derive(Debug)]
pub(crate) struct Evaluator {
    plans: Vec<(usize, Plan<f32>)>,
    names: Names,
    rows: usize,
    columns: usize,
}

#[derive(Debug)]
struct Names {
    features: String,
    labels: String,
    scores: String,
    loss: Option<String>,
    parameters: Vec<String>,
}

impl Evaluator {
    /// Plans `network` for `rows` samples. The loss needs labels; without it, only the classes are predicted.
    pub(crate) fn new(
        network: &Network,
        sizes: &Sizes,
        rows: usize,
        with_loss: bool,
        threads: usize,
    ) -> Result<Self, Error> {
        let names = Names {
            features: network.features().name().to_owned(),
            labels: network.labels().name().to_owned(),
            scores: network.scores().to_owned(),
            loss: with_loss.then(|| network.loss().to_owned()),
            parameters: network
                .parameters()
                .iter()
                .map(|tensor| tensor.name().to_owned())
                .collect(),
        };
        let outputs: Vec<&str> = std::iter::once(names.scores.as_str())
            .chain(names.loss.as_deref())
            .collect();
        let (whole, rest) = (rows / BLOCK, rows % BLOCK);
        let wanted = [(BLOCK, whole > 0), (rest, rest > 0)];
        let mut plans = Vec::new();
        for (rows, _) in wanted.into_iter().filter(|(_, wanted)| *wanted) {
            let sizes = network.sizes_with(sizes, rows);
            let plan = Plan::compile_for(network.program(), &sizes, &outputs, &[], threads)?;
            plans.push((rows, plan));
        }
        let columns = match plans.first() {
            Some((_, plan)) => plan.shape(&names.features)?[1..].iter().product(),
            None => return Err(Error::argument("there are no samples to evaluate")),
        };
        Ok(Self {
            plans,
            names,
            rows,
            columns,
        })
    }

    /// Takes over all parameters, in the network's order.
    pub(crate) fn set(&mut self, parameters: &[Vec<f32>]) -> Result<(), Error> {
        for (place, values) in parameters.iter().enumerate() {
            self.set_one(place, values)?;
        }
        Ok(())
    }

    /// Takes over one parameter, by its place in the network's order.
    pub(crate) fn set_one(&mut self, place: usize, values: &[f32]) -> Result<(), Error> {
        let Some(name) = self.names.parameters.get(place) else {
            return Ok(());
        };
        for (_, plan) in &mut self.plans {
            // A plan holds only what its outputs need: a penalty's parameter may occur in the loss alone.
            if plan.shape(name).is_ok() {
                plan.set(name, values)?;
            }
        }
        Ok(())
    }

    /// The predicted classes, written to `predicted`, and what else was found.
    pub(crate) fn run(
        &mut self,
        features: &[f32],
        labels: Option<&[u32]>,
        predicted: &mut Vec<u32>,
    ) -> Result<Found, Error> {
        if features.len() != self.rows * self.columns {
            return Err(Error::argument(format!(
                "{} numbers are not {} samples of {} features",
                features.len(),
                self.rows,
                self.columns
            )));
        }
        predicted.clear();
        let mut loss = 0.0;
        let mut undecided = None;
        let mut first = 0;
        while first < self.rows {
            let left = self.rows - first;
            let Some((rows, plan)) = self.plans.iter_mut().find(|(rows, _)| *rows <= left) else {
                break;
            };
            let samples = first..first + *rows;
            let block = &features[samples.start * self.columns..samples.end * self.columns];
            plan.set(&self.names.features, block)?;
            if let (Some(name), Some(labels)) = (&self.names.loss, labels) {
                plan.set_labels(&self.names.labels, &labels[samples.clone()])?;
                plan.run();
                loss += f64::from(plan.get(name)?[0]) * samples.len() as f64;
            } else {
                plan.run();
            }
            let scores = plan.get(&self.names.scores)?;
            let classes = scores.len() / samples.len();
            for (sample, scores) in samples.clone().zip(scores.chunks_exact(classes)) {
                predicted.push(best(scores));
                if undecided.is_none() && !has_best(scores) {
                    undecided = Some(sample);
                }
            }
            first = samples.end;
        }
        Ok(Found {
            loss: loss / self.rows as f64,
            undecided,
        })
    }

    /// The predicted classes of scaled samples. Fails where the scores of one are not finite.
    pub(crate) fn predict(&mut self, features: &[f32]) -> Result<Vec<u32>, Error> {
        let mut predicted = Vec::with_capacity(self.rows);
        self.run(features, None, &mut predicted)?.decided()?;
        Ok(predicted)
    }

    /// The loss and the confusion matrix of scaled data. Fails where the scores of a sample are not finite.
    pub(crate) fn evaluate(&mut self, data: &Dataset) -> Result<Evaluation, Error> {
        let mut predicted = Vec::with_capacity(data.len());
        let found = self.run(data.features(), Some(data.labels()), &mut predicted)?;
        Ok(Evaluation {
            loss: found.decided()?.loss,
            confusion: Confusion::new(data.class_count(), data.labels(), &predicted)?,
        })
    }
}

/// The class with the highest score, the first of equal ones.
pub(crate) fn best(scores: &[f32]) -> u32 {
    let mut best = 0;
    for (class, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = class;
        }
    }
    best as u32
}

/// Whether one score is the highest. None is beside NaN, and infinite scores may only tie because they overflowed.
fn has_best(scores: &[f32]) -> bool {
    let highest = scores[best(scores) as usize];
    let ties = || scores.iter().filter(|score| **score >= highest).count() > 1;
    !scores.iter().any(|score| score.is_nan()) && (highest.is_finite() || !ties())
}
