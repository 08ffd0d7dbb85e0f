//! Index notation as Python, element by element: axes are tracked by index, and every array is brought into place by
//! broadcasting where it is used. Products stand in `product`, sums in `contraction`.

use backprove_calculus::functions::Notation;
use backprove_calculus::{Dim, Equation, Expr, FunctionName, Index, Node, notation};
use backprove_syntax::Diagnostic;
use backprove_syntax::tree::{BinaryOperator, Expression, ExpressionKind, Subscript};

use super::contraction::{Letters, reduced};
use super::python;
use super::spelling::{LOG_SOFTMAX, LOG_SUM_EXP, is_matrix_function, is_table_function};
use super::writer::{POSITIONS, Writer, unwritten};
use crate::functions::worked_out;
use crate::stable;

/// An array and the index of each of its axes, all distinct.
#[derive(Debug, Clone)]
pub(super) struct Array {
    pub tree: Expression,
    pub axes: Vec<Index>,
}

impl Array {
    pub(super) fn scalar(tree: Expression) -> Self {
        Self {
            tree,
            axes: Vec::new(),
        }
    }
}

impl Writer<'_> {
    /// The right side of an equation from its index form, in the full shape of the target.
    pub(super) fn index_form(&mut self, equation: &Equation) -> Result<Expression, Diagnostic> {
        let array = self.array(&equation.body, &equation.indices, false)?;
        Ok(self.full(array, &equation.indices))
    }

    /// The array with all of `axes`, each in its full extent.
    pub(super) fn full(&mut self, array: Array, axes: &[Index]) -> Expression {
        let dims: Vec<Dim> = axes.iter().map(|index| index.extent().clone()).collect();
        if axes.iter().all(|axis| array.axes.contains(axis)) {
            return aligned(array, axes, false);
        }
        if array.axes.is_empty() {
            let shape = self.shape(&dims);
            return match &array.tree.kind {
                ExpressionKind::Number(text) if text == "0" => python::call("np.zeros", [shape]),
                ExpressionKind::Number(text) if text == "1" => python::call("np.ones", [shape]),
                ExpressionKind::Binary(BinaryOperator::Divide, ..) => {
                    python::call("np.full", [shape, array.tree])
                }
                _ => {
                    let real = ("dtype", python::name("float"));
                    Expression::call_with("np.full", [shape, array.tree], [real])
                }
            };
        }
        let missing = axes.iter().filter(|axis| !array.axes.contains(axis));
        let mut extents = missing.map(Index::extent);
        if extents.all(|extent| *extent == Dim::Literal(1)) {
            return aligned(array, axes, true);
        }
        let shape = self.shape(&dims);
        let array = aligned(array, axes, false);
        python::copied(python::call("np.broadcast_to", [array, shape]))
    }

    /// One array for an expression. `want` is the order of axes that its user would like; `inside` tells whether it
    /// stands within a reduction, so that a reduction of its own is worked out first.
    pub(super) fn array(
        &mut self,
        expr: &Expr,
        want: &[Index],
        inside: bool,
    ) -> Result<Array, Diagnostic> {
        match expr.node() {
            Node::Number(value) => Ok(Array::scalar(python::number(*value))),
            Node::Extent(dim) => Ok(Array::scalar(self.size(dim))),
            Node::Access(tensor, at) => {
                let tree = self
                    .tensor(tensor.name())
                    .ok_or_else(|| unwritten(&format!("`{}`", tensor.name())))?;
                diagonal(tree, at)
            }
            Node::Position(index) => {
                let size = self.size(index.extent());
                let tree = python::call("np.arange", [size]);
                let axes = vec![index.clone()];
                Ok(Array { tree, axes })
            }
            Node::Delta(left, right) => {
                let size = self.size(left.extent());
                let place = |index: &Index| want.iter().position(|own| own == index);
                let mut axes = vec![left.clone(), right.clone()];
                if place(right) < place(left) {
                    axes.reverse();
                }
                let tree = python::call("np.eye", [size]);
                Ok(Array { tree, axes })
            }
            Node::Indicator(index, value) => self.indicator(index, value, inside),
            Node::Reduce(reduction, bound, body) => {
                let array = self.reduce(*reduction, bound, body)?;
                Ok(self.part_if(inside, array))
            }
            Node::Sum(..) | Node::Power(..) => {
                self.product(std::slice::from_ref(expr), want, inside)
            }
            Node::Product(factors) => self.product(factors, want, inside),
            Node::Add(_) => self.addition(expr, want, inside),
            Node::Call(callee, arguments) => {
                if let Some((bound, argument)) = stable::log_sum_exp(expr) {
                    let array = self.array(argument, &[], true)?;
                    let array = reduced(LOG_SUM_EXP, &array, bound);
                    return Ok(self.part_if(inside, array));
                }
                if let Some(found) = stable::log_softmax(expr) {
                    return self.normalised(LOG_SOFTMAX, &found);
                }
                if let Some(difference) = stable::log_quotient(expr) {
                    return self.array(&difference, want, inside);
                }
                if let Some(value) = worked_out(callee, arguments) {
                    return self.array(&value, want, inside);
                }
                if let FunctionName::Known(_) = &callee.function
                    && !callee.derivatives.is_empty()
                {
                    return Err(unwritten(&format!("a derivative of `{}`", callee.name())));
                }
                let arrays = self.arrays(arguments, want, inside)?;
                let (axes, mut trees) = combined(arrays, want);
                if let FunctionName::Known(function) = &callee.function
                    && let Notation::Relation(sign) = function.notation
                    && let (Some(right), Some(left)) = (trees.pop(), trees.pop())
                {
                    let tree = python::binary(notation::relation(sign), left, right);
                    return Ok(Array { tree, axes });
                }
                let tree = self.callee(callee, trees)?;
                Ok(Array { tree, axes })
            }
            Node::Matrix(function, operand, at) => {
                let array = self.matrix_element(function, operand, at)?;
                Ok(self.part_if(inside, array))
            }
            Node::Derivative(..) => Err(unwritten("a derivative that is not worked out")),
        }
    }

    fn arrays(
        &mut self,
        exprs: &[Expr],
        want: &[Index],
        inside: bool,
    ) -> Result<Vec<Array>, Diagnostic> {
        exprs
            .iter()
            .map(|expr| self.array(expr, want, inside))
            .collect()
    }

    /// The array under a name of its own where it stands within a reduction. An array that is no call, such as picked
    /// elements, needs no name.
    pub(super) fn part_if(&mut self, inside: bool, array: Array) -> Array {
        let is_part = match &array.tree.kind {
            ExpressionKind::Call { function, .. } => {
                !is_table_function(&function.text) && !is_matrix_function(&function.text)
            }
            _ => false,
        };
        if !inside || !is_part {
            return array;
        }
        self.as_part("part", array)
    }

    /// The array under a name of its own.
    pub(super) fn as_part(&mut self, wish: &str, array: Array) -> Array {
        let dims = array.axes.iter().map(|axis| axis.extent().clone());
        Array {
            tree: self.part(wish, array.tree, dims.collect()),
            axes: array.axes,
        }
    }

    /// One where the index equals the value, zero elsewhere.
    fn indicator(
        &mut self,
        index: &Index,
        value: &Expr,
        inside: bool,
    ) -> Result<Array, Diagnostic> {
        let size = self.size(index.extent());
        let at = self.array(value, &[], inside)?;
        if let Node::Access(..) = value.node()
            && !at.axes.contains(index)
        {
            let rows = python::call("np.eye", [size]);
            let mut axes = at.axes;
            axes.push(index.clone());
            let tree = python::subscript(rows, vec![Subscript::At(at.tree)]);
            return Ok(Array { tree, axes });
        }
        let is_worked_out =
            matches!(at.tree.kind, ExpressionKind::Binary(..)) && !at.axes.is_empty();
        let at = if is_worked_out {
            self.as_part(POSITIONS, at)
        } else {
            at
        };
        let positions = Array {
            tree: python::call("np.arange", [size]),
            axes: vec![index.clone()],
        };
        let (axes, trees) = combined(vec![positions, at], &[]);
        let mut trees = trees.into_iter();
        let (Some(left), Some(right)) = (trees.next(), trees.next()) else {
            return Err(unwritten("a choice of positions"));
        };
        let tree = python::binary(BinaryOperator::Equal, left, right);
        Ok(Array { tree, axes })
    }

    fn addition(&mut self, expr: &Expr, want: &[Index], inside: bool) -> Result<Array, Diagnostic> {
        let terms = expr.written_terms();
        let mut signs = Vec::with_capacity(terms.len());
        let mut arrays = Vec::with_capacity(terms.len());
        for (place, term) in terms.iter().enumerate() {
            let is_negative = place > 0 && term.split_coefficient().0.is_negative();
            signs.push(is_negative);
            let positive = if is_negative {
                term.negate()
            } else {
                term.clone()
            };
            arrays.push(self.array(&positive, want, inside)?);
        }
        let (axes, trees) = combined(arrays, want);
        let tree = trees
            .into_iter()
            .zip(signs)
            .reduce(|(sum, sign), (term, is_negative)| {
                let operator = if is_negative {
                    BinaryOperator::Subtract
                } else {
                    BinaryOperator::Add
                };
                (python::binary(operator, sum, term), sign)
            });
        let (tree, _) = tree.ok_or_else(|| unwritten("an empty addition"))?;
        Ok(Array { tree, axes })
    }
}

