//! Networks as programs: their roles, their gradients against finite differences, and the training loop against the
//! plain evaluator.

mod made;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use backprove_calculus::reference::{Array, Environment, Sizes as Extents, evaluate_program};
use backprove_engine::Plan;
use backprove_nn::data::BatchOrder;
use backprove_nn::module::{activations, mlp};
use backprove_nn::network::{Network, Sizes};
use backprove_nn::optim::{Optimiser, Step};
use backprove_nn::parameters::first_values;
use backprove_nn::train::{Options, train};
use made::dataset;

#[test]
fn roles_are_read_from_declarations() {
    let network = Network::read(
        "w[]; images[B, 4, 4]; truth[B]: labels(3); K[3, 4, 4]
Q[n, k] = w * sum[i, j](images[n, i, j] * K[k, i, j])
P = softmax(Q, axis=1)
loss = -mean[n](log(P[n, truth[n]])) + 0.01 * sum(K * K)",
    )
    .expect("a network");
    assert_eq!(network.features().name(), "images");
    assert_eq!(network.labels().name(), "truth");
    assert_eq!((network.scores(), network.loss()), ("P", "loss"));
    let sizes = network.sizes(&[4, 4], 3, &[]).expect("they fit");
    let values = first_values(&network, &sizes, 1).expect("they exist");
    assert_eq!(values[0], [0.0]);
    assert!(values[1].iter().all(|value| *value != 0.0));
    assert_eq!(
        network
            .sizes(&[5, 4], 3, &[])
            .expect_err("too large")
            .to_string(),
        "the program has 4, but there are 5 features in the data"
    );
    assert_eq!(
        network.sizes(&[16], 3, &[]).expect_err("flat").to_string(),
        "a sample of `images` has 2 axes, but the data have the shape [16]"
    );
}

#[test]
fn programs_without_a_part_are_refused() {
    for (text, message) in [
        (
            "X[S, D]; W[C, D]\nL = sum(X @ W.T)",
            "no input holds labels; declare one, such as `t[S]: labels(C)`",
        ),
        (
            "t[S]: labels(C); W[C, D]\nL = sum(W)",
            "no input holds the features of S samples; declare one, such as `X[S, D]`",
        ),
        (
            "X[S, D]; t[S]: labels(C); W[C, D]\nZ = X @ W.T",
            "the last definition, `Z`, must be the loss, a scalar; add one, such as `L = cross_entropy(Z, t)`",
        ),
        (
            "X[S, D]; t[S]: labels(D)\nL = cross_entropy(X, t)",
            "the program has no parameters to train",
        ),
        (
            "X[S, D]; t[S]: labels(C); W[C, D]; v[S]\nZ = X @ W.T\nL = cross_entropy(Z, t) + sum(v)",
            "the parameter `v` has S, the number of samples, as an extent, which changes from batch to batch",
        ),
        (
            "X[S, D]; t[S]: labels(C); W[C, D]; c[]: constant\nZ = X @ W.T\nL = c * cross_entropy(Z, t)",
            "`c` is constant, but the data hold no values for it; write its value into the program",
        ),
        (
            "X[S, D]; t[S]: labels(C); W[C, D]; h: elementwise\nZ = h(X @ W.T)\nL = cross_entropy(Z, t)",
            "`h` is only declared as element-wise: training needs a function that is known",
        ),
    ] {
        assert_eq!(Network::read(text).expect_err(text).to_string(), message);
    }
    let error = Network::read("X[S, D]\nY = X @ Q")
        .expect_err("no Q")
        .to_string();
    assert!(error.starts_with("line 2: "), "{error}");
    let error = mlp(1, "rleu").expect_err("no such function").to_string();
    assert!(
        error.starts_with("there is no activation `rleu`; choose one of "),
        "{error}"
    );
    assert!(mlp(1, "log").is_err() && mlp(1, "where").is_err());
}

