//! Where a program's text comes from: a file, standard input or the command line itself, with the
//! declarations of `--where` before it. It must never parse anything.

use std::fs;
use std::io::{self, IsTerminal as _, Read};
use std::path::Path;

use backprove::diagnostics::Source;
use backprove::syntax::Diagnostic;

use crate::stop::Stop;

/// The largest text that is read. Programs have kilobytes; this keeps a wrong path, or a pipe that
/// never ends, from filling the memory.
const LIMIT: u64 = 4 << 20;

/// Reads what the argument SOURCE and the option `--where` say.
pub fn read(argument: &str, declarations: Option<&str>) -> Result<Source, Stop> {
    let (name, text) = body(argument)?;
    let mut source = Source::default();
    if let Some(declarations) = declarations {
        source.push("--where", declarations);
    }
    source.push(name, &text);
    Ok(source)
}

/// The file that the argument SOURCE names, where there is one; standard input may be a file, too.
pub fn file(argument: &str) -> Option<&Path> {
    if argument == "-" {
        return cfg!(unix).then(|| Path::new("/dev/stdin"));
    }
    is_path(argument).then(|| Path::new(argument))
}

/// Whether an argument is a path and never a text.
pub fn is_path(argument: &str) -> bool {
    let end = Path::new(argument).extension();
    end.is_some_and(|end| end == "bp") && !argument.contains('\n')
}

/// The text of a file.
pub fn text(path: &Path) -> Result<String, Stop> {
    let bytes = fs::File::open(path)
        .and_then(limited)
        .map_err(|error| unreadable(path, &error))?;
    decoded(&path.to_string_lossy(), bytes)
}

/// The name and the text of the program itself.
fn body(argument: &str) -> Result<(String, String), Stop> {
    if argument == "-" {
        return standard_input();
    }
    if is_path(argument) {
        return Ok((argument.to_owned(), text(Path::new(argument))?));
    }
    Ok(("SOURCE".to_owned(), argument.to_owned()))
}

fn standard_input() -> Result<(String, String), Stop> {
    let name = "standard input";
    let input = io::stdin();
    if input.is_terminal() {
        let end = if cfg!(windows) { "Ctrl-Z" } else { "Ctrl-D" };
        crate::output::remark(&format!("type the program; {end} on a new line ends it"));
    }
    let bytes = limited(input.lock()).map_err(|error| {
        let message = format!("standard input cannot be read: {}", reason(&error));
        Stop::wrong(Diagnostic::error("unreadable-input", message))
    })?;
    Ok((name.to_owned(), decoded(name, bytes)?))
}

/// Everything, or one byte more than allowed.
fn limited(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn decoded(name: &str, bytes: Vec<u8>) -> Result<String, Stop> {
    if bytes.len() as u64 > LIMIT {
        let message = format!("{name} is longer than {} MiB", LIMIT >> 20);
        return Err(Stop::wrong(
            Diagnostic::error("source-too-long", message)
                .help("a program is a short text; is this the right file?"),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let help = if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            "it looks like UTF-16; save it as UTF-8"
        } else {
            "a program is plain text in UTF-8"
        };
        let message = format!(
            "{name} is not text: byte 0x{:02x} at offset {offset} is not UTF-8",
            bytes.get(offset).copied().unwrap_or_default(),
        );
        Stop::wrong(Diagnostic::error("not-text", message).help(help))
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Stop {
    let shown = path.display();
    if error.kind() == io::ErrorKind::NotFound {
        let diagnostic = Diagnostic::error("missing-file", format!("there is no file `{shown}`"));
        return Stop::wrong(match neighbours(path) {
            Some(others) => diagnostic.help(others),
            None => diagnostic.help(
                "an argument that ends in `.bp` is a path; a program's text may stand in its place, \
                 in quotes",
            ),
        });
    }
    let message = if path.is_dir() {
        format!("`{shown}` is a folder, not a file")
    } else {
        format!("`{shown}` cannot be read: {}", reason(error))
    };
    Stop::wrong(Diagnostic::error("unreadable-file", message))
}

/// The programs that stand where the missing one was looked for.
fn neighbours(path: &Path) -> Option<String> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let Ok(entries) = fs::read_dir(folder) else {
        return Some(format!("there is no folder `{}` either", folder.display()));
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "bp"))
        .collect();
    names.sort();
    let shown = names.iter().take(5).map(|name| format!("`{name}`"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    let more = if names.len() > 5 { ", …" } else { "" };
    (!names.is_empty()).then(|| format!("the same folder holds {shown}{more}"))
}

/// The operating system's words without its number.
pub fn reason(error: &io::Error) -> String {
    let words = error.to_string();
    let words = words.split(" (os error").next().unwrap_or_default();
    let mut characters = words.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}

/// What is wrong with an argument that was read as a text, where it names something on the disk.
pub fn path_instead(argument: &str) -> Option<Diagnostic> {
    let path = Path::new(argument);
    if argument.contains('\n') || is_path(argument) {
        return None;
    }
    let message = format!("`{argument}` is not a program");
    let help = if path.is_dir() {
        "it is a folder; name a `.bp` file in it".to_owned()
    } else if path.is_file() {
        format!("it is a file, but only paths that end in `.bp` are read; use `- < {argument}`")
    } else {
        return None;
    };
    Some(Diagnostic::error("not-a-program", message).help(help))
}
