//! Where a program can come from, and what can be wrong with it there.

use crate::running::{LINEAR, SHAPES, folder, hold, run_with, table};

#[test]
fn sources_that_cannot_be_read() {
    table(&[
        (
            &["derive", "missing.bp"],
            2,
            &[],
            &[
                "error[missing-file]: there is no file `missing.bp`",
                "`linear.bp`",
            ],
        ),
        (
            &["derive", "no/such/layer.bp"],
            2,
            &[],
            &["error[missing-file]", "there is no folder `no/such` either"],
        ),
        (
            &["derive", "models/layer.bp"],
            2,
            &[],
            &["error[missing-file]", "is a path"],
        ),
        (&["derive", "Y = X.bp"], 2, &[], &["error[missing-file]"]),
        (
            &["derive", "folder.bp"],
            2,
            &[],
            &["error[unreadable-file]: `folder.bp` is a folder"],
        ),
        (
            &["derive", "linear.bp/x.bp"],
            2,
            &[],
            &["error[unreadable-file]"],
        ),
        (
            &["derive", "models"],
            2,
            &[],
            &["error[not-a-program]", "a folder"],
        ),
        (
            &["derive", "notes.txt"],
            2,
            &[],
            &["error[not-a-program]", "`- < notes.txt`"],
        ),
        (
            &["derive", "junk.bp"],
            2,
            &[],
            &["error[not-text]", "0xff at offset 6"],
        ),
        (
            &["derive", "wide.bp"],
            2,
            &[],
            &["error[not-text]", "UTF-16"],
        ),
        (
            &["derive", "long.bp"],
            2,
            &[],
            &["error[source-too-long]", "4 MiB"],
        ),
        (&["derive", ""], 2, &[], &["error["]),
        (&["derive", "   "], 2, &[], &["error["]),
        (&["derive", "-"], 2, &[], &["error["]),
        (&["derive", "empty.bp"], 2, &[], &["error[", "empty.bp"]),
        (&["derive", "comment.bp"], 2, &[], &["error["]),
        (&["derive", "X[N]"], 2, &[], &["error["]),
        (
            &["derive", "Y = X @ W.T", "--where", "X[S,M"],
            2,
            &[],
            &["--where:1:"],
        ),
        (
            &["derive", "Y = X @ W.T", "--where", "X[S,M]; W[N,M"],
            2,
            &[],
            &["--where:1:"],
        ),
        (
            &["derive", "Y = X @ Q.T", "--where", "X[S,M]"],
            2,
            &[],
            &["SOURCE:1:9", "`Q`"],
        ),
        (
            &["derive", "Y = X @ W", "--where", "X[S,M]; W[N,M]"],
            2,
            &[],
            &["SOURCE:1:", "X @ W.T"],
        ),
        (
            &["derive", "X[S,M] = 1", "--where", "X[S,M]"],
            2,
            &[],
            &["SOURCE:1:"],
        ),
    ]);
}

#[test]
fn standard_input() {
    let folder = folder();
    let text = format!("{SHAPES}\n{LINEAR}");
    let right = run_with(folder.path(), &["derive", "-"], text.as_bytes());
    hold(&["-"], &right, 0, &["dW = dY.T @ X"], &[]);
    let with = run_with(
        folder.path(),
        &["derive", "-", "--where", SHAPES],
        LINEAR.as_bytes(),
    );
    hold(&["- --where"], &with, 0, &["dW = dY.T @ X"], &[]);
    let wrong = run_with(folder.path(), &["derive", "-"], b"X[N]\nY = X +");
    hold(&["wrong"], &wrong, 2, &[], &["standard input:2:"]);
    let junk: Vec<u8> = (0..=255).rev().cycle().take(100_000).collect();
    let junk = run_with(folder.path(), &["derive", "-"], &junk);
    hold(
        &["junk"],
        &junk,
        2,
        &[],
        &["error[not-text]: standard input is not text"],
    );
    let endless = vec![b'#'; 5 << 20];
    let endless = run_with(folder.path(), &["derive", "-"], &endless);
    hold(&["endless"], &endless, 2, &[], &["error[source-too-long]"]);
}

#[test]
fn hostile_texts_are_diagnosed() {
    let folder = folder();
    let deep = |open: &str, close: &str, times: usize| {
        format!("X[N]\nY = {}X{}", open.repeat(times), close.repeat(times))
    };
    let texts = [
        deep("(", ")", 100_000),
        deep("exp(", ")", 100_000),
        deep("-", "", 100_000),
        deep("", "'", 100_000),
        deep("X + ", "", 100_000),
        deep("[", "]", 100_000),
        deep("", " ** X", 100_000),
        "(".repeat(500_000),
        "X[".repeat(200_000),
        "Y = $ ".repeat(50_000),
        "\u{1b}[31mred\u{7}".to_owned(),
        "X[N]\u{0}; Y = X".to_owned(),
        "'".repeat(10_001),
        "数[行]; 结果 = 数 +".to_owned(),
        "\t\tY\t=\tX\t@".to_owned(),
        "X[N]\nY = X[99999999999999999999999999]".to_owned(),
    ];
    for text in texts {
        let run = run_with(folder.path(), &["derive", "-"], text.as_bytes());
        let start: String = text.chars().take(40).collect();
        hold(&[&start], &run, 2, &[], &["error[", "standard input"]);
        assert!(!run.errors.contains('\u{1b}'), "{start:?}");
        let longest = run.errors.lines().map(|line| line.chars().count()).max();
        assert!(longest < Some(500), "{start:?}: a line of {longest:?}");
    }
}
