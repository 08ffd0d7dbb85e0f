//! Random programs: contractions in any order of indices, broadcasts, reductions, activations, deltas and labels.

use std::collections::HashMap;

use backprove_calculus::{Dim, Equation, Expr, Fact, Index, Program, Reduction, Tensor};
use proptest::prelude::*;

use crate::oracle::compare;

/// The extents that indices run over, all different.
const SIZES: [(&str, usize); 4] = [("I", 3), ("J", 5), ("K", 2), ("L", 18)];
/// Sizes of one, whose axes the nests leave out.
const WITH_ONES: [[(&str, usize); 4]; 2] = [
    [("I", 3), ("J", 1), ("K", 2), ("L", 18)],
    [("I", 4), ("J", 5), ("K", 1), ("L", 1)],
];

/// A choice that proptest shrinks: what to build is read off a list of numbers.
struct Choices<'a> {
    numbers: &'a [u8],
    next: usize,
}

impl Choices<'_> {
    /// A number below `count`.
    fn below(&mut self, count: usize) -> usize {
        let number = self.numbers.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        usize::from(number) % count
    }
}

struct Builder<'a> {
    choices: Choices<'a>,
    inputs: Vec<Tensor>,
    labels: Tensor,
    equations: Vec<Equation>,
}

impl Builder<'_> {
    fn index(&mut self) -> Index {
        let (name, _) = SIZES[self.choices.below(SIZES.len())];
        Index::new(name.to_lowercase(), Dim::symbol(name))
    }

    /// An element of a tensor at indices of `scope`; a new input if no tensor fits.
    fn access(&mut self, scope: &[Index]) -> Expr {
        let rank = self.choices.below(scope.len().min(3) + 1);
        let at: Vec<Index> = (0..rank)
            .map(|_| scope[self.choices.below(scope.len())].clone())
            .collect();
        let dims: Vec<Dim> = at.iter().map(|index| index.extent().clone()).collect();
        let targets = self.equations.iter().map(|equation| &equation.target);
        let fitting: Vec<Tensor> = self
            .inputs
            .iter()
            .chain(targets)
            .filter(|tensor| tensor.dims() == dims)
            .cloned()
            .collect();
        let choice = self.choices.below(fitting.len() + 1);
        let tensor = fitting.get(choice).cloned().unwrap_or_else(|| {
            let tensor = Tensor::new(format!("X{}", self.inputs.len()), dims);
            self.inputs.push(tensor.clone());
            tensor
        });
        Expr::access(&tensor, &at)
    }

    fn expr(&mut self, scope: &mut Vec<Index>, depth: usize) -> Expr {
        if depth == 0 {
            return self.access(scope);
        }
        match self.choices.below(12) {
            0 => self.access(scope),
            1 | 2 => {
                let parts = [self.expr(scope, depth - 1), self.expr(scope, depth - 1)];
                Expr::addition(parts)
            }
            3 => {
                let part = self.expr(scope, depth - 1);
                Expr::addition([part, Expr::integer(-2)])
            }
            4 | 5 => {
                let count = 2 + self.choices.below(2);
                Expr::product(
                    (0..count)
                        .map(|_| self.expr(scope, depth - 1))
                        .collect::<Vec<_>>(),
                )
            }
            6..=8 => {
                let bound: Vec<Index> = (0..=self.choices.below(2)).map(|_| self.index()).collect();
                let length = scope.len();
                scope.extend(bound.iter().cloned());
                // Longer plain sums, such as the oracle's, are further off than what is judged by them.
                if volume(scope) > 20_000 {
                    scope.truncate(length);
                    return self.access(scope);
                }
                let count = 1 + self.choices.below(3);
                let factors: Vec<Expr> = (0..count).map(|_| self.expr(scope, depth - 1)).collect();
                let mut body = Expr::product(factors);
                if self.choices.below(4) == 0 {
                    let other = scope[self.choices.below(scope.len())].clone();
                    if other.extent() == bound[0].extent() {
                        body = Expr::product([Expr::delta(&bound[0], &other), body]);
                    }
                }
                let extent = bound[0].extent() == &Dim::symbol("J");
                let row = scope
                    .iter()
                    .find(|index| index.extent() == &Dim::symbol("I"));
                if let (true, Some(row), 0) = (extent, row, self.choices.below(2)) {
                    let label = Expr::access(&self.labels, std::slice::from_ref(row));
                    body = Expr::product([Expr::indicator(&bound[0], label), body]);
                }
                scope.truncate(length);
                Expr::sum(&bound, body)
            }
            9 => {
                let bound = self.index();
                scope.push(bound.clone());
                let body = self.expr(scope, depth - 1);
                scope.pop();
                let kinds = [Reduction::Maximum, Reduction::Minimum, Reduction::Product];
                let kind = kinds[self.choices.below(kinds.len())];
                // Products of many elements leave the range of single precision.
                let body = match kind {
                    Reduction::Product => Expr::apply("tanh", vec![body]),
                    _ => body,
                };
                Expr::reduce(kind, &[bound], body)
            }
            10 => {
                let name = ["tanh", "sigmoid", "relu", "erf"][self.choices.below(4)];
                let argument = self.expr(scope, depth - 1);
                Expr::apply(name, vec![argument])
            }
            _ => {
                // A positive base that is not near zero.
                let argument = self.expr(scope, depth - 1);
                let base = Expr::apply("exp", vec![Expr::apply("tanh", vec![argument])]);
                let exponents = [
                    Expr::integer(-1),
                    Expr::integer(2),
                    Expr::integer(-2),
                    Expr::integer(3),
                ];
                base.power(exponents[self.choices.below(4)].clone())
            }
        }
    }
}

