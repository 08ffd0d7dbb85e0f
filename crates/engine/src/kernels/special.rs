//! One element of each special function. No loops and no choice of instruction set: `FUSED` says whether
//! `mul_add` is one instruction; without it `mul_add` would be a library call.

#![allow(
    clippy::inline_always,
    reason = "these must be compiled into each kernel, with its instruction set"
)]
#![allow(
    clippy::float_cmp,
    reason = "the poles of logarithms are at exact numbers"
)]
#![allow(clippy::cast_lossless, reason = "one text stands for both precisions")]

mod coefficients;

/// The functions of one precision, without branches, so that a loop over them becomes vector instructions. Each is
/// good to two units of the last place for every argument; `benches/ACCURACY.md` holds what was measured.
macro_rules! functions {
    ($module:ident, $float:ident, $bits:ident) => {
        pub(in crate::kernels) mod $module {
            use std::$float::consts::LOG2_E;

            use super::coefficients::$module as constants;
            use constants::{LN2_HIGH, LN2_LOW, ROUND};

            /// Bits of the stored mantissa.
            const MANTISSA: u32 = $float::MANTISSA_DIGITS - 1;
            const BIAS: $float = ($float::MAX_EXP - 1) as $float;
            /// The bits of √½: mantissas are taken from there to √2.
            const HALF_ROOT: $bits = std::$float::consts::FRAC_1_SQRT_2.to_bits();
            const BELOW_POINT: $bits = (1 << MANTISSA) - 1;
            const EXPONENT: $bits = $float::INFINITY.to_bits();
            const ONE: $float = 1.0;

            /// `x * y + z`
            #[inline(always)]
            pub(crate) fn fused<const FUSED: bool>(x: $float, y: $float, z: $float) -> $float {
                if FUSED { x.mul_add(y, z) } else { x * y + z }
            }

            /// The polynomial with these coefficients, the constant first.
            #[inline(always)]
            fn polynomial<const FUSED: bool, const N: usize>(
                x: $float,
                coefficients: [$float; N],
            ) -> $float {
                let mut value = coefficients[N - 1];
                let mut place = N - 1;
                while place > 0 {
                    place -= 1;
                    value = fused::<FUSED>(value, x, coefficients[place]);
                }
                value
            }

            /// The smaller one; what is not a number stays so.
            #[inline(always)]
            fn at_most(x: $float, bound: $float) -> $float {
                if x > bound { bound } else { x }
            }

            /// The greater one; what is not a number stays so.
            #[inline(always)]
            fn at_least(x: $float, bound: $float) -> $float {
                if x < bound { bound } else { x }
            }

            /// `x = k · step · log 2 + rest` with a whole k and the rest within half a step: bits that end in
            /// `k + bias`, not negative, and the rest.
            #[inline(always)]
            fn reduced<const FUSED: bool>(
                x: $float,
                step: $float,
                bias: $float,
            ) -> ($bits, $float) {
                // Adding this rounds to a whole number and leaves it in the lowest bits.
                let round = ROUND + bias;
                let shifted = fused::<FUSED>(x, LOG2_E / step, round);
                let whole = shifted - round;
                let rest = fused::<FUSED>(whole, -LN2_HIGH * step, x);
                let rest = fused::<FUSED>(whole, -LN2_LOW * step, rest);
                (shifted.to_bits(), rest)
            }

            /// Two to the power that the lowest bits hold, with the bias of exponents; that of a normal number.
            #[inline(always)]
            fn power_of_two(exponent: $bits) -> $float {
                $float::from_bits(exponent << MANTISSA)
            }

            /// `e^rest − 1`: the rest plus a smaller term, so little is lost.
            #[inline(always)]
            fn small_expm1<const FUSED: bool>(rest: $float) -> $float {
                let tail = polynomial::<FUSED, _>(rest, constants::EXPM1);
                fused::<FUSED>(rest * rest, tail, rest)
            }

            /// e to the power x.
            #[inline(always)]
            pub(crate) fn exp<const FUSED: bool>(x: $float) -> $float {
                // Beyond these the result is infinite or zero.
                let x = at_least(at_most(x, constants::EXP_MOST), constants::EXP_LEAST);
                let (twice, rest) = reduced::<FUSED>(x, 1.0, 2.0 * BIAS);
                // Two to the power k in two factors, each half of the exponent: alone it may lie beyond the normal numbers.
                let half = |twice: $bits| $float::from_bits((twice << (MANTISSA - 1)) & EXPONENT);
                let tail = polynomial::<FUSED, _>(rest, constants::EXPM1);
                let slope = fused::<FUSED>(tail, rest, 1.0);
                fused::<FUSED>(slope, rest, 1.0) * half(twice) * half(twice.wrapping_add(1))
            }

            /// e to the power x, less one.
            #[inline(always)]
            pub(crate) fn expm1<const FUSED: bool>(x: $float) -> $float {
                let bounded = at_least(at_most(x, constants::EXP_MOST), -constants::ONE_ABOVE);
                // Half of it: the scale alone may be infinite.
                let (exponent, rest) = reduced::<FUSED>(bounded, 1.0, BIAS - 1.0);
                let scale = power_of_two(exponent);
                let half = fused::<FUSED>(scale, small_expm1::<FUSED>(rest), scale - 0.5);
                (half + half).copysign(x)
            }

            /// `log(1 + f) + exponent · log 2`, for `1 + f` between √½ and √2: twice the area tangent of
            /// `f / (2 + f)`, arranged so that f itself is added last.
            #[inline(always)]
            fn log_sum<const FUSED: bool>(f: $float, exponent: $float) -> $float {
                let s = f / (2.0 + f);
                let square = s * s;
                let half = 0.5 * f * f;
                let tail = polynomial::<FUSED, _>(square, constants::LOG);
                let tail = fused::<FUSED>(square, tail, half);
                let low = fused::<FUSED>(s, tail, exponent * LN2_LOW) - half;
                fused::<FUSED>(exponent, LN2_HIGH, f + low)
            }

            /// Added to an exponent, so that none is negative, those of subnormal numbers included.
            const LIFT: $bits = 2 * (BIAS as $bits + 1);

            /// The exponent as a number, from bits that hold it with `LIFT` added.
            #[inline(always)]
            fn exponent(lifted: $bits) -> $float {
                // It becomes the lowest bits of a number whose other bits are known.
                let known = ((1 as $bits) << MANTISSA) as $float;
                $float::from_bits((lifted >> MANTISSA) | known.to_bits()) - (known + LIFT as $float)
            }

            /// The natural logarithm.
            #[inline(always)]
            pub(crate) fn log<const FUSED: bool>(x: $float) -> $float {
                const RAISED: u32 = MANTISSA + 2;
                let small = x < $float::MIN_POSITIVE;
                let normal = if small {
                    x * ((1 as $bits) << RAISED) as $float
                } else {
                    x
                };
                let moved = normal.to_bits().wrapping_sub(HALF_ROOT);
                let mantissa = $float::from_bits((moved & BELOW_POINT).wrapping_add(HALF_ROOT));
                let lift = (if small {
                    LIFT - $bits::from(RAISED)
                } else {
                    LIFT
                }) << MANTISSA;
                let value = log_sum::<FUSED>(mantissa - 1.0, exponent(moved.wrapping_add(lift)));
                let outside = if x < 0.0 { $float::NAN } else { x };
                let outside = if x == 0.0 {
                    $float::NEG_INFINITY
                } else {
                    outside
                };
                if x > 0.0 && x < $float::INFINITY {
                    value
                } else {
                    outside
                }
            }

            /// The natural logarithm of one more than x: what rounding the sum loses goes to the mantissa.
            #[inline(always)]
            pub(crate) fn log1p<const FUSED: bool>(x: $float) -> $float {
                let sum = 1.0 + x;
                let lost = x - (sum - 1.0);
                let moved = sum.to_bits().wrapping_sub(HALF_ROOT);
                let whole = moved & !BELOW_POINT;
                let mantissa = $float::from_bits(sum.to_bits().wrapping_sub(whole));
                // Where one is lost in the sum altogether, so is its scale; it must only stay a number.
                let most = (BIAS as $bits - 1) << MANTISSA;
                let bounded = whole.cast_signed().min(most.cast_signed()).cast_unsigned();
                let scale = $float::from_bits(ONE.to_bits().wrapping_sub(bounded));
                let f = fused::<FUSED>(lost, scale, mantissa - 1.0);
                let value =
                    log_sum::<FUSED>(f, exponent(moved.wrapping_add(LIFT << MANTISSA))).copysign(x);
                let outside = if x < -1.0 { $float::NAN } else { x };
                let outside = if x == -1.0 {
                    $float::NEG_INFINITY
                } else {
                    outside
                };
                if x > -1.0 && x < $float::INFINITY {
                    value
                } else {
                    outside
                }
            }

            /// The hyperbolic tangent: an odd polynomial around zero, further out `1 − 2 / (e^(2x) + 1)`.
            #[inline(always)]
            pub(crate) fn tanh<const FUSED: bool>(x: $float) -> $float {
                let magnitude = at_most(x.abs(), 0.5 * constants::ONE_ABOVE);
                let square = magnitude * magnitude;
                let near = polynomial::<FUSED, _>(square, constants::TANH);
                let near = fused::<FUSED>(magnitude * square, near, magnitude);
                let (exponent, rest) = reduced::<FUSED>(magnitude, 0.5, BIAS);
                let slope = polynomial::<FUSED, _>(rest, constants::EXP_OF_TWICE);
                let power = fused::<FUSED>(slope, rest, 1.0);
                let far = 1.0 - 2.0 / fused::<FUSED>(power_of_two(exponent), power, 1.0);
                if magnitude < 0.55 { near } else { far }.copysign(x)
            }

            /// The logistic function.
            #[inline(always)]
            pub(crate) fn sigmoid<const FUSED: bool>(x: $float) -> $float {
                // The scale and what is divided are smaller by this than they are: then no scale is beyond the normal
                // numbers, and only the last step rounds where the result is.
                const SHIFT: $float = constants::SIGMOID_SHIFT;
                const SHIFTED: $float = $float::from_bits(((BIAS + SHIFT) as $bits) << MANTISSA);
                let x = at_least(at_most(x, constants::ONE_ABOVE), constants::EXP_LEAST);
                let (exponent, rest) = reduced::<FUSED>(-x, 1.0, BIAS + SHIFT);
                let scale = power_of_two(exponent);
                // The scale last: it is the part that is exact where the others are rounded.
                SHIFTED / (fused::<FUSED>(scale, small_expm1::<FUSED>(rest), SHIFTED) + scale)
            }

            /// The error function: an odd polynomial around zero; further out its complement is the fourth power
            /// of a polynomial.
            #[inline(always)]
            pub(crate) fn erf<const FUSED: bool>(x: $float) -> $float {
                let magnitude = at_most(x.abs(), constants::ERF_ONE_ABOVE);
                let near = polynomial::<FUSED, _>(magnitude * magnitude, constants::ERF_NEAR);
                let near = fused::<FUSED>(magnitude, near, magnitude);
                let root = polynomial::<FUSED, _>(magnitude, constants::ERFC_ROOT);
                let square = root * root;
                let far = fused::<FUSED>(-square, square, 1.0);
                if magnitude < 1.0 { near } else { far }.copysign(x)
            }
        }
    };
}

functions!(float, f32, u32);
functions!(double, f64, u64);
