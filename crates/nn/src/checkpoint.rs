//! Named tensors in a file, with text beside them. Must never know what the tensors mean.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde_json::{Map, Value, json};

use crate::Error;
use crate::error::Place;

/// The header's entry for text; no tensor can have this name.
const METADATA: &str = "__metadata__";

/// Named tensors of f32 and named texts, saved in the safetensors format.
///
/// The same content gives the same bytes. Other programs read the file, too: in Python,
/// `safetensors.safe_open(path, "np")`, the texts under `metadata()`.
///
/// ```
/// use backprove_nn::checkpoint::Checkpoint;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.safetensors");
/// let mut checkpoint = Checkpoint::default();
/// checkpoint.insert("W", &[2, 2], vec![1.0, 2.0, 3.0, 4.0])?;
/// checkpoint.set_text("program", "Y = X @ W.T");
/// checkpoint.save(&path)?;
///
/// let loaded = Checkpoint::load(&path)?;
/// let weight = loaded.tensor("W").ok_or("no W")?;
/// assert_eq!((weight.shape(), weight.values()), (&[2, 2][..], &[1.0, 2.0, 3.0, 4.0][..]));
/// assert_eq!(loaded.text("program"), Some("Y = X @ W.T"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checkpoint {
    tensors: BTreeMap<String, Tensor>,
    texts: BTreeMap<String, String>,
}

/// A shape, and numbers in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Tensor {
    /// The extents; none for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

impl Checkpoint {
    /// Adds a tensor, or replaces it. Fails where the shape does not fit the numbers, and for the one
    /// name that the format reserves.
    pub fn insert(&mut self, name: &str, shape: &[usize], values: Vec<f32>) -> Result<(), Error> {
        let count = shape
            .iter()
            .try_fold(1_usize, |n, &extent| n.checked_mul(extent));
        if count != Some(values.len()) || name == METADATA {
            return Err(Error::argument(format!(
                "tensor {name} of shape {shape:?} cannot hold {} numbers",
                values.len()
            )));
        }
        let shape = shape.to_vec();
        self.tensors
            .insert(name.to_owned(), Tensor { shape, values });
        Ok(())
    }

    /// Adds a text, or replaces it.
    pub fn set_text(&mut self, name: &str, text: impl Into<String>) {
        self.texts.insert(name.to_owned(), text.into());
    }

    /// A tensor by name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// A text by name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// All tensors, by name.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// All texts, by name.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.texts
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Writes the file whole, or leaves what was there; see [`files::write`](crate::files::write).
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        crate::files::write(path, &self.to_bytes())
    }

    /// The file's bytes: the header's length, the header as JSON, and the numbers.
    ///
    /// The header is written here because the library keeps texts in a hash map, whose order
    /// changes from run to run.
    fn to_bytes(&self) -> Vec<u8> {
        let mut header = Map::new();
        if !self.texts.is_empty() {
            header.insert(METADATA.to_owned(), json!(self.texts));
        }
        let mut end = 0;
        for (name, tensor) in &self.tensors {
            let start = end;
            end += size_of_val(tensor.values.as_slice());
            let entry =
                json!({"dtype": "F32", "shape": tensor.shape, "data_offsets": [start, end]});
            header.insert(name.clone(), entry);
        }
        let mut header = Value::Object(header).to_string();
        while !header.len().is_multiple_of(8) {
            header.push(' ');
        }
        let mut bytes = Vec::with_capacity(8 + header.len() + end);
        bytes.extend((header.len() as u64).to_le_bytes());
        bytes.extend(header.as_bytes());
        for tensor in self.tensors.values() {
            bytes.extend(tensor.values.iter().flat_map(|value| value.to_le_bytes()));
        }
        bytes
    }

    /// Reads a file. Fails where it is cut off or damaged, is no safetensors file, or holds numbers of
    /// another type than f32.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let meta =
            std::fs::metadata(path).map_err(|error| Error::io(path, "find the file", error))?;
        if !meta.is_file() {
            let found = if meta.is_dir() {
                "a folder"
            } else {
                "something else"
            };
            return Err(Error::content(
                path,
                Place::Whole,
                "a safetensors file",
                found,
            ));
        }
        let bytes = std::fs::read(path).map_err(|error| Error::io(path, "read the file", error))?;
        let content_error = |error| content_error(path, &bytes, &error);
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(content_error)?;
        let file = SafeTensors::deserialize(&bytes).map_err(content_error)?;
        let mut checkpoint = Self::default();
        for (name, text) in header.metadata().iter().flatten() {
            checkpoint.set_text(name, text);
        }
        for (name, view) in file.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(Error::content(
                    path,
                    Place::Whole,
                    format!("tensor {name} of type F32"),
                    view.dtype().to_string(),
                ));
            }
            let (numbers, _) = view.data().as_chunks();
            let values = numbers.iter().map(|&number| f32::from_le_bytes(number));
            checkpoint.insert(name, view.shape(), values.collect())?;
        }
        Ok(checkpoint)
    }
}

/// What the library found, at the place where it looked.
fn content_error(path: &Path, bytes: &[u8], error: &SafeTensorError) -> Error {
    let content =
        |place, expected: &str, found| Error::content(path, Place::Byte(place), expected, found);
    let announced = bytes
        .first_chunk()
        .map_or(0, |&length| u64::from_le_bytes(length));
    let rest = bytes.len().saturating_sub(8) as u64;
    match error {
        SafeTensorError::HeaderTooSmall => content(
            0,
            "a safetensors file, which begins with eight bytes of header length",
            format!("{} bytes", bytes.len()),
        ),
        SafeTensorError::HeaderTooLarge | SafeTensorError::InvalidHeaderLength => content(
            0,
            "a safetensors file, which begins with the length of its header",
            format!("a length of {announced} with {rest} bytes behind it"),
        ),
        SafeTensorError::MetadataIncompleteBuffer => content(
            announced.saturating_add(8),
            "as many bytes of tensors as the header announces",
            format!(
                "{} bytes; the file is cut off or has grown",
                rest.saturating_sub(announced)
            ),
        ),
        other => content(8, "a safetensors header", format!("“{other}”")),
    }
}
