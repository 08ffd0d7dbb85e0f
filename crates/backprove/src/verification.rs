//! The certificate of a gradient: every step as an identity test, every result against finite
//! differences of the primal. Nothing is trusted here that was not evaluated.

use backprove_calculus::check::{
    Checker, GradientCheck, GradientClaim, IdentityCheck, Verdict, Verified, check_gradient,
    context,
};
use backprove_calculus::{Chain, Expr, Gradient, Index};

/// What was checked of a gradient.
#[derive(Debug, Clone)]
pub struct Verification {
    /// One entry for each derivation, in their order.
    pub derivations: Vec<DerivationCheck>,
    /// The two sets of sizes, as `S=3, M=4`.
    pub sizes: [String; 2],
}

/// What was checked of one derivation.
#[derive(Debug, Clone)]
pub struct DerivationCheck {
    /// The steps of each local derivative.
    pub locals: Vec<Vec<IdentityCheck>>,
    /// The steps of the chain.
    pub chain: Vec<IdentityCheck>,
    /// The result against finite differences of the primal.
    pub result: GradientCheck,
}

impl Verification {
    /// Checks every step and every result of `gradient`. The same seed gives the same points.
    pub fn of(gradient: &Gradient, seed: u64) -> Self {
        let program = context(gradient);
        let mut checker = Checker::new(&program, seed);
        let derivations = gradient.derivations.iter().map(|derivation| {
            let contributions = derivation.contributions.iter();
            let locals = contributions.map(|contribution| {
                let indices = [&contribution.equation.indices[..], &derivation.indices].concat();
                steps(&mut checker, &contribution.local, &indices)
            });
            DerivationCheck {
                locals: locals.collect(),
                chain: steps(&mut checker, &derivation.chain, &derivation.indices),
                result: check_gradient(
                    GradientClaim {
                        primal: gradient.primal(&derivation.variable),
                        variable: &derivation.variable,
                        cotangent: gradient.seed.as_ref(),
                        derived: &program,
                        gradient: &derivation.gradient,
                    },
                    seed,
                ),
            }
        });
        let derivations = derivations.collect();
        let sizes = checker.sizes().map(ToString::to_string);
        Self { derivations, sizes }
    }

    /// Whether every step and every result was found right.
    pub fn holds(&self) -> bool {
        self.derivations.iter().all(DerivationCheck::holds)
    }

    /// How many steps were verified in the prime field, in floating point, and not at all.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for check in &self.derivations {
            for step in check.chain.iter().chain(check.locals.iter().flatten()) {
                counts.add(&step.verdict);
            }
        }
        counts
    }
}

impl DerivationCheck {
    /// Whether every step and the result were found right.
    pub fn holds(&self) -> bool {
        let verified = |check: &IdentityCheck| matches!(check.verdict, Verdict::Verified(_));
        self.chain
            .iter()
            .chain(self.locals.iter().flatten())
            .all(verified)
            && matches!(self.result.verdict, Verdict::Verified(()))
    }
}

/// How many steps were verified in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the prime field.
    pub field: usize,
    /// In floating point.
    pub float: usize,
    /// Found wrong.
    pub failed: usize,
    /// No point could be found.
    pub unverified: usize,
}

impl Counts {
    /// Counts one more step.
    pub(crate) fn add<C>(&mut self, verdict: &Verdict<Verified, C>) {
        match verdict {
            Verdict::Verified(Verified::Field) => self.field += 1,
            Verdict::Verified(Verified::Float) => self.float += 1,
            Verdict::Failed(_) => self.failed += 1,
            Verdict::Unverified(_) => self.unverified += 1,
        }
    }
}

pub(crate) fn steps(checker: &mut Checker, chain: &Chain, indices: &[Index]) -> Vec<IdentityCheck> {
    let check = |(before, after): (&Expr, &Expr)| checker.verify_step(before, after, indices);
    let steps = chain.steps.iter().map(|step| (&step.before, &step.after));
    steps.map(check).collect()
}
