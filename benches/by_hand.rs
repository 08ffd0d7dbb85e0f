//! A training step written by hand, without a plan: the honest upper reference of the engine. A multi-layer perceptron with softmax
//! cross-entropy and plain gradient descent over `faer`'s products: bias and activation fused, the update folded into the product,
//! two forks of threads a step, no allocation. It knows its network and nothing else; it must never call the engine.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::Arch;

#[path = "by_hand/elementwise.rs"]
mod elementwise;

/// A network may have so many layers: their parts are borrowed as an array, which needs no allocation.
const MOST_LAYERS: usize = 8;

/// Multiplications of a forward pass that are worth a second thread.
const WORTH_A_FORK: usize = 1 << 20;

/// Rows of so many inputs lie so far apart, and share so few lines of the nearest cache, that the product over the samples pays for laying
/// them out anew, sample beside sample: the large step is a fifth faster for it, the middle one a tenth slower.
const FAR: usize = 1024;

/// What stands between two layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// The hyperbolic tangent.
    Tanh,
    /// The greater of a number and zero.
    Relu,
    /// A number times the normal distribution's share below it, by the error function.
    Gelu,
}

/// A linear layer. Weights are inputs × outputs: then neither the forward product nor the update transposes what it packs. The last layer
/// is narrow: its weights are outputs × inputs and its values classes × samples, so that the products' vectors run along the long axes;
/// that is two to three times as fast for ten classes.
struct Layer {
    inputs: usize,
    outputs: usize,
    last: bool,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Layer {
    /// Inputs × outputs.
    fn matrix(&self) -> MatRef<'_, f32> {
        if self.last {
            MatRef::from_column_major_slice(&self.weights, self.inputs, self.outputs)
        } else {
            MatRef::from_row_major_slice(&self.weights, self.inputs, self.outputs)
        }
    }

    /// Where a weight of the networks' programs, outputs × inputs, stands.
    fn place(&self, place: usize) -> usize {
        if self.last {
            place
        } else {
            place % self.inputs * self.outputs + place / self.inputs
        }
    }
}

/// What a layer computes, row by row, in the last layer column by column for each thread's samples.
struct Values {
    /// The activation, or the scores of the last layer.
    output: Vec<f32>,
    /// The gradient with respect to what the activation is taken of.
    cotangent: Vec<f32>,
    /// The activation's derivative, where the activation does not give it; in the last layer, room to work in.
    derivative: Vec<f32>,
    /// The sums of the cotangent over each thread's samples.
    sums: [Vec<f32>; 2],
}

/// One thread's samples of a layer's values.
#[derive(Default)]
struct Rows<'a> {
    output: &'a mut [f32],
    cotangent: &'a mut [f32],
    derivative: &'a mut [f32],
    sums: &'a mut [f32],
}

/// The network, its samples and its memory.
pub struct ByHand {
    layers: Vec<Layer>,
    values: Vec<Values>,
    activation: Activation,
    rate: f32,
    batch: usize,
    samples: Vec<f32>,
    labels: Vec<u32>,
    threads: Option<rayon::ThreadPool>,
    arch: Arch,
    loss: f32,
    /// Where each thread lays out inputs anew.
    scratches: [Vec<f32>; 2],
}

impl ByHand {
    /// A network of these widths, features first, classes last, on one or two threads.
    pub fn new(
        widths: &[usize],
        activation: Activation,
        batch: usize,
        rate: f32,
        threads: usize,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        assert!(widths.len() <= MOST_LAYERS, "too many layers");
        let last = widths.len() - 2;
        let layer = |(number, pair): (usize, &[usize])| Layer {
            inputs: pair[0],
            outputs: pair[1],
            last: number == last,
            weights: vec![0.0; pair[0] * pair[1]],
            bias: vec![0.0; pair[1]],
        };
        let values = |(number, outputs): (usize, &usize)| Values {
            output: vec![0.0; batch * outputs],
            cotangent: vec![0.0; batch * outputs],
            derivative: match activation {
                _ if number == last => vec![0.0; 2 * batch],
                Activation::Gelu => vec![0.0; batch * outputs],
                Activation::Tanh | Activation::Relu => Vec::new(),
            },
            sums: [vec![0.0; *outputs], vec![0.0; *outputs]],
        };
        let work: usize = widths
            .windows(2)
            .map(|pair| batch * pair[0] * pair[1])
            .sum();
        let most = widths.iter().copied().max().unwrap_or(0);
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        Ok(Self {
            layers: widths.windows(2).enumerate().map(layer).collect(),
            values: widths[1..].iter().enumerate().map(values).collect(),
            activation,
            rate,
            batch,
            samples: vec![0.0; batch * widths[0]],
            labels: vec![0; batch],
            // Less work is over before another thread has woken up.
            threads: if threads > 1 && work > WORTH_A_FORK {
                Some(pool(2)?)
            } else {
                None
            },
            arch: Arch::new(),
            loss: 0.0,
            scratches: [Vec::new(), Vec::new()].map(|_: Vec<f32>| vec![0.0; most * batch]),
        })
    }

