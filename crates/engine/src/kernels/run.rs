//! The arena, and the tasks of a stage on it. Which tasks may run side by side was settled by the schedule.

use std::ops::Range;
use std::sync::Mutex;

use super::aligned::{Aligned, Pages};
use super::dense::{self, Dense};
use super::loops::{Ready, Scratch};
use super::pool::Pool;
use super::product::{self, Packing, Part};
use super::real::Real;
use super::stream;
use crate::memory::{Home, Place};
use crate::product::Product;

/// One kernel of a plan.
#[derive(Debug)]
pub(crate) enum Kernel<T> {
    /// A matrix product.
    Product(Product),
    /// The left operand of products, laid out in panels.
    Packing(Packing),
    /// A loop nest.
    Loop(Ready<T>),
    /// A function of whole matrices.
    Dense(Dense),
}

impl<T> Kernel<T> {
    /// Whether it writes past the caches.
    pub(crate) fn streams(&self) -> bool {
        matches!(self, Self::Loop(ready) if ready.streams())
    }
}

/// Kernels, one after the other, on some rows.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub kernels: Range<usize>,
    pub part: Part,
    /// So many rows at a time go through all kernels, so that what one writes is still near for the next.
    pub strip: usize,
    /// Whether the first kernel is a large product, and the others run on what is done of it.
    pub follows: bool,
    /// Whether any kernel writes past the caches.
    pub streams: bool,
}

/// Tasks that may run side by side.
#[derive(Debug)]
pub(crate) struct Stage {
    pub tasks: Vec<Task>,
    /// Whether the work is worth a hand-over to other threads.
    pub shared: bool,
}

/// The scratch space of each thread; a lock is only ever taken by the thread that owns its entry.
pub(crate) struct Scratches<T>(Vec<Mutex<Workspace<T>>>);

/// What one thread works with.
struct Workspace<T> {
    /// Strips of the arrays that nothing outside a task reads.
    locals: Aligned<T>,
    loops: Scratch<T>,
    /// An operand of a product, laid out anew.
    operand: Aligned<T>,
}

impl<T: Real> Scratches<T> {
    /// Room for all tasks on so many threads, and for so many elements of arrays that a thread has to itself.
    pub(crate) fn new(
        threads: usize,
        kernels: &[Kernel<T>],
        stages: &[Stage],
        locals: usize,
    ) -> Self {
        let loops = || {
            kernels.iter().filter_map(|kernel| match kernel {
                Kernel::Loop(ready) => Some(ready),
                _ => None,
            })
        };
        let tasks = stages.iter().flat_map(|stage| &stage.tasks);
        let operand = tasks.flat_map(|task| {
            kernels[task.kernels.clone()]
                .iter()
                .map(|kernel| match kernel {
                    Kernel::Product(product) => product::scratch_size(product, task.strip),
                    _ => 0,
                })
        });
        let operand = operand.max().unwrap_or(0);
        let workspace = |_| {
            Mutex::new(Workspace {
                locals: Aligned::new(locals),
                loops: Scratch::new(loops()),
                operand: Aligned::new(operand),
            })
        };
        Self((0..threads).map(workspace).collect())
    }

    /// Bytes of the scratch space of one thread.
    pub(crate) fn bytes(&self) -> usize {
        let first = self.0.first().map(Mutex::lock);
        first.map_or(0, |workspace| {
            let workspace = workspace.unwrap_or_else(std::sync::PoisonError::into_inner);
            size_of_val(workspace.locals.elements())
                + workspace.loops.bytes()
                + size_of_val(workspace.operand.elements())
        })
    }
}

/// What stands beside each call of a kernel.
pub(crate) trait Watch: Sync {
    /// Calls `run`, which runs the kernel with this number.
    fn watch(&self, kernel: usize, run: impl FnOnce());

    /// Calls `run`, which runs a part of the kernel with this number within a call of the kernel `outer`.
    fn watch_within(&self, outer: usize, kernel: usize, run: impl FnOnce());
}

/// Nobody watches.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    #[inline]
    fn watch(&self, _: usize, run: impl FnOnce()) {
        run();
    }

    #[inline]
    fn watch_within(&self, _: usize, _: usize, run: impl FnOnce()) {
        run();
    }
}

