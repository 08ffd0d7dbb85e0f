//! How accurate are the vector functions? In single precision every number there is, at each level of instruction
//! sets that the machine has; in double precision a dense sample. Writes `benches/ACCURACY.md`; with `--stride N` it
//! only looks at every N-th number and prints, with `--quick` at every 1009th.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use backprove::engine::functions::{Function, Level, apply};
use xtask::accuracy::{double_error, precise, reference, single_error};

/// The functions, their names, and where their arguments in double precision are drawn from.
const FUNCTIONS: [(Function, &str, [f64; 2]); 9] = [
    (Function::Exp, "exp", [-745.0, 709.7]),
    (Function::Expm1, "expm1", [-45.0, 709.7]),
    (Function::Log, "log", [0.0, 1e300]),
    (Function::Log1p, "log1p", [-1.0, 1e300]),
    (Function::Tanh, "tanh", [-20.0, 20.0]),
    (Function::Sigmoid, "sigmoid", [-745.0, 40.0]),
    (Function::Erf, "erf", [-6.0, 6.0]),
    (Function::Sqrt, "sqrt", [0.0, 1e300]),
    (Function::Reciprocal, "reciprocal", [0.0, 0.0]),
];

/// Numbers that are looked at together.
const CHUNK: u64 = 1 << 14;
/// Arguments in double precision.
const SAMPLES: u64 = 1 << 20;

/// The greatest error so far, and where; at how many numbers the bits differ from those of the level before.
#[derive(Clone, Copy)]
struct Worst {
    units: f64,
    at: f64,
    differing: u64,
}

impl Worst {
    const NONE: Self = Self {
        units: 0.0,
        at: 0.0,
        differing: 0,
    };

    fn see(&mut self, units: f64, at: f64) {
        // Among equals the least, so that the order in which threads come does not show.
        if units > self.units || units.to_bits() == self.units.to_bits() && at < self.at {
            (self.units, self.at) = (units, at);
        }
    }
}

/// For each function and level the greatest error.
type Table = Vec<Vec<Worst>>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    // Tests of all targets only want to know that it builds; `cargo bench` says so.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let given = arguments.iter().position(|argument| argument == "--stride");
    let stride = match given.and_then(|place| arguments.get(place + 1)) {
        Some(text) => text.parse()?,
        None if arguments.iter().any(|argument| argument == "--quick") => 1009,
        None => 1,
    };
    let numbers = (1_u64 << 32).div_ceil(stride);
    let single = shared(numbers.div_ceil(CHUNK), &|chunk, table| {
        let first = chunk * CHUNK;
        let bits = (first..numbers.min(first + CHUNK)).map(|number| (number * stride) as u32);
        single_precision(&bits.map(f32::from_bits).collect::<Vec<_>>(), table);
    });
    let double = shared(SAMPLES.div_ceil(CHUNK), &double_precision);
    let page = page(&single, &double, stride)?;
    if stride == 1 {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/ACCURACY.md");
        std::fs::write(path, &page)?;
    }
    print!("{page}");
    Ok(())
}

/// Runs the chunks on all cores and puts their tables together.
fn shared(chunks: u64, work: &(dyn Fn(u64, &mut Table) + Sync)) -> Table {
    let next = AtomicU64::new(0);
    let empty = vec![vec![Worst::NONE; Level::available().len()]; FUNCTIONS.len()];
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let tables = std::thread::scope(|scope| {
        let run = || {
            let mut table = empty.clone();
            loop {
                let chunk = next.fetch_add(1, Ordering::Relaxed);
                if chunk >= chunks {
                    return table;
                }
                work(chunk, &mut table);
            }
        };
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let join = |handle: std::thread::ScopedJoinHandle<'_, Table>| {
            handle
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        handles.into_iter().map(join).collect::<Vec<_>>()
    });
    let mut all = empty.clone();
    for table in tables {
        for (row, other) in all.iter_mut().zip(table) {
            for (worst, other) in row.iter_mut().zip(other) {
                worst.see(other.units, other.at);
                worst.differing += other.differing;
            }
        }
    }
    all
}

