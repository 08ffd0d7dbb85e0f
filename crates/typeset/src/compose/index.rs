//! Index notation as formulas. It decides order, signs, fractions and letters as a person would
//! write them; it must never change the value of what it prints.

use std::sync::Arc;

use backprove_calculus::expr::Reduction;
use backprove_calculus::functions::Notation;
use backprove_calculus::number::Number;
use backprove_calculus::size::{Part, Size};
use backprove_calculus::subscripts;
use backprove_calculus::{
    Callee, Dim, Expr, FunctionName, Index, MatrixFunction, Node, Operand, Tensor, matrix,
};
use backprove_syntax::tree::Expression;

use super::Derived;
use super::letters::Letters;
use super::notation;
use super::piece::{Level, Piece};
use crate::formula::{BigOperator, Fence, Formula, Operator};

/// An expression as a formula. Free indices that have no letter yet get one and keep it.
///
/// ```
/// use backprove_calculus::{Dim, Expr, Index, Tensor};
/// use backprove_typeset::compose::{Letters, index};
/// use backprove_typeset::unicode;
///
/// let [s, n, m] = ["S", "N", "M"].map(Dim::symbol);
/// let x = Tensor::new("X", vec![s.clone(), m.clone()]);
/// let w = Tensor::new("W", vec![n.clone(), m.clone()]);
/// let [i, j, p] = [("i", s), ("j", n), ("p", m)].map(|(letter, dim)| Index::new(letter, dim));
/// let product = Expr::product([
///     Expr::access(&x, &[i.clone(), p.clone()]),
///     Expr::access(&w, &[j.clone(), p.clone()]),
/// ]);
/// let y = Expr::sum(&[p], product);
/// let formula = index::expression(&y, &mut Letters::default());
/// assert_eq!(unicode::formula(&formula), "Σₚ Xᵢₚ Wⱼₚ");
/// ```
pub fn expression(expr: &Expr, letters: &mut Letters) -> Formula {
    letters.reserve(&expr.free_indices());
    piece(expr, letters).signed()
}

/// One element of a tensor: `X_{ij}`, and `∂L/∂Y_{ij}` for a cotangent.
pub fn element(tensor: &Tensor, indices: &[Index], letters: &mut Letters) -> Formula {
    letters.reserve(indices);
    access(tensor, indices, letters)
}

/// `∂of/∂by[indices]` of a scalar.
pub fn gradient_element(
    loss: &str,
    by: &Tensor,
    indices: &[Index],
    letters: &mut Letters,
) -> Formula {
    letters.reserve(indices);
    Formula::partial(&Formula::name(loss), &access(by, indices, letters))
}

/// An extent.
pub fn extent(dim: &Dim) -> Formula {
    match dim {
        Dim::Symbol(name) => Formula::name(name),
        Dim::Literal(size) => Formula::number(size.to_string()),
        Dim::Computed(size) => computed(size).signed(),
    }
}

/// A size that is worked out from others, as `N − U + 1` or `⌊(H − K)/2⌋`.
fn computed(size: &Size) -> Piece {
    let term = |(coefficient, parts): (i64, Vec<Part>)| {
        let magnitude = coefficient.unsigned_abs();
        let number = (magnitude != 1 || parts.is_empty())
            .then(|| Piece::atom(Formula::number(magnitude.to_string())));
        let factors = parts.iter().map(|part| match part {
            Part::Symbol(name) => Piece::atom(Formula::name(name)),
            Part::Quotient(above, below) => {
                let quotient = Piece::fraction(computed(above), computed(below));
                Piece::atom(quotient.signed().fenced(Fence::Floor))
            }
        });
        let product = Piece::product(number.into_iter().chain(factors).collect());
        if coefficient < 0 {
            product.negate()
        } else {
            product
        }
    };
    Piece::sum(size.terms().into_iter().map(term).collect())
}

