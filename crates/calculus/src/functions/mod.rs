//! The tables of functions: element-wise ones here below, those of a whole matrix in `linalg`. Each function is declared once, here below, and everything
//! else reads the table: the elaborator, the rules, the renderers, the emitters, the engine, the tests.
//!
//! A *primitive* has a value and a derivative written in the product's own language. A *defined*
//! function has only its definition; the derivative of a composite is never typed.

mod activations;
mod elementwise;
mod fold;
mod linalg;
mod meaning;
mod relations;
mod trigonometric;

use std::fmt;
use std::hash::{Hash, Hasher};

pub use fold::fold;
pub use linalg::{
    MatrixDomain, MatrixFunction, MatrixNotation, MatrixValue, Transposition, matrices, matrix,
};
pub(crate) use meaning::parsed;
pub use meaning::{derivative, expand, expand_stable, scalar};

/// A scalar function that is applied element by element.
pub struct Function {
    /// The name in the language.
    pub name: &'static str,
    /// One sentence for readers; where it has a kink or jumps, a second one with the convention there.
    pub prose: &'static str,
    /// The names of its arguments, as `body` mentions them.
    pub arguments: &'static [&'static str],
    /// What it is.
    pub body: Body,
    /// Equal expressions in the language, in terms of the arguments, that are read as this function.
    pub forms: &'static [&'static str],
    /// Where it is defined and smooth, for sampling: one entry an argument.
    pub domain: &'static [Domain],
    /// How it is written in mathematics.
    pub notation: Notation,
    /// How it is written in other languages; `{0}` and `{1}` stand for the arguments.
    pub spellings: Spellings,
}

/// The meaning of a function.
pub enum Body {
    /// A value and its partial derivatives.
    Primitive {
        /// The value in double precision.
        value: fn(&[f64]) -> f64,
        /// One expression in the language for each argument; it may mention the arguments and the
        /// result, `y`. `None`: not differentiable in that argument.
        derivatives: &'static [Option<&'static str>],
    },
    /// A definition in the language, in terms of the arguments.
    Defined {
        /// The definition as a reader knows it.
        definition: &'static str,
        /// An equal form that is stable in floating point.
        stable: Option<&'static str>,
    },
}

/// Where an argument may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Any real number.
    Real,
    /// Above zero.
    Positive,
    /// Between minus one and one, both excluded.
    Unit,
    /// Above minus one.
    AboveMinusOne,
}

/// How a function is written in mathematics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// `name(x)`.
    Name,
    /// A letter instead of the name, such as σ.
    Letter(&'static str),
    /// `e^x`.
    Exponential,
    /// `√x`.
    Root,
    /// `|x|`.
    Bars,
    /// An infix relation, such as `>`.
    Relation(&'static str),
    /// `where(c, a, b)`, in mathematics by cases.
    Cases,
}

/// Spellings in the targets of code generation. Empty: the target has no such function and the
/// definition is written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spellings {
    /// NumPy (or SciPy's special functions, written `special.…`).
    pub numpy: &'static str,
    /// PyTorch.
    pub torch: &'static str,
    /// JAX.
    pub jax: &'static str,
    /// Rust, on `f64` values.
    pub rust: &'static str,
}

/// The whole table in the order of declaration.
pub fn table() -> impl Iterator<Item = &'static Function> {
    let groups = [
        elementwise::TABLE,
        trigonometric::TABLE,
        relations::TABLE,
        activations::TABLE,
    ];
    groups.into_iter().flatten()
}

/// The function called `name`.
pub fn find(name: &str) -> Option<&'static Function> {
    table().find(|function| function.name == name)
}

impl Function {
    /// What its derivative is taken as where it has none: the second sentence of the prose.
    pub fn convention(&self) -> Option<&'static str> {
        self.prose
            .split_once(". ")
            .map(|(_, convention)| convention)
    }

    /// Whether a derivative of it is written in terms of its result, `y`.
    pub fn mentions_result(&self) -> bool {
        let Body::Primitive { derivatives, .. } = self.body else {
            return false;
        };
        let names = |text: &str| {
            text.split(|character: char| !character.is_alphanumeric() && character != '_')
                .any(|word| word == "y")
        };
        derivatives.iter().flatten().any(|text| names(text))
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests;
