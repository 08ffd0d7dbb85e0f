//! The kinds of numbers that the evaluator computes with, and double precision as one of them.

use std::fmt::Debug;

use super::Differentiation;
use crate::number::Number;

/// A kind of number: `f64`, or the prime field.
pub trait Scalar: Copy + PartialEq + Debug {
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// How derivatives are worked out.
    const DIFFERENTIATION: Differentiation;
    /// Whether results are rounded, so that a small number may stand for zero.
    const IS_ROUNDED: bool;

    /// A whole number.
    fn whole(value: i64) -> Self;

    /// A number of an expression.
    fn number(value: Number) -> Self;

    /// The sum.
    #[must_use]
    fn plus(self, other: Self) -> Self;

    /// The product.
    #[must_use]
    fn times(self, other: Self) -> Self;

    /// The power; `None` where it is not defined.
    #[must_use]
    fn power(self, exponent: Self, seed: u64) -> Option<Self>;

    /// The root of the given degree.
    #[must_use]
    fn root(self, degree: i64, seed: u64) -> Self;

    /// A function with the given value in double precision. `identity` names it, for numbers on which it is opaque.
    #[must_use]
    fn function(value: fn(&[f64]) -> f64, identity: u64, arguments: &[Self]) -> Self;

    /// A comparison, which gives one or zero.
    #[must_use]
    fn relation(value: fn(&[f64]) -> f64, arguments: &[Self]) -> Self;

    /// An abstract smooth function, or its derivative by the arguments at the positions `derivatives`.
    #[must_use]
    fn abstract_function(identity: u64, derivatives: &[usize], arguments: &[Self]) -> Self;

    /// Whether it is above `other` in an order that negation reverses.
    fn is_above(self, other: Self) -> bool;

    /// Whether it is a proper value.
    fn is_defined(self) -> bool;

    /// As a double, for reports.
    fn to_f64(self) -> f64;
}

impl Scalar for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const DIFFERENTIATION: Differentiation = Differentiation::Differences;
    const IS_ROUNDED: bool = true;

    fn whole(value: i64) -> Self {
        value as Self
    }

    fn number(value: Number) -> Self {
        value.to_f64()
    }

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn times(self, other: Self) -> Self {
        self * other
    }

    fn power(self, exponent: Self, _: u64) -> Option<Self> {
        let small = exponent.abs() <= 64.0;
        Some(if small && exponent.fract() == 0.0 {
            self.powi(exponent as i32)
        } else {
            self.powf(exponent)
        })
    }

    fn root(self, degree: i64, _: u64) -> Self {
        if degree == 2 {
            self.sqrt()
        } else {
            self.powf(1.0 / degree as Self)
        }
    }

    fn function(value: fn(&[f64]) -> f64, _: u64, arguments: &[Self]) -> Self {
        value(arguments)
    }

    fn relation(value: fn(&[f64]) -> f64, arguments: &[Self]) -> Self {
        value(arguments)
    }

    /// `a sin(b u + c) + d exp(k u) + q u²` of a linear form `u` of the arguments, with coefficients drawn from
    /// `identity`: every derivative is known exactly.
    fn abstract_function(identity: u64, derivatives: &[usize], arguments: &[Self]) -> Self {
        let mut state = identity;
        let mut draw = |low: Self, high: Self| {
            state = mix(state);
            let unit = (state >> 11) as Self / (1_u64 << 53) as Self;
            low + (high - low) * unit
        };
        let (a, b, c) = (draw(0.5, 1.5), draw(0.5, 1.5), draw(0.0, 6.0));
        let (d, k, q) = (draw(-0.5, 0.5), draw(-0.8, 0.8), draw(-0.3, 0.3));
        let mut u = 0.0;
        let mut inner = 1.0;
        for (position, argument) in arguments.iter().enumerate() {
            let weight = draw(0.5, 1.5);
            u += weight * argument;
            for by in derivatives {
                if *by == position {
                    inner *= weight;
                }
            }
        }
        let order = derivatives.len() as i32;
        let quarter_turns = Self::from(order) * std::f64::consts::FRAC_PI_2;
        let square = match order {
            0 => u * u,
            1 => 2.0 * u,
            2 => 2.0,
            _ => 0.0,
        };
        let sine = a * b.powi(order) * (b * u + c + quarter_turns).sin();
        inner * (sine + d * k.powi(order) * (k * u).exp() + q * square)
    }

    fn is_above(self, other: Self) -> bool {
        self > other
    }

    fn is_defined(self) -> bool {
        self.is_finite()
    }

    fn to_f64(self) -> f64 {
        self
    }
}

/// One step of the generator splitmix64: a bijection that scatters its argument.
pub(crate) fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number that stands for `name` under `seed`.
pub(crate) fn identity(name: &str, seed: u64) -> u64 {
    name.bytes()
        .fold(mix(seed), |state, byte| mix(state ^ u64::from(byte)))
}
