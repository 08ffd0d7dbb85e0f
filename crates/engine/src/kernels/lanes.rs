//! Numbers that go through a function in step: one at a time, for loops that the compiler turns into vectors, or several
//! vectors of AVX-512. Functions are written once, over these. Nothing here knows a function.

#![allow(
    clippy::inline_always,
    reason = "these must be compiled into each kernel, with its instruction set"
)]

use std::ops::{Add, Div, Mul, Neg, Sub};

/// Numbers of the precision `Float`, each with its `Bits`.
pub(super) trait Lanes<Float, Bits>:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The bits of all of them.
    type Whole: Whole<Bits>;
    /// The same number everywhere.
    fn of(number: Float) -> Self;
    /// `self * factor + summand`, rounded once where the processor can.
    fn fused(self, factor: Self, summand: Self) -> Self;
    /// The smaller one; what is not a number stays so.
    fn at_most(self, bound: Float) -> Self;
    /// The greater one; what is not a number stays so.
    fn at_least(self, bound: Float) -> Self;
    /// Without its sign.
    fn magnitude(self) -> Self;
    /// With the sign of another.
    fn signed_as(self, other: Self) -> Self;
    /// `yes` where it is below `bound`, else `no`.
    fn below(self, bound: Self, yes: Self, no: Self) -> Self;
    /// `yes` where it is equal to `number`, else `no`.
    fn equal(self, number: Float, yes: Self, no: Self) -> Self;
    /// Times two to a whole power, rounded once, also where that power alone is beyond the normal numbers; `twice` ends in
    /// the bits of `power` and of twice the bias of exponents, added up.
    fn times_two_to(self, power: Self, twice: Self::Whole) -> Self;
    /// Its bits.
    fn bits(self) -> Self::Whole;
    /// The number with these bits.
    fn from_bits(bits: Self::Whole) -> Self;
}

/// Bits of numbers, taken as whole numbers that wrap around.
pub(super) trait Whole<Bits>: Copy {
    /// The same bits everywhere.
    fn of(bits: Bits) -> Self;
    /// The sum.
    fn plus(self, other: Self) -> Self;
    /// The difference.
    fn minus(self, other: Self) -> Self;
    /// The bits of both.
    fn and(self, other: Self) -> Self;
    /// The bits of either.
    fn or(self, other: Self) -> Self;
    /// So many places up.
    fn up<const N: u32>(self) -> Self;
    /// So many places down; zeros follow.
    fn down<const N: u32>(self) -> Self;
    /// The smaller one, both with a sign.
    fn at_most(self, other: Self) -> Self;
}

/// One number; `FUSED` says whether `mul_add` is one instruction: without it, it would be a library call.
#[derive(Clone, Copy)]
pub(super) struct One<Float, const FUSED: bool>(pub Float);

macro_rules! one {
    ($float:ident, $bits:ident) => {
        one!(@operator $float, Add, add);
        one!(@operator $float, Sub, sub);
        one!(@operator $float, Mul, mul);
        one!(@operator $float, Div, div);

        impl<const FUSED: bool> Neg for One<$float, FUSED> {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl<const FUSED: bool> Lanes<$float, $bits> for One<$float, FUSED> {
            type Whole = $bits;
            #[inline(always)]
            fn of(number: $float) -> Self {
                Self(number)
            }
            #[inline(always)]
            fn fused(self, factor: Self, summand: Self) -> Self {
                if FUSED {
                    Self(self.0.mul_add(factor.0, summand.0))
                } else {
                    self * factor + summand
                }
            }
            #[inline(always)]
            fn at_most(self, bound: $float) -> Self {
                Self(if self.0 > bound { bound } else { self.0 })
            }
            #[inline(always)]
            fn at_least(self, bound: $float) -> Self {
                Self(if self.0 < bound { bound } else { self.0 })
            }
            #[inline(always)]
            fn magnitude(self) -> Self {
                Self(self.0.abs())
            }
            #[inline(always)]
            fn signed_as(self, other: Self) -> Self {
                Self(self.0.copysign(other.0))
            }
            #[inline(always)]
            fn below(self, bound: Self, yes: Self, no: Self) -> Self {
                if self.0 < bound.0 { yes } else { no }
            }
            #[inline(always)]
            #[allow(clippy::float_cmp, reason = "poles are at exact numbers")]
            fn equal(self, number: $float, yes: Self, no: Self) -> Self {
                if self.0 == number { yes } else { no }
            }
            #[inline(always)]
            fn times_two_to(self, _: Self, twice: $bits) -> Self {
                // In two factors, each half of the exponent.
                const UP: u32 = $float::MANTISSA_DIGITS - 2;
                let half =
                    |twice: $bits| $float::from_bits((twice << UP) & $float::INFINITY.to_bits());
                Self(self.0 * half(twice) * half(twice.wrapping_add(1)))
            }
            #[inline(always)]
            fn bits(self) -> $bits {
                self.0.to_bits()
            }
            #[inline(always)]
            fn from_bits(bits: $bits) -> Self {
                Self($float::from_bits(bits))
            }
        }

        impl Whole<$bits> for $bits {
            #[inline(always)]
            fn of(bits: $bits) -> Self {
                bits
            }
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self | other
            }
            #[inline(always)]
            fn up<const N: u32>(self) -> Self {
                self << N
            }
            #[inline(always)]
            fn down<const N: u32>(self) -> Self {
                self >> N
            }
            #[inline(always)]
            fn at_most(self, other: Self) -> Self {
                self.cast_signed().min(other.cast_signed()).cast_unsigned()
            }
        }
    };
    (@operator $float:ident, $trait:ident, $name:ident) => {
        impl<const FUSED: bool> $trait for One<$float, FUSED> {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                Self($trait::$name(self.0, other.0))
            }
        }
    };
}

