//! CIFAR-10's binary batches. Must never trust a file's name for its content.
//!
//! A batch is a row of records without a header: one byte of label, then 1,024 bytes for each of
//! red, green and blue.

use std::path::{Path, PathBuf};

use super::source::Source;
use super::{About, Dataset, Options, TrainTest};
use crate::Error;
use crate::error::Place;

const SHAPE: [usize; 3] = [3, 32, 32];
const RECORD: usize = 1 + 3 * 32 * 32;
const CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

/// The folder of the batches: `folder`, or the one that the archive unpacks to inside it.
pub(super) fn folder_of_batches(folder: &Path) -> Option<PathBuf> {
    [folder.to_owned(), folder.join("cifar-10-batches-bin")]
        .into_iter()
        .find(|folder| batch_in(folder, "data_batch_1").is_some())
}

/// Reads the five training batches, and the test batch where it is there.
pub(super) fn load_folder(folder: &Path, options: &Options) -> Result<TrainTest, Error> {
    let mut train = Records::default();
    for number in 1..=5 {
        let name = format!("data_batch_{number}");
        let path = batch_in(folder, &name).ok_or_else(|| {
            let expected = "the batches data_batch_1.bin to data_batch_5.bin";
            Error::content(folder, Place::Whole, expected, format!("no {name}.bin"))
        })?;
        train.read(Source::open(&path, options.max_bytes)?)?;
    }
    let test = batch_in(folder, "test_batch")
        .map(|path| {
            let mut test = Records::default();
            test.read(Source::open(&path, options.max_bytes)?)?;
            test.into_dataset(folder, options)
        })
        .transpose()?;
    Ok(TrainTest {
        train: train.into_dataset(folder, options)?,
        test,
    })
}

/// Reads one batch.
pub(super) fn load_file(path: &Path, options: &Options) -> Result<TrainTest, Error> {
    let mut train = Records::default();
    train.read(Source::open(path, options.max_bytes)?)?;
    Ok(TrainTest {
        train: train.into_dataset(path, options)?,
        test: None,
    })
}

fn batch_in(folder: &Path, name: &str) -> Option<PathBuf> {
    [".bin", ".bin.gz"]
        .map(|end| folder.join(format!("{name}{end}")))
        .into_iter()
        .find(|path| path.is_file())
}

#[derive(Default)]
struct Records {
    features: Vec<f32>,
    labels: Vec<u32>,
}

impl Records {
    fn read(&mut self, mut source: Source) -> Result<(), Error> {
        loop {
            let start = source.offset();
            let record = source.read_up_to(RECORD as u64)?;
            let Some((&label, pixels)) = record.split_first() else {
                break;
            };
            if record.len() < RECORD {
                return Err(source.error_at(
                    start,
                    format!("a record of {RECORD} bytes, one label and 3×32×32 pixels"),
                    format!("{} up to the end of the file", record.len()),
                ));
            }
            if usize::from(label) >= CLASSES.len() {
                return Err(source.error_at(start, "a label from 0 to 9", label.to_string()));
            }
            self.labels.push(label.into());
            self.features
                .extend(pixels.iter().map(|&pixel| f32::from(pixel)));
        }
        if source.offset() == 0 {
            return Err(source.error_at(0, "at least one record", "an empty file"));
        }
        Ok(())
    }

    fn into_dataset(self, path: &Path, options: &Options) -> Result<Dataset, Error> {
        let names = options.class_names.as_deref();
        if let Some(names) = names
            && names.len() != CLASSES.len()
        {
            return Err(Error::content(
                path,
                Place::Whole,
                format!("data with {} classes", names.len()),
                "CIFAR-10's ten",
            ));
        }
        let about = About {
            name: "CIFAR-10".to_owned(),
            class_names: names.map_or_else(|| CLASSES.map(str::to_owned).to_vec(), <[_]>::to_vec),
            feature_shape: SHAPE.to_vec(),
            feature_names: Vec::new(),
            feature_range: Some((0.0, 255.0)),
            attribution: Some("CIFAR-10, A. Krizhevsky, 2009".to_owned()),
        };
        Dataset::new(self.features, self.labels, about)
    }
}
