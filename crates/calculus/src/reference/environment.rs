//! Where values come from: sizes, arrays, a program, a seed for abstract functions. Holds no evaluation.

use std::fmt;
use std::sync::Arc;

use super::{Array, Scalar};
use crate::expr::Tensor;
use crate::index::Dim;
use crate::program::Program;

/// Values of symbolic sizes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Sizes(Vec<(Arc<str>, usize)>);

impl Sizes {
    /// The given sizes.
    pub fn new<'a>(sizes: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        Self(
            sizes
                .into_iter()
                .map(|(name, n)| (name.into(), n))
                .collect(),
        )
    }

    /// Gives the size `name` a value.
    pub fn set(&mut self, name: &str, value: usize) {
        match self.0.iter_mut().find(|(own, _)| **own == *name) {
            Some((_, own)) => *own = value,
            None => self.0.push((name.into(), value)),
        }
    }

    /// The value of `dim`; `None` for a symbol without one.
    pub fn get(&self, dim: &Dim) -> Option<usize> {
        dim.value(&|name| self.iter().find(|(own, _)| *own == name).map(|(_, n)| n))
    }

    /// The shape of `tensor`; `None` where a size has no value.
    pub fn shape(&self, tensor: &Tensor) -> Option<Vec<usize>> {
        tensor.dims().iter().map(|dim| self.get(dim)).collect()
    }

    /// The symbolic sizes and their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (name, value)) in self.iter().enumerate() {
            let comma = if position > 0 { ", " } else { "" };
            write!(f, "{comma}{name}={value}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How a derivative that is not worked out gets its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Differentiation {
    /// Central differences at two step sizes: they know nothing but the primal.
    Differences,
    /// Dual numbers with the table's local derivatives.
    Duals,
}

/// What an expression is evaluated in.
#[derive(Debug, Clone)]
pub struct Environment<T> {
    sizes: Sizes,
    arrays: Vec<(Arc<str>, Array<T>)>,
    program: Option<Arc<Program>>,
    seed: u64,
    differentiation: Differentiation,
}

impl<T: Scalar> Environment<T> {
    /// An environment without arrays. `seed` chooses the abstract functions, and in the field the values of
    /// transcendental functions.
    pub fn new(sizes: Sizes, seed: u64) -> Self {
        Self {
            sizes,
            arrays: Vec::new(),
            program: None,
            seed,
            differentiation: T::DIFFERENTIATION,
        }
    }

    /// Where names are defined. A derivative of a defined tensor differentiates the right side of its
    /// equation and holds all other names fixed, as one step of reverse mode does.
    #[must_use]
    pub fn with_program(self, program: Arc<Program>) -> Self {
        Self {
            program: Some(program),
            ..self
        }
    }

    /// Gives `tensor` its values, in place of earlier ones.
    pub fn set(&mut self, tensor: &Tensor, array: Array<T>) {
        match self
            .arrays
            .iter_mut()
            .find(|(own, _)| **own == *tensor.name())
        {
            Some((_, own)) => *own = array,
            None => self.arrays.push((tensor.name().into(), array)),
        }
    }

    /// The values of the tensor called `name`.
    pub fn array(&self, name: &str) -> Option<&Array<T>> {
        self.position(name).map(|position| &self.arrays[position].1)
    }

    /// The values of the tensor called `name`.
    pub fn array_mut(&mut self, name: &str) -> Option<&mut Array<T>> {
        let position = self.position(name)?;
        Some(&mut self.arrays[position].1)
    }

    /// The sizes.
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Where names are defined.
    pub fn program(&self) -> Option<Arc<Program>> {
        self.program.clone()
    }

    pub(super) fn differentiation(&self) -> Differentiation {
        self.differentiation
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.arrays.iter().position(|(own, _)| **own == *name)
    }

    pub(super) fn replace(&mut self, position: usize, array: Array<T>) {
        if let Some((_, own)) = self.arrays.get_mut(position) {
            *own = array;
        }
    }

    pub(super) fn arrays(&self) -> impl Iterator<Item = &Array<T>> {
        self.arrays.iter().map(|(_, array)| array)
    }
}

impl Environment<f64> {
    /// Another way to differentiate than by differences. In the field there are no differences to choose.
    #[must_use]
    pub fn differentiating(self, differentiation: Differentiation) -> Self {
        Self {
            differentiation,
            ..self
        }
    }
}
