//! How wrong a computed function is: references that are better than what they judge, and errors in units of the
//! last place. Single precision is judged by functions in double precision, double precision by sums of two
//! doubles. Nothing here knows who computed the values.

/// The functions that are judged.
pub const NAMES: [&str; 9] = [
    "exp",
    "expm1",
    "log",
    "log1p",
    "tanh",
    "sigmoid",
    "erf",
    "sqrt",
    "reciprocal",
];

/// The function in double precision, good to a unit or so of a double's last place.
pub fn reference(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "exp" => f64::exp,
        "expm1" => f64::exp_m1,
        "log" => f64::ln,
        "log1p" => f64::ln_1p,
        "tanh" => f64::tanh,
        "sigmoid" => |x| {
            let power = (-x.abs()).exp();
            (if x < 0.0 { power } else { 1.0 }) / (1.0 + power)
        },
        "erf" => libm::erf,
        "sqrt" => f64::sqrt,
        "reciprocal" => f64::recip,
        _ => return None,
    })
}

/// The error of `found` in units of the last place of single precision at `exact`; infinite where one of them is
/// not a number, an infinity or zero of one sign and the other is not.
pub fn single_error(found: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if found.to_bits() == rounded.to_bits() || found.is_nan() && exact.is_nan() {
        return if rounded.is_finite() {
            (f64::from(found) - exact).abs() / single_unit(rounded)
        } else {
            0.0
        };
    }
    let zero = exact == 0.0;
    if exact.is_nan() || found.is_nan() || zero || exact.is_infinite() {
        return f64::INFINITY;
    }
    // An infinity counts as the number that would follow the greatest one.
    let found = if found.is_infinite() {
        2.0_f64.powi(128).copysign(f64::from(found))
    } else {
        f64::from(found)
    };
    (found - exact).abs() / single_unit(rounded)
}

/// The distance of a single-precision number to the next one away from zero.
fn single_unit(x: f32) -> f64 {
    let exponent = (x.abs().to_bits() >> 23).clamp(1, 254) as i32;
    2.0_f64.powi(exponent - 127 - 23)
}

/// An unevaluated sum of two doubles, times two to a power.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precise {
    high: f64,
    low: f64,
    exponent: i32,
}

/// The function as a sum of two doubles; only for finite arguments at which it is finite.
pub fn precise(name: &str, x: f64) -> Option<Precise> {
    let plain = |value: Double| Precise {
        high: value.high,
        low: value.low,
        exponent: 0,
    };
    if x.abs() < 1e-100 && ["expm1", "log1p", "tanh", "erf"].contains(&name) {
        // The first term of the series is all; larger than it is, so that none of its parts is subnormal.
        let slope = if name == "erf" {
            TWO_OVER_ROOT_PI
        } else {
            Double::from(1.0)
        };
        let lifted = slope.times(Double::from(scaled(x, 600)));
        return Some(Precise {
            high: lifted.high,
            low: lifted.low,
            exponent: -600,
        });
    }
    Some(match name {
        "exp" => Double::from(x).exp(),
        "expm1" => plain(Double::from(x.max(-100.0)).expm1()),
        "log" => {
            // Subnormal numbers are made normal first.
            let (x, lifted) = if x < f64::MIN_POSITIVE {
                (x * 2.0_f64.powi(60), 60)
            } else {
                (x, 0)
            };
            let bits = x.to_bits().wrapping_sub(HALF_ROOT);
            let exponent = (bits.cast_signed() >> 52) as i32;
            let mantissa = f64::from_bits(x.to_bits().wrapping_sub(bits & !((1 << 52) - 1)));
            let fraction = Double::sum(mantissa, -1.0).log1p();
            plain(
                LN2.times(Double::from(f64::from(exponent - lifted)))
                    .plus(fraction),
            )
        }
        "log1p" => {
            if x.abs() < 0.25 {
                plain(Double::from(x).log1p())
            } else {
                let sum = Double::sum(1.0, x);
                let first = sum.high.ln();
                // One step of Newton's method on the exponential.
                let back = sum.times(Double::from(-first).exp().value());
                let rest = back.plus(Double::from(-1.0));
                plain(Double::from(first).plus(rest.log1p()))
            }
        }
        "tanh" => {
            let power = Double::from(2.0 * x.clamp(-300.0, 300.0)).expm1();
            plain(power.over(power.plus(Double::from(2.0))))
        }
        "sigmoid" => {
            if x < -60.0 {
                return Some(Double::from(x).exp());
            }
            let power = Double::from(-x.min(200.0)).exp().value();
            plain(Double::from(1.0).over(power.plus(Double::from(1.0))))
        }
        "erf" => plain(Double::from(x).erf()),
        "sqrt" => {
            let root = x.sqrt();
            let rest = (-root).mul_add(root, x);
            let rest = if root > 0.0 { rest / (2.0 * root) } else { 0.0 };
            plain(Double::sum(root, rest))
        }
        _ => return None,
    })
}

