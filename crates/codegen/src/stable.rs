//! Patterns that overflow as they are written and have a form that does not: the logarithm of a sum of exponentials,
//! and the quotient of an exponential by such a sum. They are only found here; the forms stand with the emitters.

use backprove_calculus::{Expr, FunctionName, Index, Node, Number, canonical};

/// `log(sum[k](exp(u)))`: the bound indices and `u`.
pub(crate) fn log_sum_exp(expr: &Expr) -> Option<(&[Index], &Expr)> {
    let sum = applied("log", expr)?;
    sum_of_exponentials(sum)
}

/// `exp(u) / sum[k](exp(v))` among the factors of a product, `v` being `u` at other positions: the places of both
/// factors, `u`, and the indices over which it is normalised.
pub(crate) fn softmax(factors: &[Expr]) -> Option<Softmax> {
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
pub(crate) struct Softmax {
    /// The place of the exponential.
    pub above: usize,
    /// The place of the reciprocal of the sum.
    pub below: usize,
    /// What is exponentiated.
    pub argument: Expr,
    /// Over what it is normalised.
    pub axes: Vec<Index>,
}

impl Softmax {
    /// Takes both factors out.
    pub(crate) fn remove_from(&self, factors: &mut Vec<Expr>) {
        factors.remove(self.above.max(self.below));
        factors.remove(self.above.min(self.below));
    }
}

/// `log(exp(u) / sum[k](exp(v)))`.
pub(crate) fn log_softmax(expr: &Expr) -> Option<Softmax> {
    match applied("log", expr)?.node() {
        Node::Product(factors) if factors.len() == 2 => softmax(factors),
        _ => None,
    }
}

/// The factors of a product so that the parts of a softmax stand beside each other: a reciprocal is moved into the sum
/// over its exponential, a power of it is taken apart. Unchanged where there is no softmax to be found.
pub(crate) fn gathered(factors: &[Expr]) -> Vec<Expr> {
    let mut parts: Vec<Expr> = factors.iter().flat_map(single_powers).collect();
    let mut is_changed = softmax(&parts).is_some();
    while let Some((sum, divisor)) = movable(&parts) {
        if let Node::Sum(bound, body) = parts[sum].node() {
            parts[sum] = Expr::sum(bound, Expr::product([body.clone(), parts[divisor].clone()]));
            parts.remove(divisor);
            is_changed = true;
        }
    }
    if is_changed { parts } else { factors.to_vec() }
}

/// `exp(a) / sum[k](exp(v))` is `exp(a - log(sum[k](exp(v))))` whatever `a` is: the places of both factors and that form.
fn shifted(factors: &[Expr]) -> Option<(usize, usize, Expr)> {
    let below = factors
        .iter()
        .position(|factor| divides_by_sum(factor).is_some())?;
    let (sum, _, _) = divides_by_sum(&factors[below])?;
    let mut places = factors.iter().enumerate();
    let (above, argument) =
        places.find_map(|(place, factor)| Some((place, applied("exp", factor)?)))?;
    let logarithm = Expr::apply("log", vec![sum.clone()]);
    let difference = Expr::addition([argument.clone(), logarithm.negate()]);
    Some((above, below, Expr::apply("exp", vec![difference])))
}

/// Brings what is left of quotients by sums of exponentials into that form.
pub(crate) fn shift(factors: &mut Vec<Expr>) {
    while let Some((above, below, exponential)) = shifted(factors) {
        factors[above] = exponential;
        factors.remove(below);
    }
}

/// `log(exp(a) / sum[k](exp(v)))` as `a - log(sum[k](exp(v)))`.
pub(crate) fn log_quotient(expr: &Expr) -> Option<Expr> {
    let Node::Product(factors) = applied("log", expr)?.node() else {
        return None;
    };
    let (_, _, exponential) = shifted(factors)?;
    let difference = applied("exp", &exponential)?;
    (factors.len() == 2).then(|| difference.clone())
}

/// Whether one of the patterns occurs.
pub(crate) fn occurs(expr: &Expr) -> bool {
    expr.any(&mut |part| match part.node() {
        Node::Product(factors) => shifted(factors).is_some() || gathered(factors) != *factors,
        _ => log_sum_exp(part).is_some(),
    })
}

/// `s**-2` as `s**-1` twice, where s is a sum of exponentials.
fn single_powers(factor: &Expr) -> Vec<Expr> {
    if let Node::Power(base, exponent) = factor.node()
        && let Node::Number(value) = exponent.node()
        && let Some(count @ -4..=-2) = value.as_integer()
        && sum_of_exponentials(base).is_some()
    {
        let count = usize::try_from(-count).unwrap_or(1);
        return vec![base.reciprocal(); count];
    }
    vec![factor.clone()]
}

/// The places of a sum over an exponential and of the reciprocal that makes it a softmax.
fn movable(factors: &[Expr]) -> Option<(usize, usize)> {
    for (place, factor) in factors.iter().enumerate() {
        let Node::Sum(_, body) = factor.node() else {
            continue;
        };
        let inner = body.factors();
        if softmax(&inner).is_some() {
            continue;
        }
        let arguments: Vec<&Expr> = inner
            .iter()
            .filter_map(|part| applied("exp", part))
            .collect();
        let divides = |divisor: &Expr| {
            arguments
                .iter()
                .any(|argument| normalised(argument, divisor).is_some())
        };
        if let Some(divisor) = factors.iter().position(divides) {
            return Some((place, divisor));
        }
    }
    None
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
pub(crate) fn sum_of_exponentials(expr: &Expr) -> Option<(&[Index], &Expr)> {
    let Node::Sum(bound, body) = expr.node() else {
        return None;
    };
    let argument = applied("exp", body)?;
    let every = bound.iter().all(|index| argument.depends_on(index));
    every.then_some((bound.as_slice(), argument))
}

/// `1 / sum[k](exp(v))`: the sum, the bound indices and `v`.
fn divides_by_sum(divisor: &Expr) -> Option<(&Expr, &[Index], &Expr)> {
    let Node::Power(sum, exponent) = divisor.node() else {
        return None;
    };
    if !matches!(exponent.node(), Node::Number(value) if *value == Number::MINUS_ONE) {
        return None;
    }
    let (bound, pattern) = sum_of_exponentials(sum)?;
    Some((sum, bound, pattern))
}

fn normalised(argument: &Expr, divisor: &Expr) -> Option<Vec<Index>> {
    let (sum, bound, pattern) = divides_by_sum(divisor)?;
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
