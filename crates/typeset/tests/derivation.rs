//! Derivations as documents: the linear layer and the quadratic form read as a person would write
//! them, and a whole network in every form.

mod pdflatex;

use std::path::Path;

use backprove_calculus::derivation::{Gradient, gradient};
use backprove_calculus::elaborate;
use backprove_calculus::rules::Level;
use backprove_typeset::compose::derivation;
use backprove_typeset::document::{Document, html, latex, markdown, terminal};
use backprove_typeset::unicode;

fn derived(source: &str, wrt: &[&str]) -> Gradient {
    let parsed = backprove_syntax::parse(source);
    assert_eq!(parsed.diagnostics, []);
    let elaborated = elaborate(&parsed.program);
    assert_eq!(elaborated.diagnostics, []);
    let program = elaborated.program;
    let wrt: Vec<_> = wrt
        .iter()
        .filter_map(|name| program.tensor(name).cloned())
        .collect();
    gradient(&program, &wrt, None).expect("a derivation")
}

fn text(document: &Document) -> String {
    terminal::print(document, terminal::Options::plain(90))
}

const LINEAR: &str = "X[S, M]; W[N, M]; b[N]\nY = X @ W.T + b";

const NETWORK: &str = "X[S, D]; W1[H, D]; b1[H]; W2[C, H]; b2[C]; t[S]: labels(C)
A = X @ W1.T + b1
H1 = relu(A)
Z = H1 @ W2.T + b2
U = logsumexp(Z, axis=1)
L = mean[s](U[s] - Z[s, t[s]])";

#[test]
fn the_linear_layer() {
    let expected = "\
The gradient of L by W and b
════════════════════════════

Given
─────

  Y = X Wᵀ + b

X is S × M, W is N × M, b has N entries. L is any scalar function of Y, whose gradient
∂L/∂Y is known. A gradient has the shape of what it is taken by.

By W
────

One element of Y by one element of W:

  ∂Yᵢⱼ/∂Wₖₗ = ∂/∂Wₖₗ (Σₚ Xᵢₚ Wⱼₚ + bⱼ)   definition
            = ∂/∂Wₖₗ Σₚ Xᵢₚ Wⱼₚ          linearity
            = Σₚ ∂/∂Wₖₗ (Xᵢₚ Wⱼₚ)        the derivative of a sum is the sum of the
                                         derivatives
            = Σₚ Xᵢₚ ∂Wⱼₚ/∂Wₖₗ           constant factor
            = Σₚ Xᵢₚ δₖⱼ δₗₚ             an element by an element of the same tensor
            = Xᵢₗ δₖⱼ                    delta contraction

All elements together:

  ∂L/∂Wₖₗ = Σᵢⱼ (∂L/∂Yᵢⱼ) (∂Yᵢⱼ/∂Wₖₗ)   chain rule
          = Σᵢⱼ (∂L/∂Yᵢⱼ) Xᵢₗ δₖⱼ       the local derivative, put back
          = Σᵢ (∂L/∂Yᵢₖ) Xᵢₗ            delta contraction

  ∂L/∂W = (∂L/∂Y)ᵀ X   matrix form

Shapes: (∂L/∂Y)ᵀ is N × S, X is S × M; the whole is N × M, as W.

By b
────

One element of Y by one element of b:

  ∂Yᵢⱼ/∂bₖ = ∂/∂bₖ (Σₚ Xᵢₚ Wⱼₚ + bⱼ)   definition
           = ∂bⱼ/∂bₖ                   linearity
           = δₖⱼ                       an element by an element of the same tensor

All elements together:

  ∂L/∂bₖ = Σᵢⱼ (∂L/∂Yᵢⱼ) (∂Yᵢⱼ/∂bₖ)   chain rule
         = Σᵢⱼ (∂L/∂Yᵢⱼ) δₖⱼ          the local derivative, put back
         = Σᵢ ∂L/∂Yᵢₖ                 delta contraction

  ∂L/∂b = 1ᵀ ∂L/∂Y   matrix form

Shapes: 1ᵀ is 1 × S, ∂L/∂Y is S × N; ∂L/∂b has N entries, as b.

Result
──────

  ∂L/∂W = (∂L/∂Y)ᵀ X   N × M
  ∂L/∂b = 1ᵀ ∂L/∂Y     N
";
    let gradient = derived(LINEAR, &["W", "b"]);
    let printed = text(&derivation::document(&gradient, Level::Working));
    assert_eq!(printed, expected, "{printed}");
}

