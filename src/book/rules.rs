//! Prometheus rule files, as far as playbooks rest on them: the name of each alert and the labels that its rule fixes.
//!
//! Read by `heald check --rules`, and by nothing else. What a rule takes from its expression or fills in by a template
//! is not known here, so it may be anything. Whether the files are sound is promtool's question.

use crate::domain::alert::Labels;
use crate::domain::target::cut;
use crate::yaml::{Chunk, File, Kind, Node, Problem, parse};
use std::fs;
use std::path::{Path, PathBuf};

/// One alerting rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRule {
    /// `alertname` and the labels without a template.
    pub fixed: Labels,
    /// Labels with a template: their value is known only when the alert fires.
    pub open: Vec<String>,
    /// What the label `playbook` says, and its place as a problem without words.
    pub playbook: Option<(String, Problem)>,
    pub file: PathBuf,
    pub line: usize,
}

/// A rule file is a page of text.
const SIZE_MAX: u64 = 8 << 20;
const DEPTH_MAX: usize = 8;

// === impl AlertRule ===

impl AlertRule {
    pub fn name(&self) -> &str {
        self.fixed.get("alertname").map_or("", String::as_str)
    }

    /// `WebDown (web.yml:12)`
    pub fn place(&self) -> String {
        format!("{} ({}:{})", cut(self.name()), self.file.display(), self.line)
    }
}

/// The alerting rules of files, and of every `*.yml` and `*.yaml` in folders and below. Other YAML files of a folder
/// (tests of rules, a Prometheus configuration) have no `groups` with rules and are passed over.
///
/// # Errors
/// Every file that can't be read.
pub fn rules(paths: &[PathBuf]) -> Result<Vec<AlertRule>, Vec<Problem>> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match fs::metadata(path) {
            Ok(kind) if kind.is_dir() => walk(path, 0, &mut files, &mut problems),
            Ok(_) => files.push((path.clone(), true)),
            Err(error) => problems.push(Problem::of_file(path, format!("the rules can't be read: {error}"))),
        }
    }
    files.sort();
    files.dedup_by(|a, b| a.0 == b.0);
    let mut found = Vec::new();
    for (path, named) in files {
        match read(&path) {
            // A folder of rules may hold their tests too.
            Ok(text) if !named && !text.lines().any(|line| line.starts_with("groups:")) => {}
            Ok(text) => match alerts(&path, &text) {
                Ok(rules) if rules.is_empty() && named => problems.push(Problem::of_file(&path, "no alerting rule is here")),
                Ok(rules) => found.extend(rules),
                Err(wrong) => problems.extend(wrong),
            },
            Err(why) => problems.push(Problem::of_file(&path, why)),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

/// # Errors
/// Why the text is no YAML.
pub fn alerts(path: &Path, text: &str) -> Result<Vec<AlertRule>, Vec<Problem>> {
    let file = File::new(path, text);
    let Some(root) = parse(&file, &[Chunk { at: 0, text: text.to_owned() }]) else { return Err(file.into_problems()) };
    let groups = get(&root, "groups").map_or(&[][..], items);
    let rules = groups.iter().filter_map(|group| get(group, "rules")).flat_map(items);
    Ok(rules.filter_map(|rule| alert(&file, rule)).collect())
}

fn alert(file: &File<'_>, rule: &Node) -> Option<AlertRule> {
    let name = get(rule, "alert")?;
    let mut found = AlertRule {
        fixed: [("alertname".to_owned(), word(name)?)].into(),
        open: Vec::new(),
        playbook: None,
        file: file.path().to_owned(),
        line: file.place(rule.at).0,
    };
    let Some(Kind::Map(labels)) = get(rule, "labels").map(|node| &node.kind) else { return Some(found) };
    for (key, node) in labels {
        let Some(value) = word(node) else { continue };
        if value.contains("{{") {
            found.open.push(key.name.clone());
            continue;
        }
        if key.name == "playbook" {
            found.playbook = Some((value.clone(), file.at(node.at)));
        }
        found.fixed.insert(key.name.clone(), value);
    }
    Some(found)
}

fn get<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Kind::Map(entries) = &node.kind else { return None };
    entries.iter().find_map(|(key, value)| (key.name == name).then_some(value))
}

fn items(node: &Node) -> &[Node] {
    if let Kind::List(items) = &node.kind { items } else { &[] }
}

/// A label's value is a text to Prometheus, whatever YAML takes it for.
fn word(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Text(text) | Kind::Bool(_, text) | Kind::Number(_, text) => Some(text.clone()),
        Kind::Null | Kind::List(_) | Kind::Map(_) => None,
    }
}

fn read(path: &Path) -> Result<String, String> {
    let unread = |error: std::io::Error| format!("the rules can't be read: {error}");
    let kind = fs::metadata(path).map_err(unread)?;
    if !kind.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if kind.len() > SIZE_MAX {
        return Err(format!("it has {} bytes; at most {SIZE_MAX} are read", kind.len()));
    }
    String::from_utf8(fs::read(path).map_err(unread)?).map_err(|_| "it is not UTF-8".to_owned())
}

fn walk(dir: &Path, depth: usize, files: &mut Vec<(PathBuf, bool)>, problems: &mut Vec<Problem>) {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => return problems.push(Problem::of_file(dir, format!("the rules can't be read: {error}"))),
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.is_dir() && depth < DEPTH_MAX {
            walk(&path, depth + 1, files, problems);
        } else if !hidden && path.extension().is_some_and(|end| end == "yml" || end == "yaml") && path.is_file() {
            files.push((path, false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "groups:
  - name: web
    rules:
      - record: job:up
        expr: up
      - alert: WebDown
        expr: up == 0
        labels:
          severity: P1
          level: 1
          target: '{{ $labels.name }}'
          playbook: web-is-down
  - name: empty
";

    #[test]
    fn a_rule_is_known_by_what_it_fixes() {
        let found = alerts(Path::new("web.yml"), RULES).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        let rule = &found[0];
        let fixed: Vec<(&str, &str)> = rule.fixed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fixed, [("alertname", "WebDown"), ("level", "1"), ("playbook", "web-is-down"), ("severity", "P1")]);
        assert_eq!((rule.open.as_slice(), rule.place().as_str()), (&["target".to_owned()][..], "WebDown (web.yml:6)"));
        let (name, place) = rule.playbook.as_ref().unwrap();
        assert_eq!((name.as_str(), place.place().as_str()), ("web-is-down", "web.yml:12:21"));
    }

    #[test]
    fn what_has_no_rules_is_passed_over_in_a_folder_and_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        write("web.yml", RULES);
        let test = write("web_test.yml", "rule_files: [web.yml]\n");
        write("notes.txt", "groups: [");
        assert_eq!(rules(&[dir.path().to_owned()]).unwrap().len(), 1);
        assert!(rules(&[test]).unwrap_err()[0].what.contains("no alerting rule"));
        write("broken.yaml", "groups: [\n");
        assert_eq!(rules(&[dir.path().to_owned()]).unwrap_err().len(), 1);
        assert!(rules(&[dir.path().join("nowhere")]).is_err());
    }
}
