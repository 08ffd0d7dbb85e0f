//! Parts of a program for which PyTorch has one operator with a derivative of its own: a layer norm, a cross-entropy of
//! labels. A part is recognised by its meaning: written out to what it is given, it equals the definition below. Its
//! derivative is then that operator's; no derivative stands here.

use std::collections::{HashMap, HashSet};

use backprove_calculus::{
    Dim, Equation, Expr, Fact, Gradient, Index, Node, Number, Program, Tensor, canonical,
    elaborate_expression,
};

use super::kernels::{Kernel, Operand, Recognised};

/// The largest number that is looked at as what keeps a divisor from zero.
const SMALL: f64 = 0.01;
/// Definitions that a part may consist of.
const MOST_BETWEEN: usize = 6;

/// Writes the parts of the forward program as operators, with what the backward program has instead.
pub(super) fn fuse(gradient: &Gradient, seed: &Tensor, recognised: &mut Recognised) {
    let forward = &gradient.forward;
    for equation in &forward.equations {
        if let Some(found) = cross_entropy(forward, equation) {
            let name = equation.target.name().to_owned();
            recognised.kernels.insert(name, found);
        } else if let Some(norm) = LayerNorm::of(forward, equation) {
            norm.fuse(gradient, seed, recognised);
        }
    }
}

/// The mean over samples of what a softmax lacks at the labels.
fn cross_entropy(program: &Program, equation: &Equation) -> Option<Kernel> {
    if equation.target.rank() != 0 {
        return None;
    }
    let is_label = |fact: &Fact| matches!(fact, Fact::Labels(_));
    let labels = |tensor: &&Tensor| tensor.rank() == 1 && tensor.facts().iter().any(is_label);
    let labels: Vec<&Tensor> = program.inputs.iter().filter(labels).collect();
    if labels.is_empty() {
        return None;
    }
    for scores in mentioned(program, equation) {
        if scores.rank() != 2 {
            continue;
        }
        let Some(body) = written_out(program, &equation.body, &scores) else {
            continue;
        };
        for labels in &labels {
            let [z, t] = [scores.name(), labels.name()];
            let classes = match &scores.dims()[1] {
                Dim::Symbol(symbol) => symbol.to_string(),
                Dim::Literal(size) => size.to_string(),
                Dim::Computed(_) => continue,
            };
            let text = format!(
                "mean(logsumexp({z}, axis=1) - sum({z} * one_hot({t}, {classes}), axis=1))"
            );
            if is_written(program, &text, &body, &[]) {
                return Some(Kernel {
                    operator: "torch.nn.functional.cross_entropy".to_owned(),
                    operands: vec![
                        Operand::Tensor(scores.clone()),
                        Operand::Tensor((*labels).clone()),
                    ],
                    goes_over: false,
                    targets: Vec::new(),
                });
            }
        }
    }
    None
}

/// A tensor normalised along its last axis, scaled and shifted.
struct LayerNorm<'a> {
    equation: &'a Equation,
    argument: Tensor,
    scale: Option<Tensor>,
    shift: Option<Tensor>,
    epsilon: Number,
    /// The names of what stands between the argument and the result.
    between: HashSet<String>,
}

impl<'a> LayerNorm<'a> {
    fn of(program: &'a Program, equation: &'a Equation) -> Option<Self> {
        let candidates = mentioned(program, equation);
        let last = equation.target.dims().last()?;
        let vectors = |tensor: &&Tensor| tensor.dims() == [last.clone()];
        let vectors: Vec<&Tensor> = candidates.iter().filter(vectors).collect();
        let mut affine: Vec<[Option<&Tensor>; 2]> = vec![[None, None]];
        for first in &vectors {
            affine.push([Some(first), None]);
            let others = vectors.iter().filter(|other| *other != first);
            affine.extend(others.map(|other| [Some(*first), Some(*other)]));
        }
        for argument in &candidates {
            if argument.dims() != equation.target.dims() {
                continue;
            }
            let Some(body) = written_out(program, &equation.body, argument) else {
                continue;
            };
            let mut small = Vec::new();
            body.visit(&mut |part| {
                if let Node::Number(value) = part.node()
                    && value.to_f64() > 0.0
                    && value.to_f64() <= SMALL
                    && !small.contains(value)
                {
                    small.push(*value);
                }
            });
            for epsilon in small {
                for [scale, shift] in &affine {
                    let [x, e] = [argument.name(), &format!("{:?}", epsilon.to_f64())];
                    let mean = format!("mean({x}, axis=-1, keepdims=True)");
                    let variance = format!("mean(({x} - {mean})**2, axis=-1, keepdims=True)");
                    let mut text = format!("({x} - {mean}) / sqrt({variance} + {e})");
                    if let Some(scale) = scale {
                        text = format!("{text} * {}", scale.name());
                    }
                    if let Some(shift) = shift {
                        text = format!("{text} + {}", shift.name());
                    }
                    if is_written(program, &text, &body, &equation.indices) {
                        return Some(Self {
                            equation,
                            argument: argument.clone(),
                            scale: scale.cloned(),
                            shift: shift.cloned(),
                            epsilon,
                            between: between(program, &equation.body, argument),
                        });
                    }
                }
            }
        }
        None
    }

