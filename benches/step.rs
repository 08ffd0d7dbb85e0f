//! How fast is a training step, and how near to the hardware? Three networks, forward, backward and update in single precision: the
//! engine's plan beside the step written by hand, PyTorch, JAX, Candle and Burn, after losses and weights were found equal.

mod by_hand;
mod perceptron;

use std::cell::RefCell;
use std::error::Error;
use std::process::Command;
use std::time::Instant;

use backprove::engine::Plan;
use by_hand::{Activation, ByHand};
use perceptron::{LARGE, MIDDLE, Perceptron, RATE, TINY};
use xtask::report::Report;
use xtask::rival::{PYTHON, RUST, Rival};
use xtask::turns::Side;

/// Steps after which the sides are compared.
const COMPARED: usize = 5;
/// Relative difference that is put down to rounding.
const ROUNDING: f64 = 1e-3;

/// The rivals: the process that holds each, its name there and its name in tables.
const RIVALS: [(Process, &str, &str); 6] = [
    (Process::Torch, "eager", "PyTorch eager"),
    (Process::Torch, "foreach", "PyTorch foreach update"),
    (Process::Jax, "jit", "jax.jit"),
    (Process::Jax, "loop", "JAX in fori_loop"),
    (Process::Rust, "candle", "Candle"),
    (Process::Rust, "burn", "Burn"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process {
    Torch,
    Jax,
    Rust,
}

/// The running rivals; several sides speak with one of them in turn.
type Processes = Vec<(Process, RefCell<Rival>)>;

/// A network on some threads, and how many times as fast we should be.
struct Case {
    network: Perceptron,
    threads: usize,
    /// Rounds of a quick run and of a full one, and steps of each.
    rounds: [usize; 2],
    steps: usize,
    /// Against the step written by hand, and against each of the rivals.
    goals: [f64; 7],
}

const CASES: [Case; 4] = [
    Case {
        network: TINY,
        threads: 1,
        rounds: [11, 40],
        steps: 200,
        goals: [0.95, 40.0, 25.0, 5.0, 1.8, 10.0, 10.0],
    },
    Case {
        network: TINY,
        threads: 2,
        rounds: [11, 40],
        steps: 200,
        goals: [0.95, 40.0, 25.0, 5.0, 1.8, 10.0, 10.0],
    },
    Case {
        network: MIDDLE,
        threads: 2,
        rounds: [11, 40],
        steps: 20,
        goals: [0.98, 1.5, 1.4, 1.3, 1.3, 1.6, 1.6],
    },
    Case {
        network: LARGE,
        threads: 2,
        rounds: [7, 30],
        steps: 2,
        goals: [1.0, 1.1, 1.1, 1.15, 1.15, 1.3, 1.3],
    },
];

fn main() -> Result<(), Box<dyn Error>> {
    let Some(mut report) = Report::of("step") else {
        return Ok(());
    };
    for case in &CASES {
        let name = match case.threads {
            1 => format!("{} 1 thread", case.network.name),
            threads => format!("{} {threads} threads", case.network.name),
        };
        if report.wants(&name) {
            case.measure(&name, &mut report)?;
        }
    }
    report.finish()
}

impl Case {
    fn measure(&self, name: &str, report: &mut Report) -> Result<(), Box<dyn Error>> {
        let mut plan = self.network.plan(self.threads)?;
        let mut by_hand = self.by_hand()?;
        let losses = self.compare(&mut plan, &mut by_hand)?;
        let processes = self.processes()?;
        let steps = self.steps;
        let mut sides = vec![
            Side::new("ours", None, || {
                Ok((0..steps).map(|_| seconds(&mut plan)).collect())
            }),
            Side::new("by hand", Some(self.goals[0]), || Ok(by_hand.run(steps))),
        ];
        for ((process, side, title), goal) in RIVALS.into_iter().zip(&self.goals[1..]) {
            let Some((_, rival)) = processes.iter().find(|(held, _)| *held == process) else {
                continue;
            };
            rival.borrow_mut().ask(&self.network.load(side)?)?;
            let theirs = rival
                .borrow_mut()
                .ask(&format!("losses {side} {COMPARED}"))?;
            for (number, (ours, theirs)) in losses.iter().zip(&theirs).enumerate() {
                same(
                    &format!("{name}, {title}: loss {number}"),
                    *ours,
                    *theirs,
                    *ours,
                )?;
            }
            let command = format!("time {side} {steps}");
            let run = move || rival.borrow_mut().ask(&command);
            sides.push(Side::new(title, Some(*goal), run));
        }
        let rounds = report.choose(self.rounds[0], self.rounds[1]);
        report.measure(name, sides, rounds)
    }

    /// The rivals' processes, each with this number of threads; none where `cargo xtask bench` did not make them ready.
    fn processes(&self) -> Result<Processes, Box<dyn Error>> {
        let mut processes = Vec::new();
        if std::env::var_os(PYTHON).is_some() {
            for process in [Process::Torch, Process::Jax] {
                let rival = Rival::python("step.py", self.threads, &[])?;
                processes.push((process, RefCell::new(rival)));
            }
        }
        if let Some(program) = std::env::var_os(RUST) {
            let mut command = Command::new(program);
            command.env("RAYON_NUM_THREADS", self.threads.to_string());
            processes.push((Process::Rust, RefCell::new(Rival::start(&mut command)?)));
        }
        Ok(processes)
    }

    fn by_hand(&self) -> Result<ByHand, Box<dyn Error>> {
        let network = &self.network;
        let activation = match network.activation {
            "tanh" => Activation::Tanh,
            "relu" => Activation::Relu,
            _ => Activation::Gelu,
        };
        let mut by_hand = ByHand::new(
            network.widths,
            activation,
            network.batch,
            RATE,
            self.threads,
        )?;
        for (number, layer) in network.first_values()?.chunks(2).enumerate() {
            by_hand.set_layer(number, &layer[0], &layer[1]);
        }
        by_hand.set_samples(&network.samples(), &network.labels());
        Ok(by_hand)
    }

    /// Fails where losses or weights differ after a few steps; returns the losses.
    fn compare(
        &self,
        plan: &mut Plan<f32>,
        by_hand: &mut ByHand,
    ) -> Result<Vec<f64>, Box<dyn Error>> {
        let name = self.network.name;
        let mut losses = Vec::new();
        for number in 0..COMPARED {
            plan.run();
            by_hand.run(1);
            let ours = f64::from(plan.get("L")?[0]);
            same(
                &format!("{name}: loss {number}"),
                ours,
                f64::from(by_hand.loss()),
                ours,
            )?;
            losses.push(ours);
        }
        for layer in 0..self.network.widths.len() - 1 {
            let weights = format!("W{}", layer + 1);
            let (ours, theirs) = (plan.get(&weights)?, by_hand.weights(layer));
            let scale = theirs
                .iter()
                .fold(0.0_f32, |most, value| most.max(value.abs()));
            let what = format!("{name}: {weights}");
            for (ours, theirs) in ours.iter().zip(&theirs) {
                same(
                    &what,
                    f64::from(*ours),
                    f64::from(*theirs),
                    f64::from(scale),
                )?;
            }
        }
        Ok(losses)
    }
}

fn same(what: &str, ours: f64, theirs: f64, scale: f64) -> Result<(), String> {
    if (ours - theirs).abs() <= ROUNDING * scale.abs() {
        Ok(())
    } else {
        Err(format!("{what}: {ours} is not {theirs}"))
    }
}

fn seconds(plan: &mut Plan<f32>) -> f64 {
    let start = Instant::now();
    plan.run();
    start.elapsed().as_secs_f64()
}
