//! The gradient of a program: equation by equation in reverse order, cotangent first, so that a
//! chain of full Jacobians is never built. Which rule rewrites what is decided in `strategy`.

use std::collections::{BTreeSet, HashMap};

use backprove_syntax::Diagnostic;

use super::prepare::{Prepared, prepare};
use super::strategy::{differentiate, simplify};
use super::{Chain, Contribution, Derivation, Gradient};
use crate::candidates;
use crate::canonical;
use crate::expr::{Expr, Node, Tensor};
use crate::index::{Dim, Index};
use crate::matrix;
use crate::program::{Equation, Names, Program};
use crate::rules::{Scope, User, chain, function};

/// Programs up to this many equations are searched as a whole for names of what reappears.
const MOST_NAMED: usize = 24;
/// Nodes of a cotangent that may be put into several results.
const SHORT: usize = 12;
/// Nodes of a right side beyond which a name is never written out.
const LONG: usize = 40;

/// Derives the gradients of the last definition of `program` by each of `wrt`.
///
/// Where the last definition is a scalar it is the loss; otherwise the loss is an abstract scalar of
/// it, and its cotangent is an input: `cotangent`, a declared tensor of the output's shape, or a new one.
/// A gradient has the shape of what it is taken by.
pub fn gradient(
    program: &Program,
    wrt: &[Tensor],
    cotangent: Option<&Tensor>,
) -> Result<Gradient, Diagnostic> {
    let prepared = prepare(program, wrt);
    Differentiation::new(program, &prepared, wrt, cotangent)?.run()
}

struct Differentiation<'a> {
    source: &'a Program,
    program: &'a Program,
    prepared: &'a Prepared,
    wrt: &'a [Tensor],
    /// The names of what was asked for.
    asked: BTreeSet<&'a str>,
    loss: String,
    output: &'a Equation,
    seed: Option<Tensor>,
    names: Names,
    introduced: Vec<Equation>,
    derivations: Vec<Derivation>,
    /// Which derivation is by the tensor of a name.
    positions: HashMap<String, usize>,
    /// The equations that mention the tensor of a name.
    users: HashMap<&'a str, Vec<&'a Equation>>,
}

impl<'a> Differentiation<'a> {
    fn new(
        source: &'a Program,
        prepared: &'a Prepared,
        wrt: &'a [Tensor],
        cotangent: Option<&Tensor>,
    ) -> Result<Self, Diagnostic> {
        let program = &prepared.program;
        let Some(output) = program.output() else {
            return Err(
                Diagnostic::error("nothing-to-derive", "the program defines nothing")
                    .help("add a definition, such as `Y = X @ W.T + b`"),
            );
        };
        let mut names = program.names();
        let mut users: HashMap<&str, Vec<&Equation>> = HashMap::new();
        for equation in &program.equations {
            for name in mentioned_names(&equation.body) {
                users.entry(name).or_default().push(equation);
            }
        }
        let scalar = output.target.rank() == 0;
        let loss = if scalar {
            output.target.name().to_owned()
        } else {
            names.take("L")
        };
        let seed = match (scalar, cotangent) {
            (true, _) => None,
            (false, Some(declared)) => Some(declared.clone()),
            (false, None) => {
                let name = names.take(&format!("d{}", output.target.name()));
                Some(Tensor::cotangent_of(name, &loss, &output.target))
            }
        };
        Ok(Self {
            source,
            program,
            prepared,
            wrt,
            asked: wrt.iter().map(Tensor::name).collect(),
            loss,
            output,
            seed,
            names,
            introduced: Vec::new(),
            derivations: Vec::new(),
            positions: HashMap::new(),
            users,
        })
    }

