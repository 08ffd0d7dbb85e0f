//! A neutral document: headings, prose, equations, code, tables. It holds what is to be said in
//! which order; the printers below it know how a page looks. It must never hold markup, the
//! drawings of a [`Block::Figure`] excepted.
//!
//! ```
//! use backprove_typeset::document::{Document, latex, markdown, terminal};
//! use backprove_typeset::equation::Equation;
//! use backprove_typeset::formula::Formula;
//!
//! let [y, x] = ["y", "x"].map(Formula::name);
//! let page = Document::new("A line")
//!     .paragraph("Twice the same.")
//!     .equations([Equation::new(y, Formula::product([Formula::integer(2), x]))]);
//! let text = terminal::print(&page, terminal::Options::plain(60));
//! assert_eq!(text, "A line\n══════\n\nTwice the same.\n\n  y = 2 x\n");
//! assert!(markdown::print(&page).starts_with("# A line\n"));
//! assert!(latex::print(&page).ends_with("\\end{document}\n"));
//! ```

pub mod html;
pub mod latex;
pub mod markdown;
pub mod terminal;

use crate::equation::Equation;
use crate::inline::Prose;

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// Its title.
    pub title: Prose,
    /// What it says, in order.
    pub blocks: Vec<Block>,
}

/// A part of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading; level 1 is the highest below the title.
    Heading {
        /// How deep it stands, from 1.
        level: u8,
        /// The words.
        text: Prose,
    },
    /// A paragraph.
    Paragraph(Prose),
    /// Items without an order.
    List(Vec<Prose>),
    /// Equations aligned at their relation signs.
    Equations(Vec<Equation>),
    /// Program text, line by line.
    Code {
        /// The language, for readers that colour it; may be empty.
        language: String,
        /// The text.
        text: String,
    },
    /// A plain table.
    Table(Table),
    /// A remark set apart from the text.
    Note(Prose),
    /// Blocks that a page may fold away under one line.
    Details {
        /// The line.
        summary: Prose,
        /// Whether they are shown at first.
        open: bool,
        /// What is folded.
        blocks: Vec<Block>,
    },
    /// A drawing, shown where the medium can and described in words elsewhere.
    Figure {
        /// A complete `<svg>` element, put on the page as it is: its maker answers for it.
        svg: String,
        /// What a reader who does not see it must know.
        description: String,
    },
}

/// A table of words and formulas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows; missing cells at the end are empty.
    pub rows: Vec<Vec<Prose>>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Column {
    /// Its heading.
    pub heading: Prose,
    /// Whether it holds numbers, which are aligned at the right.
    pub numeric: bool,
}

impl Table {
    /// A table with the given headings and no rows yet.
    pub fn new<H: Into<Prose>>(headings: impl IntoIterator<Item = H>) -> Self {
        let column = |heading: H| Column {
            heading: heading.into(),
            numeric: false,
        };
        Self {
            columns: headings.into_iter().map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// The same with the columns at the given positions aligned at the right.
    #[must_use]
    pub fn numeric(mut self, positions: &[usize]) -> Self {
        for (position, column) in self.columns.iter_mut().enumerate() {
            column.numeric |= positions.contains(&position);
        }
        self
    }

    /// Adds a row.
    pub fn push<C: Into<Prose>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The headings, where there are any.
    pub(crate) fn headings(&self) -> Option<Vec<&Prose>> {
        let headings: Vec<&Prose> = self.columns.iter().map(|column| &column.heading).collect();
        let any = headings.iter().any(|heading| !heading.is_empty());
        any.then_some(headings)
    }

    /// The cells of a row with its column, one for each column.
    pub(crate) fn cells<'a>(
        &'a self,
        row: &'a [Prose],
    ) -> impl Iterator<Item = (&'a Column, Option<&'a Prose>)> {
        self.columns
            .iter()
            .enumerate()
            .map(|(position, column)| (column, row.get(position)))
    }
}

impl Document {
    /// A document with a title and nothing in it yet.
    pub fn new(title: impl Into<Prose>) -> Self {
        Self {
            title: title.into(),
            blocks: Vec::new(),
        }
    }

    /// Adds a block.
    pub fn push(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// Adds a block.
    #[must_use]
    pub fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// Adds a heading.
    #[must_use]
    pub fn heading(self, level: u8, text: impl Into<Prose>) -> Self {
        self.with(Block::heading(level, text))
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn paragraph(self, text: impl Into<Prose>) -> Self {
        self.with(Block::Paragraph(text.into()))
    }

    /// Adds aligned equations.
    #[must_use]
    pub fn equations(self, rows: impl IntoIterator<Item = Equation>) -> Self {
        self.with(Block::Equations(rows.into_iter().collect()))
    }

    /// Adds program text.
    #[must_use]
    pub fn code(self, language: &str, text: impl Into<String>) -> Self {
        self.with(Block::code(language, text))
    }

    /// Adds a note.
    #[must_use]
    pub fn note(self, text: impl Into<Prose>) -> Self {
        self.with(Block::Note(text.into()))
    }
}

impl Block {
    /// A heading.
    pub fn heading(level: u8, text: impl Into<Prose>) -> Self {
        Self::Heading {
            level,
            text: text.into(),
        }
    }

    /// A paragraph.
    pub fn paragraph(text: impl Into<Prose>) -> Self {
        Self::Paragraph(text.into())
    }

    /// Program text.
    pub fn code(language: &str, text: impl Into<String>) -> Self {
        Self::Code {
            language: language.to_owned(),
            text: text.into(),
        }
    }

    /// Blocks under one line.
    pub fn details(
        summary: impl Into<Prose>,
        open: bool,
        blocks: impl IntoIterator<Item = Self>,
    ) -> Self {
        Self::Details {
            summary: summary.into(),
            open,
            blocks: blocks.into_iter().collect(),
        }
    }
}
