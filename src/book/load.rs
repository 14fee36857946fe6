//! Finds the playbook files and compiles them all; one mistake anywhere refuses the whole set.

use super::compile::{Edition, Source};
use super::limits::Override;
use crate::domain::playbook::Playbook;
use crate::yaml::{Problem, nearest};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A playbook is a page of text; what is larger is something else.
const SIZE_MAX: u64 = 1 << 20;
/// Stands for the configuration's file in a problem with its overrides.
pub const OVERRIDES: &str = "configuration";
/// Folders below folders; a symbolic link to a parent would have no end.
const DEPTH_MAX: usize = 8;

/// What was found, sound or not.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Those without a mistake.
    pub books: Vec<(Edition, Arc<Playbook>)>,
    pub problems: Vec<Problem>,
    /// The names of all, in their order; those with mistakes too, as far as they have one.
    pub ids: Vec<String>,
}

/// Every `*.md` in the given folders and below, and the files given by name.
///
/// # Errors
/// Every mistake of every file.
pub fn load(
    dirs: &[PathBuf],
    overrides: &BTreeMap<String, Override>,
    vars: &BTreeMap<String, Value>,
) -> Result<Vec<(Edition, Arc<Playbook>)>, Vec<Problem>> {
    let Loaded { books, problems, .. } = load_all(dirs, overrides, vars);
    if problems.is_empty() { Ok(books) } else { Err(problems) }
}

/// As [`load`], for whoever wants to know more of those without a mistake too.
pub fn load_all(dirs: &[PathBuf], overrides: &BTreeMap<String, Override>, vars: &BTreeMap<String, Value>) -> Loaded {
    let mut problems = Vec::new();
    let mut books: Vec<(Edition, Arc<Playbook>)> = Vec::new();
    let mut first: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in find(dirs, &mut problems) {
        let Some(text) = read(&path, &mut problems) else { continue };
        let changes = declared_id(&text).and_then(|id| overrides.get(id)).cloned().unwrap_or_default();
        let edition = Edition { source: Source { path: path.clone(), text }, changes, vars: vars.clone() };
        // A file with mistakes still claims its name.
        if let Some(id) = declared_id(&edition.source.text) {
            if let Some(other) = first.get(id) {
                problems.push(twice(&edition.source, id, other));
                continue;
            }
            first.insert(id.to_owned(), path);
        }
        match edition.compile() {
            Ok(playbook) => books.push((edition, Arc::new(playbook))),
            Err(found) => problems.extend(found),
        }
    }
    let known: Vec<&str> = first.keys().map(String::as_str).collect();
    for name in overrides.keys().filter(|name| !first.contains_key(*name)) {
        let hint = nearest(name, &known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let what = format!("`overrides:` names the playbook `{}`, and there is none{hint}", crate::domain::target::cut(name));
        problems.push(Problem::of_file(Path::new(OVERRIDES), what));
    }
    Loaded { books, problems, ids: first.into_keys().collect() }
}

/// Sorted, each once.
fn find(dirs: &[PathBuf], problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for dir in dirs {
        match fs::metadata(dir) {
            Ok(kind) if kind.is_dir() => walk(dir, 0, &mut files, problems),
            Ok(_) => files.push(dir.clone()),
            Err(error) => problems.push(Problem::of_file(dir, format!("playbooks can't be read: {error}"))),
        }
    }
    // heald would run, look well, and do nothing.
    if files.is_empty() && problems.is_empty() {
        problems.extend(dirs.iter().map(|dir| Problem::of_file(dir, "no playbook is here: their names end in .md")));
    }
    files.sort();
    files.dedup();
    files
}

fn walk(dir: &Path, depth: usize, files: &mut Vec<PathBuf>, problems: &mut Vec<Problem>) {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => return problems.push(Problem::of_file(dir, format!("playbooks can't be read: {error}"))),
    };
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => return problems.push(Problem::of_file(dir, format!("playbooks can't be read: {error}"))),
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // `..data` of a mounted ConfigMap, `.git`, an editor's swap file.
        if name.starts_with('.') {
            continue;
        }
        match fs::metadata(&path) {
            Ok(kind) if kind.is_dir() && depth == DEPTH_MAX => {
                problems.push(Problem::of_file(&path, format!("more than {DEPTH_MAX} folders deep; a link in a circle?")));
            }
            Ok(kind) if kind.is_dir() => walk(&path, depth + 1, files, problems),
            Ok(_) if name.ends_with(".md") && !name.eq_ignore_ascii_case("readme.md") => files.push(path),
            Ok(_) => {}
            Err(error) if name.ends_with(".md") => problems.push(Problem::of_file(&path, format!("it can't be read: {error}"))),
            Err(_) => {}
        }
    }
}

fn read(path: &Path, problems: &mut Vec<Problem>) -> Option<String> {
    let text = check(path).and_then(|()| fs::read(path).map_err(|error| format!("it can't be read: {error}")));
    match text.and_then(|bytes| String::from_utf8(bytes).map_err(|error| not_utf8(error.as_bytes(), error.utf8_error()))) {
        Ok(text) => Some(text),
        Err(why) => {
            problems.push(Problem::of_file(path, why));
            None
        }
    }
}

/// Whoever can write a playbook decides what heald does.
fn check(path: &Path) -> Result<(), String> {
    let kind = fs::metadata(path).map_err(|error| format!("it can't be read: {error}"))?;
    if !kind.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if kind.len() > SIZE_MAX {
        return Err(format!("it has {} bytes; at most {SIZE_MAX} are read", kind.len()));
    }
    if kind.permissions().mode() & 0o002 != 0 {
        return Err(format!("everybody may write it; run `chmod o-w {}`", path.display()));
    }
    Ok(())
}

fn not_utf8(bytes: &[u8], error: std::str::Utf8Error) -> String {
    let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
    format!("line {line} is not UTF-8")
}

/// What `playbook:` says, before anything else is understood.
fn declared_id(text: &str) -> Option<&str> {
    let front = text.strip_prefix("---")?;
    let line =
        front.lines().skip(1).take_while(|line| line.trim_end() != "---").find_map(|line| line.strip_prefix("playbook:"))?;
    let line = line.split(" #").next().unwrap_or(line).trim().trim_matches(['"', '\'']);
    (!line.is_empty()).then_some(line)
}

fn twice(source: &Source, id: &str, other: &Path) -> Problem {
    let file = crate::yaml::File::new(&source.path, &source.text);
    let at = source.text.find("\nplaybook:").map_or(0, |at| at + 1);
    file.refuse(at, format!("playbook `{id}` also stands in {}", other.display()));
    file.into_problems().remove(0)
}