/// The error of `found` in units of the last place of double precision at `exact`.
pub fn double_error(found: f64, exact: Precise) -> f64 {
    let high = scaled(exact.high, exact.exponent);
    let exponent = ((high.abs().to_bits() >> 52).clamp(1, 2046)) as i32;
    let unit = exponent - 1023 - 52;
    if !found.is_finite() {
        return if high.to_bits() == found.to_bits() {
            0.0
        } else {
            f64::INFINITY
        };
    }
    // Measured where neither the unit nor the parts are subnormal.
    let found = scaled(found, -exact.exponent);
    let difference = (found - exact.high) - exact.low;
    scaled(difference.abs(), exact.exponent - unit)
}

/// `x` times two to a power, in steps that are themselves numbers.
fn scaled(x: f64, exponent: i32) -> f64 {
    let third = exponent / 3;
    let steps = [third, third, exponent - 2 * third];
    steps.iter().fold(x, |x, step| x * 2.0_f64.powi(*step))
}

const HALF_ROOT: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
/// The natural logarithm of two.
const LN2: Double = Double {
    high: std::f64::consts::LN_2,
    low: 2.319_046_813_846_299_6e-17,
};
/// Two over the root of π.
const TWO_OVER_ROOT_PI: Double = Double {
    high: std::f64::consts::FRAC_2_SQRT_PI,
    low: 1.533_545_961_316_588e-17,
};

/// A sum of two doubles of which the second is less than half a unit of the first's last place (Dekker 1971).
#[derive(Debug, Clone, Copy)]
struct Double {
    high: f64,
    low: f64,
}

impl From<f64> for Double {
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

impl Double {
    /// `x + y` without error.
    fn sum(x: f64, y: f64) -> Self {
        let high = x + y;
        let back = high - x;
        let low = (x - (high - back)) + (y - back);
        Self { high, low }
    }

    fn plus(self, other: Self) -> Self {
        let high = Self::sum(self.high, other.high);
        let low = Self::sum(self.low, other.low);
        let first = Self::sum(high.high, high.low + low.high);
        Self::sum(first.high, first.low + low.low)
    }

    fn minus(self, other: Self) -> Self {
        self.plus(other.scaled(-1.0))
    }

    fn times(self, other: Self) -> Self {
        let high = self.high * other.high;
        let lost = self.high.mul_add(other.high, -high);
        Self::sum(high, lost + (self.high * other.low + self.low * other.high))
    }

    fn over(self, other: Self) -> Self {
        let first = self.high / other.high;
        let rest = self.minus(other.times(Self::from(first)));
        let second = rest.high / other.high;
        let rest = rest.minus(other.times(Self::from(second)));
        Self::sum(first, second).plus(Self::from(rest.high / other.high))
    }

