//! The command as its users run it: command lines with what they must answer.

mod asked;
mod numbers;
mod outputs;
mod planning;
mod running;
mod sources;
mod training;
mod transcripts;
