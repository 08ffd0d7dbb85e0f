//! A plan as a document: its kernels stage by stage, its memory and, where it was measured, its times. Nothing is
//! planned or measured here.

use std::fmt::Write as _;
use std::time::Duration;

use backprove_engine::{ArenaReport, ArrayReport, KernelReport, Report};
use backprove_nn::plot::plan_drawing;
use backprove_typeset::document::{Block, Document, Table};
use backprove_typeset::inline::Prose;

use crate::planning::Measured;

/// The plan for so many threads, with its times where there are any.
pub fn plan(report: &Report, threads: usize, measured: Option<&Measured>) -> Document {
    let kernels: Vec<&KernelReport> = report.kernels().collect();
    let mut document = Document::new(format!("Plan in {}", report.precision))
        .paragraph(summary(report, kernels.len()))
        .paragraph(memory(&report.arena, threads));
    if let Some(measured) = measured {
        document.push(Block::paragraph(speed(report, measured, threads)));
    }
    document.push(Block::Figure {
        svg: drawing(report, measured),
        description: most(&kernels, &report.arena, measured),
    });
    let mut first = 0;
    for (number, stage) in report.stages.iter().enumerate() {
        document.push(Block::heading(1, format!("Stage {}", number + 1)));
        let mut table = Table::new([
            "#",
            "kernel",
            "shape",
            "writes",
            "operations",
            "read",
            "written",
            "tiles",
        ])
        .numeric(&[0, 4, 5, 6]);
        let mut code = String::new();
        for group in &stage.groups {
            for (place, kernel) in group.kernels.iter().enumerate() {
                first += 1;
                table.push([
                    first.to_string(),
                    kernel.kind.name().to_owned(),
                    shape(kernel),
                    kernel.targets.join(", "),
                    operations(kernel.operations),
                    bytes(kernel.read),
                    bytes(kernel.written),
                    match place {
                        0 => tiles(group.rows, group.tiles),
                        _ => String::new(),
                    },
                ]);
                for statement in &kernel.statements {
                    let _ = writeln!(code, "{first:>3}  {statement}");
                }
            }
        }
        document.push(Block::Table(table));
        document.push(Block::code("", code.trim_end()));
    }
    if let Some(measured) = measured {
        document.push(Block::heading(1, "Times"));
        document.push(Block::Table(times(&kernels, measured)));
        document.push(Block::Note(Prose::from(
            "A kernel's time is the least of all runs and that of all threads that worked on it, so that its rates are those of one core. What lies in \
             a cache is read faster than memory gives it: shares of memory may exceed 100 %.",
        )));
    }
    document.push(Block::heading(1, "Arena"));
    document.push(Block::Table(arena(&report.arena)));
    if !report.arena.strips.is_empty() {
        document.push(Block::paragraph(format!(
            "Beside the arena each thread holds the blocks of its loops and, some rows at a time: {}.",
            report.arena.strips.join(", ")
        )));
    }
    document
}

/// The plan as a picture: kernels by their time where it is known, else by their operations.
pub fn drawing(report: &Report, measured: Option<&Measured>) -> String {
    plan_drawing(report, measured.map(|measured| &measured.timing))
}

fn summary(report: &Report, kernels: usize) -> Prose {
    Prose::from(format!(
        "{}, {}, ",
        counted(kernels, "kernel"),
        counted(report.stages.len(), "stage")
    ))
    .strong(format!("{}op", operations(report.operations())))
    .text(
        ". A multiplication and an addition are one operation each, a division or a root counts for 4, an exponential for 10.",
    )
}

/// What stands out in the picture.
fn most(kernels: &[&KernelReport], arena: &ArenaReport, measured: Option<&Measured>) -> String {
    let value = |place: usize| match measured {
        Some(measured) => measured.timing.kernels[place].as_secs_f64(),
        None => kernels[place].operations as f64,
    };
    let what = if measured.is_some() {
        "time"
    } else {
        "operations"
    };
    let all: f64 = (0..kernels.len()).map(value).sum();
    let mut order: Vec<usize> = (0..kernels.len()).collect();
    order.sort_by(|first, second| value(*second).total_cmp(&value(*first)));
    let shares = order.iter().take(3).map(|place| {
        let share = 100.0 * value(*place) / all.max(f64::MIN_POSITIVE);
        format!("{} ({share:.0} %)", place + 1)
    });
    let shares: Vec<String> = shares.collect();
    let largest = arena.arrays.iter().max_by_key(|array| array.bytes);
    let largest = largest.map_or_else(String::new, |array| {
        format!(
            " The largest array is {}, {}.",
            array.name,
            bytes(array.bytes)
        )
    });
    format!("Most {what}: the kernels {}.{largest}", shares.join(", "))
}

fn memory(arena: &ArenaReport, threads: usize) -> Prose {
    Prose::from("The peak is known before anything runs: ")
        .strong(bytes(arena.peak(threads)))
        .text(format!(
            ", an arena of {} and {} for {}. The arena is {:.2} times the sum of the arrays that are alive \
             in the worst stage, stage {} ({}).",
            bytes(arena.bytes),
            bytes(arena.scratch * threads as u64),
            counted(threads, "thread"),
            arena.bytes as f64 / (arena.live as f64).max(1.0),
            arena.worst + 1,
            bytes(arena.live),
        ))
}

