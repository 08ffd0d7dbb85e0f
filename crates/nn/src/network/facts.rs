//! Facts on parameters, which a derivation would use and no step of training keeps. Must never weaken a derivation: a
//! parameter is plain, and the definitions say what is made of it.

use backprove_calculus::{Fact, Tensor};
use backprove_syntax::tree::{self, Statement};
use backprove_syntax::{Diagnostic, parse};

use crate::Error;

/// Refuses a parameter with a fact that its first values lack and its updates do not keep.
pub(super) fn check(text: &str, parameter: &Tensor) -> Result<(), Error> {
    let name = parameter.name();
    let Some((word, instead)) = parameter
        .facts()
        .iter()
        .find_map(|fact| replacement(fact, parameter))
    else {
        return Ok(());
    };
    let dims: Vec<String> = parameter.dims().iter().map(ToString::to_string).collect();
    let message = format!(
        "the parameter `{name}` is declared {word}, but its first values are not, and no step of training keeps it so"
    );
    let mut diagnostic = Diagnostic::error("fact-not-trained", message);
    if let Some(declaration) = declaration(text, name) {
        diagnostic = diagnostic.label(declaration.span, "trained as a plain tensor");
    }
    let dims = if word == "diagonal" {
        &dims[..1]
    } else {
        &dims[..]
    };
    Err(Error::program(
        text,
        diagnostic.help(format!(
            "declare `{name}[{}]`, and write `{instead}` for `{name}` in the definitions",
            dims.join(", ")
        )),
    ))
}

/// A fact in words, and an expression in a plain tensor that has it; nothing for what no derivation relies on, and for
/// what holds of almost every matrix.
fn replacement(fact: &Fact, tensor: &Tensor) -> Option<(&'static str, String)> {
    let w = tensor.name();
    let n = tensor.dims().first().map(ToString::to_string);
    let n = n.unwrap_or_default();
    let last = tensor.rank().saturating_sub(1);
    Some(match fact {
        Fact::Symmetric => ("symmetric", format!("({w} + {w}.T) / 2")),
        Fact::PositiveDefinite => (
            "positive definite",
            format!("({w} @ {w}.T + 0.001 * eye({n}))"),
        ),
        Fact::Diagonal => ("diagonal", format!("diag({w})")),
        // Cayley's transform of a skew-symmetric matrix is orthogonal.
        Fact::Orthogonal => (
            "orthogonal",
            format!("(inv(eye({n}) + {w} - {w}.T) @ (eye({n}) - {w} + {w}.T))"),
        ),
        Fact::Lower => ("lower triangular", format!("tril({w})")),
        Fact::Positive => ("positive", format!("exp({w})")),
        Fact::Unit => ("between 0 and 1", format!("sigmoid({w})")),
        Fact::Signs => ("of signs", format!("tanh({w})")),
        Fact::Probability => ("as probabilities", format!("softmax({w}, axis={last})")),
        Fact::OneHot => ("one-hot", format!("softmax({w}, axis={last})")),
        Fact::Invertible | Fact::Labels(_) | Fact::Constant | Fact::Small | Fact::Large => {
            return None;
        }
    })
}

/// Where a tensor is declared.
fn declaration(text: &str, name: &str) -> Option<tree::Declaration> {
    let statements = parse(text).program.statements.into_iter();
    statements
        .filter_map(|statement| match statement {
            Statement::Declaration(declaration) => Some(declaration),
            _ => None,
        })
        .find(|declaration| declaration.name.text == name)
}
