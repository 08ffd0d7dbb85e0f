//! How does the time of a step grow with batch, width and depth? The slope over logarithmic axes is compared with that of the operations
//! of the products: where a plan adds nothing of its own, they are equal.

mod perceptron;

use std::error::Error;
use std::fmt::Write as _;
use std::time::Instant;

use perceptron::Perceptron;
use xtask::plot::{self, Line};
use xtask::report::Report;
use xtask::statistics::{least, median, slope};

const THREADS: usize = 2;
const FEATURES: usize = 256;
const CLASSES: usize = 10;

/// What is varied; everything else is as in the network in the middle.
const SERIES: [(&str, &[usize]); 3] = [
    ("batch", &[32, 64, 128, 256, 512, 1024, 2048]),
    ("width", &[64, 128, 256, 512, 1024, 2048]),
    ("depth", &[1, 2, 4, 8, 16, 32]),
];

fn main() -> Result<(), Box<dyn Error>> {
    let Some(mut report) = Report::of("scaling") else {
        return Ok(());
    };
    let mut table = String::from(
        "| varied | slope of the time | slope of the operations | least and greatest size |\n|---|--:|--:|---|",
    );
    let mut lines = Vec::new();
    for (name, sizes) in SERIES {
        if !report.wants(name) {
            continue;
        }
        let sizes = &sizes[..report.choose(4, sizes.len())];
        let mut points = Vec::new();
        let mut operations = Vec::new();
        for &size in sizes {
            let network = network(name, size);
            points.push((size as f64, 1e3 * step(&network, report.choose(5, 15))?));
            operations.push((size as f64, network.operations()));
        }
        // Operations as times: in proportion, and through the middle of what was measured.
        let ratio = |((_, time), (_, count)): (&(f64, f64), &(f64, f64))| (time / count).ln();
        let ratios: f64 = points.iter().zip(&operations).map(ratio).sum();
        let scale = (ratios / points.len() as f64).exp();
        let ideal: Vec<_> = operations
            .iter()
            .map(|(size, count)| (*size, count * scale))
            .collect();
        let slopes = [&points, &ideal].map(|points| {
            let logarithms = points.iter().map(|(size, time)| (size.ln(), time.ln()));
            slope(&logarithms.collect::<Vec<_>>())
        });
        println!(
            "scaling/{name} {:.3} {:.3} {:.3}",
            slopes[0],
            slopes[1],
            slopes[0] / slopes[1]
        );
        let range = format!("{} to {}", sizes[0], sizes[sizes.len() - 1]);
        write!(
            table,
            "\n| {name} | {:.3} | {:.3} | {range} |",
            slopes[0], slopes[1]
        )?;
        lines.push(Line {
            label: format!("{name}: {:.2} ({:.2})", slopes[0], slopes[1]),
            points,
            ideal,
        });
    }
    report.note(table);
    let title = "Time of a step: measured slope, and in brackets and dashed the operations'";
    let svg = plot::lines(title, "batch, width or depth", "milliseconds", &lines);
    report.plot("scaling", svg);
    report.finish()
}

fn network(varied: &str, size: usize) -> Perceptron {
    let value = |name: &str, usual: usize| if varied == name { size } else { usual };
    let mut widths = vec![FEATURES];
    widths.extend(vec![value("width", 512); value("depth", 2)]);
    widths.push(CLASSES);
    Perceptron {
        name: "scaling",
        // There are few, and they are needed until the end.
        widths: widths.leak(),
        activation: "relu",
        batch: value("batch", 128),
    }
}

/// Seconds of a step: the best of some rounds' medians.
fn step(network: &Perceptron, rounds: usize) -> Result<f64, Box<dyn Error>> {
    let mut plan = network.plan(THREADS)?;
    let mut run = |_| {
        let start = Instant::now();
        plan.run();
        start.elapsed().as_secs_f64()
    };
    let once = run(0).max(1e-5);
    let steps = (0.02 / once).clamp(3.0, 100.0) as usize;
    let medians = (0..rounds).map(|_| median(&(0..steps).map(&mut run).collect::<Vec<_>>()));
    Ok(least(&medians.collect::<Vec<_>>()))
}
