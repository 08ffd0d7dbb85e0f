//! Which statements run together: a group computes its statements row by row (rows are the first axis of the
//! targets), so that tiles of rows run side by side; groups of one level are independent of each other.
//! Tiles follow from shapes alone, never from the number of threads.

use std::collections::BTreeSet;

use crate::fuse::Fused;
use crate::kernels::product::Part;
use crate::nest::rows::Run;
use crate::product::MOST_ROWS;
use crate::share::NEAR;
use crate::term::{ArrayId, Origin, Position, Statement, Term};

/// Statements that share their rows, in order.
#[derive(Debug)]
pub(crate) struct Group {
    pub rows: usize,
    /// The leading axes of the targets that make up the rows.
    pub prefix: usize,
    /// So many rows at a time go through all statements.
    pub strip: usize,
    /// So many rows are not split between tiles: one, or those that are summed together.
    pub whole: usize,
    pub level: usize,
    /// Positions in the list of statements.
    pub members: Vec<usize>,
    /// Whether it is one large product, which has tiles of rows and columns, and what runs on each while it is near.
    pub alone: bool,
    /// Whether it lays out the left operand of a product in panels.
    pub packs: bool,
    /// That operand, of the product that stands alone.
    pub packed: Option<ArrayId>,
    /// Members that run row by row in one loop; known when all members are.
    pub runs: Vec<Run>,
}

impl Group {
    /// Its tiles of rows.
    pub(crate) fn tiles(&self, statements: &[Statement]) -> Vec<Part> {
        let members = || self.members.iter().map(|place| &statements[*place]);
        let work: f64 = members().map(work).sum();
        let shared = members().any(|statement| shares_operand(statement, self.prefix));
        let (least, most) = if shared {
            (PRODUCT_ROWS, MOST_TILES)
        } else if members().any(sums_columns) {
            (LEAST_COLUMNS, MOST_TASKS)
        } else {
            (1, MOST_TASKS)
        };
        let count = ((work / TILE_WORK) as usize)
            .min(self.rows / least)
            .clamp(1, most);
        // Tiles hold whole strips.
        let unit = if shared || self.strip >= self.rows {
            1
        } else {
            self.strip.max(self.whole)
        };
        let units = self.rows.div_ceil(unit);
        // An even number of tiles is shared fairly by an even number of threads.
        let count = match count.min(units) {
            1 => 1,
            count => count / 2 * 2,
        };
        let border = |tile: usize| self.rows.min(units * tile / count * unit);
        (0..count)
            .map(|tile| Part {
                rows: border(tile)..border(tile + 1),
                columns: 0..usize::MAX,
            })
            .collect()
    }

    /// How many rows go through all statements at a time: few enough that what one statement writes is near for the
    /// next one.
    fn strip(&self, fused: &Fused) -> usize {
        let members = || self.members.iter().map(|place| &fused.statements[*place]);
        if self.alone || self.members.len() == 1 {
            return self.rows;
        }
        if members().any(|statement| shares_operand(statement, self.prefix)) {
            return self.rows.min(MOST_ROWS);
        }
        let mut arrays = BTreeSet::new();
        for statement in members() {
            arrays.insert(statement.target);
            arrays.extend(
                statement
                    .reads()
                    .into_iter()
                    .filter(|array| statement.common_rows(*array) >= self.prefix),
            );
        }
        let row: usize = arrays
            .iter()
            .map(|array| fused.arrays[array.0].len() / self.rows)
            .sum();
        let strip = (STRIP / row.max(1)).clamp(1, self.rows);
        // Strips of one size, if they need not be much smaller for it: then sums over rows can be taken strip by strip.
        let even = (strip.div_ceil(2)..=strip).rev();
        let mut even = even.filter(|strip| self.rows.is_multiple_of(*strip));
        even.next().unwrap_or(strip)
    }
}

/// Elements of all arrays together that stay in the cache which is nearest but one.
const STRIP: usize = 64 * 1024;
/// More tasks than this only cost hand-overs.
pub(crate) const MOST_TASKS: usize = 16;

/// Whether the rows of a statement are those of a matrix product: they share its right operand.
fn shares_operand(statement: &Statement, prefix: usize) -> bool {
    statement.is_product() && batch_axes(statement) < prefix
}

/// Whether the elements of a statement are those of a row, and it combines rows: its tiles are of columns.
fn sums_columns(statement: &Statement) -> bool {
    let mut along = false;
    statement.body.walk(&mut |term| {
        if let Term::Load(_, positions) = term {
            along |= positions.len() > 1 && positions.last() == Some(&Position::Axis(0));
        }
    });
    along && statement.rank == 1 && !statement.is_map()
}

/// How many leading axes both factors of a product have.
fn batch_axes(statement: &Statement) -> usize {
    let everywhere = |axis: &usize| {
        statement.body.factors().iter().all(|factor| {
            matches!(factor, Term::Load(_, positions) if positions.contains(&Position::Axis(*axis)))
        })
    };
    (0..statement.rank).take_while(everywhere).count()
}

/// Work (in multiplications) below which a tile is not worth a hand-over to another thread.
pub(crate) const TILE_WORK: f64 = 125_000.0;
/// Columns that sums over rows need side by side to run well.
const LEAST_COLUMNS: usize = 512;
/// Rows that a matrix product needs to run well.
const PRODUCT_ROWS: usize = 32;
/// More tiles than this only repeat the packing of operands.
pub(crate) const MOST_TILES: usize = 4;

/// Work from which on a product is worth tiles of columns, and a hand-over before and after it.
const ALONE_WORK: f64 = 2_000_000.0;

