//! Labelled data: reading, splitting, ordering and scaling. Must never know networks or training.
//!
//! [`load`] reads a path, whatever its format; [`digits`] needs no path.

mod cifar;
mod csv;
mod dataset;
mod digits;
mod idx;
mod quotes;
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
    /// The features' names, in order, as a trained network knows them: the columns of a table with a header are taken by
    /// these names, in whichever order they stand. Empty where they are not known.
    pub feature_names: Vec<String>,
    /// The most bytes that are read of one file, after decompression.
    pub max_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            label: None,
            header: None,
            class_names: None,
            feature_names: Vec::new(),
            max_bytes: 4 << 30,
        }
    }
}

/// Reads the data at `path`, a file or a folder.
///
/// Formats are told by content, then by name:
///
/// - MNIST's IDX files: the folder of the four standard files, or one file of images;
/// - CIFAR-10's binary batches: their folder, or one batch;
/// - tables with a label column: a file, a folder with `train.csv` and perhaps `test.csv`, or a
///   folder with a single table.
///
/// Each file may be gzipped. Whatever is wrong with a file is an error that names it, the place,
/// what was expected and what was found.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("flowers.csv");
/// std::fs::write(&path, "petal,species\n1.5,rose\n0.2,daisy\n")?;
/// let data = backprove_nn::data::load(&path, &Default::default())?.train;
/// assert_eq!(data.class_names(), ["daisy", "rose"]);
/// assert_eq!((data.row(0), data.labels()), (&[1.5][..], &[1, 0][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load(path: &Path, options: &Options) -> Result<TrainTest, Error> {
    match format_of(path, options)? {
        Format::Folder => load_folder(path, options),
        Format::Idx => idx::load_file(path, options),
        Format::Cifar => cifar::load_file(path, options),
        Format::Table => csv::load(path, None, options),
    }
}

/// Reads the features alone, row-major, of data with or without labels, for a network that takes
/// `feature_count` of them. Of a folder, the test part is read where there is one.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("unknown.csv");
/// std::fs::write(&path, "petal,leaf\n1.5,2.5\n")?;
/// let features = backprove_nn::data::load_features(&path, 2, &Default::default())?;
/// assert_eq!(features, [1.5, 2.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_features(
    path: &Path,
    feature_count: usize,
    options: &Options,
) -> Result<Vec<f32>, Error> {
    let (found, features) = match format_of(path, options)? {
        Format::Idx => idx::load_features(path, options)?,
        Format::Table => (
            feature_count,
            csv::load_features(path, feature_count, options)?,
        ),
        Format::Folder | Format::Cifar => {
            let data = load(path, options)?;
            let data = data.test.unwrap_or(data.train);
            (data.feature_count(), data.into_features())
        }
    };
    if found != feature_count {
        return Err(Error::content(
            path,
            Place::Whole,
            format!("samples of {feature_count} features"),
            format!("{found}"),
        ));
    }
    Ok(features)
}

/// What a path is read as.
enum Format {
    Folder,
    Idx,
    Cifar,
    Table,
}

fn format_of(path: &Path, options: &Options) -> Result<Format, Error> {
    let meta = std::fs::metadata(path).map_err(|error| Error::io(path, "find the data", error))?;
    if meta.is_dir() {
        return Ok(Format::Folder);
    }
    let head = HEAD.min(options.max_bytes);
    let head = source::Source::open(path, options.max_bytes)?.read_up_to(head)?;
    let name = plain_name(path);
    if idx::recognises(&head) {
        Ok(Format::Idx)
    } else if Path::new(&name).extension().is_some_and(|end| end == "bin") {
        Ok(Format::Cifar)
    } else if TABLES.iter().any(|end| name.ends_with(end)) || is_text(&head) {
        Ok(Format::Table)
    } else {
        Err(Error::content(
            path,
            Place::Byte(0),
            "an IDX file, a table, or a CIFAR-10 batch with a name that ends in .bin",
            "something else",
        ))
    }
}

/// How much of a file decides about its format.
const HEAD: u64 = 1024;

/// How the names of tables end.
const TABLES: [&str; 4] = [".csv", ".tsv", ".data", ".txt"];

/// A file's name in lower case, without the end that only says that it is gzipped.
fn plain_name(path: &Path) -> String {
    let name = name_of(path).to_lowercase();
    name.strip_suffix(".gz").map(str::to_owned).unwrap_or(name)
}

fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end within a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.chars().any(|c| c.is_control() && !c.is_whitespace())
}

fn load_folder(folder: &Path, options: &Options) -> Result<TrainTest, Error> {
    if idx::images_in(folder, "train").is_some() {
        return idx::load_folder(folder, options);
    }
    if let Some(batches) = cifar::folder_of_batches(folder) {
        return cifar::load_folder(&batches, options);
    }
    let entries = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| Error::io(folder, "list the folder", error))?;
    let stem_of_table = |path: &Path| {
        let name = plain_name(path);
        let end = TABLES[..2].iter().find(|end| name.ends_with(*end))?;
        Some(name[..name.len() - end.len()].to_owned())
    };
    let mut tables: Vec<_> = entries
        .iter()
        .map(std::fs::DirEntry::path)
        .filter_map(|path| Some((stem_of_table(&path)?, path)))
        .collect();
    tables.sort();
    let called = |wanted: &str| {
        let (_, path) = tables.iter().find(|(stem, _)| stem == wanted)?;
        Some(path.as_path())
    };
    match (called("train"), tables.as_slice()) {
        (Some(train), _) => csv::load(train, called("test"), options),
        (None, [(_, only)]) => csv::load(only, None, options),
        (None, tables) => Err(Error::content(
            folder,
            Place::Whole,
            "train-images-idx3-ubyte (MNIST), data_batch_1.bin (CIFAR-10), train.csv or a single table",
            match tables.len() {
                0 => "none of them".to_owned(),
                count => format!("{count} tables, none called train.csv"),
            },
        )),
    }
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
