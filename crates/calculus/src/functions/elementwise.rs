//! Elementary functions. Only declarations belong here.

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
        name: "tanh",
        prose: "The hyperbolic tangent.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].tanh(),
            derivatives: &[Some("1 - y**2")],
        },
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.tanh({0})",
            torch: "torch.tanh({0})",
            jax: "jnp.tanh({0})",
            rust: "{0}.tanh()",
        },
    },
    Function {
        name: "greater",
        prose: "One where x > z, zero elsewhere.",
        arguments: &["x", "z"],
        body: Body::Primitive {
            value: |x| f64::from(x[0] > x[1]),
            derivatives: &[Some("0"), Some("0")],
        },
        domain: &[Domain::Real, Domain::Real],
        notation: Notation::Relation(">"),
        spellings: Spellings {
            numpy: "({0} > {1})",
            torch: "({0} > {1})",
            jax: "({0} > {1})",
            rust: "f64::from({0} > {1})",
        },
    },
];
