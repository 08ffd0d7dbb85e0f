//! Transcripts: a command line as typed into a shell, all that it prints, and its exit status. Set
//! `BLESS=1` to write them anew, then read what changed.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::running::folder;

/// What a shell shows for a line, standard error included.
fn shown(line: &str) -> String {
    let folder = folder();
    let program = Path::new(env!("CARGO_BIN_EXE_backprove"));
    let script = format!("exec 2>&1\n{line}\necho \"[exit status $?]\"");
    let run = Command::new("/bin/sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", program.parent().unwrap())
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS")
        .output()
        .unwrap();
    String::from_utf8(run.stdout).unwrap()
}

#[cfg(unix)]
#[test]
fn transcripts_are_true() {
    let texts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command_line/transcripts");
    let mut count = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(texts).unwrap() {
        let path = entry.unwrap().path();
        let expected = fs::read_to_string(&path).unwrap();
        let (line, _) = expected.split_once("\n\n").unwrap();
        let found = format!("{line}\n\n{}", shown(line.strip_prefix("$ ").unwrap()));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &found).unwrap();
        } else if found != expected {
            wrong.push(format!("{}\n{found}", path.display()));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 10);
}
