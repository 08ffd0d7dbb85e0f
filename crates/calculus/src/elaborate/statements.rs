//! Statements: declarations, definitions, the final expression, and the program that they make.

use std::collections::HashMap;
use std::sync::Arc;

use backprove_syntax::tree::{
    Declaration, Definition, Expression, ExpressionKind, Fact as WrittenFact, Name, Program,
    Statement,
};
use backprove_syntax::{Diagnostic, Span};

use super::modules::Module;
use super::scope::Elaborator;
use super::substitution::bound_indices;
use super::suggestion;
use super::value::Value;
use crate::expr::{Fact, Tensor};
use crate::index::{Dim, Index};
use crate::program::Equation;
use crate::shape;

/// What a fact may be stated of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Any tensor.
    Tensor,
    /// A square matrix.
    Square,
}

/// The facts that a declaration may state without arguments: the name, other names for it, what it says.
static FACTS: &[(&str, &[&str], Fact, Of)] = &[
    ("symmetric", &["sym"], Fact::Symmetric, Of::Square),
    (
        "spd",
        &["pos_def", "positive_definite"],
        Fact::PositiveDefinite,
        Of::Square,
    ),
    ("diagonal", &[], Fact::Diagonal, Of::Square),
    ("orthogonal", &[], Fact::Orthogonal, Of::Square),
    ("lower", &["lower_triangular"], Fact::Lower, Of::Square),
    ("invertible", &["nonsingular"], Fact::Invertible, Of::Square),
    ("positive", &[], Fact::Positive, Of::Tensor),
    ("unit", &["unit01"], Fact::Unit, Of::Tensor),
    ("signs", &["pm1"], Fact::Signs, Of::Tensor),
    (
        "prob",
        &["simplex", "probability"],
        Fact::Probability,
        Of::Tensor,
    ),
    ("onehot", &["one_hot"], Fact::OneHot, Of::Tensor),
    ("constant", &["const"], Fact::Constant, Of::Tensor),
    ("small", &[], Fact::Small, Of::Tensor),
    ("large", &[], Fact::Large, Of::Tensor),
];

/// The facts of another form.
const OTHER_FACTS: [&str; 2] = ["labels", "elementwise"];

