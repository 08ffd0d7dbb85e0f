//! One element of each special function. No loops and no choice of instruction set: `FUSED` says whether
//! `mul_add` is one instruction; without it `mul_add` would be a library call.

#![allow(
    clippy::inline_always,
    reason = "these must be compiled into each kernel, with its instruction set"
)]

/// Functions in single precision.
pub(super) mod float {
    /// `x * y + z`
    #[inline(always)]
    pub(crate) fn fused<const FUSED: bool>(x: f32, y: f32, z: f32) -> f32 {
        if FUSED { x.mul_add(y, z) } else { x * y + z }
    }
    #[inline(always)]
    pub(crate) fn exp<const FUSED: bool>(x: f32) -> f32 {
        x.exp()
    }
    #[inline(always)]
    pub(crate) fn log<const FUSED: bool>(x: f32) -> f32 {
        x.ln()
    }
    #[inline(always)]
    pub(crate) fn tanh<const FUSED: bool>(x: f32) -> f32 {
        x.tanh()
    }
    #[inline(always)]
    pub(crate) fn sigmoid<const FUSED: bool>(x: f32) -> f32 {
        1.0 / (1.0 + (-x).exp())
    }
    #[inline(always)]
    pub(crate) fn erf<const FUSED: bool>(x: f32) -> f32 {
        super::double::erf::<FUSED>(f64::from(x)) as f32
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
