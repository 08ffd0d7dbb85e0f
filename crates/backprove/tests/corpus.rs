//! The corpus: every case is derived, replayed step by step, verified, and its text compared.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use backprove::calculus::{Chain, Order, canonical};
use backprove::{DerivativeVerification, Problem, Verification, text};

/// A case of a corpus file, with the places of what it holds.
struct Case {
    heading: String,
    wrt: Vec<String>,
    /// What `order=` says; `gradient` where nothing is said.
    order: String,
    program: String,
    /// `result` or `message`.
    kind: String,
    /// The text of the last block, and where it stands.
    expected: String,
    place: std::ops::Range<usize>,
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus");
    let entries = std::fs::read_dir(folder).expect("the corpus is there");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.retain(|path| {
        path.extension().is_some_and(|end| end == "md") && !path.ends_with("README.md")
    });
    files.sort();
    files
}

/// The fenced blocks of a Markdown text: the words after the fence, and the place of the body.
fn blocks(source: &str) -> Vec<(String, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut position = 0;
    let mut open: Option<(String, usize)> = None;
    for line in source.split_inclusive('\n') {
        let end = position + line.len();
        if let Some(info) = line.trim_end().strip_prefix("```") {
            match open.take() {
                None => open = Some((info.to_owned(), end)),
                Some((info, start)) => found.push((info, start..position)),
            }
        }
        position = end;
    }
    assert!(open.is_none(), "a fence is not closed");
    found
}

fn cases(source: &str) -> Vec<Case> {
    let blocks = blocks(source);
    let pairs = blocks.chunks(2).map(|pair| {
        let [(info, program), (kind, expected)] = pair else {
            panic!("a program without its expected block")
        };
        let words = info
            .strip_prefix("backprove")
            .expect("a `backprove` block first");
        let said = |what: &str| {
            let mut words = words.split_whitespace();
            words.find_map(|word| word.strip_prefix(what))
        };
        let wrt = said("wrt=").unwrap_or("");
        let names = wrt.split(',').filter(|name| !name.is_empty());
        let above = &source[..program.start];
        let heading = above
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("## "));
        Case {
            heading: heading.expect("a heading above").to_owned(),
            wrt: names.map(str::to_owned).collect(),
            order: said("order=").unwrap_or("gradient").to_owned(),
            program: source[program.clone()].to_owned(),
            kind: kind.clone(),
            expected: source[expected.clone()].to_owned(),
            place: expected.clone(),
        }
    });
    pairs.collect()
}

fn assert_chained(chain: &Chain, case: &str) {
    let mut before = &chain.start;
    for step in &chain.steps {
        assert_eq!(
            &step.before, before,
            "{case}: {} does not follow",
            step.rule.name
        );
        assert!(
            step.replays(&chain.scope),
            "{case}: {} does not replay",
            step.rule.name
        );
        before = &step.after;
    }
    assert!(
        canonical::alike(before, chain.result()),
        "{case}: the chain ends elsewhere"
    );
}

/// What the product says of a derivative of another order. Asserts that all of it is verified.
fn actual_derivative(case: &Case, order: Order) -> (String, String, usize) {
    let wrt: Vec<&str> = case.wrt.iter().map(String::as_str).collect();
    let derived = Problem::read(&case.program).and_then(|problem| problem.derivative(&wrt, order));
    let derivative = match derived {
        Ok(derivative) => derivative,
        Err(diagnosed) => return ("message".to_owned(), diagnosed.to_string(), 0),
    };
    let mut steps = 0;
    for partial in &derivative.stage.partials {
        for contribution in &partial.contributions {
            assert_chained(&contribution.local, &case.heading);
            steps += contribution.local.steps.len();
        }
        assert_chained(&partial.chain, &case.heading);
        steps += partial.chain.steps.len();
    }
    let verification = DerivativeVerification::of(&derivative, 0);
    assert!(
        verification.holds(),
        "{}: {:?}\n{:?}",
        case.heading,
        verification.counts(),
        verification.outcomes
    );
    let mut result = String::new();
    let stage = &derivative.stage;
    let below = stage.differentiated.equations.iter();
    let below = below.skip(derivative.forward.equations.len());
    for equation in below.chain(&stage.introduced) {
        let _ = writeln!(result, "{}", text::equation(equation));
    }
    for partial in stage.partials.iter().filter(|partial| !partial.absorbed) {
        let _ = writeln!(result, "{}", text::equation(&partial.equation()));
        if let Some(kronecker) = &partial.kronecker {
            let _ = writeln!(result, "# between row-major vectors: {kronecker}");
        }
    }
    ("result".to_owned(), result, steps)
}

/// What the product says of a case. Asserts that all of it is verified.
fn actual(case: &Case) -> (String, String, usize) {
    match case.order.as_str() {
        "gradient" => {}
        "jacobian" => return actual_derivative(case, Order::Jacobian),
        "jvp" => return actual_derivative(case, Order::Jvp),
        "hessian" => return actual_derivative(case, Order::Hessian),
        "hvp" => return actual_derivative(case, Order::Hvp),
        other => panic!("{}: there is no order `{other}`", case.heading),
    }
    let wrt: Vec<&str> = case.wrt.iter().map(String::as_str).collect();
    let derived = Problem::read(&case.program).and_then(|problem| problem.gradient(&wrt, None));
    let gradient = match derived {
        Ok(gradient) => gradient,
        Err(diagnosed) => return ("message".to_owned(), diagnosed.to_string(), 0),
    };
    let mut steps = 0;
    for derivation in &gradient.derivations {
        for contribution in &derivation.contributions {
            assert_chained(&contribution.local, &case.heading);
            steps += contribution.local.steps.len();
        }
        assert_chained(&derivation.chain, &case.heading);
        steps += derivation.chain.steps.len();
    }
    let verification = Verification::of(&gradient, 0);
    assert!(
        verification.holds(),
        "{}: {:?}",
        case.heading,
        verification.counts()
    );
    let mut result = String::new();
    let computed = gradient
        .derivations
        .iter()
        .filter(|derivation| !derivation.absorbed);
    let equations = gradient.introduced.iter().cloned();
    for equation in equations.chain(computed.map(backprove::calculus::Derivation::equation)) {
        let _ = writeln!(result, "{}", text::equation(&equation));
    }
    ("result".to_owned(), result, steps)
}

#[test]
fn every_case_is_verified_and_reads_as_blessed() {
    let bless = std::env::var_os("BLESS").is_some();
    let (mut count, mut steps) = (0, 0);
    let mut differences = String::new();
    for file in files() {
        let mut source = std::fs::read_to_string(&file).expect("readable");
        // From the last to the first, so that blessing does not move what is still to come.
        for case in cases(&source.clone()).iter().rev() {
            let (kind, text, taken) = actual(case);
            assert_eq!(kind, case.kind, "{}: {text}", case.heading);
            count += 1;
            steps += taken;
            if text != case.expected {
                let _ = writeln!(
                    differences,
                    "{}:\n{text}instead of\n{}",
                    case.heading, case.expected
                );
                source.replace_range(case.place.clone(), &text);
            }
        }
        if bless {
            std::fs::write(&file, source).expect("writable");
        }
    }
    println!("{count} cases, {steps} steps");
    assert!(count >= 50, "only {count} cases were found");
    assert!(bless || differences.is_empty(), "{differences}");
}