one!(f32, u32);
one!(f64, u64);

/// Vectors of AVX-512. Each step is taken for all of them before the next: then few instructions wait for an earlier one,
/// and the processor sees enough of those that need not.
#[cfg(target_arch = "x86_64")]
pub(super) mod wide {
    use std::arch::x86_64 as intel;
    use std::ops::{Add, Div, Mul, Neg, Sub};

    use super::{Lanes, Whole};

    /// Vectors that go through a function in step: enough that their registers suffice.
    pub(in crate::kernels) const TOGETHER: usize = 4;

    /// An instruction for each vector.
    macro_rules! all {
        ($count:ident, $first:expr, [$($x:ident = $vectors:expr),+], $value:expr) => {{
            let mut results = [$first; $count];
            let mut number = 0;
            while number < $count {
                $(let $x = $vectors[number];)+
                // SAFETY: vectors of this kind are made only by kernels for machines that have the instructions.
                results[number] = unsafe { $value };
                number += 1;
            }
            results
        }};
    }

    macro_rules! wide {
        (
            $module:ident, $float:ident, $bits:ident, $mask:ident, $vector:ident, $zero:ident, $all:ident, $all_bits:ident,
            [$add:ident $sub:ident $mul:ident $div:ident $fused:ident $least:ident $most:ident $compare:ident $choose:ident $scale:ident],
            [$to_bits:ident $from_bits:ident $plus:ident $minus:ident $up:ident $down:ident $at_most:ident],
            [$load:ident $store:ident $load_some:ident $store_some:ident]
        ) => {
            pub(in crate::kernels) mod $module {
                use super::{Add, Div, Lanes, Mul, Neg, Sub, Whole, intel};

                /// Numbers in so many vectors.
                #[derive(Clone, Copy)]
                pub(in crate::kernels) struct Wide<const N: usize>([intel::$vector; N]);

                /// Their bits.
                #[derive(Clone, Copy)]
                pub(in crate::kernels) struct Bits<const N: usize>([intel::__m512i; N]);

                /// Numbers in a vector.
                const LANES: usize = 64 / size_of::<$float>();
                const SIGN: $bits = 1 << ($bits::BITS - 1);

                impl<const N: usize> Wide<N> {
                    /// How many numbers there are.
                    pub(in crate::kernels) const COUNT: usize = N * LANES;

                    /// Reads all of them.
                    ///
                    /// # Safety
                    /// So many lie there, and the machine has AVX-512.
                    #[inline(always)]
                    pub(in crate::kernels) unsafe fn load(from: *const $float) -> Self {
                        // SAFETY (all): the caller's promise.
                        let mut vectors = [unsafe { intel::$zero() }; N];
                        for (number, vector) in vectors.iter_mut().enumerate() {
                            *vector = unsafe { intel::$load(from.add(number * LANES)) };
                        }
                        Self(vectors)
                    }

                    /// Writes all of them.
                    ///
                    /// # Safety
                    /// There is room for so many, and the machine has AVX-512.
                    #[inline(always)]
                    pub(in crate::kernels) unsafe fn store(self, to: *mut $float) {
                        for (number, vector) in self.0.into_iter().enumerate() {
                            // SAFETY: the caller's promise.
                            unsafe { intel::$store(to.add(number * LANES), vector) };
                        }
                    }
                }

                impl Wide<1> {
                    /// Reads the first few; the others are zero.
                    ///
                    /// # Safety
                    /// As many lie there, and the machine has AVX-512.
                    #[inline(always)]
                    pub(in crate::kernels) unsafe fn load_some(from: *const $float, count: usize) -> Self {
                        let mask = ((1_u32 << count) - 1) as intel::$mask;
                        // SAFETY: the caller's promise; nothing beyond them is read.
                        Self([unsafe { intel::$load_some(mask, from) }])
                    }

                    /// Writes the first few.
                    ///
                    /// # Safety
                    /// There is room for so many, and the machine has AVX-512.
                    #[inline(always)]
                    pub(in crate::kernels) unsafe fn store_some(self, to: *mut $float, count: usize) {
                        let mask = ((1_u32 << count) - 1) as intel::$mask;
                        // SAFETY: the caller's promise; nothing beyond them is written.
                        unsafe { intel::$store_some(to, mask, self.0[0]) };
                    }
                }

                wide!(@operator Add, add, $add);
                wide!(@operator Sub, sub, $sub);
                wide!(@operator Mul, mul, $mul);
                wide!(@operator Div, div, $div);

                impl<const N: usize> Neg for Wide<N> {
                    type Output = Self;
                    #[inline(always)]
                    fn neg(self) -> Self {
                        Self(all!(
                            N,
                            self.0[0],
                            [x = self.0],
                            intel::$sub(intel::$all(-0.0), x)
                        ))
                    }
                }

                impl<const N: usize> Lanes<$float, $bits> for Wide<N> {
                    type Whole = Bits<N>;
                    #[inline(always)]
                    fn of(number: $float) -> Self {
                        // SAFETY: vectors are made only by kernels for machines that have the instructions.
                        Self([unsafe { intel::$all(number) }; N])
                    }
                    #[inline(always)]
                    fn fused(self, factor: Self, summand: Self) -> Self {
                        Self(all!(N, self.0[0], [x = self.0, y = factor.0, z = summand.0], intel::$fused(x, y, z)))
                    }
                    #[inline(always)]
                    fn at_most(self, bound: $float) -> Self {
                        // The second operand stays where one is not a number.
                        Self(all!(N, self.0[0], [x = self.0], intel::$least(intel::$all(bound), x)))
                    }
                    #[inline(always)]
                    fn at_least(self, bound: $float) -> Self {
                        Self(all!(N, self.0[0], [x = self.0], intel::$most(intel::$all(bound), x)))
                    }
                    #[inline(always)]
                    fn magnitude(self) -> Self {
                        Self::from_bits(self.bits().and(Bits::of(!SIGN)))
                    }
                    #[inline(always)]
                    fn signed_as(self, other: Self) -> Self {
                        let sign = other.bits().and(Bits::of(SIGN));
                        Self::from_bits(self.bits().and(Bits::of(!SIGN)).or(sign))
                    }
                    #[inline(always)]
                    fn below(self, bound: Self, yes: Self, no: Self) -> Self {
                        Self(all!(N, self.0[0], [x = self.0, y = bound.0, yes = yes.0, no = no.0], {
                            intel::$choose(intel::$compare::<{ intel::_CMP_LT_OQ }>(x, y), no, yes)
                        }))
                    }
                    #[inline(always)]
                    fn equal(self, number: $float, yes: Self, no: Self) -> Self {
                        Self(all!(N, self.0[0], [x = self.0, yes = yes.0, no = no.0], {
                            intel::$choose(intel::$compare::<{ intel::_CMP_EQ_OQ }>(x, intel::$all(number)), no, yes)
                        }))
                    }
                    #[inline(always)]
                    fn times_two_to(self, power: Self, _: Bits<N>) -> Self {
                        Self(all!(N, self.0[0], [x = self.0, y = power.0], intel::$scale(x, y)))
                    }
                    #[inline(always)]
                    fn bits(self) -> Bits<N> {
                        // SAFETY: vectors are made only by kernels for machines that have the instructions.
                        let none = unsafe { intel::_mm512_setzero_si512() };
                        Bits(all!(N, none, [x = self.0], intel::$to_bits(x)))
                    }
                    #[inline(always)]
                    fn from_bits(bits: Bits<N>) -> Self {
                        // SAFETY: vectors are made only by kernels for machines that have the instructions.
                        let none = unsafe { intel::$zero() };
                        Self(all!(N, none, [x = bits.0], intel::$from_bits(x)))
                    }
                }

                impl<const N: usize> Whole<$bits> for Bits<N> {
                    #[inline(always)]
                    fn of(bits: $bits) -> Self {
                        // SAFETY: vectors are made only by kernels for machines that have the instructions.
                        Self([unsafe { intel::$all_bits(bits.cast_signed()) }; N])
                    }
                    #[inline(always)]
                    fn plus(self, other: Self) -> Self {
                        Self(all!(N, self.0[0], [x = self.0, y = other.0], intel::$plus(x, y)))
                    }
                    #[inline(always)]
                    fn minus(self, other: Self) -> Self {
                        Self(all!(N, self.0[0], [x = self.0, y = other.0], intel::$minus(x, y)))
                    }
                    #[inline(always)]
                    fn and(self, other: Self) -> Self {
                        Self(all!(N, self.0[0], [x = self.0, y = other.0], intel::_mm512_and_si512(x, y)))
                    }
                    #[inline(always)]
                    fn or(self, other: Self) -> Self {
                        Self(all!(N, self.0[0], [x = self.0, y = other.0], intel::_mm512_or_si512(x, y)))
                    }
                    #[inline(always)]
                    fn up<const PLACES: u32>(self) -> Self {
                        Self(all!(N, self.0[0], [x = self.0], intel::$up::<PLACES>(x)))
                    }
                    #[inline(always)]
                    fn down<const PLACES: u32>(self) -> Self {
                        Self(all!(N, self.0[0], [x = self.0], intel::$down::<PLACES>(x)))
                    }
                    #[inline(always)]
                    fn at_most(self, other: Self) -> Self {
                        Self(all!(N, self.0[0], [x = self.0, y = other.0], intel::$at_most(x, y)))
                    }
                }
            }
        };
        (@operator $trait:ident, $name:ident, $instruction:ident) => {
            impl<const N: usize> $trait for Wide<N> {
                type Output = Self;
                #[inline(always)]
                fn $name(self, other: Self) -> Self {
                    Self(all!(N, self.0[0], [x = self.0, y = other.0], intel::$instruction(x, y)))
                }
            }
        };
    }

