//! Plans compared with the calculus' plain evaluator, in both precisions.

mod inspect;
mod large;
mod matrices;
mod oracle;
mod random;
mod reference;
mod rows;
mod second;
mod stability;
mod tiles;
