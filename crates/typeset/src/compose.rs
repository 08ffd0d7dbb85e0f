//! From mathematics to formulas. Every decision about letters, order, signs and parentheses is
//! made here; nothing here may change what an expression means, and nothing here prints.

pub mod index;
pub mod letters;
pub mod matrix;
pub mod shapes;

mod notation;
mod piece;

pub use letters::Letters;
pub use matrix::Scope;

use backprove_calculus::{Tensor, expr::Cotangent};

use crate::formula::Formula;

/// A tensor by its name: a cotangent as `∂L/∂Y`.
pub fn tensor(tensor: &Tensor) -> Formula {
    tensor
        .cotangent()
        .map_or_else(|| Formula::name(tensor.name()), cotangent)
}

/// `∂L/∂Y`.
fn cotangent(cotangent: &Cotangent) -> Formula {
    Formula::partial(
        &Formula::name(&cotangent.loss),
        &Formula::name(&cotangent.of),
    )
}
