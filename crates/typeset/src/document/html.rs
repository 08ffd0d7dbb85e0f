//! Documents as one self-contained HTML page: MathML and inline style, no script, no network. It
//! must not print a word of the document unescaped.

use std::fmt::Write as _;

use super::{Block, Document, Table};
use crate::equation::Equation;
use crate::formula::Formula;
use crate::inline::{Inline, Prose};
use crate::mathml::{self, escape};

/// The width in columns of text from which a right side is cut into several lines.
const LINE: usize = 76;

/// The style of the page. Everything is drawn from the reader's own fonts.
const STYLE: &str = concat!(include_str!("blocks.css"), include_str!("page.css"));

/// The part of it that aligns equations, for a part of somebody else's page.
const BLOCKS: &str = include_str!("blocks.css");

/// The document as a whole page.
pub fn print(document: &Document) -> String {
    let title = escape(&document.title.to_plain());
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; img-src data:\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    if !document.title.is_empty() {
        let _ = writeln!(out, "<h1>{}</h1>", prose(&document.title));
    }
    out.push_str(&blocks(&document.blocks));
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// The document without its title as a part of somebody else's page, with the style that its equations need and no other.
pub fn fragment(document: &Document) -> String {
    format!(
        "<div class=\"backprove\">\n<style>\n.backprove {{\n--quiet: #77716a;\n{BLOCKS}}}\n</style>\n{}</div>\n",
        blocks(&document.blocks)
    )
}

/// Blocks as markup, to stand inside another page.
pub fn blocks(blocks: &[Block]) -> String {
    let mut out = String::new();
    for part in blocks {
        block(&mut out, part);
    }
    out
}

/// Running text as markup.
pub fn prose(prose: &Prose) -> String {
    prose
        .0
        .iter()
        .map(|piece| match piece {
            Inline::Text(words) => escape(words),
            Inline::Emphasis(words) => format!("<em>{}</em>", escape(words)),
            Inline::Strong(words) => format!("<strong>{}</strong>", escape(words)),
            Inline::Code(words) => format!("<code>{}</code>", escape(words)),
            Inline::Formula(formula) => mathml::inline(formula),
        })
        .collect()
}

fn block(out: &mut String, block: &Block) {
    let _ = match block {
        Block::Heading { level, text } => {
            let level = (*level).clamp(1, 5) + 1;
            writeln!(out, "<h{level}>{}</h{level}>", prose(text))
        }
        Block::Paragraph(text) => writeln!(out, "<p>{}</p>", prose(text)),
        Block::List(items) => {
            out.push_str("<ul>\n");
            for item in items {
                let _ = writeln!(out, "<li>{}</li>", prose(item));
            }
            writeln!(out, "</ul>")
        }
        Block::Equations(rows) => {
            equations(out, rows);
            Ok(())
        }
        Block::Code { language, text } => {
            let class = escape(language);
            writeln!(
                out,
                "<pre><code class=\"language-{class}\">{}</code></pre>",
                escape(text.trim_end_matches('\n')),
            )
        }
        Block::Table(rows) => {
            table(out, rows);
            Ok(())
        }
        Block::Note(text) => writeln!(out, "<aside>{}</aside>", prose(text)),
        Block::Details {
            summary,
            open,
            blocks,
        } => {
            let open = if *open { " open" } else { "" };
            let summary = prose(summary);
            let inner = self::blocks(blocks);
            writeln!(
                out,
                "<details{open}>\n<summary>{summary}</summary>\n{inner}</details>"
            )
        }
        Block::Figure { svg, description } => writeln!(
            out,
            "<figure role=\"img\" aria-label=\"{}\">{svg}</figure>",
            escape(description),
        ),
    };
}

/// Equations as a grid: left sides, right sides from the relation sign on, remarks. A grid, unlike
/// a table inside `<math>`, lets remarks be prose that wraps.
fn equations(out: &mut String, rows: &[Equation]) {
    let remarks = rows.iter().any(|row| !row.remark.is_empty());
    let class = if remarks {
        "equations remarked"
    } else {
        "equations"
    };
    let _ = writeln!(out, "<div class=\"{class}\">");
    for row in rows {
        let left = row.left.as_ref().map(mathml::cell).unwrap_or_default();
        let _ = write!(out, "<div class=\"left\">{left}</div><div class=\"right\">");
        for (position, piece) in row.right_pieces(LINE).into_iter().enumerate() {
            let class = if position == 0 {
                "line"
            } else {
                "line further"
            };
            let printed = match row.relation {
                Some(relation) if position == 0 => {
                    Formula::row([Formula::Operator(relation), piece])
                }
                _ => piece,
            };
            let _ = write!(
                out,
                "<div class=\"{class}\">{}</div>",
                mathml::cell(&printed)
            );
        }
        out.push_str("</div>");
        if remarks {
            let _ = write!(out, "<div class=\"remark\">{}</div>", prose(&row.remark));
        }
        out.push('\n');
    }
    out.push_str("</div>\n");
}

fn table(out: &mut String, table: &Table) {
    out.push_str("<div class=\"wide\"><table>\n");
    if table.headings().is_some() {
        out.push_str("<thead><tr>");
        for column in &table.columns {
            let _ = write!(
                out,
                "<th scope=\"col\"{}>{}</th>",
                alignment(column.numeric),
                prose(&column.heading),
            );
        }
        out.push_str("</tr></thead>\n");
    }
    out.push_str("<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for (column, cell) in table.cells(row) {
            let _ = write!(
                out,
                "<td{}>{}</td>",
                alignment(column.numeric),
                cell.map(prose).unwrap_or_default(),
            );
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
}

fn alignment(numeric: bool) -> &'static str {
    if numeric { " class=\"number\"" } else { "" }
}
