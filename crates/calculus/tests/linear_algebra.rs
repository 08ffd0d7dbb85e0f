//! Functions of matrices: every step and every result is judged by the oracle, and has a matrix form.

use backprove_calculus::check::{Checker, GradientClaim, Verdict, check_gradient, context};
use backprove_calculus::{Program, Tensor, canonical, derivation, elaborate, notation};

fn program(text: &str) -> Program {
    let parsed = backprove_syntax::parse(text);
    assert_eq!(parsed.diagnostics, [], "{text}");
    let elaborated = elaborate(&parsed.program);
    assert_eq!(elaborated.diagnostics, [], "{text}");
    elaborated.program
}

/// Derives `text` by `wrt`, checks all of it, and asserts that every result has a matrix form.
fn check(text: &str, wrt: &[&str]) {
    let program = program(text);
    let by = |name: &&str| program.tensor(name).expect("a name of the program").clone();
    let variables: Vec<Tensor> = wrt.iter().map(by).collect();
    let gradient = derivation::gradient(&program, &variables, None);
    let gradient = gradient.unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));

    let mut checker = Checker::new(&context(&gradient), 0);
    for derivation in &gradient.derivations {
        let locals = derivation.contributions.iter().map(|used| &used.local);
        let locals = locals.map(|chain| (chain, chain.start.free_indices()));
        let whole = (&derivation.chain, derivation.indices.clone());
        for (chain, indices) in locals.chain([whole]) {
            let mut before = &chain.start;
            for step in &chain.steps {
                assert!(canonical::alike(before, &step.before), "{text}");
                assert!(step.replays(&chain.scope), "{text}: {:?}", step.rule);
                let check = checker.verify_step(&step.before, &step.after, &indices);
                assert!(
                    matches!(check.verdict, Verdict::Verified(_)),
                    "{text}\n{:?} from {:?} to {:?}: {check:?}",
                    step.rule,
                    step.before,
                    step.after
                );
                before = &step.after;
            }
        }
    }
    let derived = gradient.program();
    for variable in &variables {
        let derivation = gradient.derivation(variable.name()).expect("a gradient");
        let letters = notation::Letters::of(derivation.result(), &derivation.indices);
        let index = notation::index_form(derivation.result(), &letters);
        let index = backprove_syntax::format_expression(&index);
        let matrix = derivation.matrix.as_ref();
        let matrix = matrix.map(backprove_syntax::format_expression);
        println!("{text}\n  d{variable:?} = {matrix:?}\n  {index}");
        assert!(matrix.is_some(), "{text}: {index}");
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
fn determinants() {
    check("X[M, M]\nL = det(X)", &["X"]);
    check("X[M, M]\nL = slogdet(X)[1]", &["X"]);
    check("X[M, M]: spd\nL = log(det(X))", &["X"]);
    check("X[M, N]; A[M, M]: spd\nL = det(X.T @ A @ X)", &["X"]);
    check("X[M, M]\nL = det(X @ X @ X)", &["X"]);
    check("X[M, M]; A[M, M]\nL = det(A @ X)", &["X"]);
    check("X[M, M]\nL = logdet(inv(X))", &["X"]);
    check("X[M, N]\nL = logdet(X.T @ X)", &["X"]);
}

#[test]
fn inverses() {
    check(
        "X[M, M]: invertible; A[M, M]\nL = trace(A @ inv(X))",
        &["X"],
    );
    check("X[M, M]: invertible\nY = inv(X)", &["X"]);
    check(
        "X[M, M]: invertible; A[M, M]\nL = trace(inv(X + A))",
        &["X"],
    );
    check(
        "X[M, N]; C[M, M]: spd; A[N, N]: symmetric\nL = trace(inv(X.T @ C @ X) @ A)",
        &["X"],
    );
    check(
        "A[M, N]; w[M]: positive\nL = trace(inv(A.T @ diag(w) @ A))",
        &["w"],
    );
}

#[test]
fn systems_of_equations() {
    check(
        "A[M, M]: invertible; b[M]; c[M]\nL = c @ solve(A, b)",
        &["A", "b"],
    );
    check(
        "A[M, M]: invertible; B[M, N]\nY = np.linalg.solve(A, B)",
        &["A", "B"],
    );
}

#[test]
fn gaussian_likelihoods() {
    check(
        "x[M]; mu[M]; S[M, M]: spd\nL = 0.5*(x-mu)@np.linalg.inv(S)@(x-mu) + 0.5*np.linalg.slogdet(S)[1]",
        &["mu", "S"],
    );
    check(
        "S[M, M]: symmetric; T[M, M]: spd\nL = np.trace(S@T) - np.linalg.slogdet(T)[1]",
        &["T"],
    );
}

#[test]
fn cholesky_factors() {
    check("A[M, M]: spd; G[M, M]\nL = sum(G * cholesky(A))", &["A"]);
}
