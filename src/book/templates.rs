//! Templates are read when the playbook is, not in the night when they are needed.

use crate::domain::template;
use crate::yaml::{File, quote};
use std::ops::Range;

/// A text of a YAML tree.
pub fn check_text(file: &File<'_>, at: usize, text: &str) {
    if let Err(error) = template::check(text) {
        file.refuse(at, format!("template {}: {}", quote(text), split(&error).0));
    }
}

/// A stretch of the file itself, whose lines can be named.
pub fn check_prose(file: &File<'_>, body: Range<usize>) {
    let text = &file.text()[body.clone()];
    let Err(error) = template::check(text) else { return };
    let (reason, line) = split(&error);
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let opening = ["{{", "{%", "{#"].iter().filter_map(|mark| text[start..].find(mark)).min().unwrap_or(0);
    file.refuse(body.start + start + opening, format!("template: {reason}"));
}

/// The engine ends its message with ` (in <string>:3)`: a line of the template, not of the file.
fn split(error: &str) -> (&str, usize) {
    let Some((reason, place)) = error.rsplit_once(" (in ") else { return (error, 1) };
    let line = place.trim_end_matches(')').rsplit(':').next().and_then(|line| line.parse().ok());
    (reason, line.unwrap_or(1))
}
