//! Diagnostics as plain data. Only the surfaces draw them; nothing here knows about terminals.

use crate::source::Span;

/// What is wrong with a source text: where, why, and what to write instead.
///
/// ```
/// use backprove_syntax::{Diagnostic, Span};
/// let diagnostic = Diagnostic::error("unknown-name", "`Q` is not declared")
///     .label(Span::new(4, 5), "used here")
///     .help_edit("declare it first", Span::new(0, 0), "Q[N]\n");
/// assert_eq!(diagnostic.slug, "unknown-name");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// A short stable name in kebab case, such as `shape-mismatch`.
    pub slug: &'static str,
    /// One sentence without a final stop, in the user's own symbols.
    pub message: String,
    /// Places in the source with a remark each; the first is the main one.
    pub labels: Vec<Label>,
    /// At most one proposal.
    pub help: Option<Help>,
}

/// A place and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// A few words; may be empty.
    pub text: String,
}

/// A proposal, if possible with the edit that carries it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    /// What to do, as a short imperative.
    pub message: String,
    /// The edit, where one can be stated exactly.
    pub edit: Option<Edit>,
}

/// A replacement of the text at `span`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty for an insertion.
    pub span: Span,
    /// The new text.
    pub replacement: String,
}

impl Diagnostic {
    /// A diagnostic with no place yet.
    pub fn error(slug: &'static str, message: impl Into<String>) -> Self {
        Self {
            slug,
            message: message.into(),
            labels: Vec::new(),
            help: None,
        }
    }

    /// Adds a labelled place.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Sets a proposal in words.
    #[must_use]
    pub fn help(mut self, message: impl Into<String>) -> Self {
        self.help = Some(Help {
            message: message.into(),
            edit: None,
        });
        self
    }

    /// Sets a proposal with its edit.
    #[must_use]
    pub fn help_edit(
        mut self,
        message: impl Into<String>,
        span: Span,
        replacement: impl Into<String>,
    ) -> Self {
        self.help = Some(Help {
            message: message.into(),
            edit: Some(Edit {
                span,
                replacement: replacement.into(),
            }),
        });
        self
    }
}
