//! Values that do not lie as the blocks need them: gathered, counted, or computed element by element. Nothing here
//! chooses what is computed or in which order.

use super::super::program::{Action, Instruction};
use super::super::real::Real;
use super::{Piece, Scratch, Tile};
use crate::memory::ALIGNMENT;
use crate::nest::Access;

impl<T: Real> Tile<'_, T> {
    /// Computes such a value for a piece.
    #[inline(never)]
    pub(super) unsafe fn gather(
        &self,
        instruction: &Instruction<T>,
        piece: Piece,
        scratch: &mut Scratch<T>,
    ) {
        let step = &self.ready.nest.values[instruction.value];
        let part = if instruction.scalar {
            Piece {
                rows: 1,
                width: 1,
                ..piece
            }
        } else {
            piece
        };
        let register = self
            .registers
            .wrapping_add(step.register * self.ready.register);
        // SAFETY: registers hold a block each; places were laid out for these extents.
        unsafe {
            match &instruction.action {
                Action::Coordinate(axis) => self.coordinates(*axis, part, register),
                Action::Table(function, list) => {
                    let result = scratch.addresses[instruction.value];
                    let arguments = &mut scratch.arguments[..list.len()];
                    for element in 0..part.rows * part.width {
                        for (argument, (value, scalar)) in arguments.iter_mut().zip(list) {
                            let at = if *scalar { 0 } else { element };
                            *argument = (*scratch.addresses[*value].add(at)).to_f64();
                        }
                        *result.add(element) = T::from_f64(function(arguments));
                    }
                }
                _ => {
                    let from = scratch.sources[instruction.value];
                    self.load(&step.access, part, (from, register), &scratch.addresses);
                    scratch.addresses[instruction.value] = register;
                }
            }
        }
    }

    /// Gathers a load's elements.
    unsafe fn load(
        &self,
        access: &Access,
        piece: Piece,
        (base, register): (*mut T, *mut T),
        addresses: &[*mut T],
    ) {
        let count = self.ready.nest.extents.len();
        let stride = access.strides[count - 1];
        // SAFETY: the plan was laid out for these extents; computed positions are compared with theirs.
        unsafe {
            // Rows that are all the same are copied from the first, twice as many each time.
            let outer = &access.strides[..count - 1];
            let same = access.computed.is_empty() && outer.iter().all(|stride| *stride == 0);
            let rows = if same { 1 } else { piece.rows };
            for turn in 0..rows {
                let offset = self.row_offset(access, piece.row + turn) + piece.column * stride;
                let to = register.add(turn * piece.width);
                let from = base.wrapping_add(offset);
                if !access.computed.is_empty() {
                    let block = turn * piece.width;
                    picked(
                        access,
                        (from, stride),
                        (to, piece.width),
                        |value, element| (*addresses[value].add(block + element)).to_f64(),
                    );
                } else if stride == 0 {
                    repeat(*from, to, piece.width);
                } else if stride == 1 {
                    std::ptr::copy_nonoverlapping(from, to, piece.width);
                } else {
                    for element in 0..piece.width {
                        *to.add(element) = *from.add(element * stride);
                    }
                }
            }
            let size = piece.rows * piece.width;
            let mut filled = rows * piece.width;
            while filled < size {
                let more = filled.min(size - filled);
                std::ptr::copy_nonoverlapping(register, register.add(filled), more);
                filled += more;
            }
        }
    }

    /// The offset of a row of the last axis.
    #[inline]
    pub(super) fn row_offset(&self, access: &Access, row: usize) -> usize {
        let extents = &self.ready.nest.extents;
        let outer = extents.len() - 1;
        if outer == 1 {
            return row * access.strides[0];
        }
        let mut rest = row;
        let mut offset = 0;
        for axis in (1..outer).rev() {
            offset += rest % extents[axis] * access.strides[axis];
            rest /= extents[axis];
        }
        if outer > 0 {
            offset += rest * access.strides[0];
        }
        offset
    }

    unsafe fn coordinates(&self, axis: usize, piece: Piece, register: *mut T) {
        let extents = &self.ready.nest.extents;
        let last = extents.len() - 1;
        let row = |turn: usize| {
            // SAFETY (both): a register holds the piece.
            let to = unsafe { register.add(turn * piece.width) };
            unsafe { std::slice::from_raw_parts_mut(to, piece.width) }
        };
        if axis == last {
            (0..piece.rows).for_each(|turn| T::count_from(piece.column, row(turn)));
            return;
        }
        // Rows are counted, for divisions take long.
        let below: usize = extents[axis + 1..last].iter().product();
        let mut coordinate = piece.row / below % extents[axis];
        let mut same = below - piece.row % below;
        for turn in 0..piece.rows {
            row(turn).fill(T::from_f64(coordinate as f64));
            same -= 1;
            if same == 0 {
                same = below;
                coordinate = (coordinate + 1) * usize::from(coordinate + 1 < extents[axis]);
            }
        }
    }
}

/// Elements that lie `stride` apart, moved by where the positions of each say; zero where one is outside.
///
/// # Safety
/// All elements that positions inside lead to are there, and `to` has room for `width`.
#[inline]
unsafe fn picked<T: Real>(
    access: &Access,
    (from, stride): (*const T, usize),
    (to, width): (*mut T, usize),
    position: impl Fn(usize, usize) -> f64,
) {
    let mut first = 0;
    while first < width {
        let count = PICKED.min(width - first);
        let mut moved: [usize; PICKED] = std::array::from_fn(|place| (first + place) * stride);
        let mut inside = [true; PICKED];
        for (value, stride, extent) in &access.computed {
            let extent = *extent as f64;
            for place in 0..count {
                let at = position(*value, first + place);
                // What is not a number is outside as well.
                let near = if at >= 0.0 && at < extent { at } else { 0.0 };
                // SAFETY: it is less than an extent. Signed numbers are converted by one instruction each way.
                let whole = unsafe { near.to_int_unchecked::<i64>() };
                #[expect(clippy::float_cmp, reason = "a position is a whole number")]
                let valid = whole as f64 == at;
                inside[place] &= valid;
                moved[place] += whole as usize * stride;
            }
        }
        for place in 0..count {
            // SAFETY: the caller's promise; what is not whole was moved to a position before it.
            let element = unsafe { *from.add(moved[place]) };
            let element = if inside[place] { element } else { T::ZERO };
            // SAFETY: the caller's promise.
            unsafe { *to.add(first + place) = element };
        }
        first += count;
    }
}

/// Elements whose positions are worked out together.
const PICKED: usize = 32;

/// Elements that are written at once.
const WIDE: usize = 8;

/// Fills so many elements of a register, and some of those after them: a later row writes those anew, and the last
/// one has room behind it.
unsafe fn repeat<T: Real>(value: T, to: *mut T, width: usize) {
    const { assert!(WIDE <= ALIGNMENT) };
    for column in (0..width).step_by(WIDE) {
        // SAFETY: registers are longer than blocks by more than is written too much.
        let block = unsafe { to.add(column).cast::<[T; WIDE]>() };
        // SAFETY: as above.
        unsafe { block.write_unaligned([value; WIDE]) };
    }
}
