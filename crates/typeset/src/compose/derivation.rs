//! Derivations as documents: what is given, the derivation by each variable step by step, the
//! results. It chooses which steps are shown and in which words; it must never add a step.

use backprove_calculus::derivation::{Chain, Contribution, Derivation, Gradient, Step};
use backprove_calculus::program::Equation as Definition;
use backprove_calculus::rules::Level;
use backprove_calculus::{Dim, Tensor};
use backprove_syntax::tree::Expression;

use super::{Letters, Scope, index, matrix, shapes};
use crate::document::{Block, Document};
use crate::equation::Equation;
use crate::formula::{Formula, Operator};
use crate::inline::Prose;

/// A step as formulas.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    /// The step.
    pub step: &'a Step,
    /// What is being rewritten: `∂L/∂W_{kl}`.
    pub left: Formula,
    /// What the step made of it.
    pub right: Formula,
}

/// The names of a gradient's tensors, to set matrix forms with.
pub fn scope(gradient: &Gradient) -> Scope {
    let mut scope = Scope::new(&gradient.forward.inputs);
    let definitions = gradient
        .forward
        .equations
        .iter()
        .chain(&gradient.introduced);
    definitions.for_each(|definition| scope.insert(&definition.target));
    gradient.seed.iter().for_each(|seed| scope.insert(seed));
    for derivation in &gradient.derivations {
        scope.insert(&derivation.gradient);
    }
    scope
}

/// The whole as a document with the steps up to the given level.
pub fn document(gradient: &Gradient, detail: Level) -> Document {
    let scope = scope(gradient);
    let loss = Formula::name(&gradient.loss);
    let title = Prose::from("The gradient of ").formula(loss).text(" by ");
    let mut document = Document::new(title.prose(names(&gradient.wrt)));
    document.blocks.extend(given(gradient, &scope));
    for derivation in &gradient.derivations {
        document
            .blocks
            .extend(section(gradient, derivation, &scope, detail));
    }
    document.push(Block::heading(1, "Result"));
    document.push(Block::Equations(results(gradient, &scope)));
    document
}

/// What is given: the definitions, the sizes, the loss.
pub fn given(gradient: &Gradient, scope: &Scope) -> Vec<Block> {
    let forward = &gradient.forward;
    let mut blocks = vec![
        Block::heading(1, "Given"),
        Block::Equations(
            forward
                .equations
                .iter()
                .map(|definition| self::definition(definition, scope))
                .collect(),
        ),
    ];
    if !gradient.introduced.is_empty() {
        blocks.push(Block::paragraph("For short, write"));
        let introduced = gradient.introduced.iter();
        let rows = introduced.map(|definition| self::definition(definition, scope));
        blocks.push(Block::Equations(rows.collect()));
    }
    let inputs = forward.inputs.iter();
    let inputs = inputs.map(|tensor| sized(super::tensor(tensor), tensor.dims()));
    let mut conventions = listed(inputs, ", ").text(". ");
    if let (Some(seed), Some(output)) = (&gradient.seed, forward.output()) {
        conventions = conventions
            .formula(Formula::name(&gradient.loss))
            .text(" is any scalar function of ")
            .formula(Formula::name(output.target.name()))
            .text(", whose gradient ")
            .formula(super::tensor(seed))
            .text(" is known. ");
    }
    blocks.push(Block::Paragraph(
        conventions.text("A gradient has the shape of what it is taken by."),
    ));
    blocks
}

