//! One realistic page printed in every form, and hostile words in every place of a page.

mod pdflatex;

use std::path::Path;

use backprove_typeset::document::{Block, Document, Table, html, latex, markdown, terminal};
use backprove_typeset::equation::Equation;
use backprove_typeset::formula::{BigOperator, Fence, Formula, Operator, Style};
use backprove_typeset::inline::Prose;

fn name(text: &str) -> Formula {
    Formula::name(text)
}

fn at(tensor: &str, indices: &[&str]) -> Formula {
    name(tensor).indexed(indices.iter().map(|index| name(index)))
}

fn gradient(tensor: &Formula) -> Formula {
    Formula::partial(&name("L"), tensor)
}

/// A page with every kind of block and of formula.
fn page() -> Document {
    let element = Formula::partial(&at("Y", &["i", "j"]), &at("W", &["k", "l"]));
    let chain = Formula::sum_over(
        [name("i"), name("j")],
        Formula::product([gradient(&at("Y", &["i", "j"])), element.clone()]),
    );
    let deltas = Formula::product([at("δ", &["k", "j"]), at("δ", &["l", "p"])]);
    let sum = Formula::sum_over(
        [name("p")],
        Formula::product([at("X", &["i", "p"]), deltas]),
    );
    let matrix = Formula::product([gradient(&name("Y")).parenthesised().transposed(), name("X")]);
    let softmax = Formula::application(Formula::function("softmax"), [name("X")]);
    let exponential = |argument| name("e").superscript(argument);
    let norm = exponential(name("z").indexed([name("i")])).over(Formula::sum_over(
        [name("j")],
        exponential(name("z").indexed([name("j")])),
    ));
    let correction = gradient(&name("P")).infix(
        Operator::Minus,
        gradient(&name("P"))
            .infix(Operator::Hadamard, name("P"))
            .parenthesised()
            .infix(Operator::Juxtaposition, Formula::ones()),
    );
    let elu = Formula::cases([
        (
            name("x"),
            Formula::row([
                Formula::text("if "),
                name("x").infix(Operator::Greater, Formula::integer(0)),
            ]),
        ),
        (
            Formula::product([
                name("alpha"),
                exponential(name("x"))
                    .infix(Operator::Minus, Formula::integer(1))
                    .parenthesised(),
            ]),
            Formula::text("otherwise"),
        ),
    ]);
    let long = Formula::joined(
        Operator::Plus,
        ["W1", "W2", "W3", "b_out", "x_bar"].map(|weight| {
            Formula::product([
                Formula::integer(2),
                gradient(&name(weight)),
                name("X").transposed(),
                name(weight),
            ])
        }),
    );
    let mut shapes = Table::new(["factor", "shape", "error"]).numeric(&[2]);
    shapes.push([
        Prose::from(gradient(&name("Y")).parenthesised().transposed()),
        Prose::from(name("N").infix(Operator::Cross, name("S"))),
        Prose::from("1.2e-11"),
    ]);
    shapes.push([
        Prose::from(name("X")),
        Prose::from(name("S").infix(Operator::Cross, name("M"))),
    ]);
    let root = Formula::Root {
        radicand: Box::new(name("v").infix(Operator::Plus, name("eps"))),
        degree: None,
    };
    let indicator = Formula::row([
        Formula::styled("1", Style::DoubleStruck),
        name("X")
            .infix(Operator::Greater, Formula::integer(0))
            .fenced(Fence::Brackets),
    ]);
    Document::new("The gradient of a linear layer")
        .paragraph(
            Prose::from("Let ")
                .formula(
                    name("Y").infix(
                        Operator::Equal,
                        Formula::product([name("X"), name("W").transposed()])
                            .infix(Operator::Plus, name("b")),
                    ),
                )
                .text(" with sizes ")
                .formula(name("S").infix(Operator::Cross, name("M")))
                .text(", and let ")
                .formula(name("L"))
                .text(" be a loss of ")
                .formula(name("Y"))
                .text(". Gradients have the ")
                .emphasis("shape")
                .text(" of what they are taken by."),
        )
        .code("bp", "X[S, M]\nW[N, M]; b[N]\nY = X @ W.T + b\n")
        .heading(1, "By the weights")
        .equations([
            Equation::new(gradient(&at("W", &["k", "l"])), chain).because("chain rule"),
            Equation::new(element, sum).because(Prose::from(
                "linearity, constant factors, and the derivative of one element by another",
            )),
            Equation::then(Formula::product([
                at("δ", &["k", "j"]),
                at("X", &["i", "l"]),
            ]))
            .because(Prose::from("contraction of ").formula(at("δ", &["l", "p"]))),
        ])
        .equations([Equation::new(gradient(&name("W")), matrix)])
        .heading(2, "Other formulas")
        .equations([
            Equation::new(name("P").indexed([name("i")]), norm.clone()).because("definition"),
            Equation::new(
                gradient(&name("b")),
                Formula::product([Formula::ones().transposed(), gradient(&name("Y"))]),
            ),
            Equation::new(
                gradient(&name("X")),
                gradient(&name("Y")).infix(
                    Operator::Hadamard,
                    Formula::application(name("h").primed(), [name("X")]),
                ),
            ),
            Equation::new(
                gradient(&name("X")),
                name("P").infix(Operator::Hadamard, correction.parenthesised()),
            ),
            Equation::new(name("P"), softmax),
            Equation::new(
                name("m"),
                Formula::big(
                    BigOperator::Maximum,
                    Formula::Indices(vec![name("k")]),
                    at("X", &["i", "k"]),
                ),
            ),
            Equation::new(
                Formula::application(Formula::function("elu"), [name("x")]),
                elu,
            ),
            Equation::new(
                Formula::integer(1).over(root),
                Formula::product([
                    name("A").superscript(Formula::integer(-1)),
                    norm.parenthesised().superscript(Formula::integer(2)),
                    indicator,
                ]),
            ),
            Equation::new(
                name("s"),
                name("x_bar")
                    .fenced(Fence::DoubleBars)
                    .superscript(Formula::integer(2)),
            ),
            Equation::new(name("loss"), long).because("too long for one line"),
        ])
        .with(Block::Table(shapes))
        .note(
            Prose::from("Every step was checked ")
                .strong("numerically")
                .text("."),
        )
        .with(Block::details(
            "Steps",
            false,
            [
                Block::paragraph("They fold away."),
                Block::List(vec![Prose::from("one"), Prose::from("two ").code("x @ y")]),
            ],
        ))
        .with(Block::Figure {
            svg: "<svg width=\"120\" viewBox=\"0 0 10 4\"><path d=\"M0 4L10 0\" stroke=\"currentColor\"/></svg>"
                .to_owned(),
            description: "The loss falls.".to_owned(),
        })
}

