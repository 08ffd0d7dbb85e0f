//! Tests of the evaluator: against loops written out here, and of its two kinds of numbers against each other.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::expr::{Callee, Node, Reduction, Tensor};
use crate::index::Dim;
use crate::number::Number;
use crate::program::{Equation, Program};

fn dim(name: &str) -> Dim {
    Dim::symbol(name)
}

fn sizes() -> Sizes {
    Sizes::new([("S", 2), ("M", 3)])
}

/// X (S × M) and w (M) with the given seed.
fn inputs() -> (Tensor, Tensor) {
    (
        Tensor::new("X", vec![dim("S"), dim("M")]),
        Tensor::new("w", vec![dim("M")]),
    )
}

fn floats(seed: u64) -> Environment<f64> {
    let (x, w) = inputs();
    let draw = |place: u64| {
        let bits = scalar::mix(seed ^ scalar::mix(place));
        (bits >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    let mut environment = Environment::new(sizes(), seed);
    environment.set(&x, Array::new(vec![2, 3], (0..6).map(draw).collect()));
    environment.set(&w, Array::new(vec![3], (6..9).map(draw).collect()));
    environment
}

fn fields(seed: u64) -> Environment<Field> {
    let (x, w) = inputs();
    let draw = |place: u64| Field::new(scalar::mix(seed ^ scalar::mix(place)));
    let mut environment = Environment::new(sizes(), seed);
    environment.set(&x, Array::new(vec![2, 3], (0..6).map(draw).collect()));
    environment.set(&w, Array::new(vec![3], (6..9).map(draw).collect()));
    environment
}

#[test]
fn a_matrix_product_is_three_loops() {
    let (x, _) = inputs();
    let (s, t, m) = (
        Index::new("s", dim("S")),
        Index::new("t", dim("S")),
        Index::new("m", dim("M")),
    );
    let product = Expr::product([
        Expr::access(&x, &[s.clone(), m.clone()]),
        Expr::access(&x, &[t.clone(), m.clone()]),
    ]);
    let environment = floats(1);
    let array = environment.array("X").unwrap();
    let gram = evaluate_tensor(&Expr::sum(&[m], product), &[s, t], &environment).unwrap();
    assert_eq!(gram.shape(), [2, 2]);
    for s in 0..2 {
        for t in 0..2 {
            let mut total = 0.0;
            for m in 0..3 {
                total += array.get(&[s, m]).unwrap() * array.get(&[t, m]).unwrap();
            }
            assert_eq!(gram.get(&[s, t]), Some(total));
        }
    }
}

#[test]
fn a_sum_over_an_absent_index_leaves_its_extent() {
    let m = Index::new("m", dim("M"));
    let count = Expr::sum(std::slice::from_ref(&m), Expr::integer(2));
    assert_eq!(evaluate(&count, &[], &floats(0)), Ok(6.0));
    assert_eq!(evaluate(&Expr::extent(&dim("M")), &[], &floats(0)), Ok(3.0));
}

#[test]
fn deltas_and_labels_pick_elements() {
    let (x, w) = inputs();
    let (s, m, n) = (
        Index::new("s", dim("S")),
        Index::new("m", dim("M")),
        Index::new("n", dim("M")),
    );
    let t = Tensor::new("t", vec![dim("S")]);
    let mut environment = floats(3);
    environment.set(&t, Array::new(vec![2], vec![2.0, 0.0]));
    let label = Expr::access(&t, std::slice::from_ref(&s));
    let picked = Expr::sum(
        std::slice::from_ref(&m),
        Expr::product([
            Expr::access(&x, &[s.clone(), m.clone()]),
            Expr::indicator(&m, label),
        ]),
    );
    let values = evaluate_tensor(&picked, &[s], &environment).unwrap();
    let array = environment.array("X").unwrap();
    assert_eq!(
        values.data(),
        [array.get(&[0, 2]).unwrap(), array.get(&[1, 0]).unwrap()]
    );

    let renamed = Expr::sum(
        std::slice::from_ref(&m),
        Expr::product([
            Expr::delta(&m, &n),
            Expr::access(&w, std::slice::from_ref(&m)),
        ]),
    );
    let values = evaluate_tensor(&renamed, &[n], &environment).unwrap();
    assert_eq!(&values, environment.array("w").unwrap());
}

#[test]
fn reductions_combine_all_elements() {
    let (_, w) = inputs();
    let m = w.indices(&["m"]);
    let environment = floats(5);
    let data = environment.array("w").unwrap().data().to_vec();
    let reduced = |reduction| {
        let expr = Expr::reduce(reduction, &m, Expr::access(&w, &m));
        evaluate(&expr, &[], &environment)
    };
    let greatest = data.iter().copied().fold(f64::MIN, f64::max);
    let least = data.iter().copied().fold(f64::MAX, f64::min);
    assert_eq!(reduced(Reduction::Maximum), Ok(greatest));
    assert_eq!(reduced(Reduction::Minimum), Ok(least));
    let product = data.iter().product();
    assert_eq!(reduced(Reduction::Product), Ok(product));
}

#[test]
fn what_is_unknown_is_named() {
    let (x, _) = inputs();
    let y = Tensor::new("Y", vec![dim("K")]);
    let k = y.indices(&["k"]);
    let unknown = |name: &str| Some(Unevaluated::Unknown(name.to_owned()));
    let missing = Expr::access(&y, &k);
    assert_eq!(
        evaluate_tensor(&missing, &k, &floats(0)).err(),
        unknown("K")
    );
    let indices = x.indices(&["s", "m"]);
    let unbound = Expr::access(&x, &indices);
    assert_eq!(evaluate(&unbound, &[], &floats(0)).err(), unknown("s"));
}

#[test]
fn undefined_points_are_reported() {
    let (_, w) = inputs();
    let m = w.indices(&["m"]);
    let difference = Expr::addition([Expr::access(&w, &m), Expr::access(&w, &m).negate()]);
    let reciprocal = difference.reciprocal();
    let at = [(m[0].clone(), 0)];
    assert_eq!(
        evaluate(&reciprocal, &at, &floats(0)),
        Err(Unevaluated::Undefined)
    );
    assert_eq!(
        evaluate(&reciprocal, &at, &fields(0)),
        Err(Unevaluated::Undefined)
    );
}

#[test]
fn differences_refuse_a_kink() {
    let (_, w) = inputs();
    let m = w.indices(&["m"]);
    let mut environment = floats(0);
    environment.array_mut("w").unwrap().data_mut()[0] = 0.0;
    environment.array_mut("w").unwrap().data_mut()[1] = 1e-4;
    let slope = Expr::apply("relu", vec![Expr::access(&w, &m)]).derivative(&w, &m);
    for (position, expected) in [
        (0, Err(Unevaluated::Undefined)),
        (1, Err(Unevaluated::Undefined)),
    ] {
        let at = [(m[0].clone(), position)];
        assert_eq!(evaluate(&slope, &at, &environment), expected);
    }
}

/// `Z[s] = sum[m](X[s,m] * w[m])`, `Y[s] = tanh(Z[s]) * w[0…]`: a derivative of `Y` by `w` holds `Z` fixed.
#[test]
fn a_derivative_of_a_defined_tensor_goes_through_its_own_equation_only() {
    let (x, w) = inputs();
    let z = Tensor::new("Z", vec![dim("S")]);
    let y = Tensor::new("Y", vec![dim("S"), dim("M")]);
    let (s, m) = (Index::new("s", dim("S")), Index::new("m", dim("M")));
    let product = Expr::product([
        Expr::access(&x, &[s.clone(), m.clone()]),
        Expr::access(&w, std::slice::from_ref(&m)),
    ]);
    let first = Equation {
        target: z.clone(),
        indices: vec![s.clone()],
        body: Expr::sum(std::slice::from_ref(&m), product),
        matrix: None,
    };
    let row = y.indices(&["s", "m"]);
    let body = Expr::product([
        Expr::apply("tanh", vec![Expr::access(&z, &row[..1])]),
        Expr::access(&w, &row[1..]),
    ]);
    let second = Equation {
        target: y.clone(),
        indices: row.clone(),
        body,
        matrix: None,
    };
    let program = Arc::new(Program {
        inputs: vec![x, w.clone()],
        functions: Vec::new(),
        equations: vec![first, second],
    });
    let n = Index::new("n", dim("M"));
    let slope = Expr::access(&y, &[s.clone(), m.clone()]).derivative(&w, std::slice::from_ref(&n));
    let expected = Expr::product([
        Expr::apply("tanh", vec![Expr::access(&z, std::slice::from_ref(&s))]),
        Expr::delta(&m, &n),
    ]);
    let indices = [s, m, n];

    let mut float = floats(9).with_program(Arc::clone(&program));
    evaluate_program(&mut float).unwrap();
    let found = evaluate_tensor(&slope, &indices, &float).unwrap();
    let expected_values = evaluate_tensor(&expected, &indices, &float).unwrap();
    for (found, expected) in found.data().iter().zip(expected_values.data()) {
        assert!((found - expected).abs() < 1e-9, "{found} and {expected}");
    }

    let mut field = fields(9).with_program(program);
    evaluate_program(&mut field).unwrap();
    let found = evaluate_tensor(&slope, &indices, &field).unwrap();
    assert_eq!(found, evaluate_tensor(&expected, &indices, &field).unwrap());
}

/// Reads an expression off a list of choices, so that a shorter list is a simpler expression.
struct Grower<'a> {
    choices: std::slice::Iter<'a, u8>,
    /// Whether functions may occur that are opaque in the field.
    functions: bool,
}

impl Grower<'_> {
    fn grow(&mut self, s: &Index, m: &Index, depth: usize) -> Expr {
        let (x, w) = inputs();
        let choice = self.choices.next().copied().unwrap_or(0);
        let leaf = depth == 0;
        match choice % if leaf { 3 } else { 10 } {
            0 => Expr::access(&x, &[s.clone(), m.clone()]),
            1 => Expr::access(&w, std::slice::from_ref(m)),
            2 => Expr::number(Number::ratio(i64::from(choice) - 100, 37)),
            3 | 4 => Expr::addition([self.grow(s, m, depth - 1), self.grow(s, m, depth - 1)]),
            5 => Expr::product([self.grow(s, m, depth - 1), self.grow(s, m, depth - 1)]),
            6 => {
                let inner = m.fresh();
                let body = self.grow(s, &inner, depth - 1);
                Expr::sum(&[inner], body)
            }
            7 => {
                let square = self.grow(s, m, depth - 1).power(Expr::integer(2));
                Expr::addition([square, Expr::integer(2)]).reciprocal()
            }
            8 if self.functions => {
                let names = ["sin", "tanh", "sigmoid", "softplus", "gelu", "silu", "erf"];
                let name = names[usize::from(choice / 10) % names.len()];
                Expr::apply(name, vec![self.grow(s, m, depth - 1)])
            }
            9 if self.functions => Expr::call(Callee::named("h"), vec![self.grow(s, m, depth - 1)]),
            _ => self.grow(s, m, depth - 1).power(Expr::integer(3)),
        }
    }
}