    /// Times a power of two or a sign.
    fn scaled(self, factor: f64) -> Self {
        Self {
            high: self.high * factor,
            low: self.low * factor,
        }
    }

    /// `x = k log 2 + r`: k and `e^r − 1`, by a series for `r / 256` and eight doublings.
    fn reduced(self) -> (i32, Self) {
        let whole = (self.high / std::f64::consts::LN_2).round();
        let rest = self.minus(LN2.times(Self::from(whole))).scaled(1.0 / 256.0);
        let mut term = rest;
        let mut sum = rest;
        for order in 2..14 {
            term = term.times(rest).over(Self::from(f64::from(order)));
            sum = sum.plus(term);
        }
        for _ in 0..8 {
            sum = sum.times(sum).plus(sum.scaled(2.0));
        }
        (whole as i32, sum)
    }

    fn exp(self) -> Precise {
        let (exponent, rest) = self.reduced();
        let value = rest.plus(Self::from(1.0));
        Precise {
            high: value.high,
            low: value.low,
            exponent,
        }
    }

    fn expm1(self) -> Self {
        let (exponent, rest) = self.reduced();
        if exponent == 0 {
            return rest;
        }
        // In two steps: the scale alone may be infinite.
        let half = 2.0_f64.powi(exponent - 1);
        let value = rest.plus(Self::from(1.0)).scaled(half);
        value.minus(Self::from(0.5)).scaled(2.0)
    }

    /// The logarithm of one more, near zero: a step of Newton's method on `e^y − 1`.
    fn log1p(self) -> Self {
        let first = Self::from(self.high.ln_1p());
        let power = first.expm1();
        let rest = self.minus(power).over(power.plus(Self::from(1.0)));
        first.plus(rest)
    }

    /// `2/√π e^(−x²) Σ 2^n x^(2n+1) / (2n+1)!!`: all terms have one sign.
    fn erf(self) -> Self {
        if self.high.abs() > 6.5 {
            return Self::from(1.0_f64.copysign(self.high));
        }
        let square = self.times(self);
        let mut term = self;
        let mut sum = self;
        let mut odd = 1.0;
        while term.high.abs() > sum.high.abs() * 1e-34 {
            odd += 2.0;
            term = term.times(square).scaled(2.0).over(Self::from(odd));
            sum = sum.plus(term);
        }
        let power = square.scaled(-1.0).exp().value();
        TWO_OVER_ROOT_PI.times(power).times(sum)
    }
}

impl Precise {
    /// The value, where it and its parts are normal numbers.
    fn value(self) -> Double {
        Double {
            high: scaled(self.high, self.exponent),
            low: scaled(self.low, self.exponent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NAMES, double_error, precise, reference, single_error};

    #[test]
    fn both_references_agree() {
        let mut x = 1e-9;
        while x < 700.0 {
            for x in [x, -x] {
                for name in NAMES {
                    let (Some(reference), Some(exact)) = (reference(name), precise(name, x)) else {
                        continue;
                    };
                    let value = reference(x);
                    if value.is_nan() {
                        continue;
                    }
                    let error = double_error(value, exact);
                    assert!(error < 2.0, "{name}({x}): {value:e}, {error} units");
                }
            }
            x *= 1.037;
        }
    }

    #[test]
    fn errors_are_in_units_of_the_last_place() {
        let next = f32::from_bits(1.0_f32.to_bits() + 3);
        assert!((single_error(next, 1.0) - 3.0).abs() < 1e-9);
        assert!(single_error(f32::NAN, 1.0).is_infinite());
        assert!(single_error(-0.0, 0.0).is_infinite());
        assert!((single_error(f32::INFINITY, f64::from(f32::MAX)) - 1.0).abs() < 1e-9);
        let Some(one) = precise("exp", 0.0) else {
            panic!("the exponential has a reference");
        };
        assert!((double_error(1.0 + 2.0 * f64::EPSILON, one) - 2.0).abs() < 1e-9);
    }
}
