//! How many scalar operations a program takes: the yardstick by which a derived result is compared with a
//! textbook's. It models an evaluator that computes nothing twice, contracts in the cheapest order and knows that
//! deltas are structure; it must never be used to decide whether something is right.

mod contraction;

use std::collections::HashMap;

use crate::canonical;
use crate::expr::{Callee, Expr, FunctionName, Node};
use crate::functions::{self, MatrixValue};
use crate::index::Index;
use crate::number::Number;
use crate::program::{Equation, Program};
use crate::reference::Sizes;

/// What a transcendental function counts, as arithmetic operations.
const TRANSCENDENTAL: u64 = 10;

/// The functions that compare or choose and count as one operation.
const CHEAP: &[&str] = &[
    "abs",
    "sign",
    "relu",
    "where",
    "maximum",
    "minimum",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "equal",
    "not_equal",
];

/// The scalar operations that it takes to compute the tensors called `results`, with all that they need.
///
/// Equal parts count once, whatever their bound indices are called; the order of each contraction is the cheapest;
/// a transcendental function counts as ten operations; copying, transposing, picking and identity matrices are free.
/// `None` where a size has no value.
///
/// ```
/// use backprove_calculus::{elaborate_text, operations::operation_count, reference::Sizes};
/// let sizes = Sizes::new([("S", 10), ("M", 20), ("N", 30)]);
/// let count = |text: &str| {
///     let program = elaborate_text(&format!("X[S, M]; W[M, N]\n{text}")).program;
///     operation_count(&program, &["Y"], &sizes)
/// };
/// // M products and M - 1 sums for each of the S N elements.
/// assert_eq!(count("Y = X @ W"), Some(10 * 30 * (20 + 19)));
/// // The second product is the first one.
/// assert_eq!(count("Z = X @ W; Y = Z + X @ W"), Some(10 * 30 * (20 + 19) + 10 * 30));
/// ```
pub fn operation_count(program: &Program, results: &[&str], sizes: &Sizes) -> Option<u64> {
    let mut needed: Vec<&str> = results.to_vec();
    for equation in program.equations.iter().rev() {
        if needed.contains(&equation.target.name()) {
            equation.body.visit(&mut |part| {
                if let Node::Access(tensor, _) = part.node()
                    && let Some(used) = program.equation(tensor.name())
                    && !needed.contains(&used.target.name())
                {
                    needed.push(used.target.name());
                }
            });
        }
    }
    let mut counter = Counter {
        sizes,
        known: HashMap::new(),
        total: 0,
    };
    // A matrix of labels or an identity stays what it is when it has a name.
    let (structure, computed): (Vec<&Equation>, Vec<&Equation>) = program
        .equations
        .iter()
        .filter(|equation| needed.contains(&equation.target.name()))
        .partition(|equation| {
            matches!(equation.body.node(), Node::Indicator(..) | Node::Delta(..))
        });
    for equation in computed {
        counter.compute(&written_out(&inlined(&equation.body, &structure)))?;
    }
    Some(counter.total)
}

fn inlined(expr: &Expr, definitions: &[&Equation]) -> Expr {
    if let Node::Access(tensor, indices) = expr.node() {
        let found = definitions
            .iter()
            .find(|definition| definition.target == *tensor);
        return found.map_or_else(|| expr.clone(), |definition| definition.at(indices));
    }
    expr.map_children(|child| inlined(child, definitions))
}

struct Counter<'a> {
    sizes: &'a Sizes,
    /// What has been computed, by signature.
    known: HashMap<u64, Vec<Expr>>,
    total: u64,
}

