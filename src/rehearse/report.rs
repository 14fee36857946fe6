//! What came of the tests of some files, in promtool's manner.

use super::judge::{Difference, judge};
use super::play;
use super::read::{ENDING, read};
use super::script::{Script, Test};
use super::story::{Story, moment};
use crate::yaml::Problem;
use regex::Regex;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One test file.
#[derive(Clone, Debug)]
pub struct FileReport {
    pub file: PathBuf,
    /// Why none of it was run.
    pub problems: Vec<Problem>,
    /// Those that were to run, in the order of the file.
    pub tests: Vec<TestReport>,
}

#[derive(Clone, Debug)]
pub struct TestReport {
    pub name: String,
    /// Why it could not be played at all.
    pub broken: Option<String>,
    pub differences: Vec<Difference>,
    /// `10s  attempt 1 permitted: …`
    pub timeline: Vec<String>,
    /// By a real clock.
    pub took: Duration,
}

/// A test file is a page of text.
const SIZE_MAX: u64 = 1 << 20;
/// Folders below folders, as for playbooks.
const DEPTH_MAX: usize = 8;

/// The test files of these names: a folder stands for all beneath it.
///
/// # Errors
/// What can't be read, or holds no test.
pub fn find(names: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for name in names {
        let before = files.len();
        if name.is_dir() {
            walk(name, 0, &mut files).map_err(|error| format!("{} can't be read: {error}", name.display()))?;
        } else {
            files.push(name.clone());
        }
        if files.len() == before {
            return Err(format!("{}: no test file is here; their names end in {ENDING}", name.display()));
        }
        files[before..].sort();
    }
    Ok(files)
}

fn walk(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() && depth < DEPTH_MAX {
            walk(&path, depth + 1, files)?;
        } else if path.to_string_lossy().ends_with(ENDING) {
            files.push(path);
        }
    }
    Ok(())
}

/// Plays them, several files at a time. `filter`: by a test's name. Blocks.
pub fn run(files: &[PathBuf], filter: Option<&Regex>) -> Vec<FileReport> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, FileReport)>> = Mutex::default();
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(files.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((index, file)) = take(&next, files) {
                    let report = of_file(file, filter);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, report));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, report)| report).collect()
}

fn take<'a>(next: &AtomicUsize, files: &'a [PathBuf]) -> Option<(usize, &'a PathBuf)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, files.get(index)?))
}

fn of_file(file: &Path, filter: Option<&Regex>) -> FileReport {
    let script = open(file).and_then(|text| read(file, &text));
    let (problems, tests) = match script {
        Ok(script) => play_all(&script, file, filter),
        Err(problems) => (problems, Vec::new()),
    };
    FileReport { file: file.to_owned(), problems, tests }
}

fn open(file: &Path) -> Result<String, Vec<Problem>> {
    let of_file = |what: String| vec![Problem::of_file(file, what)];
    let kind = fs::metadata(file).map_err(|error| of_file(format!("it can't be read: {error}")))?;
    if !kind.is_file() || kind.len() > SIZE_MAX {
        return Err(of_file(format!("it is no test file: a file with at most {SIZE_MAX} bytes is expected")));
    }
    fs::read_to_string(file).map_err(|error| of_file(format!("it can't be read: {error}")))
}

fn play_all(script: &Script, file: &Path, filter: Option<&Regex>) -> (Vec<Problem>, Vec<TestReport>) {
    let mut problems: Vec<Problem> = Vec::new();
    let mut tests = Vec::new();
    for test in script.tests.iter().filter(|test| filter.is_none_or(|filter| filter.is_match(&test.name))) {
        match play::books(&script.playbooks, test) {
            Ok(books) => tests.push(play_one(test, &books)),
            Err(found) => {
                for problem in found {
                    // What the overrides say stands in this file.
                    let own = problem.file.as_os_str() == crate::book::OVERRIDES;
                    let problem = if own { Problem { file: file.to_owned(), ..problem } } else { problem };
                    if !problems.contains(&problem) {
                        problems.push(problem);
                    }
                }
            }
        }
    }
    (problems, tests)
}

fn play_one(test: &Test, books: &play::Books) -> TestReport {
    let began = now();
    let (broken, story) = match play::play(test, books) {
        Ok(story) => (None, story),
        Err(why) => (Some(why), Story::default()),
    };
    let differences = if broken.is_none() { judge(&test.expect, &story) } else { Vec::new() };
    let timeline = story.timeline.iter().map(|(at, line)| format!("{}  {line}", moment(*at))).collect();
    TestReport { name: test.name.clone(), broken, differences, timeline, took: began.elapsed() }
}

#[expect(clippy::disallowed_methods, reason = "how long a test took for its user, in a report")]
fn now() -> Instant {
    Instant::now()
}

// === impl TestReport ===

impl TestReport {
    pub fn passed(&self) -> bool {
        self.broken.is_none() && self.differences.is_empty()
    }

    /// What did not hold, a line each, without indentation.
    pub fn failure(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.broken.iter().map(|why| format!("it can't be played: {why}")).collect();
        for Difference { what, lines: found } in &self.differences {
            lines.push(match *what {
                "actions" | "refusals" | "escalations" | "messages" => format!("{what}: (- expected, + not expected)"),
                "script" => "what the test scripts did not happen:".to_owned(),
                other => format!("{other}:"),
            });
            lines.extend(found.iter().map(|line| format!("    {line}")));
        }
        lines
    }
}

// === impl FileReport ===

impl FileReport {
    pub fn passed(&self) -> bool {
        self.problems.is_empty() && self.tests.iter().all(TestReport::passed)
    }
}

/// As promtool prints it. `verbose`: with the whole timeline of each test.
pub fn text(reports: &[FileReport], verbose: bool) -> String {
    let mut page = String::new();
    // Writing to a String can't fail.
    for report in reports {
        let _ = writeln!(page, "Unit Testing:  {}", report.file.display());
        for problem in &report.problems {
            let shown = problem.to_string().replace('\n', "\n    ");
            let _ = writeln!(page, "  FAILED:\n    {shown}");
        }
        for test in &report.tests {
            if !test.passed() {
                let _ = writeln!(page, "  FAILED: {}", test.name);
                for line in test.failure() {
                    let _ = writeln!(page, "    {line}");
                }
            } else if verbose {
                let _ = writeln!(page, "  passed: {}", test.name);
            }
            if verbose {
                let _ = writeln!(page, "    timeline:");
                for line in &test.timeline {
                    let _ = writeln!(page, "        {line}");
                }
            }
        }
        if report.passed() {
            let _ = writeln!(page, "  SUCCESS");
        }
        page.push('\n');
    }
    page
}
