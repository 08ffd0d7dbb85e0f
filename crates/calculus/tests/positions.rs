//! Affine positions, slices, comprehensions and arrangements: every step and every gradient is judged by the oracle, and
//! what is printed reads back as what it was.

mod chain;
mod program;

use backprove_calculus::check::{Checker, GradientClaim, Verdict, check_gradient, context};
use backprove_calculus::{
    Equation, Expr, Node, Program, Tensor, canonical, derivation, elaborate_definition,
    elaborate_text, notation,
};
use backprove_syntax::Span;
use backprove_syntax::tree::{Definition, Name, Program as Tree, Statement};
use program::program;

/// The equation in index notation reads back as itself.
fn reads_back(equation: &Equation, program: &Program, extra: &[Tensor]) {
    let mut positions =
        |part: &Expr| matches!(part.node(), Node::Position(_) | Node::Indicator(..));
    if equation.indices.is_empty() || !equation.body.any(&mut positions) {
        return;
    }
    let letters = notation::Letters::of(&equation.body, &equation.indices);
    let definition = Definition {
        name: Name::made(equation.target.name()),
        indices: Some(notation::left_side(equation, &letters)),
        value: notation::index_form(&equation.body, &letters),
        span: Span::default(),
    };
    let tree = Tree {
        statements: vec![Statement::Definition(definition.clone())],
    };
    let text = backprove_syntax::format_program(&tree);
    let value = elaborate_definition(&definition, program, extra, &|_, _| None);
    let value = value.unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
    assert_eq!(value.dims(), equation.target.dims(), "{text}");
    let pairs = value
        .indices
        .iter()
        .cloned()
        .zip(equation.indices.iter().cloned());
    let same = value.body.substitute(&pairs.collect());
    assert!(canonical::equal(&same, &equation.body), "{text}: {same:?}");
}

fn check(text: &str) {
    checked(text, true);
}

/// Steps that hold a derivative which is not worked out take long where there are many elements.
fn checked(text: &str, steps: bool) {
    let program = program(text);
    for equation in &program.equations {
        reads_back(equation, &program, &[]);
    }
    let variables = program.inputs.iter().filter(|input| !input.is_constant());
    let variables: Vec<Tensor> = variables.cloned().collect();
    let gradient = derivation::gradient(&program, &variables, None);
    let gradient = gradient.unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
    let mut checker = Checker::new(&context(&gradient), 0);
    let derived = gradient.program();
    let introduced = gradient
        .introduced
        .iter()
        .map(|equation| equation.target.clone());
    let gradients = gradient
        .derivations
        .iter()
        .map(|derivation| derivation.gradient.clone());
    let extra: Vec<Tensor> = introduced
        .chain(gradients)
        .chain(gradient.seed.clone())
        .collect();
    let kept = gradient.derivations.iter();
    for derivation in kept.filter(|derivation| !derivation.absorbed) {
        let locals = derivation.contributions.iter().map(|used| &used.local);
        let locals = locals.map(|chain| (chain, chain.start.free_indices()));
        let whole = (&derivation.chain, derivation.indices.clone());
        for (chain, indices) in locals.chain([whole]).filter(|_| steps) {
            chain::holds(chain, &indices, &mut checker, text);
        }
        reads_back(&derivation.equation(), &gradient.forward, &extra);
        let claim = GradientClaim {
            primal: &gradient.forward,
            variable: &derivation.variable,
            cotangent: gradient.seed.as_ref(),
            derived: &derived,
            gradient: &derivation.gradient,
        };
        let check = check_gradient(claim, 0);
        assert_eq!(
            check.verdict,
            Verdict::Verified(()),
            "{text}: {:?}",
            derivation.variable
        );
    }
}

#[test]
fn convolutions() {
    for text in [
        "x[N]; k[U]; Y[i: N-U+1] = sum[u](x[i + u] * k[u])",
        "x[N]; k[3]; Y[i: (N-3)//2+1] = sum[u](x[2*i + u] * k[u])",
        "x[N]; k[3]; Y[i: N] = sum[u](x[i + u - 1] * k[u])",
        "x[N]; k[3]; Y[i: N-4] = sum[u](x[i + 2*u] * k[u])",
        "x[N]; y[M]; Y = convolve(x, y)",
        "x[N]; y[3]; Y = np.convolve(x, y, mode='valid')",
    ] {
        check(text);
    }
    for text in [
        "X[2, 1, 4, 5]; K[1, 1, 2, 3]
         Y[n, o, i: 3, j: 3] = sum[c, u, v](X[n, c, i+u, j+v] * K[o, c, u, v])",
        "X[1, 2, 5, 4]; K[2, 2, 3, 3]
         Y[n, o, i: 3, j: 2] = sum[c, u, v](X[n, c, 2*i+u-1, 2*j+v-1] * K[o, c, u, v])",
    ] {
        checked(text, false);
    }
}

