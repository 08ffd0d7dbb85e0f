//! The conventions of other libraries in our terms: keywords, defaults, and what is refused.

use backprove_syntax::tree::{Argument, Expression, ExpressionKind, Name};
use backprove_syntax::{Diagnostic, Span};

use super::calls::is_word;
use super::libraries::{self, Library};
use super::scope::Elaborator;
use crate::functions;

impl Elaborator<'_> {
    /// A library's own conventions: other names for keywords, other defaults, refusals.
    pub(super) fn in_our_terms(
        &mut self,
        library: Library,
        name: &str,
        arguments: &[Argument],
        span: Span,
    ) -> Option<(Library, String, Vec<Argument>)> {
        let mut renamed: Vec<Argument> = arguments.to_vec();
        let mut name = name.to_owned();
        let has = |arguments: &[Argument], wanted: &str| {
            arguments.iter().any(|argument| {
                argument
                    .keyword
                    .as_ref()
                    .is_some_and(|keyword| keyword.text == wanted)
            })
        };
        match library {
            Library::Torch => {
                for argument in &mut renamed {
                    if let Some(keyword) = &mut argument.keyword {
                        keyword.text = libraries::torch_keyword(&keyword.text).to_owned();
                    }
                }
                if matches!(name.as_str(), "max" | "min") {
                    if renamed.len() > 1 {
                        let message =
                            format!("`torch.{name}` with a dimension returns positions as well");
                        return self.fail(
                            Diagnostic::error("refused", message)
                                .label(span, "called here")
                                .help(format!("write `torch.a{name}`")),
                        );
                    }
                    name.insert(0, 'a');
                }
                if matches!(name.as_str(), "softmax" | "log_softmax" | "logsumexp")
                    && renamed.len() < 2
                {
                    let message = format!("`torch.{name}` needs `dim=`");
                    return self.fail(
                        Diagnostic::error("missing-argument", message)
                            .label(span, "called here")
                            .help("add `dim=-1`"),
                    );
                }
                if matches!(name.as_str(), "var" | "std") {
                    // An older form has `unbiased` among the positions.
                    let by_position = renamed.iter().filter(|argument| argument.keyword.is_none());
                    let mut after = by_position.skip(1);
                    let is_truth = |argument: &Argument| {
                        is_word(&argument.value, "True") || is_word(&argument.value, "False")
                    };
                    if after.next().is_some_and(is_truth) || after.next().is_some() {
                        return self.not_yet("`unbiased` by position", span);
                    }
                    torch_correction(&mut renamed);
                }
                if name == "gelu" {
                    let form = take_keyword(&mut renamed, "approximate");
                    if let Some(ExpressionKind::String(form)) = form.map(|form| form.kind)
                        && form == "tanh"
                    {
                        return self.tanh_gelu(renamed, span);
                    }
                }
            }
            Library::JaxNn if name == "gelu" => {
                let exact = take_keyword(&mut renamed, "approximate")
                    .is_some_and(|form| is_word(&form, "False"));
                if !exact {
                    return self.tanh_gelu(renamed, span);
                }
            }
            Library::NumPy | Library::Ours if has(&renamed, "out") || has(&renamed, "where") => {
                return self.not_yet("the argument `out=` or `where=`", span);
            }
            _ => {}
        }
        if matches!(name.as_str(), "tril" | "triu") && renamed.len() > 1 {
            // Another diagonal than the main one.
            let from = if name == "tril" {
                "lower_from"
            } else {
                "upper_from"
            };
            return Some((Library::Ours, from.to_owned(), renamed));
        }
        if matches!(name.as_str(), "clip" | "clamp") {
            return Some(clipped(library, name, renamed));
        }
        let second_by_position = renamed
            .get(1)
            .is_some_and(|argument| argument.keyword.is_none());
        if name == "norm" && (second_by_position || has(&renamed, "ord") || has(&renamed, "p")) {
            return self.norm_of_kind(library, renamed, span);
        }
        if library == Library::Ours && matches!(name.as_str(), "max" | "min") && second_by_position
        {
            return self.greater_of_two(&name, span);
        }
        if has(&renamed, "dtype") {
            renamed.retain(|argument| {
                argument
                    .keyword
                    .as_ref()
                    .is_none_or(|keyword| keyword.text != "dtype")
            });
        }
        Some((library, name, renamed))
    }

    /// `max(X, 0)` is a reduction over axis 0 to NumPy and the greater of two to Python.
    fn greater_of_two<T>(&mut self, name: &str, span: Span) -> Option<T> {
        let both = format!("{name}imum");
        let message = format!("`{name}` of two things is `{both}`, or `{name}` along an `axis=`");
        let word = Span::new(span.start, span.start + name.len());
        self.fail(
            Diagnostic::error("ambiguous", message)
                .label(span, "two things by position")
                .help_edit(
                    format!("compare element by element with `{both}`"),
                    word,
                    both,
                ),
        )
    }

    /// `norm(x, ord)`: which norm that is depends on `ord`, and without an axis on whether `x` is a matrix.
    fn norm_of_kind(
        &mut self,
        library: Library,
        mut arguments: Vec<Argument>,
        span: Span,
    ) -> Option<(Library, String, Vec<Argument>)> {
        let of_elements = take_keyword(&mut arguments, "p");
        let by_keyword = take_keyword(&mut arguments, "ord");
        let kind = if let Some(kind) = of_elements.as_ref().or(by_keyword.as_ref()) {
            kind.clone()
        } else {
            arguments.remove(1).value
        };
        let mut rest = arguments.iter_mut().skip(1);
        // What stood behind `ord` is the axis.
        if let Some(axis) = rest.next().filter(|argument| argument.keyword.is_none()) {
            axis.keyword = Some(Name::made("axis"));
        }
        if rest.any(|argument| argument.keyword.is_none()) {
            return self.not_yet("`keepdims` of a norm by position", span);
        }
        let is_word = |word: &str| match &kind.kind {
            ExpressionKind::String(text) | ExpressionKind::Name(text) => text == word,
            ExpressionKind::Attribute(_, name) => name.text == word,
            _ => false,
        };
        let number = match &kind.kind {
            ExpressionKind::Number(text) => text.parse::<f64>().ok(),
            _ => None,
        };
        let axis = arguments
            .iter()
            .find(|argument| keyword_is(argument, "axis"))
            .map(|argument| argument.value.clone());
        let of_matrix = match axis.as_ref().map(|axis| &axis.kind) {
            Some(ExpressionKind::Tuple(axes) | ExpressionKind::List(axes)) => axes.len() > 1,
            Some(kind) if *kind != ExpressionKind::None => false,
            // PyTorch's older norm takes all elements together, whatever their shape.
            _ if of_elements.is_some() => false,
            _ => self.lower(&arguments.first()?.value)?.rank() > 1,
        };
        let euclidean = kind.kind == ExpressionKind::None || (is_word("fro") && of_matrix);
        let is_two = number == Some(2.0);
        let name = match number {
            _ if euclidean || (is_two && !of_matrix) => "norm",
            _ if of_matrix || is_word("fro") || is_word("nuc") => {
                let what = if is_word("nuc") || is_two {
                    "this norm is a function of the singular values, which has no rule here"
                } else {
                    "this norm of a matrix has no rule here"
                };
                return self.fail(
                    Diagnostic::error("refused", what)
                        .label(kind.span, "asked for here")
                        .help("of a matrix there is the Frobenius norm, `norm(X)`; with `axis=` there are those of its rows or columns"),
                );
            }
            _ if is_word("inf") => "norm_inf",
            Some(1.0) => "norm_1",
            Some(order) if order <= 0.0 => {
                return self.fail(
                    Diagnostic::error("refused", "there is no such norm")
                        .label(kind.span, "asked for here")
                        .help("the order of a norm is a positive number or `inf`"),
                );
            }
            _ => {
                let exponent = Argument {
                    keyword: None,
                    value: kind,
                };
                arguments.insert(1, exponent);
                "norm_p"
            }
        };
        let library = if name == "norm" {
            library
        } else {
            Library::Ours
        };
        Some((library, name.to_owned(), arguments))
    }

    fn tanh_gelu(
        &mut self,
        arguments: Vec<Argument>,
        span: Span,
    ) -> Option<(Library, String, Vec<Argument>)> {
        if functions::find("gelu_tanh").is_none() {
            return self.not_yet("the tanh form of gelu", span);
        }
        Some((Library::Ours, "gelu_tanh".to_owned(), arguments))
    }
}

