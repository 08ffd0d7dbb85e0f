//! Documents as a whole LaTeX article that compiles with `amsmath` and `amssymb` alone. It must
//! not print a word of the document unescaped.

use std::fmt::Write as _;

use super::{Block, Document, Table};
use crate::latex::{displayed, prose, text};

/// The document as a LaTeX file.
pub fn print(document: &Document) -> String {
    let mut out = String::from(PREAMBLE);
    if !document.title.is_empty() {
        let _ = write!(
            out,
            "\\begin{{center}}\\LARGE\\bfseries {}\\end{{center}}\n\n",
            prose(&document.title),
        );
    }
    for part in &document.blocks {
        out.push_str(&block(part));
        out.push_str("\n\n");
    }
    out.push_str("\\end{document}\n");
    out
}

const PREAMBLE: &str = r"\documentclass[11pt]{article}
\usepackage[T1]{fontenc}
\usepackage{amsmath,amssymb}
\addtolength{\oddsidemargin}{-1.5cm}
\addtolength{\evensidemargin}{-1.5cm}
\addtolength{\textwidth}{3cm}
\addtolength{\topmargin}{-1.5cm}
\addtolength{\textheight}{3cm}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt plus 2pt}
\allowdisplaybreaks
\begin{document}

";

fn block(block: &Block) -> String {
    match block {
        Block::Heading { level, text } => {
            let command = match level {
                0 | 1 => "section",
                2 => "subsection",
                _ => "subsubsection",
            };
            format!("\\{command}*{{{}}}", prose(text))
        }
        Block::Paragraph(text) => guarded(&prose(text)),
        Block::List(items) => {
            let mut out = String::from("\\begin{itemize}\n");
            for item in items {
                let _ = writeln!(out, "\\item {}", guarded(&prose(item)));
            }
            out.push_str("\\end{itemize}");
            out
        }
        Block::Equations(rows) if rows.is_empty() => String::new(),
        Block::Equations(rows) => displayed(rows),
        Block::Code { text, .. } => code(text),
        Block::Table(rows) => table(rows),
        Block::Note(text) => format!(
            "\\begin{{quote}}\n{}\n\\end{{quote}}",
            guarded(&prose(text))
        ),
        Block::Details {
            summary, blocks, ..
        } => {
            let mut out = format!("\\textbf{{{}}}", prose(summary));
            for part in blocks {
                out.push_str("\n\n");
                out.push_str(&self::block(part));
            }
            out
        }
        Block::Figure { description, .. } => format!("\\emph{{{}}}", text(description)),
    }
}

/// Text whose first character cannot be taken for an option of the command before it.
fn guarded(printed: &str) -> String {
    if printed.starts_with(['[', '*']) {
        format!("{{}}{printed}")
    } else {
        printed.to_owned()
    }
}

/// Program text line by line; a verbatim environment would stop at characters that the font lacks.
fn code(lines: &str) -> String {
    let mut out = String::from("\\begin{quote}\\small\\ttfamily\\raggedright\n");
    let body = lines.trim_end_matches('\n');
    for (position, line) in body.lines().enumerate() {
        if position > 0 {
            out.push_str("\\\\\n");
        }
        // The empty group keeps a `[` or `*` from being read as an option of the line break.
        out.push_str("{}");
        out.push_str(&text(line).replace(' ', "~").replace('-', "-{}"));
    }
    out.push_str("\n\\end{quote}");
    out
}

fn table(table: &Table) -> String {
    if table.columns.is_empty() {
        return String::new();
    }
    let columns: String = table
        .columns
        .iter()
        .map(|column| if column.numeric { 'r' } else { 'l' })
        .collect();
    let mut out = format!("\\begin{{center}}\\begin{{tabular}}{{{columns}}}\n");
    if let Some(headings) = table.headings() {
        let headings = headings.iter().map(|heading| guarded(&prose(heading)));
        let headings = headings.collect::<Vec<_>>().join(" & ");
        let _ = writeln!(out, "{headings} \\\\ \\hline");
    }
    for row in &table.rows {
        let cells = table
            .cells(row)
            .map(|(_, cell)| cell.map(|cell| guarded(&prose(cell))).unwrap_or_default());
        let _ = writeln!(out, "{{}}{} \\\\", cells.collect::<Vec<_>>().join(" & "));
    }
    out.push_str("\\end{tabular}\\end{center}");
    out
}
