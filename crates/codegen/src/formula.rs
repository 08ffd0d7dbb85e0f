//! Equations as readers of code see them in its documentation: in matrix notation where that says the same, else in index
//! notation. Nothing here is executed.

use std::collections::HashMap;

use backprove_calculus::{
    Dim, Equation, Index, Program, canonical, elaborate_expression, notation,
};
use backprove_syntax::format_expression;
use backprove_syntax::tree::Expression;

/// The right side of an equation for readers.
#[derive(Clone)]
pub(crate) enum Formula {
    /// In matrix notation.
    Matrix(String),
    /// In index notation, with the indices of the left side.
    Index(String, String),
}

impl Formula {
    /// The right side in matrix notation where there is one, else in index notation.
    pub(crate) fn of(equation: &Equation, matrix: Option<&Expression>) -> Self {
        match matrix {
            Some(tree) => Self::Matrix(format_expression(tree)),
            None => index_formula(equation),
        }
    }

    /// The equation of something called `name`.
    pub(crate) fn text(&self, name: &str) -> String {
        match self {
            Self::Matrix(right) => format!("{name} = {right}"),
            Self::Index(at, right) => format!("{name}{at} = {right}"),
        }
    }
}

fn index_formula(equation: &Equation) -> Formula {
    let letters = notation::Letters::of(&equation.body, &equation.indices);
    let at: Vec<&str> = equation
        .indices
        .iter()
        .map(|index| letters.get(index))
        .collect();
    let left = if at.is_empty() {
        String::new()
    } else {
        format!("[{}]", at.join(", "))
    };
    let right = notation::index_form(&equation.body, &letters);
    Formula::Index(left, format_expression(&right))
}

/// Whether a matrix form means what the equation says, shape included: only then may it be written.
pub(crate) fn reads_back(tree: &Expression, equation: &Equation, program: &Program) -> bool {
    let Ok(value) = elaborate_expression(tree, program, &[], &|_, _| None) else {
        return false;
    };
    let extents = |indices: &[Index]| -> Vec<Dim> {
        indices.iter().map(|index| index.extent().clone()).collect()
    };
    if extents(&value.indices) != extents(&equation.indices) {
        return false;
    }
    let map: HashMap<Index, Index> = value
        .indices
        .iter()
        .cloned()
        .zip(equation.indices.iter().cloned())
        .collect();
    canonical::equal(&value.body.substitute(&map), &equation.body)
}

/// A number with many zeros behind its point as `1e-5`.
pub(crate) fn short_number(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(value) if text.starts_with("0.000") => format!("{value:e}"),
        _ => text.to_owned(),
    }
}
