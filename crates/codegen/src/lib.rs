//! Backprove's codegen.
