//! Letters for indices that no author has named. Nothing here changes what an expression means.

use std::collections::{HashMap, HashSet};

use super::value::Value;
use crate::expr::{Expr, Node, Operand};
use crate::index::Index;

/// Letters for the axes of a definition. `k` and `l` are left to the indices of a derivative's variable.
const FREE: &[&str] = &[
    "i", "j", "m", "n", "u", "v", "w", "a", "b", "c", "d", "f", "g",
];

/// Letters for bound indices; those that have a small form below the line in Unicode come first.
const BOUND: &[&str] = &[
    "p", "r", "s", "t", "u", "v", "q", "w", "a", "b", "c", "d", "f", "g",
];

/// The value with a letter for every index that has none: distinct within the value, and no name of the program.
pub(super) fn lettered(value: &Value, is_taken: &dyn Fn(&str) -> bool) -> Value {
    let mut used = HashSet::new();
    let mut nameless = Vec::new();
    let mut note = |index: &Index| {
        if index.letter().is_empty() {
            nameless.push(index.clone());
        } else {
            used.insert(index.letter().to_owned());
        }
    };
    value.indices.iter().for_each(&mut note);
    value.body.visit(&mut |part| {
        if let Node::Sum(bound, _) | Node::Reduce(_, bound, _) = part.node() {
            bound.iter().for_each(&mut note);
        }
        if let Node::Matrix(_, operand, _) = part.node() {
            note(&operand.rows);
            note(&operand.columns);
        }
    });
    let mut map: HashMap<Index, Index> = HashMap::new();
    for index in nameless {
        if map.contains_key(&index) {
            continue;
        }
        let letters = if value.indices.contains(&index) {
            FREE
        } else {
            BOUND
        };
        let letter = next(letters, &used, is_taken);
        used.insert(letter.clone());
        let extent = index.extent().clone();
        map.insert(index, Index::new(letter, extent));
    }
    let to = |index: &Index| map.get(index).unwrap_or(index).clone();
    Value {
        indices: value.indices.iter().map(to).collect(),
        body: renamed(&value.body, &map),
    }
}

fn next(letters: &[&str], used: &HashSet<String>, is_taken: &dyn Fn(&str) -> bool) -> String {
    let plain = letters.iter().map(|letter| (*letter).to_owned());
    let numbered = (1..).map(|number| format!("{}{number}", letters[0]));
    plain
        .chain(numbered)
        .find(|letter| !used.contains(letter) && !is_taken(letter))
        .unwrap_or_default()
}

/// Replaces indices everywhere, binders included.
fn renamed(body: &Expr, map: &HashMap<Index, Index>) -> Expr {
    let all = |indices: &[Index]| -> Vec<Index> {
        indices
            .iter()
            .map(|index| map.get(index).unwrap_or(index).clone())
            .collect()
    };
    match body.node() {
        Node::Sum(bound, inner) => Expr::sum(&all(bound), renamed(inner, map)),
        Node::Reduce(reduction, bound, inner) => {
            Expr::reduce(*reduction, &all(bound), renamed(inner, map))
        }
        Node::Matrix(function, operand, at) => {
            let to = |index: &Index| map.get(index).unwrap_or(index).clone();
            let operand = Operand {
                rows: to(&operand.rows),
                columns: to(&operand.columns),
                body: renamed(&operand.body, map),
            };
            Expr::matrix(function, operand, &all(at))
        }
        Node::Indicator(index, inner) => {
            let index = map.get(index).unwrap_or(index);
            Expr::indicator(index, renamed(inner, map))
        }
        Node::Access(..) | Node::Delta(..) | Node::Position(_) => body.substitute(map),
        _ => body.map_children(|child| renamed(child, map)),
    }
}
