//! Features brought to comparable size. Must never look at samples other than those it is fitted
//! on: fitted on the training part, it says nothing about the held-out one.

use super::Dataset;
use crate::Error;

/// An affine map for each feature, `(x - shift) * factor`.
///
/// ```
/// use backprove_nn::data::{Scaler, digits, stratified_split};
/// let mut split = stratified_split(&digits()?, 0.2, 42)?;
/// let scaler = Scaler::fitting(&split.train);
/// scaler.apply(&mut split.train)?;
/// scaler.apply(&mut split.held_out)?;
/// assert!(split.held_out.features().iter().all(|x| (0.0..=1.0).contains(x)));
/// # Ok::<(), backprove_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Scaler {
    shift: Vec<f32>,
    factor: Vec<f32>,
}

impl Scaler {
    /// The usual choice: the known range to 0..1 where the format states one (pictures), otherwise
    /// mean 0 and standard deviation 1.
    pub fn fitting(train: &Dataset) -> Self {
        match train.about().feature_range {
            Some((low, high)) if high > low => Self {
                shift: vec![low; train.feature_count()],
                factor: vec![1.0 / (high - low); train.feature_count()],
            },
            _ => Self::standard(train),
        }
    }

    /// Each feature to mean 0 and (population) standard deviation 1 over `train`. A feature that is
    /// constant there becomes 0.
    pub fn standard(train: &Dataset) -> Self {
        let columns = train.feature_count();
        let count = train.len() as f64;
        let mut mean = vec![0.0_f64; columns];
        for row in train.features().chunks_exact(columns) {
            for (mean, &x) in mean.iter_mut().zip(row) {
                *mean += f64::from(x) / count;
            }
        }
        let mut variance = vec![0.0_f64; columns];
        for row in train.features().chunks_exact(columns) {
            for ((variance, mean), &x) in variance.iter_mut().zip(&mean).zip(row) {
                *variance += (f64::from(x) - mean).powi(2) / count;
            }
        }
        let factor = variance.iter().zip(&mean).map(|(variance, mean)| {
            // Below the rounding error of the mean itself, the feature is constant.
            let deviation = variance.sqrt();
            if deviation > 1e-7 * mean.abs() && deviation > f64::from(f32::MIN_POSITIVE) {
                (1.0 / deviation) as f32
            } else {
                0.0
            }
        });
        Self {
            factor: factor.collect(),
            shift: mean.iter().map(|&mean| mean as f32).collect(),
        }
    }

    /// A scaler from its two vectors, as a checkpoint keeps them. Fails where their lengths differ.
    pub fn from_parts(shift: Vec<f32>, factor: Vec<f32>) -> Result<Self, Error> {
        if shift.len() == factor.len() && !shift.is_empty() {
            return Ok(Self { shift, factor });
        }
        Err(Error::argument(format!(
            "a scaler needs one shift and one factor for each feature, but has {} and {}",
            shift.len(),
            factor.len()
        )))
    }

    /// What is subtracted from each feature.
    pub fn shift(&self) -> &[f32] {
        &self.shift
    }

    /// What each feature is multiplied by afterwards.
    pub fn factor(&self) -> &[f32] {
        &self.factor
    }

    /// Scales all samples. Fails where the data have another number of features.
    pub fn apply(&self, data: &mut Dataset) -> Result<(), Error> {
        if data.feature_count() != self.shift.len() {
            return Err(Error::argument(format!(
                "{} has {} features, but the scaler was fitted on {}",
                data.name(),
                data.feature_count(),
                self.shift.len()
            )));
        }
        self.apply_to_rows(data.features_mut())?;
        data.forget_range();
        Ok(())
    }

    /// Scales features without labels, row-major. Fails where they are no whole number of rows.
    pub fn apply_to_rows(&self, features: &mut [f32]) -> Result<(), Error> {
        if !features.len().is_multiple_of(self.shift.len()) {
            return Err(Error::argument(format!(
                "{} numbers are no rows of {} features, on which the scaler was fitted",
                features.len(),
                self.shift.len()
            )));
        }
        for row in features.chunks_exact_mut(self.shift.len()) {
            for ((x, shift), factor) in row.iter_mut().zip(&self.shift).zip(&self.factor) {
                *x = (*x - shift) * factor;
            }
        }
        Ok(())
    }

    /// Writes the scaled features of one sample to `to`; both have as many elements as the scaler.
    pub(crate) fn scale(&self, sample: &[f32], to: &mut [f32]) {
        let maps = self.shift.iter().zip(&self.factor);
        for ((to, x), (shift, factor)) in to.iter_mut().zip(sample).zip(maps) {
            *to = (x - shift) * factor;
        }
    }
}
