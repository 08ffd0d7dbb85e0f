//! Sizes that are worked out from others: polynomials with whole coefficients over symbols and floor quotients, in a
//! normal form, so that equality is decided by comparing them. Nothing here knows about tensors or text.

use std::fmt;
use std::sync::Arc;

use crate::index::Dim;

/// What a monomial multiplies.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Atom {
    /// A size that is only named.
    Symbol(Arc<str>),
    /// A quotient rounded down that cannot be worked out.
    Quotient(Size, Size),
}

/// A size in normal form: monomials in order, none twice, none with the coefficient zero.
///
/// ```
/// use backprove_calculus::index::Dim;
/// use backprove_calculus::size::Size;
/// let (n, u) = (Size::of(&Dim::symbol("N")), Size::of(&Dim::symbol("U")));
/// let windows = n.minus(&u).plus(&Size::integer(1));
/// assert_eq!(windows.to_string(), "N - U + 1");
/// assert_eq!(windows.plus(&u), n.plus(&Size::integer(1)));
/// assert_eq!(n.times(&Size::integer(2)).floor_quotient(&Size::integer(2)), Some(n));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size(Vec<(Vec<Atom>, i64)>);

impl Size {
    /// A known number, which may be negative.
    pub fn integer(value: i64) -> Self {
        Self::collected(vec![(Vec::new(), value)])
    }

    /// The extent of an axis.
    pub fn of(dim: &Dim) -> Self {
        match dim {
            Dim::Symbol(name) => Self(vec![(vec![Atom::Symbol(name.clone())], 1)]),
            Dim::Literal(size) => Self::integer(*size as i64),
            Dim::Computed(size) => (**size).clone(),
        }
    }

    /// The extent of an axis that is this long; `None` for a number below zero.
    pub fn dim(&self) -> Option<Dim> {
        if let Some(value) = self.as_integer() {
            return usize::try_from(value).ok().map(Dim::Literal);
        }
        Some(match self.0.as_slice() {
            [(atoms, 1)] => match atoms.as_slice() {
                [Atom::Symbol(name)] => Dim::Symbol(name.clone()),
                _ => Dim::Computed(Arc::new(self.clone())),
            },
            _ => Dim::Computed(Arc::new(self.clone())),
        })
    }

    fn collected(mut terms: Vec<(Vec<Atom>, i64)>) -> Self {
        terms.sort();
        let mut collected: Vec<(Vec<Atom>, i64)> = Vec::with_capacity(terms.len());
        for (atoms, coefficient) in terms {
            match collected.last_mut() {
                Some((known, total)) if *known == atoms => {
                    *total = total.saturating_add(coefficient);
                }
                _ => collected.push((atoms, coefficient)),
            }
        }
        collected.retain(|(_, coefficient)| *coefficient != 0);
        Self(collected)
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self::collected(self.0.iter().chain(&other.0).cloned().collect())
    }

