//! A formula means what its expression means: random expressions are composed, the formula is read
//! the way a person reads it (signs, products, fractions, powers, sums, parentheses), and both are
//! evaluated. A lost parenthesis or sign shows as another value.

use std::collections::HashMap;

use backprove_calculus::{Dim, Expr, Index, Node, Number, Tensor};
use backprove_typeset::compose::{Letters, index};
use backprove_typeset::formula::{BigOperator, Fence, Formula, Operator};
use backprove_typeset::unicode;
use proptest::prelude::*;

const EXTENT: usize = 2;
const NAMES: [&str; 3] = ["X", "Y", "Z"];

fn indices() -> [Index; 2] {
    ["i", "j"].map(|letter| Index::new(letter, Dim::Literal(EXTENT)))
}

/// The value of an element; distinct, and never zero.
fn element(name: &str, at: &[usize]) -> f64 {
    let position = NAMES.iter().position(|other| *other == name).unwrap_or(0);
    let offset = at.iter().fold(position, |sum, index| sum * EXTENT + index);
    1.25 + 0.375 * offset as f64
}

/// The value of an expression.
fn value(expr: &Expr, at: &mut HashMap<Index, usize>) -> f64 {
    match expr.node() {
        Node::Number(number) => number.to_f64(),
        Node::Access(tensor, indices) => {
            let at: Vec<usize> = indices.iter().map(|index| at[index]).collect();
            element(tensor.name(), &at)
        }
        Node::Delta(left, right) => f64::from(u8::from(at[left] == at[right])),
        Node::Sum(indices, body) => total(indices, body, at),
        Node::Product(parts) => parts.iter().map(|part| value(part, at)).product(),
        Node::Add(parts) => parts.iter().map(|part| value(part, at)).sum(),
        Node::Power(base, exponent) => value(base, at).powf(value(exponent, at)),
        Node::Call(callee, parts) => {
            let argument = value(&parts[0], at);
            match callee.name() {
                "exp" => argument.exp(),
                "tanh" => argument.tanh(),
                other => panic!("unexpected function {other}"),
            }
        }
        other => panic!("unexpected node {other:?}"),
    }
}

fn total(indices: &[Index], body: &Expr, at: &mut HashMap<Index, usize>) -> f64 {
    let Some((first, rest)) = indices.split_first() else {
        return value(body, at);
    };
    let mut sum = 0.0;
    for position in 0..EXTENT {
        at.insert(first.clone(), position);
        sum += total(rest, body, at);
    }
    sum
}

/// A reader of formulas: the letters in scope with their values.
struct Reader {
    letters: HashMap<String, usize>,
}

impl Reader {
    fn letter(&self, formula: &Formula) -> usize {
        self.letters[&unicode::formula(formula)]
    }

    fn read(&mut self, formula: &Formula) -> f64 {
        match formula {
            Formula::Row(items) => self.sum(items),
            other => self.one(other),
        }
    }

    /// Terms with their signs. A sum sign takes in the product to its right, no more.
    fn sum(&mut self, items: &[Formula]) -> f64 {
        let mut total = 0.0;
        let mut sign = 1.0;
        let mut term: Vec<Formula> = Vec::new();
        for item in items {
            let next = match item {
                Formula::Operator(Operator::Plus) => Some(1.0),
                Formula::Operator(Operator::Minus | Operator::Negative) => Some(-1.0),
                _ => None,
            };
            if let Some(next) = next {
                if !term.is_empty() {
                    total += sign * self.product(&term);
                    term.clear();
                }
                sign = next;
            } else {
                term.push(item.clone());
            }
        }
        total + sign * self.product(&term)
    }

    fn product(&mut self, items: &[Formula]) -> f64 {
        let mut total = 1.0;
        let mut position = 0;
        while position < items.len() {
            match &items[position] {
                Formula::Operator(Operator::Juxtaposition | Operator::Dot) => position += 1,
                Formula::Under { .. } => {
                    assert_eq!(position + 1, items.len(), "a sum takes in what follows it");
                    total *= self.one(&items[position]);
                    position += 1;
                }
                head if items.get(position + 1)
                    == Some(&Formula::Operator(Operator::Application)) =>
                {
                    let argument = self.one(&items[position + 2]);
                    total *= self.apply(head, argument);
                    position += 3;
                }
                other => {
                    total *= self.one(other);
                    position += 1;
                }
            }
        }
        total
    }

    fn apply(&mut self, head: &Formula, argument: f64) -> f64 {
        match head {
            Formula::Superscript { base, above } => {
                self.apply(base, argument).powf(self.read(above))
            }
            other => match unicode::formula(other).as_str() {
                "exp" => argument.exp(),
                "tanh" => argument.tanh(),
                name => panic!("unexpected function {name}"),
            },
        }
    }