/// PyTorch's variance divides by n − 1 unless told otherwise.
fn torch_correction(arguments: &mut Vec<Argument>) {
    let unbiased =
        take_keyword(arguments, "unbiased").is_none_or(|value| !is_word(&value, "False"));
    let given = arguments.iter().any(|argument| {
        argument
            .keyword
            .as_ref()
            .is_some_and(|keyword| keyword.text == "ddof")
    });
    if !given && unbiased {
        arguments.push(Argument {
            keyword: Some(Name::made("ddof")),
            value: Expression::integer(1),
        });
    }
}

/// A range with one end is the greater or the lesser of two values.
fn clipped(
    library: Library,
    name: String,
    mut arguments: Vec<Argument>,
) -> (Library, String, Vec<Argument>) {
    for argument in &mut arguments {
        if let Some(keyword) = &mut argument.keyword {
            let end = match keyword.text.as_str() {
                "min" | "a_min" => "a",
                "max" | "a_max" => "b",
                _ => continue,
            };
            end.clone_into(&mut keyword.text);
        }
    }
    let end = |argument: &Argument, position: usize| {
        argument.keyword.as_ref().map_or_else(
            || {
                ["x", "a", "b"]
                    .get(position)
                    .copied()
                    .unwrap_or_default()
                    .to_owned()
            },
            |keyword| keyword.text.clone(),
        )
    };
    let given: Vec<(String, &Argument)> = arguments
        .iter()
        .enumerate()
        .map(|(position, argument)| (end(argument, position), argument))
        .filter(|(_, argument)| argument.value.kind != ExpressionKind::None)
        .collect();
    if let [(_, value), (end, bound)] = given.as_slice()
        && let Some(of_two) = match end.as_str() {
            "a" => Some("maximum"),
            "b" => Some("minimum"),
            _ => None,
        }
    {
        let by_position = |argument: &Argument| Argument {
            keyword: None,
            value: argument.value.clone(),
        };
        let both = vec![by_position(value), by_position(bound)];
        return (Library::Ours, of_two.to_owned(), both);
    }
    (library, name, arguments)
}

fn keyword_is(argument: &Argument, wanted: &str) -> bool {
    let keyword = argument.keyword.as_ref();
    keyword.is_some_and(|keyword| keyword.text == wanted)
}

fn take_keyword(arguments: &mut Vec<Argument>, wanted: &str) -> Option<Expression> {
    let position = arguments.iter().position(|argument| {
        argument
            .keyword
            .as_ref()
            .is_some_and(|keyword| keyword.text == wanted)
    })?;
    Some(arguments.remove(position).value)
}
