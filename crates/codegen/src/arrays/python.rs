//! Python expressions. Our syntax tree has Python's operators with Python's precedence, so that a Python expression is
//! a tree whose names and calls are NumPy's, and its text is the tree's text. Nothing here knows about programs.

use backprove_calculus::{Fact, Number, Tensor, matrix};
use backprove_syntax::format_expression;
use backprove_syntax::tree::{
    Argument, BinaryOperator, Expression, ExpressionKind, Name, Subscript, UnaryOperator,
};

/// A name or a piece of text that holds together like one.
pub(super) fn name(text: impl Into<String>) -> Expression {
    Expression::name(text)
}

/// `function(arguments)`.
pub(super) fn call(function: &str, arguments: impl IntoIterator<Item = Expression>) -> Expression {
    Expression::call(function, arguments)
}

/// `receiver.copy()`.
pub(super) fn copied(receiver: Expression) -> Expression {
    Expression::made(ExpressionKind::Method {
        receiver: Box::new(receiver),
        method: Name::made("copy"),
        arguments: Vec::new(),
    })
}

/// `base[entries]`.
pub(super) fn subscript(base: Expression, entries: Vec<Subscript>) -> Expression {
    Expression::made(ExpressionKind::Subscript(Box::new(base), entries))
}

/// `:`.
pub(super) fn everything() -> Subscript {
    Subscript::Slice {
        start: None,
        stop: None,
        step: None,
    }
}

/// `(a, b)`.
pub(super) fn tuple(items: Vec<Expression>) -> Expression {
    Expression::made(ExpressionKind::Tuple(items))
}

/// `-tree`.
pub(super) fn negative(tree: Expression) -> Expression {
    Expression::made(ExpressionKind::Unary(UnaryOperator::Negate, Box::new(tree)))
}

/// A string.
pub(super) fn string(text: String) -> Expression {
    Expression::made(ExpressionKind::String(text))
}

/// Whether NumPy may give an array that shares its memory with another.
pub(super) fn is_view(tree: &Expression) -> bool {
    match &tree.kind {
        ExpressionKind::Name(_) | ExpressionKind::Transpose(_) | ExpressionKind::Subscript(..) => {
            true
        }
        ExpressionKind::Call {
            function,
            arguments,
        } => match function.text.as_str() {
            "np.diag" | "np.transpose" | "np.swapaxes" => true,
            "np.einsum" => arguments.len() == 2,
            _ => false,
        },
        _ => false,
    }
}

/// A number as Python writes it.
pub(super) fn number(value: Number) -> Expression {
    constants(&matrix::number(value))
}

/// The names of constants in a number's tree.
fn constants(tree: &Expression) -> Expression {
    match &tree.kind {
        ExpressionKind::Name(word) => constant(word).unwrap_or_else(|| tree.clone()),
        ExpressionKind::Unary(operator, inner) => {
            Expression::made(ExpressionKind::Unary(*operator, Box::new(constants(inner))))
        }
        _ => tree.clone(),
    }
}

/// A constant that NumPy names.
pub(super) fn constant(word: &str) -> Option<Expression> {
    match word {
        "pi" | "e" | "inf" => Some(name(format!("np.{word}"))),
        _ => None,
    }
}

/// Whether the values are truth values.
pub(super) fn is_truth(tree: &Expression) -> bool {
    match &tree.kind {
        ExpressionKind::Binary(operator, ..) => is_comparison(*operator),
        // Axes that are added or exchanged change no value.
        ExpressionKind::Subscript(inner, _) | ExpressionKind::Transpose(inner) => is_truth(inner),
        _ => false,
    }
}

/// Whether `np.where` is asked for ones and zeros in the place of truth values.
pub(super) fn is_mask(arguments: &[Argument]) -> bool {
    let is = |argument: &Argument, text: &str| matches!(&argument.value.kind, ExpressionKind::Number(own) if own == text);
    matches!(arguments, [_, one, zero] if is(one, "1.0") && is(zero, "0.0"))
}

