//! Every emitter on the whole corpus: what it writes is run, beside the emitted NumPy (which is compared with the reference
//! elsewhere) and beside the library's own derivative.

mod corpus;
mod orders;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use backprove_calculus::{Gradient, Tensor};
use backprove_codegen::{Options, jax, numpy, rust, torch};
use backprove_syntax::Diagnostic;
use serde_json::{Value, json};
use xtask::python::Python;

use corpus::Entry;

type Emitter = fn(&Gradient, &Options) -> Result<String, Diagnostic>;

fn module(entry: &Entry, emitter: Emitter) -> String {
    let module = emitter(&entry.gradient, &Options::default());
    module.unwrap_or_else(|why| panic!("{}: {why:?}", entry.name))
}

/// A program for the driver: the module, NumPy's beside it, and what to call them with.
fn prepared(entry: &Entry, emitter: Emitter) -> Value {
    let gradient = &entry.gradient;
    let names = |tensors: &[Tensor]| {
        let names: Vec<&str> = tensors.iter().map(Tensor::name).collect();
        json!(names)
    };
    json!({
        "name": entry.name,
        "module": module(entry, emitter),
        "numpy": module(entry, numpy),
        "inputs": names(&gradient.forward.inputs),
        "wrt": names(&gradient.wrt),
        "cotangent": gradient.seed.as_ref().map(Tensor::name),
        "orders": corpus::orders(gradient),
        "is_general": gradient.forward.inputs.iter().all(corpus::is_general),
        "points": corpus::points(gradient),
    })
}

/// Runs the modules of the whole corpus; panics with all that is wrong.
fn run(python: &Python, library: &str, emitter: Emitter) {
    let entries = corpus::all();
    let programs: Vec<Value> = entries
        .iter()
        .map(|entry| prepared(entry, emitter))
        .collect();
    let input = json!({ "library": library, "programs": programs });
    let output = python.run(include_str!("driver.py"), &input.to_string());
    let output = output.unwrap_or_else(|why| panic!("{why}"));
    let answers: Vec<Vec<String>> = serde_json::from_str(&output).expect("a list of lists");
    assert_eq!(answers.len(), entries.len());
    let mut failures = String::new();
    for ((entry, program), wrong) in entries.iter().zip(&programs).zip(&answers) {
        for what in wrong {
            let _ = writeln!(failures, "{}: {what}", entry.name);
        }
        if !wrong.is_empty() {
            let _ = writeln!(
                failures,
                "{}",
                program["module"].as_str().unwrap_or_default()
            );
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

fn target() -> &'static Path {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    target.parent().expect("it is within the target folder")
}

/// Two layers with a hidden definition that the backward pass reads, and a loss that looks up labels.
const NETWORK: &str = "X[S, D]: constant; W1[H, D]; b1[H]; W2[C, H]; t[S]: labels(C)\n\
    A = tanh(X @ W1.T + b1)\nL = cross_entropy(A @ W2.T, t)";

#[test]
fn modules_read_well() {
    let gradient = corpus::gradient(NETWORK).expect("it can be derived");
    let emitters: [(&str, Emitter); 3] = [
        ("network_torch.py", torch),
        ("network_jax.py", jax),
        ("network_rust.rs", rust),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emitters/modules");
    for (file, emitter) in emitters {
        let path = folder.join(file);
        let text = emitter(&gradient, &Options::default()).expect("it can be written");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &text).expect("writable");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            text, kept,
            "{file} is out of date: run with BLESS=1, then read it"
        );
    }
}

/// What keeps the crate of all emitted modules of Rust: nothing is optimised, as the sizes are small. `faer` and what it
/// needs are asked for as the workspace asks for them, so that they are built already.
const MANIFEST: &str = "\
[package]
name = \"emitted\"
version = \"0.0.0\"
edition = \"2024\"

[dependencies]
faer = { version = \"0.24.4\", default-features = false, features = [\"std\", \"nightly\"] }
bitflags = { version = \"2\", features = [\"std\"] }
libc = { version = \"0.2\", features = [\"extra_traits\"] }
num-complex = \"0.4\"
num-traits = { version = \"0.2\", features = [\"libm\"] }
once_cell = \"1\"

[workspace]

[profile.dev.package.emitted]
opt-level = 0
debug = false

";

#[test]
fn rust_on_the_corpus() {
    let folder = target().join("emitted-rust");
    let source = folder.join("src");
    std::fs::create_dir_all(&source).expect("writable");
    let mut root = String::from("#![deny(warnings)]\n\n");
    for (place, entry) in corpus::all().iter().enumerate() {
        let _ = writeln!(root, "/// {}\npub mod p{place};", entry.name);
        let file = source.join(format!("p{place}.rs"));
        std::fs::write(file, module(entry, rust)).expect("writable");
    }
    std::fs::write(source.join("lib.rs"), root).expect("writable");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let manifest = std::fs::read_to_string(workspace.join("Cargo.toml")).expect("readable");
    let profiles = manifest
        .find("[profile.dev]")
        .map_or("", |place| &manifest[place..]);
    std::fs::write(folder.join("Cargo.toml"), MANIFEST.to_owned() + profiles).expect("writable");
    // The releases that the workspace has locked.
    std::fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock")).expect("writable");
    for arguments in [&["test"][..], &["clippy", "--all-targets"]] {
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .args(["--quiet", "--offline", "--target-dir"])
            .arg(target())
            .current_dir(&folder)
            .output()
            .expect("cargo is there");
        let said =
            String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "cargo {arguments:?}: {said}");
    }
}

/// PyTorch with what it needs is several gigabytes: it is used where the benchmarks have installed it, and installed
/// for these tests only on request.
fn torch_environment() -> Option<Python> {
    if std::env::var_os("BACKPROVE_TORCH").is_some() {
        let packages = ["torch==2.8.0", "numpy==2.3.5"];
        Some(
            Python::with_packages(target(), "torch", &packages)
                .unwrap_or_else(|why| panic!("{why}")),
        )
    } else {
        Python::found(target(), "bench")
    }
}

#[test]
fn torch_on_the_corpus() {
    match torch_environment() {
        Some(python) => run(&python, "torch", torch),
        None => eprintln!(
            "PyTorch is not installed: set BACKPROVE_TORCH=1 to have it installed (6 GB) and used"
        ),
    }
}

const JAX: &[&str] = &["jax==0.7.2", "numpy==2.3.5", "scipy==1.16.3"];

#[test]
fn jax_on_the_corpus() {
    let python = Python::with_packages(target(), "jax", JAX);
    run(&python.unwrap_or_else(|why| panic!("{why}")), "jax", jax);
}