    fn run(mut self) -> Result<Gradient, Diagnostic> {
        let needed = self.needed();
        let mut order: Vec<Tensor> = Vec::new();
        for equation in self.program.equations.iter().rev() {
            if needed.contains(equation.target.name()) && equation.target != self.output.target {
                order.push(equation.target.clone());
            }
        }
        let inputs = self
            .wrt
            .iter()
            .filter(|tensor| self.program.equation(tensor.name()).is_none());
        order.extend(inputs.cloned());
        for variable in order {
            self.derive(&variable, &needed)?;
        }
        self.drop_absorbed();
        self.write_out();
        self.recover_matrices();
        let mentioned: BTreeSet<&str> = self
            .derivations
            .iter()
            .filter(|derivation| !derivation.absorbed)
            .flat_map(|derivation| mentioned_names(derivation.result()))
            .collect();
        self.introduced
            .retain(|equation| mentioned.contains(equation.target.name()));
        let mut forward = self.program.clone();
        let mut source = self.source.clone();
        if let Some(seed) = &self.seed {
            // A declared cotangent is an input already; it moves to the end, where the seed belongs.
            forward.inputs.retain(|input| input != seed);
            source.inputs.retain(|input| input != seed);
        }
        Ok(Gradient {
            source,
            forward,
            loss: self.loss,
            seed: self.seed,
            introduced: self.introduced,
            derivations: self.derivations,
            wrt: self.wrt.to_vec(),
        })
    }

