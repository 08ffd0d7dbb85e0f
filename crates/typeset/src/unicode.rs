//! Formulas as one line of Unicode text, and equations aligned in a terminal. It knows only
//! layout: the parentheses that it adds are those that a fraction or a script loses when it is
//! written in one line.

mod layout;
mod scripts;

pub use layout::{equations, equations_with, wrap};

use unicode_width::UnicodeWidthStr;

use crate::formula::{Class, Fence, Formula, Operator, Style, Width};
use crate::spacing;

/// A formula in one line.
///
/// ```
/// use backprove_typeset::formula::{Formula, Operator};
/// use backprove_typeset::unicode;
/// let gradient = Formula::partial(&Formula::name("L"), &Formula::name("Y"));
/// let product = Formula::product([gradient.clone(), Formula::name("W")]);
/// assert_eq!(unicode::formula(&gradient), "∂L/∂Y");
/// assert_eq!(unicode::formula(&product), "(∂L/∂Y) W");
/// ```
pub fn formula(formula: &Formula) -> String {
    Line::of(formula).text
}

/// How many columns of a terminal a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// How firmly a piece of text holds together when something is written next to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Firmness {
    List,
    Sum,
    Product,
    Prefix,
    Atom,
}

fn firmness(formula: &Formula) -> Firmness {
    match formula {
        Formula::Row(items) => {
            let weakest = items
                .iter()
                .filter_map(|item| match item {
                    Formula::Operator(Operator::Application) => Some(Firmness::Atom),
                    Formula::Operator(operator) => Some(match operator.class() {
                        Class::Prefix => Firmness::Prefix,
                        Class::Product => Firmness::Product,
                        Class::Sum => Firmness::Sum,
                        Class::Relation | Class::Punctuation => Firmness::List,
                    }),
                    Formula::Under { .. } => Some(Firmness::Sum),
                    Formula::Fraction { .. } | Formula::Text(_) => Some(Firmness::Product),
                    _ => None,
                })
                .min();
            match weakest {
                Some(found) => found,
                None if items.len() <= 1 => items.first().map_or(Firmness::Atom, firmness),
                None => Firmness::Product,
            }
        }
        Formula::Indices(indices) if indices.len() > 1 => Firmness::List,
        Formula::Fraction { .. } => Firmness::Product,
        Formula::Under { .. } => Firmness::Sum,
        Formula::Table(_) => Firmness::List,
        Formula::Text(words) if words.contains(' ') => Firmness::List,
        _ => Firmness::Atom,
    }
}

/// A place where a line may be broken, and how little one likes to do so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Break {
    at: usize,
    cost: usize,
}

/// A line of text with the places where it may be broken.
#[derive(Debug, Default)]
struct Line {
    text: String,
    breaks: Vec<Break>,
    depth: usize,
    tight: bool,
}

impl Line {
    fn of(formula: &Formula) -> Self {
        let mut line = Self::default();
        line.formula(formula);
        line
    }

    /// What stands in a script: without spaces.
    fn script(formula: &Formula) -> String {
        let mut line = Self {
            tight: true,
            ..Self::default()
        };
        line.formula(formula);
        line.text
    }

    fn push(&mut self, text: &str) {
        self.text.extend(text.chars().map(spacing::visible));
    }

    fn may_break(&mut self, cost: usize) {
        self.breaks.push(Break {
            at: self.text.len(),
            cost: 10 * self.depth + cost,
        });
    }

    fn enclosed(&mut self, open: &str, inner: &Formula, close: &str) {
        self.push(open);
        self.depth += 1;
        self.formula(inner);
        self.depth -= 1;
        self.push(close);
    }

    fn guarded(&mut self, inner: &Formula, at_least: Firmness) {
        if firmness(inner) < at_least {
            self.enclosed("(", inner, ")");
        } else {
            self.formula(inner);
        }
    }

