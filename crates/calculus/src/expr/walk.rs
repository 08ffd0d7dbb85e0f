//! Walking expressions: parts, paths, free indices, substitution. Nothing here simplifies beyond what
//! the constructors do.

use std::collections::HashMap;

use super::{Expr, Node, Operand};
use crate::expr::Tensor;
use crate::index::{Dim, Index};
use crate::number::Number;

impl Expr {
    /// The direct parts, in order.
    pub fn children(&self) -> impl Iterator<Item = &Self> + Clone {
        let (first, others): (_, &[Self]) = match self.node() {
            Node::Number(_)
            | Node::Extent(_)
            | Node::Position(_)
            | Node::Access(..)
            | Node::Delta(..) => (None, &[]),
            Node::Indicator(_, body)
            | Node::Sum(_, body)
            | Node::Reduce(_, _, body)
            | Node::Derivative(body, ..) => (Some(body), &[]),
            Node::Matrix(_, operand, _) => (Some(&operand.body), &[]),
            Node::Power(base, exponent) => (Some(base), std::slice::from_ref(exponent)),
            Node::Product(parts) | Node::Add(parts) | Node::Call(_, parts) => (None, parts),
        };
        first.into_iter().chain(others)
    }

    /// The same node with other parts, through the constructors.
    #[must_use]
    pub fn with_children(&self, mut parts: Vec<Self>) -> Self {
        debug_assert_eq!(self.children().count(), parts.len());
        match self.node() {
            Node::Number(_)
            | Node::Extent(_)
            | Node::Position(_)
            | Node::Access(..)
            | Node::Delta(..) => self.clone(),
            Node::Indicator(index, _) => Self::indicator(index, parts.swap_remove(0)),
            Node::Sum(indices, _) => Self::sum(indices, parts.swap_remove(0)),
            Node::Reduce(reduction, indices, _) => {
                Self::reduce(*reduction, indices, parts.swap_remove(0))
            }
            Node::Derivative(_, tensor, indices) => {
                parts.swap_remove(0).derivative(tensor, indices)
            }
            Node::Matrix(function, operand, at) => {
                let operand = Operand {
                    body: parts.swap_remove(0),
                    ..operand.clone()
                };
                Self::matrix(function, operand, at)
            }
            Node::Power(..) => {
                let exponent = parts.swap_remove(1);
                parts.swap_remove(0).power(exponent)
            }
            Node::Product(_) => Self::product(parts),
            Node::Add(_) => Self::addition(parts),
            Node::Call(callee, _) => Self::call(callee.clone(), parts),
        }
    }

    /// The same expression with each direct part replaced; shared where nothing changes.
    #[must_use]
    pub fn map_children(&self, mut f: impl FnMut(&Self) -> Self) -> Self {
        let children = self.children();
        let parts: Vec<Self> = children.clone().map(&mut f).collect();
        if parts.iter().zip(children).all(|(new, old)| new == old) {
            self.clone()
        } else {
            self.with_children(parts)
        }
    }

    /// Visits every part, this one first.
    pub fn visit<'a>(&'a self, f: &mut impl FnMut(&'a Self)) {
        f(self);
        for child in self.children() {
            child.visit(f);
        }
    }

    /// Whether some part satisfies `test`.
    pub fn any(&self, test: &mut impl FnMut(&Self) -> bool) -> bool {
        test(self) || self.children().any(|child| child.any(test))
    }

    /// Its factors: those of a product, else the expression alone.
    pub fn factors(&self) -> Vec<Self> {
        match self.node() {
            Node::Product(parts) => parts.clone(),
            _ => vec![self.clone()],
        }
    }

    /// Its terms: those of an addition, else the expression alone.
    pub fn terms(&self) -> Vec<Self> {
        match self.node() {
            Node::Add(parts) => parts.clone(),
            _ => vec![self.clone()],
        }
    }

    /// Its terms in the order in which a person writes them: a positive one leads where there is one.
    pub fn written_terms(&self) -> Vec<Self> {
        let mut terms = self.terms();
        let is_positive = |term: &Self| !term.split_coefficient().0.is_negative();
        if let Some(lead) = terms.iter().position(is_positive) {
            terms[..=lead].rotate_right(1);
        }
        terms
    }

    /// The number in front and the rest: `-2 * a * b` is `(-2, a * b)`.
    pub fn split_coefficient(&self) -> (Number, Self) {
        match self.node() {
            Node::Number(value) => (*value, Self::one()),
            Node::Product(parts) => match parts[0].node() {
                Node::Number(value) => (*value, Self::product(parts[1..].iter().cloned())),
                _ => (Number::ONE, self.clone()),
            },
            _ => (Number::ONE, self.clone()),
        }
    }

    /// What it is a power of; itself where it is none.
    pub(crate) fn base(&self) -> &Self {
        match self.node() {
            Node::Power(base, _) => base,
            _ => self,
        }
    }

    /// Base and exponent: any expression is a first power of itself.
    pub fn split_power(&self) -> (Self, Self) {
        match self.node() {
            Node::Power(base, exponent) => (base.clone(), exponent.clone()),
            _ => (self.clone(), Self::one()),
        }
    }

    /// The number of nodes.
    pub fn size(&self) -> usize {
        1 + self.children().map(Self::size).sum::<usize>()
    }

    /// Whether an element of `tensor` occurs.
    pub fn mentions(&self, tensor: &Tensor) -> bool {
        self.any(&mut |part| matches!(part.node(), Node::Access(other, _) if other == tensor))
    }

    /// The indices that occur free, in order of first occurrence.
    pub fn free_indices(&self) -> Vec<Index> {
        let mut free = Vec::new();
        self.collect_free(&mut Vec::new(), &mut free);
        free
    }

