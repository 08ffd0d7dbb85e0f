//! Tokens to tree: a precedence parser that never panics and reports several mistakes at once.
//! It decides by form alone; what a name means is for those who read the tree.
//!
//! From loosest to tightest: comparisons (which do not chain), `+ -`, `* / @`, prefix `-`, `**`
//! (to the right; tighter than the `-` before it, looser than the one after it), and postfix
//! forms.

mod advice;
mod argument;
mod expression;
mod statement;

pub(crate) use expression::is_library;

use std::collections::HashSet;

use crate::brackets::{Paired, pair};
use crate::diagnostic::Diagnostic;
use crate::lexer::{Differentials, tokenize};
use crate::source::Span;
use crate::token::{Token, TokenKind};
use crate::tree::{Expression, ExpressionKind, Program, Statement};

/// What a text says, as far as it could be understood, and what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The statements that were understood.
    pub program: Program,
    /// What is wrong; empty if the program is all that was written.
    pub diagnostics: Vec<Diagnostic>,
}

/// A claim of equality, such as `dL/db = dY.sum(axis=0)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// What the claim is about.
    pub left: Expression,
    /// What it is said to be.
    pub right: Expression,
}

/// Parses a program.
///
/// ```
/// let parsed = backprove_syntax::parse("X[S, M]; W[N, M]\nY = X @ W.T");
/// assert_eq!(parsed.diagnostics, []);
/// assert_eq!(parsed.program.statements.len(), 3);
///
/// let wrong = backprove_syntax::parse("X[S, M]; W[N, M]\nY = X W^T");
/// let slugs: Vec<_> = wrong.diagnostics.iter().map(|diagnostic| diagnostic.slug).collect();
/// assert_eq!(slugs, ["missing-operator", "power-of-t"]);
/// ```
pub fn parse(source: &str) -> Parsed {
    parse_after(&Program::default(), source)
}

/// Parses a program whose names may have been declared in `earlier`, such as the declarations of
/// a one-liner.
pub fn parse_after(earlier: &Program, source: &str) -> Parsed {
    let mut parser = Parser::new(source, Differentials::Divide);
    for statement in &earlier.statements {
        parser.remember(statement);
    }
    let statements = parser.program();
    Parsed {
        program: Program { statements },
        diagnostics: parser.finish(),
    }
}

/// Parses a text that is one expression.
pub fn parse_expression(source: &str) -> (Option<Expression>, Vec<Diagnostic>) {
    let mut parser = Parser::new(source, Differentials::Divide);
    let expression = parser.only_expression().ok();
    (expression, parser.finish())
}

/// Parses a claim. Here `dA/dB` without spaces is one word.
///
/// ```
/// let (claim, diagnostics) = backprove_syntax::parse_claim("dL/dW = dY.T @ X");
/// assert_eq!(diagnostics, []);
/// assert!(claim.is_some());
/// ```
pub fn parse_claim(source: &str) -> (Option<Claim>, Vec<Diagnostic>) {
    let mut parser = Parser::new(source, Differentials::Join);
    let claim = parser.only_claim().ok();
    (claim, parser.finish())
}

/// A mark that a mistake has been reported and the statement is given up.
#[derive(Debug)]
struct Reported;

/// How deeply brackets, prefix operators and powers may be nested.
const NESTING: usize = 128;

/// How high a tree may be; also the number of operators in a row.
const HEIGHT: usize = 512;

/// How many mistakes are worth reporting in one text.
const REPORTED: usize = 100;

/// An expression and the height of its tree, which is limited so that no walk over a tree
/// overflows the stack.
struct Operand {
    expression: Expression,
    height: usize,
}

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Token>,
    closers: Vec<Option<usize>>,
    position: usize,
    nesting: usize,
    /// Tensors and functions declared or defined so far.
    known: HashSet<String>,
    /// Those of them that are functions.
    functions: HashSet<String>,
    /// Names that occur in sizes.
    sizes: HashSet<String>,
    diagnostics: Vec<Diagnostic>,
}

impl<'s> Parser<'s> {
    fn new(source: &'s str, differentials: Differentials) -> Self {
        let (tokens, mut diagnostics) = tokenize(source, differentials);
        let Paired { tokens, closers } = pair(tokens, &mut diagnostics);
        Self {
            source,
            tokens,
            closers,
            position: 0,
            nesting: 0,
            known: HashSet::new(),
            functions: HashSet::new(),
            sizes: HashSet::new(),
            diagnostics,
        }
    }