/// `x[:, positions]`: what lies at positions along an axis.
pub(super) fn taken(
    base: Expression,
    positions: Expression,
    axis: Option<&Expression>,
) -> Option<Expression> {
    let ExpressionKind::Number(axis) = &axis?.kind else {
        return None;
    };
    let mut entries = vec![everything(); axis.parse().ok()?];
    entries.push(Subscript::At(positions));
    Some(subscript(base, entries))
}

/// Whether a tensor holds whole numbers that choose classes.
pub(super) fn holds_labels(tensor: &Tensor) -> bool {
    let facts = tensor.facts().iter();
    facts
        .into_iter()
        .any(|fact| matches!(fact, Fact::Labels(_)))
}

/// Whether the operator compares.
pub(super) fn is_comparison(operator: BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Less
            | BinaryOperator::LessEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterEqual
            | BinaryOperator::Equal
            | BinaryOperator::NotEqual
    )
}

/// The tree with ones and zeros in the place of truth values.
pub(super) fn as_numbers(tree: Expression) -> Expression {
    if is_truth(&tree) {
        let (one, zero) = (real("1.0"), real("0.0"));
        call("np.where", [tree, one, zero])
    } else {
        tree
    }
}

/// A whole number that is written out becomes a real one, so that arrays made of it hold reals.
pub(super) fn as_real(tree: Expression) -> Expression {
    match &tree.kind {
        ExpressionKind::Number(text) if text.chars().all(|c| c.is_ascii_digit()) => {
            real(&format!("{text}.0"))
        }
        ExpressionKind::Unary(UnaryOperator::Negate, inner) => negative(as_real((**inner).clone())),
        _ => as_numbers(tree),
    }
}

fn real(text: &str) -> Expression {
    Expression::made(ExpressionKind::Number(text.to_owned()))
}

/// `left operator right`; truth values become numbers where NumPy would not do arithmetic with them.
pub(super) fn binary(operator: BinaryOperator, left: Expression, right: Expression) -> Expression {
    if operator == BinaryOperator::Multiply {
        // NumPy multiplies a real number with a truth value as one would wish, but not two truth values.
        let left = if is_truth(&right) {
            as_numbers(left)
        } else {
            left
        };
        return Expression::binary(operator, left, right);
    }
    Expression::binary(operator, as_numbers(left), as_numbers(right))
}

/// The products and quotients of a sum, each with its scalars in front, where there are several: then arrays are gone
/// through once for all of them.
pub(super) fn scalars_first(
    tree: &Expression,
    is_scalar: &dyn Fn(&Expression) -> bool,
) -> Expression {
    use BinaryOperator::{Add, Divide, Multiply, Subtract};
    match &tree.kind {
        ExpressionKind::Unary(operator, inner) => Expression::made(ExpressionKind::Unary(
            *operator,
            Box::new(scalars_first(inner, is_scalar)),
        )),
        ExpressionKind::Binary(operator @ (Add | Subtract), left, right) => {
            let (left, right) = (
                scalars_first(left, is_scalar),
                scalars_first(right, is_scalar),
            );
            Expression::binary(*operator, left, right)
        }
        ExpressionKind::Binary(Multiply | Divide, ..) => {
            let mut factors = Vec::new();
            let mut current = tree;
            while let ExpressionKind::Binary(operator @ (Multiply | Divide), left, right) =
                &current.kind
            {
                factors.push((*operator, &**right));
                current = left;
            }
            factors.push((Multiply, current));
            factors.reverse();
            let (scalars, arrays): (Vec<_>, Vec<_>) = factors
                .into_iter()
                .partition(|(_, factor)| is_scalar(factor));
            let first = scalars.first().map(|(operator, _)| *operator);
            let starts = matches!(arrays.first(), Some((Multiply, _))) && first == Some(Multiply);
            if scalars.len() < 2 || !starts {
                return tree.clone();
            }
            let product = |factors: Vec<(BinaryOperator, &Expression)>| {
                let (_, first) = factors[0];
                factors[1..]
                    .iter()
                    .fold(first.clone(), |tree, (operator, factor)| {
                        Expression::binary(*operator, tree, (*factor).clone())
                    })
            };
            let arrays_first = arrays[0].1.clone();
            let front = Expression::binary(Multiply, product(scalars), arrays_first);
            arrays[1..].iter().fold(front, |tree, (operator, factor)| {
                binary(*operator, tree, (*factor).clone())
            })
        }
        _ => tree.clone(),
    }
}

