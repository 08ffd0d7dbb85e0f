//! The problems of `corpus/problems`: every one is derived, every step and result verified, and compared with the
//! blessed table. None is ever wrong, and none that was right may be lost.

mod catalogue;
mod judge;
mod witness;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use catalogue::Entry;
use judge::{Outcome, judge};

/// How many times the textbook's operations are close enough.
const CLOSE: f64 = 1.25;
/// Ratios stand in the table with two decimals.
const ROUNDED: f64 = 0.005;

/// The outcomes in the order of the problems, worked out on all processors.
fn outcomes(entries: &[Entry]) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(vec![Outcome::default(); entries.len()]);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = judge(entry);
                    let place = entries.iter().position(|other| other.name == entry.name);
                    found.lock().expect("no thread panics while it holds this")
                        [place.expect("it is one of them")] = outcome;
                }
            });
        }
    });
    found.into_inner().expect("all threads have ended")
}

fn summary(outcomes: &[Outcome]) -> String {
    let count =
        |wanted: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|one| wanted(one)).count();
    let status = |wanted: &str| count(&|one| one.status == wanted);
    let form = |wanted: &str| count(&|one| one.form == wanted);
    let close = count(&|one| one.ratio().is_some_and(|ratio| ratio <= CLOSE));
    let compared = count(&|one| one.operations.is_some());
    format!(
        "{} problems: {} right, {} wrong, {} refused.\n\
         Matrix form: {} have one, {} lack one that the textbook has, {} have none on either side.\n\
         Operations at most {CLOSE} times the textbook's: {close} of {compared} that could be compared.\n",
        outcomes.len(),
        status("right"),
        status("wrong"),
        status("refused"),
        form("matrix"),
        form("no matrix"),
        form("index"),
    )
}

fn table(entries: &[Entry], outcomes: &[Outcome]) -> String {
    let mut text = "# Results\n\n".to_owned();
    text.push_str(
        "Written by `BLESS=1 cargo test -p backprove --test problems`; the test fails where a problem is wrong, or one \
         that was right is lost.\nAfter the name: whether the result is right by finite differences, with every step \
         verified; its form; scalar operations over the textbook's.\n\n",
    );
    text.push_str(&summary(outcomes));
    let mut topic = "";
    for (entry, outcome) in entries.iter().zip(outcomes) {
        if entry.topic != topic {
            topic = &entry.topic;
            let _ = writeln!(text, "\n## {topic}");
        }
        let _ = write!(text, "\n### {} · {}", entry.name, outcome.status);
        if outcome.status != "right" {
            let _ = writeln!(text, "\n\n{}", outcome.reason);
            continue;
        }
        let _ = write!(text, " · {}", outcome.form);
        if let Some(ratio) = outcome.ratio() {
            let _ = write!(text, " · {ratio:.2}");
        }
        if outcome.closed != "agrees" {
            let _ = write!(text, "\n\nTextbook: {}", outcome.closed);
        }
        let _ = write!(text, "\n\n```text\n{}```\n", outcome.printed);
    }
    text
}

/// Name, status, form and ratio of the blessed table.
fn blessed(table: &str) -> HashMap<&str, (&str, &str, f64)> {
    let headings = table.lines().filter_map(|line| line.strip_prefix("### "));
    let row = |heading| {
        let mut parts = str::split(heading, " · ");
        let name = parts.next().unwrap_or_default();
        let status = parts.next().unwrap_or_default();
        let form = parts.next().unwrap_or_default();
        let ratio = parts.next().and_then(|ratio| ratio.parse().ok());
        (name, (status, form, ratio.unwrap_or(f64::INFINITY)))
    };
    headings.map(row).collect()
}

/// What is worse than in the blessed table.
fn losses(entries: &[Entry], outcomes: &[Outcome], table: &str) -> String {
    let blessed = blessed(table);
    let mut lost = String::new();
    for (entry, outcome) in entries.iter().zip(outcomes) {
        let Some((status, form, ratio)) = blessed.get(entry.name.as_str()) else {
            let _ = writeln!(lost, "{} is not in the table", entry.name);
            continue;
        };
        if *status == "right" && outcome.status != "right" {
            let _ = writeln!(
                lost,
                "{} was right, now {}: {}",
                entry.name, outcome.status, outcome.reason
            );
        } else if *form == "matrix" && outcome.form != "matrix" {
            let _ = writeln!(
                lost,
                "{} had a matrix form:\n{}",
                entry.name, outcome.printed
            );
        } else if *ratio <= CLOSE && outcome.ratio().is_none_or(|now| now > CLOSE + ROUNDED) {
            let _ = writeln!(
                lost,
                "{} took {ratio} times the textbook's operations:\n{}",
                entry.name, outcome.printed
            );
        }
    }
    lost
}

#[test]
fn every_problem_is_right_or_refused_and_none_is_lost() {
    let entries = catalogue::all();
    let outcomes = outcomes(&entries);
    println!("{}", summary(&outcomes));
    let mut wrong = String::new();
    for (entry, outcome) in entries.iter().zip(&outcomes) {
        if outcome.status == "wrong" || outcome.closed.starts_with("differs") {
            let _ = writeln!(
                wrong,
                "{}: {} {} {}\n{}",
                entry.name, outcome.status, outcome.reason, outcome.closed, outcome.printed
            );
        }
    }
    let path = catalogue::folder().join("RESULTS.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, table(&entries, &outcomes)).expect("writable");
    }
    assert!(wrong.is_empty(), "{wrong}");
    let lost = losses(
        &entries,
        &outcomes,
        &std::fs::read_to_string(&path).expect("the table is there"),
    );
    assert!(lost.is_empty(), "{lost}");
}
