//! The table of docs/coverage.md: row of the catalogue → rule → playbook → drill → target → measured.
//!
//! Rules, playbooks and drills are read from what is shipped, so that nothing is listed that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::drills::LACKS;
use crate::lab::{Context as _, Error, Result};

pub const BEGIN: &str = "<!-- drills: begin (written by `make drills`) -->";
pub const END: &str = "<!-- drills: end -->";

const FAILED: &str = "**failed**: ";

/// Rows, what they are, and, where no drill breaks it, how it is proved instead or why it is not.
const ROWS: [(&str, &str, &str); 75] = [
    ("A01", "worker stopped responding", ""),
    ("A02", "high memory", ""),
    ("A03", "disk space critical", ""),
    ("A04", "model proxy unresponsive", ""),
    ("A05", "Grafana or Prometheus unresponsive", ""),
    ("A06", "high CPU", ""),
    ("A07", "kernel out-of-memory kill", ""),
    ("A08", "network connectivity lost", ""),
    ("A09", "zombie processes", ""),
    ("A10", "worker stuck in a loop", ""),
    ("A11", "vector database corrupt", ""),
    ("A12", "business signals", "nothing to break: people are told; rule tests"),
    ("A13", "LLM router down", ""),
    ("A14", "port conflict", ""),
    ("A15", "upstream rejects credentials", ""),
    ("A16", "memory leak", ""),
    ("A17", "upstream rate limit", ""),
    ("A18", "name resolution fails", ""),
    ("A19", "firewall blocks a port", "a machine of the lab has no firewall of its own to break"),
    ("A20", "mesh VPN down", ""),
    ("A21", "a LAN machine is gone", "no second machine to wake; the packet is captured in `live: steps_speak_to_services`"),
    ("A22", "retry discipline", "property tests"),
    ("A23", "thresholds everybody watches", "rule tests"),
    ("A24", "restore the vector database", ""),
    ("A25", "disaster scenarios", "a procedure for people"),
    ("A26", "drills", "this table"),
    ("A27", "continuity modes", "simulation"),
    ("B01", "SQLite corrupt, locked or gone", ""),
    ("B02", "port in use", ""),
    ("B03", "slow boot", ""),
    ("B04", "out of memory", ""),
    ("B05", "disk full", ""),
    ("B06", "network unreachable", ""),
    ("B07", "endpoint slow", ""),
    ("B08", "configuration missing or broken", ""),
    ("B09", "credentials invalid", ""),
    ("B10", "model server down", ""),
    ("C01", "Ollama OOM-killed", ""),
    ("C02", "Ollama model missing", ""),
    ("C03", "Ollama generation times out", ""),
    ("C04", "Chroma refuses connections", ""),
    ("C05", "Chroma collection corrupt", ""),
    ("C06", "Valkey refuses connections", ""),
    ("C07", "Valkey memory full", ""),
    ("C08", "ComfyUI sees no GPU", ""),
    ("C09", "VRAM exhausted", ""),
    ("C10", "bot offline", ""),
    ("C11", "bot rate-limited", ""),
    ("C12", "container network isolation", ""),
    ("C13", "several down: recovery order", "simulation, `live: what_is_needed_comes_first`"),
    ("C14", "thresholds", "simulation"),
    ("D01", "agent gone", ""),
    ("D02", "Ollama unit failed", ""),
    ("D03", "Gitea down", ""),
    ("D04", "orphaned peer", ""),
    ("D05", "both hosts gone", "a procedure for people"),
    ("D06", "severities", "`decide` tests"),
    ("D07", "escalation matrix", "`decide` tests, simulation"),
    ("D08", "routing by severity", "`live: escalation_reaches_board_and_room`"),
    ("D09", "distress signal", "`it: cards`"),
    ("D10", "backups", ""),
    ("D11", "restore", ""),
    ("D12", "failover to the standby host", "`live: failover_dead_is_not_unseen`, `live: failover_partitioned_is_fenced_first`"),
    ("D13", "post-incident review", "`review` tests"),
    ("D14", "recovery objectives", "`review` tests, `live: every_panel_shows_something`"),
    ("D15", "recovery test", "this table"),
    ("E01", "start-up grace", "`live: slow_starters_restart_once`"),
    ("E02", "retries back off", "simulation"),
    ("E03", "one different attempt, then tell", "`decide` tests"),
    ("E04", "at most 5 restarts in 10 min", "simulation, `live: start_limit_is_never_hit`"),
    ("E05", "a stop that hangs is killed", "simulation"),
    ("E06", "observe mode", "simulation"),
    ("E07", "a clean stop is no failure", "`live: stopped_by_a_person_is_left_alone`"),
    ("E08", "no two healers fight", "simulation, `live: two_names_are_one_target`"),
    ("E09", "resource caps", "`live: shipped_unit_starts_and_heals`"),
];

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Measured {
    pub drill: String,
    pub passed: bool,
    /// `escalated` and `refused` have no recovery to measure.
    pub text: String,
    pub recovery_ms: Option<u64>,
}

