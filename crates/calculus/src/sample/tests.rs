//! Samples keep what the facts promise.

use proptest::prelude::*;

use super::*;

const SIZE: usize = 4;

fn matrix(facts: Vec<Fact>) -> Tensor {
    let n = Dim::symbol("N");
    Tensor::with_facts("A", vec![n.clone(), n], facts)
}

fn sizes() -> Sizes {
    Sizes::new([("N", SIZE)])
}

fn sampled(facts: Vec<Fact>, seed: u64) -> Array<f64> {
    floats(&matrix(facts), &sizes(), seed, Region::Signed).unwrap()
}

fn element(array: &Array<f64>, i: usize, j: usize) -> f64 {
    array.get(&[i, j]).unwrap()
}

proptest! {
    #[test]
    fn facts_hold(seed in any::<u64>()) {
        let symmetric = sampled(vec![Fact::Symmetric], seed);
        let definite = sampled(vec![Fact::PositiveDefinite], seed);
        let orthogonal = sampled(vec![Fact::Orthogonal], seed);
        let lower = sampled(vec![Fact::Lower, Fact::Positive], seed);
        let diagonal = sampled(vec![Fact::Diagonal], seed);
        let probability = sampled(vec![Fact::Probability], seed);
        let hot = sampled(vec![Fact::OneHot], seed);
        for i in 0..SIZE {
            for j in 0..SIZE {
                let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
                prop_assert!(close(element(&symmetric, i, j), element(&symmetric, j, i)));
                prop_assert!(close(element(&definite, i, j), element(&definite, j, i)));
                let product: f64 = (0..SIZE).map(|k| element(&orthogonal, i, k) * element(&orthogonal, j, k)).sum();
                prop_assert!(close(product, f64::from(u8::from(i == j))));
                prop_assert_eq!(element(&lower, i, j) > 0.0, i >= j);
                prop_assert!(i == j || element(&diagonal, i, j) == 0.0);
                prop_assert!(element(&probability, i, j) > 0.0);
            }
            let row = |array: &Array<f64>| (0..SIZE).map(|j| element(array, i, j)).sum::<f64>();
            prop_assert!((row(&probability) - 1.0).abs() < 1e-12);
            prop_assert!((row(&hot) - 1.0).abs() < 1e-12);
            prop_assert!(element(&definite, i, i) > 0.0);
        }
        for value in sampled(vec![Fact::Unit], seed).data() {
            prop_assert!((0.0..1.0).contains(value));
        }
        for value in sampled(vec![Fact::Signs], seed).data() {
            prop_assert!([-1.0, 1.0].contains(value));
        }
        for value in sampled(vec![Fact::Labels(Dim::Literal(3))], seed).data() {
            prop_assert!(value.fract() == 0.0 && (0.0..3.0).contains(value));
        }
    }

    #[test]
    fn rational_facts_hold_in_the_field(seed in any::<u64>()) {
        let sampled = |facts| fields(&matrix(facts), &sizes(), seed, Region::Signed);
        let symmetric = sampled(vec![Fact::Symmetric]).unwrap();
        let probability = sampled(vec![Fact::Probability]).unwrap();
        for i in 0..SIZE {
            for j in 0..SIZE {
                prop_assert_eq!(symmetric.get(&[i, j]), symmetric.get(&[j, i]));
            }
            let row = (0..SIZE).fold(Field::ZERO, |sum, j| sum.plus(probability.get(&[i, j]).unwrap()));
            prop_assert_eq!(row, Field::ONE);
        }
        prop_assert!(sampled(vec![Fact::Orthogonal]).is_none());
    }
}

#[test]
fn the_same_seed_gives_the_same_values() {
    assert_eq!(sampled(vec![], 7), sampled(vec![], 7));
    assert_ne!(sampled(vec![], 7), sampled(vec![], 8));
}

#[test]
fn sizes_differ_within_and_between_sets() {
    let dims = ["A", "B", "C", "D", "E", "F", "G", "H"].map(Dim::symbol);
    let literal = Tensor::new("K", vec![Dim::Literal(3), Dim::Literal(6)]);
    let program = Program {
        inputs: vec![Tensor::new("X", dims.to_vec()), literal],
        ..Program::default()
    };
    let sets = size_sets(&program);
    for sizes in &sets {
        let values: BTreeSet<usize> = sizes.iter().map(|(_, value)| value).collect();
        assert_eq!(values.len(), dims.len(), "{sizes}");
        assert!(!values.contains(&3) && !values.contains(&6), "{sizes}");
    }
    let differ = |dim: &Dim| sets[0].get(dim) != sets[1].get(dim);
    assert!(dims.iter().all(differ), "{sets:?}");
}
