//! Backprove's nn.
