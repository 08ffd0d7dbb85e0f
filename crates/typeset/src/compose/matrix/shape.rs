//! What a matrix formula is by shape, and the products that depend on it. Only as much of a shape
//! is known here as decides the notation; sizes belong to the calculus.

use backprove_calculus::number::Number;
use backprove_syntax::tree::Subscript;

use crate::compose::notation;
use crate::compose::piece::{Level, Piece};
use crate::formula::{Formula, Operator};

/// A shape, as far as it decides the notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// No axis.
    Scalar,
    /// One axis.
    Vector,
    /// Two axes, the first of extent one.
    Row,
    /// Two axes, the second of extent one.
    Column,
    /// Two axes.
    Matrix,
    /// More axes.
    Higher(usize),
}

impl Shape {
    pub fn of_rank(rank: usize) -> Self {
        match rank {
            0 => Self::Scalar,
            1 => Self::Vector,
            2 => Self::Matrix,
            more => Self::Higher(more),
        }
    }

    pub fn rank(self) -> usize {
        match self {
            Self::Scalar => 0,
            Self::Vector => 1,
            Self::Row | Self::Column | Self::Matrix => 2,
            Self::Higher(rank) => rank,
        }
    }

    /// The shape after a subscript.
    pub fn after(self, entries: &[Subscript]) -> Self {
        let positions = |entry: &&Subscript| matches!(entry, Subscript::At(_));
        let fewer = entries.iter().filter(positions).count();
        let more = entries
            .iter()
            .filter(|entry| **entry == Subscript::NewAxis)
            .count();
        match entries {
            [Subscript::Slice { .. }, Subscript::NewAxis] if self == Self::Vector => Self::Column,
            [Subscript::NewAxis, ..] if self == Self::Vector => Self::Row,
            _ => Self::of_rank((self.rank() + more).saturating_sub(fewer)),
        }
    }
}

/// A piece with its shape.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub piece: Piece,
    pub shape: Shape,
    /// Whether a vector stands as a row, as `xᵀ A` does.
    pub row: bool,
}

impl Form {
    pub fn new(piece: Piece, shape: Shape) -> Self {
        Self {
            piece,
            shape,
            row: false,
        }
    }

    pub fn scalar(piece: Piece) -> Self {
        Self::new(piece, Shape::Scalar)
    }

    pub fn ones() -> Self {
        Self::new(Piece::atom(Formula::ones()), Shape::Vector)
    }

    fn flipped(self) -> Piece {
        let negative = self.piece.negative;
        let unsigned = Piece {
            negative: false,
            ..self.piece
        };
        let flipped = Piece::atom(unsigned.base().transposed());
        Piece {
            negative,
            ..flipped
        }
    }

    /// The transpose. A vector has none in NumPy's notation.
    pub fn transposed(self) -> Self {
        let shape = match self.shape {
            Shape::Scalar | Shape::Vector => return self,
            Shape::Row => Shape::Column,
            Shape::Column => Shape::Row,
            other => other,
        };
        Self::new(self.flipped(), shape)
    }

    /// A vector standing as a row.
    pub fn into_row(self) -> Self {
        if self.row || self.shape != Shape::Vector {
            return self;
        }
        Self {
            row: true,
            ..Self::new(self.flipped(), Shape::Vector)
        }
    }

    /// A vector standing as a column.
    pub fn into_column(self) -> Self {
        if self.row {
            Self::new(self.flipped(), Shape::Vector)
        } else {
            self
        }
    }

