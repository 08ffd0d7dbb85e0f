//! A plan as a picture: the kernels, stage by stage, as bars, and the arena with the life of each array. Must never hide a
//! kernel, however small its share is.

use std::fmt::Write;

use backprove_engine::{ArrayReport, KernelKind, KernelReport, Report, Role, Timing};

use super::{escape, open, shortened, width_of};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 20.0;
const RIGHT: f64 = 20.0;
/// From one line of text to the next.
const ROW: f64 = 20.0;
/// Where the numbers of the kernels end, and the other columns begin.
const NUMBER: f64 = 44.0;
const KERNEL: f64 = 54.0;
const TARGETS: f64 = 250.0;
const BARS: f64 = 400.0;
/// Room for the figure behind the longest bar.
const FIGURE: f64 = 130.0;
/// The height of the arena, and what is left of it.
const ARENA: f64 = 380.0;
const SCALE: f64 = 90.0;

/// Colours that keep a contrast of at least 3:1 on white and on near-black alike.
const BLUE: &str = "#3b82d6";
const ORANGE: &str = "#d9662b";
const GREEN: &str = "#2a9d62";
const VIOLET: &str = "#a463c9";

/// A plan: how long each kernel takes, or without times its operations, and where each array lies while it is needed.
///
/// ```
/// use std::collections::HashMap;
/// use backprove_calculus::elaborate_text;
/// use backprove_engine::Plan;
/// let program = elaborate_text("X[S, M]; W[N, M]\nY = tanh(X @ W.T)").program;
/// let sizes = HashMap::from([("S", 8), ("M", 4), ("N", 6)].map(|(name, size)| (name.into(), size)));
/// let plan = Plan::<f32>::compile(&program, &sizes, &["Y"], &[])?;
/// let svg = backprove_nn::plot::plan_drawing(plan.report(), None);
/// assert!(svg.starts_with("<svg ") && svg.contains("product 8×6×4"));
/// # Ok::<(), backprove_engine::Error>(())
/// ```
pub fn plan_drawing(report: &Report, timing: Option<&Timing>) -> String {
    let kernels: Vec<&KernelReport> = report.kernels().collect();
    let bars: Vec<Bar> = kernels
        .iter()
        .enumerate()
        .map(|(place, kernel)| Bar::of(kernel, timing.map(|timing| timing.kernels[place])))
        .collect();
    let rows = kernels.len() as f64 + 1.5 * report.stages.len() as f64;
    let arena_top = 74.0 + ROW * rows + 40.0;
    let height = arena_top + ARENA + 64.0;
    let description = format!(
        "{} kernels in {} stages; an arena of {} bytes with {} arrays",
        kernels.len(),
        report.stages.len(),
        report.arena.bytes,
        report.arena.arrays.len()
    );
    let mut svg = open(WIDTH, height, "Plan", &description);
    let measure = match timing {
        Some(_) => "time of all threads together",
        None => "floating-point operations",
    };
    heading(&mut svg, 24.0, &format!("Kernels by {measure}"));
    let after = legend(&mut svg, 46.0, &KINDS);
    let _ = writeln!(
        svg,
        "<line class=\"bp-axis\" x1=\"{after:.1}\" x2=\"{after:.1}\" y1=\"36\" y2=\"48\"/>\
         <text x=\"{:.1}\" y=\"46\">one after the other, tile by tile</text>",
        after + 8.0
    );
    let longest = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let scale = (WIDTH - RIGHT - FIGURE - BARS) / longest.max(f64::MIN_POSITIVE);
    let mut y = 74.0;
    let mut number = 0;
    for (stage, found) in report.stages.iter().enumerate() {
        let _ = writeln!(
            svg,
            "<line class=\"bp-grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"bp-stage\" x=\"{LEFT}\" y=\"{:.1}\">Stage {}</text>",
            WIDTH - RIGHT,
            y + 16.0,
            stage + 1
        );
        y += ROW;
        for group in &found.groups {
            let top = y;
            for kernel in &group.kernels {
                bars[number].draw(&mut svg, number + 1, kernel, y, scale);
                number += 1;
                y += ROW;
            }
            // What runs one after the other on the same rows is tied together.
            let _ = writeln!(
                svg,
                "<line class=\"bp-axis\" x1=\"{LEFT}\" x2=\"{LEFT}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
                top + 4.0,
                y - 4.0
            );
        }
        y += ROW / 2.0;
    }
    arena(&mut svg, report, arena_top);
    svg.push_str("</svg>\n");
    svg
}

