//! A [`Review`] as Markdown: facts above, empty headings for people below.

use super::escape::{block, cell, code, prose};
use super::words::span;
use super::{Attempt, Look, Measure, Review};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write;

/// More lines than a person reads; the JSON form has all.
const TIMELINE_MAX: usize = 300;
/// Looks shown in full: the first ones and the last.
const LOOKS_MAX: usize = 6;

impl Review {
    /// For a wiki, an issue or a pull request: GitHub's and Gitea's dialect. Nothing that an alert said is active in it.
    pub fn markdown(&self) -> String {
        let mut page = String::new();
        let subject = if self.target == self.alertname { String::new() } else { format!(" on {}", self.target) };
        line(&mut page, &format!("# Post-incident review {}: {}", self.incident, prose(&format!("{}{subject}", self.alertname))));
        self.summary(&mut page);
        self.timeline(&mut page);
        self.decisions(&mut page);
        self.repair(&mut page);
        self.checklist(&mut page);
        self.evidence(&mut page);
        self.times(&mut page);
        self.repetition(&mut page);
        self.for_people(&mut page);
        let records = self.timeline.len();
        line(
            &mut page,
            &format!(
                "---\n\nWritten by heald from its journal ({records} lines of the timeline; playbook revision {}). What is in \
                 italics is for people to fill in.",
                code(&self.revision.0.chars().take(12).collect::<String>())
            ),
        );
        page
    }

    fn summary(&self, page: &mut String) {
        head(page, "Summary");
        line(page, "| | |\n|---|---|");
        let mut row = |name: &str, text: String| line(page, &format!("| **{name}** | {text} |"));
        row("Date", format!("{} (all times in UTC)", self.detected_at.strftime("%F")));
        let until = self.impact.until.map_or_else(|| "now".to_owned(), |until| self.clock(until));
        row("Duration", format!("{}, from {} to {until}", span(self.impact.ms), self.clock(self.detected_at)));
        row("Severity", self.severity.as_deref().map_or_else(|| "_not given_".to_owned(), cell));
        let service = self.service.as_ref().map_or(String::new(), |service| format!(", service {}", cell(service)));
        row("Component", format!("{} on {}{service}", cell(&self.target), cell(&self.host)));
        row("Impact", format!("{} _Who noticed, and what could they not do?_", self.impact()));
        row("Outcome", format!("{}.", cell(&sentence(&self.ending))));
        let title = self.title.as_ref().map_or(String::new(), |title| format!(": {}", cell(title)));
        let mode = self.mode.map_or(String::new(), |mode| format!(" (mode {mode})"));
        row("Playbook", format!("{}{title}{mode}", code(&self.playbook.0)));
        row("Owner", self.owner.as_deref().map_or_else(|| "_to be named_".to_owned(), cell));
        if let Some(words) = &self.summary {
            row("The alert says", cell(words));
        }
        if let Some(url) = &self.runbook_url {
            row("Runbook", code(url));
        }
    }

    fn impact(&self) -> String {
        if !self.impact.seen {
            let verb = if self.impact.until.is_some() { "lasted" } else { "has lasted" };
            return format!("The alert {verb} {}; heald's own looks never saw the symptom.", span(self.impact.ms));
        }
        let back = match self.impact.relapses {
            0 => String::new(),
            1 => ", and came back once meanwhile".to_owned(),
            times => format!(", and came back {times} times meanwhile"),
        };
        let verb = if self.impact.until.is_some() { "lasted" } else { "has lasted" };
        let by_word = match self.outcome {
            Some("closed_by_person") if self.impact.until == self.closed_at => {
                ", until a person closed the incident: no verification passed"
            }
            _ => "",
        };
        format!("The symptom {verb} {}{back}{by_word}.", span(self.impact.ms))
    }

