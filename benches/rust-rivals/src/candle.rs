//! A training step with Candle: its linear layers, its cross-entropy and its gradient descent.

use std::error::Error;

use candle_core::{Device, Module as _, Tensor, Var};
use candle_nn::{Linear, Optimizer as _, SGD, loss};

use crate::{Network, Step};

/// A network of Candle's.
pub struct Candle {
    layers: Vec<Linear>,
    optimiser: SGD,
    activation: fn(&Tensor) -> candle_core::Result<Tensor>,
    samples: Tensor,
    labels: Tensor,
}

impl Candle {
    /// The same network in Candle's tensors.
    pub fn new(network: &Network) -> Result<Self, Box<dyn Error>> {
        let device = &Device::Cpu;
        let mut variables = Vec::new();
        let mut layers = Vec::new();
        for layer in &network.layers {
            let shape = (layer.outputs, layer.inputs);
            let weights = Var::from_slice(&layer.weights, shape, device)?;
            let bias = Var::from_slice(&layer.bias, layer.outputs, device)?;
            layers.push(Linear::new(
                weights.as_tensor().clone(),
                Some(bias.as_tensor().clone()),
            ));
            variables.extend([weights, bias]);
        }
        let shape = (network.batch, network.features);
        Ok(Self {
            layers,
            optimiser: SGD::new(variables, network.rate)?,
            activation: match network.activation.as_str() {
                "tanh" => Tensor::tanh,
                "relu" => Tensor::relu,
                _ => Tensor::gelu_erf,
            },
            samples: Tensor::from_slice(&network.samples, shape, device)?,
            labels: Tensor::from_slice(&network.labels, network.batch, device)?,
        })
    }
}

impl Step for Candle {
    fn step(&mut self) -> Result<f32, Box<dyn Error>> {
        let mut values = self.samples.clone();
        for (number, layer) in self.layers.iter().enumerate() {
            values = layer.forward(&values)?;
            if number + 1 < self.layers.len() {
                values = (self.activation)(&values)?;
            }
        }
        let loss = loss::cross_entropy(&values, &self.labels)?;
        self.optimiser.backward_step(&loss)?;
        Ok(loss.to_scalar()?)
    }
}
