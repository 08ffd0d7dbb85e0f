//! Calls: which function a name means, how arguments meet parameters, and element-wise application.

use std::collections::HashMap;
use std::sync::Arc;

use backprove_syntax::tree::{Argument, Expression, ExpressionKind, Name, UnaryOperator};
use backprove_syntax::{Diagnostic, Span};

use super::definitions::{self, Body, Entry, NOT_YET, Parameter};
use super::libraries::{self, Library};
use super::linalg;
use super::modules::Module;
use super::scope::{Elaborator, Frame, Local};
use super::suggestion;
use super::value::{Value, broadcast};
use crate::derivation::worked_out;
use crate::expr::{Callee, Expr, FunctionName};
use crate::functions;
use crate::shape;

/// The largest expression that a definition of the table may expand to: nested definitions grow exponentially.
const LARGEST: usize = 50_000;

/// What a name means when it is called.
#[derive(Clone)]
pub(super) enum Called {
    /// A function that is applied element by element.
    Elementwise(Callee),
    /// A tensor function of the table.
    Tensor(&'static Entry),
    /// A module.
    Module(Arc<Module>),
}

/// `x.f(a)` as `f(x, a)`.
pub(super) fn method_as_call(
    receiver: &Expression,
    method: &Name,
    arguments: &[Argument],
) -> (Name, Vec<Argument>) {
    // `dim=` exists only in PyTorch, so a call that uses it means what PyTorch means.
    let torch = arguments.iter().any(|argument| {
        argument
            .keyword
            .as_ref()
            .is_some_and(|keyword| matches!(keyword.text.as_str(), "dim" | "keepdim"))
    });
    let text = if torch {
        format!("torch.{}", method.text)
    } else if matches!(method.text.as_str(), "max" | "min" | "norm") {
        // As a method, these have no reading but NumPy's.
        format!("np.{}", method.text)
    } else {
        method.text.clone()
    };
    let first = Argument {
        keyword: None,
        value: receiver.clone(),
    };
    let all = std::iter::once(first)
        .chain(arguments.iter().cloned())
        .collect();
    let function = Name {
        text,
        span: method.span,
    };
    (function, all)
}

impl Elaborator<'_> {
    /// Whether `name` could be called.
    pub(super) fn is_callable(&self, name: &str) -> bool {
        self.meaning(Library::Ours, name.trim_end_matches('\''))
            .is_some()
    }

    /// What a dotted name means, without a report.
    pub(super) fn meaning_of_path(&self, path: &str) -> Option<Called> {
        let (library, name) = libraries::split(path)?;
        self.meaning(library, name)
    }

    /// Whether a dotted name is neither known nor known to be missing.
    pub(super) fn called_path_is_unknown(&self, path: &str) -> bool {
        let Some((library, name)) = libraries::split(path) else {
            return true;
        };
        // PyTorch's `max` and `min` are ours where nothing but the tensor is given.
        let known = NOT_YET.contains(&name)
            || linalg::refusal(name).is_some()
            || libraries::ours(library, name).is_some()
            || matches!(name, "max" | "min");
        !known && self.meaning(library, name).is_none()
    }

    /// What `name` of `library` means, without a report.
    pub(super) fn meaning(&self, library: Library, name: &str) -> Option<Called> {
        let ours = if library == Library::Ours {
            // A text's own functions come first, but not inside the library's definitions.
            if self.frames.is_empty() && self.library_call.is_none() {
                if let Some(module) = self.modules.iter().find(|module| module.name == name) {
                    return Some(Called::Module(module.clone()));
                }
                if self.is_function(name) {
                    return Some(Called::Elementwise(Callee::named(name)));
                }
            }
            name
        } else {
            libraries::ours(library, name)?
        };
        if let Some(entry) = definitions::find(ours) {
            return Some(Called::Tensor(entry));
        }
        if let Some(function) = functions::find(ours) {
            return Some(Called::Elementwise(Callee::known(function)));
        }
        if let Some(module) = crate::library::module(ours) {
            return Some(Called::Module(module));
        }
        match libraries::ours(library, ours) {
            Some(other) if library == Library::Ours && other != ours => {
                self.meaning(library, other)
            }
            _ => None,
        }
    }