    /// The first diagnostics in the order of their places.
    fn finish(mut self) -> Vec<Diagnostic> {
        self.diagnostics
            .sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
        self.diagnostics.truncate(REPORTED);
        self.diagnostics
    }

    /// The token `ahead` of the current one; past the end, the last one.
    fn peek(&self, ahead: usize) -> Token {
        self.at(self.position + ahead)
    }

    fn at(&self, position: usize) -> Token {
        let end = Token {
            kind: TokenKind::End,
            span: Span::new(self.source.len(), self.source.len()),
        };
        self.tokens.get(position).copied().unwrap_or(end)
    }

    fn kind(&self) -> TokenKind {
        self.peek(0).kind
    }

    fn text(&self, token: Token) -> &'s str {
        token.span.of(self.source)
    }

    /// Whether the current token is this name.
    fn at_word(&self, word: &str) -> bool {
        self.kind() == TokenKind::Name && self.text(self.peek(0)) == word
    }

    fn advance(&mut self) -> Token {
        let token = self.peek(0);
        if self.position < self.tokens.len() {
            self.position += 1;
        }
        token
    }

    fn take(&mut self, kind: TokenKind) -> Option<Token> {
        (self.kind() == kind).then(|| self.advance())
    }

    /// The place right after the token before the current one.
    fn previous_end(&self) -> usize {
        match self.position.checked_sub(1) {
            Some(position) => self.at(position).span.end,
            None => 0,
        }
    }

    /// From `start` to the end of the token before the current one.
    fn since(&self, start: usize) -> Span {
        Span::new(start, self.previous_end().max(start))
    }

    fn skip_line_ends(&mut self) {
        while self.take(TokenKind::Newline).is_some() {}
    }

    fn report(&mut self, diagnostic: Diagnostic) -> Reported {
        self.diagnostics.push(diagnostic);
        Reported
    }

    /// Takes the bracket that closes the one at `opener`.
    fn close(&mut self, opener: usize) -> Result<Token, Reported> {
        match self.closers.get(opener).copied().flatten() {
            // A lost bracket has been reported.
            None => Err(Reported),
            Some(closer) if closer == self.position => Ok(self.advance()),
            Some(closer) => {
                let expected = self.at(closer).kind.text();
                Err(self.unexpected(&format!("`,` or `{expected}`")))
            }
        }
    }

    /// An expression of this kind, unless the tree gets too high.
    fn build(
        &mut self,
        kind: ExpressionKind,
        span: Span,
        below: usize,
    ) -> Result<Operand, Reported> {
        if below >= HEIGHT {
            return Err(self.too_deep(span));
        }
        Ok(Operand {
            expression: Expression { kind, span },
            height: below + 1,
        })
    }

    fn only_expression(&mut self) -> Result<Expression, Reported> {
        self.skip_line_ends();
        let operand = self.expression()?;
        self.end_of_text()?;
        Ok(operand.expression)
    }

    fn only_claim(&mut self) -> Result<Claim, Reported> {
        self.skip_line_ends();
        let left = self.sum()?.expression;
        if self.take(TokenKind::Equals).is_none() && self.take(TokenKind::EqualEqual).is_none() {
            return Err(self.claim_without_equals());
        }
        let right = self.expression()?.expression;
        self.end_of_text()?;
        Ok(Claim { left, right })
    }

    fn end_of_text(&mut self) -> Result<(), Reported> {
        while self.kind() != TokenKind::End && self.kind().ends_statement() {
            self.advance();
        }
        if self.kind() == TokenKind::End {
            Ok(())
        } else {
            Err(self.unexpected_after(None))
        }
    }

    /// Whether this is the name of a tensor that is declared or defined so far.
    fn is_tensor(&self, name: &str) -> bool {
        self.known.contains(name) && !self.functions.contains(name)
    }

    /// Notes what a statement declares or defines.
    fn remember(&mut self, statement: &Statement) {
        match statement {
            Statement::Declaration(declaration) => {
                self.known.insert(declaration.name.text.clone());
                if declaration.sizes.is_none() {
                    self.functions.insert(declaration.name.text.clone());
                }
                for size in declaration.sizes.iter().flatten() {
                    if let ExpressionKind::Name(name) = &size.kind {
                        self.sizes.insert(name.clone());
                    }
                }
            }
            Statement::Definition(definition) => {
                self.known.insert(definition.name.text.clone());
            }
            Statement::Module(_) | Statement::Expression(_) => {}
        }
    }
}
