//! The command `backprove`.

fn main() {}
