//! Certificates: what all checks of a derivation amount to, in sentences. Nothing is checked here.

use backprove_calculus::check::{GradientCheck, IdentityCheck, Verdict};
use backprove_typeset::inline::Prose;

use super::error;
use crate::verification::{Counts, Verification};

/// The certificate of a gradient.
pub(super) fn certified(verification: &Verification) -> Prose {
    let results = verification.derivations.iter().map(|check| &check.result);
    let results: Vec<&GradientCheck> = results.collect();
    let steps: Vec<&IdentityCheck> = steps_of(verification).collect();
    certificate(&steps, &results, &verification.sizes)
}

/// The checks of all steps of a gradient.
pub(super) fn steps_of(verification: &Verification) -> impl Iterator<Item = &IdentityCheck> {
    let checks = verification.derivations.iter();
    checks.flat_map(|check| check.chain.iter().chain(check.locals.iter().flatten()))
}

/// What the checks of some steps and results amount to.
pub(super) fn certificate(
    steps: &[&IdentityCheck],
    results: &[&GradientCheck],
    sizes: &[String; 2],
) -> Prose {
    let mut counts = Counts::default();
    for step in steps {
        counts.add(&step.verdict);
    }
    let verified = counts.field + counts.float;
    let total = verified + counts.failed + counts.unverified;
    let errors = results.iter().map(|check| check.error);
    let worst = errors.fold(0.0, f64::max);
    let right = results
        .iter()
        .filter(|check| matches!(check.verdict, Verdict::Verified(())))
        .count();
    let trials = steps.iter().map(|check| check.trials).sum::<usize>()
        + results.iter().map(|check| check.trials).sum::<usize>();
    let resamples = steps.iter().map(|check| check.resamples).sum::<usize>()
        + results.iter().map(|check| check.resamples).sum::<usize>();
    let [first, second] = sizes;
    // Where all sizes are numbers there is none to choose.
    let sizes = if first.is_empty() {
        String::new()
    } else {
        format!(", with {first} and with {second}")
    };
    let anew = match resamples {
        1 => "1 point was".to_owned(),
        _ => format!("{resamples} points were"),
    };
    let mut sentences = vec![
        format!(
            "{verified} of {total} steps verified at random points, {} in the prime field 2^61 − 1 and {} in floating point{sizes}.",
            counts.field, counts.float
        ),
        format!(
            "{right} of {} results agree with finite differences, the greatest scaled error being {}.",
            results.len(),
            error(worst)
        ),
        format!("A random identity test of {trials} trials; {anew} drawn anew."),
    ];
    if counts.failed > 0 {
        sentences.push(format!("{} steps FAILED.", counts.failed));
    }
    if counts.unverified > 0 {
        sentences.push(format!(
            "{} steps could not be evaluated anywhere.",
            counts.unverified
        ));
    }
    Prose::from(sentences.join(" "))
}
