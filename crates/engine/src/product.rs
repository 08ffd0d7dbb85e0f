//! Matrix products with strides: which axes are rows, columns and depth, which are loops around them, and into which
//! tiles a large one is split. Nothing here runs anything.

use std::ops::Range;

use crate::kernels::product::{Packing, Part};
use crate::memory::{Home, Place};
use crate::nest::Places;
use crate::term::{ArrayId, Position, Start, Statement, Term};

/// A (batched) matrix product with strides.
#[derive(Debug)]
pub(crate) struct Product {
    /// Rows, columns and depth.
    pub shape: [usize; 3],
    /// The strides of the left operand along rows and depth.
    pub left: Operand,
    /// The strides of the right operand along depth and columns.
    pub right: Operand,
    /// The strides of the target along rows and columns.
    pub target: Operand,
    /// Loops around it that the rows of a tile restrict, taken as one: so many of its turns make a row.
    pub batch: (Vec<OuterLoop>, usize),
    /// Loops within these.
    pub loops: Vec<OuterLoop>,
    /// Where the rows of a tile restrict the product's own rows, how many of them make one.
    pub rows: Option<usize>,
    /// What it is multiplied by.
    pub factor: Factor,
    /// Whether it is added to the target.
    pub adds: bool,
    /// What else it is added to, and the strides of that along rows and columns.
    pub start: Option<Operand>,
    /// Where the left operand lies packed as a whole, and of how many rows, if it does.
    pub packed: Option<(Place, usize)>,
    /// Where in the arena the arrays lie that are used on each tile of it, as large as the whole target.
    pub used: Vec<usize>,
}

/// The panels of a packed left operand have so many rows: those whose sums are held in registers at once.
pub(crate) const PANEL_ROWS: usize = 8;

/// Elements of the target that a thread holds at most of what is done of a large product.
pub(crate) const NEAR_TILE: usize = 64 * 192;

/// From this many elements on, steps along the depth of the left operand touch a line of the cache each, and rows
/// whose starts are a power of two apart evict each other.
const FAR: usize = 128;

impl Product {
    /// Whether the left operand is laid out row by row before it is used: its rows lie side by side and its columns
    /// far apart, and there is enough to compute.
    pub(crate) fn transposes_left(&self) -> bool {
        let [rows, columns, depth] = self.shape;
        let [row, deep] = self.left.strides;
        row == 1 && deep >= FAR && rows >= 16 && columns >= 64 && depth >= 16
    }

    /// Whether it is multiplied as it lies: its right operand stays in the nearest cache, and the columns of the target
    /// are side by side; those of the right operand are, or can be laid out so.
    pub(crate) fn is_small(&self) -> bool {
        let [_, columns, depth] = self.shape;
        columns * depth <= NEAR
            && self.target.strides[1] == 1
            && (self.right.strides[1] == 1 || self.right.strides[0] == 1)
    }

    /// Whether it is computed with its sides swapped, as [`Self::is_small`] says: few rows, and a right operand whose places of
    /// the depth are side by side, as scores of a few classes have. The result is then laid out anew.
    pub(crate) fn turns(&self) -> bool {
        let [rows, columns, depth] = self.shape;
        let start = |start: &Operand| start.strides == [1, 0];
        rows < 16
            && columns > rows
            && rows * depth <= NEAR
            && self.target.strides[1] == 1
            && self.right.strides[0] == 1
            && self.left.strides.contains(&1)
            && !self.adds
            && self.start.as_ref().is_none_or(start)
            && !self.is_small()
    }

    /// Whether both operands are packed, where the machine has the kernel for it: the columns of the target and the
    /// elements of each operand along one axis are side by side, and there is enough to compute.
    pub(crate) fn packs(&self) -> bool {
        let [rows, columns, depth] = self.shape;
        self.target.strides[1] == 1
            && self.left.strides.contains(&1)
            && self.right.strides.contains(&1)
            && rows >= 16
            && columns >= 16
            && depth >= 16
            && !self.is_small()
    }

    /// Whether a thread holds a tile of the target at a time.
    pub(crate) fn is_near(&self) -> bool {
        self.target.place.home == Home::Tile
    }

