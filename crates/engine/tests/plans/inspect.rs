//! What plans say about themselves: operations and bytes counted by hand, places that do not overlap, and memory
//! within the bound that is promised.

use std::collections::HashMap;

use backprove_engine::{KernelKind, Plan, Report, Role};

use super::oracle::program;

const STEP: &str = include_str!("../step.txt");

const UPDATES: [(&str, &str); 4] = [("W1", "V1"), ("W2", "V2"), ("b1", "v1"), ("b2", "v2")];

fn plan(text: &str, sizes: &[(&str, usize)], updates: &[(&str, &str)]) -> Plan<f32> {
    let sizes: HashMap<String, usize> = sizes
        .iter()
        .map(|(name, size)| ((*name).to_owned(), *size))
        .collect();
    let last = if updates.is_empty() { "y" } else { "L" };
    Plan::compile(&program(text), &sizes, &[last], updates).unwrap()
}

fn step() -> Plan<f32> {
    let sizes = [("S", 200), ("D", 300), ("H", 150), ("C", 7)];
    plan(STEP, &sizes, &UPDATES)
}

/// No two arrays of a stage overlap, but for one that takes the other's place; all lie in the arena.
fn sound(report: &Report) {
    let arena = &report.arena;
    for array in &arena.arrays {
        assert!(array.end() <= arena.bytes, "{array:?}");
        assert!(array.first <= array.last && array.last < report.stages.len());
        for other in arena.sharing(array) {
            let apart = array.last < other.first || other.last < array.first;
            let same = array.offset == other.offset && array.bytes == other.bytes;
            assert!(apart || same, "{array:?} overlaps {other:?}");
        }
    }
    assert!(arena.live <= arena.bytes);
}

#[test]
fn a_step_counts_its_operations_and_bytes() {
    let plan = step();
    let report = plan.report();
    sound(report);
    let products = report
        .kernels()
        .filter(|kernel| kernel.kind == KernelKind::Product);
    // Forward and by the weights once for each layer, by the activations for the second only.
    let operations: u64 = products.map(|kernel| kernel.operations).sum();
    assert_eq!(operations, 2 * 200 * 150 * (2 * 300 + 3 * 7));
    let first = report
        .kernels()
        .find(|kernel| kernel.shape == [200, 150, 300]);
    let first = first.expect("the first product");
    assert_eq!(first.read, 4 * (200 * 300 + 150 * 300));
    assert_eq!(first.written, 4 * 200 * 150);
    // The product of the update adds to the weights: it reads them as well.
    let update = report.kernels().find(|kernel| kernel.targets == ["V1"]);
    let update = update.expect("the update");
    assert_eq!(update.read, 4 * (200 * 300 + 200 * 150 + 150 * 300 + 1));
    let array = |name: &str| report.arena.arrays.iter().find(|array| array.name == name);
    let (weights, updated) = (array("W1").expect("W1"), array("V1").expect("V1"));
    assert_eq!((weights.role, updated.role), (Role::Input, Role::Update));
    assert_eq!(weights.offset, updated.offset);
    assert_eq!(updated.over.as_deref(), Some("W1"));
}

#[test]
fn the_arena_is_little_more_than_what_is_alive() {
    let report = step().report().clone();
    let bound = report.arena.live * 6 / 5;
    assert!(report.arena.peak(2) <= bound + 2 * report.arena.scratch);
    assert!(report.arena.bytes <= bound, "{report}");
}

#[test]
fn a_loop_that_stores_twice_reads_once() {
    let text = "A[N, M]; B[N, M]\nC = tanh(A) * B\nD = exp(C) + C\ny = sum(C * D)";
    let plan = plan(text, &[("N", 5), ("M", 7)], &[]);
    let report = plan.report();
    sound(report);
    let read: Vec<u64> = report
        .kernels()
        .filter(|kernel| kernel.targets.contains(&"C".to_owned()))
        .map(|kernel| kernel.read)
        .collect();
    assert_eq!(read, [4 * 2 * 35]);
    assert_eq!(report.kernels().last().expect("the sum").written, 4);
}

#[test]
fn a_timed_run_computes_the_same() {
    let (mut plain, mut timed) = (step(), step().threads(2));
    for plan in [&mut plain, &mut timed] {
        for (name, scale) in [("X", 1.0), ("W1", 0.1), ("W2", 0.1), ("r", 0.5)] {
            for (place, slot) in plan.input_mut(name).unwrap().iter_mut().enumerate() {
                *slot = ((place * 37 % 101) as f32 / 50.0 - 1.0) * scale;
            }
        }
    }
    for _ in 0..3 {
        plain.run();
        let timing = timed.run_timed();
        assert_eq!(timing.stages.len(), timed.report().stages.len());
        assert_eq!(timing.kernels.len(), timed.report().kernels().count());
        assert_eq!(
            timing.stages.iter().sum::<std::time::Duration>(),
            timing.total
        );
    }
    for name in ["L", "W1", "b2"] {
        assert_eq!(plain.get(name).unwrap(), timed.get(name).unwrap());
    }
    assert_eq!(plain.describe(), format!("{timed:?}"));
}

/// What a forward and a backward pass both need is kept where it stays near and costs much, and computed again elsewhere.
#[test]
fn values_are_kept_or_computed_again_by_what_it_costs() {
    let text = "X[S, M]; W[N, M]; b[N]; V[K, N]\nZ = X @ W.T + b\nA = Z * erf(Z)\nU = A @ V.T\ny = (U @ V) * (erf(Z) + Z * exp(-Z * Z))";
    let functions = |rows| {
        let sizes = [("S", rows), ("M", 8), ("N", 96), ("K", 8)];
        let described = plan(text, &sizes, &[]).describe();
        let loops = described.lines().filter(|line| line.contains("loop"));
        (
            described.matches("erf(").count(),
            loops.filter(|line| line.contains("Z[i, j] =")).count(),
        )
    };
    assert_eq!(functions(64), (1, 0));
    assert_eq!(functions(4096), (2, 0));
}
