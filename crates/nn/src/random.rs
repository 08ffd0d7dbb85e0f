//! The crate's only source of random numbers. Must never read the clock or the system's entropy:
//! a seed alone decides every number, on every platform.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// What random numbers are drawn for. Each purpose has its own stream, so that one seed serves a
/// whole training run and drawing more for one purpose changes nothing for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Which samples are held out.
    Split,
    /// The first values of the parameters.
    Initial,
    /// The order of the samples in one epoch.
    Order {
        /// The epoch, counted from zero.
        epoch: u32,
    },
}

/// The generator for one seed and purpose.
pub(crate) fn generator(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(match purpose {
        Purpose::Split => 0,
        Purpose::Initial => 1,
        Purpose::Order { epoch } => (1 << 32) | u64::from(epoch),
    });
    generator
}
