//! Backprove's backprove.
