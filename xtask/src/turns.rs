//! Sides that are measured in turn, so that each round's times share what else the machine does. A side takes its own times.

use std::error::Error;

use crate::statistics::median;

/// Runs some work and returns the seconds of each repetition.
type Run<'a> = Box<dyn FnMut() -> Result<Vec<f64>, Box<dyn Error>> + 'a>;

/// One of the sides of a comparison.
pub struct Side<'a> {
    /// What it is called in tables.
    pub name: String,
    /// How many times as fast we should be at least.
    pub goal: Option<f64>,
    run: Run<'a>,
}

impl<'a> Side<'a> {
    /// A side; ours has no goal.
    pub fn new(
        name: impl Into<String>,
        goal: Option<f64>,
        run: impl FnMut() -> Result<Vec<f64>, Box<dyn Error>> + 'a,
    ) -> Self {
        Self {
            name: name.into(),
            goal,
            run: Box::new(run),
        }
    }
}

/// Runs all sides one after the other, `rounds` times after one to warm up; returns for each side the median of each round.
///
/// ```
/// use xtask::turns::{Side, in_turn};
/// let mut sides = [
///     Side::new("ours", None, || Ok(vec![1.0, 2.0, 3.0])),
///     Side::new("theirs", Some(2.0), || Ok(vec![5.0])),
/// ];
/// assert_eq!(in_turn(&mut sides, 2)?, [[2.0, 2.0], [5.0, 5.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn in_turn(sides: &mut [Side<'_>], rounds: usize) -> Result<Vec<Vec<f64>>, Box<dyn Error>> {
    let mut times = vec![Vec::with_capacity(rounds); sides.len()];
    for round in 0..=rounds {
        for (side, times) in sides.iter_mut().zip(&mut times) {
            let seconds = (side.run)()?;
            if round > 0 {
                times.push(median(&seconds));
            }
        }
    }
    Ok(times)
}