    /// Takes a layer's weights, outputs × inputs as the networks' programs have them, and its bias.
    pub fn set_layer(&mut self, number: usize, weights: &[f32], bias: &[f32]) {
        let layer = &mut self.layers[number];
        for (place, value) in weights.iter().enumerate() {
            let place = layer.place(place);
            layer.weights[place] = *value;
        }
        layer.bias.copy_from_slice(bias);
    }

    /// A layer's weights, outputs × inputs.
    pub fn weights(&self, number: usize) -> Vec<f32> {
        let layer = &self.layers[number];
        let places = 0..layer.weights.len();
        places
            .map(|place| layer.weights[layer.place(place)])
            .collect()
    }

    /// Takes the samples, row by row, and their labels.
    pub fn set_samples(&mut self, samples: &[f32], labels: &[u32]) {
        self.samples.copy_from_slice(samples);
        self.labels.copy_from_slice(labels);
    }

    /// The loss before the last step.
    pub fn loss(&self) -> f32 {
        self.loss
    }

    /// Takes so many steps; returns the seconds of each.
    pub fn run(&mut self, count: usize) -> Vec<f64> {
        let timed = |run: &mut dyn FnMut()| {
            let mut seconds = Vec::with_capacity(count);
            for _ in 0..count {
                let start = Instant::now();
                run();
                seconds.push(start.elapsed().as_secs_f64());
            }
            seconds
        };
        match self.threads.take() {
            Some(pool) => {
                // Within the pool, so that a fork is a push and a steal and no hand-over from outside.
                let seconds = pool.install(|| timed(&mut || self.step_on_two()));
                self.threads = Some(pool);
                seconds
            }
            None => timed(&mut || self.step()),
        }
    }

    fn step(&mut self) {
        let batch = self.batch;
        let (mut rows, _) = split(&mut self.values, batch, batch);
        let forward = Forward {
            layers: &self.layers,
            activation: self.activation,
            scale: 1.0 / batch as f32,
            arch: self.arch,
        };
        self.loss = forward.run(&self.samples, &self.labels, &mut rows);
        let (mut weights, _) = halves(&mut self.layers, |layer| layer.inputs);
        let update = Update {
            values: &self.values,
            samples: &self.samples,
            rate: self.rate,
            batch,
            half: batch,
            arch: self.arch,
        };
        update.run(&mut weights, 0, &mut self.scratches[0]);
        self.update_bias();
    }

    /// Forward and backward by halves of the samples, the update by halves of each layer's inputs.
    fn step_on_two(&mut self) {
        let (batch, half) = (self.batch, self.batch / 2);
        let (mut first, mut second) = split(&mut self.values, half, batch);
        let (samples, other_samples) = self.samples.split_at(half * self.layers[0].inputs);
        let (labels, other_labels) = self.labels.split_at(half);
        let forward = Forward {
            layers: &self.layers,
            activation: self.activation,
            scale: 1.0 / batch as f32,
            arch: self.arch,
        };
        let (loss, other) = fork(
            || forward.run(samples, labels, &mut first),
            || forward.run(other_samples, other_labels, &mut second),
        );
        self.loss = loss + other;
        let middle = |layer: &Layer| {
            if layer.last {
                // It is small, and its rows do not lie together.
                layer.inputs
            } else {
                layer.inputs / 2
            }
        };
        let (mut first, mut second) = halves(&mut self.layers, middle);
        let update = Update {
            values: &self.values,
            samples: &self.samples,
            rate: self.rate,
            batch,
            half,
            arch: self.arch,
        };
        let [scratch, other_scratch] = &mut self.scratches;
        fork(
            || update.run(&mut first, 0, scratch),
            || update.run(&mut second, 1, other_scratch),
        );
        self.update_bias();
    }

