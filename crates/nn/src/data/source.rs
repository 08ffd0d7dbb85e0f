//! The bytes of one file, decompressed where it is gzipped. Must never give memory to a size that
//! was only claimed: what is read is bounded by the file's length and by the caller's limit.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::Error;
use crate::error::Place;

/// The first two bytes of every gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Deflate cannot make more than this many bytes of one.
const LARGEST_RATIO: u64 = 1032;

/// A file that is being read, from its first byte to its last.
pub(super) struct Source {
    path: PathBuf,
    reader: Box<dyn Read>,
    /// Uncompressed bytes read so far.
    offset: u64,
    /// More uncompressed bytes than this the file cannot hold.
    most: u64,
    /// More uncompressed bytes than this are refused.
    limit: u64,
}

impl Source {
    /// Opens a regular file; `limit` bounds the uncompressed bytes.
    pub(super) fn open(path: &Path, limit: u64) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| Error::io(path, "open the file", error))?;
        let meta = file
            .metadata()
            .map_err(|error| Error::io(path, "read the file's length", error))?;
        if !meta.is_file() {
            return Err(Error::content(
                path,
                Place::Whole,
                "a regular file",
                if meta.is_dir() {
                    "a folder"
                } else {
                    "something else"
                },
            ));
        }
        Self::new(path, Box::new(file), meta.len(), limit)
    }

    /// A file that is embedded in the program.
    pub(super) fn embedded(name: &str, bytes: &'static [u8]) -> Result<Self, Error> {
        Self::new(
            Path::new(name),
            Box::new(bytes),
            bytes.len() as u64,
            u64::MAX,
        )
    }

    fn new(path: &Path, file: Box<dyn Read>, stored: u64, limit: u64) -> Result<Self, Error> {
        let mut source = Self {
            path: path.to_owned(),
            reader: file,
            offset: 0,
            most: stored,
            limit,
        };
        let head = source.read_up_to(GZIP.len() as u64)?;
        let compressed = head == GZIP;
        let whole = io::Cursor::new(head).chain(source.reader);
        let reader: Box<dyn Read> = if compressed {
            Box::new(MultiGzDecoder::new(BufReader::new(whole)))
        } else {
            Box::new(BufReader::new(whole))
        };
        let ratio = if compressed { LARGEST_RATIO } else { 1 };
        Ok(Self {
            path: source.path,
            reader,
            offset: 0,
            most: stored.saturating_mul(ratio),
            limit,
        })
    }

    /// The file's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes were read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// An error at the byte `offset` of this file.
    pub(super) fn error_at(
        &self,
        offset: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        Error::content(&self.path, Place::Byte(offset), expected, found)
    }

    /// The next `count` bytes, or as many as there are.
    pub(super) fn read_up_to(&mut self, count: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let result = self.reader.by_ref().take(count).read_to_end(&mut bytes);
        self.offset += bytes.len() as u64;
        match result {
            Ok(_) if self.offset > self.limit => {
                Err(self.read_error(io::ErrorKind::FileTooLarge.into()))
            }
            Ok(_) => Ok(bytes),
            Err(error) => Err(self.read_error(error)),
        }
    }

    /// The next `count` bytes; `what` says what they hold. Refuses before reading where the file or
    /// the limit is too small for them.
    pub(super) fn read_exactly(&mut self, count: u64, what: &str) -> Result<Vec<u8>, Error> {
        let start = self.offset;
        if start.saturating_add(count) > self.limit {
            let limit = self.limit;
            return Err(self.error_at(
                start,
                format!("at most {limit} bytes in all, the limit for one file"),
                format!("a header that announces {count} bytes of {what}"),
            ));
        }
        if count > self.most.saturating_sub(start) {
            let rest = self.most.saturating_sub(start);
            return Err(self.error_at(
                start,
                format!("{count} bytes of {what}"),
                format!("at most {rest} bytes up to the end of the file"),
            ));
        }
        let bytes = self.read_up_to(count)?;
        if bytes.len() as u64 == count {
            return Ok(bytes);
        }
        Err(self.error_at(
            start,
            format!("{count} bytes of {what}"),
            format!("the end of the file after {}", bytes.len()),
        ))
    }

    /// All bytes that are left.
    pub(super) fn read_to_end(&mut self) -> Result<Vec<u8>, Error> {
        self.read_up_to(self.limit.saturating_add(1))
    }

    /// Fails unless every byte was read.
    pub(super) fn expect_end(&mut self) -> Result<(), Error> {
        let end = self.offset;
        if self.read_up_to(1)?.is_empty() {
            Ok(())
        } else {
            Err(self.error_at(end, "the end of the file", "more bytes"))
        }
    }

    /// Turns what a read reported into an error with a place.
    fn read_error(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::FileTooLarge => self.error_at(
                self.offset,
                "the end of the file, at the limit for one file",
                "more bytes",
            ),
            // Only the decompression reports these.
            io::ErrorKind::UnexpectedEof => {
                self.error_at(self.offset, "more gzip data", "the end of the file")
            }
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                self.error_at(self.offset, "sound gzip data", "damaged data")
            }
            _ => Error::io(&self.path, "read the file", error),
        }
    }
}
