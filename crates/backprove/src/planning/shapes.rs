//! The sizes of a program from the shapes of its inputs, with the size that disagrees where they do not fit. Nothing is
//! planned here.

use std::collections::HashMap;

use backprove_calculus::{Dim, Tensor};
use backprove_syntax::Diagnostic;

/// The value of a size, and where it was seen first.
struct Seen<'a> {
    value: usize,
    tensor: &'a Tensor,
    axis: usize,
}

/// The size that each symbol stands for, given each input's shape.
///
/// Fails where a shape has the wrong number of axes, where an axis disagrees with a number or with what another axis said
/// of the same symbol.
pub(super) fn sizes(inputs: &[(&Tensor, &[usize])]) -> Result<HashMap<String, usize>, Diagnostic> {
    let mut seen: HashMap<String, Seen> = HashMap::new();
    for (tensor, shape) in inputs {
        let dims = tensor.dims();
        if shape.len() != dims.len() {
            return Err(wrong_rank(tensor, shape));
        }
        for (axis, (dim, value)) in dims.iter().zip(*shape).enumerate() {
            let Dim::Symbol(name) = dim else {
                continue;
            };
            let known = seen.entry(name.to_string()).or_insert(Seen {
                value: *value,
                tensor,
                axis,
            });
            if known.value != *value {
                return Err(disagreement(name, known, tensor, axis, *value));
            }
        }
    }
    let sizes: HashMap<String, usize> = seen
        .into_iter()
        .map(|(name, seen)| (name, seen.value))
        .collect();
    for (tensor, shape) in inputs {
        for (axis, (dim, value)) in tensor.dims().iter().zip(*shape).enumerate() {
            let wanted = dim.value(&|name| sizes.get(name).copied());
            if wanted.is_some_and(|wanted| wanted != *value) {
                return Err(wrong_extent(tensor, axis, dim, wanted, *value));
            }
        }
    }
    Ok(sizes)
}

fn wrong_rank(tensor: &Tensor, shape: &[usize]) -> Diagnostic {
    let (name, axes) = (tensor.name(), tensor.rank());
    let declared = match axes {
        0 => "is a scalar".to_owned(),
        1 => format!("has one axis ({})", crate::shape(tensor.dims())),
        _ => format!("has {axes} axes ({})", crate::shape(tensor.dims())),
    };
    let message = format!(
        "`{name}` {declared}, but the array has the shape {}",
        printed(shape)
    );
    Diagnostic::error("wrong-rank", message)
}

fn disagreement(
    name: &str,
    known: &Seen,
    tensor: &Tensor,
    axis: usize,
    value: usize,
) -> Diagnostic {
    let message = format!(
        "the size `{name}` is {} by axis {} of `{}`, but {value} by axis {axis} of `{}`",
        known.value,
        known.axis,
        known.tensor.name(),
        tensor.name(),
    );
    let shapes = format!(
        "`{}` is {}, `{}` is {}",
        known.tensor.name(),
        crate::shape(known.tensor.dims()),
        tensor.name(),
        crate::shape(tensor.dims()),
    );
    Diagnostic::error("size-disagrees", message).help(shapes)
}

fn wrong_extent(
    tensor: &Tensor,
    axis: usize,
    dim: &Dim,
    wanted: Option<usize>,
    value: usize,
) -> Diagnostic {
    let wanted = match (dim, wanted) {
        (Dim::Symbol(_), _) | (_, None) => dim.to_string(),
        (_, Some(wanted)) if dim.symbols().is_empty() => wanted.to_string(),
        (_, Some(wanted)) => format!("{dim} = {wanted}"),
    };
    let message = format!(
        "axis {axis} of `{}` has {value} elements, but it was declared to have {wanted}",
        tensor.name()
    );
    Diagnostic::error("wrong-extent", message)
}

/// A shape in Python's notation: it is an array's, not a declaration's.
fn printed(shape: &[usize]) -> String {
    let extents: Vec<String> = shape.iter().map(ToString::to_string).collect();
    match &extents[..] {
        [one] => format!("({one},)"),
        all => format!("({})", all.join(", ")),
    }
}
