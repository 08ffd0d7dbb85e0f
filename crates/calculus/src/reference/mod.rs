//! The oracle: a plain evaluator with loops over small arrays, in double precision or in a prime field.
//!
//! It knows nothing of rules, derivations or matrix forms, so that it can judge them. A derivative is
//! worked out by central differences in double precision and by dual numbers in the field. It must
//! never be made fast at the price of being plain; running at speed is the engine's task.

mod array;
mod dual;
mod environment;
mod field;
mod form;
mod run;
mod scalar;

pub use array::Array;
pub use environment::{Differentiation, Environment, Sizes};
pub use field::Field;
pub use scalar::Scalar;

use crate::expr::Expr;
use crate::index::Index;

/// Why an expression has no value here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unevaluated {
    /// The environment lacks a tensor, a size or an index.
    Unknown(String),
    /// This kind of number cannot express it; another may.
    Unsupported(&'static str),
    /// Not defined, not finite or not smooth at this point; at another it may be.
    Undefined,
}

/// The value of `expr` with its free indices at the given positions.
///
/// ```
/// use backprove_calculus::expr::{Expr, Tensor};
/// use backprove_calculus::index::Dim;
/// use backprove_calculus::reference::{Array, Environment, Sizes, evaluate};
///
/// let x = Tensor::new("x", vec![Dim::symbol("N")]);
/// let i = x.indices(&["i"]);
/// let mut environment = Environment::new(Sizes::new([("N", 3)]), 0);
/// environment.set(&x, Array::new(vec![3], vec![1.0, 2.0, 4.0]));
/// let sum = Expr::sum(&i, Expr::access(&x, &i));
/// assert_eq!(evaluate(&sum, &[], &environment), Ok(7.0));
/// ```
pub fn evaluate<T: Scalar>(
    expr: &Expr,
    at: &[(Index, usize)],
    environment: &Environment<T>,
) -> Result<T, Unevaluated> {
    let (indices, positions): (Vec<Index>, Vec<usize>) = at.iter().cloned().unzip();
    let form = form::Form::new(expr, &indices, environment)?;
    run::Run::new(&form, environment).at(&positions)
}

/// The values of `expr` for all positions of `indices`, in row-major order.
pub fn evaluate_tensor<T: Scalar>(
    expr: &Expr,
    indices: &[Index],
    environment: &Environment<T>,
) -> Result<Array<T>, Unevaluated> {
    let form = form::Form::new(expr, indices, environment)?;
    run::Run::new(&form, environment).everywhere()
}

/// Works out all equations of the environment's program in order and keeps their values.
pub fn evaluate_program<T: Scalar>(environment: &mut Environment<T>) -> Result<(), Unevaluated> {
    let Some(program) = environment.program() else {
        return Ok(());
    };
    for equation in &program.equations {
        let array = evaluate_tensor(&equation.body, &equation.indices, environment)?;
        environment.set(&equation.target, array);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
