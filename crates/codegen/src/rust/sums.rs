//! Products, sums and other reductions as Rust. One that does not depend on all the loops around it is worked out first,
//! under a name; a product of two matrices is one of `faer`; an indicator fixes its index instead of being summed over.

use backprove_calculus::affine::Affine;
use backprove_calculus::{Expr, Index, Node, Number, Reduction};
use backprove_syntax::Diagnostic;

use super::element::{holds_labels, number};
use super::prelude;
use super::text::{Text, mentions, product, quotient};
use super::writer::{Scope, Writer};
use crate::stable;

impl Writer<'_> {
    /// `sum[k](A[i, k] * B[k, j])` as a product of matrices.
    pub(super) fn matrix_product(
        &mut self,
        body: &Expr,
        row: &Index,
        column: &Index,
    ) -> Result<Option<String>, Diagnostic> {
        let Some((contracted, left, right)) = factored(body, row, column) else {
            return Ok(None);
        };
        let left = self.operand(&left, [row, &contracted])?;
        let right = self.operand(&right, [&contracted, column])?;
        Ok(Some(format!("{left} * {right}")))
    }

    /// A matrix as the operand of a product: a tensor, its transpose, or a part under a name.
    fn operand(&mut self, matrix: &Expr, [row, column]: [&Index; 2]) -> Result<String, Diagnostic> {
        if let Node::Access(tensor, at) = matrix.node()
            && let Some(name) = self.names.get(tensor.name()).map(str::to_owned)
            && !holds_labels(tensor)
            && at.len() == 2
            && row != column
        {
            self.reads.insert(tensor.name().to_owned());
            let is_input = self.program.inputs.contains(tensor);
            return Ok(match (at[0] == *row, is_input) {
                (false, _) => format!("{name}.transpose()"),
                (true, true) => name,
                (true, false) => format!("&{name}"),
            });
        }
        let axes = [row.clone(), column.clone()];
        let name = self.part(matrix, |writer| writer.array(matrix, &axes))?;
        Ok(format!("&{name}"))
    }

    pub(super) fn product(&mut self, factors: &[Expr], scope: &Scope) -> Result<Text, Diagnostic> {
        let mut rest = stable::gathered(factors);
        stable::shift(&mut rest);
        self.plain_product(&rest, scope, Vec::new())
    }

    /// A product whose factors are written as they stand.
    pub(super) fn plain_product(
        &mut self,
        factors: &[Expr],
        scope: &Scope,
        mut above: Vec<Text>,
    ) -> Result<Text, Diagnostic> {
        let mut below = Vec::new();
        let mut coefficient = Number::ONE;
        for factor in factors {
            match factor.node() {
                Node::Number(value) => coefficient = coefficient.times(*value),
                Node::Power(base, exponent) => {
                    let is_negative = exponent.split_coefficient().0.is_negative();
                    let positive = if is_negative {
                        exponent.negate()
                    } else {
                        exponent.clone()
                    };
                    let power = self.power(base, &positive, scope)?;
                    if is_negative {
                        below.push(power);
                    } else {
                        above.push(power);
                    }
                }
                Node::Sum(bound, body) => above.push(self.sum(bound, body, scope)?),
                _ => above.push(self.element(factor, scope)?),
            }
        }
        let magnitude = if coefficient.is_negative() {
            coefficient.negate()
        } else {
            coefficient
        };
        match magnitude {
            Number::Rational(ratio) if *ratio.numer() == 1 => {
                if *ratio.denom() != 1 {
                    below.insert(0, number(Number::integer(*ratio.denom())));
                }
            }
            other => above.insert(0, number(other)),
        }
        let mut text = product(&above);
        if !below.is_empty() {
            text = quotient(&text, &product(&below));
        }
        Ok(if coefficient.is_negative() {
            text.negated()
        } else {
            text
        })
    }

    pub(super) fn power(
        &mut self,
        base: &Expr,
        exponent: &Expr,
        scope: &Scope,
    ) -> Result<Text, Diagnostic> {
        let base = self.element(base, scope)?;
        let template = match exponent.node() {
            Node::Number(value) if *value == Number::ONE => return Ok(base),
            Node::Number(value) if *value == Number::ratio(1, 2) => "{0}.sqrt()".to_owned(),
            Node::Number(value) => match value.as_integer() {
                Some(whole) => format!("{{0}}.powi({whole})"),
                None => format!("{{0}}.powf({})", number(*value).code),
            },
            _ => {
                let exponent = self.element(exponent, scope)?;
                return Ok(Text::filled("{0}.powf({1})", &[base, exponent]));
            }
        };
        Ok(Text::filled(&template, &[base]))
    }

    /// A sum: what does not depend on the bound indices is drawn out.
    pub(super) fn sum(
        &mut self,
        bound: &[Index],
        body: &Expr,
        scope: &Scope,
    ) -> Result<Text, Diagnostic> {
        let (present, absent): (Vec<Index>, Vec<Index>) = bound
            .iter()
            .cloned()
            .partition(|index| body.depends_on(index));
        let mut factors = stable::gathered(&body.factors());
        stable::shift(&mut factors);
        let touches = |factor: &Expr| present.iter().any(|index| factor.depends_on(index));
        let (within, mut without): (Vec<Expr>, Vec<Expr>) = factors.into_iter().partition(touches);
        without.extend(absent.iter().map(|index| Expr::extent(index.extent())));
        let mut above = Vec::new();
        if !present.is_empty() {
            let inner = Expr::sum(&present, Expr::product(within.iter().cloned()));
            above.push(self.hoisted(&inner, scope, |writer, scope| {
                writer.added(&present, &within, scope)
            })?);
        }
        self.plain_product(&without, scope, above)
    }

    /// What does not depend on all the loops around it gets a name before them.
    pub(super) fn hoisted(
        &mut self,
        expr: &Expr,
        scope: &Scope,
        inline: impl FnOnce(&mut Self, &Scope) -> Result<Text, Diagnostic>,
    ) -> Result<Text, Diagnostic> {
        let free = expr.free_indices();
        let entry = |index: &Index| scope.iter().rev().find(|(own, ..)| own == index);
        let axes: Option<Vec<&(Index, String, bool)>> = free.iter().map(entry).collect();
        let axes = axes.filter(|axes| axes.iter().all(|(.., is_loop)| *is_loop));
        let loops = scope.iter().filter(|(.., is_loop)| *is_loop).count();
        let is_product = match free.as_slice() {
            [row, column] => factored(expr, row, column).is_some(),
            _ => false,
        };
        match axes {
            Some(axes) if self.arguments.is_empty() && (axes.len() < loops || is_product) => {
                let name = self.part(expr, |writer| {
                    let outside = Vec::new();
                    if free.is_empty() {
                        return inline(writer, &outside).map(|text| text.alone().to_owned());
                    }
                    writer.array(expr, &free)
                })?;
                let places: Vec<&str> = axes.iter().map(|(_, text, _)| text.as_str()).collect();
                Ok(Text::atom(match places.as_slice() {
                    [] => name,
                    [only] => format!("{name}[{only}]"),
                    [row, column] => format!("{name}[({row}, {column})]"),
                    several => format!("{name}[[{}]]", several.join(", ")),
                }))
            }
            _ => inline(self, scope),
        }
    }

    /// The sum of a product over `bound`; an indicator fixes its index.
    pub(super) fn added(
        &mut self,
        bound: &[Index],
        factors: &[Expr],
        scope: &Scope,
    ) -> Result<Text, Diagnostic> {
        for (place, factor) in factors.iter().enumerate() {
            let rest: Vec<Expr> = factors[..place]
                .iter()
                .chain(&factors[place + 1..])
                .cloned()
                .collect();
            let others = |index: &Index| -> Vec<Index> {
                bound.iter().filter(|own| *own != index).cloned().collect()
            };
            let is_free = |value: &Expr| !bound.iter().any(|index| value.depends_on(index));
            let mut inner = scope.clone();
            match factor.node() {
                Node::Delta(left, right) => {
                    let (index, other) = if bound.contains(left) {
                        (left, right)
                    } else {
                        (right, left)
                    };
                    if bound.contains(other) {
                        continue;
                    }
                    inner.push((index.clone(), Self::position(scope, other)?, false));
                    return self.added(&others(index), &rest, &inner);
                }
                Node::Indicator(index, value) if bound.contains(index) && is_free(value) => {
                    if let Some(at) = self.label(value, scope)? {
                        inner.push((index.clone(), at, false));
                        return self.added(&others(index), &rest, &inner);
                    }
                    let Some(affine) = Affine::of(value) else {
                        continue;
                    };
                    let at = self.signed(&affine, scope)?;
                    self.define("position", prelude::POSITION);
                    let size = self.size(index.extent());
                    inner = self.within(scope, std::slice::from_ref(index));
                    let letter = Self::position(&inner, index)?;
                    if let Some(last) = inner.last_mut() {
                        last.2 = false;
                    }
                    let value = self
                        .added(&others(index), &rest, &inner)?
                        .alone()
                        .to_owned();
                    let letter = if mentions(&value, &letter) {
                        letter
                    } else {
                        "_".to_owned()
                    };
                    return Ok(Text::atom(format!(
                        "position({at}, {size}).map_or(0.0, |{letter}| {value})"
                    )));
                }
                _ => {}
            }
        }
        let inner = self.within(scope, bound);
        let body = self.plain_product(factors, &inner, Vec::new())?;
        Ok(self.folded(bound, &inner, body, "sum", prelude::SUM))
    }

    /// Loops over `bound` around an element, from the innermost, by a function of the module's own.
    pub(super) fn folded(
        &mut self,
        bound: &[Index],
        scope: &Scope,
        body: Text,
        function: &str,
        text: &str,
    ) -> Text {
        self.define(function, text);
        bound.iter().rev().fold(body, |text, index| {
            let letter = Self::position(scope, index).unwrap_or_default();
            let letter = if mentions(&text.code, &letter) {
                letter
            } else {
                "_".to_owned()
            };
            let size = self.size(index.extent());
            Text::atom(format!("{function}({size}, |{letter}| {})", text.alone()))
        })
    }

    pub(super) fn reduction(
        &mut self,
        expr: &Expr,
        reduction: Reduction,
        bound: &[Index],
        body: &Expr,
        scope: &Scope,
    ) -> Result<Text, Diagnostic> {
        let (function, text) = match reduction {
            Reduction::Maximum => ("maximum", prelude::MAXIMUM),
            Reduction::Minimum => ("minimum", prelude::MINIMUM),
            Reduction::Product => ("product", prelude::PRODUCT),
        };
        self.hoisted(expr, scope, |writer, scope| {
            let inner = writer.within(scope, bound);
            let body = writer.element(body, &inner)?;
            Ok(writer.folded(bound, &inner, body, function, text))
        })
    }
}

/// The index that a product of matrices contracts, and what stands on its left and on its right.
fn factored(body: &Expr, row: &Index, column: &Index) -> Option<(Index, Expr, Expr)> {
    let Node::Sum(bound, inner) = body.node() else {
        return None;
    };
    let (Node::Product(factors), [contracted]) = (inner.node(), bound.as_slice()) else {
        return None;
    };
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for factor in factors {
        let is_choice =
            factor.any(&mut |part| matches!(part.node(), Node::Delta(..) | Node::Indicator(..)));
        match (factor.depends_on(row), factor.depends_on(column)) {
            _ if is_choice || !factor.depends_on(contracted) => return None,
            (true, true) => return None,
            (_, false) => left.push(factor.clone()),
            (false, true) => right.push(factor.clone()),
        }
    }
    let (left, right) = (Expr::product(left), Expr::product(right));
    let is_matrix = left.depends_on(row) && right.depends_on(column) && row != column;
    is_matrix.then(|| (contracted.clone(), left, right))
}
