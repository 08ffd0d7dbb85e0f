//! The canonical text of trees: minimal parentheses, one way of spacing. Parsing this text gives
//! the tree back, places apart. Must never rewrite what a tree says.

use std::collections::HashSet;
use std::fmt::Write;

use crate::parser::is_library;
use crate::tree::{
    Argument, BinaryOperator, Declaration, Definition, Expression, ExpressionKind,
    IndexDeclaration, Module, Program, Statement, Subscript, UnaryOperator,
};

/// The canonical text of an expression.
///
/// ```
/// use backprove_syntax::{format_expression, parse_expression};
/// let (expression, _) = parse_expression("(2*X.T) @ ((X@w) - y)^2");
/// assert_eq!(
///     expression.map(|e| format_expression(&e)).as_deref(),
///     Some("2 * X.T @ (X @ w - y) ** 2")
/// );
/// ```
pub fn format_expression(expression: &Expression) -> String {
    let mut writer = Writer::default();
    writer.expression(expression, Level::Comparison);
    writer.text
}

/// The canonical text of a statement, without an end of line.
pub fn format_statement(statement: &Statement) -> String {
    let mut writer = Writer::default();
    writer.statement(statement);
    writer.text
}

/// The canonical text of a program, each statement on lines of its own.
pub fn format_program(program: &Program) -> String {
    let mut writer = Writer::default();
    for statement in &program.statements {
        writer.statement(statement);
        writer.text.push('\n');
    }
    writer.text
}

/// How tightly an expression holds together, from loose to tight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Comparison,
    Sum,
    Product,
    Unary,
    Power,
    Postfix,
}

#[derive(Default)]
struct Writer {
    text: String,
    indent: usize,
    /// What the statements so far declare or define.
    known: HashSet<String>,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn statement(&mut self, statement: &Statement) {
        for _ in 0..self.indent {
            self.push("    ");
        }
        match statement {
            Statement::Declaration(declaration) => {
                self.known.insert(declaration.name.text.clone());
                self.declaration(declaration);
            }
            Statement::Definition(definition) => {
                self.known.insert(definition.name.text.clone());
                self.definition(definition);
            }
            Statement::Module(module) => self.module(module),
            Statement::Expression(expression) => {
                if self.needs_parentheses_as_statement(expression) {
                    self.parenthesised(expression);
                } else {
                    self.expression(expression, Level::Comparison);
                }
            }
        }
    }

    /// An access alone on a line would declare its tensor if that were unknown, and a line that
    /// starts with `+` looks like the rest of another.
    fn needs_parentheses_as_statement(&self, expression: &Expression) -> bool {
        match &expression.kind {
            ExpressionKind::Subscript(base, _) => {
                matches!(&base.kind, ExpressionKind::Name(name) if !self.known.contains(name))
            }
            _ => starts_with_plus(expression),
        }
    }

    fn declaration(&mut self, declaration: &Declaration) {
        self.push(&declaration.name.text);
        if let Some(sizes) = &declaration.sizes {
            self.push("[");
            self.list(sizes);
            self.push("]");
        }
        for (position, fact) in declaration.facts.iter().enumerate() {
            self.push(if position == 0 { ": " } else { ", " });
            self.push(&fact.name.text);
            if !fact.arguments.is_empty() {
                self.push("(");
                self.list(&fact.arguments);
                self.push(")");
            }
        }
    }

    fn definition(&mut self, definition: &Definition) {
        self.push(&definition.name.text);
        if let Some(indices) = &definition.indices {
            self.push("[");
            self.indices(indices);
            self.push("]");
        }
        self.push(" = ");
        self.expression(&definition.value, Level::Comparison);
    }

    fn module(&mut self, module: &Module) {
        self.push("module ");
        self.push(&module.name.text);
        self.push("(");
        for (position, parameter) in module.parameters.iter().enumerate() {
            self.push(if position == 0 { "" } else { ", " });
            self.declaration(parameter);
        }
        self.push(") -> ");
        self.declaration(&module.result);
        self.push(" {\n");
        self.indent += 1;
        let parameters = module.parameters.iter();
        let inside = parameters.map(|parameter| parameter.name.text.clone());
        let outside = std::mem::replace(&mut self.known, inside.collect());
        for statement in &module.body {
            self.statement(statement);
            self.push("\n");
        }
        self.known = outside;
        self.indent -= 1;
        for _ in 0..self.indent {
            self.push("    ");
        }
        self.push("}");
    }

