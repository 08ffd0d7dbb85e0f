//! One element of each special function. No loops and no choice of instruction set: `FUSED` says whether
//! `mul_add` is one instruction; without it `mul_add` would be a library call.

#![allow(
    clippy::inline_always,
    reason = "these must be compiled into each kernel, with its instruction set"
)]

/// Functions in single precision: polynomials of least greatest error, without branches, so that a loop over
/// them becomes vector instructions.
pub(super) mod float {
    use std::f32::consts::LOG2_E;

    /// Natural logarithm of two in two parts; the first has few enough bits that small multiples are exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    /// Adding it rounds to a whole number, which is then found in the lowest bits.
    const ROUND: f32 = 12_582_912.0;

    /// `x * y + z`
    #[inline(always)]
    pub(crate) fn fused<const FUSED: bool>(x: f32, y: f32, z: f32) -> f32 {
        if FUSED { x.mul_add(y, z) } else { x * y + z }
    }

    /// The polynomial with these coefficients, the constant first.
    #[inline(always)]
    fn polynomial<const FUSED: bool, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
        let mut value = coefficients[N - 1];
        let mut place = N - 1;
        while place > 0 {
            place -= 1;
            value = fused::<FUSED>(value, x, coefficients[place]);
        }
        value
    }

    /// Two to the power of a whole number in the range of normal numbers.
    #[inline(always)]
    fn power_of_two(exponent: i32) -> f32 {
        f32::from_bits((exponent.wrapping_add(127) as u32) << 23)
    }

    /// For x within the range of single precision: a whole k and `e^r − 1` with `x = k log 2 + r`, where r is at
    /// most half a binary logarithm from zero. The second part is `r` plus a small term, so little is lost.
    #[inline(always)]
    fn reduced<const FUSED: bool>(x: f32) -> (i32, f32) {
        let shifted = fused::<FUSED>(x, LOG2_E, ROUND);
        let whole = shifted - ROUND;
        let exponent = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
        let rest = fused::<FUSED>(whole, -LN2_HIGH, x);
        let rest = fused::<FUSED>(whole, -LN2_LOW, rest);
        let tail = polynomial::<FUSED, 5>(
            rest,
            [
                0.5,
                0.166_665_12,
                0.041_666_187,
                0.008_369_599,
                0.001_395_172,
            ],
        );
        (exponent, fused::<FUSED>(rest * rest, tail, rest))
    }

    /// e to the power x.
    #[inline(always)]
    pub(crate) fn exp<const FUSED: bool>(x: f32) -> f32 {
        // Beyond these the result is infinite or zero; comparisons leave what is not a number as it is.
        let x = if x > 89.0 { 89.0 } else { x };
        let x = if x < -104.0 { -104.0 } else { x };
        let (exponent, value) = reduced::<FUSED>(x);
        // In two steps: the scale alone may lie beyond the normal numbers.
        let half = exponent >> 1;
        (1.0 + value) * power_of_two(half) * power_of_two(exponent.wrapping_sub(half))
    }

    /// e to the power x, less one.
    #[inline(always)]
    pub(crate) fn expm1<const FUSED: bool>(x: f32) -> f32 {
        let bounded = if x > 88.0 { 88.0 } else { x };
        let bounded = if bounded < -80.0 { -80.0 } else { bounded };
        let (exponent, value) = reduced::<FUSED>(bounded);
        let scale = power_of_two(exponent);
        let near = fused::<FUSED>(value, scale, scale - 1.0).copysign(x);
        if x > 88.0 { exp::<FUSED>(x) } else { near }
    }

    /// The natural logarithm of one more than x: what rounding the sum loses is added.
    #[inline(always)]
    pub(crate) fn log1p<const FUSED: bool>(x: f32) -> f32 {
        let sum = 1.0 + x;
        let lost = x - (sum - 1.0);
        let value = log::<FUSED>(sum) + lost / sum;
        let value = if sum > 0.0 && x < f32::INFINITY {
            value
        } else {
            log::<FUSED>(sum)
        };
        if x.abs() < 1e-8 { x } else { value }
    }

    /// The natural logarithm.
    #[inline(always)]
    pub(crate) fn log<const FUSED: bool>(x: f32) -> f32 {
        let small = x < f32::MIN_POSITIVE;
        let scaled = if small { x * 8_388_608.0 } else { x };
        let correction = if small { -23.0 } else { 0.0 };
        // The mantissa between √½ and √2.
        let bits = scaled.to_bits() as i32;
        let shifted = bits.wrapping_sub(0x3f35_04f3);
        let exponent = shifted >> 23;
        let mantissa = f32::from_bits(bits.wrapping_sub(exponent << 23) as u32);
        let exponent = exponent as f32 + correction;
        let f = mantissa - 1.0;
        let tail = polynomial::<FUSED, 9>(
            f,
            [
                0.333_333_13,
                -0.250_000_1,
                0.200_021_19,
                -0.166_679_95,
                0.142_195_54,
                -0.124_055_95,
                0.118_881_606,
                -0.116_756_14,
                0.067_465_98,
            ],
        );
        let square = f * f;
        let low = fused::<FUSED>(square * f, tail, exponent * LN2_LOW);
        let low = fused::<FUSED>(square, -0.5, low);
        let value = fused::<FUSED>(exponent, LN2_HIGH, f + low);
        let value = if x == f32::INFINITY { x } else { value };
        let value = if x == 0.0 { f32::NEG_INFINITY } else { value };
        // Below zero, and where x is not a number.
        if x >= 0.0 { value } else { f32::NAN }
    }

    /// The hyperbolic tangent.
    #[inline(always)]
    pub(crate) fn tanh<const FUSED: bool>(x: f32) -> f32 {
        let magnitude = x.abs();
        let square = x * x;
        let near = polynomial::<FUSED, 5>(
            square,
            [
                -0.333_332_84,
                0.133_314_91,
                -0.053_743_497,
                0.020_650_586,
                -0.005_717_044,
            ],
        );
        let near = fused::<FUSED>(x * square, near, x).copysign(x);
        let far = 1.0 - 2.0 / (exp::<FUSED>(2.0 * magnitude) + 1.0);
        if magnitude < 0.625 {
            near
        } else {
            far.copysign(x)
        }
    }

    /// The logistic function.
    #[inline(always)]
    pub(crate) fn sigmoid<const FUSED: bool>(x: f32) -> f32 {
        let power = exp::<FUSED>(-x.abs());
        let above = if x < 0.0 { power } else { 1.0 };
        above / (1.0 + power)
    }

    /// The error function: a polynomial around zero, further out one minus an exponential.
    #[inline(always)]
    pub(crate) fn erf<const FUSED: bool>(x: f32) -> f32 {
        let magnitude = x.abs();
        let near = polynomial::<FUSED, 7>(
            x * x,
            [
                0.128_379_17,
                -0.376_126_26,
                0.112_836,
                -0.026_854_444,
                0.005_189_535_7,
                -8.020_842e-4,
                7.888_923e-5,
            ],
        );
        let near = fused::<FUSED>(x, near, x).copysign(x);
        let bounded = if magnitude > 4.0 { 4.0 } else { magnitude };
        let slope = polynomial::<FUSED, 7>(
            bounded,
            [
                0.128_637_08,
                0.635_198_06,
                0.106_159_054,
                -0.023_694_573,
                0.003_610_345,
                -3.148_588_3e-4,
                1.043_318_4e-5,
            ],
        );
        let far = 1.0 - exp::<FUSED>(-fused::<FUSED>(bounded, slope, bounded));
        let far = if magnitude > 4.0 { 1.0 } else { far };
        // What is not a number takes the first branch, and stays so.
        if magnitude >= 1.0 {
            far.copysign(x)
        } else {
            near
        }
    }
}