/// The derivation by one variable.
pub fn section(
    gradient: &Gradient,
    derivation: &Derivation,
    scope: &Scope,
    detail: Level,
) -> Vec<Block> {
    let by = if gradient.wrt.contains(&derivation.variable) {
        "By "
    } else {
        "On the way: by "
    };
    let heading = Prose::from(by).formula(Formula::name(derivation.variable.name()));
    let mut blocks = vec![Block::heading(1, heading)];
    let mut letters = Letters::default();
    letters.reserve(&derivation.indices);
    if derivation.contributions.is_empty() {
        blocks.push(Block::paragraph("The loss does not depend on it."));
    }
    if derivation.contributions.len() > 1 {
        // Where the loss depends on the variable in several ways, a direct derivative of the loss
        // is one that holds the others fixed.
        let others = derivation.contributions.iter();
        let others = others.map(|contribution| &contribution.equation.target);
        letters.hold(
            others
                .filter(|target| target.name() != gradient.loss)
                .map(|target| target.name().to_owned()),
        );
    }
    let direct = derivation
        .contributions
        .iter()
        .all(|contribution| contribution.equation.target.name() == gradient.loss);
    if detail > Level::Headline {
        for contribution in &derivation.contributions {
            let mut letters = letters.clone();
            let rows = local(contribution, &mut letters, detail);
            if !rows.is_empty() {
                blocks.push(Block::Paragraph(
                    Prose::from("One element of ")
                        .formula(Formula::name(contribution.equation.target.name()))
                        .text(" by one element of ")
                        .formula(Formula::name(derivation.variable.name()))
                        .text(":"),
                ));
                blocks.push(Block::Equations(rows));
            }
        }
    }
    let rows = rows(&derivation.chain, &mut letters, detail);
    // Where the loss itself is differentiated, its local derivative is the gradient already.
    let already = direct && detail > Level::Headline && rows.len() == 1;
    if !already && !rows.is_empty() {
        if detail > Level::Headline {
            blocks.push(Block::paragraph("All elements together:"));
        }
        blocks.push(Block::Equations(rows));
    }
    if let Some(form) = &derivation.matrix {
        let left = super::tensor(&derivation.gradient);
        let right = matrix::expression(form, scope);
        blocks.push(Block::Equations(vec![
            Equation::new(left, right).because("matrix form"),
        ]));
        if let Some(check) = shape_check(gradient, derivation, form, scope) {
            blocks.push(Block::Paragraph(check));
        }
    }
    blocks
}

/// The gradients that were asked for, each with its sizes.
pub fn results(gradient: &Gradient, scope: &Scope) -> Vec<Equation> {
    let asked = gradient
        .derivations
        .iter()
        .filter(|derivation| gradient.wrt.contains(&derivation.variable));
    asked
        .map(|derivation| result(derivation, scope).because(sizes(derivation.variable.dims())))
        .collect()
}

/// The result in matrix form, or one element of it where there is none.
pub fn result(derivation: &Derivation, scope: &Scope) -> Equation {
    if let Some(form) = &derivation.matrix {
        let right = matrix::expression(form, scope);
        return Equation::new(super::tensor(&derivation.gradient), right);
    }
    let mut letters = Letters::default();
    let left = index::element(&derivation.gradient, &derivation.indices, &mut letters);
    Equation::new(left, index::expression(derivation.result(), &mut letters))
}

/// Every step of a derivation as formulas: the local derivatives first, then the chain.
pub fn lines(derivation: &Derivation) -> Vec<Line<'_>> {
    let mut letters = Letters::default();
    letters.reserve(&derivation.indices);
    let mut lines = Vec::new();
    for contribution in &derivation.contributions {
        let mut letters = letters.clone();
        letters.reserve(&contribution.equation.indices);
        lines.extend(chain_lines(&contribution.local, &mut letters));
    }
    lines.extend(chain_lines(&derivation.chain, &mut letters));
    lines
}

fn chain_lines<'a>(chain: &'a Chain, letters: &mut Letters) -> Vec<Line<'a>> {
    let left = index::expression(&chain.start, letters);
    let line = |step: &'a Step| Line {
        step,
        left: left.clone(),
        right: index::expression(&step.after, letters),
    };
    chain.steps.iter().map(line).collect()
}

