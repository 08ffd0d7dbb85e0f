//! Right identities and gradients pass, wrong ones fail with the place, and what cannot be judged is not called right.

use super::*;
use crate::expr::{Callee, Fact, Tensor};
use crate::index::Dim;
use crate::number::Number;
use crate::program::Equation;

fn tensor(name: &str, dims: &[&str]) -> Tensor {
    Tensor::new(name, dims.iter().map(|dim| Dim::symbol(dim)).collect())
}

/// `Y[s,n] = sum[m](X[s,m] * W[n,m])`, then `f(Y)`.
struct Layer {
    x: Tensor,
    w: Tensor,
    y: Tensor,
    program: Program,
}

fn layer(f: impl Fn(Expr) -> Expr) -> Layer {
    let (x, w, y) = (
        tensor("X", &["S", "M"]),
        tensor("W", &["N", "M"]),
        tensor("Y", &["S", "N"]),
    );
    let indices = y.indices(&["s", "n"]);
    let m = Index::new("m", Dim::symbol("M"));
    let product = Expr::product([
        Expr::access(&x, &[indices[0].clone(), m.clone()]),
        Expr::access(&w, &[indices[1].clone(), m.clone()]),
    ]);
    let body = f(Expr::sum(&[m], product));
    let program = Program {
        inputs: vec![x.clone(), w.clone()],
        functions: vec!["h".into()],
        equations: vec![Equation {
            target: y.clone(),
            indices,
            body,
            matrix: None,
        }],
    };
    Layer { x, w, y, program }
}

/// `dX[s,m] = sum[n](factor(s, n) * dY[s,n] * W[n,m])`.
fn derived(layer: &Layer, factor: impl Fn(&[Index]) -> Expr) -> (Tensor, Tensor, Program) {
    let cotangent = Tensor::cotangent_of("dY", "L", &layer.y);
    let gradient = Tensor::cotangent_of("dX", "L", &layer.x);
    let indices = gradient.indices(&["s", "m"]);
    let n = Index::new("n", Dim::symbol("N"));
    let at = [indices[0].clone(), n.clone()];
    let body = Expr::product([
        factor(&at),
        Expr::access(&cotangent, &at),
        Expr::access(&layer.w, &[n.clone(), indices[1].clone()]),
    ]);
    let mut program = layer.program.clone();
    program.inputs.push(cotangent.clone());
    program.equations.push(Equation {
        target: gradient.clone(),
        indices,
        body: Expr::sum(&[n], body),
        matrix: None,
    });
    (cotangent, gradient, program)
}

fn checked(layer: &Layer, factor: impl Fn(&[Index]) -> Expr) -> GradientCheck {
    let (cotangent, gradient, derived) = derived(layer, factor);
    let claim = GradientClaim {
        primal: &layer.program,
        variable: &layer.x,
        cotangent: Some(&cotangent),
        derived: &derived,
        gradient: &gradient,
    };
    check_gradient(claim, 0)
}

#[test]
fn a_right_gradient_passes() {
    let linear = layer(|sum| sum);
    let check = checked(&linear, |_| Expr::one());
    assert_eq!(check.verdict, Verdict::Verified(()));
    assert!(check.error < 1e-9, "{}", check.error);
    assert!(check.trials >= 2);

    let tanh = layer(|sum| Expr::apply("tanh", vec![sum]));
    let slope = |at: &[Index]| {
        let square = Expr::access(&tanh.y, at).power(Expr::integer(2));
        Expr::addition([Expr::one(), square.negate()])
    };
    let check = checked(&tanh, slope);
    assert_eq!(check.verdict, Verdict::Verified(()));
}

#[test]
fn a_gradient_with_a_lost_factor_fails() {
    let linear = layer(|sum| sum);
    let check = checked(&linear, |_| Expr::number(Number::ratio(1, 2)));
    let Verdict::Failed(mismatch) = check.verdict else {
        panic!("{check:?}");
    };
    assert!(
        (mismatch.found - mismatch.expected / 2.0).abs() < 1e-9,
        "{mismatch:?}"
    );
}

/// `Y[i,j] = f(A[i,j])` and a gradient that claims `dA = Y`.
fn elementwise(facts: Vec<Fact>, f: impl Fn(Expr) -> Expr) -> GradientCheck {
    let n = Dim::symbol("N");
    let a = Tensor::with_facts("A", vec![n.clone(), n], facts);
    let y = tensor("Y", &["N", "N"]);
    let indices = y.indices(&["i", "j"]);
    let program = Program {
        inputs: vec![a.clone()],
        equations: vec![Equation {
            target: y.clone(),
            body: f(Expr::access(&a, &indices)),
            indices,
            matrix: None,
        }],
        ..Program::default()
    };
    let claim = GradientClaim {
        primal: &program,
        variable: &a,
        cotangent: Some(&Tensor::cotangent_of("dY", "L", &y)),
        derived: &program,
        gradient: &y,
    };
    check_gradient(claim, 0)
}