    fn timeline(&self, page: &mut String) {
        head(page, "Timeline");
        line(page, "| Time | Since | Who | What |\n|---|---|---|---|");
        let shown = self.timeline.len().min(TIMELINE_MAX);
        for moment in &self.timeline[..shown] {
            let since = moment.at.as_millisecond().saturating_sub(self.detected_at.as_millisecond());
            let since = span(u64::try_from(since).unwrap_or(0));
            let (who, what) = (cell(&moment.who), cell(&moment.text));
            line(page, &format!("| {} | +{since} | {who} | {what} |", self.clock(moment.at)));
        }
        if shown < self.timeline.len() {
            let more = self.timeline.len() - shown;
            line(page, &format!("\n{more} more: `heald incidents {}`.", self.incident));
        }
        // Several tries are one message; the log is nobody who could act.
        let told = self.messages.iter().filter(|message| message.channel != "log");
        let mut messages: BTreeMap<_, bool> = BTreeMap::new();
        for message in told {
            *messages.entry((message.number, message.notice, &message.channel)).or_default() |= message.error.is_none();
        }
        let failed = messages.values().filter(|taken| !**taken).count();
        let note = match (messages.len(), failed) {
            (0, _) => "Nobody was told while it lasted.".to_owned(),
            (1, 0) => "1 message sent, taken by its channel.".to_owned(),
            (all, 0) => format!("{all} messages sent, all taken by their channels."),
            (all, failed) => format!("{all} messages sent, {failed} of them never taken by the channel."),
        };
        line(page, &format!("\n{note}"));
    }

    fn decisions(&self, page: &mut String) {
        head(page, "What the guards said");
        if self.verdicts.is_empty() {
            let text = match self.attempts.len() {
                0 => "No guard was asked: nothing was about to be done.",
                _ => "Every guard permitted every attempt at once.",
            };
            return line(page, text);
        }
        line(page, "| From | Guard | Verdict | Lasted | Reason |\n|---|---|---|---|---|");
        for verdict in &self.verdicts {
            let lasted = match (verdict.ms, verdict.until) {
                (Some(ms), Some(_)) => span(ms),
                (Some(ms), None) => format!("{} so far", span(ms)),
                (None, _) => "for good".to_owned(),
            };
            let (guard, reason) = (cell(&verdict.guard), cell(&verdict.reason));
            line(page, &format!("| {} | {guard} | {} | {lasted} | {reason} |", self.clock(verdict.from), verdict.verdict));
        }
    }

    fn repair(&self, page: &mut String) {
        head(page, "What was done");
        for attempt in &self.attempts {
            let name = match attempt.is_rollback {
                true => format!("Rollback after attempt {}", attempt.number),
                false => format!("Attempt {}", attempt.number),
            };
            let took = attempt.ms.map_or(String::new(), |ms| format!(" after {}", span(ms)));
            let outcome = attempt
                .outcome
                .map_or_else(|| "still running".to_owned(), |outcome| format!("{}{took}", outcome.replace('_', " ")));
            line(page, &format!("- **{name}** ({outcome}): {}", prose(&attempt.title)));
            if let Some(by) = &attempt.approved_by {
                line(page, &format!("  - approved by {}", prose(by)));
            }
            attempt.steps.iter().for_each(|step| line(page, &format!("  - {}", prose(step))));
            if !attempt.verification.is_empty() && !attempt.is_rollback {
                line(page, &format!("  - verification: {}", prose(&attempt.verification)));
            }
        }
        if self.attempts.is_empty() {
            line(page, "heald changed nothing.");
        }
        let of = self.budget.attempts_max.map_or(String::new(), |max| format!(" of {max} per incident"));
        let budgets = match self.budget.per_target.as_slice() {
            [] => String::new(),
            budgets => format!("; the budget per target is {}", budgets.join(" and ")),
        };
        let free = match self.budget.free {
            0 => String::new(),
            free => format!("; {free} more only read or waited and cost nothing"),
        };
        let anew = if self.budget.retries == 0 { "" } else { ", counted anew after a person's retry" };
        line(page, &format!("\nBudget used: {} charged{of}{anew}{budgets}{free}.", count(self.budget.charged, "attempt")));
    }

