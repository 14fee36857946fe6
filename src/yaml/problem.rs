//! One mistake in one file, shown as compilers show theirs.

use crate::domain::target::cut;
use serde::Serialize;
use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

/// What is wrong, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub severity: Severity,
    pub file: PathBuf,
    /// From 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub what: String,
    /// The source line.
    pub text: Option<String>,
    pub help: Option<String>,
}

/// A mistake refuses the file; a warning is for its author and refuses nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    #[default]
    Mistake,
    Warning,
}

/// A file's text and the problems found in it so far.
#[derive(Debug)]
pub struct File<'a> {
    path: &'a Path,
    text: &'a str,
    problems: RefCell<Vec<Problem>>,
}

/// Enough to mend; a file with more is most likely none of ours.
const PROBLEMS_MAX: usize = 100;
/// A longer source line is not shown: it would hide what matters.
const LINE_MAX: usize = 200;

// === impl Problem ===

impl Problem {
    /// About the file as a whole.
    pub fn of_file(file: &Path, what: impl Into<String>) -> Self {
        let severity = Severity::Mistake;
        Self { severity, file: file.to_owned(), line: 0, column: 0, what: what.into(), text: None, help: None }
    }

    /// The same place and words, refusing nothing.
    #[must_use]
    pub fn as_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// `file:line:column`, or the file's name alone.
    pub fn place(&self) -> String {
        match self.line {
            0 => self.file.display().to_string(),
            line => format!("{}:{line}:{}", self.file.display(), self.column),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.severity == Severity::Warning { "warning: " } else { "" };
        write!(f, "{}: {noun}{}", self.place(), self.what)?;
        if let Some(text) = &self.text {
            let number = self.line.to_string();
            let pad: String =
                text.chars().take(self.column.saturating_sub(1)).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            write!(f, "\n {number} | {text}\n {:width$} | {pad}^", "", width = number.len())?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n   help: {help}")?;
        }
        Ok(())
    }
}

// === impl File ===

impl<'a> File<'a> {
    pub fn new(path: &'a Path, text: &'a str) -> Self {
        Self { path, text, problems: RefCell::default() }
    }

    pub fn path(&self) -> &'a Path {
        self.path
    }

    pub fn text(&self) -> &'a str {
        self.text
    }

    /// `at` is a byte offset in the file.
    pub fn refuse(&self, at: usize, what: impl Into<String>) {
        self.push(at, what.into(), None);
    }

    pub fn refuse_with_help(&self, at: usize, what: impl Into<String>, help: impl Into<String>) {
        self.push(at, what.into(), Some(help.into()));
    }

    /// Line and column of a byte offset, both from 1.
    pub fn place(&self, at: usize) -> (usize, usize) {
        let before = self.before(at);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
    }

    /// `x.md:3` for messages that speak of a second place.
    pub fn line_of(&self, at: usize) -> String {
        format!("{}:{}", self.path.display(), self.place(at).0)
    }

    /// How many were found, up to a hundred: a reader that found none of its own may go on.
    pub fn count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// What was found in a file that this one names.
    pub fn include(&self, problems: Vec<Problem>) {
        let mut found = self.problems.borrow_mut();
        let left = PROBLEMS_MAX.saturating_sub(found.len());
        found.extend(problems.into_iter().take(left));
    }

    /// Everything found, in the order of the lines; first in this file, then in those that it names.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.file != self.path, problem.line, problem.column));
        problems
    }

    fn push(&self, at: usize, what: String, help: Option<String>) {
        if self.count() < PROBLEMS_MAX {
            let problem = Problem { what, help, ..self.at(at) };
            self.problems.borrow_mut().push(problem);
        }
    }

    /// A place that has no words yet.
    pub fn at(&self, at: usize) -> Problem {
        let (line, column) = self.place(at);
        // Control characters would be obeyed by the terminal that shows them.
        let show = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
        let text: Option<String> = self
            .text
            .lines()
            .nth(line - 1)
            .filter(|text| !text.trim().is_empty() && text.chars().count() <= LINE_MAX)
            .map(|text| text.chars().map(show).collect());
        Problem { text, line, column, ..Problem::of_file(self.path, "") }
    }

    fn before(&self, at: usize) -> &'a str {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        &self.text[..at]
    }
}

/// A value from a file, safe and short enough for a message.
pub fn quote(text: &str) -> String {
    format!("{:?}", cut(text))
}

/// The known word that was probably meant: at most one edit in three letters away.
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = cut(word).to_lowercase();
    known
        .iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), *candidate))
        .filter(|(edits, candidate)| *edits <= (candidate.chars().count().max(3) / 3))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swapped neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_points_at_its_place() {
        let text = "a: 1\n\tübel: {retires: 3}\n";
        let file = File::new(Path::new("x.md"), text);
        file.refuse_with_help(text.find("retires").unwrap(), "unknown key `retires`", "use `retries`");
        let shown = file.into_problems()[0].to_string();
        assert_eq!(shown, "x.md:2:9: unknown key `retires`\n 2 | \tübel: {retires: 3}\n   | \t       ^\n   help: use `retries`");
    }

    #[test]
    fn places_outside_the_text_are_its_end() {
        let file = File::new(Path::new("x"), "ab\nc");
        assert_eq!(file.place(99), (2, 2));
        assert_eq!(File::new(Path::new("x"), "").place(0), (1, 1));
    }

    #[test]
    fn terminals_are_not_told_what_to_do() {
        let file = File::new(Path::new("x"), "a\u{1b}[2J");
        file.refuse(0, "no");
        assert!(!file.into_problems()[0].to_string().contains('\u{1b}'));
    }

    #[test]
    fn the_nearest_word_is_near() {
        let known = ["retries", "within", "docker.restart", "do"];
        for (word, meant) in [
            ("retires", Some("retries")),
            ("Within", Some("within")),
            ("docker.restrat", Some("docker.restart")),
            ("od", Some("do")),
            ("something", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, &known), meant, "{word}");
        }
    }
}