/// `8.1 s on average of 20, 61.2 s at most`
pub fn average(measured: &[Measured]) -> String {
    let times: Vec<u64> = measured.iter().filter(|one| one.passed).filter_map(|one| one.recovery_ms).collect();
    let mean = times.iter().sum::<u64>() as f64 / times.len().max(1) as f64;
    let most = times.iter().max().copied().unwrap_or(0);
    format!("{:.1} s on average of {}, {:.1} s at most", mean / 1_000.0, times.len(), most as f64 / 1_000.0)
}

#[derive(Debug, Default)]
struct Shipped {
    /// Playbook → its rules.
    rules: BTreeMap<String, BTreeSet<String>>,
    /// Playbook → path below the repository, rows, target.
    playbooks: BTreeMap<String, (String, Vec<String>, Option<String>)>,
    /// Drill, its playbook, rows, its own target.
    drills: Vec<(String, String, Vec<String>, Option<String>)>,
}

/// The page with the table written anew; what was measured before stays where this was not the `whole`.
pub fn rewrite(page: &str, root: &Path, measured: &[Measured], whole: bool, when: &str) -> Result<String> {
    let (before, rest) = page.split_once(BEGIN).ok_or_else(|| Error::new("the page has no table of drills"))?;
    let (old, after) = rest.split_once(END).ok_or_else(|| Error::new("the table of drills has no end"))?;
    let mut all = measured.to_vec();
    if !whole {
        all.extend(read(old).into_iter().filter(|one| measured.iter().all(|new| new.drill != one.drill)));
    }
    Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", render(&Shipped::read(root)?, &all, when)))
}

/// What a table says was measured. A drill that covers several rows stands there as often.
fn read(table: &str) -> Vec<Measured> {
    let mut found: Vec<Measured> = Vec::new();
    for cells in table.lines().map(|line| line.split(" | ").map(str::trim).collect::<Vec<_>>()) {
        let [_, _, drill, _, text] = cells[..] else { continue };
        let text = text.trim_end_matches('|').trim();
        if drill == "drill" || text.is_empty() || text == "not run" || found.iter().any(|one| one.drill == drill) {
            continue;
        }
        let seconds = text.split(" s").next().and_then(|number| number.parse::<f64>().ok());
        found.push(Measured {
            drill: drill.to_owned(),
            passed: !text.starts_with(FAILED),
            text: text.trim_start_matches(FAILED).to_owned(),
            recovery_ms: seconds.map(|seconds| (seconds * 1_000.0) as u64),
        });
    }
    found
}

