//! Products in NumPy notation: what stands above and below the line, scalars first, outer products, powers.

use backprove_syntax::tree::{BinaryOperator, Expression};

use super::emit::{broadcast, exact};
use super::structure::Form;
use super::{negative, number};
use crate::expr::{Expr, Node};
use crate::functions::MatrixValue;
use crate::index::Index;
use crate::number::Number;

/// A product sorted for writing: a number, what is multiplied, what divides.
#[derive(Clone)]
pub(super) struct Multiplication {
    pub(super) coefficient: Number,
    pub(super) numerator: Vec<Form>,
    pub(super) denominator: Vec<Form>,
}

impl Multiplication {
    pub(super) fn of(form: &Form) -> Self {
        let mut sorted = Self {
            coefficient: Number::ONE,
            numerator: Vec::new(),
            denominator: Vec::new(),
        };
        sorted.take(form);
        sorted
    }

    fn take(&mut self, form: &Form) {
        match form {
            Form::Multiply(forms) => forms.iter().for_each(|form| self.take(form)),
            Form::Leaf(expr) if matches!(expr.node(), Node::Number(_)) => {
                self.coefficient = self.coefficient.times(expr.split_coefficient().0);
            }
            Form::Power(base, exponent) => match exponent.as_ref() {
                Form::Leaf(expr) if expr.split_coefficient().0.is_negative() => {
                    let positive = expr.negate();
                    self.denominator.push(if positive.is_one() {
                        (**base).clone()
                    } else {
                        Form::Power(base.clone(), Box::new(Form::Leaf(positive)))
                    });
                }
                _ => self.numerator.push(form.clone()),
            },
            // A number within a contraction is only a number: it stands in front of the whole.
            Form::Contract(left, index, right) => {
                let (left, right) = (Self::of(left), Self::of(right));
                self.coefficient = self
                    .coefficient
                    .times(left.coefficient)
                    .times(right.coefficient);
                self.numerator.push(Form::Contract(
                    Box::new(left.without_number()),
                    index.clone(),
                    Box::new(right.without_number()),
                ));
            }
            Form::SumOver(index, inner) => {
                let inner = Self::of(inner);
                self.coefficient = self.coefficient.times(inner.coefficient);
                self.numerator.push(Form::SumOver(
                    index.clone(),
                    Box::new(inner.without_number()),
                ));
            }
            _ => self.numerator.push(form.clone()),
        }
    }

    /// Reads sums that are divided by the extent of their index as means.
    pub(super) fn means(&mut self) {
        let Self {
            numerator,
            denominator,
            ..
        } = self;
        denominator.retain(|divisor| {
            let Form::Leaf(extent) = divisor else {
                return true;
            };
            let averaged = numerator
                .iter()
                .enumerate()
                .find_map(|(position, form)| averaged(form, extent).map(|mean| (position, mean)));
            let Some((position, mean)) = averaged else {
                return true;
            };
            numerator[position] = mean;
            false
        });
    }

    /// The product, if no number stands in front of it.
    pub(super) fn without_number_if_one(self) -> Option<Form> {
        self.coefficient.is_one().then(|| self.without_number())
    }

    pub(super) fn without_number(self) -> Form {
        let inverse = self.denominator.into_iter().map(|form| {
            let minus_one = Form::Leaf(Expr::number(Number::MINUS_ONE));
            match form {
                Form::Power(base, exponent) => match *exponent {
                    Form::Leaf(expr) => Form::Power(base, Box::new(Form::Leaf(expr.negate()))),
                    other => Form::Power(
                        Box::new(Form::Power(base, Box::new(other))),
                        Box::new(minus_one),
                    ),
                },
                form => Form::Power(Box::new(form), Box::new(minus_one)),
            }
        });
        let mut forms: Vec<Form> = self.numerator.into_iter().chain(inverse).collect();
        match forms.len() {
            0 => Form::Leaf(Expr::one()),
            1 => forms.swap_remove(0),
            _ => Form::Multiply(forms),
        }
    }

    pub(super) fn negated(mut self) -> Self {
        self.coefficient = self.coefficient.negate();
        self
    }

    pub(super) fn broadcast(self, want: &[Index]) -> Option<Expression> {
        let coefficient = self.coefficient;
        let rest = self.without_number();
        if coefficient.is_one() {
            return broadcast(&rest, want);
        }
        let form = Form::Multiply(vec![Form::Leaf(Expr::number(coefficient)), rest]);
        broadcast(&form, want)
    }

