//! Which share of the cores' peak do training steps reach? The operations of the products of a step, by the time it takes, beside the
//! fused multiply-adds that the same cores do in the same rounds on registers alone.

mod perceptron;

use std::error::Error;
use std::time::Instant;

use backprove::engine::Peak;
use perceptron::{LARGE, MIDDLE};
use xtask::report::Report;
use xtask::statistics::median;

/// The share of the peak that the large step should reach.
const GOAL: f64 = 0.85;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(mut report) = Report::of("peak") else {
        return Ok(());
    };
    for (network, steps, goal) in [(MIDDLE, 20, None), (LARGE, 2, Some(GOAL))] {
        for threads in [1, 2] {
            let mut plan = network.plan(threads)?;
            let (mut times, mut ideal) = (Vec::new(), Vec::new());
            for _ in 0..report.choose(7, 25) {
                let run = |_| {
                    let start = Instant::now();
                    plan.run();
                    start.elapsed().as_secs_f64()
                };
                times.push(median(&(0..steps).map(run).collect::<Vec<_>>()));
                ideal.push(network.operations() / peak(threads));
            }
            let case = format!("{} {threads} threads", network.name);
            // The time at the peak is the rival's: the ratio is the share.
            report.compare(&case, "the peak", [&times, &ideal], goal);
        }
    }
    report.finish()
}

/// Operations a second of so many cores at once.
fn peak(threads: usize) -> f64 {
    let measure = || Peak::measure::<f32>().operations;
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(measure)).collect();
        let own = measure();
        let others = others.into_iter().map(|other| other.join().unwrap_or(own));
        own + others.sum::<f64>()
    })
}