    fn formula(&mut self, formula: &Formula) {
        match formula {
            Formula::Identifier { text, style } => match style {
                Style::DoubleStruck if text == "1" => self.push("𝟙"),
                _ => self.push(text),
            },
            Formula::Number(digits) => self.push(digits),
            Formula::Text(words) => self.push(words),
            Formula::Operator(operator) => self.operator(*operator),
            Formula::Row(items) => self.row(items),
            Formula::Indices(indices) => self.indices(indices),
            Formula::Fraction {
                numerator,
                denominator,
            } => {
                if matches!(**numerator, Formula::Fraction { .. }) || is_spaced_product(numerator) {
                    self.enclosed("(", numerator, ")");
                } else {
                    self.guarded(numerator, Firmness::Product);
                }
                self.push("/");
                self.guarded(denominator, Firmness::Prefix);
            }
            Formula::Superscript { base, above } => {
                self.base(base);
                self.above(above);
            }
            Formula::Subscript { base, below } => {
                self.base(base);
                self.below(below);
            }
            Formula::SubSup { base, below, above } => {
                self.base(base);
                self.below(below);
                self.above(above);
            }
            Formula::Root { radicand, degree } => {
                if let Some(degree) = degree {
                    let script = Self::script(degree);
                    self.push(&scripts::above(&script).unwrap_or(script));
                }
                self.push("√");
                self.guarded(radicand, Firmness::Atom);
            }
            Formula::Under {
                operator,
                lower,
                upper,
                body,
            } => {
                self.push(operator.spelling().unicode);
                self.below(lower);
                if let Some(upper) = upper {
                    self.above(upper);
                }
                self.push(" ");
                self.formula(body);
            }
            Formula::Over { base, mark } => match &**base {
                Formula::Identifier { text, .. } if text.chars().count() == 1 => {
                    self.push(text);
                    self.text.push_str(mark.spelling().unicode);
                }
                other => {
                    self.push(mark.word());
                    self.enclosed("(", other, ")");
                }
            },
            Formula::Fenced { fence, body } => {
                let (open, close) = fence.spellings();
                // The closing brace is not drawn in two dimensions; in one line it is needed.
                let close = if *fence == Fence::Cases {
                    "}"
                } else {
                    close.unicode
                };
                self.enclosed(open.unicode, body, close);
            }
            Formula::Table(rows) => self.table(rows),
            Formula::Space(Width::Quad) => self.push("  "),
            Formula::Space(_) => self.push(" "),
        }
    }

    fn base(&mut self, base: &Formula) {
        let plain = matches!(
            base,
            Formula::Identifier { .. }
                | Formula::Number(_)
                | Formula::Fenced { .. }
                | Formula::Over { .. }
                | Formula::Operator(_)
        );
        if plain {
            self.formula(base);
        } else {
            self.enclosed("(", base, ")");
        }
    }

    fn above(&mut self, above: &Formula) {
        let script = Self::script(above);
        if let Some(small) = scripts::above(&script) {
            self.push(&small);
        } else if is_plain_script(above) {
            self.push("^");
            self.push(&script);
        } else {
            self.push("^(");
            self.push(&script);
            self.push(")");
        }
    }

    fn below(&mut self, below: &Formula) {
        let word = match below {
            Formula::Identifier { text, .. } if text.chars().count() > 1 => Some(text),
            _ => None,
        };
        if let Some(word) = word {
            self.push("_");
            self.push(word);
            return;
        }
        let script = Self::script(below);
        if let Some(small) = scripts::below(&script) {
            self.push(&small);
            return;
        }
        self.push("[");
        match below {
            Formula::Indices(indices) => {
                for (position, index) in indices.iter().enumerate() {
                    if position > 0 {
                        self.push(",");
                    }
                    self.push(&Self::script(index));
                }
            }
            _ => self.push(&script),
        }
        self.push("]");
    }

