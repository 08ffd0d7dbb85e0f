//! Index notation as Rust, element by element. No derivative is known here.

use backprove_calculus::affine::Affine;
use backprove_calculus::functions::{self, Body, Notation};
use backprove_calculus::{
    Callee, Dim, Expr, Fact, Function, FunctionName, Index, Node, Number, Tensor, matrix,
};
use backprove_syntax::tree::{Expression, ExpressionKind, UnaryOperator};
use backprove_syntax::{Diagnostic, format_expression};

use super::prelude;
use super::text::{Level, Text, mentions, quotient};
use super::writer::{Scope, Writer, unwritten};
use crate::formula::short_number;
use crate::functions::{primed, worked_out};
use crate::stable;

impl Writer<'_> {
    /// An expression as a number of type `f64`.
    pub(super) fn element(&mut self, expr: &Expr, scope: &Scope) -> Result<Text, Diagnostic> {
        match expr.node() {
            Node::Number(value) => Ok(number(*value)),
            Node::Extent(dim) => {
                let size = self.size(dim);
                let is_plain = !size.contains(' ');
                let size = if is_plain { size } else { format!("({size})") };
                Ok(Text::new(format!("{size} as f64"), Level::Cast))
            }
            Node::Access(tensor, at) => self.access(tensor, at, scope),
            Node::Position(index) => {
                let place = cast(&Self::position(scope, index)?, "f64");
                Ok(Text::new(place, Level::Cast))
            }
            Node::Delta(left, right) => {
                let (left, right) = (Self::position(scope, left)?, Self::position(scope, right)?);
                Ok(Text::atom(format!("f64::from({left} == {right})")))
            }
            Node::Indicator(index, value) => {
                let place = Self::position(scope, index)?;
                if let Some(at) = self.label(value, scope)? {
                    return Ok(Text::atom(format!("f64::from({place} == {at})")));
                }
                let value = if let Some(affine) = Affine::of(value) {
                    let at = self.signed(&affine, scope)?;
                    format!("f64::from({} == {at})", cast(&place, "isize"))
                } else {
                    let value = self.element(value, scope)?;
                    format!("f64::from({} == {})", cast(&place, "f64"), value.compared())
                };
                Ok(Text::atom(value))
            }
            Node::Reduce(reduction, bound, body) => {
                self.reduction(expr, *reduction, bound, body, scope)
            }
            Node::Sum(..) | Node::Power(..) => self.product(std::slice::from_ref(expr), scope),
            Node::Product(factors) => self.product(factors, scope),
            Node::Add(_) => self.addition(expr, scope),
            Node::Call(callee, arguments) => self.call(expr, callee, arguments, scope),
            Node::Matrix(function, operand, at) => {
                let free = operand.body.free_indices();
                let own = [operand.rows.clone(), operand.columns.clone()];
                if free.iter().any(|index| !own.contains(index)) {
                    return Err(unwritten(&format!(
                        "{} of several matrices",
                        function.title
                    )));
                }
                let matrix = self.matrix_operand(&operand.body, &own)?;
                let (name, text) = prelude::of_matrix(function.value);
                self.define(name, text);
                let value = format!("{name}({matrix})");
                if function.rank == 0 {
                    let scalar = Expr::matrix(function, operand.clone(), at);
                    return Ok(Text::atom(self.part(&scalar, |_| Ok(value))?));
                }
                let indices = [operand.rows.clone(), operand.columns.clone()];
                let whole = Expr::matrix(function, operand.clone(), &indices);
                let part = self.part(&whole, |_| Ok(value))?;
                let places = at.iter().map(|index| Self::position(scope, index));
                let places = places.collect::<Result<Vec<_>, _>>()?;
                Ok(Text::atom(format!("{part}[({})]", places.join(", "))))
            }
            Node::Derivative(..) => Err(unwritten("a derivative that is not worked out")),
        }
    }

    /// The array of an expression over `axes`.
    pub(super) fn array(&mut self, body: &Expr, axes: &[Index]) -> Result<String, Diagnostic> {
        if let [row, column] = axes
            && let Some(product) = self.matrix_product(body, row, column)?
        {
            return Ok(product);
        }
        let scope = self.within(&Vec::new(), axes);
        let element = self.element(body, &scope)?;
        let element = element.alone().to_owned();
        let letters: Vec<String> = scope
            .iter()
            .map(|(_, letter, _)| {
                let is_used = mentions(&element, letter);
                if is_used {
                    letter.clone()
                } else {
                    "_".to_owned()
                }
            })
            .collect();
        let sizes: Vec<String> = axes.iter().map(|axis| self.size(axis.extent())).collect();
        Ok(match (sizes.as_slice(), letters.as_slice()) {
            ([], _) => element,
            ([size], [letter]) => {
                self.define("vector", prelude::VECTOR);
                format!("vector({size}, |{letter}| {element})")
            }
            ([_, _], _) => {
                let (sizes, letters) = (sizes.join(", "), letters.join(", "));
                format!("Mat::from_fn({sizes}, |{letters}| {element})")
            }
            _ => {
                self.define("Array", prelude::ARRAY);
                let (sizes, letters) = (sizes.join(", "), letters.join(", "));
                format!("Array::from_fn([{sizes}], |[{letters}]| {element})")
            }
        })
    }

    /// The matrix that a function is applied to, by reference.
    fn matrix_operand(&mut self, body: &Expr, own: &[Index; 2]) -> Result<String, Diagnostic> {
        if let Node::Access(tensor, at) = body.node()
            && at.len() == 2
            && let Some(name) = self.names.get(tensor.name())
        {
            let is_input = self.program.inputs.contains(tensor);
            let as_is = if is_input {
                name.to_owned()
            } else {
                format!("{name}.as_ref()")
            };
            let turned = format!("{name}.transpose()");
            let is_turned = at[0] == own[1] && at[0] != at[1];
            if at.as_slice() == own.as_slice() || is_turned {
                self.reads.insert(tensor.name().to_owned());
                return Ok(if is_turned { turned } else { as_is });
            }
        }
        let name = self.part(body, |writer| writer.array(body, own))?;
        Ok(format!("{name}.as_ref()"))
    }

    pub(super) fn access(
        &mut self,
        tensor: &Tensor,
        at: &[Index],
        scope: &Scope,
    ) -> Result<Text, Diagnostic> {
        let element = self.place(tensor, at, scope)?;
        if holds_labels(tensor) {
            return Ok(Text::new(format!("{element} as f64"), Level::Cast));
        }
        Ok(Text::atom(element))
    }

    pub(super) fn place(
        &mut self,
        tensor: &Tensor,
        at: &[Index],
        scope: &Scope,
    ) -> Result<String, Diagnostic> {
        let own = self.arguments.iter().find(|own| **own == tensor.name());
        if let Some(argument) = own {
            return Ok((*argument).to_owned());
        }
        let name = self.names.get(tensor.name());
        let name = name
            .ok_or_else(|| unwritten(&format!("`{}`", tensor.name())))?
            .to_owned();
        self.reads.insert(tensor.name().to_owned());
        let places = at.iter().map(|index| Self::position(scope, index));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        Ok(match places.as_slice() {
            [] => name,
            [only] => format!("{name}[{only}]"),
            [row, column] => format!("{name}[({row}, {column})]"),
            several => format!("{name}[[{}]]", several.join(", ")),
        })
    }

    /// The position that an element of a tensor of labels is.
    pub(super) fn label(
        &mut self,
        value: &Expr,
        scope: &Scope,
    ) -> Result<Option<String>, Diagnostic> {
        match value.node() {
            Node::Access(tensor, at) if holds_labels(tensor) => {
                self.place(tensor, at, scope).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// An affine position as a sum of type `isize`, what is added before what is subtracted.
    pub(super) fn signed(&mut self, affine: &Affine, scope: &Scope) -> Result<String, Diagnostic> {
        let mut terms = vec![(None, &affine.constant)];
        for (index, coefficient) in &affine.terms {
            terms.insert(0, (Some(Self::position(scope, index)?), coefficient));
        }
        let (mut added, mut taken) = (Vec::new(), Vec::new());
        for (letter, coefficient) in terms {
            for (count, parts) in coefficient.terms() {
                let mut factors: Vec<String> = Vec::new();
                if count.abs() != 1 || (parts.is_empty() && letter.is_none()) {
                    factors.push(count.abs().to_string());
                }
                for part in parts {
                    let dim = part.size().dim().ok_or_else(|| unwritten("a position"))?;
                    let size = Text::new(self.size(&dim), Level::Sum);
                    let is_plain = !size.code.contains(' ');
                    factors.push(cast(
                        &if is_plain {
                            size.code
                        } else {
                            size.at(Level::Atom)
                        },
                        "isize",
                    ));
                }
                factors.extend(letter.as_deref().map(|letter| cast(letter, "isize")));
                let target = if count < 0 { &mut taken } else { &mut added };
                target.push(factors.join(" * "));
            }
        }
        let mut text = if added.is_empty() {
            "0".to_owned()
        } else {
            added.join(" + ")
        };
        for term in taken {
            text.push_str(" - ");
            text.push_str(&term);
        }
        Ok(text)
    }

    fn addition(&mut self, expr: &Expr, scope: &Scope) -> Result<Text, Diagnostic> {
        let mut text = String::new();
        let mut is_literal = true;
        for (place, term) in expr.written_terms().iter().enumerate() {
            let is_negative = place > 0 && term.split_coefficient().0.is_negative();
            let term = if is_negative {
                term.negate()
            } else {
                term.clone()
            };
            let term = self.element(&term, scope)?;
            is_literal &= term.is_literal;
            text.push_str(match (place, is_negative) {
                (0, _) => "",
                (_, true) => " - ",
                (_, false) => " + ",
            });
            text.push_str(&term.at(if place == 0 {
                Level::Sum
            } else {
                Level::Product
            }));
        }
        Ok(Text {
            code: text,
            level: Level::Sum,
            is_literal,
        })
    }

    fn call(
        &mut self,
        expr: &Expr,
        callee: &Callee,
        arguments: &[Expr],
        scope: &Scope,
    ) -> Result<Text, Diagnostic> {
        if let Some((bound, argument)) = stable::log_sum_exp(expr) {
            let (bound, argument) = (bound.to_vec(), argument.clone());
            return self.hoisted(expr, scope, |writer, scope| {
                let inner = writer.within(scope, &bound);
                let body = writer.element(&argument, &inner)?;
                let (function, text) = ("log_sum_exp", prelude::LOG_SUM_EXP);
                Ok(writer.folded(&bound, &inner, body, function, text))
            });
        }
        if let Some(difference) = stable::log_quotient(expr) {
            return self.element(&difference, scope);
        }
        if let Some(value) = worked_out(callee, arguments) {
            return self.element(&value, scope);
        }
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.element(argument, scope)?);
        }
        match &callee.function {
            FunctionName::Abstract(name) => {
                let known = self.names.get(&primed(name, callee.derivatives.len()));
                let name = known.ok_or_else(|| unwritten(&format!("`{name}`")))?;
                Ok(Text::atom(format!("{name}({})", values[0].code)))
            }
            FunctionName::Known(_) if !callee.derivatives.is_empty() => {
                Err(unwritten(&format!("a derivative of `{}`", callee.name())))
            }
            FunctionName::Known(function) if function.name == "where" => {
                let [condition, first, second] = values.as_slice() else {
                    return Err(unwritten("a choice"));
                };
                // `f64::from(a > b)` is asked for its truth value.
                let is_relation = matches!(arguments[0].node(), Node::Call(callee, _)
                    if matches!(&callee.function, FunctionName::Known(function)
                        if matches!(function.notation, Notation::Relation(_))));
                let truth = condition.code.strip_prefix("f64::from(");
                let truth = truth
                    .and_then(|text| text.strip_suffix(')'))
                    .filter(|_| is_relation);
                let truth =
                    truth.map_or_else(|| format!("{} != 0.0", condition.compared()), str::to_owned);
                Ok(Text::atom(format!(
                    "(if {truth} {{ {} }} else {{ {} }})",
                    first.alone(),
                    second.alone()
                )))
            }
            FunctionName::Known(function) => self.function(function, &values),
        }
    }

    /// A function of the table; written out by its definition where Rust has none.
    fn function(
        &mut self,
        function: &'static Function,
        values: &[Text],
    ) -> Result<Text, Diagnostic> {
        let template = function.spellings.rust;
        if !template.is_empty() {
            return Ok(Text::filled(template, values));
        }
        let name = function.name;
        let texts: Vec<&str> = values.iter().map(|value| value.code.as_str()).collect();
        let call = Text::atom(format!("{name}({})", texts.join(", ")));
        if let Some(text) = prelude::of_numbers(name) {
            self.define(name, text);
            return Ok(call);
        }
        let parameters = function.arguments;
        let tensors = parameters.iter().map(|own| Tensor::new(*own, Vec::new()));
        let arguments: Vec<Expr> = tensors.map(|tensor| Expr::access(&tensor, &[])).collect();
        let body = match function.body {
            Body::Defined { .. } => functions::expand_stable(function, &arguments)
                .or_else(|| functions::expand(function, &arguments)),
            Body::Primitive { .. } => None,
        };
        let body = body.ok_or_else(|| unwritten(&format!("`{name}`")))?;
        let outside = std::mem::replace(&mut self.arguments, parameters);
        let body = self.element(&body, &Vec::new());
        self.arguments = outside;
        let body = body?.alone().to_owned();
        let parameters: Vec<String> = parameters.iter().map(|own| format!("{own}: f64")).collect();
        let prose = crate::functions::first_sentence(function.prose);
        let parameters = parameters.join(", ");
        self.define(
            name,
            format!("/// {prose}\nfn {name}({parameters}) -> f64 {{\n    {body}\n}}\n"),
        );
        Ok(call)
    }
}

