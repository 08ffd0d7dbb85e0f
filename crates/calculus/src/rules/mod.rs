//! The rules: each a named law that rewrites one node. Differentiation, contraction, simplification
//! are all rules, and nothing else changes an expression in a derivation.
//!
//! A rule looks at the node it is given and at the [`Scope`]; it must never look at how often or in
//! what order it is applied: that is `derivation`'s business.

pub mod algebra;
pub mod chain;
pub mod delta;
pub mod derivative;
pub mod forward;
pub mod function;
pub mod linalg;
pub mod sum;

use crate::expr::{Expr, Tensor};
use crate::index::Index;
use crate::program::Equation;

/// A law with a name.
pub struct Rule {
    /// A stable name in kebab case.
    pub name: &'static str,
    /// What a reader is told: a short phrase.
    pub title: &'static str,
    /// The law in the notation of the language.
    pub statement: &'static str,
    /// How much a reader cares.
    pub level: Level,
    /// The rewritten node, or `None` where the law does not apply.
    pub apply: fn(&Expr, &Scope) -> Option<Expr>,
}

/// How much a reader cares for a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What one would say aloud: the chain rule, the local derivative, the result.
    Headline,
    /// What one would write on paper.
    Working,
    /// What one would do in the head.
    Bookkeeping,
}

/// What a rule may know beside the node.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The equation whose local derivative is worked out, if one is.
    pub current: Option<Equation>,
    /// Equations whose right sides are recognised and replaced by their names.
    pub named: Vec<Equation>,
    /// The variable of the derivation.
    pub variable: Option<Tensor>,
    /// What uses the variable directly.
    pub users: Vec<User>,
    /// Local derivatives that were worked out, each with its result.
    pub locals: Vec<(Expr, Expr)>,
    /// Definitions whose names are written out again.
    pub written_out: Vec<Equation>,
    /// What was found for cotangents that may be put in.
    pub cotangents: Vec<Equation>,
    /// The derivative that is worked out in the direction of the computation, if one is.
    pub derived: Option<Tensor>,
    /// Through what the current equation depends on the variables.
    pub sources: Vec<Source>,
    /// What was found for derivatives of intermediates that may be put in.
    pub intermediates: Vec<Equation>,
}

/// Something in an equation that depends on the variables.
#[derive(Debug, Clone)]
pub struct Source {
    /// A variable or an intermediate.
    pub tensor: Tensor,
    /// Indices for its axes.
    pub indices: Vec<Index>,
    /// Its derivative; `None` for the variable of a Jacobian itself.
    pub derivative: Option<Tensor>,
}

/// An equation that uses the variable directly.
#[derive(Debug, Clone)]
pub struct User {
    /// What it defines.
    pub target: Tensor,
    /// Indices for its axes.
    pub indices: Vec<Index>,
    /// Its cotangent; `None` for the loss itself.
    pub cotangent: Option<Tensor>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Every rule, in the order of the topics.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [
        &chain::CHAIN_RULE,
        &chain::LOCAL_DERIVATIVE,
        &chain::COTANGENT,
        &forward::FORWARD_CHAIN_RULE,
        &forward::INTERMEDIATE,
        &forward::NESTED_SUMS,
    ]
    .into_iter()
    .chain(derivative::RULES)
    .chain(linalg::DIFFERENTIALS)
    .chain(linalg::IDENTITIES)
    .chain(delta::RULES)
    .chain(sum::RULES)
    .chain(algebra::RULES)
    .chain([
        &function::FUNCTION_DERIVATIVE,
        &function::NAMED_RESULT,
        &function::WRITTEN_OUT,
    ])
}
