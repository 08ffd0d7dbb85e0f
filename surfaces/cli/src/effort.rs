//! What a verification would cost. Every step is evaluated element by element, so literal sizes
//! must be small; symbols stand for all sizes and are tried at small ones. Also whether a plan fits into memory. Nothing is
//! verified or run here.

use backprove::calculus::operations::operation_count;
use backprove::calculus::reference::Sizes;
use backprove::calculus::{Dim, Equation, Expr, Index, Node, Program, Tensor};
use backprove::engine::{Report, Role};
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
            let loops = elements * operations(&equation.body);
            contracted(program, equation).map_or(loops, |contracted| contracted.min(loops))
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

/// What an equation takes where it has a long sum of a product: that is worked out index by index. A sum in which an
/// indicator fixes indices is not.
fn contracted(program: &Program, equation: &Equation) -> Option<f64> {
    let body = &equation.body;
    let is_long = |part: &Expr| match part.node() {
        Node::Sum(bound, body) => bound.len() > 2 && matches!(body.node(), Node::Product(_)),
        _ => false,
    };
    let is_indicator = |part: &Expr| matches!(part.node(), Node::Indicator(..));
    if !body.any(&mut { is_long }) || body.any(&mut { is_indicator }) {
        return None;
    }
    let alone = Program {
        equations: vec![equation.clone()],
        ..program.clone()
    };
    let dims = alone.inputs.iter().flat_map(Tensor::dims);
    let dims = dims.chain(equation.target.dims());
    let symbols: Vec<_> = dims.flat_map(Dim::symbols).collect();
    let sizes = Sizes::new(symbols.iter().map(|symbol| (&**symbol, SYMBOL as usize)));
    operation_count(&alone, &[equation.target.name()], &sizes).map(|count| count as f64)
}

/// About how many operations one element of the expression takes.
fn operations(expr: &Expr) -> f64 {
    let parts: f64 = expr.children().map(operations).sum();
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

/// A refusal where running the plan would take more memory than the system has left.
pub fn fits(report: &Report, threads: usize) -> Result<(), Diagnostic> {
    let inputs = report.arena.arrays.iter();
    let inputs = inputs.filter(|array| array.role == Role::Input);
    // Random inputs are drawn in double precision, and kept until the last run.
    let drawn: u64 = inputs.map(|array| 3 * array.bytes).sum();
    let needed = report.arena.peak(threads).saturating_add(drawn);
    match available() {
        Some(available) if needed > available => {
            let message = format!(
                "running this takes about {} MiB of memory, and {} MiB are left",
                needed >> 20,
                available >> 20
            );
            Err(Diagnostic::error("too-large-to-run", message)
                .help("without `--time` nothing is run; smaller sizes in `--sizes` need less"))
        }
        _ => Ok(()),
    }
}

/// The bytes of memory that the system can still give, where it says so.
fn available() -> Option<u64> {
    let known = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = known
        .lines()
        .find(|line| line.starts_with("MemAvailable:"))?;
    let kibibytes = line.split_whitespace().nth(1)?.parse::<u64>().ok()?;
    Some(kibibytes << 10)
}
