//! How numbers and functions are written. The table of functions says which notation each has;
//! this file knows how a notation looks and must not know any function by name.

use backprove_calculus::functions::{self, Notation};
use backprove_calculus::number::Number;

use super::piece::{Level, Piece};
use crate::formula::{Fence, Formula, Operator, Style};
use crate::unicode;

/// The width in columns up to which an argument is set as an exponent.
const EXPONENT: usize = 8;
/// The largest denominator that is written as a fraction where a decimal number is possible.
const DENOMINATOR: i64 = 12;

/// A number: exact fractions with small denominators, decimals, or a power of ten.
pub(super) fn number(value: Number) -> Piece {
    let magnitude = if value.is_negative() {
        value.negate()
    } else {
        value
    };
    let piece = match magnitude {
        Number::Rational(ratio) if ratio.is_integer() => {
            Piece::atom(whole(&ratio.numer().to_string()))
        }
        Number::Rational(ratio) if *ratio.denom() <= DENOMINATOR || !is_decimal(*ratio.denom()) => {
            let [above, below] =
                [ratio.numer(), ratio.denom()].map(|part| whole(&part.to_string()));
            Piece::atom(above.over(below))
        }
        Number::Real(std::f64::consts::PI) => Piece::atom(Formula::name("pi")),
        Number::Real(std::f64::consts::E) => Piece::atom(Formula::name("e")),
        other => decimal(other.to_f64()),
    };
    if value.is_negative() {
        piece.negate()
    } else {
        piece
    }
}

/// A whole number; one with many zeros at its end as a power of ten.
fn whole(digits: &str) -> Formula {
    let head = digits.trim_end_matches('0');
    let zeros = digits.len() - head.len();
    if head == "1" && zeros > 5 {
        Formula::number("10").superscript(Formula::number(zeros.to_string()))
    } else {
        Formula::number(digits)
    }
}

/// Whether a fraction with this denominator has finitely many decimals.
fn is_decimal(mut denominator: i64) -> bool {
    for factor in [2, 5] {
        while denominator % factor == 0 {
            denominator /= factor;
        }
    }
    denominator == 1
}

fn decimal(value: f64) -> Piece {
    if value.is_infinite() {
        return Piece::atom(Formula::styled("∞", Style::Upright));
    }
    let scientific = format!("{value:e}");
    match scientific.split_once('e') {
        Some((mantissa, exponent)) if !(1e-3..1e6).contains(&value) && value > 0.0 => {
            let exponent = exponent
                .parse()
                .map_or_else(|_| whole(exponent), Formula::integer);
            let power = Formula::number("10").superscript(exponent);
            if mantissa == "1" {
                Piece::new(power, Level::Product)
            } else {
                let product = Formula::number(mantissa).infix(Operator::Dot, power);
                Piece::new(product, Level::Product)
            }
        }
        _ => Piece::atom(Formula::number(value.to_string())),
    }
}

/// A function's name as it is read: `leaky_relu` as leaky-relu.
pub(super) fn function_name(name: &str) -> Formula {
    if name.chars().count() == 1 {
        return Formula::name(name);
    }
    Formula::function(name.replace('_', "-"))
}

/// The operator for a relation of the table.
fn relation(sign: &str) -> Option<Operator> {
    Some(match sign {
        "<" => Operator::Less,
        "<=" => Operator::LessEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterEqual,
        "==" | "=" => Operator::Equal,
        "!=" => Operator::NotEqual,
        _ => return None,
    })
}

/// The notation of the function called `name`, where the table has it.
pub(super) fn of(name: &str) -> Option<Notation> {
    functions::find(name).map(|function| function.notation)
}

/// `𝟙[condition]`.
pub(super) fn indicator(condition: Formula) -> Piece {
    let one = Formula::styled("1", Style::DoubleStruck);
    let brackets = condition.fenced(Fence::Brackets);
    Piece::atom(Formula::row([
        one,
        Formula::Operator(Operator::Application),
        brackets,
    ]))
}

/// `name` with primes, applied to its arguments in the given notation. `scalar` says whether the
/// arguments are single numbers: `|X|` and `e^X` would mean something else for a matrix.
pub(super) fn call(
    name: &str,
    notation: Notation,
    primes: usize,
    scalar: bool,
    arguments: Vec<Piece>,
) -> Piece {
    if primes == 0
        && let Some(piece) = special(notation, scalar, &arguments)
    {
        return piece;
    }
    let mut head = match notation {
        Notation::Letter(letter) => Formula::function(letter),
        _ => function_name(name),
    };
    if primes > 0 {
        head = head.superscript(Formula::styled("′".repeat(primes), Style::Upright));
    }
    let arguments = arguments.into_iter().map(Piece::signed);
    Piece::atom(Formula::application(head, arguments))
}

/// The notations that are not a name before parentheses.
fn special(notation: Notation, scalar: bool, arguments: &[Piece]) -> Option<Piece> {
    match (notation, arguments) {
        (Notation::Exponential, [argument]) if scalar => {
            let exponent = argument.clone().signed();
            let short =
                !exponent.is_tall() && unicode::width(&unicode::formula(&exponent)) <= EXPONENT;
            short.then(|| Piece::atom(Formula::name("e").superscript(exponent)))
        }
        (Notation::Root, [argument]) => Some(Piece::atom(Formula::Root {
            radicand: Box::new(argument.clone().signed()),
            degree: None,
        })),
        (Notation::Bars, [argument]) if scalar => {
            Some(Piece::atom(argument.clone().signed().fenced(Fence::Bars)))
        }
        (Notation::Relation(sign), [left, right]) => {
            relation(sign).map(|sign| indicator(compared(sign, left.clone(), right.clone())))
        }
        (Notation::Cases, [condition, then, otherwise]) => Some(cases(
            stated(&condition.formula),
            then.clone(),
            otherwise.clone(),
        )),
        _ => None,
    }
}

/// `left sign right`.
pub(super) fn compared(sign: Operator, left: Piece, right: Piece) -> Formula {
    let side = |piece: Piece| {
        if piece.level == Level::Relation {
            piece.at_least(Level::Sum)
        } else {
            piece.signed()
        }
    };
    side(left).infix(sign, side(right))
}

/// A condition as it is said: what stands in the brackets of an indicator, or `c ≠ 0`.
pub(super) fn stated(condition: &Formula) -> Formula {
    if let Formula::Row(items) = condition
        && let [
            Formula::Identifier { style, .. },
            _,
            Formula::Fenced { body, .. },
        ] = items.as_slice()
        && *style == Style::DoubleStruck
    {
        return (**body).clone();
    }
    condition
        .clone()
        .infix(Operator::NotEqual, Formula::integer(0))
}

/// A definition by cases.
pub(super) fn cases(condition: Formula, then: Piece, otherwise: Piece) -> Piece {
    Piece::atom(Formula::cases([
        (
            then.signed(),
            Formula::row([Formula::text("if "), condition]),
        ),
        (otherwise.signed(), Formula::text("otherwise")),
    ]))
}
