//! Random programs on matrices that are too large for one tile, one strip or the nearest caches, compared with plain loops,
//! and with themselves on more threads.

use std::collections::HashMap;

use backprove_engine::{Plan, Real};
use proptest::prelude::*;

use super::oracle::{Convert, Source, program};

/// Extents to either side of what tiles, strips and panels hold.
const EXTENTS: [usize; 7] = [1, 10, 48, 97, 130, 523, 1030];

/// A product has at most so many multiplications, for the plain loops' sake.
const MOST_WORK: usize = 40_000_000;

#[derive(Clone)]
struct Matrix {
    name: String,
    /// Positions in [`EXTENTS`].
    dims: [usize; 2],
    values: Vec<f64>,
}

impl Matrix {
    fn shape(&self) -> [usize; 2] {
        self.dims.map(|dim| EXTENTS[dim])
    }

    /// Its rows as columns.
    fn transposed(&self) -> Self {
        let [rows, columns] = self.shape();
        let values =
            (0..rows * columns).map(|place| self.values[place % rows * columns + place / rows]);
        Self {
            name: format!("{}.T", self.name),
            dims: [self.dims[1], self.dims[0]],
            values: values.collect(),
        }
    }

    fn map(mut self, function: impl Fn(f64) -> f64) -> Self {
        self.values
            .iter_mut()
            .for_each(|value| *value = function(*value));
        self
    }

    /// The product over as many elements as are summed, by plain loops.
    fn product(&self, right: &Self) -> Self {
        let ([rows, depth], [_, columns]) = (self.shape(), right.shape());
        let mut values = vec![0.0; rows * columns];
        for (row, line) in values.chunks_exact_mut(columns).enumerate() {
            for inner in 0..depth {
                let factor = self.values[row * depth + inner] / depth as f64;
                let other = &right.values[inner * columns..][..columns];
                line.iter_mut()
                    .zip(other)
                    .for_each(|(sum, value)| *sum += factor * value);
            }
        }
        Self {
            name: format!("({} @ {}) / {depth}", self.name, right.name),
            dims: [self.dims[0], right.dims[1]],
            values,
        }
    }
}

/// A program under construction, with the values that it should have.
struct Builder<'a> {
    choices: &'a [u8],
    next: usize,
    source: Source,
    declarations: Vec<String>,
    equations: Vec<String>,
    inputs: Vec<Matrix>,
    matrices: Vec<Matrix>,
}

impl Builder<'_> {
    fn below(&mut self, count: usize) -> usize {
        self.next += 1;
        usize::from(self.choices.get(self.next - 1).copied().unwrap_or(0)) % count
    }

    /// A matrix of this shape, or its transpose: one that is there, or a new input.
    fn matrix(&mut self, dims: [usize; 2]) -> Matrix {
        let turned = self.below(2) == 1;
        let held = if turned { [dims[1], dims[0]] } else { dims };
        let fitting: Vec<usize> = (0..self.matrices.len())
            .filter(|place| self.matrices[*place].dims == held)
            .collect();
        let choice = self.below(fitting.len() + 1);
        let matrix = match fitting.get(choice) {
            Some(place) => self.matrices[*place].clone(),
            None => self.input(held),
        };
        if turned { matrix.transposed() } else { matrix }
    }

    fn input(&mut self, dims: [usize; 2]) -> Matrix {
        let name = format!("X{}", self.inputs.len());
        self.declarations
            .push(format!("{name}[D{}, D{}]", dims[0], dims[1]));
        let shape = dims.map(|dim| EXTENTS[dim]);
        let values = (0..shape[0] * shape[1]).map(|_| f64::from(self.source.next() as f32));
        let matrix = Matrix {
            name,
            dims,
            values: values.collect(),
        };
        self.inputs.push(matrix.clone());
        self.matrices.push(matrix.clone());
        matrix
    }

    fn equation(&mut self, mut matrix: Matrix) {
        let name = format!("Y{}", self.equations.len());
        self.equations.push(format!("{name} = {}", matrix.name));
        matrix.name = name;
        self.matrices.push(matrix);
    }

    fn statement(&mut self) {
        let place = self.below(self.matrices.len());
        let first = self.matrices[place].clone();
        match self.below(6) {
            0..=2 => {
                let [rows, depth] = first.shape();
                let fits = |dim: &usize| rows * depth * EXTENTS[*dim] <= MOST_WORK;
                let fitting: Vec<usize> = (0..EXTENTS.len()).filter(fits).collect();
                let columns = fitting[self.below(fitting.len())];
                let second = self.matrix([first.dims[1], columns]);
                let product = first.product(&second);
                if self.below(2) == 0 {
                    return self.equation(product);
                }
                let third = self.matrix(product.dims);
                let name = format!("tanh({} + 2 * {})", product.name, third.name);
                let mut sum = product;
                sum.values
                    .iter_mut()
                    .zip(&third.values)
                    .for_each(|(a, b)| *a += 2.0 * b);
                self.equation(Matrix {
                    name,
                    ..sum.map(f64::tanh)
                });
            }
            3 => {
                let name = format!("relu({}) - 0.25", first.name);
                self.equation(Matrix {
                    name,
                    ..first.map(|value| value.max(0.0) - 0.25)
                });
            }
            4 => {
                let [_, columns] = first.shape();
                let mut rows = first.clone();
                rows.name = format!("{0} - mean({0}, axis=1, keepdims=True)", first.name);
                for row in rows.values.chunks_exact_mut(columns) {
                    let mean = row.iter().sum::<f64>() / columns as f64;
                    for value in row {
                        *value -= mean;
                    }
                }
                self.equation(rows);
            }
            _ => {
                let [height, columns] = first.shape();
                let mut rows = first.clone();
                rows.name = format!("{0} * mean({0}, axis=0, keepdims=True)", first.name);
                let column = |column: usize| -> f64 {
                    let down = rows.values.iter().skip(column).step_by(columns);
                    down.sum::<f64>() / height as f64
                };
                let means: Vec<f64> = (0..columns).map(column).collect();
                for row in rows.values.chunks_exact_mut(columns) {
                    row.iter_mut()
                        .zip(&means)
                        .for_each(|(value, mean)| *value *= mean);
                }
                self.equation(rows);
            }
        }
    }
}

