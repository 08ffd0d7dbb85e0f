//! Claims: a user's own gradient, compared with the derived one. Where it is wrong the answer says
//! how: by its shape, or by the first element that differs, and what small change would be right.

use backprove_calculus::check::{Checker, Verdict, context};
use backprove_calculus::elaborate::Value;
use backprove_calculus::{
    Derivation, Dim, Equation, Expr, Gradient, Index, Tensor, elaborate_expression,
};
use backprove_syntax::tree::{Expression, ExpressionKind};
use backprove_syntax::{Diagnostic, format_expression, parse_claim};

use crate::given::{self, Numbers, PointCheck, subscript};
use crate::problem::{Diagnosed, Problem};

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The claim as it was written.
    pub claim: String,
    /// Whether it is right.
    pub holds: bool,
    /// What is to be said about it, in full sentences, the most important first.
    pub sentences: Vec<String>,
}

/// Answers a claim such as `dL/db = dL/dY` about the gradients of `problem`, also at numbers of the user's own if there are any.
///
/// ```
/// use backprove::{Problem, claim};
/// let problem = Problem::read("X[S, M]; W[N, M]; b[N]\nY = X @ W.T + b")?;
/// let answer = claim::answer(&problem, "dL/db = dL/dY", None, None, 0)?;
/// assert!(!answer.holds);
/// assert!(answer.sentences[0].contains("S×N"));
/// assert!(claim::answer(&problem, "dL/dW = (X.T @ dL/dY).T", None, None, 0)?.holds);
/// # Ok::<(), backprove::Diagnosed>(())
/// ```
pub fn answer(
    problem: &Problem,
    claim: &str,
    cotangent: Option<&str>,
    at: Option<&Numbers>,
    seed: u64,
) -> Result<Answer, Diagnosed> {
    let wrong = |diagnostics: Vec<Diagnostic>| Diagnosed {
        source: claim.to_owned(),
        diagnostics,
        refused: false,
    };
    let (parsed, diagnostics) = parse_claim(claim);
    let parsed = match parsed {
        Some(parsed) if diagnostics.is_empty() => parsed,
        _ => return Err(wrong(diagnostics)),
    };
    let Some(by) = subject(problem, &parsed.left) else {
        let diagnostic =
            Diagnostic::error("claim-without-gradient", "the left side is not a gradient")
                .label(parsed.left.span, "expected something like `dL/dW`");
        return Err(wrong(vec![diagnostic]));
    };
    let mut names: Vec<&str> = Vec::new();
    let inputs = problem
        .program()
        .inputs
        .iter()
        .filter(|input| !input.is_constant());
    names.extend(
        inputs
            .map(Tensor::name)
            .filter(|name| Some(*name) != cotangent),
    );
    if !names.contains(&by) {
        names.push(by);
    }
    let gradient = problem.gradient(&names, cotangent)?;
    let (left, right) = (&parsed.left, &parsed.right);
    let sides = Sides::new(&gradient);
    if matches!(left.kind, ExpressionKind::Differential { .. }) {
        sides.value(left).map_err(wrong)?;
    }
    let claimed = match sides.value(right) {
        Ok(claimed) => claimed,
        Err(diagnostics) if is_about_shapes(&diagnostics) => {
            return Ok(misshapen(
                problem,
                claim,
                by,
                cotangent,
                seed,
                &gradient,
                &diagnostics,
            ));
        }
        Err(diagnostics) => return Err(wrong(diagnostics)),
    };
    let Some(derivation) = gradient.derivation(by) else {
        let message = format!("there is no gradient by `{by}`");
        let diagnostic =
            Diagnostic::error("unknown-gradient", message).label(left.span, "claimed here");
        return Err(wrong(vec![diagnostic]));
    };
    let judged = sides.judge(derivation, right, &claimed, seed);
    let mut holds = judged.is_none();
    let mut sentences = judged.unwrap_or_else(|| vec![agreement(&gradient, derivation)]);
    if let Some(numbers) = at
        && extents(&claimed.indices) == derivation.variable.dims()
    {
        let check = sides.at(derivation, &claimed, numbers, seed);
        let check = check.map_err(|diagnostic| wrong(vec![diagnostic]))?;
        holds &= check.holds();
        sentences.insert(
            0,
            check.sentence(&differential(&gradient, &derivation.variable)),
        );
    }
    Ok(Answer {
        claim: claim.to_owned(),
        holds,
        sentences,
    })
}

/// By what the gradient on the left is taken: `W` in `dL/dW`, and in `dW`, as results are written, where no tensor has
/// that name.
fn subject<'a>(problem: &Problem, left: &'a Expression) -> Option<&'a str> {
    match &left.kind {
        ExpressionKind::Differential { by, .. } => Some(by),
        ExpressionKind::Name(name) => {
            let program = problem.program();
            let by = name.strip_prefix('d')?;
            (program.tensor(name).is_none() && program.tensor(by).is_some()).then_some(by)
        }
        _ => None,
    }
}

