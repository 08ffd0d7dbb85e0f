//! The certificate of a derivative of another order than the gradient: every step as an identity test, every result against
//! differences. Nothing is trusted here that was not evaluated.

use backprove_calculus::check::{
    Checker, ForwardClaim, GradientCheck, IdentityCheck, SecondClaim, Verdict, check_forward,
    check_second, forward_context,
};
use backprove_calculus::{Derivative, Order, Outcome, Tensor};

use crate::verification::{Counts, Verification, steps};

/// What was checked of a derivative.
#[derive(Debug, Clone)]
pub struct DerivativeVerification {
    /// What was checked of the gradient below it, where there is one.
    pub gradient: Option<Verification>,
    /// One entry for each derivation of the last stage, in their order.
    pub partials: Vec<PartialCheck>,
    /// One entry for each result that was asked for, in their order.
    pub outcomes: Vec<OutcomeCheck>,
    /// The two sets of sizes, as `S=3, M=4`.
    pub sizes: [String; 2],
}

/// What was checked of one derivation.
#[derive(Debug, Clone)]
pub struct PartialCheck {
    /// The steps of each local derivative.
    pub locals: Vec<Vec<IdentityCheck>>,
    /// The steps of the chain.
    pub chain: Vec<IdentityCheck>,
}

/// What was checked of one result.
#[derive(Debug, Clone)]
pub struct OutcomeCheck {
    /// Against central differences of what was differentiated: the output, or the gradient.
    pub differences: GradientCheck,
    /// A Hessian against second differences of the scalar itself.
    pub second: Option<GradientCheck>,
}

impl DerivativeVerification {
    /// Checks every step and every result of `derivative`. The same seed gives the same points.
    pub fn of(derivative: &Derivative, seed: u64) -> Self {
        let gradient = derivative.gradient.as_ref();
        let gradient = gradient.map(|gradient| Verification::of(gradient, seed));
        let stage = &derivative.stage;
        let mut checker = Checker::new(&forward_context(stage), seed);
        let partials = stage.partials.iter().map(|partial| {
            let indices = partial.indices();
            let locals = partial.contributions.iter().map(|contribution| {
                let local = &contribution.local;
                steps(&mut checker, local, &local.start.free_indices())
            });
            let locals = locals.collect();
            PartialCheck {
                locals,
                chain: steps(&mut checker, &partial.chain, &indices),
            }
        });
        let partials = partials.collect();
        let program = derivative.program();
        let outcome = |outcome: &Outcome<'_>| {
            let claim = ForwardClaim {
                primal: &stage.differentiated,
                output: &outcome.partial.output,
                variables: &directions(derivative, outcome),
                derived: &program,
                derivative: &outcome.partial.target,
            };
            let differences = check_forward(claim, seed);
            let second = match (derivative.order, &outcome.wrt[..]) {
                (Order::Hessian, [first, second]) => {
                    let claim = SecondClaim {
                        primal: &derivative.forward,
                        variables: [first, second],
                        derived: &program,
                        derivative: &outcome.partial.target,
                    };
                    Some(check_second(claim, seed))
                }
                _ => None,
            };
            OutcomeCheck {
                differences,
                second,
            }
        };
        let outcomes = derivative.outcomes().iter().map(outcome).collect();
        let sizes = checker.sizes().map(ToString::to_string);
        Self {
            gradient,
            partials,
            outcomes,
            sizes,
        }
    }

    /// Whether every step and every result was found right.
    pub fn holds(&self) -> bool {
        self.gradient.as_ref().is_none_or(Verification::holds)
            && self.partials.iter().all(PartialCheck::holds)
            && self.outcomes.iter().all(OutcomeCheck::holds)
    }

    /// How many steps were verified in the prime field, in floating point, and not at all.
    pub fn counts(&self) -> Counts {
        let mut counts = self
            .gradient
            .as_ref()
            .map(Verification::counts)
            .unwrap_or_default();
        for check in self.partials.iter().flat_map(PartialCheck::steps) {
            counts.add(&check.verdict);
        }
        counts
    }
}

impl PartialCheck {
    /// The checks of all steps.
    pub fn steps(&self) -> impl Iterator<Item = &IdentityCheck> {
        self.locals.iter().flatten().chain(&self.chain)
    }

    /// Whether every step was found right.
    pub fn holds(&self) -> bool {
        self.steps()
            .all(|check| matches!(check.verdict, Verdict::Verified(_)))
    }
}

impl OutcomeCheck {
    /// Every comparison with differences.
    pub fn all(&self) -> impl Iterator<Item = &GradientCheck> {
        std::iter::once(&self.differences).chain(&self.second)
    }

    /// Whether the result was found right.
    pub fn holds(&self) -> bool {
        self.all()
            .all(|check| matches!(check.verdict, Verdict::Verified(())))
    }
}

/// The variables of a result, each with its tangent where it has one.
fn directions(derivative: &Derivative, outcome: &Outcome<'_>) -> Vec<(Tensor, Option<Tensor>)> {
    let by_elements = matches!(derivative.order, Order::Jacobian | Order::Hessian);
    if by_elements && let Some(last) = outcome.wrt.last() {
        return vec![((*last).clone(), None)];
    }
    let tangents = derivative.stage.tangents.iter().cloned().map(Some);
    derivative.wrt.iter().cloned().zip(tangents).collect()
}
