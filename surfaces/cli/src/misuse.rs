//! Command lines that cannot be understood, and the texts of `--help` and `--version`.

use std::io;

use backprove::syntax::Diagnostic;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::output;
use crate::source::{is_path, reason};
use crate::stop::{Status, Stop};

/// Prints what the reader of arguments has to say.
pub fn explained(error: &clap::Error) -> Result<Status, Stop> {
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand)
        && error.get(ContextKind::SuggestedSubcommand).is_none()
    {
        return Err(Stop::wrong(unknown_command(word)));
    }
    match error.print() {
        Err(failed) if failed.kind() != io::ErrorKind::BrokenPipe => {
            output::remark(&format!("the text cannot be written: {}", reason(&failed)));
            return Ok(Status::Diagnosed);
        }
        _ => {}
    }
    Ok(if error.use_stderr() {
        Status::Diagnosed
    } else {
        Status::Success
    })
}

/// A first word that is no command; often it is the program itself.
fn unknown_command(word: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("unknown-command", format!("there is no command `{word}`"));
    let program = word.contains(['=', '[', '@', '(']) || is_path(word) || word == "-";
    diagnostic.help(if program {
        format!("to derive the gradients of a program: backprove derive '{word}'")
    } else {
        "the commands are derive, check, emit, plan and train; `backprove help` explains them"
            .to_owned()
    })
}
