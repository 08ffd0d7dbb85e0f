//! Printing and parsing are inverse on trees that a text can have. The generators below say which
//! trees those are; must never hold a tree whose text means another one.

use backprove_syntax::tree::{
    Argument, BinaryOperator, Declaration, Definition, Expression, ExpressionKind, Fact,
    IndexDeclaration, Module, Name, Program, Statement, Subscript, UnaryOperator,
};
use backprove_syntax::{
    Span, format_expression, format_program, parse, parse_claim, parse_expression,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Names of tensors; those of libraries among them, which need care where they are not declared.
const ANY_NAMES: &[&str] = &["X", "W", "b_1", "σ", "d2", "np", "F", "True"];
const DECLARED_NAMES: &[&str] = &["X", "W", "b_1", "σ", "d2"];

fn name(names: &'static [&'static str]) -> impl Strategy<Value = Name> + Clone {
    select(names).prop_map(Name::made)
}

fn index() -> impl Strategy<Value = Name> + Clone {
    name(&["i", "k", "s", "n_1"])
}

fn declared_index(
    extent: impl Strategy<Value = Expression> + Clone,
) -> impl Strategy<Value = IndexDeclaration> {
    (index(), option::of(extent)).prop_map(|(name, extent)| IndexDeclaration { name, extent })
}

fn leaf(names: &'static [&'static str]) -> BoxedStrategy<Expression> {
    let numbers = &["0", "2", "1.5", "1e-5", ".5", "1.", "2.5E3"][..];
    prop_oneof![
        4 => select(names).prop_map(Expression::name),
        2 => select(numbers).prop_map(|text| Expression::made(ExpressionKind::Number(text.into()))),
        1 => "[a-z,>\" -]{0,6}|[a-z,>' -]{0,6}"
            .prop_map(|text| Expression::made(ExpressionKind::String(text))),
    ]
    .boxed()
}

fn binary_operator() -> impl Strategy<Value = BinaryOperator> {
    use BinaryOperator::{
        Add, Divide, Equal, FloorDivide, Greater, GreaterEqual, Less, LessEqual, MatrixMultiply,
        Multiply, NotEqual, Power, Subtract,
    };
    select(vec![
        Add,
        Subtract,
        Multiply,
        Divide,
        FloorDivide,
        MatrixMultiply,
        Power,
        Less,
        LessEqual,
        Greater,
        GreaterEqual,
        Equal,
        NotEqual,
    ])
}

fn unary(operator: UnaryOperator, operand: Expression) -> Expression {
    Expression::made(ExpressionKind::Unary(operator, Box::new(operand)))
}

fn arguments(
    value: impl Strategy<Value = Expression> + Clone,
) -> impl Strategy<Value = Vec<Argument>> {
    let keyword = option::weighted(0.3, name(&["axis", "keepdims", "dim"]));
    vec(
        (keyword, value).prop_map(|(keyword, value)| Argument { keyword, value }),
        0..3,
    )
}

fn subscript(
    value: impl Strategy<Value = Expression> + Clone,
) -> impl Strategy<Value = Subscript> + Clone {
    let part = option::of(value.clone());
    prop_oneof![
        3 => value.prop_map(Subscript::At),
        2 => (part.clone(), part.clone(), part)
            .prop_map(|(start, stop, step)| Subscript::Slice { start, stop, step }),
        1 => Just(Subscript::NewAxis),
        1 => Just(Subscript::Ellipsis),
    ]
}

