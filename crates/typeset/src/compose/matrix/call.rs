//! Calls in matrix notation: which of them have a sign of their own on paper. It must not know
//! element-wise functions by name; their notation stands in the table of the calculus.

use backprove_calculus::functions::{self, MatrixFunction, MatrixNotation, Notation};
use backprove_syntax::tree::{Argument, Expression, ExpressionKind};

use super::shape::{Form, Shape};
use super::{Scope, last_name};
use crate::compose::notation;
use crate::compose::piece::{Level, Piece};
use crate::formula::{Fence, Formula, Operator};

/// The arguments of a call, sorted out.
struct Arguments<'a> {
    positional: Vec<&'a Expression>,
    named: Vec<(&'a str, &'a Expression)>,
}

impl<'a> Arguments<'a> {
    fn new(receiver: Option<&'a Expression>, arguments: &'a [Argument]) -> Self {
        let mut sorted = Self {
            positional: receiver.into_iter().collect(),
            named: Vec::new(),
        };
        for argument in arguments {
            match &argument.keyword {
                Some(keyword) => sorted.named.push((&keyword.text, &argument.value)),
                None => sorted.positional.push(&argument.value),
            }
        }
        sorted
    }

    fn named(&self, name: &str) -> Option<&'a Expression> {
        let found = self.named.iter().find(|(keyword, _)| *keyword == name);
        found.map(|(_, value)| *value)
    }

    /// The axis of a reduction, counted from the front.
    fn axis(&self, rank: usize) -> Option<usize> {
        let value = self
            .named("axis")
            .or_else(|| self.named("dim"))
            .or_else(|| self.positional.get(1).copied())?;
        let (digits, negative) = match &value.kind {
            ExpressionKind::Number(digits) => (digits, false),
            ExpressionKind::Unary(_, inner) => match &inner.kind {
                ExpressionKind::Number(digits) => (digits, true),
                _ => return None,
            },
            _ => return None,
        };
        let position: usize = digits.parse().ok()?;
        if negative {
            rank.checked_sub(position)
        } else {
            Some(position)
        }
    }

    /// Whether an axis is named in a form that this file cannot read.
    fn has_axis(&self) -> bool {
        self.positional.len() > 1 || self.named("axis").is_some() || self.named("dim").is_some()
    }

    fn keeps(&self) -> bool {
        let flag = self.named("keepdims").or_else(|| self.named("keepdim"));
        flag.is_some_and(|flag| matches!(&flag.kind, ExpressionKind::Name(name) if name == "True"))
    }
}

impl Scope {
    /// `path(arguments)`, the receiver of a method before them.
    pub(super) fn call(
        &self,
        path: &str,
        arguments: &[Argument],
        receiver: Option<&Expression>,
    ) -> Form {
        let full = last_name(path);
        let name = full.trim_end_matches('\'');
        let primes = full.len() - name.len();
        let arguments = Arguments::new(receiver, arguments);
        let forms: Vec<Form> = arguments
            .positional
            .iter()
            .map(|argument| self.form(argument))
            .collect();
        if primes == 0
            && let Some(form) = Self::known(name, &arguments, &forms)
        {
            return form;
        }
        if arguments.named.is_empty()
            && let Some(notation) = notation::of(name)
        {
            return Self::element_wise(name, notation, primes, forms);
        }
        self.application(name, primes, &arguments, forms)
    }

    /// A function of the table.
    fn element_wise(name: &str, notation: Notation, primes: usize, forms: Vec<Form>) -> Form {
        let shape = widest(&forms);
        let row = forms.iter().any(|form| form.row);
        let forms = match <[Form; 2]>::try_from(forms) {
            Ok([left, right]) => {
                let (left, right) = Form::matched(left, right);
                vec![left, right]
            }
            Err(forms) => forms,
        };
        let pieces = forms.into_iter().map(|form| form.piece).collect();
        let piece = notation::call(name, notation, primes, shape == Shape::Scalar, pieces);
        Form { piece, shape, row }
    }

    /// Any other function: its name before parentheses.
    fn application(
        &self,
        name: &str,
        primes: usize,
        arguments: &Arguments<'_>,
        forms: Vec<Form>,
    ) -> Form {
        let shape = if arguments.keeps() || !reduces(name) {
            widest(&forms)
        } else if arguments.has_axis() {
            Shape::of_rank(widest(&forms).rank().saturating_sub(1))
        } else {
            Shape::Scalar
        };
        // The last axis is understood where a function keeps all axes, as a softmax does.
        let rank = widest(&forms).rank();
        let understood = !reduces(name) && arguments.axis(rank) == rank.checked_sub(1);
        let said = |(keyword, value): &(&str, &Expression)| {
            let value = self.form(value).piece.signed();
            Formula::text(*keyword).infix(Operator::Equal, value)
        };
        let pieces = forms.into_iter().map(|form| form.piece);
        let named = arguments.named.iter();
        let named =
            named.filter(|(keyword, _)| !(understood && matches!(*keyword, "axis" | "dim")));
        let named = named.map(said).map(Piece::atom);
        let pieces = pieces.chain(named).collect();
        let piece = notation::call(name, Notation::Name, primes, false, pieces);
        Form::new(piece, shape)
    }