    /// The difference.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.plus(&other.times(&Self::integer(-1)))
    }

    /// The product.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        let mut terms = Vec::with_capacity(self.0.len() * other.0.len());
        for (left, a) in &self.0 {
            for (right, b) in &other.0 {
                let mut atoms: Vec<Atom> = left.iter().chain(right).cloned().collect();
                atoms.sort();
                terms.push((atoms, a.saturating_mul(*b)));
            }
        }
        Self::collected(terms)
    }

    /// The quotient rounded down; `None` where the divisor is not known to be positive.
    pub fn floor_quotient(&self, divisor: &Self) -> Option<Self> {
        if !divisor.is_at_least(1) {
            return None;
        }
        if let (Some(above), Some(below)) = (self.as_integer(), divisor.as_integer()) {
            return Some(Self::integer(above.div_euclid(below)));
        }
        if let Some(exact) = self.divided(divisor) {
            return Some(exact);
        }
        // What the divisor divides leaves the quotient: (2 N + 1) // 2 is N + 1 // 2.
        let (whole, rest): (Vec<_>, Vec<_>) = self
            .0
            .iter()
            .cloned()
            .partition(|term| Self(vec![term.clone()]).divided(divisor).is_some());
        if !whole.is_empty() {
            let whole = Self(whole).divided(divisor)?;
            return Some(whole.plus(&Self(rest).floor_quotient(divisor)?));
        }
        let quotient = Atom::Quotient(self.clone(), divisor.clone());
        Some(Self(vec![(vec![quotient], 1)]))
    }

    /// The quotient where it is exact, as far as it can be seen monomial by monomial.
    pub fn divided(&self, divisor: &Self) -> Option<Self> {
        if self == divisor && !self.0.is_empty() {
            return Some(Self::integer(1));
        }
        let [(below, coefficient)] = divisor.0.as_slice() else {
            return None;
        };
        let mut terms = Vec::with_capacity(self.0.len());
        for (atoms, value) in &self.0 {
            let mut rest = atoms.clone();
            for atom in below {
                let place = rest.iter().position(|own| own == atom)?;
                rest.remove(place);
            }
            if value % coefficient != 0 {
                return None;
            }
            terms.push((rest, value / coefficient));
        }
        Some(Self::collected(terms))
    }

    /// The number, where no symbol occurs.
    pub fn as_integer(&self) -> Option<i64> {
        match self.0.as_slice() {
            [] => Some(0),
            [(atoms, value)] if atoms.is_empty() => Some(*value),
            _ => None,
        }
    }

    /// Whether it is at least `least` for all sizes of at least one.
    pub fn is_at_least(&self, least: i64) -> bool {
        let mut rest = self.minus(&Self::integer(least));
        // A quotient that is taken away is at most what it is of: -d (n // d) is at least -n.
        while let Some((position, replacement)) = rest.taken_quotient() {
            rest.0.remove(position);
            rest = rest.plus(&replacement);
        }
        let mut total: i64 = 0;
        for (atoms, coefficient) in &rest.0 {
            let known_positive = atoms.iter().all(|atom| match atom {
                Atom::Symbol(_) => true,
                Atom::Quotient(above, below) => above.minus(below).is_at_least(0),
            });
            let known_natural = known_positive
                || atoms.iter().all(|atom| match atom {
                    Atom::Symbol(_) => true,
                    Atom::Quotient(above, _) => above.is_at_least(0),
                });
            if atoms.is_empty() || (*coefficient > 0 && known_positive) {
                total = total.saturating_add(*coefficient);
            } else if *coefficient < 0 || !known_natural {
                return false;
            }
        }
        total >= 0
    }

    /// A term `-c d (n // d)`, and `-c n`, which is at most that.
    fn taken_quotient(&self) -> Option<(usize, Self)> {
        self.0
            .iter()
            .enumerate()
            .find_map(|(position, (atoms, coefficient))| {
                let [Atom::Quotient(above, below)] = atoms.as_slice() else {
                    return None;
                };
                let divisor = below.as_integer()?;
                (*coefficient < 0 && coefficient % divisor == 0)
                    .then(|| (position, above.times(&Self::integer(coefficient / divisor))))
            })
    }

    /// The value where each symbol has one.
    pub fn value(&self, symbol: &dyn Fn(&str) -> Option<usize>) -> Option<i64> {
        let mut total = 0_i64;
        for (atoms, coefficient) in &self.0 {
            let mut product = *coefficient;
            for atom in atoms {
                let value = match atom {
                    Atom::Symbol(name) => i64::try_from(symbol(name)?).ok()?,
                    Atom::Quotient(above, below) => above
                        .value(symbol)?
                        .checked_div_euclid(below.value(symbol)?)?,
                };
                product = product.checked_mul(value)?;
            }
            total = total.checked_add(product)?;
        }
        Some(total)
    }

    /// The symbols that occur.
    pub fn symbols(&self) -> Vec<Arc<str>> {
        let mut found = Vec::new();
        self.collect_symbols(&mut found);
        found
    }

    fn collect_symbols(&self, found: &mut Vec<Arc<str>>) {
        for atom in self.0.iter().flat_map(|(atoms, _)| atoms) {
            match atom {
                Atom::Symbol(name) if !found.contains(name) => found.push(name.clone()),
                Atom::Symbol(_) => {}
                Atom::Quotient(above, below) => {
                    above.collect_symbols(found);
                    below.collect_symbols(found);
                }
            }
        }
    }

    /// The same size where each symbol stands for another one; `None` where a quotient is no longer defined.
    pub fn replaced(&self, symbol: &dyn Fn(&Arc<str>) -> Self) -> Option<Self> {
        let mut total = Self::integer(0);
        for (atoms, coefficient) in &self.0 {
            let mut product = Self::integer(*coefficient);
            for atom in atoms {
                product = product.times(&match atom {
                    Atom::Symbol(name) => symbol(name),
                    Atom::Quotient(above, below) => above
                        .replaced(symbol)?
                        .floor_quotient(&below.replaced(symbol)?)?,
                });
            }
            total = total.plus(&product);
        }
        Some(total)
    }

    /// Its terms as people write them, positive ones and those with symbols first: a coefficient, and what it multiplies.
    pub fn terms(&self) -> Vec<(i64, Vec<Part>)> {
        let mut terms: Vec<(i64, Vec<Part>)> = self
            .0
            .iter()
            .map(|(atoms, coefficient)| (*coefficient, atoms.iter().map(Atom::part).collect()))
            .collect();
        terms.sort_by_key(|(coefficient, parts)| (parts.is_empty(), *coefficient < 0));
        terms
    }
}

