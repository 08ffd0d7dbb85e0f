//! Reports: what a reader is shown of a derivation and of its checks, as neutral documents. Layout
//! belongs to `typeset`; nothing is derived or checked here.

mod at;
mod certificate;
mod derivative;
mod plan;
mod results;

use backprove_calculus::check::{GradientCheck, IdentityCheck, Verdict, Verified, context};
use backprove_calculus::{
    Chain, Contribution, Derivation, Equation as Definition, Function, FunctionName, Gradient,
    Level, Node, Program, Tensor,
};
use backprove_syntax::tree::{Expression, ExpressionKind};
use backprove_typeset::compose::{Letters, index, matrix, shapes, tensor};
use backprove_typeset::document::{Block, Document, Table};
use backprove_typeset::equation::Equation;
use backprove_typeset::formula::{Fence, Formula};
use backprove_typeset::inline::Prose;

use crate::verification::{DerivationCheck, Verification};
use certificate::certified;
use results::results;

pub use at::check_at;
pub(crate) use derivative::names;
pub use derivative::{check_derivative, derivative};
pub use plan::{drawing, plan};

/// How much of a derivation is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// What one would say aloud.
    Headline,
    /// What one would write on paper.
    #[default]
    Working,
    /// Every step, with how it was verified.
    All,
}

/// The derivation as a document.
pub fn derivation(gradient: &Gradient, verification: &Verification, detail: Detail) -> Document {
    let names = Names::of(gradient);
    let mut document = Document::new(title(gradient));
    document.blocks.extend(definitions(gradient, &names));
    for (derivation, check) in gradient.derivations.iter().zip(&verification.derivations) {
        document
            .blocks
            .extend(section(gradient, derivation, check, detail, &names));
    }
    document
        .blocks
        .extend(results(gradient, verification, &names));
    document.push(Block::Note(certified(verification)));
    document
}

/// What was checked, as a table.
pub fn check(gradient: &Gradient, verification: &Verification) -> Document {
    let mut steps =
        Table::new(["gradient", "step", "rule", "verified", "trials", "error"]).numeric(&[1, 4, 5]);
    let mut results = Table::new([
        "gradient",
        "shape",
        "finite differences",
        "trials",
        "resampled",
        "error",
        "verdict",
    ])
    .numeric(&[3, 4, 5]);
    for (derivation, check) in gradient.derivations.iter().zip(&verification.derivations) {
        let name = Prose::from(tensor(&derivation.gradient));
        let mut number = 0;
        let mut row = |chain: &Chain, checks: &[IdentityCheck]| {
            for (step, check) in chain.steps.iter().zip(checks) {
                number += 1;
                steps.push([
                    if number == 1 {
                        name.clone()
                    } else {
                        Prose::default()
                    },
                    number.to_string().into(),
                    step.rule.title.into(),
                    verdict(&check.verdict).into(),
                    check.trials.to_string().into(),
                    error(check.error).into(),
                ]);
            }
        };
        for (contribution, checks) in derivation.contributions.iter().zip(&check.locals) {
            row(&contribution.local, checks);
        }
        row(&derivation.chain, &check.chain);
        let result = &check.result;
        results.push([
            name,
            crate::shape(derivation.variable.dims()).into(),
            "two step sizes".into(),
            result.trials.to_string().into(),
            result.resamples.to_string().into(),
            error(result.error).into(),
            result_verdict(result).into(),
        ]);
    }
    Document::new("Check")
        .paragraph(format!(
            "Every step is an identity between what stands before and after it, tested at random points with {} and with {}.",
            verification.sizes[0], verification.sizes[1]
        ))
        .with(Block::Table(steps))
        .paragraph("Every result is compared with central differences of the definition itself.")
        .with(Block::Table(results))
        .note(certified(verification))
}

/// The tensors by name, for matrix notation.
pub(crate) struct Names {
    scope: matrix::Scope,
}

impl Names {
    pub(crate) fn of(gradient: &Gradient) -> Self {
        Self::known(&context(gradient))
    }

