//! Matrix notation as formulas: from a syntax tree in NumPy's notation to what a careful author
//! writes. Vectors are columns unless a product made them rows. It decides products, transposes
//! and parentheses; it must never change the value of what it prints.

mod call;
mod shape;

use std::collections::HashMap;

use backprove_calculus::Tensor;
use backprove_calculus::number::Number;
use backprove_syntax::tree::{
    BinaryOperator, Expression, ExpressionKind, Subscript, UnaryOperator,
};

use self::shape::{Form, Shape};
use super::notation;
use super::piece::{Level, Piece};
use crate::formula::{BigOperator, Fence, Formula, Operator, Style};

/// What names stand for: the rank of each tensor, and how it is written.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    tensors: HashMap<String, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    rank: usize,
    formula: Formula,
}

impl Scope {
    /// A scope that knows the given tensors.
    pub fn new<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> Self {
        let mut scope = Self::default();
        for tensor in tensors {
            scope.insert(tensor);
        }
        scope
    }

    /// Adds a tensor.
    pub fn insert(&mut self, tensor: &Tensor) {
        let entry = Entry {
            rank: tensor.rank(),
            formula: super::tensor(tensor),
        };
        self.tensors.insert(tensor.name().to_owned(), entry);
    }
}

/// An expression in matrix notation as a formula.
///
/// ```
/// use backprove_calculus::{Dim, Tensor};
/// use backprove_syntax::parse_expression;
/// use backprove_typeset::compose::{Scope, matrix};
/// use backprove_typeset::unicode;
///
/// let [s, n, m] = ["S", "N", "M"].map(Dim::symbol);
/// let x = Tensor::new("X", vec![s.clone(), m]);
/// let y = Tensor::new("Y", vec![s, n]);
/// let scope = Scope::new([&x, &y, &Tensor::cotangent_of("dY", "L", &y)]);
/// let (parsed, _) = parse_expression("dY.T @ X");
/// let formula = matrix::expression(&parsed.unwrap(), &scope);
/// assert_eq!(unicode::formula(&formula), "(∂L/∂Y)ᵀ X");
/// ```
pub fn expression(expression: &Expression, scope: &Scope) -> Formula {
    scope.form(expression).piece.signed()
}

impl Scope {
    fn form(&self, expression: &Expression) -> Form {
        match &expression.kind {
            ExpressionKind::Number(text) => Form::scalar(Number::parse(text).map_or_else(
                || Piece::atom(Formula::number(text.as_str())),
                notation::number,
            )),
            ExpressionKind::String(text) => Form::scalar(Piece::atom(Formula::text(text.as_str()))),
            ExpressionKind::None => Form::scalar(Piece::atom(Formula::text("None"))),
            ExpressionKind::Name(name) => self.name(name),
            ExpressionKind::Differential { of, by } => {
                let formula = Formula::partial(&Formula::name(of), &Formula::name(by));
                let shape = self.tensors.get(by).map_or(0, |entry| entry.rank);
                Form::new(Piece::atom(formula), Shape::of_rank(shape))
            }
            ExpressionKind::Unary(UnaryOperator::Plus, operand) => self.form(operand),
            ExpressionKind::Unary(UnaryOperator::Negate, operand) => {
                let form = self.form(operand);
                Form {
                    piece: form.piece.negate(),
                    ..form
                }
            }
            ExpressionKind::Binary(operator, left, right) => self.binary(*operator, left, right),
            ExpressionKind::Transpose(operand) | ExpressionKind::Prime(operand) => {
                self.transpose(operand)
            }
            ExpressionKind::Subscript(base, entries) => self.subscript(base, entries),
            ExpressionKind::Call {
                function,
                arguments,
            } => self.call(&function.text, arguments, None),
            ExpressionKind::Method {
                receiver,
                method,
                arguments,
            } => self.call(&method.text, arguments, Some(receiver)),
            ExpressionKind::Attribute(base, name) => {
                let items = [
                    self.form(base).piece.at_least(Level::Atom),
                    Formula::text(format!(".{}", name.text)),
                ];
                Form::scalar(Piece::atom(Formula::row(items)))
            }
            ExpressionKind::Reduction {
                function,
                indices,
                body,
            } => {
                let indices = indices.iter().map(|index| Formula::name(&index.name.text));
                let below = Formula::Indices(indices.collect());
                let body = self.form(body).piece;
                let piece = if let Some(operator) = big_operator(&function.text) {
                    let body = body.at_least(Level::Big);
                    Piece::new(Formula::big(operator, below, body), Level::Big)
                } else {
                    let head = notation::function_name(&function.text).subscript(below);
                    Piece::atom(Formula::application(head, [body.signed()]))
                };
                Form::scalar(piece)
            }
            ExpressionKind::Tuple(items) => self.list(items, Fence::Parentheses),
            ExpressionKind::List(items) => self.list(items, Fence::Brackets),
            ExpressionKind::Comprehension { body, index, bound } => {
                let items = [
                    self.form(body).piece.signed(),
                    Formula::text(" for "),
                    Formula::name(&index.text)
                        .infix(Operator::Less, self.form(bound).piece.signed()),
                ];
                Form::scalar(Piece::atom(Formula::row(items).fenced(Fence::Brackets)))
            }
        }
    }

    fn name(&self, name: &str) -> Form {
        match self.tensors.get(name) {
            Some(entry) => Form::new(
                Piece::atom(entry.formula.clone()),
                Shape::of_rank(entry.rank),
            ),
            None if name == "inf" => {
                Form::scalar(Piece::atom(Formula::styled("∞", Style::Upright)))
            }
            None => Form::scalar(Piece::atom(Formula::name(name))),
        }
    }