/// A factor of a term of a [`Size`], for those who write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A size that is only named.
    Symbol(Arc<str>),
    /// A quotient rounded down.
    Quotient(Size, Size),
}

impl Atom {
    fn part(&self) -> Part {
        match self {
            Self::Symbol(name) => Part::Symbol(name.clone()),
            Self::Quotient(above, below) => Part::Quotient(above.clone(), below.clone()),
        }
    }
}

impl Part {
    /// The size that it is alone.
    pub fn size(&self) -> Size {
        let atom = match self {
            Self::Symbol(name) => Atom::Symbol(name.clone()),
            Self::Quotient(above, below) => Atom::Quotient(above.clone(), below.clone()),
        };
        Size(vec![(vec![atom], 1)])
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms = self.terms();
        if terms.is_empty() {
            return f.write_str("0");
        }
        for (position, (coefficient, parts)) in terms.iter().enumerate() {
            match (position, *coefficient < 0) {
                (0, true) => f.write_str("-")?,
                (0, false) => {}
                (_, true) => f.write_str(" - ")?,
                (_, false) => f.write_str(" + ")?,
            }
            let magnitude = coefficient.unsigned_abs();
            let mut between = "";
            if magnitude != 1 || parts.is_empty() {
                write!(f, "{magnitude}")?;
                between = " * ";
            }
            for part in parts {
                f.write_str(between)?;
                between = " * ";
                let alone = parts.len() == 1 && magnitude == 1;
                match part {
                    Part::Symbol(name) => f.write_str(name)?,
                    Part::Quotient(above, below) if alone => {
                        write!(f, "{}", Quotient(above, below))?;
                    }
                    Part::Quotient(above, below) => write!(f, "({})", Quotient(above, below))?,
                }
            }
        }
        Ok(())
    }
}

struct Quotient<'a>(&'a Size, &'a Size);

impl fmt::Display for Quotient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let enclosed = |size: &Size| {
            let text = size.to_string();
            if text.contains(' ') || text.starts_with('-') {
                format!("({text})")
            } else {
                text
            }
        };
        write!(f, "{} // {}", enclosed(self.0), enclosed(self.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(name: &str) -> Size {
        Size::of(&Dim::symbol(name))
    }

    fn number(value: i64) -> Size {
        Size::integer(value)
    }

    #[test]
    fn equal_sizes_have_one_form() {
        let (h, k) = (symbol("H"), symbol("K"));
        let left = h.plus(&k).times(&h.minus(&k));
        let right = h.times(&h).minus(&k.times(&k));
        assert_eq!(left, right);
        assert_eq!(h.minus(&h).dim(), Some(Dim::Literal(0)));
        assert_eq!(
            h.plus(&number(1)).minus(&number(1)).dim(),
            Some(Dim::symbol("H"))
        );
    }

    #[test]
    fn quotients_are_worked_out_as_far_as_they_can_be() {
        let (h, k, two) = (symbol("H"), symbol("K"), number(2));
        let strided = h
            .minus(&k)
            .floor_quotient(&two)
            .map(|size| size.plus(&number(1)));
        let text = strided.as_ref().map(Size::to_string);
        assert_eq!(text.as_deref(), Some("(H - K) // 2 + 1"));
        let sizes = |name: &str| Some(if name == "H" { 7 } else { 2 });
        assert_eq!(strided.and_then(|size| size.value(&sizes)), Some(3));
        let even = h.times(&two).plus(&number(1)).floor_quotient(&two);
        assert_eq!(even, Some(h));
        assert_eq!(k.floor_quotient(&k.minus(&number(1))), None);
    }

    #[test]
    fn bounds_hold_for_all_sizes() {
        let (h, u, two) = (symbol("H"), symbol("U"), number(2));
        assert!(h.is_at_least(1));
        assert!(!h.is_at_least(2));
        assert!(!h.minus(&u).is_at_least(0));
        // The last window of stride 2 ends within: 2 ((H - U) // 2) + U - 1 is below H.
        let steps = h.minus(&u).floor_quotient(&two).unwrap_or(number(0));
        let last = two.times(&steps).plus(&u).minus(&number(1));
        assert!(h.minus(&number(1)).minus(&last).is_at_least(0));
    }
}