    fn update_bias(&mut self) {
        for (layer, values) in self.layers.iter_mut().zip(&self.values) {
            let [first, second] = &values.sums;
            for ((bias, first), second) in layer.bias.iter_mut().zip(first).zip(second) {
                *bias -= self.rate * (first + second);
            }
        }
    }
}

/// Runs both parts, on two threads where another is awake. Who is done first waits for the other for a moment, so that it is still awake when
/// the next fork comes; after that it sleeps.
fn fork<A: Send, B: Send>(
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    /// Some tens of microseconds.
    const SPINS: usize = 2_000;
    let done = AtomicUsize::new(0);
    let meet = || {
        done.fetch_add(1, Ordering::Relaxed);
        for _ in 0..SPINS {
            if done.load(Ordering::Relaxed) == 2 {
                break;
            }
            std::hint::spin_loop();
        }
    };
    let first = || {
        let result = first();
        meet();
        result
    };
    let second = || {
        let result = second();
        meet();
        result
    };
    rayon::join(first, second)
}

/// The values of the first `rows` samples and those of the others, out of `batch`.
fn split(
    values: &mut [Values],
    rows: usize,
    batch: usize,
) -> ([Rows<'_>; MOST_LAYERS], [Rows<'_>; MOST_LAYERS]) {
    let mut both = <([Rows<'_>; MOST_LAYERS], [Rows<'_>; MOST_LAYERS])>::default();
    for ((values, first), second) in values.iter_mut().zip(&mut both.0).zip(&mut both.1) {
        let part = |length: usize| length / batch * rows;
        let cut = part(values.output.len());
        (first.output, second.output) = values.output.split_at_mut(cut);
        (first.cotangent, second.cotangent) = values.cotangent.split_at_mut(cut);
        let cut = part(values.derivative.len());
        (first.derivative, second.derivative) = values.derivative.split_at_mut(cut);
        let [sums, other_sums] = &mut values.sums;
        (first.sums, second.sums) = (sums, other_sums);
    }
    both
}

/// The weights of the first inputs of each layer, as many as `cut` says, and those of the others. The last layer is cut nowhere.
fn halves(
    layers: &mut [Layer],
    cut: impl Fn(&Layer) -> usize,
) -> ([&mut [f32]; MOST_LAYERS], [&mut [f32]; MOST_LAYERS]) {
    let mut both = <([&mut [f32]; MOST_LAYERS], [&mut [f32]; MOST_LAYERS])>::default();
    for ((layer, first), second) in layers.iter_mut().zip(&mut both.0).zip(&mut both.1) {
        let rows = cut(layer);
        (*first, *second) = layer.weights.split_at_mut(rows * layer.outputs);
    }
    both
}

/// From samples to the cotangents of all layers.
struct Forward<'a> {
    layers: &'a [Layer],
    activation: Activation,
    /// One over the number of all samples.
    scale: f32,
    arch: Arch,
}

