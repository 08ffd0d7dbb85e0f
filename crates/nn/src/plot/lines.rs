//! Line charts over epochs. Must never hide that a value is missing: where one is not finite, its
//! line is interrupted.

use std::fmt::Write;

use super::{escape, open, width_of};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 58.0;
const BOTTOM: f64 = 46.0;

/// Colours that keep a contrast of at least 3:1 on white and on near-black alike, and the dashes
/// that tell the lines apart without colours.
const STROKES: [(&str, &str); 4] = [
    ("#3b82d6", ""),
    ("#d9662b", "7 4"),
    ("#2a9d62", "2 3"),
    ("#a463c9", "9 3 2 3"),
];

/// A chart of several lines over the epochs, counted from one.
///
/// ```
/// use backprove_nn::plot::{LineChart, Series};
/// let svg = LineChart {
///     title: "Loss",
///     y_label: "cross-entropy",
///     series: &[Series { name: "training", values: &[2.3, 0.9, 0.4] }],
///     mark: None,
/// }
/// .to_svg();
/// assert!(svg.starts_with("<svg ") && svg.contains(">training</text>"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct LineChart<'a> {
    /// What stands above the chart.
    pub title: &'a str,
    /// What stands beside the vertical axis.
    pub y_label: &'a str,
    /// The lines.
    pub series: &'a [Series<'a>],
    /// An epoch that stands out, such as the one whose model was kept.
    pub mark: Option<Mark<'a>>,
}

/// One line of a chart.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// Its name in the legend.
    pub name: &'a str,
    /// A value for each epoch.
    pub values: &'a [f64],
}

/// A vertical line at an epoch.
#[derive(Debug, Clone, Copy)]
pub struct Mark<'a> {
    /// The epoch, counted from one.
    pub epoch: usize,
    /// What stands beside the line.
    pub label: &'a str,
}

impl LineChart<'_> {
    /// The chart as an SVG element.
    pub fn to_svg(&self) -> String {
        let scale = Scale::of(self.series);
        let mut svg = open(WIDTH, HEIGHT, self.title, &self.description());
        let title = escape(self.title);
        let _ = write!(
            svg,
            "<text class=\"bp-title\" x=\"{LEFT}\" y=\"20\">{title}</text>"
        );
        self.legend(&mut svg);
        self.axes(&mut svg, &scale);
        if let Some(mark) = &self.mark {
            let (x, bottom) = (scale.x(mark.epoch), HEIGHT - BOTTOM);
            let _ = writeln!(
                svg,
                "<path class=\"bp-axis\" stroke-dasharray=\"3 3\" d=\"M{x:.1} {TOP}V{bottom}\"/>"
            );
        }
        for (series, (color, dash)) in self.series.iter().zip(STROKES.iter().cycle()) {
            draw_series(&mut svg, &scale, series, color, dash);
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The last value of each line, for those who cannot see the chart.
    fn description(&self) -> String {
        let ends = self.series.iter().filter_map(|series| {
            let (last, epoch) = (series.values.last()?, series.values.len());
            Some(format!(
                "{} ends at {last:.4} after epoch {epoch}",
                series.name
            ))
        });
        ends.collect::<Vec<_>>().join("; ")
    }

    fn legend(&self, svg: &mut String) {
        let mut x = LEFT;
        for (series, (color, dash)) in self.series.iter().zip(STROKES.iter().cycle()) {
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" x2=\"{:.1}\" y1=\"38\" y2=\"38\" stroke=\"{color}\" \
                 stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>\
                 <text x=\"{:.1}\" y=\"42\">{}</text>",
                x + 26.0,
                x + 32.0,
                escape(series.name)
            );
            x += 52.0 + width_of(series.name);
        }
        // The mark is named here, where no line can run through its name.
        if let Some(mark) = &self.mark {
            let _ = writeln!(
                svg,
                "<line class=\"bp-axis\" stroke-dasharray=\"3 3\" x1=\"{x:.1}\" x2=\"{x:.1}\" \
                 y1=\"31\" y2=\"45\"/><text x=\"{:.1}\" y=\"42\">{}</text>",
                x + 8.0,
                escape(mark.label)
            );
        }
    }

    fn axes(&self, svg: &mut String, scale: &Scale) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for tick in &scale.y_ticks {
            let y = scale.y(*tick);
            let _ = writeln!(
                svg,
                "<line class=\"bp-grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                scale.y_label(*tick)
            );
        }
        for &epoch in &scale.x_ticks {
            let x = scale.x(epoch);
            let _ = writeln!(
                svg,
                "<line class=\"bp-axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom}\" y2=\"{:.1}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{epoch}</text>",
                bottom + 5.0,
                bottom + 19.0
            );
        }
        let (middle_x, middle_y) = (f64::midpoint(LEFT, right), f64::midpoint(TOP, bottom));
        let _ = writeln!(
            svg,
            "<path class=\"bp-axis\" fill=\"none\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>\
             <text x=\"{middle_x}\" y=\"{:.1}\" text-anchor=\"middle\">epoch</text>\
             <text transform=\"translate(14 {middle_y}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 8.0,
            escape(self.y_label)
        );
    }
}

