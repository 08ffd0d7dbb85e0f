//! The vector functions at every level that the machine has: errors against better references over a dense part of
//! their arguments, and what they make of infinities, zeros and what is not a number. The bench `accuracy` measures
//! every single-precision number there is.

use backprove_engine::functions::{Function, Level, apply};
use xtask::accuracy::{double_error, precise, reference, single_error};

/// The functions, their names, and the units of the last place by which they may err in either precision.
const FUNCTIONS: [(Function, &str, f64, f64); 9] = [
    (Function::Exp, "exp", 1.3, 1.2),
    (Function::Expm1, "expm1", 1.7, 2.0),
    (Function::Log, "log", 0.9, 0.9),
    (Function::Log1p, "log1p", 1.4, 1.4),
    (Function::Tanh, "tanh", 1.6, 1.6),
    (Function::Sigmoid, "sigmoid", 2.0, 2.0),
    (Function::Erf, "erf", 2.0, 1.7),
    (Function::Sqrt, "sqrt", 0.501, 0.501),
    (Function::Reciprocal, "reciprocal", 0.501, 0.501),
];

/// Every so many-th number, the numbers around each power of two, infinities and what is not a number.
fn arguments() -> Vec<f32> {
    let dense = (0..=u32::MAX).step_by(4_099);
    let edges = (0..=255_u32).flat_map(|exponent| {
        let around = [0, 1, 2, 0x0035_04f3, 0x0040_0000, 0x007f_fffe, 0x007f_ffff];
        around.map(|mantissa| exponent << 23 | mantissa)
    });
    // Where results overflow, underflow, or another formula takes over.
    let borders = [
        88.722_84, 88.722_9, 87.336_54, 103.278_93, 103.972_08, 104.5, 16.635_53, 17.328_68, 18.0,
        0.55, 1.0, 3.832_507, 3.95, 9.010_913, 9.0,
    ];
    let borders = borders.into_iter().flat_map(|x: f32| {
        let bits = x.to_bits();
        bits - 3..bits + 4
    });
    let all = dense.chain(edges).chain(borders);
    all.flat_map(|bits| [bits, bits ^ 1 << 31])
        .map(f32::from_bits)
        .collect()
}

#[test]
fn single_precision_errs_by_less_than_is_claimed() {
    let from = arguments();
    let mut to = vec![0.0; from.len()];
    for (function, name, claimed, _) in FUNCTIONS {
        let exact = reference(name).expect("every function has a reference");
        let exact: Vec<f64> = from.iter().map(|x| exact(f64::from(*x))).collect();
        for level in Level::available() {
            apply(function, level, &from, &mut to);
            for ((x, found), exact) in from.iter().zip(&to).zip(&exact) {
                let error = single_error(*found, *exact);
                assert!(
                    error <= claimed,
                    "{name}({x:e}) is {found:e} instead of {exact:e} at {level:?}: {error} units"
                );
            }
        }
    }
}

#[test]
fn double_precision_errs_by_less_than_is_claimed() {
    // Magnitudes of every size, most of them where functions are neither zero nor one.
    let mut from = Vec::new();
    let mut x = 1e-320;
    while x < 1e300 {
        from.extend([x, -x]);
        x *= if x > 1e-3 && x < 1e3 { 1.001_7 } else { 2.9 };
    }
    from.extend((1..1_000).map(|x| 1.0 + f64::from(x * x) * 1e-9));
    for (function, name, _, claimed) in FUNCTIONS {
        let exact = reference(name).expect("every function has a reference");
        let defined = |x: &f64| {
            let value = exact(*x);
            value.is_finite() && value != 0.0
        };
        let from: Vec<f64> = from.iter().copied().filter(defined).collect();
        let mut to = vec![0.0; from.len()];
        for level in Level::available() {
            apply(function, level, &from, &mut to);
            for (x, found) in from.iter().zip(&to) {
                let Some(exact) = precise(name, *x) else {
                    continue;
                };
                let error = double_error(*found, exact);
                assert!(
                    error <= claimed,
                    "{name}({x:e}) is {found:e} at {level:?}: {error} units"
                );
            }
        }
    }
}

