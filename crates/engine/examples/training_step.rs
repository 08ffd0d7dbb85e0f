//! Times one training step of a multi-layer perceptron 784-512-256-10 (batch 128, single precision, ReLU, softmax
//! cross-entropy, gradient descent). `cargo run --release -p backprove-engine --example training_step [THREADS]`
//! prints the plan, the loss before and after, and the time of a step; with `--serve` it times one round for
//! each line it reads, so that a rival can be timed in between.

use std::collections::HashMap;
use std::error::Error;
use std::io::BufRead;
use std::time::Instant;

use backprove_engine::Plan;

const STEP: &str = "
X[S, D]; t[S]: labels(C); r[]
W1[H, D]; b1[H]; W2[K, H]; b2[K]; W3[C, K]; b3[C]
Z1 = X @ W1.T + b1
A1 = relu(Z1)
Z2 = A1 @ W2.T + b2
A2 = relu(Z2)
Z3 = A2 @ W3.T + b3
n = logsumexp(Z3, axis=1)
L = sum[s](n[s] - Z3[s, t[s]]) / S
dZ3 = (softmax(Z3, axis=1) - one_hot(t, C)) / S
dW3 = dZ3.T @ A2
db3 = dZ3.sum(axis=0)
dA2 = dZ3 @ W3
dZ2 = dA2 * (Z2 > 0)
dW2 = dZ2.T @ A1
db2 = dZ2.sum(axis=0)
dA1 = dZ2 @ W2
dZ1 = dA1 * (Z1 > 0)
dW1 = dZ1.T @ X
db1 = dZ1.sum(axis=0)
V1 = W1 - r * dW1
V2 = W2 - r * dW2
V3 = W3 - r * dW3
v1 = b1 - r * db1
v2 = b2 - r * db2
v3 = b3 - r * db3
";

const UPDATES: [(&str, &str); 6] = [
    ("W1", "V1"),
    ("W2", "V2"),
    ("W3", "V3"),
    ("b1", "v1"),
    ("b2", "v2"),
    ("b3", "v3"),
];

/// Reproducible numbers in (−1, 1).
struct Source(u64);

impl Source {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / 8_388_608.0 - 1.0
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let serve = arguments.iter().any(|argument| argument == "--serve");
    let numbers: Vec<usize> = arguments
        .iter()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let threads = numbers.first().copied().unwrap_or(2);
    let sizes = match numbers.get(1..6) {
        Some(given) => [given[0], given[1], given[2], given[3], given[4]],
        None => [128, 784, 512, 256, 10],
    };
    let names = ["S", "D", "H", "K", "C"].map(str::to_owned);
    let sizes: HashMap<String, usize> = names.into_iter().zip(sizes).collect();
    let parsed = backprove_syntax::parse(STEP);
    let elaborated = backprove_calculus::elaborate(&parsed.program);
    if let Some(diagnostic) = elaborated.diagnostics.first() {
        return Err(format!("{diagnostic:?}").into());
    }
    let start = Instant::now();
    let plan = Plan::<f32>::compile(&elaborated.program, &sizes, &["L"], &UPDATES)?;
    let planned = start.elapsed();
    let mut plan = plan.threads(threads);
    let mut source = Source(42);
    for name in ["X", "W1", "W2", "W3"] {
        let input = plan.input_mut(name)?;
        let scale = if name == "X" { 1.0 } else { 0.05 };
        input.fill_with(|| source.next() * scale);
    }
    let classes = sizes["C"] as u32;
    let labels: Vec<u32> = (0..sizes["S"] as u32)
        .map(|row| row * 7 % classes)
        .collect();
    plan.set_labels("t", &labels)?;
    plan.set("r", &[0.05])?;
    let round = |plan: &mut Plan<f32>| -> f64 {
        let mut times: Vec<f64> = (0..30)
            .map(|_| {
                let start = Instant::now();
                plan.run();
                start.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    if serve {
        for line in std::io::stdin().lock().lines() {
            line?;
            println!("{:.3}", round(&mut plan));
        }
        return Ok(());
    }
    println!("{}", plan.describe());
    plan.run();
    println!("planned in {planned:?}; first loss {}", plan.get("L")?[0]);
    let mut rounds: Vec<f64> = (0..20).map(|_| round(&mut plan)).collect();
    println!("last loss {}", plan.get("L")?[0]);
    rounds.sort_by(f64::total_cmp);
    println!(
        "step: median {:.1} µs, best {:.1} µs on {threads} threads",
        rounds[10], rounds[0]
    );
    Ok(())
}