impl Counter<'_> {
    fn extent(&self, index: &Index) -> Option<u64> {
        self.sizes.get(index.extent()).map(|extent| extent as u64)
    }

    fn elements(&self, indices: &[Index]) -> Option<u64> {
        indices.iter().try_fold(1_u64, |total, index| {
            Some(total.saturating_mul(self.extent(index)?))
        })
    }

    fn spend(&mut self, operations: u64) {
        self.total = self.total.saturating_add(operations);
    }

    /// Whether `expr` is at hand: an input, a constant, or computed before under other indices.
    fn is_known(&self, expr: &Expr) -> bool {
        match expr.node() {
            Node::Number(_)
            | Node::Extent(_)
            | Node::Position(_)
            | Node::Access(..)
            | Node::Delta(..) => true,
            _ => self.known.get(&expr.signature()).is_some_and(|computed| {
                let same =
                    |known: &Expr| canonical::matches(known, expr, &known.free_indices()).is_some();
                computed.iter().any(same)
            }),
        }
    }

    fn note(&mut self, expr: &Expr) {
        let computed = self.known.entry(expr.signature()).or_default();
        computed.push(expr.clone());
    }

    /// Counts what `expr` takes for all values of its free indices, if it is not at hand.
    fn compute(&mut self, expr: &Expr) -> Option<()> {
        if self.is_known(expr) {
            return Some(());
        }
        match expr.node() {
            Node::Add(terms) => self.add(terms)?,
            Node::Sum(..) | Node::Product(_) => self.contract(expr)?,
            Node::Power(base, exponent) => self.power(expr, base, exponent)?,
            Node::Reduce(_, _, body) => {
                self.compute(body)?;
                self.spend(self.elements(&body.free_indices())?);
            }
            // One element is picked or set.
            Node::Indicator(_, value) => self.compute(value)?,
            Node::Call(callee, arguments) => {
                for argument in arguments {
                    self.compute(argument)?;
                }
                let price = price(callee);
                self.spend(price.saturating_mul(self.elements(&expr.free_indices())?));
            }
            Node::Matrix(function, operand, _) => {
                self.compute(&operand.body)?;
                let free = operand.body.free_indices();
                let batch: Vec<Index> = free
                    .into_iter()
                    .filter(|index| *index != operand.rows && *index != operand.columns)
                    .collect();
                let cube = self.extent(&operand.rows)?.saturating_pow(3);
                // The usual counts of factorisations: an inverse is two cubes, a determinant two thirds of one.
                let thirds = match function.value {
                    MatrixValue::Inverse => 6,
                    MatrixValue::Determinant
                    | MatrixValue::LogDeterminant
                    | MatrixValue::SignDeterminant => 2,
                    MatrixValue::Cholesky => 1,
                    MatrixValue::LowerPart | MatrixValue::HalfLowerPart => 0,
                };
                self.spend(self.elements(&batch)?.saturating_mul(cube * thirds / 3));
            }
            _ => {
                for child in expr.children() {
                    self.compute(child)?;
                }
                let elements = self.elements(&expr.free_indices())?;
                self.spend(TRANSCENDENTAL.saturating_mul(elements));
            }
        }
        self.note(expr);
        Some(())
    }

    /// An addition begins with the smallest terms; a subtraction costs what an addition costs; a term that lives on a
    /// diagonal or at labels is added there only.
    fn add(&mut self, terms: &[Expr]) -> Option<()> {
        let mut parts = Vec::new();
        let mut negative = 0;
        for term in terms {
            let (coefficient, rest) = term.split_coefficient();
            let part = if coefficient == Number::MINUS_ONE {
                negative += 1;
                rest
            } else {
                term.clone()
            };
            self.compute(&part)?;
            let free = part.free_indices();
            let support: Vec<Index> = free
                .iter()
                .filter(|index| !is_determined(&part, index))
                .cloned()
                .collect();
            let is_sparse = support.len() < free.len();
            parts.push((self.elements(&support)?, is_sparse, free));
        }
        // Sparse terms come last, where the rest is dense.
        parts.sort_by_key(|(support, is_sparse, _)| (*is_sparse, *support));
        let mut covered: Vec<Index> = Vec::new();
        for (position, (support, is_sparse, free)) in parts.iter().enumerate() {
            covered.extend(free.iter().cloned());
            covered.sort_by_key(|index| free.contains(index));
            let mut distinct: Vec<Index> = Vec::new();
            for index in covered {
                if !distinct.contains(&index) {
                    distinct.push(index);
                }
            }
            covered = distinct;
            if position > 0 {
                self.spend(if *is_sparse {
                    *support
                } else {
                    self.elements(&covered)?
                });
            }
        }
        if negative == terms.len() {
            self.spend(self.elements(&covered)?);
        }
        Some(())
    }

    fn power(&mut self, expr: &Expr, base: &Expr, exponent: &Expr) -> Option<()> {
        self.compute(base)?;
        let elements = self.elements(&expr.free_indices())?;
        let Node::Number(value) = exponent.node() else {
            self.compute(exponent)?;
            self.spend(TRANSCENDENTAL.saturating_mul(elements));
            return Some(());
        };
        if value.is_negative() {
            let inverse = base.power(Expr::number(value.negate()));
            self.compute(&inverse)?;
            self.spend(elements);
            return Some(());
        }
        if let Some(whole) = value.as_integer() {
            // By repeated squaring.
            let squarings = u64::from(whole.unsigned_abs().max(1).ilog2());
            let further = u64::from(whole.unsigned_abs().count_ones().saturating_sub(1));
            self.spend(elements.saturating_mul(squarings + further));
            return Some(());
        }
        let half = Number::ratio(1, 2);
        let whole = value.plus(half.negate());
        match whole.as_integer() {
            Some(0) => self.spend(elements),
            Some(_) => {
                self.compute(&base.power(Expr::number(half)))?;
                self.compute(&base.power(Expr::number(whole)))?;
                self.spend(elements);
            }
            None => self.spend(TRANSCENDENTAL.saturating_mul(elements)),
        }
        Some(())
    }
}

