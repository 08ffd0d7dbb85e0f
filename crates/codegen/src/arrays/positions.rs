//! Elements of tensors at affine positions: slices where these run along one index, `np.take` where they lie within the
//! axis, and zeros outside it where they may not.

use backprove_calculus::affine::Affine;
use backprove_calculus::{Dim, Expr, Index, Node, size::Size};
use backprove_syntax::Diagnostic;
use backprove_syntax::tree::{Expression, Subscript};

use super::index::Array;
use super::python;
use super::spelling::AT;
use super::writer::{POSITIONS, Writer, unwritten};

/// An axis of an element, and at which position the factor at a place fixes it.
type Fixed = (Index, Affine, usize);

impl Writer<'_> {
    /// `sum[p](x[p] * [p == i + u])` as `x` at positions: the indices that go away and the elements.
    pub(super) fn gathered(
        &mut self,
        factors: &mut Vec<Expr>,
        bound: &[Index],
    ) -> Result<Option<(Vec<Index>, Array)>, Diagnostic> {
        for user in 0..factors.len() {
            let Node::Access(tensor, at) = factors[user].node() else {
                continue;
            };
            let at = at.clone();
            let fixed: Vec<Fixed> = at
                .iter()
                .filter(|index| bound.contains(index))
                .filter_map(|index| fixed(factors, user, index))
                .collect();
            let find = |index: &Index| fixed.iter().find(|(own, ..)| own == index);
            let axes: Vec<Index> = at
                .iter()
                .flat_map(|index| match find(index) {
                    Some((_, position, _)) => {
                        position.terms.iter().map(|(own, _)| own.clone()).collect()
                    }
                    None => vec![index.clone()],
                })
                .collect();
            let repeated = (1..axes.len()).any(|later| axes[..later].contains(&axes[later]));
            if fixed.is_empty() || repeated || axes.iter().any(|axis| find(axis).is_some()) {
                continue;
            }
            let name = tensor.name().to_owned();
            let mut tree = self
                .tensor(&name)
                .ok_or_else(|| unwritten(&format!("`{name}`")))?;
            let mut place = 0;
            for index in &at {
                if let Some((_, position, _)) = find(index) {
                    tree = self.at_positions(tree, place, index.extent(), position)?;
                    place += position.terms.len();
                } else {
                    place += 1;
                }
            }
            let mut used: Vec<usize> = fixed.iter().map(|(_, _, place)| *place).collect();
            used.push(user);
            used.sort_unstable();
            for place in used.into_iter().rev() {
                factors.remove(place);
            }
            let gone = fixed.into_iter().map(|(index, ..)| index).collect();
            return Ok(Some((gone, Array { tree, axes })));
        }
        Ok(None)
    }

    fn at_positions(
        &mut self,
        tree: Expression,
        axis: usize,
        extent: &Dim,
        position: &Affine,
    ) -> Result<Expression, Diagnostic> {
        let within = position.is_within(extent);
        if let [(index, coefficient)] = position.terms.as_slice()
            && within
            && coefficient.as_integer() == Some(1)
        {
            let stop = position.constant.plus(&Size::of(index.extent()));
            let mut end = |size: &Size, default: &Size| {
                let dim = size.dim().filter(|_| size != default);
                dim.map(|dim| self.size(&dim))
            };
            let slice = Subscript::Slice {
                start: end(&position.constant, &Size::integer(0)),
                stop: end(&stop, &Size::of(extent)),
                step: None,
            };
            let mut entries = vec![python::everything(); axis];
            entries.push(slice);
            return Ok(python::subscript(tree, entries));
        }
        let want: Vec<Index> = position.terms.iter().map(|(own, _)| own.clone()).collect();
        let positions = self.array(&position.expr(), &want, false)?;
        let positions = self.as_part(POSITIONS, positions);
        let axis = Expression::integer(axis as i64);
        if within {
            let axis = [("axis", axis)];
            return Ok(Expression::call_with(
                "np.take",
                [tree, positions.tree],
                axis,
            ));
        }
        Ok(python::call(AT, [tree, positions.tree, axis]))
    }
}

/// The position at which an indicator fixes an axis of the element at `user`, where nothing else depends on that axis.
fn fixed(factors: &[Expr], user: usize, index: &Index) -> Option<Fixed> {
    let mut found = None;
    for (place, factor) in factors.iter().enumerate() {
        if place == user || !factor.depends_on(index) {
            continue;
        }
        let Node::Indicator(own, value) = factor.node() else {
            return None;
        };
        if own != index || value.depends_on(index) || found.is_some() {
            return None;
        }
        let position = Affine::of(value).filter(|position| !position.terms.is_empty())?;
        found = Some((index.clone(), position, place));
    }
    found
}
