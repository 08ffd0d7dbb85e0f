//! Activation functions. Only declarations belong here.

use super::{Body, Domain, Function, Notation, Spellings};

/// The activation functions.
pub(super) static TABLE: &[Function] = &[
    Function {
        name: "relu",
        prose: "The rectifier: x where x is positive, zero elsewhere.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| x[0].max(0.0),
            derivatives: &[Some("x > 0")],
        },
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.maximum({0}, 0)",
            torch: "torch.relu({0})",
            jax: "jax.nn.relu({0})",
            rust: "{0}.max(0.0)",
        },
    },
    Function {
        name: "sigmoid",
        prose: "The logistic function.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| 1.0 / (1.0 + (-x[0]).exp()),
            derivatives: &[Some("y * (1 - y)")],
        },
        domain: &[Domain::Real],
        notation: Notation::Letter("σ"),
        spellings: Spellings {
            numpy: "special.expit({0})",
            torch: "torch.sigmoid({0})",
            jax: "jax.nn.sigmoid({0})",
            rust: "",
        },
    },
    Function {
        name: "silu",
        prose: "The sigmoid-weighted linear unit, also called swish.",
        arguments: &["x"],
        body: Body::Defined {
            definition: "x * sigmoid(x)",
            stable: None,
        },
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "",
            torch: "torch.nn.functional.silu({0})",
            jax: "jax.nn.silu({0})",
            rust: "",
        },
    },
];
