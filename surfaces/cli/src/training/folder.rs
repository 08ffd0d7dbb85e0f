//! The folder of a run: which one it is, and the files in it. It must never destroy a finished run unasked.

use std::fs;
use std::path::{Path, PathBuf};

use backprove::nn::files;
use backprove::nn::model::FILE;
use backprove::syntax::Diagnostic;

use super::stopped;
use crate::source::reason;
use crate::stop::Stop;

/// The folder where none is named.
const USUAL: &str = "backprove-run";

/// More runs than this are not counted.
const MOST: usize = 10_000;

/// Makes the folder to write to. Without a wish, the first that holds no run.
pub fn make(wish: Option<&Path>, overwrite: bool) -> Result<PathBuf, Stop> {
    let holds_run = |folder: &Path| folder.join(FILE).exists();
    let folder = match wish {
        Some(folder) if holds_run(folder) && !overwrite => {
            let message = format!("`{}` holds a finished run", folder.display());
            return Err(Stop::wrong(
                Diagnostic::error("finished-run", message)
                    .help("name another folder, or add `--overwrite`"),
            ));
        }
        Some(folder) => folder.to_owned(),
        None => (1..MOST)
            .map(|number| match number {
                1 => PathBuf::from(USUAL),
                _ => PathBuf::from(format!("{USUAL}-{number}")),
            })
            .find(|folder| !holds_run(folder))
            .ok_or_else(|| {
                let message = format!("there are {MOST} runs in this folder");
                Stop::wrong(
                    Diagnostic::error("too-many-runs", message).help("name one with `--out`"),
                )
            })?,
    };
    fs::create_dir_all(&folder).map_err(|error| {
        let message = format!("`{}` cannot be made: {}", folder.display(), reason(&error));
        Stop::wrong(Diagnostic::error("unwritable-folder", message))
    })?;
    Ok(folder)
}

/// Writes one file of the run.
pub fn write(folder: &Path, name: &str, text: &str) -> Result<(), Stop> {
    files::write(&folder.join(name), text.as_bytes()).map_err(|error| stopped(&error))
}