/// Functions in double precision.
pub(super) mod double {
    /// `x * y + z`
    #[inline(always)]
    pub(crate) fn fused<const FUSED: bool>(x: f64, y: f64, z: f64) -> f64 {
        if FUSED { x.mul_add(y, z) } else { x * y + z }
    }

    /// e to the power x.
    #[inline(always)]
    pub(crate) fn exp<const FUSED: bool>(x: f64) -> f64 {
        x.exp()
    }

    /// e to the power x, less one.
    #[inline(always)]
    pub(crate) fn expm1<const FUSED: bool>(x: f64) -> f64 {
        x.exp_m1()
    }

    /// The natural logarithm of one more than x.
    #[inline(always)]
    pub(crate) fn log1p<const FUSED: bool>(x: f64) -> f64 {
        x.ln_1p()
    }

    /// The natural logarithm.
    #[inline(always)]
    pub(crate) fn log<const FUSED: bool>(x: f64) -> f64 {
        x.ln()
    }

    /// The hyperbolic tangent.
    #[inline(always)]
    pub(crate) fn tanh<const FUSED: bool>(x: f64) -> f64 {
        x.tanh()
    }

    /// The logistic function.
    #[inline(always)]
    pub(crate) fn sigmoid<const FUSED: bool>(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    /// The error function: its series where that converges fast, else a continued fraction.
    pub(crate) fn erf<const FUSED: bool>(x: f64) -> f64 {
        let magnitude = x.abs();
        if x.is_nan() {
            return x;
        }
        if magnitude < 2.5 {
            // 2/√π e^(−x²) Σ 2^n x^(2n+1) / (2n+1)!!, all terms of one sign.
            let square = x * x;
            let mut term = x;
            let mut sum = x;
            let mut odd = 1.0;
            while term.abs() > sum.abs() * 1e-17 {
                odd += 2.0;
                term *= 2.0 * square / odd;
                sum += term;
            }
            return std::f64::consts::FRAC_2_SQRT_PI * (-square).exp() * sum;
        }
        if magnitude > 6.0 {
            return 1.0_f64.copysign(x);
        }
        // erfc(x) = e^(−x²)/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + …)))), from the far end.
        let mut fraction = magnitude;
        for step in (1..=120).rev() {
            fraction = magnitude + f64::from(step) * 0.5 / fraction;
        }
        let scale = std::f64::consts::FRAC_2_SQRT_PI * 0.5;
        let complement = (-magnitude * magnitude).exp() * scale / fraction;
        (1.0 - complement).copysign(x)
    }
}

#[cfg(test)]
mod tests {
    use super::{double, float};

