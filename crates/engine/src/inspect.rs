//! What a plan does, as data: its stages, kernels and arrays, with their operations and bytes. It is worked out
//! when the plan is made and never changes how anything is computed.

use std::collections::BTreeMap;
use std::fmt;

use backprove_calculus::functions::MatrixValue;

use crate::block::{Block, Operation, Value};
use crate::fuse::Fused;
use crate::memory::Layout;
use crate::printed::{Printed, letter};
use crate::product::Product;
use crate::schedule::Group;
use crate::term::{ArrayId, Binary, Combine, Origin, Start, Statement, Term, Unary};

/// A plan's stages and memory.
///
/// ```
/// use std::collections::HashMap;
/// use backprove_calculus::{Dim, Equation, Expr, Index, Program, Tensor};
/// use backprove_engine::{KernelKind, Plan};
///
/// // y[n] = sum[m](W[n, m] * x[m])
/// let (rows, inner) = (Dim::symbol("N"), Dim::symbol("M"));
/// let w = Tensor::new("W", vec![rows.clone(), inner.clone()]);
/// let x = Tensor::new("x", vec![inner.clone()]);
/// let (n, m) = (Index::new("n", rows.clone()), Index::new("m", inner));
/// let product = Expr::product([
///     Expr::access(&w, &[n.clone(), m.clone()]),
///     Expr::access(&x, &[m.clone()]),
/// ]);
/// let program = Program {
///     inputs: vec![w, x],
///     functions: Vec::new(),
///     equations: vec![Equation {
///         target: Tensor::new("y", vec![rows]),
///         indices: vec![n],
///         body: Expr::sum(&[m], product),
///         matrix: None,
///     }],
/// };
/// let sizes = HashMap::from([("N".to_owned(), 20), ("M".to_owned(), 30)]);
/// let plan = Plan::<f32>::compile(&program, &sizes, &["y"], &[])?;
/// let report = plan.report();
/// let kernel = report.kernels().next().expect("the product");
/// assert_eq!(kernel.operations, 2 * 20 * 30);
/// assert_eq!((kernel.read, kernel.written), (4 * (20 * 30 + 30), 4 * 20));
/// assert_eq!(report.arena.live, 4 * (20 * 30 + 30 + 20));
/// # Ok::<(), backprove_engine::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The precision, `f32` or `f64`.
    pub precision: &'static str,
    /// What is done one after the other.
    pub stages: Vec<StageReport>,
    /// The memory.
    pub arena: ArenaReport,
}

/// What may run side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageReport {
    /// Independent groups of kernels.
    pub groups: Vec<GroupReport>,
    /// Whether the work is worth a hand-over to other threads.
    pub shared: bool,
}

/// Kernels that run one after the other on the same rows, tile by tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupReport {
    /// Rows of the targets.
    pub rows: usize,
    /// The tiles into which they are cut; each is a task for one thread.
    pub tiles: usize,
    /// The kernels, in order.
    pub kernels: Vec<KernelReport>,
}

/// How a kernel computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KernelKind {
    /// A matrix product.
    Product,
    /// The left operand of a large product, laid out in panels that its tiles share.
    Packing,
    /// A loop over elements.
    Loop,
    /// A loop that combines elements.
    Reduction,
    /// A function of whole matrices.
    MatrixFunction,
}

impl KernelKind {
    /// Its name in printed plans.
    pub fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Packing => "packing",
            Self::Loop => "loop",
            Self::Reduction => "reduction",
            Self::MatrixFunction => "matrix function",
        }
    }
}

/// One kernel: a call of a matrix product, or a loop nest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelReport {
    /// How it computes.
    pub kind: KernelKind,
    /// What it computes; several statements where a loop serves several arrays.
    pub statements: Vec<String>,
    /// The arrays that it writes.
    pub targets: Vec<String>,
    /// For a product its rows, columns and depth, otherwise the extents of the loop.
    pub shape: Vec<usize>,
    /// How often a product of this shape is done.
    pub times: usize,
    /// Floating-point operations: two for each multiplication that a product adds up; for an element of a loop one for
    /// an addition, a multiplication or a comparison, 4 for a division or a root, 10 for an exponential and its like,
    /// 40 for a power.
    pub operations: u64,
    /// Bytes read if every element is fetched once.
    pub read: u64,
    /// Bytes written if every element is stored once.
    pub written: u64,
}

/// The arrays of a plan and where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArenaReport {
    /// The arrays, in the order in which they come alive.
    pub arrays: Vec<ArrayReport>,
    /// Arrays that never lie in the arena: each thread holds some rows of them at a time, within [`Self::scratch`].
    pub strips: Vec<String>,
    /// The size of the arena: the peak, known before anything runs, but for [`Self::scratch`].
    pub bytes: u64,
    /// The sum of all arrays that are alive in the worst stage; two that share a place at that moment count once.
    pub live: u64,
    /// That stage.
    pub worst: usize,
    /// What each thread needs beside the arena, for the blocks of its loops and for [`Self::strips`].
    pub scratch: u64,
}

