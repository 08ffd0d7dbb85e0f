//! Tests that quantify over the table: a new function is tested by being declared.

use proptest::prelude::*;

use super::*;
use crate::expr::{Callee, Expr, Tensor};
use crate::index::Index;
use crate::reference::{Array, Environment, Field, Sizes, evaluate};

fn arguments(function: &Function) -> (Vec<Tensor>, Vec<Expr>) {
    let tensor = |name: &&str| Tensor::new(*name, Vec::new());
    let tensors: Vec<Tensor> = function.arguments.iter().map(tensor).collect();
    let accesses = tensors.iter().map(|tensor| Expr::access(tensor, &[]));
    let accesses = accesses.collect();
    (tensors, accesses)
}

fn environment(tensors: &[Tensor], values: &[f64]) -> Environment<f64> {
    let mut environment = Environment::new(Sizes::default(), 0);
    for (tensor, value) in tensors.iter().zip(values) {
        environment.set(tensor, Array::new(Vec::new(), vec![*value]));
    }
    environment
}

/// Maps numbers in (0, 1) into the domain of each argument.
fn point(function: &Function, units: &[f64]) -> Vec<f64> {
    let domains = function.domain.iter().zip(units);
    domains
        .map(|(domain, unit)| match domain {
            Domain::Real => 6.0 * unit - 3.0,
            Domain::Positive => 0.3 + 3.0 * unit,
            Domain::Unit => 1.6 * unit - 0.8,
            Domain::AboveMinusOne => 3.0 * unit - 0.7,
        })
        .collect()
}

const NOWHERE: &[(Index, usize)] = &[];

#[test]
fn every_declaration_is_complete() {
    for function in table() {
        let count = function.arguments.len();
        assert_eq!(function.domain.len(), count, "{function:?}");
        assert!(
            !function.arguments.contains(&"y"),
            "{function:?}: y is the result"
        );
        let (_, accesses) = arguments(function);
        let call = Expr::call(Callee::known(function), accesses.clone());
        match function.body {
            Body::Primitive { derivatives, .. } => {
                assert_eq!(derivatives.len(), count, "{function:?}");
                for (position, text) in derivatives.iter().enumerate() {
                    let derivative = derivative(function, position, &accesses, &call);
                    assert_eq!(
                        derivative.is_some(),
                        text.is_some(),
                        "{function:?}: {text:?}"
                    );
                }
            }
            Body::Defined { stable, .. } => {
                assert!(expand(function, &accesses).is_some(), "{function:?}");
                let expanded = expand_stable(function, &accesses);
                assert_eq!(expanded.is_some(), stable.is_some(), "{function:?}");
            }
        }
        assert_eq!(find(function.name), Some(function));
        let namesakes = table().filter(|other| other.name == function.name);
        assert_eq!(namesakes.count(), 1, "{function:?}");
    }
}

#[test]
fn every_form_has_the_value_of_its_function_and_folds_to_it() {
    for function in table() {
        for text in function.forms {
            let (tensors, accesses) = arguments(function);
            let call = Expr::call(Callee::known(function), accesses.clone());
            let form = meaning::form(text, function, &accesses).unwrap();
            for unit in [0.1, 0.4, 0.6, 0.9] {
                let environment = environment(&tensors, &point(function, &[unit]));
                let left = evaluate(&call, NOWHERE, &environment).unwrap();
                let right = evaluate(&form, NOWHERE, &environment).unwrap();
                assert!((left - right).abs() < 1e-12, "{function:?}: {text}");
            }
            assert_eq!(fold(&form), Some(call), "{function:?}: {text}");
        }
    }
}

#[test]
fn a_form_folds_among_other_factors_and_in_powers() {
    let x = Expr::access(&Tensor::new("x", Vec::new()), &[]);
    let exponential = Expr::apply("exp", vec![x.clone()]);
    let denominator = Expr::addition([Expr::one(), exponential.clone()]);
    let squared = Expr::product([x.clone(), exponential, denominator.power(Expr::integer(-2))]);
    let sigmoid = |argument: &Expr| Expr::apply("sigmoid", vec![argument.clone()]);
    let once = fold(&squared).unwrap();
    let expected = Expr::product([x.clone(), sigmoid(&x), denominator.reciprocal()]);
    assert_eq!(once, expected);
    assert_eq!(fold(&denominator.reciprocal()), Some(sigmoid(&x.negate())));
    assert_eq!(fold(&x), None);
}

