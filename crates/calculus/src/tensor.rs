//! Symbolic tensors: a name, extents, and what was declared. Numbers live elsewhere: in `reference`
//! and in the engine.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::index::{Dim, Index};

/// A symbolic tensor: a name, the extents of its axes, and what is known about it.
#[derive(Clone)]
pub struct Tensor(Arc<TensorData>);

struct TensorData {
    name: Arc<str>,
    dims: Vec<Dim>,
    facts: Vec<Fact>,
    cotangent: Option<Cotangent>,
    partial: Option<(Tensor, Tensor)>,
}

/// What a cotangent is the derivative of, for printing: `d loss / d of`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cotangent {
    /// The scalar that is differentiated.
    pub loss: Arc<str>,
    /// By what it is differentiated.
    pub of: Arc<str>,
}

/// A declared fact about a tensor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fact {
    /// Equal to its transpose.
    Symmetric,
    /// Symmetric with positive eigenvalues.
    PositiveDefinite,
    /// Zero off the diagonal.
    Diagonal,
    /// Its transpose is its inverse.
    Orthogonal,
    /// Zero above the diagonal.
    Lower,
    /// Has an inverse.
    Invertible,
    /// Every element above zero.
    Positive,
    /// Every element in (0, 1).
    Unit,
    /// Every element −1 or 1.
    Signs,
    /// Not negative, and the last axis sums to one.
    Probability,
    /// Zeros but for a single one along the last axis.
    OneHot,
    /// Integers in `0..n`.
    Labels(Dim),
    /// Never differentiated.
    Constant,
    /// Samples are drawn near zero, within 0.3 of it. It says nothing to a derivation.
    Small,
    /// Samples are drawn above 3. It says nothing to a derivation.
    Large,
}

impl Tensor {
    /// A tensor with nothing known about it.
    pub fn new(name: impl Into<Arc<str>>, dims: Vec<Dim>) -> Self {
        Self::with_facts(name, dims, Vec::new())
    }

    /// A tensor with declared facts.
    pub fn with_facts(name: impl Into<Arc<str>>, dims: Vec<Dim>, facts: Vec<Fact>) -> Self {
        Self(Arc::new(TensorData {
            name: name.into(),
            dims,
            facts,
            cotangent: None,
            partial: None,
        }))
    }

    /// The derivative of the scalar `loss` by `of`, under the name `name`.
    pub fn cotangent_of(name: impl Into<Arc<str>>, loss: &str, of: &Self) -> Self {
        Self(Arc::new(TensorData {
            name: name.into(),
            dims: of.dims().to_vec(),
            facts: Vec::new(),
            cotangent: Some(Cotangent {
                loss: loss.into(),
                of: of.0.name.clone(),
            }),
            partial: None,
        }))
    }

    /// The derivative of every element of `of` by every element of `by`, under the name `name`: its axes are those of
    /// `of`, then those of `by`.
    pub fn partial_of(name: impl Into<Arc<str>>, of: &Self, by: &Self) -> Self {
        Self(Arc::new(TensorData {
            name: name.into(),
            dims: [of.dims(), by.dims()].concat(),
            facts: Vec::new(),
            cotangent: None,
            partial: Some((of.clone(), by.clone())),
        }))
    }

    /// Its name in code.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The extents of its axes.
    pub fn dims(&self) -> &[Dim] {
        &self.0.dims
    }

    /// The number of its axes.
    pub fn rank(&self) -> usize {
        self.0.dims.len()
    }

    /// What was declared about it.
    pub fn facts(&self) -> &[Fact] {
        &self.0.facts
    }

    /// Whether it equals its transpose, by what was declared.
    pub fn is_symmetric(&self) -> bool {
        let symmetric = |fact: &Fact| {
            matches!(
                fact,
                Fact::Symmetric | Fact::PositiveDefinite | Fact::Diagonal
            )
        };
        self.rank() == 2 && self.facts().iter().any(symmetric)
    }

    /// Of what it is the cotangent, if it is one.
    pub fn cotangent(&self) -> Option<&Cotangent> {
        self.0.cotangent.as_ref()
    }

    /// Of what it is the derivative, and by what, if it is a Jacobian.
    pub fn partial(&self) -> Option<(&Self, &Self)> {
        let (of, by) = self.0.partial.as_ref()?;
        Some((of, by))
    }

    /// Whether gradients by it make no sense: constants and labels.
    pub fn is_constant(&self) -> bool {
        self.facts()
            .iter()
            .any(|fact| matches!(fact, Fact::Constant | Fact::Labels(_)))
    }

    /// Fresh indices for its axes, with the given letters (the last letter repeats if there are too few).
    pub fn indices(&self, letters: &[&str]) -> Vec<Index> {
        let letter = |axis: usize| letters.get(axis).or(letters.last()).copied().unwrap_or("i");
        let axes = self.dims().iter().enumerate();
        axes.map(|(axis, dim)| Index::new(letter(axis), dim.clone()))
            .collect()
    }
}

impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.name == other.0.name && self.0.dims == other.0.dims)
    }
}

impl Eq for Tensor {}

impl Hash for Tensor {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name)
    }
}
