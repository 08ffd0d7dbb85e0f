//! Training as a whole: that networks learn, that a seed decides every byte, that what is wrong is said.

mod made;

use std::sync::atomic::{AtomicBool, Ordering};

use backprove_nn::Error;
use backprove_nn::data::{About, Dataset, digits, stratified_split};
use backprove_nn::model::Model;
use backprove_nn::network::Network;
use backprove_nn::optim::Optimiser;
use backprove_nn::parameters::first_values;
use backprove_nn::train::{Event, Options, Outcome, train};
use made::dataset;

/// Points around the corners of a square, labelled by exclusive or.
fn exclusive_or(count: usize) -> Dataset {
    let mut features = Vec::new();
    let mut labels = Vec::new();
    for sample in 0..count {
        let corner = sample % 4;
        let (x, y) = (corner % 2, corner / 2);
        let wave = |phase: f32| 0.15 * (phase * (1.0 + sample as f32)).sin();
        features.extend([x as f32 + wave(1.3), y as f32 + wave(2.9)]);
        labels.push((x ^ y) as u32);
    }
    dataset(features, labels, 2, 2)
}

fn trained(network: &Network, data: &Dataset, options: &Options) -> Result<Outcome, Error> {
    train(network, data, options, &mut |_| (), &AtomicBool::new(false))
}

fn options(hidden: &[usize], optimiser: Optimiser, learning_rate: f64, epochs: usize) -> Options {
    Options {
        hidden: hidden.to_vec(),
        optimiser,
        learning_rate,
        epochs,
        batch: 16,
        ..Options::default()
    }
}

#[test]
fn exclusive_or_is_learned_with_a_hidden_layer_and_not_without() {
    let data = exclusive_or(200);
    let accuracy = |hidden: &[usize], activation: &str, optimiser, rate| {
        let network = Network::mlp(hidden.len(), activation).expect("a network");
        let outcome = trained(&network, &data, &options(hidden, optimiser, rate, 40));
        let model = outcome.expect("it trains").model;
        model
            .evaluate(&data, 1)
            .expect("it fits")
            .confusion
            .accuracy()
    };
    assert!(accuracy(&[8], "tanh", Optimiser::Adam, 0.03) > 0.99);
    assert!(accuracy(&[8, 8], "relu", Optimiser::Momentum, 0.1) > 0.99);
    assert!(accuracy(&[16], "gelu", Optimiser::Sgd, 1.0) > 0.99);
    assert!(accuracy(&[], "relu", Optimiser::Adam, 0.03) < 0.8);
}

#[test]
fn digits_are_learned() {
    let split =
        stratified_split(&digits().expect("they are embedded"), 0.2, 1).expect("they split");
    let network = Network::mlp(1, "elu").expect("a network");
    let outcome = trained(
        &network,
        &split.train,
        &options(&[32], Optimiser::Momentum, 0.1, 12),
    )
    .expect("it trains");
    assert_eq!(outcome.history.len(), 12);
    assert_eq!(
        (outcome.training_samples, outcome.validation_samples),
        (1294, 144)
    );
    assert!(outcome.history[11].training.loss < 0.2 * outcome.history[0].training.loss);
    let test = outcome.model.evaluate(&split.held_out, 2).expect("it fits");
    assert!(
        test.confusion.accuracy() > 0.94,
        "{}",
        test.confusion.accuracy()
    );
}

/// Bytes of the checkpoint, and the history.
fn bytes(outcome: &Outcome) -> (Vec<u8>, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("m");
    let checkpoint = outcome.model.checkpoint().expect("it has one");
    checkpoint.save(&path).expect("writable");
    (
        std::fs::read(&path).expect("readable"),
        format!("{:?}", outcome.history),
    )
}

#[test]
fn a_seed_decides_every_byte_on_any_number_of_threads() {
    let data = digits().expect("they are embedded");
    let network = Network::mlp(2, "silu").expect("a network");
    for optimiser in [Optimiser::Sgd, Optimiser::Momentum, Optimiser::Adam] {
        let run = |threads, seed| {
            let options = Options {
                threads,
                seed,
                batch: 100,
                ..options(&[150, 70], optimiser, 0.01, 2)
            };
            bytes(&trained(&network, &data, &options).expect("it trains"))
        };
        let first = run(1, 7);
        assert!(first == run(1, 7), "{optimiser:?} again");
        assert!(first == run(2, 7), "{optimiser:?} with two threads");
        assert!(first != run(1, 8), "{optimiser:?} with another seed");
    }
}

