//! Grafana's dashboard-linter, whose rules are written anew here, and what else a provisioned dashboard must be.
//!
//! Whether Prometheus takes each query and has something to show is asked in the live tier, of a heald that healed.

use crate::boards::{Board, COLUMNS, Panel, Target, list, text};
use regex::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const OURS: [&str; 4] = ["heald", "objectives", "overview", "safety"];
const SOURCE: &str = "${datasource}";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn boards() -> Vec<Board> {
    let boards = Board::all().unwrap();
    assert_eq!(boards.iter().map(|board| board.name.as_str()).collect::<Vec<_>>(), OURS);
    boards
}

/// Collects what is wrong, so that one run names all of it.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn unless(&mut self, holds: bool, what: impl Fn() -> String) {
        if !holds {
            self.0.push(what());
        }
    }

    fn none(self) {
        assert!(self.0.is_empty(), "\n{}", self.0.join("\n"));
    }
}

/// A metric with its matchers, and the range behind it, as they stand in an expression.
struct Selector<'a> {
    metric: &'a str,
    matchers: &'a str,
    range: Option<&'a str>,
    /// The call whose parenthesis it stands in directly.
    call: Option<&'a str>,
}

/// PromQL as these dashboards write it: every selector has braces, no text holds any.
fn selectors(expr: &str) -> Vec<Selector<'_>> {
    let form = Regex::new(r"(?:([a-z_]+)\()?\b([a-z_:][a-z0-9_:]*)\{([^}]*)\}(?:\[([^\]]+)\])?").unwrap();
    let part = |found: &regex::Captures<'_>, at: usize| found.get(at).map(|part| &expr[part.range()]);
    let found = form.captures_iter(expr).map(|found| Selector {
        metric: part(&found, 2).unwrap(),
        matchers: part(&found, 3).unwrap(),
        range: part(&found, 4),
        call: part(&found, 1),
    });
    found.collect()
}

/// The metrics that exist: a histogram's parts bear its name.
fn family(metric: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|part| metric.strip_suffix(part)).unwrap_or(metric)
}

fn targets(board: &Board) -> impl Iterator<Item = (Panel<'_>, Target<'_>)> {
    board.panels().flat_map(|panel| panel.targets().map(move |target| (panel, target)))
}

#[test]
fn dashboards_can_be_provisioned() {
    let mut wrong = Wrong::default();
    let mut uids = BTreeSet::new();
    for board in boards() {
        let (name, json) = (&board.name, &board.json);
        wrong.unless(uids.insert(text(&json["uid"]).to_owned()), || format!("{name}: its uid is taken"));
        wrong.unless(text(&json["uid"]).starts_with("heald-"), || format!("{name}: no fixed uid"));
        for key in ["id", "__inputs", "__requires", "iteration"] {
            wrong.unless(json[key].is_null(), || format!("{name}: {key} is of an export"));
        }
        wrong.unless(json["editable"] == false, || format!("{name}: editable, though a change would be lost"));
        wrong.unless(json["schemaVersion"].as_u64() >= Some(39), || format!("{name}: an old schema"));
        wrong.unless(list(&json["tags"]).any(|tag| tag == "heald"), || format!("{name}: without the tag that links them"));
        for key in ["title", "description", "refresh"] {
            wrong.unless(!text(&json[key]).is_empty(), || format!("{name}: no {key}"));
        }
    }
    wrong.none();
}

#[test]
fn variables_choose_source_job_and_instance() {
    let mut wrong = Wrong::default();
    for board in boards() {
        let name = &board.name;
        let found: BTreeMap<&str, &Value> = board.variables().map(|one| (text(&one["name"]), one)).collect();
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), ["datasource", "instance", "job"], "{name}");
        let source = found["datasource"];
        wrong.unless(source["type"] == "datasource" && source["query"] == "prometheus", || format!("{name}: datasource"));
        wrong.unless(source["label"] == "Data source", || format!("{name}: the label of datasource"));
        for (key, label) in [("job", "Job"), ("instance", "Instance")] {
            let one = found[key];
            wrong.unless(one["type"] == "query" && one["datasource"]["uid"] == SOURCE, || format!("{name}: ${key} is no query"));
            wrong.unless(one["label"] == label, || format!("{name}: the label of ${key}"));
            wrong.unless(one["multi"] == true && one["includeAll"] == true, || format!("{name}: ${key} is one of all"));
            wrong.unless(one["allValue"] == ".+", || format!("{name}: All of ${key} must be .+"));
            wrong.unless(one["refresh"] == 2, || format!("{name}: ${key} must follow the chosen time"));
            let query = text(&one["query"]["query"]);
            wrong.unless(query.starts_with("label_values(") && query == text(&one["definition"]), || format!("{name}: {query}"));
        }
    }
    wrong.none();
}

