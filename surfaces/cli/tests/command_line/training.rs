//! Training, prediction and evaluation from the command line, on small runs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::running::{hold, run};

/// A small run on the built-in digits.
const SMALL: [&str; 9] = [
    "train", "--hidden", "16", "--epochs", "2", "--batch", "64", "--lr", "0.1",
];

fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SMALL, more].concat()
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn a_run_leaves_the_same_files_for_the_same_seed_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let train = |more: &[&str]| {
        let run = run(folder.path(), &small(more));
        assert_eq!(run.status, 0, "{}", run.errors);
        assert!(run.errors.starts_with("epoch 1/2: loss "), "{}", run.errors);
        assert_eq!(run.errors.lines().count(), 2);
        for words in [
            "Training on UCI optical digits",
            "Test accuracy",
            "precision",
            "true \\ predicted",
        ] {
            assert!(run.output.contains(words), "{words}\n{}", run.output);
        }
        run.output
    };
    assert!(train(&["--threads", "1"]).contains("Written to `backprove-run`:"));
    assert!(train(&["--threads", "2"]).contains("Written to `backprove-run-2`:"));
    train(&["--out", "runs/third", "--seed", "7"]);
    let at = |name: &str| folder.path().join(name);
    for name in [
        "model.safetensors",
        "model.bp",
        "metrics.json",
        "report.html",
    ] {
        let first = read(&at("backprove-run"), name);
        assert!(first == read(&at("backprove-run-2"), name), "{name}");
        assert_eq!(
            first == read(&at("runs/third"), name),
            name == "model.bp",
            "{name}"
        );
    }
    let report = String::from_utf8(read(&at("backprove-run"), "report.html")).unwrap();
    for words in [
        "<svg",
        "Confusion matrix",
        "CC BY 4.0",
        "<math",
        "linear(X, W1, b1)",
    ] {
        assert!(report.contains(words), "{words}");
    }
    let timing = String::from_utf8(read(&at("backprove-run"), "timing.json")).unwrap();
    assert!(timing.contains("\"threads\": 1"));

    let again = small(&["--out", "runs/third"]);
    hold(
        &again,
        &run(folder.path(), &again),
        2,
        &[],
        &["`runs/third` holds a finished run", "--overwrite"],
    );
    train(&["--out", "runs/third", "--overwrite"]);
    let first = read(&at("backprove-run"), "model.safetensors");
    assert!(first == read(&at("runs/third"), "model.safetensors"));
}

#[test]
fn a_users_own_network_is_trained_and_used_on_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(
        at("model.bp"),
        "X[S, D]; t[S]: labels(C); W[H, D]; V[C, H]\nZ = tanh(X @ W.T) @ V.T\nL = cross_entropy(Z, t)\n",
    )
    .unwrap();
    let mut table = "x,y,side\n".to_owned();
    for sample in 0..200 {
        let x = f64::from(sample % 20) - 9.5;
        let y = f64::from(sample / 20) - 4.5;
        let side = if x > y { "below" } else { "above" };
        writeln!(table, "{x},{y},{side}").unwrap();
    }
    fs::write(at("plane.csv"), table).unwrap();
    fs::write(at("new.csv"), "x,y\n8,-3\n-8,3\n").unwrap();
    let line = [
        "train",
        "model.bp",
        "--data",
        "plane.csv",
        "--hidden",
        "4",
        "--epochs",
        "40",
        "--batch",
        "10",
        "--lr",
        "0.05",
    ];
    let run_of = |line: &[&str]| run(folder.path(), line);
    let trained = run_of(&line);
    assert_eq!(trained.status, 0, "{}", trained.errors);
    let predicted = run_of(&["predict", "backprove-run", "new.csv"]);
    assert_eq!(
        (predicted.status, predicted.output.as_str()),
        (0, "below\nabove\n")
    );
    let model = "backprove-run/model.safetensors";
    hold(
        &["evaluate"],
        &run_of(&["evaluate", model, "plane.csv"]),
        0,
        &["Evaluation on plane.csv", "on 200 samples", "below"],
        &[],
    );
    for (line, words) in [
        (
            &["train", "model.bp", "--data", "plane.csv"][..],
            "the size H of `W` is open",
        ),
        (
            &["train", "--data", "missing/"],
            "missing/: cannot find the data",
        ),
        (
            &["train", "--activation", "rleu"],
            "there is no activation `rleu`",
        ),
        (&["train", "--hidden", "12,0"], "`0` is no number of units"),
        (
            &["train", "--epochs", "0"],
            "the number of epochs must lie between 1",
        ),
        (
            &["train", "--lr", "-1"],
            "the learning rate must be a number from 0 upwards",
        ),
        (
            &[
                "train",
                "--optimizer",
                "sgd",
                "--lr",
                "1e6",
                "--out",
                "wild",
            ],
            "a smaller one, such as 100000",
        ),
        (&["train", "X[S, D]\nY = X @ Q"], "`Q`"),
        (
            &["predict", "plane.csv", "new.csv"],
            "expected a safetensors file",
        ),
        (&["predict", "backprove-run", "model.bp"], "model.bp"),
        (
            &["evaluate", "nowhere", "plane.csv"],
            "nowhere: cannot find the file",
        ),
    ] {
        hold(line, &run_of(line), 2, &[], &[words]);
    }
    assert!(!at("wild").join("model.safetensors").exists());
}