    /// A triangle of the rest, where the product holds the mask of one: `tril(X)`, or `triu(X)` where the mask is turned.
    fn triangle(&self, want: &[Index]) -> Option<Expression> {
        let is_mask = |form: &Form| match form {
            Form::Matrix(matrix) => matches!(&matrix.operand, Form::Leaf(expr) if expr.is_one()),
            _ => false,
        };
        let position = self.numerator.iter().position(is_mask)?;
        let mut rest = self.clone();
        let Form::Matrix(mask) = rest.numerator.remove(position) else {
            return None;
        };
        let form = Form::Multiply(rest.numerator.clone());
        let complete = form.axes().len() == 2 && want.len() == 2;
        let name = match (mask.function.value, mask.at == want) {
            (MatrixValue::LowerPart | MatrixValue::HalfLowerPart, true) => mask.function.name,
            (MatrixValue::LowerPart, false) => "triu",
            (MatrixValue::HalfLowerPart, false) if complete => {
                let turned = rest.write(&mask.at, None)?;
                return Some(Expression::call(mask.function.name, [turned]).transpose());
            }
            _ => return None,
        };
        complete
            .then(|| rest.write(want, None))
            .flatten()
            .map(|tree| Expression::call(name, [tree]))
    }

    /// A matrix with a vector on its diagonal, where the product holds a delta between both axes: `diag(v)`.
    fn diagonal(&self, want: &[Index]) -> Option<Expression> {
        let [_, _] = want else {
            return None;
        };
        let is_delta = |form: &Form| match form {
            Form::Leaf(expr) => {
                matches!(expr.node(), Node::Delta(left, right) if want.contains(left) && want.contains(right))
            }
            _ => false,
        };
        let position = self.numerator.iter().position(is_delta)?;
        let mut rest = self.clone();
        rest.numerator.remove(position);
        let mut axes = rest.numerator.iter().chain(&rest.denominator);
        let axis = axes
            .clone()
            .find_map(|form| form.axes().into_iter().next())?;
        let along = |form: &Form| form.axes().iter().all(|own| *own == axis);
        axes.all(along).then_some(())?;
        let vector = rest.write(std::slice::from_ref(&axis), None)?;
        Some(Expression::call("diag", [vector]))
    }

    /// The product with the axes `want`, and `tree` as a further factor.
    pub(super) fn write(mut self, want: &[Index], tree: Option<Expression>) -> Option<Expression> {
        if tree.is_none()
            && let Some(special) = self.triangle(want).or_else(|| self.diagonal(want))
        {
            return Some(special);
        }
        self.means();
        // What divides a vector of an outer product stands within it.
        if outer_parts(&self.numerator, want).is_some() {
            let (vectors, rest) = self
                .denominator
                .into_iter()
                .partition(|form| form.axes().len() == 1);
            let minus_one = Form::Leaf(Expr::number(Number::MINUS_ONE));
            let inverse = |form: Form| Form::Power(Box::new(form), Box::new(minus_one.clone()));
            let vectors: Vec<Form> = vectors;
            self.numerator.extend(vectors.into_iter().map(inverse));
            self.denominator = rest;
        }
        let (mut scalars, mut arrays): (Vec<Form>, Vec<Form>) = self
            .numerator
            .into_iter()
            .partition(|form| form.axes().is_empty());
        let (numerator, denominator) = match self.coefficient {
            Number::Rational(ratio) if ratio.numer().abs() == 1 || *ratio.denom() == 1 => (
                Number::integer(*ratio.numer()),
                Number::integer(*ratio.denom()),
            ),
            other => (other, Number::ONE),
        };
        let is_negative = numerator.is_negative();
        let magnitude = if is_negative {
            numerator.negate()
        } else {
            numerator
        };
        if arrays.is_empty() && tree.is_none() {
            std::mem::swap(&mut scalars, &mut arrays);
        }
        let mut factors: Vec<Expression> = Vec::new();
        if !magnitude.is_one() {
            factors.push(number(magnitude));
        }
        for scalar in &scalars {
            factors.push(operand(scalar, &[])?);
        }
        factors.extend(outer(&arrays, want).map_or_else(
            || {
                arrays
                    .iter()
                    .map(|form| operand(form, want))
                    .collect::<Option<Vec<_>>>()
            },
            |product| Some(vec![product]),
        )?);
        factors.extend(tree);
        if factors.is_empty() {
            factors.push(Expression::integer(1));
        }
        let product = |trees: Vec<Expression>| {
            trees
                .into_iter()
                .reduce(|left, right| Expression::binary(BinaryOperator::Multiply, left, right))
        };
        let mut below: Vec<Expression> = Vec::new();
        if !denominator.is_one() {
            below.push(number(denominator));
        }
        for form in &self.denominator {
            below.push(operand(form, want)?);
        }
        if is_negative {
            factors[0] = negative(factors[0].clone());
        }
        let result = product(factors)?;
        Some(match product(below) {
            Some(below) => Expression::binary(BinaryOperator::Divide, result, below),
            None => result,
        })
    }
}

