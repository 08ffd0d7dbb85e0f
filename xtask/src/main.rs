//! `cargo xtask bench NAME`: makes the rivals ready and runs a benchmark. Must never measure anything itself.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use clap::{Parser, Subcommand};
use xtask::python::Python;
use xtask::{PACKAGES, rival};

/// The benchmarks, and what each needs beside us.
const BENCHES: [(&str, Needs); 12] = [
    ("step", Needs::PythonAndRust),
    ("peak", Needs::Nothing),
    ("scaling", Needs::Nothing),
    ("fashion", Needs::Python),
    ("layers", Needs::Python),
    ("elementwise", Needs::Python),
    ("first-gradient", Needs::Python),
    ("hessian", Needs::Python),
    ("derive", Needs::Nothing),
    ("rivals", Needs::Python),
    ("accuracy", Needs::Nothing),
    ("package", Needs::PythonWithPackage),
];

/// The rivals that a benchmark needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Python,
    PythonAndRust,
    /// Python's rivals, and our own package beside them.
    PythonWithPackage,
}

/// The project's own chores.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Runs a benchmark beside its rivals, and writes its table and its plot into `benches`.
    Bench {
        /// Which: step, peak, scaling, fashion, layers, elementwise, first-gradient, hessian, derive, rivals, accuracy, package, or all of them.
        name: String,
        /// Only these cases; then nothing is written.
        cases: Vec<String>,
        /// At most about two minutes, one line for each figure, and nothing is written.
        #[arg(long)]
        quick: bool,
        /// An interpreter that has the rivals' packages; without it they are installed beneath the target directory.
        #[arg(long)]
        python: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let Chore::Bench {
        name,
        cases,
        quick,
        python,
    } = Arguments::parse().chore;
    match bench(&name, &cases, quick, python) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(
    name: &str,
    cases: &[String],
    quick: bool,
    python: Option<PathBuf>,
) -> Result<(), Box<dyn Error>> {
    let wanted: Vec<_> = BENCHES
        .iter()
        .filter(|(bench, _)| name == "all" || *bench == name)
        .collect();
    if wanted.is_empty() {
        let names: Vec<&str> = BENCHES.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "there is no benchmark `{name}`; choose one of {}, all",
            names.join(", ")
        )
        .into());
    }
    let needs = |rivals: &[Needs]| wanted.iter().any(|(_, needs)| rivals.contains(needs));
    let python = match python {
        Some(python) => Some(python),
        None if needs(&[
            Needs::Python,
            Needs::PythonAndRust,
            Needs::PythonWithPackage,
        ]) =>
        {
            Some(installed()?)
        }
        None => None,
    };
    if let Some(python) = &python
        && needs(&[Needs::PythonWithPackage])
    {
        package(python)?;
    }
    let rust = if needs(&[Needs::PythonAndRust]) {
        Some(built()?)
    } else {
        None
    };
    for (name, _) in wanted {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "bench",
            "--quiet",
            "--locked",
            "--package",
            "backprove",
            "--bench",
            name,
            "--",
        ]);
        cargo.args(cases).args(quick.then_some("--quick"));
        for (variable, path) in [(rival::PYTHON, &python), (rival::RUST, &rust)] {
            if let Some(path) = path {
                cargo.env(variable, path);
            }
        }
        finished(name, cargo.status()?)?;
    }
    Ok(())
}

/// The interpreter of the environment with the rivals' packages, which is made if need be.
fn installed() -> Result<PathBuf, Box<dyn Error>> {
    eprintln!("Python's rivals: {}", PACKAGES.join(", "));
    let python = Python::with_packages(&target(), "bench", &PACKAGES)?;
    Ok(python.interpreter().to_owned())
}

/// Builds our own package into the rivals' environment.
fn package(python: &Path) -> Result<(), Box<dyn Error>> {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps"]);
    pip.args(["--disable-pip-version-check", "--force-reinstall"]);
    pip.arg(root().join("surfaces/python"));
    finished("the build of the package", pip.status()?)
}

/// The program of the rivals in Rust, which is built if need be.
fn built() -> Result<PathBuf, Box<dyn Error>> {
    let target = target().join("rust-rivals");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--locked", "--manifest-path"]);
    cargo.arg(root().join("benches/rust-rivals/Cargo.toml"));
    cargo.arg("--target-dir").arg(&target);
    finished("the build of the rivals in Rust", cargo.status()?)?;
    Ok(target
        .join("release/rust-rivals")
        .with_extension(std::env::consts::EXE_EXTENSION))
}

fn finished(what: &str, status: ExitStatus) -> Result<(), Box<dyn Error>> {
    if status.success() {
        Ok(())
    } else {
        Err(format!("{what}: {status}").into())
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
