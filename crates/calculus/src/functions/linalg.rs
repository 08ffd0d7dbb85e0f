//! The dense functions of a square matrix: inverse, determinant and their kin. Only declarations belong here.
//!
//! A derivative is written in differential form in the product's own language: it may mention the matrix `A`, its
//! differential `dA` and the result `y`. Everything else reads this table: the elaborator, the rules, the evaluator,
//! the renderers, the emitters.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::Spellings;

/// A function of a whole square matrix.
///
/// ```
/// use backprove_calculus::functions::matrix;
/// let inverse = matrix("inv").unwrap();
/// assert_eq!(inverse.differential, "-y @ dA @ y");
/// assert_eq!(inverse.rank, 2);
/// ```
pub struct MatrixFunction {
    /// The name in the language.
    pub name: &'static str,
    /// What it is called within a sentence, such as "the inverse".
    pub title: &'static str,
    /// One sentence or two for readers.
    pub prose: &'static str,
    /// The rank of the result: 0 for a number, 2 for a matrix of the argument's shape.
    pub rank: usize,
    /// What is computed.
    pub value: MatrixValue,
    /// The derivative in differential form, in terms of `A`, `dA` and `y`.
    pub differential: &'static str,
    /// Where it is defined and smooth.
    pub domain: MatrixDomain,
    /// What becomes of it when its argument is transposed.
    pub transposition: Transposition,
    /// How it is written in mathematics.
    pub notation: MatrixNotation,
    /// How it is written in other languages; `{0}` stands for the argument. Empty: the target has no such function.
    pub spellings: Spellings,
}

/// What a function of a matrix computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatrixValue {
    /// The inverse, by elimination.
    Inverse,
    /// The determinant, by elimination.
    Determinant,
    /// The logarithm of the determinant's magnitude.
    LogDeterminant,
    /// The sign of the determinant.
    SignDeterminant,
    /// The lower triangular factor of the symmetric part.
    Cholesky,
    /// The matrix with zeros above the diagonal.
    LowerPart,
    /// The matrix with zeros above the diagonal and half of what stands on it.
    HalfLowerPart,
}

/// For which matrices a function is defined and smooth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatrixDomain {
    /// All of them.
    Any,
    /// Those that have an inverse.
    Invertible,
    /// Those whose symmetric part is positive definite.
    PositiveDefinite,
}

/// What becomes of a function when its argument is transposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transposition {
    /// The same number.
    Unchanged,
    /// The transposed matrix.
    Transposed,
    /// The same matrix.
    Symmetrising,
    /// Something else.
    Unrelated,
}

