//! The laws of products, powers and additions.

use super::{Level, Rule};
use crate::canonical;
use crate::expr::{Expr, Node};
use crate::functions;
use crate::number::Number;

/// The laws in the order in which they are tried.
pub static RULES: &[Rule] = &[
    Rule {
        name: "power-of-power",
        title: "powers",
        statement: "(f ** m) ** n = f ** (m * n), (f * g) ** n = f ** n * g ** n, n whole",
        level: Level::Bookkeeping,
        apply: |expr, _| simplify_power(expr),
    },
    Rule {
        name: "collect-powers",
        title: "equal factors",
        statement: "f ** m * f ** n = f ** (m + n)",
        level: Level::Bookkeeping,
        apply: |expr, _| {
            let collected = collect_powers(expr);
            (collected != *expr).then_some(collected)
        },
    },
    Rule {
        name: "cancel",
        title: "multiply out and cancel",
        statement: "f * (g / f + h) = g + f * h",
        level: Level::Bookkeeping,
        apply: |expr, _| cancel(expr),
    },
    Rule {
        name: "collect-terms",
        title: "like terms",
        statement: "m * f + n * f = (m + n) * f",
        level: Level::Bookkeeping,
        apply: |expr, _| collect_terms(expr),
    },
    Rule {
        name: "fold",
        title: "the definition of a function",
        statement: "1 / (1 + exp(-f)) = sigmoid(f), and the like for every function of the table",
        level: Level::Bookkeeping,
        apply: |expr, _| functions::fold(expr),
    },
    Rule {
        name: "absolute-value",
        title: "the absolute value times the sign",
        statement: "abs(f) * sign(f) = f",
        level: Level::Bookkeeping,
        apply: |expr, _| signed(expr),
    },
    Rule {
        name: "common-denominator",
        title: "common denominator",
        statement: "f / g + h / g ** 2 = (f * g + h) / g ** 2, where it becomes shorter",
        level: Level::Bookkeeping,
        apply: |expr, _| common_denominator(expr),
    },
    Rule {
        name: "cases",
        title: "by cases",
        statement: "where(c, 1, 0) * f + where(c, 0, 1) * g = where(c, f, g)",
        level: Level::Bookkeeping,
        apply: |expr, _| cases(expr),
    },
    Rule {
        name: "factor",
        title: "factor out",
        statement: "f * g + f * h = f * (g + h)",
        level: Level::Bookkeeping,
        apply: |expr, _| factor(expr),
    },
];

/// Whole powers of powers and of products.
pub fn simplify_power(expr: &Expr) -> Option<Expr> {
    let Node::Power(base, exponent) = expr.node() else {
        return None;
    };
    let Node::Number(number) = exponent.node() else {
        return None;
    };
    number.as_integer()?;
    match base.node() {
        Node::Power(inner, first) => {
            Some(inner.power(Expr::product([first.clone(), exponent.clone()])))
        }
        // `1 / (f * g)` is taken apart, so that its parts can cancel; `(f * g) ** 2` stays as it is written.
        Node::Product(factors) => {
            let apart = |factor: &Expr| {
                number.is_negative() || matches!(factor.node(), Node::Number(_) | Node::Power(..))
            };
            let (parts, together): (Vec<Expr>, Vec<Expr>) =
                factors.iter().cloned().partition(apart);
            if parts.is_empty() {
                return None;
            }
            let together = Expr::product(together).power(exponent.clone());
            let parts = parts.iter().map(|part| part.power(exponent.clone()));
            Some(Expr::product(parts.chain([together])))
        }
        _ => None,
    }
}

fn is_exact_number(expr: &Expr) -> bool {
    matches!(expr.node(), Node::Number(value) if value.is_exact())
}

/// Collects equal factors into powers; `f * f^-1` is one.
pub fn collect_powers(expr: &Expr) -> Expr {
    let Node::Product(factors) = expr.node() else {
        return expr.clone();
    };
    let mut collected: Vec<(Expr, Expr, bool)> = Vec::new();
    for factor in factors {
        let (base, exponent) = factor.split_power();
        let known = collected
            .iter_mut()
            .find(|(other, ..)| !is_exact_number(&base) && canonical::alike(other, &base));
        match known {
            Some((_, total, merged)) => {
                *total = Expr::addition([total.clone(), exponent]);
                *merged = true;
            }
            None => collected.push((base, exponent, false)),
        }
    }
    if collected.iter().all(|(.., merged)| !merged) {
        return expr.clone();
    }
    Expr::product(
        collected
            .into_iter()
            .map(|(base, exponent, _)| base.power(exponent)),
    )
}

