//! The data set that is embedded in the program. Must never differ from its source, which
//! `data/ATTRIBUTION.md` names.

use super::source::Source;
use super::{About, Dataset, idx};
use crate::Error;

/// The licence line that a report prints.
const ATTRIBUTION: &str = "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, \
    UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0";

/// The UCI optical digits: 1,797 pictures of handwritten digits, 8×8 pixels with values 0 to 16.
///
/// It is the test part of *Optical Recognition of Handwritten Digits* by E. Alpaydin and C. Kaynak
/// (UCI Machine Learning Repository, 1998, doi 10.24432/C50P49, CC BY 4.0), the same that
/// scikit-learn ships.
pub fn digits() -> Result<Dataset, Error> {
    let images = Source::embedded(
        "digits-images-idx3-ubyte.gz",
        include_bytes!("../../data/digits-images-idx3-ubyte.gz"),
    )?;
    let labels = Source::embedded(
        "digits-labels-idx1-ubyte.gz",
        include_bytes!("../../data/digits-labels-idx1-ubyte.gz"),
    )?;
    idx::read(images, labels)?.into_dataset(About {
        name: "UCI optical digits".to_owned(),
        class_names: (0..10).map(|digit| digit.to_string()).collect(),
        feature_shape: vec![8, 8],
        feature_names: Vec::new(),
        feature_range: Some((0.0, 16.0)),
        attribution: Some(ATTRIBUTION.to_owned()),
    })
}
