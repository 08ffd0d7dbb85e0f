//! Jacobians, tangents and Hessians against central differences. A Jacobian is compared with differences of its output, a
//! Hessian also with second differences of the primal, which know neither the gradient nor the Hessian.

use std::sync::Arc;

use super::gradient::affected;
use super::point;
use super::{DIFFERENCES, GradientCheck, Mismatch, Verdict, scaled_error};
use crate::expr::Tensor;
use crate::program::Program;
use crate::reference::{
    Array, Differences, Environment, Prepared, STEP, Sizes, Unevaluated, evaluate_program, mix,
};
use crate::sample::{self, Region};

/// A derivative that was worked out in the direction of the computation and is to be checked.
#[derive(Debug, Clone, Copy)]
pub struct ForwardClaim<'a> {
    /// The program that was differentiated.
    pub primal: &'a Program,
    /// What was differentiated, a definition of it.
    pub output: &'a Tensor,
    /// The variables, each with its tangent; `None` for the variable of a Jacobian.
    pub variables: &'a [(Tensor, Option<Tensor>)],
    /// A program that works the derivative out of the primal's inputs and the tangents.
    pub derived: &'a Program,
    /// The derivative, a name of that program.
    pub derivative: &'a Tensor,
}

/// A second derivative of a scalar that is to be checked.
#[derive(Debug, Clone, Copy)]
pub struct SecondClaim<'a> {
    /// The program whose last definition is the scalar.
    pub primal: &'a Program,
    /// By what it is differentiated, in order.
    pub variables: [&'a Tensor; 2],
    /// A program that works the second derivative out of the primal's inputs.
    pub derived: &'a Program,
    /// The second derivative, a name of that program.
    pub derivative: &'a Tensor,
}

/// Second differences divide by the square of the step, so that it is larger, and rounding and truncation leave less.
const SECOND_STEP: f64 = 1.0 / 512.0;
const SECOND_DIFFERENCES: f64 = 1e-5;

/// Points that are drawn before a check gives up: second derivatives are smooth at fewer points than first ones.
const ATTEMPTS: usize = 240;

/// Pairs of elements at which second differences are taken, at most.
const MOST_PAIRS: usize = 48;

/// Compares a Jacobian or a tangent with central differences of the output.
pub fn check_forward(claim: ForwardClaim<'_>, seed: u64) -> GradientCheck {
    let derived = Arc::new(claim.derived.clone());
    check(claim.primal, DIFFERENCES, seed, |point| {
        let environment = point.environment()?;
        let found = point.derived(&environment, &derived, claim.derivative)?;
        let expected = match claim.variables {
            [(variable, None)] => by_elements(environment, claim, variable)?,
            _ => along(environment, &found, claim)?,
        };
        Ok((found, expected))
    })
}

/// Compares a second derivative with second differences of the primal.
pub fn check_second(claim: SecondClaim<'_>, seed: u64) -> GradientCheck {
    let derived = Arc::new(claim.derived.clone());
    check(claim.primal, SECOND_DIFFERENCES, seed, |point| {
        let environment = point.environment()?;
        let found = point.derived(&environment, &derived, claim.derivative)?;
        second(environment, &found, claim, point.seed)
    })
}

/// A derivative as derived, and by differences.
type Compared = (Array<f64>, Array<f64>);

/// One point at one set of sizes.
struct Point<'a> {
    primal: &'a Arc<Program>,
    sizes: &'a Sizes,
    seed: u64,
    region: Region,
}

impl Point<'_> {
    fn environment(&self) -> Result<Environment<f64>, Unevaluated> {
        point::environment(
            self.primal,
            self.sizes,
            self.seed,
            self.region,
            sample::floats,
        )
    }

    /// A name of the derived program at the point of the primal; inputs that the primal lacks are sampled.
    fn derived(
        &self,
        primal: &Environment<f64>,
        derived: &Arc<Program>,
        name: &Tensor,
    ) -> Result<Array<f64>, Unevaluated> {
        let mut environment =
            Environment::new(self.sizes.clone(), self.seed).with_program(Arc::clone(derived));
        for tensor in &derived.inputs {
            match primal.array(tensor.name()) {
                Some(array) => environment.set(tensor, array.clone()),
                None => point::set(&mut environment, tensor, Region::Signed, sample::floats)?,
            }
        }
        evaluate_program(&mut environment)?;
        array(&environment, name)
    }
}

