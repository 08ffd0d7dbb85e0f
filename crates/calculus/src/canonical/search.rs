//! The backtracking search for index names under which two expressions are the same. It keeps what is left to be
//! compared in lists of its own, never on the call stack, so that the size of an expression is no limit; beyond its
//! budget expressions count as different, never as equal.

use std::collections::HashMap;
use std::rc::Rc;

use super::is_symmetric;
use crate::affine::Affine;
use crate::expr::{Expr, Node, Operand};
use crate::functions::Transposition;
use crate::index::Index;
use crate::size::Size;

/// Goals that are looked at before two expressions count as different.
const BUDGET: usize = 40_000;

/// Something that must hold, a pattern on the left and its target on the right.
#[derive(Clone)]
enum Goal {
    /// The expressions are the same.
    Pair(Expr, Expr),
    /// The lists are the same in some order; the first of the pattern is none of the target's before `from`.
    Unordered {
        pattern: Vec<Expr>,
        target: Vec<Expr>,
        from: usize,
    },
    /// The pattern's indices stand for the target's, one by one.
    Bind(Vec<Index>, Vec<Index>),
    /// The pattern's binder introduces indices that stand for those of the target's, in any order.
    Open(Vec<Index>, Vec<Index>),
}

/// Goals in the order in which they are looked at; ways that part share the rest.
#[derive(Clone)]
struct Agenda(Option<Rc<(Goal, Agenda)>>);

impl Agenda {
    fn before(self, goals: Vec<Goal>) -> Self {
        goals
            .into_iter()
            .rev()
            .fold(self, |rest, goal| Self(Some(Rc::new((goal, rest)))))
    }
}

/// How much was known at some moment of the search.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    bound: usize,
    variables: usize,
    inner: usize,
}

/// A search for bindings of the pattern's indices.
pub(super) struct Search {
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
    pub(super) fn new(variables: &[Index], sides: [&Expr; 2]) -> Self {
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

    pub(super) fn bindings(&self) -> HashMap<Index, Index> {
        self.bound.iter().cloned().collect()
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            bound: self.bound.len(),
            variables: self.variables.len(),
            inner: self.inner.len(),
        }
    }

    pub(super) fn restore(&mut self, mark: Mark) {
        self.bound.truncate(mark.bound);
        self.variables.truncate(mark.variables);
        self.inner.truncate(mark.inner);
    }

    /// Binds indices so that the pattern is the target, or leaves the bindings as they were.
    pub(super) fn solve(&mut self, pattern: &Expr, target: &Expr) -> bool {
        let start = self.mark();
        let whole = vec![Goal::Pair(pattern.clone(), target.clone())];
        let mut choices = vec![(start, Agenda(None).before(whole))];
        while let Some((mark, agenda)) = choices.pop() {
            self.restore(mark);
            let Some(next) = agenda.0 else {
                return true;
            };
            let Some(budget) = self.budget.checked_sub(1) else {
                break;
            };
            self.budget = budget;
            let (goal, rest) = &*next;
            let ways = self.ways(goal);
            let mark = self.mark();
            let ways = ways.into_iter().rev();
            choices.extend(ways.map(|way| (mark, rest.clone().before(way))));
        }
        self.restore(start);
        false
    }

    /// The ways to reach a goal, each with the goals that it leaves, the first to be tried first; none where it is out
    /// of reach.
    fn ways(&mut self, goal: &Goal) -> Vec<Vec<Goal>> {
        match goal {
            Goal::Pair(pattern, target) if pattern.signature() == target.signature() => {
                self.pair(pattern, target)
            }
            Goal::Pair(..) => Vec::new(),
            Goal::Unordered {
                pattern,
                target,
                from,
            } => unordered(pattern, target, *from),
            Goal::Bind(pattern, target) => when(self.bind_all(pattern, target)),
            Goal::Open(pattern, target) => when(self.open(pattern, target)),
        }
    }

    fn pair(&mut self, pattern: &Expr, target: &Expr) -> Vec<Vec<Goal>> {
        let same = |left: &Expr, right: &Expr| Goal::Pair(left.clone(), right.clone());
        let bind = |left: &[&Index], right: &[&Index]| {
            let own = |indices: &[&Index]| indices.iter().copied().cloned().collect();
            Goal::Bind(own(left), own(right))
        };
        match (pattern.node(), target.node()) {
            (Node::Number(left), Node::Number(right)) => when(left == right),
            (Node::Extent(left), Node::Extent(right)) => when(left == right),
            (Node::Access(left, a), Node::Access(right, b)) if left == right => {
                let mut ways = vec![vec![Goal::Bind(a.clone(), b.clone())]];
                if right.is_symmetric() && self.may_use_symmetry() {
                    ways.push(vec![Goal::Bind(a.clone(), turned(b))]);
                }
                ways
            }
            (Node::Matrix(function, left, a), Node::Matrix(other, right, b))
                if function == other =>
            {
                self.matrix(function.transposition, (left, a), (right, b))
            }
            (Node::Delta(a, b), Node::Delta(c, d)) => {
                vec![vec![bind(&[a, b], &[c, d])], vec![bind(&[a, b], &[d, c])]]
            }
            (Node::Position(a), Node::Position(b)) => vec![vec![bind(&[a], &[b])]],
            (Node::Indicator(a, left), Node::Indicator(b, right)) => {
                match (Affine::of(left), Affine::of(right)) {
                    (Some(left), Some(right)) => {
                        let left = left.minus(&Affine::index(a));
                        equation(&left, &right.minus(&Affine::index(b)))
                    }
                    _ => vec![vec![bind(&[a], &[b]), same(left, right)]],
                }
            }
            (Node::Sum(a, left), Node::Sum(b, right)) => {
                vec![vec![Goal::Open(a.clone(), b.clone()), same(left, right)]]
            }
            (Node::Reduce(kind, a, left), Node::Reduce(other, b, right)) if kind == other => {
                vec![vec![Goal::Open(a.clone(), b.clone()), same(left, right)]]
            }
            (Node::Product(left), Node::Product(right)) | (Node::Add(left), Node::Add(right)) => {
                unordered(left, right, 0)
            }
            (Node::Power(a, b), Node::Power(c, d)) => vec![vec![same(a, c), same(b, d)]],
            (Node::Call(callee, left), Node::Call(other, right))
                if callee == other && left.len() == right.len() =>
            {
                let pairs = left.iter().zip(right);
                vec![pairs.map(|(left, right)| same(left, right)).collect()]
            }
            (Node::Derivative(left, of, a), Node::Derivative(right, other, b)) if of == other => {
                vec![vec![Goal::Bind(a.clone(), b.clone()), same(left, right)]]
            }
            _ => Vec::new(),
        }
    }

