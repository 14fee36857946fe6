//! Reads what people write: the configuration and the playbooks, as `serve`, `check` and a reload do.

use super::Books;
use crate::book::{AlertRule, Edition};
use crate::config::{self, Settings};
use crate::domain::playbook::Playbook;
use crate::yaml::Problem;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The configuration alone.
///
/// # Errors
/// Every mistake in it.
pub fn settings(file: &std::path::Path) -> Result<Settings, Vec<Problem>> {
    config::load(file)
}

/// Reads the configuration and the playbooks, as `serve` and `check` do.
///
/// # Errors
/// Every mistake of both, one to a line.
pub fn read(file: &std::path::Path) -> Result<(Settings, Books), Vec<Problem>> {
    let settings = config::load(file)?;
    let books = read_books(&settings, &settings.playbooks)?;
    Ok((settings, books))
}

/// Reads playbooks of these folders and files under a configuration.
///
/// # Errors
/// Every mistake of theirs, one to a line.
pub fn read_books(settings: &Settings, dirs: &[PathBuf]) -> Result<Books, Vec<Problem>> {
    let books = crate::book::load(dirs, &settings.overrides, &settings.vars).and_then(|books| {
        let problems = crate::book::check(&books, Some(&settings.guards));
        if problems.is_empty() { Ok(books) } else { Err(problems) }
    });
    books.map_err(|problems| named(settings, problems))
}

/// The books know what the configuration says about them, but not where it stands.
fn named(settings: &Settings, problems: Vec<Problem>) -> Vec<Problem> {
    let named = |problem: Problem| match problem.file.as_os_str() == crate::book::OVERRIDES {
        true => Problem { file: settings.file.clone(), ..problem },
        false => problem,
    };
    problems.into_iter().map(named).collect()
}

/// Everything that there is to say about playbooks, by themselves or under a configuration: mistakes and warnings, also
/// about those that are sound beside others that are not. `rules`: the alert rules that feed them, where they are known.
pub fn survey(dirs: &[PathBuf], settings: Option<&Settings>, rules: Option<&[AlertRule]>) -> (usize, Vec<Problem>) {
    let none = (BTreeMap::new(), BTreeMap::new());
    let (overrides, vars) = settings.map_or((&none.0, &none.1), |settings| (&settings.overrides, &settings.vars));
    let mut loaded = crate::book::load_all(dirs, overrides, vars);
    if loaded.problems.is_empty() {
        loaded.problems = crate::book::check(&loaded.books, settings.map(|settings| &settings.guards));
    }
    let warnings = crate::book::warnings(&loaded, rules);
    let mut problems = std::mem::take(&mut loaded.problems);
    problems.extend(warnings);
    (
        loaded.ids.len(),
        match settings {
            Some(settings) => named(settings, problems),
            None => problems,
        },
    )
}

/// A playbook's text as the store keeps it.
///
/// # Errors
/// Why it can't be read any more.
pub fn compile(text: &str) -> Result<Playbook, String> {
    let edition = Edition::from_json(text).map_err(|error| error.to_string())?;
    edition.revive().map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}
