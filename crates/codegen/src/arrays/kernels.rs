//! Derivatives for which PyTorch has an operator of its own, such as the derivative of GELU times a cotangent. They are
//! recognised: what the calculus derives from the function alone is looked for in the equations of the program. No
//! derivative stands here, only names of operators.

use std::collections::{HashMap, HashSet};

use backprove_calculus::{
    Dim, Equation, Expr, Gradient, Index, Node, Program, Tensor, canonical, matrix,
};

use super::cotangent::Seeded;
use super::fused;
use super::patterns::{Call, Match, calls, elementwise_backward, softmax_backward};
use crate::stable;

/// An operator of PyTorch and what it is applied to.
pub(super) struct Kernel {
    /// A function, or a method of the first operand: `.scatter_add`.
    pub operator: String,
    pub operands: Vec<Operand>,
    /// Whether its result can take the place of its first operand.
    pub goes_over: bool,
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
    /// Whether PyTorch runs it, line by line.
    pub is_for_torch: bool,
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
            is_for_torch: true,
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
            goes_over: false,
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