    wide!(
        float, f32, u32, __mmask16, __m512, _mm512_setzero_ps, _mm512_set1_ps, _mm512_set1_epi32,
        [_mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps _mm512_fmadd_ps _mm512_min_ps _mm512_max_ps
            _mm512_cmp_ps_mask _mm512_mask_blend_ps _mm512_scalef_ps],
        [_mm512_castps_si512 _mm512_castsi512_ps _mm512_add_epi32 _mm512_sub_epi32 _mm512_slli_epi32 _mm512_srli_epi32
            _mm512_min_epi32],
        [_mm512_loadu_ps _mm512_storeu_ps _mm512_maskz_loadu_ps _mm512_mask_storeu_ps]
    );
    wide!(
        double, f64, u64, __mmask8, __m512d, _mm512_setzero_pd, _mm512_set1_pd, _mm512_set1_epi64,
        [_mm512_add_pd _mm512_sub_pd _mm512_mul_pd _mm512_div_pd _mm512_fmadd_pd _mm512_min_pd _mm512_max_pd
            _mm512_cmp_pd_mask _mm512_mask_blend_pd _mm512_scalef_pd],
        [_mm512_castpd_si512 _mm512_castsi512_pd _mm512_add_epi64 _mm512_sub_epi64 _mm512_slli_epi64 _mm512_srli_epi64
            _mm512_min_epi64],
        [_mm512_loadu_pd _mm512_storeu_pd _mm512_maskz_loadu_pd _mm512_mask_storeu_pd]
    );
}