fn access(tensor: &Tensor, indices: &[Index], letters: &Letters) -> Formula {
    match elements(tensor, indices, letters) {
        Some((of, by)) => super::derivative(&of, &by),
        None => Formula::name(tensor.name()).indexed(letters.formulas(indices)),
    }
}

/// For one element of a derivative: the element of what is differentiated, and those by which it is.
fn elements(
    tensor: &Tensor,
    indices: &[Index],
    letters: &Letters,
) -> Option<(Formula, Vec<Formula>)> {
    let derived = Derived::of(tensor)?;
    let mut rest = indices;
    let mut element = |(name, rank): (&str, usize)| {
        let (own, others) = rest.split_at(rank.min(rest.len()));
        rest = others;
        Formula::name(name).indexed(letters.formulas(own))
    };
    let of = element(derived.root);
    Some((of, derived.by.into_iter().map(element).collect()))
}

fn piece(expr: &Expr, letters: &mut Letters) -> Piece {
    match expr.node() {
        Node::Number(value) => notation::number(*value),
        Node::Extent(Dim::Computed(size)) => computed(size),
        Node::Extent(dim) => Piece::atom(extent(dim)),
        Node::Position(index) => Piece::atom(letters.formula(index)),
        Node::Access(tensor, indices) => Piece::atom(access(tensor, indices, letters)),
        Node::Delta(left, right) => {
            let indices = [left, right].map(|index| letters.formula(index));
            Piece::atom(Formula::variable("δ").indexed(indices))
        }
        Node::Indicator(index, value) => {
            let value = piece(value, letters).signed();
            notation::indicator(letters.formula(index).infix(Operator::Equal, value))
        }
        Node::Sum(indices, body) => sum(indices, body, letters),
        Node::Reduce(reduction, indices, body) => {
            big(big_operator(*reduction), indices, body, letters)
        }
        Node::Product(factors) => product(factors, letters),
        Node::Add(terms) => Piece::sum(terms.iter().map(|term| piece(term, letters)).collect()),
        Node::Power(base, exponent) => power(base, exponent, letters),
        Node::Call(callee, arguments) => call(callee, arguments, letters),
        Node::Matrix(function, operand, at) => matrix_function(function, operand, at, letters),
        Node::Derivative(body, tensor, indices) => derivative(body, tensor, indices, letters),
    }
}

/// An element of a function of a matrix: `(A⁻¹)_{ij}` where the matrix has a matrix form, else with its rows and
/// columns below the function's name.
fn matrix_function(
    function: &MatrixFunction,
    operand: &Operand,
    at: &[Index],
    letters: &mut Letters,
) -> Piece {
    let inner = [operand.rows.clone(), operand.columns.clone()];
    let mut tensors: Vec<Tensor> = Vec::new();
    operand.body.visit(&mut |part| {
        if let Node::Access(tensor, _) = part.node() {
            tensors.push(tensor.clone());
        }
    });
    let whole = matrix::recover(&operand.body, &inner).map(|tree| {
        let call = Expression::call(function.name, [Arc::unwrap_or_clone(tree)]);
        super::matrix::expression(&call, &super::Scope::new(&tensors))
    });
    let whole = whole.unwrap_or_else(|| {
        let depth = letters.depth();
        for index in &inner {
            letters.enter(index);
        }
        let below = letters.formulas(&inner);
        let body = piece(&operand.body, letters).signed();
        letters.leave(depth);
        let head = Formula::function(function.name).indexed(below);
        Formula::application(head, [body])
    });
    if at.is_empty() {
        return Piece::atom(whole);
    }
    let base = whole.fenced(Fence::Parentheses);
    Piece::atom(base.indexed(letters.formulas(at)))
}

/// The sign of a reduction.
fn big_operator(reduction: Reduction) -> BigOperator {
    match reduction {
        Reduction::Maximum => BigOperator::Maximum,
        Reduction::Minimum => BigOperator::Minimum,
        Reduction::Product => BigOperator::Product,
    }
}

