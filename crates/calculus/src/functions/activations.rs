//! Activation functions. Only declarations belong here.

use super::{Body, Domain, Function, Notation, Spellings};

/// The activation functions.
pub(super) static TABLE: &[Function] = &[
    Function {
        name: "relu",
        prose: "The rectifier: x where x is positive, zero elsewhere. At zero, where it has a kink, \
            its derivative is taken as zero.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| if x[0] <= 0.0 { 0.0 } else { x[0] },
            derivatives: &[Some("x > 0")],
        },
        forms: &["maximum(x, 0)", "maximum(0, x)", "relu(x) * (x > 0)"],
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
        name: "leaky_relu",
        prose: "The rectifier with slope 1/100 where x is not positive. At zero, where it has a \
            kink, its derivative is taken as 1/100.",
        arguments: &["x"],
        body: Body::Defined {
            definition: "where(x > 0, x, 0.01 * x)",
            stable: None,
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "",
            torch: "torch.nn.functional.leaky_relu({0})",
            jax: "jax.nn.leaky_relu({0})",
            rust: "",
        },
    },
    Function {
        name: "elu",
        prose: "The exponential linear unit: x where x is positive, exp(x) - 1 elsewhere.",
        arguments: &["x"],
        body: Body::Primitive {
            value: |x| if x[0] > 0.0 { x[0] } else { x[0].exp_m1() },
            derivatives: &[Some("where(x > 0, 1, y + 1)")],
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.where({0} > 0, {0}, np.expm1(np.minimum({0}, 0)))",
            torch: "torch.nn.functional.elu({0})",
            jax: "jax.nn.elu({0})",
            rust: "",
        },
    },
    Function {
        name: "selu",
        prose: "The scaled exponential linear unit, whose constants keep mean and variance. At zero, where \
            it has a kink, its derivative is taken from the left.",
        arguments: &["x"],
        body: Body::Defined {
            definition: "1.0507009873554805 * where(x > 0, x, 1.6732632423543772 * expm1(x))",
            stable: None,
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "",
            torch: "torch.nn.functional.selu({0})",
            jax: "jax.nn.selu({0})",
            rust: "",
        },
    },
    Function {
        name: "sigmoid",
        prose: "The logistic function.",
        arguments: &["x"],
        body: Body::Primitive {
            value: sigmoid,
            derivatives: &[Some("y * (1 - y)")],
        },
        forms: &[
            "1 / (1 + exp(-x))",
            "exp(x) / (1 + exp(x))",
            "exp(x) * sigmoid(-x)",
        ],
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
        name: "log_sigmoid",
        prose: "The logarithm of the logistic function.",
        arguments: &["x"],
        body: Body::Defined {
            definition: "log(sigmoid(x))",
            stable: Some("-softplus(-x)"),
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "special.log_expit({0})",
            torch: "torch.nn.functional.logsigmoid({0})",
            jax: "jax.nn.log_sigmoid({0})",
            rust: "",
        },
    },
    Function {
        name: "softplus",
        prose: "The smooth rectifier log(1 + exp(x)).",
        arguments: &["x"],
        body: Body::Primitive {
            value: softplus,
            derivatives: &[Some("sigmoid(x)")],
        },
        forms: &["log(1 + exp(x))", "log1p(exp(x))"],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.logaddexp(0, {0})",
            torch: "torch.nn.functional.softplus({0})",
            jax: "jax.nn.softplus({0})",
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
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "",
            torch: "torch.nn.functional.silu({0})",
            jax: "jax.nn.silu({0})",
            rust: "",
        },
    },
    Function {
        name: "gelu",
        prose: "The Gaussian error linear unit: x times the normal distribution function.",
        arguments: &["x"],
        body: Body::Defined {
            definition: "x / 2 * (1 + erf(x / sqrt(2)))",
            stable: None,
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "",
            torch: "torch.nn.functional.gelu({0})",
            jax: "jax.nn.gelu({0}, approximate=False)",
            rust: "",
        },
    },
    Function {
        name: "gelu_tanh",
        prose: "The Gaussian error linear unit in its approximation by the hyperbolic tangent.",
        arguments: &["x"],
        body: Body::Defined {
            definition: "x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))",
            stable: None,
        },
        forms: &[],
        domain: &[Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "",
            torch: "torch.nn.functional.gelu({0}, approximate=\"tanh\")",
            jax: "jax.nn.gelu({0}, approximate=True)",
            rust: "",
        },
    },
];

/// Never exponentiates a positive number, so nothing overflows.
fn sigmoid(x: &[f64]) -> f64 {
    let small = (-x[0].abs()).exp();
    if x[0] >= 0.0 {
        1.0 / (1.0 + small)
    } else {
        small / (1.0 + small)
    }
}

fn softplus(x: &[f64]) -> f64 {
    x[0].max(0.0) + (-x[0].abs()).exp().ln_1p()
}
