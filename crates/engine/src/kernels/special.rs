//! One step of each special function for numbers that go through it together. No loops and no choice of instruction set.

#![allow(
    clippy::inline_always,
    reason = "these must be compiled into each kernel, with its instruction set"
)]
#![allow(clippy::cast_lossless, reason = "one text stands for both precisions")]

mod coefficients;

use super::lanes::{Lanes, Whole};

/// The functions of one precision, without branches. Each is good to two units of the last place for every argument;
/// `benches/ACCURACY.md` holds what was measured.
macro_rules! functions {
    ($module:ident, $float:ident, $bits:ident) => {
        pub(in crate::kernels) mod $module {
            use std::$float::consts::LOG2_E;

            use super::coefficients::$module as constants;
            use super::{Lanes, Whole};
            use constants::{LN2_HIGH, LN2_LOW, ROUND};

            /// Bits of the stored mantissa.
            const MANTISSA: u32 = $float::MANTISSA_DIGITS - 1;
            const BIAS: $float = ($float::MAX_EXP - 1) as $float;
            /// The bits of √½: mantissas are taken from there to √2.
            const HALF_ROOT: $bits = std::$float::consts::FRAC_1_SQRT_2.to_bits();
            const BELOW_POINT: $bits = (1 << MANTISSA) - 1;
            const ONE: $float = 1.0;

            /// `x * y + z`
            #[inline(always)]
            pub(crate) fn fused<const FUSED: bool>(x: $float, y: $float, z: $float) -> $float {
                if FUSED { x.mul_add(y, z) } else { x * y + z }
            }

            /// The polynomial with these coefficients, the constant first.
            #[inline(always)]
            fn polynomial<V: Lanes<$float, $bits>, const N: usize>(
                x: V,
                coefficients: [$float; N],
            ) -> V {
                let mut value = V::of(coefficients[N - 1]);
                let mut place = N - 1;
                while place > 0 {
                    place -= 1;
                    value = value.fused(x, V::of(coefficients[place]));
                }
                value
            }

            /// `x = k · step · log 2 + rest` with a whole k and the rest within half a step: bits that end in
            /// `k + bias`, not negative, k, and the rest.
            #[inline(always)]
            fn reduced<V: Lanes<$float, $bits>>(
                x: V,
                step: $float,
                bias: $float,
            ) -> (V::Whole, V, V) {
                // Adding this rounds to a whole number and leaves it in the lowest bits.
                let round = V::of(ROUND + bias);
                let shifted = x.fused(V::of(LOG2_E / step), round);
                let whole = shifted - round;
                let rest = whole.fused(V::of(-LN2_HIGH * step), x);
                let rest = whole.fused(V::of(-LN2_LOW * step), rest);
                (shifted.bits(), whole, rest)
            }

            /// Two to the power that the lowest bits hold, with the bias of exponents; that of a normal number.
            #[inline(always)]
            fn power_of_two<V: Lanes<$float, $bits>>(exponent: V::Whole) -> V {
                V::from_bits(exponent.up::<MANTISSA>())
            }

            /// `e^rest − 1`: the rest plus a smaller term, so little is lost.
            #[inline(always)]
            fn small_expm1<V: Lanes<$float, $bits>>(rest: V) -> V {
                let tail = polynomial(rest, constants::EXPM1);
                (rest * rest).fused(tail, rest)
            }

            /// e to the power x.
            #[inline(always)]
            pub(crate) fn exp<V: Lanes<$float, $bits>>(x: V) -> V {
                // Beyond these the result is infinite or zero.
                let x = x
                    .at_most(constants::EXP_MOST)
                    .at_least(constants::EXP_LEAST);
                let (twice, whole, rest) = reduced(x, 1.0, 2.0 * BIAS);
                let tail = polynomial(rest, constants::EXPM1);
                let slope = tail.fused(rest, V::of(1.0));
                slope.fused(rest, V::of(1.0)).times_two_to(whole, twice)
            }

            /// e to the power x, less one.
            #[inline(always)]
            pub(crate) fn expm1<V: Lanes<$float, $bits>>(x: V) -> V {
                let bounded = x
                    .at_most(constants::EXP_MOST)
                    .at_least(-constants::ONE_ABOVE);
                // Half of it: the scale alone may be infinite.
                let (exponent, _, rest) = reduced(bounded, 1.0, BIAS - 1.0);
                let scale: V = power_of_two(exponent);
                let half = scale.fused(small_expm1(rest), scale - V::of(0.5));
                (half + half).signed_as(x)
            }

            /// `log(1 + f) + exponent · log 2`, for `1 + f` between √½ and √2: twice the area tangent of
            /// `f / (2 + f)`, arranged so that f itself is added last.
            #[inline(always)]
            fn log_sum<V: Lanes<$float, $bits>>(f: V, exponent: V) -> V {
                let s = f / (V::of(2.0) + f);
                let square = s * s;
                let half = V::of(0.5) * f * f;
                let tail = polynomial(square, constants::LOG);
                let tail = square.fused(tail, half);
                let low = s.fused(tail, exponent * V::of(LN2_LOW)) - half;
                exponent.fused(V::of(LN2_HIGH), f + low)
            }

            /// Added to an exponent, so that none is negative, those of subnormal numbers included.
            const LIFT: $bits = 2 * (BIAS as $bits + 1);

            /// The exponent as a number, from bits that hold it with `LIFT` added.
            #[inline(always)]
            fn exponent<V: Lanes<$float, $bits>>(lifted: V::Whole) -> V {
                // It becomes the lowest bits of a number whose other bits are known.
                let known = ((1 as $bits) << MANTISSA) as $float;
                let bits = lifted.down::<MANTISSA>().or(V::Whole::of(known.to_bits()));
                V::from_bits(bits) - V::of(known + LIFT as $float)
            }

            /// The value where x lies between `least` and infinity, elsewhere what a logarithm with its pole there gives.
            #[inline(always)]
            fn inside<V: Lanes<$float, $bits>>(x: V, least: $float, value: V) -> V {
                let below = x.below(V::of(least), V::of($float::NAN), x);
                let outside = x.equal(least, V::of($float::NEG_INFINITY), below);
                let value = x.below(V::of($float::INFINITY), value, outside);
                V::of(least).below(x, value, outside)
            }

            /// The natural logarithm.
            #[inline(always)]
            pub(crate) fn log<V: Lanes<$float, $bits>>(x: V) -> V {
                const RAISED: u32 = MANTISSA + 2;
                let lift = |lift: $bits| V::of($float::from_bits(lift << MANTISSA));
                let least = V::of($float::MIN_POSITIVE);
                let raised = x * V::of(((1 as $bits) << RAISED) as $float);
                let normal = x.below(least, raised, x);
                let lift = x.below(least, lift(LIFT - $bits::from(RAISED)), lift(LIFT));
                let moved = normal.bits().minus(V::Whole::of(HALF_ROOT));
                let mantissa = moved
                    .and(V::Whole::of(BELOW_POINT))
                    .plus(V::Whole::of(HALF_ROOT));
                let f = V::from_bits(mantissa) - V::of(1.0);
                let value = log_sum(f, exponent(moved.plus(lift.bits())));
                inside(x, 0.0, value)
            }

            /// The natural logarithm of one more than x: what rounding the sum loses goes to the mantissa.
            #[inline(always)]
            pub(crate) fn log1p<V: Lanes<$float, $bits>>(x: V) -> V {
                let one = V::of(1.0);
                let sum = one + x;
                let lost = x - (sum - one);
                let moved = sum.bits().minus(V::Whole::of(HALF_ROOT));
                let whole = moved.and(V::Whole::of(!BELOW_POINT));
                let mantissa: V = V::from_bits(sum.bits().minus(whole));
                // Where one is lost in the sum altogether, so is its scale; it must only stay a number.
                let most = V::Whole::of((BIAS as $bits - 1) << MANTISSA);
                let scale = V::from_bits(V::Whole::of(ONE.to_bits()).minus(whole.at_most(most)));
                let f = lost.fused(scale, mantissa - one);
                let lifted = moved.plus(V::Whole::of(LIFT << MANTISSA));
                inside(x, -1.0, log_sum(f, exponent(lifted)).signed_as(x))
            }

            /// The hyperbolic tangent: an odd polynomial around zero, further out `1 − 2 / (e^(2x) + 1)`.
            #[inline(always)]
            pub(crate) fn tanh<V: Lanes<$float, $bits>>(x: V) -> V {
                let magnitude = x.magnitude().at_most(0.5 * constants::ONE_ABOVE);
                let (exponent, _, rest) = reduced(magnitude, 0.5, BIAS);
                let slope = polynomial(rest, constants::EXP_OF_TWICE);
                let power = slope.fused(rest, V::of(1.0));
                let scale: V = power_of_two(exponent);
                let far = V::of(1.0) - V::of(2.0) / scale.fused(power, V::of(1.0));
                let square = magnitude * magnitude;
                let near = polynomial(square, constants::TANH);
                let near = (magnitude * square).fused(near, magnitude);
                magnitude.below(V::of(0.55), near, far).signed_as(x)
            }

            /// The logistic function.
            #[inline(always)]
            pub(crate) fn sigmoid<V: Lanes<$float, $bits>>(x: V) -> V {
                // The scale and what is divided are smaller by this than they are: then no scale is beyond the normal
                // numbers, and only the last step rounds where the result is.
                const SHIFT: $float = constants::SIGMOID_SHIFT;
                const SHIFTED: $float = $float::from_bits(((BIAS + SHIFT) as $bits) << MANTISSA);
                let x = x
                    .at_most(constants::ONE_ABOVE)
                    .at_least(constants::EXP_LEAST);
                let (exponent, _, rest) = reduced(V::of(0.0) - x, 1.0, BIAS + SHIFT);
                let scale: V = power_of_two(exponent);
                // The scale last: it is the part that is exact where the others are rounded.
                let shifted = V::of(SHIFTED);
                shifted / (scale.fused(small_expm1(rest), shifted) + scale)
            }

            /// The error function: an odd polynomial around zero; further out its complement is the fourth power
            /// of a polynomial.
            #[inline(always)]
            pub(crate) fn erf<V: Lanes<$float, $bits>>(x: V) -> V {
                let magnitude = x.magnitude().at_most(constants::ERF_ONE_ABOVE);
                let near = polynomial(magnitude * magnitude, constants::ERF_NEAR);
                let near = magnitude.fused(near, magnitude);
                let root = polynomial(magnitude, constants::ERFC_ROOT);
                let square = root * root;
                let far = (-square).fused(square, V::of(1.0));
                magnitude.below(V::of(1.0), near, far).signed_as(x)
            }
        }
    };
}

functions!(float, f32, u32);
functions!(double, f64, u64);
