//! A problem: a text that was read, ready to be differentiated. Everything that is wrong with the
//! text or cannot be done with it comes out as [`Diagnosed`], never as a panic.

use std::fmt;

use backprove_calculus::derivation;
use backprove_calculus::{Derivative, Gradient, Order, Program, Tensor, elaborate};
use backprove_syntax::{Diagnostic, parse};

/// A text and the program that it describes.
///
/// ```
/// use backprove::Problem;
/// let problem = Problem::read("X[S, M]; W[N, M]; b[N]\nY = X @ W.T + b")?;
/// let gradient = problem.gradient(&["W"], None)?;
/// let form = gradient.derivation("W").unwrap().matrix.as_ref().unwrap();
/// assert_eq!(backprove::syntax::format_expression(form), "dY.T @ X");
/// # Ok::<(), backprove::Diagnosed>(())
/// ```
#[derive(Debug, Clone)]
pub struct Problem {
    source: String,
    program: Program,
}

/// What is wrong, together with the text that the places refer to.
#[derive(Debug, Clone)]
pub struct Diagnosed {
    /// The text.
    pub source: String,
    /// What is wrong with it, in order.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether the text is right and only something cannot be done with it.
    pub refused: bool,
}

/// What the language knows and this version cannot do, or has no derivative: the text is right, so it is refused.
const REFUSALS: [&str; 2] = ["not-yet-supported", "refused"];

impl Problem {
    /// Reads a program.
    pub fn read(source: &str) -> Result<Self, Diagnosed> {
        let parsed = parse(source);
        let mut diagnostics = parsed.diagnostics;
        if diagnostics.is_empty() {
            let elaborated = elaborate(&parsed.program);
            diagnostics = elaborated.diagnostics;
            if diagnostics.is_empty() {
                return Ok(Self {
                    source: source.to_owned(),
                    program: elaborated.program,
                });
            }
        }
        let understood = |diagnostic: &Diagnostic| REFUSALS.contains(&diagnostic.slug);
        Err(Diagnosed {
            source: source.to_owned(),
            refused: diagnostics.iter().all(understood),
            diagnostics,
        })
    }

    /// The text as it was read.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The program in index notation.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Derives the gradients by the tensors called `wrt`; by every input that is not constant, where
    /// none is named. `cotangent` names a declared tensor that stands for the gradient by the output.
    pub fn gradient(&self, wrt: &[&str], cotangent: Option<&str>) -> Result<Gradient, Diagnosed> {
        let cotangent = cotangent.map(|name| self.cotangent(name)).transpose()?;
        let wrt = self.variables(wrt, cotangent.as_ref())?;
        derivation::gradient(&self.program, &wrt, cotangent.as_ref())
            .map_err(|diagnostic| self.diagnosed(diagnostic, true))
    }

    /// Derives the derivative of another order by the tensors called `wrt`; by every input that is not constant, where
    /// none is named.
    ///
    /// ```
    /// use backprove::Problem;
    /// use backprove::calculus::Order;
    /// let problem = Problem::read("X[S, M]; w[M]; y[S]\nL = sum((X @ w - y)**2)")?;
    /// let hessian = problem.derivative(&["w"], Order::Hessian)?;
    /// let equation = hessian.outcomes()[0].partial.equation();
    /// assert_eq!(backprove::text::equation(&equation), "d2L_dw_dw = 2 * (X.T @ X)");
    /// # Ok::<(), backprove::Diagnosed>(())
    /// ```
    pub fn derivative(&self, wrt: &[&str], order: Order) -> Result<Derivative, Diagnosed> {
        let wrt = self.variables(wrt, None)?;
        derivation::derivative(&self.program, &wrt, order).map_err(|diagnostic| {
            let refused = diagnostic.slug != "hessian-of-array";
            self.diagnosed(diagnostic, refused)
        })
    }

    fn variables(
        &self,
        names: &[&str],
        cotangent: Option<&Tensor>,
    ) -> Result<Vec<Tensor>, Diagnosed> {
        if names.is_empty() {
            let inputs = self.program.inputs.iter();
            let free: Vec<Tensor> = inputs
                .filter(|tensor| !tensor.is_constant() && Some(*tensor) != cotangent)
                .cloned()
                .collect();
            if free.is_empty() {
                let diagnostic =
                    Diagnostic::error("nothing-to-derive-by", "no input is left to derive by")
                        .help("declare a tensor that is neither constant nor the cotangent");
                return Err(self.diagnosed(diagnostic, false));
            }
            return Ok(free);
        }
        names.iter().map(|name| self.variable(name)).collect()
    }

    fn variable(&self, name: &str) -> Result<Tensor, Diagnosed> {
        let Some(tensor) = self.program.tensor(name) else {
            let message = format!("`{name}` is not a tensor of the program");
            let diagnostic = Diagnostic::error("unknown-variable", message).help(self.known());
            return Err(self.diagnosed(diagnostic, false));
        };
        if tensor.is_constant() {
            let message =
                format!("`{name}` was declared constant or as labels: it has no gradient");
            return Err(self.diagnosed(Diagnostic::error("constant-variable", message), false));
        }
        Ok(tensor.clone())
    }

    fn cotangent(&self, name: &str) -> Result<Tensor, Diagnosed> {
        let inputs = &self.program.inputs;
        let Some(declared) = inputs.iter().find(|tensor| tensor.name() == name) else {
            let message = format!("the cotangent `{name}` is not declared");
            let diagnostic = Diagnostic::error("unknown-cotangent", message).help(self.known());
            return Err(self.diagnosed(diagnostic, false));
        };
        let output = self.program.output().map(|equation| &equation.target);
        match output {
            Some(output) if output.dims() == declared.dims() => Ok(declared.clone()),
            _ => {
                let shape = |tensor: &Tensor| crate::shape(tensor.dims());
                let message = format!(
                    "the cotangent `{name}` is {}, but the output is {}",
                    shape(declared),
                    output.map_or_else(String::new, shape),
                );
                let diagnostic = Diagnostic::error("cotangent-shape", message)
                    .help("a cotangent has the shape of the output");
                Err(self.diagnosed(diagnostic, false))
            }
        }
    }

    fn known(&self) -> String {
        let targets = self
            .program
            .equations
            .iter()
            .map(|equation| &equation.target);
        let names = self.program.inputs.iter().chain(targets).map(Tensor::name);
        format!("the tensors are {}", names.collect::<Vec<_>>().join(", "))
    }

    pub(crate) fn diagnosed(&self, diagnostic: Diagnostic, refused: bool) -> Diagnosed {
        Diagnosed {
            source: self.source.clone(),
            diagnostics: vec![diagnostic],
            refused,
        }
    }
}

impl fmt::Display for Diagnosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.diagnostics {
            writeln!(f, "{}: {}", diagnostic.slug, diagnostic.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnosed {}
