//! Equality up to the names of bound indices and the order of factors and terms. It lives here and
//! nowhere else. The search has a budget; beyond it expressions count as different, never as equal.

use std::collections::HashMap;

use crate::affine::Affine;
use crate::expr::{Expr, Node, Operand};
use crate::functions::Transposition;
use crate::index::Index;
use crate::rules;
use crate::size::Size;

/// Search steps before two expressions count as different.
const BUDGET: usize = 20_000;
/// Terms to which an expression is multiplied out before comparison is given up.
const MOST_TERMS: usize = 96;

/// Whether `left` and `right` are the same up to bound names and order.
///
/// ```
/// use backprove_calculus::{canonical, Dim, Expr, Index, Tensor};
/// let x = Tensor::new("x", vec![Dim::symbol("N")]);
/// let sum = |letter| {
///     let index = Index::new(letter, Dim::symbol("N"));
///     Expr::sum(&[index.clone()], Expr::access(&x, &[index]))
/// };
/// assert!(canonical::alike(&sum("i"), &sum("j")));
/// ```
pub fn alike(left: &Expr, right: &Expr) -> bool {
    left == right || matches(left, right, &[]).is_some()
}

/// Whether `left` and `right` are equal once multiplied out: sums drawn outward, deltas contracted,
/// like terms collected.
pub fn equal(left: &Expr, right: &Expr) -> bool {
    alike(left, right)
        || match (multiplied_out(left), multiplied_out(right)) {
            (Some(left), Some(right)) => alike(&left, &right),
            _ => false,
        }
}

/// Finds values for the `variables` (free indices of `pattern`) under which `pattern` is
/// [`alike`] `target`.
pub fn matches(
    pattern: &Expr,
    target: &Expr,
    variables: &[Index],
) -> Option<HashMap<Index, Index>> {
    // Renaming indices never changes a signature.
    if pattern.signature() != target.signature() {
        return None;
    }
    let mut search = Search::new(variables, [pattern, target]);
    search
        .solve(&[Goal::Pair(pattern.clone(), target.clone())])
        .then(|| search.bindings())
}

/// As [`matches`], for a pattern whose factors may be only some of the target's: returns the
/// bindings and the factors of the target that are left over. A factor `b^-1` of the pattern may be
/// taken from a factor `b^-2` of the target.
pub fn matches_factors(
    pattern: &Expr,
    target: &Expr,
    variables: &[Index],
) -> Option<(HashMap<Index, Index>, Vec<Expr>)> {
    let pattern_factors = pattern.factors();
    let target_factors = target.factors();
    let mut search = Search::new(variables, [pattern, target]);
    let mut left_over = None;
    take_factors(
        &mut search,
        &pattern_factors,
        &target_factors,
        &mut left_over,
    )
    .then(|| (search.bindings(), left_over.unwrap_or_default()))
}

/// As [`matches`], for an addition whose terms may be only some of the target's: returns the bindings and the
/// terms of the target that are left over.
pub fn matches_terms(
    pattern: &Expr,
    target: &Expr,
    variables: &[Index],
) -> Option<(HashMap<Index, Index>, Vec<Expr>)> {
    let mut search = Search::new(variables, [pattern, target]);
    let mut left_over = None;
    take_terms(
        &mut search,
        &pattern.terms(),
        &target.terms(),
        &mut left_over,
    )
    .then(|| (search.bindings(), left_over.unwrap_or_default()))
}

fn take_terms(
    search: &mut Search,
    pattern: &[Expr],
    target: &[Expr],
    left_over: &mut Option<Vec<Expr>>,
) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        *left_over = Some(target.to_vec());
        return true;
    };
    for position in 0..target.len() {
        if first.signature() != target[position].signature() {
            continue;
        }
        let mark = search.bound.len();
        if search.solve(&[Goal::Pair(first.clone(), target[position].clone())]) {
            let mut others = target.to_vec();
            others.remove(position);
            if take_terms(search, rest, &others, left_over) {
                return true;
            }
        }
        search.bound.truncate(mark);
    }
    false
}

