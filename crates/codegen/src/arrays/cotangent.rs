//! The cotangent of a scalar. A gradient of a scalar is derived for the cotangent one; what a library hands to a backward
//! pass is another number, by which every gradient is multiplied. It is multiplied where it costs least: where the
//! gradients begin. Nothing here is differentiated; gradients are linear in the cotangent.

use std::collections::{HashMap, HashSet};

use backprove_calculus::{Equation, Expr, Gradient, Node, Program, Tensor, matrix};

/// The program of a gradient as a function of the output's cotangent.
pub(super) struct Seeded {
    pub program: Program,
    pub seed: Tensor,
    /// By the name of what they define: the equations that were multiplied, as they were derived.
    pub derived: HashMap<String, Equation>,
}

impl Seeded {
    pub(super) fn of(gradient: &Gradient) -> Self {
        let mut program = gradient.program();
        let mut derived = HashMap::new();
        if let Some(seed) = &gradient.seed {
            return Self {
                seed: seed.clone(),
                program,
                derived,
            };
        }
        let name = program.free_name(&format!("d{}", gradient.loss));
        let seed = match gradient.forward.output() {
            Some(output) => Tensor::cotangent_of(name.as_str(), &gradient.loss, &output.target),
            None => Tensor::new(name.as_str(), Vec::new()),
        };
        let derivations = gradient.derivations.iter();
        let gradients: HashSet<&str> = derivations.map(|own| own.gradient.name()).collect();
        let factor = Expr::access(&seed, &[]);
        for equation in &mut program.equations {
            if !gradients.contains(equation.target.name()) {
                continue;
            }
            let body = times(&factor, &equation.body, &gradients);
            if body == equation.body {
                continue;
            }
            let multiplied = Equation {
                target: equation.target.clone(),
                indices: equation.indices.clone(),
                matrix: matrix::recover(&body, &equation.indices),
                body,
            };
            let name = equation.target.name().to_owned();
            derived.insert(name, std::mem::replace(equation, multiplied));
        }
        program.inputs.push(seed.clone());
        Self {
            program,
            seed,
            derived,
        }
    }
}

/// The expression with all of it multiplied that mentions no gradient: the others are multiplied already.
fn times(factor: &Expr, expr: &Expr, gradients: &HashSet<&str>) -> Expr {
    let mentions = |part: &Expr| {
        part.any(&mut |inner| {
            matches!(inner.node(), Node::Access(tensor, _) if gradients.contains(tensor.name()))
        })
    };
    if expr.is_zero() {
        return expr.clone();
    }
    if !mentions(expr) {
        return Expr::product([factor.clone(), expr.clone()]);
    }
    match expr.node() {
        Node::Add(_) | Node::Sum(..) => expr.map_children(|part| times(factor, part, gradients)),
        Node::Product(factors) => {
            let part = |part: &Expr| {
                if mentions(part) {
                    times(factor, part, gradients)
                } else {
                    part.clone()
                }
            };
            Expr::product(factors.iter().map(part))
        }
        // A choice between gradients: what decides is none.
        Node::Call(..) => {
            let mut is_first = true;
            expr.map_children(|part| {
                if std::mem::take(&mut is_first) {
                    part.clone()
                } else {
                    times(factor, part, gradients)
                }
            })
        }
        _ => expr.clone(),
    }
}
