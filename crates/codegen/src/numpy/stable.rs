//! Patterns that overflow as they are written and have a form that does not: the logarithm of a sum of exponentials,
//! and the quotient of an exponential by such a sum. They are only found here; the forms stand in `private`.

use backprove_calculus::{Expr, FunctionName, Index, Node, Number, canonical};

/// `log(sum[k](exp(u)))`: the bound indices and `u`.
pub(super) fn log_sum_exp(expr: &Expr) -> Option<(&[Index], &Expr)> {
    let sum = applied("log", expr)?;
    sum_of_exponentials(sum)
}

/// `exp(u) / sum[k](exp(v))` among the factors of a product, `v` being `u` at other positions: the places of both
/// factors, `u`, and the indices over which it is normalised.
pub(super) fn softmax(factors: &[Expr]) -> Option<Softmax> {
    for (above, factor) in factors.iter().enumerate() {
        let Some(argument) = applied("exp", factor) else {
            continue;
        };
        for (below, divisor) in factors.iter().enumerate() {
            if let Some(axes) = normalised(argument, divisor) {
                return Some(Softmax {
                    above,
                    below,
                    argument: argument.clone(),
                    axes,
                });
            }
        }
    }
    None
}

/// A softmax among factors.
pub(super) struct Softmax {
    /// The place of the exponential.
    pub above: usize,
    /// The place of the reciprocal of the sum.
    pub below: usize,
    /// What is exponentiated.
    pub argument: Expr,
    /// Over what it is normalised.
    pub axes: Vec<Index>,
}

/// Whether one of the patterns occurs.
pub(super) fn occurs(expr: &Expr) -> bool {
    expr.any(&mut |part| {
        log_sum_exp(part).is_some()
            || matches!(part.node(), Node::Product(factors) if softmax(factors).is_some())
    })
}

fn applied<'a>(name: &str, expr: &'a Expr) -> Option<&'a Expr> {
    match expr.node() {
        Node::Call(callee, arguments) if callee.derivatives.is_empty() => {
            let known =
                matches!(&callee.function, FunctionName::Known(function) if function.name == name);
            arguments.first().filter(|_| known)
        }
        _ => None,
    }
}

/// `sum[k](exp(u))`: the bound indices and `u`.
pub(super) fn sum_of_exponentials(expr: &Expr) -> Option<(&[Index], &Expr)> {
    let Node::Sum(bound, body) = expr.node() else {
        return None;
    };
    let argument = applied("exp", body)?;
    let every = bound.iter().all(|index| argument.depends_on(index));
    every.then_some((bound.as_slice(), argument))
}

fn normalised(argument: &Expr, divisor: &Expr) -> Option<Vec<Index>> {
    let Node::Power(sum, exponent) = divisor.node() else {
        return None;
    };
    if !matches!(exponent.node(), Node::Number(value) if *value == Number::MINUS_ONE) {
        return None;
    }
    let (bound, pattern) = sum_of_exponentials(sum)?;
    let map = canonical::matches(pattern, argument, bound)?;
    let axes: Vec<Index> = bound
        .iter()
        .map(|index| map.get(index).cloned())
        .collect::<Option<_>>()?;
    let distinct = (1..axes.len()).all(|place| !axes[..place].contains(&axes[place]));
    // An index that stands fixed within the sum is not the one that runs.
    let free = !axes.iter().any(|axis| sum.depends_on(axis));
    (distinct && free).then_some(axes)
}