fn take_factors(
    search: &mut Search,
    pattern: &[Expr],
    target: &[Expr],
    left_over: &mut Option<Vec<Expr>>,
) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        *left_over = Some(target.to_vec());
        return true;
    };
    let (base, exponent) = first.split_power();
    for position in 0..target.len() {
        let (target_base, target_exponent) = target[position].split_power();
        let remaining = Expr::addition([target_exponent.clone(), exponent.negate()]);
        let divides = remaining.is_zero() || takes_from(&exponent, &target_exponent);
        if !divides || base.signature() != target_base.signature() {
            continue;
        }
        let mark = search.bound.len();
        if search.solve(&[Goal::Pair(base.clone(), target_base.clone())]) {
            let mut others = target.to_vec();
            if remaining.is_zero() {
                others.remove(position);
            } else {
                others[position] = target_base.power(remaining);
            }
            if take_factors(search, rest, &others, left_over) {
                return true;
            }
        }
        search.bound.truncate(mark);
    }
    false
}

/// Whether `b^part` can be split off `b^whole` leaving an exponent of the same sign.
fn takes_from(part: &Expr, whole: &Expr) -> bool {
    match (part.node(), whole.node()) {
        (Node::Number(part), Node::Number(whole)) => {
            let (part, whole) = (part.to_f64(), whole.to_f64());
            part * whole > 0.0 && part.abs() < whole.abs()
        }
        _ => false,
    }
}

#[derive(Clone)]
enum Goal {
    Pair(Expr, Expr),
    Unordered(Vec<Expr>, Vec<Expr>),
}

/// A backtracking search for bindings of the pattern's indices.
struct Search {
    /// Pattern indices that may be bound, with the target indices they may take (`None`: any free one).
    variables: Vec<(Index, Option<Vec<Index>>)>,
    /// Indices that a binder of the target introduced.
    inner: Vec<Index>,
    bound: Vec<(Index, Index)>,
    budget: usize,
    /// What is compared as a whole.
    sides: [Expr; 2],
    /// Whether a declared symmetry may be used, once that was asked: the derivative by an element of a symmetric
    /// matrix is taken as if the opposite element stayed, so that under it the two elements differ.
    symmetry: Option<bool>,
}

impl Search {
    fn new(variables: &[Index], sides: [&Expr; 2]) -> Self {
        Self {
            variables: variables
                .iter()
                .map(|index| (index.clone(), None))
                .collect(),
            inner: Vec::new(),
            bound: Vec::new(),
            budget: BUDGET,
            sides: sides.map(Expr::clone),
            symmetry: None,
        }
    }

    fn may_use_symmetry(&mut self) -> bool {
        *self.symmetry.get_or_insert_with(|| {
            let mut is_derivative = |part: &Expr| matches!(part.node(), Node::Derivative(..));
            !self.sides.iter().any(|side| side.any(&mut is_derivative))
        })
    }

    fn bindings(&self) -> HashMap<Index, Index> {
        self.bound.iter().cloned().collect()
    }

    fn bind(&mut self, pattern: &Index, target: &Index) -> bool {
        if let Some((_, value)) = self.bound.iter().find(|(index, _)| index == pattern) {
            return value == target;
        }
        let Some((_, allowed)) = self
            .variables
            .iter()
            .rev()
            .find(|(index, _)| index == pattern)
        else {
            return pattern == target;
        };
        let fits = pattern.extent() == target.extent()
            && match allowed {
                // A bound index stands for exactly one bound index of the matching binder.
                Some(allowed) => {
                    allowed.contains(target) && !self.bound.iter().any(|(_, value)| value == target)
                }
                // A free variable must not capture.
                None => !self.inner.contains(target),
            };
        if fits {
            self.bound.push((pattern.clone(), target.clone()));
        }
        fits
    }

    fn bind_all(&mut self, pattern: &[Index], target: &[Index]) -> bool {
        pattern.len() == target.len()
            && pattern
                .iter()
                .zip(target)
                .all(|(left, right)| self.bind(left, right))
    }

