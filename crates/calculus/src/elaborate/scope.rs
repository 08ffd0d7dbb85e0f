//! What is known while a text is elaborated: names, indices in scope, parameters of definitions, and
//! the diagnostics so far. Nothing here knows about operators or functions.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use backprove_syntax::tree::Expression;
use backprove_syntax::{Diagnostic, Span};

use super::modules::Module;
use super::suggestion;
use super::value::Value;
use crate::expr::Tensor;
use crate::index::{Dim, Index};
use crate::program::Program;

/// An index that a definition or a reduction binds. Its extent follows from use, so a stand-in
/// takes its place until the binder closes.
pub(super) struct Binder {
    pub name: String,
    pub span: Span,
    pub stand_in: Index,
    pub extent: Option<(Dim, Span)>,
    /// Whether it stands on the left of a definition, where its extent can be written.
    pub on_left: bool,
    /// Whether its extent was written, so that an element beyond an axis is meant to be zero.
    pub declared: bool,
    /// Whether it is the running name of a comprehension, where nothing lies beyond an axis.
    pub running: bool,
}

/// A parameter of a definition of the library while that definition is expanded.
#[derive(Clone)]
pub(super) enum Local {
    /// A value.
    Value(Value),
    /// An option such as `axis`, as it was written.
    Option(Expression),
}

/// An expansion of a definition that is written in the language: its parameters, and where it was called.
pub(super) struct Frame {
    pub locals: HashMap<String, Local>,
    pub call: Span,
    pub first_binder: usize,
}

/// Finds the tensor that `dA/dB` stands for.
pub(super) type Differentials<'a> = &'a dyn Fn(&str, &str) -> Option<Tensor>;

/// The state of an elaboration.
pub(super) struct Elaborator<'a> {
    pub program: Cow<'a, Program>,
    /// Tensors that may be mentioned but are no part of the program.
    pub extra: &'a [Tensor],
    pub differentials: Differentials<'a>,
    pub diagnostics: Vec<Diagnostic>,
    /// Symbolic sizes and where they were first written.
    pub sizes: Vec<(String, Span)>,
    /// Where each tensor and function was declared or defined.
    pub places: HashMap<String, Span>,
    /// Names whose definition failed: using them is not worth a second report.
    pub failed: HashSet<String>,
    /// Names that the text defines somewhere, kept free from generated names.
    pub reserved: HashSet<String>,
    /// The indices that the text binds somewhere: no generated name may clash with them.
    pub letters: HashSet<String>,
    /// Names that the text defines further below.
    pub later: HashMap<String, Span>,
    pub modules: Vec<Arc<Module>>,
    /// The modules that are being inlined, outermost first.
    pub inlining: Vec<String>,
    /// Modules that were checked; those that failed are among the failed names.
    pub checked: HashSet<String>,
    /// The user's call, while a module of the library is being inlined.
    pub library_call: Option<Span>,
    pub binders: Vec<Binder>,
    /// Pairs of indices in one delta: their extents agree.
    pub paired: Vec<(Index, Index)>,
    pub frames: Vec<Frame>,
}

impl<'a> Elaborator<'a> {
    pub(super) fn new(
        program: Cow<'a, Program>,
        extra: &'a [Tensor],
        differentials: Differentials<'a>,
    ) -> Self {
        let mut sizes: Vec<(String, Span)> = Vec::new();
        for tensor in program.inputs.iter().chain(extra) {
            for dim in tensor.dims() {
                for name in dim.symbols() {
                    if !sizes.iter().any(|(size, _)| **size == *name) {
                        sizes.push((name.to_string(), Span::default()));
                    }
                }
            }
        }
        Self {
            program,
            extra,
            differentials,
            diagnostics: Vec::new(),
            sizes,
            places: HashMap::new(),
            failed: HashSet::new(),
            reserved: HashSet::new(),
            letters: HashSet::new(),
            later: HashMap::new(),
            modules: Vec::new(),
            inlining: Vec::new(),
            checked: HashSet::new(),
            library_call: None,
            binders: Vec::new(),
            paired: Vec::new(),
            frames: Vec::new(),
        }
    }

    /// Records a diagnostic. Inside a definition of the library the place is the call: its text is not the user's.
    pub(super) fn report(&mut self, mut diagnostic: Diagnostic) {
        let call = self
            .library_call
            .or(self.frames.first().map(|frame| frame.call));
        if let Some(call) = call {
            let text = diagnostic.labels.first().map(|label| label.text.clone());
            diagnostic.labels.clear();
            diagnostic = diagnostic.label(call, text.unwrap_or_default());
            diagnostic.help = None;
        }
        if !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Records a diagnostic and gives up on the value.
    pub(super) fn fail<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.report(diagnostic);
        None
    }

    /// Something that the language has, or that people expect, and that cannot be said in index notation yet.
    pub(super) fn not_yet<T>(&mut self, what: &str, span: Span) -> Option<T> {
        self.fail(
            Diagnostic::error("not-yet-supported", format!("{what} is not available yet"))
                .label(span, "used here"),
        )
    }

    /// The declared, defined or given tensor called `name`.
    pub(super) fn tensor(&self, name: &str) -> Option<Tensor> {
        let given = self.extra.iter().find(|tensor| tensor.name() == name);
        self.program.tensor(name).or(given).cloned()
    }

    /// Whether `name` is a symbolic size.
    pub(super) fn is_size(&self, name: &str) -> bool {
        self.sizes.iter().any(|(size, _)| size == name)
    }

    /// Whether `name` is an abstract element-wise function.
    pub(super) fn is_function(&self, name: &str) -> bool {
        self.program
            .functions
            .iter()
            .any(|function| &**function == name)
    }

