//! How a command ends: its exit status, and what stopped it. The statuses are promised to users;
//! nothing else may choose a number.

use std::process::ExitCode;

use backprove::diagnostics::Source;
use backprove::syntax::Diagnostic;

/// The exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// What was asked for was done.
    Success,
    /// A step, a result or a claim was found wrong.
    CheckFailed,
    /// The text or the command line has a mistake.
    Diagnosed,
    /// The text is right, but what was asked for cannot be done with it.
    Refused,
}

impl Status {
    /// The number that a shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::CheckFailed => 1,
            Self::Diagnosed => 2,
            Self::Refused => 3,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.code())
    }
}

/// What stopped a command, and the text that it is about.
#[derive(Debug)]
pub struct Stop {
    /// How the command ends.
    pub status: Status,
    /// What to tell the user.
    pub diagnostics: Vec<Diagnostic>,
    /// The text that the places in the diagnostics refer to.
    pub source: Source,
}

impl Stop {
    /// A mistake on the command line or with a file.
    pub fn wrong(diagnostic: Diagnostic) -> Self {
        Self::diagnosed(vec![diagnostic], Source::default())
    }

    /// Something that is understood but cannot be done.
    pub fn refusal(diagnostic: Diagnostic) -> Self {
        Self::wrong(diagnostic).refused()
    }

    /// A result that was found wrong.
    pub fn failed(diagnostic: Diagnostic) -> Self {
        Self {
            status: Status::CheckFailed,
            ..Self::wrong(diagnostic)
        }
    }

    /// What is wrong with a text.
    pub fn diagnosed(diagnostics: Vec<Diagnostic>, source: Source) -> Self {
        Self {
            status: Status::Diagnosed,
            diagnostics,
            source,
        }
    }

    /// The same with a proposal, where there is none yet.
    pub fn or_help(mut self, help: &str) -> Self {
        if let Some(diagnostic) = self.diagnostics.pop() {
            self.diagnostics.push(match diagnostic.help {
                Some(_) => diagnostic,
                None => diagnostic.help(help),
            });
        }
        self
    }

    /// The same where the text is right, but nothing can be done with it.
    pub fn refused(mut self) -> Self {
        self.status = Status::Refused;
        self
    }
}
