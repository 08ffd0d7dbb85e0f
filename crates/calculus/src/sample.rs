//! Values for the inputs of a program: random, seeded, and true to the declared facts. Nothing is evaluated here.

use std::collections::BTreeSet;

use crate::expr::{Expr, Fact, Node, Tensor};
use crate::functions::MatrixDomain;
use crate::index::{Dim, Index};
use crate::program::Program;
use crate::reference::{Array, Field, Scalar, Sizes, identity, mix};

/// Sets of sizes that are tried until one has room for every computed extent.
const MOST_ATTEMPTS: usize = 1024;

/// From where the elements of a tensor without facts are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    /// Both signs.
    Signed,
    /// Above zero.
    Positive,
    /// Between zero and one.
    Unit,
}

impl Region {
    /// The region for the given attempt: the widest first, others where logarithms, roots and the like rule it out.
    pub fn of_attempt(attempt: usize) -> Self {
        [Self::Signed, Self::Positive, Self::Unit][attempt % 3]
    }
}

/// Two assignments of the program's symbolic sizes. Within each, all sizes differ from each other and from literal
/// extents, so that a transposition cannot hide; between the two, each size differs.
///
/// ```
/// use backprove_calculus::expr::Tensor;
/// use backprove_calculus::index::Dim;
/// use backprove_calculus::program::Program;
///
/// let x = Tensor::new("X", vec![Dim::symbol("S"), Dim::symbol("M")]);
/// let program = Program { inputs: vec![x], ..Program::default() };
/// let [first, second] = backprove_calculus::sample::size_sets(&program);
/// assert_eq!(first.to_string(), "S=3, M=4");
/// assert_eq!(second.to_string(), "S=2, M=5");
/// ```
pub fn size_sets(program: &Program) -> [Sizes; 2] {
    let mut found = Extents::default();
    for tensor in &program.inputs {
        found.tensor(tensor);
    }
    for equation in &program.equations {
        found.tensor(&equation.target);
        found.expr(&equation.body);
    }
    let order = invertible_order(program, &found.symbols);
    let Extents {
        symbols,
        literals,
        computed,
    } = found;
    let pairs = [(3, 2), (4, 5), (2, 3), (5, 4)];
    let further = (6..).map(|value| (value, value ^ 1));
    let growing = (1..).map(|half| (2 * half, 2 * half + 1));
    let free: Box<dyn Iterator<Item = (usize, usize)>> = match &order {
        Some(_) => Box::new(growing),
        None => Box::new(pairs.into_iter().chain(further)),
    };
    let free = free.filter(|(a, b)| !literals.contains(a) && !literals.contains(b));
    let symbols = order.unwrap_or(symbols);
    let mut sets = [Sizes::default(), Sizes::default()];
    for (symbol, (first, second)) in symbols.iter().zip(free) {
        sets[0].set(symbol, first);
        sets[1].set(symbol, second);
    }
    let [first, second] = sets;
    [(first, 1), (second, 2)].map(|(sizes, seed)| with_room(sizes, &computed, &literals, seed))
}

