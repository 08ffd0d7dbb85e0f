//! Text to tokens. Knows characters, never grammar: what a bracket or a name belongs to is decided
//! by those who read the tokens.

use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::token::{Token, TokenKind};

/// Whether `dL/dW` is one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Differentials {
    /// Two names and a division, as in programs.
    Divide,
    /// One word, as in claims.
    Join,
}

/// The tokens of a text, the last one of kind [`TokenKind::End`], and what was wrong with it.
pub(crate) fn tokenize(
    source: &str,
    differentials: Differentials,
) -> (Vec<Token>, Vec<Diagnostic>) {
    let mut lexer = Lexer {
        source,
        offset: 0,
        differentials,
        tokens: Vec::new(),
        diagnostics: Vec::new(),
    };
    lexer.run();
    (lexer.tokens, lexer.diagnostics)
}

/// Characters that look right on paper, what to type instead, and the word they then are
/// (`None` where they are not a word of their own).
const LOOKALIKES: &[(&str, &str, Option<TokenKind>)] = &[
    ("×·⋅∙∗⊙∘•✕", "*", Some(TokenKind::Star)),
    ("÷∕", "/", Some(TokenKind::Slash)),
    ("−–—‐‑", "-", Some(TokenKind::Minus)),
    ("≤⩽", "<=", Some(TokenKind::LessEqual)),
    ("≥⩾", ">=", Some(TokenKind::GreaterEqual)),
    ("≠", "!=", Some(TokenKind::NotEqual)),
    ("←≔", "=", Some(TokenKind::Equals)),
    ("→", "->", Some(TokenKind::Arrow)),
    ("…", "...", Some(TokenKind::Ellipsis)),
    ("′", "'", Some(TokenKind::Prime)),
    ("，", ",", Some(TokenKind::Comma)),
    ("（", "(", Some(TokenKind::OpenParenthesis)),
    ("）", ")", Some(TokenKind::CloseParenthesis)),
    ("ᵀ⊤", ".T", None),
    ("²", "**2", None),
    ("³", "**3", None),
    ("∞", "inf", Some(TokenKind::Name)),
    ("₀", "0", None),
    ("₁", "1", None),
    ("₂", "2", None),
    ("₃", "3", None),
    ("₄", "4", None),
    ("₅", "5", None),
    ("₆", "6", None),
    ("₇", "7", None),
    ("₈", "8", None),
    ("₉", "9", None),
];

/// Characters of other notations, and how to say what they say.
const FOREIGN: &[(char, &str)] = &[
    ('|', "write `abs(x)` or `norm(x)`"),
    ('‖', "write `norm(x)`"),
    ('\\', "write `solve(A, b)`; brackets continue a line"),
    ('%', "there is no remainder in the language"),
    ('&', "multiply two comparisons to combine them"),
    ('~', "write `1 - x` for the opposite of a comparison"),
    ('!', "write `!=` for different from"),
    ('$', "write the formula without dollar signs"),
    ('∂', "write `d`, as in `dL/dW`"),
    ('√', "write `sqrt(x)`"),
    ('∑', "write `sum[k](…)`, or `sum(x, axis=0)`"),
    ('∏', "write `prod[k](…)`, or `prod(x, axis=0)`"),
    ('∇', "name the variables with `--wrt`"),
];

