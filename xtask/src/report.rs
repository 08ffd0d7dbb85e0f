//! What a benchmark found: one line for each figure, a table in `benches/README.md`, a plot beside it. Must never take a time.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::plot::{self, Bar};
use crate::statistics::Comparison;
use crate::turns::{Side, in_turn};

/// One comparison with a rival.
#[derive(Debug, Clone)]
struct Figure {
    case: String,
    rival: String,
    unit: Unit,
    comparison: Comparison,
    goal: Option<f64>,
}

/// What numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds, which are printed in the unit that suits them.
    Seconds,
    /// Numbers without a unit, such as a share.
    Plain,
    /// Bytes, printed in millions.
    Bytes,
}

impl Unit {
    fn print(self, number: f64) -> String {
        match self {
            Unit::Plain => format!("{number:.4}"),
            Unit::Bytes => format!("{:.2}MB", number * 1e-6),
            Unit::Seconds if number < 1e-3 => format!("{:.2}µs", number * 1e6),
            Unit::Seconds if number < 1.0 => format!("{:.3}ms", number * 1e3),
            Unit::Seconds => format!("{number:.2}s"),
        }
    }
}

/// The figures of one benchmark.
pub struct Report {
    name: &'static str,
    quick: bool,
    cases: Vec<String>,
    figures: Vec<Figure>,
    notes: Vec<String>,
    plots: Vec<(String, String)>,
}

impl Report {
    /// The report of a benchmark that `cargo bench` runs with the arguments of this process: `--quick`, and names of cases. `None` where
    /// it was not `cargo bench` that started it: tests of all targets only want to know that it builds.
    pub fn of(name: &'static str) -> Option<Self> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let given = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
        given("--bench").then(|| Self {
            name,
            quick: given("--quick"),
            cases: arguments
                .iter()
                .filter(|word| !word.starts_with('-'))
                .cloned()
                .collect(),
            figures: Vec::new(),
            notes: Vec::new(),
            plots: Vec::new(),
        })
    }

    /// Whether two minutes have to do.
    pub fn quick(&self) -> bool {
        self.quick
    }

    /// One number for a quick run, another for a full one.
    pub fn choose<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Whether a case was asked for: each is where none is named.
    pub fn wants(&self, case: &str) -> bool {
        self.cases.is_empty()
            || self
                .cases
                .iter()
                .any(|wanted| case.starts_with(wanted.as_str()))
    }

    /// Takes the rounds' times of both sides.
    pub fn compare(&mut self, case: &str, rival: &str, rounds: [&[f64]; 2], goal: Option<f64>) {
        let comparison = Comparison::of(rounds[0], rounds[1]);
        self.figure(case, rival, Unit::Seconds, comparison, goal);
    }

    /// Measures all sides in turn, ours first, and compares the others with it.
    pub fn measure(
        &mut self,
        case: &str,
        mut sides: Vec<Side<'_>>,
        rounds: usize,
    ) -> Result<(), Box<dyn Error>> {
        let times = in_turn(&mut sides, rounds)?;
        for (side, theirs) in sides.iter().zip(&times).skip(1) {
            self.compare(case, &side.name, [&times[0], theirs], side.goal);
        }
        Ok(())
    }

    /// Takes two numbers whose ratio, ours to the other, is the figure.
    pub fn share(
        &mut self,
        case: &str,
        rival: &str,
        unit: Unit,
        [ours, other]: [f64; 2],
        goal: f64,
    ) {
        let ratio = ours / other;
        let comparison = Comparison {
            ours,
            theirs: other,
            ours_best: ours,
            theirs_best: other,
            ratio,
            bound: ratio,
        };
        self.figure(case, rival, unit, comparison, Some(goal));
    }

    /// Takes the bytes of both sides; the figure is how often ours fit into theirs.
    pub fn memory(&mut self, case: &str, rival: &str, [ours, theirs]: [f64; 2], goal: f64) {
        let ratio = theirs / ours;
        let comparison = Comparison {
            ours,
            theirs,
            ours_best: ours,
            theirs_best: theirs,
            ratio,
            bound: ratio,
        };
        self.figure(case, rival, Unit::Bytes, comparison, Some(goal));
    }

    /// Takes seconds that must stay below a limit; the figure is how often they fit into it.
    pub fn limit(&mut self, case: &str, what: &str, seconds: &[f64], limit: f64) {
        let limits = vec![limit; seconds.len()];
        self.compare(case, what, [seconds, &limits], Some(1.0));
    }

    fn figure(
        &mut self,
        case: &str,
        rival: &str,
        unit: Unit,
        comparison: Comparison,
        goal: Option<f64>,
    ) {
        let (ours, theirs) = (unit.print(comparison.ours), unit.print(comparison.theirs));
        let name = format!("{}/{case}/{rival}", self.name).replace(' ', "-");
        let ratio = comparison.ratio;
        if self.quick {
            println!("{name} {ours} {theirs} {ratio:.3}");
        } else {
            let (ours_best, theirs_best) = (
                unit.print(comparison.ours_best),
                unit.print(comparison.theirs_best),
            );
            println!(
                "{name} {ours} {theirs} {ratio:.3}  (best {ours_best} {theirs_best}; at least {:.3}{})",
                comparison.bound,
                match goal {
                    Some(goal) => format!("; goal {goal}: {}", verdict(comparison.bound, goal)),
                    None => String::new(),
                }
            );
        }
        self.figures.push(Figure {
            case: case.to_owned(),
            rival: rival.to_owned(),
            unit,
            comparison,
            goal,
        });
    }

