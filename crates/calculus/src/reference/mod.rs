//! The oracle: a plain evaluator with loops over small arrays, in double precision or in a prime field.
//!
//! It knows nothing of rules, derivations or matrix forms, so that it can judge them. A derivative is
//! worked out by central differences in double precision and by dual numbers in the field. It must
//! never be made fast at the price of being plain; running at speed is the engine's task.

mod array;
mod dense;
mod dual;
mod eliminate;
mod environment;
mod field;
mod form;
mod run;
mod scalar;

pub use array::Array;
pub use environment::{Differentiation, Environment, Sizes};
pub use field::Field;
pub use scalar::Scalar;

pub(crate) use run::{Differences, STEP};
pub(crate) use scalar::{identity, mix};

use std::fmt;

use crate::expr::Expr;
use crate::index::Index;
use crate::program::Equation;

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

impl fmt::Display for Unevaluated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "`{name}` has no value"),
            Self::Unsupported(what) => write!(f, "{what} cannot be evaluated"),
            Self::Undefined => f.write_str("not defined or not smooth at any point tried"),
        }
    }
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

/// Equations made ready to be worked out many times at different values of their inputs.
#[derive(Debug)]
pub struct Prepared<T> {
    forms: Vec<(form::Form<T>, usize)>,
}

impl<T: Scalar> Prepared<T> {
    /// Prepares `equations`, in order. The environment must have values for all names, those defined included.
    pub fn new<'a>(
        equations: impl IntoIterator<Item = &'a Equation>,
        environment: &Environment<T>,
    ) -> Result<Self, Unevaluated> {
        let prepare = |equation: &Equation| {
            let name = equation.target.name();
            let position = environment.position(name);
            let position = position.ok_or_else(|| Unevaluated::Unknown(name.to_owned()))?;
            let form = form::Form::new(&equation.body, &equation.indices, environment)?;
            Ok((form, position))
        };
        let forms = equations
            .into_iter()
            .map(prepare)
            .collect::<Result<_, _>>()?;
        Ok(Self { forms })
    }

    /// Works the equations out. The environment must have the names and shapes of the one they were prepared for.
    pub fn run(&self, environment: &mut Environment<T>) -> Result<(), Unevaluated> {
        for (form, position) in &self.forms {
            let array = run::Run::new(form, environment).everywhere()?;
            environment.replace(*position, array);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
