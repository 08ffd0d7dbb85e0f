//! From statements to loop nests with strides: the order of the axes, which of them merge, and where each operand
//! lies. Nothing here runs anything.

use std::collections::BTreeSet;

use crate::block::{Block, Operation, Place as At, Value};
use crate::kernels::dense::Dense;
use crate::memory::{Home, Layout, Place};
use crate::term::{Array, ArrayId, Combine, Statement, Term, Unary};
use axes::{Class, collapse, order};

mod axes;

/// A loop nest over blocks.
#[derive(Debug)]
pub(crate) struct Nest {
    /// The extents of the axes, outermost first; at least one.
    pub extents: Vec<usize>,
    pub rows: Rows,
    /// Whether tiles restrict the last axis as well, beside the rows that are before it.
    pub tiled: bool,
    pub values: Vec<Step>,
    pub registers: usize,
    pub output: Output,
}

/// What the rows of a tile restrict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Nothing: there is one row.
    One,
    /// All axes but the last, taken as one; so many of its steps make a row.
    Outer(usize),
    /// The last axis; so many of its elements make a row.
    Inner(usize),
}

/// How a value of the block comes about.
#[derive(Debug)]
pub(crate) struct Step {
    pub register: usize,
    pub value: Value,
    pub varies: Varies,
    /// For loads: where, and how far apart along each axis.
    pub access: Access,
    /// Where the value may be written at once instead of to its register.
    pub direct: Option<Place>,
    /// Whether it is computed at all.
    pub needed: bool,
}

/// Along which axes a value changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Varies {
    /// Along none: it is the same for all elements.
    Never,
    /// It is the same for all elements of a row of the last axis.
    WithRow,
    Everywhere,
}

/// Where an array is read.
#[derive(Debug, Default)]
pub(crate) struct Access {
    pub place: Place,
    pub strides: Vec<usize>,
    /// The strides are those of a dense row-major array over the nest's axes.
    pub dense: bool,
    /// Computed positions: the value, the stride and the extent.
    pub computed: Vec<(usize, usize, usize)>,
}

/// What becomes of the results.
#[derive(Debug)]
pub(crate) struct Output {
    /// Values that are stored over the nest's axes.
    pub stores: Vec<Store>,
    /// Values that are combined.
    pub reductions: Vec<Reduced>,
    /// Whether they are combined across rows, element by element of the last axis, and not along it.
    pub across: bool,
}

/// A value that is combined.
#[derive(Debug)]
pub(crate) struct Reduced {
    pub value: usize,
    /// Instead the products of both are summed, and the value that was their product is computed nowhere.
    pub with: Option<usize>,
    pub combine: Combine,
    pub place: Place,
    /// Rows of the last axis that make an element.
    pub rows_per_element: usize,
}

/// A value that is stored.
#[derive(Debug)]
pub(crate) struct Store {
    pub value: usize,
    pub place: Place,
    /// Whether it is written past the caches.
    pub streams: bool,
}

/// What the nests need to know about arrays.
pub(crate) struct Places<'a> {
    pub arrays: &'a [Array],
    pub layout: &'a Layout,
    /// Leading axes of the targets that make up the rows of tiles.
    pub prefix: usize,
    /// Whether tiles have columns of their own, of the targets' last axis.
    pub tiled: bool,
    /// Large arrays that no statement reads.
    pub streamed: &'a BTreeSet<ArrayId>,
}

