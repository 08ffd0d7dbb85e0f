//! What is said about wrong texts: the slug, the place, the sentence, and the proposed edit.

use std::fmt::Write as _;

use backprove_syntax::Diagnostic;

use crate::elaborated;

const CASES: &str = include_str!("diagnostics.txt");

/// The report of a diagnostic as the cases write it.
fn written(diagnostic: &Diagnostic, text: &str) -> String {
    let marked = diagnostic.labels[0].span.of(text);
    let mut lines = format!(
        "error {} at {marked}: {}\n",
        diagnostic.slug, diagnostic.message
    );
    if let Some(help) = &diagnostic.help {
        let line = match &help.edit {
            None => format!("help {}\n", help.message),
            Some(edit) => {
                let mut edited = text.to_owned();
                edited.replace_range(edit.span.start..edit.span.end, &edit.replacement);
                format!("fixed {}\n", edited.replace('\n', "|"))
            }
        };
        lines.push_str(&line);
    }
    lines
}

#[test]
fn wrong_texts_are_explained() {
    let mut count = 0;
    let mut wrong = String::new();
    for block in CASES.split("\n\n").skip(1) {
        let block = format!("{}\n", block.trim_end());
        let (text, expected) = block.split_at(block.find("\nerror ").unwrap() + 1);
        let text = text.trim_end();
        let diagnostics = elaborated(text).diagnostics;
        let found: String = diagnostics.iter().map(|own| written(own, text)).collect();
        if found != expected {
            let _ = writeln!(wrong, "{text}\n{found}instead of\n{expected}");
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 80, "{count} cases");
}

#[test]
fn several_mistakes_are_reported_and_none_twice() {
    let text = "X[S, M]; W[N, M]\nA = X @ W\nB = A + 1\nC = X + Q\nD = B * C\nE = sum(X, axis=5)";
    let slugs: Vec<&str> = elaborated(text)
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.slug)
        .collect();
    assert_eq!(
        slugs,
        ["shape-mismatch", "unknown-name", "axis-out-of-range"]
    );
}

#[test]
fn a_failed_module_is_reported_once() {
    let text = "module f(X[S, M]) -> Y[S, M] { Y = X @ X }\nmodule g(X[S, M]) -> Y[S, M] { Y = f(X) }\nX[A, B]\nf(X) + g(X)";
    let diagnostics = elaborated(text).diagnostics;
    let slugs: Vec<&str> = diagnostics
        .iter()
        .map(|diagnostic| diagnostic.slug)
        .collect();
    assert_eq!(slugs, ["shape-mismatch"]);
    assert_eq!(diagnostics[0].labels[0].span.of(text), "X");
}

#[test]
fn a_product_that_fits_only_transposed_says_exactly_that() {
    let text = "X[S, M]; W[N, M]; b[N]\nY = X @ W + b";
    let diagnostics = elaborated(text).diagnostics;
    let help = diagnostics[0].help.as_ref().unwrap();
    assert_eq!(help.message, "the sizes only fit `X @ W.T`");
    let labels: Vec<(&str, &str)> = diagnostics[0]
        .labels
        .iter()
        .map(|label| (label.span.of(text), label.text.as_str()))
        .collect();
    assert_eq!(labels, [("X", "S×M"), ("W", "N×M")]);
}