    /// What the called name means, and the arguments in our terms. Reports what has no meaning.
    pub(super) fn resolve(
        &mut self,
        function: &Name,
        arguments: &[Argument],
        span: Span,
    ) -> Option<(Called, Vec<Argument>)> {
        let path = function.text.trim_end_matches('\'');
        let primes = function.text.len() - path.len();
        let Some((library, name)) = libraries::split(path) else {
            let prefix = path.rsplit_once('.').map_or(path, |(prefix, _)| prefix);
            let message = format!("the library `{prefix}` is not known here");
            return self.fail(Diagnostic::error("unknown-library", message).label(
                function.span,
                "known are `np`, `jnp`, `jax.nn`, `torch` and `F`",
            ));
        };
        let (library, name, arguments) = self.in_our_terms(library, name, arguments, span)?;
        let Some(mut called) = self.meaning(library, &name) else {
            return self.unknown_function(library, &name, function);
        };
        if primes > 0
            && matches!(called, Called::Tensor(_))
            && let Some(own) = functions::find(&name)
        {
            // Such as a root, which is a power wherever else it is written.
            called = Called::Elementwise(Callee::known(own));
        }
        match called {
            Called::Elementwise(mut callee)
                if primes > 0 && elementwise_parameters(&callee).len() == 1 =>
            {
                callee.derivatives = vec![0; primes];
                Some((Called::Elementwise(callee), arguments))
            }
            _ if primes > 0 => self.not_yet(
                &format!("the derivative `{}`", function.text),
                function.span,
            ),
            other => Some((other, arguments)),
        }
    }

    fn unknown_function<T>(&mut self, library: Library, name: &str, function: &Name) -> Option<T> {
        if self.failed.contains(name) {
            return None;
        }
        let span = function.span;
        if let Some((reason, help)) = linalg::refusal(name) {
            let report = Diagnostic::error("refused", reason).label(span, "called here");
            return self.fail(report.help(help));
        }
        if NOT_YET.contains(&name) || libraries::ours(library, name).is_some() {
            return self.not_yet(&format!("`{name}`"), span);
        }
        if library == Library::Ours && (self.tensor(name).is_some() || self.is_size(name)) {
            let what = if self.is_size(name) { "size" } else { "tensor" };
            let message = format!("`{name}` is a {what}, not a function");
            return self.fail(
                Diagnostic::error("not-a-function", message)
                    .label(span, "called here")
                    .help(format!("multiply with `{name} * (…)` or `{name} @ (…)`, take elements with `{name}[…]`")),
            );
        }
        let message = if library == Library::Ours {
            format!("there is no function `{name}`")
        } else {
            format!("`{}` has no known meaning here", function.text)
        };
        let mut report = Diagnostic::error("unknown-function", message).label(span, "called here");
        let candidates = self.callable_names(library);
        let prefix = function
            .text
            .rsplit_once('.')
            .map_or("", |(prefix, _)| prefix);
        if let Some(near) = suggestion::nearest(name, candidates.iter().map(String::as_str)) {
            let proposal = if prefix.is_empty() {
                near.to_owned()
            } else {
                format!("{prefix}.{near}")
            };
            report = report.help_edit(format!("did you mean `{proposal}`?"), span, proposal);
        } else if let Some(home) =
            libraries::other_home(library, name).filter(|_| library != Library::Ours)
        {
            report = report.help(format!(
                "{} has none; write `{name}` or `{home}{name}`",
                library.title()
            ));
        } else if library == Library::Ours {
            report = report.help(format!(
                "declare an abstract function with `{name}: elementwise`"
            ));
        }
        self.fail(report)
    }

    pub(super) fn callable_names(&self, library: Library) -> Vec<String> {
        if library != Library::Ours {
            return libraries::spellings(library)
                .filter(|name| self.meaning(library, name).is_some())
                .map(str::to_owned)
                .collect();
        }
        let modules = self.modules.iter().map(|module| module.name.clone());
        let declared = self.program.functions.iter().map(ToString::to_string);
        let known = definitions::names()
            .chain(functions::table().map(|function| function.name))
            .chain(crate::library::names())
            .chain(libraries::spellings(Library::NumPy))
            .filter(|name| self.is_callable(name));
        modules
            .chain(declared)
            .chain(known.map(str::to_owned))
            .collect()
    }

    pub(super) fn lower_call(
        &mut self,
        function: &Name,
        arguments: &[Argument],
        span: Span,
    ) -> Option<Value> {
        let (called, arguments) = self.resolve(function, arguments, span)?;
        match called {
            Called::Elementwise(callee) => self.lower_elementwise(callee, &arguments, span),
            Called::Tensor(entry) => {
                let torch = libraries::split(&function.text)
                    .is_some_and(|(library, _)| library == Library::Torch);
                self.lower_tensor_function(entry, &arguments, span, torch)
            }
            Called::Module(module) => {
                let message = format!("the module `{}` cannot be called here", module.name);
                self.fail(
                    Diagnostic::error("module-here", message)
                        .label(
                            span,
                            "its arguments depend on indices, or this is no definition",
                        )
                        .help("name its result first, in a definition of its own"),
                )
            }
        }
    }

