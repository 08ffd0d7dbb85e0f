//! Which rule is applied where, and in which order. The rules themselves know nothing of it.

use std::sync::LazyLock;

use backprove_syntax::Diagnostic;

use super::{Chain, Step};
use crate::expr::{Expr, FunctionName, Node};
use crate::rules::{self, Rule, Scope};

/// Steps after which a chain is given up.
const MOST_STEPS: usize = 600;

impl Chain {
    pub(super) fn new(start: Expr, scope: Scope) -> Self {
        Self {
            start,
            steps: Vec::new(),
            scope,
        }
    }

    /// Applies the first of `rules` that fits anywhere, outermost part first.
    fn apply_any(&mut self, rules: &[&'static Rule]) -> bool {
        rules.iter().any(|rule| self.apply(rule))
    }

    /// Applies `rule` to the first part that it fits, outermost first.
    pub(super) fn apply(&mut self, rule: &'static Rule) -> bool {
        let before = self.result().clone();
        let Some((mut site, new)) = find(&before, rule, &self.scope) else {
            return false;
        };
        site.reverse();
        let after = before.replace_at(&site, new);
        self.steps.push(Step {
            before,
            after,
            site,
            rule,
        });
        true
    }
}

/// The first part, outermost first, that `rule` changes: the way to it, from its end, and what it becomes. Nearly every search finds
/// nothing, and then keeps nothing.
fn find(expr: &Expr, rule: &Rule, scope: &Scope) -> Option<(Vec<usize>, Expr)> {
    if let Some(new) = (rule.apply)(expr, scope) {
        return Some((Vec::new(), new));
    }
    let mut children = expr.children().enumerate();
    children.find_map(|(position, child)| {
        let (mut path, new) = find(child, rule, scope)?;
        path.push(position);
        Some((path, new))
    })
}

/// Works out every derivative in the chain.
pub(super) fn differentiate(chain: &mut Chain) -> Result<(), Diagnostic> {
    let laws = rules::derivative::RULES.iter();
    let rules: Vec<&'static Rule> = laws.chain(rules::linalg::DIFFERENTIALS).collect();
    while let Some((path, node)) = first_derivative(chain.result(), &mut Vec::new()) {
        let applied = rules
            .iter()
            .find_map(|rule| (rule.apply)(&node, &chain.scope).map(|new| (*rule, new)));
        let Some((rule, new)) = applied else {
            return Err(refusal(&node));
        };
        let before = chain.result().clone();
        let after = before.replace_at(&path, new);
        chain.steps.push(Step {
            before,
            after,
            site: path,
            rule,
        });
        // The derivative of a known function is written at once, as a person does.
        if rule.name == "chain-rule-scalar" {
            while chain.apply(&rules::function::FUNCTION_DERIVATIVE) {}
        }
        within_budget(chain)?;
    }
    Ok(())
}

fn first_derivative(expr: &Expr, path: &mut Vec<usize>) -> Option<(Vec<usize>, Expr)> {
    if matches!(expr.node(), Node::Derivative(..)) {
        return Some((path.clone(), expr.clone()));
    }
    for (position, child) in expr.children().enumerate() {
        path.push(position);
        if let Some(found) = first_derivative(child, path) {
            return Some(found);
        }
        path.pop();
    }
    None
}

/// Why a derivative could not be worked out.
fn refusal(node: &Expr) -> Diagnostic {
    let Node::Derivative(body, tensor, _) = node.node() else {
        return Diagnostic::error("no-rule", "no rule applies");
    };
    let what = match body.node() {
        Node::Reduce(reduction, ..) => format!(
            "the {} over an axis",
            format!("{reduction:?}").to_lowercase()
        ),
        Node::Call(callee, _) => match &callee.function {
            FunctionName::Known(function) => format!("the function `{}`", function.name),
            FunctionName::Abstract(name) => format!("the function `{name}`"),
        },
        Node::Matrix(function, ..) => function.title.to_owned(),
        _ => "this expression".to_owned(),
    };
    Diagnostic::error(
        "no-rule",
        format!(
            "there is no rule for the derivative of {what} by `{}`",
            tensor.name()
        ),
    )
}

fn within_budget(chain: &Chain) -> Result<(), Diagnostic> {
    if chain.steps.len() < MOST_STEPS {
        return Ok(());
    }
    Err(Diagnostic::error(
        "too-long",
        format!("the derivation did not end within {MOST_STEPS} steps"),
    )
    .help("give names to parts of the expression: each definition is differentiated by itself"))
}

/// What brings deltas and sums to an end, in the order in which it is tried.
static CONTRACTING: LazyLock<Vec<&'static Rule>> = LazyLock::new(|| {
    named(&[
        "delta-contraction",
        "solve-position",
        "distribute",
        "split-sum",
        "sum-of-constant",
    ])
});

/// What makes shorter and gives names, in the order in which it is tried.
static TIDYING: LazyLock<Vec<&'static Rule>> = LazyLock::new(|| {
    named(&[
        "power-of-power",
        "inverse-of-inverse",
        "determinant-of-inverse",
        "inverse-of-diagonal",
        "inverse-of-orthogonal",
        "inverse-cancels",
        "orthogonal-cancels",
        "fold",
        "absolute-value",
        "common-denominator",
        "named-result",
        "collect-powers",
        "cancel",
        "collect-terms",
        "unit-sum",
        "factor-out-of-sum",
        "merge-sums",
        "factor",
        "cases",
    ])
});

fn named(names: &[&str]) -> Vec<&'static Rule> {
    names
        .iter()
        .filter_map(|name| rules::all().find(|rule| rule.name == *name))
        .collect()
}

/// Contracts, collects and names until nothing changes.
pub(super) fn simplify(chain: &mut Chain) -> Result<(), Diagnostic> {
    while chain.apply_any(&CONTRACTING) || chain.apply_any(&TIDYING) {
        within_budget(chain)?;
    }
    Ok(())
}
