//! How well predicted classes agree with true ones. Must never know how they were predicted.

use crate::Error;

/// How often each true class was predicted as each class, and what follows from it.
///
/// ```
/// use backprove_nn::metrics::Confusion;
/// let truth = [0, 0, 1, 1];
/// let predicted = [0, 1, 1, 1];
/// let confusion = Confusion::new(2, &truth, &predicted)?;
/// assert_eq!(confusion.count(0, 1), 1);
/// assert!((confusion.accuracy() - 0.75).abs() < 1e-12);
/// # Ok::<(), backprove_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// Row-major: true class × predicted class.
    counts: Vec<u64>,
}

/// Precision, recall and F1 of one class, or their means over classes.
///
/// A quotient 0/0 counts as 0: the precision of a class that was never predicted, the recall of one
/// that never occurs, the F1 where both are 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Of the samples predicted as the class, the share that belongs to it.
    pub precision: f64,
    /// Of the samples that belong to the class, the share predicted as it.
    pub recall: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
    /// The samples that belong to the class.
    pub support: u64,
}

impl Confusion {
    /// Counts the pairs. Fails where there are no classes or no samples, the lengths differ, or a class is out of range.
    pub fn new(classes: usize, truth: &[u32], predicted: &[u32]) -> Result<Self, Error> {
        if classes == 0 || truth.is_empty() || truth.len() != predicted.len() {
            return Err(Error::argument(format!(
                "{} true and {} predicted labels of {classes} classes cannot be compared",
                truth.len(),
                predicted.len()
            )));
        }
        let mut counts = vec![0; classes * classes];
        for (&truth, &predicted) in truth.iter().zip(predicted) {
            let (row, column) = (truth as usize, predicted as usize);
            if row >= classes || column >= classes {
                return Err(Error::argument(format!(
                    "label {} is not one of {classes} classes",
                    truth.max(predicted)
                )));
            }
            counts[row * classes + column] += 1;
        }
        Ok(Self { classes, counts })
    }

    /// The number of classes.
    pub fn class_count(&self) -> usize {
        self.classes
    }

    /// The number of samples, at least one.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many samples of class `truth` were predicted as `predicted`; 0 for classes that do not exist.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.row(truth).get(predicted).copied().unwrap_or(0)
    }

    /// The samples of one true class, by predicted class; empty for a class that does not exist.
    pub fn row(&self, truth: usize) -> &[u64] {
        self.counts
            .chunks_exact(self.classes)
            .nth(truth)
            .unwrap_or(&[])
    }

    /// The share of samples predicted right.
    pub fn accuracy(&self) -> f64 {
        let right = (0..self.classes)
            .map(|class| self.count(class, class))
            .sum();
        ratio(right, self.total())
    }

    /// The scores of each class.
    pub fn per_class(&self) -> Vec<Scores> {
        (0..self.classes)
            .map(|class| {
                let right = self.count(class, class);
                let predicted = (0..self.classes)
                    .map(|truth| self.count(truth, class))
                    .sum();
                let support = self.row(class).iter().sum();
                Scores {
                    precision: ratio(right, predicted),
                    recall: ratio(right, support),
                    // 2 P R / (P + R), where it is written without quotients of quotients.
                    f1: ratio(2 * right, predicted + support),
                    support,
                }
            })
            .collect()
    }

    /// The plain means of the classes' scores, each class with the same weight; the support is the
    /// number of samples.
    pub fn macro_average(&self) -> Scores {
        let scores = self.per_class();
        let mean =
            |of: fn(&Scores) -> f64| scores.iter().map(of).sum::<f64>() / scores.len() as f64;
        Scores {
            precision: mean(|scores| scores.precision),
            recall: mean(|scores| scores.recall),
            f1: mean(|scores| scores.f1),
            support: self.total(),
        }
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
