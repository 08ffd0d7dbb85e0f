//! Writes a structure in NumPy notation with given axes. Every transpose is forced by them; where
//! two orders are possible the one with fewer transposes is taken.

use backprove_syntax::tree::{BinaryOperator, Expression, ExpressionKind, Subscript};

use super::reduction::reduced;
use super::structure::{Form, MatrixForm};
use super::{negative, number};
use crate::expr::{Callee, Expr, FunctionName, Node};
use crate::functions::{MatrixValue, Notation};
use crate::index::Index;
use crate::notation::extent;
use crate::number::Number;

/// The form with exactly the axes `want`; an axis on which it does not depend is filled with ones.
pub(super) fn whole(form: &Form, want: &[Index]) -> Option<Expression> {
    let axes = form.axes();
    let missing: Vec<&Index> = want.iter().filter(|index| !axes.contains(index)).collect();
    if missing.is_empty() {
        return oriented(form, want);
    }
    let size = |index: &Index| Expression::name(index.extent().to_string());
    if axes.is_empty() {
        let sizes = want.iter().map(size).collect::<Vec<_>>();
        let shape = match &sizes[..] {
            [single] => single.clone(),
            _ => Expression::made(ExpressionKind::Tuple(sizes)),
        };
        if matches!(form, Form::Leaf(expr) if expr.is_zero()) {
            return Some(Expression::call("zeros", [shape]));
        }
        let ones = Expression::call("ones", [shape]);
        return scaled(form, ones);
    }
    let [axis] = &axes[..] else {
        return None;
    };
    let vector = exact(form, std::slice::from_ref(axis))?;
    let ones = Expression::call("ones", [size(missing.first()?)]);
    match want {
        [first, _] if first == axis => Some(Expression::call("outer", [vector, ones])),
        [_, _] => Some(Expression::call("outer", [ones, vector])),
        _ => None,
    }
}

/// A scalar form times `tree`.
fn scaled(form: &Form, tree: Expression) -> Option<Expression> {
    Multiplication::of(form).write(&[], Some(tree))
}

/// The form with the axes `want`, which are exactly those on which it depends.
pub(super) fn exact(form: &Form, want: &[Index]) -> Option<Expression> {
    match form {
        Form::Leaf(expr) => leaf(expr, want),
        Form::Add(terms) => add(terms, want),
        Form::Multiply(_) | Form::Power(..) => Multiplication::of(form).write(want, None),
        Form::Call(callee, arguments) => call(callee, arguments, want),
        // A number within a contraction is written in front of the whole.
        Form::Contract(..) | Form::SumOver(..)
            if !Multiplication::of(form).coefficient.is_one() =>
        {
            Multiplication::of(form).write(want, None)
        }
        Form::Contract(left, index, right) => contract(left, index, right, want),
        Form::SumOver(..) | Form::MeanOver(..) | Form::ReduceOver(..) => reduced(form, want, false),
        Form::Matrix(matrix) => function_of_matrix(matrix, want),
    }
}

fn function_of_matrix(matrix: &MatrixForm, want: &[Index]) -> Option<Expression> {
    let operand = whole(&matrix.operand, &matrix.inner)?;
    let call = Expression::call(matrix.function.name, [operand]);
    match (&matrix.at[..], want) {
        (at, want) if at == want => Some(call),
        ([i, j], [a, b]) if i == b && j == a => Some(if matrix.symmetric {
            call
        } else {
            call.transpose()
        }),
        ([i, j], [a]) if i == a && j == a => Some(Expression::call("diag", [call])),
        _ => None,
    }
}

/// The form with the axes `want`, transposed as a whole where its parts would be, one by one.
fn oriented(form: &Form, want: &[Index]) -> Option<Expression> {
    let straight = exact(form, want);
    let ([first, second], Form::Add(_) | Form::Multiply(_) | Form::Call(..) | Form::Power(..)) =
        (want, form)
    else {
        return straight;
    };
    if straight.as_ref().is_some_and(|tree| transposes(tree) < 2) {
        return straight;
    }
    // A number stays in front of what is transposed.
    let multiplication = Multiplication::of(form);
    let coefficient = multiplication.coefficient;
    let turned_axes = [second.clone(), first.clone()];
    let turned = if coefficient.is_one() {
        exact(form, &turned_axes).map(Expression::transpose)
    } else {
        exact(&multiplication.without_number(), &turned_axes).and_then(|tree| {
            let number = Form::Leaf(Expr::number(coefficient));
            scaled(&number, tree.transpose())
        })
    };
    fewer_transposes(straight, turned)
}