/// The sizes, or others at which every computed extent is positive: a convolution needs windows that fit.
fn with_room(sizes: Sizes, computed: &[Dim], literals: &BTreeSet<usize>, seed: u64) -> Sizes {
    let has_room = |sizes: &Sizes, least: usize| {
        let mut extents = computed.iter().map(|dim| sizes.get(dim));
        extents.all(|extent| extent.is_some_and(|extent| extent >= least))
    };
    let names: Vec<String> = sizes.iter().map(|(name, _)| name.to_owned()).collect();
    let mut values: Vec<usize> = sizes.iter().map(|(_, value)| value).collect();
    let assigned =
        |values: &[usize]| Sizes::new(names.iter().map(String::as_str).zip(values.iter().copied()));
    let mut random = Random(identity("sizes", seed));
    // An extent of one hides as much as equal sizes do, so two comes first.
    for least in [2, 1] {
        if has_room(&sizes, least) {
            return sizes;
        }
        // The same values in another order, those with the fewest elements; only then larger ones.
        let mut best: Option<(usize, Sizes)> = None;
        for attempt in 0..MOST_ATTEMPTS {
            if attempt >= MOST_ATTEMPTS / 2 {
                if best.is_some() {
                    break;
                }
                let most = names.len() + attempt / 128;
                for value in &mut values {
                    *value = 2 + random.below(most);
                }
            }
            for place in (1..values.len()).rev() {
                values.swap(place, random.below(place + 1));
            }
            let distinct: BTreeSet<usize> = values.iter().copied().collect();
            let others = assigned(&values);
            if distinct.len() < names.len() || !distinct.is_disjoint(literals) {
                continue;
            }
            if has_room(&others, least) {
                let count = computed.iter().filter_map(|dim| others.get(dim)).product();
                if best.as_ref().is_none_or(|(fewest, _)| count < *fewest) {
                    best = Some((count, others));
                }
            }
        }
        if let Some((_, best)) = best {
            return best;
        }
    }
    sizes
}

/// The symbols from the smallest size to the greatest, where a matrix such as `X.T @ X` must be invertible: an extent that is
/// summed over within it may not be the smaller one. `None` where there is no such matrix.
fn invertible_order(program: &Program, symbols: &[String]) -> Option<Vec<String>> {
    let mut smaller: Vec<(String, String)> = Vec::new();
    for equation in &program.equations {
        equation.body.visit(&mut |part| {
            if let Node::Matrix(function, operand, _) = part.node()
                && function.domain != MatrixDomain::Any
                && let Dim::Symbol(size) = operand.extent()
            {
                for inner in contracted(&operand.body, program, 2) {
                    smaller.push((size.to_string(), inner));
                }
            }
        });
    }
    smaller.retain(|(less, more)| less != more);
    if smaller.is_empty() {
        return None;
    }
    let mut rest = symbols.to_vec();
    let mut order = Vec::new();
    while !rest.is_empty() {
        let free = |size: &String| {
            let bounds = smaller.iter().filter(|(_, more)| more == size);
            bounds.clone().all(|(less, _)| !rest.contains(less))
        };
        // Where the demands contradict each other, some of them are not met.
        let next = rest.iter().position(free).unwrap_or(0);
        order.push(rest.remove(next));
    }
    Some(order)
}

/// The symbolic extents that are summed over in `body`, and in the definitions that it mentions.
fn contracted(body: &Expr, program: &Program, depth: usize) -> Vec<String> {
    let mut found = Vec::new();
    body.visit(&mut |part| match part.node() {
        Node::Sum(indices, _) => {
            let extents = indices.iter().map(Index::extent);
            found.extend(extents.filter_map(|extent| match extent {
                Dim::Symbol(name) => Some(name.to_string()),
                Dim::Literal(_) | Dim::Computed(_) => None,
            }));
        }
        Node::Access(tensor, _) if depth > 0 => {
            if let Some(equation) = program.equation(tensor.name()) {
                found.extend(contracted(&equation.body, program, depth - 1));
            }
        }
        _ => {}
    });
    found
}

#[derive(Default)]
struct Extents {
    symbols: Vec<String>,
    literals: BTreeSet<usize>,
    computed: Vec<Dim>,
}

impl Extents {
    fn dim(&mut self, dim: &Dim) {
        match dim {
            Dim::Literal(size) => {
                self.literals.insert(*size);
            }
            Dim::Symbol(name) => {
                if !self.symbols.iter().any(|own| **own == **name) {
                    self.symbols.push(name.to_string());
                }
            }
            Dim::Computed(_) => {
                let symbols = dim.symbols().into_iter().map(Dim::Symbol);
                symbols.for_each(|symbol| self.dim(&symbol));
                if !self.computed.contains(dim) {
                    self.computed.push(dim.clone());
                }
            }
        }
    }