    fn one(&mut self, formula: &Formula) -> f64 {
        match formula {
            Formula::Number(digits) => digits.parse().expect("a number"),
            Formula::Identifier { text, .. } if text == "e" => std::f64::consts::E,
            Formula::Identifier { text, .. } => element(text, &[]),
            Formula::Subscript { base, below } => {
                let Formula::Indices(indices) = &**below else {
                    panic!("unexpected subscript {below:?}");
                };
                let at: Vec<usize> = indices.iter().map(|index| self.letter(index)).collect();
                match unicode::formula(base).as_str() {
                    "δ" => f64::from(u8::from(at[0] == at[1])),
                    name => element(name, &at),
                }
            }
            Formula::SubSup { base, below, above } => {
                let inner = (**base).clone().subscript((**below).clone());
                self.one(&inner).powf(self.read(above))
            }
            Formula::Superscript { base, above } => self.one(base).powf(self.read(above)),
            Formula::Fraction {
                numerator,
                denominator,
            } => self.read(numerator) / self.read(denominator),
            Formula::Root { radicand, .. } => self.read(radicand).sqrt(),
            Formula::Fenced {
                fence: Fence::Parentheses,
                body,
            } => self.read(body),
            Formula::Under {
                operator: BigOperator::Sum,
                lower,
                body,
                ..
            } => {
                let Formula::Indices(indices) = &**lower else {
                    panic!("unexpected limit {lower:?}");
                };
                self.over(indices, body)
            }
            other => panic!("unexpected formula {other:?}"),
        }
    }

    fn over(&mut self, indices: &[Formula], body: &Formula) -> f64 {
        let Some((first, rest)) = indices.split_first() else {
            if let Formula::Row(items) = body {
                let class = |o: &Operator| matches!(o, Operator::Plus | Operator::Minus);
                let open = items
                    .iter()
                    .any(|item| matches!(item, Formula::Operator(o) if class(o)));
                assert!(!open, "the body of a sum is a product");
            }
            return self.read(body);
        };
        let name = unicode::formula(first);
        assert!(!self.letters.contains_key(&name), "{name} is bound twice");
        let mut total = 0.0;
        for position in 0..EXTENT {
            self.letters.insert(name.clone(), position);
            total += self.over(rest, body);
        }
        self.letters.remove(&name);
        total
    }
}

/// Random expressions over the free indices `i` and `j`.
fn expressions([i, j]: [Index; 2]) -> impl Strategy<Value = Expr> {
    let access = move |name: &'static str, at: Vec<Index>| {
        let dims = vec![Dim::Literal(EXTENT); at.len()];
        Expr::access(&Tensor::new(name, dims), &at)
    };
    let (di, dj) = (i.clone(), j.clone());
    let leaf = prop_oneof![
        (-3_i64..4).prop_map(Expr::integer),
        (1_i64..5, 2_i64..20).prop_map(|(n, d)| Expr::number(Number::ratio(n, d))),
        prop::sample::select(&NAMES[..]).prop_map(move |name| access(name, vec![])),
        prop::sample::select(&NAMES[..])
            .prop_map(move |name| access(name, vec![i.clone(), j.clone()])),
        Just(Expr::delta(&di, &dj)),
    ];
    let bound = dj;
    leaf.prop_recursive(4, 24, 3, move |inner| {
        let several = || prop::collection::vec(inner.clone(), 2..4);
        let bound = bound.clone();
        prop_oneof![
            3 => several().prop_map(Expr::product),
            3 => several().prop_map(Expr::addition),
            2 => inner.clone().prop_map(|expr| expr.negate()),
            1 => inner.clone().prop_map(|expr| expr.reciprocal()),
            1 => (inner.clone(), prop::sample::select(&[2, 3, -2][..]))
                .prop_map(|(expr, power)| expr.power(Expr::integer(power))),
            1 => inner.clone().prop_map(|expr| {
                // Roots of squares, so that both sides are defined.
                let square = Expr::product([expr.clone(), expr]);
                square.power(Expr::number(Number::ratio(-1, 2)))
            }),
            1 => (inner.clone(), prop::sample::select(&["exp", "tanh"][..]))
                .prop_map(|(expr, name)| Expr::apply(name, vec![expr])),
            2 => inner.prop_map(move |expr| {
                let fresh = bound.fresh();
                let map = HashMap::from([(bound.clone(), fresh.clone())]);
                Expr::sum(&[fresh], expr.freshen().substitute(&map))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_formula_means_what_its_expression_means(
        (free, expr) in Just(indices()).prop_flat_map(|free| {
            (Just(free.clone()), expressions(free))
        }),
    ) {
        let mut letters = Letters::default();
        letters.reserve(&free);
        let formula = index::expression(&expr, &mut letters);
        for (a, b) in [(0, 1), (1, 1)] {
            let [i, j] = free.clone();
            let expected = value(&expr, &mut HashMap::from([(i, a), (j, b)]));
            let in_scope = HashMap::from([("i".to_owned(), a), ("j".to_owned(), b)]);
            let read = Reader { letters: in_scope }.read(&formula);
            let close = (read - expected).abs() <= 1e-9 * expected.abs().max(1.0);
            let undefined = !expected.is_finite() || expected.abs() > 1e12;
            prop_assert!(
                close || undefined,
                "{expr:?}\nprinted {}\nread {read}, expected {expected}",
                unicode::formula(&formula),
            );
        }
    }
}
