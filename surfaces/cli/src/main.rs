//! The command `backprove`. It reads arguments and texts, asks the library, and prints; what is
//! derived, checked or laid out is decided in the library, never here.

mod arguments;
mod asked;
mod command;
mod effort;
mod misuse;
mod orientation;
mod output;
mod panic;
mod planning;
mod source;
mod stop;
mod training;

use std::process::ExitCode;

fn main() -> ExitCode {
    panic::install();
    command::run(std::env::args_os()).into()
}
