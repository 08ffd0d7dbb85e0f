//! The laws of functions of matrices: their differentials, read from the table, and what an inverse cancels. No
//! derivative is written here.

use std::collections::HashMap;

use super::{Level, Rule};
use crate::canonical;
use crate::elaborate::elaborate_expression;
use crate::expr::{Expr, Fact, Node, Operand, Tensor};
use crate::functions::{MatrixFunction, MatrixValue, parsed};
use crate::index::Index;
use crate::program::Program;

/// The differentials in the order in which they are tried: products are taken apart first.
pub static DIFFERENTIALS: &[Rule] = &[
    Rule {
        name: "determinant-of-product",
        title: "the determinant of a product of square matrices",
        statement: "det(A @ B) = det(A) * det(B), logdet(A @ B) = logdet(A) + logdet(B)",
        level: Level::Working,
        apply: |expr, _| derivative_of_factors(expr),
    },
    Rule {
        name: "differential-of-inverse",
        title: "differential of the inverse",
        statement: "d inv(A) = -inv(A) @ dA @ inv(A)",
        level: Level::Headline,
        apply: |expr, _| differential(expr, MatrixValue::Inverse),
    },
    Rule {
        name: "differential-of-determinant",
        title: "differential of the determinant",
        statement: "d det(A) = det(A) * trace(inv(A) @ dA)",
        level: Level::Headline,
        apply: |expr, _| differential(expr, MatrixValue::Determinant),
    },
    Rule {
        name: "differential-of-log-determinant",
        title: "differential of the log-determinant",
        statement: "d logdet(A) = trace(inv(A) @ dA)",
        level: Level::Headline,
        apply: |expr, _| differential(expr, MatrixValue::LogDeterminant),
    },
    Rule {
        name: "differential-of-sign-of-determinant",
        title: "the sign of the determinant is constant near by",
        statement: "d signdet(A) = 0",
        level: Level::Working,
        apply: |expr, _| differential(expr, MatrixValue::SignDeterminant),
    },
    Rule {
        name: "differential-of-cholesky",
        title: "differential of the Cholesky factor",
        statement: "d L = L @ half_lower(inv(L) @ dA @ inv(L).T), where L = cholesky(A) and dA is symmetrised",
        level: Level::Headline,
        apply: |expr, _| differential(expr, MatrixValue::Cholesky),
    },
    Rule {
        name: "differential-of-triangle",
        title: "differential of a triangle",
        statement: "d tril(A) = tril(dA)",
        level: Level::Working,
        apply: |expr, _| {
            differential(expr, MatrixValue::LowerPart)
                .or_else(|| differential(expr, MatrixValue::HalfLowerPart))
        },
    },
];

/// What makes results simpler.
pub static IDENTITIES: &[Rule] = &[
    Rule {
        name: "inverse-of-inverse",
        title: "the inverse of the inverse",
        statement: "inv(inv(A)) = A",
        level: Level::Working,
        apply: |expr, _| inverse_of_inverse(expr),
    },
    Rule {
        name: "determinant-of-inverse",
        title: "the determinant of the inverse",
        statement: "det(inv(A)) = 1 / det(A), logdet(inv(A)) = -logdet(A)",
        level: Level::Working,
        apply: |expr, _| determinant_of_inverse(expr),
    },
    Rule {
        name: "inverse-of-diagonal",
        title: "the inverse of a diagonal matrix",
        statement: "inv(diag(v)) = diag(1 / v)",
        level: Level::Working,
        apply: |expr, _| inverse_of_diagonal(expr),
    },
    Rule {
        name: "inverse-of-orthogonal",
        title: "the inverse of an orthogonal matrix",
        statement: "inv(Q) = Q.T, where Q is orthogonal",
        level: Level::Working,
        apply: |expr, _| inverse_of_orthogonal(expr),
    },
    Rule {
        name: "orthogonal-cancels",
        title: "an orthogonal matrix and its transpose cancel",
        statement: "sum[p](Q[p, i] * Q[p, j]) = delta(i, j), where Q is orthogonal",
        level: Level::Working,
        apply: |expr, _| cancel_orthogonal(expr),
    },
    Rule {
        name: "inverse-cancels",
        title: "a matrix and its inverse cancel",
        statement: "sum[p](inv(A)[i, p] * A[p, j]) = delta(i, j)",
        level: Level::Working,
        apply: |expr, _| cancel(expr),
    },
];

