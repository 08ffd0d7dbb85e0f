//! Training, prediction and evaluation from the command line, on small runs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::running::{command, hold, run};

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
    fs::write(at("turned.csv"), "side,y,x\nbelow,-3,8\nabove,3,-8\n").unwrap();
    let turned = run_of(&["predict", "backprove-run", "turned.csv"]);
    assert_eq!(
        (turned.status, turned.output.as_str()),
        (0, "below\nabove\n")
    );
    let evaluated = run_of(&["evaluate", "backprove-run", "turned.csv"]);
    hold(&["evaluate"], &evaluated, 0, &["accuracy 100.00 %"], &[]);
    fs::write(at("other.csv"), "x,z\n8,-3\n").unwrap();
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
            &["train", "--test", "0"],
            "`--test` must lie between 0 and 1, but is 0",
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
            &["predict", "backprove-run", "other.csv"],
            "expected the features of the training data, “x”, “y”, found “x”, “z”",
        ),
        (
            &["evaluate", "nowhere", "plane.csv"],
            "nowhere: cannot find the file",
        ),
    ] {
        hold(line, &run_of(line), 2, &[], &[words]);
    }
    assert!(!at("wild").join("model.safetensors").exists());
}

#[test]
fn a_report_that_cannot_be_written_does_not_lose_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (out, name) in [("first", "report.html"), ("second", "metrics.json")] {
        // A folder of that name stands for a full disk: the file cannot be written.
        fs::create_dir_all(at(out).join(name)).unwrap();
        let line = small(&["--out", out, "--overwrite"]);
        let told = format!("the model itself is kept in `{out}/model.safetensors`");
        let stopped = run(folder.path(), &line);
        hold(&line, &stopped, 2, &[], &[name, "cannot write", &told]);
        assert!(!read(&at(out), "model.safetensors").is_empty());
        assert!(!read(&at(out), "model.bp").is_empty());
    }
    assert!(!read(&at("first"), "metrics.json").is_empty());
}

#[test]
fn files_of_a_user_are_not_written_over_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("model.bp"), "# mine\n").unwrap();
    let line = small(&["--out", "."]);
    let refused = run(folder.path(), &line);
    let told = "`.` holds a file `model.bp`, which a run would write over";
    hold(&line, &refused, 2, &[], &[told, "--overwrite"]);
    assert_eq!(read(folder.path(), "model.bp"), b"# mine\n");
}

#[test]
fn a_run_that_diverges_keeps_its_best_model_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let program =
        "X[S, D]; t[S]: labels(C); W[C, D]\nZ = X @ W.T\nL = cross_entropy(Z, t) + sum(W * W) / 2";
    let line = [
        "train",
        program,
        "--optimizer",
        "sgd",
        "--lr",
        "1e12",
        "--batch",
        "2000",
        "--epochs",
        "9",
    ];
    let trained = run(folder.path(), &line);
    assert_eq!(trained.status, 0, "{}", trained.errors);
    for words in ["warning: the loss", "usually helps", "epoch 1 is kept"] {
        assert!(
            trained.errors.contains(words),
            "{words}\n{}",
            trained.errors
        );
    }
    assert!(
        trained.output.contains("It ended early: the loss"),
        "{}",
        trained.output
    );
    let run_folder = folder.path().join("backprove-run");
    assert!(!read(&run_folder, "model.safetensors").is_empty());
    for name in ["metrics.json", "report.html"] {
        let text = String::from_utf8(read(&run_folder, name)).unwrap();
        assert!(text.contains("usually helps"), "{name}");
    }
}

/// Waits until the process catches an interrupt, which it does just before it trains.
#[cfg(target_os = "linux")]
fn catches_interrupts(process: u32) -> bool {
    let caught = |line: &str| {
        let mask = u64::from_str_radix(line.strip_prefix("SigCgt:")?.trim(), 16).ok()?;
        Some(mask & 2 != 0)
    };
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().find_map(caught).unwrap_or_default()
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_within_the_first_epoch_keeps_the_model_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), &small(&["--out", "kept"]));
    assert_eq!(first.status, 0, "{}", first.errors);
    let names = [
        "model.safetensors",
        "model.bp",
        "metrics.json",
        "report.html",
    ];
    let files = || names.map(|name| read(&folder.path().join("kept"), name));
    let before = files();
    let line = [
        "train",
        "--hidden",
        "1024,1024",
        "--batch",
        "1",
        "--out",
        "kept",
        "--overwrite",
    ];
    let mut child = command(folder.path(), &line).spawn().unwrap();
    while !catches_interrupts(child.id()) && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let process = child.id().to_string();
    let mut interrupt = std::process::Command::new("kill");
    assert!(
        interrupt
            .args(["-INT", &process])
            .status()
            .unwrap()
            .success()
    );
    let ended = child.wait_with_output().unwrap();
    let errors = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(3), "{errors}");
    let told = "stopped within the first epoch, so `kept` keeps the run that it held";
    assert!(errors.contains(told), "{errors}");
    assert!(before == files());
}

#[test]
fn a_fact_that_training_would_lose_is_refused_where_it_is_declared() {
    let folder = tempfile::tempdir().unwrap();
    let program = "X[S,D]; t[S]: labels(C); A[D,D]: symmetric; V[D,C]; Z = X @ A @ V; \
        L = cross_entropy(Z, t) + 0.1*trace(A @ A)";
    let told = [
        "error[fact-not-trained]",
        "`A` is declared symmetric",
        "A[D,D]: symmetric;",
        "trained as a plain tensor",
        "declare `A[D, D]`, and write `(A + A.T) / 2` for `A`",
    ];
    for line in [
        &["train", program][..],
        &[
            "plan",
            program,
            "--optimizer",
            "sgd",
            "--sizes",
            "S=2,D=3,C=4",
        ],
    ] {
        hold(line, &run(folder.path(), line), 2, &[], &told);
    }
    assert!(!folder.path().join("backprove-run").exists());
}
