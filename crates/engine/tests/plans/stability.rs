//! Logits of ±1000: the plan's stable forms stay finite where the textbook's formulas overflow.

use std::collections::HashMap;

use backprove_engine::Plan;

const LOGITS: [f32; 8] = [
    1000.0, -1000.0, 999.0, 0.0, -1000.0, -1001.0, -1002.0, -1000.0,
];

fn plan(text: &str, outputs: &[&str]) -> Plan<f32> {
    let sizes = HashMap::from([("S".to_owned(), 2), ("C".to_owned(), 4)]);
    let mut plan = Plan::compile(&crate::oracle::program(text), &sizes, outputs, &[]).unwrap();
    plan.set("X", &LOGITS).unwrap();
    plan
}

/// The rows of a stable softmax in double precision.
fn softmax(row: &[f32]) -> Vec<f64> {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = row.iter().map(|x| f64::from(x - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

fn close(found: f32, expected: f64) {
    let error = (f64::from(found) - expected).abs();
    assert!(
        error <= 1e-6 * expected.abs().max(1.0),
        "{found} instead of {expected}"
    );
}

#[test]
fn a_softmax_written_out() {
    let mut plan = plan(
        "X[S, C]\nP[s, c] = exp(X[s, c]) / sum[k](exp(X[s, k]))",
        &["P"],
    );
    plan.run();
    let expected = LOGITS.chunks(4).flat_map(softmax);
    for (found, expected) in plan.get("P").unwrap().iter().zip(expected) {
        close(*found, expected);
    }
}

#[test]
fn cross_entropy_through_a_named_softmax_and_its_gradient() {
    let mut plan = plan(
        "X[S, C]; t[S]: labels(C)\nP = softmax(X, axis=1)\nL = -sum[s](log(P[s, t[s]]))\nG = P - one_hot(t, C)",
        &["L", "G"],
    );
    plan.set_labels("t", &[1, 2]).unwrap();
    plan.run();
    let rows: Vec<Vec<f64>> = LOGITS.chunks(4).map(softmax).collect();
    let loss = 2000.0 + 1.0_f64.exp().recip().ln_1p() - rows[1][2].ln();
    close(plan.get("L").unwrap()[0], loss);
    let mut expected = rows.concat();
    expected[1] -= 1.0;
    expected[4 + 2] -= 1.0;
    for (found, expected) in plan.get("G").unwrap().iter().zip(expected) {
        close(*found, expected);
    }
}

#[test]
fn the_logarithm_of_a_sum_of_exponentials() {
    let mut plan = plan("X[S, C]\nY[s] = log(sum[c](exp(X[s, c])))", &["Y"]);
    plan.run();
    let found = plan.get("Y").unwrap();
    close(found[0], 1000.0 + 1.0_f64.exp().recip().ln_1p());
    close(
        found[1],
        -1000.0 + (2.0 + (-1.0_f64).exp() + (-2.0_f64).exp()).ln(),
    );
}

#[test]
fn the_jacobian_of_a_softmax_written_with_squares() {
    let mut plan = plan(
        "X[S, C]\nY[s] = exp(X[s, 0]) * exp(X[s, 1]) / sum[k](exp(X[s, k]))**2",
        &["Y"],
    );
    plan.run();
    let found = plan.get("Y").unwrap();
    let rows: Vec<Vec<f64>> = LOGITS.chunks(4).map(softmax).collect();
    close(found[0], rows[0][0] * rows[0][1]);
    close(found[1], rows[1][0] * rows[1][1]);
}
