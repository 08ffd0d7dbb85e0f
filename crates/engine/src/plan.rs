//! Plans: what a program becomes for given sizes, and its memory. Nothing here decides how a statement is
//! computed; that was settled when the plan was made.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use backprove_calculus::Program;

use crate::error::Error;
use crate::fuse::{self, Fused};
use crate::inspect::{GroupReport, Inspector, Report, StageReport};
use crate::kernels::loops::Ready;
use crate::kernels::pool::Pool;
use crate::kernels::real::Real;
use crate::kernels::run::{Arena, Kernel, Scratches, Stage, Task, Unwatched, Watch};
use crate::lower::{Lowered, lower};
use crate::memory::{self, Layout};
use crate::nest::{self, Places, rows};
use crate::packing;
use crate::partial;
use crate::product;
use crate::schedule::{self, Group};
use crate::term::{ArrayId, Origin, Statement};
use crate::timing::{Stopwatch, Timing};

/// A program made ready to run at given sizes in the precision `T`.
///
/// ```
/// use std::collections::HashMap;
/// use backprove_calculus::{Dim, Equation, Expr, Index, Program, Tensor};
/// use backprove_engine::Plan;
///
/// // Y[s, n] = sum[m](X[s, m] * W[n, m])
/// let (rows, inner, columns) = (Dim::symbol("S"), Dim::symbol("M"), Dim::symbol("N"));
/// let x = Tensor::new("X", vec![rows.clone(), inner.clone()]);
/// let w = Tensor::new("W", vec![columns.clone(), inner.clone()]);
/// let (s, n, m) = (Index::new("s", rows.clone()), Index::new("n", columns.clone()), Index::new("m", inner));
/// let product = Expr::product([
///     Expr::access(&x, &[s.clone(), m.clone()]),
///     Expr::access(&w, &[n.clone(), m.clone()]),
/// ]);
/// let program = Program {
///     inputs: vec![x, w],
///     functions: Vec::new(),
///     equations: vec![Equation {
///         target: Tensor::new("Y", vec![rows, columns]),
///         indices: vec![s, n],
///         body: Expr::sum(&[m], product),
///         matrix: None,
///     }],
/// };
/// let sizes = HashMap::from([("S".to_owned(), 1), ("M".to_owned(), 2), ("N".to_owned(), 3)]);
/// let mut plan = Plan::<f32>::compile(&program, &sizes, &["Y"], &[])?;
/// plan.set("X", &[1.0, 2.0])?;
/// plan.set("W", &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0])?;
/// plan.run();
/// assert_eq!(plan.get("Y")?, &[1.0, 2.0, 3.0]);
/// // The same without a copy of X.
/// plan.run_with(&[("X", &[3.0, 4.0])])?;
/// assert_eq!(plan.get("Y")?, &[3.0, 4.0, 7.0]);
/// # Ok::<(), backprove_engine::Error>(())
/// ```
pub struct Plan<T: Real> {
    fused: Fused,
    names: HashMap<String, ArrayId>,
    /// Arrays that may be read after a run.
    readable: Vec<ArrayId>,
    layout: Layout,
    arena: Arena<T>,
    kernels: Vec<Kernel<T>>,
    stages: Vec<Stage>,
    scratches: Scratches<T>,
    pool: Pool,
    groups: Vec<Group>,
    listed: Vec<Listed>,
    /// Written when it is first asked for: most plans only run.
    report: OnceLock<Report>,
}

impl<T: Real> Plan<T> {
    /// Plans `program` at `sizes`. Only what `outputs` and `updates` need is computed. An update `(input, equation)`
    /// gives the input the equation's value at the end of each run. Two threads are used where the machine has them and the work is worth it,
    /// see [`Self::threads`].
    pub fn compile(
        program: &Program,
        sizes: &HashMap<String, usize>,
        outputs: &[&str],
        updates: &[(&str, &str)],
    ) -> Result<Self, Error> {
        Self::compile_for(program, sizes, outputs, updates, usual_threads())
    }