pub(super) fn holds_labels(tensor: &Tensor) -> bool {
    let facts = tensor.facts().iter();
    facts
        .into_iter()
        .any(|fact| matches!(fact, Fact::Labels(_)))
}

/// How many classes labels choose from.
pub(super) fn classes(fact: &Fact) -> Option<&Dim> {
    match fact {
        Fact::Labels(classes) => Some(classes),
        _ => None,
    }
}

fn cast(text: &str, kind: &str) -> String {
    format!("{text} as {kind}")
}

/// A number as Rust writes it.
pub(super) fn number(value: Number) -> Text {
    literal(&matrix::number(value))
}

fn literal(tree: &Expression) -> Text {
    match &tree.kind {
        ExpressionKind::Number(text) => {
            let is_whole = text.chars().all(|c| c.is_ascii_digit());
            Text::literal(
                if is_whole {
                    format!("{text}.0")
                } else {
                    short_number(text)
                },
                Level::Atom,
            )
        }
        ExpressionKind::Name(word) => Text::atom(match word.as_str() {
            "pi" => "std::f64::consts::PI",
            "e" => "std::f64::consts::E",
            _ => "f64::INFINITY",
        }),
        ExpressionKind::Unary(UnaryOperator::Negate, inner) => literal(inner).negated(),
        ExpressionKind::Binary(_, left, right) => quotient(&literal(left), &literal(right)),
        _ => Text::atom(format_expression(tree)),
    }
}