/// Whether the value of `index` follows from the others wherever the product `expr` is not zero.
fn is_determined(expr: &Expr, index: &Index) -> bool {
    let factors = expr.factors();
    factors.iter().any(|factor| match factor.node() {
        Node::Delta(_, right) => right == index,
        Node::Indicator(own, _) => own == index,
        _ => false,
    })
}

fn price(callee: &Callee) -> u64 {
    match callee.function {
        FunctionName::Known(function) if CHEAP.contains(&function.name) => 1,
        _ => TRANSCENDENTAL,
    }
}

/// The expression in primitives: a sigmoid and its definition count the same.
fn written_out(expr: &Expr) -> Expr {
    let expr = expr.map_children(written_out);
    let Node::Call(callee, arguments) = expr.node() else {
        return expr;
    };
    let FunctionName::Known(function) = callee.function else {
        return expr;
    };
    if let Some(definition) = functions::expand(function, arguments) {
        return written_out(&definition);
    }
    let [argument] = &arguments[..] else {
        return expr;
    };
    let one_plus = |expr: Expr| Expr::addition([Expr::one(), expr]);
    let exponential = |expr: Expr| Expr::apply("exp", vec![expr]);
    match function.name {
        "sigmoid" => one_plus(exponential(argument.negate())).reciprocal(),
        "softplus" => Expr::apply("log", vec![one_plus(exponential(argument.clone()))]),
        "log1p" => Expr::apply("log", vec![one_plus(argument.clone())]),
        "expm1" => Expr::addition([exponential(argument.clone()), Expr::integer(-1)]),
        _ => expr,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elaborate_text;

    fn count(text: &str) -> u64 {
        let sizes = Sizes::new([("S", 10), ("M", 20), ("N", 30)]);
        let program = elaborate_text(&format!(
            "X[S, M]; W[N, M]; A[M, M]; x[M]; y[M]; c[]\n{text}"
        ))
        .program;
        operation_count(&program, &["Y"], &sizes).expect("all sizes have values")
    }

    #[test]
    fn a_chain_is_contracted_from_its_cheap_end() {
        assert_eq!(count("Y = A @ A @ x"), count("Y = A @ (A @ x)"));
        assert_eq!(count("Y = A @ A @ x"), 2 * 20 * 39);
    }

    #[test]
    fn equal_parts_count_once() {
        assert_eq!(count("Y = exp(x) * exp(x).sum()"), 20 * 10 + 19 + 20);
        assert_eq!(
            count("Y = tanh(X @ A).T @ (X @ A)"),
            count("Z = X @ A; Y = tanh(Z).T @ Z")
        );
        assert_eq!(count("P = exp(X); Y = exp(X)"), count("Y = exp(X)"));
    }

    #[test]
    fn structure_is_free() {
        assert_eq!(count("Y = diag(x)"), 0);
        assert_eq!(count("Y = X.T"), 0);
        assert_eq!(count("Y = A - eye(M)"), 20);
    }

    #[test]
    fn quotients_differences_and_scales_are_one_operation_each() {
        assert_eq!(count("Y = x / y"), 20);
        assert_eq!(count("Y = x - y"), 20);
        assert_eq!(count("Y = 1 / (x * y)"), 40);
        assert_eq!(count("Y = 2 * (x @ y) * c"), 20 + 19 + 2);
        // The number goes to the vector, not to the matrix.
        assert_eq!(count("Y = 2 * outer(x, y)"), 20 + 400);
    }

    #[test]
    fn a_function_costs_what_its_definition_costs() {
        assert_eq!(count("Y = sigmoid(x)"), count("Y = 1 / (1 + exp(-x))"));
        assert_eq!(count("Y = sqrt(x)"), 20);
        assert_eq!(count("Y = relu(x)"), 20);
        assert_eq!(count("Y = tanh(x)"), 200);
    }

    #[test]
    fn an_inverse_counts_once() {
        assert_eq!(count("Y = inv(A)"), 2 * 8000);
        assert_eq!(count("Y = inv(A) @ inv(A) @ x"), 2 * 8000 + 2 * 20 * 39);
        assert_eq!(count("Y = det(A)"), 2 * 8000 / 3);
    }
}
