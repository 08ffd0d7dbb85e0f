//! Sums and other reductions in index notation: contractions by `einsum`, picked elements by subscripts, the rest by
//! axis.

use backprove_calculus::{Dim, Expr, Index, Node, Number, Reduction};
use backprove_syntax::tree::{BinaryOperator, Expression, Subscript};
use backprove_syntax::{Diagnostic, format_expression};

use super::index::{Array, order};
use super::product::Quotient;
use super::python;
use super::spelling::SOFTMAX;
use super::writer::{Writer, unwritten};
use crate::stable;

/// The longest text of an operand that needs no name.
const LONGEST: usize = 30;

impl Writer<'_> {
    pub(super) fn reduce(
        &mut self,
        reduction: Reduction,
        bound: &[Index],
        body: &Expr,
    ) -> Result<Array, Diagnostic> {
        let array = self.array(body, &[], true)?;
        let (present, absent): (Vec<Index>, Vec<Index>) = bound
            .iter()
            .cloned()
            .partition(|index| array.axes.contains(index));
        let function = match reduction {
            Reduction::Maximum => "np.max",
            Reduction::Minimum => "np.min",
            Reduction::Product => "np.prod",
        };
        let mut result = if present.is_empty() {
            array
        } else {
            reduced(function, &array, &present)
        };
        if reduction == Reduction::Product {
            // What does not depend on the index is multiplied with itself.
            for index in &absent {
                let count = self.size(index.extent());
                result.tree = python::binary(BinaryOperator::Power, result.tree, count);
            }
        }
        Ok(result)
    }

    /// `sum[k](u) / |k|` is the mean of `u`, where `u` is no product that would be contracted.
    pub(super) fn mean(
        &mut self,
        factors: &mut Vec<Expr>,
        inside: bool,
    ) -> Result<Option<Array>, Diagnostic> {
        for place in 0..factors.len() {
            let Node::Sum(bound, body) = factors[place].node() else {
                continue;
            };
            let (bound, body) = (bound.clone(), body.clone());
            let mut counts = Vec::new();
            for index in &bound {
                let found = (0..factors.len()).find(|other| {
                    !counts.contains(other) && is_reciprocal_of(&factors[*other], index.extent())
                });
                counts.extend(found);
            }
            let every = bound.iter().all(|index| body.depends_on(index));
            let is_product = matches!(body.node(), Node::Product(_));
            if counts.len() != bound.len() || !every || is_product {
                continue;
            }
            let array = self.array(&body, &[], true)?;
            counts.push(place);
            counts.sort_unstable();
            for used in counts.into_iter().rev() {
                factors.remove(used);
            }
            let array = reduced("np.mean", &array, &bound);
            return Ok(Some(self.part_if(inside, array)));
        }
        Ok(None)
    }

    /// A sum: what does not depend on the bound indices is drawn out, the rest is contracted.
    pub(super) fn contraction(
        &mut self,
        bound: &[Index],
        body: &Expr,
        want: &[Index],
        inside: bool,
        quotient: &mut Quotient,
    ) -> Result<(), Diagnostic> {
        let mut bound: Vec<Index> = bound.to_vec();
        bound.retain(|index| {
            let occurs = body.depends_on(index);
            if !occurs {
                let extent = self.size(index.extent());
                quotient.above.push(Array::scalar(extent));
            }
            occurs
        });
        let mut operands = Vec::new();
        let mut factors = stable::gathered(&body.factors());
        while let Some(found) = stable::softmax(&factors) {
            let array = self.normalised(SOFTMAX, &found)?;
            if bound.iter().any(|index| array.axes.contains(index)) {
                operands.push(array);
            } else {
                quotient.above.push(array);
            }
            found.remove_from(&mut factors);
        }
        stable::shift(&mut factors);
        let touches = |factor: &Expr| bound.iter().any(|index| factor.depends_on(index));
        let (mut within, without): (Vec<Expr>, Vec<Expr>) = factors.into_iter().partition(touches);
        for factor in &without {
            self.factor(factor, want, inside, quotient)?;
        }
        while let Some((gone, array)) = self.gathered(&mut within, &bound)? {
            bound.retain(|index| !gone.contains(index));
            operands.push(array);
        }
        while let Some((chosen, array)) = self.picked(&mut within, &bound)? {
            bound.retain(|index| *index != chosen);
            operands.push(array);
        }
        for factor in &within {
            operands.push(self.array(factor, &[], true)?);
        }
        // A picked element may have been the whole: then there is nothing left to sum.
        if bound.is_empty() {
            quotient.above.extend(operands);
            return Ok(());
        }
        let contracted = if let [only] = &operands[..] {
            reduced("np.sum", only, &bound)
        } else {
            let named = operands.into_iter().map(|operand| self.short(operand));
            einstein_sum(named.collect(), &bound, want)?
        };
        let contracted = self.part_if(inside, contracted);
        quotient.above.push(contracted);
        Ok(())
    }

    /// The array under a name where its text is long.
    fn short(&mut self, array: Array) -> Array {
        if format_expression(&array.tree).len() <= LONGEST {
            return array;
        }
        let tree = python::as_numbers(array.tree);
        let axes = array.axes;
        self.as_part("part", Array { tree, axes })
    }

    /// `sum[c](Z[s, c] * [c == t[s]])` picks elements: the index that goes away and the elements.
    fn picked(
        &mut self,
        factors: &mut Vec<Expr>,
        bound: &[Index],
    ) -> Result<Option<(Index, Array)>, Diagnostic> {
        for place in 0..factors.len() {
            let Node::Indicator(index, value) = factors[place].node() else {
                continue;
            };
            let (index, value) = (index.clone(), value.clone());
            let mut users = (0..factors.len())
                .filter(|other| *other != place && factors[*other].depends_on(&index));
            let (Some(user), None) = (users.next(), users.next()) else {
                continue;
            };
            if !bound.contains(&index) || value.depends_on(&index) {
                continue;
            }
            let Node::Access(tensor, at) = factors[user].node() else {
                continue;
            };
            let Some(axes) = picked_axes(at, &index, &value) else {
                continue;
            };
            let base = self
                .tensor(tensor.name())
                .ok_or_else(|| unwritten(&format!("`{}`", tensor.name())))?;
            let position = self.array(&value, &[], true)?;
            let mut entries: Vec<Subscript> = at
                .iter()
                .map(|own| {
                    if *own == index {
                        Subscript::At(position.tree.clone())
                    } else if position.axes.contains(own) {
                        let size = self.size(own.extent());
                        Subscript::At(python::call("np.arange", [size]))
                    } else {
                        python::everything()
                    }
                })
                .collect();
            // Full slices at the end go without saying.
            while entries.len() > 1 && entries.last() == Some(&python::everything()) {
                entries.pop();
            }
            let tree = python::subscript(base, entries);
            factors.remove(place.max(user));
            factors.remove(place.min(user));
            return Ok(Some((index, Array { tree, axes })));
        }
        Ok(None)
    }
}

