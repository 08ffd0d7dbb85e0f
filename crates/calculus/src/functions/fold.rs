//! Definitions read backwards: an expression that is the written-out form of a function is the function.
//! Which forms there are stands in the table; nothing here knows a function by name.

use std::sync::LazyLock;

use super::meaning::form;
use super::{Function, table};
use crate::canonical;
use crate::expr::{Callee, Expr, Node, Tensor};
use crate::number::Number;
use crate::rules::algebra::times;

/// One form of a function of one argument, with `x` for the argument.
struct Form {
    function: &'static Function,
    pattern: Expr,
}

/// The argument in a pattern.
static ARGUMENT: LazyLock<Tensor> = LazyLock::new(|| Tensor::new("x", Vec::new()));

static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let argument = Expr::access(&ARGUMENT, &[]);
    let forms =
        table().flat_map(|function| function.forms.iter().map(move |text| (function, *text)));
    forms
        .filter_map(|(function, text)| {
            let pattern = form(text, function, std::slice::from_ref(&argument))?;
            Some(Form { function, pattern })
        })
        .collect()
});

/// The expression, if it is the written-out form of a function, as a call of it. In a product the form may be
/// some of the factors; a whole power of a form is a power of the call.
///
/// ```
/// use backprove_calculus::expr::{Expr, Tensor};
/// use backprove_calculus::functions::fold;
/// let x = Expr::access(&Tensor::new("X", vec![]), &[]);
/// let exponential = Expr::apply("exp", vec![x.negate()]);
/// let quotient = Expr::addition([Expr::one(), exponential]).reciprocal();
/// assert_eq!(fold(&quotient), Some(Expr::apply("sigmoid", vec![x])));
/// ```
pub fn fold(expr: &Expr) -> Option<Expr> {
    match expr.node() {
        Node::Product(_) | Node::Power(..) | Node::Call(..) => {}
        _ => return None,
    }
    FORMS.iter().find_map(|form| form.fold(expr))
}

impl Form {
    fn fold(&self, expr: &Expr) -> Option<Expr> {
        let call = |argument: Expr| Expr::call(Callee::known(self.function), vec![argument]);
        let mut found = None;
        match (self.pattern.node(), expr.node()) {
            (Node::Product(pattern), Node::Product(factors)) => {
                let position = take(pattern, factors, &mut found)?;
                let mut rest = position.rest;
                rest.insert(position.first.min(rest.len()), call(found?));
                Some(Expr::product(rest))
            }
            (Node::Power(base, exponent), Node::Power(inner, power)) => {
                let times = times(exponent, power)?;
                matches(base, inner, &mut found).then_some(())?;
                Some(call(found?).power(Expr::integer(times)))
            }
            (Node::Call(..), Node::Call(..)) => {
                matches(&self.pattern, expr, &mut found).then_some(())?;
                Some(call(found?))
            }
            _ => None,
        }
    }
}

/// The factors that are left over, and where the first of those taken stood.
struct Taken {
    rest: Vec<Expr>,
    first: usize,
}

/// Takes every factor of the pattern from `factors`.
fn take(pattern: &[Expr], factors: &[Expr], found: &mut Option<Expr>) -> Option<Taken> {
    // The argument alone fits anything: it comes last.
    let mut pattern: Vec<&Expr> = pattern.iter().collect();
    pattern.sort_by_key(|part| is_argument(part));
    // Most products fail at the first part, which is worth no copy.
    let leading = *pattern.first()?;
    let mut fits = factors
        .iter()
        .map(|factor| take_one(leading, factor, &mut found.clone()));
    fits.any(|left| left.is_some()).then_some(())?;
    let mut rest = factors.to_vec();
    let mut first = usize::MAX;
    take_each(&pattern, &mut rest, found, &mut first).then_some(Taken { rest, first })
}

fn take_each(
    pattern: &[&Expr],
    rest: &mut Vec<Expr>,
    found: &mut Option<Expr>,
    first: &mut usize,
) -> bool {
    let Some((part, others)) = pattern.split_first() else {
        return true;
    };
    for position in 0..rest.len() {
        let before = (found.clone(), rest.clone(), *first);
        if let Some(left) = take_one(part, &rest[position], found) {
            if left.is_one() {
                rest.remove(position);
            } else {
                rest[position] = left;
            }
            *first = (*first).min(position);
            if take_each(others, rest, found, first) {
                return true;
            }
        }
        (*found, *rest, *first) = before;
    }
    false
}

/// Matches one factor, or takes one power of it: what is left of the factor, one if nothing is.
fn take_one(pattern: &Expr, factor: &Expr, found: &mut Option<Expr>) -> Option<Expr> {
    if matches(pattern, factor, found) {
        return Some(Expr::one());
    }
    let (Node::Power(base, exponent), Node::Power(inner, power)) = (pattern.node(), factor.node())
    else {
        return None;
    };
    let times = times(exponent, power)?;
    matches(base, inner, found).then_some(())?;
    let left = Expr::product([exponent.clone(), Expr::integer(times - 1)]);
    Some(inner.power(left))
}

fn is_argument(part: &Expr) -> bool {
    matches!(part.node(), Node::Access(tensor, at) if at.is_empty() && *tensor == *ARGUMENT)
}

/// Whether `target` is `pattern` with an expression in place of the argument.
fn matches(pattern: &Expr, target: &Expr, found: &mut Option<Expr>) -> bool {
    if is_argument(pattern) {
        let known = found.get_or_insert_with(|| target.clone());
        return canonical::alike(known, target);
    }
    // What is to be `-x` is always the negative of something.
    if let Node::Product(parts) = pattern.node()
        && let [number, argument] = &parts[..]
        && is_argument(argument)
        && matches!(number.node(), Node::Number(value) if *value == Number::MINUS_ONE)
    {
        return matches(argument, &target.negate(), found);
    }
    match (pattern.node(), target.node()) {
        (Node::Number(left), Node::Number(right)) => left == right,
        (Node::Power(base, exponent), Node::Power(other, power)) => {
            exponent == power && matches(base, other, found)
        }
        (Node::Call(callee, parts), Node::Call(other, others)) => {
            callee == other
                && parts.len() == others.len()
                && parts
                    .iter()
                    .zip(others)
                    .all(|(part, other)| matches(part, other, found))
        }
        (Node::Product(parts), Node::Product(others)) | (Node::Add(parts), Node::Add(others)) => {
            let mut rest = others.clone();
            let parts: Vec<&Expr> = parts.iter().collect();
            parts.len() == others.len()
                && take_each(&parts, &mut rest, found, &mut usize::MAX.clone())
                && rest.is_empty()
        }
        _ => false,
    }
}
