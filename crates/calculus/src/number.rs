//! Exact numbers: rationals as long as they fit, reals otherwise. Nothing here rounds silently:
//! a rational that overflows becomes a real and says so by its kind.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use num_rational::Ratio;
use num_traits::{CheckedAdd, CheckedMul, ToPrimitive};

/// A number in an expression.
///
/// ```
/// use backprove_calculus::number::Number;
/// let half = Number::parse("0.5").unwrap();
/// assert_eq!(half, Number::ratio(1, 2));
/// assert_eq!(half.plus(half), Number::integer(1));
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// An exact rational in lowest terms.
    Rational(Ratio<i64>),
    /// A real that has no small exact form.
    Real(f64),
}

impl Number {
    /// Zero.
    pub const ZERO: Self = Self::Rational(Ratio::new_raw(0, 1));
    /// One.
    pub const ONE: Self = Self::Rational(Ratio::new_raw(1, 1));
    /// Minus one.
    pub const MINUS_ONE: Self = Self::Rational(Ratio::new_raw(-1, 1));

    /// A whole number.
    pub const fn integer(value: i64) -> Self {
        Self::Rational(Ratio::new_raw(value, 1))
    }

    /// `numerator / denominator`; a zero denominator gives the real quotient (infinite or not a number).
    pub fn ratio(numerator: i64, denominator: i64) -> Self {
        if denominator == 0 || numerator == i64::MIN || denominator == i64::MIN {
            Self::Real(numerator as f64 / denominator as f64)
        } else {
            Self::Rational(Ratio::new(numerator, denominator))
        }
    }

    /// Reads a decimal literal exactly where it fits: `0.1` is 1/10, not the nearest double.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_exact(text).or_else(|| text.parse().ok().map(Self::Real))
    }

    fn parse_exact(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.len() + fraction.len() == 0 {
            return None;
        }
        let digits: i64 = format!("{whole}{fraction}").parse().ok()?;
        let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        let power = 10_i64.checked_pow(shift.unsigned_abs())?;
        if shift >= 0 {
            digits.checked_mul(power).map(Self::integer)
        } else {
            Some(Self::ratio(digits, power))
        }
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        match self {
            Self::Rational(ratio) => ratio.to_f64().unwrap_or(f64::NAN),
            Self::Real(value) => value,
        }
    }

    /// The value as a whole number, if it is one.
    pub fn as_integer(self) -> Option<i64> {
        match self {
            Self::Rational(ratio) if ratio.is_integer() => Some(*ratio.numer()),
            _ => None,
        }
    }

    /// Whether it is a rational.
    pub fn is_exact(self) -> bool {
        matches!(self, Self::Rational(_))
    }

    /// Whether it is exactly zero.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// Whether it is exactly one.
    pub fn is_one(self) -> bool {
        self == Self::ONE
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.to_f64() < 0.0
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Rational(a), Self::Rational(b)) => a.checked_add(&b).map(Self::Rational),
            _ => None,
        }
        .unwrap_or_else(|| Self::Real(self.to_f64() + other.to_f64()))
    }

    /// The product.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        match (self, other) {
            (Self::Rational(a), Self::Rational(b)) => a.checked_mul(&b).map(Self::Rational),
            _ => None,
        }
        .unwrap_or_else(|| Self::Real(self.to_f64() * other.to_f64()))
    }

    /// The negative.
    #[must_use]
    pub fn negate(self) -> Self {
        self.times(Self::MINUS_ONE)
    }

    /// `self` to the power `exponent`, exact where both are exact and the result is rational.
    #[must_use]
    pub fn power(self, exponent: Self) -> Option<Self> {
        let whole = exponent.as_integer()?;
        match self {
            Self::Rational(base) => {
                if whole < 0 && *base.numer() == 0 {
                    return None;
                }
                let count = u32::try_from(whole.unsigned_abs()).ok()?;
                let numerator = base.numer().checked_pow(count)?;
                let denominator = base.denom().checked_pow(count)?;
                Some(if whole >= 0 {
                    Self::ratio(numerator, denominator)
                } else {
                    Self::ratio(denominator, numerator)
                })
            }
            Self::Real(_) => None,
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Rational(a), Self::Rational(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => a.total_cmp(b),
            (Self::Rational(_), Self::Real(_)) => Ordering::Less,
            (Self::Real(_), Self::Rational(_)) => Ordering::Greater,
        }
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            // In lowest terms: equal numbers have equal parts.
            Self::Rational(ratio) => (ratio.numer(), ratio.denom()).hash(state),
            Self::Real(value) => value.to_bits().hash(state),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rational(ratio) => write!(f, "{ratio}"),
            Self::Real(value) => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_literals_are_exact() {
        assert_eq!(Number::parse("0.1"), Some(Number::ratio(1, 10)));
        assert_eq!(Number::parse("1e-5"), Some(Number::ratio(1, 100_000)));
        assert_eq!(Number::parse("2.5e2"), Some(Number::integer(250)));
        assert_eq!(Number::parse(".5"), Some(Number::ratio(1, 2)));
        assert_eq!(Number::parse("."), None);
    }

    #[test]
    fn overflow_becomes_real() {
        let big = Number::integer(i64::MAX);
        assert!(matches!(big.times(big), Number::Real(_)));
    }
}
