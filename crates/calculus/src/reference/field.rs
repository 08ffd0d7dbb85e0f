//! The prime field of order 2^61 − 1. Rational operations are exact in it, and whatever is not rational
//! is an opaque value that depends on nothing but the function and its arguments.

use super::scalar::{identity, mix};
use super::{Differentiation, Scalar};
use crate::number::Number;

/// An element of the prime field of order 2^61 − 1.
///
/// ```
/// use backprove_calculus::reference::{Field, Scalar};
/// let third = Field::whole(3).inverse().unwrap();
/// assert_eq!(third.times(Field::whole(3)), Field::ONE);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field(u64);

impl Field {
    /// The number of elements.
    pub const ORDER: u64 = (1 << 61) - 1;

    /// The element that `value` is congruent to.
    pub const fn new(value: u64) -> Self {
        Self(value % Self::ORDER)
    }

    /// The multiplicative inverse; zero has none.
    #[must_use]
    pub fn inverse(self) -> Option<Self> {
        // Fermat: a^(p − 2) is the inverse of a.
        (self.0 != 0).then(|| self.raised(Self::ORDER - 2))
    }

    fn raised(self, mut exponent: u64) -> Self {
        let mut base = self;
        let mut result = Self::ONE;
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = result.times(base);
            }
            base = base.times(base);
            exponent >>= 1;
        }
        result
    }

    /// The representative closest to zero.
    pub const fn signed(self) -> i64 {
        if self.0 > Self::ORDER / 2 {
            self.0 as i64 - Self::ORDER as i64
        } else {
            self.0 as i64
        }
    }

    fn opaque(identity: u64, arguments: &[Self]) -> Self {
        let hash = arguments
            .iter()
            .fold(identity, |state, argument| mix(state ^ argument.0));
        Self::new(mix(hash))
    }
}

/// Exponents up to this size are worked out by multiplication.
const WHOLE_EXPONENT: u64 = 1 << 10;

impl Scalar for Field {
    const ZERO: Self = Self(0);
    const ONE: Self = Self(1);
    const DIFFERENTIATION: Differentiation = Differentiation::Duals;
    const IS_ROUNDED: bool = false;

    fn whole(value: i64) -> Self {
        let magnitude = Self::new(value.unsigned_abs());
        if value < 0 && magnitude.0 != 0 {
            Self(Self::ORDER - magnitude.0)
        } else {
            magnitude
        }
    }

    fn number(value: Number) -> Self {
        match value {
            Number::Rational(ratio) => {
                let numerator = Self::whole(*ratio.numer());
                match Self::whole(*ratio.denom()).inverse() {
                    Some(inverse) => numerator.times(inverse),
                    None => Self::opaque(identity("ratio", 0), &[numerator]),
                }
            }
            Number::Real(real) => Self::opaque(identity("real", real.to_bits()), &[]),
        }
    }

    fn plus(self, other: Self) -> Self {
        let sum = self.0 + other.0;
        Self(if sum >= Self::ORDER {
            sum - Self::ORDER
        } else {
            sum
        })
    }

    fn times(self, other: Self) -> Self {
        let product = u128::from(self.0) * u128::from(other.0);
        // 2^61 is congruent to one, so the high part may be added to the low part.
        let folded = (product as u64 & Self::ORDER) + (product >> 61) as u64;
        Self(if folded >= Self::ORDER {
            folded - Self::ORDER
        } else {
            folded
        })
    }

    fn power(self, exponent: Self, seed: u64) -> Option<Self> {
        let signed = exponent.signed();
        if signed.unsigned_abs() > WHOLE_EXPONENT {
            return Some(Self::opaque(identity("power", seed), &[self, exponent]));
        }
        let power = self.raised(signed.unsigned_abs());
        if signed < 0 {
            power.inverse()
        } else {
            Some(power)
        }
    }

    /// Opaque, though half of the elements have a square root: that `√(x²) = x` must not come out for some of them.
    fn root(self, degree: i64, seed: u64) -> Self {
        Self::opaque(identity("root", seed), &[self, Self::whole(degree)])
    }

    fn function(_: fn(&[f64]) -> f64, identity: u64, arguments: &[Self]) -> Self {
        Self::opaque(identity, arguments)
    }

    /// Compares the representatives closest to zero: like the order of the reals this one is total and negation
    /// reverses it. Whatever else holds of the reals' order fails here at random, never the other way round.
    fn relation(value: fn(&[f64]) -> f64, arguments: &[Self]) -> Self {
        let rank = |argument: &Self| {
            let above = arguments.iter().filter(|other| argument.is_above(**other));
            above.count() as f64
        };
        let ranks: Vec<f64> = arguments.iter().map(rank).collect();
        Self::whole(value(&ranks) as i64)
    }

    fn abstract_function(identity: u64, derivatives: &[usize], arguments: &[Self]) -> Self {
        // Mixed derivatives commute.
        let mut sorted = derivatives.to_vec();
        sorted.sort_unstable();
        let named = sorted
            .iter()
            .fold(identity, |state, by| mix(state ^ (*by as u64 + 1)));
        Self::opaque(named, arguments)
    }

    fn is_above(self, other: Self) -> bool {
        self.signed() > other.signed()
    }

    fn is_defined(self) -> bool {
        true
    }

    fn to_f64(self) -> f64 {
        self.signed() as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn element() -> impl Strategy<Value = Field> {
        any::<u64>().prop_map(Field::new)
    }

    proptest! {
        #[test]
        fn the_laws_of_a_field(a in element(), b in element(), c in element()) {
            prop_assert_eq!(a.plus(b), b.plus(a));
            prop_assert_eq!(a.times(b), b.times(a));
            prop_assert_eq!(a.plus(b).plus(c), a.plus(b.plus(c)));
            prop_assert_eq!(a.times(b).times(c), a.times(b.times(c)));
            prop_assert_eq!(a.times(b.plus(c)), a.times(b).plus(a.times(c)));
            prop_assert_eq!(a.plus(a.times(Field::whole(-1))), Field::ZERO);
            if let Some(inverse) = a.inverse() {
                prop_assert_eq!(a.times(inverse), Field::ONE);
            } else {
                prop_assert_eq!(a, Field::ZERO);
            }
        }

        #[test]
        fn numbers_keep_their_arithmetic(a in -1000_i64..1000, b in 1_i64..1000, c in -1000_i64..1000, d in 1_i64..1000) {
            let (left, right) = (Number::ratio(a, b), Number::ratio(c, d));
            prop_assert_eq!(Field::number(left.plus(right)), Field::number(left).plus(Field::number(right)));
            prop_assert_eq!(Field::number(left.times(right)), Field::number(left).times(Field::number(right)));
        }

        #[test]
        fn powers_add_their_exponents(a in element(), m in -9_i64..9, n in -9_i64..9) {
            prop_assume!(a != Field::ZERO);
            let power = |n: i64| a.power(Field::whole(n), 0).unwrap();
            prop_assert_eq!(power(m).times(power(n)), power(m + n));
        }

        #[test]
        fn negation_reverses_the_order(a in element(), b in element()) {
            let minus = |x: Field| x.times(Field::whole(-1));
            prop_assert_eq!(a.is_above(b), minus(b).is_above(minus(a)));
        }
    }
}
