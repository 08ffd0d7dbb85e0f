//! What a command is asked about: the program as read, with everything that is wrong about it put
//! in terms of what the user typed. It must never decide what to print.

use backprove::calculus::{self, Derivative, Gradient};
use backprove::diagnostics::Source;
use backprove::syntax::{Diagnostic, parse};
use backprove::{Diagnosed, Problem};

use crate::arguments::Program;
use crate::effort::affordable;
use crate::source::{self, path_instead};
use crate::stop::Stop;

/// A program and what to derive of it.
#[derive(Debug)]
pub struct Asked {
    /// The program.
    pub problem: Problem,
    source: Source,
    wrt: Vec<String>,
    cotangent: Option<String>,
}

impl Asked {
    /// Reads the program.
    pub fn read(options: &Program) -> Result<Self, Stop> {
        let wrt = names(&options.wrt)?;
        let declarations = options.declarations.as_deref();
        if let Some(declarations) = declarations {
            // An open bracket here must not swallow the program, so its mistakes come first.
            let diagnostics = parse(declarations).diagnostics;
            if !diagnostics.is_empty() {
                let source = Source::named("--where", declarations);
                return Err(Stop::diagnosed(diagnostics, source));
            }
        }
        let source = source::read(&options.source, declarations)?;
        let read = Problem::read(source.text());
        let problem = read.map_err(|diagnosed| {
            path_instead(&options.source).map_or_else(|| about(diagnosed, &source), Stop::wrong)
        })?;
        Ok(Self {
            problem,
            source,
            wrt,
            cotangent: options.cotangent.clone(),
        })
    }

    /// Reads a program whose derivatives will be verified.
    pub fn to_verify(options: &Program) -> Result<Self, Stop> {
        let asked = Self::read(options)?;
        affordable(asked.problem.program(), &asked.wrt).map_err(Stop::refusal)?;
        Ok(asked)
    }

    /// Derives what was asked for.
    pub fn gradient(&self) -> Result<Gradient, Stop> {
        let wrt: Vec<&str> = self.wrt.iter().map(String::as_str).collect();
        let gradient = self.problem.gradient(&wrt, self.cotangent.as_deref());
        gradient.map_err(|diagnosed| self.stopped(diagnosed))
    }

    /// Derives a derivative of another order.
    pub fn derivative(&self, order: calculus::Order) -> Result<Derivative, Stop> {
        if let Some(name) = &self.cotangent {
            let message = format!("`--cotangent {name}` belongs to gradients alone");
            let diagnostic = Diagnostic::error("cotangent-without-gradient", message)
                .help("leave it out, or take `--order vjp`");
            return Err(Stop::wrong(diagnostic));
        }
        let wrt: Vec<&str> = self.wrt.iter().map(String::as_str).collect();
        let derivative = self.problem.derivative(&wrt, order);
        derivative.map_err(|diagnosed| self.stopped(diagnosed))
    }

    /// What the user typed.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// A diagnosed text in terms of what the user typed.
    pub fn stopped(&self, diagnosed: Diagnosed) -> Stop {
        about(diagnosed, &self.source)
    }
}

/// The library knows one text; the user typed several.
fn about(diagnosed: Diagnosed, source: &Source) -> Stop {
    let source = if diagnosed.source == source.text() {
        source.clone()
    } else {
        Source::named("--claim", diagnosed.source)
    };
    let stop = Stop::diagnosed(diagnosed.diagnostics, source);
    if diagnosed.refused {
        stop.refused()
    } else {
        stop
    }
}

/// The names without spaces around them, each once.
fn names(written: &[String]) -> Result<Vec<String>, Stop> {
    let mut names: Vec<String> = Vec::new();
    for name in written.iter().map(|name| name.trim()) {
        if name.is_empty() {
            let diagnostic = Diagnostic::error("empty-name", "`--wrt` holds an empty name")
                .help("separate names by single commas, as in `--wrt W,b`");
            return Err(Stop::wrong(diagnostic));
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
