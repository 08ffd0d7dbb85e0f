//! What happens to statements before they are scheduled: dead ones go, element-wise ones move into their
//! consumers, and updates are placed over the inputs that they replace. Every rewrite here keeps values.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::error::Error;
use crate::layout::turn;
use crate::lower::Lowered;
use crate::product;
use crate::share::{moved, share};
use crate::term::{Array, ArrayId, Binary, Combine, Origin, Position, Start, Statement, Term};

/// Statements ready to be scheduled.
#[derive(Debug)]
pub(crate) struct Fused {
    pub arrays: Vec<Array>,
    /// In an order that respects every dependence.
    pub statements: Vec<Statement>,
    /// Arrays that take the place of an input: the input's value is gone once they are written.
    pub replaces: BTreeMap<ArrayId, ArrayId>,
    /// Arrays that are read after a run.
    pub kept: BTreeSet<ArrayId>,
    pub names: HashMap<String, ArrayId>,
}

/// Fuses what `outputs` and `updates` (input, equation) need.
pub(crate) fn fuse(
    lowered: Lowered,
    outputs: &[&str],
    updates: &[(&str, &str)],
) -> Result<Fused, Error> {
    let Lowered {
        mut arrays,
        mut statements,
        names,
    } = lowered;
    let find = |name: &str| {
        let found = names.get(name).copied();
        found.ok_or_else(|| Error::new(format!("the program defines no `{name}`")))
    };
    let mut kept = BTreeSet::new();
    for output in outputs {
        kept.insert(find(output)?);
    }
    let mut pairs = Vec::new();
    for (input, equation) in updates {
        let (input_id, source) = (find(input)?, find(equation)?);
        if arrays[input_id.0].origin != Origin::Input {
            return Err(Error::new(format!("`{input}` is not an input")));
        }
        if arrays[source.0].origin == Origin::Input {
            return Err(Error::new(format!(
                "`{input}` is to take the value of `{equation}`, which is an input and not an equation"
            )));
        }
        if pairs.iter().any(|(known, _)| *known == input_id) {
            return Err(Error::new(format!("`{input}` is updated twice")));
        }
        if arrays[input_id.0].shape != arrays[source.0].shape {
            return Err(Error::new(format!(
                "`{equation}` cannot replace `{input}`: the shapes differ"
            )));
        }
        pairs.push((input_id, source));
    }
    let mut needed = kept.clone();
    needed.extend(pairs.iter().map(|(_, source)| *source));
    drop_dead(&mut statements, &needed);
    statements.iter_mut().for_each(reduce_nothing);
    start_with_biases(&mut statements, &arrays, &needed);
    test_rectified(&mut statements);
    inline(&mut statements, &needed);
    share(&mut statements, &mut arrays);
    turn(&mut statements, &mut arrays, &needed);
    let mut fused = Fused {
        arrays,
        statements,
        replaces: BTreeMap::new(),
        kept,
        names,
    };
    fused.place_updates(&pairs);
    fused.accumulate();
    fused.scale_products();
    Ok(fused)
}

/// Removes statements whose targets nothing needs.
fn drop_dead(statements: &mut Vec<Statement>, needed: &BTreeSet<ArrayId>) {
    let mut live = needed.clone();
    let mut keep: Vec<bool> = Vec::new();
    for statement in statements.iter().rev() {
        let alive = live.contains(&statement.target);
        if alive {
            live.extend(statement.body.arrays());
        }
        keep.push(alive);
    }
    keep.reverse();
    let mut flags = keep.into_iter();
    statements.retain(|_| flags.next().unwrap_or(true));
}

/// What combines along axes of extent one alone is element-wise.
fn reduce_nothing(statement: &mut Statement) {
    let rank = statement.rank;
    let trivial = statement.extents[rank..].iter().all(|extent| *extent == 1);
    if trivial && !statement.is_map() && statement.dense.is_none() && !statement.is_product() {
        let first = |axis| match axis {
            axis if axis < rank => Position::Axis(axis),
            _ => Position::Literal(0),
        };
        statement.body = statement.body.at(&first);
        statement.extents.truncate(rank);
    }
}

/// A small product that is only read to have an input added to each of its rows or columns, such as a bias, is added to that while its
/// sums are in registers. To larger ones it is added by what follows on their tiles.
fn start_with_biases(
    statements: &mut Vec<Statement>,
    arrays: &[Array],
    needed: &BTreeSet<ArrayId>,
) {
    let mut place = 0;
    while place < statements.len() {
        let alone = |product: ArrayId| {
            let mut readers = statements
                .iter()
                .filter(|one| one.reads().contains(&product));
            !needed.contains(&product) && readers.next().is_some() && readers.next().is_none()
        };
        if let Some((product, input, vector)) = biased(&statements[place])
            && arrays[input.0].origin == Origin::Input
            && alone(product)
            && let Some(source) = statements.iter().position(|one| one.target == product)
            && is_small(&statements[source])
        {
            let merged = Statement {
                target: statements[place].target,
                start: Start::Vector(vector.clone()),
                ..statements[source].clone()
            };
            statements[place] = merged;
            statements.remove(source);
            place -= 1;
        }
        place += 1;
    }
}

