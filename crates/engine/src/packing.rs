//! Left operands of large products that are packed as a whole before the product runs, so that its tiles share them:
//! otherwise each would pack them anew. Nothing here runs anything.

use std::collections::BTreeSet;

use crate::fuse::Fused;
use crate::product::{NEAR, PANEL_ROWS};
use crate::schedule::{Group, has_plain_tiles};
use crate::term::{Array, ArrayId, Combine, Origin, Position, Start, Statement, Term};

/// A larger operand is packed tile by tile, for the copy would be worth mentioning beside the arrays themselves.
const MOST_PACKED: usize = 1 << 20;

/// With fewer columns to multiply it by, a packed operand is not worth a stage of its own and its way from one core to the other:
/// steps of 784-512-256-10 and 784-128-10 took a tenth longer on two threads.
const LEAST_COLUMNS: usize = 1024;

/// Depth below which products are not packed.
const LEAST_DEPTH: usize = 16;

/// Gives each large product that is worth it a packed left operand, laid out by a group of its own one level before.
pub(crate) fn pack(fused: &mut Fused, groups: &mut Vec<Group>) {
    let chosen: Vec<(usize, Statement)> = (0..groups.len())
        .filter_map(|number| Some((number, left_operand(fused, &groups[number])?)))
        .collect();
    let levels: BTreeSet<usize> = chosen.iter().map(|(at, _)| groups[*at].level).collect();
    for group in groups.iter_mut() {
        group.level += levels.range(..=group.level).count();
    }
    let mut made: Vec<(usize, Statement)> = Vec::new();
    for (number, mut statement) in chosen {
        let level = groups[number].level - 1;
        let known = made.iter().find(|(other, known)| {
            *other == level && known.body == statement.body && known.extents == statement.extents
        });
        if let Some((_, known)) = known {
            groups[number].packed = Some(known.target);
            continue;
        }
        statement.target = ArrayId(fused.arrays.len());
        fused.arrays.push(Array {
            name: format!("t{}", fused.arrays.len()),
            // As many elements, in no order that a statement knows.
            shape: vec![statement.extents[0] * PANEL_ROWS, statement.extents[1]],
            origin: Origin::Temporary,
            classes: None,
        });
        groups[number].packed = Some(statement.target);
        let rows = statement.extents[0];
        groups.push(Group {
            rows,
            prefix: 1,
            strip: rows,
            whole: 1,
            level,
            members: vec![fused.statements.len()],
            alone: false,
            packs: true,
            packed: None,
            runs: Vec::new(),
        });
        made.push((level, statement.clone()));
        fused.statements.push(statement);
    }
}

/// The statement that lays the left operand of a group's product out in panels; nothing where that is not worth it.
fn left_operand(fused: &Fused, group: &Group) -> Option<Statement> {
    let product = &fused.statements[group.members[0]];
    if !group.alone || !has_plain_tiles(product) {
        return None;
    }
    let [rows, columns, depth] = product.extents[..] else {
        return None;
    };
    let left = product
        .body
        .factors()
        .iter()
        .find_map(|factor| match factor {
            Term::Load(array, positions) if positions.contains(&Position::Axis(0)) => {
                Some((*array, positions))
            }
            _ => None,
        });
    let (operand, positions) = left?;
    let matrices = product
        .body
        .arrays()
        .into_iter()
        .all(|array| fused.arrays[array.0].shape.len() == 2);
    let panels = rows.div_ceil(PANEL_ROWS);
    let packed = panels * PANEL_ROWS * depth;
    let narrow = columns < LEAST_COLUMNS || columns * depth <= NEAR;
    if !matrices || depth < LEAST_DEPTH || narrow || packed > MOST_PACKED {
        return None;
    }
    let row = Position::Split(0, 2, PANEL_ROWS);
    let at = if positions[0] == Position::Axis(0) {
        vec![row, Position::Axis(1)]
    } else {
        vec![Position::Axis(1), row]
    };
    Some(Statement {
        target: operand,
        extents: vec![panels, depth, PANEL_ROWS],
        rank: 3,
        combine: Combine::Sum,
        body: Term::Load(operand, at),
        dense: None,
        scale: Term::ONE,
        start: Start::Zero,
    })
}
