//! The one error type of this crate. Must never be matched on by kind: what a caller can act on is
//! its text and the file that it names.

use std::fmt;
use std::path::{Path, PathBuf};

use backprove_syntax::Diagnostic;

/// What went wrong with a file, a data set or an argument.
///
/// The text names the file, the place in it (a byte offset, or a line and a column), what was
/// expected there and what was found. The kinds are private, so that a reader for a new format
/// breaks nobody's `match`.
#[derive(Debug)]
pub struct Error(Box<Kind>);

#[derive(Debug)]
enum Kind {
    /// The operating system refused.
    Io {
        file: PathBuf,
        action: &'static str,
        source: std::io::Error,
    },
    /// A file is not what its format says.
    Content {
        file: PathBuf,
        place: Place,
        expected: String,
        found: String,
    },
    /// The parts of a file do not fit each other.
    Model { file: PathBuf, message: String },
    /// A program cannot be trained, and where in its text that is decided.
    Program { line: usize, diagnostic: Diagnostic },
    /// An argument does not fit the data.
    Argument(String),
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The file, or the folder, as a whole.
    Whole,
    /// A byte offset; in a compressed file it counts the uncompressed bytes.
    Byte(u64),
    /// A line, counted from one.
    Line(u64),
    /// A line and a column of a table, both counted from one.
    Cell(u64, u64),
}

impl Error {
    pub(crate) fn io(file: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self(Box::new(Kind::Io {
            file: file.to_owned(),
            action,
            source,
        }))
    }

    pub(crate) fn content(
        file: &Path,
        place: Place,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self(Box::new(Kind::Content {
            file: file.to_owned(),
            place,
            expected: expected.into(),
            found: found.into(),
        }))
    }

    /// What is wrong with the content of `file`.
    pub(crate) fn about(file: &Path, error: &Self) -> Self {
        Self(Box::new(Kind::Model {
            file: file.to_owned(),
            message: error.to_string(),
        }))
    }

    /// What is wrong with a program, at the main place of `diagnostic` in `text`.
    pub(crate) fn program(text: &str, diagnostic: Diagnostic) -> Self {
        let place = diagnostic.labels.first();
        let place = place.map_or(0, |label| label.span.start);
        let before = text.get(..place).unwrap_or(text);
        let line = 1 + before.matches('\n').count();
        Self(Box::new(Kind::Program { line, diagnostic }))
    }

    pub(crate) fn argument(message: impl Into<String>) -> Self {
        Self(Box::new(Kind::Argument(message.into())))
    }

    /// The file or folder that the error is about, where there is one.
    pub fn path(&self) -> Option<&Path> {
        match &*self.0 {
            Kind::Io { file, .. } | Kind::Content { file, .. } | Kind::Model { file, .. } => {
                Some(file)
            }
            Kind::Program { .. } | Kind::Argument(_) => None,
        }
    }

    /// The diagnostic with its places in the program's text, where the error is about one.
    pub fn diagnostic(&self) -> Option<&Diagnostic> {
        match &*self.0 {
            Kind::Program { diagnostic, .. } => Some(diagnostic),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Io {
                file,
                action,
                source,
            } => write!(f, "{}: cannot {action}: {source}", file.display()),
            Kind::Content {
                file,
                place,
                expected,
                found,
            } => {
                write!(f, "{}", file.display())?;
                match place {
                    Place::Whole => {}
                    Place::Byte(offset) => write!(f, ", byte {offset}")?,
                    Place::Line(line) => write!(f, ", line {line}")?,
                    Place::Cell(line, column) => write!(f, ", line {line}, column {column}")?,
                }
                write!(f, ": expected {expected}, found {found}")
            }
            Kind::Model { file, message } => write!(f, "{}: {message}", file.display()),
            Kind::Program { line, diagnostic } => {
                write!(f, "line {line}: {}", diagnostic.message)?;
                match &diagnostic.help {
                    Some(help) => write!(f, "; {}", help.message),
                    None => Ok(()),
                }
            }
            Kind::Argument(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.0 {
            Kind::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<backprove_engine::Error> for Error {
    fn from(error: backprove_engine::Error) -> Self {
        Self::argument(error.to_string())
    }
}