    fn evidence(&self, page: &mut String) {
        head(page, "Evidence");
        let first = self.looks.len().min(LOOKS_MAX - 1);
        let last = self.looks.iter().skip(first.max(self.looks.len().saturating_sub(1)));
        let mut before: Option<&Look> = None;
        for look in self.looks[..first].iter().chain(last) {
            let same = before.is_some_and(|before| before.state == look.state && before.probes == look.probes);
            self.look(page, look, same);
            before = Some(look);
        }
        let left_out = self.looks.len().saturating_sub(LOOKS_MAX);
        if left_out > 0 {
            line(page, &format!("{left_out} more looks are left out here: `heald review {} -o json`.\n", self.incident));
        }
        let ended = self.attempts.iter().rfind(|attempt| !attempt.is_rollback && !attempt.verification.is_empty());
        // Told above, where a later look showed more.
        let told = |attempt: &&Attempt| attempt.ended_at.is_some_and(|at| self.looks.last().is_none_or(|look| at > look.at));
        if let Some(attempt) = ended.filter(told) {
            let at = attempt.ended_at.map_or(String::new(), |at| format!("{}, ", self.clock(at)));
            line(page, &format!("**{at}verification of attempt {}:** {}\n", attempt.number, prose(&attempt.verification)));
        }
        for gathered in &self.gathered {
            let at = self.clock(gathered.at);
            match gathered.logs.as_str() {
                "" => line(page, &format!("**{at}:** {}\n", prose(&gathered.what))),
                logs => line(page, &format!("**{at}, {}:**\n\n{}", prose(&gathered.what), block(logs))),
            }
        }
        if self.gathered.is_empty() {
            line(page, "No logs were gathered.");
        }
    }

    /// `same`: the look before saw the same, so that its table is not repeated.
    fn look(&self, page: &mut String, look: &Look, same: bool) {
        let mut text = format!("**{}, {}:** target {}", self.clock(look.at), prose(&look.when), prose(&look.state));
        if look.alert != "not asked" {
            let _ = write!(text, "; the alert in Alertmanager: {}", prose(&look.alert));
        }
        if !look.needs_down.is_empty() {
            let _ = write!(text, "; it needs {}, which is down", prose(&look.needs_down.join(", ")));
        }
        if same {
            text.push_str("; all probes as before");
        }
        line(page, &format!("{text}\n"));
        if look.probes.is_empty() || same {
            return;
        }
        line(page, "| Probe | Verdict | Seen |\n|---|---|---|");
        for probe in &look.probes {
            line(page, &format!("| {} | {} | {} |", cell(&probe.probe), probe.verdict, cell(&probe.detail)));
        }
        line(page, "");
    }

    fn times(&self, page: &mut String) {
        head(page, "Times against targets");
        line(page, "| Time to | Counted | Took | Target | Met |\n|---|---|---|---|---|");
        for measure in &self.measures {
            let target = match (measure.target_ms, measure.name, &self.objective) {
                (None, ..) => "none set".to_owned(),
                (Some(ms), "restore", Some((name, _))) => format!("{} (RTO of {})", span(ms), cell(name)),
                (Some(ms), ..) => format!("{} (the playbook's)", span(ms)),
            };
            let took = measure.ms.map_or("–".to_owned(), span);
            line(page, &format!("| {} | {} | {took} | {target} | {} |", measure.name, counted(measure), met(measure)));
        }
        if let Some((name, objective)) = &self.objective
            && let Some(rpo) = objective.rpo_ms
        {
            let promise = if rpo == 0 { "no data may be lost".to_owned() } else { format!("at most {} of data", span(rpo)) };
            line(page, &format!("\nRPO of {}: {promise}. _heald can't see lost data: was any lost?_", prose(name)));
        }
    }

    fn repetition(&self, page: &mut String) {
        head(page, "Seen before");
        if self.earlier.is_empty() {
            return line(page, "Not in the 30 days before: no other incident of this playbook and target.");
        }
        let number = self.earlier.len() + 1;
        line(page, &format!("Number {number} of this playbook and target in 30 days. The ones before:\n"));
        const SHOWN: usize = 10;
        if self.earlier.len() > SHOWN {
            line(page, &format!("- {} older ones", self.earlier.len() - SHOWN));
        }
        for earlier in self.earlier.iter().skip(self.earlier.len().saturating_sub(SHOWN)) {
            let outcome = earlier.outcome.unwrap_or("open");
            line(page, &format!("- incident {}, {}: {outcome}", earlier.id, earlier.opened_at.strftime("%F %T")));
        }
    }

