//! Writes a structure in NumPy notation with given axes. Every transpose is forced by them; where
//! two orders are possible the one with fewer transposes is taken.

use backprove_syntax::tree::{BinaryOperator, Expression, ExpressionKind, Subscript};

use super::multiplication::Multiplication;
use super::number;
use super::reduction::reduced;
use super::structure::{Form, MatrixForm};
use crate::expr::{Callee, Expr, FunctionName, Node};
use crate::functions::Notation;
use crate::index::Index;
use crate::notation::extent;

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
pub(super) fn broadcast(form: &Form, want: &[Index]) -> Option<Expression> {
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