fn draw_series(svg: &mut String, scale: &Scale, series: &Series, color: &str, dash: &str) {
    let mut path = String::new();
    let mut pen_down = false;
    for (epoch, &value) in (1..).zip(series.values) {
        if value.is_finite() {
            let command = if pen_down { 'L' } else { 'M' };
            let _ = write!(path, "{command}{:.1} {:.1}", scale.x(epoch), scale.y(value));
        }
        pen_down = value.is_finite();
    }
    let _ = writeln!(
        svg,
        "<path fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" stroke-linejoin=\"round\" \
         stroke-dasharray=\"{dash}\" d=\"{path}\"/>"
    );
    // Points carry their values where they stand far enough apart to be told from each other.
    if series.values.len() > 60 {
        return;
    }
    let name = escape(series.name);
    for (epoch, &value) in (1..)
        .zip(series.values)
        .filter(|(_, value)| value.is_finite())
    {
        let _ = writeln!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\" fill=\"{color}\">\
             <title>{name}, epoch {epoch}: {value:.4}</title></circle>",
            scale.x(epoch),
            scale.y(value)
        );
    }
}

/// Where values stand in the picture.
struct Scale {
    epochs: usize,
    low: f64,
    high: f64,
    x_ticks: Vec<usize>,
    y_ticks: Vec<f64>,
    /// The distance of the vertical ticks.
    y_step: f64,
}

impl Scale {
    fn of(series: &[Series]) -> Self {
        let epochs = series
            .iter()
            .map(|series| series.values.len())
            .max()
            .unwrap_or(0)
            .max(1);
        // The ticks around a value reach further than the value; they must not overflow.
        let values = || {
            let all = series.iter().flat_map(|line| line.values);
            all.filter(|value| value.is_finite())
                .map(|value| value.clamp(-1e300, 1e300))
        };
        let mut low = values().fold(f64::INFINITY, f64::min);
        let mut high = values().fold(f64::NEG_INFINITY, f64::max);
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        // A line without any rise, or with less than rounding makes, still needs room.
        let room = 1e-9 * low.abs().max(high.abs()).max(1e-3);
        if high - low < room {
            (low, high) = (low - 5.0 * room, high + 5.0 * room);
        }
        let step = step_for(high / 5.0 - low / 5.0);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        // About six ticks; by multiplying, not by adding up, so that zero is zero.
        let count = (last - first).clamp(1.0, 12.0) as usize;
        let x_step = step_for(epochs as f64 / 10.0).max(1.0) as usize;
        let mut x_ticks: Vec<usize> = (1..=epochs)
            .filter(|epoch| epoch.is_multiple_of(x_step))
            .collect();
        if x_step > 1 {
            x_ticks.insert(0, 1);
        }
        Self {
            epochs,
            low: first * step,
            high: last * step,
            x_ticks,
            y_ticks: (0..=count)
                .map(|tick| (first + tick as f64) * step)
                .collect(),
            y_step: step,
        }
    }

    /// A vertical tick's text, as many digits as the ticks' distance needs.
    fn y_label(&self, tick: f64) -> String {
        let largest = self.low.abs().max(self.high.abs());
        if tick == 0.0 {
            "0".to_owned()
        } else if largest >= 1e6 || self.y_step < 1e-4 {
            let digits = (largest.log10().floor() - self.y_step.log10().floor()).clamp(0.0, 4.0);
            format!("{tick:.*e}", digits as usize)
        } else {
            let decimals = (-self.y_step.log10().floor()).max(0.0);
            format!("{tick:.*}", decimals as usize)
        }
    }

    fn x(&self, epoch: usize) -> f64 {
        // A single epoch stands in the middle.
        let (position, span) = match self.epochs {
            1 => (0.5, 1.0),
            epochs => (epoch as f64 - 1.0, epochs as f64 - 1.0),
        };
        LEFT + (WIDTH - LEFT - RIGHT) * (position / span).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        // Halves, so that the difference of two huge values is finite.
        let share = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share.clamp(0.0, 1.0)
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `least`.
fn step_for(least: f64) -> f64 {
    let power = 10.0_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|&step| step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}
