//! Pieces of Rust with how tightly they hold together. Nothing here knows about programs.

/// How tightly a piece of text holds together, the loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Sum,
    Product,
    Cast,
    Negation,
    Atom,
}

/// An expression of type `f64`.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub code: String,
    pub level: Level,
    /// Whether it is made of literals only, whose type is not known where a method is called.
    pub is_literal: bool,
}

impl Text {
    pub(super) fn new(text: impl Into<String>, level: Level) -> Self {
        Self {
            code: text.into(),
            level,
            is_literal: false,
        }
    }

    pub(super) fn atom(text: impl Into<String>) -> Self {
        Self::new(text, Level::Atom)
    }

    pub(super) fn literal(text: impl Into<String>, level: Level) -> Self {
        Self {
            is_literal: true,
            ..Self::new(text, level)
        }
    }

    /// The text where at least `level` is needed.
    pub(super) fn at(&self, level: Level) -> String {
        if self.level < level {
            format!("({})", self.code)
        } else {
            self.code.clone()
        }
    }

    /// The text where nothing stands beside it.
    pub(super) fn alone(&self) -> &str {
        let inner = self
            .code
            .strip_prefix("(if ")
            .and_then(|rest| rest.strip_suffix(')'));
        let mut depth = 0;
        let is_closed_before = |text: &str| {
            text.chars().any(|character| {
                depth += match character {
                    '(' => 1,
                    ')' => -1,
                    _ => 0,
                };
                depth < 0
            })
        };
        match inner {
            Some(text) if !{ is_closed_before }(text) => &self.code[1..self.code.len() - 1],
            _ => &self.code,
        }
    }

    /// The text beside a relation: behind a cast, `<` would open a list of types.
    pub(super) fn compared(&self) -> String {
        if self.code.contains(" as ") {
            self.at(Level::Atom)
        } else {
            self.code.clone()
        }
    }

    /// `-self`.
    pub(super) fn negated(&self) -> Self {
        Self {
            code: format!("-{}", self.at(Level::Negation)),
            level: Level::Negation,
            is_literal: self.is_literal,
        }
    }

    /// A template of the table, such as `{0}.max({1})`.
    pub(super) fn filled(template: &str, arguments: &[Self]) -> Self {
        let mut text = template.to_owned();
        let literal = arguments.first().is_some_and(|first| first.is_literal);
        if literal && let Some(method) = template.strip_prefix("{0}.") {
            // `f64::sqrt(2.0)` instead of `2.0.sqrt()`, whose type would be ambiguous.
            let (name, rest) = method.split_once('(').unwrap_or((method, ")"));
            let comma = if rest == ")" { "" } else { ", " };
            text = format!("f64::{name}({{0}}{comma}{rest}");
        }
        let is_relation = template.starts_with("f64::from(");
        for (place, argument) in arguments.iter().enumerate() {
            let mark = format!("{{{place}}}");
            let is_receiver = text.contains(&format!("{mark}."));
            let filling = if is_relation {
                argument.compared()
            } else if is_receiver {
                argument.at(Level::Atom)
            } else {
                argument.code.clone()
            };
            text = text.replace(&mark, &filling);
        }
        Self::atom(text)
    }
}

/// `left * right`, a product of several.
pub(super) fn product(factors: &[Text]) -> Text {
    match factors {
        [] => Text::literal("1.0", Level::Atom),
        [only] => only.clone(),
        several => {
            let texts = several.iter().enumerate().map(|(place, factor)| {
                factor.at(if place == 0 {
                    Level::Product
                } else {
                    Level::Cast
                })
            });
            Text {
                code: texts.collect::<Vec<_>>().join(" * "),
                level: Level::Product,
                is_literal: several.iter().all(|factor| factor.is_literal),
            }
        }
    }
}

/// `above / below`.
pub(super) fn quotient(above: &Text, below: &Text) -> Text {
    Text {
        code: format!("{} / {}", above.at(Level::Product), below.at(Level::Cast)),
        level: Level::Product,
        is_literal: above.is_literal && below.is_literal,
    }
}

/// The longest line that is not broken.
const WIDTH: usize = 100;

/// The widest arguments of a call on one line, where it has several.
const ARGUMENTS: usize = 60;

