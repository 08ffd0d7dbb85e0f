//! Pairs of brackets. Finds which brackets belong together before anything is parsed, so that one
//! lost bracket spoils one line and not the rest of the text. Knows no grammar.

use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::token::{Token, TokenKind};

/// How many lost brackets of one kind of loss are worth reporting.
const REPORTED: usize = 20;

/// How many open brackets a closing one may pass over to find its own; more are not lost at once.
const REACH: usize = 64;

/// Tokens whose brackets are paired. Line ends inside brackets and closing brackets that close
/// nothing are gone.
pub(crate) struct Paired {
    /// The tokens, the last one of kind [`TokenKind::End`].
    pub tokens: Vec<Token>,
    /// For an opening bracket that is closed, the position of the bracket that closes it.
    pub closers: Vec<Option<usize>>,
}

/// Pairs the brackets and reports those without a partner.
pub(crate) fn pair(mut tokens: Vec<Token>, diagnostics: &mut Vec<Diagnostic>) -> Paired {
    let partners = partners(&mut tokens, diagnostics);
    let mut kept = Vec::with_capacity(tokens.len());
    let mut new_position = vec![0; tokens.len()];
    // Positions at which the round and square brackets around the current token close.
    let mut inside: Vec<usize> = Vec::new();
    for (position, token) in tokens.iter().enumerate() {
        while inside.last().is_some_and(|end| *end <= position) {
            inside.pop();
        }
        let stray = token.kind.closes() && partners[position].is_none();
        if stray || (token.kind == TokenKind::Newline && !inside.is_empty()) {
            continue;
        }
        if let (Some(_), Some(end)) = (token.kind.closer(), partners[position])
            && token.kind != TokenKind::OpenBrace
        {
            inside.push(end);
        }
        new_position[position] = kept.len();
        kept.push(*token);
    }
    let mut closers = vec![None; kept.len()];
    for (position, token) in tokens.iter().enumerate() {
        if let (Some(_), Some(end)) = (token.kind.closer(), partners[position]) {
            closers[new_position[position]] = Some(new_position[end]);
        }
    }
    Paired {
        tokens: kept,
        closers,
    }
}

/// The partner of each bracket. A bracket of the wrong shape is reported and corrected.
fn partners(tokens: &mut [Token], diagnostics: &mut Vec<Diagnostic>) -> Vec<Option<usize>> {
    let mut partners = vec![None; tokens.len()];
    let mut open: Vec<usize> = Vec::new();
    // Where in `open` the braces are.
    let mut braces: Vec<usize> = Vec::new();
    for position in 0..tokens.len() {
        let Token { kind, span } = tokens[position];
        if kind.closer().is_some() {
            if kind == TokenKind::OpenBrace {
                braces.push(open.len());
            }
            open.push(position);
        }
        if !kind.closes() {
            continue;
        }
        // A round or square bracket never reaches out of the braces around it.
        let reachable = match braces.last() {
            Some(brace) if kind != TokenKind::CloseBrace => brace + 1,
            _ => 0,
        };
        let matching = (reachable..open.len())
            .rev()
            .take(REACH)
            .find(|at| tokens[open[*at]].kind.closer() == Some(kind));
        if let Some(at) = matching {
            for lost in open.drain(at + 1..).take(REPORTED) {
                diagnostics.push(unclosed(tokens, lost, Some(span)));
            }
        } else if let Some(opener) = open.get(reachable..).and_then(<[usize]>::last)
            && kind != TokenKind::CloseBrace
            && let Some(expected) = tokens[*opener].kind.closer()
        {
            diagnostics.push(
                Diagnostic::error(
                    "mismatched-bracket",
                    format!(
                        "`{}` is closed by `{}`",
                        tokens[*opener].kind.text(),
                        kind.text()
                    ),
                )
                .label(span, format!("should be `{}`", expected.text()))
                .label(tokens[*opener].span, "opened here")
                .help_edit(
                    format!("write `{}`", expected.text()),
                    span,
                    expected.text(),
                ),
            );
            tokens[position].kind = expected;
        } else {
            diagnostics.push(
                Diagnostic::error(
                    "unopened-bracket",
                    format!("`{}` closes nothing", kind.text()),
                )
                .label(span, "no bracket is open here")
                .help_edit("remove it", span, ""),
            );
            continue;
        }
        if let Some(opener) = open.pop() {
            partners[opener] = Some(position);
            partners[position] = Some(opener);
            braces.truncate(braces.partition_point(|brace| *brace < open.len()));
        }
    }
    for lost in open.into_iter().take(REPORTED) {
        diagnostics.push(unclosed(tokens, lost, None));
    }
    partners
}

/// Reports an opening bracket that is lost: its closer belongs before `before`, or at the end of
/// its line.
fn unclosed(tokens: &[Token], opener: usize, before: Option<Span>) -> Diagnostic {
    let Token { kind, span } = tokens[opener];
    let closer = kind.closer().map_or("", TokenKind::text);
    let end = before.map_or_else(
        || {
            let line = tokens[opener..]
                .iter()
                .take_while(|token| !token.kind.ends_statement());
            line.last().map_or(span.end, |token| token.span.end)
        },
        |span| span.start,
    );
    let report = Diagnostic::error(
        "unclosed-bracket",
        format!("`{}` is never closed", kind.text()),
    )
    .label(span, "opened here");
    match (kind, before) {
        (TokenKind::OpenBrace, _) => report.help(format!("write `{closer}` after the last line")),
        _ => report.help_edit(format!("add `{closer}`"), Span::new(end, end), closer),
    }
}
