//! Labelled data: reading, splitting, ordering and scaling. Must never know networks or training.
//!
//! [`load`] reads a path, whatever its format; [`digits`] needs no path.

mod dataset;
mod digits;
mod idx;
mod scale;
mod source;
mod split;

use std::path::Path;

pub use dataset::{About, Dataset};
pub use digits::digits;
pub use scale::Scaler;
pub use split::{BatchOrder, Split, stratified_split};

use crate::Error;
use crate::error::Place;

/// What a path holds.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainTest {
    /// The samples to learn from; all samples, where the format has only one part.
    pub train: Dataset,
    /// The format's own test part.
    pub test: Option<Dataset>,
}

/// How to read a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The label's column in a table: its name, or its number counted from one. Without it, the
    /// column called `label`, `class` or `target`, and otherwise the last.
    pub label: Option<String>,
    /// Whether a table's first line names the columns. Without it, it does where a field that should
    /// be a feature is no number.
    pub header: Option<bool>,
    /// The classes, in order, as a trained network knows them. Without it, those that occur.
    pub class_names: Option<Vec<String>>,
    /// The most bytes that are read of one file, after decompression.
    pub max_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            label: None,
            header: None,
            class_names: None,
            max_bytes: 4 << 30,
        }
    }
}

/// Reads the data at `path`, a file or a folder.
///
/// Formats are told by content: MNIST's IDX files (the folder of the four standard files, or one
/// file of images), plain or gzipped.
/// Whatever is wrong with a file is an error that names it, the place, what was expected and what
/// was found.
pub fn load(path: &Path, options: &Options) -> Result<TrainTest, Error> {
    let meta = std::fs::metadata(path).map_err(|error| Error::io(path, "find the data", error))?;
    if meta.is_dir() {
        return idx::load_folder(path, options);
    }
    let head = source::Source::open(path, options.max_bytes)?.read_up_to(4)?;
    if idx::recognises(&head) {
        return idx::load_file(path, options);
    }
    Err(Error::content(
        path,
        Place::Byte(0),
        "the beginning of an IDX file",
        "something else",
    ))
}

/// The number of classes: those that were asked for, or one more than the largest label.
fn class_count(path: &Path, largest: u32, options: &Options) -> Result<usize, Error> {
    let needed = largest as usize + 1;
    match &options.class_names {
        None => Ok(needed),
        Some(names) if names.len() >= needed => Ok(names.len()),
        Some(names) => Err(Error::content(
            path,
            Place::Whole,
            format!("labels below {}, the number of classes", names.len()),
            format!("label {largest}"),
        )),
    }
}

/// The names that were asked for, or the labels as numbers.
fn names_or_numbers(count: usize, options: &Options) -> Vec<String> {
    options
        .class_names
        .clone()
        .unwrap_or_else(|| (0..count).map(|class| class.to_string()).collect())
}

/// A data set's name: the last component of its path.
fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