/// The same places of a page filled with what could break out of them.
fn hostile_page() -> Document {
    const WORDS: [&str; 8] = [
        r"\end{document} \input{x} %",
        "</title><script>alert(1)</script>",
        "$$ $x$ ``` `a` ~~~ **b** [l](u) | # & _ ^ ~ {",
        "\u{1b}[31mred\u{7} \u{202e}evil \0",
        "]]> &amp; \" ' <!--",
        "数学 ∂ → ⊤ ſ é — “q”",
        "[4cm] *\\",
        "- 1. + > =",
    ];
    let mut page = Document::new(WORDS.join(" "));
    for words in WORDS {
        let mut table = Table::new([words, words]);
        table.push([words, words]);
        page = page
            .heading(1, words)
            .paragraph(Prose::from(words).emphasis(words).strong(words).code(words))
            .equations([
                Equation::new(Formula::variable(words), Formula::function(words)).because(words),
                Equation::then(Formula::name(words).indexed([Formula::text(words)])),
                Equation::alone(Formula::name("x").fenced(Fence::Brackets)),
            ])
            .code(words, words)
            .with(Block::Table(table))
            .note(words)
            .with(Block::List(vec![Prose::from(words)]))
            .with(Block::details(words, true, [Block::paragraph(words)]))
            .with(Block::Figure {
                svg: "<svg/>".to_owned(),
                description: words.to_owned(),
            });
    }
    page
}

/// The environments are properly nested and the braces balance.
fn assert_balanced(latex: &str) {
    let mut depth = 0_i32;
    let mut escaped = false;
    for character in latex.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        assert!(depth >= 0, "a brace is closed that was not opened: {latex}");
    }
    assert_eq!(depth, 0, "unbalanced braces: {latex}");
    let mut open = Vec::new();
    for part in latex.split('\\').skip(1) {
        if let Some(rest) = part.strip_prefix("begin{") {
            open.push(rest.split('}').next().unwrap_or_default());
        } else if let Some(rest) = part.strip_prefix("end{") {
            assert_eq!(open.pop(), rest.split('}').next(), "crossed environments");
        }
    }
    assert!(open.is_empty(), "open environments: {open:?}");
}