fn runs<T: Real + Convert>(builder: &Builder<'_>, wanted: &[&Matrix], tolerance: f64) {
    let mut text = builder.declarations.join("; ");
    for equation in &builder.equations {
        text = format!("{text}\n{equation}");
    }
    let program = program(&text);
    let sizes: HashMap<String, usize> = EXTENTS
        .iter()
        .enumerate()
        .map(|(dim, size)| (format!("D{dim}"), *size))
        .collect();
    let names: Vec<&str> = wanted.iter().map(|matrix| matrix.name.as_str()).collect();
    let mut first: Vec<Vec<T>> = Vec::new();
    for threads in [1, 2, 3] {
        let plan = Plan::<T>::compile(&program, &sizes, &names, &[]);
        let mut plan = plan
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .threads(threads);
        for input in &builder.inputs {
            let values: Vec<T> = input
                .values
                .iter()
                .map(|value| T::convert(*value))
                .collect();
            plan.set(&input.name, &values).unwrap();
        }
        // Twice: a second run finds what the first one left.
        plan.run();
        plan.run();
        for (place, matrix) in wanted.iter().enumerate() {
            let found = plan.get(&matrix.name).unwrap();
            if threads > 1 {
                assert!(
                    first[place] == found,
                    "{text}\n{} on {threads} threads",
                    matrix.name
                );
                continue;
            }
            first.push(found.to_vec());
            for (place, (found, expected)) in found.iter().zip(&matrix.values).enumerate() {
                let found = found.back();
                assert!(
                    (found - expected).abs() <= tolerance,
                    "{text}\n{} at {place}: {found} instead of {expected}\n{}",
                    matrix.name,
                    plan.describe()
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, ..ProptestConfig::default() })]
    #[test]
    fn large_programs_agree(choices in prop::collection::vec(any::<u8>(), 20..60)) {
        let mut builder = Builder {
            choices: &choices,
            next: 0,
            source: Source::new(5),
            declarations: Vec::new(),
            equations: Vec::new(),
            inputs: Vec::new(),
            matrices: Vec::new(),
        };
        let dims = [builder.below(EXTENTS.len()), builder.below(EXTENTS.len())];
        builder.input(dims);
        for _ in 0..2 + builder.below(4) {
            builder.statement();
        }
        let outputs: Vec<&Matrix> = builder.matrices.iter().filter(|matrix| matrix.name.starts_with('Y')).collect();
        // All as outputs, and the last alone: then the others may move into it.
        runs::<f32>(&builder, &outputs, 1e-4);
        runs::<f64>(&builder, &outputs[outputs.len() - 1..], 1e-12);
    }
}
