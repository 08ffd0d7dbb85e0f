//! Running text: words, emphasis, code and formulas inside a line. It must not know about blocks.

use crate::formula::Formula;

/// A piece of running text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Inline {
    /// Words.
    Text(String),
    /// Words with stress.
    Emphasis(String),
    /// Words with strong stress.
    Strong(String),
    /// Program text.
    Code(String),
    /// A formula in the line.
    Formula(Formula),
}

/// Running text.
///
/// ```
/// use backprove_typeset::formula::Formula;
/// use backprove_typeset::inline::Prose;
/// let prose = Prose::from("the gradient by ")
///     .formula(Formula::name("W"))
///     .text(" has the shape of its variable");
/// assert_eq!(prose.to_plain(), "the gradient by W has the shape of its variable");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Prose(pub Vec<Inline>);

impl Prose {
    /// Whether there is nothing to print.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds words.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push(Inline::Text(text.into()));
        self
    }

    /// Adds running text.
    #[must_use]
    pub fn prose(mut self, prose: Self) -> Self {
        self.0.extend(prose.0);
        self
    }

    /// Adds a formula.
    #[must_use]
    pub fn formula(mut self, formula: Formula) -> Self {
        self.0.push(Inline::Formula(formula));
        self
    }

    /// Adds program text.
    #[must_use]
    pub fn code(mut self, text: impl Into<String>) -> Self {
        self.0.push(Inline::Code(text.into()));
        self
    }

    /// Adds words with stress.
    #[must_use]
    pub fn emphasis(mut self, text: impl Into<String>) -> Self {
        self.0.push(Inline::Emphasis(text.into()));
        self
    }

    /// Adds words with strong stress.
    #[must_use]
    pub fn strong(mut self, text: impl Into<String>) -> Self {
        self.0.push(Inline::Strong(text.into()));
        self
    }

    /// The text without any emphasis, on one line.
    pub fn to_plain(&self) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Inline::Text(text)
                | Inline::Emphasis(text)
                | Inline::Strong(text)
                | Inline::Code(text) => text.chars().map(crate::spacing::visible).collect(),
                Inline::Formula(formula) => crate::unicode::formula(formula),
            })
            .collect()
    }
}

impl From<&str> for Prose {
    fn from(text: &str) -> Self {
        Self(vec![Inline::Text(text.to_owned())])
    }
}

impl From<String> for Prose {
    fn from(text: String) -> Self {
        Self(vec![Inline::Text(text)])
    }
}

impl From<Formula> for Prose {
    fn from(formula: Formula) -> Self {
        Self(vec![Inline::Formula(formula)])
    }
}
