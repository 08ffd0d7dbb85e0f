//! Formulas as LaTeX for `amsmath` and `amssymb`. It knows only layout and escaping; it must never
//! decide about meaning or parentheses, and whatever a name contains, what it prints compiles.

mod symbols;

use std::fmt::Write as _;

use crate::equation::Equation;
use crate::formula::{BigOperator, Class, Fence, Formula, Mark, Operator, Style, Width};
use crate::inline::{Inline, Prose};
use crate::{spacing, unicode};

/// The width in columns of text from which a right side is cut into several lines.
const LINE: usize = 72;
/// The width in columns of text from which a remark is filled into several lines.
const REMARK: usize = 36;

/// A formula, without dollar signs.
///
/// ```
/// use backprove_typeset::formula::{Formula, Operator};
/// use backprove_typeset::latex;
/// let f = Formula::name("a").infix(Operator::Plus, Formula::name("b")).over(Formula::name("S"));
/// assert_eq!(latex::formula(&f), r"\frac{a + b}{S}");
/// ```
pub fn formula(formula: &Formula) -> String {
    let mut out = Writer(String::new());
    out.formula(formula);
    out.0
}

/// Words in text mode, with everything escaped that LaTeX would read as a command.
pub fn text(words: &str) -> String {
    let mut out = String::new();
    for character in words.chars() {
        if character == '\n' || character == '\t' {
            out.push(' ');
        } else if let Some(escaped) = symbols::text(character) {
            out.push_str(escaped);
        } else if character.is_ascii() && !character.is_ascii_control() {
            out.push(character);
        } else if let Some(command) = symbols::math(character) {
            let _ = write!(out, r"\ensuremath{{{command}}}");
        } else {
            let _ = write!(out, "U+{:04X}", u32::from(character));
        }
    }
    out
}

/// Running text in text mode.
pub fn prose(prose: &Prose) -> String {
    prose
        .0
        .iter()
        .map(|piece| match piece {
            Inline::Text(words) => text(words),
            Inline::Emphasis(words) => format!(r"\emph{{{}}}", text(words)),
            Inline::Strong(words) => format!(r"\textbf{{{}}}", text(words)),
            Inline::Code(words) => format!(r"\texttt{{{}}}", text(words)),
            Inline::Formula(inner) => format!("${}$", formula(inner)),
        })
        .collect()
}

/// Equations in the environment of an article, which may break between pages; long remarks are
/// filled into a box of their own.
pub(crate) fn displayed(rows: &[Equation]) -> String {
    environment("align*", rows, |remark| {
        let words = prose(remark);
        if unicode::width(&remark.to_plain()) > REMARK {
            format!(r"\parbox[t]{{0.32\textwidth}}{{\raggedright {words}}}")
        } else {
            format!(r"\text{{{words}}}")
        }
    })
}

fn environment(name: &str, rows: &[Equation], remark: impl Fn(&Prose) -> String) -> String {
    let mut out = format!("\\begin{{{name}}}\n");
    let remarks = rows.iter().any(|row| !row.remark.is_empty());
    for (position, row) in rows.iter().enumerate() {
        if position > 0 {
            out.push_str(" \\\\\n");
        }
        if let Some(left) = &row.left {
            out.push_str(&formula(left));
            out.push(' ');
        }
        out.push('&');
        if let Some(relation) = row.relation {
            out.push_str(relation.spelling().latex);
            out.push(' ');
        }
        for (count, piece) in row.right_pieces(LINE).iter().enumerate() {
            if count > 0 {
                out.push_str(" \\\\\n&\\qquad {}");
            }
            let printed = formula(piece);
            // A `[` after a line break would be read as the break's height.
            if printed.starts_with('[') {
                out.push_str("{}");
            }
            out.push_str(&printed);
            if count == 0 && remarks && !row.remark.is_empty() {
                let _ = write!(out, " && {}", remark(&row.remark));
            }
        }
    }
    let _ = write!(out, "\n\\end{{{name}}}");
    out
}

