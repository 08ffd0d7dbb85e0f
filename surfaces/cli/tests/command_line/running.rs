//! Runs the command as a user's shell does, away from the tester's own terminal and settings. It
//! must not judge what came out.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a run left behind.
#[derive(Debug)]
pub struct Run {
    pub status: i32,
    pub output: String,
    pub errors: String,
}

/// The command in `folder`, with nothing of the tester's environment that changes what it prints.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backprove"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs it with nothing on standard input.
pub fn run(folder: &Path, arguments: &[&str]) -> Run {
    finished(&mut command(folder, arguments), &[])
}

/// Runs it with `input` on standard input.
pub fn run_with(folder: &Path, arguments: &[&str], input: &[u8]) -> Run {
    finished(command(folder, arguments).stdin(Stdio::piped()), input)
}

/// Starts a command, gives it `input` and waits for its end.
pub fn finished(command: &mut Command, input: &[u8]) -> Run {
    let mut child = command.spawn().unwrap();
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Some(mut stdin) = stdin {
                // A command that does not want its input closes it.
                let _ = stdin.write_all(input);
            }
        });
        child.wait_with_output().unwrap()
    });
    Run {
        status: output.status.code().unwrap(),
        output: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A linear layer.
pub const LINEAR: &str = "Y = X @ W.T + b";
/// Its declarations.
pub const SHAPES: &str = "X[S,M]; W[N,M]; b[N]";

/// A command line, its exit status, and words that standard output and standard error must hold.
pub type Line<'a> = (&'a [&'a str], i32, &'a [&'a str], &'a [&'a str]);

/// A folder with programs and with files that are none.
pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("# A layer.\n{}\n{LINEAR}\n", SHAPES.replace("; ", "\n"));
    fs::write(folder.path().join("linear.bp"), text).unwrap();
    fs::write(folder.path().join("empty.bp"), "").unwrap();
    fs::write(folder.path().join("comment.bp"), "# nothing yet\n").unwrap();
    fs::write(folder.path().join("junk.bp"), b"X[N]\n\x00\xff\xfe\x80").unwrap();
    fs::write(folder.path().join("wide.bp"), b"\xff\xfeX\x00[\x00").unwrap();
    let marked = format!("\u{feff}{SHAPES}\r\n{LINEAR}\r\n");
    fs::write(folder.path().join("notepad.bp"), marked).unwrap();
    fs::write(folder.path().join("notes.txt"), "Y = X").unwrap();
    fs::write(folder.path().join("long.bp"), "# long\n".repeat(700_000)).unwrap();
    fs::create_dir(folder.path().join("folder.bp")).unwrap();
    fs::create_dir(folder.path().join("models")).unwrap();
    folder
}

/// Compares a run with what was expected of it.
pub fn hold(line: &[&str], run: &Run, status: i32, output: &[&str], errors: &[&str]) {
    assert_eq!(
        run.status, status,
        "{line:?}\n{}\n{}",
        run.output, run.errors
    );
    for words in output {
        assert!(
            run.output.contains(words),
            "{line:?}: no {words:?} in\n{}",
            run.output
        );
    }
    for words in errors {
        assert!(
            run.errors.contains(words),
            "{line:?}: no {words:?} in\n{}",
            run.errors
        );
    }
    if status == 0 {
        assert_eq!(run.errors, "", "{line:?}");
    }
    if status >= 2 {
        assert_eq!(run.output, "", "{line:?}");
        assert!(!run.errors.is_empty(), "{line:?}");
    }
    assert!(
        !run.errors.contains("error[internal]"),
        "{line:?}\n{}",
        run.errors
    );
}

/// Runs every line in one folder.
pub fn table(lines: &[Line<'_>]) {
    let folder = folder();
    for (line, status, output, errors) in lines {
        hold(line, &run(folder.path(), line), *status, output, errors);
    }
}
