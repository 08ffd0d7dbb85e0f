//! Derivatives by their order: which derivations each is made of. A Hessian is the Jacobian of the gradient, a
//! Hessian-vector product its tangent; nothing is differentiated here.

use backprove_syntax::Diagnostic;

use super::{Forward, Gradient, Partial, gradient, jacobian, tangent};
use crate::expr::{Expr, Fact, Node, Tensor};
use crate::program::Program;

/// Which derivative of a program, where it is not its gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// The derivative of every element of the output by every element of each variable.
    Jacobian,
    /// The derivative of the output along tangents of the variables.
    Jvp,
    /// The Jacobian of the gradient of a scalar, by each pair of variables.
    Hessian,
    /// The derivative of the gradient of a scalar along tangents of the variables.
    Hvp,
}

impl Order {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Jacobian, Self::Jvp, Self::Hessian, Self::Hvp];

    /// The name by which it is asked for: that of the function that computes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jacobian => "jacobian",
            Self::Jvp => "jvp",
            Self::Hessian => "hessian",
            Self::Hvp => "hvp",
        }
    }
}

/// A derivative of a program: derivations for readers, and a program for machines.
#[derive(Debug, Clone)]
pub struct Derivative {
    /// Which derivative it is.
    pub order: Order,
    /// The program as it was given.
    pub forward: Program,
    /// By what was asked.
    pub wrt: Vec<Tensor>,
    /// The gradient, where the derivative is of second order.
    pub gradient: Option<Gradient>,
    /// The derivations of the last stage.
    pub stage: Forward,
}

/// A result that was asked for.
#[derive(Debug, Clone)]
pub struct Outcome<'a> {
    /// By what: one variable, a pair of them, or for a Jacobian-vector product all.
    pub wrt: Vec<&'a Tensor>,
    /// Its derivation.
    pub partial: &'a Partial,
}

/// Derives the derivative of `order` of the last definition of `program` by each of `wrt`.
///
/// ```
/// use backprove_calculus::derivation::{Order, derivative};
/// let parsed = backprove_syntax::parse("x[N]; A[N, N]\nq = x @ A @ x");
/// let program = backprove_calculus::elaborate(&parsed.program).program;
/// let hessian = derivative(&program, &program.inputs[..1], Order::Hessian)?;
/// let matrix = hessian.outcomes()[0].partial.matrix.clone().unwrap();
/// assert_eq!(backprove_syntax::format_expression(&matrix), "A + A.T");
/// # Ok::<(), backprove_syntax::Diagnostic>(())
/// ```
pub fn derivative(
    program: &Program,
    wrt: &[Tensor],
    order: Order,
) -> Result<Derivative, Diagnostic> {
    let Some(output) = program.output() else {
        return Err(
            Diagnostic::error("nothing-to-derive", "the program defines nothing")
                .help("add a definition, such as `Y = X @ W.T + b`"),
        );
    };
    let output = output.target.clone();
    let (gradient, stage) = match order {
        Order::Jacobian => (None, jacobian(program, &[output], wrt)?),
        Order::Jvp => (None, tangent(program, &[output], wrt)?),
        Order::Hessian | Order::Hvp => {
            if output.rank() > 0 {
                return Err(not_scalar(&output, order));
            }
            let free = unconstrained(program, wrt);
            let (program, wrt) = (free.as_ref().unwrap_or(program), &freed(wrt)[..]);
            let gradient = gradient(program, wrt, None)?;
            let gradients: Vec<Tensor> = wrt
                .iter()
                .filter_map(|variable| gradient.derivation(variable.name()))
                .map(|derivation| derivation.gradient.clone())
                .collect();
            let derived = gradient.program();
            let stage = match order {
                Order::Hessian => jacobian(&derived, &gradients, wrt)?,
                _ => tangent(&derived, &gradients, wrt)?,
            };
            (Some(gradient), stage)
        }
    };
    Ok(Derivative {
        order,
        forward: program.clone(),
        wrt: wrt.to_vec(),
        gradient,
        stage,
    })
}

