//! The syntax tree. It holds what was written, with places; it must never hold a shape or a meaning.
//!
//! ```text
//! program     = statement*
//! statement   = declaration | definition | module | expression
//! declaration = NAME "[" size,* "]" [":" fact,*] | NAME ":" "elementwise"
//! definition  = NAME ["[" index [":" size] ,* "]"] "=" expression
//! module      = "module" NAME "(" declaration,* ")" "->" NAME "[" size,* "]" "{" statement* "}"
//! expression  = NumPy's, with reductions over indices `sum[k](...)`, `x'`, and index access
//! ```

use crate::source::Span;

/// A whole source text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Program {
    /// The statements in order.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `X[S, M]: positive`, `c[]`, `h: elementwise`.
    Declaration(Declaration),
    /// `Y = X @ W.T` or `Y[s, n] = sum[m](X[s, m] * W[n, m])`.
    Definition(Definition),
    /// `module linear(...) -> Y[S, N] { ... }`.
    Module(Module),
    /// A final expression without a name.
    Expression(Expression),
}

/// A name where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// A declared tensor or abstract element-wise function.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// What is declared.
    pub name: Name,
    /// The sizes of a tensor, each an expression (a name, a number, or `N-1`); `None` for a function.
    pub sizes: Option<Vec<Expression>>,
    /// The facts after the colon; for a function, `elementwise` is one of them.
    pub facts: Vec<Fact>,
    /// The whole declaration.
    pub span: Span,
}

/// A declared fact, such as `symmetric` or `labels(C)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Its name.
    pub name: Name,
    /// Its arguments, such as the number of classes.
    pub arguments: Vec<Expression>,
}

/// A named definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// What is defined.
    pub name: Name,
    /// The indices on the left, in index notation.
    pub indices: Option<Vec<IndexDeclaration>>,
    /// The right side.
    pub value: Expression,
    /// The whole statement.
    pub span: Span,
}

/// An index on the left of a definition or of a reduction, with its extent where it cannot be inferred: `i: N-U+1`.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexDeclaration {
    /// The index.
    pub name: Name,
    /// Its extent.
    pub extent: Option<Expression>,
}

/// A module: a program with parameters and one result.
#[derive(Debug, Clone, PartialEq)]
pub struct Module {
    /// Its name.
    pub name: Name,
    /// The parameters in order.
    pub parameters: Vec<Declaration>,
    /// The result and its declared sizes.
    pub result: Declaration,
    /// The definitions inside.
    pub body: Vec<Statement>,
    /// The whole module.
    pub span: Span,
}

/// An expression and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// What it is.
    pub kind: ExpressionKind,
    /// Where it is written; the default span for expressions that a program made.
    pub span: Span,
}

/// The kinds of expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpressionKind {
    /// A number as written: `2`, `0.5`, `1e-5`.
    Number(String),
    /// A quoted string, without its quotes.
    String(String),
    /// A name.
    Name(String),
    /// `None`.
    None,
    /// `dL/dW`, only in claims: the names after the two `d`s.
    Differential {
        /// The loss.
        of: String,
        /// The variable.
        by: String,
    },
    /// `-x` or `+x`.
    Unary(UnaryOperator, Box<Expression>),
    /// `a + b` and its like, comparisons included.
    Binary(BinaryOperator, Box<Expression>, Box<Expression>),
    /// `X.T`.
    Transpose(Box<Expression>),
    /// A postfix `'`: a derivative or a transpose, decided by what stands before it.
    Prime(Box<Expression>),
    /// `X[i, k]`, `x[1:]`, `x[:, None]`.
    Subscript(Box<Expression>, Vec<Subscript>),
    /// `f(x, axis=1)`. The path is as written, prefixes included: `np.linalg.inv`.
    Call {
        /// The dotted name of the function, primes included: `h'` for the derivative of `h`.
        function: Name,
        /// The arguments in order.
        arguments: Vec<Argument>,
    },
    /// `x.sum(axis=0)` on anything but a library prefix.
    Method {
        /// What the method is called on.
        receiver: Box<Expression>,
        /// The method's name.
        method: Name,
        /// Its arguments.
        arguments: Vec<Argument>,
    },
    /// `x.shape` and other attributes without a call, `.T` excepted.
    Attribute(Box<Expression>, Name),
    /// `sum[k, l](body)`, `max[k](body)`, `prod[k: 3](body)`.
    Reduction {
        /// `sum`, `max`, …
        function: Name,
        /// The bound indices, with their extents where these cannot be inferred.
        indices: Vec<IndexDeclaration>,
        /// What is reduced.
        body: Box<Expression>,
    },
    /// `(a, b)` and `()`.
    Tuple(Vec<Expression>),
    /// `[a, b]`.
    List(Vec<Expression>),
    /// `[body for index in range(bound)]`.
    Comprehension {
        /// What is repeated.
        body: Box<Expression>,
        /// The running name.
        index: Name,
        /// The bound of `range`.
        bound: Box<Expression>,
    },
}

