//! Derivations as data: steps, chains of steps, gradients. Mathematics belongs to the rules; nothing
//! here may change an expression but through one.
//!
//! `gradient` goes from equation to equation, `strategy` decides which rule is applied where.

mod constrained;
mod forward;
mod function;
mod gradient;
mod order;
mod prepare;
mod strategy;

use backprove_syntax::tree::Expression;
use std::sync::Arc;

use crate::canonical;
use crate::expr::{Expr, Tensor};
use crate::index::Index;
use crate::program::{Equation, Program};
use crate::rules::{Level, Rule, Scope};

pub use constrained::Constrained;
pub use forward::{Forward, Partial, jacobian, tangent};
pub(crate) use function::worked_out;
pub use gradient::gradient;
pub use order::{Derivative, Order, Outcome, derivative};

/// One rewrite: `before` and `after` differ by `rule`, applied to the part at `site`.
#[derive(Debug, Clone)]
pub struct Step {
    /// The whole expression before.
    pub before: Expr,
    /// The whole expression after.
    pub after: Expr,
    /// The path from the root to the part that the rule rewrote, in every entry the position of a child.
    /// The rule may have been applied to several equal parts at once; then it is the first.
    pub site: Vec<usize>,
    /// The rule.
    pub rule: &'static Rule,
}

impl Step {
    /// How much a reader cares.
    pub fn level(&self) -> Level {
        self.rule.level
    }

    /// Applies the rule again and says whether the same comes out, up to bound names.
    pub fn replays(&self, scope: &Scope) -> bool {
        self.before
            .at(&self.site)
            .and_then(|part| (self.rule.apply)(part, scope))
            .is_some_and(|new| {
                canonical::alike(&self.before.replace_at(&self.site, new), &self.after)
            })
    }
}

/// A start and the steps from it, each beginning where the one before ended.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The first expression.
    pub start: Expr,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// What the rules could see.
    pub scope: Scope,
}

impl Chain {
    /// The last expression.
    pub fn result(&self) -> &Expr {
        self.steps.last().map_or(&self.start, |step| &step.after)
    }
}

/// How one equation that uses the variable contributes: its local derivative.
#[derive(Debug, Clone)]
pub struct Contribution {
    /// The equation.
    pub equation: Equation,
    /// From the derivative of one element of it by one element of the variable to a closed form.
    pub local: Chain,
}

/// The derivation of the gradient of the loss by one tensor.
#[derive(Debug, Clone)]
pub struct Derivation {
    /// By what it is differentiated.
    pub variable: Tensor,
    /// The gradient: a tensor of the variable's shape.
    pub gradient: Tensor,
    /// One index for each axis of the variable.
    pub indices: Vec<Index>,
    /// The local derivatives, one for each equation that uses the variable.
    pub contributions: Vec<Contribution>,
    /// From one element of the gradient through the chain rule to the result.
    pub chain: Chain,
    /// The result in matrix notation, where it has one.
    pub matrix: Option<Arc<Expression>>,
    /// For a matrix that is declared to be of a kind: the gradient among matrices of that kind.
    pub constrained: Option<Constrained>,
    /// Whether the result was put into a later one and is not computed by itself.
    pub absorbed: bool,
}

impl Derivation {
    /// One element of the gradient.
    pub fn result(&self) -> &Expr {
        self.chain.result()
    }

    /// The gradient as an equation.
    pub fn equation(&self) -> Equation {
        Equation {
            target: self.gradient.clone(),
            indices: self.indices.clone(),
            body: self.result().clone(),
            matrix: self.matrix.clone(),
        }
    }
}

/// The gradients of a program: derivations for readers, and a program for machines.
#[derive(Debug, Clone)]
pub struct Gradient {
    /// The program as it was given: what finite differences are taken of.
    pub source: Program,
    /// The program that was differentiated: the same, with names for parts that deserve one.
    pub forward: Program,
    /// The name of the scalar: the last definition, or the abstract loss `L`.
    pub loss: String,
    /// The cotangent that is an input, where the last definition is not a scalar.
    pub seed: Option<Tensor>,
    /// Named parts that the results mention and the program did not define, such as a softmax.
    pub introduced: Vec<Equation>,
    /// The derivations, from the loss back to the inputs.
    pub derivations: Vec<Derivation>,
    /// By what was asked.
    pub wrt: Vec<Tensor>,
}

impl Gradient {
    /// The derivation of the gradient by `variable`.
    pub fn derivation(&self, variable: &str) -> Option<&Derivation> {
        self.derivations
            .iter()
            .find(|derivation| derivation.variable.name() == variable)
    }

    /// The program of which finite differences by `variable` are taken: as it was given, where it has the variable.
    pub fn primal(&self, variable: &Tensor) -> &Program {
        if self.source.tensor(variable.name()).is_some() {
            &self.source
        } else {
            &self.forward
        }
    }

    /// The whole as one program: the forward definitions, then the gradients that are computed.
    pub fn program(&self) -> Program {
        let mut program = self.forward.clone();
        program.inputs.extend(self.seed.clone());
        program.equations.extend(self.introduced.iter().cloned());
        let computed = self
            .derivations
            .iter()
            .filter(|derivation| !derivation.absorbed);
        program.equations.extend(computed.map(Derivation::equation));
        program
    }
}
