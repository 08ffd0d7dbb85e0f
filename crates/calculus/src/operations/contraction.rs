//! The cheapest order of a contraction, by dynamic programming over the sets of factors. What a set of factors gives
//! does not depend on the order, so parts that are at hand are found whatever the order was elsewhere.

use super::Counter;
use crate::expr::{Expr, Node};
use crate::index::Index;

/// Factors up to which all orders are tried; beyond, the cheapest pairs are contracted first.
const MOST_FACTORS: usize = 9;

/// The factors of a contraction and, for each set of them (a bit for each factor), the cheapest way to it.
struct Orders {
    factors: Vec<Expr>,
    bound: Vec<Index>,
    /// All indices; the sets below have a bit for each.
    indices: Vec<Index>,
    outer: u64,
    /// Of each factor: its indices, those that follow from the others, whether it divides.
    spans: Vec<(u64, u64, bool)>,
    /// Of each set of factors: what it costs, and one half of its best division (zero where it is at hand).
    best: Vec<(u64, usize)>,
}

impl Counter<'_> {
    /// Counts a sum of a product, or a product.
    pub(super) fn contract(&mut self, expr: &Expr) -> Option<()> {
        let mut bound = Vec::new();
        let mut factors = Vec::new();
        flatten(expr, &mut bound, &mut factors);
        merge_deltas(&mut bound, &mut factors, &expr.free_indices());
        let outer: Vec<Index> = free(&factors)
            .into_iter()
            .filter(|index| !bound.contains(index))
            .collect();
        while factors.len() > MOST_FACTORS {
            self.contract_cheapest_pair(&mut bound, &mut factors, &outer)?;
        }
        // What the factors are made of may be what a part of the product is.
        for factor in &factors {
            let (base, exponent) = factor.split_power();
            if divides(factor) {
                self.compute(&base.power(exponent.negate()))?;
            } else {
                self.compute(factor)?;
            }
        }
        let whole = (1 << factors.len()) - 1;
        if whole == 0 {
            return Some(());
        }
        let orders = self.orders(factors, bound, &outer)?;
        self.follow(&orders, whole)?;
        if orders.divides(whole) {
            self.spend(self.size(&orders, orders.outer, orders.determined(whole))?);
        }
        Some(())
    }

    fn contract_cheapest_pair(
        &mut self,
        bound: &mut Vec<Index>,
        factors: &mut Vec<Expr>,
        outer: &[Index],
    ) -> Option<()> {
        let mut cheapest: Option<(u64, usize, usize)> = None;
        for right in 1..factors.len() {
            for left in 0..right {
                let both = [factors[left].clone(), factors[right].clone()];
                let size = self.elements(&free(&both))?;
                if cheapest.is_none_or(|(least, ..)| size < least) {
                    cheapest = Some((size, left, right));
                }
            }
        }
        let (_, left, right) = cheapest?;
        let pair = [factors.remove(right), factors.remove(left)];
        let elsewhere = free(factors);
        let (own, rest): (Vec<Index>, Vec<Index>) =
            std::mem::take(bound).into_iter().partition(|index| {
                !outer.contains(index)
                    && !elsewhere.contains(index)
                    && pair.iter().any(|factor| factor.depends_on(index))
            });
        *bound = rest;
        let part = Expr::sum(&own, Expr::product(pair));
        self.compute(&part)?;
        // As an opaque factor: it must not be flattened again.
        factors.push(part);
        Some(())
    }

    fn orders(&self, factors: Vec<Expr>, bound: Vec<Index>, outer: &[Index]) -> Option<Orders> {
        let indices = free(&factors);
        let bits = |wanted: &[Index]| -> u64 {
            let places = indices.iter().enumerate();
            places
                .filter(|(_, index)| wanted.contains(index))
                .fold(0, |set, (place, _)| set | 1 << place)
        };
        let span = |factor: &Expr| {
            let determined = match factor.node() {
                Node::Indicator(index, _) => bits(std::slice::from_ref(index)),
                _ => 0,
            };
            (bits(&factor.free_indices()), determined, divides(factor))
        };
        let mut orders = Orders {
            spans: factors.iter().map(span).collect(),
            outer: bits(outer),
            best: vec![(0, 0); 1 << factors.len()],
            factors,
            bound,
            indices: indices.clone(),
        };
        for set in 1..1_usize << orders.factors.len() {
            orders.best[set] = self.best(&orders, set)?;
        }
        Some(orders)
    }

    fn best(&self, orders: &Orders, set: usize) -> Option<(u64, usize)> {
        if set.is_power_of_two() {
            return Some((self.step(orders, set, orders.span(set), false)?, set));
        }
        if self.is_known(&orders.expr(set)) {
            return Some((0, 0));
        }
        let mut best = (u64::MAX, set);
        // Each division once: the half with the lowest factor.
        let lowest = set & set.wrapping_neg();
        let mut half = (set - 1) & set;
        while half > 0 {
            if half & lowest != 0 {
                let other = set & !half;
                let span = orders.kept(half) | orders.kept(other);
                let inverse = orders.divides(half) && orders.divides(other);
                let own = self
                    .size(orders, span, orders.determined(set))?
                    .saturating_add(self.step(orders, set, span, inverse)?);
                let total = orders.best[half].0.saturating_add(orders.best[other].0);
                if total.saturating_add(own) < best.0 {
                    best = (total.saturating_add(own), half);
                }
            }
            half = (half - 1) & set;
        }
        Some(best)
    }

    /// The additions that sum away what only `set` needs, once its factors are multiplied over `span`.
    fn step(&self, orders: &Orders, set: usize, span: u64, inverse: bool) -> Option<u64> {
        let kept = orders.kept(set);
        if span == kept {
            return Some(0);
        }
        let determined = orders.determined(set);
        let multiplied = self.size(orders, span, determined)?;
        let summed = self.size(orders, kept, determined)?;
        let single = set.is_power_of_two() && orders.spans[set.trailing_zeros() as usize].2;
        // What divides has to be inverted before it can be summed.
        let inversions = if inverse || single { multiplied } else { 0 };
        Some(multiplied.saturating_sub(summed).saturating_add(inversions))
    }

    fn size(&self, orders: &Orders, set: u64, determined: u64) -> Option<u64> {
        let places = orders.indices.iter().enumerate();
        let counted: Vec<Index> = places
            .filter(|(place, _)| (set & !determined) & (1 << place) != 0)
            .map(|(_, index)| index.clone())
            .collect();
        self.elements(&counted)
    }

    fn follow(&mut self, orders: &Orders, set: usize) -> Option<()> {
        let (cost, half) = orders.best[set];
        if half == 0 {
            return Some(());
        }
        if half == set {
            let part = orders.expr(set);
            if cost > 0 && !self.is_known(&part) {
                self.spend(cost);
                self.note(&part);
            }
            return Some(());
        }
        let other = set & !half;
        self.follow(orders, half)?;
        self.follow(orders, other)?;
        let below = orders.best[half].0.saturating_add(orders.best[other].0);
        self.spend(cost.saturating_sub(below));
        self.note(&orders.expr(set));
        Some(())
    }
}

