//! Claims: how they may be written, what is said of wrong ones, the derivatives of all functions of one number, and
//! gradients at numbers of the user's own.

use backprove::calculus::functions::table;
use backprove::given::{Numbers, check_at};
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
        let answer = claim::answer(&problem, &claim, None, None, 0).expect(name);
        assert!(answer.holds, "{claim}: {:?}", answer.sentences);
        let twice = format!("dL/dX = 2 * dL/dY * {name}'(X)");
        let flat = matches!(name, "sign" | "floor" | "ceil" | "round" | "trunc");
        let answer = claim::answer(&problem, &twice, None, None, 0).expect(name);
        assert_eq!(answer.holds, flat, "{twice}");
        functions += 1;
    }
    assert!(functions > 20, "{functions}");
}

/// Numbers that a declaration excludes are refused, and those that it allows are not.
#[test]
fn numbers_keep_what_was_declared() {
    for (fact, right, wrong) in [
        ("symmetric", "[[1, 2], [2, 3]]", "[[1, 2], [3, 4]]"),
        ("diagonal", "[[1, 0], [0, 3]]", "[[1, 0], [1, 4]]"),
        ("lower", "[[1, 0], [2, 3]]", "[[1, 1], [2, 3]]"),
        ("orthogonal", "[[0, 1], [-1, 0]]", "[[1, 1], [0, 1]]"),
        ("positive", "[[1, 2], [2, 3]]", "[[1, 2], [0, 4]]"),
        ("unit", "[[0.1, 0.2], [0.2, 0.3]]", "[[0.1, 0.2], [0.3, 4]]"),
        ("signs", "[[1, -1], [-1, 1]]", "[[1, -1], [1, 0]]"),
        (
            "probability",
            "[[0.5, 0.5], [0, 1]]",
            "[[0.5, 0.5], [1, 1]]",
        ),
        ("onehot", "[[1, 0], [0, 1]]", "[[1, 1], [0, 1]]"),
    ] {
        let source = format!("x[N]; A[N, N]: {fact}\nL = sum(x * (A @ x))");
        let problem = Problem::read(&source).expect(fact);
        let gradient = problem.gradient(&["x"], None).expect(fact);
        let at = |array: &str| {
            let numbers = Numbers::read(&format!("{{\"x\": [1, 2], \"A\": {array}}}"));
            check_at(&gradient, &numbers.expect(fact), 0)
        };
        let checks = at(right).expect(fact);
        assert!(checks[0].holds() && checks[0].drawn.is_empty(), "{fact}");
        assert_eq!(at(wrong).expect_err(fact).slug, "unfit-numbers", "{fact}");
    }
}

/// A wrong claim is shown by the values at these numbers, and a kink is no verdict.
#[test]
fn claims_at_numbers() {
    let problem = Problem::read("x[N]\nL = sum(relu(x)**2)").expect("it is right");
    let at = |claim: &str, numbers: &str| {
        let numbers = Numbers::read(numbers).expect("it is right");
        claim::answer(&problem, claim, None, Some(&numbers), 0).expect("it is right")
    };
    let wrong = at("dL/dx = x", r#"{"x": [-1, 3]}"#);
    assert!(!wrong.holds);
    // The derivative of x² at 3 by differences, beside the claimed 3.
    let sentence = &wrong.sentences[0];
    assert!(sentence.contains("dL/dx[1] is 6.00000"), "{sentence}");
    assert!(sentence.contains("not 3.0000"), "{sentence}");
    assert!(at("dL/dx = 2 * relu(x)", r#"{"x": [-1, 3]}"#).holds);

    let problem = Problem::read("x[N]\nL = sum(relu(x))").expect("it is right");
    let gradient = problem.gradient(&["x"], None).expect("it is right");
    let numbers = Numbers::read(r#"{"x": [0, 3]}"#).expect("it is right");
    let checks = check_at(&gradient, &numbers, 0).expect("it is right");
    assert!(!checks[0].holds() && checks[0].error.is_err());
}

#[test]
fn results_may_be_claimed_as_they_are_printed() {
    let problem = Problem::read("X[S, M]; W[N, M]; b[N]\nY = X @ W.T + b").unwrap();
    let holds = |claim: &str| claim::answer(&problem, claim, None, None, 0).unwrap().holds;
    assert!(holds("dW = dY.T @ X"));
    assert!(holds("db = sum(dY, axis=0)"));
    assert!(!holds("dW = 2 * dY.T @ X"));
    let unknown = claim::answer(&problem, "dQ = dY.T @ X", None, None, 0).unwrap_err();
    assert_eq!(unknown.diagnostics[0].slug, "claim-without-gradient");
}

#[test]
fn a_small_difference_is_seen_in_the_numbers() {
    let problem = Problem::read("x[N]\nL = sum(x * x)").unwrap();
    let answer = claim::answer(&problem, "dL/dx = 2.00000001 * x", None, None, 0).unwrap();
    assert!(!answer.holds);
    let sentence = &answer.sentences[0];
    let number = |word: &str| {
        let rest = sentence.split_once(word).unwrap().1;
        &rest[..rest.find([',', ' ']).unwrap()]
    };
    assert!(number("derived ") != number("claimed "), "{sentence}");
}