    /// The tensors that it is a function of.
    fn arguments(&self) -> [Option<&Tensor>; 3] {
        [
            Some(&self.argument),
            self.scale.as_ref(),
            self.shift.as_ref(),
        ]
    }

    /// Whether the argument and what stands between are read by this part alone, and their gradients stand in the program.
    fn is_alone(&self, gradient: &Gradient, program: &Program) -> bool {
        let own = self.equation.target.name();
        let is_inside = |name: &str| name == own || self.between.contains(name);
        let parts = self.arguments().into_iter().flatten().map(Tensor::name);
        let watched: Vec<&str> = parts
            .chain(self.between.iter().map(String::as_str))
            .collect();
        let read_elsewhere = gradient.forward.equations.iter().any(|equation| {
            !is_inside(equation.target.name())
                && equation.body.any(&mut |part| {
                    matches!(part.node(), Node::Access(tensor, _) if watched.contains(&tensor.name()))
                })
        });
        let asked = gradient
            .wrt
            .iter()
            .any(|tensor| self.between.contains(tensor.name()));
        let is_missing = |tensor: &Tensor| {
            let derivation = gradient.derivation(tensor.name());
            derivation.is_some_and(|own| program.equation(own.gradient.name()).is_none())
        };
        let missing = self.arguments().into_iter().flatten().any(is_missing);
        !read_elsewhere && !asked && !missing
    }

    fn fuse(&self, gradient: &Gradient, seed: &Tensor, recognised: &mut Recognised) {
        if !self.is_alone(gradient, &recognised.program) {
            return;
        }
        // The cotangent of the result: that of the output, or what was derived.
        let own = &self.equation.target;
        let is_output = gradient
            .forward
            .output()
            .is_some_and(|output| output.target == *own);
        let cotangent = match gradient.derivation(own.name()) {
            Some(derivation)
                if recognised
                    .program
                    .equation(derivation.gradient.name())
                    .is_some() =>
            {
                derivation.gradient.clone()
            }
            None if is_output => seed.clone(),
            _ => return,
        };
        let mut dims = own.dims().to_vec();
        if let Some(last) = dims.last_mut() {
            *last = Dim::Literal(1);
        }
        let mut names = recognised.program.names();
        for (tensor, _) in &recognised.beside {
            names.take(tensor.name());
        }
        let statistics = ["mean", "rstd"].map(|name| {
            let tensor = Tensor::new(names.take(name).as_str(), dims.clone());
            let beside = (tensor.clone(), own.name().to_owned());
            recognised.beside.push(beside);
            tensor
        });
        let normalised = Operand::Shape(own.dims().last().cloned().into_iter().collect());
        let optional = |tensor: Option<&Tensor>| {
            tensor.map_or_else(
                || Operand::Text("None".to_owned()),
                |own| Operand::Tensor(own.clone()),
            )
        };
        let targets = [own, &statistics[0], &statistics[1]];
        let kernel = Kernel {
            operator: "torch.native_layer_norm".to_owned(),
            operands: vec![
                Operand::Tensor(self.argument.clone()),
                normalised.clone(),
                optional(self.scale.as_ref()),
                optional(self.shift.as_ref()),
                Operand::Text(format!("{:?}", self.epsilon.to_f64())),
            ],
            goes_over: false,
            targets: targets.map(|tensor| Some(tensor.clone())).to_vec(),
        };
        recognised.kernels.insert(own.name().to_owned(), kernel);
        let gradients = self.arguments().map(|tensor| {
            let derivation = gradient.derivation(tensor?.name())?;
            Some(derivation.gradient.clone())
        });
        let equations = recognised.program.equations.iter();
        let mut present = equations.filter(|equation| {
            gradients
                .iter()
                .flatten()
                .any(|own| *own == equation.target)
        });
        let Some(first) = present
            .next()
            .map(|equation| equation.target.name().to_owned())
        else {
            return;
        };
        for gradient in gradients.iter().flatten() {
            if gradient.name() != first {
                recognised.beside.push((gradient.clone(), first.clone()));
            }
        }
        let inputs = &gradient.forward.inputs;
        let asked = self
            .arguments()
            .into_iter()
            .zip(&gradients)
            .map(|(tensor, found)| {
                let place = inputs.iter().position(|input| Some(input) == tensor);
                match (found, place) {
                    (None, _) => "False".to_owned(),
                    (_, None) => "True".to_owned(),
                    (_, Some(place)) => {
                        format!("needed[{place}]")
                    }
                }
            });
        let asked: Vec<String> = asked.collect();
        let kernel = Kernel {
            operator: "torch.ops.aten.native_layer_norm_backward".to_owned(),
            operands: vec![
                Operand::Tensor(cotangent.clone()),
                Operand::Tensor(self.argument.clone()),
                normalised,
                Operand::Tensor(statistics[0].clone()),
                Operand::Tensor(statistics[1].clone()),
                optional(self.scale.as_ref()),
                optional(self.shift.as_ref()),
                Operand::Text(together(&asked)),
            ],
            goes_over: false,
            targets: gradients.to_vec(),
        };
        recognised.kernels.insert(first, kernel);
    }
}

