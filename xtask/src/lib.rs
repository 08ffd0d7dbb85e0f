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

/// The rivals' versions as tables name them, each with the word by which figures and notes speak of it.
pub const VERSIONS: [(&str, &str); 8] = [
    ("torch", "PyTorch 2.8.0"),
    ("jax", "JAX 0.7.2"),
    ("numpy", "NumPy 2.3.5"),
    ("scikit-learn", "scikit-learn 1.9.1"),
    ("sympy", "SymPy 1.14.0"),
    ("tensorgrad", "tensorgrad 0.3.0"),
    ("candle", "Candle 0.11.1"),
    ("burn", "Burn 0.21.0"),
];
