//! A gradient against central differences of the primal: the oracle that knows no derivative.

use std::sync::Arc;

use super::point::{self, SPARE};
use super::{DIFFERENCES, Verdict, scaled_error};
use crate::expr::{Node, Tensor};
use crate::program::{Equation, Program};
use crate::reference::{
    Array, Differences, Environment, Prepared, STEP, Sizes, Unevaluated, evaluate_program, mix,
};
use crate::sample::{self, Region};

/// A gradient that is to be checked.
#[derive(Debug, Clone, Copy)]
pub struct GradientClaim<'a> {
    /// The forward program.
    pub primal: &'a Program,
    /// By what its output is differentiated: an input, or a definition.
    pub variable: &'a Tensor,
    /// The cotangent of the output; `None` where the output is a scalar and is itself differentiated.
    pub cotangent: Option<&'a Tensor>,
    /// A program that works the gradient out of the primal's inputs and the cotangent.
    pub derived: &'a Program,
    /// The gradient, a name of that program.
    pub gradient: &'a Tensor,
}

/// An element of a gradient that differs from the differences.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// The sizes it was found at.
    pub sizes: Sizes,
    /// Which element.
    pub element: Vec<usize>,
    /// By central differences of the primal.
    pub expected: f64,
    /// As derived.
    pub found: f64,
}

/// The answer to whether a gradient is right.
#[derive(Debug, Clone, PartialEq)]
pub struct GradientCheck {
    /// What was found.
    pub verdict: Verdict<(), Mismatch>,
    /// The greatest error, relative to the greatest element where that is above one.
    pub error: f64,
    /// The sets of sizes.
    pub sizes: [Sizes; 2],
    /// How many points were tried, over all sizes.
    pub trials: usize,
    /// How many points were drawn anew: undefined, or the two step sizes disagreed.
    pub resamples: usize,
}

/// A point is one trial for each element. Small variables have more points for each set of sizes, so that about this
/// many elements are looked at; and the most points.
const ELEMENTS: usize = 16;
const MOST_TRIALS: usize = 3;

/// Compares a derived gradient with central differences of `Σ cotangent ∘ output` at two step sizes.
pub fn check_gradient(claim: GradientClaim<'_>, seed: u64) -> GradientCheck {
    check_gradient_at(claim, sample::size_sets(claim.primal), seed)
}

/// The same at the given sizes.
pub fn check_gradient_at(claim: GradientClaim<'_>, sizes: [Sizes; 2], seed: u64) -> GradientCheck {
    let mut check = GradientCheck {
        verdict: Verdict::Verified(()),
        error: 0.0,
        trials: 0,
        resamples: 0,
        sizes,
    };
    let primal = Arc::new(claim.primal.clone());
    let derived = Arc::new(claim.derived.clone());
    for sizes in &check.sizes {
        let elements: usize = sizes.shape(claim.variable).iter().flatten().product();
        let enough = (ELEMENTS / elements.max(1)).clamp(1, MOST_TRIALS);
        let mut trials = 0;
        for attempt in 0..enough + SPARE {
            if trials == enough {
                break;
            }
            let point = Point {
                claim,
                primal: &primal,
                derived: &derived,
                sizes,
                given: &[],
                seed: mix(seed ^ mix(attempt as u64)),
                region: Region::of_attempt(attempt),
            };
            match point.sides() {
                Ok((found, expected)) => {
                    trials += 1;
                    let (error, place) = scaled_error(expected.data(), found.data());
                    check.error = check.error.max(error);
                    if error > DIFFERENCES {
                        check.verdict = Verdict::Failed(Mismatch {
                            sizes: sizes.clone(),
                            element: found.position(place),
                            expected: expected.data()[place],
                            found: found.data()[place],
                        });
                    }
                }
                Err(Unevaluated::Undefined) => check.resamples += 1,
                Err(reason) => {
                    check.verdict = Verdict::Unverified(reason);
                    return check;
                }
            }
        }
        check.trials += trials;
        if matches!(check.verdict, Verdict::Failed(_)) {
            return check;
        }
        if trials == 0 {
            check.verdict = Verdict::Unverified(Unevaluated::Undefined);
            return check;
        }
    }
    check
}

/// A gradient at one point: as derived, and by central differences of the primal. Inputs that are not `given` are drawn at random, as is
/// the cotangent.
///
/// # Errors
/// Where a side has no value there, or the primal has a kink.
pub fn sides_at(
    claim: GradientClaim<'_>,
    sizes: &Sizes,
    given: &[(&str, Array<f64>)],
    seed: u64,
) -> Result<[Array<f64>; 2], Unevaluated> {
    let point = |region| {
        Point {
            claim,
            primal: &Arc::new(claim.primal.clone()),
            derived: &Arc::new(claim.derived.clone()),
            sizes,
            given,
            seed,
            region,
        }
        .sides()
    };
    let (found, expected) = match point(Region::Signed) {
        Err(Unevaluated::Undefined) => point(Region::Unit)?,
        sides => sides?,
    };
    Ok([found, expected])
}

/// Where two arrays of one shape differ most, by how much relative to the greatest element where that is above one, and whether that is
/// more than what differences stand for derivatives with.
pub fn difference(found: &Array<f64>, expected: &Array<f64>) -> (f64, Vec<usize>, bool) {
    let (error, place) = scaled_error(expected.data(), found.data());
    (error, found.position(place), error > DIFFERENCES)
}

