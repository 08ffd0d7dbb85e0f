//! Kernels over blocks, one loop each, compiled for several instruction sets and chosen at run time.
//! Loops only: what is computed for one element is in `special`.

#![allow(clippy::float_cmp, reason = "a kernel of equality compares exactly")]

use std::marker::PhantomData;
use std::sync::OnceLock;

use backprove_calculus::functions::Body;

use super::lanes::One;
#[cfg(target_arch = "x86_64")]
use super::lanes::wide;
use super::real::Kernel;
use super::special;
#[cfg(target_arch = "x86_64")]
use super::stream;
use crate::block::Operation;
use crate::term::{Binary, Unary};

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

/// The loop itself: one for a result of its own, and one for each operand that the result may lie over. The
/// compiler proves the same place safe, and compares the others at run time before it uses vectors. A scalar operand
/// is read once.
macro_rules! each {
    ($n:ident, $out:ident, ($($source:ident as $x:ident if $scalar:expr),+), $value:expr) => {{
        // SAFETY: the caller promises an element behind each address.
        $(let $x = if $scalar { unsafe { *$source } } else { Default::default() };)+
        each!(@over $n, $out, ($($source as $x if $scalar),+), $value, $($source if $scalar),+)
    }};
    (@over $n:ident, $out:ident, ($($source:ident as $x:ident if $scalar:expr),+), $value:expr, $first:ident if $this:expr $(, $rest:ident if $other:expr)*) => {
        if !$this && $first == $out.cast_const() {
            let $first = $out;
            each!(@loop $n, $out, ($($source as $x if $scalar),+), $value)
        } else {
            each!(@over $n, $out, ($($source as $x if $scalar),+), $value, $($rest if $other),*)
        }
    };
    (@over $n:ident, $out:ident, ($($source:ident as $x:ident if $scalar:expr),+), $value:expr,) => {
        each!(@loop $n, $out, ($($source as $x if $scalar),+), $value)
    };
    (@loop $n:ident, $out:ident, ($($source:ident as $x:ident if $scalar:expr),+), $value:expr) => {
        for place in 0..$n {
            // SAFETY: the caller promises `n` elements behind each address but those of scalars.
            unsafe {
                $(let $x = if $scalar { $x } else { *$source.add(place) };)+
                *$out.add(place) = $value;
            }
        }
    };
}