/// Whether a statement is a large product with too few rows for tiles of rows alone: these would pack its right
/// operand once for each tile.
pub(crate) fn stands_alone(statement: &Statement) -> bool {
    statement.is_product()
        && work(statement) >= ALONE_WORK
        && batch_axes(statement) == 0
        && rows(statement, 1) <= MOST_TILES * MOST_ROWS
}

/// About how many multiplications a statement takes.
pub(crate) fn work(statement: &Statement) -> f64 {
    let volume = statement.extents.iter().map(|extent| *extent as f64);
    let volume: f64 = volume.product();
    if statement.dense.is_some() {
        volume * statement.extents.last().map_or(1.0, |size| *size as f64)
    } else if statement.is_product() {
        volume
    } else {
        // An element moved and an operation of the block interpreter weigh about this much.
        volume * (8 + 4 * statement.body.weight()) as f64
    }
}

/// Groups the statements; they must be in topological order.
pub(crate) fn schedule(fused: &Fused) -> Vec<Group> {
    let dependences = fused.dependences();
    let mut groups: Vec<Group> = Vec::new();
    let mut group_of: Vec<usize> = Vec::new();
    for (place, statement) in fused.statements.iter().enumerate() {
        let alone = stands_alone(statement);
        // The leading axes by which the statement can join a group.
        let joins = |candidate: usize| -> Option<usize> {
            let group: &Group = &groups[candidate];
            if alone {
                return None;
            }
            if group.alone {
                let within = |before: &usize| group_of[*before] == candidate;
                let known = |before: &usize| {
                    within(before) || groups[group_of[*before]].level < group.level
                };
                let before = &dependences[place];
                let near = before.iter().any(within) && before.iter().all(known);
                return (near && follows(fused, group, statement)).then_some(group.prefix);
            }
            let mut prefix = group.prefix.min(most_rows(statement));
            for before in &dependences[place] {
                if group_of[*before] == candidate {
                    prefix = prefix.min(common_rows(fused, *before, place));
                } else if groups[group_of[*before]].level >= group.level {
                    return None;
                }
            }
            let first = &fused.statements[group.members[0]];
            let same = first.extents[..prefix] == statement.extents[..prefix];
            let count = rows(statement, prefix);
            let own = rows(statement, most_rows(statement));
            let enough = |most: usize| count == most || count >= FEW_ROWS;
            (same && enough(group.rows) && enough(own)).then_some(prefix)
        };
        let chosen = (0..groups.len()).find_map(|candidate| Some((candidate, joins(candidate)?)));
        if let Some((candidate, prefix)) = chosen {
            let group = &mut groups[candidate];
            group.members.push(place);
            group.prefix = prefix;
            group.rows = rows(statement, prefix);
            group_of.push(candidate);
            continue;
        }
        let level = dependences[place]
            .iter()
            .map(|before| groups[group_of[*before]].level + 1)
            .max()
            .unwrap_or(0);
        group_of.push(groups.len());
        let prefix = most_rows(statement);
        groups.push(Group {
            rows: rows(statement, prefix),
            prefix,
            strip: 0,
            whole: 1,
            level,
            members: vec![place],
            alone,
            packs: false,
            packed: None,
            runs: Vec::new(),
        });
    }
    for group in &mut groups {
        group.strip = group.strip(fused);
    }
    groups
}

/// Neither a group nor a statement that joins it gives up a finer split into rows for one that leaves fewer than these.
const FEW_ROWS: usize = 16;

/// Whether an element-wise statement is to run on each tile of a large product as soon as that is done: it needs of what the
/// group writes the same elements only, and writes over nothing.
fn follows(fused: &Fused, group: &Group, statement: &Statement) -> bool {
    let members = || group.members.iter().map(|place| &fused.statements[*place]);
    let Some(product) = members().next() else {
        return false;
    };
    has_plain_tiles(product)
        && statement.is_map()
        && statement.dense.is_none()
        && statement.extents == product.extents[..product.rank]
        // A pass over what is near costs less than many small ones.
        && statement.volume() > NEAR
        // The updates of Adam's three arrays are slower tile by tile than row by row: they stay a pass of their own.
        && fused.overwrites(statement.target).is_none()
        && members().all(|member| statement.reads_in_place(member.target))
}

/// Whether a product is one of plain matrices, the target's elements along the last axis side by side, neither side of it
/// narrow.
pub(crate) fn has_plain_tiles(product: &Statement) -> bool {
    product.rank == 2
        && product.extents.len() == 3
        && product.extents[..2]
            .iter()
            .all(|extent| *extent >= LEAST_SIDE)
}

/// Narrower products have no tiles to speak of.
const LEAST_SIDE: usize = 16;

/// How many leading axes can make up the rows of a statement.
fn most_rows(statement: &Statement) -> usize {
    match statement.rank {
        0 => 0,
        // A matrix is not split by rows.
        _ if statement.dense.is_some() => 0,
        1 => 1,
        rank if statement.is_product() => batch_axes(statement).clamp(1, rank),
        // The last axis stays whole: loops along it are long.
        rank if statement.is_map() => rank - 1,
        rank => rank,
    }
}

/// How many rows a statement has where so many leading axes make them up.
fn rows(statement: &Statement, prefix: usize) -> usize {
    statement.extents[..prefix].iter().product()
}

/// By how many leading axes `after` needs of `before` only what the same rows hold.
fn common_rows(fused: &Fused, before: usize, after: usize) -> usize {
    let (first, second) = (&fused.statements[before], &fused.statements[after]);
    let mut common = first.rank.min(second.rank);
    let mut read = |reader: &Statement, array| {
        if reader.reads().contains(&array) {
            common = common.min(reader.common_rows(array));
        }
    };
    if fused.arrays[first.target.0].origin != Origin::Input {
        read(second, first.target);
    }
    if let Some(input) = fused.overwrites(second.target) {
        read(first, input);
    }
    common
}
