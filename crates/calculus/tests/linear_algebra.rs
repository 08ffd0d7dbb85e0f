//! Functions of matrices: every step and every result is judged by the oracle, and has a matrix form.

mod chain;
mod program;

use backprove_calculus::check::{Checker, GradientClaim, Verdict, check_gradient, context};
use backprove_calculus::{Program, Tensor, derivation, elaborate_expression, notation};
use program::program;

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
            chain::holds(chain, &indices, &mut checker, text);
        }
    }
    let derived = gradient.program();
    for variable in &variables {
        let derivation = gradient.derivation(variable.name()).expect("a gradient");
        let letters = notation::Letters::of(derivation.result(), &derivation.indices);
        let index = notation::index_form(derivation.result(), &letters);
        let index = backprove_syntax::format_expression(&index);
        let matrix = derivation.matrix.as_deref();
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

/// The table writes its differentials with `A` and `y`: a matrix that is called so keeps what was declared of it.
#[test]
fn a_matrix_may_be_called_as_those_of_the_table() {
    let form = |name: &str, loss: &str| {
        let program = program(&format!(
            "{name}[M, M]: spd\nL = {}",
            loss.replace('S', name)
        ));
        let variables = &program.inputs[..1];
        let gradient = derivation::gradient(&program, variables, None).expect("a gradient");
        let matrix = gradient.derivations[0].matrix.as_deref().expect("a form");
        backprove_syntax::format_expression(matrix)
    };
    for loss in ["logdet(S)", "det(S)", "logdet(S) + trace(inv(S))"] {
        for name in ["A", "y"] {
            assert_eq!(form(name, loss), form("S", loss).replace('S', name));
        }
    }
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

#[test]
fn norms() {
    check("x[M]\nL = np.linalg.norm(x)", &["x"]);
    check("x[M]\nL = np.linalg.norm(x, 1)", &["x"]);
    check("x[M]\nL = np.linalg.norm(x, ord=3)", &["x"]);
    check("X[M, N]\nL = np.linalg.norm(X, 'fro')", &["X"]);
    check("X[M, N]\nL = sum(torch.norm(X, p=2, dim=1))", &["X"]);
    check("X[M, N]\nL = sum(np.linalg.norm(X, 1, axis=0)**2)", &["X"]);
}

#[test]
fn powers_and_triangles_of_matrices() {
    check("X[M, M]\nL = trace(np.linalg.matrix_power(X, 3))", &["X"]);
    check(
        "X[M, M]: invertible\nL = trace(matrix_power(X, -2))",
        &["X"],
    );
    check("X[M, M]; G[M, M]\nL = sum(G * np.tril(X)**2)", &["X"]);
    check("X[M, M]; G[M, M]\nL = sum(G * triu(X))", &["X"]);
}

/// Asserts that `left` and `right`, read over the names of `program` and its gradients, have the same values.
fn assert_identical(program: &Program, wrt: &[&str], left: &str, right: &str) {
    let by = |name: &&str| program.tensor(name).expect("a name of the program").clone();
    let variables: Vec<Tensor> = wrt.iter().map(by).collect();
    let gradient = derivation::gradient(program, &variables, None).expect("a gradient");
    let all = context(&gradient);
    let read = |text: &str| {
        let tree = backprove_syntax::parse_expression(text).0.expect("a text");
        elaborate_expression(&tree, &all, &[], &|_, _| None).expect("a value")
    };
    let (left, right) = (read(left), read(right));
    let pairs = right.indices.iter().cloned().zip(left.indices.clone());
    let right = right.body.substitute(&pairs.collect());
    let check = Checker::new(&all, 3).identical(&left.body, &right, &left.indices);
    assert!(
        matches!(check.verdict, Verdict::Verified(_)),
        "{:?}: {check:?}",
        left.body
    );
}

/// The constrained gradient by `S`, which is declared to be of `kind`.
fn constrained(kind: &str, loss: &str) -> String {
    let program = program(&format!("B[N, N]; S[N, N]: {kind}\nL = {loss}"));
    let variable = program.tensor("S").expect("declared").clone();
    let gradient = derivation::gradient(&program, &[variable], None).expect("a gradient");
    let constrained = gradient.derivations[0].constrained.as_ref();
    let constrained = constrained.expect("a matrix of a kind");
    backprove_syntax::format_expression(&constrained.matrix)
}

/// A matrix of a kind made of free elements: the gradient by those, whose finite differences are taken elsewhere, is the
/// constrained one.
#[test]
fn constrained_gradients_are_those_by_the_free_elements() {
    let losses = ["sum(B * S @ S)", "logdet(S + 9 * eye(N))"];
    let kinds = [
        ("symmetric", "half_tril(P) + half_tril(P).T", "tril"),
        ("spd", "half_tril(P) + half_tril(P).T", "tril"),
        ("diagonal", "P * eye(N)", ""),
        ("lower", "tril(P)", ""),
    ];
    for loss in losses {
        for (kind, made, seen) in kinds {
            let form = constrained(kind, loss);
            let text = format!("B[N, N]; P[N, N]\nS = {made}\nL = {loss}");
            let program = program(&text);
            assert_identical(&program, &["P", "S"], "dP", &format!("{seen}({form})"));
        }
    }
    assert_eq!(
        constrained("symmetric", "logdet(S)"),
        "2 * dS - dS * eye(N)"
    );
}

#[test]
fn the_constrained_gradient_by_an_orthogonal_matrix_is_tangent() {
    let form = constrained("orthogonal", "sum(B * S @ S)");
    let program = program("B[N, N]; S[N, N]: orthogonal; W[N, N]\nL = sum(B * S @ S)");
    let tangent = format!("S.T @ ({form}) + ({form}).T @ S");
    assert_identical(&program, &["S"], &tangent, "zeros((N, N))");
    let along = |gradient: &str| format!("trace(({gradient}).T @ S @ (W - W.T))");
    assert_identical(&program, &["S"], &along(&form), &along("dS"));
}

#[test]
fn relatives() {
    let cases: &[(&str, &[&str])] = &[
        (
            "A[M, M]: invertible; B[M, M]\nL = trace(inv(A) @ B)",
            &["A", "B"],
        ),
        ("A[M, M]: spd; x[M]\nL = x @ inv(A) @ x", &["A", "x"]),
        (
            "A[M, M]; x[M]\nL = slogdet(A + outer(x, x))[1]",
            &["x", "A"],
        ),
        (
            "X[S, M]; lam[]: positive\nL = logdet(X.T @ X + lam * eye(M))",
            &["X", "lam"],
        ),
        (
            "A[M, M]: invertible; B[M, M]: invertible\nL = logdet(A @ B)",
            &["A", "B"],
        ),
        (
            "A[M, M]: invertible; b[M]; y[M]\nL = sum((solve(A, b) - y)**2)",
            &["A", "b"],
        ),
        ("A[M, M]: invertible\nL = trace(inv(A) @ A)", &["A"]),
        (
            "A[M, M]: invertible; B[M, M]\nL = trace(inv(A) @ A @ B)",
            &["A", "B"],
        ),
        (
            "A[M, M]: invertible; B[M, M]\nL = trace(A @ B @ inv(A))",
            &["A", "B"],
        ),
        ("A[M, M]: invertible\nL = det(inv(A))", &["A"]),
        (
            "A[M, M]: invertible; B[M, M]\nL = sum(B * inv(inv(A)))",
            &["A"],
        ),
        ("A[M, M]: invertible\nL = det(A)**2", &["A"]),
        ("A[M, M]: invertible\nL = 1 / det(A)", &["A"]),
        (
            "A[M, M]: invertible\nL = np.log(np.abs(np.linalg.det(A)))",
            &["A"],
        ),
        (
            "A[M, M]: invertible; B[M, M]\nL = sum(inv(A) * B)",
            &["A", "B"],
        ),
        ("A[M, M]: invertible\nL = sum(inv(A)**2)", &["A"]),
        ("A[M, M]: invertible\nL = norm(inv(A))", &["A"]),
        (
            "A[M, M]: invertible; X[M, M]\nL = trace(X.T @ inv(A) @ X)",
            &["A", "X"],
        ),
        (
            "X[S, M]; y[S]\nw = inv(X.T @ X) @ X.T @ y\nL = sum((X @ w - y)**2)",
            &["y", "X"],
        ),
        (
            "X[S, M]; y[S]; lam[]: positive\nw = solve(X.T @ X + lam * eye(M), X.T @ y)\nL = sum((X @ w - y)**2)",
            &["y", "lam", "X"],
        ),
        (
            "w[M]: positive; A[M, M]: spd\nL = logdet(A + diag(w))",
            &["w", "A"],
        ),
        ("w[M]: positive\nL = logdet(diag(w))", &["w"]),
        (
            "S[M, M]: spd; T[M, M]: spd\nL = trace(inv(T) @ S) + logdet(T) - logdet(S)",
            &["S", "T"],
        ),
        ("t[]; A[M, M]; B[M, M]\nL = det(A + t * B)", &["t"]),
        (
            "t[]; A[M, M]; B[M, M]; C[M, M]\nL = sum(C * inv(A + t * B))",
            &["t"],
        ),
        ("A[M, M]; c[]: positive\nL = logdet(c * A)", &["A", "c"]),
        (
            "X[M, N]; A[M, M]: symmetric\nL = trace(inv(X.T @ X) @ X.T @ A @ X)",
            &["X"],
        ),
        ("A[M, M]: spd; b[M]\nL = sum(inv(cholesky(A)) @ b)", &["b"]),
        ("A[M, M]: spd\nL = 2 * sum(log(diag(cholesky(A))))", &["A"]),
        (
            "L0[M, M]: lower; x[M]\nL = sum(solve(L0 + 3*eye(M), x)**2)",
            &["L0", "x"],
        ),
        (
            "Q[M, M]: orthogonal; A[M, M]; B[M, M]\nL = trace(Q.T @ A @ Q @ B)",
            &["Q"],
        ),
        (
            "x[M]; v[M]: positive\nL = x @ inv(diag(v)) @ x + logdet(diag(v))",
            &["v", "x"],
        ),
        (
            "Q[M, M]: orthogonal; A[M, M]; B[M, M]\nL = trace(Q @ inv(Q) @ A @ Q @ Q.T @ B)",
            &["A"],
        ),
        (
            "K[N, N]: spd; y[N]; s[]: positive\nL = 0.5 * y @ solve(K + s**2 * eye(N), y) + 0.5 * slogdet(K + s**2 * eye(N))[1]",
            &["s", "y", "K"],
        ),
    ];
    let mut wrong = Vec::new();
    for (text, wrt) in cases {
        if std::panic::catch_unwind(|| check(text, wrt)).is_err() {
            wrong.push(text);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
