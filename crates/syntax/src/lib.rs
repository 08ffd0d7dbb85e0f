//! The language of Backprove: text in, spanned tree and diagnostics out.
//!
//! This crate knows how programs are *written*. It must never know what they mean: shapes,
//! functions and derivatives belong to `backprove-calculus`.
//!
//! ```
//! use backprove_syntax::{format_program, parse};
//!
//! let parsed = parse("X[S,M]; W[N,M]; b[N]\nY = (X @ W.T) + b");
//! assert_eq!(parsed.diagnostics, []);
//! assert_eq!(
//!     format_program(&parsed.program),
//!     "X[S, M]\nW[N, M]\nb[N]\nY = X @ W.T + b\n"
//! );
//! ```

pub mod diagnostic;
pub mod source;
pub mod tree;

mod brackets;
mod format;
mod lexer;
mod parser;
mod spanless;
mod token;

pub use diagnostic::{Diagnostic, Edit, Help, Label};
pub use format::{format_expression, format_program, format_statement};
pub use parser::{Claim, Parsed, parse, parse_after, parse_claim, parse_expression};
pub use source::Span;
