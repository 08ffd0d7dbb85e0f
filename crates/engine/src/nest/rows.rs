//! Which statements run row by row in one loop: sums along a row, what needs them on the same row, and sums of rows. A row is read from
//! memory once, and what several of them need is computed once. Nothing here lays anything out.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use crate::fuse::Fused;
use crate::schedule::Group;
use crate::term::{ArrayId, Origin, Position, Start, Statement, Term};

/// What a statement is in a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Each of its elements belongs to a turn of the loop.
    Elements,
    /// Each of its elements belongs to a row of the last axis.
    OfRow,
    /// It combines each row of the last axis into an element, which others in the loop may read.
    AlongRow,
    /// It combines so many rows into one.
    AcrossRows(usize),
    /// It combines what its nest runs over, and nothing in the loop reads it.
    Combined,
}

/// A statement over the axes of its loop, and what it is there.
#[derive(Debug)]
pub(crate) struct Member {
    pub statement: Statement,
    pub role: Role,
}

/// Elements of a row: enough for kernels to be worth their calls, and few enough that the second cache holds many rows.
const WIDTHS: RangeInclusive<usize> = 64..=4096;

/// Members of a group that run row by row in one loop.
#[derive(Debug)]
pub(crate) struct Run {
    /// Their places in the group.
    pub places: Range<usize>,
    pub members: Vec<Member>,
}

/// All runs of a group.
pub(crate) fn runs(fused: &Fused, group: &Group) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut start = 0;
    while start < group.members.len() {
        let run = run(fused, group, start);
        start = run.as_ref().map_or(start + 1, |run| run.places.end);
        runs.extend(run);
    }
    runs
}

/// The run that begins at a place of a group, if one does.
fn run(fused: &Fused, group: &Group, start: usize) -> Option<Run> {
    let statements = group.members[start..].iter();
    let mut statements = statements.map(|place| &fused.statements[*place]).peekable();
    let whole = statements.peek().and_then(|first| rows(first))?;
    if group.alone || group.packs {
        return None;
    }
    let mut growing = Growing {
        fused,
        prefix: group.prefix,
        whole,
        made: BTreeMap::new(),
    };
    let (mut along, mut reads) = (false, false);
    let mut members = Vec::new();
    for statement in statements {
        let Some(member) = growing.member(statement) else {
            break;
        };
        let Member { statement, role } = &member;
        if matches!(role, Role::AcrossRows(_)) && group.prefix != 1 {
            break;
        }
        along |= *role == Role::AlongRow;
        let made = |array: &ArrayId| growing.made.contains_key(array);
        reads |= statement.reads().iter().any(made);
        growing.made.insert(statement.target, *role);
        members.push(member);
    }
    (along && reads).then(|| Run {
        places: start..start + members.len(),
        members,
    })
}

/// The extents of a statement that runs along rows, the width of which is the last.
fn rows(statement: &Statement) -> Option<&[usize]> {
    let outer = match statement.extents.len() - statement.rank {
        0 => statement.rank.checked_sub(1)?,
        1 => statement.rank,
        _ => return None,
    };
    let width = statement.extents.last()?;
    (outer > 0 && WIDTHS.contains(width)).then_some(&statement.extents)
}

/// A statement over the axes `whole` of a loop over rows, the last of which runs along a row.
fn member(statement: &Statement, whole: &[usize]) -> Option<Member> {
    let last = whole.len() - 1;
    let outer = &whole[..last];
    let plain = statement.dense.is_none()
        && statement.scale == Term::ONE
        && statement.start == Start::Zero
        && !statement.is_product();
    if !plain {
        return None;
    }
    if let Some((by_row, together)) = statement.by_row() {
        return (by_row.extents == whole).then_some(Member {
            statement: by_row,
            role: Role::AcrossRows(together),
        });
    }
    let role = match (&*statement.extents, statement.is_map()) {
        (extents, true) if extents == whole => Role::Elements,
        (extents, true) if extents == outer => Role::OfRow,
        ([extents @ .., 1], true) if extents == outer => Role::OfRow,
        (extents, false) if extents == whole && statement.rank == last => Role::AlongRow,
        _ => return None,
    };
    let mut statement = statement.clone();
    if role == Role::OfRow {
        let first = |axis| match axis {
            axis if axis < last => Position::Axis(axis),
            _ => Position::Literal(0),
        };
        statement.body = statement.body.at(&first);
    }
    Some(Member { statement, role })
}

/// A run that is being put together.
struct Growing<'a> {
    fused: &'a Fused,
    /// Leading axes that make up the rows of tiles.
    prefix: usize,
    /// The extents of the loop.
    whole: &'a [usize],
    /// What it writes.
    made: BTreeMap<ArrayId, Role>,
}

impl Growing<'_> {
    /// A statement as the next member, if it can be one.
    fn member(&self, statement: &Statement) -> Option<Member> {
        let member = member(statement, self.whole)?;
        let mut fits = self.fused.overwrites(statement.target).is_none();
        member.statement.body.walk(&mut |term| {
            if let Term::Load(array, positions) = term {
                fits &= self.reads(*array, positions);
            }
        });
        fits.then_some(member)
    }

    /// Whether an array is read at the loop's own row, or may be read elsewhere; and one row's elements side by side.
    fn reads(&self, array: ArrayId, positions: &[Position]) -> bool {
        let last = self.whole.len() - 1;
        let along = |position: &Position| *position == Position::Axis(last);
        let leads = |count: usize| {
            positions.len() >= count
                && (0..count).all(|axis| positions[axis] == Position::Axis(axis))
        };
        let own = leads(last);
        let within = positions.get(last..).unwrap_or_default();
        let side_by_side = match positions.split_last() {
            Some((_, before)) => !before.iter().any(along),
            None => true,
        };
        let is_input = self.fused.arrays[array.0].origin == Origin::Input;
        side_by_side
            && match self.made.get(&array) {
                Some(Role::Elements) => own && within.iter().all(along),
                Some(Role::OfRow | Role::AlongRow) => {
                    own && within
                        .iter()
                        .all(|position| *position == Position::Literal(0))
                }
                Some(Role::AcrossRows(_) | Role::Combined) => false,
                // What is written may take the place of what is read at the rows of a tile.
                None => own || is_input || !leads(self.prefix),
            }
    }
}
