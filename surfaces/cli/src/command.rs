//! From arguments to results: what each command asks of the library, and what is printed.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use backprove::diagnostics;
use backprove::given::{Numbers, PointCheck, check_at};
use backprove::syntax::Diagnostic;
use backprove::typeset::document::{Block, Document, html, latex, markdown};
use backprove::typeset::inline::Prose;
use backprove::{DerivativeVerification, Verification, claim, codegen, json, report};
use clap::Parser as _;

use crate::arguments::{
    Arguments, Check, Color, Command, Derive, Detail, Emit, Format, SEED, Target,
};
use crate::asked::Asked;
use crate::stop::{Status, Stop};
use crate::{misuse, orientation, output, planning, source, training};

/// Carries out a command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Status {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.len() <= 1 {
        let written = output::write(None, orientation::TEXT);
        return finished(written.map(|()| Status::Success), Color::Auto);
    }
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return finished(misuse::explained(&error), Color::Auto),
    };
    let color = arguments.color;
    let result = match &arguments.command {
        Command::Derive(options) => derive(options, color),
        Command::Check(options) => check(options, color),
        Command::Emit(options) => emit(options),
        Command::Plan(options) => planning::plan(options, color),
        Command::Train(options) => training::train(options, color),
        Command::Predict(options) => training::predict(options),
        Command::Evaluate(options) => training::evaluate(options, color),
    };
    finished(result, color)
}

/// Says what stopped a command.
fn finished(result: Result<Status, Stop>, color: Color) -> Status {
    let stop = match result {
        Ok(status) => return status,
        Err(stop) => stop,
    };
    let color = output::colored(color, &io::stderr());
    let columns = output::columns(&io::stderr());
    let text = diagnostics::draw(&stop.diagnostics, &stop.source, columns, color);
    output::remark(text.trim_end());
    stop.status
}

fn derive(options: &Derive, color: Color) -> Result<Status, Stop> {
    output::apart(
        options.output.as_deref(),
        source::file(&options.program.source),
    )?;
    let asked = Asked::to_verify(&options.program)?;
    let detail = match options.detail {
        Detail::Headline => backprove::Detail::Headline,
        Detail::Working => backprove::Detail::Working,
        Detail::All => backprove::Detail::All,
    };
    if let Some(order) = options.order.beyond_gradient() {
        let derivative = asked.derivative(order)?;
        let verification = DerivativeVerification::of(&derivative, SEED);
        let document = || report::derivative(&derivative, &verification, detail);
        let object = || format!("{:#}\n", json::derivative(&derivative, &verification));
        print(
            options.format,
            options.output.as_deref(),
            color,
            document,
            object,
        )?;
        return sound(verification.holds());
    }
    let gradient = asked.gradient()?;
    let verification = Verification::of(&gradient, SEED);
    let document = || report::derivation(&gradient, &verification, detail);
    let object = || format!("{:#}\n", json::derivation(&gradient, &verification));
    print(
        options.format,
        options.output.as_deref(),
        color,
        document,
        object,
    )?;
    // It is shown all the same: the report says at which step something is wrong.
    sound(verification.holds())
}

/// Prints a result in a format, or in the one that the file's name asks for.
pub fn print(
    format: Option<Format>,
    path: Option<&Path>,
    color: Color,
    document: impl Fn() -> Document,
    object: impl Fn() -> String,
) -> Result<(), Stop> {
    let format = format.map_or_else(|| format_of(path), Ok)?;
    let text = match format {
        Format::Text => output::text(&document(), path, color),
        Format::Latex => latex::print(&document()),
        Format::Markdown => markdown::print(&document()),
        Format::Html => html::print(&document()),
        Format::Json => object(),
    };
    output::write(path, &text)
}

