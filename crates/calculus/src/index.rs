//! Index variables and their extents. Nothing here knows about tensors.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::size::Size;

/// The extent of an axis: a symbol, a literal number, or what is worked out from symbols.
///
/// ```
/// use backprove_calculus::index::Dim;
/// assert_eq!(Dim::symbol("S").to_string(), "S");
/// assert_eq!(Dim::Literal(3).to_string(), "3");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dim {
    /// A size that is only named.
    Symbol(Arc<str>),
    /// A known size.
    Literal(usize),
    /// A size that is neither: `N - U + 1`. In normal form, so that equal sizes compare equal.
    Computed(Arc<Size>),
}

impl Dim {
    /// The size called `name`.
    pub fn symbol(name: &str) -> Self {
        Self::Symbol(name.into())
    }

    /// The symbols that it is made of.
    pub fn symbols(&self) -> Vec<Arc<str>> {
        Size::of(self).symbols()
    }

    /// Its value where each symbol has one; `None` where a symbol has none, or the value is below zero.
    pub fn value(&self, symbol: &dyn Fn(&str) -> Option<usize>) -> Option<usize> {
        match self {
            Self::Symbol(name) => symbol(name),
            Self::Literal(size) => Some(*size),
            Self::Computed(size) => usize::try_from(size.value(symbol)?).ok(),
        }
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symbol(name) => f.write_str(name),
            Self::Literal(size) => write!(f, "{size}"),
            Self::Computed(size) => write!(f, "{size}"),
        }
    }
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// An index variable. Two indices are the same only if one is a clone of the other: every
/// [`Index::new`] is distinct from all others, so a binder that is opened freshly never captures.
/// The letter is a wish for printing; it carries no meaning and need not be unique.
#[derive(Clone)]
pub struct Index(Arc<IndexData>);

struct IndexData {
    identity: u64,
    letter: Arc<str>,
    extent: Dim,
}

impl Index {
    /// A new index, distinct from all others.
    pub fn new(letter: impl Into<Arc<str>>, extent: Dim) -> Self {
        // Relaxed is enough: only distinctness matters, nothing is published through the counter.
        let identity = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(IndexData {
            identity,
            letter: letter.into(),
            extent,
        }))
    }

    /// A new index with the same letter and extent.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self::new(self.0.letter.clone(), self.0.extent.clone())
    }

    /// The letter that its maker would like to see printed.
    pub fn letter(&self) -> &str {
        &self.0.letter
    }

    /// How many values it takes.
    pub fn extent(&self) -> &Dim {
        &self.0.extent
    }
}

impl PartialEq for Index {
    fn eq(&self, other: &Self) -> bool {
        self.0.identity == other.0.identity
    }
}

impl Eq for Index {}

impl Hash for Index {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.identity.hash(state);
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.0.letter, self.0.identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_index_is_another_one() {
        let i = Index::new("i", Dim::symbol("S"));
        assert_eq!(i, i.clone());
        assert_ne!(i, i.fresh());
        assert_eq!(i.fresh().letter(), "i");
    }
}