/// The parts of a function of a matrix, where it computes `value`.
fn parts(expr: &Expr, value: MatrixValue) -> Option<(&'static MatrixFunction, &Operand, &[Index])> {
    match expr.node() {
        Node::Matrix(function, operand, at) if function.value == value => {
            Some((*function, operand, at))
        }
        _ => None,
    }
}

/// The derivative of a function of a matrix: the differential of the table with the matrix, its derivative and the
/// result put in.
fn differential(expr: &Expr, value: MatrixValue) -> Option<Expr> {
    let Node::Derivative(body, tensor, indices) = expr.node() else {
        return None;
    };
    let (function, operand, at) = parts(body, value)?;
    let square = |name: &str| Tensor::new(name, vec![operand.extent().clone(); 2]);
    let result = if function.rank == 0 {
        Tensor::new("y", Vec::new())
    } else {
        square("y")
    };
    let program = Program {
        inputs: vec![square("A"), square("dA"), result],
        ..Program::default()
    };
    let tree = parsed(function.differential)?;
    let found = elaborate_expression(&tree, &program, &[], &|_, _| None).ok()?;
    let own = found.indices.iter().cloned();
    let map: HashMap<Index, Index> = own.zip(at.iter().cloned()).collect();
    Some(put_in(&found.body.substitute(&map), &|name, at| {
        Some(match (name, at) {
            ("A", [i, j]) => operand.at(i, j),
            ("dA", [i, j]) => operand.at(i, j).derivative(tensor, indices),
            ("y", at) => Expr::matrix(function, operand.freshen(), at),
            _ => return None,
        })
    }))
}

/// Replaces the elements of the tensors that `value` knows.
fn put_in(expr: &Expr, value: &dyn Fn(&str, &[Index]) -> Option<Expr>) -> Expr {
    if let Node::Access(tensor, at) = expr.node()
        && let Some(value) = value(tensor.name(), at)
    {
        return value;
    }
    // Every part is built anew: a matrix of the user's that is called like the table's is equal to it, but for its facts.
    let parts = expr.children().map(|child| put_in(child, value));
    expr.with_children(parts.collect())
}

/// `d det(A @ B)` as `d (det(A) * det(B))`, and likewise for the logarithm, where all factors are square.
fn derivative_of_factors(expr: &Expr) -> Option<Expr> {
    let Node::Derivative(body, tensor, indices) = expr.node() else {
        return None;
    };
    let Node::Matrix(function, operand, _) = body.node() else {
        return None;
    };
    let combine: fn(Vec<Expr>) -> Expr = match function.value {
        MatrixValue::Determinant => |parts| Expr::product(parts),
        MatrixValue::LogDeterminant => |parts| Expr::addition(parts),
        _ => return None,
    };
    let factors = square_factors(operand)?;
    let parts = factors
        .into_iter()
        .map(|factor| Expr::matrix(function, factor, &[]));
    let combined = combine(parts.collect());
    let combined = super::algebra::collect_powers(&combined);
    let combined = super::algebra::collect_terms(&combined).unwrap_or(combined);
    Some(combined.derivative(tensor, indices))
}

/// The factors of a product of two or more square matrices, from the row to the column.
fn square_factors(operand: &Operand) -> Option<Vec<Operand>> {
    let Node::Sum(bound, body) = operand.body.node() else {
        return None;
    };
    let mut rest = body.factors();
    if bound.len() + 1 != rest.len() {
        return None;
    }
    let mut found = Vec::new();
    let mut from = operand.rows.clone();
    let mut open = bound.clone();
    while !rest.is_empty() {
        let position = rest.iter().position(|factor| factor.depends_on(&from))?;
        let factor = rest.remove(position);
        // The factor that reaches the column comes last.
        let to = if rest.is_empty() {
            operand.columns.clone()
        } else {
            let position = open.iter().position(|index| factor.depends_on(index))?;
            open.remove(position)
        };
        let free = factor.free_indices();
        let square = free.len() == 2
            && free.contains(&from)
            && free.contains(&to)
            && to.extent() == operand.extent();
        if !square {
            return None;
        }
        found.push(
            Operand {
                rows: from,
                columns: to.clone(),
                body: factor,
            }
            .freshen(),
        );
        from = to;
    }
    Some(found)
}

