//! Runs a program in the engine and in the calculus' plain evaluator and compares. Test support only.

use std::collections::HashMap;
use std::sync::Arc;

use backprove_calculus::reference::{Array, Environment, Sizes, evaluate_program};
use backprove_calculus::{Fact, Program, Tensor};
use backprove_engine::{Plan, Real};

/// A program from its text.
pub(crate) fn program(text: &str) -> Program {
    let parsed = backprove_syntax::parse(text);
    assert_eq!(parsed.diagnostics, [], "{text}");
    let elaborated = backprove_calculus::elaborate(&parsed.program);
    assert_eq!(elaborated.diagnostics, [], "{text}");
    elaborated.program
}

/// Reproducible numbers in (−1, 1).
pub(crate) struct Source(u64);

impl Source {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as f64) / f64::from(1_u32 << 30) - 1.0
    }
}

/// Values that fit the tensor's facts.
pub(crate) fn sample(
    tensor: &Tensor,
    shape: &[usize],
    sizes: &Sizes,
    source: &mut Source,
) -> Vec<f64> {
    let count = shape.iter().product();
    (0..count)
        .map(|_| {
            let value = source.next();
            for fact in tensor.facts() {
                match fact {
                    Fact::Labels(dim) => {
                        let classes = sizes.get(dim).unwrap_or(1);
                        return (f64::midpoint(value, 1.0) * classes as f64).floor();
                    }
                    Fact::Positive => return value.abs() + 0.1,
                    Fact::Unit => return f64::midpoint(value, 1.0) * 0.9 + 0.05,
                    _ => {}
                }
            }
            // Values of single precision, so that both precisions start from the same.
            f64::from(value as f32)
        })
        .collect()
}

fn to<T: Real + Convert>(values: &[f64]) -> Vec<T> {
    values.iter().map(|value| T::convert(*value)).collect()
}

/// From and to double precision.
pub(crate) trait Convert: Sized {
    fn convert(value: f64) -> Self;
    fn back(&self) -> f64;
    /// Half a unit of the last place of one.
    const HALF_UNIT: f64;
}

impl Convert for f32 {
    const HALF_UNIT: f64 = f32::EPSILON as f64 / 2.0;
    fn convert(value: f64) -> Self {
        value as Self
    }
    fn back(&self) -> f64 {
        f64::from(*self)
    }
}

impl Convert for f64 {
    const HALF_UNIT: f64 = f64::EPSILON / 2.0;
    fn convert(value: f64) -> Self {
        value
    }
    fn back(&self) -> f64 {
        *self
    }
}

/// So many roundings of the inputs are as bad as those of a run.
const ROUNDINGS: f64 = 16.0;

/// The inputs, each but for labels moved up or down by half a unit of the last place.
fn rounded<T: Convert>(tensors: &[Tensor], inputs: &[Array<f64>]) -> Vec<Array<f64>> {
    let mut source = Source::new(11);
    let moved = tensors.iter().zip(inputs).map(|(tensor, input)| {
        let labels = tensor
            .facts()
            .iter()
            .any(|fact| matches!(fact, Fact::Labels(_)));
        let values = input.data().iter().map(|value| {
            let half = if labels { 0.0 } else { T::HALF_UNIT };
            value * (1.0 + half.copysign(source.next()))
        });
        Array::new(input.shape().to_vec(), values.collect())
    });
    moved.collect()
}

/// Compares all of `outputs`, in both precisions.
pub(crate) fn agrees(text: &str, sizes: &[(&str, usize)], outputs: &[&str]) {
    compare(&program(text), text, sizes, outputs, &[]);
}

/// Compares outputs and what the updated inputs hold after a run, in both precisions.
pub(crate) fn agrees_after_update(
    text: &str,
    sizes: &[(&str, usize)],
    outputs: &[&str],
    updates: &[(&str, &str)],
) {
    compare(&program(text), text, sizes, outputs, updates);
}

/// Compares a program that was built by hand.
pub(crate) fn compare(
    program: &Program,
    label: &str,
    sizes: &[(&str, usize)],
    outputs: &[&str],
    updates: &[(&str, &str)],
) {
    run::<f64>(program, label, sizes, outputs, updates, 1e-12);
    run::<f32>(program, label, sizes, outputs, updates, 1e-5);
}

