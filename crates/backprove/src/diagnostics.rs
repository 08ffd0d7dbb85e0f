//! Draws diagnostics the way a compiler does, for every surface. It decides how they look and where their places are
//! in what the user typed; what they say comes from elsewhere, and it must never parse anything.

use std::ops::Range;

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Patch, Renderer, Snippet, normalize_untrusted_str,
};
use backprove_syntax::{Diagnostic, Edit, Help, Span};

/// A program's text and where each part of it stood before.
#[derive(Debug, Clone, Default)]
pub struct Source {
    text: String,
    parts: Vec<Part>,
}

/// A part of the text as the user wrote it.
#[derive(Debug, Clone)]
pub struct Part {
    /// What to call the place: a path, or the argument.
    pub name: String,
    /// The bytes of the text that it takes.
    pub range: Range<usize>,
}

impl Source {
    /// A text that stands by itself.
    pub fn named(name: impl Into<String>, text: impl Into<String>) -> Self {
        let mut source = Self::default();
        source.push(name, &text.into());
        source
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The part that holds the byte at `offset`, or the last one.
    pub fn part_at(&self, offset: usize) -> Option<&Part> {
        let holds = |part: &&Part| offset <= part.range.end;
        self.parts.iter().find(holds).or(self.parts.last())
    }

    /// Adds a part below the others.
    pub fn push(&mut self, name: impl Into<String>, text: &str) {
        // A line end keeps a comment, or a statement without one, from running into the next part.
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        // The mark that some editors put at the start of a file says nothing and has no place.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let start = self.text.len();
        self.text.push_str(text);
        let range = start..self.text.len();
        let name = name.into();
        self.parts.push(Part { name, range });
    }
}

/// Lines longer than this are not repeated with an edit in them.
const LONG: usize = 400;

/// The diagnostics as text, an empty line between any two.
///
/// ```
/// use backprove::Problem;
/// use backprove::diagnostics::{Source, draw};
/// let source = Source::named("layer", "X[S, M]; W[N, M]\nY = X @ W");
/// let diagnosed = Problem::read(source.text()).unwrap_err();
/// let drawn = draw(&diagnosed.diagnostics, &source, 80, false);
/// assert!(drawn.contains("layer:2:5"), "{drawn}");
/// ```
pub fn draw(diagnostics: &[Diagnostic], source: &Source, columns: usize, color: bool) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let renderer = renderer.term_width(columns);
    let drawn = diagnostics.iter().map(|diagnostic| {
        let report = report(diagnostic, source);
        let mut text = renderer.render(&report);
        text.push('\n');
        text
    });
    drawn.collect::<Vec<_>>().join("\n")
}

fn report<'a>(diagnostic: &'a Diagnostic, source: &'a Source) -> Vec<Group<'a>> {
    let title = Level::ERROR
        .primary_title(normalize_untrusted_str(&diagnostic.message))
        .id(diagnostic.slug);
    let mut main = Group::with_title(title);
    // The part with the main place is shown first.
    let mut parts: Vec<&Part> = Vec::new();
    for label in &diagnostic.labels {
        if let Some(part) = source.part_at(label.span.start)
            && !parts.iter().any(|known| known.range == part.range)
        {
            parts.push(part);
        }
    }
    for part in parts {
        let labels = diagnostic.labels.iter().enumerate();
        let here: Vec<(usize, Range<usize>)> = labels
            .filter(|(_, label)| within(source, label.span, part))
            .map(|(position, label)| (position, visible(source, label.span, part)))
            .collect();
        let window = window(source, part, here.iter().map(|(_, range)| range.clone()));
        let annotations = here.iter().map(|(position, range)| {
            let kind = if *position == 0 {
                AnnotationKind::Primary
            } else {
                AnnotationKind::Context
            };
            let annotation: Annotation<'a> = kind.span(window.relative(range));
            match diagnostic.labels[*position].text.as_str() {
                "" => annotation,
                text => annotation.label(text),
            }
        });
        let snippet = Snippet::source(window.text)
            .path(part.name.as_str())
            .line_start(window.line)
            .annotations(annotations);
        main = main.element(snippet);
    }
    match &diagnostic.help {
        None => vec![main],
        Some(help) => match patched(help, source) {
            Some(group) => vec![main, group],
            None => vec![main.element(Level::HELP.message(in_words(help)))],
        },
    }
}

/// The proposal with its edit carried out, where that can be shown.
fn patched<'a>(help: &'a Help, source: &'a Source) -> Option<Group<'a>> {
    let edit = help.edit.as_ref()?;
    let part = source.part_at(edit.span.start)?;
    let range = clamped(source, edit.span, part);
    let window = window(source, part, std::iter::once(range.clone()));
    if window.text.len() > LONG || range.len() != edit.span.end - edit.span.start {
        return None;
    }
    let title = Level::HELP.secondary_title(normalize_untrusted_str(&help.message));
    let patch = Patch::new(window.relative(&range), edit.replacement.as_str());
    let snippet = Snippet::source(window.text)
        .path(part.name.as_str())
        .line_start(window.line)
        .patch(patch);
    Some(title.element(snippet))
}

/// The proposal where its edit cannot be drawn.
fn in_words(help: &Help) -> String {
    let message = normalize_untrusted_str(&help.message);
    match &help.edit {
        Some(Edit { replacement, .. })
            if !message.contains(replacement.trim()) && replacement.len() <= LONG =>
        {
            let replacement = normalize_untrusted_str(replacement.trim());
            format!("{message}: `{replacement}`")
        }
        _ => message,
    }
}

/// Some whole lines of a part.
struct Window<'a> {
    text: &'a str,
    /// Where they begin in the whole text.
    start: usize,
    /// The number of the first line in its part, from one.
    line: usize,
}

impl Window<'_> {
    fn relative(&self, range: &Range<usize>) -> Range<usize> {
        range.start - self.start..range.end - self.start
    }
}

/// The lines that hold the given places. Only these are handed on, so that a hundred mistakes in
/// a long text are drawn as fast as in a short one.
fn window<'a>(
    source: &'a Source,
    part: &Part,
    ranges: impl Iterator<Item = Range<usize>>,
) -> Window<'a> {
    let ends = ranges.map(|range| (range.start, range.end));
    let hull = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let (first, last) = hull.unwrap_or((part.range.start, part.range.start));
    let text = source.text();
    let before = &text[part.range.start..first];
    let after = &text[last..part.range.end];
    let start = before.rfind('\n').map_or(0, |position| position + 1) + part.range.start;
    let end = after
        .find('\n')
        .map_or(part.range.end, |length| last + length);
    Window {
        text: &text[start..end],
        start,
        line: before.matches('\n').count() + 1,
    }
}

fn within(source: &Source, span: Span, part: &Part) -> bool {
    let found = source.part_at(span.start);
    found.is_some_and(|found| found.range == part.range)
}

/// The place in bounds and between characters, whatever the span says.
fn clamped(source: &Source, span: Span, part: &Part) -> Range<usize> {
    let bounds = part.range.clone();
    let text = source.text();
    let start = text.floor_char_boundary(span.start.clamp(bounds.start, bounds.end));
    let end = text.ceil_char_boundary(span.end.clamp(start, bounds.end));
    start..end
}

/// The place without a line end at its end: marks under the start of the next line would puzzle.
fn visible(source: &Source, span: Span, part: &Part) -> Range<usize> {
    let range = clamped(source, span, part);
    let shown = source.text()[range.clone()].trim_end_matches(['\n', '\r']);
    range.start..range.start + shown.len()
}
