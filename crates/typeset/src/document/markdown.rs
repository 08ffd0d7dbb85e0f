//! Documents as Markdown in GitHub's flavour, with mathematics between dollar signs. It must not
//! print markup that the document's words could break out of.

use super::{Block, Document, Table};
use crate::inline::{Inline, Prose};
use crate::{latex, mathml, spacing};

/// The document as Markdown that ends with a line end.
pub fn print(document: &Document) -> String {
    let mut parts = Vec::new();
    if !document.title.is_empty() {
        parts.push(format!("# {}", prose(&document.title)));
    }
    parts.extend(document.blocks.iter().map(block));
    let mut text = parts.join("\n\n");
    text.push('\n');
    text
}

/// Running text on one line.
pub fn prose(prose: &Prose) -> String {
    prose
        .0
        .iter()
        .map(|piece| match piece {
            Inline::Text(words) => escape(words),
            Inline::Emphasis(words) => wrapped("*", words),
            Inline::Strong(words) => wrapped("**", words),
            Inline::Code(words) => code_span(words),
            Inline::Formula(formula) => format!("${}$", latex::formula(formula)),
        })
        .collect()
}

fn wrapped(mark: &str, words: &str) -> String {
    let words = words.trim();
    if words.is_empty() {
        String::new()
    } else {
        format!("{mark}{}{mark}", escape(words))
    }
}

/// Words with a backslash before what Markdown would read as markup.
fn escape(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '$' | '&' => {
                out.push('\\');
                out.push(character);
            }
            '\n' | '\t' => out.push(' '),
            other => out.push(spacing::visible(other)),
        }
    }
    out
}

/// The longest run of backticks in a text.
fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0)
}

fn code_span(words: &str) -> String {
    let words: String = words.chars().map(spacing::visible).collect();
    let fence = "`".repeat(longest_run(&words) + 1);
    if words.starts_with('`') || words.ends_with('`') {
        format!("{fence} {words} {fence}")
    } else {
        format!("{fence}{words}{fence}")
    }
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading { level, text } => {
            let marks = "#".repeat(usize::from(*level).clamp(1, 5) + 1);
            format!("{marks} {}", prose(text))
        }
        Block::Paragraph(text) => paragraph(text),
        Block::List(items) => {
            let items = items.iter().map(|item| format!("- {}", prose(item)));
            items.collect::<Vec<_>>().join("\n")
        }
        Block::Equations(rows) => format!("$$\n{}\n$$", latex::equations(rows)),
        Block::Code { language, text } => {
            let fence = "`".repeat(longest_run(text).max(2) + 1);
            let word: String = language
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect();
            format!("{fence}{word}\n{}\n{fence}", text.trim_end_matches('\n'))
        }
        Block::Table(rows) => table(rows),
        Block::Note(text) => format!("> [!NOTE]\n> {}", prose(text)),
        Block::Details {
            summary,
            open,
            blocks,
        } => {
            let open = if *open { " open" } else { "" };
            let summary = mathml::escape(&summary.to_plain());
            let mut parts = vec![format!("<details{open}><summary>{summary}</summary>")];
            parts.extend(blocks.iter().map(self::block));
            parts.push("</details>".to_owned());
            parts.join("\n\n")
        }
        Block::Figure { description, .. } => wrapped("*", description),
    }
}

/// A paragraph; a first character that would make it a list or a heading is escaped.
fn paragraph(text: &Prose) -> String {
    let line = prose(text);
    let line = line.trim();
    let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    if line.starts_with(['-', '+', '=']) {
        format!("\\{line}")
    } else if digits.len() < line.len() && digits.starts_with(['.', ')']) {
        let number = &line[..line.len() - digits.len()];
        format!("{number}\\{digits}")
    } else {
        line.to_owned()
    }
}

fn table(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let headings = table
        .columns
        .iter()
        .map(|column| cell(&column.heading))
        .collect();
    let rules = table
        .columns
        .iter()
        .map(|column| if column.numeric { "--:" } else { ":--" }.to_owned())
        .collect();
    let mut lines = vec![line(headings), line(rules)];
    for row in &table.rows {
        let cells = table
            .cells(row)
            .map(|(_, content)| content.map(cell).unwrap_or_default());
        lines.push(line(cells.collect()));
    }
    lines.join("\n")
}

/// A cell: a bar would end it even inside code.
fn cell(content: &Prose) -> String {
    let escaped = prose(content).replace("\\|", "|").replace('|', "\\|");
    escaped.replace('\n', " ")
}
