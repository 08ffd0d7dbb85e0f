//! What runs on the tiles of large products while they are near, as plans say it, with its values and bytes.

use std::collections::HashMap;

use backprove_engine::{KernelKind, Plan};

use super::oracle::{Source, agrees_after_update, program};

/// Two layers, their gradients by half the square of the last, and one step.
const STEP: &str = "X[S, D]; r[]; U[H, D]; a[H]; V[G, H]; b[G]
Y = X @ U.T + a
A = tanh(Y)
Z = A @ V.T + b
B = relu(Z)
dZ = B * (Z > 0)
dV = dZ.T @ A
db = dZ.sum(axis=0)
dY = (dZ @ V) * (1 - A * A)
dU = dY.T @ X
da = dY.sum(axis=0)
U1 = U - r * dU
a1 = a - r * da
V1 = V - r * dV
b1 = b - r * db
L = sum(b1)";

const UPDATES: [(&str, &str); 4] = [("U", "U1"), ("V", "V1"), ("a", "a1"), ("b", "b1")];

fn plan(sizes: [usize; 4]) -> Plan<f32> {
    let names = ["S", "D", "H", "G"].map(str::to_owned);
    let sizes: HashMap<String, usize> = names.into_iter().zip(sizes).collect();
    Plan::compile(&program(STEP), &sizes, &["L"], &UPDATES).unwrap()
}

#[test]
fn no_pass_over_large_activations_is_left() {
    let (batch, widest) = (512, 2048);
    let plan = plan([batch, 1024, widest, widest]);
    let report = plan.report();
    let mut followed = 0;
    for group in report.stages.iter().flat_map(|stage| &stage.groups) {
        let product = group.kernels[0].kind == KernelKind::Product;
        for (place, kernel) in group.kernels.iter().enumerate() {
            let large = kernel.shape.iter().product::<usize>() >= batch * widest;
            match kernel.kind {
                KernelKind::Loop | KernelKind::Reduction if large => {
                    assert!(product && place > 0, "{plan:?}");
                    followed += 1;
                }
                _ => {}
            }
        }
    }
    // Both activations, the second with its cotangent, and the cotangent of the first.
    assert!(followed >= 3, "{plan:?}");
}

#[test]
fn what_follows_a_product_agrees_with_plain_loops() {
    for sizes in [
        [512, 32, 272, 257],
        [130, 48, 300, 256],
        [1024, 24, 256, 20],
    ] {
        let names = ["S", "D", "H", "G"];
        let sizes: Vec<(&str, usize)> = names.into_iter().zip(sizes).collect();
        agrees_after_update(STEP, &sizes, &["L"], &UPDATES);
    }
}

#[test]
fn threads_leave_the_same_bytes() {
    let sizes = [512, 600, 272, 1030];
    let mut first: Vec<Vec<f32>> = Vec::new();
    for threads in [1, 2, 3] {
        let mut source = Source::new(3);
        let mut plan = plan(sizes).threads(threads);
        for name in ["X", "r", "U", "a", "V", "b"] {
            let input = plan.input_mut(name).unwrap();
            input.fill_with(|| source.next() as f32 / 16.0);
        }
        plan.run();
        plan.run();
        for (place, name) in ["L", "U", "a", "V", "b"].into_iter().enumerate() {
            let found = plan.get(name).unwrap();
            if threads == 1 {
                first.push(found.to_vec());
            } else {
                assert!(first[place] == found, "{name} on {threads} threads");
            }
        }
    }
}
