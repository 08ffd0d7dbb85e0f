//! Derivatives of every order, judged by the oracle: every step replays and keeps its value, every result agrees with
//! differences of what it is the derivative of, and Hessians with second differences of the primal.

mod chain;
mod program;

use backprove_calculus::check::{
    Checker, ForwardClaim, SecondClaim, Verdict, check_forward, check_second, forward_context,
};
use backprove_calculus::derivation::{derivative, jacobian};
use backprove_calculus::{Derivative, Forward, Order, Program, Tensor};
use program::program;

fn variables(program: &Program) -> Vec<Tensor> {
    let inputs = program.inputs.iter();
    inputs
        .filter(|input| !input.is_constant())
        .cloned()
        .collect()
}

fn check_steps(forward: &Forward, text: &str) {
    let mut checker = Checker::new(&forward_context(forward), 0);
    for partial in &forward.partials {
        let locals = partial.contributions.iter().map(|used| &used.local);
        let locals = locals.map(|chain| (chain, chain.start.free_indices()));
        for (chain, indices) in locals.chain([(&partial.chain, partial.indices())]) {
            chain::holds(chain, &indices, &mut checker, text);
        }
    }
}

fn check(text: &str, order: Order) -> Derivative {
    let program = program(text);
    let found = derivative(&program, &variables(&program), order)
        .unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
    check_steps(&found.stage, text);
    let derived = found.program();
    let outcomes = found.outcomes();
    assert!(!outcomes.is_empty(), "{text}");
    for outcome in &outcomes {
        let tangents = found.stage.tangents.iter().cloned().map(Some);
        let pairs: Vec<(Tensor, Option<Tensor>)> = match order {
            Order::Jacobian => vec![(outcome.wrt[0].clone(), None)],
            Order::Hessian => vec![(outcome.wrt[1].clone(), None)],
            Order::Jvp | Order::Hvp => found.wrt.iter().cloned().zip(tangents).collect(),
        };
        let claim = ForwardClaim {
            primal: &found.stage.differentiated,
            output: &outcome.partial.output,
            variables: &pairs,
            derived: &derived,
            derivative: &outcome.partial.target,
        };
        let check = check_forward(claim, 0);
        assert_eq!(
            check.verdict,
            Verdict::Verified(()),
            "{text}: {:?}",
            outcome.wrt
        );
        if order == Order::Hessian {
            let claim = SecondClaim {
                primal: &program,
                variables: [outcome.wrt[0], outcome.wrt[1]],
                derived: &derived,
                derivative: &outcome.partial.target,
            };
            let check = check_second(claim, 0);
            assert_eq!(
                check.verdict,
                Verdict::Verified(()),
                "{text}: {:?}",
                outcome.wrt
            );
        }
    }
    found
}

const NETWORK: &str = "X[S, D]: constant; W1[H, D]; b1[H]; W2[C, H]; t[S]: labels(C)\n\
    A = tanh(X @ W1.T + b1)\nZ = A @ W2.T\nL = cross_entropy(Z, t)";

#[test]
fn hessians() {
    for text in [
        "x[N]; A[N, N]\nL = x @ A @ x",
        "x[N]\nL = log(sum(exp(x)))",
        "A[M, N]: constant; b[M]: constant; x[N]\nL = -sum(log(b - A @ x))",
        "x[N]\nL = sum(log(1 + exp(x)))",
        "X[S, M]: constant; y[S]: constant; w[M]\nL = sum(log(1 + exp(-y * (X @ w))))",
        "X[S, M]: constant; y[S]: constant; w[M]\nL = sum(softplus(X @ w) - y * (X @ w))",
        "Z[S, C]; T[S, C]: prob\nL = -sum(T * log(softmax(Z, axis=1)))",
        "U[N, K]; V[M, K]; T[N, M]: constant\nL = sum((U @ V.T - T)**2)",
        "A[M, M]: constant; B[N, N]: constant; X[M, N]\nL = 0.5 * sum((A @ X + X @ B)**2)",
        "x[N]; c[]\nL = sum(relu(x) * x**2) * c**3",
    ] {
        check(text, Order::Hessian);
    }
}

