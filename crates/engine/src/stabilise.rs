//! The labelled rewrites that keep exponentials finite: `log Σ exp(u) → m + log Σ exp(u − m)` and
//! `exp(u) / Σ exp(u) → exp(u − m) / Σ exp(u − m)` with `m = max u`. They hold exactly for real numbers; nothing
//! else may be rewritten here.

use std::collections::HashMap;

use backprove_calculus::{Expr, Fact, FunctionName, Index, Node, Number, Program, Reduction};

/// Rewrites expressions; knows the program's equations, so that the logarithm of a named softmax is seen.
pub(crate) struct Stabiliser<'a> {
    program: &'a Program,
}

/// `Σ exp(argument)` over `indices`.
struct ExponentialSum {
    indices: Vec<Index>,
    argument: Expr,
}

impl ExponentialSum {
    fn find(expr: &Expr) -> Option<Self> {
        let Node::Sum(indices, body) = expr.node() else {
            return None;
        };
        let argument = exponent(body)?;
        Some(Self {
            indices: indices.clone(),
            argument: argument.clone(),
        })
    }

    /// The sum with its maximum subtracted, and that maximum.
    fn shifted(&self) -> (Expr, Expr) {
        let maximum =
            Expr::reduce(Reduction::Maximum, &self.indices, self.argument.clone()).freshen();
        let argument = Expr::addition([self.argument.clone(), maximum.negate()]);
        let sum = Expr::sum(&self.indices, Expr::apply("exp", vec![argument])).freshen();
        (sum, maximum)
    }

    /// Whether `argument` is this sum's, at some values of its indices.
    fn covers(&self, argument: &Expr) -> bool {
        let mut map: HashMap<Index, Option<Index>> = self
            .indices
            .iter()
            .map(|index| (index.clone(), None))
            .collect();
        let selected = Selection::find(argument);
        let argument = selected.as_ref().map_or(argument, |found| &found.rest);
        matches(&self.argument, argument, &mut map)
    }
}

/// `Σ [i == value] rest`: one element of `rest`.
struct Selection {
    index: Index,
    indicator: Expr,
    rest: Expr,
}

impl Selection {
    fn find(expr: &Expr) -> Option<Self> {
        let Node::Sum(indices, body) = expr.node() else {
            return None;
        };
        let ([index], Node::Product(factors)) = (indices.as_slice(), body.node()) else {
            return None;
        };
        let selects = |factor: &&Expr| matches!(factor.node(), Node::Indicator(at, value) if at == index && !value.depends_on(index));
        let indicator = factors.iter().find(selects)?;
        let rest = factors.iter().filter(|factor| *factor != indicator);
        Some(Self {
            index: index.clone(),
            indicator: indicator.clone(),
            rest: Expr::product(rest.cloned()),
        })
    }

    /// Whether exactly one element is selected whatever the values: by labels of just this extent.
    fn is_total(&self) -> bool {
        let Node::Indicator(_, value) = self.indicator.node() else {
            return false;
        };
        let Node::Access(tensor, _) = value.node() else {
            return false;
        };
        tensor
            .facts()
            .iter()
            .any(|fact| matches!(fact, Fact::Labels(dim) if dim == self.index.extent()))
    }
}

impl<'a> Stabiliser<'a> {
    pub(crate) fn new(program: &'a Program) -> Self {
        Self { program }
    }

    /// The expression with every such quotient and logarithm in its stable form.
    pub(crate) fn stabilise(&self, expr: &Expr) -> Expr {
        match expr.node() {
            Node::Call(callee, arguments) if is_function(expr, "log") => {
                let stable = arguments
                    .first()
                    .and_then(|argument| self.logarithm(argument));
                stable.unwrap_or_else(|| {
                    let arguments = arguments.iter().map(|part| self.stabilise(part));
                    Expr::call(callee.clone(), arguments.collect())
                })
            }
            Node::Product(factors) => {
                let factors: Vec<Expr> = factors.iter().map(|part| self.stabilise(part)).collect();
                quotient(factors)
            }
            _ => expr.map_children(|child| self.stabilise(child)),
        }
    }

    /// `log argument`, if it is the logarithm of a sum of exponentials or of such a quotient.
    fn logarithm(&self, argument: &Expr) -> Option<Expr> {
        if let Some(sum) = ExponentialSum::find(argument) {
            let sum = ExponentialSum {
                argument: self.stabilise(&sum.argument),
                indices: sum.indices,
            };
            let (shifted, maximum) = sum.shifted();
            let logarithm = Expr::apply("log", vec![shifted]);
            return Some(Expr::addition([maximum, logarithm]));
        }
        if let Some(selection) = Selection::find(argument)
            && selection.is_total()
        {
            let logarithm = self.logarithm(&selection.rest)?;
            let body = Expr::product([selection.indicator, logarithm]);
            return Some(Expr::sum(&[selection.index], body));
        }
        match argument.node() {
            Node::Access(tensor, indices) => {
                let equation = self.program.equation(tensor.name())?;
                if !matches!(equation.body.node(), Node::Product(_)) {
                    return None;
                }
                self.logarithm(&equation.at(indices))
            }
            Node::Product(factors) => {
                let mut divides = false;
                let mut terms = Vec::new();
                for factor in factors {
                    if let Some(argument) = exponent(factor) {
                        terms.push(self.stabilise(argument));
                        continue;
                    }
                    let Node::Power(base, power) = factor.node() else {
                        return None;
                    };
                    ExponentialSum::find(base)?;
                    divides = true;
                    terms.push(Expr::product([power.clone(), self.logarithm(base)?]));
                }
                (divides && terms.len() > 1).then(|| Expr::addition(terms))
            }
            _ => None,
        }
    }
}