    /// The greatest error in units of the last place over every `stride`-th single-precision number in a range.
    fn worst(low: f32, high: f32, stride: usize, f: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        let mut worst = 0.0_f64;
        let bits = |x: f32| {
            let bits = x.to_bits() as i32;
            if bits < 0 { i32::MIN - bits } else { bits }
        };
        for ordered in (bits(low)..=bits(high)).step_by(stride) {
            let raw = if ordered < 0 {
                i32::MIN - ordered
            } else {
                ordered
            };
            let x = f32::from_bits(raw as u32);
            let value = exact(f64::from(x));
            let rounded = value as f32;
            let spacing =
                f64::from(f32::from_bits(rounded.abs().to_bits() + 1)) - f64::from(rounded.abs());
            let error = (f64::from(f(x)) - value).abs() / spacing;
            assert!(error.is_finite(), "{x}: {}", f(x));
            worst = worst.max(error);
        }
        worst
    }

    #[test]
    fn single_precision_is_good_to_few_units_of_the_last_place() {
        let stride = 4_999;
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        let errors = [
            (
                "exp",
                1.1,
                worst(-103.0, 88.7, stride, float::exp::<true>, f64::exp),
            ),
            (
                "expm1",
                2.0,
                worst(-80.0, 88.7, stride, float::expm1::<true>, f64::exp_m1),
            ),
            (
                "log1p",
                2.0,
                worst(-0.9999, f32::MAX, stride, float::log1p::<true>, f64::ln_1p),
            ),
            (
                "log",
                0.9,
                worst(1e-45, f32::MAX, stride, float::log::<true>, f64::ln),
            ),
            (
                "tanh",
                1.4,
                worst(-20.0, 20.0, stride, float::tanh::<true>, f64::tanh),
            ),
            (
                "sigmoid",
                2.2,
                worst(-87.0, 50.0, stride, float::sigmoid::<true>, logistic),
            ),
            (
                "erf",
                1.3,
                worst(-5.0, 5.0, stride, float::erf::<true>, double::erf::<true>),
            ),
            (
                "exp, not fused",
                1.1,
                worst(-103.0, 88.7, stride, float::exp::<false>, f64::exp),
            ),
            (
                "log, not fused",
                0.9,
                worst(1e-45, f32::MAX, stride, float::log::<false>, f64::ln),
            ),
            (
                "tanh, not fused",
                1.4,
                worst(-20.0, 20.0, stride, float::tanh::<false>, f64::tanh),
            ),
            (
                "erf, not fused",
                1.3,
                worst(-5.0, 5.0, stride, float::erf::<false>, double::erf::<false>),
            ),
        ];
        for (name, bound, error) in errors {
            assert!(error < bound, "{name}: {error}");
        }
    }

    /// A function and its values at −∞, −0, 0 and ∞.
    type Row = (fn(f32) -> f32, [f32; 4]);

    #[test]
    fn single_precision_at_special_values() {
        let inf = f32::INFINITY;
        let table: [Row; 7] = [
            (float::expm1::<true>, [-1.0, -0.0, 0.0, inf]),
            (float::log1p::<true>, [f32::NAN, -0.0, 0.0, inf]),
            (float::exp::<true>, [0.0, 1.0, 1.0, inf]),
            (float::log::<true>, [f32::NAN, -inf, -inf, inf]),
            (float::tanh::<true>, [-1.0, -0.0, 0.0, 1.0]),
            (float::sigmoid::<true>, [0.0, 0.5, 0.5, 1.0]),
            (float::erf::<true>, [-1.0, -0.0, 0.0, 1.0]),
        ];
        for (f, values) in table {
            for (x, value) in [-inf, -0.0, 0.0, inf].into_iter().zip(values) {
                let found = f(x);
                assert!(
                    found.to_bits() == value.to_bits() || found.is_nan() && value.is_nan(),
                    "at {x}: {found} instead of {value}"
                );
            }
            assert!(f(f32::NAN).is_nan());
        }
        assert!(float::log::<true>(-1.0).is_nan());
        assert_eq!(float::exp::<true>(200.0).to_bits(), inf.to_bits());
        assert_eq!(float::exp::<true>(-200.0).to_bits(), 0);
    }

    #[test]
    fn the_double_error_function_agrees_with_its_known_values() {
        // To sixteen digits, from tables.
        for (x, value) in [
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (3.0, 0.999_977_909_503_001_4),
        ] {
            let found = double::erf::<true>(x);
            assert!((found - value).abs() < 4e-16, "erf({x}) = {found}");
            assert_eq!(double::erf::<true>(-x).to_bits(), (-found).to_bits());
        }
    }
}