/// A sum; what reads as an element at a position, `x_{i+u}`, is written as one.
fn sum(indices: &[Index], body: &Expr, letters: &mut Letters) -> Piece {
    let Some(reading) = subscripts::reading(indices, body) else {
        return big(BigOperator::Sum, indices, body, letters);
    };
    let depth = letters.depth();
    for index in &reading.bound {
        letters.enter(index);
    }
    for (index, position) in &reading.at {
        let position = piece(position, letters).signed();
        letters.place(index, position);
    }
    let written = if reading.bound.is_empty() {
        piece(&reading.body, letters)
    } else {
        big(BigOperator::Sum, &reading.bound, &reading.body, letters)
    };
    letters.leave(depth);
    written
}

fn big(operator: BigOperator, indices: &[Index], body: &Expr, letters: &mut Letters) -> Piece {
    let depth = letters.depth();
    for index in indices {
        letters.enter(index);
    }
    let below = Formula::Indices(letters.formulas(indices));
    // A sign moves out of a sum, but not out of a maximum or a product.
    let mut body = piece(body, letters);
    let negative = body.negative && operator == BigOperator::Sum && body.level > Level::Sum;
    body.negative ^= negative;
    letters.leave(depth);
    let formula = Formula::big(operator, below, body.at_least(Level::Big));
    Piece {
        negative,
        ..Piece::new(formula, Level::Big)
    }
}

/// A factor `1 / base^exponent`: the base and the exponent without its sign.
fn divisor(factor: &Expr) -> Option<(&Expr, Number)> {
    let Node::Power(base, exponent) = factor.node() else {
        return None;
    };
    match exponent.node() {
        Node::Number(value) if value.is_negative() => Some((base, value.negate())),
        _ => None,
    }
}

/// Whether a factor is better set beside a fraction than above its bar.
fn stands_beside(factor: &Expr) -> bool {
    match factor.node() {
        Node::Sum(..) | Node::Reduce(..) | Node::Derivative(..) => true,
        Node::Access(tensor, _) => Derived::of(tensor).is_some(),
        _ => false,
    }
}

/// A product: the number first, all divisors below one bar, simple factors above it.
fn product(factors: &[Expr], letters: &mut Letters) -> Piece {
    let mut coefficient = Number::ONE;
    let mut below: Vec<Piece> = Vec::new();
    let mut rest: Vec<&Expr> = Vec::new();
    for factor in factors {
        match (factor.node(), divisor(factor)) {
            (Node::Number(value), _) => coefficient = coefficient.times(*value),
            (_, Some((base, exponent))) => below.push(raised(base, exponent, letters)),
            _ => rest.push(factor),
        }
    }
    let negative = coefficient.is_negative();
    let magnitude = if negative {
        coefficient.negate()
    } else {
        coefficient
    };
    let mut above: Vec<Piece> = Vec::new();
    let mut beside: Vec<Piece> = Vec::new();
    let mut place = None;
    match magnitude {
        // The number's own denominator joins the others.
        Number::Rational(ratio) if !below.is_empty() => {
            place = (!magnitude.is_one()).then_some(0);
            if *ratio.numer() != 1 {
                above.push(notation::number(Number::integer(*ratio.numer())));
            }
            if *ratio.denom() != 1 {
                below.insert(0, notation::number(Number::integer(*ratio.denom())));
            }
        }
        other if other.is_one() => {}
        other => beside.push(notation::number(other)),
    }
    for factor in rest {
        let printed = piece(factor, letters);
        if below.is_empty() || stands_beside(factor) {
            beside.push(printed);
        } else {
            place.get_or_insert(beside.len());
            above.push(printed);
        }
    }
    if !below.is_empty() {
        let fraction = Piece::fraction(Piece::product(above), Piece::product(below));
        // A fraction with nothing of its own above the bar stands first, as `1/S` does.
        beside.insert(place.unwrap_or(0), fraction);
    }
    let product = Piece::product(beside);
    if negative { product.negate() } else { product }
}

