//! The calculus.
