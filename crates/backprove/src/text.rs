//! Equations as canonical text of the language: what is printed here parses back.

use backprove_calculus::Equation;
use backprove_calculus::notation::{Letters, index_form, left_side};
use backprove_syntax::tree::{Definition, Name, Program, Statement};
use backprove_syntax::{Span, format_expression, format_program};

/// `dW = dY.T @ X`, or `dW[k, l] = …` where there is no matrix form.
pub fn equation(equation: &Equation) -> String {
    match &equation.matrix {
        Some(tree) => format!("{} = {}", equation.target.name(), format_expression(tree)),
        None => by_index(equation),
    }
}

/// The equation in index notation: `dW[k, l] = sum[i](dY[i, k] * X[i, l])`.
pub fn by_index(equation: &Equation) -> String {
    let letters = Letters::of(&equation.body, &equation.indices);
    let right = index_form(&equation.body, &letters);
    let left = Definition {
        name: Name::made(equation.target.name()),
        indices: (!equation.indices.is_empty()).then(|| left_side(equation, &letters)),
        value: right,
        span: Span::default(),
    };
    let program = Program {
        statements: vec![Statement::Definition(left)],
    };
    format_program(&program).trim_end().to_owned()
}
