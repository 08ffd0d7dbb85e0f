//! Where results go: files, pipes and terminals.

use std::fs;
use std::path::Path;

use crate::running::{command, finished, folder, hold, run};

#[test]
fn files_are_written_whole() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let starts = [
        ("page.html", "<!DOCTYPE html>"),
        ("PAGE.HTM", "<!DOCTYPE html>"),
        ("paper.tex", "\\documentclass"),
        ("notes.md", "# "),
        ("result.json", "{"),
        ("result.txt", "The gradient"),
        ("result", "The gradient"),
    ];
    for (name, start) in starts {
        let run = run(folder.path(), &["derive", "linear.bp", "--output", name]);
        hold(&[name], &run, 0, &[], &[]);
        assert_eq!(run.output, "");
        let text = fs::read_to_string(at(name)).unwrap();
        assert!(text.starts_with(start), "{name}: {text}");
    }
    let odd = run(
        folder.path(),
        &["derive", "linear.bp", "--format", "latex", "-o", "odd.html"],
    );
    hold(&["odd.html"], &odd, 0, &[], &[]);
    assert!(
        fs::read_to_string(at("odd.html"))
            .unwrap()
            .starts_with("\\documentclass")
    );

    let code = run(
        folder.path(),
        &["emit", "numpy", "linear.bp", "--output", "layer.py"],
    );
    hold(&["layer.py"], &code, 0, &[], &[]);
    assert!(
        fs::read_to_string(at("layer.py"))
            .unwrap()
            .contains("def gradient")
    );

    for (path, words) in [
        ("models", "it is a folder"),
        ("no/such/page.html", "no such file or directory"),
        ("linear.bp/page.html", "not a directory"),
    ] {
        let run = run(folder.path(), &["derive", "linear.bp", "--output", path]);
        hold(&[path], &run, 2, &[], &["error[unwritable-file]", words]);
    }

    // What was there stays where the input is wrong, and no unfinished file is left.
    let wrong = run(folder.path(), &["derive", "Y = Q", "--output", "page.html"]);
    hold(&["wrong"], &wrong, 2, &[], &["error["]);
    assert!(
        fs::read_to_string(at("page.html"))
            .unwrap()
            .starts_with("<!DOCTYPE html>")
    );
    let left = fs::read_dir(folder.path()).unwrap();
    let hidden = left.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with('.')
    });
    assert_eq!(hidden.count(), 0);
}

#[test]
fn the_page_needs_no_network() {
    let folder = folder();
    let page = run(folder.path(), &["derive", "linear.bp", "--format", "html"]).output;
    for reference in ["<script", " src=", "href=\"http", "@import", "url("] {
        assert!(!page.contains(reference), "{reference}");
    }
}

#[cfg(unix)]
#[test]
fn devices_and_links_are_written_to() {
    let folder = folder();
    let null = run(
        folder.path(),
        &["derive", "linear.bp", "--output", "/dev/null"],
    );
    hold(&["/dev/null"], &null, 0, &[], &[]);
    let standard = run(
        folder.path(),
        &["derive", "linear.bp", "--output", "/dev/stdout"],
    );
    hold(&["/dev/stdout"], &standard, 0, &["Result"], &[]);
    fs::write(folder.path().join("real.html"), "old").unwrap();
    std::os::unix::fs::symlink("real.html", folder.path().join("link.html")).unwrap();
    let link = run(
        folder.path(),
        &["derive", "linear.bp", "--output", "link.html"],
    );
    hold(&["link.html"], &link, 0, &[], &[]);
    assert!(folder.path().join("link.html").is_symlink());
    assert!(
        fs::read_to_string(folder.path().join("real.html"))
            .unwrap()
            .starts_with("<!DOCTYPE")
    );
    if Path::new("/dev/full").exists() {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let run = finished(
            command(folder.path(), &["derive", "linear.bp"]).stdout(full),
            &[],
        );
        hold(
            &["/dev/full"],
            &run,
            2,
            &[],
            &["error[unwritable-output]", "no space left"],
        );
    }
}

#[test]
fn a_closed_pipe_is_silent() {
    let folder = folder();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    for line in [&["derive", "linear.bp"][..], &["derive", "--help"], &[]] {
        let writer = writer.try_clone().unwrap();
        let run = finished(command(folder.path(), line).stdout(writer), &[]);
        hold(line, &run, 0, &[], &[]);
    }
}

#[test]
fn widths_of_the_terminal() {
    let folder = folder();
    for columns in [
        "0", "1", "20", "37", "80", "200", "100000", "-5", "wide", "",
    ] {
        for line in [
            &["derive", "linear.bp", "--detail", "all"][..],
            &["check", "linear.bp"],
            &["derive", "Y = X @"],
        ] {
            let run = finished(command(folder.path(), line).env("COLUMNS", columns), &[]);
            let status = if line[1] == "linear.bp" { 0 } else { 2 };
            hold(line, &run, status, &[], &[]);
        }
    }
}

#[test]
fn colours_only_where_they_are_wanted() {
    let folder = folder();
    let errors = |color: &str| run(folder.path(), &["derive", "Y = X @", "--color", color]).errors;
    assert!(!errors("auto").contains('\u{1b}'));
    assert!(!errors("never").contains('\u{1b}'));
    assert!(errors("always").contains('\u{1b}'));
    let line = ["--color", "always", "derive", "linear.bp"];
    assert!(run(folder.path(), &line).output.contains('\u{1b}'));
}

#[test]
fn the_same_words_give_the_same_bytes() {
    let folder = folder();
    for line in [
        &["derive", "linear.bp", "--format", "json"][..],
        &["check", "linear.bp"],
        &["emit", "numpy", "linear.bp"],
    ] {
        assert_eq!(
            run(folder.path(), line).output,
            run(folder.path(), line).output,
            "{line:?}"
        );
    }
}

#[test]
fn a_result_is_not_written_over_what_it_is_made_of() {
    let folder = folder();
    let before = fs::read(folder.path().join("linear.bp")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("linear.bp", folder.path().join("link.bp")).unwrap();
    for line in [
        &["derive", "linear.bp", "-o", "linear.bp"][..],
        &["derive", "linear.bp", "-o", "./models/../linear.bp"],
        &["check", "linear.bp", "--output", "linear.bp"],
        &["emit", "numpy", "linear.bp", "-o", "linear.bp"],
        &[
            "plan",
            "linear.bp",
            "--sizes",
            "S=2,M=3,N=4",
            "-o",
            "linear.bp",
        ],
        &[
            "plan",
            "linear.bp",
            "--sizes",
            "S=2,M=3,N=4",
            "--svg",
            "linear.bp",
        ],
        #[cfg(unix)]
        &["derive", "link.bp", "-o", "linear.bp"],
        #[cfg(unix)]
        &["derive", "linear.bp", "-o", "link.bp"],
        &["predict", "models", "notes.txt", "-o", "notes.txt"],
        &["predict", "models", ".", "-o", "notes.txt"],
    ] {
        let told = [
            "error[output-is-input]",
            "is read by this command",
            "name another file",
        ];
        hold(line, &run(folder.path(), line), 2, &[], &told);
    }
    assert_eq!(fs::read(folder.path().join("linear.bp")).unwrap(), before);
    let line = ["derive", "linear.bp", "-o", "notes.txt"];
    hold(&line, &run(folder.path(), &line), 0, &[], &[]);
    let line = ["derive", "linear.bp", "-o", "page.pdf"];
    hold(
        &line,
        &run(folder.path(), &line),
        2,
        &[],
        &["`.pdf`", ".html, .tex"],
    );
    assert!(!folder.path().join("page.pdf").exists());
}