fn check(options: &Check, color: Color) -> Result<Status, Stop> {
    let path = options.output.as_deref();
    let read = source::file(&options.program.source).into_iter();
    output::apart(path, read.chain(options.at.as_deref()))?;
    let asked = Asked::to_verify(&options.program)?;
    let numbers = options.at.as_deref().map(numbers).transpose()?;
    if let Some(order) = options.order.beyond_gradient() {
        if numbers.is_some() {
            let message = "numbers of your own are for gradients so far";
            let diagnostic = Diagnostic::error("not-available", message)
                .help("without `--at`, every check draws its own random numbers");
            return Err(Stop::refusal(diagnostic));
        }
        if !options.claims.is_empty() {
            let diagnostic =
                Diagnostic::error("not-available", "claims are about gradients so far")
                    .help("without `--order`, a claim such as `dL/dW = dY.T @ X` is tested");
            return Err(Stop::refusal(diagnostic));
        }
        let derivative = asked.derivative(order)?;
        let verification = DerivativeVerification::of(&derivative, options.seed);
        let table = report::check_derivative(&derivative, &verification);
        output::write(path, &output::text(&table, path, color))?;
        return Ok(verdict(verification.holds()));
    }
    if let Some(numbers) = numbers.as_ref().filter(|_| options.claims.is_empty()) {
        let gradient = asked.gradient()?;
        let checks = check_at(&gradient, numbers, options.seed).map_err(Stop::wrong)?;
        let table = report::check_at(&gradient, &checks);
        output::write(path, &output::text(&table, path, color))?;
        return Ok(verdict(checks.iter().all(PointCheck::holds)));
    }
    if options.claims.is_empty() {
        let gradient = asked.gradient()?;
        let verification = Verification::of(&gradient, options.seed);
        let table = report::check(&gradient, &verification);
        output::write(path, &output::text(&table, path, color))?;
        return Ok(verdict(verification.holds()));
    }
    let mut document = Document::default();
    let mut all = true;
    for claimed in &options.claims {
        let cotangent = options.program.cotangent.as_deref();
        let numbers = numbers.as_ref();
        let answer = claim::answer(&asked.problem, claimed, cotangent, numbers, options.seed);
        let answer = answer.map_err(|diagnosed| asked.stopped(diagnosed))?;
        all &= answer.holds;
        let word = if answer.holds { "right" } else { "wrong" };
        let claimed = Prose::default()
            .code(answer.claim)
            .text(" is ")
            .strong(word);
        document.push(Block::Paragraph(claimed.text(".")));
        let sentences = answer.sentences.into_iter().map(Prose::from);
        document.push(Block::List(sentences.collect()));
    }
    output::write(path, &output::text(&document, path, color))?;
    Ok(verdict(all))
}

fn emit(options: &Emit) -> Result<Status, Stop> {
    output::apart(
        options.output.as_deref(),
        source::file(&options.program.source),
    )?;
    let asked = Asked::to_verify(&options.program)?;
    let style = codegen::Options::default();
    // Code is not printed before the derivative was found right.
    let code = if let Some(order) = options.order.beyond_gradient() {
        let written = match options.target {
            Target::Numpy => codegen::numpy_derivative,
            Target::Torch => codegen::torch_derivative,
            Target::Jax => codegen::jax_derivative,
            Target::Rust => {
                let message = "`emit rust` writes gradients alone";
                let diagnostic = Diagnostic::error("not-available", message);
                let help =
                    "`emit numpy`, `emit torch` and `emit jax` write derivatives of every order";
                return Err(Stop::refusal(diagnostic.help(help)));
            }
        };
        let derivative = asked.derivative(order)?;
        sound(DerivativeVerification::of(&derivative, SEED).holds())?;
        written(&derivative, &style)
    } else {
        let gradient = asked.gradient()?;
        sound(Verification::of(&gradient, SEED).holds())?;
        match options.target {
            Target::Torch => codegen::torch(&gradient, &style),
            Target::Jax => codegen::jax(&gradient, &style),
            Target::Numpy => codegen::numpy(&gradient, &style),
            Target::Rust => codegen::rust(&gradient, &style),
        }
    };
    let code = code.map_err(Stop::refusal)?;
    output::write(options.output.as_deref(), &code)?;
    Ok(Status::Success)
}

/// The numbers in a file.
fn numbers(path: &Path) -> Result<Numbers, Stop> {
    Numbers::read(&source::text(path)?).map_err(|mut diagnostic| {
        diagnostic.message = format!("`{}`: {}", path.display(), diagnostic.message);
        Stop::wrong(diagnostic)
    })
}

/// An error unless every step and every result was found right. What could not be tried anywhere
/// is not right.
fn sound(holds: bool) -> Result<Status, Stop> {
    if holds {
        return Ok(Status::Success);
    }
    let diagnostic = Diagnostic::error("unverified", "not everything could be verified")
        .help("`backprove check` with the same program shows what");
    Err(Stop::failed(diagnostic))
}

fn verdict(holds: bool) -> Status {
    if holds {
        Status::Success
    } else {
        Status::CheckFailed
    }
}

/// The format that a file name asks for.
fn format_of(path: Option<&Path>) -> Result<Format, Stop> {
    let end = path.and_then(Path::extension).and_then(|end| end.to_str());
    Ok(match end.map(str::to_ascii_lowercase).as_deref() {
        Some("html" | "htm") => Format::Html,
        Some("tex") => Format::Latex,
        Some("md" | "markdown") => Format::Markdown,
        Some("json") => Format::Json,
        // What opens such a file could not read a text.
        Some(end @ ("pdf" | "ps" | "png" | "svg" | "docx" | "ipynb")) => {
            let message = format!("a derivation is not written as `.{end}`");
            return Err(Stop::wrong(
                Diagnostic::error("unknown-format", message).help(
                    "name a file that ends in .txt, .md, .html, .tex or .json, or say `--format`",
                ),
            ));
        }
        _ => Format::Text,
    })
}