fn render(shipped: &Shipped, measured: &[Measured], when: &str) -> String {
    let mut out = format!(
        "\n{when} Recovered in {}.\n\n| row | rule → playbook | drill | target | measured |\n| --- | --- | --- | --- | --- |\n",
        average(measured)
    );
    for (row, what, instead) in &ROWS {
        let drills: Vec<_> = shipped.drills.iter().filter(|(_, _, rows, _)| rows.iter().any(|one| one == row)).collect();
        let of_drills = drills.iter().map(|(_, playbook, ..)| playbook.as_str());
        let of_pages = shipped.playbooks.iter().filter(|(_, (_, rows, _))| rows.iter().any(|one| one == row));
        let playbooks: BTreeSet<&str> = of_drills.chain(of_pages.map(|(name, _)| name.as_str())).collect();
        let pages: Vec<String> = playbooks.iter().map(|name| shipped.line(name)).collect();
        let left = format!("{row} {what} | {}", pages.join("; "));
        if drills.is_empty() {
            let why = if instead.is_empty() { "no drill yet" } else { instead };
            out.push_str(&format!("| {left} | {why} | | |\n"));
        }
        for (index, (name, playbook, _, own)) in drills.iter().enumerate() {
            let left = if index == 0 { left.clone() } else { format!("{row} | ") };
            let target = own.clone().or_else(|| shipped.playbooks.get(playbook).and_then(|(_, _, time)| time.clone()));
            let came = measured.iter().find(|one| one.drill == *name);
            // The row's other proof stands beside a drill that can't run here.
            let came = came.map_or("not run".to_owned(), |one| match one {
                one if one.text.starts_with(LACKS) && !instead.is_empty() => format!("{LACKS}; {instead}"),
                one if one.passed => one.text.clone(),
                one => format!("{FAILED}{}", one.text),
            });
            out.push_str(&format!("| {left} | {name} | {} | {came} |\n", target.unwrap_or_default()));
        }
    }
    out
}

impl Shipped {
    fn read(root: &Path) -> Result<Self> {
        let mut this = Self::default();
        for file in files(&root.join("alert-rules"), ".yml")?
            .into_iter()
            .filter(|file| !file.components().any(|part| part.as_os_str() == "tests"))
        {
            let mut alert = String::new();
            for line in fs::read_to_string(&file)?.lines().map(str::trim) {
                if let Some(name) = line.trim_start_matches("- ").strip_prefix("alert: ") {
                    alert = name.to_owned();
                } else if let Some(playbook) = line.strip_prefix("playbook: ") {
                    this.rules.entry(playbook.to_owned()).or_default().insert(alert.clone());
                }
            }
        }
        for file in files(&root.join("playbooks"), ".md")? {
            let text = fs::read_to_string(&file)?;
            let head: String = text.split("---").nth(1).unwrap_or_default().to_owned();
            let head: Value =
                serde_saphyr::from_str(&head).map_err(|error| Error::new(format!("{}: {error}", file.display())))?;
            let Some(name) = head["playbook"].as_str() else { continue };
            let path = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            this.playbooks.insert(name.to_owned(), (path, list(&head["covers"]), text_of(&head["recovery_time"])));
        }
        for file in files(&root.join("playbooks"), ".drill.yml")? {
            let all: Value = serde_saphyr::from_str(&fs::read_to_string(&file)?)
                .map_err(|error| Error::new(format!("{}: {error}", file.display())))?;
            for drill in all["drills"].as_array().into_iter().flatten() {
                let field = |key: &str| drill[key].as_str().unwrap_or_default().to_owned();
                this.drills.push((field("drill"), field("playbook"), list(&drill["covers"]), text_of(&drill["within"])));
            }
        }
        Ok(this)
    }

    fn line(&self, playbook: &str) -> String {
        let rules =
            self.rules.get(playbook).map(|rules| rules.iter().cloned().collect::<Vec<_>>().join(", ")).unwrap_or_default();
        let path = self.playbooks.get(playbook).map(|(path, ..)| path.clone()).unwrap_or_default();
        let arrow = if rules.is_empty() { "" } else { " → " };
        format!("{rules}{arrow}[{playbook}](../{path})")
    }
}

fn list(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).context(folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, ending)?);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
