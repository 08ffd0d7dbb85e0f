//! The confusion matrix as a heat map. Must never let a large class hide a small one: shades are
//! shares of the true class, and numbers are counts.

use std::fmt::Write;

use super::{escape, open, shortened, width_of};
use crate::Error;
use crate::metrics::Confusion;

/// Up to this many classes, cells are large enough for numbers and names.
const NUMBERED: usize = 40;

/// The longest name that is written out.
const NAME: usize = 16;

const RIGHT: &str = "#2f74d0";
const WRONG: &str = "#d1491f";

/// A heat map of `confusion`, the true classes downwards. Fails where the names are not one for each class.
///
/// ```
/// use backprove_nn::{metrics::Confusion, plot::confusion_matrix};
/// let confusion = Confusion::new(2, &[0, 0, 1], &[0, 1, 1])?;
/// let svg = confusion_matrix(&confusion, &["cat".to_owned(), "dog".to_owned()])?;
/// assert!(svg.contains("1 of 2 samples of cat (50.0 %) predicted as dog"));
/// # Ok::<(), backprove_nn::Error>(())
/// ```
pub fn confusion_matrix(confusion: &Confusion, class_names: &[String]) -> Result<String, Error> {
    let classes = confusion.class_count();
    if class_names.len() != classes {
        return Err(Error::argument(format!(
            "{} names do not fit a confusion matrix of {classes} classes",
            class_names.len()
        )));
    }
    let names: Vec<String> = class_names
        .iter()
        .map(|name| shortened(name, NAME))
        .collect();
    let layout = Layout::of(confusion, &names);
    let description = format!(
        "{} samples of {classes} classes, {:.2} % predicted right",
        confusion.total(),
        100.0 * confusion.accuracy()
    );
    let mut svg = open(
        layout.width,
        layout.height,
        "Confusion matrix",
        &description,
    );
    layout.frame(&mut svg);
    if classes <= NUMBERED {
        layout.names(&mut svg, &names);
    }
    for truth in 0..classes {
        let row = confusion.row(truth);
        let support: u64 = row.iter().sum();
        for (predicted, &count) in row.iter().enumerate().filter(|(_, count)| **count > 0) {
            let share = count as f64 / support as f64;
            let [of, as_class] = [truth, predicted].map(|class| escape(&class_names[class]));
            let told = format!(
                "{count} of {support} samples of {of} ({:.1} %) predicted as {as_class}",
                100.0 * share
            );
            layout.cell(&mut svg, truth, predicted, share, count, &told);
        }
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

struct Layout {
    classes: usize,
    cell: f64,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    /// Whether the predicted classes' names are too wide to stand level.
    slanted: bool,
}

impl Layout {
    fn of(confusion: &Confusion, names: &[String]) -> Self {
        let classes = confusion.class_count();
        let largest = (0..classes).flat_map(|truth| confusion.row(truth)).max();
        let digits = largest.map_or(String::new(), u64::to_string);
        let numbered = classes <= NUMBERED;
        let cell = if numbered {
            (width_of(&digits) + 12.0).max(36.0)
        } else {
            (1200.0 / classes as f64).max(0.25)
        };
        let longest = names.iter().map(|name| width_of(name)).fold(0.0, f64::max);
        let longest = if numbered { longest } else { 0.0 };
        let slanted = longest > cell - 4.0;
        let left = 34.0 + longest;
        let top = 48.0 + if slanted { 10.0 + longest * 0.72 } else { 20.0 };
        let side = cell * classes as f64;
        // The last slanted name leans out over the right edge.
        let lean = if slanted {
            (longest * 0.72 - cell / 2.0).max(0.0)
        } else {
            0.0
        };
        Self {
            classes,
            cell,
            left,
            top,
            width: (left + side + lean + 12.0).max(240.0).ceil(),
            height: (top + side + 12.0).ceil(),
            slanted,
        }
    }

    fn frame(&self, svg: &mut String) {
        let (left, top, side) = (self.left, self.top, self.cell * self.classes as f64);
        let _ = writeln!(
            svg,
            "<text class=\"bp-title\" x=\"8\" y=\"20\">Confusion matrix</text>\
             <text x=\"{left:.1}\" y=\"40\">predicted class →</text>\
             <text transform=\"translate(16 {top:.1}) rotate(-90)\" text-anchor=\"end\">← true class</text>\
             <rect class=\"bp-grid\" fill=\"none\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{side:.1}\" height=\"{side:.1}\"/>"
        );
        if self.classes > NUMBERED {
            return;
        }
        for line in 1..self.classes {
            let (x, y) = (
                left + self.cell * line as f64,
                top + self.cell * line as f64,
            );
            let _ = writeln!(
                svg,
                "<path class=\"bp-grid\" d=\"M{x:.1} {top:.1}v{side:.1}M{left:.1} {y:.1}h{side:.1}\"/>"
            );
        }
    }

    fn names(&self, svg: &mut String, names: &[String]) {
        for (class, name) in names.iter().enumerate() {
            let name = escape(name);
            let middle = self.cell * (class as f64 + 0.5);
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
                self.left - 6.0,
                self.top + middle + 4.0
            );
            let (x, y) = (self.left + middle, self.top - 7.0);
            let _ = if self.slanted {
                writeln!(
                    svg,
                    "<text transform=\"translate({:.1} {y:.1}) rotate(-45)\">{name}</text>",
                    x + 3.0
                )
            } else {
                writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{name}</text>"
                )
            };
        }
    }

    fn cell(
        &self,
        svg: &mut String,
        truth: usize,
        predicted: usize,
        share: f64,
        count: u64,
        told: &str,
    ) {
        // The square root, because one wrong sample in a hundred must be seen.
        let shade = 0.12 + 0.88 * share.sqrt();
        let color = if truth == predicted { RIGHT } else { WRONG };
        let (x, y) = (
            self.left + self.cell * predicted as f64,
            self.top + self.cell * truth as f64,
        );
        let cell = self.cell;
        let _ = write!(
            svg,
            "<g><title>{told}</title><rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{cell:.2}\" \
             height=\"{cell:.2}\" fill=\"{color}\" fill-opacity=\"{shade:.2}\"/>"
        );
        if self.classes <= NUMBERED {
            let class = if shade > 0.85 {
                " class=\"bp-light\""
            } else {
                ""
            };
            let _ = write!(
                svg,
                "<text{class} x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{count}</text>",
                x + cell / 2.0,
                y + cell / 2.0 + 4.0
            );
        }
        svg.push_str("</g>\n");
    }
}
