//! Compiling with LaTeX where it is installed. Where it is not, callers have checked the structure
//! of what they print, and the output of the test says that this was all.

use std::path::Path;
use std::process::Command;

/// Compiles a document and fails with LaTeX's own log; says which was done.
pub fn compile(name: &str, source: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(name).with_extension("tex");
    std::fs::write(&file, source).expect("the test folder can be written");
    let run = Command::new("pdflatex")
        .args(["-interaction=nonstopmode", "-halt-on-error"])
        .arg(&file)
        .current_dir(folder)
        .output();
    match run {
        Ok(output) => {
            let log = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{name} does not compile:\n{log}");
            println!("{name}: compiled with pdflatex");
        }
        Err(_) => println!("{name}: pdflatex is not installed; structure checked only"),
    }
}