/// The axes of `T[…, value, …]` by NumPy's rules, where they are simple.
fn picked_axes(at: &[Index], index: &Index, value: &Expr) -> Option<Vec<Index>> {
    let place = at.iter().position(|own| own == index)?;
    let distinct = (1..at.len()).all(|later| !at[..later].contains(&at[later]));
    let has_access =
        value.any(&mut |part| matches!(part.node(), Node::Access(..) | Node::Position(_)));
    let labels = match value.node() {
        Node::Access(_, labels) => labels.clone(),
        _ if has_access => return None,
        _ => Vec::new(),
    };
    let others: Vec<Index> = at.iter().filter(|own| *own != index).cloned().collect();
    let shared = labels.iter().filter(|label| others.contains(label)).count();
    if !distinct || (1..labels.len()).any(|later| labels[..later].contains(&labels[later])) {
        return None;
    }
    if shared == 0 {
        let mut axes = others;
        axes.splice(place..place, labels);
        return Some(axes);
    }
    // `Z[np.arange(S), t]`: both axes are paired and stand where the first of them stood.
    let [label] = &labels[..] else {
        return None;
    };
    let partner = at.iter().position(|own| own == label)?;
    (partner.abs_diff(place) == 1).then_some(others)
}

/// Whether a factor is one divided by the extent.
fn is_reciprocal_of(factor: &Expr, extent: &Dim) -> bool {
    match factor.node() {
        Node::Power(base, exponent) => {
            *base == Expr::extent(extent)
                && matches!(exponent.node(), Node::Number(value) if *value == Number::MINUS_ONE)
        }
        _ => false,
    }
}

/// A reduction over the axes of `bound`.
pub(super) fn reduced(function: &str, array: &Array, bound: &[Index]) -> Array {
    let tree = python::as_numbers(array.tree.clone());
    let mut axes = array.axes.clone();
    axes.retain(|axis| !bound.contains(axis));
    let tree = if axes.is_empty() {
        python::call(function, [tree])
    } else {
        let axis = axis_option(array, bound);
        Expression::call_with(function, [tree], [("axis", axis)])
    };
    Array { tree, axes }
}

/// The positions of `bound` among the axes.
pub(super) fn axis_option(array: &Array, bound: &[Index]) -> Expression {
    let places = (0..array.axes.len()).filter(|place| bound.contains(&array.axes[*place]));
    let mut places: Vec<Expression> = places
        .map(|place| Expression::integer(place as i64))
        .collect();
    if places.len() == 1 {
        places.swap_remove(0)
    } else {
        python::tuple(places)
    }
}