#[test]
fn slices() {
    for text in [
        "x[N]; Y = x[1:] - x[:-1]",
        "x[N]; L = np.sum(100*(x[1:]-x[:-1]**2)**2+(1-x[:-1])**2)",
        "x[N]; Y = x[::-1]",
        "x[N]; Y = exp(x)[::2]",
        "x[12]; Y = x[-5:10:2] * x[3]",
        "X[S, N]; Y = X[:, None, 1:] * X[None, :, :-1]",
        "q[S, T]; Y = q[:, 0] * q[:, -1]",
        "x[N]; Y[i: N-1] = x[i+1] * x[i]",
        "x[N]; Y[i: N] = i * x[N - 1 - i]",
        "x[N]; y[N - 1]; Y = x[1:] * y",
    ] {
        check(text);
    }
}

#[test]
fn comprehensions() {
    for text in [
        "x[12]; k[3]; Y = np.stack([x[i:i+3]@k for i in range(10)])",
        "x[N + 2]; k[3]; Y = np.stack([x[i:i+3]@k for i in range(N)])",
        "x[C, 12]; k[O, C, 3]
         Y = np.stack([np.einsum('cj,ocj->o',x[:,i:i+3],k) for i in range(10)],axis=1)",
        "X[S, M]; W[N, M]; Y = stack([tanh(W @ X[i]) for i in range(S)])",
        "x[M]; y[M]; Y = np.stack([x, y, x * y], axis=1)",
    ] {
        check(text);
    }
}

#[test]
fn arrangements() {
    for text in [
        "x[12]; Y = np.mean(x.reshape(4,3),axis=1)",
        "A[2, 3]; B[3, 2]; Y = np.kron(A, B)",
        "A[M, N]; B[K, L]; Y = np.kron(A, B)",
        "X[M, N]; Y = X.flatten()",
        "X[M, N]; Y = vec(X) @ vec(X)",
        "X[M, 6]; Y = X.reshape(-1, 2, 3)",
        "X[4, 6]; Y = X.reshape(8, 3)",
        "x[2*N]; Y = x.reshape(N, 2)[:, 1]",
        "x[N]; y[M]; Y = concatenate([x, y])",
        "X[S, M]; Z[S, N]; Y = np.concatenate((X, Z), axis=1)",
        "X[S, M]; Y = triu(X, k=1)",
        "X[S, M]; Y = cumsum(X, axis=1)",
        "x[N]; Y = repeat(x, 3) * tile(x, 3)",
        "x[N]; Y = np.flip(x) + np.roll(x, 1)",
        "X[N, N]; x[N]; Y = np.diag(X, 1); ",
        "x[N]; Y = np.diag(x, -1)",
        "X[M, N]; Y = X @ eye(N, M)",
        "X[B, S, M]; W[N, M]; Y = np.einsum('...m,nm->...n', X, W)",
        "x[N]; Y = x * arange(N) / len(x)",
    ] {
        check(text);
    }
}

#[test]
fn reductions() {
    for text in [
        "x[M]; Y = max(x)",
        "X[S, M]; Y = X.min(axis=1)",
        "X[S, M]; Y = prod(X, axis=1)",
        "X[S, M]; L = prod(X)",
        "X[S, M]; Y[s] = max[m](X[s, m]**2)",
        "X[S, M]; Y = np.linalg.norm(X, axis=1)",
        "X[S, M]; Y = std(X, axis=0, ddof=1)",
        "X[S, M]; Y = torch.var(X, dim=1)",
        "X[S, M]; Y = logsumexp(X, axis=0)",
    ] {
        check(text);
    }
}

#[test]
fn what_may_reach_outside_is_refused() {
    for (text, slug) in [
        ("x[N]; Y = x[:3]", "out-of-range"),
        (
            "x[12]; k[3]; Y = stack([x[i:i+3]@k for i in range(11)])",
            "out-of-range",
        ),
        ("x[12]; Y = x.reshape(5, 2)", "shape-mismatch"),
        ("x[N]; Y = x.reshape(4, 2)", "shape-mismatch"),
        ("x[N]; Y[i: N] = x[i * i]", "not-affine"),
        ("x[N]; y[M]; Y = x[1:] + y", "shape-mismatch"),
        ("x[N]; Y[i] = x[i + 1]", "unused-index"),
    ] {
        let found = elaborate_text(text).diagnostics;
        assert_eq!(
            found.first().map(|problem| problem.slug),
            Some(slug),
            "{text}: {found:?}"
        );
    }
}
