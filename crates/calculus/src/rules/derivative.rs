//! The laws of differentiation, one element by one element. A node that no law here fits stays a
//! derivative, and the derivation refuses: a missing law is never a zero.

use std::collections::HashMap;

use super::{Level, Rule, Scope};
use crate::expr::{Callee, Expr, FunctionName, Node, Reduction, Tensor};
use crate::functions::{self, Body};
use crate::index::Index;
use crate::number::Number;

/// The laws in the order in which they are tried.
pub static RULES: &[Rule] = &[
    Rule {
        name: "definition",
        title: "definition",
        statement: "d Y[i] = d (right side of Y)[i]",
        level: Level::Working,
        apply: substitute_definition,
    },
    Rule {
        name: "constant",
        title: "a constant has derivative zero",
        statement: "d c / d x = 0, where c does not contain x",
        level: Level::Bookkeeping,
        apply: constant,
    },
    Rule {
        name: "variable",
        title: "an element by an element: deltas",
        statement: "d X[i, j] / d X[k, l] = delta(k, i) * delta(l, j)",
        level: Level::Working,
        apply: variable,
    },
    Rule {
        name: "linearity",
        title: "linearity; constant terms drop",
        statement: "d (f + g) = d f + d g",
        level: Level::Working,
        apply: linearity,
    },
    Rule {
        name: "derivative-of-sum",
        title: "derivative inside the sum",
        statement: "d sum[p](f[p]) = sum[p](d f[p])",
        level: Level::Working,
        apply: derivative_of_sum,
    },
    Rule {
        name: "derivative-of-maximum",
        title: "equally among all elements that are the greatest, or the least",
        statement: "d max[p](f[p]) = sum[p]((f[p] == m) * d f[p]) / sum[q](f[q] == m), where m = max[q](f[q]); min alike",
        level: Level::Working,
        apply: extremum,
    },
    Rule {
        name: "derivative-of-product",
        title: "each element times the product of the others",
        statement: "d prod[p](f[p]) = sum[p](d f[p] * prod[q](where(p == q, 1, f[q])))",
        level: Level::Working,
        apply: product_of_elements,
    },
    Rule {
        name: "constant-factor",
        title: "constant factor",
        statement: "d (c * f) = c * d f, where c does not contain x",
        level: Level::Working,
        apply: constant_factor,
    },
    Rule {
        name: "quotient-rule",
        title: "quotient rule",
        statement: "d (f / g) = d f / g - f * d g / g ** 2",
        level: Level::Working,
        apply: quotient,
    },
    Rule {
        name: "product-rule",
        title: "product rule",
        statement: "d (f * g) = d f * g + f * d g",
        level: Level::Working,
        apply: product,
    },
    Rule {
        name: "power-rule",
        title: "power rule",
        statement: "d f ** n = n * f ** (n - 1) * d f",
        level: Level::Working,
        apply: power,
    },
    Rule {
        name: "function-definition",
        title: "definition of the function",
        statement: "f(x) = its definition",
        level: Level::Working,
        apply: expand_defined,
    },
    Rule {
        name: "chain-rule-scalar",
        title: "chain rule",
        statement: "d h(f) = h'(f) * d f",
        level: Level::Working,
        apply: function,
    },
];

/// The parts of a derivative node.
fn parts(expr: &Expr) -> Option<(&Expr, &Tensor, &[Index])> {
    match expr.node() {
        Node::Derivative(body, tensor, indices) => Some((body, tensor, indices)),
        _ => None,
    }
}

fn substitute_definition(expr: &Expr, scope: &Scope) -> Option<Expr> {
    let (body, tensor, indices) = parts(expr)?;
    let current = scope.current.as_ref()?;
    match body.node() {
        Node::Access(target, at) if *target == current.target && target != tensor => {
            Some(current.at(at).derivative(tensor, indices))
        }
        _ => None,
    }
}