/// Where a task finds its arrays.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory<'a, T> {
    pub arena: *mut T,
    /// The arrays that the thread has to itself.
    pub locals: *mut T,
    /// Where the inputs lie that may lie elsewhere. Nothing is written to them.
    pub lent: &'a [*mut T],
}

impl<T> Memory<'_, T> {
    /// Where an array starts or, for one of which only the rows from `first` on are held, would start.
    pub(crate) fn address(&self, place: Place, first: usize) -> *mut T {
        match place.home {
            Home::Arena => self.arena.wrapping_add(place.offset),
            Home::Strip(row) => {
                let held = self.locals.wrapping_add(place.offset);
                held.wrapping_sub(first * row)
            }
            Home::Tile => self.locals.wrapping_add(place.offset),
            Home::Lent(number) => self.lent[number].wrapping_add(place.offset),
        }
    }
}

/// The memory of a plan.
pub(crate) struct Arena<T> {
    memory: Aligned<T>,
    lent: Lent<T>,
}

/// Where the inputs lie that may lie elsewhere: in the arena, unless a run has them lent.
struct Lent<T> {
    addresses: Vec<*mut T>,
    /// Their places in the arena.
    offsets: Vec<usize>,
}

// SAFETY (both): the addresses are those of elements that are only read, of the arena that moves with them or of slices that are borrowed
// while they stand here.
unsafe impl<T: Send> Send for Lent<T> {}
unsafe impl<T: Sync> Sync for Lent<T> {}

impl<T> Lent<T> {
    fn addresses(&self) -> &[*mut T] {
        &self.addresses
    }
}

/// Elements of an input whose filling is worth a hand-over, and the tasks of that.
const FILLED: usize = 32 * 1024;
const FILLING: usize = 8;

/// An address that tasks on several threads share; they write disjoint elements.
struct Shared<T>(*mut T);

// SAFETY: the schedule gives tasks of one stage disjoint elements to write, and none that another reads.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn address(&self) -> *mut T {
        self.0
    }
}

/// An arena some of whose inputs are read elsewhere until it is dropped.
pub(crate) struct Lending<'a, T: Real>(&'a mut Arena<T>);

impl<T: Real> Lending<'_, T> {
    pub(crate) fn arena(&mut self) -> &mut Arena<T> {
        self.0
    }
}

impl<T: Real> Drop for Lending<'_, T> {
    fn drop(&mut self) {
        self.0.take_back();
    }
}

impl<T: Real> Arena<T> {
    /// An arena of so many elements, all zero, with the inputs that may lie elsewhere at these places; nothing where the system does
    /// not give the memory.
    pub(crate) fn new(size: usize, lent: Vec<usize>) -> Option<Self> {
        let lent = Lent {
            addresses: vec![std::ptr::null_mut(); lent.len()],
            offsets: lent,
        };
        let memory = Aligned::ask(size)?;
        let mut arena = Self { memory, lent };
        arena.take_back();
        Some(arena)
    }

