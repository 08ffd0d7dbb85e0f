//! The report of a training run: curves, the confusion matrix, scores by class, and the derivation of
//! the gradients that trained the network. Nothing is trained or derived here.

use backprove_nn::data::Dataset;
use backprove_nn::evaluation::Evaluation;
use backprove_nn::metrics::Scores;
use backprove_nn::plot::{LineChart, Mark, Series, confusion_matrix};
use backprove_nn::train::{Epoch, Measure, Outcome};
use backprove_typeset::document::{Block, Document, Table};
use backprove_typeset::inline::Prose;

use crate::report::{self, Detail};
use crate::verification::Verification;

/// A setting and its value, in words.
pub type Setting = (&'static str, String);

/// The report page of a run: `test` is what the kept model makes of samples that it never saw.
pub fn report(
    outcome: &Outcome,
    data: &Dataset,
    test: &Evaluation,
    settings: &[Setting],
    verification: &Verification,
) -> Result<Document, backprove_nn::Error> {
    let accuracy = test.confusion.accuracy();
    let mut document = Document::new(format!("Training on {}", data.name()))
        .paragraph(
            Prose::from("The model predicts ")
                .strong(format!("{:.2} %", 100.0 * accuracy))
                .text(format!(
                    " of {} test samples right, at a mean loss of {:.4}. It learned from {} samples; {} more were held out to choose the epoch.",
                    test.confusion.total(),
                    test.loss,
                    outcome.training_samples,
                    outcome.validation_samples,
                )),
        );
    if let Some(why) = &outcome.diverged {
        document = document.paragraph(format!("It ended early: {why}."));
    }
    document = document
        .with(Block::Table(settings_table(settings)))
        .heading(1, "Loss and accuracy");
    if let Some(attribution) = &data.about().attribution {
        document = document.note(format!("Data: {attribution}"));
    }
    document.blocks.extend(curves(outcome));
    document = document
        .with(Block::Table(epochs(&outcome.history)))
        .heading(1, "The test samples, class by class")
        .with(Block::Figure {
            svg: confusion_matrix(&test.confusion, data.class_names())?,
            description: "The confusion matrix: true classes downwards, predicted classes across."
                .to_owned(),
        })
        .with(Block::Table(classes(test, data.class_names())))
        .heading(1, "The network")
        .paragraph("The program, as it was trained:")
        .code("python", outcome.model.network().text().trim_end());
    let derivation = report::derivation(outcome.step.gradient(), verification, Detail::Working);
    document.push(Block::heading(1, "The gradients that trained it"));
    document.push(Block::Details {
        summary: Prose::from("The derivation, step by step"),
        open: true,
        blocks: derivation.blocks,
    });
    document.push(Block::paragraph(
        "With the updates, one step of training is this program:",
    ));
    document.push(Block::code("python", outcome.step.text().trim_end()));
    Ok(document)
}

fn settings_table(settings: &[Setting]) -> Table {
    let mut table = Table::new(["setting", "value"]);
    for (name, value) in settings {
        table.push([Prose::from(*name), Prose::from(value.clone())]);
    }
    table
}

/// The curves of the loss and of the accuracy.
fn curves(outcome: &Outcome) -> Vec<Block> {
    let mark = outcome.best_epoch.map(|epoch| Mark {
        epoch,
        label: "kept",
    });
    let chart = |title: &str, y_label: &str, of: fn(&Measure) -> f64| {
        let training: Vec<f64> = outcome
            .history
            .iter()
            .map(|epoch| of(&epoch.training))
            .collect();
        let validation: Vec<f64> = outcome
            .history
            .iter()
            .filter_map(|epoch| epoch.validation.as_ref().map(of))
            .collect();
        let mut series = vec![Series {
            name: "training",
            values: &training,
        }];
        if !validation.is_empty() {
            series.push(Series {
                name: "validation",
                values: &validation,
            });
        }
        let chart = LineChart {
            title,
            y_label,
            series: &series,
            mark,
        };
        Block::Figure {
            svg: chart.to_svg(),
            description: format!("{title} of each epoch."),
        }
    };
    vec![
        chart("Loss", "mean cross-entropy", |measure| measure.loss),
        chart("Accuracy", "share predicted right", |measure| {
            measure.accuracy
        }),
    ]
}

fn epochs(history: &[Epoch]) -> Table {
    let mut table = Table::new([
        "epoch",
        "training loss",
        "accuracy",
        "validation loss",
        "accuracy",
    ])
    .numeric(&[0, 1, 2, 3, 4]);
    for (number, epoch) in (1..).zip(history) {
        let loss = |measure: &Measure| format!("{:.4}", measure.loss);
        let accuracy = |measure: &Measure| format!("{:.4}", measure.accuracy);
        let validation = epoch.validation.as_ref();
        table.push([
            number.to_string(),
            loss(&epoch.training),
            accuracy(&epoch.training),
            validation.map(loss).unwrap_or_default(),
            validation.map(accuracy).unwrap_or_default(),
        ]);
    }
    table
}

/// Precision, recall and F1 of each class, and their means.
pub fn classes(test: &Evaluation, names: &[String]) -> Table {
    let mut table =
        Table::new(["class", "precision", "recall", "F1", "samples"]).numeric(&[1, 2, 3, 4]);
    let mut push = |name: &str, scores: &Scores| {
        table.push([
            name.to_owned(),
            format!("{:.4}", scores.precision),
            format!("{:.4}", scores.recall),
            format!("{:.4}", scores.f1),
            scores.support.to_string(),
        ]);
    };
    for (name, scores) in names.iter().zip(test.confusion.per_class()) {
        push(name, &scores);
    }
    push("mean", &test.confusion.macro_average());
    table
}

/// The confusion matrix as numbers: true classes downwards, predicted classes across.
pub fn confusion(test: &Evaluation, names: &[String]) -> Table {
    let headings = std::iter::once("true \\ predicted".to_owned()).chain(names.iter().cloned());
    let columns: Vec<usize> = (1..=names.len()).collect();
    let mut table = Table::new(headings).numeric(&columns);
    for (class, name) in names.iter().enumerate() {
        let counts = test.confusion.row(class).iter().map(ToString::to_string);
        table.push(std::iter::once(name.clone()).chain(counts));
    }
    table
}
