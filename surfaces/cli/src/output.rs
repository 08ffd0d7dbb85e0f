//! Where results go: standard output or a file, how wide and how coloured. It must never leave a
//! half-written file, and a reader that closes the pipe is no mistake.

use std::fs;
use std::io::{self, IsTerminal, Write as _};
use std::path::Path;

use backprove::syntax::Diagnostic;
use backprove::typeset::document::{Document, terminal};

use crate::arguments::Color;
use crate::source::reason;
use crate::stop::Stop;

/// The narrowest layout.
const NARROWEST: usize = 20;

/// The widest layout: lines longer than this are hard to read.
const WIDEST: usize = 120;

/// The width of a file, and of a terminal of which nothing is known.
const USUAL: usize = 80;

/// Whether to colour what goes to `stream`.
pub fn colored(choice: Color, stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            stream.is_terminal() && !set("NO_COLOR") && !dumb
        }
    }
}

/// How many columns a line has: as the user says in `COLUMNS`, as the terminal is, or 80.
pub fn columns(stream: &impl IsTerminal) -> usize {
    let said = std::env::var("COLUMNS").ok();
    let said = said.and_then(|columns| columns.trim().parse().ok());
    let found = || {
        let size = terminal_size::terminal_size().filter(|_| stream.is_terminal());
        size.map(|(width, _)| usize::from(width.0))
    };
    said.filter(|columns| *columns > 0)
        .or_else(found)
        .unwrap_or(USUAL)
        .clamp(NARROWEST, WIDEST)
}

/// A document as text for `path`, or for standard output.
pub fn text(document: &Document, path: Option<&Path>, color: Color) -> String {
    let output = io::stdout();
    let options = if path.is_some() {
        terminal::Options::plain(USUAL)
    } else {
        terminal::Options {
            columns: columns(&output),
            emphasis: colored(color, &output),
        }
    };
    terminal::print(document, options)
}

/// Writes a result to `path`, or to standard output.
pub fn write(path: Option<&Path>, text: &str) -> Result<(), Stop> {
    let Some(path) = path else {
        let mut output = io::stdout().lock();
        let written = output
            .write_all(text.as_bytes())
            .and_then(|()| output.flush());
        return match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let message = format!("the result cannot be written: {}", reason(&error));
                Err(Stop::wrong(Diagnostic::error("unwritable-output", message)))
            }
            _ => Ok(()),
        };
    };
    written(path, text).map_err(|error| {
        let message = format!("`{}` cannot be written: {}", path.display(), error);
        Stop::wrong(Diagnostic::error("unwritable-file", message))
    })?;
    if io::stderr().is_terminal() {
        remark(&format!("written to {}", path.display()));
    }
    Ok(())
}

/// Refuses to write to a file that is read, or lies in a folder that is: replacing it loses what the user typed. Both may be links.
pub fn apart<'a>(
    outputs: impl IntoIterator<Item = &'a Path>,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), Stop> {
    let inputs: Vec<_> = inputs.into_iter().map(fs::canonicalize).collect();
    for output in outputs {
        // A file that does not exist yet is no input, and a device is not replaced.
        let Ok(found) = fs::canonicalize(output) else {
            continue;
        };
        let is_read =
            |input: &io::Result<_>| input.as_ref().is_ok_and(|input| found.starts_with(input));
        if found.is_file() && inputs.iter().any(is_read) {
            let message = format!(
                "`{}` is read by this command, so the result is not written over it",
                output.display()
            );
            let diagnostic = Diagnostic::error("output-is-input", message);
            return Err(Stop::wrong(
                diagnostic.help("name another file to write to"),
            ));
        }
    }
    Ok(())
}

fn written(path: &Path, text: &str) -> Result<(), String> {
    let words = |error: io::Error| reason(&error);
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err("it is a folder".to_owned()),
        // A device or a pipe is written to, not replaced.
        Ok(found) if !found.is_file() => fs::write(path, text).map_err(words),
        // Behind a symbolic link, the file is replaced, not the link.
        Ok(_) => replaced(&fs::canonicalize(path).map_err(words)?, text),
        Err(_) => replaced(path, text),
    }
}

fn replaced(path: &Path, text: &str) -> Result<(), String> {
    backprove::nn::files::write(path, text.as_bytes()).map_err(|error| {
        let cause = std::error::Error::source(&error);
        let cause = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
        cause.map_or_else(|| error.to_string(), reason)
    })
}

/// Says something that is no result, on standard error.
pub fn remark(text: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}");
}