#[test]
fn facts_that_no_step_keeps_are_refused_on_parameters() {
    let text = |declared: &str, used: &str| {
        format!(
            "X[S, D]; t[S]: labels(C)\nA{declared}; V[D, C]\nZ = X @ {used} @ V\nL = cross_entropy(Z, t)"
        )
    };
    for (fact, instead) in [
        ("symmetric", "(A + A.T) / 2"),
        ("spd", "(A @ A.T + 0.001 * eye(D))"),
        ("diagonal", "diag(A)"),
        ("orthogonal", "(inv(eye(D) + A - A.T) @ (eye(D) - A + A.T))"),
        ("lower", "tril(A)"),
        ("positive", "exp(A)"),
        ("unit", "sigmoid(A)"),
        ("signs", "tanh(A)"),
        ("probability", "softmax(A, axis=1)"),
        ("onehot", "softmax(A, axis=1)"),
    ] {
        let error = Network::read(&text(&format!("[D, D]: {fact}"), "A")).expect_err(fact);
        let declared = if fact == "diagonal" { "[D]" } else { "[D, D]" };
        let message = error.to_string();
        assert!(
            message.starts_with("line 2: the parameter `A` is declared "),
            "{message}"
        );
        let help = format!("declare `A{declared}`, and write `{instead}` for `A`");
        assert!(message.contains(&help), "{message}");
        let diagnostic = error.diagnostic().expect("it is about the program");
        assert_eq!(diagnostic.labels[0].span.start, 25, "{fact}");
        // What is proposed is a network.
        let proposed = text(declared, &format!("({instead})"));
        let network = Network::read(&proposed).expect(&proposed);
        Step::new(&network, Optimiser::Sgd, 0.1).expect(&proposed);
    }
    let whole = text("[D, D]: invertible, small", "A").replace("X[S, D]", "X[S, D]: unit");
    Network::read(&whole).expect("facts on data, and facts that no derivation relies on");
}

#[test]
fn first_values_follow_what_feeds_a_weight() {
    let deviation = |activation: &str, weight: usize| {
        let network = Network::mlp(1, activation).expect("a network");
        let sizes = network.sizes(&[300], 200, &[400]).expect("they fit");
        let values = first_values(&network, &sizes, 3).expect("they exist");
        assert!(
            values[1]
                .iter()
                .chain(&values[3])
                .all(|value| *value == 0.0)
        );
        let squares: f64 = values[weight]
            .iter()
            .map(|value| f64::from(*value).powi(2))
            .sum();
        (squares / values[weight].len() as f64).sqrt()
    };
    let near =
        |found: f64, wanted: f64| assert!((found / wanted - 1.0).abs() < 0.02, "{found} {wanted}");
    // Nothing feeds the first weight but data; relu takes half of the second moment away.
    near(deviation("relu", 0), (1.0_f64 / 300.0).sqrt());
    near(deviation("relu", 2), (2.0_f64 / 400.0).sqrt());
    // Bounded activations: Xavier.
    near(deviation("tanh", 0), (2.0_f64 / 700.0).sqrt());
    near(deviation("tanh", 2), 1.5925 * (2.0_f64 / 600.0).sqrt());
}

const SAMPLES: usize = 5;

/// The values of `outputs` in double precision for the given parameters, with fixed samples.
fn values(
    network: &Network,
    step: &Step,
    sizes: &Sizes,
    parameters: &[Vec<f64>],
    outputs: &[&str],
) -> Vec<Vec<f64>> {
    let mut sizes = sizes.clone();
    sizes.insert("S".to_owned(), SAMPLES);
    let mut plan =
        Plan::<f64>::compile(step.program(), &sizes, outputs, &[]).expect("it can be planned");
    for (tensor, values) in network.parameters().iter().zip(parameters) {
        plan.set(tensor.name(), values).expect("it fits");
    }
    let features = plan.input_mut("X").expect("an input");
    for (place, feature) in features.iter_mut().enumerate() {
        *feature = (1.7 * place as f64).sin();
    }
    plan.set_labels("t", &[0, 2, 1, 1, 0]).expect("they fit");
    plan.run();
    outputs
        .iter()
        .map(|name| plan.get(name).expect("an output").to_vec())
        .collect()
}

#[test]
fn gradients_of_perceptrons_agree_with_finite_differences() {
    for activation in activations() {
        // Functions with jumps or no slope have no gradient to compare.
        if ["sign", "floor", "ceil", "round"].contains(&activation) {
            continue;
        }
        let network = Network::mlp(2, activation).expect("a network");
        let Ok(step) = Step::new(&network, Optimiser::Sgd, 0.1) else {
            assert!(matches!(activation, "stop_gradient"), "{activation}");
            continue;
        };
        let sizes = network.sizes(&[4], 3, &[6, 5]).expect("they fit");
        let parameters: Vec<Vec<f64>> = first_values(&network, &sizes, 5)
            .expect("they exist")
            .iter()
            .enumerate()
            .map(|(tensor, values)| {
                let shift = |place: usize| 0.1 * (tensor as f64 + 2.3 * place as f64).cos();
                values
                    .iter()
                    .enumerate()
                    .map(|(place, value)| f64::from(*value) + shift(place))
                    .collect()
            })
            .collect();
        for (place, tensor) in network.parameters().iter().enumerate() {
            let name = format!("d{}", tensor.name());
            let gradient = &values(&network, &step, &sizes, &parameters, &[&name])[0];
            for element in [0, gradient.len() / 2, gradient.len() - 1] {
                let loss_at = |change: f64| {
                    let mut parameters = parameters.clone();
                    parameters[place][element] += change;
                    values(&network, &step, &sizes, &parameters, &["L"])[0][0]
                };
                let difference = (loss_at(1e-5) - loss_at(-1e-5)) / 2e-5;
                let scale = 1.0_f64.max(difference.abs());
                assert!(
                    (gradient[element] - difference).abs() < 1e-6 * scale,
                    "{activation} {name}[{element}]: {} {difference}",
                    gradient[element]
                );
            }
        }
    }
}

