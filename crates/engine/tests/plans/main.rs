//! Plans compared with the calculus' plain evaluator, in both precisions.

mod oracle;
mod random;
mod reference;
mod stability;
