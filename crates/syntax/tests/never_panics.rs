//! The parser takes every text: it never panics, its places lie inside the text, and what it
//! accepts without complaint prints as a text that says the same. Must hold no expectations about
//! particular mistakes.

use backprove_syntax::{
    Diagnostic, format_program, parse, parse_after, parse_claim, parse_expression,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const WORDS: &[&str] = &[
    "X",
    "W",
    "b",
    "h",
    "T",
    "np",
    "F",
    "sum",
    "dL",
    "dL/dW",
    "module",
    "for",
    "in",
    "range",
    "None",
    "if",
    "elementwise",
    "symmetric",
    "axis",
    "σ",
    "2",
    "1e-5",
    ".5",
    "1.",
    "'ij'",
    "\"k\"",
    "'",
    "\"",
    "+",
    "-",
    "*",
    "/",
    "@",
    "**",
    "^",
    "=",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    ",",
    ":",
    ";",
    "\n",
    ".",
    ".T",
    "...",
    "->",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "×",
    "−",
    "²",
    "ᵀ",
    "?",
    "|",
    "“",
    "’",
    "# c\n",
    " ",
    "\t",
    "X[S, M]\n",
    "Y = ",
    "sum[k](",
    "f(",
    "[0]",
    "x[1:",
    "\u{feff}",
];

fn check_places(source: &str, diagnostics: &[Diagnostic]) -> Result<(), TestCaseError> {
    for diagnostic in diagnostics {
        prop_assert!(!diagnostic.labels.is_empty());
        let labels = diagnostic.labels.iter().map(|label| label.span);
        let help = diagnostic.help.iter().filter_map(|help| help.edit.as_ref());
        for span in labels.chain(help.map(|edit| edit.span)) {
            prop_assert!(source.get(span.start..span.end).is_some(), "{:?}", span);
        }
    }
    Ok(())
}

fn check(source: &str) -> Result<(), TestCaseError> {
    let parsed = parse(source);
    check_places(source, &parsed.diagnostics)?;
    if parsed.diagnostics.is_empty() {
        let text = format_program(&parsed.program);
        let again = parse(&text);
        prop_assert_eq!(again.diagnostics, vec![], "{}", text);
        prop_assert_eq!(
            again.program.without_spans(),
            parsed.program.clone().without_spans(),
            "{}",
            text
        );
    }
    check_places(source, &parse_after(&parsed.program, source).diagnostics)?;
    let (expression, diagnostics) = parse_expression(source);
    check_places(source, &diagnostics)?;
    prop_assert!(expression.is_some() || !diagnostics.is_empty());
    let (claim, diagnostics) = parse_claim(source);
    check_places(source, &diagnostics)?;
    prop_assert!(claim.is_some() || !diagnostics.is_empty());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(4_000)
    })]

    #[test]
    fn on_any_text(source in any::<String>()) {
        check(&source)?;
    }

    #[test]
    fn on_words_side_by_side(words in vec(select(WORDS), 0..24)) {
        check(&words.concat())?;
    }

    #[test]
    fn on_words_apart(words in vec(select(WORDS), 0..24)) {
        check(&words.join(" "))?;
    }

    #[test]
    fn on_short_texts_of_words(words in vec(select(WORDS), 0..5)) {
        check(&words.concat())?;
    }

    #[test]
    fn on_programs_with_a_piece_cut_out(from in 0_usize..200, length in 0_usize..12) {
        const PROGRAM: &str = "X[S, M]; W[N, M]; b[N]: positive, labels(C)\nh: elementwise\n\
            module linear(X[S, M], W[N, M]) -> Y[S, N] {\n    Y = X @ W.T\n}\n\
            A[i: N - 1, j] = sum[k](X[i, k] * W[j, k])' ** -2\n\
            Z = np.sum(h'(linear(X, W)) + b[:, None], axis=1) @ (X > 0)\n";
        let kept: String = PROGRAM
            .chars()
            .enumerate()
            .filter(|(position, _)| !(from..from + length).contains(position))
            .map(|(_, character)| character)
            .collect();
        check(&kept)?;
    }
}

#[test]
fn on_long_texts_with_few_words() {
    let many = 50_000;
    let texts = [
        "(".repeat(many),
        ")".repeat(many),
        "[(".repeat(many) + &"]".repeat(many),
        "(".repeat(many) + &"]".repeat(many),
        "×".repeat(many),
        "x ".repeat(many),
        "'".repeat(many + 1),
        "Y = (\n".repeat(many),
        "module f(x[N]) -> Y[N] {".repeat(many),
        "X[S] ".repeat(many),
    ];
    for text in &texts {
        let diagnostics = parse(text).diagnostics;
        assert!((1..=100).contains(&diagnostics.len()), "{}", &text[..4]);
    }
}
