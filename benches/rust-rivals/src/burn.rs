//! A training step with Burn on its CPU back end Flex: its tensors, its reverse mode and gradient descent on them.

use std::error::Error;

use burn_autodiff::Autodiff;
use burn_flex::Flex;
use burn_tensor::activation::{gelu, log_softmax, relu, tanh};
use burn_tensor::{Int, Tensor, TensorData};

use crate::{Network, Step};

type Backend = Autodiff<Flex>;

/// A network of Burn's.
pub struct Burn {
    layers: Vec<(Tensor<Flex, 2>, Tensor<Flex, 1>)>,
    activation: fn(Tensor<Backend, 2>) -> Tensor<Backend, 2>,
    rate: f64,
    samples: Tensor<Backend, 2>,
    labels: Tensor<Backend, 2, Int>,
}

impl Burn {
    /// The same network in Burn's tensors; weights are inputs × outputs, as in its linear layer.
    pub fn new(network: &Network) -> Self {
        let device = &Default::default();
        let layer = |layer: &crate::Layer| {
            let weights = TensorData::new(layer.weights.clone(), [layer.outputs, layer.inputs]);
            let weights = Tensor::<Flex, 2>::from_data(weights, device).transpose();
            // Contiguous, as its own initialisation leaves them.
            let weights = Tensor::from_data(weights.into_data(), device);
            let bias = TensorData::new(layer.bias.clone(), [layer.outputs]);
            (weights, Tensor::from_data(bias, device))
        };
        let labels = network.labels.iter().map(|label| i64::from(*label));
        let labels = TensorData::new(labels.collect(), [network.batch, 1]);
        let samples = TensorData::new(network.samples.clone(), [network.batch, network.features]);
        Self {
            layers: network.layers.iter().map(layer).collect(),
            activation: match network.activation.as_str() {
                "tanh" => tanh,
                "relu" => relu,
                _ => gelu,
            },
            rate: network.rate,
            samples: Tensor::from_data(samples, device),
            labels: Tensor::from_data(labels, device),
        }
    }
}

impl Step for Burn {
    fn step(&mut self) -> Result<f32, Box<dyn Error>> {
        let tracked = |(weights, bias): &(Tensor<Flex, 2>, Tensor<Flex, 1>)| {
            let weights = Tensor::<Backend, 2>::from_inner(weights.clone()).require_grad();
            let bias = Tensor::<Backend, 1>::from_inner(bias.clone()).require_grad();
            (weights, bias)
        };
        let tracked: Vec<_> = self.layers.iter().map(tracked).collect();
        let mut values = self.samples.clone();
        for (number, (weights, bias)) in tracked.iter().enumerate() {
            values = values.matmul(weights.clone()) + bias.clone().unsqueeze();
            if number + 1 < tracked.len() {
                values = (self.activation)(values);
            }
        }
        let chosen = log_softmax(values, 1).gather(1, self.labels.clone());
        let loss = chosen.mean().neg();
        let gradients = loss.backward();
        for ((weights, bias), (tracked_weights, tracked_bias)) in
            self.layers.iter_mut().zip(&tracked)
        {
            let missing = "a parameter has no gradient";
            let gradient = tracked_weights.grad(&gradients).ok_or(missing)?;
            *weights = weights.clone() - gradient * self.rate;
            let gradient = tracked_bias.grad(&gradients).ok_or(missing)?;
            *bias = bias.clone() - gradient * self.rate;
        }
        Ok(loss.into_scalar())
    }
}
