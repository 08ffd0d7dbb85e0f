//! Derivatives for which PyTorch has an operator of its own, such as the derivative of GELU times a cotangent. They are
//! recognised: what the calculus derives from the function alone is looked for in the equations of the program. No
//! derivative stands here, only names of operators.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use backprove_calculus::{
    Callee, Dim, Equation, Expr, FunctionName, Gradient, Index, Node, Program, Tensor, canonical,
    derivation, elaborate_text, matrix,
};

use super::cotangent::Seeded;
use super::fused;
use crate::stable;

/// Element-wise functions whose derivative times a cotangent is an operator: the name in the table, the operator, its
/// arguments: `d` for the cotangent, `x` for the argument of the function, `y` for its value, `r` for its value where that
/// has a name, else its argument.
const ELEMENTWISE: &[(&str, &str, &[&str])] = &[
    ("gelu", "gelu_backward", &["d", "x"]),
    ("tanh", "tanh_backward", &["d", "y"]),
    ("sigmoid", "sigmoid_backward", &["d", "y"]),
    ("relu", "threshold_backward", &["d", "r", "0"]),
];

/// An operator of PyTorch and what it is applied to.
pub(super) struct Kernel {
    /// A function, or a method of the first operand: `.scatter_add`.
    pub operator: String,
    pub operands: Vec<Operand>,
    /// All that it defines, in order, where that is more than one tensor; `None` is not asked for.
    pub targets: Vec<Option<Tensor>>,
}

/// An argument of an operator.
#[derive(Clone)]
pub(super) enum Operand {
    /// An array.
    Array(Equation),
    /// A tensor as it is.
    Tensor(Tensor),
    /// Extents.
    Shape(Vec<Dim>),
    /// A tensor that nothing else reads times a number.
    Scaled(Tensor, Box<Operand>),
    /// The type of a tensor's elements.
    TypeOf(Tensor),
    /// Anything else.
    Text(String),
}

impl Operand {
    /// The array whose element at `indices` is `body`.
    pub(super) fn array(body: Expr, indices: &[Index]) -> Self {
        let dims = indices.iter().map(|index| index.extent().clone());
        Self::Array(Equation {
            target: Tensor::new("", dims.collect()),
            indices: indices.to_vec(),
            matrix: matrix::recover(&body, indices),
            body,
        })
    }
}

/// A program whose equations are partly operators.
#[derive(Default)]
pub(super) struct Recognised {
    /// The program with names for what operators compute.
    pub program: Program,
    /// By the name of what they define.
    pub kernels: HashMap<String, Kernel>,
    /// Tensors that an operator gives beside what it is called for, and the name of that.
    pub beside: Vec<(Tensor, String)>,
    /// The equations that read differently now, as they were derived.
    pub derived: HashMap<String, Equation>,
}

/// Finds the operators in a gradient's program.
pub(super) fn recognised(gradient: &Gradient, seeded: Seeded) -> Recognised {
    let program = seeded.program;
    let mut search = Search {
        calls: calls(&program),
        normalised: normalised(&program),
        found: Recognised {
            program: Program {
                equations: Vec::new(),
                ..program.clone()
            },
            derived: seeded.derived,
            ..Recognised::default()
        },
        parts: Vec::new(),
        names: program.names(),
        temporary: temporary(gradient, &program),
    };
    let count = gradient.forward.equations.len();
    for (place, equation) in program.equations.iter().enumerate() {
        if place < count {
            search.found.program.equations.push(equation.clone());
        } else {
            search.equation(equation);
        }
    }
    let mut found = search.found;
    fused::fuse(gradient, &seeded.seed, &mut found);
    found
}

/// An application of a function that has an operator.
struct Call {
    place: usize,
    argument: Expr,
    value: Expr,
    /// The free indices of both.
    indices: Vec<Index>,
}