fn constant(expr: &Expr, scope: &Scope) -> Option<Expr> {
    let (body, tensor, _) = parts(expr)?;
    let defined = |part: &Expr| {
        let target = scope.current.as_ref().map(|equation| &equation.target);
        matches!(part.node(), Node::Access(other, _) if Some(other) == target)
    };
    (!body.mentions(tensor) && !body.any(&mut |part| defined(part))).then(Expr::zero)
}

fn variable(expr: &Expr, _: &Scope) -> Option<Expr> {
    let (body, tensor, indices) = parts(expr)?;
    match body.node() {
        Node::Access(other, at) if other == tensor => {
            let pairs = indices.iter().zip(at);
            Some(Expr::product(pairs.map(|(k, i)| Expr::delta(k, i))))
        }
        _ => None,
    }
}

fn linearity(expr: &Expr, _: &Scope) -> Option<Expr> {
    let (body, tensor, indices) = parts(expr)?;
    match body.node() {
        // Terms without the variable would only give zeros to be dropped: a person leaves them out.
        Node::Add(terms) => {
            let terms = terms.iter().filter(|term| term.mentions(tensor));
            Some(Expr::addition(
                terms.map(|term| term.derivative(tensor, indices)),
            ))
        }
        _ => None,
    }
}

fn derivative_of_sum(expr: &Expr, _: &Scope) -> Option<Expr> {
    let (body, tensor, indices) = parts(expr)?;
    match body.node() {
        Node::Sum(bound, inner) => Some(Expr::sum(bound, inner.derivative(tensor, indices))),
        _ => None,
    }
}

/// The subgradient that shares equally among ties, as JAX does.
fn extremum(expr: &Expr, _: &Scope) -> Option<Expr> {
    let (body, tensor, indices) = parts(expr)?;
    let Node::Reduce(Reduction::Maximum | Reduction::Minimum, bound, inner) = body.node() else {
        return None;
    };
    let chosen = || Expr::apply("equal", vec![inner.freshen(), body.freshen()]);
    let count = Expr::sum(bound, chosen()).freshen();
    let shared = Expr::product([chosen(), inner.derivative(tensor, indices)]);
    Some(Expr::product([
        Expr::sum(bound, shared),
        count.reciprocal(),
    ]))
}

/// Division by the element would be shorter, and wrong where it is zero.
fn product_of_elements(expr: &Expr, _: &Scope) -> Option<Expr> {
    let (body, tensor, indices) = parts(expr)?;
    let Node::Reduce(Reduction::Product, bound, inner) = body.node() else {
        return None;
    };
    let others: Vec<Index> = bound.iter().map(Index::fresh).collect();
    let map: HashMap<Index, Index> = bound.iter().cloned().zip(others.iter().cloned()).collect();
    let same = Expr::product(map.iter().map(|(index, other)| Expr::delta(index, other)));
    let other = inner.freshen().substitute(&map);
    let left_out = Expr::apply("where", vec![same, Expr::one(), other]);
    let term = Expr::product([
        inner.derivative(tensor, indices),
        Expr::reduce(Reduction::Product, &others, left_out),
    ]);
    Some(Expr::sum(bound, term))
}

fn constant_factor(expr: &Expr, _: &Scope) -> Option<Expr> {
    let (body, tensor, indices) = parts(expr)?;
    let Node::Product(factors) = body.node() else {
        return None;
    };
    let (varying, mut constant): (Vec<Expr>, Vec<Expr>) = factors
        .iter()
        .cloned()
        .partition(|factor| factor.mentions(tensor));
    if constant.is_empty() {
        return None;
    }
    constant.push(Expr::product(varying).derivative(tensor, indices));
    Some(Expr::product(constant))
}