#[test]
fn a_model_that_is_loaded_predicts_the_same() {
    let data = digits().expect("they are embedded");
    let network = Network::mlp(1, "tanh").expect("a network");
    let outcome =
        trained(&network, &data, &options(&[20], Optimiser::Adam, 0.01, 2)).expect("it trains");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    let checkpoint = outcome.model.checkpoint().expect("it has one");
    checkpoint.save(&path).expect("writable");
    for path in [path.as_path(), folder.path()] {
        let loaded = Model::load(path).expect("it was saved");
        assert_eq!(loaded.values(), outcome.model.values());
        assert_eq!(loaded.sizes(), outcome.model.sizes());
        assert_eq!(loaded.network().text(), network.text());
        let predicted = loaded.predict(data.features(), 2).expect("it fits");
        assert_eq!(
            predicted,
            outcome.model.predict(data.features(), 1).expect("it fits")
        );
        let evaluation = loaded.evaluate(&data, 2).expect("it fits");
        assert_eq!(
            evaluation,
            outcome.model.evaluate(&data, 1).expect("it fits")
        );
        let right = predicted
            .iter()
            .zip(data.labels())
            .filter(|(a, b)| a == b)
            .count();
        assert_eq!(
            right as u64,
            (0..10)
                .map(|class| evaluation.confusion.count(class, class))
                .sum::<u64>()
        );
    }
}