/// Inputs that are read elsewhere, wherever that begins, give the same bytes as those that were copied.
fn lent_inputs_give_the_same<T: Real + Convert>(
    plan: &mut Plan<T>,
    program: &Program,
    inputs: &[Array<f64>],
    label: &str,
    outputs: &[&str],
    updates: &[(&str, &str)],
) {
    let held = outputs.iter().chain(updates.iter().map(|(input, _)| input));
    let results = |plan: &Plan<T>| -> Vec<Vec<u64>> {
        let bits = |name: &&str| {
            let values = plan.get(name).unwrap().iter();
            values.map(|value| value.back().to_bits()).collect()
        };
        held.clone().map(bits).collect()
    };
    let copied = results(plan);
    let mut lent: Vec<(&str, Vec<T>)> = Vec::new();
    for (tensor, values) in program.inputs.iter().zip(inputs) {
        plan.input_mut(tensor.name()).unwrap().fill(T::default());
        let first = [T::default()];
        let values = first.into_iter().chain(to::<T>(values.data()));
        lent.push((tensor.name(), values.collect()));
    }
    let lent = lent.iter().map(|(name, values)| (*name, &values[1..]));
    plan.run_with(&lent.collect::<Vec<_>>()).unwrap();
    assert_eq!(results(plan), copied, "{label}\n{}", plan.describe());
}

fn run<T: Real + Convert>(
    program: &Program,
    label: &str,
    sizes: &[(&str, usize)],
    outputs: &[&str],
    updates: &[(&str, &str)],
    tolerance: f64,
) {
    let known = Sizes::new(sizes.iter().copied());
    let map: HashMap<String, usize> = sizes
        .iter()
        .map(|(name, size)| ((*name).to_owned(), *size))
        .collect();
    let mut plan = match Plan::<T>::compile(program, &map, outputs, updates) {
        Ok(plan) => plan,
        Err(error) => panic!("{label}: {error}"),
    };
    let mut source = Source::new(7);
    let mut inputs = Vec::new();
    for tensor in &program.inputs {
        let shape = known.shape(tensor).unwrap();
        let values = sample(tensor, &shape, &known, &mut source);
        plan.set(tensor.name(), &to::<T>(&values)).unwrap();
        inputs.push(Array::new(shape, values));
    }
    let reference = |inputs: &[Array<f64>]| {
        let mut environment = Environment::<f64>::new(known.clone(), 1);
        for (tensor, values) in program.inputs.iter().zip(inputs) {
            environment.set(tensor, values.clone());
        }
        let mut environment = environment.with_program(Arc::new(program.clone()));
        evaluate_program(&mut environment).unwrap_or_else(|error| panic!("{label}: {error:?}"));
        environment
    };
    let environment = reference(&inputs);
    plan.run();
    lent_inputs_give_the_same(&mut plan, program, &inputs, label, outputs, updates);
    let pairs = outputs.iter().map(|output| (*output, *output));
    for (held, name) in pairs.chain(updates.iter().copied()) {
        let expected = environment.array(name).unwrap().data();
        let found = plan.get(held).unwrap();
        assert_eq!(found.len(), expected.len());
        let scale = expected
            .iter()
            .fold(1.0_f64, |scale, value| scale.max(value.abs()));
        for (place, (found, own)) in found.iter().zip(expected).enumerate() {
            let error = (found.back() - own).abs() / scale;
            // What is as far off when the inputs are rounded once is not the plan's fault.
            let rounded = || {
                let moved = reference(&rounded::<T>(&program.inputs, &inputs));
                let moved = moved.array(name).unwrap().data();
                let changes = moved
                    .iter()
                    .zip(expected)
                    .map(|(a, b)| (a - b).abs() / scale);
                changes.fold(0.0, f64::max)
            };
            assert!(
                error <= tolerance || error <= ROUNDINGS * rounded(),
                "{label}: {held} at {place}: {} instead of {own}\n{}",
                found.back(),
                plan.describe()
            );
        }
    }
}