/// Elements of the space that indices span.
fn volume(indices: &[Index]) -> usize {
    let sizes: HashMap<&str, usize> = SIZES.into_iter().collect();
    let size = |index: &Index| index.extent().value(&|name| sizes.get(name).copied());
    indices.iter().filter_map(size).product()
}

fn program(numbers: &[u8]) -> Program {
    let labels = Tensor::with_facts(
        "t",
        vec![Dim::symbol("I")],
        vec![Fact::Labels(Dim::symbol("J"))],
    );
    let mut builder = Builder {
        choices: Choices { numbers, next: 0 },
        inputs: Vec::new(),
        labels: labels.clone(),
        equations: Vec::new(),
    };
    for number in 0..=builder.choices.below(3) {
        let rank = builder.choices.below(4);
        let indices: Vec<Index> = (0..rank).map(|_| builder.index()).collect();
        let mut scope = indices.clone();
        let depth = 1 + builder.choices.below(3);
        let body = builder.expr(&mut scope, depth);
        let dims = indices.iter().map(|index| index.extent().clone()).collect();
        // Bounded results keep later equations within the range of single precision.
        let body = if number == 0 {
            Expr::apply("tanh", vec![body])
        } else {
            body
        };
        builder.equations.push(Equation {
            target: Tensor::new(format!("Y{number}"), dims),
            indices,
            body,
            matrix: None,
        });
    }
    let mut inputs = builder.inputs;
    inputs.push(labels);
    Program {
        inputs,
        functions: Vec::new(),
        equations: builder.equations,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn random_programs_agree(numbers in prop::collection::vec(any::<u8>(), 20..80)) {
        let program = program(&numbers);
        let names: Vec<String> = program
            .equations
            .iter()
            .map(|equation| equation.target.name().to_owned())
            .collect();
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        let last = &all[all.len() - 1..];
        let label = format!("{:?}", program.equations);
        // Every equation as an output, and the last alone: then the others may move into it.
        compare(&program, &label, &SIZES, &all, &[]);
        compare(&program, &label, &SIZES, last, &[]);
        for sizes in &WITH_ONES {
            compare(&program, &label, sizes, &all, &[]);
        }
    }
}