/// `base` to a positive number.
fn raised(base: &Expr, exponent: Number, letters: &mut Letters) -> Piece {
    if exponent.is_one() {
        return piece(base, letters);
    }
    if exponent == Number::ratio(1, 2) {
        return Piece::atom(Formula::Root {
            radicand: Box::new(piece(base, letters).signed()),
            degree: None,
        });
    }
    let above = notation::number(exponent).signed();
    // `tanh²(x)` as in textbooks; a function that is only a letter keeps its power outside.
    if let Node::Call(callee, arguments) = base.node()
        && callee.derivatives.is_empty()
        && exponent.as_integer().is_some()
        && let FunctionName::Known(function) = &callee.function
        && function.notation == Notation::Name
    {
        let head = notation::function_name(function.name).superscript(above);
        let arguments = arguments
            .iter()
            .map(|argument| piece(argument, letters).signed());
        let arguments: Vec<Formula> = arguments.collect();
        return Piece::atom(Formula::application(head, arguments));
    }
    Piece::atom(piece(base, letters).base().superscript(above))
}

fn power(base: &Expr, exponent: &Expr, letters: &mut Letters) -> Piece {
    match exponent.node() {
        Node::Number(value) if value.is_negative() => Piece::fraction(
            Piece::atom(Formula::integer(1)),
            raised(base, value.negate(), letters),
        ),
        Node::Number(value) => raised(base, *value, letters),
        _ => {
            let above = piece(exponent, letters).signed();
            Piece::atom(piece(base, letters).base().superscript(above))
        }
    }
}

fn call(callee: &Callee, arguments: &[Expr], letters: &mut Letters) -> Piece {
    let pieces: Vec<Piece> = arguments
        .iter()
        .map(|argument| piece(argument, letters))
        .collect();
    let notation = match &callee.function {
        FunctionName::Known(function) => function.notation,
        FunctionName::Abstract(_) => Notation::Name,
    };
    if pieces.len() == 1 || callee.derivatives.is_empty() {
        return notation::call(
            callee.name(),
            notation,
            callee.derivatives.len(),
            true,
            pieces,
        );
    }
    // A partial derivative by position: ∂₁f(x, y).
    let positions = callee
        .derivatives
        .iter()
        .map(|position| Formula::number((position + 1).to_string()));
    let partial =
        Formula::Operator(Operator::Partial).subscript(Formula::Indices(positions.collect()));
    let applied = notation::call(callee.name(), Notation::Name, 0, true, pieces);
    Piece::new(Formula::row([partial, applied.signed()]), Level::Product)
}

/// `∂Y_{ij}/∂W_{kl}` of an element, `∂/∂W_{kl} (…)` of anything else.
fn derivative(body: &Expr, by: &Tensor, indices: &[Index], letters: &mut Letters) -> Piece {
    let below = access(by, indices, letters);
    if let Node::Access(tensor, at) = body.node() {
        if let Some((of, mut all)) = elements(tensor, at, letters) {
            all.push(below);
            return Piece::atom(super::derivative(&of, &all));
        }
        let partial = Formula::partial(&access(tensor, at, letters), &below);
        let held = letters.held(tensor.name());
        if held.is_empty() {
            return Piece::atom(partial);
        }
        let held = held.iter().map(|name| Formula::name(name));
        let held = [
            Formula::joined(Operator::Comma, held),
            Formula::text(" fixed"),
        ];
        return Piece::atom(partial.parenthesised().subscript(Formula::row(held)));
    }
    let operand = piece(body, letters);
    let is_big = matches!(operand.formula, Formula::Under { .. });
    let operand = if is_big && !operand.negative {
        operand.formula
    } else {
        operand.at_least(Level::Atom)
    };
    // A factor after it would read as a part of what is differentiated.
    Piece::new(
        Formula::operated(Formula::partial_by(&below), operand),
        Level::Big,
    )
}
