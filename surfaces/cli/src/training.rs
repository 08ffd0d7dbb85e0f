//! The commands `train`, `predict` and `evaluate`: data in, files and tables out. What is trained, and how, is decided
//! in the library.

mod folder;
mod progress;

pub mod arguments;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backprove::diagnostics::Source;
use backprove::nn::data::{self, Dataset, digits, stratified_split};
use backprove::nn::evaluation::Evaluation;
use backprove::nn::model::{FILE, Model};
use backprove::nn::network::Network;
use backprove::nn::optim::{Optimiser, Step};
use backprove::nn::record;
use backprove::nn::train::{Options, Outcome, train as learn};
use backprove::syntax::Diagnostic;
use backprove::typeset::document::{Block, Document, html};
use backprove::typeset::inline::Prose;
use backprove::{Problem, Verification, training};

use self::arguments::{Evaluate, Hidden, Predict, Train};
use self::progress::Progress;
use crate::arguments::{Color, SEED};
use crate::stop::{Status, Stop};
use crate::{output, source};

/// Confusion matrices of more classes do not fit a terminal; the report shows them.
const MOST_COLUMNS: usize = 16;

/// The hidden layers of the built-in network. They, and the defaults of the options, were chosen by the mean
/// validation accuracy on the built-in digits over ten seeds.
const HIDDEN: [usize; 2] = [128, 64];

/// Trains a network, tests it, and writes the folder of the run.
pub fn train(options: &Train, color: Color) -> Result<Status, Stop> {
    let (training, test) = parts(options)?;
    let (network, hidden) = network(options)?;
    let optimiser = Optimiser::from(options.optimizer);
    let settings = Options {
        hidden,
        optimiser,
        learning_rate: options.lr.unwrap_or_else(|| optimiser.usual_rate()),
        batch: options.batch,
        epochs: options.epochs,
        seed: options.seed,
        threads: threads(options.threads),
        validation: options.validation,
    };
    // Before anything is trained, its gradients are verified.
    let step =
        Step::new(&network, optimiser, settings.learning_rate).map_err(|error| stopped(&error))?;
    let verification = Verification::of(step.gradient(), SEED);
    if !verification.holds() {
        let message = "a step or a result of the gradients could not be verified";
        return Err(Stop::failed(
            Diagnostic::error("not-verified", message)
                .help("`backprove check` shows which, for the same program"),
        ));
    }
    let folder = folder::make(options.out.as_deref(), options.overwrite, network.text())?;
    let outcome = observed(&network, &training, &settings)?;
    if outcome.best_epoch.is_none() && folder::in_the_way(&folder, network.text()).is_some() {
        let message = format!(
            "it was stopped within the first epoch, so `{}` keeps the run that it held",
            folder.display()
        );
        return Err(Stop::refusal(Diagnostic::error(
            "no-epoch-finished",
            message,
        )));
    }
    if let Some(why) = &outcome.diverged {
        output::remark(&format!("warning: {why}\n{}", kept(&outcome)));
    }
    // The model comes first: nothing that fails from here on may lose it.
    keep(&folder, &outcome, &training)?;
    let words = settings_in_words(options, &network, &settings);
    let test = outcome.model.evaluate(&test, settings.threads);
    let test = test
        .map_err(|error| stopped(&error))
        .and_then(|test| {
            describe(
                &folder,
                &outcome,
                &training,
                &test,
                &settings,
                &words,
                &verification,
            )?;
            Ok(test)
        })
        .map_err(|stop| {
            let file = folder.join(FILE);
            stop.or_help(&format!("the model itself is kept in `{}`", file.display()))
        })?;
    let document = summary(&folder, &outcome, &training, &test, &settings);
    output::write(None, &output::text(&document, None, color))?;
    Ok(Status::Success)
}

/// Prints the class of each sample.
pub fn predict(options: &Predict) -> Result<Status, Stop> {
    let model = options.model.join(FILE);
    let inputs = [&options.data, &model];
    output::apart(options.output.as_deref(), inputs.map(PathBuf::as_path))?;
    let model = Model::load(&options.model).map_err(|error| stopped(&error))?;
    let features = data::load_features(
        &options.data,
        model.feature_count(),
        &reading(None, Some(&model)),
    )
    .map_err(|error| stopped(&error))?;
    let classes = model
        .predict(&features, threads(options.threads))
        .map_err(|error| stopped(&error))?;
    let mut text = String::new();
    for class in classes {
        text.push_str(
            model
                .class_names()
                .get(class as usize)
                .map_or("", String::as_str),
        );
        text.push('\n');
    }
    output::write(options.output.as_deref(), &text)?;
    Ok(Status::Success)
}