    /// Has inputs, by their numbers, read where these values lie, for as long as what is given back lives. The values are as many
    /// as the inputs have.
    pub(crate) fn lending<'a>(&'a mut self, values: &[(usize, &'a [T])]) -> Lending<'a, T> {
        for (number, values) in values {
            self.lent.addresses[*number] = values.as_ptr().cast_mut();
        }
        Lending(self)
    }

    /// Has all inputs read in the arena.
    fn take_back(&mut self) {
        let arena = self.memory.elements_mut().as_mut_ptr();
        let lent = &mut self.lent;
        for (address, offset) in lent.addresses.iter_mut().zip(&lent.offsets) {
            *address = arena.wrapping_add(*offset);
        }
    }

    /// Its pages.
    pub(crate) fn pages(&self) -> Pages {
        Pages::of(self.memory.elements())
    }

    /// All elements.
    pub(crate) fn elements(&self) -> &[T] {
        self.memory.elements()
    }

    /// All elements, to be written.
    pub(crate) fn elements_mut(&mut self) -> &mut [T] {
        self.memory.elements_mut()
    }

    /// Has `fill` write each row of a range, on several threads where that is worth it.
    pub(crate) fn fill(
        &mut self,
        range: Range<usize>,
        rows: usize,
        pool: &Pool,
        fill: &(dyn Fn(usize, &mut [T]) + Sync),
    ) {
        let elements = &mut self.elements_mut()[range];
        let worth = elements.len() >= FILLED;
        let row = elements.len() / rows;
        let first = Shared(elements.as_mut_ptr());
        let tasks = FILLING.min(rows);
        let task = |_, number: usize| {
            for place in rows * number / tasks..rows * (number + 1) / tasks {
                // SAFETY: so many rows lie in the range, which is borrowed, and each belongs to one task.
                let row = unsafe {
                    std::slice::from_raw_parts_mut(first.address().add(place * row), row)
                };
                fill(place, row);
            }
        };
        if worth {
            pool.run(tasks, &task);
        } else {
            (0..tasks).for_each(|number| task(0, number));
        }
    }

    /// Runs the tasks of one stage.
    pub(crate) fn run(
        &mut self,
        stage: &Stage,
        kernels: &[Kernel<T>],
        scratches: &mut Scratches<T>,
        pool: &Pool,
        watch: &impl Watch,
    ) {
        let running = Running {
            kernels,
            arena: Shared(self.memory.elements_mut().as_mut_ptr()),
            lent: &self.lent,
            watch,
        };
        if stage.shared {
            let workspaces = &scratches.0;
            pool.run(stage.tasks.len(), &|worker, number| {
                let workspace = workspaces[worker].lock();
                let mut workspace = workspace.unwrap_or_else(std::sync::PoisonError::into_inner);
                running.task(&stage.tasks[number], &mut workspace);
            });
        } else if let Some(workspace) = scratches.0.first_mut() {
            let workspace = workspace.get_mut();
            let workspace = workspace.unwrap_or_else(std::sync::PoisonError::into_inner);
            for task in &stage.tasks {
                running.task(task, workspace);
            }
        }
    }
}

/// A stage that is run.
struct Running<'a, T, W> {
    kernels: &'a [Kernel<T>],
    arena: Shared<T>,
    lent: &'a Lent<T>,
    watch: &'a W,
}

impl<T: Real, W: Watch> Running<'_, T, W> {
    /// Runs a task, strip by strip.
    fn task(&self, task: &Task, workspace: &mut Workspace<T>) {
        let memory = Memory {
            arena: self.arena.address(),
            locals: workspace.locals.elements_mut().as_mut_ptr(),
            lent: self.lent.addresses(),
        };
        let rows = &task.part.rows;
        let mut start = rows.start;
        while start < rows.end {
            let end = rows.end.min(start + task.strip);
            let part = Part {
                rows: start..end,
                columns: task.part.columns.clone(),
            };
            let ahead = if end < rows.end { task.strip } else { 0 };
            self.strip(task, (&part, ahead), memory, workspace);
            start = end;
        }
        if task.streams {
            stream::finish();
        }
    }

    /// Runs the kernels of a task on some of its rows; after them, if `ahead` is not zero, come those so many further.
    fn strip(
        &self,
        task: &Task,
        (part, ahead): (&Part, usize),
        memory: Memory<'_, T>,
        workspace: &mut Workspace<T>,
    ) {
        let Workspace { loops, operand, .. } = workspace;
        let Range { start: first, end } = task.kernels;
        let own = if task.follows { first + 1 } else { end };
        for number in first..own {
            // SAFETY (all here): the layout placed everything that the kernels reach, and the schedule gives the tasks of a stage
            // disjoint parts of their targets.
            self.watch.watch(number, || unsafe {
                match &self.kernels[number] {
                    Kernel::Product(product) => {
                        let scratch = operand.elements_mut().as_mut_ptr();
                        let mut finished = |rows: Range<usize>, columns: Range<usize>| {
                            let part = Part { rows, columns };
                            for (place, follower) in self.kernels[own..end].iter().enumerate() {
                                if let Kernel::Loop(ready) = follower {
                                    self.watch.watch_within(number, own + place, || {
                                        ready.run(memory, &part, 0, loops);
                                    });
                                }
                            }
                        };
                        product::run(product, memory, scratch, part, &mut finished);
                    }
                    Kernel::Packing(packing) => product::pack(packing, memory, &part.rows),
                    Kernel::Loop(ready) => ready.run(memory, part, ahead, loops),
                    Kernel::Dense(dense) => dense::run(dense, memory.arena),
                }
            });
        }
    }
}
