//! What stands in the brackets of calls and subscripts. Never decides what is called.

use super::{Parser, Reported};
use crate::token::{Token, TokenKind};
use crate::tree::{Argument, Expression, ExpressionKind, Name, Subscript};

impl Parser<'_> {
    /// `(a, axis=1)` and the height of its highest argument.
    pub(super) fn arguments(&mut self) -> Result<(Vec<Argument>, usize), Reported> {
        let opener = self.position;
        self.advance();
        let mut arguments = Vec::new();
        let mut height = 0;
        while self.kind() != TokenKind::CloseParenthesis {
            let named = self.kind() == TokenKind::Name && self.peek(1).kind == TokenKind::Equals;
            let keyword = if named {
                let keyword = self.new_name("the name of an argument")?;
                self.advance();
                Some(keyword)
            } else {
                None
            };
            let value = self.expression()?;
            if self.at_word("for") {
                return Err(self.bare_comprehension(value.expression.span));
            }
            height = height.max(value.height);
            arguments.push(Argument {
                keyword,
                value: value.expression,
            });
            if self.take(TokenKind::Comma).is_none() {
                break;
            }
        }
        self.close(opener)?;
        Ok((arguments, height))
    }

    /// `[i, 1:, None, ...]` and the height of its highest entry.
    pub(super) fn subscripts(&mut self) -> Result<(Vec<Subscript>, usize), Reported> {
        let opener = self.position;
        self.advance();
        let mut subscripts = Vec::new();
        let mut height = 0;
        while self.kind() != TokenKind::CloseBracket {
            subscripts.push(self.subscript(&mut height)?);
            if self.take(TokenKind::Comma).is_none() {
                break;
            }
        }
        self.close(opener)?;
        Ok((subscripts, height))
    }

    fn subscript(&mut self, height: &mut usize) -> Result<Subscript, Reported> {
        if self.take(TokenKind::Ellipsis).is_some() {
            return Ok(Subscript::Ellipsis);
        }
        let start = self.slice_part(height)?;
        if self.take(TokenKind::Colon).is_some() {
            let stop = self.slice_part(height)?;
            let step = if self.take(TokenKind::Colon).is_some() {
                self.slice_part(height)?
            } else {
                None
            };
            return Ok(Subscript::Slice { start, stop, step });
        }
        match start {
            Some(expression) if expression.kind == ExpressionKind::None => Ok(Subscript::NewAxis),
            Some(expression) => Ok(Subscript::At(expression)),
            None => Err(self.expected_expression()),
        }
    }

    /// An expression between the colons of a slice, if there is one.
    fn slice_part(&mut self, height: &mut usize) -> Result<Option<Expression>, Reported> {
        if matches!(
            self.kind(),
            TokenKind::Colon | TokenKind::Comma | TokenKind::CloseBracket
        ) {
            return Ok(None);
        }
        let part = self.expression()?;
        *height = part.height.max(*height);
        Ok(Some(part.expression))
    }

    /// The name after a dot.
    pub(super) fn attribute_name(&mut self) -> Result<Name, Reported> {
        match self.take(TokenKind::Name) {
            Some(token) => Ok(self.name_of(token)),
            None => Err(self.unexpected("a name after `.`")),
        }
    }

    /// A name that is introduced here, which must not be reserved.
    pub(super) fn new_name(&mut self, expected: &str) -> Result<Name, Reported> {
        if self.kind() != TokenKind::Name {
            return Err(self.unexpected(expected));
        }
        self.refuse_reserved_target()?;
        let token = self.advance();
        Ok(self.name_of(token))
    }

    pub(super) fn name_of(&self, token: Token) -> Name {
        Name {
            text: self.text(token).to_owned(),
            span: token.span,
        }
    }
}