#[test]
fn panels_say_what_they_show_and_do_not_overlap() {
    let mut wrong = Wrong::default();
    for board in boards() {
        let mut ids = BTreeSet::new();
        let mut titles = BTreeSet::new();
        let mut taken: Vec<Panel<'_>> = Vec::new();
        for panel in board.everything() {
            let place = format!("{}: {:?}", board.name, panel.title());
            wrong.unless(panel.0["id"].as_u64().is_some_and(|id| ids.insert(id)), || format!("{place}: no id of its own"));
            wrong.unless(!panel.title().is_empty() && titles.insert(panel.title()), || format!("{place}: no title of its own"));
            let grid = panel.grid();
            wrong.unless(grid.w > 0 && grid.h > 0 && grid.x.saturating_add(grid.w) <= COLUMNS, || format!("{place}: {grid:?}"));
            for other in &taken {
                wrong.unless(!grid.overlaps(other.grid()), || format!("{place} overlaps {:?}", other.title()));
            }
            taken.push(panel);
            if panel.kind() == "row" {
                continue;
            }
            wrong.unless(!text(&panel.0["description"]).is_empty(), || format!("{place}: no description"));
            wrong.unless(!panel.unit().is_empty(), || format!("{place}: no unit"));
            wrong.unless(panel.0["datasource"]["uid"] == SOURCE, || format!("{place}: its data source"));
            let names: Vec<&str> = panel.targets().map(Target::name).collect();
            let distinct: BTreeSet<&str> = names.iter().copied().collect();
            wrong.unless(!names.is_empty() && distinct.len() == names.len(), || format!("{place}: queries {names:?}"));
            for target in panel.targets() {
                wrong.unless(target.0["datasource"]["uid"] == SOURCE, || format!("{place}: a query's data source"));
                wrong.unless(target.is_instant() != (target.0["range"] == true), || format!("{place}: now, or over time?"));
            }
        }
    }
    wrong.none();
}

#[test]
fn queries_keep_to_the_linters_rules() {
    let mut wrong = Wrong::default();
    let mut seen = 0;
    for board in boards() {
        for (panel, target) in targets(&board) {
            let expr = target.expr();
            let place = format!("{}: {:?}, query {}", board.name, panel.title(), target.name());
            let open = |mark: char| expr.chars().filter(|&letter| letter == mark).count();
            wrong.unless(open('(') == open(')') && open('{') == open('}'), || format!("{place}: {expr}"));
            let found = selectors(expr);
            wrong.unless(!found.is_empty() && found.len() == open('{'), || format!("{place}: a selector without braces: {expr}"));
            for one in found {
                seen += 1;
                let what = format!("{place}: {}", one.metric);
                for matcher in ["job=~\"$job\"", "instance=~\"$instance\""] {
                    wrong.unless(one.matchers.split(',').any(|other| other == matcher), || format!("{what} lacks {matcher}"));
                }
                let counter = ["_total", "_bucket", "_sum", "_count"].iter().any(|end| one.metric.ends_with(end));
                let increases = matches!(one.call, Some("rate" | "increase"));
                wrong.unless(counter == increases, || format!("{what}: counters, and only they, need rate or increase"));
                wrong.unless(one.range.is_some() == increases, || format!("{what}: a range of {:?}", one.range));
                let fits = match one.call {
                    Some("rate") => one.range == Some("$__rate_interval"),
                    // Of the whole chosen time where the panel shows one number, never a fixed span.
                    Some("increase") if target.is_instant() => one.range == Some("$__range"),
                    Some("increase") => one.range == Some("$__rate_interval"),
                    _ => true,
                };
                wrong.unless(fits, || format!("{what}: {:?} over {:?}", one.call, one.range));
            }
            for label in target.legend().split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
                let by = expr.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
                let kept = by.flat_map(|names| names.split(", ")).any(|name| name == label);
                wrong.unless(kept, || format!("{place}: {{{{{label}}}}} is not kept by the query"));
            }
        }
    }
    assert!(seen > 100, "the selectors were not found: {seen}");
    wrong.none();
}