    /// The names of all tensors whose cotangent is needed: those that are asked for, and the
    /// definitions between them and the output.
    fn needed(&self) -> BTreeSet<&'a str> {
        let mut depends = self.asked.clone();
        for equation in &self.program.equations {
            if !mentioned_names(&equation.body).is_disjoint(&depends) {
                depends.insert(equation.target.name());
            }
        }
        let mut reaches = BTreeSet::from([self.output.target.name()]);
        for equation in self.program.equations.iter().rev() {
            if reaches.contains(equation.target.name()) {
                reaches.extend(mentioned_names(&equation.body));
            }
        }
        let between = depends.intersection(&reaches);
        between.chain(&self.asked).copied().collect()
    }

    fn derive(&mut self, variable: &Tensor, needed: &BTreeSet<&str>) -> Result<(), Diagnostic> {
        let name = self.names.take(&format!("d{}", variable.name()));
        let gradient = Tensor::cotangent_of(name, &self.loss, variable);
        let users = self.users.get(variable.name()).into_iter().flatten();
        let equations = users.filter(|equation| needed.contains(equation.target.name()));
        let equations: Vec<Equation> = equations.map(|equation| (*equation).clone()).collect();
        let taken: Vec<String> = equations
            .iter()
            .flat_map(|equation| letters(&equation.indices, &equation.body))
            .collect();
        let indices = variable_indices(variable, &taken);

        let mut users = Vec::new();
        let mut contributions = Vec::new();
        for equation in &equations {
            let user = User {
                target: equation.target.clone(),
                indices: equation.indices.clone(),
                cotangent: self.cotangent(&equation.target),
            };
            let local = self.local(equation, variable, &indices)?;
            contributions.push(Contribution {
                equation: equation.clone(),
                local,
            });
            users.push(user);
        }
        let locals = contributions
            .iter()
            .map(|contribution| {
                (
                    contribution.local.start.clone(),
                    contribution.local.result().clone(),
                )
            })
            .collect();
        let scope = Scope {
            named: self.named(equations.first()),
            variable: Some(variable.clone()),
            users,
            locals,
            ..Scope::default()
        };
        let mut chain = Chain::new(Expr::access(&gradient, &indices), scope);
        chain.apply(&chain::CHAIN_RULE);
        while chain.apply(&chain::LOCAL_DERIVATIVE) {}
        simplify(&mut chain)?;
        self.absorb(&mut chain, &equations, needed)?;
        self.positions
            .insert(variable.name().to_owned(), self.derivations.len());
        self.derivations.push(Derivation {
            variable: variable.clone(),
            gradient,
            indices,
            contributions,
            chain,
            matrix: None,
            constrained: None,
            absorbed: false,
        });
        Ok(())
    }

    /// The cotangent of a definition; `None` for the loss itself.
    fn cotangent(&self, target: &Tensor) -> Option<Tensor> {
        if *target == self.output.target {
            return self.seed.clone();
        }
        let position = self.positions.get(target.name())?;
        Some(self.derivations[*position].gradient.clone())
    }

    /// Equations that may be recognised while `current` is differentiated.
    fn named(&self, current: Option<&Equation>) -> Vec<Equation> {
        let mut named: Vec<Equation> = current.into_iter().cloned().collect();
        if self.program.equations.len() <= MOST_NAMED {
            let others = self.program.equations.iter().rev();
            named.extend(
                others
                    .filter(|other| Some(&other.target) != current.map(|own| &own.target))
                    .cloned(),
            );
        }
        named.extend(self.introduced.iter().cloned());
        named
    }

    fn local(
        &mut self,
        equation: &Equation,
        variable: &Tensor,
        indices: &[Index],
    ) -> Result<Chain, Diagnostic> {
        for (letter, candidate) in candidates::of(&equation.body) {
            let known = self.program.equations.iter().chain(&self.introduced);
            if known.clone().any(|other| {
                canonical::matches(&other.body, &candidate.body, &other.indices).is_some()
            }) {
                continue;
            }
            let name = self.names.take(letter);
            let target = Tensor::with_facts(
                name,
                candidate.target.dims().to_vec(),
                candidate.target.facts().to_vec(),
            );
            self.introduced.push(Equation {
                target,
                ..candidate
            });
        }
        let scope = Scope {
            current: Some(equation.clone()),
            named: self.named(Some(equation)),
            variable: Some(variable.clone()),
            ..Scope::default()
        };
        let start = Expr::access(&equation.target, &equation.indices).derivative(variable, indices);
        let mut chain = Chain::new(start, scope);
        differentiate(&mut chain)?;
        simplify(&mut chain)?;
        Ok(chain)
    }

    /// Puts the cotangent of a user in, if the whole becomes simpler for it: so `dP` and the softmax's own
    /// rule become `(P - T) / S`. The cotangent of a name that the author did not give is put in as well
    /// where it occurs once and nothing else needs it, or where it is short.
    fn absorb(
        &mut self,
        chain: &mut Chain,
        users: &[Equation],
        needed: &BTreeSet<&str>,
    ) -> Result<(), Diagnostic> {
        for user in users {
            let Some(&position) = self.positions.get(user.target.name()) else {
                continue;
            };
            if self.asked.contains(user.target.name()) {
                continue;
            }
            let consumers: Vec<&str> = mentioned_names(&user.body)
                .into_iter()
                .filter(|name| needed.contains(name))
                .collect();
            let introduced = self.prepared.introduced.contains(user.target.name());
            if consumers.len() != 1 && !introduced {
                continue;
            }
            let found = self.derivations[position].equation();
            let before = chain.result().size();
            let once = occurrences(chain.result(), &found.target) == 1;
            let last = |name: &&str| self.asked.contains(name);
            let short = found.body.size() <= SHORT && consumers.iter().all(last);
            let bare = found.body.size() == 1;
            let always = introduced && (bare || once && (consumers.len() == 1 || short));
            if !always && consumers.len() != 1 {
                continue;
            }
            let allowance = if found.target.rank() == 0 { 6 } else { 0 };
            let mut trial = chain.clone();
            trial.scope.cotangents.push(found);
            while trial.apply(&chain::COTANGENT) {}
            simplify(&mut trial)?;
            if always || trial.result().size() < before + allowance {
                *chain = trial;
                self.derivations[position].absorbed = true;
            }
        }
        Ok(())
    }

    /// What was put into one result but is needed by another stays a result.
    fn drop_absorbed(&mut self) {
        let mut mentioned = BTreeSet::new();
        for derivation in self.derivations.iter_mut().rev() {
            if mentioned.contains(derivation.gradient.name()) {
                derivation.absorbed = false;
            }
            if !derivation.absorbed {
                let names = mentioned_names(derivation.chain.result());
                mentioned.extend(names.into_iter().map(str::to_owned));
            }
        }
    }

    /// Writes the names that the author did not give out again, where no result mentions one twice.
    fn write_out(&mut self) {
        let equations = self.program.equations.iter().rev();
        let passing = &self.prepared.passing;
        for equation in equations.filter(|equation| passing.contains(equation.target.name())) {
            let target = &equation.target;
            let mut results = self
                .derivations
                .iter()
                .filter(|derivation| !derivation.absorbed && derivation.variable != *target);
            let few = results.all(|derivation| occurrences(derivation.result(), target) <= 1);
            // Where its own gradient is shown, the name is there to stay.
            let shown = self
                .positions
                .get(target.name())
                .is_some_and(|position| !self.derivations[*position].absorbed);
            if !few || shown || equation.body.size() > LONG {
                continue;
            }
            for derivation in &mut self.derivations {
                if derivation.absorbed || !derivation.result().mentions(target) {
                    continue;
                }
                derivation.chain.scope.written_out.push(equation.clone());
                while derivation.chain.apply(&function::WRITTEN_OUT) {}
            }
        }
    }

    /// Brings the results into matrix form. A form is accepted only if it lowers back to the same
    /// index expression.
    fn recover_matrices(&mut self) {
        for equation in &mut self.introduced {
            if equation.matrix.is_none() {
                equation.matrix = matrix::recover(&equation.body, &equation.indices);
            }
        }
        for derivation in &mut self.derivations {
            let form = matrix::recover(derivation.result(), &derivation.indices);
            derivation.matrix = form.filter(|tree| {
                // Only what the result mentions is read: so the cost does not grow with the program.
                let mut inputs = vec![derivation.variable.clone()];
                derivation.result().visit(&mut |part| {
                    if let Node::Access(tensor, _) = part.node()
                        && !inputs.contains(tensor)
                    {
                        inputs.push(tensor.clone());
                    }
                });
                let program = Program {
                    inputs,
                    functions: self.program.functions.clone(),
                    equations: Vec::new(),
                };
                matrix::lowers_to(
                    tree,
                    &program,
                    &[],
                    derivation.result(),
                    &derivation.indices,
                )
            });
            derivation.constrained = super::constrained::of(derivation);
        }
    }
}

