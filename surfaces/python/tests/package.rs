//! The package as its users get it: built and installed into a virtual environment of its own, then tested by `pytest`, the
//! examples of its documentation included. What is tested stands in `tests/python`.

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::python::Python;

const PACKAGES: &[&str] = &[
    "ipykernel==7.4.0",
    "jax==0.7.2",
    "maturin==1.16.0",
    "mypy==2.4.1",
    "nbclient==0.11.0",
    "nbformat==5.11.1",
    "numpy==2.3.5",
    "pytest==9.2.0",
    "ruff==0.17.6",
    "scikit-learn==1.9.1",
    "scipy==1.16.3",
];

/// PyTorch is large: its tests run where this variable is set.
const WITH_TORCH: &str = "BACKPROVE_TORCH";
const TORCH: &str = "torch==2.8.0";

/// The folder of all build results.
fn target() -> PathBuf {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    scratch.parent().map(Path::to_path_buf).unwrap_or_default()
}

fn run(what: &str, command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{what}: {}\n{said}\n{complained}",
        output.status
    );
    said
}

#[test]
fn the_package_installs_and_passes_its_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut packages, mut name) = (PACKAGES.to_vec(), "package");
    if std::env::var_os(WITH_TORCH).is_some() {
        packages.push(TORCH);
        name = "package-torch";
    } else {
        println!("PyTorch's tests are left out: they run where {WITH_TORCH} is set");
    }
    let python =
        Python::with_packages(&target(), name, &packages).unwrap_or_else(|error| panic!("{error}"));
    let scripts = python.interpreter().parent().unwrap_or(Path::new(""));
    let path = std::env::join_paths(std::iter::once(scripts.to_path_buf()).chain(
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()),
    ))
    .unwrap_or_default();
    // The development profile, in the same target folder: most of it is built already.
    run(
        "install the package",
        Command::new(python.interpreter())
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(["--no-build-isolation", "--no-deps", "--force-reinstall"])
            .args([
                "--config-settings",
                "build-args=--profile=dev --locked",
                ".",
            ])
            .env("CARGO_TARGET_DIR", target())
            .env("PATH", path)
            .current_dir(folder),
    );
    for checks in [
        &["ruff", "check", "."][..],
        &["ruff", "format", "--check", "."],
        &["mypy", "python/backprove"],
    ] {
        run(
            &checks.join(" "),
            Command::new(python.interpreter())
                .arg("-m")
                .args(checks)
                .env("RUFF_NO_CACHE", "true")
                .env(
                    "MYPY_CACHE_DIR",
                    Path::new(env!("CARGO_TARGET_TMPDIR")).join("mypy"),
                )
                .current_dir(folder),
        );
    }
    let said = run(
        "pytest",
        Command::new(python.interpreter())
            .args([
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "tests/python",
            ])
            .args([
                "--doctest-modules",
                "--doctest-glob=guide.md",
                "--pyargs",
                "backprove",
            ])
            // A class for PyTorch cannot be read without it.
            .arg(match name {
                "package" => "--doctest-ignore-import-errors",
                _ => "--doctest-glob=pytorch.md",
            })
            .env(
                "PYTHONPYCACHEPREFIX",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("pycache"),
            )
            .current_dir(folder),
    );
    assert!(said.contains(" passed"), "{said}");
}
