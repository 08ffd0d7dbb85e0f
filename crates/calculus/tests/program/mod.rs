//! Programs from their texts. Test support only.

use backprove_calculus::{Program, elaborate};

/// The program that `text` writes down; nothing in it may be wrong.
pub(crate) fn program(text: &str) -> Program {
    let parsed = backprove_syntax::parse(text);
    assert_eq!(parsed.diagnostics, [], "{text}");
    let elaborated = elaborate(&parsed.program);
    assert_eq!(elaborated.diagnostics, [], "{text}");
    elaborated.program
}
