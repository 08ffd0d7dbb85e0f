//! Right sides in our own words: methods and other libraries' names become our functions, so that every reader of a
//! matrix form meets one spelling. Works on trees; what has no meaning stays as it was written, to be reported later.

use backprove_syntax::tree::{Argument, Expression, ExpressionKind, Name};

use super::calls::{Called, by_keyword_from, method_as_call};
use super::definitions::Entry;
use super::libraries::{self, Library};
use super::scope::Elaborator;
use super::substitution::map_children;

impl Elaborator<'_> {
    /// The tree in our own words; `None` after a report.
    pub(super) fn in_our_words(&mut self, tree: &Expression) -> Option<Expression> {
        let part = super::linalg::part_of_pair(tree);
        let tree = map_children(part.as_ref().unwrap_or(tree), &mut |child| {
            self.in_our_words(child)
        })?;
        match &tree.kind {
            ExpressionKind::Call {
                function,
                arguments,
            } => self.call_in_our_words(&tree, function, arguments),
            ExpressionKind::Method {
                receiver,
                method,
                arguments,
            } => {
                if let ExpressionKind::Name(word) = &receiver.kind
                    && !self.has_value(word)
                {
                    return Some(tree);
                }
                let (function, arguments) = method_as_call(receiver, method, arguments);
                if self.called_path_is_unknown(&function.text) {
                    return Some(tree);
                }
                self.call_in_our_words(&tree, &function, &arguments)
            }
            ExpressionKind::Attribute(base, name) => {
                let of_library = matches!(&base.kind, ExpressionKind::Name(word)
                    if libraries::is_library(word) && !self.has_value(word));
                if of_library
                    && super::expression::constant(&name.text).is_some()
                    && !self.is_taken(&name.text)
                {
                    return Some(Expression {
                        kind: ExpressionKind::Name(name.text.clone()),
                        span: tree.span,
                    });
                }
                Some(tree)
            }
            _ => Some(tree),
        }
    }

    fn call_in_our_words(
        &mut self,
        tree: &Expression,
        function: &Name,
        arguments: &[Argument],
    ) -> Option<Expression> {
        let Some((library, name)) = libraries::split(&function.text) else {
            return Some(tree.clone());
        };
        if self.meaning(library, name).is_none() && !matches!(name, "max" | "min") {
            return Some(tree.clone());
        }
        let (own, name, mut arguments) = self.in_our_terms(library, name, arguments, tree.span)?;
        let Some(called) = self.meaning(own, &name) else {
            return Some(tree.clone());
        };
        let ours = match &called {
            Called::Elementwise(callee) => callee.name().to_owned(),
            Called::Tensor(entry) => entry.name.clone(),
            Called::Module(module) => module.name.clone(),
        };
        // A text's own function of that name would take the place of the library's.
        let shadowed = library != Library::Ours && self.is_own(&ours);
        if shadowed {
            return Some(tree.clone());
        }
        if let Called::Tensor(entry) = &called {
            with_named_options(entry, &mut arguments, library == Library::Torch);
        }
        Some(Expression {
            kind: ExpressionKind::Call {
                function: Name {
                    text: ours,
                    span: function.span,
                },
                arguments,
            },
            span: tree.span,
        })
    }

    /// Whether the text itself declares a function or a module called `name`.
    fn is_own(&self, name: &str) -> bool {
        self.is_function(name) || self.modules.iter().any(|module| module.name == name)
    }
}

/// Gives `axis` its keyword where it came by position, and in PyTorch's calls the options behind it as well.
fn with_named_options(entry: &Entry, arguments: &mut [Argument], torch: bool) {
    let first_by_keyword = by_keyword_from(&entry.parameters);
    let positional = arguments
        .iter()
        .filter(|argument| argument.keyword.is_none())
        .count();
    if !torch && first_by_keyword.is_some_and(|first| positional > first) {
        // One too many, which is reported when the call is elaborated.
        return;
    }
    for (place, (argument, parameter)) in arguments.iter_mut().zip(&entry.parameters).enumerate() {
        let is_axis = parameter.name == "axis";
        let by_keyword = torch && first_by_keyword.is_some_and(|first| place >= first);
        if argument.keyword.is_none() && (is_axis || by_keyword) {
            argument.keyword = Some(Name::made(&*parameter.name));
        }
    }
}