/// Prints how well a model predicts labelled samples.
pub fn evaluate(options: &Evaluate, color: Color) -> Result<Status, Stop> {
    let model = Model::load(&options.model).map_err(|error| stopped(&error))?;
    let found = data::load(
        &options.data,
        &reading(options.label.as_deref(), Some(&model)),
    )
    .map_err(|error| stopped(&error))?;
    let samples = found.test.unwrap_or(found.train);
    let evaluation = model
        .evaluate(&samples, threads(options.threads))
        .map_err(|error| stopped(&error))?;
    let mut document = Document::new(format!("Evaluation on {}", samples.name()));
    document
        .blocks
        .extend(scores(&evaluation, model.class_names()));
    output::write(None, &output::text(&document, None, color))?;
    Ok(Status::Success)
}

/// The part to learn from and the part to test on.
fn parts(options: &Train) -> Result<(Dataset, Dataset), Stop> {
    let whole = match &options.data {
        None => digits().map(|train| data::TrainTest { train, test: None }),
        Some(path) => data::load(path, &reading(options.label.as_deref(), None)),
    };
    let whole = whole.map_err(|error| stopped(&error))?;
    if let Some(test) = whole.test {
        return Ok((whole.train, test));
    }
    if !(options.test > 0.0 && options.test < 1.0) {
        let message = format!("`--test` must lie between 0 and 1, but is {}", options.test);
        return Err(Stop::wrong(
            Diagnostic::error("share-out-of-range", message)
                .help("data without a test part give up a share of theirs, such as 0.2"),
        ));
    }
    let split = stratified_split(&whole.train, options.test, options.seed);
    let split = split.map_err(|error| stopped(&error))?;
    Ok((split.train, split.held_out))
}

/// The network, and the sizes that its program leaves open.
fn network(options: &Train) -> Result<(Network, Vec<usize>), Stop> {
    let hidden = options.hidden.clone();
    let Some(model) = &options.model else {
        let Hidden(hidden) = hidden.unwrap_or_else(|| Hidden(HIDDEN.to_vec()));
        let network = Network::mlp(hidden.len(), &options.activation);
        return Ok((network.map_err(|error| stopped(&error))?, hidden));
    };
    let source = source::read(model, None)?;
    let problem = Problem::read(source.text())
        .map_err(|diagnosed| Stop::diagnosed(diagnosed.diagnostics, source.clone()))?;
    let network = Network::of(problem.source(), problem.program().clone());
    let Hidden(hidden) = hidden.unwrap_or_default();
    Ok((network.map_err(|error| about(&error, &source))?, hidden))
}

/// Trains while the user watches; Ctrl-C ends it in good order, and a second one at once.
fn observed(network: &Network, training: &Dataset, settings: &Options) -> Result<Outcome, Stop> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let handled = ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    if handled.is_err() {
        output::remark("Ctrl-C cannot be caught here: it ends the run without a model");
    }
    let learned = training.len() as f64 * (1.0 - settings.validation);
    let mut progress = Progress::new(settings.epochs, learned.round() as usize);
    let outcome = learn(
        network,
        training,
        settings,
        &mut |event| progress.observe(&event),
        &stop,
    );
    progress.finish();
    outcome.map_err(|error| stopped(&error))
}

/// Writes the model of a run. What described the model before it goes, so that no report stands beside another model.
fn keep(folder: &Path, outcome: &Outcome, training: &Dataset) -> Result<(), Stop> {
    let mut checkpoint = outcome
        .model
        .checkpoint()
        .map_err(|error| stopped(&error))?;
    checkpoint.set_text("data", training.name());
    if let Some(attribution) = &training.about().attribution {
        checkpoint.set_text("data_source", attribution);
    }
    checkpoint
        .save(&folder.join(FILE))
        .map_err(|error| stopped(&error))?;
    folder::clear(folder);
    Ok(())
}

/// Writes what describes a run, the largest file last.
fn describe(
    folder: &Path,
    outcome: &Outcome,
    training: &Dataset,
    test: &Evaluation,
    settings: &Options,
    words: &[training::Setting],
    verification: &Verification,
) -> Result<(), Stop> {
    folder::write(folder, folder::PROGRAM, outcome.model.network().text())?;
    let metrics = record::metrics(outcome, training, test, settings);
    let timing = record::timing(&outcome.timing, settings.threads);
    folder::write(folder, folder::METRICS, &format!("{metrics:#}\n"))?;
    folder::write(folder, folder::TIMING, &format!("{timing:#}\n"))?;
    let report = training::report(outcome, training, test, words, verification);
    let report = html::print(&report.map_err(|error| stopped(&error))?);
    folder::write(folder, folder::REPORT, &report)
}