/// The applications of functions with operators, those that have a name first.
fn calls(program: &Program) -> Vec<Call> {
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

/// The tensors that are a softmax along one axis, and that axis.
fn normalised(program: &Program) -> Vec<(Tensor, usize)> {
    let equations = program.equations.iter();
    let softmax = equations.filter_map(|equation| {
        let mut factors = equation.body.factors();
        let found = stable::softmax(&factors)?;
        found.remove_from(&mut factors);
        let [axis] = found.axes.as_slice() else {
            return None;
        };
        let axis = equation.indices.iter().position(|index| index == axis)?;
        factors.is_empty().then(|| (equation.target.clone(), axis))
    });
    softmax.collect()
}

/// The names of what is introduced for the backward pass and read by one equation.
fn temporary(gradient: &Gradient, program: &Program) -> HashSet<String> {
    let introduced = gradient.introduced.iter();
    let names = introduced.map(|equation| equation.target.name().to_owned());
    let is_read_once = |name: &String| {
        let reads =
            |part: &Expr| matches!(part.node(), Node::Access(tensor, _) if tensor.name() == name);
        let equations = program.equations.iter();
        equations
            .filter(|equation| equation.body.any(&mut |part| reads(part)))
            .count()
            == 1
    };
    names.filter(is_read_once).collect()
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

/// A product that an operator computes: what it is in the place of, and what is left over.
struct Match {
    kernel: Kernel,
    value: Expr,
    indices: Vec<Index>,
    rest: Vec<Expr>,
    /// What it would be called.
    name: String,
}

struct Search {
    calls: Vec<Call>,
    normalised: Vec<(Tensor, usize)>,
    found: Recognised,
    /// What has got a name: the tensor, the indices of its axes, one element.
    parts: Vec<(Tensor, Vec<Index>, Expr)>,
    names: backprove_calculus::program::Names,
    /// The softmaxes of the backward pass that one equation reads.
    temporary: HashSet<String>,
}

impl Search {
    fn equation(&mut self, equation: &Equation) {
        if let Some(kernel) = self.scattered(equation) {
            let name = equation.target.name().to_owned();
            self.found.kernels.insert(name, kernel);
            self.found.program.equations.push(equation.clone());
            return;
        }
        let whole = self.matched(&equation.body, &equation.indices);
        if let Some(found) = whole
            && found.rest.is_empty()
            && found.indices == equation.indices
        {
            let name = equation.target.name().to_owned();
            self.found.kernels.insert(name, found.kernel);
            self.found.program.equations.push(equation.clone());
            return;
        }
        let body = self.rewritten(&equation.body, &equation.indices);
        if body == equation.body {
            self.found.program.equations.push(equation.clone());
            return;
        }
        let name = equation.target.name().to_owned();
        let derived = self.found.derived.entry(name);
        derived.or_insert_with(|| equation.clone());
        self.found.program.equations.push(Equation {
            matrix: matrix::recover(&body, &equation.indices),
            body,
            ..equation.clone()
        });
    }

    /// A sum that has ones at labels along the last axis as one of its terms: what is added there.
    fn scattered(&self, equation: &Equation) -> Option<Kernel> {
        let (last, others) = equation.indices.split_last()?;
        let mut scale = equation.body.factors();
        let place = scale
            .iter()
            .position(|factor| matches!(factor.node(), Node::Add(_)))?;
        let mut terms = scale.remove(place).terms();
        if scale.iter().any(|factor| factor.depends_on(last)) {
            return None;
        }
        let labels = |term: &Expr| self.labels(&term.split_coefficient().1, equation);
        let place = terms.iter().position(|term| labels(term).is_some())?;
        let one_hot = terms.remove(place);
        let labels = labels(&one_hot)?;
        let rest = Expr::addition(terms);
        let base = match rest.node() {
            // Only this reads it, so that it may be changed.
            Node::Access(tensor, at)
                if *at == equation.indices
                    && self.temporary.contains(tensor.name())
                    && scale.iter().all(|factor| factor.free_indices().is_empty())
                    && !scale.is_empty() =>
            {
                Operand::Scaled(
                    tensor.clone(),
                    Box::new(Operand::array(Expr::product(scale.clone()), &[])),
                )
            }
            _ => {
                let factors = scale.iter().cloned().chain([rest]);
                Operand::array(Expr::product(factors), &equation.indices)
            }
        };
        let added = scale
            .iter()
            .cloned()
            .chain([Expr::number(one_hot.split_coefficient().0)]);
        let mut at = others.to_vec();
        at.push(Index::new(last.letter(), Dim::Literal(1)));
        Some(Kernel {
            operator: ".scatter_add".to_owned(),
            operands: vec![
                base,
                Operand::Text(others.len().to_string()),
                Operand::array(labels, &at),
                Operand::array(Expr::product(added), &at),
            ],
            targets: Vec::new(),
        })
    }

    /// The labels of which an expression is ones along the last axis of an equation.
    fn labels(&self, expr: &Expr, equation: &Equation) -> Option<Expr> {
        let last = equation.indices.last()?;
        match expr.node() {
            Node::Indicator(index, value) => {
                let is_access = matches!(value.node(), Node::Access(..));
                (index == last && is_access && !value.depends_on(last)).then(|| value.clone())
            }
            Node::Access(tensor, at) if *at == equation.indices => {
                let defined = self.found.program.equation(tensor.name())?;
                let is_choice = matches!(defined.body.node(), Node::Indicator(..));
                is_choice.then(|| self.labels(&defined.at(at), equation))?
            }
            _ => None,
        }
    }

    /// The expression with names for what operators compute.
    fn rewritten(&mut self, expr: &Expr, indices: &[Index]) -> Expr {
        let Node::Product(_) = expr.node() else {
            return expr.map_children(|part| self.rewritten(part, indices));
        };
        let Some(found) = self.matched(expr, indices) else {
            return expr.map_children(|part| self.rewritten(part, indices));
        };
        let part = self.named(found.kernel, &found.value, &found.indices, &found.name);
        let factors: Vec<Expr> = std::iter::once(part).chain(found.rest).collect();
        let expr = Expr::product(factors);
        match expr.node() {
            Node::Product(_) => self.rewritten(&expr, indices),
            _ => expr,
        }
    }

    /// An element of the part, which gets a name where it has none.
    fn named(&mut self, kernel: Kernel, value: &Expr, indices: &[Index], name: &str) -> Expr {
        for (tensor, own, known) in &self.parts {
            if let Some(map) = canonical::matches(known, value, own)
                && let Some(at) = own
                    .iter()
                    .map(|index| map.get(index).cloned())
                    .collect::<Option<Vec<_>>>()
            {
                return Expr::access(tensor, &at);
            }
        }
        let dims: Vec<Dim> = indices.iter().map(|index| index.extent().clone()).collect();
        let name = self.names.take(name);
        let target = Tensor::new(name.as_str(), dims);
        self.parts
            .push((target.clone(), indices.to_vec(), value.clone()));
        self.found.kernels.insert(name, kernel);
        self.found.program.equations.push(Equation {
            target: target.clone(),
            indices: indices.to_vec(),
            body: value.clone(),
            matrix: None,
        });
        Expr::access(&target, indices)
    }

    fn matched(&self, expr: &Expr, indices: &[Index]) -> Option<Match> {
        let Node::Product(factors) = expr.node() else {
            return None;
        };
        let softmax = || {
            self.normalised
                .iter()
                .find_map(|(tensor, axis)| softmax_backward(factors, tensor, *axis))
        };
        let elementwise = || {
            self.calls
                .iter()
                .find_map(|call| elementwise_backward(expr, call, indices))
        };
        elementwise().or_else(softmax)
    }
}

/// The derivative of an element-wise function times the other factors with its indices.
fn elementwise_backward(expr: &Expr, call: &Call, first: &[Index]) -> Option<Match> {
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
            targets: Vec::new(),
        },
        value: Expr::product([at(&pattern), cotangent.clone()]),
        indices: indices.clone(),
        rest,
        name: format!("d_{function}"),
    })
}

/// The derivative of a softmax: its value times the difference of a cotangent and the mean of that.
fn softmax_backward(factors: &[Expr], tensor: &Tensor, axis: usize) -> Option<Match> {
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
