//! The tensor functions. Those that the language can define are defined in it, one line each; the others name the
//! construction of index notation that they are. Only declarations and their reading belong here.

use std::sync::OnceLock;

use backprove_syntax::tree::{Expression, ExpressionKind};

use crate::expr::Reduction;

/// What a tensor function means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning {
    /// A definition in the language, in terms of the parameters.
    Language(&'static str),
    /// A construction of index notation.
    Built(Built),
}

/// The constructions that have no definition in terms of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Built {
    /// A sum over axes.
    Sum,
    /// Another reduction over axes.
    Reduce(Reduction),
    /// The number of elements that a reduction over axes combines.
    Count,
    /// The first extent.
    Length,
    /// All elements in row-major order are paired.
    DotOfAll,
    /// NumPy's `dot`.
    Dot,
    /// A product of the last axes.
    Inner,
    /// All products of two vectors.
    Outer,
    /// Axes in another order.
    Transpose,
    /// Two axes exchanged.
    SwapAxes,
    /// A diagonal taken, or made.
    Diagonal,
    /// The sum of the diagonal.
    Trace,
    /// The function of a square matrix that has this name.
    Matrix(&'static str),
    /// A triangle: the function of a matrix that masks it, and whether it is the upper one.
    Triangle(&'static str, bool),
    /// A matrix multiplied with itself.
    MatrixPower,
    /// The identity matrix.
    Eye,
    /// A constant everywhere.
    Full,
    /// A constant everywhere, shaped like another tensor.
    FullLike,
    /// Kronecker's delta between two indices.
    Delta,
    /// Einstein's summation.
    EinsteinSum,
    /// One where the position along a new last axis is the label.
    OneHot,
    /// A new axis of extent one.
    ExpandAxis,
    /// An axis of extent one taken away.
    SqueezeAxis,
    /// Elements arranged anew.
    Arrange(Arrangement),
}

/// The constructions that arrange elements anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrangement {
    /// The same elements on other axes.
    Reshape,
    /// The same elements on one axis.
    Flatten,
    /// Tensors along a new axis.
    Stack,
    /// Tensors one after the other along an axis.
    Concatenate,
    /// Kronecker's product.
    Kronecker,
    /// Zero above a diagonal.
    Lower,
    /// Zero below a diagonal.
    Upper,
    /// Sums of all elements up to each.
    CumulativeSum,
    /// Each element several times.
    Repeat,
    /// The whole axis several times.
    Tile,
    /// An axis in reverse.
    Flip,
    /// An axis shifted round.
    Roll,
    /// The positions of an axis.
    Range,
    /// The convolution of two vectors.
    Convolve,
}

/// One tensor function.
pub(super) struct TensorFunction {
    /// Its name and parameters, with their defaults, as a call.
    pub signature: &'static str,
    /// What it means.
    pub meaning: Meaning,
    /// What of a call becomes an equation of its own.
    pub naming: Naming,
}

/// What of a call becomes an equation of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// Nothing.
    Nothing,
    /// Its argument, which the definition mentions several times.
    Argument,
    /// Its argument, and where it is nested its result, under this letter.
    Result(&'static str),
}

const fn defined(signature: &'static str, definition: &'static str) -> TensorFunction {
    TensorFunction {
        signature,
        meaning: Meaning::Language(definition),
        naming: Naming::Nothing,
    }
}

const fn named(
    signature: &'static str,
    definition: &'static str,
    letter: &'static str,
) -> TensorFunction {
    TensorFunction {
        signature,
        meaning: Meaning::Language(definition),
        naming: Naming::Result(letter),
    }
}

const fn repeating(signature: &'static str, definition: &'static str) -> TensorFunction {
    TensorFunction {
        signature,
        meaning: Meaning::Language(definition),
        naming: Naming::Argument,
    }
}

const fn built(signature: &'static str, built: Built) -> TensorFunction {
    TensorFunction {
        signature,
        meaning: Meaning::Built(built),
        naming: Naming::Nothing,
    }
}

const fn arranged(signature: &'static str, arrangement: Arrangement) -> TensorFunction {
    built(signature, Built::Arrange(arrangement))
}

