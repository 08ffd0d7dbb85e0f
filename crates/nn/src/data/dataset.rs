//! Labelled samples as plain numbers. Must never know a file format.

use crate::Error;

/// A confusion matrix of more classes would not fit a page, nor soon the memory.
pub(super) const MOST_CLASSES: usize = 4096;

/// Labelled samples: one row of features and one class for each.
///
/// The features are the numbers of the source, unscaled; see [`Scaler`](super::Scaler).
///
/// ```
/// let digits = backprove_nn::data::digits()?;
/// assert_eq!((digits.len(), digits.feature_count(), digits.class_count()), (1797, 64, 10));
/// assert_eq!(digits.row(0).len(), 64);
/// assert_eq!(digits.class_names()[digits.labels()[0] as usize], "0");
/// # Ok::<(), backprove_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    features: Vec<f32>,
    labels: Vec<u32>,
    feature_count: usize,
    about: About,
}

/// What is known about a data set besides its numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct About {
    /// A short name for tables and reports.
    pub name: String,
    /// The classes' names; a label is an index into them.
    pub class_names: Vec<String>,
    /// The shape of one sample's features, such as `[8, 8]`; its product is the feature count.
    pub feature_shape: Vec<usize>,
    /// The features' names, where a table's header says them; otherwise empty.
    pub feature_names: Vec<String>,
    /// The smallest and largest value that a feature can take, where the format says so.
    pub feature_range: Option<(f32, f32)>,
    /// Source and licence, where they are known; a report prints this line.
    pub attribution: Option<String>,
}

impl Dataset {
    /// Puts samples together. Fails where the numbers do not fit each other (a shape that does not
    /// divide the features, a label without a class), on no sample or feature, and on more than 4096
    /// classes.
    pub fn new(features: Vec<f32>, labels: Vec<u32>, about: About) -> Result<Self, Error> {
        let name = &about.name;
        let feature_count = about
            .feature_shape
            .iter()
            .try_fold(1_usize, |count, &extent| count.checked_mul(extent))
            .filter(|&count| count > 0)
            .ok_or_else(|| {
                let shape = &about.feature_shape;
                Error::argument(format!("{name}: {shape:?} is no shape of a sample"))
            })?;
        if labels.is_empty() {
            return Err(Error::argument(format!("{name}: no samples")));
        }
        if labels.len().checked_mul(feature_count) != Some(features.len()) {
            return Err(Error::argument(format!(
                "{name}: {} labels with {feature_count} features each do not fit {} numbers",
                labels.len(),
                features.len()
            )));
        }
        let classes = about.class_names.len();
        if classes > MOST_CLASSES {
            return Err(Error::argument(format!(
                "{name}: {classes} classes are more than {MOST_CLASSES}; is the label a number to predict?"
            )));
        }
        if let Some(sample) = labels.iter().position(|&label| label as usize >= classes) {
            return Err(Error::argument(format!(
                "{name}: sample {sample} has label {}, but there are {classes} classes",
                labels[sample]
            )));
        }
        Ok(Self {
            features,
            labels,
            feature_count,
            about,
        })
    }

    /// The number of samples, at least one.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// All features, row-major: samples × features.
    pub fn features(&self) -> &[f32] {
        &self.features
    }

    /// The same, for a scaler to write to.
    pub(super) fn features_mut(&mut self) -> &mut [f32] {
        &mut self.features
    }

    /// The features without the rest.
    pub(super) fn into_features(self) -> Vec<f32> {
        self.features
    }

    /// Forgets the features' range, which no longer holds once they were scaled.
    pub(super) fn forget_range(&mut self) {
        self.about.feature_range = None;
    }

    /// One class for each sample.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The features of one sample.
    ///
    /// # Panics
    ///
    /// Where `sample` is not less than [`len`](Self::len), as indexing does.
    pub fn row(&self, sample: usize) -> &[f32] {
        &self.features[sample * self.feature_count..][..self.feature_count]
    }

    /// The number of features of a sample, at least one.
    pub fn feature_count(&self) -> usize {
        self.feature_count
    }

    /// The number of classes.
    pub fn class_count(&self) -> usize {
        self.about.class_names.len()
    }

    /// The classes' names; a label is an index into them.
    pub fn class_names(&self) -> &[String] {
        &self.about.class_names
    }

    /// The shape of one sample, such as `[8, 8]` for a picture.
    pub fn feature_shape(&self) -> &[usize] {
        &self.about.feature_shape
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// Everything that is known besides the numbers.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// How many samples each class has.
    pub fn class_sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.class_count()];
        for &label in &self.labels {
            sizes[label as usize] += 1;
        }
        sizes
    }

    /// The chosen samples, in the order of `samples`. Fails where one does not exist, and on no choice.
    pub fn select(&self, samples: &[u32]) -> Result<Self, Error> {
        let mut features = vec![0.0; samples.len() * self.feature_count];
        let mut labels = vec![0; samples.len()];
        self.gather(samples, &mut features, &mut labels)?;
        Self::new(features, labels, self.about.clone())
    }

    /// Writes the chosen samples' features and labels to a batch's buffers, without allocating.
    /// Fails where a sample does not exist or a buffer has another size.
    pub fn gather(
        &self,
        samples: &[u32],
        features: &mut [f32],
        labels: &mut [u32],
    ) -> Result<(), Error> {
        if samples.len() != labels.len() || samples.len() * self.feature_count != features.len() {
            return Err(Error::argument(format!(
                "{} samples of {} features do not fit buffers for {} labels and {} numbers",
                samples.len(),
                self.feature_count,
                labels.len(),
                features.len()
            )));
        }
        let rows = features.chunks_exact_mut(self.feature_count);
        for ((&sample, row), label) in samples.iter().zip(rows).zip(labels) {
            let sample = sample as usize;
            if sample >= self.len() {
                return Err(Error::argument(format!(
                    "{} has {} samples, but sample {sample} was asked for",
                    self.name(),
                    self.len()
                )));
            }
            row.copy_from_slice(self.row(sample));
            *label = self.labels[sample];
        }
        Ok(())
    }
}