#[test]
fn a_function_whose_derivative_jumps_states_a_convention() {
    for function in table() {
        let texts = match function.body {
            Body::Primitive { derivatives, .. } => derivatives.iter().flatten().copied().collect(),
            Body::Defined { definition, .. } => vec![definition],
        };
        let jumps = |text: &str| {
            ["<", ">", "sign(", "where(c", "maximum("]
                .iter()
                .any(|sign| text.contains(sign))
        };
        // Both sides of `elu` meet smoothly.
        if texts.into_iter().any(jumps) && function.name != "elu" {
            assert!(function.convention().is_some(), "{function:?}");
        }
    }
}

#[test]
fn spellings_mention_every_argument() {
    for function in table() {
        let Spellings {
            numpy,
            torch,
            jax,
            rust,
        } = function.spellings;
        for spelling in [numpy, torch, jax, rust] {
            for position in 0..function.arguments.len() {
                let mention = format!("{{{position}}}");
                assert!(
                    spelling.is_empty() || spelling.contains(&mention),
                    "{spelling}"
                );
            }
        }
    }
}

/// Whether a kink or a jump of this or an inner derivative may be so near that differences reach across it.
fn near_a_kink(function: &Function, values: &[f64]) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() < 0.02;
    values.iter().any(|value| close(*value, 0.0))
        || function.arguments.len() > 1
            && values
                .iter()
                .enumerate()
                .any(|(position, a)| values[..position].iter().any(|b| close(*a, *b)))
}

proptest! {
    #[test]
    fn derivatives_agree_with_central_differences(units in prop::array::uniform3(0.0_f64..1.0)) {
        for function in table() {
            let (tensors, accesses) = arguments(function);
            let values = point(function, &units);
            let environment = environment(&tensors, &values);
            let call = Expr::call(Callee::known(function), accesses.clone());
            for (position, tensor) in tensors.iter().enumerate() {
                let Some(claimed) = derivative(function, position, &accesses, &call) else {
                    continue;
                };
                let claimed = evaluate(&claimed, NOWHERE, &environment).unwrap();
                if near_a_kink(function, &values) {
                    continue;
                }
                let slope = call.derivative(tensor, &[]);
                let found = evaluate(&slope, NOWHERE, &environment);
                prop_assert!(found.is_ok(), "{function:?} at {values:?}: {found:?}");
                let found = found.unwrap_or(f64::NAN);
                prop_assert!(
                    (claimed - found).abs() <= 1e-8 * (1.0 + found.abs()),
                    "{function:?} by {tensor:?} at {values:?}: {claimed}, by differences {found}"
                );
            }
        }
    }

    #[test]
    fn stable_forms_equal_definitions(units in prop::array::uniform3(0.0_f64..1.0)) {
        for function in table() {
            let (tensors, accesses) = arguments(function);
            let Some(stable) = expand_stable(function, &accesses) else {
                continue;
            };
            let values = point(function, &units);
            let environment = environment(&tensors, &values);
            let stable = evaluate(&stable, NOWHERE, &environment).unwrap();
            let call = Expr::call(Callee::known(function), accesses);
            let defined = evaluate(&call, NOWHERE, &environment).unwrap();
            prop_assert!((stable - defined).abs() <= 1e-12 * (1.0 + defined.abs()), "{function:?} at {values:?}");
        }
    }

    #[test]
    fn a_definition_has_the_value_of_its_function_in_the_field(seed in any::<u64>(), bits in any::<[u64; 3]>()) {
        for function in table() {
            let (tensors, accesses) = arguments(function);
            let Some(expanded) = expand(function, &accesses) else {
                continue;
            };
            let mut environment = Environment::new(Sizes::default(), seed);
            for (tensor, bits) in tensors.iter().zip(bits) {
                environment.set(tensor, Array::new(Vec::new(), vec![Field::new(bits)]));
            }
            let call = Expr::call(Callee::known(function), accesses);
            prop_assert_eq!(evaluate(&call, NOWHERE, &environment), evaluate(&expanded, NOWHERE, &environment));
        }
    }
}

#[test]
fn large_arguments_do_not_overflow() {
    let value = |name: &str, x: f64| {
        let Some(Function {
            body: Body::Primitive { value, .. },
            ..
        }) = find(name)
        else {
            panic!("{name} is a primitive");
        };
        value(&[x])
    };
    for (name, x, expected) in [
        ("sigmoid", -800.0, 0.0),
        ("sigmoid", 800.0, 1.0),
        ("softplus", 800.0, 800.0),
        ("softplus", -800.0, 0.0),
        ("relu", f64::NEG_INFINITY, 0.0),
        ("erf", 30.0, 1.0),
    ] {
        let found = value(name, x);
        assert!((found - expected).abs() < 1e-300, "{name}({x}) = {found}");
    }
    assert!(value("relu", f64::NAN).is_nan());
}
