//! A rival: a process that answers one line for each command, so that all sides are measured in turn in one run. Must never measure
//! anything itself.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running rival.
pub struct Rival {
    name: String,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Rival {
    /// Starts a program with its arguments and environment.
    pub fn start(command: &mut Command) -> Result<Self, Box<dyn Error>> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("could not start {name}: {error}"))?;
        let input = process.stdin.take().ok_or("no standard input")?;
        let output = process.stdout.take().ok_or("no standard output")?;
        Ok(Self {
            name,
            process,
            input,
            output: BufReader::new(output),
        })
    }

    /// Starts a script of the folder `benches/rivals` with the interpreter that `cargo xtask bench` made ready, on so many threads.
    pub fn python(
        script: &str,
        threads: usize,
        arguments: &[&str],
    ) -> Result<Self, Box<dyn Error>> {
        let python = std::env::var_os(PYTHON).ok_or("run it by `cargo xtask bench`")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../benches/rivals")
            .join(script);
        let mut command = Command::new(python);
        command.arg(script).arg(threads.to_string()).args(arguments);
        Self::start(&mut command)
    }

    /// Sends a command and returns the answer.
    pub fn say(&mut self, command: &str) -> Result<String, Box<dyn Error>> {
        writeln!(self.input, "{command}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.is_empty() {
            return Err(format!("{} ended at `{command}`", self.name).into());
        }
        Ok(line)
    }

    /// Sends a command and reads the numbers of the answer.
    pub fn ask(&mut self, command: &str) -> Result<Vec<f64>, Box<dyn Error>> {
        let line = self.say(command)?;
        let numbers = line.split_whitespace().map(str::parse);
        Ok(numbers.collect::<Result<_, _>>()?)
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // It ends by itself when its input closes; this is for the case that it hangs.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The variable that names the rivals' Python.
pub const PYTHON: &str = "BACKPROVE_BENCH_PYTHON";
/// The variable that names the program of the rivals in Rust.
pub const RUST: &str = "BACKPROVE_BENCH_RUST_RIVALS";