/// For `P[i, j] + b[i]` or `P[i, j] + b[j]`: `P`, `b` and the load of `b`.
fn biased(statement: &Statement) -> Option<(ArrayId, ArrayId, &Term)> {
    let Term::Add(parts) = &statement.body else {
        return None;
    };
    let [first, second] = &**parts else {
        return None;
    };
    let pairs = [(first, second), (second, first)];
    pairs
        .into_iter()
        .find_map(|(product, vector)| match (product, vector) {
            (Term::Load(product, _), Term::Load(input, at))
                if statement.reads_in_place(*product) && matches!(&**at, [Position::Axis(_)]) =>
            {
                Some((*product, *input, vector))
            }
            _ => None,
        })
        .filter(|_| statement.is_map() && statement.rank == 2)
}

/// Whether a statement is one product of plain matrices, either of which stays in the nearest cache.
fn is_small(statement: &Statement) -> bool {
    let [rows, columns, depth] = *statement.extents else {
        return false;
    };
    statement.is_product() && statement.rank == 2 && rows.max(columns) * depth <= product::NEAR
}

/// `Z > 0` is `A > 0` where `A = max(Z, 0)`: then `Z` itself need not be kept.
fn test_rectified(statements: &mut [Statement]) {
    let mut rectified: BTreeMap<ArrayId, ArrayId> = BTreeMap::new();
    for statement in statements.iter() {
        if let Term::Binary(Binary::Maximum, pair) = &statement.body
            && statement.is_map()
            && pair.1 == Term::ZERO
            && let Term::Load(array, _) = &pair.0
            && statement.reads_in_place(*array)
        {
            rectified.entry(*array).or_insert(statement.target);
        }
    }
    let mut defined: BTreeSet<ArrayId> = BTreeSet::new();
    for statement in statements {
        statement.body = replace_tests(&statement.body, &|array| {
            let image = rectified.get(&array).copied();
            image.filter(|image| defined.contains(image))
        });
        defined.insert(statement.target);
    }
}

fn replace_tests(term: &Term, image: &dyn Fn(ArrayId) -> Option<ArrayId>) -> Term {
    if let Term::Binary(Binary::Greater, pair) = term
        && pair.1 == Term::ZERO
        && let Term::Load(array, positions) = &pair.0
        && let Some(image) = image(*array)
    {
        let load = Term::Load(image, positions.clone());
        return Term::binary(Binary::Greater, load, Term::ZERO);
    }
    term.with_parts(&mut |part| replace_tests(part, image))
}

/// Work that is repeated where an element-wise value moves into a larger loop than its own.
const CHEAP: usize = 1;

/// Moves element-wise statements into their consumers where that saves a pass.
fn inline(statements: &mut Vec<Statement>, needed: &BTreeSet<ArrayId>) {
    let mut place = 0;
    while place < statements.len() {
        let statement = &statements[place];
        let target = statement.target;
        if !statement.is_map() || needed.contains(&target) {
            place += 1;
            continue;
        }
        let (mut uses, mut users) = (0, 0);
        let mut fits = true;
        let trivial = matches!(statement.body, Term::Load(..) | Term::Constant(_));
        for consumer in &statements[place + 1..] {
            let before = uses;
            consumer.body.walk(&mut |term| {
                uses += usize::from(matches!(term, Term::Load(array, _) if *array == target));
            });
            if uses > before {
                users += 1;
                let plain =
                    matches!(&statement.body, Term::Load(_, positions) if distinct(positions));
                fits &= plain || !consumer.is_product();
                // A function of matrices reads its operand as it lies.
                fits &= consumer.dense.is_none();
                fits &= trivial
                    || consumer.volume() <= statement.volume()
                    || statement.body.weight() <= CHEAP;
            }
        }
        let again = trivial || uses == 1 || is_recomputed(statement, users);
        if uses == 0 || !fits || !again {
            place += 1;
            continue;
        }
        let body = statements.remove(place).body;
        for consumer in &mut statements[place..] {
            if !consumer.body.arrays().contains(&target) {
                continue;
            }
            consumer.body = consumer.body.rebuild(
                &mut |array, positions| {
                    if array == target {
                        body.at(&|axis| positions[axis].clone())
                    } else {
                        Term::Load(array, positions)
                    }
                },
                &Position::Axis,
            );
        }
    }
}

