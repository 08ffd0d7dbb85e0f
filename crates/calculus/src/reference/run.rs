//! Evaluation of a form with loops, and derivatives by central differences.

use std::collections::HashMap;

use super::form::{ARGUMENTS, Form, Kind, Linear, Loops, Operation};
use super::{Array, Differentiation, Environment, Scalar, Unevaluated};
use crate::expr::Reduction;

/// How far a smooth function's differences at two step sizes may lie apart, relative to their size.
const AGREEMENT: f64 = 1e-6;

/// The larger of the two step sizes, relative to the element where that is above one.
pub(crate) const STEP: f64 = 1.0 / 4096.0;

pub(super) struct Run<'a, T> {
    pub(super) form: &'a Form<T>,
    arrays: Vec<&'a Array<T>>,
    /// The values of the indices, by slot.
    pub(super) slots: Vec<usize>,
    /// Values that loops would work out again, each with the epoch that it belongs to.
    kept: Vec<(u32, T)>,
    /// The same with their derivatives, by the place where the value is kept and the element of the derivative.
    pub(super) kept_duals: HashMap<(usize, (usize, usize)), (T, T)>,
    /// Which displacements are in force; zero belongs to nothing.
    epoch: u32,
    epochs: u32,
    /// Elements that are displaced, for differences.
    displaced: Vec<(usize, usize, T)>,
    pub(super) undefined: bool,
    pub(super) unsupported: bool,
}

impl<'a, T: Scalar> Run<'a, T> {
    pub(super) fn new(form: &'a Form<T>, environment: &'a Environment<T>) -> Self {
        Self {
            form,
            arrays: environment.arrays().collect(),
            slots: vec![0; form.slots],
            kept: vec![(0, T::ZERO); form.kept],
            kept_duals: HashMap::new(),
            epoch: 1,
            epochs: 1,
            displaced: Vec::new(),
            undefined: false,
            unsupported: false,
        }
    }

    /// The value with the free indices at `positions`.
    pub(super) fn at(&mut self, positions: &[usize]) -> Result<T, Unevaluated> {
        for (slot, position) in positions.iter().enumerate() {
            if *position >= self.form.outer[slot] {
                return Err(Unevaluated::Undefined);
            }
            self.slots[slot] = *position;
        }
        let value = self.value(self.form.root);
        if self.unsupported {
            return Err(Unevaluated::Unsupported("a missing derivative"));
        }
        if self.undefined || !value.is_defined() {
            return Err(Unevaluated::Undefined);
        }
        Ok(value)
    }

    /// The values at all positions of the free indices.
    pub(super) fn everywhere(&mut self) -> Result<Array<T>, Unevaluated> {
        let shape = self.form.outer.clone();
        let count = shape.iter().product();
        let mut data = Vec::with_capacity(count);
        let mut positions = vec![0; shape.len()];
        for _ in 0..count {
            data.push(self.at(&positions)?);
            for (position, extent) in positions.iter_mut().zip(&shape).rev() {
                *position += 1;
                if *position < *extent {
                    break;
                }
                *position = 0;
            }
        }
        Ok(Array::new(shape, data))
    }

    pub(super) fn offset(&self, place: &[(usize, usize)]) -> usize {
        let slots = &self.slots;
        place
            .iter()
            .map(|(slot, stride)| slots[*slot] * stride)
            .sum()
    }

    pub(super) fn value(&mut self, entry: usize) -> T {
        let form = self.form;
        let Some((offset, place)) = &form.entries[entry].kept else {
            return self.fresh(entry);
        };
        let place = offset + self.offset(place);
        let (epoch, value) = self.kept[place];
        if epoch == self.epoch {
            return value;
        }
        let value = self.fresh(entry);
        self.kept[place] = (self.epoch, value);
        value
    }

