//! Equations as canonical text of the language: what is printed here parses back.

use backprove_calculus::Equation;
use backprove_calculus::notation::{Letters, index_form};
use backprove_syntax::format_expression;
use backprove_syntax::tree::{Expression, ExpressionKind, Subscript};

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
    let index = |index| Subscript::At(Expression::name(letters.get(index)));
    let name = Expression::name(equation.target.name());
    let left = if equation.indices.is_empty() {
        name
    } else {
        let items = equation.indices.iter().map(index).collect();
        Expression::made(ExpressionKind::Subscript(Box::new(name), items))
    };
    let right = index_form(&equation.body, &letters);
    format!(
        "{} = {}",
        format_expression(&left),
        format_expression(&right)
    )
}
