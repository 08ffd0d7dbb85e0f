//! Packed products compared with plain loops and with `faer`, whether or not the left operand is packed as a whole.

use faer::traits::ComplexField;

use super::{Room, USED, scratch_size};
use crate::kernels::product::{Call, multiply};
use crate::kernels::real::Real;
use crate::product::PANEL_ROWS;

/// Reproducible numbers below a bound.
struct Source(u64);

impl Source {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn values<T: Real>(&mut self, count: usize) -> Vec<T> {
        let value = |_| T::from_f64(self.below(2001) as f64 / 1000.0 - 1.0);
        (0..count).map(value).collect()
    }
}

/// Strides of a matrix with gaps, rows or columns side by side, and the elements that it takes.
fn strides(shape: [usize; 2], gap: usize, turned: bool) -> ([isize; 2], usize) {
    let [rows, columns] = shape;
    if turned {
        ([1, (rows + gap) as isize], (rows + gap) * columns)
    } else {
        ([(columns + gap) as isize, 1], (columns + gap) * rows)
    }
}

/// Compares with plain loops in double precision and with `faer`; what lies between the target's rows and behind the
/// scratch space stays.
fn agrees<T: Real + ComplexField>(
    shape: [usize; 3],
    shared: bool,
    source: &mut Source,
    tolerance: f64,
) {
    let Some(packed) = T::packed() else { return };
    let [rows, columns, depth] = shape;
    let (left_strides, size) = strides([rows, depth], source.below(9), source.below(2) == 1);
    let left: Vec<T> = source.values(size);
    let (right_strides, size) = strides([depth, columns], source.below(9), source.below(2) == 1);
    let right: Vec<T> = source.values(size);
    let (target_strides, size) = strides([rows, columns], source.below(9), false);
    let before: Vec<T> = source.values(size);
    let mut own = before.clone();
    let mut other = before.clone();
    let guard = T::from_f64(7.0);
    let size = scratch_size(shape, shared, false);
    let mut scratch = vec![guard; size + 64];
    let factor = [1.0, -0.5][source.below(2)];
    let adds = source.below(2) == 1;
    let call = |target: &mut [T]| {
        let target = target.as_mut_ptr();
        Call {
            shape,
            left: (left.as_ptr(), left_strides),
            right: (right.as_ptr(), right_strides),
            target: (target, target_strides),
            factor: T::from_f64(factor),
            start: adds.then_some((target.cast_const(), target_strides)),
        }
    };
    let mut done = vec![0; rows * columns];
    let all_rows = rows.next_multiple_of(PANEL_ROWS);
    let mut panels = vec![guard; all_rows * depth];
    // SAFETY: all matrices have the sizes that the call names, and the machine was asked.
    unsafe {
        let border = (rows / 2).next_multiple_of(PANEL_ROWS).min(rows);
        for (first, last) in [(0, border), (border, rows)] {
            let to = (panels.as_mut_ptr(), all_rows);
            (packed.panels)(left.as_ptr(), left_strides, [first, last, depth], to);
        }
        let room = Room {
            scratch: scratch.as_mut_ptr(),
            left: shared.then_some((panels.as_ptr(), all_rows, 0)),
            near: false,
            used: [std::ptr::null(); USED],
        };
        (packed.product)(&call(&mut own), room, &mut |rows, across| {
            for row in rows {
                done[row * columns..][across.clone()]
                    .iter_mut()
                    .for_each(|times| *times += 1);
            }
        });
        multiply(call(&mut other));
    }
    assert!(scratch[size..].iter().all(|value| *value == guard));
    assert!(done.iter().all(|times| *times == 1), "{shape:?}");
    let at = |values: &[T], strides: [isize; 2], row: usize, column: usize| {
        values[row * strides[0] as usize + column * strides[1] as usize].to_f64()
    };
    let width = target_strides[0] as usize;
    for (place, found) in own.iter().enumerate() {
        let (row, column) = (place / width, place % width);
        if column >= columns {
            assert!(
                *found == before[place],
                "{shape:?}: written beside the target"
            );
            continue;
        }
        let product =
            |inner| at(&left, left_strides, row, inner) * at(&right, right_strides, inner, column);
        let sum: f64 = (0..depth).map(product).sum();
        let start = if adds { before[place].to_f64() } else { 0.0 };
        let expected = start + factor * sum;
        for found in [found.to_f64(), other[place].to_f64()] {
            assert!(
                (found - expected).abs() <= tolerance,
                "{shape:?}: {found} instead of {expected} at {row}, {column}"
            );
        }
    }
}

#[test]
fn shapes_strides_and_edges_agree_with_plain_loops() {
    let mut source = Source(3);
    let mut shapes = vec![
        [1, 1, 1],
        [8, 48, 384],
        [9, 49, 385],
        [520, 17, 5],
        [1030, 50, 30],
        [16, 130, 1100],
    ];
    let most = [70, 150, 800];
    shapes.extend((0..40).map(|_| most.map(|most| 1 + source.below(most))));
    for shape in shapes {
        for shared in [false, true] {
            agrees::<f32>(shape, shared, &mut source, 2e-4);
            agrees::<f64>(shape, shared, &mut source, 1e-12);
        }
    }
}
