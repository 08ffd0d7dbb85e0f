//! The program as it is differentiated: written-out functions are read as such, and what a person would
//! give a name becomes an equation of its own. Values stay the same; no derivative is taken here.
//!
//! Named are, in this order, a softmax inside a larger expression, a contraction that occurs several
//! times, a quotient by a reduction of the same tensor (as in normalisations), a root of a reduction, the
//! argument of a function whose definition mentions it several times, and a function between two
//! contractions: a layer.

use std::collections::HashSet;

use super::gradient::mentioned_names;
use super::order;
use crate::candidates;
use crate::canonical;
use crate::expr::{Expr, Fact, FunctionName, Node, Tensor};
use crate::functions::{self, Body};
use crate::index::Index;
use crate::matrix;
use crate::program::{Equation, Names, Program};
use crate::rules::algebra;
use crate::rules::function::by_name;

/// A program with the names that were introduced.
pub(super) struct Prepared {
    pub(super) program: Program,
    /// The targets that the author did not define.
    pub(super) introduced: HashSet<String>,
    /// Those among them that are written out again where they occur once.
    pub(super) passing: HashSet<String>,
}

/// Prepares `program` for derivatives by `wrt`.
pub(super) fn prepare(program: &Program, wrt: &[Tensor]) -> Prepared {
    let mut preparation = Preparation {
        names: program.names(),
        varying: wrt.iter().map(|tensor| tensor.name().to_owned()).collect(),
        introduced: HashSet::new(),
        passing: HashSet::new(),
        equations: Vec::new(),
    };
    // What is only equal where a matrix is symmetric, say, is not one part: its derivatives by the elements differ.
    let free = order::unconstrained(program, wrt);
    for equation in &free.as_ref().unwrap_or(program).equations {
        preparation.add(equation);
    }
    if free.is_some() {
        let declared = |tensor: &Tensor| wrt.iter().find(|own| *own == tensor).cloned();
        for equation in &mut preparation.equations {
            equation.body = order::retold(&equation.body, &declared);
        }
    }
    Prepared {
        program: Program {
            equations: preparation.equations,
            ..program.clone()
        },
        introduced: preparation.introduced,
        passing: preparation.passing,
    }
}

struct Preparation {
    names: Names,
    /// The tensors that change with what is differentiated by.
    varying: HashSet<String>,
    introduced: HashSet<String>,
    passing: HashSet<String>,
    equations: Vec<Equation>,
}

/// A part that deserves a name, as an equation with free indices of its own.
struct Part {
    letter: String,
    equation: Equation,
    /// Whether the name serves the derivation more than the reader.
    passing: bool,
}

impl Part {
    /// A part that every reader knows by a name.
    fn lasting(letter: impl Into<String>, equation: Equation) -> Self {
        Self {
            letter: letter.into(),
            equation,
            passing: false,
        }
    }

    /// A part that is named because it is long. Vectors and scalars get a small letter.
    fn passing(letter: &str, part: &Expr) -> Self {
        let equation = equation(part);
        let letter = if equation.target.rank() < 2 {
            letter.to_lowercase()
        } else {
            letter.to_owned()
        };
        Self {
            letter,
            equation,
            passing: true,
        }
    }
}

impl Preparation {
    fn add(&mut self, equation: &Equation) {
        let varies = mentioned_names(&equation.body)
            .iter()
            .any(|name| self.varying.contains(*name));
        if !varies {
            self.equations.push(equation.clone());
            return;
        }
        let mut body = fold(&equation.body);
        while let Some(part) = self.part(&body) {
            let name = self.names.take(&part.letter);
            let dims = part.equation.target.dims().to_vec();
            let named = Equation {
                target: Tensor::with_facts(name.as_str(), dims, facts(&part.equation)),
                ..part.equation
            };
            let replaced = replace(&body, &named);
            if replaced == body {
                break;
            }
            body = replaced;
            if part.passing {
                self.passing.insert(name.clone());
            }
            self.introduced.insert(name);
            self.add(&named);
        }
        self.varying.insert(equation.target.name().to_owned());
        self.equations.push(if body == equation.body {
            equation.clone()
        } else {
            Equation {
                matrix: matrix::recover(&body, &equation.indices),
                body,
                ..equation.clone()
            }
        });
    }

