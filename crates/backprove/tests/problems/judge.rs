//! What comes of a problem: right, wrong or refused; how it is printed; how many operations it takes beside the
//! textbook's form. Truth is finite differences of the primal; the textbook's form is a second witness.

use std::fmt::Write as _;

use backprove::calculus::check::{
    Checker, ForwardClaim, GradientCheck, SecondClaim, Verdict, check_forward, check_second,
    context, forward_context,
};
use backprove::calculus::derivation::{Derivative, Order, Partial, derivative};
use backprove::calculus::operations::operation_count;
use backprove::calculus::reference::Sizes;
use backprove::calculus::{
    Derivation, Dim, Equation, Expr, Gradient, Node, Program, Tensor, elaborate_expression,
};
use backprove::{Problem, Verification, text};

use crate::catalogue::Entry;

/// Sizes at which operations are counted; a size that is not listed counts 12.
const SIZES: &[(&str, usize)] = &[
    ("S", 64),
    ("T", 48),
    ("M", 32),
    ("N", 24),
    ("V", 40),
    ("D", 16),
    ("E", 20),
    ("H", 10),
    ("K", 8),
    ("C", 6),
    ("B", 4),
];

/// What the project knows about a problem.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// `right`, `wrong` or `refused`.
    pub status: String,
    /// Why it is wrong or refused.
    pub reason: String,
    /// `matrix`, `no matrix`, or `index` where the textbook has no matrix form either.
    pub form: String,
    /// Our operations and the textbook's.
    pub operations: Option<(u64, u64)>,
    /// `agrees`, `differs`, or why the textbook's form was not read.
    pub closed: String,
    /// The results as they are printed.
    pub printed: String,
}

impl Outcome {
    fn not(status: &str, reason: impl Into<String>) -> Self {
        Self {
            status: status.to_owned(),
            reason: reason.into().trim().replace('\n', "; "),
            ..Self::default()
        }
    }

    /// Our operations over the textbook's.
    pub fn ratio(&self) -> Option<f64> {
        let (ours, theirs) = self.operations?;
        // Nothing to do on both sides is equally much.
        Some((ours.max(1)) as f64 / theirs.max(1) as f64)
    }
}

/// A derived result that was asked for.
struct Asked {
    /// The variable, or two with a comma between them.
    by: String,
    equation: Equation,
    has_matrix_form: bool,
}

/// What was derived and verified, of whatever order.
struct Derived {
    asked: Vec<Asked>,
    /// The forward program with the cotangent as an input.
    forward: Program,
    /// All that computes the results.
    program: Program,
    /// All that the results may mention, for checks of values.
    context: Program,
    printed: String,
}

/// Derives and verifies a problem and compares it with its textbook form.
pub fn judge(entry: &Entry) -> Outcome {
    let problem = match entry.read() {
        Ok(problem) => problem,
        Err(diagnosed) => return Outcome::not("refused", diagnosed.to_string()),
    };
    let derived = match entry.order.as_str() {
        "gradient" => gradient(entry, &problem),
        order => second(entry, &problem, order),
    };
    let derived = match derived {
        Ok(derived) => derived,
        Err(outcome) => return outcome,
    };
    let mut outcome = Outcome {
        status: "right".to_owned(),
        form: form(entry, &derived),
        printed: derived.printed.clone(),
        ..Outcome::default()
    };
    match closed_forms(entry, &derived) {
        Err(reason) => outcome.closed = reason,
        Ok(equations) => {
            let mut pairs = equations.iter().zip(&derived.asked);
            let differing = pairs.find(|(closed, asked)| !agree(&derived, asked, closed));
            outcome.closed = match differing {
                None => "agrees".to_owned(),
                Some((_, asked)) => format!("differs for {}", asked.by),
            };
            outcome.operations = operations(&derived, &equations);
        }
    }
    outcome
}

