//! Names in Python: every tensor, size and function of a program gets an identifier of its own. Nothing here knows
//! what a name stands for.

use std::collections::{HashMap, HashSet};

use backprove_calculus::functions;

/// Words that Python keeps for itself, and names that the module uses.
const RESERVED: &[&str] = &[
    "False",
    "None",
    "True",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "__name__",
    "__debug__",
    "np",
    "special",
    "forward",
    "gradient",
    "_softmax",
    "_log_softmax",
    "_logsumexp",
    "_draw",
    "_largest_error",
];

/// Identifiers by the names of the language.
#[derive(Debug, Clone)]
pub(super) struct Names {
    known: HashMap<String, String>,
    taken: HashSet<String>,
}

impl Names {
    /// No names but those that must not be used.
    pub(super) fn new() -> Self {
        let private = functions::table().map(|function| format!("_{}", function.name));
        let taken = RESERVED.iter().map(|word| (*word).to_owned());
        Self {
            known: HashMap::new(),
            taken: taken.chain(private).collect(),
        }
    }

    /// Gives `name` an identifier: its own, or `wish` with as many underscores behind as it takes.
    pub(super) fn add(&mut self, name: &str, wish: &str) {
        if !self.known.contains_key(name) {
            let identifier = self.fresh(wish);
            self.known.insert(name.to_owned(), identifier);
        }
    }

    /// An identifier that nothing else has.
    pub(super) fn fresh(&mut self, wish: &str) -> String {
        let mut identifier = wish.to_owned();
        while !self.taken.insert(identifier.clone()) {
            identifier.push('_');
        }
        identifier
    }

    /// The identifier of `name`, if it has one.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.known.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_and_the_names_of_the_module_step_aside() {
        let mut names = Names::new();
        for name in ["lambda", "np", "forward", "X", "X_", "_silu"] {
            names.add(name, name);
        }
        assert_eq!(names.get("lambda"), Some("lambda_"));
        assert_eq!(names.get("np"), Some("np_"));
        assert_eq!(names.get("forward"), Some("forward_"));
        assert_eq!(names.get("X"), Some("X"));
        assert_eq!(names.get("_silu"), Some("_silu_"));
        assert_eq!(names.fresh("X"), "X__");
    }
}