    fn part(&self, body: &Expr) -> Option<Part> {
        self.softmax(body)
            .or_else(|| self.repeated(body))
            .or_else(|| self.quotient(body))
            .or_else(|| self.root(body))
            .or_else(|| self.argument(body))
            .or_else(|| self.layer(body))
    }

    fn varies(&self, expr: &Expr) -> bool {
        expr.any(&mut |part| match part.node() {
            Node::Access(tensor, _) => self.varying.contains(tensor.name()),
            _ => false,
        })
    }

    /// Whether the expression holds a sum of products in which something varies.
    fn contracts(&self, expr: &Expr) -> bool {
        let is_product = |body: &Expr| {
            let tensors = body.factors().into_iter();
            tensors
                .filter(|factor| {
                    // A number scales; a position or a delta only chooses an element.
                    !matches!(
                        factor.node(),
                        Node::Number(_) | Node::Extent(_) | Node::Indicator(..) | Node::Delta(..)
                    )
                })
                .count()
                > 1
        };
        expr.any(&mut |part| match part.node() {
            Node::Sum(_, body) => is_product(body) && self.varies(body),
            _ => false,
        })
    }

    /// A softmax that is not the whole.
    fn softmax(&self, body: &Expr) -> Option<Part> {
        let found = candidates::of(body);
        let mut softmaxes = found.into_iter().filter(|(letter, _)| *letter == "P");
        softmaxes.find_map(|(letter, equation)| {
            let whole = canonical::matches(&equation.body, body, &equation.indices).is_some();
            let occurs = replace(body, &equation) != *body;
            (!whole && occurs && self.varies(&equation.body))
                .then(|| Part::lasting(letter, equation))
        })
    }

    /// The largest contraction that occurs at least twice.
    fn repeated(&self, body: &Expr) -> Option<Part> {
        let mut parts: Vec<Expr> = Vec::new();
        body.visit(&mut |part| {
            let eligible = matches!(part.node(), Node::Sum(..) | Node::Add(_) | Node::Product(_));
            if eligible && part != body && self.contracts(part) {
                parts.push(part.clone());
            }
        });
        parts.sort_by_key(|part| std::cmp::Reverse(part.size()));
        parts.iter().find_map(|part| {
            let part = Part::passing("Z", part);
            (occurrences(body, &part.equation) > 1).then_some(part)
        })
    }

    /// `u / f(sum(u))` beside other factors or terms, named after `u`.
    fn quotient(&self, body: &Expr) -> Option<Part> {
        first(body, |part| self.quotient_in(part, body))
    }

    fn quotient_in(&self, part: &Expr, body: &Expr) -> Option<Part> {
        let Node::Product(factors) = part.node() else {
            return None;
        };
        let divisor = factors
            .iter()
            .find(|factor| self.is_reduction_below(factor))?;
        let tensors = mentioned_names(divisor);
        let free = divisor.free_indices();
        let belongs = |factor: &&Expr| {
            mentioned_names(factor)
                .iter()
                .any(|name| tensors.contains(name) && self.varying.contains(*name))
        };
        let own: Vec<Expr> = factors.iter().filter(belongs).cloned().collect();
        let quotient = Expr::product(own.iter().cloned());
        let indices = quotient.free_indices();
        let reduces =
            indices.len() > free.len() && free.iter().all(|index| indices.contains(index));
        let whole = own.len() == factors.len() && part == body;
        if own.len() < 2 || whole || !reduces {
            return None;
        }
        let mut variables = tensors.iter().filter(|name| self.varying.contains(**name));
        let (Some(variable), None) = (variables.next(), variables.next()) else {
            return None;
        };
        let indices = in_order(&own, indices);
        Some(Part::lasting(
            format!("{variable}_hat"),
            named(&quotient, &indices),
        ))
    }