/// Conditions as one: a slice of `needed` where they are that.
fn together(asked: &[String]) -> String {
    let first = asked.first().and_then(|text| text.strip_prefix("needed["));
    let first = first.and_then(|text| text.strip_suffix(']')?.parse::<usize>().ok());
    let is_slice = |first: usize| {
        let mut own = asked.iter().enumerate();
        own.all(|(place, text)| *text == format!("needed[{}]", first + place))
    };
    match first {
        Some(first) if is_slice(first) => format!("needed[{first}:{}]", first + asked.len()),
        _ => format!("({})", asked.join(", ")),
    }
}

/// The tensors of real numbers from which an equation is worked out, near ones first.
fn mentioned(program: &Program, equation: &Equation) -> Vec<Tensor> {
    let mut found: Vec<Tensor> = Vec::new();
    let mut open = vec![&equation.body];
    while let Some(body) = open.pop() {
        body.visit(&mut |part| {
            if let Node::Access(tensor, _) = part.node()
                && !found.contains(tensor)
            {
                found.push(tensor.clone());
                open.extend(
                    program
                        .equation(tensor.name())
                        .map(|equation| &equation.body),
                );
            }
        });
    }
    found
}

/// The names of definitions between an expression and a tensor: those that depend on it.
fn between(program: &Program, body: &Expr, tensor: &Tensor) -> HashSet<String> {
    let mut depending: HashSet<String> = HashSet::new();
    let depends = |body: &Expr, depending: &HashSet<String>| {
        body.any(&mut |part| {
            matches!(part.node(), Node::Access(own, _) if own == tensor || depending.contains(own.name()))
        })
    };
    for equation in &program.equations {
        if equation.target != *tensor && depends(&equation.body, &depending) {
            depending.insert(equation.target.name().to_owned());
        }
    }
    let mut found = HashSet::new();
    let mut open = vec![body];
    while let Some(body) = open.pop() {
        body.visit(&mut |part| {
            if let Node::Access(own, _) = part.node()
                && depending.contains(own.name())
                && found.insert(own.name().to_owned())
            {
                open.extend(program.equation(own.name()).map(|equation| &equation.body));
            }
        });
    }
    found
}

/// The expression as a function of a tensor: definitions that depend on it are put in their places, as long as they are few.
fn written_out(program: &Program, body: &Expr, tensor: &Tensor) -> Option<Expr> {
    let between = between(program, body, tensor);
    (between.len() <= MOST_BETWEEN).then(|| without_unit_sums(&put(program, body, &between)))
}

fn put(program: &Program, body: &Expr, between: &HashSet<String>) -> Expr {
    match body.node() {
        Node::Access(tensor, at) if between.contains(tensor.name()) => {
            match program.equation(tensor.name()) {
                Some(equation) => put(program, &equation.at(at), between),
                None => body.clone(),
            }
        }
        _ => body.map_children(|part| put(program, part, between)),
    }
}

/// The expression without sums over axes of extent one on which nothing depends.
fn without_unit_sums(expr: &Expr) -> Expr {
    let Node::Sum(bound, body) = expr.node() else {
        return expr.map_children(without_unit_sums);
    };
    let body = without_unit_sums(body);
    let mut bound = bound.clone();
    bound.retain(|index| *index.extent() != Dim::Literal(1) || body.depends_on(index));
    Expr::sum(&bound, body)
}

/// Whether an expression means what a text of the language says.
fn is_written(program: &Program, text: &str, body: &Expr, indices: &[Index]) -> bool {
    let (Some(tree), _) = backprove_syntax::parse_expression(text) else {
        return false;
    };
    let Ok(value) = elaborate_expression(&tree, program, &[], &|_, _| None) else {
        return false;
    };
    if value.indices.len() != indices.len() {
        return false;
    }
    let map: HashMap<Index, Index> = value
        .indices
        .iter()
        .cloned()
        .zip(indices.iter().cloned())
        .collect();
    let meant = without_unit_sums(&value.body.substitute(&map));
    canonical::equal(&meant, body)
}
