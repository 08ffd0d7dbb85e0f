//! The benchmarks' pictures as SVG, both with logarithmic axes: ratios as bars with their goals, times over a size as lines with the
//! slope of the arithmetic. They need no script and take the colours of the page. Must never compute what it draws.

use std::fmt::Write as _;

const STYLE: &str = "<style>\
    svg{color:#1f2328;font:12px system-ui,sans-serif}\
    text{fill:currentColor}\
    .axis{stroke:currentColor;stroke-opacity:.6}\
    .grid{stroke:currentColor;stroke-opacity:.13}\
    .met{fill:#1a7f37}.missed{fill:#bc4c00}.plain{fill:#0969da}\
    .goal{stroke:currentColor;stroke-width:2}\
    .line{fill:none;stroke-width:2}\
    .ideal{stroke:currentColor;stroke-opacity:.5;stroke-dasharray:4 4}\
    @media(prefers-color-scheme:dark){svg{color:#e6edf3}}\
    </style>";
const COLOURS: [&str; 4] = ["#0969da", "#bc4c00", "#1a7f37", "#8250df"];

/// A ratio with what it exceeds for sure, and what it should.
pub struct Bar {
    /// What is compared.
    pub label: String,
    /// The ratio.
    pub value: f64,
    /// What it exceeds for sure.
    pub bound: f64,
    /// What it should be at least.
    pub goal: Option<f64>,
}

/// A logarithmic axis from one position to another.
struct Axis {
    least: f64,
    greatest: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn at(&self, value: f64) -> f64 {
        let share = (value / self.least).ln() / (self.greatest / self.least).ln();
        self.from + share * (self.to - self.from)
    }

    /// Ones, twos and fives of each decade.
    fn ticks(&self) -> Vec<f64> {
        let first = self.least.log10().floor() as i32;
        let last = self.greatest.log10().ceil() as i32;
        let decade = |exponent| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(exponent));
        let ticks = (first..=last).flat_map(decade);
        ticks
            .filter(|tick| (self.least..=self.greatest).contains(tick))
            .collect()
    }
}