    /// Whether it is one product of plain matrices.
    pub(crate) fn is_plain(&self) -> bool {
        self.batch.0.is_empty() && self.loops.is_empty()
    }

    /// The tiles of a product that stands alone; none cuts `whole` rows that are summed together, if that is more than one.
    /// From now on its rows are counted one by one, not in those of its target's first axis.
    pub(crate) fn grid(&mut self, whole: usize) -> Vec<Part> {
        self.rows = Some(1);
        let [rows, columns, _] = self.shape;
        if self.packed.is_some() {
            return self.shared_grid(whole);
        }
        let splits = [(1, 4), (2, 2), (4, 1), (1, 2), (2, 1)];
        let fits = |(down, across): &(usize, usize)| {
            if whole > 1 && *down > 1 {
                return false;
            }
            let narrow = columns / across < LEAST_COLUMNS && *across > 1;
            let low = rows / down < LEAST_ROWS && *down > 1;
            !narrow && !low
        };
        // The right operand is packed for each tile of rows; the left one, if it is, for each of columns.
        let repeated = |(down, across): &(usize, usize)| {
            let packs = self.packs() || self.transposes_left();
            let left = if packs { rows } else { 0 };
            (
                std::cmp::Reverse(down * across),
                across * left + down * columns,
            )
        };
        let fitting = splits.into_iter().filter(fits);
        let (down, across) = fitting.min_by_key(repeated).unwrap_or((1, 1));
        let down = down.max(rows.div_ceil(if whole > 1 { whole } else { MOST_ROWS }));
        tiles([rows, columns], [down, across], [PANEL_ROWS, 32])
    }

    /// The same where tiles share the packed left operand: each packs its columns of the right one for itself, so that rows are
    /// only cut where they are summed together, or where sums are to lie in the nearest cache but one.
    fn shared_grid(&self, whole: usize) -> Vec<Part> {
        let [rows, columns, _] = self.shape;
        let down = match whole {
            0 | 1 if self.is_near() => rows.div_ceil(MOST_ROWS),
            0 | 1 => 1,
            _ => rows / whole,
        };
        let mut parts = Vec::new();
        for band in tiles([rows, columns], [down, 1], [PANEL_ROWS, PANEL_COLUMNS]) {
            parts.extend(shrinking(columns).into_iter().map(|columns| Part {
                columns,
                ..band.clone()
            }));
        }
        parts
    }
}

/// Columns in parts of whole panels: at last a third of what is left at a time, so that no thread waits long for the last tile.
fn shrinking(columns: usize) -> Vec<Range<usize>> {
    let panels = columns.div_ceil(PANEL_COLUMNS);
    let most = (TILE_COLUMNS / PANEL_COLUMNS).max(panels.div_ceil(MOST_TILES));
    let mut parts = Vec::new();
    let mut start = 0;
    while start < panels {
        let end = start + (panels - start).div_ceil(3).min(most);
        parts.push(start * PANEL_COLUMNS..columns.min(end * PANEL_COLUMNS));
        start = end;
    }
    parts
}

/// A matrix cut into so many parts along rows and columns, at multiples of the units.
fn tiles(size: [usize; 2], count: [usize; 2], unit: [usize; 2]) -> Vec<Part> {
    let border = |axis: usize, place: usize| {
        if place == count[axis] {
            return size[axis];
        }
        let units = size[axis].div_ceil(unit[axis]);
        (units * place / count[axis] * unit[axis]).min(size[axis])
    };
    let mut parts = Vec::new();
    for row in 0..count[0] {
        for column in 0..count[1] {
            let rows = border(0, row)..border(0, row + 1);
            let columns = border(1, column)..border(1, column + 1);
            if !rows.is_empty() && !columns.is_empty() {
                parts.push(Part { rows, columns });
            }
        }
    }
    parts
}

/// Columns of a panel of the right operand, in single precision.
const PANEL_COLUMNS: usize = 48;

/// Columns whose panels lie in the nearest cache but one, with their sums.
const TILE_COLUMNS: usize = 192;

