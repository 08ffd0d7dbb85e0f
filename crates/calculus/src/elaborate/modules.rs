//! Modules: checked once where they are written, then inlined at every call as equations under fresh names.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use backprove_syntax::tree::{
    Argument, BinaryOperator, Declaration, Definition, Expression, ExpressionKind,
    Module as WrittenModule, Name, Statement,
};
use backprove_syntax::{Diagnostic, Span};

use super::calls::Called;
use super::definitions::Parameter;
use super::scope::Elaborator;
use super::subscript::labels;
use super::substitution::{Replacements, each_child, left_side, replaced};
use crate::expr::Tensor;
use crate::index::Dim;
use crate::program::Program;
use crate::shape;

/// A module that can be called.
pub struct Module {
    /// Its name.
    pub(crate) name: String,
    /// The module as it was written.
    pub(crate) tree: WrittenModule,
    /// Whether it belongs to the standard library, whose text is not the user's.
    pub(crate) library: bool,
}

impl Module {
    /// A module of the user's text.
    pub(super) fn written(tree: &WrittenModule) -> Self {
        Self {
            name: tree.name.text.clone(),
            tree: tree.clone(),
            library: false,
        }
    }

    /// A module of the standard library.
    pub(crate) fn of_library(tree: &WrittenModule) -> Self {
        Self {
            library: true,
            ..Self::written(tree)
        }
    }

    /// Whether it is defined on scalars only, so that it maps element by element.
    fn maps(&self) -> bool {
        self.tree
            .parameters
            .iter()
            .all(|parameter| parameter.sizes.as_ref().is_some_and(Vec::is_empty))
    }
}

/// What the sizes of a module's parameters are at a call, and which parameter has shown it.
type Sizes = HashMap<String, (Dim, String)>;