/// `before value after` as rustfmt lays it out: closures get blocks, sums and products a line for each operand.
pub(super) fn laid(indent: usize, before: &str, value: &str, after: &str) -> String {
    let line = format!("{:indent$}{before}{value}{after}", "");
    if line.chars().count() <= WIDTH && !has_wide_call(value) {
        return line;
    }
    let inner = indent + 4;
    if let Some((head, body)) = closure(value) {
        let body = laid(inner, "", body, "");
        return format!(
            "{:indent$}{before}{head} {{\n{body}\n{:indent$}}}){after}",
            "", ""
        );
    }
    if let Some(positive) = value
        .strip_prefix('-')
        .filter(|rest| closure(rest).is_some())
    {
        return laid(indent, &format!("{before}-"), positive, after);
    }
    let operands = operands(value);
    if let [first, second] = operands.as_slice() {
        // A closure's block stands beside the other operand.
        let (sign, operand) = second.split_at(2);
        if closure(operand).is_some() && !has_wide_call(first) {
            return laid(indent, &format!("{before}{first} {sign}"), operand, after);
        }
        if closure(first).is_some() && !has_wide_call(second) {
            return laid(indent, before, first, &format!(" {second}{after}"));
        }
    }
    if let [first, rest @ ..] = operands.as_slice()
        && !rest.is_empty()
    {
        let mut text = laid(indent, before, first, "");
        for (place, operand) in rest.iter().enumerate() {
            let after = if place + 1 == rest.len() { after } else { "" };
            let (sign, operand) = operand.split_at(2);
            text.push('\n');
            text.push_str(&laid(inner, sign, operand, after));
        }
        return text;
    }
    let within = value
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    match within {
        Some(within) => laid(indent, &format!("{before}("), within, &format!("){after}")),
        None => line,
    }
}

/// Whether a call in the text has several arguments that are wide together.
fn has_wide_call(value: &str) -> bool {
    let opens = value.match_indices('(').map(|(place, _)| place);
    let is_call = |place: &usize| {
        let before = value[..*place].chars().next_back();
        before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    };
    opens.filter(is_call).any(|place| {
        let inside = within(&value[place + 1..]);
        inside.chars().count() > ARGUMENTS && arguments(inside).len() > 1
    })
}

/// The text up to the parenthesis that closes it.
fn within(text: &str) -> &str {
    let mut depth = 0;
    let end = text.find(|character| {
        depth += match character {
            '(' | '[' | '{' => 1,
            ')' | ']' | '}' => -1,
            _ => 0,
        };
        depth < 0
    });
    &text[..end.unwrap_or(text.len())]
}

/// The arguments of a call; a closure is the last.
pub(super) fn arguments(inside: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (place, character) in inside.char_indices() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '|' => break,
            ',' if depth == 0 => {
                found.push(inside[start..place].trim());
                start = place + 1;
            }
            _ => {}
        }
    }
    found.push(inside[start..].trim());
    found
}

/// A call whose last argument is a closure: all to its parameters, and its body.
fn closure(value: &str) -> Option<(&str, &str)> {
    let open = value.find('(')?;
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
    let whole = value[..open].chars().all(is_name) && open > 0;
    let start = value.find('|')?;
    let bar = start + 1 + value[start + 1..].find('|')?;
    let body = value[bar + 1..].strip_suffix(')')?.trim_start();
    (whole && is_balanced(body) && !value[open..start].contains(')'))
        .then_some((&value[..=bar], body))
}

/// Whether each parenthesis that closes was opened within the text.
fn is_balanced(text: &str) -> bool {
    let mut depth = 0;
    text.chars().all(|character| {
        depth += match character {
            '(' | '[' | '{' => 1,
            ')' | ']' | '}' => -1,
            _ => 0,
        };
        depth >= 0
    })
}

/// The operands of the loosest operator outside parentheses, each but the first behind it: `a`, `+ b`, `- c`.
fn operands(value: &str) -> Vec<&str> {
    for signs in [["+", "-"], ["*", "/"]] {
        let (mut depth, mut start, mut found) = (0, 0, Vec::new());
        let bytes = value.as_bytes();
        for (place, byte) in bytes.iter().enumerate() {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth -= 1,
                b' ' if depth == 0 => {
                    let rest = &value[place + 1..];
                    let is_sign = signs.iter().any(|sign| {
                        rest.strip_prefix(sign)
                            .is_some_and(|rest| rest.starts_with(' '))
                    });
                    if is_sign {
                        found.push(&value[start..place]);
                        start = place + 1;
                    }
                }
                _ => {}
            }
        }
        if !found.is_empty() {
            found.push(&value[start..]);
            return found;
        }
    }
    vec![value]
}

/// Whether `word` stands in the text as a whole word.
pub(super) fn mentions(text: &str, word: &str) -> bool {
    let belongs = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(word).any(|(place, _)| {
        let before = text[..place].chars().next_back();
        let after = text[place + word.len()..].chars().next();
        !before.is_some_and(belongs) && !after.is_some_and(belongs)
    })
}
