//! Formulas as MathML Core, which current browsers draw without a script. It knows only layout and
//! escaping; it must never decide about meaning or parentheses.

use std::fmt::Write as _;

use crate::formula::{BigOperator, Class, Fence, Formula, Operator, Style, Width};
use crate::spacing;

/// A formula in a line of text: one `<math>` element.
///
/// ```
/// use backprove_typeset::formula::Formula;
/// use backprove_typeset::mathml;
/// assert_eq!(
///     mathml::inline(&Formula::name("W1")),
///     "<math><msub><mi>W</mi><mn>1</mn></msub></math>",
/// );
/// ```
pub fn inline(formula: &Formula) -> String {
    format!("<math>{}</math>", markup(formula))
}

/// A formula on a line of its own.
pub fn block(formula: &Formula) -> String {
    format!(r#"<math display="block">{}</math>"#, markup(formula))
}

/// A formula in a line, drawn as large as one on a line of its own; for the cells of a table.
pub fn cell(formula: &Formula) -> String {
    format!(r#"<math displaystyle="true">{}</math>"#, markup(formula))
}

/// Text for an element or an attribute, with everything escaped that markup would read.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            other => out.push(spacing::visible(other)),
        }
    }
    out
}

fn markup(formula: &Formula) -> String {
    let mut out = Writer(String::new());
    out.formula(formula);
    out.0
}

struct Writer(String);

