//! The names of NumPy, PyTorch and JAX in terms of ours. What is not listed is refused, never guessed.

/// Whose conventions a call follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Library {
    /// The language itself.
    Ours,
    /// NumPy, and JAX's copy of it.
    NumPy,
    /// `jax.nn`.
    JaxNn,
    /// PyTorch.
    Torch,
    /// SciPy's special functions.
    Special,
}

impl Library {
    /// The library's name for a person.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Ours => "the language",
            Self::NumPy => "NumPy",
            Self::JaxNn => "`jax.nn`",
            Self::Torch => "PyTorch",
            Self::Special => "`scipy.special`",
        }
    }
}

/// A dotted prefix and the library that it names.
const PREFIXES: &[(&str, Library)] = &[
    ("np", Library::NumPy),
    ("numpy", Library::NumPy),
    ("np.linalg", Library::NumPy),
    ("numpy.linalg", Library::NumPy),
    ("jnp", Library::NumPy),
    ("jnp.linalg", Library::NumPy),
    ("jax.numpy", Library::NumPy),
    ("jax.numpy.linalg", Library::NumPy),
    ("math", Library::NumPy),
    ("jax.nn", Library::JaxNn),
    ("torch", Library::Torch),
    ("torch.special", Library::Torch),
    ("torch.linalg", Library::Torch),
    ("torch.nn.functional", Library::Torch),
    ("nn.functional", Library::Torch),
    ("F", Library::Torch),
    ("scipy.special", Library::Special),
    ("special", Library::Special),
    ("jax.scipy.special", Library::Special),
];

/// NumPy's names: one word where ours is the same, `theirs=ours` where it differs.
const NUMPY: &[&str] = &[
    "exp",
    "log",
    "log1p",
    "expm1",
    "sqrt",
    "abs",
    "absolute=abs",
    "fabs=abs",
    "sign",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "arcsin",
    "arccos",
    "arctan",
    "asin=arcsin",
    "acos=arccos",
    "atan=arctan",
    "maximum",
    "minimum",
    "clip",
    "square",
    "reciprocal",
    "negative",
    "add",
    "subtract",
    "multiply",
    "divide",
    "true_divide=divide",
    "power",
    "pow=power",
    "matmul",
    "dot",
    "vdot",
    "inner",
    "outer",
    "trace",
    "diag",
    "diagonal=diag",
    "eye",
    "identity=eye",
    "ones",
    "zeros",
    "full",
    "ones_like",
    "zeros_like",
    "full_like",
    "einsum",
    "transpose",
    "permute_dims=transpose",
    "swapaxes",
    "sum",
    "mean",
    "max",
    "min",
    "amax=max",
    "amin=min",
    "prod",
    "var",
    "std",
    "norm",
    "inv",
    "det",
    "solve",
    "cholesky",
    "matrix_power",
    "tril",
    "triu",
    "where",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "equal",
    "not_equal",
    "expand_dims",
    "squeeze",
    "erf",
    "reshape",
    "ravel",
    "stack",
    "array",
    "asarray=array",
    "concatenate",
    "concat=concatenate",
    "kron",
    "cumsum",
    "repeat",
    "tile",
    "flip",
    "roll",
    "arange",
    "convolve",
];

/// The names of `jax.nn`.
const JAX_NN: &[&str] = &[
    "relu",
    "sigmoid",
    "softplus",
    "elu",
    "selu",
    "silu",
    "swish=silu",
    "gelu",
    "leaky_relu",
    "softmax",
    "log_softmax",
    "logsumexp",
    "one_hot",
    "tanh",
];