fn inverse_of_inverse(expr: &Expr) -> Option<Expr> {
    let (_, outer, at) = parts(expr, MatrixValue::Inverse)?;
    let (_, inner, own) = parts(&outer.body, MatrixValue::Inverse)?;
    let [i, j] = at else {
        return None;
    };
    match own {
        [rows, columns] if *rows == outer.rows && *columns == outer.columns => Some(inner.at(i, j)),
        [columns, rows] if *rows == outer.rows && *columns == outer.columns => Some(inner.at(j, i)),
        _ => None,
    }
}

fn determinant_of_inverse(expr: &Expr) -> Option<Expr> {
    let Node::Matrix(function, outer, _) = expr.node() else {
        return None;
    };
    let (_, inner, own) = parts(&outer.body, MatrixValue::Inverse)?;
    if !own.contains(&outer.rows) || !own.contains(&outer.columns) {
        return None;
    }
    let determinant = Expr::matrix(function, inner.freshen(), &[]);
    match function.value {
        MatrixValue::Determinant => Some(determinant.reciprocal()),
        MatrixValue::LogDeterminant => Some(determinant.negate()),
        MatrixValue::SignDeterminant => Some(determinant),
        _ => None,
    }
}

fn inverse_of_diagonal(expr: &Expr) -> Option<Expr> {
    let Some((_, operand, [i, j])) = parts(expr, MatrixValue::Inverse) else {
        return None;
    };
    let mut factors = operand.body.factors();
    let on_diagonal = |factor: &Expr| match factor.node() {
        Node::Delta(left, right) => {
            let pair = [left, right];
            pair.contains(&&operand.rows) && pair.contains(&&operand.columns)
        }
        _ => false,
    };
    let position = factors.iter().position(on_diagonal)?;
    factors.remove(position);
    // On the diagonal both indices are the row of the result.
    let map = HashMap::from([
        (operand.rows.clone(), i.clone()),
        (operand.columns.clone(), i.clone()),
    ]);
    let element = Expr::product(factors).freshen().substitute(&map);
    Some(Expr::product([Expr::delta(i, j), element.reciprocal()]))
}

fn inverse_of_orthogonal(expr: &Expr) -> Option<Expr> {
    let Some((_, operand, [i, j])) = parts(expr, MatrixValue::Inverse) else {
        return None;
    };
    match operand.body.node() {
        Node::Access(tensor, _) if tensor.facts().contains(&Fact::Orthogonal) => {
            Some(operand.at(j, i))
        }
        _ => None,
    }
}

fn cancel_orthogonal(expr: &Expr) -> Option<Expr> {
    let Node::Sum(bound, body) = expr.node() else {
        return None;
    };
    let factors = body.factors();
    let orthogonal = |factor: &Expr| match factor.node() {
        Node::Access(tensor, at) if tensor.facts().contains(&Fact::Orthogonal) => {
            <[Index; 2]>::try_from(at.clone())
                .ok()
                .map(|at| (tensor.clone(), at))
        }
        _ => None,
    };
    for (first, left) in factors.iter().enumerate() {
        let Some((tensor, a)) = orthogonal(left) else {
            continue;
        };
        for (second, right) in factors.iter().enumerate().skip(first + 1) {
            let Some((_, b)) = orthogonal(right).filter(|(other, _)| *other == tensor) else {
                continue;
            };
            for axis in 0..2 {
                let (shared, i, j) = (&a[axis], &a[1 - axis], &b[1 - axis]);
                let others = || {
                    let others = factors.iter().enumerate();
                    others.filter(|(at, _)| *at != first && *at != second)
                };
                let contracted = *shared == b[axis]
                    && bound.contains(shared)
                    && i != shared
                    && j != shared
                    && !others().any(|(_, factor)| factor.depends_on(shared));
                if contracted {
                    let rest: Vec<Index> = bound
                        .iter()
                        .filter(|index| *index != shared)
                        .cloned()
                        .collect();
                    let others = others().map(|(_, factor)| factor.clone());
                    let product = Expr::product(std::iter::once(Expr::delta(i, j)).chain(others));
                    return Some(Expr::sum(&rest, product));
                }
            }
        }
    }
    None
}