    fn known(program: &Program) -> Self {
        let targets = program.equations.iter().map(|equation| &equation.target);
        Self {
            scope: matrix::Scope::new(program.inputs.iter().chain(targets)),
        }
    }

    fn form(&self, tree: &Expression) -> Formula {
        matrix::expression(tree, &self.scope)
    }
}

fn title(gradient: &Gradient) -> Prose {
    let title = Prose::from("The gradient of ")
        .formula(Formula::name(&gradient.loss))
        .text(" by ");
    listed(title, gradient.wrt.iter())
}

/// The names after `prose`: `A, B and C`.
fn listed<'a>(prose: Prose, tensors: impl ExactSizeIterator<Item = &'a Tensor>) -> Prose {
    let count = tensors.len();
    let mut prose = prose;
    for (position, variable) in tensors.enumerate() {
        prose = match position {
            0 => prose,
            _ if position + 1 == count => prose.text(" and "),
            _ => prose.text(", "),
        };
        prose = prose.formula(tensor(variable));
    }
    prose
}

/// The inputs and the definitions of a program.
fn given(forward: &Program, names: &Names) -> Vec<Block> {
    let mut inputs = Prose::from("Given ");
    for (position, input) in forward.inputs.iter().enumerate() {
        if position > 0 {
            inputs = inputs.text(", ");
        }
        inputs = inputs
            .formula(Formula::name(input.name()))
            .text(dimensions(input));
    }
    let mut lines = Vec::new();
    for equation in &forward.equations {
        lines.extend(definition(equation, names));
    }
    vec![
        Block::Paragraph(inputs.text(", let")),
        Block::Equations(lines),
    ]
}

fn definitions(gradient: &Gradient, names: &Names) -> Vec<Block> {
    let mut blocks = given(&gradient.forward, names);
    let loss = Formula::name(&gradient.loss);
    blocks.push(Block::Paragraph(match &gradient.seed {
        Some(seed) => Prose::from("and let ")
            .formula(loss)
            .text(" be a scalar that depends on ")
            .formula(Formula::name(output_name(gradient)))
            .text(". Its gradient ")
            .formula(tensor(seed))
            .text(format!(
                "{} is given; a gradient has the shape of what it is taken by.",
                dimensions(seed)
            )),
        None => Prose::from("The loss is ")
            .formula(loss)
            .text("; a gradient has the shape of what it is taken by."),
    }));
    blocks.extend(conventions(gradient));
    blocks
}

/// What the derivatives of functions with kinks are taken as there.
fn conventions(gradient: &Gradient) -> Vec<Block> {
    let mut functions: Vec<&'static Function> = Vec::new();
    for equation in &gradient.source.equations {
        equation.body.visit(&mut |part| {
            if let Node::Call(callee, _) = part.node()
                && let FunctionName::Known(function) = callee.function
                && !functions.contains(&function)
            {
                functions.push(function);
            }
        });
    }
    let stated = functions.into_iter().filter_map(|function| {
        let convention = function.convention()?;
        Some(Block::Paragraph(Prose::from(format!(
            "Convention for {}: {}{}",
            function.name,
            convention[..1].to_lowercase(),
            &convention[1..]
        ))))
    });
    stated.collect()
}

fn output_name(gradient: &Gradient) -> &str {
    gradient
        .forward
        .output()
        .map_or("", |equation| equation.target.name())
}

/// ` (S×M)`, or nothing for a scalar.
fn dimensions(tensor: &Tensor) -> String {
    if tensor.rank() == 0 {
        String::new()
    } else {
        format!(" ({})", crate::shape(tensor.dims()))
    }
}

