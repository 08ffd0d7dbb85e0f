//! Lines in a terminal of a given width: breaking formulas and prose, aligning equations. It must
//! not know how a formula is spelled.

use super::{Line, width};
use crate::equation::Equation;
use crate::inline::Prose;

/// The least room that a right side or a remark is given before it moves to lines of its own.
const LEAST: usize = 24;
/// The space between the right sides and the remarks.
const GAP: usize = 3;

/// Equations aligned at their relation signs, remarks in a column at the right, in a terminal of
/// the given width. Long right sides are broken with a hanging indent.
///
/// ```
/// use backprove_typeset::equation::Equation;
/// use backprove_typeset::formula::{Formula, Operator};
/// use backprove_typeset::unicode;
///
/// let terms = ["alpha", "beta", "gamma", "rho"].map(Formula::name);
/// let sum = Formula::joined(Operator::Plus, terms);
/// let lines = [Equation::new(Formula::name("y"), sum)];
/// assert_eq!(unicode::equations(&lines, 12), "y = α + β\n      + γ\n      + ρ");
/// ```
pub fn equations(rows: &[Equation], columns: usize) -> String {
    equations_with(rows, columns, |remark| remark)
}

/// The same, with every line of a remark passed through `decorate`, which may add what takes no room.
pub fn equations_with(
    rows: &[Equation],
    columns: usize,
    decorate: impl Fn(String) -> String,
) -> String {
    let sides: Vec<Sides> = rows.iter().map(Sides::of).collect();
    let left = sides.iter().map(|row| width(&row.left)).max().unwrap_or(0);
    let sign = sides.iter().map(|row| width(&row.sign)).max().unwrap_or(0);
    let start = left + sign + usize::from(left > 0) + usize::from(sign > 0);
    let natural = sides.iter().map(|row| width(&row.right.text)).max();
    let natural = natural.unwrap_or(0);
    let remarked = sides.iter().map(|row| width(&row.remark)).max();
    let remarked = remarked.unwrap_or(0);

    let room = columns.saturating_sub(start).max(1);
    let beside = remarked > 0 && room >= LEAST + GAP + remarked.min(LEAST);
    let right = if beside {
        let spare = room - GAP - remarked.min(LEAST.max(room / 3));
        natural.min(spare)
    } else {
        room
    };
    let remark_room = if beside { room - right - GAP } else { room };

    let mut lines: Vec<String> = Vec::new();
    for row in &sides {
        let pieces = broken(&row.right, right);
        let remarks = wrap(&row.remark, remark_room);
        let height = if beside {
            pieces.len().max(remarks.len())
        } else {
            pieces.len()
        };
        for at in 0..height {
            let mut line = String::new();
            if at == 0 {
                line.push_str(&" ".repeat(left - width(&row.left)));
                line.push_str(&row.left);
                if left > 0 {
                    line.push(' ');
                }
                if sign > 0 {
                    line.push_str(&row.sign);
                    line.push_str(&" ".repeat(sign - width(&row.sign) + 1));
                }
            } else {
                line.push_str(&" ".repeat(start));
            }
            line.push_str(pieces.get(at).map_or("", String::as_str));
            if beside && let Some(remark) = remarks.get(at) {
                let here = width(&line);
                line.push_str(&" ".repeat((start + right + GAP).saturating_sub(here)));
                line.push_str(&decorate(remark.clone()));
            }
            lines.push(line.trim_end().to_owned());
        }
        if !beside {
            for remark in remarks {
                lines.push(format!("{}{}", " ".repeat(start), decorate(remark)));
            }
        }
    }
    lines.join("\n")
}

/// One equation as text.
struct Sides {
    left: String,
    sign: String,
    right: Line,
    remark: String,
}

impl Sides {
    fn of(row: &Equation) -> Self {
        Self {
            left: row.left.as_ref().map(super::formula).unwrap_or_default(),
            sign: row
                .relation
                .map(|relation| relation.spelling().unicode.to_owned())
                .unwrap_or_default(),
            right: Line::of(&row.right),
            remark: Prose::to_plain(&row.remark),
        }
    }
}

/// A line broken so that no piece is wider than `room` where that is possible; pieces after the
/// first are indented by two.
fn broken(line: &Line, room: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut start = 0;
    loop {
        let indent = if start == 0 { 0 } else { 2 };
        let rest = &line.text[start..];
        let fits = |end: usize| indent + width(line.text[start..end].trim_end()) <= room;
        let ahead = line.breaks.iter().filter(|place| place.at > start);
        if fits(line.text.len()) {
            pieces.push(format!("{}{rest}", " ".repeat(indent)));
            return pieces;
        }
        // The cheapest place that fits, and of equals the last; one that leaves most of the line
        // empty costs more. Where nothing fits, the first place at all.
        let best = ahead
            .clone()
            .filter(|place| fits(place.at))
            .min_by_key(|place| {
                let used = indent + width(&line.text[start..place.at]);
                let waste = if used * 5 < room * 2 { 15 } else { 0 };
                (place.cost + waste, std::cmp::Reverse(place.at))
            });
        let Some(place) = best.or_else(|| ahead.clone().next()) else {
            pieces.push(format!("{}{rest}", " ".repeat(indent)));
            return pieces;
        };
        let piece = line.text[start..place.at].trim_end();
        pieces.push(format!("{}{piece}", " ".repeat(indent)));
        start = place.at;
    }
}

/// Words filled into lines of at most `room` columns; a longer word stands alone.
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
