//! What to say about mistakes: one sentence, places, and where possible the edit that repairs
//! them. Never moves the parser past a mistake.

mod expression;
mod reserved;
mod statement;

pub(super) use reserved::is_reserved;

use super::{Parser, Reported};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::token::{Token, TokenKind};

impl Parser<'_> {
    /// How a token is called in a message.
    fn describe(&self, token: Token) -> String {
        match token.kind {
            TokenKind::Newline => "the end of the line".to_owned(),
            TokenKind::End => "the end of the text".to_owned(),
            _ => format!("`{}`", self.text(token)),
        }
    }

    /// The place to point at for a token that is wrong: the end of a line is shown right after
    /// the last word on it.
    fn place(&self, token: Token) -> Span {
        if token.kind.ends_statement() && token.kind != TokenKind::Semicolon {
            let end = self.previous_end();
            Span::new(end, end)
        } else {
            token.span
        }
    }

    /// Whether what is wrong here has been reported: a character that is no word, or the end of
    /// a statement in which a bracket is lost.
    fn is_reported(&self) -> bool {
        let kind = self.peek(0).kind;
        let mut statement = (0..self.position)
            .rev()
            .take_while(|position| !self.at(*position).kind.ends_statement());
        kind == TokenKind::Unknown
            || kind.ends_statement()
                && statement.any(|position| {
                    self.at(position).kind.closer().is_some() && self.closers[position].is_none()
                })
    }

    pub(super) fn unexpected(&mut self, expected: &str) -> Reported {
        if self.is_reported() {
            return Reported;
        }
        let token = self.peek(0);
        let message = format!("expected {expected}, found {}", self.describe(token));
        let report =
            Diagnostic::error("unexpected-token", message).label(self.place(token), "here");
        let report = if token.kind == TokenKind::Equals {
            report.help_edit("write `==` to compare", token.span, "==")
        } else {
            report
        };
        self.report(report)
    }

    pub(super) fn expected_expression(&mut self) -> Reported {
        if self.is_reported() {
            return Reported;
        }
        let token = self.peek(0);
        let before = self
            .position
            .checked_sub(1)
            .map(|position| self.at(position));
        let after = before
            .filter(|token| !token.kind.text().is_empty() && !token.kind.ends_statement())
            .map(|token| format!(" after `{}`", self.text(token)));
        let message = format!(
            "expected an expression{}, found {}",
            after.unwrap_or_default(),
            self.describe(token)
        );
        let place = self.place(token);
        self.report(Diagnostic::error("expected-expression", message).label(place, "here"))
    }

    pub(super) fn too_deep(&mut self, span: Span) -> Reported {
        self.report(
            Diagnostic::error("too-deep", "the expression is nested too deeply")
                .label(span, "too deep here")
                .help("give parts of it names of their own"),
        )
    }

    /// The text at a span, shortened to what fits into a sentence.
    fn excerpt(&self, span: Span) -> String {
        let text = span.of(self.source);
        let mut characters = text.chars();
        let start: String = characters.by_ref().take(24).collect();
        if characters.next().is_some() || start.contains('\n') {
            format!("{}…", start.split('\n').next().unwrap_or("").trim_end())
        } else {
            start
        }
    }
}
