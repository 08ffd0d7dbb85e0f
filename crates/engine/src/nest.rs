//! From statements to loop nests with strides: the order of the axes, which of them merge, and where each operand
//! lies. Nothing here runs anything.

use std::collections::BTreeSet;

use crate::block::{Block, Operation, Place as At, Value};
use crate::kernels::dense::Dense;
use crate::memory::{Home, Layout, Place};
use crate::term::{Array, ArrayId, Combine, Statement, Term, Unary};
use axes::{Class, collapse, order};
use rows::{Member, Role};

mod axes;
pub(crate) mod rows;

/// A loop nest over blocks.
#[derive(Debug)]
pub(crate) struct Nest {
    /// The extents of the axes, outermost first; at least one.
    pub extents: Vec<usize>,
    pub rows: Rows,
    /// Whether tiles restrict the last axis as well, beside the rows that are before it.
    pub tiled: bool,
    /// Whether a block is a row of the last axis, so that what combines it can be read in the same block.
    pub by_row: bool,
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
    /// Whether rows are written there past the caches while they are computed, where a kernel can.
    pub past: bool,
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
    /// Whether it is one element for each row.
    pub of_row: bool,
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

/// The block of statements, where its loads lie, and the statement that says in which order the axes run: a reduction
/// where there is one.
fn block<'a>(members: &'a [Member], places: &Places<'_>) -> (Block, Vec<Access>, &'a Statement) {
    let mut block = Block::default();
    for Member { statement, role } in members {
        match role {
            Role::AlongRow => {
                block.push_combined(statement.target, statement.combine, &statement.body);
            }
            _ => block.push(statement.target, &statement.body),
        }
    }
    let reduces = |member: &&Member| !member.statement.is_map();
    let leads = &members
        .iter()
        .find(reduces)
        .unwrap_or(&members[0])
        .statement;
    let accesses = accesses(&block, leads.extents.len(), places);
    (block, accesses, leads)
}

/// Whether the axes of statements of equal extents run in their own order, so that element-wise statements can share a
/// nest with reductions.
pub(crate) fn runs_in_order(statements: &[&Statement], places: &Places<'_>) -> bool {
    let member = |statement: &&Statement| Member {
        statement: (*statement).clone(),
        role: Role::Elements,
    };
    let members: Vec<Member> = statements.iter().map(member).collect();
    let (_, accesses, leads) = block(&members, places);
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
    let member = |(statement, by_row): (&&Statement, Option<(Statement, usize)>)| match by_row {
        Some((statement, together)) if mixed => Member {
            statement,
            role: Role::AcrossRows(together),
        },
        _ => Member {
            statement: (*statement).clone(),
            role: if statement.is_map() {
                Role::Elements
            } else {
                Role::Combined
            },
        },
    };
    let members: Vec<Member> = statements.iter().zip(by_row).map(member).collect();
    nest_of(&members, &|_| true, places)
}