/// A definition of the program, as it was written or element by element.
fn definition(definition: &Definition, scope: &Scope) -> Equation {
    if let Some(form) = &definition.matrix {
        let left = super::tensor(&definition.target);
        return Equation::new(left, matrix::expression(form, scope));
    }
    let mut letters = Letters::default();
    let left = index::element(&definition.target, &definition.indices, &mut letters);
    Equation::new(left, index::expression(&definition.body, &mut letters))
}

fn local(contribution: &Contribution, letters: &mut Letters, detail: Level) -> Vec<Equation> {
    letters.reserve(&contribution.equation.indices);
    rows(&contribution.local, letters, detail)
}

/// The steps up to a level as aligned equations. What a hidden step changed is shown with the step
/// before it, and equal rules in a row are one line, but where every step is asked for.
fn rows(chain: &Chain, letters: &mut Letters, detail: Level) -> Vec<Equation> {
    let start = index::expression(&chain.start, letters);
    let mut rows: Vec<Equation> = Vec::new();
    let mut last_rule = "";
    for step in &chain.steps {
        let right = index::expression(&step.after, letters);
        let shown = step.level() <= detail;
        let repeated = detail < Level::Bookkeeping && step.rule.name == last_rule;
        match rows.last_mut() {
            Some(row) if !shown || repeated => row.right = right,
            Some(row) if row.right == right => {}
            None if right == start => {}
            None => {
                rows.push(Equation::new(start.clone(), right).because(step.rule.title));
            }
            Some(_) => rows.push(Equation::then(right).because(step.rule.title)),
        }
        if shown {
            last_rule = step.rule.name;
        }
    }
    rows
}

/// The shape check: the sizes of each factor, and those of the whole.
fn shape_check(
    gradient: &Gradient,
    derivation: &Derivation,
    form: &Expression,
    scope: &Scope,
) -> Option<Prose> {
    let factors = shapes::factors(form, scope, &gradient.program())?;
    let several = factors.len() > 1;
    let whole_is_factor = !several
        && factors
            .iter()
            .all(|(_, dims)| *dims == derivation.variable.dims());
    let factors = factors.into_iter();
    let factors = factors.map(|(factor, dims)| sized(factor, &dims));
    let factors =
        Prose::from(if several { "Shapes: " } else { "Shape: " }).prose(listed(factors, ", "));
    let variable = Formula::name(derivation.variable.name());
    if whole_is_factor {
        return Some(factors.text(", as ").formula(variable).text("."));
    }
    let whole = derivation.variable.dims();
    let whole = match whole {
        [] | [_] => sized(super::tensor(&derivation.gradient), whole),
        _ => Prose::from("the whole is ").prose(sizes(whole)),
    };
    let factors = factors.text("; ").prose(whole);
    Some(factors.text(", as ").formula(variable).text("."))
}

/// `X is S × M`, `b has N entries`.
fn sized(subject: Formula, dims: &[Dim]) -> Prose {
    let subject = Prose::from(subject);
    match dims {
        [] => subject.text(" is a scalar"),
        [size] => subject
            .text(" has ")
            .formula(index::extent(size))
            .text(" entries"),
        _ => subject.text(" is ").prose(sizes(dims)),
    }
}

/// `S × N`.
fn sizes(dims: &[Dim]) -> Prose {
    if dims.is_empty() {
        return Prose::from("a scalar");
    }
    let dims = dims.iter().map(index::extent);
    Prose::from(Formula::joined(Operator::Cross, dims))
}

/// Items with words between each two.
fn listed(items: impl IntoIterator<Item = Prose>, between: &str) -> Prose {
    let mut prose = Prose::default();
    for (position, item) in items.into_iter().enumerate() {
        if position > 0 {
            prose = prose.text(between);
        }
        prose = prose.prose(item);
    }
    prose
}

/// `W, b and X`.
fn names(tensors: &[Tensor]) -> Prose {
    let mut names = tensors
        .iter()
        .map(|tensor| Prose::from(Formula::name(tensor.name())));
    match names.next_back() {
        Some(last) if tensors.len() > 1 => listed(names, ", ").text(" and ").prose(last),
        last => last.unwrap_or_default(),
    }
}
