//! Chains of steps, judged by the oracle. Test support only.

use backprove_calculus::check::{Checker, Verdict};
use backprove_calculus::derivation::Chain;
use backprove_calculus::{Index, canonical};

/// Each step starts where the one before it ended, can be taken again from what the rules saw, and keeps its value.
pub(crate) fn holds(chain: &Chain, indices: &[Index], checker: &mut Checker, text: &str) {
    let mut before = &chain.start;
    for step in &chain.steps {
        let (rule, from, to) = (&step.rule, &step.before, &step.after);
        assert!(canonical::alike(before, from), "{text}: {rule:?}");
        assert!(
            step.replays(&chain.scope),
            "{text}: {rule:?} does not replay"
        );
        let check = checker.verify_step(from, to, indices);
        assert!(
            matches!(check.verdict, Verdict::Verified(_)),
            "{text}\n{rule:?} from {from:?} to {to:?}: {check:?}"
        );
        before = to;
    }
}
