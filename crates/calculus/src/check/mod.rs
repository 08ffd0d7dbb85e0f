//! Numeric checks: does a step keep the value, do two expressions agree, does a gradient agree with differences.
//!
//! A check is a random identity test at two sets of distinct sizes, and its answer says so: with the sizes, the
//! trials, and how many points were drawn anew. Nothing here knows a rule.

mod forward;
mod gradient;
mod point;

pub use forward::{ForwardClaim, SecondClaim, check_forward, check_second};
pub use gradient::{
    GradientCheck, GradientClaim, Mismatch, check_gradient, check_gradient_at, difference, sides_at,
};

use std::sync::Arc;

use crate::derivation::{Forward, Gradient};
use crate::expr::{Expr, FunctionName, Node};
use crate::functions::Notation;
use crate::index::Index;
use crate::program::{Equation, Program};
use crate::reference::{Field, Sizes, Unevaluated};
use crate::sample;
use point::{Points, Sides};

/// In which numbers an identity was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// In the prime field of order 2^61 − 1, exactly.
    Field,
    /// In double precision, up to rounding.
    Float,
}

/// A point where two expressions differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Counterexample {
    /// The sizes it was found at.
    pub sizes: Sizes,
    /// The values of the free indices.
    pub element: Vec<usize>,
    /// The left value.
    pub left: f64,
    /// The right value.
    pub right: f64,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict<V, C> {
    /// No trial found a difference.
    Verified(V),
    /// A trial found one.
    Failed(C),
    /// No trial could be made.
    Unverified(Unevaluated),
}

/// The answer to whether two expressions are equal.
#[derive(Debug, Clone, PartialEq)]
pub struct IdentityCheck {
    /// What was found.
    pub verdict: Verdict<Verified, Counterexample>,
    /// How many points were tried, over all sizes.
    pub trials: usize,
    /// How many points were drawn anew because a side was undefined or not smooth there.
    pub resamples: usize,
    /// The greatest error found in double precision, relative to the greatest element where that is above one.
    pub error: f64,
}

/// Checks the equality of expressions over the names of one program. Points are drawn once and serve all checks.
///
/// ```
/// use backprove_calculus::check::{Checker, Verdict, Verified};
/// use backprove_calculus::expr::{Expr, Tensor};
/// use backprove_calculus::index::Dim;
/// use backprove_calculus::program::Program;
///
/// let x = Tensor::new("x", vec![Dim::symbol("N")]);
/// let i = x.indices(&["i"]);
/// let element = Expr::access(&x, &i);
/// let program = Program { inputs: vec![x], ..Program::default() };
/// let mut checker = Checker::new(&program, 0);
///
/// let double = Expr::product([Expr::integer(2), element.clone()]);
/// let twice = Expr::addition([element.clone(), element.clone()]);
/// let same = checker.verify_step(&double, &twice, &i);
/// assert_eq!(same.verdict, Verdict::Verified(Verified::Field));
/// let other = checker.verify_step(&double, &element, &i);
/// assert!(matches!(other.verdict, Verdict::Failed(_)));
/// ```
#[derive(Debug)]
pub struct Checker {
    fields: [Points<Field>; 2],
    floats: [Points<f64>; 2],
}

/// Everything that the steps of a derivation mention, as one program: the forward definitions, what was introduced, and
/// all gradients, also those that were put into others. A checker for it can judge every step.
///
/// ```
/// use backprove_calculus::check::{Checker, Verdict, context};
/// let parsed = backprove_syntax::parse("x[N]; A[N, N]\nq = x @ A @ x");
/// let program = backprove_calculus::elaborate(&parsed.program).program;
/// let gradient = backprove_calculus::derivation::gradient(&program, &program.inputs, None).unwrap();
/// let mut checker = Checker::new(&context(&gradient), 0);
/// for derivation in &gradient.derivations {
///     for step in &derivation.chain.steps {
///         let check = checker.verify_step(&step.before, &step.after, &derivation.indices);
///         assert!(matches!(check.verdict, Verdict::Verified(_)));
///     }
/// }
/// ```
pub fn context(gradient: &Gradient) -> Program {
    let mut program = gradient.forward.clone();
    program.inputs.extend(gradient.seed.clone());
    let mut add = |equation: &Equation| {
        if program.tensor(equation.target.name()).is_none() {
            program.equations.push(equation.clone());
        }
    };
    for derivation in &gradient.derivations {
        let locals = derivation.contributions.iter().map(|used| &used.local);
        for chain in locals.chain([&derivation.chain]) {
            chain.scope.named.iter().for_each(&mut add);
        }
        add(&derivation.equation());
    }
    gradient.introduced.iter().for_each(&mut add);
    program
}

/// Everything that the steps of a derivative mention, as one program; as [`context`] for a gradient. The steps of the
/// gradient below it are judged over that one's own context.
pub fn forward_context(forward: &Forward) -> Program {
    let mut program = forward.differentiated.clone();
    program.inputs.extend(forward.tangents.iter().cloned());
    let mut add = |equation: &Equation| {
        if program.tensor(equation.target.name()).is_none() {
            program.equations.push(equation.clone());
        }
    };
    for partial in &forward.partials {
        let locals = partial.contributions.iter().map(|used| &used.local);
        for chain in locals.chain([&partial.chain]) {
            chain.scope.named.iter().for_each(&mut add);
        }
        add(&partial.equation());
    }
    program
}

