//! Names for nested results: a softmax inside a larger expression becomes an equation of its own. Works on trees.

use backprove_syntax::tree::{Expression, ExpressionKind};

use super::calls::Called;
use super::definitions::Naming;
use super::scope::Elaborator;
use super::substitution::{map_arguments, map_children, mentions};
use crate::expr::Tensor;

impl Elaborator<'_> {
    /// The tree with nested results named; a call at the root keeps its place, only its argument gets a name.
    pub(super) fn with_intermediates(&mut self, tree: &Expression) -> Option<Expression> {
        self.with_intermediates_among(tree, &[])
    }

    /// The same inside a definition that binds `indices`.
    pub(super) fn with_intermediates_among(
        &mut self,
        tree: &Expression,
        indices: &[String],
    ) -> Option<Expression> {
        let tree = &self.in_our_words(tree)?;
        if let Some(Called::Tensor(entry)) = self.called(tree)
            && entry.naming != Naming::Nothing
            && !mentions(tree, indices)
        {
            return self.with_named_argument(tree, &mut indices.to_vec());
        }
        self.named_parts(tree, &mut indices.to_vec())
    }

    /// The tree, which is in our words, with every nested result named, itself included.
    pub(super) fn named_parts(
        &mut self,
        tree: &Expression,
        indices: &mut Vec<String>,
    ) -> Option<Expression> {
        if let ExpressionKind::Reduction {
            function,
            indices: bound,
            body,
        } = &tree.kind
        {
            let depth = indices.len();
            indices.extend(bound.iter().map(|index| index.name.text.clone()));
            let body = self.named_parts(body, indices);
            indices.truncate(depth);
            return Some(Expression {
                kind: ExpressionKind::Reduction {
                    function: function.clone(),
                    indices: bound.clone(),
                    body: Box::new(body?),
                },
                span: tree.span,
            });
        }
        if let ExpressionKind::Comprehension { body, index, bound } = &tree.kind {
            indices.push(index.text.clone());
            let body = self.named_parts(body, indices);
            indices.pop();
            return Some(Expression {
                kind: ExpressionKind::Comprehension {
                    body: Box::new(body?),
                    index: index.clone(),
                    bound: bound.clone(),
                },
                span: tree.span,
            });
        }
        if !mentions(tree, indices) {
            match self.called(tree) {
                Some(Called::Tensor(entry)) => match entry.naming {
                    Naming::Nothing => {}
                    Naming::Argument => return self.with_named_argument(tree, indices),
                    Naming::Result(letter) => {
                        let call = self.with_named_argument(tree, indices)?;
                        return self.named(&call, letter);
                    }
                },
                Some(Called::Module(module)) => {
                    let result = module.tree.result.name.text.clone();
                    let name = self.free_name(&result);
                    let ExpressionKind::Call { arguments, .. } = &tree.kind else {
                        return None;
                    };
                    // Taken from here on, also from the arguments that are named first.
                    self.reserved.insert(name.clone());
                    self.inline(&module, arguments, tree.span, &name)?;
                    return Some(name_at(&name, tree));
                }
                _ => {}
            }
        }
        map_children(tree, &mut |child| self.named_parts(child, indices))
    }

    /// What a call means, without a report.
    pub(super) fn called(&self, tree: &Expression) -> Option<Called> {
        match &tree.kind {
            ExpressionKind::Call { function, .. } => self.meaning_of_path(&function.text),
            _ => None,
        }
    }

    /// A call whose first argument is a name.
    fn with_named_argument(
        &mut self,
        call: &Expression,
        indices: &mut Vec<String>,
    ) -> Option<Expression> {
        let ExpressionKind::Call {
            function,
            arguments,
        } = &call.kind
        else {
            return Some(call.clone());
        };
        let mut first = true;
        let arguments = map_arguments(arguments, &mut |argument| {
            if !std::mem::take(&mut first) {
                return Some(argument.clone());
            }
            let argument = self.named_parts(argument, indices)?;
            match argument.kind {
                ExpressionKind::Name(_) => Some(argument),
                _ => self.named(&argument, "Z"),
            }
        })?;
        Some(Expression {
            kind: ExpressionKind::Call {
                function: function.clone(),
                arguments,
            },
            span: call.span,
        })
    }

    /// A new equation for `tree`, and its name in the place of the tree. Vectors and scalars get a small letter.
    pub(super) fn named(&mut self, tree: &Expression, letter: &str) -> Option<Expression> {
        let value = self.lower(tree)?;
        let letter = if value.rank() < 2 {
            letter.to_lowercase()
        } else {
            letter.to_owned()
        };
        let name = self.free_name(&letter);
        self.push_equation(&name, value, Some(tree.clone()));
        Some(name_at(&name, tree))
    }

    /// The tensor that `tree` names, if it is a plain name.
    pub(super) fn named_tensor(&self, tree: &Expression) -> Option<Tensor> {
        match &tree.kind {
            ExpressionKind::Name(name) => self.tensor(name),
            _ => None,
        }
    }
}

/// A name in the place of a tree.
fn name_at(name: &str, tree: &Expression) -> Expression {
    Expression {
        kind: ExpressionKind::Name(name.to_owned()),
        span: tree.span,
    }
}