impl Places<'_> {
    pub(crate) fn offset(&self, array: ArrayId) -> usize {
        self.layout.offset(array).unwrap_or(0)
    }

    pub(crate) fn place(&self, array: ArrayId) -> Place {
        if let Some(number) = self.layout.lent(array) {
            return Place {
                home: Home::Lent(number),
                offset: 0,
            };
        }
        match self.layout.local(array) {
            Some(offset) if self.layout.is_near(array) => Place {
                home: Home::Tile,
                offset,
            },
            Some(offset) => {
                let row = &self.arrays[array.0].shape[self.prefix..];
                Place {
                    home: Home::Strip(row.iter().product()),
                    offset,
                }
            }
            None => Place {
                home: Home::Arena,
                offset: self.offset(array),
            },
        }
    }

    fn strides(&self, array: ArrayId, places: &[At], axes: usize) -> (Vec<usize>, Place) {
        let mut strides = vec![0; axes];
        let mut lies = self.place(array);
        let own = self.arrays[array.0].strides();
        for (place, stride) in places.iter().zip(own) {
            match place {
                At::Axis(axis) => strides[*axis] += stride,
                At::Literal(value) => lies.offset += value * stride,
                At::Split(outer, inner, size) => {
                    strides[*outer] += size * stride;
                    strides[*inner] += stride;
                }
                At::Value(_) => {}
            }
        }
        (strides, lies)
    }
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

impl Nest {
    /// Where in the arena the arrays lie that it reads or writes element by element.
    pub(crate) fn whole_arrays(&self) -> impl Iterator<Item = usize> {
        let read = self.values.iter().filter(|step| step.access.dense);
        let read = read.map(|step| step.access.place);
        let written = self.output.stores.iter().map(|store| store.place);
        let places = read.chain(written);
        places
            .filter(|place| place.home == Home::Arena)
            .map(|place| place.offset)
    }
}

/// The block of statements of equal extents, where its loads lie, and the statement that says in which order the axes
/// run: a reduction where there is one.
fn block<'a>(
    statements: &[&'a Statement],
    places: &Places<'_>,
) -> (Block, Vec<Access>, &'a Statement) {
    let mut block = Block::default();
    for statement in statements {
        block.push(statement.target, &statement.body);
    }
    let reduces = |statement: &&&Statement| !statement.is_map();
    let leads = statements.iter().find(reduces).unwrap_or(&statements[0]);
    let accesses = accesses(&block, leads.extents.len(), places);
    (block, accesses, leads)
}

/// Whether the axes of statements of equal extents run in their own order, so that element-wise statements can share a
/// nest with reductions.
pub(crate) fn runs_in_order(statements: &[&Statement], places: &Places<'_>) -> bool {
    let (_, accesses, leads) = block(statements, places);
    let order = order(leads, &accesses, places.prefix);
    order.iter().map(|(axis, _)| *axis).is_sorted()
}

/// Whether a sum over some rows together can run with element-wise statements over the same rows and columns, and with
/// other such sums.
pub(crate) fn joins_rows(before: &[&Statement], next: &Statement, places: &Places<'_>) -> bool {
    let whole = next.by_row().map(|(whole, _)| whole.extents);
    let fits = |one: &&Statement| match one.by_row() {
        Some((other, _)) => whole.as_ref() == Some(&other.extents),
        None => one.is_map() && whole.as_ref() == Some(&one.extents),
    };
    places.prefix == 1 && before.iter().all(fits)
}

/// The nest of statements of equal extents: element-wise ones, reductions, or both; or of element-wise ones and sums
/// over some of their rows together.
pub(crate) fn nest(statements: &[&Statement], places: &Places<'_>) -> Nest {
    let by_row: Vec<_> = statements.iter().map(|one| one.by_row()).collect();
    let mixed = statements.iter().any(|one| one.is_map()) && by_row.iter().any(Option::is_some);
    if !mixed {
        return nest_of(statements, &vec![None; statements.len()], places);
    }
    let whole = statements.iter().zip(&by_row);
    let whole: Vec<&Statement> = whole
        .map(|(one, by_row)| by_row.as_ref().map_or(*one, |(whole, _)| whole))
        .collect();
    let together: Vec<_> = by_row
        .iter()
        .map(|one| one.as_ref().map(|(_, rows)| *rows))
        .collect();
    nest_of(&whole, &together, places)
}

