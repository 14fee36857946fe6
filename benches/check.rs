//! What `heald check --rules` costs: files read, compiled, compared with each other and with the rules that feed them.
//!
//! The goal is 1,000 playbooks in under a second. The last row is nobody's: all of them answer one alert, so each is
//! compared with each.

#![allow(clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "a bench measures, and stops where it can't")]

mod common;

use common::{folder, ms, table, write};
use heald::{app, book};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const PLAYBOOKS: usize = 1_000;
/// How many alerts they share.
const ALERTS: [usize; 3] = [1_000, 50, 1];
const ROUNDS: usize = 5;

fn main() {
    let mut rows = Vec::new();
    for alerts in ALERTS {
        let folder = folder();
        let mut rules = String::from("groups:\n  - name: bench\n    rules:\n");
        for number in 0..alerts {
            write!(rules, "      - alert: Alert{number}\n        expr: up == 0\n        labels: {{ severity: P1 }}\n")
                .expect("text");
        }
        write(&folder.path().join("rules.yml"), &rules);
        for number in 0..PLAYBOOKS {
            write(&folder.path().join(format!("books/{}/b{number}.md", number % 20)), &playbook(number, alerts));
        }
        let dirs = [folder.path().join("books")];
        let rule_files = [folder.path().join("rules.yml")];
        let mut whole = Duration::MAX;
        let mut load = Duration::MAX;
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let rules = book::rules(&rule_files).expect("sound rules");
            let (count, problems) = app::survey(&dirs, None, Some(&rules));
            whole = whole.min(began.elapsed());
            assert!(count == PLAYBOOKS && problems.is_empty(), "{count}: {}", problems[0]);
            let began = Instant::now();
            book::load(&dirs, &Default::default(), &Default::default()).expect("sound playbooks");
            load = load.min(began.elapsed());
        }
        rows.push(vec![alerts.to_string(), ms(whole), ms(load), ms(whole.saturating_sub(load))]);
    }
    table(
        &format!("heald check, {PLAYBOOKS} playbooks of 40 lines, ms (the best of {ROUNDS})"),
        &["alerts", "all", "read and compile", "compare"],
        &rows,
    );
}

fn playbook(number: usize, alerts: usize) -> String {
    format!(
        "---\nplaybook: b{number}\ncovers: [A{number}]\nmatch:\n  - 'alertname=\"Alert{}\"'\n  - 'team=\"t{number}\"'\n  - 'zone=~\"a|b.*\"'\n\
         target: {{ unit: \"{{{{ labels.target }}}}\" }}\nmode: auto\nlimits: {{ attempts: 4, within: 5m, budget: [5 per 10m] }}\n\
         causes: [Other{number}]\nvars: {{ pause: 1s }}\nseverity: P1\n---\n# Bench {number}\n\n## Symptoms\n\nSomething is down.\n\n\
         ## Auto-recovery\n\n```yaml\n- try: restart it\n  times: 2\n  do:\n    - systemd.restart: {{}}\n      timeout: 1m\n- try: once more, slowly\n  do:\n    \
         - systemd.stop: {{}}\n    - wait: \"{{{{ vars.pause }}}}\"\n      when: labels.zone == 'a'\n    - systemd.start: {{}}\n```\n\n\
         ## Verify\n\n```yaml\nwithin: 30s\nstable: 2s\nall:\n  - systemd.active: {{}}\n```\n\n## Manual fix\n\nLook at `journalctl -u {{{{ labels.target }}}}`.\n",
        number % alerts
    )
}