/// The loop on plans in single precision against the same steps in the plain evaluator, last smaller batch included.
#[test]
fn training_is_what_the_program_says() {
    let features: Vec<f32> = (0..21).map(|place| (1.1 * place as f32).sin()).collect();
    let labels = vec![0, 1, 1, 0, 1, 0, 0];
    let data = dataset(features, labels, 3, 2);
    let network = Network::mlp(1, "tanh").expect("a network");
    for optimiser in [Optimiser::Sgd, Optimiser::Momentum, Optimiser::Adam] {
        let options = Options {
            hidden: vec![4],
            optimiser,
            learning_rate: 0.05,
            batch: 3,
            epochs: 3,
            validation: 0.0,
            ..Options::default()
        };
        let outcome = train(
            &network,
            &data,
            &options,
            &mut |_| (),
            &AtomicBool::new(false),
        )
        .expect("it trains");

        let step = Step::new(&network, optimiser, options.learning_rate).expect("it derives");
        let program = Arc::new(step.program().clone());
        let sizes = outcome.model.sizes();
        let first = first_values(&network, sizes, options.seed).expect("they exist");
        let mut state: Vec<(String, Array<f64>)> = Vec::new();
        for (tensor, values) in network.parameters().iter().zip(&first) {
            let shape: Vec<usize> = tensor
                .dims()
                .iter()
                .map(|dim| sizes[&dim.to_string()])
                .collect();
            let doubles = values.iter().map(|value| f64::from(*value)).collect();
            for (name, like) in step.states() {
                if like == tensor {
                    state.push((name.clone(), Array::filled(shape.clone(), 0.0)));
                }
            }
            state.push((tensor.name().to_owned(), Array::new(shape, doubles)));
        }
        for (name, value) in step.numbers() {
            state.push((name.clone(), Array::new(vec![], vec![f64::from(*value)])));
        }
        let mut scaled = data.clone();
        backprove_nn::data::Scaler::fitting(&data)
            .apply(&mut scaled)
            .expect("it fits");
        let mut order = BatchOrder::new(7, 3, options.seed).expect("it fits");
        for epoch in 0..3 {
            order.shuffle(epoch);
            for samples in order.batches() {
                let batch = scaled.select(samples).expect("they exist");
                let extents = sizes.iter().map(|(name, size)| (name.as_str(), *size));
                let extents = Extents::new(extents.chain([("S", samples.len())]));
                let mut environment =
                    Environment::new(extents, 0).with_program(Arc::clone(&program));
                let mut set = |name: &str, array| {
                    environment.set(program.tensor(name).expect("it is known"), array);
                };
                let features = batch
                    .features()
                    .iter()
                    .map(|value| f64::from(*value))
                    .collect();
                set("X", Array::new(vec![samples.len(), 3], features));
                let labels = batch
                    .labels()
                    .iter()
                    .map(|label| f64::from(*label))
                    .collect();
                set("t", Array::new(vec![samples.len()], labels));
                for (name, array) in &state {
                    set(name, array.clone());
                }
                evaluate_program(&mut environment).expect("it has values");
                for (name, array) in &mut state {
                    if let Some((_, new)) = step.updates().iter().find(|(input, _)| input == name) {
                        *array = environment.array(new).expect("it was computed").clone();
                    }
                }
            }
        }
        for (tensor, found) in network.parameters().iter().zip(outcome.model.values()) {
            let (_, wanted) = state
                .iter()
                .find(|(name, _)| name == tensor.name())
                .expect("it is there");
            for (found, wanted) in found.iter().zip(wanted.data()) {
                assert!(
                    (f64::from(*found) - wanted).abs() < 2e-5,
                    "{optimiser:?} {}: {found} {wanted}",
                    tensor.name()
                );
            }
        }
    }
}