    /// Writes an expression, in parentheses where it holds together less than `least`.
    fn expression(&mut self, expression: &Expression, least: Level) {
        if level(expression) < least {
            return self.parenthesised(expression);
        }
        match &expression.kind {
            ExpressionKind::Number(text) | ExpressionKind::Name(text) => self.push(text),
            ExpressionKind::String(text) => {
                let quote = if text.contains('"') { "'" } else { "\"" };
                self.push(quote);
                self.push(text);
                self.push(quote);
            }
            ExpressionKind::None => self.push("None"),
            ExpressionKind::Differential { of, by } => {
                // Writing to a string cannot fail.
                let _ = write!(self.text, "d{of}/d{by}");
            }
            ExpressionKind::Unary(operator, operand) => {
                self.push(match operator {
                    UnaryOperator::Negate => "-",
                    UnaryOperator::Plus => "+",
                });
                self.expression(operand, Level::Unary);
            }
            ExpressionKind::Binary(operator, left, right) => {
                let (left_level, right_level) = operand_levels(*operator);
                if mixes_products(*operator, left) {
                    self.parenthesised(left);
                } else {
                    self.expression(left, left_level);
                }
                self.push(" ");
                self.push(operator.text());
                self.push(" ");
                self.expression(right, right_level);
            }
            ExpressionKind::Transpose(operand) => {
                self.base(operand);
                self.push(".T");
            }
            ExpressionKind::Prime(operand) => {
                if matches!(operand.kind, ExpressionKind::String(_)) {
                    self.parenthesised(operand);
                } else {
                    self.base(operand);
                }
                self.push("'");
            }
            ExpressionKind::Subscript(operand, subscripts) => {
                self.base(operand);
                self.push("[");
                for (position, subscript) in subscripts.iter().enumerate() {
                    self.push(if position == 0 { "" } else { ", " });
                    self.subscript(subscript);
                }
                self.push("]");
            }
            ExpressionKind::Call {
                function,
                arguments,
            } => {
                self.push(&function.text);
                self.arguments(arguments);
            }
            ExpressionKind::Method {
                receiver,
                method,
                arguments,
            } => {
                // `np.sum(x)` calls a function of a library, `(np).sum(x)` a method of a tensor.
                if self.is_library_path(receiver) {
                    self.parenthesised(receiver);
                } else {
                    self.base(receiver);
                }
                self.push(".");
                self.push(&method.text);
                self.arguments(arguments);
            }
            ExpressionKind::Attribute(operand, name) => {
                self.base(operand);
                self.push(".");
                self.push(&name.text);
            }
            ExpressionKind::Reduction {
                function,
                indices,
                body,
            } => {
                self.push(&function.text);
                self.push("[");
                self.indices(indices);
                self.push("](");
                self.expression(body, Level::Comparison);
                self.push(")");
            }
            ExpressionKind::Tuple(items) => {
                self.push("(");
                self.list(items);
                self.push(if items.len() == 1 { ",)" } else { ")" });
            }
            ExpressionKind::List(items) => {
                self.push("[");
                self.list(items);
                self.push("]");
            }
            ExpressionKind::Comprehension { body, index, bound } => {
                self.push("[");
                self.expression(body, Level::Comparison);
                self.push(" for ");
                self.push(&index.text);
                self.push(" in range(");
                self.expression(bound, Level::Comparison);
                self.push(")]");
            }
        }
    }

    fn parenthesised(&mut self, expression: &Expression) {
        self.push("(");
        self.expression(expression, Level::Comparison);
        self.push(")");
    }

    /// Whether this is `np` or `np.linalg`, and no tensor of that name.
    fn is_library_path(&self, expression: &Expression) -> bool {
        match &expression.kind {
            ExpressionKind::Name(name) => is_library(name) && !self.known.contains(name),
            ExpressionKind::Attribute(base, _) | ExpressionKind::Transpose(base) => {
                self.is_library_path(base)
            }
            _ => false,
        }
    }

