//! Matrix notation: what is written in NumPy's notation, and how it is set on paper. Every formula
//! here is also set in two dimensions, to see that nothing is lost there.

use backprove_calculus::{Dim, Tensor};
use backprove_syntax::parse_expression;
use backprove_typeset::compose::{Scope, matrix};
use backprove_typeset::{latex, unicode};

fn scope() -> Scope {
    let dim = Dim::symbol;
    let tensor =
        |name: &str, dims: &[&str]| Tensor::new(name, dims.iter().map(|size| dim(size)).collect());
    let tensors = [
        tensor("X", &["S", "M"]),
        tensor("W", &["N", "M"]),
        tensor("W1", &["N", "M"]),
        tensor("A", &["N", "N"]),
        tensor("B", &["N", "N"]),
        tensor("Y", &["S", "N"]),
        tensor("P", &["S", "C"]),
        tensor("T", &["S", "C"]),
        tensor("Z", &["S", "C"]),
        tensor("b", &["N"]),
        tensor("x", &["N"]),
        tensor("y", &["N"]),
        tensor("c", &[]),
        tensor("lam", &[]),
    ];
    let cotangents = [("dY", "Y"), ("dP", "P"), ("dZ", "Z"), ("dx", "x")].map(|(name, of)| {
        let of = tensors.iter().find(|tensor| tensor.name() == of);
        Tensor::cotangent_of(name, "L", of.expect("a tensor above"))
    });
    Scope::new(tensors.iter().chain(&cotangents))
}

/// Each line: the source, and the text on paper.
fn check(cases: &[(&str, &str)]) {
    let scope = scope();
    let mut wrong = Vec::new();
    for (source, expected) in cases {
        let (parsed, diagnostics) = parse_expression(source);
        let parsed = parsed.unwrap_or_else(|| panic!("{source}: {diagnostics:?}"));
        let printed = unicode::formula(&matrix::expression(&parsed, &scope));
        if printed != *expected {
            wrong.push(format!(
                "{source}\n  expected {expected}\n  printed  {printed}"
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn gradients_of_a_layer() {
    check(&[
        ("X @ W.T + b", "X Wᵀ + b"),
        ("dY.T @ X", "(∂L/∂Y)ᵀ X"),
        ("dY @ W", "(∂L/∂Y) W"),
        ("sum(dY, axis=0)", "1ᵀ ∂L/∂Y"),
        ("dY.sum(axis=0)", "1ᵀ ∂L/∂Y"),
        ("np.sum(dY, axis=-2)", "1ᵀ ∂L/∂Y"),
        ("sum(dY, axis=1)", "(∂L/∂Y) 1"),
        ("sum(dY)", "1ᵀ (∂L/∂Y) 1"),
        ("dY * h'(X)", "∂L/∂Y ∘ h′(X)"),
        ("(dZ @ W1) * (X > 0)", "((∂L/∂Z) W₁) ∘ 𝟙[X > 0]"),
        ("(dZ @ W1).T @ X", "((∂L/∂Z) W₁)ᵀ X"),
    ]);
}

#[test]
fn element_wise_gradients() {
    check(&[
        ("dP * (1 - P**2)", "∂L/∂P ∘ (1 − P ∘ P)"),
        ("dP * P * (1 - P)", "∂L/∂P ∘ P ∘ (1 − P)"),
        (
            "P * (dP - sum(dP * P, axis=1, keepdims=True))",
            "P ∘ (∂L/∂P − (∂L/∂P ∘ P) 1 1ᵀ)",
        ),
        ("(P - T) / S", "(P − T)/S"),
        ("c * (P - T)", "c (P − T)"),
        ("2 * (P - T) * P", "2 (P − T) ∘ P"),
        ("P / Z", "P ⊘ Z"),
        ("1 / P", "1 ⊘ P"),
        ("P ** 3", "P^∘3"),
        (
            "exp(P) / sum(exp(P), axis=1, keepdims=True)",
            "exp(P) ⊘ (exp(P) 1 1ᵀ)",
        ),
        ("-dP * P", "−∂L/∂P ∘ P"),
        ("sigmoid(P)", "σ(P)"),
        ("where(P > 0, P, 0)", "{P, if P > 0; 0, otherwise}"),
    ]);
}

#[test]
fn linear_algebra() {
    check(&[
        ("x @ A @ x", "xᵀ A x"),
        ("A @ x + A.T @ x", "A x + Aᵀ x"),
        ("(A + A.T) @ x", "(A + Aᵀ) x"),
        ("x @ y", "xᵀ y"),
        ("outer(x, y)", "x yᵀ"),
        ("outer(A @ x, y)", "A x yᵀ"),
        ("trace(A @ B)", "tr(A B)"),
        ("inv(A)", "A⁻¹"),
        ("inv(A).T", "A⁻ᵀ"),
        ("-inv(A).T @ B", "−A⁻ᵀ B"),
        ("(A @ B).T", "(A B)ᵀ"),
        ("norm(x)", "‖x‖"),
        ("norm(x)**2", "‖x‖²"),
        ("kron(A, B)", "A ⊗ B"),
        ("A - (B - A)", "A − (B − A)"),
        ("A - B - A", "A − B − A"),
        ("A + B * A", "A + B ∘ A"),
        ("A @ (B * A)", "A (B ∘ A)"),
        ("solve(A, x)", "A⁻¹ x"),
        ("diag(x) @ A", "diag(x) A"),
        ("eye(N)", "I[N]"),
        ("x @ A + b", "xᵀ A + bᵀ"),
        ("x * y", "x ∘ y"),
        ("sum(x * y)", "1ᵀ (x ∘ y)"),
        ("lam * x", "λ x"),
        ("x * 2", "2 x"),
        ("c ** 2", "c²"),
        ("c ** -0.5", "1/√c"),
        ("x[1:]", "x[1:]"),
        ("A[i, j]", "Aᵢⱼ"),
        ("softmax(X, axis=1)", "softmax(X)"),
        ("softmax(X, axis=0)", "softmax(X, axis = 0)"),
        ("sum[i, j](A[i, j] * x[j])", "Σᵢⱼ Aᵢⱼ xⱼ"),
        ("mean((y - A @ x)**2)", "mean((y − A x)^∘2)"),
    ]);
}

#[test]
fn in_latex() {
    let cases = [
        (
            "dY.T @ X",
            r"\left(\frac{\partial L}{\partial Y}\right)^{\top} X",
        ),
        (
            "sum(dY, axis=0)",
            r"\mathbf{1}^{\top} \frac{\partial L}{\partial Y}",
        ),
        (
            "dY * (X > 0)",
            r"\frac{\partial L}{\partial Y} \circ \mathbf{1}[X > 0]",
        ),
        ("inv(A).T", r"A^{-\top}"),
        ("trace(A)", r"\operatorname{tr}(A)"),
        ("norm(x)", r"\lVert x\rVert"),
    ];
    for (source, expected) in cases {
        let (parsed, _) = parse_expression(source);
        let formula = parsed.map(|parsed| matrix::expression(&parsed, &scope()));
        assert_eq!(
            formula.map(|formula| latex::formula(&formula)).as_deref(),
            Some(expected)
        );
    }
}
