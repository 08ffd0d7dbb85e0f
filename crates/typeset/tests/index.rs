//! Index notation as a person writes it: letters, signs, fractions, parentheses.

use backprove_calculus::expr::Reduction;
use backprove_calculus::{Callee, Dim, Expr, Index, Number, Tensor};
use backprove_typeset::compose::{Letters, index};
use backprove_typeset::{latex, unicode};

fn matrix(name: &str) -> Tensor {
    Tensor::new(name, vec![Dim::symbol("N"), Dim::symbol("N")])
}

fn letter(letter: &str) -> Index {
    Index::new(letter, Dim::symbol("N"))
}

fn printed(expr: &Expr) -> String {
    unicode::formula(&index::expression(expr, &mut Letters::default()))
}

#[test]
fn the_chain_rule() {
    let (y, w) = (matrix("Y"), matrix("W"));
    let dy = Tensor::cotangent_of("dY", "L", &y);
    let [i, j, k, l] = ["i", "j", "k", "l"].map(letter);
    let element = Expr::access(&y, &[i.clone(), j.clone()]);
    let chain = Expr::sum(
        &[i.clone(), j.clone()],
        Expr::product([
            Expr::access(&dy, &[i, j]),
            element.derivative(&w, &[k.clone(), l.clone()]),
        ]),
    );
    assert_eq!(printed(&chain), "Σᵢⱼ (∂L/∂Yᵢⱼ) (∂Yᵢⱼ/∂Wₖₗ)");
    let mut letters = Letters::default();
    assert_eq!(
        latex::formula(&index::expression(&chain, &mut letters)),
        r"\sum_{i, j} \frac{\partial L}{\partial Y_{ij}} \frac{\partial Y_{ij}}{\partial W_{kl}}",
    );
    let left = index::gradient_element("L", &w, &[k, l], &mut letters);
    assert_eq!(unicode::formula(&left), "∂L/∂Wₖₗ");
}

#[test]
fn a_derivative_before_its_operand() {
    let (x, w) = (matrix("X"), matrix("W"));
    let b = Tensor::new("b", vec![Dim::symbol("N")]);
    let [i, j, k, l, p] = ["i", "j", "k", "l", "p"].map(letter);
    let product = Expr::product([
        Expr::access(&x, &[i, p.clone()]),
        Expr::access(&w, &[j.clone(), p.clone()]),
    ]);
    let at = [k, l];
    let sum = Expr::sum(&[p], product.clone());
    let layer = Expr::addition([sum.clone(), Expr::access(&b, &[j])]);
    assert_eq!(printed(&layer), "Σₚ Xᵢₚ Wⱼₚ + bⱼ");
    assert_eq!(
        printed(&layer.derivative(&w, &at)),
        "∂/∂Wₖₗ (Σₚ Xᵢₚ Wⱼₚ + bⱼ)"
    );
    assert_eq!(printed(&sum.derivative(&w, &at)), "∂/∂Wₖₗ Σₚ Xᵢₚ Wⱼₚ");
    assert_eq!(printed(&product.derivative(&w, &at)), "∂/∂Wₖₗ (Xᵢₚ Wⱼₚ)");
    let two = Expr::addition([sum.derivative(&w, &at), sum]);
    assert_eq!(printed(&two), "∂/∂Wₖₗ Σₚ Xᵢₚ Wⱼₚ + Σₚ Xᵢₚ Wⱼₚ");
}

#[test]
fn deltas_and_sums() {
    let x = matrix("X");
    let [i, j, k] = ["i", "j", "k"].map(letter);
    let xij = Expr::access(&x, &[i.clone(), j.clone()]);
    let product = Expr::product([Expr::delta(&k, &j), xij.clone()]);
    assert_eq!(printed(&product), "δₖⱼ Xᵢⱼ");
    let inner = Expr::sum(std::slice::from_ref(&j), xij.clone());
    let outer = Expr::product([inner.clone(), Expr::delta(&k, &i)]);
    assert_eq!(printed(&outer), "(Σⱼ Xᵢⱼ) δₖᵢ");
    let last = Expr::product([Expr::delta(&k, &i), inner]);
    assert_eq!(printed(&last), "δₖᵢ Σⱼ Xᵢⱼ");
    let greatest = Expr::reduce(Reduction::Maximum, &[j], xij);
    assert_eq!(printed(&greatest), "maxⱼ Xᵢⱼ");
}

#[test]
fn signs_and_numbers() {
    let [i, j] = ["i", "j"].map(letter);
    let at = |name: &str| Expr::access(&matrix(name), &[i.clone(), j.clone()]);
    let (a, b) = (at("A"), at("B"));
    let half = Expr::number(Number::ratio(1, 2));
    let minus = |expr: &Expr| expr.negate();
    let cases = [
        (Expr::addition([a.clone(), minus(&b)]), "Aᵢⱼ − Bᵢⱼ"),
        (Expr::addition([minus(&a), b.clone()]), "Bᵢⱼ − Aᵢⱼ"),
        (Expr::addition([minus(&a), minus(&b)]), "−Aᵢⱼ − Bᵢⱼ"),
        (
            Expr::addition([Expr::one(), minus(&a.power(Expr::integer(2)))]),
            "1 − Aᵢⱼ²",
        ),
        (
            Expr::product([a.clone(), Expr::addition([Expr::one(), minus(&b)])]),
            "Aᵢⱼ (1 − Bᵢⱼ)",
        ),
        (
            Expr::addition([a.clone(), minus(&Expr::addition([a.clone(), minus(&b)]))]),
            "Aᵢⱼ − (Aᵢⱼ − Bᵢⱼ)",
        ),
        (Expr::product([a.clone(), Expr::integer(-2)]), "−2 Aᵢⱼ"),
        (Expr::product([half, a.clone()]), "(1/2) Aᵢⱼ"),
        (
            Expr::number(Number::parse("0.044715").unwrap_or(Number::ZERO)),
            "0.044715",
        ),
        (
            Expr::number(Number::parse("1e-5").unwrap_or(Number::ZERO)),
            "10⁻⁵",
        ),
        (Expr::number(Number::Real(1.5e-12)), "1.5 · 10⁻¹²"),
    ];
    for (expr, expected) in cases {
        assert_eq!(printed(&expr), expected);
    }
}