/// The nest of statements; of sums over rows also how many of them make an element.
fn nest_of(statements: &[&Statement], together: &[Option<usize>], places: &Places<'_>) -> Nest {
    let (mut block, mut accesses, first) = block(statements, places);
    let coordinate = |value: &Value| match value {
        Value::Coordinate(axis) => Some(*axis),
        _ => None,
    };
    let fixed_axes: Vec<usize> = if places.tiled {
        (0..first.extents.len()).collect()
    } else {
        block.values.iter().filter_map(coordinate).collect()
    };
    let maps = statements.iter().find(|one| one.is_map());
    let (order, first) = match maps {
        // Columns stay an axis of their own.
        Some(map) if together.iter().any(Option::is_some) => {
            (vec![(0, Class::Outer), (1, Class::Inner)], *map)
        }
        _ => (order(first, &accesses, places.prefix), first),
    };
    let nest = collapse(first, &order, &mut accesses, &fixed_axes, places.prefix);
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
    block.values = block.values.iter().map(renumbered).collect();
    let varies = varies(&block.values, &accesses, nest.extents.len());
    let pairs = pairs(statements, &block, &varies);
    let mut lasting: Vec<bool> = varies.iter().map(|one| *one < Varies::Everywhere).collect();
    for (one, other) in pairs.iter().flatten() {
        // They are read when all values are there.
        lasting[*one] = true;
        lasting[*other] = true;
    }
    let (registers, count) = block.registers(&lasting);
    let mut values: Vec<Step> = block
        .values
        .iter()
        .zip(accesses)
        .zip(registers.iter().zip(varies))
        .map(|((value, mut access), (register, varies))| {
            let suffix: Vec<usize> = (0..nest.extents.len())
                .map(|axis| nest.extents[axis + 1..].iter().product())
                .collect();
            access.dense = matches!(value, Value::Load(..)) && access.strides == suffix;
            Step {
                register: *register,
                value: value.clone(),
                varies,
                access,
                direct: None,
                needed: true,
            }
        })
        .collect();
    let extents = nest.extents.iter().zip(&nest.classes);
    let reduced = extents.filter(|(_, class)| **class == Class::Reduced);
    let reduced: usize = reduced.map(|(extent, _)| extent).product();
    let across = nest.classes.last() == Some(&Class::Inner);
    let inner = nest.extents.last().copied().unwrap_or(1);
    let mut output = Output {
        stores: Vec::new(),
        reductions: Vec::new(),
        across,
    };
    let results = block.results.iter().zip(together);
    for ((statement, (value, rows)), pair) in statements.iter().zip(results).zip(&pairs) {
        if !statement.is_map() {
            let (first, with) = match pair {
                Some((one, other)) => (*one, Some(*other)),
                None => (*value, None),
            };
            values[*value].needed = with.is_none();
            output.reductions.push(Reduced {
                value: first,
                with,
                combine: statement.combine,
                place: places.place(statement.target),
                rows_per_element: match rows {
                    Some(rows) => *rows,
                    None if across => reduced,
                    None => reduced / inner,
                },
            });
        }
    }
    let late: Vec<usize> = output.reductions.iter().flat_map(Reduced::values).collect();
    for (statement, value) in statements.iter().zip(&block.results) {
        if !statement.is_map() {
            continue;
        }
        let place = places.place(statement.target);
        let size = places.arrays[statement.target.0].len();
        // Writing hides behind a function that takes long.
        let hides = matches!(
            &values[*value].value,
            Value::Operation(Operation::Unary(function), _) if function.is_costly()
        );
        let streams = places.streamed.contains(&statement.target) && !hides;
        // Columns of a tile are stored row by row.
        let whole = !streams && !places.tiled;
        if whole && writes_directly(&values, &late, *value, (place, size), places) {
            values[*value].direct = Some(place);
        } else {
            output.stores.push(Store {
                value: *value,
                place,
                streams,
            });
        }
    }
    Nest {
        extents: nest.extents,
        // The rows of such a sum are those that it adds up.
        rows: if first.splits_rows() {
            Rows::Outer(1)
        } else {
            nest.rows
        },
        tiled: places.tiled,
        values,
        registers: count,
        output,
    }
}

