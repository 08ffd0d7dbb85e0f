//! First values of parameters. Must never depend on anything but its arguments and the seed.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::Error;
use crate::random::{Purpose, generator};

/// Which sums a layer's first weights keep at size 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The forward sums: standard deviation `gain / sqrt(fan_in)` (K. He and others, 2015).
    Kaiming,
    /// A compromise of forward and backward sums: `gain * sqrt(2 / (fan_in + fan_out))`
    /// (X. Glorot and Y. Bengio, 2010).
    Xavier,
}

/// What the values are drawn from; both have mean 0 and the scheme's standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    /// The normal distribution.
    Normal,
    /// The uniform distribution, between plus and minus `sqrt(3)` standard deviations.
    Uniform,
}

/// How many numbers enter and leave one unit of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fan {
    /// The terms in one output's sum.
    pub incoming: usize,
    /// The outputs that one input goes into.
    pub outgoing: usize,
}

impl Fan {
    /// The fans of a weight of shape outputs × inputs, or outputs × inputs × window, as a linear
    /// layer and a convolution have it. Fails for fewer than two axes and for empty ones.
    pub fn of_weight(shape: &[usize]) -> Result<Self, Error> {
        match shape {
            [outputs, inputs, window @ ..] if shape.iter().all(|&extent| extent > 0) => {
                let window = window.iter().product::<usize>();
                Ok(Self {
                    incoming: inputs * window,
                    outgoing: outputs * window,
                })
            }
            _ => Err(Error::argument(format!(
                "a weight needs two axes or more, outputs × inputs first, but has shape {shape:?}"
            ))),
        }
    }
}

/// The factor that makes up for what an activation takes away: `1 / sqrt(E[f(z)^2])` for a normal
/// `z`, so that sums keep their size from layer to layer.
///
/// This is He's argument for `relu`, where it gives `sqrt(2)`, put to any function; there is no
/// table to keep. Fails for a function that is zero or not finite.
///
/// ```
/// let gain = backprove_nn::init::gain(|z| z.max(0.0))?;
/// assert!((gain - 2.0_f64.sqrt()).abs() < 1e-9);
/// # Ok::<(), backprove_nn::Error>(())
/// ```
pub fn gain(activation: impl Fn(f64) -> f64) -> Result<f64, Error> {
    // The trapezoidal rule: a kink at zero is a node, and beyond ±12 the density is below 1e-31.
    const STEPS: i32 = 4800;
    const STEP: f64 = 24.0 / STEPS as f64;
    let moment: f64 = (-STEPS / 2..=STEPS / 2)
        .map(|step| {
            let z = f64::from(step) * STEP;
            activation(z).powi(2) * (-0.5 * z * z).exp()
        })
        .sum::<f64>()
        * STEP
        / (2.0 * std::f64::consts::PI).sqrt();
    if moment.is_finite() && moment > 0.0 {
        Ok(moment.sqrt().recip())
    } else {
        Err(Error::argument(format!(
            "an activation whose square has mean {moment} has no gain"
        )))
    }
}

/// Draws the first values of one network's parameters, tensor by tensor.
///
/// ```
/// use backprove_nn::init::{Distribution, Fan, Initialiser, Scheme};
/// let mut weight = vec![0.0; 128 * 64];
/// let fan = Fan::of_weight(&[128, 64])?;
/// Initialiser::new(42).fill(Scheme::Kaiming, Distribution::Normal, 1.0, fan, &mut weight)?;
/// assert!(weight.iter().any(|&w| w > 0.1));
/// # Ok::<(), backprove_nn::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Initialiser {
    random: ChaCha8Rng,
}

impl Initialiser {
    /// The values that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            random: generator(seed, Purpose::Initial),
        }
    }

    /// Fills one weight. Fails where the fan is empty or the gain is no positive number.
    pub fn fill(
        &mut self,
        scheme: Scheme,
        distribution: Distribution,
        gain: f64,
        fan: Fan,
        weight: &mut [f32],
    ) -> Result<(), Error> {
        let terms = match scheme {
            Scheme::Kaiming => fan.incoming as f64,
            Scheme::Xavier => f64::midpoint(fan.incoming as f64, fan.outgoing as f64),
        };
        if !(terms > 0.0 && gain > 0.0 && gain.is_finite()) {
            return Err(Error::argument(format!(
                "a weight with {} inputs, {} outputs and gain {gain} has no first values",
                fan.incoming, fan.outgoing
            )));
        }
        let deviation = gain / terms.sqrt();
        for value in weight {
            let draw: f64 = match distribution {
                Distribution::Normal => self.random.sample(StandardNormal),
                Distribution::Uniform => (2.0 * self.random.random::<f64>() - 1.0) * 3.0_f64.sqrt(),
            };
            *value = (deviation * draw) as f32;
        }
        Ok(())
    }
}