    fn tensor(&mut self, tensor: &Tensor) {
        tensor.dims().iter().for_each(|dim| self.dim(dim));
        for fact in tensor.facts() {
            if let Fact::Labels(classes) = fact {
                self.dim(classes);
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        expr.visit(&mut |part| match part.node() {
            Node::Extent(dim) => self.dim(dim),
            Node::Access(tensor, _) | Node::Derivative(_, tensor, _) => self.tensor(tensor),
            Node::Sum(indices, _) | Node::Reduce(_, indices, _) => {
                for index in indices {
                    self.dim(index.extent());
                }
            }
            Node::Matrix(_, operand, _) => {
                self.dim(operand.rows.extent());
                self.dim(operand.columns.extent());
            }
            _ => {}
        });
    }
}

/// A small seeded generator: the same numbers on every platform.
struct Random(u64);

impl Random {
    fn for_tensor(tensor: &Tensor, seed: u64) -> Self {
        Self(identity(tensor.name(), seed))
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.bits() % count.max(1) as u64) as usize
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        let unit = (self.bits() >> 11) as f64 / (1_u64 << 53) as f64;
        low + (high - low) * unit
    }
}

/// Values of `tensor` in double precision, true to its facts. `None` where a size has no value.
pub fn floats(tensor: &Tensor, sizes: &Sizes, seed: u64, region: Region) -> Option<Array<f64>> {
    let has = |fact: &Fact| tensor.facts().contains(fact);
    let mut random = Random::for_tensor(tensor, seed);
    let region = if has(&Fact::Positive) {
        Region::Positive
    } else if has(&Fact::Unit) {
        Region::Unit
    } else {
        region
    };
    let range = match region {
        _ if has(&Fact::Small) && region == Region::Signed => (-0.3, 0.3),
        _ if has(&Fact::Small) => (0.05, 0.3),
        _ if has(&Fact::Large) => (3.0, 6.0),
        Region::Signed => (-1.5, 1.5),
        Region::Positive => (0.2, 2.0),
        Region::Unit => (0.1, 0.9),
    };
    let mut array = Array::filled(sizes.shape(tensor)?, 0.0);
    if discrete(tensor, sizes, &mut random, &mut array) {
        return Some(array);
    }
    for value in array.data_mut() {
        *value = random.between(range.0, range.1);
    }
    for fact in tensor.facts() {
        match fact {
            Fact::Symmetric => each_square(&mut array, mirror),
            Fact::PositiveDefinite => each_square(&mut array, positive_definite),
            Fact::Orthogonal => each_square(&mut array, orthogonal),
            Fact::Invertible => each_square(&mut array, |square| {
                (0..square.size).for_each(|i| *square.at(i, i) += 2.0);
            }),
            Fact::Probability => each_row(&mut array, |row| {
                for value in row.iter_mut() {
                    *value = value.abs() + 0.05;
                }
                let total: f64 = row.iter().sum();
                for value in row.iter_mut() {
                    *value /= total;
                }
            }),
            _ => {}
        }
    }
    zeros(tensor, &mut array);
    Some(array)
}

/// Values of `tensor` in the field, true to those of its facts that are rational; facts about order are dropped, for what
/// holds without them holds with them. `None` where a size has no value and for facts that the field cannot express.
pub fn fields(tensor: &Tensor, sizes: &Sizes, seed: u64, _: Region) -> Option<Array<Field>> {
    let mut random = Random::for_tensor(tensor, seed);
    let mut array = Array::filled(sizes.shape(tensor)?, Field::ZERO);
    if discrete(tensor, sizes, &mut random, &mut array) {
        return Some(array);
    }
    for value in array.data_mut() {
        *value = Field::new(random.bits());
    }
    for fact in tensor.facts() {
        match fact {
            Fact::Symmetric | Fact::PositiveDefinite => {
                each_square(&mut array, mirror);
            }
            Fact::Orthogonal => return None,
            Fact::Probability => each_row(&mut array, |row| {
                let Some((last, others)) = row.split_last_mut() else {
                    return;
                };
                let sum = others
                    .iter()
                    .fold(Field::ZERO, |sum, value| sum.plus(*value));
                *last = Field::ONE.plus(sum.times(Field::whole(-1)));
            }),
            _ => {}
        }
    }
    zeros(tensor, &mut array);
    Some(array)
}

/// Fills `array` where the facts leave finitely many values, and says whether they do.
fn discrete<T: Scalar>(
    tensor: &Tensor,
    sizes: &Sizes,
    random: &mut Random,
    array: &mut Array<T>,
) -> bool {
    for fact in tensor.facts() {
        match fact {
            Fact::Labels(classes) => {
                let classes = sizes.get(classes).unwrap_or(1);
                for value in array.data_mut() {
                    *value = T::whole(random.below(classes) as i64);
                }
            }
            Fact::Signs => {
                for value in array.data_mut() {
                    *value = T::whole(if random.below(2) == 0 { -1 } else { 1 });
                }
            }
            Fact::OneHot => each_row(array, |row| {
                let hot = random.below(row.len());
                if let Some(value) = row.get_mut(hot) {
                    *value = T::ONE;
                }
            }),
            _ => continue,
        }
        return true;
    }
    false
}

/// Puts zeros where the facts demand them.
fn zeros<T: Scalar>(tensor: &Tensor, array: &mut Array<T>) {
    for fact in tensor.facts() {
        let is_zero: fn(usize, usize) -> bool = match fact {
            Fact::Diagonal => |i, j| i != j,
            Fact::Lower => |i, j| i < j,
            _ => continue,
        };
        each_square(array, |square| {
            for i in 0..square.size {
                for j in 0..square.size {
                    if is_zero(i, j) {
                        *square.at(i, j) = T::ZERO;
                    }
                }
            }
        });
    }
}

/// A square matrix within an array.
struct Square<'a, T> {
    size: usize,
    data: &'a mut [T],
}