    fn lower_elementwise(
        &mut self,
        callee: Callee,
        arguments: &[Argument],
        span: Span,
    ) -> Option<Value> {
        let parameters = elementwise_parameters(&callee);
        let bound = self.match_arguments(callee.name(), &parameters, arguments, span, false)?;
        let mut values = Vec::with_capacity(bound.len());
        for tree in &bound {
            values.push(self.lower(tree.as_ref()?));
        }
        let values: Vec<Value> = values.into_iter().collect::<Option<_>>()?;
        match broadcast(&values) {
            Ok((indices, bodies)) => {
                let body = match (&callee.function, &*callee.derivatives, &*bodies) {
                    (FunctionName::Known(function), [_, ..], [argument]) => {
                        let order = callee.derivatives.len();
                        let Some(body) = worked_out(function, order, argument) else {
                            return self.not_yet(
                                &format!("a derivative of order {order} of `{}`", callee.name()),
                                span,
                            );
                        };
                        body
                    }
                    _ => Expr::call(callee, bodies),
                };
                Some(Value { indices, body })
            }
            Err(mismatch) => {
                let shapes: Vec<String> = values
                    .iter()
                    .map(|value| shape::described(&value.dims()))
                    .collect();
                let message = format!(
                    "the arguments of `{}` are {}; {} meets {}",
                    callee.name(),
                    shapes.join(" and "),
                    mismatch.left,
                    mismatch.right
                );
                let mut report = Diagnostic::error("shape-mismatch", message);
                for (argument, shape) in arguments.iter().zip(shapes) {
                    report = report.label(argument.value.span, shape);
                }
                self.fail(report)
            }
        }
    }

    fn lower_tensor_function(
        &mut self,
        entry: &'static Entry,
        arguments: &[Argument],
        span: Span,
        torch: bool,
    ) -> Option<Value> {
        match &entry.body {
            Body::Built(built) => {
                if let Some(value) = self.lower_variadic(*built, arguments, span) {
                    return value;
                }
                let bound =
                    self.match_arguments(&entry.name, &entry.parameters, arguments, span, torch)?;
                self.lower_built(*built, &entry.name, &bound, span)
            }
            Body::Language(body) => {
                let bound =
                    self.match_arguments(&entry.name, &entry.parameters, arguments, span, torch)?;
                let mut locals = HashMap::new();
                let mut complete = Some(());
                for (parameter, tree) in entry.parameters.iter().zip(bound) {
                    let Some(tree) = tree else { continue };
                    let local = if parameter.option {
                        Some(Local::Option(self.resolved_option(&tree)))
                    } else {
                        self.lower(&tree).map(Local::Value)
                    };
                    match local {
                        Some(local) => {
                            locals.insert(parameter.name.clone(), local);
                        }
                        None => complete = None,
                    }
                }
                complete?;
                self.frames.push(Frame {
                    locals,
                    call: span,
                    first_binder: self.binders.len(),
                });
                let value = self.lower(body);
                self.frames.pop();
                let value = value?;
                if value.body.size() > LARGEST {
                    return self.too_large(span);
                }
                Some(value)
            }
        }
    }

    fn too_large<T>(&mut self, span: Span) -> Option<T> {
        let message = "this expression is too large when its functions are written out";
        self.fail(
            Diagnostic::error("too-large", message)
                .label(span, "grows beyond all use here")
                .help("name its parts in definitions of their own"),
        )
    }

    /// An option that is itself a parameter of the definition that is being expanded.
    fn resolved_option(&self, tree: &Expression) -> Expression {
        match self.local_of(tree) {
            Some(Local::Option(option)) => option,
            _ => tree.clone(),
        }
    }

    /// One argument for each parameter, by position and keyword, defaults filled in. Reports what does not fit.
    pub(super) fn match_arguments(
        &mut self,
        name: &str,
        parameters: &[Parameter],
        arguments: &[Argument],
        span: Span,
        torch: bool,
    ) -> Option<Vec<Option<Expression>>> {
        let mut bound: Vec<Option<Expression>> = vec![None; parameters.len()];
        // NumPy has other parameters between `axis` and `keepdims`, so these come by keyword only.
        let by_position = by_keyword_from(parameters)
            .filter(|_| !torch)
            .unwrap_or(parameters.len());
        let mut position = 0;
        for argument in arguments {
            let place = if let Some(keyword) = &argument.keyword {
                let Some(place) = parameters
                    .iter()
                    .position(|parameter| parameter.name == keyword.text)
                else {
                    return self.unknown_keyword(name, parameters, keyword);
                };
                place
            } else {
                if position >= by_position {
                    let next = parameters.get(position);
                    return self.too_many_arguments(name, by_position, next, argument.value.span);
                }
                position += 1;
                position - 1
            };
            if bound[place].is_some() {
                let message = format!(
                    "`{name}` gets its argument `{}` twice",
                    parameters[place].name
                );
                return self.fail(
                    Diagnostic::error("argument-twice", message)
                        .label(argument.value.span, "again here"),
                );
            }
            bound[place] = Some(argument.value.clone());
        }
        for (slot, parameter) in bound.iter_mut().zip(parameters) {
            if slot.is_none() {
                slot.clone_from(&parameter.default);
            }
            if slot.is_none() {
                return self.missing_argument(name, parameters, parameter, span);
            }
        }
        Some(bound)
    }

