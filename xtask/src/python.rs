//! Virtual environments of Python for tests: made once beneath the target directory, with pinned packages, and used
//! again. A test that needs Python fails with a clear message where there is none; it never passes silently.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A Python with the packages that a test asked for.
#[derive(Debug, Clone)]
pub struct Python {
    interpreter: PathBuf,
}

/// Why there is no Python, or why a program of it failed.
#[derive(Debug)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl Python {
    /// The environment called `name` beneath `target`, with exactly the given packages (`numpy==2.3.5`).
    ///
    /// Safe to be called by several tests at once: the first makes the environment, the others wait.
    pub fn with_packages(target: &Path, name: &str, packages: &[&str]) -> Result<Self, Error> {
        let home = target.join("python");
        fs::create_dir_all(&home).map_err(|error| failed("make the folder for Python", &error))?;
        let lock = File::create(home.join(format!("{name}.lock")))
            .map_err(|error| failed("make a lock", &error))?;
        lock.lock()
            .map_err(|error| failed("wait for a lock", &error))?;
        let folder = home.join(name);
        let python = Self::within(&folder);
        let stamp = folder.join("packages.txt");
        let wanted = packages.join("\n");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(python);
        }
        let folder = folder.display().to_string();
        python_on_path(&["-m", "venv", "--clear", &folder])?;
        let mut install = vec![
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            // Python compiles what is imported; most of what is installed never is.
            "--no-compile",
        ];
        install.extend(packages);
        let what = format!("install {}", packages.join(", "));
        checked(
            &what,
            Command::new(&python.interpreter).args(install).output(),
        )?;
        fs::write(stamp, wanted).map_err(|error| failed("note the packages", &error))?;
        Ok(python)
    }

    /// The environment called `name` beneath `target`, if it was made before.
    pub fn found(target: &Path, name: &str) -> Option<Self> {
        let folder = target.join("python").join(name);
        let is_made = folder.join("packages.txt").exists();
        is_made.then(|| Self::within(&folder))
    }

    fn within(folder: &Path) -> Self {
        let interpreter = if cfg!(windows) {
            "Scripts/python.exe"
        } else {
            "bin/python"
        };
        Self {
            interpreter: folder.join(interpreter),
        }
    }

    /// The program that runs this environment's Python.
    pub fn interpreter(&self) -> &Path {
        &self.interpreter
    }

    /// Runs `program` (its text) with `input` on its standard input; returns its standard output.
    pub fn run(&self, program: &str, input: &str) -> Result<String, Error> {
        let mut child = Command::new(&self.interpreter)
            .args(["-c", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed("start Python", &error))?;
        let stdin = child.stdin.take();
        // Written from another thread: a program that prints much while it reads would wait for us otherwise.
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                // A program that ends without reading all of it says why itself.
                stdin.map(|mut stdin| stdin.write_all(input.as_bytes()))
            });
            child.wait_with_output()
        });
        checked("run a program of Python", output)
    }
}

fn python_on_path(arguments: &[&str]) -> Result<String, Error> {
    let output = Command::new("python3").args(arguments).output();
    if let Err(error) = &output
        && error.kind() == io::ErrorKind::NotFound
    {
        let message = "Python is needed: install `python3` with `venv` and `pip`";
        return Err(Error(message.to_owned()));
    }
    checked(
        "make a virtual environment (are `venv` and `pip` installed?)",
        output,
    )
}

fn checked(what: &str, output: io::Result<Output>) -> Result<String, Error> {
    let output = output.map_err(|error| failed(what, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error(format!(
        "could not {what}: {}\n{said}",
        output.status
    )))
}

fn failed(what: &str, error: &io::Error) -> Error {
    Error(format!("could not {what}: {error}"))
}