    /// Whether it is a negative power of something with a sum in it that varies.
    fn is_reduction_below(&self, factor: &Expr) -> bool {
        let Node::Power(base, exponent) = factor.node() else {
            return false;
        };
        let negative = matches!(exponent.node(), Node::Number(value) if value.is_negative());
        let reduces = |part: &Expr| matches!(part.node(), Node::Sum(..) | Node::Reduce(..));
        negative && self.varies(base) && base.any(&mut |part| reduces(part))
    }

    /// A root of a reduction, where it is not the whole: a deviation or a norm.
    fn root(&self, body: &Expr) -> Option<Part> {
        first(body, |part| {
            let Node::Power(base, exponent) = part.node() else {
                return None;
            };
            let Node::Number(number) = exponent.node() else {
                return None;
            };
            let root = number.as_integer().is_none() && number.is_exact();
            let reduces = |part: &Expr| matches!(part.node(), Node::Sum(..));
            if part == body || !root || !self.varies(base) || !base.any(&mut |part| reduces(part)) {
                return None;
            }
            let positive = if number.is_negative() {
                exponent.negate()
            } else {
                exponent.clone()
            };
            let averages = |part: &Expr| match part.node() {
                Node::Power(base, _) => matches!(base.node(), Node::Extent(_)),
                _ => false,
            };
            let name = if base.any(&mut |part| averages(part)) {
                "sigma"
            } else {
                "r"
            };
            Some(Part::lasting(name, equation(&base.power(positive))))
        })
    }

    /// The argument of a function whose definition is to be differentiated, where it contracts.
    fn argument(&self, body: &Expr) -> Option<Part> {
        first(body, |part| {
            let Node::Call(callee, arguments) = part.node() else {
                return None;
            };
            let FunctionName::Known(function) = &callee.function else {
                return None;
            };
            let [argument] = &arguments[..] else {
                return None;
            };
            let defined = matches!(function.body, Body::Defined { .. });
            let worth = defined && self.contracts(argument);
            worth.then(|| Part::passing("Z", argument))
        })
    }

    /// A function of a sum whose derivative mentions its result, or that is itself contracted: a layer.
    fn layer(&self, body: &Expr) -> Option<Part> {
        let mut whole = vec![body.clone()];
        body.visit(&mut |part| {
            // The sum of exponentials of a softmax is recognised as such.
            if let Node::Sum(_, inner) = part.node()
                && candidates::of(part)
                    .iter()
                    .any(|(letter, _)| *letter == "P")
            {
                whole.push(inner.clone());
            }
        });
        let own = first(body, |part| {
            let Node::Call(callee, arguments) = part.node() else {
                return None;
            };
            let FunctionName::Known(function) = &callee.function else {
                return None;
            };
            let sums = |part: &Expr| matches!(part.node(), Node::Sum(..));
            let worth = function.mentions_result()
                && !whole.contains(part)
                && arguments
                    .iter()
                    .any(|argument| argument.any(&mut |part| sums(part)))
                && self.varies(part);
            worth.then(|| Part::passing("H", part))
        });
        own.or_else(|| first(body, |part| self.contracted_function(part)))
    }

    fn contracted_function(&self, part: &Expr) -> Option<Part> {
        let Node::Sum(bound, inner) = part.node() else {
            return None;
        };
        let factors = inner.factors();
        let reduced_whole = part.free_indices().is_empty();
        factors.iter().find_map(|factor| {
            let Node::Call(..) = factor.node() else {
                return None;
            };
            let others = || factors.iter().filter(|other| *other != factor);
            let contracted = bound.iter().any(|index| {
                factor.depends_on(index) && others().any(|other| other.depends_on(index))
            });
            let deep = !reduced_whole || others().any(|other| self.varies(other));
            (contracted && deep && self.contracts(factor)).then(|| Part::passing("H", factor))
        })
    }
}