    /// Both sides of an element-wise operation, with broadcasting written out where paper needs
    /// it: a column beside a matrix is multiplied with a row of ones, and vectors stand alike.
    pub fn matched(left: Self, right: Self) -> (Self, Self) {
        // A column beside a vector: NumPy puts the vector along the last axis, as a row.
        let (left, right) = match (left.shape, right.shape) {
            (Shape::Column, Shape::Vector) => (left, right.into_matrix_of_one_row()),
            (Shape::Vector, Shape::Column) => (left.into_matrix_of_one_row(), right),
            (Shape::Matrix, Shape::Vector) if !right.is_simple() => {
                (left, right.into_matrix_of_one_row())
            }
            (Shape::Vector, Shape::Matrix) if !left.is_simple() => {
                (left.into_matrix_of_one_row(), right)
            }
            _ => (left, right),
        };
        let left_shape = left.shape;
        let left = left.beside(right.shape);
        let right = right.beside(left_shape);
        match (left.row, right.row) {
            (true, false) if right.shape == Shape::Vector => Self::alike(left, right),
            (false, true) if left.shape == Shape::Vector => {
                let (right, left) = Self::alike(right, left);
                (left, right)
            }
            _ => (left, right),
        }
    }

    /// Whether it is a name or the like: `X Wᵀ + b` is written so, and means `b` in every row.
    fn is_simple(&self) -> bool {
        self.piece.formula.is_simple()
    }

    /// A vector along the last axis, as a matrix of one row.
    fn into_matrix_of_one_row(self) -> Self {
        Self::new(self.into_row().piece, Shape::Row)
    }

    /// A row and a column made alike, by the transpose that looks lighter.
    fn alike(row: Self, column: Self) -> (Self, Self) {
        if column.piece.formula.is_simple() {
            (row, column.into_row())
        } else {
            (row.into_column(), column)
        }
    }

    fn beside(self, other: Shape) -> Self {
        match (self.shape, other) {
            (Shape::Column, Shape::Matrix | Shape::Row) => {
                let factors = vec![self.piece, Self::ones().into_row().piece];
                Self::new(Piece::product(factors), Shape::Matrix)
            }
            (Shape::Row, Shape::Matrix | Shape::Column) => {
                let factors = vec![Piece::atom(Formula::ones()), self.piece];
                Self::new(Piece::product(factors), Shape::Matrix)
            }
            _ => self,
        }
    }

    pub fn sum(left: Self, right: Self) -> Self {
        let (left, right) = Self::matched(left, right);
        let shape = left.shape.max(right.shape);
        let row = left.row || right.row;
        // `a + b + c` stays flat.
        let piece = match left.piece {
            Piece {
                formula: Formula::Row(items),
                level: Level::Sum,
                negative: false,
            } => {
                let sign = if right.piece.negative {
                    Operator::Minus
                } else {
                    Operator::Plus
                };
                let unsigned = Piece {
                    negative: false,
                    ..right.piece
                };
                let least = if sign == Operator::Minus {
                    Level::Big
                } else {
                    Level::Sum
                };
                let tail = [Formula::Operator(sign), unsigned.at_least(least)];
                Piece::new(Formula::row(items.into_iter().chain(tail)), Level::Sum)
            }
            other => Piece::sum(vec![other, right.piece]),
        };
        Self { piece, shape, row }
    }

    /// `left * right`: a plain product with a number, element by element otherwise.
    pub fn element_product(left: Self, right: Self) -> Self {
        match (left.shape, right.shape) {
            (Shape::Scalar, shape) => Self {
                piece: scaled(vec![left.piece, right.piece]),
                shape,
                row: right.row,
            },
            (shape, Shape::Scalar) => {
                // The number goes first; another scalar stays where it was written.
                let is_number = matches!(right.piece.formula, Formula::Number(_));
                let fraction = matches!(right.piece.formula, Formula::Fraction { .. });
                let factors = if is_number || fraction || shape != Shape::Scalar {
                    vec![right.piece, left.piece]
                } else {
                    vec![left.piece, right.piece]
                };
                Self {
                    piece: scaled(factors),
                    shape,
                    row: left.row,
                }
            }
            _ => Self::element_wise(Operator::Hadamard, left, right),
        }
    }