fn speed(report: &Report, measured: &Measured, threads: usize) -> Prose {
    let total = measured.timing.total;
    let rate = report.operations() as f64 / total.as_secs_f64().max(f64::MIN_POSITIVE);
    Prose::from("A run takes ")
        .strong(time(total))
        .text(format!(
            " on {} (the best of {} runs, the median {}): {}op/s, {:.0} % of what {} can do. One core does {}op/s at most in \
             fused multiply-adds and moves {}B/s to and from memory; both were measured just now.",
            counted(threads, "thread"),
            measured.runs,
            time(measured.median),
            rounded(rate),
            100.0 * rate / (measured.peak.operations * threads as f64),
            if threads == 1 { "it" } else { "they" },
            rounded(measured.peak.operations),
            rounded(measured.peak.bytes),
        ))
}

fn times(kernels: &[&KernelReport], measured: &Measured) -> Table {
    let mut table = Table::new([
        "#",
        "kernel",
        "writes",
        "time",
        "share",
        "op/s",
        "of peak",
        "B/s",
        "of memory",
    ])
    .numeric(&[0, 3, 4, 5, 6, 7, 8]);
    let all: Duration = measured.timing.kernels.iter().sum();
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    for (number, (kernel, spent)) in kernels.iter().zip(&measured.timing.kernels).enumerate() {
        let seconds = spent.as_secs_f64().max(1e-9);
        let done = kernel.operations as f64 / seconds;
        let moved = (kernel.read + kernel.written) as f64 / seconds;
        table.push([
            (number + 1).to_string(),
            kernel.kind.name().to_owned(),
            kernel.targets.join(", "),
            time(*spent),
            percent(spent.as_secs_f64() / all.as_secs_f64().max(1e-9)),
            rounded(done),
            percent(done / measured.peak.operations),
            rounded(moved),
            percent(moved / measured.peak.bytes),
        ]);
    }
    table
}

fn arena(arena: &ArenaReport) -> Table {
    let mut table = Table::new([
        "array", "role", "shape", "bytes", "offset", "stages", "place",
    ])
    .numeric(&[3, 4]);
    for array in &arena.arrays {
        let stages = if array.first == array.last {
            (array.first + 1).to_string()
        } else {
            format!("{}–{}", array.first + 1, array.last + 1)
        };
        table.push([
            array.name.clone(),
            array.role.name().to_owned(),
            extents(&array.shape),
            array.bytes.to_string(),
            array.offset.to_string(),
            stages,
            place(arena, array),
        ]);
    }
    table
}

/// What else lies where an array does.
fn place(arena: &ArenaReport, array: &ArrayReport) -> String {
    if let Some(over) = &array.over {
        return format!("over {over}");
    }
    let others: Vec<&str> = arena
        .sharing(array)
        .filter(|other| other.over.as_ref() != Some(&array.name))
        .map(|other| other.name.as_str())
        .collect();
    match &others[..] {
        [] => String::new(),
        [first, second, rest @ ..] if rest.len() > 1 => {
            format!("shared with {first}, {second} and {} more", rest.len())
        }
        few => format!("shared with {}", few.join(", ")),
    }
}

fn shape(kernel: &KernelReport) -> String {
    let shape = extents(&kernel.shape);
    match kernel.times {
        1 => shape,
        times => format!("{shape}, {times} times"),
    }
}

fn extents(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "scalar".to_owned();
    }
    let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
    extents.join("×")
}

fn tiles(rows: usize, tiles: usize) -> String {
    match tiles {
        1 => counted(rows, "row"),
        tiles => format!("{} in {tiles}", counted(rows, "row")),
    }
}

fn counted(count: usize, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        _ => format!("{count} {thing}s"),
    }
}

/// A number to three figures, with a prefix for its thousands.
fn rounded(value: f64) -> String {
    const PREFIXES: [&str; 6] = ["", "k", "M", "G", "T", "P"];
    let mut value = value;
    let mut prefix = 0;
    // What would be rounded to a thousand takes the next prefix.
    while value >= 999.5 && prefix + 1 < PREFIXES.len() {
        value /= 1000.0;
        prefix += 1;
    }
    let digits = match value {
        value if value >= 99.95 || prefix == 0 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {}", PREFIXES[prefix])
}

fn operations(count: u64) -> String {
    rounded(count as f64)
}

fn bytes(count: u64) -> String {
    format!("{}B", rounded(count as f64))
}

fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let (value, unit) = match seconds {
        seconds if seconds >= 1.0 => (seconds, "s"),
        seconds if seconds >= 1e-3 => (seconds * 1e3, "ms"),
        seconds => (seconds * 1e6, "µs"),
    };
    let digits = match value {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        for (value, text) in [
            (0.0, "0 "),
            (7.0, "7 "),
            (999.0, "999 "),
            (1000.0, "1.00 k"),
            (102_760_448.0, "103 M"),
            (99_960.0, "100 k"),
            (999_499.0, "999 k"),
            (999_500.0, "1.00 M"),
            (12_345.0, "12.3 k"),
        ] {
            assert_eq!(rounded(value), text);
        }
        assert_eq!(bytes(2048), "2.05 kB");
        assert_eq!(time(Duration::from_nanos(5_700)), "5.70 µs");
        assert_eq!(time(Duration::from_micros(2_900)), "2.90 ms");
        assert_eq!(time(Duration::from_secs(100)), "100 s");
    }
}
