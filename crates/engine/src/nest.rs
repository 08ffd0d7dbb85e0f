//! From statements to loop nests and matrix products with strides: the order of the axes, which of them
//! merge, and where each operand lies. Nothing here runs anything.

use crate::block::{Block, Place, Value};
use crate::kernels::dense::Dense;
use crate::kernels::product::Part;
use crate::memory::Layout;
use crate::term::{Array, ArrayId, Combine, Position, Statement, Term};

/// A loop nest over blocks.
#[derive(Debug)]
pub(crate) struct Nest {
    /// The extents of the axes, outermost first; at least one.
    pub extents: Vec<usize>,
    /// Which axis the rows of a tile restrict, and how many of its elements make a row.
    pub rows: Option<(usize, usize)>,
    pub values: Vec<Step>,
    pub registers: usize,
    pub output: Output,
}

/// How a value of the block comes about.
#[derive(Debug)]
pub(crate) struct Step {
    pub register: usize,
    pub value: Value,
    /// For loads: where, and how far apart along each axis.
    pub access: Access,
    /// The arena offset to which the value may be written at once instead of to its register.
    pub direct: Option<usize>,
}

/// Where an array is read.
#[derive(Debug, Default)]
pub(crate) struct Access {
    pub offset: usize,
    pub strides: Vec<usize>,
    /// The strides are those of a dense row-major array over the nest's axes.
    pub dense: bool,
    /// Computed positions: the value, the stride and the extent.
    pub computed: Vec<(usize, usize, usize)>,
}

/// What becomes of the results.
#[derive(Debug)]
pub(crate) enum Output {
    /// Each value is stored over the nest's axes.
    Store(Vec<Store>),
    /// One value is combined along the last axis, and over so many rows of it.
    Rows {
        value: usize,
        combine: Combine,
        offset: usize,
        rows_per_element: usize,
        /// Elements of the target in one row of a tile.
        row_size: usize,
    },
    /// One value is combined across so many rows, element by element of the last axis.
    Columns {
        value: usize,
        combine: Combine,
        offset: usize,
        rows_per_element: usize,
        row_size: usize,
    },
}

/// A value that is stored.
#[derive(Debug)]
pub(crate) struct Store {
    pub value: usize,
    pub offset: usize,
}

/// What the nests need to know about arrays.
pub(crate) struct Places<'a> {
    pub arrays: &'a [Array],
    pub layout: &'a Layout,
}

impl Places<'_> {
    pub(crate) fn offset(&self, array: ArrayId) -> usize {
        self.layout.offset(array).unwrap_or(0)
    }

    fn strides(&self, array: ArrayId, places: &[Place], axes: usize) -> (Vec<usize>, usize) {
        let mut strides = vec![0; axes];
        let mut offset = self.offset(array);
        let own = self.arrays[array.0].strides();
        for (place, stride) in places.iter().zip(own) {
            match place {
                Place::Axis(axis) => strides[*axis] += stride,
                Place::Literal(value) => offset += value * stride,
                Place::Value(_) => {}
            }
        }
        (strides, offset)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Outer,
    Reduced,
    Inner,
}

/// A function of whole matrices; `None` for any other statement.
pub(crate) fn dense(statement: &Statement, places: &Places<'_>) -> Option<Dense> {
    let function = statement.dense?;
    let Term::Load(operand, _) = &statement.body else {
        return None;
    };
    let (batch, matrix) = statement
        .extents
        .split_at(statement.extents.len().checked_sub(2)?);
    let [rows, columns] = matrix else {
        return None;
    };
    Some(Dense {
        value: function.value,
        count: batch.iter().product(),
        rows: *rows,
        columns: *columns,
        operand: places.offset(*operand),
        target: places.offset(statement.target),
    })
}

