//! What is said about mistakes: a table of texts with the diagnostics they must get. Each edit is
//! carried out, so that a proposal is seen as the text it leads to. Must hold no right programs.

use backprove_syntax::{Diagnostic, parse, parse_after, parse_claim, parse_expression};

/// A diagnostic in one line: slug, text at its first place, and the line that its edit leads to
/// (or its help in words, or nothing).
fn summary(diagnostic: &Diagnostic, source: &str) -> String {
    let place = diagnostic.labels[0].span.of(source);
    let help = match &diagnostic.help {
        None => String::new(),
        Some(help) => match &help.edit {
            None => format!(" ? {}", help.message),
            Some(edit) => {
                let mut edited = source.to_owned();
                edited.replace_range(edit.span.start..edit.span.end, &edit.replacement);
                let changed = edited
                    .lines()
                    .find(|line| !source.lines().any(|old| old == *line));
                format!(" => {}", changed.unwrap_or("(nothing)"))
            }
        },
    };
    format!("{} `{place}`{help}", diagnostic.slug)
}

#[track_caller]
fn gives(source: &str, expected: &[&str]) {
    let parsed = parse(source);
    let found: Vec<String> = parsed
        .diagnostics
        .iter()
        .map(|diagnostic| summary(diagnostic, source))
        .collect();
    assert_eq!(found, expected, "{source}");
}

/// Each line of the text is one mistake on its own.
#[track_caller]
fn each(cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        gives(source, &[expected]);
    }
}

#[test]
fn transposes_and_products_as_on_paper() {
    each(&[
        ("Y = X^T @ W", "power-of-t `^T` => Y = X.T @ W"),
        ("Y = (A + B)**T", "power-of-t `**T` => Y = (A + B).T"),
        ("Y = (A + B)^-T", "power-of-t `^-T` => Y = inv(A + B).T"),
        ("Y = X W", "missing-operator `X W` => Y = X @ W"),
        (
            "Y = (A + A')x",
            "missing-operator `(A + A')x` => Y = (A + A') @ x",
        ),
        ("Y = 2x", "missing-operator `2x` => Y = 2 * x"),
        ("Y = x 2.", "missing-operator `x 2.` => Y = x * 2."),
        (
            "Y = 2(a + b)",
            "missing-operator `2(a + b)` => Y = 2 * (a + b)",
        ),
        ("Y = a * b c", "missing-operator `b c` => Y = a * b @ c"),
        ("Y = X .* W", "dotted-operator `.*` => Y = X * W"),
    ]);
    gives(
        "X[S, M]; Y = X(X + 1) + X'(X)",
        &[
            "missing-operator `X(X + 1)` => X[S, M]; Y = X @ (X + 1) + X'(X)",
            "missing-operator `X'(X)` => X[S, M]; Y = X(X + 1) + X' @ (X)",
        ],
    );
    gives("X[S, T]; Y = X ** T", &[]);
}

#[test]
fn characters_that_look_right() {
    each(&[
        ("Y = X × W", "unknown-character `×` => Y = X * W"),
        ("Y = X · W", "unknown-character `·` => Y = X * W"),
        ("Y = X − W", "unknown-character `−` => Y = X - W"),
        ("Y = X ÷ W", "unknown-character `÷` => Y = X / W"),
        ("Y = X ≤ W", "unknown-character `≤` => Y = X <= W"),
        ("Y ← X", "unknown-character `←` => Y = X"),
        ("Y = x²", "unknown-character `²` => Y = x**2"),
        ("Y = Xᵀ", "unknown-character `ᵀ` => Y = X.T"),
        ("Y = x₁", "unknown-character `₁` => Y = x1"),
        ("Y = X’ + 1", "unknown-character `’` => Y = X' + 1"),
        ("Y = f(“ij”)", "unknown-character `“` => Y = f(\"ij\")"),
        ("Y = f(‘ij’)", "unknown-character `‘` => Y = f(\"ij\")"),
        ("Y = √x", "unknown-character `√` ? write `sqrt(x)`"),
        ("Y = 1 ?? 2", "unknown-character `??`"),
        (
            "Y = a & b",
            "unknown-character `&` ? multiply two comparisons to combine them",
        ),
        ("Y = \"ab", "unclosed-string `\"` => Y = \"ab\""),
        ("Y = f('ab) # c", "unclosed-string `'` => Y = f('ab') # c"),
    ]);
}