fn einstein_sum(
    operands: Vec<Array>,
    bound: &[Index],
    want: &[Index],
) -> Result<Array, Diagnostic> {
    let axes = order(&operands, want, bound);
    let product = || batched_product(&operands, bound, &axes);
    if let Some(tree) = plain_product(&operands, bound, &axes).or_else(product) {
        return Ok(Array { tree, axes });
    }
    let lists = operands.iter().map(|operand| operand.axes.as_slice());
    let letters = Letters::of(lists.chain([axes.as_slice()]))?;
    let inputs: Vec<String> = operands
        .iter()
        .map(|operand| letters.text(&operand.axes))
        .collect();
    let subscripts = format!("{}->{}", inputs.join(","), letters.text(&axes));
    let several = operands.len() > 2;
    let trees = operands
        .into_iter()
        .map(|operand| python::as_numbers(operand.tree));
    let arguments = std::iter::once(python::string(subscripts)).chain(trees);
    let tree = if several {
        let optimize = ("optimize", python::name("True"));
        Expression::call_with("np.einsum", arguments, [optimize])
    } else {
        python::call("np.einsum", arguments)
    };
    Ok(Array { tree, axes })
}

/// Two arrays with at most two axes, multiplied as vectors and matrices: `A @ B`, `A @ x`, `x @ A`, `x @ y`.
fn plain_product(operands: &[Array], bound: &[Index], axes: &[Index]) -> Option<Expression> {
    let ([first, second], [contracted]) = (operands, bound) else {
        return None;
    };
    // A factor whose own axis stands before or after the contracted one.
    let factor = |array: &Array, own: Option<&Index>, is_left: bool| {
        let tree = python::as_numbers(array.tree.clone());
        match (array.axes.as_slice(), own) {
            ([only], None) if only == contracted => Some(tree),
            ([one, other], Some(own)) if [one, other] == [own, contracted] => {
                Some(if is_left { tree } else { tree.transpose() })
            }
            ([one, other], Some(own)) if [one, other] == [contracted, own] => {
                Some(if is_left { tree.transpose() } else { tree })
            }
            _ => None,
        }
    };
    let product = |left: Expression, right: Expression| {
        Expression::binary(BinaryOperator::MatrixMultiply, left, right)
    };
    let of = |left: &Array, right: &Array, own: [Option<&Index>; 2]| {
        Some(product(
            factor(left, own[0], true)?,
            factor(right, own[1], false)?,
        ))
    };
    match axes {
        [] => of(first, second, [None, None]),
        [own] => [(first, second), (second, first)]
            .into_iter()
            .find_map(|(matrix, vector)| match matrix.axes.as_slice() {
                [one, _] if one == own => of(matrix, vector, [Some(own), None]),
                _ => of(vector, matrix, [None, Some(own)]),
            }),
        [row, column] => of(first, second, [Some(row), Some(column)])
            .or_else(|| of(second, first, [Some(row), Some(column)])),
        _ => None,
    }
}

/// Two arrays of matrices, multiplied matrix by matrix: `A @ B`, where the other axes come first and agree.
fn batched_product(operands: &[Array], bound: &[Index], axes: &[Index]) -> Option<Expression> {
    let ([first, second], [contracted]) = (operands, bound) else {
        return None;
    };
    let (batch, [row, column]) = axes.split_at_checked(axes.len().checked_sub(2)?)? else {
        return None;
    };
    if batch.is_empty() {
        return None;
    }
    // The matrices with these axes, turned where they have them the other way round.
    let matrices = |array: &Array, last: [&Index; 2]| {
        let (own, rest) = array.axes.split_at_checked(batch.len())?;
        let tree = python::as_numbers(array.tree.clone());
        match rest {
            _ if own != batch => None,
            [one, other] if [one, other] == last => Some(tree),
            [one, other] if [other, one] == last => {
                let axes = [-2, -1].map(Expression::integer);
                let [one, other] = axes;
                Some(python::call("np.swapaxes", [tree, one, other]))
            }
            _ => None,
        }
    };
    let product = |left: &Array, right: &Array| {
        let left = matrices(left, [row, contracted])?;
        let right = matrices(right, [contracted, column])?;
        Some(Expression::binary(
            BinaryOperator::MatrixMultiply,
            left,
            right,
        ))
    };
    product(first, second).or_else(|| product(second, first))
}

/// The letters of the axes in an `einsum`.
pub(super) struct Letters(Vec<(Index, char)>);

impl Letters {
    pub(super) fn of<'a>(lists: impl IntoIterator<Item = &'a [Index]>) -> Result<Self, Diagnostic> {
        let mut letters: Vec<(Index, char)> = Vec::new();
        for index in lists.into_iter().flatten() {
            if letters.iter().any(|(own, _)| own == index) {
                continue;
            }
            let wish = index
                .letter()
                .chars()
                .next()
                .filter(char::is_ascii_lowercase);
            let free = |letter: &char| letters.iter().all(|(_, taken)| taken != letter);
            let letter = wish
                .into_iter()
                .chain('a'..='z')
                .chain('A'..='Z')
                .find(free);
            let letter = letter.ok_or_else(|| unwritten("a sum over more than 52 indices"))?;
            letters.push((index.clone(), letter));
        }
        Ok(Self(letters))
    }

    pub(super) fn text(&self, axes: &[Index]) -> String {
        let letter = |axis: &Index| self.0.iter().find(|(own, _)| own == axis).map(|(_, c)| *c);
        axes.iter().filter_map(letter).collect()
    }
}
