//! The two precisions that plans run in. Nothing here computes.

use std::fmt::Debug;

use super::elementwise::{Kernels, Level};
use super::packed::Packed;
use super::reductions::{Reducers, Reduction};
use super::small::Small;
use crate::block::Operation;

/// A precision that plans run in: `f32` or `f64`.
pub trait Real: sealed::Precision {}

impl Real for f32 {}
impl Real for f64 {}

/// A kernel over a block: up to three operands, the result, the number of elements. A scalar operand is one element. The result may be one
/// of the operands, but not overlap one otherwise.
pub(crate) type Kernel<T> = unsafe fn(*const T, *const T, *const T, *mut T, usize);

/// A kernel that combines each row of a block into one element, or all rows into one: the rows, those of another block
/// that they may be multiplied by, their width, their number, the results.
pub(crate) type Reducer<T> = unsafe fn(*const T, *const T, usize, usize, *mut T);

pub(crate) mod sealed {
    use super::{Debug, Kernel, Level, Operation, Packed, Reducer, Reduction, Small};

    /// What the engine needs of a precision.
    pub trait Precision:
        Copy + Default + PartialEq + PartialOrd + Debug + Send + Sync + 'static
    {
        /// Its name in Rust.
        const NAME: &'static str;
        /// Zero.
        const ZERO: Self;
        /// The nearest value.
        fn from_f64(value: f64) -> Self;
        /// Fills a block with `first`, `first + 1` and so on.
        fn count_from(first: usize, to: &mut [Self]);
        /// The exact value as a double.
        fn to_f64(self) -> f64;
        /// The kernel of an operation on blocks; `None` if it works element by element. The operands with `true` are
        /// scalars, but not all of them.
        fn kernel(operation: Operation, scalars: [bool; 3]) -> Option<Kernel<Self>> {
            Self::kernel_at(Level::detect(), operation, scalars)
        }
        /// The same at a level that the machine has.
        fn kernel_at(
            level: Level,
            operation: Operation,
            scalars: [bool; 3],
        ) -> Option<Kernel<Self>>;
        /// The same for results that are written past the caches, whole lines of them; `None` where this machine or the
        /// operation has none.
        fn kernel_past(operation: Operation, scalars: [bool; 3]) -> Option<Kernel<Self>>;
        /// The kernel that combines rows into an element each or, across them, into one row that is there.
        fn reducer(reduction: Reduction, across: bool) -> Reducer<Self>;
        /// What multiplies small matrices, where this machine has it.
        fn small() -> Option<Small<Self>>;
        /// What multiplies large matrices, where this machine has it.
        fn packed() -> Option<Packed<Self>>;
        /// `target = factor * left @ right`, or `target += factor * left @ right`.
        ///
        /// # Safety
        /// All elements that offsets and strides reach must be valid, those of the target for writing and
        /// by nobody else meanwhile.
        unsafe fn multiply(call: super::super::product::Call<Self>);
        /// What is timed to find the limits of a core.
        fn limits() -> super::super::peak::Limits<Self>;
    }
}

macro_rules! precision {
    ($type:ty, $name:literal, $limits:ident, $kernel:ident, $packed:ident) => {
        impl sealed::Precision for $type {
            const NAME: &'static str = $name;
            const ZERO: Self = 0.0;

            #[allow(clippy::cast_lossless, reason = "one of the two types is f64 itself")]
            #[inline]
            fn from_f64(value: f64) -> Self {
                value as Self
            }

            #[inline]
            fn count_from(first: usize, to: &mut [Self]) {
                for (number, slot) in (0_u16..).zip(to) {
                    *slot = first as Self + Self::from(number);
                }
            }

            #[allow(clippy::cast_lossless, reason = "one of the two types is f64 itself")]
            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }

            fn kernel_at(
                level: Level,
                operation: Operation,
                scalars: [bool; 3],
            ) -> Option<Kernel<Self>> {
                Kernels::<Self>::kernel(level, operation, scalars)
            }

            fn kernel_past(operation: Operation, scalars: [bool; 3]) -> Option<Kernel<Self>> {
                Kernels::<Self>::past(Level::detect(), operation, scalars)
            }

            fn reducer(reduction: Reduction, across: bool) -> Reducer<Self> {
                Reducers::<Self>::reducer(Level::detect(), reduction, across)
            }

            #[inline]
            fn small() -> Option<Small<Self>> {
                #[cfg(target_arch = "x86_64")]
                if Level::detect() == Level::Avx512 {
                    return Some(super::small::$kernel);
                }
                None
            }

            #[inline]
            fn packed() -> Option<Packed<Self>> {
                #[cfg(target_arch = "x86_64")]
                if Level::detect() == Level::Avx512 {
                    return Some(super::packed::$packed);
                }
                None
            }

            #[inline]
            unsafe fn multiply(call: super::product::Call<Self>) {
                // SAFETY: the caller's promise is passed on.
                unsafe { super::product::multiply(call) }
            }

            fn limits() -> super::peak::Limits<Self> {
                super::peak::$limits()
            }
        }
    };
}

precision!(f32, "f32", single_limits, single, SINGLE);
precision!(f64, "f64", double_limits, double, DOUBLE);
