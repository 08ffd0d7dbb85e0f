//! Which statements run together: a group computes its statements row by row (rows are the first axis of the
//! targets), so that tiles of rows run side by side; groups of one level are independent of each other.
//! Tiles follow from shapes alone, never from the number of threads.

use crate::fuse::Fused;
use crate::kernels::product::Part;
use crate::nest::MOST_ROWS;
use crate::term::{Origin, Position, Statement, Term};

/// Statements that share their rows, in order.
#[derive(Debug)]
pub(crate) struct Group {
    pub rows: usize,
    pub level: usize,
    /// Positions in the list of statements.
    pub members: Vec<usize>,
    /// Whether it is one large product, which has tiles of rows and columns to itself.
    pub alone: bool,
}

impl Group {
    /// Its tiles of rows.
    pub(crate) fn tiles(&self, statements: &[Statement]) -> Vec<Part> {
        let members = || self.members.iter().map(|place| &statements[*place]);
        let work: f64 = members().map(work).sum();
        let least = if members().any(Statement::is_product) {
            PRODUCT_ROWS
        } else {
            1
        };
        let count = ((work / TILE_WORK) as usize)
            .min(self.rows / least)
            .clamp(1, MOST_TILES);
        (0..count)
            .map(|tile| Part {
                rows: self.rows * tile / count..self.rows * (tile + 1) / count,
                columns: 0..usize::MAX,
            })
            .collect()
    }
}

/// Work (in multiplications) below which a tile is not worth a hand-over to another thread.
pub(crate) const TILE_WORK: f64 = 250_000.0;
/// Rows that a matrix product needs to run well.
const PRODUCT_ROWS: usize = 64;
/// More tiles than this only repeat the packing of operands.
const MOST_TILES: usize = 4;

/// Work from which on a product is worth tiles of columns, and a hand-over before and after it.
const ALONE_WORK: f64 = 2_000_000.0;

/// Whether a statement is a large product with too few rows for tiles of rows alone: these would pack its right
/// operand once for each tile.
fn stands_alone(statement: &Statement) -> bool {
    let batched = statement.body.factors().iter().all(|factor| {
        matches!(factor, Term::Load(_, positions) if positions.contains(&Position::Axis(0)))
    });
    statement.is_product()
        && work(statement) >= ALONE_WORK
        && !batched
        && rows(statement) < MOST_TILES * MOST_ROWS
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
        let joins = |candidate: usize| {
            !alone
                && !groups[candidate].alone
                && groups[candidate].rows == rows(statement)
                && dependences[place].iter().all(|before| {
                    let group = group_of[*before];
                    groups[group].level < groups[candidate].level
                        || (group == candidate && follows_by_row(fused, *before, place))
                })
        };
        let chosen = (0..groups.len()).find(|candidate| joins(*candidate));
        if let Some(group) = chosen {
            groups[group].members.push(place);
            group_of.push(group);
            continue;
        }
        let level = dependences[place]
            .iter()
            .map(|before| groups[group_of[*before]].level + 1)
            .max()
            .unwrap_or(0);
        group_of.push(groups.len());
        groups.push(Group {
            rows: rows(statement),
            level,
            members: vec![place],
            alone,
        });
    }
    groups
}

fn rows(statement: &Statement) -> usize {
    match statement.rank {
        0 => 1,
        // A matrix is not split by rows.
        _ if statement.dense.is_some() => 1,
        _ => statement.extents[0],
    }
}

/// Whether `after` needs of `before` only what the same rows hold.
fn follows_by_row(fused: &Fused, before: usize, after: usize) -> bool {
    let (first, second) = (&fused.statements[before], &fused.statements[after]);
    let whole = rows(first) == 1 && rows(second) == 1;
    let reads =
        |reader: &Statement, array| !reader.reads().contains(&array) || reader.reads_by_row(array);
    let written =
        fused.arrays[first.target.0].origin == Origin::Input || reads(second, first.target);
    let replaced = fused
        .overwrites(second.target)
        .is_none_or(|input| reads(first, input));
    whole || (written && replaced)
}
