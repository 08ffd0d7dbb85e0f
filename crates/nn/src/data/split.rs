//! Which samples go where, and in which order. Must never touch features, and must never depend on
//! anything but its arguments: the same seed gives the same samples on every platform.

use rand::seq::SliceRandom;

use super::Dataset;
use crate::Error;
use crate::random::{Purpose, generator};

/// A data set in two parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// The part to learn from.
    pub train: Dataset,
    /// The part held out, for validation or for the test.
    pub held_out: Dataset,
}

/// Holds out a share of the samples, the same share of each class.
///
/// The held-out part has `fraction` of all samples, rounded; classes whose exact share is not whole
/// are rounded so that the total is met, the largest remainders upwards. A class keeps at least one
/// sample to learn from. Both parts keep the order of the source.
///
/// ```
/// let split = backprove_nn::data::stratified_split(&backprove_nn::data::digits()?, 0.2, 42)?;
/// assert_eq!((split.train.len(), split.held_out.len()), (1438, 359));
/// # Ok::<(), backprove_nn::Error>(())
/// ```
pub fn stratified_split(data: &Dataset, fraction: f64, seed: u64) -> Result<Split, Error> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(Error::argument(format!(
            "the held-out share must lie between 0 and 1, but is {fraction}"
        )));
    }
    let quotas = quotas(&data.class_sizes(), fraction);
    let mut members = vec![Vec::new(); data.class_count()];
    for (sample, &label) in (0_u32..).zip(data.labels()) {
        members[label as usize].push(sample);
    }
    let mut random = generator(seed, Purpose::Split);
    let mut train = Vec::new();
    let mut held_out = Vec::new();
    for (mut members, quota) in members.into_iter().zip(quotas) {
        members.shuffle(&mut random);
        held_out.extend(members.drain(..quota));
        train.append(&mut members);
    }
    if held_out.is_empty() {
        return Err(Error::argument(format!(
            "{} of {} samples leaves nothing held out",
            fraction,
            data.len()
        )));
    }
    train.sort_unstable();
    held_out.sort_unstable();
    Ok(Split {
        train: data.select(&train)?,
        held_out: data.select(&held_out)?,
    })
}

/// How many samples of each class are held out.
fn quotas(sizes: &[usize], fraction: f64) -> Vec<usize> {
    let exact = |size: usize| size as f64 * fraction;
    let most = |size: usize| size.saturating_sub(1);
    let mut quotas: Vec<usize> = sizes
        .iter()
        .map(|&size| (exact(size).floor() as usize).min(most(size)))
        .collect();
    let total = exact(sizes.iter().sum()).round() as usize;
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    by_remainder.sort_by(|&a, &b| exact(sizes[b]).fract().total_cmp(&exact(sizes[a]).fract()));
    let mut missing = total.saturating_sub(quotas.iter().sum());
    for class in by_remainder {
        if missing > 0 && quotas[class] < most(sizes[class]) {
            quotas[class] += 1;
            missing -= 1;
        }
    }
    quotas
}

/// The order in which an epoch visits the samples, in batches.
///
/// ```
/// let mut order = backprove_nn::data::BatchOrder::new(10, 4, 42)?;
/// order.shuffle(0);
/// let sizes: Vec<usize> = order.batches().map(<[u32]>::len).collect();
/// assert_eq!(sizes, [4, 4, 2]);
/// # Ok::<(), backprove_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchOrder {
    samples: Vec<u32>,
    batch: usize,
    seed: u64,
}

impl BatchOrder {
    /// The samples `0..len` in their own order. Fails on an empty batch or no samples.
    pub fn new(len: usize, batch: usize, seed: u64) -> Result<Self, Error> {
        let Ok(end) = u32::try_from(len) else {
            return Err(Error::argument(format!(
                "{len} samples are more than {}",
                u32::MAX
            )));
        };
        if end == 0 || batch == 0 {
            return Err(Error::argument(format!(
                "{len} samples in batches of {batch} make no epoch"
            )));
        }
        Ok(Self {
            samples: (0..end).collect(),
            batch,
            seed,
        })
    }

    /// Puts the samples in the order of one epoch, whichever order they had before; so a run that is
    /// resumed at an epoch goes on as if it had not stopped.
    pub fn shuffle(&mut self, epoch: u32) {
        for (sample, place) in (0..).zip(&mut self.samples) {
            *place = sample;
        }
        self.samples
            .shuffle(&mut generator(self.seed, Purpose::Order { epoch }));
    }

    /// The batches; the last may be smaller than the others.
    pub fn batches(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.samples.chunks(self.batch)
    }
}
