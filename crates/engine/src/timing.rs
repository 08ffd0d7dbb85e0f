//! The time that each kernel takes, and the most that one core can do. This is the only file of the engine that reads
//! the clock; no result depends on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::kernels::real::Real;
use crate::kernels::run::Watch;

/// How long one run took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timing {
    /// From the start to the end.
    pub total: Duration,
    /// Each stage from its start until all threads were done.
    pub stages: Vec<Duration>,
    /// Each kernel, in the order of [`crate::Report::kernels`]: the time of all threads that worked on it, added up.
    pub kernels: Vec<Duration>,
}

/// Measures kernels while they run.
pub(crate) struct Stopwatch(Vec<AtomicU64>);

impl Stopwatch {
    pub(crate) fn new(kernels: usize) -> Self {
        Self((0..kernels).map(|_| AtomicU64::new(0)).collect())
    }

    /// Runs the stages one after the other.
    pub(crate) fn time(self, stages: usize, mut run: impl FnMut(usize, &Self)) -> Timing {
        let start = Instant::now();
        let mut reached = start;
        let mut timing = Timing::default();
        for stage in 0..stages {
            run(stage, &self);
            let now = Instant::now();
            timing.stages.push(now - reached);
            reached = now;
        }
        timing.total = reached - start;
        let spent = |time: AtomicU64| Duration::from_nanos(time.into_inner());
        timing.kernels = self.0.into_iter().map(spent).collect();
        timing
    }
}

impl Watch for Stopwatch {
    fn watch(&self, kernel: usize, run: impl FnOnce()) {
        let start = Instant::now();
        run();
        let time = start.elapsed().as_nanos();
        self.0[kernel].fetch_add(time as u64, Ordering::Relaxed);
    }

    fn watch_within(&self, outer: usize, kernel: usize, run: impl FnOnce()) {
        let start = Instant::now();
        run();
        let time = start.elapsed().as_nanos() as u64;
        self.0[kernel].fetch_add(time, Ordering::Relaxed);
        // The outer kernel's time is added when its call ends: until then the difference wraps.
        self.0[outer].fetch_sub(time, Ordering::Relaxed);
    }
}

/// The most that one core can do, measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Floating-point operations a second: twelve independent chains of fused multiply-adds on the widest vectors that
    /// the processor has. The best of twenty tries of about a millisecond.
    pub operations: f64,
    /// Bytes a second to and from memory: `a[i] = b[i] + c[i]` over 192 MiB, each byte counted once. The best of four
    /// passes.
    pub bytes: f64,
}

/// Elements of each of the three arrays, in bytes.
const STREAM: usize = 64 << 20;

impl Peak {
    /// Measures both in the precision `T`, on the calling thread, in a fifth of a second or so.
    ///
    /// ```
    /// let peak = backprove_engine::Peak::measure::<f32>();
    /// assert!(peak.operations > 1e8 && peak.bytes > 1e7);
    /// ```
    pub fn measure<T: Real>() -> Self {
        let limits = T::limits();
        // Long enough that reading the clock takes no part of it.
        let mut rounds = 1_000;
        let mut operations = 0.0_f64;
        let mut tries = 0;
        while tries < 20 {
            let start = Instant::now();
            let done = (limits.chains)(rounds);
            let time = start.elapsed();
            if time < Duration::from_millis(1) {
                rounds *= 2;
                continue;
            }
            operations = operations.max(done as f64 / time.as_secs_f64());
            tries += 1;
        }
        let count = STREAM / size_of::<T>();
        let (first, second) = (vec![T::from_f64(1.0); count], vec![T::from_f64(2.0); count]);
        let mut sum = vec![T::from_f64(3.0); count];
        let mut bytes = 0.0_f64;
        for _ in 0..4 {
            let start = Instant::now();
            (limits.stream)(&first, &second, &mut sum);
            let time = start.elapsed().as_secs_f64();
            std::hint::black_box(&sum);
            bytes = bytes.max((3 * STREAM) as f64 / time);
        }
        Self { operations, bytes }
    }
}