/// Multiplies out where a factor meets its own reciprocal within the parenthesis.
fn cancel(expr: &Expr) -> Option<Expr> {
    let Node::Product(factors) = expr.node() else {
        return None;
    };
    let reciprocal = |factor: &Expr, term: &Expr| {
        let inverse = factor.reciprocal();
        let divides = |part: &Expr| canonical::alike(part, &inverse);
        term.factors().iter().any(divides)
    };
    let (outer, inner) = factors.iter().enumerate().find_map(|(outer, factor)| {
        let cancels = |part: &Expr| {
            matches!(part.node(), Node::Add(_))
                && part.terms().iter().any(|term| reciprocal(factor, term))
        };
        factors.iter().position(cancels).map(|inner| (outer, inner))
    })?;
    let terms = factors[inner].terms();
    let multiplied = terms
        .iter()
        .map(|term| collect_powers(&Expr::product([factors[outer].freshen(), term.clone()])));
    let rest = factors
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != outer && *at != inner);
    let rest: Vec<Expr> = rest.map(|(_, factor)| factor.clone()).collect();
    Some(Expr::product(
        rest.into_iter().chain([Expr::addition(multiplied)]),
    ))
}

/// The numeric coefficient of a term, one inside a sum included.
fn deep_coefficient(term: &Expr) -> (Number, Expr) {
    let (outer, rest) = term.split_coefficient();
    match rest.node() {
        Node::Sum(indices, body) => {
            let (inner, body) = body.split_coefficient();
            (outer.times(inner), Expr::sum(indices, body))
        }
        _ => (outer, rest),
    }
}

/// How often the exponent `part` goes into the exponent `whole`, as a whole number; for negative ones of either sign.
pub fn times(part: &Expr, whole: &Expr) -> Option<i64> {
    let (Node::Number(part), Node::Number(whole)) = (part.node(), whole.node()) else {
        return None;
    };
    whole.times(part.power(Number::MINUS_ONE)?).as_integer()
}

/// Collects like terms; `None` where there are none.
pub fn collect_terms(expr: &Expr) -> Option<Expr> {
    let Node::Add(terms) = expr.node() else {
        return None;
    };
    let mut collected: Vec<(Number, Expr, &Expr, bool)> = Vec::new();
    for term in terms {
        let (number, rest) = deep_coefficient(term);
        let known = collected
            .iter_mut()
            .find(|(_, other, ..)| canonical::alike(other, &rest));
        match known {
            Some((total, _, _, merged)) => {
                *total = total.plus(number);
                *merged = true;
            }
            None => collected.push((number, rest, term, false)),
        }
    }
    collected.iter().any(|(.., merged)| *merged).then(|| {
        Expr::addition(collected.into_iter().map(|(number, rest, term, merged)| {
            if merged {
                Expr::product([Expr::number(number), rest])
            } else {
                term.clone()
            }
        }))
    })
}

/// Factors out what all terms share, the lesser of two powers of it included.
fn factor(expr: &Expr) -> Option<Expr> {
    let Node::Add(terms) = expr.node() else {
        return None;
    };
    let mut split: Vec<Vec<Expr>> = terms.iter().map(Expr::factors).collect();
    let mut shared = Vec::new();
    for candidate in split[0].clone() {
        if matches!(candidate.node(), Node::Number(_)) {
            continue;
        }
        let Some((common, rest)) = share(&candidate, &split) else {
            continue;
        };
        split = rest;
        shared.push(common);
    }
    let number = common_number(&split);
    if shared.is_empty() && number.is_one() {
        return None;
    }
    let inverse = number.power(Number::MINUS_ONE)?;
    let rest = split
        .into_iter()
        .map(|factors| Expr::product([Expr::number(inverse)].into_iter().chain(factors)));
    let inner = Expr::addition(rest);
    Some(Expr::product(
        [Expr::number(number)]
            .into_iter()
            .chain(shared)
            .chain([inner]),
    ))
}