/// The form so that it broadcasts against an array with the axes `want`.
fn broadcast(form: &Form, want: &[Index]) -> Option<Expression> {
    let axes: Vec<Index> = form.axes();
    let own: Vec<Index> = want
        .iter()
        .filter(|index| axes.contains(index))
        .cloned()
        .collect();
    if own.len() != axes.len() {
        return None;
    }
    if want.ends_with(&own) {
        return exact(form, &own);
    }
    // Only a leading axis is present: the missing ones behind it become axes of length one.
    if !want.starts_with(&own) {
        return None;
    }
    if want.len() == own.len() + 1 {
        let mut dividends = Multiplication::of(form);
        dividends.means();
        let form = dividends
            .without_number_if_one()
            .unwrap_or_else(|| form.clone());
        if let Form::SumOver(..) | Form::MeanOver(..) | Form::ReduceOver(..) = form
            && let Some(kept) = reduced(&form, &own, true)
        {
            let plain = reduced(&form, &own, false);
            if plain.is_none_or(|plain| transposes(&plain) >= transposes(&kept)) {
                return Some(kept);
            }
        }
    }
    let tree = exact(form, &own)?;
    let full = || Subscript::Slice {
        start: None,
        stop: None,
        step: None,
    };
    let items = own
        .iter()
        .map(|_| full())
        .chain(want[own.len()..].iter().map(|_| Subscript::NewAxis));
    Some(Expression::made(ExpressionKind::Subscript(
        Box::new(tree),
        items.collect(),
    )))
}

fn leaf(expr: &Expr, want: &[Index]) -> Option<Expression> {
    match expr.node() {
        Node::Number(value) => Some(number(*value)),
        Node::Extent(dim) => Some(extent(dim)),
        Node::Access(tensor, indices) => {
            let name = Expression::name(tensor.name());
            match (&indices[..], want) {
                (at, want) if at == want => Some(name),
                ([i, j], [a, b]) if i == b && j == a && tensor.is_symmetric() => Some(name),
                ([i, j], [a, b]) if i == b && j == a => Some(name.transpose()),
                ([i, j], [a]) if i == a && j == a => Some(Expression::call("diag", [name])),
                _ => None,
            }
        }
        Node::Delta(left, _) => Some(Expression::call("eye", [extent(left.extent())])),
        Node::Indicator(class, value) => {
            let Node::Access(labels, at) = value.node() else {
                return None;
            };
            let size = extent(class.extent());
            let rows = Expression::call("one_hot", [Expression::name(labels.name()), size]);
            match (&at[..], want) {
                ([s], [a, b]) if s == a && class == b => Some(rows),
                ([s], [a, b]) if s == b && class == a => Some(rows.transpose()),
                ([], [_]) => Some(rows),
                _ => None,
            }
        }
        _ => None,
    }
}

fn add(terms: &[Form], want: &[Index]) -> Option<Expression> {
    let mut total: Option<Expression> = None;
    // A positive term leads where there is one, as a person writes it.
    let is_positive = |term: &Form| !Multiplication::of(term).coefficient.is_negative();
    let lead = terms.iter().position(is_positive).unwrap_or(0);
    let rest = terms.iter().enumerate().filter(|(at, _)| *at != lead);
    for term in std::iter::once(&terms[lead]).chain(rest.map(|(_, term)| term)) {
        let multiplication = Multiplication::of(term);
        total = Some(match total {
            None => broadcast(term, want)?,
            Some(sum) if multiplication.coefficient.is_negative() => {
                let positive = multiplication.negated();
                let tree = positive.broadcast(want)?;
                Expression::binary(BinaryOperator::Subtract, sum, tree)
            }
            Some(sum) => Expression::binary(BinaryOperator::Add, sum, broadcast(term, want)?),
        });
    }
    total
}

fn call(callee: &Callee, arguments: &[Form], want: &[Index]) -> Option<Expression> {
    let arguments: Vec<Expression> = arguments
        .iter()
        .map(|argument| broadcast(argument, want))
        .collect::<Option<_>>()?;
    if let FunctionName::Known(function) = &callee.function
        && let Notation::Relation(sign) = function.notation
        && callee.derivatives.is_empty()
    {
        let operator = crate::notation::relation(sign);
        let mut arguments = arguments.into_iter();
        return Some(Expression::binary(
            operator,
            arguments.next()?,
            arguments.next()?,
        ));
    }
    let primes = "'".repeat(callee.derivatives.len());
    Some(Expression::call(
        &format!("{}{primes}", callee.name()),
        arguments,
    ))
}

