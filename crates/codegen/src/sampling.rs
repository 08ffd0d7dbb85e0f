//! At which inputs a program can be tried: sizes, and whether it is undefined somewhere. Nothing is drawn here.

use std::sync::Arc;

use backprove_calculus::functions::{Domain, MatrixDomain};
use backprove_calculus::{Dim, Expr, FunctionName, Node, Program, sample};

use crate::stable;

/// Small, distinct sizes: such that the matrices that must have an inverse have one, and sizes that are worked out are
/// positive.
pub(crate) fn sizes(program: &Program, names: &[Arc<str>]) -> Vec<String> {
    let mut is_matrix = |part: &Expr| matches!(part.node(), Node::Matrix(..));
    let is_worked_out = |dim: &Dim| matches!(dim, Dim::Computed(_));
    let mut equations = program.equations.iter();
    if equations.any(|equation| {
        equation.body.any(&mut is_matrix) || equation.target.dims().iter().any(is_worked_out)
    }) {
        let [sizes, _] = sample::size_sets(program);
        let values = names.iter().map(|name| sizes.get(&Dim::symbol(name)));
        if let Some(values) = values.collect::<Option<Vec<usize>>>() {
            return values.iter().map(usize::to_string).collect();
        }
    }
    (2..names.len() + 2).map(|size| size.to_string()).collect()
}

/// Whether the program is undefined somewhere: a logarithm, a root, a quotient.
pub(crate) fn is_restricted(program: &Program) -> bool {
    let restricted = |part: &Expr| match part.node() {
        _ if stable::log_sum_exp(part).is_some() => false,
        Node::Power(base, _) if stable::sum_of_exponentials(base).is_some() => false,
        Node::Call(callee, _) => match &callee.function {
            FunctionName::Known(function) => {
                function.domain.iter().any(|domain| *domain != Domain::Real)
            }
            FunctionName::Abstract(_) => false,
        },
        Node::Power(base, exponent) => {
            let is_count = matches!(base.node(), Node::Extent(_));
            let whole = exponent.split_coefficient().0.as_integer();
            !is_count
                && whole
                    .is_none_or(|whole| whole < 0 || !matches!(exponent.node(), Node::Number(_)))
        }
        Node::Matrix(function, ..) => function.domain == MatrixDomain::PositiveDefinite,
        _ => false,
    };
    let mut equations = program.equations.iter();
    equations.any(|equation| equation.body.any(&mut |part| restricted(part)))
}
