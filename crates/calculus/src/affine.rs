//! Values that are affine in indices: `2 * i + u - 1`. What stands in an affine subscript, read from an expression and
//! written as one. Nothing here knows about tensors.

use crate::expr::{Expr, Node};
use crate::index::{Dim, Index};
use crate::number::Number;
use crate::size::{Part, Size};

/// A sum of indices with coefficients, and a constant.
///
/// ```
/// use backprove_calculus::{Dim, Expr, Index, affine::Affine};
/// let [i, u] = ["i", "u"].map(|letter| Index::new(letter, Dim::symbol("N")));
/// let sum = Expr::addition([Expr::position(&i), Expr::position(&u), Expr::integer(-1)]);
/// let affine = Affine::of(&sum).unwrap();
/// assert_eq!(affine.coefficient(&i).as_integer(), Some(1));
/// assert_eq!(affine.expr(), sum);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affine {
    /// The indices, none twice, with their coefficients, none zero.
    pub terms: Vec<(Index, Size)>,
    /// What does not depend on an index.
    pub constant: Size,
}

impl Affine {
    /// A value without indices.
    pub fn constant(constant: Size) -> Self {
        Self {
            terms: Vec::new(),
            constant,
        }
    }

    /// The position of an index.
    pub fn index(index: &Index) -> Self {
        Self {
            terms: vec![(index.clone(), Size::integer(1))],
            constant: Size::integer(0),
        }
    }

    /// Reads an expression; `None` where it is not affine with whole coefficients.
    pub fn of(expr: &Expr) -> Option<Self> {
        match expr.node() {
            Node::Number(value) => value
                .as_integer()
                .map(|value| Self::constant(Size::integer(value))),
            Node::Extent(dim) => Some(Self::constant(Size::of(dim))),
            Node::Position(index) => Some(Self::index(index)),
            Node::Add(terms) => terms
                .iter()
                .try_fold(Self::constant(Size::integer(0)), |sum, term| {
                    Some(sum.plus(&Self::of(term)?))
                }),
            Node::Product(factors) => {
                let mut product = Self::constant(Size::integer(1));
                for factor in factors {
                    let factor = Self::of(factor)?;
                    product = if product.terms.is_empty() {
                        factor.scaled(&product.constant)
                    } else if factor.terms.is_empty() {
                        product.scaled(&factor.constant)
                    } else {
                        return None;
                    };
                }
                Some(product)
            }
            _ => None,
        }
    }

    /// The expression that it is.
    pub fn expr(&self) -> Expr {
        let terms = self.terms.iter().map(|(index, coefficient)| {
            Expr::product([size_expr(coefficient), Expr::position(index)])
        });
        Expr::addition(terms.chain([size_expr(&self.constant)]))
    }

    /// The coefficient of `index`, zero where it does not occur.
    pub fn coefficient(&self, index: &Index) -> Size {
        let own = self.terms.iter().find(|(own, _)| own == index);
        own.map_or(Size::integer(0), |(_, coefficient)| coefficient.clone())
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut terms = self.terms.clone();
        for (index, coefficient) in &other.terms {
            match terms.iter_mut().find(|(own, _)| own == index) {
                Some((_, own)) => *own = own.plus(coefficient),
                None => terms.push((index.clone(), coefficient.clone())),
            }
        }
        terms.retain(|(_, coefficient)| coefficient.as_integer() != Some(0));
        Self {
            terms,
            constant: self.constant.plus(&other.constant),
        }
    }

    /// The product with a number.
    #[must_use]
    pub fn scaled(&self, by: &Size) -> Self {
        let terms = self.terms.iter();
        let mut terms: Vec<(Index, Size)> = terms
            .map(|(index, coefficient)| (index.clone(), coefficient.times(by)))
            .collect();
        terms.retain(|(_, coefficient)| coefficient.as_integer() != Some(0));
        Self {
            terms,
            constant: self.constant.times(by),
        }
    }

    /// The difference.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.plus(&other.scaled(&Size::integer(-1)))
    }

    /// What `index` is where this value is zero, if its coefficient is 1 or -1.
    pub fn solved_for(&self, index: &Index) -> Option<Self> {
        let sign = self.coefficient(index).as_integer()?;
        if sign.abs() != 1 {
            return None;
        }
        let mut rest = self.clone();
        rest.terms.retain(|(own, _)| own != index);
        let mut solved = rest.scaled(&Size::integer(-sign));
        // A positive term leads, as a person writes it.
        let positive = |(_, coefficient): &(Index, Size)| coefficient.is_at_least(1);
        if let Some(lead) = solved.terms.iter().position(positive) {
            solved.terms[..=lead].rotate_right(1);
        }
        Some(solved)
    }

    /// The least and the greatest value, where the signs of the coefficients are known.
    pub fn bounds(&self) -> Option<(Size, Size)> {
        let (mut least, mut greatest) = (self.constant.clone(), self.constant.clone());
        for (index, coefficient) in &self.terms {
            let last = Size::of(index.extent()).minus(&Size::integer(1));
            let reach = coefficient.times(&last);
            if coefficient.is_at_least(0) {
                greatest = greatest.plus(&reach);
            } else if coefficient.times(&Size::integer(-1)).is_at_least(0) {
                least = least.plus(&reach);
            } else {
                return None;
            }
        }
        Some((least, greatest))
    }

    /// Whether it is known to be a position on an axis of `extent` for all values of its indices.
    pub fn is_within(&self, extent: &Dim) -> bool {
        self.bounds().is_some_and(|(least, greatest)| {
            least.is_at_least(0) && Size::of(extent).minus(&greatest).is_at_least(1)
        })
    }
}

/// A size as a number of an expression.
pub fn size_expr(size: &Size) -> Expr {
    Expr::addition(size.terms().into_iter().map(|(coefficient, parts)| {
        let parts = parts.iter().filter_map(|part| match part {
            Part::Symbol(name) => Some(Expr::extent(&Dim::Symbol(name.clone()))),
            Part::Quotient(..) => part.size().dim().map(Expr::extent_node),
        });
        let parts: Vec<Expr> = parts.collect();
        Expr::product(std::iter::once(Expr::number(Number::integer(coefficient))).chain(parts))
    }))
}
