//! IDX files, the format of MNIST and Fashion-MNIST, plain or gzipped. Must never trust a header's
//! counts.
//!
//! A file opens with two zero bytes, a type (8: unsigned bytes), the number of dimensions, and one
//! 32-bit big-endian extent for each; the numbers follow.

use std::path::{Path, PathBuf};

use super::source::Source;
use super::{About, Dataset, Options, TrainTest, class_count, names_or_numbers};
use crate::Error;
use crate::error::Place;

/// The type of unsigned bytes, the only one that these data sets use.
const UNSIGNED_BYTES: u8 = 8;

const FASHION: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Images and labels, still bytes.
pub(super) struct Part {
    shape: Vec<usize>,
    images: Vec<u8>,
    labels: Vec<u8>,
    label_path: PathBuf,
}

/// Whether a file that begins with `head` is an IDX file.
pub(super) fn recognises(head: &[u8]) -> bool {
    head.len() >= 4 && head[..3] == [0, 0, UNSIGNED_BYTES] && (1..=4).contains(&head[3])
}

/// The images of `part` (`train` or `t10k`) in a folder, where they are there.
pub(super) fn images_in(folder: &Path, part: &str) -> Option<PathBuf> {
    ["-images-idx3-ubyte", "-images.idx3-ubyte"]
        .iter()
        .flat_map(|name| ["", ".gz"].map(|end| folder.join(format!("{part}{name}{end}"))))
        .find(|path| path.is_file())
}

/// Reads the four standard files of a folder, or two of them where the folder has no test part.
pub(super) fn load_folder(folder: &Path, options: &Options) -> Result<TrainTest, Error> {
    let Some(train) = images_in(folder, "train") else {
        return Err(Error::content(
            folder,
            Place::Whole,
            "a file train-images-idx3-ubyte or train-images-idx3-ubyte.gz",
            "none",
        ));
    };
    let train = read_part(&train, options)?;
    let test = images_in(folder, "t10k")
        .map(|path| read_part(&path, options))
        .transpose()?;
    let about = about(folder, &train, options)?;
    if let Some(test) = &test
        && test.shape != train.shape
    {
        return Err(Error::content(
            folder,
            Place::Whole,
            format!("test images of shape {:?} as in training", train.shape),
            format!("shape {:?}", test.shape),
        ));
    }
    Ok(TrainTest {
        train: train.into_dataset(about.clone())?,
        test: test.map(|test| test.into_dataset(about)).transpose()?,
    })
}

/// Reads a file of images, and the file of labels beside it.
pub(super) fn load_file(images: &Path, options: &Options) -> Result<TrainTest, Error> {
    let part = read_part(images, options)?;
    let about = about(images, &part, options)?;
    Ok(TrainTest {
        train: part.into_dataset(about)?,
        test: None,
    })
}

/// Reads the images alone.
pub(super) fn load_features(images: &Path, options: &Options) -> Result<(usize, Vec<f32>), Error> {
    let mut source = Source::open(images, options.max_bytes)?;
    let extents = read_header(&mut source, 2..=4, "a file of images")?;
    let pixels = read_body(&mut source, &extents, "pixels")?;
    let feature_count = pixels.len() / extents[0] as usize;
    Ok((feature_count, pixels.into_iter().map(f32::from).collect()))
}

fn read_part(images: &Path, options: &Options) -> Result<Part, Error> {
    let labels = labels_beside(images)?;
    read(
        Source::open(images, options.max_bytes)?,
        Source::open(&labels, options.max_bytes)?,
    )
}

/// Reads both files of one part.
pub(super) fn read(mut images: Source, mut labels: Source) -> Result<Part, Error> {
    let image_extents = read_header(&mut images, 2..=4, "a file of images")?;
    let label_extents = read_header(&mut labels, 1..=1, "a file of labels")?;
    if image_extents[0] != label_extents[0] {
        return Err(labels.error_at(
            4,
            format!(
                "{} labels, one for each image of {}",
                image_extents[0],
                images.path().display()
            ),
            format!("{}", label_extents[0]),
        ));
    }
    Ok(Part {
        images: read_body(&mut images, &image_extents, "pixels")?,
        labels: read_body(&mut labels, &label_extents, "labels")?,
        shape: image_extents[1..].iter().map(|&n| n as usize).collect(),
        label_path: labels.path().to_owned(),
    })
}

