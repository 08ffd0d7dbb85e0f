//! Derivatives in the direction of the computation: Jacobians, whose deltas stay factored, and tangents, which are
//! Jacobians applied to vectors without ever being built. Equation by equation; which rule rewrites what is decided in
//! `strategy`.

use std::collections::HashSet;
use std::sync::Arc;

use backprove_syntax::Diagnostic;
use backprove_syntax::tree::Expression;

use super::gradient::{letters, mentioned_names, variable_indices};
use super::strategy::{differentiate, simplify};
use super::{Chain, Contribution};
use crate::candidates;
use crate::canonical;
use crate::expr::{Expr, Tensor};
use crate::index::Index;
use crate::matrix;
use crate::operator::{self, Kronecker};
use crate::program::{Equation, Program};
use crate::rules::{Scope, Source, forward};

/// Programs up to this many equations are searched as a whole for names of what reappears.
const MOST_NAMED: usize = 24;

/// The derivative of an intermediate is put in up to this size, so that its deltas meet what they contract with; a
/// larger one keeps its name.
const MOST_INLINED: usize = 64;

/// The derivation of the derivative of one tensor.
#[derive(Debug, Clone)]
pub struct Partial {
    /// What is differentiated.
    pub output: Tensor,
    /// By what: one variable for a Jacobian, all of them for a tangent.
    pub variables: Vec<Tensor>,
    /// The derivative: a tensor with the axes of the output, then those of the variable of a Jacobian.
    pub target: Tensor,
    /// One index for each axis of the output.
    pub rows: Vec<Index>,
    /// One index for each axis of the variable; none for a tangent.
    pub columns: Vec<Index>,
    /// The local derivatives, one for each tensor through which the output depends on the variables.
    pub contributions: Vec<Contribution>,
    /// From one element of the derivative through the chain rule to the result.
    pub chain: Chain,
    /// The result in matrix notation, where it has one.
    pub matrix: Option<Arc<Expression>>,
    /// A Jacobian with several axes on a side as a sum of Kronecker products, where it is one.
    pub kronecker: Option<Kronecker>,
    /// Whether the result was put into others and is not computed by itself.
    pub absorbed: bool,
}

impl Partial {
    /// One element of the derivative.
    pub fn result(&self) -> &Expr {
        self.chain.result()
    }

    /// The indices of the derivative: those of the output, then those of the variable.
    pub fn indices(&self) -> Vec<Index> {
        [&self.rows[..], &self.columns].concat()
    }

    /// The derivative as an equation.
    pub fn equation(&self) -> Equation {
        Equation {
            target: self.target.clone(),
            indices: self.indices(),
            body: self.result().clone(),
            matrix: self.matrix.clone(),
        }
    }
}

/// The derivatives of outputs of a program by its variables, with everything between them.
#[derive(Debug, Clone)]
pub struct Forward {
    /// The program that was differentiated.
    pub differentiated: Program,
    /// Tangents of the variables: inputs, where derivatives along them were asked for.
    pub tangents: Vec<Tensor>,
    /// Named parts that the results mention and the program did not define.
    pub introduced: Vec<Equation>,
    /// The derivations, in the order in which they depend on each other.
    pub partials: Vec<Partial>,
}

impl Forward {
    /// The Jacobian of `output` by `variable`.
    pub fn jacobian(&self, output: &str, variable: &str) -> Option<&Partial> {
        self.partials.iter().find(|partial| {
            partial.output.name() == output
                && matches!(&partial.variables[..], [own] if own.name() == variable)
        })
    }

    /// The tangent of `output`.
    pub fn tangent(&self, output: &str) -> Option<&Partial> {
        let mut partials = self.partials.iter();
        partials.find(|partial| partial.output.name() == output)
    }

    /// The whole as one program: what was differentiated, then the derivatives that are computed.
    pub fn program(&self) -> Program {
        let mut program = self.differentiated.clone();
        program.inputs.extend(self.tangents.iter().cloned());
        program.equations.extend(self.introduced.iter().cloned());
        let computed = self.partials.iter().filter(|partial| !partial.absorbed);
        program.equations.extend(computed.map(Partial::equation));
        program
    }
}