    /// Whether a generated name or letter must not be `name`.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.tensor(name).is_some()
            || self.is_function(name)
            || self.is_size(name)
            || self.reserved.contains(name)
            || self.failed.contains(name)
    }

    /// `name`, or `name_1`, `name_2`, … if it is taken.
    pub(super) fn free_name(&self, name: &str) -> String {
        let numbered = (1..).map(|number| format!("{name}_{number}"));
        std::iter::once(name.to_owned())
            .chain(numbered)
            .find(|candidate| !self.is_taken(candidate) && !self.letters.contains(candidate))
            .unwrap_or_default()
    }

    /// The parameter `name` of the definition that is being expanded.
    pub(super) fn local(&self, name: &str) -> Option<&Local> {
        self.frames.last()?.locals.get(name)
    }

    /// The position of the innermost index called `name`.
    pub(super) fn binder(&self, name: &str) -> Option<usize> {
        let first = self.frames.last().map_or(0, |frame| frame.first_binder);
        let position = self.binders[first..]
            .iter()
            .rposition(|binder| binder.name == name)?;
        Some(first + position)
    }

    /// Opens a binder.
    pub(super) fn bind(
        &mut self,
        name: &str,
        span: Span,
        extent: Option<(Dim, Span)>,
        on_left: bool,
    ) {
        let known = extent.as_ref().map(|(extent, _)| extent.clone());
        let declared = known.is_some();
        let stand_in = Index::new(name, known.unwrap_or_else(|| Dim::symbol(name)));
        self.binders.push(Binder {
            name: name.to_owned(),
            span,
            stand_in,
            extent,
            on_left,
            declared,
            running: false,
        });
    }

    /// Notes that the index at `position` runs over `extent`; reports where that disagrees.
    pub(super) fn note_extent(&mut self, position: usize, extent: &Dim, span: Span) -> Option<()> {
        let binder = &mut self.binders[position];
        if let Some((known, place)) = &binder.extent {
            if known == extent {
                return Some(());
            }
            let message = format!(
                "the index `{}` runs over {known} and over {extent}",
                binder.name
            );
            let report = Diagnostic::error("index-extent", message)
                .label(span, format!("here its extent is {extent}"))
                .label(*place, format!("here it is {known}"));
            return self.fail(report);
        }
        binder.extent = Some((extent.clone(), span));
        let stand_in = binder.stand_in.clone();
        let partners: Vec<Index> = self
            .paired
            .iter()
            .filter_map(|(left, right)| {
                if *left == stand_in {
                    Some(right.clone())
                } else if *right == stand_in {
                    Some(left.clone())
                } else {
                    None
                }
            })
            .collect();
        for partner in partners {
            if let Some(other) = self
                .binders
                .iter()
                .position(|binder| binder.stand_in == partner)
            {
                self.note_extent(other, extent, span)?;
            }
        }
        Some(())
    }

    /// Closes the innermost `count` binders: their indices with the extents that use has shown, each beside its
    /// stand-in. Reports an index without an extent, unless `quiet`.
    pub(super) fn close(&mut self, count: usize, quiet: bool) -> Option<Vec<(Index, Index)>> {
        let closed = self
            .binders
            .split_off(self.binders.len().saturating_sub(count));
        let mut indices = Some(Vec::new());
        for binder in closed {
            if let Some((extent, _)) = binder.extent {
                let index = Index::new(binder.name.as_str(), extent);
                if let Some(indices) = &mut indices {
                    indices.push((binder.stand_in, index));
                }
            } else {
                indices = None;
                if !quiet {
                    let name = &binder.name;
                    let message =
                        format!("the index `{name}` is not used, so its extent is unknown");
                    let mut report = Diagnostic::error("unused-index", message)
                        .label(binder.span, "no tensor is accessed with it");
                    if binder.on_left {
                        report = report.help(format!("write its extent, such as `{name}: N`"));
                    }
                    self.report(report);
                }
            }
        }
        indices
    }

    /// Reports a name that means nothing here.
    pub(super) fn unknown_name<T>(&mut self, name: &str, span: Span) -> Option<T> {
        if self.failed.contains(name) {
            return None;
        }
        let mut report = Diagnostic::error("unknown-name", format!("`{name}` is not declared"));
        if let Some(place) = self.later.get(name) {
            report = report
                .label(span, "used here")
                .label(*place, "it is defined only here, further below");
            return self.fail(report);
        }
        report = report.label(span, "used here");
        let names: Vec<String> = self.names_in_scope();
        let candidates = names.iter().map(String::as_str);
        report = match suggestion::nearest(name, candidates) {
            Some(near) => report.help_edit(format!("did you mean `{near}`?"), span, near),
            None => report.help(format!("declare it first, such as `{name}[N]`")),
        };
        self.fail(report)
    }

    /// The names of tensors, sizes and functions.
    pub(super) fn names_that_mean(&self) -> HashSet<String> {
        let functions = self.program.functions.iter().map(ToString::to_string);
        self.names_in_scope().into_iter().chain(functions).collect()
    }

    fn names_in_scope(&self) -> Vec<String> {
        let program = &self.program;
        let tensors = program.inputs.iter().chain(self.extra).map(Tensor::name);
        let targets = program
            .equations
            .iter()
            .map(|equation| equation.target.name());
        tensors
            .chain(targets)
            .chain(self.sizes.iter().map(|(size, _)| size.as_str()))
            .chain(self.binders.iter().map(|binder| binder.name.as_str()))
            .map(str::to_owned)
            .collect()
    }
}
