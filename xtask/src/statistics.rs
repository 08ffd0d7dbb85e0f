//! What is said of times that were taken in turn: medians, and how sure a ratio of two sides is. Must never take a time.

/// The middle of some numbers, the upper one of two; `NaN` of none.
///
/// ```
/// assert_eq!(xtask::statistics::median(&[3.0, 1.0, 2.0]), 2.0);
/// ```
pub fn median(numbers: &[f64]) -> f64 {
    let sorted = sorted(numbers);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The least of some numbers.
pub fn least(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(f64::INFINITY, f64::min)
}

/// A number that the median of what was drawn exceeds with a probability of at least 95 %, whatever the distribution: the greatest order
/// statistic for which the binomial distribution allows that. `None` for fewer than five numbers.
///
/// ```
/// let numbers: Vec<f64> = (1..=20).map(f64::from).collect();
/// assert_eq!(xtask::statistics::median_exceeds(&numbers), Some(6.0));
/// ```
pub fn median_exceeds(numbers: &[f64]) -> Option<f64> {
    // The k-th smallest lies above the median if fewer than k numbers lie below it.
    let mut probability = 0.5_f64.powi(numbers.len() as i32);
    let mut below = 0.0;
    let mut place = None;
    for k in 0..numbers.len() {
        below += probability;
        if below > 0.05 {
            break;
        }
        place = Some(k);
        probability *= (numbers.len() - k) as f64 / (k + 1) as f64;
    }
    place.map(|place| sorted(numbers)[place])
}

fn sorted(numbers: &[f64]) -> Vec<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Two sides whose times were taken in turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// The median of our rounds' times.
    pub ours: f64,
    /// The median of theirs.
    pub theirs: f64,
    /// Our best round.
    pub ours_best: f64,
    /// Their best round.
    pub theirs_best: f64,
    /// The median of the rounds' ratios, theirs to ours.
    pub ratio: f64,
    /// What that median exceeds with 95 % confidence; the median itself where there are too few rounds to say.
    pub bound: f64,
}

impl Comparison {
    /// Compares rounds; the time of each is the median of what was taken in it. A round's two times share what else the machine did, so
    /// ratios are taken round by round.
    ///
    /// ```
    /// use xtask::statistics::Comparison;
    /// let comparison = Comparison::of(&[1.0, 2.0, 1.0], &[3.0, 6.0, 3.0]);
    /// assert_eq!((comparison.ratio, comparison.ours, comparison.theirs_best), (3.0, 1.0, 3.0));
    /// ```
    pub fn of(ours: &[f64], theirs: &[f64]) -> Self {
        let ratios: Vec<f64> = ours
            .iter()
            .zip(theirs)
            .map(|(ours, theirs)| theirs / ours)
            .collect();
        let ratio = median(&ratios);
        Self {
            ours: median(ours),
            theirs: median(theirs),
            ours_best: least(ours),
            theirs_best: least(theirs),
            ratio,
            bound: median_exceeds(&ratios).unwrap_or(ratio),
        }
    }
}

/// The slope of the straight line with the least squared distances through `(x, y)`.
///
/// ```
/// assert_eq!(xtask::statistics::slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), 2.0);
/// ```
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let moment = |other: fn(f64, f64) -> f64| -> f64 {
        points
            .iter()
            .map(|(x, y)| other(x - mean_x, y - mean_y))
            .sum()
    };
    moment(|x, y| x * y) / moment(|x, _| x * x)
}

#[cfg(test)]
mod tests {
    use super::{Comparison, median, median_exceeds};

    #[test]
    fn a_bound_needs_five_numbers_and_is_then_the_least() {
        assert_eq!(median_exceeds(&[4.0, 2.0, 3.0, 5.0]), None);
        assert_eq!(median_exceeds(&[4.0, 2.0, 3.0, 5.0, 6.0]), Some(2.0));
        assert_eq!(median_exceeds(&[]), None);
    }

    /// Of all ways in which eleven numbers can lie above or below the median, the bound holds in at least 95 %.
    #[test]
    fn the_bound_holds_as_often_as_it_says() {
        let count = 11;
        let mut holds = 0;
        for sides in 0..1_u32 << count {
            let numbers: Vec<f64> = (0..count)
                .map(|at| {
                    if sides >> at & 1 == 1 {
                        1.0 + f64::from(at)
                    } else {
                        -1.0 - f64::from(at)
                    }
                })
                .collect();
            holds += u32::from(median_exceeds(&numbers).is_some_and(|bound| bound < 0.0));
        }
        let share = f64::from(holds) / f64::from(1_u32 << count);
        assert!((0.95..0.99).contains(&share), "{share}");
    }

    #[test]
    fn a_slow_round_of_both_sides_leaves_the_ratio_as_it_is() {
        let ours = [1.0, 1.0, 8.0, 1.0, 1.0];
        let theirs = ours.map(|time| 2.0 * time);
        let comparison = Comparison::of(&ours, &theirs);
        assert!((comparison.ratio - 2.0).abs() < 1e-12 && (comparison.bound - 2.0).abs() < 1e-12);
    }

    #[test]
    fn the_median_of_nothing_is_no_number() {
        assert!(median(&[]).is_nan());
    }
}