    /// The same for up to `threads` threads, as [`Self::threads`] would say later.
    pub fn compile_for(
        program: &Program,
        sizes: &HashMap<String, usize>,
        outputs: &[&str],
        updates: &[(&str, &str)],
        threads: usize,
    ) -> Result<Self, Error> {
        let lowered = lower(program, sizes)?;
        within_reach(&lowered)?;
        let mut fused = fuse::fuse(lowered, outputs, updates)?;
        let mut groups = schedule::schedule(&fused);
        partial::split(&mut fused, &mut groups);
        if T::packed().is_some() {
            packing::pack(&mut fused, &mut groups);
        }
        for group in &mut groups {
            group.runs = rows::runs(&fused, group);
        }
        let layout = memory::place(&fused, &groups);
        let lent = layout.lent.iter();
        let lent = lent.map(|input| layout.offset(*input).unwrap_or(0));
        let arena = Arena::new(layout.size, lent.collect()).ok_or_else(|| {
            let mebibytes = (layout.size * size_of::<T>()) >> 20;
            Error::new(format!(
                "the plan needs {mebibytes} MiB of memory, more than the system gives"
            ))
        })?;
        let threads = threads.clamp(1, MOST_THREADS);
        let mut builder = Builder {
            fused: &fused,
            layout: &layout,
            streamed: memory::streamed(&fused, &layout),
            kernels: Vec::new(),
            listed: Vec::new(),
        };
        let stages = builder.stages(&groups);
        let (kernels, listed) = (builder.kernels, builder.listed);
        let scratches = Scratches::new(threads, &kernels, &stages, layout.local_size);
        let mut names = fused.names.clone();
        names.retain(|_, array| layout.offset(*array).is_some());
        let inputs = (0..fused.arrays.len()).map(ArrayId);
        let inputs = inputs.filter(|array| fused.arrays[array.0].origin == Origin::Input);
        let readable = fused.kept.iter().copied().chain(inputs);
        let readable = readable.chain(fused.replaces.keys().copied()).collect();
        // The system gives the pages while the caller fills in the inputs. Before that, what the plan itself asked for would wait for them.
        let pool = Pool::new(threads, arena.pages());
        Ok(Self {
            arena,
            readable,
            names,
            layout,
            kernels,
            stages,
            scratches,
            pool,
            fused,
            groups,
            listed,
            report: OnceLock::new(),
        })
    }

    /// Uses up to `count` threads from now on, 256 at most, the calling one included. The results are the same bytes for any number.
    #[must_use]
    pub fn threads(mut self, count: usize) -> Self {
        let count = count.clamp(1, MOST_THREADS);
        if count == self.pool.threads() {
            // A plan that runs once would pay for its threads twice.
            return self;
        }
        self.pool = Pool::new(count, self.arena.pages());
        self.report = OnceLock::new();
        self.scratches = Scratches::new(
            self.pool.threads(),
            &self.kernels,
            &self.stages,
            self.layout.local_size,
        );
        self
    }

    fn find(&self, name: &str) -> Result<ArrayId, Error> {
        let found = self.names.get(name).copied();
        found
            .filter(|array| self.readable.contains(array))
            .ok_or_else(|| Error::new(format!("the plan holds no `{name}`")))
    }

    fn range(&self, array: ArrayId) -> std::ops::Range<usize> {
        let start = self.layout.offset(array).unwrap_or(0);
        start..start + self.fused.arrays[array.0].len()
    }

    /// The extents of an input or output.
    pub fn shape(&self, name: &str) -> Result<&[usize], Error> {
        Ok(&self.fused.arrays[self.find(name)?.0].shape)
    }

    /// The elements of an input, row-major, to be written before a run.
    pub fn input_mut(&mut self, name: &str) -> Result<&mut [T], Error> {
        let array = self.find(name)?;
        if self.fused.arrays[array.0].origin != Origin::Input {
            return Err(Error::new(format!("`{name}` is not an input")));
        }
        let range = self.range(array);
        Ok(&mut self.arena.elements_mut()[range])
    }

    /// Copies the elements of an input, row-major.
    pub fn set(&mut self, name: &str, values: &[T]) -> Result<(), Error> {
        self.fits(name, values.len())?;
        self.input_mut(name)?.copy_from_slice(values);
        Ok(())
    }

    /// Fails where `name` is no input of so many elements.
    fn fits(&mut self, name: &str, count: usize) -> Result<(), Error> {
        let own = self.input_mut(name)?.len();
        if own == count {
            return Ok(());
        }
        Err(Error::new(format!(
            "`{name}` has {own} elements, not {count}"
        )))
    }