/// Derives the Jacobian of each of `outputs` by each of `wrt`: a tensor with the axes of the output, then those of the
/// variable. Its Kronecker deltas stay factors.
///
/// A program of derivatives is a program again, so that this goes to any order:
///
/// ```
/// use backprove_calculus::derivation::jacobian;
/// let parsed = backprove_syntax::parse("x[N]\nL = sum(x**3)");
/// let program = backprove_calculus::elaborate(&parsed.program).program;
/// let x = program.inputs.clone();
/// let first = jacobian(&program, &[program.output().unwrap().target.clone()], &x)?;
/// let second = jacobian(&first.program(), &[first.partials[0].target.clone()], &x)?;
/// let matrix = second.partials.last().unwrap().matrix.as_ref().unwrap();
/// assert_eq!(backprove_syntax::format_expression(matrix), "diag(6 * x)");
/// # Ok::<(), backprove_syntax::Diagnostic>(())
/// ```
pub fn jacobian(
    program: &Program,
    outputs: &[Tensor],
    wrt: &[Tensor],
) -> Result<Forward, Diagnostic> {
    let mut accumulation = Accumulation::new(program, outputs);
    for variable in wrt {
        accumulation.derive(&Direction::By(variable.clone()))?;
    }
    Ok(accumulation.finished(outputs))
}

/// Derives the derivative of each of `outputs` along tangents of `wrt`: the Jacobian applied to a vector, equation by
/// equation, at the cost of a few evaluations of the program.
pub fn tangent(
    program: &Program,
    outputs: &[Tensor],
    wrt: &[Tensor],
) -> Result<Forward, Diagnostic> {
    let mut accumulation = Accumulation::new(program, outputs);
    let mut along = Vec::new();
    for variable in wrt {
        let name = accumulation
            .names
            .free_name(&format!("t_{}", variable.name()));
        let tangent = Tensor::new(name, variable.dims().to_vec());
        accumulation.names.inputs.push(tangent.clone());
        along.push((variable.clone(), tangent));
    }
    accumulation.tangents = along.iter().map(|(_, tangent)| tangent.clone()).collect();
    accumulation.derive(&Direction::Along(along))?;
    Ok(accumulation.finished(outputs))
}

/// In which direction the derivative goes.
enum Direction {
    /// By every element of one variable.
    By(Tensor),
    /// Along tangents of several variables.
    Along(Vec<(Tensor, Tensor)>),
}

impl Direction {
    fn variables(&self) -> Vec<Tensor> {
        match self {
            Self::By(variable) => vec![variable.clone()],
            Self::Along(pairs) => pairs.iter().map(|(variable, _)| variable.clone()).collect(),
        }
    }
}

struct Accumulation<'a> {
    program: &'a Program,
    outputs: Vec<String>,
    names: Program,
    tangents: Vec<Tensor>,
    introduced: Vec<Equation>,
    partials: Vec<Partial>,
}

impl<'a> Accumulation<'a> {
    fn new(program: &'a Program, outputs: &[Tensor]) -> Self {
        let outputs = outputs.iter().map(|output| output.name().to_owned());
        Self {
            program,
            outputs: outputs.collect(),
            names: program.clone(),
            tangents: Vec::new(),
            introduced: Vec::new(),
            partials: Vec::new(),
        }
    }

    fn derive(&mut self, direction: &Direction) -> Result<(), Diagnostic> {
        let variables = direction.variables();
        let needed = self.needed(&variables);
        let first = self.partials.len();
        let program = self.program;
        for equation in &program.equations {
            if needed.contains(equation.target.name()) {
                let partial = self.partial(equation, direction, first)?;
                self.partials.push(partial);
            }
        }
        Ok(())
    }

    /// The names of all definitions whose derivative is needed: the outputs, and what lies between them and the variables.
    fn needed(&self, variables: &[Tensor]) -> HashSet<String> {
        let of = |tensor: &Tensor| tensor.name().to_owned();
        let mut depends: HashSet<String> = variables.iter().map(of).collect();
        for equation in &self.program.equations {
            let mentioned = mentioned_names(&equation.body);
            if mentioned.iter().any(|name| depends.contains(*name)) {
                depends.insert(of(&equation.target));
            }
        }
        let mut reaches: HashSet<String> = self.outputs.iter().cloned().collect();
        for equation in self.program.equations.iter().rev() {
            if reaches.contains(equation.target.name()) {
                let mentioned = mentioned_names(&equation.body);
                reaches.extend(mentioned.into_iter().map(str::to_owned));
            }
        }
        let mut needed: HashSet<String> = depends.intersection(&reaches).cloned().collect();
        needed.extend(self.outputs.iter().cloned());
        // By itself, a variable is not a definition to be looked into.
        needed.retain(|name| variables.iter().all(|variable| variable.name() != name));
        needed
    }