/// Equations aligned at their relation signs, to stand in displayed mathematics.
pub fn equations(rows: &[Equation]) -> String {
    environment("aligned", rows, |remark| {
        format!(r"\text{{{}}}", prose(remark))
    })
}

struct Writer(String);

impl Writer {
    /// Appends a token, parted from a command before it where the two would run together.
    fn token(&mut self, token: &str) {
        if token.starts_with(|c: char| c.is_ascii_alphabetic()) && self.ends_in_command() {
            self.0.push(' ');
        }
        self.0.push_str(token);
    }

    fn ends_in_command(&self) -> bool {
        let letters = self.0.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        letters.len() < self.0.len() && letters.ends_with('\\') && !letters.ends_with("\\\\")
    }

    fn spaced(&mut self, token: &str) {
        if !self.0.is_empty() && !self.0.ends_with([' ', '{', '&']) {
            self.0.push(' ');
        }
        self.0.push_str(token);
        self.0.push(' ');
    }

    fn group(&mut self, inner: &Formula) {
        self.0.push('{');
        self.formula(inner);
        self.0.push('}');
    }

    /// What scripts are put on: in braces unless it is one symbol that takes scripts itself.
    fn base(&mut self, base: &Formula) {
        match base {
            Formula::Identifier { .. } | Formula::Fenced { .. } | Formula::Over { .. } => {
                self.formula(base);
            }
            Formula::Number(digits) if digits.len() == 1 => self.formula(base),
            _ => self.group(base),
        }
    }

    /// Something at the upper right; a prime has a spelling of its own.
    fn above(&mut self, above: &Formula) {
        if matches!(above, Formula::Identifier { text, .. } if text == "′") {
            self.0.push('\'');
        } else {
            self.0.push('^');
            self.group(above);
        }
    }

    fn formula(&mut self, formula: &Formula) {
        match formula {
            Formula::Identifier { text, style } => self.identifier(text, *style),
            Formula::Number(digits) => self.number(digits),
            Formula::Operator(operator) => self.operator(*operator),
            Formula::Text(words) => {
                let _ = write!(self.0, r"\text{{{}}}", text(words));
            }
            Formula::Row(items) => self.row(items),
            Formula::Indices(indices) => self.indices(indices, spacing::are_letters(indices)),
            Formula::Fraction {
                numerator,
                denominator,
            } => {
                self.0.push_str(r"\frac");
                self.group(numerator);
                self.group(denominator);
            }
            Formula::Superscript { base, above } => {
                self.base(base);
                self.above(above);
            }
            Formula::Subscript { base, below } => {
                self.base(base);
                self.0.push('_');
                self.group(below);
            }
            Formula::SubSup { base, below, above } => {
                self.base(base);
                self.0.push('_');
                self.group(below);
                self.above(above);
            }
            Formula::Root { radicand, degree } => {
                self.0.push_str(r"\sqrt");
                if let Some(degree) = degree {
                    self.0.push('[');
                    self.group(degree);
                    self.0.push(']');
                }
                self.group(radicand);
            }
            Formula::Under {
                operator,
                lower,
                upper,
                body,
            } => self.under(*operator, lower, upper.as_deref(), body),
            Formula::Over { base, mark } => {
                let wide = !matches!(&**base, Formula::Identifier { text, .. }
                    if text.chars().count() == 1);
                let command = match mark {
                    Mark::Bar if wide => r"\overline",
                    Mark::Hat if wide => r"\widehat",
                    Mark::Tilde if wide => r"\widetilde",
                    mark => mark.spelling().latex,
                };
                self.token(command);
                self.group(base);
            }
            Formula::Fenced { fence, body } => self.fenced(*fence, body),
            Formula::Table(rows) => self.table("matrix", rows),
            Formula::Space(width) => self.0.push_str(match width {
                Width::Thin => r"\,",
                Width::Word => r"\ ",
                Width::Quad => r"\quad ",
            }),
        }
    }