/// What an array is to the user of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Filled before a run.
    Input,
    /// Read after a run.
    Output,
    /// Takes the place of an input at the end of a run.
    Update,
    /// Needed in between.
    Intermediate,
}

impl Role {
    /// Its name in printed plans.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Update => "update",
            Self::Intermediate => "intermediate",
        }
    }
}

/// An array of the arena.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayReport {
    /// Its name; those that the plan made are called `t` and a number.
    pub name: String,
    /// What it is to the user.
    pub role: Role,
    /// Its extents.
    pub shape: Vec<usize>,
    /// Where it begins in the arena, in bytes.
    pub offset: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// The first stage at which it is needed.
    pub first: usize,
    /// The last stage at which it is needed.
    pub last: usize,
    /// The array whose place it takes while that one is read for the last time.
    pub over: Option<String>,
}

impl ArrayReport {
    /// Where it ends in the arena, in bytes.
    pub fn end(&self) -> u64 {
        self.offset + self.bytes
    }

    /// Whether some stage needs both.
    fn meets(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl ArenaReport {
    /// The peak of all memory with so many threads.
    pub fn peak(&self, threads: usize) -> u64 {
        self.bytes + self.scratch * threads as u64
    }

    /// The arrays that lie in part or in whole where `array` does, at other times.
    pub fn sharing<'a>(&'a self, array: &'a ArrayReport) -> impl Iterator<Item = &'a ArrayReport> {
        self.arrays.iter().filter(move |other| {
            !std::ptr::eq(*other, array)
                && other.offset < array.end()
                && array.offset < other.end()
                && other.bytes > 0
        })
    }
}

impl Report {
    /// All kernels, in the order of the stages.
    pub fn kernels(&self) -> impl Iterator<Item = &KernelReport> {
        let groups = self.stages.iter().flat_map(|stage| &stage.groups);
        groups.flat_map(|group| &group.kernels)
    }

    /// The floating-point operations of all kernels.
    pub fn operations(&self) -> u64 {
        self.kernels().map(|kernel| kernel.operations).sum()
    }
}

/// Works reports out for what a plan was made of.
pub(crate) struct Inspector<'a> {
    pub fused: &'a Fused,
    pub layout: &'a Layout,
    /// Bytes of an element.
    pub element: usize,
}

impl Inspector<'_> {
    pub(crate) fn product(&self, statement: &Statement, product: &Product) -> KernelReport {
        let around = product.batch.0.iter().chain(&product.loops);
        let times: usize = around.map(|outer| outer.extent).product();
        let flat: f64 = product.shape.iter().map(|extent| *extent as f64).product();
        let mut report = self.kernel(KernelKind::Product, &[statement]);
        report.shape = product.shape.to_vec();
        report.times = times;
        report.operations = (2.0 * flat * times as f64) as u64;
        if statement.start == Start::Before {
            report.read += report.written;
        }
        report
    }

    pub(crate) fn packing(&self, statement: &Statement) -> KernelReport {
        self.kernel(KernelKind::Packing, &[statement])
    }

    pub(crate) fn matrix_function(&self, statement: &Statement) -> KernelReport {
        let mut report = self.kernel(KernelKind::MatrixFunction, &[statement]);
        let [batch @ .., rows, columns] = &*statement.extents else {
            return report;
        };
        let (rows, columns) = (*rows as f64, *columns as f64);
        let one = match statement.dense.map(|function| function.value) {
            Some(MatrixValue::Inverse) => 2.0 * rows * rows * columns,
            Some(MatrixValue::Cholesky) => rows * rows * columns / 3.0,
            Some(MatrixValue::LowerPart | MatrixValue::HalfLowerPart) => rows * columns,
            _ => 2.0 * rows * rows * columns / 3.0,
        };
        let count: f64 = batch.iter().map(|extent| *extent as f64).product();
        report.operations = (one * count) as u64;
        report
    }

    /// A loop over elements: statements of equal extents, or one reduction.
    pub(crate) fn elements(&self, statements: &[&Statement]) -> KernelReport {
        let reduces = !statements[0].is_map();
        let kind = if reduces {
            KernelKind::Reduction
        } else {
            KernelKind::Loop
        };
        let mut report = self.kernel(kind, statements);
        let mut block = Block::default();
        for statement in statements {
            let whole = statement.by_row();
            let body = whole
                .as_ref()
                .map_or(&statement.body, |(whole, _)| &whole.body);
            let known = block.values.len();
            block.push(statement.target, body);
            let weights = block.values[known..].iter().map(|value| match value {
                Value::Operation(operation, _) => weight(*operation),
                _ => 0,
            });
            let each = weights.sum::<u64>() + u64::from(!statement.is_map());
            let operations = volume(&statement.extents).saturating_mul(each);
            report.operations = report.operations.saturating_add(operations);
        }
        report
    }

