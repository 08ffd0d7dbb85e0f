//! Expressions by precedence. Never looks at statements.

use super::{NESTING, Operand, Parser, Reported};
use crate::source::Span;
use crate::token::TokenKind;
use crate::tree::{BinaryOperator, Expression, ExpressionKind, Name, UnaryOperator};

/// The first words of dotted names that belong to a library, unless a tensor has that name.
const LIBRARIES: &[&str] = &[
    "np", "numpy", "jnp", "jax", "torch", "F", "nn", "scipy", "math",
];

/// Whether a dotted name that begins so belongs to a library.
pub(crate) fn is_library(word: &str) -> bool {
    LIBRARIES.contains(&word)
}

fn comparison(kind: TokenKind) -> Option<BinaryOperator> {
    Some(match kind {
        TokenKind::Less => BinaryOperator::Less,
        TokenKind::LessEqual => BinaryOperator::LessEqual,
        TokenKind::Greater => BinaryOperator::Greater,
        TokenKind::GreaterEqual => BinaryOperator::GreaterEqual,
        TokenKind::EqualEqual => BinaryOperator::Equal,
        TokenKind::NotEqual => BinaryOperator::NotEqual,
        _ => return None,
    })
}

impl Parser<'_> {
    /// A whole expression: one comparison at most.
    pub(super) fn expression(&mut self) -> Result<Operand, Reported> {
        let left = self.sum()?;
        let Some(operator) = comparison(self.kind()) else {
            return Ok(left);
        };
        let first = self.advance();
        let right = self.sum()?;
        if comparison(self.kind()).is_some() {
            return Err(self.chained_comparison(first.span));
        }
        self.binary(operator, left, right)
    }

    pub(super) fn sum(&mut self) -> Result<Operand, Reported> {
        let mut left = self.product()?;
        loop {
            let operator = match self.kind() {
                TokenKind::Plus => BinaryOperator::Add,
                TokenKind::Minus => BinaryOperator::Subtract,
                _ => return Ok(left),
            };
            self.advance();
            let right = self.product()?;
            left = self.binary(operator, left, right)?;
        }
    }

    fn product(&mut self) -> Result<Operand, Reported> {
        let mut left = self.unary()?;
        loop {
            let operator = match self.kind() {
                TokenKind::Star => BinaryOperator::Multiply,
                TokenKind::Slash if self.floor_division() => BinaryOperator::FloorDivide,
                TokenKind::Slash => BinaryOperator::Divide,
                TokenKind::At => BinaryOperator::MatrixMultiply,
                TokenKind::Unknown => return Err(Reported),
                _ if self.at_operand() => {
                    self.refuse_reserved()?;
                    let right = self.unary()?;
                    let operator = self.missing_operator(last_factor(&left), &right.expression);
                    left = self.binary(operator, left, right)?;
                    continue;
                }
                _ => return Ok(left),
            };
            self.advance();
            if operator == BinaryOperator::FloorDivide {
                self.advance();
            }
            let right = self.unary()?;
            left = self.binary(operator, left, right)?;
        }
    }

    /// Whether two strokes side by side stand here.
    fn floor_division(&self) -> bool {
        let (first, second) = (self.peek(0), self.peek(1));
        second.kind == TokenKind::Slash && first.span.end == second.span.start
    }

    /// Every recursion of the parser passes here, so here it is limited.
    pub(super) fn unary(&mut self) -> Result<Operand, Reported> {
        if self.nesting >= NESTING {
            return Err(self.too_deep(self.peek(0).span));
        }
        self.nesting += 1;
        let operand = self.unary_within_limit();
        self.nesting -= 1;
        operand
    }

    fn unary_within_limit(&mut self) -> Result<Operand, Reported> {
        let operator = match self.kind() {
            TokenKind::Minus => UnaryOperator::Negate,
            TokenKind::Plus => UnaryOperator::Plus,
            _ => return self.power(),
        };
        let start = self.advance().span;
        let operand = self.unary()?;
        let span = start.to(operand.expression.span);
        let height = operand.height;
        let kind = ExpressionKind::Unary(operator, Box::new(operand.expression));
        self.build(kind, span, height)
    }

    fn power(&mut self) -> Result<Operand, Reported> {
        let left = self.postfix()?;
        if self.kind() != TokenKind::Power {
            return Ok(left);
        }
        self.advance();
        let right = self.unary()?;
        if self.is_power_of_t(&right.expression) {
            let span = left.expression.span.to(right.expression.span);
            self.power_of_t(&left.expression, &right.expression);
            let kind = ExpressionKind::Transpose(Box::new(left.expression));
            return self.build(kind, span, left.height);
        }
        self.binary(BinaryOperator::Power, left, right)
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        left: Operand,
        right: Operand,
    ) -> Result<Operand, Reported> {
        let span = left.expression.span.to(right.expression.span);
        let kind = ExpressionKind::Binary(
            operator,
            Box::new(left.expression),
            Box::new(right.expression),
        );
        self.build(kind, span, left.height.max(right.height))
    }

    fn postfix(&mut self) -> Result<Operand, Reported> {
        let mut operand = self.primary()?;
        loop {
            let Operand { expression, height } = operand;
            let start = expression.span.start;
            let (kind, height) = match self.kind() {
                TokenKind::Prime => {
                    self.advance();
                    (ExpressionKind::Prime(Box::new(expression)), height)
                }
                TokenKind::OpenBracket => {
                    let (subscripts, inner) = self.subscripts()?;
                    let kind = ExpressionKind::Subscript(Box::new(expression), subscripts);
                    (kind, height.max(inner))
                }
                TokenKind::Dot => {
                    self.advance();
                    let name = self.attribute_name()?;
                    if matches!(name.text.as_str(), "T" | "mT") {
                        (ExpressionKind::Transpose(Box::new(expression)), height)
                    } else if self.kind() == TokenKind::OpenParenthesis {
                        let (arguments, inner) = self.arguments()?;
                        let kind = ExpressionKind::Method {
                            receiver: Box::new(expression),
                            method: name,
                            arguments,
                        };
                        (kind, height.max(inner))
                    } else {
                        (
                            ExpressionKind::Attribute(Box::new(expression), name),
                            height,
                        )
                    }
                }
                // `h'(x)`: the derivative is called by its name, primes included.
                TokenKind::OpenParenthesis => match self.primed_function(&expression) {
                    Some(text) => {
                        let function = Name {
                            text,
                            span: expression.span,
                        };
                        let (arguments, inner) = self.arguments()?;
                        let kind = ExpressionKind::Call {
                            function,
                            arguments,
                        };
                        (kind, inner)
                    }
                    None => return Ok(Operand { expression, height }),
                },
                _ => return Ok(Operand { expression, height }),
            };
            let span = self.since(start);
            operand = self.build(kind, span, height)?;
        }
    }

    fn primary(&mut self) -> Result<Operand, Reported> {
        let token = self.peek(0);
        let text = self.text(token);
        let kind = match token.kind {
            TokenKind::Number => ExpressionKind::Number(text.to_owned()),
            TokenKind::String => ExpressionKind::String(unquoted(text)),
            TokenKind::Differential => {
                let (of, by) = text.split_once('/').unwrap_or((text, ""));
                ExpressionKind::Differential {
                    of: of.strip_prefix('d').unwrap_or(of).to_owned(),
                    by: by.strip_prefix('d').unwrap_or(by).to_owned(),
                }
            }
            TokenKind::Name => return self.named(),
            TokenKind::OpenParenthesis => return self.parenthesised(),
            TokenKind::OpenBracket => return self.list(),
            TokenKind::Unknown => return Err(Reported),
            _ => return Err(self.expected_expression()),
        };
        self.advance();
        self.build(kind, token.span, 0)
    }

    /// What begins with a name: the name itself, a call, or a reduction over indices.
    fn named(&mut self) -> Result<Operand, Reported> {
        self.refuse_reserved()?;
        let token = self.peek(0);
        let text = self.text(token);
        if text == "None" {
            self.advance();
            return self.build(ExpressionKind::None, token.span, 0);
        }
        let function = |span: Span| Name {
            text: span.of(self.source).to_owned(),
            span,
        };
        let mut words = 1;
        if is_library(text) && !self.known.contains(text) {
            while self.peek(2 * words - 1).kind == TokenKind::Dot
                && self.peek(2 * words).kind == TokenKind::Name
            {
                words += 1;
            }
        }
        let last = self.peek(2 * words - 2).span;
        if self.peek(2 * words - 1).kind == TokenKind::OpenParenthesis && !self.is_tensor(text) {
            let mut name = function(token.span.to(last));
            name.text.retain(|c| !c.is_whitespace());
            self.position += 2 * words - 1;
            let (arguments, height) = self.arguments()?;
            let kind = ExpressionKind::Call {
                function: name,
                arguments,
            };
            return self.build(kind, self.since(token.span.start), height);
        }
        if words > 1 && self.text(self.peek(2 * words - 2)) == "newaxis" {
            self.position += 2 * words - 1;
            return self.build(ExpressionKind::None, token.span.to(last), 0);
        }
        if self.at_reduction() {
            let function = function(token.span);
            return self.reduction(function);
        }
        self.advance();
        self.build(ExpressionKind::Name(text.to_owned()), token.span, 0)
    }

    /// `h'` or `h''`, unless the name is a tensor's, whose prime is a transpose.
    fn primed_function(&self, expression: &Expression) -> Option<String> {
        let mut primes = 0;
        let mut inner = expression;
        while let ExpressionKind::Prime(operand) = &inner.kind {
            inner = operand;
            primes += 1;
        }
        match &inner.kind {
            ExpressionKind::Name(name) if primes > 0 && !self.is_tensor(name) => {
                Some(name.clone() + &"'".repeat(primes))
            }
            _ => None,
        }
    }

    /// Whether `sum[k, l: 3](` stands here: an undeclared name, indices in brackets, and a parenthesis.
    fn at_reduction(&self) -> bool {
        if self.peek(1).kind != TokenKind::OpenBracket
            || self.known.contains(self.text(self.peek(0)))
        {
            return false;
        }
        let Some(end) = self.closers.get(self.position + 1).copied().flatten() else {
            return false;
        };
        if self.at(end + 1).kind != TokenKind::OpenParenthesis {
            return false;
        }
        let first = self.position + 2;
        let kinds = |position: usize| self.at(position).kind;
        let only_names = (first..end).all(|position| {
            let expected = if (position - first).is_multiple_of(2) {
                TokenKind::Name
            } else {
                TokenKind::Comma
            };
            kinds(position) == expected
        });
        let has_extent = kinds(first) == TokenKind::Name
            && (first..end).any(|position| {
                kinds(position) == TokenKind::Name && kinds(position + 1) == TokenKind::Colon
            });
        first < end && (only_names || has_extent)
    }

    fn reduction(&mut self, function: Name) -> Result<Operand, Reported> {
        let start = function.span.start;
        self.advance();
        let indices = self.indices()?;
        let opener = self.position;
        self.advance();
        let body = self.expression()?;
        if self.kind() == TokenKind::Comma {
            return Err(self.second_body(&function));
        }
        self.close(opener)?;
        let kind = ExpressionKind::Reduction {
            function,
            indices,
            body: Box::new(body.expression),
        };
        self.build(kind, self.since(start), body.height)
    }

    /// `(a)`, whose span covers the parentheses, `(a, b)`, `(a,)` or `()`.
    fn parenthesised(&mut self) -> Result<Operand, Reported> {
        let opener = self.position;
        let start = self.advance().span;
        let mut items = Vec::new();
        let mut height = 0;
        let mut comma = false;
        while self.kind() != TokenKind::CloseParenthesis {
            let item = self.expression()?;
            height = height.max(item.height);
            items.push(item.expression);
            if self.take(TokenKind::Comma).is_none() {
                comma = false;
                break;
            }
            comma = true;
        }
        let end = self.close(opener)?.span;
        if items.len() == 1
            && !comma
            && let Some(mut expression) = items.pop()
        {
            expression.span = start.to(end);
            return Ok(Operand { expression, height });
        }
        self.build(ExpressionKind::Tuple(items), start.to(end), height)
    }

    /// `[a, b]` or `[body for index in range(bound)]`.
    fn list(&mut self) -> Result<Operand, Reported> {
        let opener = self.position;
        let start = self.advance().span;
        let mut items = Vec::new();
        let mut height = 0;
        while self.kind() != TokenKind::CloseBracket {
            let item = self.expression()?;
            height = height.max(item.height);
            if items.is_empty() && self.at_word("for") {
                let (index, bound) = self.running_index()?;
                let end = self.close(opener)?.span;
                let kind = ExpressionKind::Comprehension {
                    body: Box::new(item.expression),
                    index,
                    bound: Box::new(bound.expression),
                };
                return self.build(kind, start.to(end), height.max(bound.height));
            }
            items.push(item.expression);
            if self.take(TokenKind::Comma).is_none() {
                break;
            }
        }
        let end = self.close(opener)?.span;
        self.build(ExpressionKind::List(items), start.to(end), height)
    }

    /// `for index in range(bound)`.
    fn running_index(&mut self) -> Result<(Name, Operand), Reported> {
        self.advance();
        let index = self.new_name("a name for the running index")?;
        if !self.at_word("in") {
            return Err(self.unexpected("`in range(…)`"));
        }
        self.advance();
        let opener = self.position + 1;
        if !self.at_word("range") || self.at(opener).kind != TokenKind::OpenParenthesis {
            return Err(self.unexpected("`range(…)`"));
        }
        self.position += 2;
        let bound = self.expression()?;
        if self.kind() == TokenKind::Comma {
            return Err(self.second_bound());
        }
        self.close(opener)?;
        Ok((index, bound))
    }

    /// Whether an operand begins here.
    pub(super) fn at_operand(&self) -> bool {
        match self.kind() {
            TokenKind::Number
            | TokenKind::String
            | TokenKind::Differential
            | TokenKind::OpenParenthesis => true,
            TokenKind::Name => !self.at_word("for") && !self.at_word("in"),
            _ => false,
        }
    }
}

/// The last of the factors that stand side by side.
fn last_factor(product: &Operand) -> &Expression {
    let expression = &product.expression;
    match &expression.kind {
        ExpressionKind::Binary(operator, _, right)
            if is_product(*operator) && right.span.end == expression.span.end =>
        {
            right
        }
        _ => expression,
    }
}

fn is_product(operator: BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::FloorDivide
            | BinaryOperator::MatrixMultiply
    )
}

/// The text between quotes.
fn unquoted(text: &str) -> String {
    let mut characters = text.chars();
    characters.next();
    characters.next_back();
    characters.as_str().to_owned()
}
