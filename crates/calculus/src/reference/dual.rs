//! Derivatives by dual numbers: each value beside its derivative by one element, with the table's local derivatives.

use super::Scalar;
use super::dense::Dense;
use super::form::{Kind, Loops, Operation};
use super::run::Run;
use crate::expr::Reduction;
use crate::functions::{Body, MatrixValue, find};

/// A value and its derivative by the element in question.
pub(super) type Dual<T> = (T, T);

impl<T: Scalar> Run<'_, T> {
    /// The value of `entry` and its derivative by the element at `by`, an array and an offset.
    pub(super) fn dual(&mut self, entry: usize, by: (usize, usize)) -> Dual<T> {
        let form = self.form;
        if form.entries[entry].reads >> by.0 & 1 == 0 {
            return (self.value(entry), T::ZERO);
        }
        match &form.entries[entry].operation {
            Operation::Constant(value) => (*value, T::ZERO),
            Operation::Read { place, .. } => {
                let hit = self.offset(place) == by.1;
                (self.value(entry), if hit { T::ONE } else { T::ZERO })
            }
            Operation::Position(_) | Operation::Delta(..) | Operation::Indicator(..) => {
                (self.value(entry), T::ZERO)
            }
            Operation::Sum(loops, body) => {
                let kept = form.entries[entry].kept.as_ref();
                let place = kept.map(|(first, place)| (first + self.offset(place), by));
                let known = place.and_then(|place| self.kept_duals.get(&place));
                if let Some(known) = known {
                    return *known;
                }
                let mut total = (T::ZERO, T::ZERO);
                self.each(loops, |run| total = add(total, run.dual(*body, by)));
                if let Some(place) = place {
                    self.kept_duals.insert(place, total);
                }
                total
            }
            Operation::Reduce(reduction, loops, body) => {
                self.dual_reduction(*reduction, loops, *body, by)
            }
            Operation::Product { guards, factors } => {
                for guard in guards {
                    if self.value(*guard) == T::ZERO {
                        return (T::ZERO, T::ZERO);
                    }
                }
                let mut product = (T::ONE, T::ZERO);
                for factor in factors {
                    product = multiply(product, self.dual(*factor, by));
                }
                product
            }
            Operation::Add(terms) => {
                let mut total = (T::ZERO, T::ZERO);
                for term in terms {
                    total = add(total, self.dual(*term, by));
                }
                total
            }
            Operation::Power(base, exponent) => {
                let (base, exponent) = (self.dual(*base, by), self.dual(*exponent, by));
                self.dual_power(base, exponent)
            }
            Operation::Root(base, degree) => {
                let root = self.value(entry);
                // r^n = x, so that n r^(n − 1) r' = x'.
                let lower = self.power(root, T::whole(degree - 1));
                let slope = self.power(T::whole(*degree).times(lower), T::whole(-1));
                (root, slope.times(self.dual(*base, by).1))
            }
            Operation::Call {
                kind,
                arguments,
                partials,
                ..
            } => {
                if *kind == Kind::Choice {
                    let chosen = self.chosen(arguments);
                    return self.dual(chosen, by);
                }
                let value = self.value(entry);
                let mut derivative = T::ZERO;
                for (argument, partial) in arguments.iter().zip(partials) {
                    let inner = self.dual(*argument, by).1;
                    if inner == T::ZERO {
                        continue;
                    }
                    match partial {
                        Some(partial) => {
                            derivative = derivative.plus(self.value(*partial).times(inner));
                        }
                        None => self.unsupported = true,
                    }
                }
                (value, derivative)
            }
            Operation::Abstract {
                identity,
                derivatives,
                arguments,
            } => {
                let (values, count) = self.arguments(arguments);
                let value = T::abstract_function(*identity, derivatives, &values[..count]);
                let mut derivative = T::ZERO;
                for (position, argument) in arguments.iter().enumerate() {
                    let inner = self.dual(*argument, by).1;
                    if inner != T::ZERO {
                        let mut further = derivatives.clone();
                        further.push(position);
                        let local = T::abstract_function(*identity, &further, &values[..count]);
                        derivative = derivative.plus(local.times(inner));
                    }
                }
                (value, derivative)
            }
            Operation::Matrix { .. } => self.matrix(entry, Some(by)),
            // Dual numbers are of degree one; the form refuses this case where it is built.
            Operation::Derivative { .. } => {
                self.unsupported = true;
                (T::ZERO, T::ZERO)
            }
        }
    }

    /// An element of a function of a matrix; with its derivative by the element at `by`, where one is asked for.
    pub(super) fn matrix(&mut self, entry: usize, by: Option<(usize, usize)>) -> Dual<T> {
        let form = self.form;
        let Operation::Matrix {
            value,
            loops,
            columns,
            body,
            at,
        } = &form.entries[entry].operation
        else {
            return (self.without_value(), T::ZERO);
        };
        // Row and column may be among the free indices of the place where the element stands: these come first.
        let positions: Vec<usize> = at.iter().map(|slot| self.slots[*slot]).collect();
        let mut elements = Vec::new();
        self.each(loops, |run| {
            elements.push(match by {
                Some(by) => run.dual(*body, by),
                None => (run.value(*body), T::ZERO),
            });
        });
        let matrix = Dense::new(*columns, elements, form.seed);
        let result = match *value {
            MatrixValue::Inverse => matrix.inverse(),
            MatrixValue::Determinant => matrix.determinant().map(Dense::number),
            MatrixValue::LogDeterminant => matrix.log_determinant().map(Dense::number),
            MatrixValue::SignDeterminant => matrix.sign_determinant().map(Dense::number),
            MatrixValue::Cholesky => matrix.cholesky(),
            MatrixValue::LowerPart => Some(matrix.lower_part(T::ONE)),
            MatrixValue::HalfLowerPart => {
                let half = T::whole(2).power(T::whole(-1), form.seed);
                half.map(|half| matrix.lower_part(half))
            }
        };
        match result {
            Some(result) => result.element(&positions),
            None => (self.without_value(), T::ZERO),
        }
    }

    fn dual_reduction(
        &mut self,
        reduction: Reduction,
        loops: &Loops,
        body: usize,
        by: (usize, usize),
    ) -> Dual<T> {
        let mut best: Option<Dual<T>> = None;
        let mut tie = false;
        self.each(loops, |run| {
            let next = run.dual(body, by);
            best = Some(match best {
                None => next,
                Some(best) if reduction == Reduction::Product => multiply(best, next),
                Some(best) if best.0 == next.0 => {
                    tie |= best.1 != next.1;
                    best
                }
                Some(best) => {
                    let replaces = next.0.is_above(best.0) == (reduction == Reduction::Maximum);
                    tie &= !replaces;
                    if replaces { next } else { best }
                }
            });
        });
        // Between equal elements with different slopes there is a kink.
        if tie {
            self.undefined = true;
        }
        best.unwrap_or_else(|| (self.without_value(), T::ZERO))
    }

    fn dual_power(&mut self, base: Dual<T>, exponent: Dual<T>) -> Dual<T> {
        let value = self.power(base.0, exponent.0);
        let mut derivative = T::ZERO;
        if base.1 != T::ZERO {
            let lower = self.power(base.0, exponent.0.plus(T::whole(-1)));
            derivative = exponent.0.times(lower).times(base.1);
        }
        if exponent.1 != T::ZERO {
            let logarithm = self.logarithm(base.0);
            derivative = derivative.plus(value.times(logarithm).times(exponent.1));
        }
        (value, derivative)
    }

    fn logarithm(&mut self, of: T) -> T {
        let seed = self.form.seed;
        let Some(function) = find("log") else {
            return self.without_value();
        };
        match function.body {
            Body::Primitive { value, .. } => {
                T::function(value, super::scalar::identity(function.name, seed), &[of])
            }
            Body::Defined { .. } => self.without_value(),
        }
    }
}

fn add<T: Scalar>(left: Dual<T>, right: Dual<T>) -> Dual<T> {
    (left.0.plus(right.0), left.1.plus(right.1))
}

fn multiply<T: Scalar>(left: Dual<T>, right: Dual<T>) -> Dual<T> {
    let derivative = left.0.times(right.1).plus(left.1.times(right.0));
    (left.0.times(right.0), derivative)
}
