//! Arrays of numbers. Storage only.

/// Numbers in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array<T> {
    shape: Vec<usize>,
    data: Vec<T>,
}

impl<T: Copy> Array<T> {
    /// An array of `shape` with the elements `data` in row-major order.
    ///
    /// # Panics
    /// If the number of elements is not the product of the extents.
    pub fn new(shape: Vec<usize>, data: Vec<T>) -> Self {
        assert_eq!(
            shape.iter().product::<usize>(),
            data.len(),
            "as many elements as the shape holds"
        );
        Self { shape, data }
    }

    /// An array of `shape` that holds `value` everywhere.
    pub fn filled(shape: Vec<usize>, value: T) -> Self {
        let count = shape.iter().product();
        Self {
            shape,
            data: vec![value; count],
        }
    }

    /// The extents of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements in row-major order.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The elements in row-major order.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// The element at `position`, if it lies within the array.
    pub fn get(&self, position: &[usize]) -> Option<T> {
        if position.len() != self.shape.len() {
            return None;
        }
        let mut place = 0;
        for (at, extent) in position.iter().zip(&self.shape) {
            if at >= extent {
                return None;
            }
            place = place * extent + at;
        }
        self.data.get(place).copied()
    }

    /// The position of the element that stands at `place` in row-major order.
    pub fn position(&self, mut place: usize) -> Vec<usize> {
        let mut position = vec![0; self.shape.len()];
        for (at, extent) in position.iter_mut().zip(&self.shape).rev() {
            *at = place % extent;
            place /= extent;
        }
        position
    }

    /// How far apart neighbours along each axis stand.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.shape.len()];
        for axis in (1..self.shape.len()).rev() {
            strides[axis - 1] = strides[axis] * self.shape[axis];
        }
        strides
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_places_agree() {
        let array = Array::new(vec![2, 3, 4], (0..24).collect());
        for place in 0..24 {
            assert_eq!(array.get(&array.position(place)), Some(place));
        }
        assert_eq!(array.strides(), [12, 4, 1]);
        assert_eq!(array.get(&[0, 3, 0]), None);
    }
}
