//! Reports of Jacobians, Hessians and products with vectors. Where a gradient lies below, its derivation comes first;
//! nothing is derived or checked here.

use std::fmt::Write as _;

use backprove_calculus::check::{IdentityCheck, forward_context};
use backprove_calculus::{Chain, Derivative, Order, Partial};
use backprove_typeset::compose::{Letters, index, tensor};
use backprove_typeset::document::{Block, Document, Table};
use backprove_typeset::equation::Equation;
use backprove_typeset::formula::Formula;
use backprove_typeset::inline::Prose;

use super::certificate::{certificate, steps_of};
use super::{
    Detail, Names, Shown, error, given, line, listed, local, put_in, result_verdict, section,
};
use crate::derivative::{DerivativeVerification, OutcomeCheck, PartialCheck};

/// The derivation as a document.
pub fn derivative(
    derivative: &Derivative,
    verification: &DerivativeVerification,
    detail: Detail,
) -> Document {
    let names = names(derivative);
    let mut document = Document::new(title(derivative));
    document
        .blocks
        .extend(given(derivative.definitions(), &names));
    document.push(Block::Paragraph(convention(derivative)));
    if let (Some(gradient), Some(checked)) = (&derivative.gradient, &verification.gradient) {
        for (derivation, check) in gradient.derivations.iter().zip(&checked.derivations) {
            let blocks = section(gradient, derivation, check, detail, &names);
            document.blocks.extend(blocks);
        }
    }
    for (partial, check) in derivative.stage.partials.iter().zip(&verification.partials) {
        document
            .blocks
            .extend(partial_section(derivative, partial, check, detail, &names));
    }
    document.blocks.extend(results(derivative, &names));
    document.push(Block::Note(certified(verification)));
    document
}

/// What was checked, as a table.
pub fn check_derivative(
    derivative: &Derivative,
    verification: &DerivativeVerification,
) -> Document {
    let mut steps = Table::new(["derivative", "step", "rule", "verified", "trials", "error"])
        .numeric(&[1, 4, 5]);
    for (partial, check) in derivative.stage.partials.iter().zip(&verification.partials) {
        let mut number = 0;
        let mut row = |chain: &Chain, checks: &[IdentityCheck]| {
            for (step, check) in chain.steps.iter().zip(checks) {
                number += 1;
                steps.push([
                    if number == 1 {
                        Prose::from(tensor(&partial.target))
                    } else {
                        Prose::default()
                    },
                    number.to_string().into(),
                    step.rule.title.into(),
                    super::verdict(&check.verdict).into(),
                    check.trials.to_string().into(),
                    error(check.error).into(),
                ]);
            }
        };
        for (contribution, checks) in partial.contributions.iter().zip(&check.locals) {
            row(&contribution.local, checks);
        }
        row(&partial.chain, &check.chain);
    }
    let mut compared = Table::new([
        "derivative",
        "shape",
        "compared with",
        "trials",
        "resampled",
        "error",
        "verdict",
    ])
    .numeric(&[3, 4, 5]);
    for (outcome, check) in derivative.outcomes().iter().zip(&verification.outcomes) {
        let first = match derivative.order {
            Order::Hessian | Order::Hvp => "differences of the gradient",
            Order::Jacobian | Order::Jvp => "differences of the output",
        };
        let kinds = [first, "second differences of the scalar"];
        for (place, (result, kind)) in check.all().zip(kinds).enumerate() {
            let shape = crate::shape(outcome.partial.target.dims());
            compared.push([
                if place == 0 {
                    Prose::from(tensor(&outcome.partial.target))
                } else {
                    Prose::default()
                },
                if place == 0 {
                    shape.into()
                } else {
                    Prose::default()
                },
                kind.into(),
                result.trials.to_string().into(),
                result.resamples.to_string().into(),
                error(result.error).into(),
                result_verdict(result).into(),
            ]);
        }
    }
    let mut document = Document::new("Check").paragraph(format!(
        "Every step is an identity between what stands before and after it, tested at random points with {} and with {}.",
        verification.sizes[0], verification.sizes[1]
    ));
    if let (Some(gradient), Some(checked)) = (&derivative.gradient, &verification.gradient) {
        document
            .blocks
            .extend(super::check(gradient, checked).blocks);
    }
    document
        .with(Block::Table(steps))
        .paragraph("Every result is compared with differences.")
        .with(Block::Table(compared))
        .note(certified(verification))
}

pub(crate) fn names(derivative: &Derivative) -> Names {
    Names::known(&forward_context(&derivative.stage))
}

fn title(derivative: &Derivative) -> Prose {
    let (before, between) = match derivative.order {
        Order::Jacobian => ("The Jacobian of ", " by "),
        Order::Jvp => ("The derivative of ", " along tangents of "),
        Order::Hessian => ("The Hessian of ", " by "),
        Order::Hvp => ("The Hessian of ", " times tangents of "),
    };
    let title = Prose::from(before)
        .formula(Formula::name(
            derivative
                .forward
                .output()
                .map_or("", |equation| equation.target.name()),
        ))
        .text(between);
    listed(title, derivative.wrt.iter())
}