/// The values at −∞, −0, 0 and ∞.
const SPECIAL: [(Function, [f64; 4]); 9] = {
    const INFINITY: f64 = f64::INFINITY;
    [
        (Function::Exp, [0.0, 1.0, 1.0, INFINITY]),
        (Function::Expm1, [-1.0, -0.0, 0.0, INFINITY]),
        (Function::Log, [f64::NAN, -INFINITY, -INFINITY, INFINITY]),
        (Function::Log1p, [f64::NAN, -0.0, 0.0, INFINITY]),
        (Function::Tanh, [-1.0, -0.0, 0.0, 1.0]),
        (Function::Sigmoid, [0.0, 0.5, 0.5, 1.0]),
        (Function::Erf, [-1.0, -0.0, 0.0, 1.0]),
        (Function::Sqrt, [f64::NAN, -0.0, 0.0, INFINITY]),
        (Function::Reciprocal, [-0.0, -INFINITY, INFINITY, 0.0]),
    ]
};

#[test]
fn values_at_infinities_and_zeros() {
    let from = [f64::NEG_INFINITY, -0.0, 0.0, f64::INFINITY, f64::NAN];
    let narrow = from.map(|x| x as f32);
    for (function, values) in SPECIAL {
        for level in Level::available() {
            let (mut wide, mut single) = ([0.0; 5], [0.0_f32; 5]);
            apply(function, level, &from, &mut wide);
            apply(function, level, &narrow, &mut single);
            for ((value, wide), single) in values.into_iter().zip(wide).zip(single) {
                let same = |found: f64| {
                    found.to_bits() == value.to_bits() || found.is_nan() && value.is_nan()
                };
                assert!(same(wide), "{function:?} at {level:?}: {wide} for {value}");
                let single = f64::from(single);
                assert!(
                    same(single),
                    "{function:?} at {level:?}: {single} for {value}"
                );
            }
            assert!(wide[4].is_nan() && single[4].is_nan(), "{function:?}");
        }
    }
}

#[test]
fn overflow_and_underflow_in_double_precision() {
    let cases = [
        (Function::Exp, 709.782_712_893_384, f64::MAX),
        (Function::Exp, 709.782_712_893_385, f64::INFINITY),
        (Function::Exp, -745.2, 0.0),
        (Function::Expm1, 709.782_712_893_385, f64::INFINITY),
        (Function::Expm1, -60.0, -1.0),
        (Function::Sigmoid, -745.2, 0.0),
        (Function::Sigmoid, 40.0, 1.0),
        (Function::Tanh, 30.0, 1.0),
        (Function::Erf, -7.0, -1.0),
    ];
    for (function, x, value) in cases {
        for level in Level::available() {
            let mut found = [0.0_f64];
            apply(function, level, &[x], &mut found);
            let same = found[0].to_bits() == value.to_bits();
            let close = same || (found[0] - value).abs() <= value.abs() * 1e-12;
            assert!(close, "{function:?}({x}) is {} at {level:?}", found[0]);
        }
    }
}

#[test]
fn levels_with_fused_multiplication_give_the_same_bits() {
    let fused: Vec<Level> = Level::available();
    let fused: Vec<Level> = fused.into_iter().filter(|l| *l >= Level::Avx2).collect();
    let from = arguments();
    let wide: Vec<f64> = from.iter().map(|x| f64::from(*x) * 1.000_000_001).collect();
    for (function, name, ..) in FUNCTIONS {
        let bits = |level: &Level| {
            let (mut single, mut double) = (vec![0.0; from.len()], vec![0.0; wide.len()]);
            apply(function, *level, &from, &mut single);
            apply(function, *level, &wide, &mut double);
            let single: Vec<u32> = single.iter().map(|x| x.to_bits()).collect();
            let double: Vec<u64> = double.iter().map(|x| x.to_bits()).collect();
            (single, double)
        };
        let all: Vec<_> = fused.iter().map(bits).collect();
        let same = all.windows(2).all(|pair| pair[0] == pair[1]);
        assert!(same, "{name} differs between levels");
    }
}