/// Whether it costs less to compute a value each time from the one array of its size that it reads, than to keep it: then that
/// array is read instead, and nothing is written.
fn is_recomputed(statement: &Statement, users: usize) -> bool {
    let mut loads = BTreeSet::new();
    statement.body.walk(&mut |term| {
        if let Term::Load(array, positions) = term
            && positions.len() == statement.rank
        {
            loads.insert(*array);
        }
    });
    let work = users.saturating_sub(1) * statement.body.weight();
    loads.len() == 1 && work < 2 * moved(statement.volume())
}

fn distinct(positions: &[Position]) -> bool {
    positions.iter().enumerate().all(|(place, position)| {
        matches!(position, Position::Axis(_)) && !positions[..place].contains(position)
    })
}

impl Statement {
    /// Whether it is a sum over the product of two plain loads, each with an axis of its own that
    /// stays, and a reduced axis that they share: a (batched) matrix product.
    pub(crate) fn is_product(&self) -> bool {
        let Term::Multiply(factors) = &self.body else {
            return false;
        };
        let [Term::Load(_, left), Term::Load(_, right)] = &**factors else {
            return false;
        };
        if self.is_map() || self.combine != Combine::Sum || !distinct(left) || !distinct(right) {
            return false;
        }
        let own = |mine: &[Position], other: &[Position]| {
            mine.iter().any(|position| {
                !other.contains(position)
                    && matches!(position, Position::Axis(axis) if *axis < self.rank)
            })
        };
        let reduced_in = |positions: &[Position]| {
            (self.rank..self.extents.len()).all(|axis| positions.contains(&Position::Axis(axis)))
        };
        own(left, right) && own(right, left) && reduced_in(left) && reduced_in(right)
    }
}

impl Fused {
    /// Puts each update over the input that it replaces, if it can be computed after all that reads the input; else the input is
    /// written by a copy at the end.
    fn place_updates(&mut self, pairs: &[(ArrayId, ArrayId)]) {
        let readers = self.readers();
        let mut before = self.dependences();
        let mut copies = Vec::new();
        for (input, source) in pairs {
            let writer = self
                .statements
                .iter()
                .position(|statement| statement.target == *source);
            if let Some(place) = writer.filter(|place| {
                let statement = &self.statements[*place];
                statement.is_map()
                    && statement.reads_in_place(*input)
                    && !self.replaces.contains_key(source)
            }) {
                let alone = before[place].clone();
                let others = readers[input.0].iter().filter(|reader| **reader != place);
                before[place].extend(others);
                if topological(&before).is_some() {
                    self.replaces.insert(*source, *input);
                    continue;
                }
                before[place] = alone;
            }
            self.kept.insert(*source);
            copies.push((*input, *source));
        }
        for (input, source) in copies {
            let shape = self.arrays[input.0].shape.clone();
            let positions = (0..shape.len()).map(Position::Axis).collect();
            self.statements.push(Statement {
                target: input,
                rank: shape.len(),
                extents: shape,
                combine: Combine::Sum,
                body: Term::Load(source, positions),
                dense: None,
                scale: Term::ONE,
                start: Start::Zero,
            });
        }
        // Copies follow everything, so that there is an order.
        if let Some(order) = topological(&self.dependences()) {
            self.reorder(&order);
        }
    }

    /// Lets the product of an update `W + s * product` add to `W` itself.
    fn accumulate(&mut self) {
        for place in 0..self.statements.len() {
            let update = &self.statements[place];
            let Some(input) = self.replaces.get(&update.target).copied() else {
                continue;
            };
            let Some((scale, product)) = added_product(update, input) else {
                continue;
            };
            let Some(source) = self.only_for(product, place) else {
                continue;
            };
            let product = &self.statements[source];
            if product.start != Start::Zero || product.reads().contains(&input) {
                continue;
            }
            let mut merged = self.statements[source].clone();
            merged.target = self.statements[place].target;
            merged.scale = scale;
            merged.start = Start::Before;
            self.statements[place] = merged;
            self.statements.remove(source);
            // Positions moved; there are few updates.
            return self.accumulate();
        }
    }

