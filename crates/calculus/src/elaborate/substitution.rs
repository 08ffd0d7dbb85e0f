//! Names in a syntax tree replaced by other trees, indices renamed where they would be captured. Knows no meanings.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use backprove_syntax::tree::{
    Argument, Expression, ExpressionKind, IndexDeclaration, Name, Subscript,
};

/// What each name becomes.
#[derive(Debug, Clone, Default)]
pub(super) struct Replacements {
    trees: HashMap<String, Expression>,
    /// Names that no bound index may have where the tree is going.
    taken: Arc<HashSet<String>>,
}

impl Replacements {
    /// No replacements yet, in a text where the names `taken` mean something.
    pub(super) fn among(taken: HashSet<String>) -> Self {
        Self {
            trees: HashMap::new(),
            taken: Arc::new(taken),
        }
    }

    /// Replaces `name` from here on.
    pub(super) fn insert(&mut self, name: String, tree: Expression) {
        self.trees.insert(name, tree);
    }
}

/// The names that occur in `tree`.
pub(super) fn mentions(tree: &Expression, names: &[String]) -> bool {
    if let ExpressionKind::Name(name) = &tree.kind {
        return names.contains(name);
    }
    let mut found = false;
    each_child(tree, &mut |child| found = found || mentions(child, names));
    found
}

/// Visits the direct parts of a tree.
pub(super) fn each_child(tree: &Expression, f: &mut dyn FnMut(&Expression)) {
    match &tree.kind {
        ExpressionKind::Number(_)
        | ExpressionKind::String(_)
        | ExpressionKind::Name(_)
        | ExpressionKind::None
        | ExpressionKind::Differential { .. } => {}
        ExpressionKind::Unary(_, inner)
        | ExpressionKind::Transpose(inner)
        | ExpressionKind::Prime(inner)
        | ExpressionKind::Attribute(inner, _) => f(inner),
        ExpressionKind::Reduction { indices, body, .. } => {
            indices
                .iter()
                .filter_map(|index| index.extent.as_ref())
                .for_each(&mut *f);
            f(body);
        }
        ExpressionKind::Binary(_, left, right) => {
            f(left);
            f(right);
        }
        ExpressionKind::Subscript(base, entries) => {
            f(base);
            for entry in entries {
                match entry {
                    Subscript::At(at) => f(at),
                    Subscript::Slice { start, stop, step } => {
                        [start, stop, step].into_iter().flatten().for_each(&mut *f);
                    }
                    Subscript::NewAxis | Subscript::Ellipsis => {}
                }
            }
        }
        ExpressionKind::Call { arguments, .. } => {
            for argument in arguments {
                f(&argument.value);
            }
        }
        ExpressionKind::Method {
            receiver,
            arguments,
            ..
        } => {
            f(receiver);
            for argument in arguments {
                f(&argument.value);
            }
        }
        ExpressionKind::Tuple(items) | ExpressionKind::List(items) => items.iter().for_each(f),
        ExpressionKind::Comprehension { body, bound, .. } => {
            f(body);
            f(bound);
        }
    }
}

