//! The language of Backprove: text in, spanned tree and diagnostics out.
//!
//! This crate knows how programs are *written*. It must never know what they mean: shapes,
//! functions and derivatives belong to `backprove-calculus`.

pub mod diagnostic;
pub mod source;
pub mod tree;

pub use diagnostic::{Diagnostic, Edit, Help, Label};
pub use source::Span;
