//! Whatever a person types, the elaborator answers; it never panics.

use backprove_calculus::elaborate;
use proptest::prelude::*;

/// Pieces of programs, right and wrong.
const PIECES: &[&str] = &[
    "X",
    "W",
    "b",
    "x",
    "c",
    "S",
    "M",
    "N",
    "t",
    "h",
    "h'",
    "Y",
    "Z",
    "i",
    "j",
    "m",
    "(",
    ")",
    "[",
    "]",
    ",",
    ":",
    "=",
    "+",
    "-",
    "*",
    "/",
    "**",
    "@",
    ".T",
    "'",
    " > ",
    " == ",
    "0",
    "1",
    "2",
    "-1",
    "0.5",
    "sum",
    "sum(",
    "sum[m](",
    "sum[i, j](",
    "mean(",
    "softmax(",
    "axis=1",
    "axis=(0, 1)",
    "keepdims=True",
    "np.",
    "torch.",
    "F.softmax(",
    "dim=1",
    "X[i, m]",
    "X[0, :]",
    "X[:, None]",
    "X[S, M]",
    "W[N, M]",
    "b[N]",
    "x[M]",
    "A[M, M]: spd",
    "t[S]: labels(M)",
    "h: elementwise",
    "c[]",
    "Y[s, n] = ",
    "Y = ",
    "Z[i] = ",
    "einsum(\"sm,nm->sn\", X, W)",
    "delta(i, j)",
    "X.shape[0]",
    "X.sum(axis=0)",
    "one_hot(t, M)",
    "X[s, t[s]]",
    "diag(",
    "trace(",
    "eye(M)",
    "ones((2, M))",
    "where(",
    "None",
    "...",
    "inv(",
    "linear(X, W, b)",
    "cross_entropy(X, t)",
    "sgd(x, x, 0.1)",
    "module f(X[S, M]) -> Y[S, M] { Y = X }",
    "module g(a[]) -> b[] { b = g(a) }",
    "f(",
    "g(",
    "dL/dX",
    "\n",
    "\n",
    ";",
    "\"ij\"",
    "1e400",
    "X[np.arange(S), t]",
    "logsumexp(X)",
    "max[i](",
    "transpose(X, (1, 0))",
    "swapaxes(X, 0, 5)",
    "Q[1, M]",
    "Q",
];

const DECLARATIONS: &str = "X[S, M]; W[N, M]; b[N]; x[M]; c[]; t[S]: labels(M); h: elementwise\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_text_makes_the_elaborator_panic(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24),
        declared in any::<bool>(),
    ) {
        let text = format!("{}{}", if declared { DECLARATIONS } else { "" }, pieces.concat());
        let parsed = backprove_syntax::parse(&text);
        let elaborated = elaborate(&parsed.program);
        for diagnostic in &elaborated.diagnostics {
            prop_assert!(!diagnostic.message.is_empty());
            prop_assert!(!diagnostic.message.ends_with('.'), "{}", diagnostic.message);
            prop_assert!(!diagnostic.labels.is_empty(), "{} has no place", diagnostic.slug);
            for label in &diagnostic.labels {
                prop_assert!(text.get(label.span.start..label.span.end).is_some());
            }
        }
        for equation in &elaborated.program.equations {
            let free = equation.body.free_indices();
            prop_assert!(free.iter().all(|index| equation.indices.contains(index)), "{text}: {equation:?}");
            prop_assert_eq!(equation.target.rank(), equation.indices.len());
        }
    }

    #[test]
    fn expressions_over_declared_tensors_are_accepted_or_diagnosed(
        pieces in prop::collection::vec(prop::sample::select(EXPRESSIONS), 1..6),
        operators in prop::collection::vec(prop::sample::select(&[" + ", " * ", " @ ", " / ", " - ", " ** "][..]), 5),
    ) {
        let mut text = format!("{DECLARATIONS}Y = ");
        for (position, piece) in pieces.iter().enumerate() {
            if position > 0 {
                text.push_str(operators[position - 1]);
            }
            text.push_str(piece);
        }
        let parsed = backprove_syntax::parse(&text);
        prop_assert_eq!(&parsed.diagnostics, &[]);
        let elaborated = elaborate(&parsed.program);
        let defined = elaborated.program.equation("Y").is_some();
        prop_assert!(defined == elaborated.diagnostics.is_empty(), "{}: {:?}", text, elaborated.diagnostics);
        // A proposed edit leads to a text that parses.
        for diagnostic in &elaborated.diagnostics {
            let Some(edit) = diagnostic.help.as_ref().and_then(|help| help.edit.as_ref()) else { continue };
            let mut edited = text.clone();
            edited.replace_range(edit.span.start..edit.span.end, &edit.replacement);
            prop_assert_eq!(&backprove_syntax::parse(&edited).diagnostics, &[], "{}", edited);
        }
    }
}

/// Well-formed expressions of several shapes.
const EXPRESSIONS: &[&str] = &[
    "X",
    "W",
    "W.T",
    "b",
    "x",
    "c",
    "(X @ W.T)",
    "softmax(X)",
    "sum(X, axis=0)",
    "X.mean(axis=1, keepdims=True)",
    "h(x)",
    "(X + x)",
    "diag(x)",
    "eye(M)",
    "x[:, None]",
    "X[0]",
    "logsumexp(X)",
    "2",
    "M",
    "relu(X)",
    "cross_entropy(X, t)",
    "(-X)",
    "X.T",
    "where(X > 0, X, 0)",
    "(X > x)",
    "one_hot(t, M)",
    "linear(X, W, b)",
    "X[:, 0]",
];

#[test]
fn a_deep_tree_is_elaborated() {
    let sum = vec!["x"; 500].join(" + ");
    let parsed = backprove_syntax::parse(&format!("x[N]\n{sum}"));
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(elaborate(&parsed.program).diagnostics, []);
    // Written out, this would be larger than any memory.
    let nested = format!(
        "x[N]\nL = sum[i](x[i] + {}x[i]{})",
        "var(".repeat(60),
        ")".repeat(60)
    );
    let parsed = backprove_syntax::parse(&nested);
    assert_eq!(parsed.diagnostics, []);
    let slugs: Vec<_> = elaborate(&parsed.program)
        .diagnostics
        .into_iter()
        .map(|diagnostic| diagnostic.slug)
        .collect();
    assert_eq!(slugs, ["too-large"]);
    let calls = format!("x[N]\n{}x{}", "sqrt(".repeat(100), ")".repeat(100));
    let parsed = backprove_syntax::parse(&calls);
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(elaborate(&parsed.program).diagnostics, []);
}