const KINDS: [(&str, &str); 4] = [
    ("matrix product", BLUE),
    ("loop", GREEN),
    ("reduction", ORANGE),
    ("function of matrices", VIOLET),
];

const ROLES: [(&str, &str); 3] = [
    ("input, also updated", BLUE),
    ("output", ORANGE),
    ("intermediate", GREEN),
];

fn heading(svg: &mut String, y: f64, text: &str) {
    let _ = writeln!(
        svg,
        "<text class=\"bp-title\" x=\"{LEFT}\" y=\"{y:.1}\">{text}</text>"
    );
}

/// Says what the colours mean; returns where the line ends.
fn legend(svg: &mut String, y: f64, entries: &[(&str, &str)]) -> f64 {
    let mut x = LEFT;
    for (name, color) in entries {
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\" rx=\"2\" fill=\"{color}\"/>\
             <text x=\"{:.1}\" y=\"{y:.1}\">{name}</text>",
            y - 10.0,
            x + 18.0
        );
        x += 40.0 + width_of(name);
    }
    x
}

/// A kernel's bar.
struct Bar {
    value: f64,
    figure: String,
}

impl Bar {
    fn of(kernel: &KernelReport, time: Option<std::time::Duration>) -> Self {
        let operations = kernel.operations as f64;
        match time {
            Some(time) => {
                let seconds = time.as_secs_f64();
                let rate = operations / seconds.max(1e-9);
                Self {
                    value: seconds,
                    figure: format!("{}s, {}op/s", scaled(seconds), scaled(rate)),
                }
            }
            None => Self {
                value: operations,
                figure: scaled(operations).trim_end().to_owned(),
            },
        }
    }

    fn draw(&self, svg: &mut String, number: usize, kernel: &KernelReport, y: f64, scale: f64) {
        let (name, color) = match kernel.kind {
            KernelKind::Product => ("product", BLUE),
            KernelKind::Packing => ("packing", BLUE),
            KernelKind::Loop => ("loop", GREEN),
            KernelKind::Reduction => ("reduction", ORANGE),
            KernelKind::MatrixFunction => ("matrices", VIOLET),
        };
        let shape: Vec<String> = kernel.shape.iter().map(usize::to_string).collect();
        let shape = match shape.len() {
            0 => "scalar".to_owned(),
            _ => shape.join("×"),
        };
        let what = match kernel.times {
            1 => format!("{name} {shape}"),
            times => format!("{times} {name}s {shape}"),
        };
        // A bar of no width could not be seen.
        let width = (self.value * scale).max(1.5);
        let _ = writeln!(
            svg,
            "<g><title>{}</title>\
             <text x=\"{NUMBER}\" y=\"{base:.1}\" text-anchor=\"end\">{number}</text>\
             <text x=\"{KERNEL}\" y=\"{base:.1}\">{}</text>\
             <text x=\"{TARGETS}\" y=\"{base:.1}\">{}</text>\
             <rect x=\"{BARS}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"14\" rx=\"1.5\" fill=\"{color}\"/>\
             <text x=\"{:.1}\" y=\"{base:.1}\">{}</text></g>",
            escape(&kernel.statements.join("; ")),
            escape(&shortened(&what, 27)),
            escape(&shortened(&kernel.targets.join(", "), 20)),
            y + 3.0,
            BARS + width + 6.0,
            escape(&self.figure),
            base = y + 14.0,
        );
    }
}

/// The arrays that one after the other take the same place, each over the one before.
struct Occupant<'a> {
    arrays: Vec<&'a ArrayReport>,
}

