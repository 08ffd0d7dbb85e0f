//! The threads of a plan: workers that take tasks until a stage is done, spin briefly for the next one and
//! then sleep, as the caller does while others finish. What a task computes never depends on who computes it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};

use super::aligned::Pages;

/// Work that is split into tasks: `task(worker, number)`; the worker selects its scratch space.
type Task<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Workers beside the calling thread.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<Worker>,
}

struct Worker {
    handle: Option<JoinHandle<()>>,
    thread: Thread,
}

struct Shared {
    /// The stage (32 bits), its number of tasks (16) and the next task to take (16) in one word: who takes
    /// a task knows that the stage it belongs to is not over.
    ticket: AtomicU64,
    /// The address of the stage's task, in two words; valid while a task of the stage is taken and not done.
    task: [AtomicUsize; 2],
    /// Tasks of the stage that are done.
    done: AtomicUsize,
    sleeping: Vec<AtomicBool>,
    /// The caller, if it sleeps until all tasks are done.
    waiting: AtomicBool,
    caller: Mutex<Option<Thread>>,
    stop: AtomicBool,
    panicked: AtomicBool,
}

/// Turns of waiting before a thread sleeps, about a fifth of a millisecond: longer than a small stage, or than a caller takes
/// to fill in the next batch.
const SPINS: usize = 4_000;

/// Tasks of a stage must fit into their part of the ticket.
pub(crate) const MOST_TASKS: usize = 0xffff;

fn stage(ticket: u64) -> u64 {
    ticket >> 32
}

impl Pool {
    /// A pool of `threads` threads, the calling one included. The first that is started prepares `pages` before it looks for work.
    pub(crate) fn new(threads: usize, pages: Pages) -> Self {
        let extra = threads.max(1) - 1;
        let shared = Arc::new(Shared {
            ticket: AtomicU64::new(0),
            task: [AtomicUsize::new(0), AtomicUsize::new(0)],
            done: AtomicUsize::new(0),
            sleeping: (0..extra).map(|_| AtomicBool::new(false)).collect(),
            waiting: AtomicBool::new(false),
            caller: Mutex::new(None),
            stop: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
        });
        // Fewer threads than asked for, if the system gives no more, compute the same.
        let mut pages = Some(pages);
        let workers = (0..extra)
            .map_while(|number| {
                let shared = Arc::clone(&shared);
                let pages = pages.take();
                let builder = std::thread::Builder::new().name("backprove".to_owned());
                let start = move || {
                    if let Some(pages) = pages {
                        pages.prepare();
                    }
                    work(&shared, number);
                };
                let handle = builder.spawn(start).ok()?;
                let thread = handle.thread().clone();
                Some(Worker {
                    handle: Some(handle),
                    thread,
                })
            })
            .collect();
        Self { shared, workers }
    }

    /// Threads that work, the calling one included.
    pub(crate) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs `task(worker, 0)` to `task(worker, count - 1)`, each once, and returns when all are done.
    pub(crate) fn run(&self, count: usize, task: Task<'_>) {
        if count <= 1 || self.workers.is_empty() {
            for number in 0..count {
                task(0, number);
            }
            return;
        }
        let shared = &*self.shared;
        // SAFETY: two words of a fat reference; they are used only while a taken task is not done, and this
        // function waits until all are.
        let words: [usize; 2] = unsafe { std::mem::transmute::<Task<'_>, [usize; 2]>(task) };
        shared.task[0].store(words[0], Ordering::Relaxed);
        shared.task[1].store(words[1], Ordering::Relaxed);
        shared.done.store(0, Ordering::Relaxed);
        let next = stage(shared.ticket.load(Ordering::Relaxed)).wrapping_add(1);
        let ticket = next << 32 | (count.min(MOST_TASKS) as u64) << 16;
        // Sequentially consistent with `sleeping`: a worker either sees the new stage or is seen asleep.
        shared.ticket.store(ticket, Ordering::SeqCst);
        for (number, worker) in self.workers.iter().enumerate() {
            if shared.sleeping[number].load(Ordering::SeqCst) {
                worker.thread.unpark();
            }
        }
        let all = AllDone { shared, count };
        take(shared, 0, stage(ticket));
        drop(all);
        assert!(
            !shared.panicked.load(Ordering::Relaxed),
            "a task panicked on another thread"
        );
    }
}

/// Waits for all tasks when dropped, also if the caller's own share panics: they borrow from its frame.
struct AllDone<'a> {
    shared: &'a Shared,
    count: usize,
}

