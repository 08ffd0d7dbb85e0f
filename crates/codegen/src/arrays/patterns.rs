//! Products that an operator of PyTorch computes: the derivative of a function times a cotangent. The derivative is what the
//! calculus derives from the function alone; here it is only compared with what stands in a program.

use std::collections::HashMap;
use std::sync::LazyLock;

use backprove_calculus::{
    Callee, Dim, Expr, FunctionName, Gradient, Index, Node, Program, Tensor, canonical, derivation,
    elaborate_text,
};

use super::kernels::{Kernel, Operand};

/// Element-wise functions whose derivative times a cotangent is an operator: the name in the table, the operator, its
/// arguments: `d` for the cotangent, `x` for the argument of the function, `y` for its value, `r` for its value where that
/// has a name, else its argument.
const ELEMENTWISE: &[(&str, &str, &[&str])] = &[
    ("gelu", "gelu_backward", &["d", "x"]),
    ("tanh", "tanh_backward", &["d", "y"]),
    ("sigmoid", "sigmoid_backward", &["d", "y"]),
    ("relu", "threshold_backward", &["d", "r", "0"]),
];

/// A product that an operator computes: what it is in the place of, and what is left over.
pub(super) struct Match {
    pub kernel: Kernel,
    pub value: Expr,
    pub indices: Vec<Index>,
    pub rest: Vec<Expr>,
    /// What it would be called.
    pub name: String,
}

/// An application of a function that has an operator.
pub(super) struct Call {
    place: usize,
    argument: Expr,
    value: Expr,
    /// The free indices of both.
    indices: Vec<Index>,
}

/// The applications of functions with operators, those that have a name first.
pub(super) fn calls(program: &Program) -> Vec<Call> {
    let place = |callee: &Callee| {
        let FunctionName::Known(function) = &callee.function else {
            return None;
        };
        let mut known = ELEMENTWISE.iter();
        known.position(|(name, ..)| callee.derivatives.is_empty() && *name == function.name)
    };
    let mut found: Vec<Call> = Vec::new();
    for equation in &program.equations {
        if let Node::Call(callee, arguments) = equation.body.node()
            && let (Some(place), [argument]) = (place(callee), arguments.as_slice())
        {
            found.push(Call {
                place,
                argument: argument.clone(),
                value: Expr::access(&equation.target, &equation.indices),
                indices: equation.indices.clone(),
            });
        }
    }
    for equation in &program.equations {
        equation.body.visit(&mut |part| {
            if let Node::Call(callee, arguments) = part.node()
                && let (Some(place), [argument]) = (place(callee), arguments.as_slice())
            {
                found.push(Call {
                    place,
                    argument: argument.clone(),
                    value: part.clone(),
                    indices: in_order(part, &equation.indices),
                });
            }
        });
    }
    found
}

/// The free indices of an expression, those of `first` in its order.
fn in_order(expr: &Expr, first: &[Index]) -> Vec<Index> {
    let mut indices = expr.free_indices();
    indices.sort_by_key(|index| {
        let place = first.iter().position(|own| own == index);
        place.unwrap_or(first.len())
    });
    indices
}

/// What the calculus derives from a function of a vector: one element of the gradient.
struct Derived {
    gradient: Gradient,
}

/// The derivatives of the functions of `ELEMENTWISE`.
static DERIVED: LazyLock<Vec<Option<Derived>>> = LazyLock::new(|| {
    let functions = ELEMENTWISE.iter();
    functions
        .map(|(name, ..)| Derived::of(&format!("{name}(x)")))
        .collect()
});

/// The derivative of a softmax.
static SOFTMAX: LazyLock<Option<Derived>> = LazyLock::new(|| Derived::of("softmax(x)"));

impl Derived {
    fn of(function: &str) -> Option<Self> {
        let program = elaborate_text(&format!("x[N]\ny = {function}")).program;
        let gradient = derivation::gradient(&program, &program.inputs, None).ok()?;
        Some(Self { gradient })
    }

    /// The gradient with expressions in the places of the cotangent, the argument and the value, each a function of the
    /// position. `None` where the derivation has more steps than one.
    fn with(&self, put: &dyn Fn(&str, &Index) -> Option<Expr>, at: &Index) -> Option<Expr> {
        let derivation = self.gradient.derivation("x")?;
        let program = &self.gradient.forward;
        let seed = self.gradient.seed.as_ref()?;
        let [own] = derivation.indices.as_slice() else {
            return None;
        };
        let map = HashMap::from([(own.clone(), at.clone())]);
        let body = resized(derivation.result(), own.extent(), at.extent()).substitute(&map);
        let mut is_known = true;
        let body = replaced(&body, &mut |tensor, indices| {
            let what = match tensor.name() {
                _ if tensor == seed => "d",
                _ if program.inputs.contains(tensor) => "x",
                _ if program.equations.len() == 1 => "y",
                _ => "",
            };
            let found = indices.first().and_then(|index| put(what, index));
            is_known &= found.is_some();
            found.unwrap_or_else(Expr::zero)
        });
        is_known.then_some(body)
    }
}

/// The expression with fresh binders, those of extent `from` being of extent `to`.
fn resized(expr: &Expr, from: &Dim, to: &Dim) -> Expr {
    let Node::Sum(bound, body) = expr.node() else {
        return expr.map_children(|part| resized(part, from, to));
    };
    let fresh = bound.iter().map(|index| match index.extent() {
        own if own == from => Index::new(index.letter(), to.clone()),
        _ => index.fresh(),
    });
    let fresh: Vec<Index> = fresh.collect();
    let map = bound.iter().cloned().zip(fresh.iter().cloned()).collect();
    Expr::sum(&fresh, resized(&body.substitute(&map), from, to))
}

