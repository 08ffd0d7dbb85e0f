//! Where each array lies in the arena: arrays that are not needed at the same time share a place, and an
//! element-wise result takes the place of an operand that ends with it. Nothing is allocated here.

use std::collections::{BTreeMap, BTreeSet};

use crate::fuse::Fused;
use crate::product::NEAR_TILE;
use crate::schedule::Group;
use crate::term::{ArrayId, Origin, Start};

/// The places of all arrays, in elements.
#[derive(Debug)]
pub(crate) struct Layout {
    offsets: BTreeMap<ArrayId, usize>,
    /// The size of the arena.
    pub size: usize,
    /// Arrays that nothing outside one group reads: a thread holds a strip of their rows at a time, and these are the
    /// places among what a thread has to itself.
    locals: BTreeMap<ArrayId, usize>,
    /// Those of them of which a thread holds a tile of a large product.
    near: BTreeSet<ArrayId>,
    /// The size of what a thread has to itself.
    pub local_size: usize,
    /// Inputs that a run may read elsewhere.
    pub lent: Vec<ArrayId>,
}

impl Layout {
    /// Where the array starts; `None` if no statement needs it.
    pub(crate) fn offset(&self, array: ArrayId) -> Option<usize> {
        self.offsets.get(&array).copied()
    }

    /// Where the strip of an array starts that a thread holds; `None` for one in the arena.
    pub(crate) fn local(&self, array: ArrayId) -> Option<usize> {
        self.locals.get(&array).copied()
    }

    /// Whether a thread holds a tile of a large product of it at a time, and no rows.
    pub(crate) fn is_near(&self, array: ArrayId) -> bool {
        self.near.contains(&array)
    }
    /// The number of an input among those that a run may read elsewhere.
    pub(crate) fn lent(&self, array: ArrayId) -> Option<usize> {
        self.lent.iter().position(|lent| *lent == array)
    }
}

/// Where an array lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub home: Home,
    /// Elements from the start of its home.
    pub offset: usize,
}

/// The memory in which an array lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Home {
    #[default]
    Arena,
    /// What a thread has to itself: it holds a strip of the array's rows, of so many elements each.
    Strip(usize),
    /// What a thread has to itself: it holds a tile of a large product, the rows of the tile side by side.
    Tile,
    /// Wherever the input with this number among the lent ones lies in a run.
    Lent(usize),
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
    let readers = fused.readers();
    let locals = locals(fused, groups, &readers);
    let homes = homes(fused, groups, &level_of, &locals, &readers);
    let home = |array: ArrayId| homes.get(&array).copied().unwrap_or(array);
    let mut spans = Spans::default();
    for (place, array) in fused.arrays.iter().enumerate() {
        if array.origin == Origin::Input {
            spans.extend(ArrayId(place), array.len(), 0, end);
        }
    }
    for (place, statement) in fused.statements.iter().enumerate() {
        let level = level_of[place];
        let mut extend = |array: ArrayId, last: usize| {
            if !locals.contains_key(&array) {
                let size = fused.arrays[array.0].len();
                spans.extend(home(array), size, level, last);
            }
        };
        let kept = fused.kept.contains(&statement.target);
        extend(statement.target, if kept { end } else { level });
        for array in statement.reads() {
            extend(array, level);
        }
    }
    for group in groups {
        if let Some(packed) = group.packed {
            spans.extend(
                packed,
                fused.arrays[packed.0].len(),
                group.level,
                group.level,
            );
        }
    }
    let near = |group: &Group| near(fused, group, &readers);
    let (mut offsets, size) = spans.place();
    let mut local_offsets = BTreeMap::new();
    let mut local_size = 0;
    for group in groups {
        let mut spans = Spans::default();
        for (turn, member) in group.members.iter().enumerate() {
            let statement = &fused.statements[*member];
            // What runs row by row runs at the same time.
            let mut runs = group.runs.iter().map(|run| &run.places);
            let run = runs.find(|run| run.contains(&turn));
            let (first, last) = run.map_or((turn, turn), |run| (run.start, run.end - 1));
            for array in statement.reads().into_iter().chain([statement.target]) {
                if let Some(size) = locals.get(&array) {
                    spans.extend(home(array), *size, first, last);
                }
            }
        }
        let (offsets, size) = spans.place();
        local_offsets.extend(offsets);
        local_size = local_size.max(size);
    }
    for place in 0..fused.arrays.len() {
        let array = ArrayId(place);
        for offsets in [&mut offsets, &mut local_offsets] {
            if let Some(offset) = offsets.get(&home(array)).copied() {
                offsets.insert(array, offset);
            }
        }
    }
    Layout {
        offsets,
        size,
        near: groups.iter().filter_map(near).collect(),
        locals: local_offsets,
        local_size,
        lent: lent(fused),
    }
}