/// The tree with other direct parts; `None` as soon as `f` gives up.
pub(super) fn map_children(
    tree: &Expression,
    f: &mut dyn FnMut(&Expression) -> Option<Expression>,
) -> Option<Expression> {
    let kind = match &tree.kind {
        ExpressionKind::Unary(operator, inner) => {
            ExpressionKind::Unary(*operator, Box::new(f(inner)?))
        }
        ExpressionKind::Transpose(inner) => ExpressionKind::Transpose(Box::new(f(inner)?)),
        ExpressionKind::Prime(inner) => ExpressionKind::Prime(Box::new(f(inner)?)),
        ExpressionKind::Attribute(inner, name) => {
            ExpressionKind::Attribute(Box::new(f(inner)?), name.clone())
        }
        ExpressionKind::Reduction {
            function,
            indices,
            body,
        } => {
            let mut mapped = Vec::with_capacity(indices.len());
            for index in indices {
                mapped.push(IndexDeclaration {
                    name: index.name.clone(),
                    extent: optional(index.extent.as_ref(), f)?,
                });
            }
            ExpressionKind::Reduction {
                function: function.clone(),
                indices: mapped,
                body: Box::new(f(body)?),
            }
        }
        ExpressionKind::Binary(operator, left, right) => {
            ExpressionKind::Binary(*operator, Box::new(f(left)?), Box::new(f(right)?))
        }
        ExpressionKind::Subscript(base, entries) => {
            let base = Box::new(f(base)?);
            let mut mapped = Vec::with_capacity(entries.len());
            for entry in entries {
                mapped.push(match entry {
                    Subscript::At(at) => Subscript::At(f(at)?),
                    Subscript::Slice { start, stop, step } => Subscript::Slice {
                        start: optional(start.as_ref(), f)?,
                        stop: optional(stop.as_ref(), f)?,
                        step: optional(step.as_ref(), f)?,
                    },
                    other => other.clone(),
                });
            }
            ExpressionKind::Subscript(base, mapped)
        }
        ExpressionKind::Call {
            function,
            arguments,
        } => ExpressionKind::Call {
            function: function.clone(),
            arguments: map_arguments(arguments, f)?,
        },
        ExpressionKind::Method {
            receiver,
            method,
            arguments,
        } => ExpressionKind::Method {
            receiver: Box::new(f(receiver)?),
            method: method.clone(),
            arguments: map_arguments(arguments, f)?,
        },
        ExpressionKind::Tuple(items) => {
            ExpressionKind::Tuple(items.iter().map(f).collect::<Option<_>>()?)
        }
        ExpressionKind::List(items) => {
            ExpressionKind::List(items.iter().map(f).collect::<Option<_>>()?)
        }
        ExpressionKind::Comprehension { body, index, bound } => ExpressionKind::Comprehension {
            body: Box::new(f(body)?),
            index: index.clone(),
            bound: Box::new(f(bound)?),
        },
        leaf => leaf.clone(),
    };
    Some(Expression {
        kind,
        span: tree.span,
    })
}

// The outer option is giving up, the inner one an absent part.
#[allow(clippy::option_option)]
fn optional(
    part: Option<&Expression>,
    f: &mut dyn FnMut(&Expression) -> Option<Expression>,
) -> Option<Option<Expression>> {
    match part {
        Some(part) => f(part).map(Some),
        None => Some(None),
    }
}

/// The arguments with other values.
pub(super) fn map_arguments(
    arguments: &[Argument],
    f: &mut dyn FnMut(&Expression) -> Option<Expression>,
) -> Option<Vec<Argument>> {
    arguments
        .iter()
        .map(|argument| {
            Some(Argument {
                keyword: argument.keyword.clone(),
                value: f(&argument.value)?,
            })
        })
        .collect()
}

/// Replaces names; bound indices that would capture a replacement are renamed.
pub(super) fn replaced(tree: &Expression, map: &Replacements) -> Expression {
    let changed = match &tree.kind {
        ExpressionKind::Name(name) => map.trees.get(name).map(|new| Expression {
            kind: new.kind.clone(),
            span: tree.span,
        }),
        ExpressionKind::Reduction {
            function,
            indices,
            body,
        } => {
            let (indices, inner) = left_side(indices, body, map);
            Some(Expression {
                kind: ExpressionKind::Reduction {
                    function: function.clone(),
                    indices,
                    body: Box::new(replaced(body, &inner)),
                },
                span: tree.span,
            })
        }
        ExpressionKind::Comprehension { body, index, bound } => {
            let (indices, inner) = without_capture(std::slice::from_ref(index), body, map);
            let index = indices.into_iter().next().unwrap_or_else(|| index.clone());
            Some(Expression {
                kind: ExpressionKind::Comprehension {
                    body: Box::new(replaced(body, &inner)),
                    index,
                    bound: Box::new(replaced(bound, map)),
                },
                span: tree.span,
            })
        }
        ExpressionKind::Transpose(inner) => {
            // A transpose put in for a name below a transpose takes it away.
            Some(match replaced(inner, map).kind {
                ExpressionKind::Transpose(innermost)
                    if !matches!(inner.kind, ExpressionKind::Transpose(_)) =>
                {
                    *innermost
                }
                kind => Expression {
                    kind,
                    span: inner.span,
                }
                .transpose(),
            })
        }
        _ => map_children(tree, &mut |child| Some(replaced(child, map))),
    };
    changed.unwrap_or_else(|| tree.clone())
}