/// More tiles than about these only cost hand-overs.
const MOST_TILES: usize = 16;

/// Elements of an operand that stay in the nearest cache.
pub(crate) const NEAR: usize = 16 * 1024;

/// Fewer columns leave the multipliers waiting.
pub(crate) const LEAST_COLUMNS: usize = 64;
/// Fewer rows are not worth packing the right operand.
const LEAST_ROWS: usize = 32;

/// More rows than this, packed, leave the cache that is nearest but one.
pub(crate) const MOST_ROWS: usize = 512;

/// A number times scalars in the arena.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Factor {
    pub number: f64,
    pub scalars: Vec<usize>,
}

fn factor(scale: &Term, places: &Places<'_>) -> Factor {
    let mut factor = Factor {
        number: 1.0,
        scalars: Vec::new(),
    };
    for part in scale.factors() {
        match part {
            Term::Constant(value) => factor.number *= value.0,
            Term::Load(array, _) => factor.scalars.push(places.offset(*array)),
            // `Statement::scaled` lets nothing else through.
            _ => {}
        }
    }
    factor
}

/// One operand of a product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operand {
    pub place: Place,
    pub strides: [usize; 2],
}

/// A loop around a matrix product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OuterLoop {
    pub extent: usize,
    /// The strides of left, right and target.
    pub strides: [usize; 3],
    /// Whether it adds to the same elements of the target.
    pub adds: bool,
}

/// A run of axes with extent and the strides of left, right and target.
#[derive(Debug, Clone, Copy)]
struct Run {
    extent: usize,
    strides: [usize; 3],
    /// Whether it holds one of the axes that make up the rows of tiles, and how many turns make a row.
    leads: bool,
    scale: usize,
}

