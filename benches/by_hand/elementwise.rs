//! The element-wise parts of the step written by hand: bias and activation in one pass, cross-entropy with a lane for each sample. Each loop is a value whose `with_simd` `pulp` compiles for the processor's vector instructions: a closure would be
//! called instead of compiled in. Nothing here multiplies matrices.

#![allow(
    clippy::inline_always,
    reason = "these must be compiled into each loop, with its instruction set"
)]

use pulp::{Simd, WithSimd};

use super::Activation;

/// Numbers of a vector.
pub const LANES: usize = 16;

/// e to the power x for numbers up to 88: a power of two, and Taylor's polynomial within half a binary logarithm of zero.
#[inline(always)]
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let rest = whole.mul_add(-std::f32::consts::LN_2, x);
    let mut value = 1.0 / 720.0;
    for coefficient in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        value = rest.mul_add(value, coefficient);
    }
    // Adding to the exponent's bits multiplies by a power of two.
    f32::from_bits(value.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// The natural logarithm of a number from 1 upwards: 2 artanh((m − 1) / (m + 1)) of the mantissa m between √½ and √2.
#[inline(always)]
fn log(x: f32) -> f32 {
    let shifted = x.to_bits().wrapping_sub(0x3f35_04f3) as i32 >> 23;
    let mantissa = f32::from_bits(x.to_bits().wrapping_sub((shifted << 23) as u32));
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let mut value = 2.0 / 9.0;
    for coefficient in [2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0, 2.0] {
        value = square.mul_add(value, coefficient);
    }
    (shifted as f32).mul_add(std::f32::consts::LN_2, ratio * value)
}

/// Adds the bias to each row and takes the hyperbolic tangent.
pub struct Tanh<'a> {
    pub bias: &'a [f32],
    pub rows: &'a mut [f32],
}

impl WithSimd for Tanh<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.rows.chunks_exact_mut(self.bias.len()) {
            for (value, bias) in row.iter_mut().zip(self.bias) {
                let power = exp(2.0 * (*value + bias));
                *value = 1.0 - 2.0 / (power + 1.0);
            }
        }
    }
}

/// Adds the bias to each row and takes the greater of it and zero.
pub struct Relu<'a> {
    pub bias: &'a [f32],
    pub rows: &'a mut [f32],
}

impl WithSimd for Relu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.rows.chunks_exact_mut(self.bias.len()) {
            for (value, bias) in row.iter_mut().zip(self.bias) {
                *value = (*value + bias).max(0.0);
            }
        }
    }
}

/// Adds the bias to each row and takes `x Φ(x)` of it; its derivative `Φ(x) + x φ(x)` shares the exponential. The error function is
/// good to 1.5e-7 (Abramowitz and Stegun 1964, 7.1.26).
pub struct Gelu<'a> {
    pub bias: &'a [f32],
    pub rows: &'a mut [f32],
    pub derivatives: &'a mut [f32],
}

impl WithSimd for Gelu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        const FRAC_1_SQRT_TAU: f32 = 0.398_942_3;
        let width = self.bias.len();
        let derivatives = self.derivatives.chunks_exact_mut(width);
        for (row, derivatives) in self.rows.chunks_exact_mut(width).zip(derivatives) {
            for ((value, derivative), bias) in row.iter_mut().zip(derivatives).zip(self.bias) {
                let x = *value + bias;
                let scaled = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
                let t = 1.0 / scaled.mul_add(0.327_591_1, 1.0);
                let mut tail = 1.061_405_4_f32;
                for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
                    tail = tail.mul_add(t, coefficient);
                }
                let power = exp(-scaled * scaled);
                // Half of what the error function lacks to one.
                let beyond = 0.5 * t * tail * power;
                let below = if x < 0.0 { beyond } else { 1.0 - beyond };
                *value = x * below;
                *derivative = (x * FRAC_1_SQRT_TAU).mul_add(power, below);
            }
        }
    }
}

/// Multiplies the cotangent by the activation's derivative, given itself or by the activation, and adds up its columns.
pub struct Backward<'a> {
    pub activation: Activation,
    pub values: &'a [f32],
    pub cotangent: &'a mut [f32],
    pub sums: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        match self.activation {
            Activation::Tanh => self.multiply(|value| (-value).mul_add(value, 1.0)),
            Activation::Relu => self.multiply(|value| if value > 0.0 { 1.0 } else { 0.0 }),
            Activation::Gelu => self.multiply(|value| value),
        }
    }
}