fn gradient(entry: &Entry, problem: &Problem) -> Result<Derived, Outcome> {
    let gradient = problem
        .gradient(&entry.variables(), entry.cotangent.as_deref())
        .map_err(|diagnosed| Outcome::not("refused", diagnosed.to_string()))?;
    let verification = Verification::of(&gradient, 0);
    if !verification.holds() {
        return Err(Outcome::not("wrong", complaint(&gradient, &verification)));
    }
    let mut forward = gradient.forward.clone();
    forward.inputs.extend(gradient.seed.clone());
    let asked = gradient.wrt.iter().filter_map(|variable| {
        let derivation = gradient.derivation(variable.name())?;
        Some(Asked {
            by: variable.name().to_owned(),
            equation: derivation.equation(),
            has_matrix_form: derivation.matrix.is_some(),
        })
    });
    let computed = gradient.derivations.iter().filter(|one| !one.absorbed);
    let equations = gradient.introduced.iter().cloned();
    Ok(Derived {
        asked: asked.collect(),
        forward,
        program: gradient.program(),
        context: context(&gradient),
        printed: printed(equations.chain(computed.map(Derivation::equation))),
    })
}

fn complaint(gradient: &Gradient, verification: &Verification) -> String {
    let mut text = format!("{:?}", verification.counts());
    for (check, derivation) in verification.derivations.iter().zip(&gradient.derivations) {
        if !matches!(check.result.verdict, Verdict::Verified(())) {
            let _ = write!(
                text,
                "; by {}: {:?}",
                derivation.variable.name(),
                check.result.verdict
            );
        }
    }
    text
}

/// A Jacobian, a Hessian, or a mixed derivative, which is a block of a Hessian.
fn second(entry: &Entry, problem: &Problem, order: &str) -> Result<Derived, Outcome> {
    let program = problem.program();
    let wrt: Vec<Tensor> = entry
        .wrt
        .iter()
        .filter_map(|name| program.tensor(name).cloned())
        .collect();
    let kind = if order == "jacobian" {
        Order::Jacobian
    } else {
        Order::Hessian
    };
    let found = derivative(program, &wrt, kind).map_err(|refusal| {
        Outcome::not("refused", format!("{}: {}", refusal.slug, refusal.message))
    })?;
    let wanted = |by: &[&Tensor]| order != "mixed" || (by[0] == &wrt[0] && by[1] == &wrt[1]);
    let mut asked = Vec::new();
    for outcome in found.outcomes() {
        if !wanted(&outcome.wrt) {
            continue;
        }
        let names: Vec<&str> = outcome.wrt.iter().map(|variable| variable.name()).collect();
        let by = if order == "mixed" {
            names.join(",")
        } else {
            names[0].to_owned()
        };
        for check in checks(program, &found, &outcome) {
            if check.verdict != Verdict::Verified(()) {
                return Err(Outcome::not(
                    "wrong",
                    format!("by {by}: {:?}", check.verdict),
                ));
            }
        }
        asked.push(Asked {
            by,
            equation: outcome.partial.equation(),
            has_matrix_form: outcome.partial.matrix.is_some()
                || outcome.partial.kronecker.is_some(),
        });
    }
    let failed = failed_steps(&found);
    if failed > 0 {
        return Err(Outcome::not("wrong", format!("{failed} steps failed")));
    }
    let computed = found
        .stage
        .partials
        .iter()
        .filter(|partial| !partial.absorbed);
    let equations = found.stage.introduced.iter().cloned();
    Ok(Derived {
        asked,
        forward: program.clone(),
        program: found.program(),
        context: forward_context(&found.stage),
        printed: printed(equations.chain(computed.map(Partial::equation))),
    })
}

fn checks(
    program: &Program,
    found: &Derivative,
    outcome: &backprove::calculus::derivation::Outcome<'_>,
) -> Vec<GradientCheck> {
    let derived = found.program();
    let variable = outcome.wrt.last().expect("by something");
    let mut checks = vec![check_forward(
        ForwardClaim {
            primal: &found.stage.differentiated,
            output: &outcome.partial.output,
            variables: &[((*variable).clone(), None)],
            derived: &derived,
            derivative: &outcome.partial.target,
        },
        0,
    )];
    if let [first, second] = outcome.wrt[..] {
        let claim = SecondClaim {
            primal: program,
            variables: [first, second],
            derived: &derived,
            derivative: &outcome.partial.target,
        };
        checks.push(check_second(claim, 0));
    }
    checks
}

