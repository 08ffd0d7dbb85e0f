//! What can go wrong when a plan is made or filled. Nothing here knows how plans work.

use std::fmt;

/// Why a program cannot be planned, or a plan not be filled.
///
/// ```
/// use std::collections::HashMap;
/// use backprove_calculus::Program;
/// use backprove_engine::Plan;
/// let missing = Plan::<f64>::compile(&Program::default(), &HashMap::new(), &["Y"], &[]);
/// assert_eq!(missing.err().map(|error| error.to_string()).as_deref(), Some("the program defines no `Y`"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    message: String,
}

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