#[test]
fn checkpoints_that_are_no_models_are_refused() {
    let data = exclusive_or(40);
    let network = Network::mlp(0, "relu").expect("a network");
    let outcome =
        trained(&network, &data, &options(&[], Optimiser::Sgd, 0.1, 1)).expect("it trains");
    let whole = outcome.model.checkpoint().expect("it has one");
    let error = |change: &dyn Fn(&mut backprove_nn::checkpoint::Checkpoint)| {
        let mut checkpoint = whole.clone();
        change(&mut checkpoint);
        Model::of(&checkpoint)
            .expect_err("it is no model")
            .to_string()
    };
    assert_eq!(
        error(&|checkpoint| checkpoint.set_text("format", "other")),
        "the format is `other`, but `backprove model 1` was expected"
    );
    assert_eq!(
        error(&|checkpoint| checkpoint.set_text("class_names", "[1")),
        "the metadata's `class_names` cannot be read"
    );
    assert_eq!(
        error(&|checkpoint| checkpoint.set_text("feature_names", "[\"x\"]")),
        "the 1 names of features do not fit samples of shape [2]"
    );
    assert_eq!(
        error(&|checkpoint| checkpoint.set_text("feature_shape", "[3]")),
        "the scaling of 2 features does not fit samples of shape [3]"
    );
    assert_eq!(
        error(&|checkpoint| checkpoint
            .insert("W1", &[2, 3], vec![0.0; 6])
            .expect("it fits")),
        "the program has 2 for D, but there are 3 stored in `W1`"
    );
    assert_eq!(
        error(&|checkpoint| checkpoint.set_text("program", "Y = 1")),
        "no input holds labels; declare one, such as `t[S]: labels(C)`"
    );
    let mut named = whole.clone();
    named.set_text("feature_names", "[\"x\", \"y\"]");
    let named = Model::of(&named).expect("it is a model");
    assert_eq!(named.feature_names(), ["x", "y"]);
    let about = |first: &str, second: &str| About {
        feature_names: vec![first.to_owned(), second.to_owned()],
        ..data.about().clone()
    };
    let with = |about| {
        let (features, labels) = (data.features().to_vec(), data.labels().to_vec());
        Dataset::new(features, labels, about).expect("they fit")
    };
    let evaluated = named.evaluate(&with(about("x", "y")), 1).expect("it fits");
    assert_eq!(evaluated, named.evaluate(&data, 1).expect("it fits"));
    assert_eq!(
        named
            .evaluate(&with(about("y", "x")), 1)
            .expect_err("other columns")
            .to_string(),
        "made up has the features y, x, but the model takes x, y"
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("plain.safetensors");
    backprove_nn::checkpoint::Checkpoint::default()
        .save(&path)
        .expect("writable");
    assert!(
        Model::load(&path)
            .expect_err("it is no model")
            .to_string()
            .ends_with("plain.safetensors: the metadata hold no `format`; the file was not written by `backprove train`")
    );
}

#[test]
fn a_run_that_diverges_later_keeps_the_best_model_so_far() {
    // Each step multiplies the weights by the learning rate, and their squares soon overflow.
    let text =
        "X[S, D]; t[S]: labels(C); W[C, D]\nZ = X @ W.T\nL = cross_entropy(Z, t) + sum(W * W) / 2";
    let network = Network::read(text).expect("a network");
    let data = exclusive_or(40);
    let settings = Options {
        batch: 40,
        ..options(&[], Optimiser::Sgd, 1e12, 9)
    };
    let outcome = trained(&network, &data, &settings).expect("the first epoch is finite");
    let (Some(best), Some(why)) = (outcome.best_epoch, &outcome.diverged) else {
        panic!("{outcome:?}");
    };
    let epochs = outcome.history.len();
    assert!(best <= epochs && epochs < 9, "{best} of {epochs}");
    assert!(
        why.contains(&format!("in epoch {}", epochs + 1)) && why.contains("usually helps"),
        "{why}"
    );
    assert!(!outcome.interrupted);
    assert!(
        outcome
            .model
            .values()
            .iter()
            .flatten()
            .all(|value| value.is_finite())
    );
    let short = Options { epochs, ..settings };
    let short = trained(&network, &data, &short).expect("no more epochs");
    assert_eq!(short.diverged, None);
    assert_eq!(outcome.model.values(), short.model.values());
}

#[test]
fn numbers_that_are_not_finite_are_no_model_and_no_class() {
    let data = exclusive_or(40);
    let network = Network::mlp(1, "relu").expect("a network");
    for validation in [0.0, 0.25] {
        let settings = Options {
            validation,
            batch: 40,
            ..options(&[4], Optimiser::Sgd, 1e39, 1)
        };
        let error = trained(&network, &data, &settings).expect_err("nothing finite is left");
        let text = error.to_string();
        assert!(
            text.starts_with("the parameter `") && text.contains("in epoch 1, with learning rate"),
            "{text}"
        );
    }
    let good = trained(&network, &data, &options(&[4], Optimiser::Sgd, 0.1, 1)).expect("it trains");
    let mut checkpoint = good.model.checkpoint().expect("it has one");
    for (wrong, refused) in [(f32::NAN, true), (1e38, true), (1.0, false)] {
        let values = vec![wrong; 8];
        checkpoint.insert("W2", &[2, 4], values).expect("it fits");
        let model = Model::of(&checkpoint).expect("it is a model");
        let mut features = data.features().to_vec();
        features[2] = 1e30;
        let features = dataset(features, data.labels().to_vec(), 2, 2);
        let predicted = model.predict(features.features(), 1).map(|_| ());
        let evaluated = model.evaluate(&features, 1).map(|_| ());
        for result in [predicted, evaluated] {
            let text = result.map_or_else(|error| error.to_string(), |()| "classes".to_owned());
            let wanted = if refused {
                "the scores of sample "
            } else {
                "classes"
            };
            assert!(text.starts_with(wanted), "{wrong}: {text}");
        }
    }
}

#[test]
fn a_stopped_run_keeps_the_best_model_so_far() {
    let data = exclusive_or(100);
    let network = Network::mlp(1, "tanh").expect("a network");
    let settings = options(&[6], Optimiser::Adam, 0.05, 50);
    let stopped_after = |epochs: usize| {
        let stop = AtomicBool::new(epochs == 0);
        let mut observe = |event: Event<'_>| {
            if let Event::Epoch { epoch, .. } = event
                && epoch == epochs
            {
                stop.store(true, Ordering::Relaxed);
            }
        };
        train(&network, &data, &settings, &mut observe, &stop).expect("it trains")
    };
    let stopped = stopped_after(3);
    assert!(stopped.interrupted);
    assert_eq!(stopped.history.len(), 3);
    let short = Options {
        epochs: 3,
        ..settings.clone()
    };
    let whole = trained(&network, &data, &short).expect("it trains");
    assert!(!whole.interrupted);
    assert_eq!(stopped.model.values(), whole.model.values());
    assert_eq!(stopped.best_epoch, whole.best_epoch);

    let never = stopped_after(0);
    assert_eq!((never.history.len(), never.best_epoch), (0, None));
    let first = first_values(&network, never.model.sizes(), settings.seed).expect("they exist");
    assert_eq!(never.model.values(), first);
}

#[test]
fn the_best_epoch_is_the_one_that_is_kept() {
    let data = exclusive_or(120);
    let network = Network::mlp(1, "relu").expect("a network");
    // Far too large a rate, so that epochs get better and worse.
    let outcome =
        trained(&network, &data, &options(&[6], Optimiser::Sgd, 3.0, 12)).expect("it trains");
    let key = |epoch: &backprove_nn::train::Epoch| {
        let validation = epoch.validation.expect("a part is held out");
        (validation.accuracy, -validation.loss)
    };
    let mut best = 0;
    for (place, epoch) in outcome.history.iter().enumerate() {
        if key(epoch) > key(&outcome.history[best]) {
            best = place;
        }
    }
    assert_eq!(outcome.best_epoch, Some(best + 1));
    let split = stratified_split(&data, 0.1, 42).expect("it splits");
    let again = outcome.model.evaluate(&split.held_out, 1).expect("it fits");
    assert!((again.confusion.accuracy() - key(&outcome.history[best]).0).abs() < 1e-12);
    assert!((again.loss + key(&outcome.history[best]).1).abs() < 1e-12);
}