fn check(
    primal: &Program,
    tolerance: f64,
    seed: u64,
    compare: impl Fn(&Point<'_>) -> Result<Compared, Unevaluated>,
) -> GradientCheck {
    let mut check = GradientCheck {
        verdict: Verdict::Verified(()),
        error: 0.0,
        trials: 0,
        resamples: 0,
        sizes: sample::size_sets(primal),
    };
    let primal = Arc::new(primal.clone());
    for sizes in &check.sizes {
        let found = (0..ATTEMPTS).find_map(|attempt| {
            let point = Point {
                primal: &primal,
                sizes,
                seed: mix(seed ^ mix(attempt as u64)),
                region: Region::of_attempt(attempt),
            };
            match compare(&point) {
                Err(Unevaluated::Undefined) => {
                    check.resamples += 1;
                    None
                }
                other => Some(other),
            }
        });
        match found.unwrap_or(Err(Unevaluated::Undefined)) {
            Ok((found, expected)) if found.shape() == expected.shape() => {
                check.trials += 1;
                let (error, place) = scaled_error(expected.data(), found.data());
                check.error = check.error.max(error);
                if error > tolerance {
                    check.verdict = Verdict::Failed(Mismatch {
                        sizes: sizes.clone(),
                        element: found.position(place),
                        expected: expected.data()[place],
                        found: found.data()[place],
                    });
                    return check;
                }
            }
            Ok(_) => {
                let reason = Unevaluated::Unsupported("a derivative of another shape");
                check.verdict = Verdict::Unverified(reason);
                return check;
            }
            Err(reason) => {
                check.verdict = Verdict::Unverified(reason);
                return check;
            }
        }
    }
    check
}

fn array(environment: &Environment<f64>, tensor: &Tensor) -> Result<Array<f64>, Unevaluated> {
    let unknown = || Unevaluated::Unknown(tensor.name().to_owned());
    environment
        .array(tensor.name())
        .cloned()
        .ok_or_else(unknown)
}

/// Central differences of every element of the output by every element of the variable.
fn by_elements(
    mut environment: Environment<f64>,
    claim: ForwardClaim<'_>,
    variable: &Tensor,
) -> Result<Array<f64>, Unevaluated> {
    let equations = affected(&claim.primal.equations, variable);
    let prepared = Prepared::new(equations, &environment)?;
    let start = array(&environment, variable)?;
    let middle = array(&environment, claim.output)?;
    let shape = [middle.shape(), start.shape()].concat();
    let columns = start.data().len();
    let mut slopes = Array::filled(shape, 0.0);
    for column in 0..columns {
        let step = STEP * start.data()[column].abs().max(1.0);
        let mut at = |by: f64| {
            if let Some(array) = environment.array_mut(variable.name()) {
                array.data_mut()[column] = start.data()[column] + by;
            }
            prepared.run(&mut environment)?;
            array(&environment, claim.output)
        };
        let derivatives = differences(&middle, step, &mut at)?;
        for (row, derivative) in derivatives.into_iter().enumerate() {
            slopes.data_mut()[row * columns + column] = derivative;
        }
        if let Some(array) = environment.array_mut(variable.name()) {
            array.data_mut()[column] = start.data()[column];
        }
    }
    Ok(slopes)
}

/// Central differences of every element of the output along the tangents.
fn along(
    mut environment: Environment<f64>,
    found: &Array<f64>,
    claim: ForwardClaim<'_>,
) -> Result<Array<f64>, Unevaluated> {
    let mut lines = Vec::new();
    let mut scale = 1.0_f64;
    for (variable, tangent) in claim.variables {
        let Some(tangent) = tangent else {
            return Err(Unevaluated::Unsupported("a variable without a tangent"));
        };
        // The same values as in the derived program, whose input it is.
        let sampled = sample::floats(
            tangent,
            environment.sizes(),
            environment.seed(),
            Region::Signed,
        );
        let direction = sampled.ok_or_else(|| Unevaluated::Unknown(tangent.name().to_owned()))?;
        let start = array(&environment, variable)?;
        for value in start.data() {
            scale = scale.max(value.abs());
        }
        lines.push((variable, start, direction));
    }
    let mut changed: Vec<&str> = Vec::new();
    for (variable, ..) in &lines {
        let names = affected(&claim.primal.equations, variable).into_iter();
        changed.extend(names.map(|equation| equation.target.name()));
    }
    // A variable that is a definition is moved by itself.
    let equations = claim.primal.equations.iter().filter(|equation| {
        changed.contains(&equation.target.name())
            && lines
                .iter()
                .all(|(variable, ..)| **variable != equation.target)
    });
    let prepared = Prepared::new(equations, &environment)?;
    let middle = array(&environment, claim.output)?;
    let mut at = |by: f64| {
        for (variable, start, direction) in &lines {
            if let Some(array) = environment.array_mut(variable.name()) {
                let points = start.data().iter().zip(direction.data());
                for (value, (start, direction)) in array.data_mut().iter_mut().zip(points) {
                    *value = start + by * direction;
                }
            }
        }
        prepared.run(&mut environment)?;
        array(&environment, claim.output)
    };
    let slopes = differences(&middle, STEP * scale, &mut at)?;
    Ok(Array::new(found.shape().to_vec(), slopes))
}

/// The derivative of every element of an array that depends on a number, at zero.
fn differences(
    middle: &Array<f64>,
    step: f64,
    at: &mut impl FnMut(f64) -> Result<Array<f64>, Unevaluated>,
) -> Result<Vec<f64>, Unevaluated> {
    let (above, below) = (at(step)?, at(-step)?);
    let (near_above, near_below) = (at(step / 2.0)?, at(-step / 2.0)?);
    let of = |place: usize| {
        let value = |array: &Array<f64>| array.data()[place];
        let differences = Differences {
            middle: value(middle),
            step,
            far: (value(&above), value(&below)),
            near: (value(&near_above), value(&near_below)),
        };
        differences.derivative().ok_or(Unevaluated::Undefined)
    };
    (0..middle.data().len()).map(of).collect()
}

/// Second differences at some pairs of elements, and what was derived there.
fn second(
    mut environment: Environment<f64>,
    found: &Array<f64>,
    claim: SecondClaim<'_>,
    seed: u64,
) -> Result<Compared, Unevaluated> {
    let [first, second] = claim.variables;
    let output = claim.primal.output();
    let output = output.ok_or_else(|| Unevaluated::Unknown("output".to_owned()))?;
    let mut changed = affected(&claim.primal.equations, first);
    for equation in affected(&claim.primal.equations, second) {
        if changed.iter().all(|own| own.target != equation.target) {
            changed.push(equation);
        }
    }
    let changed = claim.primal.equations.iter().filter(|equation| {
        changed.iter().any(|own| own.target == equation.target)
            && equation.target != *first
            && equation.target != *second
    });
    let prepared = Prepared::new(changed, &environment)?;
    let starts = [array(&environment, first)?, array(&environment, second)?];
    let counts = [starts[0].data().len(), starts[1].data().len()];
    let all = counts[0] * counts[1];
    let pairs: Vec<usize> = if all <= MOST_PAIRS {
        (0..all).collect()
    } else {
        let picked = |place: usize| (mix(seed ^ place as u64) % all as u64) as usize;
        (0..MOST_PAIRS).map(picked).collect()
    };
    let mut derived = Vec::with_capacity(pairs.len());
    let mut expected = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let places = [pair / counts[1], pair % counts[1]];
        let mut at = |by: [f64; 2]| {
            for (variable, start) in claim.variables.iter().zip(&starts) {
                environment.set(variable, start.clone());
            }
            for ((variable, place), by) in claim.variables.iter().zip(places).zip(by) {
                if let Some(array) = environment.array_mut(variable.name()) {
                    array.data_mut()[place] += by;
                }
            }
            prepared.run(&mut environment)?;
            Ok::<f64, Unevaluated>(array(&environment, &output.target)?.data()[0])
        };
        let mut difference = |step: f64| {
            let corners = [
                at([step, step])?,
                at([step, -step])?,
                at([-step, step])?,
                at([-step, -step])?,
            ];
            let [a, b, c, d] = corners;
            Ok::<f64, Unevaluated>((a - b - c + d) / (4.0 * step * step))
        };
        let (wide, narrow) = (difference(SECOND_STEP)?, difference(SECOND_STEP / 2.0)?);
        let estimate = (4.0 * narrow - wide) / 3.0;
        let smooth = (wide - narrow).abs() <= 1e-4 * (1.0 + estimate.abs());
        if !smooth {
            return Err(Unevaluated::Undefined);
        }
        expected.push(estimate);
        derived.push(found.data()[pair]);
    }
    let shape = vec![expected.len()];
    Ok((
        Array::new(shape.clone(), derived),
        Array::new(shape, expected),
    ))
}