struct Lexer<'s> {
    source: &'s str,
    offset: usize,
    differentials: Differentials,
    tokens: Vec<Token>,
    diagnostics: Vec<Diagnostic>,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(character) = self.rest().chars().next() {
            let start = self.offset;
            match character {
                '\n' => self.push(TokenKind::Newline, 1),
                '#' => self.offset += line_length(self.rest()),
                '\u{feff}' if start == 0 => self.offset += character.len_utf8(),
                _ if character.is_whitespace() => self.offset += character.len_utf8(),
                _ if starts_name(character) => self.name(),
                _ if character.is_ascii_digit() => self.number(),
                '.' if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number(),
                '\'' if self.after_operand() => self.push(TokenKind::Prime, 1),
                '\'' | '"' => self.string(character, character),
                '’' | '‘' if self.after_operand() => self.curly_prime(),
                '’' | '‘' => self.string(character, '’'),
                '“' | '”' => self.string(character, '”'),
                _ => self.symbol(character),
            }
        }
        self.push(TokenKind::End, 0);
    }

    fn rest(&self) -> &str {
        self.source.get(self.offset..).unwrap_or("")
    }

    fn push(&mut self, kind: TokenKind, length: usize) {
        let span = Span::new(self.offset, self.offset + length);
        self.offset = span.end;
        self.tokens.push(Token { kind, span });
    }

    /// Whether a quote here is a postfix prime.
    fn after_operand(&self) -> bool {
        self.tokens.last().is_some_and(|token| {
            token.span.end == self.offset
                && matches!(
                    token.kind,
                    TokenKind::Name
                        | TokenKind::Differential
                        | TokenKind::CloseParenthesis
                        | TokenKind::CloseBracket
                        | TokenKind::Prime
                )
        })
    }

    fn name(&mut self) {
        let length = name_length(self.rest());
        if self.differentials == Differentials::Join
            && self.tokens.last().map(|token| token.kind) != Some(TokenKind::Dot)
            && let Some(whole) = differential_length(self.rest(), length)
        {
            self.push(TokenKind::Differential, whole);
        } else {
            self.push(TokenKind::Name, length);
        }
    }

    fn number(&mut self) {
        let length = number_length(self.rest().as_bytes());
        self.push(TokenKind::Number, length);
    }

    /// A string up to its closing quote on the same line. Curly quotes are reported.
    fn string(&mut self, open: char, close: char) {
        let start = self.offset;
        let body = &self.rest()[open.len_utf8()..];
        let is_close = |c: char| c == close || (c == open && !open.is_ascii());
        let end = body.find(|c| is_close(c) || c == '\n');
        let Some(length) = end.filter(|end| !body[*end..].starts_with('\n')) else {
            let line = &self.rest()[..line_length(self.rest())];
            // A bracket that closes after the quote was hardly meant to be in the string.
            let length = line.find([')', ']']).unwrap_or(line.trim_end().len());
            let end = Span::new(start + length, start + length);
            let quote = if matches!(close, '’' | '\'') {
                "'"
            } else {
                "\""
            };
            self.diagnostics.push(
                Diagnostic::error("unclosed-string", "the string is not closed on its line")
                    .label(Span::new(start, start + open.len_utf8()), "opened here")
                    .help_edit("close it", end, quote),
            );
            self.push(TokenKind::Unknown, length);
            return;
        };
        let text = body[..length].to_owned();
        let closing = body[length..].chars().next().map_or(0, char::len_utf8);
        let whole = open.len_utf8() + length + closing;
        if !open.is_ascii() {
            let quote = if text.contains('"') { '\'' } else { '"' };
            self.diagnostics.push(
                unknown_character(open, Span::new(start, start + open.len_utf8())).help_edit(
                    "use straight quotes",
                    Span::new(start, start + whole),
                    format!("{quote}{text}{quote}"),
                ),
            );
        }
        self.push(TokenKind::String, whole);
    }

    fn curly_prime(&mut self) {
        let span = Span::new(self.offset, self.offset + '’'.len_utf8());
        self.diagnostics
            .push(unknown_character('’', span).help_edit("write a straight prime", span, "'"));
        self.push(TokenKind::Prime, '’'.len_utf8());
    }

    fn symbol(&mut self, character: char) {
        const SYMBOLS: &[TokenKind] = &[
            // Longer symbols stand before their own beginnings.
            TokenKind::Ellipsis,
            TokenKind::Power,
            TokenKind::EqualEqual,
            TokenKind::NotEqual,
            TokenKind::LessEqual,
            TokenKind::GreaterEqual,
            TokenKind::Arrow,
            TokenKind::Plus,
            TokenKind::Minus,
            TokenKind::Star,
            TokenKind::Slash,
            TokenKind::At,
            TokenKind::Equals,
            TokenKind::Less,
            TokenKind::Greater,
            TokenKind::Comma,
            TokenKind::Colon,
            TokenKind::Semicolon,
            TokenKind::Dot,
            TokenKind::OpenParenthesis,
            TokenKind::CloseParenthesis,
            TokenKind::OpenBracket,
            TokenKind::CloseBracket,
            TokenKind::OpenBrace,
            TokenKind::CloseBrace,
        ];
        if character == '^' {
            return self.push(TokenKind::Power, 1);
        }
        if [".*", "./", ".^"]
            .iter()
            .any(|dotted| self.rest().starts_with(dotted))
        {
            return self.dotted_operator();
        }
        let found = SYMBOLS
            .iter()
            .find(|kind| self.rest().starts_with(kind.text()));
        match found {
            Some(kind) => self.push(*kind, kind.text().len()),
            None => self.unknown(character),
        }
    }

    /// `.*`, `./` and `.^` of other languages: reported, and read without the dot.
    fn dotted_operator(&mut self) {
        let span = Span::new(self.offset, self.offset + 2);
        let operator = &span.of(self.source)[1..];
        let kind = match operator {
            "*" => TokenKind::Star,
            "/" => TokenKind::Slash,
            _ => TokenKind::Power,
        };
        self.diagnostics.push(
            Diagnostic::error(
                "dotted-operator",
                format!("`{operator}` is element-wise without a dot"),
            )
            .label(span, "the dot is superfluous")
            .help_edit("remove the dot", span, operator),
        );
        self.push(kind, 2);
    }

    fn unknown(&mut self, character: char) {
        let span = Span::new(self.offset, self.offset + character.len_utf8());
        let lookalike = LOOKALIKES
            .iter()
            .find(|(characters, ..)| characters.contains(character));
        if let Some((_, replacement, kind)) = lookalike {
            self.diagnostics
                .push(unknown_character(character, span).help_edit(
                    format!("write `{replacement}`"),
                    span,
                    *replacement,
                ));
            match kind {
                Some(kind) => self.push(*kind, character.len_utf8()),
                None => self.offset = span.end,
            }
            return;
        }
        // A run of such characters is one mistake.
        let run: usize = self
            .rest()
            .chars()
            .take_while(|c| is_unknown(*c))
            .map(char::len_utf8)
            .sum();
        let length = run.max(character.len_utf8());
        let report = unknown_character(character, Span::new(span.start, span.start + length));
        let foreign = FOREIGN.iter().find(|(other, _)| *other == character);
        self.diagnostics.push(match foreign {
            Some((_, advice)) => report.help(*advice),
            None => report,
        });
        self.push(TokenKind::Unknown, length);
    }
}