/// A definition in matrix notation and, element by element, in index notation.
fn definition(equation: &Definition, names: &Names) -> Vec<Equation> {
    let mut letters = Letters::default();
    let element = index::element(&equation.target, &equation.indices, &mut letters);
    let body = index::expression(&equation.body, &mut letters);
    match &equation.matrix {
        Some(tree) if equation.target.rank() > 0 => vec![
            Equation::new(Formula::name(equation.target.name()), names.form(tree)),
            Equation::new(element, body).because("element by element"),
        ],
        Some(tree) => vec![
            Equation::new(Formula::name(equation.target.name()), names.form(tree)),
            Equation::then(body),
        ],
        None => vec![Equation::new(element, body)],
    }
}

/// What an equation reads that depends on a variable, but for the variable itself.
fn varying(gradient: &Gradient, variable: &Tensor, equation: &Definition) -> Vec<String> {
    let mut depend = vec![variable];
    for other in &gradient.forward.equations {
        if depend.iter().any(|tensor| other.body.mentions(tensor)) {
            depend.push(&other.target);
        }
    }
    let read = depend[1..].iter();
    let read = read.filter(|tensor| equation.body.mentions(tensor));
    read.map(|tensor| tensor.name().to_owned()).collect()
}

fn section(
    gradient: &Gradient,
    derivation: &Derivation,
    check: &DerivationCheck,
    detail: Detail,
    names: &Names,
) -> Vec<Block> {
    let mut letters = Letters::default();
    letters.reserve(&derivation.indices);
    if derivation.contributions.len() > 1 {
        // What depends on the variable through others as well is differentiated with those fixed.
        for user in &derivation.contributions {
            let fixed = varying(gradient, &derivation.variable, &user.equation);
            letters.hold(user.equation.target.name(), fixed);
        }
    }
    let asked = gradient.wrt.contains(&derivation.variable);
    let heading =
        Prose::from(tensor(&derivation.gradient)).text(if asked { "" } else { ", on the way" });
    let mut blocks = vec![Block::heading(1, heading)];

    let left = index::element(&derivation.gradient, &derivation.indices, &mut letters);
    let direct = derivation.contributions.len() == 1
        && gradient.seed.is_none()
        && derivation.contributions[0].equation.target.name() == gradient.loss;
    if !direct && let Some(step) = derivation.chain.steps.first() {
        let right = index::expression(&step.after, &mut letters.clone());
        let users = || derivation.contributions.iter().enumerate();
        let listed = |prose: Prose| {
            users().fold(prose, |prose, (position, user)| {
                prose
                    .text(if position > 0 { " and " } else { "" })
                    .formula(Formula::name(user.equation.target.name()))
            })
        };
        let variable = Prose::default().formula(Formula::name(derivation.variable.name()));
        let sentence = if derivation.contributions.is_empty() {
            variable
                .text(" enters nothing that ")
                .formula(Formula::name(&gradient.loss))
                .text(" depends on, so that the sum of the chain rule is empty:")
        } else {
            let entered = listed(variable.text(" enters only "));
            listed(entered.text(", and the chain rule sums over the elements of ")).text(":")
        };
        blocks.push(Block::Paragraph(sentence));
        blocks.push(Block::Equations(vec![
            Equation::new(left.clone(), right).because(step.rule.title),
        ]));
    }
    for (contribution, checks) in derivation.contributions.iter().zip(&check.locals) {
        blocks.extend(local(contribution, checks, detail, &letters));
    }
    let shown = Shown { detail, direct };
    blocks.extend(put_in(
        &derivation.chain,
        left,
        &check.chain,
        shown,
        &letters,
        "Put back into the sum:",
    ));
    blocks.extend(result(gradient, derivation, names, &letters));
    blocks
}

/// How much of a chain is shown, and whether the loss itself is differentiated.
#[derive(Clone, Copy)]
struct Shown {
    detail: Detail,
    direct: bool,
}

/// What becomes of the chain rule once the local derivatives are put in.
fn put_in(
    steps: &Chain,
    left: Formula,
    checks: &[IdentityCheck],
    Shown { detail, direct }: Shown,
    letters: &Letters,
    lead: &str,
) -> Vec<Block> {
    // The chain rule and what the local derivatives were replaced by stand above already.
    let skipped = if direct { usize::MAX } else { 1 };
    let lines = chain(steps, left, checks, detail, letters, skipped);
    let mut blocks = Vec::new();
    if !lines.is_empty() {
        if !direct && detail != Detail::Headline {
            blocks.push(Block::Paragraph(lead.into()));
        }
        blocks.push(Block::Equations(lines));
    }
    blocks
}