/// The mean, where `form` is a sum over an index with this extent, perhaps below others.
fn averaged(form: &Form, extent: &Expr) -> Option<Form> {
    match form {
        Form::SumOver(index, inner) if Expr::extent(index.extent()) == *extent => {
            Some(Form::MeanOver(index.clone(), inner.clone()))
        }
        // Means stand outside of sums: the mean over samples of a sum over classes.
        Form::SumOver(index, inner) => match averaged(inner, extent)? {
            Form::MeanOver(mean, inner) => {
                let sum = Form::SumOver(index.clone(), inner);
                Some(Form::MeanOver(mean, Box::new(sum)))
            }
            _ => None,
        },
        Form::MeanOver(index, inner) => {
            let inner = averaged(inner, extent)?;
            Some(Form::MeanOver(index.clone(), Box::new(inner)))
        }
        _ => None,
    }
}

/// One factor; a power is written here, since a multiplication of it alone would come back to it.
fn operand(form: &Form, want: &[Index]) -> Option<Expression> {
    match form {
        Form::Power(base, exponent) => {
            let axes: Vec<Index> = want
                .iter()
                .filter(|axis| form.axes().contains(axis))
                .cloned()
                .collect();
            if !want.ends_with(&axes) {
                return broadcast_power(form, base, exponent, &axes, want);
            }
            power(base, exponent, &axes)
        }
        _ => broadcast(form, want),
    }
}

fn broadcast_power(
    form: &Form,
    base: &Form,
    exponent: &Form,
    axes: &[Index],
    want: &[Index],
) -> Option<Expression> {
    // The base takes the axes of length one, the exponent is a number.
    if exponent.axes().is_empty()
        && want.starts_with(axes)
        && form.axes().len() == base.axes().len()
    {
        let base = broadcast(base, want)?;
        return power_of(base, exponent);
    }
    None
}

fn power(base: &Form, exponent: &Form, axes: &[Index]) -> Option<Expression> {
    let base = broadcast(base, axes)?;
    if exponent.axes().is_empty() {
        return power_of(base, exponent);
    }
    let exponent = broadcast(exponent, axes)?;
    Some(Expression::binary(BinaryOperator::Power, base, exponent))
}

fn power_of(base: Expression, exponent: &Form) -> Option<Expression> {
    if let Form::Leaf(expr) = exponent
        && matches!(expr.node(), Node::Number(value) if *value == Number::ratio(1, 2))
    {
        return Some(Expression::call("sqrt", [base]));
    }
    let exponent = exact(exponent, &[])?;
    Some(Expression::binary(BinaryOperator::Power, base, exponent))
}

/// `outer(a, b)`, where the arrays fall into vectors over the first axis and vectors over the second.
fn outer(arrays: &[Form], want: &[Index]) -> Option<Expression> {
    let (rows, columns) = outer_parts(arrays, want)?;
    let vector =
        |forms: Vec<Form>, axis: &Index| exact(&Form::Multiply(forms), std::slice::from_ref(axis));
    let [first, second] = want else {
        return None;
    };
    Some(Expression::call(
        "outer",
        [vector(rows, first)?, vector(columns, second)?],
    ))
}

/// The vectors over the first axis and those over the second, where there is nothing else but scalars.
fn outer_parts(forms: &[Form], want: &[Index]) -> Option<(Vec<Form>, Vec<Form>)> {
    let [first, second] = want else {
        return None;
    };
    let on = |axis: &Index| -> Vec<Form> {
        let vectors = forms
            .iter()
            .filter(|form| form.axes() == std::slice::from_ref(axis));
        vectors.cloned().collect()
    };
    let (rows, columns) = (on(first), on(second));
    let scalars = forms.iter().filter(|form| form.axes().is_empty()).count();
    let complete = rows.len() + columns.len() + scalars == forms.len();
    (!rows.is_empty() && !columns.is_empty() && complete).then_some((rows, columns))
}