    fn for_people(&self, page: &mut String) {
        let asked = self.questions();
        if !asked.is_empty() {
            head(page, "Worth asking");
            asked.iter().for_each(|question| line(page, &format!("- {question}")));
        }
        head(page, "Root cause");
        line(page, "_Why did it break? Keep asking why until the answer is something that can be changed._");
        head(page, "Prevention");
        line(page, "_What keeps it from happening again, or makes it harmless?_");
        head(page, "Action items");
        line(page, "| What | Owner | Due |\n|---|---|---|\n| | | |\n| | | |");
        head(page, "Lessons");
        line(page, "- _What went well:_\n- _What went badly:_\n- _Where we were lucky:_\n");
    }

    fn checklist(&self, page: &mut String) {
        if self.checklist.is_empty() {
            return;
        }
        head(page, "Checklist");
        for step in &self.checklist {
            let (mark, done) = match &step.done {
                Some((at, by, note)) => {
                    let note = if note.is_empty() { String::new() } else { format!(": {}", prose(note)) };
                    ("x", format!(" ({}, {}{note})", self.clock(*at), prose(by)))
                }
                None => (" ", String::new()),
            };
            line(page, &format!("- [{mark}] {}{done}", prose(&step.text)));
        }
    }

    /// What the facts alone make worth asking.
    fn questions(&self) -> Vec<String> {
        let mut asked = Vec::new();
        let late = |name| self.measures.iter().any(|measure| measure.name == name && measure.met == Some(false));
        if late("verify") {
            asked.push("The playbook's recovery time was missed: is the goal wrong, or the ladder?".to_owned());
        }
        if late("restore") {
            asked.push("The recovery objective of the service was missed.".to_owned());
        }
        if self.earlier.len() >= 2 {
            let times = self.earlier.len() + 1;
            asked.push(format!("A repeat offender, {times} times in 30 days: the repair treats the symptom."));
        }
        if self.impact.relapses > 0 {
            asked.push("It broke again right after it was verified: do the probes see what users see?".to_owned());
        }
        let failed = self.attempts.iter().filter(|attempt| !attempt.is_rollback && attempt.outcome != Some("healed")).count();
        if failed > 0 && self.attempts.iter().any(|attempt| attempt.outcome == Some("healed")) {
            asked.push("An attempt did not help and a later one did: what was different?".to_owned());
        }
        if self.attempts.iter().any(|attempt| attempt.outcome == Some("worse")) {
            asked.push("A repair made it worse: should the playbook try it at all?".to_owned());
        }
        if self.messages.iter().any(|message| message.error.is_some()) {
            asked.push("A channel did not take a message: would the right person have heard in time?".to_owned());
        }
        if !self.impact.seen && self.state != "assessing" {
            asked.push("The alert fired and heald's probes never saw a symptom: do both look at the same thing?".to_owned());
        }
        asked
    }

    /// With the date where it is another day than that of the alert's start.
    fn clock(&self, at: Timestamp) -> String {
        let form = if at.strftime("%F").to_string() == self.detected_at.strftime("%F").to_string() { "%T" } else { "%F %T" };
        at.strftime(form).to_string()
    }
}

fn counted(measure: &Measure) -> &'static str {
    match measure.name {
        "detect" => "alert's start to webhook",
        "act" => "webhook to first attempt",
        "verify" => "webhook to first passed verification",
        _ => "alert's start to the end of the symptom",
    }
}

pub(super) fn met(measure: &Measure) -> &'static str {
    match measure.met {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "–",
    }
}

pub(super) fn count(number: u32, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

fn head(page: &mut String, title: &str) {
    line(page, &format!("\n## {title}\n"));
}

pub(super) fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}