    fn list(&self, items: &[Expression], fence: Fence) -> Form {
        let items = items.iter().map(|item| self.form(item).piece.signed());
        Form::scalar(Piece::atom(
            Formula::joined(Operator::Comma, items).fenced(fence),
        ))
    }

    fn binary(&self, operator: BinaryOperator, left: &Expression, right: &Expression) -> Form {
        let [l, r] = [left, right].map(|side| self.form(side));
        match operator {
            BinaryOperator::Add => Form::sum(l, r),
            BinaryOperator::Subtract => {
                // `a - (b - c)`: the sign belongs to the whole of what is subtracted.
                let piece = if r.piece.negative || r.piece.level == Level::Sum {
                    Piece::atom(r.piece.at_least(Level::Big))
                } else {
                    r.piece
                };
                let r = Form {
                    piece: piece.negate(),
                    ..r
                };
                Form::sum(l, r)
            }
            BinaryOperator::Multiply => Form::element_product(l, r),
            BinaryOperator::Divide => Form::quotient(l, r),
            BinaryOperator::FloorDivide => {
                let quotient = Form::quotient(l, r).piece.signed();
                Form::scalar(Piece::atom(quotient.fenced(Fence::Floor)))
            }
            BinaryOperator::MatrixMultiply => Form::matrix_product(l, r),
            BinaryOperator::Power => l.power(literal(right), r.piece),
            BinaryOperator::Less => compared(Operator::Less, l, r),
            BinaryOperator::LessEqual => compared(Operator::LessEqual, l, r),
            BinaryOperator::Greater => compared(Operator::Greater, l, r),
            BinaryOperator::GreaterEqual => compared(Operator::GreaterEqual, l, r),
            BinaryOperator::Equal => compared(Operator::Equal, l, r),
            BinaryOperator::NotEqual => compared(Operator::NotEqual, l, r),
        }
    }

    fn transpose(&self, operand: &Expression) -> Form {
        // `inv(A).T` is one superscript on paper.
        if let ExpressionKind::Call {
            function,
            arguments,
        } = &operand.kind
            && last_name(&function.text) == "inv"
            && let [argument] = arguments.as_slice()
        {
            let inner = self.form(&argument.value);
            let sign = Formula::negative(Formula::styled("⊤", Style::Upright));
            return Form::new(
                Piece::atom(inner.piece.base().superscript(sign)),
                inner.shape,
            );
        }
        self.form(operand).transposed()
    }

    fn subscript(&self, base: &Expression, entries: &[Subscript]) -> Form {
        let form = self.form(base);
        let is_index = |entry: &Subscript| {
            matches!(entry, Subscript::At(at)
                if matches!(at.kind, ExpressionKind::Name(_) | ExpressionKind::Number(_)))
        };
        let shape = form.shape.after(entries);
        // A vector as a column is the vector: where it meets a matrix, `1ᵀ` says so.
        if shape == Shape::Column {
            let column = if form.row { form.into_column() } else { form };
            return Form::new(column.piece, shape);
        }
        if entries.iter().all(is_index) {
            let indices = entries.iter().map(|entry| self.entry(entry));
            let indexed = match form.piece.formula {
                Formula::Fraction { .. } => form.piece.base().indexed(indices),
                formula => formula.indexed(indices),
            };
            return Form::new(Piece::atom(indexed), shape);
        }
        let entries = entries.iter().map(|entry| self.entry(entry));
        let brackets = Formula::joined(Operator::Comma, entries).fenced(Fence::Brackets);
        let items = [
            form.piece.at_least(Level::Atom),
            Formula::Operator(Operator::Application),
            brackets,
        ];
        Form::new(Piece::atom(Formula::row(items)), shape)
    }

    fn entry(&self, entry: &Subscript) -> Formula {
        let part = |part: &Option<Expression>| {
            part.as_ref().map_or_else(
                || Formula::Row(Vec::new()),
                |part| self.form(part).piece.signed(),
            )
        };
        match entry {
            Subscript::At(at) => self.form(at).piece.signed(),
            Subscript::Slice { start, stop, step } => {
                let mut parts = vec![part(start), part(stop)];
                if step.is_some() {
                    parts.push(part(step));
                }
                Formula::joined(Operator::Colon, parts)
            }
            Subscript::NewAxis => Formula::text("None"),
            Subscript::Ellipsis => Formula::text("…"),
        }
    }
}

/// The number that an expression is, if it is one as written.
fn literal(expression: &Expression) -> Option<Number> {
    match &expression.kind {
        ExpressionKind::Number(text) => Number::parse(text),
        ExpressionKind::Unary(UnaryOperator::Negate, operand) => {
            literal(operand).map(Number::negate)
        }
        ExpressionKind::Binary(BinaryOperator::Divide, left, right) => {
            let quotient = literal(right)?.power(Number::MINUS_ONE)?;
            Some(literal(left)?.times(quotient))
        }
        _ => None,
    }
}

/// The name of a function without the library that it is taken from.
fn last_name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The sign of a reduction over indices, where it has one.
fn big_operator(name: &str) -> Option<BigOperator> {
    Some(match name {
        "sum" => BigOperator::Sum,
        "prod" => BigOperator::Product,
        "max" => BigOperator::Maximum,
        "min" => BigOperator::Minimum,
        "mean" => BigOperator::Mean,
        _ => return None,
    })
}

fn compared(sign: Operator, left: Form, right: Form) -> Form {
    let (left, right) = Form::matched(left, right);
    let shape = left.shape.max(right.shape);
    let condition = notation::compared(sign, left.piece, right.piece);
    Form::new(notation::indicator(condition), shape)
}
