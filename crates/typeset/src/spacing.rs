//! What two-dimensional printers share about space: where two factors side by side need air, and
//! which characters may never reach a page. It must not produce markup.

use crate::formula::{Formula, Operator, Style};

/// Whether a thin space belongs between two factors that stand side by side, because without it
/// `loss weight` would read as one word and `x (a + b)` as a call.
pub(crate) fn breathes(left: &Formula, right: &Formula) -> bool {
    let called = matches!(right, Formula::Fenced { .. })
        && matches!(
            left,
            Formula::Identifier { .. }
                | Formula::Over { .. }
                | Formula::Subscript { .. }
                | Formula::Superscript { .. }
                | Formula::SubSup { .. }
        );
    called || is_word(left) || is_word(right) || both_numbers(left, right)
}

fn both_numbers(left: &Formula, right: &Formula) -> bool {
    matches!((left, right), (Formula::Number(_), Formula::Number(_)))
}

fn is_word(formula: &Formula) -> bool {
    match formula {
        Formula::Identifier { text, style } => {
            *style == Style::Upright && text.chars().nth(1).is_some()
        }
        Formula::Superscript { base, .. }
        | Formula::Subscript { base, .. }
        | Formula::SubSup { base, .. } => is_word(base),
        Formula::Text(_) => true,
        _ => false,
    }
}

/// Whether indices can be written side by side without commas.
pub(crate) fn are_letters(indices: &[Formula]) -> bool {
    indices.len() == 1 || indices.iter().all(|index| match index {
        Formula::Identifier { text, .. } => text.chars().count() == 1,
        Formula::Number(digits) => digits.len() == 1,
        Formula::Superscript { base, above } => {
            **above == Formula::styled("′", Style::Upright)
                && matches!(&**base, Formula::Identifier { text, .. } if text.chars().count() == 1)
        }
        _ => false,
    })
}

/// The neighbours of the operator at `position` in a row, where it has both.
pub(crate) fn neighbours(items: &[Formula], position: usize) -> Option<(&Formula, &Formula)> {
    let left = items.get(position.checked_sub(1)?)?;
    let right = items.get(position + 1)?;
    Some((left, right))
}

/// Whether `items[position]` is juxtaposition that needs a thin space.
pub(crate) fn needs_thin_space(items: &[Formula], position: usize) -> bool {
    items[position] == Formula::Operator(Operator::Juxtaposition)
        && neighbours(items, position).is_some_and(|(left, right)| breathes(left, right))
}

/// The character itself, or the replacement character where it would be invisible, would change
/// the direction of writing, or is not text at all.
pub(crate) fn visible(character: char) -> char {
    let hidden = character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{e000}'..='\u{f8ff}'
                | '\u{feff}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{fffe}'
                | '\u{ffff}'
                | '\u{e0000}'..='\u{10ffff}'
        );
    if hidden { '\u{fffd}' } else { character }
}
