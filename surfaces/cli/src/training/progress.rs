//! What is said while a network is trained: a bar on a terminal, a line for each epoch elsewhere. It must never write
//! to standard output.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use backprove::nn::train::{Event, Measure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::remark;

/// The bar changes no more often: steps may take microseconds.
const PAUSE: Duration = Duration::from_millis(100);

/// How a run goes on.
pub struct Progress {
    bar: Option<ProgressBar>,
    epochs: usize,
    samples: usize,
    best: Option<f64>,
    shown: Option<Instant>,
}

impl Progress {
    /// Nothing is known yet.
    pub fn new(epochs: usize, samples: usize) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let template = "{msg} {bar:24} {percent:>3} %  {per_sec}  {eta} left";
            let bar = ProgressBar::with_draw_target(
                Some((epochs * samples) as u64),
                ProgressDrawTarget::stderr_with_hz(10),
            );
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.with_key(
                    "per_sec",
                    |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                        let _ = write!(out, "{:.0} samples/s", state.per_sec());
                    },
                ));
            }
            bar
        });
        Self {
            bar,
            epochs,
            samples,
            best: None,
            shown: None,
        }
    }

    /// Takes notice of an event.
    pub fn observe(&mut self, event: &Event<'_>) {
        match (event, &self.bar) {
            (
                Event::Step {
                    epoch,
                    samples,
                    loss,
                },
                Some(bar),
            ) => {
                if self.shown.is_some_and(|shown| shown.elapsed() < PAUSE) {
                    return;
                }
                self.shown = Some(Instant::now());
                bar.set_position(((epoch - 1) * self.samples + samples) as u64);
                let best = self.best.map_or_else(String::new, |accuracy| {
                    format!(", best {:.2} %", 100.0 * accuracy)
                });
                bar.set_message(format!(
                    "epoch {epoch}/{}, loss {loss:.4}{best}",
                    self.epochs
                ));
            }
            (Event::Step { .. }, None) => {}
            (
                Event::Epoch {
                    epoch,
                    result,
                    best,
                },
                bar,
            ) => {
                if *best {
                    self.best = result.validation.map(|measure| measure.accuracy);
                }
                if bar.is_none() {
                    let validation = result
                        .validation
                        .as_ref()
                        .map_or_else(String::new, |measure| {
                            format!("; validation {}", words(measure))
                        });
                    let mark = if *best { ", best so far" } else { "" };
                    let training = words(&result.training);
                    let epochs = self.epochs;
                    remark(&format!(
                        "epoch {epoch}/{epochs}: {training}{validation}{mark}"
                    ));
                }
            }
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn words(measure: &Measure) -> String {
    format!(
        "loss {:.4}, accuracy {:.2} %",
        measure.loss,
        100.0 * measure.accuracy
    )
}
