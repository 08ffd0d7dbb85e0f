//! The elaborator from the outside: values against plain loops, diagnostics, programs, and any text at all.

mod any_text;
mod diagnostics;
mod programs;
mod values;

use backprove_calculus::Elaborated;

/// A text parsed without complaints and elaborated.
fn elaborated(text: &str) -> Elaborated {
    let parsed = backprove_syntax::parse(text);
    assert_eq!(parsed.diagnostics, [], "{text}");
    backprove_calculus::elaborate(&parsed.program)
}

/// A text elaborated without complaints.
fn accepted(text: &str) -> backprove_calculus::Program {
    let elaborated = elaborated(text);
    assert_eq!(elaborated.diagnostics, [], "{text}");
    elaborated.program
}
