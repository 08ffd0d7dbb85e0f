//! The folder of a run: which one it is, and the files in it. It must never destroy a finished run unasked.

use std::fs;
use std::path::{Path, PathBuf};

use backprove::nn::files;
use backprove::nn::model::FILE;
use backprove::syntax::Diagnostic;

use super::stopped;
use crate::source::reason;
use crate::stop::Stop;

/// The file of the program that was trained.
pub const PROGRAM: &str = "model.bp";
/// The file of the settings, the history and the test.
pub const METRICS: &str = "metrics.json";
/// The file of what depends on the clock.
pub const TIMING: &str = "timing.json";
/// The file of the report.
pub const REPORT: &str = "report.html";

/// The folder where none is named.
const USUAL: &str = "backprove-run";

/// More runs than this are not counted.
const MOST: usize = 10_000;

/// The first file that a run of `program` would destroy. The program itself may lie there: it stays the same.
pub fn in_the_way(folder: &Path, program: &str) -> Option<&'static str> {
    let is_program = |file: &Path| fs::read(file).is_ok_and(|text| text == program.as_bytes());
    [FILE, METRICS, TIMING, REPORT, PROGRAM]
        .into_iter()
        .find(|name| {
            let file = folder.join(name);
            file.exists() && !(*name == PROGRAM && is_program(&file))
        })
}

/// Makes the folder to write to. Without a wish, the first that holds no run.
pub fn make(wish: Option<&Path>, overwrite: bool, program: &str) -> Result<PathBuf, Stop> {
    let holds_run = |folder: &Path| in_the_way(folder, program).is_some();
    let folder = match wish {
        Some(folder) => match in_the_way(folder, program) {
            Some(name) if !overwrite => {
                let shown = folder.display();
                let message = match name {
                    FILE => format!("`{shown}` holds a finished run"),
                    _ => format!("`{shown}` holds a file `{name}`, which a run would write over"),
                };
                return Err(Stop::wrong(
                    Diagnostic::error("finished-run", message)
                        .help("name another folder, or add `--overwrite`"),
                ));
            }
            _ => folder.to_owned(),
        },
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

/// Takes away what described another model than the one that the folder now holds.
pub fn clear(folder: &Path) {
    for name in [METRICS, TIMING, REPORT] {
        // Each of them is about to be written, which says what is wrong with it.
        let _ = fs::remove_file(folder.join(name));
    }
}

/// Writes one file of the run.
pub fn write(folder: &Path, name: &str, text: &str) -> Result<(), Stop> {
    files::write(&folder.join(name), text.as_bytes()).map_err(|error| stopped(&error))
}
