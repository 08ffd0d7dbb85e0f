//! The order in which the factors of a sum are contracted, by cost at bound sizes.
//! Nothing here builds a statement.

use crate::term::Axis;

/// A binary order of contraction over the positions of the factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tree {
    Leaf(usize),
    Pair(Box<Tree>, Box<Tree>),
}

impl Tree {
    /// The factors below.
    pub(crate) fn leaves(&self) -> Vec<usize> {
        match self {
            Self::Leaf(place) => vec![*place],
            Self::Pair(left, right) => {
                let mut leaves = left.leaves();
                leaves.extend(right.leaves());
                leaves
            }
        }
    }
}

/// Up to this many factors every order is tried; beyond it the cheapest next pair is taken.
pub(crate) const EXHAUSTIVE: usize = 8;

/// The cheapest order found. `sets` holds the axes of each factor, of which there is at least one.
pub(crate) fn order(sets: &[Vec<Axis>], bound: &[Axis], extents: &[usize]) -> Tree {
    let problem = Problem::new(sets, bound, extents);
    if sets.len() <= EXHAUSTIVE {
        problem.exhaustive()
    } else {
        problem.greedy()
    }
}

struct Problem<'a> {
    axes: Vec<Axis>,
    sets: Vec<Vec<bool>>,
    bound: Vec<bool>,
    extents: &'a [usize],
}

impl<'a> Problem<'a> {
    fn new(sets: &[Vec<Axis>], bound: &[Axis], extents: &'a [usize]) -> Self {
        let mut axes: Vec<Axis> = sets.iter().flatten().copied().collect();
        axes.sort_unstable();
        axes.dedup();
        let flags = |set: &[Axis]| axes.iter().map(|axis| set.contains(axis)).collect();
        let sets = sets.iter().map(|set| flags(set)).collect();
        let bound = flags(bound);
        Self {
            axes,
            sets,
            bound,
            extents,
        }
    }

    /// The axes that the product of the factors in `members` still has once everything that no other
    /// factor needs is summed.
    fn open(&self, members: &dyn Fn(usize) -> bool) -> Vec<bool> {
        (0..self.axes.len())
            .map(|axis| {
                let occurs = |inside: bool| {
                    self.sets
                        .iter()
                        .enumerate()
                        .any(|(place, set)| members(place) == inside && set[axis])
                };
                occurs(true) && (!self.bound[axis] || occurs(false))
            })
            .collect()
    }

    fn volume(&self, set: &[bool]) -> f64 {
        let axes = self.axes.iter().zip(set).filter(|(_, member)| **member);
        axes.map(|(axis, _)| self.extents[*axis] as f64).product()
    }

    /// Multiplications of combining two partial products; an element-wise product that is no larger than
    /// an operand costs next to nothing, since it is fused with what follows.
    fn cost(&self, left: &[bool], right: &[bool]) -> f64 {
        let union: Vec<bool> = left.iter().zip(right).map(|(a, b)| *a || *b).collect();
        let volume = self.volume(&union);
        if union == left || union == right {
            volume * 0.125
        } else {
            volume
        }
    }

    fn exhaustive(&self) -> Tree {
        let count = self.sets.len();
        let full = (1_usize << count) - 1;
        let open: Vec<Vec<bool>> = (0..=full)
            .map(|members| self.open(&|place| members >> place & 1 == 1))
            .collect();
        let mut best: Vec<Option<(f64, Tree)>> = vec![None; full + 1];
        for members in 1..=full {
            if members.is_power_of_two() {
                best[members] = Some((0.0, Tree::Leaf(members.trailing_zeros() as usize)));
                continue;
            }
            // The part with the lowest member comes first: each split is seen once.
            let lowest = members & members.wrapping_neg();
            let mut part = (members - 1) & members;
            let mut found: Option<(f64, Tree)> = None;
            while part > 0 {
                let rest = members ^ part;
                if part & lowest != 0
                    && let (Some((left_cost, left)), Some((right_cost, right))) =
                        (&best[part], &best[rest])
                {
                    let cost = left_cost + right_cost + self.cost(&open[part], &open[rest]);
                    if found.as_ref().is_none_or(|(least, _)| cost < *least) {
                        let pair = Tree::Pair(Box::new(left.clone()), Box::new(right.clone()));
                        found = Some((cost, pair));
                    }
                }
                part = (part - 1) & members;
            }
            best[members] = found;
        }
        best.swap_remove(full)
            .map_or(Tree::Leaf(0), |(_, tree)| tree)
    }

    fn greedy(&self) -> Tree {
        let mut parts: Vec<Tree> = (0..self.sets.len()).map(Tree::Leaf).collect();
        while parts.len() > 1 {
            let open: Vec<Vec<bool>> = parts
                .iter()
                .map(|tree| {
                    let leaves = tree.leaves();
                    self.open(&|place| leaves.contains(&place))
                })
                .collect();
            let mut choice = (0, 1);
            let mut least = f64::INFINITY;
            for right in 1..parts.len() {
                for left in 0..right {
                    let cost = self.cost(&open[left], &open[right]);
                    if cost < least {
                        least = cost;
                        choice = (left, right);
                    }
                }
            }
            let right = parts.swap_remove(choice.1);
            let left = parts.swap_remove(choice.0);
            parts.push(Tree::Pair(Box::new(left), Box::new(right)));
        }
        parts.swap_remove(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_contracted_from_the_narrow_end() {
        // A[0,1] B[1,2] x[2]: the vector first.
        let tree = order(
            &[vec![0, 1], vec![1, 2], vec![2]],
            &[1, 2],
            &[100, 100, 100],
        );
        let pair = |left, right| Tree::Pair(Box::new(left), Box::new(right));
        let right = pair(Tree::Leaf(1), Tree::Leaf(2));
        assert_eq!(tree, pair(Tree::Leaf(0), right));
    }

    #[test]
    fn many_factors_use_each_once() {
        let sets: Vec<Vec<Axis>> = (0..12).map(|axis| vec![axis, axis + 1]).collect();
        let bound: Vec<Axis> = (1..12).collect();
        let mut leaves = order(&sets, &bound, &[3; 13]).leaves();
        leaves.sort_unstable();
        assert_eq!(leaves, (0..12).collect::<Vec<_>>());
    }
}
