//! Optimisers: the program of one training step. Must never hold an update loop: the updates are modules of the
//! standard library, applied to the derived gradients.

use std::fmt::Write;

use backprove_calculus::derivation::gradient;
use backprove_calculus::{Gradient, Program, Tensor};

use crate::Error;
use crate::network::{Network, read};

/// How parameters follow their gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Optimiser {
    /// Stochastic gradient descent.
    #[default]
    Sgd,
    /// Heavy-ball momentum, 0.9.
    Momentum,
    /// Adam, with 0.9, 0.999 and 1e-8.
    Adam,
}

impl Optimiser {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::Momentum => "momentum",
            Self::Adam => "adam",
        }
    }

    /// A learning rate that often works.
    pub fn usual_rate(self) -> f64 {
        match self {
            Self::Sgd => 0.1,
            Self::Momentum => 0.05,
            Self::Adam => 0.003,
        }
    }
}

/// A training step as a program: the forward definitions, the gradients, and the updates of all parameters.
///
/// ```
/// use backprove_nn::{network::Network, optim::{Optimiser, Step}};
/// let step = Step::new(&Network::mlp(0, "relu")?, Optimiser::Sgd, 0.1)?;
/// assert_eq!(step.text(), "\
/// W1[C, D]; dW1[C, D]; b1[C]; db1[C]; lr[]
/// W1_1 = sgd(W1, dW1, lr)
/// b1_1 = sgd(b1, db1, lr)
/// ");
/// assert!(step.program().equation("W1_1").is_some());
/// # Ok::<(), backprove_nn::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Step {
    gradient: Gradient,
    program: Program,
    text: String,
    updates: Vec<(String, String)>,
    states: Vec<(String, Tensor)>,
    numbers: Vec<(String, f32)>,
}

impl Step {
    /// Derives the gradients of the loss and adds the updates. Fails where the loss cannot be differentiated, or does
    /// not depend on a parameter.
    pub fn new(network: &Network, optimiser: Optimiser, rate: f64) -> Result<Self, Error> {
        let parameters = network.parameters();
        let gradient = gradient(network.program(), parameters, None).map_err(|diagnostic| {
            let help = diagnostic.help.as_ref();
            let help = help.map_or_else(String::new, |help| format!("; {}", help.message));
            Error::argument(format!("{}{help}", diagnostic.message))
        })?;
        let mut step = Self {
            program: gradient.program(),
            gradient,
            text: String::new(),
            updates: Vec::new(),
            states: Vec::new(),
            numbers: Vec::new(),
        };
        step.append(parameters, optimiser, rate)?;
        Ok(step)
    }

    /// The derived gradients, with every step.
    pub fn gradient(&self) -> &Gradient {
        &self.gradient
    }

    /// The whole step.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The updates as they are written in the language, with what they are applied to.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Pairs of an input and the definition that it takes the value of when the step ends.
    pub fn updates(&self) -> &[(String, String)] {
        &self.updates
    }

    /// The optimiser's own tensors, each with the parameter whose shape it has. They begin at 0.
    pub fn states(&self) -> &[(String, Tensor)] {
        &self.states
    }

    /// The scalar inputs, such as the learning rate, with their first values.
    pub fn numbers(&self) -> &[(String, f32)] {
        &self.numbers
    }

    fn append(
        &mut self,
        parameters: &[Tensor],
        optimiser: Optimiser,
        rate: f64,
    ) -> Result<(), Error> {
        let numbers: &[(&str, f64)] = match optimiser {
            Optimiser::Sgd => &[],
            Optimiser::Momentum => &[("mu", 0.9)],
            Optimiser::Adam => &[
                ("beta1", 0.9),
                ("beta2", 0.999),
                ("epsilon", 1e-8),
                ("step", 1.0),
            ],
        };
        let mut names = self.program.clone();
        let mut fresh = |wish: &str| {
            let name = names.free_name(wish);
            names.inputs.push(Tensor::new(name.clone(), Vec::new()));
            name
        };
        let lr = fresh("lr");
        let others: Vec<String> = numbers.iter().map(|(wish, _)| fresh(wish)).collect();
        let values = numbers.iter().map(|(_, value)| *value as f32);
        self.numbers = std::iter::once((lr.clone(), rate as f32))
            .chain(others.iter().cloned().zip(values))
            .collect();

        let mut declarations = Vec::new();
        let mut definitions = String::new();
        let mut corrections = Vec::new();
        if let (Optimiser::Adam, [beta1, beta2, _, t]) = (optimiser, others.as_slice()) {
            for (wish, beta) in [("c1", beta1), ("c2", beta2)] {
                let correction = fresh(wish);
                let _ = writeln!(definitions, "{correction} = adam_correction({beta}, {t})");
                corrections.push(correction);
            }
        }
        for parameter in parameters {
            let w = parameter.name();
            let derived = self.gradient.derivation(w);
            let g = derived.map(|derivation| derivation.gradient.name());
            let g = g.ok_or_else(|| {
                Error::argument(format!("the loss does not depend on the parameter `{w}`"))
            })?;
            declarations.extend([declared(w, parameter), declared(g, parameter)]);
            let mut state = |wish: &str| {
                let old = fresh(&format!("{wish}_{w}"));
                let new = fresh(&old);
                declarations.push(declared(&old, parameter));
                self.states.push((old.clone(), parameter.clone()));
                self.updates.push((old.clone(), new.clone()));
                (old, new)
            };
            let update = match (others.as_slice(), corrections.as_slice()) {
                ([mu], _) => {
                    let (v, new) = state("v");
                    let _ = writeln!(definitions, "{new} = momentum_velocity({v}, {g}, {mu})");
                    format!("momentum_update({w}, {new}, {lr})")
                }
                ([beta1, beta2, epsilon, _], [c1, c2]) => {
                    let (m, first) = state("m");
                    let (v, second) = state("v");
                    let _ = writeln!(definitions, "{first} = adam_first({m}, {g}, {beta1})");
                    let _ = writeln!(definitions, "{second} = adam_second({v}, {g}, {beta2})");
                    format!("adam_update({w}, {first}, {second}, {c1}, {c2}, {lr}, {epsilon})")
                }
                _ => format!("sgd({w}, {g}, {lr})"),
            };
            let new = fresh(w);
            let _ = writeln!(definitions, "{new} = {update}");
            self.updates.push((w.to_owned(), new));
        }
        declarations.extend(self.numbers.iter().map(|(name, _)| format!("{name}[]")));
        if let (Optimiser::Adam, Some(t)) = (optimiser, others.last()) {
            let next = fresh(t);
            let _ = writeln!(definitions, "{next} = {t} + 1");
            self.updates.push((t.clone(), next));
        }
        self.text = format!("{}\n{definitions}", declarations.join("; "));

        let updates = read(&self.text)?;
        let known = |tensor: &Tensor| self.program.tensor(tensor.name()).is_some();
        let new: Vec<Tensor> = updates
            .inputs
            .into_iter()
            .filter(|tensor| !known(tensor))
            .collect();
        self.program.inputs.extend(new);
        self.program.equations.extend(updates.equations);
        Ok(())
    }
}

/// The declaration of `name` with the shape of `like`.
fn declared(name: &str, like: &Tensor) -> String {
    let dims: Vec<String> = like.dims().iter().map(ToString::to_string).collect();
    format!("{name}[{}]", dims.join(", "))
}
