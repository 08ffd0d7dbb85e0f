//! What the project's tests, chores and benchmarks share. Nothing that is shipped depends on it.

pub mod accuracy;
pub mod plot;
pub mod python;
pub mod report;
pub mod rival;
pub mod statistics;
pub mod turns;

/// The rivals' packages of Python, pinned: figures are compared between runs.
pub const PACKAGES: [&str; 6] = [
    "torch==2.8.0",
    "jax==0.7.2",
    "numpy==2.3.5",
    "scikit-learn==1.9.1",
    "sympy==1.14.0",
    "tensorgrad==0.3.0",
];

/// The rivals, and their versions, as tables name them.
pub const VERSIONS: [&str; 6] = [
    "PyTorch 2.8.0",
    "JAX 0.7.2",
    "NumPy 2.3.5",
    "scikit-learn 1.9.1",
    "Candle 0.11.1",
    "Burn 0.21.0",
];
