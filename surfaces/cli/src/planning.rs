//! The command `plan`: a program and sizes in, a plan as text, object or picture out. What is planned, and how, is decided in
//! the library.

pub mod arguments;

use std::collections::HashMap;
use std::path::PathBuf;

use backprove::engine::{Real, Report};
use backprove::nn::network::Network;
use backprove::nn::optim::{Optimiser, Step};
use backprove::planning::{Measured, Subject};
use backprove::{json, report};

use self::arguments::{Layers, Plan, Precision};
use crate::arguments::{Color, Program};
use crate::asked::Asked;
use crate::command::print;
use crate::stop::{Status, Stop};
use crate::training::{about, stopped, threads};
use crate::{effort, output, source};

/// Prints a plan.
pub fn plan(options: &Plan, color: Color) -> Result<Status, Stop> {
    let outputs = options.output.iter().chain(&options.svg);
    output::apart(
        outputs.map(PathBuf::as_path),
        options.source.as_deref().and_then(source::file),
    )?;
    let (subject, sizes) = subject(options)?;
    let threads = threads(options.threads);
    let (found, measured) = match options.precision {
        Precision::F32 => planned::<f32>(options, &subject, &sizes, threads)?,
        Precision::F64 => planned::<f64>(options, &subject, &sizes, threads)?,
    };
    let measured = measured.as_ref();
    if let Some(path) = &options.svg {
        output::write(Some(path), &report::drawing(&found, measured))?;
    }
    let document = || report::plan(&found, threads, measured);
    let object = || format!("{:#}\n", json::plan(&found, threads, measured));
    let path = options.output.as_deref();
    print(options.format, path, color, document, object)?;
    Ok(Status::Success)
}

fn planned<T: Real>(
    options: &Plan,
    subject: &Subject,
    sizes: &HashMap<String, usize>,
    threads: usize,
) -> Result<(Report, Option<Measured>), Stop> {
    let plan = subject.plan::<T>(sizes, threads);
    let mut plan = plan.map_err(Stop::refusal)?;
    let report = plan.report().clone();
    if !options.time {
        return Ok((report, None));
    }
    effort::fits(&report, threads).map_err(Stop::refusal)?;
    let measured = subject.measure(&mut plan, sizes, options.seed);
    Ok((report, Some(measured.map_err(Stop::refusal)?)))
}

/// What is to be planned, and its sizes.
fn subject(options: &Plan) -> Result<(Subject, HashMap<String, usize>), Stop> {
    if let Some(layers) = &options.mlp {
        return perceptron(options, layers);
    }
    let asked = Asked::read(&Program {
        source: options.source.clone().unwrap_or_default(),
        declarations: options.declarations.clone(),
        wrt: options.wrt.clone(),
        cotangent: options.cotangent.clone(),
    })?;
    let subject = if options.forward {
        Subject::forward(asked.problem.program())
    } else if let Some(optimizer) = options.optimizer {
        let program = asked.problem.program().clone();
        let network = Network::of(asked.problem.source(), program);
        step(
            &network.map_err(|error| about(&error, asked.source()))?,
            optimizer.into(),
        )?
    } else if let Some(order) = options.order.beyond_gradient() {
        Subject::derivative(&asked.derivative(order)?)
    } else {
        Subject::gradient(&asked.gradient()?)
    };
    let sizes = subject.bind(&options.sizes).map_err(Stop::wrong)?;
    Ok((subject, sizes))
}

fn perceptron(options: &Plan, layers: &Layers) -> Result<(Subject, HashMap<String, usize>), Stop> {
    let network = Network::mlp(layers.hidden.len(), &options.activation);
    let network = network.map_err(|error| stopped(&error))?;
    let optimiser = options.optimizer.map_or(Optimiser::Sgd, Optimiser::from);
    let subject = step(&network, optimiser)?;
    let sizes = network.sizes(&[layers.features], layers.classes, &layers.hidden);
    let mut sizes = sizes.map_err(|error| stopped(&error))?;
    let samples = network.labels().dims().iter().map(ToString::to_string);
    sizes.extend(samples.map(|samples| (samples, options.batch)));
    Ok((subject, sizes))
}

fn step(network: &Network, optimiser: Optimiser) -> Result<Subject, Stop> {
    let step = Step::new(network, optimiser, optimiser.usual_rate());
    let step = step.map_err(|error| stopped(&error))?;
    Ok(Subject::step(network, &step))
}