    /// What a postfix form is applied to; `1.T` would begin with the number `1.`.
    fn base(&mut self, operand: &Expression) {
        if matches!(operand.kind, ExpressionKind::Number(_)) {
            self.parenthesised(operand);
        } else {
            self.expression(operand, Level::Postfix);
        }
    }

    fn subscript(&mut self, subscript: &Subscript) {
        match subscript {
            Subscript::At(expression) => self.expression(expression, Level::Comparison),
            Subscript::Slice { start, stop, step } => {
                if let Some(start) = start {
                    self.expression(start, Level::Comparison);
                }
                self.push(":");
                if let Some(stop) = stop {
                    self.expression(stop, Level::Comparison);
                }
                if let Some(step) = step {
                    self.push(":");
                    self.expression(step, Level::Comparison);
                }
            }
            Subscript::NewAxis => self.push("None"),
            Subscript::Ellipsis => self.push("..."),
        }
    }

    fn arguments(&mut self, arguments: &[Argument]) {
        self.push("(");
        for (position, argument) in arguments.iter().enumerate() {
            self.push(if position == 0 { "" } else { ", " });
            if let Some(keyword) = &argument.keyword {
                self.push(&keyword.text);
                self.push("=");
            }
            self.expression(&argument.value, Level::Comparison);
        }
        self.push(")");
    }

    fn list(&mut self, items: &[Expression]) {
        for (position, item) in items.iter().enumerate() {
            self.push(if position == 0 { "" } else { ", " });
            self.expression(item, Level::Comparison);
        }
    }

    fn indices(&mut self, indices: &[IndexDeclaration]) {
        for (position, index) in indices.iter().enumerate() {
            self.push(if position == 0 { "" } else { ", " });
            self.push(&index.name.text);
            if let Some(extent) = &index.extent {
                self.push(": ");
                self.expression(extent, Level::Comparison);
            }
        }
    }
}

fn level(expression: &Expression) -> Level {
    match &expression.kind {
        // Programs may write a negative number as one.
        ExpressionKind::Number(text) if text.starts_with('-') => Level::Unary,
        ExpressionKind::Unary(..) => Level::Unary,
        ExpressionKind::Binary(operator, ..) => match operator {
            BinaryOperator::Add | BinaryOperator::Subtract => Level::Sum,
            BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::FloorDivide
            | BinaryOperator::MatrixMultiply => Level::Product,
            BinaryOperator::Power => Level::Power,
            BinaryOperator::Less
            | BinaryOperator::LessEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterEqual
            | BinaryOperator::Equal
            | BinaryOperator::NotEqual => Level::Comparison,
        },
        _ => Level::Postfix,
    }
}

/// Whether an element-wise product stands to the left of a matrix product, or the other way round: Python reads
/// `dY * H @ W` from the left, a person hesitates. A number in front is no such product.
fn mixes_products(operator: BinaryOperator, left: &Expression) -> bool {
    let ExpressionKind::Binary(inner, factor, _) = &left.kind else {
        return false;
    };
    match operator {
        BinaryOperator::MatrixMultiply => {
            let scaled = matches!(factor.kind, ExpressionKind::Number(_));
            matches!(inner, BinaryOperator::Multiply | BinaryOperator::Divide) && !scaled
        }
        BinaryOperator::Multiply => *inner == BinaryOperator::MatrixMultiply,
        _ => false,
    }
}

/// What the operands of an operator must hold together like at least.
fn operand_levels(operator: BinaryOperator) -> (Level, Level) {
    match operator {
        BinaryOperator::Add | BinaryOperator::Subtract => (Level::Sum, Level::Product),
        BinaryOperator::Multiply
        | BinaryOperator::Divide
        | BinaryOperator::FloorDivide
        | BinaryOperator::MatrixMultiply => (Level::Product, Level::Unary),
        BinaryOperator::Power => (Level::Postfix, Level::Unary),
        _ => (Level::Sum, Level::Sum),
    }
}

/// Whether the text of an expression starts with `+`.
fn starts_with_plus(expression: &Expression) -> bool {
    match &expression.kind {
        ExpressionKind::Unary(operator, _) => *operator == UnaryOperator::Plus,
        ExpressionKind::Binary(operator, left, _) => {
            level(left) >= operand_levels(*operator).0 && starts_with_plus(left)
        }
        _ => false,
    }
}
