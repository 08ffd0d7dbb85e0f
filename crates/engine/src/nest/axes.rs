//! The axes of a nest: in which order they run, and which of them are one. Nothing here knows what is computed.

use super::{Access, Rows};
use crate::term::Statement;

/// What happens along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Outer,
    Reduced,
    Inner,
}

/// The order of the axes and their classes.
pub(super) fn order(
    statement: &Statement,
    accesses: &[Access],
    prefix: usize,
) -> Vec<(usize, Class)> {
    let rank = statement.rank;
    let mut order: Vec<(usize, Class)> = (0..rank).map(|axis| (axis, Class::Outer)).collect();
    if statement.is_map() {
        return order;
    }
    let volume = |access: &Access| -> usize {
        let axes = access.strides.iter().zip(&statement.extents);
        axes.filter(|(stride, _)| **stride > 0)
            .map(|(_, extent)| extent)
            .product()
    };
    let contiguous = |axis: usize| -> usize {
        let loads = accesses
            .iter()
            .filter(|access| access.strides.get(axis) == Some(&1));
        loads.map(volume).sum()
    };
    let mut reduced: Vec<usize> = (rank..statement.extents.len()).collect();
    if let Some(largest) = accesses.iter().max_by_key(|access| volume(access))
        && !largest.strides.is_empty()
    {
        reduced.sort_by_key(|axis| std::cmp::Reverse(largest.strides[*axis]));
    }
    let best = reduced.iter().map(|axis| contiguous(*axis)).max();
    // The rows of a tile restrict the outer axes or the inner one, not parts of both.
    let whole = rank > prefix || rank == 1;
    // A sum that goes on from strip to strip is kept in its target.
    let goes_on = statement.splits_rows();
    let along =
        statement.extents[..rank].last() > Some(&1) && contiguous(rank - 1) > best.unwrap_or(0);
    let across = rank > 0 && whole && (goes_on || along);
    let reduced = reduced.into_iter().map(|axis| (axis, Class::Reduced));
    if across {
        order.pop();
        order.extend(reduced);
        order.push((rank - 1, Class::Inner));
    } else {
        order.extend(reduced);
    }
    order
}

/// The axes of a nest.
pub(super) struct Collapsed {
    pub extents: Vec<usize>,
    pub classes: Vec<Class>,
    pub rows: Rows,
    /// Where each axis of the statement went; only axes that stand alone are asked for.
    pub images: Vec<Option<usize>>,
}

/// An axis of the nest while neighbours are merged.
struct Merged {
    extent: usize,
    class: Class,
    /// Whether it is one of the axes that make up the rows of tiles.
    leads: bool,
    alone: bool,
    strides: Vec<Option<usize>>,
}

impl Merged {
    /// Whether every operand walks this axis and the next as one.
    fn continues(&self, next: &Self) -> bool {
        let strides = self.strides.iter().zip(&next.strides);
        let as_one = |(outer, inner): (&Option<usize>, &Option<usize>)| match (outer, inner) {
            (Some(outer), Some(inner)) => *outer == inner * next.extent,
            _ => true,
        };
        !self.alone && !next.alone && self.class == next.class && strides.into_iter().all(as_one)
    }

    fn absorb(&mut self, next: Self) {
        self.extent *= next.extent;
        self.leads &= next.leads;
        self.strides = next.strides;
    }
}

/// Drops axes of extent one and merges neighbours that every operand walks as one.
pub(super) fn collapse(
    statement: &Statement,
    order: &[(usize, Class)],
    accesses: &mut [Access],
    alone: &[usize],
    prefix: usize,
) -> Collapsed {
    let mut axes: Vec<Merged> = Vec::new();
    let mut images = vec![None; statement.extents.len()];
    for (axis, class) in order {
        if statement.extents[*axis] == 1 {
            continue;
        }
        let next = Merged {
            extent: statement.extents[*axis],
            class: *class,
            leads: *axis < prefix.min(statement.rank),
            alone: alone.contains(axis),
            strides: accesses
                .iter()
                .map(|access| access.strides.get(*axis).copied())
                .collect(),
        };
        match axes.last_mut() {
            Some(last) if last.leads == next.leads && last.continues(&next) => last.absorb(next),
            _ => axes.push(next),
        }
        images[*axis] = Some(axes.len() - 1);
    }
    // Rows that lie one behind the other are one axis.
    let mut row = 1;
    if let [first, second] = &*axes
        && first.leads
        && first.continues(second)
    {
        row = second.extent;
        if let Some(second) = axes.pop() {
            axes[0].absorb(second);
            axes[0].leads = true;
        }
    }
    let reduces = axes.iter().any(|axis| axis.class == Class::Reduced);
    // Rows that are counted along several axes restrict these, so that another must be the last one.
    let all_lead = axes.len() > 1 && axes.iter().all(|axis| axis.leads);
    if axes.is_empty() || all_lead || (!statement.is_map() && !reduces) {
        axes.push(Merged {
            extent: 1,
            class: Class::Reduced,
            leads: false,
            alone: false,
            strides: vec![Some(0); accesses.len()],
        });
    }
    let rows = match &*axes {
        axes if !axes.iter().any(|axis| axis.leads) => Rows::One,
        [.., last] if last.leads => Rows::Inner(row),
        [outer @ .., _] => {
            let inside = outer.iter().filter(|axis| !axis.leads);
            Rows::Outer(inside.map(|axis| axis.extent).product())
        }
        [] => Rows::One,
    };
    for (place, access) in accesses.iter_mut().enumerate() {
        let strides = axes.iter().map(|axis| axis.strides[place].unwrap_or(0));
        access.strides = strides.collect();
    }
    Collapsed {
        extents: axes.iter().map(|axis| axis.extent).collect(),
        classes: axes.iter().map(|axis| axis.class).collect(),
        rows,
        images,
    }
}