    fn identifier(&mut self, letters: &str, style: Style) {
        match style {
            Style::Function if symbols::FUNCTIONS.contains(&letters) => {
                self.0.push('\\');
                self.0.push_str(letters);
            }
            Style::Function => self.styled(r"\operatorname", letters),
            Style::Bold | Style::DoubleStruck => self.styled(r"\mathbf", letters),
            Style::Upright if letters.chars().count() > 1 => self.styled(r"\mathrm", letters),
            Style::Upright | Style::Italic => {
                for character in letters.chars() {
                    self.character(character);
                }
            }
        }
    }

    fn styled(&mut self, command: &str, letters: &str) {
        self.0.push_str(command);
        self.0.push('{');
        for character in letters.chars() {
            self.character(character);
        }
        self.0.push('}');
    }

    /// One character of a name in mathematics.
    fn character(&mut self, character: char) {
        if let Some(command) = symbols::math(character) {
            self.token(command);
        } else if character.is_ascii_alphanumeric() {
            self.token(character.encode_utf8(&mut [0; 4]));
        } else {
            let mut buffer = [0; 4];
            let _ = write!(
                self.0,
                r"\text{{{}}}",
                text(character.encode_utf8(&mut buffer)),
            );
        }
    }

    fn number(&mut self, digits: &str) {
        for character in digits.chars() {
            match character {
                '0'..='9' | '.' => self.0.push(character),
                other => self.character(other),
            }
        }
    }

    fn operator(&mut self, operator: Operator) {
        let latex = operator.spelling().latex;
        match operator {
            Operator::Juxtaposition => {
                if !self.0.ends_with([' ', '{']) {
                    self.0.push(' ');
                }
            }
            Operator::Application => {}
            Operator::Slash | Operator::Colon => self.0.push_str(latex),
            _ => match operator.class() {
                Class::Prefix => self.token(latex),
                Class::Punctuation => {
                    self.0.push_str(latex);
                    self.0.push(' ');
                }
                Class::Product | Class::Sum | Class::Relation => self.spaced(latex),
            },
        }
    }

    fn row(&mut self, items: &[Formula]) {
        for (position, item) in items.iter().enumerate() {
            if spacing::needs_thin_space(items, position) {
                self.0.push_str(r"\,");
            } else {
                self.formula(item);
            }
        }
        while self.0.ends_with(' ') && !self.0.ends_with(r"\ ") {
            self.0.pop();
        }
    }

    fn indices(&mut self, indices: &[Formula], side_by_side: bool) {
        for (position, index) in indices.iter().enumerate() {
            if position > 0 && !side_by_side {
                self.0.push_str(", ");
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
        self.token(operator.spelling().latex);
        self.0.push_str("_{");
        match lower {
            Formula::Indices(indices) => self.indices(indices, false),
            other => self.formula(other),
        }
        self.0.push('}');
        if let Some(upper) = upper {
            self.0.push('^');
            self.group(upper);
        }
        self.0.push(' ');
        self.formula(body);
    }

    fn fenced(&mut self, fence: Fence, body: &Formula) {
        if let (Fence::Cases, Formula::Table(rows)) = (fence, body) {
            self.table("cases", rows);
            return;
        }
        let (open, close) = fence.spellings();
        let grows = body.is_tall() || fence == Fence::Cases;
        if grows {
            self.0.push_str(r"\left");
        }
        self.0.push_str(open.latex);
        if open.latex.ends_with(|c: char| c.is_ascii_alphabetic()) {
            self.0.push(' ');
        }
        self.formula(body);
        if grows {
            self.0.push_str(r"\right");
        }
        self.0.push_str(close.latex);
    }

    fn table(&mut self, environment: &str, rows: &[Vec<Formula>]) {
        let _ = write!(self.0, r"\begin{{{environment}}} ");
        for (position, row) in rows.iter().enumerate() {
            if position > 0 {
                self.0.push_str(r" \\ ");
            }
            for (column, cell) in row.iter().enumerate() {
                if column > 0 {
                    self.0.push_str(" & ");
                }
                // A `[` after a line break would be read as the break's height.
                if column == 0 {
                    self.group(cell);
                } else {
                    self.formula(cell);
                }
            }
        }
        let _ = write!(self.0, r" \end{{{environment}}}");
    }
}