    /// A function of a matrix: as it stands, or of the transposed matrix as far as the function allows.
    fn matrix(
        &mut self,
        transposition: Transposition,
        (left, a): (&Operand, &[Index]),
        (right, b): (&Operand, &[Index]),
    ) -> Vec<Vec<Goal>> {
        let mut operands = vec![(right.clone(), b.to_vec())];
        match transposition {
            Transposition::Unrelated => {}
            Transposition::Unchanged | Transposition::Symmetrising => {
                operands.push((right.transposed(), b.to_vec()));
            }
            Transposition::Transposed => {
                operands.push((right.transposed(), turned(b)));
                if self.may_use_symmetry() && is_symmetric(right) {
                    operands.push((right.clone(), turned(b)));
                }
            }
        }
        let way = |(operand, at): (Operand, Vec<Index>)| {
            vec![
                Goal::Bind(a.to_vec(), at),
                Goal::Open(vec![left.rows.clone()], vec![operand.rows]),
                Goal::Open(vec![left.columns.clone()], vec![operand.columns]),
                Goal::Pair(left.body.clone(), operand.body),
            ]
        };
        operands.into_iter().map(way).collect()
    }

    fn may_use_symmetry(&mut self) -> bool {
        *self.symmetry.get_or_insert_with(|| {
            let mut is_derivative = |part: &Expr| matches!(part.node(), Node::Derivative(..));
            !self.sides.iter().any(|side| side.any(&mut is_derivative))
        })
    }

    fn bind_all(&mut self, pattern: &[Index], target: &[Index]) -> bool {
        pattern.len() == target.len()
            && pattern
                .iter()
                .zip(target)
                .all(|(left, right)| self.bind(left, right))
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

    fn open(&mut self, pattern: &[Index], target: &[Index]) -> bool {
        let allowed = Some(target.to_vec());
        self.inner.extend_from_slice(target);
        self.variables
            .extend(pattern.iter().map(|index| (index.clone(), allowed.clone())));
        pattern.len() == target.len()
    }
}

/// One way that leaves nothing to be done, or none.
fn when(holds: bool) -> Vec<Vec<Goal>> {
    if holds { vec![Vec::new()] } else { Vec::new() }
}

fn turned(indices: &[Index]) -> Vec<Index> {
    indices.iter().rev().cloned().collect()
}

/// The first of the pattern is the next candidate of the target from `from` on, or a later one.
fn unordered(pattern: &[Expr], target: &[Expr], from: usize) -> Vec<Vec<Goal>> {
    if pattern.len() != target.len() {
        return Vec::new();
    }
    let Some((first, others)) = pattern.split_first() else {
        return when(true);
    };
    let fits = |candidate: &Expr| candidate.signature() == first.signature();
    let Some(position) = (from..target.len()).find(|position| fits(&target[*position])) else {
        return Vec::new();
    };
    let mut remaining = target.to_vec();
    let candidate = remaining.remove(position);
    let mut ways = vec![vec![
        Goal::Pair(first.clone(), candidate),
        Goal::Unordered {
            pattern: others.to_vec(),
            target: remaining,
            from: 0,
        },
    ]];
    if target[position + 1..].iter().any(fits) {
        ways.push(vec![Goal::Unordered {
            pattern: pattern.to_vec(),
            target: target.to_vec(),
            from: position + 1,
        }]);
    }
    ways
}

/// Two equations `left == 0` and `right == 0`, in any order and with either sign.
fn equation(left: &Affine, right: &Affine) -> Vec<Vec<Goal>> {
    let terms = |affine: &Affine| -> Vec<Expr> {
        let alone = |(index, coefficient): &(Index, Size)| Affine {
            terms: vec![(index.clone(), coefficient.clone())],
            constant: Size::integer(0),
        };
        affine.terms.iter().map(|term| alone(term).expr()).collect()
    };
    let signs = [1, -1].into_iter();
    let turned = signs.map(|sign| right.scaled(&Size::integer(sign)));
    let alike = turned.filter(|right| left.constant == right.constant);
    let way = |right: Affine| {
        vec![Goal::Unordered {
            pattern: terms(left),
            target: terms(&right),
            from: 0,
        }]
    };
    alike.map(way).collect()
}