impl Elaborator<'_> {
    /// Elaborates a whole text.
    pub(super) fn run(&mut self, tree: &Program) {
        self.note_names(tree);
        self.register_modules(tree);
        let only_modules = tree
            .statements
            .iter()
            .all(|statement| matches!(statement, Statement::Module(_)));
        if let Some(Statement::Module(last)) = tree.statements.last().filter(|_| only_modules) {
            self.run_module(last);
            return;
        }
        for statement in &tree.statements {
            match statement {
                Statement::Declaration(declaration) => {
                    self.declare(declaration);
                }
                Statement::Definition(definition) => {
                    self.later.remove(&definition.name.text);
                    self.define(definition);
                }
                Statement::Module(_) => {}
                // The parser reports one that is not last.
                Statement::Expression(expression) => {
                    self.define_final(expression);
                }
            }
        }
        let defines = tree.statements.iter().any(|statement| {
            matches!(
                statement,
                Statement::Definition(_) | Statement::Expression(_)
            )
        });
        if !defines && self.diagnostics.is_empty() {
            let end = tree
                .statements
                .last()
                .map_or(Span::default(), |statement| match statement {
                    Statement::Declaration(declaration) => declaration.span,
                    Statement::Module(module) => module.name.span,
                    _ => Span::default(),
                });
            self.report(
                Diagnostic::error("nothing-defined", "nothing is defined")
                    .label(end, "a definition is expected after the declarations")
                    .help("add one, such as `Y = X @ W.T`"),
            );
        }
    }

    fn note_names(&mut self, tree: &Program) {
        for statement in &tree.statements {
            match statement {
                Statement::Definition(definition) => {
                    let name = &definition.name;
                    self.reserved.insert(name.text.clone());
                    self.later.entry(name.text.clone()).or_insert(name.span);
                    self.note_letters(definition);
                }
                Statement::Declaration(declaration) => {
                    self.reserved.insert(declaration.name.text.clone());
                    for size in declaration.sizes.iter().flatten() {
                        if let ExpressionKind::Name(name) = &size.kind {
                            self.reserved.insert(name.clone());
                        }
                    }
                }
                Statement::Module(module) => {
                    self.reserved.insert(module.name.text.clone());
                }
                Statement::Expression(tree) => bound_indices(tree, &mut self.letters),
            }
        }
    }

    /// Keeps the indices of a definition free from generated names.
    pub(super) fn note_letters(&mut self, definition: &Definition) {
        let left = definition.indices.iter().flatten();
        self.letters
            .extend(left.map(|index| index.name.text.clone()));
        bound_indices(&definition.value, &mut self.letters);
    }

    /// Whether `name` may be introduced at `span`; reports what it is already.
    fn check_new(&mut self, name: &Name) -> Option<()> {
        let text = &name.text;
        if self.is_size(text) {
            let place = self
                .sizes
                .iter()
                .find(|(size, _)| size == text)
                .map(|(_, place)| *place);
            let message = format!("`{text}` is a size, so it cannot be a tensor too");
            let report =
                Diagnostic::error("name-clash", message).label(name.span, "named again here");
            return self.fail(with_place(report, place, "a size since here"));
        }
        if self.tensor(text).is_some() || self.is_function(text) || self.failed.contains(text) {
            let place = self.places.get(text).copied();
            let message = format!("`{text}` is there already");
            let report =
                Diagnostic::error("duplicate-name", message).label(name.span, "named again here");
            return self.fail(with_place(report, place, "first named here"));
        }
        Some(())
    }

    /// Adds a declared tensor or function.
    pub(super) fn declare(&mut self, declaration: &Declaration) -> Option<()> {
        let name = &declaration.name;
        let declared = self.try_declare(declaration);
        if declared.is_none() && self.tensor(&name.text).is_none() && !self.is_function(&name.text)
        {
            self.failed.insert(name.text.clone());
        }
        self.places.entry(name.text.clone()).or_insert(name.span);
        declared
    }

    fn try_declare(&mut self, declaration: &Declaration) -> Option<()> {
        let name = &declaration.name;
        self.check_new(name)?;
        let Some(sizes) = &declaration.sizes else {
            let elementwise = declaration
                .facts
                .iter()
                .any(|fact| fact.name.text == "elementwise");
            if elementwise {
                self.program
                    .to_mut()
                    .functions
                    .push(name.text.as_str().into());
                return Some(());
            }
            let message = format!("`{}` is declared without sizes", name.text);
            return self.fail(
                Diagnostic::error("no-sizes", message)
                    .label(declaration.span, "declared here")
                    .help(format!(
                        "write `{0}[]` for a scalar, or `{0}: elementwise` for a function",
                        name.text
                    )),
            );
        };
        let mut dims = Some(Vec::new());
        for size in sizes {
            let dim = self.declared_size(size, &name.text);
            dims = dims.zip(dim).map(|(mut dims, dim)| {
                dims.push(dim);
                dims
            });
        }
        let mut facts = Some(Vec::new());
        for fact in &declaration.facts {
            let read = self.declared_fact(fact, dims.as_deref());
            facts = facts.zip(read).map(|(mut facts, fact)| {
                facts.push(fact);
                facts
            });
        }
        let tensor = Tensor::with_facts(name.text.as_str(), dims?, facts?);
        self.program.to_mut().inputs.push(tensor);
        Some(())
    }

    /// A size in a declaration: a symbol, which it may introduce, or a whole number.
    fn declared_size(&mut self, tree: &Expression, of: &str) -> Option<Dim> {
        match &tree.kind {
            ExpressionKind::Name(name) => {
                let clash = name == of || self.tensor(name).is_some() || self.is_function(name);
                if clash {
                    let place = self.places.get(name).copied();
                    let message = format!("`{name}` is a tensor, so it cannot be a size too");
                    let report =
                        Diagnostic::error("name-clash", message).label(tree.span, "used as a size");
                    return self.fail(with_place(report, place, "a tensor since here"));
                }
                if !self.is_size(name) {
                    self.sizes.push((name.clone(), tree.span));
                }
                Some(Dim::symbol(name))
            }
            ExpressionKind::Number(text) => match text.parse() {
                Ok(size) if size > 0 => Some(Dim::Literal(size)),
                _ => {
                    let message = format!("a size is a whole number of at least 1, not {text}");
                    self.fail(
                        Diagnostic::error("bad-size", message).label(tree.span, "used as a size"),
                    )
                }
            },
            _ => {
                self.introduce_sizes(tree, of)?;
                self.extent_of(tree)
            }
        }
    }

    /// The symbols in a computed size, which it may introduce: `x[2 * N + 1]`.
    fn introduce_sizes(&mut self, tree: &Expression, of: &str) -> Option<()> {
        match &tree.kind {
            ExpressionKind::Name(_) => self.declared_size(tree, of).map(|_| ()),
            ExpressionKind::Binary(_, left, right) => {
                self.introduce_sizes(left, of)?;
                self.introduce_sizes(right, of)
            }
            _ => Some(()),
        }
    }

    fn declared_fact(&mut self, fact: &WrittenFact, dims: Option<&[Dim]>) -> Option<Fact> {
        let name = fact.name.text.as_str();
        let span = fact.name.span;
        let known = FACTS
            .iter()
            .find(|(own, others, ..)| *own == name || others.contains(&name));
        let (read, of) = match (known, name) {
            (Some((_, _, read, of)), _) => (read.clone(), *of),
            (None, "labels") => {
                let [classes] = fact.arguments.as_slice() else {
                    let report =
                        Diagnostic::error("bad-fact", "`labels` needs the number of classes")
                            .label(span, "stated here")
                            .help("write `labels(C)`");
                    return self.fail(report);
                };
                return self.declared_size(classes, "").map(Fact::Labels);
            }
            (None, "elementwise") => {
                let report = Diagnostic::error(
                    "bad-fact",
                    "a tensor has elements; only a function is `elementwise`",
                )
                .label(span, "stated here")
                .help("declare the function without sizes: `h: elementwise`");
                return self.fail(report);
            }
            (None, _) => return self.unknown_fact(name, span),
        };
        if !fact.arguments.is_empty() {
            let message = format!("`{name}` takes no arguments");
            return self.fail(Diagnostic::error("bad-fact", message).label(span, "stated here"));
        }
        if of == Of::Square
            && let Some(dims) = dims
        {
            let square = dims.len() == 2 && dims[0] == dims[1];
            if !square {
                let shape = shape::described(dims);
                let message = format!("only a square matrix can be `{name}`, and this is {shape}");
                return self
                    .fail(Diagnostic::error("bad-fact", message).label(span, "stated here"));
            }
        }
        Some(read)
    }

    fn unknown_fact<T>(&mut self, name: &str, span: Span) -> Option<T> {
        let message = format!("`{name}` is no fact that can be stated");
        let mut report = Diagnostic::error("unknown-fact", message).label(span, "stated here");
        let names = || FACTS.iter().map(|(own, ..)| *own);
        let meant = match name {
            "psd" => Some("spd"),
            "probability" | "simplex" | "stochastic" => Some("prob"),
            "fixed" => Some("constant"),
            "triangular" => Some("lower"),
            _ => suggestion::nearest(name, names().chain(OTHER_FACTS)),
        };
        report = if let Some(near) = meant {
            report.help_edit(format!("did you mean `{near}`?"), span, near)
        } else {
            let known: Vec<&str> = names().chain(["labels"]).collect();
            report.help(format!("known are {}", known.join(", ")))
        };
        self.fail(report)
    }

    /// Adds a definition.
    pub(super) fn define(&mut self, definition: &Definition) -> Option<()> {
        let name = &definition.name;
        self.check_new(name)?;
        let defined = match &definition.indices {
            None => self.define_tree(&name.text, &definition.value),
            Some(indices) => self.define_by_index(&name.text, indices, &definition.value),
        };
        if defined.is_none() {
            self.failed.insert(name.text.clone());
        }
        self.places.insert(name.text.clone(), name.span);
        defined
    }

    /// Adds the final expression, called `Y`, or `L` if it is a scalar.
    fn define_final(&mut self, tree: &Expression) -> Option<()> {
        if let ExpressionKind::Name(name) = &tree.kind
            && self
                .program
                .output()
                .is_some_and(|output| output.target.name() == name)
        {
            // The last definition, named once more.
            return Some(());
        }
        let tree = &self.in_our_words(tree)?;
        if let Some(scalar) = self.module_result_is_scalar(tree) {
            let name = self.free_name(if scalar { "L" } else { "Y" });
            return self.define_tree(&name, tree);
        }
        let tree = self.with_intermediates(tree)?;
        let value = self.lower(&tree)?;
        let name = self.free_name(if value.rank() == 0 { "L" } else { "Y" });
        self.push_equation(&name, value, Some(tree));
        Some(())
    }

    /// Adds the definition of `name` as a right side in matrix notation.
    pub(super) fn define_tree(&mut self, name: &str, tree: &Expression) -> Option<()> {
        let tree = &self.in_our_words(tree)?;
        if self.define_by_module(name, tree)?.is_some() {
            return Some(());
        }
        let tree = self.with_intermediates(tree)?;
        let value = self.lower(&tree)?;
        self.push_equation(name, value, Some(tree));
        Some(())
    }

    pub(super) fn push_equation(&mut self, name: &str, value: Value, matrix: Option<Expression>) {
        let target = Tensor::new(name, value.dims());
        self.program.to_mut().equations.push(Equation {
            target,
            indices: value.indices,
            body: value.body,
            matrix: matrix.map(Arc::new),
        });
    }

    pub(super) fn define_by_index(
        &mut self,
        name: &str,
        indices: &[backprove_syntax::tree::IndexDeclaration],
        tree: &Expression,
    ) -> Option<()> {
        let names: Vec<String> = indices
            .iter()
            .map(|index| index.name.text.clone())
            .collect();
        let tree = self.with_intermediates_among(tree, &names)?;
        let value = self.lower_by_index(indices, &tree)?;
        self.push_equation(name, value, None);
        Some(())
    }

    /// The value of a definition in index notation: one axis for each index on the left.
    pub(super) fn lower_by_index(
        &mut self,
        indices: &[backprove_syntax::tree::IndexDeclaration],
        tree: &Expression,
    ) -> Option<Value> {
        for (position, index) in indices.iter().enumerate() {
            self.check_index_name(&index.name)?;
            if indices[..position]
                .iter()
                .any(|other| other.name.text == index.name.text)
            {
                let message = format!("the index `{}` is on the left twice", index.name.text);
                return self.fail(
                    Diagnostic::error("index-twice", message).label(index.name.span, "again here"),
                );
            }
        }
        let mut extents = Vec::with_capacity(indices.len());
        for index in indices {
            extents.push(match &index.extent {
                Some(tree) => Some((self.extent_of(tree)?, tree.span)),
                None => None,
            });
        }
        for (index, extent) in indices.iter().zip(extents) {
            self.bind(&index.name.text, index.name.span, extent, true);
        }
        let value = self.lower(tree);
        let closed = self.close(indices.len(), value.is_none());
        self.paired.clear();
        let (value, closed) = (value?, closed?);
        if value.rank() > 0 {
            let shape = value.described();
            let message = format!("the right side still has axes of its own: it is {shape}");
            return self.fail(
                Diagnostic::error("axes-left", message)
                    .label(tree.span, shape)
                    .help("give every axis an index, such as `X[s, m]`"),
            );
        }
        let map: HashMap<Index, Index> = closed.iter().cloned().collect();
        Some(Value {
            body: value.body.substitute(&map),
            indices: closed.into_iter().map(|(_, index)| index).collect(),
        })
    }

    fn register_modules(&mut self, tree: &Program) {
        for statement in &tree.statements {
            let Statement::Module(module) = statement else {
                continue;
            };
            let first = self
                .modules
                .iter()
                .find(|known| known.name == module.name.text);
            if let Some(first) = first.cloned() {
                let message = format!("the module `{}` is there already", module.name.text);
                self.report(
                    Diagnostic::error("duplicate-name", message)
                        .label(module.name.span, "named again here")
                        .label(first.tree.name.span, "first named here"),
                );
                continue;
            }
            self.modules.push(Arc::new(Module::written(module)));
        }
        for module in self.modules.clone() {
            self.check_module(&module);
        }
    }
}

fn with_place(report: Diagnostic, place: Option<Span>, text: &str) -> Diagnostic {
    match place {
        Some(place) if place != Span::default() => report.label(place, text),
        _ => report,
    }
}
