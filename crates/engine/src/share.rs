//! Values that cost much and that a reduction and another statement both need, such as the exponentials of a softmax:
//! they are computed once and kept, where nothing large lies in between. Every rewrite here keeps values.

use crate::schedule::stands_alone;
use crate::term::{Array, ArrayId, Axis, Combine, Origin, Position, Statement, Term};

/// A value over the whole iteration space of the statements that need it.
type Key = (Vec<usize>, Term);

/// The statements that need a value.
#[derive(Default)]
struct Users {
    places: Vec<usize>,
    reduces: bool,
}

/// Gives arrays to values that are worth it.
pub(crate) fn share(statements: &mut Vec<Statement>, arrays: &mut Vec<Array>) {
    let mut start = 0;
    while start < statements.len() {
        let barrier = statements[start..].iter().position(stands_alone);
        let end = barrier.map_or(statements.len(), |barrier| start + barrier);
        let grown = share_between(statements, arrays, start, end);
        start = end + grown + 1;
    }
}

/// Shares among the statements `start..end`; how many statements were added.
fn share_between(
    statements: &mut Vec<Statement>,
    arrays: &mut Vec<Array>,
    start: usize,
    end: usize,
) -> usize {
    let mut known: Vec<(Key, Users)> = Vec::new();
    for (place, statement) in statements.iter().enumerate().take(end).skip(start) {
        if statement.is_product() || statement.dense.is_some() {
            continue;
        }
        for value in costly(&statement.body, statement.extents.len()) {
            let key = (statement.extents.clone(), value);
            let at = known.iter().position(|(other, _)| *other == key);
            let at = at.unwrap_or_else(|| {
                known.push((key, Users::default()));
                known.len() - 1
            });
            let users = &mut known[at].1;
            if users.places.last() != Some(&place) {
                users.places.push(place);
            }
            users.reduces |= !statement.is_map();
        }
    }
    known.retain(|(_, users)| users.reduces && users.places.len() > 1);
    let mut computed = Vec::new();
    for ((extents, value), users) in known {
        let target = ArrayId(arrays.len());
        arrays.push(Array {
            name: format!("t{}", arrays.len()),
            shape: extents.clone(),
            origin: Origin::Temporary,
            classes: None,
        });
        let load = Term::Load(target, (0..extents.len()).map(Position::Axis).collect());
        for place in &users.places {
            let statement = &mut statements[*place];
            statement.body = replace(&statement.body, &value, &load);
        }
        let statement = Statement {
            target,
            rank: extents.len(),
            extents,
            combine: Combine::Sum,
            body: value,
            dense: None,
            scale: Term::ONE,
            adds: false,
        };
        computed.push((users.places[0], statement));
    }
    let count = computed.len();
    // From the last on: what is inserted leaves the places before it as they are.
    computed.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
    for (place, statement) in computed {
        statements.insert(place, statement);
    }
    count
}

/// The outermost parts of a term that cost much and run over all of so many axes, in their sorted form.
fn costly(term: &Term, axes: usize) -> Vec<Term> {
    if is_costly(term) {
        let mut own: Vec<Axis> = term.axes();
        own.sort_unstable();
        if own.into_iter().eq(0..axes) {
            return vec![term.sorted()];
        }
    }
    let mut found = Vec::new();
    term.each_part(&mut |part| found.extend(costly(part, axes)));
    found
}

fn is_costly(term: &Term) -> bool {
    matches!(term, Term::Unary(function, _) if function.is_costly())
}

fn replace(term: &Term, value: &Term, by: &Term) -> Term {
    if is_costly(term) && term.sorted() == *value {
        return by.clone();
    }
    term.with_parts(&mut |part| replace(part, value, by))
}