fn read_header(
    source: &mut Source,
    dimensions: std::ops::RangeInclusive<u8>,
    what: &str,
) -> Result<Vec<u32>, Error> {
    let magic = source.read_exactly(4, "header")?;
    if magic[..2] != [0, 0] {
        return Err(source.error_at(
            0,
            "two zero bytes, with which IDX files begin",
            format!("{:#04x} {:#04x}", magic[0], magic[1]),
        ));
    }
    if magic[2] != UNSIGNED_BYTES {
        return Err(source.error_at(
            2,
            "type 0x08 (unsigned bytes)",
            format!("type {:#04x}", magic[2]),
        ));
    }
    if !dimensions.contains(&magic[3]) {
        let (low, high) = (dimensions.start(), dimensions.end());
        let expected = if low == high {
            format!("{what} with {low} dimension")
        } else {
            format!("{what} with {low} to {high} dimensions")
        };
        return Err(source.error_at(3, expected, format!("{}", magic[3])));
    }
    let mut extents = Vec::new();
    for _ in 0..magic[3] {
        let start = source.offset();
        let bytes = source.read_exactly(4, "header")?;
        let extent = bytes.iter().fold(0, |n, &byte| n << 8 | u32::from(byte));
        if extent == 0 {
            return Err(source.error_at(start, "an extent of at least 1", "0"));
        }
        extents.push(extent);
    }
    Ok(extents)
}

fn read_body(source: &mut Source, extents: &[u32], what: &str) -> Result<Vec<u8>, Error> {
    // Up to four 32-bit extents can exceed 64 bits; no file is that long either way.
    let count = extents
        .iter()
        .fold(1_u64, |count, &extent| count.saturating_mul(extent.into()));
    let bytes = source.read_exactly(count, what)?;
    source.expect_end()?;
    Ok(bytes)
}

/// The file of labels that belongs to a file of images, by the names' convention.
fn labels_beside(images: &Path) -> Result<PathBuf, Error> {
    let name = images
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    if !name.contains("images") {
        let found = if name.contains("labels") {
            "the name of a file of labels"
        } else {
            "another name"
        };
        return Err(Error::content(
            images,
            Place::Whole,
            "a file of images with “images” in its name, and a file with “labels” instead beside it",
            found,
        ));
    }
    let name = name
        .replace("images", "labels")
        .replace("idx3", "idx1")
        .replace("idx4", "idx1");
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    let candidates = [plain.to_owned(), format!("{plain}.gz")];
    candidates
        .iter()
        .map(|name| images.with_file_name(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Error::content(
                images,
                Place::Whole,
                format!("its labels beside it, in {plain} or {plain}.gz"),
                "neither",
            )
        })
}

fn about(path: &Path, train: &Part, options: &Options) -> Result<About, Error> {
    let largest = train.labels.iter().max().map_or(0, |&label| label.into());
    let count = class_count(path, largest, options)?;
    let path_text = path.to_string_lossy().to_lowercase();
    let fashion = path_text.contains("fashion") && count == FASHION.len();
    Ok(About {
        name: if fashion {
            "Fashion-MNIST".to_owned()
        } else {
            super::name_of(path)
        },
        class_names: if fashion && options.class_names.is_none() {
            FASHION.map(str::to_owned).to_vec()
        } else {
            names_or_numbers(count, options)
        },
        feature_shape: train.shape.clone(),
        feature_names: Vec::new(),
        feature_range: Some((0.0, 255.0)),
        attribution: fashion
            .then(|| "Fashion-MNIST, Zalando SE, MIT licence, arXiv:1708.07747".to_owned()),
    })
}

impl Part {
    /// Checks the labels against the classes and makes numbers of the bytes.
    pub(super) fn into_dataset(self, about: About) -> Result<Dataset, Error> {
        let classes = about.class_names.len();
        if let Some(sample) = self.labels.iter().position(|&l| l as usize >= classes) {
            return Err(Error::content(
                &self.label_path,
                // The labels follow a header of eight bytes.
                Place::Byte(8 + sample as u64),
                format!("a label from 0 to {}", classes - 1),
                format!("{}", self.labels[sample]),
            ));
        }
        Dataset::new(
            self.images.iter().map(|&pixel| pixel.into()).collect(),
            self.labels.iter().map(|&label| label.into()).collect(),
            about,
        )
    }
}