#[test]
fn divisors_share_one_bar() {
    let [i, j, k] = ["i", "j", "k"].map(letter);
    let x = matrix("X");
    let at = |name: &str| Expr::access(&matrix(name), &[i.clone(), j.clone()]);
    let exponential =
        |j: &Index| Expr::apply("exp", vec![Expr::access(&x, &[i.clone(), j.clone()])]);
    let total = Expr::sum(std::slice::from_ref(&k), exponential(&k));
    let softmax = Expr::product([exponential(&j), total.reciprocal()]);
    assert_eq!(printed(&softmax), "e^(Xᵢⱼ)/(Σₖ e^(Xᵢₖ))");
    let size = Expr::extent(&Dim::symbol("S"));
    let mean = Expr::product([
        size.reciprocal(),
        Expr::addition([at("P"), at("T").negate()]),
    ]);
    assert_eq!(printed(&mean), "(Pᵢⱼ − Tᵢⱼ)/S");
    let twice = Expr::product([Expr::integer(2), size.reciprocal(), at("P")]);
    assert_eq!(printed(&twice), "2 Pᵢⱼ/S");
    let sum = Expr::product([
        size.reciprocal(),
        Expr::sum(std::slice::from_ref(&j), at("P")),
    ]);
    assert_eq!(printed(&sum), "(1/S) Σⱼ Pᵢⱼ");
    let dy = Tensor::cotangent_of("dY", "L", &matrix("Y"));
    let chain = Expr::product([
        Expr::access(&dy, &[i.clone(), j.clone()]),
        at("X").reciprocal(),
    ]);
    assert_eq!(printed(&chain), "(1/Xᵢⱼ) (∂L/∂Yᵢⱼ)");
    let root = at("X").power(Expr::number(Number::ratio(-1, 2)));
    assert_eq!(printed(&root), "1/√Xᵢⱼ");
    assert_eq!(
        printed(&Expr::product([
            Expr::integer(-1),
            at("X").power(Expr::integer(-2))
        ])),
        "−1/Xᵢⱼ²",
    );
}

#[test]
fn functions() {
    let [i, j] = ["i", "j"].map(letter);
    let x = Expr::access(&matrix("X"), &[i, j]);
    let h = Callee::named("h");
    let derived = Callee {
        derivatives: vec![0],
        ..h.clone()
    };
    assert_eq!(printed(&Expr::call(h, vec![x.clone()])), "h(Xᵢⱼ)");
    let call = Expr::call(derived, vec![x.clone()]);
    assert_eq!(printed(&call), "h′(Xᵢⱼ)");
    assert_eq!(printed(&call.power(Expr::integer(2))), "(h′(Xᵢⱼ))²");
    let tanh = Expr::apply("tanh", vec![x.clone()]);
    assert_eq!(printed(&tanh.power(Expr::integer(2))), "tanh²(Xᵢⱼ)");
    let sigmoid = Expr::apply("sigmoid", vec![x.clone()]);
    assert_eq!(printed(&sigmoid), "σ(Xᵢⱼ)");
    let relation = Expr::apply("greater", vec![x, Expr::zero()]);
    assert_eq!(printed(&relation), "𝟙[Xᵢⱼ > 0]");
}

#[test]
fn clashing_letters_become_distinct() {
    let x = matrix("X");
    let [free, first, second] = ["k", "k", "k"].map(letter);
    let [i, other] = ["b", "b"].map(letter);
    let inner = Expr::product([
        Expr::access(&x, &[free.clone(), first.clone()]),
        Expr::access(&x, &[first.clone(), second.clone()]),
    ]);
    assert_eq!(printed(&Expr::sum(&[first, second], inner)), "Σₗₘ Xₖₗ Xₗₘ");
    let primed = Expr::product([
        Expr::access(&x, &[i, free.clone()]),
        Expr::access(&x, &[other, free]),
    ]);
    assert_eq!(printed(&primed), "X[b,k] X[b′,k]");
}

#[test]
fn a_letter_once_given_stays() {
    let x = matrix("X");
    let [a, b] = ["k", "k"].map(letter);
    let mut letters = Letters::default();
    letters.reserve(std::slice::from_ref(&a));
    let second = Expr::access(&x, &[b.clone(), a]);
    assert_eq!(
        unicode::formula(&index::expression(&second, &mut letters)),
        "Xₗₖ"
    );
    let alone = Expr::access(&x, &[b.clone(), b]);
    assert_eq!(
        unicode::formula(&index::expression(&alone, &mut letters)),
        "Xₗₗ"
    );
}