/// The longest line that is not broken.
pub(super) const WIDTH: usize = 88;

/// A formula as a line of a docstring, broken between words where it would be too long.
pub(super) fn line(formula: &str) -> String {
    let mut text = String::new();
    let mut line = "   ".to_owned();
    for word in formula.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && !line.trim().is_empty() {
            text.push_str(line.trim_end());
            text.push('\n');
            "       ".clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    text + line.trim_end() + "\n"
}

/// `target = value  # comment` at the indentation of a function's body, broken where it would be too long.
pub(super) fn assignment(target: &str, value: &Expression, comment: &str) -> String {
    let line = format!("    {target} = {}", format_expression(value));
    let length = line.chars().count();
    if length + 4 + comment.chars().count() <= WIDTH {
        return format!("{line}  # {comment}\n");
    }
    let above = format!("    # {target}: {comment}\n");
    if length <= WIDTH {
        return format!("{above}{line}\n");
    }
    let (open, parts, comma) = match &value.kind {
        ExpressionKind::Call {
            function,
            arguments,
        } => {
            let keyword = |argument: &Argument| match &argument.keyword {
                Some(keyword) => format!("{}=", keyword.text),
                None => String::new(),
            };
            let parts = arguments
                .iter()
                .map(|argument| keyword(argument) + &format_expression(&argument.value));
            (format!("{}(", function.text), parts.collect(), ",")
        }
        ExpressionKind::Unary(UnaryOperator::Negate, inner) => ("-(".to_owned(), terms(inner), ""),
        _ => ("(".to_owned(), terms(value), ""),
    };
    if parts.len() < 2 {
        return format!("{above}{line}\n");
    }
    let mut text = format!("{above}    {target} = {open}\n");
    let together = format!("        {}\n    )\n", parts.join(", "));
    if comma == "," && together.chars().count() <= WIDTH + 7 {
        return text + &together;
    }
    for part in parts {
        text.push_str("        ");
        text.push_str(&part);
        text.push_str(comma);
        text.push('\n');
    }
    text.push_str("    )\n");
    text
}

/// The terms of an addition, each with its sign, or the factors of a product; the first has none.
fn terms(tree: &Expression) -> Vec<String> {
    use BinaryOperator::{Add, Divide, MatrixMultiply, Multiply, Subtract};
    let additive = |operator: BinaryOperator| matches!(operator, Add | Subtract);
    let multiplicative =
        |operator: BinaryOperator| matches!(operator, Multiply | Divide | MatrixMultiply);
    let mut current = tree;
    let mut found = Vec::new();
    let ExpressionKind::Binary(outermost, ..) = &tree.kind else {
        return vec![format_expression(tree)];
    };
    while let ExpressionKind::Binary(operator, left, _) = &current.kind
        && ((additive(*operator) && additive(*outermost))
            || (multiplicative(*operator) && multiplicative(*outermost)))
    {
        // The operand's own text is taken out of the whole, so that it keeps the parentheses it needs.
        let whole = format_expression(current);
        let operand = &whole[format_left(*operator, left).len() + 1..];
        found.push(operand.to_owned());
        current = left;
    }
    let lead = match &tree.kind {
        ExpressionKind::Binary(..) if !found.is_empty() => left_text(tree, current),
        _ => format_expression(current),
    };
    found.push(lead);
    found.reverse();
    found
}

/// The left operand as it stands before its operator.
fn format_left(operator: BinaryOperator, left: &Expression) -> String {
    let one = Expression::name("x");
    let whole = format_expression(&Expression::binary(operator, left.clone(), one));
    let end = whole.len() - operator.text().len() - 3;
    whole[..end].to_owned()
}

/// The innermost left operand as it stands in the whole.
fn left_text(tree: &Expression, innermost: &Expression) -> String {
    let mut current = tree;
    while let ExpressionKind::Binary(operator, left, _) = &current.kind {
        if std::ptr::eq(&raw const **left, innermost) {
            return format_left(*operator, left);
        }
        current = left;
    }
    format_expression(innermost)
}