    /// Solves all goals, or leaves the bindings as they were.
    fn solve(&mut self, goals: &[Goal]) -> bool {
        let Some((first, rest)) = goals.split_first() else {
            return true;
        };
        let Some(budget) = self.budget.checked_sub(1) else {
            return false;
        };
        self.budget = budget;
        let mark = (self.bound.len(), self.variables.len(), self.inner.len());
        let solved = match first {
            Goal::Pair(pattern, target) => self.pair(pattern, target, rest),
            Goal::Unordered(pattern, target) => self.unordered(pattern, target, rest),
        };
        if !solved {
            self.bound.truncate(mark.0);
            self.variables.truncate(mark.1);
            self.inner.truncate(mark.2);
        }
        solved
    }

    fn unordered(&mut self, pattern: &[Expr], target: &[Expr], rest: &[Goal]) -> bool {
        let Some((first, others)) = pattern.split_first() else {
            return self.solve(rest);
        };
        for (position, candidate) in target.iter().enumerate() {
            if candidate.signature() != first.signature() {
                continue;
            }
            let mut remaining = target.to_vec();
            remaining.remove(position);
            let mut goals = vec![
                Goal::Pair(first.clone(), candidate.clone()),
                Goal::Unordered(others.to_vec(), remaining),
            ];
            goals.extend_from_slice(rest);
            if self.solve(&goals) {
                return true;
            }
        }
        false
    }

    fn pair(&mut self, pattern: &Expr, target: &Expr, rest: &[Goal]) -> bool {
        if pattern.signature() != target.signature() {
            return false;
        }
        match (pattern.node(), target.node()) {
            (Node::Number(left), Node::Number(right)) => left == right && self.solve(rest),
            (Node::Extent(left), Node::Extent(right)) => left == right && self.solve(rest),
            (Node::Access(left, a), Node::Access(right, b)) => {
                left == right && self.access(a, b, right.is_symmetric(), rest)
            }
            (Node::Matrix(function, left, a), Node::Matrix(other, right, b)) => {
                function == other
                    && self.matrix(function.transposition, (left, a), (right, b), rest)
            }
            (Node::Delta(a, b), Node::Delta(c, d)) => [(c, d), (d, c)].into_iter().any(|(c, d)| {
                self.attempt(|search| search.bind(a, c) && search.bind(b, d) && search.solve(rest))
            }),
            (Node::Position(a), Node::Position(b)) => self.bind(a, b) && self.solve(rest),
            (Node::Indicator(a, left), Node::Indicator(b, right)) => {
                match (Affine::of(left), Affine::of(right)) {
                    (Some(left), Some(right)) => {
                        let left = left.minus(&Affine::index(a));
                        self.equation(&left, &right.minus(&Affine::index(b)), rest)
                    }
                    _ => self.bind(a, b) && self.then(&[(left, right)], rest),
                }
            }
            (Node::Sum(a, left), Node::Sum(b, right)) => {
                self.open(a, b) && self.then(&[(left, right)], rest)
            }
            (Node::Reduce(kind, a, left), Node::Reduce(other, b, right)) => {
                kind == other && self.open(a, b) && self.then(&[(left, right)], rest)
            }
            (Node::Product(left), Node::Product(right)) | (Node::Add(left), Node::Add(right)) => {
                left.len() == right.len() && self.unordered(left, right, rest)
            }
            (Node::Power(a, b), Node::Power(c, d)) => self.then(&[(a, c), (b, d)], rest),
            (Node::Call(callee, left), Node::Call(other, right)) => {
                let pairs: Vec<_> = left.iter().zip(right).collect();
                callee == other && left.len() == right.len() && self.then(&pairs, rest)
            }
            (Node::Derivative(left, of, a), Node::Derivative(right, other, b)) => {
                of == other && self.bind_all(a, b) && self.then(&[(left, right)], rest)
            }
            _ => false,
        }
    }

