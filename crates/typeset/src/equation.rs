//! Equations that are aligned below each other at their relation sign, with a remark at the right.
//! It knows where a long right side may be broken; it must not know how anything is printed.

use crate::formula::{Class, Formula, Operator};
use crate::inline::Prose;
use crate::unicode;

/// One line of a chain of equations.
///
/// ```
/// use backprove_typeset::equation::Equation;
/// use backprove_typeset::formula::{Formula, Operator};
/// use backprove_typeset::unicode;
///
/// let x = || Formula::name("x");
/// let lines = [
///     Equation::new(Formula::name("y"), x().infix(Operator::Plus, x())).because("definition"),
///     Equation::then(Formula::product([Formula::integer(2), x()])).because("collect"),
/// ];
/// assert_eq!(
///     unicode::equations(&lines, 80),
///     "y = x + x   definition\n  = 2 x     collect",
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Equation {
    /// The left side; none where the line goes on from the one above.
    pub left: Option<Formula>,
    /// The sign at which lines are aligned; none for a formula that stands alone.
    pub relation: Option<Operator>,
    /// The right side.
    pub right: Formula,
    /// Why the line holds; may be empty.
    pub remark: Prose,
}

impl Equation {
    /// `left = right`.
    pub fn new(left: Formula, right: Formula) -> Self {
        Self {
            left: Some(left),
            relation: Some(Operator::Equal),
            right,
            remark: Prose::default(),
        }
    }

    /// `= right`, continuing the line above.
    pub fn then(right: Formula) -> Self {
        Self {
            left: None,
            relation: Some(Operator::Equal),
            right,
            remark: Prose::default(),
        }
    }

    /// A formula that stands alone.
    pub fn alone(right: Formula) -> Self {
        Self {
            left: None,
            relation: None,
            right,
            remark: Prose::default(),
        }
    }

    /// With another relation sign.
    #[must_use]
    pub fn relation(mut self, relation: Operator) -> Self {
        self.relation = Some(relation);
        self
    }

    /// With a remark at the right.
    #[must_use]
    pub fn because(mut self, remark: impl Into<Prose>) -> Self {
        self.remark = remark.into();
        self
    }

    /// The right side cut before its outermost `+` and `−` (at its products, where it has no
    /// sum) into pieces that are at most `width` columns wide as text, as far as that is possible.
    pub(crate) fn right_pieces(&self, width: usize) -> Vec<Formula> {
        let Formula::Row(items) = &self.right else {
            return vec![self.right.clone()];
        };
        if unicode::width(&unicode::formula(&self.right)) <= width {
            return vec![self.right.clone()];
        }
        let has = |class| {
            items
                .iter()
                .any(|item| matches!(item, Formula::Operator(o) if o.class() == class))
        };
        let class = [Class::Relation, Class::Sum, Class::Product]
            .into_iter()
            .find(|class| has(*class));
        let Some(class) = class else {
            return vec![self.right.clone()];
        };
        let mut terms: Vec<Vec<Formula>> = vec![Vec::new()];
        for item in items {
            let starts = matches!(item, Formula::Operator(o)
                if o.class() == class && *o != Operator::Application);
            match terms.last_mut() {
                Some(term) if !starts || term.is_empty() => term.push(item.clone()),
                _ => terms.push(vec![item.clone()]),
            }
        }
        let mut pieces: Vec<Vec<Formula>> = Vec::new();
        for term in terms {
            let fits = pieces.last().is_some_and(|piece| {
                let both = piece.iter().chain(&term).cloned().collect();
                unicode::width(&unicode::formula(&Formula::Row(both))) <= width
            });
            match pieces.last_mut() {
                Some(piece) if fits => piece.extend(term),
                _ => pieces.push(term),
            }
        }
        pieces.into_iter().map(Formula::row).collect()
    }
}