    fn kernel(&self, kind: KernelKind, statements: &[&Statement]) -> KernelReport {
        let element = self.element as u64;
        let mut read: BTreeMap<ArrayId, u64> = BTreeMap::new();
        let mut written: Vec<ArrayId> = Vec::new();
        for statement in statements {
            let mut loaded = |term: &Term, extents: &[usize]| {
                term.walk(&mut |part| {
                    if let Term::Load(array, _) = part
                        && !written.contains(array)
                    {
                        let most = volume(&self.fused.arrays[array.0].shape);
                        let touched = touched(part, extents).min(most);
                        let known = read.entry(*array).or_insert(0);
                        *known = touched.max(*known);
                    }
                });
            };
            loaded(&statement.body, &statement.extents);
            loaded(&statement.scale, &statement.extents);
            if let Start::Vector(vector) = &statement.start {
                loaded(vector, &statement.extents);
            }
            written.push(statement.target);
        }
        let name = |array: &ArrayId| self.fused.arrays[array.0].name.clone();
        let size = |array: &ArrayId| volume(&self.fused.arrays[array.0].shape);
        KernelReport {
            kind,
            statements: statements.iter().map(|one| self.statement(one)).collect(),
            shape: statements[0].extents.clone(),
            times: 1,
            operations: 0,
            read: read.values().sum::<u64>() * element,
            written: written.iter().map(size).sum::<u64>() * element,
            targets: written.iter().map(name).collect(),
        }
    }

    fn statement(&self, statement: &Statement) -> String {
        let arrays = &self.fused.arrays;
        let axes: Vec<String> = (0..statement.rank).map(letter).collect();
        let name = &arrays[statement.target.0].name;
        let place = match self.fused.overwrites(statement.target) {
            Some(input) if input != statement.target => format!(" over {}", arrays[input.0].name),
            _ => String::new(),
        };
        let equals = match &statement.start {
            Start::Zero => "=".to_owned(),
            Start::Before => "+=".to_owned(),
            Start::Vector(vector) => format!("= {} +", Printed(vector, arrays)),
        };
        let scale = match &statement.scale {
            scale if *scale == Term::ONE => String::new(),
            scale => format!("{} * ", Printed(scale, arrays)),
        };
        let body = Printed(&statement.body, arrays);
        let reduced: Vec<String> = (statement.rank..statement.extents.len())
            .map(letter)
            .collect();
        let combine = match statement.combine {
            Combine::Sum => "sum",
            Combine::Maximum => "max",
            Combine::Minimum => "min",
            Combine::Product => "prod",
        };
        let body = match statement.dense {
            Some(function) => format!("{}({body})", function.name),
            None if statement.is_map() => body.to_string(),
            None => format!("{combine}[{}]({body})", reduced.join(", ")),
        };
        format!("{name}[{}]{place} {equals} {scale}{body}", axes.join(", "))
    }