    /// Two equations `left == 0` and `right == 0`, in any order and with either sign.
    fn equation(&mut self, left: &Affine, right: &Affine, rest: &[Goal]) -> bool {
        let terms = |affine: &Affine| -> Vec<Expr> {
            let alone = |(index, coefficient): &(Index, Size)| Affine {
                terms: vec![(index.clone(), coefficient.clone())],
                constant: Size::integer(0),
            };
            affine.terms.iter().map(|term| alone(term).expr()).collect()
        };
        [1, -1].into_iter().any(|sign| {
            let right = right.scaled(&Size::integer(sign));
            left.constant == right.constant
                && left.terms.len() == right.terms.len()
                && self.unordered(&terms(left), &terms(&right), rest)
        })
    }

    /// Binds the indices of an element; those of a symmetric matrix in either order.
    fn access(
        &mut self,
        pattern: &[Index],
        target: &[Index],
        symmetric: bool,
        rest: &[Goal],
    ) -> bool {
        let mark = self.bound.len();
        if self.bind_all(pattern, target) && self.solve(rest) {
            return true;
        }
        self.bound.truncate(mark);
        let turned: Vec<Index> = target.iter().rev().cloned().collect();
        symmetric && self.may_use_symmetry() && self.bind_all(pattern, &turned) && self.solve(rest)
    }

    /// A function of a matrix: as it stands, or of the transposed matrix as far as the function allows.
    fn matrix(
        &mut self,
        transposition: Transposition,
        (left, a): (&Operand, &[Index]),
        (right, b): (&Operand, &[Index]),
        rest: &[Goal],
    ) -> bool {
        let turned: Vec<Index> = b.iter().rev().cloned().collect();
        let mut attempts = vec![(right.clone(), b)];
        match transposition {
            Transposition::Unrelated => {}
            Transposition::Unchanged | Transposition::Symmetrising => {
                attempts.push((right.transposed(), b));
            }
            Transposition::Transposed => {
                attempts.push((right.transposed(), &turned));
                if self.may_use_symmetry() && is_symmetric(right) {
                    attempts.push((right.clone(), &turned));
                }
            }
        }
        let mark = (self.bound.len(), self.variables.len(), self.inner.len());
        for (operand, at) in attempts {
            if self.bind_all(a, at) {
                let pairs = [
                    (&left.rows, &operand.rows),
                    (&left.columns, &operand.columns),
                ];
                for (own, target) in pairs {
                    self.inner.push(target.clone());
                    self.variables
                        .push((own.clone(), Some(vec![target.clone()])));
                }
                if self.then(&[(&left.body, &operand.body)], rest) {
                    return true;
                }
            }
            self.bound.truncate(mark.0);
            self.variables.truncate(mark.1);
            self.inner.truncate(mark.2);
        }
        false
    }

    /// Tries one of several ways: if it fails, the bindings are as they were.
    fn attempt(&mut self, way: impl FnOnce(&mut Self) -> bool) -> bool {
        let mark = self.bound.len();
        let solved = way(self);
        if !solved {
            self.bound.truncate(mark);
        }
        solved
    }

    fn then(&mut self, pairs: &[(&Expr, &Expr)], rest: &[Goal]) -> bool {
        let pairs = pairs
            .iter()
            .map(|(left, right)| Goal::Pair((*left).clone(), (*right).clone()));
        let goals: Vec<Goal> = pairs.chain(rest.iter().cloned()).collect();
        self.solve(&goals)
    }

    fn open(&mut self, pattern: &[Index], target: &[Index]) -> bool {
        let allowed = Some(target.to_vec());
        self.inner.extend_from_slice(target);
        self.variables
            .extend(pattern.iter().map(|index| (index.clone(), allowed.clone())));
        pattern.len() == target.len()
    }
}

/// Whether the matrix is [`alike`] its transpose.
pub fn is_symmetric(operand: &Operand) -> bool {
    let turned = HashMap::from([
        (operand.rows.clone(), operand.columns.clone()),
        (operand.columns.clone(), operand.rows.clone()),
    ]);
    alike(&operand.body, &operand.body.substitute(&turned))
}

