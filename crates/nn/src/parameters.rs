//! The first values of a network's parameters. Must never know a network by name: what feeds a weight is read from
//! the program.

use backprove_calculus::functions::Function;
use backprove_calculus::reference::{Array, Environment, Sizes as Extents, evaluate};
use backprove_calculus::{Callee, Expr, FunctionName, Node, Program, Tensor};

use crate::Error;
use crate::init::{Distribution, Fan, Initialiser, Scheme, gain};
use crate::network::{Network, Sizes, shape_of};

/// One tensor of values for each parameter of `network`, in order.
///
/// Weights, that is tensors of two axes or more, are drawn from the normal distribution: with Kaiming's
/// deviation, or with Xavier's where all of the network's activations are bounded. The gain makes up for the
/// activation that feeds the weight. Other parameters begin at 0.
pub fn first_values(network: &Network, sizes: &Sizes, seed: u64) -> Result<Vec<Vec<f32>>, Error> {
    let program = network.program();
    let feeding: Vec<_> = network
        .parameters()
        .iter()
        .map(|tensor| feeding(program, tensor))
        .collect();
    let mut activations = feeding.iter().flatten().peekable();
    let bounded = activations.peek().is_some() && activations.all(|function| is_bounded(function));
    let scheme = if bounded {
        Scheme::Xavier
    } else {
        Scheme::Kaiming
    };
    let mut initialiser = Initialiser::new(seed);
    let mut values = Vec::new();
    for (tensor, activation) in network.parameters().iter().zip(&feeding) {
        let shape = shape_of(tensor, sizes)?;
        let mut tensor_values = vec![0.0; shape.iter().product()];
        if tensor.rank() >= 2 {
            let gain = activation.map_or(Ok(1.0), |function| gain(|x| value(function, x)))?;
            initialiser.fill(
                scheme,
                Distribution::Normal,
                gain,
                Fan::of_weight(&shape)?,
                &mut tensor_values,
            )?;
        }
        values.push(tensor_values);
    }
    Ok(values)
}

/// The element-wise function whose values the weight is multiplied with, where there is one.
fn feeding(program: &Program, weight: &Tensor) -> Option<&'static Function> {
    let mut found = None;
    for equation in &program.equations {
        equation.body.visit(&mut |part| {
            let Node::Product(factors) = part.node() else {
                return;
            };
            let weighs =
                |factor: &Expr| matches!(factor.node(), Node::Access(tensor, _) if tensor == weight);
            if factors.iter().any(weighs) {
                let mut others = factors.iter().filter(|factor| !weighs(factor));
                found = found.or_else(|| others.find_map(|factor| activation(program, factor)));
            }
        });
    }
    found
}

/// The function that a factor, or the definition that it names, is a value of.
fn activation(program: &Program, factor: &Expr) -> Option<&'static Function> {
    match factor.node() {
        Node::Call(
            Callee {
                function: FunctionName::Known(function),
                derivatives,
            },
            arguments,
        ) if derivatives.is_empty() && arguments.len() == 1 => Some(function),
        Node::Access(tensor, _) => activation(program, &program.equation(tensor.name())?.body),
        _ => None,
    }
}

fn value(function: &'static Function, x: f64) -> f64 {
    let tensor = Tensor::new("x", Vec::new());
    let mut environment = Environment::new(Extents::new([]), 0);
    environment.set(&tensor, Array::new(Vec::new(), vec![x]));
    let call = Expr::call(Callee::known(function), vec![Expr::access(&tensor, &[])]);
    // A function without a value there has no gain, and `gain` says so.
    evaluate(&call, &[], &environment).unwrap_or(f64::NAN)
}

/// Whether the function levels off on both sides, as tanh and the logistic function do.
fn is_bounded(function: &'static Function) -> bool {
    [-1.0, 1.0].iter().all(|side| {
        let change = value(function, side * 40.0) - value(function, side * 20.0);
        change.abs() < 1e-6
    })
}