    fn fresh(&mut self, entry: usize) -> T {
        let form = self.form;
        match &form.entries[entry].operation {
            Operation::Constant(value) => *value,
            Operation::Read { array, place } => {
                let offset = self.offset(place);
                let value = self.arrays[*array].data()[offset];
                self.displaced
                    .iter()
                    .filter(|(other, at, _)| other == array && *at == offset)
                    .fold(value, |value, (_, _, by)| value.plus(*by))
            }
            Operation::Position(slot) => T::whole(self.slots[*slot] as i64),
            Operation::Delta(left, right) => unit(self.slots[*left] == self.slots[*right]),
            Operation::Indicator(slot, value) => {
                let position = T::whole(self.slots[*slot] as i64);
                unit(self.value(*value) == position)
            }
            Operation::Sum(loops, body) => {
                let mut total = T::ZERO;
                self.each(loops, |run| total = total.plus(run.value(*body)));
                total
            }
            Operation::Reduce(reduction, loops, body) => {
                let mut total: Option<T> = None;
                self.each(loops, |run| {
                    let value = run.value(*body);
                    total = Some(total.map_or(value, |best| combine(*reduction, best, value)));
                });
                total.unwrap_or_else(|| self.without_value())
            }
            Operation::Product { guards, factors } => {
                for guard in guards {
                    if self.value(*guard) == T::ZERO {
                        return T::ZERO;
                    }
                }
                factors
                    .iter()
                    .fold(T::ONE, |product, factor| product.times(self.value(*factor)))
            }
            Operation::Add(terms) => terms
                .iter()
                .fold(T::ZERO, |total, term| total.plus(self.value(*term))),
            Operation::Power(base, exponent) => {
                let (base, exponent) = (self.value(*base), self.value(*exponent));
                self.power(base, exponent)
            }
            Operation::Root(base, degree) => self.value(*base).root(*degree, form.seed),
            Operation::Call {
                value,
                kind,
                identity,
                arguments,
                ..
            } => {
                if *kind == Kind::Choice {
                    let chosen = self.chosen(arguments);
                    return self.value(chosen);
                }
                let (values, count) = self.arguments(arguments);
                let values = &values[..count];
                match kind {
                    Kind::Relation => T::relation(*value, values),
                    Kind::Function | Kind::Choice => T::function(*value, *identity, values),
                }
            }
            Operation::Abstract {
                identity,
                derivatives,
                arguments,
            } => {
                let (values, count) = self.arguments(arguments);
                T::abstract_function(*identity, derivatives, &values[..count])
            }
            Operation::Matrix { .. } => self.matrix(entry, None).0,
            Operation::Derivative { body, array, place } => {
                let offset = self.offset(place);
                if form.entries[*body].reads >> array & 1 == 0 {
                    return T::ZERO;
                }
                match form.differentiation {
                    Differentiation::Duals => self.dual(*body, (*array, offset)).1,
                    Differentiation::Differences => self.difference(*body, *array, offset),
                }
            }
        }
    }

    /// The branch of `where(c, a, b)` that is taken; the other one need not be defined.
    pub(super) fn chosen(&mut self, arguments: &[usize]) -> usize {
        if self.value(arguments[0]) == T::ZERO {
            arguments[2]
        } else {
            arguments[1]
        }
    }

    pub(super) fn arguments(&mut self, places: &[usize]) -> ([T; ARGUMENTS], usize) {
        let mut values = [T::ZERO; ARGUMENTS];
        for (value, place) in values.iter_mut().zip(places) {
            *value = self.value(*place);
        }
        (values, places.len())
    }

    pub(super) fn power(&mut self, base: T, exponent: T) -> T {
        let power = base.power(exponent, self.form.seed);
        power.unwrap_or_else(|| self.without_value())
    }

    pub(super) fn without_value(&mut self) -> T {
        self.undefined = true;
        T::ZERO
    }

