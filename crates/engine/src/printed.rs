//! Terms as text, for the printed plan. Nothing reads this text.

use std::fmt;

use crate::term::{Array, Axis, Position, Term};

/// Prints a term with the names of the arrays and letters for the axes.
pub(crate) struct Printed<'a>(pub &'a Term, pub &'a [Array]);

/// The letter of an axis in printed plans.
pub(crate) fn letter(axis: Axis) -> String {
    const LETTERS: &[u8] = b"ijklmnopqrstuvw";
    match LETTERS.get(axis) {
        Some(letter) => char::from(*letter).to_string(),
        None => format!("i{axis}"),
    }
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(term, arrays) = *self;
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Term], between: &str| {
            for (position, part) in parts.iter().enumerate() {
                if position > 0 {
                    f.write_str(between)?;
                }
                write!(f, "{}", Printed(part, arrays))?;
            }
            Ok(())
        };
        match term {
            Term::Constant(value) => write!(f, "{}", value.0),
            Term::Coordinate(axis) => f.write_str(&letter(*axis)),
            Term::Load(array, positions) => {
                f.write_str(&arrays[array.0].name)?;
                f.write_str("[")?;
                for (axis, position) in positions.iter().enumerate() {
                    if axis > 0 {
                        f.write_str(", ")?;
                    }
                    match position {
                        Position::Axis(axis) => f.write_str(&letter(*axis))?,
                        Position::Literal(value) => write!(f, "{value}")?,
                        Position::Split(outer, inner, size) => {
                            write!(f, "{} * {size} + {}", letter(*outer), letter(*inner))?;
                        }
                        Position::Computed(term) => write!(f, "{}", Printed(term, arrays))?,
                    }
                }
                f.write_str("]")
            }
            Term::Add(parts) => {
                f.write_str("(")?;
                list(f, parts, " + ")?;
                f.write_str(")")
            }
            Term::Multiply(parts) => list(f, parts, " * "),
            Term::Unary(operation, argument) => {
                let name = format!("{operation:?}").to_lowercase();
                write!(f, "{name}({})", Printed(argument, arrays))
            }
            Term::Binary(operation, pair) => {
                let name = format!("{operation:?}").to_lowercase();
                let (left, right) = (Printed(&pair.0, arrays), Printed(&pair.1, arrays));
                write!(f, "{name}({left}, {right})")
            }
            Term::Select(triple) => {
                let (condition, yes, no) = &**triple;
                let [condition, yes, no] = [condition, yes, no].map(|part| Printed(part, arrays));
                write!(f, "where({condition}, {yes}, {no})")
            }
            Term::Table(function, parts) => {
                write!(f, "{}(", function.name)?;
                list(f, parts, ", ")?;
                f.write_str(")")
            }
        }
    }
}