/// The indices on the left of a definition or of a reduction, and the replacements for what they bind.
pub(super) fn left_side(
    indices: &[IndexDeclaration],
    right: &Expression,
    map: &Replacements,
) -> (Vec<IndexDeclaration>, Replacements) {
    let names: Vec<Name> = indices.iter().map(|index| index.name.clone()).collect();
    let (names, inner) = without_capture(&names, right, map);
    let renamed = names
        .into_iter()
        .zip(indices)
        .map(|(name, index)| IndexDeclaration {
            name,
            extent: index.extent.as_ref().map(|extent| replaced(extent, map)),
        });
    (renamed.collect(), inner)
}

/// Binders shadow replacements of their own names, and step aside where a replacement mentions them.
fn without_capture(
    indices: &[Name],
    body: &Expression,
    map: &Replacements,
) -> (Vec<Name>, Replacements) {
    let mut inner = map.clone();
    for index in indices {
        inner.trees.remove(&index.text);
    }
    let mut mentioned = HashSet::new();
    for tree in inner.trees.values() {
        collect_names(tree, &mut mentioned);
    }
    let mut present = HashSet::new();
    collect_names(body, &mut present);
    let mut renamed = Vec::with_capacity(indices.len());
    for index in indices {
        let numbered = (1..).map(|number| format!("{}{number}", index.text));
        let free = std::iter::once(index.text.clone())
            .chain(numbered)
            .find(|name| {
                !mentioned.contains(name)
                    && !map.taken.contains(name)
                    && (*name == index.text || !present.contains(name))
            })
            .unwrap_or_default();
        if free != index.text {
            mentioned.insert(free.clone());
            inner.insert(index.text.clone(), Expression::name(free.clone()));
        }
        renamed.push(Name {
            text: free,
            span: index.span,
        });
    }
    (renamed, inner)
}

/// The indices that reductions in `tree` bind.
pub(super) fn bound_indices(tree: &Expression, names: &mut HashSet<String>) {
    match &tree.kind {
        ExpressionKind::Reduction { indices, .. } => {
            names.extend(indices.iter().map(|index| index.name.text.clone()));
        }
        ExpressionKind::Comprehension { index, .. } => {
            names.insert(index.text.clone());
        }
        _ => {}
    }
    each_child(tree, &mut |child| bound_indices(child, names));
}

fn collect_names(tree: &Expression, names: &mut HashSet<String>) {
    if let ExpressionKind::Name(name) = &tree.kind {
        names.insert(name.clone());
    }
    each_child(tree, &mut |child| collect_names(child, names));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_index_does_not_capture() {
        let (tree, _) = backprove_syntax::parse_expression("sum[m](X[s, m] * m1)");
        let mut map = Replacements::default();
        map.insert("X".to_owned(), Expression::name("m"));
        let new = tree.map(|tree| backprove_syntax::format_expression(&replaced(&tree, &map)));
        assert_eq!(new.as_deref(), Some("sum[m2](m[s, m2] * m1)"));
    }

    #[test]
    fn a_bound_index_steps_aside_for_the_names_around() {
        let (tree, _) = backprove_syntax::parse_expression("sum[s](x[s])");
        let map = Replacements::among(HashSet::from(["s".to_owned()]));
        let new = tree.map(|tree| backprove_syntax::format_expression(&replaced(&tree, &map)));
        assert_eq!(new.as_deref(), Some("sum[s1](x[s1])"));
    }
}
