//! The closed tables of symbols that formulas are made of: operators, big operators, fences, marks.
//!
//! Each symbol has its spellings and its spacing class here and nowhere else; printers read the
//! tables. A meaning never decides a spelling: what `∘` stands for is known to `compose` alone.

/// How an operator sits between its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Written against what follows: `∂`, a leading minus.
    Prefix,
    /// Binds like a product: `∘`, `⊗`, an invisible times.
    Product,
    /// Binds like a sum: `+`, `−`.
    Sum,
    /// Stands between two sides: `=`, `<`, `∈`.
    Relation,
    /// Separates items and binds least: a comma.
    Punctuation,
}

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `+` between terms.
    Plus,
    /// `−` between terms.
    Minus,
    /// `−` before a term.
    Negative,
    /// The product written by writing factors side by side.
    Juxtaposition,
    /// `·`
    Dot,
    /// `×`
    Cross,
    /// `∘`, the element-wise (Hadamard) product.
    Hadamard,
    /// `⊘`, element-wise division.
    ElementDivision,
    /// `⊗`, the Kronecker product.
    Kronecker,
    /// `/` within a line.
    Slash,
    /// The application of a function to what follows; it has no ink.
    Application,
    /// `∂`
    Partial,
    /// An upright `d`, as in `dX`.
    Differential,
    /// `=`
    Equal,
    /// `≠`
    NotEqual,
    /// `<`
    Less,
    /// `≤`
    LessEqual,
    /// `>`
    Greater,
    /// `≥`
    GreaterEqual,
    /// `≈`
    Approximately,
    /// `∈`
    Element,
    /// `→`
    Arrow,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// `:` as in a slice.
    Colon,
}

/// The spellings of one symbol.
pub(crate) struct Spelling {
    pub unicode: &'static str,
    pub latex: &'static str,
    pub mathml: &'static str,
}

const fn spelling(unicode: &'static str, latex: &'static str, mathml: &'static str) -> Spelling {
    Spelling {
        unicode,
        latex,
        mathml,
    }
}

impl Operator {
    /// How the operator sits between its neighbours.
    pub const fn class(self) -> Class {
        match self {
            Self::Negative | Self::Partial | Self::Differential => Class::Prefix,
            Self::Juxtaposition
            | Self::Dot
            | Self::Cross
            | Self::Hadamard
            | Self::ElementDivision
            | Self::Kronecker
            | Self::Slash
            | Self::Application => Class::Product,
            Self::Plus | Self::Minus => Class::Sum,
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessEqual
            | Self::Greater
            | Self::GreaterEqual
            | Self::Approximately
            | Self::Element
            | Self::Arrow => Class::Relation,
            Self::Comma | Self::Semicolon | Self::Colon => Class::Punctuation,
        }
    }

    pub(crate) const fn spelling(self) -> Spelling {
        match self {
            Self::Plus => spelling("+", "+", "+"),
            Self::Minus | Self::Negative => spelling("−", "-", "−"),
            Self::Juxtaposition => spelling(" ", "", "\u{2062}"),
            Self::Dot => spelling("·", r"\cdot", "⋅"),
            Self::Cross => spelling("×", r"\times", "×"),
            Self::Hadamard => spelling("∘", r"\circ", "∘"),
            Self::ElementDivision => spelling("⊘", r"\oslash", "⊘"),
            Self::Kronecker => spelling("⊗", r"\otimes", "⊗"),
            Self::Slash => spelling("/", "/", "/"),
            Self::Application => spelling("", "", "\u{2061}"),
            Self::Partial => spelling("∂", r"\partial", "∂"),
            Self::Differential => spelling("d", r"\mathrm{d}", "d"),
            Self::Equal => spelling("=", "=", "="),
            Self::NotEqual => spelling("≠", r"\neq", "≠"),
            Self::Less => spelling("<", "<", "&lt;"),
            Self::LessEqual => spelling("≤", r"\leq", "≤"),
            Self::Greater => spelling(">", ">", "&gt;"),
            Self::GreaterEqual => spelling("≥", r"\geq", "≥"),
            Self::Approximately => spelling("≈", r"\approx", "≈"),
            Self::Element => spelling("∈", r"\in", "∈"),
            Self::Arrow => spelling("→", r"\to", "→"),
            Self::Comma => spelling(",", ",", ","),
            Self::Semicolon => spelling(";", ";", ";"),
            Self::Colon => spelling(":", "{:}", ":"),
        }
    }
}

/// An operator with limits that governs a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BigOperator {
    /// `Σ`
    Sum,
    /// `Π`
    Product,
    /// `max`
    Maximum,
    /// `min`
    Minimum,
    /// `mean`
    Mean,
}

impl BigOperator {
    pub(crate) const fn spelling(self) -> Spelling {
        match self {
            Self::Sum => spelling("Σ", r"\sum", "∑"),
            Self::Product => spelling("Π", r"\prod", "∏"),
            Self::Maximum => spelling("max", r"\max", "max"),
            Self::Minimum => spelling("min", r"\min", "min"),
            Self::Mean => spelling("mean", r"\operatorname*{mean}", "mean"),
        }
    }

    /// Whether the operator is a word rather than a symbol.
    pub(crate) const fn is_word(self) -> bool {
        matches!(self, Self::Maximum | Self::Minimum | Self::Mean)
    }
}

/// A pair of delimiters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fence {
    /// `( )`
    Parentheses,
    /// `[ ]`
    Brackets,
    /// `{ }`
    Braces,
    /// `| |`
    Bars,
    /// `‖ ‖`
    DoubleBars,
    /// `⌊ ⌋`
    Floor,
    /// `{` on the left only, as before the rows of a definition by cases.
    Cases,
}

impl Fence {
    /// The opening and the closing delimiter.
    pub(crate) const fn spellings(self) -> (Spelling, Spelling) {
        match self {
            Self::Parentheses => (spelling("(", "(", "("), spelling(")", ")", ")")),
            Self::Brackets => (spelling("[", "[", "["), spelling("]", "]", "]")),
            Self::Braces => (spelling("{", r"\{", "{"), spelling("}", r"\}", "}")),
            Self::Bars => (spelling("|", r"\lvert", "|"), spelling("|", r"\rvert", "|")),
            Self::DoubleBars => (spelling("‖", r"\lVert", "‖"), spelling("‖", r"\rVert", "‖")),
            Self::Floor => (
                spelling("⌊", r"\lfloor", "⌊"),
                spelling("⌋", r"\rfloor", "⌋"),
            ),
            Self::Cases => (spelling("{", r"\{", "{"), spelling("}", ".", "")),
        }
    }
}

/// A mark above a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// `x̄`
    Bar,
    /// `x̂`
    Hat,
    /// `x̃`
    Tilde,
    /// `ẋ`
    Dot,
}

impl Mark {
    /// The combining character, the command, and the character that stands above the base.
    pub(crate) const fn spelling(self) -> Spelling {
        match self {
            Self::Bar => spelling("\u{304}", r"\bar", "¯"),
            Self::Hat => spelling("\u{302}", r"\hat", "^"),
            Self::Tilde => spelling("\u{303}", r"\tilde", "~"),
            Self::Dot => spelling("\u{307}", r"\dot", "˙"),
        }
    }

    /// The word that stands for the mark where it cannot be drawn.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Bar => "bar",
            Self::Hat => "hat",
            Self::Tilde => "tilde",
            Self::Dot => "dot",
        }
    }
}