/// An access; where an index repeats, the diagonal over it.
pub(super) fn diagonal(tree: Expression, at: &[Index]) -> Result<Array, Diagnostic> {
    let mut axes: Vec<Index> = Vec::new();
    for index in at {
        if !axes.contains(index) {
            axes.push(index.clone());
        }
    }
    if axes.len() == at.len() {
        return Ok(Array { tree, axes });
    }
    let letters = Letters::of([at])?;
    let subscripts = format!("{}->{}", letters.text(at), letters.text(&axes));
    Ok(Array {
        tree: python::call("np.einsum", [python::string(subscripts), tree]),
        axes,
    })
}

/// The common axes of several arrays but those of `without`: in the order of `want` as far as it names them, else as the widest has them.
pub(super) fn order(arrays: &[Array], want: &[Index], without: &[Index]) -> Vec<Index> {
    let mut widest_first: Vec<&Array> = arrays.iter().collect();
    widest_first.sort_by_key(|array| std::cmp::Reverse(array.axes.len()));
    let mut axes: Vec<Index> = Vec::new();
    for axis in widest_first.iter().flat_map(|array| &array.axes) {
        if !axes.contains(axis) && !without.contains(axis) {
            axes.push(axis.clone());
        }
    }
    if axes.iter().all(|axis| want.contains(axis)) {
        return want
            .iter()
            .filter(|axis| axes.contains(axis))
            .cloned()
            .collect();
    }
    axes
}