impl Orders {
    fn span(&self, set: usize) -> u64 {
        let members = self.spans.iter().enumerate();
        members
            .filter(|(place, _)| set & (1 << place) != 0)
            .fold(0, |span, (_, (own, ..))| span | own)
    }

    fn determined(&self, set: usize) -> u64 {
        let members = self.spans.iter().enumerate();
        members
            .filter(|(place, _)| set & (1 << place) != 0)
            .fold(0, |span, (_, (_, own, _))| span | own)
    }

    /// The indices of `set` that the result or other factors need.
    fn kept(&self, set: usize) -> u64 {
        let others = ((1 << self.factors.len()) - 1) & !set;
        self.span(set) & (self.outer | self.span(others))
    }

    /// Whether `set` is the inverse of what was multiplied.
    fn divides(&self, set: usize) -> bool {
        let mut members = self.spans.iter().enumerate();
        members.all(|(place, (.., divides))| set & (1 << place) == 0 || *divides)
            && self.kept(set) == self.span(set)
    }

    /// What the factors of `set` give.
    fn expr(&self, set: usize) -> Expr {
        let kept = self.kept(set);
        let span = self.span(set);
        let places = self.indices.iter().enumerate();
        let summed: Vec<Index> = places
            .filter(|(place, index)| {
                (span & !kept) & (1 << place) != 0 && self.bound.contains(index)
            })
            .map(|(_, index)| index.clone())
            .collect();
        let members = self.factors.iter().enumerate();
        let factors = members
            .filter(|(place, _)| set & (1 << place) != 0)
            .map(|(_, factor)| factor.clone());
        Expr::sum(&summed, Expr::product(factors))
    }
}

/// Whether a product with `factor` is a quotient.
fn divides(factor: &Expr) -> bool {
    matches!(factor.split_power().1.node(), Node::Number(value) if value.is_negative())
}

/// The indices and factors of nested sums of products, with binders of their own.
fn flatten(expr: &Expr, bound: &mut Vec<Index>, factors: &mut Vec<Expr>) {
    match expr.node() {
        Node::Sum(indices, body) => {
            bound.extend(indices.iter().cloned());
            flatten(body, bound, factors);
        }
        Node::Product(parts) => {
            for part in parts {
                flatten(&part.freshen(), bound, factors);
            }
        }
        _ => factors.push(expr.clone()),
    }
}

/// Where a delta stands, one index suffices.
fn merge_deltas(bound: &mut Vec<Index>, factors: &mut Vec<Expr>, outer: &[Index]) {
    while let Some(place) = factors
        .iter()
        .position(|factor| matches!(factor.node(), Node::Delta(..)))
    {
        let delta = factors.swap_remove(place);
        let Node::Delta(left, right) = delta.node() else {
            return;
        };
        let (from, to) = if outer.contains(left) {
            (right, left)
        } else {
            (left, right)
        };
        let map = [(from.clone(), to.clone())].into_iter().collect();
        for factor in factors.iter_mut() {
            *factor = factor.substitute(&map);
        }
        bound.retain(|index| index != from);
    }
}

fn free(factors: &[Expr]) -> Vec<Index> {
    let mut indices: Vec<Index> = Vec::new();
    for index in factors.iter().flat_map(Expr::free_indices) {
        if !indices.contains(&index) {
            indices.push(index);
        }
    }
    indices
}
