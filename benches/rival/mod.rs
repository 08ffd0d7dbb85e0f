//! The rival: a Python process that answers commands, so that both sides are measured in turn in one run. Must never
//! measure anything itself.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running rival.
pub struct Rival {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Rival {
    /// Starts `script`, a file beside the benchmarks, with the Python that `BACKPROVE_PYTHON` names, or `python3`.
    pub fn start(script: &str, threads: usize) -> Result<Self, Box<dyn Error>> {
        let python = std::env::var("BACKPROVE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches");
        let mut process = Command::new(python)
            .args([format!("{folder}/{script}"), threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().ok_or("no standard input")?;
        let output = process.stdout.take().ok_or("no standard output")?;
        Ok(Self {
            process,
            input,
            output: BufReader::new(output),
        })
    }

    /// Sends a command and reads the numbers of the answer.
    pub fn ask(&mut self, command: &str) -> Result<Vec<f64>, Box<dyn Error>> {
        writeln!(self.input, "{command}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.is_empty() {
            return Err(
                "the rival ended; are its packages installed for this Python (BACKPROVE_PYTHON)?"
                    .into(),
            );
        }
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
