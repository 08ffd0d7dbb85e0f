//! The problems of `corpus/problems`: reading them, and nothing else.

use std::path::{Path, PathBuf};

use backprove::Problem;
use toml::{Table, Value};

/// A problem as it stands in its file.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The file, without its ending.
    pub topic: String,
    /// The name; no other problem has it.
    pub name: String,
    /// The declarations.
    pub given: String,
    /// What is differentiated, as it was pasted.
    pub source: String,
    /// By what; every input that is not constant, where none is named.
    pub wrt: Vec<String>,
    /// `gradient`, `jacobian` or `hessian`.
    pub order: String,
    /// The declared tensor that stands for the gradient by the output.
    pub cotangent: Option<String>,
    /// The textbook's results: a variable, or two with a comma between them, and the text.
    pub closed: Vec<(String, String)>,
}

impl Entry {
    /// Declarations and definition as one program.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.given, self.source)
    }

    /// The problem, read.
    pub fn read(&self) -> Result<Problem, backprove::Diagnosed> {
        Problem::read(&self.text())
    }

    /// The names of the variables.
    pub fn variables(&self) -> Vec<&str> {
        self.wrt.iter().map(String::as_str).collect()
    }
}

/// The folder of the problems.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/problems")
}

/// All problems, file by file.
pub fn all() -> Vec<Entry> {
    let entries = std::fs::read_dir(folder()).expect("the problems are there");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let topic = file.file_stem().unwrap_or_default().to_string_lossy();
        let text = std::fs::read_to_string(&file).expect("readable");
        let table: Table = text
            .parse()
            .unwrap_or_else(|error| panic!("{topic}: {error}"));
        let problems = table["problem"].as_array().expect("a list of problems");
        all.extend(problems.iter().map(|problem| entry(&topic, problem)));
    }
    for (place, entry) in all.iter().enumerate() {
        let again = all[..place].iter().any(|other| other.name == entry.name);
        assert!(!again, "two problems are called {}", entry.name);
    }
    all
}

fn entry(topic: &str, problem: &Value) -> Entry {
    const KEYS: &[&str] = &[
        "name",
        "says",
        "given",
        "source",
        "wrt",
        "order",
        "cotangent",
        "closed",
    ];
    let table = problem.as_table().expect("a table");
    for key in table.keys() {
        assert!(KEYS.contains(&key.as_str()), "{topic}: what is `{key}`?");
    }
    let text = |key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
    let name = text("name").expect("a name");
    let needed = |key: &str| text(key).unwrap_or_else(|| panic!("{name} has no `{key}`"));
    assert!(needed("says").ends_with('.'), "{name} says no sentence");
    let wrt = table.get("wrt").and_then(Value::as_array);
    let closed = table.get("closed").and_then(Value::as_table);
    let closed = closed.into_iter().flatten();
    Entry {
        topic: topic.to_owned(),
        given: needed("given"),
        source: needed("source"),
        wrt: wrt
            .into_iter()
            .flatten()
            .map(|variable| variable.as_str().expect("a name").to_owned())
            .collect(),
        order: text("order").unwrap_or_else(|| "gradient".to_owned()),
        cotangent: text("cotangent"),
        closed: closed
            .map(|(variable, text)| (variable.clone(), text.as_str().expect("a text").to_owned()))
            .collect(),
        name,
    }
}