/// A kernel of one operand, or of two or three of which any may be scalars.
macro_rules! kernel {
    (@function $($attribute:meta)?, $type:ty, $name:ident, [$($flag:ident)*], ($($source:ident as $x:ident if $scalar:expr),+), ($a:ident, $b:ident, $c:ident), $value:expr) => {
        $(#[$attribute])?
        pub(super) unsafe fn $name<$(const $flag: bool),*>(
            $a: *const $type,
            $b: *const $type,
            $c: *const $type,
            out: *mut $type,
            n: usize,
        ) {
            each!(n, out, ($($source as $x if $scalar),+), $value);
        }
    };
    ($($attribute:meta)?, $type:ty, $name:ident, |$x:ident| $value:expr) => {
        kernel!(@function $($attribute)?, $type, $name, [], (a as $x if false), (a, _b, _c), $value);
    };
    ($($attribute:meta)?, $type:ty, $name:ident, |$x:ident, $y:ident| $value:expr) => {
        kernel!(@function $($attribute)?, $type, $name, [A B], (a as $x if A, b as $y if B), (a, b, _c), $value);
    };
    ($($attribute:meta)?, $type:ty, $name:ident, |$x:ident, $y:ident, $z:ident| $value:expr) => {
        kernel!(@function $($attribute)?, $type, $name, [A B C], (a as $x if A, b as $y if B, c as $z if C), (a, b, c), $value);
    };
}

/// A kernel of three operands whose results, whole lines of them, are written past the caches.
macro_rules! past {
    ($attribute:meta, $type:ty, $name:ident, |$x:ident, $y:ident, $z:ident| $value:expr) => {
        #[$attribute]
        pub(super) unsafe fn $name<const A: bool, const B: bool, const C: bool>(
            a: *const $type,
            b: *const $type,
            c: *const $type,
            out: *mut $type,
            n: usize,
        ) {
            const COUNT: usize = super::stream::LINE / size_of::<$type>();
            for start in (0..n).step_by(COUNT) {
                let mut line = [0.0; COUNT];
                for (place, element) in line.iter_mut().enumerate() {
                    let at = |scalar: bool| if scalar { 0 } else { start + place };
                    // SAFETY: the caller promises `n` elements, whole lines, behind each address but those of scalars.
                    let ($x, $y, $z) = unsafe { (*a.add(at(A)), *b.add(at(B)), *c.add(at(C))) };
                    *element = $value;
                }
                // SAFETY: the same, and that the result starts with a line.
                unsafe { super::stream::write_line(&line, out.add(start)) };
            }
        }
    };
}

/// A kernel that divides by a scalar: by its reciprocal, unless that is beyond the normal numbers. The operands after it may be scalars.
macro_rules! by_scalar {
    ($($attribute:meta)?, $type:ty, $name:ident, [$($flag:ident)*], $multiply:ident, $divide:ident) => {
        $(#[$attribute])?
        pub(super) unsafe fn $name<$(const $flag: bool),*>(
            a: *const $type,
            b: *const $type,
            c: *const $type,
            out: *mut $type,
            n: usize,
        ) {
            // SAFETY (all): the caller's promise; a scalar is one element.
            let reciprocal = unsafe { 1.0 / *b };
            if reciprocal.is_normal() {
                unsafe { $multiply::<false, true, $($flag),*>(a, &raw const reciprocal, c, out, n) };
            } else {
                unsafe { $divide::<false, true, $($flag),*>(a, b, c, out, n) };
            }
        }
    };
}

/// A kernel of a special function: a loop that the compiler turns into vectors.
macro_rules! one_by_one {
    ($($attribute:meta)?, $type:ident, $functions:ident, $name:ident, $function:ident) => {
        kernel!($($attribute)?, $type, $name, |x| {
            super::special::$functions::$function(super::One::<$type, FUSED>(x)).0
        });
    };
}

/// The same with vectors of AVX-512 side by side.
#[cfg(target_arch = "x86_64")]
macro_rules! side_by_side {
    ($($attribute:meta)?, $type:ident, $functions:ident, $name:ident, $function:ident) => {
        $(#[$attribute])?
        pub(super) unsafe fn $name(
            a: *const $type,
            _: *const $type,
            _: *const $type,
            out: *mut $type,
            n: usize,
        ) {
            use super::special::$functions::$function;
            use super::wide::{TOGETHER, $functions::Wide};
            let mut place = 0;
            // SAFETY (both): the caller promises `n` elements behind each address, and this machine has the instructions.
            while place + Wide::<TOGETHER>::COUNT <= n {
                unsafe { $function(Wide::<TOGETHER>::load(a.add(place))).store(out.add(place)) };
                place += Wide::<TOGETHER>::COUNT;
            }
            while place < n {
                let count = Wide::<1>::COUNT.min(n - place);
                unsafe {
                    let x = Wide::load_some(a.add(place), count);
                    $function(x).store_some(out.add(place), count);
                }
                place += count;
            }
        }
    };
}

macro_rules! level {
    ($module:ident, $type:ident, $functions:ident, $special:ident, $fused:expr $(, $attribute:meta)?) => {
        mod $module {
            use super::special::$functions::fused;

            const FUSED: bool = $fused;
            const fn mask(condition: bool) -> $type {
                if condition { 1.0 } else { 0.0 }
            }
            /// What is not a number stays so, on either side.
            #[inline(always)]
            const fn greater_of(x: $type, y: $type) -> $type {
                if x > y || x.is_nan() { x } else { y }
            }
            #[inline(always)]
            const fn less_of(x: $type, y: $type) -> $type {
                if x < y || x.is_nan() { x } else { y }
            }

            kernel!($($attribute)?, $type, add, |x, y| x + y);
            kernel!($($attribute)?, $type, subtract, |x, y| x - y);
            kernel!($($attribute)?, $type, multiply, |x, y| x * y);
            kernel!($($attribute)?, $type, divide, |x, y| x / y);
            by_scalar!($($attribute)?, $type, divide_by, [], multiply, divide);
            kernel!($($attribute)?, $type, multiply_add, |x, y, z| fused::<FUSED>(x, y, z));
            kernel!($($attribute)?, $type, multiply_subtract, |x, y, z| fused::<FUSED>(-x, y, z));
            kernel!($($attribute)?, $type, divide_add, |x, y, z| x / y + z);
            by_scalar!($($attribute)?, $type, divide_by_add, [SCALAR], multiply_add, divide_add);
            kernel!($($attribute)?, $type, maximum, |x, y| greater_of(x, y));
            kernel!($($attribute)?, $type, minimum, |x, y| less_of(x, y));
            kernel!($($attribute)?, $type, greater, |x, y| mask(x > y));
            kernel!($($attribute)?, $type, greater_equal, |x, y| mask(x >= y));
            kernel!($($attribute)?, $type, equal, |x, y| mask(x == y));
            kernel!($($attribute)?, $type, not_equal, |x, y| mask(x != y));
            kernel!($($attribute)?, $type, select, |x, y, z| if x == 0.0 { z } else { y });
            kernel!($($attribute)?, $type, square, |x| x * x);
            kernel!($($attribute)?, $type, reciprocal, |x| 1.0 / x);
            kernel!($($attribute)?, $type, absolute, |x| x.abs());
            kernel!($($attribute)?, $type, root, |x| x.sqrt());
            $special!($($attribute)?, $type, $functions, exponential, exp);
            $special!($($attribute)?, $type, $functions, exponential_less_one, expm1);
            $special!($($attribute)?, $type, $functions, logarithm_of_one_more, log1p);
            $special!($($attribute)?, $type, $functions, logarithm, log);
            $special!($($attribute)?, $type, $functions, hyperbolic_tangent, tanh);
            $special!($($attribute)?, $type, $functions, sigmoid, sigmoid);
            $special!($($attribute)?, $type, $functions, error_function, erf);
            kernel!($($attribute)?, $type, power, |x, y| x.powf(y));
        }
    };
}

/// The version of a kernel whose operands with these numbers are scalars.
macro_rules! version {
    ($module:ident::$name:ident, two, $scalars:ident) => {
        match $scalars {
            [true, ..] => $module::$name::<true, false>,
            [_, true, _] => $module::$name::<false, true>,
            _ => $module::$name::<false, false>,
        }
    };
    ($module:ident::$name:ident, three, $scalars:ident) => {
        match $scalars {
            [true, true, _] => $module::$name::<true, true, false>,
            [true, _, true] => $module::$name::<true, false, true>,
            [_, true, true] => $module::$name::<false, true, true>,
            [true, ..] => $module::$name::<true, false, false>,
            [_, true, _] => $module::$name::<false, true, false>,
            [_, _, true] => $module::$name::<false, false, true>,
            _ => $module::$name::<false, false, false>,
        }
    };
}

/// What divides and adds: by the reciprocal where only the divisor, or it and the summand, are scalars.
macro_rules! divide_add {
    ($module:ident, $scalars:ident) => {
        match $scalars {
            [false, true, true] => $module::divide_by_add::<true>,
            [false, true, false] => $module::divide_by_add::<false>,
            _ => version!($module::divide_add, three, $scalars),
        }
    };
}

macro_rules! table {
    ($module:ident, $operation:ident, $scalars:ident) => {
        match $operation {
            Operation::Add => version!($module::add, two, $scalars),
            Operation::Subtract => version!($module::subtract, two, $scalars),
            Operation::Multiply => version!($module::multiply, two, $scalars),
            Operation::MultiplyAdd => version!($module::multiply_add, three, $scalars),
            Operation::MultiplySubtract => version!($module::multiply_subtract, three, $scalars),
            Operation::DivideAdd => divide_add!($module, $scalars),
            Operation::Select => version!($module::select, three, $scalars),
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
            Operation::Binary(Binary::Divide) if $scalars[1] => $module::divide_by,
            Operation::Binary(Binary::Divide) => version!($module::divide, two, $scalars),
            Operation::Binary(Binary::Maximum) => version!($module::maximum, two, $scalars),
            Operation::Binary(Binary::Minimum) => version!($module::minimum, two, $scalars),
            Operation::Binary(Binary::Power) => version!($module::power, two, $scalars),
            Operation::Binary(Binary::Greater) => version!($module::greater, two, $scalars),
            Operation::Binary(Binary::GreaterEqual) => {
                version!($module::greater_equal, two, $scalars)
            }
            Operation::Binary(Binary::Equal) => version!($module::equal, two, $scalars),
            Operation::Binary(Binary::NotEqual) => version!($module::not_equal, two, $scalars),
            Operation::Table(_) => return None,
        }
    };
}

/// The kernels that write past the caches: what ends the rows of a normalisation's result and of its gradient.
#[cfg(target_arch = "x86_64")]
macro_rules! level_past {
    ($module:ident, $type:ident, $functions:ident, $attribute:meta) => {
        mod $module {
            use super::special::$functions::fused;

            past!($attribute, $type, multiply_add, |x, y, z| fused::<true>(
                x, y, z
            ));
            past!($attribute, $type, divide_add, |x, y, z| x / y + z);
            by_scalar!(
                $attribute,
                $type,
                divide_by_add,
                [SCALAR],
                multiply_add,
                divide_add
            );
        }
    };
}

macro_rules! precision {
    ($type:ident, $functions:ident, $modules:tt, $past:ident) => {
        widest!(level_past, $past, $type, $functions);
        levels!(
            level,
            $type,
            $functions,
            $modules,
            [one_by_one],
            [side_by_side]
        );

        impl Kernels<$type> {
            /// The kernel of an operation whose results, whole lines of them, are written past the caches, if it has one.
            pub(crate) fn past(
                level: Level,
                operation: Operation,
                scalars: [bool; 3],
            ) -> Option<Kernel<$type>> {
                #[cfg(target_arch = "x86_64")]
                if level == Level::Avx512 {
                    return match operation {
                        Operation::MultiplyAdd => {
                            Some(version!($past::multiply_add, three, scalars))
                        }
                        Operation::DivideAdd => Some(divide_add!($past, scalars)),
                        _ => None,
                    };
                }
                let _ = (level, operation, scalars);
                None
            }

            /// The kernel of an operation at a level that the machine has; the operands with `true` are scalars, but not
            /// all of them.
            pub(crate) fn kernel(
                level: Level,
                operation: Operation,
                scalars: [bool; 3],
            ) -> Option<Kernel<$type>> {
                Some(at_level!(level, $modules, table(operation, scalars)))
            }
        }
    };
}

precision!(f32, float, [float_portable float_avx2 float_avx512], float_past);
precision!(f64, double, [double_portable double_avx2 double_avx512], double_past);

#[cfg(test)]
mod tests {
    use super::{Kernels, Level};
    use crate::block::Operation;
    use crate::term::Binary;

    const TWO: [Operation; 11] = [
        Operation::Add,
        Operation::Subtract,
        Operation::Multiply,
        Operation::Binary(Binary::Divide),
        Operation::Binary(Binary::Maximum),
        Operation::Binary(Binary::Minimum),
        Operation::Binary(Binary::Power),
        Operation::Binary(Binary::Greater),
        Operation::Binary(Binary::GreaterEqual),
        Operation::Binary(Binary::Equal),
        Operation::Binary(Binary::NotEqual),
    ];
    const THREE: [Operation; 4] = [
        Operation::MultiplyAdd,
        Operation::MultiplySubtract,
        Operation::DivideAdd,
        Operation::Select,
    ];

    /// One element, written out.
    fn plain(operation: Operation, [x, y, z]: [f64; 3]) -> f64 {
        let truth = |condition: bool| f64::from(u8::from(condition));
        match operation {
            Operation::Add => x + y,
            Operation::Subtract => x - y,
            Operation::Multiply => x * y,
            Operation::MultiplyAdd => x * y + z,
            Operation::MultiplySubtract => z - x * y,
            Operation::DivideAdd => x / y + z,
            Operation::Select => [y, z][usize::from(x == 0.0)],
            Operation::Binary(Binary::Divide) => x / y,
            Operation::Binary(Binary::Maximum) => x.max(y),
            Operation::Binary(Binary::Minimum) => x.min(y),
            Operation::Binary(Binary::Power) => x.powf(y),
            Operation::Binary(Binary::Greater) => truth(x > y),
            Operation::Binary(Binary::GreaterEqual) => truth(x >= y),
            Operation::Binary(Binary::Equal) => truth(x == y),
            Operation::Binary(Binary::NotEqual) => truth(x != y),
            Operation::Unary(_) | Operation::Table(_) => f64::NAN,
        }
    }

    /// Small whole numbers and halves: every operation but powers is exact.
    fn operand(seed: usize, n: usize) -> Vec<f64> {
        let element = |place: usize| ((place * 7 + seed * 5) % 13) as f64 * 0.5 + 0.5;
        (0..n).map(element).collect()
    }

    #[test]
    fn kernels_agree_with_one_element_written_out_whatever_is_scalar_or_overwritten() {
        for level in Level::available() {
            for operation in TWO.into_iter().chain(THREE) {
                let count: usize = if THREE.contains(&operation) { 3 } else { 2 };
                for scalars in 0..(1 << count) - 1 {
                    let scalars = [0, 1, 2].map(|place| scalars >> place & 1 == 1);
                    for n in [1, 7, 16, 133] {
                        // A result of its own, then one over each operand that is no scalar.
                        for over in 0..=count {
                            check(level, operation, scalars, n, over.checked_sub(1));
                        }
                    }
                }
            }
        }
    }

    fn check(
        level: Level,
        operation: Operation,
        scalars: [bool; 3],
        n: usize,
        over: Option<usize>,
    ) {
        if over.is_some_and(|place| scalars[place]) {
            return;
        }
        let mut operands = [0, 1, 2].map(|seed| operand(seed, n));
        let at = |place: usize, element: usize| {
            operands[place][if scalars[place] { 0 } else { element }]
        };
        let expected: Vec<f64> = (0..n)
            .map(|element| plain(operation, [0, 1, 2].map(|place| at(place, element))))
            .collect();
        let kernel = Kernels::<f64>::kernel(level, operation, scalars).expect("it has a kernel");
        let mut own = vec![0.0; n];
        let [a, b, c] = operands.each_mut().map(Vec::as_mut_ptr);
        let out = over.map_or(own.as_mut_ptr(), |place| [a, b, c][place]);
        // SAFETY: each operand and the result hold `n` elements.
        unsafe { kernel(a, b, c, out, n) };
        let found = over.map_or(&own, |place| &operands[place]);
        for (found, expected) in found.iter().zip(&expected) {
            let close = (found - expected).abs() <= 1e-12 * expected.abs();
            assert!(
                close,
                "{operation:?} {scalars:?} {over:?} at {level:?}: {found} for {expected}"
            );
        }
    }

    #[test]
    fn what_is_written_past_the_caches_is_what_would_be_written_through_them() {
        #[repr(align(64))]
        struct Lines([f64; 64]);
        let [x, y, z] = [0, 1, 2].map(|seed| operand(seed, 64));
        for operation in [Operation::MultiplyAdd, Operation::DivideAdd] {
            for scalars in (0..7).map(|all| [0, 1, 2].map(|place| all >> place & 1 == 1)) {
                let level = Level::detect();
                let Some(past) = Kernels::<f64>::past(level, operation, scalars) else {
                    assert_ne!(level, Level::Avx512, "{operation:?} {scalars:?}");
                    continue;
                };
                let through = Kernels::<f64>::kernel(level, operation, scalars);
                let through = through.expect("it has a kernel");
                let (mut found, mut expected) = (Lines([0.0; 64]), [0.0; 64]);
                // SAFETY (both): all hold so many elements, and the result of the first starts with a line.
                unsafe {
                    past(x.as_ptr(), y.as_ptr(), z.as_ptr(), found.0.as_mut_ptr(), 56);
                    through(
                        x.as_ptr(),
                        y.as_ptr(),
                        z.as_ptr(),
                        expected.as_mut_ptr(),
                        56,
                    );
                }
                super::stream::finish();
                assert_eq!(found.0, expected, "{operation:?} {scalars:?}");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_is_never_greatest_nor_lost() {
        let (x, y) = ([f64::NAN, 1.0, 2.0], [0.0, f64::NAN, 1.0]);
        for level in Level::available() {
            for operation in [Binary::Maximum, Binary::Minimum] {
                let mut out = [0.0; 3];
                let kernel =
                    Kernels::<f64>::kernel(level, Operation::Binary(operation), [false; 3]);
                let kernel = kernel.expect("it has a kernel");
                // SAFETY: all hold three elements.
                unsafe { kernel(x.as_ptr(), y.as_ptr(), y.as_ptr(), out.as_mut_ptr(), 3) };
                assert!(out[0].is_nan() && out[1].is_nan() && !out[2].is_nan());
            }
        }
    }
}
