//! Checks at numbers of the user's own.

use crate::running::{LINEAR, SHAPES, folder, hold, run};

#[test]
fn check_at_numbers_of_ones_own() {
    let folder = folder();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "at.json",
        r#"{"X": [[1, 2, 3], [4, 5, 6]], "N": 4, "b": [1, -1, 0.5, 2]}"#,
    );
    write("ragged.json", r#"{"X": [[1, 2], [3]]}"#);
    write("python.json", "{'X': [[1, 2]]}");
    write("clash.json", r#"{"X": [[1, 2]], "W": [[1, 2, 3]]}"#);
    write("other.json", r#"{"V": [1]}"#);
    let given = |rest: &[&'static str]| -> Vec<&'static str> {
        [&["check", LINEAR, "--where", SHAPES, "--at"], rest].concat()
    };
    let right = ["S=2, M=3, N=4", "Drawn at random: W, dY.", "right"];
    let double = given(&["at.json", "--claim", "dL/dW = 2 * dL/dY.T @ X"]);
    for (line, status, shown, told) in [
        (given(&["at.json"]), 0, &right[..], &[][..]),
        (
            given(&["at.json", "--claim", "dL/dX = dL/dY @ W"]),
            0,
            &["At these numbers dL/dX agrees"],
            &[],
        ),
        (
            double,
            1,
            &["At these numbers dL/dW[", "The values differ"],
            &[],
        ),
        (
            given(&["ragged.json"]),
            2,
            &[],
            &["`X`", "2 and 1 elements"],
        ),
        (
            given(&["python.json"]),
            2,
            &[],
            &["no JSON", "nested lists by name"],
        ),
        (
            given(&["clash.json"]),
            2,
            &[],
            &["M is 3 by `W`, but 2 by `X`"],
        ),
        (
            given(&["other.json"]),
            2,
            &[],
            &["`V` is no input", "X, W, b"],
        ),
        (
            given(&["at.json", "--order", "jacobian"]),
            3,
            &[],
            &["`--at`"],
        ),
        (
            given(&["at.json", "-o", "at.json"]),
            2,
            &[],
            &["output-is-input"],
        ),
    ] {
        hold(&line, &run(folder.path(), &line), status, shown, told);
    }
}
