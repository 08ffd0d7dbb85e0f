//! The standard library: modules written in the language itself. It holds no derivative and no update loop.

use std::sync::{Arc, OnceLock};

use backprove_syntax::tree::Statement;

use crate::elaborate::modules::Module;

/// The files of the library: a topic and its text.
///
/// ```
/// let topics: Vec<&str> = backprove_calculus::library::FILES.iter().map(|(topic, _)| *topic).collect();
/// assert_eq!(topics, ["layers", "losses", "updates"]);
/// ```
pub const FILES: &[(&str, &str)] = &[
    ("layers", include_str!("library/layers.bp")),
    ("losses", include_str!("library/losses.bp")),
    ("updates", include_str!("library/updates.bp")),
];

fn modules() -> &'static [Arc<Module>] {
    static MODULES: OnceLock<Vec<Arc<Module>>> = OnceLock::new();
    MODULES.get_or_init(|| {
        FILES
            .iter()
            .flat_map(|(_, text)| backprove_syntax::parse(text).program.statements)
            .filter_map(|statement| match statement {
                Statement::Module(module) => Some(Arc::new(Module::of_library(&module))),
                _ => None,
            })
            .collect()
    })
}

/// The module called `name`.
pub(crate) fn module(name: &str) -> Option<Arc<Module>> {
    modules().iter().find(|module| module.name == name).cloned()
}

/// All modules called `name`, for arguments of different ranks.
pub(crate) fn variants(name: &str) -> Vec<Arc<Module>> {
    let named = modules().iter().filter(|module| module.name == name);
    named.cloned().collect()
}

/// The names of all modules in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    modules().iter().map(|module| module.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elaborate;

    #[test]
    fn every_file_is_understood_and_every_module_stands_alone() {
        for (topic, text) in FILES {
            let parsed = backprove_syntax::parse(text);
            assert_eq!(parsed.diagnostics, [], "{topic}");
            for statement in parsed.program.statements {
                let alone = backprove_syntax::tree::Program {
                    statements: vec![statement],
                };
                let elaborated = elaborate(&alone);
                assert_eq!(elaborated.diagnostics, [], "{topic}");
                assert!(elaborated.program.output().is_some(), "{topic}");
            }
        }
    }
}