/// Inputs that nothing writes. Scalars are read by products, and whole matrices by their functions, from the arena; labels are
/// checked when they are copied.
fn lent(fused: &Fused) -> Vec<ArrayId> {
    let mut elsewhere = BTreeSet::new();
    for statement in &fused.statements {
        elsewhere.extend(fused.overwrites(statement.target));
        if statement.dense.is_some() {
            elsewhere.extend(statement.reads());
        }
    }
    let inputs = (0..fused.arrays.len()).map(ArrayId).filter(|id| {
        let array = &fused.arrays[id.0];
        array.origin == Origin::Input && array.classes.is_none() && !array.shape.is_empty()
    });
    inputs.filter(|id| !elsewhere.contains(id)).collect()
}

/// From so many elements on, what nobody reads soon is not worth its place in the caches.
const LARGE: usize = 1 << 20;
/// Elements of a whole plan that a cache may hold from one run to the next.
pub(crate) const CACHED: usize = 4 << 20;

/// Large results that no statement reads, and that take no input's place, of a plan that no cache holds.
pub(crate) fn streamed(fused: &Fused, layout: &Layout) -> BTreeSet<ArrayId> {
    if layout.size < CACHED {
        return BTreeSet::new();
    }
    let readers = fused.readers();
    let targets = fused.statements.iter().map(|statement| statement.target);
    targets
        .filter(|target| {
            fused.arrays[target.0].len() >= LARGE
                && fused.overwrites(*target).is_none()
                && readers[target.0].is_empty()
        })
        .collect()
}

/// The target of a large product that only its group reads, element by element.
fn near(fused: &Fused, group: &Group, readers: &[Vec<usize>]) -> Option<ArrayId> {
    let product = &fused.statements[group.members[0]];
    let target = product.target;
    let own = group.packed.is_some()
        && product.start == Start::Zero
        && fused.arrays[target.0].origin != Origin::Input
        && fused.overwrites(target).is_none()
        && !fused.kept.contains(&target)
        && readers[target.0]
            .iter()
            .all(|place| group.members.contains(place));
    own.then_some(target)
}

/// The arrays of which a thread holds a strip at a time, and the elements of that.
fn locals(fused: &Fused, groups: &[Group], readers: &[Vec<usize>]) -> BTreeMap<ArrayId, usize> {
    let mut locals = BTreeMap::new();
    for group in groups {
        if let Some(target) = near(fused, group, readers) {
            locals.insert(target, NEAR_TILE);
        }
        if group.strip >= group.rows {
            continue;
        }
        for member in &group.members {
            let target = fused.statements[*member].target;
            let mut readers = readers[target.0].iter();
            let own = fused.arrays[target.0].origin != Origin::Input
                && fused.overwrites(target).is_none()
                && !fused.kept.contains(&target)
                && readers.all(|place| group.members.contains(place));
            if own {
                let row = fused.arrays[target.0].len() / group.rows;
                locals.insert(target, row * group.strip);
            }
        }
    }
    locals
}

/// When the arrays live that are to be placed.
#[derive(Default)]
struct Spans(BTreeMap<ArrayId, Span>);

impl Spans {
    fn extend(&mut self, array: ArrayId, size: usize, first: usize, last: usize) {
        let span = self.0.entry(array).or_insert(Span {
            array,
            size: size.next_multiple_of(ALIGNMENT),
            first,
            last,
        });
        span.first = span.first.min(first);
        span.last = span.last.max(last);
    }

    /// A place for each array, and the size of all.
    fn place(self) -> (BTreeMap<ArrayId, usize>, usize) {
        // Large ones first leave the fewest gaps.
        let mut spans: Vec<Span> = self.0.into_values().collect();
        spans.sort_by_key(|span| (std::cmp::Reverse(span.size), span.array));
        let mut placed: Vec<(usize, Span)> = Vec::new();
        let mut offsets = BTreeMap::new();
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
        (offsets, size)
    }
}

/// For arrays that take another one's place, that one.
fn homes(
    fused: &Fused,
    groups: &[Group],
    level_of: &[usize],
    locals: &BTreeMap<ArrayId, usize>,
    readers: &[Vec<usize>],
) -> BTreeMap<ArrayId, ArrayId> {
    let mut homes: BTreeMap<ArrayId, ArrayId> = fused.replaces.clone();
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
                    && locals.contains_key(array) == locals.contains_key(&target)
                    && statement.reads_in_place(*array)
                    && readers[array.0].iter().all(|place| {
                        let mut earlier = group.members[..turn].iter();
                        // What a product reads of it beyond the rows of a tile, another tile may still need.
                        let own_rows = fused.statements[*place].common_rows(*array) >= group.prefix;
                        let alone = group.alone && !fused.statements[*place].is_map();
                        place == member
                            || level_of[*place] < group.level
                            || earlier.any(|other| other == place) && own_rows && !alone
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
