//! The order of the axes of arrays that only the plan sees: a long axis before a short one is turned, so that loops run
//! along the long one. Every rewrite here keeps values.

use std::collections::BTreeSet;

use crate::term::{Array, ArrayId, Origin, Position, Start, Statement, Term};

/// An axis of so many elements is short: no more than a vector. One of a single element is none.
const SHORT: std::ops::RangeInclusive<usize> = 2..=16;
/// Larger arrays stay: they are split into tiles along their first axis.
const LARGEST: usize = 64 * 1024;

/// Turns matrices with short rows, but for those in `needed`, whose elements are read from outside.
pub(crate) fn turn(statements: &mut [Statement], arrays: &mut [Array], needed: &BTreeSet<ArrayId>) {
    let turned: BTreeSet<ArrayId> = statements
        .iter()
        .map(|statement| statement.target)
        .filter(|target| {
            let array = &arrays[target.0];
            let short =
                matches!(&*array.shape, [long, short] if SHORT.contains(short) && *long > 2 * short);
            // A function of matrices reads and writes them as they lie.
            let whole = statements.iter().any(|statement| {
                statement.dense.is_some()
                    && (statement.target == *target || statement.body.arrays().contains(target))
            });
            short
                && !whole
                && array.len() <= LARGEST
                && array.origin != Origin::Input
                && !needed.contains(target)
        })
        .collect();
    for target in &turned {
        arrays[target.0].shape.reverse();
    }
    for statement in statements {
        let own = turned.contains(&statement.target);
        if own {
            statement.extents.swap(0, 1);
        }
        let position = |axis| match axis {
            0 | 1 if own => Position::Axis(1 - axis),
            _ => Position::Axis(axis),
        };
        let mut load = |array, mut positions: Vec<Position>| {
            if turned.contains(&array) {
                positions.reverse();
            }
            Term::Load(array, positions)
        };
        statement.body = statement.body.rebuild(&mut load, &position);
        if let Start::Vector(vector) = &mut statement.start {
            *vector = vector.at(&position);
        }
    }
}
