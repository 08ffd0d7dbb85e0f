//! Gradients that respect what a matrix was declared to be. The gradient itself takes every element as free; what
//! stands here is worked out from it and never replaces it.

use backprove_syntax::parse_expression;
use backprove_syntax::tree::Expression;

use super::Derivation;
use crate::canonical;
use crate::expr::{Fact, Operand};

/// The gradient by a matrix of a declared kind, among matrices of that kind.
#[derive(Debug, Clone)]
pub struct Constrained {
    /// What was declared.
    pub fact: Fact,
    /// The gradient in matrix notation, in terms of the one that takes every element as free.
    pub matrix: Expression,
    /// A word for it, which readers see beside the gradient's name.
    pub name: &'static str,
    /// How it is to be read: a sentence for readers.
    pub convention: &'static str,
}

/// How a gradient is written where an element of a symmetric matrix and its mirror image vary together.
const SYMMETRIC: &str =
    "An element off the diagonal and its mirror image vary together and count as one variable.";

/// The kinds that change the gradient: a word, the form, in which `{g}` is the gradient, `{x}` the matrix and `{n}` its size, and
/// how that is to be read.
const KINDS: &[(Fact, &str, &str, &str)] = &[
    (
        Fact::Diagonal,
        "diagonal",
        "{g} * eye({n})",
        "Only the elements on the diagonal vary.",
    ),
    (
        Fact::PositiveDefinite,
        "symmetric",
        "{g} + {g}.T - {g} * eye({n})",
        SYMMETRIC,
    ),
    (
        Fact::Symmetric,
        "symmetric",
        "{g} + {g}.T - {g} * eye({n})",
        SYMMETRIC,
    ),
    (
        Fact::Lower,
        "lower",
        "tril({g})",
        "Only the elements on and below the diagonal vary.",
    ),
    // The gradient less its part along the normal space (Edelman, Arias and Smith 1998, section 2.2.1).
    (
        Fact::Orthogonal,
        "tangent",
        "({g} - {x} @ {g}.T @ {x}) / 2",
        "The projection on the tangent space of the orthogonal matrices.",
    ),
];

/// The gradient of `derivation` among matrices of the declared kind, if its variable is of one.
pub(super) fn of(derivation: &Derivation) -> Option<Constrained> {
    let variable = &derivation.variable;
    let declared = |fact: &Fact| variable.facts().contains(fact);
    let (fact, name, form, convention) = KINDS.iter().find(|(fact, ..)| declared(fact))?;
    let [rows, columns] = &derivation.indices[..] else {
        return None;
    };
    let operand = Operand {
        rows: rows.clone(),
        columns: columns.clone(),
        body: derivation.result().clone(),
    };
    let form = if *convention == SYMMETRIC && canonical::is_symmetric(&operand) {
        "2 * {g} - {g} * eye({n})"
    } else {
        form
    };
    let text = form
        .replace("{g}", derivation.gradient.name())
        .replace("{x}", variable.name())
        .replace("{n}", &rows.extent().to_string());
    Some(Constrained {
        fact: fact.clone(),
        name,
        matrix: parse_expression(&text).0?,
        convention,
    })
}
