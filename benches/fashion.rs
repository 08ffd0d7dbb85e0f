//! How long does a whole training run take? All of Fashion-MNIST, one hidden layer of 128, ReLU, Adam, batches of 200, 10 epochs, five
//! seeds, beside PyTorch and scikit-learn's `MLPClassifier` with the same settings. Debian's package `dataset-fashion-mnist` has the data.

use std::error::Error;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use backprove::nn::data::{self, Dataset};
use backprove::nn::network::Network;
use backprove::nn::optim::Optimiser;
use backprove::nn::train::{Options, train};
use xtask::report::{Report, Unit};
use xtask::rival::Rival;

const THREADS: usize = 2;
const FOLDER: &str = "/usr/share/datasets/fashion-mnist";
/// The rivals: their name in the script and in tables, and how many times as fast we should be.
const RIVALS: [(&str, &str, Option<f64>); 2] = [
    ("torch", "PyTorch", None),
    ("sklearn", "scikit-learn", Some(3.0)),
];
/// The mean accuracy may be so far from scikit-learn's.
const NEAR: f64 = 0.005;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(mut report) = Report::of("fashion") else {
        return Ok(());
    };
    if !Path::new(FOLDER).exists() {
        return Err(format!("{FOLDER} is missing: `apt install dataset-fashion-mnist`").into());
    }
    let data = data::load(Path::new(FOLDER), &data::Options::default())?;
    let test = data.test.ok_or("the folder has no test part")?;
    let (epochs, seeds) = report.choose((2, 1), (10, 5));
    let mut rival = Rival::python("fashion.py", THREADS, &[])?;
    let mut accuracies = [0.0; 3];
    let mut seconds = [const { Vec::new() }; 3];
    for seed in 0..seeds {
        let mut answers = vec![run(&data.train, &test, epochs, seed)?];
        for (library, ..) in RIVALS {
            answers.push(rival.ask(&format!("{library} {FOLDER} {epochs} {seed}"))?);
        }
        for (side, answer) in answers.iter().enumerate() {
            accuracies[side] += answer[0] / seeds as f64;
            seconds[side].push(answer[1]);
        }
    }
    let case = format!("{epochs} epochs, {THREADS} threads");
    for ((_, name, goal), theirs) in RIVALS.iter().zip(&seconds[1..]) {
        report.compare(&case, name, [&seconds[0], theirs], *goal);
    }
    for ((_, name, _), theirs) in RIVALS.iter().zip(&accuracies[1..]) {
        // As far below theirs as is allowed; that it is not far above either is in the table.
        let goal = 1.0 - NEAR / theirs;
        let case = format!("test accuracy, mean of {seeds} seeds");
        report.share(
            &case,
            name,
            Unit::Plain,
            [accuracies[0], *theirs],
            (goal * 1e4).round() / 1e4,
        );
    }
    report.finish()
}

/// Test accuracy and seconds; derivation and planning are part of our time.
fn run(
    train_part: &Dataset,
    test: &Dataset,
    epochs: usize,
    seed: u64,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let network = Network::mlp(1, "relu")?;
    let options = Options {
        hidden: vec![128],
        optimiser: Optimiser::Adam,
        learning_rate: 1e-3,
        batch: 200,
        epochs,
        seed,
        threads: THREADS,
        validation: 0.0,
    };
    let never = AtomicBool::new(false);
    let outcome = train(&network, train_part, &options, &mut |_| (), &never)?;
    let accuracy = outcome.model.evaluate(test, THREADS)?.confusion.accuracy();
    Ok(vec![accuracy, outcome.timing.total])
}