/// The nest of element-wise statements of equal extents, or of one reduction.
pub(crate) fn nest(statements: &[&Statement], places: &Places<'_>) -> Nest {
    let first = statements[0];
    let axes = first.extents.len();
    let mut block = Block::default();
    for statement in statements {
        block.push(statement.target, &statement.body);
    }
    let mut accesses: Vec<Access> = Vec::new();
    let mut fixed_axes: Vec<usize> = Vec::new();
    for value in &block.values {
        let mut access = Access::default();
        match value {
            Value::Load(array, at) => {
                (access.strides, access.offset) = places.strides(*array, at, axes);
                let shape = &places.arrays[array.0];
                for (axis, (place, stride)) in at.iter().zip(shape.strides()).enumerate() {
                    if let Place::Value(value) = place {
                        access.computed.push((*value, stride, shape.shape[axis]));
                    }
                }
            }
            Value::Coordinate(axis) => fixed_axes.push(*axis),
            _ => {}
        }
        accesses.push(access);
    }
    let order = order(first, &accesses);
    let target = &places.arrays[first.target.0];
    let row_size = |array: &Array| array.len() / array.shape.first().copied().unwrap_or(1);
    let nest = collapse(first, &order, &mut accesses, &fixed_axes);
    let renumbered = |value: &Value| match value {
        Value::Coordinate(axis) => {
            let image = nest.images[*axis];
            image.map_or(
                Value::Constant(crate::term::Constant(0.0)),
                Value::Coordinate,
            )
        }
        _ => value.clone(),
    };
    let (registers, count) = block.registers();
    let mut values: Vec<Step> = block
        .values
        .iter()
        .zip(accesses)
        .zip(&registers)
        .map(|((value, mut access), register)| {
            let suffix: Vec<usize> = (0..nest.extents.len())
                .map(|axis| nest.extents[axis + 1..].iter().product())
                .collect();
            access.dense = matches!(value, Value::Load(..))
                && access.strides == suffix
                && nest.rows.is_none_or(|(axis, _)| axis == 0);
            Step {
                register: *register,
                value: renumbered(value),
                access,
                direct: None,
            }
        })
        .collect();
    let output = if first.is_map() {
        for (statement, value) in statements.iter().zip(&block.results) {
            let offset = places.offset(statement.target);
            let size = places.arrays[statement.target.0].len();
            if writes_directly(&values, *value, offset, size, places) {
                values[*value].direct = Some(offset);
            }
        }
        let stores = statements.iter().zip(&block.results);
        let stores = stores
            .filter(|(statement, value)| {
                values[**value].direct != Some(places.offset(statement.target))
            })
            .map(|(statement, value)| Store {
                value: *value,
                offset: places.offset(statement.target),
            });
        Output::Store(stores.collect())
    } else {
        let value = block.results[0];
        let (combine, offset) = (first.combine, places.offset(first.target));
        let row_size = row_size(target);
        let extents = nest.extents.iter().zip(&nest.classes);
        let reduced = extents.filter(|(_, class)| **class == Class::Reduced);
        let reduced: usize = reduced.map(|(extent, _)| extent).product();
        if nest.classes.last() == Some(&Class::Inner) {
            Output::Columns {
                value,
                combine,
                offset,
                rows_per_element: reduced,
                row_size,
            }
        } else {
            let inner = nest.extents.last().copied().unwrap_or(1);
            Output::Rows {
                value,
                combine,
                offset,
                rows_per_element: reduced / inner,
                row_size,
            }
        }
    };
    Nest {
        extents: nest.extents,
        rows: nest.rows,
        values,
        registers: count,
        output,
    }
}

/// Whether a result may be written to its array at once: an operation makes it, and nothing that is
/// computed later reads what lies there.
fn writes_directly(
    values: &[Step],
    value: usize,
    offset: usize,
    size: usize,
    places: &Places<'_>,
) -> bool {
    if !matches!(values[value].value, Value::Operation(..)) || values[value].direct.is_some() {
        return false;
    }
    let overlaps = |step: &Step| match &step.value {
        Value::Load(array, _) => {
            let start = places.offset(*array);
            start < offset + size && offset < start + places.arrays[array.0].len()
        }
        _ => false,
    };
    values[value + 1..].iter().all(|step| {
        !overlaps(step)
            && step
                .value
                .arguments()
                .iter()
                .all(|argument| !overlaps(&values[*argument]))
    })
}

