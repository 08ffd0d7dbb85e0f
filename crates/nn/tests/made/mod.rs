//! Data that the tests make. Must never be random: every test sees the same numbers.

use backprove_nn::data::{About, Dataset};

/// Labelled samples of `columns` features.
pub fn dataset(features: Vec<f32>, labels: Vec<u32>, columns: usize, classes: usize) -> Dataset {
    let about = About {
        name: "made up".to_owned(),
        class_names: (0..classes).map(|class| class.to_string()).collect(),
        feature_shape: vec![columns],
        feature_names: Vec::new(),
        feature_range: None,
        attribution: None,
    };
    Dataset::new(features, labels, about).expect("the numbers fit each other")
}
