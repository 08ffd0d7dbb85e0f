//! Python expressions. Our syntax tree has Python's operators with Python's precedence, so that a Python expression is
//! a tree whose names and calls are NumPy's, and its text is the tree's text. Nothing here knows about programs.

use std::fmt::Write;

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
    format!("{above}    {target} = {}\n", broken(value, 4))
}

/// An expression over several lines within parentheses, those after the first at `indent` or further in.
fn broken(tree: &Expression, indent: usize) -> String {
    let (inner, end) = (" ".repeat(indent + 4), " ".repeat(indent));
    match &tree.kind {
        ExpressionKind::Call {
            function,
            arguments,
        } if !arguments.is_empty() => {
            let written = |argument: &Argument, value: String| match &argument.keyword {
                Some(keyword) => format!("{}={value}", keyword.text),
                None => value,
            };
            let whole = |own: &Argument| written(own, format_expression(&own.value));
            let together: Vec<String> = arguments.iter().map(whole).collect();
            let together = format!("{inner}{}", together.join(", "));
            if together.chars().count() <= WIDTH {
                return format!("{}(\n{together}\n{end})", function.text);
            }
            let mut text = format!("{}(\n", function.text);
            for argument in arguments {
                let line = whole(argument);
                let line = if fits(&line, indent + 5) {
                    line
                } else {
                    written(argument, broken(&argument.value, indent + 4))
                };
                let _ = writeln!(text, "{inner}{line},");
            }
            text + &end + ")"
        }
        ExpressionKind::Method {
            receiver,
            method,
            arguments,
        } => {
            let arguments = arguments.iter().map(|one| format_expression(&one.value));
            let arguments = arguments.collect::<Vec<_>>().join(", ");
            format!("{}.{}({arguments})", broken(receiver, indent), method.text)
        }
        ExpressionKind::Subscript(base, _) => {
            let whole = format_expression(tree);
            let base_text =
                format_expression(&Expression::made(ExpressionKind::Transpose(base.clone())));
            let entries = whole.get(base_text.len() - 2..).unwrap_or_default();
            format!("{}{entries}", broken(base, indent))
        }
        ExpressionKind::Transpose(base) => format!("{}.T", broken(base, indent)),
        ExpressionKind::Unary(UnaryOperator::Negate, operand) => {
            format!("-{}", broken(operand, indent))
        }
        ExpressionKind::Binary(..) => {
            let mut text = String::from("(\n");
            for (sign, line, operand) in terms(tree) {
                let line = if fits(&line, indent + 4) {
                    line
                } else {
                    format!("{sign}{}", broken(operand, indent + 4))
                };
                let _ = writeln!(text, "{inner}{line}");
            }
            text + &end + ")"
        }
        _ => format_expression(tree),
    }
}

fn fits(line: &str, indent: usize) -> bool {
    indent + line.chars().count() <= WIDTH
}

/// The terms of an addition, the factors of a product or the sides of a comparison: what stands before each but the first,
/// its text with that, and itself.
fn terms(tree: &Expression) -> Vec<(String, String, &Expression)> {
    use BinaryOperator::{Add, Divide, MatrixMultiply, Multiply, Subtract};
    let level = |operator: BinaryOperator| match operator {
        Add | Subtract => 1,
        Multiply | Divide | MatrixMultiply => 2,
        _ => 0,
    };
    let (mut current, mut found, mut outermost) = (tree, Vec::new(), None);
    while let ExpressionKind::Binary(operator, left, right) = &current.kind
        && outermost.is_none_or(|own| own == level(*operator) && own > 0)
    {
        outermost = Some(level(*operator));
        // The operand's own text is taken out of the whole, so that it keeps the parentheses it needs.
        let whole = format_expression(current);
        let before = format_left(*operator, left);
        let line = whole[before.len() + 1..].to_owned();
        found.push((format!("{} ", operator.text()), line, &**right));
        if !matches!(&left.kind, ExpressionKind::Binary(inner, ..) if level(*inner) == level(*operator) && level(*inner) > 0)
        {
            found.push((String::new(), before, &**left));
        }
        current = left;
    }
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
