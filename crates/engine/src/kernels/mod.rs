//! The kernels: the only place with `unsafe` code or vector instructions. A kernel gets addresses and
//! strides that a plan has laid out; it never decides what to compute.

#![allow(
    unsafe_code,
    reason = "kernels work on parts of one arena that several threads write at once"
)]

#[macro_use]
mod levels;

mod aligned;
pub(crate) mod dense;
pub(crate) mod elementwise;
pub(crate) mod functions;
mod lanes;
pub(crate) mod loops;
mod packed;
pub(crate) mod peak;
pub(crate) mod pool;
pub(crate) mod product;
mod program;
pub(crate) mod real;
mod reductions;
pub(crate) mod run;
mod small;
mod special;
mod stream;
mod traffic;
mod transpose;