#[test]
fn brackets() {
    each(&[
        ("Y = (X @ W\nZ = Y", "unclosed-bracket `(` => Y = (X @ W)"),
        ("Y = f(X[0)", "unclosed-bracket `[` => Y = f(X[0])"),
        ("Y = x[\nZ = 1", "unclosed-bracket `[` => Y = x[]"),
        ("Y = X) + 1", "unopened-bracket `)` => Y = X + 1"),
        ("Y = f(X]", "mismatched-bracket `]` => Y = f(X)"),
        (
            "module f(x[N]) -> Y[N] { Y = x",
            "unclosed-bracket `{` ? write `}` after the last line",
        ),
        ("Y = (a; b)", "unexpected-token `;`"),
        ("Y = {a}", "expected-expression `{`"),
    ]);
    gives(
        "Y = f((X\nZ = g(Y\n",
        &[
            "unclosed-bracket `(` => Y = f((X)",
            "unclosed-bracket `(` => Y = f((X)",
            "unclosed-bracket `(` => Z = g(Y)",
        ],
    );
}

#[test]
fn definitions() {
    each(&[
        ("X[S, M]\nY == X", "comparison-for-definition `==` => Y = X"),
        ("Y := 3", "colon-equals `:=` => Y = 3"),
        ("X[S, M]\nY X @ X", "missing-equals `` => Y = X @ X"),
        (
            "Y[s] sum[m](X[s, m])",
            "missing-equals `` => Y[s] = sum[m](X[s, m])",
        ),
        (
            "W -= lr * g",
            "augmented-assignment `-=` ? define a new name with `=`",
        ),
        (
            "Y[0] = 3",
            "not-an-index `0` ? write plain names here, such as `Y[s, n] = …`",
        ),
        (
            "Y.T = X",
            "not-a-name `Y.T` ? write `NAME = …` or `NAME[i, k] = …`",
        ),
        (
            "f(x) = x ** 2",
            "not-a-name `f(x)` ? write `module NAME(X[S, M]) -> Y[S, N] { … }` for a function",
        ),
        ("a, b = c", "unexpected-token `,`"),
        ("Y = a = b", "unexpected-token `=` => Y = a == b"),
        (
            "Y = f(x + 1 = 0)",
            "unexpected-token `=` => Y = f(x + 1 == 0)",
        ),
        ("Y =", "expected-expression ``"),
        ("Y = X.T @\nZ = 1", "expected-expression ``"),
        ("Y = X.", "unexpected-token ``"),
        (
            "X[S]\nX + 1\nZ = X",
            "expression-not-last `X + 1` => Y = X + 1",
        ),
        ("Y = X\n  + b", "continued-line `+` => Y = X + b"),
        ("Y = X\n  - b", "continued-line `-` => Y = X - b"),
        ("Y = X\n@ b", "continued-line `@` => Y = X @ b"),
    ]);
    gives("Y = X\n-sum(Y)", &[]);
}

#[test]
fn declarations() {
    each(&[
        (
            "X[S, M] W[N, M]",
            "missing-separator `W` => X[S, M]; W[N, M]",
        ),
        (
            "X[S, M], W[N, M]",
            "missing-separator `,` => X[S, M]; W[N, M]",
        ),
        (
            "A[N]: positive, B[N]",
            "missing-separator `,` => A[N]: positive; B[N]",
        ),
        (
            "A: symmetric",
            "missing-sizes `A` ? write its sizes, such as `A[S, M]`, or `A[]` for a scalar",
        ),
        (
            "h[N]: elementwise",
            "sizes-of-function `h[N]: elementwise` => h: elementwise",
        ),
        (
            "X[:, 1]",
            "not-a-size `:` ? declare the tensor first if this is an access",
        ),
    ]);
}

#[test]
fn modules() {
    let form = "write `module NAME(X[S, M], W[N, M]) -> Y[S, N] { Y = X @ W.T }`";
    let cases = [
        ("module (x[N]) -> Y[N] { Y = x }", "("),
        ("module f x[N] -> Y[N] { Y = x }", "x"),
        ("module f(x[N]) Y[N] { Y = x }", "Y"),
        ("module f(x[N]) -> Y[N] Y = x", "Y"),
    ];
    for (source, place) in cases {
        gives(source, &[&format!("module-syntax `{place}` ? {form}")]);
    }
    each(&[
        (
            "module f(x[N]) -> Y[N]:\n",
            "module-syntax `:` => module f(x[N]) -> Y[N] {",
        ),
        (
            "module f(x) -> Y[N] { Y = x }",
            "missing-sizes `x` ? write its sizes, such as `x[S, M]`, or `x[]` for a scalar",
        ),
        (
            "module f(x[N]) -> Y[N] { x + 1 }",
            "expression-in-module `x + 1` => module f(x[N]) -> Y[N] { Y = x + 1 }",
        ),
        (
            "module f(x[N]) -> Y[N] { module g(x[N]) -> Y[N] { Y = x } }",
            "module-syntax `module` ? move it in front of the outer module",
        ),
    ]);
}

