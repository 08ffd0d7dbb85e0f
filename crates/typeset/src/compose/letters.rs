//! Which letter each index gets on paper. Letters are wishes; here they are made distinct, and a
//! letter once given stays with its index through a whole derivation.

use std::collections::HashMap;

use backprove_calculus::Index;

use crate::formula::{Formula, Style};

/// The letters that a clash is resolved with, in order; each has a small form below the line.
const SPARE: [&str; 12] = ["i", "j", "k", "l", "m", "n", "p", "r", "s", "t", "u", "v"];

/// The letters of the indices seen so far.
///
/// ```
/// use backprove_calculus::{Dim, Index};
/// use backprove_typeset::compose::Letters;
/// use backprove_typeset::unicode;
///
/// let [first, second] = [Index::new("k", Dim::symbol("N")), Index::new("k", Dim::symbol("N"))];
/// let mut letters = Letters::default();
/// letters.reserve(&[first.clone(), second.clone()]);
/// assert_eq!(unicode::formula(&letters.formula(&first)), "k");
/// assert_eq!(unicode::formula(&letters.formula(&second)), "l");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Letters {
    given: HashMap<Index, String>,
    /// The indices in scope, whose letters are taken.
    scope: Vec<Index>,
    /// What is written for the indices that stand for positions.
    positions: HashMap<Index, Formula>,
    /// What is held fixed while a tensor is differentiated, where that must be said.
    held: HashMap<String, Vec<String>>,
}

impl Letters {
    /// From now on a derivative of this tensor is one with these held fixed: `(∂L/∂Z_{kl})_{U fixed}`.
    pub fn hold(&mut self, of: &str, fixed: Vec<String>) {
        self.held.insert(of.to_owned(), fixed);
    }

    /// What is held fixed in a derivative of a tensor.
    pub(super) fn held(&self, of: &str) -> &[String] {
        self.held.get(of).map_or(&[], Vec::as_slice)
    }

    /// Gives letters to free indices that are to keep them: those of a left side, for example.
    pub fn reserve(&mut self, indices: &[Index]) {
        for index in indices {
            if !self.scope.contains(index) {
                self.enter(index);
            }
        }
    }

    /// The index as a formula.
    pub fn formula(&self, index: &Index) -> Formula {
        if let Some(position) = self.positions.get(index) {
            return position.clone();
        }
        let letter = self.given.get(index).map_or(index.letter(), String::as_str);
        let stem = letter.trim_end_matches('\'');
        let primes = letter.len() - stem.len();
        if primes == 0 {
            Formula::name(stem)
        } else {
            Formula::name(stem).superscript(Formula::styled("′".repeat(primes), Style::Upright))
        }
    }

    /// Formulas for several indices.
    pub(super) fn formulas(&self, indices: &[Index]) -> Vec<Formula> {
        indices.iter().map(|index| self.formula(index)).collect()
    }

    /// From now on `position` is written for the index.
    pub(super) fn place(&mut self, index: &Index, position: Formula) {
        self.positions.insert(index.clone(), position);
    }

    /// The number of indices in scope, to return to.
    pub(super) fn depth(&self) -> usize {
        self.scope.len()
    }

    /// Brings an index into scope under a letter that no other index in scope has.
    pub(super) fn enter(&mut self, index: &Index) {
        let wish = self.given.get(index).map_or(index.letter(), String::as_str);
        let letter = self.distinct(wish, index);
        self.given.insert(index.clone(), letter);
        self.scope.push(index.clone());
    }

    /// Leaves all scopes entered since the given depth.
    pub(super) fn leave(&mut self, depth: usize) {
        self.scope.truncate(depth);
    }

    /// Whether another index in scope has the letter.
    fn is_taken(&self, letter: &str, by: &Index) -> bool {
        let mut others = self.scope.iter().filter(|index| *index != by);
        others.any(|index| self.given.get(index).is_some_and(|given| given == letter))
    }

    /// The letter itself, the next free one in the order of the spare letters, or one with primes.
    fn distinct(&self, wish: &str, index: &Index) -> String {
        if !self.is_taken(wish, index) {
            return wish.to_owned();
        }
        let start = SPARE.iter().position(|letter| *letter == wish);
        let next = start.and_then(|start| {
            let around = SPARE.iter().cycle().skip(start + 1).take(SPARE.len() - 1);
            around.copied().find(|letter| !self.is_taken(letter, index))
        });
        if let Some(letter) = next {
            return letter.to_owned();
        }
        let mut primed = format!("{wish}'");
        while self.is_taken(&primed, index) {
            primed.push('\'');
        }
        primed
    }
}
