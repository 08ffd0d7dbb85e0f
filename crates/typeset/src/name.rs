//! How a program's names are read by a person: `W1` as `W` with a subscript, `x_bar` with a bar,
//! `alpha` as the letter. Only spelling is decided here, never what a name stands for.

use crate::formula::{Formula, Mark, Style};

/// The Greek letters that programs spell out.
const GREEK: [(&str, char); 34] = [
    ("alpha", 'α'),
    ("beta", 'β'),
    ("gamma", 'γ'),
    ("delta", 'δ'),
    ("epsilon", 'ε'),
    ("eps", 'ε'),
    ("zeta", 'ζ'),
    ("eta", 'η'),
    ("theta", 'θ'),
    ("iota", 'ι'),
    ("kappa", 'κ'),
    ("lambda", 'λ'),
    ("lam", 'λ'),
    ("mu", 'μ'),
    ("nu", 'ν'),
    ("xi", 'ξ'),
    ("pi", 'π'),
    ("rho", 'ρ'),
    ("sigma", 'σ'),
    ("tau", 'τ'),
    ("upsilon", 'υ'),
    ("phi", 'φ'),
    ("chi", 'χ'),
    ("psi", 'ψ'),
    ("omega", 'ω'),
    ("Gamma", 'Γ'),
    ("Delta", 'Δ'),
    ("Theta", 'Θ'),
    ("Lambda", 'Λ'),
    ("Xi", 'Ξ'),
    ("Sigma", 'Σ'),
    ("Phi", 'Φ'),
    ("Psi", 'Ψ'),
    ("Omega", 'Ω'),
];

impl Formula {
    /// A name of a program as it is set on paper.
    ///
    /// ```
    /// use backprove_typeset::formula::Formula;
    /// use backprove_typeset::latex;
    /// let set = |name| latex::formula(&Formula::name(name));
    /// assert_eq!(set("W"), "W");
    /// assert_eq!(set("W1"), "W_{1}");
    /// assert_eq!(set("alpha"), r"\alpha");
    /// assert_eq!(set("x_bar"), r"\bar{x}");
    /// assert_eq!(set("W_out"), r"W_{\mathrm{out}}");
    /// assert_eq!(set("loss"), r"\mathrm{loss}");
    /// ```
    pub fn name(text: &str) -> Self {
        let mut parts = text.split('_').filter(|part| !part.is_empty());
        let Some(first) = parts.next() else {
            return Self::styled(text, Style::Upright);
        };
        let (mut base, mut below) = stem(first);
        for part in parts {
            match mark(part) {
                Some(mark) if below.is_empty() => {
                    base = Self::Over {
                        base: Box::new(base),
                        mark,
                    };
                }
                _ => {
                    let (letters, digits) = stem(part);
                    below.push(digits.into_iter().fold(letters, Self::subscript));
                }
            }
        }
        match below.len() {
            0 => base,
            1 => base.subscript(below.remove(0)),
            _ => base.subscript(Self::Indices(below)),
        }
    }
}

/// The letters of one part of a name, and the digits that it ends with, to be set below them.
fn stem(part: &str) -> (Formula, Vec<Formula>) {
    let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &part[letters.len()..];
    if letters.is_empty() {
        return (Formula::number(digits), Vec::new());
    }
    let spelled = GREEK
        .iter()
        .find(|(name, _)| *name == letters)
        .map_or_else(|| letters.to_owned(), |(_, letter)| letter.to_string());
    let below = if digits.is_empty() {
        Vec::new()
    } else {
        vec![Formula::number(digits)]
    };
    (Formula::variable(spelled), below)
}

/// The mark that the last part of a name asks for.
fn mark(part: &str) -> Option<Mark> {
    match part {
        "bar" => Some(Mark::Bar),
        "hat" => Some(Mark::Hat),
        "tilde" => Some(Mark::Tilde),
        "dot" => Some(Mark::Dot),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_parts_are_set_below() {
        assert_eq!(
            Formula::name("h2_out"),
            Formula::variable("h").subscript(Formula::Indices(vec![
                Formula::number("2"),
                Formula::variable("out"),
            ])),
        );
    }

    #[test]
    fn a_name_of_underscores_stays_itself() {
        assert_eq!(Formula::name("_"), Formula::styled("_", Style::Upright));
    }

    #[test]
    fn hats_and_greek_letters_combine() {
        assert_eq!(
            Formula::name("theta_hat"),
            Formula::Over {
                base: Box::new(Formula::variable("θ")),
                mark: Mark::Hat,
            },
        );
    }
}