    /// Lets a product that is only read to be multiplied by a scalar do so itself.
    fn scale_products(&mut self) {
        let mut place = 0;
        while place < self.statements.len() {
            let statement = &self.statements[place];
            let scaled = statement
                .is_map()
                .then(|| statement.scaled(&statement.body));
            if let Some((scale, product)) = scaled.flatten()
                && scale != Term::ONE
                && let Some(source) = self.only_for(product, place)
                && self.statements[source].start == Start::Zero
            {
                let mut merged = self.statements[source].clone();
                merged.target = self.statements[place].target;
                merged.scale = Term::multiply([scale, merged.scale]);
                self.statements[place] = merged;
                self.statements.remove(source);
                place -= 1;
            }
            place += 1;
        }
    }

    /// The product that computes `array`, if nothing but the statement at `reader` reads it.
    fn only_for(&self, array: ArrayId, reader: usize) -> Option<usize> {
        let mut readers = (0..self.statements.len())
            .filter(|place| self.statements[*place].reads().contains(&array));
        let alone = readers.next() == Some(reader) && readers.next().is_none();
        let source = self
            .statements
            .iter()
            .position(|statement| statement.target == array)?;
        (alone
            && !self.kept.contains(&array)
            && self.overwrites(array).is_none()
            && self.statements[source].is_product())
        .then_some(source)
    }

    /// The input whose storage `target` overwrites, if any.
    pub(crate) fn overwrites(&self, target: ArrayId) -> Option<ArrayId> {
        if self.arrays[target.0].origin == Origin::Input {
            return Some(target);
        }
        self.replaces.get(&target).copied()
    }

    /// For each array the statements that read it, in order.
    pub(crate) fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.arrays.len()];
        for (place, statement) in self.statements.iter().enumerate() {
            for array in statement.reads() {
                readers[array.0].push(place);
            }
        }
        readers
    }

    /// For each statement those that must run before it.
    pub(crate) fn dependences(&self) -> Vec<Vec<usize>> {
        let readers = self.readers();
        let mut writer: BTreeMap<ArrayId, usize> = BTreeMap::new();
        for (place, statement) in self.statements.iter().enumerate() {
            if self.arrays[statement.target.0].origin != Origin::Input {
                writer.insert(statement.target, place);
            }
        }
        let mut all = Vec::new();
        for (place, statement) in self.statements.iter().enumerate() {
            let reads = statement.reads();
            let mut before: Vec<usize> = reads
                .iter()
                .filter_map(|array| writer.get(array).copied())
                .collect();
            if let Some(input) = self.overwrites(statement.target) {
                let others = readers[input.0].iter().filter(|reader| **reader != place);
                before.extend(others);
            }
            before.sort_unstable();
            before.dedup();
            all.push(before);
        }
        all
    }

    fn reorder(&mut self, order: &[usize]) {
        let sorted = order
            .iter()
            .map(|place| self.statements[*place].clone())
            .collect();
        self.statements = sorted;
    }
}

/// An order in which each statement follows those `before` it, and which otherwise keeps the present one; `None` if there is none.
fn topological(before: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut done = vec![false; before.len()];
    let mut order = Vec::new();
    let mut first = 0;
    while order.len() < before.len() {
        while done[first] {
            first += 1;
        }
        let next = (first..before.len())
            .find(|place| !done[*place] && before[*place].iter().all(|other| done[*other]))?;
        done[next] = true;
        order.push(next);
    }
    Some(order)
}

/// For `W[i] + s * P[i]`, with `s` a product of numbers and scalars: `s` and `P`.
fn added_product(update: &Statement, input: ArrayId) -> Option<(Term, ArrayId)> {
    let Term::Add(parts) = &update.body else {
        return None;
    };
    let whole = |term: &Term| match term {
        Term::Load(array, _) if update.reads_in_place(*array) && update.rank > 0 => Some(*array),
        _ => None,
    };
    let (first, second) = match &**parts {
        [first, second] if whole(first) == Some(input) => (first, second),
        [first, second] if whole(second) == Some(input) => (second, first),
        _ => return None,
    };
    if second.arrays().contains(&input) || first == second {
        return None;
    }
    update.scaled(second)
}

impl Statement {
    /// For `s * P[i]`, with `s` a product of numbers and scalars and `P` read in place: `s` and `P`.
    fn scaled(&self, term: &Term) -> Option<(Term, ArrayId)> {
        let factors = term.factors();
        let whole = |term: &Term| match term {
            Term::Load(array, _) if self.reads_in_place(*array) && self.rank > 0 => Some(*array),
            _ => None,
        };
        let place = factors.iter().position(|factor| whole(factor).is_some())?;
        let mut scale = factors.to_vec();
        let product = whole(&scale.remove(place))?;
        let scalar = |factor: &Term| match factor {
            Term::Constant(_) => true,
            Term::Load(_, positions) => positions.is_empty(),
            _ => false,
        };
        scale
            .iter()
            .all(scalar)
            .then(|| (Term::multiply(scale), product))
    }
}