fn not_scalar(output: &Tensor, order: Order) -> Diagnostic {
    let what = match order {
        Order::Hvp => "a Hessian-vector product",
        _ => "a Hessian",
    };
    let dims: Vec<String> = output.dims().iter().map(ToString::to_string).collect();
    let shape = match &dims[..] {
        [size] => format!("a vector of {size}"),
        _ => dims.join("×"),
    };
    let name = output.name();
    Diagnostic::error(
        "hessian-of-array",
        format!("{what} is of a scalar, but `{name}` is {shape}"),
    )
    .help("`--order jacobian` takes any output")
}

/// Whether a fact ties the elements of a tensor to each other. A gradient that was simplified by it is right where it
/// holds and nowhere else, so that its derivative by that tensor would be wrong.
fn ties(fact: &Fact) -> bool {
    !matches!(
        fact,
        Fact::Positive
            | Fact::Unit
            | Fact::Small
            | Fact::Large
            | Fact::Invertible
            | Fact::Constant
            | Fact::Labels(_)
    )
}

/// The variables without the facts that tie their elements.
fn freed(wrt: &[Tensor]) -> Vec<Tensor> {
    let free = |tensor: &Tensor| {
        let facts = tensor.facts().iter().filter(|fact| !ties(fact)).cloned();
        Tensor::with_facts(tensor.name(), tensor.dims().to_vec(), facts.collect())
    };
    wrt.iter().map(free).collect()
}

/// The program in which nothing is known of the variables that ties their elements, if anything was.
pub(super) fn unconstrained(program: &Program, wrt: &[Tensor]) -> Option<Program> {
    if !wrt.iter().any(|tensor| tensor.facts().iter().any(ties)) {
        return None;
    }
    let mut program = program.clone();
    let freed = freed(wrt);
    let find = |tensor: &Tensor| freed.iter().find(|own| *own == tensor).cloned();
    for input in &mut program.inputs {
        if let Some(tensor) = find(input) {
            *input = tensor;
        }
    }
    for equation in &mut program.equations {
        equation.body = retold(&equation.body, &find);
    }
    Some(program)
}

/// The expression with other tensors of the same names.
pub(super) fn retold(expr: &Expr, find: &impl Fn(&Tensor) -> Option<Tensor>) -> Expr {
    if let Node::Access(tensor, at) = expr.node() {
        return find(tensor).map_or_else(|| expr.clone(), |tensor| Expr::access(&tensor, at));
    }
    let parts = expr.children();
    expr.with_children(parts.map(|part| retold(part, find)).collect())
}

impl Derivative {
    /// The results that were asked for, by variable; those of a Hessian by pairs of variables.
    pub fn outcomes<'a>(&'a self) -> Vec<Outcome<'a>> {
        let output = self.forward.output().map_or("", |own| own.target.name());
        let gradient_by = |variable: &Tensor| {
            let derivation = self.gradient.as_ref()?.derivation(variable.name())?;
            Some(derivation.gradient.name())
        };
        let outcome = |wrt: Vec<&'a Tensor>| {
            let partial = match (self.order, &wrt[..]) {
                (Order::Jvp, _) => self.stage.tangent(output),
                (Order::Jacobian, [variable]) => self.stage.jacobian(output, variable.name()),
                (Order::Hvp, [variable]) => self.stage.tangent(gradient_by(variable)?),
                (Order::Hessian, [first, second]) => {
                    self.stage.jacobian(gradient_by(first)?, second.name())
                }
                _ => None,
            };
            partial.map(|partial| Outcome { wrt, partial })
        };
        let mut asked: Vec<Vec<&'a Tensor>> = Vec::new();
        match self.order {
            Order::Jvp => asked.push(self.wrt.iter().collect()),
            Order::Jacobian | Order::Hvp => asked.extend(self.wrt.iter().map(|own| vec![own])),
            Order::Hessian => {
                for first in &self.wrt {
                    asked.extend(self.wrt.iter().map(|second| vec![first, second]));
                }
            }
        }
        asked.into_iter().filter_map(outcome).collect()
    }

    /// The forward definitions as they are computed, names that were introduced included.
    pub fn definitions(&self) -> &Program {
        let gradient = self.gradient.as_ref();
        gradient.map_or(&self.forward, |gradient| &gradient.forward)
    }

    /// The whole as one program: the forward definitions, the gradients that are computed, the derivatives.
    pub fn program(&self) -> Program {
        self.stage.program()
    }
}