    fn operator(&mut self, operator: Operator) {
        let sign = operator.spelling().unicode;
        match operator {
            Operator::Application | Operator::Slash | Operator::Colon => self.push(sign),
            Operator::Juxtaposition => {
                self.push(sign);
                self.may_break(4);
            }
            _ => match operator.class() {
                Class::Prefix => self.push(sign),
                _ if self.tight => self.push(sign),
                Class::Punctuation => {
                    self.push(sign);
                    self.push(" ");
                    self.may_break(3);
                }
                class => {
                    self.push(" ");
                    self.may_break(match class {
                        Class::Relation => 0,
                        Class::Sum => 1,
                        _ => 3,
                    });
                    self.push(sign);
                    self.push(" ");
                }
            },
        }
    }

    /// Fractions beside each other get parentheses, all of them as soon as one needs them: without
    /// them `∂L/∂Y W` would read as if `W` stood below the bar.
    fn row(&mut self, items: &[Formula]) {
        let is_fraction = |position: usize| matches!(items[position], Formula::Fraction { .. });
        // `∂/∂x` before its operand is read as one sign, and its operand as a whole.
        let is_sign = |position: usize| {
            items.get(position + 1) == Some(&Formula::Operator(Operator::Application))
        };
        let is_operand =
            |position: usize| position > 0 && matches!(items[position - 1], Formula::Space(_));
        let needs_guard = |position: usize| {
            is_fraction(position)
                && !is_sign(position)
                && items.get(position + 1).is_some_and(
                    |next| !matches!(next, Formula::Operator(o) if *o != Operator::Juxtaposition),
                )
        };
        let mut product = 0;
        for (position, item) in items.iter().enumerate() {
            let end = (product..items.len())
                .find(|at| parts_products(&items[*at]))
                .unwrap_or(items.len());
            let guarded = is_fraction(position)
                && !is_sign(position)
                && (is_operand(position) || (product..end).any(needs_guard));
            if guarded {
                self.enclosed("(", item, ")");
            } else {
                self.formula(item);
            }
            if parts_products(item) {
                product = position + 1;
            }
        }
    }

    fn indices(&mut self, indices: &[Formula]) {
        let side_by_side = spacing::are_letters(indices);
        for (position, index) in indices.iter().enumerate() {
            if position > 0 && !side_by_side {
                self.push(if self.tight { "," } else { ", " });
            }
            self.formula(index);
        }
    }

    fn table(&mut self, rows: &[Vec<Formula>]) {
        for (position, row) in rows.iter().enumerate() {
            if position > 0 {
                self.push("; ");
                self.may_break(0);
            }
            for (column, cell) in row.iter().enumerate() {
                if column > 0 {
                    self.push(", ");
                }
                self.formula(cell);
            }
        }
    }
}

/// Whether a script that has no small letters is short enough to stand after `^` as it is: a name,
/// a number, or a number after the ring of an element-wise power.
fn is_plain_script(script: &Formula) -> bool {
    match script {
        Formula::Identifier { .. } | Formula::Number(_) => true,
        Formula::Row(items) => matches!(
            items.as_slice(),
            [
                Formula::Operator(Operator::Hadamard),
                Formula::Identifier { .. } | Formula::Number(_)
            ]
        ),
        _ => false,
    }
}

/// Whether a row holds a product whose sign has spaces around it, beside which a slash would seem
/// to bind more firmly.
fn is_spaced_product(formula: &Formula) -> bool {
    matches!(formula, Formula::Row(items) if items.iter().any(|item| {
        matches!(item, Formula::Operator(operator)
            if operator.class() == Class::Product
                && !matches!(operator, Operator::Juxtaposition | Operator::Application | Operator::Slash))
    }))
}

/// Whether an item ends the product that stands before it in a row.
fn parts_products(item: &Formula) -> bool {
    matches!(item, Formula::Operator(operator)
        if !matches!(operator, Operator::Juxtaposition | Operator::Application)
            && operator.class() > Class::Prefix)
}
