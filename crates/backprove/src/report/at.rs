//! What gradients are at numbers of the user's own, as a table.

use backprove_calculus::Gradient;
use backprove_typeset::compose::tensor;
use backprove_typeset::document::{Block, Document, Table};
use backprove_typeset::inline::Prose;

use super::error;
use crate::given::PointCheck;

/// The table of what gradients are at numbers of the user's own.
pub fn check_at(gradient: &Gradient, checks: &[PointCheck]) -> Document {
    let mut results = Table::new(["gradient", "shape", "error", "verdict"]).numeric(&[2]);
    let mut wrong = Vec::new();
    for (derivation, check) in gradient.derivations.iter().zip(checks) {
        let verdict = match &check.error {
            Ok(_) if check.holds() => "right",
            Ok(_) => "WRONG",
            Err(_) => "unverified",
        };
        if !check.holds() {
            wrong.push(Prose::from(check.sentence(derivation.gradient.name())));
        }
        results.push([
            Prose::from(tensor(&derivation.gradient)),
            crate::shape(derivation.variable.dims()).into(),
            check
                .error
                .as_ref()
                .map_or(String::new(), |found| error(*found))
                .into(),
            verdict.into(),
        ]);
    }
    let sizes = checks.first().map_or("", |check| check.sizes.as_str());
    let drawn = checks.first().map_or(&[][..], |check| &check.drawn);
    let drawn = match drawn {
        [] => String::new(),
        names => format!(" Drawn at random: {}.", names.join(", ")),
    };
    let mut document = Document::new("Check").paragraph(format!(
        "Each gradient beside central differences of the program, at the numbers given, with {sizes}.{drawn}"
    ));
    document.blocks.push(Block::Table(results));
    if !wrong.is_empty() {
        document.blocks.push(Block::List(wrong));
    }
    document
}