/// The power of `candidate`'s base that all terms share, and the terms without it.
fn share(candidate: &Expr, terms: &[Vec<Expr>]) -> Option<(Expr, Vec<Vec<Expr>>)> {
    let (base, exponent) = candidate.split_power();
    let same = |other: &Expr, base: &Expr| {
        other.signature() == base.signature() && canonical::alike(other, base)
    };
    // `1 - a` and `a - 1` differ only in sign.
    let turned = matches!(base.node(), Node::Add(_)).then(|| {
        let terms = base.terms();
        Expr::addition(terms.iter().map(Expr::negate))
    });
    let found: Option<Vec<(usize, Expr, bool)>> = terms
        .iter()
        .map(|factors| {
            factors.iter().enumerate().find_map(|(position, factor)| {
                let (other, power) = factor.split_power();
                if same(&other, &base) {
                    return Some((position, power, false));
                }
                let turned = turned.as_ref()?;
                (power.is_one() && same(&other, turned)).then_some((position, power, true))
            })
        })
        .collect();
    let found = found?;
    let common = if found.iter().all(|(_, power, _)| *power == exponent) {
        exponent
    } else {
        let least = least(found.iter().map(|(_, power, _)| power))?;
        // A polynomial such as `x + x ** 3` stays as it is written.
        let negative = least.split_coefficient().0.is_negative();
        if !negative && matches!(base.node(), Node::Access(..)) {
            return None;
        }
        least
    };
    let rest = terms
        .iter()
        .zip(&found)
        .map(|(factors, (position, power, turned))| {
            let mut factors = factors.clone();
            let left = Expr::addition([power.clone(), common.negate()]);
            if left.is_zero() {
                factors.remove(*position);
            } else {
                factors[*position] = base.power(left);
            }
            if *turned {
                factors.push(Expr::number(Number::MINUS_ONE));
            }
            factors
        });
    Some((base.power(common.clone()), rest.collect()))
}

/// The number nearest to zero, where all are numbers of one sign.
fn least<'a>(exponents: impl Iterator<Item = &'a Expr>) -> Option<Expr> {
    let numbers: Option<Vec<Number>> = exponents
        .map(|exponent| match exponent.node() {
            Node::Number(number) => Some(*number),
            _ => None,
        })
        .collect();
    let numbers = numbers?;
    let negative = numbers.first()?.is_negative();
    if numbers
        .iter()
        .any(|number| number.is_negative() != negative)
    {
        return None;
    }
    let least = if negative {
        numbers.into_iter().max()
    } else {
        numbers.into_iter().min()
    };
    least.map(Expr::number)
}

/// The argument, where its absolute value and its sign are factors.
fn signed(expr: &Expr) -> Option<Expr> {
    let Node::Product(factors) = expr.node() else {
        return None;
    };
    let argument = |name: &str, factor: &Expr| match factor.node() {
        Node::Call(callee, parts) if callee.name() == name && callee.derivatives.is_empty() => {
            parts.first().cloned()
        }
        _ => None,
    };
    let absolute = |factor: &Expr| {
        let (base, exponent) = factor.split_power();
        let positive = matches!(exponent.node(), Node::Number(value) if !value.is_negative());
        let argument = argument("abs", &base)?;
        positive.then_some((argument, base, exponent))
    };
    let sign = factors
        .iter()
        .position(|factor| argument("sign", factor).is_some())?;
    let of = argument("sign", &factors[sign])?;
    let (position, base, exponent) =
        factors.iter().enumerate().find_map(|(position, factor)| {
            let (argument, base, exponent) = absolute(factor)?;
            canonical::alike(&argument, &of).then_some((position, base, exponent))
        })?;
    let less = Expr::addition([exponent, Expr::integer(-1)]);
    let mut factors = factors.clone();
    factors[position] = base.power(less);
    factors[sign] = of;
    Some(Expr::product(factors))
}

/// Nodes of an addition up to which a common denominator is looked for.
const MOST_DENOMINATED: usize = 60;

/// Brings fractions together, where the numerator becomes so simple that the whole is shorter.
fn common_denominator(expr: &Expr) -> Option<Expr> {
    let Node::Add(terms) = expr.node() else {
        return None;
    };
    if expr.size() > MOST_DENOMINATED {
        return None;
    }
    let divisor = |factor: &Expr| {
        let (base, exponent) = factor.split_power();
        let whole = matches!(exponent.node(), Node::Number(value) if value.is_negative() && value.as_integer().is_some());
        (whole && matches!(base.node(), Node::Add(_))).then_some(base)
    };
    let divisors = terms.iter().flat_map(Expr::factors);
    let mut divisors = divisors.filter_map(|factor| divisor(&factor));
    divisors.find_map(|divisor| {
        let brought = over(terms, &divisor)?;
        (brought.size() < expr.size()).then_some(brought)
    })
}

