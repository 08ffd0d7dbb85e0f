//! A formula together with how firmly it holds, so that parentheses are put where they are needed
//! and nowhere else. It must not know what a formula stands for.

use crate::formula::{Formula, Operator};

/// How firmly a formula holds when something is written next to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// `a > b`, `a, b`.
    Relation,
    /// `a + b`.
    Sum,
    /// `Σ a`: it takes in everything to its right.
    Big,
    /// `A ∘ B`, `A ⊗ B`.
    Infix,
    /// `A B`.
    Product,
    /// `2 A`: a product that reads the same before an element-wise one.
    Scaled,
    /// Everything that stands alone.
    Atom,
}

/// A formula, its sign kept apart, and how firmly it holds.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// The formula without its sign.
    pub formula: Formula,
    /// How firmly it holds without its sign.
    pub level: Level,
    /// Whether it has a minus sign.
    pub negative: bool,
}

impl Piece {
    pub fn new(formula: Formula, level: Level) -> Self {
        Self {
            formula,
            level,
            negative: false,
        }
    }

    pub fn atom(formula: Formula) -> Self {
        Self::new(formula, Level::Atom)
    }

    #[must_use]
    pub fn negate(self) -> Self {
        Self {
            negative: !self.negative,
            ..self
        }
    }

    /// The whole formula. The sign of a sum applies to all of it.
    pub fn signed(self) -> Formula {
        if !self.negative {
            self.formula
        } else if self.level <= Level::Sum {
            Formula::negative(self.formula.parenthesised())
        } else {
            Formula::negative(self.formula)
        }
    }

    /// The formula where only something that holds at least as firmly as `level` may stand.
    pub fn at_least(self, level: Level) -> Formula {
        if self.negative || self.level < level {
            self.signed().parenthesised()
        } else {
            self.formula
        }
    }

    /// The formula as something that scripts can be put on.
    pub fn base(self) -> Formula {
        let scripted = matches!(self.formula, Formula::Subscript { .. });
        if !self.negative && (self.formula.is_simple() || scripted) {
            self.formula
        } else {
            self.signed().parenthesised()
        }
    }

    /// `self + …`: terms with their signs. A leading minus is avoided where some term has none.
    pub fn sum(mut terms: Vec<Self>) -> Self {
        if terms.len() == 1 {
            return terms.remove(0);
        }
        if terms.first().is_some_and(|term| term.negative)
            && let Some(position) = terms.iter().position(|term| !term.negative)
        {
            let first = terms.remove(position);
            terms.insert(0, first);
        }
        let mut items = Vec::new();
        for (position, term) in terms.into_iter().enumerate() {
            match (position, term.negative) {
                (0, false) => {}
                (0, true) => items.push(Formula::Operator(Operator::Negative)),
                (_, false) => items.push(Formula::Operator(Operator::Plus)),
                (_, true) => items.push(Formula::Operator(Operator::Minus)),
            }
            let least = if term.negative || term.level < Level::Sum {
                Level::Big
            } else {
                Level::Sum
            };
            let unsigned = Self {
                negative: false,
                ..term
            };
            items.push(unsigned.at_least(least));
        }
        Self::new(Formula::row(items), Level::Sum)
    }

    /// Factors side by side. A factor that takes in everything to its right may stand last only;
    /// a number never stands directly before a number.
    pub fn product(mut factors: Vec<Self>) -> Self {
        let negative = factors.iter().filter(|factor| factor.negative).count() % 2 == 1;
        for factor in &mut factors {
            factor.negative = false;
        }
        let last = match factors.len() {
            0 => return Self::atom(Formula::integer(1)),
            1 => {
                let mut only = factors.remove(0);
                only.negative = negative;
                return only;
            }
            count => count - 1,
        };
        let mut items: Vec<Formula> = Vec::new();
        let mut level = Level::Product;
        for (position, factor) in factors.into_iter().enumerate() {
            let least = if position == last && factor.level == Level::Big {
                level = Level::Big;
                Level::Big
            } else {
                Level::Product
            };
            let formula = factor.at_least(least);
            if position > 0 {
                items.push(Formula::Operator(if begins_with_number(&formula) {
                    Operator::Dot
                } else {
                    Operator::Juxtaposition
                }));
            }
            items.push(formula);
        }
        Self {
            negative,
            ..Self::new(Formula::row(items), level)
        }
    }

    /// A fraction; the sign stands before it.
    pub fn fraction(numerator: Self, denominator: Self) -> Self {
        let negative = numerator.negative != denominator.negative;
        let bare = |piece: Self| {
            if piece.negative {
                piece.formula.clone()
            } else {
                piece.signed()
            }
        };
        Self {
            negative,
            ..Self::atom(bare(numerator).over(bare(denominator)))
        }
    }
}

/// Whether the first thing that a reader meets is a digit.
fn begins_with_number(formula: &Formula) -> bool {
    match formula {
        Formula::Number(_) => true,
        Formula::Row(items) => items.first().is_some_and(begins_with_number),
        Formula::Superscript { base, .. } | Formula::Subscript { base, .. } => {
            begins_with_number(base)
        }
        _ => false,
    }
}
