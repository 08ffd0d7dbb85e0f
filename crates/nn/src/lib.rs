//! Data, metrics, first values and training for networks that are programs.
//!
//! ```
//! use backprove_nn::data::{BatchOrder, Scaler, digits, stratified_split};
//! use backprove_nn::metrics::Confusion;
//!
//! let mut split = stratified_split(&digits()?, 0.2, 42)?;
//! let scaler = Scaler::fitting(&split.train);
//! scaler.apply(&mut split.train)?;
//! scaler.apply(&mut split.held_out)?;
//!
//! let mut order = BatchOrder::new(split.train.len(), 128, 42)?;
//! order.shuffle(0);
//! let (mut features, mut labels) = (vec![0.0; 128 * 64], vec![0; 128]);
//! if let Some(batch) = order.batches().next() {
//!     split.train.gather(batch, &mut features, &mut labels)?;
//! }
//!
//! let always_three = vec![3; split.held_out.len()];
//! let confusion = Confusion::new(10, split.held_out.labels(), &always_three)?;
//! assert!((0.09..0.12).contains(&confusion.accuracy()));
//! # Ok::<(), backprove_nn::Error>(())
//! ```

mod error;
mod random;

pub mod checkpoint;
pub mod data;
pub mod evaluation;
pub mod files;
pub mod init;
pub mod metrics;
pub mod model;
pub mod module;
pub mod network;
pub mod optim;
pub mod parameters;
pub mod plot;
pub mod record;
pub mod train;

pub use error::Error;
