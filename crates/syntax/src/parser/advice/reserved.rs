//! Words that cannot name anything, and what to write instead of using them.
//! Never holds the names of functions, which may be given a new meaning.

use super::super::{Parser, Reported};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::token::TokenKind;

/// Words that cannot name anything, and what to do instead of using them.
const RESERVED: &[(&str, &str)] = &[
    ("module", "write `module NAME(X[S, M]) -> Y[S, N] { … }`"),
    ("for", "write `stack([EXPR for i in range(n)])`"),
    ("in", "write `stack([EXPR for i in range(n)])`"),
    ("if", "write `where(condition, a, b)`"),
    ("else", "write `where(condition, a, b)`"),
    ("elif", "write `where(condition, a, b)`"),
    ("and", "multiply the two comparisons"),
    ("or", "write `maximum(a, b)`"),
    ("not", "write `1 - a`"),
    ("is", "write `==`"),
    ("def", "write `module NAME(X[S, M]) -> Y[S, N] { … }`"),
    ("class", "write `module NAME(X[S, M]) -> Y[S, N] { … }`"),
    ("return", "the last definition is the result"),
    ("import", "prefixes such as `np.` need no import"),
    ("from", "prefixes such as `np.` need no import"),
    ("with", "choose another name"),
    ("while", "choose another name"),
    ("as", "choose another name"),
    ("assert", "choose another name"),
    ("async", "choose another name"),
    ("await", "choose another name"),
    ("break", "choose another name"),
    ("continue", "choose another name"),
    ("del", "choose another name"),
    ("except", "choose another name"),
    ("finally", "choose another name"),
    ("global", "choose another name"),
    ("nonlocal", "choose another name"),
    ("pass", "choose another name"),
    ("raise", "choose another name"),
    ("try", "choose another name"),
    ("yield", "choose another name"),
    ("lambda", "choose another name, such as `lam`"),
];

/// Whether a word is reserved.
pub(in crate::parser) fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|(reserved, _)| *reserved == word)
}

impl Parser<'_> {
    pub(in crate::parser) fn refuse_reserved(&mut self) -> Result<(), Reported> {
        let token = self.peek(0);
        if token.kind != TokenKind::Name {
            return Ok(());
        }
        let word = self.text(token);
        let Some((_, advice)) = RESERVED.iter().find(|(reserved, _)| *reserved == word) else {
            return Ok(());
        };
        let report = Diagnostic::error(
            "reserved-word",
            format!("`{word}` is a reserved word and not a name"),
        )
        .label(token.span, "reserved");
        let report = if word == "lambda" {
            report.help_edit(*advice, token.span, "lam")
        } else {
            report.help(*advice)
        };
        Err(self.report(report))
    }

    /// Reserved words at the start of a statement, where `return` can simply go.
    pub(in crate::parser) fn refuse_reserved_statement(&mut self) -> Result<(), Reported> {
        let next = self.peek(1);
        if self.at_word("return") && !next.kind.ends_statement() && next.kind != TokenKind::Equals {
            let span = self.peek(0).span;
            let report = Diagnostic::error("reserved-word", "`return` is not needed")
                .label(span, "reserved")
                .help_edit("remove it", Span::new(span.start, next.span.start), "");
            return Err(self.report(report));
        }
        if self.at_word("import") || self.at_word("from") {
            let start = self.peek(0).span;
            let rest = (self.position..).map(|position| self.at(position));
            let end = rest
                .take_while(|token| !token.kind.ends_statement())
                .last()
                .map_or(start, |token| token.span);
            let report = Diagnostic::error("reserved-word", "nothing needs to be imported")
                .label(start, "reserved")
                .help_edit(
                    "remove the line; prefixes such as `np.` are known",
                    start.to(end),
                    "",
                );
            return Err(self.report(report));
        }
        self.refuse_reserved()
    }

    /// Refuses names that must not be given to anything.
    pub(in crate::parser) fn refuse_reserved_target(&mut self) -> Result<(), Reported> {
        let token = self.peek(0);
        let word = self.text(token);
        if matches!(word, "None" | "True" | "False") {
            let report = Diagnostic::error(
                "reserved-word",
                format!("`{word}` is a constant and cannot be given a meaning"),
            )
            .label(token.span, "reserved")
            .help("choose another name");
            return Err(self.report(report));
        }
        self.refuse_reserved()
    }
}
