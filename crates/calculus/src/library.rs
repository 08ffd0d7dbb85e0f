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

/// The modules of one file, read when one of them is first asked for.
fn modules(file: usize) -> &'static [Arc<Module>] {
    static MODULES: [OnceLock<Vec<Arc<Module>>>; FILES.len()] =
        [const { OnceLock::new() }; FILES.len()];
    MODULES[file].get_or_init(|| {
        let statements = backprove_syntax::parse(FILES[file].1).program.statements;
        let module = |statement| match statement {
            Statement::Module(module) => Some(Arc::new(Module::of_library(&module))),
            _ => None,
        };
        statements.into_iter().filter_map(module).collect()
    })
}

/// The module called `name`; where there are several, the first.
pub(crate) fn module(name: &str) -> Option<Arc<Module>> {
    variants(name).into_iter().next()
}

/// All modules called `name`, for arguments of different ranks.
pub(crate) fn variants(name: &str) -> Vec<Arc<Module>> {
    let file = FILES
        .iter()
        .position(|(_, text)| headings(text).any(|heading| heading == name));
    let all = file.map_or(&[][..], modules);
    all.iter()
        .filter(|module| module.name == name)
        .cloned()
        .collect()
}

/// The names of all modules in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().flat_map(|(_, text)| headings(text))
}

/// The names behind the word `module` at the beginnings of lines.
fn headings(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("module ")?.split('(').next())
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
        let read = (0..FILES.len())
            .flat_map(modules)
            .map(|module| module.name.as_str());
        assert!(read.eq(names()));
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
