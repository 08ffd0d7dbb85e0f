//! The house keeps its rules: which crate may know which, what every file opens with, where
//! `unsafe` may stand, how long a file may be. A rule that this file cannot check belongs in STYLE.md.

use std::fs;
use std::path::{Path, PathBuf};

/// Each crate's folder and the crates of ours that it may know (ARCHITECTURE.md).
const EDGES: &[(&str, &[&str])] = &[
    ("crates/syntax", &[]),
    ("crates/calculus", &["backprove-syntax"]),
    (
        "crates/typeset",
        &["backprove-calculus", "backprove-syntax"],
    ),
    (
        "crates/codegen",
        &["backprove-calculus", "backprove-syntax"],
    ),
    ("crates/engine", &["backprove-calculus"]),
    (
        "crates/nn",
        &["backprove-calculus", "backprove-engine", "backprove-syntax"],
    ),
    (
        "crates/backprove",
        &[
            "backprove-calculus",
            "backprove-codegen",
            "backprove-engine",
            "backprove-nn",
            "backprove-syntax",
            "backprove-typeset",
        ],
    ),
    ("surfaces/cli", &["backprove"]),
    ("surfaces/python", &["backprove"]),
    ("xtask", &[]),
];

/// Lines that a source file may have; tests, which are lists of cases, may be longer.
const MOST_LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Rust files below a folder, build folders excepted.
fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable entry").path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

fn all_rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["crates", "surfaces", "xtask"] {
        rust_files(&root().join(folder), &mut files);
    }
    assert!(
        files.len() > 100,
        "the search found only {} files",
        files.len()
    );
    files
}

/// The names of our crates below `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<String> {
    let lines = manifest
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| name.starts_with("backprove"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    for (folder, allowed) in EDGES {
        let manifest = read(&root().join(folder).join("Cargo.toml"));
        for name in dependencies(&manifest) {
            assert!(
                allowed.contains(&name.as_str()),
                "{folder} must not depend on {name}"
            );
        }
    }
}

#[test]
fn every_crate_stands_in_the_table() {
    for group in ["crates", "surfaces"] {
        for entry in fs::read_dir(root().join(group)).expect("a folder") {
            let path = entry.expect("a readable entry").path();
            let folder = format!(
                "{group}/{}",
                path.file_name().unwrap_or_default().to_string_lossy()
            );
            let known = EDGES.iter().any(|(name, _)| *name == folder);
            assert!(
                !path.join("Cargo.toml").exists() || known,
                "{folder} has no row of allowed edges"
            );
        }
    }
}

#[test]
fn every_file_says_what_it_holds() {
    for path in all_rust_files() {
        let opens = read(&path).starts_with("//!");
        assert!(opens, "{} does not open with `//!`", path.display());
    }
}

#[test]
fn no_file_holds_two_thoughts() {
    for path in all_rust_files() {
        let lines = read(&path).lines().count();
        let is_test = path.components().any(|part| part.as_os_str() == "tests");
        assert!(
            is_test || lines <= MOST_LINES,
            "{} has {lines} lines",
            path.display()
        );
    }
}

#[test]
fn no_file_is_called_after_nothing() {
    for path in all_rust_files() {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let hollow = ["utils", "util", "common", "core", "helpers", "misc"];
        assert!(
            !hollow.contains(&name.as_str()),
            "{}: say what it holds",
            path.display()
        );
    }
}

#[test]
fn unsafe_stands_only_in_the_kernels() {
    let keyword = format!("{}{}", "un", "safe ");
    for path in all_rust_files() {
        let is_kernel = path.to_string_lossy().contains("engine/src/kernels");
        let is_test = path.components().any(|part| part.as_os_str() == "tests");
        let uses = read(&path).lines().any(|line| {
            let line = line.trim_start();
            !line.starts_with("//")
                && (line.contains(&format!("{keyword}{{"))
                    || line.contains(&format!("{keyword}fn")))
        });
        assert!(
            is_kernel || is_test || !uses,
            "{} uses {keyword}",
            path.display()
        );
    }
}