fn local(
    contribution: &Contribution,
    checks: &[IdentityCheck],
    detail: Detail,
    letters: &Letters,
) -> Vec<Block> {
    let mut letters = letters.clone();
    letters.reserve(&contribution.equation.indices);
    let left = index::expression(&contribution.local.start, &mut letters);
    let lines = chain(&contribution.local, left, checks, detail, &letters, 0);
    let mut blocks = Vec::new();
    if detail != Detail::Headline && !lines.is_empty() {
        blocks.push(Block::Paragraph(
            "The local derivative, one element by one element:".into(),
        ));
    }
    blocks.push(Block::Equations(lines));
    blocks
}

/// The steps of a chain as lines below each other, without the first `skipped`.
fn chain(
    chain: &Chain,
    left: Formula,
    checks: &[IdentityCheck],
    detail: Detail,
    letters: &Letters,
    skipped: usize,
) -> Vec<Equation> {
    let steps: Vec<_> = chain.steps.iter().zip(checks).skip(skipped).collect();
    let mut lines: Vec<Equation> = Vec::new();
    let mut left = Some(left);
    for (position, (step, check)) in steps.iter().enumerate() {
        let next = steps.get(position + 1).map(|(next, _)| next.rule);
        let rule_before = position
            .checked_sub(1)
            .map(|before| steps[before].0.rule.name);
        // `d exp(u) = exp(u) du` is one line, though it is two rules.
        let is_first_half = |rule: &str, next: Option<&str>| {
            rule == "chain-rule-scalar" && next == Some("function-derivative")
        };
        let shown = match detail {
            Detail::All => true,
            // Equal rules one after the other are one line, and so is what one does in the head.
            Detail::Working => {
                let next_name = next.map(|rule| rule.name);
                next.is_none()
                    || (step.level() != Level::Bookkeeping
                        && next != Some(step.rule)
                        && !is_first_half(step.rule.name, next_name))
            }
            Detail::Headline => next.is_none(),
        };
        if !shown {
            continue;
        }
        let right = index::expression(&step.after, &mut letters.clone());
        let halves = detail == Detail::Working
            && rule_before.is_some_and(|before| is_first_half(before, Some(step.rule.name)));
        let mut remark = Prose::from(if halves {
            "chain rule"
        } else {
            step.rule.title
        });
        if detail == Detail::All {
            remark = remark.text(format!(" [{}]", verdict(&check.verdict)));
        }
        let line = match left.take() {
            Some(left) => Equation::new(left, right),
            None => Equation::then(right),
        };
        lines.push(line.because(remark));
    }
    lines
}

/// The result in matrix form and its shapes, factor by factor.
fn result(
    gradient: &Gradient,
    derivation: &Derivation,
    names: &Names,
    letters: &Letters,
) -> Vec<Block> {
    let left = tensor(&derivation.gradient);
    let Some(tree) = &derivation.matrix else {
        let mut letters = letters.clone();
        let element = index::element(&derivation.gradient, &derivation.indices, &mut letters);
        let body = index::expression(derivation.result(), &mut letters);
        let mut blocks = vec![
            Block::Paragraph("The result has no matrix form; it stays in index notation:".into()),
            Block::Equations(vec![Equation::new(element, body)]),
        ];
        blocks.extend(constrained(derivation, names));
        return blocks;
    };
    let mut blocks = vec![
        Block::Paragraph("In matrix form:".into()),
        Block::Equations(vec![Equation::new(left.clone(), names.form(tree))]),
    ];
    blocks.push(Block::Paragraph(shapes(gradient, derivation, tree, names)));
    if let Some(note) = collected(gradient, derivation, tree) {
        blocks.push(Block::Note(note));
    }
    blocks.extend(constrained(derivation, names));
    blocks
}

