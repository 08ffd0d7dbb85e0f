//! Kernels over blocks, one loop each, compiled for several instruction sets and chosen at run time.
//! Loops only: what is computed for one element is in `special`.

#![allow(clippy::float_cmp, reason = "a kernel of equality compares exactly")]

use std::marker::PhantomData;
use std::sync::OnceLock;

use backprove_calculus::functions::Body;

use super::real::{Kernel, Reducer};
use super::special;
use crate::block::Operation;
use crate::term::{Binary, Combine, Unary};

/// The instruction sets that kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Whatever the target has without asking.
    Portable,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// AVX-512.
    Avx512,
}

impl Level {
    /// The best of this machine.
    pub fn detect() -> Self {
        static LEVEL: OnceLock<Level> = OnceLock::new();
        *LEVEL.get_or_init(|| {
            #[cfg(target_arch = "x86_64")]
            {
                let fused = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
                let wide = is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw");
                if fused && wide {
                    return Self::Avx512;
                }
                if fused {
                    return Self::Avx2;
                }
            }
            Self::Portable
        })
    }

    /// Those that this machine has, the plainest first.
    pub fn available() -> Vec<Self> {
        let all = [Self::Portable, Self::Avx2, Self::Avx512];
        all.into_iter()
            .filter(|level| *level <= Self::detect())
            .collect()
    }
}

/// The kernels of one precision.
pub(crate) struct Kernels<T>(PhantomData<T>);

/// A function that has no kernel, for one element.
pub(crate) fn scalar(operation: Operation) -> fn(&[f64]) -> f64 {
    match operation {
        Operation::Table(function) => match function.body {
            Body::Primitive { value, .. } => value,
            // Lowering lets no defined function through.
            Body::Defined { .. } => |_| f64::NAN,
        },
        _ => |_| f64::NAN,
    }
}

/// Partial results of a reduction, combined in the end.
const LANES: usize = 16;

/// The loop itself: one for a result of its own, and one for each operand that the result may lie over. The
/// compiler proves the same place safe, and compares the others at run time before it uses vectors.
macro_rules! each {
    ($n:ident, $out:ident, ($($source:ident as $x:ident),+), $value:expr) => {
        each!(@over $n, $out, ($($source as $x),+), $value, $($source),+)
    };
    (@over $n:ident, $out:ident, ($($source:ident as $x:ident),+), $value:expr, $first:ident $(, $rest:ident)*) => {
        if $first == $out.cast_const() {
            let $first = $out;
            each!(@loop $n, $out, ($($source as $x),+), $value)
        } else {
            each!(@over $n, $out, ($($source as $x),+), $value, $($rest),*)
        }
    };
    (@over $n:ident, $out:ident, ($($source:ident as $x:ident),+), $value:expr,) => {
        each!(@loop $n, $out, ($($source as $x),+), $value)
    };
    (@loop $n:ident, $out:ident, ($($source:ident as $x:ident),+), $value:expr) => {
        for place in 0..$n {
            // SAFETY: the caller promises `n` elements behind each address.
            unsafe {
                $(let $x = *$source.add(place);)+
                *$out.add(place) = $value;
            }
        }
    };
}

macro_rules! reduce {
    ($type:ty, $n:ident, $a:ident, $start:expr, |$x:ident, $y:ident| $combine:expr) => {{
        let mut lanes: [$type; LANES] = [$start; LANES];
        let mut start = 0;
        while start + LANES <= $n {
            // SAFETY: the caller promises `n` elements.
            let block = unsafe { $a.add(start).cast::<[$type; LANES]>().read_unaligned() };
            for lane in 0..LANES {
                let ($x, $y) = (lanes[lane], block[lane]);
                lanes[lane] = $combine;
            }
            start += LANES;
        }
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                let ($x, $y) = (lanes[lane], lanes[lane + width]);
                lanes[lane] = $combine;
            }
            width /= 2;
        }
        let mut total = lanes[0];
        while start < $n {
            // SAFETY: as above.
            let ($x, $y) = (total, unsafe { *$a.add(start) });
            total = $combine;
            start += 1;
        }
        total
    }};
}