fn single_precision(from: &[f32], table: &mut Table) {
    let mut to = vec![0.0; from.len()];
    let mut before = vec![0.0; from.len()];
    for ((function, name, _), row) in FUNCTIONS.iter().zip(table) {
        let Some(exact) = reference(name) else {
            continue;
        };
        let exact: Vec<f64> = from.iter().map(|x| exact(f64::from(*x))).collect();
        let differing = |to: &[f32], before: &[f32]| {
            let pairs = to.iter().zip(before);
            let unlike = pairs.filter(|(to, before)| to.to_bits() != before.to_bits());
            unlike.count() as u64
        };
        let mut chunk = Worst::NONE;
        for (place, level) in Level::available().into_iter().enumerate() {
            apply(*function, level, from, &mut to);
            if place > 0 {
                let differing = differing(&to, &before);
                row[place].differing += differing;
                if differing == 0 {
                    // The same bits have the same errors.
                    row[place].see(chunk.units, chunk.at);
                    continue;
                }
            }
            chunk = Worst::NONE;
            for ((x, found), exact) in from.iter().zip(&to).zip(&exact) {
                // The nearest number errs by half a unit at most: the commonest case is cut short.
                if found.to_bits() == (*exact as f32).to_bits() {
                    continue;
                }
                chunk.see(single_error(*found, *exact), f64::from(*x));
            }
            row[place].see(chunk.units, chunk.at);
            std::mem::swap(&mut to, &mut before);
        }
    }
}

fn double_precision(chunk: u64, table: &mut Table) {
    for ((function, name, [low, high]), row) in FUNCTIONS.iter().zip(table) {
        let mut state = chunk.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
        // A third over the whole range, a third near zero, a third of every magnitude.
        let draw = |place: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let part = (state >> 11) as f64 / (1_u64 << 53) as f64;
            match place % 3 {
                0 => low.max(-1e3) + part * (high.min(1e3) - low.max(-1e3)),
                1 => (part - 0.5) * 8.0,
                _ => {
                    ((part - 0.5) * 1_300.0).exp()
                        * if place.is_multiple_of(2) { 1.0 } else { -1.0 }
                }
            }
        };
        let inside = |x: &f64| x >= low && x <= high;
        let from: Vec<f64> = (0..CHUNK).map(draw).filter(inside).collect();
        let mut to = vec![0.0; from.len()];
        let mut before = vec![0.0; from.len()];
        let exact: Vec<_> = from.iter().map(|x| precise(name, *x)).collect();
        for (place, (worst, level)) in row.iter_mut().zip(Level::available()).enumerate() {
            apply(*function, level, &from, &mut to);
            let pairs = to.iter().zip(&before);
            let unlike = pairs.filter(|(to, before)| f64::to_bits(**to) != f64::to_bits(**before));
            if place > 0 {
                worst.differing += unlike.count() as u64;
            }
            before.copy_from_slice(&to);
            for ((x, found), exact) in from.iter().zip(&to).zip(&exact) {
                if let Some(exact) = exact {
                    worst.see(double_error(*found, *exact), *x);
                }
            }
        }
    }
}

fn page(single: &Table, double: &Table, stride: u64) -> Result<String, std::fmt::Error> {
    let mut page = String::from(
        "# Accuracy of the vector functions\n\n\
        Written by `cargo bench -p backprove --bench accuracy`: the greatest error of the kernels that plans run, in\n\
        units of the last place, and an argument at which it occurs. A unit is the distance of the nearest number to the\n\
        next; that of subnormal numbers is theirs. A result that is infinite, zero or not a number where it should not be\n\
        would count as infinitely wrong. Half a unit is what rounding alone costs, and is not told apart from less. Behind\n\
        it stands at how many of the numbers the bits differ from those of the level before, if they do at any.\n",
    );
    let which = if stride == 1 {
        "every one of the 2^32 numbers".to_owned()
    } else {
        format!("every {stride}-th number")
    };
    let parts = [
        (format!("Single precision, {which}"), single),
        (format!("Double precision, {SAMPLES} arguments"), double),
    ];
    for (title, table) in parts {
        let levels = Level::available();
        let names: Vec<String> = levels.iter().map(|level| format!("{level:?}")).collect();
        writeln!(page, "\n## {title}\n\n| function | {} |", names.join(" | "))?;
        writeln!(page, "| --- |{}", " --- |".repeat(levels.len()))?;
        for ((_, name, _), row) in FUNCTIONS.iter().zip(table) {
            let cell = |worst: &Worst| {
                let units = if worst.units <= 0.5 {
                    "0.5".to_owned()
                } else {
                    format!("{:.3} at {:e}", worst.units, worst.at)
                };
                match worst.differing {
                    0 => units,
                    differing => format!("{units}; {differing} differ"),
                }
            };
            let cells: Vec<String> = row.iter().map(cell).collect();
            writeln!(page, "| {name} | {} |", cells.join(" | "))?;
        }
    }
    Ok(page)
}