/// The expression with others in the place of accesses.
fn replaced(expr: &Expr, put: &mut dyn FnMut(&Tensor, &[Index]) -> Expr) -> Expr {
    match expr.node() {
        Node::Access(tensor, at) => put(tensor, at),
        _ => expr.map_children(|part| replaced(part, put)),
    }
}

/// The derivative of an element-wise function times the other factors with its indices.
pub(super) fn elementwise_backward(expr: &Expr, call: &Call, first: &[Index]) -> Option<Match> {
    let (function, operator, arguments) = ELEMENTWISE[call.place];
    let index = Index::new("k", Dim::symbol("N"));
    let derived = DERIVED[call.place].as_ref()?;
    let put = |what: &str, _: &Index| match what {
        "d" => Some(Expr::one()),
        "x" => Some(call.argument.clone()),
        "y" => Some(call.value.clone()),
        _ => None,
    };
    let pattern = derived.with(&put, &index)?;
    let (map, left) = canonical::matches_factors(&pattern, expr, &call.indices)?;
    let mut indices: Vec<Index> = Vec::new();
    for index in &call.indices {
        indices.push(map.get(index).unwrap_or(index).clone());
    }
    if first.len() == indices.len() && first.iter().all(|index| indices.contains(index)) {
        indices = first.to_vec();
    }
    let is_within = |factor: &Expr| {
        factor
            .free_indices()
            .iter()
            .all(|index| indices.contains(index))
    };
    let (within, rest): (Vec<Expr>, Vec<Expr>) = left.into_iter().partition(is_within);
    let cotangent = Expr::product(within);
    if cotangent.free_indices().is_empty() {
        return None;
    }
    let at = |own: &Expr| own.freshen().substitute(&map);
    let is_named = matches!(call.value.node(), Node::Access(..));
    let operands = arguments.iter().map(|argument| match *argument {
        "d" => Operand::array(cotangent.clone(), &indices),
        "x" => Operand::array(at(&call.argument), &indices),
        "r" if !is_named => Operand::array(at(&call.argument), &indices),
        "y" | "r" => Operand::array(at(&call.value), &indices),
        text => Operand::Text(text.to_owned()),
    });
    Some(Match {
        kernel: Kernel {
            operator: format!("torch.ops.aten.{operator}"),
            operands: operands.collect(),
            goes_over: true,
            targets: Vec::new(),
        },
        value: Expr::product([at(&pattern), cotangent.clone()]),
        indices: indices.clone(),
        rest,
        name: format!("d_{function}"),
    })
}

/// The derivative of a softmax: its value times the difference of a cotangent and the mean of that.
pub(super) fn softmax_backward(factors: &[Expr], tensor: &Tensor, axis: usize) -> Option<Match> {
    let mut accesses = factors.iter().filter_map(|factor| match factor.node() {
        Node::Access(own, at) if own == tensor => Some(at),
        _ => None,
    });
    let indices = accesses.next()?;
    let index = indices.get(axis)?;
    let distinct = (1..indices.len()).all(|place| !indices[..place].contains(&indices[place]));
    if !distinct {
        return None;
    }
    let derived = SOFTMAX.as_ref()?;
    let value = Expr::access(tensor, indices);
    let expr = Expr::product(factors.iter().cloned());
    let terms = factors.iter().filter_map(|factor| match factor.node() {
        Node::Add(terms) => Some(terms),
        _ => None,
    });
    for cotangent in terms.flatten() {
        let put = |what: &str, at: &Index| {
            let map = HashMap::from([(index.clone(), at.clone())]);
            match what {
                "d" => Some(cotangent.freshen().substitute(&map)),
                "y" => Some(value.substitute(&map)),
                _ => None,
            }
        };
        let Some(pattern) = derived.with(&put, index) else {
            continue;
        };
        let Some((_, rest)) = canonical::matches_factors(&pattern, &expr, &[]) else {
            continue;
        };
        let is_constant = |factor: &Expr| {
            let free = factor.free_indices();
            !free.contains(index) && free.iter().all(|own| indices.contains(own))
        };
        let (scale, rest): (Vec<Expr>, Vec<Expr>) = rest.into_iter().partition(is_constant);
        let cotangent = Expr::product(scale.into_iter().chain([cotangent.clone()]));
        let value_array = Operand::array(value.clone(), indices);
        let kernel = Kernel {
            operator: "torch.ops.aten._softmax_backward_data".to_owned(),
            operands: vec![
                Operand::array(cotangent, indices),
                value_array,
                Operand::Text(axis.to_string()),
                Operand::TypeOf(tensor.clone()),
            ],
            goes_over: true,
            targets: Vec::new(),
        };
        return Some(Match {
            kernel,
            value: expr_without(&expr, &rest),
            indices: indices.clone(),
            rest,
            name: format!("d_{}", tensor.name()),
        });
    }
    None
}

/// The product without some of its factors.
fn expr_without(expr: &Expr, rest: &[Expr]) -> Expr {
    let mut factors = expr.factors();
    for left in rest {
        if let Some(place) = factors.iter().position(|factor| factor == left) {
            factors.remove(place);
        }
    }
    Expr::product(factors)
}
