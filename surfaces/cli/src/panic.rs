//! The last resort: a mistake in the program itself is reported as such, without a dump that a
//! user can do nothing with. Nothing may rely on this to handle a user's mistake.

use std::io::Write as _;

/// Replaces the message that a panic prints.
pub fn install() {
    std::panic::set_hook(Box::new(|report| {
        let place = report
            .location()
            .map_or_else(String::new, |location| format!(" ({location})"));
        let reason = report.payload_as_str().unwrap_or("no reason given");
        // Nothing can be done if even this cannot be written.
        let _ = writeln!(
            std::io::stderr(),
            "error[internal]: this is a mistake in Backprove, not in what you wrote\n\
             reason: {reason}{place}\n\
             help: please report it together with the command line"
        );
    }));
}