fn contract(left: &Form, index: &Index, right: &Form, want: &[Index]) -> Option<Expression> {
    let through = |form: &Form| -> Vec<Index> {
        want.iter()
            .filter(|axis| form.axes().contains(axis))
            .cloned()
            .collect()
    };
    let (left_axes, right_axes) = (through(left), through(right));
    if left_axes.len() + right_axes.len() != want.len() || want.len() > 2 {
        return None;
    }
    let product = |first: &Form, first_axes: &[Index], second: &Form, second_axes: &[Index]| {
        let first = oriented(first, &[first_axes, std::slice::from_ref(index)].concat())?;
        let second = oriented(second, &[std::slice::from_ref(index), second_axes].concat())?;
        Some(matrix_product(
            first,
            second,
            second_axes.len() == 1 && !first_axes.is_empty(),
        ))
    };
    let forward = || product(left, &left_axes, right, &right_axes);
    let backward = || product(right, &right_axes, left, &left_axes);
    match want {
        [first, _] if left_axes.contains(first) => forward(),
        [_, _] => backward(),
        // Vectors are columns: the matrix stands on the left.
        [_] if left_axes.is_empty() => backward(),
        _ => forward(),
    }
}

/// `first @ second`; a product of matrices associates to the left, so that it needs no parentheses.
/// A product with a vector keeps its order: it costs less that way.
pub(super) fn matrix_product(first: Expression, second: Expression, matrices: bool) -> Expression {
    if let ExpressionKind::Binary(BinaryOperator::MatrixMultiply, a, b) = &second.kind
        && matrices
    {
        let inner = matrix_product(first, (**a).clone(), true);
        return Expression::binary(BinaryOperator::MatrixMultiply, inner, (**b).clone());
    }
    Expression::binary(BinaryOperator::MatrixMultiply, first, second)
}

pub(super) fn fewer_transposes(
    first: Option<Expression>,
    second: Option<Expression>,
) -> Option<Expression> {
    match (first, second) {
        (Some(first), Some(second)) if transposes(&second) < transposes(&first) => Some(second),
        (None, second) => second,
        (first, _) => first,
    }
}

fn transposes(tree: &Expression) -> usize {
    match &tree.kind {
        ExpressionKind::Transpose(inner) => 1 + transposes(inner),
        ExpressionKind::Unary(_, inner) | ExpressionKind::Subscript(inner, _) => transposes(inner),
        ExpressionKind::Binary(_, left, right) => transposes(left) + transposes(right),
        ExpressionKind::Call { arguments, .. } => arguments
            .iter()
            .map(|argument| transposes(&argument.value))
            .sum(),
        _ => 0,
    }
}

/// A product sorted for writing: a number, what is multiplied, what divides.
#[derive(Clone)]
struct Multiplication {
    coefficient: Number,
    numerator: Vec<Form>,
    denominator: Vec<Form>,
}

impl Multiplication {
    fn of(form: &Form) -> Self {
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
    fn means(&mut self) {
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
    fn without_number_if_one(self) -> Option<Form> {
        self.coefficient.is_one().then(|| self.without_number())
    }

    fn without_number(self) -> Form {
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

    fn negated(mut self) -> Self {
        self.coefficient = self.coefficient.negate();
        self
    }

    fn broadcast(self, want: &[Index]) -> Option<Expression> {
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
        let name = match (mask.function.value, mask.at == want) {
            (MatrixValue::LowerPart | MatrixValue::HalfLowerPart, true) => mask.function.name,
            (MatrixValue::LowerPart, false) => "triu",
            _ => return None,
        };
        let form = Form::Multiply(rest.numerator.clone());
        let complete = form.axes().len() == 2 && want.len() == 2;
        complete
            .then(|| rest.write(want, None))
            .flatten()
            .map(|tree| Expression::call(name, [tree]))
    }

    /// The product with the axes `want`, and `tree` as a further factor.
    fn write(mut self, want: &[Index], tree: Option<Expression>) -> Option<Expression> {
        if tree.is_none()
            && let Some(triangle) = self.triangle(want)
        {
            return Some(triangle);
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