impl<T: Copy> Square<'_, T> {
    fn at(&mut self, i: usize, j: usize) -> &mut T {
        &mut self.data[i * self.size + j]
    }
}

/// Copies what is below the diagonal to above it.
fn mirror<T: Copy>(square: &mut Square<'_, T>) {
    for i in 0..square.size {
        for j in i + 1..square.size {
            *square.at(i, j) = *square.at(j, i);
        }
    }
}

/// Acts on each matrix of the last two axes, where those are equal.
fn each_square<T: Copy>(array: &mut Array<T>, mut act: impl FnMut(&mut Square<'_, T>)) {
    let [.., rows, columns] = array.shape() else {
        return;
    };
    let size = *rows;
    if size != *columns || size == 0 {
        return;
    }
    for data in array.data_mut().chunks_mut(size * size) {
        act(&mut Square { size, data });
    }
}

/// Acts on each row of the last axis.
fn each_row<T: Copy>(array: &mut Array<T>, act: impl FnMut(&mut [T])) {
    let length = array.shape().last().copied().unwrap_or(1).max(1);
    array.data_mut().chunks_mut(length).for_each(act);
}

/// `R Rᵀ / n + 1/2` of a matrix `R`.
fn positive_definite(square: &mut Square<'_, f64>) {
    let size = square.size;
    let source = square.data.to_vec();
    for i in 0..size {
        for j in 0..size {
            let products = (0..size).map(|k| source[i * size + k] * source[j * size + k]);
            let half = if i == j { 0.5 } else { 0.0 };
            *square.at(i, j) = products.sum::<f64>() / size as f64 + half;
        }
    }
}

/// Gram and Schmidt's process on the rows, after a push away from singular matrices.
fn orthogonal(square: &mut Square<'_, f64>) {
    let size = square.size;
    for i in 0..size {
        *square.at(i, i) += 2.0;
        for earlier in 0..i {
            let products =
                (0..size).map(|k| square.data[i * size + k] * square.data[earlier * size + k]);
            let along: f64 = products.sum();
            for k in 0..size {
                *square.at(i, k) -= along * square.data[earlier * size + k];
            }
        }
        let row = &mut square.data[i * size..(i + 1) * size];
        let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
        for value in row.iter_mut() {
            *value /= length;
        }
    }
}

#[cfg(test)]
mod tests;