fn expression(functions: bool) -> impl Strategy<Value = (Expr, Index, Index)> {
    prop::collection::vec(any::<u8>(), 0..24).prop_map(move |choices| {
        let (s, m) = (Index::new("s", dim("S")), Index::new("m", dim("M")));
        let mut grower = Grower {
            choices: choices.iter(),
            functions,
        };
        let expr = grower.grow(&s, &m, 4);
        (expr, s, m)
    })
}

/// The same value in another form: orders reversed, products distributed over the first addition.
fn disguised(expr: &Expr) -> Expr {
    let parts: Vec<Expr> = expr.children().map(disguised).collect();
    match expr.node() {
        Node::Add(_) => Expr::addition(parts.into_iter().rev()),
        Node::Product(_) => {
            let position = parts
                .iter()
                .position(|part| matches!(part.node(), Node::Add(_)));
            let Some(position) = position else {
                return Expr::product(parts.into_iter().rev());
            };
            let mut rest = parts;
            let addition = rest.remove(position);
            let terms = addition.children().map(|term| {
                Expr::product(std::iter::once(term.clone()).chain(rest.iter().cloned()))
            });
            Expr::addition(terms.map(|term| term.freshen()))
        }
        _ => expr.with_children(parts),
    }
}

fn close(left: &Array<f64>, right: &Array<f64>, tolerance: f64) -> bool {
    let scale = left
        .data()
        .iter()
        .chain(right.data())
        .fold(1.0_f64, |scale, value| scale.max(value.abs()));
    let mut pairs = left.data().iter().zip(right.data());
    pairs.all(|(left, right)| (left - right).abs() <= tolerance * scale)
}