impl Elaborator<'_> {
    /// Elaborates a module on its own and reports what is wrong with it.
    pub(super) fn check_module(&mut self, module: &Module) -> Option<()> {
        if self.checked.contains(&module.name) {
            return (!self.failed.contains(&module.name)).then_some(());
        }
        self.checked.insert(module.name.clone());
        let mut inner = Elaborator::new(Cow::Owned(Program::default()), &[], self.differentials);
        inner.modules.clone_from(&self.modules);
        inner.checked.clone_from(&self.checked);
        inner.failed.extend(
            self.failed
                .iter()
                .filter(|name| self.checked.contains(*name))
                .cloned(),
        );
        inner.inlining.clone_from(&self.inlining);
        inner.run_module(&module.tree);
        let Elaborator {
            diagnostics,
            checked,
            failed,
            ..
        } = inner;
        for name in checked {
            if failed.contains(&name) {
                self.failed.insert(name.clone());
            }
            self.checked.insert(name);
        }
        if diagnostics.is_empty() {
            return Some(());
        }
        self.failed.insert(module.name.clone());
        for diagnostic in diagnostics {
            self.report(diagnostic);
        }
        None
    }

    /// Elaborates the body of a module with its parameters as inputs.
    pub(super) fn run_module(&mut self, module: &WrittenModule) {
        if self.failed.contains(&module.name.text) {
            return;
        }
        self.inlining.push(module.name.text.clone());
        let result = &module.result.name;
        for parameter in &module.parameters {
            self.declare(parameter);
        }
        for statement in &module.body {
            if let Statement::Definition(definition) = statement {
                self.reserved.insert(definition.name.text.clone());
                self.later
                    .entry(definition.name.text.clone())
                    .or_insert(definition.name.span);
                self.note_letters(definition);
            }
        }
        self.reserved.insert(result.text.clone());
        for statement in &module.body {
            if let Some(definition) = self.module_statement(statement, result) {
                self.later.remove(&definition.name.text);
                self.define(&definition);
                if definition.name.text == result.text {
                    break;
                }
            }
        }
        self.check_result(module);
        self.inlining.pop();
    }

    /// A statement of a module as a definition; reports statements that have no place there.
    fn module_statement(&mut self, statement: &Statement, result: &Name) -> Option<Definition> {
        let span = match statement {
            Statement::Definition(definition) => return Some(definition.clone()),
            Statement::Expression(value) => {
                return Some(Definition {
                    name: result.clone(),
                    indices: None,
                    value: value.clone(),
                    span: value.span,
                });
            }
            Statement::Declaration(declaration) => declaration.span,
            Statement::Module(module) => module.name.span,
        };
        self.fail(
            Diagnostic::error("inside-module", "a module holds definitions only")
                .label(span, "this does not belong here")
                .help("declare tensors among the parameters"),
        )
    }

    /// Compares the declared shape of the result with the value's.
    fn check_result(&mut self, module: &WrittenModule) -> Option<()> {
        let result = &module.result;
        let name = &result.name.text;
        if self.failed.contains(name) {
            return None;
        }
        let Some(tensor) = self.program.tensor(name).cloned() else {
            let message = format!(
                "`{}` promises `{name}` and does not define it",
                module.name.text
            );
            return self
                .fail(Diagnostic::error("no-result", message).label(result.span, "promised here"));
        };
        let mut declared = Vec::new();
        for size in result.sizes.iter().flatten() {
            declared.push(self.extent_of(size)?);
        }
        if declared == tensor.dims() {
            return Some(());
        }
        let place = self.places.get(name).copied().unwrap_or_default();
        let message = format!(
            "`{}` says that `{name}` is {}, but it is {}",
            module.name.text,
            shape::described(&declared),
            shape::described(tensor.dims())
        );
        let written: Vec<String> = tensor.dims().iter().map(Dim::to_string).collect();
        self.fail(
            Diagnostic::error("result-shape", message)
                .label(result.span, "declared here")
                .label(place, shape::described(tensor.dims()))
                .help_edit(
                    "declare the shape that it has",
                    result.span,
                    format!("{name}[{}]", written.join(", ")),
                ),
        )
    }

    /// Whether `tree` is a call of a module, and whether that module's result is a scalar.
    pub(super) fn module_result_is_scalar(&self, tree: &Expression) -> Option<bool> {
        match self.called(tree) {
            Some(Called::Module(module)) if !module.maps() => {
                Some(module.tree.result.sizes.as_ref().is_none_or(Vec::is_empty))
            }
            Some(Called::Module(_)) => {
                // It maps: the result has the shape of the arguments.
                let mut scalar = true;
                each_child(tree, &mut |argument| {
                    scalar &= self
                        .named_tensor(argument)
                        .is_none_or(|tensor| tensor.rank() == 0);
                });
                Some(scalar)
            }
            _ => None,
        }
    }

    /// Defines `name` by a module where the right side is a call of one.
    /// `Some(None)`: it is not; `None` after a report.
    #[allow(clippy::option_option)]
    pub(super) fn define_by_module(&mut self, name: &str, tree: &Expression) -> Option<Option<()>> {
        let (Some(Called::Module(module)), ExpressionKind::Call { arguments, .. }) =
            (self.called(tree), &tree.kind)
        else {
            return Some(None);
        };
        self.inline(&module, arguments, tree.span, name)?;
        Some(Some(()))
    }

    /// Adds the definitions of `module` at the given arguments; its result is called `target`.
    pub(super) fn inline(
        &mut self,
        module: &Arc<Module>,
        arguments: &[Argument],
        span: Span,
        target: &str,
    ) -> Option<()> {
        if self.inlining.contains(&module.name) {
            let message = format!("the module `{}` calls itself", module.name);
            return self
                .fail(Diagnostic::error("recursive-module", message).label(span, "called here"));
        }
        if !module.library {
            self.check_module(module)?;
        }
        let parameters: Vec<Parameter> = module
            .tree
            .parameters
            .iter()
            .map(|parameter| Parameter {
                name: parameter.name.text.clone(),
                default: None,
                option: false,
            })
            .collect();
        let bound = self.match_arguments(&module.name, &parameters, arguments, span, true)?;
        let mut trees = Vec::with_capacity(bound.len());
        for (tree, parameter) in bound.iter().zip(&module.tree.parameters) {
            trees.push(self.module_argument(tree.as_ref()?, parameter));
        }
        let trees: Vec<Expression> = trees.into_iter().collect::<Option<_>>()?;
        let module = &*self.variant(module, &trees);
        let maps = module.maps() && self.some_axes(&trees);
        if maps {
            self.check_mapping(module, span)?;
        }
        let sizes = if maps {
            Sizes::new()
        } else {
            self.unified_sizes(module, &trees)?
        };
        let mut map = Replacements::among(self.names_that_mean());
        for (parameter, tree) in module.tree.parameters.iter().zip(trees) {
            map.insert(parameter.name.text.clone(), tree);
        }
        for (size, (dim, _)) in sizes {
            map.insert(size, crate::notation::extent(&dim));
        }
        self.inlining.push(module.name.clone());
        let outermost = module.library && self.library_call.is_none();
        if outermost {
            self.library_call = Some(span);
        }
        let defined = self.define_body(module, map, target);
        if outermost {
            self.library_call = None;
        }
        self.inlining.pop();
        defined
    }

    fn define_body(&mut self, module: &Module, mut map: Replacements, target: &str) -> Option<()> {
        let result = &module.tree.result.name;
        for statement in &module.tree.body {
            let definition = self.module_statement(statement, result)?;
            let is_result = definition.name.text == result.text;
            let name = if is_result {
                target.to_owned()
            } else {
                self.free_name(&definition.name.text)
            };
            match &definition.indices {
                None => {
                    let tree = replaced(&definition.value, &map);
                    self.define_tree(&name, &tree)?;
                }
                Some(indices) => {
                    let (indices, inner) = left_side(indices, &definition.value, &map);
                    let tree = replaced(&definition.value, &inner);
                    self.define_by_index(&name, &indices, &tree)?;
                }
            }
            if is_result {
                return Some(());
            }
            map.insert(definition.name.text, Expression::name(name));
        }
        None
    }

    /// An argument as a name or a number; anything else becomes an equation first.
    fn module_argument(
        &mut self,
        tree: &Expression,
        parameter: &Declaration,
    ) -> Option<Expression> {
        let scalar = parameter.sizes.as_ref().is_some_and(Vec::is_empty);
        let is_number = match &tree.kind {
            ExpressionKind::Name(name) => self.tensor(name).is_none() && self.is_size(name),
            ExpressionKind::Number(_) => true,
            ExpressionKind::Unary(_, operand) => matches!(operand.kind, ExpressionKind::Number(_)),
            _ => false,
        };
        if is_number && scalar {
            return Some(tree.clone());
        }
        let tree = self.named_parts(tree, &mut Vec::new())?;
        if self.argument_dims(&tree).is_some() {
            return Some(tree);
        }
        let letter = match self.called(&tree) {
            Some(Called::Elementwise(_)) => "A",
            _ => "Z",
        };
        self.named(&tree, letter)
    }

    /// The module of the library for arguments of these ranks: a loss of vectors is another text than one of matrices.
    fn variant(&self, module: &Arc<Module>, trees: &[Expression]) -> Arc<Module> {
        let ranks: Vec<usize> = trees
            .iter()
            .map(|tree| self.argument_dims(tree).map_or(0, |dims| dims.len()))
            .collect();
        let fits = |other: &Arc<Module>| {
            let parameters = other.tree.parameters.iter();
            parameters
                .map(|parameter| parameter.sizes.as_ref().map_or(0, Vec::len))
                .eq(ranks.iter().copied())
        };
        let variants = if module.library {
            crate::library::variants(&module.name)
        } else {
            Vec::new()
        };
        variants
            .into_iter()
            .find(fits)
            .unwrap_or_else(|| module.clone())
    }

    /// The shape of an argument that can stand in the module's text as it is: a tensor or its transpose.
    fn argument_dims(&self, tree: &Expression) -> Option<Vec<Dim>> {
        if let ExpressionKind::Transpose(inner) = &tree.kind {
            return Some(shape::transposed(self.named_tensor(inner)?.dims()));
        }
        Some(self.named_tensor(tree)?.dims().to_vec())
    }

    fn some_axes(&self, trees: &[Expression]) -> bool {
        trees
            .iter()
            .filter_map(|tree| self.argument_dims(tree))
            .any(|dims| !dims.is_empty())
    }

    /// A module over scalars maps over axes only if all that it does is element-wise.
    fn check_mapping(&mut self, module: &Module, span: Span) -> Option<()> {
        let elementwise = module.tree.body.iter().all(|statement| match statement {
            Statement::Definition(definition) => {
                definition.indices.is_none() && self.is_elementwise(&definition.value)
            }
            Statement::Expression(tree) => self.is_elementwise(tree),
            _ => false,
        });
        if elementwise {
            return Some(());
        }
        let message = format!(
            "`{}` is defined on scalars and does more than element-wise work",
            module.name
        );
        self.fail(
            Diagnostic::error("module-argument", message).label(span, "called with axes here"),
        )
    }

    fn is_elementwise(&self, tree: &Expression) -> bool {
        let here = match &tree.kind {
            ExpressionKind::Number(_) | ExpressionKind::Name(_) | ExpressionKind::Unary(..) => true,
            ExpressionKind::Binary(operator, ..) => *operator != BinaryOperator::MatrixMultiply,
            ExpressionKind::Call { function, .. } => match self.called(tree) {
                Some(Called::Elementwise(_)) => true,
                Some(Called::Module(module)) => module.maps(),
                Some(Called::Tensor(_)) => {
                    matches!(
                        function.text.as_str(),
                        "sqrt" | "square" | "reciprocal" | "clip"
                    )
                }
                None => false,
            },
            _ => false,
        };
        let mut all = here;
        each_child(tree, &mut |child| all = all && self.is_elementwise(child));
        all
    }

    /// What the parameters' sizes are at this call. Reports arguments of other shapes.
    fn unified_sizes(&mut self, module: &Module, trees: &[Expression]) -> Option<Sizes> {
        let mut sizes = Sizes::new();
        let mut complete = Some(());
        for (parameter, tree) in module.tree.parameters.iter().zip(trees) {
            let dims = self.argument_dims(tree).unwrap_or_default();
            let written = parameter.sizes.clone().unwrap_or_default();
            let before = sizes.clone();
            let fits = match unify(&mut sizes, &parameter.name.text, &written, &dims) {
                Ok(()) => {
                    let tensor = self.named_tensor(tree);
                    self.check_label_argument(module, parameter, tree, tensor.as_ref(), &mut sizes)
                }
                Err(problem) => {
                    let turned = shape::transposed(&dims);
                    let fits_turned = dims.len() == 2
                        && unify(&mut before.clone(), &parameter.name.text, &written, &turned)
                            .is_ok();
                    sizes = before;
                    self.report_argument(module, parameter, tree, &dims, &problem, fits_turned)
                }
            };
            complete = complete.and(fits);
        }
        complete?;
        Some(sizes)
    }

    fn report_argument(
        &mut self,
        module: &Module,
        parameter: &Declaration,
        tree: &Expression,
        dims: &[Dim],
        problem: &str,
        fits_turned: bool,
    ) -> Option<()> {
        let name = &parameter.name.text;
        let shape = shape::described(dims);
        let mut without_facts = parameter.clone();
        without_facts.facts.clear();
        let wanted = backprove_syntax::format_statement(&Statement::Declaration(without_facts));
        let given = super::suggestion::named(tree).unwrap_or_else(|| format!("this `{name}`"));
        let message = format!(
            "`{}` takes `{wanted}`{problem}, and {given} is {shape}",
            module.name
        );
        let mut report = Diagnostic::error("module-argument", message).label(tree.span, shape);
        if fits_turned {
            let text = backprove_syntax::format_expression(&tree.clone().transpose());
            report = report.help_edit(format!("the sizes only fit `{text}`"), tree.span, text);
        }
        self.fail(report)
    }

    /// A parameter that holds labels takes only labels.
    fn check_label_argument(
        &mut self,
        module: &Module,
        parameter: &Declaration,
        tree: &Expression,
        tensor: Option<&Tensor>,
        sizes: &mut Sizes,
    ) -> Option<()> {
        let Some(fact) = parameter
            .facts
            .iter()
            .find(|fact| fact.name.text == "labels")
        else {
            return Some(());
        };
        let given = tensor.and_then(labels).cloned();
        let name = &parameter.name.text;
        let Some(given) = given else {
            let classes = match fact.arguments.first().map(|tree| &tree.kind) {
                Some(ExpressionKind::Name(size)) => sizes
                    .get(size)
                    .map_or(size.clone(), |(dim, _)| dim.to_string()),
                _ => "C".to_owned(),
            };
            let message = format!("`{}` takes labels as `{name}`", module.name);
            return self.fail(
                Diagnostic::error("not-labels", message)
                    .label(tree.span, "these are no labels")
                    .help(format!("declare it with `: labels({classes})`")),
            );
        };
        if let Err(problem) = unify(sizes, name, &fact.arguments, std::slice::from_ref(&given)) {
            let message = format!(
                "`{}` takes labels `{name}` below {}{problem}, and these are below {given}",
                module.name,
                fact.arguments
                    .first()
                    .map(backprove_syntax::format_expression)
                    .unwrap_or_default()
            );
            return self
                .fail(Diagnostic::error("label-range", message).label(tree.span, "given here"));
        }
        Some(())
    }
}

/// Notes what the sizes of a parameter are; the reason where they disagree.
fn unify(
    sizes: &mut Sizes,
    parameter: &str,
    written: &[Expression],
    dims: &[Dim],
) -> Result<(), String> {
    if written.len() != dims.len() {
        return Err(String::new());
    }
    for (size, dim) in written.iter().zip(dims) {
        match &size.kind {
            ExpressionKind::Name(name) => match sizes.get(name) {
                Some((known, by)) if known != dim => {
                    return Err(format!(" with {name} = {known} from `{by}`"));
                }
                Some(_) => {}
                None => {
                    sizes.insert(name.clone(), (dim.clone(), parameter.to_owned()));
                }
            },
            ExpressionKind::Number(text) => {
                if text.parse().ok() != Some(dim).and_then(literal) {
                    return Err(String::new());
                }
            }
            _ => return Err(String::new()),
        }
    }
    Ok(())
}

fn literal(dim: &Dim) -> Option<usize> {
    match dim {
        Dim::Literal(size) => Some(*size),
        Dim::Symbol(_) | Dim::Computed(_) => None,
    }
}
