//! Trigonometric and hyperbolic functions and their inverses. Only declarations belong here.

use super::{Body, Domain, Function, Notation, Spellings};

/// The trigonometric and hyperbolic functions.
pub(super) static TABLE: &[Function] = &[
    Function {
        name: "sin",
        prose: "The sine.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].sin(),
            derivatives: &[Some("cos(x)")],
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.sin({0})",
            torch: "torch.sin({0})",
            jax: "jnp.sin({0})",
            rust: "{0}.sin()",
        },
    },
    Function {
        name: "cos",
        prose: "The cosine.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].cos(),
            derivatives: &[Some("-sin(x)")],
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.cos({0})",
            torch: "torch.cos({0})",
            jax: "jnp.cos({0})",
            rust: "{0}.cos()",
        },
    },
    Function {
        name: "tan",
        prose: "The tangent.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].tan(),
            derivatives: &[Some("1 + y**2")],
        },
        forms: &[],
        domain: &[Domain::Unit],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.tan({0})",
            torch: "torch.tan({0})",
            jax: "jnp.tan({0})",
            rust: "{0}.tan()",
        },
    },
    Function {
        name: "sinh",
        prose: "The hyperbolic sine.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].sinh(),
            derivatives: &[Some("cosh(x)")],
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.sinh({0})",
            torch: "torch.sinh({0})",
            jax: "jnp.sinh({0})",
            rust: "{0}.sinh()",
        },
    },
    Function {
        name: "cosh",
        prose: "The hyperbolic cosine.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].cosh(),
            derivatives: &[Some("sinh(x)")],
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.cosh({0})",
            torch: "torch.cosh({0})",
            jax: "jnp.cosh({0})",
            rust: "{0}.cosh()",
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
        forms: &[
            "sinh(x) / cosh(x)",
            "(exp(x) - exp(-x)) / (exp(x) + exp(-x))",
        ],
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
        name: "arcsin",
        prose: "The inverse of the sine.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].asin(),
            derivatives: &[Some("1 / sqrt(1 - x**2)")],
        },
        forms: &[],
        domain: &[Domain::Unit],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.arcsin({0})",
            torch: "torch.arcsin({0})",
            jax: "jnp.arcsin({0})",
            rust: "{0}.asin()",
        },
    },
    Function {
        name: "arccos",
        prose: "The inverse of the cosine.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].acos(),
            derivatives: &[Some("-1 / sqrt(1 - x**2)")],
        },
        forms: &[],
        domain: &[Domain::Unit],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.arccos({0})",
            torch: "torch.arccos({0})",
            jax: "jnp.arccos({0})",
            rust: "{0}.acos()",
        },
    },
    Function {
        name: "arctan",
        prose: "The inverse of the tangent.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].atan(),
            derivatives: &[Some("1 / (1 + x**2)")],
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.arctan({0})",
            torch: "torch.arctan({0})",
            jax: "jnp.arctan({0})",
            rust: "{0}.atan()",
        },
    },
];
