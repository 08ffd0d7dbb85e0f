//! The embedded data set, splitting, ordering, scaling and gathering.

use std::collections::BTreeSet;

use backprove_nn::data::{About, BatchOrder, Dataset, Scaler, digits, stratified_split};

fn small(features: Vec<f32>, columns: usize, labels: Vec<u32>) -> Dataset {
    let about = About {
        name: "small".to_owned(),
        class_names: vec!["no".to_owned(), "yes".to_owned()],
        feature_shape: vec![columns],
        ..About::default()
    };
    Dataset::new(features, labels, about).expect("the parts fit")
}

/// FNV-1a over the values in order, a checksum that needs no library.
fn checksum(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0xcbf2_9ce4_8422_2325, |hash, value| {
        (hash ^ value).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Of scikit-learn's table: all pixels row by row, then all labels.
const CHECKSUM: u64 = 0x9975_5255_092d_82a1;

#[test]
fn digits_are_the_published_ones() {
    let data = digits().expect("embedded data are sound");
    assert_eq!(data.len(), 1797);
    assert_eq!(data.feature_shape(), [8, 8]);
    // The numbers per class that UCI's description of the test part states.
    assert_eq!(
        data.class_sizes(),
        [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    );
    let pixels = || data.features().iter().map(|&x| x as u64);
    assert!(data.features().iter().all(|&x| x.fract() == 0.0));
    assert_eq!(pixels().max(), Some(16));
    assert_eq!(pixels().sum::<u64>(), 561_718);
    let labels = data.labels().iter().map(|&label| u64::from(label));
    assert_eq!(checksum(pixels().chain(labels)), CHECKSUM);
    assert!(data.about().attribution.as_deref().is_some_and(|line| {
        line.contains("Alpaydin") && line.contains("10.24432/C50P49") && line.contains("CC BY 4.0")
    }));
}

#[test]
fn a_split_is_stratified_disjoint_and_complete() {
    let data = digits().expect("embedded data are sound");
    let split = stratified_split(&data, 0.2, 7).expect("a fifth of each class");
    for ((train, held_out), all) in split
        .train
        .class_sizes()
        .into_iter()
        .zip(split.held_out.class_sizes())
        .zip(data.class_sizes())
    {
        assert_eq!(train + held_out, all);
        assert!((held_out as f64 - 0.2 * all as f64).abs() < 1.0);
    }
    assert_eq!(split.held_out.len(), 359);
    let again = stratified_split(&data, 0.2, 7).expect("the same");
    assert_eq!(split, again);
    let other = stratified_split(&data, 0.2, 8).expect("another");
    assert_ne!(split, other);
}

#[test]
fn a_split_holds_each_sample_once() {
    let data = small((0..20).map(|x| x as f32).collect(), 1, [0, 1].repeat(10));
    let split = stratified_split(&data, 0.3, 1).expect("three of ten each");
    assert_eq!(split.held_out.class_sizes(), [3, 3]);
    let seen: BTreeSet<u32> = split
        .train
        .features()
        .iter()
        .chain(split.held_out.features())
        .map(|&x| x as u32)
        .collect();
    assert_eq!(seen.len(), 20);
}

#[test]
fn a_class_keeps_a_sample_to_learn_from() {
    let data = small(vec![0.0; 11], 1, [vec![0; 10], vec![1]].concat());
    let split = stratified_split(&data, 0.9, 1).expect("most of it");
    assert_eq!(split.train.class_sizes(), [1, 1]);
}

#[test]
fn a_split_of_nothing_or_everything_is_refused() {
    let data = small(vec![0.0; 4], 1, vec![0, 0, 1, 1]);
    for fraction in [0.0, 1.0, -0.5, f64::NAN, 1e-9] {
        assert!(stratified_split(&data, fraction, 1).is_err(), "{fraction}");
    }
}

#[test]
fn the_order_of_an_epoch_depends_on_seed_and_epoch_alone() {
    let order_of = |seed, epochs: &[u32]| {
        let mut order = BatchOrder::new(8, 3, seed).expect("batches");
        for &epoch in epochs {
            order.shuffle(epoch);
        }
        order.batches().flatten().copied().collect::<Vec<_>>()
    };
    assert_eq!(order_of(1, &[5]), order_of(1, &[0, 1, 5]));
    assert_ne!(order_of(1, &[5]), order_of(1, &[6]));
    assert_ne!(order_of(1, &[5]), order_of(2, &[5]));
    // Written down so that no platform and no upgrade changes published results unnoticed.
    assert_eq!(order_of(42, &[0]), [0, 1, 7, 3, 2, 6, 4, 5]);
    let mut sorted = order_of(3, &[4]);
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert!(BatchOrder::new(0, 3, 1).is_err());
    assert!(BatchOrder::new(3, 0, 1).is_err());
}

#[test]
fn standard_scaling_uses_the_training_part_alone() {
    let mut train = small(vec![1.0, 5.0, 3.0, 5.0], 2, vec![0, 1]);
    let mut other = small(vec![5.0, 6.0], 2, vec![0]);
    let scaler = Scaler::fitting(&train);
    scaler.apply(&mut train).expect("two features");
    scaler.apply(&mut other).expect("two features");
    // The second feature is constant in training: it says nothing and becomes 0 everywhere.
    assert_eq!(train.features(), [-1.0, 0.0, 1.0, 0.0]);
    assert_eq!(other.features(), [3.0, 0.0]);
    let again = Scaler::from_parts(scaler.shift().to_vec(), scaler.factor().to_vec());
    assert_eq!(again.expect("equal lengths"), scaler);
    assert!(Scaler::from_parts(vec![0.0], vec![]).is_err());
    assert!(scaler.apply(&mut small(vec![1.0], 1, vec![0])).is_err());
    let mut rows = [5.0, 6.0, 1.0, 5.0];
    scaler.apply_to_rows(&mut rows).expect("two rows");
    assert_eq!(rows.as_slice(), [3.0, 0.0, -1.0, 0.0]);
    assert!(scaler.apply_to_rows(&mut rows[..3]).is_err());
}

#[test]
fn scaled_features_no_longer_claim_a_range() {
    let mut data = digits().expect("embedded data are sound");
    let scaler = Scaler::fitting(&data);
    scaler.apply(&mut data).expect("fits");
    assert_eq!(data.about().feature_range, None);
    assert!(data.features().iter().all(|x| (0.0..=1.0).contains(x)));
    assert!(data.features().contains(&1.0));
}

#[test]
fn gathering_fills_buffers_or_refuses() {
    let data = small(vec![1.0, 2.0, 3.0, 4.0], 2, vec![0, 1]);
    let (mut features, mut labels) = ([0.0; 4], [9; 2]);
    data.gather(&[1, 0], &mut features, &mut labels)
        .expect("both exist");
    assert_eq!((features, labels), ([3.0, 4.0, 1.0, 2.0], [1, 0]));
    for (sample, buffer, wanted) in [
        ([0, 2], 4, "small has 2 samples, but sample 2 was asked for"),
        (
            [0, 1],
            3,
            "2 samples of 2 features do not fit buffers for 2 labels and 3 numbers",
        ),
    ] {
        let error = data
            .gather(&sample, &mut vec![0.0; buffer], &mut labels)
            .expect_err("does not fit");
        assert_eq!(error.to_string(), wanted);
    }
}

#[test]
fn parts_that_do_not_fit_make_no_data_set() {
    let about = |shape: &[usize]| About {
        name: "bad".to_owned(),
        class_names: vec!["only".to_owned()],
        feature_shape: shape.to_vec(),
        ..About::default()
    };
    for (features, labels, shape, wanted) in [
        (vec![1.0], vec![], vec![1], "bad: no samples"),
        (vec![], vec![0], vec![0], "bad: [0] is no shape of a sample"),
        (
            vec![1.0],
            vec![0],
            vec![2],
            "bad: 1 labels with 2 features each do not fit 1 numbers",
        ),
        (
            vec![1.0],
            vec![1],
            vec![1],
            "bad: sample 0 has label 1, but there are 1 classes",
        ),
        (
            vec![1.0],
            vec![0],
            vec![usize::MAX, 2],
            "bad: [18446744073709551615, 2] is no shape of a sample",
        ),
    ] {
        let error = Dataset::new(features, labels, about(&shape)).expect_err("does not fit");
        assert_eq!(error.to_string(), wanted);
    }
}
