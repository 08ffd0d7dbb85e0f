//! The state while a module of Rust is written: names, sizes, parts that are worked out first. Nothing here decides how an
//! expression is written.

use std::collections::HashSet;

use backprove_calculus::{Dim, Expr, Index, Program, notation};
use backprove_syntax::tree::{BinaryOperator, Expression, ExpressionKind};
use backprove_syntax::{Diagnostic, format_expression};

use super::text::{Level, Text};
use crate::names::Names;

/// An index in scope: its text as a position, and whether a loop runs over it.
pub(super) type Scope = Vec<(Index, String, bool)>;

/// The state while a module is written.
pub(super) struct Writer<'p> {
    pub program: &'p Program,
    pub names: Names,
    /// The functions that the module defines for itself: name and text.
    pub private: Vec<(String, String)>,
    /// What the current equation reads.
    pub reads: HashSet<String>,
    /// The sizes that the current equation mentions.
    pub sizes: HashSet<String>,
    /// Parts of the current equation that are worked out first: name and value.
    pub parts: Vec<(String, String)>,
    known: Vec<(Expr, String)>,
    part_count: usize,
    /// The arguments of the function of the table whose definition is being written.
    pub arguments: &'static [&'static str],
}

pub(super) fn unwritten(what: &str) -> Diagnostic {
    Diagnostic::error("not-emitted", format!("{what} cannot be written in Rust"))
}

impl<'p> Writer<'p> {
    pub(super) fn new(program: &'p Program, names: Names) -> Self {
        Self {
            program,
            names,
            private: Vec::new(),
            reads: HashSet::new(),
            sizes: HashSet::new(),
            parts: Vec::new(),
            known: Vec::new(),
            part_count: 0,
            arguments: &[],
        }
    }

    /// Forgets the parts of the equation before.
    pub(super) fn begin(&mut self) {
        self.known.clear();
        self.parts.clear();
        self.reads.clear();
        self.sizes.clear();
    }

    pub(super) fn define(&mut self, name: &str, text: impl Into<String>) {
        if !self.private.iter().any(|(own, _)| own == name) {
            self.private.push((name.to_owned(), text.into()));
        }
    }

    /// Loops over `indices` inside `scope`, each under a letter of its own.
    pub(super) fn within(&self, scope: &Scope, indices: &[Index]) -> Scope {
        let mut inner = scope.clone();
        for index in indices {
            let is_free = |letter: &String| {
                !self.names.is_taken(letter) && inner.iter().all(|(_, own, _)| own != letter)
            };
            let wish = index.letter().to_owned();
            let letters = ('i'..='z').chain('a'..='h').map(String::from);
            let numbered = (1..).map(|number| format!("i{number}"));
            let letter = std::iter::once(wish)
                .chain(letters)
                .chain(numbered)
                .find(is_free);
            inner.push((index.clone(), letter.unwrap_or_default(), true));
        }
        inner
    }

    pub(super) fn position(scope: &Scope, index: &Index) -> Result<String, Diagnostic> {
        let found = scope.iter().rev().find(|(own, ..)| own == index);
        found
            .map(|(_, text, _)| text.clone())
            .ok_or_else(|| unwritten("an index without a loop"))
    }

    /// A size as a `usize`.
    pub(super) fn size(&mut self, dim: &Dim) -> String {
        self.size_tree(&notation::extent(dim)).code
    }

    pub(super) fn size_tree(&mut self, tree: &Expression) -> Text {
        match &tree.kind {
            ExpressionKind::Name(symbol) => {
                self.sizes.insert(symbol.clone());
                Text::atom(self.names.get(symbol).unwrap_or(symbol))
            }
            ExpressionKind::Binary(operator, left, right) => {
                let (left, right) = (self.size_tree(left), self.size_tree(right));
                let (sign, level) = match operator {
                    BinaryOperator::Add => ("+", Level::Sum),
                    BinaryOperator::Subtract => ("-", Level::Sum),
                    BinaryOperator::Multiply => ("*", Level::Product),
                    _ => ("/", Level::Product),
                };
                let tighter = if level == Level::Sum {
                    Level::Product
                } else {
                    Level::Cast
                };
                Text::new(
                    format!("{} {sign} {}", left.at(level), right.at(tighter)),
                    level,
                )
            }
            _ => Text::atom(format_expression(tree)),
        }
    }

    /// A name for what `value` writes; what is there already is not worked out twice.
    pub(super) fn part(
        &mut self,
        key: &Expr,
        value: impl FnOnce(&mut Self) -> Result<String, Diagnostic>,
    ) -> Result<String, Diagnostic> {
        if let Some((_, name)) = self.known.iter().find(|(own, _)| own == key) {
            return Ok(name.clone());
        }
        let value = value(self)?;
        self.part_count += 1;
        let name = match self.part_count {
            1 => self.names.fresh("part"),
            count => self.names.fresh(&format!("part{count}")),
        };
        self.parts.push((name.clone(), value));
        self.known.push((key.clone(), name.clone()));
        Ok(name)
    }
}
