//! Pictures for reports, as SVG elements that stand in a page or alone. Must never need a script, a
//! network or a colour scheme: text and axes take the scheme's own colour.
//!
//! The elements are written here and not by a plotting library, because those fix every colour in
//! the file: on a dark page their axes vanish.

mod confusion;
mod lines;
mod plan;

pub use confusion::confusion_matrix;
pub use lines::{LineChart, Mark, Series};
pub use plan::plan_drawing;

/// The style that every picture carries. The class names are prefixed because a style in an SVG
/// element holds for the whole page; a picture that stands alone asks for a canvas of the scheme.
const STYLE: &str = "<style>\
    .bp-plot{color:#1f2328;font:12px system-ui,sans-serif;max-width:100%;height:auto}\
    .bp-plot text{fill:currentColor}\
    .bp-plot .bp-title{font-size:14px;font-weight:600}\
    .bp-plot .bp-stage{font-weight:600}\
    .bp-plot .bp-light{fill:#fff}\
    .bp-plot .bp-axis{stroke:currentColor;stroke-opacity:.6}\
    .bp-plot .bp-grid{stroke:currentColor;stroke-opacity:.13}\
    svg.bp-plot:root{color-scheme:light dark}\
    @media(prefers-color-scheme:dark){.bp-plot{color:#e6edf3}}\
    </style>";

/// Opens a picture of a size, with a name for those who cannot see it.
fn open(width: f64, height: f64, title: &str, description: &str) -> String {
    let title = escape(title);
    let description = escape(description);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"bp-plot\" role=\"img\" \
         width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\
         <title>{title}</title><desc>{description}</desc>{STYLE}\n"
    )
}

/// Text as it may stand in an element or an attribute. Characters that XML forbids are left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// About how wide a text is in a picture's font.
fn width_of(text: &str) -> f64 {
    6.8 * text.chars().count() as f64
}

/// A text cut to at most `most` characters.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        let kept: String = text.chars().take(most.saturating_sub(1)).collect();
        format!("{}…", kept.trim_end())
    }
}
