//! Sums over the rows of a group: the rows of a tile are summed where the group computes them, strip by strip, and what
//! remains is to add up the tiles. What the sum reads then passes through the nearest memory once.

use crate::fuse::Fused;
use crate::product::{LEAST_COLUMNS, MOST_ROWS, PANEL_ROWS};
use crate::schedule::{Group, MOST_TASKS, MOST_TILES, has_plain_tiles};
use crate::term::{Array, ArrayId, Axis, Origin, Position, Statement, Term};

/// Smaller reductions are not worth it.
const LEAST_VOLUME: usize = 128 * 1024;
/// What is read again must be so many times smaller than what need not be.
const LEAST_GAIN: usize = 8;

/// Moves reductions into the groups that make, or read, what they reduce.
pub(crate) fn split(fused: &mut Fused, groups: &mut [Group]) {
    let mut group_of = vec![0; fused.statements.len()];
    for (number, group) in groups.iter().enumerate() {
        for member in &group.members {
            group_of[*member] = number;
        }
    }
    let dependences = fused.dependences();
    for place in 0..group_of.len() {
        let own = groups[group_of[place]].level;
        let home = groups.iter().position(|group| {
            let known = dependences[place].iter().all(|before| {
                let other = &groups[group_of[*before]];
                other.level < group.level || std::ptr::eq(other, group)
            });
            let statement = &fused.statements[place];
            let goes_along = if group.alone {
                reduces_columns(statement, group, &fused.statements)
            } else {
                reduces(statement, group)
            };
            group.level < own && known && goes_along
        });
        if let Some(home) = home {
            let group = &mut groups[home];
            let rows = rows_together(group);
            group.members.push(fused.statements.len());
            group.whole = rows;
            let partial = take_apart(fused, place, rows);
            fused.statements.push(partial);
        }
    }
}

/// How many rows are summed together: whole strips, of which a tile can hold one such sum or more; in a large product
/// those of its tiles.
fn rows_together(group: &Group) -> usize {
    if group.alone {
        return group.rows / group.rows.div_ceil(MOST_ROWS);
    }
    let most = (group.rows / MOST_TASKS).max(group.strip);
    let fits = |rows: &usize| group.rows.is_multiple_of(*rows);
    let mut together = (1..=most / group.strip).map(|strips| strips * group.strip);
    together.rfind(fits).unwrap_or(group.strip)
}

/// Whether a statement reduces over the rows of a group alone, and this is worth it.
fn reduces(statement: &Statement, group: &Group) -> bool {
    reduces_rows(statement, group)
        && group.strip < group.rows
        && group.rows.is_multiple_of(group.strip)
        && statement.volume() >= LEAST_VOLUME
        && rows_together(group) >= LEAST_GAIN
}

/// Whether a statement reduces over the rows of a large product what the group makes of it: then the columns of a tile are
/// those of the sums, and a tile holds all rows that are summed together.
fn reduces_columns(statement: &Statement, group: &Group, statements: &[Statement]) -> bool {
    let product = &statements[group.members[0]];
    let rows = rows_together(group);
    if !reduces_rows(statement, group)
        || !has_plain_tiles(product)
        || statement.extents[0] != product.extents[1]
        || statement.extents[0] < MOST_TILES * LEAST_COLUMNS
        || !group.rows.is_multiple_of(rows)
        || !rows.is_multiple_of(PANEL_ROWS)
    {
        return false;
    }
    let mut made = false;
    let mut own = true;
    statement.body.walk(&mut |term| {
        if let Term::Load(array, positions) = term
            && group
                .members
                .iter()
                .any(|member| statements[*member].target == *array)
        {
            made = true;
            own &= **positions == [Position::Axis(1), Position::Axis(0)];
        }
    });
    made && own
}

/// Whether a statement reduces over the rows of a group alone.
fn reduces_rows(statement: &Statement, group: &Group) -> bool {
    let axis = statement.rank;
    if statement.is_map()
        || statement.dense.is_some()
        || statement.is_product()
        || statement.extents.len() != axis + 1
        || group.prefix != 1
        || statement.extents[axis] != group.rows
        // One axis stays, along which the sums lie side by side.
        || statement.rank != 1
        || statement.extents[0] == 1
    {
        return false;
    }
    let mut by_row = true;
    statement.body.walk(&mut |term| match term {
        Term::Coordinate(at) => by_row &= *at != axis,
        Term::Load(_, positions) => {
            let computed = |position: &Position| matches!(position, Position::Computed(_));
            let further = positions.iter().skip(1);
            by_row &= !positions.iter().any(computed)
                && further
                    .into_iter()
                    .all(|position| *position != Position::Axis(axis));
        }
        _ => {}
    });
    by_row
}

/// Leaves the sum over groups of so many rows in the place of a reduction; the reduction of each is returned.
fn take_apart(fused: &mut Fused, place: usize, together: usize) -> Statement {
    let statement = &mut fused.statements[place];
    let rank = statement.rank;
    let parts = statement.extents[rank] / together;
    let target = ArrayId(fused.arrays.len());
    let mut shape = vec![parts];
    shape.extend(&statement.extents[..rank]);
    let mut partial = statement.clone();
    partial.target = target;
    partial.rank = rank + 1;
    partial.extents.clone_from(&shape);
    partial.extents.push(together);
    // The axes of the target follow that of the parts; the reduced one is the last.
    let position = |axis: Axis| {
        if axis == rank {
            Position::Split(0, rank + 1, together)
        } else {
            Position::Axis(axis + 1)
        }
    };
    partial.body = partial.body.at(&position);
    fused.arrays.push(Array {
        name: format!("t{}", fused.arrays.len()),
        shape,
        origin: Origin::Temporary,
        classes: None,
    });
    statement.extents[rank] = parts;
    let axes = std::iter::once(rank).chain(0..rank);
    statement.body = Term::Load(target, axes.map(Position::Axis).collect());
    partial
}

impl Statement {
    /// For a sum over some rows together, which reads its operands at their own rows and columns: the same over all rows
    /// and columns, and how many rows make one of the target's. What is read and written stays, the rank says nothing.
    pub(crate) fn by_row(&self) -> Option<(Self, usize)> {
        let [parts, columns, together] = *self.extents else {
            return None;
        };
        let split = Position::Split(0, self.rank, together);
        let mut in_order = self.rank == 2 && self.splits_rows();
        self.body.walk(&mut |term| match term {
            Term::Load(_, positions) => {
                in_order &= positions.iter().enumerate().all(|(place, position)| {
                    *position == split && place == 0 || *position == Position::Axis(1)
                });
            }
            Term::Coordinate(axis) => in_order &= *axis == 1,
            _ => {}
        });
        let body = self.body.rebuild(
            &mut |array, mut positions| {
                for position in &mut positions {
                    if *position == split {
                        *position = Position::Axis(0);
                    }
                }
                Term::Load(array, positions)
            },
            &Position::Axis,
        );
        let whole = Self {
            extents: vec![parts * together, columns],
            rank: 1,
            body,
            ..self.clone()
        };
        in_order.then_some((whole, together))
    }
}