/// Whether the claim could be read but for sizes that do not fit.
fn is_about_shapes(diagnostics: &[Diagnostic]) -> bool {
    diagnostics
        .iter()
        .all(|diagnostic| diagnostic.slug.contains("shape"))
}

/// The answer to a claim whose own shapes do not fit: the reason, and what would come out where the
/// sizes that meet happen to be equal.
fn misshapen(
    problem: &Problem,
    claim: &str,
    by: &str,
    cotangent: Option<&str>,
    seed: u64,
    gradient: &Gradient,
    diagnostics: &[Diagnostic],
) -> Answer {
    let reasons = diagnostics.iter().map(|diagnostic| &diagnostic.message);
    let mut sentences: Vec<String> = reasons
        .map(|reason| format!("The shapes do not fit: {reason}."))
        .collect();
    let sizes = symbols(gradient);
    let pairs = sizes
        .iter()
        .flat_map(|one| sizes.iter().map(move |other| (one, other)));
    let at_equal_sizes = pairs
        .filter(|(one, other)| one < other)
        .find_map(|(one, other)| {
            let source = renamed_everywhere(problem.source(), other, one);
            let problem = Problem::read(&source).ok()?;
            let claim = renamed_everywhere(claim, other, one);
            // A second misfit would only be answered with yet another pair.
            let answer = answer(&problem, &claim, cotangent, None, seed).ok()?;
            let first = answer.sentences.first()?;
            (answer.holds || first.contains("values differ")).then(|| {
                if answer.holds {
                    format!("Only where {other} = {one} would it be right.")
                } else {
                    format!("Even where {other} = {one} it is wrong. {first}")
                }
            })
        });
    sentences.extend(at_equal_sizes);
    if let Some(derivation) = gradient.derivation(by) {
        sentences.push(agreement(gradient, derivation));
    }
    Answer {
        claim: claim.to_owned(),
        holds: false,
        sentences,
    }
}

/// The symbolic sizes of the inputs, each once.
fn symbols(gradient: &Gradient) -> Vec<String> {
    let mut symbols: Vec<String> = Vec::new();
    for dim in gradient.forward.inputs.iter().flat_map(Tensor::dims) {
        for name in dim.symbols() {
            if !symbols.iter().any(|symbol| **symbol == *name) {
                symbols.push(name.to_string());
            }
        }
    }
    symbols
}

/// The text with one name replaced by another. Names of sizes are distinct from all others in a
/// program, so this is exactly the program in which both sizes are the same.
fn renamed_everywhere(text: &str, from: &str, to: &str) -> String {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let mut renamed = String::new();
    let mut word = String::new();
    for character in text.chars().chain(['\0']) {
        if is_part(character) {
            word.push(character);
            continue;
        }
        renamed.push_str(if word == from { to } else { &word });
        word.clear();
        if character != '\0' {
            renamed.push(character);
        }
    }
    renamed
}

/// What both sides of a claim are read over.
struct Sides<'a> {
    gradient: &'a Gradient,
    program: backprove_calculus::Program,
}

impl<'a> Sides<'a> {
    fn new(gradient: &'a Gradient) -> Self {
        Self {
            gradient,
            program: context(gradient),
        }
    }

    fn value(&self, tree: &Expression) -> Result<Value, Vec<Diagnostic>> {
        let differential = |of: &str, by: &str| self.differential(of, by);
        elaborate_expression(tree, &self.program, &[], &differential)
    }

    /// The tensor that `dof/dby` stands for.
    fn differential(&self, of: &str, by: &str) -> Option<Tensor> {
        if of != self.gradient.loss {
            return None;
        }
        let output = self.gradient.forward.output()?;
        match &self.gradient.seed {
            Some(seed) if output.target.name() == by => Some(seed.clone()),
            _ => Some(self.gradient.derivation(by)?.gradient.clone()),
        }
    }

    /// The claim at numbers.
    fn at(
        &self,
        derivation: &Derivation,
        claimed: &Value,
        numbers: &Numbers,
        seed: u64,
    ) -> Result<PointCheck, Diagnostic> {
        // No name of a program has a space.
        let target = Tensor::new("the claim", derivation.variable.dims().to_vec());
        let mut program = self.program.clone();
        program.equations.push(Equation {
            target: target.clone(),
            indices: derivation.indices.clone(),
            body: renamed(claimed, &derivation.indices),
            matrix: None,
        });
        given::at(
            self.gradient,
            derivation,
            (&program, &target),
            numbers,
            seed,
        )
    }

