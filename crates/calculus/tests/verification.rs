//! Every step and every result of the derivations of whole programs, judged by the oracle.

mod chain;
mod program;

use backprove_calculus::check::{Checker, GradientClaim, Verdict, check_gradient, context};
use backprove_calculus::{Tensor, derivation};
use program::program;

fn check(text: &str) {
    let program = program(text);
    let variables = program.inputs.iter().filter(|input| !input.is_constant());
    let variables: Vec<Tensor> = variables.cloned().collect();
    let gradient = derivation::gradient(&program, &variables, None);
    let gradient = gradient.unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));

    let mut checker = Checker::new(&context(&gradient), 0);
    for derivation in &gradient.derivations {
        let locals = derivation.contributions.iter().map(|used| &used.local);
        let locals = locals.map(|chain| (chain, chain.start.free_indices()));
        let whole = (&derivation.chain, derivation.indices.clone());
        for (chain, indices) in locals.chain([whole]) {
            chain::holds(chain, &indices, &mut checker, text);
        }
    }

    let derived = gradient.program();
    for variable in &variables {
        let Some(derivation) = gradient.derivation(variable.name()) else {
            panic!("{text}: no gradient by {variable:?}");
        };
        let claim = GradientClaim {
            primal: &program,
            variable,
            cotangent: gradient.seed.as_ref(),
            derived: &derived,
            gradient: &derivation.gradient,
        };
        let check = check_gradient(claim, 0);
        assert_eq!(check.verdict, Verdict::Verified(()), "{text}: {variable:?}");
    }
}

#[test]
fn linear_layers() {
    check("X[S, M]; W[N, M]; b[N]\nY = X @ W.T + b");
    check("X[S, M]; W[N, M]; h: elementwise\nY = h(X @ W.T)");
}

/// Elementwise, each of the checks would add up some ten million products for every element.
#[test]
fn long_chains_of_products() {
    check(
        "A[M, N]; B[N, K]; C[K, J]; D[J, I]; E[I, H]; F[H, G]; P[G, Q]; R[Q, S]
         Y = A @ B @ C @ D @ E @ F @ P @ R",
    );
}

#[test]
fn every_function_of_one_argument() {
    for function in backprove_calculus::functions::table() {
        if let [_] = function.arguments {
            check(&format!("X[S, M]\nY = {}(X)", function.name));
        }
    }
    check("X[S, M]; h: elementwise\nY = h(X)");
}

#[test]
fn functions_of_several_arguments() {
    check("X[S, M]; Z[M]\nY = maximum(X, Z) * minimum(X, 0.5)");
    check("X[S, M]; Z[M]\nY = where(X > Z, X * Z, Z**2)");
}

#[test]
fn reductions() {
    check("X[S, M]\nP = softmax(X)");
    check("y[S]; X[S, M]; w[M]\nL = mean((X @ w - y)**2)");
}

#[test]
fn quadratic_forms_and_traces() {
    check("x[N]; A[N, N]\nq = x @ A @ x");
    check("x[N]; A[N, N]: symmetric\nq = x @ A @ x");
    check("X[N, N]; A[N, N]\nt = trace(A @ X)");
}

#[test]
fn networks() {
    let network = "X[S, D]; W1[H, D]; b1[H]; W2[C, H]; b2[C]; t[S]: labels(C)\n\
        A = relu(X @ W1.T + b1)\nZ = A @ W2.T + b2\n";
    check(&format!("{network}L = cross_entropy(Z, t)"));
    check(&format!("{network}Y = tanh(Z)"));
}

/// The oracle must see a mistake in any gradient: each is scaled by a little more than one.
#[test]
fn a_spoilt_gradient_is_found() {
    let program = program("X[S, M]; W[N, M]; b[N]\nY = tanh(X @ W.T + b)");
    let gradient = derivation::gradient(&program, &program.inputs, None).unwrap();
    for variable in &program.inputs {
        let mut derived = gradient.program();
        let target = &gradient.derivation(variable.name()).unwrap().gradient;
        for equation in &mut derived.equations {
            if equation.target == *target {
                let factor = backprove_calculus::Number::ratio(10_001, 10_000);
                let factor = backprove_calculus::Expr::number(factor);
                let spoilt = backprove_calculus::Expr::product([factor, equation.body.clone()]);
                equation.body = spoilt;
            }
        }
        let claim = GradientClaim {
            primal: &program,
            variable,
            cotangent: gradient.seed.as_ref(),
            derived: &derived,
            gradient: target,
        };
        let check = check_gradient(claim, 0);
        assert!(
            matches!(check.verdict, Verdict::Failed(_)),
            "{variable:?}: {check:?}"
        );
    }
}

/// `x @ A` and `A @ x` are equal where `A` is symmetric; their derivatives by its elements are not.
#[test]
fn parts_that_are_only_equal_by_a_fact_are_kept_apart() {
    for fact in ["symmetric", "diagonal", "spd"] {
        for body in [
            "sum((x @ A) * (A @ x))",
            "sum(exp(A) * exp(A.T))",
            "sum(outer(x @ A, A @ x))",
        ] {
            check(&format!("A[N, N]: {fact}; x[N]\nL = {body}"));
        }
    }
}
