//! Backprove's engine: programs are lowered to plans, and plans run at the speed of the hardware.
//!
//! A plan is made once for given sizes and precision. It knows every matrix product and every loop, has all
//! its memory, and allocates nothing while it runs. The same inputs give the same bytes on any number of threads.
//! This crate must never derive anything: what it runs is what the calculus wrote.

mod apply;
mod block;
mod contract;
mod error;
mod fuse;
mod inspect;
mod kernels;
mod layout;
mod lower;
mod memory;
mod nest;
mod packing;
mod partial;
mod plan;
mod printed;
mod product;
mod schedule;
mod share;
mod stabilise;
mod term;
mod timing;

/// The vector functions that plans are made of, by themselves and at each level of instruction sets.
pub mod functions {
    pub use crate::kernels::elementwise::Level;
    pub use crate::kernels::functions::apply;
    pub use crate::term::Unary as Function;
}

pub use error::Error;
pub use inspect::{
    ArenaReport, ArrayReport, GroupReport, KernelKind, KernelReport, Report, Role, StageReport,
};
pub use kernels::real::Real;
pub use plan::Plan;
pub use timing::{Peak, Timing};
