//! The words of the language with their places. A token never owns text and never means anything:
//! its text is its span of the source.

use crate::source::Span;

/// One word of a source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What kind of word it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A name or a reserved word: `X`, `W_1`, `σ`, `module`.
    Name,
    /// `2`, `0.5`, `.5`, `1.`, `1e-5`.
    Number,
    /// A quoted string, quotes included.
    String,
    /// `dL/dW`, only in claims.
    Differential,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Star,
    /// `/`
    Slash,
    /// `@`
    At,
    /// `**` or `^`
    Power,
    /// `=`
    Equals,
    /// `==`
    EqualEqual,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `,`
    Comma,
    /// `:`
    Colon,
    /// `;`
    Semicolon,
    /// The end of a line.
    Newline,
    /// `.`
    Dot,
    /// `...`
    Ellipsis,
    /// `->`
    Arrow,
    /// A postfix `'`.
    Prime,
    /// `(`
    OpenParenthesis,
    /// `)`
    CloseParenthesis,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// `{`
    OpenBrace,
    /// `}`
    CloseBrace,
    /// Text that is no word; it has been reported.
    Unknown,
    /// The end of the text.
    End,
}

impl TokenKind {
    /// Whether a statement ends here.
    pub const fn ends_statement(self) -> bool {
        matches!(self, Self::Semicolon | Self::Newline | Self::End)
    }

    /// The bracket that closes this one, where this one opens.
    pub const fn closer(self) -> Option<Self> {
        match self {
            Self::OpenParenthesis => Some(Self::CloseParenthesis),
            Self::OpenBracket => Some(Self::CloseBracket),
            Self::OpenBrace => Some(Self::CloseBrace),
            _ => None,
        }
    }

    /// Whether this is a closing bracket.
    pub const fn closes(self) -> bool {
        matches!(
            self,
            Self::CloseParenthesis | Self::CloseBracket | Self::CloseBrace
        )
    }

    /// The fixed text of brackets and operators; empty for words whose text varies.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Star => "*",
            Self::Slash => "/",
            Self::At => "@",
            Self::Power => "**",
            Self::Equals => "=",
            Self::EqualEqual => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Comma => ",",
            Self::Colon => ":",
            Self::Semicolon => ";",
            Self::Dot => ".",
            Self::Ellipsis => "...",
            Self::Arrow => "->",
            Self::Prime => "'",
            Self::OpenParenthesis => "(",
            Self::CloseParenthesis => ")",
            Self::OpenBracket => "[",
            Self::CloseBracket => "]",
            Self::OpenBrace => "{",
            Self::CloseBrace => "}",
            Self::Name
            | Self::Number
            | Self::String
            | Self::Differential
            | Self::Newline
            | Self::Unknown
            | Self::End => "",
        }
    }
}