fn quotient(expr: &Expr, _: &Scope) -> Option<Expr> {
    let (body, tensor, indices) = parts(expr)?;
    let Node::Product(factors) = body.node() else {
        return None;
    };
    let position = factors.iter().position(|factor| {
        matches!(factor.node(), Node::Power(_, exponent) if exponent.split_coefficient().0 == Number::MINUS_ONE && exponent.split_coefficient().1.is_one())
    })?;
    let (denominator, _) = factors[position].split_power();
    let mut numerator = factors.clone();
    numerator.remove(position);
    let numerator = Expr::product(numerator);
    Some(Expr::addition([
        Expr::product([
            numerator.derivative(tensor, indices),
            denominator.reciprocal(),
        ]),
        Expr::product([
            Expr::number(Number::MINUS_ONE),
            numerator.freshen(),
            denominator.freshen().power(Expr::integer(-2)),
            denominator.freshen().derivative(tensor, indices),
        ]),
    ]))
}

fn product(expr: &Expr, _: &Scope) -> Option<Expr> {
    let (body, tensor, indices) = parts(expr)?;
    let Node::Product(factors) = body.node() else {
        return None;
    };
    let term = |position: usize| {
        Expr::product(factors.iter().enumerate().map(|(other, factor)| {
            if other == position {
                factor.freshen().derivative(tensor, indices)
            } else {
                factor.freshen()
            }
        }))
    };
    Some(Expr::addition((0..factors.len()).map(term)))
}

fn power(expr: &Expr, _: &Scope) -> Option<Expr> {
    let (body, tensor, indices) = parts(expr)?;
    let Node::Power(base, exponent) = body.node() else {
        return None;
    };
    let by_base = base.mentions(tensor).then(|| {
        let lowered = Expr::addition([exponent.clone(), Expr::integer(-1)]);
        Expr::product([
            exponent.clone(),
            base.freshen().power(lowered),
            base.derivative(tensor, indices),
        ])
    });
    let by_exponent = exponent.mentions(tensor).then(|| {
        Expr::product([
            body.freshen(),
            Expr::apply("log", vec![base.freshen()]),
            exponent.derivative(tensor, indices),
        ])
    });
    Some(Expr::addition(by_base.into_iter().chain(by_exponent)))
}

fn expand_defined(expr: &Expr, _: &Scope) -> Option<Expr> {
    let (body, tensor, indices) = parts(expr)?;
    let Node::Call(callee, arguments) = body.node() else {
        return None;
    };
    if !callee.derivatives.is_empty() {
        return None;
    }
    let FunctionName::Known(function) = &callee.function else {
        return None;
    };
    let Body::Defined { .. } = function.body else {
        return None;
    };
    let definition = functions::expand(function, arguments)?;
    Some(definition.derivative(tensor, indices))
}

fn function(expr: &Expr, _: &Scope) -> Option<Expr> {
    let (body, tensor, indices) = parts(expr)?;
    let Node::Call(callee, arguments) = body.node() else {
        return None;
    };
    let mut terms = Vec::new();
    for (position, argument) in arguments.iter().enumerate() {
        if !argument.mentions(tensor) {
            continue;
        }
        if !is_differentiable(callee, position) {
            return None;
        }
        let mut derivatives = callee.derivatives.clone();
        derivatives.push(position);
        let derivative = Callee {
            function: callee.function.clone(),
            derivatives,
        };
        let outer = Expr::call(derivative, arguments.iter().map(Expr::freshen).collect());
        terms.push(Expr::product([outer, argument.derivative(tensor, indices)]));
    }
    Some(Expr::addition(terms))
}

/// Whether the table, or the declaration of an abstract function, gives a derivative there.
fn is_differentiable(callee: &Callee, position: usize) -> bool {
    match &callee.function {
        FunctionName::Known(function) => match function.body {
            Body::Primitive { derivatives, .. } => {
                callee.derivatives.is_empty()
                    && derivatives.get(position).is_some_and(Option::is_some)
            }
            Body::Defined { .. } => true,
        },
        FunctionName::Abstract(_) => true,
    }
}