/// How a function of a matrix is written in mathematics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatrixNotation {
    /// `A⁻¹`.
    Inverse,
    /// A word before the matrix, such as `det(A)`.
    Name(&'static str),
    /// A word before the determinant's magnitude: `log |det(A)|`.
    OfMagnitude(&'static str),
    /// A word before the determinant: `sign(det(A))`.
    OfDeterminant(&'static str),
}

/// All functions of a matrix.
static TABLE: &[MatrixFunction] = &[
    MatrixFunction {
        name: "inv",
        title: "the inverse",
        prose: "The inverse of a square matrix.",
        rank: 2,
        value: MatrixValue::Inverse,
        differential: "-y @ dA @ y",
        domain: MatrixDomain::Invertible,
        transposition: Transposition::Transposed,
        notation: MatrixNotation::Inverse,
        spellings: Spellings {
            numpy: "np.linalg.inv({0})",
            torch: "torch.linalg.inv({0})",
            jax: "jnp.linalg.inv({0})",
            rust: "",
        },
    },
    // Jacobi's formula; the inverse stands for the adjugate, so that the derivative is taken where there is one.
    MatrixFunction {
        name: "det",
        title: "the determinant",
        prose: "The determinant of a square matrix. Its derivative is written with the inverse and holds where there is one.",
        rank: 0,
        value: MatrixValue::Determinant,
        differential: "y * trace(inv(A) @ dA)",
        domain: MatrixDomain::Invertible,
        transposition: Transposition::Unchanged,
        notation: MatrixNotation::Name("det"),
        spellings: Spellings {
            numpy: "np.linalg.det({0})",
            torch: "torch.linalg.det({0})",
            jax: "jnp.linalg.det({0})",
            rust: "",
        },
    },
    MatrixFunction {
        name: "logdet",
        title: "the log-determinant",
        prose: "The natural logarithm of the determinant's magnitude, as the second result of NumPy's `slogdet`.",
        rank: 0,
        value: MatrixValue::LogDeterminant,
        differential: "trace(inv(A) @ dA)",
        domain: MatrixDomain::Invertible,
        transposition: Transposition::Unchanged,
        notation: MatrixNotation::OfMagnitude("log"),
        spellings: Spellings {
            numpy: "np.linalg.slogdet({0})[1]",
            torch: "torch.linalg.slogdet({0})[1]",
            jax: "jnp.linalg.slogdet({0})[1]",
            rust: "",
        },
    },
    MatrixFunction {
        name: "signdet",
        title: "the sign of the determinant",
        prose: "The sign of the determinant, as the first result of NumPy's `slogdet`. Its derivative is zero where there is an inverse.",
        rank: 0,
        value: MatrixValue::SignDeterminant,
        differential: "0",
        domain: MatrixDomain::Invertible,
        transposition: Transposition::Unchanged,
        notation: MatrixNotation::OfDeterminant("sign"),
        spellings: Spellings {
            numpy: "np.linalg.slogdet({0})[0]",
            torch: "torch.linalg.slogdet({0})[0]",
            jax: "jnp.linalg.slogdet({0})[0]",
            rust: "",
        },
    },
    // The factor of the symmetric part, as JAX has it: perturbations that are not symmetric count by their symmetric part
    // (I. Murray, "Differentiation of the Cholesky decomposition", 2016, section 3.1).
    MatrixFunction {
        name: "cholesky",
        title: "the Cholesky factor",
        prose: "The lower triangular factor of (A + A.T) / 2, which must be positive definite. Of a matrix that is not symmetric \
            only the symmetric part counts, as in JAX; NumPy and PyTorch read the lower triangle alone, which is the same for a symmetric matrix.",
        rank: 2,
        value: MatrixValue::Cholesky,
        differential: "y @ half_tril(inv(y) @ ((dA + dA.T) / 2) @ inv(y).T)",
        domain: MatrixDomain::PositiveDefinite,
        transposition: Transposition::Symmetrising,
        notation: MatrixNotation::Name("chol"),
        spellings: Spellings {
            numpy: "np.linalg.cholesky(({0} + np.swapaxes({0}, -1, -2)) / 2)",
            torch: "torch.linalg.cholesky(({0} + {0}.mT) / 2)",
            jax: "jnp.linalg.cholesky({0})",
            rust: "",
        },
    },
    MatrixFunction {
        name: "tril",
        title: "the lower triangle",
        prose: "The matrix with zeros above the diagonal.",
        rank: 2,
        value: MatrixValue::LowerPart,
        differential: "tril(dA)",
        domain: MatrixDomain::Any,
        transposition: Transposition::Unrelated,
        notation: MatrixNotation::Name("tril"),
        spellings: Spellings {
            numpy: "np.tril({0})",
            torch: "torch.tril({0})",
            jax: "jnp.tril({0})",
            rust: "",
        },
    },
    MatrixFunction {
        name: "half_tril",
        title: "the lower triangle with half the diagonal",
        prose: "The matrix with zeros above the diagonal and half of what stands on it: the lower triangular part of a symmetric \
            matrix that, with its transpose, gives the matrix back.",
        rank: 2,
        value: MatrixValue::HalfLowerPart,
        differential: "half_tril(dA)",
        domain: MatrixDomain::Any,
        transposition: Transposition::Unrelated,
        notation: MatrixNotation::Name("Φ"),
        spellings: Spellings {
            numpy: "((np.tril({0}) + np.tril({0}, -1)) / 2)",
            torch: "((torch.tril({0}) + torch.tril({0}, -1)) / 2)",
            jax: "((jnp.tril({0}) + jnp.tril({0}, -1)) / 2)",
            rust: "",
        },
    },
];

/// The functions of a matrix in the order of declaration.
pub fn matrices() -> impl Iterator<Item = &'static MatrixFunction> {
    TABLE.iter()
}

/// The function of a matrix called `name`.
pub fn matrix(name: &str) -> Option<&'static MatrixFunction> {
    TABLE.iter().find(|function| function.name == name)
}

impl PartialEq for MatrixFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for MatrixFunction {}

impl Hash for MatrixFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for MatrixFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