fn parse_page(page: &str) -> usize {
    let body = page
        .replace("<!DOCTYPE html>\n", "")
        .replace("<meta charset=\"utf-8\">", "")
        .lines()
        .filter(|line| !line.starts_with("<meta") && !line.starts_with("style-src"))
        .collect::<Vec<_>>()
        .join("\n")
        .replace(" open>", " open=\"\">");
    let tree = roxmltree::Document::parse(&body).expect("the page is well-formed");
    tree.descendants()
        .filter(|node| node.has_tag_name("math"))
        .count()
}

#[test]
fn the_page_is_a_latex_article_that_compiles() {
    let source = latex::print(&page());
    assert_balanced(&source);
    pdflatex::compile("page", &source);
}

#[test]
fn hostile_words_leave_the_article_whole() {
    let source = latex::print(&hostile_page());
    assert_balanced(&source);
    assert_eq!(source.matches(r"\end{document}").count(), 1);
    pdflatex::compile("hostile", &source);
}

#[test]
fn the_page_is_self_contained_html() {
    let printed = html::print(&page());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(folder.join("page.html"), &printed).expect("the test folder can be written");
    assert!(parse_page(&printed) > 20);
    for word in ["<script", "http://", "https://", "url(", "@import"] {
        assert!(!printed.contains(word), "the page contains {word}");
    }
}

#[test]
fn hostile_words_stay_words_in_html() {
    let printed = html::print(&hostile_page());
    parse_page(&printed);
    assert!(!printed.contains("<script"));
    assert!(!printed.contains('\u{202e}'));
}

#[test]
fn the_page_fits_every_terminal() {
    for columns in [20, 40, 80, 120] {
        for emphasis in [false, true] {
            let options = terminal::Options { columns, emphasis };
            let printed = terminal::print(&page(), options);
            assert_eq!(printed.contains('\u{1b}'), emphasis);
            if columns >= 80 && !emphasis {
                let widest = printed.lines().map(backprove_typeset::unicode::width).max();
                assert!(widest <= Some(columns), "{columns} columns:\n{printed}");
            }
        }
    }
    let hostile = terminal::print(&hostile_page(), terminal::Options::plain(60));
    let control = |c: char| c.is_control() && c != '\n';
    assert!(!hostile.chars().any(control));
}

#[test]
fn hostile_words_leave_markdown_whole() {
    let printed = markdown::print(&hostile_page());
    // Outside code, every angle bracket is escaped.
    for code in [
        "`</title><script>alert(1)</script>`",
        "\n</title><script>alert(1)</script>\n",
    ] {
        assert!(printed.contains(code));
    }
    let outside = printed
        .replace("`</title><script>", "")
        .replace("\n</title><script>", "")
        .replace("\\<", "");
    assert!(!outside.contains("<script"));
    let fences = printed.lines().filter(|line| *line == "$$").count();
    assert_eq!(fences, 2 * 8);
    assert_eq!(printed.matches("<details open>").count(), 8);
    assert_eq!(
        printed.lines().filter(|line| *line == "</details>").count(),
        8
    );
}

#[test]
fn a_page_in_the_terminal() {
    let layer = Document::new("The gradient of a linear layer").equations([
        Equation::new(
            gradient(&at("W", &["k", "l"])),
            Formula::sum_over(
                [name("i"), name("j")],
                Formula::product([
                    gradient(&at("Y", &["i", "j"])),
                    Formula::partial(&at("Y", &["i", "j"]), &at("W", &["k", "l"])),
                ]),
            ),
        )
        .because("chain rule"),
        Equation::new(
            gradient(&name("W")),
            Formula::product([gradient(&name("Y")).parenthesised().transposed(), name("X")]),
        )
        .because("matrix form"),
    ]);
    let expected = "\
The gradient of a linear layer
══════════════════════════════

  ∂L/∂Wₖₗ = Σᵢⱼ (∂L/∂Yᵢⱼ) (∂Yᵢⱼ/∂Wₖₗ)   chain rule
    ∂L/∂W = (∂L/∂Y)ᵀ X                  matrix form
";
    let printed = terminal::print(&layer, terminal::Options::plain(80));
    assert_eq!(printed, expected);
}
