//! A [`Digest`] as Markdown: what a team reads on Monday.

use super::digest::{CHRONIC, Digest, Times};
use super::escape::{cell, prose};
use super::page::{count, line};
use super::words::span;

impl Digest {
    pub fn markdown(&self) -> String {
        let mut page = String::new();
        let day = |at: jiff::Timestamp| at.strftime("%F").to_string();
        line(&mut page, &format!("# Incidents on {}, {} to {}\n", prose(&self.host), day(self.from), day(self.until)));
        if self.incidents == 0 {
            line(&mut page, "None was opened.");
            return page;
        }
        if self.cut {
            line(&mut page, &format!("_There were more: only the newest {} are counted._\n", self.incidents));
        }
        self.totals(&mut page);
        self.playbooks(&mut page);
        self.times(&mut page);
        self.chronic(&mut page);
        self.refusals(&mut page);
        line(&mut page, "\n## To decide\n\n| What | Owner | Due |\n|---|---|---|\n| | | |");
        page
    }

    fn totals(&self, page: &mut String) {
        let row = |name: &str, value: u32, what: &str| format!("- **{name}:** {value}{what}");
        line(page, &row("Incidents", self.incidents, ""));
        line(page, &row("Repaired by heald", self.healed, ", verified each time"));
        line(page, &row("Pages avoided", self.pages_avoided, " (repaired, and nobody was told to act)"));
        line(page, &row("Escalated", self.escalated, " (a person was called)"));
        line(page, &row("Good by themselves", self.by_itself, ""));
        line(page, &row("Still open", self.open, ""));
    }

    fn playbooks(&self, page: &mut String) {
        line(page, "\n## By playbook\n");
        line(page, "| Playbook | Incidents | Repaired | Escalated | Pages avoided | MTTR, mean | MTTR, median |");
        line(page, "|---|---|---|---|---|---|---|");
        for row in &self.by_playbook {
            let took = |ms: Option<u64>| ms.map_or("–".to_owned(), span);
            line(
                page,
                &format!(
                    "| {} | {} | {} | {} | {} | {} | {} |",
                    cell(&row.playbook.0),
                    row.incidents,
                    row.healed,
                    row.escalated,
                    row.pages_avoided,
                    took(row.mttr_mean_ms),
                    took(row.mttr_median_ms)
                ),
            );
        }
        line(page, "\nMTTR: from the alert's start to the end of a symptom that heald saw itself.");
    }

    fn times(&self, page: &mut String) {
        line(page, "\n## Times\n\n| Time to | Incidents | Median | Worst | Target met |\n|---|---|---|---|---|");
        for Times { name, count, median_ms, worst_ms, met, missed } in &self.times {
            let took = |ms: &Option<u64>| ms.map_or("–".to_owned(), span);
            let target = match met + missed {
                0 => "no target".to_owned(),
                all => format!("{met} of {all}"),
            };
            line(page, &format!("| {name} | {count} | {} | {} | {target} |", took(median_ms), took(worst_ms)));
        }
    }

    fn chronic(&self, page: &mut String) {
        line(page, &format!("\n## Chronic: the same playbook and target {CHRONIC} times or more\n"));
        if self.chronic.is_empty() {
            return line(page, "None.");
        }
        for chronic in &self.chronic {
            let times = count(chronic.times, "time");
            let (target, playbook) = (prose(&chronic.target), prose(&chronic.playbook.0));
            line(page, &format!("- **{times}:** {target} ({playbook}), last in incident {}", chronic.last));
        }
    }

    fn refusals(&self, page: &mut String) {
        line(page, "\n## What the guards held or refused\n");
        if self.refusals.is_empty() {
            return line(page, "Nothing.");
        }
        line(page, "| Guard | Incidents |\n|---|---|");
        for (guard, incidents) in &self.refusals {
            line(page, &format!("| {} | {incidents} |", cell(guard)));
        }
    }
}