#[test]
fn borders_behave() {
    let data = exclusive_or(30);
    let network = Network::mlp(1, "relu").expect("a network");
    let settings = options(&[4], Optimiser::Sgd, 0.1, 2);
    let run = |settings: &Options| trained(&network, &data, settings).expect("it trains");

    let still = run(&Options {
        learning_rate: 0.0,
        ..settings.clone()
    });
    let first = first_values(&network, still.model.sizes(), settings.seed).expect("they exist");
    assert_eq!(still.model.values(), first);

    let whole = run(&Options {
        batch: 27,
        ..settings.clone()
    });
    let larger = run(&Options {
        batch: 5000,
        ..settings.clone()
    });
    assert_eq!(whole.model.values(), larger.model.values());

    let last = run(&Options {
        validation: 0.0,
        ..settings.clone()
    });
    assert_eq!((last.validation_samples, last.best_epoch), (0, Some(2)));
    assert_eq!(last.history[1].validation, None);

    let tiny = run(&Options {
        hidden: vec![1],
        batch: 1,
        ..settings.clone()
    });
    assert_eq!(tiny.timing.samples, 2 * 27);
}

#[test]
fn what_is_wrong_is_said() {
    let data = exclusive_or(30);
    let network = Network::mlp(1, "relu").expect("a network");
    let usual = options(&[4], Optimiser::Sgd, 0.1, 2);
    let error = |settings: &Options| {
        trained(&network, &data, settings)
            .expect_err("it is wrong")
            .to_string()
    };
    for (settings, message) in [
        (
            Options {
                learning_rate: -0.1,
                ..usual.clone()
            },
            "the learning rate must be a number from 0 upwards, but is -0.1",
        ),
        (
            Options {
                learning_rate: f64::NAN,
                ..usual.clone()
            },
            "the learning rate must be a number from 0 upwards, but is NaN",
        ),
        (
            Options {
                batch: 0,
                ..usual.clone()
            },
            "a batch needs at least one sample, but its size is 0",
        ),
        (
            Options {
                epochs: 0,
                ..usual.clone()
            },
            "the number of epochs must lie between 1 and 4294967295, but is 0",
        ),
        (
            Options {
                threads: 0,
                ..usual.clone()
            },
            "the number of threads must lie between 1 and 1024, but is 0",
        ),
        (
            Options {
                validation: 1.0,
                ..usual.clone()
            },
            "the validation part must be a share from 0 to below 1, but is 1",
        ),
        (
            Options {
                hidden: vec![],
                ..usual.clone()
            },
            "the size H1 of `W1` is open, and no hidden sizes were given; name one for each open size",
        ),
        (
            Options {
                hidden: vec![4, 5, 6],
                ..usual.clone()
            },
            "3 hidden sizes were given, but 2 more than the program has open sizes",
        ),
        (
            Options {
                hidden: vec![0],
                ..usual.clone()
            },
            "the hidden size H1 of `W1` must be at least 1",
        ),
        (
            Options {
                learning_rate: 1e30,
                epochs: 20,
                ..usual.clone()
            },
            "the loss became NaN in epoch 1, with learning rate 1000000000000000000000000000000; a smaller one, such as 100000000000000000000000000000, usually helps",
        ),
    ] {
        assert_eq!(error(&settings), message);
    }
    let one = dataset(vec![1.0, 2.0], vec![0, 0], 1, 1);
    assert_eq!(
        trained(&network, &one, &usual)
            .expect_err("one class")
            .to_string(),
        "made up has one class only, so there is nothing to learn"
    );
    let model = trained(&network, &data, &usual).expect("it trains").model;
    let wide = dataset(vec![0.0; 12], vec![0, 1, 0, 1], 3, 2);
    assert_eq!(
        model
            .evaluate(&wide, 1)
            .expect_err("too many features")
            .to_string(),
        "made up has 3 features, but the scaler was fitted on 2"
    );
    let many = dataset(vec![0.0; 6], vec![0, 1, 2], 2, 3);
    assert_eq!(
        model
            .evaluate(&many, 1)
            .expect_err("too many classes")
            .to_string(),
        "made up has the classes 0, 1, 2, but the model knows 0, 1"
    );
}
