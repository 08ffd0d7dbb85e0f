//! The calculus of Backprove: index notation, derivative rules, derivations, matrix form, checks.
//!
//! All mathematics happens here. This crate must never print for a person (that is `typeset`) and
//! never run at speed (that is `engine`).

pub mod expr;
pub mod functions;
pub mod index;
pub mod number;
pub mod program;
pub mod reference;

pub use expr::{Callee, Expr, Fact, FunctionName, Node, Reduction, Tensor};
pub use functions::Function;
pub use index::{Dim, Index};
pub use number::Number;
pub use program::{Equation, Program};
