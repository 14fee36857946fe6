//! Templates are read when the playbook is, not in the night when they are needed.

use crate::domain::target::cut;
use crate::domain::template;
use crate::yaml::{File, nearest, quote};
use minijinja::Environment;
use std::ops::Range;

/// What a step or probe may speak of; in `target:` itself, the target is not known yet.
pub const NAMES: [&str; 5] = ["labels", "annotations", "vars", "target", "steps"];

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

/// Everything that a template asks for; `None`: it is none.
pub fn names_in(text: &str) -> Option<Vec<String>> {
    ENGINE.with(|engine| {
        let template = engine.template_from_str(text).ok()?;
        let mut names: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        names.sort();
        Some(names)
    })
}

/// What a `when:` says.
pub fn check_expression(file: &File<'_>, at: usize, text: &str) {
    if template::is_template(text) {
        let help = "write `when: labels.tier == 'gold'`";
        return file.refuse_with_help(at, "`when` is an expression by itself, without {{ }}", help);
    }
    if let Err(why) = template::is_expression(text) {
        return file.refuse(at, format!("when {}: {why}", quote(text)));
    }
    let used = ENGINE.with(|engine| {
        let compiled = engine.compile_expression(text).map_err(|error| error.to_string())?;
        let mut names: Vec<String> = compiled.undeclared_variables(false).into_iter().collect();
        names.sort();
        Ok::<_, String>(
            names.into_iter().find(|name| !NAMES.contains(&name.as_str()) && !engine.globals().any(|(global, _)| global == name)),
        )
    });
    match used {
        Ok(None) => {}
        Ok(Some(name)) => {
            let hint = nearest(&name, &NAMES)
                .map_or_else(|| format!("known are {}", NAMES.join(", ")), |near| format!("did you mean `{near}`?"));
            file.refuse(at, format!("when {}: unknown name `{}`; {hint}", quote(text), cut(&name)));
        }
        Err(error) => file.refuse(at, format!("when {}: {}", quote(text), split(&error).0)),
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