/// The nest of members; row by row where some of them are combined along rows. `stored` says whose results anything else reads.
pub(crate) fn nest_of(
    members: &[Member],
    stored: &dyn Fn(ArrayId) -> bool,
    places: &Places<'_>,
) -> Nest {
    let by_row = members.iter().any(|one| one.role == Role::AlongRow);
    let (mut block, mut accesses, first) = block(members, places);
    let coordinate = |value: &Value| match value {
        Value::Coordinate(axis) => Some(*axis),
        _ => None,
    };
    let fixed_axes: Vec<usize> = if places.tiled {
        (0..first.extents.len()).collect()
    } else {
        block.values.iter().filter_map(coordinate).collect()
    };
    let across = |one: &Member| matches!(one.role, Role::AcrossRows(_));
    let columns;
    let (order, first) = if by_row || members.iter().any(across) {
        // Columns stay an axis of their own.
        let rank = first.extents.len();
        columns = Statement {
            rank,
            ..first.clone()
        };
        let rows = (0..rank - 1).map(|axis| (axis, Class::Outer));
        let order = rows.chain([(rank - 1, Class::Inner)]).collect();
        (order, &columns)
    } else {
        (order(first, &accesses, places.prefix), first)
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
    let needed = pair_within(&mut block, &varies);
    let pairs = pairs(members, &block, &varies);
    // Row by row, what differs from row to row is computed among the others.
    let within = if by_row {
        Varies::WithRow
    } else {
        Varies::Everywhere
    };
    let mut lasting: Vec<bool> = varies.iter().map(|one| *one < within).collect();
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
        .zip(needed)
        .map(|(((value, mut access), (register, varies)), needed)| {
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
                past: false,
                needed,
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
    for ((Member { statement, role }, value), pair) in
        members.iter().zip(&block.results).zip(&pairs)
    {
        let rows_per_element = match role {
            Role::AcrossRows(rows) => *rows,
            Role::Combined if across => reduced,
            Role::Combined => reduced / inner,
            Role::Elements | Role::OfRow | Role::AlongRow => continue,
        };
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
            rows_per_element,
        });
    }
    let late: Vec<usize> = output.reductions.iter().flat_map(Reduced::values).collect();
    for (Member { statement, role }, value) in members.iter().zip(&block.results) {
        let of_row = matches!(role, Role::OfRow | Role::AlongRow);
        let element = of_row || *role == Role::Elements;
        if !element || !stored(statement.target) {
            continue;
        }
        let place = places.place(statement.target);
        let size = places.arrays[statement.target.0].len();
        // Writing hides behind a function that takes long, and behind the other work on a row.
        let hides = matches!(
            &values[*value].value,
            Value::Operation(Operation::Unary(function), _) if function.is_costly()
        );
        let large = places.streamed.contains(&statement.target);
        let streams = large && !hides && !by_row;
        // Columns of a tile are stored row by row.
        let whole = !streams && !places.tiled && !of_row;
        if whole && writes_directly(&values, &late, *value, (place, size), places) {
            values[*value].direct = Some(place);
            values[*value].past = large && by_row;
        } else {
            output.stores.push(Store {
                value: *value,
                place,
                of_row,
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
        by_row,
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
            Value::Combined(..) => Varies::WithRow,
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

/// For each member whether it sums products that nothing else in the nest needs: then of which two values.
fn pairs(members: &[Member], block: &Block, varies: &[Varies]) -> Vec<Option<(usize, usize)>> {
    let pair = |(member, result): (&Member, &usize)| {
        let sums = matches!(member.role, Role::Combined | Role::AcrossRows(_))
            && member.statement.combine == Combine::Sum;
        let results = block.results.iter().filter(|other| *other == result);
        let alone = sums && results.count() == 1 && users(block, *result) == 0;
        alone.then(|| factors(block, varies, *result)).flatten()
    };
    members.iter().zip(&block.results).map(pair).collect()
}

/// Has values that sum products which nothing else needs take the two values themselves. Whether each value is needed then.
fn pair_within(block: &mut Block, varies: &[Varies]) -> Vec<bool> {
    let mut needed = vec![true; block.values.len()];
    for place in 0..block.values.len() {
        if let Value::Combined(Combine::Sum, arguments) = &block.values[place]
            && let [product] = **arguments
            && users(block, product) == 1
            && !block.results.contains(&product)
            && let Some((one, other)) = factors(block, varies, product)
        {
            block.values[place] = Value::Combined(Combine::Sum, vec![one, other]);
            needed[product] = false;
        }
    }
    needed
}

/// How often other values read a value.
fn users(block: &Block, value: usize) -> usize {
    let arguments = block.values.iter().flat_map(Value::arguments);
    arguments.filter(|argument| *argument == value).count()
}

/// The values whose product a value is, if neither is the same for all elements of a row.
fn factors(block: &Block, varies: &[Varies], value: usize) -> Option<(usize, usize)> {
    let (one, other) = match &block.values[value] {
        Value::Operation(Operation::Multiply, arguments) => (arguments[0], arguments[1]),
        Value::Operation(Operation::Unary(Unary::Square), arguments) => {
            (arguments[0], arguments[0])
        }
        _ => return None,
    };
    let full = [one, other].map(|value| varies[value] == Varies::Everywhere);
    (full == [true; 2]).then_some((one, other))
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