/// PyTorch's names.
const TORCH: &[&str] = &[
    "exp",
    "log",
    "log1p",
    "expm1",
    "sqrt",
    "rsqrt",
    "abs",
    "absolute=abs",
    "sign",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "arcsin",
    "arccos",
    "arctan",
    "asin=arcsin",
    "acos=arccos",
    "atan=arctan",
    "erf",
    "sigmoid",
    "expit=sigmoid",
    "softplus",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "silu",
    "gelu",
    "maximum",
    "minimum",
    "clip",
    "clamp=clip",
    "square",
    "reciprocal",
    "negative",
    "neg=negative",
    "add",
    "sub=subtract",
    "subtract",
    "mul=multiply",
    "multiply",
    "div=divide",
    "divide",
    "true_divide=divide",
    "pow=power",
    "matmul",
    "mm=matmul",
    "mv=matmul",
    "bmm=matmul",
    "dot",
    "inner",
    "outer",
    "vdot",
    "trace",
    "diag",
    "eye",
    "ones",
    "zeros",
    "full",
    "ones_like",
    "zeros_like",
    "full_like",
    "einsum",
    "permute=transpose",
    "transpose=swapaxes",
    "swapaxes",
    "t=transpose",
    "sum",
    "mean",
    "amax=max",
    "amin=min",
    "prod",
    "var",
    "std",
    "norm",
    "inv",
    "inverse=inv",
    "det",
    "logdet",
    "solve",
    "cholesky",
    "matrix_power",
    "tril",
    "triu",
    "where",
    "lt=less",
    "le=less_equal",
    "gt=greater",
    "ge=greater_equal",
    "eq=equal",
    "ne=not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "equal",
    "not_equal",
    "softmax",
    "log_softmax",
    "logsumexp",
    "one_hot",
    "reshape",
    "view=reshape",
    "ravel",
    "flatten",
    "stack",
    "concatenate",
    "cat=concatenate",
    "concat=concatenate",
    "kron",
    "cumsum",
    "flip",
    "roll",
    "arange",
    "unsqueeze=expand_dims",
    "squeeze",
    "linear",
    "cross_entropy",
    "mse_loss=mean_squared_error",
    "binary_cross_entropy_with_logits=logistic_loss",
];

/// The names of SciPy's special functions.
const SPECIAL: &[&str] = &["expit=sigmoid", "erf", "logsumexp", "log1p", "expm1"];

/// Whether a dotted name that begins with `word` belongs to a library.
pub(super) fn is_library(word: &str) -> bool {
    PREFIXES
        .iter()
        .any(|(prefix, _)| prefix.split('.').next() == Some(word))
}

/// The library and the rest of a dotted name; `None` where the prefix is not known.
pub(super) fn split(path: &str) -> Option<(Library, &str)> {
    let Some((prefix, name)) = path.rsplit_once('.') else {
        return Some((Library::Ours, path));
    };
    let (_, library) = PREFIXES.iter().find(|(known, _)| *known == prefix)?;
    Some((*library, name))
}

fn names(library: Library) -> &'static [&'static str] {
    match library {
        Library::Ours | Library::NumPy => NUMPY,
        Library::JaxNn => JAX_NN,
        Library::Torch => TORCH,
        Library::Special => SPECIAL,
    }
}

/// Our name for the function that `library` calls `name`.
pub(super) fn ours(library: Library, name: &str) -> Option<&'static str> {
    names(library)
        .iter()
        .find_map(|entry| match entry.split_once('=') {
            Some((theirs, ours)) if theirs == name && !ours.is_empty() => Some(ours),
            None if *entry == name => Some(*entry),
            _ => None,
        })
}

/// The names that `library` has, as that library spells them.
pub(super) fn spellings(library: Library) -> impl Iterator<Item = &'static str> {
    names(library)
        .iter()
        .map(|entry| entry.split('=').next().unwrap_or(entry))
}

/// The library that has a function called `name`, for a proposal.
pub(super) fn other_home(library: Library, name: &str) -> Option<&'static str> {
    let homes = [
        (Library::NumPy, "np."),
        (Library::Torch, "torch."),
        (Library::JaxNn, "jax.nn."),
    ];
    homes
        .into_iter()
        .find(|(home, _)| *home != library && ours(*home, name).is_some())
        .map(|(_, prefix)| prefix)
}

/// The keyword of ours that PyTorch's `keyword` is.
pub(super) fn torch_keyword(keyword: &str) -> &str {
    match keyword {
        "dim" => "axis",
        "keepdim" => "keepdims",
        "dim0" => "axis1",
        "dim1" => "axis2",
        "dims" => "axes",
        "num_classes" => "size",
        "correction" => "ddof",
        "input" => "x",
        "other" => "z",
        same => same,
    }
}
