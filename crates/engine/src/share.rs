//! Values that cost much and that several statements need: computed once and kept, or computed again by each, whichever costs less.
//! Every rewrite here keeps values.

use std::ops::Range;

use crate::schedule::stands_alone;
use crate::term::{Array, ArrayId, Axis, Combine, Origin, Position, Start, Statement, Term};

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
    // Such as the exponentials of a softmax, which their sum and the quotient need strip by strip, where nothing large lies in
    // between.
    let mut start = 0;
    while start < statements.len() {
        let barrier = statements[start..].iter().position(stands_alone);
        let end = barrier.map_or(statements.len(), |barrier| start + barrier);
        let grown = share_between(statements, arrays, start..end, &|_, users| users.reduces);
        start = end + grown + 1;
    }
    // Such as the exponentials of an activation, which the backward pass needs again: statements with a product between them do
    // not become one loop.
    let breaks: Vec<bool> = statements.iter().map(stands_between).collect();
    let all = 0..statements.len();
    share_between(statements, arrays, all, &|(extents, value), users| {
        let (first, last) = (users.places[0], users.places[users.places.len() - 1]);
        breaks[first..last].contains(&true) && is_kept(extents, value, users.places.len())
    });
}

fn stands_between(statement: &Statement) -> bool {
    statement.is_product() || statement.dense.is_some()
}

/// Elements that are still in a core's cache when they are needed again.
pub(crate) const NEAR: usize = 128 * 1024;

/// What it costs to write or to read an element that is near, and one that has to go to memory and back, in cheap operations: a core
/// does about as many while the element moves (the rates are in `benches/README.md`).
const MOVED: [usize; 2] = [2, 12];

/// What it costs to write or to read an element of so many, in cheap operations.
pub(crate) fn moved(volume: usize) -> usize {
    MOVED[usize::from(volume > NEAR)]
}

/// Whether it costs less to keep a value, to write it once and to read it each time, than to compute it each time.
fn is_kept(extents: &[usize], value: &Term, users: usize) -> bool {
    moved(extents.iter().product()) * (users + 1) < value.weight() * (users - 1)
}

/// Shares those values that are worth it among the statements of a range; how many statements were added.
fn share_between(
    statements: &mut Vec<Statement>,
    arrays: &mut Vec<Array>,
    range: Range<usize>,
    worth: &dyn Fn(&Key, &Users) -> bool,
) -> usize {
    let mut known: Vec<(Key, Users)> = Vec::new();
    for (place, statement) in statements
        .iter()
        .enumerate()
        .take(range.end)
        .skip(range.start)
    {
        if stands_between(statement) {
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
    known.retain(|(key, users)| users.places.len() > 1 && worth(key, users));
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
            start: Start::Zero,
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