fn branch(inner: &BoxedStrategy<Expression>) -> BoxedStrategy<Expression> {
    let boxed = inner.clone().prop_map(Box::new);
    let functions = name(&["exp", "f", "h'", "h''", "np.linalg.inv", "F.relu"]);
    let kinds = prop_oneof![
        6 => (binary_operator(), boxed.clone(), boxed.clone())
            .prop_map(|(operator, left, right)| ExpressionKind::Binary(operator, left, right)),
        1 => boxed.clone().prop_map(|inner| ExpressionKind::Unary(UnaryOperator::Plus, inner)),
        2 => boxed.clone().prop_map(|inner| ExpressionKind::Unary(UnaryOperator::Negate, inner)),
        2 => boxed.clone().prop_map(ExpressionKind::Transpose),
        2 => boxed.clone().prop_map(ExpressionKind::Prime),
        3 => (boxed.clone(), vec(subscript(inner.clone()), 0..3))
            .prop_map(|(base, subscripts)| ExpressionKind::Subscript(base, subscripts)),
        3 => (functions, arguments(inner.clone()))
            .prop_map(|(function, arguments)| ExpressionKind::Call { function, arguments }),
        2 => (boxed.clone(), name(&["sum", "reshape"]), arguments(inner.clone()))
            .prop_map(|(receiver, method, arguments)| ExpressionKind::Method {
                receiver,
                method,
                arguments,
            }),
        1 => (boxed.clone(), name(&["shape", "size"]))
            .prop_map(|(base, name)| ExpressionKind::Attribute(base, name)),
        2 => (name(&["sum", "max", "logsumexp"]), vec(declared_index(inner.clone()), 1..3), boxed.clone())
            .prop_map(|(function, indices, body)| ExpressionKind::Reduction {
                function,
                indices,
                body,
            }),
        1 => vec(inner.clone(), 0..3).prop_map(ExpressionKind::Tuple),
        1 => vec(inner.clone(), 0..3).prop_map(ExpressionKind::List),
        1 => (boxed.clone(), index(), boxed)
            .prop_map(|(body, index, bound)| ExpressionKind::Comprehension { body, index, bound }),
    ];
    kinds.prop_map(Expression::made).boxed()
}

fn expression(leaf: BoxedStrategy<Expression>) -> impl Strategy<Value = Expression> + Clone {
    leaf.prop_recursive(5, 48, 4, |inner| branch(&inner))
}

fn sizes() -> impl Strategy<Value = Vec<Expression>> + Clone {
    let size = prop_oneof![
        select(&["S", "M", "N"][..]).prop_map(Expression::name),
        (0_i64..20).prop_map(Expression::integer),
        (-9_i64..9).prop_map(|shift| Expression::binary(
            BinaryOperator::Add,
            Expression::name("N"),
            Expression::integer(shift)
        )),
    ];
    vec(size, 0..4)
}

fn facts() -> impl Strategy<Value = Vec<Fact>> + Clone {
    let names = name(&["symmetric", "positive", "labels", "constant"]);
    let fact = (names, vec(Just(Expression::name("C")), 0..2));
    vec(
        fact.prop_map(|(name, arguments)| Fact { name, arguments }),
        0..3,
    )
}

fn tensor(names: &'static [&'static str]) -> impl Strategy<Value = Declaration> + Clone {
    (name(names), sizes(), facts()).prop_map(|(name, sizes, facts)| Declaration {
        name,
        sizes: Some(sizes),
        facts,
        span: Span::default(),
    })
}

fn function() -> Declaration {
    Declaration {
        name: Name::made("h"),
        sizes: None,
        facts: vec![Fact {
            name: Name::made("elementwise"),
            arguments: Vec::new(),
        }],
        span: Span::default(),
    }
}

fn definition() -> impl Strategy<Value = Definition> + Clone {
    let extent = option::weighted(0.3, expression(leaf(DECLARED_NAMES)));
    let indices = vec((index(), extent), 0..3).prop_map(|indices| -> Vec<IndexDeclaration> {
        indices
            .into_iter()
            .map(|(name, extent)| IndexDeclaration { name, extent })
            .collect()
    });
    (
        name(DECLARED_NAMES),
        option::of(indices),
        expression(leaf(DECLARED_NAMES)),
    )
        .prop_map(|(name, indices, value)| Definition {
            name,
            indices,
            value,
            span: Span::default(),
        })
}

fn module() -> impl Strategy<Value = Module> {
    (
        name(&["linear", "mlp"]),
        vec(
            prop_oneof![3 => tensor(DECLARED_NAMES), 1 => Just(function())],
            0..4,
        ),
        tensor(&["Y", "Z"]),
        vec(definition().prop_map(Statement::Definition), 0..3),
    )
        .prop_map(|(name, parameters, result, body)| Module {
            name,
            parameters,
            result,
            body,
            span: Span::default(),
        })
}