#[test]
fn tables_name_columns_that_their_queries_give() {
    let mut wrong = Wrong::default();
    for board in boards() {
        for panel in board.panels().filter(|panel| panel.kind() == "table") {
            let place = format!("{}: {:?}", board.name, panel.title());
            let count = panel.targets().count();
            for target in panel.targets() {
                wrong.unless(target.0["format"] == "table" && target.is_instant(), || format!("{place}: {}", target.name()));
            }
            let last = list(&panel.0["transformations"]).last().unwrap();
            let renamed = last["options"]["renameByName"].as_object().unwrap();
            let values: BTreeSet<String> = panel
                .targets()
                .map(|target| if count > 1 { format!("Value #{}", target.name()) } else { "Value".to_owned() })
                .collect();
            let named: BTreeSet<String> = renamed.keys().filter(|key| key.starts_with("Value")).cloned().collect();
            wrong.unless(values == named, || format!("{place}: {named:?} instead of {values:?}"));
            for key in renamed.keys().filter(|key| !key.starts_with("Value")) {
                let kept = panel.targets().all(|target| target.expr().contains(key.as_str()));
                wrong.unless(kept, || format!("{place}: {key} is not in every query"));
            }
            let headings: BTreeSet<&str> = renamed.values().map(text).collect();
            for matcher in list(&panel.0["fieldConfig"]["overrides"]).map(|one| text(&one["matcher"]["options"])) {
                wrong.unless(headings.contains(matcher), || format!("{place}: an override of {matcher:?}"));
            }
        }
    }
    wrong.none();
}

#[test]
fn every_metric_is_documented() {
    let reference = read("docs/metrics.md");
    let known: BTreeSet<&str> = reference.split('`').filter(|word| word.starts_with("heald_")).map(str::trim_end).collect();
    // Prometheus' own, and what every process gives.
    let others =
        ["up", "process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"];
    let mut unknown = BTreeSet::new();
    for board in boards() {
        let marks = board.repairs().unwrap();
        let exprs = targets(&board).map(|(_, target)| target.expr()).chain([marks]);
        for metric in exprs.flat_map(selectors).map(|one| one.metric) {
            if !known.contains(metric) && !known.contains(family(metric)) && !others.contains(&metric) {
                unknown.insert(format!("{}: {metric}", board.name));
            }
        }
        let queries = board.variables().filter_map(|one| one["query"]["query"].as_str());
        for name in queries.flat_map(|query| query.split(['"', '|'])).filter(|word| word.starts_with("heald_")) {
            assert!(known.contains(name), "{}: a variable asks for {name}", board.name);
        }
    }
    assert!(unknown.is_empty(), "not in docs/metrics.md: {unknown:#?}");
}

#[test]
fn every_dashboard_marks_repairs() {
    let mut seen = BTreeSet::new();
    for board in boards() {
        let marks = board.repairs().unwrap_or_else(|| panic!("{} marks no repairs", board.name)).to_owned();
        assert!(marks.contains("heald_attempts_total{job=~\"$job\",instance=~\"$instance\"}"), "{}: {marks}", board.name);
        seen.insert(marks);
    }
    assert_eq!(seen.len(), 1, "one query for all, the one that docs/dashboards.md gives to other dashboards");
    let marks = seen.pop_first().unwrap();
    let bare = marks.replace("{job=~\"$job\",instance=~\"$instance\"}", "");
    assert!(read("docs/dashboards.md").contains(&bare), "docs/dashboards.md does not give {bare}");
}

#[test]
fn provisioning_finds_the_dashboards_and_their_source() {
    let yaml = |path: &str| -> Value { serde_saphyr::from_str(&read(path)).unwrap() };
    let sources = yaml("grafana/provisioning/datasources/prometheus.yml");
    let source = &sources["datasources"][0];
    for board in boards() {
        let chosen = board.variables().find(|one| one["name"] == "datasource").unwrap();
        assert_eq!(chosen["current"]["value"], source["uid"], "{}", board.name);
    }
    let providers = yaml("grafana/provisioning/dashboards/heald.yml");
    let provider = &providers["providers"][0];
    assert_eq!(provider["type"], "file");
    assert_eq!(provider["allowUiUpdates"], false, "as `editable: false` says");
    assert!(text(&provider["options"]["path"]).starts_with('/'));
}

#[test]
fn each_dashboard_has_its_page_and_its_preview() {
    let page = read("docs/dashboards.md");
    for board in boards() {
        assert!(page.contains(&format!("## {}", board.title())), "docs/dashboards.md has no part on {:?}", board.title());
        assert!(page.contains(&format!("(dashboards/{}.svg)", board.name)), "docs/dashboards.md does not show {}", board.name);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/dashboards/{}.svg", board.name));
        let picture = fs::read_to_string(file)
            .unwrap_or_else(|error| panic!("docs/dashboards/{}.svg: {error}; draw it: HEALD_BLESS=1 make test-live", board.name));
        assert!(picture.contains("Preview drawn from query results, not Grafana"), "{} must say what it is", board.name);
        for panel in board.everything() {
            let title = panel.title().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            assert!(picture.contains(&title), "docs/dashboards/{}.svg is older than {:?}", board.name, panel.title());
        }
    }
}