proptest! {
    #[test]
    fn differences_agree_with_duals((expr, s, m) in expression(true), seed in any::<u64>()) {
        let (_, w) = inputs();
        let n = Index::new("n", dim("M"));
        let slope = expr.derivative(&w, std::slice::from_ref(&n));
        let indices = [s, m, n];
        let by_duals = floats(seed).differentiating(Differentiation::Duals);
        let by_duals = evaluate_tensor(&slope, &indices, &by_duals).unwrap();
        // Where the differences refuse the point, there is nothing to compare.
        if let Ok(found) = evaluate_tensor(&slope, &indices, &floats(seed)) {
            prop_assert!(close(&found, &by_duals, 1e-7), "{found:?} and {by_duals:?}");
        }
    }

    #[test]
    fn field_and_float_agree_in_what_is_equal(
        (expr, s, m) in expression(true),
        (other, t, n) in expression(true),
        seed in any::<u64>(),
    ) {
        let other = other.substitute(&[(t, s.clone()), (n, m.clone())].into_iter().collect());
        let indices = [s, m];
        let float = |expr: &Expr| evaluate_tensor(expr, &indices, &floats(seed)).unwrap();
        let field = |expr: &Expr| evaluate_tensor(expr, &indices, &fields(seed));
        let Ok(value) = field(&expr) else { return Ok(()) };
        let same = disguised(&expr);
        prop_assert_eq!(&field(&same), &Ok(value.clone()));
        prop_assert!(close(&float(&expr), &float(&same), 1e-9));
        if field(&other) == Ok(value) {
            prop_assert!(close(&float(&expr), &float(&other), 1e-9));
        }
    }

    #[test]
    fn rational_expressions_that_differ_do_so_in_both((expr, s, m) in expression(false), seed in any::<u64>()) {
        let (x, _) = inputs();
        let indices = [s, m];
        let more = Expr::addition([expr.clone(), Expr::access(&x, &indices)]);
        let float = |expr: &Expr| evaluate_tensor(expr, &indices, &floats(seed)).unwrap();
        let field = |expr: &Expr| evaluate_tensor(expr, &indices, &fields(seed));
        prop_assert_ne!(field(&more), field(&expr));
        // A large value would swallow what is added.
        if float(&expr).data().iter().all(|value| value.abs() < 1e9) {
            prop_assert_ne!(float(&more), float(&expr));
        }
    }

    #[test]
    fn duals_in_the_field_follow_the_same_rules((expr, s, m) in expression(true), seed in any::<u64>()) {
        let (_, w) = inputs();
        let n = Index::new("n", dim("M"));
        let indices = [s, m, n.clone()];
        let slope = |expr: &Expr| {
            let slope = expr.derivative(&w, std::slice::from_ref(&n));
            evaluate_tensor(&slope, &indices, &fields(seed))
        };
        // The derivative of a square is twice the value times the derivative.
        let square = expr.power(Expr::integer(2));
        let twice = Expr::product([
            Expr::integer(2),
            expr.clone(),
            expr.freshen().derivative(&w, std::slice::from_ref(&n)),
        ]);
        prop_assert_eq!(slope(&square), evaluate_tensor(&twice, &indices, &fields(seed)));
    }

    #[test]
    fn abstract_functions_have_their_own_derivatives(seed in any::<u64>(), x in -2.0_f64..2.0) {
        let (_, w) = inputs();
        let m = w.indices(&["m"]);
        let mut environment = floats(seed);
        environment.array_mut("w").unwrap().data_mut()[0] = x;
        let at = [(m[0].clone(), 0)];
        for order in 0..3 {
            let primes = |count: usize| {
                let callee = Callee { derivatives: vec![0; count], ..Callee::named("h") };
                Expr::call(callee, vec![Expr::access(&w, &m)])
            };
            let claimed = evaluate(&primes(order + 1), &at, &environment).unwrap();
            let found = evaluate(&primes(order).derivative(&w, &m), &at, &environment).unwrap();
            prop_assert!((claimed - found).abs() <= 1e-8 * (1.0 + claimed.abs()));
        }
    }
}
