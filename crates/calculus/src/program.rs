//! A program: inputs and an ordered list of named equations. A derivative of a program is a program again.

use std::collections::HashSet;
use std::sync::Arc;

use backprove_syntax::tree::Expression;

use crate::expr::{Expr, Tensor};
use crate::index::Index;

/// An ordered list of equations over declared tensors.
///
/// Invariants: every tensor that an equation mentions is an input or the target of an earlier
/// equation; names are distinct.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The declared tensors in order of declaration.
    pub inputs: Vec<Tensor>,
    /// The declared abstract element-wise functions.
    pub functions: Vec<Arc<str>>,
    /// The definitions in order; the last one is the output.
    pub equations: Vec<Equation>,
}

/// `target[indices] = body`, for all values of the indices.
#[derive(Debug, Clone)]
pub struct Equation {
    /// What is defined.
    pub target: Tensor,
    /// One index for each axis of the target; they are the only free indices of the body.
    pub indices: Vec<Index>,
    /// One element of the target.
    pub body: Expr,
    /// The right side as it was written or as it was recovered, in matrix notation; `None` where it
    /// has only an index form.
    pub matrix: Option<Arc<Expression>>,
}

impl Program {
    /// The last equation.
    pub fn output(&self) -> Option<&Equation> {
        self.equations.last()
    }

    /// The equation that defines `name`.
    pub fn equation(&self, name: &str) -> Option<&Equation> {
        self.equations
            .iter()
            .find(|equation| equation.target.name() == name)
    }

    /// The input or definition called `name`.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        let targets = self.equations.iter().map(|equation| &equation.target);
        self.inputs
            .iter()
            .chain(targets)
            .find(|tensor| tensor.name() == name)
    }

    /// Whether `name` is taken by a tensor, a function or a symbolic size.
    pub fn is_taken(&self, name: &str) -> bool {
        let size = |tensor: &Tensor| {
            tensor
                .dims()
                .iter()
                .any(|dim| dim.symbols().iter().any(|symbol| &**symbol == name))
        };
        self.tensor(name).is_some()
            || self.functions.iter().any(|function| &**function == name)
            || self.inputs.iter().any(size)
    }

    /// All names that are taken: tensors, functions, symbolic sizes.
    pub fn names(&self) -> Names {
        use crate::index::Dim;
        let targets = self.equations.iter().map(|equation| &equation.target);
        let tensors = self.inputs.iter().chain(targets);
        let mut taken: HashSet<String> = self.functions.iter().map(ToString::to_string).collect();
        for tensor in tensors {
            taken.insert(tensor.name().to_owned());
            taken.extend(
                tensor
                    .dims()
                    .iter()
                    .flat_map(Dim::symbols)
                    .map(|symbol| symbol.to_string()),
            );
        }
        Names { taken }
    }

    /// `name`, or `name_1`, `name_2`, … if it is taken.
    pub fn free_name(&self, name: &str) -> String {
        let numbered = (1..).map(|number| format!("{name}_{number}"));
        std::iter::once(name.to_owned())
            .chain(numbered)
            .find(|candidate| !self.is_taken(candidate))
            .unwrap_or_default()
    }
}

/// The names that are taken in a program that grows.
#[derive(Debug, Clone)]
pub struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// `name`, or `name_1`, `name_2`, … if it is taken; from now on it is.
    pub fn take(&mut self, name: &str) -> String {
        let numbered = (1..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.to_owned())
            .chain(numbered)
            .find(|candidate| !self.taken.contains(candidate))
            .unwrap_or_default();
        self.taken.insert(free.clone());
        free
    }
}

impl Equation {
    /// The body at other indices, with fresh binders.
    pub fn at(&self, indices: &[Index]) -> Expr {
        let map = self
            .indices
            .iter()
            .cloned()
            .zip(indices.iter().cloned())
            .collect();
        self.body.freshen().substitute(&map)
    }
}