    /// The derivation for one equation, where all those before it from `first` on are done.
    fn partial(
        &mut self,
        equation: &Equation,
        direction: &Direction,
        first: usize,
    ) -> Result<Partial, Diagnostic> {
        let mut taken = letters(&equation.indices, &equation.body);
        let columns = match direction {
            Direction::By(variable) => variable_indices(variable, &taken),
            Direction::Along(_) => Vec::new(),
        };
        taken.extend(columns.iter().map(|index| index.letter().to_owned()));
        let target = self.target(&equation.target, direction);
        self.names.inputs.push(target.clone());

        let mut sources = Vec::new();
        match direction {
            Direction::By(variable) => {
                if equation.body.mentions(variable) {
                    sources.push(Source {
                        tensor: variable.clone(),
                        indices: columns.clone(),
                        derivative: None,
                    });
                }
            }
            Direction::Along(pairs) => {
                for (variable, tangent) in pairs {
                    if equation.body.mentions(variable) {
                        sources.push(Source {
                            tensor: variable.clone(),
                            indices: variable_indices(variable, &taken),
                            derivative: Some(tangent.clone()),
                        });
                    }
                }
            }
        }
        for partial in &self.partials[first..] {
            if equation.body.mentions(&partial.output) {
                sources.push(Source {
                    tensor: partial.output.clone(),
                    indices: variable_indices(&partial.output, &taken),
                    derivative: Some(partial.target.clone()),
                });
            }
        }
        let mut contributions = Vec::new();
        for source in &sources {
            let local = self.local(equation, source)?;
            contributions.push(Contribution {
                equation: equation.clone(),
                local,
            });
        }
        let found = contributions.iter().map(|contribution| {
            let local = &contribution.local;
            (local.start.clone(), local.result().clone())
        });
        let scope = Scope {
            current: Some(equation.clone()),
            named: self.named(equation),
            derived: Some(target.clone()),
            locals: found.collect(),
            sources,
            ..Scope::default()
        };
        let start = Expr::access(&target, &[&equation.indices[..], &columns].concat());
        let mut chain = Chain::new(start, scope);
        chain.apply(&forward::FORWARD_CHAIN_RULE);
        while chain.apply(&crate::rules::chain::LOCAL_DERIVATIVE) {}
        simplify(&mut chain)?;
        self.put_in(&mut chain, equation, direction, first)?;
        if matches!(direction, Direction::Along(_)) {
            while chain.apply(&forward::NESTED_SUMS) {}
        }
        Ok(Partial {
            output: equation.target.clone(),
            variables: direction.variables(),
            target,
            rows: equation.indices.clone(),
            columns,
            contributions,
            chain,
            matrix: None,
            kronecker: None,
            absorbed: false,
        })
    }

    /// A name for the derivative of `output`.
    fn target(&self, output: &Tensor, direction: &Direction) -> Tensor {
        match direction {
            Direction::By(variable) => {
                let name = match output.cotangent() {
                    Some(first) => format!("d2{}_d{}_d{}", first.loss, first.of, variable.name()),
                    None => format!("d{}_d{}", output.name(), variable.name()),
                };
                Tensor::partial_of(self.names.free_name(&name), output, variable)
            }
            Direction::Along(_) => {
                let name = self.names.free_name(&format!("t_{}", output.name()));
                Tensor::new(name, output.dims().to_vec())
            }
        }
    }

    /// The derivative of one element of `equation` by one element of `source`, which is held apart from all others.
    fn local(&mut self, equation: &Equation, source: &Source) -> Result<Chain, Diagnostic> {
        self.introduce(equation);
        let scope = Scope {
            current: Some(equation.clone()),
            named: self.named(equation),
            variable: Some(source.tensor.clone()),
            ..Scope::default()
        };
        let element = Expr::access(&equation.target, &equation.indices);
        let start = element.derivative(&source.tensor, &source.indices);
        let mut chain = Chain::new(start, scope);
        differentiate(&mut chain)?;
        simplify(&mut chain)?;
        Ok(chain)
    }