impl<'a> Occupant<'a> {
    fn all(report: &'a Report) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for array in &report.arena.arrays {
            let before = array.over.as_ref().and_then(|over| {
                all.iter_mut().find(|occupant| {
                    let last = occupant.arrays.iter().rev();
                    last.take(1).any(|last| last.name == *over)
                })
            });
            match before {
                Some(occupant) => occupant.arrays.push(array),
                None => all.push(Self {
                    arrays: vec![array],
                }),
            }
        }
        all
    }

    fn name(&self) -> String {
        let names: Vec<&str> = self
            .arrays
            .iter()
            .map(|array| array.name.as_str())
            .collect();
        names.join(" → ")
    }

    fn color(&self) -> &'static str {
        let has = |role: Role| self.arrays.iter().any(|array| array.role == role);
        if has(Role::Input) {
            BLUE
        } else if has(Role::Output) || has(Role::Update) {
            ORANGE
        } else {
            GREEN
        }
    }
}

fn arena(svg: &mut String, report: &Report, top: f64) {
    let arena = &report.arena;
    let title = format!("Arena: {}B", scaled(arena.bytes as f64));
    heading(svg, top, &title);
    legend(svg, top + 22.0, &ROLES);
    let top = top + 40.0;
    let (left, right) = (LEFT + SCALE, WIDTH - RIGHT);
    let stages = report.stages.len().max(1);
    let column = (right - left) / stages as f64;
    let per_byte = ARENA / (arena.bytes as f64).max(1.0);
    let step = nice(arena.bytes as f64 / 5.0);
    let mut tick = 0.0;
    while tick <= arena.bytes as f64 {
        let y = top + tick * per_byte;
        let _ = writeln!(
            svg,
            "<line class=\"bp-grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}B</text>",
            left - 8.0,
            y + 4.0,
            scaled(tick)
        );
        tick += step;
    }
    for occupant in Occupant::all(report) {
        let first = occupant.arrays.iter().map(|array| array.first).min();
        let last = occupant.arrays.iter().map(|array| array.last).max();
        let (first, last) = (first.unwrap_or(0), last.unwrap_or(0));
        let array = occupant.arrays[0];
        let (x, y) = (
            left + column * first as f64,
            top + array.offset as f64 * per_byte,
        );
        let width = column * (last + 1 - first) as f64 - 2.0;
        let height = (array.bytes as f64 * per_byte).max(1.0);
        let color = occupant.color();
        let name = occupant.name();
        let _ = writeln!(
            svg,
            "<g><title>{}: {} bytes at {}, stages {} to {}</title>\
             <rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{color}\" \
             fill-opacity=\".28\" stroke=\"{color}\"/>",
            escape(&name),
            array.bytes,
            array.offset,
            first + 1,
            last + 1,
            x + 1.0,
        );
        let fits = ((width - 8.0) / width_of("m")) as usize;
        if height >= 13.0 && fits >= 2 {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x + 6.0,
                y + height / 2.0 + 4.0,
                escape(&shortened(&name, fits))
            );
        }
        svg.push_str("</g>\n");
    }
    // Where columns are narrow, only some are numbered.
    let every = (36.0 / column).ceil().max(1.0) as usize;
    let base = top + ARENA + 18.0;
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{base:.1}\" text-anchor=\"end\">stage</text>",
        left - 8.0
    );
    for stage in (0..report.stages.len()).step_by(every) {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{base:.1}\" text-anchor=\"middle\">{}</text>",
            left + column * (stage as f64 + 0.5),
            stage + 1
        );
    }
}

/// A round number near the value: 1, 2 or 5 times a power of ten.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1.0).log10().floor());
    let times = value / power;
    power
        * match times {
            times if times < 1.5 => 1.0,
            times if times < 3.5 => 2.0,
            times if times < 7.5 => 5.0,
            _ => 10.0,
        }
}

/// A number to three figures with a prefix for its thousands or thousandths.
fn scaled(value: f64) -> String {
    const PREFIXES: [(f64, &str); 8] = [
        (1e12, "T"),
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1.0, ""),
        (1e-3, "m"),
        (1e-6, "µ"),
        (1e-9, "n"),
    ];
    if value == 0.0 {
        return "0 ".to_owned();
    }
    let found = PREFIXES.iter().find(|(unit, _)| value >= 0.9995 * unit);
    let (unit, prefix) = found.unwrap_or(&PREFIXES[7]);
    let value = value / unit;
    let digits = match value {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    let digits = if value.fract() == 0.0 { 0 } else { digits };
    format!("{value:.digits$} {prefix}")
}