/// All tensor functions. A parameter called `axis`, `keepdims` or the like is an option; all others are tensors.
const TABLE: &[TensorFunction] = &[
    named(
        "softmax(x, axis=-1)",
        "exp(x) / sum(exp(x), axis=axis, keepdims=True)",
        "P",
    ),
    named(
        "log_softmax(x, axis=-1)",
        "x - log(sum(exp(x), axis=axis, keepdims=True))",
        "Q",
    ),
    named(
        "logsumexp(x, axis=None, keepdims=False)",
        "log(sum(exp(x), axis=axis, keepdims=keepdims))",
        "U",
    ),
    defined(
        "mean(x, axis=None, keepdims=False)",
        "sum(x, axis=axis, keepdims=keepdims) / count(x, axis=axis)",
    ),
    repeating(
        "var(x, axis=None, keepdims=False, ddof=0)",
        "sum((x - mean(x, axis=axis, keepdims=True))**2, axis=axis, keepdims=keepdims) / (count(x, axis=axis) - ddof)",
    ),
    repeating(
        "std(x, axis=None, keepdims=False, ddof=0)",
        "sqrt(var(x, axis=axis, keepdims=keepdims, ddof=ddof))",
    ),
    defined(
        "norm(x, axis=None, keepdims=False)",
        "sqrt(sum(x**2, axis=axis, keepdims=keepdims))",
    ),
    defined(
        "norm_1(x, axis=None, keepdims=False)",
        "sum(abs(x), axis=axis, keepdims=keepdims)",
    ),
    defined(
        "norm_inf(x, axis=None, keepdims=False)",
        "max(abs(x), axis=axis, keepdims=keepdims)",
    ),
    defined(
        "norm_p(x, p, axis=None, keepdims=False)",
        "sum(abs(x)**p, axis=axis, keepdims=keepdims)**(1 / p)",
    ),
    defined("sqrt(x)", "x**(1/2)"),
    defined("square(x)", "x**2"),
    defined("reciprocal(x)", "1 / x"),
    defined("rsqrt(x)", "x**(-1/2)"),
    defined("negative(x)", "-x"),
    defined("add(x, z)", "x + z"),
    defined("subtract(x, z)", "x - z"),
    defined("multiply(x, z)", "x * z"),
    defined("divide(x, z)", "x / z"),
    defined("power(x, z)", "x**z"),
    defined("matmul(x, z)", "x @ z"),
    defined("less(x, z)", "x < z"),
    defined("less_equal(x, z)", "x <= z"),
    defined("greater(x, z)", "x > z"),
    defined("greater_equal(x, z)", "x >= z"),
    defined("equal(x, z)", "x == z"),
    defined("not_equal(x, z)", "x != z"),
    built("sum(x, axis=None, keepdims=False)", Built::Sum),
    built(
        "max(x, axis=None, keepdims=False)",
        Built::Reduce(Reduction::Maximum),
    ),
    built(
        "min(x, axis=None, keepdims=False)",
        Built::Reduce(Reduction::Minimum),
    ),
    built(
        "prod(x, axis=None, keepdims=False)",
        Built::Reduce(Reduction::Product),
    ),
    built("count(x, axis=None)", Built::Count),
    built("len(x)", Built::Length),
    built("vdot(x, z)", Built::DotOfAll),
    built("dot(x, z)", Built::Dot),
    built("inner(x, z)", Built::Inner),
    built("outer(x, z)", Built::Outer),
    built("transpose(x, axes=None)", Built::Transpose),
    built("swapaxes(x, axis1, axis2)", Built::SwapAxes),
    built("diag(x, k=0)", Built::Diagonal),
    built("trace(x)", Built::Trace),
    built("inv(x)", Built::Matrix("inv")),
    built("det(x)", Built::Matrix("det")),
    built("logdet(x)", Built::Matrix("logdet")),
    built("signdet(x)", Built::Matrix("signdet")),
    built("cholesky(x)", Built::Matrix("cholesky")),
    built("tril(x)", Built::Triangle("tril", false)),
    built("triu(x)", Built::Triangle("tril", true)),
    built("half_tril(x)", Built::Triangle("half_tril", false)),
    built("matrix_power(x, exponent)", Built::MatrixPower),
    defined("solve(x, z)", "inv(x) @ z"),
    built("eye(size, columns=None)", Built::Eye),
    defined("ones(shape)", "full(shape, 1)"),
    defined("zeros(shape)", "full(shape, 0)"),
    built("full(shape, value)", Built::Full),
    defined("ones_like(x)", "full_like(x, 1)"),
    defined("zeros_like(x)", "full_like(x, 0)"),
    built("full_like(x, value)", Built::FullLike),
    built("delta(first, second)", Built::Delta),
    built("einsum(subscripts)", Built::EinsteinSum),
    built("one_hot(x, size)", Built::OneHot),
    built("expand_dims(x, axis)", Built::ExpandAxis),
    built("squeeze(x, axis=None)", Built::SqueezeAxis),
    arranged("reshape(x, shape)", Arrangement::Reshape),
    arranged("flatten(x)", Arrangement::Flatten),
    arranged("ravel(x)", Arrangement::Flatten),
    arranged("vec(x)", Arrangement::Flatten),
    arranged("stack(parts, axis=0)", Arrangement::Stack),
    defined("array(parts)", "stack(parts)"),
    arranged("concatenate(parts, axis=0)", Arrangement::Concatenate),
    arranged("kron(x, z)", Arrangement::Kronecker),
    arranged("lower_from(x, k)", Arrangement::Lower),
    arranged("upper_from(x, k)", Arrangement::Upper),
    arranged("cumsum(x, axis=None)", Arrangement::CumulativeSum),
    arranged("repeat(x, size, axis=None)", Arrangement::Repeat),
    arranged("tile(x, size)", Arrangement::Tile),
    arranged("flip(x, axis=None)", Arrangement::Flip),
    arranged("roll(x, shift, axis=None)", Arrangement::Roll),
    arranged("arange(size)", Arrangement::Range),
    arranged("convolve(x, z, mode=\"full\")", Arrangement::Convolve),
];

