//! The classical course's setting on all of Fashion-MNIST, beside PyTorch: one hidden layer of 128, ELU, SGD with rate
//! 0.1, batch 128, 10 epochs, all 60,000 samples. Debian's package `dataset-fashion-mnist` holds the data.

mod rival;

use std::error::Error;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use backprove::nn::data;
use backprove::nn::network::Network;
use backprove::nn::train::{Options, train};

const THREADS: usize = 2;
const ROUNDS: u64 = 3;
const FOLDER: &str = "/usr/share/datasets/fashion-mnist";

fn main() -> Result<(), Box<dyn Error>> {
    // Tests of all targets only want to know that it builds; `cargo bench` says so.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let folder = std::env::var("BACKPROVE_FASHION").unwrap_or_else(|_| FOLDER.to_owned());
    let data = data::load(Path::new(&folder), &data::Options::default())?;
    let test = data.test.ok_or("the folder has no test part")?;
    let network = Network::mlp(1, "elu")?;
    let mut rival = rival::Rival::start("rival.py", THREADS)?;
    println!("Fashion-MNIST, 784-128-10, ELU, SGD 0.1, batch 128, 10 epochs, {THREADS} threads:");
    println!("             seed  test accuracy  seconds  images/s");
    for seed in 0..ROUNDS {
        let options = Options {
            hidden: vec![128],
            learning_rate: 0.1,
            batch: 128,
            epochs: 10,
            seed,
            threads: THREADS,
            validation: 0.0,
            ..Options::default()
        };
        let outcome = train(
            &network,
            &data.train,
            &options,
            &mut |_| (),
            &AtomicBool::new(false),
        )?;
        let accuracy = outcome.model.evaluate(&test, THREADS)?.confusion.accuracy();
        let images = 10.0 * data.train.len() as f64;
        let row = |name: &str, accuracy: f64, seconds: f64| {
            println!(
                "  {name:9}  {seed:4}  {accuracy:13.4}  {seconds:7.2}  {:8.0}",
                images / seconds
            );
        };
        // Derivation and planning are part of our time.
        row("backprove", accuracy, outcome.timing.total);
        let answer = rival.ask(&format!("fashion {folder} {seed}"))?;
        row("PyTorch", answer[0], answer[1]);
    }
    Ok(())
}