impl Backward<'_> {
    #[inline(always)]
    fn multiply(self, derivative: impl Fn(f32) -> f32) {
        let width = self.sums.len();
        self.sums.fill(0.0);
        let values = self.values.chunks_exact(width);
        for (row, values) in self.cotangent.chunks_exact_mut(width).zip(values) {
            for ((slot, value), sum) in row.iter_mut().zip(values).zip(&mut *self.sums) {
                *slot *= derivative(*value);
                *sum += *slot;
            }
        }
    }
}

/// Lays columns of rows out as rows, in squares that fit into registers.
pub struct Transpose<'a> {
    /// Rows of `width` numbers.
    pub values: &'a [f32],
    pub width: usize,
    /// The first of the columns.
    pub from: usize,
    /// A row for each column, as many as there is room for.
    pub transposed: &'a mut [f32],
}

impl WithSimd for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let count = self.values.len() / self.width;
        let columns = self.transposed.len() / count;
        for (block, targets) in self.transposed.chunks_mut(LANES * count).enumerate() {
            let first = self.from + block * LANES;
            let taken = LANES.min(columns - block * LANES);
            for (square, rows) in self.values.chunks(LANES * self.width).enumerate() {
                let mut tile = [[0.0_f32; LANES]; LANES];
                for (lane, row) in rows.chunks_exact(self.width).enumerate() {
                    for (tile, value) in tile.iter_mut().zip(&row[first..first + taken]) {
                        tile[lane] = *value;
                    }
                }
                let height = rows.len() / self.width;
                for (target, tile) in targets.chunks_exact_mut(count).zip(&tile) {
                    let start = square * LANES;
                    target[start..start + height].copy_from_slice(&tile[..height]);
                }
            }
        }
    }
}

/// The loss of some samples, the cotangent of their scores and its rows' sums; scores and cotangent are classes × samples: every sample is a
/// lane, and nothing depends on the number of classes.
pub struct CrossEntropy<'a> {
    pub bias: &'a [f32],
    pub labels: &'a [u32],
    pub scale: f32,
    pub scores: &'a mut [f32],
    pub cotangent: &'a mut [f32],
    pub sums: &'a mut [f32],
    /// Room for two numbers for each sample.
    pub scratch: &'a mut [f32],
}

impl WithSimd for CrossEntropy<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        let count = self.labels.len();
        let (greatest, total) = self.scratch.split_at_mut(count);
        greatest.fill(f32::MIN);
        total.fill(0.0);
        for (scores, bias) in self.scores.chunks_exact_mut(count).zip(self.bias) {
            for (score, greatest) in scores.iter_mut().zip(&mut *greatest) {
                *score += bias;
                *greatest = greatest.max(*score);
            }
        }
        let scores = self.scores.chunks_exact(count);
        for (powers, scores) in self.cotangent.chunks_exact_mut(count).zip(scores) {
            let samples = powers.iter_mut().zip(scores);
            for (((power, score), greatest), total) in samples.zip(&*greatest).zip(&mut *total) {
                *power = exp(score - greatest);
                *total += *power;
            }
        }
        for (greatest, total) in greatest.iter_mut().zip(&mut *total) {
            *greatest += log(*total);
            *total = self.scale / *total;
        }
        for (row, sum) in self.cotangent.chunks_exact_mut(count).zip(&mut *self.sums) {
            for (slot, factor) in row.iter_mut().zip(&*total) {
                *slot *= factor;
            }
            *sum = add(row);
        }
        let mut loss = 0.0;
        for (sample, (label, logarithm)) in self.labels.iter().zip(&*greatest).enumerate() {
            let label = *label as usize;
            loss += logarithm - self.scores[label * count + sample];
            self.cotangent[label * count + sample] -= self.scale;
            self.sums[label] -= self.scale;
        }
        loss * self.scale
    }
}

/// The sum of a row, as many partial sums side by side.
#[inline(always)]
fn add(row: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let blocks = row.chunks_exact(LANES);
    let rest: f32 = blocks.remainder().iter().sum();
    for block in blocks {
        for (sum, value) in sums.iter_mut().zip(block) {
            *sum += value;
        }
    }
    sums.iter().sum::<f32>() + rest
}
