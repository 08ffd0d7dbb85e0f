//! Random formulas: whatever the tree holds, what is printed is well-formed.

use backprove_typeset::formula::{BigOperator, Fence, Formula, Mark, Operator, Style, Width};
use backprove_typeset::{latex, mathml, unicode};
use proptest::prelude::*;

const OPERATORS: [Operator; 12] = [
    Operator::Plus,
    Operator::Minus,
    Operator::Negative,
    Operator::Juxtaposition,
    Operator::Hadamard,
    Operator::Slash,
    Operator::Application,
    Operator::Partial,
    Operator::Equal,
    Operator::Less,
    Operator::Comma,
    Operator::Colon,
];
const STYLES: [Style; 5] = [
    Style::Italic,
    Style::Upright,
    Style::Function,
    Style::Bold,
    Style::DoubleStruck,
];
const FENCES: [Fence; 6] = [
    Fence::Parentheses,
    Fence::Brackets,
    Fence::Braces,
    Fence::Bars,
    Fence::DoubleBars,
    Fence::Cases,
];
const MARKS: [Mark; 4] = [Mark::Bar, Mark::Hat, Mark::Tilde, Mark::Dot];

/// Words as a user, or someone who means harm, might choose them.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z][a-z]{0,4}[0-9]?(_[a-z]{1,4})?",
        "[\\\\{}$&#^_~%<>'\"|\\[\\]]{1,6}",
        "\\PC{1,5}",
        ".{0,4}",
        Just("\\end{aligned}".to_owned()),
        Just("\u{202e}\u{1b}[0m".to_owned()),
        Just("αδθ∂ᵀ′".to_owned()),
    ]
}

fn formulas() -> impl Strategy<Value = Formula> {
    let leaf = prop_oneof![
        4 => words().prop_map(|text| Formula::name(&text)),
        2 => (words(), prop::sample::select(&STYLES[..]))
            .prop_map(|(text, style)| Formula::styled(text, style)),
        2 => (0_i64..1000).prop_map(Formula::integer),
        1 => words().prop_map(Formula::Number),
        1 => words().prop_map(Formula::Text),
        2 => prop::sample::select(&OPERATORS[..]).prop_map(Formula::Operator),
        1 => Just(Formula::Space(Width::Thin)),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let several = || prop::collection::vec(inner.clone(), 0..5);
        let boxed = || inner.clone().prop_map(Box::new);
        prop_oneof![
            several().prop_map(Formula::Row),
            several().prop_map(Formula::row),
            several().prop_map(Formula::product),
            several().prop_map(Formula::Indices),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a.over(b)),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a.superscript(b)),
            (inner.clone(), several()).prop_map(|(a, b)| a.indexed(b)),
            (boxed(), boxed(), boxed()).prop_map(|(base, below, above)| Formula::SubSup {
                base,
                below,
                above
            }),
            (boxed(), prop::option::of(boxed()))
                .prop_map(|(radicand, degree)| Formula::Root { radicand, degree }),
            (several(), inner.clone()).prop_map(|(i, body)| Formula::sum_over(i, body)),
            (inner.clone(), inner.clone()).prop_map(|(lower, body)| Formula::big(
                BigOperator::Maximum,
                lower,
                body
            )),
            (boxed(), prop::sample::select(&MARKS[..]))
                .prop_map(|(base, mark)| Formula::Over { base, mark }),
            (inner.clone(), prop::sample::select(&FENCES[..]))
                .prop_map(|(body, fence)| body.fenced(fence)),
            prop::collection::vec((inner.clone(), inner.clone()), 1..3).prop_map(Formula::cases),
            (inner.clone(), several()).prop_map(|(f, x)| Formula::application(f, x)),
        ]
    })
}

