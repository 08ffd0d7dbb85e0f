//! The calculus of Backprove: index notation, derivative rules, derivations, matrix form, checks.
//!
//! All mathematics happens here. This crate must never print for a person (that is `typeset`) and
//! never run at speed (that is `engine`).

pub mod affine;
pub mod candidates;
pub mod canonical;
pub mod check;
pub mod derivation;
pub mod elaborate;
pub mod expr;
pub mod functions;
pub mod index;
pub mod library;
pub mod matrix;
pub mod notation;
pub mod number;
pub mod operations;
pub mod operator;
pub mod program;
pub mod reference;
pub mod rules;
pub mod sample;
pub mod shape;
pub mod size;
pub mod subscripts;
pub mod tensor;

pub use derivation::{
    Chain, Contribution, Derivation, Derivative, Forward, Gradient, Order, Outcome, Partial, Step,
};
pub use elaborate::{
    Elaborated, Value, elaborate, elaborate_definition, elaborate_expression, elaborate_text,
};
pub use expr::{Callee, Expr, Fact, FunctionName, Node, Operand, Reduction, Tensor};
pub use functions::{Function, MatrixFunction};
pub use index::{Dim, Index};
pub use number::Number;
pub use program::{Equation, Program};
pub use rules::{Level, Rule, Scope};
