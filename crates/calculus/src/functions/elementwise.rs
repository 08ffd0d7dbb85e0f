//! Powers, exponentials, logarithms and other elementary functions. Only declarations belong here; trigonometric and
//! hyperbolic functions stand in `trigonometric`, comparisons in `relations`.

use super::{Body, Domain, Function, Notation, Spellings};

/// The elementary functions.
pub(super) static TABLE: &[Function] = &[
    Function {
        name: "exp",
        prose: "The exponential function.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].exp(),
            derivatives: &[Some("y")],
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Exponential,
        spellings: Spellings {
            numpy: "np.exp({0})",
            torch: "torch.exp({0})",
            jax: "jnp.exp({0})",
            rust: "{0}.exp()",
        },
    },
    Function {
        name: "log",
        prose: "The natural logarithm.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].ln(),
            derivatives: &[Some("1 / x")],
        },
        forms: &[],
        domain: &[Domain::Positive],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.log({0})",
            torch: "torch.log({0})",
            jax: "jnp.log({0})",
            rust: "{0}.ln()",
        },
    },
    Function {
        name: "log1p",
        prose: "The natural logarithm of 1 + x, accurate for small x.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].ln_1p(),
            derivatives: &[Some("1 / (1 + x)")],
        },
        forms: &[],
        domain: &[Domain::AboveMinusOne],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.log1p({0})",
            torch: "torch.log1p({0})",
            jax: "jnp.log1p({0})",
            rust: "{0}.ln_1p()",
        },
    },
    Function {
        name: "expm1",
        prose: "exp(x) - 1, accurate for small x.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].exp_m1(),
            derivatives: &[Some("y + 1")],
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.expm1({0})",
            torch: "torch.expm1({0})",
            jax: "jnp.expm1({0})",
            rust: "{0}.exp_m1()",
        },
    },
    Function {
        name: "sqrt",
        prose: "The square root.",
        arguments: &["x"],
        body: Body::Defined {
            definition: "x ** (1 / 2)",
            stable: None,
        },
        forms: &[],
        domain: &[Domain::Positive],
        notation: Notation::Root,
        spellings: Spellings {
            numpy: "np.sqrt({0})",
            torch: "torch.sqrt({0})",
            jax: "jnp.sqrt({0})",
            rust: "{0}.sqrt()",
        },
    },
    Function {
        name: "square",
        prose: "The square.",
        arguments: &["x"],
        body: Body::Defined {
            definition: "x ** 2",
            stable: None,
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.square({0})",
            torch: "torch.square({0})",
            jax: "jnp.square({0})",
            rust: "{0}.powi(2)",
        },
    },
    Function {
        name: "reciprocal",
        prose: "One divided by x.",
        arguments: &["x"],
        body: Body::Defined {
            definition: "1 / x",
            stable: None,
        },
        forms: &[],
        domain: &[Domain::Positive],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.reciprocal({0})",
            torch: "torch.reciprocal({0})",
            jax: "jnp.reciprocal({0})",
            rust: "{0}.recip()",
        },
    },
    Function {
        name: "abs",
        prose: "The absolute value. At zero, where it has a kink, its derivative is taken as zero.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].abs(),
            derivatives: &[Some("sign(x)")],
        },
        forms: &["x * sign(x)"],
        domain: &[Domain::Real],
        notation: Notation::Bars,
        spellings: Spellings {
            numpy: "np.abs({0})",
            torch: "torch.abs({0})",
            jax: "jnp.abs({0})",
            rust: "{0}.abs()",
        },
    },
    Function {
        name: "sign",
        prose: "The sign: -1, 0 or 1. Its derivative is zero; at zero, where it jumps, it is taken \
            as zero as well.",
        arguments: &["x"],
        body: Body::Primitive {
            value: sign,
            derivatives: &[Some("0")],
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.sign({0})",
            torch: "torch.sign({0})",
            jax: "jnp.sign({0})",
            rust: "",
        },
    },
    Function {
        name: "erf",
        prose: "The error function.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| libm::erf(x[0]),
            derivatives: &[Some("2 / sqrt(pi) * exp(-x**2)")],
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "special.erf({0})",
            torch: "torch.erf({0})",
            jax: "jax.scipy.special.erf({0})",
            rust: "",
        },
    },
];

fn sign(x: &[f64]) -> f64 {
    if x[0] > 0.0 {
        1.0
    } else if x[0] < 0.0 {
        -1.0
    } else {
        // Zero stays zero, and what is not a number stays so.
        x[0]
    }
}
