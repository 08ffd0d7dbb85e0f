//! Where each array lies in the arena: arrays that are not needed at the same time share a place, and an
//! element-wise result takes the place of an operand that ends with it. Nothing is allocated here.

use std::collections::HashMap;

use crate::fuse::Fused;
use crate::schedule::Group;
use crate::term::{ArrayId, Origin};

/// The places of all arrays, in elements.
#[derive(Debug)]
pub(crate) struct Layout {
    offsets: HashMap<ArrayId, usize>,
    /// The size of the arena.
    pub size: usize,
}

impl Layout {
    /// Where the array starts; `None` if no statement needs it.
    pub(crate) fn offset(&self, array: ArrayId) -> Option<usize> {
        self.offsets.get(&array).copied()
    }
}

/// Every array starts at a multiple of this many elements, so that rows of vectors are aligned.
pub(crate) const ALIGNMENT: usize = 16;

struct Span {
    array: ArrayId,
    size: usize,
    first: usize,
    last: usize,
}

/// Places the arrays of all groups.
pub(crate) fn place(fused: &Fused, groups: &[Group]) -> Layout {
    let end = groups
        .iter()
        .map(|group| group.level + 1)
        .max()
        .unwrap_or(0);
    let mut level_of = vec![0; fused.statements.len()];
    for group in groups {
        for member in &group.members {
            level_of[*member] = group.level;
        }
    }
    let homes = homes(fused, groups, &level_of);
    let home = |array: ArrayId| homes.get(&array).copied().unwrap_or(array);
    let mut spans: HashMap<ArrayId, Span> = HashMap::new();
    let mut extend = |array: ArrayId, first: usize, last: usize| {
        let size = fused.arrays[array.0].len().next_multiple_of(ALIGNMENT);
        let array = home(array);
        let span = spans.entry(array).or_insert(Span {
            array,
            size,
            first,
            last,
        });
        span.first = span.first.min(first);
        span.last = span.last.max(last);
    };
    for (place, array) in fused.arrays.iter().enumerate() {
        if array.origin == Origin::Input {
            extend(ArrayId(place), 0, end);
        }
    }
    for (place, statement) in fused.statements.iter().enumerate() {
        let level = level_of[place];
        let last = if fused.kept.contains(&statement.target) {
            end
        } else {
            level
        };
        extend(statement.target, level, last);
        for array in statement.reads() {
            extend(array, level, level);
        }
    }
    // A kept array may be an input as well; large ones first leave the fewest gaps.
    let mut spans: Vec<Span> = spans.into_values().collect();
    spans.sort_by_key(|span| (std::cmp::Reverse(span.size), span.array));
    let mut placed: Vec<(usize, Span)> = Vec::new();
    let mut offsets = HashMap::new();
    let mut size = 0;
    for span in spans {
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|(_, other)| other.first <= span.last && span.first <= other.last)
            .map(|(offset, other)| (*offset, offset + other.size))
            .collect();
        taken.sort_unstable();
        let mut offset = 0;
        for (from, to) in taken {
            if from >= offset + span.size {
                break;
            }
            offset = offset.max(to);
        }
        size = size.max(offset + span.size);
        offsets.insert(span.array, offset);
        placed.push((offset, span));
    }
    for place in 0..fused.arrays.len() {
        let array = ArrayId(place);
        if let Some(offset) = offsets.get(&home(array)).copied() {
            offsets.insert(array, offset);
        }
    }
    Layout { offsets, size }
}

/// For arrays that take another one's place, that one.
fn homes(fused: &Fused, groups: &[Group], level_of: &[usize]) -> HashMap<ArrayId, ArrayId> {
    let mut homes: HashMap<ArrayId, ArrayId> = fused.replaces.clone();
    for group in groups {
        for (turn, member) in group.members.iter().enumerate() {
            let statement = &fused.statements[*member];
            let target = statement.target;
            if !statement.is_map() || fused.overwrites(target).is_some() {
                continue;
            }
            let ends_here = |array: &ArrayId| {
                let known = &fused.arrays[array.0];
                known.origin != Origin::Input
                    && fused.overwrites(*array).is_none()
                    && !fused.kept.contains(array)
                    && known.shape == statement.extents
                    && statement.reads_in_place(*array)
                    && fused.statements.iter().enumerate().all(|(place, other)| {
                        let earlier = group.members.iter().position(|other| *other == place);
                        place == *member
                            || level_of[place] < group.level
                            || earlier.is_some_and(|earlier| earlier < turn)
                            || !other.reads().contains(array)
                    })
            };
            if let Some(array) = statement.body.arrays().into_iter().find(ends_here) {
                let home = homes.get(&array).copied().unwrap_or(array);
                homes.insert(target, home);
            }
        }
    }
    homes
}