/// The product of `factors`, with each exponential that is divided by its own sum shifted by the maximum.
fn quotient(mut factors: Vec<Expr>) -> Expr {
    for place in 0..factors.len() {
        let Some((sum, count)) = divisor(&factors[place]) else {
            continue;
        };
        let covered: Vec<usize> = factors
            .iter()
            .enumerate()
            .filter(|(_, factor)| exponent(factor).is_some_and(|argument| sum.covers(argument)))
            .map(|(place, _)| place)
            .take(usize::try_from(count).unwrap_or(usize::MAX))
            .collect();
        if covered.is_empty() {
            continue;
        }
        let (shifted, maximum) = sum.shifted();
        factors[place] = shifted.power(Expr::integer(-count));
        let missing = count - covered.len() as i64;
        for place in covered {
            if let Some(argument) = exponent(&factors[place]) {
                let argument = Expr::addition([argument.clone(), maximum.freshen().negate()]);
                factors[place] = Expr::apply("exp", vec![argument]);
            }
        }
        if missing > 0 {
            let shift = Expr::product([Expr::number(Number::integer(-missing)), maximum]);
            factors.push(Expr::apply("exp", vec![shift]));
        }
    }
    Expr::product(factors)
}

/// For `(Σ exp(u)) ** -count`, also written as a power of a power: the sum and the count.
fn divisor(factor: &Expr) -> Option<(ExponentialSum, i64)> {
    let mut exponent = Number::ONE;
    let mut base = factor;
    while let Node::Power(inner, power) = base.node() {
        let Node::Number(value) = power.node() else {
            return None;
        };
        // Whole exponents only: roots of powers are another matter.
        value.as_integer()?;
        exponent = exponent.times(*value);
        base = inner;
    }
    let count = exponent.negate().as_integer()?;
    (count > 0).then_some((ExponentialSum::find(base)?, count))
}

fn is_function(expr: &Expr, name: &str) -> bool {
    matches!(
        expr.node(),
        Node::Call(callee, _)
            if matches!(callee.function, FunctionName::Known(_))
                && callee.derivatives.is_empty()
                && callee.name() == name
    )
}

/// The argument of an exponential.
fn exponent(expr: &Expr) -> Option<&Expr> {
    match expr.node() {
        Node::Call(_, arguments) if is_function(expr, "exp") => arguments.first(),
        _ => None,
    }
}

/// Whether `expr` is `pattern` with the indices in `map` replaced: `None` is open to any index.
fn matches(pattern: &Expr, expr: &Expr, map: &mut HashMap<Index, Option<Index>>) -> bool {
    let mut same = |left: &Index, right: &Index| match map.get_mut(left) {
        Some(Some(image)) => image == right,
        Some(open) => {
            *open = Some(right.clone());
            true
        }
        None => left == right,
    };
    let binders = |left: &[Index], right: &[Index]| {
        left.len() == right.len()
            && left
                .iter()
                .zip(right)
                .all(|(left, right)| left.extent() == right.extent())
    };
    match (pattern.node(), expr.node()) {
        (Node::Number(left), Node::Number(right)) => left == right,
        (Node::Extent(left), Node::Extent(right)) => left == right,
        (Node::Access(left, at), Node::Access(right, other)) => {
            left == right
                && at.len() == other.len()
                && at.iter().zip(other).all(|(left, right)| same(left, right))
        }
        (Node::Delta(left, right), Node::Delta(other_left, other_right)) => {
            same(left, other_left) && same(right, other_right)
        }
        (Node::Indicator(left, value), Node::Indicator(right, other)) => {
            same(left, right) && matches(value, other, map)
        }
        (Node::Sum(left, body), Node::Sum(right, other)) => {
            binders(left, right) && {
                map.extend(left.iter().cloned().zip(right.iter().cloned().map(Some)));
                matches(body, other, map)
            }
        }
        (Node::Reduce(kind, left, body), Node::Reduce(other_kind, right, other)) => {
            kind == other_kind && binders(left, right) && {
                map.extend(left.iter().cloned().zip(right.iter().cloned().map(Some)));
                matches(body, other, map)
            }
        }
        (Node::Call(left, _), Node::Call(right, _)) if left != right => false,
        (Node::Product(_), Node::Product(_))
        | (Node::Add(_), Node::Add(_))
        | (Node::Power(..), Node::Power(..))
        | (Node::Call(..), Node::Call(..)) => {
            let (left, right) = (pattern.children(), expr.children());
            left.clone().count() == right.clone().count()
                && left
                    .zip(right)
                    .all(|(left, right)| matches(left, right, map))
        }
        _ => false,
    }
}
