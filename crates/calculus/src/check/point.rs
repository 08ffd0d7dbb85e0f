//! Sampled points: environments that are drawn once and serve many comparisons.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Counterexample, Verdict};
use crate::expr::{Expr, Node, Tensor};
use crate::index::Index;
use crate::program::Program;
use crate::reference::{
    Array, Environment, Scalar, Sizes, Unevaluated, evaluate_program, evaluate_tensor, mix,
};
use crate::sample::Region;

/// Draws values for a tensor.
pub(super) type Sampler<T> = fn(&Tensor, &Sizes, u64, Region) -> Option<Array<T>>;

/// How many points are drawn anew before a check gives up.
pub(super) const SPARE: usize = 40;

/// Two expressions with the same free indices.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) left: &'a Expr,
    pub(super) right: &'a Expr,
    pub(super) indices: &'a [Index],
}

/// What the points of one set of sizes say about two expressions.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) verdict: Verdict<(), Counterexample>,
    pub(super) trials: usize,
    pub(super) resamples: usize,
    pub(super) error: f64,
}

/// The points for one set of sizes, drawn as they are needed.
#[derive(Debug)]
pub(super) struct Points<T> {
    program: Arc<Program>,
    sizes: Sizes,
    seed: u64,
    sampler: Sampler<T>,
    drawn: Vec<Point<T>>,
}

/// A side at a point, with its free indices.
type Key = (Expr, Vec<Index>);

#[derive(Debug)]
struct Point<T> {
    region: Region,
    environment: Result<Environment<T>, Unevaluated>,
    /// Values of sides: what one step ends with, the next begins with.
    values: HashMap<Key, Arc<Result<Array<T>, Unevaluated>>>,
}

impl<T: Scalar> Points<T> {
    pub(super) fn new(
        program: &Arc<Program>,
        sizes: Sizes,
        seed: u64,
        sampler: Sampler<T>,
    ) -> Self {
        Self {
            program: Arc::clone(program),
            sizes,
            seed,
            sampler,
            drawn: Vec::new(),
        }
    }

    pub(super) fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// Compares two expressions at `trials` points. `compare` gives an error, or the place of a difference.
    pub(super) fn compare(
        &mut self,
        sides: Sides<'_>,
        trials: usize,
        compare: impl Fn(&Array<T>, &Array<T>) -> Result<f64, usize>,
    ) -> Comparison {
        let mut found = Comparison {
            verdict: Verdict::Verified(()),
            trials: 0,
            resamples: 0,
            error: 0.0,
        };
        for attempt in 0..trials + SPARE {
            if found.trials == trials {
                break;
            }
            let left = self.value(attempt, sides.left, sides.indices);
            let right = self.value(attempt, sides.right, sides.indices);
            match (&*left, &*right) {
                (Ok(left), Ok(right)) => {
                    found.trials += 1;
                    match compare(left, right) {
                        Ok(error) => found.error = found.error.max(error),
                        Err(place) => {
                            let at = |array: &Array<T>| array.data()[place].to_f64();
                            found.verdict = Verdict::Failed(Counterexample {
                                sizes: self.sizes.clone(),
                                element: left.position(place),
                                left: at(left),
                                right: at(right),
                            });
                            return found;
                        }
                    }
                }
                (Err(Unevaluated::Undefined), Ok(_) | Err(Unevaluated::Undefined))
                | (Ok(_), Err(Unevaluated::Undefined)) => found.resamples += 1,
                (Err(reason), _) | (_, Err(reason)) => {
                    found.verdict = Verdict::Unverified(reason.clone());
                    return found;
                }
            }
        }
        if found.trials == 0 {
            found.verdict = Verdict::Unverified(Unevaluated::Undefined);
        }
        found
    }

    fn value(
        &mut self,
        attempt: usize,
        expr: &Expr,
        indices: &[Index],
    ) -> Arc<Result<Array<T>, Unevaluated>> {
        while self.drawn.len() <= attempt {
            self.draw();
        }
        let sampler = self.sampler;
        let point = &mut self.drawn[attempt];
        let key = (expr.clone(), indices.to_vec());
        if let Some(value) = point.values.get(&key) {
            return Arc::clone(value);
        }
        let region = point.region;
        let value = match &mut point.environment {
            Ok(environment) => complete(environment, expr, region, sampler)
                .and_then(|()| evaluate_tensor(expr, indices, environment)),
            Err(reason) => Err(reason.clone()),
        };
        let value = Arc::new(value);
        point.values.insert(key, Arc::clone(&value));
        value
    }

    fn draw(&mut self) {
        let attempt = self.drawn.len();
        let region = Region::of_attempt(attempt);
        let seed = mix(self.seed ^ mix(attempt as u64));
        let environment = environment(&self.program, &self.sizes, seed, region, self.sampler);
        self.drawn.push(Point {
            region,
            environment,
            values: HashMap::new(),
        });
    }
}

/// An environment with sampled inputs in which all equations of the program are worked out.
pub(super) fn environment<T: Scalar>(
    program: &Arc<Program>,
    sizes: &Sizes,
    seed: u64,
    region: Region,
    sampler: Sampler<T>,
) -> Result<Environment<T>, Unevaluated> {
    let mut environment = Environment::new(sizes.clone(), seed).with_program(Arc::clone(program));
    for tensor in &program.inputs {
        set(&mut environment, tensor, region, sampler)?;
    }
    evaluate_program(&mut environment)?;
    Ok(environment)
}

/// Samples `tensor`, by its name and the environment's seed.
pub(super) fn set<T: Scalar>(
    environment: &mut Environment<T>,
    tensor: &Tensor,
    region: Region,
    sampler: Sampler<T>,
) -> Result<(), Unevaluated> {
    let array = sampler(tensor, environment.sizes(), environment.seed(), region);
    let array = array.ok_or(Unevaluated::Unsupported("a declared fact or size"))?;
    environment.set(tensor, array);
    Ok(())
}

/// Samples the tensors of `expr` that the environment lacks, such as a cotangent.
fn complete<T: Scalar>(
    environment: &mut Environment<T>,
    expr: &Expr,
    region: Region,
    sampler: Sampler<T>,
) -> Result<(), Unevaluated> {
    let mut result = Ok(());
    expr.visit(&mut |part| {
        if let Node::Access(tensor, _) | Node::Derivative(_, tensor, _) = part.node()
            && environment.array(tensor.name()).is_none()
            && result.is_ok()
        {
            result = set(environment, tensor, region, sampler);
        }
    });
    result
}
