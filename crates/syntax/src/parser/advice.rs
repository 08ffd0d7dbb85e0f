//! What to say about mistakes: one sentence, places, and where possible the edit that repairs
//! them. Never decides whether something is a mistake, and never moves the parser.

use super::{Parser, Reported};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::token::{Token, TokenKind};
use crate::tree::{Expression, ExpressionKind, Name, UnaryOperator};

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

pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|(reserved, _)| *reserved == word)
}

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

    pub(super) fn unexpected(&mut self, expected: &str) -> Reported {
        let token = self.peek(0);
        if token.kind == TokenKind::Unknown {
            return Reported;
        }
        let message = format!("expected {expected}, found {}", self.describe(token));
        let place = self.place(token);
        self.report(Diagnostic::error("unexpected-token", message).label(place, "here"))
    }

    pub(super) fn expected_expression(&mut self) -> Reported {
        let token = self.peek(0);
        let place = self.place(token);
        let before = self
            .position
            .checked_sub(1)
            .map(|position| self.at(position));
        let after = before
            .filter(|token| !token.kind.text().is_empty())
            .map(|token| format!(" after `{}`", self.text(token)));
        let message = format!(
            "expected an expression{}, found {}",
            after.unwrap_or_default(),
            self.describe(token)
        );
        self.report(Diagnostic::error("expected-expression", message).label(place, "here"))
    }

    /// Something follows an expression where the statement should end.
    pub(super) fn unexpected_after_expression(&mut self) -> Reported {
        let token = self.peek(0);
        match token.kind {
            TokenKind::Unknown => Reported,
            TokenKind::Equals => self.report(
                Diagnostic::error(
                    "misplaced-equals",
                    "`=` defines a name, and only a name with or without indices can stand before it",
                )
                .label(token.span, "here")
                .help_edit("write `==` to compare", token.span, "=="),
            ),
            TokenKind::CloseBrace => self.unexpected("an expression"),
            _ => self.unexpected("the end of the statement"),
        }
    }

    pub(super) fn too_deep(&mut self, span: Span) -> Reported {
        self.report(
            Diagnostic::error("too-deep", "the expression is nested too deeply")
                .label(span, "too deep here")
                .help("give parts of it names of their own"),
        )
    }

    pub(super) fn chained_comparison(&mut self, first: Span) -> Reported {
        let second = self.peek(0).span;
        self.report(
            Diagnostic::error("chained-comparison", "comparisons do not chain")
                .label(second, "second comparison")
                .label(first, "first comparison")
                .help("multiply two comparisons, each in parentheses"),
        )
    }

    pub(super) fn floor_division(&mut self) -> Reported {
        let span = self.peek(0).span.to(self.peek(1).span);
        self.report(
            Diagnostic::error(
                "floor-division",
                "there is no floor division in the language",
            )
            .label(span, "here")
            .help_edit("write `/`", span, "/"),
        )
    }

    /// Two operands side by side.
    pub(super) fn missing_operator(&mut self, left: &Expression, right: &Expression) {
        let gap = Span::new(left.span.end, right.span.start);
        let is_number = |side: &Expression| matches!(side.kind, ExpressionKind::Number(_));
        let (operator, help) = if is_number(left) || is_number(right) {
            ("*", "write `*` for the product")
        } else {
            (
                "@",
                "write `@` for the matrix product, or `*` for the element-wise one",
            )
        };
        let between = format!(
            "an operator is missing between `{}` and `{}`",
            self.excerpt(left.span),
            self.excerpt(right.span)
        );
        self.report(
            Diagnostic::error("missing-operator", between)
                .label(left.span.to(right.span), "two expressions side by side")
                .help_edit(help, gap, format!(" {operator} ")),
        );
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

    /// Whether this exponent is a `T` that stands for nothing else.
    pub(super) fn is_power_of_t(&self, exponent: &Expression) -> bool {
        match &exponent.kind {
            ExpressionKind::Name(name) => {
                name == "T" && !self.known.contains("T") && !self.sizes.contains("T")
            }
            ExpressionKind::Unary(UnaryOperator::Negate, inner) => {
                matches!(inner.kind, ExpressionKind::Name(_)) && self.is_power_of_t(inner)
            }
            _ => false,
        }
    }

    pub(super) fn power_of_t(&mut self, base: &Expression, exponent: &Expression) {
        let label = Span::new(base.span.end, exponent.span.end);
        let whole = base.span.to(exponent.span);
        let text = base.span.of(self.source);
        let report = Diagnostic::error("power-of-t", "a power of `T` is not a transpose");
        let report = report.label(label, "power of `T`");
        let report = if matches!(exponent.kind, ExpressionKind::Unary(..)) {
            let inner = text
                .strip_prefix('(')
                .and_then(|inner| inner.strip_suffix(')'))
                .filter(|inner| !inner.contains(['(', ')']))
                .unwrap_or(text);
            let inverse = format!("inv({inner}).T");
            report.help_edit("write the inverse, transposed", whole, inverse)
        } else {
            let message = format!("write `{}.T`", self.excerpt(base.span));
            report.help_edit(message, label, ".T")
        };
        self.report(report);
    }

    pub(super) fn refuse_reserved(&mut self) -> Result<(), Reported> {
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
    pub(super) fn refuse_reserved_statement(&mut self) -> Result<(), Reported> {
        let next = self.peek(1);
        if self.at_word("return") && !next.kind.ends_statement() && next.kind != TokenKind::Equals {
            let span = self.peek(0).span;
            let report = Diagnostic::error("reserved-word", "`return` is not needed")
                .label(span, "reserved")
                .help_edit("remove it", Span::new(span.start, next.span.start), "");
            return Err(self.report(report));
        }
        self.refuse_reserved()
    }

    /// Refuses names that must not be given to anything.
    pub(super) fn refuse_reserved_target(&mut self) -> Result<(), Reported> {
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

    pub(super) fn second_body(&mut self, function: &Name) -> Reported {
        let span = self.peek(0).span;
        let message = format!("`{}` over indices takes one expression", function.text);
        self.report(
            Diagnostic::error("reduction-body", message).label(span, "a second one follows"),
        )
    }

    pub(super) fn second_bound(&mut self) -> Reported {
        let span = self.peek(0).span;
        self.report(
            Diagnostic::error("range-bound", "`range` takes one bound and starts at 0")
                .label(span, "a second bound follows")
                .help("shift the index inside the expression"),
        )
    }

    pub(super) fn bare_comprehension(&mut self, body: Span) -> Reported {
        let span = self.peek(0).span;
        self.report(
            Diagnostic::error(
                "bare-comprehension",
                "`for` needs square brackets around it",
            )
            .label(span, "here")
            .label(body, "this is what is repeated")
            .help("write `stack([EXPR for i in range(n)])`"),
        )
    }

    pub(super) fn claim_without_equals(&mut self) -> Reported {
        let token = self.peek(0);
        if token.kind == TokenKind::Unknown {
            return Reported;
        }
        let place = self.place(token);
        self.report(
            Diagnostic::error("claim-without-equals", "a claim is written `LEFT = RIGHT`")
                .label(place, "expected `=` here")
                .help("write, for example, `dL/dW = dY.T @ X`"),
        )
    }

    pub(super) fn comparison_for_definition(&mut self, span: Span) {
        self.report(
            Diagnostic::error(
                "comparison-for-definition",
                "`==` compares and defines nothing",
            )
            .label(span, "here")
            .help_edit("write `=` to define", span, "="),
        );
    }

    pub(super) fn walrus(&mut self, colon: Span) {
        let span = Span::new(colon.start, colon.end + 1);
        self.report(
            Diagnostic::error("colon-equals", "a definition is written with `=`")
                .label(span, "here")
                .help_edit("write `=`", span, "="),
        );
    }

    pub(super) fn augmented_assignment(&mut self, operator: usize) -> Reported {
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

    pub(super) fn missing_equals(&mut self, end: usize) {
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

    pub(super) fn missing_separator(&mut self) {
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

    pub(super) fn missing_sizes(&mut self, name: &Name) {
        let place = Span::new(name.span.end, name.span.end);
        self.report(
            Diagnostic::error("missing-sizes", format!("`{}` has no sizes", name.text))
                .label(name.span, "declared here")
                .help_edit(
                    "write `[]` for a scalar, or sizes such as `[N, N]`",
                    place,
                    "[]",
                ),
        );
    }

    pub(super) fn sizes_of_function(&mut self, name: &Name, span: Span) {
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

    pub(super) fn not_an_index(&mut self) -> Reported {
        let token = self.peek(0);
        if token.kind == TokenKind::Unknown {
            return Reported;
        }
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

    pub(super) fn not_a_size(&mut self) -> Reported {
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

    pub(super) fn expression_not_last(&mut self, span: Span) {
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

    pub(super) fn expression_in_module(&mut self, span: Span, result: &Name) {
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
    pub(super) fn continued_line(&mut self, nothing_before: bool) -> Result<(), Reported> {
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

    pub(super) fn nested_module(&mut self) -> Reported {
        let span = self.peek(0).span;
        self.report(
            Diagnostic::error("module-syntax", "a module cannot stand inside another one")
                .label(span, "here")
                .help("move it in front of the outer module"),
        )
    }

    /// Takes a symbol of a module's first line.
    pub(super) fn module_word(&mut self, kind: TokenKind, place: &str) -> Result<(), Reported> {
        if self.take(kind).is_some() {
            return Ok(());
        }
        let token = self.peek(0);
        if token.kind == TokenKind::Unknown {
            return Err(Reported);
        }
        let message = format!(
            "expected `{}` {place} found {}",
            kind.text(),
            self.describe(token)
        );
        let span = self.place(token);
        let report = Diagnostic::error("module-syntax", message).label(span, "here");
        let report = match (kind, token.kind) {
            (TokenKind::OpenBrace, TokenKind::Colon) => {
                report.help_edit("write `{`, and `}` at the end", token.span, " {")
            }
            _ => report.help("write `module NAME(X[S, M], W[N, M]) -> Y[S, N] { Y = X @ W.T }`"),
        };
        Err(self.report(report))
    }

    /// A parameter is a declaration; a bare name gets the proposal to declare it.
    pub(super) fn parameter_has_sizes(&mut self) -> Result<(), Reported> {
        let (token, next) = (self.peek(0), self.peek(1));
        let declared = matches!(next.kind, TokenKind::OpenBracket | TokenKind::Colon);
        if token.kind != TokenKind::Name || declared {
            return Ok(());
        }
        let name = self.text(token);
        let place = Span::new(token.span.end, token.span.end);
        let report = Diagnostic::error("missing-sizes", format!("`{name}` has no sizes"))
            .label(token.span, "declared here")
            .help_edit(
                "write `[]` for a scalar, or sizes such as `[S, M]`",
                place,
                "[]",
            );
        Err(self.report(report))
    }
}