macro_rules! kernel {
    ($($attribute:meta)?, $type:ty, $name:ident, [$a:ident, $b:ident, $c:ident], ($($source:ident as $x:ident),+), $value:expr) => {
        $(#[$attribute])?
        #[allow(unused_variables, reason = "kernels with fewer operands ignore the rest")]
        pub(super) unsafe fn $name(
            $a: *const $type,
            $b: *const $type,
            $c: *const $type,
            out: *mut $type,
            n: usize,
        ) {
            each!(n, out, ($($source as $x),+), $value);
        }
    };
}

macro_rules! reducer {
    ($($attribute:meta)?, $type:ty, $name:ident, $start:expr, |$x:ident, $y:ident| $combine:expr) => {
        $(#[$attribute])?
        pub(super) unsafe fn $name(a: *const $type, n: usize) -> $type {
            reduce!($type, n, a, $start, |$x, $y| $combine)
        }
    };
}

macro_rules! level {
    ($module:ident, $type:ident, $functions:ident, $fused:literal $(, $attribute:meta)?) => {
        mod $module {
            use super::{LANES, special};
            use special::$functions as functions;

            const FUSED: bool = $fused;
            const fn mask(condition: bool) -> $type {
                if condition { 1.0 } else { 0.0 }
            }

            kernel!($($attribute)?, $type, add, [a, b, c], (a as x, b as y), x + y);
            kernel!($($attribute)?, $type, subtract, [a, b, c], (a as x, b as y), x - y);
            kernel!($($attribute)?, $type, multiply, [a, b, c], (a as x, b as y), x * y);
            kernel!($($attribute)?, $type, divide, [a, b, c], (a as x, b as y), x / y);
            kernel!($($attribute)?, $type, multiply_add, [a, b, c], (a as x, b as y, c as z), functions::fused::<FUSED>(x, y, z));
            kernel!($($attribute)?, $type, multiply_subtract, [a, b, c], (a as x, b as y, c as z), functions::fused::<FUSED>(-x, y, z));
            kernel!($($attribute)?, $type, maximum, [a, b, c], (a as x, b as y), if x > y { x } else { y });
            kernel!($($attribute)?, $type, minimum, [a, b, c], (a as x, b as y), if x < y { x } else { y });
            kernel!($($attribute)?, $type, greater, [a, b, c], (a as x, b as y), mask(x > y));
            kernel!($($attribute)?, $type, greater_equal, [a, b, c], (a as x, b as y), mask(x >= y));
            kernel!($($attribute)?, $type, equal, [a, b, c], (a as x, b as y), mask(x == y));
            kernel!($($attribute)?, $type, not_equal, [a, b, c], (a as x, b as y), mask(x != y));
            kernel!($($attribute)?, $type, select, [a, b, c], (a as x, b as y, c as z), if x == 0.0 { z } else { y });
            kernel!($($attribute)?, $type, square, [a, b, c], (a as x), x * x);
            kernel!($($attribute)?, $type, reciprocal, [a, b, c], (a as x), 1.0 / x);
            kernel!($($attribute)?, $type, absolute, [a, b, c], (a as x), x.abs());
            kernel!($($attribute)?, $type, root, [a, b, c], (a as x), x.sqrt());
            kernel!($($attribute)?, $type, exponential, [a, b, c], (a as x), functions::exp::<FUSED>(x));
            kernel!($($attribute)?, $type, exponential_less_one, [a, b, c], (a as x), functions::expm1::<FUSED>(x));
            kernel!($($attribute)?, $type, logarithm_of_one_more, [a, b, c], (a as x), functions::log1p::<FUSED>(x));
            kernel!($($attribute)?, $type, logarithm, [a, b, c], (a as x), functions::log::<FUSED>(x));
            kernel!($($attribute)?, $type, hyperbolic_tangent, [a, b, c], (a as x), functions::tanh::<FUSED>(x));
            kernel!($($attribute)?, $type, sigmoid, [a, b, c], (a as x), functions::sigmoid::<FUSED>(x));
            kernel!($($attribute)?, $type, error_function, [a, b, c], (a as x), functions::erf::<FUSED>(x));
            kernel!($($attribute)?, $type, power, [a, b, c], (a as x, b as y), x.powf(y));
            reducer!($($attribute)?, $type, sum, 0.0, |x, y| x + y);
            reducer!($($attribute)?, $type, product, 1.0, |x, y| x * y);
            reducer!($($attribute)?, $type, greatest, $type::NEG_INFINITY, |x, y| if x > y { x } else { y });
            reducer!($($attribute)?, $type, least, $type::INFINITY, |x, y| if x < y { x } else { y });
        }
    };
}

macro_rules! table {
    ($module:ident, $operation:ident) => {
        match $operation {
            Operation::Add => $module::add,
            Operation::Subtract => $module::subtract,
            Operation::Multiply => $module::multiply,
            Operation::MultiplyAdd => $module::multiply_add,
            Operation::MultiplySubtract => $module::multiply_subtract,
            Operation::Select => $module::select,
            Operation::Unary(Unary::Exp) => $module::exponential,
            Operation::Unary(Unary::Expm1) => $module::exponential_less_one,
            Operation::Unary(Unary::Log1p) => $module::logarithm_of_one_more,
            Operation::Unary(Unary::Log) => $module::logarithm,
            Operation::Unary(Unary::Tanh) => $module::hyperbolic_tangent,
            Operation::Unary(Unary::Sigmoid) => $module::sigmoid,
            Operation::Unary(Unary::Erf) => $module::error_function,
            Operation::Unary(Unary::Sqrt) => $module::root,
            Operation::Unary(Unary::Abs) => $module::absolute,
            Operation::Unary(Unary::Square) => $module::square,
            Operation::Unary(Unary::Reciprocal) => $module::reciprocal,
            Operation::Binary(Binary::Divide) => $module::divide,
            Operation::Binary(Binary::Maximum) => $module::maximum,
            Operation::Binary(Binary::Minimum) => $module::minimum,
            Operation::Binary(Binary::Power) => $module::power,
            Operation::Binary(Binary::Greater) => $module::greater,
            Operation::Binary(Binary::GreaterEqual) => $module::greater_equal,
            Operation::Binary(Binary::Equal) => $module::equal,
            Operation::Binary(Binary::NotEqual) => $module::not_equal,
            Operation::Table(_) => return None,
        }
    };
}

macro_rules! reducers {
    ($module:ident, $combine:ident) => {
        match $combine {
            Combine::Sum => $module::sum,
            Combine::Product => $module::product,
            Combine::Maximum => $module::greatest,
            Combine::Minimum => $module::least,
        }
    };
}

macro_rules! precision {
    ($type:ident, $functions:ident, $portable:ident, $avx2:ident, $avx512:ident) => {
        level!($portable, $type, $functions, false);
        #[cfg(target_arch = "x86_64")]
        level!(
            $avx2,
            $type,
            $functions,
            true,
            target_feature(enable = "avx2,fma")
        );
        #[cfg(target_arch = "x86_64")]
        level!(
            $avx512,
            $type,
            $functions,
            true,
            target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")
        );

        impl Kernels<$type> {
            /// The kernel of an operation at a level that the machine has.
            pub(crate) fn kernel(level: Level, operation: Operation) -> Option<Kernel<$type>> {
                Some(match level {
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => table!($avx512, operation),
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => table!($avx2, operation),
                    _ => table!($portable, operation),
                })
            }

            /// The kernel that combines a block into one element.
            pub(crate) fn reducer(level: Level, combine: Combine) -> Reducer<$type> {
                match level {
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => reducers!($avx512, combine),
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => reducers!($avx2, combine),
                    _ => reducers!($portable, combine),
                }
            }

            /// The kernel that combines two blocks, element by element.
            pub(crate) fn combiner(level: Level, combine: Combine) -> Kernel<$type> {
                let operation = match combine {
                    Combine::Sum => Operation::Add,
                    Combine::Product => Operation::Multiply,
                    Combine::Maximum => Operation::Binary(Binary::Maximum),
                    Combine::Minimum => Operation::Binary(Binary::Minimum),
                };
                Self::kernel(level, operation).unwrap_or($portable::add)
            }
        }
    };
}

precision!(f32, float, float_portable, float_avx2, float_avx512);
precision!(f64, double, double_portable, double_avx2, double_avx512);
