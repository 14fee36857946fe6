//! Reads what people write: the configuration and the playbooks, as `serve`, `check` and a reload do.

use super::Books;
use crate::book::{AlertRule, Edition};
use crate::config::{self, Settings};
use crate::domain::playbook::Playbook;
use crate::drill;
use crate::yaml::Problem;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

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
    problems.extend(drills(dirs, settings, &loaded));
    (
        loaded.ids.len(),
        match settings {
            Some(settings) => named(settings, problems),
            None => problems,
        },
    )
}

/// What there is to say about the drills beside the playbooks. That something is not marked is said only of those that the
/// configuration speaks of: most of a library's drills are for other hosts.
fn drills(dirs: &[PathBuf], settings: Option<&Settings>, books: &crate::book::Loaded) -> Vec<Problem> {
    let none = drill::Settings::default();
    let settings = settings.map_or(&none, |settings| &settings.drills);
    let sound: Vec<Arc<Playbook>> = books.books.iter().map(|(_, book)| Arc::clone(book)).collect();
    let drill::Loaded { drills, mut problems } = drill::load(dirs, settings, &books.ids, &sound);
    let known = |name: &String| drills.iter().any(|drill| drill.name == *name);
    // Which drills a file with mistakes holds is not known.
    let sound = problems.is_empty();
    for name in settings.vars.keys().filter(|name| sound && !known(name)) {
        let what = format!("`drills: vars:` names the drill `{}`, and there is none", crate::domain::target::cut(name));
        problems.push(Problem::of_file(std::path::Path::new(crate::book::OVERRIDES), what));
    }
    let meant =
        drills.iter().filter(|drill| settings.vars.contains_key(&drill.name) || drill.is_partly_marked(&settings.allowed));
    problems.extend(meant.flat_map(|drill| drill::not_marked(drill, settings)));
    problems
}

/// A playbook's text as the store keeps it.
///
/// # Errors
/// Why it can't be read any more.
pub fn compile(text: &str) -> Result<Playbook, String> {
    let edition = Edition::from_json(text).map_err(|error| error.to_string())?;
    edition.revive().map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}
