//! Kernels that combine the elements of blocks, or the products of two blocks' elements, compiled for several
//! instruction sets and chosen at run time. Nothing here decides what is combined.

use std::marker::PhantomData;

use super::elementwise::Level;
use super::real::Reducer;
use super::special;
use crate::term::Combine;

/// What is combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// The elements of a block.
    Elements(Combine),
    /// The products of the elements of two blocks, which are summed.
    Products,
}

/// The kernels of one precision.
pub(crate) struct Reducers<T>(PhantomData<T>);

/// Partial results of a reduction, combined in the end: enough for several vectors side by side.
const LANES: usize = 64;
/// The same for rows that are shorter.
const NARROW: usize = 8;
/// Columns that are combined side by side: of several rows, and of a single one.
const FOLDED: usize = 32;
const FOLDED_ROW: usize = 64;

/// Combines `n` elements of each source: `step` takes the next ones, `combine` two partial results. The elements must
/// be there.
macro_rules! reduce {
    ($type:ty, $n:ident, [$($source:ident),+], $start:expr, |$x:ident| $step:expr, |$y:ident| $combine:expr) => {{
        let mut start = 0;
        let mut total: $type = $start;
        if LANES <= $n {
            total = reduce!(@lanes LANES, $type, $n, [$($source),+], start, $start, |$x| $step, |$y| $combine);
        } else if NARROW <= $n {
            total = reduce!(@lanes NARROW, $type, $n, [$($source),+], start, $start, |$x| $step, |$y| $combine);
        }
        while start < $n {
            $(let $source = *$source.add(start);)+
            let $x = total;
            total = $step;
            start += 1;
        }
        total
    }};
    (@lanes $lanes:ident, $type:ty, $n:ident, [$($source:ident),+], $place:ident, $start:expr, |$x:ident| $step:expr, |$y:ident| $combine:expr) => {{
        let mut lanes: [$type; $lanes] = [$start; $lanes];
        while $place + $lanes <= $n {
            $(let $source = $source.add($place).cast::<[$type; $lanes]>().read_unaligned();)+
            for lane in 0..$lanes {
                $(let $source = $source[lane];)+
                let $x = lanes[lane];
                lanes[lane] = $step;
            }
            $place += $lanes;
        }
        let mut width = $lanes / 2;
        while width > 0 {
            for lane in 0..width {
                let ($x, $y) = (lanes[lane], lanes[lane + width]);
                lanes[lane] = $combine;
            }
            width /= 2;
        }
        lanes[0]
    }};
}

