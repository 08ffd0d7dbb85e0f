//! Formulas and derivations as LaTeX, Unicode text, MathML, and whole documents.
//!
//! ```
//! use backprove_typeset::formula::{Formula, Operator};
//! use backprove_typeset::{latex, mathml, unicode};
//!
//! let [i, j, p] = ["i", "j", "p"].map(Formula::name);
//! let x = Formula::name("X").indexed([i.clone(), p.clone()]);
//! let w = Formula::name("W").indexed([j.clone(), p.clone()]);
//! let b = Formula::name("b").indexed([j]);
//! let sum = Formula::sum_over([p], Formula::product([x, w]));
//! let right = sum.infix(Operator::Plus, b);
//! assert_eq!(unicode::formula(&right), "Σₚ Xᵢₚ Wⱼₚ + bⱼ");
//! assert_eq!(latex::formula(&right), r"\sum_{p} X_{ip} W_{jp} + b_{j}");
//! assert!(mathml::inline(&right).starts_with("<math>"));
//! ```
//!
//! [`formula`] is the neutral tree. Every decision about meaning, letters and parentheses is made
//! when it is built, in [`compose`]; [`latex`], [`unicode`] and [`mathml`] know only layout.
//! [`document`] puts formulas, equations and prose on a page.

pub mod compose;
pub mod document;
pub mod equation;
pub mod formula;
pub mod inline;
pub mod latex;
pub mod mathml;
pub mod unicode;

mod name;
mod operator;
mod spacing;