impl Writer {
    fn push(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Exactly one element: a row of several, or of none, is grouped.
    fn one(&mut self, formula: &Formula) {
        match formula {
            Formula::Row(items) | Formula::Indices(items) => {
                if let [only] = items.as_slice() {
                    self.one(only);
                } else {
                    self.push("<mrow>");
                    self.formula(formula);
                    self.push("</mrow>");
                }
            }
            _ => self.formula(formula),
        }
    }

    fn element(&mut self, name: &str, children: &[&Formula]) {
        let _ = write!(self.0, "<{name}>");
        for child in children {
            self.one(child);
        }
        let _ = write!(self.0, "</{name}>");
    }

    fn formula(&mut self, formula: &Formula) {
        match formula {
            Formula::Identifier { text, style } => self.identifier(text, *style),
            Formula::Number(digits) => {
                let _ = write!(self.0, "<mn>{}</mn>", escape(digits));
            }
            Formula::Operator(operator) => self.operator(*operator),
            Formula::Text(words) => {
                // Spaces at the ends of a text element would be dropped.
                let words = escape(words).replace(' ', "\u{a0}");
                let _ = write!(self.0, "<mtext>{words}</mtext>");
            }
            Formula::Row(items) => {
                for (position, item) in items.iter().enumerate() {
                    self.formula(item);
                    if spacing::needs_thin_space(items, position) || needs_air(items, position) {
                        self.space(Width::Thin);
                    }
                }
            }
            Formula::Indices(indices) => self.indices(indices, spacing::are_letters(indices)),
            Formula::Fraction {
                numerator,
                denominator,
            } => self.element("mfrac", &[numerator, denominator]),
            Formula::Superscript { base, above } => self.element("msup", &[base, above]),
            Formula::Subscript { base, below } => self.element("msub", &[base, below]),
            Formula::SubSup { base, below, above } => {
                self.element("msubsup", &[base, below, above]);
            }
            Formula::Root {
                radicand,
                degree: None,
            } => self.element("msqrt", &[radicand]),
            Formula::Root {
                radicand,
                degree: Some(degree),
            } => self.element("mroot", &[radicand, degree]),
            Formula::Under {
                operator,
                lower,
                upper,
                body,
            } => self.under(*operator, lower, upper.as_deref(), body),
            Formula::Over { base, mark } => {
                self.push("<mover>");
                self.one(base);
                let _ = write!(
                    self.0,
                    r#"<mo stretchy="false">{}</mo></mover>"#,
                    mark.spelling().mathml,
                );
            }
            Formula::Fenced { fence, body } => self.fenced(*fence, body),
            Formula::Table(rows) => self.table("", rows),
            Formula::Space(width) => self.space(*width),
        }
    }

    fn space(&mut self, width: Width) {
        let width = match width {
            Width::Thin => "0.167em",
            Width::Word => "0.333em",
            Width::Quad => "1em",
        };
        let _ = write!(self.0, r#"<mspace width="{width}"></mspace>"#);
    }

    fn identifier(&mut self, letters: &str, style: Style) {
        if letters == "′" {
            self.push("<mo>′</mo>");
            return;
        }
        let single = letters.chars().count() == 1;
        let letters = match (style, letters) {
            // Bold and double-struck digits are letters of their own in Unicode.
            (Style::Bold, "1") => "𝟏".to_owned(),
            (Style::DoubleStruck, "1") => "𝟙".to_owned(),
            _ => escape(letters),
        };
        let _ = match style {
            Style::Upright if single => {
                write!(self.0, r#"<mi mathvariant="normal">{letters}</mi>"#)
            }
            _ => write!(self.0, "<mi>{letters}</mi>"),
        };
    }

    fn operator(&mut self, operator: Operator) {
        let sign = operator.spelling().mathml;
        let _ = match operator {
            Operator::Partial => write!(self.0, "<mi>{sign}</mi>"),
            Operator::Differential => write!(self.0, r#"<mi mathvariant="normal">{sign}</mi>"#),
            Operator::Slash | Operator::Colon => {
                write!(self.0, r#"<mo lspace="0" rspace="0">{sign}</mo>"#)
            }
            _ => match operator.class() {
                Class::Prefix => write!(self.0, r#"<mo form="prefix">{sign}</mo>"#),
                Class::Punctuation => {
                    write!(self.0, r#"<mo separator="true">{sign}</mo>"#)
                }
                Class::Product | Class::Sum | Class::Relation => {
                    write!(self.0, r#"<mo form="infix">{sign}</mo>"#)
                }
            },
        };
    }

    fn indices(&mut self, indices: &[Formula], side_by_side: bool) {
        for (position, index) in indices.iter().enumerate() {
            if position > 0 {
                self.operator(if side_by_side {
                    Operator::Juxtaposition
                } else {
                    Operator::Comma
                });
            }
            self.formula(index);
        }
    }

    fn under(
        &mut self,
        operator: BigOperator,
        lower: &Formula,
        upper: Option<&Formula>,
        body: &Formula,
    ) {
        self.push("<mrow>");
        self.push(if upper.is_some() {
            "<munderover>"
        } else {
            "<munder>"
        });
        let sign = operator.spelling().mathml;
        let _ = if operator.is_word() {
            write!(self.0, r#"<mo movablelimits="true">{sign}</mo>"#)
        } else {
            write!(self.0, "<mo>{sign}</mo>")
        };
        self.push("<mrow>");
        match lower {
            Formula::Indices(indices) => self.indices(indices, false),
            other => self.formula(other),
        }
        self.push("</mrow>");
        if let Some(upper) = upper {
            self.one(upper);
        }
        self.push(if upper.is_some() {
            "</munderover>"
        } else {
            "</munder>"
        });
        self.formula(body);
        self.push("</mrow>");
    }

    fn fenced(&mut self, fence: Fence, body: &Formula) {
        let (open, close) = fence.spellings();
        let stretchy = body.is_tall() || fence == Fence::Cases;
        self.push("<mrow>");
        let _ = write!(
            self.0,
            r#"<mo form="prefix" fence="true" stretchy="{stretchy}">{}</mo>"#,
            open.mathml,
        );
        match body {
            // MathML Core has no attribute for the alignment of columns.
            Formula::Table(rows) if fence == Fence::Cases => {
                self.table(r#" style="text-align: left""#, rows);
            }
            _ => self.one(body),
        }
        if !close.mathml.is_empty() {
            let _ = write!(
                self.0,
                r#"<mo form="postfix" fence="true" stretchy="{stretchy}">{}</mo>"#,
                close.mathml,
            );
        }
        self.push("</mrow>");
    }

    fn table(&mut self, attributes: &str, rows: &[Vec<Formula>]) {
        self.push("<mtable>");
        for row in rows {
            self.push("<mtr>");
            for cell in row {
                let _ = write!(self.0, "<mtd{attributes}>");
                self.formula(cell);
                self.push("</mtd>");
            }
            self.push("</mtr>");
        }
        self.push("</mtable>");
    }
}

/// Whether the juxtaposition at `position` stands beside a fraction, whose bar would otherwise
/// touch what is next to it, or before the name of a function.
fn needs_air(items: &[Formula], position: usize) -> bool {
    items[position] == Formula::Operator(Operator::Juxtaposition)
        && spacing::neighbours(items, position).is_some_and(|(left, right)| {
            matches!(left, Formula::Fraction { .. })
                || matches!(right, Formula::Fraction { .. })
                || is_function(right)
        })
}

fn is_function(formula: &Formula) -> bool {
    match formula {
        Formula::Identifier { style, .. } => *style == Style::Function,
        Formula::Superscript { base, .. } => is_function(base),
        _ => false,
    }
}