    /// A sentence, or a table, for below the figures.
    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.quick {
            println!("{text}");
        }
        self.notes.push(text);
    }

    /// A plot of its own.
    pub fn plot(&mut self, name: &str, svg: String) {
        self.plots.push((name.to_owned(), svg));
    }

    /// Writes the table between the benchmark's markers in `benches/README.md`, and the plots into `benches/plots`; neither after a quick
    /// run or one of some cases only.
    pub fn finish(mut self) -> Result<(), Box<dyn Error>> {
        if self.quick || !self.cases.is_empty() {
            return Ok(());
        }
        if !self.figures.is_empty() {
            let bars: Vec<Bar> = self.figures.iter().map(Figure::bar).collect();
            let title = format!("{}: times as fast as the rival", self.name);
            self.plots
                .insert(0, (self.name.to_owned(), plot::bars(&title, &bars)));
        }
        let benches = benches();
        fs::create_dir_all(benches.join("plots"))?;
        for (name, svg) in &self.plots {
            fs::write(benches.join(format!("plots/{name}.svg")), svg)?;
        }
        let readme = benches.join("README.md");
        let text = fs::read_to_string(&readme)?;
        fs::write(readme, replaced(&text, self.name, &self.markdown())?)?;
        Ok(())
    }

    fn markdown(&self) -> String {
        let mut text = String::new();
        if !self.figures.is_empty() {
            text.push_str("\n| case | against | ours | theirs | ratio | at least | goal | |\n|---|---|--:|--:|--:|--:|--:|---|\n");
        }
        for figure in &self.figures {
            let Figure {
                case,
                rival,
                unit,
                comparison,
                goal,
            } = figure;
            let _ = writeln!(
                text,
                "| {case} | {rival} | {} | {} | {:.2} | {:.2} | {} | {} |",
                unit.print(comparison.ours),
                unit.print(comparison.theirs),
                comparison.ratio,
                comparison.bound,
                goal.map_or(String::new(), |goal| goal.to_string()),
                goal.map_or("", |goal| verdict(comparison.bound, goal)),
            );
        }
        for note in &self.notes {
            let _ = write!(text, "\n{note}\n");
        }
        for (name, _) in &self.plots {
            let _ = write!(text, "\n![{name}](plots/{name}.svg)\n");
        }
        format!("{}\n{text}", machine(&text))
    }
}

impl Figure {
    fn bar(&self) -> Bar {
        Bar {
            label: format!("{}, {}", self.case, self.rival),
            value: self.comparison.ratio,
            bound: self.comparison.bound,
            goal: self.goal,
        }
    }
}

fn verdict(bound: f64, goal: f64) -> &'static str {
    if bound >= goal { "met" } else { "missed" }
}

fn benches() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches")
}

/// The text with what stands between a benchmark's markers replaced.
fn replaced(text: &str, name: &str, by: &str) -> Result<String, String> {
    let (open, close) = (
        format!("<!-- bench {name} -->\n"),
        format!("<!-- end of {name} -->"),
    );
    let missing = || format!("benches/README.md has no markers for {name}");
    let start = text.find(&open).ok_or_else(missing)? + open.len();
    let end = start + text[start..].find(&close).ok_or_else(missing)?;
    Ok(format!("{}\n{by}\n{}", &text[..start], &text[end..]))
}

/// The processor, its cores and the versions of the compiler and of the rivals that `text` speaks of.
fn machine(text: &str) -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut lines = processor.lines();
    let model = lines.find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unnamed processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let compiler = Command::new("rustc").arg("--version").output();
    let compiler = compiler.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let compiler = compiler.unwrap_or_else(|_| "an unknown compiler".to_owned());
    let text = text.to_lowercase();
    let rivals = crate::VERSIONS
        .iter()
        .filter(|(word, _)| text.contains(word));
    let versions: Vec<&str> = rivals.map(|(_, version)| *version).collect();
    let versions = [vec![compiler.as_str()], versions].concat();
    format!("{model}, {cores} cores; {}.", versions.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{Unit, replaced};

    #[test]
    fn a_table_stands_between_its_markers() {
        let text = "before\n<!-- bench a -->\nold\n<!-- end of a -->\nafter\n";
        let new = replaced(text, "a", "new").expect("there are markers");
        assert_eq!(
            new,
            "before\n<!-- bench a -->\n\nnew\n<!-- end of a -->\nafter\n"
        );
        // A second time gives the same: nothing piles up.
        assert_eq!(replaced(&new, "a", "new").expect("there are markers"), new);
        assert!(replaced(text, "b", "new").is_err());
    }

    #[test]
    fn a_table_names_the_versions_of_the_rivals_in_it() {
        let line = super::machine("| tiny | PyTorch eager |");
        assert!(line.contains("PyTorch 2") && line.contains("rustc") && !line.contains("JAX"));
    }

    #[test]
    fn seconds_are_printed_in_the_unit_that_suits_them() {
        let printed = [5.3e-6, 2.5e-3, 12.0].map(|number| Unit::Seconds.print(number));
        assert_eq!(printed, ["5.30µs", "2.500ms", "12.00s"]);
        assert_eq!(Unit::Plain.print(0.87), "0.8700");
    }
}
