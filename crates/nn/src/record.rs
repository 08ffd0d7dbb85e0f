//! What a run leaves for other programs, as JSON. Must never put a time into the metrics: the same run gives the same
//! bytes.

use serde_json::{Value, json};

use crate::data::Dataset;
use crate::evaluation::Evaluation;
use crate::metrics::Scores;
use crate::train::{Measure, Options, Outcome, Timing};

/// The settings, the history and the test of a run; `data` are those that it learned from.
pub fn metrics(outcome: &Outcome, data: &Dataset, test: &Evaluation, options: &Options) -> Value {
    let history = outcome.history.iter().map(|epoch| {
        json!({
            "training": measure(&epoch.training),
            "validation": epoch.validation.as_ref().map(measure),
        })
    });
    json!({
        "schema": "backprove training 1",
        "data": {
            "name": data.name(),
            "source": data.about().attribution,
            "feature_shape": data.feature_shape(),
            "class_names": data.class_names(),
            "training_samples": outcome.training_samples,
            "validation_samples": outcome.validation_samples,
            "test_samples": test.confusion.total(),
        },
        "settings": {
            "hidden": options.hidden,
            "optimizer": options.optimiser.name(),
            "learning_rate": options.learning_rate,
            "batch": options.batch,
            "epochs": options.epochs,
            "seed": options.seed,
            "validation": options.validation,
        },
        "parameters": outcome.model.parameter_count(),
        "interrupted": outcome.interrupted,
        "diverged": outcome.diverged,
        "best_epoch": outcome.best_epoch,
        "history": history.collect::<Vec<_>>(),
        "test": evaluation(test, data.class_names()),
    })
}

/// The loss, the scores and the confusion matrix (true class × predicted class).
pub fn evaluation(test: &Evaluation, class_names: &[String]) -> Value {
    let confusion = &test.confusion;
    let per_class = class_names.iter().zip(confusion.per_class());
    let per_class = per_class.map(|(name, of_class)| {
        let mut value = scores(&of_class);
        value["class"] = json!(name);
        value
    });
    json!({
        "loss": test.loss,
        "accuracy": confusion.accuracy(),
        "mean": scores(&confusion.macro_average()),
        "classes": per_class.collect::<Vec<_>>(),
        "confusion": (0..confusion.class_count()).map(|class| confusion.row(class)).collect::<Vec<_>>(),
    })
}

/// How long a run took.
pub fn timing(timing: &Timing, threads: usize) -> Value {
    json!({
        "schema": "backprove timing 1",
        "threads": threads,
        "preparation_seconds": timing.preparation,
        "step_seconds": timing.steps,
        "total_seconds": timing.total,
        "samples": timing.samples,
        "samples_per_second": timing.rate(),
    })
}

fn measure(measure: &Measure) -> Value {
    json!({"loss": measure.loss, "accuracy": measure.accuracy})
}

fn scores(scores: &Scores) -> Value {
    json!({
        "precision": scores.precision,
        "recall": scores.recall,
        "f1": scores.f1,
        "samples": scores.support,
    })
}