/// One entry of a subscript.
#[derive(Debug, Clone, PartialEq)]
pub enum Subscript {
    /// An index, a number or an affine expression.
    At(Expression),
    /// `start:stop:step`.
    Slice {
        /// The first element.
        start: Option<Expression>,
        /// One past the last element.
        stop: Option<Expression>,
        /// The stride.
        step: Option<Expression>,
    },
    /// `None`: a new axis.
    NewAxis,
    /// `...`
    Ellipsis,
}

/// An argument of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// The keyword, if one was given.
    pub keyword: Option<Name>,
    /// The value.
    pub value: Expression,
}

/// Prefix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOperator {
    /// `-`
    Negate,
    /// `+`
    Plus,
}

/// Infix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOperator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `//`, the quotient rounded down
    FloorDivide,
    /// `@`
    MatrixMultiply,
    /// `**`, also written `^`
    Power,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl BinaryOperator {
    /// How the operator is written.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::FloorDivide => "//",
            Self::MatrixMultiply => "@",
            Self::Power => "**",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }
}

impl Expression {
    /// An expression that was not written by a user.
    pub fn made(kind: ExpressionKind) -> Self {
        Self {
            kind,
            span: Span::default(),
        }
    }

    /// A name that was not written by a user.
    pub fn name(text: impl Into<String>) -> Self {
        Self::made(ExpressionKind::Name(text.into()))
    }

    /// A whole number; a negative one is a number behind a prefix `-`, as it is written.
    pub fn integer(value: i64) -> Self {
        let number = Self::made(ExpressionKind::Number(value.unsigned_abs().to_string()));
        if value < 0 {
            Self::made(ExpressionKind::Unary(
                UnaryOperator::Negate,
                Box::new(number),
            ))
        } else {
            number
        }
    }

    /// `left operator right`.
    #[must_use]
    pub fn binary(operator: BinaryOperator, left: Self, right: Self) -> Self {
        Self::made(ExpressionKind::Binary(
            operator,
            Box::new(left),
            Box::new(right),
        ))
    }

    /// `self.T`.
    #[must_use]
    pub fn transpose(self) -> Self {
        Self::made(ExpressionKind::Transpose(Box::new(self)))
    }

    /// `function(arguments)`, positional.
    pub fn call(function: &str, arguments: impl IntoIterator<Item = Self>) -> Self {
        Self::call_with(function, arguments, [])
    }

    /// `function(arguments, keyword=value, …)`.
    pub fn call_with<'a>(
        function: &str,
        arguments: impl IntoIterator<Item = Self>,
        keywords: impl IntoIterator<Item = (&'a str, Self)>,
    ) -> Self {
        let positional = arguments.into_iter().map(|value| Argument {
            keyword: None,
            value,
        });
        let named = keywords.into_iter().map(|(keyword, value)| Argument {
            keyword: Some(Name::made(keyword)),
            value,
        });
        Self::made(ExpressionKind::Call {
            function: Name::made(function),
            arguments: positional.chain(named).collect(),
        })
    }
}

impl IndexDeclaration {
    /// An index that was not written by a user, its extent inferred.
    pub fn made(name: impl Into<String>) -> Self {
        Self {
            name: Name::made(name),
            extent: None,
        }
    }
}

impl Name {
    /// A name that was not written by a user.
    pub fn made(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            span: Span::default(),
        }
    }
}
