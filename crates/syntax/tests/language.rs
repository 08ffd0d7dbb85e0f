//! What the language accepts and how it prints: canonical text on one side, other ways of writing
//! the same on the other. Must hold no mistakes; those are in `diagnostics.rs`.

use backprove_syntax::tree::{Expression, ExpressionKind, Program, Statement, Subscript};
use backprove_syntax::{
    format_expression, format_program, parse, parse_after, parse_claim, parse_expression,
};

fn expression(source: &str) -> Expression {
    match parse_expression(source) {
        (Some(expression), diagnostics) if diagnostics.is_empty() => expression,
        (_, diagnostics) => panic!("`{source}`: {diagnostics:?}"),
    }
}

fn program(source: &str) -> Program {
    let parsed = parse(source);
    assert_eq!(parsed.diagnostics, [], "{source}");
    parsed.program
}

/// `source` prints as `canonical`, which parses to the same tree and prints as itself.
#[track_caller]
fn prints(source: &str, canonical: &str) {
    let tree = expression(source);
    assert_eq!(format_expression(&tree), canonical);
    assert_eq!(
        expression(canonical).without_spans(),
        tree.without_spans(),
        "{canonical}"
    );
}

#[track_caller]
fn prints_itself(canonical: &str) {
    prints(canonical, canonical);
}

#[track_caller]
fn program_prints(source: &str, canonical: &str) {
    let tree = program(source);
    assert_eq!(format_program(&tree), canonical);
    assert_eq!(program(canonical).without_spans(), tree.without_spans());
}

#[test]
fn canonical_expressions() {
    for text in [
        "dY.T @ X",
        "P * (dP - sum(dP * P, axis=1, keepdims=True))",
        "X[:, None]",
        "2 * X.T @ (X @ w - y)",
        "-x ** 2",
        "(-x) ** 2",
        "2 ** -x ** 2",
        "(a ** b) ** c",
        "a ** b ** c",
        "a - (b - c)",
        "a / b / c",
        "a / (b * c)",
        "(X > 0) * G",
        "-(x > 0)",
        "a * -b",
        "-a * b",
        "-(a * b)",
        "sum[m](X[s, m] * W[n, m]) + b[n]",
        "max[k, l](A[k, l])",
        "x[1:] - x[:-1] ** 2",
        "x[a + 1:b:2]",
        "X[..., 0, ::2]",
        "h'(X) * h''(X)",
        "(A + A')[0]'",
        "x.shape[1]",
        "X.sum(axis=0).T",
        "np.linalg.inv(A).T @ np.pi",
        "where(x == 0, a, b)",
        "stack([x[i:i + 3] @ k for i in range(n - 2)], axis=1)",
        "einsum(\"sm,nm->sn\", X, W)",
        "reshape(x, (4, -1))",
        "f(())[(1,)]",
        "(2).T",
        "c[]",
        "1e-5 + .5 * 1.",
        "[1, [2, 3]]",
        "(np).sum(x)",
    ] {
        prints_itself(text);
    }
}

#[test]
fn other_ways_of_writing() {
    prints("x^2", "x ** 2");
    prints("((X))@(W.T)", "X @ W.T");
    prints("A.mT", "A.T");
    prints("f(a, b,)", "f(a, b)");
    prints("X[:, np.newaxis]", "X[:, None]");
    prints("einsum('ij,jk', A', B)", "einsum(\"ij,jk\", A', B)");
    prints("f('say \"a\"')", "f('say \"a\"')");
    prints("np . sum ( x )", "np.sum(x)");
    prints("(a +\n b)", "a + b");
    prints("(x)", "x");
}

#[test]
fn subscripts_know_new_axes_and_slices() {
    let ExpressionKind::Subscript(_, subscripts) = expression("x[None, 1:, ..., i]").kind else {
        panic!("not a subscript");
    };
    assert_eq!(subscripts[0], Subscript::NewAxis);
    assert!(matches!(
        subscripts[1],
        Subscript::Slice {
            start: Some(_),
            stop: None,
            step: None
        }
    ));
    assert_eq!(subscripts[2], Subscript::Ellipsis);
    assert!(matches!(subscripts[3], Subscript::At(_)));
}

#[test]
fn library_prefixes_make_calls_unless_a_tensor_has_that_name() {
    assert!(matches!(
        expression("F.softmax(x)").kind,
        ExpressionKind::Call { function, .. } if function.text == "F.softmax"
    ));
    program_prints("F[N]; F.sum()", "F[N]\nF.sum()\n");
    let parsed = program("F[S, N]\nL = F.sum()");
    let Statement::Definition(definition) = &parsed.statements[1] else {
        panic!("not a definition");
    };
    assert!(matches!(
        definition.value.kind,
        ExpressionKind::Method { .. }
    ));
}

