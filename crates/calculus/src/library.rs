//! The standard library: modules written in the language itself. It holds no derivative and no update loop.

use std::sync::{Arc, OnceLock};

use backprove_syntax::tree::Statement;

use crate::elaborate::modules::Module;

/// The files of the library: a topic and its text.
///
/// ```
/// let topics: Vec<&str> = backprove_calculus::library::FILES.iter().map(|(topic, _)| *topic).collect();
/// assert_eq!(topics, ["layers", "convolutions", "losses", "updates"]);
/// ```
pub const FILES: &[(&str, &str)] = &[
    ("layers", include_str!("library/layers.bp")),
    ("convolutions", include_str!("library/convolutions.bp")),
    ("losses", include_str!("library/losses.bp")),
    ("updates", include_str!("library/updates.bp")),
];

/// A module and the part of its file that holds it. It is read when it is first asked for: most programs need few modules,
/// and reading all of a file takes longer than deriving from one.
struct Entry {
    name: &'static str,
    text: &'static str,
    module: OnceLock<Option<Arc<Module>>>,
}

impl Entry {
    fn module(&self) -> Option<Arc<Module>> {
        let read = || {
            let statements = backprove_syntax::parse(self.text).program.statements;
            statements
                .into_iter()
                .find_map(|statement| match statement {
                    Statement::Module(module) => Some(Arc::new(Module::of_library(&module))),
                    _ => None,
                })
        };
        self.module.get_or_init(read).clone()
    }
}

/// All modules in order: each begins with the word `module` at the beginning of a line, and ends where the next one begins.
fn entries() -> &'static [Entry] {
    static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();
    ENTRIES.get_or_init(|| {
        let parts = FILES.iter().flat_map(|(_, file)| {
            let starts = || {
                file.match_indices(HEADING)
                    .map(|(line_break, _)| line_break + 1)
            };
            let ends = starts().skip(1).chain([file.len()]);
            starts().zip(ends).map(|(start, end)| &file[start..end])
        });
        let entry = |text: &'static str| Entry {
            name: headed(text).unwrap_or(text),
            text,
            module: OnceLock::new(),
        };
        parts.map(entry).collect()
    })
}

/// The name of the module that begins a text.
fn headed(text: &'static str) -> Option<&'static str> {
    text.strip_prefix(HEADING.trim_start())?.split('(').next()
}

const HEADING: &str = "\nmodule ";

/// The module called `name`; where there are several, the first.
pub(crate) fn module(name: &str) -> Option<Arc<Module>> {
    entries()
        .iter()
        .find(|entry| entry.name == name)
        .and_then(Entry::module)
}

/// All modules called `name`, for arguments of different ranks.
pub(crate) fn variants(name: &str) -> Vec<Arc<Module>> {
    let called = entries().iter().filter(|entry| entry.name == name);
    called.filter_map(Entry::module).collect()
}

/// The names of all modules in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    entries().iter().map(|entry| entry.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{GradientClaim, Verdict, check_gradient_at};
    use crate::program::Program;
    use crate::reference::Sizes;
    use crate::sample::size_sets;
    use crate::{derivation, elaborate};

    #[test]
    fn names_are_those_of_the_modules() {
        let read = entries().iter().map(Entry::module);
        let read: Vec<String> = read.map(|module| module.unwrap().name.clone()).collect();
        assert!(read.iter().eq(names()));
        // As reading the files as a whole finds them.
        let whole = FILES.iter().flat_map(|(_, text)| {
            let statements = backprove_syntax::parse(text).program.statements;
            statements
                .into_iter()
                .filter_map(|statement| match statement {
                    Statement::Module(module) => Some(module.name.text),
                    _ => None,
                })
        });
        assert_eq!(read, whole.collect::<Vec<_>>());
    }

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

    /// Sizes at which a convolution in two dimensions has few elements.
    fn small_sizes(program: &Program) -> Option<[Sizes; 2]> {
        let two_dimensional = program.inputs.iter().any(|input| input.rank() == 4);
        let sizes = [
            [
                ("B", 2),
                ("C", 1),
                ("O", 1),
                ("H", 6),
                ("W", 5),
                ("U", 2),
                ("V", 3),
            ],
            [
                ("B", 1),
                ("C", 2),
                ("O", 1),
                ("H", 5),
                ("W", 6),
                ("U", 3),
                ("V", 2),
            ],
        ];
        two_dimensional.then(|| sizes.map(Sizes::new))
    }

    #[test]
    fn every_module_agrees_with_finite_differences() {
        for (topic, text) in FILES {
            for statement in backprove_syntax::parse(text).program.statements {
                let alone = backprove_syntax::tree::Program {
                    statements: vec![statement],
                };
                let program = elaborate(&alone).program;
                let inputs = program.inputs.iter();
                let wrt: Vec<_> = inputs
                    .filter(|input| !input.is_constant())
                    .cloned()
                    .collect();
                let gradient = derivation::gradient(&program, &wrt, None);
                let gradient = gradient.unwrap_or_else(|refusal| panic!("{topic}: {refusal:?}"));
                let derived = gradient.program();
                for variable in &wrt {
                    let derivation = gradient.derivation(variable.name());
                    let derivation = derivation.expect("a gradient by each input");
                    let claim = GradientClaim {
                        primal: &gradient.forward,
                        variable,
                        cotangent: gradient.seed.as_ref(),
                        derived: &derived,
                        gradient: &derivation.gradient,
                    };
                    let sizes = small_sizes(&program).unwrap_or_else(|| size_sets(&program));
                    let check = check_gradient_at(claim, sizes, 0);
                    let output = program.output().map(|output| output.body.clone());
                    assert_eq!(
                        check.verdict,
                        Verdict::Verified(()),
                        "{variable:?}: {output:?}"
                    );
                }
            }
        }
    }
}
