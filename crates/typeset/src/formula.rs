//! The neutral formula tree, after MathML Core. It holds what is to be set, with every decision
//! about meaning, names and parentheses already made; it must never hold an expression of the
//! calculus, and printers must never look for one in it.
//!
//! ```
//! use backprove_typeset::formula::Formula;
//! use backprove_typeset::{latex, unicode};
//!
//! let gradient = Formula::partial(&Formula::name("L"), &Formula::name("Y"));
//! let product = Formula::product([gradient.parenthesised().transposed(), Formula::name("X")]);
//! assert_eq!(unicode::formula(&product), "(∂L/∂Y)ᵀ X");
//! assert_eq!(
//!     latex::formula(&product),
//!     r"\left(\frac{\partial L}{\partial Y}\right)^{\top} X",
//! );
//! ```

pub use crate::operator::{BigOperator, Class, Fence, Mark, Operator};

/// How the letters of an identifier are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Style {
    /// A variable of one letter.
    Italic,
    /// A variable of several letters, or a constant.
    Upright,
    /// A named function such as `softmax`; it keeps a little distance from a factor before it.
    Function,
    /// Bold, as the vector of ones.
    Bold,
    /// Double-struck, as the one of an indicator.
    DoubleStruck,
}

/// A horizontal space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Width {
    /// A sixth of an em.
    Thin,
    /// A word space.
    Word,
    /// One em.
    Quad,
}

/// A formula.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Formula {
    /// A name. The text is Unicode: `α`, not `alpha`.
    Identifier {
        /// The letters.
        text: String,
        /// How they are drawn.
        style: Style,
    },
    /// A number as it is to be read: `2`, `0.5`.
    Number(String),
    /// An operator between, before or after its neighbours in a row.
    Operator(Operator),
    /// Words in the running text's type.
    Text(String),
    /// Formulas one after the other.
    Row(Vec<Formula>),
    /// Indices side by side: `ij`, or `i, j_1` as soon as one of them is not a single letter.
    Indices(Vec<Formula>),
    /// A numerator above a denominator.
    Fraction {
        /// Above the bar.
        numerator: Box<Formula>,
        /// Below the bar.
        denominator: Box<Formula>,
    },
    /// A base with something at its upper right.
    Superscript {
        /// The base.
        base: Box<Formula>,
        /// At the upper right.
        above: Box<Formula>,
    },
    /// A base with something at its lower right.
    Subscript {
        /// The base.
        base: Box<Formula>,
        /// At the lower right.
        below: Box<Formula>,
    },
    /// A base with both.
    SubSup {
        /// The base.
        base: Box<Formula>,
        /// At the lower right.
        below: Box<Formula>,
        /// At the upper right.
        above: Box<Formula>,
    },
    /// A root; a square root where there is no degree.
    Root {
        /// Under the root sign.
        radicand: Box<Formula>,
        /// The degree.
        degree: Option<Box<Formula>>,
    },
    /// A big operator, its limits, and the body that it governs.
    Under {
        /// The operator.
        operator: BigOperator,
        /// Below it; usually the indices.
        lower: Box<Formula>,
        /// Above it.
        upper: Option<Box<Formula>>,
        /// What it governs, to the end of the product that it stands in.
        body: Box<Formula>,
    },
    /// A mark above a base.
    Over {
        /// The base.
        base: Box<Formula>,
        /// The mark.
        mark: Mark,
    },
    /// A body between delimiters.
    Fenced {
        /// The delimiters.
        fence: Fence,
        /// What stands between them.
        body: Box<Formula>,
    },
    /// Rows of cells: a matrix between brackets, or a definition by cases.
    Table(Vec<Vec<Formula>>),
    /// A horizontal space.
    Space(Width),
}

impl Formula {
    /// A variable: italic if it has one letter, upright otherwise. The text is used as it is;
    /// [`Formula::name`] reads a program's name.
    pub fn variable(text: impl Into<String>) -> Self {
        let text = text.into();
        let style = if text.chars().count() == 1 {
            Style::Italic
        } else {
            Style::Upright
        };
        Self::Identifier { text, style }
    }

    /// The name of a function: `softmax`. A function of one letter is a variable.
    pub fn function(text: impl Into<String>) -> Self {
        let text = text.into();
        let style = if text.chars().count() == 1 {
            Style::Italic
        } else {
            Style::Function
        };
        Self::Identifier { text, style }
    }

    /// An identifier in a given style.
    pub fn styled(text: impl Into<String>, style: Style) -> Self {
        Self::Identifier {
            text: text.into(),
            style,
        }
    }

    /// A number.
    pub fn number(text: impl Into<String>) -> Self {
        Self::Number(text.into())
    }

    /// A whole number; a negative one begins with a minus sign.
    pub fn integer(value: i64) -> Self {
        let digits = Self::Number(value.unsigned_abs().to_string());
        if value < 0 {
            Self::negative(digits)
        } else {
            digits
        }
    }

