//! Documents in a terminal: Unicode text of a given width, with emphasis where it is wanted. It
//! must not ask the environment anything: its caller knows whether there is a terminal.

use super::{Block, Document, Table};
use crate::inline::{Inline, Prose};
use crate::spacing;
use crate::unicode::{self, width};

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The width of the terminal.
    pub columns: usize,
    /// Whether to use bold, italic and dim letters (ANSI escape sequences).
    pub emphasis: bool,
}

impl Options {
    /// No escape sequences.
    pub fn plain(columns: usize) -> Self {
        Self {
            columns,
            emphasis: false,
        }
    }
}

const BOLD: &str = "1";
const DIM: &str = "2";
const ITALIC: &str = "3";
const CYAN: &str = "36";

/// The document as text that ends with a line end.
pub fn print(document: &Document, options: Options) -> String {
    let mut parts = Vec::new();
    if !document.title.is_empty() {
        parts.push(heading(&document.title, 0, options));
    }
    parts.extend(document.blocks.iter().map(|part| block(part, options)));
    parts.retain(|part| !part.is_empty());
    let mut text = parts.join("\n\n");
    text.push('\n');
    text
}

/// Running text filled into lines.
pub fn prose(text: &Prose, options: Options) -> String {
    fill(text, options).join("\n")
}

fn styled(text: &str, code: &str, options: Options) -> String {
    if options.emphasis && !text.is_empty() {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

fn indented(text: &str, indent: &str) -> String {
    let lines = text.lines().map(|line| {
        if line.is_empty() {
            String::new()
        } else {
            format!("{indent}{line}")
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The options for what stands further in.
fn inside(options: Options, indent: usize) -> Options {
    Options {
        columns: options.columns.saturating_sub(indent).max(1),
        ..options
    }
}

fn heading(text: &Prose, level: u8, options: Options) -> String {
    let words = text.to_plain();
    let rule = match level {
        0 => "═",
        1 => "─",
        _ => return styled(&words, BOLD, options),
    };
    let rule = rule.repeat(width(&words).min(options.columns));
    format!("{}\n{rule}", styled(&words, BOLD, options))
}

fn block(block: &Block, options: Options) -> String {
    match block {
        Block::Heading { level, text } => heading(text, *level, options),
        Block::Paragraph(text) => prose(text, options),
        Block::List(items) => {
            let items = items.iter().map(|item| {
                let lines = fill(item, inside(options, 2));
                format!("• {}", lines.join("\n  "))
            });
            items.collect::<Vec<_>>().join("\n")
        }
        Block::Equations(rows) => {
            let dim = |remark: String| styled(&remark, DIM, options);
            let inner = inside(options, 2);
            indented(&unicode::equations_with(rows, inner.columns, dim), "  ")
        }
        Block::Code { text, .. } => {
            let visible = |character| match character {
                '\n' => '\n',
                '\t' => ' ',
                other => spacing::visible(other),
            };
            let text: String = text.chars().map(visible).collect();
            indented(text.trim_end_matches('\n'), "    ")
        }
        Block::Table(rows) => table(rows, options),
        Block::Note(text) => {
            let lines = fill(text, inside(options, 2));
            indented(&lines.join("\n"), &styled("│ ", DIM, options))
        }
        Block::Details {
            summary, blocks, ..
        } => {
            let inner = inside(options, 2);
            let mut text = styled(&summary.to_plain(), BOLD, options);
            for part in blocks {
                text.push_str("\n\n");
                text.push_str(&indented(&self::block(part, inner), "  "));
            }
            text
        }
        Block::Figure { description, .. } => {
            let text = Prose::default().emphasis(description.as_str());
            prose(&text, options)
        }
    }
}

fn table(table: &Table, options: Options) -> String {
    let plain = |cell: Option<&Prose>| cell.map(Prose::to_plain).unwrap_or_default();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let headings = table.headings();
    if let Some(headings) = &headings {
        rows.push(headings.iter().map(|cell| cell.to_plain()).collect());
    }
    rows.extend(
        table
            .rows
            .iter()
            .map(|row| table.cells(row).map(|(_, cell)| plain(cell)).collect()),
    );
    let widths: Vec<usize> = (0..table.columns.len())
        .map(|column| {
            rows.iter()
                .map(|row| width(&row[column]))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut lines = Vec::new();
    for (position, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            if column > 0 {
                line.push_str("  ");
            }
            let pad = " ".repeat(widths[column] - width(cell));
            if table.columns[column].numeric {
                line.push_str(&pad);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&pad);
            }
        }
        let line = line.trim_end();
        if headings.is_some() && position == 0 {
            lines.push(styled(line, BOLD, options));
            let rules = widths.iter().map(|width| "─".repeat(*width));
            lines.push(rules.collect::<Vec<_>>().join("  "));
        } else {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n")
}

/// A word as it is printed, with the room that it takes.
struct Word {
    printed: String,
    columns: usize,
}

/// Running text as lines. A formula is not broken unless it is wider than a line.
fn fill(text: &Prose, options: Options) -> Vec<String> {
    let mut words: Vec<Word> = Vec::new();
    let mut glued = false;
    let mut append = |printed: String, columns: usize, glued: bool| match words.last_mut() {
        Some(word) if glued => {
            word.printed.push_str(&printed);
            word.columns += columns;
        }
        _ => words.push(Word { printed, columns }),
    };
    for piece in &text.0 {
        let (content, code) = match piece {
            Inline::Text(content) => (content.clone(), None),
            Inline::Emphasis(content) => (content.clone(), Some(ITALIC)),
            Inline::Strong(content) => (content.clone(), Some(BOLD)),
            Inline::Code(content) if options.emphasis => (content.clone(), Some(CYAN)),
            Inline::Code(content) => (format!("`{content}`"), None),
            Inline::Formula(formula) => {
                let printed = unicode::formula(formula);
                let columns = width(&printed);
                if columns <= options.columns {
                    append(printed, columns, glued);
                    glued = true;
                    continue;
                }
                (printed, None)
            }
        };
        if content.starts_with(char::is_whitespace) {
            glued = false;
        }
        for word in content.split_whitespace() {
            let word: String = word.chars().map(spacing::visible).collect();
            let printed = code.map_or_else(|| word.clone(), |code| styled(&word, code, options));
            append(printed, width(&word), glued);
            glued = false;
        }
        glued = !content.is_empty() && !content.ends_with(char::is_whitespace);
    }
    let mut lines: Vec<String> = Vec::new();
    let mut room = 0;
    for word in words {
        match lines.last_mut() {
            Some(line) if word.columns < room => {
                line.push(' ');
                line.push_str(&word.printed);
                room -= word.columns + 1;
            }
            _ => {
                room = options.columns.saturating_sub(word.columns);
                lines.push(word.printed);
            }
        }
    }
    lines
}