impl Drop for AllDone<'_> {
    fn drop(&mut self) {
        let mut spins = 0;
        while self.shared.done.load(Ordering::Acquire) < self.count {
            if std::thread::panicking() {
                // Tasks that nobody took yet are taken here, without running them.
                let ticket = self.shared.ticket.load(Ordering::Relaxed);
                while claim(self.shared, stage(ticket)).is_some() {
                    self.shared.done.fetch_add(1, Ordering::Release);
                }
            }
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
            } else {
                self.shared.sleep_until_done(self.count);
            }
        }
    }
}

impl Shared {
    /// Puts the caller to sleep until so many tasks are done.
    fn sleep_until_done(&self, count: usize) {
        let mut caller = self.caller.lock().unwrap_or_else(PoisonError::into_inner);
        *caller = Some(std::thread::current());
        drop(caller);
        // Sequentially consistent with `done`: a worker that counts the last task either is seen or sees this.
        self.waiting.store(true, Ordering::SeqCst);
        while self.done.load(Ordering::SeqCst) < count {
            std::thread::park();
        }
        self.waiting.store(false, Ordering::SeqCst);
    }

    /// Counts a task as done, and wakes the caller if it sleeps.
    fn count_done(&self) {
        self.done.fetch_add(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) {
            let caller = self.caller.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(caller) = &*caller {
                caller.unpark();
            }
        }
    }
}

/// Counts one task as done when dropped, however it ended.
struct Done<'a>(&'a Shared);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.count_done();
    }
}

/// Takes the next task of a stage; `None` if there is none or the stage is over.
fn claim(shared: &Shared, of: u64) -> Option<usize> {
    let mut ticket = shared.ticket.load(Ordering::Acquire);
    loop {
        let (count, next) = (ticket >> 16 & 0xffff, ticket & 0xffff);
        if stage(ticket) != of || next >= count {
            return None;
        }
        match shared.ticket.compare_exchange_weak(
            ticket,
            ticket + 1,
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => return Some(next as usize),
            Err(now) => ticket = now,
        }
    }
}

fn take(shared: &Shared, worker: usize, of: u64) {
    while let Some(number) = claim(shared, of) {
        let done = Done(shared);
        let words = [
            shared.task[0].load(Ordering::Relaxed),
            shared.task[1].load(Ordering::Relaxed),
        ];
        // SAFETY: a task of the stage is taken and not done, so `run` still waits and the words are its own.
        let task: Task<'_> = unsafe { std::mem::transmute::<[usize; 2], Task<'_>>(words) };
        task(worker, number);
        drop(done);
    }
}

fn work(shared: &Shared, number: usize) {
    let mut seen = 0;
    loop {
        let mut spins = 0;
        while stage(shared.ticket.load(Ordering::Acquire)) == seen {
            if shared.stop.load(Ordering::Acquire) {
                return;
            }
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
                continue;
            }
            shared.sleeping[number].store(true, Ordering::SeqCst);
            let stopped = shared.stop.load(Ordering::SeqCst);
            if !stopped && stage(shared.ticket.load(Ordering::SeqCst)) == seen {
                std::thread::park();
            }
            shared.sleeping[number].store(false, Ordering::SeqCst);
        }
        seen = stage(shared.ticket.load(Ordering::Acquire));
        let share = std::panic::AssertUnwindSafe(|| take(shared, number + 1, seen));
        if std::panic::catch_unwind(share).is_err() {
            shared.panicked.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for worker in &mut self.workers {
            worker.thread.unpark();
            if let Some(handle) = worker.handle.take() {
                // A worker catches its own panics; there is nothing to learn from joining.
                let _ = handle.join();
            }
        }
    }
}