/// Along which axes of the nest each value changes.
fn varies(values: &[Value], accesses: &[Access], axes: usize) -> Vec<Varies> {
    let mut varies: Vec<Varies> = Vec::new();
    for (value, access) in values.iter().zip(accesses) {
        let most = |values: &mut dyn Iterator<Item = usize>| {
            let most = values.map(|value| varies[value]).max();
            most.unwrap_or(Varies::Never)
        };
        varies.push(match value {
            Value::Constant(_) => Varies::Never,
            Value::Coordinate(axis) if axis + 1 < axes => Varies::WithRow,
            Value::Coordinate(_) => Varies::Everywhere,
            Value::Load(..) => {
                let own = match access.strides.iter().rposition(|stride| *stride > 0) {
                    None if access.computed.is_empty() => Varies::Never,
                    Some(axis) if axis + 1 == access.strides.len() => Varies::Everywhere,
                    _ => Varies::WithRow,
                };
                own.max(most(&mut access.computed.iter().map(|(value, ..)| *value)))
            }
            Value::Operation(_, arguments) => most(&mut arguments.iter().copied()),
        });
    }
    varies
}

/// Where the loads of a block lie, over so many axes.
fn accesses(block: &Block, axes: usize, places: &Places<'_>) -> Vec<Access> {
    let access = |value: &Value| {
        let mut access = Access::default();
        if let Value::Load(array, at) = value {
            (access.strides, access.place) = places.strides(*array, at, axes);
            let shape = &places.arrays[array.0];
            for (axis, (place, stride)) in at.iter().zip(shape.strides()).enumerate() {
                if let At::Value(value) = place {
                    access.computed.push((*value, stride, shape.shape[axis]));
                }
            }
        }
        access
    };
    block.values.iter().map(access).collect()
}

/// For each statement whether it sums products that nothing else needs: then of which two values.
fn pairs(
    statements: &[&Statement],
    block: &Block,
    varies: &[Varies],
) -> Vec<Option<(usize, usize)>> {
    let pair = |(statement, result): (&&Statement, &usize)| {
        let (one, other) = match &block.values[*result] {
            Value::Operation(Operation::Multiply, arguments) => (arguments[0], arguments[1]),
            Value::Operation(Operation::Unary(Unary::Square), arguments) => {
                (arguments[0], arguments[0])
            }
            _ => return None,
        };
        let users = block.values.iter().flat_map(Value::arguments);
        let users = users.filter(|argument| argument == result).count();
        let results = block.results.iter().filter(|other| *other == result);
        let full = [one, other].map(|value| varies[value] == Varies::Everywhere);
        let sums = !statement.is_map() && statement.combine == Combine::Sum;
        (sums && users == 0 && results.count() == 1 && full == [true; 2]).then_some((one, other))
    };
    statements.iter().zip(&block.results).map(pair).collect()
}

impl Reduced {
    /// The values that are read.
    pub(crate) fn values(&self) -> impl Iterator<Item = usize> {
        [self.value].into_iter().chain(self.with)
    }
}

/// Whether a result may be written to its array at once: an operation makes it, and nothing that is
/// computed later, or combined when all is computed, reads what lies there.
fn writes_directly(
    values: &[Step],
    late: &[usize],
    value: usize,
    (place, size): (Place, usize),
    places: &Places<'_>,
) -> bool {
    if !matches!(values[value].value, Value::Operation(..)) || values[value].direct.is_some() {
        return false;
    }
    let overlaps = |step: &Step| match &step.value {
        Value::Load(array, _) => {
            let other = places.place(*array);
            let start = other.offset;
            let same = match other.home {
                Home::Arena => place.home == Home::Arena,
                Home::Strip(_) | Home::Tile => {
                    matches!(place.home, Home::Strip(_) | Home::Tile)
                }
                Home::Lent(_) => false,
            };
            same && start < place.offset + size
                && place.offset < start + places.arrays[array.0].len()
        }
        _ => false,
    };
    !late.iter().any(|late| overlaps(&values[*late]))
        && values[value + 1..].iter().all(|step| {
            !overlaps(step)
                && step
                    .value
                    .arguments()
                    .iter()
                    .all(|argument| !overlaps(&values[*argument]))
        })
}
