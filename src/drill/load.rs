//! Finds the drill files beside the playbooks and reads them all.

use super::fault::Mark;
use super::file::{Drill, ENDING, read};
use super::settings::Settings;
use crate::domain::playbook::Playbook;
use crate::yaml::{Problem, nearest, quote};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was found, sound or not.
#[derive(Debug, Default)]
pub struct Loaded {
    /// In the order of their names.
    pub drills: Vec<Drill>,
    pub problems: Vec<Problem>,
}

const SIZE_MAX: u64 = 1 << 20;
const DEPTH_MAX: usize = 8;

/// Every `*.drill.yml` of the given folders and below. A file given by name is a playbook: the drill file beside it counts.
///
/// Each drill's playbook must be one of `known`; `books` are those of them that are sound.
pub fn load(dirs: &[PathBuf], settings: &Settings, known: &[String], books: &[Arc<Playbook>]) -> Loaded {
    let mut loaded = Loaded::default();
    let mut files = Vec::new();
    for dir in dirs {
        match dir.is_dir() {
            true => walk(dir, 0, &mut files),
            false => files.extend(beside(dir)),
        }
    }
    files.sort();
    files.dedup();
    let mut first: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in files {
        let text = match text(&path) {
            Ok(text) => text,
            Err(why) => {
                loaded.problems.push(Problem::of_file(&path, why));
                continue;
            }
        };
        match read(&path, &text, &settings.vars) {
            Ok(drills) => {
                for drill in drills {
                    if let Some(other) = first.get(&drill.name) {
                        let what = format!("drill `{}` also stands in {}", drill.name, other.display());
                        loaded.problems.push(Problem { what, ..drill.place.clone() });
                        continue;
                    }
                    first.insert(drill.name.clone(), path.clone());
                    loaded.problems.extend(misfits(&drill, known, books));
                    loaded.drills.push(drill);
                }
            }
            Err(problems) => loaded.problems.extend(problems),
        }
    }
    loaded.drills.sort_by(|a, b| a.name.cmp(&b.name));
    loaded
}

/// For its author: faults that can't be injected here, for nothing marks their objects.
pub fn not_marked(drill: &Drill, settings: &Settings) -> Vec<Problem> {
    let missing = drill.faults.iter().flat_map(|fault| &fault.marks).filter(|mark| !mark.is_on(&settings.allowed));
    let what = |mark: &Mark| format!("drill `{}` can't be run here: {}", drill.name, mark.missing());
    missing.map(|mark| Problem { what: what(mark), ..drill.place.clone() }.as_warning()).collect()
}

fn misfits(drill: &Drill, known: &[String], books: &[Arc<Playbook>]) -> Vec<Problem> {
    let at = |what: String| Problem { what, ..drill.place.clone() };
    if !known.contains(&drill.playbook) {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let hint = nearest(&drill.playbook, &known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        return vec![at(format!("drill `{}`: there is no playbook {}{hint}", drill.name, quote(&drill.playbook)))];
    }
    // One with mistakes: they come first.
    let Some(book) = books.iter().find(|book| *book.id.0 == *drill.playbook) else { return Vec::new() };
    let kinds: Vec<&str> = book
        .rungs
        .iter()
        .flat_map(|rung| &rung.steps)
        .chain(&book.rollback)
        .chain(&book.afterwards)
        .map(|step| step.kind)
        .collect();
    let strange = drill.steps.iter().filter(|step| !kinds.contains(&step.as_str()));
    strange.map(|step| at(format!("drill `{}`: playbook {} has no step {}", drill.name, book.id, quote(step)))).collect()
}

/// `port.drill.yml` beside `port.md`.
fn beside(playbook: &Path) -> Option<PathBuf> {
    let name = playbook.file_name()?.to_string_lossy().into_owned();
    let file = playbook.with_file_name(format!("{}{ENDING}", name.strip_suffix(".md")?));
    file.is_file().then_some(file)
}

/// What can't be read is told by whoever reads the playbooks of the same folders.
fn walk(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if depth < DEPTH_MAX {
                walk(&path, depth + 1, files);
            }
        } else if name.ends_with(ENDING) {
            files.push(path);
        }
    }
}

/// Whoever can write a drill decides what is broken.
fn text(path: &Path) -> Result<String, String> {
    let unread = |error: std::io::Error| format!("it can't be read: {error}");
    let kind = fs::metadata(path).map_err(unread)?;
    if !kind.is_file() || kind.len() > SIZE_MAX {
        return Err(format!("it is no regular file of at most {SIZE_MAX} bytes"));
    }
    if kind.permissions().mode() & 0o002 != 0 {
        return Err(format!("everybody may write it; run `chmod o-w {}`", path.display()));
    }
    fs::read_to_string(path).map_err(unread)
}