    /// The vector of ones.
    pub fn ones() -> Self {
        Self::styled("1", Style::Bold)
    }

    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Formulas one after the other; a row inside a row is spliced in, and a row of one is that one.
    pub fn row(items: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for item in items {
            match item {
                Self::Row(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 {
            flat.remove(0)
        } else {
            Self::Row(flat)
        }
    }

    /// Formulas with an operator between each two.
    pub fn joined(operator: Operator, items: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for (position, item) in items.into_iter().enumerate() {
            if position > 0 {
                flat.push(Self::Operator(operator));
            }
            flat.push(item);
        }
        Self::row(flat)
    }

    /// Factors side by side.
    pub fn product(factors: impl IntoIterator<Item = Self>) -> Self {
        Self::joined(Operator::Juxtaposition, factors)
    }

    /// `left operator right`.
    #[must_use]
    pub fn infix(self, operator: Operator, right: Self) -> Self {
        Self::joined(operator, [self, right])
    }

    /// A leading minus.
    #[must_use]
    pub fn negative(operand: Self) -> Self {
        Self::row([Self::Operator(Operator::Negative), operand])
    }

    /// `∂operand`.
    #[must_use]
    pub fn partial_of(operand: Self) -> Self {
        Self::row([Self::Operator(Operator::Partial), operand])
    }

    /// `∂of/∂by` as a fraction.
    pub fn partial(of: &Self, by: &Self) -> Self {
        Self::partial_of(of.clone()).over(Self::partial_of(by.clone()))
    }

    /// `∂/∂by` as a fraction, to stand before its operand.
    pub fn partial_by(by: &Self) -> Self {
        Self::Operator(Operator::Partial).over(Self::partial_of(by.clone()))
    }

    /// An operator such as `∂/∂x` before its operand.
    pub fn operated(operator: Self, operand: Self) -> Self {
        Self::row([
            operator,
            Self::Operator(Operator::Application),
            Self::Space(Width::Thin),
            operand,
        ])
    }

    /// `function(arguments)`.
    pub fn application(function: Self, arguments: impl IntoIterator<Item = Self>) -> Self {
        Self::row([
            function,
            Self::Operator(Operator::Application),
            Self::joined(Operator::Comma, arguments).fenced(Fence::Parentheses),
        ])
    }

    /// A big operator over a body.
    pub fn big(operator: BigOperator, lower: Self, body: Self) -> Self {
        Self::Under {
            operator,
            lower: Box::new(lower),
            upper: None,
            body: Box::new(body),
        }
    }

    /// `Σ` with indices below it.
    pub fn sum_over(indices: impl IntoIterator<Item = Self>, body: Self) -> Self {
        Self::big(
            BigOperator::Sum,
            Self::Indices(indices.into_iter().collect()),
            body,
        )
    }

    /// A fraction with this numerator.
    #[must_use]
    pub fn over(self, denominator: Self) -> Self {
        Self::Fraction {
            numerator: Box::new(self),
            denominator: Box::new(denominator),
        }
    }

    /// This with something at its upper right; beside a subscript that is there already.
    #[must_use]
    pub fn superscript(self, above: Self) -> Self {
        match self {
            Self::Subscript { base, below } => Self::SubSup {
                base,
                below,
                above: Box::new(above),
            },
            base => Self::Superscript {
                base: Box::new(base),
                above: Box::new(above),
            },
        }
    }

    /// This with something at its lower right; beside a superscript that is there already.
    #[must_use]
    pub fn subscript(self, below: Self) -> Self {
        match self {
            Self::Superscript { base, above } => Self::SubSup {
                base,
                below: Box::new(below),
                above,
            },
            base => Self::Subscript {
                base: Box::new(base),
                below: Box::new(below),
            },
        }
    }

    /// This with indices: `Y` becomes `Y_{ij}`. A base that has scripts of its own, or is not a
    /// single name, is put in parentheses first; without indices it stays as it is.
    #[must_use]
    pub fn indexed(self, indices: impl IntoIterator<Item = Self>) -> Self {
        let indices: Vec<Self> = indices.into_iter().collect();
        if indices.is_empty() {
            return self;
        }
        let base = if self.is_simple() {
            self
        } else {
            self.parenthesised()
        };
        base.subscript(Self::Indices(indices))
    }

    /// The transpose. What is not a single symbol must have been put in parentheses.
    #[must_use]
    pub fn transposed(self) -> Self {
        self.superscript(Self::styled("⊤", Style::Upright))
    }

    /// This with a prime: `h` becomes `h′`.
    #[must_use]
    pub fn primed(self) -> Self {
        self.superscript(Self::styled("′", Style::Upright))
    }

    /// This between delimiters.
    #[must_use]
    pub fn fenced(self, fence: Fence) -> Self {
        Self::Fenced {
            fence,
            body: Box::new(self),
        }
    }

    /// This in parentheses.
    #[must_use]
    pub fn parenthesised(self) -> Self {
        self.fenced(Fence::Parentheses)
    }

    /// A definition by cases: each value with its condition.
    pub fn cases(rows: impl IntoIterator<Item = (Self, Self)>) -> Self {
        Self::Table(
            rows.into_iter()
                .map(|(value, condition)| vec![value, condition])
                .collect(),
        )
        .fenced(Fence::Cases)
    }

    /// Whether scripts can be put on this without parentheses.
    pub fn is_simple(&self) -> bool {
        match self {
            Self::Identifier { .. } | Self::Number(_) | Self::Fenced { .. } => true,
            Self::Over { base, .. } => base.is_simple(),
            _ => false,
        }
    }

    /// Whether this is higher than a line of text, so that fences around it must grow.
    pub fn is_tall(&self) -> bool {
        match self {
            Self::Fraction { .. } | Self::Under { .. } | Self::Table(_) | Self::Root { .. } => true,
            Self::Row(items) | Self::Indices(items) => items.iter().any(Self::is_tall),
            Self::Superscript { base, .. }
            | Self::Subscript { base, .. }
            | Self::SubSup { base, .. }
            | Self::Over { base, .. } => base.is_tall(),
            Self::Fenced { body, .. } => body.is_tall(),
            Self::Identifier { .. }
            | Self::Number(_)
            | Self::Operator(_)
            | Self::Text(_)
            | Self::Space(_) => false,
        }
    }
}
