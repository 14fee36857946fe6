//! The texts: heald's configuration out of the shipped sample, the inventory, its alert rules, playbooks.

use super::sort::{Expected, is_delicate};
use super::{BUS, ENGINE, Findings};
use crate::inventory::{self, Page, scalar};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// One file to be written, below the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: PathBuf,
    pub text: String,
}

/// One source: what `make install` installs, too.
const SAMPLE: &str = include_str!("../../dist/heald.yaml");
const INVENTORY: &str = "inventory.yaml";

/// Everything but the secret, in the order in which it should be read.
///
/// # Errors
/// Says which name that was found on the host fits into no file.
pub fn files(findings: &Findings, expected: &Expected) -> Result<Vec<File>, String> {
    let inventory = inventory(findings, expected);
    let read = inventory::read(Path::new(INVENTORY), &inventory);
    let read = read.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let rules = inventory::rules(&read);
    let rules_page = inventory::page(&rules, INVENTORY);
    let mut files = vec![
        File { path: "heald.yaml".into(), text: configuration(findings, expected)? },
        File { path: INVENTORY.into(), text: inventory },
        File { path: "alert-rules/expected.yml".into(), text: rules_page },
    ];
    if findings.shared.is_none() {
        // Those that the alerts above ask for, and those of the shipped rules on what is on the allow-list.
        let mut pages: BTreeMap<&str, &Page> = rules.iter().map(|rule| (rule.page.id, rule.page)).collect();
        for page in &inventory::BASIC {
            pages.insert(page.id, page);
        }
        files.extend(pages.values().map(|page| File {
            path: Path::new("playbooks").join(page.domain).join(format!("{}.md", page.id)),
            text: page.text.to_owned(),
        }));
    }
    Ok(files)
}

fn configuration(findings: &Findings, expected: &Expected) -> Result<String, String> {
    let mut text = SAMPLE.to_owned();
    let mut put = |from: &str, to: &str| {
        // A line of the sample that is not there any more would be left out in silence.
        if text.matches(from).count() != 1 {
            return Err(format!("the sample configuration does not hold {from:?} once"));
        }
        text = text.replacen(from, to, 1);
        Ok(())
    };
    let lines = |names: &mut dyn Iterator<Item = String>| names.fold(String::new(), |all, name| all + "\n    " + &name);
    if !expected.units.is_empty() {
        let each = &mut expected.units.iter().map(|unit| match is_delicate(unit) {
            true => format!("# - {}    # everything else hangs on it: think first", scalar(unit)),
            false => format!("- {}", scalar(unit)),
        });
        let empty = if expected.units.iter().all(|unit| is_delicate(unit)) { " []" } else { "" };
        put("  units: []\n    # - web.service", &format!("  units:{empty}{}", lines(each)))?;
    }
    if !expected.containers.is_empty() {
        let each = &mut expected.containers.iter().map(|container| format!("- {}", scalar(&container.name)));
        put("  containers: []\n    # - web", &format!("  containers:{}", lines(each)))?;
    }
    put("# host: web-1", &format!("host: {}", scalar(&findings.host)))?;
    put("# inventory: inventory.yaml", &format!("inventory: {INVENTORY}"))?;
    put("  - /etc/heald/playbooks                # your own", "  - playbooks    # beside this file: your own")?;
    let shared = "  - /usr/local/share/heald/playbooks    # as shipped; an update replaces them\n";
    match &findings.shared {
        Some(folder) => {
            put(shared, &format!("  - {}    # as shipped; an update replaces them\n", scalar(&folder.display().to_string())))?;
        }
        None => put(shared, "")?,
    }
    if findings.bus != BUS {
        put(&format!("# systemd: {{ bus: \"{BUS}\" }}"), &format!("systemd: {{ bus: {} }}", scalar(&findings.bus)))?;
    }
    if findings.engine != ENGINE {
        put(&format!("# docker: {{ host: \"{ENGINE}\" }}"), &format!("docker: {{ host: {} }}", scalar(&findings.engine)))?;
    }
    if findings.alertmanager {
        put("# alertmanager: {", "alertmanager: {")?;
    }
    Ok(text)
}

fn inventory(findings: &Findings, expected: &Expected) -> String {
    let host = scalar(&findings.host);
    let mut text = String::from(
        "# What must be there, on all hosts. All keys: docs/inventory.md. After a change make the alert rules anew:
#
#   heald rules --inventory inventory.yaml > alert-rules/expected.yml
#
# Written by `heald init` from what ran at that moment: take out what need not run, add backups, probes, rto and rpo.
",
    );
    for (name, answer) in [("systemd", findings.units.as_ref().err()), ("Docker", findings.containers.as_ref().err())] {
        if let Some(why) = answer {
            let _ = writeln!(text, "# {name} could not be asked: {}", line(why));
        }
    }
    let exporter = if findings.node_exporter { "" } else { " { node_exporter: false }   # none answered on port 9100" };
    let _ = write!(text, "\nhosts:\n  {host}:{exporter}\n\n");
    let mut services: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for unit in &expected.units {
        let stem = unit.rsplit_once('.').map_or(unit.as_str(), |(stem, _)| stem);
        services.entry(stem).or_default().0.push(unit);
    }
    for container in &expected.containers {
        services.entry(&container.service).or_default().1.push(&container.name);
    }
    text += if services.is_empty() { "services: {}\n" } else { "services:\n" };
    for (name, (units, containers)) in services {
        let _ = write!(text, "  {}:\n    hosts: [{host}]\n", scalar(name));
        for (key, names) in [("units", units), ("containers", containers)] {
            if !names.is_empty() {
                let names: Vec<String> = names.into_iter().map(scalar).collect();
                let _ = writeln!(text, "    {key}: [{}]", names.join(", "));
            }
        }
    }
    let reasons: BTreeSet<&str> = expected.left.iter().map(|left| left.why).collect();
    if !reasons.is_empty() {
        text += "\n# Found, and left out:\n";
    }
    for why in reasons {
        let _ = writeln!(text, "#\n# {why}");
        for left in expected.left.iter().filter(|left| left.why == why) {
            let _ = writeln!(text, "#   {}", line(&left.name));
        }
    }
    text
}

/// A comment ends with its line.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