fn unknown_character(character: char, span: Span) -> Diagnostic {
    let shown =
        if character.is_control() || matches!(character, '\u{200b}'..='\u{200f}' | '\u{feff}') {
            format!("U+{:04X}", character as u32)
        } else {
            format!("`{character}`")
        };
    Diagnostic::error(
        "unknown-character",
        format!("{shown} is not a character of the language"),
    )
    .label(span, "here")
}

/// Whether a character begins no word and has no lookalike.
fn is_unknown(character: char) -> bool {
    let in_table = LOOKALIKES
        .iter()
        .any(|(characters, ..)| characters.contains(character));
    let in_symbols = "'\"‘’“”#+-*/@^=<>!,:;.()[]{}".contains(character);
    !(in_table
        || in_symbols
        || starts_name(character)
        || character.is_ascii_digit()
        || character.is_whitespace())
}

/// A raised T is a letter to Unicode and an operator on paper.
fn is_letter(character: char) -> bool {
    character.is_alphabetic() && character != 'ᵀ'
}

fn starts_name(character: char) -> bool {
    is_letter(character) || character == '_'
}

fn name_length(text: &str) -> usize {
    text.find(|c: char| !(starts_name(c) || c.is_ascii_digit()))
        .unwrap_or(text.len())
}

fn line_length(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// The length of `dA/dB` at the start of `text`, whose first name has the length `first`.
fn differential_length(text: &str, first: usize) -> Option<usize> {
    let second = text[first..].strip_prefix('/')?;
    let length = name_length(second);
    let named = |name: &str| name.starts_with('d') && name.len() > 1;
    (named(&text[..first]) && named(&second[..length])).then_some(first + 1 + length)
}

/// `12`, `1.`, `.5`, `1.5e-3`; an `e` without digits after it is a name.
fn number_length(text: &[u8]) -> usize {
    let digits = |from: usize| {
        text[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut length = digits(0);
    if text.get(length) == Some(&b'.') && text.get(length + 1) != Some(&b'.') {
        length += 1;
        length += digits(length);
    }
    if matches!(text.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(length + 1), Some(b'+' | b'-')));
        let exponent = text
            .get(length + 1 + sign)
            .map_or(0, |_| digits(length + 1 + sign));
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<(TokenKind, &str)> {
        let (tokens, diagnostics) = tokenize(source, Differentials::Divide);
        assert_eq!(diagnostics, []);
        tokens
            .iter()
            .map(|token| (token.kind, token.span.of(source)))
            .collect()
    }

    fn texts(source: &str) -> Vec<&str> {
        let mut texts: Vec<&str> = words(source).iter().map(|(_, text)| *text).collect();
        assert_eq!(texts.pop(), Some(""));
        texts
    }

    #[test]
    fn numbers_take_every_form_that_numpy_takes() {
        for number in ["0", "12", "1.", ".5", "1.5", "1e-5", "1E+5", "2.e3", ".5e7"] {
            assert_eq!(words(number)[0], (TokenKind::Number, number));
            assert_eq!(words(number).len(), 2);
        }
        assert_eq!(texts("2e"), ["2", "e"]);
        assert_eq!(texts("2e-x"), ["2", "e", "-", "x"]);
        assert_eq!(texts("x[1:]"), ["x", "[", "1", ":", "]"]);
        assert_eq!(texts("3.*x"), ["3.", "*", "x"]);
    }

    #[test]
    fn quotes_after_operands_are_primes_and_open_strings_elsewhere() {
        use TokenKind::{Prime, String};
        let kinds = |source| -> Vec<TokenKind> {
            words(source)
                .into_iter()
                .map(|(kind, _)| kind)
                .filter(|kind| matches!(kind, Prime | String))
                .collect()
        };
        assert_eq!(kinds("x' + (a)' + b[0]' + h''(x)"), [Prime; 5]);
        assert_eq!(
            kinds("einsum('sm,nm->sn', X', \"a'b\")"),
            [String, Prime, String]
        );
        assert_eq!(kinds("x 'a'"), [String]);
    }

    #[test]
    fn operators_take_the_longest_match() {
        use TokenKind::{Arrow, Ellipsis, EqualEqual, LessEqual, NotEqual, Power};
        let kinds: Vec<TokenKind> = words("** ^ == <= != -> ...")
            .into_iter()
            .map(|(kind, _)| kind)
            .collect();
        assert_eq!(
            kinds[..7],
            [
                Power, Power, EqualEqual, LessEqual, NotEqual, Arrow, Ellipsis
            ]
        );
    }

    #[test]
    fn comments_end_with_their_line_and_greek_names_are_names() {
        assert_eq!(texts("σ_1 # all = this\nβ2"), ["σ_1", "\n", "β2"]);
    }

    #[test]
    fn differentials_are_one_word_only_in_claims() {
        let source = "dL/dW + d/dx + x.dot/dy + dL / dW";
        let (tokens, _) = tokenize(source, Differentials::Join);
        let joined: Vec<&str> = tokens
            .iter()
            .filter(|token| token.kind == TokenKind::Differential)
            .map(|token| token.span.of(source))
            .collect();
        assert_eq!(joined, ["dL/dW"]);
        assert_eq!(texts("dL/dW"), ["dL", "/", "dW"]);
    }
}
