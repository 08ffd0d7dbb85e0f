//! Whether the quotes of a table close. Must never take a table apart: a reader that forgives an open quote takes the
//! rows below it for one field, and this is why it is looked for first.

use std::path::Path;

use crate::Error;
use crate::error::Place;

/// Fails at the line of a quote that opens a field and is not closed before a separator, a line's end or the file's.
pub(super) fn check(path: &Path, text: &[u8], separator: u8) -> Result<(), Error> {
    let ends = |byte: u8| byte == separator || matches!(byte, b'\r' | b'\n');
    let mut place = if text.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    while let Some(&byte) = text.get(place) {
        if byte == b'"' {
            let after = closed(text, place + 1).ok_or_else(|| {
                let found = "the end of the file";
                Error::content(path, Place::Line(line(text, place)), CLOSING, found)
            })?;
            let rest = &text[after..];
            let blank = |byte: &&u8| matches!(byte, b' ' | b'\t') && !ends(**byte);
            let blanks = rest.iter().take_while(blank).count();
            if rest.get(blanks).is_some_and(|&byte| !ends(byte)) {
                let found = format!(
                    "more text behind the next quote, in line {}",
                    line(text, after)
                );
                return Err(Error::content(
                    path,
                    Place::Line(line(text, place)),
                    CLOSING,
                    found,
                ));
            }
            place = after;
        }
        // A quote counts only where a field begins.
        let field = text[place..].iter().position(|&byte| ends(byte));
        place = field.map_or(text.len(), |end| place + end + 1);
    }
    Ok(())
}

const CLOSING: &str = "a quote that closes the field which one opens here";

/// The place behind the quote that closes a field; two quotes stand for one within it.
fn closed(text: &[u8], mut place: usize) -> Option<usize> {
    loop {
        place += text.get(place..)?.iter().position(|&byte| byte == b'"')? + 1;
        if text.get(place) != Some(&b'"') {
            return Some(place);
        }
        place += 1;
    }
}

fn line(text: &[u8], place: usize) -> u64 {
    let ends = text[..place].iter().filter(|&&byte| byte == b'\n');
    ends.fold(1, |line, _| line + 1)
}