/// The gradient among matrices of the kind that was declared.
fn constrained(derivation: &Derivation, names: &Names) -> Vec<Block> {
    let Some(constrained) = &derivation.constrained else {
        return Vec::new();
    };
    let prose = Prose::from("This takes every element of ")
        .formula(Formula::name(derivation.variable.name()))
        .text(" as free. Among matrices of the declared kind the gradient is");
    let left = tensor(&derivation.gradient)
        .fenced(Fence::Parentheses)
        .subscript(Formula::text(constrained.name));
    vec![
        Block::Paragraph(prose),
        Block::Equations(vec![Equation::new(left, names.form(&constrained.matrix))]),
        Block::Note(constrained.convention.into()),
    ]
}

/// `(∂L/∂Y)ᵀ is N×S, X is S×M; together N×M, the shape of W.`
fn shapes(gradient: &Gradient, derivation: &Derivation, tree: &Expression, names: &Names) -> Prose {
    let factors = shapes::factors(tree, &names.scope, &context(gradient)).unwrap_or_default();
    let several = factors.len() > 1;
    let mut prose = Prose::from("Shapes: ");
    for (position, (factor, dims)) in factors.into_iter().enumerate().filter(|_| several) {
        prose = prose
            .text(if position > 0 { ", " } else { "" })
            .formula(factor)
            .text(format!(" is {}", crate::shape(&dims)));
    }
    let whole = crate::shape(derivation.variable.dims());
    // The form was accepted only because it lowers to an expression over exactly these axes.
    prose
        .text(if several { "; together " } else { "" })
        .text(format!("{whole}, the shape of "))
        .formula(Formula::name(derivation.variable.name()))
        .text(" ✓")
}

/// Why a gradient is a sum over an axis, where the summand itself is what people write by mistake.
fn collected(gradient: &Gradient, derivation: &Derivation, tree: &Expression) -> Option<Prose> {
    let ExpressionKind::Call {
        function,
        arguments,
    } = &tree.kind
    else {
        return None;
    };
    let summand = &arguments.first()?.value;
    let ExpressionKind::Name(name) = &summand.kind else {
        return None;
    };
    let program = context(gradient);
    let summand = program.tensor(name)?;
    let expected = &derivation.variable;
    (function.text == "sum" && summand.rank() == expected.rank() + 1).then(|| {
        Prose::default()
            .formula(tensor(summand))
            .text(format!(" itself is {}, not the shape of ", crate::shape(summand.dims())))
            .formula(Formula::name(expected.name()))
            .text(": ")
            .formula(Formula::name(expected.name()))
            .text(" is used once for every element of the other axis, and its gradient adds up all these uses.")
    })
}

/// An equation in matrix notation where it has one, with its shape.
pub(crate) fn line(equation: &Definition, names: &Names) -> Equation {
    let mut letters = Letters::default();
    let line = match &equation.matrix {
        Some(tree) => Equation::new(tensor(&equation.target), names.form(tree)),
        None => Equation::new(
            index::element(&equation.target, &equation.indices, &mut letters),
            index::expression(&equation.body, &mut letters),
        ),
    };
    line.because(crate::shape(equation.target.dims()))
}

/// How a step was verified, in a word: `field`, `float`, `failed` or `unverified`.
pub fn verdict<C>(verdict: &Verdict<Verified, C>) -> &'static str {
    match verdict {
        Verdict::Verified(Verified::Field) => "field",
        Verdict::Verified(Verified::Float) => "float",
        Verdict::Failed(_) => "failed",
        Verdict::Unverified(_) => "unverified",
    }
}

fn result_verdict(check: &GradientCheck) -> &'static str {
    match check.verdict {
        Verdict::Verified(()) => "right",
        Verdict::Failed(_) => "WRONG",
        Verdict::Unverified(_) => "unverified",
    }
}

fn error(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else {
        format!("{value:.1e}")
    }
}