    fn collect_free(&self, bound: &mut Vec<Index>, free: &mut Vec<Index>) {
        let mut note = |index: &Index, bound: &[Index]| {
            if !bound.contains(index) && !free.contains(index) {
                free.push(index.clone());
            }
        };
        match self.node() {
            Node::Access(_, indices) => indices.iter().for_each(|index| note(index, bound)),
            Node::Delta(left, right) => {
                note(left, bound);
                note(right, bound);
            }
            Node::Indicator(index, _) | Node::Position(index) => note(index, bound),
            Node::Derivative(body, _, indices) => {
                body.collect_free(bound, free);
                for index in indices {
                    if !bound.contains(index) && !free.contains(index) {
                        free.push(index.clone());
                    }
                }
                return;
            }
            Node::Matrix(_, operand, at) => {
                for index in at {
                    note(index, bound);
                }
                let depth = bound.len();
                bound.extend([operand.rows.clone(), operand.columns.clone()]);
                operand.body.collect_free(bound, free);
                bound.truncate(depth);
                return;
            }
            Node::Sum(indices, body) | Node::Reduce(_, indices, body) => {
                let depth = bound.len();
                bound.extend(indices.iter().cloned());
                body.collect_free(bound, free);
                bound.truncate(depth);
                return;
            }
            _ => {}
        }
        for child in self.children() {
            child.collect_free(bound, free);
        }
    }

    /// Whether `index` occurs free.
    pub fn depends_on(&self, index: &Index) -> bool {
        match self.node() {
            Node::Access(_, indices) => indices.contains(index),
            Node::Delta(left, right) => left == index || right == index,
            Node::Position(own) => own == index,
            Node::Indicator(position, value) => position == index || value.depends_on(index),
            Node::Derivative(body, _, indices) => indices.contains(index) || body.depends_on(index),
            Node::Matrix(_, operand, at) => {
                at.contains(index)
                    || (operand.rows != *index
                        && operand.columns != *index
                        && operand.body.depends_on(index))
            }
            Node::Sum(indices, body) | Node::Reduce(_, indices, body) => {
                !indices.contains(index) && body.depends_on(index)
            }
            _ => self.children().any(|child| child.depends_on(index)),
        }
    }

    /// Replaces free indices. Binders keep their own indices, which are distinct from all others.
    #[must_use]
    pub fn substitute(&self, map: &HashMap<Index, Index>) -> Self {
        if map.is_empty() {
            return self.clone();
        }
        let to = |index: &Index| map.get(index).unwrap_or(index).clone();
        let all = |indices: &[Index]| indices.iter().map(to).collect::<Vec<_>>();
        match self.node() {
            Node::Access(tensor, indices) => Self::access(tensor, &all(indices)),
            Node::Delta(left, right) => Self::delta(&to(left), &to(right)),
            Node::Position(index) => Self::position(&to(index)),
            Node::Indicator(index, value) => Self::indicator(&to(index), value.substitute(map)),
            Node::Derivative(body, tensor, indices) => {
                body.substitute(map).derivative(tensor, &all(indices))
            }
            Node::Matrix(function, operand, at) => {
                let operand = Operand {
                    body: operand.body.substitute(map),
                    ..operand.clone()
                };
                Self::matrix(function, operand, &all(at))
            }
            _ => self.map_children(|child| child.substitute(map)),
        }
    }

    /// The same expression with a new index in every binder: needed wherever an expression is used twice.
    #[must_use]
    pub fn freshen(&self) -> Self {
        match self.node() {
            Node::Sum(indices, body) => {
                let (fresh, body) = freshen_binder(indices, body);
                Self::sum(&fresh, body)
            }
            Node::Reduce(reduction, indices, body) => {
                let (fresh, body) = freshen_binder(indices, body);
                Self::reduce(*reduction, &fresh, body)
            }
            Node::Matrix(function, operand, at) => Self::matrix(function, operand.freshen(), at),
            _ => self.map_children(Self::freshen),
        }
    }

    /// The part at `path`, each entry the position of a child.
    pub fn at(&self, path: &[usize]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self);
        };
        self.children().nth(*first)?.at(rest)
    }

    /// The expression with the part at `path` replaced.
    #[must_use]
    pub fn replace_at(&self, path: &[usize], new: Self) -> Self {
        let Some((first, rest)) = path.split_first() else {
            return new;
        };
        let mut parts: Vec<Self> = self.children().cloned().collect();
        if let Some(part) = parts.get_mut(*first) {
            *part = part.replace_at(rest, new);
        }
        self.with_children(parts)
    }
}

impl Operand {
    /// One element at the given row and column.
    pub fn at(&self, row: &Index, column: &Index) -> Expr {
        let map = HashMap::from([
            (self.rows.clone(), row.clone()),
            (self.columns.clone(), column.clone()),
        ]);
        self.body.freshen().substitute(&map)
    }

    /// The same matrix with new indices in every binder.
    #[must_use]
    pub fn freshen(&self) -> Self {
        let (rows, columns) = (self.rows.fresh(), self.columns.fresh());
        Self {
            body: self.at(&rows, &columns),
            rows,
            columns,
        }
    }

    /// The transposed matrix.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self {
            rows: self.columns.clone(),
            columns: self.rows.clone(),
            body: self.body.clone(),
        }
    }

    /// The extent of its rows; that of its columns is the same but for a triangle.
    pub fn extent(&self) -> &Dim {
        self.rows.extent()
    }
}

fn freshen_binder(indices: &[Index], body: &Expr) -> (Vec<Index>, Expr) {
    let fresh: Vec<Index> = indices.iter().map(Index::fresh).collect();
    let map = indices.iter().cloned().zip(fresh.iter().cloned()).collect();
    (fresh, body.freshen().substitute(&map))
}