/// The expression as a sum of products: sums drawn outward, deltas contracted, products multiplied
/// out, like factors and terms collected. `None` beyond the budget.
pub fn multiplied_out(expr: &Expr) -> Option<Expr> {
    let parts: Option<Vec<Expr>> = expr.children().into_iter().map(multiplied_out).collect();
    let expr = expr.with_children(parts?);
    let expr = match expr.node() {
        Node::Product(_) => {
            let mut terms = vec![(Vec::<Index>::new(), Vec::<Expr>::new())];
            for factor in expr.factors() {
                let mut next = Vec::new();
                for (indices, factors) in &terms {
                    for term in factor.terms() {
                        // Every copy of a factor gets binders of its own, or two copies would share them.
                        let (own, body) = match term.freshen().node() {
                            Node::Sum(own, body) => (own.clone(), body.clone()),
                            _ => (Vec::new(), term.freshen()),
                        };
                        let mut factors = factors.clone();
                        factors.extend(body.factors());
                        next.push(([indices.clone(), own].concat(), factors));
                    }
                }
                terms = next;
                if terms.len() > MOST_TERMS {
                    return None;
                }
            }
            Expr::addition(terms.into_iter().map(|(indices, factors)| {
                let product = rules::algebra::collect_powers(&Expr::product(factors));
                reduce_sum(&Expr::sum(&indices, product))
            }))
        }
        Node::Sum(indices, body) if matches!(body.node(), Node::Add(_)) => Expr::addition(
            body.terms()
                .into_iter()
                .map(|term| reduce_sum(&Expr::sum(indices, term).freshen())),
        ),
        Node::Sum(..) => reduce_sum(&expr),
        // Powers of the factors may simplify in their turn.
        Node::Power(..) => match rules::algebra::simplify_power(&expr) {
            Some(simpler) => return multiplied_out(&simpler),
            None => expr,
        },
        _ => expr,
    };
    match expr.node() {
        Node::Add(_) => Some(rules::algebra::collect_terms(&expr).unwrap_or(expr)),
        _ => Some(expr),
    }
}

/// Contracts the deltas of a sum and turns unused indices into extents.
fn reduce_sum(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    while let Some(next) = same_position(&expr) {
        expr = next;
    }
    while let Some(next) = rules::delta::contract(&expr).or_else(|| rules::sum::unused_index(&expr))
    {
        expr = next;
    }
    // The number and the factors without a bound index stay inside: only so are two forms alike.
    let Node::Product(factors) = expr.node() else {
        return expr;
    };
    let sums = factors
        .iter()
        .filter(|factor| matches!(factor.node(), Node::Sum(..)));
    let indices: Vec<Index> = sums.clone().flat_map(binder).collect();
    if indices.is_empty() {
        return expr;
    }
    let bodies = factors.iter().map(|factor| match factor.node() {
        Node::Sum(_, body) => body.clone(),
        _ => factor.clone(),
    });
    Expr::sum(
        &indices,
        rules::algebra::collect_powers(&Expr::product(bodies)),
    )
}

/// Two summed indices that stand at the same position are one.
fn same_position(expr: &Expr) -> Option<Expr> {
    let Node::Sum(indices, body) = expr.node() else {
        return None;
    };
    let factors = body.factors();
    let positions: Vec<(usize, &Index, Affine)> = factors
        .iter()
        .enumerate()
        .filter_map(|(place, factor)| match factor.node() {
            Node::Indicator(index, value) if indices.contains(index) => {
                Some((place, index, Affine::of(value)?))
            }
            _ => None,
        })
        .collect();
    for (later, (place, second, position)) in positions.iter().enumerate() {
        for (_, first, other) in &positions[..later] {
            let apart = position.minus(other);
            let same = apart.terms.is_empty() && apart.constant.as_integer() == Some(0);
            if !same || first == second || first.extent() != second.extent() {
                continue;
            }
            let map = HashMap::from([((*second).clone(), (*first).clone())]);
            let rest = factors.iter().enumerate().filter(|(own, _)| own != place);
            let rest = rest.map(|(_, factor)| factor.substitute(&map));
            let bound: Vec<Index> = indices
                .iter()
                .filter(|own| own != second)
                .cloned()
                .collect();
            return Some(Expr::sum(&bound, Expr::product(rest)));
        }
    }
    None
}

fn binder(expr: &Expr) -> Vec<Index> {
    match expr.node() {
        Node::Sum(indices, _) => indices.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
