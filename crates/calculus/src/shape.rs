//! Shapes: how extents combine under NumPy's rules, and how they are named to a person. Nothing here knows about values.

use crate::index::Dim;

/// The extent that two axes have together under broadcasting, if they fit.
///
/// ```
/// use backprove_calculus::index::Dim;
/// use backprove_calculus::shape::broadcast_axis;
/// let s = Dim::symbol("S");
/// assert_eq!(broadcast_axis(&s, &Dim::Literal(1)), Some(s.clone()));
/// assert_eq!(broadcast_axis(&s, &Dim::symbol("M")), None);
/// ```
pub fn broadcast_axis(left: &Dim, right: &Dim) -> Option<Dim> {
    match (left, right) {
        _ if left == right => Some(left.clone()),
        (Dim::Literal(1), other) | (other, Dim::Literal(1)) => Some(other.clone()),
        _ => None,
    }
}

/// The shape of an element-wise operation on two shapes, if they fit.
pub fn broadcast(left: &[Dim], right: &[Dim]) -> Option<Vec<Dim>> {
    let (long, short) = if left.len() >= right.len() {
        (left, right)
    } else {
        (right, left)
    };
    let lead = long.len() - short.len();
    let mut dims = long[..lead].to_vec();
    for (a, b) in long[lead..].iter().zip(short) {
        dims.push(broadcast_axis(a, b)?);
    }
    Some(dims)
}

/// The shape of `left @ right`, if they fit.
///
/// ```
/// use backprove_calculus::index::Dim;
/// use backprove_calculus::shape::matrix_product;
/// let (s, m, n) = (Dim::symbol("S"), Dim::symbol("M"), Dim::symbol("N"));
/// let product = matrix_product(&[s.clone(), m.clone()], &[m, n.clone()]);
/// assert_eq!(product, Some(vec![s, n]));
/// ```
pub fn matrix_product(left: &[Dim], right: &[Dim]) -> Option<Vec<Dim>> {
    let inner = left.last()?;
    let contracted = if right.len() == 1 {
        0
    } else {
        right.len().checked_sub(2)?
    };
    if *inner != right[contracted] {
        return None;
    }
    let rows = (left.len() > 1).then(|| left[left.len() - 2].clone());
    let columns = (right.len() > 1).then(|| right[right.len() - 1].clone());
    let mut dims = broadcast(
        &left[..left.len().saturating_sub(2)],
        &right[..right.len().saturating_sub(2)],
    )?;
    dims.extend(rows);
    dims.extend(columns);
    Some(dims)
}

/// The shape of the transpose.
pub fn transposed(dims: &[Dim]) -> Vec<Dim> {
    dims.iter().rev().cloned().collect()
}

/// The shape for a person: `S×M`, `a vector of N`, `a scalar`.
///
/// ```
/// use backprove_calculus::index::Dim;
/// use backprove_calculus::shape::described;
/// assert_eq!(described(&[Dim::symbol("S"), Dim::Literal(3)]), "S×3");
/// assert_eq!(described(&[Dim::symbol("N")]), "a vector of N");
/// assert_eq!(described(&[]), "a scalar");
/// ```
pub fn described(dims: &[Dim]) -> String {
    match dims {
        [] => "a scalar".to_owned(),
        [only] => format!("a vector of {only}"),
        _ => {
            let extents: Vec<String> = dims.iter().map(Dim::to_string).collect();
            extents.join("×")
        }
    }
}