    /// Gives names to parts of `equation` that will reappear.
    fn introduce(&mut self, equation: &Equation) {
        for (letter, candidate) in candidates::of(&equation.body) {
            let known = |other: &Equation| {
                canonical::matches(&other.body, &candidate.body, &other.indices).is_some()
            };
            let mut names = self.program.equations.iter().chain(&self.introduced);
            if names.any(known) {
                continue;
            }
            let name = self.names.free_name(letter);
            let (dims, facts) = (candidate.target.dims(), candidate.target.facts());
            let target = Tensor::with_facts(name, dims.to_vec(), facts.to_vec());
            self.names.inputs.push(target.clone());
            let form = candidate.matrix.clone();
            let matrix = form.or_else(|| matrix::recover(&candidate.body, &candidate.indices));
            self.introduced.push(Equation {
                target,
                matrix,
                ..candidate
            });
        }
    }

    /// Equations that may be recognised while `current` is differentiated.
    fn named(&self, current: &Equation) -> Vec<Equation> {
        // A gradient that is itself the subject is no name that a reader looks for in its own derivative.
        let is_subject = |equation: &Equation| {
            let target = &equation.target;
            target.cotangent().is_some() && self.outputs.iter().any(|name| name == target.name())
        };
        let others = self.program.equations.iter().rev();
        let others = others.filter(|other| other.target != current.target);
        let others = others.take_while(|_| self.program.equations.len() <= MOST_NAMED);
        let own = std::iter::once(current);
        let named = own.chain(others).filter(|equation| !is_subject(equation));
        named.chain(&self.introduced).cloned().collect()
    }

    /// Puts the derivatives of intermediates in: those of a Jacobian unless they are large, so that their deltas are
    /// contracted; a tangent only where that makes the whole no larger.
    fn put_in(
        &mut self,
        chain: &mut Chain,
        equation: &Equation,
        direction: &Direction,
        first: usize,
    ) -> Result<(), Diagnostic> {
        let along = matches!(direction, Direction::Along(_));
        for position in first..self.partials.len() {
            let partial = &self.partials[position];
            if !chain.result().mentions(&partial.target) {
                continue;
            }
            let size = partial.result().size();
            let users = self.program.equations.iter();
            let users = users.filter(|user| user.body.mentions(&partial.output));
            let single =
                users.count() == 1 && !self.outputs.contains(&equation.target.name().to_owned());
            if size > MOST_INLINED || along && !single && size > 1 {
                continue;
            }
            let before = chain.result().size();
            let mut trial = chain.clone();
            trial.scope.intermediates.push(partial.equation());
            while trial.apply(&forward::INTERMEDIATE) {}
            simplify(&mut trial)?;
            if !along || trial.result().size() <= before {
                *chain = trial;
            }
        }
        Ok(())
    }

    fn finished(mut self, outputs: &[Tensor]) -> Forward {
        self.mark_absorbed();
        let targets = self.partials.iter().map(|partial| &partial.target);
        let introduced = self.introduced.iter().map(|equation| &equation.target);
        let extra: Vec<Tensor> = targets
            .chain(introduced)
            .chain(&self.tangents)
            .cloned()
            .collect();
        for partial in &mut self.partials {
            let indices = partial.indices();
            let form = operator::matrix(partial.result(), &indices);
            let form = form.filter(|tree| {
                matrix::lowers_to(tree, self.program, &extra, partial.result(), &indices)
            });
            partial.matrix = form.map(Arc::new);
            if outputs.contains(&partial.output) {
                partial.kronecker =
                    operator::kronecker(partial.result(), &partial.rows, &partial.columns)
                        .filter(|form| form.lowers_to(self.program, &extra, partial));
            }
        }
        let partials = &self.partials;
        self.introduced.retain(|equation| {
            let computed = partials.iter().filter(|partial| !partial.absorbed);
            let mut results = computed.map(Partial::result);
            results.any(|result| result.mentions(&equation.target))
        });
        Forward {
            differentiated: self.program.clone(),
            tangents: self.tangents,
            introduced: self.introduced,
            partials: self.partials,
        }
    }

    /// What no result mentions is not computed.
    fn mark_absorbed(&mut self) {
        for position in (0..self.partials.len()).rev() {
            let partial = &self.partials[position];
            let is_output = self
                .outputs
                .iter()
                .any(|name| name == partial.output.name());
            let later = self.partials[position + 1..].iter();
            let mut computed = later.filter(|other| !other.absorbed);
            let used = computed.any(|other| other.result().mentions(&partial.target));
            self.partials[position].absorbed = !is_output && !used;
        }
    }
}