#[test]
fn jacobians() {
    for text in [
        "x[M]\ny = x / sqrt(x @ x)",
        "A[M, N]; x[N]\ny = A @ exp(x)",
        "X[S, C]\nY = softmax(X, axis=1)",
        "A[M, N]; X[N, K]; B[K, L]\nY = A @ X @ B",
        "X[M, N]\nY = X.T @ X",
        "X[S, M]; W[N, M]; b[N]; h: elementwise\nY = h(X @ W.T + b)",
        "X[S, M]; W[M, M]\nH = tanh(X @ W)\nG = tanh(H @ W)\nY = sum(G, axis=1)",
    ] {
        check(text, Order::Jacobian);
    }
}

#[test]
fn products_with_vectors() {
    check(NETWORK, Order::Jvp);
    check(NETWORK, Order::Hvp);
    check("X[S, M]; W[N, M]; b[N]\nY = relu(X @ W.T + b)", Order::Jvp);
    check("x[N]; A[N, N]\nL = log(sum(exp(A @ x)))", Order::Hvp);
}

#[test]
fn a_network() {
    check(NETWORK, Order::Hessian);
}

/// A program of derivatives is a program: the third derivative is the Jacobian of the second.
#[test]
fn the_third_derivative() {
    for text in [
        "x[N]; a[N]: constant\nL = sum(a * x**4)",
        "x[N]\nL = log(sum(exp(x)))",
    ] {
        let program = program(text);
        let x = variables(&program);
        let hessian = derivative(&program, &x, Order::Hessian).unwrap();
        let second = hessian.outcomes()[0].partial.target.clone();
        let third = jacobian(&hessian.program(), std::slice::from_ref(&second), &x).unwrap();
        check_steps(&third, text);
        let partial = third.jacobian(second.name(), "x").unwrap();
        let claim = ForwardClaim {
            primal: &hessian.program(),
            output: &second,
            variables: &[(x[0].clone(), None)],
            derived: &third.program(),
            derivative: &partial.target,
        };
        assert_eq!(
            check_forward(claim, 0).verdict,
            Verdict::Verified(()),
            "{text}"
        );
    }
}

/// The oracle must see a mistake: a Hessian that is a little too large is found wrong both ways.
#[test]
fn a_wrong_hessian_is_found() {
    let program = program("x[N]; A[N, N]: constant\nL = x @ A @ x + sum(x**3)");
    let found = derivative(&program, &program.inputs[..1], Order::Hessian).unwrap();
    let mut derived = found.program();
    let last = derived.equations.last_mut().unwrap();
    let scale = backprove_calculus::Number::ratio(1001, 1000);
    last.body = backprove_calculus::Expr::product([
        backprove_calculus::Expr::number(scale),
        last.body.clone(),
    ]);
    let target = last.target.clone();
    let outcomes = found.outcomes();
    let x = outcomes[0].wrt[0];
    let by_gradient = ForwardClaim {
        primal: &found.stage.differentiated,
        output: &outcomes[0].partial.output,
        variables: &[(x.clone(), None)],
        derived: &derived,
        derivative: &target,
    };
    assert!(matches!(
        check_forward(by_gradient, 0).verdict,
        Verdict::Failed(_)
    ));
    let by_primal = SecondClaim {
        primal: &program,
        variables: [x, x],
        derived: &derived,
        derivative: &target,
    };
    assert!(matches!(
        check_second(by_primal, 0).verdict,
        Verdict::Failed(_)
    ));
}

#[test]
fn a_hessian_is_of_a_scalar() {
    let program = program("X[S, M]; W[N, M]\nY = X @ W.T");
    for order in [Order::Hessian, Order::Hvp] {
        let refused = derivative(&program, &program.inputs, order).unwrap_err();
        assert_eq!(refused.slug, "hessian-of-array");
        assert!(
            refused.message.contains("`Y` is S×N"),
            "{}",
            refused.message
        );
    }
}

#[test]
fn functions_of_matrices() {
    check("X[N, N]: invertible\nL = logdet(X)", Order::Hessian);
    check("X[N, N]: invertible\nY = inv(X)", Order::Jacobian);
    check("A[N, N]: invertible; b[N]\nx = solve(A, b)", Order::Jvp);
    check(
        "X[N, N]: spd; a[N]\nL = a @ inv(X) @ a + log(det(X))",
        Order::Hvp,
    );
}
