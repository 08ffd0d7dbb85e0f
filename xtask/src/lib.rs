//! What the project's tests and chores share. Nothing that is shipped depends on it.

pub mod accuracy;
pub mod python;
