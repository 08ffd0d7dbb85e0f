//! Backprove's typeset.
