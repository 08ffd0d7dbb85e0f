//! Names in code: every tensor, size and function of a program gets an identifier of its own. Nothing here knows
//! what a name stands for.

use std::collections::{HashMap, HashSet};

/// Identifiers by the names of the language.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    known: HashMap<String, String>,
    taken: HashSet<String>,
}

impl Names {
    /// No names but those that must not be used.
    pub(crate) fn without(reserved: impl IntoIterator<Item = String>) -> Self {
        Self {
            known: HashMap::new(),
            taken: reserved.into_iter().collect(),
        }
    }

    /// Gives `name` an identifier: its own, or `wish` with as many underscores behind as it takes.
    pub(crate) fn add(&mut self, name: &str, wish: &str) {
        if !self.known.contains_key(name) {
            let identifier = self.fresh(wish);
            self.known.insert(name.to_owned(), identifier);
        }
    }

    /// An identifier that nothing else has.
    pub(crate) fn fresh(&mut self, wish: &str) -> String {
        let mut identifier = wish.to_owned();
        while !self.taken.insert(identifier.clone()) {
            identifier.push('_');
        }
        identifier
    }

    /// Whether an identifier stands for something.
    pub(crate) fn is_taken(&self, identifier: &str) -> bool {
        self.taken.contains(identifier)
    }

    /// The identifier of `name`, if it has one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.known.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_and_the_names_of_the_module_step_aside() {
        let mut names = Names::without(["lambda", "np", "forward", "_silu"].map(str::to_owned));
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