/// Trials for each set of sizes: in the field, where a wrong identity of degree d passes one with a chance of at most
/// d / 2^61; and in double precision.
const FIELD_TRIALS: usize = 1;
const FLOAT_TRIALS: usize = 3;

/// Where order chooses a branch, few elements do not see all branches: there are more trials, up to so many, until
/// about so many elements were looked at.
const BRANCH_TRIALS: usize = 4;
const BRANCH_ELEMENTS: usize = 8;

/// The scaled error that is put down to rounding, and where differences stand for derivatives.
const ROUNDING: f64 = 1e-9;
const DIFFERENCES: f64 = 1e-6;

impl Checker {
    /// A checker for expressions over the names of `program`. Tensors that it does not have are sampled as well.
    pub fn new(program: &Program, seed: u64) -> Self {
        Self::with_sizes(program, sample::size_sets(program), seed)
    }

    /// A checker at other sizes than the usual ones.
    pub fn with_sizes(program: &Program, sizes: [Sizes; 2], seed: u64) -> Self {
        let program = Arc::new(program.clone());
        let [first, second] = sizes;
        let fields = |sizes| Points::new(&program, sizes, seed, sample::fields);
        let floats = |sizes| Points::new(&program, sizes, seed, sample::floats);
        Self {
            fields: [fields(first.clone()), fields(second.clone())],
            floats: [floats(first), floats(second)],
        }
    }

    /// The two sets of sizes.
    pub fn sizes(&self) -> [&Sizes; 2] {
        let [first, second] = &self.floats;
        [first.sizes(), second.sizes()]
    }

    /// Whether two expressions with the free indices `indices` are equal: in the field where that can tell,
    /// else in double precision.
    pub fn verify_step(&mut self, before: &Expr, after: &Expr, indices: &[Index]) -> IdentityCheck {
        let sides = Sides {
            left: before,
            right: after,
            indices,
        };
        let branches = branches(before) || branches(after);
        let mut total = 0;
        let mut resamples = 0;
        for points in &mut self.fields {
            let trials = if branches {
                let extents = indices
                    .iter()
                    .map(|index| points.sizes().get(index.extent()));
                let elements: usize = extents.flatten().product();
                (BRANCH_ELEMENTS / elements.max(1)).clamp(1, BRANCH_TRIALS)
            } else {
                FIELD_TRIALS
            };
            total += trials;
            let run = points.compare(sides, trials, |left, right| {
                let differs = left
                    .data()
                    .iter()
                    .zip(right.data())
                    .position(|(a, b)| a != b);
                differs.map_or(Ok(0.0), Err)
            });
            resamples += run.resamples;
            if !matches!(run.verdict, Verdict::Verified(())) {
                // What differs with opaque values may still be equal with real ones.
                return self.identical(before, after, indices);
            }
        }
        IdentityCheck {
            verdict: Verdict::Verified(Verified::Field),
            trials: total,
            resamples,
            error: 0.0,
        }
    }

    /// Whether two expressions with the free indices `indices` are equal, in double precision.
    pub fn identical(&mut self, left: &Expr, right: &Expr, indices: &[Index]) -> IdentityCheck {
        let sides = Sides {
            left,
            right,
            indices,
        };
        let mut is_derivative = |part: &Expr| matches!(part.node(), Node::Derivative(..));
        let differences = left.any(&mut is_derivative) || right.any(&mut is_derivative);
        let tolerance = if differences { DIFFERENCES } else { ROUNDING };
        let mut check = IdentityCheck {
            verdict: Verdict::Verified(Verified::Float),
            trials: 0,
            resamples: 0,
            error: 0.0,
        };
        for points in &mut self.floats {
            let run = points.compare(sides, FLOAT_TRIALS, |left, right| {
                let (error, place) = scaled_error(left.data(), right.data());
                if error <= tolerance {
                    Ok(error)
                } else {
                    Err(place)
                }
            });
            check.trials += run.trials;
            check.resamples += run.resamples;
            check.error = check.error.max(run.error);
            check.verdict = match run.verdict {
                Verdict::Verified(()) => continue,
                Verdict::Failed(example) => Verdict::Failed(example),
                Verdict::Unverified(reason) => Verdict::Unverified(reason),
            };
            return check;
        }
        check
    }
}

/// Whether some value is chosen by order, so that one point does not see all of the expression.
fn branches(expr: &Expr) -> bool {
    expr.any(&mut |part| match part.node() {
        Node::Reduce(..) => true,
        Node::Call(callee, _) => match callee.function {
            FunctionName::Known(function) => {
                matches!(function.notation, Notation::Relation(_) | Notation::Cases)
            }
            FunctionName::Abstract(_) => false,
        },
        _ => false,
    })
}

/// The greatest difference, relative to the greatest element where that is above one, and where it is.
fn scaled_error(left: &[f64], right: &[f64]) -> (f64, usize) {
    let mut scale = 1.0_f64;
    let mut worst = (0.0, 0);
    for (place, (a, b)) in left.iter().zip(right).enumerate() {
        scale = scale.max(a.abs()).max(b.abs());
        let difference = (a - b).abs();
        if difference > worst.0 {
            worst = (difference, place);
        }
    }
    (worst.0 / scale, worst.1)
}

#[cfg(test)]
mod tests;