    /// Has `fill` write each row of an input, that is all elements at one position of its first axis, on the plan's threads:
    /// it is given the position and the elements, in no particular order.
    pub fn fill_rows(
        &mut self,
        name: &str,
        fill: impl Fn(usize, &mut [T]) + Sync,
    ) -> Result<(), Error> {
        self.input_mut(name)?;
        let array = self.find(name)?;
        let rows = self.fused.arrays[array.0]
            .shape
            .first()
            .copied()
            .unwrap_or(1);
        self.arena.fill(self.range(array), rows, &self.pool, &fill);
        Ok(())
    }

    /// Copies the elements of an input of labels; each must be below the number of classes.
    pub fn set_labels(&mut self, name: &str, labels: &[u32]) -> Result<(), Error> {
        let classes = self.fused.arrays[self.find(name)?.0].classes;
        let Some(classes) = classes else {
            return Err(Error::new(format!("`{name}` holds no labels")));
        };
        if let Some(label) = labels.iter().find(|label| **label as usize >= classes) {
            return Err(Error::new(format!(
                "the label {label} of `{name}` is not below {classes}"
            )));
        }
        self.fits(name, labels.len())?;
        let input = self.input_mut(name)?;
        for (slot, label) in input.iter_mut().zip(labels) {
            *slot = T::from_f64(f64::from(*label));
        }
        Ok(())
    }

    /// The elements of an output, an input or an update, row-major, as the last run left them.
    pub fn get(&self, name: &str) -> Result<&[T], Error> {
        let array = self.find(name)?;
        Ok(&self.arena.elements()[self.range(array)])
    }

    /// Computes everything once, from the present inputs.
    pub fn run(&mut self) {
        for stage in 0..self.stages.len() {
            self.stage(stage, &Unwatched);
        }
    }

    /// Computes everything once, from these inputs, row-major, and the present values of the others. Most inputs are read where they lie, and
    /// what [`Self::set`] gave them before comes back after the run; scalars, labels, inputs that an update changes and operands of
    /// functions of whole matrices are copied.
    pub fn run_with(&mut self, inputs: &[(&str, &[T])]) -> Result<(), Error> {
        let mut lent = Vec::with_capacity(inputs.len());
        for (name, values) in inputs {
            let Some(number) = self.layout.lent(self.find(name)?) else {
                self.set(name, values)?;
                continue;
            };
            self.fits(name, values.len())?;
            lent.push((number, *values));
        }
        let mut lending = self.arena.lending(&lent);
        for stage in &self.stages {
            let arena = lending.arena();
            arena.run(
                stage,
                &self.kernels,
                &mut self.scratches,
                &self.pool,
                &Unwatched,
            );
        }
        Ok(())
    }

    /// Computes everything once and says how long each kernel took.
    pub fn run_timed(&mut self) -> Timing {
        Stopwatch::new(self.kernels.len()).time(self.stages.len(), |stage, watch| {
            self.stage(stage, watch);
        })
    }

    fn stage(&mut self, stage: usize, watch: &impl Watch) {
        let stage = &self.stages[stage];
        self.arena
            .run(stage, &self.kernels, &mut self.scratches, &self.pool, watch);
    }

    /// What the plan does and where everything lies.
    pub fn report(&self) -> &Report {
        self.report.get_or_init(|| self.told())
    }

    fn told(&self) -> Report {
        let inspector = Inspector {
            fused: &self.fused,
            layout: &self.layout,
            element: size_of::<T>(),
        };
        let told = |stage: &Stage| StageReport {
            groups: Vec::new(),
            shared: stage.shared,
        };
        let mut stages: Vec<StageReport> = self.stages.iter().map(told).collect();
        let mut kernels = self.kernels.iter();
        for listed in &self.listed {
            let members = listed.kernels.iter().zip(&mut kernels);
            let kernels = members.map(|(members, kernel)| {
                let statements = members.iter().map(|place| &self.fused.statements[*place]);
                let statements: Vec<&Statement> = statements.collect();
                match kernel {
                    Kernel::Product(product) => inspector.product(statements[0], product),
                    Kernel::Packing(_) => inspector.packing(statements[0]),
                    Kernel::Loop(_) => inspector.elements(&statements),
                    Kernel::Dense(_) => inspector.matrix_function(statements[0]),
                }
            });
            stages[listed.level].groups.push(GroupReport {
                rows: listed.rows,
                tiles: listed.tiles,
                kernels: kernels.collect(),
            });
        }
        Report {
            precision: T::NAME,
            stages,
            arena: inspector.arena(&self.groups, self.scratches.bytes()),
        }
    }

