//! Trees without their places, for comparing what was written. Must never change anything else.

use crate::source::Span;
use crate::tree::{
    Argument, Declaration, Expression, ExpressionKind, IndexDeclaration, Name, Program, Statement,
    Subscript,
};

impl Expression {
    /// The same expression without places, so that equal texts give equal trees.
    ///
    /// ```
    /// use backprove_syntax::parse_expression;
    /// let spanless = |text| parse_expression(text).0.map(|e| e.without_spans());
    /// assert_eq!(spanless("a+b"), spanless("(a  +  b)"));
    /// ```
    #[must_use]
    pub fn without_spans(mut self) -> Self {
        clear(&mut self);
        self
    }
}

impl Program {
    /// The same program without places.
    #[must_use]
    pub fn without_spans(mut self) -> Self {
        self.statements.iter_mut().for_each(clear_statement);
        self
    }
}

fn clear_statement(statement: &mut Statement) {
    match statement {
        Statement::Declaration(declaration) => clear_declaration(declaration),
        Statement::Definition(definition) => {
            clear_name(&mut definition.name);
            let indices = definition.indices.iter_mut().flatten();
            indices.for_each(clear_index);
            clear(&mut definition.value);
            definition.span = Span::default();
        }
        Statement::Module(module) => {
            clear_name(&mut module.name);
            module.parameters.iter_mut().for_each(clear_declaration);
            clear_declaration(&mut module.result);
            module.body.iter_mut().for_each(clear_statement);
            module.span = Span::default();
        }
        Statement::Expression(expression) => clear(expression),
    }
}

fn clear_declaration(declaration: &mut Declaration) {
    clear_name(&mut declaration.name);
    declaration.sizes.iter_mut().flatten().for_each(clear);
    for fact in &mut declaration.facts {
        clear_name(&mut fact.name);
        fact.arguments.iter_mut().for_each(clear);
    }
    declaration.span = Span::default();
}

fn clear_name(name: &mut Name) {
    name.span = Span::default();
}

fn clear_index(index: &mut IndexDeclaration) {
    clear_name(&mut index.name);
    index.extent.iter_mut().for_each(clear);
}

fn clear_arguments(arguments: &mut [Argument]) {
    for argument in arguments {
        argument.keyword.iter_mut().for_each(clear_name);
        clear(&mut argument.value);
    }
}

fn clear(expression: &mut Expression) {
    expression.span = Span::default();
    match &mut expression.kind {
        ExpressionKind::Number(_)
        | ExpressionKind::String(_)
        | ExpressionKind::Name(_)
        | ExpressionKind::None
        | ExpressionKind::Differential { .. } => {}
        ExpressionKind::Unary(_, operand)
        | ExpressionKind::Transpose(operand)
        | ExpressionKind::Prime(operand) => clear(operand),
        ExpressionKind::Binary(_, left, right) => {
            clear(left);
            clear(right);
        }
        ExpressionKind::Subscript(operand, subscripts) => {
            clear(operand);
            subscripts.iter_mut().for_each(clear_subscript);
        }
        ExpressionKind::Call {
            function,
            arguments,
        } => {
            clear_name(function);
            clear_arguments(arguments);
        }
        ExpressionKind::Method {
            receiver,
            method,
            arguments,
        } => {
            clear(receiver);
            clear_name(method);
            clear_arguments(arguments);
        }
        ExpressionKind::Attribute(operand, name) => {
            clear(operand);
            clear_name(name);
        }
        ExpressionKind::Reduction {
            function,
            indices,
            body,
        } => {
            clear_name(function);
            indices.iter_mut().for_each(clear_index);
            clear(body);
        }
        ExpressionKind::Tuple(items) | ExpressionKind::List(items) => {
            items.iter_mut().for_each(clear);
        }
        ExpressionKind::Comprehension { body, index, bound } => {
            clear(body);
            clear_name(index);
            clear(bound);
        }
    }
}

fn clear_subscript(subscript: &mut Subscript) {
    match subscript {
        Subscript::At(expression) => clear(expression),
        Subscript::Slice { start, stop, step } => {
            for part in [start, stop, step].into_iter().flatten() {
                clear(part);
            }
        }
        Subscript::NewAxis | Subscript::Ellipsis => {}
    }
}