/// The order of the axes and their classes.
fn order(statement: &Statement, accesses: &[Access]) -> Vec<(usize, Class)> {
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
    let across =
        rank > 0 && statement.extents[rank - 1] > 1 && contiguous(rank - 1) > best.unwrap_or(0);
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

struct Collapsed {
    extents: Vec<usize>,
    classes: Vec<Class>,
    rows: Option<(usize, usize)>,
    /// Where each axis of the statement went; only axes that stand alone are asked for.
    images: Vec<Option<usize>>,
}

/// Drops axes of extent one and merges neighbours that every operand walks as one.
fn collapse(
    statement: &Statement,
    order: &[(usize, Class)],
    accesses: &mut [Access],
    alone: &[usize],
) -> Collapsed {
    let mut extents: Vec<usize> = Vec::new();
    let mut classes: Vec<Class> = Vec::new();
    let mut rows = None;
    let mut images = vec![None; statement.extents.len()];
    let mut strides: Vec<Vec<usize>> = vec![Vec::new(); accesses.len()];
    let mut mergeable = false;
    for (axis, class) in order {
        let extent = statement.extents[*axis];
        if extent == 1 {
            continue;
        }
        let merges = mergeable
            && !alone.contains(axis)
            && classes.last() == Some(class)
            && accesses.iter().zip(&strides).all(|(access, merged)| {
                match (merged.last(), access.strides.get(*axis)) {
                    (Some(outer), Some(inner)) => *outer == inner * extent,
                    _ => true,
                }
            });
        mergeable = !alone.contains(axis);
        if merges {
            if let Some(last) = extents.last_mut() {
                *last *= extent;
            }
            if let Some((at, scale)) = &mut rows
                && *at == extents.len() - 1
            {
                *scale *= extent;
            }
        } else {
            extents.push(extent);
            classes.push(*class);
            if *axis == 0 && statement.rank > 0 {
                rows = Some((extents.len() - 1, 1));
            }
        }
        images[*axis] = Some(extents.len() - 1);
        for (access, merged) in accesses.iter().zip(&mut strides) {
            let stride = access.strides.get(*axis).copied().unwrap_or(0);
            if merges {
                merged.pop();
            }
            merged.push(stride);
        }
    }
    let needs_reduced = !statement.is_map() && !classes.contains(&Class::Reduced);
    if extents.is_empty() || needs_reduced {
        extents.push(1);
        classes.push(Class::Reduced);
        for merged in &mut strides {
            merged.push(0);
        }
    }
    for (access, merged) in accesses.iter_mut().zip(strides) {
        access.strides = merged;
    }
    Collapsed {
        extents,
        classes,
        rows,
        images,
    }
}

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
    /// Loops around it.
    pub loops: Vec<OuterLoop>,
    /// What a tile's rows restrict: a loop, or the product's own rows if it is past the loops; and how many
    /// make a row.
    pub rows: Option<(usize, usize)>,
    /// Added to the target instead of written over it, times this factor.
    pub accumulate: Option<Factor>,
}

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

    /// The tiles of a product that stands alone.
    pub(crate) fn grid(&self) -> Vec<Part> {
        let [rows, columns, _] = self.shape;
        // What is laid out anew, or packed, should be so once.
        let (down, across) = if self.transposes_left() {
            (split(rows, 16, TILES), 1)
        } else {
            let across = split(columns, 32, TILES);
            (split(rows, 64, TILES / across.min(TILES)), across)
        };
        let down = down.max(rows.div_ceil(MOST_ROWS));
        let border = |size: usize, place: usize, count: usize, unit: usize| {
            let border = size * place / count;
            if place == count {
                size
            } else {
                border.next_multiple_of(unit).min(size)
            }
        };
        let mut parts = Vec::new();
        for row in 0..down {
            for column in 0..across {
                parts.push(Part {
                    rows: border(rows, row, down, 4)..border(rows, row + 1, down, 4),
                    columns: border(columns, column, across, 32)
                        ..border(columns, column + 1, across, 32),
                });
            }
        }
        parts
    }
}

/// Tiles of a product that stands alone.
const TILES: usize = 4;

/// More rows than this, packed, leave the cache that is nearest but one.
pub(crate) const MOST_ROWS: usize = 512;

/// Into how many parts, of at least so many elements, an extent is split; at most `most`.
fn split(extent: usize, least: usize, most: usize) -> usize {
    (extent / least).clamp(1, most.max(1))
}

/// A factor of an accumulated product: a number times scalars in the arena.
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
            // `added_product` lets nothing else through.
            _ => {}
        }
    }
    factor
}

/// One operand of a product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operand {
    pub offset: usize,
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
    has_rows: bool,
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
        (places.offset(*left), strides(left, left_at)),
        (places.offset(*right), strides(right, right_at)),
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
            .filter(|axis| choose(*axis) && (statement.extents[*axis] > 1 || *axis == 0))
            .collect();
        let stride_of = |axis: usize, which: usize| match which {
            2 => target[axis],
            _ => operands[which].1[axis],
        };
        chosen.sort_by_key(|axis| std::cmp::Reverse(stride_of(*axis, lead)));
        let mut runs: Vec<Run> = Vec::new();
        for axis in chosen {
            let extent = statement.extents[axis];
            let strides = [0, 1, 2].map(|which| stride_of(axis, which));
            if let Some(last) = runs.last_mut()
                && axis != 0
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
                has_rows: axis == 0,
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
        has_rows: false,
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
    let free_loops = batch.iter().chain(&more_rows).chain(&more_columns);
    let around: Vec<Run> = free_loops.chain(&more_depth).copied().collect();
    let first_adding = around.len() - more_depth.len();
    let loops: Vec<OuterLoop> = around
        .iter()
        .enumerate()
        .map(|(place, run)| OuterLoop {
            extent: run.extent,
            strides: run.strides,
            adds: place >= first_adding,
        })
        .collect();
    let restricted = around.iter().position(|run| run.has_rows);
    let restricted = match restricted {
        Some(place) => Some((place, around[place].scale)),
        None if row.has_rows => Some((around.len(), row.scale)),
        None => None,
    };
    Some(Product {
        shape: [row.extent, column.extent, deep.extent],
        left: Operand {
            offset: operands[0].0,
            strides: [row.strides[0], deep.strides[0]],
        },
        right: Operand {
            offset: operands[1].0,
            strides: [deep.strides[1], column.strides[1]],
        },
        target: Operand {
            offset: places.offset(statement.target),
            strides: [row.strides[2], column.strides[2]],
        },
        loops,
        rows: restricted,
        accumulate: statement.adds.as_ref().map(|scale| factor(scale, places)),
    })
}