    fn unknown_keyword<T>(
        &mut self,
        name: &str,
        parameters: &[Parameter],
        keyword: &Name,
    ) -> Option<T> {
        let message = format!("`{name}` has no argument `{}`", keyword.text);
        let report =
            Diagnostic::error("unknown-argument", message).label(keyword.span, "given here");
        let known = parameters.iter().map(|parameter| parameter.name.as_str());
        let near = match keyword.text.as_str() {
            "dim" => Some("axis"),
            "keepdim" => Some("keepdims"),
            other => suggestion::nearest(other, known.clone()),
        };
        let report = match near.filter(|near| known.clone().any(|known| known == *near)) {
            Some(near) => report.help_edit(format!("did you mean `{near}`?"), keyword.span, near),
            None => report,
        };
        self.fail(report)
    }

    fn too_many_arguments<T>(
        &mut self,
        name: &str,
        most: usize,
        next: Option<&Parameter>,
        span: Span,
    ) -> Option<T> {
        let plural = if most == 1 { "" } else { "s" };
        let message = format!("`{name}` takes {most} argument{plural} by position");
        let mut report =
            Diagnostic::error("too-many-arguments", message).label(span, "one too many");
        if let Some(next) = next {
            let start = Span::new(span.start, span.start);
            let keyword = format!("{}=", next.name);
            report = report.help_edit(format!("name it: `{keyword}…`"), start, keyword);
        }
        self.fail(report)
    }

    fn missing_argument<T>(
        &mut self,
        name: &str,
        parameters: &[Parameter],
        missing: &Parameter,
        span: Span,
    ) -> Option<T> {
        let names: Vec<&str> = parameters
            .iter()
            .filter(|parameter| parameter.default.is_none())
            .map(|parameter| parameter.name.as_str())
            .collect();
        let message = format!("`{name}` needs its argument `{}`", missing.name);
        self.fail(
            Diagnostic::error("missing-argument", message)
                .label(span, "missing here")
                .help(format!("call it as `{name}({})`", names.join(", "))),
        )
    }

    /// A whole number that is written out.
    pub(super) fn constant_integer(&self, tree: &Expression) -> Option<i64> {
        if let Some(Local::Option(option)) = self.local_of(tree) {
            return self.constant_integer(&option);
        }
        match &tree.kind {
            ExpressionKind::Number(text) => text.parse().ok(),
            ExpressionKind::Unary(UnaryOperator::Negate, operand) => {
                self.constant_integer(operand)?.checked_neg()
            }
            ExpressionKind::Unary(UnaryOperator::Plus, operand) => self.constant_integer(operand),
            _ => None,
        }
    }

    /// `True` or `False`.
    pub(super) fn constant_truth(&mut self, tree: &Expression) -> Option<bool> {
        let tree = self.resolved_option(tree);
        if is_word(&tree, "True") {
            return Some(true);
        }
        if is_word(&tree, "False") {
            return Some(false);
        }
        self.fail(
            Diagnostic::error("bad-option", "this option is `True` or `False`")
                .label(tree.span, "given here"),
        )
    }
}

/// From which parameter on a keyword is needed.
pub(super) fn by_keyword_from(parameters: &[Parameter]) -> Option<usize> {
    parameters
        .iter()
        .position(|parameter| matches!(parameter.name.as_str(), "keepdims" | "ddof"))
}

/// The parameters of an element-wise function.
fn elementwise_parameters(callee: &Callee) -> Vec<Parameter> {
    let names: &[&str] = match &callee.function {
        FunctionName::Known(function) => function.arguments,
        FunctionName::Abstract(_) => &["x"],
    };
    names
        .iter()
        .map(|name| Parameter {
            name: (*name).to_owned(),
            default: None,
            option: false,
        })
        .collect()
}

pub(super) fn is_word(tree: &Expression, word: &str) -> bool {
    matches!(&tree.kind, ExpressionKind::Name(name) if name == word)
}
