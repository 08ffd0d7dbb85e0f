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

/// Whether `word` stands in the text as a whole word.
pub(super) fn mentions(text: &str, word: &str) -> bool {
    let belongs = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(word).any(|(place, _)| {
        let before = text[..place].chars().next_back();
        let after = text[place + word.len()..].chars().next();
        !before.is_some_and(belongs) && !after.is_some_and(belongs)
    })
}