/// The commands that `amsmath` and `amssymb` know and the printer may use.
const COMMANDS: &[&str] = &[
    "frac",
    "sqrt",
    "left",
    "right",
    "sum",
    "prod",
    "max",
    "min",
    "text",
    "mathrm",
    "mathbf",
    "operatorname",
    "begin",
    "end",
    "bar",
    "overline",
    "hat",
    "widehat",
    "tilde",
    "widetilde",
    "dot",
    "quad",
    "partial",
    "circ",
    "cdot",
    "times",
    "otimes",
    "neq",
    "leq",
    "geq",
    "approx",
    "in",
    "to",
    "lvert",
    "rvert",
    "lVert",
    "rVert",
    "top",
    "prime",
    "ensuremath",
    "vert",
    "textbackslash",
    "textasciicircum",
    "textasciitilde",
    "ldots",
    "alpha",
    "beta",
    "gamma",
    "delta",
    "varepsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "pi",
    "rho",
    "sigma",
    "tau",
    "upsilon",
    "varphi",
    "chi",
    "psi",
    "omega",
    "Gamma",
    "Delta",
    "Theta",
    "Lambda",
    "Xi",
    "Pi",
    "Sigma",
    "Phi",
    "Psi",
    "Omega",
    "nabla",
    "infty",
    "ell",
    "odot",
    "pm",
    "surd",
    "Rightarrow",
    "checkmark",
    "exp",
    "log",
    "ln",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "arcsin",
    "arccos",
    "arctan",
    "det",
    "sup",
];

/// The braces balance, no environment is left open, and every command is a known one.
fn check_latex(printed: &str) -> Result<(), TestCaseError> {
    let mut depth = 0_i32;
    let mut environments = 0_i32;
    let mut fences = 0_i32;
    let mut rest = printed.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            '\\' => {
                let mut command = String::new();
                while let Some(letter) = rest.next_if(char::is_ascii_alphabetic) {
                    command.push(letter);
                }
                if command.is_empty() {
                    // An escaped character, a space, or a line break.
                    rest.next();
                    continue;
                }
                prop_assert!(
                    COMMANDS.contains(&command.as_str()),
                    "\\{command} in {printed}"
                );
                match command.as_str() {
                    "begin" => environments += 1,
                    "end" => environments -= 1,
                    "left" => fences += 1,
                    "right" => fences -= 1,
                    _ => {}
                }
                if matches!(command.as_str(), "left" | "right") {
                    rest.next_if_eq(&'\\');
                    rest.next();
                }
            }
            other => prop_assert!(other.is_ascii() && !other.is_control(), "{other:?}"),
        }
        prop_assert!(depth >= 0 && environments >= 0 && fences >= 0, "{printed}");
    }
    prop_assert_eq!((depth, environments, fences), (0, 0, 0), "{}", printed);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn latex_is_balanced_and_known(formula in formulas()) {
        check_latex(&latex::formula(&formula))?;
    }

    #[test]
    fn mathml_is_well_formed(formula in formulas()) {
        for printed in [mathml::inline(&formula), mathml::block(&formula), mathml::cell(&formula)] {
            let tree = roxmltree::Document::parse(&printed);
            prop_assert!(tree.is_ok(), "{printed}");
            for node in tree.iter().flat_map(roxmltree::Document::descendants) {
                let children = node.children().count();
                let wanted = match node.tag_name().name() {
                    "mfrac" | "msub" | "msup" | "munder" | "mover" | "mroot" => 2,
                    "msubsup" | "munderover" => 3,
                    _ => children,
                };
                prop_assert_eq!(children, wanted, "{}", printed);
            }
        }
    }

    #[test]
    fn text_is_one_visible_line(formula in formulas()) {
        let printed = unicode::formula(&formula);
        let hidden = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
        prop_assert!(!printed.chars().any(hidden), "{printed:?}");
    }

    #[test]
    fn breaking_loses_nothing(formula in formulas(), columns in 10_usize..100) {
        use backprove_typeset::equation::Equation;
        let whole = unicode::formula(&formula);
        let broken = unicode::equations(&[Equation::alone(formula)], columns);
        let inked = |text: &str| text.split_whitespace().collect::<String>();
        prop_assert_eq!(inked(&whole), inked(&broken));
    }
}
