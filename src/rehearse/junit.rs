//! The report as JUnit XML, for what shows test results: the elements that Jenkins, GitLab and Gitea agree on.

use super::report::{FileReport, TestReport};
use std::fmt::Write;
use std::time::Duration;

/// One `testsuite` for each file, one `testcase` for each test. A file that can't be read is a case that is an error.
pub fn junit(reports: &[FileReport]) -> String {
    let (tests, failures, errors, took) = reports
        .iter()
        .map(count)
        .fold((0, 0, 0, Duration::ZERO), |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2, sum.3 + one.3));
    let mut page = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        page,
        "<testsuites name=\"heald test rules\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{}\">",
        seconds(took)
    );
    for report in reports {
        suite(&mut page, report);
    }
    page.push_str("</testsuites>\n");
    page
}

/// Tests, failures, errors, time.
fn count(report: &FileReport) -> (usize, usize, usize, Duration) {
    let unread = usize::from(!report.problems.is_empty());
    let broken = report.tests.iter().filter(|test| test.broken.is_some()).count();
    let failed = report.tests.iter().filter(|test| test.broken.is_none() && !test.passed()).count();
    (report.tests.len() + unread, failed, broken + unread, report.tests.iter().map(|test| test.took).sum())
}

// Writing to a String can't fail.
fn suite(page: &mut String, report: &FileReport) {
    let file = escape(&report.file.display().to_string());
    let (tests, failures, errors, took) = count(report);
    let _ = writeln!(
        page,
        "  <testsuite name=\"{file}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\" time=\"{}\">",
        seconds(took)
    );
    if let Some(first) = report.problems.first() {
        let all: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        let _ = writeln!(page, "    <testcase name=\"the file\" classname=\"{file}\" time=\"0.000\">");
        let _ = writeln!(page, "      <error message=\"{}\">{}</error>", escape(&first.what), escape(&all.join("\n")));
        let _ = writeln!(page, "    </testcase>");
    }
    for test in &report.tests {
        case(page, &file, test);
    }
    let _ = writeln!(page, "  </testsuite>");
}

fn case(page: &mut String, file: &str, test: &TestReport) {
    let _ = write!(page, "    <testcase name=\"{}\" classname=\"{file}\" time=\"{}\"", escape(&test.name), seconds(test.took));
    if test.passed() {
        let _ = writeln!(page, "/>");
        return;
    }
    let element = if test.broken.is_some() { "error" } else { "failure" };
    let whats: Vec<&str> = test.differences.iter().map(|one| one.what).collect();
    let message = test.broken.clone().unwrap_or_else(|| format!("not as expected: {}", whats.join(", ")));
    let mut lines = test.failure();
    lines.push("timeline:".to_owned());
    lines.extend(test.timeline.iter().map(|line| format!("    {line}")));
    let _ = writeln!(page, ">\n      <{element} message=\"{}\">{}</{element}>", escape(&message), escape(&lines.join("\n")));
    let _ = writeln!(page, "    </testcase>");
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

/// For text and for attributes. Characters that XML 1.0 does not have, not even escaped, are replaced (section 2.2).
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearse::judge::Difference;

    fn test(name: &str, lines: &[&str]) -> TestReport {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let differences = if lines.is_empty() { Vec::new() } else { vec![Difference { what: "actions", lines }] };
        TestReport {
            name: name.to_owned(),
            broken: None,
            differences,
            timeline: vec!["0s  a & b".to_owned()],
            took: Duration::from_millis(12),
        }
    }

    #[test]
    fn a_parser_reads_it_back_whatever_the_names_hold() {
        let hostile = "a <b> & \"c\" 'd' \u{1b}[2J \u{0} ]]> ü";
        let problem = crate::yaml::Problem::of_file(std::path::Path::new("y.test.yml"), "no <YAML>");
        let reports = [
            FileReport {
                file: "x&.test.yml".into(),
                problems: Vec::new(),
                tests: vec![test("good", &[]), test(hostile, &["- <x>"])],
            },
            FileReport { file: "y.test.yml".into(), problems: vec![problem], tests: Vec::new() },
        ];
        let page = junit(&reports);
        let read = roxmltree::Document::parse(&page).unwrap();
        let root = read.root_element();
        assert_eq!(["tests", "failures", "errors"].map(|key| root.attribute(key).unwrap()), ["3", "1", "1"]);
        let suites: Vec<_> = root.children().filter(roxmltree::Node::is_element).collect();
        assert_eq!(suites[0].attribute("name"), Some("x&.test.yml"));
        let cases: Vec<_> = suites[0].children().filter(roxmltree::Node::is_element).collect();
        assert_eq!(cases[0].attribute("time"), Some("0.012"));
        assert_eq!(cases[1].attribute("name").unwrap(), "a <b> & \"c\" 'd' \u{fffd}[2J \u{fffd} ]]> ü");
        let failure = cases[1].children().find(roxmltree::Node::is_element).unwrap();
        assert_eq!(failure.tag_name().name(), "failure");
        assert_eq!(failure.text().unwrap().lines().nth(1), Some("    - <x>"));
        let error = suites[1].descendants().find(|node| node.tag_name().name() == "error").unwrap();
        assert_eq!(error.attribute("message"), Some("no <YAML>"));
    }
}