#[test]
fn a_gradient_without_a_valid_point_is_unverified() {
    // Off the diagonal every element sits on the kink.
    let kinks = elementwise(vec![Fact::Diagonal], |a| Expr::apply("relu", vec![a]));
    let nowhere = elementwise(vec![], |a| {
        let below = Expr::addition([Expr::integer(-5), a.power(Expr::integer(2)).negate()]);
        Expr::apply("log", vec![below])
    });
    for check in [kinks, nowhere] {
        assert_eq!(check.verdict, Verdict::Unverified(Unevaluated::Undefined));
        assert!(check.resamples > 0);
    }
}

/// From the chain rule to the closed form of `h(X W^T)`, with an abstract `h`.
#[test]
fn steps_with_derivatives_are_verified_in_the_field() {
    let abstractly = layer(|sum| Expr::call(Callee::named("h"), vec![sum]));
    let (s, n) = (
        Index::new("s", Dim::symbol("S")),
        Index::new("n", Dim::symbol("N")),
    );
    let at = abstractly.x.indices(&["k", "l"]);
    let m = Index::new("m", Dim::symbol("M"));
    let y = [s.clone(), n.clone()];
    let before = Expr::access(&abstractly.y, &y).derivative(&abstractly.x, &at);
    let inner = Expr::product([
        Expr::access(&abstractly.x, &[s.clone(), m.clone()]),
        Expr::access(&abstractly.w, &[n.clone(), m.clone()]),
    ]);
    let prime = Callee {
        derivatives: vec![0],
        ..Callee::named("h")
    };
    let after = Expr::product([
        Expr::call(prime, vec![Expr::sum(&[m], inner)]),
        Expr::delta(&s, &at[0]),
        Expr::access(&abstractly.w, &[n.clone(), at[1].clone()]),
    ]);
    let indices = [s, n, at[0].clone(), at[1].clone()];
    let mut checker = Checker::new(&abstractly.program, 0);
    let check = checker.verify_step(&before, &after, &indices);
    assert_eq!(check.verdict, Verdict::Verified(Verified::Field));
    let check = checker.identical(&before, &after, &indices);
    assert_eq!(check.verdict, Verdict::Verified(Verified::Float));
    assert!(check.error < 1e-8);

    let wrong = Expr::product([Expr::integer(2), after]);
    let check = checker.verify_step(&before, &wrong, &indices);
    assert!(matches!(check.verdict, Verdict::Failed(_)), "{check:?}");
}

#[test]
fn what_order_and_roots_make_equal_is_found_in_double_precision() {
    let x = tensor("x", &["N"]);
    let i = x.indices(&["i"]);
    let element = Expr::access(&x, &i);
    let program = Program {
        inputs: vec![x],
        ..Program::default()
    };
    let mut checker = Checker::new(&program, 1);
    let half = Expr::number(Number::ratio(1, 2));
    let root = element.power(Expr::integer(2)).power(half);
    let magnitude = Expr::apply("abs", vec![element.clone()]);
    let check = checker.verify_step(&root, &magnitude, &i);
    assert_eq!(check.verdict, Verdict::Verified(Verified::Float));
    assert_eq!(check.trials, 6);

    let check = checker.verify_step(&root, &element, &i);
    let Verdict::Failed(example) = check.verdict else {
        panic!("{check:?}");
    };
    assert!((example.left + example.right).abs() < 1e-12, "{example:?}");

    let logarithm = Expr::apply("log", vec![element.clone()]);
    let back = Expr::apply("exp", vec![logarithm]);
    let check = checker.verify_step(&back, &element, &i);
    assert_eq!(check.verdict, Verdict::Verified(Verified::Float));
    assert!(check.resamples > 0, "negative numbers have no logarithm");
}

#[test]
fn a_counterexample_names_the_element() {
    let x = tensor("X", &["N", "N"]);
    let at = x.indices(&["i", "j"]);
    let swapped = [at[1].clone(), at[0].clone()];
    let program = Program {
        inputs: vec![x.clone()],
        ..Program::default()
    };
    let mut checker = Checker::new(&program, 2);
    let check = checker.identical(&Expr::access(&x, &at), &Expr::access(&x, &swapped), &at);
    let Verdict::Failed(example) = check.verdict else {
        panic!("{check:?}");
    };
    assert_ne!(example.element[0], example.element[1]);
    assert_ne!(example.left.to_bits(), example.right.to_bits());
}