/// The first part, outermost first, for which `test` answers.
fn first(body: &Expr, test: impl Fn(&Expr) -> Option<Part>) -> Option<Part> {
    let mut found = None;
    body.visit(&mut |part| {
        if found.is_none() {
            found = test(part);
        }
    });
    found
}

/// The expression with every written-out function read as such, innermost first.
fn fold(expr: &Expr) -> Expr {
    let mut folded = expr.map_children(fold);
    while let Some(next) = functions::fold(&folded).or_else(|| log_of_softmax(&folded)) {
        folded = next;
    }
    algebra::collect_powers(&folded)
}

/// `log(exp(u) / sum(exp(u)))` is `u - log(sum(exp(u)))`, which does not overflow.
fn log_of_softmax(expr: &Expr) -> Option<Expr> {
    let [quotient] = applied("log", expr)? else {
        return None;
    };
    let Node::Product(factors) = quotient.node() else {
        return None;
    };
    let [numerator, divisor] = &factors[..] else {
        return None;
    };
    let [argument] = applied("exp", numerator)? else {
        return None;
    };
    let (sum, exponent) = divisor.split_power();
    let exponentials = match sum.node() {
        Node::Sum(_, body) => applied("exp", body).is_some(),
        _ => false,
    };
    (exponentials && exponent == Expr::integer(-1)).then(|| {
        let logarithm = Expr::apply("log", vec![sum]);
        Expr::addition([argument.clone(), logarithm.negate()])
    })
}

/// The arguments of a call of the function `name`.
fn applied<'a>(name: &str, expr: &'a Expr) -> Option<&'a [Expr]> {
    match expr.node() {
        Node::Call(callee, arguments) if callee.name() == name && callee.derivatives.is_empty() => {
            Some(arguments)
        }
        _ => None,
    }
}

/// The expression with the part's name wherever it occurs.
fn replace(expr: &Expr, part: &Equation) -> Expr {
    let mut expr = expr.clone();
    while let Some(named) = by_name(&expr, part) {
        expr = named;
    }
    expr.map_children(|child| replace(child, part))
}

/// How often the part occurs, copies inside others not counted.
fn occurrences(expr: &Expr, part: &Equation) -> usize {
    if by_name(expr, part).is_some() {
        return 1;
    }
    let children = expr.children();
    children.map(|child| occurrences(child, part)).sum()
}

/// A part as an equation over its free indices, under no name yet.
fn equation(part: &Expr) -> Equation {
    named(part, &part.free_indices())
}

fn named(part: &Expr, indices: &[Index]) -> Equation {
    let mut equation = candidates::equation(indices, part, Vec::new(), None);
    equation.matrix = matrix::recover(&equation.body, &equation.indices);
    equation
}

/// The indices in the order of the factor that has most of them: the axes of the tensor itself.
fn in_order(factors: &[Expr], indices: Vec<Index>) -> Vec<Index> {
    let widest = factors.iter().map(Expr::free_indices);
    let widest = widest.max_by_key(Vec::len).unwrap_or_default();
    if widest.len() == indices.len() {
        widest
    } else {
        indices
    }
}

/// What can be seen of a part: that it equals its transpose, that its rows sum to one.
fn facts(part: &Equation) -> Vec<Fact> {
    let mut facts = part.target.facts().to_vec();
    if let [row, column] = &part.indices[..]
        && row.extent() == column.extent()
    {
        let turned = [(row.clone(), column.clone()), (column.clone(), row.clone())];
        let turned = part
            .body
            .freshen()
            .substitute(&turned.into_iter().collect());
        if canonical::alike(&part.body, &turned) {
            facts.push(Fact::Symmetric);
        }
    }
    facts
}