/// Finds an inverse under a sum and beside it the matrix itself, contracted with it.
fn cancel(expr: &Expr) -> Option<Expr> {
    let Node::Sum(bound, body) = expr.node() else {
        return None;
    };
    let factors = body.factors();
    for (position, factor) in factors.iter().enumerate() {
        let Some((_, operand, [row, column])) = parts(factor, MatrixValue::Inverse) else {
            continue;
        };
        let mut others = factors.clone();
        others.remove(position);
        let others = Expr::product(others);
        // The inverse stands on the left of the matrix, or on its right.
        let left = bound
            .contains(column)
            .then(|| beside(operand, column, None, bound, &others));
        let right = bound
            .contains(row)
            .then(|| beside(operand, row, Some(row), bound, &others));
        let found = left.flatten().map(|found| (found, column, row));
        let found = found.or_else(|| right.flatten().map(|found| (found, row, column)));
        let Some(((far, used, rest), contracted, near)) = found else {
            continue;
        };
        let remaining: Vec<Index> = bound
            .iter()
            .filter(|index| *index != contracted && !used.contains(index))
            .cloned()
            .collect();
        // A free index stays, a bound one is contracted away.
        let delta = Expr::delta(near, &far);
        let factors = std::iter::once(delta).chain(rest);
        return Some(Expr::sum(&remaining, Expr::product(factors)));
    }
    None
}

/// The matrix of `operand` among the factors of `others`, with its row (or its column, where `right` is given) at
/// `contracted`: its other index, the bound indices that it used up, and the factors left over.
fn beside(
    operand: &Operand,
    contracted: &Index,
    right: Option<&Index>,
    bound: &[Index],
    others: &Expr,
) -> Option<(Index, Vec<Index>, Vec<Expr>)> {
    let free = operand.rows.fresh();
    let matrix = if right.is_some() {
        operand.at(&free, contracted)
    } else {
        operand.at(contracted, &free)
    };
    let (inner, product) = match matrix.node() {
        Node::Sum(inner, product) => (inner.clone(), product.clone()),
        _ => (Vec::new(), matrix.clone()),
    };
    let variables: Vec<Index> = inner.iter().cloned().chain([free.clone()]).collect();
    let (map, rest) = canonical::matches_factors(&product, others, &variables)?;
    let used: Vec<Index> = inner
        .iter()
        .map(|index| map.get(index).cloned())
        .collect::<Option<_>>()?;
    let far = map.get(&free)?.clone();
    let vanishing = || used.iter().chain([contracted]);
    let distinct = used
        .iter()
        .enumerate()
        .all(|(place, index)| bound.contains(index) && !used[..place].contains(index));
    let closed = distinct
        && !vanishing().any(|index| *index == far)
        && !rest
            .iter()
            .any(|factor| vanishing().any(|index| factor.depends_on(index)));
    closed.then_some((far, used, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_of_a_matrix_has_its_differential() {
        for function in crate::functions::matrices() {
            let matrix = Tensor::new("X", vec![crate::Dim::symbol("N"); 2]);
            let indices = matrix.indices(&["i", "j"]);
            let operand = Operand {
                rows: indices[0].clone(),
                columns: indices[1].clone(),
                body: Expr::access(&matrix, &indices),
            };
            let at: Vec<Index> = indices[..function.rank].iter().map(Index::fresh).collect();
            let by = matrix.indices(&["k", "l"]);
            let derivative = Expr::matrix(function, operand, &at).derivative(&matrix, &by);
            let applied = DIFFERENTIALS
                .iter()
                .find_map(|rule| (rule.apply)(&derivative, &super::super::Scope::default()));
            assert!(applied.is_some(), "{function:?}");
        }
    }
}
