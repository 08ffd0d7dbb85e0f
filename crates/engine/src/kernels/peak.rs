//! What one core can do at most, measured: chains of fused multiply-adds that fill its registers, and a pass over
//! arrays that no cache holds. Nothing here computes anything that is used.

use std::hint::black_box;

/// Vectors in flight: more than the latency of a fused multiply-add times how many start in a cycle, and few enough
/// for 16 registers.
const CHAINS: usize = 12;

/// Runs `rounds` multiply-adds in each chain; the number of floating-point operations that were done.
pub type Chains = fn(rounds: usize) -> u64;

macro_rules! chains {
    ($name:ident, $feature:literal, $type:ty, $lanes:literal, $set:ident, $fma:ident) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $feature)]
        fn $name(rounds: usize) -> u64 {
            use std::arch::x86_64::{$fma, $set};
            let (factor, addend) = ($set(black_box(0.5)), $set(black_box(0.25)));
            let mut sums = [$set(black_box(1.0)); CHAINS];
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = $fma(*sum, factor, addend);
                }
            }
            black_box(sums);
            (2 * $lanes * CHAINS * rounds) as u64
        }
    };
}

chains!(
    wide_single,
    "avx512f",
    f32,
    16,
    _mm512_set1_ps,
    _mm512_fmadd_ps
);
chains!(
    wide_double,
    "avx512f",
    f64,
    8,
    _mm512_set1_pd,
    _mm512_fmadd_pd
);
chains!(single, "avx2,fma", f32, 8, _mm256_set1_ps, _mm256_fmadd_ps);
chains!(double, "avx2,fma", f64, 4, _mm256_set1_pd, _mm256_fmadd_pd);

macro_rules! portable {
    ($name:ident, $type:ty, $lanes:literal) => {
        /// For processors without those instructions: as many as the compiler makes of plain arithmetic.
        fn $name(rounds: usize) -> u64 {
            let (factor, addend): ($type, $type) = (black_box(0.5), black_box(0.25));
            let mut sums = [black_box::<$type>(1.0); CHAINS * $lanes];
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = *sum * factor + addend;
                }
            }
            black_box(sums);
            (2 * $lanes * CHAINS * rounds) as u64
        }
    };
}

portable!(portable_single, f32, 4);
portable!(portable_double, f64, 2);

/// What is timed in one precision.
#[derive(Debug, Clone, Copy)]
pub struct Limits<T> {
    /// The widest chains that this processor has.
    pub chains: Chains,
    /// Adds two arrays into a third.
    pub stream: fn(&[T], &[T], &mut [T]),
}

macro_rules! limits {
    ($name:ident, $type:ty, $wide:ident, $narrow:ident, $portable:ident) => {
        /// What is timed in this precision.
        pub(crate) fn $name() -> Limits<$type> {
            fn stream(first: &[$type], second: &[$type], sum: &mut [$type]) {
                for ((sum, first), second) in sum.iter_mut().zip(first).zip(second) {
                    *sum = first + second;
                }
            }
            let mut chains: Chains = $portable;
            #[cfg(target_arch = "x86_64")]
            {
                if is_x86_feature_detected!("avx512f") {
                    // SAFETY: the feature was detected.
                    chains = |rounds| unsafe { $wide(rounds) };
                } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: the features were detected.
                    chains = |rounds| unsafe { $narrow(rounds) };
                }
            }
            Limits { chains, stream }
        }
    };
}

limits!(single_limits, f32, wide_single, single, portable_single);
limits!(double_limits, f64, wide_double, double, portable_double);