    /// The plan as text: each stage with its statements, kernels, shapes and tiles.
    pub fn describe(&self) -> String {
        self.report().to_string()
    }
}

/// Two threads, where the machine has them; asked for once, since the answer is spread over many files of the system.
fn usual_threads() -> usize {
    static USUAL: OnceLock<usize> = OnceLock::new();
    *USUAL.get_or_init(|| {
        let available = std::thread::available_parallelism();
        available.map_or(1, |available| available.get().min(2))
    })
}

/// Threads beyond which no plan has work.
const MOST_THREADS: usize = 256;

/// Elements of an array, and turns of a loop, that no machine will see: below them, sizes multiply without overflow.
const MOST_ELEMENTS: f64 = (1_u64 << 48) as f64;
const MOST_TURNS: f64 = (1_u64 << 60) as f64;

/// Refuses sizes at which nothing could be computed.
fn within_reach(lowered: &Lowered) -> Result<(), Error> {
    let volume =
        |extents: &[usize]| -> f64 { extents.iter().map(|extent| *extent as f64).product() };
    for array in &lowered.arrays {
        if volume(&array.shape) > MOST_ELEMENTS {
            let name = &array.name;
            return Err(Error::new(format!("`{name}` has more than 2^48 elements")));
        }
    }
    for statement in &lowered.statements {
        if volume(&statement.extents) > MOST_TURNS {
            let name = &lowered.arrays[statement.target.0].name;
            let message = format!("`{name}` takes more than 2^60 operations");
            return Err(Error::new(message));
        }
    }
    Ok(())
}

/// A group of statements, and which of them each of its kernels runs.
struct Listed {
    level: usize,
    rows: usize,
    tiles: usize,
    kernels: Vec<Vec<usize>>,
}

struct Builder<'a, T> {
    fused: &'a Fused,
    layout: &'a Layout,
    streamed: BTreeSet<ArrayId>,
    kernels: Vec<Kernel<T>>,
    listed: Vec<Listed>,
}