/// The parameters that are options: they are read as they are written.
const OPTIONS: &[&str] = &[
    "axis",
    "keepdims",
    "axes",
    "axis1",
    "axis2",
    "size",
    "columns",
    "shape",
    "first",
    "second",
    "subscripts",
    "exponent",
    "parts",
    "k",
    "shift",
    "mode",
];

/// What the language is known to lack so far, so that it can be said honestly.
pub(super) const NOT_YET: &[&str] = &[
    "cumprod",
    "hstack",
    "vstack",
    "stop_gradient",
    "detach",
    "argmax",
    "argmin",
    "sort",
    "conv",
    "tensordot",
    "cross",
    "median",
    "broadcast_to",
    "linspace",
    "take",
    "gather",
    "scatter",
    "pad",
    "fft",
    "view",
    "moveaxis",
];

/// A parameter of a tensor function.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub name: String,
    pub default: Option<Expression>,
    /// Whether it is read as written instead of as a tensor.
    pub option: bool,
}

/// A tensor function as the elaborator uses it.
pub(super) struct Entry {
    pub name: String,
    pub parameters: Vec<Parameter>,
    pub body: Body,
    pub naming: Naming,
}

/// What an entry means, read.
pub(super) enum Body {
    Language(Expression),
    Built(Built),
}

/// The tensor function called `name`, read when it is first asked for.
pub(super) fn find(name: &str) -> Option<&'static Entry> {
    static ENTRIES: [OnceLock<Option<Entry>>; TABLE.len()] =
        [const { OnceLock::new() }; TABLE.len()];
    let is_its = |function: &TensorFunction| {
        let rest = function.signature.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('('))
    };
    let place = TABLE.iter().position(is_its)?;
    ENTRIES[place].get_or_init(|| read(&TABLE[place])).as_ref()
}

/// The names of all tensor functions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE
        .iter()
        .map(|function| function.signature.split('(').next().unwrap_or_default())
}

fn read(function: &TensorFunction) -> Option<Entry> {
    let (signature, _) = backprove_syntax::parse_expression(function.signature);
    let ExpressionKind::Call {
        function: name,
        arguments,
    } = signature?.kind
    else {
        return None;
    };
    let parameters = arguments
        .into_iter()
        .filter_map(|argument| {
            let (name, default) = match (argument.keyword, argument.value.kind) {
                (Some(keyword), kind) => (
                    keyword.text,
                    Some(Expression {
                        kind,
                        span: argument.value.span,
                    }),
                ),
                (None, ExpressionKind::Name(name)) => (name, None),
                (None, _) => return None,
            };
            Some(Parameter {
                option: OPTIONS.contains(&name.as_str()),
                name,
                default,
            })
        })
        .collect();
    let body = match function.meaning {
        Meaning::Language(text) => Body::Language(backprove_syntax::parse_expression(text).0?),
        Meaning::Built(built) => Body::Built(built),
    };
    Some(Entry {
        name: name.text,
        parameters,
        body,
        naming: function.naming,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_can_be_read() {
        for function in TABLE {
            let entry = read(function);
            assert!(entry.is_some(), "{}", function.signature);
        }
    }

    #[test]
    fn names_are_distinct_and_not_also_refused() {
        let mut seen = Vec::new();
        for name in names() {
            assert!(!seen.contains(&name), "{name} twice");
            assert!(!NOT_YET.contains(&name), "{name} is there");
            seen.push(name);
        }
    }
}
