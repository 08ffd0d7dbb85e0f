//! Statements: declarations, definitions, modules and a last expression. Never looks inside
//! expressions.

use super::{Parser, Reported};
use crate::source::Span;
use crate::token::{Token, TokenKind};
use crate::tree::{
    Declaration, Definition, Expression, Fact, IndexDeclaration, Module, Name, Statement,
};

impl Parser<'_> {
    /// All statements of the text.
    pub(super) fn program(&mut self) -> Vec<Statement> {
        let end = self.tokens.len().saturating_sub(1);
        self.statements(end, None)
    }

    /// The statements up to the token at `end`. Inside a module, `result` is its result's name.
    fn statements(&mut self, end: usize, result: Option<&Name>) -> Vec<Statement> {
        let mut statements: Vec<Statement> = Vec::new();
        // An expression, and where it starts: it must turn out to be the last statement.
        let mut unnamed: Option<Span> = None;
        loop {
            while self.position < end && self.kind().ends_statement() {
                self.advance();
            }
            if self.position >= end {
                break;
            }
            if let Some(span) = unnamed.take() {
                self.expression_not_last(span);
            }
            let start = self.position;
            let nothing_before = statements
                .last()
                .is_none_or(|statement| !matches!(statement, Statement::Definition(_)));
            let parsed = match self.continued_line(nothing_before) {
                Ok(()) => self.statement(end, result.is_some()),
                Err(reported) => Err(reported),
            };
            let finished = parsed.and_then(|statement| {
                self.remember(&statement);
                self.end_of_statement(end, &statement)?;
                Ok(statement)
            });
            let Ok(statement) = finished else {
                self.skip_statement(start, end);
                continue;
            };
            if let Statement::Expression(expression) = &statement {
                match result {
                    Some(name) => self.expression_in_module(expression.span, name),
                    None => unnamed = Some(expression.span),
                }
            }
            statements.push(statement);
        }
        statements
    }

    /// Goes to the end of the statement that starts at `start`, past brackets that are closed.
    fn skip_statement(&mut self, start: usize, end: usize) {
        let mut position = start;
        while position < end {
            if position >= self.position && self.at(position).kind.ends_statement() {
                break;
            }
            // A closed bracket is passed as a whole.
            position = self.closers[position].unwrap_or(position) + 1;
        }
        self.position = position.min(end).max(start + 1);
    }

    fn end_of_statement(&mut self, end: usize, statement: &Statement) -> Result<(), Reported> {
        let done = self.position >= end
            || self.kind().ends_statement()
            || matches!(statement, Statement::Module(_));
        if done {
            return Ok(());
        }
        let declared = matches!(statement, Statement::Declaration(_));
        if declared && matches!(self.kind(), TokenKind::Name | TokenKind::Comma) {
            self.missing_separator();
            self.take(TokenKind::Comma);
            return Ok(());
        }
        Err(self.unexpected_after(Some(statement)))
    }

    fn statement(&mut self, end: usize, inside_module: bool) -> Result<Statement, Reported> {
        if self.kind() != TokenKind::Name {
            return self.expression_statement();
        }
        let token = self.peek(0);
        let word = self.text(token);
        if word == "module" && self.peek(1).kind != TokenKind::Equals {
            if inside_module {
                return Err(self.nested_module());
            }
            return self.module(end).map(Statement::Module);
        }
        self.refuse_reserved_statement()?;
        let unknown = !self.known.contains(word);
        let next = self.peek(1);
        let bracketed = next.kind == TokenKind::OpenBracket;
        let after = if bracketed {
            match self.closers[self.position + 1] {
                Some(closer) => closer + 1,
                None => return self.expression_statement(),
            }
        } else {
            self.position + 1
        };
        let follower = if after >= end {
            TokenKind::End
        } else {
            self.at(after).kind
        };
        match follower {
            TokenKind::Equals => self.definition(after + 1),
            TokenKind::EqualEqual if unknown => {
                self.comparison_for_definition(self.at(after).span);
                self.definition(after + 1)
            }
            TokenKind::Colon if self.touches_equals(after) => {
                self.walrus(self.at(after).span);
                self.definition(after + 2)
            }
            TokenKind::Colon => self.declaration().map(Statement::Declaration),
            kind if self.touches_equals(after) && is_operator(kind) => {
                Err(self.augmented_assignment(after))
            }
            kind if bracketed && kind.ends_statement() => {
                let last = (after..end).all(|position| self.at(position).kind.ends_statement());
                if unknown || !last {
                    self.declaration().map(Statement::Declaration)
                } else {
                    self.expression_statement()
                }
            }
            TokenKind::Comma if bracketed && unknown => {
                self.declaration().map(Statement::Declaration)
            }
            TokenKind::Name if bracketed && unknown && self.declares(after, end) => {
                self.declaration().map(Statement::Declaration)
            }
            TokenKind::Name | TokenKind::Number
                if unknown
                    && (bracketed || !self.known.is_empty())
                    && !self.is_reserved(self.at(after)) =>
            {
                self.missing_equals(self.at(after - 1).span.end);
                self.definition(after)
            }
            _ => self.expression_statement(),
        }
    }

    fn expression_statement(&mut self) -> Result<Statement, Reported> {
        Ok(Statement::Expression(self.expression()?.expression))
    }

    /// Whether `NAME[…]` at `position` can only be one more declaration.
    fn declares(&self, position: usize, end: usize) -> bool {
        let closer = self.closers.get(position + 1).copied().flatten();
        self.at(position + 1).kind == TokenKind::OpenBracket
            && closer.is_some_and(|closer| {
                let kind = self.at(closer + 1).kind;
                closer + 1 >= end
                    || kind.ends_statement()
                    || matches!(kind, TokenKind::Name | TokenKind::Comma | TokenKind::Colon)
            })
    }

    /// Whether `=` follows the token at `position` without a space.
    fn touches_equals(&self, position: usize) -> bool {
        let (first, second) = (self.at(position), self.at(position + 1));
        second.kind == TokenKind::Equals && first.span.end == second.span.start
    }

    /// A definition whose value starts at the token `value`.
    fn definition(&mut self, value: usize) -> Result<Statement, Reported> {
        let start = self.peek(0).span.start;
        let name = self.new_name("a name")?;
        // Known even if its value is wrong, so that one mistake is reported once.
        self.known.insert(name.text.clone());
        let indices = if self.kind() == TokenKind::OpenBracket {
            Some(self.indices()?)
        } else {
            None
        };
        self.position = value;
        let value = self.expression()?.expression;
        Ok(Statement::Definition(Definition {
            name,
            indices,
            value,
            span: self.since(start),
        }))
    }

    /// `[s, i: N - U + 1]`.
    pub(super) fn indices(&mut self) -> Result<Vec<IndexDeclaration>, Reported> {
        let opener = self.position;
        self.advance();
        let mut indices = Vec::new();
        while self.kind() != TokenKind::CloseBracket {
            if self.kind() != TokenKind::Name {
                return Err(self.not_an_index());
            }
            let name = self.new_name("an index")?;
            let extent = match self.take(TokenKind::Colon) {
                Some(_) => Some(self.expression()?.expression),
                None => None,
            };
            indices.push(IndexDeclaration { name, extent });
            if self.take(TokenKind::Comma).is_none() {
                break;
            }
        }
        if self.kind() != TokenKind::CloseBracket {
            return Err(self.not_an_index());
        }
        self.close(opener)?;
        Ok(indices)
    }

    /// `X[S, M]: symmetric` or `h: elementwise`.
    fn declaration(&mut self) -> Result<Declaration, Reported> {
        let start = self.peek(0).span.start;
        let name = self.new_name("the name of a tensor")?;
        let mut sizes = if self.kind() == TokenKind::OpenBracket {
            Some(self.declared_sizes()?)
        } else {
            None
        };
        let facts = self.facts()?;
        let span = self.since(start);
        let function = facts.iter().any(|fact| fact.name.text == "elementwise");
        if sizes.is_none() && !function {
            self.known.insert(name.text.clone());
            return Err(self.missing_sizes(&name));
        }
        if sizes.is_some() && function {
            self.sizes_of_function(&name, span);
            sizes = None;
        }
        Ok(Declaration {
            name,
            sizes,
            facts,
            span,
        })
    }

    fn declared_sizes(&mut self) -> Result<Vec<Expression>, Reported> {
        let opener = self.position;
        self.advance();
        let mut sizes = Vec::new();
        while self.kind() != TokenKind::CloseBracket {
            if matches!(self.kind(), TokenKind::Colon | TokenKind::Ellipsis) {
                return Err(self.not_a_size());
            }
            sizes.push(self.expression()?.expression);
            if self.take(TokenKind::Comma).is_none() {
                break;
            }
        }
        self.close(opener)?;
        Ok(sizes)
    }

    /// `: symmetric, labels(C)`, if there are facts.
    fn facts(&mut self) -> Result<Vec<Fact>, Reported> {
        let mut facts = Vec::new();
        // A colon at the end of a line is Python's way to open a block.
        if self.kind() != TokenKind::Colon || self.peek(1).kind.ends_statement() {
            return Ok(facts);
        }
        self.advance();
        loop {
            let name = self.new_name("a fact, such as `symmetric`")?;
            let mut arguments = Vec::new();
            if self.kind() == TokenKind::OpenParenthesis {
                let opener = self.position;
                self.advance();
                while self.kind() != TokenKind::CloseParenthesis {
                    arguments.push(self.expression()?.expression);
                    if self.take(TokenKind::Comma).is_none() {
                        break;
                    }
                }
                self.close(opener)?;
            }
            facts.push(Fact { name, arguments });
            // A comma may also separate whole declarations.
            let declares = matches!(self.peek(2).kind, TokenKind::OpenBracket | TokenKind::Colon);
            if self.kind() != TokenKind::Comma || declares {
                return Ok(facts);
            }
            self.advance();
        }
    }

    /// `module NAME(parameters) -> NAME[sizes] { … }`.
    fn module(&mut self, end: usize) -> Result<Module, Reported> {
        let start = self.advance().span.start;
        if self.kind() != TokenKind::Name {
            return Err(self.module_without_name());
        }
        let name = self.new_name("the module's name")?;
        let opener = self.position;
        self.module_word(TokenKind::OpenParenthesis, "after the module's name")?;
        // Inside, only the module's own names are known.
        let outside = (
            std::mem::take(&mut self.known),
            std::mem::take(&mut self.functions),
            std::mem::take(&mut self.sizes),
        );
        let module = self.module_after_name(start, name, opener, end);
        (self.known, self.functions, self.sizes) = outside;
        module
    }

    fn module_after_name(
        &mut self,
        start: usize,
        name: Name,
        opener: usize,
        end: usize,
    ) -> Result<Module, Reported> {
        let mut parameters = Vec::new();
        while self.kind() != TokenKind::CloseParenthesis {
            self.parameter_has_sizes()?;
            let parameter = Statement::Declaration(self.declaration()?);
            self.remember(&parameter);
            if let Statement::Declaration(parameter) = parameter {
                parameters.push(parameter);
            }
            if self.take(TokenKind::Comma).is_none() {
                break;
            }
        }
        self.close(opener)?;
        self.skip_line_ends();
        self.module_word(
            TokenKind::Arrow,
            "and the module's result, such as `-> Y[S, N]`",
        )?;
        self.parameter_has_sizes()?;
        let result = self.declaration()?;
        self.skip_line_ends();
        let brace = self.position;
        self.module_word(TokenKind::OpenBrace, "before the module's definitions")?;
        let close = self.closers[brace];
        let body = self.statements(close.unwrap_or(end), Some(&result.name));
        if close.is_some() {
            self.advance();
        }
        Ok(Module {
            name,
            parameters,
            result,
            body,
            span: self.since(start),
        })
    }

    /// Whether this token is a reserved word.
    fn is_reserved(&self, token: Token) -> bool {
        token.kind == TokenKind::Name && super::advice::is_reserved(self.text(token))
    }
}

fn is_operator(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Plus
            | TokenKind::Minus
            | TokenKind::Star
            | TokenKind::Slash
            | TokenKind::At
            | TokenKind::Power
    )
}