    /// The arrays of the arena, from the stage of each statement on.
    pub(crate) fn arena(&self, groups: &[Group], scratch: usize) -> ArenaReport {
        let mut level_of = vec![0; self.fused.statements.len()];
        for group in groups {
            for member in &group.members {
                level_of[*member] = group.level;
            }
        }
        let end = level_of.iter().copied().max().unwrap_or(0);
        let mut spans: BTreeMap<ArrayId, (usize, usize)> = BTreeMap::new();
        let mut extend = |array: ArrayId, first: usize, last: usize| {
            let span = spans.entry(array).or_insert((first, last));
            *span = (span.0.min(first), span.1.max(last));
        };
        for (place, array) in self.fused.arrays.iter().enumerate() {
            if array.origin == Origin::Input {
                extend(ArrayId(place), 0, end);
            }
        }
        for (statement, level) in self.fused.statements.iter().zip(&level_of) {
            let kept = self.role(statement.target) != Role::Intermediate;
            let last = if kept { end } else { *level };
            extend(statement.target, *level, last);
            for array in statement.reads() {
                extend(array, *level, *level);
            }
        }
        for group in groups {
            if let Some(packed) = group.packed {
                extend(packed, group.level, group.level);
            }
        }
        let element = self.element as u64;
        let mut arrays: Vec<(ArrayId, ArrayReport)> = Vec::new();
        let written = self.fused.statements.iter();
        let strips = written
            .map(|statement| statement.target)
            .filter(|target| self.layout.local(*target).is_some())
            .map(|target| self.fused.arrays[target.0].name.clone())
            .collect();
        for (id, (first, last)) in spans {
            let (Some(offset), array) = (self.layout.offset(id), &self.fused.arrays[id.0]) else {
                continue;
            };
            let report = ArrayReport {
                name: array.name.clone(),
                role: self.role(id),
                shape: array.shape.clone(),
                offset: offset as u64 * element,
                bytes: volume(&array.shape) * element,
                first,
                last,
                over: None,
            };
            arrays.push((id, report));
        }
        arrays.sort_by_key(|(id, array)| (array.first, *id));
        let mut arrays: Vec<ArrayReport> = arrays.into_iter().map(|(_, array)| array).collect();
        for place in 0..arrays.len() {
            let (earlier, rest) = arrays.split_at_mut(place);
            let array = &mut rest[0];
            let taken = earlier
                .iter()
                .rfind(|other| other.offset == array.offset && other.meets(array));
            array.over = taken.map(|other| other.name.clone());
        }
        let live = (0..=end).map(|stage| (live(&arrays, stage), stage));
        let (live, worst) = live
            .max_by_key(|(live, stage)| (*live, std::cmp::Reverse(*stage)))
            .unwrap_or((0, 0));
        ArenaReport {
            bytes: self.layout.size as u64 * element,
            arrays,
            strips,
            live,
            worst,
            scratch: scratch as u64,
        }
    }

    fn role(&self, array: ArrayId) -> Role {
        if self.fused.arrays[array.0].origin == Origin::Input {
            Role::Input
        } else if self.fused.replaces.contains_key(&array) {
            Role::Update
        } else if self.fused.kept.contains(&array) {
            Role::Output
        } else {
            Role::Intermediate
        }
    }
}

/// Bytes that the arrays of a stage take, places that two of them share counted once.
fn live(arrays: &[ArrayReport], stage: usize) -> u64 {
    let alive = |array: &&ArrayReport| array.first <= stage && stage <= array.last;
    let mut places: Vec<(u64, u64)> = arrays
        .iter()
        .filter(alive)
        .map(|array| (array.offset, array.end()))
        .collect();
    places.sort_unstable();
    let (mut sum, mut reached) = (0, 0);
    for (from, to) in places {
        sum += to.saturating_sub(from.max(reached));
        reached = reached.max(to);
    }
    sum
}

fn volume(extents: &[usize]) -> u64 {
    extents.iter().map(|extent| *extent as u64).product()
}

/// How many elements of the array a load reads over an iteration space of these extents.
fn touched(load: &Term, extents: &[usize]) -> u64 {
    let axes = load.axes();
    axes.iter().map(|axis| extents[*axis] as u64).product()
}

/// About how many cheap operations one element costs.
fn weight(operation: Operation) -> u64 {
    match operation {
        Operation::Add
        | Operation::Subtract
        | Operation::Multiply
        | Operation::Select
        | Operation::Unary(Unary::Abs | Unary::Square)
        | Operation::Binary(
            Binary::Maximum
            | Binary::Minimum
            | Binary::Greater
            | Binary::GreaterEqual
            | Binary::Equal
            | Binary::NotEqual,
        ) => 1,
        Operation::MultiplyAdd | Operation::MultiplySubtract => 2,
        Operation::Unary(Unary::Reciprocal | Unary::Sqrt) | Operation::Binary(Binary::Divide) => 4,
        Operation::DivideAdd => 5,
        Operation::Unary(_) => 10,
        Operation::Binary(Binary::Power) | Operation::Table(_) => 40,
    }
}

fn extents(shape: &[usize]) -> String {
    let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
    match extents.len() {
        0 => "1".to_owned(),
        _ => extents.join("x"),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arena = &self.arena;
        writeln!(
            f,
            "plan in {}: {} arrays in {} bytes, {} of them alive in stage {}",
            self.precision,
            arena.arrays.len(),
            arena.bytes,
            arena.live,
            arena.worst
        )?;
        for (number, stage) in self.stages.iter().enumerate() {
            writeln!(f, "stage {number}")?;
            for group in &stage.groups {
                writeln!(f, "  {} rows in {} tiles", group.rows, group.tiles)?;
                for kernel in &group.kernels {
                    write!(f, "{kernel}")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for KernelReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = match self.times {
            1 => String::new(),
            times => format!(" {times} times"),
        };
        for (place, statement) in self.statements.iter().enumerate() {
            let kind = if place == 0 { self.kind.name() } else { "and" };
            writeln!(f, "    {kind} {}{times}: {statement}", extents(&self.shape))?;
        }
        Ok(())
    }
}
