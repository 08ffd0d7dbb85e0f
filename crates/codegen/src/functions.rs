//! What all emitters need to know of functions: their names with primes, how often they are differentiated, and the
//! derivatives that the table works out. None is typed here.

use backprove_calculus::functions;
use backprove_calculus::{Callee, Expr, FunctionName, Node, Program};

/// The derivative of a function of the table as the table has it.
pub(crate) fn worked_out(callee: &Callee, arguments: &[Expr]) -> Option<Expr> {
    let (FunctionName::Known(function), [position]) = (&callee.function, &callee.derivatives[..])
    else {
        return None;
    };
    let result = Expr::call(Callee::known(function), arguments.to_vec());
    functions::derivative(function, *position, arguments, &result)
}

/// `h` with its primes.
pub(crate) fn primed(name: &str, order: usize) -> String {
    format!("{name}{}", "'".repeat(order))
}

/// The highest derivative of the abstract function `name` in the program.
pub(crate) fn highest_order(program: &Program, name: &str) -> usize {
    let mut highest = 1;
    for equation in &program.equations {
        equation.body.visit(&mut |part| {
            if let Node::Call(callee, _) = part.node()
                && matches!(&callee.function, FunctionName::Abstract(own) if &**own == name)
            {
                highest = highest.max(callee.derivatives.len());
            }
        });
    }
    highest
}

/// The first sentence of a text, on one line.
pub(crate) fn first_sentence(prose: &str) -> String {
    let end = prose.find(". ").map_or(prose.len(), |end| end + 1);
    prose[..end]
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