#[test]
fn the_derivative_of_a_function_is_called_with_its_primes() {
    assert!(matches!(
        expression("h''(x)").kind,
        ExpressionKind::Call { function, .. } if function.text == "h''"
    ));
}

#[test]
fn spans_cover_parentheses() {
    let source = "(a + b) * f(x).T";
    let ExpressionKind::Binary(_, left, right) = expression(source).kind else {
        panic!("not a product");
    };
    assert_eq!(left.span.of(source), "(a + b)");
    assert_eq!(right.span.of(source), "f(x).T");
}

#[test]
fn the_programs_of_the_guide() {
    program_prints(
        "X[S, M]                  # a tensor\nW[N,M]; b[N]\nY = X@W.T+b\n",
        "X[S, M]\nW[N, M]\nb[N]\nY = X @ W.T + b\n",
    );
    program_prints(
        "Y[s,n]=sum[m](X[s,m]*W[n,m])+b[n]",
        "Y[s, n] = sum[m](X[s, m] * W[n, m]) + b[n]\n",
    );
    program_prints(
        "Y[i:N-U+1]=sum[u](x[i+u]*k[u])",
        "Y[i: N - U + 1] = sum[u](x[i + u] * k[u])\n",
    );
    program_prints(
        "A[N,N]:symmetric,invertible; t[S]: labels(C); h:elementwise; c[]; K[O,C,3,3]",
        "A[N, N]: symmetric, invertible\nt[S]: labels(C)\nh: elementwise\nc[]\nK[O, C, 3, 3]\n",
    );
    program_prints(
        "module mlp(X[S, D], A[D, D]: symmetric, unit, h: elementwise)\n-> Z[S, D]\n{\n\n  B = h(X @ A)\n  Z = B; }\nX[S,D]\nmlp(X, X.T@X, h)",
        "module mlp(X[S, D], A[D, D]: symmetric, unit, h: elementwise) -> Z[S, D] {\n    B = h(X @ A)\n    Z = B\n}\nX[S, D]\nmlp(X, X.T @ X, h)\n",
    );
    program_prints(
        "X[S, M]; w[M]; y[S]; lam[]\nnp.mean((y - X @ w)**2) + lam * np.sum(w**2)",
        "X[S, M]\nw[M]\ny[S]\nlam[]\nnp.mean((y - X @ w) ** 2) + lam * np.sum(w ** 2)\n",
    );
}

#[test]
fn an_access_alone_declares_only_what_is_unknown() {
    let kinds = |source: &str| -> Vec<bool> {
        program(source)
            .statements
            .iter()
            .map(|statement| matches!(statement, Statement::Declaration(_)))
            .collect()
    };
    assert_eq!(kinds("X[S, M]; X[0, 1]"), [true, false]);
    assert_eq!(kinds("X[S, M]; X[S, M]; Y = X"), [true, true, false]);
    assert_eq!(kinds("X = 2 * A; X[0, 1]"), [false, false]);
    program_prints("(X[0, 1])", "(X[0, 1])\n");
}

#[test]
fn declarations_of_another_text_are_known() {
    let earlier = program("T[S, N]; F[N]");
    let parsed = parse_after(&earlier, "F.sum()^T + T[0, 1]");
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(
        format_program(&parsed.program),
        "(F).sum() ** T + T[0, 1]\n"
    );
}

#[test]
fn lines_may_break_inside_brackets() {
    let parsed = program("Y = f(a,\n  b\n)\nZ = [1,\n2]\n\n\n");
    assert_eq!(parsed.statements.len(), 2);
}

#[test]
fn claims_have_differentials() {
    let (claim, diagnostics) = parse_claim("dL/dW1.T = dL/dY.T @ X / dX");
    assert_eq!(diagnostics, []);
    let Some(claim) = claim else {
        panic!("no claim");
    };
    let ExpressionKind::Transpose(inner) = &claim.left.kind else {
        panic!("not a transpose");
    };
    assert_eq!(
        inner.kind,
        ExpressionKind::Differential {
            of: "L".to_owned(),
            by: "W1".to_owned()
        }
    );
    assert_eq!(format_expression(&claim.right), "dL/dY.T @ X / dX");
    assert_eq!(format_expression(&expression("dL/dW")), "dL / dW");
}
