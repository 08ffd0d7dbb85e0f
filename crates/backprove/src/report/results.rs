//! What came out, one line for each gradient, as mathematics and as code. Nothing here judges it.

use backprove_calculus::check::Verdict;
use backprove_calculus::{Derivation, Gradient};
use backprove_typeset::document::Block;

use super::{Names, line};
use crate::verification::Verification;

/// The gradients that were asked for and what they are written with; what finite differences contradict is marked.
pub(super) fn results(
    gradient: &Gradient,
    verification: &Verification,
    names: &Names,
) -> Vec<Block> {
    let mut lines = Vec::new();
    let mut code = String::new();
    let computed = gradient
        .derivations
        .iter()
        .filter(|derivation| !derivation.absorbed);
    let asked = computed
        .clone()
        .any(|derivation| gradient.wrt.contains(&derivation.variable));
    let checks = gradient.derivations.iter().zip(&verification.derivations);
    let wrong: Vec<&str> = checks
        .filter(|(_, check)| matches!(check.result.verdict, Verdict::Failed(_)))
        .map(|(derivation, _)| derivation.gradient.name())
        .collect();
    let introduced = gradient.introduced.iter().cloned();
    for equation in introduced.chain(computed.map(Derivation::equation)) {
        let mut line = line(&equation, names);
        code.push_str(&crate::text::equation(&equation));
        if wrong.contains(&equation.target.name()) {
            line.remark = line.remark.text(", WRONG: finite differences disagree");
            code.push_str("  # WRONG: finite differences disagree");
        }
        lines.push(line);
        code.push('\n');
    }
    if !asked {
        return Vec::new();
    }
    vec![
        Block::heading(1, "Result"),
        Block::Equations(lines),
        Block::code("python", code.trim_end()),
    ]
}
