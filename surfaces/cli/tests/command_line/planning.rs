//! Plans from the command line: what they say before anything runs, that they run, and what is wrong with sizes.

use std::fs;

use crate::running::{LINEAR, Line, SHAPES, folder, hold, run};

const SIZES: &str = "S=8,M=4,N=2";

/// The networks that the engine's goals are about.
const NETWORKS: [[&str; 6]; 3] = [
    ["--mlp", "64-32-10", "--batch", "32", "--activation", "tanh"],
    [
        "--mlp",
        "784-512-256-10",
        "--batch",
        "128",
        "--activation",
        "relu",
    ],
    [
        "--mlp",
        "1024-2048-2048-10",
        "--batch",
        "512",
        "--activation",
        "gelu",
    ],
];

#[test]
fn what_is_wrong_is_said() {
    let folder = folder();
    let linear = |more: &[&'static str]| [&["plan", LINEAR, "--where", SHAPES], more].concat();
    let convolution = "y = [sum(x[i:i+U] * w) for i in range(N - U + 1)]";
    let lines: &[(Vec<&str>, i32, &[&str])] = &[
        (
            linear(&[]),
            2,
            &[
                "error[missing-size]",
                "`S`, `M`, `N`",
                "`--sizes S=128,M=64,N=32`",
            ],
        ),
        (
            linear(&["--sizes", "S=9,N=7"]),
            2,
            &["the size `M` has no value", "--sizes S=9,M=64,N=7"],
        ),
        (
            linear(&["--sizes", "S=1,M=2,N=3,Q=4"]),
            2,
            &["error[unknown-size]", "its sizes are S, M, N"],
        ),
        (
            linear(&["--sizes", "S=1,M=2,N=3,S=4"]),
            2,
            &["error[size-given-twice]", "as 1 and as 4"],
        ),
        (
            linear(&["--sizes", "S=0,M=2,N=3"]),
            2,
            &["`0` is not a whole number from 1 on"],
        ),
        (
            linear(&["--sizes", "S=-1"]),
            2,
            &["`-1` is not a whole number"],
        ),
        (
            linear(&["--sizes", "S=two"]),
            2,
            &["`two` is not a whole number"],
        ),
        (
            linear(&["--sizes", "128"]),
            2,
            &["write a name and a number, such as `S=128`"],
        ),
        (
            linear(&["--sizes", "S=99999999999999999999,M=1,N=1"]),
            2,
            &["is not a whole number"],
        ),
        (
            linear(&["--sizes", "S=1000000000000,M=1000000000,N=100000000"]),
            3,
            &["error[not-plannable]", "more than 2^48 elements"],
        ),
        (
            linear(&["--sizes", "S=100000000,M=100000,N=10"]),
            3,
            &[
                "error[not-plannable]",
                "MiB of memory, more than the system gives",
            ],
        ),
        (
            vec![
                "plan",
                convolution,
                "--where",
                "x[N]; w[U]",
                "--sizes",
                "N=2,U=5",
            ],
            2,
            &[
                "error[size-below-one]",
                "the size `N - U + 1` is below 1 at N=2, U=5",
            ],
        ),
        (
            linear(&["--optimizer", "sgd", "--sizes", SIZES]),
            2,
            &["no input holds labels"],
        ),
        (
            linear(&["--threads", "0", "--sizes", SIZES]),
            2,
            &["`0` is not a whole number"],
        ),
        (
            linear(&["--forward", "--wrt", "W", "--sizes", SIZES]),
            2,
            &["cannot be used with"],
        ),
        (vec!["plan"], 2, &["<SOURCE>"]),
        (
            vec!["plan", "--mlp", "784"],
            2,
            &["name at least the features and the classes"],
        ),
        (
            vec!["plan", "--mlp", "784-0-10"],
            2,
            &["`0` is not a whole number"],
        ),
        (
            vec!["plan", "--mlp", "784-10", "--sizes", "S=3"],
            2,
            &["cannot be used with"],
        ),
        (
            vec!["plan", "--mlp", "784-9-10", "--activation", "foo"],
            2,
            &["no activation `foo`"],
        ),
        (
            vec!["plan", LINEAR, "--activation", "relu"],
            2,
            &["cannot be used with"],
        ),
        (
            vec!["plan", "Y = X @", "--sizes", SIZES],
            2,
            &["error[expected-expression]"],
        ),
    ];
    for (line, status, words) in lines {
        hold(line, &run(folder.path(), line), *status, &[], words);
    }
}

#[test]
fn what_is_planned_can_be_chosen() {
    let folder = folder();
    let linear = ["plan", "linear.bp", "--sizes", SIZES];
    let lines: &[Line<'_>] = &[
        (
            &["--forward"],
            0,
            &[
                "Plan in f32",
                "product",
                "Y[i, j]",
                "128 ",
                "The peak is known before anything runs",
                "Arena",
            ],
            &[],
        ),
        (&["--wrt", "b"], 0, &["db"], &[]),
        (&["--precision", "f64"], 0, &["Plan in f64"], &[]),
        (&["--order", "jvp"], 0, &["t_W"], &[]),
        (&["--threads", "100000"], 0, &["Arena"], &[]),
        (
            &["--format", "markdown"],
            0,
            &["# Plan in f32", "| product"],
            &[],
        ),
        (
            &["--format", "html"],
            0,
            &[
                "<!DOCTYPE html>",
                "<svg",
                "Kernels by floating-point operations",
            ],
            &[],
        ),
    ];
    for (more, status, output, errors) in lines {
        let line = [&linear[..], more].concat();
        hold(&line, &run(folder.path(), &line), *status, output, errors);
    }
    let forward = run(folder.path(), &[&linear[..], &["--forward"]].concat());
    assert!(!forward.output.contains("dW"));
}

#[test]
fn each_network_is_shown_by_one_command() {
    let folder = folder();
    for network in NETWORKS {
        let line = [
            &["plan"],
            &network[..],
            &["--svg", "plan.svg", "--format", "json"],
        ]
        .concat();
        let run = run(folder.path(), &line);
        hold(
            &line,
            &run,
            0,
            &[
                "\"schema\": \"backprove/plan/1\"",
                "\"peak_bytes\"",
                "\"W1_1\"",
            ],
            &[],
        );
        assert!(!run.output.contains("timing"));
        let picture = fs::read_to_string(folder.path().join("plan.svg")).unwrap();
        assert!(picture.starts_with("<svg ") && picture.contains("W1 → W1_1"));
    }
    let adam = ["plan", "--mlp", "6-5-3", "--optimizer", "adam"];
    hold(&adam, &run(folder.path(), &adam), 0, &["m_W1"], &[]);
}

#[test]
fn plans_are_run_and_timed() {
    let folder = folder();
    let facts = "A[N,N]: spd; x[N]; p[N,C]: prob; t[N]: labels(C)";
    let program = "L = logdet(A) + x @ inv(A) @ x - sum([log(p[i, t[i]]) for i in range(N)])";
    for line in [
        &[
            "plan",
            "--mlp",
            "6-5-3",
            "--optimizer",
            "momentum",
            "--time",
        ][..],
        &[
            "plan", program, "--where", facts, "--sizes", "N=4,C=3", "--time", "--seed", "3",
        ],
        &[
            "plan",
            "linear.bp",
            "--sizes",
            SIZES,
            "--order",
            "jvp",
            "--time",
            "--precision",
            "f64",
        ],
    ] {
        let run = run(folder.path(), line);
        hold(
            line,
            &run,
            0,
            &["A run takes ", "of peak", "of memory"],
            &[],
        );
    }
    let line = [
        "plan",
        "linear.bp",
        "--sizes",
        SIZES,
        "--time",
        "--format",
        "json",
    ];
    hold(
        &line,
        &run(folder.path(), &line),
        0,
        &["\"timing\"", "\"kernels\""],
        &[],
    );
}
