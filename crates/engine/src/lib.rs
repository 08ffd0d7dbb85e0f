//! Backprove's engine.
