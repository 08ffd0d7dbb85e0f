//! The vector functions by themselves, at each level that the machine has. Nothing here computes: it hands slices
//! to the same kernels that plans run.

use super::elementwise::Level;
use super::real::Real;
use crate::block::Operation;
use crate::term::Unary;

/// Writes the function of each element of `from` to `to`, as far as both reach. A level that the machine has not is
/// replaced by the best that it has.
///
/// ```
/// use backprove_engine::functions::{Function, Level, apply};
///
/// let mut powers = [0.0_f32; 3];
/// apply(Function::Exp, Level::detect(), &[0.0, -200.0, 200.0], &mut powers);
/// assert_eq!(powers, [1.0, 0.0, f32::INFINITY]);
/// ```
pub fn apply<T: Real>(function: Unary, level: Level, from: &[T], to: &mut [T]) {
    let level = level.min(Level::detect());
    let count = from.len().min(to.len());
    if let Some(kernel) = T::kernel_at(level, Operation::Unary(function), [false; 3]) {
        let from = from.as_ptr();
        // SAFETY: both slices hold so many elements and do not overlap; the machine has the level.
        unsafe { kernel(from, from, from, to.as_mut_ptr(), count) };
    }
}