/// The terms over the highest power of `divisor` that divides one of them.
fn over(terms: &[Expr], divisor: &Expr) -> Option<Expr> {
    let split: Option<Vec<(i64, Expr)>> = terms
        .iter()
        .map(|term| {
            let mut factors = term.factors();
            let divides = |factor: &Expr| canonical::alike(&factor.split_power().0, divisor);
            let Some(position) = factors.iter().position(divides) else {
                return Some((0, term.clone()));
            };
            let (_, exponent) = factors.remove(position).split_power();
            match exponent.node() {
                Node::Number(value) => Some((value.as_integer()?, Expr::product(factors))),
                _ => None,
            }
        })
        .collect();
    let split = split?;
    let lowest = split.iter().map(|(power, _)| *power).min()?;
    let numerator = split.iter().map(|(power, rest)| match power - lowest {
        0 => Some(vec![rest.clone()]),
        1 => {
            let terms = divisor.terms().into_iter();
            let multiplied = terms.map(|term| Expr::product([rest.freshen(), term.freshen()]));
            Some(multiplied.collect())
        }
        _ => None,
    });
    let numerator: Option<Vec<Vec<Expr>>> = numerator.collect();
    let numerator = Expr::addition(numerator?.into_iter().flatten());
    let numerator = collect_terms(&numerator).unwrap_or(numerator);
    Some(Expr::product([
        numerator,
        divisor.power(Expr::integer(lowest)),
    ]))
}

/// Two terms of which one counts where a condition holds and the other where it does not.
fn cases(expr: &Expr) -> Option<Expr> {
    let Node::Add(terms) = expr.node() else {
        return None;
    };
    // A delta is contracted first: within a case it would be out of reach.
    let mut is_delta = |part: &Expr| matches!(part.node(), Node::Delta(..));
    if expr.any(&mut is_delta) {
        return None;
    }
    let chosen = |term: &Expr| {
        let mut factors = term.factors();
        let (position, choice) = factors
            .iter()
            .enumerate()
            .find_map(|(position, factor)| selection(factor).map(|choice| (position, choice)))?;
        factors.remove(position);
        Some((choice, Expr::product(factors)))
    };
    let chosen: Vec<Option<((Expr, bool), Expr)>> = terms.iter().map(chosen).collect();
    for (first, left) in chosen.iter().enumerate() {
        let Some(((condition, true), then)) = left else {
            continue;
        };
        for (second, right) in chosen.iter().enumerate() {
            let Some(((other, false), otherwise)) = right else {
                continue;
            };
            if canonical::alike(condition, other) {
                let mut terms = terms.clone();
                let parts = vec![condition.clone(), then.clone(), otherwise.clone()];
                terms[first.min(second)] = Expr::apply("where", parts);
                terms.remove(first.max(second));
                return Some(Expr::addition(terms));
            }
        }
    }
    None
}

/// The condition of `where(c, 1, 0)` or `where(c, 0, 1)`, and which of them it is.
fn selection(factor: &Expr) -> Option<(Expr, bool)> {
    let Node::Call(callee, parts) = factor.node() else {
        return None;
    };
    let [condition, then, otherwise] = &parts[..] else {
        return None;
    };
    if callee.name() != "where" || !callee.derivatives.is_empty() {
        return None;
    }
    if then.is_one() && otherwise.is_zero() {
        Some((condition.clone(), true))
    } else if then.is_zero() && otherwise.is_one() {
        Some((condition.clone(), false))
    } else {
        None
    }
}

/// The number that stands in front of every term up to its sign; one where there is none. A term
/// that is nothing but a number shares none, or `1 - 1` over two would become `(2 - 2) / 2`.
fn common_number(terms: &[Vec<Expr>]) -> Number {
    let numbers: Vec<Number> = terms
        .iter()
        .map(|factors| Expr::product(factors.iter().cloned()).split_coefficient())
        .map(|(number, rest)| if rest.is_one() { Number::ONE } else { number })
        .collect();
    let magnitude = |number: Number| {
        if number.is_negative() {
            number.negate()
        } else {
            number
        }
    };
    let first = magnitude(numbers[0]);
    if first.is_one() || !numbers.iter().all(|number| magnitude(*number) == first) {
        return Number::ONE;
    }
    first
}