fn failed_steps(found: &Derivative) -> usize {
    let mut checker = Checker::new(&forward_context(&found.stage), 0);
    let mut failed = 0;
    for partial in &found.stage.partials {
        let locals = partial.contributions.iter().map(|used| &used.local);
        let locals = locals.map(|chain| (chain, chain.start.free_indices()));
        for (chain, indices) in locals.chain([(&partial.chain, partial.indices())]) {
            for step in &chain.steps {
                let check = checker.verify_step(&step.before, &step.after, &indices);
                failed += usize::from(!matches!(check.verdict, Verdict::Verified(_)));
            }
        }
    }
    failed
}

fn printed(equations: impl Iterator<Item = Equation>) -> String {
    let mut lines = String::new();
    for equation in equations {
        let _ = writeln!(lines, "{}", text::equation(&equation));
    }
    lines
}

/// Whether all results have a matrix form, where the textbook's have one.
fn form(entry: &Entry, derived: &Derived) -> String {
    if derived.asked.iter().all(|asked| asked.has_matrix_form) {
        return "matrix".to_owned();
    }
    let by_index = ["einsum", "stack", "convolve", "repeat", "concatenate", "["];
    let expected = entry.closed.iter().all(|(_, text)| {
        let text = text.replace("[:,None]", "").replace("[None,:]", "");
        let text = text.replace(".shape[", ".shape(");
        !by_index.iter().any(|mark| text.contains(mark))
    });
    if expected { "no matrix" } else { "index" }.to_owned()
}

/// The textbook's forms as equations, in the order of the question; why they cannot be read, if they cannot.
fn closed_forms(entry: &Entry, derived: &Derived) -> Result<Vec<Equation>, String> {
    let equation = |asked: &Asked| {
        let by = &asked.by;
        let found = entry.closed.iter().find(|(variable, _)| variable == by);
        let (_, text) = found.ok_or("none")?;
        let (tree, diagnostics) = backprove::syntax::parse_expression(text);
        let message = |diagnostics: &[backprove::syntax::Diagnostic]| {
            let first = diagnostics.first().map(|first| first.message.clone());
            format!("not read: {}", first.unwrap_or_default())
        };
        let tree = tree
            .filter(|_| diagnostics.is_empty())
            .ok_or_else(|| message(&diagnostics))?;
        let value = elaborate_expression(&tree, &derived.forward, &[], &|_, _| None)
            .map_err(|diagnostics| message(&diagnostics))?;
        let extents = value.indices.iter().map(|index| index.extent().clone());
        let dims: Vec<Dim> = extents.collect();
        if dims != asked.equation.target.dims() {
            return Err(format!("not read: the shape for {by} is another"));
        }
        Ok(Equation {
            target: Tensor::new(format!("textbook {by}"), dims),
            indices: value.indices,
            body: value.body,
            matrix: None,
        })
    };
    derived.asked.iter().map(equation).collect()
}

fn agree(derived: &Derived, asked: &Asked, closed: &Equation) -> bool {
    let mut checker = Checker::new(&derived.context, 0);
    let indices = &asked.equation.indices;
    let check = checker.identical(&asked.equation.body, &closed.at(indices), indices);
    matches!(check.verdict, Verdict::Verified(_))
}

fn operations(derived: &Derived, closed: &[Equation]) -> Option<(u64, u64)> {
    let mut theirs = derived.forward.clone();
    theirs.equations.extend(closed.iter().cloned());
    let mut sizes = Sizes::default();
    let mut note = |dim: &Dim| {
        if let Dim::Symbol(name) = dim {
            let known = SIZES.iter().find(|(own, _)| *own == &**name);
            sizes.set(name, known.map_or(12, |(_, size)| *size));
        }
    };
    for program in [&derived.program, &theirs] {
        let targets = program.equations.iter().map(|equation| &equation.target);
        for tensor in program.inputs.iter().chain(targets) {
            tensor.dims().iter().for_each(&mut note);
        }
        for equation in &program.equations {
            equation.body.visit(&mut |part: &Expr| {
                if let Node::Extent(dim) = part.node() {
                    note(dim);
                }
            });
        }
    }
    let asked = derived.asked.iter();
    let ours: Vec<&str> = asked.map(|asked| asked.equation.target.name()).collect();
    let names: Vec<&str> = closed
        .iter()
        .map(|equation| equation.target.name())
        .collect();
    Some((
        operation_count(&derived.program, &ours, &sizes)?,
        operation_count(&theirs, &names, &sizes)?,
    ))
}