/// One point at one set of sizes.
struct Point<'a> {
    claim: GradientClaim<'a>,
    primal: &'a Arc<Program>,
    derived: &'a Arc<Program>,
    sizes: &'a Sizes,
    /// Values that are not drawn.
    given: &'a [(&'a str, Array<f64>)],
    seed: u64,
    region: Region,
}

impl Point<'_> {
    /// The gradient as derived, and by differences.
    fn sides(&self) -> Result<(Array<f64>, Array<f64>), Unevaluated> {
        let sizes = self.sizes.clone();
        let mut environment =
            Environment::new(sizes, self.seed).with_program(Arc::clone(self.primal));
        for tensor in &self.primal.inputs {
            self.set(&mut environment, tensor, self.region)?;
        }
        if let Some(cotangent) = self.claim.cotangent {
            self.set(&mut environment, cotangent, Region::Signed)?;
        }
        evaluate_program(&mut environment)?;
        let found = self.found(&environment)?;
        let expected = self.expected(environment)?;
        if found.shape() == expected.shape() {
            Ok((found, expected))
        } else {
            Err(Unevaluated::Unsupported("a gradient of another shape"))
        }
    }

    /// Gives a tensor its values: given ones, or drawn ones.
    fn set(
        &self,
        environment: &mut Environment<f64>,
        tensor: &Tensor,
        region: Region,
    ) -> Result<(), Unevaluated> {
        let given = self.given.iter().find(|(name, _)| *name == tensor.name());
        match given {
            Some((_, array)) => environment.set(tensor, array.clone()),
            None => point::set(environment, tensor, region, sample::floats)?,
        }
        Ok(())
    }

    /// The gradient by the derived program.
    fn found(&self, primal: &Environment<f64>) -> Result<Array<f64>, Unevaluated> {
        let derived = Arc::clone(self.derived);
        let mut environment =
            Environment::new(self.sizes.clone(), self.seed).with_program(Arc::clone(&derived));
        for tensor in &derived.inputs {
            match primal.array(tensor.name()) {
                Some(array) => environment.set(tensor, array.clone()),
                None => self.set(&mut environment, tensor, Region::Signed)?,
            }
        }
        evaluate_program(&mut environment)?;
        let name = self.claim.gradient.name();
        let gradient = environment.array(name).cloned();
        gradient.ok_or_else(|| Unevaluated::Unknown(name.to_owned()))
    }

    /// The gradient by central differences of the primal.
    fn expected(&self, mut environment: Environment<f64>) -> Result<Array<f64>, Unevaluated> {
        let name = self.claim.variable.name();
        let unknown = |name: &str| Unevaluated::Unknown(name.to_owned());
        let output = self.primal.output().ok_or_else(|| unknown("output"))?;
        let output = output.target.name();
        let weights = match self.claim.cotangent {
            Some(cotangent) => {
                let array = environment.array(cotangent.name()).cloned();
                array.ok_or_else(|| unknown(cotangent.name()))?
            }
            None => Array::filled(Vec::new(), 1.0),
        };
        let values = environment.array(output).ok_or_else(|| unknown(output))?;
        if values.shape() != weights.shape() {
            return Err(Unevaluated::Unsupported("a cotangent of another shape"));
        }
        let affected = affected(&self.primal.equations, self.claim.variable);
        let prepared = Prepared::new(affected, &environment)?;
        let start = environment
            .array(name)
            .ok_or_else(|| unknown(name))?
            .clone();
        let mut slopes = Array::filled(start.shape().to_vec(), 0.0);
        let middle = weighted(&environment, output, &weights);
        for (place, slope) in slopes.data_mut().iter_mut().enumerate() {
            let step = STEP * start.data()[place].abs().max(1.0);
            let mut at = |by: f64| {
                if let Some(array) = environment.array_mut(name) {
                    array.data_mut()[place] = start.data()[place] + by;
                }
                prepared.run(&mut environment)?;
                Ok(weighted(&environment, output, &weights))
            };
            let differences = Differences {
                middle,
                step,
                far: (at(step)?, at(-step)?),
                near: (at(step / 2.0)?, at(-step / 2.0)?),
            };
            *slope = differences.derivative().ok_or(Unevaluated::Undefined)?;
            if let Some(array) = environment.array_mut(name) {
                array.data_mut()[place] = start.data()[place];
            }
        }
        Ok(slopes)
    }
}

/// `Σ weights ∘ output`.
fn weighted(environment: &Environment<f64>, output: &str, weights: &Array<f64>) -> f64 {
    let values = environment.array(output).map_or(&[][..], Array::data);
    let products = values
        .iter()
        .zip(weights.data())
        .map(|(value, weight)| value * weight);
    products.sum()
}

/// The equations whose values depend on `variable`, its own excepted.
pub(super) fn affected<'a>(equations: &'a [Equation], variable: &Tensor) -> Vec<&'a Equation> {
    let mut changed = vec![variable.clone()];
    let mut affected = Vec::new();
    for equation in equations {
        let depends = equation.body.any(&mut |part| match part.node() {
            Node::Access(tensor, _) | Node::Derivative(_, tensor, _) => changed.contains(tensor),
            _ => false,
        });
        if depends && equation.target != *variable {
            changed.push(equation.target.clone());
            affected.push(equation);
        }
    }
    affected
}