/// Arrays that broadcast against each other, and the axes that they have together.
pub(super) fn combined(arrays: Vec<Array>, want: &[Index]) -> (Vec<Index>, Vec<Expression>) {
    let axes = order(&arrays, want, &[]);
    let trees = arrays
        .into_iter()
        .map(|array| aligned(array, &axes, false))
        .collect();
    (axes, trees)
}

/// The array so that it broadcasts against an array with `axes`; `leading` also writes out axes of extent one in front.
fn aligned(array: Array, axes: &[Index], leading: bool) -> Expression {
    let own: Vec<Index> = axes
        .iter()
        .filter(|axis| array.axes.contains(axis))
        .cloned()
        .collect();
    let mut tree = array.tree;
    if own != array.axes {
        tree = if array.axes.len() == 2 {
            tree.transpose()
        } else {
            let places = own.iter().filter_map(|axis| {
                let place = array.axes.iter().position(|other| other == axis)?;
                Some(Expression::integer(place as i64))
            });
            python::call("np.transpose", [tree, python::tuple(places.collect())])
        };
    }
    let first = axes.iter().position(|axis| own.contains(axis));
    let from = if leading {
        0
    } else {
        first.unwrap_or(axes.len())
    };
    if own.is_empty() && !leading || axes[from..] == own {
        return tree;
    }
    let entries = axes[from..].iter().map(|axis| {
        if own.contains(axis) {
            python::everything()
        } else {
            Subscript::NewAxis
        }
    });
    python::subscript(tree, entries.collect())
}