impl<T: Real> Builder<'_, T> {
    fn stages(&mut self, groups: &[Group]) -> Vec<Stage> {
        let levels = groups.iter().map(|group| group.level + 1).max();
        let mut stages = Vec::new();
        for level in 0..levels.unwrap_or(0) {
            let mut tasks = Vec::new();
            for group in groups.iter().filter(|group| group.level == level) {
                let first = self.kernels.len();
                let kernels = self.group(group);
                let last = self.kernels.len();
                let tiles = match &mut self.kernels[first..] {
                    [Kernel::Product(product), ..] if group.alone && product.is_plain() => {
                        product.grid(group.whole)
                    }
                    _ => group.tiles(&self.fused.statements),
                };
                self.listed.push(Listed {
                    level,
                    rows: group.rows,
                    tiles: tiles.len(),
                    kernels,
                });
                let work: f64 = group
                    .members
                    .iter()
                    .map(|member| schedule::work(&self.fused.statements[*member]))
                    .sum();
                let share = work / tiles.len() as f64;
                for part in tiles {
                    let task = Task {
                        kernels: first..last,
                        strip: if group.alone {
                            part.rows.len()
                        } else {
                            group.strip
                        },
                        part,
                        follows: group.alone,
                        streams: self.kernels[first..last].iter().any(Kernel::streams),
                    };
                    tasks.push((share, task));
                }
            }
            // Large tasks first: the last ones to finish are small.
            tasks.sort_by(|(left, _), (right, _)| right.total_cmp(left));
            let work: f64 = tasks.iter().map(|(work, _)| work).sum();
            let shared = work > schedule::TILE_WORK;
            stages.push(Stage {
                tasks: tasks.into_iter().map(|(_, task)| task).collect(),
                shared,
            });
        }
        stages
    }

    /// Makes the kernels of a group: which statements each of them runs.
    fn group(&mut self, group: &Group) -> Vec<Vec<usize>> {
        let first = self.kernels.len();
        let mut used = Vec::new();
        let mut listed = Vec::new();
        let mut members = group.members.iter().enumerate().peekable();
        while let Some((turn, member)) = members.next() {
            let statement = &self.fused.statements[*member];
            let places = Places {
                arrays: &self.fused.arrays,
                layout: self.layout,
                prefix: group.prefix,
                tiled: group.alone,
                streamed: &self.streamed,
            };
            if let Some(run) = group.runs.iter().find(|run| run.places.start == turn) {
                let own = &group.members[run.places.clone()];
                let readers = self.fused.readers();
                let stored = |array: ArrayId| {
                    let mut readers = readers[array.0].iter();
                    self.fused.kept.contains(&array) || readers.any(|place| !own.contains(place))
                };
                let nest = nest::nest_of(&run.members, &stored, &places);
                used.extend(nest.whole_arrays());
                self.kernels.push(Kernel::Loop(Ready::new(nest)));
                listed.push(own.to_vec());
                while members
                    .next_if(|(turn, _)| run.places.contains(turn))
                    .is_some()
                {}
                continue;
            }
            if let Some(dense) = nest::dense(statement, &places) {
                listed.push(vec![*member]);
                self.kernels.push(Kernel::Dense(dense));
                continue;
            }
            if group.packs
                && let Some(packing) = product::packing(statement, &places)
            {
                listed.push(vec![*member]);
                self.kernels.push(Kernel::Packing(packing));
                continue;
            }
            if statement.is_product()
                && let Some(mut product) = product::product(statement, &places)
            {
                let rows = product.shape[0].next_multiple_of(product::PANEL_ROWS);
                product.packed = group.packed.map(|array| (places.place(array), rows));
                listed.push(vec![*member]);
                self.kernels.push(Kernel::Product(product));
                continue;
            }
            let mut together = vec![statement];
            let mut run = vec![*member];
            while let Some((turn, next)) = members.peek()
                && !group.runs.iter().any(|run| run.places.start == *turn)
                && self.joins(&together, &self.fused.statements[**next], &places)
            {
                together.push(&self.fused.statements[**next]);
                run.push(**next);
                members.next();
            }
            listed.push(run);
            let nest = nest::nest(&together, &places);
            used.extend(nest.whole_arrays());
            self.kernels.push(Kernel::Loop(Ready::new(nest)));
        }
        if let [Kernel::Loop(ready)] = &mut self.kernels[first..]
            && !group.alone
        {
            ready.ask_for_blocks();
        } else if group.strip < group.rows && self.layout.size >= memory::CACHED {
            // The last loop that reads an array asks for what the first one reads next.
            let mut known = BTreeSet::new();
            for kernel in self.kernels[first..].iter_mut().rev() {
                if let Kernel::Loop(ready) = kernel {
                    ready.ask_ahead(&mut known);
                }
            }
        }
        used.sort_unstable();
        used.dedup();
        if let Some(Kernel::Product(product)) = self.kernels.get_mut(first)
            && group.alone
        {
            product.used = used;
        }
        listed
    }

    /// Whether a statement can run in the same loop as those before it.
    fn joins(&self, before: &[&Statement], next: &Statement, places: &Places<'_>) -> bool {
        if nest::joins_rows(before, next, places) {
            let own = next.by_row();
            let next = own.as_ref().map_or(next, |(whole, _)| whole);
            return self.stays_apart(before, next);
        }
        let together: Vec<&Statement> = before.iter().copied().chain([next]).collect();
        let mut reductions = together.iter().filter(|one| !one.is_map());
        let rank = reductions.clone().next().map(|one| one.rank);
        let maps = together.iter().any(|one| one.is_map());
        !next.is_product()
            && next.dense.is_none()
            && next.extents == before[0].extents
            && reductions.all(|one| Some(one.rank) == rank)
            && (!maps || rank.is_none() || nest::runs_in_order(&together, places))
            && self.stays_apart(before, next)
    }

    /// Whether a statement, in the same loop as those before it, reads of what they write and writes of what they read only
    /// the same element.
    fn stays_apart(&self, before: &[&Statement], next: &Statement) -> bool {
        before.iter().all(|earlier| {
            let whole = if earlier.is_map() {
                next.reads_element_by_element(earlier.target)
            } else {
                !next.reads().contains(&earlier.target)
            };
            let overwritten = self.fused.overwrites(earlier.target);
            let kept = overwritten.is_none_or(|input| !next.body.arrays().contains(&input));
            let replaced = self.fused.overwrites(next.target);
            let free = replaced.is_none_or(|input| {
                !earlier.body.arrays().contains(&input) || earlier.reads_in_place(input)
            });
            whole && kept && free
        })
    }
}

impl<T: Real> std::fmt::Debug for Plan<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.report())
    }
}