/// How the axes of the results are ordered, and what the tangents are.
fn convention(derivative: &Derivative) -> Prose {
    match derivative.order {
        Order::Jacobian => {
            Prose::from("A Jacobian has the axes of the output, then those of the variable.")
        }
        Order::Hessian => Prose::from(
            "A Hessian has the axes of the first variable, then those of the second: it is the Jacobian of the gradient.",
        ),
        Order::Jvp | Order::Hvp => {
            let start = Prose::from("A tangent has the shape of its variable: ");
            let tangents = derivative.stage.tangents.iter();
            listed(start, tangents).text(" are given.")
        }
    }
}

fn is_outcome(derivative: &Derivative, partial: &Partial) -> bool {
    let outcomes = derivative.outcomes();
    let mut outcomes = outcomes.iter();
    outcomes.any(|outcome| std::ptr::eq(outcome.partial, partial))
}

fn partial_section(
    derivative: &Derivative,
    partial: &Partial,
    check: &PartialCheck,
    detail: Detail,
    names: &Names,
) -> Vec<Block> {
    let mut letters = Letters::default();
    letters.reserve(&partial.indices());
    let asked = is_outcome(derivative, partial);
    let heading =
        Prose::from(tensor(&partial.target)).text(if asked { "" } else { ", on the way" });
    let mut blocks = vec![Block::heading(1, heading)];
    let left = index::element(&partial.target, &partial.indices(), &mut letters);
    let output = || Prose::from(tensor(&partial.output));
    if partial.contributions.is_empty() {
        let sentence = output().text(" does not depend on ");
        let sentence = listed(sentence, partial.variables.iter());
        blocks.push(Block::Paragraph(sentence.text(".")));
    }
    // Where the output depends on the variable directly and through nothing else, its chain rule says nothing.
    let direct = matches!(&partial.chain.scope.sources[..], [only] if only.derivative.is_none());
    if !direct
        && !partial.contributions.is_empty()
        && let Some(step) = partial.chain.steps.first()
    {
        let right = index::expression(&step.after, &mut letters.clone());
        let sources = partial.chain.scope.sources.iter();
        let through = output().text(" depends on the variables through ");
        let through = listed(through, sources.map(|source| &source.tensor));
        blocks.push(Block::Paragraph(through.text(":")));
        blocks.push(Block::Equations(vec![
            Equation::new(left.clone(), right).because(step.rule.title),
        ]));
    }
    for (contribution, checks) in partial.contributions.iter().zip(&check.locals) {
        blocks.extend(local(contribution, checks, detail, &letters));
    }
    let shown = Shown { detail, direct };
    blocks.extend(put_in(
        &partial.chain,
        left,
        &check.chain,
        shown,
        &letters,
        "Put together:",
    ));
    if asked || !partial.absorbed {
        blocks.extend(forms(partial, names));
    }
    blocks
}

/// The result in matrix form or as Kronecker products, where it has such forms.
fn forms(partial: &Partial, names: &Names) -> Vec<Block> {
    let left = tensor(&partial.target);
    let mut blocks = Vec::new();
    if let Some(tree) = &partial.matrix {
        blocks.push(Block::Paragraph("In matrix form:".into()));
        let line = Equation::new(left, names.form(tree));
        blocks.push(Block::Equations(vec![
            line.because(crate::shape(partial.target.dims())),
        ]));
    } else if let Some(kronecker) = &partial.kronecker {
        blocks.push(Block::Paragraph(
            "As a matrix between row-major vectors:".into(),
        ));
        let line = Equation::new(left, names.form(&kronecker.tree()));
        blocks.push(Block::Equations(vec![line]));
    }
    blocks
}

fn results(derivative: &Derivative, names: &Names) -> Vec<Block> {
    let stage = &derivative.stage;
    let before = derivative.definitions().equations.len();
    let below = stage.differentiated.equations.iter().skip(before);
    let mut lines = Vec::new();
    let mut code = String::new();
    for equation in below.chain(&stage.introduced) {
        lines.push(line(equation, names));
        code.push_str(&crate::text::equation(equation));
        code.push('\n');
    }
    for partial in stage.partials.iter().filter(|partial| !partial.absorbed) {
        lines.push(line(&partial.equation(), names));
        code.push_str(&crate::text::equation(&partial.equation()));
        code.push('\n');
        if let Some(kronecker) = &partial.kronecker {
            let line = Equation::then(names.form(&kronecker.tree()));
            lines.push(line.because("between row-major vectors"));
            let _ = writeln!(code, "# between row-major vectors: {kronecker}");
        }
    }
    vec![
        Block::heading(1, "Result"),
        Block::Equations(lines),
        Block::code("python", code.trim_end()),
    ]
}

fn certified(verification: &DerivativeVerification) -> Prose {
    let gradient = verification.gradient.iter();
    let below = gradient.flat_map(|own| own.derivations.iter().map(|check| &check.result));
    let own = verification.outcomes.iter().flat_map(OutcomeCheck::all);
    let results: Vec<_> = below.chain(own).collect();
    let gradient = verification.gradient.iter().flat_map(steps_of);
    let partials = verification.partials.iter().flat_map(PartialCheck::steps);
    let steps: Vec<_> = gradient.chain(partials).collect();
    certificate(&steps, &results, &verification.sizes)
}