#[test]
fn a_scalar_is_its_own_chain() {
    let expected = "\
By A
────

One element of L by one element of A:

  ∂L/∂Aₖₗ = ∂/∂Aₖₗ Σₚᵣ xₚ Aₚᵣ xᵣ     definition
          = Σₚᵣ ∂/∂Aₖₗ (xₚ Aₚᵣ xᵣ)   the derivative of a sum is the sum of the derivatives
          = Σₚᵣ xₚ xᵣ ∂Aₚᵣ/∂Aₖₗ      constant factor
          = Σₚᵣ xₚ xᵣ δₖₚ δₗᵣ        an element by an element of the same tensor
          = xₖ xₗ                    delta contraction

  ∂L/∂A = x xᵀ   matrix form

Shape: x has N entries; the whole is N × N, as A.
";
    let gradient = derived("x[N]; A[N, N]\nL = x @ A @ x", &["A"]);
    let printed = text(&derivation::document(&gradient, Level::Working));
    assert!(printed.contains(expected), "{printed}");
}

#[test]
fn results_of_a_network() {
    let gradient = derived(NETWORK, &["W1", "b1", "W2", "b2", "Z"]);
    let scope = derivation::scope(&gradient);
    let printed = unicode::equations(&derivation::results(&gradient, &scope), 80);
    let expected = "\
\u{20}∂L/∂Z = (P − T)/S     S × C
∂L/∂W₁ = (∂L/∂A)ᵀ X    H × D
∂L/∂b₁ = 1ᵀ ∂L/∂A      H
∂L/∂W₂ = (∂L/∂Z)ᵀ H₁   C × H
∂L/∂b₂ = 1ᵀ ∂L/∂Z      C";
    assert_eq!(printed, expected, "{printed}");
}

#[test]
fn each_level_shows_less_than_the_next_and_ends_alike() {
    for (source, wrt) in [
        (LINEAR, &["W", "b", "X"][..]),
        (NETWORK, &["W1", "b2"]),
        ("X[S, M]\nP = softmax(X, axis=1)", &["X"]),
        ("X[S, M]\nY = gelu(X)", &["X"]),
    ] {
        let gradient = derived(source, wrt);
        let levels = [Level::Headline, Level::Working, Level::Bookkeeping];
        let printed = levels.map(|level| text(&derivation::document(&gradient, level)));
        let lines = printed.each_ref().map(|text| text.lines().count());
        assert!(lines.is_sorted() && lines[0] < lines[1], "{lines:?}");
        let ends = printed.each_ref().map(|text| text.split_once("Result"));
        assert_eq!(ends[0].map(|end| end.1), ends[2].map(|end| end.1));
    }
}

#[test]
fn every_step_has_a_line() {
    let gradient = derived(NETWORK, &["W1"]);
    for derivation in &gradient.derivations {
        let steps = derivation.chain.steps.len();
        let local = derivation.contributions.iter();
        let local: usize = local.map(|part| part.local.steps.len()).sum();
        let lines = derivation::lines(derivation);
        assert_eq!(lines.len(), steps + local);
        let last = lines.last().map(|line| unicode::formula(&line.left));
        let name = derivation
            .variable
            .name()
            .trim_end_matches(char::is_numeric);
        assert!(last.is_some_and(|left| left.contains(name)));
    }
}

#[test]
fn a_network_in_every_form() {
    let gradient = derived(NETWORK, &["W1", "b1", "W2", "b2"]);
    let document = derivation::document(&gradient, Level::Bookkeeping);
    pdflatex::compile("network", &latex::print(&document));
    let page = html::print(&document);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(folder.join("network.html"), &page).expect("the test folder can be written");
    assert!(page.matches("<math").count() > 100);
    let printed = markdown::print(&document);
    let fences = printed.lines().filter(|line| *line == "$$").count();
    assert!(fences > 20 && fences.is_multiple_of(2));
    assert!(printed.contains(r"\frac{\partial L}{\partial W_{1}} &= \left("));
}
