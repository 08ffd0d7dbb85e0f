//! Values of functions that both passes need. They get a name, so that the forward pass hands them to the backward pass
//! instead of each working them out. Nothing here changes what an equation means.

use backprove_calculus::{
    Equation, Expr, Function, FunctionName, Gradient, Index, Node, Tensor, matrix,
};

use super::cotangent::Seeded;

/// Functions that cost no more than to read their value again; and exponentials and logarithms, which must stay where they
/// stand for forms that do not overflow to be found (`stable`).
const LEFT_ALONE: &[&str] = &[
    "abs",
    "exp",
    "log",
    "reciprocal",
    "sign",
    "square",
    "stop_gradient",
];

/// The gradient with such values defined by its forward program; the same is done to `seeded`.
pub(super) fn named(gradient: &Gradient, seeded: &mut Seeded) -> Gradient {
    let mut gradient = gradient.clone();
    let forward = &mut gradient.forward.equations;
    let mut place = 0;
    while place < forward.len() {
        let later = &seeded.program.equations[forward.len()..];
        let body = &forward[place].body;
        let mut found = applications(body).into_iter().filter(|call| {
            call.body != *body
                && later
                    .iter()
                    .any(|own| own.body.any(&mut |part| call.is(part)))
        });
        let Some(call) = found.next() else {
            place += 1;
            continue;
        };
        let wish = format!("{}_{}", call.function.name, call.tensor.name());
        let name = seeded.program.names().take(&wish);
        let target = Tensor::new(name.as_str(), call.tensor.dims().to_vec());
        let read = |equation: &Equation| {
            let body = call.replaced(&equation.body, &target);
            (body != equation.body).then(|| Equation {
                matrix: matrix::recover(&body, &equation.indices),
                body,
                ..equation.clone()
            })
        };
        let count = forward.len();
        for (own, equation) in seeded.program.equations.iter_mut().enumerate() {
            let Some(read) = read(equation) else {
                continue;
            };
            if own < count {
                forward[own] = read.clone();
                *equation = read;
            } else {
                // Formulas say what was derived.
                let before = std::mem::replace(equation, read);
                let name = before.target.name().to_owned();
                seeded.derived.entry(name).or_insert(before);
            }
        }
        let definition = Equation {
            target,
            matrix: matrix::recover(&call.body, &call.at),
            indices: call.at,
            body: call.body,
        };
        forward.insert(place, definition.clone());
        seeded.program.equations.insert(place, definition);
    }
    gradient
}

/// A function of the table, applied to each element of a tensor.
struct Application {
    function: &'static Function,
    tensor: Tensor,
    at: Vec<Index>,
    body: Expr,
}

impl Application {
    fn of(expr: &Expr) -> Option<Self> {
        let Node::Call(callee, arguments) = expr.node() else {
            return None;
        };
        let (FunctionName::Known(function), [argument]) = (&callee.function, arguments.as_slice())
        else {
            return None;
        };
        let Node::Access(tensor, at) = argument.node() else {
            return None;
        };
        let distinct = (1..at.len()).all(|place| !at[..place].contains(&at[place]));
        let is_costly = callee.derivatives.is_empty() && !LEFT_ALONE.contains(&function.name);
        (distinct && is_costly && tensor.rank() > 1).then(|| Self {
            function,
            tensor: tensor.clone(),
            at: at.clone(),
            body: expr.clone(),
        })
    }

    /// Whether an expression applies the same function to the same tensor.
    fn is(&self, expr: &Expr) -> bool {
        Self::of(expr)
            .is_some_and(|own| own.function.name == self.function.name && own.tensor == self.tensor)
    }

    /// The expression with accesses to `target` in the place of the application.
    fn replaced(&self, expr: &Expr, target: &Tensor) -> Expr {
        match Self::of(expr) {
            Some(own) if self.is(expr) => Expr::access(target, &own.at),
            _ => expr.map_children(|part| self.replaced(part, target)),
        }
    }
}

fn applications(body: &Expr) -> Vec<Application> {
    let mut found = Vec::new();
    body.visit(&mut |part| found.extend(Application::of(part)));
    found
}