    /// Runs `body` for all values of the indices of `loops`.
    pub(super) fn each(&mut self, loops: &Loops, mut body: impl FnMut(&mut Self)) {
        let running = &loops.running;
        if running.iter().any(|(_, extent)| *extent == 0) {
            return;
        }
        for (slot, _) in running {
            self.slots[*slot] = 0;
        }
        loop {
            if self.fix(&loops.fixed) {
                body(self);
            }
            let mut rest = running.iter().rev();
            loop {
                let Some((slot, extent)) = rest.next() else {
                    return;
                };
                self.slots[*slot] += 1;
                if self.slots[*slot] < *extent {
                    break;
                }
                self.slots[*slot] = 0;
            }
        }
    }

    /// Puts the indices that indicators fix where these say; false where that is outside the extent.
    fn fix(&mut self, fixed: &[(usize, usize, Linear)]) -> bool {
        fixed.iter().all(|(slot, extent, value)| {
            let terms = value.terms.iter();
            let position = terms.fold(value.constant, |sum, (slot, coefficient)| {
                sum + coefficient * self.slots[*slot] as i64
            });
            let position = usize::try_from(position).ok();
            let Some(position) = position.filter(|position| position < extent) else {
                return false;
            };
            self.slots[*slot] = position;
            true
        })
    }

    /// The derivative by central differences, extrapolated from two step sizes. Where they disagree, or where the
    /// function has a kink, the point is no good.
    fn difference(&mut self, body: usize, array: usize, offset: usize) -> T {
        let size = self.arrays[array].data()[offset].to_f64().abs().max(1.0);
        let middle = self.value(body).to_f64();
        let step = STEP * size;
        let mut at = |by: f64| self.displaced_value(body, array, offset, by).to_f64();
        let (far, near) = ((at(step), at(-step)), (at(step / 2.0), at(-step / 2.0)));
        let estimate = Differences {
            middle,
            step,
            far,
            near,
        }
        .derivative();
        match estimate {
            Some(derivative) => T::number(crate::number::Number::Real(derivative)),
            None => self.without_value(),
        }
    }

    fn displaced_value(&mut self, body: usize, array: usize, offset: usize, by: f64) -> T {
        let by = T::number(crate::number::Number::Real(by));
        let outside = self.epoch;
        self.epochs += 1;
        self.epoch = self.epochs;
        self.displaced.push((array, offset, by));
        let value = self.value(body);
        self.displaced.pop();
        self.epoch = outside;
        value
    }
}

/// The values of a function around a point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Differences {
    /// At the point.
    pub(crate) middle: f64,
    /// The larger step.
    pub(crate) step: f64,
    /// A step above and below.
    pub(crate) far: (f64, f64),
    /// Half a step above and below.
    pub(crate) near: (f64, f64),
}

impl Differences {
    /// The derivative extrapolated from both central differences; `None` where they disagree and at a kink.
    pub(crate) fn derivative(self) -> Option<f64> {
        let wide = (self.far.0 - self.far.1) / (2.0 * self.step);
        let narrow = (self.near.0 - self.near.1) / self.step;
        let derivative = (4.0 * narrow - wide) / 3.0;
        // The difference of the one-sided slopes shrinks with the step where the function is smooth, and stays at a kink.
        let bend = |(above, below): (f64, f64), step: f64| {
            (above - self.middle - (self.middle - below)) / step
        };
        let kink = bend(self.near, self.step / 2.0) - bend(self.far, self.step) / 2.0;
        let tolerance = AGREEMENT * (1.0 + derivative.abs());
        let smooth = (wide - narrow).abs() <= tolerance && kink.abs() <= tolerance;
        smooth.then_some(derivative)
    }
}

fn unit<T: Scalar>(condition: bool) -> T {
    if condition { T::ONE } else { T::ZERO }
}

pub(super) fn combine<T: Scalar>(reduction: Reduction, best: T, value: T) -> T {
    let replaces = match reduction {
        Reduction::Product => return best.times(value),
        Reduction::Maximum => value.is_above(best),
        Reduction::Minimum => best.is_above(value),
    };
    if replaces || !value.is_defined() {
        value
    } else {
        best
    }
}
