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

use backprove_calculus::Tensor;

use crate::formula::{Formula, Operator};

/// A tensor by its name: a cotangent as `∂L/∂Y`, a Jacobian as `∂Y/∂X`, a Hessian as `∂²L/∂X∂X`.
pub fn tensor(tensor: &Tensor) -> Formula {
    Derived::of(tensor).map_or_else(
        || Formula::name(tensor.name()),
        |derived| {
            let by = derived.by.iter().map(|(name, _)| Formula::name(name));
            derivative(&Formula::name(derived.root.0), &by.collect::<Vec<_>>())
        },
    )
}

/// What a tensor is the derivative of, and by what.
struct Derived<'a> {
    /// The name and the rank of what is differentiated.
    root: (&'a str, usize),
    /// The names and the ranks of the variables, in the order of their axes.
    by: Vec<(&'a str, usize)>,
}

impl<'a> Derived<'a> {
    fn of(tensor: &'a Tensor) -> Option<Self> {
        if let Some(cotangent) = tensor.cotangent() {
            return Some(Self {
                root: (&cotangent.loss, 0),
                by: vec![(&cotangent.of, tensor.rank())],
            });
        }
        let (of, by) = tensor.partial()?;
        let mut derived = Self::of(of).unwrap_or_else(|| Self {
            root: (of.name(), of.rank()),
            by: Vec::new(),
        });
        derived.by.push((by.name(), by.rank()));
        Some(derived)
    }
}

/// `∂of/∂by`, `∂²of/∂a∂b` and so on.
fn derivative(of: &Formula, by: &[Formula]) -> Formula {
    if let [only] = by {
        return Formula::partial(of, only);
    }
    let order = Formula::number(by.len().to_string());
    let above = [
        Formula::Operator(Operator::Partial).superscript(order),
        of.clone(),
    ];
    let below = by.iter().cloned().map(Formula::partial_of);
    Formula::row(above).over(Formula::row(below))
}