#[test]
fn reserved_words() {
    each(&[
        ("lambda = 3", "reserved-word `lambda` => lam = 3"),
        ("None = 3", "reserved-word `None` ? choose another name"),
        (
            "Y[for] = 3",
            "reserved-word `for` ? write `stack([EXPR for i in range(n)])`",
        ),
        (
            "Y = a if b else c",
            "reserved-word `if` ? write `where(condition, a, b)`",
        ),
        (
            "Y = a and b",
            "reserved-word `and` ? multiply the two comparisons",
        ),
        ("return X", "reserved-word `return` => X"),
        ("import numpy as np", "reserved-word `import` => (nothing)"),
        (
            "def f(x): return x",
            "reserved-word `def` ? write `module NAME(X[S, M]) -> Y[S, N] { … }`",
        ),
    ]);
}

#[test]
fn calls_and_comparisons() {
    each(&[
        (
            "Y = a < b < c",
            "chained-comparison `<` ? multiply two comparisons, each in parentheses",
        ),
        ("Y = sum[k](x, axis=1)", "reduction-body `,`"),
        ("Y = f(, 3)", "expected-expression `,`"),
        (
            "Y = f(x for i in range(3))",
            "bare-comprehension `for` ? write `stack([EXPR for i in range(n)])`",
        ),
        (
            "Y = [x for i in range(1, 3)]",
            "range-bound `,` ? shift the index inside the expression",
        ),
        ("Y = [x for i in n]", "unexpected-token `n`"),
    ]);
}

#[test]
fn several_mistakes_are_reported_at_once() {
    gives(
        "X[S, M]; W[N, M]\nA = X W^T\nB = * 2\nC = f(A\nD = A + × B",
        &[
            "missing-operator `X W^T` => A = X @ W^T",
            "power-of-t `^T` => A = X W.T",
            "expected-expression `*`",
            "unclosed-bracket `(` => C = f(A)",
            "unknown-character `×` => D = A + * B",
            "expected-expression `×`",
        ],
    );
}

#[test]
fn a_wrong_statement_does_not_take_others_with_it() {
    let parsed = parse("X[S]\nA = X +\nmodule f(x[N] -> Y[N] {\n  Y = x\n}\nB = 2 * X");
    assert_eq!(parsed.diagnostics.len(), 2, "{:?}", parsed.diagnostics);
    assert_eq!(
        backprove_syntax::format_program(&parsed.program),
        "X[S]\nB = 2 * X\n"
    );
}

#[test]
fn deep_nesting_is_refused() {
    let deep = |open: &str, close: &str| {
        let source = format!("{}x{}", open.repeat(20_000), close.repeat(20_000));
        let (_, diagnostics) = parse_expression(&source);
        let slugs: Vec<_> = diagnostics.iter().map(|found| found.slug).collect();
        assert_eq!(slugs, ["too-deep"], "{open}");
    };
    deep("(", ")");
    deep("[", "]");
    deep("f(", ")");
    deep("x[", "]");
    deep("-", "");
    deep("x ** ", "");
    deep("x + ", "");
    deep("x @ ", "");
    deep("", ".T");
    deep("", "'");
    deep("", "[0]");
    deep("sum[k](", ")");
}

#[test]
fn what_is_declared_elsewhere_counts() {
    let earlier = parse("X[S, M]").program;
    let slugs = |source| -> Vec<&str> {
        let parsed = parse_after(&earlier, source);
        parsed.diagnostics.iter().map(|found| found.slug).collect()
    };
    assert_eq!(slugs("Y X"), ["missing-equals"]);
    assert_eq!(slugs("X[0] + X(1)"), ["missing-operator"]);
}

#[test]
fn claims() {
    let slug = |source| -> Vec<&str> {
        let (_, diagnostics) = parse_claim(source);
        diagnostics.iter().map(|found| found.slug).collect()
    };
    assert_eq!(slug("dL/dW = dY.T @ X"), [""; 0]);
    assert_eq!(slug("dL/dW == dY.T @ X\n"), [""; 0]);
    assert_eq!(slug("dL/dW"), ["claim-without-equals"]);
    assert_eq!(
        slug("∂L/∂W = dY"),
        ["unknown-character", "unknown-character"]
    );
    assert_eq!(slug("dL/dW = dY.T X"), ["missing-operator"]);
    assert_eq!(slug("dL/dW = dY; dL/dX = dY"), ["unexpected-token"]);
    assert_eq!(slug(""), ["expected-expression"]);
}
