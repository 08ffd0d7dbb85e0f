//! Random programs: whatever is derived must replay, keep its value at every step and agree with
//! finite differences of the program itself.

use backprove::calculus::check::Verdict;
use backprove::{Problem, Verification};
use proptest::prelude::*;

/// Declarations over two sizes, so that most shapes meet.
const DECLARATIONS: &str = "X[S, M]; W[S, M]; A[M, M]; Q[S, S]; u[M]; v[S]; c[]\n";

/// An expression of the shape S×M as text, at most `depth` operations deep.
fn matrix(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just("X".to_owned()),
        Just("W".to_owned()),
        Just("(W + u)".to_owned())
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let below = || matrix(depth - 1);
    prop_oneof![
        2 => leaf,
        2 => (below(), below()).prop_map(|(a, b)| format!("({a} + {b})")),
        1 => (below(), below()).prop_map(|(a, b)| format!("({a} - {b})")),
        2 => (below(), below()).prop_map(|(a, b)| format!("({a} * {b})")),
        1 => (below(), below()).prop_map(|(a, b)| format!("({a} / (1 + {b}**2))")),
        2 => below().prop_map(|a| format!("((X + {a}) @ A)")),
        1 => below().prop_map(|a| format!("(Q.T @ (W * {a}))")),
        1 => below().prop_map(|a| format!("tanh({a})")),
        1 => below().prop_map(|a| format!("sigmoid({a})")),
        1 => below().prop_map(|a| format!("exp(-({a})**2)")),
        1 => below().prop_map(|a| format!("(X * mean(X + {a}, axis=1, keepdims=True))")),
        1 => below().prop_map(|a| format!("(X - sum(X * {a}, axis=0))")),
        1 => below().prop_map(|a| format!("softmax(X + {a}, axis=1)")),
        1 => below().prop_map(|a| format!("outer(v, (X * {a}).sum(axis=0))")),
        1 => below().prop_map(|a| format!("(c * {a})")),
    ]
    .boxed()
}

/// A whole program: a matrix or a scalar of it.
fn program() -> impl Strategy<Value = String> {
    let ending = prop_oneof![
        Just(("Y = ", "")),
        Just(("L = sum(", ")")),
        Just(("L = mean((", ")**2)")),
        Just(("L = log(1 + sum((", ")**2))")),
        Just(("L = v @ (", ") @ u")),
        Just(("L = trace((", ").T @ W)")),
    ];
    (matrix(3), ending)
        .prop_map(|(body, (before, after))| format!("{DECLARATIONS}{before}{body}{after}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn derivations_replay_and_are_verified(source in program()) {
        // A program in which nothing depends on W, say, is fine; one that is diagnosed is not.
        let problem = Problem::read(&source).map_err(|wrong| TestCaseError::fail(wrong.to_string()))?;
        let gradient = problem.gradient(&[], None).map_err(|wrong| TestCaseError::fail(wrong.to_string()))?;
        for derivation in &gradient.derivations {
            let locals = derivation.contributions.iter().map(|contribution| &contribution.local);
            for chain in locals.chain([&derivation.chain]) {
                for step in &chain.steps {
                    prop_assert!(step.replays(&chain.scope), "{} does not replay in\n{source}", step.rule.name);
                }
            }
        }
        let verification = Verification::of(&gradient, 1);
        let counts = verification.counts();
        prop_assert_eq!(counts.failed, 0, "a step failed in\n{}", source);
        for (check, derivation) in verification.derivations.iter().zip(&gradient.derivations) {
            let failed = matches!(check.result.verdict, Verdict::Failed(_));
            prop_assert!(!failed, "d{} is wrong in\n{source}\n{:?}", derivation.variable.name(), check.result.verdict);
        }
    }
}