/// How often `expr` mentions `tensor`.
fn occurrences(expr: &Expr, tensor: &Tensor) -> usize {
    let mut count = 0;
    expr.visit(&mut |part| {
        if matches!(part.node(), Node::Access(other, _) if other == tensor) {
            count += 1;
        }
    });
    count
}

/// The distinct names of tensors in `expr`.
pub(super) fn mentioned_names(expr: &Expr) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    expr.visit(&mut |part| {
        if let Node::Access(tensor, _) = part.node() {
            names.insert(tensor.name());
        }
    });
    names
}

/// The letters of all indices in an equation.
pub(super) fn letters(indices: &[Index], body: &Expr) -> Vec<String> {
    let mut letters: Vec<String> = indices
        .iter()
        .map(|index| index.letter().to_owned())
        .collect();
    body.visit(&mut |part| {
        if let Node::Sum(bound, _) | Node::Reduce(_, bound, _) = part.node() {
            letters.extend(bound.iter().map(|index| index.letter().to_owned()));
        }
        // An index that is called like a tensor or a size could not be read back.
        if let Node::Access(tensor, _) = part.node() {
            letters.push(tensor.name().to_owned());
            let sizes = tensor.dims().iter().flat_map(Dim::symbols);
            letters.extend(sizes.map(|size| size.to_string()));
        }
        if let Node::Matrix(_, operand, _) = part.node() {
            let bound = [&operand.rows, &operand.columns];
            letters.extend(bound.map(|index| index.letter().to_owned()));
        }
    });
    letters
}

/// Indices for the axes of the variable: k, l and so on, as far as the equations do not use them.
pub(super) fn variable_indices(variable: &Tensor, taken: &[String]) -> Vec<Index> {
    let letters: Vec<&str> = ["k", "l", "m", "n", "u", "v", "r", "s", "t", "a", "c", "d"]
        .into_iter()
        .filter(|letter| !taken.iter().any(|other| other == letter))
        .collect();
    variable.indices(&letters)
}
