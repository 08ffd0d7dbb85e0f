//! Proposals for mistyped names and how operands are named to a person. Nothing here knows about shapes.

use backprove_syntax::tree::{Expression, ExpressionKind};

/// The candidate that `name` was probably meant to be.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = match name.chars().count() {
        0 | 1 => 0,
        2..=4 => 1,
        _ => 2,
    };
    candidates
        .filter(|candidate| *candidate != name)
        .map(|candidate| {
            let same_but_case = candidate.eq_ignore_ascii_case(name);
            (
                if same_but_case {
                    0
                } else {
                    distance(name, candidate)
                },
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The number of insertions, deletions, replacements and swaps of neighbours between two words.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let width = right.len() + 1;
    let mut table = vec![0; (left.len() + 1) * width];
    for row in 0..=left.len() {
        for column in 0..width {
            table[row * width + column] = if row == 0 || column == 0 {
                row + column
            } else {
                let same = left[row - 1] == right[column - 1];
                let replaced = table[(row - 1) * width + column - 1] + usize::from(!same);
                let removed = table[(row - 1) * width + column] + 1;
                let added = table[row * width + column - 1] + 1;
                let mut best = replaced.min(removed).min(added);
                let swapped = row > 1
                    && column > 1
                    && left[row - 1] == right[column - 2]
                    && left[row - 2] == right[column - 1];
                if swapped {
                    best = best.min(table[(row - 2) * width + column - 2] + 1);
                }
                best
            };
        }
    }
    table[left.len() * width + width - 1]
}

/// The text of an expression where it is short enough for a sentence.
pub(super) fn named(tree: &Expression) -> Option<String> {
    const LONGEST: usize = 32;
    let text = backprove_syntax::format_expression(tree);
    (text.chars().count() <= LONGEST).then(|| format!("`{text}`"))
}

/// Whether a postfix such as `.T` may be put right behind the written text of `tree`.
pub(super) fn takes_postfix(tree: &Expression) -> bool {
    match &tree.kind {
        ExpressionKind::Binary(_, left, right) => tree.span != left.span.to(right.span),
        ExpressionKind::Unary(_, operand) => tree.span.end != operand.span.end,
        ExpressionKind::Number(_) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["W1", "bias", "softmax", "X"];
        let near = |name| nearest(name, names.into_iter());
        assert_eq!(near("w1"), Some("W1"));
        assert_eq!(near("sofmtax"), Some("softmax"));
        assert_eq!(near("biass"), Some("bias"));
        assert_eq!(near("x"), Some("X"));
        assert_eq!(near("Q"), None);
        assert_eq!(near("weights"), None);
    }
}