    /// The functions of linear algebra that have a sign of their own.
    fn known(name: &str, arguments: &Arguments<'_>, forms: &[Form]) -> Option<Form> {
        let plain = arguments.named.is_empty();
        match (name, forms) {
            ("sum", [operand, ..]) => sum(operand.clone(), arguments),
            ("outer", [left, right]) if plain => Some(Form::new(
                Piece::product(vec![
                    left.clone().into_column().piece,
                    right.clone().into_row().piece,
                ]),
                Shape::Matrix,
            )),
            ("dot" | "matmul", [left, right]) if plain => {
                Some(Form::matrix_product(left.clone(), right.clone()))
            }
            ("multiply", [left, right]) if plain => {
                Some(Form::element_product(left.clone(), right.clone()))
            }
            ("kron", [left, right]) if plain => Some(Form::element_wise(
                Operator::Kronecker,
                left.clone(),
                right.clone(),
            )),
            ("transpose", [operand]) if plain => Some(operand.clone().transposed()),
            ("trace", [operand]) if plain => {
                let pieces = vec![operand.piece.clone()];
                let piece = notation::call("tr", Notation::Name, 0, true, pieces);
                Some(Form::scalar(piece))
            }
            (name, [operand]) if plain && functions::matrix(name).is_some() => {
                functions::matrix(name).map(|function| function_of_matrix(function, operand))
            }
            ("solve", [matrix, right]) if plain => {
                Some(Form::matrix_product(inverse(matrix.clone()), right.clone()))
            }
            ("norm", [operand]) if plain => {
                let bars = operand.piece.clone().signed().fenced(Fence::DoubleBars);
                let norm = if operand.shape == Shape::Matrix {
                    bars.subscript(Formula::variable("F"))
                } else {
                    bars
                };
                Some(Form::scalar(Piece::atom(norm)))
            }
            ("ones", [_]) if plain => match &arguments.positional[0].kind {
                ExpressionKind::Tuple(sizes) if sizes.len() == 2 => {
                    let factors = vec![Form::ones().piece, Form::ones().into_row().piece];
                    Some(Form::new(Piece::product(factors), Shape::Matrix))
                }
                ExpressionKind::Tuple(_) => None,
                _ => Some(Form::ones()),
            },
            ("eye", [size]) if plain => {
                let formula = Formula::variable("I").indexed([size.piece.clone().signed()]);
                Some(Form::new(Piece::atom(formula), Shape::Matrix))
            }
            ("diag", [operand]) if plain => {
                let shape = if operand.shape == Shape::Vector {
                    Shape::Matrix
                } else {
                    Shape::Vector
                };
                let pieces = vec![operand.piece.clone()];
                Some(Form::new(
                    notation::call(name, Notation::Name, 0, true, pieces),
                    shape,
                ))
            }
            ("where", [condition, then, otherwise]) if plain => {
                let shape = widest(forms);
                let condition = notation::stated(&condition.piece.formula);
                let piece = notation::cases(condition, then.piece.clone(), otherwise.piece.clone());
                Some(Form::new(piece, shape))
            }
            _ => None,
        }
    }
}

/// A sum as a product with the vector of ones: `1ᵀ A` over the rows, `A 1` over the columns.
fn sum(operand: Form, arguments: &Arguments<'_>) -> Option<Form> {
    let ones = || Form::ones().piece;
    let row = || Form::ones().into_row().piece;
    let rank = operand.shape.rank();
    let axis = arguments.axis(rank);
    if axis.is_none() && arguments.has_axis() {
        return None;
    }
    let keeps = arguments.keeps();
    match (operand.shape, axis) {
        (Shape::Scalar, None) => Some(operand),
        (Shape::Vector, None | Some(0)) if !keeps => {
            let factors = vec![row(), operand.into_column().piece];
            Some(Form::scalar(Piece::product(factors)))
        }
        (Shape::Matrix | Shape::Row | Shape::Column, None) if !keeps => {
            Some(Form::scalar(Piece::product(vec![
                row(),
                operand.piece,
                ones(),
            ])))
        }
        (Shape::Matrix, Some(0)) => Some(Form {
            piece: Piece::product(vec![row(), operand.piece]),
            shape: if keeps { Shape::Row } else { Shape::Vector },
            row: !keeps,
        }),
        (Shape::Matrix, Some(1)) => Some(Form::new(
            Piece::product(vec![operand.piece, ones()]),
            if keeps { Shape::Column } else { Shape::Vector },
        )),
        _ => None,
    }
}

/// A function of a matrix in the notation that the table gives it.
fn function_of_matrix(function: &MatrixFunction, operand: &Form) -> Form {
    let apply =
        |name: &str, piece: Piece| notation::call(name, Notation::Name, 0, true, vec![piece]);
    let piece = match function.notation {
        MatrixNotation::Inverse => return inverse(operand.clone()),
        MatrixNotation::Name(name) => apply(name, operand.piece.clone()),
        MatrixNotation::OfMagnitude(name) => {
            let determinant = apply("det", operand.piece.clone()).signed();
            let magnitude = determinant.fenced(Fence::Bars);
            let items = [
                Formula::function(name),
                Formula::Operator(Operator::Application),
                magnitude,
            ];
            Piece::new(Formula::row(items), Level::Product)
        }
        MatrixNotation::OfDeterminant(name) => apply(name, apply("det", operand.piece.clone())),
    };
    Form::new(piece, Shape::of_rank(function.rank))
}

fn inverse(operand: Form) -> Form {
    let formula = operand.piece.base().superscript(Formula::integer(-1));
    Form::new(Piece::new(formula, Level::Atom), operand.shape)
}

/// Whether a function that is not of the table takes axes away.
fn reduces(name: &str) -> bool {
    matches!(
        name,
        "sum"
            | "mean"
            | "max"
            | "min"
            | "prod"
            | "norm"
            | "norm_1"
            | "norm_inf"
            | "norm_p"
            | "var"
            | "std"
            | "logsumexp"
    )
}

fn widest(forms: &[Form]) -> Shape {
    let shapes = forms.iter().map(|form| form.shape);
    shapes.max().unwrap_or(Shape::Scalar)
}
