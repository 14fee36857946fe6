//! Names a place in a playbook for what is found only after all files were read.

use super::compile::Source;
use crate::yaml::{File, Problem};

/// At `word` below the front matter's `key`, as far as the text alone can tell.
pub fn front(source: &Source, key: &str, word: &str, what: String, help: Option<&str>) -> Problem {
    let at = source.text.find(&format!("\n{key}:")).map_or(0, |at| at + 1);
    let below = at + key.len() + 1;
    let at = match source.text.get(below..).and_then(|rest| rest.find(word)) {
        Some(more) if at > 0 && !word.is_empty() => below + more,
        _ => at,
    };
    let problem = Problem { what, ..File::new(&source.path, &source.text).at(at) };
    Problem { help: help.map(str::to_owned), ..problem }
}