/// The product of a statement for which [`Statement::is_product`] holds.
pub(crate) fn product(statement: &Statement, places: &Places<'_>) -> Option<Product> {
    let [Term::Load(left, left_at), Term::Load(right, right_at)] = statement.body.factors() else {
        return None;
    };
    let axes = statement.extents.len();
    let strides = |array: &ArrayId, at: &[Position]| {
        let mut strides = vec![0; axes];
        for (position, stride) in at.iter().zip(places.arrays[array.0].strides()) {
            if let Position::Axis(axis) = position {
                strides[*axis] = stride;
            }
        }
        strides
    };
    let mut operands = [
        (places.place(*left), strides(left, left_at)),
        (places.place(*right), strides(right, right_at)),
    ];
    let mut target = places.arrays[statement.target.0].strides();
    target.resize(axes, 0);
    let occurs = |at: &[Position], axis: usize| at.contains(&Position::Axis(axis));
    let mut sides = [left_at, right_at];
    // The tile's rows are the product's rows: transpose the product where they are its columns.
    if !occurs(left_at, 0) {
        operands.swap(0, 1);
        sides.swap(0, 1);
    }
    let runs = |choose: &dyn Fn(usize) -> bool, lead: usize| -> Vec<Run> {
        let mut chosen: Vec<usize> = (0..axes)
            .filter(|axis| choose(*axis) && (statement.extents[*axis] > 1 || *axis < places.prefix))
            .collect();
        let stride_of = |axis: usize, which: usize| match which {
            2 => target[axis],
            _ => operands[which].1[axis],
        };
        chosen.sort_by_key(|axis| {
            // Those that make up the rows of tiles come first, in their order.
            let leads = *axis < places.prefix;
            (!leads, std::cmp::Reverse(stride_of(*axis, lead)))
        });
        let mut runs: Vec<Run> = Vec::new();
        for axis in chosen {
            let extent = statement.extents[axis];
            let strides = [0, 1, 2].map(|which| stride_of(axis, which));
            let leads = axis < places.prefix;
            if let Some(last) = runs.last_mut()
                && !leads
                && (0..3).all(|which| last.strides[which] == strides[which] * extent)
            {
                last.extent *= extent;
                last.strides = strides;
                last.scale *= extent;
                continue;
            }
            runs.push(Run {
                extent,
                strides,
                leads,
                scale: 1,
            });
        }
        runs
    };
    let free = |axis: usize| axis < statement.rank;
    let in_left = |axis: usize| occurs(sides[0], axis);
    let in_right = |axis: usize| occurs(sides[1], axis);
    let batch = runs(&|axis| free(axis) && in_left(axis) && in_right(axis), 2);
    let rows = runs(&|axis| free(axis) && in_left(axis) && !in_right(axis), 2);
    let columns = runs(&|axis| free(axis) && !in_left(axis), 2);
    let depth = runs(&|axis| !free(axis), 0);
    let largest = |runs: &[Run]| -> usize {
        (0..runs.len())
            .max_by_key(|place| (runs[*place].extent, runs.len() - place))
            .unwrap_or(0)
    };
    let unit = Run {
        extent: 1,
        strides: [0; 3],
        leads: false,
        scale: 1,
    };
    let take = |mut runs: Vec<Run>| -> (Run, Vec<Run>) {
        if runs.is_empty() {
            return (unit, runs);
        }
        let run = runs.remove(largest(&runs));
        (run, runs)
    };
    let (row, more_rows) = take(rows);
    let (column, more_columns) = take(columns);
    let (deep, more_depth) = take(depth);
    let outer = |run: &Run, adds: bool| OuterLoop {
        extent: run.extent,
        strides: run.strides,
        adds,
    };
    let free = || batch.iter().chain(&more_rows).chain(&more_columns);
    let leading: Vec<&Run> = free().filter(|run| run.leads).collect();
    let scale = leading.last().map_or(1, |run| run.scale);
    let inner = free().filter(|run| !run.leads).map(|run| outer(run, false));
    let loops = inner.chain(more_depth.iter().map(|run| outer(run, true)));
    let start = match &statement.start {
        Start::Vector(Term::Load(array, at)) => Some(Operand {
            place: places.place(*array),
            strides: [0, 1].map(|axis| usize::from(at.contains(&Position::Axis(axis)))),
        }),
        _ => None,
    };
    Some(Product {
        shape: [row.extent, column.extent, deep.extent],
        left: Operand {
            place: operands[0].0,
            strides: [row.strides[0], deep.strides[0]],
        },
        right: Operand {
            place: operands[1].0,
            strides: [deep.strides[1], column.strides[1]],
        },
        target: Operand {
            place: places.place(statement.target),
            strides: [row.strides[2], column.strides[2]],
        },
        batch: (leading.iter().map(|run| outer(run, false)).collect(), scale),
        loops: loops.collect(),
        rows: row.leads.then_some(row.scale),
        factor: factor(&statement.scale, places),
        adds: statement.start == Start::Before,
        start,
        packed: None,
        used: Vec::new(),
    })
}

/// What lays a left operand out in panels, for the statement that says so.
pub(crate) fn packing(statement: &Statement, places: &Places<'_>) -> Option<Packing> {
    let Term::Load(operand, at) = &statement.body else {
        return None;
    };
    let strides = places.arrays[operand.0].strides();
    let rows = at
        .iter()
        .position(|position| matches!(position, Position::Split(..)))?;
    Some(Packing {
        from: places.place(*operand),
        strides: [strides[rows], strides[1 - rows]],
        rows: places.arrays[operand.0].shape[rows],
        depth: statement.extents[1],
        to: places.place(statement.target),
    })
}

#[cfg(test)]
mod tests {
    use super::{PANEL_COLUMNS, TILE_COLUMNS, shrinking};

    #[test]
    fn tiles_hold_all_columns_once_and_end_small() {
        for columns in [1024, 2048, 2050, 10_000] {
            let parts = shrinking(columns);
            let mut end = 0;
            for part in &parts {
                assert_eq!(part.start, end);
                assert!(part.end > end && part.start.is_multiple_of(PANEL_COLUMNS));
                end = part.end;
            }
            assert_eq!(end, columns);
            assert!(parts.last().is_some_and(|last| last.len() <= PANEL_COLUMNS));
            assert!(parts[0].len() >= TILE_COLUMNS);
        }
    }
}