impl Forward<'_> {
    /// Returns these samples' part of the loss.
    fn run(&self, samples: &[f32], labels: &[u32], rows: &mut [Rows<'_>; MOST_LAYERS]) -> f32 {
        let count = labels.len();
        let last = self.layers.len() - 1;
        for (number, layer) in self.layers.iter().enumerate() {
            let (before, after) = rows.split_at_mut(number);
            let input = before.last().map_or(samples, |rows| &*rows.output);
            let rows = &mut after[0];
            let input = MatRef::from_row_major_slice(input, count, layer.inputs);
            let output = &mut *rows.output;
            let output = if number < last {
                MatMut::from_row_major_slice_mut(output, count, layer.outputs)
            } else {
                MatMut::from_column_major_slice_mut(output, count, layer.outputs)
            };
            matmul(output, Accum::Replace, input, layer.matrix(), 1.0, Par::Seq);
            if number < last {
                let bias = layer.bias.as_slice();
                match self.activation {
                    Activation::Tanh => {
                        let rows = &mut *rows.output;
                        self.arch.dispatch(elementwise::Tanh { bias, rows });
                    }
                    Activation::Relu => {
                        let rows = &mut *rows.output;
                        self.arch.dispatch(elementwise::Relu { bias, rows });
                    }
                    Activation::Gelu => self.arch.dispatch(elementwise::Gelu {
                        bias,
                        rows: rows.output,
                        derivatives: rows.derivative,
                    }),
                }
            }
        }
        let top = &mut rows[last];
        let loss = self.arch.dispatch(elementwise::CrossEntropy {
            bias: &self.layers[last].bias,
            labels,
            scale: self.scale,
            scores: top.output,
            cotangent: top.cotangent,
            sums: top.sums,
            scratch: top.derivative,
        });
        for number in (1..=last).rev() {
            let layer = &self.layers[number];
            let (before, after) = rows.split_at_mut(number);
            let rows = &mut before[number - 1];
            let cotangent = &*after[0].cotangent;
            let cotangent = if number < last {
                MatRef::from_row_major_slice(cotangent, count, layer.outputs)
            } else {
                MatRef::from_column_major_slice(cotangent, count, layer.outputs)
            };
            let weights = layer.matrix().transpose();
            let target =
                MatMut::from_row_major_slice_mut(&mut *rows.cotangent, count, layer.inputs);
            matmul(target, Accum::Replace, cotangent, weights, 1.0, Par::Seq);
            let derivative: &[f32] = match self.activation {
                Activation::Gelu => rows.derivative,
                Activation::Tanh | Activation::Relu => rows.output,
            };
            self.arch.dispatch(elementwise::Backward {
                activation: self.activation,
                values: derivative,
                cotangent: rows.cotangent,
                sums: rows.sums,
            });
        }
        loss
    }
}

/// The descent, folded into the products that give the gradients.
struct Update<'a> {
    values: &'a [Values],
    samples: &'a [f32],
    rate: f32,
    batch: usize,
    /// The first thread's samples.
    half: usize,
    arch: Arch,
}

impl Update<'_> {
    /// Updates the first rows of all weights (`side` 0) or the last ones (1).
    fn run(&self, weights: &mut [&mut [f32]; MOST_LAYERS], side: usize, scratch: &mut [f32]) {
        let last = self.values.len() - 1;
        for (number, (values, weights)) in self.values.iter().zip(weights).enumerate() {
            let outputs = values.cotangent.len() / self.batch;
            let rows = weights.len() / outputs;
            if rows == 0 {
                continue;
            }
            let input = match number {
                0 => self.samples,
                _ => &self.values[number - 1].output,
            };
            let inputs = input.len() / self.batch;
            let from = if side == 0 { 0 } else { inputs - rows };
            let read = input;
            let input = MatRef::from_row_major_slice(input, self.batch, inputs);
            let mut input = input.subcols(from, rows).transpose();
            if number < last && inputs >= FAR {
                let transposed = &mut scratch[..rows * self.batch];
                self.arch.dispatch(elementwise::Transpose {
                    values: read,
                    width: inputs,
                    from,
                    transposed: &mut *transposed,
                });
                input = MatRef::from_row_major_slice(transposed, rows, self.batch);
            }
            if number < last {
                let cotangent =
                    MatRef::from_row_major_slice(&values.cotangent, self.batch, outputs);
                let weights = MatMut::from_row_major_slice_mut(weights, rows, outputs);
                matmul(weights, Accum::Add, input, cotangent, -self.rate, Par::Seq);
                continue;
            }
            let (first, second) = values.cotangent.split_at(self.half * outputs);
            for (cotangent, from) in [(first, 0), (second, self.half)] {
                let count = cotangent.len() / outputs;
                let input = input.subcols(from, count);
                let cotangent = MatRef::from_column_major_slice(cotangent, count, outputs);
                let weights = MatMut::from_column_major_slice_mut(weights, rows, outputs);
                matmul(weights, Accum::Add, input, cotangent, -self.rate, Par::Seq);
            }
        }
    }
}
