//! Derivatives of every order as reports and objects: what other programs read, and what people do.

use backprove::calculus::Order;
use backprove::typeset::document::terminal;
use backprove::{DerivativeVerification, Detail, Problem, json, report};
use serde_json::{Value, json};

fn object(source: &str, wrt: &[&str], order: Order) -> Value {
    let problem = Problem::read(source).unwrap();
    let derivative = problem.derivative(wrt, order).unwrap();
    let verification = DerivativeVerification::of(&derivative, 0);
    assert!(
        verification.holds(),
        "{source}: {:?}",
        verification.outcomes
    );
    json::derivative(&derivative, &verification)
}

#[test]
fn a_hessian_is_taken_by_pairs() {
    let object = object(
        "U[N, K]; V[M, K]\nL = sum((U @ V.T)**2)",
        &[],
        Order::Hessian,
    );
    assert_eq!(object["order"], "hessian");
    let results = object["results"].as_array().unwrap();
    let pairs: Vec<&Value> = results.iter().map(|own| &own["wrt"]).collect();
    let expected = [["U", "U"], ["U", "V"], ["V", "U"], ["V", "V"]];
    assert_eq!(
        pairs,
        expected.map(|pair| json!(pair)).iter().collect::<Vec<_>>()
    );
    assert_eq!(results[1]["shape"], json!(["N", "K", "M", "K"]));
    assert_eq!(results[0]["kronecker"], "kron(eye(N), 2 * (V.T @ V))");
    assert_eq!(results[0]["matrix"], Value::Null);
    for result in results {
        assert_eq!(result["verified"], true);
        assert!(!result["steps"].as_array().unwrap().is_empty());
        assert!(result["index"].as_str().unwrap().contains(" = "));
    }
    assert!(object["gradient"]["results"][0]["matrix"].is_string());
}

#[test]
fn a_jacobian_is_taken_by_a_name_and_has_the_outputs_axes_first() {
    let object = object("A[M, N]; x[N]\ny = A @ x", &["A"], Order::Jacobian);
    let result = &object["results"][0];
    assert_eq!(result["wrt"], "A");
    assert_eq!(result["shape"], json!(["M", "M", "N"]));
    assert_eq!(object["gradient"], Value::Null);
}

#[test]
fn tangents_are_inputs() {
    let source = "X[S, M]: constant; w[M]\nL = sum((X @ w)**2)";
    let hvp = object(source, &[], Order::Hvp);
    let inputs: Vec<&Value> = hvp["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| &own["name"])
        .collect();
    assert_eq!(inputs, ["X", "w", "t_w"]);
    assert_eq!(hvp["results"][0]["matrix"], "2 * (X.T @ (X @ t_w))");
    let jvp = object(source, &["w"], Order::Jvp);
    assert_eq!(jvp["results"][0]["wrt"], json!(["w"]));
}

#[test]
fn a_hessian_reads_as_in_a_textbook() {
    let problem = Problem::read("x[N]\nL = log(sum(exp(x)))").unwrap();
    let derivative = problem.derivative(&[], Order::Hessian).unwrap();
    let verification = DerivativeVerification::of(&derivative, 0);
    let page = report::derivative(&derivative, &verification, Detail::Working);
    let text = terminal::print(&page, terminal::Options::plain(80));
    assert!(text.contains("∂²L/∂x∂x = diag(P) − P Pᵀ"), "{text}");
    let table = report::check_derivative(&derivative, &verification);
    let text = terminal::print(&table, terminal::Options::plain(100));
    assert!(text.contains("second differences of the scalar"), "{text}");
}

/// Facts that tie the elements of a variable are not used where it is differentiated by: the mixed derivative by a
/// symmetric matrix is that by its elements.
#[test]
fn facts_of_a_variable_are_not_differentiated() {
    let source = "x[N]; A[N, N]: symmetric\nL = x @ A @ x";
    let by_x = object(source, &["x"], Order::Hessian);
    assert_eq!(by_x["verified"], true);
    let mixed = object(source, &[], Order::Hessian);
    let terms = mixed["results"][1]["index"].as_str().unwrap();
    assert_eq!(terms.matches("delta").count(), 2, "{terms}");
}

#[test]
fn an_array_has_no_hessian() {
    let problem = Problem::read("X[S, M]; W[N, M]\nY = X @ W.T").unwrap();
    let wrong = problem.derivative(&[], Order::Hvp).unwrap_err();
    assert!(!wrong.refused);
    assert_eq!(wrong.diagnostics[0].slug, "hessian-of-array");
    assert!(
        wrong.diagnostics[0]
            .help
            .as_ref()
            .is_some_and(|help| help.message.contains("jacobian"))
    );
}