    /// What is wrong with the claim, or `None` where it is right.
    fn judge(
        &self,
        derivation: &Derivation,
        right: &Expression,
        claimed: &Value,
        seed: u64,
    ) -> Option<Vec<String>> {
        let variable = &derivation.variable;
        let dims = extents(&claimed.indices);
        let text = name_of(right);
        if dims != variable.dims() {
            let mut sentences = vec![format!(
                "The shape is wrong: {text} is {}, but {} {}.",
                crate::shape(&dims),
                variable.name(),
                has(variable.dims()),
            )];
            sentences.extend(self.reductions(derivation, &text, claimed, seed));
            sentences.push(agreement(self.gradient, derivation));
            return Some(sentences);
        }
        let body = renamed(claimed, &derivation.indices);
        let mut checker = Checker::new(&self.program, seed);
        let check = checker.identical(derivation.result(), &body, &derivation.indices);
        match check.verdict {
            Verdict::Verified(_) => None,
            Verdict::Unverified(_) => Some(vec![
                "No point was found at which both sides can be evaluated: the claim is unverified."
                    .to_owned(),
            ]),
            Verdict::Failed(found) => {
                let place = subscript(&found.element);
                let [derived, claimed] = told_apart(found.left, found.right);
                let mut sentences = vec![format!(
                    "The values differ, first at {}{place}: derived {derived}, claimed {claimed} (at {}).",
                    derivation.gradient.name(),
                    found.sizes,
                )];
                sentences.push(agreement(self.gradient, derivation));
                Some(sentences)
            }
        }
    }

    /// Whether the claim is right once it is summed over the axes that are too many.
    fn reductions(
        &self,
        derivation: &Derivation,
        text: &str,
        claimed: &Value,
        seed: u64,
    ) -> Option<String> {
        let wanted = derivation.variable.dims();
        let rank = claimed.indices.len();
        let mut checker = Checker::new(&self.program, seed);
        let mut subsets: Vec<usize> = (1..1_usize << rank.min(8)).collect();
        subsets.sort_by_key(|subset| subset.count_ones());
        subsets.into_iter().find_map(|subset| {
            let (summed, kept): (Vec<_>, Vec<_>) = claimed
                .indices
                .iter()
                .cloned()
                .enumerate()
                .partition(|(axis, _)| subset & (1 << axis) != 0);
            let kept: Vec<Index> = kept.into_iter().map(|(_, index)| index).collect();
            if extents(&kept) != wanted {
                return None;
            }
            let (axes, bound): (Vec<usize>, Vec<Index>) = summed.into_iter().unzip();
            let value = Value {
                indices: kept,
                body: Expr::sum(&bound, claimed.body.clone()),
            };
            let body = renamed(&value, &derivation.indices);
            let check = checker.identical(derivation.result(), &body, &derivation.indices);
            let letters: Vec<String> = bound
                .iter()
                .map(|index| index.extent().to_string().to_lowercase())
                .collect();
            let axes: Vec<String> = axes.iter().map(ToString::to_string).collect();
            let axis = if axes.len() == 1 {
                axes[0].clone()
            } else {
                format!("({})", axes.join(", "))
            };
            matches!(check.verdict, Verdict::Verified(_)).then(|| {
                format!(
                    "Summed over {} it is right: {} = sum({text}, axis={axis}).",
                    letters.join(" and "),
                    differential(self.gradient, &derivation.variable),
                )
            })
        })
    }
}

fn agreement(gradient: &Gradient, derivation: &Derivation) -> String {
    let text = crate::text::equation(&derivation.equation());
    let right = text.split_once(" = ").map_or("", |(_, right)| right);
    format!(
        "Derived: {} = {right}",
        differential(gradient, &derivation.variable)
    )
}

fn differential(gradient: &Gradient, variable: &Tensor) -> String {
    format!("d{}/d{}", gradient.loss, variable.name())
}

fn extents(indices: &[Index]) -> Vec<Dim> {
    indices.iter().map(|index| index.extent().clone()).collect()
}

fn renamed(value: &Value, indices: &[Index]) -> Expr {
    let pairs = value.indices.iter().cloned().zip(indices.iter().cloned());
    value.body.freshen().substitute(&pairs.collect())
}

/// Two numbers with six decimals, or with as many as it takes to see that they differ.
fn told_apart(left: f64, right: f64) -> [String; 2] {
    let written = |decimals: usize| [left, right].map(|value| format!("{value:.decimals$}"));
    (6..=17)
        .map(written)
        .find(|[left, right]| left != right)
        .unwrap_or_else(|| [left, right].map(|value| format!("{value:e}")))
}

/// `has N entries`, `is N×M`, `is a scalar`.
fn has(dims: &[Dim]) -> String {
    match dims {
        [] => "is a scalar".to_owned(),
        [size] => format!("has {size} entries"),
        _ => format!("is {}", crate::shape(dims)),
    }
}

/// The claim's right side as it is mentioned in a sentence.
fn name_of(right: &Expression) -> String {
    format_expression(right)
}
