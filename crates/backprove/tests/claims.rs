//! Claims about the derivatives of all functions of one number.

use backprove::calculus::functions::table;
use backprove::{Problem, claim};

/// The derivative of an activation, of whatever function: dL/dX = dL/dY ∘ h'(X).
#[test]
fn the_primed_function_is_the_derivative_of_each() {
    let mut functions = 0;
    for function in table().filter(|function| function.arguments.len() == 1) {
        let name = function.name;
        let problem = Problem::read(&format!("X[S, M]\nY = {name}(X)")).expect(name);
        if problem.gradient(&["X"], None).is_err() {
            continue;
        }
        let claim = format!("dL/dX = dL/dY * {name}'(X)");
        let answer = claim::answer(&problem, &claim, None, 0).expect(name);
        assert!(answer.holds, "{claim}: {:?}", answer.sentences);
        let twice = format!("dL/dX = 2 * dL/dY * {name}'(X)");
        let flat = matches!(name, "sign" | "floor" | "ceil" | "round" | "trunc");
        let answer = claim::answer(&problem, &twice, None, 0).expect(name);
        assert_eq!(answer.holds, flat, "{twice}");
        functions += 1;
    }
    assert!(functions > 20, "{functions}");
}
