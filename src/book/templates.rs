//! Templates are read when the playbook is, not in the night when they are needed.

use crate::domain::target::cut;
use crate::domain::template;
use crate::yaml::{File, nearest, quote};
use minijinja::Environment;
use std::ops::Range;

/// What a step or probe may speak of; in `target:` itself, the target is not known yet.
pub const NAMES: [&str; 4] = ["labels", "annotations", "vars", "target"];

thread_local! {
    static ENGINE: Environment<'static> = Environment::new();
}

/// A text of a YAML tree, which may speak of `names`.
pub fn check_text(file: &File<'_>, at: usize, text: &str, names: &[&str]) {
    if !template::is_template(text) {
        return;
    }
    let refuse = |reason: &str| file.refuse(at, format!("template {}: {reason}", quote(text)));
    if let Err(error) = template::check(text) {
        return refuse(split(&error).0);
    }
    if let Some(name) = unknown(text, names) {
        let hint = nearest(&name, names)
            .map_or_else(|| format!("known are {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
        refuse(&format!("unknown name `{}`; {hint}", cut(&name)));
    }
}

/// The first name that is neither known, nor set by the template, nor one of the engine's functions.
fn unknown(text: &str, names: &[&str]) -> Option<String> {
    ENGINE.with(|engine| {
        let template = engine.template_from_str(text).ok()?;
        let mut undeclared: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        undeclared.sort();
        undeclared.into_iter().find(|name| !names.contains(&name.as_str()) && !engine.globals().any(|(global, _)| global == name))
    })
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