fn program() -> impl Strategy<Value = Program> {
    let statement = prop_oneof![
        2 => tensor(DECLARED_NAMES).prop_map(Statement::Declaration),
        1 => Just(Statement::Declaration(function())),
        3 => definition().prop_map(Statement::Definition),
        1 => module().prop_map(Statement::Module),
    ];
    // All names are declared first, so that a last expression is one.
    let declared = DECLARED_NAMES.iter().map(|text| {
        Statement::Declaration(Declaration {
            name: Name::made(*text),
            sizes: Some(Vec::new()),
            facts: Vec::new(),
            span: Span::default(),
        })
    });
    let declared: Vec<Statement> = declared.collect();
    let last = prop_oneof![
        expression(leaf(DECLARED_NAMES)).prop_map(Statement::Expression),
        definition().prop_map(Statement::Definition),
    ];
    (vec(statement, 0..4), last).prop_map(move |(statements, last)| Program {
        statements: declared
            .iter()
            .cloned()
            .chain(statements)
            .chain([last])
            .collect(),
    })
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

proptest! {
    #![proptest_config(config(4_000))]

    #[test]
    fn an_expression_comes_back_from_its_text(tree in expression(leaf(ANY_NAMES))) {
        let text = format_expression(&tree);
        let (parsed, diagnostics) = parse_expression(&text);
        prop_assert_eq!(diagnostics, vec![], "{}", text);
        let parsed = parsed.map(Expression::without_spans);
        prop_assert_eq!(parsed.as_ref(), Some(&tree), "{}", text);
        prop_assert_eq!(parsed.map(|parsed| format_expression(&parsed)), Some(text));
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn a_program_comes_back_from_its_text(tree in program()) {
        let text = format_program(&tree);
        let parsed = parse(&text);
        prop_assert_eq!(parsed.diagnostics, vec![], "{}", text);
        prop_assert_eq!(parsed.program.without_spans(), tree, "{}", text);
    }

    #[test]
    fn a_claim_comes_back_from_its_text(
        right in expression(
            prop_oneof![
                leaf(DECLARED_NAMES),
                select(DECLARED_NAMES).prop_map(|by| Expression::made(
                    ExpressionKind::Differential { of: "L".into(), by: by.into() }
                )),
            ]
            .boxed()
        )
    ) {
        let text = format!("dL/dX.T = {}", format_expression(&right));
        let (claim, diagnostics) = parse_claim(&text);
        prop_assert_eq!(diagnostics, vec![], "{}", text);
        let claim = claim.map(|claim| (claim.left.without_spans(), claim.right.without_spans()));
        let left = Expression::made(ExpressionKind::Differential { of: "L".into(), by: "X".into() });
        prop_assert_eq!(claim, Some((left.transpose(), right)), "{}", text);
    }

    #[test]
    fn parentheses_are_minimal_but_between_products(tree in expression(leaf(DECLARED_NAMES))) {
        // Taking any one pair of parentheses away changes what the text says.
        let text = format_expression(&unary(UnaryOperator::Negate, tree.clone()));
        let tree = unary(UnaryOperator::Negate, tree);
        for (start, end) in groups(&text) {
            // Element-wise products are kept apart from matrix products.
            let behind = &text[end + 1..];
            if behind.starts_with(" @ ") || behind.starts_with(" * ") {
                continue;
            }
            // `(0).T` keeps them, so that nobody reads the number `0.`.
            if text[start + 1..end].parse::<f64>().is_ok() {
                continue;
            }
            let mut shorter = text.clone();
            shorter.replace_range(end..=end, " ");
            shorter.replace_range(start..=start, " ");
            let (parsed, diagnostics) = parse_expression(&shorter);
            let same = diagnostics.is_empty()
                && parsed.map(Expression::without_spans).as_ref() == Some(&tree);
            prop_assert!(!same, "{} and {}", text, shorter);
        }
    }
}

/// The places of parentheses that only group, outside strings.
fn groups(text: &str) -> Vec<(usize, usize)> {
    let mut open = Vec::new();
    let mut groups = Vec::new();
    let mut quote = None;
    let mut before = ' ';
    for (position, character) in text.char_indices() {
        match (quote, character) {
            (Some(end), _) if character == end => quote = None,
            (None, '"') => quote = Some('"'),
            (None, '\'') if !(before.is_alphanumeric() || "_)]'".contains(before)) => {
                quote = Some('\'');
            }
            (None, '(') => {
                let calls = before.is_alphanumeric() || "_]'".contains(before);
                open.push((position, calls));
            }
            (None, ')') => {
                if let Some((start, false)) = open.pop() {
                    groups.push((start, position));
                }
            }
            _ => {}
        }
        before = character;
    }
    groups
}
