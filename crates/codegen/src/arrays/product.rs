//! Products in index notation: factors sorted into what multiplies and what divides.

use backprove_calculus::{Expr, Index, Node, Number};
use backprove_syntax::Diagnostic;
use backprove_syntax::tree::{BinaryOperator, Expression};

use super::contraction::axis_option;
use super::index::{Array, combined};
use super::python;
use super::spelling::SOFTMAX;
use super::writer::{Writer, unwritten};
use crate::stable::{self, Softmax};

impl Writer<'_> {
    /// A product of any factors: sums, powers, quotients that have a stable form.
    pub(super) fn product(
        &mut self,
        factors: &[Expr],
        want: &[Index],
        inside: bool,
    ) -> Result<Array, Diagnostic> {
        let mut quotient = Quotient::default();
        let mut rest = stable::gathered(factors);
        while let Some(found) = stable::softmax(&rest) {
            let array = self.normalised(SOFTMAX, &found)?;
            quotient.above.push(array);
            found.remove_from(&mut rest);
        }
        stable::shift(&mut rest);
        if let Some(array) = self.mean(&mut rest, inside)? {
            quotient.above.push(array);
        }
        for factor in &rest {
            self.factor(factor, want, inside, &mut quotient)?;
        }
        quotient.written(want)
    }

    /// A softmax or its logarithm.
    pub(super) fn normalised(
        &mut self,
        function: &'static str,
        found: &Softmax,
    ) -> Result<Array, Diagnostic> {
        let array = self.array(&found.argument, &[], true)?;
        let axis = axis_option(&array, &found.axes);
        Ok(Array {
            tree: Expression::call_with(function, [array.tree], [("axis", axis)]),
            axes: array.axes,
        })
    }

    pub(super) fn factor(
        &mut self,
        factor: &Expr,
        want: &[Index],
        inside: bool,
        quotient: &mut Quotient,
    ) -> Result<(), Diagnostic> {
        match factor.node() {
            Node::Number(value) => quotient.coefficient = quotient.coefficient.times(*value),
            Node::Power(base, exponent) => {
                let is_negative = exponent.split_coefficient().0.is_negative();
                let exponent = if is_negative {
                    exponent.negate()
                } else {
                    exponent.clone()
                };
                let array = self.power(base, &exponent, want, inside)?;
                if is_negative {
                    quotient.below.push(array);
                } else {
                    quotient.above.push(array);
                }
            }
            Node::Sum(bound, body) => self.contraction(bound, body, want, inside, quotient)?,
            _ => quotient.above.push(self.array(factor, want, inside)?),
        }
        Ok(())
    }

    fn power(
        &mut self,
        base: &Expr,
        exponent: &Expr,
        want: &[Index],
        inside: bool,
    ) -> Result<Array, Diagnostic> {
        let base = self.array(base, want, inside)?;
        if exponent.is_one() {
            return Ok(base);
        }
        if matches!(exponent.node(), Node::Number(value) if *value == Number::ratio(1, 2)) {
            let tree = python::call("table.sqrt", [python::as_numbers(base.tree)]);
            return Ok(Array { tree, ..base });
        }
        let exponent = self.array(exponent, want, inside)?;
        let (axes, trees) = combined(vec![base, exponent], want);
        let power = |left, right| python::binary(BinaryOperator::Power, left, right);
        let tree = trees.into_iter().reduce(power);
        let tree = tree.ok_or_else(|| unwritten("an empty power"))?;
        Ok(Array { tree, axes })
    }
}

/// A product with what divides it.
pub(super) struct Quotient {
    pub coefficient: Number,
    pub above: Vec<Array>,
    pub below: Vec<Array>,
}

impl Default for Quotient {
    fn default() -> Self {
        Self {
            coefficient: Number::ONE,
            above: Vec::new(),
            below: Vec::new(),
        }
    }
}

impl Quotient {
    fn written(self, want: &[Index]) -> Result<Array, Diagnostic> {
        let (numerator, denominator) = match self.coefficient {
            Number::Rational(ratio) if ratio.numer().abs() == 1 => (
                Number::integer(*ratio.numer()),
                Number::integer(*ratio.denom()),
            ),
            other => (other, Number::ONE),
        };
        let magnitude = if numerator.is_negative() {
            numerator.negate()
        } else {
            numerator
        };
        let count = self.above.len();
        let mut arrays = self.above;
        arrays.extend(self.below);
        let (axes, mut trees) = combined(arrays, want);
        let mut below = trees.split_off(count);
        if !denominator.is_one() {
            below.insert(0, python::number(denominator));
        }
        if !magnitude.is_one() || trees.is_empty() {
            trees.insert(0, python::number(magnitude));
        }
        let multiply = |left, right| python::binary(BinaryOperator::Multiply, left, right);
        let above = trees.into_iter().reduce(multiply);
        let mut tree = above.ok_or_else(|| unwritten("an empty product"))?;
        if let Some(divisor) = below.into_iter().reduce(multiply) {
            tree = python::binary(BinaryOperator::Divide, tree, divisor);
        }
        if numerator.is_negative() {
            tree = python::negative(python::as_numbers(tree));
        }
        Ok(Array { tree, axes })
    }
}
