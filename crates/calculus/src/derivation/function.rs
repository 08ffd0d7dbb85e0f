//! The derivatives of functions of one number, for those who write `gelu'(X)`. They are worked out by the rules, as everything is.

use super::Chain;
use super::strategy::{differentiate, simplify};
use crate::expr::{Callee, Expr, Node, Tensor};
use crate::functions::Function;
use crate::rules::Scope;

/// The derivative of some order of a function of the table at `argument`; `None` where the rules do not find it.
pub(crate) fn worked_out(
    function: &'static Function,
    order: usize,
    argument: &Expr,
) -> Option<Expr> {
    let x = Tensor::new("x", Vec::new());
    let mut body = Expr::call(Callee::known(function), vec![Expr::access(&x, &[])]);
    for _ in 0..order {
        let mut chain = Chain::new(body.derivative(&x, &[]), Scope::default());
        differentiate(&mut chain).ok()?;
        simplify(&mut chain).ok()?;
        body = chain.result().clone();
    }
    Some(at(&body, &x, argument))
}

/// `body` with `argument` in the place of `x`.
fn at(body: &Expr, x: &Tensor, argument: &Expr) -> Expr {
    match body.node() {
        Node::Access(tensor, _) if tensor == x => argument.freshen(),
        _ => body.map_children(|part| at(part, x, argument)),
    }
}