fn open(width: f64, height: f64, title: &str) -> String {
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\
         <title>{title}</title>{STYLE}\n<text x=\"8\" y=\"20\" font-weight=\"600\">{title}</text>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// One bar for each ratio, from 1; a mark where its goal is.
pub fn bars(title: &str, bars: &[Bar]) -> String {
    const LABELS: f64 = 330.0;
    const ROW: f64 = 20.0;
    let all = || {
        bars.iter()
            .flat_map(|bar| [bar.value, bar.goal.unwrap_or(1.0)])
    };
    let axis = Axis {
        least: all().fold(0.8, f64::min) * 0.95,
        greatest: all().fold(2.0, f64::max) * 1.15,
        from: LABELS,
        to: 860.0,
    };
    let bottom = 34.0 + ROW * bars.len() as f64;
    let mut svg = open(940.0, bottom + 26.0, title);
    for tick in axis.ticks() {
        let x = axis.at(tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"30\" y2=\"{bottom}\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tick}</text>",
            bottom + 16.0
        );
    }
    let one = axis.at(1.0);
    let _ = writeln!(
        svg,
        "<line class=\"axis\" x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"30\" y2=\"{bottom}\"/>"
    );
    for (number, bar) in bars.iter().enumerate() {
        let y = 34.0 + ROW * number as f64;
        let end = axis.at(bar.value);
        let class = match bar.goal {
            Some(goal) if bar.bound >= goal => "met",
            Some(_) => "missed",
            None => "plain",
        };
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\"/><text x=\"{:.1}\" y=\"{:.1}\">{:.2}</text>",
            LABELS - 8.0,
            y + 11.0,
            escaped(&bar.label),
            end.min(one),
            y + 1.0,
            (end - one).abs().max(1.0),
            end.max(one) + 6.0,
            y + 11.0,
            bar.value
        );
        if let Some(goal) = bar.goal {
            let x = axis.at(goal);
            let _ = writeln!(
                svg,
                "<line class=\"goal\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
                y - 1.0,
                y + 15.0
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Measured points that belong together, with the points that the arithmetic alone would give.
pub struct Line {
    /// What was varied, and the slope.
    pub label: String,
    /// Sizes and times.
    pub points: Vec<(f64, f64)>,
    /// Sizes and times in proportion to the operations.
    pub ideal: Vec<(f64, f64)>,
}

/// Lines over logarithmic axes; dashed lines show what is in proportion to the operations.
pub fn lines(title: &str, across: &str, upwards: &str, lines: &[Line]) -> String {
    let points = || {
        lines
            .iter()
            .flat_map(|line| line.points.iter().chain(&line.ideal))
    };
    let range = |values: &dyn Fn(&(f64, f64)) -> f64| {
        let least = points().map(values).fold(f64::INFINITY, f64::min);
        let greatest = points().map(values).fold(0.0, f64::max);
        (least / 1.2, greatest * 1.2)
    };
    let (least, greatest) = range(&|point| point.0);
    let x_axis = Axis {
        least,
        greatest,
        from: 70.0,
        to: 700.0,
    };
    let (least, greatest) = range(&|point| point.1);
    let y_axis = Axis {
        least,
        greatest,
        from: 420.0,
        to: 40.0,
    };
    let mut svg = open(940.0, 470.0, title);
    for tick in x_axis.ticks() {
        let x = x_axis.at(tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"40\" y2=\"420\"/><text x=\"{x:.1}\" y=\"436\" text-anchor=\"middle\">{tick}</text>"
        );
    }
    for tick in y_axis.ticks() {
        let y = y_axis.at(tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"70\" x2=\"700\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"64\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
            y + 4.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"385\" y=\"458\" text-anchor=\"middle\">{}</text><text x=\"8\" y=\"36\">{}</text>",
        escaped(across),
        escaped(upwards)
    );
    let path = |points: &[(f64, f64)]| -> String {
        let point = |(x, y): &(f64, f64)| format!("{:.1},{:.1} ", x_axis.at(*x), y_axis.at(*y));
        points.iter().map(point).collect()
    };
    for (number, line) in lines.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let _ = writeln!(
            svg,
            "<polyline class=\"line ideal\" points=\"{}\"/><polyline class=\"line\" stroke=\"{colour}\" points=\"{}\"/>",
            path(&line.ideal),
            path(&line.points)
        );
        for (x, y) in &line.points {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>",
                x_axis.at(*x),
                y_axis.at(*y)
            );
        }
        let y = 50.0 + 20.0 * number as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"716\" y=\"{y}\" width=\"12\" height=\"12\" fill=\"{colour}\"/><text x=\"734\" y=\"{}\">{}</text>",
            y + 11.0,
            escaped(&line.label)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::{Axis, Bar, Line, bars, lines};

    #[test]
    fn equal_ratios_are_equally_far() {
        let axis = Axis {
            least: 1.0,
            greatest: 100.0,
            from: 0.0,
            to: 10.0,
        };
        assert!((axis.at(10.0) - 5.0).abs() < 1e-12);
        assert_eq!(axis.ticks(), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
    }

    #[test]
    fn pictures_are_well_formed_and_say_what_they_show() {
        let bar = |value, goal| Bar {
            label: "a < b".to_owned(),
            value,
            bound: value,
            goal,
        };
        let picture = bars(
            "ratios",
            &[bar(1.5, Some(2.0)), bar(3.0, Some(2.0)), bar(0.5, None)],
        );
        for part in [
            "a &lt; b",
            "class=\"missed\"",
            "class=\"met\"",
            "class=\"plain\"",
            ">3.00<",
        ] {
            assert!(picture.contains(part), "{part} in {picture}");
        }
        let line = Line {
            label: "batch".to_owned(),
            points: vec![(1.0, 1.0), (10.0, 12.0)],
            ideal: vec![(1.0, 1.0), (10.0, 10.0)],
        };
        let picture = lines("scaling", "size", "ms", &[line]);
        assert!(picture.matches("<circle").count() == 2 && picture.ends_with("</svg>\n"));
        assert!(!picture.contains("NaN") && !picture.contains("inf"));
    }
}