/// Combines the elements of each row.
macro_rules! along {
    ($($attribute:meta)?, $type:ty, $name:ident, ($a:ident, $b:ident), [$($source:ident),+], $start:expr, |$x:ident| $step:expr, |$y:ident| $combine:expr) => {
        $(#[$attribute])?
        pub(super) unsafe fn $name(
            $a: *const $type,
            $b: *const $type,
            width: usize,
            rows: usize,
            to: *mut $type,
        ) {
            for row in 0..rows {
                // SAFETY: the caller promises so many rows of this width, and an element for each.
                unsafe {
                    $(let $source = $source.add(row * width);)+
                    *to.add(row) =
                        reduce!($type, width, [$($source),+], $start, |$x| $step, |$y| $combine);
                }
            }
        }
    };
}

/// Combines rows into one that is there already, column by column.
macro_rules! across {
    (@row $count:ident, $type:ty, [$($source:ident),+], $place:ident, $lanes:ident, |$x:ident| $step:expr) => {
        $(let $source = $source.add($place).cast::<[$type; $count]>().read_unaligned();)+
        for lane in 0..$count {
            $(let $source = $source[lane];)+
            let $x = $lanes[lane];
            $lanes[lane] = $step;
        }
    };
    ($($attribute:meta)?, $type:ty, $name:ident, ($a:ident, $b:ident), [$($source:ident),+], |$x:ident| $step:expr) => {
        $(#[$attribute])?
        pub(super) unsafe fn $name(
            $a: *const $type,
            $b: *const $type,
            width: usize,
            rows: usize,
            to: *mut $type,
        ) {
            let mut column = 0;
            // SAFETY (all): the caller promises so many rows of this width, and a row to combine them into.
            while rows == 1 && column + FOLDED_ROW <= width {
                unsafe {
                    let to = to.add(column).cast::<[$type; FOLDED_ROW]>();
                    let mut lanes = to.read_unaligned();
                    across!(@row FOLDED_ROW, $type, [$($source),+], column, lanes, |$x| $step);
                    to.write_unaligned(lanes);
                }
                column += FOLDED_ROW;
            }
            while column + FOLDED <= width {
                unsafe {
                    let to = to.add(column).cast::<[$type; FOLDED]>();
                    let mut lanes = to.read_unaligned();
                    for row in 0..rows {
                        let place = row * width + column;
                        across!(@row FOLDED, $type, [$($source),+], place, lanes, |$x| $step);
                    }
                    to.write_unaligned(lanes);
                }
                column += FOLDED;
            }
            for column in column..width {
                unsafe {
                    let mut total = *to.add(column);
                    for row in 0..rows {
                        $(let $source = *$source.add(row * width + column);)+
                        let $x = total;
                        total = $step;
                    }
                    *to.add(column) = total;
                }
            }
        }
    };
}

macro_rules! level {
    ($module:ident, $type:ident, $functions:ident, $fused:expr $(, $attribute:meta)?) => {
        mod $module {
            use super::{FOLDED, FOLDED_ROW, LANES, NARROW, special};
            use special::$functions::fused;

            const FUSED: bool = $fused;
            /// What is not a number stays so, on either side.
            #[inline(always)]
            const fn greater_of(x: $type, y: $type) -> $type {
                if x > y || x.is_nan() { x } else { y }
            }
            #[inline(always)]
            const fn less_of(x: $type, y: $type) -> $type {
                if x < y || x.is_nan() { x } else { y }
            }

            along!($($attribute)?, $type, sum, (a, _b), [a], 0.0, |x| x + a, |y| x + y);
            along!($($attribute)?, $type, sum_of_products, (a, b), [a, b], 0.0, |x| fused::<FUSED>(a, b, x), |y| x + y);
            along!($($attribute)?, $type, product, (a, _b), [a], 1.0, |x| x * a, |y| x * y);
            along!($($attribute)?, $type, greatest, (a, _b), [a], $type::NEG_INFINITY, |x| greater_of(x, a), |y| greater_of(x, y));
            along!($($attribute)?, $type, least, (a, _b), [a], $type::INFINITY, |x| less_of(x, a), |y| less_of(x, y));
            across!($($attribute)?, $type, sum_across, (a, _b), [a], |x| x + a);
            across!($($attribute)?, $type, sum_of_products_across, (a, b), [a, b], |x| fused::<FUSED>(a, b, x));
            across!($($attribute)?, $type, product_across, (a, _b), [a], |x| x * a);
            across!($($attribute)?, $type, greatest_across, (a, _b), [a], |x| greater_of(x, a));
            across!($($attribute)?, $type, least_across, (a, _b), [a], |x| less_of(x, a));
        }
    };
}

macro_rules! table {
    ($module:ident, $reduction:ident, $across:ident) => {
        match ($reduction, $across) {
            (Reduction::Products, false) => $module::sum_of_products,
            (Reduction::Products, true) => $module::sum_of_products_across,
            (Reduction::Elements(Combine::Sum), false) => $module::sum,
            (Reduction::Elements(Combine::Sum), true) => $module::sum_across,
            (Reduction::Elements(Combine::Product), false) => $module::product,
            (Reduction::Elements(Combine::Product), true) => $module::product_across,
            (Reduction::Elements(Combine::Maximum), false) => $module::greatest,
            (Reduction::Elements(Combine::Maximum), true) => $module::greatest_across,
            (Reduction::Elements(Combine::Minimum), false) => $module::least,
            (Reduction::Elements(Combine::Minimum), true) => $module::least_across,
        }
    };
}

macro_rules! precision {
    ($type:ident, $functions:ident, $modules:tt) => {
        levels!(level, $type, $functions, $modules, [], []);

        impl Reducers<$type> {
            /// The kernel that combines rows into an element each or, across them, into one row that is there, at a
            /// level that the machine has.
            pub(crate) fn reducer(
                level: Level,
                reduction: Reduction,
                across: bool,
            ) -> Reducer<$type> {
                at_level!(level, $modules, table(reduction, across))
            }
        }
    };
}

precision!(f32, float, [float_portable float_avx2 float_avx512]);
precision!(f64, double, [double_portable double_avx2 double_avx512]);

#[cfg(test)]
mod tests {
    use super::{Level, Reducers, Reduction};
    use crate::term::Combine;

    /// Combines the products of two rows' elements; the second row may not matter.
    type Combined = fn(&[f64], &[f64]) -> f64;

    const ALL: [(Reduction, Combined); 5] = [
        (Reduction::Elements(Combine::Sum), |x, _| x.iter().sum()),
        (Reduction::Elements(Combine::Maximum), |x, _| {
            x.iter().copied().fold(0.0, f64::max)
        }),
        (Reduction::Elements(Combine::Minimum), |x, _| {
            x.iter().copied().fold(9.0, f64::min)
        }),
        (Reduction::Elements(Combine::Product), |x, _| {
            x.iter().product()
        }),
        (Reduction::Products, |x, y| {
            x.iter().zip(y).map(|(x, y)| x * y).sum()
        }),
    ];

    /// Small whole numbers and halves.
    fn operand(seed: usize, n: usize) -> Vec<f64> {
        let element = |place: usize| ((place * 7 + seed * 5) % 13) as f64 * 0.5 + 0.5;
        (0..n).map(element).collect()
    }

    #[test]
    fn rows_of_any_width_are_combined() {
        for level in Level::available() {
            for width in [1, 3, 8, 10, 63, 64, 65, 200] {
                let (rows, others) = (operand(3, 5 * width), operand(4, 5 * width));
                let row = |rows: &[f64], number: usize| rows[number * width..][..width].to_vec();
                for (reduction, combined) in ALL {
                    let close = |found: f64, expected: f64, what: &str| {
                        let close = (found - expected).abs() <= 1e-12 * expected.abs();
                        assert!(
                            close,
                            "{reduction:?} {what} {width} at {level:?}: {found} for {expected}"
                        );
                    };
                    let mut found = [0.0; 5];
                    let reducer = Reducers::<f64>::reducer(level, reduction, false);
                    // SAFETY: five rows of this width each, and five results.
                    unsafe {
                        reducer(rows.as_ptr(), others.as_ptr(), width, 5, found.as_mut_ptr());
                    };
                    for (number, found) in found.into_iter().enumerate() {
                        let expected = combined(&row(&rows, number), &row(&others, number));
                        close(found, expected, "along");
                    }
                    let mut found = row(&rows, 0);
                    if reduction == Reduction::Products {
                        let others = row(&others, 0);
                        found.iter_mut().zip(others).for_each(|(x, y)| *x *= y);
                    }
                    let across = Reducers::<f64>::reducer(level, reduction, true);
                    let (from, with) = (rows[width..].as_ptr(), others[width..].as_ptr());
                    // SAFETY: four rows of this width each, and one that is there.
                    unsafe { across(from, with, width, 4, found.as_mut_ptr()) };
                    for (column, found) in found.into_iter().enumerate() {
                        let column = |rows: &[f64]| -> Vec<f64> {
                            (0..5).map(|number| rows[number * width + column]).collect()
                        };
                        close(found, combined(&column(&rows), &column(&others)), "across");
                    }
                }
            }
        }
    }
}
