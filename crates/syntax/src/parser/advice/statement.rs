//! Advice about mistakes in the form of statements. Never decides what a mistake is.

use super::super::{Parser, Reported};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::token::TokenKind;
use crate::tree::{ExpressionKind, Name, Statement};

/// The form of a module, for those who do not know it yet.
const MODULE: &str = "write `module NAME(X[S, M], W[N, M]) -> Y[S, N] { Y = X @ W.T }`";

impl Parser<'_> {
    /// Something follows where the statement should end.
    pub(in crate::parser) fn unexpected_after(
        &mut self,
        statement: Option<&Statement>,
    ) -> Reported {
        let token = self.peek(0);
        let Some(Statement::Expression(target)) = statement else {
            return self.unexpected("the end of the statement");
        };
        if token.kind != TokenKind::Equals {
            return self.unexpected("the end of the statement");
        }
        let help = if matches!(target.kind, ExpressionKind::Call { .. }) {
            "write `module NAME(X[S, M]) -> Y[S, N] { … }` for a function"
        } else {
            "write `NAME = …` or `NAME[i, k] = …`"
        };
        self.report(
            Diagnostic::error(
                "not-a-name",
                format!(
                    "`{}` is not a name that `=` can define",
                    self.excerpt(target.span)
                ),
            )
            .label(target.span, "not a new name")
            .help(help),
        )
    }

    pub(in crate::parser) fn comparison_for_definition(&mut self, span: Span) {
        self.report(
            Diagnostic::error(
                "comparison-for-definition",
                "`==` compares and defines nothing",
            )
            .label(span, "here")
            .help_edit("write `=` to define", span, "="),
        );
    }

    pub(in crate::parser) fn walrus(&mut self, colon: Span) {
        let span = Span::new(colon.start, colon.end + 1);
        self.report(
            Diagnostic::error("colon-equals", "a definition is written with `=`")
                .label(span, "here")
                .help_edit("write `=`", span, "="),
        );
    }

    pub(in crate::parser) fn augmented_assignment(&mut self, operator: usize) -> Reported {
        let span = self.at(operator).span.to(self.at(operator + 1).span);
        let name = self.text(self.peek(0)).to_owned();
        self.report(
            Diagnostic::error(
                "augmented-assignment",
                format!(
                    "`{}` cannot change `{name}`, which has one meaning",
                    span.of(self.source)
                ),
            )
            .label(span, "here")
            .help("define a new name with `=`"),
        )
    }

    pub(in crate::parser) fn missing_equals(&mut self, end: usize) {
        let place = Span::new(end, end);
        self.report(
            Diagnostic::error(
                "missing-equals",
                "`=` is missing after the name that is defined",
            )
            .label(place, "expected `=` here")
            .help_edit("add `=`", place, " ="),
        );
    }

    pub(in crate::parser) fn missing_separator(&mut self) {
        let previous = self.previous_end();
        let token = self.peek(0);
        let gap = if token.kind == TokenKind::Comma {
            token.span
        } else {
            Span::new(previous, token.span.start)
        };
        let replacement = if token.kind == TokenKind::Comma {
            ";"
        } else {
            "; "
        };
        self.report(
            Diagnostic::error(
                "missing-separator",
                "declarations are separated by `;` or a new line",
            )
            .label(token.span, "the next one starts here")
            .help_edit("write `;`", gap, replacement),
        );
    }

    pub(in crate::parser) fn missing_sizes(&mut self, name: &Name) -> Reported {
        let name_text = &name.text;
        self.report(
            Diagnostic::error("missing-sizes", format!("`{name_text}` has no sizes"))
                .label(name.span, "declared here")
                .help(format!(
                    "write its sizes, such as `{name_text}[S, M]`, or `{name_text}[]` for a scalar"
                )),
        )
    }

    pub(in crate::parser) fn sizes_of_function(&mut self, name: &Name, span: Span) {
        self.report(
            Diagnostic::error(
                "sizes-of-function",
                format!(
                    "`{}` is an element-wise function and has no sizes",
                    name.text
                ),
            )
            .label(span, "here")
            .help_edit(
                "leave the sizes out",
                span,
                format!("{}: elementwise", name.text),
            ),
        );
    }

    pub(in crate::parser) fn not_an_index(&mut self) -> Reported {
        if self.is_reported() {
            return Reported;
        }
        let token = self.peek(0);
        let message = format!(
            "expected an index on the left of `=`, found {}",
            self.describe(token)
        );
        self.report(
            Diagnostic::error("not-an-index", message)
                .label(token.span, "not a new name")
                .help("write plain names here, such as `Y[s, n] = …`"),
        )
    }

    pub(in crate::parser) fn not_a_size(&mut self) -> Reported {
        let token = self.peek(0);
        self.report(
            Diagnostic::error(
                "not-a-size",
                format!("expected a size, found {}", self.describe(token)),
            )
            .label(token.span, "here")
            .help("declare the tensor first if this is an access"),
        )
    }

    pub(in crate::parser) fn expression_not_last(&mut self, span: Span) {
        let name = ["Y", "Z", "A", "B"]
            .into_iter()
            .find(|name| !self.known.contains(*name) && !self.sizes.contains(*name))
            .unwrap_or("NAME");
        let start = Span::new(span.start, span.start);
        self.report(
            Diagnostic::error(
                "expression-not-last",
                "an expression without a name must be the last statement",
            )
            .label(span, "more statements follow")
            .help_edit("give it a name", start, format!("{name} = ")),
        );
    }

    pub(in crate::parser) fn expression_in_module(&mut self, span: Span, result: &Name) {
        let start = Span::new(span.start, span.start);
        self.report(
            Diagnostic::error(
                "expression-in-module",
                "a module holds definitions, and this has no name",
            )
            .label(span, "without a name")
            .label(result.span, "the module's result")
            .help_edit(
                format!("define `{}`", result.text),
                start,
                format!("{} = ", result.text),
            ),
        );
    }

    /// A line that starts with an operator continues the one before it only inside brackets.
    pub(in crate::parser) fn continued_line(
        &mut self,
        nothing_before: bool,
    ) -> Result<(), Reported> {
        let token = self.peek(0);
        let before = self
            .position
            .checked_sub(1)
            .map(|position| self.at(position));
        let new_line = before.is_some_and(|token| token.kind == TokenKind::Newline);
        if nothing_before || !new_line {
            return Ok(());
        }
        let line = &self.source[..token.span.start];
        let indented = line.ends_with([' ', '\t']);
        let continues = match token.kind {
            TokenKind::Plus
            | TokenKind::Star
            | TokenKind::Slash
            | TokenKind::At
            | TokenKind::Power
            | TokenKind::Dot => true,
            TokenKind::Minus => indented,
            _ => false,
        };
        if !continues {
            return Ok(());
        }
        let end = (0..self.position)
            .rev()
            .map(|position| self.at(position))
            .find(|token| !token.kind.ends_statement())
            .map_or(0, |token| token.span.end);
        let message = format!(
            "a line that starts with {} does not continue the one before it",
            self.describe(token)
        );
        let report = Diagnostic::error("continued-line", message)
            .label(token.span, "starts here")
            .help_edit(
                "join the lines, or put the whole expression into parentheses",
                Span::new(end, token.span.start),
                if token.kind == TokenKind::Dot {
                    ""
                } else {
                    " "
                },
            );
        Err(self.report(report))
    }

    pub(in crate::parser) fn nested_module(&mut self) -> Reported {
        let span = self.peek(0).span;
        self.report(
            Diagnostic::error("module-syntax", "a module cannot stand inside another one")
                .label(span, "here")
                .help("move it in front of the outer module"),
        )
    }

    /// Takes a symbol of a module's first line.
    pub(in crate::parser) fn module_word(
        &mut self,
        kind: TokenKind,
        place: &str,
    ) -> Result<(), Reported> {
        if self.take(kind).is_some() {
            return Ok(());
        }
        if self.is_reported() {
            return Err(Reported);
        }
        let token = self.peek(0);
        let message = format!(
            "expected `{}` {place}, found {}",
            kind.text(),
            self.describe(token)
        );
        let span = self.place(token);
        let report = Diagnostic::error("module-syntax", message).label(span, "here");
        let report = match (kind, token.kind) {
            (TokenKind::OpenBrace, TokenKind::Colon) => {
                report.help_edit("write `{`, and `}` at the end", token.span, " {")
            }
            _ => report.help(MODULE),
        };
        Err(self.report(report))
    }

    /// A parameter is a declaration; a bare name gets the proposal to declare it.
    pub(in crate::parser) fn parameter_has_sizes(&mut self) -> Result<(), Reported> {
        let (token, next) = (self.peek(0), self.peek(1));
        let declared = matches!(next.kind, TokenKind::OpenBracket | TokenKind::Colon);
        if token.kind != TokenKind::Name || declared {
            return Ok(());
        }
        let name = self.name_of(token);
        Err(self.missing_sizes(&name))
    }

    pub(in crate::parser) fn module_without_name(&mut self) -> Reported {
        let token = self.peek(0);
        let message = format!("expected the module's name, found {}", self.describe(token));
        let place = self.place(token);
        self.report(
            Diagnostic::error("module-syntax", message)
                .label(place, "here")
                .help(MODULE),
        )
    }
}
