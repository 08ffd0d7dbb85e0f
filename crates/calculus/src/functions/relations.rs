//! Comparisons, and functions that choose among their arguments. Only declarations belong here.

use super::{Body, Domain, Function, Notation, Spellings};

/// The comparisons and choices.
#[expect(clippy::float_cmp, reason = "equality is one of the functions")]
pub(super) static TABLE: &[Function] = &[
    Function {
        name: "greater",
        prose: "One where x > z, zero elsewhere. Its derivatives are zero; where the arguments are \
            equal, they are taken as zero as well.",
        arguments: &["x", "z"],
        body: Body::Primitive {
            value: |x| f64::from(x[0] > x[1]),
            derivatives: &[Some("0"), Some("0")],
        },
        forms: &[],
        domain: &[Domain::Real, Domain::Real],
        notation: Notation::Relation(">"),
        spellings: Spellings {
            numpy: "({0} > {1})",
            torch: "({0} > {1})",
            jax: "({0} > {1})",
            rust: "f64::from({0} > {1})",
        },
    },
    Function {
        name: "greater_equal",
        prose: "One where x >= z, zero elsewhere. Its derivatives are zero; where the arguments are \
            equal, they are taken as zero as well.",
        arguments: &["x", "z"],
        body: Body::Primitive {
            value: |x| f64::from(x[0] >= x[1]),
            derivatives: &[Some("0"), Some("0")],
        },
        forms: &[],
        domain: &[Domain::Real, Domain::Real],
        notation: Notation::Relation("≥"),
        spellings: Spellings {
            numpy: "({0} >= {1})",
            torch: "({0} >= {1})",
            jax: "({0} >= {1})",
            rust: "f64::from({0} >= {1})",
        },
    },
    Function {
        name: "less",
        prose: "One where x < z, zero elsewhere. Its derivatives are zero; where the arguments are \
            equal, they are taken as zero as well.",
        arguments: &["x", "z"],
        body: Body::Primitive {
            value: |x| f64::from(x[0] < x[1]),
            derivatives: &[Some("0"), Some("0")],
        },
        forms: &[],
        domain: &[Domain::Real, Domain::Real],
        notation: Notation::Relation("<"),
        spellings: Spellings {
            numpy: "({0} < {1})",
            torch: "({0} < {1})",
            jax: "({0} < {1})",
            rust: "f64::from({0} < {1})",
        },
    },
    Function {
        name: "less_equal",
        prose: "One where x <= z, zero elsewhere. Its derivatives are zero; where the arguments are \
            equal, they are taken as zero as well.",
        arguments: &["x", "z"],
        body: Body::Primitive {
            value: |x| f64::from(x[0] <= x[1]),
            derivatives: &[Some("0"), Some("0")],
        },
        forms: &[],
        domain: &[Domain::Real, Domain::Real],
        notation: Notation::Relation("≤"),
        spellings: Spellings {
            numpy: "({0} <= {1})",
            torch: "({0} <= {1})",
            jax: "({0} <= {1})",
            rust: "f64::from({0} <= {1})",
        },
    },
    Function {
        name: "equal",
        prose: "One where x = z, zero elsewhere. Its derivatives are zero; where the arguments are \
            equal, they are taken as zero as well.",
        arguments: &["x", "z"],
        body: Body::Primitive {
            value: |x| f64::from(x[0] == x[1]),
            derivatives: &[Some("0"), Some("0")],
        },
        forms: &[],
        domain: &[Domain::Real, Domain::Real],
        notation: Notation::Relation("="),
        spellings: Spellings {
            numpy: "({0} == {1})",
            torch: "({0} == {1})",
            jax: "({0} == {1})",
            rust: "f64::from({0} == {1})",
        },
    },
    Function {
        name: "not_equal",
        prose: "One where x and z differ, zero elsewhere. Its derivatives are zero; where the \
            arguments are equal, they are taken as zero as well.",
        arguments: &["x", "z"],
        body: Body::Primitive {
            value: |x| f64::from(x[0] != x[1]),
            derivatives: &[Some("0"), Some("0")],
        },
        forms: &[],
        domain: &[Domain::Real, Domain::Real],
        notation: Notation::Relation("≠"),
        spellings: Spellings {
            numpy: "({0} != {1})",
            torch: "({0} != {1})",
            jax: "({0} != {1})",
            rust: "f64::from({0} != {1})",
        },
    },
    Function {
        name: "where",
        prose: "The second argument where the first is not zero, the third elsewhere. The derivative \
            in the condition is zero; where the condition changes, it is taken as zero as well.",
        arguments: &["c", "a", "b"],
        body: Body::Primitive {
            value: |x| if x[0] == 0.0 { x[2] } else { x[1] },
            derivatives: &[Some("0"), Some("where(c, 1, 0)"), Some("where(c, 0, 1)")],
        },
        forms: &[],
        domain: &[Domain::Real, Domain::Real, Domain::Real],
        notation: Notation::Cases,
        spellings: Spellings {
            numpy: "np.where({0}, {1}, {2})",
            torch: "torch.where({0}, {1}, {2})",
            jax: "jnp.where({0}, {1}, {2})",
            rust: "",
        },
    },
    Function {
        name: "maximum",
        prose: "The greater of two. Where they are equal, its derivative is that of the second, as \
            the rectifier's is at zero.",
        arguments: &["x", "z"],
        body: Body::Primitive {
            value: |x| if x[0] > x[1] { x[0] } else { x[1] },
            derivatives: &[Some("x > z"), Some("x <= z")],
        },
        forms: &[],
        domain: &[Domain::Real, Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.maximum({0}, {1})",
            torch: "torch.maximum({0}, {1})",
            jax: "jnp.maximum({0}, {1})",
            rust: "{0}.max({1})",
        },
    },
    Function {
        name: "minimum",
        prose: "The lesser of two. Where they are equal, its derivative is that of the second.",
        arguments: &["x", "z"],
        body: Body::Primitive {
            value: |x| if x[0] < x[1] { x[0] } else { x[1] },
            derivatives: &[Some("x < z"), Some("x >= z")],
        },
        forms: &[],
        domain: &[Domain::Real, Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.minimum({0}, {1})",
            torch: "torch.minimum({0}, {1})",
            jax: "jnp.minimum({0}, {1})",
            rust: "{0}.min({1})",
        },
    },
    Function {
        name: "clip",
        prose: "The value in the range from a to b that is closest to x. Outside and at both ends \
            its derivative is zero.",
        arguments: &["x", "a", "b"],
        body: Body::Defined {
            definition: "minimum(maximum(x, a), b)",
            stable: None,
        },
        forms: &[],
        domain: &[Domain::Real, Domain::Real, Domain::Real],
        notation: Notation::Name,
        spellings: Spellings {
            numpy: "np.clip({0}, {1}, {2})",
            torch: "torch.clip({0}, {1}, {2})",
            jax: "jnp.clip({0}, {1}, {2})",
            rust: "",
        },
    },
];