fn settings_in_words(
    options: &Train,
    network: &Network,
    settings: &Options,
) -> Vec<training::Setting> {
    let sizes = |sizes: &[usize]| match sizes {
        [] => "none".to_owned(),
        sizes => sizes
            .iter()
            .map(usize::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let mut words = vec![("hidden units", sizes(&settings.hidden))];
    if options.model.is_none() && !settings.hidden.is_empty() {
        words.push(("activation", options.activation.clone()));
    }
    words.extend([
        ("loss", network.loss().to_owned()),
        ("optimizer", settings.optimiser.name().to_owned()),
        ("learning rate", settings.learning_rate.to_string()),
        ("batch", settings.batch.to_string()),
        ("epochs", settings.epochs.to_string()),
        ("seed", settings.seed.to_string()),
        (
            "validation part",
            format!("{} %", 100.0 * settings.validation),
        ),
    ]);
    words
}

/// Which epoch was kept of a run that did not go through all.
fn kept(outcome: &Outcome) -> String {
    let epoch = outcome.best_epoch.unwrap_or_default();
    let finished = outcome.history.len();
    format!("It was stopped after {finished} epochs; epoch {epoch} is kept.")
}

/// What is printed at the end of a run.
fn summary(
    folder: &Path,
    outcome: &Outcome,
    training: &Dataset,
    test: &Evaluation,
    settings: &Options,
) -> Document {
    let kept = match (outcome.best_epoch, &outcome.diverged) {
        (None, _) => {
            "It was stopped within the first epoch; the model is kept as it stood.".to_owned()
        }
        (Some(_), Some(why)) => format!("It ended early: {why}. {}", kept(outcome)),
        (Some(_), None) if outcome.interrupted => kept(outcome),
        (Some(epoch), None) => format!("Epoch {epoch} of {} is kept.", settings.epochs),
    };
    let mut document = Document::new(format!("Training on {}", training.name()));
    document.push(Block::paragraph(format!(
        "{} parameters learned from {} samples in {:.2} s ({:.0} samples a second); {} more chose the epoch. {kept}",
        outcome.model.parameter_count(),
        outcome.training_samples,
        outcome.timing.total,
        outcome.timing.rate(),
        outcome.validation_samples,
    )));
    document.blocks.extend(scores(test, training.class_names()));
    document.push(Block::Paragraph(
        Prose::from("Written to ")
            .code(folder.display().to_string())
            .text(": model.safetensors, model.bp, report.html, metrics.json, timing.json."),
    ));
    document
}

/// The accuracy, the scores of each class and, where it fits, the confusion matrix.
fn scores(evaluation: &Evaluation, class_names: &[String]) -> Vec<Block> {
    let accuracy = format!("{:.2} %", 100.0 * evaluation.confusion.accuracy());
    let mut blocks = vec![
        Block::Paragraph(Prose::from("Test accuracy ").strong(accuracy).text(format!(
            " on {} samples, mean loss {:.4}.",
            evaluation.confusion.total(),
            evaluation.loss
        ))),
        Block::Table(training::classes(evaluation, class_names)),
    ];
    if class_names.len() <= MOST_COLUMNS {
        blocks.push(Block::Table(training::confusion(evaluation, class_names)));
    }
    blocks
}

/// How to read data, for a model where there is one.
fn reading(label: Option<&str>, model: Option<&Model>) -> data::Options {
    data::Options {
        label: label.map(str::to_owned),
        class_names: model.map(|model| model.class_names().to_vec()),
        feature_names: model.map_or_else(Vec::new, |model| model.feature_names().to_vec()),
        ..data::Options::default()
    }
}

/// As many threads as wished, or one for each core.
pub fn threads(wish: Option<usize>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    wish.unwrap_or_else(cores)
}

/// What the library refused about a program, drawn in its text where the place is known.
pub fn about(error: &backprove::nn::Error, source: &Source) -> Stop {
    error.diagnostic().map_or_else(
        || stopped(error),
        |diagnostic| Stop::diagnosed(vec![diagnostic.clone()], source.clone()),
    )
}

/// What the library refused, as a diagnostic.
pub fn stopped(error: &backprove::nn::Error) -> Stop {
    let text = error.to_string();
    Stop::wrong(Diagnostic::error("training", text))
}
