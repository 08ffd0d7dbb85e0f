//! What a verification would cost. Every step is evaluated element by element, so literal sizes
//! must be small; symbols stand for all sizes and are tried at small ones. Nothing is verified here.

use backprove::calculus::{Dim, Expr, Index, Node, Program, Tensor};
use backprove::syntax::Diagnostic;

/// What a symbolic size counts for; it is tried at values about as large.
const SYMBOL: f64 = 4.0;

/// The most element operations: seconds, not minutes.
const LIMIT: f64 = 1e8;

/// A refusal where the checks of the gradients by `wrt` (by all inputs, if it is empty) would take
/// too long.
pub fn affordable(program: &Program, wrt: &[String]) -> Result<(), Diagnostic> {
    let forward: f64 = program
        .equations
        .iter()
        .map(|equation| {
            let elements = product(equation.indices.iter().map(Index::extent));
            elements * operations(&equation.body)
        })
        .sum();
    let targets = program.equations.iter().map(|equation| &equation.target);
    let mut variables: Vec<&Tensor> = program.inputs.iter().collect();
    if wrt.is_empty() {
        variables.retain(|variable| !variable.is_constant());
    } else {
        variables.extend(targets);
        variables.retain(|variable| wrt.iter().any(|name| name == variable.name()));
    }
    let elements = |variable: &Tensor| product(variable.dims());
    let total: f64 = variables.iter().map(|variable| elements(variable)).sum();
    if total * forward <= LIMIT {
        return Ok(());
    }
    let message = format!(
        "verifying this takes about 10^{:.0} operations, for every element of every gradient",
        (total * forward).log10()
    );
    Err(Diagnostic::error("too-large-to-verify", message).help(
        "write symbols for large sizes, such as `X[S, M]`: the result then holds for all sizes",
    ))
}

/// About how many operations one element of the expression takes.
fn operations(expr: &Expr) -> f64 {
    let parts: f64 = expr.children().into_iter().map(operations).sum();
    match expr.node() {
        Node::Sum(bound, _) | Node::Reduce(_, bound, _) => {
            product(bound.iter().map(Index::extent)) * parts
        }
        _ => 1.0 + parts,
    }
}

fn product<'a>(dims: impl IntoIterator<Item = &'a Dim>) -> f64 {
    let size = |dim: &Dim| match dim {
        Dim::Symbol(_) | Dim::Computed(_) => SYMBOL,
        Dim::Literal(size) => *size as f64,
    };
    dims.into_iter().map(size).product()
}
