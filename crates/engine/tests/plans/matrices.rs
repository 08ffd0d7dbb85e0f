//! Functions of whole matrices: beyond one block of their decompositions, in batches, and where they are not defined.

use std::collections::HashMap;

use backprove_engine::Plan;

use super::oracle::program;

#[test]
fn decompositions_of_many_blocks() {
    let text = "A[N, N]
B = A @ A.T + 3 * eye(N)
c = cholesky(B)
P = inv(B) @ B
R = c @ c.T - B
d = logdet(B) - 2 * sum(log(diagonal(c)))";
    for size in [1, 2, 37, 130] {
        let program = program(text);
        let sizes = HashMap::from([("N".to_owned(), size)]);
        let mut plan = Plan::<f64>::compile(&program, &sizes, &["P", "R", "d"], &[]).unwrap();
        for (place, slot) in plan.input_mut("A").unwrap().iter_mut().enumerate() {
            *slot = (place * 37 % 101) as f64 / 50.0 - 1.0;
        }
        plan.run();
        for (place, value) in plan.get("P").unwrap().iter().enumerate() {
            let expected = f64::from(place % (size + 1) == 0);
            assert!(
                (value - expected).abs() < 1e-9,
                "{size}: {value} at {place}"
            );
        }
        let rest = plan.get("R").unwrap().iter().chain(plan.get("d").unwrap());
        for value in rest {
            assert!(value.abs() < 1e-9, "{size}: {value}");
        }
    }
}

/// The value of `result` for this matrix.
fn value(result: &str, matrix: &[f64]) -> Vec<f64> {
    let program = program(&format!("A[N, N]\ny = {result}"));
    let sizes = HashMap::from([("N".to_owned(), matrix.len().isqrt())]);
    let mut plan = Plan::<f64>::compile(&program, &sizes, &["y"], &[]).unwrap();
    plan.set("A", matrix).unwrap();
    plan.run();
    plan.get("y").unwrap().to_vec()
}

#[test]
fn singular_matrices_and_odd_orders() {
    let singular = [1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 1.0, 0.0, 1.0];
    assert_eq!(value("det(A)", &singular), [0.0]);
    assert_eq!(value("logdet(A)", &singular), [f64::NEG_INFINITY]);
    assert!(
        value("inv(A)", &singular)
            .iter()
            .all(|value| value.is_nan())
    );
    let zero = [0.0; 9];
    assert_eq!(value("det(A)", &zero), [0.0]);
    assert!(value("inv(A)", &zero).iter().all(|value| value.is_nan()));
    // Rows in a circle: an even order; two rows exchanged: an odd one.
    assert_eq!(
        value("det(A)", &[0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]),
        [1.0]
    );
    assert_eq!(value("det(A)", &[0.0, 2.0, 3.0, 0.0]), [-6.0]);
    assert_eq!(
        value("inv(A)", &[0.0, 2.0, 4.0, 0.0]),
        [0.0, 0.25, 0.5, 0.0]
    );
    assert_eq!(
        value("cholesky(A)", &[4.0, 2.0, 2.0, 5.0]),
        [2.0, 0.0, 1.0, 2.0]
    );
    let indefinite = value("cholesky(A)", &[1.0, 2.0, 2.0, 1.0]);
    assert!(indefinite.iter().all(|value| value.is_nan()));
    // What is not a number stays so, and nothing is stuck.
    assert!(value("det(A)", &[f64::NAN, 1.0, 1.0, 1.0])[0].is_nan());
}
