//! Functions of whole matrices: the operand is laid out with its rows and columns last, and the result is an array of its
//! own. How it is computed is the kernel's business.

use backprove_calculus::{Index, MatrixFunction, Operand};

use super::Lowering;
use crate::error::Error;
use crate::term::{ArrayId, Axis, Combine, Origin, Position, Start, Statement, Term};

/// A function of matrices that is computed.
pub(super) struct Known {
    extents: Vec<usize>,
    /// The elements of the operand, over its axes.
    body: Term,
    operand: ArrayId,
    function: &'static MatrixFunction,
    result: ArrayId,
}

impl Lowering<'_> {
    /// One element of a function of matrices: the operand is computed into an array of its own, one matrix behind the
    /// other, unless it is one already.
    pub(super) fn matrix_function(
        &mut self,
        function: &'static MatrixFunction,
        operand: &Operand,
        at: &[Index],
    ) -> Result<Term, Error> {
        let (row, column) = (
            self.new_axis(&operand.rows)?,
            self.new_axis(&operand.columns)?,
        );
        let term = self.term(&operand.body)?.sorted();
        let mut axes: Vec<Axis> = Vec::new();
        for axis in term.axes() {
            if axis != row && axis != column && !axes.contains(&axis) {
                axes.push(axis);
            }
        }
        axes.sort_unstable();
        let batch = axes.clone();
        axes.extend([row, column]);
        let extents: Vec<usize> = axes.iter().map(|axis| self.extents[*axis]).collect();
        let body = term.at(&|axis| {
            let place = axes.iter().position(|own| *own == axis);
            Position::Axis(place.unwrap_or(axis))
        });
        let target = self.dense(function, extents, body);
        let own = batch.into_iter().map(Position::Axis);
        let mut positions: Vec<Position> = own.collect();
        for index in at {
            positions.push(self.position(index)?);
        }
        Ok(Term::Load(target, positions))
    }

    /// The array that holds the function of the matrices with the elements `body`; what is known already is not
    /// computed twice, and functions of the same matrices share them.
    fn dense(
        &mut self,
        function: &'static MatrixFunction,
        extents: Vec<usize>,
        body: Term,
    ) -> ArrayId {
        let same = |known: &&Known| known.extents == extents && known.body == body;
        let mut known = self.dense.iter().filter(same);
        if let Some(known) = known.find(|known| known.function == function) {
            return known.result;
        }
        let shared = self.dense.iter().find(same).map(|known| known.operand);
        let in_place: Vec<Position> = (0..extents.len()).map(Position::Axis).collect();
        let operand = match (shared, &body) {
            (Some(operand), _) => operand,
            (None, Term::Load(array, positions))
                if *positions == in_place && self.arrays[array.0].shape == extents =>
            {
                *array
            }
            _ => self.statement(extents.clone(), extents.len(), body.clone(), None),
        };
        let rank = extents.len() - 2 + function.rank;
        let load = Term::Load(operand, in_place);
        let result = self.statement(extents.clone(), rank, load, Some(function));
        self.dense.push(Known {
            extents,
            body,
            operand,
            function,
            result,
        });
        result
    }

    /// A statement whose target is a new temporary.
    fn statement(
        &mut self,
        extents: Vec<usize>,
        rank: usize,
        body: Term,
        dense: Option<&'static MatrixFunction>,
    ) -> ArrayId {
        let name = format!("t{}", self.arrays.len());
        let target = self.array(name, extents[..rank].to_vec(), Origin::Temporary);
        self.statements.push(Statement {
            target,
            rank,
            extents,
            combine: Combine::Sum,
            body,
            dense,
            scale: Term::ONE,
            start: Start::Zero,
        });
        target
    }
}