    /// `left ∘ right` and its like. A product side by side gets parentheses: `A ∘ (B C)`.
    pub fn element_wise(operator: Operator, left: Self, right: Self) -> Self {
        let (left, right) = Self::matched(left, right);
        let shape = left.shape.max(right.shape);
        let row = left.row || right.row;
        let negative = left.piece.negative != right.piece.negative;
        let side = |piece: Piece, flat: bool| {
            let unsigned = Piece {
                negative: false,
                ..piece
            };
            if flat && matches!(unsigned.level, Level::Infix | Level::Scaled) {
                unsigned.formula
            } else {
                unsigned.at_least(Level::Atom)
            }
        };
        let left = side(left.piece, true);
        let right = side(right.piece, operator == Operator::Hadamard);
        let piece = Piece {
            negative,
            ..Piece::new(left.infix(operator, right), Level::Infix)
        };
        Self { piece, shape, row }
    }

    /// A power of numbers, or element by element: `X ∘ X`, `X^{∘3}`. The exponent is given as a
    /// number too, where it is one.
    pub fn power(self, number: Option<Number>, exponent: Piece) -> Self {
        if let Some(value) = number.filter(|value| value.is_negative()) {
            let one = Self::scalar(Piece::atom(Formula::integer(1)));
            let positive = value.negate();
            let divisor = if positive.is_one() {
                self
            } else {
                self.power(Some(positive), notation::number(positive))
            };
            return Self::quotient(one, divisor);
        }
        if number == Some(Number::ratio(1, 2)) {
            let piece = Piece::atom(Formula::Root {
                radicand: Box::new(self.piece.signed()),
                degree: None,
            });
            return Self { piece, ..self };
        }
        if self.shape == Shape::Scalar {
            let piece = Piece::atom(self.piece.base().superscript(exponent.signed()));
            return Self { piece, ..self };
        }
        if number == Some(Number::integer(2)) && self.piece.level == Level::Atom {
            return Self::element_product(self.clone(), self);
        }
        let ring = [
            Formula::Operator(Operator::Hadamard),
            exponent.at_least(Level::Infix),
        ];
        let piece = Piece::atom(self.piece.base().superscript(Formula::row(ring)));
        Self { piece, ..self }
    }

    /// `left / right`: a fraction where the divisor is a number, element by element otherwise.
    pub fn quotient(left: Self, right: Self) -> Self {
        if right.shape == Shape::Scalar {
            return Self {
                piece: Piece::fraction(left.piece, right.piece),
                ..left
            };
        }
        Self::element_wise(Operator::ElementDivision, left, right)
    }

    /// `left @ right`.
    pub fn matrix_product(left: Self, right: Self) -> Self {
        let (shape, row) = match (left.shape, right.shape) {
            (Shape::Vector, Shape::Vector) => (Shape::Scalar, false),
            (Shape::Vector, _) => (Shape::Vector, true),
            (_, Shape::Vector) => (Shape::Vector, false),
            (Shape::Higher(rank), other) | (other, Shape::Higher(rank)) => {
                (Shape::of_rank(rank.max(other.rank())), false)
            }
            (Shape::Row, Shape::Column) => (Shape::Matrix, false),
            (Shape::Row, _) => (Shape::Row, false),
            (_, Shape::Column) => (Shape::Column, false),
            _ => (Shape::Matrix, false),
        };
        let left = if left.shape == Shape::Vector {
            left.into_row()
        } else {
            left
        };
        let factors = vec![left.piece, right.into_column().piece];
        Self {
            piece: Piece::product(factors),
            shape,
            row,
        }
    }
}

/// A number times something, which an element-wise product may follow: `2 A ∘ B`.
fn scaled(factors: Vec<Piece>) -> Piece {
    let product = Piece::product(factors);
    let level = if product.level == Level::Product {
        Level::Scaled
    } else {
        product.level
    };
    Piece { level, ..product }
}
