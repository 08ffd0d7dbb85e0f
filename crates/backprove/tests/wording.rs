//! What readers see of derivations, where a careless line would say something else.

use backprove::calculus::Expr;
use backprove::typeset::document::terminal;
use backprove::{Detail, Problem, Verification, report};

fn read(source: &str, wrt: &str) -> String {
    let problem = Problem::read(source).unwrap();
    let gradient = problem.gradient(&[wrt], None).unwrap();
    let verification = Verification::of(&gradient, 0);
    assert!(verification.holds(), "{source}");
    let document = report::derivation(&gradient, &verification, Detail::Working);
    terminal::print(&document, terminal::Options::plain(120))
}

/// `y` depends on `x` through `r` as well; `r` does not depend on it through `y`.
#[test]
fn what_is_held_fixed_stands_where_it_is() {
    let text = read(
        "x[N]; g[N]\nr = sqrt(mean(x**2) + 1e-5)\ny = g * x / r",
        "x",
    );
    assert!(
        text.contains("(∂L/∂r) (∂r/∂xₖ) + Σᵢ (∂L/∂yᵢ) (∂yᵢ/∂xₖ)[r fixed]"),
        "{text}"
    );
    let text = read(
        "X[S, M]; W[M, N]\nZ = X @ W\nL = sum(Z**2) + sum(W**2)",
        "W",
    );
    assert!(text.contains("(∂Zᵢⱼ/∂Wₖₗ) + (∂L/∂Wₖₗ)[Z fixed]"), "{text}");
}

/// Without the brackets the whole product would be differentiated.
#[test]
fn the_first_factor_of_the_product_rule_stands_in_brackets() {
    let text = read("x[N]; m[N]; A[N, N]\nL = sum((x - m) * (A @ (x - m)))", "m");
    assert!(
        text.contains("((∂/∂mₖ (xₚ − mₚ)) Σᵣ Aₚᵣ (xᵣ − mᵣ)"),
        "{text}"
    );
}

#[test]
fn of_a_variable_that_nothing_reads_no_list_is_left_empty() {
    let text = read("x[N]; z[N]\ny = x**2", "z");
    assert!(
        text.contains("z enters nothing that L depends on"),
        "{text}"
    );
    assert!(!text.contains("enters only"), "{text}");
}

#[test]
fn a_wrong_result_is_called_wrong() {
    let problem = Problem::read("x[N]\nL = sum(x**2)").unwrap();
    let mut gradient = problem.gradient(&["x"], None).unwrap();
    let step = gradient.derivations[0].chain.steps.last_mut().unwrap();
    step.after = Expr::product([Expr::integer(3), step.after.clone()]);
    gradient.derivations[0].matrix = None;
    let verification = Verification::of(&gradient, 0);
    let document = report::derivation(&gradient, &verification, Detail::Working);
    let text = terminal::print(&document, terminal::Options::plain(120));
    assert!(
        text.contains("N, WRONG: finite differences disagree"),
        "{text}"
    );
    assert!(
        text.contains("# WRONG: finite differences disagree"),
        "{text}"
    );
}
